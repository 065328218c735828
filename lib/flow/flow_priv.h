/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_PRIV_H
#define FLOW_PRIV_H

/* What the parts of lib/flow share: the keyed hash, the table's halves, the state machines. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_flow.h>

/* The secret: one mask per 16-byte block of a key, then the round keys. SipHash uses the first
 * two words. */
#define FLOW_HASH_MASKS  3
#define FLOW_HASH_ROUNDS 4

struct pps_flow_hasher {
	uint64_t secret[FLOW_HASH_MASKS + FLOW_HASH_ROUNDS][2] __attribute__((aligned(16)));
	bool aes;
};

/* Draws a secret from the kernel and chooses the function by the CPU. 0 or negative errno. */
int pps_flow_hasher_init(struct pps_flow_hasher *hasher);
void pps_flow_hasher_burst(const struct pps_flow_hasher *hasher, const struct pps_flow_key *keys,
	unsigned int n, uint32_t *hashes);
/* SipHash-2-4 of 'n_words' little-endian words. */
uint64_t pps_flow_siphash(const uint64_t key[2], const uint64_t *words, unsigned int n_words);

struct rte_hash;

/* The tables of 16-byte keys (0) and of 48-byte keys (1). */
struct pps_flow_half {
	struct rte_hash *hash;
	struct pps_flow *entries; /* by position */
	struct pps_flow_cold *cold; /* by position */
	uint64_t *live; /* one bit a position: this entry is a flow */
	const uint8_t *keys; /* position p's key is at keys + p * key_stride: see flow.c */
	size_t key_stride;
	size_t key_len;
	uint32_t n; /* positions, a multiple of 64 */
};

/* worker: rw; management: ro (n_live) */
struct pps_flow_table {
	struct pps_flow_half halves[2];
	struct pps_flow_hasher hasher;
	uint64_t changes;
	uint32_t n_live;
	uint32_t capacity;
	size_t memory;
};

#define FLOW_POSITION_MASK (PPS_FLOW_WIDE - 1)

static inline unsigned int flow_half_of(uint32_t handle)
{
	return handle >> 31;
}

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
struct pps_flow_move pps_flow_tcp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder);
struct pps_flow_move pps_flow_sctp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder);
struct pps_flow_move pps_flow_dccp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder);

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
