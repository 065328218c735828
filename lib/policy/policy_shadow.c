/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What each rule is worth among the others: a rule whose boxes are all held by boxes that come
 * before decides nothing; one that later rules of its kind would replace is not needed. Both are
 * asked of boxes that last as long as the rule does, because exceptions end.
 */

#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

#define BUDGET       UINT64_C(60000000) /* boxes looked at: at most some four seconds */
#define REACHING_MAX 100000u /* boxes that reach into those of one rule */
#define COVERS_MAX   200u /* rules among which a smallest set is sought */
#define COVERS_WORK  1000000u /* and the boxes looked at for each of them */

/* One box of the rule in question, and the boxes of others that reach into it, in order. */
struct part {
	struct pps_box box;
	unsigned int family;
	struct box_list reaching;
};

struct study {
	const struct policy_space *space;
	struct pps_space_index *indexes[2]; /* of its boxes, by family */
	struct pps_rule_use *uses;
	struct worth_remarks *remarks; /* by rule; NULL: not wanted */
	uint64_t budget;
	/* Of the rule in question. */
	size_t rule;
	struct part *parts;
	size_t n_parts;
	size_t n_reaching;
	bool unknown; /* the budget is used up */
	/* Of each rule: may it help to cover the parts? */
	bool *counts;
	uint64_t lasting_ns; /* what ends before that counts nowhere */
};

static const struct space_entry *entry_of(
	const struct study *study, const struct pps_space_item *item)
{
	return &study->space->entries[item->label];
}

/* When a rule ends. */
static uint64_t end_of(const struct pps_rule *rule)
{
	return rule->expires_ns != 0 ? rule->expires_ns : UINT64_MAX;
}

/* The exception with which an entry ends; SIZE_MAX: it does not end. */
static size_t mortal_of(const struct study *study, const struct space_entry *entry)
{
	size_t rule = entry->stage == STAGE_STOPPED ? entry->exception : entry->rule;

	return study->space->policy->rules[rule].kind == PPS_RULE_EXCEPTION ? rule : SIZE_MAX;
}

static bool lasts(const struct study *study, const struct space_entry *entry)
{
	size_t mortal = mortal_of(study, entry);

	return mortal == SIZE_MAX ||
		end_of(&study->space->policy->rules[mortal]) >= study->lasting_ns;
}

static bool lifts(const struct pps_rule *exception, size_t ban)
{
	for (size_t i = 0; i < exception->n_overrides; i++) {
		if (exception->overrides[i] == ban)
			return true;
	}
	return false;
}

/* ---- parts ---- */

/* What is being gathered. */
struct gathering {
	struct study *study;
	struct part *part;
};

static bool gather(uint32_t number, void *aux)
{
	const struct gathering *gathering = aux;
	struct study *study = gathering->study;
	struct part *part = gathering->part;
	const struct pps_space_item *item = &study->space->family[part->family].items[number];

	if (entry_of(study, item)->rule == study->rule)
		return true;
	return study->n_reaching++ < REACHING_MAX && box_list_add(&part->reaching, item);
}

/* Entries are numbered in their order. */
static int compare_labels(const void *a, const void *b)
{
	const struct pps_space_item *x = a, *y = b;

	return x->label < y->label ? -1 : x->label > y->label;
}

static void gather_reaching(struct study *study, struct part *part)
{
	struct gathering gathering = {study, part};

	if (!pps_space_index_find(
		    study->indexes[part->family], &part->box, &study->budget, gather, &gathering))
		study->unknown = true;
	if (part->reaching.n > 0)
		qsort(part->reaching.items, part->reaching.n, sizeof(part->reaching.items[0]),
			compare_labels);
}

static void make_parts(struct study *study, size_t rule)
{
	struct box_list boxes[2] = {0};

	study->rule = rule;
	study->n_reaching = 0;
	for (unsigned int f = 0; f < 2; f++)
		rule_boxes(&study->space->policy->rules[rule], f, &boxes[f]);
	study->parts = pps_alloc((boxes[0].n + boxes[1].n + 1) * sizeof(study->parts[0]));
	study->n_parts = 0;
	for (unsigned int f = 0; f < 2; f++) {
		for (size_t i = 0; i < boxes[f].n && !study->unknown; i++) {
			struct part *part = &study->parts[study->n_parts++];

			*part = (struct part){.box = boxes[f].items[i].box, .family = f};
			gather_reaching(study, part);
		}
		free(boxes[f].items);
	}
}

