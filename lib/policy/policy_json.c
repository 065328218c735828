/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

struct source_values {
	const json_t *block, *allow;
};

/* What the top level is read into; the lists wait for their turn. */
struct top_level {
	char *name;
	uint64_t revision;
	char *authority;
	unsigned int require;
	uint32_t assessment_days;
	struct pps_link link;
	struct source_values sources;
	uint32_t timeouts_sec[PPS_TIMEOUT_COUNT];
	const json_t *groups, *services, *approved, *exceptions, *banned;
};

/* The law's own ethertypes, and where the policy speaks of them. */
static const struct {
	uint16_t ethertype;
	const char *instead;
} judged_ethertypes[] = {
	{0x0800, "is IPv4, which the rules judge"},
	{0x86dd, "is IPv6, which the rules judge"},
	{0x0806, "is ARP: use the key \"arp\" of \"link\""},
	{0x8100, "is a VLAN tag: use the key \"vlans\" of \"link\""},
	{0x88a8, "is a VLAN tag: use the key \"vlans\" of \"link\""},
	{0x9100, "is a VLAN tag: use the key \"vlans\" of \"link\""},
};

static const char *find_judged(uint16_t ethertype)
{
	if (ethertype < 0x0600)
		return "is a length, not an ethertype: write \"802.3\" for length frames";
	for (size_t i = 0; i < COUNT(judged_ethertypes); i++) {
		if (judged_ethertypes[i].ethertype == ethertype)
			return judged_ethertypes[i].instead;
	}
	return NULL;
}

static bool is_hex(const char *text)
{
	size_t n = strlen(text);

	return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && n >= 3 && n <= 6 &&
		strspn(text + 2, "0123456789abcdefABCDEF") == n - 2;
}

/* Into a uint16_t; 0 for 802.3 length frames. */
static void read_ethertype_number(const json_t *value, const struct pps_json_path *path,
	void *target, void *aux, struct pps_errors *errors)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	uint16_t *ethertype = target, number;
	const char *instead;

	(void)aux;
	if (strcmp(text, "802.3") == 0) {
		*ethertype = 0;
		return;
	}
	if (!is_hex(text)) {
		pps_json_error(errors, path,
			"%s is not an ethertype (\"0x0600\" to \"0xffff\", or \"802.3\")",
			pps_json_quote(value));
		return;
	}
	number = (uint16_t)strtoul(text, NULL, 16);
	instead = find_judged(number);
	if (instead != NULL)
		pps_json_error(errors, path, "%s %s", pps_json_quote(value), instead);
	else
		*ethertype = number;
}

static const struct pps_json_field ethertype_fields[] = {
	{"ethertype", read_ethertype_number, offsetof(struct pps_ethertype, ethertype), true, NULL,
		"\"0x0600\" to \"0xffff\", or \"802.3\" for length frames (STP, CDP)"},
	{"direction", read_direction, offsetof(struct pps_ethertype, direction), true, NULL,
		"from which side such frames pass: inbound, outbound or both"},
};

static void add_ethertype(struct pps_link *link, const json_t *value,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_ethertype ethertype = {0};

	if (!pps_json_read_object(value, path, ethertype_fields, COUNT(ethertype_fields),
		    &ethertype, NULL, errors))
		return;
	for (size_t i = 0; i < link->n_ethertypes; i++) {
		if (link->ethertypes[i].ethertype == ethertype.ethertype) {
			pps_json_error(errors, path, "%s is listed twice",
				pps_json_quote(json_object_get(value, "ethertype")));
			return;
		}
	}
	link->ethertypes[link->n_ethertypes++] = ethertype;
}

