/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The law, in order. Read judge_keyed() for what is decided per frame and pps_filter_burst() for
 * how a burst goes through it.
 *
 *  1 link        front_check(): VLANs, ethertypes, ARP, by the policy's link section
 *  2 headers     pps_packet_parse() has said it already; front_check() puts it in its place
 *                (both in filter_front.c)
 *  3 fragments   judge_with_fragments(): later ones follow the verdict of their first
 *  4 sources     sources_block() for the burst, source_is_allowed() where there is no flow
 *  5 flow        judge_common(): what nearly all packets are. judge_known(): judged again first
 *                when stale, then the transition
 *  6 icmp        judge_icmp_error() (filter_icmp.c), and neighbour discovery in front_check()
 *  7 start       judge_new(): may this packet start a flow? Else judge_picked_up()
 *  8 classify    judge_new(): the ruleset's answer, asked for the whole burst beforehand, and the
 *                rule's limits (filter_limits.c). is_unapproved(): what most denied packets are
 *  9 tunnel      judge_tunnel(): dropped in this build
 * 10 account     room_for(): the table and its half-open flows; account(): counters and events
 *                (filter_account.c)
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <pps_stage.h>

#include "filter_priv.h"

struct pps_filter *pps_filter_create(const struct pps_filter_params *params)
{
	struct pps_filter *filter;

	filter = rte_zmalloc("pps_filter", sizeof(*filter), PPS_CACHE_LINE);
	if (filter == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	filter->flows = params->flows;
	filter->stats = params->stats;
	filter->events = params->events;
	filter->keeps = !params->audit && !params->observer;
	filter->event_flags =
		(params->audit ? PPS_EVENT_AUDIT : 0) | (params->observer ? PPS_EVENT_OBSERVER : 0);
	filter->loose_ticks = params->tcp_loose_seconds * 1000;
	filter->fragments = pps_fragment_store_create(&PPS_FRAGMENT_PARAMS_DEFAULT);
	if (params->observer)
		filter->observed = observed_create();
	if (filter->fragments == NULL || (params->observer && filter->observed == NULL)) {
		pps_fragment_store_destroy(filter->fragments);
		observed_destroy(filter->observed);
		rte_free(filter);
		errno = ENOMEM;
		return NULL;
	}
	return filter;
}

void pps_filter_destroy(struct pps_filter *filter)
{
	if (filter == NULL)
		return;
	fragments_free(filter);
	pps_fragment_store_destroy(filter->fragments);
	observed_destroy(filter->observed);
	rte_free(filter);
}

void pps_filter_end_flow(struct pps_filter *filter, const struct pps_clock *now, uint32_t handle,
	enum pps_flow_end end)
{
	const struct pps_flow *flow = pps_flow_at(filter->flows, handle);

