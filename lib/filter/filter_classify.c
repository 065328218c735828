/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Asking the ruleset: questions are gathered over a burst and put to each of the four contexts
 * once, because a single classification costs three times a batched one.
 */

#include <rte_branch_prediction.h>

#include "filter_priv.h"

static uint8_t key_family(const struct pps_flow_key *key)
{
	return key->is_wide ? key->wide.family : 4;
}

void classification_make(struct classification *class, const struct pps_flow_key *key,
	enum pps_side initiator, uint8_t icmp_code)
{
	pps_class_key_make(key, initiator, icmp_code, &class->key);
	class->initiator = (uint8_t)initiator;
	class->code = icmp_code;
	class->context = classification_context(initiator, key_family(key));
}

/* Puts the questions to the context of the first of them. The others are left, in order; returns
 * how many. 'left' may be 'asked'. */
static unsigned int classify_first(const struct pps_ruleset *ruleset,
	struct classification *classes, const uint8_t *asked, unsigned int n_asked, uint8_t *left)
{
	const struct pps_class_key *keys[PPS_BURST_MAX];
	uint8_t chosen[PPS_BURST_MAX];
	uint32_t rules[PPS_BURST_MAX];
	uint8_t context = classes[asked[0]].context;
	unsigned int n = 0, n_left = 0;

	for (unsigned int i = 0; i < n_asked; i++) {
		const struct classification *class = &classes[asked[i]];

		if (unlikely(class->context != context)) {
			left[n_left++] = asked[i];
			continue;
		}
		keys[n] = &class->key;
		chosen[n++] = asked[i];
	}
	pps_ruleset_classify(
		ruleset, pps_side_direction(context >> 1), context & 1 ? 6 : 4, keys, n, rules);
	for (unsigned int i = 0; i < n; i++)
		classes[chosen[i]].rule = rules[i];
	return n_left;
}

void classify_batch(const struct pps_ruleset *ruleset, struct classification *classes,
	const uint8_t *asked, unsigned int n_asked)
{
	uint8_t left[PPS_BURST_MAX];

	for (; n_asked > 0; asked = left)
		n_asked = classify_first(ruleset, classes, asked, n_asked, left);
}

uint32_t classify_one(const struct pps_ruleset *ruleset, const struct pps_flow_key *key,
	enum pps_side initiator, uint8_t icmp_code)
{
	const uint8_t asked = 0;
	struct classification class;

	classification_make(&class, key, initiator, icmp_code);
	classify_batch(ruleset, &class, &asked, 1);
	return class.rule;
}
