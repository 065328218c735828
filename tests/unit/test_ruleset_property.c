/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random policies, random packets: the compiled ruleset and the reference matcher agree on verdict
 * and rule. PPSFW_SEED repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_policy.h"
#include "ruleset_ask.h"
#include "unit.h"

#define POLICIES 200
#define PACKETS  500

struct tally {
	unsigned int packets, differences;
	unsigned int reasons[PPS_REASON_COUNT];
	unsigned int lifted; /* passed by an exception where a ban stood */
	unsigned int stopped; /* dropped by a ban where an overriding exception stood */
};

/* Packets of one direction and family wait here until they are a burst. */
struct bucket {
	struct reference_packet packets[PPS_FLOW_BURST_MAX];
	struct pps_class_key keys[PPS_FLOW_BURST_MAX];
	unsigned int n, room;
};

static const char *rule_id(const struct pps_policy *policy, uint32_t rule)
{
	return rule == PPS_RULE_NONE ? "-" : policy->rules[rule].id;
}

static void report(const struct pps_policy *policy, const struct reference_packet *packet,
	enum pps_reason reason, uint32_t rule, const struct reference_decision *wanted)
{
	char src[PPS_ENDPOINT_TEXT_MAX], dst[PPS_ENDPOINT_TEXT_MAX];

	printf("# %s %u/%u/%u %s %s @%u: reference %s %s, ruleset %s %s\n",
		pps_direction_word(packet->direction), packet->protocol, packet->icmp_type,
		packet->icmp_code, pps_endpoint_format(&packet->src, packet->src_port, src),
		pps_endpoint_format(&packet->dst, packet->dst_port, dst), packet->vlan,
		pps_reason_word(wanted->reason), rule_id(policy, wanted->rule),
		pps_reason_word(reason), rule_id(policy, rule));
}

/* How the packet was decided, for the check that all ways were taken. */
static void count(const struct pps_policy *policy, const struct reference_packet *packet,
	const struct reference_decision *decision, struct tally *tally)
{
	struct pps_policy part = *policy;

	tally->packets++;
	tally->reasons[decision->reason]++;
	if (decision->rule == REFERENCE_NO_RULE)
		return;
	if (policy->rules[decision->rule].kind == PPS_RULE_EXCEPTION) {
		part.n_rules = policy->n_bans;
		if (decision->reason == PPS_REASON_NONE &&
			reference_decide(&part, ask_now_ns(), packet).reason == PPS_REASON_BANNED)
			tally->lifted++;
	} else if (decision->reason == PPS_REASON_BANNED) {
		struct reference_decision exception;

		part.rules += policy->n_bans;
		part.n_rules = policy->n_exceptions;
		exception = reference_decide(&part, ask_now_ns(), packet);
		if (exception.reason == PPS_REASON_NONE &&
			part.rules[exception.rule].n_overrides > 0)
			tally->stopped++;
	}
}

static void flush(const struct pps_ruleset *ruleset, struct bucket *bucket, struct tally *tally)
{
	const struct pps_class_key *keys[PPS_FLOW_BURST_MAX];
	uint32_t rules[PPS_FLOW_BURST_MAX];

	if (bucket->n == 0)
		return;
	for (unsigned int i = 0; i < bucket->n; i++)
		keys[i] = &bucket->keys[i];
	pps_ruleset_classify(ruleset, bucket->packets[0].direction, bucket->packets[0].src.family,
		keys, bucket->n, rules);
	for (unsigned int i = 0; i < bucket->n; i++) {
		const struct reference_packet *packet = &bucket->packets[i];
		enum pps_reason reason = pps_ruleset_judge(ruleset, rules[i], ask_now_ns());
		struct reference_decision wanted =
			reference_decide(ruleset->policy, ask_now_ns(), packet);

		count(ruleset->policy, packet, &wanted, tally);
		if (reason == wanted.reason && rules[i] == wanted.rule)
			continue;
		if (tally->differences++ < 10)
			report(ruleset->policy, packet, reason, rules[i], &wanted);
	}
	bucket->n = 0;
}

static void try_policy(struct chance *chance, struct tally *tally)
{
	char *text = make_policy(chance);
	struct pps_ruleset *ruleset = ask_ruleset(text);
	const struct pps_policy *policy = ruleset->policy;
	struct bucket buckets[4] = {0};
	unsigned int before = tally->differences;

	for (unsigned int i = 0; i < PACKETS; i++) {
		const struct pps_rule *rule = NULL;
		struct reference_packet packet;
		struct bucket *bucket;

		if (policy->n_rules > 0)
			rule = &policy->rules[draw(chance, (uint32_t)policy->n_rules)];
		draw_packet(chance, rule, &packet);
		bucket = &buckets[(packet.direction == PPS_INBOUND) * 2 + (packet.src.family == 4)];
		if (bucket->n == 0)
			bucket->room = 1 + draw(chance, PPS_FLOW_BURST_MAX);
		ask_key(&packet, &bucket->keys[bucket->n]);
		bucket->packets[bucket->n++] = packet;
		if (bucket->n == bucket->room)
			flush(ruleset, bucket, tally);
	}
	for (unsigned int i = 0; i < 4; i++)
		flush(ruleset, &buckets[i], tally);
	if (before == 0 && tally->differences > 0)
		printf("# policy: %s\n", text);
	pps_ruleset_destroy(ruleset, NULL);
	free(text);
}

static void ruleset_and_reference_agree_on_random_packets(void)
{
	struct chance chance = chance_seed();
	struct tally tally = {0};

	for (unsigned int i = 0; i < POLICIES; i++)
		try_policy(&chance, &tally);
	printf("# %u packets: %u pass, %u banned, %u exception_expired, %u not_approved; "
	       "%u lifted, %u stopped\n",
		tally.packets, tally.reasons[PPS_REASON_NONE], tally.reasons[PPS_REASON_BANNED],
		tally.reasons[PPS_REASON_EXCEPTION_EXPIRED], tally.reasons[PPS_REASON_NOT_APPROVED],
		tally.lifted, tally.stopped);
	CU_ASSERT_EQUAL(tally.differences, 0);
	CU_ASSERT_EQUAL(tally.packets, POLICIES * PACKETS);
	/* A generator that makes only the easy cases tests nothing. */
	CU_ASSERT(tally.reasons[PPS_REASON_NONE] > 10000);
	CU_ASSERT(tally.reasons[PPS_REASON_BANNED] > 5000);
	CU_ASSERT(tally.reasons[PPS_REASON_EXCEPTION_EXPIRED] > 200);
	CU_ASSERT(tally.reasons[PPS_REASON_NOT_APPROVED] > 5000);
	CU_ASSERT(tally.lifted > 50);
	CU_ASSERT(tally.stopped > 50);
}

static const struct unit_test tests[] = {
	UNIT_TEST(ruleset_and_reference_agree_on_random_packets),
};

int main(void)
{
	unit_eal_init(256);
	return unit_run("ruleset_property", tests, UNIT_COUNT(tests));
}
