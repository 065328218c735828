/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two workers against one: two threads, each with a filter, a flow table and flows of its own, on
 * two CPUs. In each window first one judges alone, then the other, then both: those judge their
 * batches at the same time, from one meeting to the next, so that they share the memory and the
 * last cache all the time that counts. The same with arithmetic in registers says what the two
 * CPUs give programs that share nothing: CPUs that are two halves of one core give less than twice.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "bench.h"

#define WORKERS    2
#define SPINS      1000 /* before another thread may have the CPU */
#define ARITHMETIC 10000 /* steps of a batch */
#define FACTOR     6364136223846793005ull

struct worker {
	struct workers *all;
	unsigned int number;
	unsigned int cpu;
	struct world world;
	struct batch batch;
	double *samples;
	double alone, both; /* medians of the last window */
};

struct workers {
	const struct bench_options *options;
	uint32_t n_batches; /* of a window */
	pthread_barrier_t phase;
	atomic_uint arrived, meetings;
	struct worker workers[WORKERS];
};

/* Both are here. */
static void meet(struct workers *all)
{
	unsigned int meeting = atomic_load(&all->meetings);

	if (atomic_fetch_add(&all->arrived, 1) + 1 == WORKERS) {
		atomic_store(&all->arrived, 0);
		atomic_store(&all->meetings, meeting + 1);
		return;
	}
	for (unsigned int i = 1; atomic_load(&all->meetings) == meeting; i++) {
		if (i % SPINS == 0)
			sched_yield();
		else
			rte_pause();
	}
}

/* Cycles of work that touches no memory and keeps a multiplier busy. */
static uint64_t compute(const struct worker *worker)
{
	uint64_t begun = rte_rdtsc_precise(), a = begun, b = a + 1, c = a + 2, d = a + 3;

	for (unsigned int i = 0; i < ARITHMETIC; i++) {
		a *= FACTOR;
		b *= FACTOR;
		c *= FACTOR;
		d *= FACTOR;
	}
	__asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d));
	return rte_rdtsc_precise() - begun - worker->world.tsc_overhead;
}

/* A window's batches; the median of their cycles a frame. */
static double judge(struct worker *worker, bool together, bool arithmetic)
{
	struct world *world = &worker->world;

	for (uint32_t i = 0; i < worker->all->n_batches; i++) {
		uint64_t took;

		if (!arithmetic)
			world_fill(world, LOAD_HIT, &worker->batch);
		if (together)
			meet(worker->all);
		took = arithmetic ? compute(worker)
				  : world_judge(world, world->ruleset, &worker->batch);
		if (together)
			meet(worker->all);
		worker->samples[i] = (double)took / BATCH_FRAMES;
		if (arithmetic)
			continue;
		world_check(world, LOAD_HIT, &worker->batch);
		world_serve(world, &worker->batch);
	}
	return bench_median(worker->samples, worker->all->n_batches);
}

static void run_window(struct worker *worker, bool arithmetic)
{
	for (unsigned int turn = 0; turn < WORKERS; turn++) {
		pthread_barrier_wait(&worker->all->phase);
		if (turn == worker->number)
			worker->alone = judge(worker, false, arithmetic);
	}
	pthread_barrier_wait(&worker->all->phase);
	worker->both = judge(worker, true, arithmetic);
	pthread_barrier_wait(&worker->all->phase);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(worker->cpu, &cpus);
	if (pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) != 0)
		bench_fail("there is no CPU %u", worker->cpu);
	for (uint32_t window = 0; window < 2 * worker->all->options->windows; window++)
		run_window(worker, window % 2 == 1);
	return NULL;
}

static void print(const struct workers *all, const char *name, struct pps_str *out)
{
	const struct worker *workers = all->workers;

	pps_str_addf(out, "\"%s\": {\"alone\": [%.2f, %.2f], \"both\": [%.2f, %.2f]}", name,
		workers[0].alone, workers[1].alone, workers[0].both, workers[1].both);
}

void bench_workers(const struct bench_options *options, struct pps_str *out)
{
	static struct workers all;
	pthread_t thread;

	all.options = options;
	all.n_batches = RTE_MAX(options->packets / BATCH_FRAMES, 1u);
	pthread_barrier_init(&all.phase, NULL, WORKERS);
	for (unsigned int i = 0; i < WORKERS; i++) {
		struct worker *worker = &all.workers[i];

		worker->all = &all;
		worker->number = i;
		worker->cpu = i == 0 ? (unsigned int)sched_getcpu() : options->cpu;
		worker->samples = pps_alloc(all.n_batches * sizeof(*worker->samples));
		world_init(
			&worker->world, &options->traffic, options->burst, bench_capacity(options));
		world_establish(&worker->world);
	}
	if (pthread_create(&thread, NULL, worker_main, &all.workers[1]) != 0)
		bench_fail("no thread");
	pps_str_add(out, "{\"windows\": [");
	for (uint32_t window = 0; window < options->windows; window++) {
		pps_str_add(out, window == 0 ? "{" : ", {");
		run_window(&all.workers[0], false);
		print(&all, "filter", out);
		pps_str_add(out, ", ");
		run_window(&all.workers[0], true);
		print(&all, "arithmetic", out);
		pps_str_add(out, "}");
	}
	pps_str_add(out, "]}");
	pthread_join(thread, NULL);
	for (unsigned int i = 0; i < WORKERS; i++)
		free(all.workers[i].samples);
}
