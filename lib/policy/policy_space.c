/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

static const struct pps_range all_ports = {0, UINT16_MAX};

bool box_list_add(struct box_list *list, const struct pps_space_item *item)
{
	if (list->n == SPACE_BOXES_MAX)
		return false;
	if (list->n == list->size) {
		list->size = list->size > 0 ? 2 * list->size : 8;
		list->items = pps_realloc(list->items, list->size * sizeof(list->items[0]));
	}
	list->items[list->n++] = *item;
	return true;
}

pps_u128 addr_number(const struct pps_addr *addr)
{
	pps_u128 number = 0;

	for (unsigned int i = 0; i < (addr->family == 4 ? 4 : 16); i++)
		number = number << 8 | addr->bytes[i];
	return number;
}

struct addr_range *set_ranges(const struct pps_prefix_set *set, unsigned int family, size_t *ret_n)
{
	const struct pps_box all = pps_box_all(family == 0 ? 4 : 6);
	struct addr_range *ranges = pps_alloc((set->n + 1) * sizeof(ranges[0]));
	const pps_u128 last = pps_box_hi(&all, PPS_DIM_SOURCE);
	size_t n = 0;

	if (set->any)
		ranges[n++] = (struct addr_range){0, last};
	for (size_t i = 0; i < set->n && !set->any; i++) {
		const struct pps_prefix *prefix = &set->items[i];
		pps_u128 lo = addr_number(&prefix->addr), hosts;

		if ((prefix->addr.family == 4) != (family == 0))
			continue;
		/* Shifting by all 128 bits is not defined. */
		hosts = prefix->len < (family == 0 ? 32 : 128) ? last >> prefix->len : 0;
		if (n > 0 && ranges[n - 1].hi + 1 == lo)
			ranges[n - 1].hi = lo + hosts;
		else
			ranges[n++] = (struct addr_range){lo, lo + hosts};
	}
	*ret_n = n;
	return ranges;
}

/* VLAN ids as ranges of numbers, 0 being untagged. */
static size_t vlan_ranges(const struct pps_vlan_set *vlans, const struct pps_range **ret)
{
	static const struct pps_range any = {0, 4095}, untagged = {0, 0};

	*ret = vlans->any ? &any : vlans->none ? &untagged : vlans->items;
	return vlans->any || vlans->none ? 1 : vlans->n;
}

static struct pps_range icmp_range(const struct pps_term *term)
{
	if (term->icmp_type < 0)
		return all_ports;
	return (struct pps_range){
		(uint16_t)(term->icmp_type << 8 | (term->icmp_code < 0 ? 0 : term->icmp_code)),
		(uint16_t)(term->icmp_type << 8 | (term->icmp_code < 0 ? 255 : term->icmp_code))};
}

/* Adds a term's boxes; 'item' has all but its protocol and ports. */
static bool term_boxes(
	const struct pps_term *term, struct pps_space_item *item, struct box_list *to)
{
	bool is_icmp = term->protocol == 1 || term->protocol == 58;
	const struct pps_range icmp = icmp_range(term);
	const struct pps_range *ports = is_icmp ? &icmp
		: term->n_ports > 0             ? term->ports
						: &all_ports;
	const struct pps_range *sources =
		term->n_source_ports > 0 ? term->source_ports : &all_ports;
	size_t n_ports = term->n_ports > 0 ? term->n_ports : 1;
	size_t n_sources = term->n_source_ports > 0 ? term->n_source_ports : 1;

	if (term->protocol == PPS_PROTOCOL_ANY)
		pps_box_set(&item->box, PPS_DIM_PROTOCOL, 0, 255);
	else
		pps_box_set(&item->box, PPS_DIM_PROTOCOL, term->protocol, term->protocol);
	for (size_t i = 0; i < n_ports * n_sources; i++) {
		const struct pps_range *port = &ports[i / n_sources],
				       *source = &sources[i % n_sources];

		pps_box_set(&item->box, PPS_DIM_PORT, port->lo, port->hi);
		pps_box_set(&item->box, PPS_DIM_SOURCE_PORT, source->lo, source->hi);
		if (!box_list_add(to, item))
			return false;
	}
	return true;
}

static bool product_boxes(const struct pps_rule *rule, unsigned int family,
	struct pps_space_item *item, struct box_list *to)
{
	const struct pps_range *vlans;
	size_t n_vlans = vlan_ranges(&rule->vlans, &vlans);

