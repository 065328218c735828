/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random policies, written as people might write them: what is printed of one reads back as an
 * equal value, field by field.
 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>

#define N_POLICIES          2000
#define PICK(random, words) pick(random, words, UNIT_COUNT(words))

struct random {
	uint64_t state;
};

static uint32_t draw(struct random *random, uint32_t bound)
{
	random->state = random->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random->state >> 33) % bound;
}

static const char *pick(struct random *random, const char *const *words, size_t n)
{
	return words[draw(random, (uint32_t)n)];
}

/* A range or number of 'lo' to 'hi', in one of the ways to write it. */
static void add_range(struct random *random, uint32_t lo, uint32_t hi, struct pps_str *out)
{
	uint32_t a = lo + draw(random, hi - lo + 1), b = lo + draw(random, hi - lo + 1);

	switch (draw(random, 3)) {
	case 0:
		pps_str_addf(out, "%u", a);
		break;
	case 1:
		pps_str_addf(out, "\"%u\"", a);
		break;
	default:
		pps_str_addf(out, "\"%u-%u\"", a < b ? a : b, a < b ? b : a);
		break;
	}
}

static void add_ranges(struct random *random, uint32_t lo, uint32_t hi, struct pps_str *out)
{
	uint32_t n = draw(random, 4);

	if (n == 0) {
		add_range(random, lo, hi, out);
		return;
	}
	pps_str_add(out, "[");
	for (uint32_t i = 0; i < n; i++) {
		pps_str_add(out, i > 0 ? "," : "");
		add_range(random, lo, hi, out);
	}
	pps_str_add(out, "]");
}

static void add_protocol(struct random *random, bool with_icmp, struct pps_str *out)
{
	static const char *const with_ports[] = {"tcp", "udp", "UDP", "sctp", "dccp", "udplite"};
	static const char *const others[] = {"any", "gre", "ospf", "253", "icmp", "0"};

	if (with_icmp && draw(random, 4) == 0) {
		pps_str_addf(out, "\"protocol\":\"icmp\",\"icmp\":{\"type\":%u", draw(random, 256));
		if (draw(random, 2) == 0)
			pps_str_addf(out, ",\"code\":%u", draw(random, 256));
		pps_str_add(out, "}");
		return;
	}
	if (draw(random, 4) == 0) {
		pps_str_addf(out, "\"protocol\":\"%s\"", PICK(random, others));
		return;
	}
	pps_str_addf(out, "\"protocol\":\"%s\"", PICK(random, with_ports));
	if (draw(random, 3) > 0) {
		pps_str_add(out, ",\"ports\":");
		add_ranges(random, 1, 65535, out);
	}
	if (draw(random, 3) == 0) {
		pps_str_add(out, ",\"source_ports\":");
		add_ranges(random, 0, 65535, out);
	}
}

static void add_traffic(struct random *random, struct pps_str *out)
{
	static const char *const services[] = {"https", "domain", "domain/udp", "443/tcp", "s1",
		"s2", "s1", "S2", "ssh/tcp", "1-65535/udp", "0-65535/tcp", "53/udp"};
	uint32_t n = draw(random, 5);

	if (draw(random, 2) == 0) {
		add_protocol(random, true, out);
		return;
	}
	if (n == 0) {
		pps_str_addf(out, "\"service\":\"%s\"", PICK(random, services));
		return;
	}
	pps_str_add(out, "\"service\":[");
	for (uint32_t i = 0; i < n; i++)
		pps_str_addf(out, "%s\"%s\"", i > 0 ? "," : "", PICK(random, services));
	pps_str_add(out, "]");
}

