/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_tcp.h"

/*
 * TCP: what a segment that passed leaves behind (see flow_tcp.h). flow->state is still the state in
 * which it was judged.
 */

static unsigned int shift_of(const struct pps_flow *flow, enum pps_side side)
{
	unsigned int mine = flow->scale >> 4 * side & 15, other = flow->scale >> 4 * !side & 15;

	return mine == PPS_TCP_SCALE_NONE || other == PPS_TCP_SCALE_NONE ? 0 : mine;
}

static void set_scale(struct pps_flow *flow, enum pps_side side, uint8_t scale)
{
	flow->scale =
		(uint8_t)((flow->scale & ~(15u << 4 * side)) | (unsigned int)scale << 4 * side);
}

static void settle_scales(struct pps_flow *flow)
{
	if ((flow->scale & 15) == PPS_TCP_SCALE_NONE || flow->scale >> 4 == PPS_TCP_SCALE_NONE)
		flow->scale = 0;
}

/* The first SYN. */
static void begin(struct pps_flow *flow, enum pps_side side, uint32_t end, uint32_t seq,
	uint32_t window, uint8_t scale)
{
	flow->tcp[side] = (struct pps_tcp_side){.end = end, .max_end = end, .max_win = window};
	flow->tcp[!side] = (struct pps_tcp_side){.ack = seq + 1};
	flow->scale = 0xff;
	set_scale(flow, side, scale);
}

/* The other side's SYN, with ACK or without: the first one offered so much unseen. */
static void answer(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side)
{
	struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	uint32_t first = packet->tcp_seq + 1, end = tcp_end_of(packet);

	sender->end = end;
	sender->max_end = pps_tcp_later(end, first + receiver->max_win);
	sender->max_win = packet->tcp_window;
	receiver->ack = first;
	cold->tcp_fin_early = false;
	set_scale(flow, side, packet->tcp_scale);
	pps_tcp_offer(sender, receiver,
		packet->tcp_flags & PPS_TCP_ACK ? packet->tcp_ack : sender->ack,
		packet->tcp_window);
}

static rare void track_syn(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state state)
{
	struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	bool has_ack = (packet->tcp_flags & PPS_TCP_ACK) != 0;
	bool from_responder = side != flow->initiator;
	bool again = packet->tcp_seq + 1 == receiver->ack;
	uint32_t end = tcp_end_of(packet);

	if (flow->state == PPS_FLOW_FREE) {
		begin(flow, side, end, packet->tcp_seq, packet->tcp_window, packet->tcp_scale);
	} else if (flow->state == PPS_FLOW_TCP_SYN_SENT && !from_responder) {
		if (again) {
			sender->end = sender->max_end = pps_tcp_later(sender->end, end);
			if (packet->tcp_window > sender->max_win)
				sender->max_win = packet->tcp_window;
			if (packet->tcp_scale != PPS_TCP_SCALE_NONE)
				set_scale(flow, side, packet->tcp_scale);
		} else if (pps_tcp_is_before(sender->end, end)) {
			begin(flow, side, end, packet->tcp_seq, packet->tcp_window,
				packet->tcp_scale);
		}
	} else if (flow->state == PPS_FLOW_TCP_SYN_SENT) {
		answer(flow, cold, packet, side);
	} else if (tcp_in_handshake(flow->state)) {
		if (again) {
			sender->end = pps_tcp_later(sender->end, end);
			pps_tcp_offer(sender, receiver, has_ack ? packet->tcp_ack : sender->ack,
				packet->tcp_window);
		} else if (has_ack) {
			answer(flow, cold, packet, side);
		}
	} else if (state == PPS_FLOW_TCP_SYN_RECEIVED) {
		begin(flow, flow->initiator, packet->tcp_ack, packet->tcp_ack - 1,
			cold->tcp_syn_window, cold->tcp_syn_scale);
		flow->flags &= (uint8_t)~PPS_FLOW_PICKED_UP;
		cold->tcp_syn_ignored = false;
		answer(flow, cold, packet, side);
	} else if (!has_ack && !from_responder) {
		cold->tcp_syn_ignored = true;
		cold->tcp_syn_end = end;
		cold->tcp_syn_window = packet->tcp_window;
		cold->tcp_syn_scale = packet->tcp_scale;
	}
}

/* Begins a flow in mid-stream. */
static rare void pick_up(struct pps_flow *flow, const struct pps_packet *packet, enum pps_side side)
{
	uint32_t end = tcp_end_of(packet), window;

	flow->flags |= PPS_FLOW_PICKED_UP;
	flow->scale = PPS_TCP_SCALE_MAX << 4 | PPS_TCP_SCALE_MAX;
	window = (uint32_t)packet->tcp_window << PPS_TCP_SCALE_MAX;
	flow->tcp[side] = (struct pps_tcp_side){
		.end = end,
		.max_end = end + TCP_WINDOW_UNKNOWN,
		.max_win = window,
		.ack = packet->tcp_ack,
	};
	flow->tcp[!side] = (struct pps_tcp_side){
		.end = packet->tcp_ack,
		.max_end = packet->tcp_ack + window,
		.max_win = TCP_WINDOW_UNKNOWN,
		.ack = packet->tcp_seq,
	};
}

/* The first segment of the other side of a flow that was picked up. */
static rare void meet(struct pps_tcp_side *sender, struct pps_tcp_side *receiver,
	const struct pps_packet *packet, uint32_t window)
{
	sender->max_win = window;
	receiver->max_end = pps_tcp_later(receiver->end, packet->tcp_ack + window);
}

/* A segment without SYN: of the responder, or the third step. */
static rare void track_handshake(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state state)
{
	if (!tcp_in_handshake((uint8_t)state))
		settle_scales(flow);
	else if ((packet->tcp_flags & PPS_TCP_FIN) != 0 &&
		!pps_tcp_is_before(tcp_end_of(packet), flow->tcp[side].end))
		cold->tcp_fin_early = true;
}

void pps_flow_tcp_track(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state state)
{
	struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	uint32_t window;

	if (unlikely((packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_RST)) != 0)) {
		if ((packet->tcp_flags & PPS_TCP_SYN) != 0)
			track_syn(flow, cold, packet, side, state);
		return;
	}
	if (unlikely(flow->state == PPS_FLOW_FREE)) {
		pick_up(flow, packet, side);
		return;
	}
	/* The answer to a SYN without SYN is of another connection. */
	if (unlikely(flow->state == PPS_FLOW_TCP_SYN_SENT))
		return;
	if (unlikely(tcp_in_handshake(flow->state)))
		track_handshake(flow, cold, packet, side, state);
	window = (uint32_t)packet->tcp_window << shift_of(flow, side);
	if (unlikely(sender->max_win == TCP_WINDOW_UNKNOWN))
		meet(sender, receiver, packet, window);
	sender->end = pps_tcp_later(sender->end, tcp_end_of(packet));
	pps_tcp_offer(sender, receiver, packet->tcp_ack, window);
	if (unlikely(flow->flags & PPS_FLOW_PICKED_UP))
		receiver->end = pps_tcp_later(receiver->end, packet->tcp_ack);
}

void pps_flow_tcp_fit(
	const struct pps_flow *flow, enum pps_side side, uint8_t flags, struct pps_tcp_numbers *ret)
{
	const struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];

	*ret = (struct pps_tcp_numbers){.seq = sender->end, .ack = receiver->end};
	if ((flags & PPS_TCP_SYN) != 0 &&
		((flags & PPS_TCP_ACK) != 0 || tcp_in_handshake(flow->state)))
		ret->seq = receiver->ack - 1;
}
