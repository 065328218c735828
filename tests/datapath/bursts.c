/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a burst remembers of its frames before their turn comes, and what is written of those that
 * are denied: which rule, and only if a rule decided.
 */

#include <string.h>

#include <jansson.h>

#include "frame.h"
#include "lab.h"
#include "unit.h"

#define APPROVED(id, protocol, ports, more)                                     \
	"{\"id\":\"" id "\",\"direction\":\"inbound\",\"protocol\":\"" protocol \
	"\",\"ports\":" ports ",\"source\":\"any\",\"destination\":\"any\"" more "}"
#define POLICY(approved) "{\"policy\":\"p\",\"revision\":1,\"approved\":[" approved "]}"
#define WEB              POLICY(APPROVED("WEB", "tcp", "443", ""))
#define MAIL             POLICY(APPROVED("MAIL", "tcp", "25", ""))

#define SYN(host, port) \
	"ip4 src=203.0.113." host " dst=198.51.100.10 tcp sport=" port " dport=443 flags=S"
#define ACK(host, port) \
	"ip4 src=203.0.113." host " dst=198.51.100.10 tcp sport=" port " dport=443 flags=A"
#define RST(host, port) \
	"ip4 src=203.0.113." host " dst=198.51.100.10 tcp sport=" port " dport=443 flags=R"
#define SYN_ACK(host, port) \
	"ip4 src=198.51.100.10 dst=203.0.113." host " tcp sport=443 dport=" port " flags=SA"

#define FRAMES_MAX 8

static struct lab lab;
static struct pps_verdict verdicts[FRAMES_MAX];

static void set_up(unsigned int flows, const char *policy)
{
	lab_init(&lab, flows);
	lab_load(&lab, policy, 0);
}

static void tear_down(void)
{
	CU_ASSERT(lab_fini(&lab));
}

/* Sends one burst of 'n' frames. */
static void burst(bool inbound, uint64_t time_ms, const char *const *texts, unsigned int n)
{
	static uint8_t bytes[FRAME_MAX];
	struct rte_mbuf *frames[FRAMES_MAX];

	for (unsigned int i = 0; i < n; i++)
		frames[i] = lab_frame(&lab, bytes, frame_make(texts[i], bytes), 0);
	lab_burst(&lab, inbound, time_ms, frames, n, verdicts);
}

#define BURST(inbound, time_ms, ...)                                                 \
	do {                                                                         \
		static const char *const texts_[] = {__VA_ARGS__};                   \
		burst(inbound, time_ms, texts_, sizeof(texts_) / sizeof(texts_[0])); \
	} while (0)

/* ---- what was asked before its turn ---- */

static void expect(unsigned int i, enum pps_reason reason)
{
	if (verdicts[i].reason != reason)
		printf("# frame %u: wanted %s, got %s\n", i, pps_reason_word(reason),
			pps_reason_word((enum pps_reason)verdicts[i].reason));
	CU_ASSERT_EQUAL(verdicts[i].reason, reason);
}

static void a_flow_that_is_revoked_within_a_burst_is_none_for_the_next_frame_of_it(void)
{
	set_up(64, WEB);
	BURST(true, 0, SYN("1", "4000"), SYN("2", "4000"));
	BURST(false, 0, SYN_ACK("1", "4000"), SYN_ACK("2", "4000"));
	BURST(true, 0, ACK("1", "4000"), ACK("2", "4000"));
	lab_load(&lab, MAIL, 1);
	BURST(true, 1, ACK("1", "4000"), ACK("1", "4000"), ACK("2", "4000"));
	expect(0, PPS_REASON_NOT_APPROVED);
	CU_ASSERT(verdicts[0].rejudged);
	expect(1, PPS_REASON_TCP_NOT_SYN);
	CU_ASSERT_FALSE(verdicts[1].rejudged);
	expect(2, PPS_REASON_NOT_APPROVED);
	tear_down();
}

