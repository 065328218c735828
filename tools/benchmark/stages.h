/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STAGES_H
#define STAGES_H

/*
 * Cycles by stage of a burst (pps_stage.h), in the program that is built with PPS_STAGES; the other
 * one has no stages. A mark waits for all that was begun before it: stages do not overlap here as
 * they do in life, so they sum up to more than the whole. Prefetches still run on.
 */

#define STAGES_MAX 16

/* A burst begins. */
#ifdef PPS_STAGES
void stages_begin(void);
#else
static inline void stages_begin(void)
{
}
#endif

unsigned int stages_count(void);
const char *stages_word(unsigned int stage);
/* Cycles of the stage since it was asked last, without those of the marks themselves. */
double stages_take(unsigned int stage);

#endif