static void add_member(struct random *random, struct pps_str *out)
{
	struct pps_prefix prefix = {.addr = {.family = draw(random, 2) == 0 ? 4 : 6}};
	char text[PPS_ADDR_TEXT_MAX];
	unsigned int n_bytes = prefix.addr.family == 4 ? 4 : 16;

	/* Few distinct bytes, so that prefixes cover each other often. */
	for (unsigned int i = 0; i < n_bytes; i++)
		prefix.addr.bytes[i] = (uint8_t)(draw(random, 3) * 85);
	prefix.len = (uint8_t)draw(random, n_bytes * 8 + 1);
	pps_addr_mask(&prefix.addr, prefix.len);
	pps_str_addf(out, "\"%s\"", pps_prefix_format(&prefix, text));
}

/* Both families always, so that no rule matches nothing. */
static void add_members(struct random *random, bool groups, struct pps_str *out)
{
	uint32_t n = draw(random, 5);

	if (n == 0) {
		pps_str_add(out, groups ? "\"g1\"" : "[\"192.0.2.7\",\"2001:db8::7\"]");
		return;
	}
	if (n == 1 && groups) {
		pps_str_add(out, draw(random, 2) == 0 ? "\"any\"" : "[\"any\"]");
		return;
	}
	pps_str_add(out, "[\"192.0.2.1\",\"2001:db8::1\"");
	for (uint32_t i = 0; i < n; i++) {
		pps_str_add(out, ",");
		add_member(random, out);
	}
	pps_str_add(out, groups && draw(random, 3) == 0 ? ",\"g2\"]" : "]");
}

static void add_vlans(struct random *random, struct pps_str *out)
{
	static const char *const words[] = {"\"any\"", "\"none\""};

	if (draw(random, 2) == 0)
		pps_str_add(out, PICK(random, words));
	else
		add_ranges(random, 1, 4094, out);
}

static void add_approval(struct random *random, bool exception, struct pps_str *out)
{
	static const char *const assurances[] = {"high", "medium", "low"};
	const char *assurance = PICK(random, assurances);

	if (exception) {
		char time[PPS_TIME_TEXT_MAX];
		uint64_t ns = (uint64_t)draw(random, 1u << 31) * PPS_NS_PER_SEC + 1;

		ns += draw(random, 2) == 0 ? draw(random, 999999998) : PPS_NS_PER_SEC - 1;
		pps_str_addf(out, ",\"expires\":\"%s\",\"approved_by\":\"a\",\"reason\":\"r\"",
			pps_time_format(ns, 9, time));
		if (draw(random, 2) == 0)
			pps_str_add(out, ",\"overrides\":[\"banned-0\"]");
	}
	if (draw(random, 2) == 0)
		pps_str_addf(out, ",\"assurance\":\"%s\"", assurance);
	if (strcmp(assurance, "low") == 0 || draw(random, 3) == 0)
		pps_str_add(out, ",\"mitigations\":[\"m \\\"1\\\"\",\"\\u00fc\\\\\"]");
	if (draw(random, 3) == 0)
		pps_str_add(out, ",\"comment\":\"c\",\"owner\":\"o\",\"boundary\":\"b/b\"");
}

static void add_rule(struct random *random, const char *list, uint32_t i, struct pps_str *out)
{
	static const char *const directions[] = {"inbound", "outbound", "both"};
	bool ban = strcmp(list, "banned") == 0;

	pps_str_addf(out, "%s{\"id\":\"%s-%u\",\"direction\":\"%s\",", i > 0 ? "," : "", list, i,
		PICK(random, directions));
	add_traffic(random, out);
	pps_str_add(out, ",\"source\":");
	add_members(random, true, out);
	pps_str_add(out, ",\"destination\":");
	add_members(random, true, out);
	if (draw(random, 3) == 0) {
		pps_str_add(out, ",\"vlans\":");
		add_vlans(random, out);
	}
	if (!ban && draw(random, 2) == 0)
		pps_str_add(out, ",\"log\":\"flows\"");
	add_approval(random, strcmp(list, "exceptions") == 0, out);
	pps_str_add(out, "}");
}

