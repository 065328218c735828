/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRAFFIC_H
#define TRAFFIC_H

/*
 * Traffic for measuring: flows, the policy that approves them, and their frames.
 *
 * Nothing is stored. Flow number i has one tuple, computed from i; rule i % rules approves it. So a
 * million flows take no cache from what is measured.
 *
 * Order      Each side of a conversation is a stream. traffic_flow() gives the flow of the stream's
 *            v-th frame: in one round (as many frames as there are flows) every flow comes once, in
 *            an order that looks random and is another one every round.
 *
 * TCP        Both sides send data all the time, a segment each round. Sequence numbers advance; a
 *            side acknowledges what the other sent some rounds ago, far enough back to have
 *            arrived however the two streams interleave. So a full window check finds every
 *            segment in order and in its window, for as long as one likes. Handshakes offer MSS
 *            and window scale.
 *
 * Sizes      Frames of 64 bytes (with their check sequence; the shortest there are for IPv6), or
 *            the usual mix of 7 of 64, 4 of 594 and 1 of 1518. Payloads are zero.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_base.h>
#include <pps_flow.h>

#define TRAFFIC_HEADERS_MAX 96 /* bytes of a frame that are not payload, at most */
#define TRAFFIC_FRAME_MAX   1514

struct traffic {
	uint32_t flows;
	uint32_t rules;
	uint8_t family; /* 4 or 6 */
	bool tcp; /* or UDP */
	bool imix;
};

enum traffic_kind {
	TRAFFIC_SYN, /* from the client; of UDP: its first datagram */
	TRAFFIC_SYN_ACK,
	TRAFFIC_ACK, /* third step of the handshake */
	TRAFFIC_DATA,
	TRAFFIC_DENIED, /* like SYN, but no rule approves it */
};

/* The policy text: 'rules' inbound rules, a server each; a third of them for all sources. */
void traffic_policy(const struct traffic *traffic, struct pps_str *out);

/* The flow whose frame is number 'visit' of the stream that 'side' sends. */
uint32_t traffic_flow(const struct traffic *traffic, enum pps_side side, uint64_t visit);

/*
 * Writes the headers of a frame of 'flow' (any number, also beyond 'flows') that 'side' sends in
 * 'round'; returns the length of the whole frame. Clients are outside. *ret_headers is how much was
 * written: what follows up to the length is payload, and zero.
 */
uint32_t traffic_frame(const struct traffic *traffic, enum traffic_kind kind, enum pps_side side,
	uint32_t flow, uint64_t round, uint8_t headers[TRAFFIC_HEADERS_MAX], uint32_t *ret_headers);

/* The key under which such a frame's flow is found, on segment 0. */
void traffic_key(const struct traffic *traffic, enum traffic_kind kind, uint32_t flow,
	struct pps_flow_key *ret_key);

#endif
