/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_play.h"

/*
 * Letters are flags; D is a payload of ten bytes. Both sides begin at 1; L is a number behind such
 * a payload, N one further on, O one far below.
 */
static void make_tcp(struct pps_packet *packet, const char *text)
{
	static const struct {
		char letter;
		uint8_t flag;
	} flags[] = {{'S', PPS_TCP_SYN}, {'A', PPS_TCP_ACK}, {'F', PPS_TCP_FIN}, {'R', PPS_TCP_RST},
		{'P', PPS_TCP_PSH}, {'U', PPS_TCP_URG}};

	packet->protocol = PPS_IP_TCP;
	packet->payload_len = strchr(text, 'D') != NULL ? 10 : 0;
	packet->tcp_seq = strchr(text, 'S') != NULL ? 1 : 2;
	if (strchr(text, 'N') != NULL)
		packet->tcp_seq = 10000;
	if (strchr(text, 'L') != NULL)
		packet->tcp_seq = 12;
	if (strchr(text, 'O') != NULL)
		packet->tcp_seq = 0xc0000000;
	packet->tcp_ack = 2;
	packet->tcp_window = 60000;
	packet->tcp_scale = strchr(text, 'S') != NULL ? PPS_TCP_SCALE_NONE : 0;
	for (size_t i = 0; i < UNIT_COUNT(flags); i++) {
		if (strchr(text, flags[i].letter) != NULL)
			packet->tcp_flags |= flags[i].flag;
	}
}

static const struct play_protocol tcp = {
	.prefix = "tcp_",
	.drop = PPS_REASON_FLOW_STATE_TCP,
	.refuse = PPS_REASON_TCP_NOT_SYN,
	.make = make_tcp,
};

#define ESTABLISHED "i:S=syn_sent r:SA=syn_received i:A=established "

/* How each state is reached; the initiator is 'i' in all. */
static const struct {
	enum pps_flow_state state;
	const char *script;
} roads[] = {
	{PPS_FLOW_TCP_SYN_SENT, "i:S=syn_sent"},
	{PPS_FLOW_TCP_SYN_CROSSED, "i:S=syn_sent r:S=syn_crossed"},
	{PPS_FLOW_TCP_SYN_RECEIVED, "i:S=syn_sent r:SA=syn_received"},
	{PPS_FLOW_TCP_ESTABLISHED, ESTABLISHED},
	{PPS_FLOW_TCP_FIN_INITIATOR, ESTABLISHED "i:FA=fin_initiator"},
	{PPS_FLOW_TCP_FIN_RESPONDER, ESTABLISHED "r:FA=fin_responder"},
	{PPS_FLOW_TCP_CLOSING, ESTABLISHED "i:FA=fin_initiator r:FA=closing"},
	{PPS_FLOW_TCP_CLOSED, ESTABLISHED "i:R=closed"},
	{PPS_FLOW_TCP_SYN_RECEIVED, "i:S=syn_sent r:SA=syn_received r:FA=syn_received"},
};

static void only_a_syn_without_ack_begins_a_flow(void)
{
	static const char *const refused[] = {
		"A", "SA", "R", "RA", "FA", "F", "DA", "PA", "U", "", "P", "SAD", "FPU"};

	play(&tcp, "i:S=syn_sent");
	for (size_t i = 0; i < UNIT_COUNT(refused); i++) {
		char script[40];

		snprintf(script, sizeof(script), "i:%s=refuse", refused[i]);
		play(&tcp, script);
	}
}

static void a_syn_with_fin_or_rst_begins_nothing(void)
{
	play(&tcp, "i:SF=refuse");
	play(&tcp, "i:SR=refuse");
	play(&tcp, "i:SFRPAU=refuse");
}

static void a_syn_with_urg_or_psh_begins_a_flow(void)
{
	play(&tcp, "i:SU=syn_sent");
	play(&tcp, "i:SP=syn_sent");
}

static void a_syn_with_data_begins_a_flow(void)
{
	play(&tcp, "i:SD=syn_sent r:SA=syn_received i:A=established");
}

static void three_segments_establish_a_connection(void)
{
	play(&tcp, ESTABLISHED);
}

