/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_ledger.h"

/*
 * The ledger's life, flows by rule, and how fast they may begin. Counters by source are in
 * flow_sources.c.
 */

#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>

#define ONE_FLOW 1000u /* thousandths; new_flows_per_second of them flow in each millisecond */

static int init(struct pps_flow_ledger *ledger, const struct pps_flow_ledger_params *params)
{
	uint32_t half_open_max = params->half_open_max;
	uint32_t n_buckets;
	size_t n;
	int err;

	if (params->n_tables == 0 || params->n_tables > PPS_FLOW_TABLES_MAX || params->flows == 0 ||
		params->flows > PPS_FLOWS_MAX || half_open_max > params->flows)
		return -EINVAL;
	if (half_open_max == 0)
		half_open_max = pps_flow_half_open_max_default(params->flows);
	/* Every flow may hold one counter, every half-open one another, and one is taken before
	 * another is given back. Position 0 is none. */
	ledger->per_table = params->flows + half_open_max + 1;
	n = (size_t)ledger->per_table * params->n_tables;
	if (n >= UINT32_MAX / 2)
		return -EINVAL;
	n_buckets = rte_align32pow2((uint32_t)n);
	ledger->mask = n_buckets - 1;
	ledger->n_tables = params->n_tables;
	ledger->shared = params->n_tables > 1;
	ledger->counters = rte_zmalloc_socket("pps_flow_counters",
		(n + 1) * sizeof(*ledger->counters), PPS_CACHE_LINE, params->socket);
	ledger->buckets = rte_zmalloc_socket("pps_flow_sources",
		(size_t)n_buckets * sizeof(*ledger->buckets), PPS_CACHE_LINE, params->socket);
	ledger->rates = rte_zmalloc_socket("pps_flow_rates",
		PPS_RULE_SLOTS * sizeof(*ledger->rates), PPS_CACHE_LINE, params->socket);
	if (ledger->counters == NULL || ledger->buckets == NULL || ledger->rates == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < params->n_tables; i++) {
		ledger->by_rule[i] = rte_zmalloc_socket("pps_flow_rules",
			PPS_RULE_SLOTS * sizeof(*ledger->by_rule[i]), PPS_CACHE_LINE,
			params->socket);
		if (ledger->by_rule[i] == NULL)
			return -ENOMEM;
	}
	for (unsigned int i = 0; i < FLOW_LEDGER_LOCKS; i++) {
		rte_spinlock_init(&ledger->rule_locks[i]);
		rte_spinlock_init(&ledger->source_locks[i]);
	}
	err = pps_flow_hasher_init(&ledger->hasher);
	ledger->memory = sizeof(*ledger) + (n + 1) * sizeof(*ledger->counters) +
		(size_t)n_buckets * sizeof(*ledger->buckets) +
		PPS_RULE_SLOTS * (sizeof(*ledger->rates) + params->n_tables * sizeof(uint32_t));
	return err;
}

struct pps_flow_ledger *pps_flow_ledger_create(const struct pps_flow_ledger_params *params)
{
	struct pps_flow_ledger *ledger = rte_zmalloc_socket(
		"pps_flow_ledger", sizeof(*ledger), PPS_CACHE_LINE, params->socket);
	int err;

	if (ledger == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	err = init(ledger, params);
	if (err < 0) {
		pps_flow_ledger_destroy(ledger);
		errno = -err;
		return NULL;
	}
	return ledger;
}

void pps_flow_ledger_destroy(struct pps_flow_ledger *ledger)
{
	if (ledger == NULL)
		return;
	for (unsigned int i = 0; i < PPS_FLOW_TABLES_MAX; i++)
		rte_free(ledger->by_rule[i]);
	rte_free(ledger->rates);
	rte_free(ledger->buckets);
	rte_free(ledger->counters);
	/* Freed memory is reused as it is: the secret must not stay in it. */
	explicit_bzero(&ledger->hasher, sizeof(ledger->hasher));
	rte_free(ledger);
}

size_t pps_flow_ledger_memory(const struct pps_flow_ledger *ledger)
{
	return ledger->memory;
}

/* ---- flows by rule ---- */

static rte_spinlock_t *lock_of_rule(struct pps_flow_ledger *ledger, uint32_t slot)
{
	return &ledger->rule_locks[slot % FLOW_LEDGER_LOCKS];
}

static uint32_t sum_rule(const struct pps_flow_ledger *ledger, uint32_t slot)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < ledger->n_tables; i++)
		sum += __atomic_load_n(&ledger->by_rule[i][slot], __ATOMIC_RELAXED);
	return sum;
}

uint32_t pps_flow_count_rule(const struct pps_flow_table *table, uint32_t slot)
{
	return sum_rule(table->ledger, slot);
}

static void count_rule(struct pps_flow_table *table, uint32_t slot, uint32_t change)
{
	uint32_t *n = &table->ledger->by_rule[table->index][slot];

	__atomic_store_n(n, *n + change, __ATOMIC_RELAXED);
}