/* Into the struct pps_link itself. */
static void read_ethertypes(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct pps_link *link = target;

	(void)aux;
	if (!json_is_array(value)) {
		pps_json_error(
			errors, path, "%s is not a list of ethertypes", pps_json_quote(value));
		return;
	}
	if (json_array_size(value) > PPS_ETHERTYPES_MAX) {
		pps_json_error(errors, path, "the list has %zu elements, at most %u",
			json_array_size(value), PPS_ETHERTYPES_MAX);
		return;
	}
	for (size_t i = 0; i < json_array_size(value); i++) {
		struct pps_json_path place = list_path(value, path, i);

		add_ethertype(link, json_array_get(value, i), &place, errors);
	}
}

static const struct pps_json_field link_fields[] = {
	{"arp", read_directions, offsetof(struct pps_link, arp), false, NULL,
		"from which side ARP passes: none (default), inbound, outbound, both"},
	{"neighbor_discovery", read_directions, offsetof(struct pps_link, neighbor_discovery),
		false, NULL,
		"from which side IPv6 neighbour discovery and MLD pass: none (default), inbound, "
		"outbound, both"},
	{"vlans", read_vlans, offsetof(struct pps_link, vlans), false, NULL,
		"VLAN ids that may be on a frame: any, none (default), or a list"},
	{"ethertypes", read_ethertypes, 0, false, NULL, "frames other than IP and ARP that pass"},
};

static void read_link(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	pps_json_read_object(value, path, link_fields, COUNT(link_fields), target, aux, errors);
}

static void read_list(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const json_t **list = target;

	(void)aux;
	if (json_is_array(value))
		*list = value;
	else
		pps_json_error(errors, path, "%s is not a list", pps_json_quote(value));
}

static const struct pps_json_field sources_fields[] = {
	{"block", read_list, offsetof(struct source_values, block), false, NULL,
		"sources none of whose packets pass: addresses, prefixes, groups, \"file:NAME\""},
	{"allow", read_list, offsetof(struct source_values, allow), false, NULL,
		"if not empty, the only sources that may start a flow, written alike"},
};

static void read_sources(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	pps_json_read_object(
		value, path, sources_fields, COUNT(sources_fields), target, aux, errors);
}

void read_whole(const json_t *value, const struct pps_json_path *path, const char *what,
	uint32_t max, uint32_t *target, struct pps_errors *errors)
{
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;

	if (number < 1 || number > (json_int_t)max)
		pps_json_error(errors, path, "%s is not a number of %s (1-%u)",
			pps_json_quote(value), what, max);
	else
		*target = (uint32_t)number;
}

static void read_timeout(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	read_whole(value, path, "seconds", PPS_TIMEOUT_SEC_MAX, target, errors);
}

#define TIMEOUT(key, timeout, help)                                                            \
	{                                                                                      \
		key, read_timeout, PPS_TIMEOUT_##timeout * sizeof(uint32_t), false, NULL, help \
	}

static const struct pps_json_field timeout_fields[] = {
	TIMEOUT("tcp_handshake", TCP_HANDSHAKE, "from SYN to the end of the handshake; 30"),
	TIMEOUT("tcp_established", TCP_ESTABLISHED, "idle TCP connection; 7440"),
	TIMEOUT("tcp_closing", TCP_CLOSING, "after a FIN or RST; 60"),
	TIMEOUT("udp_single", UDP_SINGLE, "UDP before the first reply; 30"),
	TIMEOUT("udp", UDP, "UDP after the first reply; 120"),
	TIMEOUT("icmp", ICMP, "ICMP query; 10"),
	TIMEOUT("sctp_established", SCTP_ESTABLISHED, "idle SCTP association; 3600"),
	TIMEOUT("dccp", DCCP, "idle DCCP connection; 240"),
	TIMEOUT("other", OTHER, "any other protocol; 120"),
	TIMEOUT("fragment", FRAGMENT,
		"waiting for a first fragment, and then for the rest of its datagram; 5"),
};

static void read_timeouts(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	pps_json_read_object(
		value, path, timeout_fields, COUNT(timeout_fields), target, aux, errors);
}