static void free_parts(struct study *study)
{
	for (size_t i = 0; i < study->n_parts; i++)
		free(study->parts[i].reaching.items);
	free(study->parts);
	study->parts = NULL;
	study->n_parts = 0;
}

/* ---- covering ---- */

static bool take_witness(const struct pps_box *box, const struct pps_space_item *first,
	const struct pps_space_item *second, void *aux)
{
	struct pps_box *witness = aux;

	(void)first;
	(void)second;
	*witness = *box;
	return false;
}

/* Which boxes of a part count, by their entries. */
typedef bool (*counts_fn)(const struct study *study, const struct space_entry *entry, size_t aux);

/* True when boxes that count hold all of the part; else *ret_rest is something they do not. */
static bool part_is_covered(struct study *study, const struct part *part,
	const struct pps_box *region, counts_fn counts, size_t aux, struct pps_box *ret_rest)
{
	struct box_list kept = {0};
	enum pps_space_end end;

	if (study->budget <= part->reaching.n) {
		study->unknown = true;
		return true;
	}
	study->budget -= part->reaching.n;
	for (size_t i = 0; i < part->reaching.n; i++) {
		const struct space_entry *entry = entry_of(study, &part->reaching.items[i]);

		if (lasts(study, entry) && counts(study, entry, aux))
			box_list_add(&kept, &part->reaching.items[i]);
	}
	end = pps_space_subtract(region, &(struct pps_space_list){kept.items, kept.n},
		&study->budget, take_witness, ret_rest);
	free(kept.items);
	study->unknown = study->unknown || end == PPS_SPACE_TOO_COMPLEX;
	return end == PPS_SPACE_DONE;
}

static bool is_covered(
	struct study *study, counts_fn counts, size_t aux, struct pps_traffic *ret_rest)
{
	for (size_t i = 0; i < study->n_parts; i++) {
		const struct part *part = &study->parts[i];

		if (part_is_covered(study, part, &part->box, counts, aux, &ret_rest->box))
			continue;
		ret_rest->families = part->family == 0 ? FAMILY_4 : FAMILY_6;
		return false;
	}
	return true;
}

/* Entries that are asked before the rule in question is, at its own place of the order. */
static bool comes_before(const struct study *study, const struct space_entry *entry, size_t aux)
{
	const struct pps_rule *rule = &study->space->policy->rules[study->rule];
	const enum space_stage stage = (enum space_stage)aux;

	if (stage == STAGE_OVERRIDE && (entry->stage == STAGE_BAN || entry->stage == STAGE_STOPPED))
		return entry->stage == STAGE_BAN && !lifts(rule, entry->rule);
	return entry->stage < stage || (entry->stage == stage && entry->rule < study->rule);
}

/* The same, of rules that count. */
static bool comes_before_and_counts(
	const struct study *study, const struct space_entry *entry, size_t aux)
{
	return study->counts[entry->rule] && comes_before(study, entry, aux);
}

/* What may stand in for the rule if it went: later permissions on the same terms. */
static bool could_replace(const struct study *study, const struct space_entry *entry, size_t stage)
{
	static const struct pps_limits none;
	const struct pps_rule *rule = &study->space->policy->rules[study->rule];
	const struct pps_rule *other = &study->space->policy->rules[entry->rule];

	return (entry->stage == STAGE_EXCEPTION || entry->stage == STAGE_APPROVED) &&
		!comes_before(study, entry, stage) && rule->log == other->log &&
		memcmp(&other->limits, &none, sizeof(none)) == 0 &&
		study->uses[entry->rule].worth != PPS_WORTH_SHADOWED;
}

static bool comes_before_or_replaces(
	const struct study *study, const struct space_entry *entry, size_t stage)
{
	return comes_before(study, entry, stage) || could_replace(study, entry, stage);
}

static bool comes_before_or_replaces_and_counts(
	const struct study *study, const struct space_entry *entry, size_t stage)
{
	return comes_before(study, entry, stage) ||
		(study->counts[entry->rule] && could_replace(study, entry, stage));
}

