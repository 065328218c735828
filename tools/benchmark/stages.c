/* SPDX-License-Identifier: BSD-3-Clause */
#include "stages.h"

#include <pps_stage.h>

#ifdef PPS_STAGES
#include <rte_cycles.h>

#define MARK_RUNS 1000

static uint64_t last, cycles[PPS_STAGE_COUNT], marks[PPS_STAGE_COUNT];

_Static_assert(PPS_STAGE_COUNT <= STAGES_MAX, "room for all stages");

void stages_begin(void)
{
	last = rte_rdtsc_precise();
}

void pps_stage_end(enum pps_stage stage)
{
	uint64_t now = rte_rdtsc_precise();

	cycles[stage] += now - last;
	marks[stage]++;
	last = now;
}

/* What an empty stage seems to take. */
static double mark_cycles(void)
{
	static double least;

	if (least != 0)
		return least;
	least = 1e9;
	for (unsigned int i = 0; i < MARK_RUNS; i++) {
		uint64_t before = cycles[0];

		stages_begin();
		pps_stage_end(0);
		if ((double)(cycles[0] - before) < least)
			least = (double)(cycles[0] - before);
		cycles[0] = before;
		marks[0]--;
	}
	return least;
}

unsigned int stages_count(void)
{
	return PPS_STAGE_COUNT;
}

const char *stages_word(unsigned int stage)
{
	static const char *const words[] = {
#define WORD(name, word) word,
		PPS_STAGE_NAMES(WORD)
#undef WORD
	};

	return words[stage];
}

double stages_take(unsigned int stage)
{
	double ret = (double)cycles[stage] - mark_cycles() * (double)marks[stage];

	cycles[stage] = marks[stage] = 0;
	return ret > 0 ? ret : 0;
}
#else
unsigned int stages_count(void)
{
	return 0;
}

const char *stages_word(unsigned int stage)
{
	(void)stage;
	return "";
}

double stages_take(unsigned int stage)
{
	(void)stage;
	return 0;
}
#endif
