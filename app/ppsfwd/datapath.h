/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DATAPATH_H
#define DATAPATH_H

/*
 * The workers as one thing: made from the configuration, started, asked, stopped.
 *
 * Life-cycle: create (memory, nothing runs) -> start (ports, then workers) -> stop (workers, then
 * ports) -> destroy. Management only.
 */

#include <stdbool.h>

#include <pps_base.h>
#include <pps_stats.h>

#include "config.h"
#include "worker.h"

struct datapath {
	struct worker *workers;
	unsigned int n_workers;
	struct worker_clock clock;
	struct pps_ports *ports;
	struct mirror *mirrors[PPS_SEGMENTS_MAX]; /* by segment; NULL: it has two ports */
	struct pps_snapshot *snapshot;
	struct pps_flow_ledger *ledger; /* of all workers' flows; NULL: there is one */
	struct pps_steer *steer; /* NULL: there is one worker */
	struct handoff *handoff; /* NULL: one lcore runs */
	struct pps_errors placement; /* what makes workers slow (placement.h): 'text' alone */
	bool capture_clock;
	bool running;
};

/* Counters summed over all workers. */
struct datapath_totals {
	uint64_t drops[PPS_REASON_COUNT];
	uint64_t dropped, drop_bytes, passed, passed_bytes;
	uint64_t flows_started, flows_ended, flows_live, flows_picked_up, flows_replaced, half_open;
	uint64_t kept, rebound, cut;
	uint64_t egress;
	uint64_t observed, observed_bytes, observed_conversations, observed_answered;
	struct pps_port_stats ports[PPS_PORTS_MAX];
};

/* False and errors; *datapath may be destroyed in either case. */
bool datapath_create(
	struct datapath *datapath, const struct config *config, struct pps_errors *errors);
bool datapath_start(struct datapath *datapath, struct pps_errors *errors);
/* Asks the workers to stop and waits for them; 'drain' is called meanwhile to take their events.
 * False when one hangs (in a driver): then nothing may be freed, and only the end of the process
 * closes the wire. */
bool datapath_stop(struct datapath *datapath, void (*drain)(void *aux), void *aux);
void datapath_destroy(struct datapath *datapath);

void datapath_totals(const struct datapath *datapath, struct datapath_totals *ret);
/* Captured time: all inputs have been read and judged. */
bool datapath_exhausted(const struct datapath *datapath);
/* The worker that owns such a frame: see pps_steer.h. */
struct worker *datapath_owner(
	const struct datapath *datapath, const uint8_t *data, uint32_t head_len, uint32_t len);
/* The datapath's wall clock: the system's, or that of the capture. */
uint64_t datapath_wall_ns(const struct datapath *datapath);
/* True when no flow of an older generation is left on any worker. */
bool datapath_swept(const struct datapath *datapath, uint32_t generation);

#endif
