/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

#define RANGES_SHOWN 100 /* of one list of sources */

/* Keys of the canonical print that say which traffic a rule names. */
static const char *const traffic_keys[] = {"direction", "protocol", "ports", "source_ports", "icmp",
	"service", "source", "destination", "vlans", "overrides"};

static json_t *summary_json(const struct pps_policy *policy)
{
	return json_pack("{s:s, s:I, s:s?, s:s}", "name", policy->name, "revision",
		(json_int_t)policy->revision, "authority", policy->authority, "digest",
		policy->digest);
}

static json_t *time_text(uint64_t ns)
{
	char text[PPS_TIME_TEXT_MAX];

	return ns == 0 ? json_null() : json_string(pps_time_format(ns, 0, text));
}

static json_t *change_json(const char *field, json_t *before, json_t *after)
{
	return json_pack("{s:s, s:o, s:o}", "field", field, "old", before, "new", after);
}

/* ---- regions ---- */

static json_t *side_json(const struct pps_policy *policy, const struct pps_diff_side *side)
{
	const struct pps_rule *rule = side->rule != SIZE_MAX ? &policy->rules[side->rule] : NULL;

	return json_pack("{s:s, s:s?, s:s?}", "decision", pps_decision_word(side->decision), "rule",
		rule != NULL ? rule->id : NULL, "approved_by",
		rule != NULL ? rule->approved_by : NULL);
}

static json_t *range_json(const struct pps_box *box, unsigned int dim)
{
	return json_pack(
		"[I, I]", (json_int_t)pps_box_lo(box, dim), (json_int_t)pps_box_hi(box, dim));
}

/* null: every address. */
static json_t *addr_json(const struct pps_traffic *traffic, unsigned int dim)
{
	unsigned int family = (traffic->families & FAMILY_4) != 0 ? 0 : 1;
	const struct addr_range range = {
		pps_box_lo(&traffic->box, dim), pps_box_hi(&traffic->box, dim)};
	struct pps_str text = PPS_STR_INIT;
	json_t *json;

	if (traffic->families == (FAMILY_4 | FAMILY_6))
		return json_string("any");
	addr_range_print(&range, family, &text);
	json = json_string(pps_str_text(&text));
	pps_str_fini(&text);
	return json;
}

static json_t *region_json(const struct pps_diff_region *region, const struct pps_policy *before,
	const struct pps_policy *after)
{
	static const char *const families[] = {"", "ipv4", "ipv6", "any"};
	static const char *const directions[] = {"", "inbound", "outbound", "both"};
	const struct pps_traffic *traffic = &region->traffic;
	const struct pps_box *box = &traffic->box;
	pps_u128 protocol = pps_box_lo(box, PPS_DIM_PROTOCOL);
	bool is_icmp =
		(protocol == 1 || protocol == 58) && protocol == pps_box_hi(box, PPS_DIM_PROTOCOL);
	struct pps_str text = PPS_STR_INIT;
	json_t *json;

	pps_traffic_print(traffic, &text);
	json = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "text",
		pps_str_text(&text), "family", families[traffic->families], "direction",
		directions[(box->narrow_lo[PPS_DIM_DIRECTION] == 1 ? 1 : 0) |
			(box->narrow_hi[PPS_DIM_DIRECTION] == 2 ? 2 : 0)],
		"protocol", range_json(box, PPS_DIM_PROTOCOL), "source",
		addr_json(traffic, PPS_DIM_SOURCE), "source_ports",
		range_json(box, PPS_DIM_SOURCE_PORT), "destination",
		addr_json(traffic, PPS_DIM_DESTINATION), is_icmp ? "icmp" : "ports",
		range_json(box, PPS_DIM_PORT), "vlans", range_json(box, PPS_DIM_VLAN), "old",
		side_json(before, &region->before), "new", side_json(after, &region->after));
	pps_str_fini(&text);
	return json;
}

static void add_regions(const struct pps_diff *diff, const struct pps_policy *before,
	const struct pps_policy *after, json_t *root)
{
	static const char *const keys[] = {
		[PPS_DIFF_ALLOWED] = "allowed",
		[PPS_DIFF_DENIED] = "denied",
		[PPS_DIFF_REBOUND] = "rebound",
	};

	for (size_t i = 0; i < COUNT(keys); i++)
		json_object_set_new(root, keys[i], json_array());
	for (size_t i = 0; i < diff->n; i++)
		json_array_append_new(json_object_get(root, keys[diff->regions[i].kind]),
			region_json(&diff->regions[i], before, after));
}

/* ---- rules, by their ids ---- */

