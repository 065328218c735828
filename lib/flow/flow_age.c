/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

#include <assert.h>

#include <rte_common.h>
#include <rte_prefetch.h>

#define TICKS_PER_SEC 1000u

/*
 * The walk goes over the bits that say which entries live, first of the plain table, then of the
 * wide one. 64 empty entries cost one load, and entries that are not flows are never touched.
 */

uint32_t pps_flow_walk_length(const struct pps_flow_table *table)
{
	return table->open.halves[0].n + table->open.halves[1].n;
}

unsigned int pps_flow_walk(
	struct pps_flow_table *table, uint32_t *cursor, unsigned int n_entries, uint32_t *handles)
{
	uint32_t length = pps_flow_walk_length(table);
	uint32_t at = *cursor;
	uint32_t end = n_entries < length - at ? at + n_entries : length;
	unsigned int n = 0;

	assert(at < length);
	while (at < end) {
		bool wide = at >= table->open.halves[0].n;
		const struct pps_flow_half *half = &table->open.halves[wide];
		uint32_t position = wide ? at - table->open.halves[0].n : at;
		uint64_t bits = half->live[position / 64] >> position % 64;

		if ((bits & 1) != 0) {
			rte_prefetch0(&half->entries[position]);
			handles[n++] = position | (wide ? PPS_FLOW_WIDE : 0);
			at++;
		} else {
			at += bits != 0 ? (uint32_t)__builtin_ctzll(bits) : 64 - position % 64;
		}
	}
	at = RTE_MIN(at, end);
	*cursor = at == length ? 0 : at;
	return n;
}

void pps_flow_timeouts_make(
	const uint32_t timeouts_sec[PPS_TIMEOUT_COUNT], struct pps_flow_timeouts *ret)
{
	for (int state = 0; state < PPS_FLOW_STATE_COUNT; state++) {
		uint32_t sec = timeouts_sec[pps_flow_state_timeout((enum pps_flow_state)state)];

		ret->ticks[state] = RTE_MIN(sec, PPS_TIMEOUT_SEC_MAX) * TICKS_PER_SEC;
	}
}
