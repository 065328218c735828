/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_tcp.h"

/*
 * The state machines' common face, and the simple ones: UDP, ICMP queries, everything else.
 *
 * UDP has two states: until the responder has sent, the short timeout holds. An ICMP query's
 * flow carries queries of the side that asked and replies of the other; since type and asker are
 * in the key, anything else would have another key, and the check here is the second lock. The
 * query's code is not in the key (replies may have other codes), so it is checked here: a rule
 * that permits one code must not carry another.
 */

const char *pps_flow_state_word(enum pps_flow_state state)
{
	static const char *const words[] = {
#define WORD(name, word, timeout) [PPS_FLOW_##name] = word,
		PPS_FLOW_STATES(WORD)
#undef WORD
	};

	return (unsigned int)state < PPS_FLOW_STATE_COUNT ? words[state] : "unknown";
}

enum pps_timeout pps_flow_state_timeout(enum pps_flow_state state)
{
	static const uint8_t timeouts[] = {
#define TIMEOUT(name, word, timeout) [PPS_FLOW_##name] = timeout,
		PPS_FLOW_STATES(TIMEOUT)
#undef TIMEOUT
	};

	return (unsigned int)state < PPS_FLOW_STATE_COUNT ? (enum pps_timeout)timeouts[state]
							  : PPS_TIMEOUT_OTHER;
}

static enum pps_reason begin_if(
	bool may, enum pps_reason reason, enum pps_flow_state state, enum pps_flow_state *ret_state)
{
	if (!may)
		return reason;
	*ret_state = state;
	return PPS_REASON_NONE;
}

enum pps_reason pps_flow_begin(const struct pps_packet *packet, enum pps_flow_state *ret_state)
{
	uint8_t query;

	*ret_state = PPS_FLOW_FREE;
	if (flow_packet_is_icmp(packet))
		return begin_if(pps_icmp_is_query(packet->family, packet->icmp_type, &query),
			PPS_REASON_ICMP_NOT_QUERY, PPS_FLOW_ICMP_QUERY, ret_state);
	switch (packet->protocol) {
	case PPS_IP_TCP:
		return begin_if(pps_flow_tcp_begins(packet), PPS_REASON_TCP_NOT_SYN,
			PPS_FLOW_TCP_SYN_SENT, ret_state);
	case PPS_IP_SCTP:
		return begin_if(pps_flow_sctp_begins(packet), PPS_REASON_SCTP_NOT_INIT,
			PPS_FLOW_SCTP_INIT, ret_state);
	case PPS_IP_DCCP:
		return begin_if(pps_flow_dccp_begins(packet), PPS_REASON_DCCP_NOT_REQUEST,
			PPS_FLOW_DCCP_REQUEST, ret_state);
	case PPS_IP_UDP:
	case PPS_IP_UDPLITE:
		*ret_state = PPS_FLOW_UDP_SINGLE;
		return PPS_REASON_NONE;
	default:
		*ret_state = PPS_FLOW_OTHER;
		return PPS_REASON_NONE;
	}
}

bool pps_flow_picks_up(const struct pps_packet *packet)
{
	return packet->protocol == PPS_IP_TCP && pps_flow_tcp_picks_up(packet);
}

static struct pps_flow_move move_icmp(
	const struct pps_flow *flow, const struct pps_packet *packet, unsigned int from_responder)
{
	struct pps_flow_move move = {.reason = PPS_REASON_NONE, .state = flow->state};
	uint8_t query;
	bool legal;

	if (from_responder)
		legal = pps_icmp_is_reply(packet->family, packet->icmp_type, &query);
	else
		legal = pps_icmp_is_query(packet->family, packet->icmp_type, &query) &&
			packet->icmp_code == flow->scale;
	if (!legal)
		move.reason = PPS_REASON_FLOW_STATE_ICMP;
	return move;
}

static struct pps_flow_move move_of(const struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side)
{
	unsigned int from_responder = side != flow->initiator;
	struct pps_flow_move move = {.reason = PPS_REASON_NONE, .state = flow->state};

