/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_tcp.h"

/*
 * TCP: the transition table, and the windows (flow_tcp.h).
 *
 * A row is [state][who sent it][what it is] = the state to go to. What has no row is dropped
 * (tcp_state). What has one must fit the sequence numbers too (tcp_window, tcp_ack).
 *
 * Choices of the table, where implementations differ:
 *
 * - Only the initiator's segment with ACK and without SYN, after a SYN+ACK, makes a connection
 *   established, and only when it acknowledges that very SYN+ACK: no loop of SYN and SYN+ACK, and
 *   no guess, ever reaches the long timeout.
 * - What repeats itself in a half-open or reset connection passes, but does not refresh its
 *   timeout (flow_state.c): each step of a handshake has tcp_handshake seconds, whatever is sent.
 * - A SYN on an established connection passes, whatever its number, and changes nothing: the
 *   endpoint answers with a challenge ACK (RFC 5961 section 4) that tells a peer which lost its
 *   state. Dropping it would lock that peer out until the flow times out.
 * - A bare ACK answers a SYN when the responder still has an old connection (RFC 5961). Only
 *   without data, and whatever its numbers, which are that connection's; then the initiator resets
 *   with one of them, which passes and changes nothing, and sends its SYN again.
 * - The responder may send data and FIN before the handshake's last ACK (RFC 9293 section 3.10.4;
 *   RFC 7413, Fast Open; and after a simultaneous open). The connection stays half-open, and the
 *   FIN is kept for when the third step comes: behind it both have closed, or the responder has.
 * - A SYN of the responder behind its SYN+ACK passes with that one's number alone: they crossed,
 *   and were overtaken.
 * - A FIN below what its sender has sent already is none of its sender's: nothing comes behind a
 *   FIN. It passes and changes nothing.
 * - TCP_CLOSING: both have sent FIN. The last ACK is in it, not behind it: late data, ACKs and FINs
 *   pass until the timeout.
 * - TCP_CLOSED: one side has sent RST. What was on its way passes, as it would on any wire, until
 *   the timeout, which nothing refreshes. A SYN+ACK does not: nobody waits for one, but for the
 *   answer to a SYN that came before the reset.
 * - In TCP_CLOSED any SYN of either side begins a new connection on the old tuple. In TCP_CLOSING
 *   one that goes on behind the numbers used last (RFC 9293 section 3.6.1); any other passes and
 *   changes nothing, for the endpoint may know better by its timestamps (RFC 6191): see the next.
 * - A SYN+ACK that does not fit, and acknowledges exactly the last SYN which passed and changed
 *   nothing, says that both ends agree on a new connection, of which the flow knew nothing. The
 * flow follows them: it is TCP_SYN_RECEIVED again, with the new numbers.
 * - In SYN_SENT a responder's RST needs ACK, as RFC 9293 has it.
 * - TCP_PICKED_UP: begun in mid-stream (tcp_loose_seconds). The first segment of the side that has
 *   not been heard makes it TCP_ESTABLISHED; until then it is half-open.
 */

enum event {
	EVENT_ILLEGAL, /* neither ACK, SYN nor RST, or two that exclude each other */
	EVENT_SYN,
	EVENT_SYN_ACK,
	EVENT_ACK, /* no payload */
	EVENT_DATA, /* ACK and payload */
	EVENT_FIN, /* with ACK, payload or not */
	EVENT_RST,
	EVENT_RST_ACK,
	EVENT_COUNT
};

#define RESTART         0x80 /* never a state */
#define TO(state)       PPS_FLOW_TCP_##state
#define I(state, event) [PPS_FLOW_TCP_##state][0][EVENT_##event]
#define R(state, event) [PPS_FLOW_TCP_##state][1][EVENT_##event]

_Static_assert(PPS_FLOW_STATE_COUNT <= RESTART, "a state and the restart mark share a byte");
_Static_assert(PPS_FLOW_FREE == 0, "what has no row is PPS_FLOW_FREE");

