/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_stats.h>

static void every_reason_has_a_word_of_its_own(void)
{
	for (unsigned int i = 0; i < PPS_REASON_COUNT; i++) {
		const char *word = pps_reason_word((enum pps_reason)i);

		CU_ASSERT_EQUAL(
			strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(word));
		CU_ASSERT(strlen(word) > 0);
		/* The first with that word is this one: no two share it. */
		CU_ASSERT_EQUAL(pps_reason_find(word), i);
	}
	CU_ASSERT_EQUAL(pps_reason_find("tcp_not_syn"), PPS_REASON_TCP_NOT_SYN);
	CU_ASSERT_EQUAL(pps_reason_find("TCP_NOT_SYN"), PPS_REASON_COUNT);
	CU_ASSERT_EQUAL(pps_reason_find(""), PPS_REASON_COUNT);
}

static void every_reason_says_one_cause_in_a_sentence(void)
{
	for (unsigned int i = 0; i < PPS_REASON_COUNT; i++) {
		const char *text = pps_reason_text((enum pps_reason)i);

		CU_ASSERT(strlen(text) > 10);
		CU_ASSERT_NOT_EQUAL(text[strlen(text) - 1], '.');
		for (unsigned int j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(text, pps_reason_text((enum pps_reason)j));
	}
}

static void reasons_are_listed_in_the_order_of_the_law(void)
{
	enum pps_step last = PPS_STEP_LINK;

	for (unsigned int i = PPS_REASON_NONE + 1; i < PPS_REASON_COUNT; i++) {
		enum pps_step step = pps_reason_step((enum pps_reason)i);

		CU_ASSERT(step >= last);
		CU_ASSERT_STRING_NOT_EQUAL(pps_step_word(step), "unknown");
		last = step;
	}
}

static void numbers_that_are_no_reason_or_step_have_a_word_too(void)
{
	CU_ASSERT_STRING_EQUAL(pps_reason_word(PPS_REASON_COUNT), "unknown");
	CU_ASSERT_STRING_EQUAL(pps_reason_word((enum pps_reason) - 1), "unknown");
	CU_ASSERT_STRING_EQUAL(pps_step_word((enum pps_step)0), "unknown");
	CU_ASSERT_STRING_EQUAL(pps_step_word((enum pps_step)99), "unknown");
	CU_ASSERT_STRING_EQUAL(pps_step_word(PPS_STEP_LINK), "link");
}

static void worker_blocks_are_zero_and_share_no_cache_line(void)
{
	struct pps_worker_stats *stats = pps_worker_stats_create();
	uint64_t sum = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(stats);
	CU_ASSERT_EQUAL((uintptr_t)stats % PPS_CACHE_LINE, 0);
	CU_ASSERT_EQUAL((uintptr_t)stats->rules % PPS_CACHE_LINE, 0);
	CU_ASSERT_EQUAL(sizeof(*stats) % PPS_CACHE_LINE, 0);
	for (unsigned int i = 0; i < PPS_REASON_COUNT; i++)
		sum += stats->drops[i];
	for (unsigned int i = 0; i < PPS_RULE_SLOTS; i++)
		sum += stats->rules[i].packets + stats->rules[i].last_ns;
	CU_ASSERT_EQUAL(sum, 0);
	pps_stats_add(&stats->passed, 3);
	pps_stats_add(&stats->passed, 4);
	CU_ASSERT_EQUAL(pps_stats_load(&stats->passed), 7);
	pps_worker_stats_destroy(stats);
	pps_worker_stats_destroy(NULL);
}

static void rule_keeps_its_slot_while_anybody_holds_it_and_after(void)
{
	struct pps_rule_book *book = pps_rule_book_create();
	uint32_t a = pps_rule_book_hold(book, "PPS-0001");
	uint32_t b = pps_rule_book_hold(book, "PPS-0002");

	CU_ASSERT_NOT_EQUAL(a, 0);
	CU_ASSERT_NOT_EQUAL(b, 0);
	CU_ASSERT_NOT_EQUAL(a, b);
	CU_ASSERT_STRING_EQUAL(pps_rule_book_id(book, a), "PPS-0001");
	CU_ASSERT(pps_rule_book_since_ns(book, a) > 0);
	/* A reload: the new ruleset holds before the old one goes. */
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "PPS-0001"), a);
	pps_rule_book_release(book, a);
	pps_rule_book_release(book, a);
	CU_ASSERT_EQUAL(pps_rule_book_find(book, "PPS-0001"), a);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "PPS-0003"), b + 1);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "PPS-0001"), a);
	pps_rule_book_destroy(book);
	pps_rule_book_destroy(NULL);
}

