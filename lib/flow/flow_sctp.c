/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

/*
 * SCTP (RFC 9260): the transition table, by the first chunk of a packet.
 *
 * States are too coarse for the four steps of the handshake, so the machine runs on phases, each
 * of which belongs to one state; pps_flow.scale keeps the phase. What has no row is dropped
 * (sctp_state). Verification tags play no part here, except that an INIT has tag 0.
 *
 * Choices:
 *
 * - A COOKIE ACK counts only after a COOKIE ECHO of the other side: INIT loops stay half-open.
 * - INIT on an established association passes and changes nothing, and so does the handshake that
 *   follows: the endpoint decides whether it is a restart (RFC 9260 section 5.2).
 * - Chunk types nobody has assigned, and the handshake's after the end, are dropped.
 */

enum event {
	EVENT_ILLEGAL,
	EVENT_INIT,
	EVENT_INIT_ACK,
	EVENT_COOKIE_ECHO,
	EVENT_COOKIE_ACK,
	EVENT_TRAFFIC, /* data, acknowledgements, heartbeats, reconfiguration */
	EVENT_ERROR,
	EVENT_ABORT,
	EVENT_SHUTDOWN,
	EVENT_SHUTDOWN_ACK,
	EVENT_SHUTDOWN_DONE,
	EVENT_COUNT
};

enum phase {
	PHASE_INIT, /* where a flow begins: 0 */
	PHASE_ANSWERED, /* INIT ACK seen */
	PHASE_ECHOED, /* COOKIE ECHO seen */
	PHASE_CROSSED, /* both have sent INIT */
	PHASE_CROSSED_ECHOED, /* and one a COOKIE ECHO */
	PHASE_OPEN,
	PHASE_SHUTDOWN,
	PHASE_DONE, /* SHUTDOWN COMPLETE seen */
	PHASE_ABORTED,
	PHASE_COUNT
};

static const uint8_t states[PHASE_COUNT] = {
	[PHASE_INIT] = PPS_FLOW_SCTP_INIT,
	[PHASE_ANSWERED] = PPS_FLOW_SCTP_INIT,
	[PHASE_ECHOED] = PPS_FLOW_SCTP_INIT,
	[PHASE_CROSSED] = PPS_FLOW_SCTP_INIT,
	[PHASE_CROSSED_ECHOED] = PPS_FLOW_SCTP_INIT,
	[PHASE_OPEN] = PPS_FLOW_SCTP_ESTABLISHED,
	[PHASE_SHUTDOWN] = PPS_FLOW_SCTP_CLOSING,
	[PHASE_DONE] = PPS_FLOW_SCTP_CLOSING,
	[PHASE_ABORTED] = PPS_FLOW_SCTP_CLOSING,
};

#define RESTART                  0xff
#define TO(phase)                (PHASE_##phase + 1) /* 0 is: no row */
#define I(phase, event)          [PHASE_##phase][0][EVENT_##event]
#define R(phase, event)          [PHASE_##phase][1][EVENT_##event]
#define BOTH(phase, event, next) I(phase, event) = next, R(phase, event) = next