	if (flow->flags & PPS_FLOW_LOG) {
		struct pps_flow_key key;

		pps_flow_key_at(filter->flows, handle, &key);
		pps_event_flow(filter->events, PPS_EVENT_FLOW_END, now->wall_ns, &key, flow,
			pps_flow_cold_at(filter->flows, handle), end);
	}
	pps_flow_remove(filter->flows, handle);
	pps_stats_add(&filter->stats->flows_ended, 1);
	__atomic_store_n(
		&filter->stats->flows_live, pps_flow_count(filter->flows), __ATOMIC_RELAXED);
}

/* ---- asking about the burst's flows ---- */

/* Prepares the question frame 'k' puts to the ruleset, if it puts one. */
static bool needs_classification(struct pps_filter *filter, unsigned int k)
{
	struct burst *burst = &filter->burst;
	const struct pps_packet *packet = &burst->packets[burst->keyed[k]];
	struct classification *class = &burst->classes[k];
	enum pps_flow_state state;

	if (burst->handles[k] != PPS_FLOW_NONE) {
		const struct pps_flow *flow = pps_flow_at(filter->flows, burst->handles[k]);

		if (likely(flow_is_live(flow, burst->ruleset, burst->now))) {
			if (likely(!flow_is_stale(flow, burst->ruleset, burst->lapsed)))
				return false;
			classification_make(class, &burst->keys[k], flow->initiator, flow->scale);
			class->begins = PPS_FLOW_FREE;
			return true;
		}
	}
	if (packet->kind != PPS_PACKET_IP || pps_flow_begin(packet, &state) != PPS_REASON_NONE)
		return false;
	if (unlikely(state == PPS_FLOW_ICMP_QUERY))
		classification_make(
			class, &burst->keys[k], burst->ingress->side, packet->icmp_code);
	else
		classification_of_packet(class, packet, burst->ingress->side);
	class->begins = (uint8_t)state;
	return true;
}

/* What frames that some rule speaks of, and may start a flow, need when their turn comes: their
 * sources, so that what is counted of them is under way, and room in the table. */
static void prepare_new(struct pps_filter *filter, const uint8_t *asked, unsigned int n_asked)
{
	struct burst *burst = &filter->burst;
	uint64_t expected = 0;

	for (unsigned int i = 0; i < n_asked; i++) {
		unsigned int k = asked[i];
		const struct classification *class = &burst->classes[k];

		burst->sources[k].family = 0;
		if (class->begins == PPS_FLOW_FREE)
			continue;
		if (class->rule == PPS_RULE_NONE) {
			burst->unapproved |= UINT64_C(1) << k;
			continue;
		}
		expected |= UINT64_C(1) << k;
		pps_flow_source_of(
			filter->flows, &burst->keys[k], burst->ingress->side, &burst->sources[k]);
	}
	pps_flow_prepare_burst(filter->flows, burst->keys, burst->hashes, expected);
}

/*
 * Frames with a flow need not be looked at when no flow can be stale; one that has expired since is
 * asked about when its turn comes. (Nothing depends on it but how many are asked at once.)
 */
static void classify(struct pps_filter *filter)
{
	struct burst *burst = &filter->burst;
	uint8_t asked[PPS_BURST_MAX];
	unsigned int n_asked = 0;
	uint64_t maybe = burst->flowless;

	burst->classified = 0;
	burst->unapproved = 0;
	if (unlikely(burst->lapsed || filter->swept_generation != burst->ruleset->generation))
		maybe = burst->n_keyed == 0 ? 0 : UINT64_MAX >> (64 - burst->n_keyed);
	for (; maybe != 0; maybe &= maybe - 1) {
		unsigned int k = (unsigned int)__builtin_ctzll(maybe);

		if (!needs_classification(filter, k))
			continue;
		asked[n_asked++] = (uint8_t)k;
		burst->classified |= UINT64_C(1) << k;
	}
	classify_batch(burst->ruleset, burst->classes, asked, n_asked);
	prepare_new(filter, asked, n_asked);
}

static bool is_classified(const struct burst *burst, unsigned int k)
{
	return (burst->classified >> k & 1) != 0;
}

uint32_t answer(struct burst *burst, unsigned int k, enum pps_side initiator, uint8_t icmp_code)
{
	if (likely(is_classified(burst, k) && burst->classes[k].initiator == initiator &&
		    burst->classes[k].code == icmp_code))
		return burst->classes[k].rule;
	return classify_one(burst->ruleset, &burst->keys[k], initiator, icmp_code);
}

/* ---- steps 5 to 9 ---- */

enum pps_reason flow_judge(const struct pps_ruleset *ruleset, const struct pps_flow_key *key,
	enum pps_side initiator, uint32_t rule, uint64_t wall_ns)
{
	enum pps_reason reason = sources_judge_flow(ruleset->sources, key, initiator);

	return reason != PPS_REASON_NONE ? reason : pps_ruleset_judge(ruleset, rule, wall_ns);
}

enum pps_reason flow_rejudge(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_flow_key *key, uint32_t handle, uint32_t rule, uint64_t wall_ns)
{
	struct pps_flow *flow = pps_flow_at(filter->flows, handle);
	enum pps_reason reason = flow_judge(ruleset, key, flow->initiator, rule, wall_ns);
	const struct pps_ruleset_rule *r;

	if (reason != PPS_REASON_NONE) {
		pps_stats_add(&filter->stats->rejudged_cut, 1);
		return reason;
	}
	r = &ruleset->rules[rule];
	if (flow->generation != ruleset->generation)
		pps_stats_add(flow->rule == r->slot ? &filter->stats->rejudged_kept
						    : &filter->stats->rejudged_rebound,
			1);
	limits_bind(filter, handle, r);
	flow->generation = ruleset->generation;
	flow->flags &= (uint8_t)~PPS_FLOW_LOG;
	if (r->log == PPS_RULE_LOG_FLOWS)
		flow->flags |= PPS_FLOW_LOG;
	return PPS_REASON_NONE;
}

static enum pps_reason judge_tunnel(const struct pps_packet *packet)
{
	switch (packet->tunnel) {
	case PPS_TUNNEL_NONE:
		return PPS_REASON_NONE;
	case PPS_TUNNEL_READABLE:
		return PPS_REASON_TUNNEL;
	default:
		return PPS_REASON_TUNNEL_OPAQUE;
	}
}

/*
 * Is there room for another flow of this source? Makes it, where an older half-open flow must give
 * way. 'reuse' is as in judge_new().
 */
static enum pps_reason room_for(
	struct pps_filter *filter, const struct pps_flow_source *source, uint32_t reuse)
{
	const struct burst *burst = &filter->burst;
	const struct pps_flow *flow;
	uint32_t replace;
	enum pps_reason reason =
		pps_flow_room(filter->flows, source, reuse, burst->now->tick, &replace);

