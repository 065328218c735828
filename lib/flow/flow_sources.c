/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

/*
 * Counting by source.
 *
 * A counter exists while it counts something. There are as many as flows and half-open flows can
 * ever hold, so that taking one cannot fail and nothing is evicted to count another. They hang in
 * chains from buckets; the hash is that of flow keys, so nobody outside can choose a long chain.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

/* Keeps slots of one source apart; any odd number of that size does, since the hash is secret. */
#define SLOT_SPREAD 0x9e3779b1u

int pps_flow_sources_init(struct flow_sources *sources, uint32_t n, int socket)
{
	uint32_t n_buckets = rte_align32pow2(n);

	sources->counters = rte_zmalloc_socket("pps_flow_counters",
		((size_t)n + 1) * sizeof(*sources->counters), PPS_CACHE_LINE, socket);
	sources->buckets = rte_zmalloc_socket("pps_flow_sources",
		(size_t)n_buckets * sizeof(*sources->buckets), PPS_CACHE_LINE, socket);
	if (sources->counters == NULL || sources->buckets == NULL)
		return -ENOMEM;
	sources->mask = n_buckets - 1;
	sources->n = n + 1;
	sources->fresh = 1;
	return 0;
}

void pps_flow_sources_fini(struct flow_sources *sources)
{
	rte_free(sources->buckets);
	rte_free(sources->counters);
}

size_t pps_flow_sources_memory(const struct flow_sources *sources)
{
	return sources->n * sizeof(*sources->counters) +
		((size_t)sources->mask + 1) * sizeof(*sources->buckets);
}

void pps_flow_source_of(const struct pps_flow_table *table, const struct pps_flow_key *key,
	enum pps_side initiator, struct pps_flow_source *ret_source)
{
	struct pps_flow_key hashed;
	const uint8_t *address;

	ret_source->prefix = 0;
	ret_source->family = key->is_wide ? key->wide.family : 4;
	if (!key->is_wide)
		address = initiator == PPS_SIDE_INSIDE ? key->v4.inside : key->v4.outside;
	else
		address = initiator == PPS_SIDE_INSIDE ? key->wide.inside : key->wide.outside;
	memcpy(&ret_source->prefix, address, ret_source->family == 6 ? 8 : 4);

	memset(&hashed.v4, 0, sizeof(hashed.v4));
	memcpy(&hashed.v4, &ret_source->prefix, sizeof(ret_source->prefix));
	hashed.v4.protocol = ret_source->family;
	hashed.is_wide = false;
	pps_flow_hasher_burst(&table->hasher, &hashed, 1, &ret_source->hash);
	rte_prefetch0(
		&table->sources.buckets[(ret_source->hash ^ FLOW_SLOT_HALF_OPEN * SLOT_SPREAD) &
			table->sources.mask]);
}

static uint32_t tag_of(uint32_t slot, const struct pps_flow_source *source)
{
	return slot << 1 | (source->family == 6);
}

static uint32_t bucket_of(
	const struct flow_sources *sources, uint32_t slot, const struct pps_flow_source *source)
{
	return (source->hash ^ slot * SLOT_SPREAD) & sources->mask;
}

uint32_t pps_flow_sources_find(
	const struct flow_sources *sources, uint32_t slot, const struct pps_flow_source *source)
{
	uint32_t at = sources->buckets[bucket_of(sources, slot, source)];
	uint32_t tag = tag_of(slot, source);

	while (at != 0 &&
		(sources->counters[at].prefix != source->prefix ||
			sources->counters[at].tag != tag))
		at = sources->counters[at].next;
	return at;
}

static uint32_t take_counter(struct flow_sources *sources)
{
	uint32_t at = sources->free;

	if (at != 0) {
		sources->free = sources->counters[at].next;
		return at;
	}
	assert(sources->fresh < sources->n);
	return sources->fresh++;
}

uint32_t pps_flow_sources_hold(
	struct flow_sources *sources, uint32_t slot, const struct pps_flow_source *source)
{
	uint32_t at = pps_flow_sources_find(sources, slot, source);
	uint32_t bucket;

	if (at != 0) {
		sources->counters[at].n++;
		return at;
	}
	at = take_counter(sources);
	bucket = bucket_of(sources, slot, source);
	sources->counters[at] = (struct flow_counter){
		.prefix = source->prefix,
		.tag = tag_of(slot, source),
		.n = 1,
		.next = sources->buckets[bucket],
		.bucket = bucket,
	};
	sources->buckets[bucket] = at;
	return at;
}

void pps_flow_sources_drop(struct flow_sources *sources, uint32_t counter)
{
	struct flow_counter *gone = &sources->counters[counter];
	uint32_t *link = &sources->buckets[gone->bucket];

	if (--gone->n > 0)
		return;
	while (*link != counter)
		link = &sources->counters[*link].next;
	*link = gone->next;
	gone->next = sources->free;
	sources->free = counter;
}

/* ---- flows of rules ---- */

static void count_rule(struct pps_flow_table *table, uint32_t slot, uint32_t change)
{
	uint32_t *n = &table->by_rule[slot];

	__atomic_store_n(n, *n + change, __ATOMIC_RELAXED);
}

void pps_flow_bind(struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_flow_source *source)
{
	struct pps_flow_cold *cold = flow_cold(table, handle);
	struct pps_flow *flow = flow_entry(table, handle);
	/* Before the old one is dropped, which may be the same. */
	uint32_t counter =
		source == NULL ? 0 : pps_flow_sources_hold(&table->sources, slot, source);

	pps_flow_unbind(table, handle);
	cold->source = counter;
	flow->rule = slot;
	flow->flags |= PPS_FLOW_BOUND;
	count_rule(table, slot, 1);
}

void pps_flow_unbind(struct pps_flow_table *table, uint32_t handle)
{
	struct pps_flow_cold *cold = flow_cold(table, handle);
	struct pps_flow *flow = flow_entry(table, handle);

	if ((flow->flags & PPS_FLOW_BOUND) == 0)
		return;
	flow->flags &= (uint8_t)~PPS_FLOW_BOUND;
	count_rule(table, flow->rule, (uint32_t)-1);
	if (cold->source != 0)
		pps_flow_sources_drop(&table->sources, cold->source);
	cold->source = 0;
}

uint32_t pps_flow_count_rule(const struct pps_flow_table *table, uint32_t slot)
{
	return __atomic_load_n(&table->by_rule[slot], __ATOMIC_RELAXED);
}

static uint32_t count_source(
	const struct pps_flow_table *table, uint32_t slot, const struct pps_flow_source *source)
{
	uint32_t counter = pps_flow_sources_find(&table->sources, slot, source);

	return counter == 0 ? 0 : table->sources.counters[counter].n;
}

uint32_t pps_flow_count_rule_source(
	const struct pps_flow_table *table, uint32_t slot, const struct pps_flow_source *source)
{
	return count_source(table, slot, source);
}

uint32_t pps_flow_count_half_open_source(
	const struct pps_flow_table *table, const struct pps_flow_source *source)
{
	return count_source(table, FLOW_SLOT_HALF_OPEN, source);
}

bool pps_flow_is_of_rule_source(const struct pps_flow_table *table, uint32_t handle, uint32_t slot,
	const struct pps_flow_source *source)
{
	uint32_t counter = flow_cold(table, handle)->source;

	return counter != 0 && counter == pps_flow_sources_find(&table->sources, slot, source);
}
