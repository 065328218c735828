/* SPDX-License-Identifier: BSD-3-Clause */
/* Events from the worker's call to the JSON object: what is said, and what is not;
 * and where objects go in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event_fixture.h"

/* Drains one record and compares its object with 'expected', "time", "seq" and "severity" aside. */
static void expect_json(struct event_fixture *f, const char *expected)
{
	json_t *tail, *event, *want = json_loads(expected, 0, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(want);
	CU_ASSERT_EQUAL(pps_event_log_drain(f->log, f->source, 10), 1);
	tail = pps_event_log_tail(f->log, NULL, 0, 1);
	event = json_array_get(tail, 0);
	CU_ASSERT_EQUAL(json_object_del(event, "time"), 0);
	CU_ASSERT_EQUAL(json_object_del(event, "seq"), 0);
	CU_ASSERT_EQUAL(json_object_del(event, "severity"), 0);
	CU_ASSERT(json_equal(event, want));
	if (!json_equal(event, want)) {
		char *text = json_dumps(event, JSON_COMPACT);

		printf("# got  %s\n# want %s\n", text, expected);
		free(text);
	}
	json_decref(want);
	json_decref(tail);
}

static void a_deny_says_who_what_where_and_why(void)
{
	struct pps_packet packet = event_make_telnet(40000);
	struct event_fixture f;
	uint32_t slot;

	event_set_up(&f, 64);
	slot = pps_rule_book_hold(f.book, "BAN-0001");
	pps_event_log_generation(f.log, 3, "web-enclave", 7);
	for (int i = 0; i < 5; i++)
		pps_event_deny(f.source, NOW, &packet, 1, PPS_SIDE_OUTSIDE, PPS_REASON_BANNED, slot,
			3, false);
	pps_event_tick(f.source, NOW, true);
	expect_json(&f,
		"{\"event\":\"deny\",\"segment\":\"lab\",\"direction\":\"inbound\","
		"\"reason\":\"banned\",\"step\":\"classify\",\"protocol\":\"tcp\","
		"\"source\":\"203.0.113.9\",\"source_port\":40000,"
		"\"destination\":\"198.51.100.10\",\"destination_port\":23,\"count\":5,"
		"\"rule\":\"BAN-0001\",\"policy\":\"web-enclave\",\"revision\":7,\"generation\":"
		"3}");
	event_tear_down(&f);
}

static void an_egress_is_a_deny_of_a_class_of_its_own_and_an_alert(void)
{
	struct pps_packet packet = event_make_telnet(1);
	struct event_fixture f;
	unsigned int n_alerts = 0;
	json_t *tail;

	event_set_up(&f, 256);
	pps_event_deny(f.source, NOW, &packet, 0, PPS_SIDE_INSIDE, PPS_REASON_NOT_APPROVED, 0, 0,
		PPS_EVENT_EGRESS);
	/* The same packet of a flow that was approved once is another record. */
	pps_event_deny(
		f.source, NOW, &packet, 0, PPS_SIDE_INSIDE, PPS_REASON_NOT_APPROVED, 0, 0, 0);
	pps_event_tick(f.source, NOW, true);
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 10), 2);
	tail = pps_event_log_tail(f.log, NULL, 0, 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *event = json_array_get(tail, i);
		const char *class = json_string_value(json_object_get(event, "class"));
		const char *severity = json_string_value(json_object_get(event, "severity"));

		CU_ASSERT_PTR_NOT_NULL_FATAL(severity);
		CU_ASSERT_STRING_EQUAL(severity, class != NULL ? "alert" : "notice");
		CU_ASSERT(class == NULL || strcmp(class, "egress") == 0);
		CU_ASSERT_PTR_NULL(json_object_get(event, "audit"));
		n_alerts += class != NULL;
	}
	CU_ASSERT_EQUAL(n_alerts, 1);
	json_decref(tail);
	event_tear_down(&f);
}

