/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>

#define MAX 3

/* Inbound tcp 203.0.113.9:50000 -> 198.51.100.10:443, untagged. */
static struct pps_tuple web(void)
{
	struct pps_tuple tuple = {
		.direction = PPS_INBOUND,
		.protocol = 6,
		.source_port = 50000,
		.port = 443,
		.icmp_type = -1,
		.icmp_code = -1,
	};
	const char *why;

	pps_addr_parse("203.0.113.9", &tuple.source, &why);
	pps_addr_parse("198.51.100.10", &tuple.destination, &why);
	return tuple;
}

static struct pps_policy *parse(const char *members)
{
	struct pps_errors errors = {0};
	char *text = pps_asprintf("{\"policy\":\"p\",\"revision\":1,%s}", members);
	struct pps_policy *policy = pps_policy_parse(text, strlen(text), &errors);

	CU_ASSERT_EQUAL_FATAL(errors.n_total, 0);
	free(text);
	return policy;
}

#define RULE(id, members) \
	"{\"id\":\"" id "\",\"direction\":\"inbound\",\"source\":\"any\"," members "}"

/* What the nearest rule misses and how it is said, for a policy of this one approval. */
static void check_one(const char *rule, const struct pps_tuple *tuple, enum pps_miss miss,
	const char *word, const char *text)
{
	char *members = pps_asprintf("\"approved\":[%s]", rule);
	struct pps_policy *policy = parse(members);
	struct pps_str out = PPS_STR_INIT;
	struct pps_near near[MAX];

	CU_ASSERT_EQUAL_FATAL(pps_policy_nearest(policy, tuple, 0, near, MAX), 1);
	CU_ASSERT_EQUAL(near[0].misses, 1u << miss);
	CU_ASSERT_STRING_EQUAL(pps_miss_word(miss), word);
	pps_near_print(&near[0], tuple, miss, &out);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&out), text);
	pps_str_fini(&out);
	pps_policy_destroy(policy);
	free(members);
}

static void every_field_that_fails_is_named_with_both_values(void)
{
	struct pps_tuple tuple = web();

	check_one("{\"id\":\"A\",\"direction\":\"outbound\",\"source\":\"any\","
		  "\"destination\":\"any\",\"service\":\"https\"}",
		&tuple, PPS_MISS_DIRECTION, "direction", "outbound, not inbound");
	check_one(RULE("A", "\"destination\":\"any\",\"protocol\":\"udp\",\"ports\":443"), &tuple,
		PPS_MISS_PROTOCOL, "protocol", "udp, not tcp");
	check_one("{\"id\":\"A\",\"direction\":\"inbound\",\"source\":\"192.0.2.0/24\","
		  "\"destination\":\"any\",\"service\":\"https\"}",
		&tuple, PPS_MISS_SOURCE, "source", "192.0.2.0/24, not 203.0.113.9");
	check_one(RULE("A", "\"destination\":\"198.51.100.11\",\"service\":\"https\""), &tuple,
		PPS_MISS_DESTINATION, "destination", "198.51.100.11, not 198.51.100.10");
	check_one(RULE("A",
			  "\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":[80,\"8000-"
			  "8080\"]"),
		&tuple, PPS_MISS_PORT, "ports", "80, 8000-8080, not 443");
	check_one(RULE("A",
			  "\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":443,"
			  "\"source_ports\":\"1-1023\""),
		&tuple, PPS_MISS_SOURCE_PORT, "source_ports", "1-1023, not 50000");
	check_one(RULE("A", "\"destination\":\"any\",\"service\":\"https\",\"vlans\":[10]"), &tuple,
		PPS_MISS_VLAN, "vlans", "10, not untagged");
	tuple.vlan = 12;
	check_one(RULE("A", "\"destination\":\"any\",\"service\":\"https\",\"vlans\":\"none\""),
		&tuple, PPS_MISS_VLAN, "vlans", "untagged, not 12");
}

static void an_icmp_type_or_code_that_fails_is_named(void)
{
	struct pps_tuple tuple = web();

	tuple.protocol = 1;
	tuple.source_port = tuple.port = 0;
	tuple.icmp_type = 8;
	tuple.icmp_code = 0;
	check_one(RULE("A", "\"destination\":\"any\",\"protocol\":\"icmp\",\"icmp\":{\"type\":13}"),
		&tuple, PPS_MISS_ICMP, "icmp", "type 13, not type 8 code 0");
	check_one(RULE("A",
			  "\"destination\":\"any\",\"protocol\":\"icmp\",\"icmp\":{\"type\":8,"
			  "\"code\":1}"),
		&tuple, PPS_MISS_ICMP, "icmp", "type 8 code 1, not type 8 code 0");
}

/* The ids of the nearest rules, joined. */
static void check_ids(
	const char *members, const struct pps_tuple *tuple, uint64_t now_ns, const char *ids)
{
	struct pps_policy *policy = parse(members);
	struct pps_str out = PPS_STR_INIT;
	struct pps_near near[MAX];
	size_t n = pps_policy_nearest(policy, tuple, now_ns, near, MAX);

	for (size_t i = 0; i < n; i++)
		pps_str_addf(&out, "%s ", near[i].rule->id);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&out), ids);
	pps_str_fini(&out);
	pps_policy_destroy(policy);
}

