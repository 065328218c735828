/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_ledger.h"

/*
 * Counting by source.
 *
 * A counter exists while it counts something. There are as many as flows and half-open flows can
 * ever hold, so that taking one cannot fail and nothing is evicted to count another. They hang in
 * chains from buckets; the hash is that of flow keys, so nobody outside can choose a long chain.
 * Each counts for one table; what a source has in all is the sum over those in its chain.
 */

#include <assert.h>
#include <string.h>

#include <rte_prefetch.h>

/* Keeps slots of one source apart; any odd number of that size does, since the hash is secret. */
#define SLOT_SPREAD 0x9e3779b1u

void pps_flow_source_of(const struct pps_flow_table *table, const struct pps_flow_key *key,
	enum pps_side initiator, struct pps_flow_source *ret_source)
{
	struct pps_flow_key hashed;
	const uint8_t *address;

	ret_source->prefix = 0;
	ret_source->family = key->is_wide ? key->wide.family : 4;
	ret_source->is_wide = key->is_wide;
	if (!key->is_wide)
		address = initiator == PPS_SIDE_INSIDE ? key->v4.inside : key->v4.outside;
	else
		address = initiator == PPS_SIDE_INSIDE ? key->wide.inside : key->wide.outside;
	if (ret_source->family == 6)
		memcpy(&ret_source->prefix, address, 8);
	else
		memcpy(&ret_source->prefix, address, 4);

	memset(&hashed.v4, 0, sizeof(hashed.v4));
	memcpy(&hashed.v4, &ret_source->prefix, sizeof(ret_source->prefix));
	hashed.v4.protocol = ret_source->family;
	hashed.is_wide = false;
	pps_flow_hasher_burst(&table->hasher, &hashed, 1, &ret_source->hash);
	rte_prefetch0(
		&table->ledger->buckets[(ret_source->hash ^ FLOW_SLOT_HALF_OPEN * SLOT_SPREAD) &
			table->ledger->mask]);
}

/* What is counted: the same for all tables. */
static uint32_t tag_of(uint32_t slot, const struct pps_flow_source *source)
{
	return slot << 1 | (source->family == 6);
}

static uint32_t bucket_of(
	const struct pps_flow_ledger *ledger, uint32_t slot, const struct pps_flow_source *source)
{
	return (source->hash ^ slot * SLOT_SPREAD) & ledger->mask;
}

static rte_spinlock_t *lock_of_bucket(struct pps_flow_ledger *ledger, uint32_t bucket)
{
	return &ledger->source_locks[bucket % FLOW_LEDGER_LOCKS];
}

/* The table's own counter, 0: none, and what all tables count. The bucket is locked. */
static uint32_t look(const struct pps_flow_table *table, uint32_t bucket, uint32_t tag,
	uint64_t prefix, uint32_t *ret_total)
{
	const struct pps_flow_ledger *ledger = table->ledger;
	uint32_t own = 0;

	*ret_total = 0;
	for (uint32_t at = ledger->buckets[bucket]; at != 0; at = ledger->counters[at].next) {
		const struct flow_counter *counter = &ledger->counters[at];

		if (counter->prefix != prefix || counter->tag != tag)
			continue;
		*ret_total += counter->n;
		if (at - table->first_counter < ledger->per_table)
			own = at;
	}
	return own;
}

uint32_t pps_flow_sources_find(const struct pps_flow_table *table, uint32_t slot,
	const struct pps_flow_source *source, uint32_t *ret_total)
{
	struct pps_flow_ledger *ledger = table->ledger;
	uint32_t bucket = bucket_of(ledger, slot, source), own;

	flow_ledger_lock(ledger, lock_of_bucket(ledger, bucket));
	own = look(table, bucket, tag_of(slot, source), source->prefix, ret_total);
	flow_ledger_unlock(ledger, lock_of_bucket(ledger, bucket));
	return own;
}

static uint32_t take_counter(struct pps_flow_table *table)
{
	uint32_t at = table->free_counter;

	if (at != 0) {
		table->free_counter = table->ledger->counters[at].next;
		return at;
	}
	assert(table->fresh_counter - table->first_counter < table->ledger->per_table);
	return table->fresh_counter++;
}

uint32_t pps_flow_sources_hold(struct pps_flow_table *table, uint32_t slot,
	const struct pps_flow_source *source, uint32_t *ret_total)
{
	struct pps_flow_ledger *ledger = table->ledger;
	uint32_t bucket = bucket_of(ledger, slot, source), tag = tag_of(slot, source), own;

	flow_ledger_lock(ledger, lock_of_bucket(ledger, bucket));
	own = look(table, bucket, tag, source->prefix, ret_total);
	if (own == 0) {
		own = take_counter(table);
		ledger->counters[own] = (struct flow_counter){
			.prefix = source->prefix,
			.tag = tag,
			.next = ledger->buckets[bucket],
			.bucket = bucket,
		};
		ledger->buckets[bucket] = own;
	}
	ledger->counters[own].n++;
	flow_ledger_unlock(ledger, lock_of_bucket(ledger, bucket));
	++*ret_total;
	return own;
}

void pps_flow_sources_drop(struct pps_flow_table *table, uint32_t counter)
{
	struct pps_flow_ledger *ledger = table->ledger;
	struct flow_counter *gone = &ledger->counters[counter];
	rte_spinlock_t *lock = lock_of_bucket(ledger, gone->bucket);
	uint32_t *link = &ledger->buckets[gone->bucket];

	flow_ledger_lock(ledger, lock);
	if (--gone->n == 0) {
		while (*link != counter)
			link = &ledger->counters[*link].next;
		*link = gone->next;
		gone->next = table->free_counter;
		table->free_counter = counter;
	}
	flow_ledger_unlock(ledger, lock);
}

uint32_t pps_flow_count_rule_source(
	const struct pps_flow_table *table, uint32_t slot, const struct pps_flow_source *source)
{
	uint32_t total;

	pps_flow_sources_find(table, slot, source, &total);
	return total;
}

uint32_t pps_flow_count_half_open_source(
	const struct pps_flow_table *table, const struct pps_flow_source *source)
{
	return pps_flow_count_rule_source(table, FLOW_SLOT_HALF_OPEN, source);
}

bool pps_flow_is_of_rule_source(const struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_flow_source *source)
{
	uint32_t counter = pps_flow_cold_at(table, handle)->source, total;

	return counter != 0 && counter == pps_flow_sources_find(table, slot, source, &total);
}