static void the_third_segment_may_carry_the_request(void)
{
	play(&tcp, "i:S=syn_sent r:SA=syn_received i:PAD=established r:A=established");
}

static void the_third_segment_may_be_a_fin(void)
{
	play(&tcp, "i:S=syn_sent r:SA=syn_received i:FA=fin_initiator r:FA=closing i:A=closing");
}

static void a_syn_is_retransmitted(void)
{
	play(&tcp, "i:S=syn_sent i:S=syn_sent i:S=syn_sent r:SA=syn_received i:A=established");
}

static void a_syn_ack_is_retransmitted(void)
{
	play(&tcp, "i:S=syn_sent r:SA=syn_received r:SA=syn_received i:A=established");
}

static void a_syn_is_retransmitted_when_the_syn_ack_was_lost(void)
{
	play(&tcp,
		"i:S=syn_sent r:SA=syn_received i:S=syn_received r:SA=syn_received "
		"i:A=established");
}

static void the_initiator_says_nothing_but_syn_before_the_answer(void)
{
	play(&tcp, "i:S=syn_sent i:A=drop i:AD=drop i:FA=drop i:SA=drop r:SA=syn_received");
}

static void the_responder_sends_no_data_before_its_syn_ack(void)
{
	play(&tcp, "i:S=syn_sent r:AD=drop r:FA=drop r:PAD=drop r:SA=syn_received");
}

static void a_challenge_ack_passes_and_the_initiator_resets_and_tries_again(void)
{
	play(&tcp,
		"i:S=syn_sent r:AO=syn_sent i:RO=syn_sent i:S=syn_sent r:SA=syn_received "
		"i:A=established");
	play(&tcp, "i:S=syn_sent r:A=syn_sent i:R=closed i:S=again r:SA=syn_received");
}

static void a_challenge_ack_opens_nothing(void)
{
	play(&tcp, "i:S=syn_sent r:A=syn_sent i:A=drop r:AD=drop i:S=syn_sent r:A=syn_sent");
}

static void a_refusal_closes(void)
{
	play(&tcp, "i:S=syn_sent r:RA=closed r:SA=drop i:A=ack r:RA=closed");
}

static void a_refusal_without_ack_is_dropped(void)
{
	play(&tcp, "i:S=syn_sent r:R=drop r:SA=syn_received i:A=established");
}

static void the_initiator_may_give_up_before_the_answer(void)
{
	play(&tcp, "i:S=syn_sent i:R=closed r:SA=drop");
	play(&tcp, "i:S=syn_sent i:RA=closed r:SA=drop");
}

static void a_half_open_scan_ends_closed(void)
{
	play(&tcp, "i:S=syn_sent r:SA=syn_received i:R=closed r:SA=drop i:A=closed");
}

static void the_responder_may_reset_after_its_syn_ack(void)
{
	play(&tcp, "i:S=syn_sent r:SA=syn_received r:R=closed");
	play(&tcp, "i:S=syn_sent r:SA=syn_received r:RA=closed");
}

static void a_fast_open_answer_passes_and_does_not_establish(void)
{
	play(&tcp,
		"i:SD=syn_sent r:SA=syn_received r:AD=syn_received r:A=syn_received "
		"i:A=established");
}

static void a_responders_fin_before_the_third_segment_is_kept_for_it(void)
{
	play(&tcp,
		"i:S=syn_sent r:SA=syn_received r:FA=syn_received i:A=fin_responder "
		"r:FA=fin_responder i:FA=closing");
	play(&tcp, "i:S=syn_sent r:SA=syn_received r:FA=syn_received i:AD=fin_responder");
	play(&tcp,
		"i:S=syn_sent r:SA=syn_received r:AD=syn_received r:FAL=syn_received i:FA=closing");
	play(&tcp, "i:S=syn_sent r:S=syn_crossed r:FA=syn_received i:A=fin_responder");
}

static void a_responders_syn_after_its_syn_ack_has_the_same_number(void)
{
	play(&tcp, "i:S=syn_sent r:SA=syn_received r:S=syn_received i:A=established");
	play(&tcp, "i:S=syn_sent r:SA=syn_received r:SN=drop i:A=established");
}

