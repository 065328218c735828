/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What rules are worth: random policies, judged by the reference matcher and by compiled rulesets.
 * PPSFW_SEED repeats a run.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_policy.h"
#include "ruleset_ask.h"
#include "unit.h"

#define POLICIES 200
#define PACKETS  200 /* for every rule that is worth nothing, and every moment */

/* The lowest corner of a box. */
static struct reference_packet corner(const struct pps_traffic *traffic)
{
	struct reference_packet packet = {.src.family = traffic->families == 1 ? 4 : 6};
	pps_u128 src = pps_box_lo(&traffic->box, PPS_DIM_SOURCE);
	pps_u128 dst = pps_box_lo(&traffic->box, PPS_DIM_DESTINATION);
	uint16_t port = (uint16_t)pps_box_lo(&traffic->box, PPS_DIM_PORT);

	packet.dst.family = packet.src.family;
	for (int i = packet.src.family == 4 ? 3 : 15; i >= 0; i--, src >>= 8, dst >>= 8) {
		packet.src.bytes[i] = (uint8_t)src;
		packet.dst.bytes[i] = (uint8_t)dst;
	}
	packet.direction = (enum pps_direction)pps_box_lo(&traffic->box, PPS_DIM_DIRECTION);
	packet.protocol = (uint8_t)pps_box_lo(&traffic->box, PPS_DIM_PROTOCOL);
	packet.vlan = (uint16_t)pps_box_lo(&traffic->box, PPS_DIM_VLAN);
	if (packet.protocol == (packet.src.family == 4 ? 1 : 58)) {
		packet.icmp_type = (uint8_t)(port >> 8);
		packet.icmp_code = (uint8_t)port;
	} else if (pps_protocol_has_ports(packet.protocol)) {
		packet.src_port = (uint16_t)pps_box_lo(&traffic->box, PPS_DIM_SOURCE_PORT);
		packet.dst_port = port;
	}
	return packet;
}

/* What the policy would say at 'now_ns' if the rule named nothing. */
static struct reference_decision decide_without(const struct pps_policy *policy, uint64_t now_ns,
	size_t rule, const struct reference_packet *packet)
{
	struct reference_decision decision;
	size_t n_terms = policy->rules[rule].n_terms;

	policy->rules[rule].n_terms = 0;
	decision = reference_decide(policy, now_ns, packet);
	policy->rules[rule].n_terms = n_terms;
	return decision;
}

static uint32_t classify(const struct pps_ruleset *ruleset, const struct reference_packet *packet)
{
	struct pps_class_key key;
	const struct pps_class_key *keys[1] = {&key};
	uint32_t rule;

	ask_key(packet, &key);
	pps_ruleset_classify(ruleset, packet->direction, packet->src.family, keys, 1, &rule);
	return rule;
}

struct tally {
	unsigned int worths[PPS_WORTH_UNKNOWN + 1];
	unsigned int wrong_witnesses, wrong_worths, packets, needed_bans;
	unsigned int covers, minimal, wrong_covers, needless_covers;
};

static void check_witness(const struct pps_ruleset *ruleset, uint64_t now_ns, size_t rule,
	const struct pps_rule_use *use, struct tally *tally)
{
	const struct pps_policy *policy = ruleset->policy;
	struct reference_packet packet = corner(&use->witness);
	struct reference_decision decision = reference_decide(policy, now_ns, &packet);
	struct reference_decision without = decide_without(policy, now_ns, rule, &packet);

	if (decision.rule == rule && (now_ns != ask_now_ns() || classify(ruleset, &packet) == rule))
		return;
	/* A ban that is not named may be the one that stops it all the same. */
	if (policy->rules[rule].kind == PPS_RULE_BAN && decision.reason == PPS_REASON_BANNED &&
		without.reason == PPS_REASON_NONE)
		tally->needed_bans++;
	else
		tally->wrong_witnesses++;
}

