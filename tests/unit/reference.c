/* SPDX-License-Identifier: BSD-3-Clause */
#include "reference.h"

static bool holds_bits(const struct pps_prefix *prefix, const struct pps_addr *addr)
{
	if (prefix->addr.family != addr->family)
		return false;
	for (unsigned int bit = 0; bit < prefix->len; bit++) {
		unsigned int mask = 0x80u >> bit % 8;

		if ((prefix->addr.bytes[bit / 8] & mask) != (addr->bytes[bit / 8] & mask))
			return false;
	}
	return true;
}

static bool holds_addr(const struct pps_prefix_set *set, const struct pps_addr *addr)
{
	if (set->any)
		return true;
	for (size_t i = 0; i < set->n; i++) {
		if (holds_bits(&set->items[i], addr))
			return true;
	}
	return false;
}

static bool holds_number(const struct pps_range *items, size_t n, uint16_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].lo <= number && number <= items[i].hi)
			return true;
	}
	return false;
}

static bool holds_vlan(const struct pps_vlan_set *set, uint16_t vlan)
{
	if (set->any)
		return true;
	if (set->none)
		return vlan == 0;
	return holds_number(set->items, set->n, vlan);
}

static bool term_covers(const struct pps_term *term, const struct reference_packet *packet)
{
	bool is_icmp = term->protocol == 1 || term->protocol == 58;

	if (term->protocol == PPS_PROTOCOL_ANY)
		return true;
	if (term->protocol != packet->protocol)
		return false;
	if (is_icmp && packet->src.family != (term->protocol == 1 ? 4 : 6))
		return false;
	if (is_icmp)
		return (term->icmp_type < 0 || term->icmp_type == packet->icmp_type) &&
			(term->icmp_code < 0 || term->icmp_code == packet->icmp_code);
	return (term->n_ports == 0 || holds_number(term->ports, term->n_ports, packet->dst_port)) &&
		(term->n_source_ports == 0 ||
			holds_number(term->source_ports, term->n_source_ports, packet->src_port));
}

static bool rule_covers(const struct pps_rule *rule, const struct reference_packet *packet)
{
	if ((rule->direction & packet->direction) == 0 || !holds_vlan(&rule->vlans, packet->vlan) ||
		!holds_addr(&rule->source, &packet->src) ||
		!holds_addr(&rule->destination, &packet->dst))
		return false;
	for (size_t i = 0; i < rule->n_terms; i++) {
		if (term_covers(&rule->terms[i], packet))
			return true;
	}
	return false;
}

static bool is_in_force(const struct pps_rule *rule, uint64_t now_ns)
{
	return rule->expires_ns == 0 || rule->expires_ns > now_ns;
}

static bool lifts(const struct pps_rule *exception, size_t ban)
{
	for (size_t i = 0; i < exception->n_overrides; i++) {
		if (exception->overrides[i] == ban)
			return true;
	}
	return false;
}

/* The first ban that covers the packet and that 'exception' (NULL: nobody) does not lift. */
static uint32_t find_ban(const struct pps_policy *policy, const struct pps_rule *exception,
	const struct reference_packet *packet)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct pps_rule *rule = &policy->rules[i];

		if (rule->kind == PPS_RULE_BAN && rule_covers(rule, packet) &&
			!(exception != NULL && lifts(exception, i)))
			return (uint32_t)i;
	}
	return REFERENCE_NO_RULE;
}

/* Exceptions that override bans: the first whose bans are all there are. Where there is none, the
 * drop is named by the ban that stopped the first exception. */
static bool decide_overriding(const struct pps_policy *policy, uint64_t now_ns,
	const struct reference_packet *packet, struct reference_decision *decision)
{
	uint32_t stopped_by = REFERENCE_NO_RULE;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct pps_rule *rule = &policy->rules[i];
		uint32_t ban;

		if (rule->kind != PPS_RULE_EXCEPTION || rule->n_overrides == 0 ||
			!is_in_force(rule, now_ns) || !rule_covers(rule, packet))
			continue;
		ban = find_ban(policy, rule, packet);
		if (ban == REFERENCE_NO_RULE) {
			*decision = (struct reference_decision){PPS_REASON_NONE, (uint32_t)i};
			return true;
		}
		if (stopped_by == REFERENCE_NO_RULE)
			stopped_by = ban;
	}
	*decision = (struct reference_decision){PPS_REASON_BANNED, stopped_by};
	return stopped_by != REFERENCE_NO_RULE;
}

static uint32_t find_rule(const struct pps_policy *policy, enum pps_rule_kind kind, bool in_force,
	uint64_t now_ns, const struct reference_packet *packet)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct pps_rule *rule = &policy->rules[i];

		if (rule->kind == kind && is_in_force(rule, now_ns) == in_force &&
			rule_covers(rule, packet))
			return (uint32_t)i;
	}
	return REFERENCE_NO_RULE;
}

struct reference_decision reference_decide(
	const struct pps_policy *policy, uint64_t now_ns, const struct reference_packet *packet)
{
	struct reference_decision decision;
	uint32_t rule;

	if (decide_overriding(policy, now_ns, packet, &decision))
		return decision;
	rule = find_ban(policy, NULL, packet);
	if (rule != REFERENCE_NO_RULE)
		return (struct reference_decision){PPS_REASON_BANNED, rule};
	rule = find_rule(policy, PPS_RULE_EXCEPTION, true, now_ns, packet);
	if (rule != REFERENCE_NO_RULE)
		return (struct reference_decision){PPS_REASON_NONE, rule};
	rule = find_rule(policy, PPS_RULE_APPROVED, true, now_ns, packet);
	if (rule != REFERENCE_NO_RULE)
		return (struct reference_decision){PPS_REASON_NONE, rule};
	rule = find_rule(policy, PPS_RULE_EXCEPTION, false, now_ns, packet);
	if (rule != REFERENCE_NO_RULE)
		return (struct reference_decision){PPS_REASON_EXCEPTION_EXPIRED, rule};
	return (struct reference_decision){PPS_REASON_NOT_APPROVED, REFERENCE_NO_RULE};
}