static void a_deny_says_only_what_applies(void)
{
	struct pps_packet v6 =
		event_make_packet(PPS_IP_UDP, "2001:db8::1", 53, "2001:db8::2", 5353);
	struct pps_packet ping = event_make_packet(PPS_IP_ICMP, "10.0.0.1", 0, "10.0.0.2", 0);
	struct pps_packet gre = event_make_packet(PPS_IP_GRE, "10.0.0.1", 0, "10.0.0.2", 0);
	struct pps_packet cut = event_make_packet(PPS_IP_TCP, "10.0.0.1", 0, "10.0.0.2", 0);
	struct pps_packet arp = {.kind = PPS_PACKET_ARP, .ethertype = PPS_ETHERTYPE_ARP};
	struct pps_packet broken = {.family = 4, .ethertype = PPS_ETHERTYPE_IPV4};
	const struct {
		const struct pps_packet *packet;
		enum pps_reason reason;
		unsigned int flags;
		const char *expected;
	} cases[] = {
		{&v6, PPS_REASON_NOT_APPROVED, 0,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"not_approved\",\"step\":\"classify\",\"protocol\":\"udp\","
			"\"source\":\"2001:db8::1\",\"source_port\":53,"
			"\"destination\":\"2001:db8::2\",\"destination_port\":5353,"
			"\"vlan\":5,\"inner_vlan\":6,\"count\":1}"},
		{&ping, PPS_REASON_NOT_APPROVED, PPS_EVENT_AUDIT,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"not_approved\",\"step\":\"classify\",\"protocol\":\"icmp\","
			"\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\",\"icmp_type\":8,"
			"\"icmp_code\":0,\"count\":1,\"audit\":true}"},
		{&gre, PPS_REASON_TUNNEL, 0,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"tunnel\",\"step\":\"tunnel\",\"protocol\":\"gre\","
			"\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\",\"count\":1}"},
		{&cut, PPS_REASON_L4_TRUNCATED, 0,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"l4_truncated\",\"step\":\"headers\",\"protocol\":\"tcp\","
			"\"source\":\"10.0.0.1\",\"destination\":\"10.0.0.2\",\"count\":1}"},
		{&arp, PPS_REASON_ARP_DENIED, 0,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"arp_denied\",\"step\":\"link\",\"ethertype\":\"0x0806\","
			"\"count\":1}"},
		{&broken, PPS_REASON_IP_TRUNCATED, 0,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"ip_truncated\",\"step\":\"headers\",\"count\":1}"},
		{&arp, PPS_REASON_ARP_DENIED, PPS_EVENT_OBSERVER,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"arp_denied\",\"step\":\"link\",\"ethertype\":\"0x0806\","
			"\"count\":1,\"observer\":true}"},
		{&arp, PPS_REASON_ARP_DENIED, PPS_EVENT_OBSERVER | PPS_EVENT_ANSWERS,
			"{\"event\":\"deny\",\"segment\":\"dmz\",\"direction\":\"outbound\","
			"\"reason\":\"arp_denied\",\"step\":\"link\",\"ethertype\":\"0x0806\","
			"\"count\":1,\"observer\":true,\"answers\":true}"},
		{&arp, PPS_REASON_SIDE_UNKNOWN, PPS_EVENT_OBSERVER,
			"{\"event\":\"deny\",\"segment\":\"dmz\","
			"\"reason\":\"side_unknown\",\"step\":\"link\",\"ethertype\":\"0x0806\","
			"\"count\":1,\"observer\":true}"},
	};
	struct event_fixture f;

	v6.vlan = 5;
	v6.inner_vlan = 6;
	ping.icmp_type = 8;
	cut.l4_offset = 0;
	event_set_up(&f, 64);
	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		pps_event_deny(f.source, NOW, cases[i].packet, 0, PPS_SIDE_INSIDE, cases[i].reason,
			0, 0, cases[i].flags);
		pps_event_tick(f.source, NOW, true);
		expect_json(&f, cases[i].expected);
	}
	event_tear_down(&f);
}

static void lost_records_are_said_once_and_summed(void)
{
	struct pps_event_log_stats stats;
	struct event_fixture f;
	json_t *tail;

	event_set_up(&f, 4);
	for (int i = 0; i < 10; i++)
		event_add_flow_start(&f, NOW);
	pps_event_log_drain(f.log, f.source, 100);
	event_add_flow_start(&f, NOW);
	event_add_flow_start(&f, NOW);
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 100), 2);
	tail = pps_event_log_tail(f.log, NULL, 0, 2);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(tail, 0), "lost")), 6);
	CU_ASSERT_PTR_NULL(json_object_get(json_array_get(tail, 1), "lost"));
	json_decref(tail);
	pps_event_log_stats(f.log, &stats);
	CU_ASSERT_EQUAL(stats.lost, 6);
	CU_ASSERT_EQUAL(stats.written, 6);
	event_tear_down(&f);
}