static void a_simultaneous_open_establishes_with_the_responders_half_first(void)
{
	play(&tcp,
		"i:S=syn_sent r:S=syn_crossed r:SA=syn_received i:SA=syn_received "
		"i:A=established r:A=established");
}

static void a_simultaneous_open_establishes_with_the_initiators_half_first(void)
{
	play(&tcp,
		"i:S=syn_sent r:S=syn_crossed i:SA=syn_crossed r:SA=syn_received "
		"r:AD=syn_received i:A=established");
}

static void crossing_syns_are_retransmitted(void)
{
	play(&tcp, "i:S=syn_sent r:S=syn_crossed i:S=syn_crossed r:S=syn_crossed");
}

static void an_initiator_that_got_no_syn_ack_sends_no_data(void)
{
	play(&tcp, "i:S=syn_sent r:S=syn_crossed i:A=drop i:AD=drop i:FA=drop");
}

static void a_lost_half_of_a_simultaneous_open_is_made_up_for(void)
{
	play(&tcp,
		"i:S=syn_sent r:S=syn_crossed i:SA=syn_crossed r:A=syn_received "
		"i:A=established");
	play(&tcp,
		"i:S=syn_sent r:S=syn_crossed i:SA=syn_crossed r:AD=syn_received "
		"i:A=established");
}

static void either_side_may_reset_a_simultaneous_open(void)
{
	play(&tcp, "i:S=syn_sent r:S=syn_crossed i:RA=closed");
	play(&tcp, "i:S=syn_sent r:S=syn_crossed i:R=closed");
	play(&tcp, "i:S=syn_sent r:S=syn_crossed r:RA=closed");
	play(&tcp, "i:S=syn_sent r:S=syn_crossed r:R=closed");
}

static void data_flows_both_ways(void)
{
	play(&tcp,
		ESTABLISHED "i:PAD=established r:A=established r:PAD=established "
			    "i:A=established r:UAD=established");
}

static void a_syn_on_an_established_connection_passes_and_changes_nothing(void)
{
	play(&tcp, ESTABLISHED "i:S=established r:A=established i:AD=established");
	play(&tcp, ESTABLISHED "r:S=established i:A=established r:AD=established");
}

static void a_syn_on_a_half_closed_connection_passes_and_changes_nothing(void)
{
	play(&tcp, ESTABLISHED "i:FA=fin_initiator i:S=fin_initiator r:S=fin_initiator");
	play(&tcp, ESTABLISHED "r:FA=fin_responder i:S=fin_responder r:S=fin_responder");
}

static void a_late_syn_ack_passes_from_the_responder_alone(void)
{
	play(&tcp, ESTABLISHED "r:SA=established i:SA=drop i:A=established");
	play(&tcp,
		"i:S=syn_sent r:SA=syn_received i:FA=fin_initiator r:SA=fin_initiator "
		"i:SA=drop");
	play(&tcp, ESTABLISHED "r:FA=fin_responder r:SA=fin_responder i:SA=drop");
}

static void the_initiator_closes_first_and_the_responder_goes_on(void)
{
	play(&tcp,
		ESTABLISHED "i:FA=fin_initiator r:A=fin_initiator r:AD=fin_initiator "
			    "i:A=fin_initiator r:FAD=closing i:A=closing");
}

static void the_responder_closes_first_and_the_initiator_goes_on(void)
{
	play(&tcp,
		ESTABLISHED "r:FA=fin_responder i:A=fin_responder i:AD=fin_responder "
			    "r:A=fin_responder i:FAL=closing r:A=closing");
}

static void a_fin_is_retransmitted(void)
{
	play(&tcp, ESTABLISHED "i:FA=fin_initiator i:FA=fin_initiator i:AD=fin_initiator");
	play(&tcp, ESTABLISHED "r:FA=fin_responder r:FA=fin_responder r:AD=fin_responder");
}

static void both_sides_close_at_once(void)
{
	play(&tcp, ESTABLISHED "i:FA=fin_initiator r:FA=closing i:A=closing r:A=closing");
}

static void late_segments_pass_after_the_orderly_close(void)
{
	play(&tcp,
		ESTABLISHED "i:FA=fin_initiator r:FA=closing i:A=closing i:A=closing "
			    "r:FA=closing i:FA=closing r:A=closing r:AD=closing i:AD=closing");
}

