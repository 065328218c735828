/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The alarm before new flows are dropped, and while floods replace half-open ones. It sounds at the
 * high-water mark and is over below the low one, so that a table that stays near a mark is said
 * once. And the alarm of a worker whose frames for others find rings full, which is over when none
 * did for a while.
 */

#include "manager.h"

#define HIGH_PERCENT 90
#define LOW_PERCENT  80
#define CALM_NS      (5 * PPS_NS_PER_SEC)

/* Changes *alarm and returns true when that is news. */
static bool is_news(bool *alarm, uint64_t n, uint64_t max)
{
	bool now = *alarm ? 100 * n >= LOW_PERCENT * max : 100 * n >= HIGH_PERCENT * max;
	bool news = now != *alarm;

	*alarm = now;
	return news;
}

static void watch_handoff(struct manager *manager, const struct worker *worker, uint64_t mono_ns)
{
	struct pressure *pressure = &manager->pressures[worker->index];
	uint64_t full = pps_stats_load(&worker->stats->drops[PPS_REASON_HANDOFF_FULL]);
	bool more = full != pressure->handoff_full;

	if (more && !pressure->handoff)
		pressure->handoff_before = pressure->handoff_full;
	if (more)
		pressure->handoff_ns = mono_ns;
	pressure->handoff_full = full;
	if (more == pressure->handoff ||
		(pressure->handoff && mono_ns - pressure->handoff_ns < CALM_NS))
		return;
	pressure->handoff = more;
	manager_event(manager, more ? "handoff_pressure" : "handoff_relieved", NULL,
		json_pack("{s:i, s:I}", "worker", (int)worker->index, "dropped",
			(json_int_t)(full - pressure->handoff_before)));
}

void manager_watch_pressure(struct manager *manager, uint64_t mono_ns)
{
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		const struct worker *worker = &manager->datapath->workers[i];
		struct pressure *pressure = &manager->pressures[i];
		uint64_t live = pps_flow_count(worker->flows);
		uint64_t half_open = pps_flow_count_half_open(worker->flows);
		uint64_t capacity = pps_flow_capacity(worker->flows);
		uint64_t max = pps_flow_half_open_max(worker->flows);
		uint64_t wide = pps_flow_count_wide(worker->flows);
		uint64_t wide_capacity = pps_flow_capacity_wide(worker->flows);

		/* Whichever is fuller: flows of all kinds, or those of IPv6. */
		if (wide * capacity > live * wide_capacity) {
			live = wide;
			capacity = wide_capacity;
		}
		watch_handoff(manager, worker, mono_ns);
		if (is_news(&pressure->table, live, capacity))
			manager_event(manager,
				pressure->table ? "flow_table_pressure" : "flow_table_relieved",
				NULL,
				json_pack("{s:i, s:I, s:I}", "worker", (int)i, "flows",
					(json_int_t)live, "capacity", (json_int_t)capacity));
		if (is_news(&pressure->half_open, half_open, max))
			manager_event(manager,
				pressure->half_open ? "half_open_pressure" : "half_open_relieved",
				NULL,
				json_pack("{s:i, s:I, s:I}", "worker", (int)i, "half_open",
					(json_int_t)half_open, "max", (json_int_t)max));
	}
}
