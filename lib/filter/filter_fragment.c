/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Step 3 of the law: fragments. lib/fragment says which belong together; here the first one goes
 * through the rest of the law, and later ones follow it.
 *
 * No fragment outlives its approval: a later one passes only while the flow of its first lives, and
 * when that flow is stale it is judged again before the fragment passes. Later fragments count for
 * flow and rule, but only the first keeps a flow alive: they prove nothing of their own.
 *
 * TCP says how far its data reaches by the length of the packet, and a first fragment does not know
 * that. So the whole is judged again, with its true length, when its last fragment tells it.
 */

#include <rte_mbuf.h>

#include "filter_priv.h"

/* ---- what was held ---- */

static void account_late_drop(struct pps_filter *filter, const struct pps_fragment_held *held,
	uint32_t generation, const struct pps_clock *now)
{
	pps_stats_add(&filter->stats->drops[held->reason], 1);
	pps_stats_add(&filter->stats->drop_bytes, held->packet.length);
	if (filter->observed != NULL) {
		pps_stats_add(&filter->stats->observed, 1);
		pps_stats_add(&filter->stats->observed_bytes, held->packet.length);
	}
	pps_event_deny(filter->events, now->wall_ns, &held->packet, held->segment, held->side,
		held->reason, 0, generation, filter->event_flags);
}

/* Frees and counts what the store gave up. */
static void settle_dropped(
	struct pps_filter *filter, uint32_t generation, const struct pps_clock *now)
{
	struct pps_fragment_held held;

	while (pps_fragment_next_dropped(filter->fragments, &held)) {
		account_late_drop(filter, &held, generation, now);
		rte_pktmbuf_free(held.frame);
	}
}

/* Counts what follows the first fragment 'i', which passed as 'verdict' says, and lets it go. */
static void settle_released(
	struct pps_filter *filter, unsigned int i, const struct pps_verdict *verdict)
{
	const struct burst *burst = &filter->burst;
	struct pps_worker_stats *stats = filter->stats;
	struct pps_fragment_held held;

	while (pps_fragment_next_released(filter->fragments, &held)) {
		pps_stats_add(&stats->passed, 1);
		pps_stats_add(&stats->passed_bytes, held.packet.length);
		account_rule(stats, verdict->rule, held.packet.length, burst->now->wall_ns);
		pps_flow_tally(pps_flow_at(filter->flows, verdict->flow),
			pps_flow_cold_at(filter->flows, verdict->flow), &held.packet, held.side);
		if (held.frame != NULL)
			filter->releases[filter->n_releases++] =
				(struct pps_release){held.frame, i};
	}
}

/* ---- one fragment ---- */

/* The packet as it will be when all of its fragments are there. */
static void make_whole(struct pps_packet *packet, uint32_t total)
{
	uint32_t missing = total - packet->fragment_len;

	packet->payload_len += missing;
	packet->l4_len += missing;
}

static enum pps_reason judge_first(struct pps_filter *filter, unsigned int i, unsigned int k,
	const struct pps_fragment_view *view, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	struct pps_packet *packet = &burst->packets[i];
	struct pps_fragment_first first = {
		.packet = *packet,
		.key = burst->keys[k],
		.hash = burst->hashes[k],
	};
	enum pps_reason reason;

	if (view->total != 0)
		make_whole(packet, view->total);
	reason = judge_keyed(filter, k, verdict);
	if (!burst->dry)
		pps_fragment_judged(filter->fragments, view, &first.packet,
			reason == PPS_REASON_NONE ? &first : NULL);
	return reason;
}

/* The last fragment of a TCP packet, whose flow 'handle' is: its whole is a packet of the flow, or
 * it does not pass. */
static enum pps_reason judge_last(struct pps_filter *filter, const struct pps_fragment_view *view,
	uint32_t length, uint32_t handle)
{
	struct burst *burst = &filter->burst;
	struct pps_flow *flow = pps_flow_at(filter->flows, handle);
	struct pps_flow_cold *cold = pps_flow_cold_at(filter->flows, handle);
	struct pps_packet whole = view->first->packet;
	enum pps_flow_state state;
	enum pps_reason reason;
	bool restart;

	make_whole(&whole, view->total);
	whole.length = length;
	reason = pps_flow_step(flow, cold, &whole, burst->ingress->side, &state, &restart);
	if (reason == PPS_REASON_NONE && restart)
		reason = PPS_REASON_FRAGMENT_FLOW_ENDED;
	if (reason != PPS_REASON_NONE || burst->dry)
		return reason;
	pps_flow_apply(flow, cold, &whole, burst->ingress->side, state, burst->now->tick);
	if (flow->flags & PPS_FLOW_HALF_OPEN)
		pps_flow_prove(filter->flows, handle);
	return PPS_REASON_NONE;
}