static void a_syn_ack_after_a_reset_is_dropped(void)
{
	play(&tcp, ESTABLISHED "i:RA=closed i:SA=drop r:SA=drop");
	play(&tcp, ESTABLISHED "i:FA=fin_initiator r:FA=closing i:SA=drop r:SA=closing");
}

static void a_reset_closes_from_every_open_state(void)
{
	static const char *const resets[] = {
		"i:R=closed", "i:RA=closed", "r:R=closed", "r:RA=closed"};

	for (size_t road = 3; road < UNIT_COUNT(roads); road++) {
		for (size_t i = 0; i < UNIT_COUNT(resets); i++) {
			char script[200];

			snprintf(script, sizeof(script), "%s %s", roads[road].script, resets[i]);
			play(&tcp, script);
		}
	}
}

static void after_a_reset_what_was_in_flight_passes_and_no_handshake(void)
{
	play(&tcp,
		ESTABLISHED "i:RA=closed r:A=closed r:AD=closed r:FA=closed r:SA=drop i:A=closed "
			    "i:AD=closed i:FA=closed i:SA=drop r:R=closed i:R=closed r:RA=closed");
}

static void a_new_syn_of_the_initiator_reuses_the_ports(void)
{
	play(&tcp,
		ESTABLISHED "i:FA=fin_initiator r:FA=closing i:SN=again r:SA=ack "
			    "i:SN=syn_sent");
	play(&tcp, ESTABLISHED "r:R=closed i:S=again r:SA=syn_received i:A=established");
}

static void a_new_syn_of_the_former_responder_is_a_flow_the_other_way(void)
{
	play(&tcp, ESTABLISHED "i:FA=fin_initiator r:FA=closing r:SN=again");
	play(&tcp, ESTABLISHED "i:FA=fin_initiator r:FA=closing r:S=closing i:S=closing");
	for (int side = 0; side < 2; side++) {
		struct play played;

		play_on(&played, &tcp, (enum pps_side)side, ESTABLISHED "i:R=closed r:S=again");
		CU_ASSERT_EQUAL(played.flow.initiator, !side);
		CU_ASSERT_EQUAL(played.flow.state, PPS_FLOW_TCP_SYN_SENT);
		CU_ASSERT_EQUAL(played.flow.flags & PPS_FLOW_REPLIED, 0);
	}
}

static void a_segment_without_ack_syn_and_rst_is_dropped_in_every_state(void)
{
	static const char *const illegal[] = {
		"", "F", "P", "U", "FPU", "D", "SF", "SR", "SFA", "FR", "SRA", "FRA"};

	for (size_t road = 0; road < UNIT_COUNT(roads); road++) {
		for (size_t i = 0; i < UNIT_COUNT(illegal); i++) {
			char script[200];

			snprintf(script, sizeof(script), "%s i:%s=drop r:%s=drop",
				roads[road].script, illegal[i], illegal[i]);
			play(&tcp, script);
		}
	}
}

/* What every state that has seen SYNs knows of both sides. */
static const struct pps_tcp_side known = {.end = 2, .max_end = 60002, .max_win = 60000, .ack = 2};

/*
 * The whole table from the other end. Columns: S SA A AD FA R RA, and a SYN in
 * order. '.' drop, '=' stays, 'N' begins
 * anew; S X R E I F G C are the states in the order of 'roads'.
 */
