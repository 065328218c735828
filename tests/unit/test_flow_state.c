/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_play.h"

#include <stdlib.h>

/*
 * Names for the chunk types that matter, numbers for the rest; then, where it matters, the T bit,
 * the verification tag and the initiate tag: "DATA", "17", "ABORT.T.5", "INIT_ACK..5.6".
 */
static void make_sctp(struct pps_packet *packet, const char *text)
{
	static const struct {
		const char *name;
		uint8_t type;
	} chunks[] = {{"INIT", 1}, {"INIT_ACK", 2}, {"ECHO", 10}, {"ECHO_ACK", 11}, {"DATA", 0},
		{"SACK", 3}, {"HB", 4}, {"ABORT", 6}, {"DOWN", 7}, {"DOWN_ACK", 8}, {"ERROR", 9},
		{"DONE", 14}, {"TAGGED_INIT", 1}};

	size_t len = strcspn(text, ".");

	packet->protocol = PPS_IP_SCTP;
	packet->chunk_type = (uint8_t)atoi(text);
	packet->sctp_tag = 77;
	for (size_t i = 0; i < UNIT_COUNT(chunks); i++) {
		if (strlen(chunks[i].name) == len && strncmp(text, chunks[i].name, len) == 0)
			packet->chunk_type = chunks[i].type;
	}
	if (packet->chunk_type == PPS_SCTP_INIT || packet->chunk_type == PPS_SCTP_INIT_ACK)
		packet->sctp_init_tag = 77;
	if (strncmp(text, "INIT", len) == 0 && len == 4)
		packet->sctp_tag = 0;
	text += len;
	if (strncmp(text, ".T", 2) == 0) {
		packet->chunk_flags = PPS_SCTP_T;
		text += 2;
	} else if (*text == '.') {
		text++;
	}
	sscanf(text, ".%u.%u", &packet->sctp_tag, &packet->sctp_init_tag);
}

static const struct play_protocol sctp = {
	.prefix = "sctp_",
	.drop = PPS_REASON_FLOW_STATE_SCTP,
	.refuse = PPS_REASON_SCTP_NOT_INIT,
	.make = make_sctp,
};

#define SCTP_OPEN "i:INIT=init r:INIT_ACK=init i:ECHO=init r:ECHO_ACK=established "

static void make_dccp(struct pps_packet *packet, const char *text)
{
	static const char *const types[] = {"REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK",
		"CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK"};

	packet->protocol = PPS_IP_DCCP;
	packet->chunk_type = (uint8_t)atoi(text);
	for (size_t i = 0; i < UNIT_COUNT(types); i++) {
		if (strcmp(text, types[i]) == 0)
			packet->chunk_type = (uint8_t)i;
	}
}

static const struct play_protocol dccp = {
	.prefix = "dccp_",
	.drop = PPS_REASON_FLOW_STATE_DCCP,
	.refuse = PPS_REASON_DCCP_NOT_REQUEST,
	.make = make_dccp,
};

#define DCCP_OPEN "i:REQUEST=request r:RESPONSE=request i:ACK=open "

/* "v4:TYPE", "v6:TYPE" or either with ".CODE". */
static void make_icmp(struct pps_packet *packet, const char *text)
{
	const char *dot = strchr(text, '.');

	packet->family = text[1] == '4' ? 4 : 6;
	packet->protocol = packet->family == 4 ? PPS_IP_ICMP : PPS_IP_ICMPV6;
	packet->icmp_type = (uint8_t)atoi(text + 3);
	packet->icmp_code = dot != NULL ? (uint8_t)atoi(dot + 1) : 0;
	packet->icmp_id = 0x1234;
}

static const struct play_protocol icmp = {
	.prefix = "icmp_",
	.drop = PPS_REASON_FLOW_STATE_ICMP,
	.refuse = PPS_REASON_ICMP_NOT_QUERY,
	.make = make_icmp,
};

static void make_udp(struct pps_packet *packet, const char *text)
{
	packet->protocol = strcmp(text, "lite") == 0 ? PPS_IP_UDPLITE : PPS_IP_UDP;
}

static const struct play_protocol udp = {.prefix = "udp_", .make = make_udp};

static void make_other(struct pps_packet *packet, const char *text)
{
	packet->protocol = (uint8_t)atoi(text);
}

static const struct play_protocol other = {.prefix = "", .make = make_other};

static void udp_is_single_until_the_responder_sends(void)
{
	play(&udp, "i:d=single i:d=single i:d=single r:d=pair");
}

static void udp_stays_a_pair(void)
{
	play(&udp, "i:d=single r:d=pair i:d=pair i:d=pair r:d=pair");
}

static void udp_lite_is_like_udp(void)
{
	play(&udp, "i:lite=single i:lite=single r:lite=pair i:lite=pair");
}

static void other_protocols_have_one_state(void)
{
	play(&other, "i:47=other r:47=other i:47=other");
	play(&other, "i:50=other r:50=other");
	play(&other, "i:253=other i:253=other");
	play(&other, "i:0=other r:0=other");
}

