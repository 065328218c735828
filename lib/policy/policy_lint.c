/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <pps_registry.h>

#include "policy_priv.h"

#define WIDE_PORTS      1000u /* more ports of one rule than people look at one by one */
#define EXPIRES_SOON_NS (7 * 86400 * PPS_NS_PER_SEC)

/* Frames that carry IP past the rules. */
static const struct {
	uint16_t ethertype;
	const char *name;
} carriers[] = {
	{0x6558, "bridged Ethernet"},
	{0x8847, "MPLS"},
	{0x8848, "MPLS"},
	{0x8864, "PPPoE"},
	{0x88e5, "MACsec"},
	{0x88e7, "provider backbone bridges"},
	{0x894f, "network service headers"},
};

/* ICMP types that ask something; only these start a flow. */
static const uint8_t icmp_queries[] = {8, 13, 15, 17, 42};
static const uint8_t icmpv6_queries[] = {128, 139, 160};

static const struct {
	const char *word;
	enum pps_severity severity;
	const char *text;
} kinds[PPS_FINDING_COUNT] = {
#define KIND(name, word, severity, text) \
	[PPS_FINDING_##name] = {word, PPS_SEVERITY_##severity, text},
	PPS_FINDINGS(KIND)
#undef KIND
};

const char *pps_severity_word(enum pps_severity severity)
{
	static const char *const words[] = {"note", "warning", "error"};

	return words[severity];
}

const char *pps_finding_word(enum pps_finding_kind kind)
{
	return kinds[kind].word;
}

void pps_findings_table(struct pps_str *out)
{
	for (size_t i = 0; i < PPS_FINDING_COUNT; i++)
		pps_str_addf(out, "%s\t%s\t%s\n", kinds[i].word,
			pps_severity_word(kinds[i].severity), kinds[i].text);
}

struct pps_finding *finding_add(struct pps_findings *findings, enum pps_finding_kind kind,
	const char *path, const char *advice, const char *format, ...)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_finding *finding;
	va_list args;

	va_start(args, format);
	pps_str_addv(&text, format, args);
	va_end(args);
	/* Twice the room whenever a power of two is reached. */
	if ((findings->n & (findings->n - 1)) == 0)
		findings->items = pps_realloc(findings->items,
			(findings->n > 0 ? 2 * findings->n : 1) * sizeof(findings->items[0]));
	finding = &findings->items[findings->n++];
	*finding = (struct pps_finding){
		.kind = kind,
		.severity = kinds[kind].severity,
		.path = pps_strdup(path),
		.text = pps_str_take(&text),
		.advice = pps_strdup(advice),
	};
	return finding;
}

void pps_findings_add(struct pps_findings *findings, enum pps_finding_kind kind, const char *path,
	const char *text, const char *advice)
{
	finding_add(findings, kind, path, advice, "%s", text);
}

static void lint_expiry(const struct pps_rule *rule, uint64_t now_ns, struct pps_findings *findings)
{
	char time[PPS_TIME_TEXT_MAX];

	if (rule->expires_ns == 0)
		return;
	pps_time_format(rule->expires_ns, 0, time);
	if (rule->expires_ns <= now_ns)
		finding_add(findings, PPS_FINDING_EXPIRED, rule->path,
			"remove it, or have it approved again", "expired at %s and permits nothing",
			time);
	else if (rule->expires_ns - now_ns <= EXPIRES_SOON_NS)
		finding_add(findings, PPS_FINDING_EXPIRES_SOON, rule->path,
			"have it approved again if it is still needed",
			"expires at %s, within a week; its flows are cut then", time);
}

/* Ports of a term; 0 where it names none. */
static uint32_t count_ports(const struct pps_term *term)
{
	uint32_t n = 0;

	for (size_t i = 0; i < term->n_ports; i++)
		n += (uint32_t)(term->ports[i].hi - term->ports[i].lo) + 1;
	return n;
}

bool term_is_wide(const struct pps_term *term)
{
	return count_ports(term) > WIDE_PORTS;
}

static bool has_port_zero(const struct pps_range *ranges, size_t n)
{
	return n > 0 && ranges[0].lo == 0;
}

static void lint_ports(
	const struct pps_rule *rule, const struct pps_term *term, struct pps_findings *findings)
{
	const char *protocol = pps_protocol_word(term->protocol);
	uint32_t n = count_ports(term);

	/* Port 0 never passes: 1 to 65535 is every port, too. */
	if (pps_protocol_has_ports(term->protocol) && (n == 0 || n >= UINT16_MAX))
		finding_add(findings, PPS_FINDING_ALL_PORTS, rule->path,
			"name the ports that are needed", "approves every port of %s", protocol);
	else if (term_is_wide(term))
		finding_add(findings, PPS_FINDING_MANY_PORTS, rule->path,
			"name the ports that are needed", "approves %u ports of %s", n, protocol);
	if (has_port_zero(term->ports, term->n_ports))
		finding_add(findings, PPS_FINDING_PORT_ZERO, rule->path, "begin with port 1",
			"names port 0 of %s, to which no packet passes", protocol);
	if (has_port_zero(term->source_ports, term->n_source_ports))
		finding_add(findings, PPS_FINDING_PORT_ZERO, rule->path, "begin with port 1",
			"names source port 0 of %s, which opens no way for replies", protocol);
}

