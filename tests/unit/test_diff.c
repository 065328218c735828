/* SPDX-License-Identifier: BSD-3-Clause */
/* The difference of two policies, told: one sentence a test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset_ask.h"
#include "unit.h"

#define RULE(id, rest) "{\"id\": \"" id "\", " rest "}"
#define WEB                                                                               \
	"\"direction\": \"inbound\", \"protocol\": \"tcp\", \"ports\": 443, \"source\": " \
	"\"any\", \"destination\": \"198.51.100.10\""
#define APPROVED(rules) "\"approved\": [" rules "]"

/* "+ REGION", "- REGION", "= REGION": one line each. */
static void add_lines(const json_t *diff, const char *key, const char *sign, struct pps_str *out)
{
	const json_t *list = json_object_get(diff, key);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *region = json_array_get(list, i);
		const char *was =
			json_string_value(json_object_get(json_object_get(region, "old"), "rule"));
		const char *is =
			json_string_value(json_object_get(json_object_get(region, "new"), "rule"));

		pps_str_addf(out, "%s %s [%s/%s]\n", sign,
			json_string_value(json_object_get(region, "text")), was != NULL ? was : "",
			is != NULL ? is : "");
	}
}

/* The difference in short is that in full, counted. */
static void check_counts(const json_t *diff, const json_t *counts)
{
	const char *key;
	json_t *list;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)diff, key, list)
	{
		if (!json_is_array(list))
			continue;
		n++;
		CU_ASSERT_EQUAL(json_integer_value(json_object_get(counts, key)),
			(json_int_t)json_array_size(list));
	}
	CU_ASSERT_EQUAL(n, 8);
	CU_ASSERT_EQUAL(json_object_size(counts), n);
}

static json_t *diff_of(const char *before, const char *after)
{
	struct pps_policy *x = ask_policy(before), *y = ask_policy(after);
	struct pps_errors errors = {0};
	json_t *json = pps_diff_json(x, y, ask_now_ns(), &errors);
	json_t *counts = pps_diff_counts(x, y, ask_now_ns());

	CU_ASSERT_PTR_NOT_NULL_FATAL(json);
	check_counts(json, counts);
	json_decref(counts);
	pps_policy_destroy(x);
	pps_policy_destroy(y);
	return json;
}

static void expect(const char *before, const char *after, const char *lines)
{
	json_t *diff = diff_of(before, after);
	struct pps_str text = PPS_STR_INIT;

	add_lines(diff, "allowed", "+", &text);
	add_lines(diff, "denied", "-", &text);
	add_lines(diff, "rebound", "=", &text);
	if (strcmp(pps_str_text(&text), lines) != 0)
		printf("# wanted:\n%s# got:\n%s", lines, pps_str_text(&text));
	CU_ASSERT_STRING_EQUAL(pps_str_text(&text), lines);
	CU_ASSERT_EQUAL(json_is_true(json_object_get(diff, "traffic_differs")),
		strpbrk(lines, "+") != NULL || strstr(lines, "- ") != NULL);
	pps_str_fini(&text);
	json_decref(diff);
}

