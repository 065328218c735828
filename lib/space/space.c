/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_space.h"

#include <stdlib.h>

#include <pps_base.h>

#define FEW       6 /* boxes that are peeled off one by one */
#define SAMPLES   32 /* boxes asked for a place to cut */
#define DEPTH_MAX 2000 /* cuts in cuts: a bound on the stack */

void pps_box_set(struct pps_box *box, unsigned int dim, pps_u128 lo, pps_u128 hi)
{
	if (dim < PPS_DIMS_NARROW) {
		box->narrow_lo[dim] = (uint16_t)lo;
		box->narrow_hi[dim] = (uint16_t)hi;
	} else {
		box->wide_lo[dim - PPS_DIMS_NARROW] = lo;
		box->wide_hi[dim - PPS_DIMS_NARROW] = hi;
	}
}

struct pps_box pps_box_all(uint8_t family)
{
	const pps_u128 last = family == 4 ? UINT32_MAX : ~(pps_u128)0;
	struct pps_box box = {0};

	pps_box_set(&box, PPS_DIM_DIRECTION, 1, 2);
	pps_box_set(&box, PPS_DIM_PROTOCOL, 0, 255);
	pps_box_set(&box, PPS_DIM_PORT, 0, UINT16_MAX);
	pps_box_set(&box, PPS_DIM_SOURCE_PORT, 0, UINT16_MAX);
	pps_box_set(&box, PPS_DIM_VLAN, 0, 4095);
	pps_box_set(&box, PPS_DIM_DESTINATION, 0, last);
	pps_box_set(&box, PPS_DIM_SOURCE, 0, last);
	return box;
}

bool pps_box_equal(const struct pps_box *a, const struct pps_box *b)
{
	return pps_box_covers(a, b) && pps_box_covers(b, a);
}

bool pps_box_overlaps(const struct pps_box *a, const struct pps_box *b)
{
	for (unsigned int d = 0; d < PPS_DIMS_NARROW; d++) {
		if (a->narrow_lo[d] > b->narrow_hi[d] || b->narrow_lo[d] > a->narrow_hi[d])
			return false;
	}
	for (unsigned int d = 0; d < PPS_DIM_COUNT - PPS_DIMS_NARROW; d++) {
		if (a->wide_lo[d] > b->wide_hi[d] || b->wide_lo[d] > a->wide_hi[d])
			return false;
	}
	return true;
}

bool pps_box_covers(const struct pps_box *outer, const struct pps_box *inner)
{
	for (unsigned int d = 0; d < PPS_DIMS_NARROW; d++) {
		if (outer->narrow_lo[d] > inner->narrow_lo[d] ||
			outer->narrow_hi[d] < inner->narrow_hi[d])
			return false;
	}
	for (unsigned int d = 0; d < PPS_DIM_COUNT - PPS_DIMS_NARROW; d++) {
		if (outer->wide_lo[d] > inner->wide_lo[d] || outer->wide_hi[d] < inner->wide_hi[d])
			return false;
	}
	return true;
}

bool pps_box_intersect(const struct pps_box *a, const struct pps_box *b, struct pps_box *ret)
{
	struct pps_box common = *a;

	if (!pps_box_overlaps(a, b))
		return false;
	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		pps_u128 lo = pps_box_lo(a, d), hi = pps_box_hi(a, d);

		if (pps_box_lo(b, d) > lo)
			lo = pps_box_lo(b, d);
		if (pps_box_hi(b, d) < hi)
			hi = pps_box_hi(b, d);
		pps_box_set(&common, d, lo, hi);
	}
	*ret = common;
	return true;
}

/* One call, for all its regions. */
struct walk {
	const struct pps_space_item *items[2];
	bool subtract; /* one list, and what it holds is not asked for */
	uint8_t needed;
	uint64_t *budget;
	pps_space_receiver receiver;
	void *aux;
};

/* The items of both lists that reach into a region: those of the first, then of the second. */
struct reach {
	const uint32_t *numbers;
	size_t n[2];
};

/* Where a region is cut: 'at' is the first value of the upper half. */
struct cut {
	unsigned int dim;
	pps_u128 at;
};

static const struct pps_space_item *item_at(
	const struct walk *walk, const struct reach *reach, size_t i)
{
	return &walk->items[i >= reach->n[0]][reach->numbers[i]];
}