/* A flow from the packet's source, with its key made as the filter makes it. */
static void add_flow(struct event_fixture *f, enum pps_event_kind kind,
	const struct pps_packet *packet, enum pps_side side, enum pps_flow_end end)
{
	struct pps_flow flow = {
		.generation = 3,
		.rule = pps_rule_book_find(f->book, "PPS-0001"),
		.state = PPS_FLOW_TCP_ESTABLISHED,
		.initiator = (uint8_t)side,
		.scale = packet->icmp_code,
	};
	struct pps_flow_cold cold = {.started_ns = NOW};
	struct pps_flow_key key;

	pps_flow_key_make(packet, 0, side, &key);
	flow.packets[side] = 11;
	flow.packets[!side] = 12;
	cold.packets_high[!side] = 1;
	flow.bytes[side] = 1100;
	flow.bytes[!side] = 1200;
	pps_event_flow(f->source, kind, NOW + 2500 * PPS_NS_PER_MS, &key, &flow, &cold, end);
}

static void a_flow_tells_its_beginning_and_its_end(void)
{
	struct pps_packet packet =
		event_make_packet(PPS_IP_TCP, "203.0.113.9", 40000, "198.51.100.10", 443);
	struct event_fixture f;

	event_set_up(&f, 64);
	pps_rule_book_hold(f.book, "PPS-0001");
	pps_event_log_generation(f.log, 3, "web-enclave", 7);
	packet.vlan = 5;
	add_flow(&f, PPS_EVENT_FLOW_START, &packet, PPS_SIDE_OUTSIDE, 0);
	expect_json(&f,
		"{\"event\":\"flow_start\",\"segment\":\"dmz\",\"direction\":\"inbound\","
		"\"protocol\":\"tcp\",\"source\":\"203.0.113.9\",\"source_port\":40000,"
		"\"destination\":\"198.51.100.10\",\"destination_port\":443,\"vlan\":5,"
		"\"rule\":\"PPS-0001\",\"policy\":\"web-enclave\",\"revision\":7,"
		"\"generation\":3}");
	add_flow(&f, PPS_EVENT_FLOW_END, &packet, PPS_SIDE_OUTSIDE, PPS_FLOW_END_REVOKED);
	expect_json(&f,
		"{\"event\":\"flow_end\",\"segment\":\"dmz\",\"direction\":\"inbound\","
		"\"protocol\":\"tcp\",\"source\":\"203.0.113.9\",\"source_port\":40000,"
		"\"destination\":\"198.51.100.10\",\"destination_port\":443,\"vlan\":5,"
		"\"rule\":\"PPS-0001\",\"policy\":\"web-enclave\",\"revision\":7,"
		"\"generation\":3,\"end\":\"revoked\",\"state\":\"tcp_established\","
		"\"started\":\"2026-01-01T00:00:00.000Z\",\"duration_ms\":2500,"
		"\"packets\":{\"initiator\":11,\"responder\":4294967308},"
		"\"bytes\":{\"initiator\":1100,\"responder\":1200}}");
	event_tear_down(&f);
}

/* The members of a flow's record that come from its rule, as "assurance/approved_by". */
static void expect_approval(struct event_fixture *f, const char *assurance, const char *approved_by)
{
	struct pps_packet packet = event_make_packet(PPS_IP_UDP, "10.0.0.1", 1, "10.0.0.2", 2);
	const char *keys[] = {"assurance", "approved_by"}, *wanted[] = {assurance, approved_by};
	json_t *tail;

	add_flow(f, PPS_EVENT_FLOW_START, &packet, PPS_SIDE_INSIDE, 0);
	CU_ASSERT_EQUAL(pps_event_log_drain(f->log, f->source, 10), 1);
	tail = pps_event_log_tail(f->log, NULL, 0, 1);
	for (size_t i = 0; i < UNIT_COUNT(keys); i++) {
		const char *text =
			json_string_value(json_object_get(json_array_get(tail, 0), keys[i]));

		CU_ASSERT_EQUAL_FATAL(text == NULL, wanted[i] == NULL);
		if (text != NULL)
			CU_ASSERT_STRING_EQUAL(text, wanted[i]);
	}
	json_decref(tail);
}