static void what_was_never_given_is_no_rule(void)
{
	struct pps_rule_book *book = pps_rule_book_create();

	CU_ASSERT_EQUAL(pps_rule_book_find(book, "x"), 0);
	CU_ASSERT_PTR_NULL(pps_rule_book_id(book, 0));
	CU_ASSERT_PTR_NULL(pps_rule_book_id(book, 1));
	CU_ASSERT_PTR_NULL(pps_rule_book_id(book, UINT32_MAX));
	CU_ASSERT_EQUAL(pps_rule_book_since_ns(book, 0), 0);
	CU_ASSERT_EQUAL(pps_rule_book_read(book, UINT32_MAX).packets, 0);
	pps_rule_book_release(book, 0);
	pps_rule_book_release(book, 1);
	pps_rule_book_release(book, UINT32_MAX);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "x"), 1);
	/* One release too many changes nothing. */
	pps_rule_book_release(book, 1);
	pps_rule_book_release(book, 1);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "x"), 1);
	CU_ASSERT_STRING_EQUAL(pps_rule_book_id(book, 1), "x");
	pps_rule_book_destroy(book);
}

static uint32_t hold_number(struct pps_rule_book *book, unsigned int number)
{
	char id[32];

	snprintf(id, sizeof(id), "R-%u", number);
	return pps_rule_book_hold(book, id);
}

/* A book whose every slot is held: slot i by "R-i". */
static struct pps_rule_book *create_full_book(void)
{
	struct pps_rule_book *book = pps_rule_book_create();

	for (unsigned int i = 1; i < PPS_RULE_SLOTS; i++)
		CU_ASSERT_EQUAL_FATAL(hold_number(book, i), i);
	return book;
}

static void full_book_reuses_the_slot_that_is_gone_longest(void)
{
	struct pps_rule_book *book = create_full_book();

	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "new"), 0);
	pps_rule_book_release(book, 700);
	pps_rule_book_release(book, 5);
	pps_rule_book_release(book, 60000);
	pps_rule_book_release(book, 9);
	/* 5 comes back from between the others, in its old slot. */
	CU_ASSERT_EQUAL(hold_number(book, 5), 5);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "new-1"), 700);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "new-2"), 60000);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "new-3"), 9);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "new-4"), 0);
	CU_ASSERT_EQUAL(pps_rule_book_find(book, "R-700"), 0);
	CU_ASSERT_STRING_EQUAL(pps_rule_book_id(book, 700), "new-1");
	CU_ASSERT_EQUAL(pps_rule_book_find(book, "new-3"), 9);
	pps_rule_book_destroy(book);
}

static void reuse_leaves_every_other_id_findable(void)
{
	struct pps_rule_book *book = create_full_book();
	char id[32];

	for (uint32_t slot = 1; slot < PPS_RULE_SLOTS; slot += 7)
		pps_rule_book_release(book, slot);
	for (uint32_t slot = 1; slot < PPS_RULE_SLOTS; slot += 7)
		CU_ASSERT_EQUAL(hold_number(book, 100000 + slot), slot);
	for (uint32_t slot = 1; slot < PPS_RULE_SLOTS; slot++) {
		snprintf(id, sizeof(id), "R-%u", slot % 7 == 1 ? 100000 + slot : slot);
		CU_ASSERT_EQUAL(pps_rule_book_find(book, id), slot);
	}
	pps_rule_book_destroy(book);
}