static void icmp_of_the_other_family_is_just_another_protocol(void)
{
	play(&other, "i:58=other r:58=other");
}

static void an_echo_is_answered(void)
{
	play(&icmp, "i:v4:8=query r:v4:0=query i:v4:8=query r:v4:0=query");
	play(&icmp, "i:v6:128=query r:v6:129=query");
}

static void other_icmp_queries_are_answered(void)
{
	play(&icmp, "i:v4:13=query r:v4:14=query");
	play(&icmp, "i:v4:15=query r:v4:16=query");
	play(&icmp, "i:v4:17=query r:v4:18=query");
	play(&icmp, "i:v6:139=query r:v6:140=query");
}

static void an_icmp_reply_begins_nothing(void)
{
	static const char *const replies[] = {
		"v4:0", "v4:14", "v4:16", "v4:18", "v6:129", "v6:140"};

	for (size_t i = 0; i < UNIT_COUNT(replies); i++) {
		char script[40];

		snprintf(script, sizeof(script), "i:%s=refuse", replies[i]);
		play(&icmp, script);
	}
}

static void other_icmp_types_begin_nothing(void)
{
	for (unsigned int type = 0; type < 256; type++) {
		uint8_t query;
		char script[40];

		for (uint8_t family = 4; family <= 6; family += 2) {
			if (pps_icmp_is_query(family, (uint8_t)type, &query))
				continue;
			snprintf(script, sizeof(script), "i:v%u:%u=refuse", family, type);
			play(&icmp, script);
		}
	}
}

static void the_asker_sends_no_reply(void)
{
	play(&icmp, "i:v4:8=query i:v4:0=drop r:v4:0=query");
}

static void the_asked_side_sends_no_query(void)
{
	play(&icmp, "i:v4:8=query r:v4:8=drop i:v4:8=query");
	play(&icmp, "i:v6:128=query r:v6:128=drop");
}

static void a_query_with_another_code_is_not_the_same_flow(void)
{
	play(&icmp, "i:v4:8.0=query i:v4:8.5=drop i:v4:8.0=query");
	play(&icmp, "i:v6:139.2=query i:v6:139.2=query i:v6:139.0=drop");
}

static void a_reply_may_have_a_code_of_its_own(void)
{
	play(&icmp, "i:v6:139.1=query r:v6:140.2=query r:v6:140.0=query");
}

static void the_querys_code_is_kept_in_the_entry(void)
{
	struct play played;

	play_on(&played, &icmp, PPS_SIDE_OUTSIDE, "i:v6:139.2=query r:v6:140.1=query");
	CU_ASSERT_EQUAL(played.flow.scale, 2);
}

static void four_chunks_establish_an_association(void)
{
	play(&sctp, SCTP_OPEN);
}

static void only_an_init_with_tag_zero_begins_an_association(void)
{
	for (unsigned int type = 0; type < 256; type++) {
		char script[40];

		snprintf(script, sizeof(script), "i:%u=refuse", type);
		play(&sctp, script);
	}
	play(&sctp, "i:TAGGED_INIT=refuse");
	play(&sctp, "i:INIT=init i:TAGGED_INIT=drop:sctp_tag");
}

static void an_association_needs_its_four_chunks_in_order(void)
{
	play(&sctp, "i:INIT=init r:ECHO_ACK=drop i:ECHO=drop r:DATA=drop i:DATA=drop");
	play(&sctp, "i:INIT=init r:INIT_ACK=init r:ECHO_ACK=drop i:DATA=drop r:ECHO=drop");
	play(&sctp,
		"i:INIT=init r:INIT_ACK=init i:ECHO=init r:DATA=drop i:DATA=drop "
		"i:ECHO_ACK=drop r:ECHO_ACK=established");
	play(&sctp, "i:INIT=init i:INIT_ACK=drop i:ECHO_ACK=drop");
}

static void init_and_cookie_are_retransmitted(void)
{
	play(&sctp,
		"i:INIT=init i:INIT=init r:INIT_ACK=init r:INIT_ACK=init i:ECHO=init "
		"i:ECHO=init r:ECHO_ACK=established i:ECHO=established r:ECHO_ACK=established");
}

static void an_init_repeated_takes_nothing_back(void)
{
	play(&sctp,
		"i:INIT=init r:INIT_ACK=init i:INIT=init i:ECHO=init i:INIT=init r:INIT_ACK=init "
		"r:ECHO_ACK=established");
}

static void a_stale_cookie_begins_again(void)
{
	play(&sctp,
		"i:INIT=init r:INIT_ACK=init i:ECHO=init r:ERROR=init i:INIT=init "
		"r:INIT_ACK=init i:ECHO=init r:ECHO_ACK=established");
}

static void crossing_inits_establish(void)
{
	play(&sctp,
		"i:INIT=init r:INIT=init i:INIT_ACK=init r:INIT_ACK=init i:ECHO=init "
		"r:ECHO=init r:ECHO_ACK=established i:ECHO_ACK=established");
}