/* clang-format off */
static const uint8_t moves[PPS_FLOW_STATE_COUNT][2][EVENT_COUNT] = {
	I(SYN_SENT, SYN) = TO(SYN_SENT),               /* retransmission; may carry data */
	I(SYN_SENT, RST) = TO(CLOSED),                 /* answers a challenge ACK, or gives up */
	I(SYN_SENT, RST_ACK) = TO(CLOSED),             /* gives up */
	R(SYN_SENT, SYN_ACK) = TO(SYN_RECEIVED),       /* second step of the handshake */
	R(SYN_SENT, SYN) = TO(SYN_CROSSED),            /* simultaneous open */
	R(SYN_SENT, ACK) = TO(SYN_SENT),               /* challenge ACK of an old connection */
	R(SYN_SENT, RST_ACK) = TO(CLOSED),             /* refused */

	I(SYN_CROSSED, SYN) = TO(SYN_CROSSED),         /* retransmission */
	I(SYN_CROSSED, SYN_ACK) = TO(SYN_CROSSED),     /* its half; the responder's is awaited */
	I(SYN_CROSSED, RST) = TO(CLOSED),              /* gives up */
	I(SYN_CROSSED, RST_ACK) = TO(CLOSED),          /* refuses the crossing SYN */
	R(SYN_CROSSED, SYN) = TO(SYN_CROSSED),         /* retransmission */
	R(SYN_CROSSED, SYN_ACK) = TO(SYN_RECEIVED),    /* the responder's half */
	R(SYN_CROSSED, ACK) = TO(SYN_RECEIVED),        /* the responder's half was lost */
	R(SYN_CROSSED, DATA) = TO(SYN_RECEIVED),       /* the responder's half was lost */
	R(SYN_CROSSED, FIN) = TO(SYN_RECEIVED),        /* the responder's half was lost */
	R(SYN_CROSSED, RST) = TO(CLOSED),              /* gives up */
	R(SYN_CROSSED, RST_ACK) = TO(CLOSED),          /* refuses */

	I(SYN_RECEIVED, ACK) = TO(ESTABLISHED),        /* third step of the handshake */
	I(SYN_RECEIVED, DATA) = TO(ESTABLISHED),       /* the same, with the request */
	I(SYN_RECEIVED, FIN) = TO(FIN_INITIATOR),      /* the same, and nothing more to say */
	I(SYN_RECEIVED, SYN) = TO(SYN_RECEIVED),       /* retransmission: the SYN+ACK was lost */
	I(SYN_RECEIVED, SYN_ACK) = TO(SYN_RECEIVED),   /* its half of a simultaneous open */
	I(SYN_RECEIVED, RST) = TO(CLOSED),             /* gives up (port scanners do) */
	I(SYN_RECEIVED, RST_ACK) = TO(CLOSED),         /* gives up */
	R(SYN_RECEIVED, SYN) = TO(SYN_RECEIVED),       /* overtaken by its own SYN+ACK */
	R(SYN_RECEIVED, SYN_ACK) = TO(SYN_RECEIVED),   /* retransmission */
	R(SYN_RECEIVED, ACK) = TO(SYN_RECEIVED),       /* challenge; end of simultaneous open */
	R(SYN_RECEIVED, DATA) = TO(SYN_RECEIVED),      /* answers the data of a SYN */
	R(SYN_RECEIVED, FIN) = TO(SYN_RECEIVED),       /* the same, and nothing more to say */
	R(SYN_RECEIVED, RST) = TO(CLOSED),             /* changed its mind */
	R(SYN_RECEIVED, RST_ACK) = TO(CLOSED),         /* changed its mind */

	I(ESTABLISHED, ACK) = TO(ESTABLISHED),         /* the conversation */
	I(ESTABLISHED, DATA) = TO(ESTABLISHED),        /* the conversation */
	I(ESTABLISHED, FIN) = TO(FIN_INITIATOR),       /* the initiator has no more to say */
	I(ESTABLISHED, SYN) = TO(ESTABLISHED),         /* will be challenged */
	I(ESTABLISHED, RST) = TO(CLOSED),              /* abort */
	I(ESTABLISHED, RST_ACK) = TO(CLOSED),          /* abort */
	R(ESTABLISHED, ACK) = TO(ESTABLISHED),         /* the conversation */
	R(ESTABLISHED, DATA) = TO(ESTABLISHED),        /* the conversation */
	R(ESTABLISHED, FIN) = TO(FIN_RESPONDER),       /* the responder has no more to say */
	R(ESTABLISHED, SYN) = TO(ESTABLISHED),         /* will be challenged */
	R(ESTABLISHED, SYN_ACK) = TO(ESTABLISHED),     /* retransmission: the third step was lost */
	R(ESTABLISHED, RST) = TO(CLOSED),              /* abort */
	R(ESTABLISHED, RST_ACK) = TO(CLOSED),          /* abort */

	I(FIN_INITIATOR, ACK) = TO(FIN_INITIATOR),     /* acknowledges what still comes */
	I(FIN_INITIATOR, DATA) = TO(FIN_INITIATOR),    /* retransmission from before the FIN */
	I(FIN_INITIATOR, FIN) = TO(FIN_INITIATOR),     /* retransmission */
	I(FIN_INITIATOR, SYN) = TO(FIN_INITIATOR),     /* will be challenged */
	I(FIN_INITIATOR, RST) = TO(CLOSED),            /* abort */
	I(FIN_INITIATOR, RST_ACK) = TO(CLOSED),        /* abort */
	R(FIN_INITIATOR, ACK) = TO(FIN_INITIATOR),     /* acknowledges the FIN */
	R(FIN_INITIATOR, DATA) = TO(FIN_INITIATOR),    /* half-closed: may go on for long */
	R(FIN_INITIATOR, FIN) = TO(CLOSING),           /* both have said all */
	R(FIN_INITIATOR, SYN) = TO(FIN_INITIATOR),     /* will be challenged */
	R(FIN_INITIATOR, SYN_ACK) = TO(FIN_INITIATOR), /* retransmission: the third step was lost */
	R(FIN_INITIATOR, RST) = TO(CLOSED),            /* abort */
	R(FIN_INITIATOR, RST_ACK) = TO(CLOSED),        /* abort */

	I(FIN_RESPONDER, ACK) = TO(FIN_RESPONDER),     /* acknowledges the FIN */
	I(FIN_RESPONDER, DATA) = TO(FIN_RESPONDER),    /* half-closed: may go on for long */
	I(FIN_RESPONDER, FIN) = TO(CLOSING),           /* both have said all */
	I(FIN_RESPONDER, SYN) = TO(FIN_RESPONDER),     /* will be challenged */
	I(FIN_RESPONDER, RST) = TO(CLOSED),            /* abort */
	I(FIN_RESPONDER, RST_ACK) = TO(CLOSED),        /* abort */
	R(FIN_RESPONDER, ACK) = TO(FIN_RESPONDER),     /* acknowledges what still comes */
	R(FIN_RESPONDER, DATA) = TO(FIN_RESPONDER),    /* retransmission from before the FIN */
	R(FIN_RESPONDER, FIN) = TO(FIN_RESPONDER),     /* retransmission */
	R(FIN_RESPONDER, SYN) = TO(FIN_RESPONDER),     /* will be challenged */
	R(FIN_RESPONDER, SYN_ACK) = TO(FIN_RESPONDER), /* to a SYN that was ignored */
	R(FIN_RESPONDER, RST) = TO(CLOSED),            /* abort */
	R(FIN_RESPONDER, RST_ACK) = TO(CLOSED),        /* abort */

	I(CLOSING, ACK) = TO(CLOSING),                 /* the last ACK, and late ones */
	I(CLOSING, DATA) = TO(CLOSING),                /* retransmission from before the FIN */
	I(CLOSING, FIN) = TO(CLOSING),                 /* retransmission */
	I(CLOSING, SYN) = RESTART,                     /* port reuse, when in order */
	I(CLOSING, RST) = TO(CLOSED),                  /* abort */
	I(CLOSING, RST_ACK) = TO(CLOSED),              /* abort */
	R(CLOSING, ACK) = TO(CLOSING),                 /* the last ACK, and late ones */
	R(CLOSING, DATA) = TO(CLOSING),                /* retransmission from before the FIN */
	R(CLOSING, FIN) = TO(CLOSING),                 /* retransmission */
	R(CLOSING, SYN) = RESTART,                     /* port reuse, the other way, in order */
	R(CLOSING, SYN_ACK) = TO(CLOSING),             /* to a SYN that was not in order */
	R(CLOSING, RST) = TO(CLOSED),                  /* abort */
	R(CLOSING, RST_ACK) = TO(CLOSED),              /* abort */

	I(CLOSED, ACK) = TO(CLOSED),                   /* was in flight */
	I(CLOSED, DATA) = TO(CLOSED),                  /* was in flight */
	I(CLOSED, FIN) = TO(CLOSED),                   /* was in flight */
	I(CLOSED, SYN) = RESTART,                      /* tries again */
	I(CLOSED, RST) = TO(CLOSED),                   /* answers what was in flight */
	I(CLOSED, RST_ACK) = TO(CLOSED),               /* answers what was in flight */
	R(CLOSED, ACK) = TO(CLOSED),                   /* was in flight */
	R(CLOSED, DATA) = TO(CLOSED),                  /* was in flight */
	R(CLOSED, FIN) = TO(CLOSED),                   /* was in flight */
	R(CLOSED, SYN) = RESTART,                      /* port reuse, the other way */
	R(CLOSED, SYN_ACK) = TO(CLOSED),               /* to a SYN that came before the reset */
	R(CLOSED, RST) = TO(CLOSED),                   /* answers what was in flight */
	R(CLOSED, RST_ACK) = TO(CLOSED),               /* answers what was in flight */

	I(PICKED_UP, ACK) = TO(ESTABLISHED),           /* both have been heard */
	I(PICKED_UP, DATA) = TO(ESTABLISHED),          /* both have been heard */
	I(PICKED_UP, FIN) = TO(FIN_INITIATOR),         /* both have been heard */
	I(PICKED_UP, SYN) = TO(PICKED_UP),             /* will be challenged */
	I(PICKED_UP, RST) = TO(CLOSED),                /* abort */
	I(PICKED_UP, RST_ACK) = TO(CLOSED),            /* abort */
	R(PICKED_UP, ACK) = TO(ESTABLISHED),           /* both have been heard */
	R(PICKED_UP, DATA) = TO(ESTABLISHED),          /* both have been heard */
	R(PICKED_UP, FIN) = TO(FIN_RESPONDER),         /* both have been heard */
	R(PICKED_UP, SYN) = TO(PICKED_UP),             /* will be challenged */
	R(PICKED_UP, SYN_ACK) = TO(PICKED_UP),         /* to a SYN that was ignored */
	R(PICKED_UP, RST) = TO(CLOSED),                /* abort */
	R(PICKED_UP, RST_ACK) = TO(CLOSED),            /* abort */
};
/* clang-format on */