static void read_revision(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
	uint64_t *revision = target;

	(void)aux;
	if (number < 1)
		pps_json_error(errors, path, "%s is not a revision (a whole number from 1)",
			pps_json_quote(value));
	else
		*revision = (uint64_t)number;
}

#define TOP(key, reader, member, required, help)                                      \
	{                                                                             \
		key, reader, offsetof(struct top_level, member), required, NULL, help \
	}

static const struct pps_json_field top_fields[] = {
	TOP("policy", read_text, name, true, "name of the policy"),
	TOP("revision", read_revision, revision, true,
		"whole number from 1, raised at each change"),
	TOP("authority", read_text, authority, false, "who approves this policy"),
	TOP("require", read_require, require, false,
		"approval data that every approved rule and exception must have: one or a list"),
	TOP("assessment_days", read_assessment_days, assessment_days, false,
		"days for which an assessment of a rule is good"),
	TOP("groups", read_value, groups, false, "names for lists of addresses, prefixes, groups"),
	TOP("services", read_value, services, false, "names for kinds of traffic of this policy"),
	TOP("link", read_link, link, false, "what passes below IP; by default nothing"),
	TOP("sources", read_sources, sources, false, "block and allow lists of source addresses"),
	TOP("approved", read_value, approved, false, "what may cross"),
	TOP("exceptions", read_value, exceptions, false, "what may cross for a time"),
	TOP("banned", read_value, banned, false, "what may not cross, whatever is approved"),
	TOP("timeouts", read_timeouts, timeouts_sec, false, "lifetimes of idle flows, in seconds"),
};

void read_top_level(struct policy_reader *reader, const json_t *root, struct pps_errors *errors)
{
	struct pps_policy *policy = reader->policy;
	struct top_level top = {.link = {.vlans = {.none = true}}};

	for (unsigned int i = 0; i < PPS_TIMEOUT_COUNT; i++)
		top.timeouts_sec[i] = pps_timeout_default((enum pps_timeout)i);
	pps_json_read_object(root, NULL, top_fields, COUNT(top_fields), &top, reader, errors);
	policy->name = top.name;
	policy->revision = top.revision;
	policy->authority = top.authority;
	policy->require = top.require;
	policy->assessment_days = top.assessment_days;
	policy->link = top.link;
	memcpy(policy->timeouts_sec, top.timeouts_sec, sizeof(policy->timeouts_sec));
	reader->groups_value = top.groups;
	reader->services_value = top.services;
	reader->block = top.sources.block;
	reader->allow = top.sources.allow;
	reader->lists[PPS_RULE_BAN] = top.banned;
	reader->lists[PPS_RULE_EXCEPTION] = top.exceptions;
	reader->lists[PPS_RULE_APPROVED] = top.approved;
}

static void print_fields(const struct field_table *tables, size_t n, struct pps_str *out)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < tables[i].n; j++) {
			const struct pps_json_field *field = &tables[i].fields[j];
			const char *need = field->required ? "required" : "optional";

			pps_str_addf(out, "%s\t%s\t%s\t%s\n", tables[i].object, field->key,
				field->refused != NULL ? "refused" : need, field->help);
		}
	}
}

void pps_policy_fields(struct pps_str *out)
{
	static const struct field_table own[] = {
		{"policy", top_fields, COUNT(top_fields)},
		{"link", link_fields, COUNT(link_fields)},
		{"ethertype", ethertype_fields, COUNT(ethertype_fields)},
		{"sources", sources_fields, COUNT(sources_fields)},
		{"timeouts", timeout_fields, COUNT(timeout_fields)},
	};
	const struct field_table *tables;
	size_t n;

	print_fields(own, COUNT(own), out);
	n = service_field_tables(&tables);
	print_fields(tables, n, out);
	n = traffic_field_tables(&tables);
	print_fields(tables, n, out);
	n = limits_field_tables(&tables);
	print_fields(tables, n, out);
	n = rule_field_tables(&tables);
	print_fields(tables, n, out);
}