static int compare_numbers(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The rules that own boxes which count; the caller frees them. */
static size_t *find_owners(const struct study *study, counts_fn counts, size_t aux, size_t *ret_n)
{
	size_t *owners = pps_alloc((study->n_reaching + 1) * sizeof(owners[0]));
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < study->n_parts; i++) {
		const struct box_list *reaching = &study->parts[i].reaching;

		for (size_t k = 0; k < reaching->n; k++) {
			const struct space_entry *entry = entry_of(study, &reaching->items[k]);

			if (lasts(study, entry) && counts(study, entry, aux))
				owners[n++] = entry->rule;
		}
	}
	qsort(owners, n, sizeof(owners[0]), compare_numbers);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || owners[kept - 1] != owners[i])
			owners[kept++] = owners[i];
	}
	*ret_n = kept;
	return owners;
}

/*
 * Of the rules that 'counts' names, a set that covers and of which none can be left out (unless
 * they are very many, or have very many boxes): one rule where one is enough. 'among' is the same
 * but for those that study->counts leaves out.
 */
static void find_covers(struct study *study, counts_fn counts, counts_fn among, size_t aux,
	struct pps_rule_use *use)
{
	size_t n, kept = 0;
	size_t *owners = find_owners(study, counts, aux, &n);
	struct pps_traffic rest;
	bool few = n <= COVERS_MAX && n * study->n_reaching <= COVERS_WORK;

	for (size_t i = 0; i < n && few; i++) {
		bool single;

		study->counts[owners[i]] = true;
		single = is_covered(study, among, aux, &rest);
		study->counts[owners[i]] = false;
		if (single) {
			owners[0] = owners[i];
			n = 1;
		}
	}
	for (size_t i = 0; i < n; i++)
		study->counts[owners[i]] = true;
	/* Later ones go first: what decides is rather what comes first. */
	for (size_t i = n; i-- > 0 && few && n > 1;) {
		study->counts[owners[i]] = false;
		study->counts[owners[i]] = !is_covered(study, among, aux, &rest);
	}
	for (size_t i = 0; i < n; i++) {
		if (!study->counts[owners[i]])
			continue;
		study->counts[owners[i]] = false;
		owners[kept++] = owners[i];
	}
	use->by = owners;
	use->n_by = kept;
}

/* ---- bans ---- */

/* All that is asked before one entry in which a ban names drops. */
static bool stands_above(const struct study *study, const struct space_entry *entry, size_t aux)
{
	return entry < &study->space->entries[aux];
}

/* What keeps an exception from permitting when the ban in question is gone; and what permits
 * before. */
static bool stops_too(const struct study *study, const struct space_entry *entry, size_t aux)
{
	const struct space_entry *own = &study->space->entries[aux];

	return entry->stage == STAGE_OVERRIDE ||
		(entry->stage == STAGE_STOPPED && entry->exception == own->exception &&
			entry->rule != own->rule);
}

/* True when the ban stops some packet in this entry: by name, or because an exception would permit
 * without it. */
static bool ban_decides_in(struct study *study, size_t number, struct pps_traffic *ret_witness)
{
	const struct space_entry *entry = &study->space->entries[number];

	for (size_t i = 0; i < study->n_parts; i++) {
		const struct part *part = &study->parts[i];
		const struct box_list *all = &study->space->family[part->family];
		size_t end = entry->first[part->family] + entry->n[part->family];

		ret_witness->families = part->family == 0 ? FAMILY_4 : FAMILY_6;
		for (size_t k = entry->first[part->family]; k < end; k++) {
			struct pps_box region;

			if (!pps_box_intersect(&all->items[k].box, &part->box, &region))
				continue;
			if (!part_is_covered(
				    study, part, &region, stands_above, number, &ret_witness->box))
				return true;
			if (entry->stage == STAGE_STOPPED &&
				!part_is_covered(
					study, part, &region, stops_too, number, &ret_witness->box))
				return true;
		}
	}
	return false;
}

static bool ban_decides(struct study *study, struct pps_traffic *ret_witness)
{
	for (size_t i = 0; i < study->space->n_entries; i++) {
		const struct space_entry *entry = &study->space->entries[i];

		if (entry->rule == study->rule && lasts(study, entry) &&
			ban_decides_in(study, i, ret_witness))
			return true;
	}
	return false;
}

/* ---- the verdict ---- */