	switch (packet->protocol) {
	case PPS_IP_TCP:
		return pps_flow_tcp_move(flow, cold, packet, side);
	case PPS_IP_UDP:
	case PPS_IP_UDPLITE:
		if (from_responder)
			move.state = PPS_FLOW_UDP_PAIR;
		return move;
	case PPS_IP_SCTP:
		return pps_flow_sctp_move(flow, packet, from_responder);
	case PPS_IP_DCCP:
		return pps_flow_dccp_move(flow, packet, from_responder);
	default:
		return flow_packet_is_icmp(packet) ? move_icmp(flow, packet, from_responder) : move;
	}
}

enum pps_reason pps_flow_step(const struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state *ret_state,
	bool *ret_restart)
{
	struct pps_flow_move move;

	move = move_of(flow, cold, packet, side);
	*ret_state = (enum pps_flow_state)flow->state;
	*ret_restart = false;
	if (move.reason == PPS_REASON_NONE) {
		*ret_state = (enum pps_flow_state)move.state;
		*ret_restart = move.restart;
	}
	return (enum pps_reason)move.reason;
}

#define BIT(state) (1u << PPS_FLOW_##state)
_Static_assert(PPS_FLOW_STATE_COUNT <= 32, "a set of states is one word");

/*
 * Does this packet keep the flow alive? What merely repeats itself in a half-open or reset flow
 * does not, nor does what begins or aborts a conversation and changes nothing: else a flow could be
 * held for ever by packets that prove nothing.
 */
static bool refreshes(
	const struct pps_flow *flow, const struct pps_packet *packet, enum pps_flow_state state)
{
	const uint32_t unproven = BIT(TCP_SYN_SENT) | BIT(TCP_SYN_CROSSED) | BIT(TCP_SYN_RECEIVED) |
		BIT(TCP_CLOSED) | BIT(TCP_PICKED_UP) | BIT(SCTP_INIT) | BIT(DCCP_REQUEST);

	if (state != flow->state)
		return true;
	if ((1u << state & unproven) != 0)
		return false;
	switch (packet->protocol) {
	case PPS_IP_TCP:
		return (packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_RST)) == 0;
	case PPS_IP_SCTP:
		return packet->chunk_type != PPS_SCTP_INIT &&
			packet->chunk_type != PPS_SCTP_INIT_ACK &&
			packet->chunk_type != PPS_SCTP_ABORT;
	case PPS_IP_DCCP:
		return packet->chunk_type != PPS_DCCP_REQUEST &&
			packet->chunk_type != PPS_DCCP_RESPONSE &&
			packet->chunk_type != PPS_DCCP_RESET;
	default:
		return true;
	}
}

/* What only some protocols keep: the phase and the tags of SCTP, the phase of DCCP, the code of an
 * ICMP query. */
static void apply_own(struct pps_flow *flow, const struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side)
{
	bool begins = flow->state == PPS_FLOW_FREE;
	struct pps_flow_move move = {.phase = 0};

	if (!begins)
		move = move_of(flow, cold, packet, side);
	if (packet->protocol == PPS_IP_SCTP)
		pps_flow_sctp_apply(flow, packet, side, &move);
	else if (packet->protocol == PPS_IP_DCCP)
		flow->scale = move.phase;
	else if (begins && flow_packet_is_icmp(packet))
		flow->scale = packet->icmp_code;
}

void pps_flow_apply(struct pps_flow *flow, struct pps_flow_cold *cold,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_state state,
	uint32_t now)
{
	if (refreshes(flow, packet, state))
		flow->seen = now;
	if (packet->protocol == PPS_IP_TCP)
		pps_flow_tcp_track(flow, cold, packet, side, state);
	else if (packet->protocol != PPS_IP_UDP)
		apply_own(flow, cold, packet, side);
	flow->state = (uint8_t)state;
	if (side != flow->initiator)
		flow->flags |= PPS_FLOW_REPLIED;
	pps_flow_tally(flow, cold, packet, side);
}