static void every_transition_is_as_written(void)
{
	static const char *const events[] = {"S", "SA", "A", "AD", "FA", "R", "RA", "SN"};
	static const char letters[] = "SXREIFGCP";
	static const char *const grid[][2] = {
		{"=....CC=", "XR=...CX"}, /* syn_sent: initiator, responder */
		{"==...CC=", "=RRRRCC="}, /* syn_crossed */
		{"==EEICC=", "=====CC."}, /* syn_received */
		{"=.==ICC=", "====FCC="}, /* established */
		{"=.===CC=", "====GCC="}, /* fin_initiator */
		{"=.==GCC=", "=====CC="}, /* fin_responder */
		{"=.===CCN", "=====CCN"}, /* closing */
		{"N.=====N", "N.=====N"}, /* closed */
		{"==FFGCC=", "=====CC."}, /* syn_received, with an early fin */
	};

	for (size_t cell = 0; cell < UNIT_COUNT(grid) * 2 * UNIT_COUNT(events); cell++) {
		size_t from = cell / 16, side = cell / 8 % 2, event = cell % 8;
		struct pps_packet packet = {.family = 4};
		char want = grid[from][side][event];
		enum pps_flow_state state;
		struct play played;
		bool restart;
		char got;

		play_on(&played, &tcp, PPS_SIDE_INSIDE, roads[from].script);
		CU_ASSERT_EQUAL(played.flow.state, roads[from].state);
		make_tcp(&packet, events[event]);
		if (pps_flow_step(&played.flow, &played.cold, &packet, (enum pps_side)side, &state,
			    &restart) != PPS_REASON_NONE)
			got = '.';
		else if (restart)
			got = 'N';
		else
			got = state == roads[from].state ? '=' : letters[state - 1];
		if (got != want)
			play_fail(&played, events[event], (char[]){got, '\0'});
	}
}

/* All states that the given segments, in any order from either side, can lead to. */
static uint32_t reachable_with(const char *const *segments, size_t n, bool early)
{
	uint32_t reached = 1u << PPS_FLOW_TCP_SYN_SENT, before;

	do {
		before = reached;
		for (size_t i = 0; i < PPS_FLOW_STATE_COUNT * n * 2; i++) {
			struct pps_flow flow = {
				.state = (uint8_t)(i / (n * 2)), .tcp = {known, known}};
			struct pps_flow_cold cold = {.tcp_fin_early = early};
			struct pps_packet packet = {.family = 4};
			enum pps_flow_state state;
			bool restart;

			if ((reached >> flow.state & 1) == 0)
				continue;
			make_tcp(&packet, segments[i / 2 % n] + 2);
			if (segments[i / 2 % n][0] != "ir"[i % 2])
				continue;
			if (pps_flow_step(&flow, &cold, &packet, (enum pps_side)(i % 2), &state,
				    &restart) == PPS_REASON_NONE)
				reached |= 1u << state;
		}
	} while (reached != before);
	return reached;
}

/* The same, whether the responder has sent a FIN early or not. */
static uint32_t reachable(const char *const *segments, size_t n)
{
	return reachable_with(segments, n, false) | reachable_with(segments, n, true);
}

#define LONG_STATES                                                          \
	(1u << PPS_FLOW_TCP_ESTABLISHED | 1u << PPS_FLOW_TCP_FIN_INITIATOR | \
		1u << PPS_FLOW_TCP_FIN_RESPONDER)

static void no_loop_of_syn_and_syn_ack_reaches_the_long_timeout(void)
{
	static const char *const loops[] = {"i:S", "i:SA", "r:S", "r:SA", "i:SD", "r:SD"};

	CU_ASSERT_EQUAL(reachable(loops, UNIT_COUNT(loops)),
		1u << PPS_FLOW_TCP_SYN_SENT | 1u << PPS_FLOW_TCP_SYN_CROSSED |
			1u << PPS_FLOW_TCP_SYN_RECEIVED);
}

static void without_the_initiators_ack_nothing_reaches_the_long_timeout(void)
{
	static const char *const all[] = {
		"r:S", "r:SA", "r:A", "r:AD", "r:FA", "r:R", "r:RA", "i:S", "i:SA", "i:R", "i:RA"};

	CU_ASSERT_EQUAL(reachable(all, UNIT_COUNT(all)) & LONG_STATES, 0);
}

static void the_initiator_alone_never_leaves_syn_sent_but_to_closed(void)
{
	static const char *const all[] = {"i:S", "i:SA", "i:A", "i:AD", "i:FA", "i:R", "i:RA"};

	CU_ASSERT_EQUAL(reachable(all, UNIT_COUNT(all)),
		1u << PPS_FLOW_TCP_SYN_SENT | 1u << PPS_FLOW_TCP_CLOSED);
}

/* The tick at which the flow was last refreshed, counted in packets of the script. */
static uint32_t refreshed_by(const char *script)
{
	struct play played;

	play_on(&played, &tcp, PPS_SIDE_INSIDE, script);
	return played.flow.seen - 1000;
}

