/* SPDX-License-Identifier: BSD-3-Clause */
/* How rulesets are built: what is refused, what is bounded, what is held and given back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "ruleset_ask.h"
#include "unit.h"

#define ANY_TO_ANY      "\"direction\": \"both\", \"source\": \"any\", \"destination\": \"any\""
#define WEB(id)         "{\"id\": \"" id "\", \"protocol\": \"tcp\", \"ports\": 443, " ANY_TO_ANY "}"
#define APPROVED(rules) "\"approved\": [" rules "]"

static struct pps_ruleset *build(
	const char *sections, struct pps_rule_book *book, struct pps_ruleset_size *ret_size)
{
	struct pps_ruleset_params params = {
		.generation = ask_generation(), .now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *ruleset =
		pps_ruleset_build(ask_policy(sections), book, &params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ruleset);
	CU_ASSERT_EQUAL(errors.n, 0);
	pps_ruleset_size(ruleset, ret_size);
	return ruleset;
}

/* Values that rte_acl would take and match something else by. Each is put into a good policy. */

#define GOOD                                                                                 \
	"\"banned\": [{\"id\": \"B\", \"protocol\": \"tcp\", \"ports\": 1}], "               \
	"\"exceptions\": [{\"id\": \"E\", \"protocol\": \"icmp\", \"icmp\": {\"type\": 8}, " \
	"\"direction\": \"both\", \"source\": \"any\", \"destination\": \"any\", "           \
	"\"overrides\": \"B\", " ASK_FUTURE "}], "                                           \
	"\"approved\": [{\"id\": \"A\", \"direction\": \"both\", \"protocol\": \"tcp\", "    \
	"\"ports\": \"80-90\", \"source_ports\": 5, \"source\": \"192.0.2.0/24\", "          \
	"\"destination\": \"192.0.3.0/24\", \"vlans\": [7]}]"

enum { BAN, EXCEPTION, APPROVAL };

static void a_reversed_range_is_refused(void)
{
	struct pps_policy *policy = ask_policy(GOOD);

	policy->rules[APPROVAL].terms[0].ports[0] = (struct pps_range){90, 80};
	ask_expect_failure(policy, "approved[0]: ports 90-80 is not a range inside 0-65535");
	policy = ask_policy(GOOD);
	policy->rules[APPROVAL].terms[0].source_ports[0] = (struct pps_range){2, 1};
	ask_expect_failure(policy, "source ports 2-1");
}

static void an_impossible_prefix_is_refused(void)
{
	static const struct {
		uint8_t family, len;
	} cases[] = {{4, 33}, {4, 40}, {6, 129}, {6, 255}, {0, 0}, {5, 8}};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_policy *policy = ask_policy(GOOD);

		policy->rules[APPROVAL].source.items[0].addr.family = cases[i].family;
		policy->rules[APPROVAL].source.items[0].len = cases[i].len;
		ask_expect_failure(policy, "approved[0]: the source has a prefix of length");
	}
}

static void a_vlan_above_4094_is_refused(void)
{
	struct pps_policy *policy = ask_policy(GOOD);

	policy->rules[APPROVAL].vlans.items[0].hi = 4095;
	ask_expect_failure(policy, "VLANs 7-4095 is not a range inside 0-4094");
}

static void an_impossible_protocol_is_refused(void)
{
	struct pps_policy *policy = ask_policy(GOOD);

	policy->rules[APPROVAL].terms[0].protocol = 257;
	ask_expect_failure(policy, "257 is not a protocol");
	policy = ask_policy(GOOD);
	policy->rules[APPROVAL].terms[0].protocol = 47;
	ask_expect_failure(policy, "protocol 47 has no ports");
	policy = ask_policy(GOOD);
	policy->rules[APPROVAL].terms[0].protocol = PPS_PROTOCOL_ANY;
	ask_expect_failure(policy, "protocol 256 has no ports");
}

static void an_impossible_icmp_type_is_refused(void)
{
	static const int16_t cases[][2] = {{256, -1}, {8, 256}, {-2, -1}, {8, -2}, {-1, 0}};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_policy *policy = ask_policy(GOOD);

		policy->rules[EXCEPTION].terms[0].icmp_type = cases[i][0];
		policy->rules[EXCEPTION].terms[0].icmp_code = cases[i][1];
		ask_expect_failure(policy, "exceptions[0]: ");
	}
}