static void crossing_inits_need_a_cookie(void)
{
	play(&sctp, "i:INIT=init r:INIT=init i:ECHO_ACK=drop r:ECHO_ACK=drop i:DATA=drop");
}

static void an_abort_closes_from_every_phase(void)
{
	play(&sctp, "i:INIT=init r:ABORT=closing r:INIT_ACK=drop");
	play(&sctp, "i:INIT=init i:ABORT=drop:sctp_tag i:ABORT.T=closing");
	play(&sctp, "i:INIT=init r:INIT_ACK=init i:ABORT=closing");
	play(&sctp, "i:INIT=init r:INIT_ACK=init i:ECHO=init r:ABORT=closing");
	play(&sctp, SCTP_OPEN "i:ABORT=closing");
	play(&sctp, SCTP_OPEN "r:DOWN=closing i:ABORT=closing i:DATA=drop");
}

static void after_an_abort_only_aborts_pass(void)
{
	play(&sctp,
		SCTP_OPEN "r:ABORT=closing i:DATA=drop r:SACK=drop i:DOWN=drop r:DONE=drop "
			  "i:ECHO=drop i:ABORT=closing r:ABORT=closing");
}

static void an_association_carries_every_assigned_chunk(void)
{
	static const unsigned int chunks[] = {
		0, 3, 4, 5, 9, 12, 13, 15, 64, 128, 130, 132, 192, 193, 194};

	for (size_t i = 0; i < UNIT_COUNT(chunks); i++) {
		char script[120];

		snprintf(script, sizeof(script), SCTP_OPEN "i:%u=established r:%u=established",
			chunks[i], chunks[i]);
		play(&sctp, script);
	}
}

static void an_association_carries_no_unassigned_chunk(void)
{
	play(&sctp, SCTP_OPEN "i:17=drop r:63=drop i:255=drop i:129=drop r:195=drop");
}

static void an_association_shuts_down(void)
{
	play(&sctp,
		SCTP_OPEN "i:DOWN=closing r:DATA=closing i:SACK=closing r:DOWN_ACK=closing "
			  "i:DONE=closing r:DOWN_ACK=closing i:DONE=closing i:DATA=drop");
	play(&sctp, SCTP_OPEN "r:DOWN=closing i:DOWN=closing i:DOWN_ACK=closing r:DONE=closing");
}

static void a_shutdown_has_its_order(void)
{
	play(&sctp, SCTP_OPEN "i:DOWN_ACK=drop r:DONE=drop i:DATA=established");
}

static void an_init_on_an_open_association_passes_and_changes_nothing(void)
{
	play(&sctp,
		SCTP_OPEN "i:INIT=established r:INIT_ACK=established i:ECHO=established "
			  "r:ECHO_ACK=established i:DATA=established");
	play(&sctp, SCTP_OPEN "r:INIT=established");
}

static void an_init_after_the_end_begins_anew(void)
{
	play(&sctp,
		SCTP_OPEN "i:ABORT=closing i:INIT=again r:ECHO_ACK=drop r:INIT_ACK=init "
			  "i:ECHO=init r:ECHO_ACK=established");
	play(&sctp, SCTP_OPEN "i:DOWN=closing r:DOWN_ACK=closing i:DONE=closing r:INIT=again");
	play(&sctp, SCTP_OPEN "i:ABORT=closing i:TAGGED_INIT=drop:sctp_tag");
}

static void an_init_on_a_closing_association_passes_and_changes_nothing(void)
{
	play(&sctp,
		SCTP_OPEN "i:DOWN=closing i:INIT..0.5=closing r:DATA=closing "
			  "r:DOWN_ACK=closing i:DONE.T=closing i:INIT=again");
	play(&sctp,
		SCTP_OPEN "i:DOWN=closing i:INIT..0.5=closing r:INIT_ACK..5.6=closing "
			  "i:ECHO..6=closing r:ECHO_ACK..5=established i:DATA..6=established "
			  "r:DATA=drop:sctp_tag r:DATA..5=established");
}

/* The initiator's tag is 5, the responder's 6. */
#define SCTP_TAGGED \
	"i:INIT..0.5=init r:INIT_ACK..5.6=init i:ECHO..6=init r:ECHO_ACK..5=established "

static void every_packet_carries_the_tag_of_its_receiver(void)
{
	static const unsigned int chunks[] = {
		0, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 64, 128, 130, 132, 192, 193, 194};

	play(&sctp,
		"i:INIT..0.5=init r:INIT_ACK..6.6=drop:sctp_tag r:INIT_ACK..0.6=drop:sctp_tag "
		"r:INIT_ACK..5.6=init i:ECHO..5=drop:sctp_tag i:ECHO..6=init "
		"r:ECHO_ACK..6=drop:sctp_tag r:ECHO_ACK..5=established");
	for (size_t i = 0; i < UNIT_COUNT(chunks); i++) {
		char script[400];

		snprintf(script, sizeof(script),
			SCTP_TAGGED "i:%u..5=drop:sctp_tag r:%u..6=drop:sctp_tag "
				    "i:%u..0=drop:sctp_tag r:%u..7=drop:sctp_tag "
				    "i:DATA..6=established r:DATA..5=established",
			chunks[i], chunks[i], chunks[i], chunks[i]);
		play(&sctp, script);
	}
}