static void repetition_does_not_keep_a_half_open_flow_alive(void)
{
	CU_ASSERT_EQUAL(refreshed_by("i:S=syn_sent i:S=syn_sent i:S=syn_sent"), 1);
	CU_ASSERT_EQUAL(refreshed_by("i:S=syn_sent r:A=syn_sent r:A=syn_sent"), 1);
	CU_ASSERT_EQUAL(refreshed_by("i:S=syn_sent r:S=syn_crossed i:S=syn_crossed"), 2);
	CU_ASSERT_EQUAL(
		refreshed_by("i:S=syn_sent r:SA=syn_received r:SA=syn_received r:AD=syn_received"),
		2);
}

static void progress_keeps_a_flow_alive(void)
{
	CU_ASSERT_EQUAL(refreshed_by("i:S=syn_sent i:S=syn_sent r:SA=syn_received"), 3);
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED), 3);
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "i:AD=established r:A=established"), 5);
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "i:FA=fin_initiator r:AD=fin_initiator"), 5);
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "i:FA=fin_initiator r:FA=closing i:A=closing"), 6);
}

static void an_ignored_syn_does_not_keep_a_flow_alive(void)
{
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "i:S=established r:S=established"), 3);
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "r:SA=established"), 3);
}

static void nothing_keeps_a_reset_flow_alive(void)
{
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "i:R=closed r:R=closed i:RA=closed"), 4);
	CU_ASSERT_EQUAL(refreshed_by(ESTABLISHED "i:R=closed r:AD=closed r:FA=closed"), 4);
}

static void made_up_segments_fit_their_flow(void)
{
	static const char *const segments[] = {"S", "SA", "A", "FA", "R", "RA"};

	for (size_t i = 0; i < UNIT_COUNT(roads) * 2 * UNIT_COUNT(segments); i++) {
		enum pps_side side = i % 2 == 0 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
		struct pps_packet packet = {.family = 4};
		struct pps_tcp_numbers numbers;
		enum pps_flow_state state;
		enum pps_reason reason;
		struct play played;
		bool restart;

		play_on(&played, &tcp, PPS_SIDE_INSIDE, roads[i / 2 / UNIT_COUNT(segments)].script);
		make_tcp(&packet, segments[i / 2 % UNIT_COUNT(segments)]);
		pps_flow_tcp_fit(&played.flow, side, packet.tcp_flags, &numbers);
		packet.tcp_seq = numbers.seq;
		packet.tcp_ack = numbers.ack;
		reason = pps_flow_step(&played.flow, &played.cold, &packet, side, &state, &restart);
		if (reason != PPS_REASON_NONE && reason != PPS_REASON_FLOW_STATE_TCP)
			play_fail(&played, segments[i / 2 % UNIT_COUNT(segments)],
				pps_reason_word(reason));
		if (reason == PPS_REASON_NONE && (packet.tcp_flags & PPS_TCP_RST) != 0)
			CU_ASSERT_EQUAL(state, PPS_FLOW_TCP_CLOSED);
	}
}

static void half_closed_connections_keep_the_long_timeout(void)
{
	CU_ASSERT_EQUAL(
		pps_flow_state_timeout(PPS_FLOW_TCP_FIN_INITIATOR), PPS_TIMEOUT_TCP_ESTABLISHED);
	CU_ASSERT_EQUAL(
		pps_flow_state_timeout(PPS_FLOW_TCP_FIN_RESPONDER), PPS_TIMEOUT_TCP_ESTABLISHED);
	CU_ASSERT_EQUAL(pps_flow_state_timeout(PPS_FLOW_TCP_CLOSING), PPS_TIMEOUT_TCP_CLOSING);
	CU_ASSERT_EQUAL(pps_flow_state_timeout(PPS_FLOW_TCP_CLOSED), PPS_TIMEOUT_TCP_CLOSING);
}