static enum space_stage own_stage(const struct pps_rule *rule)
{
	if (rule->kind == PPS_RULE_BAN)
		return STAGE_BAN;
	if (rule->kind == PPS_RULE_APPROVED)
		return STAGE_APPROVED;
	return rule->n_overrides > 0 ? STAGE_OVERRIDE : STAGE_EXCEPTION;
}

static int compare_times(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void study_redundancy(struct study *study, enum space_stage stage, struct pps_rule_use *use)
{
	static const struct pps_limits none;
	const struct pps_rule *rule = &study->space->policy->rules[study->rule];
	struct pps_traffic rest;

	if (stage < STAGE_EXCEPTION || memcmp(&rule->limits, &none, sizeof(none)) != 0)
		return;
	study->lasting_ns = end_of(rule);
	if (!is_covered(study, comes_before_or_replaces, stage, &rest))
		return;
	use->worth = PPS_WORTH_REDUNDANT;
	find_covers(study, could_replace, comes_before_or_replaces_and_counts, stage, use);
}

/* The moments, in order, before the rule itself ends, at which something ends that reaches into it;
 * the caller frees them. */
static uint64_t *find_ends(const struct study *study, size_t *ret_n)
{
	uint64_t *ends = pps_alloc((study->n_reaching + 1) * sizeof(ends[0]));
	const struct pps_rule *rules = study->space->policy->rules;
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < study->n_parts; i++) {
		const struct box_list *reaching = &study->parts[i].reaching;

		for (size_t k = 0; k < reaching->n; k++) {
			size_t mortal = mortal_of(study, entry_of(study, &reaching->items[k]));

			if (mortal != SIZE_MAX &&
				end_of(&rules[mortal]) < end_of(&rules[study->rule]))
				ends[n++] = end_of(&rules[mortal]);
		}
	}
	qsort(ends, n, sizeof(ends[0]), compare_times);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || ends[kept - 1] != ends[i])
			ends[kept++] = ends[i];
	}
	*ret_n = kept;
	return ends;
}

static bool decides(struct study *study, enum space_stage stage, uint64_t lasting_ns,
	struct pps_traffic *ret_witness)
{
	study->lasting_ns = lasting_ns;
	if (study->unknown)
		return false;
	return stage == STAGE_BAN ? ban_decides(study, ret_witness)
				  : !is_covered(study, comes_before, stage, ret_witness);
}

/*
 * Of a rule that decides nothing now: will it, when exceptions have ended? What covers a permission
 * only becomes less, so that the last end tells; a ban may be needed for a while in between.
 */
static void study_cover(struct study *study, enum space_stage stage, struct pps_rule_use *use)
{
	size_t n;
	uint64_t *ends = find_ends(study, &n);

	use->worth = PPS_WORTH_SHADOWED;
	if (stage != STAGE_BAN && n > 0 && !decides(study, stage, ends[n - 1] + 1, &use->witness))
		n = 0;
	for (size_t i = 0; i < n && use->worth == PPS_WORTH_SHADOWED; i++) {
		if (!decides(study, stage, ends[i] + 1, &use->witness))
			continue;
		use->worth = PPS_WORTH_LATER;
		use->until_ns = ends[i];
	}
	study->lasting_ns = use->worth == PPS_WORTH_LATER
		? use->until_ns
		: end_of(&study->space->policy->rules[study->rule]);
	find_covers(study, comes_before, comes_before_and_counts, stage, use);
	free(ends);
}

static bool is_ban_of_it(const struct study *study, const struct space_entry *entry, size_t stage)
{
	return entry->stage == STAGE_BAN && stage != STAGE_BAN &&
		!lifts(&study->space->policy->rules[study->rule], entry->rule);
}

static bool is_exception_before_it(
	const struct study *study, const struct space_entry *entry, size_t stage)
{
	return (stage == STAGE_OVERRIDE || stage == STAGE_EXCEPTION) &&
		(entry->stage == STAGE_OVERRIDE || entry->stage == STAGE_EXCEPTION) &&
		comes_before(study, entry, stage);
}

/* Writes where a rule that counts meets the one in question: the first region, and how many. */
static void print_meeting(const struct study *study, size_t owner, counts_fn counts, size_t stage,
	struct pps_str *out)
{
	struct pps_space_piece *pieces = pps_alloc((study->n_reaching + 1) * sizeof(pieces[0]));
	struct pps_traffic traffic;
	size_t n = 0;