static void the_t_bit_means_the_senders_own_tag(void)
{
	play(&sctp, SCTP_TAGGED "i:ABORT.T.6=drop:sctp_tag i:ABORT.T.5=closing");
	play(&sctp, SCTP_TAGGED "r:ABORT.T.5=drop:sctp_tag r:ABORT.T.6=closing");
	play(&sctp, SCTP_TAGGED "i:ABORT..5=drop:sctp_tag i:ABORT..6=closing");
	play(&sctp,
		SCTP_TAGGED "i:DOWN..6=closing r:DOWN_ACK..5=closing i:DONE.T.6=drop:sctp_tag "
			    "i:DONE..5=drop:sctp_tag i:DONE.T.5=closing");
	play(&sctp, SCTP_TAGGED "i:DATA.T.5=drop:sctp_tag i:DOWN.T.5=drop:sctp_tag");
	play(&sctp, "i:INIT..0.5=init r:ABORT.T.0=drop:sctp_tag r:ABORT..5=closing");
}

static void the_tag_that_a_handshake_uses_is_the_one_that_holds(void)
{
	play(&sctp,
		"i:INIT..0.5=init i:INIT..0.8=init r:INIT_ACK..5.6=init i:ECHO..6=init "
		"r:ECHO_ACK..5=established r:DATA..8=drop:sctp_tag");
	play(&sctp,
		"i:INIT..0.5=init i:INIT..0.8=init r:INIT_ACK..8.6=init i:ECHO..6=init "
		"r:ECHO_ACK..8=established r:DATA..5=drop:sctp_tag r:DATA..8=established");
	play(&sctp,
		"i:INIT..0.5=init r:INIT_ACK..5.6=init r:INIT_ACK..5.9=init i:ECHO..6=init "
		"r:ECHO_ACK..5=established i:DATA..9=drop:sctp_tag i:DATA..6=established");
	play(&sctp,
		"i:INIT..0.5=init r:INIT_ACK..5.6=init r:INIT_ACK..5.9=init i:ECHO..9=init "
		"r:ECHO_ACK..5=established i:DATA..6=drop:sctp_tag i:DATA..9=established");
	play(&sctp, "i:INIT..0.5=init i:INIT..0.8=init r:ABORT..8=init r:INIT_ACK..5.6=init");
}

static void a_restart_takes_new_tags_when_its_handshake_is_complete(void)
{
	play(&sctp,
		SCTP_TAGGED "i:INIT..0.7=established r:DATA..5=established "
			    "r:INIT_ACK..7.8=established i:DATA..6=established "
			    "i:DATA..8=drop:sctp_tag i:ECHO..8=established "
			    "r:DATA..5=established r:DATA..7=drop:sctp_tag "
			    "r:ECHO_ACK..7=established i:DATA..8=established "
			    "r:DATA..7=established i:DATA..6=drop:sctp_tag "
			    "r:DATA..5=drop:sctp_tag");
	play(&sctp,
		SCTP_TAGGED "r:INIT..0.7=established i:INIT_ACK..7.8=established "
			    "r:ECHO..8=established i:ECHO_ACK..7=established "
			    "r:DATA..8=established i:DATA..7=established");
}

static void half_a_restart_changes_no_tag(void)
{
	play(&sctp,
		SCTP_TAGGED "i:INIT..0.7=established r:ECHO_ACK..7=drop:sctp_tag "
			    "r:ABORT..7=established i:DATA..6=established "
			    "r:INIT_ACK..7.8=established r:ECHO_ACK..7=drop:sctp_tag "
			    "i:DOWN..8=drop:sctp_tag r:DATA..5=established");
	play(&sctp,
		SCTP_TAGGED "i:INIT..0.7=established r:INIT_ACK..9.8=drop:sctp_tag "
			    "i:ECHO..8=drop:sctp_tag i:ECHO..7=drop:sctp_tag");
}

static void a_shutdown_of_old_may_answer_an_init(void)
{
	play(&sctp,
		"i:INIT..0.5=init r:DOWN_ACK..33=init i:DONE.T.33=init i:DONE..33=drop:sctp_tag "
		"r:DOWN_ACK..0=drop:sctp_tag i:DOWN_ACK..33=drop r:DONE.T.33=drop "
		"r:INIT_ACK..5.6=init r:DOWN_ACK..33=drop");
}

static void a_dccp_handshake_opens(void)
{
	play(&dccp, DCCP_OPEN "i:DATA=open r:DATAACK=open r:DATA=open i:ACK=open");
	play(&dccp, "i:REQUEST=request r:RESPONSE=request i:DATAACK=open");
}