static int compare_rules(const void *a, const void *b)
{
	const struct pps_rule *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* The rules sorted by id; the caller frees them. */
static const struct pps_rule **sort_rules(const struct pps_policy *policy)
{
	const struct pps_rule **rules = pps_alloc((policy->n_rules + 1) * sizeof(rules[0]));

	for (size_t i = 0; i < policy->n_rules; i++)
		rules[i] = &policy->rules[i];
	qsort(rules, policy->n_rules, sizeof(rules[0]), compare_rules);
	return rules;
}

static const struct pps_rule *find_rule(
	const struct pps_rule *const *rules, size_t n, const struct pps_rule *wanted)
{
	const struct pps_rule *const *found =
		bsearch(&wanted, rules, n, sizeof(*rules), compare_rules);

	return found != NULL ? *found : NULL;
}

static bool is_traffic_key(const char *key)
{
	for (size_t i = 0; i < COUNT(traffic_keys); i++) {
		if (strcmp(key, traffic_keys[i]) == 0)
			return true;
	}
	return false;
}

static json_t *or_null(json_t *value)
{
	return value != NULL ? json_incref(value) : json_null();
}

/* Adds the members that are not equal; those that name traffic by their names alone. */
static void compare_members(json_t *before, json_t *after, json_t *fields, json_t *traffic)
{
	json_t *keys = json_copy(before), *value;
	const char *key;

	json_object_update_missing(keys, after);
	json_object_foreach(keys, key, value)
	{
		json_t *x = json_object_get(before, key), *y = json_object_get(after, key);

		if (x != NULL && y != NULL && json_equal(x, y))
			continue;
		if (is_traffic_key(key))
			json_array_append_new(traffic, json_string(key));
		else
			json_array_append_new(fields, change_json(key, or_null(x), or_null(y)));
	}
	json_decref(keys);
}

/* What differs between two rules of one id; NULL when nothing does. */
static json_t *rule_change(const struct pps_policy *before, const struct pps_rule *x,
	const struct pps_policy *after, const struct pps_rule *y)
{
	json_t *a = print_policy_rule(before, x), *b = print_policy_rule(after, y);
	json_t *fields = json_array(), *traffic = json_array();

	if (x->kind != y->kind)
		json_array_append_new(fields,
			change_json("kind", json_string(pps_rule_kind_word(x->kind)),
				json_string(pps_rule_kind_word(y->kind))));
	compare_members(a, b, fields, traffic);
	json_decref(a);
	json_decref(b);
	if (json_array_size(fields) + json_array_size(traffic) > 0)
		return json_pack("{s:s, s:s, s:o, s:o}", "rule", y->id, "change", "changed",
			"traffic", traffic, "fields", fields);
	json_decref(fields);
	json_decref(traffic);
	return NULL;
}

static void add_rule_changes(
	const struct pps_policy *before, const struct pps_policy *after, json_t *root)
{
	const struct pps_rule **olds = sort_rules(before), **news = sort_rules(after);
	json_t *list = json_array();

	for (size_t i = 0; i < after->n_rules; i++) {
		const struct pps_rule *rule = &after->rules[i];
		const struct pps_rule *was = find_rule(olds, before->n_rules, rule);
		json_t *change;

		if (was == NULL)
			change = json_pack("{s:s, s:s}", "rule", rule->id, "change", "added");
		else
			change = rule_change(before, was, after, rule);
		if (change != NULL)
			json_array_append_new(list, change);
	}
	for (size_t i = 0; i < before->n_rules; i++) {
		if (find_rule(news, after->n_rules, &before->rules[i]) == NULL)
			json_array_append_new(list,
				json_pack("{s:s, s:s}", "rule", before->rules[i].id, "change",
					"removed"));
	}
	json_object_set_new(root, "rules", list);
	free(olds);
	free(news);
}

/* ---- when exceptions permit ---- */

static json_t *window_json(const struct pps_rule *was, const struct pps_rule *is, uint64_t now_ns)
{
	const struct pps_rule *rule = is != NULL ? is : was;

	return json_pack("{s:s, s:o, s:o, s:b, s:b}", "rule", rule->id, "old",
		was != NULL ? time_text(was->expires_ns) : json_null(), "new",
		is != NULL ? time_text(is->expires_ns) : json_null(), "removed", is == NULL,
		"expired", is != NULL && is->expires_ns != 0 && is->expires_ns <= now_ns);
}

/* Of every exception whose end is not the same, and of those that have ended. */
static void add_windows(const struct pps_policy *before, const struct pps_policy *after,
	uint64_t now_ns, json_t *root)
{
	const struct pps_rule **olds = sort_rules(before), **news = sort_rules(after);
	json_t *list = json_array();

	for (size_t i = 0; i < after->n_rules; i++) {
		const struct pps_rule *is = &after->rules[i];
		const struct pps_rule *was = find_rule(olds, before->n_rules, is);
		bool ended = is->expires_ns != 0 && is->expires_ns <= now_ns;

		if (is->kind == PPS_RULE_EXCEPTION &&
			(ended || was == NULL || was->expires_ns != is->expires_ns))
			json_array_append_new(list, window_json(was, is, now_ns));
	}
	for (size_t i = 0; i < before->n_rules; i++) {
		const struct pps_rule *was = &before->rules[i];
		const struct pps_rule *is = find_rule(news, after->n_rules, was);

		if (was->kind == PPS_RULE_EXCEPTION &&
			(is == NULL || is->kind != PPS_RULE_EXCEPTION))
			json_array_append_new(list, window_json(was, NULL, now_ns));
	}
	json_object_set_new(root, "exceptions", list);
	free(olds);
	free(news);
}

/* ---- the link section ---- */

static unsigned int ethertype_directions(const struct pps_link *link, uint16_t ethertype)
{
	for (size_t i = 0; i < link->n_ethertypes; i++) {
		if (link->ethertypes[i].ethertype == ethertype)
			return link->ethertypes[i].direction;
	}
	return 0;
}

static void compare_directions(
	const char *field, unsigned int before, unsigned int after, json_t *list)
{
	if (before != after)
		json_array_append_new(list,
			change_json(field,
				json_string(pps_direction_word((enum pps_direction)before)),
				json_string(pps_direction_word((enum pps_direction)after))));
}

/* The ethertypes of 'listed', and what both sections say of them. */
static void compare_ethertypes(const struct pps_link *listed, const struct pps_link *before,
	const struct pps_link *after, bool skip_before, json_t *list)
{
	for (size_t i = 0; i < listed->n_ethertypes; i++) {
		uint16_t ethertype = listed->ethertypes[i].ethertype;
		unsigned int was = ethertype_directions(before, ethertype);
		char *field;

		if (skip_before && was != 0)
			continue;
		field = ethertype == 0 ? pps_strdup("link.ethertypes 802.3")
				       : pps_asprintf("link.ethertypes 0x%04x", ethertype);
		compare_directions(field, was, ethertype_directions(after, ethertype), list);
		free(field);
	}
}

static void add_link(const struct pps_policy *before, const struct pps_policy *after, json_t *root)
{
	const struct pps_link *x = &before->link, *y = &after->link;
	json_t *list = json_array(), *a = json_object(), *b = json_object(), *vlans[2];

	compare_directions("link.arp", x->arp, y->arp, list);
	compare_directions(
		"link.neighbor_discovery", x->neighbor_discovery, y->neighbor_discovery, list);
	print_link(x, a);
	print_link(y, b);
	vlans[0] = json_object_get(json_object_get(a, "link"), "vlans");
	vlans[1] = json_object_get(json_object_get(b, "link"), "vlans");
	for (unsigned int i = 0; i < 2; i++)
		vlans[i] = vlans[i] != NULL ? json_incref(vlans[i]) : json_string("none");
	if (!json_equal(vlans[0], vlans[1]))
		json_array_append_new(list,
			change_json("link.vlans", json_incref(vlans[0]), json_incref(vlans[1])));
	json_decref(vlans[0]);
	json_decref(vlans[1]);
	json_decref(a);
	json_decref(b);
	compare_ethertypes(x, x, y, false, list);
	compare_ethertypes(y, x, y, true, list);
	json_object_set_new(root, "link", list);
}

/* ---- the source lists ---- */

/* Adds what is in 'ranges' and not in 'others'; both ascend. Returns how many ranges that is. */
static uint64_t subtract_ranges(const struct addr_range *ranges, size_t n,
	const struct addr_range *others, size_t n_others, unsigned int family, json_t *list)
{
	uint64_t found = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct addr_range rest = ranges[i];
		bool left = true;

		while (left) {
			struct addr_range part = rest;
			struct pps_str text = PPS_STR_INIT;

			while (k < n_others && others[k].hi < rest.lo)
				k++;
			left = k < n_others && others[k].lo <= rest.hi;
			if (left && others[k].lo <= rest.lo) {
				left = others[k].hi < rest.hi;
				rest.lo = others[k].hi + 1;
				continue;
			}
			if (left) {
				part.hi = others[k].lo - 1;
				rest.lo = others[k].lo;
			}
			if (found++ < RANGES_SHOWN && json_array_size(list) < RANGES_SHOWN) {
				addr_range_print(&part, family, &text);
				json_array_append_new(list, json_string(pps_str_text(&text)));
				pps_str_fini(&text);
			}
		}
	}
	return found;
}

