/* SPDX-License-Identifier: BSD-3-Clause */

/* What the flow table counts: half-open flows, sources, flows of rules. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include <pps_flow.h>

#include "flow_ledger.h"
#include "unit.h"

#define MEGABYTES 384
#define GRACE     PPS_FLOW_GRACE_TICKS

static struct pps_flow_table *create(uint32_t flows, uint32_t half_open_max, uint32_t per_source)
{
	struct pps_flow_table_params params = {
		.name = "test",
		.flows = flows,
		.half_open_max = half_open_max,
		.half_open_per_source = per_source,
		.socket = -1,
	};
	struct pps_flow_table *table = pps_flow_table_create(&params);

	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	return table;
}

/* Flow 'number' of host 'host', which is outside. */
static struct pps_flow_key key_of(uint32_t host, uint16_t number)
{
	struct pps_flow_key key;

	memset(&key, 0, sizeof(key));
	memcpy(key.v4.outside, &host, sizeof(host));
	key.v4.outside_port = number;
	key.v4.protocol = PPS_IP_TCP;
	return key;
}

static struct pps_flow_key key6_of(uint64_t prefix, uint64_t host)
{
	struct pps_flow_key key;

	memset(&key, 0, sizeof(key));
	key.is_wide = true;
	memcpy(key.wide.outside, &prefix, sizeof(prefix));
	memcpy(key.wide.outside + 8, &host, sizeof(host));
	key.wide.protocol = PPS_IP_TCP;
	key.wide.family = 6;
	return key;
}

static struct pps_flow_source source_of(
	const struct pps_flow_table *table, const struct pps_flow_key *key)
{
	struct pps_flow_source source;

	pps_flow_source_of(table, key, PPS_SIDE_OUTSIDE, &source);
	return source;
}

/* Begins a flow as the filter does; the state is TCP's first. */
static uint32_t begin_key(
	struct pps_flow_table *table, const struct pps_flow_key *key, uint32_t slot, uint32_t now)
{
	struct pps_flow_source source = source_of(table, key);
	uint32_t handle = pps_flow_add(table, key, pps_flow_hash(table, key));

	CU_ASSERT_NOT_EQUAL_FATAL(handle, PPS_FLOW_NONE);
	pps_flow_at(table, handle)->initiator = PPS_SIDE_OUTSIDE;
	pps_flow_at(table, handle)->state = PPS_FLOW_TCP_SYN_SENT;
	pps_flow_bind(table, handle, slot, &source);
	pps_flow_enter(table, handle, &source, now);
	return handle;
}

static uint32_t begin(
	struct pps_flow_table *table, uint32_t host, uint16_t number, uint32_t slot, uint32_t now)
{
	struct pps_flow_key key = key_of(host, number);

	return begin_key(table, &key, slot, now);
}

static void establish(struct pps_flow_table *table, uint32_t handle)
{
	pps_flow_at(table, handle)->state = PPS_FLOW_TCP_ESTABLISHED;
	pps_flow_prove(table, handle);
}

static enum pps_reason room(struct pps_flow_table *table, uint32_t host, uint32_t reuse,
	uint32_t now, uint32_t *ret_replace)
{
	struct pps_flow_key key = key_of(host, 9999);
	struct pps_flow_source source = source_of(table, &key);

	return pps_flow_room(table, &source, reuse, now, ret_replace);
}

static uint32_t half_open_of(struct pps_flow_table *table, uint32_t host)
{
	struct pps_flow_key key = key_of(host, 0);
	struct pps_flow_source source = source_of(table, &key);

	return pps_flow_count_half_open_source(table, &source);
}

static uint32_t of_rule_source(struct pps_flow_table *table, uint32_t slot, uint32_t host)
{
	struct pps_flow_key key = key_of(host, 0);
	struct pps_flow_source source = source_of(table, &key);

	return pps_flow_count_rule_source(table, slot, &source);
}

/* No counter, record or rule is held by anything. */
static void expect_nothing_counted(struct pps_flow_table *table)
{
	CU_ASSERT_EQUAL(pps_flow_count(table), 0);
	CU_ASSERT_EQUAL(pps_flow_count_half_open(table), 0);
	for (unsigned int half = 0; half < 2; half++) {
		CU_ASSERT_EQUAL(table->half_open.oldest[half], 0);
		CU_ASSERT_EQUAL(table->half_open.newest[half], 0);
	}
	for (uint32_t slot = 0; slot < PPS_RULE_SLOTS; slot++)
		CU_ASSERT_EQUAL_FATAL(pps_flow_count_rule(table, slot), 0);
	for (uint32_t b = 0; b <= table->ledger->mask; b++)
		CU_ASSERT_EQUAL_FATAL(table->ledger->buckets[b], 0);
}

/* ---- sources ---- */