	for (size_t t = 0; t < rule->n_terms; t++) {
		if ((term_families(&rule->terms[t]) & 1u << family) == 0)
			continue;
		for (size_t v = 0; v < n_vlans; v++) {
			pps_box_set(&item->box, PPS_DIM_VLAN, vlans[v].lo, vlans[v].hi);
			if (!term_boxes(&rule->terms[t], item, to))
				return false;
		}
	}
	return true;
}

bool rule_boxes(const struct pps_rule *rule, unsigned int family, struct box_list *to)
{
	struct pps_space_item item = {0};
	size_t n_from, n_to;
	struct addr_range *from = set_ranges(&rule->source, family, &n_from);
	struct addr_range *into = set_ranges(&rule->destination, family, &n_to);
	bool fits = true;

	pps_box_set(&item.box, PPS_DIM_DIRECTION, (rule->direction & PPS_INBOUND) != 0 ? 1 : 2,
		(rule->direction & PPS_OUTBOUND) != 0 ? 2 : 1);
	for (size_t i = 0; i < n_from && fits; i++) {
		for (size_t k = 0; k < n_to && fits; k++) {
			pps_box_set(&item.box, PPS_DIM_SOURCE, from[i].lo, from[i].hi);
			pps_box_set(&item.box, PPS_DIM_DESTINATION, into[k].lo, into[k].hi);
			fits = product_boxes(rule, family, &item, to);
		}
	}
	free(from);
	free(into);
	return fits;
}

/* What is under way. */
struct making {
	struct policy_space *space;
	uint64_t now_ns;
	uint64_t *budget;
	struct box_list *bans; /* by ban and family */
	uint8_t *lifted; /* by ban: by the exception in hand */
};

enum pps_decision stage_decision(enum space_stage stage)
{
	switch (stage) {
	case STAGE_STOPPED:
	case STAGE_BAN:
		return PPS_DECISION_BANNED;
	case STAGE_EXPIRED:
		return PPS_DECISION_EXPIRED;
	default:
		return PPS_DECISION_PASS;
	}
}

static struct space_entry *open_entry(
	struct policy_space *space, enum space_stage stage, size_t rule, size_t exception)
{
	struct space_entry *entry;

	if ((space->n_entries & (space->n_entries - 1)) == 0)
		space->entries = pps_realloc(space->entries,
			(space->n_entries > 0 ? 2 * space->n_entries : 1) * sizeof(*entry));
	entry = &space->entries[space->n_entries++];
	*entry = (struct space_entry){.stage = stage,
		.rule = rule,
		.exception = exception,
		.first = {space->family[0].n, space->family[1].n}};
	return entry;
}

/* Labels and flags the boxes that were added since it was opened; drops it when there are none. */
static void close_entry(struct policy_space *space)
{
	struct space_entry *entry = &space->entries[space->n_entries - 1];
	bool passes = stage_decision(entry->stage) == PPS_DECISION_PASS;

	for (unsigned int f = 0; f < 2; f++) {
		entry->n[f] = space->family[f].n - entry->first[f];
		for (size_t i = entry->first[f]; i < space->family[f].n; i++) {
			space->family[f].items[i].label = (uint32_t)(space->n_entries - 1);
			space->family[f].items[i].flags = passes ? SPACE_PASSES : 0;
		}
	}
	if (entry->n[0] + entry->n[1] == 0)
		space->n_entries--;
}

static bool add_rule(struct making *making, enum space_stage stage, size_t rule)
{
	struct policy_space *space = making->space;
	bool fits;

	open_entry(space, stage, rule, 0);
	fits = rule_boxes(&space->policy->rules[rule], 0, &space->family[0]) &&
		rule_boxes(&space->policy->rules[rule], 1, &space->family[1]);
	close_entry(space);
	return fits;
}

static bool keep_rest(const struct pps_box *box, const struct pps_space_item *first,
	const struct pps_space_item *second, void *aux)
{
	const struct pps_space_item item = {.box = *box};

	(void)first;
	(void)second;
	return box_list_add(aux, &item);
}

/* What an overriding exception permits in one family. */
static bool add_permitted(
	const struct making *making, const struct box_list *boxes, unsigned int family)
{
	struct box_list bans = {0};
	enum pps_space_end end = PPS_SPACE_DONE;

	for (size_t b = 0; b < making->space->policy->n_bans; b++) {
		const struct box_list *ban = &making->bans[2 * b + family];

		for (size_t i = 0; i < ban->n && !making->lifted[b]; i++) {
			if (!box_list_add(&bans, &ban->items[i]))
				end = PPS_SPACE_TOO_COMPLEX;
		}
	}
	for (size_t i = 0; i < boxes->n && end == PPS_SPACE_DONE; i++) {
		const struct pps_space_list list = {bans.items, bans.n};

		end = pps_space_subtract(&boxes->items[i].box, &list, making->budget, keep_rest,
			&making->space->family[family]);
	}
	free(bans.items);
	return end == PPS_SPACE_DONE;
}

