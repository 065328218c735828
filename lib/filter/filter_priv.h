/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FILTER_PRIV_H
#define FILTER_PRIV_H

/*
 * What filter.c (the law), filter_front.c (its steps 1 and 2), filter_fragment.c (its step 3),
 * filter_sources.c (its step 4), filter_icmp.c (its step 6), filter_classify.c (asking the
 * ruleset), filter_observe.c (what an observer counts), filter_limits.c (how much of what is
 * approved), filter_account.c (its step 10) and filter_age.c (silent flows) share.
 *
 * The scratch of a burst lives inside the filter: nothing is allocated while frames are judged.
 * 'k' counts the frames that have a flow key, in order; keyed[k] is the frame.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_filter.h>

/* One question for the ruleset. */
struct classification {
	struct pps_class_key key;
	uint32_t rule; /* index in the ruleset, or PPS_RULE_NONE */
	uint8_t initiator; /* enum pps_side for which 'rule' answers */
	uint8_t context; /* which of four is to be asked: classification_context() */
	uint8_t code; /* of the ICMP query it was asked with */
	uint8_t begins; /* state of the flow that the frame may start; PPS_FLOW_FREE: it has one */
};

struct burst {
	const struct pps_ruleset *ruleset;
	const struct pps_ingress *ingress;
	const struct pps_clock *now;
	bool lapsed; /* an exception of the ruleset has expired since it was built */
	bool dry; /* explain: change nothing */
	uint32_t settled; /* generation of flows that need not be judged again; 0: none, or dry */
	bool has_fragments;
	struct rte_mbuf **frames; /* NULL when dry */
	unsigned int n; /* frames */
	unsigned int n_keyed;
	uint64_t flowless; /* bits by k: no flow was found */
	uint64_t classified; /* bits by k: classes[k] and sources[k] are of this burst */
	uint64_t unapproved; /* bits by k: no rule speaks of the flow it may start */
	uint64_t allow_asked, allowed; /* step 4: bits by k */
	uint8_t keyed[PPS_BURST_MAX];
	uint32_t hashes[PPS_BURST_MAX]; /* by k */
	uint32_t handles[PPS_BURST_MAX]; /* by k */
	struct pps_packet packets[PPS_BURST_MAX]; /* by frame */
	struct pps_flow_key keys[PPS_BURST_MAX]; /* by k */
	struct classification classes[PPS_BURST_MAX]; /* by k */
	struct pps_flow_source
		sources[PPS_BURST_MAX]; /* by k, of those classified; family 0: not made */
};

struct pps_filter {
	struct pps_flow_table *flows;
	struct pps_worker_stats *stats;
	struct pps_event_source *events;
	struct pps_fragment_store *fragments;
	bool keeps; /* frames of fragments that wait (inline) */
	unsigned int event_flags; /* of every deny: the mode */
	struct observed *observed; /* tuples denied lately; NULL: not an observer */
	bool loose_began; /* since 'loose_from' */
	uint32_t loose_from, loose_ticks; /* 0: not, or not any more */

	uint32_t sweep_cursor;
	uint32_t sweep_generation; /* the ruleset the pass under way began with */
	uint32_t swept_generation; /* the last one for which a pass was completed */

	uint8_t bounce[PPS_PACKET_HEADER_MAX]; /* headers of frames in several segments */
	struct burst burst;

	unsigned int n_releases;
	struct pps_release releases[PPS_RELEASES_MAX];
};

/*
 * Frame 'i' of the burst: parses it, decides what needs no flow, and makes the key of what does
 * (filter_front.c). Of the frame's 'len' bytes 'head_len' are at 'data'.
 */
void front(struct burst *burst, unsigned int i, const uint8_t *data, uint32_t head_len,
	uint32_t len, struct pps_verdict *verdict);
/* The same for all frames of the burst. */
void front_burst(struct pps_filter *filter, struct pps_verdict *verdicts);

/* Makes and frees what an observer needs (filter_observe.c). NULL when there is no memory. */
struct observed *observed_create(void);
void observed_destroy(struct observed *observed); /* NULL is fine */
/* Observer: counts a packet that was denied. True when it answers a denied conversation. */
bool observe_deny(struct pps_filter *filter, const struct pps_packet *packet,
	const struct pps_verdict *verdict);
/* Observer: the packet started a flow. */
void observe_start(struct pps_filter *filter, const struct pps_packet *packet);

/* Steps 5 to 9 for the frame with key 'k' (filter.c). */
enum pps_reason judge_keyed(struct pps_filter *filter, unsigned int k, struct pps_verdict *verdict);
/* Step 6 for an ICMP error; 'handle' is the live flow that it quotes (filter_icmp.c). */
enum pps_reason judge_icmp_error(
	struct pps_filter *filter, unsigned int k, uint32_t handle, struct pps_verdict *verdict);
/* The ruleset's answer for key k and this initiator; asked now if the burst changed under us
 * (filter.c). */
uint32_t answer(struct burst *burst, unsigned int k, enum pps_side initiator, uint8_t icmp_code);
/* A flow that may be stale is judged again by 'rule', the ruleset's answer for it; one that the
 * policy does not permit any more ends here (filter.c). */
enum pps_reason judge_stale(struct pps_filter *filter, const struct pps_flow_key *key,
	uint32_t rule, uint32_t handle, struct pps_verdict *verdict);