/* The value at 'key', printed on one line with sorted keys. */
static void expect_part(const char *before, const char *after, const char *key, const char *wanted)
{
	json_t *diff = diff_of(before, after);
	char *text = json_dumps(json_object_get(diff, key), JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (strcmp(text, wanted) != 0)
		printf("# wanted %s\n# got    %s\n", wanted, text);
	CU_ASSERT_STRING_EQUAL(text, wanted);
	free(text);
	json_decref(diff);
}

static void equal_policies_differ_in_nothing(void)
{
	expect(APPROVED(RULE("A", WEB)), APPROVED(RULE("A", WEB)), "");
	expect_part("", "", "rules", "[]");
}

static void a_new_rule_allows_and_a_rule_that_is_gone_denies(void)
{
	expect("", APPROVED(RULE("A", WEB)),
		"+ inbound tcp any -> 198.51.100.10:443 (https) [/A]\n");
	expect(APPROVED(RULE("A", WEB)), "",
		"- inbound tcp any -> 198.51.100.10:443 (https) [A/]\n");
}

static void a_rule_that_grows_allows_what_it_did_not_cover(void)
{
	expect(APPROVED(RULE("A",
		       "\"direction\": \"outbound\", \"protocol\": \"udp\", \"ports\": "
		       "\"100-200\", "
		       "\"source\": \"10.0.0.0/9\", \"destination\": \"192.0.2.1\"")),
		APPROVED(RULE("A",
			"\"direction\": \"outbound\", \"protocol\": \"udp\", \"ports\": "
			"\"100-201\", "
			"\"source\": \"10.0.0.0/9\", \"destination\": \"192.0.2.1\"")),
		"+ outbound udp 10.0.0.0/9 -> 192.0.2.1:201 (at-rtmp) [/A]\n");
}

static void neighbours_are_told_as_one(void)
{
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"both\", \"protocol\": \"tcp\", \"ports\": [22, 23], "
			"\"source\": [\"10.0.0.0/9\", \"10.128.0.0/9\"], \"destination\": "
			"[\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"]")),
		"+ both tcp 10.0.0.0/8 -> 192.0.2.1-192.0.2.3:22-23 [/A]\n");
}

static void both_families_are_any_and_one_is_named(void)
{
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"inbound\", \"protocol\": \"any\", \"source\": \"any\", "
			"\"destination\": \"any\"")),
		"+ inbound any any -> any [/A]\n");
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"inbound\", \"protocol\": \"tcp\", \"ports\": 25, "
			"\"source\": \"any\", \"destination\": \"::/0\"")),
		"+ inbound tcp ::/0 -> [::/0]:25 (smtp) [/A]\n");
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"inbound\", \"protocol\": \"tcp\", \"ports\": 25, "
			"\"source\": \"any\", \"destination\": \"2001:db8::/32\"")),
		"+ inbound tcp any -> [2001:db8::/32]:25 (smtp) [/A]\n");
}

static void icmp_source_ports_and_vlans_are_told(void)
{
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"inbound\", \"protocol\": \"icmp\", \"icmp\": {\"type\": "
			"8, "
			"\"code\": 0}, \"source\": \"any\", \"destination\": \"any\", \"vlans\": "
			"[5]")),
		"+ inbound icmp 0.0.0.0/0 -> 0.0.0.0/0 type 8 code 0 vlan 5 [/A]\n");
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"inbound\", \"protocol\": \"icmpv6\", \"icmp\": "
			"{\"type\": "
			"128}, \"source\": \"any\", \"destination\": \"2001:db8::1\", \"vlans\": "
			"\"none\"")),
		"+ inbound icmpv6 any -> 2001:db8::1 type 128 untagged [/A]\n");
	expect("",
		APPROVED(RULE("A",
			"\"direction\": \"inbound\", \"protocol\": \"udp\", \"source_ports\": 123, "
			"\"source\": \"10.0.0.1\", \"destination\": \"10.0.0.2\"")),
		"+ inbound udp 10.0.0.1:123 -> 10.0.0.2 [/A]\n");
}

static void a_ban_denies_its_part_and_names_itself(void)
{
	expect(APPROVED(RULE("A", WEB)),
		APPROVED(RULE("A", WEB)) ", \"banned\": [" RULE("B",
			"\"direction\": \"both\", \"protocol\": \"tcp\", \"source\": "
			"\"10.0.0.0/8\", "
			"\"destination\": \"any\", \"reason\": \"x\"") "]",
		"- inbound tcp 10.0.0.0/8 -> 198.51.100.10:443 (https) [A/B]\n");
}

#define EXCEPTION(overrides, time) ", \"exceptions\": [" RULE("E", WEB ", " time overrides) "]"
#define BAN                                                                                    \
	", \"banned\": [" RULE("B",                                                            \
		"\"direction\": \"both\", \"protocol\": \"tcp\", \"ports\": 443, \"source\": " \
		"\"any\", \"destination\": \"any\", \"reason\": \"x\"") "]"

