/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

/*
 * SCTP (RFC 9260): the transition table, by the chunk that speaks for a packet, and the tags.
 *
 * States are too coarse for the four steps of the handshake, so the machine runs on phases, each
 * of which belongs to one state; pps_flow.scale keeps the phase. What has no row is dropped
 * (sctp_state); what has one needs the right verification tag as well (sctp_tag).
 *
 * Tags. Each side announces its own in INIT or INIT ACK, and packets to it carry that. A side may
 * announce another: by an INIT that begins again, by one more INIT ACK, by a restart of an open
 * association. The newest such is kept apart. In a handshake either will do, and the one that is
 * used is the one that holds. On an open association the old ones hold until the handshake of the
 * restart is complete (COOKIE ECHO and COOKIE ACK, both with the new tags): nobody who only sends
 * INITs changes a thing, nor does an ABORT that refuses a restart. (RFC 9260 sections 5.2, 8.5.1)
 *
 * ABORT and SHUTDOWN COMPLETE with the T bit carry the tag of their own sender. An endpoint that
 * still ends an old association answers an INIT with SHUTDOWN ACK, and that is answered with
 * SHUTDOWN COMPLETE, both with a tag of old (section 9.2): in the first phase they pass, and change
 * nothing.
 *
 * Choices:
 *
 * - A COOKIE ACK counts only after a COOKIE ECHO of the other side: INIT loops stay half-open.
 * - INIT on an established or closing association passes and changes nothing, and so does the
 *   handshake that follows until it is complete. Either side may restart.
 * - Chunk types nobody has assigned, and the handshake's after the end, are dropped.
 * - An association of several addresses (multi-homing) is not followed: each pair of addresses is a
 *   flow, and only INIT begins one.
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
	R(INIT, SHUTDOWN_ACK) = TO(INIT),               /* of an old association */
	I(INIT, SHUTDOWN_DONE) = TO(INIT),              /* answers that */
	BOTH(INIT, ABORT, TO(ABORTED)),                 /* refused, or given up */

	I(ANSWERED, INIT) = TO(ANSWERED),               /* retransmission: the INIT ACK was lost */
	I(ANSWERED, COOKIE_ECHO) = TO(ECHOED),          /* third step; data may ride along */
	R(ANSWERED, INIT_ACK) = TO(ANSWERED),           /* answers a repeated INIT */
	BOTH(ANSWERED, ABORT, TO(ABORTED)),             /* given up */

	I(ECHOED, INIT) = TO(ECHOED),                   /* begins again after a stale cookie */
	I(ECHOED, COOKIE_ECHO) = TO(ECHOED),            /* retransmission */
	R(ECHOED, INIT_ACK) = TO(ECHOED),               /* answers a repeated INIT, late */
	R(ECHOED, COOKIE_ACK) = TO(OPEN),               /* fourth step */
	R(ECHOED, ERROR) = TO(ECHOED),                  /* stale cookie */
	BOTH(ECHOED, ABORT, TO(ABORTED)),               /* given up */

	BOTH(CROSSED, INIT, TO(CROSSED)),               /* retransmission */
	BOTH(CROSSED, INIT_ACK, TO(CROSSED)),           /* each answers the other's INIT */
	BOTH(CROSSED, COOKIE_ECHO, TO(CROSSED_ECHOED)), /* whoever is first */
	BOTH(CROSSED, ABORT, TO(ABORTED)),              /* given up */

	BOTH(CROSSED_ECHOED, INIT, TO(CROSSED_ECHOED)), /* begins again */
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
	BOTH(SHUTDOWN, INIT, TO(SHUTDOWN)),             /* restart, as in OPEN */
	BOTH(SHUTDOWN, INIT_ACK, TO(SHUTDOWN)),         /* restart */
	BOTH(SHUTDOWN, COOKIE_ECHO, TO(SHUTDOWN)),      /* restart */
	BOTH(SHUTDOWN, COOKIE_ACK, TO(SHUTDOWN)),       /* restart */
	BOTH(SHUTDOWN, ABORT, TO(ABORTED)),             /* abort */

	BOTH(DONE, SHUTDOWN_ACK, TO(DONE)),             /* retransmission: the end was lost */
	BOTH(DONE, SHUTDOWN_DONE, TO(DONE)),            /* answers that */
	BOTH(DONE, INIT, RESTART),                      /* port reuse */
	BOTH(DONE, ABORT, TO(ABORTED)),                 /* answers what was in flight */

	BOTH(ABORTED, INIT, RESTART),                   /* tries again */
	BOTH(ABORTED, ABORT, TO(ABORTED)),              /* answers what was in flight */
};