	if (burst->dry || replace == PPS_FLOW_NONE)
		return reason;
	flow = pps_flow_at(filter->flows, replace);
	if (flow_is_live(flow, burst->ruleset, burst->now)) {
		pps_stats_add(&filter->stats->flows_replaced, 1);
		pps_filter_end_flow(filter, burst->now, replace, PPS_FLOW_END_REPLACED);
	} else {
		pps_filter_end_flow(filter, burst->now, replace, flow_end_when_idle(flow));
	}
	return PPS_REASON_NONE;
}

/* A flow that is about to begin. */
struct beginning {
	uint32_t rule; /* index in the ruleset */
	enum pps_flow_state state;
	enum pps_side initiator;
	const struct pps_flow_source *source; /* the initiator */
};

/* Fills the zeroed entry of a flow that begins with frame 'k'; or says why it may not begin, and it
 * is to be removed. */
static enum pps_reason start_flow(struct pps_filter *filter, unsigned int k, uint32_t handle,
	const struct beginning *beginning)
{
	const struct burst *burst = &filter->burst;
	const struct pps_packet *packet = &burst->packets[burst->keyed[k]];
	const struct pps_ruleset_rule *r = &burst->ruleset->rules[beginning->rule];
	struct pps_flow *flow = pps_flow_at(filter->flows, handle);
	struct pps_flow_cold *cold = pps_flow_cold_at(filter->flows, handle);
	enum pps_reason reason;

	flow->generation = burst->ruleset->generation;
	flow->initiator = (uint8_t)beginning->initiator;
	flow->flags = r->log == PPS_RULE_LOG_FLOWS ? PPS_FLOW_LOG : 0;
	flow->scale = packet->icmp_code;
	cold->started_ns = burst->now->wall_ns;
	cold->errors_paid = burst->now->tick;
	reason = pps_flow_bind_new(
		filter->flows, handle, r->slot, &r->limits, beginning->source, burst->now->tick);
	if (unlikely(reason != PPS_REASON_NONE))
		return reason;
	pps_flow_apply(
		flow, cold, packet, burst->ingress->side, beginning->state, burst->now->tick);
	pps_flow_enter(filter->flows, handle, beginning->source, burst->now->tick);
	pps_stats_add(&filter->stats->flows_started, 1);
	if (flow->flags & PPS_FLOW_PICKED_UP)
		pps_stats_add(&filter->stats->flows_picked_up, 1);
	pps_stats_add(&filter->stats->rules[r->slot].flows, 1);
	__atomic_store_n(
		&filter->stats->flows_live, pps_flow_count(filter->flows), __ATOMIC_RELAXED);
	if (flow->flags & PPS_FLOW_LOG)
		pps_event_flow(filter->events, PPS_EVENT_FLOW_START, burst->now->wall_ns,
			&burst->keys[k], flow, cold, PPS_FLOW_END_COUNT);
	return PPS_REASON_NONE;
}

/*
 * The end of step 8, and 9 and 10, for a flow that may begin with frame 'k'. 'reuse' is as in
 * judge_new().
 */
static enum pps_reason begin_flow(struct pps_filter *filter, unsigned int k, uint32_t reuse,
	const struct beginning *beginning, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	enum pps_reason reason = limits_check(filter, &burst->ruleset->rules[beginning->rule],
		beginning->source, reuse, burst->now->tick);
	uint32_t handle;

	if (reason == PPS_REASON_NONE)
		reason = judge_tunnel(&burst->packets[burst->keyed[k]]);
	if (reason == PPS_REASON_NONE)
		reason = room_for(filter, beginning->source, reuse);
	if (reason != PPS_REASON_NONE)
		return reason;
	verdict->new_flow = true;
	verdict->state = (uint8_t)beginning->state;
	if (burst->dry)
		return PPS_REASON_NONE;
	if (reuse != PPS_FLOW_NONE)
		pps_filter_end_flow(filter, burst->now, reuse, PPS_FLOW_END_RESTARTED);
	handle = pps_flow_add(filter->flows, &burst->keys[k], burst->hashes[k]);
	if (handle == PPS_FLOW_NONE)
		return PPS_REASON_FLOW_TABLE_FULL;
	reason = start_flow(filter, k, handle, beginning);
	if (unlikely(reason != PPS_REASON_NONE)) {
		pps_flow_remove(filter->flows, handle);
		verdict->new_flow = false;
		verdict->state = PPS_FLOW_FREE;
		return reason;
	}
	verdict->flow = handle;
	return PPS_REASON_NONE;
}

/* A segment in mid-stream, which belongs to no flow, while the filter is loose. */
static enum pps_reason judge_picked_up(
	struct pps_filter *filter, unsigned int k, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_ruleset *ruleset = burst->ruleset;
	const struct pps_flow_key *key = &burst->keys[k];

	for (unsigned int i = 0; i < 2; i++) {
		struct pps_flow_source source;
		struct beginning beginning = {
			.state = PPS_FLOW_TCP_PICKED_UP,
			.initiator = i == 0 ? burst->ingress->side : !burst->ingress->side,
			.source = &source,
		};

		beginning.rule = classify_one(ruleset, key, beginning.initiator, 0);
		if (flow_judge(ruleset, key, beginning.initiator, beginning.rule,
			    burst->now->wall_ns) != PPS_REASON_NONE)
			continue;
		pps_flow_source_of(filter->flows, key, beginning.initiator, &source);
		verdict->rule = ruleset->rules[beginning.rule].slot;
		return begin_flow(filter, k, PPS_FLOW_NONE, &beginning, verdict);
	}
	return PPS_REASON_TCP_NOT_SYN;
}

/* May the frame with key 'k' start a flow? What was asked before classification holds. */
static inline enum pps_reason judge_start(
	const struct burst *burst, unsigned int k, enum pps_flow_state *ret_state)
{
	if (likely(is_classified(burst, k) && burst->classes[k].begins != PPS_FLOW_FREE)) {
		*ret_state = burst->classes[k].begins;
		return PPS_REASON_NONE;
	}
	return pps_flow_begin(&burst->packets[burst->keyed[k]], ret_state);
}

/*
 * Steps 7, 8 and 9 for a packet without a flow. 'reuse' is the handle of an ended flow of the same
 * key whose entry the new one takes, or PPS_FLOW_NONE.
 */
static enum pps_reason judge_new(
	struct pps_filter *filter, unsigned int k, uint32_t reuse, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_packet *packet = &burst->packets[burst->keyed[k]];
	struct pps_flow_source *source = &burst->sources[k];
	struct beginning beginning = {.initiator = burst->ingress->side, .source = source};
	enum pps_reason reason = judge_start(burst, k, &beginning.state);

	if (unlikely(is_loose(filter, burst->now->tick)) && reason == PPS_REASON_TCP_NOT_SYN &&
		pps_flow_picks_up(packet))
		return judge_picked_up(filter, k, verdict);
	if (!source_is_allowed(burst, k))
		return PPS_REASON_SOURCE_NOT_ALLOWED;
	if (reason != PPS_REASON_NONE)
		return reason;
	beginning.rule = answer(burst, k, burst->ingress->side, packet->icmp_code);
	if (beginning.rule != PPS_RULE_NONE)
		verdict->rule = burst->ruleset->rules[beginning.rule].slot;
	reason = pps_ruleset_judge(burst->ruleset, beginning.rule, burst->now->wall_ns);
	if (reason != PPS_REASON_NONE)
		return reason;
	if (unlikely(!is_classified(burst, k) || source->family == 0))
		pps_flow_source_of(filter->flows, &burst->keys[k], burst->ingress->side, source);
	return begin_flow(filter, k, reuse, &beginning, verdict);
}

enum pps_reason judge_stale(struct pps_filter *filter, const struct pps_flow_key *key,
	uint32_t rule, uint32_t handle, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_flow *flow = pps_flow_at(filter->flows, handle);
	enum pps_reason reason;

	verdict->rejudged = true;
	verdict->rule = rule == PPS_RULE_NONE ? 0 : burst->ruleset->rules[rule].slot;
	if (burst->dry)
		return flow_judge(burst->ruleset, key, flow->initiator, rule, burst->now->wall_ns);
	reason = flow_rejudge(filter, burst->ruleset, key, handle, rule, burst->now->wall_ns);
	if (reason != PPS_REASON_NONE)
		pps_filter_end_flow(filter, burst->now, handle, PPS_FLOW_END_REVOKED);
	return reason;
}

/* Step 5 for a packet of a live flow, and 9. */
static enum pps_reason judge_known(
	struct pps_filter *filter, unsigned int k, uint32_t handle, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_packet *packet = &burst->packets[burst->keyed[k]];
	struct pps_flow *flow = pps_flow_at(filter->flows, handle);
	enum pps_flow_state state;
	enum pps_reason reason;
	bool restart = false;
	uint32_t rule;

	if (unlikely(flow_is_stale(flow, burst->ruleset, burst->lapsed))) {
		rule = answer(burst, k, flow->initiator, flow->scale);
		reason = judge_stale(filter, &burst->keys[k], rule, handle, verdict);
		if (reason != PPS_REASON_NONE)
			return reason;
	}
	reason = pps_flow_step(flow, pps_flow_cold_at(filter->flows, handle), packet,
		burst->ingress->side, &state, &restart);
	if (unlikely(restart)) {
		/* What was found out about the old flow says nothing of the new one. */
		verdict->rejudged = false;
		verdict->rule = 0;
		return judge_new(filter, k, handle, verdict);
	}
	verdict->flow = handle;
	verdict->rule = flow->rule;
	verdict->state = flow->state;
	if (reason == PPS_REASON_NONE)
		reason = judge_tunnel(packet);
	if (unlikely(reason != PPS_REASON_NONE) || burst->dry)
		return reason;
	pps_flow_apply(flow, pps_flow_cold_at(filter->flows, handle), packet, burst->ingress->side,
		state, burst->now->tick);
	if (unlikely(flow->flags & PPS_FLOW_HALF_OPEN))
		pps_flow_prove(filter->flows, handle);
	verdict->state = (uint8_t)state;
	return PPS_REASON_NONE;
}

static enum pps_reason judge_flow(
	struct pps_filter *filter, unsigned int k, struct pps_verdict *verdict)
{
	struct burst *burst = &filter->burst;
	const struct pps_packet *packet = &burst->packets[burst->keyed[k]];
	uint32_t handle = burst->handles[k];