static void a_stale_flow_that_is_kept_is_judged_again_once_in_a_burst(void)
{
	set_up(64, WEB);
	BURST(true, 0, SYN("1", "4000"), SYN("2", "4000"));
	lab_load(&lab, WEB, 1);
	BURST(true, 1, SYN("1", "4000"), SYN("1", "4000"));
	expect(0, PPS_REASON_NONE);
	expect(1, PPS_REASON_NONE);
	CU_ASSERT(verdicts[0].rejudged);
	CU_ASSERT_FALSE(verdicts[1].rejudged);
	tear_down();
}

static void a_stale_flow_that_gives_way_within_a_burst_begins_again_by_a_syn_alone(void)
{
	lab_init_params(&lab, &(struct lab_params){.flows = 2, .half_open_max = 2});
	lab_load(&lab, WEB, 0);
	/* Whatever stood in the places of the burst below: frames that began flows. */
	BURST(true, 0, SYN("1", "4000"), SYN("2", "4000"), SYN("3", "4000"));
	CU_ASSERT_EQUAL(verdicts[2].reason, PPS_REASON_NONE);
	lab_load(&lab, WEB, 1000);
	/* 2 is the oldest half-open flow; 4 takes its place. */
	BURST(true, 1000, SYN("4", "4000"), ACK("2", "4000"));
	expect(0, PPS_REASON_NONE);
	expect(1, PPS_REASON_TCP_NOT_SYN);
	tear_down();
}

static void ports_used_again_on_a_stale_flow_count_for_their_own_source(void)
{
	static const char one[] =
		POLICY(APPROVED("WEB", "tcp", "443", ",\"limits\":{\"flows_per_source\":1}"));

	set_up(64, one);
	BURST(true, 0, SYN("2", "4000"));
	expect(0, PPS_REASON_NONE);
	BURST(true, 0, RST("2", "4000"));
	expect(0, PPS_REASON_NONE);
	/* 1 takes its share, in the first place of a burst. */
	BURST(true, 0, SYN("1", "4000"), SYN("1", "4001"));
	expect(0, PPS_REASON_NONE);
	expect(1, PPS_REASON_LIMIT_SOURCE);
	lab_load(&lab, one, 1);
	BURST(true, 1, SYN("2", "4000"));
	expect(0, PPS_REASON_NONE);
	CU_ASSERT(verdicts[0].new_flow);
	tear_down();
}

/* ---- what is written of a denied frame ---- */

/* The one deny that the frame leaves; "reason rule", or "reason -". */
static void expect_record(bool inbound, uint64_t time_ms, const char *frame, const char *wanted)
{
	struct pps_event_log_params params = {.book = lab.book};
	struct pps_errors errors = {0};
	struct pps_event_log *log = pps_event_log_create(&params, &errors);
	const json_t *event;
	json_t *denies, *filter = json_pack("{s:s}", "event", "deny");
	const char *rule;
	char got[128];

	burst(inbound, time_ms, &frame, 1);
	pps_event_tick(lab.events, lab_clock(time_ms).wall_ns, true);
	pps_event_log_drain(log, lab.events, UINT32_MAX);
	denies = pps_event_log_tail(log, filter, 0, 10);
	CU_ASSERT_EQUAL(json_array_size(denies), 1);
	event = json_array_get(denies, 0);
	rule = json_string_value(json_object_get(event, "rule"));
	snprintf(got, sizeof(got), "%s %s", json_string_value(json_object_get(event, "reason")),
		rule != NULL ? rule : "-");
	if (strcmp(got, wanted) != 0)
		printf("# wanted %s, got %s\n", wanted, got);
	CU_ASSERT_STRING_EQUAL(got, wanted);
	json_decref(denies);
	json_decref(filter);
	pps_event_log_destroy(log);
}

