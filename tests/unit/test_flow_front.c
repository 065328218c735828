/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <pps_flow.h>

#include "flow_priv.h"
#include "flow_tables.h"
#include "unit.h"

/*
 * The front against what lives: sets of a small table have more flows than slots, so that many are
 * strays.
 */

#define FLOWS 256u /* 16 sets of 12 slots */
#define KEYS  600u
#define STEPS 200000u

static uint64_t random_state = 1;

static uint32_t draw(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)((random_state >> 33) % n);
}

/* Slots taken and strays, of all sets. */
static void count(const struct pps_flow_table *table, uint32_t *ret_slots, uint32_t *ret_strays)
{
	*ret_slots = 0;
	*ret_strays = 0;
	for (uint32_t i = 0; i <= table->front.mask; i++) {
		const struct flow_set *set = &table->front.sets[i];

		*ret_strays += set->strays;
		for (unsigned int k = 0; k < FRONT_SLOTS; k++)
			*ret_slots += set->tags[k] != 0;
	}
}

static bool holds(const struct pps_flow_table *table)
{
	uint32_t slots, strays;

	count(table, &slots, &strays);
	return slots + strays == pps_flow_count(table);
}

static uint32_t add(struct pps_flow_table *table, uint32_t number)
{
	struct pps_flow_key key = key_number(number);

	return pps_flow_add(table, &key, pps_flow_hash(table, &key));
}

/* Looks a burst of random keys up, some of them twice; all answers must be those of 'handles'. */
static bool burst_agrees(struct pps_flow_table *table, const uint32_t *handles)
{
	struct pps_flow_key keys[PPS_FLOW_BURST_MAX];
	uint32_t hashes[PPS_FLOW_BURST_MAX], found[PPS_FLOW_BURST_MAX];
	uint32_t numbers[PPS_FLOW_BURST_MAX], n = 1 + draw(PPS_FLOW_BURST_MAX);
	uint64_t flowless, wanted = 0;

	for (uint32_t i = 0; i < n; i++) {
		numbers[i] = i > 0 && draw(4) == 0 ? numbers[i - 1] : draw(KEYS);
		keys[i] = key_number(numbers[i]);
		if (handles[numbers[i]] == PPS_FLOW_NONE)
			wanted |= UINT64_C(1) << i;
	}
	flowless = pps_flow_lookup_burst(table, keys, n, hashes, found);
	for (uint32_t i = 0; i < n; i++) {
		if (found[i] != handles[numbers[i]] ||
			pps_flow_lookup(table, &keys[i], hashes[i]) != found[i])
			return false;
	}
	return flowless == wanted;
}

static void every_live_flow_is_found_and_no_other_however_full_the_sets_are(void)
{
	struct pps_flow_table *table = create_table(FLOWS);
	uint32_t handles[KEYS], wrong = 0, strays_seen = 0;

	memset(handles, 0xff, sizeof(handles));
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t number = draw(KEYS), slots, strays;

		/* Long spells of growing and of shrinking. */
		if (handles[number] == PPS_FLOW_NONE && draw(8) < (step / 5000 % 2 ? 7 : 3)) {
			handles[number] = add(table, number);
		} else if (handles[number] != PPS_FLOW_NONE && draw(8) < 4) {
			pps_flow_remove(table, handles[number]);
			handles[number] = PPS_FLOW_NONE;
		}
		if (step % 8 == 0)
			wrong += !burst_agrees(table, handles);
		wrong += !holds(table);
		count(table, &slots, &strays);
		strays_seen += strays > 0;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(strays_seen > STEPS / 10);
	for (uint32_t i = 0; i < KEYS; i++) {
		if (handles[i] != PPS_FLOW_NONE)
			pps_flow_remove(table, handles[i]);
	}
	CU_ASSERT(holds(table));
	CU_ASSERT_EQUAL(pps_flow_count(table), 0);
	pps_flow_table_destroy(table);
}

