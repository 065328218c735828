/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_FILTER_H
#define PPS_FILTER_H

/*
 * The filter: the law of design section 2, for a burst of frames. This is the page everyone reads;
 * ppsfw-law(7) is the law in words.
 *
 * A worker owns one struct pps_filter. pps_filter_burst() takes frames that entered one segment on
 * one side and gives each a verdict, in phases over the whole burst so that memory is asked for
 * early and classification is one call per context:
 *
 *     parse -> sources -> flows (keys, hashes, lookup) -> classify misses and stale flows
 *           -> decide -> account
 *
 * Decisions are taken in the order of the frames: the verdict of each is what it would be if the
 * frames had come one by one. (What an earlier frame of the burst changes in the flow table, the
 * later ones see: see 'changes' in pps_flow.h.)
 *
 * Reload. The ruleset is a parameter: the worker reads the snapshot once per burst, so no burst
 * sees two. A flow whose generation is not the ruleset's is judged again before anything else, and
 * kept, bound to another rule, or cut. pps_filter_age() does the same for flows that are silent.
 *
 * The filter forwards nothing: the worker does, according to the verdicts and the mode. In audit
 * mode verdicts and counters are the same, the worker forwards all, and events say so.
 *
 * Observer. The same again, of a copy of the traffic: the worker forwards nothing, and what is
 * denied was on the wire all the same. Besides its packets and bytes (observed, observed_bytes: all
 * that is denied, but not what side_unknown leaves unjudged) conversations are counted.
 * observed_conversations: a denied packet with a tuple, of no live flow and denied by step 4 or by
 * 7 and behind, whose tuple was not denied lately. observed_answered: then the other side sent a
 * packet of the tuple, once a conversation: denied (tcp_not_syn, a UDP answer) or starting a flow
 * of its own. So the denied packet, or one before it, reached its destination.
 *
 * What was denied lately stands in a table of 65,536 places; a tuple has one of four, by its hash:
 * it is forgotten a minute after its last packet, or when another needs a place and no other one of
 * the four was silent for longer, and counts as another conversation if it goes on after that. ICMP
 * errors are no answers. (filter_observe.c)
 *
 * Fragments. A fragment that comes before the first one of its datagram gets no verdict yet
 * (PPS_REASON_HELD): its frame is the filter's from then on, in inline mode. What the
 * first one's verdict releases is told by pps_filter_released() right after the burst; what is
 * dropped is counted and freed here. See pps_fragment.h.
 *
 * Loose. A firewall that starts knows none of the connections that run through it. For
 * 'tcp_loose_seconds' from the filter's first burst or ageing on, a TCP segment with ACK and
 * without SYN, FIN and RST that belongs to no flow may begin one where the policy approves the
 * connection: its sender is taken for the initiator if that is approved, else its receiver. It need
 * not be the initiator's segment that comes first, and who was the initiator nobody can tell from
 * it; where both are approved nothing depends on that but the direction that is shown. Everything
 * else that holds for new flows holds for these. They are half-open until the other side is heard.
 *
 * Explain. pps_filter_explain() runs the very same code on one frame with nothing changed by it: no
 * flow, counter or event.
 *
 * Threads: a filter belongs to its worker. Nothing here locks, allocates or makes a system call
 * except create and destroy.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_event.h>
#include <pps_flow.h>
#include <pps_fragment.h>
#include <pps_packet.h>
#include <pps_ruleset.h>
#include <pps_stats.h>

#define PPS_BURST_MAX PPS_FLOW_BURST_MAX

struct rte_mbuf;
struct pps_filter;

/* The time of a burst, from the system's clocks or from the capture. */
struct pps_clock {
	uint64_t wall_ns; /* since the epoch */
	uint32_t tick; /* milliseconds, modulo 2^32: see pps_flow.h */
};

/* Where a burst came in. */
struct pps_ingress {
	uint16_t port; /* DPDK port id, for counters */
	uint8_t segment;
	uint8_t side; /* enum pps_side */
};

_Static_assert(PPS_REASON_COUNT <= UINT8_MAX, "a reason that wrapped to 0 would be a pass");

