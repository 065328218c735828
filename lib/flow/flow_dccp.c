/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

/*
 * DCCP (RFC 4340): the transition table, by packet type.
 *
 * As for SCTP, the machine runs on phases kept in pps_flow.scale. What has no row is dropped
 * (dccp_state). Sequence numbers play no part here.
 *
 * Choices: as for TCP. Only the initiator's acknowledgement after a RESPONSE opens the connection;
 * a REQUEST on an open connection passes and changes nothing (the endpoint answers with SYNC); a
 * SYNC may answer a REQUEST when the responder still has an old connection; after the close a
 * REQUEST of either side begins anew.
 */

enum phase {
	PHASE_REQUEST, /* where a flow begins: 0 */
	PHASE_RESPONDED,
	PHASE_OPEN,
	PHASE_CLOSING,
	PHASE_RESET,
	PHASE_COUNT
};

static const uint8_t states[PHASE_COUNT] = {
	[PHASE_REQUEST] = PPS_FLOW_DCCP_REQUEST,
	[PHASE_RESPONDED] = PPS_FLOW_DCCP_REQUEST,
	[PHASE_OPEN] = PPS_FLOW_DCCP_OPEN,
	[PHASE_CLOSING] = PPS_FLOW_DCCP_CLOSING,
	[PHASE_RESET] = PPS_FLOW_DCCP_CLOSING,
};

#define RESTART                 0xff
#define TO(phase)               (PHASE_##phase + 1) /* 0 is: no row */
#define I(phase, type)          [PHASE_##phase][0][PPS_DCCP_##type]
#define R(phase, type)          [PHASE_##phase][1][PPS_DCCP_##type]
#define BOTH(phase, type, next) I(phase, type) = next, R(phase, type) = next

/* clang-format off */
static const uint8_t moves[PHASE_COUNT][2][PPS_DCCP_TYPES] = {
	I(REQUEST, REQUEST) = TO(REQUEST),        /* retransmission */
	R(REQUEST, RESPONSE) = TO(RESPONDED),     /* second step */
	R(REQUEST, SYNC) = TO(REQUEST),           /* an old connection's; the initiator resets */
	BOTH(REQUEST, RESET, TO(RESET)),          /* refused, or given up */

	I(RESPONDED, REQUEST) = TO(RESPONDED),    /* retransmission: the RESPONSE was lost */
	I(RESPONDED, ACK) = TO(OPEN),             /* third step */
	I(RESPONDED, DATAACK) = TO(OPEN),         /* the same, with data */
	I(RESPONDED, CLOSE) = TO(CLOSING),        /* changed its mind */
	R(RESPONDED, RESPONSE) = TO(RESPONDED),   /* answers a repeated REQUEST */
	BOTH(RESPONDED, RESET, TO(RESET)),        /* given up */

	BOTH(OPEN, DATA, TO(OPEN)),               /* the conversation */
	BOTH(OPEN, ACK, TO(OPEN)),                /* the conversation */
	BOTH(OPEN, DATAACK, TO(OPEN)),            /* the conversation */
	BOTH(OPEN, SYNC, TO(OPEN)),               /* after a burst of loss */
	BOTH(OPEN, SYNCACK, TO(OPEN)),            /* the answer */
	I(OPEN, REQUEST) = TO(OPEN),              /* late, or the initiator lost its state */
	R(OPEN, RESPONSE) = TO(OPEN),             /* answers a repeated REQUEST, late */
	R(OPEN, CLOSEREQ) = TO(CLOSING),          /* the server asks the client to close */
	BOTH(OPEN, CLOSE, TO(CLOSING)),           /* no more to say */
	BOTH(OPEN, RESET, TO(RESET)),             /* abort */

	BOTH(CLOSING, DATA, TO(CLOSING)),         /* in flight */
	BOTH(CLOSING, ACK, TO(CLOSING)),          /* in flight */
	BOTH(CLOSING, DATAACK, TO(CLOSING)),      /* in flight */
	BOTH(CLOSING, SYNC, TO(CLOSING)),         /* in flight */
	BOTH(CLOSING, SYNCACK, TO(CLOSING)),      /* in flight */
	R(CLOSING, CLOSEREQ) = TO(CLOSING),       /* retransmission */
	BOTH(CLOSING, CLOSE, TO(CLOSING)),        /* the answer to CLOSEREQ, or repeated */
	BOTH(CLOSING, RESET, TO(RESET)),          /* the answer to CLOSE */
	BOTH(CLOSING, REQUEST, RESTART),          /* port reuse */

	BOTH(RESET, RESET, TO(RESET)),            /* answers what was in flight */
	BOTH(RESET, REQUEST, RESTART),            /* port reuse, or tries again */
};
/* clang-format on */

bool pps_flow_dccp_begins(const struct pps_packet *packet)
{
	return packet->chunk_type == PPS_DCCP_REQUEST;
}

struct pps_flow_move pps_flow_dccp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder)
{
	struct pps_flow_move move = {.reason = PPS_REASON_NONE};
	uint8_t next = 0;

	if (flow->scale < PHASE_COUNT && packet->chunk_type < PPS_DCCP_TYPES)
		next = moves[flow->scale][from_responder][packet->chunk_type];
	if (next == 0) {
		move.reason = PPS_REASON_FLOW_STATE_DCCP;
		return move;
	}
	move.restart = next == RESTART;
	move.phase = move.restart ? PHASE_REQUEST : (uint8_t)(next - 1);
	move.state = states[move.phase];
	return move;
}