/* {"count", "ranges": [...]} of the sources that 'set' has and 'other' has not. */
static json_t *sources_json(const struct pps_prefix_set *set, const struct pps_prefix_set *other)
{
	json_t *list = json_array();
	uint64_t n = 0;

	for (unsigned int f = 0; f < 2; f++) {
		size_t n_ranges, n_others;
		struct addr_range *ranges = set_ranges(set, f, &n_ranges);
		struct addr_range *others = set_ranges(other, f, &n_others);

		n += subtract_ranges(ranges, n_ranges, others, n_others, f, list);
		free(ranges);
		free(others);
	}
	return json_pack("{s:I, s:o}", "count", (json_int_t)n, "ranges", list);
}

static void compare_sources(const char *list, const struct pps_source_list *before,
	const struct pps_source_list *after, bool all_when_absent, json_t *changes)
{
	/* Without an allow list every source is allowed. */
	const struct pps_prefix_set otherwise = {.any = all_when_absent};
	const struct pps_prefix_set *x = before->present ? &before->set : &otherwise;
	const struct pps_prefix_set *y = after->present ? &after->set : &otherwise;
	json_t *added = sources_json(y, x), *removed = sources_json(x, y);

	if (json_integer_value(json_object_get(added, "count")) +
			json_integer_value(json_object_get(removed, "count")) >
		0)
		json_array_append_new(changes,
			json_pack("{s:s, s:O, s:O}", "list", list, "added", added, "removed",
				removed));
	json_decref(added);
	json_decref(removed);
}

