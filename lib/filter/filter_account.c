/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Step 10: what is counted, and the events of what was dropped.
 */

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

#include "filter_priv.h"

/*
 * A protected host tried to start a flow that nothing approves: an alert, because such a host was
 * told what it may do. Packets of flows that were approved once are none of that.
 */
static bool is_egress(const struct burst *burst, const struct pps_verdict *verdict)
{
	return burst->ingress->side == PPS_SIDE_INSIDE && !verdict->rejudged &&
		(verdict->reason == PPS_REASON_NOT_APPROVED ||
			verdict->reason == PPS_REASON_BANNED ||
			verdict->reason == PPS_REASON_EXCEPTION_EXPIRED);
}

/* Counts a drop, and adds it to the 'n' denials to be recorded. Returns how many there are. */
static unsigned int account_drop(struct pps_filter *filter, const struct pps_packet *packet,
	const struct pps_verdict *verdict, struct pps_event_denial *denials, unsigned int n)
{
	const struct burst *burst = &filter->burst;
	bool egress = is_egress(burst, verdict);
	unsigned int flags = filter->event_flags | (egress ? PPS_EVENT_EGRESS : 0);

	if (verdict->reason == PPS_REASON_HELD)
		return n;
	if (filter->observed != NULL && observe_deny(filter, packet, verdict))
		flags |= PPS_EVENT_ANSWERS;
	pps_stats_add(&filter->stats->drops[verdict->reason], 1);
	if (egress)
		pps_stats_add(&filter->stats->egress, 1);
	pps_stats_add(&filter->stats->drop_bytes, packet->length);
	denials[n] = (struct pps_event_denial){
		.packet = packet,
		.rule = verdict->step == PPS_STEP_CLASSIFY ? verdict->rule : 0,
		.generation = burst->ruleset->generation,
		.segment = burst->ingress->segment,
		.side = (uint8_t)burst->ingress->side,
		.reason = verdict->reason,
		.flags = (uint8_t)flags,
	};
	return n + 1;
}

_Static_assert(PPS_BURST_MAX <= PPS_EVENT_DENIALS_MAX, "all of a burst may be denied");

/* Step 10. A rule counts the packets it decided: those it let pass, and those it banned. */
void account(struct pps_filter *filter, unsigned int n, struct pps_verdict *verdicts)
{
	const struct burst *burst = &filter->burst;
	struct pps_worker_stats *stats = filter->stats;
	struct pps_port_stats *port = &stats->ports[burst->ingress->port];
	uint64_t passed = 0, passed_bytes = 0, bytes = 0;
	uint64_t wall_ns = burst->now->wall_ns;
	struct pps_event_denial denials[PPS_BURST_MAX];
	unsigned int n_denials = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct pps_packet *packet = &burst->packets[i];
		struct pps_verdict *verdict = &verdicts[i];

		bytes += packet->length;
		if (likely(verdict->reason == PPS_REASON_NONE)) {
			verdict->step = PPS_STEP_ACCOUNT;
			passed++;
			passed_bytes += packet->length;
			if (likely(verdict->rule != 0))
				account_rule(stats, verdict->rule, packet->length, wall_ns);
			if (unlikely(verdict->new_flow) && filter->observed != NULL)
				observe_start(filter, packet);
		} else {
			verdict->step = (uint8_t)pps_reason_step(verdict->reason);
			n_denials = account_drop(filter, packet, verdict, denials, n_denials);
			if (verdict->rule != 0 && verdict->reason == PPS_REASON_BANNED)
				account_rule(stats, verdict->rule, packet->length, wall_ns);
		}
	}
	pps_event_deny_burst(filter->events, wall_ns, denials, n_denials);
	pps_stats_add(&stats->passed, passed);
	pps_stats_add(&stats->passed_bytes, passed_bytes);
	pps_stats_add(&port->rx_packets, n);
	pps_stats_add(&port->rx_bytes, bytes);
}

/* Without a policy nothing is parsed and nothing passes. */
void account_without_policy(struct pps_filter *filter, const struct pps_ingress *ingress,
	struct rte_mbuf **frames, unsigned int n, struct pps_verdict *verdicts)
{
	struct pps_port_stats *port = &filter->stats->ports[ingress->port];
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++) {
		verdicts[i] = (struct pps_verdict){
			.reason = PPS_REASON_NO_POLICY,
			.step = PPS_STEP_ACCOUNT,
			.flow = PPS_FLOW_NONE,
		};
		bytes += rte_pktmbuf_pkt_len(frames[i]);
	}
	pps_stats_add(&filter->stats->drops[PPS_REASON_NO_POLICY], n);
	pps_stats_add(&filter->stats->drop_bytes, bytes);
	pps_stats_add(&port->rx_packets, n);
	pps_stats_add(&port->rx_bytes, bytes);
}