static void a_rule_that_names_nothing_is_refused(void)
{
	struct pps_ruleset_params params = {.generation = ask_generation(), .socket = -1};
	struct pps_policy *policy = ask_policy(GOOD);
	struct pps_errors errors = {0};

	/* Given back before the policy is freed. */
	policy->rules[BAN].n_terms = 0;
	CU_ASSERT_PTR_NULL(pps_ruleset_build(policy, NULL, &params, &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].text, "the rule names no traffic");
	pps_errors_fini(&errors);
	policy->rules[BAN].n_terms = 1;
	policy->rules[BAN].source.any = false;
	ask_expect_failure(policy, "banned[0]: the rule has no source");
	policy = ask_policy(GOOD);
	policy->rules[BAN].destination.any = false;
	ask_expect_failure(policy, "banned[0]: the rule has no destination");
	policy = ask_policy(GOOD);
	policy->rules[BAN].vlans.any = false;
	ask_expect_failure(policy, "banned[0]: the rule has no VLANs");
	policy = ask_policy(GOOD);
	policy->rules[BAN].direction = (enum pps_direction)0;
	ask_expect_failure(policy, "banned[0]: the rule has no direction");
}

static void overriding_what_is_not_a_ban_is_refused(void)
{
	struct pps_policy *policy = ask_policy(GOOD);

	policy->rules[EXCEPTION].overrides[0] = APPROVAL;
	ask_expect_failure(policy, "exceptions[0]: the rule overrides what is not a ban");
	policy = ask_policy(GOOD);
	policy->rules[EXCEPTION].overrides[0] = SIZE_MAX;
	ask_expect_failure(policy, "exceptions[0]: the rule overrides what is not a ban");
}

static void rules_in_another_order_are_refused(void)
{
	struct pps_policy *policy = ask_policy(GOOD);
	struct pps_rule rule = policy->rules[BAN];

	policy->rules[BAN] = policy->rules[APPROVAL];
	policy->rules[APPROVAL] = rule;
	ask_expect_failure(policy, "not in the form");
}

static void all_bad_rules_are_reported(void)
{
	struct pps_policy *policy = ask_policy(GOOD);
	char *text;

	policy->rules[BAN].source.any = false;
	policy->rules[APPROVAL].vlans.items[0] = (struct pps_range){9, 8};
	text = ask_failure(policy, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "banned[0]"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "approved[0]"));
	free(text);
}

static void a_generation_is_used_once(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(APPROVED(WEB("A")));
	struct pps_ruleset_params params = {
		.generation = ruleset->generation, .now_ns = ask_now_ns(), .socket = -1};
	char *text = ask_failure(ask_policy(APPROVED(WEB("OTHER"))), &params);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "already"));
	ask_expect(ruleset, "in tcp 192.0.2.1:9 192.0.2.2:443", "pass A");
	pps_ruleset_destroy(ruleset, NULL);
	free(text);
	params.generation = 0;
	text = ask_failure(ask_policy(""), &params);
	CU_ASSERT_PTR_NOT_NULL(text);
	free(text);
}

static void generations_live_side_by_side(void)
{
	struct pps_ruleset *old = ask_ruleset(APPROVED(WEB("OLD")));
	struct pps_ruleset *new = ask_ruleset("\"banned\": [" WEB("NEW") "]");

	ask_expect(old, "in tcp 192.0.2.1:9 192.0.2.2:443", "pass OLD");
	ask_expect(new, "in tcp 192.0.2.1:9 192.0.2.2:443", "banned NEW");
	pps_ruleset_destroy(old, NULL);
	ask_expect(new, "in tcp 192.0.2.1:9 192.0.2.2:443", "banned NEW");
	pps_ruleset_destroy(new, NULL);
}