static void only_a_request_begins_a_dccp_connection(void)
{
	for (unsigned int type = 1; type < 256; type++) {
		char script[40];

		snprintf(script, sizeof(script), "i:%u=refuse", type);
		play(&dccp, script);
	}
}

static void a_dccp_handshake_has_its_order(void)
{
	play(&dccp,
		"i:REQUEST=request i:ACK=drop i:DATAACK=drop i:DATA=drop i:RESPONSE=drop "
		"r:ACK=drop r:DATA=drop r:REQUEST=drop");
	play(&dccp,
		"i:REQUEST=request r:RESPONSE=request i:DATA=drop r:DATA=drop r:ACK=drop "
		"r:CLOSE=drop i:ACK=open");
}

static void dccp_request_and_response_are_retransmitted(void)
{
	play(&dccp,
		"i:REQUEST=request i:REQUEST=request r:RESPONSE=request i:REQUEST=request "
		"r:RESPONSE=request i:ACK=open i:REQUEST=open r:RESPONSE=open");
}

static void a_dccp_sync_answers_a_request_of_an_old_connection(void)
{
	play(&dccp,
		"i:REQUEST=request r:SYNC=request i:RESET=closing i:REQUEST=again "
		"r:RESPONSE=request i:ACK=open");
}

static void a_dccp_connection_keeps_in_step(void)
{
	play(&dccp, DCCP_OPEN "i:SYNC=open r:SYNCACK=open r:SYNC=open i:SYNCACK=open");
}

static void only_the_server_asks_to_close(void)
{
	play(&dccp,
		DCCP_OPEN "i:CLOSEREQ=drop r:CLOSEREQ=closing i:CLOSEREQ=drop "
			  "i:CLOSE=closing r:RESET=closing i:DATA=drop r:RESET=closing");
}

static void either_side_closes_a_dccp_connection(void)
{
	play(&dccp, DCCP_OPEN "i:CLOSE=closing r:DATA=closing i:ACK=closing r:RESET=closing");
	play(&dccp, DCCP_OPEN "r:CLOSE=closing i:RESET=closing r:ACK=drop");
	play(&dccp, "i:REQUEST=request r:RESPONSE=request i:CLOSE=closing r:RESET=closing");
}

static void a_dccp_refusal_closes(void)
{
	play(&dccp, "i:REQUEST=request r:RESET=closing r:RESPONSE=drop i:ACK=drop");
}

static void unknown_dccp_types_are_dropped(void)
{
	play(&dccp, DCCP_OPEN "i:10=drop r:15=drop i:255=drop");
}

static void a_dccp_request_after_the_end_begins_anew(void)
{
	play(&dccp,
		DCCP_OPEN "i:CLOSE=closing i:REQUEST=again i:ACK=drop r:RESPONSE=request "
			  "i:ACK=open");
	play(&dccp, DCCP_OPEN "i:RESET=closing r:REQUEST=again");
}

static void repetition_does_not_keep_a_half_open_association_alive(void)
{
	struct play played;

	play_on(&played, &sctp, PPS_SIDE_INSIDE, "i:INIT=init r:INIT_ACK=init i:INIT=init");
	CU_ASSERT_EQUAL(played.flow.seen, 1001);
	play_on(&played, &sctp, PPS_SIDE_INSIDE, SCTP_OPEN "i:DATA=established i:INIT=established");
	CU_ASSERT_EQUAL(played.flow.seen, 1005);
	play_on(&played, &dccp, PPS_SIDE_INSIDE, "i:REQUEST=request r:RESPONSE=request");
	CU_ASSERT_EQUAL(played.flow.seen, 1001);
	play_on(&played, &udp, PPS_SIDE_INSIDE, "i:d=single i:d=single");
	CU_ASSERT_EQUAL(played.flow.seen, 1002);
}

static void every_state_has_its_own_word(void)
{
	for (int a = 0; a < PPS_FLOW_STATE_COUNT; a++) {
		const char *word = pps_flow_state_word((enum pps_flow_state)a);

		CU_ASSERT_PTR_NOT_NULL_FATAL(word);
		CU_ASSERT_TRUE(word[0] != '\0');
		for (int b = 0; b < a; b++)
			CU_ASSERT_STRING_NOT_EQUAL(
				word, pps_flow_state_word((enum pps_flow_state)b));
	}
	CU_ASSERT_STRING_EQUAL(pps_flow_state_word(PPS_FLOW_STATE_COUNT), "unknown");
}