/* Where both meet. */
static bool add_common(const struct box_list *a, const struct box_list *b, struct box_list *to)
{
	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			struct pps_space_item item = {0};

			if (pps_box_intersect(&a->items[i].box, &b->items[k].box, &item.box) &&
				!box_list_add(to, &item))
				return false;
		}
	}
	return true;
}

static void mark_lifted(const struct making *making, const struct pps_rule *rule, uint8_t value)
{
	for (size_t i = 0; i < rule->n_overrides; i++)
		making->lifted[rule->overrides[i]] = value;
}

/* The entries of one overriding exception in a stage: where it permits, or where bans stop it. */
static bool add_overriding(struct making *making, enum space_stage stage, size_t rule)
{
	struct policy_space *space = making->space;
	struct box_list boxes[2] = {0};
	bool fits = rule_boxes(&space->policy->rules[rule], 0, &boxes[0]) &&
		rule_boxes(&space->policy->rules[rule], 1, &boxes[1]);

	mark_lifted(making, &space->policy->rules[rule], 1);
	if (stage == STAGE_OVERRIDE && fits) {
		open_entry(space, stage, rule, 0);
		fits = add_permitted(making, &boxes[0], 0) && add_permitted(making, &boxes[1], 1);
		close_entry(space);
	}
	for (size_t b = 0; b < space->policy->n_bans && stage == STAGE_STOPPED && fits; b++) {
		if (making->lifted[b])
			continue;
		open_entry(space, stage, b, rule);
		for (unsigned int f = 0; f < 2 && fits; f++)
			fits = add_common(&boxes[f], &making->bans[2 * b + f], &space->family[f]);
		close_entry(space);
	}
	mark_lifted(making, &space->policy->rules[rule], 0);
	free(boxes[0].items);
	free(boxes[1].items);
	return fits;
}

static bool is_in_stage(const struct making *making, size_t rule, enum space_stage stage)
{
	const struct pps_rule *item = &making->space->policy->rules[rule];
	bool expired = item->expires_ns != 0 && item->expires_ns <= making->now_ns;

	if (item->kind == PPS_RULE_BAN)
		return stage == STAGE_BAN;
	if (item->kind == PPS_RULE_APPROVED)
		return stage == STAGE_APPROVED;
	if (expired)
		return stage == STAGE_EXPIRED;
	if (item->n_overrides > 0)
		return stage == STAGE_OVERRIDE || stage == STAGE_STOPPED;
	return stage == STAGE_EXCEPTION;
}

static bool add_stage(struct making *making, enum space_stage stage)
{
	bool fits = true;

	for (size_t i = 0; i < making->space->policy->n_rules && fits; i++) {
		if (!is_in_stage(making, i, stage))
			continue;
		fits = stage <= STAGE_STOPPED ? add_overriding(making, stage, i)
					      : add_rule(making, stage, i);
	}
	return fits;
}

bool space_make(const struct pps_policy *policy, uint64_t now_ns, uint64_t *budget,
	struct policy_space *ret)
{
	struct making making = {.space = ret, .now_ns = now_ns, .budget = budget};
	bool fits = true;

	*ret = (struct policy_space){.policy = policy};
	making.lifted = pps_alloc(policy->n_bans + 1);
	making.bans = pps_alloc((2 * policy->n_bans + 1) * sizeof(making.bans[0]));
	for (size_t i = 0; i < 2 * policy->n_bans && fits; i++)
		fits = rule_boxes(&policy->rules[i / 2], i % 2, &making.bans[i]);
	for (enum space_stage stage = STAGE_OVERRIDE; stage <= STAGE_EXPIRED && fits; stage++)
		fits = add_stage(&making, stage);
	for (size_t i = 0; i < 2 * policy->n_bans; i++)
		free(making.bans[i].items);
	free(making.bans);
	free(making.lifted);
	return fits;
}

void space_fini(struct policy_space *space)
{
	free(space->entries);
	free(space->family[0].items);
	free(space->family[1].items);
	*space = (struct policy_space){0};
}
