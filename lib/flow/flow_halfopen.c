/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_ledger.h"

/*
 * Half-open flows, in the order of their beginning.
 *
 * Each has a record in two lists: of its half of the table, and of its source. Both are kept by
 * beginning alone: nothing a half-open flow sends moves it, so that none can be kept young by
 * repeating itself. All is done in constant time; the entry of a flow's hot line knows nothing of
 * it but one flag.
 */

#include <assert.h>
#include <errno.h>

#include <rte_malloc.h>

#define BIT(state) (1u << PPS_FLOW_##state)
_Static_assert(PPS_FLOW_STATE_COUNT <= 32, "a set of states is one word");

int pps_flow_half_open_init(
	struct flow_half_open *half_open, const struct pps_flow_table_params *params)
{
	uint32_t max = params->half_open_max, share = params->half_open_per_source;

	if (max == 0)
		max = pps_flow_half_open_max_default(params->flows);
	if (share == 0)
		share = pps_flow_half_open_share_default(max);
	half_open->max = max;
	half_open->per_source = params->ledger != NULL || share < max ? share : max;
	half_open->fresh = 1;
	half_open->records = rte_zmalloc_socket("pps_flow_half_open",
		((size_t)max + 1) * sizeof(*half_open->records), PPS_CACHE_LINE, params->socket);
	return half_open->records == NULL ? -ENOMEM : 0;
}

void pps_flow_half_open_fini(struct flow_half_open *half_open)
{
	rte_free(half_open->records);
}

size_t pps_flow_half_open_memory(const struct flow_half_open *half_open)
{
	return ((size_t)half_open->max + 1) * sizeof(*half_open->records);
}

/* The states no flow reaches without its initiator having heard the responder. (Closing states are
 * reached from those, or by resets and aborts, which prove nothing.) Where there is one state for
 * all, an answer says it. */
static bool has_proven_itself(const struct pps_flow *flow)
{
	const uint32_t proven = BIT(TCP_ESTABLISHED) | BIT(TCP_FIN_INITIATOR) |
		BIT(TCP_FIN_RESPONDER) | BIT(TCP_CLOSING) | BIT(UDP_PAIR) | BIT(SCTP_ESTABLISHED) |
		BIT(DCCP_OPEN);
	const uint32_t stateless = BIT(ICMP_QUERY) | BIT(OTHER);

	if ((1u << flow->state & stateless) != 0)
		return (flow->flags & PPS_FLOW_REPLIED) != 0;
	return (1u << flow->state & proven) != 0;
}

/* There is one. */
static uint32_t oldest_of_all(const struct flow_half_open *half_open)
{
	uint32_t plain = half_open->oldest[0], wide = half_open->oldest[1];
	const struct flow_record *a = &half_open->records[plain], *b = &half_open->records[wide];

	if (plain == 0 || wide == 0)
		return plain + wide;
	if (a->began != b->began)
		return (int32_t)(a->began - b->began) < 0 ? plain : wide;
	return (int32_t)(a->number - b->number) < 0 ? plain : wide;
}

enum pps_reason pps_flow_room(const struct pps_flow_table *table,
	const struct pps_flow_source *source, uint32_t reuse, uint32_t now, uint32_t *ret_replace)
{
	const struct flow_half_open *half_open = &table->half_open;
	const struct flow_record *reused = &half_open->records[0];
	uint32_t n = half_open->n, n_live = table->n_live, n_wide = table->n_wide, n_source;
	uint32_t counter = pps_flow_sources_find(table, FLOW_SLOT_HALF_OPEN, source, &n_source);
	bool wide_full;

	*ret_replace = PPS_FLOW_NONE;
	if (reuse != PPS_FLOW_NONE) {
		reused = &half_open->records[pps_flow_cold_at(table, reuse)->half_open];
		n -= reused != &half_open->records[0];
		n_live--;
		n_wide -= source->is_wide;
	}
	n_source -= counter != 0 && reused->counter == counter;
	if (n_source >= half_open->per_source) {
		const struct flow_record *oldest =
			&half_open->records[table->ledger->counters[counter].oldest];

		/* Those of the source that another table holds cannot give way here. */
		if (counter == 0 || (int32_t)(now - oldest->began) < PPS_FLOW_GRACE_TICKS)
			return PPS_REASON_HALF_OPEN_SOURCE;
		*ret_replace = oldest->handle;
		return PPS_REASON_NONE;
	}
	wide_full = source->is_wide && n_wide >= table->capacity_wide;
	if (n < half_open->max && n_live < table->capacity && !wide_full)
		return PPS_REASON_NONE;
	if (n == 0 || (wide_full && half_open->oldest[1] == 0))
		return PPS_REASON_FLOW_TABLE_FULL;
	*ret_replace =
		half_open->records[wide_full ? half_open->oldest[1] : oldest_of_all(half_open)]
			.handle;
	return PPS_REASON_NONE;
}

