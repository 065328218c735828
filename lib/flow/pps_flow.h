/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_FLOW_H
#define PPS_FLOW_H

/*
 * One worker's flow table.
 *
 * Overview   A flow is one tracked conversation; both directions find the same entry, because the
 *            key is not (source, destination) but (inside, outside): the ingress port says which
 *            address is which. Two tables lie under one face: rte_hash with 16-byte keys for plain
 *            IPv4 and with 48-byte keys for IPv6 and for IPv4 behind two VLAN tags. Positions of
 *            rte_hash index an array of entries, one cache line each. Before rte_hash stands a
 *            front (flow_front.h) that knows nearly all live flows by their hash, and nearly always
 *            for certain that there is none.
 *
 * Hash       Keys come from the wire, so collisions must not be chosen there. The hash is AES
 *            rounds keyed with a random secret made at creation (SipHash where the CPU has no AES);
 *            a CRC can be flooded whatever its seed. It is computed for a whole burst at once.
 *
 * Handles    A flow is named by a handle: its table in the top bit, its position below. A handle
 *            is valid until the flow is removed. Removing or adding may hand the same position to
 *            another flow, so a burst that did either looks up again what may have the same key:
 *            pps_flow_is_touched().
 *
 * Life       add -> step (state machine, flow_tcp.c and siblings) -> expired or ended -> remove.
 *            Time is given by the caller in milliseconds modulo 2^32 ("ticks"); entries compare by
 *            difference, so idle times must stay below 2^31 ms (24 days; timeouts end at 7).
 *            A flow is idle-expired when now - seen >= its timeout, decided by packets that find it
 *            and by the sweep alike. Ticks must not run backwards: whoever keeps the clock sees to
 *            that.
 *
 * Limits     'flows' entries in all, of which 'wide' may have 48-byte keys. A full table or an
 *            unlucky bucket is no room: new flows fail closed and are counted, established ones
 *            are never evicted.
 *
 * Half-open  A flow is half-open from its first packet until it has proven itself: TCP, SCTP and
 *            DCCP by their third step, everything else by an answer. One that ends before (a reset,
 *            an abort) never proves itself and stays half-open until it is forgotten: else a flood
 *            of SYN and RST would be worth more than one of SYN. Half-open flows stand in the order
 *            of their beginning, of all and of each source. They may hold 'half_open_max' entries,
 *            those of one source 'half_open_per_source'. A new flow that finds no room takes the
 *            place of the oldest one (pps_flow_room()), of the wide ones where it is those that
 *            are too many; a source whose share is used up takes its own oldest, if that had a
 *            second to prove itself, and else waits. Under a flood of R flows a second a half-open
 *            flow thus lives half_open_max / R seconds: what proves itself faster is not harmed.
 *            (flow_halfopen.c)
 *
 * Sources    A source is the initiator's address: all of an IPv4 address, the first 64 bits of an
 *            IPv6 address (the rest is its owner's to choose). Segment and VLAN are no part of it:
 *            whoever can choose a tag must not be many sources. Sources are counted exactly and the
 *            place for a counter is reserved with the place for the flow, so that counting never
 *            fails. (flow_sources.c)
 *
 * Ledger     Counts of sources and of rules, and rates, are those of all workers: tables share a
 *            ledger (pps_flow_ledger.h). A table alone has one of its own. 'flows' and
 *            'half_open_max' are the table's, half_open_per_source holds over all of them.
 *
 * Bound      pps_flow_bind() says which rule's a flow is; the table counts the live flows of each
 *            rule, and of each source under rules that limit that. pps_flow_remove() undoes all of
 *            it, so that the counts are exact whichever way a flow ends.
 *
 * Memory     Bytes: for each of 'flows' 104 of entry, 44 to 57 of rte_hash and 4 to 8 of the
 *            front; for each of 'wide' 104 and 76 to 89; for each that may be
 *            half-open 64; and 32 to 42 for each of 'flows' once more, to count sources. With the
 *            default bounds that is 430 a flow. 16 million flows, a quarter of them wide and one in
 *            sixteen half-open, take 266 each, 4.0 GiB; with an eighth of them wide 241.
 *
 * Threads    A table belongs to one worker. Only create() allocates. What begins, ends or proves a
 *            flow locks in the ledger, when that is shared; nothing else does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_packet.h>
#include <pps_policy.h>
#include <pps_stats.h>

#define PPS_FLOW_BURST_MAX 64
#define PPS_FLOW_NONE      UINT32_MAX /* no flow */
#define PPS_FLOW_WIDE      0x80000000u /* handle bit: the 48-byte table */