static void every_state_has_the_timeout_of_the_policy(void)
{
	uint32_t seconds[PPS_TIMEOUT_COUNT];
	struct pps_flow_timeouts timeouts;
	static const struct {
		enum pps_flow_state state;
		enum pps_timeout timeout;
	} cases[] = {{PPS_FLOW_TCP_SYN_SENT, PPS_TIMEOUT_TCP_HANDSHAKE},
		{PPS_FLOW_TCP_SYN_CROSSED, PPS_TIMEOUT_TCP_HANDSHAKE},
		{PPS_FLOW_TCP_SYN_RECEIVED, PPS_TIMEOUT_TCP_HANDSHAKE},
		{PPS_FLOW_TCP_ESTABLISHED, PPS_TIMEOUT_TCP_ESTABLISHED},
		{PPS_FLOW_TCP_FIN_INITIATOR, PPS_TIMEOUT_TCP_ESTABLISHED},
		{PPS_FLOW_TCP_CLOSING, PPS_TIMEOUT_TCP_CLOSING},
		{PPS_FLOW_TCP_CLOSED, PPS_TIMEOUT_TCP_CLOSING},
		{PPS_FLOW_UDP_SINGLE, PPS_TIMEOUT_UDP_SINGLE}, {PPS_FLOW_UDP_PAIR, PPS_TIMEOUT_UDP},
		{PPS_FLOW_ICMP_QUERY, PPS_TIMEOUT_ICMP},
		{PPS_FLOW_SCTP_ESTABLISHED, PPS_TIMEOUT_SCTP_ESTABLISHED},
		{PPS_FLOW_DCCP_OPEN, PPS_TIMEOUT_DCCP}, {PPS_FLOW_OTHER, PPS_TIMEOUT_OTHER}};

	for (uint32_t i = 0; i < PPS_TIMEOUT_COUNT; i++)
		seconds[i] = 100 + i;
	pps_flow_timeouts_make(seconds, &timeouts);
	for (size_t i = 0; i < UNIT_COUNT(cases); i++)
		CU_ASSERT_EQUAL(timeouts.ticks[cases[i].state], (100 + cases[i].timeout) * 1000);
}

static void a_timeout_never_passes_a_week(void)
{
	uint32_t seconds[PPS_TIMEOUT_COUNT];
	struct pps_flow_timeouts timeouts;

	memset(seconds, 0xff, sizeof(seconds));
	pps_flow_timeouts_make(seconds, &timeouts);
	CU_ASSERT_EQUAL(timeouts.ticks[PPS_FLOW_OTHER], 604800000);
}

static void a_flow_expires_exactly_at_its_timeout(void)
{
	struct pps_flow_timeouts timeouts = {.ticks = {[PPS_FLOW_UDP_SINGLE] = 30000}};
	struct pps_flow flow = {.state = PPS_FLOW_UDP_SINGLE, .seen = 5000};

	CU_ASSERT_FALSE(pps_flow_expired(&flow, &timeouts, 5000));
	CU_ASSERT_FALSE(pps_flow_expired(&flow, &timeouts, 34999));
	CU_ASSERT_TRUE(pps_flow_expired(&flow, &timeouts, 35000));
	CU_ASSERT_TRUE(pps_flow_expired(&flow, &timeouts, 35001));
}

static void ticks_may_wrap(void)
{
	struct pps_flow_timeouts timeouts = {.ticks = {[PPS_FLOW_UDP_PAIR] = 120000}};
	struct pps_flow flow = {.state = PPS_FLOW_UDP_PAIR, .seen = UINT32_MAX - 999};

	CU_ASSERT_FALSE(pps_flow_expired(&flow, &timeouts, UINT32_MAX));
	CU_ASSERT_FALSE(pps_flow_expired(&flow, &timeouts, 0));
	CU_ASSERT_FALSE(pps_flow_expired(&flow, &timeouts, 118999));
	CU_ASSERT_TRUE(pps_flow_expired(&flow, &timeouts, 119000));
}

static void a_week_fits_into_half_of_the_ticks(void)
{
	struct pps_flow_timeouts timeouts = {.ticks = {[PPS_FLOW_OTHER] = 604800000}};
	struct pps_flow flow = {.state = PPS_FLOW_OTHER, .seen = 4000000000u};

	CU_ASSERT_FALSE(pps_flow_expired(&flow, &timeouts, 4000000000u + 604799999u));
	CU_ASSERT_TRUE(pps_flow_expired(&flow, &timeouts, 4000000000u + 604800000u));
}

static void packets_and_bytes_are_counted_by_side(void)
{
	struct play played;

	play_on(&played, &udp, PPS_SIDE_OUTSIDE, "i:d=single i:d=single r:d=pair");
	CU_ASSERT_EQUAL(played.flow.packets[PPS_SIDE_OUTSIDE], 2);
	CU_ASSERT_EQUAL(played.flow.packets[PPS_SIDE_INSIDE], 1);
	CU_ASSERT_EQUAL(played.flow.bytes[PPS_SIDE_OUTSIDE], 120);
	CU_ASSERT_EQUAL(played.flow.bytes[PPS_SIDE_INSIDE], 60);
}

static void dropped_packets_are_not_counted(void)
{
	struct play played;

	play_on(&played, &icmp, PPS_SIDE_INSIDE, "i:v4:8=query i:v4:0=drop r:v4:8=drop");
	CU_ASSERT_EQUAL(played.flow.packets[PPS_SIDE_INSIDE], 1);
	CU_ASSERT_EQUAL(played.flow.packets[PPS_SIDE_OUTSIDE], 0);
	CU_ASSERT_EQUAL(played.flow.seen, 1001);
}