static enum pps_reason follow_flow(struct pps_filter *filter, const struct pps_packet *packet,
	const struct pps_fragment_view *view, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_fragment_first *first = view->first;
	uint32_t handle = pps_flow_lookup(filter->flows, &first->key, first->hash);
	struct pps_flow *flow;
	enum pps_reason reason;

	if (handle == PPS_FLOW_NONE)
		return PPS_REASON_FRAGMENT_FLOW_ENDED;
	flow = pps_flow_at(filter->flows, handle);
	if (!flow_is_live(flow, burst->ruleset, burst->now))
		return PPS_REASON_FRAGMENT_FLOW_ENDED;
	if (flow_is_stale(flow, burst->ruleset, burst->lapsed)) {
		reason = judge_stale(filter, &first->key,
			classify_one(burst->ruleset, &first->key, flow->initiator, flow->scale),
			handle, verdict);
		if (reason != PPS_REASON_NONE)
			return reason;
	}
	verdict->flow = handle;
	verdict->rule = flow->rule;
	verdict->state = flow->state;
	if (first->packet.protocol == PPS_IP_TCP && !packet->more_fragments)
		return judge_last(filter, view, packet->length, handle);
	if (!burst->dry)
		pps_flow_tally(flow, pps_flow_cold_at(filter->flows, handle), packet,
			burst->ingress->side);
	return PPS_REASON_NONE;
}

static enum pps_reason judge_later(struct pps_filter *filter, const struct pps_packet *packet,
	const struct pps_fragment_view *view, struct pps_verdict *verdict)
{
	enum pps_reason reason = follow_flow(filter, packet, view, verdict);

	if (!filter->burst.dry)
		pps_fragment_followed(filter->fragments, view, packet, reason == PPS_REASON_NONE);
	return reason;
}

/* How many buffers a frame takes from the pool while it is held. */
static uint16_t buffers_of(const struct burst *burst, unsigned int i)
{
	return burst->frames != NULL ? burst->frames[i]->nb_segs : 1;
}

static uint32_t timeout_ticks(const struct pps_ruleset *ruleset)
{
	return ruleset->policy->timeouts_sec[PPS_TIMEOUT_FRAGMENT] * 1000u;
}

/* Fragment 'i', which has key 'k' if it is a first one. verdict->reason is the parser's. */
static void judge_fragment(
	struct pps_filter *filter, unsigned int i, unsigned int k, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_packet *packet = &burst->packets[i];
	const struct pps_fragment_at at = {
		.segment = burst->ingress->segment,
		.side = burst->ingress->side,
		.buffers = buffers_of(burst, i),
		.tick = burst->now->tick,
		.timeout = timeout_ticks(burst->ruleset),
	};
	struct pps_fragment_view view;
	enum pps_reason reason;

	if (!burst->dry)
		fragments_expire(filter, burst->ruleset, burst->now, PPS_BURST_MAX);
	if (verdict->reason == PPS_REASON_NONE && packet->later_fragment &&
		source_is_blocked(burst, packet))
		verdict->reason = PPS_REASON_SOURCE_BLOCKED;
	pps_fragment_look(filter->fragments, packet, verdict->reason, &at, &view);
	switch (view.fate) {
	case PPS_FRAGMENT_JUDGE:
		reason = judge_first(filter, i, k, &view, verdict);
		break;
	case PPS_FRAGMENT_FOLLOW:
		reason = judge_later(filter, packet, &view, verdict);
		break;
	case PPS_FRAGMENT_HOLD:
		reason = PPS_REASON_HELD;
		if (!burst->dry)
			pps_fragment_hold(filter->fragments, &view, packet,
				filter->keeps ? burst->frames[i] : NULL);
		break;
	default:
		reason = view.reason;
		if (!burst->dry)
			pps_fragment_drop(filter->fragments, &view, packet);
		break;
	}
	verdict->reason = (uint8_t)reason;
	if (burst->dry)
		return;
	settle_released(filter, i, verdict);
	settle_dropped(filter, burst->ruleset->generation, burst->now);
}

void judge_with_fragments(struct pps_filter *filter, struct pps_verdict *verdicts)
{
	struct burst *burst = &filter->burst;
	unsigned int k = 0;

	for (unsigned int i = 0; i < burst->n; i++) {
		const struct pps_packet *packet = &burst->packets[i];
		struct pps_verdict *verdict = &verdicts[i];
		bool has_key = k < burst->n_keyed && burst->keyed[k] == i;
		bool at_link = verdict->reason != PPS_REASON_NONE &&
			pps_reason_step(verdict->reason) == PPS_STEP_LINK;

		if (pps_packet_names_datagram(packet) && !at_link)
			judge_fragment(filter, i, k, verdict);
		else if (has_key)
			verdict->reason = (uint8_t)judge_keyed(filter, k, verdict);
		k += has_key;
	}
}

/* ---- the rest of their life ---- */

void fragments_expire(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, unsigned int max)
{
	pps_fragment_expire(filter->fragments, now->tick, timeout_ticks(ruleset), max);
	settle_dropped(filter, ruleset->generation, now);
}

void fragments_free(struct pps_filter *filter)
{
	struct pps_fragment_held held;

	pps_fragment_drain(filter->fragments);
	while (pps_fragment_next_dropped(filter->fragments, &held))
		rte_pktmbuf_free(held.frame);
}

void pps_filter_drop_held(struct pps_filter *filter, const struct pps_clock *now)
{
	pps_fragment_drain(filter->fragments);
	settle_dropped(filter, filter->sweep_generation, now);
}

unsigned int pps_filter_released(const struct pps_filter *filter, const struct pps_release **ret)
{
	*ret = filter->releases;
	return filter->n_releases;
}