/* Sides of a segment. The value is also the index of a side's packets in per-direction arrays. */
enum pps_side { PPS_SIDE_INSIDE = 0, PPS_SIDE_OUTSIDE = 1 };

/* The direction a flow has when 'initiator' started it. */
static inline enum pps_direction pps_side_direction(enum pps_side initiator)
{
	return initiator == PPS_SIDE_INSIDE ? PPS_OUTBOUND : PPS_INBOUND;
}

/* Plain IPv4, at most one VLAN tag. Network order throughout, except vlan (host). */
struct pps_key4 {
	uint8_t inside[4], outside[4];
	uint16_t inside_port, outside_port;
	uint8_t protocol;
	uint8_t segment;
	uint16_t vlan;
};
_Static_assert(sizeof(struct pps_key4) == 16, "rte_hash compares 16 bytes with one instruction");

/* Everything else. All bytes are set, padding included. */
struct pps_key_wide {
	uint8_t inside[16], outside[16];
	uint16_t inside_port, outside_port;
	uint8_t protocol;
	uint8_t segment;
	uint16_t vlan;
	uint16_t inner_vlan;
	uint8_t family; /* 4 or 6 */
	uint8_t pad;
	uint32_t context; /* tunnel the packet was found in; 0: none */
};
_Static_assert(sizeof(struct pps_key_wide) == 48, "key and header of a slot are one cache line");

struct pps_flow_key {
	union {
		struct pps_key4 v4;
		struct pps_key_wide wide;
	};
	bool is_wide;
};

/*
 * Makes the key of a packet that entered 'segment' on 'side'. ICMP queries and replies: the
 * inside port is the id, the outside port holds the query's type and the side that asked, so that
 * crossing pings with one id stay apart. Other protocols without ports: ports are 0.
 */
void pps_flow_key_make(const struct pps_packet *packet, uint8_t segment, enum pps_side side,
	struct pps_flow_key *key);

/* The type of the query in the key of an ICMP flow, and the side that asked. (The outside port's
 * two bytes as they lie in memory: type, side.) */
static inline const uint8_t *pps_flow_key_outside_port(const struct pps_flow_key *key)
{
	return (const uint8_t *)(key->is_wide ? &key->wide.outside_port : &key->v4.outside_port);
}
static inline uint8_t pps_flow_key_icmp_type(const struct pps_flow_key *key)
{
	return pps_flow_key_outside_port(key)[0];
}
static inline enum pps_side pps_flow_key_icmp_asker(const struct pps_flow_key *key)
{
	return pps_flow_key_outside_port(key)[1] == 0 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
}