/* Those that are not named belong to nobody. */
static const uint8_t events[256] = {
	[PPS_SCTP_INIT] = EVENT_INIT,
	[PPS_SCTP_INIT_ACK] = EVENT_INIT_ACK,
	[PPS_SCTP_ABORT] = EVENT_ABORT,
	[PPS_SCTP_SHUTDOWN] = EVENT_SHUTDOWN,
	[PPS_SCTP_SHUTDOWN_ACK] = EVENT_SHUTDOWN_ACK,
	[PPS_SCTP_ERROR] = EVENT_ERROR,
	[PPS_SCTP_COOKIE_ECHO] = EVENT_COOKIE_ECHO,
	[PPS_SCTP_COOKIE_ACK] = EVENT_COOKIE_ACK,
	[PPS_SCTP_SHUTDOWN_COMPLETE] = EVENT_SHUTDOWN_DONE,
	[PPS_SCTP_DATA] = EVENT_TRAFFIC,
	[PPS_SCTP_SACK] = EVENT_TRAFFIC,
	[PPS_SCTP_HEARTBEAT] = EVENT_TRAFFIC,
	[PPS_SCTP_HEARTBEAT_ACK] = EVENT_TRAFFIC,
	[PPS_SCTP_ECNE] = EVENT_TRAFFIC,
	[PPS_SCTP_CWR] = EVENT_TRAFFIC,
	[PPS_SCTP_AUTH] = EVENT_TRAFFIC,
	[PPS_SCTP_I_DATA] = EVENT_TRAFFIC,
	[PPS_SCTP_ASCONF_ACK] = EVENT_TRAFFIC,
	[PPS_SCTP_RE_CONFIG] = EVENT_TRAFFIC,
	[PPS_SCTP_PAD] = EVENT_TRAFFIC,
	[PPS_SCTP_FORWARD_TSN] = EVENT_TRAFFIC,
	[PPS_SCTP_ASCONF] = EVENT_TRAFFIC,
	[PPS_SCTP_I_FORWARD_TSN] = EVENT_TRAFFIC,
};
/* clang-format on */

#define PHASE_MASK 0x0f
#define RESTARTING 0x80 /* a COOKIE ECHO with the new tag was seen on a live association */

/* Which of the tags a packet carries. */
enum match {
	MATCH_NONE,
	MATCH_TAG, /* the one that holds, or 0 in an INIT */
	MATCH_NEXT, /* the one that was announced since */
};

static enum event event_of(const struct pps_packet *packet)
{
	return (enum event)events[packet->chunk_type];
}

static enum match match_side(const struct pps_flow *flow, unsigned int side, uint32_t tag)
{
	if (tag == 0)
		return MATCH_NONE;
	if (tag == flow->sctp.tag[side])
		return MATCH_TAG;
	return tag == flow->sctp.next[side] ? MATCH_NEXT : MATCH_NONE;
}

/* Is the tag of a packet from 'side' right, and which one is it? */
static enum match match_packet(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int side)
{
	enum event event = event_of(packet);
	bool first = (flow->scale & PHASE_MASK) == PHASE_INIT;
	bool reflected = (packet->chunk_flags & PPS_SCTP_T) != 0 &&
		(event == EVENT_ABORT || event == EVENT_SHUTDOWN_DONE);

	if (event == EVENT_INIT)
		return packet->sctp_tag == 0 ? MATCH_TAG : MATCH_NONE;
	if (first && (event == EVENT_SHUTDOWN_ACK || (event == EVENT_SHUTDOWN_DONE && reflected)))
		return packet->sctp_tag != 0 ? MATCH_TAG : MATCH_NONE;
	return match_side(flow, reflected ? side : !side, packet->sctp_tag);
}

bool pps_flow_sctp_quote_fits(const struct pps_flow *flow, enum pps_side side, uint32_t tag)
{
	if (tag == 0)
		return flow->state == PPS_FLOW_SCTP_INIT;
	return match_side(flow, side, tag) != MATCH_NONE;
}