static enum event event_of(const struct pps_packet *packet)
{
	switch (packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_ACK | PPS_TCP_FIN | PPS_TCP_RST)) {
	case PPS_TCP_ACK:
		return packet->payload_len > 0 ? EVENT_DATA : EVENT_ACK;
	case PPS_TCP_FIN | PPS_TCP_ACK:
		return EVENT_FIN;
	case PPS_TCP_SYN:
		return EVENT_SYN;
	case PPS_TCP_SYN | PPS_TCP_ACK:
		return EVENT_SYN_ACK;
	case PPS_TCP_RST:
		return EVENT_RST;
	case PPS_TCP_RST | PPS_TCP_ACK:
		return EVENT_RST_ACK;
	default:
		return EVENT_ILLEGAL;
	}
}

bool pps_flow_tcp_begins(const struct pps_packet *packet)
{
	return event_of(packet) == EVENT_SYN;
}

bool pps_flow_tcp_quote_fits(const struct pps_flow *flow, enum pps_side side, uint32_t seq)
{
	const struct pps_tcp_side *sender = &flow->tcp[!side], *receiver = &flow->tcp[side];
	uint32_t high = flow->flags & PPS_FLOW_PICKED_UP ? sender->max_end : sender->end;
	uint32_t low = pps_tcp_low(receiver);

	return seq - low <= high - low;
}