/* Step 10 (filter_account.c), for n frames. */
void account(struct pps_filter *filter, unsigned int n, struct pps_verdict *verdicts);
/* Without a policy nothing is parsed and nothing passes. */
void account_without_policy(struct pps_filter *filter, const struct pps_ingress *ingress,
	struct rte_mbuf **frames, unsigned int n, struct pps_verdict *verdicts);
/* A rule counts a packet it decided. */
static inline void account_rule(
	struct pps_worker_stats *stats, uint32_t slot, uint64_t bytes, uint64_t wall_ns)
{
	struct pps_rule_stats *rule = &stats->rules[slot];

	pps_stats_add(&rule->packets, 1);
	pps_stats_add(&rule->bytes, bytes);
	__atomic_store_n(&rule->last_ns, wall_ns, __ATOMIC_RELAXED);
}

/* All frames of a burst that has fragments among them, in order (filter_fragment.c). */
void judge_with_fragments(struct pps_filter *filter, struct pps_verdict *verdicts);
/* Forgets datagrams whose time is up, at most 'max' of them. */
void fragments_expire(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, unsigned int max);
/* Frees what is held, uncounted. */
void fragments_free(struct pps_filter *filter);

static inline bool flow_is_live(
	const struct pps_flow *flow, const struct pps_ruleset *ruleset, const struct pps_clock *now)
{
	return !pps_flow_expired(flow, &ruleset->timeouts, now->tick);
}

/* Asks the ruleset about classes[0..n), all of whose keys and initiators are set and whose index is
 * in 'asked'. */
void classify_batch(const struct pps_ruleset *ruleset, struct classification *classes,
	const uint8_t *asked, unsigned int n_asked);
/* Asks about one flow or one would-be flow. */
uint32_t classify_one(const struct pps_ruleset *ruleset, const struct pps_flow_key *key,
	enum pps_side initiator, uint8_t icmp_code);
void classification_make(struct classification *class, const struct pps_flow_key *key,
	enum pps_side initiator, uint8_t icmp_code);
static inline uint8_t classification_context(enum pps_side initiator, uint8_t family)
{
	return (uint8_t)(initiator << 1 | (family == 6));
}
/* The same for the flow that the packet, which is not of ICMP, would start from 'side'. */
static inline void classification_of_packet(
	struct classification *class, const struct pps_packet *packet, enum pps_side side)
{
	pps_class_key_of_packet(packet, &class->key);
	class->initiator = (uint8_t)side;
	class->code = 0;
	class->context = classification_context(side, packet->family);
}

/* Step 4 (filter_sources.c). Takes frames of blocked sources out of the burst's keyed ones. */
void sources_block(struct burst *burst, struct pps_verdict *verdicts);
/* For a later fragment, which has no key: does the block list hold its source? */
bool source_is_blocked(const struct burst *burst, const struct pps_packet *packet);
/* Asks the allow list about frames without a flow, when handles have been looked up. */
void sources_ask_allow(struct burst *burst);
/* True when frame 'k', which belongs to no live flow, may by the allow list. */
bool source_is_allowed(const struct burst *burst, unsigned int k);
/* NONE, SOURCE_BLOCKED or SOURCE_NOT_ALLOWED for a flow that is judged again. */
enum pps_reason sources_judge_flow(
	const struct pps_sources *sources, const struct pps_flow_key *key, enum pps_side initiator);

/* True when the flow must be judged again before anything else. */
static inline bool flow_is_stale(
	const struct pps_flow *flow, const struct pps_ruleset *ruleset, bool lapsed)
{
	return flow->generation != ruleset->generation || lapsed;
}

/*
 * May another flow of 'source' begin under the rule? 'reuse' is a live flow that will end for it,
 * or PPS_FLOW_NONE. Changes nothing; pps_flow_bind_new() counts what begins.
 */
enum pps_reason limits_check(const struct pps_filter *filter, const struct pps_ruleset_rule *rule,
	const struct pps_flow_source *source, uint32_t reuse, uint32_t tick);
/* Counts the live flow under the rule, in place of the one it was bound to. */
void limits_bind(struct pps_filter *filter, uint32_t handle, const struct pps_ruleset_rule *rule);

/* Steps 4 and 8 for a flow that lives; 'rule' is the ruleset's answer for it. */
enum pps_reason flow_judge(const struct pps_ruleset *ruleset, const struct pps_flow_key *key,
	enum pps_side initiator, uint32_t rule, uint64_t wall_ns);
/*
 * Judges a stale flow by 'rule', the ruleset's answer for it: binds it to the ruleset and returns
 * PPS_REASON_NONE, or returns the reason for which it is to be cut and leaves it alone.
 */
enum pps_reason flow_rejudge(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_flow_key *key, uint32_t handle, uint32_t rule, uint64_t wall_ns);

/* "Loose" in pps_filter.h. */
static inline bool is_loose(const struct pps_filter *filter, uint32_t tick)
{
	return filter->loose_ticks != 0 &&
		(!filter->loose_began || tick - filter->loose_from < filter->loose_ticks);
}

/* Its clock. To be called at least once in 24 days. */
static inline void loose_tick(struct pps_filter *filter, uint32_t tick)
{
	if (filter->loose_ticks == 0)
		return;
	if (!filter->loose_began) {
		filter->loose_began = true;
		filter->loose_from = tick;
	} else if (!is_loose(filter, tick)) {
		filter->loose_ticks = 0;
	}
}

/* How an idle flow in this state is said to have ended. */
enum pps_flow_end flow_end_when_idle(const struct pps_flow *flow);

#endif