	for (size_t i = 0; i < study->n_parts; i++) {
		const struct part *part = &study->parts[i];

		for (size_t k = 0; k < part->reaching.n; k++) {
			const struct pps_space_item *item = &part->reaching.items[k];
			const struct space_entry *entry = entry_of(study, item);

			if (entry->rule != owner || !counts(study, entry, stage) ||
				!pps_box_intersect(&item->box, &part->box, &pieces[n].box))
				continue;
			pieces[n].labels[0] = part->family;
			pieces[n++].labels[1] = 0;
		}
	}
	n = pps_space_merge(pieces, n);
	traffic.families = pieces[0].labels[0] == 0 ? FAMILY_4 : FAMILY_6;
	traffic.box = pieces[0].box;
	pps_str_addf(out, "%s (", study->space->policy->rules[owner].id);
	pps_traffic_print(&traffic, out);
	if (n > 1)
		pps_str_addf(out, " and %zu more region%s", n - 1, n == 2 ? "" : "s");
	pps_str_add(out, ")");
	free(pieces);
}

/* "BAN-1 (outbound tcp 10.0.0.0/8 -> any:25), BAN-2 (...) and 7 more"; NULL when there are none. */
static char *meetings_text(const struct study *study, counts_fn counts, size_t stage)
{
	size_t n;
	size_t *owners = find_owners(study, counts, stage, &n);
	struct pps_str text = PPS_STR_INIT;

	for (size_t i = 0; i < n && i < NAMED_MAX; i++) {
		pps_str_add(&text, i > 0 ? ", " : "");
		print_meeting(study, owners[i], counts, stage, &text);
	}
	if (n > NAMED_MAX)
		pps_str_addf(&text, " and %zu more", n - NAMED_MAX);
	free(owners);
	return n > 0 ? pps_str_take(&text) : NULL;
}

static void study_rule(struct study *study, size_t number, uint64_t now_ns)
{
	const struct pps_rule *rule = &study->space->policy->rules[number];
	struct pps_rule_use *use = &study->uses[number];
	enum space_stage stage = own_stage(rule);
	bool decides_now;

	if (rule->expires_ns != 0 && rule->expires_ns <= now_ns) {
		use->worth = PPS_WORTH_EXPIRED;
		return;
	}
	study->unknown = false;
	make_parts(study, number);
	decides_now = decides(study, stage, 0, &use->witness);
	if (!study->unknown && decides_now) {
		if (study->remarks != NULL) {
			study->remarks[number].bans = meetings_text(study, is_ban_of_it, stage);
			study->remarks[number].exceptions =
				meetings_text(study, is_exception_before_it, stage);
		}
		study_redundancy(study, stage, use);
	} else if (!study->unknown) {
		study_cover(study, stage, use);
	}
	if (study->unknown)
		use->worth = PPS_WORTH_UNKNOWN;
	free_parts(study);
}

struct pps_rule_use *study_worth(
	const struct pps_policy *policy, uint64_t now_ns, struct worth_remarks *remarks)
{
	struct study study = {.budget = BUDGET, .remarks = remarks};
	struct policy_space space;

	study.uses = pps_alloc((policy->n_rules + 1) * sizeof(study.uses[0]));
	study.counts = pps_alloc(policy->n_rules + 1);
	study.space = &space;
	if (space_make(policy, now_ns, &study.budget, &space)) {
		for (unsigned int f = 0; f < 2; f++)
			study.indexes[f] = pps_space_index_create(
				&(struct pps_space_list){space.family[f].items, space.family[f].n});
		/* Last to first: which later rules are worth nothing must be known. */
		for (size_t i = policy->n_rules; i-- > 0;)
			study_rule(&study, i, now_ns);
	} else {
		for (size_t i = 0; i < policy->n_rules; i++)
			study.uses[i].worth = PPS_WORTH_UNKNOWN;
	}
	pps_space_index_destroy(study.indexes[0]);
	pps_space_index_destroy(study.indexes[1]);
	space_fini(&space);
	free(study.counts);
	return study.uses;
}

struct pps_rule_use *pps_policy_uses(const struct pps_policy *policy, uint64_t now_ns)
{
	return study_worth(policy, now_ns, NULL);
}

void pps_policy_uses_free(struct pps_rule_use *uses, const struct pps_policy *policy)
{
	for (size_t i = 0; i < policy->n_rules; i++)
		free(uses[i].by);
	free(uses);
}
