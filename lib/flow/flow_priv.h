/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_PRIV_H
#define FLOW_PRIV_H

/* What the parts of lib/flow share: the table's halves, the state machines. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_flow.h>
#include <pps_flow_hash.h>
#include <pps_flow_hot.h>

#include "flow_front.h"

/* SipHash-2-4 of 'n_words' little-endian words. */
uint64_t pps_flow_siphash(const uint64_t key[2], const uint64_t *words, unsigned int n_words);

/* One half-open flow. Positions from 1; 0 is none. */
struct flow_record {
	uint32_t handle;
	uint32_t began; /* tick */
	uint32_t older, newer; /* of the half; 'newer' also links the free ones */
	uint32_t older_of_source, newer_of_source;
	uint32_t counter; /* of its source */
	uint32_t number; /* which of those that began in one tick is the older */
};
_Static_assert(sizeof(struct flow_record) == 32, "two records a cache line");

struct flow_half_open {
	struct flow_record *records;
	uint32_t oldest[2], newest[2]; /* by half */
	uint32_t free, fresh;
	uint32_t number; /* of the next */
	uint32_t n; /* management: ro */
	uint32_t max, per_source;
};

int pps_flow_half_open_init(
	struct flow_half_open *half_open, const struct pps_flow_table_params *params);
void pps_flow_half_open_fini(struct flow_half_open *half_open);
size_t pps_flow_half_open_memory(const struct flow_half_open *half_open);
/* Undoes pps_flow_bind() and pps_flow_enter() for a flow that is being removed. */
void pps_flow_unbind(struct pps_flow_table *table, uint32_t handle);
void pps_flow_leave(struct pps_flow_table *table, uint32_t handle);

/* worker: rw; management: ro (n_live, n_wide, half_open.n) */
struct pps_flow_table {
	struct pps_flow_open open;
	struct flow_front front;
	uint64_t absent; /* of the last burst, what rte_hash was not asked: bits by key */
	struct pps_flow_hasher hasher;
	struct flow_half_open half_open;
	struct pps_flow_ledger *ledger;
	bool own_ledger; /* to be freed with it */
	unsigned int index; /* in the ledger */
	uint32_t first_counter; /* of its counters in the ledger */
	uint32_t free_counter; /* given back; 0: none */
	uint32_t fresh_counter; /* never used from here on */
	uint64_t changes;
	uint32_t n_live, n_wide; /* the wide ones are among the live ones */
	uint32_t capacity, capacity_wide;
	size_t memory;
};

static inline bool flow_half_is_live(const struct pps_flow_half *half, uint32_t position)
{
	return position < half->n && (half->live[position / 64] >> (position % 64) & 1) != 0;
}

/* What one packet does to a flow. */
struct pps_flow_move {
	uint8_t reason; /* enum pps_reason; the rest counts only when it is PPS_REASON_NONE */
	uint8_t state; /* enum pps_flow_state to go to */
	uint8_t phase; /* SCTP and DCCP: how far inside the state, kept in pps_flow.scale */
	bool restart; /* a new beginning on a closed flow's tuple */
};

/* One state machine each; 'from_responder' is 0 or 1. */
struct pps_flow_move pps_flow_tcp_move(const struct pps_flow *flow,
	const struct pps_flow_cold *cold, const struct pps_packet *packet, enum pps_side side);
struct pps_flow_move pps_flow_sctp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder);
struct pps_flow_move pps_flow_dccp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder);

/* Keeps the numbers of a TCP segment that passes; 'state' is the one the flow goes to. */
void pps_flow_tcp_track(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state state);
/* May this segment stand for the beginning of a connection that nobody saw? */
bool pps_flow_tcp_picks_up(const struct pps_packet *packet);
/* Makes the move: phase and verification tags. */
void pps_flow_sctp_apply(struct pps_flow *flow, const struct pps_packet *packet, enum pps_side side,
	const struct pps_flow_move *move);

/* May this packet start a connection? */
bool pps_flow_tcp_begins(const struct pps_packet *packet);
bool pps_flow_sctp_begins(const struct pps_packet *packet);
bool pps_flow_dccp_begins(const struct pps_packet *packet);

/* ICMP over IPv4 or ICMPv6 over IPv6; the other two combinations are just other protocols. */
static inline bool flow_packet_is_icmp(const struct pps_packet *packet)
{
	return packet->protocol == (packet->family == 4 ? PPS_IP_ICMP : PPS_IP_ICMPV6);
}

#endif
