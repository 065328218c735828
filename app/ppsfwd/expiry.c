/* SPDX-License-Identifier: BSD-3-Clause */
#include "expiry.h"

#include <stdlib.h>
#include <string.h>

#define STEP_NS ((int64_t)PPS_NS_PER_SEC) /* what is less is a clock that is being disciplined */

static void free_items(struct expiry_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(items[i].id);
	free(items);
}

void expiry_fini(struct expiry *expiry)
{
	free_items(expiry->items, expiry->n);
	*expiry = (struct expiry){0};
}

static int compare(const void *a, const void *b)
{
	const struct expiry_item *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static const struct expiry_item *find_same(
	const struct expiry_item *items, size_t n, const struct expiry_item *item)
{
	const struct expiry_item *found =
		n > 0 ? bsearch(item, items, n, sizeof(*items), compare) : NULL;

	return found != NULL && found->expires_ns == item->expires_ns ? found : NULL;
}

void expiry_take(struct expiry *expiry, const struct pps_policy *policy)
{
	struct expiry_item *items = pps_alloc((policy->n_exceptions + 1) * sizeof(*items));
	size_t n = 0;

	for (size_t i = policy->n_bans; i < policy->n_bans + policy->n_exceptions; i++) {
		const struct pps_rule *rule = &policy->rules[i];
		const struct expiry_item *known;
		struct expiry_item *item = &items[n];

		if (rule->expires_ns == 0)
			continue;
		*item = (struct expiry_item){
			.id = pps_strdup(rule->id),
			.rule = i,
			.expires_ns = rule->expires_ns,
		};
		known = find_same(expiry->items, expiry->n, item);
		item->warned = known != NULL && known->warned;
		item->ended = known != NULL && known->ended;
		n++;
	}
	qsort(items, n, sizeof(*items), compare);
	free_items(expiry->items, expiry->n);
	expiry->items = items;
	expiry->n = n;
	expiry->next_warning_ns = 0;
}

static bool is_due(const struct expiry_item *item, uint64_t now_ns, uint64_t period_ns)
{
	return now_ns < item->expires_ns && item->expires_ns - now_ns <= period_ns;
}

bool expiry_next_warning(
	struct expiry *expiry, uint64_t now_ns, uint64_t period_ns, size_t *ret_rule)
{
	uint64_t next_ns = UINT64_MAX;

	if (now_ns < expiry->next_warning_ns || period_ns == 0)
		return false;
	for (size_t i = 0; i < expiry->n; i++) {
		struct expiry_item *item = &expiry->items[i];
		uint64_t begin_ns = item->expires_ns > period_ns ? item->expires_ns - period_ns : 0;

		if (item->warned || item->ended)
			continue;
		if (is_due(item, now_ns, period_ns)) {
			item->warned = true;
			*ret_rule = item->rule;
			return true;
		}
		/* One whose end the clock jumped over is asked again: the clock may jump back. */
		if (begin_ns < next_ns)
			next_ns = begin_ns;
	}
	expiry->next_warning_ns = next_ns;
	return false;
}

enum expiry_change expiry_tell(struct expiry *expiry, size_t rule, bool ended, bool *ret_warned)
{
	for (size_t i = 0; i < expiry->n; i++) {
		struct expiry_item *item = &expiry->items[i];

		if (item->rule != rule || item->ended == ended)
			continue;
		*ret_warned = item->warned;
		item->ended = ended;
		expiry->next_warning_ns = 0;
		return ended ? EXPIRY_ENDED : EXPIRY_REVIVED;
	}
	return EXPIRY_NONE;
}

int64_t expiry_clock_step(struct expiry *expiry, uint64_t wall_ns, uint64_t mono_ns)
{
	int64_t offset_ns = (int64_t)(wall_ns - mono_ns);
	int64_t step_ns = expiry->has_offset ? offset_ns - expiry->offset_ns : 0;

	expiry->offset_ns = offset_ns;
	expiry->has_offset = true;
	return step_ns >= STEP_NS || step_ns <= -STEP_NS ? step_ns / STEP_NS : 0;
}
