/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

const char *pps_decision_word(enum pps_decision decision)
{
	static const char *const words[] = {"pass", "banned", "exception_expired", "not_approved"};

	return words[decision];
}

/* ---- what both have, in the same order ---- */

/* Entries are found by what they are called. */
struct named_entry {
	const struct policy_space *space;
	size_t entry;
};

static int compare_names(const void *a, const void *b)
{
	const struct named_entry *x = a, *y = b;
	const struct space_entry *s = &x->space->entries[x->entry],
				 *t = &y->space->entries[y->entry];
	int by;

	if (s->stage != t->stage)
		return s->stage < t->stage ? -1 : 1;
	by = strcmp(x->space->policy->rules[s->rule].id, y->space->policy->rules[t->rule].id);
	if (by != 0 || s->stage != STAGE_STOPPED)
		return by;
	return strcmp(
		x->space->policy->rules[s->exception].id, y->space->policy->rules[t->exception].id);
}

static bool have_same_boxes(const struct named_entry *a, const struct named_entry *b)
{
	const struct space_entry *x = &a->space->entries[a->entry],
				 *y = &b->space->entries[b->entry];

	for (unsigned int f = 0; f < 2; f++) {
		if (x->n[f] != y->n[f])
			return false;
		for (size_t i = 0; i < x->n[f]; i++) {
			if (!pps_box_equal(&a->space->family[f].items[x->first[f] + i].box,
				    &b->space->family[f].items[y->first[f] + i].box))
				return false;
		}
	}
	return true;
}

/* For every entry of 'after' the equal one of 'before', or SIZE_MAX. The caller frees it. */
static size_t *find_partners(const struct policy_space *before, const struct policy_space *after)
{
	size_t *partners = pps_alloc((after->n_entries + 1) * sizeof(partners[0]));
	struct named_entry *names = pps_alloc((before->n_entries + 1) * sizeof(names[0]));

	for (size_t i = 0; i < before->n_entries; i++)
		names[i] = (struct named_entry){before, i};
	qsort(names, before->n_entries, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < after->n_entries; i++) {
		const struct named_entry wanted = {after, i};
		const struct named_entry *found =
			bsearch(&wanted, names, before->n_entries, sizeof(names[0]), compare_names);

		partners[i] =
			found != NULL && have_same_boxes(found, &wanted) ? found->entry : SIZE_MAX;
	}
	free(names);
	return partners;
}

/*
 * Keeps of the partners a longest sequence that ascends (patience sorting): those entries stand in
 * the same order in both. The others become SIZE_MAX.
 */
static void keep_ascending(size_t *partners, size_t n)
{
	size_t *tails = pps_alloc((n + 1) * sizeof(tails[0])); /* by length: where it ends */
	size_t *previous = pps_alloc((n + 1) * sizeof(previous[0]));
	size_t length = 0, at;

	for (size_t i = 0; i < n; i++) {
		size_t lo = 0, hi = length;

		if (partners[i] == SIZE_MAX)
			continue;
		while (lo < hi) {
			size_t middle = (lo + hi) / 2;

			if (partners[tails[middle]] < partners[i])
				lo = middle + 1;
			else
				hi = middle;
		}
		tails[lo] = i;
		previous[i] = lo > 0 ? tails[lo - 1] : SIZE_MAX;
		length = lo == length ? length + 1 : length;
	}
	at = length > 0 ? tails[length - 1] : SIZE_MAX;
	for (size_t i = n; i-- > 0;) {
		if (i == at) {
			at = previous[i];
		} else {
			partners[i] = SIZE_MAX;
		}
	}
	free(tails);
	free(previous);
}

static void flag_entry(struct policy_space *space, size_t entry)
{
	for (unsigned int f = 0; f < 2; f++) {
		for (size_t i = 0; i < space->entries[entry].n[f]; i++)
			space->family[f].items[space->entries[entry].first[f] + i].flags |=
				PPS_SPACE_CHANGED;
	}
}

static void flag_changes(struct policy_space *before, struct policy_space *after)
{
	size_t *partners = find_partners(before, after);
	bool *kept = pps_alloc((before->n_entries + 1) * sizeof(kept[0]));

	keep_ascending(partners, after->n_entries);
	for (size_t i = 0; i < after->n_entries; i++) {
		if (partners[i] == SIZE_MAX)
			flag_entry(after, i);
		else
			kept[partners[i]] = true;
	}
	for (size_t i = 0; i < before->n_entries; i++) {
		if (!kept[i])
			flag_entry(before, i);
	}
	free(partners);
	free(kept);
}

