/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_STATS_H
#define PPS_STATS_H

/*
 * Reasons, their names, and the counters.
 *
 * Every drop has a reason, and no reason covers two causes. One list (PPS_REASONS) makes the enum,
 * the word used in counters, events, the CLI and tests, the step of the law it belongs to, and the
 * sentence that explains it. To add a reason is to add a line, at the place where the law decides
 * it. NONE and HELD are no drops: the packet passes, or what becomes of it is not known yet.
 *
 * Counters are per worker: a worker owns a struct pps_worker_stats, writes it without atomics'
 * cost (relaxed stores of its own values) and nobody else writes it. Management reads it with
 * relaxed loads and sums. Blocks of different workers never share a cache line.
 *
 * Rule counters are indexed by a *slot*, not by a rule's place in a ruleset. The rule book gives
 * every rule id one slot for as long as the id lives, so that counters survive every reload. Only
 * management touches the book; workers see slots as numbers. Slot 0 is "no rule".
 *
 * A slot that gets a new id does not inherit the old one's numbers. Workers' counters only grow,
 * and nobody but the worker writes them; so the book remembers what they had counted when the id
 * got the slot, and pps_rule_book_read() answers what was counted since. That is exact because a
 * slot is given to a new id only after every ruleset that held it is gone: no worker can count
 * for the old id any more. Read rules through the book, not from the workers' blocks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_base.h>

#define PPS_CACHE_LINE 64

/* The steps of the law (design section 2), in order. */
enum pps_step {
	PPS_STEP_LINK = 1,
	PPS_STEP_HEADERS,
	PPS_STEP_FRAGMENTS,
	PPS_STEP_SOURCES,
	PPS_STEP_FLOW,
	PPS_STEP_ICMP,
	PPS_STEP_START,
	PPS_STEP_CLASSIFY,
	PPS_STEP_TUNNEL,
	PPS_STEP_ACCOUNT,
};

