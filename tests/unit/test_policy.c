/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pps_policy.h>
#include <pps_registry.h>

#define RULE "\"source\":\"any\",\"destination\":\"any\",\"direction\":\"inbound\""
#define EXCEPTION \
	RULE ",\"expires\":\"2030-01-02T03:04:05Z\",\"approved_by\":\"CMB\",\"reason\":\"why\""

/* A policy of the given members; NULL when it is refused. */
static struct pps_policy *parse(const char *members)
{
	struct pps_errors errors = {0};
	char *text = pps_asprintf(
		"{\"policy\":\"p\",\"revision\":3%s%s}", members[0] != '\0' ? "," : "", members);
	struct pps_policy *policy = pps_policy_parse(text, strlen(text), &errors);

	for (size_t i = 0; i < errors.n && i < 3; i++)
		printf("# %s: %s\n", errors.items[i].path, errors.items[i].text);
	pps_errors_fini(&errors);
	free(text);
	return policy;
}

/* True when 'text' is refused with an error of that path whose text contains 'part'. */
static bool refuses(const char *text, size_t len, const char *path, const char *part)
{
	struct pps_errors errors = {0};
	struct pps_policy *policy = pps_policy_parse(text, len, &errors);
	bool found = false;

	for (size_t i = 0; i < errors.n; i++)
		found = found ||
			(strcmp(errors.items[i].path, path) == 0 &&
				strstr(errors.items[i].text, part) != NULL);
	for (size_t i = 0; !found && i < errors.n && i < 3; i++)
		printf("# %s: %s\n", errors.items[i].path, errors.items[i].text);
	found = found && policy == NULL;
	pps_policy_destroy(policy);
	pps_errors_fini(&errors);
	return found;
}

static void every_protocol_number_reads_back_from_its_word(void)
{
	for (unsigned int i = 0; i <= PPS_PROTOCOL_ANY; i++) {
		char number[8];

		CU_ASSERT_EQUAL(pps_protocol_parse(pps_protocol_word(i)), (int)i);
		snprintf(number, sizeof(number), "%u", i);
		CU_ASSERT_EQUAL(pps_protocol_parse(number), i < 256 ? (int)i : -22);
	}
	CU_ASSERT_STRING_EQUAL(pps_protocol_word(6), "tcp");
	CU_ASSERT_STRING_EQUAL(pps_protocol_word(253), "253");
	CU_ASSERT_STRING_EQUAL(pps_protocol_word(9), "9");
	CU_ASSERT_STRING_EQUAL(pps_protocol_word(100), "100");
}

static void words_that_name_no_protocol_are_refused(void)
{
	static const char *const words[] = {
		"", " tcp", "tcp ", "06", "-1", "256", "1000", "0x6", "6 ", "tcpp", "00"};

	for (size_t i = 0; i < UNIT_COUNT(words); i++)
		CU_ASSERT(pps_protocol_parse(words[i]) < 0);
	CU_ASSERT_STRING_EQUAL(pps_protocol_nearest("tpc"), "tcp");
	CU_ASSERT_PTR_NULL(pps_protocol_nearest("frobnicate"));
}

static void five_protocols_have_ports(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i <= PPS_PROTOCOL_ANY; i++)
		n += pps_protocol_has_ports(i);
	CU_ASSERT_EQUAL(n, 5);
	CU_ASSERT(pps_protocol_has_ports(6) && pps_protocol_has_ports(17));
	CU_ASSERT(pps_protocol_has_ports(33) && pps_protocol_has_ports(132));
	CU_ASSERT(pps_protocol_has_ports(136));
}