/* The flows of add_flow() are of generation 3 and of the rule in slot 1. */
static void a_flow_tells_the_approval_it_was_judged_by(void)
{
	struct event_fixture f;

	event_set_up(&f, 64);
	pps_rule_book_hold(f.book, "PPS-0001");
	expect_approval(&f, NULL, NULL);
	pps_event_log_approval(f.log, 2, 1, "high", "CMB 1");
	expect_approval(&f, "high", "CMB 1");
	pps_event_log_approval(f.log, 4, 1, "high", "CMB 1");
	expect_approval(&f, "high", "CMB 1");
	pps_event_log_approval(f.log, 5, 1, "low", "CMB 2");
	expect_approval(&f, NULL, NULL);
	event_tear_down(&f);
}

static void an_approval_may_be_written_in_part(void)
{
	struct event_fixture f;

	event_set_up(&f, 64);
	pps_rule_book_hold(f.book, "PPS-0001");
	pps_event_log_approval(f.log, 1, 1, NULL, "CMB 1");
	expect_approval(&f, NULL, "CMB 1");
	pps_event_log_approval(f.log, 2, 1, "medium", NULL);
	expect_approval(&f, "medium", NULL);
	pps_event_log_approval(f.log, 3, 1, NULL, NULL);
	expect_approval(&f, NULL, NULL);
	event_tear_down(&f);
}

static void flows_of_every_shape_keep_their_initiator(void)
{
	struct pps_packet v6 =
		event_make_packet(PPS_IP_UDP, "2001:db8::1", 53, "2001:db8::2", 5353);
	struct pps_packet v4 = event_make_packet(PPS_IP_UDP, "10.0.0.1", 1, "10.0.0.2", 2);
	struct pps_packet qinq = event_make_packet(PPS_IP_SCTP, "10.0.0.1", 1, "10.0.0.2", 2);
	struct pps_packet ping = event_make_packet(PPS_IP_ICMP, "10.0.0.1", 0, "10.0.0.2", 0);
	struct pps_packet ping6 =
		event_make_packet(PPS_IP_ICMPV6, "2001:db8::1", 0, "2001:db8::2", 0);
	const struct {
		const struct pps_packet *packet;
		const char *expected; /* behind the direction */
	} cases[] = {
		{&v6,
			"\"protocol\":\"udp\",\"source\":\"2001:db8::1\",\"source_port\":53,"
			"\"destination\":\"2001:db8::2\",\"destination_port\":5353"},
		{&v4,
			"\"protocol\":\"udp\",\"source\":\"10.0.0.1\",\"source_port\":1,"
			"\"destination\":\"10.0.0.2\",\"destination_port\":2"},
		{&qinq,
			"\"protocol\":\"sctp\",\"source\":\"10.0.0.1\",\"source_port\":1,"
			"\"destination\":\"10.0.0.2\",\"destination_port\":2,\"vlan\":5,"
			"\"inner_vlan\":6"},
		{&ping,
			"\"protocol\":\"icmp\",\"source\":\"10.0.0.1\","
			"\"destination\":\"10.0.0.2\",\"icmp_type\":8,\"icmp_code\":0"},
		{&ping6,
			"\"protocol\":\"icmpv6\",\"source\":\"2001:db8::1\","
			"\"destination\":\"2001:db8::2\",\"icmp_type\":128,\"icmp_code\":0"},
	};
	struct event_fixture f;

	qinq.vlan = 5;
	qinq.inner_vlan = 6;
	ping.icmp_type = 8;
	ping.icmp_id = 77;
	ping6.icmp_type = 128;
	event_set_up(&f, 64);
	for (size_t i = 0; i < 2 * UNIT_COUNT(cases); i++) {
		enum pps_side side = i % 2 == 0 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
		char *expected = pps_asprintf(
			"{\"event\":\"flow_start\",\"segment\":\"dmz\",\"direction\":\"%s\",%s,"
			"\"generation\":3}",
			side == PPS_SIDE_INSIDE ? "outbound" : "inbound", cases[i / 2].expected);

		add_flow(&f, PPS_EVENT_FLOW_START, cases[i / 2].packet, side, 0);
		expect_json(&f, expected);
		free(expected);
	}
	event_tear_down(&f);
}

