/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "policy_priv.h"

/*
 * Which rules come near to a flow that nothing permits, and what keeps each from it. For people:
 * verdicts are the ruleset's.
 */

static const char *const words[PPS_MISS_COUNT] = {
	[PPS_MISS_DIRECTION] = "direction",
	[PPS_MISS_PROTOCOL] = "protocol",
	[PPS_MISS_SOURCE] = "source",
	[PPS_MISS_DESTINATION] = "destination",
	[PPS_MISS_SOURCE_PORT] = "source_ports",
	[PPS_MISS_PORT] = "ports",
	[PPS_MISS_ICMP] = "icmp",
	[PPS_MISS_VLAN] = "vlans",
};

const char *pps_miss_word(enum pps_miss miss)
{
	return (unsigned int)miss < PPS_MISS_COUNT ? words[miss] : "unknown";
}

/* Sorted and disjoint; none: all. */
static bool in_ranges(const struct pps_range *items, size_t n, uint16_t value)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (items[middle].hi < value)
			low = middle + 1;
		else
			high = middle;
	}
	return n == 0 || (low < n && items[low].lo <= value);
}

static bool in_prefixes(const struct pps_prefix_set *set, const struct pps_addr *addr)
{
	return set->any || pps_prefix_set_find(set, addr) != NULL;
}

static bool in_vlans(const struct pps_vlan_set *set, uint16_t vlan)
{
	if (set->any)
		return true;
	return set->none ? vlan == 0 : in_ranges(set->items, set->n, vlan);
}

static unsigned int term_misses(const struct pps_term *term, const struct pps_tuple *tuple)
{
	unsigned int misses = 0;

	if (term->protocol == PPS_PROTOCOL_ANY)
		return 0;
	if (term->protocol != tuple->protocol)
		misses |= 1u << PPS_MISS_PROTOCOL;
	/* udp/53 is nearer to tcp/53 than to tcp/80. */
	if (pps_protocol_has_ports(term->protocol)) {
		if (!pps_protocol_has_ports(tuple->protocol))
			return misses;
		if (!in_ranges(term->ports, term->n_ports, tuple->port))
			misses |= 1u << PPS_MISS_PORT;
		if (!in_ranges(term->source_ports, term->n_source_ports, tuple->source_port))
			misses |= 1u << PPS_MISS_SOURCE_PORT;
	} else if (misses == 0 && term->icmp_type >= 0 &&
		(term->icmp_type != tuple->icmp_type ||
			(term->icmp_code >= 0 && term->icmp_code != tuple->icmp_code))) {
		misses |= 1u << PPS_MISS_ICMP;
	}
	return misses;
}

static unsigned int count(unsigned int misses)
{
	return (unsigned int)__builtin_popcount(misses);
}

/* Writes the term that comes nearest. */
static unsigned int rule_misses(const struct pps_rule *rule, const struct pps_tuple *tuple,
	const struct pps_term **ret_term)
{
	unsigned int misses = 0, best = UINT32_MAX;

	if ((rule->direction & tuple->direction) == 0)
		misses |= 1u << PPS_MISS_DIRECTION;
	if (!in_prefixes(&rule->source, &tuple->source))
		misses |= 1u << PPS_MISS_SOURCE;
	if (!in_prefixes(&rule->destination, &tuple->destination))
		misses |= 1u << PPS_MISS_DESTINATION;
	if (!in_vlans(&rule->vlans, tuple->vlan))
		misses |= 1u << PPS_MISS_VLAN;
	for (size_t i = 0; i < rule->n_terms; i++) {
		unsigned int of_term = term_misses(&rule->terms[i], tuple);

		if (best == UINT32_MAX || count(of_term) < count(best)) {
			best = of_term;
			*ret_term = &rule->terms[i];
		}
	}
	return misses | best;
}

size_t pps_policy_nearest(const struct pps_policy *policy, const struct pps_tuple *tuple,
	uint64_t now_ns, struct pps_near *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = policy->n_bans; i < policy->n_rules; i++) {
		const struct pps_rule *rule = &policy->rules[i];
		struct pps_near near = {.rule = rule};
		size_t at;

		if (rule->expires_ns != 0 && rule->expires_ns <= now_ns)
			continue;
		near.misses = rule_misses(rule, tuple, &near.term);
		if (count(near.misses) > PPS_NEAR_MISSES)
			continue;
		/* Behind those that are as near: the file's order is kept. */
		for (at = n; at > 0 && count(near.misses) < count(ret[at - 1].misses); at--) {
			if (at < max)
				ret[at] = ret[at - 1];
		}
		if (at < max)
			ret[at] = near;
		if (n < max)
			n++;
	}
	return n;
}

static void print_ranges(struct pps_str *out, const struct pps_range *items, size_t n)
{
	char text[PPS_ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		pps_str_addf(out, "%s%s", i > 0 ? ", " : "", pps_range_format(&items[i], text));
}

static void print_vlans(struct pps_str *out, const struct pps_vlan_set *set)
{
	if (set->none)
		pps_str_add(out, "untagged");
	else
		print_ranges(out, set->items, set->n);
}

static void print_icmp(struct pps_str *out, int type, int code)
{
	pps_str_addf(out, "type %d", type);
	if (code >= 0)
		pps_str_addf(out, " code %d", code);
}

void pps_near_print(const struct pps_near *near, const struct pps_tuple *tuple, enum pps_miss miss,
	struct pps_str *out)
{
	char text[PPS_ADDR_TEXT_MAX];

	switch (miss) {
	case PPS_MISS_DIRECTION:
		pps_str_addf(out, "%s, not %s", pps_direction_word(near->rule->direction),
			pps_direction_word(tuple->direction));
		break;
	case PPS_MISS_PROTOCOL:
		pps_str_addf(out, "%s, not %s", pps_protocol_word(near->term->protocol),
			pps_protocol_word(tuple->protocol));
		break;
	case PPS_MISS_SOURCE:
		pps_str_addf(out, "%s, not %s", near->rule->source_text,
			pps_addr_format(&tuple->source, text));
		break;
	case PPS_MISS_DESTINATION:
		pps_str_addf(out, "%s, not %s", near->rule->destination_text,
			pps_addr_format(&tuple->destination, text));
		break;
	case PPS_MISS_SOURCE_PORT:
		print_ranges(out, near->term->source_ports, near->term->n_source_ports);
		pps_str_addf(out, ", not %u", tuple->source_port);
		break;
	case PPS_MISS_PORT:
		print_ranges(out, near->term->ports, near->term->n_ports);
		pps_str_addf(out, ", not %u", tuple->port);
		break;
	case PPS_MISS_ICMP:
		print_icmp(out, near->term->icmp_type, near->term->icmp_code);
		pps_str_add(out, ", not ");
		print_icmp(out, tuple->icmp_type, tuple->icmp_code);
		break;
	default:
		print_vlans(out, &near->rule->vlans);
		pps_str_addf(out, ", not %s", tuple->vlan == 0 ? "untagged" : "");
		if (tuple->vlan != 0)
			pps_str_addf(out, "%u", tuple->vlan);
		break;
	}
}