static void a_stray_that_is_looked_up_takes_a_slot(void)
{
	struct pps_flow_table *table = create_table(FRONT_SET_FLOWS);
	struct pps_flow_key key;
	uint32_t first, hash, slots, strays, handle;

	CU_ASSERT_EQUAL_FATAL(table->front.mask, 0);
	first = add(table, 0);
	for (uint32_t i = 1; i < FRONT_SET_FLOWS; i++)
		CU_ASSERT_NOT_EQUAL(add(table, i), PPS_FLOW_NONE);
	count(table, &slots, &strays);
	CU_ASSERT_EQUAL(slots, FRONT_SLOTS);
	CU_ASSERT_EQUAL(strays, FRONT_SET_FLOWS - FRONT_SLOTS);
	key = key_number(0);
	hash = pps_flow_hash(table, &key);
	CU_ASSERT_EQUAL(front_slot_of(table->front.sets, hash, first), FRONT_SLOTS);
	CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, &key, 1, &hash, &handle), 0);
	CU_ASSERT_EQUAL(handle, first);
	CU_ASSERT_NOT_EQUAL(front_slot_of(table->front.sets, hash, first), FRONT_SLOTS);
	CU_ASSERT(holds(table));
	pps_flow_table_destroy(table);
}

static void the_slot_of_a_flow_that_ended_is_free(void)
{
	struct pps_flow_table *table = create_table(FRONT_SET_FLOWS);
	uint32_t slots, strays, handles[FRONT_SLOTS];

	for (uint32_t i = 0; i < FRONT_SLOTS; i++)
		handles[i] = add(table, i);
	pps_flow_remove(table, handles[3]);
	pps_flow_remove(table, handles[8]);
	CU_ASSERT_NOT_EQUAL(add(table, 100), PPS_FLOW_NONE);
	CU_ASSERT_NOT_EQUAL(add(table, 101), PPS_FLOW_NONE);
	count(table, &slots, &strays);
	CU_ASSERT_EQUAL(slots, FRONT_SLOTS);
	CU_ASSERT_EQUAL(strays, 0);
	pps_flow_table_destroy(table);
}

static void a_wide_key_that_begins_with_a_short_one_is_another(void)
{
	struct pps_flow_table *table = create_table(FRONT_SET_FLOWS);
	struct pps_flow_key key = {.v4 = {.inside = {198, 51, 100, 1}, .protocol = PPS_IP_TCP}};
	struct pps_flow_key wide = {.is_wide = true};
	uint32_t hash = pps_flow_hash(table, &key), handle;
	uint8_t tag = front_tag(hash);

	/* Of one tag, so that one is a candidate for the other. */
	memcpy(&wide.wide, &key.v4, sizeof(key.v4));
	do {
		wide.wide.context++;
		hash = pps_flow_hash(table, &wide);
	} while (front_tag(hash) != tag);
	CU_ASSERT_NOT_EQUAL(pps_flow_add(table, &key, pps_flow_hash(table, &key)), PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(pps_flow_lookup(table, &wide, hash), PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, &wide, 1, &hash, &handle), 1);
	CU_ASSERT_EQUAL(handle, PPS_FLOW_NONE);
	handle = pps_flow_lookup(table, &key, pps_flow_hash(table, &key));
	pps_flow_remove(table, handle);
	CU_ASSERT_NOT_EQUAL(pps_flow_add(table, &wide, hash), PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, &key, 1, &hash, &handle), 1);
	CU_ASSERT_EQUAL(handle, PPS_FLOW_NONE);
	pps_flow_table_destroy(table);
}

static void what_is_prepared_is_not_added(void)
{
	struct pps_flow_table *table = create_table(FLOWS);
	struct pps_flow_key keys[PPS_FLOW_BURST_MAX];
	uint32_t hashes[PPS_FLOW_BURST_MAX], handles[PPS_FLOW_BURST_MAX];

	for (uint32_t i = 0; i < PPS_FLOW_BURST_MAX; i++)
		keys[i] = key_number(i);
	CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, keys, PPS_FLOW_BURST_MAX, hashes, handles),
		UINT64_MAX);
	pps_flow_prepare_burst(table, keys, hashes, UINT64_MAX);
	pps_flow_prepare_burst(table, keys, hashes, 0);
	CU_ASSERT_EQUAL(pps_flow_count(table), 0);
	CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, keys, PPS_FLOW_BURST_MAX, hashes, handles),
		UINT64_MAX);
	pps_flow_table_destroy(table);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_live_flow_is_found_and_no_other_however_full_the_sets_are),
	UNIT_TEST(a_stray_that_is_looked_up_takes_a_slot),
	UNIT_TEST(the_slot_of_a_flow_that_ended_is_free),
	UNIT_TEST(a_wide_key_that_begins_with_a_short_one_is_another),
	UNIT_TEST(what_is_prepared_is_not_added),
};

int main(void)
{
	unit_eal_init(64);
	return unit_run("flow_front", tests, UNIT_COUNT(tests));
}