bool pps_flow_tcp_picks_up(const struct pps_packet *packet)
{
	enum event event = event_of(packet);

	return event == EVENT_ACK || event == EVENT_DATA;
}

/* A reset ends the flow only where its receiver is sure to believe it (RFC 5961 section 3). */
static rare void judge_reset(const struct pps_flow *flow, const struct pps_packet *packet,
	enum pps_side side, struct pps_flow_move *move)
{
	const struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	bool from_responder = side != flow->initiator;
	bool has_ack = (packet->tcp_flags & PPS_TCP_ACK) != 0;

	if (flow->state == PPS_FLOW_TCP_SYN_SENT && from_responder) {
		if (!tcp_acks_syn(sender, receiver, packet->tcp_ack))
			move->reason = PPS_REASON_TCP_ACK;
		return;
	}
	if (packet->tcp_seq == receiver->ack || packet->tcp_seq == sender->end)
		return;
	/* An end that never got the other's SYN+ACK answers its SYN by that number. */
	if (has_ack && tcp_acks_syn(sender, receiver, packet->tcp_ack) &&
		(flow->state == PPS_FLOW_TCP_SYN_CROSSED || flow->state == PPS_FLOW_TCP_CLOSED ||
			(flow->state == PPS_FLOW_TCP_SYN_RECEIVED && from_responder)))
		return;
	move->state = flow->state;
	if (flow->state != PPS_FLOW_TCP_SYN_SENT &&
		!pps_tcp_is_in_window(sender, receiver, packet->tcp_seq))
		move->reason = PPS_REASON_TCP_WINDOW;
}