/* Where the box begins or ends inside the region, up to two places. */
static unsigned int find_edges(const struct pps_box *region, const struct pps_box *box,
	unsigned int dim, pps_u128 ret_at[2])
{
	unsigned int n = 0;

	if (pps_box_lo(box, dim) > pps_box_lo(region, dim))
		ret_at[n++] = pps_box_lo(box, dim);
	if (pps_box_hi(box, dim) < pps_box_hi(region, dim))
		ret_at[n++] = pps_box_hi(box, dim) + 1;
	return n;
}

static int compare_values(const void *a, const void *b)
{
	const pps_u128 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Direction and protocol come before all else, whoever has an edge there. */
static bool cut_kinds(const struct walk *walk, const struct reach *reach,
	const struct pps_box *region, struct cut *ret)
{
	pps_u128 at[2];

	for (ret->dim = PPS_DIM_DIRECTION; ret->dim <= PPS_DIM_PROTOCOL; ret->dim++) {
		for (size_t i = 0; i < reach->n[0] + reach->n[1]; i++) {
			if (find_edges(region, &item_at(walk, reach, i)->box, ret->dim, at) == 0)
				continue;
			ret->at = at[0];
			return true;
		}
	}
	return false;
}

/* Items with edges inside the region: changed ones as long as there are such. */
static size_t choose_candidates(const struct walk *walk, const struct reach *reach,
	const struct pps_box *region, const struct pps_box **candidates)
{
	size_t n = 0;

	for (unsigned int pass = 0; pass < 2 && n == 0; pass++) {
		for (size_t i = 0; i < reach->n[0] + reach->n[1]; i++) {
			const struct pps_space_item *item = item_at(walk, reach, i);

			if (pass == 0 && (item->flags & PPS_SPACE_CHANGED) == 0)
				continue;
			if (!pps_box_covers(&item->box, region))
				candidates[n++] = &item->box;
		}
	}
	return n;
}

/* The middle one of the edges in one dimension; false when there are none. */
static bool find_middle(const struct pps_box *region, const struct pps_box **candidates, size_t n,
	unsigned int dim, pps_u128 *ret_at)
{
	size_t step = n / SAMPLES + 1, n_edges = 0;
	pps_u128 edges[2 * SAMPLES];

	for (size_t i = 0; i < n; i += step)
		n_edges += find_edges(region, candidates[i], dim, edges + n_edges);
	if (n_edges == 0)
		return false;
	qsort(edges, n_edges, sizeof(edges[0]), compare_values);
	*ret_at = edges[n_edges / 2];
	return true;
}

/* How many boxes the worse half gets, and how many both together. */
static size_t rate_cut(const struct pps_box **candidates, size_t n, const struct cut *cut)
{
	size_t below = 0, above = 0;

	for (size_t i = 0; i < n; i++) {
		below += pps_box_lo(candidates[i], cut->dim) < cut->at;
		above += pps_box_hi(candidates[i], cut->dim) >= cut->at;
	}
	return below + above + (below > above ? below : above);
}

static struct cut choose_cut(const struct walk *walk, const struct reach *reach,
	const struct pps_box *region, const struct pps_box **candidates)
{
	struct cut best = {0}, cut;
	size_t best_rate = SIZE_MAX, n;
	pps_u128 at[2];

	if (cut_kinds(walk, reach, region, &best))
		return best;
	n = choose_candidates(walk, reach, region, candidates);
	for (cut.dim = PPS_DIM_PORT; cut.dim < PPS_DIM_COUNT; cut.dim++) {
		size_t rate;

		if (n <= FEW) {
			if (find_edges(region, candidates[0], cut.dim, at) == 0)
				continue;
			cut.at = at[0];
			return cut;
		}
		if (!find_middle(region, candidates, n, cut.dim, &cut.at))
			continue;
		rate = rate_cut(candidates, n, &cut);
		if (rate < best_rate) {
			best_rate = rate;
			best = cut;
		}
	}
	return best;
}

/* What is known of a region once it is clear which items reach into it. */
struct state {
	struct reach reach;
	bool covered; /* an item holds all of it */
	bool settled[2]; /* the list's first item does, or there is none */
	uint8_t flags; /* of all that may decide */
};

/* Keeps in 'numbers' the items that reach into the region, up to one that covers it: those behind
 * decide nothing. */
static void filter(const struct walk *walk, const struct reach *from, const struct pps_box *region,
	uint32_t *numbers, struct state *ret)
{
	size_t kept = 0, i = 0;

	*ret = (struct state){.reach = {.numbers = numbers}, .settled = {true, true}};
	for (unsigned int l = 0; l < 2; l++) {
		size_t end = i + from->n[l];

		for (; i < end; i++) {
			uint32_t number = from->numbers != NULL
				? from->numbers[i]
				: (uint32_t)(l == 0 ? i : i - from->n[0]);
			const struct pps_space_item *item = &walk->items[l][number];
			bool covers;

			if (!pps_box_overlaps(&item->box, region))
				continue;
			covers = pps_box_covers(&item->box, region);
			ret->settled[l] = ret->reach.n[l] == 0 ? covers : ret->settled[l];
			ret->covered = ret->covered || covers;
			ret->flags |= item->flags;
			numbers[kept++] = number;
			ret->reach.n[l]++;
			if (covers)
				break;
		}
		i = end;
	}
}

static enum pps_space_end walk_region(struct walk *walk, const struct reach *from,
	const struct pps_box *region, unsigned int depth);

static enum pps_space_end walk_halves(struct walk *walk, const struct reach *reach,
	const struct pps_box *region, const struct cut *cut, unsigned int depth)
{
	struct pps_box half = *region;
	enum pps_space_end end;

	pps_box_set(&half, cut->dim, pps_box_lo(region, cut->dim), cut->at - 1);
	end = walk_region(walk, reach, &half, depth + 1);
	if (end != PPS_SPACE_DONE)
		return end;
	pps_box_set(&half, cut->dim, cut->at, pps_box_hi(region, cut->dim));
	return walk_region(walk, reach, &half, depth + 1);
}

static const struct pps_space_item *first_of(
	const struct walk *walk, const struct reach *reach, unsigned int list)
{
	if (reach->n[list] == 0)
		return NULL;
	return item_at(walk, reach, list == 0 ? 0 : reach->n[0]);
}

static enum pps_space_end walk_region(struct walk *walk, const struct reach *from,
	const struct pps_box *region, unsigned int depth)
{
	size_t n = from->n[0] + from->n[1];
	enum pps_space_end end = PPS_SPACE_DONE;
	const struct pps_box **candidates;
	struct state state;
	uint32_t *numbers;
	struct cut cut;

	if (*walk->budget <= n || depth > DEPTH_MAX)
		return PPS_SPACE_TOO_COMPLEX;
	*walk->budget -= n + 1;
	numbers = pps_alloc((n + 1) * sizeof(numbers[0]));
	filter(walk, from, region, numbers, &state);
	if ((walk->subtract && state.covered) || (state.flags & walk->needed) != walk->needed)
		goto out;
	if (state.settled[0] && state.settled[1]) {
		if (!walk->receiver(region, first_of(walk, &state.reach, 0),
			    first_of(walk, &state.reach, 1), walk->aux))
			end = PPS_SPACE_STOPPED;
		goto out;
	}
	n = state.reach.n[0] + state.reach.n[1];
	candidates = pps_alloc(n * sizeof(candidates[0]));
	cut = choose_cut(walk, &state.reach, region, candidates);
	free(candidates);
	end = walk_halves(walk, &state.reach, region, &cut, depth);
out:
	free(numbers);
	return end;
}

enum pps_space_end pps_space_subtract(const struct pps_box *region,
	const struct pps_space_list *list, uint64_t *budget, pps_space_receiver receiver, void *aux)
{
	struct walk walk = {
		.items = {list->items, NULL},
		.subtract = true,
		.budget = budget,
		.receiver = receiver,
		.aux = aux,
	};
	const struct reach all = {.n = {list->n, 0}};

	return walk_region(&walk, &all, region, 0);
}

enum pps_space_end pps_space_compare(const struct pps_box *region,
	const struct pps_space_list *first, const struct pps_space_list *second, uint8_t needed,
	uint64_t *budget, pps_space_receiver receiver, void *aux)
{
	struct walk walk = {
		.items = {first->items, second->items},
		.needed = needed,
		.budget = budget,
		.receiver = receiver,
		.aux = aux,
	};
	const struct reach all = {.n = {first->n, second->n}};

	return walk_region(&walk, &all, region, 0);
}
