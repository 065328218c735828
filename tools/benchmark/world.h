/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WORLD_H
#define WORLD_H

/*
 * The filter of one worker with all that belongs to it, and batches of frames to judge.
 *
 * A batch is some hundreds of frames in bursts. world_fill() writes their headers into the mbufs:
 * they are then in the cache as frames are that a device has just put there. Only world_judge()
 * is measured; it does nothing but call pps_filter_burst() for each burst. Two batches' worth of
 * mbufs take turns.
 *
 * Time is counted in frames: FRAMES_PER_MS of them are a millisecond.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_event.h>
#include <pps_filter.h>
#include <pps_flow.h>
#include <pps_ruleset.h>
#include <pps_stats.h>

#include "traffic.h"

#define BATCH_FRAMES  256
#define FRAMES_PER_MS 8192

struct rte_mempool;
struct rte_mbuf;

struct world {
	struct traffic traffic;
	unsigned int burst; /* frames in a burst, divides BATCH_FRAMES */
	struct pps_flow_table *flows;
	struct pps_worker_stats *stats;
	struct pps_event_source *events;
	struct pps_event_log *log;
	struct pps_filter *filter;
	struct pps_rule_book *book;
	struct pps_ruleset *ruleset;
	struct rte_mempool *pool;
	struct rte_mbuf *mbufs[2][BATCH_FRAMES];
	uint64_t visits[2]; /* frames of each stream so far, by enum pps_side */
	uint64_t fresh; /* flows begun beyond traffic.flows */
	uint64_t bursts; /* filled so far */
	uint64_t n_frames;
	uint64_t tsc_overhead; /* of one measurement */
};

struct batch {
	struct rte_mbuf **frames;
	struct pps_ingress ingress[BATCH_FRAMES]; /* by burst */
	struct pps_verdict verdicts[BATCH_FRAMES];
	bool fresh[BATCH_FRAMES]; /* by frame: of a flow beyond traffic.flows */
	struct pps_clock now;
};

/* What is judged. */
enum load {
	LOAD_HIT, /* established flows, both directions in turn */
	LOAD_NEW, /* first packets, all of new flows */
	LOAD_DENIED, /* first packets that no rule approves */
	LOAD_FLOOD, /* established flows, and one first packet of a new flow to two of theirs */
};

/* Builds all of it; 'capacity' is the table's. Ends the process where that fails. */
void world_init(
	struct world *world, const struct traffic *traffic, unsigned int burst, uint32_t capacity);
/* The policy of this traffic as a ruleset of another generation. Any thread, one at a time. */
struct pps_ruleset *world_build_ruleset(const struct world *world);
/* Establishes all flows. */
void world_establish(struct world *world);

/* Writes the next batch. */
void world_fill(struct world *world, enum load load, struct batch *batch);
/* The same with one burst of n frames of established flows, all sent by 'side'. */
void world_fill_stream(
	struct world *world, enum pps_side side, unsigned int n, struct batch *batch);
/* Judges a batch; returns the TSC cycles it took. */
uint64_t world_judge(struct world *world, const struct pps_ruleset *ruleset, struct batch *batch);
/* Ends the process unless every verdict is what it must be. */
void world_check(const struct world *world, enum load load, const struct batch *batch);
/* Ends the flows the batch began; returns the TSC cycles it took. */
uint64_t world_end_fresh(struct world *world, struct batch *batch);
/* What the worker and management do between bursts about events. */
void world_serve(struct world *world, const struct batch *batch);

void bench_fail(const char *format, ...) PPS_PRINTF(1, 2) __attribute__((noreturn));

#endif