static void an_exception_allows_only_with_the_ban_it_overrides(void)
{
	expect(APPROVED("") BAN, APPROVED("") BAN EXCEPTION("", ASK_FUTURE), "");
	expect(APPROVED("") BAN, APPROVED("") BAN EXCEPTION(", \"overrides\": \"B\"", ASK_FUTURE),
		"+ inbound tcp any -> 198.51.100.10:443 (https) [B/E]\n");
}

static void an_exception_that_has_ended_permits_nothing_and_its_window_is_told(void)
{
	expect(APPROVED("") EXCEPTION("", ASK_FUTURE), APPROVED("") EXCEPTION("", ASK_PAST),
		"- inbound tcp any -> 198.51.100.10:443 (https) [E/E]\n");
	expect_part(APPROVED("") EXCEPTION("", ASK_FUTURE), APPROVED("") EXCEPTION("", ASK_PAST),
		"exceptions",
		"[{\"expired\": true, \"new\": \"2026-05-01T00:00:00Z\", \"old\": "
		"\"2027-01-01T00:00:00Z\", \"removed\": false, \"rule\": \"E\"}]");
	expect_part(APPROVED("") EXCEPTION("", ASK_FUTURE), "", "exceptions",
		"[{\"expired\": false, \"new\": null, \"old\": \"2027-01-01T00:00:00Z\", "
		"\"removed\": true, \"rule\": \"E\"}]");
}

static void the_same_traffic_under_another_rule_is_told_apart(void)
{
	expect(APPROVED(RULE("A", WEB)), APPROVED(RULE("B", WEB)),
		"= inbound tcp any -> 198.51.100.10:443 (https) [A/B]\n");
}

static void rules_that_change_places_differ_only_where_they_meet(void)
{
	static const char first[] = RULE("A", WEB);
	static const char second[] = RULE("B",
		"\"direction\": \"inbound\", \"protocol\": \"tcp\", \"source\": \"10.0.0.0/8\", "
		"\"destination\": \"any\"");
	char *before = pps_asprintf("\"approved\": [%s, %s]", first, second);
	char *after = pps_asprintf("\"approved\": [%s, %s]", second, first);

	expect(before, after, "= inbound tcp 10.0.0.0/8 -> 198.51.100.10:443 (https) [A/B]\n");
	free(before);
	free(after);
}

static void changed_approval_data_is_told_by_rule_and_field(void)
{
	expect_part(APPROVED(RULE("A", WEB ", \"approved_by\": \"CMB 1\"")),
		APPROVED(RULE("A",
			WEB ", \"approved_by\": \"CMB 2\", \"limits\": {\"flows\": 5}, \"log\": "
			    "\"flows\"")),
		"rules",
		"[{\"change\": \"changed\", \"fields\": [{\"field\": \"approved_by\", \"new\": "
		"\"CMB 2\", \"old\": \"CMB 1\"}, {\"field\": \"log\", \"new\": \"flows\", "
		"\"old\": null}, {\"field\": \"limits\", \"new\": {\"flows\": 5}, \"old\": "
		"null}], \"rule\": \"A\", \"traffic\": []}]");
	expect_part(APPROVED(RULE("A", WEB)), APPROVED(RULE("B", WEB)), "rules",
		"[{\"change\": \"added\", \"rule\": \"B\"}, {\"change\": \"removed\", \"rule\": "
		"\"A\"}]");
}