/* SYN, with ACK or without. */
static rare void judge_syn(const struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, struct pps_flow_move *move)
{
	const struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	bool from_responder = side != flow->initiator;

	if ((packet->tcp_flags & PPS_TCP_ACK) == 0) {
		if (flow->state == PPS_FLOW_TCP_SYN_RECEIVED && from_responder &&
			packet->tcp_seq + 1 != receiver->ack)
			move->reason = PPS_REASON_FLOW_STATE_TCP;
		if (!move->restart || flow->state == PPS_FLOW_TCP_CLOSED ||
			!pps_tcp_is_before(packet->tcp_seq, sender->end))
			return;
		move->restart = false;
		move->state = flow->state;
		return;
	}
	if (tcp_in_handshake(flow->state)) {
		if (!tcp_acks_syn(sender, receiver, packet->tcp_ack))
			move->reason = PPS_REASON_TCP_ACK;
		else if ((flow->state == PPS_FLOW_TCP_SYN_CROSSED || !from_responder) &&
			packet->tcp_seq + 1 != receiver->ack)
			move->reason = PPS_REASON_TCP_WINDOW;
		return;
	}
	if (flow->state == PPS_FLOW_TCP_CLOSED)
		move->reason = PPS_REASON_FLOW_STATE_TCP;
	else
		move->reason = tcp_check(flow, packet, side, tcp_end_of(packet));
	if (move->reason != PPS_REASON_NONE && cold->tcp_syn_ignored &&
		packet->tcp_ack == cold->tcp_syn_end) {
		move->reason = PPS_REASON_NONE;
		move->state = PPS_FLOW_TCP_SYN_RECEIVED;
	}
}

/* The third step: it must fit exactly, because the long timeout is behind it. And what stands for a
 * SYN+ACK that was lost. */
static rare void judge_third(const struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, struct pps_flow_move *move)
{
	const struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	uint32_t low = receiver->ack - 1; /* a keep-alive may come first */

	if (tcp_end_of(packet) - low > sender->max_end + 1 - low)
		move->reason = PPS_REASON_TCP_WINDOW;
	else if (!tcp_acks_syn(sender, receiver, packet->tcp_ack))
		move->reason = PPS_REASON_TCP_ACK;
	else if (flow->state == PPS_FLOW_TCP_SYN_RECEIVED && cold->tcp_fin_early)
		move->state = move->state == PPS_FLOW_TCP_ESTABLISHED ? PPS_FLOW_TCP_FIN_RESPONDER
								      : PPS_FLOW_TCP_CLOSING;
}

/* What is not the common case; the table has said yes. */
static rare void judge_rare(const struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, struct pps_flow_move *move)
{
	if ((packet->tcp_flags & PPS_TCP_RST) != 0)
		judge_reset(flow, packet, side, move);
	else if ((packet->tcp_flags & PPS_TCP_SYN) != 0)
		judge_syn(flow, cold, packet, side, move);
	else if (flow->state == PPS_FLOW_TCP_SYN_CROSSED ||
		(flow->state == PPS_FLOW_TCP_SYN_RECEIVED && side == flow->initiator))
		judge_third(flow, cold, packet, side, move);
	else if (flow->state != PPS_FLOW_TCP_SYN_SENT)
		move->reason = tcp_check(flow, packet, side, tcp_end_of(packet));
	if (flow->state == PPS_FLOW_TCP_PICKED_UP && move->reason == PPS_REASON_NONE &&
		(packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_RST)) == 0 &&
		flow->tcp[side].max_win != TCP_WINDOW_UNKNOWN)
		move->state = PPS_FLOW_TCP_PICKED_UP;
}

struct pps_flow_move pps_flow_tcp_move(const struct pps_flow *flow,
	const struct pps_flow_cold *cold, const struct pps_packet *packet, enum pps_side side)
{
	enum event event = event_of(packet);
	struct pps_flow_move move = {
		.reason = PPS_REASON_NONE,
		.state = moves[flow->state][side != flow->initiator][event],
	};
	uint32_t end;

	if (unlikely(move.state == PPS_FLOW_FREE)) {
		move.reason = PPS_REASON_FLOW_STATE_TCP;
		return move;
	}
	if (unlikely(move.state == RESTART)) {
		move.state = PPS_FLOW_TCP_SYN_SENT;
		move.restart = true;
	}
	if (unlikely((packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_RST)) != 0 ||
		    tcp_in_handshake(flow->state) || flow->state == PPS_FLOW_TCP_PICKED_UP)) {
		judge_rare(flow, cold, packet, side, &move);
		return move;
	}
	end = tcp_end_of(packet);
	move.reason = tcp_check(flow, packet, side, end);
	if (unlikely(event == EVENT_FIN) && pps_tcp_is_before(end, flow->tcp[side].end))
		move.state = flow->state;
	return move;
}