static void lint_breadth(const struct pps_rule *rule, struct pps_findings *findings)
{
	if (rule->source.any && rule->destination.any)
		finding_add(findings, PPS_FINDING_ANY_TO_ANY, rule->path,
			"name who needs it, or who offers it", "approves %s from any to any",
			rule->service_text);
	if (rule->direction == PPS_BOTH)
		finding_add(findings, PPS_FINDING_BOTH_DIRECTIONS, rule->path,
			"name the side that starts: replies are implied",
			"lets both sides start flows");
	for (size_t i = 0; i < rule->n_terms; i++) {
		if (rule->terms[i].protocol == PPS_PROTOCOL_ANY)
			finding_add(findings, PPS_FINDING_ANY_PROTOCOL, rule->path,
				"name the protocols that are needed", "approves every protocol");
		lint_ports(rule, &rule->terms[i], findings);
	}
}

static bool bytes_have(const uint8_t *bytes, size_t n, int byte)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == byte)
			return true;
	}
	return false;
}

static void lint_icmp(
	const struct pps_rule *rule, const struct pps_term *term, struct pps_findings *findings)
{
	bool query;

	if (term->icmp_type < 0)
		return;
	if (term->protocol == 1)
		query = bytes_have(icmp_queries, sizeof(icmp_queries), term->icmp_type);
	else
		query = bytes_have(icmpv6_queries, sizeof(icmpv6_queries), term->icmp_type);
	if (!query)
		finding_add(findings, PPS_FINDING_ICMP_NO_QUERY, rule->path,
			term->protocol == 1 ? "name a query: echo request is 8"
					    : "name a query: echo request is 128",
			"%s type %d starts no flow, so the rule permits nothing; replies and "
			"errors of live flows pass by themselves",
			pps_protocol_word(term->protocol), term->icmp_type);
}

/* True when every port of the term is one the registry has for the name. */
static bool is_registered(
	const struct pps_term *term, const struct pps_registry_service *pairs, size_t n)
{
	if (term->n_ports == 0)
		return false;
	for (size_t i = 0; i < term->n_ports; i++) {
		for (uint32_t port = term->ports[i].lo; port <= term->ports[i].hi; port++) {
			size_t j = 0;

			while (j < n &&
				(pairs[j].protocol != term->protocol || pairs[j].port != port))
				j++;
			if (j == n)
				return false;
		}
	}
	return true;
}

/* A name of the registry that the policy gave another meaning. */
static void lint_shadowing(
	const struct pps_rule *rule, const struct pps_term *term, struct pps_findings *findings)
{
	struct pps_registry_service pairs[PPS_REGISTRY_SERVICE_MAX];
	char *name;
	size_t n;

	if (term->service == NULL)
		return;
	name = pps_asprintf("%.*s", (int)service_base_len(term->service), term->service);
	n = pps_registry_resolve(name, 0, pairs);
	if (n > 0 && !is_registered(term, pairs, n))
		finding_add(findings, PPS_FINDING_NAME_REDEFINED, rule->path,
			"rename the service of this policy",
			"\"%s\" means something else here than in the registry", name);
	free(name);
}

static bool vlans_overlap(const struct pps_vlan_set *a, const struct pps_vlan_set *b)
{
	/* Untagged frames are in "any" and "none". */
	if (a->any || b->any || (a->none && b->none))
		return true;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < b->n; j++) {
			if (a->items[i].lo <= b->items[j].hi && b->items[j].lo <= a->items[i].hi)
				return true;
		}
	}
	return false;
}

static void lint_vlans(
	const struct pps_policy *policy, const struct pps_rule *rule, struct pps_findings *findings)
{
	/* Untagged frames always pass the link step; a rule for ids alone needs them listed. */
	if (rule->vlans.none || vlans_overlap(&rule->vlans, &policy->link.vlans))
		return;
	finding_add(findings, PPS_FINDING_VLAN_NOT_PASSED, rule->path, "list them in link.vlans",
		"none of its VLANs passes \"link\", so the rule matches nothing");
}

static void lint_limits(const struct pps_rule *rule, struct pps_findings *findings)
{
	const struct pps_limits *limits = &rule->limits;

	if (limits->flows != 0 && limits->flows_per_source >= limits->flows)
		finding_add(findings, PPS_FINDING_LIMIT_USELESS, rule->path,
			"make flows_per_source less than flows",
			"one source may have all the flows the rule permits: flows_per_source "
			"limits nothing");
}

