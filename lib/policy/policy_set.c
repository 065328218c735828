/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

static int compare_ranges(const void *a, const void *b)
{
	const struct pps_range *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return x->hi < y->hi ? -1 : x->hi > y->hi;
}

void ranges_normalise(struct pps_range *items, size_t *n)
{
	size_t kept = 0;

	if (*n == 0)
		return;
	qsort(items, *n, sizeof(items[0]), compare_ranges);
	for (size_t i = 1; i < *n; i++) {
		if (items[i].lo > (uint32_t)items[kept].hi + 1)
			items[++kept] = items[i];
		else if (items[i].hi > items[kept].hi)
			items[kept].hi = items[i].hi;
	}
	*n = kept + 1;
}

static void set_any(struct pps_prefix_set *set)
{
	prefix_set_fini(set);
	set->any = true;
}

void prefixes_normalise(struct pps_prefix_set *set)
{
	if (set->any) {
		set_any(set);
		return;
	}
	set->n = pps_prefixes_fold(set->items, set->n);
	if (set->n == 2 && set->items[0].len == 0 && set->items[1].len == 0)
		set_any(set);
}

/* How many prefixes stand before or at the place of 'prefix' in the order. */
static size_t count_before(const struct pps_prefix_set *set, const struct pps_prefix *prefix)
{
	size_t lo = 0, hi = set->n;

	while (lo < hi) {
		size_t middle = (lo + hi) / 2;

		if (pps_prefix_compare(&set->items[middle], prefix) <= 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

const struct pps_prefix *pps_prefix_set_find(
	const struct pps_prefix_set *set, const struct pps_addr *addr)
{
	const struct pps_prefix host = {*addr, addr->family == 4 ? 32 : 128};
	size_t lo = count_before(set, &host);

	/* They are disjoint: only the last that does not begin behind the address may hold it. */
	return lo > 0 && pps_prefix_contains(&set->items[lo - 1], addr) ? &set->items[lo - 1]
									: NULL;
}

bool prefix_set_meets(const struct pps_prefix_set *set, const struct pps_prefix *prefix)
{
	size_t next = count_before(set, prefix);

	return set->any || (next > 0 && pps_prefix_covers(&set->items[next - 1], prefix)) ||
		(next < set->n && pps_prefix_covers(prefix, &set->items[next]));
}

bool prefix_set_covers(const struct pps_prefix_set *set, const struct pps_prefix *prefix)
{
	size_t next = count_before(set, prefix);

	return set->any || (next > 0 && pps_prefix_covers(&set->items[next - 1], prefix));
}

void prefix_set_fini(struct pps_prefix_set *set)
{
	free(set->items);
	*set = (struct pps_prefix_set){0};
}

unsigned int prefix_set_families(const struct pps_prefix_set *set)
{
	unsigned int families = 0;

	if (set->any)
		return FAMILY_4 | FAMILY_6;
	/* Sorted by family first. */
	for (size_t i = 0; i<set->n; i += set->n> 1 ? set->n - 1 : 1)
		families |= set->items[i].addr.family == 4 ? FAMILY_4 : FAMILY_6;
	return families;
}

unsigned int term_families(const struct pps_term *term)
{
	if (term->protocol == 1)
		return FAMILY_4;
	if (term->protocol == 58)
		return FAMILY_6;
	return FAMILY_4 | FAMILY_6;
}