static void changes_of_the_link_are_told(void)
{
	expect_part(
		"\"link\": {\"arp\": \"both\", \"vlans\": [1], \"ethertypes\": [{\"ethertype\": "
		"\"0x88cc\", \"direction\": \"both\"}]}",
		"\"link\": {\"vlans\": \"any\", \"ethertypes\": [{\"ethertype\": \"802.3\", "
		"\"direction\": \"inbound\"}]}",
		"link",
		"[{\"field\": \"link.arp\", \"new\": \"none\", \"old\": \"both\"}, {\"field\": "
		"\"link.vlans\", \"new\": \"any\", \"old\": [1]}, {\"field\": \"link.ethertypes "
		"0x88cc\", \"new\": \"none\", \"old\": \"both\"}, {\"field\": \"link.ethertypes "
		"802.3\", \"new\": \"inbound\", \"old\": \"none\"}]");
	expect_part("", "\"link\": {\"arp\": \"both\"}", "traffic_differs", "true");
}

static void changes_of_the_source_lists_are_told_as_ranges(void)
{
	expect_part("\"sources\": {\"block\": [\"10.0.0.0/8\", \"192.0.2.0/24\"]}",
		"\"sources\": {\"block\": [\"10.0.0.0/9\", \"192.0.2.0/24\", \"192.0.3.0/24\", "
		"\"2001:db8::/32\"]}",
		"sources",
		"[{\"added\": {\"count\": 2, \"ranges\": [\"192.0.3.0/24\", \"2001:db8::/32\"]}, "
		"\"list\": \"block\", \"removed\": {\"count\": 1, \"ranges\": "
		"[\"10.128.0.0/9\"]}}]");
	expect_part("", "\"sources\": {\"allow\": [\"128.0.0.0/1\"]}", "sources",
		"[{\"added\": {\"count\": 0, \"ranges\": []}, \"list\": \"allow\", \"removed\": "
		"{\"count\": 2, \"ranges\": [\"0.0.0.0/1\", \"::/0\"]}}]");
	expect_part("\"sources\": {\"block\": [\"10.0.0.0/8\"]}",
		"\"sources\": {\"block\": [\"10.0.0.0/9\", \"10.128.0.0/9\"]}", "traffic_differs",
		"false");
	/* A hole in the middle, and the ends. */
	expect_part("\"sources\": {\"block\": [\"0.0.0.0/0\"]}",
		"\"sources\": {\"block\": [\"0.0.0.0/2\", \"128.0.0.0/2\"]}", "sources",
		"[{\"added\": {\"count\": 0, \"ranges\": []}, \"list\": \"block\", \"removed\": "
		"{\"count\": 2, \"ranges\": [\"64.0.0.0/2\", \"192.0.0.0/2\"]}}]");
}

static void changed_timeouts_are_settings_and_no_traffic(void)
{
	expect_part("", "\"timeouts\": {\"udp\": 60}", "settings",
		"[{\"field\": \"timeouts.udp\", \"new\": 60, \"old\": 120}]");
	expect_part("", "\"timeouts\": {\"udp\": 60}", "traffic_differs", "false");
}

/* ---- size ---- */

/* 'n' rules for hosts and ports; every 'step'-th differs from those of another step. */
static struct pps_policy *make_large(unsigned int n, unsigned int step)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_policy *policy;

	pps_str_add(&text, "\"approved\": [");
	for (unsigned int i = 0; i < n; i++)
		pps_str_addf(&text,
			"%s{\"id\": \"R%u\", \"direction\": \"%s\", \"protocol\": \"tcp\", "
			"\"ports\": %u, \"source\": %s, \"destination\": \"10.%u.%u.%u\"}",
			i == 0 ? "" : ",", i, i % 3 == 0 ? "inbound" : "both",
			1 + i % 500 + (i % step == 0 ? 1000 : 0),
			i % 7 == 0 ? "\"192.0.2.0/24\"" : "\"any\"", i / 65536, i / 256 % 256,
			i % 256);
	pps_str_add(&text,
		"], \"banned\": [{\"id\": \"B\", \"protocol\": \"tcp\", \"ports\": "
		"[23, 1023], \"reason\": \"x\"}]");
	policy = ask_policy(pps_str_text(&text));
	pps_str_fini(&text);
	return policy;
}