static void words_of_the_policy_are_those_of_the_contract(void)
{
	CU_ASSERT_STRING_EQUAL(pps_direction_word((enum pps_direction)0), "none");
	CU_ASSERT_STRING_EQUAL(pps_direction_word(PPS_INBOUND), "inbound");
	CU_ASSERT_STRING_EQUAL(pps_direction_word(PPS_OUTBOUND), "outbound");
	CU_ASSERT_STRING_EQUAL(pps_direction_word(PPS_BOTH), "both");
	CU_ASSERT_STRING_EQUAL(pps_rule_kind_word(PPS_RULE_BAN), "ban");
	CU_ASSERT_STRING_EQUAL(pps_rule_kind_word(PPS_RULE_EXCEPTION), "exception");
	CU_ASSERT_STRING_EQUAL(pps_rule_kind_word(PPS_RULE_APPROVED), "approved");
	CU_ASSERT_STRING_EQUAL(pps_assurance_word(PPS_ASSURANCE_NONE), "");
	CU_ASSERT_STRING_EQUAL(pps_assurance_word(PPS_ASSURANCE_LOW), "low");
	CU_ASSERT_STRING_EQUAL(pps_timeout_word(PPS_TIMEOUT_SCTP_ESTABLISHED), "sctp_established");
	CU_ASSERT_EQUAL(pps_timeout_default(PPS_TIMEOUT_TCP_ESTABLISHED), 7440);
	CU_ASSERT_EQUAL(pps_timeout_default(PPS_TIMEOUT_FRAGMENT), 5);
}

static void the_empty_policy_permits_nothing(void)
{
	struct pps_policy *policy = parse("");

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	CU_ASSERT_STRING_EQUAL(policy->name, "p");
	CU_ASSERT_EQUAL(policy->revision, 3);
	CU_ASSERT_PTR_NULL(policy->authority);
	CU_ASSERT_EQUAL(policy->n_rules, 0);
	CU_ASSERT_EQUAL(policy->link.arp, 0);
	CU_ASSERT_EQUAL(policy->link.neighbor_discovery, 0);
	CU_ASSERT_EQUAL(policy->link.n_ethertypes, 0);
	CU_ASSERT(policy->link.vlans.none && !policy->link.vlans.any);
	for (unsigned int i = 0; i < PPS_TIMEOUT_COUNT; i++)
		CU_ASSERT_EQUAL(policy->timeouts_sec[i], pps_timeout_default((enum pps_timeout)i));
	pps_policy_destroy(policy);
}

