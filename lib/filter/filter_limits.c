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
 */

#include "filter_priv.h"

#define ONE_FLOW 1000u /* thousandths; new_flows_per_second of them flow in each millisecond */

static uint64_t ms_at(const struct pps_filter *filter, uint32_t tick)
{
	int32_t ahead = (int32_t)(tick - (uint32_t)filter->limits_ms);

	if (filter->limits_ms == 0)
		return tick;
	return ahead > 0 ? filter->limits_ms + (uint32_t)ahead : filter->limits_ms;
}

void limits_tick(struct pps_filter *filter, uint32_t tick)
{
	filter->limits_ms = ms_at(filter, tick);
}

/* What is missing in the bucket now. */
static uint64_t spent_at(const struct rate_bucket *bucket, uint32_t rate, uint64_t now_ms)
{
	uint64_t elapsed = now_ms - bucket->at_ms;
	uint64_t filled = elapsed > UINT32_MAX ? UINT64_MAX : elapsed * rate;

	return filled >= bucket->spent ? 0 : bucket->spent - filled;
}

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
	if (limits->new_flows_per_second != 0) {
		uint32_t rate = limits->new_flows_per_second;

		if (spent_at(&filter->buckets[rule->slot], rate, ms_at(filter, tick)) + ONE_FLOW >
			(uint64_t)rate * ONE_FLOW)
			return PPS_REASON_LIMIT_RATE;
	}
	return PPS_REASON_NONE;
}

void limits_take(struct pps_filter *filter, const struct pps_ruleset_rule *rule, uint32_t tick)
{
	struct rate_bucket *bucket = &filter->buckets[rule->slot];
	uint32_t rate = rule->limits.new_flows_per_second;

	if (rate == 0)
		return;
	limits_tick(filter, tick);
	bucket->spent = spent_at(bucket, rate, filter->limits_ms) + ONE_FLOW;
	bucket->at_ms = filter->limits_ms;
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