/* The beginnings of the years at which exceptions of random policies end, after now itself. */
static uint64_t moment(unsigned int number)
{
	static const char *const moments[RANDOM_ENDS + 1] = {
		ASK_NOW, "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z"};
	uint64_t ns = 0;

	CU_ASSERT_EQUAL(pps_time_parse(moments[number], &ns), 0);
	return ns;
}

/* Without the rule nothing changes at 'now_ns': its own packets are asked, and others'. */
static void check_worthless(struct chance *chance, const struct pps_policy *policy, uint64_t now_ns,
	size_t rule, enum pps_worth worth, struct tally *tally)
{
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct reference_packet packet;
		struct reference_decision with, without;
		/* Where exceptions override bans, who permits or stops may be another. */
		bool named = worth != PPS_WORTH_REDUNDANT &&
			(policy->rules[rule].kind == PPS_RULE_APPROVED ||
				(policy->rules[rule].kind == PPS_RULE_EXCEPTION &&
					policy->rules[rule].n_overrides == 0));

		draw_packet(chance,
			&policy->rules[once_in(chance, 3) ? draw(chance, (uint32_t)policy->n_rules)
							  : rule],
			&packet);
		with = reference_decide(policy, now_ns, &packet);
		without = decide_without(policy, now_ns, rule, &packet);
		tally->packets++;
		tally->wrong_worths +=
			with.reason != without.reason || (named && with.rule != without.rule);
	}
}

/* The same at every moment, until the rule ends or begins to decide. */
static void check_worthless_long(struct chance *chance, const struct pps_policy *policy,
	size_t rule, const struct pps_rule_use *use, struct tally *tally)
{
	const struct pps_rule *item = &policy->rules[rule];

	for (unsigned int i = 0; i <= RANDOM_ENDS; i++) {
		if ((item->expires_ns == 0 || moment(i) < item->expires_ns) &&
			(use->worth != PPS_WORTH_LATER || moment(i) < use->until_ns))
			check_worthless(chance, policy, moment(i), rule, use->worth, tally);
	}
}

/* Leaves of the policy the rule and those of 'by' but 'but', and asks what the rule is worth. */
static enum pps_worth worth_among(
	struct pps_policy *policy, size_t rule, const struct pps_rule_use *use, size_t but)
{
	size_t *n_terms = pps_alloc(policy->n_rules * sizeof(n_terms[0]));
	struct pps_rule_use *uses;
	enum pps_worth worth;

	for (size_t i = 0; i < policy->n_rules; i++) {
		bool stays = i == rule;

		for (size_t k = 0; k < use->n_by; k++)
			stays = stays || (use->by[k] == i && k != but);
		n_terms[i] = policy->rules[i].n_terms;
		if (!stays)
			policy->rules[i].n_terms = 0;
	}
	uses = pps_policy_uses(policy, ask_now_ns());
	worth = uses[rule].worth;
	pps_policy_uses_free(uses, policy);
	for (size_t i = 0; i < policy->n_rules; i++)
		policy->rules[i].n_terms = n_terms[i];
	free(n_terms);
	return worth;
}

static void check_covers(
	struct pps_policy *policy, size_t rule, const struct pps_rule_use *use, struct tally *tally)
{
	/* A later ban is above it only where it stops an exception, which is not among them. */
	for (size_t i = 0; i < use->n_by && policy->rules[rule].kind == PPS_RULE_BAN; i++) {
		if (use->by[i] > rule)
			return;
	}
	tally->covers++;
	tally->wrong_covers += worth_among(policy, rule, use, SIZE_MAX) != PPS_WORTH_SHADOWED;
	/* An exception reaches farther without the bans that it does not lift: not comparable. */
	for (size_t i = 0; i < use->n_by; i++) {
		if (policy->rules[use->by[i]].n_overrides > 0)
			return;
	}
	tally->minimal++;
	for (size_t i = 0; i < use->n_by; i++)
		tally->needless_covers += worth_among(policy, rule, use, i) == PPS_WORTH_SHADOWED;
}

