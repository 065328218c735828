/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The algebra of boxes against brute force: boxes on a domain so small that every point of it can
 * be asked. PPSFW_SEED repeats a run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_base.h>
#include <pps_space.h>

#include "unit.h"

#define ROUNDS    3000
#define ITEMS_MAX 14
#define WIDE_BASE ((pps_u128)1 << 100) /* addresses that need more than 64 bits */

/* Values of each dimension; their product is what brute force asks. */
static const unsigned int sizes[PPS_DIM_COUNT] = {
	[PPS_DIM_DIRECTION] = 2,
	[PPS_DIM_PROTOCOL] = 3,
	[PPS_DIM_PORT] = 4,
	[PPS_DIM_SOURCE_PORT] = 2,
	[PPS_DIM_VLAN] = 2,
	[PPS_DIM_DESTINATION] = 5,
	[PPS_DIM_SOURCE] = 4,
};
#define POINTS (2 * 3 * 4 * 2 * 2 * 5 * 4)

static uint64_t chance;

static uint32_t draw(uint32_t n)
{
	chance ^= chance >> 12;
	chance ^= chance << 25;
	chance ^= chance >> 27;
	return (uint32_t)((chance * UINT64_C(2685821657736338717) >> 32) * n >> 32);
}

static void seed(void)
{
	const char *text = getenv("PPSFW_SEED");

	chance = (text != NULL ? strtoull(text, NULL, 0) : pps_time_wall_ns()) | 1;
	printf("# PPSFW_SEED=%" PRIu64 "\n", chance);
	fflush(stdout);
}

static pps_u128 value(unsigned int dim, unsigned int i)
{
	return dim < PPS_DIMS_NARROW ? (pps_u128)i : WIDE_BASE + i;
}

static struct pps_box whole(void)
{
	struct pps_box box = {0};

	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++)
		pps_box_set(&box, d, value(d, 0), value(d, sizes[d] - 1));
	return box;
}

static struct pps_box point_box(unsigned int point)
{
	struct pps_box box = {0};

	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		pps_box_set(&box, d, value(d, point % sizes[d]), value(d, point % sizes[d]));
		point /= sizes[d];
	}
	return box;
}

static struct pps_box draw_box(void)
{
	struct pps_box box = whole();

	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		unsigned int a = draw(sizes[d]), b = draw(sizes[d]);

		if (draw(3) > 0)
			pps_box_set(&box, d, value(d, a < b ? a : b), value(d, a < b ? b : a));
	}
	return box;
}

static size_t draw_items(struct pps_space_item *items)
{
	size_t n = draw(ITEMS_MAX + 1);

	for (size_t i = 0; i < n; i++)
		items[i] = (struct pps_space_item){
			.box = draw_box(), .label = (uint32_t)i, .flags = (uint8_t)draw(4)};
	return n;
}

static const struct pps_space_item *first_holding(
	const struct pps_space_item *items, size_t n, const struct pps_box *point)
{
	for (size_t i = 0; i < n; i++) {
		if (pps_box_covers(&items[i].box, point))
			return &items[i];
	}
	return NULL;
}

/* What was received, with labels: 0 for none, else the item's + 1. */
struct received {
	struct pps_space_piece pieces[POINTS];
	size_t n, max;
};

static bool receive(const struct pps_box *box, const struct pps_space_item *first,
	const struct pps_space_item *second, void *aux)
{
	struct received *received = aux;

	if (received->n == received->max)
		return false;
	received->pieces[received->n++] = (struct pps_space_piece){.box = *box,
		.labels = {first != NULL ? first->label + 1 : 0,
			second != NULL ? second->label + 1 : 0}};
	return true;
}

/* How many pieces hold the point; the last of them in *ret. */
static unsigned int find_pieces(const struct received *received, const struct pps_box *point,
	const struct pps_space_piece **ret)
{
	unsigned int n = 0;

	for (size_t i = 0; i < received->n; i++) {
		if (pps_box_covers(&received->pieces[i].box, point)) {
			*ret = &received->pieces[i];
			n++;
		}
	}
	return n;
}

static struct received received;