static void add_rules(struct random *random, const char *list, uint32_t n, struct pps_str *out)
{
	pps_str_addf(out, ",\"%s\":[", list);
	for (uint32_t i = 0; i < n; i++)
		add_rule(random, list, i, out);
	pps_str_add(out, "]");
}

static void add_policy(struct random *random, struct pps_str *out)
{
	static const char *const words[] = {"none", "inbound", "outbound", "both"};

	pps_str_addf(out, "{\"policy\":\"p\",\"revision\":%u", 1 + draw(random, 1000));
	if (draw(random, 2) == 0)
		pps_str_addf(out, ",\"assessment_days\":%u", 1 + draw(random, 36500));
	pps_str_add(out, ",\"groups\":{\"g1\":");
	add_members(random, false, out);
	pps_str_add(out, ",\"g2\":[\"g1\",");
	add_member(random, out);
	pps_str_add(out, "]},\"services\":{\"s1\":{");
	add_protocol(random, false, out);
	pps_str_add(out, "},\"s2\":[");
	for (uint32_t i = 0, n = 1 + draw(random, 4); i < n; i++) {
		pps_str_add(out, i > 0 ? ",{" : "{");
		add_protocol(random, true, out);
		pps_str_add(out, "}");
	}
	pps_str_addf(out, "]},\"link\":{\"arp\":\"%s\",\"neighbor_discovery\":\"%s\",\"vlans\":",
		PICK(random, words), PICK(random, words));
	add_vlans(random, out);
	pps_str_add(out, "}");
	add_rules(random, "approved", draw(random, 5), out);
	add_rules(random, "exceptions", draw(random, 4), out);
	add_rules(random, "banned", 1 + draw(random, 3), out);
	pps_str_addf(out, ",\"timeouts\":{\"udp\":%u}}", 1 + draw(random, 200));
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_ranges(
	const struct pps_range *a, size_t n_a, const struct pps_range *b, size_t n_b)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(a[0])) == 0);
}

static bool same_sets(const struct pps_prefix_set *a, const struct pps_prefix_set *b)
{
	bool same = a->any == b->any && a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = pps_addr_equal(&a->items[i].addr, &b->items[i].addr) &&
			a->items[i].len == b->items[i].len;
	return same;
}

static bool same_vlans(const struct pps_vlan_set *a, const struct pps_vlan_set *b)
{
	return a->any == b->any && a->none == b->none &&
		same_ranges(a->items, a->n, b->items, b->n);
}

static bool same_terms(const struct pps_rule *a, const struct pps_rule *b)
{
	bool same = a->n_terms == b->n_terms;

	for (size_t i = 0; same && i < a->n_terms; i++) {
		const struct pps_term *x = &a->terms[i], *y = &b->terms[i];

		same = x->protocol == y->protocol && x->icmp_type == y->icmp_type &&
			x->icmp_code == y->icmp_code && same_text(x->service, y->service) &&
			same_ranges(x->ports, x->n_ports, y->ports, y->n_ports) &&
			same_ranges(x->source_ports, x->n_source_ports, y->source_ports,
				y->n_source_ports);
	}
	return same;
}

static bool same_approvals(const struct pps_rule *a, const struct pps_rule *b)
{
	bool same = a->assurance == b->assurance && same_text(a->boundary, b->boundary) &&
		same_text(a->approved_by, b->approved_by) && same_text(a->reason, b->reason) &&
		same_text(a->owner, b->owner) && same_text(a->assessed, b->assessed) &&
		same_text(a->comment, b->comment) && a->n_mitigations == b->n_mitigations;

	for (size_t i = 0; same && i < a->n_mitigations; i++)
		same = same_text(a->mitigations[i], b->mitigations[i]);
	return same;
}

