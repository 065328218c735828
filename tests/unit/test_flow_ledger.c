/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Flow tables that share a ledger: what is counted over all of them, also while their workers begin
 * and end flows at the same time. Threads stand for workers.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/flow/flow_ledger.h"
#include "unit.h"

#define MEGABYTES 128
#define TABLES    4
#define FLOWS     1024
#define SLOT      7
#define SHARE     20

struct bench {
	struct pps_flow_ledger *ledger;
	struct pps_flow_table *tables[TABLES];
};

static struct bench set_up(void)
{
	const struct pps_flow_ledger_params params = {
		.n_tables = TABLES, .flows = FLOWS, .socket = -1};
	struct bench bench = {.ledger = pps_flow_ledger_create(&params)};

	CU_ASSERT_PTR_NOT_NULL_FATAL(bench.ledger);
	for (unsigned int i = 0; i < TABLES; i++) {
		char name[16];
		const struct pps_flow_table_params table = {
			.name = name,
			.flows = FLOWS,
			.half_open_per_source = SHARE,
			.socket = -1,
			.ledger = bench.ledger,
			.index = i,
		};

		snprintf(name, sizeof(name), "ledger%u", i);
		bench.tables[i] = pps_flow_table_create(&table);
		CU_ASSERT_PTR_NOT_NULL_FATAL(bench.tables[i]);
	}
	return bench;
}

static void take_down(struct bench *bench)
{
	for (unsigned int i = 0; i < TABLES; i++)
		pps_flow_table_destroy(bench->tables[i]);
	for (uint32_t i = 0; i <= bench->ledger->mask; i++)
		CU_ASSERT_EQUAL(bench->ledger->buckets[i], 0);
	pps_flow_ledger_destroy(bench->ledger);
}

/* Flow 'number' of the source 10.0.0.<source>. */
static struct pps_flow_key make_key(uint8_t source, uint32_t number)
{
	struct pps_flow_key key;

	memset(&key, 0, sizeof(key));
	key.v4.outside[0] = 10;
	key.v4.outside[3] = source;
	memcpy(key.v4.inside, &number, sizeof(number));
	key.v4.protocol = PPS_IP_UDP;
	return key;
}

static uint32_t add(struct pps_flow_table *table, uint8_t source, uint32_t number,
	struct pps_flow_source *ret_source)
{
	struct pps_flow_key key = make_key(source, number);
	uint32_t handle = pps_flow_add(table, &key, pps_flow_hash(table, &key));

	pps_flow_source_of(table, &key, PPS_SIDE_OUTSIDE, ret_source);
	if (handle != PPS_FLOW_NONE)
		pps_flow_at(table, handle)->initiator = PPS_SIDE_OUTSIDE;
	return handle;
}

/* Begins a flow; the handle, or PPS_FLOW_NONE and the reason. */
static uint32_t begin(struct pps_flow_table *table, const struct pps_limits *limits, uint8_t source,
	uint32_t number, enum pps_reason *ret_reason)
{
	struct pps_flow_source of;
	uint32_t handle = add(table, source, number, &of);

	CU_ASSERT_NOT_EQUAL_FATAL(handle, PPS_FLOW_NONE);
	*ret_reason = pps_flow_bind_new(table, handle, SLOT, limits, &of, 0);
	if (*ret_reason == PPS_REASON_NONE)
		return handle;
	pps_flow_remove(table, handle);
	return PPS_FLOW_NONE;
}

static void a_limit_holds_over_all_tables(void)
{
	const struct pps_limits limits = {.flows = 10, .flows_per_source = 4};
	struct bench bench = set_up();
	enum pps_reason reason;
	uint32_t handles[10];

	for (uint32_t i = 0; i < 10; i++) {
		handles[i] = begin(bench.tables[i % TABLES], &limits, (uint8_t)(i / 4), i, &reason);
		CU_ASSERT_EQUAL(reason, PPS_REASON_NONE);
		if (i == 3) {
			begin(bench.tables[2], &limits, 0, 100, &reason);
			CU_ASSERT_EQUAL(reason, PPS_REASON_LIMIT_SOURCE);
		}
	}
	for (unsigned int i = 0; i < TABLES; i++) {
		CU_ASSERT_EQUAL(pps_flow_count_rule(bench.tables[i], SLOT), 10);
		begin(bench.tables[i], &limits, 9, 100, &reason);
		CU_ASSERT_EQUAL(reason, PPS_REASON_LIMIT_FLOWS);
	}
	/* One that ends on one table makes room on another. */
	pps_flow_remove(bench.tables[1], handles[1]);
	handles[1] = begin(bench.tables[3], &limits, 0, 101, &reason);
	CU_ASSERT_EQUAL(reason, PPS_REASON_NONE);
	CU_ASSERT_EQUAL(pps_flow_count_rule(bench.tables[0], SLOT), 10);
	pps_flow_remove(bench.tables[3], handles[1]);
	for (uint32_t i = 0; i < 10; i++) {
		if (i != 1)
			pps_flow_remove(bench.tables[i % TABLES], handles[i]);
	}
	CU_ASSERT_EQUAL(pps_flow_count_rule(bench.tables[0], SLOT), 0);
	take_down(&bench);
}

