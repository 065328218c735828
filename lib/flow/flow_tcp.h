/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_TCP_H
#define FLOW_TCP_H

/*
 * TCP windows, after Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter", 2001.
 *
 * Of each side of a connection the flow keeps (struct pps_tcp_side)
 *
 *     end      the highest sequence number it has sent, plus one
 *     max_end  the right edge of the largest offer it got: the other side's ack + window
 *     max_win  the largest window it has announced itself
 *     ack      the highest acknowledgement it has sent; before the first one, that of the other's
 *              SYN (sequence number plus one), which is what it must send first
 *
 * A segment of S to D, whose sequence numbers end before 'end' (SYN and FIN count one each), fits
 * when
 *
 *     I    end <= S.max_end + 1                what D offered, and the byte of a zero-window probe
 *     II   end >= D.ack - window(D)            what S may have sent again, late, and a keep-alive
 *     III  ack <= D.end                        what D has sent
 *     IV   ack >= S.ack - window(S)            what S may have acknowledged before (RFC 5961)
 *
 * with window(X) = max(X.max_win, 2^20), because a packet may be late by many round trips, and so
 * by many windows when they are small: at 100 MB/s by 10 ms. The lower bounds are a window below
 * what was acknowledged, and not below what was sent, as van Rooij has it: with a whole window in
 * flight what was sent again may have been overtaken. I and II are tcp_window, III and IV tcp_ack.
 * Data behind a hole fits, since only ends count: selective acknowledgements need no look.
 *
 * Numbers are modulo 2^32. Windows end at 2^30, so that each pair of bounds is at most 2^31 + 2^20
 * apart and one unsigned comparison with the lower one decides both.
 *
 * Scale. Windows of segments with SYN are not scaled, all others by the sender's shift, when both
 * SYNs had the option. A SYN that comes again without it (some hosts try that) does not take it
 * back. pps_flow.scale has the inside's in the low four bits; 15 is none, and with the third step
 * both are 0 when one is.
 *
 * Handshake. Numbers in it must fit exactly where something depends on them: a SYN+ACK, and a reset
 * that answers a SYN, acknowledge what the SYN was or some of its data (RFC 7413); so does the
 * third step, whose own number lies between what was acknowledged, less one (a keep-alive), and the
 * window. A SYN that comes
 * again with a higher number, before an answer, is another try and counts; one with a lower number
 * is old and changes nothing. An answered SYN+ACK may come again with other numbers (SYN cookies):
 * the last counts.
 *
 * Reset. It closes the flow when its sequence number is D.ack, or S.end: D expects one of the two
 * next, the second when nothing was lost behind this firewall. If that was wrong D answers with a
 * challenge ACK, which makes the next one exact. Any other that fits I and II passes and changes
 * nothing. Its acknowledgement is not looked at: nor does D.
 *
 * Picked up. A connection that is met in mid-stream begins with what one segment says; the other
 * side is unknown until it sends (TCP_WINDOW_UNKNOWN), and bounds are 2^30 wide till then. Scales
 * were in the SYNs and stay unknown: 14 is assumed for ever. What was sent before may be
 * acknowledged later, so III is ack <= D.max_end for such a flow.
 *
 * Quoted. An ICMP error speaks of a segment that did not arrive, so its number lies between the
 * lower bound of II and S.end; S.max_end where the flow was picked up. An error about a SYN that
 * the flow ignored, and about a reset beyond S.end, is lost.
 *
 * Fragments. The first fragment of a segment is judged by its own length; the whole segment again,
 * when its length is known, with the last (filter_fragment.c). Ends only grow, so the shorter
 * length is the careful one.
 */

#include "flow_priv.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define rare                __attribute__((cold, noinline)) /* kept out of the common path's way */

#define TCP_WINDOW_UNKNOWN (1u << 30) /* no announced one is as large: 65535 << 14 */

static inline bool tcp_in_handshake(uint8_t state)
{
	return state <= PPS_FLOW_TCP_SYN_RECEIVED;
}
_Static_assert(PPS_FLOW_TCP_SYN_SENT == 1 && PPS_FLOW_TCP_SYN_RECEIVED == 3,
	"the states of a handshake come first");

static inline uint32_t tcp_end_of(const struct pps_packet *packet)
{
	return packet->tcp_seq + packet->payload_len + (packet->tcp_flags & PPS_TCP_FIN) +
		(packet->tcp_flags >> 1 & 1);
}
_Static_assert(PPS_TCP_FIN == 1 && PPS_TCP_SYN == 2, "each takes one sequence number");

/* All four, for a segment with ACK. */
static inline uint8_t tcp_check(const struct pps_flow *flow, const struct pps_packet *packet,
	enum pps_side side, uint32_t end)
{
	const struct pps_tcp_side *sender = &flow->tcp[side], *receiver = &flow->tcp[!side];
	uint32_t high = receiver->end;

	if (unlikely(flow->flags & PPS_FLOW_PICKED_UP))
		high = receiver->max_end;
	if (unlikely(!pps_tcp_is_in_window(sender, receiver, end)))
		return PPS_REASON_TCP_WINDOW;
	if (unlikely(!pps_tcp_is_acked(sender, packet->tcp_ack, high)))
		return PPS_REASON_TCP_ACK;
	return PPS_REASON_NONE;
}

/* Does 'ack', of 'sender', acknowledge the receiver's SYN and nothing it has not sent? */
static inline bool tcp_acks_syn(
	const struct pps_tcp_side *sender, const struct pps_tcp_side *receiver, uint32_t ack)
{
	return ack - sender->ack <= receiver->end - sender->ack;
}

#endif