static void try_policy(struct chance *chance, struct tally *tally)
{
	char *text = make_policy(chance);
	struct pps_ruleset *ruleset = ask_ruleset(text);
	struct pps_policy *copy = ask_policy(text);
	struct pps_rule_use *uses = pps_policy_uses(copy, ask_now_ns());

	for (size_t i = 0; i < copy->n_rules; i++) {
		const struct pps_rule_use *use = &uses[i];

		tally->worths[use->worth]++;
		if (use->worth == PPS_WORTH_DECIDES || use->worth == PPS_WORTH_REDUNDANT)
			check_witness(ruleset, ask_now_ns(), i, use, tally);
		if (use->worth == PPS_WORTH_LATER)
			check_witness(ruleset, use->until_ns, i, use, tally);
		if (use->worth == PPS_WORTH_SHADOWED || use->worth == PPS_WORTH_REDUNDANT ||
			use->worth == PPS_WORTH_LATER)
			check_worthless_long(chance, copy, i, use, tally);
		if (use->worth == PPS_WORTH_SHADOWED)
			check_covers(copy, i, use, tally);
	}
	pps_policy_uses_free(uses, copy);
	pps_policy_destroy(copy);
	pps_ruleset_destroy(ruleset, NULL);
	free(text);
}

static struct tally tally;

static void every_rule_that_is_not_shadowed_decides_its_witness(void)
{
	struct chance chance = chance_seed();

	for (unsigned int i = 0; i < POLICIES; i++)
		try_policy(&chance, &tally);
	printf("# %u decide (%u bans unnamed), %u shadowed, %u for now, %u redundant, %u expired; "
	       "%u packets\n",
		tally.worths[PPS_WORTH_DECIDES], tally.needed_bans,
		tally.worths[PPS_WORTH_SHADOWED], tally.worths[PPS_WORTH_LATER],
		tally.worths[PPS_WORTH_REDUNDANT], tally.worths[PPS_WORTH_EXPIRED], tally.packets);
	CU_ASSERT_EQUAL(tally.wrong_witnesses, 0);
	CU_ASSERT_EQUAL(tally.worths[PPS_WORTH_UNKNOWN], 0);
	/* A generator that makes only the easy cases tests nothing. */
	CU_ASSERT(tally.worths[PPS_WORTH_DECIDES] > 1500);
	CU_ASSERT(tally.worths[PPS_WORTH_SHADOWED] > 200);
	CU_ASSERT(tally.worths[PPS_WORTH_REDUNDANT] > 60);
	CU_ASSERT(tally.worths[PPS_WORTH_LATER] > 25);
}

static void without_a_shadowed_or_redundant_rule_no_verdict_ever_changes(void)
{
	CU_ASSERT(tally.packets > 50000);
	CU_ASSERT_EQUAL(tally.wrong_worths, 0);
}

static void the_rules_that_are_named_cover_it_and_none_of_them_is_needless(void)
{
	printf("# %u sets, %u of them without exceptions that override\n", tally.covers,
		tally.minimal);
	CU_ASSERT(tally.minimal > 150);
	CU_ASSERT_EQUAL(tally.wrong_covers, 0);
	CU_ASSERT_EQUAL(tally.needless_covers, 0);
}

/* ---- by hand ---- */

#define RULE(id, port, source)                                                                     \
	"{\"id\": \"" id "\", \"direction\": \"inbound\", \"protocol\": \"tcp\", \"ports\": " port \
	", \"source\": \"" source "\", \"destination\": \"any\""

/* The worth of each rule, in order: D, S, R, L, E. */
static void expect(const char *sections, const char *wanted)
{
	static const char letters[] = "DSRLEU";
	struct pps_policy *policy = ask_policy(sections);
	struct pps_rule_use *uses = pps_policy_uses(policy, ask_now_ns());
	char got[16] = {0};

	for (size_t i = 0; i < policy->n_rules && i < sizeof(got) - 1; i++)
		got[i] = letters[uses[i].worth];
	if (strcmp(got, wanted) != 0)
		printf("# wanted %s, got %s\n", wanted, got);
	CU_ASSERT_STRING_EQUAL(got, wanted);
	pps_policy_uses_free(uses, policy);
	pps_policy_destroy(policy);
}

