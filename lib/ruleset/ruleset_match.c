/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_acl.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>

#include "ruleset_priv.h"

static bool range_holds(const struct pps_ranges *ranges, uint16_t value)
{
	size_t lo = 0, hi = ranges->n;

	/* The first range that does not end below the value. */
	while (lo < hi) {
		size_t middle = (lo + hi) / 2;

		if (ranges->items[middle].hi < value)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo < ranges->n && ranges->items[lo].lo <= value;
}

static bool prefix_holds(const struct pps_prefixes *prefixes, const struct pps_addr *addr)
{
	size_t lo = 0, hi = prefixes->n;

	/* The first prefix that begins above the address; the one before it may hold it. */
	while (lo < hi) {
		size_t middle = (lo + hi) / 2;

		if (memcmp(prefixes->items[middle].addr.bytes, addr->bytes, 16) <= 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo > 0 && pps_prefix_contains(&prefixes->items[lo - 1], addr);
}

static bool term_matches(
	const struct pps_shape_term *term, uint8_t family, const struct pps_class_key *key)
{
	if (term->protocol != PPS_PROTOCOL_ANY && term->protocol != key->protocol)
		return false;
	return pps_shape_term_has_family(term, family) &&
		range_holds(&term->src_ports, rte_be_to_cpu_16(key->src_port)) &&
		range_holds(&term->dst_ports, rte_be_to_cpu_16(key->dst_port));
}

bool pps_shape_matches(
	const struct pps_shape *shape, unsigned int context, const struct pps_class_key *key)
{
	uint8_t family = pps_context_family(context);
	struct pps_addr src = {.family = family}, dst = {.family = family};
	unsigned int f = family == 6;
	bool matches = false;

	if ((shape->directions & pps_context_direction(context)) == 0 ||
		!range_holds(&shape->vlans, rte_be_to_cpu_16(key->vlan)))
		return false;
	for (size_t i = 0; i < shape->n_terms && !matches; i++)
		matches = term_matches(&shape->terms[i], family, key);
	if (!matches)
		return false;
	memcpy(src.bytes, key->src, sizeof(src.bytes));
	memcpy(dst.bytes, key->dst, sizeof(dst.bytes));
	return prefix_holds(&shape->src[f], &src) && prefix_holds(&shape->dst[f], &dst);
}

/* The first attached ban of 'item' that covers the packet. */
static uint32_t find_ban(const struct pps_overrides *overrides, const struct pps_override *item,
	unsigned int context, const struct pps_class_key *key)
{
	for (uint32_t i = 0; i < item->n_bans; i++) {
		if (pps_shape_matches(overrides->shapes[item->bans[i]], context, key))
			return item->bans[i];
	}
	return PPS_RULE_NONE;
}

/* 'rule' is the first overriding exception that matches; see "Order" in pps_ruleset.h. */
static uint32_t resolve_override(const struct pps_overrides *overrides, uint32_t rule,
	unsigned int context, const struct pps_class_key *key)
{
	const struct pps_override *first = &overrides->items[rule - overrides->first];
	uint32_t ban = find_ban(overrides, first, context, key);

	if (ban == PPS_RULE_NONE)
		return rule;
	for (uint32_t i = 0; i < first->n_next; i++) {
		uint32_t next = first->next[i];

		if (pps_shape_matches(overrides->shapes[next], context, key) &&
			find_ban(overrides, &overrides->items[next - overrides->first], context,
				key) == PPS_RULE_NONE)
			return next;
	}
	return ban;
}

/* Fills in what both kinds of flow key have, 'size' bytes of each address. */
static void set_tuple(struct pps_class_key *ret, const uint8_t *inside, const uint8_t *outside,
	size_t size, uint16_t inside_port, uint16_t outside_port, enum pps_side initiator)
{
	bool from_inside = initiator == PPS_SIDE_INSIDE;

	memcpy(ret->src, from_inside ? inside : outside, size);
	memcpy(ret->dst, from_inside ? outside : inside, size);
	ret->src_port = from_inside ? inside_port : outside_port;
	ret->dst_port = from_inside ? outside_port : inside_port;
}

void pps_class_key_make(const struct pps_flow_key *key, enum pps_side initiator, uint8_t icmp_code,
	struct pps_class_key *ret)
{
	uint16_t query;
	bool is_icmp;

	memset(ret, 0, sizeof(*ret));
	if (key->is_wide) {
		const struct pps_key_wide *wide = &key->wide;

		set_tuple(ret, wide->inside, wide->outside, sizeof(wide->inside), wide->inside_port,
			wide->outside_port, initiator);
		ret->protocol = wide->protocol;
		ret->vlan = rte_cpu_to_be_16(wide->vlan);
		query = wide->outside_port;
		is_icmp = wide->protocol == (wide->family == 4 ? PPS_IP_ICMP : PPS_IP_ICMPV6);
	} else {
		const struct pps_key4 *v4 = &key->v4;

		set_tuple(ret, v4->inside, v4->outside, sizeof(v4->inside), v4->inside_port,
			v4->outside_port, initiator);
		ret->protocol = v4->protocol;
		ret->vlan = rte_cpu_to_be_16(v4->vlan);
		query = v4->outside_port;
		is_icmp = v4->protocol == PPS_IP_ICMP;
	}
	if (!is_icmp)
		return;
	/* Whoever asked, the query's type is the high byte of the outside port (pps_flow.h). */
	ret->src_port = 0;
	ret->dst_port =
		rte_cpu_to_be_16((uint16_t)((rte_be_to_cpu_16(query) & 0xff00) | icmp_code));
}

void pps_ruleset_classify(const struct pps_ruleset *ruleset, enum pps_direction direction,
	uint8_t family, const struct pps_class_key *const *keys, unsigned int n,
	uint32_t *ret_rules)
{
	const struct pps_ruleset_priv *priv = ruleset->priv;
	unsigned int context = pps_context_index(direction, family);
	const struct rte_acl_ctx *acl = priv->contexts[context];
	uint32_t seen = 0;

	if (acl == NULL ||
		rte_acl_classify(acl, (const uint8_t **)(uintptr_t)keys, ret_rules, n, 1) != 0) {
		for (unsigned int i = 0; i < n; i++)
			ret_rules[i] = PPS_RULE_NONE;
		return;
	}
	/* No match is 0 and becomes PPS_RULE_NONE. */
	for (unsigned int i = 0; i < n; i++) {
		seen |= ret_rules[i];
		ret_rules[i] = (ret_rules[i] & PPS_USERDATA_RULE) - 1;
	}
	if (likely((seen & PPS_USERDATA_RESOLVE) == 0))
		return;
	for (unsigned int i = 0; i < n; i++) {
		if (pps_overrides_resolve(&priv->overrides, ret_rules[i]))
			ret_rules[i] =
				resolve_override(&priv->overrides, ret_rules[i], context, keys[i]);
	}
}
