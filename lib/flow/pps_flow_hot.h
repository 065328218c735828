/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_FLOW_HOT_H
#define PPS_FLOW_HOT_H

/*
 * What a worker asks of the flow table for every packet, in line: the key, an entry by its handle,
 * whether a key was touched since the burst was looked up, and the packet that moves no state
 * machine.
 *
 * pps_flow_pass() is step() and apply() (pps_flow.h) of what nearly all packets are: TCP segments
 * with ACK and no flag that moves the state, in an open connection whose beginning was seen, and
 * UDP where both sides have spoken. Such a flow has proven itself and was answered, so that nothing
 * is left of apply() but its numbers. All else, what does not fit included, takes the long way
 * through step(), which knows the reasons. flow_tcp.h says what the numbers of TCP mean.
 */

#include <string.h>

#include <pps_flow.h>

#define PPS_TCP_WINDOW_FLOOR (1u << 20)

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

/* The beginning of every table, which functions in line may see. */
struct pps_flow_open {
	struct pps_flow_half halves[2];
	uint64_t touched; /* since the last burst was looked up: bits by hash */
};

#define PPS_FLOW_POSITION (PPS_FLOW_WIDE - 1) /* handle bits: the position */

static inline const struct pps_flow_half *pps_flow_half_of(
	const struct pps_flow_table *table, uint32_t handle)
{
	return &((const struct pps_flow_open *)table)->halves[handle >> 31];
}

static inline struct pps_flow *pps_flow_at(const struct pps_flow_table *table, uint32_t handle)
{
	return &pps_flow_half_of(table, handle)->entries[handle & PPS_FLOW_POSITION];
}

static inline struct pps_flow_cold *pps_flow_cold_at(
	const struct pps_flow_table *table, uint32_t handle)
{
	return &pps_flow_half_of(table, handle)->cold[handle & PPS_FLOW_POSITION];
}

/* False: no flow of a key with this hash was added or removed since pps_flow_lookup_burst(), and
 * what that said of the key still holds. */
static inline bool pps_flow_is_touched(const struct pps_flow_table *table, uint32_t hash)
{
	return (((const struct pps_flow_open *)table)->touched >> (hash & 63) & 1) != 0;
}

/* pps_flow_key_make() for TCP and UDP without VLAN tags. */
static inline void pps_flow_key_make_common(const struct pps_packet *packet, uint8_t segment,
	enum pps_side side, struct pps_flow_key *key)
{
	const uint8_t *inside = side == PPS_SIDE_INSIDE ? packet->src : packet->dst;
	const uint8_t *outside = side == PPS_SIDE_INSIDE ? packet->dst : packet->src;
	uint16_t inside_port = side == PPS_SIDE_INSIDE ? packet->src_port : packet->dst_port;
	uint16_t outside_port = side == PPS_SIDE_INSIDE ? packet->dst_port : packet->src_port;

	key->is_wide = packet->family != 4;
	if (__builtin_expect(!key->is_wide, 1)) {
		memcpy(key->v4.inside, inside, sizeof(key->v4.inside));
		memcpy(key->v4.outside, outside, sizeof(key->v4.outside));
		key->v4.inside_port = inside_port;
		key->v4.outside_port = outside_port;
		key->v4.protocol = packet->protocol;
		key->v4.segment = segment;
		key->v4.vlan = 0;
		return;
	}
	memcpy(key->wide.inside, inside, sizeof(key->wide.inside));
	memcpy(key->wide.outside, outside, sizeof(key->wide.outside));
	key->wide.inside_port = inside_port;
	key->wide.outside_port = outside_port;
	key->wide.protocol = packet->protocol;
	key->wide.segment = segment;
	key->wide.vlan = 0;
	key->wide.inner_vlan = 0;
	key->wide.family = packet->family;
	key->wide.pad = 0;
	key->wide.context = 0;
}

/* ---- TCP's numbers ---- */

static inline bool pps_tcp_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline uint32_t pps_tcp_later(uint32_t a, uint32_t b)
{
	return pps_tcp_is_before(a, b) ? b : a;
}

/* The lowest number that 'side' may still speak of. */
static inline uint32_t pps_tcp_low(const struct pps_tcp_side *side)
{
	uint32_t window =
		side->max_win > PPS_TCP_WINDOW_FLOOR ? side->max_win : PPS_TCP_WINDOW_FLOOR;

	return side->ack - window;
}

/* I and II. */
static inline bool pps_tcp_is_in_window(
	const struct pps_tcp_side *sender, const struct pps_tcp_side *receiver, uint32_t end)
{
	uint32_t low = pps_tcp_low(receiver);

	return end - low <= sender->max_end + 1 - low;
}

/* III and IV; 'high' is the highest number that the receiver may have sent. */
static inline bool pps_tcp_is_acked(const struct pps_tcp_side *sender, uint32_t ack, uint32_t high)
{
	uint32_t low = pps_tcp_low(sender);

	return ack - low <= high - low;
}

/* The sender's acknowledgement and window. */
static inline void pps_tcp_offer(
	struct pps_tcp_side *sender, struct pps_tcp_side *receiver, uint32_t ack, uint32_t window)
{
	receiver->max_end = pps_tcp_later(receiver->max_end, ack + window);
	sender->ack = pps_tcp_later(sender->ack, ack);
	sender->max_win = window > sender->max_win ? window : sender->max_win;
}

/* ---- the common packet ---- */

/* Counts a packet that 'side' sent. */
static inline void pps_flow_tally(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side)
{
	if (__builtin_expect(++flow->packets[side] == 0, 0))
		cold->packets_high[side]++;
	flow->bytes[side] += packet->length;
	if (__builtin_expect(flow->bytes[side] < packet->length, 0))
		cold->bytes_high[side]++;
}

/* A common segment: true when it fits, and then its numbers are kept. */
static inline bool pps_flow_pass_tcp(
	struct pps_flow *flow, const struct pps_packet *packet, enum pps_side side)
{
	struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	uint32_t end = packet->tcp_seq + packet->payload_len;
	uint32_t shift = flow->scale >> 4 * side & 15;

	if ((packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_ACK | PPS_TCP_FIN | PPS_TCP_RST)) !=
			PPS_TCP_ACK ||
		(flow->flags & PPS_FLOW_PICKED_UP) != 0 ||
		!pps_tcp_is_in_window(sender, receiver, end) ||
		!pps_tcp_is_acked(sender, packet->tcp_ack, receiver->end))
		return false;
	sender->end = pps_tcp_later(sender->end, end);
	pps_tcp_offer(sender, receiver, packet->tcp_ack, (uint32_t)packet->tcp_window << shift);
	return true;
}

/*
 * A packet that 'side' sent in the live flow 'flow': true when it is a common one and fits, and
 * then all is done that step() and apply() would have done. False: nothing was changed, and step()
 * says what it is.
 */
static inline bool pps_flow_pass(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, uint32_t now)
{
	if (__builtin_expect(
		    flow->state == PPS_FLOW_TCP_ESTABLISHED && packet->protocol == PPS_IP_TCP, 1)) {
		if (!pps_flow_pass_tcp(flow, packet, side))
			return false;
	} else if (flow->state != PPS_FLOW_UDP_PAIR || packet->protocol != PPS_IP_UDP) {
		return false;
	}
	flow->seen = now;
	pps_flow_tally(flow, cold, packet, side);
	return true;
}

#endif