static void an_ipv4_source_is_its_address(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key a = key_of(1, 1), b = key_of(1, 2), c = key_of(2, 1);
	struct pps_flow_source source[3] = {
		source_of(table, &a), source_of(table, &b), source_of(table, &c)};

	CU_ASSERT_EQUAL(source[0].prefix, source[1].prefix);
	CU_ASSERT_EQUAL(source[0].hash, source[1].hash);
	CU_ASSERT_NOT_EQUAL(source[0].prefix, source[2].prefix);
	CU_ASSERT_NOT_EQUAL(source[0].hash, source[2].hash);
	pps_flow_table_destroy(table);
}

static void an_ipv6_source_is_its_first_64_bits(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key a = key6_of(1, 1), b = key6_of(1, 2), c = key6_of(2, 1);

	begin_key(table, &a, 1, 0);
	begin_key(table, &b, 1, 0);
	begin_key(table, &c, 1, 0);
	CU_ASSERT_EQUAL(source_of(table, &a).hash, source_of(table, &b).hash);
	CU_ASSERT_NOT_EQUAL(source_of(table, &a).hash, source_of(table, &c).hash);
	for (int i = 0; i < 3; i++) {
		struct pps_flow_source source = source_of(table, i == 0 ? &a : i == 1 ? &b : &c);

		CU_ASSERT_EQUAL(pps_flow_count_rule_source(table, 1, &source), i < 2 ? 2 : 1);
	}
	pps_flow_table_destroy(table);
}

static void an_ipv4_source_behind_two_tags_is_the_same(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key plain = key_of(7, 1), tagged;

	memset(&tagged, 0, sizeof(tagged));
	tagged.is_wide = true;
	memcpy(tagged.wide.outside, plain.v4.outside, 4);
	tagged.wide.family = 4;
	tagged.wide.vlan = 5;
	tagged.wide.inner_vlan = 6;
	begin_key(table, &plain, 1, 0);
	begin_key(table, &tagged, 1, 0);
	CU_ASSERT_EQUAL(of_rule_source(table, 1, 7), 2);
	CU_ASSERT_EQUAL(half_open_of(table, 7), 2);
	pps_flow_table_destroy(table);
}

static void the_same_bytes_in_two_families_are_two_sources(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key v4 = key_of(7, 1), v6 = key6_of(7, 0);
	struct pps_flow_source source;

	begin_key(table, &v4, 1, 0);
	source = source_of(table, &v6);
	CU_ASSERT_EQUAL(source.prefix, source_of(table, &v4).prefix);
	CU_ASSERT_EQUAL(pps_flow_count_rule_source(table, 1, &source), 0);
	begin_key(table, &v6, 1, 0);
	CU_ASSERT_EQUAL(pps_flow_count_rule_source(table, 1, &source), 1);
	pps_flow_table_destroy(table);
}

static void the_source_is_the_side_that_began(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key key = key_of(7, 1);
	struct pps_flow_source inside, outside;
	uint32_t host = 9;

	memcpy(key.v4.inside, &host, sizeof(host));
	pps_flow_source_of(table, &key, PPS_SIDE_INSIDE, &inside);
	pps_flow_source_of(table, &key, PPS_SIDE_OUTSIDE, &outside);
	CU_ASSERT_EQUAL(inside.prefix, 9);
	CU_ASSERT_EQUAL(outside.prefix, 7);
	pps_flow_table_destroy(table);
}

static void nobody_outside_can_foresee_the_hash_of_a_source(void)
{
	struct pps_flow_table_params other = {.name = "other", .flows = 64, .socket = -1};
	struct pps_flow_table *table = create(64, 0, 0), *b = pps_flow_table_create(&other);
	unsigned int same = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	for (uint32_t host = 0; host < 1000; host++) {
		struct pps_flow_key key = key_of(host, 1);

		same += source_of(table, &key).hash == source_of(b, &key).hash;
	}
	CU_ASSERT_TRUE(same < 5);
	pps_flow_table_destroy(b);
	pps_flow_table_destroy(table);
}