static void a_source_has_one_count_whichever_table_asks(void)
{
	struct bench bench = set_up();
	struct pps_flow_source a, b;

	for (uint32_t i = 0; i < 6; i++) {
		uint32_t handle = add(bench.tables[i % 3], 1, i, &a);

		pps_flow_bind(bench.tables[i % 3], handle, SLOT, &a);
	}
	for (unsigned int i = 0; i < TABLES; i++) {
		struct pps_flow_key key = make_key(1, 0), other = make_key(2, 0);

		pps_flow_source_of(bench.tables[i], &key, PPS_SIDE_OUTSIDE, &a);
		pps_flow_source_of(bench.tables[i], &other, PPS_SIDE_OUTSIDE, &b);
		CU_ASSERT_EQUAL(pps_flow_count_rule_source(bench.tables[i], SLOT, &a), 6);
		CU_ASSERT_EQUAL(pps_flow_count_rule_source(bench.tables[i], SLOT + 1, &a), 0);
		CU_ASSERT_EQUAL(pps_flow_count_rule_source(bench.tables[i], SLOT, &b), 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		uint32_t cursor = 0, handles[2];

		do {
			unsigned int n = pps_flow_walk(bench.tables[i], &cursor, 2, handles);

			while (n > 0)
				pps_flow_remove(bench.tables[i], handles[--n]);
		} while (cursor != 0);
	}
	take_down(&bench);
}

/* Half-open flows of one source on one table; they stay. */
static void fill(struct pps_flow_table *table, uint32_t first, uint32_t n, uint32_t now)
{
	struct pps_flow_source source;

	for (uint32_t i = first; i < first + n; i++) {
		uint32_t handle = add(table, 1, i, &source);

		pps_flow_at(table, handle)->state = PPS_FLOW_UDP_SINGLE;
		pps_flow_enter(table, handle, &source, now);
	}
}

static void the_share_of_half_open_flows_is_of_all_tables(void)
{
	struct bench bench = set_up();
	struct pps_flow_key key = make_key(1, 0);
	struct pps_flow_source source;
	uint32_t replace;

	fill(bench.tables[0], 0, SHARE / 2, 0);
	fill(bench.tables[1], 100, SHARE / 2 - 1, 0);
	pps_flow_source_of(bench.tables[2], &key, PPS_SIDE_OUTSIDE, &source);
	CU_ASSERT_EQUAL(pps_flow_room(bench.tables[2], &source, PPS_FLOW_NONE, 5000, &replace),
		PPS_REASON_NONE);
	CU_ASSERT_EQUAL(replace, PPS_FLOW_NONE);
	fill(bench.tables[1], 200, 1, 0);
	/* Its own oldest gives way, on a table that has one of the source; elsewhere it waits. */
	CU_ASSERT_EQUAL(pps_flow_room(bench.tables[2], &source, PPS_FLOW_NONE, 5000, &replace),
		PPS_REASON_HALF_OPEN_SOURCE);
	CU_ASSERT_EQUAL(pps_flow_room(bench.tables[1], &source, PPS_FLOW_NONE, 5000, &replace),
		PPS_REASON_NONE);
	CU_ASSERT_NOT_EQUAL_FATAL(replace, PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(pps_flow_room(bench.tables[1], &source, PPS_FLOW_NONE, 500, &replace),
		PPS_REASON_HALF_OPEN_SOURCE);
	CU_ASSERT_EQUAL(pps_flow_count_half_open_source(bench.tables[3], &source), SHARE);
	CU_ASSERT_EQUAL(pps_flow_count_half_open(bench.tables[0]), SHARE / 2);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t cursor = 0, handles[PPS_FLOW_BURST_MAX];

		do {
			unsigned int n = pps_flow_walk(
				bench.tables[i], &cursor, PPS_FLOW_BURST_MAX, handles);

			while (n > 0)
				pps_flow_remove(bench.tables[i], handles[--n]);
		} while (cursor != 0);
	}
	take_down(&bench);
}

static void a_ledger_has_room_for_its_tables_alone(void)
{
	const struct pps_flow_ledger_params params = {.n_tables = 2, .flows = 64, .socket = -1};
	struct pps_flow_ledger_params bad = params;
	struct pps_flow_table_params table = {.name = "odd", .flows = 64, .socket = -1};

	table.ledger = pps_flow_ledger_create(&params);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table.ledger);
	table.index = 2;
	CU_ASSERT_PTR_NULL(pps_flow_table_create(&table));
	table.index = 1;
	table.flows = 65;
	CU_ASSERT_PTR_NULL(pps_flow_table_create(&table));
	pps_flow_ledger_destroy(table.ledger);
	bad.n_tables = 0;
	CU_ASSERT_PTR_NULL(pps_flow_ledger_create(&bad));
	bad.n_tables = PPS_FLOW_TABLES_MAX + 1;
	CU_ASSERT_PTR_NULL(pps_flow_ledger_create(&bad));
	bad = params;
	bad.half_open_max = 65;
	CU_ASSERT_PTR_NULL(pps_flow_ledger_create(&bad));
}