static void reused_slot_does_not_inherit_numbers(void)
{
	struct pps_rule_book *book = create_full_book();
	struct pps_worker_stats *workers[2];
	struct pps_rule_stats stats;

	for (int i = 0; i < 2; i++) {
		workers[i] = pps_worker_stats_create();
		CU_ASSERT_PTR_NOT_NULL_FATAL(workers[i]);
		pps_rule_book_add_worker(book, workers[i]);
		workers[i]->rules[7] = (struct pps_rule_stats){100, 6000, 3, 1000 + (uint64_t)i};
	}
	stats = pps_rule_book_read(book, 7);
	CU_ASSERT_EQUAL(stats.packets, 200);
	CU_ASSERT_EQUAL(stats.bytes, 12000);
	CU_ASSERT_EQUAL(stats.flows, 6);
	CU_ASSERT_EQUAL(stats.last_ns, 1001);
	/* The same id comes back: its numbers are still its own. */
	pps_rule_book_release(book, 7);
	CU_ASSERT_EQUAL(hold_number(book, 7), 7);
	CU_ASSERT_EQUAL(pps_rule_book_read(book, 7).packets, 200);
	/* Another id gets the slot: it begins at nothing. */
	pps_rule_book_release(book, 7);
	CU_ASSERT_EQUAL(pps_rule_book_hold(book, "other"), 7);
	stats = pps_rule_book_read(book, 7);
	CU_ASSERT_EQUAL(stats.packets + stats.bytes + stats.flows + stats.last_ns, 0);
	pps_stats_add(&workers[1]->rules[7].packets, 1);
	pps_stats_add(&workers[1]->rules[7].bytes, 60);
	workers[1]->rules[7].last_ns = 2000;
	stats = pps_rule_book_read(book, 7);
	CU_ASSERT_EQUAL(stats.packets, 1);
	CU_ASSERT_EQUAL(stats.bytes, 60);
	CU_ASSERT_EQUAL(stats.flows, 0);
	CU_ASSERT_EQUAL(stats.last_ns, 2000);
	pps_rule_book_destroy(book);
	pps_worker_stats_destroy(workers[0]);
	pps_worker_stats_destroy(workers[1]);
}

/* The obvious book: ids 1..N_IDS, who holds, since when gone. Compared with the real one. */
static void random_holds_and_releases_keep_every_id_findable(void)
{
	enum { N_IDS = 300 };
	struct pps_rule_book *book = pps_rule_book_create();
	unsigned int holders[N_IDS] = {0}, seed = 3;
	uint32_t slots[N_IDS] = {0};

	for (int i = 0; i < 50000; i++) {
		unsigned int id = (unsigned int)rand_r(&seed) % N_IDS;

		if (rand_r(&seed) % 2 == 0) {
			uint32_t slot = hold_number(book, id);

			CU_ASSERT(slots[id] == 0 || slots[id] == slot);
			slots[id] = slot;
			holders[id]++;
		} else if (holders[id] > 0) {
			pps_rule_book_release(book, slots[id]);
			holders[id]--;
		}
	}
	for (unsigned int id = 0; id < N_IDS; id++) {
		char text[32];

		snprintf(text, sizeof(text), "R-%u", id);
		CU_ASSERT_EQUAL(pps_rule_book_find(book, text), slots[id]);
		CU_ASSERT_STRING_EQUAL(pps_rule_book_id(book, slots[id]), text);
	}
	pps_rule_book_destroy(book);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_reason_has_a_word_of_its_own),
	UNIT_TEST(every_reason_says_one_cause_in_a_sentence),
	UNIT_TEST(reasons_are_listed_in_the_order_of_the_law),
	UNIT_TEST(numbers_that_are_no_reason_or_step_have_a_word_too),
	UNIT_TEST(worker_blocks_are_zero_and_share_no_cache_line),
	UNIT_TEST(rule_keeps_its_slot_while_anybody_holds_it_and_after),
	UNIT_TEST(what_was_never_given_is_no_rule),
	UNIT_TEST(full_book_reuses_the_slot_that_is_gone_longest),
	UNIT_TEST(reuse_leaves_every_other_id_findable),
	UNIT_TEST(reused_slot_does_not_inherit_numbers),
	UNIT_TEST(random_holds_and_releases_keep_every_id_findable),
};

int main(void)
{
	return unit_run("stats", tests, UNIT_COUNT(tests));
}
