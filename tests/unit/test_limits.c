/* SPDX-License-Identifier: BSD-3-Clause */

/* Limits of rules, where scenarios cannot reach: ticks that end, rates beyond 32 bits. */

#include <string.h>

#include "../../lib/filter/filter_priv.h"
#include "../../lib/flow/flow_ledger.h"
#include "unit.h"

#define MEGABYTES 64
#define SLOT      7

struct bench {
	struct pps_flow_table *flows;
	struct pps_worker_stats *stats;
	struct pps_filter *filter;
	struct pps_ruleset_rule rule;
	struct pps_flow_source source;
	struct pps_flow_key key;
};

static struct bench set_up(uint32_t rate)
{
	struct pps_flow_table_params table = {.name = "test", .flows = 64, .socket = -1};
	struct pps_filter_params params;
	struct bench bench = {.rule = {.slot = SLOT, .limits.new_flows_per_second = rate}};

	bench.flows = pps_flow_table_create(&table);
	bench.stats = pps_worker_stats_create();
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench.flows);
	params = (struct pps_filter_params){.flows = bench.flows, .stats = bench.stats};
	bench.filter = pps_filter_create(&params);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench.filter);
	pps_flow_source_of(bench.flows, &bench.key, PPS_SIDE_OUTSIDE, &bench.source);
	return bench;
}

static void take_down(struct bench *bench)
{
	pps_filter_destroy(bench->filter);
	pps_flow_table_destroy(bench->flows);
	pps_worker_stats_destroy(bench->stats);
}

static enum pps_reason check(struct bench *bench, uint32_t tick)
{
	return limits_check(bench->filter, &bench->rule, &bench->source, PPS_FLOW_NONE, tick);
}

/* Begins a flow under the rule and forgets it: what the rate has given stays given. */
static void begin_one(struct bench *bench, uint32_t tick)
{
	uint32_t hash = pps_flow_hash(bench->flows, &bench->key);
	uint32_t handle = pps_flow_add(bench->flows, &bench->key, hash);

	CU_ASSERT_EQUAL_FATAL(pps_flow_bind_new(bench->flows, handle, bench->rule.slot,
				      &bench->rule.limits, &bench->source, tick),
		PPS_REASON_NONE);
	pps_flow_remove(bench->flows, handle);
}

static uint64_t spent(const struct bench *bench)
{
	return bench->flows->ledger->rates[SLOT].spent;
}

/* How many flows begin, one after the other, at this tick; at most 'most'. */
static uint32_t begin_all(struct bench *bench, uint32_t tick, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && check(bench, tick) == PPS_REASON_NONE) {
		begin_one(bench, tick);
		n++;
	}
	return n;
}

static void a_rule_without_limits_is_never_at_one(void)
{
	struct bench bench = set_up(0);

	CU_ASSERT_EQUAL(begin_all(&bench, 0, 100000), 100000);
	take_down(&bench);
}

static void a_bucket_is_full_at_first(void)
{
	static const uint32_t ticks[] = {0, 1, 12345, 0x7fffffff, 0x80000000, UINT32_MAX};

	for (size_t i = 0; i < UNIT_COUNT(ticks); i++) {
		struct bench bench = set_up(5);

		CU_ASSERT_EQUAL(begin_all(&bench, ticks[i], 100), 5);
		take_down(&bench);
	}
}

static void a_bucket_fills_by_the_millisecond(void)
{
	struct bench bench = set_up(1000);

	CU_ASSERT_EQUAL(begin_all(&bench, 0, 5000), 1000);
	for (uint32_t ms = 1; ms < 50; ms++)
		CU_ASSERT_EQUAL(begin_all(&bench, ms, 5000), 1);
	CU_ASSERT_EQUAL(begin_all(&bench, 149, 5000), 100);
	CU_ASSERT_EQUAL(begin_all(&bench, 20000, 5000), 1000);
	take_down(&bench);
}

static void slow_rates_lose_no_fraction(void)
{
	struct bench bench = set_up(3);
	uint32_t n = 0;

	CU_ASSERT_EQUAL(begin_all(&bench, 0, 100), 3);
	for (uint32_t ms = 1; ms <= 100000; ms++)
		n += begin_all(&bench, ms, 100);
	CU_ASSERT_EQUAL(n, 300);
	take_down(&bench);
}

