/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How long packets take when they come at a steady pace, not as fast as they can be judged.
 *
 * Two ports receive in turn; the worker takes what has come to one, judges it, and turns to the
 * other. The time that counts is a clock of its own, in TSC cycles: it goes on by what a burst took
 * in the filter, and when nothing has come to the next arrival. Writing the frames, which a device
 * would do, is not on it. A packet's latency is from its arrival to the end of its burst. What
 * finds RING_SIZE packets waiting is lost.
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>

#include <pps_snapshot.h>

#include "bench.h"

#define RING_SIZE     1024
#define RELOAD_US     100000
#define GRACE_US      100
#define MEASURE_BURST (1u << 19) /* packets to find out how many there can be */

struct reloader {
	const struct world *world;
	struct pps_snapshot *snapshot;
	pthread_t thread;
	unsigned int cpu; /* the worker's */
	atomic_bool stop;
	uint32_t n;
};

struct pace {
	struct world *world;
	struct pps_snapshot *snapshot;
	double now; /* cycles */
	double gap; /* between packets of one port */
	uint64_t next[2]; /* the packet each port hands out next */
	uint64_t lost;
	uint32_t *latencies, *services; /* cycles, by packet */
	uint32_t n;
};

/* Ten new rulesets a second, as long as that can be done; one at least. */
static void *reload_main(void *arg)
{
	struct reloader *reloader = arg;

	bench_leave_cpu(reloader->cpu);
	do {
		uint64_t begun = pps_time_mono_ns(), token;
		struct pps_ruleset *ruleset = world_build_ruleset(reloader->world), *old;

		old = pps_snapshot_publish(reloader->snapshot, ruleset, &token);
		while (!pps_snapshot_passed(reloader->snapshot, token))
			usleep(GRACE_US);
		pps_ruleset_destroy(old, reloader->world->book);
		reloader->n++;
		while (!atomic_load(&reloader->stop) &&
			pps_time_mono_ns() - begun < RELOAD_US * UINT64_C(1000))
			usleep(GRACE_US);
	} while (!atomic_load(&reloader->stop));
	return NULL;
}

static uint64_t judge(struct pace *pace, struct batch *batch, unsigned int n)
{
	const struct pps_ruleset *ruleset = pps_snapshot_read(pace->snapshot);
	struct world *world = pace->world;
	uint64_t begun = rte_rdtsc_precise(), took;

	pps_filter_burst(world->filter, ruleset, &batch->ingress[0], &batch->now, batch->frames, n,
		batch->verdicts);
	if (pps_filter_swept_generation(world->filter) != ruleset->generation)
		pps_filter_age(world->filter, ruleset, &batch->now, BENCH_AGE_SLICE);
	took = rte_rdtsc_precise() - begun - world->tsc_overhead;
	for (unsigned int i = 0; i < n; i++) {
		if (batch->verdicts[i].reason != PPS_REASON_NONE)
			bench_fail("a frame that must pass does not: %s",
				pps_reason_word(batch->verdicts[i].reason));
	}
	world_serve(world, batch);
	pps_snapshot_quiescent(pace->snapshot, 0);
	return took;
}

/* One poll of one port; false when nothing has come. */
static bool poll_port(struct pace *pace, enum pps_side side, uint32_t n_max)
{
	static struct batch batch;
	uint64_t come = (uint64_t)(pace->now / pace->gap), first, took;
	uint64_t waiting = come > pace->next[side] ? come - pace->next[side] : 0;
	unsigned int n;

	if (waiting > RING_SIZE) {
		pace->lost += waiting - RING_SIZE;
		pace->next[side] = come - RING_SIZE;
		waiting = RING_SIZE;
	}
	n = (unsigned int)RTE_MIN(waiting, (uint64_t)PPS_BURST_MAX);
	n = RTE_MIN(n, n_max);
	if (n == 0)
		return false;
	first = pace->next[side];
	pace->next[side] += n;
	world_fill_stream(pace->world, side, n, &batch);
	took = judge(pace, &batch, n);
	pace->now += (double)took;
	for (unsigned int i = 0; i < n; i++) {
		double arrived = (double)(first + i + 1) * pace->gap;

		pace->services[pace->n] = (uint32_t)took;
		pace->latencies[pace->n++] = (uint32_t)(pace->now - arrived);
	}
	return true;
}

static void run(struct pace *pace, double gap, uint32_t packets)
{
	pace->now = 0;
	pace->gap = gap;
	pace->next[0] = pace->next[1] = 0;
	pace->lost = 0;
	pace->n = 0;
	while (pace->n < packets) {
		bool come = poll_port(pace, PPS_SIDE_INSIDE, packets - pace->n);

		come |= poll_port(pace, PPS_SIDE_OUTSIDE, packets - pace->n);
		if (!come) /* one cycle more, or rounding might keep it from coming for ever */
			pace->now = (double)(pace->next[0] + 1) * gap + 1;
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_times(struct pps_str *out, const char *name, uint32_t *cycles, uint32_t n)
{
	static const struct {
		const char *word;
		double part;
	} points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
	double ns = 1e9 / (double)rte_get_tsc_hz();

	qsort(cycles, n, sizeof(*cycles), compare);
	pps_str_addf(out, ", \"%s\": {", name);
	for (unsigned int i = 0; i < RTE_DIM(points); i++) {
		uint32_t at = (uint32_t)(points[i].part * (n - 1));

		pps_str_addf(
			out, "%s\"%s\": %.0f", i == 0 ? "" : ", ", points[i].word, cycles[at] * ns);
	}
	pps_str_add(out, "}");
}

void bench_latency(const struct bench_options *options, struct pps_str *out)
{
	static struct world world;
	struct pace pace = {.world = &world};
	struct reloader reloader = {.world = &world, .cpu = (unsigned int)sched_getcpu()};
	uint32_t n_most = RTE_MAX(options->packets, MEASURE_BURST);
	uint64_t token;
	double capacity;

	world_init(&world, &options->traffic, PPS_BURST_MAX, bench_capacity(options));
	world_establish(&world);
	pace.latencies = pps_alloc(n_most * sizeof(*pace.latencies));
	pace.services = pps_alloc(n_most * sizeof(*pace.services));
	pace.snapshot = reloader.snapshot = pps_snapshot_create(1);
	if (pace.snapshot == NULL)
		bench_fail("not enough memory");
	pps_snapshot_publish(pace.snapshot, world.ruleset, &token);
	pps_snapshot_register(pace.snapshot, 0);
	run(&pace, 1, MEASURE_BURST); /* a port that is never empty */
	capacity = pace.now / pace.n;
	if (options->reloads && pthread_create(&reloader.thread, NULL, reload_main, &reloader) != 0)
		bench_fail("no thread");
	run(&pace, 2 * capacity * 100 / options->percent, options->packets);
	pps_snapshot_offline(pace.snapshot, 0);
	atomic_store(&reloader.stop, true);
	if (options->reloads)
		pthread_join(reloader.thread, NULL);
	pps_str_addf(out,
		"{\"flows\": %" PRIu32 ", \"percent\": %" PRIu32
		", \"capacity_cycles\": %.2f, \"packets\": %" PRIu32 ", \"lost\": %" PRIu64
		", \"reloads\": %" PRIu32,
		options->traffic.flows, options->percent, capacity, pace.n, pace.lost, reloader.n);
	print_times(out, "latency_ns", pace.latencies, pace.n);
	print_times(out, "filter_ns", pace.services, pace.n);
	pps_str_add(out, "}");
	free(pace.latencies);
	free(pace.services);
}