static void lint_link(const struct pps_policy *policy, struct pps_findings *findings)
{
	const struct pps_link *link = &policy->link;
	unsigned int families = 0;

	for (size_t i = 0; i < link->n_ethertypes; i++) {
		for (size_t j = 0; j < COUNT(carriers); j++) {
			if (carriers[j].ethertype == link->ethertypes[i].ethertype)
				finding_add(findings, PPS_FINDING_ETHERTYPE_CARRIER,
					"link.ethertypes", "list it only where that is meant",
					"0x%04x (%s) carries packets that no rule will judge",
					carriers[j].ethertype, carriers[j].name);
		}
	}
	for (size_t i = policy->n_bans; i < policy->n_rules; i++)
		families |= prefix_set_families(&policy->rules[i].source) &
			prefix_set_families(&policy->rules[i].destination);
	if ((families & FAMILY_4) != 0 && link->arp == 0)
		finding_add(findings, PPS_FINDING_ARP_NOT_PASSED, "link",
			"set \"arp\" to \"both\" unless they have them",
			"ARP does not pass: IPv4 hosts on the two sides find each other only with "
			"static entries");
	if (families == FAMILY_6 && link->neighbor_discovery == 0)
		finding_add(findings, PPS_FINDING_ND_NOT_PASSED, "link",
			"set \"neighbor_discovery\" to \"both\" unless they have them",
			"neighbour discovery does not pass: IPv6 hosts on the two sides find each "
			"other only with static entries");
}

/* Rules none of whose sources gets past the source lists. */
static void lint_sources(
	const struct pps_policy *policy, const struct pps_rule *rule, struct pps_findings *findings)
{
	const struct pps_prefix_set *source = &rule->source;
	bool allowed = !policy->allow.present || source->any;
	bool blocked = policy->block.present && !source->any;

	for (size_t i = 0; i < source->n && !(allowed && !blocked); i++) {
		allowed = allowed || prefix_set_meets(&policy->allow.set, &source->items[i]);
		blocked = blocked && prefix_set_covers(&policy->block.set, &source->items[i]);
	}
	if (!allowed)
		finding_add(findings, PPS_FINDING_SOURCE_NOT_ALLOWED, rule->path,
			"allow its sources, or remove the rule",
			"sources.allow holds none of its sources: no flow can begin by it");
	if (blocked)
		finding_add(findings, PPS_FINDING_SOURCE_BLOCKED, rule->path,
			"take its sources off the list, or remove the rule",
			"sources.block holds all of its sources: no packet passes by it");
}

static void lint_source_lists(const struct pps_policy *policy, struct pps_findings *findings)
{
	unsigned int families = prefix_set_families(&policy->allow.set);

	for (size_t i = 0; i < policy->n_files; i++) {
		if (policy->files[i].n_prefixes == 0)
			finding_add(findings, PPS_FINDING_SOURCES_EMPTY_FILE, "sources",
				"fill it, or stop naming it", "file:%s holds no prefix",
				policy->files[i].name);
	}
	if (policy->allow.present && families != (FAMILY_4 | FAMILY_6))
		finding_add(findings, PPS_FINDING_SOURCES_ONE_FAMILY, "sources.allow",
			"add sources of that family if they are to be heard",
			"holds no %s source: no flow of %s can begin",
			families == FAMILY_4 ? "IPv6" : "IPv4",
			families == FAMILY_4 ? "IPv6" : "IPv4");
}

void pps_policy_lint(
	const struct pps_policy *policy, uint64_t now_ns, struct pps_findings *findings)
{
	struct port_facts *facts = port_facts_create();

	lint_link(policy, findings);
	lint_source_lists(policy, findings);
	for (size_t i = policy->n_bans; i < policy->n_rules; i++) {
		const struct pps_rule *rule = &policy->rules[i];

		lint_expiry(rule, now_ns, findings);
		lint_assessment(policy, rule, now_ns, findings);
		lint_breadth(rule, findings);
		lint_vlans(policy, rule, findings);
		lint_limits(rule, findings);
		lint_sources(policy, rule, findings);
		lint_services(facts, rule, findings);
		for (size_t j = 0; j < rule->n_terms; j++) {
			lint_icmp(rule, &rule->terms[j], findings);
			lint_shadowing(rule, &rule->terms[j], findings);
		}
	}
	lint_worth(policy, now_ns, findings);
	free(facts);
}

void pps_findings_fini(struct pps_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		free(findings->items[i].path);
		free(findings->items[i].text);
		free(findings->items[i].advice);
	}
	free(findings->items);
	*findings = (struct pps_findings){0};
}