static void checking_takes_nothing(void)
{
	struct bench bench = set_up(1);

	for (int i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(check(&bench, 5), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(begin_all(&bench, 5, 10), 1);
	CU_ASSERT_EQUAL(check(&bench, 5), PPS_REASON_LIMIT_RATE);
	take_down(&bench);
}

static void the_end_of_the_ticks_is_no_end_of_time(void)
{
	struct bench bench = set_up(10);

	CU_ASSERT_EQUAL(begin_all(&bench, UINT32_MAX - 49, 100), 10);
	CU_ASSERT_EQUAL(begin_all(&bench, 49, 100), 0);
	CU_ASSERT_EQUAL(begin_all(&bench, 50, 100), 1);
	take_down(&bench);
}

static void a_rule_that_rested_for_months_has_a_full_bucket(void)
{
	struct bench bench = set_up(10);
	uint32_t tick = 100;

	CU_ASSERT_EQUAL(begin_all(&bench, tick, 100), 10);
	/* Four whole rounds of the ticks and 5 ms. */
	for (int day = 0; day < 4 * 50; day++)
		pps_flow_tick(bench.flows, tick += 85899346);
	tick = 105;
	pps_flow_tick(bench.flows, tick);
	CU_ASSERT_EQUAL(begin_all(&bench, tick, 100), 10);
	take_down(&bench);
}

static void time_does_not_run_back(void)
{
	struct bench bench = set_up(10);

	pps_flow_tick(bench.flows, 5000);
	CU_ASSERT_EQUAL(begin_all(&bench, 5000, 100), 10);
	/* Explain may come with a tick from before. */
	CU_ASSERT_EQUAL(check(&bench, 4000), PPS_REASON_LIMIT_RATE);
	pps_flow_tick(bench.flows, 4000);
	CU_ASSERT_EQUAL(begin_all(&bench, 5000, 100), 0);
	CU_ASSERT_EQUAL(begin_all(&bench, 5100, 100), 1);
	take_down(&bench);
}

static void the_highest_rate_does_not_overflow(void)
{
	struct bench bench = set_up(PPS_LIMIT_MAX);

	CU_ASSERT_EQUAL(begin_all(&bench, 0, 3000000), 3000000);
	CU_ASSERT_EQUAL(spent(&bench), 3000000000u);
	CU_ASSERT_EQUAL(begin_all(&bench, 0x70000000, 1), 1);
	CU_ASSERT_EQUAL(spent(&bench), 1000);
	take_down(&bench);
}

static void a_rate_that_is_lowered_holds_at_once(void)
{
	struct bench bench = set_up(1000);

	CU_ASSERT_EQUAL(begin_all(&bench, 0, 500), 500);
	bench.rule.limits.new_flows_per_second = 100;
	CU_ASSERT_EQUAL(begin_all(&bench, 0, 500), 0);
	/* What was spent is made good at the new rate, until a second's worth is not missing. */
	CU_ASSERT_EQUAL(begin_all(&bench, 4000, 500), 0);
	CU_ASSERT_EQUAL(begin_all(&bench, 4010, 500), 1);
	take_down(&bench);
}

static void slots_have_buckets_of_their_own(void)
{
	struct bench bench = set_up(2);

	CU_ASSERT_EQUAL(begin_all(&bench, 0, 10), 2);
	bench.rule.slot = PPS_RULE_SLOTS - 1;
	CU_ASSERT_EQUAL(begin_all(&bench, 0, 10), 2);
	bench.rule.slot = SLOT;
	CU_ASSERT_EQUAL(begin_all(&bench, 0, 10), 0);
	take_down(&bench);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_rule_without_limits_is_never_at_one),
	UNIT_TEST(a_bucket_is_full_at_first),
	UNIT_TEST(a_bucket_fills_by_the_millisecond),
	UNIT_TEST(slow_rates_lose_no_fraction),
	UNIT_TEST(checking_takes_nothing),
	UNIT_TEST(the_end_of_the_ticks_is_no_end_of_time),
	UNIT_TEST(a_rule_that_rested_for_months_has_a_full_bucket),
	UNIT_TEST(time_does_not_run_back),
	UNIT_TEST(the_highest_rate_does_not_overflow),
	UNIT_TEST(a_rate_that_is_lowered_holds_at_once),
	UNIT_TEST(slots_have_buckets_of_their_own),
};

int main(void)
{
	unit_eal_init(MEGABYTES);
	return unit_run("limits", tests, UNIT_COUNT(tests));
}