/* X(enumerator, word, step, sentence) */
#define PPS_REASONS(X)                                                                             \
	X(NONE, "none", PPS_STEP_ACCOUNT, "the packet passes")                                     \
	X(SIDE_UNKNOWN, "side_unknown", PPS_STEP_LINK,                                             \
		"not judged: it came on a mirror port, and its addresses do not tell its side")    \
	X(HANDOFF_FULL, "handoff_full", PPS_STEP_LINK,                                             \
		"not judged: the worker that owns its flow had too many frames waiting from the "  \
		"one that received it")                                                            \
	X(LINK_GIANT, "link_giant", PPS_STEP_LINK,                                                 \
		"more than 65,597 bytes, which its driver does not hand over whole")               \
	X(LINK_RUNT, "link_runt", PPS_STEP_LINK, "the frame ends inside its link header")          \
	X(VLAN_DENIED, "vlan_denied", PPS_STEP_LINK,                                               \
		"the policy's link.vlans does not list a VLAN id of the frame")                    \
	X(VLAN_RESERVED, "vlan_reserved", PPS_STEP_LINK, "VLAN id 4095 is reserved by 802.1Q")     \
	X(VLAN_DEPTH, "vlan_depth", PPS_STEP_LINK, "more than two VLAN tags")                      \
	X(ETHERTYPE_DENIED, "ethertype_denied", PPS_STEP_LINK,                                     \
		"neither IP nor ARP, and link.ethertypes does not list it for this direction")     \
	X(LENGTH_FRAME_DENIED, "length_frame_denied", PPS_STEP_LINK,                               \
		"an 802.3 length frame (STP, CDP, ...), and link.ethertypes does not list "        \
		"\"802.3\" for this direction")                                                    \
	X(LENGTH_FRAME_MALFORMED, "length_frame_malformed", PPS_STEP_LINK,                         \
		"an 802.3 length frame whose length is impossible")                                \
	X(SNAP_DENIED, "snap_denied", PPS_STEP_LINK,                                               \
		"an 802.3 SNAP frame that carries an Ethernet protocol past the law")              \
	X(ARP_DENIED, "arp_denied", PPS_STEP_LINK,                                                 \
		"ARP, and link.arp does not permit this direction")                                \
	X(ARP_MALFORMED, "arp_malformed", PPS_STEP_LINK,                                           \
		"not an Ethernet/IPv4 ARP request or reply")                                       \
	X(IP_TRUNCATED, "ip_truncated", PPS_STEP_HEADERS, "the frame ends inside the IP header")   \
	X(IP_VERSION, "ip_version", PPS_STEP_HEADERS, "the IP version contradicts the ethertype")  \
	X(IP_HEADER_LENGTH, "ip_header_length", PPS_STEP_HEADERS,                                  \
		"IPv4 header length below 20 bytes or beyond the packet")                          \
	X(IP_LENGTH, "ip_length", PPS_STEP_HEADERS, "the IP length contradicts the frame")         \
	X(IP_CHECKSUM, "ip_checksum", PPS_STEP_HEADERS, "wrong IPv4 header checksum")              \
	X(IP_OPTIONS, "ip_options", PPS_STEP_HEADERS, "malformed IPv4 options")                    \
	X(IP_SOURCE_ROUTE, "ip_source_route", PPS_STEP_HEADERS,                                    \
		"source routing (IPv4 option, or IPv6 routing header type 0)")                     \
	X(IP_TTL, "ip_ttl", PPS_STEP_HEADERS, "time to live or hop limit is zero")                 \
	X(LAND, "land", PPS_STEP_HEADERS, "source and destination are the same address")           \
	X(MARTIAN_SOURCE, "martian_source", PPS_STEP_HEADERS,                                      \
		"a source address that no host can have")                                          \
	X(MARTIAN_DESTINATION, "martian_destination", PPS_STEP_HEADERS,                            \
		"a destination address that no packet on a wire can have")                         \
	X(IPV6_JUMBOGRAM, "ipv6_jumbogram", PPS_STEP_HEADERS, "an IPv6 jumbogram")                 \
	X(IPV6_EXT_TRUNCATED, "ipv6_ext_truncated", PPS_STEP_HEADERS,                              \
		"the packet ends inside an IPv6 extension header")                                 \
	X(IPV6_EXT_ORDER, "ipv6_ext_order", PPS_STEP_HEADERS,                                      \
		"IPv6 extension headers repeated or out of order (RFC 8200 section 4.1)")          \
	X(IPV6_EXT_COUNT, "ipv6_ext_count", PPS_STEP_HEADERS,                                      \
		"more than eight IPv6 extension headers")                                          \
	X(IPV6_ROUTING, "ipv6_routing", PPS_STEP_HEADERS,                                          \
		"an IPv6 routing header with segments left: the final destination is another one") \
	X(L4_TRUNCATED, "l4_truncated", PPS_STEP_HEADERS,                                          \
		"the packet ends inside its transport header")                                     \
	X(L4_LENGTH, "l4_length", PPS_STEP_HEADERS,                                                \
		"a transport length field contradicts the packet")                                 \
	X(TCP_OFFSET, "tcp_offset", PPS_STEP_HEADERS,                                              \
		"TCP data offset below 20 bytes or beyond the packet")                             \
	X(TCP_FLAGS, "tcp_flags", PPS_STEP_HEADERS,                                                \
		"a set of TCP flags that no conversation has (null, Xmas, SYN+FIN, ...)")          \
	X(SCTP_INIT_TAG, "sctp_init_tag", PPS_STEP_HEADERS,                                        \
		"an SCTP INIT with a verification tag, or an initiate tag of 0")                   \
	X(SCTP_BUNDLE, "sctp_bundle", PPS_STEP_HEADERS,                                            \
		"INIT, INIT ACK or SHUTDOWN COMPLETE together with another SCTP chunk")            \
	X(SCTP_ORDER, "sctp_order", PPS_STEP_HEADERS, "an SCTP control chunk behind DATA")         \
	X(SCTP_CHUNKS, "sctp_chunks", PPS_STEP_HEADERS, "more than 128 chunks in an SCTP packet")  \
	X(DCCP_SHORT, "dccp_short", PPS_STEP_HEADERS,                                              \
		"DCCP with short sequence numbers where its type has long ones")                   \
	X(PORT_ZERO, "port_zero", PPS_STEP_HEADERS, "port 0 (only a UDP source port may be 0)")    \
	X(HELD, "held", PPS_STEP_FRAGMENTS,                                                        \
		"not decided yet: a fragment that waits for the first one of its datagram")        \
	X(FRAGMENT_EMPTY, "fragment_empty", PPS_STEP_FRAGMENTS, "a fragment without data")         \
	X(FRAGMENT_LENGTH, "fragment_length", PPS_STEP_FRAGMENTS,                                  \
		"not the last fragment, and its length is no multiple of eight")                   \
	X(FRAGMENT_TOO_LONG, "fragment_too_long", PPS_STEP_FRAGMENTS,                              \
		"the datagram of the fragment would be longer than 65,535 bytes")                  \
	X(FRAGMENT_TINY, "fragment_tiny", PPS_STEP_FRAGMENTS,                                      \
		"fragments that part the transport header (RFC 1858, RFC 3128, RFC 7112)")         \
	X(FRAGMENT_ND, "fragment_nd", PPS_STEP_FRAGMENTS,                                          \
		"neighbour discovery or MLD in fragments (RFC 6980)")                              \
	X(FRAGMENT_ICMP_ERROR, "fragment_icmp_error", PPS_STEP_FRAGMENTS,                          \
		"an ICMP error in fragments: it is to fit into the smallest MTU (RFC 1812, "       \
		"RFC 4443)")                                                                       \
	X(FRAGMENT_DUPLICATE, "fragment_duplicate", PPS_STEP_FRAGMENTS,                            \
		"a fragment that came already")                                                    \
	X(FRAGMENT_OVERLAP, "fragment_overlap", PPS_STEP_FRAGMENTS,                                \
		"a fragment that overlaps another of its datagram (RFC 5722)")                     \
	X(FRAGMENT_END, "fragment_end", PPS_STEP_FRAGMENTS,                                        \
		"a fragment that contradicts others about where its datagram ends")                \
	X(FRAGMENT_COUNT, "fragment_count", PPS_STEP_FRAGMENTS,                                    \
		"more than 128 fragments of one datagram")                                         \
	X(FRAGMENT_POISONED, "fragment_poisoned", PPS_STEP_FRAGMENTS,                              \
		"another fragment of its datagram was impossible or did not fit")                  \
	X(FRAGMENT_DENIED, "fragment_denied", PPS_STEP_FRAGMENTS,                                  \
		"the first fragment of its datagram was dropped")                                  \
	X(FRAGMENT_FLOW_ENDED, "fragment_flow_ended", PPS_STEP_FRAGMENTS,                          \
		"the flow by which the first fragment of its datagram passed has ended")           \
	X(FRAGMENT_NO_FIRST, "fragment_no_first", PPS_STEP_FRAGMENTS,                              \
		"no first fragment came in time (timeouts.fragment)")                              \
	X(FRAGMENT_WAITING, "fragment_waiting", PPS_STEP_FRAGMENTS,                                \
		"too many fragments of its datagram wait for the first one")                       \
	X(FRAGMENT_SOURCE_SHARE, "fragment_source_share", PPS_STEP_FRAGMENTS,                      \
		"its source has taken its share of the room for fragments")                        \
	X(FRAGMENT_STORE_FULL, "fragment_store_full", PPS_STEP_FRAGMENTS,                          \
		"no room for fragments was left: the datagram that waited longest gave way")       \
	X(SOURCE_BLOCKED, "source_blocked", PPS_STEP_SOURCES,                                      \
		"the policy's sources.block holds its source, or a host of the flow it belonged "  \
		"to")                                                                              \
	X(SOURCE_NOT_ALLOWED, "source_not_allowed", PPS_STEP_SOURCES,                              \
		"it belongs to no live flow, and the policy's sources.allow does not hold its "    \
		"source")                                                                          \
	X(FLOW_STATE_TCP, "tcp_state", PPS_STEP_FLOW,                                              \
		"a TCP packet its connection's state does not permit")                             \
	X(TCP_WINDOW, "tcp_window", PPS_STEP_FLOW,                                                 \
		"a TCP segment beyond what its receiver offered to take, or far below what that "  \
		"has acknowledged")                                                                \
	X(TCP_ACK, "tcp_ack", PPS_STEP_FLOW,                                                       \
		"a TCP segment that acknowledges what the other side has not sent, or far "        \
		"below what its sender has acknowledged before")                                   \
	X(FLOW_STATE_SCTP, "sctp_state", PPS_STEP_FLOW,                                            \
		"an SCTP packet its association's state does not permit")                          \
	X(SCTP_TAG, "sctp_tag", PPS_STEP_FLOW,                                                     \
		"an SCTP packet whose verification tag is not the one its association has")        \
	X(FLOW_STATE_DCCP, "dccp_state", PPS_STEP_FLOW,                                            \
		"a DCCP packet its connection's state does not permit")                            \
	X(FLOW_STATE_ICMP, "icmp_state", PPS_STEP_FLOW,                                            \
		"an ICMP query whose code is not that of the query its flow began with")           \
	X(ND_DENIED, "nd_denied", PPS_STEP_ICMP,                                                   \
		"neighbour discovery, and link.neighbor_discovery does not permit this direction") \
	X(ND_MALFORMED, "nd_malformed", PPS_STEP_ICMP,                                             \
		"neighbour discovery or MLD with a wrong hop limit, code or shape")                \
	X(ICMP_ERROR_UNRELATED, "icmp_error_unrelated", PPS_STEP_ICMP,                             \
		"an ICMP error that quotes no live flow, or quotes it in the wrong direction")     \
	X(ICMP_ERROR_QUOTE, "icmp_error_quote", PPS_STEP_ICMP,                                     \
		"an ICMP error whose quote cannot be read")                                        \
	X(ICMP_ERROR_TAG, "icmp_error_tag", PPS_STEP_ICMP,                                         \
		"an ICMP error that quotes an SCTP packet with a tag its association does not "    \
		"have")                                                                            \
	X(ICMP_ERROR_SEQ, "icmp_error_seq", PPS_STEP_ICMP,                                         \
		"an ICMP error that quotes a TCP segment its connection has not on its way "       \
		"(RFC 5927)")                                                                      \
	X(ICMP_ERROR_RATE, "icmp_error_rate", PPS_STEP_ICMP,                                       \
		"more ICMP errors about one flow than 64 at once and then 40 a second")            \
	X(ICMP_REDIRECT, "icmp_redirect", PPS_STEP_ICMP, "an ICMP redirect")                       \
	X(ICMP_TYPE, "icmp_type", PPS_STEP_ICMP,                                                   \
		"an ICMP type that is no query, reply, error or neighbour discovery")              \
	X(TCP_NOT_SYN, "tcp_not_syn", PPS_STEP_START, "no flow, and only a SYN may start one")     \
	X(SCTP_NOT_INIT, "sctp_not_init", PPS_STEP_START,                                          \
		"no flow, and only an INIT may start one")                                         \
	X(DCCP_NOT_REQUEST, "dccp_not_request", PPS_STEP_START,                                    \
		"no flow, and only a REQUEST may start one")                                       \
	X(ICMP_NOT_QUERY, "icmp_not_query", PPS_STEP_START, "an ICMP reply to no query")           \
	X(BANNED, "banned", PPS_STEP_CLASSIFY, "a ban covers it")                                  \
	X(EXCEPTION_EXPIRED, "exception_expired", PPS_STEP_CLASSIFY,                               \
		"only an exception covers it, and that has expired")                               \
	X(NOT_APPROVED, "not_approved", PPS_STEP_CLASSIFY, "no rule approves it")                  \
	X(LIMIT_FLOWS, "limit_flows", PPS_STEP_CLASSIFY,                                           \
		"approved, but as many flows live under its rule as limits.flows permits")         \
	X(LIMIT_SOURCE, "limit_flows_per_source", PPS_STEP_CLASSIFY,                               \
		"approved, but as many flows of its source live under its rule as "                \
		"limits.flows_per_source permits")                                                 \
	X(LIMIT_RATE, "limit_rate", PPS_STEP_CLASSIFY,                                             \
		"approved, but flows begin under its rule faster than "                            \
		"limits.new_flows_per_second permits")                                             \
	X(TUNNEL, "tunnel", PPS_STEP_TUNNEL,                                                       \
		"a cleartext tunnel: this build does not look inside")                             \
	X(TUNNEL_OPAQUE, "tunnel_opaque", PPS_STEP_TUNNEL, "a tunnel that cannot be read")         \
	X(HALF_OPEN_SOURCE, "half_open_source", PPS_STEP_ACCOUNT,                                  \
		"approved, but its source has as many half-open flows as one source may have, "    \
		"all begun within a second")                                                       \
	X(FLOW_TABLE_FULL, "flow_table_full", PPS_STEP_ACCOUNT,                                    \
		"approved, but there is no room for another flow")                                 \
	X(NO_POLICY, "no_policy", PPS_STEP_ACCOUNT, "no policy is in force")                       \
	X(TX_FULL, "tx_full", PPS_STEP_ACCOUNT,                                                    \
		"passed, but the transmit queue of the other port was full")                       \
	X(LINK_DOWN, "link_down", PPS_STEP_ACCOUNT,                                                \
		"passed, but the link of the other port is down")