static void ten_thousand_rules_are_compared_within_the_budget(void)
{
	static const unsigned int steps[] = {5000, 7, 1};

	for (unsigned int i = 0; i < UNIT_COUNT(steps); i++) {
		struct pps_policy *x = make_large(10000, 1000000), *y = make_large(10000, steps[i]);
		uint64_t started_ns = pps_time_mono_ns();
		struct pps_errors errors = {0};
		struct pps_diff diff;

		CU_ASSERT_FATAL(pps_diff_make(x, y, ask_now_ns(), &diff, &errors));
		printf("# %zu regions, %u ms\n", diff.n,
			(unsigned int)((pps_time_mono_ns() - started_ns) / PPS_NS_PER_MS));
		CU_ASSERT(diff.n > 0);
		pps_diff_fini(&diff);
		pps_policy_destroy(x);
		pps_policy_destroy(y);
	}
}

/* Approvals that cross each other in every dimension, behind a new ban of nearly everything. */
static void what_is_too_complex_is_refused_with_a_reason(void)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_policy *x, *y = ask_policy("");
	struct pps_errors errors = {0};
	struct pps_diff diff;

	pps_str_add(&text, "\"approved\": [");
	for (unsigned int i = 0; i < 1200; i++) {
		char source[48] = "any", destination[48] = "any";
		unsigned int port = 0, from = 0;

		if (i % 4 == 0)
			snprintf(source, sizeof(source), "10.0.%u.%u", i / 256, i % 256);
		else if (i % 4 == 1)
			snprintf(destination, sizeof(destination), "10.1.%u.%u", i / 256, i % 256);
		else if (i % 4 == 2)
			port = 10 + i;
		else
			from = 10 + i;
		pps_str_addf(&text,
			"%s{\"id\": \"R%u\", \"direction\": \"both\", \"protocol\": \"tcp\", "
			"\"source\": \"%s\", \"destination\": \"%s\"",
			i == 0 ? "" : ",", i, source, destination);
		if (port > 0)
			pps_str_addf(&text, ", \"ports\": %u", port);
		if (from > 0)
			pps_str_addf(&text, ", \"source_ports\": %u", from);
		pps_str_add(&text, "}");
	}
	pps_str_add(&text, "]");
	x = ask_policy(pps_str_text(&text));
	CU_ASSERT_FALSE(pps_diff_make(x, y, ask_now_ns(), &diff, &errors));
	CU_ASSERT_EQUAL(errors.n, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "too complex"));
	pps_diff_fini(&diff);
	pps_errors_fini(&errors);
	pps_policy_destroy(x);
	pps_policy_destroy(y);
	pps_str_fini(&text);
}

static const struct unit_test tests[] = {
	UNIT_TEST(equal_policies_differ_in_nothing),
	UNIT_TEST(a_new_rule_allows_and_a_rule_that_is_gone_denies),
	UNIT_TEST(a_rule_that_grows_allows_what_it_did_not_cover),
	UNIT_TEST(neighbours_are_told_as_one),
	UNIT_TEST(both_families_are_any_and_one_is_named),
	UNIT_TEST(icmp_source_ports_and_vlans_are_told),
	UNIT_TEST(a_ban_denies_its_part_and_names_itself),
	UNIT_TEST(an_exception_allows_only_with_the_ban_it_overrides),
	UNIT_TEST(an_exception_that_has_ended_permits_nothing_and_its_window_is_told),
	UNIT_TEST(the_same_traffic_under_another_rule_is_told_apart),
	UNIT_TEST(rules_that_change_places_differ_only_where_they_meet),
	UNIT_TEST(changed_approval_data_is_told_by_rule_and_field),
	UNIT_TEST(changes_of_the_link_are_told),
	UNIT_TEST(changes_of_the_source_lists_are_told_as_ranges),
	UNIT_TEST(changed_timeouts_are_settings_and_no_traffic),
	UNIT_TEST(ten_thousand_rules_are_compared_within_the_budget),
	UNIT_TEST(what_is_too_complex_is_refused_with_a_reason),
};

int main(void)
{
	return unit_run("diff", tests, UNIT_COUNT(tests));
}
