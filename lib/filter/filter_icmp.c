/* SPDX-License-Identifier: BSD-3-Clause */

/* Step 6: an ICMP error passes with the flow it speaks of, and leaves that flow as it is. */

#include "filter_priv.h"

/*
 * Errors about one flow: a bucket of them that fills steadily, kept as the tick up to which it is
 * paid for. Any tick that cannot be is long ago. The burst has room for a traceroute that gives all
 * its probes one identity (30 hops, two at a time), the rate for one that goes on for ever, and a
 * sender that has to learn a path's MTU needs one error.
 */
#define ERROR_DEBT_MAX (PPS_FLOW_ERROR_BURST * PPS_FLOW_ERROR_TICKS)

static uint32_t error_debt(const struct pps_flow_cold *cold, uint32_t tick)
{
	uint32_t ahead = cold->errors_paid - tick;

	return ahead <= ERROR_DEBT_MAX ? ahead : 0;
}

static enum pps_reason judge_error_rate(struct pps_filter *filter, uint32_t handle)
{
	struct pps_flow_cold *cold = pps_flow_cold_at(filter->flows, handle);
	uint32_t tick = filter->burst.now->tick;
	uint32_t debt = error_debt(cold, tick) + PPS_FLOW_ERROR_TICKS;

	if (debt > ERROR_DEBT_MAX)
		return PPS_REASON_ICMP_ERROR_RATE;
	if (!filter->burst.dry)
		cold->errors_paid = tick + debt;
	return PPS_REASON_NONE;
}

/* Whoever only guesses what the flow's ports are does not know its numbers. */
static enum pps_reason judge_quoted_number(const struct pps_flow *flow,
	const struct pps_flow_key *key, const struct pps_packet *error, enum pps_side from)
{
	switch (key->is_wide ? key->wide.protocol : key->v4.protocol) {
	case PPS_IP_TCP:
		return pps_flow_tcp_quote_fits(flow, from, error->tcp_seq)
			? PPS_REASON_NONE
			: PPS_REASON_ICMP_ERROR_SEQ;
	case PPS_IP_SCTP:
		return pps_flow_sctp_quote_fits(flow, from, error->sctp_tag)
			? PPS_REASON_NONE
			: PPS_REASON_ICMP_ERROR_TAG;
	default:
		return PPS_REASON_NONE;
	}
}

enum pps_reason judge_icmp_error(
	struct pps_filter *filter, unsigned int k, uint32_t handle, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_flow *flow;
	enum pps_reason reason;
	uint32_t rule;

	if (handle == PPS_FLOW_NONE)
		return source_is_allowed(burst, k) ? PPS_REASON_ICMP_ERROR_UNRELATED
						   : PPS_REASON_SOURCE_NOT_ALLOWED;
	flow = pps_flow_at(filter->flows, handle);
	if (flow_is_stale(flow, burst->ruleset, burst->lapsed)) {
		rule = answer(burst, k, flow->initiator, flow->scale);
		reason = judge_stale(filter, &burst->keys[k], rule, handle, verdict);
		if (reason != PPS_REASON_NONE)
			return reason;
	}
	verdict->flow = handle;
	verdict->rule = flow->rule;
	verdict->state = flow->state;
	/* The side the error goes to must have sent what is quoted. */
	if (flow->initiator == burst->ingress->side && !(flow->flags & PPS_FLOW_REPLIED))
		return PPS_REASON_ICMP_ERROR_UNRELATED;
	reason = judge_quoted_number(
		flow, &burst->keys[k], &burst->packets[burst->keyed[k]], burst->ingress->side);
	return reason == PPS_REASON_NONE ? judge_error_rate(filter, handle) : reason;
}
