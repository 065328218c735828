/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a reload takes from a worker that has never an empty queue: windows with one published at
 * their beginning, in turn with windows without. A window is a tenth of a second of judging: what
 * ten reloads a second cost is the difference. Two rulesets of the same policy, built before, are
 * published in turn by another thread, so that no building takes part; every flow is then judged
 * again, by its next packet or by ageing, whichever comes first. Until that is done, which a window
 * waits for, all the time counts that the thread ran in its batches; of the others their median
 * does. So what else the machine does is left out.
 */

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include <pps_snapshot.h>

#include "bench.h"

#define RELOADS_A_SECOND 10
#define WAIT_US          100
#define CYCLES_MIN       10 /* a frame */
#define READINGS         1000

struct publisher {
	struct pps_snapshot *snapshot;
	struct pps_ruleset *rulesets[2];
	pthread_t thread;
	unsigned int cpu; /* the worker's */
	atomic_uint wanted, n; /* published */
	atomic_bool stop;
	double *samples; /* of a window's batches */
	uint32_t n_samples;
	double reading; /* cycles that reading the run time takes */
};

static void *publisher_main(void *arg)
{
	struct publisher *publisher = arg;
	unsigned int n = 0;
	uint64_t token;

	bench_leave_cpu(publisher->cpu);
	while (!atomic_load(&publisher->stop)) {
		if (n == atomic_load(&publisher->wanted)) {
			usleep(WAIT_US);
			continue;
		}
		n++;
		pps_snapshot_publish(publisher->snapshot, publisher->rulesets[n % 2], &token);
		atomic_store(&publisher->n, n);
		while (!pps_snapshot_passed(publisher->snapshot, token))
			usleep(WAIT_US);
	}
	return NULL;
}

/* Judges a batch as a worker does, with the snapshot read for each burst; cycles. */
static uint64_t judge(struct world *world, struct pps_snapshot *snapshot, struct batch *batch)
{
	uint64_t begun = rte_rdtsc_precise();

	for (unsigned int i = 0, burst = 0; i < BATCH_FRAMES; i += world->burst, burst++) {
		const struct pps_ruleset *ruleset = pps_snapshot_read(snapshot);

		pps_filter_burst(world->filter, ruleset, &batch->ingress[burst], &batch->now,
			batch->frames + i, world->burst, batch->verdicts + i);
		if (pps_filter_swept_generation(world->filter) != ruleset->generation)
			pps_filter_age(world->filter, ruleset, &batch->now, BENCH_AGE_SLICE);
		pps_snapshot_quiescent(snapshot, 0);
	}
	return rte_rdtsc_precise() - begun - world->tsc_overhead;
}

/* All flows have been judged by the ruleset that is published. */
static bool is_swept(const struct world *world, const struct publisher *publisher)
{
	const struct pps_ruleset *ruleset = pps_snapshot_read(publisher->snapshot);

	return pps_filter_swept_generation(world->filter) == ruleset->generation;
}

/* What this thread has run, without what others had of its CPU; in cycles. */
static double read_run_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return ((double)now.tv_sec + (double)now.tv_nsec / 1e9) * (double)rte_get_tsc_hz();
}

static double measure_reading(void)
{
	double least = 1e9;

	for (unsigned int i = 0; i < READINGS; i++) {
		double begun = read_run_time(), took = read_run_time() - begun;

		least = RTE_MIN(least, took);
	}
	return least;
}

/* Cycles a packet in a tenth of a second, and until all flows are judged. */
static double run_window(struct world *world, struct publisher *publisher, bool reload)
{
	static struct batch batch;
	double window = (double)rte_get_tsc_hz() / RELOADS_A_SECOND, rejudging = 0, settled = 0;
	uint64_t frames = 0;
	uint32_t n = 0;

	atomic_fetch_add(&publisher->wanted, reload);
	while (reload || rejudging + settled < window) {
		double begun, took;

		world_fill(world, LOAD_HIT, &batch);
		begun = reload ? read_run_time() : 0;
		took = (double)judge(world, publisher->snapshot, &batch);
		if (reload && atomic_load(&publisher->n) == atomic_load(&publisher->wanted)) {
			rejudging += read_run_time() - begun - publisher->reading;
			reload = !is_swept(world, publisher);
			frames += BATCH_FRAMES;
		} else if (n < publisher->n_samples) {
			publisher->samples[n++] = took;
			settled += took;
			frames += BATCH_FRAMES;
		}
		world_check(world, LOAD_HIT, &batch);
		world_serve(world, &batch);
	}
	if (n > 0)
		settled = n * bench_median(publisher->samples, n);
	return (rejudging + settled) / (double)frames;
}

void bench_publish(const struct bench_options *options, struct pps_str *out)
{
	static struct world world;
	struct publisher publisher = {.cpu = (unsigned int)sched_getcpu()};
	uint64_t token;

	world_init(&world, &options->traffic, options->burst, bench_capacity(options));
	publisher.n_samples =
		(uint32_t)(rte_get_tsc_hz() / RELOADS_A_SECOND / CYCLES_MIN / BATCH_FRAMES);
	publisher.samples = pps_alloc(publisher.n_samples * sizeof(*publisher.samples));
	publisher.reading = measure_reading();
	publisher.rulesets[0] = world.ruleset;
	publisher.rulesets[1] = world_build_ruleset(&world);
	publisher.snapshot = pps_snapshot_create(1);
	if (publisher.snapshot == NULL)
		bench_fail("not enough memory");
	world_establish(&world);
	pps_snapshot_publish(publisher.snapshot, world.ruleset, &token);
	pps_snapshot_register(publisher.snapshot, 0);
	if (pthread_create(&publisher.thread, NULL, publisher_main, &publisher) != 0)
		bench_fail("no thread");
	run_window(&world, &publisher, true);
	pps_str_add(out, "{\"windows\": [");
	for (uint32_t window = 0; window < options->windows; window++) {
		double quiet = run_window(&world, &publisher, false);

		pps_str_addf(out, "%s{\"quiet\": %.2f, \"reloading\": %.2f}",
			window == 0 ? "" : ", ", quiet, run_window(&world, &publisher, true));
	}
	pps_snapshot_offline(publisher.snapshot, 0);
	atomic_store(&publisher.stop, true);
	pthread_join(publisher.thread, NULL);
	free(publisher.samples);
	pps_str_addf(out, "], \"reloads\": %u, \"rejudged\": %" PRIu64 "}",
		atomic_load(&publisher.n), pps_stats_load(&world.stats->rejudged_kept));
}
