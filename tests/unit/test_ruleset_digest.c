/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read back of a ruleset is what it judges by: whatever changes there is found. */
#include <stdlib.h>
#include <string.h>

#include <rte_acl.h>
#include <rte_malloc.h>

#include "../../lib/ruleset/ruleset_priv.h"
#include "../../lib/sources/sources_priv.h"
#include "random_policy.h"
#include "ruleset_ask.h"
#include "unit.h"

#define RULE(id, port)                                                                          \
	"{\"id\": \"" id "\", \"direction\": \"both\", \"protocol\": \"tcp\", \"ports\": " port \
	", \"source\": \"any\", \"destination\": \"any\""

#define SOURCES "\"sources\": {\"block\": [\"192.0.2.0/24\", \"2001:db8::/48\"]},"
static const char everything[] = SOURCES
	"\"link\": {\"arp\": \"both\", \"vlans\": [5, \"100-200\"],"
	" \"ethertypes\": [{\"ethertype\": \"0x88cc\", \"direction\": \"outbound\"}]},"
	"\"timeouts\": {\"udp\": 60},"
	"\"approved\": [" RULE("A", "443") ", \"limits\": {\"flows\": 7}}, " RULE(
		"B", "\"1000-2000\"") "}],"
				      "\"exceptions\": [" RULE("E",
					      "80") ", \"overrides\": \"X\", " ASK_FUTURE "}],"
						    "\"banned\": [" RULE("X",
							    "80") ", \"reason\": \"x\"}, " RULE("Y",
							    "\"75-90\"") ", \"reason\": \"x\"}]";

static struct pps_ruleset_digest digest_of(const struct pps_ruleset *ruleset)
{
	struct pps_ruleset_digest digest;
	struct pps_errors errors = {0};

	CU_ASSERT_FATAL(pps_ruleset_digest(ruleset, NULL, &digest, &errors));
	return digest;
}

