/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MANAGER_H
#define MANAGER_H

/*
 * Management: everything that is not forwarding, on the main lcore, in one epoll loop that sleeps.
 *
 * It takes the workers' events to the log, answers operators, runs the policy transaction, watches
 * links and workers, and corrects the workers' wall clock. It reads workers' counters and asks for
 * anything else through jobs (worker.h). Nothing a client or a disk does here is felt by workers.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <pps_ctl.h>
#include <pps_event.h>

#include "access.h"
#include "change.h"
#include "config.h"
#include "datapath.h"
#include "drift.h"
#include "expiry.h"
#include "reload.h"

/*
 * Something the workers are to be asked for: one job each, and what to do when all are done.
 * Operations wait in line: one is with the workers at a time, so that what many ask for costs
 * workers no more than one, and memory is taken for one.
 */
struct operation {
	struct operation *next;
	struct worker_job *jobs[PPS_SNAPSHOT_READERS_MAX]; /* by worker; NULL: not asked */
	bool asked;
	/* Makes the jobs, when the operation's turn has come. */
	void (*begin)(struct manager *manager, struct operation *operation);
	/* Answers the call when all have been served, and frees what 'begin' made. */
	void (*finish)(struct manager *manager, struct operation *operation);
	/* Frees what there is: the workers stopped first. The call has been answered. */
	void (*abandon)(struct operation *operation);
	void *aux;
	struct pps_ctl_call *call;
};

/* Rates over the last second. */
struct rates {
	uint64_t sampled_ns; /* monotonic */
	struct datapath_totals last;
	double pass_pps, drop_pps;
	struct {
		double rx_pps, tx_pps, rx_bps, tx_bps;
	} ports[PPS_PORTS_MAX];
};

/* Is each worker still going round, and how busy is it? */
struct watch {
	uint64_t checked_ns; /* monotonic */
	uint64_t loops;
	bool stalled;
	uint64_t worked_ns; /* when rates were sampled last */
	double utilisation; /* 0 to 1, over the last second */
};

/* How full each worker's flow table is, and the rings by which it hands frames over. */
struct pressure {
	bool table; /* alarm, until relieved */
	bool half_open;
	bool handoff;
	uint64_t handoff_full; /* drops when they were looked at last, */
	uint64_t handoff_before; /* before the alarm, */
	uint64_t handoff_ns; /* and when they were more than the last time (monotonic) */
};

struct manager {
	const struct config *config;
	struct datapath *datapath;
	struct pps_rule_book *book;
	struct pps_event_log *log;
	struct pps_ctl_server *ctl;
	struct access_list admins, viewers;
	struct reload reload;
	struct change change;
	struct drift drift;
	struct trial *trial; /* trial.h; NULL: none */
	struct operation *operations; /* the first may be with the workers */
	struct rates rates;
	struct watch *watches; /* one per worker */
	struct pressure *pressures; /* one per worker */
	uint64_t started_wall_ns, started_mono_ns;
	uint64_t links_polled_ns;
	struct expiry expiry; /* what was said of exceptions */
	int epoll_fd, signal_fd;
	bool stop;
	bool worker_hangs; /* and does not stop: the same */
	bool builder_left; /* a policy is still being compiled: the process ends without freeing */
	int stop_signal; /* which signal asked, or 0 */
};

/* Opens log, control socket and descriptors. 'config' and 'datapath' stay the caller's. The signals
 * SIGTERM, SIGINT and SIGHUP must be blocked in every thread. False and errors; fini is safe after
 * either. */
bool manager_init(struct manager *manager, const struct config *config, struct datapath *datapath,
	struct pps_errors *errors);
/* Runs until a signal, or until a capture is exhausted. */
void manager_run(struct manager *manager);
void manager_fini(struct manager *manager);
/* Takes what the workers' rings hold; 'manager' is a struct manager *. */
void manager_drain(void *manager);

/* Puts the operation in line; it is freed after 'finish' or 'abandon'. */
void manager_ask(struct manager *manager, struct operation *operation);

/* An event of management's own. 'who' may be NULL (the daemon itself); the digest of the policy in
 * force goes with it. 'fields' is stolen, may be NULL. */
void manager_event(
	struct manager *manager, const char *kind, const struct pps_ctl_peer *who, json_t *fields);
/* The same of another moment: what the datapath's clock brought about is told by that clock. */
void manager_event_at(struct manager *manager, uint64_t wall_ns, const char *kind,
	const struct pps_ctl_peer *who, json_t *fields);

/* Says when flow tables fill up and when that is over. Every round. (pressure.c) */
void manager_watch_pressure(struct manager *manager, uint64_t mono_ns);

/* {"packets", "bytes", "conversations", "answered"}: what an observer saw that would have been
 * denied; null in other modes. (commands_status.c) */
json_t *observed_summary(const struct manager *manager, const struct datapath_totals *totals);

/* {"name", ...} of the policy in force, or null. (commands_status.c) */
json_t *policy_summary(const struct manager *manager);

#endif
