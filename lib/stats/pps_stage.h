/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_STAGE_H
#define PPS_STAGE_H

/*
 * Where a burst's cycles go. PPS_STAGE(NAME) says that the burst's stage NAME ends here. It is
 * nothing at all, except in the second copy of the filter that tools/benchmark builds with
 * PPS_STAGES defined: there the time since the last mark is added to the stage.
 */

#define PPS_STAGE_NAMES(X)        \
	X(PARSE, "parse")         \
	X(FRAGMENTS, "fragments") \
	X(SOURCES, "sources")     \
	X(HASH, "hash")           \
	X(LOOKUP, "lookup")       \
	X(CLASSIFY, "classify")   \
	X(JUDGE, "judge")         \
	X(ACCOUNT, "account")

#ifdef PPS_STAGES
#include <stdint.h>

enum pps_stage {
#define PPS_STAGE_ENUM(name, word) PPS_STAGE_##name,
	PPS_STAGE_NAMES(PPS_STAGE_ENUM)
#undef PPS_STAGE_ENUM
		PPS_STAGE_COUNT
};

/* Ends 'stage'; whoever links that copy defines it. */
void pps_stage_end(enum pps_stage stage);
#define PPS_STAGE(name) pps_stage_end(PPS_STAGE_##name)
#else
#define PPS_STAGE(name) ((void)0)
#endif

#endif
