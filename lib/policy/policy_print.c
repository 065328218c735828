/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

static void set_string(json_t *object, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(object, key, json_string(text));
}

/* A list of one is written as its element. */
static json_t *unwrap(json_t *list)
{
	json_t *only;

	if (json_array_size(list) != 1)
		return list;
	only = json_incref(json_array_get(list, 0));
	json_decref(list);
	return only;
}

static json_t *print_ranges(const struct pps_range *items, size_t n)
{
	json_t *list = json_array();
	char text[PPS_ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
			items[i].lo == items[i].hi
				? json_integer(items[i].lo)
				: json_string(pps_range_format(&items[i], text)));
	return list;
}

static json_t *print_prefixes(const struct pps_prefix_set *set)
{
	char text[PPS_ADDR_TEXT_MAX];
	json_t *list;

	if (set->any)
		return json_string("any");
	list = json_array();
	for (size_t i = 0; i < set->n; i++)
		json_array_append_new(list, json_string(pps_prefix_format(&set->items[i], text)));
	return unwrap(list);
}

static json_t *print_vlans(const struct pps_vlan_set *set)
{
	if (set->any || set->none)
		return json_string(set->any ? "any" : "none");
	return print_ranges(set->items, set->n);
}

static void print_term(const struct pps_term *term, json_t *object)
{
	json_t *icmp;

	set_string(object, "protocol", pps_protocol_word(term->protocol));
	if (term->n_ports > 0)
		json_object_set_new(
			object, "ports", unwrap(print_ranges(term->ports, term->n_ports)));
	if (term->n_source_ports > 0)
		json_object_set_new(object, "source_ports",
			unwrap(print_ranges(term->source_ports, term->n_source_ports)));
	if (term->icmp_type < 0)
		return;
	icmp = json_object();
	json_object_set_new(icmp, "type", json_integer(term->icmp_type));
	if (term->icmp_code >= 0)
		json_object_set_new(icmp, "code", json_integer(term->icmp_code));
	json_object_set_new(object, "icmp", icmp);
}

/* "https" where that was written, else "443/tcp". Caller frees. */
static char *term_service(const struct pps_term *term)
{
	static const struct pps_range all = {0, UINT16_MAX};
	char text[PPS_ADDR_TEXT_MAX];

	if (term->service != NULL)
		return pps_strdup(term->service);
	return pps_asprintf("%s/%s", pps_range_format(term->n_ports > 0 ? term->ports : &all, text),
		pps_protocol_word(term->protocol));
}

static bool list_has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	}
	return false;
}

static void print_traffic(const struct pps_rule *rule, json_t *object)
{
	json_t *services;

	if (rule->n_terms == 1 && rule->terms[0].service == NULL) {
		print_term(&rule->terms[0], object);
		return;
	}
	services = json_array();
	for (size_t i = 0; i < rule->n_terms; i++) {
		char *service = term_service(&rule->terms[i]);

		if (!list_has(services, service))
			json_array_append_new(services, json_string(service));
		free(service);
	}
	json_object_set_new(object, "service", unwrap(services));
}

static void print_approval(const struct pps_rule *rule, json_t *object)
{
	json_t *mitigations;

	if (rule->assurance != PPS_ASSURANCE_NONE)
		set_string(object, "assurance", pps_assurance_word(rule->assurance));
	set_string(object, "boundary", rule->boundary);
	set_string(object, "approved_by", rule->approved_by);
	set_string(object, "reason", rule->reason);
	set_string(object, "owner", rule->owner);
	set_string(object, "assessed", rule->assessed);
	if (rule->n_mitigations > 0) {
		mitigations = json_array();
		for (size_t i = 0; i < rule->n_mitigations; i++)
			json_array_append_new(mitigations, json_string(rule->mitigations[i]));
		json_object_set_new(object, "mitigations", mitigations);
	}
	set_string(object, "comment", rule->comment);
}

