/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <pps_base.h>

#include "pps_space.h"

#define LEAF_ITEMS 8
#define SAMPLES    32 /* items asked in which dimension they lie apart */

/* A binary tree in depth-first order: the first half of a node comes right behind it. */
struct node {
	struct pps_box bounds; /* of all its items */
	uint32_t first, n; /* its items among 'numbers' */
	uint32_t second; /* node of its second half; 0: a leaf */
};

struct pps_space_index {
	const struct pps_space_item *items; /* borrowed */
	uint32_t *numbers;
	struct node *nodes;
	size_t n_nodes;
};

static void grow(struct pps_box *bounds, const struct pps_box *box)
{
	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		pps_u128 lo = pps_box_lo(bounds, d), hi = pps_box_hi(bounds, d);

		pps_box_set(bounds, d, pps_box_lo(box, d) < lo ? pps_box_lo(box, d) : lo,
			pps_box_hi(box, d) > hi ? pps_box_hi(box, d) : hi);
	}
}

/* In which dimension most of the items begin elsewhere than the one before them. */
static unsigned int choose_dim(const struct pps_space_index *index, const struct node *node)
{
	unsigned int best = 0, most = 0;
	size_t step = node->n / SAMPLES + 1;

	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		unsigned int n = 0;

		for (size_t i = step; i < node->n; i += step)
			n += pps_box_lo(&index->items[index->numbers[node->first + i]].box, d) !=
				pps_box_lo(
					&index->items[index->numbers[node->first + i - step]].box,
					d);
		/* Of two alike the address, which comes behind. */
		if (n >= most) {
			most = n;
			best = d;
		}
	}
	return best;
}

struct order {
	const struct pps_space_item *items;
	unsigned int dim;
};

static int compare_places(const void *a, const void *b, void *aux)
{
	const uint32_t *x = a, *y = b;
	const struct order *order = aux;
	pps_u128 lo = pps_box_lo(&order->items[*x].box, order->dim);
	pps_u128 other = pps_box_lo(&order->items[*y].box, order->dim);

	return lo < other ? -1 : lo > other;
}

static uint32_t make_node(struct pps_space_index *index, uint32_t first, uint32_t n)
{
	uint32_t number = (uint32_t)index->n_nodes++;
	struct node *node = &index->nodes[number];
	struct order order = {.items = index->items};

	*node = (struct node){
		.bounds = index->items[index->numbers[first]].box, .first = first, .n = n};
	for (uint32_t i = 1; i < n; i++)
		grow(&node->bounds, &index->items[index->numbers[first + i]].box);
	if (n <= LEAF_ITEMS)
		return number;
	order.dim = choose_dim(index, node);
	qsort_r(index->numbers + first, n, sizeof(index->numbers[0]), compare_places, &order);
	make_node(index, first, n / 2);
	node->second = make_node(index, first + n / 2, n - n / 2);
	return number;
}

struct pps_space_index *pps_space_index_create(const struct pps_space_list *list)
{
	struct pps_space_index *index = pps_alloc(sizeof(*index));

	index->items = list->items;
	index->numbers = pps_alloc((list->n + 1) * sizeof(index->numbers[0]));
	/* Halves of more than LEAF_ITEMS have more than half of that: so many nodes are enough. */
	index->nodes = pps_alloc((4 * list->n / LEAF_ITEMS + 2) * sizeof(index->nodes[0]));
	for (uint32_t i = 0; i < list->n; i++)
		index->numbers[i] = i;
	if (list->n > 0)
		make_node(index, 0, (uint32_t)list->n);
	return index;
}

void pps_space_index_destroy(struct pps_space_index *index)
{
	if (index == NULL)
		return;
	free(index->numbers);
	free(index->nodes);
	free(index);
}

static bool find_in(const struct pps_space_index *index, uint32_t number,
	const struct pps_box *region, uint64_t *budget, pps_space_finder finder, void *aux)
{
	const struct node *node = &index->nodes[number];

	if (*budget <= LEAF_ITEMS)
		return false;
	*budget -= 1;
	if (!pps_box_overlaps(&node->bounds, region))
		return true;
	if (node->second != 0)
		return find_in(index, number + 1, region, budget, finder, aux) &&
			find_in(index, node->second, region, budget, finder, aux);
	*budget -= node->n;
	for (uint32_t i = 0; i < node->n; i++) {
		uint32_t at = index->numbers[node->first + i];

		if (pps_box_overlaps(&index->items[at].box, region) && !finder(at, aux))
			return false;
	}
	return true;
}

bool pps_space_index_find(const struct pps_space_index *index, const struct pps_box *region,
	uint64_t *budget, pps_space_finder finder, void *aux)
{
	return index->n_nodes == 0 || find_in(index, 0, region, budget, finder, aux);
}