static const struct unit_test tests[] = {
	UNIT_TEST(only_a_syn_without_ack_begins_a_flow),
	UNIT_TEST(a_syn_with_fin_or_rst_begins_nothing),
	UNIT_TEST(a_syn_with_urg_or_psh_begins_a_flow),
	UNIT_TEST(a_syn_with_data_begins_a_flow),
	UNIT_TEST(three_segments_establish_a_connection),
	UNIT_TEST(the_third_segment_may_carry_the_request),
	UNIT_TEST(the_third_segment_may_be_a_fin),
	UNIT_TEST(a_syn_is_retransmitted),
	UNIT_TEST(a_syn_ack_is_retransmitted),
	UNIT_TEST(a_syn_is_retransmitted_when_the_syn_ack_was_lost),
	UNIT_TEST(the_initiator_says_nothing_but_syn_before_the_answer),
	UNIT_TEST(the_responder_sends_no_data_before_its_syn_ack),
	UNIT_TEST(a_challenge_ack_passes_and_the_initiator_resets_and_tries_again),
	UNIT_TEST(a_challenge_ack_opens_nothing),
	UNIT_TEST(a_refusal_closes),
	UNIT_TEST(a_refusal_without_ack_is_dropped),
	UNIT_TEST(the_initiator_may_give_up_before_the_answer),
	UNIT_TEST(a_half_open_scan_ends_closed),
	UNIT_TEST(the_responder_may_reset_after_its_syn_ack),
	UNIT_TEST(a_fast_open_answer_passes_and_does_not_establish),
	UNIT_TEST(a_responders_fin_before_the_third_segment_is_kept_for_it),
	UNIT_TEST(a_responders_syn_after_its_syn_ack_has_the_same_number),
	UNIT_TEST(a_simultaneous_open_establishes_with_the_responders_half_first),
	UNIT_TEST(a_simultaneous_open_establishes_with_the_initiators_half_first),
	UNIT_TEST(crossing_syns_are_retransmitted),
	UNIT_TEST(an_initiator_that_got_no_syn_ack_sends_no_data),
	UNIT_TEST(a_lost_half_of_a_simultaneous_open_is_made_up_for),
	UNIT_TEST(either_side_may_reset_a_simultaneous_open),
	UNIT_TEST(data_flows_both_ways),
	UNIT_TEST(a_syn_on_an_established_connection_passes_and_changes_nothing),
	UNIT_TEST(a_syn_on_a_half_closed_connection_passes_and_changes_nothing),
	UNIT_TEST(a_late_syn_ack_passes_from_the_responder_alone),
	UNIT_TEST(the_initiator_closes_first_and_the_responder_goes_on),
	UNIT_TEST(the_responder_closes_first_and_the_initiator_goes_on),
	UNIT_TEST(a_fin_is_retransmitted),
	UNIT_TEST(both_sides_close_at_once),
	UNIT_TEST(late_segments_pass_after_the_orderly_close),
	UNIT_TEST(a_syn_ack_after_a_reset_is_dropped),
	UNIT_TEST(a_reset_closes_from_every_open_state),
	UNIT_TEST(after_a_reset_what_was_in_flight_passes_and_no_handshake),
	UNIT_TEST(a_new_syn_of_the_initiator_reuses_the_ports),
	UNIT_TEST(a_new_syn_of_the_former_responder_is_a_flow_the_other_way),
	UNIT_TEST(a_segment_without_ack_syn_and_rst_is_dropped_in_every_state),
	UNIT_TEST(every_transition_is_as_written),
	UNIT_TEST(no_loop_of_syn_and_syn_ack_reaches_the_long_timeout),
	UNIT_TEST(without_the_initiators_ack_nothing_reaches_the_long_timeout),
	UNIT_TEST(the_initiator_alone_never_leaves_syn_sent_but_to_closed),
	UNIT_TEST(repetition_does_not_keep_a_half_open_flow_alive),
	UNIT_TEST(progress_keeps_a_flow_alive),
	UNIT_TEST(an_ignored_syn_does_not_keep_a_flow_alive),
	UNIT_TEST(nothing_keeps_a_reset_flow_alive),
	UNIT_TEST(made_up_segments_fit_their_flow),
	UNIT_TEST(half_closed_connections_keep_the_long_timeout),
};

int main(void)
{
	return unit_run("flow_tcp", tests, UNIT_COUNT(tests));
}