static void add_sources(
	const struct pps_policy *before, const struct pps_policy *after, json_t *root)
{
	json_t *list = json_array();

	compare_sources("block", &before->block, &after->block, false, list);
	compare_sources("allow", &before->allow, &after->allow, true, list);
	json_object_set_new(root, "sources", list);
}

/* ---- settings ---- */

static void add_settings(
	const struct pps_policy *before, const struct pps_policy *after, json_t *root)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < PPS_TIMEOUT_COUNT; i++) {
		char *field;

		if (before->timeouts_sec[i] == after->timeouts_sec[i])
			continue;
		field = pps_asprintf("timeouts.%s", pps_timeout_word((enum pps_timeout)i));
		json_array_append_new(list,
			change_json(field, json_integer(before->timeouts_sec[i]),
				json_integer(after->timeouts_sec[i])));
		free(field);
	}
	json_object_set_new(root, "settings", list);
}

/* All but the regions. */
static void add_others(const struct pps_policy *before, const struct pps_policy *after,
	uint64_t now_ns, json_t *root)
{
	add_rule_changes(before, after, root);
	add_windows(before, after, now_ns, root);
	add_link(before, after, root);
	add_sources(before, after, root);
	add_settings(before, after, root);
}

json_t *pps_diff_counts(
	const struct pps_policy *before, const struct pps_policy *after, uint64_t now_ns)
{
	json_int_t kinds[PPS_DIFF_REBOUND + 1] = {0};
	json_t *counts = NULL, *others = json_object(), *list;
	struct pps_errors errors = {0};
	struct pps_diff diff;
	const char *key;

	if (diff_make(before, after, now_ns, PPS_DIFF_BUDGET / 10, &diff, &errors)) {
		for (size_t i = 0; i < diff.n; i++)
			kinds[diff.regions[i].kind]++;
		counts = json_pack("{s:I, s:I, s:I}", "allowed", kinds[PPS_DIFF_ALLOWED], "denied",
			kinds[PPS_DIFF_DENIED], "rebound", kinds[PPS_DIFF_REBOUND]);
		add_others(before, after, now_ns, others);
		json_object_foreach(others, key, list) json_object_set_new(
			counts, key, json_integer((json_int_t)json_array_size(list)));
	}
	json_decref(others);
	pps_diff_fini(&diff);
	pps_errors_fini(&errors);
	return counts;
}

static bool has_elements(const json_t *root, const char *key)
{
	return json_array_size(json_object_get(root, key)) > 0;
}

json_t *pps_diff_json(const struct pps_policy *before, const struct pps_policy *after,
	uint64_t now_ns, struct pps_errors *errors)
{
	struct pps_diff diff;
	json_t *root;

	if (!pps_diff_make(before, after, now_ns, &diff, errors)) {
		pps_diff_fini(&diff);
		return NULL;
	}
	root = json_pack("{s:o, s:o, s:o}", "old", summary_json(before), "new", summary_json(after),
		"as_of", time_text(now_ns));
	add_regions(&diff, before, after, root);
	pps_diff_fini(&diff);
	add_others(before, after, now_ns, root);
	json_object_set_new(root, "traffic_differs",
		json_boolean(has_elements(root, "allowed") || has_elements(root, "denied") ||
			has_elements(root, "link") || has_elements(root, "sources")));
	return root;
}
