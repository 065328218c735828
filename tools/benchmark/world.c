/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "stages.h"

#define EVENT_RING    4096
#define EVENTS_TAKEN  16 /* of a batch, by management */
#define CHUNK         4096u /* flows whose handshakes are under way together, at most */
#define EPOCH_NS      1767225600000000000ull
#define OVERHEAD_RUNS 1000

void bench_fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "ppsfw-bench: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

struct pps_ruleset *world_build_ruleset(const struct world *world)
{
	static uint32_t generation;
	struct pps_str text = PPS_STR_INIT;
	struct pps_errors errors = {0};
	struct pps_policy *policy;
	struct pps_ruleset *ruleset = NULL;
	struct pps_ruleset_params params = {
		.generation = ++generation,
		.now_ns = EPOCH_NS,
		.socket = -1,
	};

	traffic_policy(&world->traffic, &text);
	policy = pps_policy_parse(text.text, text.len, &errors);
	if (policy != NULL)
		ruleset = pps_ruleset_build(policy, world->book, &params, &errors);
	if (ruleset == NULL)
		bench_fail("the policy: %s: %s", errors.items[0].path, errors.items[0].text);
	pps_str_fini(&text);
	return ruleset;
}

static uint64_t measure_overhead(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < OVERHEAD_RUNS; i++) {
		uint64_t begun = rte_rdtsc_precise();
		uint64_t took = rte_rdtsc_precise() - begun;

		if (took < least)
			least = took;
	}
	return least;
}

void world_init(
	struct world *world, const struct traffic *traffic, unsigned int burst, uint32_t capacity)
{
	static unsigned int n_worlds;
	char name[sizeof("bench0123456789")];
	struct pps_flow_table_params table = {.name = name, .flows = capacity, .socket = -1};
	struct pps_event_log_params log = {0};
	struct pps_filter_params params;
	struct pps_errors errors = {0};

	snprintf(name, sizeof(name), "bench%u", n_worlds++);
	*world = (struct world){.traffic = *traffic, .burst = burst};
	world->book = pps_rule_book_create();
	log.book = world->book;
	world->stats = pps_worker_stats_create();
	world->events = pps_event_source_create(name, EVENT_RING, world->stats);
	world->log = pps_event_log_create(&log, &errors);
	world->flows = pps_flow_table_create(&table);
	world->pool =
		rte_pktmbuf_pool_create(name, 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (world->events == NULL || world->log == NULL || world->flows == NULL ||
		world->pool == NULL)
		bench_fail("not enough memory for %" PRIu32 " flows", capacity);
	params = (struct pps_filter_params){
		.flows = world->flows, .stats = world->stats, .events = world->events};
	world->filter = pps_filter_create(&params);
	if (world->filter == NULL ||
		rte_pktmbuf_alloc_bulk(world->pool, world->mbufs[0], BATCH_FRAMES) != 0 ||
		rte_pktmbuf_alloc_bulk(world->pool, world->mbufs[1], BATCH_FRAMES) != 0)
		bench_fail("not enough memory");
	world->ruleset = world_build_ruleset(world);
	world->tsc_overhead = measure_overhead();
}

static void begin_batch(struct world *world, unsigned int n, struct batch *batch)
{
	uint64_t ms = world->n_frames / FRAMES_PER_MS;

	batch->frames = world->mbufs[world->n_frames / BATCH_FRAMES % 2];
	batch->now.wall_ns = EPOCH_NS + ms * PPS_NS_PER_MS;
	batch->now.tick = (uint32_t)ms;
	world->n_frames += n;
}

static void put_frame(struct world *world, enum traffic_kind kind, enum pps_side side,
	uint32_t flow, uint64_t round, struct rte_mbuf *mbuf)
{
	uint8_t *data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t headers, len;

	len = traffic_frame(&world->traffic, kind, side, flow, round, data, &headers);
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = len;
}

/* The next frame of the stream of established flows that 'side' sends. */
static void put_stream(struct world *world, enum pps_side side, struct rte_mbuf *mbuf)
{
	uint64_t visit = world->visits[side]++;

	put_frame(world, TRAFFIC_DATA, side, traffic_flow(&world->traffic, side, visit),
		visit / world->traffic.flows, mbuf);
}

static void put_fresh(struct world *world, enum traffic_kind kind, struct rte_mbuf *mbuf)
{
	/* Numbers wrap long after their flows have ended. */
	uint32_t flow = world->traffic.flows + (uint32_t)(world->fresh++ & 0x1ffffff);

	put_frame(world, kind, PPS_SIDE_OUTSIDE, flow, 0, mbuf);
}

void world_fill(struct world *world, enum load load, struct batch *batch)
{
	unsigned int n_sides = load == LOAD_HIT ? 2 : 3;

	begin_batch(world, BATCH_FRAMES, batch);
	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		unsigned int burst = i / world->burst;
		enum pps_side side =
			(world->bursts + burst) % n_sides == 0 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;

		if (load == LOAD_NEW || load == LOAD_DENIED)
			side = PPS_SIDE_OUTSIDE;
		batch->ingress[burst] = (struct pps_ingress){.port = side, .side = side};
		batch->fresh[i] = load == LOAD_NEW ||
			(load == LOAD_FLOOD && side == PPS_SIDE_OUTSIDE && i % 2 == 0);
		if (batch->fresh[i])
			put_fresh(world, TRAFFIC_SYN, batch->frames[i]);
		else if (load == LOAD_DENIED)
			put_fresh(world, TRAFFIC_DENIED, batch->frames[i]);
		else
			put_stream(world, side, batch->frames[i]);
	}
	/* Across batches too, or one side's stream would run away from the other's. */
	world->bursts += BATCH_FRAMES / world->burst;
}