static void a_counter_lives_while_it_counts(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t a = begin(table, 7, 1, 1, 0), b = begin(table, 7, 2, 1, 0);

	CU_ASSERT_EQUAL(of_rule_source(table, 1, 7), 2);
	pps_flow_remove(table, a);
	CU_ASSERT_EQUAL(of_rule_source(table, 1, 7), 1);
	pps_flow_remove(table, b);
	CU_ASSERT_EQUAL(of_rule_source(table, 1, 7), 0);
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void there_is_a_counter_for_every_flow_there_can_be(void)
{
	const uint32_t flows = 500;
	struct pps_flow_table *table = create(flows, flows, 0);

	for (unsigned int round = 0; round < 3; round++) {
		uint32_t handles[500];

		for (uint32_t i = 0; i < flows; i++)
			handles[i] = begin(table, round * 1000 + i, 1, 1 + i % 5, 0);
		for (uint32_t i = 0; i < flows; i++) {
			CU_ASSERT_EQUAL(of_rule_source(table, 1 + i % 5, round * 1000 + i), 1);
			CU_ASSERT_EQUAL(half_open_of(table, round * 1000 + i), 1);
		}
		CU_ASSERT_EQUAL(pps_flow_count_half_open(table), flows);
		for (uint32_t i = 0; i < flows; i++)
			pps_flow_remove(table, handles[(i * 7) % flows]);
		expect_nothing_counted(table);
	}
	pps_flow_table_destroy(table);
}

static void chains_survive_the_removal_of_any_link(void)
{
	struct pps_flow_table *table = create(8, 8, 0);
	uint32_t handles[8];

	/* Eight sources of eight rules in 32 buckets or fewer: some share one. */
	for (unsigned int gone = 0; gone < 8; gone++) {
		for (uint32_t i = 0; i < 8; i++)
			handles[i] = begin(table, 100 + i, 1, 1 + i, 0);
		pps_flow_remove(table, handles[gone]);
		for (uint32_t i = 0; i < 8; i++) {
			CU_ASSERT_EQUAL(of_rule_source(table, 1 + i, 100 + i), i != gone);
			CU_ASSERT_EQUAL(half_open_of(table, 100 + i), i != gone);
		}
		for (uint32_t i = 0; i < 8; i++)
			pps_flow_remove(table, handles[i]);
	}
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

/* ---- rules ---- */

static void a_bound_flow_is_counted_under_its_rule(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 42, 0);

	CU_ASSERT_EQUAL(pps_flow_at(table, handle)->rule, 42);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 42), 1);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 41), 0);
	begin(table, 7, 2, 42, 0);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 42), 2);
	pps_flow_table_destroy(table);
}

static void binding_to_another_rule_moves_the_counts(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 42, 0);
	struct pps_flow_key key = key_of(7, 1);
	struct pps_flow_source source = source_of(table, &key);

	pps_flow_bind(table, handle, 43, &source);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 42), 0);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 43), 1);
	CU_ASSERT_EQUAL(of_rule_source(table, 42, 7), 0);
	CU_ASSERT_EQUAL(of_rule_source(table, 43, 7), 1);
	CU_ASSERT_EQUAL(half_open_of(table, 7), 1);
	pps_flow_table_destroy(table);
}

static void binding_to_the_same_rule_again_changes_nothing(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 42, 0);
	struct pps_flow_key key = key_of(7, 1);
	struct pps_flow_source source = source_of(table, &key);

	for (int i = 0; i < 3; i++)
		pps_flow_bind(table, handle, 42, &source);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 42), 1);
	CU_ASSERT_EQUAL(of_rule_source(table, 42, 7), 1);
	pps_flow_remove(table, handle);
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void a_rule_that_does_not_limit_sources_counts_none(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 42, 0);

	pps_flow_bind(table, handle, 42, NULL);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 42), 1);
	CU_ASSERT_EQUAL(of_rule_source(table, 42, 7), 0);
	CU_ASSERT_EQUAL(pps_flow_cold_at(table, handle)->source, 0);
	pps_flow_remove(table, handle);
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void a_flow_that_was_never_bound_is_counted_nowhere(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key key = key_of(7, 1);
	uint32_t handle = pps_flow_add(table, &key, pps_flow_hash(table, &key));

	pps_flow_at(table, handle)->rule = 42;
	pps_flow_remove(table, handle);
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void the_highest_slot_is_counted(void)
{
	struct pps_flow_table *table = create(64, 0, 0);

	begin(table, 7, 1, PPS_RULE_SLOTS - 1, 0);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, PPS_RULE_SLOTS - 1), 1);
	CU_ASSERT_EQUAL(of_rule_source(table, PPS_RULE_SLOTS - 1, 7), 1);
	CU_ASSERT_EQUAL(half_open_of(table, 7), 1);
	pps_flow_table_destroy(table);
}

static void a_flow_knows_whether_it_is_of_a_source_under_a_rule(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 42, 0);
	struct pps_flow_key key = key_of(7, 1), other = key_of(8, 1);
	struct pps_flow_source source = source_of(table, &key);
	struct pps_flow_source stranger = source_of(table, &other);

	CU_ASSERT_TRUE(pps_flow_is_of_rule_source(table, handle, 42, &source));
	CU_ASSERT_FALSE(pps_flow_is_of_rule_source(table, handle, 41, &source));
	CU_ASSERT_FALSE(pps_flow_is_of_rule_source(table, handle, 42, &stranger));
	pps_flow_bind(table, handle, 42, NULL);
	CU_ASSERT_FALSE(pps_flow_is_of_rule_source(table, handle, 42, &source));
	pps_flow_table_destroy(table);
}

/* ---- half-open ---- */