json_t *print_policy_rule(const struct pps_policy *policy, const struct pps_rule *rule)
{
	json_t *object = json_object(), *overrides = json_array(), *limits;
	bool whole_sec = rule->expires_ns % PPS_NS_PER_SEC == 0;
	char expires[PPS_TIME_TEXT_MAX];

	set_string(object, "id", rule->id);
	set_string(object, "direction", pps_direction_word(rule->direction));
	print_traffic(rule, object);
	json_object_set_new(object, "source", print_prefixes(&rule->source));
	json_object_set_new(object, "destination", print_prefixes(&rule->destination));
	if (!rule->vlans.any)
		json_object_set_new(object, "vlans", print_vlans(&rule->vlans));
	if (rule->expires_ns > 0)
		set_string(object, "expires",
			pps_time_format(rule->expires_ns, whole_sec ? 0 : 9, expires));
	for (size_t i = 0; i < rule->n_overrides; i++)
		json_array_append_new(overrides, json_string(policy->rules[rule->overrides[i]].id));
	if (rule->n_overrides > 0)
		json_object_set_new(object, "overrides", unwrap(overrides));
	else
		json_decref(overrides);
	print_approval(rule, object);
	if (rule->log == PPS_RULE_LOG_FLOWS)
		set_string(object, "log", "flows");
	limits = print_limits(&rule->limits);
	if (json_object_size(limits) > 0)
		json_object_set(object, "limits", limits);
	json_decref(limits);
	return object;
}

static void print_rules(const struct pps_policy *policy, enum pps_rule_kind kind, json_t *root)
{
	json_t *list = json_array();

	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].kind == kind)
			json_array_append_new(list, print_policy_rule(policy, &policy->rules[i]));
	}
	if (json_array_size(list) > 0)
		json_object_set(root, rule_list_word(kind), list);
	json_decref(list);
}

void print_link(const struct pps_link *link, json_t *root)
{
	json_t *object = json_object(), *ethertypes = json_array();

	if (link->arp != 0)
		set_string(object, "arp", pps_direction_word((enum pps_direction)link->arp));
	if (link->neighbor_discovery != 0)
		set_string(object, "neighbor_discovery",
			pps_direction_word((enum pps_direction)link->neighbor_discovery));
	if (!link->vlans.none)
		json_object_set_new(object, "vlans", print_vlans(&link->vlans));
	for (size_t i = 0; i < link->n_ethertypes; i++) {
		const struct pps_ethertype *ethertype = &link->ethertypes[i];
		json_t *element = json_object();

		json_object_set_new(element, "ethertype",
			ethertype->ethertype == 0 ? json_string("802.3")
						  : json_sprintf("0x%04x", ethertype->ethertype));
		set_string(element, "direction", pps_direction_word(ethertype->direction));
		json_array_append_new(ethertypes, element);
	}
	if (json_array_size(ethertypes) > 0)
		json_object_set(object, "ethertypes", ethertypes);
	if (json_object_size(object) > 0)
		json_object_set(root, "link", object);
	json_decref(ethertypes);
	json_decref(object);
}

static void print_timeouts(const struct pps_policy *policy, json_t *root)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < PPS_TIMEOUT_COUNT; i++) {
		enum pps_timeout timeout = (enum pps_timeout)i;

		if (policy->timeouts_sec[i] != pps_timeout_default(timeout))
			json_object_set_new(object, pps_timeout_word(timeout),
				json_integer(policy->timeouts_sec[i]));
	}
	if (json_object_size(object) > 0)
		json_object_set(root, "timeouts", object);
	json_decref(object);
}

static int compare_uses(const void *a, const void *b)
{
	const struct pps_term *x = *(const struct pps_term *const *)a;
	const struct pps_term *y = *(const struct pps_term *const *)b;
	size_t n_x = service_base_len(x->service), n_y = service_base_len(y->service);
	int order = strncmp(x->service, y->service, n_x < n_y ? n_x : n_y);

	if (order == 0)
		order = n_x < n_y ? -1 : n_x > n_y;
	return order != 0 ? order : term_compare(x, y);
}

