/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Asking the ruleset: questions are gathered over a burst and put to each of the four contexts
 * once, because a single classification costs three times a batched one.
 */

#include <string.h>

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
	class->family = key_family(key);
}

/* The questions to one context, and which of 'classes' they are. */
struct questions {
	const struct pps_class_key *keys[PPS_BURST_MAX];
	uint8_t chosen[PPS_BURST_MAX];
	unsigned int n;
};

static void classify_context(const struct pps_ruleset *ruleset, struct classification *classes,
	struct questions *questions, enum pps_side initiator, uint8_t family)
{
	uint32_t rules[PPS_BURST_MAX];

	if (questions->n == 0)
		return;
	pps_ruleset_classify(ruleset, pps_side_direction(initiator), family, questions->keys,
		questions->n, rules);
	for (unsigned int i = 0; i < questions->n; i++)
		classes[questions->chosen[i]].rule = rules[i];
}

void classify_batch(const struct pps_ruleset *ruleset, struct classification *classes,
	const uint8_t *asked, unsigned int n_asked)
{
	struct questions contexts[2][2]; /* by initiator, and IPv4 or IPv6 */

	if (n_asked == 0)
		return;
	for (unsigned int i = 0; i < 4; i++)
		contexts[i / 2][i % 2].n = 0;
	for (unsigned int i = 0; i < n_asked; i++) {
		const struct classification *class = &classes[asked[i]];
		struct questions *questions = &contexts[class->initiator][class->family == 6];

		questions->keys[questions->n] = &class->key;
		questions->chosen[questions->n++] = asked[i];
	}
	for (unsigned int i = 0; i < 4; i++)
		classify_context(ruleset, classes, &contexts[i / 2][i % 2],
			i / 2 == 0 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE, i % 2 == 0 ? 4 : 6);
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
