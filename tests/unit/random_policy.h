/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RANDOM_POLICY_H
#define RANDOM_POLICY_H

/*
 * Random policies, made as text, and random packets. All values come from a small world, so that
 * rules meet; packets come from the edges of the policies' own values.
 */

#include <stdbool.h>
#include <stdint.h>

#include "reference.h"

/* xorshift64*: the same numbers everywhere. */
struct chance {
	uint64_t state;
};

/* From PPSFW_SEED or the clock; says which, so that a run can be repeated. */
struct chance chance_seed(void);
/* 0 to n - 1. */
uint32_t draw(struct chance *chance, uint32_t n);
bool once_in(struct chance *chance, uint32_t n);

/* Exceptions have ended at ASK_NOW, or end at the beginning of one of so many years from 2027 on.
 */
#define RANDOM_ENDS 3u

/* The sections of a policy, for ask_policy(); the caller frees it. */
char *make_policy(struct chance *chance);
/* Like a packet that 'rule' (NULL: none) matches, nearly. */
void draw_packet(
	struct chance *chance, const struct pps_rule *rule, struct reference_packet *packet);

#endif
