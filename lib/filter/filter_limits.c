/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How much of what is approved: the limits of the rule that permits a new flow.
 *
 * Limits govern what begins. A flow that lives is never cut by one: not when a new policy lowers
 * the limit, nor when it binds the flow to a rule that has its number already; the rule then
 * begins none until it is below its limit again. Flows count from their first packet until they are
 * forgotten, half-open and closed ones too; one whose timeout has passed may count for the second a
 * sweep takes.
 *
 * The rate is a bucket that holds one second's worth and fills steadily. A flow takes from it when
 * it begins: what is dropped for another reason does not.
 *
 * All is counted over all workers (pps_flow_ledger.h). What is asked here is therefore asked again
 * when the flow begins: another worker may have begun the last one meanwhile.
 */

#include "filter_priv.h"

enum pps_reason limits_check(const struct pps_filter *filter, const struct pps_ruleset_rule *rule,
	const struct pps_flow_source *source, uint32_t reuse, uint32_t tick)
{
	const struct pps_limits *limits = &rule->limits;
	struct pps_flow_table *flows = filter->flows;
	uint32_t n;

	if (limits->flows != 0) {
		n = pps_flow_count_rule(flows, rule->slot);
		n -= reuse != PPS_FLOW_NONE && pps_flow_at(flows, reuse)->rule == rule->slot;
		if (n >= limits->flows)
			return PPS_REASON_LIMIT_FLOWS;
	}
	if (limits->flows_per_source != 0) {
		n = pps_flow_count_rule_source(flows, rule->slot, source);
		n -= reuse != PPS_FLOW_NONE &&
			pps_flow_is_of_rule_source(flows, reuse, rule->slot, source);
		if (n >= limits->flows_per_source)
			return PPS_REASON_LIMIT_SOURCE;
	}
	if (limits->new_flows_per_second != 0 &&
		!pps_flow_rate_permits(flows, rule->slot, limits->new_flows_per_second, tick))
		return PPS_REASON_LIMIT_RATE;
	return PPS_REASON_NONE;
}

void limits_bind(struct pps_filter *filter, uint32_t handle, const struct pps_ruleset_rule *rule)
{
	const struct pps_flow *flow = pps_flow_at(filter->flows, handle);
	struct pps_flow_source source;
	struct pps_flow_key key;

	if (rule->limits.flows_per_source == 0) {
		pps_flow_bind(filter->flows, handle, rule->slot, NULL);
		return;
	}
	pps_flow_key_at(filter->flows, handle, &key);
	pps_flow_source_of(filter->flows, &key, flow->initiator, &source);
	pps_flow_bind(filter->flows, handle, rule->slot, &source);
}