/* ---- all at once ---- */

#define ROUNDS 50000
#define HELD   32 /* flows one thread holds at a time, at most */

struct runner {
	pthread_t thread;
	pthread_barrier_t *start; /* of all at once */
	struct pps_flow_table *table;
	struct pps_limits limits;
	atomic_uint *live, *of_source; /* begun and not ended, as far as the test knows */
	unsigned int index, n_begun, n_wrong;
	bool keeps; /* ends none */
};

/* EAL has bound the first thread to one CPU, and others begin where it is. */
static void spread_out(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

static void end(struct runner *runner, uint32_t handle, uint8_t source)
{
	atomic_fetch_sub(&runner->of_source[source], 1);
	atomic_fetch_sub(runner->live, 1);
	pps_flow_remove(runner->table, handle);
}

/* Flows begin and end. What was begun is counted here after it, and before it ends: that must never
 * be more than the limits. */
static void *run(void *aux)
{
	struct runner *runner = aux;
	uint32_t held[HELD], random = runner->index + 1;
	uint8_t sources[HELD], source;
	enum pps_reason reason;
	unsigned int n = 0;

	spread_out();
	pthread_barrier_wait(runner->start);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		random = random * 1664525 + 1013904223;
		if (n == HELD || (!runner->keeps && n > 0 && random >> 31)) {
			n--;
			end(runner, held[n], sources[n]);
			continue;
		}
		source = random >> 24 & 3;
		held[n] = begin(runner->table, &runner->limits, source, i, &reason);
		if (reason != PPS_REASON_NONE)
			continue;
		runner->n_begun++;
		sources[n++] = source;
		runner->n_wrong += atomic_fetch_add(runner->live, 1) >= runner->limits.flows;
		runner->n_wrong += atomic_fetch_add(&runner->of_source[source], 1) >=
			runner->limits.flows_per_source;
	}
	for (; !runner->keeps && n > 0; n--)
		end(runner, held[n - 1], sources[n - 1]);
	return NULL;
}

static unsigned int run_all(struct bench *bench, const struct pps_limits *limits, bool keeps)
{
	struct runner runners[TABLES];
	atomic_uint live = 0, of_source[4] = {0};
	pthread_barrier_t start;
	unsigned int n_begun = 0;

	pthread_barrier_init(&start, NULL, TABLES);
	for (unsigned int i = 0; i < TABLES; i++) {
		runners[i] = (struct runner){.start = &start,
			.table = bench->tables[i],
			.limits = *limits,
			.live = &live,
			.of_source = of_source,
			.index = i,
			.keeps = keeps};
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
	}
	for (unsigned int i = 0; i < TABLES; i++) {
		pthread_join(runners[i].thread, NULL);
		CU_ASSERT_EQUAL(runners[i].n_wrong, 0);
		n_begun += runners[i].n_begun;
	}
	pthread_barrier_destroy(&start);
	return n_begun;
}

static void limits_hold_while_all_tables_change(void)
{
	const struct pps_limits limits = {.flows = 40, .flows_per_source = 12};
	struct bench bench = set_up();

	CU_ASSERT(run_all(&bench, &limits, false) > limits.flows);
	CU_ASSERT_EQUAL(pps_flow_count_rule(bench.tables[0], SLOT), 0);
	take_down(&bench);
}

static void the_last_place_goes_to_one(void)
{
	const struct pps_limits limits = {.flows = 31, .flows_per_source = 1000000};

	for (unsigned int i = 0; i < 10; i++) {
		struct bench bench = set_up();

		CU_ASSERT_EQUAL(run_all(&bench, &limits, true), limits.flows);
		CU_ASSERT_EQUAL(pps_flow_count_rule(bench.tables[0], SLOT), limits.flows);
		for (unsigned int t = 0; t < TABLES; t++)
			pps_flow_table_destroy(bench.tables[t]);
		pps_flow_ledger_destroy(bench.ledger);
	}
}

static void a_rate_is_one_for_all_tables(void)
{
	const struct pps_limits limits = {
		.flows = 1000000, .flows_per_source = 1000000, .new_flows_per_second = 80000};

	for (unsigned int i = 0; i < 10; i++) {
		struct bench bench = set_up();

		/* At one moment, whoever asks how often. */
		CU_ASSERT_EQUAL(run_all(&bench, &limits, false), 80000);
		take_down(&bench);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_limit_holds_over_all_tables),
	UNIT_TEST(a_source_has_one_count_whichever_table_asks),
	UNIT_TEST(the_share_of_half_open_flows_is_of_all_tables),
	UNIT_TEST(a_ledger_has_room_for_its_tables_alone),
	UNIT_TEST(limits_hold_while_all_tables_change),
	UNIT_TEST(the_last_place_goes_to_one),
	UNIT_TEST(a_rate_is_one_for_all_tables),
};

int main(void)
{
	unit_eal_init(MEGABYTES);
	return unit_run("flow_ledger", tests, UNIT_COUNT(tests));
}