/* What became of one frame. */
struct pps_verdict {
	uint8_t reason; /* enum pps_reason; NONE passes, HELD: the frame is the filter's now */
	uint8_t step; /* enum pps_step at which it was decided */
	uint8_t state; /* enum pps_flow_state after it; FREE without a flow */
	bool new_flow; /* it started one (explain: it would) */
	bool rejudged; /* its flow was judged again first */
	uint32_t rule; /* slot of the rule that decided (pps_stats.h), 0: none did */
	uint32_t flow; /* handle, or PPS_FLOW_NONE */
};

struct pps_filter_params {
	struct pps_flow_table *flows;
	struct pps_worker_stats *stats;
	struct pps_event_source *events;
	bool audit; /* everything is forwarded */
	bool observer; /* nothing is: the frames are copies */
	uint32_t tcp_loose_seconds; /* see "Loose"; at most 86400 */
};

/* The parts stay the caller's and must outlive the filter. NULL and errno. */
struct pps_filter *pps_filter_create(const struct pps_filter_params *params);
void pps_filter_destroy(struct pps_filter *filter);

/*
 * Judges n frames (at most PPS_BURST_MAX) and counts them. 'ruleset' NULL: everything is dropped
 * (no_policy). verdicts[i] belongs to frames[i]. In audit and observer mode no frame is kept: what
 * is HELD is still the caller's.
 */
void pps_filter_burst(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now, struct rte_mbuf **frames,
	unsigned int n, struct pps_verdict *verdicts);

/* Counts, by the reason side_unknown, n frames of which nobody can say from which side they came.
 * They stay the caller's. 'ingress'.side says nothing. */
void pps_filter_side_unknown(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now,
	struct rte_mbuf *const *frames, unsigned int n);

/* A fragment that was held and may go now. */
struct pps_release {
	struct rte_mbuf *frame;
	unsigned int behind; /* it follows this frame of the burst */
};

/* As many as one burst can release: all that were held, and all that it brought itself. */
#define PPS_RELEASES_MAX (PPS_FRAGMENT_BUFFERS + PPS_BURST_MAX)

/*
 * What the last burst released, in order of 'behind'. To be asked after every burst: the frames
 * are the caller's again, to be sent to where the burst goes. *ret is valid until the next burst.
 */
unsigned int pps_filter_released(const struct pps_filter *filter, const struct pps_release **ret);

/* Drops what is held and counts it, as if its time was up (stop). */
void pps_filter_drop_held(struct pps_filter *filter, const struct pps_clock *now);

/*
 * One frame of 'len' bytes, the first 'head_len' of which are at 'head' (all, or
 * PPS_PACKET_HEADER_MAX at least). Nothing is changed. Sets *ret_packet to what was parsed.
 */
void pps_filter_explain(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now, const uint8_t *head,
	uint32_t head_len, uint32_t len, struct pps_packet *ret_packet,
	struct pps_verdict *ret_verdict);

/*
 * One slice of ageing: forgets fragments whose time is up, looks at no more than 'n_entries'
 * entries of the flow table, ends the flows that are idle too long, and judges stale ones again.
 * The first pass for a ruleset is waited for by whoever loaded it: there 64 entries are looked at
 * in one go, and count as one and the flows among them. (So it may be 63 flows more than
 * n_entries.) Returns true when a whole pass ended in this call. Paced by the caller; does nothing
 * while the events of a slice might not find room.
 */
bool pps_filter_age(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, unsigned int n_entries);
/*
 * What a ruleset that is not in force would say of 'n' flows (at most PPS_BURST_MAX) if it came
 * into force, as pps_filter_age() would then: NONE for those that go on, and the index of the rule
 * that permits them in it. Nothing changes.
 */
void pps_filter_try(struct pps_filter *filter, const struct pps_ruleset *ruleset, uint64_t wall_ns,
	const uint32_t *handles, unsigned int n, enum pps_reason *ret_reasons, uint32_t *ret_rules);
/* Generation for which a whole sweep has been completed: no flow of an older one is left. */
uint32_t pps_filter_swept_generation(const struct pps_filter *filter);

/* Ends one flow with its event (kill, stop). */
void pps_filter_end_flow(struct pps_filter *filter, const struct pps_clock *now, uint32_t handle,
	enum pps_flow_end end);

#endif
