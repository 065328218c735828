/* SPDX-License-Identifier: BSD-3-Clause */
#include <pps_shape.h>

#include "ruleset_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "unit.h"

uint64_t ask_now_ns(void)
{
	uint64_t ns = 0;

	CU_ASSERT_EQUAL_FATAL(pps_time_parse(ASK_NOW, &ns), 0);
	return ns;
}

uint32_t ask_generation(void)
{
	static uint32_t last;

	return ++last;
}

static void bail_out(const char *what, const char *text, const struct pps_errors *errors)
{
	struct pps_str lines = PPS_STR_INIT;

	pps_errors_print(errors, &lines);
	printf("Bail out! %s: %s%s\n", what, pps_str_text(&lines), text);
	fflush(stdout);
	exit(99);
}

struct pps_policy *ask_policy(const char *sections)
{
	char *text = pps_asprintf("{\"policy\": \"test\", \"revision\": 1%s%s}",
		sections[0] == '\0' ? "" : ",\n", sections);
	struct pps_errors errors = {0};
	struct pps_policy *policy = pps_policy_parse(text, strlen(text), &errors);

	if (policy == NULL)
		bail_out("the test's policy is none", text, &errors);
	free(text);
	return policy;
}

struct pps_ruleset *ask_ruleset(const char *sections)
{
	struct pps_ruleset_params params = {
		.generation = ask_generation(), .now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *ruleset =
		pps_ruleset_build(ask_policy(sections), NULL, &params, &errors);

	if (ruleset == NULL)
		bail_out("the test's policy does not compile", sections, &errors);
	return ruleset;
}

char *ask_failure(struct pps_policy *policy, const struct pps_ruleset_params *params)
{
	struct pps_ruleset_params defaults = {.now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	struct pps_str text = PPS_STR_INIT;
	struct pps_ruleset *ruleset;

	if (params == NULL) {
		defaults.generation = ask_generation();
		params = &defaults;
	}
	ruleset = pps_ruleset_build(policy, NULL, params, &errors);
	if (ruleset != NULL) {
		pps_ruleset_destroy(ruleset, NULL);
		return NULL;
	}
	pps_policy_destroy(policy);
	pps_errors_print(&errors, &text);
	pps_errors_fini(&errors);
	return pps_str_take(&text);
}

void ask_expect_failure(struct pps_policy *policy, const char *part)
{
	char *text = ask_failure(policy, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	if (strstr(text, part) == NULL)
		printf("# expected \"%s\" in: %s", part, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, part));
	free(text);
}

void ask_expect_too_large(struct pps_policy *policy, const char *part)
{
	struct pps_findings findings = {0};
	struct pps_errors errors = {0};
	struct pps_str told = PPS_STR_INIT, found = PPS_STR_INIT;
	char *built;

	CU_ASSERT_FALSE(pps_shape_fits(policy, ask_now_ns(), &errors));
	pps_errors_print(&errors, &told);
	pps_shape_lint(policy, ask_now_ns(), &findings);
	for (size_t i = 0; i < findings.n; i++) {
		CU_ASSERT_EQUAL(findings.items[i].severity, PPS_SEVERITY_ERROR);
		pps_str_addf(&found, "%s: %s\n", findings.items[i].path, findings.items[i].text);
	}
	built = ask_failure(policy, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(built);
	CU_ASSERT_PTR_NOT_NULL(strstr(built, part));
	CU_ASSERT_STRING_EQUAL(pps_str_text(&told), built);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&found), built);
	free(built);
	pps_str_fini(&told);
	pps_str_fini(&found);
	pps_errors_fini(&errors);
	pps_findings_fini(&findings);
}

void ask_read(const char *question, struct reference_packet *packet)
{
	char direction[8], protocol[16], src[64], dst[64], *slash;
	unsigned int vlan = 0, type = 0, code = 0;
	bool has_port;
	int number, n;

	memset(packet, 0, sizeof(*packet));
	n = sscanf(question, "%7s %15s %63s %63s @%u", direction, protocol, src, dst, &vlan);
	CU_ASSERT_FATAL(n >= 4);
	slash = strchr(protocol, '/');
	if (slash != NULL) {
		CU_ASSERT_EQUAL_FATAL(sscanf(slash, "/%u/%u", &type, &code), 2);
		*slash = '\0';
	}
	number = pps_protocol_parse(protocol);
	CU_ASSERT_FATAL(number >= 0 && number < 256);
	packet->direction = direction[0] == 'i' ? PPS_INBOUND : PPS_OUTBOUND;
	packet->protocol = (uint8_t)number;
	packet->icmp_type = (uint8_t)type;
	packet->icmp_code = (uint8_t)code;
	packet->vlan = (uint16_t)vlan;
	CU_ASSERT_EQUAL_FATAL(
		pps_endpoint_parse(src, &packet->src, &packet->src_port, &has_port, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(
		pps_endpoint_parse(dst, &packet->dst, &packet->dst_port, &has_port, NULL), 0);
}

void ask_key(const struct reference_packet *packet, struct pps_class_key *key)
{
	bool is_icmp = packet->protocol == 1 || packet->protocol == 58;

	memset(key, 0, sizeof(*key));
	key->protocol = packet->protocol;
	memcpy(key->src, packet->src.bytes, sizeof(key->src));
	memcpy(key->dst, packet->dst.bytes, sizeof(key->dst));
	key->src_port = htons(packet->src_port);
	key->dst_port = is_icmp ? htons((uint16_t)(packet->icmp_type << 8 | packet->icmp_code))
				: htons(packet->dst_port);
	key->vlan = htons(packet->vlan);
}

static void print_decision(const struct pps_policy *policy, enum pps_reason reason, uint32_t rule,
	char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", reason == PPS_REASON_NONE ? "pass" : pps_reason_word(reason),
		rule == PPS_RULE_NONE ? "" : " ",
		rule == PPS_RULE_NONE ? "" : policy->rules[rule].id);
}

void ask_expect(const struct pps_ruleset *ruleset, const char *question, const char *answer)
{
	struct reference_decision reference;
	struct reference_packet packet;
	struct pps_class_key key;
	const struct pps_class_key *keys[1] = {&key};
	char got[128], wanted[128];
	uint32_t rule;
	bool agree;

	ask_read(question, &packet);
	ask_key(&packet, &key);
	pps_ruleset_classify(ruleset, packet.direction, packet.src.family, keys, 1, &rule);
	print_decision(ruleset->policy, pps_ruleset_judge(ruleset, rule, ask_now_ns()), rule, got,
		sizeof(got));
	reference = reference_decide(ruleset->policy, ask_now_ns(), &packet);
	print_decision(ruleset->policy, reference.reason, reference.rule, wanted, sizeof(wanted));
	agree = strcmp(got, answer) == 0 && strcmp(wanted, answer) == 0;
	CU_ASSERT(agree);
	if (agree)
		return;
	fputs("# expected ", stdout);
	fputs(answer, stdout);
	printf(", ruleset %s, reference %s: ", got, wanted);
	puts(question);
}

void ask_expect_all(const char *sections, const struct ask *asks, size_t n)
{
	struct pps_ruleset *ruleset = ask_ruleset(sections);

	for (size_t i = 0; i < n; i++)
		ask_expect(ruleset, asks[i].question, asks[i].answer);
	pps_ruleset_destroy(ruleset, NULL);
}