void world_fill_stream(struct world *world, enum pps_side side, unsigned int n, struct batch *batch)
{
	begin_batch(world, n, batch);
	batch->ingress[0] = (struct pps_ingress){.port = side, .side = side};
	for (unsigned int i = 0; i < n; i++)
		put_stream(world, side, batch->frames[i]);
}

/* Not inlined: tools/bench counts the instructions of this function and what it calls. */
__attribute__((noinline)) uint64_t world_judge(
	struct world *world, const struct pps_ruleset *ruleset, struct batch *batch)
{
	uint64_t begun = rte_rdtsc_precise();

	for (unsigned int i = 0, burst = 0; i < BATCH_FRAMES; i += world->burst, burst++) {
		stages_begin();
		pps_filter_burst(world->filter, ruleset, &batch->ingress[burst], &batch->now,
			batch->frames + i, world->burst, batch->verdicts + i);
	}
	return rte_rdtsc_precise() - begun - world->tsc_overhead;
}

void world_check(const struct world *world, enum load load, const struct batch *batch)
{
	enum pps_reason wanted = load == LOAD_DENIED ? PPS_REASON_NOT_APPROVED : PPS_REASON_NONE;

	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		const struct pps_verdict *verdict = &batch->verdicts[i];

		if (verdict->reason != wanted || verdict->new_flow != batch->fresh[i])
			bench_fail("a frame that must %s %s: %s (frame %" PRIu64 ")",
				batch->fresh[i] ? "begin a flow" : "be judged by its flow",
				verdict->new_flow ? "began one" : "did not",
				pps_reason_word(verdict->reason), world->n_frames);
	}
}

uint64_t world_end_fresh(struct world *world, struct batch *batch)
{
	uint64_t begun = rte_rdtsc_precise();

	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		if (batch->verdicts[i].new_flow)
			pps_filter_end_flow(world->filter, &batch->now, batch->verdicts[i].flow,
				PPS_FLOW_END_KILLED);
	}
	return rte_rdtsc_precise() - begun - world->tsc_overhead;
}

void world_serve(struct world *world, const struct batch *batch)
{
	pps_event_tick(world->events, batch->now.wall_ns, false);
	pps_event_log_drain(world->log, world->events, EVENTS_TAKEN);
}

/* One frame of each of the flows first to first + n, all of which must pass. */
static void sweep(
	struct world *world, enum traffic_kind kind, enum pps_side side, uint32_t first, uint32_t n)
{
	const struct pps_ingress ingress = {.port = side, .side = side};
	static struct batch batch;

	for (uint32_t i = 0; i < n; i += PPS_BURST_MAX) {
		uint32_t m = RTE_MIN(n - i, (uint32_t)PPS_BURST_MAX);

		begin_batch(world, m, &batch);
		for (uint32_t k = 0; k < m; k++)
			put_frame(world, kind, side, first + i + k, 0, batch.frames[k]);
		pps_filter_burst(world->filter, world->ruleset, &ingress, &batch.now, batch.frames,
			m, batch.verdicts);
		for (uint32_t k = 0; k < m; k++) {
			if (batch.verdicts[k].reason != PPS_REASON_NONE)
				bench_fail("flow %" PRIu32 " cannot be established: %s",
					first + i + k, pps_reason_word(batch.verdicts[k].reason));
		}
	}
}

/* A pass of ageing, as a worker has behind it soon after its ruleset was published. */
static void age(struct world *world)
{
	const struct pps_clock now = {
		.wall_ns = EPOCH_NS + world->n_frames / FRAMES_PER_MS * PPS_NS_PER_MS,
		.tick = (uint32_t)(world->n_frames / FRAMES_PER_MS),
	};

	while (!pps_filter_age(world->filter, world->ruleset, &now, 4096))
		;
}

void world_establish(struct world *world)
{
	uint32_t chunk = RTE_MIN(CHUNK, pps_flow_half_open_max(world->flows));

	for (uint32_t first = 0; first < world->traffic.flows; first += chunk) {
		uint32_t n = RTE_MIN(world->traffic.flows - first, chunk);

		sweep(world, TRAFFIC_SYN, PPS_SIDE_OUTSIDE, first, n);
		sweep(world, TRAFFIC_SYN_ACK, PPS_SIDE_INSIDE, first, n);
		/* Windows are scaled from the third step on: each side announces its own. */
		if (world->traffic.tcp) {
			sweep(world, TRAFFIC_ACK, PPS_SIDE_OUTSIDE, first, n);
			sweep(world, TRAFFIC_ACK, PPS_SIDE_INSIDE, first, n);
		}
	}
	age(world);
}