void pps_flow_bind(struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_flow_source *source)
{
	struct pps_flow_cold *cold = pps_flow_cold_at(table, handle);
	struct pps_flow *flow = pps_flow_at(table, handle);
	uint32_t counter = 0, n;

	/* Before the old one is dropped, which may be the same. */
	if (source != NULL)
		counter = pps_flow_sources_hold(table, slot, source, &n);
	pps_flow_unbind(table, handle);
	cold->source = counter;
	flow->rule = slot;
	flow->flags |= PPS_FLOW_BOUND;
	count_rule(table, slot, 1);
}

void pps_flow_unbind(struct pps_flow_table *table, uint32_t handle)
{
	struct pps_flow_cold *cold = pps_flow_cold_at(table, handle);
	struct pps_flow *flow = pps_flow_at(table, handle);

	if ((flow->flags & PPS_FLOW_BOUND) == 0)
		return;
	flow->flags &= (uint8_t)~PPS_FLOW_BOUND;
	count_rule(table, flow->rule, (uint32_t)-1);
	if (cold->source != 0)
		pps_flow_sources_drop(table, cold->source);
	cold->source = 0;
}

/* ---- rates ---- */

/* Ticks have an end, this has not. */
static uint64_t ms_at(const struct pps_flow_ledger *ledger, uint32_t tick)
{
	uint64_t was = __atomic_load_n(&ledger->now_ms, __ATOMIC_RELAXED);
	int32_t ahead = (int32_t)(tick - (uint32_t)was);

	if (was == 0)
		return tick;
	return ahead > 0 ? was + (uint32_t)ahead : was;
}

void pps_flow_tick(struct pps_flow_table *table, uint32_t tick)
{
	uint64_t was = __atomic_load_n(&table->ledger->now_ms, __ATOMIC_RELAXED);
	uint64_t now = ms_at(table->ledger, tick);

	/* Where another worker was quicker its time is as good. */
	if (now != was)
		__atomic_compare_exchange_n(&table->ledger->now_ms, &was, now, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* What is missing in the bucket now. */
static uint64_t spent_at(const struct flow_rate *bucket, uint32_t rate, uint64_t now_ms)
{
	uint64_t elapsed = now_ms > bucket->at_ms ? now_ms - bucket->at_ms : 0;
	uint64_t filled = elapsed > UINT32_MAX ? UINT64_MAX : elapsed * rate;

	return filled >= bucket->spent ? 0 : bucket->spent - filled;
}

/* Is there a flow in the bucket? Takes it if 'take'. */
static bool ask_rate(
	struct pps_flow_ledger *ledger, uint32_t slot, uint32_t rate, uint32_t tick, bool take)
{
	struct flow_rate *bucket = &ledger->rates[slot];
	uint64_t spent, now_ms = ms_at(ledger, tick);
	bool enough;

	flow_ledger_lock(ledger, lock_of_rule(ledger, slot));
	spent = spent_at(bucket, rate, now_ms);
	enough = spent + ONE_FLOW <= (uint64_t)rate * ONE_FLOW;
	if (enough && take) {
		bucket->spent = spent + ONE_FLOW;
		bucket->at_ms = RTE_MAX(now_ms, bucket->at_ms);
	}
	flow_ledger_unlock(ledger, lock_of_rule(ledger, slot));
	return enough;
}

bool pps_flow_rate_permits(
	const struct pps_flow_table *table, uint32_t slot, uint32_t rate, uint32_t tick)
{
	return ask_rate(table->ledger, slot, rate, tick, false);
}

enum pps_reason pps_flow_bind_new(struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_limits *limits, const struct pps_flow_source *source, uint32_t tick)
{
	struct pps_flow_ledger *ledger = table->ledger;
	struct pps_flow *flow = pps_flow_at(table, handle);
	uint32_t n_rule = 0, n_source = 0;

	flow->rule = slot;
	flow->flags |= PPS_FLOW_BOUND;
	if (limits->flows != 0) {
		flow_ledger_lock(ledger, lock_of_rule(ledger, slot));
		count_rule(table, slot, 1);
		n_rule = sum_rule(ledger, slot);
		flow_ledger_unlock(ledger, lock_of_rule(ledger, slot));
	} else {
		count_rule(table, slot, 1);
	}
	if (n_rule > limits->flows)
		return PPS_REASON_LIMIT_FLOWS;
	if (limits->flows_per_source != 0)
		pps_flow_cold_at(table, handle)->source =
			pps_flow_sources_hold(table, slot, source, &n_source);
	if (n_source > limits->flows_per_source)
		return PPS_REASON_LIMIT_SOURCE;
	if (limits->new_flows_per_second != 0) {
		pps_flow_tick(table, tick);
		if (!ask_rate(ledger, slot, limits->new_flows_per_second, tick, true))
			return PPS_REASON_LIMIT_RATE;
	}
	return PPS_REASON_NONE;
}