	/* An earlier frame added or removed flows: handles may be old. */
	if (unlikely(pps_flow_is_touched(filter->flows, burst->hashes[k])))
		handle = pps_flow_lookup(filter->flows, &burst->keys[k], burst->hashes[k]);
	if (handle != PPS_FLOW_NONE) {
		const struct pps_flow *flow = pps_flow_at(filter->flows, handle);

		if (unlikely(!flow_is_live(flow, burst->ruleset, burst->now))) {
			if (!burst->dry)
				pps_filter_end_flow(
					filter, burst->now, handle, flow_end_when_idle(flow));
			handle = PPS_FLOW_NONE;
		}
	}
	if (unlikely(packet->kind == PPS_PACKET_ICMP_ERROR))
		return judge_icmp_error(filter, k, handle, verdict);
	if (handle == PPS_FLOW_NONE)
		return judge_new(filter, k, PPS_FLOW_NONE, verdict);
	return judge_known(filter, k, handle, verdict);
}

/*
 * A packet without a flow that step 4 lets through, that may start one by step 7, and of which no
 * rule speaks, is not approved. Unless an earlier frame may have changed any of that, this is all
 * that is left to ask of it.
 */
static inline bool is_unapproved(
	const struct pps_flow_table *flows, const struct burst *burst, unsigned int k)
{
	return (burst->unapproved >> k & 1) != 0 && burst->handles[k] == PPS_FLOW_NONE &&
		!pps_flow_is_touched(flows, burst->hashes[k]) && source_is_allowed(burst, k);
}

enum pps_reason judge_keyed(struct pps_filter *filter, unsigned int k, struct pps_verdict *verdict)
{
	if (is_unapproved(filter->flows, &filter->burst, k))
		return PPS_REASON_NOT_APPROVED;
	return judge_flow(filter, k, verdict);
}

/* ---- the burst ---- */

/* What judge_common() asks of a burst for every frame, where a store to a flow cannot be a store to
 * it. */
struct common {
	struct pps_flow_table *flows;
	const struct pps_rule_stats *rules;
	const struct pps_flow_timeouts *timeouts;
	uint32_t settled; /* as in struct burst */
	uint32_t tick;
	enum pps_side side;
};

/*
 * What nearly all frames are: a packet of a live flow that is not stale and moves no state machine.
 * True: it passed. All else is judge_keyed()'s.
 */
static inline bool judge_common(const struct common *common, const struct burst *burst,
	unsigned int k, const struct pps_packet *packet, struct pps_verdict *verdict)
{
	uint32_t handle = burst->handles[k];
	struct pps_flow *flow;

	if (unlikely(handle == PPS_FLOW_NONE ||
		    pps_flow_is_touched(common->flows, burst->hashes[k])))
		return false;
	flow = pps_flow_at(common->flows, handle);
	if (unlikely(flow->generation != common->settled ||
		    pps_flow_expired(flow, common->timeouts, common->tick) ||
		    packet->tunnel != PPS_TUNNEL_NONE ||
		    !pps_flow_pass(flow, pps_flow_cold_at(common->flows, handle), packet,
			    common->side, common->tick)))
		return false;
	rte_prefetch0(&common->rules[flow->rule]);
	*verdict = (struct pps_verdict){
		.state = flow->state,
		.rule = flow->rule,
		.flow = handle,
	};
	return true;
}

static void judge_all(struct pps_filter *filter, struct pps_verdict *verdicts)
{
	const struct burst *burst = &filter->burst;
	const struct common common = {
		.flows = filter->flows,
		.rules = filter->stats->rules,
		.timeouts = &burst->ruleset->timeouts,
		.settled = burst->settled,
		.tick = burst->now->tick,
		.side = burst->ingress->side,
	};

	for (unsigned int k = 0; k < burst->n_keyed; k++) {
		unsigned int i = burst->keyed[k];

		if (unlikely(!judge_common(&common, burst, k, &burst->packets[i], &verdicts[i])))
			verdicts[i].reason = (uint8_t)judge_keyed(filter, k, &verdicts[i]);
	}
}

static void begin(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now, bool dry)
{
	struct burst *burst = &filter->burst;

	burst->ruleset = ruleset;
	burst->ingress = ingress;
	burst->now = now;
	burst->lapsed = now->wall_ns >= ruleset->valid_until_ns;
	burst->dry = dry;
	burst->settled = dry || burst->lapsed ? 0 : ruleset->generation;
	burst->has_fragments = false;
	burst->frames = NULL;
	burst->n_keyed = 0;
}

static void judge(struct pps_filter *filter, struct pps_verdict *verdicts)
{
	struct burst *burst = &filter->burst;

	sources_block(burst, verdicts);
	PPS_STAGE(SOURCES);
	burst->flowless = pps_flow_lookup_burst(
		filter->flows, burst->keys, burst->n_keyed, burst->hashes, burst->handles);
	PPS_STAGE(LOOKUP);
	sources_ask_allow(burst);
	PPS_STAGE(SOURCES);
	classify(filter);
	PPS_STAGE(CLASSIFY);
	if (unlikely(burst->has_fragments)) {
		judge_with_fragments(filter, verdicts);
		PPS_STAGE(FRAGMENTS);
		return;
	}
	judge_all(filter, verdicts);
	PPS_STAGE(JUDGE);
}

void pps_filter_burst(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now, struct rte_mbuf **frames,
	unsigned int n, struct pps_verdict *verdicts)
{
	filter->n_releases = 0;
	loose_tick(filter, now->tick);
	if (unlikely(ruleset == NULL)) {
		account_without_policy(filter, ingress, frames, n, verdicts);
		return;
	}
	begin(filter, ruleset, ingress, now, false);
	filter->burst.frames = frames;
	filter->burst.n = n;
	front_burst(filter, verdicts);
	PPS_STAGE(PARSE);
	judge(filter, verdicts);
	account(filter, n, verdicts);
	PPS_STAGE(ACCOUNT);
}

void pps_filter_explain(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now, const uint8_t *head,
	uint32_t head_len, uint32_t len, struct pps_packet *ret_packet,
	struct pps_verdict *ret_verdict)
{
	if (ruleset == NULL) {
		*ret_packet = (struct pps_packet){0};
		*ret_verdict = (struct pps_verdict){
			.reason = PPS_REASON_NO_POLICY,
			.step = PPS_STEP_ACCOUNT,
			.flow = PPS_FLOW_NONE,
		};
		return;
	}
	begin(filter, ruleset, ingress, now, true);
	filter->burst.n = 1;
	front(&filter->burst, 0, head, head_len, len, ret_verdict);
	judge(filter, ret_verdict);
	ret_verdict->step = (uint8_t)pps_reason_step(ret_verdict->reason);
	*ret_packet = filter->burst.packets[0];
}