static void each_state_is_half_open_or_has_proven_itself(void)
{
	static const struct {
		enum pps_flow_state state;
		bool half_open, half_open_when_replied;
	} cases[] = {
		{PPS_FLOW_TCP_SYN_SENT, true, true},
		{PPS_FLOW_TCP_SYN_CROSSED, true, true},
		{PPS_FLOW_TCP_SYN_RECEIVED, true, true},
		{PPS_FLOW_TCP_ESTABLISHED, false, false},
		{PPS_FLOW_TCP_FIN_INITIATOR, false, false},
		{PPS_FLOW_TCP_FIN_RESPONDER, false, false},
		{PPS_FLOW_TCP_CLOSING, false, false},
		{PPS_FLOW_TCP_CLOSED, true, true},
		{PPS_FLOW_TCP_PICKED_UP, true, true},
		{PPS_FLOW_UDP_SINGLE, true, true},
		{PPS_FLOW_UDP_PAIR, false, false},
		{PPS_FLOW_ICMP_QUERY, true, false},
		{PPS_FLOW_SCTP_INIT, true, true},
		{PPS_FLOW_SCTP_ESTABLISHED, false, false},
		{PPS_FLOW_SCTP_CLOSING, true, true},
		{PPS_FLOW_DCCP_REQUEST, true, true},
		{PPS_FLOW_DCCP_OPEN, false, false},
		{PPS_FLOW_DCCP_CLOSING, true, true},
		{PPS_FLOW_OTHER, true, false},
	};
	struct pps_flow_table *table = create(64, 0, 0);

	CU_ASSERT_EQUAL(UNIT_COUNT(cases), PPS_FLOW_STATE_COUNT - 1);
	for (unsigned int i = 0; i < 2 * UNIT_COUNT(cases); i++) {
		bool replied = i % 2 != 0;
		uint32_t handle = begin(table, 7, 1, 1, 0);
		struct pps_flow *flow = pps_flow_at(table, handle);

		flow->state = (uint8_t)cases[i / 2].state;
		flow->flags |= replied ? PPS_FLOW_REPLIED : 0;
		pps_flow_prove(table, handle);
		CU_ASSERT_EQUAL(pps_flow_count_half_open(table),
			replied ? cases[i / 2].half_open_when_replied : cases[i / 2].half_open);
		CU_ASSERT_EQUAL((flow->flags & PPS_FLOW_HALF_OPEN) != 0,
			pps_flow_count_half_open(table) == 1);
		pps_flow_remove(table, handle);
	}
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void a_flow_that_begins_established_is_not_half_open(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	struct pps_flow_key key = key_of(7, 1);
	struct pps_flow_source source = source_of(table, &key);
	uint32_t handle = pps_flow_add(table, &key, pps_flow_hash(table, &key));

	pps_flow_at(table, handle)->state = PPS_FLOW_TCP_ESTABLISHED;
	pps_flow_enter(table, handle, &source, 0);
	CU_ASSERT_EQUAL(pps_flow_count_half_open(table), 0);
	pps_flow_remove(table, handle);
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void a_flow_leaves_the_half_open_once(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 1, 0);

	establish(table, handle);
	CU_ASSERT_EQUAL(pps_flow_count_half_open(table), 0);
	CU_ASSERT_EQUAL(half_open_of(table, 7), 0);
	establish(table, handle);
	pps_flow_leave(table, handle);
	CU_ASSERT_EQUAL(pps_flow_count_half_open(table), 0);
	CU_ASSERT_EQUAL(pps_flow_count_rule(table, 1), 1);
	pps_flow_remove(table, handle);
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static void an_established_flow_that_closes_is_not_half_open_again(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t handle = begin(table, 7, 1, 1, 0);

	establish(table, handle);
	pps_flow_at(table, handle)->state = PPS_FLOW_TCP_CLOSED;
	pps_flow_prove(table, handle);
	CU_ASSERT_EQUAL(pps_flow_count_half_open(table), 0);
	pps_flow_table_destroy(table);
}

static void there_is_room_in_an_empty_table(void)
{
	struct pps_flow_table *table = create(64, 0, 0);
	uint32_t replace = 5;

	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, 0, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	pps_flow_table_destroy(table);
}

static void the_oldest_is_replaced_when_half_open_flows_are_at_their_number(void)
{
	struct pps_flow_table *table = create(64, 3, 3);
	uint32_t handles[3], replace;

	for (uint32_t i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(room(table, 9, PPS_FLOW_NONE, 0, &replace), PPS_REASON_NONE);
		CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
		handles[i] = begin(table, i, 1, 1, 0);
	}
	for (uint32_t i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(room(table, 9, PPS_FLOW_NONE, 0, &replace), PPS_REASON_NONE);
		CU_ASSERT_EQUAL(replace, handles[i % 3]);
		pps_flow_remove(table, replace);
		handles[i % 3] = begin(table, 100 + i, 1, 1, 0);
	}
	CU_ASSERT_EQUAL(pps_flow_count_half_open(table), 3);
	pps_flow_table_destroy(table);
}

static void age_is_age_since_the_beginning(void)
{
	struct pps_flow_table *table = create(64, 3, 3);
	uint32_t handles[3], replace;

	for (uint32_t i = 0; i < 3; i++)
		handles[i] = begin(table, i, 1, 1, i);
	pps_flow_at(table, handles[0])->seen = 5000;
	pps_flow_at(table, handles[0])->state = PPS_FLOW_TCP_SYN_RECEIVED;
	pps_flow_prove(table, handles[0]);
	room(table, 9, PPS_FLOW_NONE, 5000, &replace);
	CU_ASSERT_EQUAL(replace, handles[0]);
	pps_flow_table_destroy(table);
}

static void any_half_open_flow_may_leave_the_line(void)
{
	for (unsigned int gone = 0; gone < 4; gone++) {
		struct pps_flow_table *table = create(64, 4, 4);
		uint32_t handles[5], replace;

		for (uint32_t i = 0; i < 4; i++)
			handles[i] = begin(table, 1, (uint16_t)i, 1, i);
		establish(table, handles[gone]);
		handles[4] = begin(table, 1, 4, 1, 5);
		for (unsigned int i = 0; i < 5; i++) {
			if (i == gone)
				continue;
			room(table, 9, PPS_FLOW_NONE, 10, &replace);
			CU_ASSERT_EQUAL(replace,
				pps_flow_count_half_open(table) == 4 ? handles[i] : PPS_FLOW_NONE);
			/* Of the source too. */
			CU_ASSERT_EQUAL(table->half_open.records[table->half_open.oldest[0]].handle,
				handles[i]);
			pps_flow_remove(table, handles[i]);
		}
		CU_ASSERT_EQUAL(half_open_of(table, 1), 0);
		pps_flow_remove(table, handles[gone]);
		expect_nothing_counted(table);
		pps_flow_table_destroy(table);
	}
}

static void established_flows_are_never_named_for_replacement(void)
{
	struct pps_flow_table *table = create(4, 4, 4);
	uint32_t handles[4], replace;

	for (uint32_t i = 0; i < 4; i++)
		handles[i] = begin(table, i, 1, 1, i);
	for (uint32_t i = 0; i < 3; i++)
		establish(table, handles[i]);
	CU_ASSERT_EQUAL(room(table, 9, PPS_FLOW_NONE, 10, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, handles[3]);
	establish(table, handles[3]);
	CU_ASSERT_EQUAL(room(table, 9, PPS_FLOW_NONE, 10, &replace), PPS_REASON_FLOW_TABLE_FULL);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	pps_flow_table_destroy(table);
}

static struct pps_flow_table *create_wide(uint32_t flows, uint32_t wide, uint32_t half_open_max)
{
	struct pps_flow_table_params params = {
		.name = "test",
		.flows = flows,
		.wide = wide,
		.half_open_max = half_open_max,
		.socket = -1,
	};
	struct pps_flow_table *table = pps_flow_table_create(&params);

	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	return table;
}

static enum pps_reason room6(
	struct pps_flow_table *table, uint64_t prefix, uint32_t reuse, uint32_t *ret_replace)
{
	struct pps_flow_key key = key6_of(prefix, 9999);
	struct pps_flow_source source = source_of(table, &key);

	return pps_flow_room(table, &source, reuse, 10, ret_replace);
}

static uint32_t begin6(struct pps_flow_table *table, uint64_t prefix, uint32_t now)
{
	struct pps_flow_key key = key6_of(prefix, 1);

	return begin_key(table, &key, 1, now);
}

static void wide_flows_have_a_bound_of_their_own(void)
{
	struct pps_flow_table *table = create_wide(64, 4, 32);
	struct pps_flow_key key = key6_of(4, 1);
	uint32_t handles[4], replace;

	CU_ASSERT_EQUAL(pps_flow_capacity_wide(table), 4);
	for (uint32_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(room6(table, 9, PPS_FLOW_NONE, &replace), PPS_REASON_NONE);
		CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
		handles[i] = begin6(table, i, i);
		establish(table, handles[i]);
	}
	CU_ASSERT_EQUAL(pps_flow_count_wide(table), 4);
	CU_ASSERT_EQUAL(pps_flow_add(table, &key, pps_flow_hash(table, &key)), PPS_FLOW_NONE);
	/* A plain half-open one would not make room. */
	begin(table, 1, 1, 1, 0);
	CU_ASSERT_EQUAL(room6(table, 9, PPS_FLOW_NONE, &replace), PPS_REASON_FLOW_TABLE_FULL);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(room(table, 9, PPS_FLOW_NONE, 10, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	/* One that ends for it does. */
	CU_ASSERT_EQUAL(room6(table, 9, handles[0], &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	pps_flow_remove(table, handles[2]);
	CU_ASSERT_EQUAL(pps_flow_count_wide(table), 3);
	CU_ASSERT_EQUAL(room6(table, 9, PPS_FLOW_NONE, &replace), PPS_REASON_NONE);
	pps_flow_table_destroy(table);
}

static void too_many_wide_flows_take_the_place_of_the_oldest_wide_one(void)
{
	struct pps_flow_table *table = create_wide(64, 4, 32);
	uint32_t handles[4], replace;

	begin(table, 1, 1, 1, 0);
	for (uint32_t i = 0; i < 4; i++)
		handles[i] = begin6(table, i, i + 1);
	establish(table, handles[0]);
	CU_ASSERT_EQUAL(room6(table, 9, PPS_FLOW_NONE, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, handles[1]);
	pps_flow_remove(table, handles[1]);
	begin6(table, 9, 10);
	CU_ASSERT_EQUAL(room6(table, 10, PPS_FLOW_NONE, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, handles[2]);
	pps_flow_table_destroy(table);
}

static void the_oldest_of_all_gives_way_whatever_its_key(void)
{
	struct pps_flow_table *table = create_wide(64, 32, 4);
	uint32_t handles[4], replace;

	/* Ticks go over their end, and two flows begin in one. */
	handles[0] = begin6(table, 0, UINT32_MAX);
	handles[1] = begin(table, 1, 1, 1, 1);
	handles[2] = begin6(table, 2, 1);
	handles[3] = begin(table, 3, 1, 1, 2);
	for (unsigned int i = 0; i < 4; i++) {
		if (i > 0)
			begin6(table, 20 + i, 3 + i);
		CU_ASSERT_EQUAL(room(table, 9, PPS_FLOW_NONE, 10, &replace), PPS_REASON_NONE);
		CU_ASSERT_EQUAL(replace, handles[i]);
		CU_ASSERT_EQUAL(room6(table, 9, PPS_FLOW_NONE, &replace), PPS_REASON_NONE);
		CU_ASSERT_EQUAL(replace, handles[i]);
		pps_flow_remove(table, handles[i]);
	}
	pps_flow_table_destroy(table);
}

/* Tables are laid out in powers of two: a million is to 2^20 as 16 million is to 2^24. */
static size_t memory_of_each(uint32_t flows, uint32_t wide, uint32_t half_open_max)
{
	struct pps_flow_table *table = create_wide(flows, wide, half_open_max);
	size_t memory = pps_flow_memory(table);

	pps_flow_table_destroy(table);
	return memory / flows;
}

/* What does not grow is 2 bytes of each of a million: of more they take less than 267. */
static void sixteen_million_flows_fit_in_four_gibibytes(void)
{
	CU_ASSERT_EQUAL(memory_of_each(1000000, 250000, 62500), 268);
	CU_ASSERT_TRUE(267 * UINT64_C(16000000) < UINT64_C(4) << 30);
	CU_ASSERT_EQUAL(memory_of_each(1000000, 125000, 62500), 243);
	CU_ASSERT_EQUAL(memory_of_each(524288, 0, 0), 430);
}

static void a_flow_that_ends_for_the_new_one_is_its_room(void)
{
	struct pps_flow_table *table = create(2, 2, 1);
	uint32_t a = begin(table, 1, 1, 1, 0), b = begin(table, 2, 1, 1, 0), replace;

	establish(table, b);
	CU_ASSERT_EQUAL(room(table, 3, b, 0, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	/* It frees the share of its own source alone. */
	CU_ASSERT_EQUAL(room(table, 1, b, 0, &replace), PPS_REASON_HALF_OPEN_SOURCE);
	CU_ASSERT_EQUAL(room(table, 1, a, 0, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	pps_flow_table_destroy(table);
}

static void nothing_is_replaced_for_a_flow_that_takes_a_half_open_ones_place(void)
{
	struct pps_flow_table *table = create(64, 2, 2);
	uint32_t a = begin(table, 1, 1, 1, 0), replace;

	begin(table, 2, 1, 1, 0);
	CU_ASSERT_EQUAL(room(table, 3, a, 0, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(room(table, 3, PPS_FLOW_NONE, 0, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, a);
	pps_flow_table_destroy(table);
}

/* ---- shares ---- */

static void a_source_waits_while_its_flows_are_young(void)
{
	struct pps_flow_table *table = create(64, 32, 2);
	uint32_t replace;

	begin(table, 7, 1, 1, 100);
	begin(table, 7, 2, 1, 200);
	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, 200, &replace), PPS_REASON_HALF_OPEN_SOURCE);
	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, 100 + GRACE - 1, &replace),
		PPS_REASON_HALF_OPEN_SOURCE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(room(table, 8, PPS_FLOW_NONE, 200, &replace), PPS_REASON_NONE);
	pps_flow_table_destroy(table);
}

static void after_its_grace_a_sources_own_oldest_is_replaced(void)
{
	struct pps_flow_table *table = create(64, 32, 2);
	uint32_t older, replace;

	begin(table, 3, 1, 1, 0); /* the oldest of all is another's */
	older = begin(table, 7, 1, 1, 100);
	begin(table, 7, 2, 1, 200);
	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, 100 + GRACE, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, older);
	pps_flow_table_destroy(table);
}

static void the_grace_survives_the_end_of_the_ticks(void)
{
	struct pps_flow_table *table = create(64, 32, 1);
	uint32_t handle = begin(table, 7, 1, 1, UINT32_MAX - 10), replace;

	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, 10, &replace), PPS_REASON_HALF_OPEN_SOURCE);
	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, GRACE, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, handle);
	/* Explain may come with a tick from before. */
	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, UINT32_MAX - 20, &replace),
		PPS_REASON_HALF_OPEN_SOURCE);
	pps_flow_table_destroy(table);
}

static void an_established_flow_gives_its_share_back(void)
{
	struct pps_flow_table *table = create(64, 32, 1);
	uint32_t replace;

	establish(table, begin(table, 7, 1, 1, 0));
	CU_ASSERT_EQUAL(room(table, 7, PPS_FLOW_NONE, 0, &replace), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	pps_flow_table_destroy(table);
}

/* ---- sizes ---- */

static void the_defaults_are_half_the_table_and_a_quarter_of_that(void)
{
	static const struct {
		uint32_t flows, max, per_source;
	} cases[] = {
		{1, 1, 1},
		{2, 1, 1},
		{100, 50, 50},
		{1024, 512, 512},
		{8192, 4096, 2048},
		{65536, 32768, 8192},
		{1048576, 524288, 131072},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		uint32_t max = pps_flow_half_open_max_default(cases[i].flows);

		CU_ASSERT_EQUAL(max, cases[i].max);
		CU_ASSERT_EQUAL(pps_flow_half_open_share_default(max), cases[i].per_source);
	}
}

static void a_table_has_the_bounds_it_was_given(void)
{
	struct pps_flow_table *table = create(1000, 100, 10);

	CU_ASSERT_EQUAL(pps_flow_half_open_max(table), 100);
	CU_ASSERT_EQUAL(pps_flow_half_open_per_source(table), 10);
	pps_flow_table_destroy(table);
	table = create(1000, 0, 0);
	CU_ASSERT_EQUAL(pps_flow_half_open_max(table), 500);
	CU_ASSERT_EQUAL(pps_flow_half_open_per_source(table), 500);
	pps_flow_table_destroy(table);
	table = create(1000, 10, 0);
	CU_ASSERT_EQUAL(pps_flow_half_open_per_source(table), 10);
	pps_flow_table_destroy(table);
}

static void bounds_beyond_the_table_are_refused(void)
{
	struct pps_flow_table_params params = {
		.name = "test", .flows = 100, .half_open_max = 101, .socket = -1};

	CU_ASSERT_PTR_NULL(pps_flow_table_create(&params));
	CU_ASSERT_EQUAL(errno, EINVAL);
	params.half_open_max = 50;
	params.half_open_per_source = 51;
	CU_ASSERT_PTR_NULL(pps_flow_table_create(&params));
	CU_ASSERT_EQUAL(errno, EINVAL);
}

/* ---- at random, against a slow and obvious count ---- */

#define HOSTS 40
#define RULES 6

struct model_flow {
	uint32_t handle;
	uint8_t host, slot;
	bool live, half_open, by_source;
	uint64_t begun; /* order */
};

static void compare(struct pps_flow_table *table, const struct model_flow *flows, unsigned int n)
{
	uint32_t rules[RULES + 1] = {0}, sources[RULES + 1][HOSTS] = {{0}}, half[HOSTS] = {0};
	uint32_t oldest = PPS_FLOW_NONE, n_half = 0;
	uint64_t begun = UINT64_MAX;

	for (unsigned int i = 0; i < n; i++) {
		if (!flows[i].live)
			continue;
		rules[flows[i].slot]++;
		sources[flows[i].slot][flows[i].host] += flows[i].by_source;
		half[flows[i].host] += flows[i].half_open;
		n_half += flows[i].half_open;
		if (flows[i].half_open && flows[i].begun < begun) {
			begun = flows[i].begun;
			oldest = flows[i].handle;
		}
	}
	CU_ASSERT_EQUAL_FATAL(pps_flow_count_half_open(table), n_half);
	if (n_half > 0)
		CU_ASSERT_EQUAL_FATAL(
			table->half_open.records[table->half_open.oldest[0]].handle, oldest);
	for (uint32_t slot = 1; slot <= RULES; slot++) {
		CU_ASSERT_EQUAL_FATAL(pps_flow_count_rule(table, slot), rules[slot]);
		for (uint32_t host = 0; host < HOSTS; host++)
			CU_ASSERT_EQUAL_FATAL(
				of_rule_source(table, slot, host), sources[slot][host]);
	}
	for (uint32_t host = 0; host < HOSTS; host++)
		CU_ASSERT_EQUAL_FATAL(half_open_of(table, host), half[host]);
}

static void counts_are_exact_whatever_happens(void)
{
	enum { N = 200, STEPS = 20000 };
	struct pps_flow_table *table = create(N, N, N);
	struct model_flow flows[N] = {{0}};

	srand(20260101);
	for (uint64_t step = 0; step < STEPS; step++) {
		unsigned int i = (unsigned int)rand() % N;
		struct model_flow *flow = &flows[i];
		struct pps_flow_key key = key_of(flow->host, (uint16_t)i);
		struct pps_flow_source source;

		if (!flow->live) {
			*flow = (struct model_flow){.host = (uint8_t)(rand() % HOSTS),
				.slot = (uint8_t)(1 + rand() % RULES),
				.live = true,
				.half_open = true,
				.by_source = true,
				.begun = step};
			flow->handle = begin(table, flow->host, (uint16_t)i, flow->slot, 0);
		} else if (rand() % 3 == 0) {
			pps_flow_remove(table, flow->handle);
			flow->live = false;
		} else if (rand() % 2 == 0) {
			establish(table, flow->handle);
			flow->half_open = false;
		} else {
			source = source_of(table, &key);
			flow->slot = (uint8_t)(1 + rand() % RULES);
			flow->by_source = rand() % 2 == 0;
			pps_flow_bind(
				table, flow->handle, flow->slot, flow->by_source ? &source : NULL);
		}
		if (step % 100 == 0)
			compare(table, flows, N);
	}
	compare(table, flows, N);
	for (unsigned int i = 0; i < N; i++) {
		if (flows[i].live)
			pps_flow_remove(table, flows[i].handle);
	}
	expect_nothing_counted(table);
	pps_flow_table_destroy(table);
}

static const struct unit_test tests[] = {
	UNIT_TEST(wide_flows_have_a_bound_of_their_own),
	UNIT_TEST(too_many_wide_flows_take_the_place_of_the_oldest_wide_one),
	UNIT_TEST(the_oldest_of_all_gives_way_whatever_its_key),
	UNIT_TEST(sixteen_million_flows_fit_in_four_gibibytes),
	UNIT_TEST(an_ipv4_source_is_its_address),
	UNIT_TEST(an_ipv6_source_is_its_first_64_bits),
	UNIT_TEST(an_ipv4_source_behind_two_tags_is_the_same),
	UNIT_TEST(the_same_bytes_in_two_families_are_two_sources),
	UNIT_TEST(the_source_is_the_side_that_began),
	UNIT_TEST(nobody_outside_can_foresee_the_hash_of_a_source),
	UNIT_TEST(a_counter_lives_while_it_counts),
	UNIT_TEST(there_is_a_counter_for_every_flow_there_can_be),
	UNIT_TEST(chains_survive_the_removal_of_any_link),
	UNIT_TEST(a_bound_flow_is_counted_under_its_rule),
	UNIT_TEST(binding_to_another_rule_moves_the_counts),
	UNIT_TEST(binding_to_the_same_rule_again_changes_nothing),
	UNIT_TEST(a_rule_that_does_not_limit_sources_counts_none),
	UNIT_TEST(a_flow_that_was_never_bound_is_counted_nowhere),
	UNIT_TEST(the_highest_slot_is_counted),
	UNIT_TEST(a_flow_knows_whether_it_is_of_a_source_under_a_rule),
	UNIT_TEST(each_state_is_half_open_or_has_proven_itself),
	UNIT_TEST(a_flow_that_begins_established_is_not_half_open),
	UNIT_TEST(a_flow_leaves_the_half_open_once),
	UNIT_TEST(an_established_flow_that_closes_is_not_half_open_again),
	UNIT_TEST(there_is_room_in_an_empty_table),
	UNIT_TEST(the_oldest_is_replaced_when_half_open_flows_are_at_their_number),
	UNIT_TEST(age_is_age_since_the_beginning),
	UNIT_TEST(any_half_open_flow_may_leave_the_line),
	UNIT_TEST(established_flows_are_never_named_for_replacement),
	UNIT_TEST(a_flow_that_ends_for_the_new_one_is_its_room),
	UNIT_TEST(nothing_is_replaced_for_a_flow_that_takes_a_half_open_ones_place),
	UNIT_TEST(a_source_waits_while_its_flows_are_young),
	UNIT_TEST(after_its_grace_a_sources_own_oldest_is_replaced),
	UNIT_TEST(the_grace_survives_the_end_of_the_ticks),
	UNIT_TEST(an_established_flow_gives_its_share_back),
	UNIT_TEST(the_defaults_are_half_the_table_and_a_quarter_of_that),
	UNIT_TEST(a_table_has_the_bounds_it_was_given),
	UNIT_TEST(bounds_beyond_the_table_are_refused),
	UNIT_TEST(counts_are_exact_whatever_happens),
};

int main(void)
{
	unit_eal_init(MEGABYTES);
	return unit_run("flow_counts", tests, UNIT_COUNT(tests));
}
