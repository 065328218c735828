/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The alarm before new flows are dropped, and while floods replace half-open ones. It sounds at the
 * high-water mark and is over below the low one, so that a table that stays near a mark is said
 * once.
 */

#include "manager.h"

#define HIGH_PERCENT 90
#define LOW_PERCENT  80

/* Changes *alarm and returns true when that is news. */
static bool is_news(bool *alarm, uint64_t n, uint64_t max)
{
	bool now = *alarm ? 100 * n >= LOW_PERCENT * max : 100 * n >= HIGH_PERCENT * max;
	bool news = now != *alarm;

	*alarm = now;
	return news;
}

void manager_watch_pressure(struct manager *manager)
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