static void count(struct flow_half_open *half_open, uint32_t change)
{
	__atomic_store_n(&half_open->n, half_open->n + change, __ATOMIC_RELAXED);
}

static uint32_t take_record(struct flow_half_open *half_open)
{
	uint32_t at = half_open->free;

	if (at != 0) {
		half_open->free = half_open->records[at].newer;
		return at;
	}
	return half_open->fresh++;
}

void pps_flow_enter(struct pps_flow_table *table, uint32_t handle,
	const struct pps_flow_source *source, uint32_t now)
{
	struct flow_half_open *half_open = &table->half_open;
	struct pps_flow *flow = pps_flow_at(table, handle);
	struct flow_counter *of_source;
	struct flow_record *record;
	unsigned int half = handle >> 31;
	uint32_t at, counter, n_source;

	/* Without room, against the contract, it is no worse than an established one. */
	assert(half_open->n < half_open->max);
	if (has_proven_itself(flow) || half_open->n >= half_open->max)
		return;
	at = take_record(half_open);
	counter = pps_flow_sources_hold(table, FLOW_SLOT_HALF_OPEN, source, &n_source);
	of_source = &table->ledger->counters[counter];
	record = &half_open->records[at];
	*record = (struct flow_record){
		.handle = handle,
		.began = now,
		.older = half_open->newest[half],
		.number = half_open->number++,
		.older_of_source = of_source->newest,
		.counter = counter,
	};
	*(record->older != 0 ? &half_open->records[record->older].newer
			     : &half_open->oldest[half]) = at;
	half_open->newest[half] = at;
	*(record->older_of_source != 0
			? &half_open->records[record->older_of_source].newer_of_source
			: &of_source->oldest) = at;
	of_source->newest = at;
	count(half_open, 1);
	pps_flow_cold_at(table, handle)->half_open = at;
	flow->flags |= PPS_FLOW_HALF_OPEN;
}

void pps_flow_leave(struct pps_flow_table *table, uint32_t handle)
{
	struct flow_half_open *half_open = &table->half_open;
	struct flow_record *records = half_open->records, *record;
	struct pps_flow *flow = pps_flow_at(table, handle);
	struct pps_flow_cold *cold = pps_flow_cold_at(table, handle);
	struct flow_counter *of_source;
	unsigned int half = handle >> 31;
	uint32_t at = cold->half_open;

	if ((flow->flags & PPS_FLOW_HALF_OPEN) == 0)
		return;
	record = &records[at];
	of_source = &table->ledger->counters[record->counter];
	*(record->older != 0 ? &records[record->older].newer : &half_open->oldest[half]) =
		record->newer;
	*(record->newer != 0 ? &records[record->newer].older : &half_open->newest[half]) =
		record->older;
	*(record->older_of_source != 0 ? &records[record->older_of_source].newer_of_source
				       : &of_source->oldest) = record->newer_of_source;
	*(record->newer_of_source != 0 ? &records[record->newer_of_source].older_of_source
				       : &of_source->newest) = record->older_of_source;
	pps_flow_sources_drop(table, record->counter);
	record->counter = 0;
	record->newer = half_open->free;
	half_open->free = at;
	count(half_open, (uint32_t)-1);
	cold->half_open = 0;
	flow->flags &= (uint8_t)~PPS_FLOW_HALF_OPEN;
}

void pps_flow_prove(struct pps_flow_table *table, uint32_t handle)
{
	if (has_proven_itself(pps_flow_at(table, handle)))
		pps_flow_leave(table, handle);
}

uint32_t pps_flow_count_half_open(const struct pps_flow_table *table)
{
	return __atomic_load_n(&table->half_open.n, __ATOMIC_RELAXED);
}

uint32_t pps_flow_half_open_max(const struct pps_flow_table *table)
{
	return table->half_open.max;
}

uint32_t pps_flow_half_open_per_source(const struct pps_flow_table *table)
{
	return table->half_open.per_source;
}