static void rules_with_fewer_misses_come_first_and_then_the_order_of_the_file(void)
{
	const struct pps_tuple tuple = web();

	check_ids("\"approved\":["
		/* two misses */
		RULE("TWO",
			"\"destination\":\"198.51.100.11\",\"protocol\":\"tcp\",\"ports\":80") ","
		/* one miss each */
		RULE("ONE", "\"destination\":\"198.51.100.11\",\"service\":\"https\"") "," RULE(
			"ANOTHER", "\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":80") ","
		/* three misses: not near */
		RULE("FAR",
			"\"destination\":\"198.51.100.11\",\"protocol\":\"udp\",\"ports\":80") "]",
		&tuple, 0, "ONE ANOTHER TWO ");
}

static void no_more_than_asked_for_are_told_and_they_are_the_nearest(void)
{
	const struct pps_tuple tuple = web();

	check_ids(
		"\"approved\":[" RULE("A",
			"\"destination\":\"198.51.100.11\",\"protocol\":\"tcp\",\"ports\":80") "," RULE("B",
			"\"destination\":\"198.51.100.12\",\"protocol\":\"tcp\",\"ports\":80") "," RULE("C",
			"\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":80") "," RULE("D",
			"\"destination\":\"198.51.100.13\",\"protocol\":\"tcp\",\"ports\":80") "," RULE("E",
			"\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":81") "]",
		&tuple, 0, "C E A ");
}

static void bans_and_expired_exceptions_are_never_near(void)
{
	const struct pps_tuple tuple = web();

	check_ids("\"banned\":[{\"id\":\"BAN\",\"protocol\":\"tcp\",\"ports\":80}],"
		  "\"exceptions\":[" RULE("EXC",
			  "\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":80,"
			  "\"expires\":\"2030-01-01T00:00:00Z\",\"approved_by\":\"x\",\"reason\":"
			  "\"y\"") "]",
		&tuple, 0, "EXC ");
	check_ids("\"exceptions\":[" RULE("EXC",
			  "\"destination\":\"any\",\"protocol\":\"tcp\",\"ports\":80,"
			  "\"expires\":\"2030-01-01T00:00:00Z\",\"approved_by\":\"x\",\"reason\":"
			  "\"y\"") "]",
		&tuple, UINT64_C(1893456000000000000), "");
}

static void of_a_rule_the_nearest_of_its_services_counts(void)
{
	const struct pps_tuple tuple = web();

	check_ids("\"approved\":[" RULE("A",
			  "\"destination\":\"198.51.100.11\",\"service\":[\"domain/udp\",\"https\","
			  "\"ssh\"]") "]",
		&tuple, 0, "A ");
}

static void a_rule_of_the_other_family_is_not_near_by_its_port_alone(void)
{
	const struct pps_tuple tuple = web();

	check_ids("\"approved\":[{\"id\":\"A\",\"direction\":\"outbound\",\"source\":\"2001:db8::/"
		  "32\",\"destination\":\"2001:db8:1::1\",\"service\":\"https\"}]",
		&tuple, 0, "");
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_field_that_fails_is_named_with_both_values),
	UNIT_TEST(an_icmp_type_or_code_that_fails_is_named),
	UNIT_TEST(rules_with_fewer_misses_come_first_and_then_the_order_of_the_file),
	UNIT_TEST(no_more_than_asked_for_are_told_and_they_are_the_nearest),
	UNIT_TEST(bans_and_expired_exceptions_are_never_near),
	UNIT_TEST(of_a_rule_the_nearest_of_its_services_counts),
	UNIT_TEST(a_rule_of_the_other_family_is_not_near_by_its_port_alone),
};

int main(void)
{
	return unit_run("policy_near", tests, UNIT_COUNT(tests));
}