/* ---- regions ---- */

struct collecting {
	const struct policy_space *spaces[2];
	struct pps_space_piece *pieces;
	size_t n, size;
};

/* A decision and its rule as one number, and back. */
#define LABEL_RULES (UINT32_C(1) << 24)
_Static_assert(PPS_POLICY_RULES_MAX < LABEL_RULES - 1, "a rule's number must fit");

static uint32_t make_label(const struct policy_space *space, const struct pps_space_item *item)
{
	const struct space_entry *entry;

	if (item == NULL)
		return PPS_DECISION_NOT_APPROVED * LABEL_RULES + LABEL_RULES - 1;
	entry = &space->entries[item->label];
	return (uint32_t)stage_decision(entry->stage) * LABEL_RULES + (uint32_t)entry->rule;
}

static struct pps_diff_side read_label(uint32_t label)
{
	struct pps_diff_side side = {
		.decision = (enum pps_decision)(label / LABEL_RULES), .rule = label % LABEL_RULES};

	if (side.rule == LABEL_RULES - 1)
		side.rule = SIZE_MAX;
	return side;
}

/* True when somebody wants to know. */
static bool is_difference(const struct collecting *collecting, const uint32_t labels[2])
{
	struct pps_diff_side before = read_label(labels[0]), after = read_label(labels[1]);
	bool passed = before.decision == PPS_DECISION_PASS;
	bool passes = after.decision == PPS_DECISION_PASS;

	if (!passed || !passes)
		return passed != passes;
	return strcmp(collecting->spaces[0]->policy->rules[before.rule].id,
		       collecting->spaces[1]->policy->rules[after.rule].id) != 0;
}

static bool collect_piece(const struct pps_box *box, const struct pps_space_item *first,
	const struct pps_space_item *second, void *aux)
{
	struct collecting *collecting = aux;
	struct pps_space_piece piece = {.box = *box,
		.labels = {make_label(collecting->spaces[0], first),
			make_label(collecting->spaces[1], second)}};

	if (!is_difference(collecting, piece.labels))
		return true;
	/* Joining them may leave fewer. */
	if (collecting->n == 4 * PPS_DIFF_REGIONS_MAX)
		return false;
	if (collecting->n == collecting->size) {
		collecting->size = collecting->size > 0 ? 2 * collecting->size : 64;
		collecting->pieces = pps_realloc(
			collecting->pieces, collecting->size * sizeof(collecting->pieces[0]));
	}
	collecting->pieces[collecting->n++] = piece;
	return true;
}

static bool compare_family(struct collecting *collecting, unsigned int family, uint64_t *budget)
{
	const struct pps_box all = pps_box_all(family == 0 ? 4 : 6);
	struct pps_space_list lists[2];

	for (unsigned int s = 0; s < 2; s++)
		lists[s] = (struct pps_space_list){collecting->spaces[s]->family[family].items,
			collecting->spaces[s]->family[family].n};
	if (pps_space_compare(&all, &lists[0], &lists[1], PPS_SPACE_CHANGED | SPACE_PASSES, budget,
		    collect_piece, collecting) != PPS_SPACE_DONE)
		return false;
	collecting->n = pps_space_merge(collecting->pieces, collecting->n);
	return true;
}

static void add_region(
	struct pps_diff *diff, const struct pps_space_piece *piece, unsigned int families)
{
	struct pps_diff_region *region = &diff->regions[diff->n++];

	*region = (struct pps_diff_region){
		.traffic = {.families = (uint8_t)families, .box = piece->box},
		.before = read_label(piece->labels[0]),
		.after = read_label(piece->labels[1]),
	};
	region->kind = region->after.decision != PPS_DECISION_PASS ? PPS_DIFF_DENIED
		: region->before.decision != PPS_DECISION_PASS     ? PPS_DIFF_ALLOWED
								   : PPS_DIFF_REBOUND;
}

static bool has_any_addresses(const struct pps_space_piece *piece, unsigned int family)
{
	const struct pps_box all = pps_box_all(family == 0 ? 4 : 6);

	for (unsigned int d = PPS_DIMS_NARROW; d < PPS_DIM_COUNT; d++) {
		if (pps_box_lo(&piece->box, d) != pps_box_lo(&all, d) ||
			pps_box_hi(&piece->box, d) != pps_box_hi(&all, d))
			return false;
	}
	return true;
}