/* States, for all protocols; the word is what operators see. X(enumerator, word, timeout) */
#define PPS_FLOW_STATES(X)                                                     \
	X(FREE, "free", PPS_TIMEOUT_OTHER)                                     \
	X(TCP_SYN_SENT, "tcp_syn_sent", PPS_TIMEOUT_TCP_HANDSHAKE)             \
	X(TCP_SYN_CROSSED, "tcp_syn_crossed", PPS_TIMEOUT_TCP_HANDSHAKE)       \
	X(TCP_SYN_RECEIVED, "tcp_syn_received", PPS_TIMEOUT_TCP_HANDSHAKE)     \
	X(TCP_ESTABLISHED, "tcp_established", PPS_TIMEOUT_TCP_ESTABLISHED)     \
	X(TCP_FIN_INITIATOR, "tcp_fin_initiator", PPS_TIMEOUT_TCP_ESTABLISHED) \
	X(TCP_FIN_RESPONDER, "tcp_fin_responder", PPS_TIMEOUT_TCP_ESTABLISHED) \
	X(TCP_CLOSING, "tcp_closing", PPS_TIMEOUT_TCP_CLOSING)                 \
	X(TCP_CLOSED, "tcp_closed", PPS_TIMEOUT_TCP_CLOSING)                   \
	X(TCP_PICKED_UP, "tcp_picked_up", PPS_TIMEOUT_TCP_HANDSHAKE)           \
	X(UDP_SINGLE, "udp_single", PPS_TIMEOUT_UDP_SINGLE)                    \
	X(UDP_PAIR, "udp_pair", PPS_TIMEOUT_UDP)                               \
	X(ICMP_QUERY, "icmp_query", PPS_TIMEOUT_ICMP)                          \
	X(SCTP_INIT, "sctp_init", PPS_TIMEOUT_TCP_HANDSHAKE)                   \
	X(SCTP_ESTABLISHED, "sctp_established", PPS_TIMEOUT_SCTP_ESTABLISHED)  \
	X(SCTP_CLOSING, "sctp_closing", PPS_TIMEOUT_TCP_CLOSING)               \
	X(DCCP_REQUEST, "dccp_request", PPS_TIMEOUT_TCP_HANDSHAKE)             \
	X(DCCP_OPEN, "dccp_open", PPS_TIMEOUT_DCCP)                            \
	X(DCCP_CLOSING, "dccp_closing", PPS_TIMEOUT_TCP_CLOSING)               \
	X(OTHER, "other", PPS_TIMEOUT_OTHER)

enum pps_flow_state {
#define PPS_FLOW_STATE_ENUM(name, word, timeout) PPS_FLOW_##name,
	PPS_FLOW_STATES(PPS_FLOW_STATE_ENUM)
#undef PPS_FLOW_STATE_ENUM
		PPS_FLOW_STATE_COUNT
};

const char *pps_flow_state_word(enum pps_flow_state state);
enum pps_timeout pps_flow_state_timeout(enum pps_flow_state state);

/* Sequence space of one side of a TCP connection; flow_tcp.h says how it is used. */
struct pps_tcp_side {
	uint32_t end; /* highest sequence number sent plus one */
	uint32_t max_end; /* highest the other side allows */
	uint32_t max_win; /* largest window announced, scaled */
	uint32_t ack; /* highest acknowledgement sent, or the first one that is to be sent */
};

#define PPS_FLOW_LOG       0x01 /* the rule asks for flow events */
#define PPS_FLOW_REPLIED   0x02 /* the responder has sent */
#define PPS_FLOW_PICKED_UP 0x04 /* TCP, begun in mid-stream */
#define PPS_FLOW_HALF_OPEN 0x40 /* among the half-open; the table's own */
#define PPS_FLOW_BOUND     0x80 /* counted with 'rule'; the table's own */

/* One flow. worker: rw. One cache line: everything a packet on the hit path touches. */
struct pps_flow {
	uint32_t seen; /* tick of the last packet */
	uint32_t generation; /* of the ruleset that judged it last */
	uint32_t rule; /* slot in the rule book (pps_stats.h) */
	uint8_t state; /* enum pps_flow_state */
	uint8_t initiator; /* enum pps_side */
	uint8_t flags; /* PPS_FLOW_* */
	uint8_t scale; /* TCP window scales, inside's in the low four bits, 15: none; ICMP: the
			* query's code; SCTP, DCCP: how far inside the state. Written by apply()
			* alone */
	union { /* by enum pps_side */
		struct pps_tcp_side tcp[2];
		struct {
			uint32_t tag[2]; /* what packets to that side carry; 0: not known */
			uint32_t next[2]; /* what it has announced since; 0: nothing */
		} sctp;
	};
	uint32_t packets[2], bytes[2]; /* by side that sent; what overflows is in the cold part */
} __attribute__((aligned(PPS_CACHE_LINE)));
_Static_assert(sizeof(struct pps_flow) == PPS_CACHE_LINE, "one cache line per flow");

