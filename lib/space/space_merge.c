/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "pps_space.h"

/* Those that people write in lists come first. */
static const unsigned int order[] = {PPS_DIM_DESTINATION, PPS_DIM_SOURCE, PPS_DIM_PORT,
	PPS_DIM_SOURCE_PORT, PPS_DIM_VLAN, PPS_DIM_PROTOCOL, PPS_DIM_DIRECTION};
_Static_assert(sizeof(order) / sizeof(order[0]) == PPS_DIM_COUNT, "every dimension is joined");

/* Labels, then every dimension but 'last'. */
static int compare_but(
	const struct pps_space_piece *a, const struct pps_space_piece *b, unsigned int last)
{
	for (unsigned int l = 0; l < 2; l++) {
		if (a->labels[l] != b->labels[l])
			return a->labels[l] < b->labels[l] ? -1 : 1;
	}
	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		if (d == last)
			continue;
		if (pps_box_lo(&a->box, d) != pps_box_lo(&b->box, d))
			return pps_box_lo(&a->box, d) < pps_box_lo(&b->box, d) ? -1 : 1;
		if (pps_box_hi(&a->box, d) != pps_box_hi(&b->box, d))
			return pps_box_hi(&a->box, d) < pps_box_hi(&b->box, d) ? -1 : 1;
	}
	return 0;
}

static int compare_pieces(const void *a, const void *b, void *aux)
{
	const struct pps_space_piece *x = a, *y = b;
	const unsigned int *last = aux;
	int by = compare_but(x, y, *last);

	if (by != 0 || *last == PPS_DIM_COUNT)
		return by;
	return pps_box_lo(&x->box, *last) < pps_box_lo(&y->box, *last)
		? -1
		: pps_box_lo(&x->box, *last) > pps_box_lo(&y->box, *last);
}

static size_t merge_dim(struct pps_space_piece *pieces, size_t n, unsigned int dim)
{
	size_t kept = 0;

	qsort_r(pieces, n, sizeof(pieces[0]), compare_pieces, &dim);
	for (size_t i = 1; i < n; i++) {
		struct pps_box *last = &pieces[kept].box;
		const struct pps_box *box = &pieces[i].box;

		if (compare_but(&pieces[kept], &pieces[i], dim) == 0 &&
			pps_box_hi(last, dim) + 1 == pps_box_lo(box, dim))
			pps_box_set(last, dim, pps_box_lo(last, dim), pps_box_hi(box, dim));
		else
			pieces[++kept] = pieces[i];
	}
	return kept + 1;
}

size_t pps_space_merge(struct pps_space_piece *pieces, size_t n)
{
	unsigned int none = PPS_DIM_COUNT;
	size_t before;

	if (n == 0)
		return 0;
	do {
		before = n;
		for (unsigned int i = 0; i < PPS_DIM_COUNT; i++)
			n = merge_dim(pieces, n, order[i]);
	} while (n < before);
	qsort_r(pieces, n, sizeof(pieces[0]), compare_pieces, &none);
	return n;
}