static void a_wrapping_packet_count_carries_into_the_cold_part(void)
{
	struct pps_flow flow = {.state = PPS_FLOW_UDP_PAIR, .packets = {UINT32_MAX, 7}};
	struct pps_packet packet = {.family = 4, .protocol = PPS_IP_UDP, .length = 100};
	struct pps_flow_cold cold = {0};

	pps_flow_apply(&flow, &cold, &packet, PPS_SIDE_INSIDE, PPS_FLOW_UDP_PAIR, 1);
	CU_ASSERT_EQUAL(flow.packets[0], 0);
	CU_ASSERT_EQUAL(cold.packets_high[0], 1);
	pps_flow_apply(&flow, &cold, &packet, PPS_SIDE_INSIDE, PPS_FLOW_UDP_PAIR, 1);
	CU_ASSERT_EQUAL(flow.packets[0], 1);
	CU_ASSERT_EQUAL(cold.packets_high[0], 1);
	CU_ASSERT_EQUAL(cold.packets_high[1], 0);
	CU_ASSERT_EQUAL(flow.packets[1], 7);
}

static void a_wrapping_byte_count_carries_into_the_cold_part(void)
{
	struct pps_flow flow = {.state = PPS_FLOW_UDP_PAIR, .bytes = {UINT32_MAX - 99, 7}};
	struct pps_packet packet = {.family = 4, .protocol = PPS_IP_UDP, .length = 100};
	struct pps_flow_cold cold = {0};

	pps_flow_apply(&flow, &cold, &packet, PPS_SIDE_INSIDE, PPS_FLOW_UDP_PAIR, 1);
	CU_ASSERT_EQUAL(pps_flow_bytes(&flow, &cold, 0), 1ull << 32);
	pps_flow_apply(&flow, &cold, &packet, PPS_SIDE_INSIDE, PPS_FLOW_UDP_PAIR, 1);
	CU_ASSERT_EQUAL(pps_flow_bytes(&flow, &cold, 0), (1ull << 32) + 100);
	CU_ASSERT_EQUAL(pps_flow_bytes(&flow, &cold, 1), 7);
}

static void a_flow_is_replied_when_the_responder_has_sent(void)
{
	struct play played;

	for (int side = 0; side < 2; side++) {
		play_on(&played, &udp, (enum pps_side)side, "i:d=single i:d=single");
		CU_ASSERT_EQUAL(played.flow.flags & PPS_FLOW_REPLIED, 0);
		play_on(&played, &udp, (enum pps_side)side, "i:d=single r:d=pair");
		CU_ASSERT_EQUAL(played.flow.flags & PPS_FLOW_REPLIED, PPS_FLOW_REPLIED);
	}
}

static void applying_keeps_the_callers_fields(void)
{
	struct pps_packet packet = {.family = 4, .protocol = PPS_IP_UDP, .length = 100};
	struct pps_flow flow = {.generation = 3, .rule = 9, .flags = PPS_FLOW_LOG, .initiator = 1};
	struct pps_flow_cold cold = {.started_ns = 55};

	pps_flow_apply(&flow, &cold, &packet, PPS_SIDE_OUTSIDE, PPS_FLOW_UDP_SINGLE, 4);
	CU_ASSERT_EQUAL(flow.generation, 3);
	CU_ASSERT_EQUAL(flow.rule, 9);
	CU_ASSERT_EQUAL(flow.flags, PPS_FLOW_LOG);
	CU_ASSERT_EQUAL(flow.initiator, 1);
	CU_ASSERT_EQUAL(flow.seen, 4);
	CU_ASSERT_EQUAL(cold.started_ns, 55);
}