#define RULES                                                                                      \
	"{\"policy\":\"p\",\"revision\":1,\"approved\":[" APPROVED(                                \
		"WEB", "tcp", "443", "") "," APPROVED("ONE", "tcp", "80",                          \
		",\"limits\":{\"flows\":1}") "," APPROVED("GENEVE", "udp", "6081",                 \
		"") "],\"banned\":[{\"id\":\"TELNET\",\"protocol\":\"tcp\",\"ports\":23}],"        \
		    "\"exceptions\":[{\"id\":\"OVER\",\"direction\":\"inbound\",\"protocol\":"     \
		    "\"tcp\","                                                                     \
		    "\"ports\":22,\"source\":\"any\",\"destination\":\"any\","                     \
		    "\"expires\":\"2025-01-01T00:00:00Z\",\"approved_by\":\"x\",\"reason\":\"y\"}" \
		    "]}"

static void a_deny_of_step_8_names_the_rule_that_decided(void)
{
	set_up(64, RULES);
	expect_record(true, 0, "ip4 tcp dport=23 flags=S", "banned TELNET");
	expect_record(true, 0, "ip4 tcp dport=22 flags=S", "exception_expired OVER");
	expect_record(true, 0, "ip4 tcp dport=21 flags=S", "not_approved -");
	BURST(true, 0, "ip4 tcp sport=1 dport=80 flags=S");
	expect_record(true, 0, "ip4 tcp sport=2 dport=80 flags=S", "limit_flows ONE");
	tear_down();
}

static void a_deny_of_another_step_names_no_rule(void)
{
	set_up(64, RULES);
	BURST(true, 0, SYN("1", "4000"));
	BURST(false, 0, SYN_ACK("1", "4000"));
	/* Of a flow, which is bound to a rule. */
	expect_record(true, 0, ACK("1", "4000") " seq=70000000", "tcp_window -");
	expect_record(false, 0, SYN_ACK("1", "4000") " ack=9", "tcp_ack -");
	/* Of a frame that a rule approves. */
	expect_record(true, 0, "ip4 udp dport=6081", "tunnel -");
	expect_record(true, 0, "ip4 tcp dport=443 flags=A", "tcp_not_syn -");
	expect_record(true, 0, "ip4 ttl=0 tcp dport=443 flags=S", "ip_ttl -");
	tear_down();
}

static void a_deny_for_want_of_room_names_no_rule(void)
{
	lab_init_params(&lab,
		&(struct lab_params){.flows = 64, .half_open_max = 8, .half_open_per_source = 1});
	lab_load(&lab, RULES, 0);
	BURST(true, 0, SYN("1", "4000"));
	expect_record(true, 0, SYN("1", "4001"), "half_open_source -");
	tear_down();
}

static void a_connection_the_other_way_on_old_ports_is_denied_for_itself(void)
{
	set_up(64, RULES);
	BURST(true, 0, SYN("1", "4000"));
	BURST(true, 0, RST("1", "4000"));
	lab_load(&lab, RULES, 1);
	/* The old flow is judged again first, and WEB permits it: not so the new one. */
	expect_record(false, 1,
		"ip4 src=198.51.100.10 dst=203.0.113.1 tcp sport=443 dport=4000 flags=S",
		"not_approved -");
	CU_ASSERT_EQUAL(verdicts[0].rule, 0);
	CU_ASSERT_EQUAL(lab.stats->egress, 1);
	tear_down();
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_flow_that_is_revoked_within_a_burst_is_none_for_the_next_frame_of_it),
	UNIT_TEST(a_stale_flow_that_is_kept_is_judged_again_once_in_a_burst),
	UNIT_TEST(a_stale_flow_that_gives_way_within_a_burst_begins_again_by_a_syn_alone),
	UNIT_TEST(ports_used_again_on_a_stale_flow_count_for_their_own_source),
	UNIT_TEST(a_deny_of_step_8_names_the_rule_that_decided),
	UNIT_TEST(a_deny_of_another_step_names_no_rule),
	UNIT_TEST(a_deny_for_want_of_room_names_no_rule),
	UNIT_TEST(a_connection_the_other_way_on_old_ports_is_denied_for_itself),
};

int main(void)
{
	return unit_run("bursts", tests, UNIT_COUNT(tests));
}