static void the_largest_generation_fits_in_the_name(void)
{
	struct pps_ruleset_params params = {
		.generation = UINT32_MAX, .now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *ruleset =
		pps_ruleset_build(ask_policy(APPROVED(WEB("A"))), NULL, &params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ruleset);
	ask_expect(ruleset, "out tcp [::1]:9 [::2]:443", "pass A");
	ask_expect(ruleset, "in tcp 127.0.0.1:9 127.0.0.2:443", "pass A");
	pps_ruleset_destroy(ruleset, NULL);
}

/* Overrides. */

static char *make_bans(unsigned int n, bool overlap)
{
	struct pps_str text = PPS_STR_INIT;

	pps_str_add(&text, "\"banned\": [" WEB("NAMED"));
	for (unsigned int i = 0; i < n; i++)
		pps_str_addf(&text,
			", {\"id\": \"B%u\", \"protocol\": \"tcp\", \"ports\": %d, \"source\": "
			"\"10.%u.%u.0/24\"}",
			i, overlap ? 443 : 444, i >> 8, i & 255);
	pps_str_add(&text,
		"], \"exceptions\": [{\"id\": \"E\", \"protocol\": \"tcp\", "
		"\"ports\": 443, " ANY_TO_ANY ", \"overrides\": \"NAMED\", " ASK_FUTURE "}]");
	return pps_str_take(&text);
}

static void bans_that_meet_no_exception_are_not_attached(void)
{
	char *text = make_bans(1500, false);
	struct pps_ruleset *ruleset = ask_ruleset(text);

	ask_expect(ruleset, "in tcp 10.0.1.1:9 192.0.2.2:443", "pass E");
	ask_expect(ruleset, "in tcp 10.0.1.1:9 192.0.2.2:444", "banned B1");
	pps_ruleset_destroy(ruleset, NULL);
	free(text);
}

static void attached_bans_are_bounded(void)
{
	char *text = make_bans(1024, true);
	struct pps_ruleset *ruleset = ask_ruleset(text);

	ask_expect(ruleset, "in tcp 10.3.255.1:9 192.0.2.2:443", "banned B1023");
	ask_expect(ruleset, "in tcp 10.4.0.1:9 192.0.2.2:443", "pass E");
	pps_ruleset_destroy(ruleset, NULL);
	free(text);
	text = make_bans(1025, true);
	ask_expect_failure(ask_policy(text),
		"exceptions[0]: exceptions with \"overrides\" and the "
		"other bans");
	free(text);
}

/* Slots. */

static void a_rule_keeps_its_slot_across_rulesets(void)
{
	struct pps_rule_book *book = pps_rule_book_create();
	struct pps_ruleset_size size;
	struct pps_ruleset *old = build(APPROVED(WEB("A") ", " WEB("B")), book, &size);
	struct pps_ruleset *new = build(APPROVED(WEB("B") ", " WEB("C")), book, &size);

	CU_ASSERT_EQUAL(old->rules[1].slot, new->rules[0].slot);
	CU_ASSERT_NOT_EQUAL(old->rules[0].slot, 0);
	CU_ASSERT_NOT_EQUAL(old->rules[0].slot, new->rules[1].slot);
	CU_ASSERT_EQUAL(pps_rule_book_find(book, "C"), new->rules[1].slot);
	pps_ruleset_destroy(old, book);
	pps_ruleset_destroy(new, book);
	pps_rule_book_destroy(book);
}

/* Fills a book but for 'n' slots. */
static struct pps_rule_book *make_full_book(unsigned int n)
{
	struct pps_rule_book *book = pps_rule_book_create();
	char id[16];

	for (unsigned int i = 0; i < PPS_RULE_SLOTS - 1 - n; i++) {
		snprintf(id, sizeof(id), "X%u", i);
		CU_ASSERT_NOT_EQUAL_FATAL(pps_rule_book_hold(book, id), 0);
	}
	return book;
}

static void a_failed_build_gives_its_slots_back(void)
{
	struct pps_rule_book *book = make_full_book(1);
	struct pps_ruleset_params params = {
		.generation = ask_generation(), .now_ns = ask_now_ns(), .socket = -1};
	struct pps_policy *policy = ask_policy(APPROVED(WEB("A") ", " WEB("B")));
	struct pps_errors errors = {0};

	CU_ASSERT_PTR_NULL(pps_ruleset_build(policy, book, &params, &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "approved[1]");
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "no counter is left for rule \"B\""));
	/* The policy is still the caller's, and A's slot is free for another id. */
	CU_ASSERT_STRING_EQUAL(policy->rules[0].id, "A");
	CU_ASSERT_NOT_EQUAL(pps_rule_book_hold(book, "Z"), 0);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "Y"), 0);
	pps_errors_fini(&errors);
	pps_policy_destroy(policy);
	pps_rule_book_destroy(book);
}