static void the_second_of_two_equal_rules_is_shadowed(void)
{
	expect("\"approved\": [" RULE("A", "80", "any") "}, " RULE("B", "80", "any") "}]", "DS");
}

static void two_halves_shadow_a_whole(void)
{
	expect("\"approved\": [" RULE("A", "\"1-99\"", "any") "}, " RULE("B",
		       "[\"100-65535\", \"0-1\"]",
		       "any") "}, " RULE("C", "\"0-65535\"", "any") "}]",
		"DDS");
}

static void a_rule_before_a_broader_one_is_redundant_unless_it_is_on_other_terms(void)
{
	expect("\"approved\": [" RULE("A", "80", "10.0.0.0/8") "}, " RULE("B", "80", "any") "}]",
		"RD");
	expect("\"approved\": [" RULE("A", "80", "10.0.0.0/8") ", \"log\": \"flows\"}, " RULE(
		       "B", "80", "any") "}]",
		"DD");
	expect("\"approved\": [" RULE("A", "80",
		       "10.0.0.0/8") ", \"limits\": {\"flows\": 1}}, " RULE("B", "80", "any") "}]",
		"DD");
	expect("\"approved\": [" RULE("A", "80", "10.0.0.0/8") "}, " RULE(
		       "B", "80", "any") ", "
					 "\"limits\": {\"flows\": 1}}]",
		"DD");
}

static void a_ban_that_another_covers_is_needed_where_only_the_other_is_lifted(void)
{
	static const char bans[] = "\"banned\": [" RULE("B1", "\"0-100\"",
		"any") ", \"reason\": "
		       "\"x\"}, " RULE("B2", "80", "any") ", \"reason\": \"x\"}]";
	char *lifted = pps_asprintf("%s, \"exceptions\": [%s, %s, \"overrides\": \"B1\"}]", bans,
		RULE("E", "80", "any"), ASK_FUTURE);
	char *both = pps_asprintf("%s, \"exceptions\": [%s, %s, \"overrides\": [\"B1\", \"B2\"]}]",
		bans, RULE("E", "80", "any"), ASK_FUTURE);

	expect(bans, "DS");
	expect(lifted, "DDS");
	expect(both, "DSD");
	free(lifted);
	free(both);
}

static void an_exception_that_has_ended_hides_nothing(void)
{
	char *text = pps_asprintf("\"exceptions\": [%s, %s}], \"approved\": [%s}]",
		RULE("E", "80", "any"), ASK_PAST, RULE("A", "80", "any"));

	expect(text, "ED");
	free(text);
}

#define EXCEPTION(id, port, year, more)                                                     \
	RULE(id, port, "any")                                                               \
	", \"expires\": \"" year "-01-01T00:00:00Z\", \"approved_by\": \"x\", \"reason\": " \
	"\"y\"" more "}"

static void a_rule_covered_by_an_exception_is_not_shadowed_but_only_for_now(void)
{
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2027", "") "], \"approved\": [" RULE(
		       "A", "80", "any") "}]",
		"RL");
	/* Half of it only, the other half by an approval. */
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2027", "") "], \"approved\": [" RULE(
		       "A", "\"81-90\"", "any") "}, " RULE("B", "\"80-90\"", "any") "}]",
		"RRL");
	/* What lasts covers it as well. */
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2027", "") "], \"approved\": [" RULE(
		       "A", "\"80-90\"", "any") "}, " RULE("B", "\"80-90\"", "any") "}]",
		"RDS");
}

static void an_exception_is_shadowed_by_one_that_ends_no_sooner(void)
{
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2028", "") ", " EXCEPTION(
		       "F", "80", "2028", "") ", " EXCEPTION("G", "80", "2027", "") "]",
		"DSS");
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2027", "") ", " EXCEPTION(
		       "F", "80", "2028", "") "]",
		"RL");
}

