/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Established flows under two policies of different size, window by window in turn: two filters
 * with the same flows in tables of their own. What the number of rules costs a packet that asks no
 * rule.
 */

#include <stdlib.h>

#include <rte_common.h>

#include "bench.h"

#define LEAD_FRAMES (1u << 17) /* that are not counted, at most */

static double run_window(struct world *world, double *samples, uint32_t n)
{
	uint32_t lead = RTE_MIN(world->traffic.flows, LEAD_FRAMES) / BATCH_FRAMES + 1;
	static struct batch batch;

	for (uint32_t i = 0; i < lead + n; i++) {
		double took;

		world_fill(world, LOAD_HIT, &batch);
		took = (double)world_judge(world, world->ruleset, &batch) / BATCH_FRAMES;
		world_check(world, LOAD_HIT, &batch);
		world_serve(world, &batch);
		if (i >= lead)
			samples[i - lead] = took;
	}
	return bench_median(samples, n);
}

void bench_pair(const struct bench_options *options, struct pps_str *out)
{
	static struct world one, other;
	struct traffic traffic = options->traffic;
	uint32_t n = RTE_MAX(options->packets / BATCH_FRAMES, 1u);
	double *samples = pps_alloc(n * sizeof(*samples));

	traffic.rules = options->other_rules;
	world_init(&one, &options->traffic, options->burst, bench_capacity(options));
	world_init(&other, &traffic, options->burst, bench_capacity(options));
	world_establish(&one);
	world_establish(&other);
	pps_str_add(out, "{\"windows\": [");
	for (uint32_t window = 0; window < options->windows; window++) {
		double cycles = run_window(&one, samples, n);

		pps_str_addf(out, "%s{\"one\": %.2f, \"other\": %.2f}", window == 0 ? "" : ", ",
			cycles, run_window(&other, samples, n));
	}
	pps_str_add(out, "]}");
	free(samples);
}