static void a_destroyed_ruleset_gives_its_slots_back(void)
{
	struct pps_rule_book *book = make_full_book(1);
	struct pps_ruleset_size size;
	struct pps_ruleset *ruleset = build(APPROVED(WEB("A")), book, &size);

	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "Y"), 0);
	pps_ruleset_destroy(ruleset, book);
	CU_ASSERT_NOT_EQUAL(pps_rule_book_hold(book, "Y"), 0);
	pps_rule_book_destroy(book);
}

/* The rest of the ruleset. */

static void rules_mirror_the_policy(void)
{
	struct pps_ruleset *ruleset = ask_ruleset("\"banned\": [" WEB(
		"B") "], \"exceptions\": [{\"id\": \"OLD\", \"protocol\": "
		     "\"udp\", " ANY_TO_ANY ", " ASK_PAST
		     "}, {\"id\": \"NEW\", \"protocol\": \"udp\", " ANY_TO_ANY ", " ASK_FUTURE
		     "}], \"approved\": [{\"id\": \"A\", \"log\": \"flows\", "
		     "\"protocol\": \"udp\", " ANY_TO_ANY "}]");
	const struct pps_ruleset_rule *rules = ruleset->rules;

	CU_ASSERT_EQUAL_FATAL(ruleset->n_rules, 4);
	CU_ASSERT_EQUAL(rules[0].kind, PPS_RULE_BAN);
	CU_ASSERT_EQUAL(rules[1].kind, PPS_RULE_EXCEPTION);
	CU_ASSERT_EQUAL(rules[3].kind, PPS_RULE_APPROVED);
	CU_ASSERT_TRUE(rules[1].expired);
	CU_ASSERT_FALSE(rules[2].expired);
	CU_ASSERT_EQUAL(rules[0].expires_ns, UINT64_MAX);
	CU_ASSERT_EQUAL(rules[3].expires_ns, UINT64_MAX);
	CU_ASSERT_EQUAL(rules[3].log, PPS_RULE_LOG_FLOWS);
	CU_ASSERT_EQUAL(rules[2].expires_ns, ruleset->valid_until_ns);
	pps_ruleset_destroy(ruleset, NULL);
}