/* Garbage of every kind through all machines: nothing but defined states may come out. */
static void no_packet_leads_out_of_the_states(void)
{
	static const uint8_t protocols[] = {1, 6, 17, 33, 47, 58, 132, 136};
	uint32_t seed = 12345;

	for (unsigned int i = 0; i < 400000; i++) {
		struct pps_packet packet = {.length = 60};
		enum pps_flow_state state;
		struct pps_flow_cold cold = {0};
		struct pps_flow flow = {0};
		bool restart;

		seed = seed * 1664525u + 1013904223u;
		packet.protocol = protocols[seed >> 29];
		packet.family = (seed >> 28 & 1) != 0 ? 4 : 6;
		packet.tcp_flags = (uint8_t)(seed >> 8);
		packet.chunk_type = packet.icmp_type = (uint8_t)(seed >> 16);
		packet.payload_len = seed >> 4 & 1;
		flow.state = (uint8_t)(seed >> 3) % PPS_FLOW_STATE_COUNT;
		flow.scale = (uint8_t)(seed >> 11);
		flow.initiator = seed >> 27 & 1;
		CU_ASSERT_FATAL(
			pps_flow_step(&flow, &cold, &packet, (enum pps_side)(seed >> 26 & 1),
				&state, &restart) < PPS_REASON_COUNT);
		CU_ASSERT_FATAL((unsigned int)state < PPS_FLOW_STATE_COUNT);
		pps_flow_apply(&flow, &cold, &packet, (enum pps_side)(seed >> 26 & 1), state, 1);
		CU_ASSERT_FATAL(flow.state < PPS_FLOW_STATE_COUNT);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(udp_is_single_until_the_responder_sends),
	UNIT_TEST(udp_stays_a_pair),
	UNIT_TEST(udp_lite_is_like_udp),
	UNIT_TEST(other_protocols_have_one_state),
	UNIT_TEST(icmp_of_the_other_family_is_just_another_protocol),
	UNIT_TEST(an_echo_is_answered),
	UNIT_TEST(other_icmp_queries_are_answered),
	UNIT_TEST(an_icmp_reply_begins_nothing),
	UNIT_TEST(other_icmp_types_begin_nothing),
	UNIT_TEST(the_asker_sends_no_reply),
	UNIT_TEST(the_asked_side_sends_no_query),
	UNIT_TEST(a_query_with_another_code_is_not_the_same_flow),
	UNIT_TEST(a_reply_may_have_a_code_of_its_own),
	UNIT_TEST(the_querys_code_is_kept_in_the_entry),
	UNIT_TEST(four_chunks_establish_an_association),
	UNIT_TEST(only_an_init_with_tag_zero_begins_an_association),
	UNIT_TEST(an_association_needs_its_four_chunks_in_order),
	UNIT_TEST(init_and_cookie_are_retransmitted),
	UNIT_TEST(an_init_repeated_takes_nothing_back),
	UNIT_TEST(a_stale_cookie_begins_again),
	UNIT_TEST(crossing_inits_establish),
	UNIT_TEST(crossing_inits_need_a_cookie),
	UNIT_TEST(an_abort_closes_from_every_phase),
	UNIT_TEST(after_an_abort_only_aborts_pass),
	UNIT_TEST(an_association_carries_every_assigned_chunk),
	UNIT_TEST(an_association_carries_no_unassigned_chunk),
	UNIT_TEST(an_association_shuts_down),
	UNIT_TEST(a_shutdown_has_its_order),
	UNIT_TEST(an_init_on_an_open_association_passes_and_changes_nothing),
	UNIT_TEST(an_init_after_the_end_begins_anew),
	UNIT_TEST(an_init_on_a_closing_association_passes_and_changes_nothing),
	UNIT_TEST(every_packet_carries_the_tag_of_its_receiver),
	UNIT_TEST(the_t_bit_means_the_senders_own_tag),
	UNIT_TEST(the_tag_that_a_handshake_uses_is_the_one_that_holds),
	UNIT_TEST(a_restart_takes_new_tags_when_its_handshake_is_complete),
	UNIT_TEST(half_a_restart_changes_no_tag),
	UNIT_TEST(a_shutdown_of_old_may_answer_an_init),
	UNIT_TEST(a_dccp_handshake_opens),
	UNIT_TEST(only_a_request_begins_a_dccp_connection),
	UNIT_TEST(a_dccp_handshake_has_its_order),
	UNIT_TEST(dccp_request_and_response_are_retransmitted),
	UNIT_TEST(a_dccp_sync_answers_a_request_of_an_old_connection),
	UNIT_TEST(a_dccp_connection_keeps_in_step),
	UNIT_TEST(only_the_server_asks_to_close),
	UNIT_TEST(either_side_closes_a_dccp_connection),
	UNIT_TEST(a_dccp_refusal_closes),
	UNIT_TEST(unknown_dccp_types_are_dropped),
	UNIT_TEST(a_dccp_request_after_the_end_begins_anew),
	UNIT_TEST(repetition_does_not_keep_a_half_open_association_alive),
	UNIT_TEST(every_state_has_its_own_word),
	UNIT_TEST(every_state_has_the_timeout_of_the_policy),
	UNIT_TEST(a_timeout_never_passes_a_week),
	UNIT_TEST(a_flow_expires_exactly_at_its_timeout),
	UNIT_TEST(ticks_may_wrap),
	UNIT_TEST(a_week_fits_into_half_of_the_ticks),
	UNIT_TEST(packets_and_bytes_are_counted_by_side),
	UNIT_TEST(dropped_packets_are_not_counted),
	UNIT_TEST(a_wrapping_packet_count_carries_into_the_cold_part),
	UNIT_TEST(a_wrapping_byte_count_carries_into_the_cold_part),
	UNIT_TEST(a_flow_is_replied_when_the_responder_has_sent),
	UNIT_TEST(applying_keeps_the_callers_fields),
	UNIT_TEST(no_packet_leads_out_of_the_states),
};

int main(void)
{
	return unit_run("flow_state", tests, UNIT_COUNT(tests));
}