static bool same_rules(const struct pps_rule *a, const struct pps_rule *b)
{
	bool same = a->kind == b->kind && a->direction == b->direction && a->log == b->log &&
		a->expires_ns == b->expires_ns && a->n_overrides == b->n_overrides &&
		same_text(a->id, b->id) && same_text(a->path, b->path);

	for (size_t i = 0; same && i < a->n_overrides; i++)
		same = a->overrides[i] == b->overrides[i];
	return same && same_terms(a, b) && same_sets(&a->source, &b->source) &&
		same_sets(&a->destination, &b->destination) && same_vlans(&a->vlans, &b->vlans) &&
		same_approvals(a, b);
}

static bool same_policies(const struct pps_policy *a, const struct pps_policy *b)
{
	bool same = same_text(a->name, b->name) && a->revision == b->revision &&
		a->link.arp == b->link.arp &&
		a->link.neighbor_discovery == b->link.neighbor_discovery &&
		same_vlans(&a->link.vlans, &b->link.vlans) && a->n_rules == b->n_rules &&
		memcmp(a->timeouts_sec, b->timeouts_sec, sizeof(a->timeouts_sec)) == 0;

	for (size_t i = 0; same && i < a->n_rules; i++)
		same = same_rules(&a->rules[i], &b->rules[i]);
	return same;
}

/* NULL, or what is wrong. */
static const char *try_policy(const struct pps_str *text)
{
	struct pps_errors errors = {0};
	struct pps_str printed = PPS_STR_INIT, reasons = PPS_STR_INIT;
	struct pps_policy *policy = pps_policy_parse(text->text, text->len, &errors), *again = NULL;
	const char *wrong = NULL;

	if (policy != NULL) {
		pps_policy_print(policy, &printed);
		again = pps_policy_parse(pps_str_text(&printed), printed.len, &errors);
	}
	if (policy == NULL)
		wrong = "the policy is refused";
	else if (again == NULL)
		wrong = "its print is refused";
	else if (!same_policies(policy, again))
		wrong = "its print is another policy";
	pps_errors_print(&errors, &reasons);
	if (wrong != NULL)
		printf("# %s\n# %s\n# %s\n", wrong, text->text, pps_str_text(&reasons));
	pps_policy_destroy(policy);
	pps_policy_destroy(again);
	pps_errors_fini(&errors);
	pps_str_fini(&printed);
	pps_str_fini(&reasons);
	return wrong;
}

static void what_is_printed_of_a_random_policy_reads_back_equal(void)
{
	struct random random = {.state = 42};

	for (unsigned int i = 0; i < N_POLICIES; i++) {
		struct pps_str text = PPS_STR_INIT;
		const char *wrong;

		add_policy(&random, &text);
		wrong = try_policy(&text);
		pps_str_fini(&text);
		CU_ASSERT_PTR_NULL(wrong);
		if (wrong != NULL)
			break;
	}
}

/* One byte of a policy changed: refused or accepted, and never anything else. */
static void a_random_policy_with_a_wrong_byte_is_handled(void)
{
	struct random random = {.state = 7};
	unsigned int n_refused = 0;

	for (unsigned int i = 0; i < N_POLICIES; i++) {
		struct pps_errors errors = {0};
		struct pps_str text = PPS_STR_INIT;
		struct pps_policy *policy;

		add_policy(&random, &text);
		text.text[draw(&random, (uint32_t)text.len)] = (char)draw(&random, 256);
		policy = pps_policy_parse(text.text, text.len, &errors);
		CU_ASSERT((policy == NULL) == (errors.n_total > 0));
		n_refused += policy == NULL;
		pps_policy_destroy(policy);
		pps_errors_fini(&errors);
		pps_str_fini(&text);
	}
	CU_ASSERT(n_refused > N_POLICIES / 4);
}

static const struct unit_test tests[] = {
	UNIT_TEST(what_is_printed_of_a_random_policy_reads_back_equal),
	UNIT_TEST(a_random_policy_with_a_wrong_byte_is_handled),
};

int main(void)
{
	return unit_run("policy_random", tests, UNIT_COUNT(tests));
}