/* clang-format off */
static const uint8_t moves[PHASE_COUNT][2][EVENT_COUNT] = {
	I(INIT, INIT) = TO(INIT),                       /* retransmission */
	R(INIT, INIT) = TO(CROSSED),                    /* both begin at once */
	R(INIT, INIT_ACK) = TO(ANSWERED),               /* second step */
	BOTH(INIT, ABORT, TO(ABORTED)),                 /* refused, or given up */

	I(ANSWERED, INIT) = TO(INIT),                   /* retransmission: the INIT ACK was lost */
	I(ANSWERED, COOKIE_ECHO) = TO(ECHOED),          /* third step; data may ride along */
	R(ANSWERED, INIT_ACK) = TO(ANSWERED),           /* answers a repeated INIT */
	BOTH(ANSWERED, ABORT, TO(ABORTED)),             /* given up */

	I(ECHOED, INIT) = TO(INIT),                     /* begins again after a stale cookie */
	I(ECHOED, COOKIE_ECHO) = TO(ECHOED),            /* retransmission */
	R(ECHOED, INIT_ACK) = TO(ECHOED),               /* answers a repeated INIT, late */
	R(ECHOED, COOKIE_ACK) = TO(OPEN),               /* fourth step */
	R(ECHOED, ERROR) = TO(ECHOED),                  /* stale cookie */
	BOTH(ECHOED, ABORT, TO(ABORTED)),               /* given up */

	BOTH(CROSSED, INIT, TO(CROSSED)),               /* retransmission */
	BOTH(CROSSED, INIT_ACK, TO(CROSSED)),           /* each answers the other's INIT */
	BOTH(CROSSED, COOKIE_ECHO, TO(CROSSED_ECHOED)), /* whoever is first */
	BOTH(CROSSED, ABORT, TO(ABORTED)),              /* given up */

	BOTH(CROSSED_ECHOED, INIT, TO(CROSSED)),        /* begins again */
	BOTH(CROSSED_ECHOED, INIT_ACK, TO(CROSSED_ECHOED)), /* the other's answer, late */
	BOTH(CROSSED_ECHOED, COOKIE_ECHO, TO(CROSSED_ECHOED)), /* the other's cookie */
	BOTH(CROSSED_ECHOED, COOKIE_ACK, TO(OPEN)),     /* fourth step */
	BOTH(CROSSED_ECHOED, ERROR, TO(CROSSED_ECHOED)), /* stale cookie */
	BOTH(CROSSED_ECHOED, ABORT, TO(ABORTED)),       /* given up */

	BOTH(OPEN, TRAFFIC, TO(OPEN)),                  /* the conversation */
	BOTH(OPEN, ERROR, TO(OPEN)),                    /* the conversation */
	BOTH(OPEN, INIT, TO(OPEN)),                     /* restart: the endpoint decides */
	BOTH(OPEN, INIT_ACK, TO(OPEN)),                 /* restart */
	BOTH(OPEN, COOKIE_ECHO, TO(OPEN)),              /* restart, or the COOKIE ACK was lost */
	BOTH(OPEN, COOKIE_ACK, TO(OPEN)),               /* restart, or repeated */
	BOTH(OPEN, SHUTDOWN, TO(SHUTDOWN)),             /* one side has no more to say */
	BOTH(OPEN, ABORT, TO(ABORTED)),                 /* abort */

	BOTH(SHUTDOWN, TRAFFIC, TO(SHUTDOWN)),          /* what is outstanding */
	BOTH(SHUTDOWN, ERROR, TO(SHUTDOWN)),            /* what is outstanding */
	BOTH(SHUTDOWN, SHUTDOWN, TO(SHUTDOWN)),         /* repeated, or both at once */
	BOTH(SHUTDOWN, SHUTDOWN_ACK, TO(SHUTDOWN)),     /* the answer */
	BOTH(SHUTDOWN, SHUTDOWN_DONE, TO(DONE)),        /* the end */
	BOTH(SHUTDOWN, INIT, RESTART),                  /* port reuse */
	BOTH(SHUTDOWN, ABORT, TO(ABORTED)),             /* abort */

	BOTH(DONE, SHUTDOWN_ACK, TO(DONE)),             /* retransmission: the end was lost */
	BOTH(DONE, SHUTDOWN_DONE, TO(DONE)),            /* answers that */
	BOTH(DONE, INIT, RESTART),                      /* port reuse */
	BOTH(DONE, ABORT, TO(ABORTED)),                 /* answers what was in flight */

	BOTH(ABORTED, INIT, RESTART),                   /* tries again */
	BOTH(ABORTED, ABORT, TO(ABORTED)),              /* answers what was in flight */
};

/* Chunk types of RFC 9260, 3758, 4895, 5061, 6525, 8260 and 4820. */
static const uint8_t events[256] = {
	[1] = EVENT_INIT,
	[2] = EVENT_INIT_ACK,
	[6] = EVENT_ABORT,
	[7] = EVENT_SHUTDOWN,
	[8] = EVENT_SHUTDOWN_ACK,
	[9] = EVENT_ERROR,
	[10] = EVENT_COOKIE_ECHO,
	[11] = EVENT_COOKIE_ACK,
	[14] = EVENT_SHUTDOWN_DONE,
	[0] = EVENT_TRAFFIC,   /* DATA */
	[3] = EVENT_TRAFFIC,   /* SACK */
	[4] = EVENT_TRAFFIC,   /* HEARTBEAT */
	[5] = EVENT_TRAFFIC,   /* HEARTBEAT ACK */
	[12] = EVENT_TRAFFIC,  /* ECNE */
	[13] = EVENT_TRAFFIC,  /* CWR */
	[15] = EVENT_TRAFFIC,  /* AUTH, before what it vouches for */
	[64] = EVENT_TRAFFIC,  /* I-DATA */
	[128] = EVENT_TRAFFIC, /* ASCONF-ACK */
	[130] = EVENT_TRAFFIC, /* RE-CONFIG */
	[132] = EVENT_TRAFFIC, /* PAD */
	[192] = EVENT_TRAFFIC, /* FORWARD-TSN */
	[193] = EVENT_TRAFFIC, /* ASCONF */
	[194] = EVENT_TRAFFIC, /* I-FORWARD-TSN */
};
/* clang-format on */

static enum event event_of(const struct pps_packet *packet)
{
	enum event event = (enum event)events[packet->chunk_type];

	return event == EVENT_INIT && packet->sctp_tag != 0 ? EVENT_ILLEGAL : event;
}

bool pps_flow_sctp_begins(const struct pps_packet *packet)
{
	return event_of(packet) == EVENT_INIT;
}

struct pps_flow_move pps_flow_sctp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder)
{
	struct pps_flow_move move = {.reason = PPS_REASON_NONE};
	uint8_t next = 0;

	if (flow->scale < PHASE_COUNT)
		next = moves[flow->scale][from_responder][event_of(packet)];
	if (next == 0) {
		move.reason = PPS_REASON_FLOW_STATE_SCTP;
		return move;
	}
	move.restart = next == RESTART;
	move.phase = move.restart ? PHASE_INIT : (uint8_t)(next - 1);
	move.state = states[move.phase];
	return move;
}
