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

static int compare_prefixes(const void *a, const void *b)
{
	const struct pps_prefix *x = a, *y = b;
	int order = (int)x->addr.family - (int)y->addr.family;

	if (order == 0)
		order = memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));
	return order != 0 ? order : (int)x->len - (int)y->len;
}

static void set_any(struct pps_prefix_set *set)
{
	prefix_set_fini(set);
	set->any = true;
}

void prefixes_normalise(struct pps_prefix_set *set)
{
	size_t kept = 0;

	if (set->any) {
		set_any(set);
		return;
	}
	if (set->n == 0)
		return;
	/* Sorted by address, then length: what covers a prefix stands before it. */
	qsort(set->items, set->n, sizeof(set->items[0]), compare_prefixes);
	for (size_t i = 1; i < set->n; i++) {
		if (!pps_prefix_covers(&set->items[kept], &set->items[i]))
			set->items[++kept] = set->items[i];
	}
	set->n = kept + 1;
	if (set->n == 2 && set->items[0].len == 0 && set->items[1].len == 0)
		set_any(set);
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
