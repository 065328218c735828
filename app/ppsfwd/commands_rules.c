/* SPDX-License-Identifier: BSD-3-Clause */

/* show_rules, show_exceptions and show_policy: the approvals behind what crosses, with what they
 * were used for. */

#include <string.h>

#include <pps_addr.h>
#include <pps_json.h>

#include "commands_priv.h"

static json_t *vlans_json(const struct pps_vlan_set *vlans)
{
	char text[PPS_ADDR_TEXT_MAX];
	json_t *list;

	if (vlans->any)
		return json_string("any");
	if (vlans->none)
		return json_string("none");
	list = json_array();
	for (size_t i = 0; i < vlans->n; i++)
		json_array_append_new(list, json_string(pps_range_format(&vlans->items[i], text)));
	return list;
}

static json_t *text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static void add_limit(json_t *limits, const char *key, uint32_t limit)
{
	if (limit != 0)
		json_object_set_new(limits, key, json_integer(limit));
}

/* Null when the rule has none. */
static json_t *limits_json(const struct pps_limits *limits)
{
	json_t *json = json_object();

	add_limit(json, "flows", limits->flows);
	add_limit(json, "flows_per_source", limits->flows_per_source);
	add_limit(json, "new_flows_per_second", limits->new_flows_per_second);
	if (json_object_size(json) > 0)
		return json;
	json_decref(json);
	return json_null();
}

json_t *rule_json(const struct pps_rule *rule, const struct pps_policy *policy, bool expired)
{
	json_t *overrides = json_array(), *mitigations = json_array();
	struct pps_str traffic = PPS_STR_INIT;
	json_t *json;

	for (size_t i = 0; i < rule->n_overrides; i++)
		json_array_append_new(overrides, json_string(policy->rules[rule->overrides[i]].id));
	for (size_t i = 0; i < rule->n_mitigations; i++)
		json_array_append_new(mitigations, json_string(rule->mitigations[i]));
	pps_rule_traffic_print(rule, &traffic);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:b, s:o}",
		"id", rule->id, "kind", pps_rule_kind_word(rule->kind), "direction",
		pps_direction_word(rule->direction), "traffic", pps_str_text(&traffic), "source",
		rule->source_text, "destination", rule->destination_text, "vlans",
		vlans_json(&rule->vlans), "log", rule->log == PPS_RULE_LOG_FLOWS ? "flows" : "none",
		"assurance", text_or_null(pps_assurance_word(rule->assurance)), "boundary",
		text_or_null(rule->boundary), "approved_by", text_or_null(rule->approved_by),
		"owner", text_or_null(rule->owner), "assessed", text_or_null(rule->assessed),
		"reason", text_or_null(rule->reason), "mitigations", mitigations, "expires",
		time_json(rule->expires_ns, 0), "expired", expired, "overrides", overrides);
	json_object_set_new(json, "comment", text_or_null(rule->comment));
	json_object_set_new(json, "limits", limits_json(&rule->limits));
	pps_str_fini(&traffic);
	return json;
}

const struct pps_rule *rule_of_slot(const struct manager *manager, uint32_t slot, bool *ret_expired)
{
	const struct pps_ruleset *ruleset = manager->reload.current;

	if (ruleset == NULL || slot == 0)
		return NULL;
	for (uint32_t i = 0; i < ruleset->n_rules; i++) {
		if (ruleset->rules[i].slot != slot)
			continue;
		*ret_expired = ruleset->rules[i].expired;
		return &ruleset->policy->rules[i];
	}
	return NULL;
}

/* Rule 'index' of the ruleset in force, with its counters. */
static json_t *counted_rule_json(const struct manager *manager, uint32_t index)
{
	const struct pps_ruleset *ruleset = manager->reload.current;
	uint32_t slot = ruleset->rules[index].slot;
	struct pps_rule_stats stats = pps_rule_book_read(manager->book, slot);
	json_t *rule = rule_json(
		&ruleset->policy->rules[index], ruleset->policy, ruleset->rules[index].expired);

	json_object_set_new(rule, "packets", json_integer((json_int_t)stats.packets));
	json_object_set_new(rule, "bytes", json_integer((json_int_t)stats.bytes));
	json_object_set_new(rule, "flows", json_integer((json_int_t)stats.flows));
	json_object_set_new(rule, "live",
		json_integer((json_int_t)pps_flow_count_rule(
			manager->datapath->workers[0].flows, slot)));
	json_object_set_new(rule, "last", time_json(stats.last_ns, 3));
	json_object_set_new(
		rule, "since", time_json(pps_rule_book_since_ns(manager->book, slot), 3));
	return rule;
}

void command_show_rules(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const struct manager *manager = aux;
	const struct pps_ruleset *ruleset = manager->reload.current;
	json_t *list = json_array();

	(void)params;
	for (uint32_t i = 0; ruleset != NULL && i < ruleset->n_rules; i++)
		json_array_append_new(list, counted_rule_json(manager, i));
	pps_ctl_reply(call, json_pack("{s:o}", "rules", list));
}

void command_show_exceptions(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const struct manager *manager = aux;
	const struct pps_ruleset *ruleset = manager->reload.current;
	json_t *list = json_array();

	(void)params;
	for (uint32_t i = 0; ruleset != NULL && i < ruleset->n_rules; i++) {
		if (ruleset->policy->rules[i].kind == PPS_RULE_EXCEPTION)
			json_array_append_new(list, counted_rule_json(manager, i));
	}
	pps_ctl_reply(call, json_pack("{s:o}", "exceptions", list));
}

void command_show_policy(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const struct manager *manager = aux;
	struct pps_str text = PPS_STR_INIT;
	json_t *document = json_null();

	(void)params;
	if (manager->reload.current != NULL) {
		pps_policy_print(manager->reload.current->policy, &text);
		document = json_loadb(pps_str_text(&text), text.len, 0, NULL);
		pps_str_fini(&text);
	}
	pps_ctl_reply(call,
		json_pack("{s:o, s:o}", "policy", policy_summary(manager), "document", document));
}
