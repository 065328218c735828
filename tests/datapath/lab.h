/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LAB_H
#define LAB_H

/*
 * The whole filter in one process: a flow table, a ruleset from policy text, and frames that are
 * mbufs from a pool of which every one must come back. Time is what the test says.
 *
 * A lab may have several workers, each with a flow table and a filter of its own; every frame goes
 * to the one that owns it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_event.h>
#include <pps_filter.h>
#include <pps_flow.h>
#include <pps_ruleset.h>
#include <pps_stats.h>

#define LAB_WORKERS_MAX 4

struct pps_steer;
struct rte_mempool;
struct rte_mbuf;

struct lab_worker {
	struct pps_flow_table *flows;
	struct pps_filter *filter;
};

struct lab {
	struct lab_worker workers[LAB_WORKERS_MAX];
	unsigned int n_workers;
	struct pps_flow_ledger *ledger;
	struct pps_steer *steer;
	struct pps_flow_table *flows; /* of the first worker */
	struct pps_worker_stats *stats;
	struct pps_event_source *events;
	struct pps_filter *filter; /* of the first worker */
	struct pps_rule_book *book;
	struct pps_ruleset *ruleset;
	struct rte_mempool *pool;
	unsigned int n_released; /* fragments that were held and then passed */
};

/* Wall clock at tick 0 of every lab. */
#define LAB_EPOCH_NS 1767225600000000000ull /* 2026-01-01T00:00:00Z */

/* Starts EAL once per process; a lab has room for 'flows' flows. */
void lab_init(struct lab *lab, unsigned int flows);
/* The same, with what else can be configured; 0: the default. */
struct lab_params {
	unsigned int flows, half_open_max, half_open_per_source; /* the first two of each worker */
	unsigned int tcp_loose_seconds;
	unsigned int n_workers;
};
void lab_init_params(struct lab *lab, const struct lab_params *params);
/* The worker that owns the frame. */
struct lab_worker *lab_owner(struct lab *lab, const uint8_t *frame, uint32_t len);
/* Frees all; false when mbufs did not come back. */
bool lab_fini(struct lab *lab);
/* Puts the policy of this text into force, as of 'time_ms'; a bad policy ends the process. */
void lab_load(struct lab *lab, const char *json, uint64_t time_ms);
struct pps_clock lab_clock(uint64_t time_ms);
/* A frame in mbufs of at most 'segment' bytes each (0: as few as fit). */
struct rte_mbuf *lab_frame(struct lab *lab, const uint8_t *frame, uint32_t len, uint32_t segment);
/* Sends frames in one burst and frees them, and those that it released. */
void lab_burst(struct lab *lab, bool inbound, uint64_t time_ms, struct rte_mbuf **frames,
	unsigned int n, struct pps_verdict *verdicts);
/* A whole round of ageing. */
void lab_sweep(struct lab *lab, uint64_t time_ms);

#endif