static void a_flow_that_was_picked_up_says_so(void)
{
	struct pps_packet packet =
		event_make_packet(PPS_IP_TCP, "203.0.113.9", 40000, "198.51.100.10", 443);
	struct pps_flow flow = {.flags = PPS_FLOW_PICKED_UP, .initiator = PPS_SIDE_OUTSIDE};
	struct pps_flow_cold cold = {.started_ns = NOW};
	struct pps_flow_key key;
	struct event_fixture f;

	event_set_up(&f, 64);
	pps_flow_key_make(&packet, 0, PPS_SIDE_OUTSIDE, &key);
	pps_event_flow(f.source, PPS_EVENT_FLOW_START, NOW, &key, &flow, &cold, 0);
	expect_json(&f,
		"{\"event\":\"flow_start\",\"segment\":\"dmz\",\"direction\":\"inbound\","
		"\"protocol\":\"tcp\",\"source\":\"203.0.113.9\",\"source_port\":40000,"
		"\"destination\":\"198.51.100.10\",\"destination_port\":443,\"picked_up\":true}");
	event_tear_down(&f);
}

static void every_reason_and_every_end_has_its_word(void)
{
	struct pps_packet packet = event_make_telnet(1);
	struct event_fixture f;
	size_t n_wrong = 0;
	json_t *tail;

	event_set_up(&f, 256);
	for (unsigned int i = 0; i < PPS_REASON_COUNT; i++) {
		pps_event_deny(f.source, NOW, &packet, 0, PPS_SIDE_INSIDE, (enum pps_reason)i, 0, 0,
			false);
		pps_event_tick(f.source, NOW, true);
	}
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 1000), PPS_REASON_COUNT);
	tail = pps_event_log_tail(f.log, NULL, 0, 1000);
	event_check_sequence(tail, 1, PPS_REASON_COUNT);
	for (unsigned int i = 0; i < PPS_REASON_COUNT; i++) {
		const char *word =
			json_string_value(json_object_get(json_array_get(tail, i), "reason"));

		n_wrong += word == NULL || pps_reason_find(word) != i;
	}
	CU_ASSERT_EQUAL(n_wrong, 0);
	json_decref(tail);
	for (unsigned int i = 0; i < PPS_FLOW_END_COUNT; i++)
		CU_ASSERT_STRING_NOT_EQUAL(pps_flow_end_word((enum pps_flow_end)i), "unknown");
	CU_ASSERT_STRING_EQUAL(pps_flow_end_word(PPS_FLOW_END_COUNT), "unknown");
	event_tear_down(&f);
}

static void a_generation_is_remembered_until_many_came_after_it(void)
{
	struct pps_packet packet = event_make_telnet(1);
	struct event_fixture f;
	json_t *tail;

	event_set_up(&f, 64);
	for (uint32_t i = 1; i <= PPS_EVENT_GENERATIONS + 1; i++)
		pps_event_log_generation(f.log, i, i == 2 ? "second" : "other", i);
	for (uint32_t i = 1; i <= 2; i++) {
		pps_event_deny(
			f.source, NOW, &packet, 0, PPS_SIDE_INSIDE, PPS_REASON_BANNED, 0, i, false);
		pps_event_tick(f.source, NOW, true);
	}
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 10), 2);
	tail = pps_event_log_tail(f.log, NULL, 0, 10);
	CU_ASSERT_PTR_NULL(json_object_get(json_array_get(tail, 0), "policy"));
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(tail, 1), "policy")), "second");
	json_decref(tail);
	event_tear_down(&f);
}

static void a_drain_takes_no_more_than_it_may(void)
{
	struct event_fixture f;

	event_set_up(&f, 1024);
	for (int i = 0; i < 1000; i++)
		event_add_flow_start(&f, NOW);
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 0), 0);
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 70), 70);
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 10000), 930);
	CU_ASSERT_EQUAL(pps_event_log_drain(f.log, f.source, 10000), 0);
	event_tear_down(&f);
}

/* ---- the tail ---- */

static void the_tail_is_the_newest_events_in_order(void)
{
	static const struct {
		unsigned int n; /* written */
		uint64_t since, max;
		uint64_t first, last; /* first 0: none */
	} cases[] = {
		{0, 0, 10, 0, 0},
		{5, 0, 10, 1, 5},
		{5, 0, 2, 4, 5},
		{5, 0, 0, 0, 0},
		{5, 3, 10, 4, 5},
		{5, 5, 10, 0, 0},
		{5, UINT64_MAX, 10, 0, 0},
		{PPS_EVENT_TAIL, 0, 10000, 1, PPS_EVENT_TAIL},
		{PPS_EVENT_TAIL + 1, 0, 10000, 2, PPS_EVENT_TAIL + 1},
		{10000, 0, 10000, 10000 - PPS_EVENT_TAIL + 1, 10000},
		{10000, 1, 3, 9998, 10000},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_event_log *log = event_log_at(NULL, 0, 0);
		json_t *tail;

		event_write_many(log, cases[i].n, 1);
		tail = pps_event_log_tail(log, NULL, cases[i].since, cases[i].max);
		if (cases[i].first == 0)
			CU_ASSERT_EQUAL(json_array_size(tail), 0)
		else
			event_check_sequence(tail, cases[i].first, cases[i].last);
		json_decref(tail);
		pps_event_log_destroy(log);
	}
}