/* What only listings and end-of-flow events read. */
struct pps_flow_cold {
	uint64_t started_ns; /* wall clock */
	uint16_t packets_high[2]; /* by side that sent */
	uint32_t bytes_high[2];
	uint32_t errors_paid; /* tick up to which its ICMP errors have used up their rate */
	uint32_t half_open; /* record among the half-open, 0: none; the table's own */
	uint32_t source; /* counter of its source under its rule, 0: none; the table's own */
	/* TCP: the initiator's last SYN that passed and changed nothing */
	uint32_t tcp_syn_end; /* its sequence number behind it */
	uint16_t tcp_syn_window;
	uint8_t tcp_syn_scale;
	bool tcp_syn_ignored : 1; /* there was one */
	bool tcp_fin_early : 1; /* the responder has sent FIN, and the third step is awaited */
};
_Static_assert(sizeof(struct pps_flow_cold) == 40, "there is one for each flow");

/* So many ICMP errors about a flow pass at once, and then one in so many ticks. */
#define PPS_FLOW_ERROR_BURST 64
#define PPS_FLOW_ERROR_TICKS 25

/* What 'side' has sent. */
static inline uint64_t pps_flow_packets(
	const struct pps_flow *flow, const struct pps_flow_cold *cold, unsigned int side)
{
	return (uint64_t)cold->packets_high[side] << 32 | flow->packets[side];
}
static inline uint64_t pps_flow_bytes(
	const struct pps_flow *flow, const struct pps_flow_cold *cold, unsigned int side)
{
	return (uint64_t)cold->bytes_high[side] << 32 | flow->bytes[side];
}

struct pps_flow_table;
struct pps_flow_ledger;

/* Of one worker: rte_hash 22.11 counts bytes of its key store in 32 bits. */
#define PPS_FLOWS_MAX (1u << 25)

struct pps_flow_table_params {
	const char *name; /* unique in the process, at most 16 characters */
	uint32_t flows; /* capacity, 1 to PPS_FLOWS_MAX */
	uint32_t wide; /* how many of them may have wide keys; 0: all */
	uint32_t half_open_max; /* half-open flows, at most 'flows'; 0: the default for 'flows' */
	uint32_t half_open_per_source; /* of one source, at most half_open_max; 0: the default */
	int socket; /* NUMA node, or -1 */
	struct pps_flow_ledger *ledger; /* shared with other tables; NULL: one of its own */
	unsigned int index; /* in the ledger: 0 to n_tables - 1 */
};

/* Half of the table: what floods hold must leave room, and the more it is the longer a half-open
 * flow may take to prove itself under a flood. */
static inline uint32_t pps_flow_half_open_max_default(uint32_t flows)
{
	return flows < 2 ? 1 : flows / 2;
}
/* A quarter, and in small tables 2048: one source leaves room for others, and neither a resolver
 * nor the auditor's scan of a host comes near it. */
static inline uint32_t pps_flow_half_open_share_default(uint32_t half_open_max)
{
	uint32_t share = half_open_max / 4;

	if (share < 2048)
		share = 2048;
	return share < half_open_max ? share : half_open_max;
}

/* NULL and errno (ENOMEM, EINVAL). Draws the hash secret from the kernel. EAL must be up. */
struct pps_flow_table *pps_flow_table_create(const struct pps_flow_table_params *params);
void pps_flow_table_destroy(struct pps_flow_table *table);

/* Looks 'n' keys up (at most PPS_FLOW_BURST_MAX): handles[i] is the flow's or PPS_FLOW_NONE; the
 * entries' lines are prefetched. hashes[i] is kept by the caller for pps_flow_add(). Returns which
 * have no flow, bits by key. */
uint64_t pps_flow_lookup_burst(struct pps_flow_table *table, const struct pps_flow_key *keys,
	unsigned int n, uint32_t *hashes, uint32_t *handles);
/* Flows of these keys of the last burst are about to be added, bits by key: brings in what rte_hash
 * reads for that, of all of them at once, where one after the other would wait for memory again and
 * again. */
void pps_flow_prepare_burst(const struct pps_flow_table *table, const struct pps_flow_key *keys,
	const uint32_t *hashes, uint64_t which);
/* One key whose hash is known. */
uint32_t pps_flow_lookup(
	const struct pps_flow_table *table, const struct pps_flow_key *key, uint32_t hash);
uint32_t pps_flow_hash(const struct pps_flow_table *table, const struct pps_flow_key *key);

/* Copies the key of a live flow. */
void pps_flow_key_at(
	const struct pps_flow_table *table, uint32_t handle, struct pps_flow_key *ret_key);