/* Every term that came from a named service, by name and traffic. Caller frees. */
static const struct pps_term **list_uses(const struct pps_policy *policy, size_t *ret_n)
{
	const struct pps_term **uses;
	size_t n = 0;

	for (size_t i = 0; i < policy->n_rules; i++)
		n += policy->rules[i].n_terms;
	uses = pps_alloc((n + 1) * sizeof(uses[0]));
	n = 0;
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct pps_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_terms; j++) {
			if (rule->terms[j].service != NULL)
				uses[n++] = &rule->terms[j];
		}
	}
	qsort(uses, n, sizeof(uses[0]), compare_uses);
	*ret_n = n;
	return uses;
}

/* The terms of one name, which begin at uses[*i]; moves *i behind them. */
static json_t *print_service(const struct pps_term *const *uses, size_t n, size_t *i)
{
	const char *service = uses[*i]->service;
	size_t len = service_base_len(service);
	json_t *terms = json_array();

	for (size_t first = *i; *i < n; (*i)++) {
		const struct pps_term *term = uses[*i];
		json_t *object;

		if (service_base_len(term->service) != len ||
			strncmp(term->service, service, len) != 0)
			break;
		if (*i > first && term_compare(uses[*i - 1], term) == 0)
			continue;
		object = json_object();
		print_term(term, object);
		json_array_append_new(terms, object);
	}
	return unwrap(terms);
}

/*
 * The names the rules use, spelled out, wherever they came from: what is printed does not depend
 * on the registry any more.
 */
static void print_services(const struct pps_policy *policy, json_t *root)
{
	json_t *services = json_object();
	const struct pps_term **uses;
	size_t n;

	uses = list_uses(policy, &n);
	for (size_t i = 0; i < n;) {
		const char *service = uses[i]->service;
		char *name = pps_asprintf("%.*s", (int)service_base_len(service), service);

		json_object_set_new(services, name, print_service(uses, n, &i));
		free(name);
	}
	if (n > 0)
		json_object_set(root, "services", services);
	json_decref(services);
	free(uses);
}

void pps_policy_print(const struct pps_policy *policy, struct pps_str *out)
{
	json_t *root = json_object();
	char *text;

	set_string(root, "policy", policy->name);
	json_object_set_new(root, "revision", json_integer((json_int_t)policy->revision));
	set_string(root, "authority", policy->authority);
	if (policy->require != 0)
		json_object_set_new(root, "require", unwrap(print_require(policy->require)));
	if (policy->assessment_days != 0)
		json_object_set_new(root, "assessment_days", json_integer(policy->assessment_days));
	print_services(policy, root);
	print_link(&policy->link, root);
	print_sources(policy, root);
	print_rules(policy, PPS_RULE_APPROVED, root);
	print_rules(policy, PPS_RULE_EXCEPTION, root);
	print_rules(policy, PPS_RULE_BAN, root);
	print_timeouts(policy, root);
	text = json_dumps(root, JSON_INDENT(2));
	if (text != NULL) {
		pps_str_add(out, text);
		pps_str_add(out, "\n");
	}
	free(text);
	json_decref(root);
}

static void print_range_text(
	const char *before, const struct pps_range *items, size_t n, struct pps_str *out)
{
	char text[PPS_ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		pps_str_add(out, i == 0 ? before : ", ");
		pps_str_add(out, pps_range_format(&items[i], text));
	}
}

void pps_rule_traffic_print(const struct pps_rule *rule, struct pps_str *out)
{
	for (size_t i = 0; i < rule->n_terms; i++) {
		const struct pps_term *term = &rule->terms[i];

		pps_str_add(out, i > 0 ? "; " : "");
		pps_str_add(out, pps_protocol_word(term->protocol));
		print_range_text(" ", term->ports, term->n_ports, out);
		print_range_text(" from port ", term->source_ports, term->n_source_ports, out);
		if (term->icmp_type >= 0)
			pps_str_addf(out, " type %d", term->icmp_type);
		if (term->icmp_code >= 0)
			pps_str_addf(out, " code %d", term->icmp_code);
	}
}