static void a_rule_that_later_rules_replace_only_for_now_is_not_redundant(void)
{
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2028", "") ", " EXCEPTION(
		       "F", "\"80-81\"", "2027", "") "]",
		"DD");
	expect("\"exceptions\": [" EXCEPTION("E", "80", "2027", "") "], \"approved\": [" RULE(
		       "A", "\"80-81\"", "10.0.0.0/8") "}, " RULE("B", "81", "any") "}]",
		"DDD");
}

static void a_ban_that_is_lifted_whole_stays_for_when_the_exception_ends(void)
{
	expect("\"banned\": [" RULE("B", "80", "any") ", \"reason\": \"x\"}], \"exceptions\": "
						      "[" EXCEPTION("E", "80", "2027",
							      ", \"overrides\": \"B\"") "]",
		"LD");
}

static void a_ban_is_kept_that_is_needed_only_between_the_ends_of_two_exceptions(void)
{
	/* When E1 has ended, B2 stops E2, which lifts only B1; when E2 has ended, B1 is enough. */
	expect("\"banned\": [" RULE("B1", "\"80-81\"", "any") ", \"reason\": \"x\"}, " RULE("B2",
		       "\"80-81\"",
		       "any") ", \"reason\": \"x\"}], \"exceptions\": [" EXCEPTION("E1",
		       "\"80-81\"", "2027",
		       ", \"overrides\": [\"B1\", \"B2\"]") ", " EXCEPTION("E2", "\"80-81\"",
		       "2028", ", \"overrides\": \"B1\"") ", " EXCEPTION("E3", "81", "2029",
		       ", \"overrides\": [\"B1\", \"B2\"]") "]",
		"LLDSL");
}

static void the_moment_from_which_it_decides_is_told(void)
{
	struct pps_policy *policy = ask_policy("\"exceptions\": [" EXCEPTION("E", "80", "2028",
		"") ", " EXCEPTION("F", "\"80-85\"", "2027", "") ", " EXCEPTION("G", "\"81-90\"",
		"2029", "") "], \"approved\": [" RULE("A", "\"80-90\"", "any") "}]");
	struct pps_rule_use *uses = pps_policy_uses(policy, ask_now_ns());

	/* F is first to end, and is not needed to cover the rule: E is. */
	CU_ASSERT_EQUAL(uses[3].worth, PPS_WORTH_LATER);
	CU_ASSERT_EQUAL(uses[3].until_ns, policy->rules[0].expires_ns);
	CU_ASSERT_EQUAL_FATAL(uses[3].n_by, 2);
	CU_ASSERT_EQUAL(uses[3].by[0], 0);
	CU_ASSERT_EQUAL(uses[3].by[1], 2);
	pps_policy_uses_free(uses, policy);
	pps_policy_destroy(policy);
}

static void ten_thousand_rules_are_studied(void)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_policy *policy;
	struct pps_findings findings = {0};
	uint64_t started_ns;
	struct pps_rule_use *uses;
	size_t unknown = 0;

	pps_str_add(&text, "\"approved\": [");
	for (unsigned int i = 0; i < 10000; i++)
		pps_str_addf(&text,
			"%s{\"id\": \"R%u\", \"direction\": \"%s\", \"protocol\": \"tcp\", "
			"\"ports\": %u, \"source\": %s, \"destination\": [\"10.%u.%u.%u\", "
			"\"2001:db8::%x\"]}",
			i == 0 ? "" : ",", i, i % 3 == 0 ? "inbound" : "both", 443 + i % 50,
			i % 7 == 0 ? "[\"192.0.2.0/24\", \"2001:db8:1::/48\"]" : "\"any\"",
			i / 65536, i / 256 % 256, i % 256, i);
	pps_str_add(&text,
		"], \"banned\": [{\"id\": \"B\", \"protocol\": \"tcp\", \"ports\": "
		"[23, 450], \"reason\": \"x\"}]");
	policy = ask_policy(pps_str_text(&text));
	started_ns = pps_time_mono_ns();
	pps_policy_lint(policy, ask_now_ns(), &findings);
	printf("# %zu findings, %u ms\n", findings.n,
		(unsigned int)((pps_time_mono_ns() - started_ns) / PPS_NS_PER_MS));
	uses = pps_policy_uses(policy, ask_now_ns());
	for (size_t i = 0; i < policy->n_rules; i++)
		unknown += uses[i].worth == PPS_WORTH_UNKNOWN;
	CU_ASSERT_EQUAL(unknown, 0);
	pps_policy_uses_free(uses, policy);
	pps_findings_fini(&findings);
	pps_policy_destroy(policy);
	pps_str_fini(&text);
}