/* Adds a zeroed entry for 'key', which must not be there. PPS_FLOW_NONE when there is no room. The
 * caller fills initiator, rule, generation and flags, and then lets apply() begin it. */
uint32_t pps_flow_add(struct pps_flow_table *table, const struct pps_flow_key *key, uint32_t hash);
void pps_flow_remove(struct pps_flow_table *table, uint32_t handle);
/* Grows by one at every add and remove. */
uint64_t pps_flow_changes(const struct pps_flow_table *table);
uint32_t pps_flow_count(const struct pps_flow_table *table);
uint32_t pps_flow_capacity(const struct pps_flow_table *table);
/* Those with wide keys: IPv6, and IPv4 behind two VLAN tags. */
uint32_t pps_flow_count_wide(const struct pps_flow_table *table);
uint32_t pps_flow_capacity_wide(const struct pps_flow_table *table);
/* Bytes of memory the table takes, for "status". */
size_t pps_flow_memory(const struct pps_flow_table *table);
/* The NUMA node of the memory that holds the flows; -1 without hugepages, where nobody can say. */
int pps_flow_node(const struct pps_flow_table *table);

/* Who starts a flow, as far as counting goes. */
struct pps_flow_source {
	uint64_t prefix; /* the bytes as they lie in memory */
	uint32_t hash;
	uint8_t family;
	bool is_wide; /* the flow's key */
};
/* Prefetches what pps_flow_room() asks first. */
void pps_flow_source_of(const struct pps_flow_table *table, const struct pps_flow_key *key,
	enum pps_side initiator, struct pps_flow_source *ret_source);

/* A half-open flow this old makes room for another one of its source. */
#define PPS_FLOW_GRACE_TICKS 1000

/*
 * Is there room for a new flow of 'source'? 'reuse' is a live flow that will be removed for it, or
 * PPS_FLOW_NONE. PPS_REASON_NONE: yes, when *ret_replace, where it is not PPS_FLOW_NONE, is removed
 * first. Else HALF_OPEN_SOURCE or FLOW_TABLE_FULL. Nothing is changed.
 */
enum pps_reason pps_flow_room(const struct pps_flow_table *table,
	const struct pps_flow_source *source, uint32_t reuse, uint32_t now, uint32_t *ret_replace);

/* Counts the flow among the live ones of rule 'slot' (any more among those of another) and sets its
 * 'rule'; with 'source' among those of that source under the rule too. */
void pps_flow_bind(struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_flow_source *source);
/*
 * The same for a flow that begins, and is bound to nothing: PPS_REASON_NONE, or LIMIT_FLOWS,
 * LIMIT_SOURCE or LIMIT_RATE when it is one more than 'limits' permit, counted over all tables of
 * the ledger; then it is to be removed. 'source' is read where flows_per_source is set.
 */
enum pps_reason pps_flow_bind_new(struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_limits *limits, const struct pps_flow_source *source, uint32_t tick);
/* Would the rate let another one begin? */
bool pps_flow_rate_permits(
	const struct pps_flow_table *table, uint32_t slot, uint32_t rate, uint32_t tick);
/* To be called now and then, at least once in 24 days: ticks have an end, rates have not. */
void pps_flow_tick(struct pps_flow_table *table, uint32_t tick);
/* Puts a flow that has begun, and has room, among the half-open unless it has proven itself. */
void pps_flow_enter(struct pps_flow_table *table, uint32_t handle,
	const struct pps_flow_source *source, uint32_t now);
/* To be called after apply() when PPS_FLOW_HALF_OPEN is set: leaves the half-open if it has proven
 * itself now. */
void pps_flow_prove(struct pps_flow_table *table, uint32_t handle);

/* What is counted: live flows bound to a rule, those of a source under it, half-open flows, those
 * of a source; the third of this table, the others of all tables of the ledger. The first and the
 * third may be asked by anybody. */
uint32_t pps_flow_count_rule(const struct pps_flow_table *table, uint32_t slot);
uint32_t pps_flow_count_rule_source(
	const struct pps_flow_table *table, uint32_t slot, const struct pps_flow_source *source);