bool pps_flow_sctp_begins(const struct pps_packet *packet)
{
	return event_of(packet) == EVENT_INIT && packet->sctp_tag == 0;
}

/* May it carry a tag that its association has not got used to yet? */
static bool may_be_next(enum event event)
{
	return event == EVENT_INIT_ACK || event == EVENT_COOKIE_ECHO || event == EVENT_COOKIE_ACK ||
		event == EVENT_ERROR || event == EVENT_ABORT;
}

/* Is the association beyond its handshake, so that INIT is a restart? */
static bool is_past_handshake(uint8_t phase)
{
	return phase == PHASE_OPEN || phase == PHASE_SHUTDOWN;
}

/* The phase after a packet with a row, RESTARTING included; UINT8_MAX: its tag is wrong. */
static uint8_t phase_after(
	const struct pps_flow *flow, enum event event, enum match match, uint8_t next)
{
	bool restarting = (flow->scale & RESTARTING) != 0;

	if (match == MATCH_NONE || (match == MATCH_NEXT && !may_be_next(event)))
		return UINT8_MAX;
	if (match == MATCH_NEXT && event == EVENT_ABORT)
		return flow->scale;
	if (!is_past_handshake(flow->scale & PHASE_MASK) || !is_past_handshake(next))
		return next;
	if (match == MATCH_NEXT && event == EVENT_COOKIE_ACK)
		return restarting ? PHASE_OPEN : UINT8_MAX;
	if (match == MATCH_NEXT && event == EVENT_COOKIE_ECHO)
		restarting = true;
	return restarting ? next | RESTARTING : next;
}

struct pps_flow_move pps_flow_sctp_move(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder)
{
	struct pps_flow_move move = {.reason = PPS_REASON_NONE};
	uint8_t phase = flow->scale & PHASE_MASK;
	enum event event = event_of(packet);
	uint8_t next = 0;

	if (phase < PHASE_COUNT)
		next = moves[phase][from_responder][event];
	if (next == 0) {
		move.reason = PPS_REASON_FLOW_STATE_SCTP;
		return move;
	}
	move.restart = next == RESTART && packet->sctp_tag == 0;
	if (move.restart) {
		move.phase = PHASE_INIT;
	} else {
		move.phase = phase_after(flow, event,
			match_packet(flow, packet, flow->initiator ^ from_responder),
			(uint8_t)(next - 1));
		if (move.phase == UINT8_MAX) {
			move.reason = PPS_REASON_SCTP_TAG;
			return move;
		}
	}
	move.state = states[move.phase & PHASE_MASK];
	return move;
}

/* 'side' has announced a tag. */
static void learn(struct pps_flow *flow, unsigned int side, uint32_t tag)
{
	if (flow->sctp.tag[side] == 0)
		flow->sctp.tag[side] = tag;
	else if (flow->sctp.tag[side] != tag)
		flow->sctp.next[side] = tag;
}

/* The tag that was announced last holds. The other stays known while the handshake lasts. */
static void swap(struct pps_flow *flow, unsigned int side)
{
	uint32_t tag = flow->sctp.tag[side];

	if (flow->sctp.next[side] == 0)
		return;
	flow->sctp.tag[side] = flow->sctp.next[side];
	flow->sctp.next[side] = tag;
}

static void forget_next(struct pps_flow *flow)
{
	flow->sctp.next[0] = 0;
	flow->sctp.next[1] = 0;
}

void pps_flow_sctp_apply(struct pps_flow *flow, const struct pps_packet *packet, enum pps_side side,
	const struct pps_flow_move *move)
{
	enum event event = event_of(packet);
	unsigned int other = !side;
	bool in_handshake = !is_past_handshake(flow->scale & PHASE_MASK);

	if (event == EVENT_INIT || event == EVENT_INIT_ACK)
		learn(flow, side, packet->sctp_init_tag);
	if (in_handshake) {
		if (event != EVENT_INIT && event != EVENT_ABORT &&
			match_packet(flow, packet, side) == MATCH_NEXT)
			swap(flow, other);
		if (move->phase == PHASE_OPEN)
			forget_next(flow);
	} else if ((flow->scale & RESTARTING) != 0 && (move->phase & RESTARTING) == 0 &&
		event == EVENT_COOKIE_ACK) {
		swap(flow, 0);
		swap(flow, 1);
		forget_next(flow);
	}
	flow->scale = move->phase;
}