static bool is_equal(const struct pps_ruleset_digest *a, const struct pps_ruleset_digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool differs_in(const struct pps_ruleset_digest *a, const struct pps_ruleset_digest *b,
	enum pps_ruleset_part part)
{
	return memcmp(a->parts[part], b->parts[part], sizeof(a->parts[part])) != 0;
}

/* Flips each of 'n_flips' bits spread over the bytes, and wants exactly that part to differ. */
static void flip(struct pps_ruleset *ruleset, enum pps_ruleset_part part, void *bytes, size_t n,
	unsigned int n_flips)
{
	const struct pps_ruleset_digest before = digest_of(ruleset);
	size_t n_bits = 8 * n, step = n_bits < n_flips ? 1 : n_bits / n_flips;
	uint8_t *at = bytes;
	unsigned int missed = 0;
	struct pps_ruleset_digest after;

	CU_ASSERT(n > 0);
	for (size_t bit = 0; bit < n_bits; bit += step) {
		bool others = false;

		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		after = digest_of(ruleset);
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		for (unsigned int i = 0; i < PPS_PART_COUNT; i++)
			others = others || (i != part && differs_in(&before, &after, i));
		missed += others || !differs_in(&before, &after, part) ||
			(part != PPS_PART_COUNTERS && strcmp(before.whole, after.whole) == 0);
	}
	CU_ASSERT_EQUAL(missed, 0);
	after = digest_of(ruleset);
	CU_ASSERT(is_equal(&before, &after));
}

static void a_bit_that_changes_in_the_rules_is_found(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(everything);
	struct pps_ruleset_rule *rule = &ruleset->priv->rules[3];

	flip(ruleset, PPS_PART_RULES, &rule->expires_ns, sizeof(rule->expires_ns), 64);
	flip(ruleset, PPS_PART_RULES, &rule->limits, sizeof(rule->limits), 96);
	flip(ruleset, PPS_PART_RULES, &rule->kind, sizeof(rule->kind), 8);
	flip(ruleset, PPS_PART_RULES, &rule->log, sizeof(rule->log), 8);
	flip(ruleset, PPS_PART_COUNTERS, &rule->slot, sizeof(rule->slot), 32);
	rule->expired = true;
	flip(ruleset, PPS_PART_RULES, &ruleset->valid_until_ns, sizeof(ruleset->valid_until_ns), 9);
	pps_ruleset_destroy(ruleset, NULL);
}

static void a_bit_that_changes_in_link_timeouts_or_sources_is_found(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(everything);
	struct pps_source_set *block = ruleset->priv->sources.block;

	flip(ruleset, PPS_PART_LINK, &ruleset->link.arp, 1, 8);
	flip(ruleset, PPS_PART_LINK, &ruleset->link.neighbor_discovery, 1, 8);
	flip(ruleset, PPS_PART_LINK, ruleset->link.vlans, sizeof(ruleset->link.vlans), 512);
	flip(ruleset, PPS_PART_LINK, &ruleset->link.ethertypes[0].ethertype, 2, 16);
	flip(ruleset, PPS_PART_LINK, &ruleset->link.n_ethertypes, 1, 8);
	flip(ruleset, PPS_PART_TIMEOUTS, ruleset->timeouts.ticks, sizeof(ruleset->timeouts.ticks),
		200);
	flip(ruleset, PPS_PART_SOURCES, block->first4, sizeof(block->first4), 100);
	flip(ruleset, PPS_PART_SOURCES, block->first6, sizeof(block->first6), 100);
	flip(ruleset, PPS_PART_SOURCES, &block->first4[BUCKETS], 4, 32);
	flip(ruleset, PPS_PART_SOURCES, block->row4, 2 * sizeof(*block->row4), 32);
	flip(ruleset, PPS_PART_SOURCES, block->row6, 2 * sizeof(*block->row6), 256);
	pps_ruleset_destroy(ruleset, NULL);
}

static void a_bit_that_changes_in_the_overrides_is_found(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(everything);
	struct pps_overrides *overrides = &ruleset->priv->overrides;
	struct pps_shape *shape = overrides->shapes[1];

	CU_ASSERT_EQUAL_FATAL(overrides->items[0].n_bans, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(shape);
	flip(ruleset, PPS_PART_OVERRIDES, overrides->items[0].bans, 4, 32);
	flip(ruleset, PPS_PART_OVERRIDES, &overrides->first, 4, 32);
	flip(ruleset, PPS_PART_OVERRIDES, &shape->directions, 1, 8);
	flip(ruleset, PPS_PART_OVERRIDES, &shape->terms[0].protocol, 2, 16);
	flip(ruleset, PPS_PART_OVERRIDES, shape->terms[0].dst_ports.items, 4, 32);
	flip(ruleset, PPS_PART_OVERRIDES, shape->vlans.items, 4, 32);
	flip(ruleset, PPS_PART_OVERRIDES, &shape->src[0].items[0].len, 1, 8);
	flip(ruleset, PPS_PART_OVERRIDES, shape->dst[1].items[0].addr.bytes, 16, 128);
	pps_ruleset_destroy(ruleset, NULL);
}

/* The whole of what EAL holds for a context, found by the pointers at its front. */
static void flip_context(struct pps_ruleset *ruleset, unsigned int number)
{
	void *context = ruleset->priv->contexts[number], *tables = NULL;
	const size_t first = 368, entries = RTE_ACL_NAMESIZE + 16;
	size_t size = 0;
	char *rules;

	memcpy(&tables, (char *)context + first, sizeof(tables));
	memcpy(&rules, (char *)context + entries, sizeof(rules));
	CU_ASSERT_EQUAL_FATAL(rte_malloc_validate(tables, NULL), 0);
	memcpy(&size, (char *)context + first + sizeof(tables), sizeof(size));
	CU_ASSERT_FATAL(size > 1000);
	flip(ruleset, PPS_PART_IN4 + number, tables, size, 400);
	flip(ruleset, PPS_PART_IN4 + number, rules, sizeof(struct rte_acl_rule_data), 96);
	flip(ruleset, PPS_PART_IN4 + number, rules + sizeof(struct rte_acl_rule),
		sizeof(struct rte_acl_field), 128);
	/* What is at its front beside the socket, and where nothing lies: names, places, counts. */
	flip(ruleset, PPS_PART_IN4 + number, context, RTE_ACL_NAMESIZE, 256);
	flip(ruleset, PPS_PART_IN4 + number, (char *)context + 36, 8, 64);
	flip(ruleset, PPS_PART_IN4 + number, (char *)context + 60, first - 256 - 60, 500);
	flip(ruleset, PPS_PART_IN4 + number, (char *)context + first, 16, 128);
}

static void a_bit_that_changes_in_what_rte_acl_built_is_found(void)
{
	/* The tables of sources take long to read. */
	struct pps_ruleset *ruleset = ask_ruleset(everything + strlen(SOURCES));

	for (unsigned int i = 0; i < PPS_CONTEXTS; i++)
		flip_context(ruleset, i);
	pps_ruleset_destroy(ruleset, NULL);
}

static void a_context_that_is_missing_or_another_is_found(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(everything);
	struct rte_acl_ctx *context = ruleset->priv->contexts[0];
	const struct pps_ruleset_digest before = digest_of(ruleset);
	struct pps_ruleset_digest after;

	ruleset->priv->contexts[0] = NULL;
	after = digest_of(ruleset);
	CU_ASSERT(differs_in(&before, &after, PPS_PART_IN4));
	ruleset->priv->contexts[0] = ruleset->priv->contexts[2];
	after = digest_of(ruleset);
	CU_ASSERT(differs_in(&before, &after, PPS_PART_IN4));
	CU_ASSERT(after.strange);
	ruleset->priv->contexts[0] = context;
	/* One that comes back gets a new generation. */
	ruleset->generation = ask_generation();
	after = digest_of(ruleset);
	CU_ASSERT(is_equal(&before, &after));
	pps_ruleset_destroy(ruleset, NULL);
}

static bool digest_anew(
	const char *sections, struct pps_rule_book *book, struct pps_ruleset_digest *ret)
{
	const struct pps_ruleset_params params = {
		.generation = ask_generation(), .now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	bool done =
		pps_ruleset_digest_policy(ask_policy(sections), book, &params, NULL, ret, &errors);

	pps_errors_fini(&errors);
	return done;
}

static void a_policy_that_is_compiled_again_has_the_same_digest(void)
{
	struct chance chance = chance_seed();
	unsigned int n_whole = 0;
	char last[PPS_DIGEST_TEXT] = "";

	for (unsigned int i = 0; i < 60; i++) {
		char *sections = i == 0 ? pps_strdup(everything) : make_policy(&chance);
		struct pps_ruleset *ruleset = ask_ruleset(sections);
		const struct pps_ruleset_digest running = digest_of(ruleset);
		struct pps_ruleset_digest wanted;

		CU_ASSERT(digest_anew(sections, NULL, &wanted));
		CU_ASSERT(is_equal(&running, &wanted));
		n_whole += strcmp(last, running.whole) != 0;
		memcpy(last, running.whole, sizeof(last));
		pps_ruleset_destroy(ruleset, NULL);
		free(sections);
	}
	CU_ASSERT_EQUAL(n_whole, 60);
}

/* Whatever was loaded before, a rule that is in force keeps its counter. */
static void counters_are_those_that_the_book_has(void)
{
	struct pps_rule_book *book = pps_rule_book_create();
	struct pps_ruleset_params params = {
		.generation = ask_generation(), .now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *other = pps_ruleset_build(
		ask_policy("\"approved\": [" RULE("B", "1") "}]"), book, &params, &errors);
	struct pps_ruleset_digest running, wanted, alone;
	struct pps_ruleset *ruleset;

	params.generation = ask_generation();
	ruleset = pps_ruleset_build(ask_policy(everything), book, &params, &errors);
	CU_ASSERT_FATAL(other != NULL && ruleset != NULL);
	running = digest_of(ruleset);
	CU_ASSERT(digest_anew(everything, book, &wanted));
	CU_ASSERT(digest_anew(everything, NULL, &alone));
	CU_ASSERT(is_equal(&running, &wanted));
	CU_ASSERT(differs_in(&running, &alone, PPS_PART_COUNTERS));
	CU_ASSERT_STRING_EQUAL(running.whole, alone.whole);
	pps_ruleset_destroy(ruleset, book);
	pps_ruleset_destroy(other, book);
	pps_rule_book_destroy(book);
}

static void reading_stops_when_it_is_told_to(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(everything);
	struct pps_ruleset_digest digest;
	struct pps_errors errors = {0};
	const atomic_bool stop = true;

	CU_ASSERT_FALSE(pps_ruleset_digest(ruleset, &stop, &digest, &errors));
	CU_ASSERT_EQUAL(errors.n, 1);
	pps_errors_fini(&errors);
	pps_ruleset_destroy(ruleset, NULL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_bit_that_changes_in_the_rules_is_found),
	UNIT_TEST(a_bit_that_changes_in_link_timeouts_or_sources_is_found),
	UNIT_TEST(a_bit_that_changes_in_the_overrides_is_found),
	UNIT_TEST(a_bit_that_changes_in_what_rte_acl_built_is_found),
	UNIT_TEST(a_context_that_is_missing_or_another_is_found),
	UNIT_TEST(a_policy_that_is_compiled_again_has_the_same_digest),
	UNIT_TEST(counters_are_those_that_the_book_has),
	UNIT_TEST(reading_stops_when_it_is_told_to),
};

int main(void)
{
	unit_eal_init(256);
	return unit_run("ruleset_digest", tests, UNIT_COUNT(tests));
}