uint32_t pps_flow_count_half_open(const struct pps_flow_table *table);
uint32_t pps_flow_count_half_open_source(
	const struct pps_flow_table *table, const struct pps_flow_source *source);
/* True when 'handle' is counted by pps_flow_count_rule_source(slot, source). */
bool pps_flow_is_of_rule_source(const struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_flow_source *source);
uint32_t pps_flow_half_open_max(const struct pps_flow_table *table);
uint32_t pps_flow_half_open_per_source(const struct pps_flow_table *table);

/*
 * Walks live flows: *cursor starts at 0; looks at no more than 'n_entries' entries; writes the
 * live ones' handles to 'handles' (room for n_entries) and returns how many. *cursor is 0 again
 * when the walk has come round. Flows added behind the cursor are not seen.
 */
unsigned int pps_flow_walk(
	struct pps_flow_table *table, uint32_t *cursor, unsigned int n_entries, uint32_t *handles);
/* Entries a full walk looks at. */
uint32_t pps_flow_walk_length(const struct pps_flow_table *table);

/* Idle timeouts in ticks, by state; made from a policy once per ruleset. */
struct pps_flow_timeouts {
	uint32_t ticks[PPS_FLOW_STATE_COUNT];
};
void pps_flow_timeouts_make(
	const uint32_t timeouts_sec[PPS_TIMEOUT_COUNT], struct pps_flow_timeouts *ret);
static inline bool pps_flow_expired(
	const struct pps_flow *flow, const struct pps_flow_timeouts *timeouts, uint32_t now)
{
	return now - flow->seen >= timeouts->ticks[flow->state];
}

/*
 * The state machines; each source says what its protocol permits, a line per legal transition.
 *
 * begin()  may this packet start a flow, and in which state? PPS_REASON_NONE, or the reason of
 *          step 7.
 * step()   is this packet, sent by 'side', a legal transition of the live flow 'flow'? On
 *          PPS_REASON_NONE *ret_state is the state to go to and nothing was changed yet; else the
 *          reason of step 5. *ret_restart is set when the packet is a new beginning on a closed
 *          flow's tuple (port reuse), perhaps by the former responder: the caller judges it as a
 *          new flow, and on a pass zeroes the entry and fills it anew before apply().
 * picks_up() may this packet, which begin() refuses, begin a flow in mid-stream all the same? Only
 *          while the caller is ready to believe that it lost the beginning; the state is
 *          TCP_PICKED_UP, and 'side' of its apply() may be either.
 * apply()  makes the transition: state, seen, counters, PPS_FLOW_REPLIED, TCP's numbers.
 *          'initiator' must be set before the first call; state FREE in the entry says that it is
 *          the first. 'seen' is not
 *          renewed by packets that prove nothing: repetitions in a half-open or reset flow; a SYN,
 *          RST, INIT, INIT ACK, ABORT, REQUEST, RESPONSE or RESET that changes no state.
 */
enum pps_reason pps_flow_begin(const struct pps_packet *packet, enum pps_flow_state *ret_state);
bool pps_flow_picks_up(const struct pps_packet *packet);
enum pps_reason pps_flow_step(const struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state *ret_state,
	bool *ret_restart);
void pps_flow_apply(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state state,
	uint32_t now);
/* Host order; what the next segment of 'side' with these PPS_TCP_* flags would carry, without data,
 * in a live TCP flow. */
struct pps_tcp_numbers {
	uint32_t seq, ack;
};
void pps_flow_tcp_fit(const struct pps_flow *flow, enum pps_side side, uint8_t flags,
	struct pps_tcp_numbers *ret);
/*
 * An ICMP error that quotes an SCTP packet to 'side': is the quoted verification tag one that such
 * a packet of this flow can have had (RFC 9260 section 10)?
 */
bool pps_flow_sctp_quote_fits(const struct pps_flow *flow, enum pps_side side, uint32_t tag);
/* The same for a TCP segment to 'side' and its sequence number (host order): can it still be on its
 * way (RFC 5927 section 4.1)? */
bool pps_flow_tcp_quote_fits(const struct pps_flow *flow, enum pps_side side, uint32_t seq);

/* Entries by handle, and what every packet asks, in line. */
#include <pps_flow_hot.h>

#endif