static void an_exception_that_expires_now_has_expired(void)
{
	struct pps_policy *policy = ask_policy("\"exceptions\": [{\"id\": \"E\", \"protocol\": "
					       "\"udp\", " ANY_TO_ANY ", " ASK_FUTURE "}]");
	struct pps_ruleset_params params = {.generation = ask_generation(),
		.now_ns = policy->rules[0].expires_ns,
		.socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *ruleset = pps_ruleset_build(policy, NULL, &params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ruleset);
	CU_ASSERT_TRUE(ruleset->rules[0].expired);
	CU_ASSERT_EQUAL(ruleset->valid_until_ns, UINT64_MAX);
	pps_ruleset_destroy(ruleset, NULL);
}

static bool has_vlan(const struct pps_ruleset *ruleset, unsigned int id)
{
	return (ruleset->link.vlans[id / 64] >> id % 64 & 1) != 0;
}

static void the_link_section_is_taken_over(void)
{
	struct pps_ruleset *ruleset =
		ask_ruleset("\"link\": {\"arp\": \"both\", \"neighbor_discovery\": \"inbound\", "
			    "\"vlans\": [1, \"63-65\", 4094], \"ethertypes\": ["
			    "{\"ethertype\": \"0x88cc\", \"direction\": \"outbound\"}, "
			    "{\"ethertype\": \"0x8035\", \"direction\": \"both\"}]}, "
			    "\"timeouts\": {\"udp\": 77}");
	static const unsigned int members[] = {0, 1, 63, 64, 65, 4094};
	unsigned int n = 0;

	CU_ASSERT_EQUAL(ruleset->link.arp, PPS_BOTH);
	CU_ASSERT_EQUAL(ruleset->link.neighbor_discovery, PPS_INBOUND);
	CU_ASSERT_EQUAL_FATAL(ruleset->link.n_ethertypes, 2);
	CU_ASSERT_EQUAL(ruleset->link.ethertypes[0].ethertype, 0x8035);
	CU_ASSERT_EQUAL(ruleset->link.ethertypes[1].ethertype, 0x88cc);
	CU_ASSERT_EQUAL(ruleset->link.ethertypes[1].direction, PPS_OUTBOUND);
	for (unsigned int id = 0; id < 4096; id++)
		n += has_vlan(ruleset, id);
	CU_ASSERT_EQUAL(n, UNIT_COUNT(members));
	for (size_t i = 0; i < UNIT_COUNT(members); i++)
		CU_ASSERT_TRUE(has_vlan(ruleset, members[i]));
	CU_ASSERT_EQUAL(ruleset->timeouts.ticks[PPS_FLOW_UDP_PAIR], 77000);
	pps_ruleset_destroy(ruleset, NULL);
}

static void link_vlans_default_to_untagged_and_any_is_every_id(void)
{
	struct pps_ruleset *ruleset = ask_ruleset("");

	for (unsigned int id = 0; id < 4096; id++)
		CU_ASSERT_EQUAL(has_vlan(ruleset, id), id == 0);
	CU_ASSERT_EQUAL(ruleset->link.arp, 0);
	pps_ruleset_destroy(ruleset, NULL);
	ruleset = ask_ruleset("\"link\": {\"vlans\": \"any\"}");
	for (unsigned int id = 0; id < 4096; id++)
		CU_ASSERT_EQUAL(has_vlan(ruleset, id), id != 4095);
	pps_ruleset_destroy(ruleset, NULL);
}

/* However the inputs of a context are ordered, by which address tells more and by how many entries
 * there are, it says the same. */

/* One rule: 'n' hosts of each family, every second one, on one side, times 'n' ports, every second
 * one too. */
static struct pps_ruleset *build_grid(unsigned int n, bool hosts_are_sources)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_ruleset *ruleset;

	pps_str_addf(&text,
		"\"approved\": [{\"id\": \"A\", \"direction\": \"both\", \"protocol\": "
		"\"tcp\", \"vlans\": \"none\", \"%s\": \"any\", \"%s\": [",
		hosts_are_sources ? "destination" : "source",
		hosts_are_sources ? "source" : "destination");
	for (unsigned int i = 0; i < n; i++)
		pps_str_addf(&text, "%s\"10.0.0.%u\", \"2001:db8::%x\"", i > 0 ? ", " : "", 2 * i,
			2 * i);
	pps_str_add(&text, "], \"ports\": [");
	for (unsigned int i = 0; i < n; i++)
		pps_str_addf(&text, "%s%u", i > 0 ? ", " : "", 100 + 2 * i);
	pps_str_add(&text, "]}]");
	ruleset = ask_ruleset(pps_str_text(&text));
	pps_str_fini(&text);
	return ruleset;
}

static void ask_grid(const struct pps_ruleset *ruleset, bool hosts_are_sources, unsigned int host,
	unsigned int port, const char *answer)
{
	for (unsigned int i = 0; i < 4; i++) {
		const char *direction = i % 2 == 0 ? "in" : "out";
		char listed[32], other[] = "[2001:db8:1::7]", question[128];

		if (i / 2 == 0) {
			snprintf(listed, sizeof(listed), "10.0.0.%u", host);
			snprintf(other, sizeof(other), "192.0.2.7");
		} else {
			snprintf(listed, sizeof(listed), "[2001:db8::%x]", host);
		}
		for (unsigned int tagged = 0; tagged < 2; tagged++) {
			snprintf(question, sizeof(question), "%s tcp %s:9 %s:%u%s", direction,
				hosts_are_sources ? listed : other,
				hosts_are_sources ? other : listed, port, tagged ? " @7" : "");
			ask_expect(ruleset, question, tagged ? "not_approved" : answer);
		}
	}
}

static void contexts_of_any_shape_and_size_say_the_same(void)
{
	static const unsigned int sizes[] = {1, 20, 44, 45, 60};

	for (unsigned int k = 0; k < 2 * UNIT_COUNT(sizes); k++) {
		unsigned int n = sizes[k / 2];
		struct pps_ruleset *ruleset = build_grid(n, k % 2);

		for (unsigned int i = 0; i < n; i++) {
			unsigned int host = 2 * i, port = 100 + 2 * (n - 1 - i);

			ask_grid(ruleset, k % 2, host, port, "pass A");
			ask_grid(ruleset, k % 2, host + 1, port, "not_approved");
			ask_grid(ruleset, k % 2, host, port + 1, "not_approved");
		}
		ask_grid(ruleset, k % 2, 2 * n, 100, "not_approved");
		ask_grid(ruleset, k % 2, 0, 100 + 2 * n, "not_approved");
		pps_ruleset_destroy(ruleset, NULL);
	}
}