enum pps_reason {
#define PPS_REASON_ENUM(name, word, step, text) PPS_REASON_##name,
	PPS_REASONS(PPS_REASON_ENUM)
#undef PPS_REASON_ENUM
		PPS_REASON_COUNT
};

const char *pps_reason_word(enum pps_reason reason);
const char *pps_reason_text(enum pps_reason reason);
enum pps_step pps_reason_step(enum pps_reason reason);
/* PPS_REASON_COUNT when there is no such word. */
enum pps_reason pps_reason_find(const char *word);
const char *pps_step_word(enum pps_step step);

/* One port of a segment, as seen by one worker. */
struct pps_port_stats {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
};

/* One rule, as seen by one worker. */
struct pps_rule_stats {
	uint64_t packets, bytes; /* both directions, bytes from the first byte of the frame */
	uint64_t flows; /* started */
	uint64_t last_ns; /* wall clock of the last packet; 0: never */
};

#define PPS_PORTS_MAX  32
#define PPS_RULE_SLOTS 65536

/* One worker's counters. worker: rw, management: ro (pps_stats_load). */
struct pps_worker_stats {
	uint64_t drops[PPS_REASON_COUNT]; /* by reason; in audit and observer mode "would have" */
	uint64_t drop_bytes;
	uint64_t passed, passed_bytes;
	uint64_t egress; /* drops that are alerts: an inside host tried what nothing approves */
	/* Observer: what would be denied, all of it already on the wire (lib/filter). */
	uint64_t observed, observed_bytes;
	uint64_t observed_conversations, observed_answered;
	uint64_t loops; /* for the watchdog */
	uint64_t worked_ns; /* in rounds that had packets: utilisation */
	uint64_t flows_started, flows_ended, flows_live;
	uint64_t flows_picked_up; /* of those started: TCP connections met in mid-stream */
	uint64_t flows_replaced; /* of those ended: half-open ones that made room */
	uint64_t rejudged_kept, rejudged_rebound, rejudged_cut; /* by packets and by the sweep */
	uint64_t events_lost; /* ring full */
	uint64_t handed_over; /* frames received for another worker */
	struct pps_port_stats ports[PPS_PORTS_MAX]; /* by DPDK port id */
	struct pps_rule_stats *rules; /* PPS_RULE_SLOTS of them */
} __attribute__((aligned(PPS_CACHE_LINE)));