static void a_difference_holds_exactly_what_no_box_holds_and_is_disjoint(void)
{
	unsigned int wrong = 0;

	seed();
	for (unsigned int r = 0; r < ROUNDS; r++) {
		struct pps_space_item items[ITEMS_MAX];
		struct pps_space_list list = {items, draw_items(items)};
		struct pps_box region = draw_box();
		uint64_t budget = 1000000;

		received.n = 0;
		received.max = POINTS;
		CU_ASSERT_EQUAL_FATAL(
			pps_space_subtract(&region, &list, &budget, receive, &received),
			PPS_SPACE_DONE);
		for (unsigned int p = 0; p < POINTS; p++) {
			struct pps_box point = point_box(p);
			const struct pps_space_piece *piece;
			bool wanted = pps_box_covers(&region, &point) &&
				first_holding(items, list.n, &point) == NULL;

			wrong += find_pieces(&received, &point, &piece) != (wanted ? 1 : 0);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* The flags of all items that hold the point, up to the one that decides. */
static bool is_wanted(const struct pps_space_item *first, const struct pps_space_item *second)
{
	uint8_t flags = (uint8_t)((first != NULL ? first->flags : 0) |
		(second != NULL ? second->flags : 0));

	return (flags & 3) == 3;
}

static void a_comparison_names_the_first_item_of_either_list_at_every_point(void)
{
	unsigned int wrong = 0, joined_wrong = 0, pieces = 0, joined = 0;

	seed();
	for (unsigned int r = 0; r < ROUNDS; r++) {
		struct pps_space_item a[ITEMS_MAX], b[ITEMS_MAX];
		struct pps_space_list first = {a, draw_items(a)}, second = {b, draw_items(b)};
		struct pps_box region = draw_box();
		uint8_t needed = draw(2) == 0 ? 0 : 3;
		uint64_t budget = 1000000;

		received.n = 0;
		received.max = POINTS;
		CU_ASSERT_EQUAL_FATAL(pps_space_compare(&region, &first, &second, needed, &budget,
					      receive, &received),
			PPS_SPACE_DONE);
		pieces += (unsigned int)received.n;
		for (unsigned int merged = 0; merged < 2; merged++) {
			for (unsigned int p = 0; p < POINTS; p++) {
				struct pps_box point = point_box(p);
				const struct pps_space_item *x = first_holding(a, first.n, &point);
				const struct pps_space_item *y = first_holding(b, second.n, &point);
				const struct pps_space_piece *piece = NULL;
				unsigned int n = find_pieces(&received, &point, &piece);
				bool inside = pps_box_covers(&region, &point);
				bool good = n == 0 ? !inside || (needed == 3 && !is_wanted(x, y))
						   : n == 1 && inside &&
						piece->labels[0] ==
							(x != NULL ? x->label + 1 : 0) &&
						piece->labels[1] == (y != NULL ? y->label + 1 : 0);

				wrong += !good && merged == 0;
				joined_wrong += !good && merged == 1;
			}
			received.n = pps_space_merge(received.pieces, received.n);
		}
		joined += (unsigned int)received.n;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(joined_wrong, 0);
	CU_ASSERT(joined < pieces);
}

static void an_intersection_is_what_both_hold(void)
{
	unsigned int wrong = 0;

	seed();
	for (unsigned int r = 0; r < ROUNDS; r++) {
		struct pps_box a = draw_box(), b = draw_box(), common;
		bool meet = pps_box_intersect(&a, &b, &common), met = false;

		for (unsigned int p = 0; p < POINTS; p++) {
			struct pps_box point = point_box(p);
			bool both = pps_box_covers(&a, &point) && pps_box_covers(&b, &point);

			met = met || both;
			wrong += meet && pps_box_covers(&common, &point) != both;
		}
		wrong += meet != met;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void joining_makes_one_box_of_what_was_cut(void)
{
	struct pps_space_piece pieces[POINTS];
	struct pps_box all = whole();

	for (unsigned int p = 0; p < POINTS; p++)
		pieces[p] = (struct pps_space_piece){.box = point_box(p)};
	CU_ASSERT_EQUAL(pps_space_merge(pieces, POINTS), 1);
	CU_ASSERT(pps_box_equal(&pieces[0].box, &all));
}

static void a_box_at_the_end_of_the_numbers_is_cut_there(void)
{
	struct pps_box all = pps_box_all(6);
	struct pps_space_item item = {.box = all};
	struct pps_space_list list = {&item, 1};
	uint64_t budget = 1000;

	pps_box_set(&item.box, PPS_DIM_SOURCE, 1, ~(pps_u128)0 - 1);
	pps_box_set(&item.box, PPS_DIM_PORT, 1, UINT16_MAX);
	received.n = 0;
	received.max = POINTS;
	CU_ASSERT_EQUAL(
		pps_space_subtract(&all, &list, &budget, receive, &received), PPS_SPACE_DONE);
	CU_ASSERT_EQUAL(received.n, 3);
	CU_ASSERT_EQUAL(pps_space_merge(received.pieces, received.n), 3);
}

static void the_receiver_can_stop_it(void)
{
	struct pps_box all = pps_box_all(4);
	struct pps_space_item item = {.box = all};
	struct pps_space_list list = {&item, 1};
	uint64_t budget = 1000;

	pps_box_set(&item.box, PPS_DIM_SOURCE, 5, 6);
	received.n = 0;
	received.max = 1;
	CU_ASSERT_EQUAL(
		pps_space_subtract(&all, &list, &budget, receive, &received), PPS_SPACE_STOPPED);
	CU_ASSERT_EQUAL(received.n, 1);
}

static bool count(const struct pps_box *box, const struct pps_space_item *first,
	const struct pps_space_item *second, void *aux)
{
	uint64_t *n = aux;

	(void)box;
	(void)first;
	(void)second;
	(*n)++;
	return true;
}

/* Crossing walls in every dimension: their complement has as many parts as the product. */
static void what_is_too_complex_is_said_and_not_guessed(void)
{
	enum { WALLS = 400 };
	static struct pps_space_item items[4 * WALLS];
	struct pps_box all = pps_box_all(4);
	struct pps_space_list list = {items, 0};
	uint64_t budget = 3000000, n = 0;

	for (unsigned int dim = PPS_DIM_PORT; dim < PPS_DIM_COUNT; dim++) {
		for (unsigned int i = 0; i < WALLS && dim != PPS_DIM_VLAN; i++) {
			struct pps_space_item *item = &items[list.n++];

			item->box = all;
			pps_box_set(&item->box, dim, 2 * i + 1, 2 * i + 1);
		}
	}
	CU_ASSERT_EQUAL(pps_space_subtract(&all, &list, &budget, count, &n), PPS_SPACE_TOO_COMPLEX);
	CU_ASSERT(budget <= 3000000);
}

/* 20,000 hosts with a port each: every part is found in time linear in the hosts, nearly. */
static void many_boxes_that_do_not_meet_come_apart_within_a_small_budget(void)
{
	enum { HOSTS = 20000 };
	struct pps_space_item *items = pps_alloc(HOSTS * sizeof(items[0]));
	struct pps_box all = pps_box_all(4);
	struct pps_space_list list = {items, HOSTS};
	uint64_t budget = 60u * HOSTS, n = 0;

	for (unsigned int i = 0; i < HOSTS; i++) {
		pps_u128 host = (uint32_t)(i * 2654435761u);

		items[i].box = all;
		pps_box_set(&items[i].box, PPS_DIM_DESTINATION, host, host);
		pps_box_set(&items[i].box, PPS_DIM_PORT, i % 1000, i % 1000);
	}
	CU_ASSERT_EQUAL(pps_space_subtract(&all, &list, &budget, count, &n), PPS_SPACE_DONE);
	CU_ASSERT(n > HOSTS);
	free(items);
}

/* What the index named, by item. */
static bool name_item(uint32_t item, void *aux)
{
	((unsigned int *)aux)[item]++;
	return true;
}

static bool name_no_more(uint32_t item, void *aux)
{
	(void)item;
	++*(unsigned int *)aux;
	return false;
}

static void an_index_names_each_box_that_reaches_into_a_region_once(void)
{
	unsigned int wrong = 0, n_found = 0;

	for (unsigned int round = 0; round < 200; round++) {
		struct pps_space_item items[300] = {0};
		const struct pps_space_list list = {items, draw(UNIT_COUNT(items) + 1)};
		unsigned int named[UNIT_COUNT(items)] = {0}, n_named = 0;
		const struct pps_box region = draw_box();
		struct pps_space_index *index;
		uint64_t budget = 100000;

		for (size_t i = 0; i < list.n; i++)
			items[i].box = draw_box();
		index = pps_space_index_create(&list);
		CU_ASSERT(pps_space_index_find(index, &region, &budget, name_item, named));
		for (size_t i = 0; i < list.n; i++) {
			wrong += named[i] != pps_box_overlaps(&items[i].box, &region);
			n_named += named[i];
		}
		n_found += n_named;
		/* The finder may have enough, and the budget may be too small. */
		CU_ASSERT_EQUAL(
			pps_space_index_find(index, &region, &budget, name_no_more, &named[0]),
			n_named == 0);
		budget = 1;
		CU_ASSERT_EQUAL(pps_space_index_find(index, &region, &budget, name_item, named),
			list.n == 0);
		pps_space_index_destroy(index);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(n_found > 1000);
}

static const struct unit_test tests[] = {
	UNIT_TEST(an_intersection_is_what_both_hold),
	UNIT_TEST(a_difference_holds_exactly_what_no_box_holds_and_is_disjoint),
	UNIT_TEST(a_comparison_names_the_first_item_of_either_list_at_every_point),
	UNIT_TEST(joining_makes_one_box_of_what_was_cut),
	UNIT_TEST(a_box_at_the_end_of_the_numbers_is_cut_there),
	UNIT_TEST(the_receiver_can_stop_it),
	UNIT_TEST(what_is_too_complex_is_said_and_not_guessed),
	UNIT_TEST(an_index_names_each_box_that_reaches_into_a_region_once),
	UNIT_TEST(many_boxes_that_do_not_meet_come_apart_within_a_small_budget),
};

int main(void)
{
	return unit_run("space", tests, UNIT_COUNT(tests));
}