/* Keys. */

static void expect_key(
	const struct pps_packet *packet, enum pps_side side, const struct reference_packet *wanted)
{
	struct pps_class_key key, expected;
	struct pps_flow_key flow;

	pps_flow_key_make(packet, 0, side, &flow);
	memset(&key, 0xff, sizeof(key));
	pps_class_key_make(&flow, side, packet->icmp_code, &key);
	ask_key(wanted, &expected);
	CU_ASSERT_EQUAL(memcmp(&key, &expected, sizeof(key)), 0);
	if (packet->icmp_type != 0 || packet->icmp_code != 0)
		return;
	memset(&key, 0xff, sizeof(key));
	pps_class_key_of_packet(packet, &key);
	CU_ASSERT_EQUAL(memcmp(&key, &expected, sizeof(key)), 0);
}

static void a_key_is_the_initiators_tuple(void)
{
	static const struct {
		const char *question;
		uint16_t inner_vlan;
	} cases[] = {
		{"in tcp 192.0.2.1:1024 198.51.100.1:443 @5", 0},
		{"in tcp 192.0.2.1:1024 198.51.100.1:443 @5", 6},
		{"in udp [2001:db8::1]:1024 [2001:db8::2]:53 @4094", 0},
		{"in 47 192.0.2.1 198.51.100.1", 0},
		{"in icmp/8/3 192.0.2.1 198.51.100.1", 0},
		{"in icmp/13/0 192.0.2.1 198.51.100.1", 7},
		{"in icmpv6/128/1 2001:db8::1 2001:db8::2", 0},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_packet packet = {0};
		struct reference_packet wanted;

		ask_read(cases[i].question, &wanted);
		memcpy(packet.src, wanted.src.bytes, sizeof(packet.src));
		memcpy(packet.dst, wanted.dst.bytes, sizeof(packet.dst));
		packet.family = wanted.src.family;
		packet.protocol = wanted.protocol;
		packet.src_port = htons(wanted.src_port);
		packet.dst_port = htons(wanted.dst_port);
		packet.icmp_type = wanted.icmp_type;
		packet.icmp_code = wanted.icmp_code;
		packet.icmp_id = htons(0x1234);
		packet.vlan = wanted.vlan;
		packet.inner_vlan = cases[i].inner_vlan;
		expect_key(&packet, PPS_SIDE_INSIDE, &wanted);
		expect_key(&packet, PPS_SIDE_OUTSIDE, &wanted);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_reversed_range_is_refused),
	UNIT_TEST(an_impossible_prefix_is_refused),
	UNIT_TEST(a_vlan_above_4094_is_refused),
	UNIT_TEST(an_impossible_protocol_is_refused),
	UNIT_TEST(an_impossible_icmp_type_is_refused),
	UNIT_TEST(a_rule_that_names_nothing_is_refused),
	UNIT_TEST(overriding_what_is_not_a_ban_is_refused),
	UNIT_TEST(rules_in_another_order_are_refused),
	UNIT_TEST(all_bad_rules_are_reported),
	UNIT_TEST(a_generation_is_used_once),
	UNIT_TEST(generations_live_side_by_side),
	UNIT_TEST(the_largest_generation_fits_in_the_name),
	UNIT_TEST(contexts_of_any_shape_and_size_say_the_same),
	UNIT_TEST(bans_that_meet_no_exception_are_not_attached),
	UNIT_TEST(attached_bans_are_bounded),
	UNIT_TEST(a_rule_keeps_its_slot_across_rulesets),
	UNIT_TEST(a_failed_build_gives_its_slots_back),
	UNIT_TEST(a_destroyed_ruleset_gives_its_slots_back),
	UNIT_TEST(rules_mirror_the_policy),
	UNIT_TEST(an_exception_that_expires_now_has_expired),
	UNIT_TEST(the_link_section_is_taken_over),
	UNIT_TEST(link_vlans_default_to_untagged_and_any_is_every_id),
	UNIT_TEST(a_key_is_the_initiators_tuple),
};

int main(void)
{
	unit_eal_init(128);
	return unit_run("ruleset_build", tests, UNIT_COUNT(tests));
}