static void the_tail_is_filtered_before_it_is_counted(void)
{
	struct pps_event_log *log = event_log_at(NULL, 0, 0);
	json_t *filter = json_pack("{s:s, s:i}", "event", "deny", "n", 1), *tail;

	for (int i = 0; i < 100; i++)
		pps_event_log_write(
			log, NOW, i % 2 ? "deny" : "flow_end", json_pack("{s:i}", "n", i % 4));
	tail = pps_event_log_tail(log, filter, 0, 3);
	CU_ASSERT_EQUAL(json_array_size(tail), 3);
	for (size_t i = 0; i < json_array_size(tail); i++)
		CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_array_get(tail, i), "seq")),
			(json_int_t)(90 + 4 * i));
	json_decref(tail);
	json_decref(filter);
	pps_event_log_destroy(log);
}

static void an_event_matches_when_every_member_is_equal(void)
{
	static const struct {
		const char *filter;
		bool matches;
	} cases[] = {
		{"{}", true},
		{"{\"reason\":\"banned\"}", true},
		{"{\"reason\":\"banned\",\"destination_port\":23}", true},
		{"{\"reason\":\"banned\",\"destination_port\":24}", false},
		{"{\"destination_port\":\"23\"}", false},
		{"{\"reason\":\"bann\"}", false},
		{"{\"audit\":true}", false},
		{"{\"rule\":null}", false},
		{"{\"packets\":{\"initiator\":1}}", true},
		{"[]", false},
		{"\"banned\"", false},
		{"null", false},
	};
	json_t *event = json_pack("{s:s, s:i, s:{s:i}}", "reason", "banned", "destination_port", 23,
		"packets", "initiator", 1);

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		json_t *filter = json_loads(cases[i].filter, JSON_DECODE_ANY, NULL);

		CU_ASSERT_PTR_NOT_NULL(filter);
		CU_ASSERT_EQUAL(pps_event_matches(event, filter), cases[i].matches);
		json_decref(filter);
	}
	CU_ASSERT(pps_event_matches(event, NULL));
	json_decref(event);
}

static void keep_event(const json_t *event, void *aux)
{
	json_array_append(aux, (json_t *)(uintptr_t)event);
}

static void a_listener_gets_every_event_in_order(void)
{
	json_t *heard = json_array();
	struct pps_event_log_params params = {.listener = keep_event, .aux = heard};
	struct pps_errors errors = {0};
	struct pps_event_log *log = pps_event_log_create(&params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	for (int i = 0; i < 5000; i++)
		pps_event_log_write(log, NOW, "test", NULL);
	pps_event_log_destroy(log);
	event_check_sequence(heard, 1, 5000);
	json_decref(heard);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_deny_says_who_what_where_and_why),
	UNIT_TEST(an_egress_is_a_deny_of_a_class_of_its_own_and_an_alert),
	UNIT_TEST(a_deny_says_only_what_applies),
	UNIT_TEST(lost_records_are_said_once_and_summed),
	UNIT_TEST(a_flow_tells_its_beginning_and_its_end),
	UNIT_TEST(a_flow_tells_the_approval_it_was_judged_by),
	UNIT_TEST(an_approval_may_be_written_in_part),
	UNIT_TEST(flows_of_every_shape_keep_their_initiator),
	UNIT_TEST(a_flow_that_was_picked_up_says_so),
	UNIT_TEST(every_reason_and_every_end_has_its_word),
	UNIT_TEST(a_generation_is_remembered_until_many_came_after_it),
	UNIT_TEST(a_drain_takes_no_more_than_it_may),
	UNIT_TEST(a_listener_gets_every_event_in_order),
	UNIT_TEST(the_tail_is_the_newest_events_in_order),
	UNIT_TEST(the_tail_is_filtered_before_it_is_counted),
	UNIT_TEST(an_event_matches_when_every_member_is_equal),
};

int main(void)
{
	unit_eal_init(64);
	return unit_run("event_json", tests, UNIT_COUNT(tests));
}
