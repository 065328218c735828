/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WORKER_H
#define WORKER_H

/*
 * A worker: one lcore that polls, judges, forwards.
 *
 * Ownership  Each worker has its own flows, fragments, counters and events. A frame that may belong
 *            to a flow is judged by the worker that owns its pair of addresses (lib/steer), whoever
 *            receives it (handoff.h). What a policy bounds over all workers is in the ledger
 *            (pps_flow_ledger.h): who begins or ends a flow writes there, a packet of a known flow
 *            does not. The ruleset is everybody's, and immutable.
 *
 * Memory     A worker makes what it owns itself, on its lcore (datapath.c): EAL and the kernel
 *            then give it memory of its own NUMA node while there is some, and of another one when
 *            there is none, which is said (placement.h). What several touch has no such place: the
 *            ledger and the snapshot are on management's node. Of the ruleset there is one copy for
 *            all nodes, because packets of known flows read nothing of it that a cache does not
 *            hold, and a copy for each node would cost each load as much memory and time again.
 *
 * Loop       receive a burst from each queue, hand over what is another's, judge the rest and what
 *            others have handed over by the ruleset of the moment, transmit what passes to the
 *            other port of the segment (fragments that were held right behind the one that
 *            released them), do one slice of ageing and one of the jobs management asked for, say
 *            "quiescent". It never allocates, locks or logs (but a port with fewer transmit queues
 *            than workers is sent to under a lock); it sleeps only when nothing came for a while
 *            and nothing else waits (poll.h), offline for the snapshot.
 *
 * Clocks     worker_main() uses the system's: monotonic time from the TSC for timeouts, and a wall
 *            clock that management corrects. worker_main_capture() handles the packets of all ports
 *            strictly in the order of their capture timestamps, and time is that timestamp; it ends
 *            when every input is exhausted. One lcore plays the parts of all workers there, each
 *            with its own flows, in the order of the packets: what one worker does before another
 *            must not depend on the machine. When an exception expires in captured time it waits
 *            for management to publish the ruleset without it, so that runs are repeatable.
 *
 * Jobs       Everything management wants from a worker's flow table is a struct worker_job, done in
 *            slices between bursts, one at a time. The job's memory is management's; the worker's
 *            last touch is the release store of 'state'. A job the worker did not come to any more
 *            stays WORKER_JOB_ASKED, and what stands in it is no answer.
 *
 * Observer   Receives and judges, and frees every frame: worker_observe() stands in the place of
 *            worker_forward(), the one function that leads to the transmit queues.
 *
 * Stop       'stop' asks; the worker finishes the burst in hand, drops the fragments that still
 *            wait, ends its flows (with events), and returns. While no worker runs, nothing
 *            crosses.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pps_event.h>
#include <pps_filter.h>
#include <pps_flow.h>
#include <pps_port.h>
#include <pps_snapshot.h>
#include <pps_stats.h>
#include <pps_steer.h>

#include "poll.h"

struct handoff;
struct mirror;
struct worker;

enum worker_job_state { WORKER_JOB_NEW, WORKER_JOB_ASKED, WORKER_JOB_SERVED };

struct worker_job {
	/* Does a slice; returns true when all is done. worker only. */
	bool (*step)(struct worker *worker, struct worker_job *job);
	atomic_int state; /* worker: ASKED to SERVED (release), management: rw otherwise */
};

/* Shared by all workers. */
struct worker_clock {
	uint64_t tsc_base, mono_base_ns; /* immutable: monotonic time at this TSC */
	uint64_t ns_per_tsc_q32; /* immutable: nanoseconds per TSC cycle, 32.32 fixed point */
	_Atomic int64_t wall_offset_ns; /* wall - monotonic. management: rw, workers: ro */
};

/* A queue that a worker polls. */
struct worker_input {
	const struct pps_port *port;
	uint16_t queue;
};

struct worker {
	/* Immutable while it runs. */
	unsigned int index; /* 0 to n - 1: transmit queue and snapshot reader */
	struct worker *team; /* all workers, by index */
	unsigned int n_team;
	const struct pps_steer *steer; /* NULL: it is alone */
	struct handoff *handoff; /* NULL: nobody else runs */
	struct worker_input inputs[PPS_PORTS_MAX];
	unsigned int n_inputs;
	unsigned int lcore;
	int cpu; /* it is pinned to, or -1: there are several */
	int node; /* NUMA node of its lcore, or PPS_NO_NODE */
	int memory_node; /* that its flows are on; PPS_NO_NODE: nobody can say */
	bool audit;
	bool observer;
	uint32_t tcp_loose_seconds;
	const struct pps_ports *ports;
	struct mirror *const *mirrors; /* by segment; NULL: it has two ports */
	struct pps_snapshot *snapshot;
	struct worker_clock *clock;

	/* The worker's own; management reads what its headers say may be read. */
	struct pps_flow_table *flows;
	struct pps_worker_stats *stats;
	struct pps_event_source *events;
	struct pps_filter *filter;
	uint32_t last_tick; /* of the last ageing slice */
	uint32_t age_credit; /* entries that are due, in 1/1024 */
	uint64_t round_ns; /* monotonic: when this round began */
	struct poll poll;

	/* Between the two. */
	_Atomic(struct worker_job *) job; /* management: NULL to a job, worker: to NULL */
	atomic_bool stop; /* management: wo, worker: ro */
	atomic_bool exhausted; /* capture clock: all inputs read. worker: wo, management: ro */
	_Atomic uint64_t wall_ns; /* the worker's time. worker: wo, management: ro */
	_Atomic uint64_t waits_for_ns; /* capture clock: a ruleset valid at this time is wanted; 0:
					  not. worker: rw, management: rw (sets 0 to give up) */
} __attribute__((aligned(PPS_CACHE_LINE))); /* its neighbours in 'team' are on other lines */

/* Sets the clock's base; call once before workers start. */
void worker_clock_init(struct worker_clock *clock);
/* Corrects the wall clock; management, several times a second. */
void worker_clock_adjust(struct worker_clock *clock);
uint64_t worker_clock_mono_ns(const struct worker_clock *clock);

/* For rte_eal_remote_launch(); 'worker' is a struct worker *. Return 0. */
int worker_main(void *worker);
int worker_main_capture(void *worker);

/* Gives it a job; false while it has one. Management. */
bool worker_ask(struct worker *worker, struct worker_job *job);
/* For jobs: the next live flows of a walk (pps_flow_walk()); goes past so many empty parts of the
 * table as take no longer than a burst. */
unsigned int worker_walk(struct worker *worker, uint32_t *cursor, uint32_t handles[PPS_BURST_MAX]);

/* Observer: judges what came in on a port, and frees it (worker_observer.c). */
void worker_observe(struct worker *worker, const struct pps_port *port,
	const struct pps_ruleset *ruleset, const struct pps_clock *now, struct rte_mbuf **frames,
	unsigned int n);

/* Shared by the two loops (worker.c). */
/* Drops what no driver hands over whole, and returns how many are left. For ports with giants. */
unsigned int worker_drop_giants(struct worker *worker, const struct pps_port *port,
	struct rte_mbuf **frames, unsigned int n);
void worker_forward(struct worker *worker, const struct pps_port *port, struct rte_mbuf **frames,
	unsigned int n, const struct pps_verdict *verdicts);
void worker_serve(struct worker *worker, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, bool busy);
void worker_finish(struct worker *worker);

#endif
