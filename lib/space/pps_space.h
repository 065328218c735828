/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_SPACE_H
#define PPS_SPACE_H

/*
 * Sets of traffic, exactly: which flows does a rule name that another does not?
 *
 * A point is the first packet of a flow of one address family: direction, protocol, VLAN, ports and
 * addresses. A box is a range in each of these dimensions, a set is a list of boxes. Families are
 * kept apart by the caller, because their addresses do not compare. A library of its own, and not a
 * part of lib/policy, because it knows nothing of policies, and because exactness is to be shown on
 * small numbers by brute force.
 *
 * Method     Divide and conquer: a region is cut in two where a box begins or ends inside it, and
 *            each half goes on with those boxes alone that reach into it, until every box that is
 *            left covers the half. Direction and protocol are cut first (what ports mean depends on
 *            the protocol), then, while many boxes are left, the dimension and the place that leave
 *            the fewest for each side. Real policies come apart quickly: their rules are about
 *            different hosts and ports. What is left of a region where no answer is wanted is
 *            dropped without looking further.
 *
 * Bounds     The union of n boxes may have n^7 corners, and no method is good for all of them. So
 *            every call takes from a budget of work (boxes looked at; a few nanoseconds each), and
 *            answers PPS_SPACE_TOO_COMPLEX when it is used up: never a guess. Memory is bounded by
 *            the work. Results are as many boxes as cuts were needed; pps_space_merge() joins them.
 *
 * Any thread; nothing is kept between calls.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as a number; IPv4 has the low 32 bits. */
__extension__ typedef unsigned __int128 pps_u128;

enum pps_dim {
	PPS_DIM_DIRECTION, /* 1 inbound, 2 outbound */
	PPS_DIM_PROTOCOL, /* 0 to 255 */
	PPS_DIM_PORT, /* of the destination; ICMP: type << 8 | code */
	PPS_DIM_SOURCE_PORT,
	PPS_DIM_VLAN, /* 0 to 4095; 0 is untagged */
	PPS_DIM_DESTINATION,
	PPS_DIM_SOURCE,
	PPS_DIM_COUNT
};
#define PPS_DIMS_NARROW PPS_DIM_DESTINATION /* those before it have 16 bits */

/* Inclusive ranges, lo <= hi. */
struct pps_box {
	uint16_t narrow_lo[PPS_DIMS_NARROW], narrow_hi[PPS_DIMS_NARROW];
	pps_u128 wide_lo[PPS_DIM_COUNT - PPS_DIMS_NARROW];
	pps_u128 wide_hi[PPS_DIM_COUNT - PPS_DIMS_NARROW];
};

static inline pps_u128 pps_box_lo(const struct pps_box *box, unsigned int dim)
{
	return dim < PPS_DIMS_NARROW ? box->narrow_lo[dim] : box->wide_lo[dim - PPS_DIMS_NARROW];
}

static inline pps_u128 pps_box_hi(const struct pps_box *box, unsigned int dim)
{
	return dim < PPS_DIMS_NARROW ? box->narrow_hi[dim] : box->wide_hi[dim - PPS_DIMS_NARROW];
}

void pps_box_set(struct pps_box *box, unsigned int dim, pps_u128 lo, pps_u128 hi);
/* Every point of a family (4 or 6). */
struct pps_box pps_box_all(uint8_t family);
bool pps_box_equal(const struct pps_box *a, const struct pps_box *b);
bool pps_box_overlaps(const struct pps_box *a, const struct pps_box *b);
bool pps_box_covers(const struct pps_box *outer, const struct pps_box *inner);
/* The common part; false when there is none. */
bool pps_box_intersect(const struct pps_box *a, const struct pps_box *b, struct pps_box *ret);

/* A box with what the caller knows it by. */
struct pps_space_item {
	struct pps_box box;
	uint32_t label;
	uint8_t flags; /* PPS_SPACE_CHANGED, and the caller's own; see pps_space_compare() */
};
#define PPS_SPACE_CHANGED 1

/* In order: the first item that holds a point decides it. */
struct pps_space_list {
	const struct pps_space_item *items;
	size_t n; /* at most UINT32_MAX */
};

enum pps_space_end {
	PPS_SPACE_DONE,
	PPS_SPACE_STOPPED, /* the receiver wanted no more */
	PPS_SPACE_TOO_COMPLEX, /* the budget is used up, and the answer not known */
};

/* Gets one box of the answer; the items that decide it in either list, NULL for none. False: no
 * more. */
typedef bool (*pps_space_receiver)(const struct pps_box *box, const struct pps_space_item *first,
	const struct pps_space_item *second, void *aux);

/*
 * What of 'region' no item of the list holds, as disjoint boxes: difference. (Intersection is
 * pps_box_intersect(); for a union take the difference of each box and those before it.) '*budget'
 * is counted down.
 */
enum pps_space_end pps_space_subtract(const struct pps_box *region,
	const struct pps_space_list *list, uint64_t *budget, pps_space_receiver receiver,
	void *aux);

/*
 * Cuts 'region' into disjoint boxes, each decided by one item (or none) of the first list and one
 * of the second. Left out is what no receiver asked for: parts in which the items of both lists
 * that may decide have not all the flags of 'needed' among them.
 *
 * Where two lists are nearly the same, flag as PPS_SPACE_CHANGED the items that are not in both, or
 * not in the same order, and need that flag: what only the others reach is decided alike.
 */
enum pps_space_end pps_space_compare(const struct pps_box *region,
	const struct pps_space_list *first, const struct pps_space_list *second, uint8_t needed,
	uint64_t *budget, pps_space_receiver receiver, void *aux);

/*
 * Which boxes of a list reach into a region, without asking all of them. The list must outlive the
 * index. _find() names each once, in no order; false when the finder wanted no more, or the budget
 * is used up.
 */
struct pps_space_index;
typedef bool (*pps_space_finder)(uint32_t item, void *aux);
struct pps_space_index *pps_space_index_create(const struct pps_space_list *list);
void pps_space_index_destroy(struct pps_space_index *index); /* NULL is fine */
bool pps_space_index_find(const struct pps_space_index *index, const struct pps_box *region,
	uint64_t *budget, pps_space_finder finder, void *aux);

/* A box of a result. */
struct pps_space_piece {
	struct pps_box box;
	uint32_t labels[2];
};

/* Joins disjoint pieces of the same labels that differ in one dimension and touch there, as long as
 * there are any, and sorts. Returns how many are left. */
size_t pps_space_merge(struct pps_space_piece *pieces, size_t n);

#endif