/* The order in which pps_space_merge() leaves them, without the addresses. */
static int compare_narrow(const struct pps_space_piece *a, const struct pps_space_piece *b)
{
	for (unsigned int l = 0; l < 2; l++) {
		if (a->labels[l] != b->labels[l])
			return a->labels[l] < b->labels[l] ? -1 : 1;
	}
	for (unsigned int d = 0; d < PPS_DIMS_NARROW; d++) {
		if (a->box.narrow_lo[d] != b->box.narrow_lo[d])
			return a->box.narrow_lo[d] < b->box.narrow_lo[d] ? -1 : 1;
		if (a->box.narrow_hi[d] != b->box.narrow_hi[d])
			return a->box.narrow_hi[d] < b->box.narrow_hi[d] ? -1 : 1;
	}
	return 0;
}

/* Pieces from any to any that both families have become one region. */
static void join_families(
	struct pps_diff *diff, const struct collecting *v4, const struct collecting *v6)
{
	bool *joined = pps_alloc(v6->n + 1);
	size_t k = 0;

	for (size_t i = 0; i < v4->n; i++) {
		unsigned int families = FAMILY_4;

		if (has_any_addresses(&v4->pieces[i], 0)) {
			while (k < v6->n &&
				(compare_narrow(&v6->pieces[k], &v4->pieces[i]) < 0 ||
					!has_any_addresses(&v6->pieces[k], 1)))
				k++;
			if (k < v6->n && compare_narrow(&v6->pieces[k], &v4->pieces[i]) == 0) {
				families |= FAMILY_6;
				joined[k] = true;
			}
		}
		add_region(diff, &v4->pieces[i], families);
	}
	for (size_t i = 0; i < v6->n; i++) {
		if (!joined[i])
			add_region(diff, &v6->pieces[i], FAMILY_6);
	}
	free(joined);
}

static int compare_regions(const void *a, const void *b)
{
	const struct pps_diff_region *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->after.rule != y->after.rule)
		return x->after.rule < y->after.rule ? -1 : 1;
	if (x->before.rule != y->before.rule)
		return x->before.rule < y->before.rule ? -1 : 1;
	/* Those of both families first, then IPv4. */
	if (x->traffic.families != y->traffic.families)
		return x->traffic.families % 3 < y->traffic.families % 3 ? -1 : 1;
	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		pps_u128 lo = pps_box_lo(&x->traffic.box, d),
			 other = pps_box_lo(&y->traffic.box, d);

		if (lo != other)
			return lo < other ? -1 : 1;
	}
	return 0;
}

static bool make_regions(struct policy_space *before, struct policy_space *after, uint64_t *budget,
	struct pps_diff *ret)
{
	struct collecting families[2] = {{.spaces = {before, after}}, {.spaces = {before, after}}};
	bool fits;

	flag_changes(before, after);
	fits = compare_family(&families[0], 0, budget) && compare_family(&families[1], 1, budget) &&
		families[0].n + families[1].n <= PPS_DIFF_REGIONS_MAX;
	if (fits) {
		ret->regions =
			pps_alloc((families[0].n + families[1].n + 1) * sizeof(ret->regions[0]));
		join_families(ret, &families[0], &families[1]);
		qsort(ret->regions, ret->n, sizeof(ret->regions[0]), compare_regions);
	}
	free(families[0].pieces);
	free(families[1].pieces);
	return fits;
}

bool pps_diff_make(const struct pps_policy *before, const struct pps_policy *after, uint64_t now_ns,
	struct pps_diff *ret, struct pps_errors *errors)
{
	return diff_make(before, after, now_ns, PPS_DIFF_BUDGET, ret, errors);
}

bool diff_make(const struct pps_policy *before, const struct pps_policy *after, uint64_t now_ns,
	uint64_t budget, struct pps_diff *ret, struct pps_errors *errors)
{
	struct policy_space spaces[2];
	bool fits;

	*ret = (struct pps_diff){0};
	fits = space_make(before, now_ns, &budget, &spaces[0]);
	fits = space_make(after, now_ns, &budget, &spaces[1]) && fits;
	fits = fits && make_regions(&spaces[0], &spaces[1], &budget, ret);
	space_fini(&spaces[0]);
	space_fini(&spaces[1]);
	if (!fits)
		pps_errors_add(errors, "",
			"the difference is too complex: it would take more than %u regions, or "
			"more "
			"time than is given to it",
			PPS_DIFF_REGIONS_MAX);
	return fits;
}

void pps_diff_fini(struct pps_diff *diff)
{
	free(diff->regions);
	*diff = (struct pps_diff){0};
}
