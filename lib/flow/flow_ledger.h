/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_LEDGER_H
#define FLOW_LEDGER_H

/* The inside of the ledger (pps_flow_ledger.h). */

#include <rte_spinlock.h>

#include <pps_flow_ledger.h>

#include "flow_priv.h"

/* One counter: half-open flows of a source, or flows of a source under a rule, of one table. All
 * but the links of half-open flows is guarded by the lock of its bucket. */
struct flow_counter {
	uint64_t prefix;
	uint32_t tag; /* slot << 1 | IPv6; the slot FLOW_SLOT_HALF_OPEN counts half-open flows */
	uint32_t n;
	uint32_t next; /* in the bucket, or of the free ones of its table */
	uint32_t bucket;
	uint32_t oldest, newest; /* half-open flows of the source: records of its table */
};
_Static_assert(sizeof(struct flow_counter) == 32, "two counters a cache line");

#define FLOW_SLOT_HALF_OPEN PPS_RULE_SLOTS

/* New flows of one rule: a bucket of a second's worth, in thousandths of a flow. All zero: full. */
struct flow_rate {
	uint64_t at_ms; /* when 'spent' was right */
	uint64_t spent; /* what is missing */
};

#define FLOW_LEDGER_LOCKS 1024

struct pps_flow_ledger {
	struct pps_flow_hasher hasher; /* immutable, like the rest of what is not said */
	unsigned int n_tables;
	bool shared; /* by more than one: locks are taken */
	/* Counters by source: a hash table with chains. Those of table i are the positions from
	 * 1 + i * per_table; 0 is none. */
	struct flow_counter *counters;
	uint32_t per_table;
	uint32_t *buckets; /* first counter; locked by source_locks */
	uint32_t mask;
	uint32_t *by_rule[PPS_FLOW_TABLES_MAX]; /* live flows by slot. its worker: rw; all: ro */
	struct flow_rate *rates; /* by slot; locked by rule_locks */
	size_t memory;
	uint64_t now_ms __attribute__((aligned(PPS_CACHE_LINE))); /* ticks so far, without their
								     end; 0: none yet. atomic */
	rte_spinlock_t source_locks[FLOW_LEDGER_LOCKS] __attribute__((aligned(PPS_CACHE_LINE)));
	rte_spinlock_t rule_locks[FLOW_LEDGER_LOCKS] __attribute__((aligned(PPS_CACHE_LINE)));
};

static inline void flow_ledger_lock(const struct pps_flow_ledger *ledger, rte_spinlock_t *lock)
{
	if (ledger->shared)
		rte_spinlock_lock(lock);
}

static inline void flow_ledger_unlock(const struct pps_flow_ledger *ledger, rte_spinlock_t *lock)
{
	if (ledger->shared)
		rte_spinlock_unlock(lock);
}

/* The table's counter of (slot, source), 0: none, and what all tables of the ledger count. */
uint32_t pps_flow_sources_find(const struct pps_flow_table *table, uint32_t slot,
	const struct pps_flow_source *source, uint32_t *ret_total);
/* Counts one more, or one less; a counter of nothing is given back. */
uint32_t pps_flow_sources_hold(struct pps_flow_table *table, uint32_t slot,
	const struct pps_flow_source *source, uint32_t *ret_total);
void pps_flow_sources_drop(struct pps_flow_table *table, uint32_t counter);

#endif