/* Zeroed block; NULL and errno on exhaustion. Destroying NULL is fine. */
struct pps_worker_stats *pps_worker_stats_create(void);
void pps_worker_stats_destroy(struct pps_worker_stats *stats);

/* Owner: adds to a counter of its own so that a reader never sees half of it. */
static inline void pps_stats_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Anybody: reads a counter. */
static inline uint64_t pps_stats_load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The rule book: rule id <-> slot. Management's threads (the builder of rulesets among them); it
 * locks itself. */
struct pps_rule_book;

struct pps_rule_book *pps_rule_book_create(void);
void pps_rule_book_destroy(struct pps_rule_book *book);
/* Names a worker's counters, which must outlive the book. All workers before the first packet. */
void pps_rule_book_add_worker(struct pps_rule_book *book, const struct pps_worker_stats *stats);
/*
 * The slot of 'id', given now if it has none. Slots of ids that no ruleset holds any more are
 * reused only when all others are taken, longest gone first. Returns 0 when every slot is held.
 */
uint32_t pps_rule_book_hold(struct pps_rule_book *book, const char *id);
/* Says that a ruleset which held 'slot' is gone: no worker can reach it any more. */
void pps_rule_book_release(struct pps_rule_book *book, uint32_t slot);
/* The id in 'slot', or NULL. Valid until the book is destroyed or the slot reused. */
const char *pps_rule_book_id(struct pps_rule_book *book, uint32_t slot);
/* 0 when the id has no slot. */
uint32_t pps_rule_book_find(struct pps_rule_book *book, const char *id);
/* Wall clock when the slot's counters began. */
uint64_t pps_rule_book_since_ns(struct pps_rule_book *book, uint32_t slot);
/* What all workers counted for the id in 'slot' since then; last_ns is the latest of them. */
struct pps_rule_stats pps_rule_book_read(struct pps_rule_book *book, uint32_t slot);

#endif