static void what_was_not_found_out_has_a_place_and_the_rules_a_name(void)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_findings findings = {0};
	const struct pps_finding *last;
	struct pps_policy *policy;

	/* 1,000 x 1,001 boxes are more than are looked at. */
	pps_str_add(&text,
		"\"approved\": [" RULE("A", "80", "any") "}, {\"id\": \"B\", \"direction\": "
							 "\"inbound\", \"protocol\": \"tcp\", "
							 "\"source\": \"any\", \"destination\": "
							 "\"any\", \"ports\": [9");
	for (unsigned int i = 0; i < 1000; i++)
		pps_str_addf(&text, ", %u", 2 * i + 20);
	pps_str_add(&text, "], \"source_ports\": [9");
	for (unsigned int i = 0; i < 999; i++)
		pps_str_addf(&text, ", %u", 2 * i + 20);
	pps_str_add(&text, "]}]");
	policy = ask_policy(pps_str_text(&text));
	pps_policy_lint(policy, ask_now_ns(), &findings);
	last = &findings.items[findings.n - 1];
	CU_ASSERT_EQUAL(last->kind, PPS_FINDING_TOO_COMPLEX);
	CU_ASSERT_STRING_EQUAL(last->path, "policy");
	CU_ASSERT_PTR_NOT_NULL(strstr(last->text, "for 2 rules (A, B) it would take too long"));
	pps_findings_fini(&findings);
	pps_policy_destroy(policy);
	pps_str_fini(&text);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_rule_that_is_not_shadowed_decides_its_witness),
	UNIT_TEST(without_a_shadowed_or_redundant_rule_no_verdict_ever_changes),
	UNIT_TEST(the_rules_that_are_named_cover_it_and_none_of_them_is_needless),
	UNIT_TEST(the_second_of_two_equal_rules_is_shadowed),
	UNIT_TEST(two_halves_shadow_a_whole),
	UNIT_TEST(a_rule_before_a_broader_one_is_redundant_unless_it_is_on_other_terms),
	UNIT_TEST(a_ban_that_another_covers_is_needed_where_only_the_other_is_lifted),
	UNIT_TEST(an_exception_that_has_ended_hides_nothing),
	UNIT_TEST(a_rule_covered_by_an_exception_is_not_shadowed_but_only_for_now),
	UNIT_TEST(an_exception_is_shadowed_by_one_that_ends_no_sooner),
	UNIT_TEST(a_rule_that_later_rules_replace_only_for_now_is_not_redundant),
	UNIT_TEST(a_ban_that_is_lifted_whole_stays_for_when_the_exception_ends),
	UNIT_TEST(a_ban_is_kept_that_is_needed_only_between_the_ends_of_two_exceptions),
	UNIT_TEST(the_moment_from_which_it_decides_is_told),
	UNIT_TEST(what_was_not_found_out_has_a_place_and_the_rules_a_name),
	UNIT_TEST(ten_thousand_rules_are_studied),
};

int main(void)
{
	unit_eal_init(256);
	return unit_run("shadow", tests, UNIT_COUNT(tests));
}
