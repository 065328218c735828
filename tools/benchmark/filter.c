/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Cycles per frame in pps_filter_burst(). A window is some thousands of batches; what it says is
 * the median of its batches, so that a batch in which the machine did something else does not
 * count.
 */

#include <inttypes.h>
#include <stdlib.h>

#include <rte_common.h>

#include "bench.h"
#include "stages.h"

/* Cycles per frame, by batch of a window. */
struct samples {
	uint32_t n;
	double *cycles, *ends, *stages[STAGES_MAX];
};

static void samples_init(struct samples *samples, uint32_t n)
{
	*samples = (struct samples){.n = n};
	samples->cycles = pps_alloc(n * sizeof(double));
	samples->ends = pps_alloc(n * sizeof(double));
	for (unsigned int i = 0; i < stages_count(); i++)
		samples->stages[i] = pps_alloc(n * sizeof(double));
}

static void samples_fini(struct samples *samples)
{
	free(samples->cycles);
	free(samples->ends);
	for (unsigned int i = 0; i < stages_count(); i++)
		free(samples->stages[i]);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

/* One batch, measured; what is not measured is done around it. */
static void play(struct world *world, enum load load, struct samples *samples, uint32_t i)
{
	static struct batch batch;

	world_fill(world, load, &batch);
	samples->cycles[i] =
		(double)world_judge(world, world->ruleset, &batch) / (double)BATCH_FRAMES;
	for (unsigned int k = 0; k < stages_count(); k++)
		samples->stages[k][i] = stages_take(k) / BATCH_FRAMES;
	world_check(world, load, &batch);
	if (load == LOAD_NEW)
		samples->ends[i] = (double)world_end_fresh(world, &batch) / (double)BATCH_FRAMES;
	world_serve(world, &batch);
}

/* Frames before the first window: enough to fill the caches, and of a flood the half-open flows. */
static uint64_t warm_up(const struct bench_options *options, const struct world *world)
{
	if (options->load == LOAD_FLOOD)
		return 4ull * pps_flow_half_open_max(world->flows);
	return RTE_MIN(options->packets, 2 * options->traffic.flows + 65536);
}

void bench_filter(const struct bench_options *options, struct pps_str *out)
{
	static struct world world;
	struct samples samples;
	uint64_t n_judged = 0;

	world_init(&world, &options->traffic, options->burst, bench_capacity(options));
	world_establish(&world);
	samples_init(&samples, RTE_MAX(options->packets / BATCH_FRAMES, 1u));
	for (; n_judged < warm_up(options, &world); n_judged += BATCH_FRAMES)
		play(&world, options->load, &samples, 0);
	pps_str_add(out, "{\"windows\": [");
	for (uint32_t window = 0; window < options->windows; window++) {
		for (uint32_t i = 0; i < samples.n; i++)
			play(&world, options->load, &samples, i);
		pps_str_addf(out, "%s{\"cycles\": %.2f", window == 0 ? "" : ", ",
			bench_median(samples.cycles, samples.n));
		if (options->load == LOAD_NEW)
			pps_str_addf(out, ", \"end\": %.2f", bench_median(samples.ends, samples.n));
		for (unsigned int k = 0; k < stages_count(); k++)
			pps_str_addf(out, ", \"%s\": %.2f", stages_word(k),
				bench_median(samples.stages[k], samples.n));
		pps_str_add(out, "}");
	}
	pps_str_addf(out, "], \"judged\": %" PRIu64 ", \"bytes_per_flow\": %.0f}",
		n_judged + (uint64_t)samples.n * BATCH_FRAMES * options->windows,
		(double)pps_flow_memory(world.flows) / bench_capacity(options));
	samples_fini(&samples);
}
