/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_PLAY_H
#define FLOW_PLAY_H

/*
 * Conversations in one line, for the tests of state machines.
 *
 *     play(&tcp, "i:S=syn_sent r:SA=syn_received i:A=established r:SF=drop");
 *
 * Each word is SIDE:PACKET=OUTCOME. SIDE is i (initiator) or r (responder). PACKET is what the
 * protocol's 'make' understands. OUTCOME is the state after it, without the protocol's prefix, or
 *     drop    step() refuses with the protocol's reason, and the flow stays as it was
 *     window, ack  the same for the reasons tcp_window and tcp_ack
 *     drop:WORD  the same, with this reason
 *     refuse  begin() refuses with the protocol's reason (first word only)
 *     again   step() says restart; the sender is the initiator from then on, and the begin state
 *             is the protocol's
 * Every line is played twice: with the initiator inside, and outside.
 */

#include <stdio.h>
#include <string.h>

#include <pps_flow.h>

#include "unit.h"

struct play_protocol {
	const char *prefix; /* of its states' words */
	enum pps_reason drop, refuse;
	void (*make)(struct pps_packet *packet, const char *text);
};

struct play {
	const struct play_protocol *protocol;
	const char *script;
	struct pps_flow flow;
	struct pps_flow_cold cold;
	uint32_t now; /* one tick a packet */
};

static void play_fail(const struct play *play, const char *word, const char *why)
{
	char text[400];

	snprintf(text, sizeof(text), "\"%s\" at %s: %s", play->script, word, why);
	CU_assertImplementation(CU_FALSE, __LINE__, text, __FILE__, "", CU_FALSE);
}

static inline void play_check(
	const struct play *play, const char *word, bool ok, const char *what, const char *got)
{
	char why[120];

	if (ok) {
		CU_PASS("");
		return;
	}
	snprintf(why, sizeof(why), "%s %s", what, got);
	play_fail(play, word, why);
}

static inline void play_begin(struct play *play, const struct pps_packet *packet,
	enum pps_side side, enum pps_flow_state state)
{
	memset(&play->flow, 0, sizeof(play->flow));
	memset(&play->cold, 0, sizeof(play->cold));
	play->flow.initiator = (uint8_t)side;
	pps_flow_apply(&play->flow, &play->cold, packet, side, state, play->now);
}

static inline void play_state(const struct play *play, const char *word, const char *outcome)
{
	const char *state = pps_flow_state_word((enum pps_flow_state)play->flow.state);
	size_t prefix = strlen(play->protocol->prefix);

	play_check(play, word,
		strncmp(state, play->protocol->prefix, prefix) == 0 &&
			strcmp(state + prefix, outcome) == 0,
		"state is", state);
}

static inline void play_first(struct play *play, const char *word, const struct pps_packet *packet,
	enum pps_side side, const char *outcome)
{
	enum pps_flow_state state;
	enum pps_reason reason = pps_flow_begin(packet, &state);

	if (strcmp(outcome, "refuse") == 0) {
		play_check(play, word, reason == play->protocol->refuse, "reason is",
			pps_reason_word(reason));
		return;
	}
	play_check(play, word, reason == PPS_REASON_NONE, "reason is", pps_reason_word(reason));
	play_begin(play, packet, side, state);
	play_state(play, word, outcome);
}

/* The reason that an outcome names, or PPS_REASON_NONE. */
static inline enum pps_reason play_drop(const struct play *play, const char *outcome)
{
	if (strcmp(outcome, "drop") == 0)
		return play->protocol->drop;
	if (strncmp(outcome, "drop:", 5) == 0)
		return pps_reason_find(outcome + 5);
	if (strcmp(outcome, "window") == 0)
		return PPS_REASON_TCP_WINDOW;
	return strcmp(outcome, "ack") == 0 ? PPS_REASON_TCP_ACK : PPS_REASON_NONE;
}

static inline void play_next(struct play *play, const char *word, const struct pps_packet *packet,
	enum pps_side side, const char *outcome)
{
	struct pps_flow before = play->flow;
	enum pps_flow_state state;
	bool restart;
	enum pps_reason reason =
		pps_flow_step(&play->flow, &play->cold, packet, side, &state, &restart);

	play_check(play, word, memcmp(&before, &play->flow, sizeof(before)) == 0, "step() changed",
		"the flow");
	if (play_drop(play, outcome) != PPS_REASON_NONE) {
		play_check(play, word, reason == play_drop(play, outcome), "reason is",
			pps_reason_word(reason));
		play_check(play, word, !restart && state == before.state, "a refused step",
			"would change the flow");
		return;
	}
	play_check(play, word, reason == PPS_REASON_NONE, "reason is", pps_reason_word(reason));
	play_check(play, word, restart == (strcmp(outcome, "again") == 0), "restart is",
		restart ? "set" : "not set");
	if (restart) {
		play_begin(play, packet, side, state);
		return;
	}
	pps_flow_apply(&play->flow, &play->cold, packet, side, state, play->now);
	play_state(play, word, outcome);
}

/* Plays one line with the initiator on 'initiator'; *play holds the flow as it is at the end. */
static inline void play_on(struct play *play, const struct play_protocol *protocol,
	enum pps_side initiator, const char *script)
{
	char text[600];
	char *save = NULL;

	memset(play, 0, sizeof(*play));
	play->protocol = protocol;
	play->script = script;
	play->now = 1000;
	snprintf(text, sizeof(text), "%s", script);
	for (char *word = strtok_r(text, " ", &save); word != NULL;
		word = strtok_r(NULL, " ", &save)) {
		struct pps_packet packet = {.family = 4, .kind = PPS_PACKET_IP, .length = 60};
		bool first = word == text;
		char full[60];
		char *outcome;

		snprintf(full, sizeof(full), "%s", word);
		outcome = strchr(word, '=');
		*outcome++ = '\0';
		protocol->make(&packet, word + 2);
		play->now++;
		(first ? play_first : play_next)(
			play, full, &packet, word[0] == 'i' ? initiator : !initiator, outcome);
	}
}

static inline void play(const struct play_protocol *protocol, const char *script)
{
	struct play played;

	play_on(&played, protocol, PPS_SIDE_INSIDE, script);
	play_on(&played, protocol, PPS_SIDE_OUTSIDE, script);
}

#endif