static void the_digest_is_that_of_the_bytes(void)
{
	static const char text[] = "{\"policy\":\"x\",\"revision\":1}";
	struct pps_errors errors = {0};
	struct pps_policy *policy = pps_policy_parse(text, strlen(text), &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	CU_ASSERT_STRING_EQUAL(
		policy->digest, "66f30c0790b449c6c5b67070a7bfd7c7c803972a1037511055337f6a3e63488e");
	pps_policy_destroy(policy);
}

static void rules_stand_in_the_order_of_the_law(void)
{
	static const char *const ids[] = {"B1", "B2", "E1", "A1", "A2"};
	static const char *const paths[] = {
		"banned[0]", "banned[1]", "exceptions[0]", "approved[0]", "approved[1]"};
	struct pps_policy *policy =
		parse("\"approved\":[{\"id\":\"A1\",\"protocol\":\"tcp\"," RULE "},"
		      "{\"id\":\"A2\",\"protocol\":\"udp\"," RULE "}],"
		      "\"exceptions\":[{\"id\":\"E1\",\"protocol\":\"tcp\",\"overrides\":[\"B2\","
		      "\"B1\"]," EXCEPTION "}],"
		      "\"banned\":[{\"id\":\"B1\",\"protocol\":\"tcp\"},{\"id\":\"B2\","
		      "\"protocol\":\"any\"}]");

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	CU_ASSERT_EQUAL_FATAL(policy->n_rules, 5);
	for (size_t i = 0; i < 5; i++) {
		CU_ASSERT_STRING_EQUAL(policy->rules[i].id, ids[i]);
		CU_ASSERT_STRING_EQUAL(policy->rules[i].path, paths[i]);
	}
	CU_ASSERT(policy->n_bans == 2 && policy->n_exceptions == 1 && policy->n_approved == 2);
	CU_ASSERT_EQUAL_FATAL(policy->rules[2].n_overrides, 2);
	CU_ASSERT_EQUAL(policy->rules[2].overrides[0], 1);
	CU_ASSERT_EQUAL(policy->rules[2].overrides[1], 0);
	CU_ASSERT_EQUAL(policy->rules[2].expires_ns, 1893553445 * PPS_NS_PER_SEC);
	CU_ASSERT_EQUAL(policy->rules[0].direction, PPS_BOTH);
	CU_ASSERT(policy->rules[0].source.any && policy->rules[0].destination.any);
	CU_ASSERT(policy->rules[0].vlans.any);
	pps_policy_destroy(policy);
}

static void a_rule_holds_values_and_no_names(void)
{
	struct pps_policy *policy = parse(
		"\"groups\":{\"g\":[\"10.0.0.0/8\",\"10.1.0.0/16\",\"2001:db8::1\"]},"
		"\"approved\":[{\"id\":\"A\",\"direction\":\"outbound\",\"service\":\"domain/udp\","
		"\"source\":\"g\",\"destination\":[\"any\"],\"vlans\":[5,\"6-9\"],\"log\":"
		"\"flows\"}]");
	const struct pps_rule *rule;

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	rule = &policy->rules[0];
	CU_ASSERT_EQUAL_FATAL(rule->n_terms, 1);
	CU_ASSERT_EQUAL(rule->terms[0].protocol, 17);
	CU_ASSERT(rule->terms[0].n_ports == 1 && rule->terms[0].ports[0].lo == 53);
	CU_ASSERT_EQUAL(rule->terms[0].n_source_ports, 0);
	CU_ASSERT(rule->terms[0].icmp_type == -1 && rule->terms[0].icmp_code == -1);
	CU_ASSERT_STRING_EQUAL(rule->terms[0].service, "domain/udp");
	CU_ASSERT(!rule->source.any && rule->source.n == 2);
	CU_ASSERT_EQUAL(rule->source.items[0].len, 8);
	CU_ASSERT_EQUAL(rule->source.items[1].addr.family, 6);
	CU_ASSERT(rule->destination.any);
	CU_ASSERT(!rule->vlans.any && !rule->vlans.none && rule->vlans.n == 1);
	CU_ASSERT(rule->vlans.items[0].lo == 5 && rule->vlans.items[0].hi == 9);
	CU_ASSERT_EQUAL(rule->log, PPS_RULE_LOG_FLOWS);
	CU_ASSERT_EQUAL(rule->expires_ns, 0);
	CU_ASSERT_STRING_EQUAL(rule->service_text, "domain/udp");
	CU_ASSERT_STRING_EQUAL(rule->source_text, "g");
	CU_ASSERT_STRING_EQUAL(rule->destination_text, "any");
	pps_policy_destroy(policy);
}

static void traffic_is_told_in_one_line(void)
{
	static const struct {
		const char *traffic, *line;
	} cases[] = {
		{"\"protocol\":\"tcp\",\"ports\":[443,\"8443-8450\"]", "tcp 443, 8443-8450"},
		{"\"protocol\":\"udp\",\"source_ports\":\"1024-65535\"",
			"udp from port 1024-65535"},
		{"\"protocol\":\"udp\",\"ports\":53,\"source_ports\":[5,7]",
			"udp 53 from port 5, 7"},
		{"\"protocol\":\"icmp\",\"icmp\":{\"type\":8,\"code\":0}", "icmp type 8 code 0"},
		{"\"protocol\":\"any\"", "any"},
		{"\"protocol\":253", "253"},
		{"\"service\":[\"80/tcp\",\"53/udp\"]", "tcp 80; udp 53"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		char *members =
			pps_asprintf("\"approved\":[{\"id\":\"A\",%s," RULE "}]", cases[i].traffic);
		struct pps_policy *policy = parse(members);
		struct pps_str line = PPS_STR_INIT;

		CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
		pps_rule_traffic_print(&policy->rules[0], &line);
		CU_ASSERT_STRING_EQUAL(pps_str_text(&line), cases[i].line);
		pps_str_fini(&line);
		pps_policy_destroy(policy);
		free(members);
	}
}

/* Whether a policy with that service is accepted and reads back from its print. */
static bool prints_back(const char *service)
{
	char *members =
		pps_asprintf("\"approved\":[{\"id\":\"A\",\"service\":\"%s\"," RULE "}]", service);
	struct pps_policy *policy = parse(members), *again = NULL;
	struct pps_str first = PPS_STR_INIT, second = PPS_STR_INIT;
	struct pps_errors errors = {0};
	bool same = false;

	if (policy != NULL) {
		pps_policy_print(policy, &first);
		again = pps_policy_parse(pps_str_text(&first), first.len, &errors);
	}
	if (again != NULL) {
		pps_policy_print(again, &second);
		same = strcmp(pps_str_text(&first), pps_str_text(&second)) == 0;
	}
	pps_policy_destroy(policy);
	pps_policy_destroy(again);
	pps_errors_fini(&errors);
	pps_str_fini(&first);
	pps_str_fini(&second);
	free(members);
	return same;
}

static void every_name_of_the_registry_is_a_service(void)
{
	const struct pps_registry_entry *entries;
	size_t n, n_used = 0;

	entries = pps_registry_entries(&n);
	for (size_t i = 0; i < n; i++) {
		struct pps_registry_service pairs[PPS_REGISTRY_SERVICE_MAX];
		size_t n_pairs;
		bool has_port = false;

		if (entries[i].name[0] == '\0')
			continue;
		n_pairs = pps_registry_resolve(entries[i].name, 0, pairs);
		for (size_t j = 0; j < n_pairs; j++)
			has_port = has_port || pairs[j].port != 0;
		if (has_port && !prints_back(entries[i].name)) {
			printf("# %s\n", entries[i].name);
			CU_FAIL("a registry name that no policy can use");
		}
		n_used += has_port;
	}
	CU_ASSERT(n_used > 100);
}

static void the_value_of_https_is_tcp_443(void)
{
	struct pps_policy *policy =
		parse("\"approved\":[{\"id\":\"A\",\"service\":\"HTTPS\"," RULE "}]");

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	CU_ASSERT_EQUAL_FATAL(policy->rules[0].n_terms, 1);
	CU_ASSERT_EQUAL(policy->rules[0].terms[0].protocol, 6);
	CU_ASSERT_EQUAL(policy->rules[0].terms[0].ports[0].lo, 443);
	CU_ASSERT_EQUAL(policy->rules[0].terms[0].ports[0].hi, 443);
	CU_ASSERT_STRING_EQUAL(policy->rules[0].terms[0].service, "https");
	pps_policy_destroy(policy);
}

/* "head" + n times "each" (with its number twice) + "tail" is refused at 'path' for 'part'. */
static bool refuses_many(const char *head, const char *each, size_t n, const char *tail,
	const char *path, const char *part)
{
	struct pps_str text = PPS_STR_INIT;
	bool refused;

	pps_str_addf(&text, "{\"policy\":\"p\",\"revision\":1,%s", head);
	for (size_t i = 0; i < n; i++) {
		pps_str_add(&text, i > 0 ? "," : "");
		pps_str_addf(&text, each, i, i);
	}
	pps_str_addf(&text, "%s}", tail);
	refused = refuses(pps_str_text(&text), text.len, path, part);
	pps_str_fini(&text);
	return refused;
}

static void more_rules_than_counters_are_refused(void)
{
	CU_ASSERT(refuses_many("\"banned\":[", "{\"id\":\"%zu\",\"protocol\":\"tcp\"}",
		PPS_POLICY_RULES_MAX + 1, "]", "", "has 60001 rules, at most 60000"));
}

static void long_lists_are_refused(void)
{
	CU_ASSERT(refuses_many("\"groups\":{\"g\":[", "\"2001:db8::%zx\"", 65537, "]}", "groups.g",
		"the list has 65537 elements"));
	CU_ASSERT(refuses_many("\"banned\":[{\"id\":\"a\",\"service\":[", "\"%zu/tcp\"", 257, "]}]",
		"banned[0].service", "the list has 257 elements"));
}

/* A few hundred kilobytes that would spell out to gigabytes. */
static void a_policy_that_spells_out_to_too_much_is_refused(void)
{
	struct pps_str text = PPS_STR_INIT;

	pps_str_add(&text, "{\"policy\":\"p\",\"revision\":1,\"groups\":{\"g\":[");
	for (unsigned int i = 0; i < 65536; i++)
		pps_str_addf(&text, "%s\"10.%u.%u.%u\"", i > 0 ? "," : "", i >> 15, (i >> 7) & 255,
			(i & 127) << 1);
	pps_str_add(&text, "]},\"banned\":[");
	for (unsigned int i = 0; i < 1000; i++)
		pps_str_addf(&text, "%s{\"id\":\"%u\",\"protocol\":\"tcp\",\"source\":\"g\"}",
			i > 0 ? "," : "", i);
	pps_str_add(&text, "]}");
	CU_ASSERT(refuses(pps_str_text(&text), text.len, "banned[62].source",
		"the policy spells out to more than 4194304"));
	pps_str_fini(&text);
}

static void more_bytes_than_the_limit_are_refused(void)
{
	size_t len = PPS_POLICY_BYTES_MAX + 1;
	char *text = pps_alloc(len);

	memset(text, ' ', len);
	CU_ASSERT(refuses(text, len, "", "bytes, at most 33554432"));
	free(text);
}

static void an_unreadable_file_is_an_error_without_a_path(void)
{
	struct pps_errors errors = {0};

	CU_ASSERT_PTR_NULL(pps_policy_load("/nonexistent/policy.json", &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "");
	CU_ASSERT_STRING_EQUAL(errors.items[0].text, "cannot read it: No such file or directory");
	pps_errors_fini(&errors);
}

static void errors_of_a_caller_are_kept(void)
{
	static const char text[] = "{\"policy\":\"x\",\"revision\":1}";
	struct pps_errors errors = {0};
	struct pps_policy *policy;

	pps_errors_add(&errors, "elsewhere", "something");
	policy = pps_policy_parse(text, strlen(text), &errors);
	CU_ASSERT_PTR_NOT_NULL(policy);
	CU_ASSERT_EQUAL(errors.n, 1);
	pps_policy_destroy(policy);
	pps_errors_fini(&errors);
}

static void the_language_lists_every_timeout(void)
{
	struct pps_str text = PPS_STR_INIT;

	pps_policy_fields(&text);
	for (unsigned int i = 0; i < PPS_TIMEOUT_COUNT; i++) {
		char *row = pps_asprintf("timeouts\t%s\t", pps_timeout_word((enum pps_timeout)i));

		CU_ASSERT_PTR_NOT_NULL(strstr(pps_str_text(&text), row));
		free(row);
	}
	pps_str_fini(&text);
}

static void each_timeout_reaches_its_own_place(void)
{
	for (unsigned int i = 0; i < PPS_TIMEOUT_COUNT; i++) {
		char *members = pps_asprintf("\"timeouts\":{\"%s\":%u}",
			pps_timeout_word((enum pps_timeout)i), 1000 + i);
		struct pps_policy *policy = parse(members);

		CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
		for (unsigned int j = 0; j < PPS_TIMEOUT_COUNT; j++)
			CU_ASSERT_EQUAL(policy->timeouts_sec[j],
				i == j ? 1000 + i : pps_timeout_default((enum pps_timeout)j));
		pps_policy_destroy(policy);
		free(members);
	}
}

static void destroying_nothing_does_nothing(void)
{
	struct pps_findings findings = {0};

	pps_policy_destroy(NULL);
	pps_findings_fini(&findings);
	CU_ASSERT_EQUAL(findings.n, 0);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_protocol_number_reads_back_from_its_word),
	UNIT_TEST(words_that_name_no_protocol_are_refused),
	UNIT_TEST(five_protocols_have_ports),
	UNIT_TEST(words_of_the_policy_are_those_of_the_contract),
	UNIT_TEST(the_empty_policy_permits_nothing),
	UNIT_TEST(the_digest_is_that_of_the_bytes),
	UNIT_TEST(rules_stand_in_the_order_of_the_law),
	UNIT_TEST(a_rule_holds_values_and_no_names),
	UNIT_TEST(traffic_is_told_in_one_line),
	UNIT_TEST(every_name_of_the_registry_is_a_service),
	UNIT_TEST(the_value_of_https_is_tcp_443),
	UNIT_TEST(more_rules_than_counters_are_refused),
	UNIT_TEST(long_lists_are_refused),
	UNIT_TEST(a_policy_that_spells_out_to_too_much_is_refused),
	UNIT_TEST(more_bytes_than_the_limit_are_refused),
	UNIT_TEST(an_unreadable_file_is_an_error_without_a_path),
	UNIT_TEST(errors_of_a_caller_are_kept),
	UNIT_TEST(the_language_lists_every_timeout),
	UNIT_TEST(each_timeout_reaches_its_own_place),
	UNIT_TEST(destroying_nothing_does_nothing),
};

int main(void)
{
	return unit_run("policy", tests, UNIT_COUNT(tests));
}
