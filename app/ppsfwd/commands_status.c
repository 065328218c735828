/* SPDX-License-Identifier: BSD-3-Clause */

/* status and show_drops: what management sees without asking a worker. */

#include <stdlib.h>
#include <unistd.h>

#include <pps_json.h>

#include "commands_priv.h"

#define TOP_DROPS 5

json_t *policy_summary(const struct manager *manager)
{
	const struct reload *reload = &manager->reload;
	const struct pps_policy *policy;
	uint64_t now_ns = pps_time_wall_ns();
	struct pps_ruleset_size size;
	uint64_t until;

	if (reload->current == NULL)
		return json_null();
	policy = reload->current->policy;
	until = reload->current->valid_until_ns;
	pps_ruleset_size(reload->current, &size);
	return json_pack(
		"{s:s, s:I, s:s?, s:s, s:I, s:o, s:o, s:I, s:o, s:{s:I, s:I, s:I}, s:I, s:I, "
		"s:O?, s:O?}",
		"name", policy->name, "revision", (json_int_t)policy->revision, "authority",
		policy->authority, "digest", policy->digest, "generation",
		(json_int_t)reload->current->generation, "file",
		pps_json_text(reload->current_name), "loaded", time_json(reload->loaded_ns, 3),
		"age_sec",
		(json_int_t)(now_ns > reload->loaded_ns
				? (now_ns - reload->loaded_ns) / PPS_NS_PER_SEC
				: 0),
		"valid_until", until == UINT64_MAX ? json_null() : time_json(until, 0), "rules",
		"approved", (json_int_t)policy->n_approved, "exceptions",
		(json_int_t)policy->n_exceptions, "banned", (json_int_t)policy->n_bans, "entries",
		(json_int_t)size.entries, "table_bytes", (json_int_t)size.table_bytes, "signers",
		reload->current_bundle->signers, "lapsed", reload->current_bundle->lapsed);
}

/* Of a NUMA node or a processor, which may be none. */
static json_t *number_or_null(int number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *port_json(
	const struct manager *manager, unsigned int index, const struct datapath_totals *totals)
{
	const struct pps_port *port = &manager->datapath->ports->items[index];
	const struct pps_port_stats *stats = &totals->ports[port->id];
	const struct rates *rates = &manager->rates;
	struct pps_port_info info;

	pps_port_info(manager->datapath->ports, index, &info);
	return json_pack(
		"{s:s, s:s, s:s, s:I, s:i, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:I, "
		"s:i, s:i, s:s, s:o}",
		"name", port->name, "driver", port->driver, "link", info.link_up ? "up" : "down",
		"speed_mbps", (json_int_t)info.speed_mbps, "mtu", (int)info.mtu, "rx_packets",
		(json_int_t)stats->rx_packets, "rx_bytes", (json_int_t)stats->rx_bytes,
		"tx_packets", (json_int_t)stats->tx_packets, "tx_bytes",
		(json_int_t)stats->tx_bytes, "rx_pps", rates->ports[port->id].rx_pps, "tx_pps",
		rates->ports[port->id].tx_pps, "rx_bps", rates->ports[port->id].rx_bps, "tx_bps",
		rates->ports[port->id].tx_bps, "missed", (json_int_t)info.missed, "no_buffer",
		(json_int_t)info.no_buffer, "errors", (json_int_t)info.errors, "rx_queues",
		(int)port->n_rx, "tx_queues", (int)port->n_tx, "spread",
		pps_spread_word((enum pps_spread)port->spread), "numa_node",
		number_or_null(port->node));
}

static json_t *segments_json(const struct manager *manager, const struct datapath_totals *totals)
{
	const struct pps_ports *ports = manager->datapath->ports;
	json_t *list = json_array();

	for (size_t i = 0; i < manager->config->n_segments; i++)
		json_array_append_new(
			list, json_pack("{s:s}", "name", manager->config->segments[i].name));
	for (unsigned int i = 0; i < ports->n; i++)
		json_object_set_new(json_array_get(list, ports->items[i].segment),
			pps_port_side_word(&ports->items[i]), port_json(manager, i, totals));
	return list;
}

json_t *observed_summary(const struct manager *manager, const struct datapath_totals *totals)
{
	if (manager->config->mode != CONFIG_OBSERVER)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "packets", (json_int_t)totals->observed, "bytes",
		(json_int_t)totals->observed_bytes, "conversations",
		(json_int_t)totals->observed_conversations, "answered",
		(json_int_t)totals->observed_answered);
}

/* The queues that a worker polls. */
static json_t *inputs_json(const struct manager *manager, const struct worker *worker)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < worker->n_inputs; i++) {
		const struct pps_port *port = worker->inputs[i].port;

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:i}", "segment",
				manager->config->segments[port->segment].name, "side",
				pps_port_side_word(port), "port", port->name, "queue",
				(int)worker->inputs[i].queue));
	}
	return list;
}

static json_t *placement_json(const struct manager *manager)
{
	const struct pps_errors *remarks = &manager->datapath->placement;
	json_t *list = json_array();

	for (size_t i = 0; i < remarks->n; i++)
		json_array_append_new(list, json_string(remarks->items[i].text));
	return list;
}

static json_t *workers_json(const struct manager *manager)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		const struct worker *worker = &manager->datapath->workers[i];
		uint64_t dropped = 0;

		for (unsigned int r = PPS_REASON_NONE + 1; r < PPS_REASON_COUNT; r++)
			dropped += pps_stats_load(&worker->stats->drops[r]);
		json_array_append_new(list,
			json_pack("{s:i, s:i, s:o, s:o, s:o, s:I, s:I, s:I, s:f, s:I, s:b}",
				"worker", (int)i, "lcore", (int)worker->lcore, "cpu",
				number_or_null(worker->cpu), "numa_node",
				number_or_null(worker->node), "inputs",
				inputs_json(manager, worker), "passed",
				(json_int_t)pps_stats_load(&worker->stats->passed), "dropped",
				(json_int_t)dropped, "flows",
				(json_int_t)pps_stats_load(&worker->stats->flows_live),
				"utilisation", manager->watches[i].utilisation, "handed_over",
				(json_int_t)pps_stats_load(&worker->stats->handed_over), "stalled",
				manager->watches[i].stalled));
	}
	return list;
}

static json_t *flows_json(const struct manager *manager, const struct datapath_totals *totals)
{
	uint64_t capacity = 0, memory = 0, max = 0, per_source = 0, wide = 0, wide_capacity = 0;
	bool table_pressure = false, half_open_pressure = false;
	json_t *json;

	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		const struct pps_flow_table *table = manager->datapath->workers[i].flows;

		capacity += pps_flow_capacity(table);
		memory += pps_flow_memory(table);
		wide += pps_flow_count_wide(table);
		wide_capacity += pps_flow_capacity_wide(table);
		max += pps_flow_half_open_max(table);
		per_source = pps_flow_half_open_per_source(table); /* of all workers */
		table_pressure |= manager->pressures[i].table;
		half_open_pressure |= manager->pressures[i].half_open;
	}
	json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "live",
		(json_int_t)totals->flows_live, "capacity", (json_int_t)capacity, "started",
		(json_int_t)totals->flows_started, "picked_up", (json_int_t)totals->flows_picked_up,
		"ended", (json_int_t)totals->flows_ended, "memory_bytes", (json_int_t)memory,
		"pressure", table_pressure);
	json_object_set_new(json, "ipv6",
		json_pack("{s:I, s:I}", "live", (json_int_t)wide, "capacity",
			(json_int_t)wide_capacity));
	json_object_set_new(json, "half_open",
		json_pack("{s:I, s:I, s:I, s:I, s:b}", "live", (json_int_t)totals->half_open, "max",
			(json_int_t)max, "per_source", (json_int_t)per_source, "replaced",
			(json_int_t)totals->flows_replaced, "pressure", half_open_pressure));
	return json;
}

/* Bytes of EAL's memory for each flow there is room for, and for each rule of the policy. */
static json_t *memory_json(const struct manager *manager)
{
	const struct pps_ruleset *current = manager->reload.current;
	uint64_t capacity = 0, flows = 0;
	struct pps_ruleset_size size;
	json_t *per_rule = json_null();

	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		capacity += pps_flow_capacity(manager->datapath->workers[i].flows);
		flows += pps_flow_memory(manager->datapath->workers[i].flows);
	}
	if (current != NULL && current->policy->n_rules > 0) {
		pps_ruleset_size(current, &size);
		per_rule = json_integer((json_int_t)(size.table_bytes / current->policy->n_rules));
	}
	return json_pack(
		"{s:I, s:o}", "per_flow", (json_int_t)(flows / capacity), "per_rule", per_rule);
}

struct drop_count {
	enum pps_reason reason;
	uint64_t n;
};

static int more_first(const void *a, const void *b)
{
	const struct drop_count *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return (int)x->reason - (int)y->reason;
}

/* Reasons that occurred, most first; returns how many. */
static unsigned int sort_drops(
	const struct datapath_totals *totals, struct drop_count counts[PPS_REASON_COUNT])
{
	unsigned int n = 0;

	for (unsigned int r = PPS_REASON_NONE + 1; r < PPS_REASON_COUNT; r++) {
		if (totals->drops[r] > 0)
			counts[n++] = (struct drop_count){r, totals->drops[r]};
	}
	qsort(counts, n, sizeof(counts[0]), more_first);
	return n;
}

static json_t *top_drops(const struct datapath_totals *totals)
{
	struct drop_count counts[PPS_REASON_COUNT];
	unsigned int n = sort_drops(totals, counts);
	json_t *list = json_array();

	for (unsigned int i = 0; i < n && i < TOP_DROPS; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:I}", "reason", pps_reason_word(counts[i].reason),
				"count", (json_int_t)counts[i].n));
	return list;
}

void reply_status(struct manager *manager, struct pps_ctl_call *call)
{
	const struct config *config = manager->config;
	struct pps_event_log_stats events;
	struct datapath_totals totals;
	json_t *status;

	datapath_totals(manager->datapath, &totals);
	pps_event_log_stats(manager->log, &events);
	status = json_pack("{s:s, s:i, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "version",
		PPS_VERSION, "pid", (int)getpid(), "mode", config_mode_word(config->mode), "clock",
		config_clock_word(config->clock), "started", time_json(manager->started_wall_ns, 3),
		"uptime_sec",
		(json_int_t)((pps_time_mono_ns() - manager->started_mono_ns) / PPS_NS_PER_SEC),
		"policy", policy_summary(manager), "segments", segments_json(manager, &totals),
		"flows", flows_json(manager, &totals), "top_drops", top_drops(&totals), "workers",
		workers_json(manager));
	json_object_set_new(status, "packets",
		json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:I}", "passed",
			(json_int_t)totals.passed, "passed_bytes", (json_int_t)totals.passed_bytes,
			"dropped", (json_int_t)totals.dropped, "dropped_bytes",
			(json_int_t)totals.drop_bytes, "pass_pps", manager->rates.pass_pps,
			"drop_pps", manager->rates.drop_pps, "egress", (json_int_t)totals.egress));
	json_object_set_new(status, "placement", placement_json(manager));
	json_object_set_new(status, "memory", memory_json(manager));
	json_object_set_new(status, "observed", observed_summary(manager, &totals));
	json_object_set_new(status, "events",
		json_pack("{s:I, s:I, s:I, s:o}", "written", (json_int_t)events.written, "lost",
			(json_int_t)events.lost, "write_errors", (json_int_t)events.write_errors,
			"file",
			config->events_file != NULL ? pps_json_text(config->events_file)
						    : json_null()));
	json_object_set_new(status, "reload",
		json_pack("{s:b, s:I, s:I}", "busy", reload_busy(&manager->reload), "loads",
			(json_int_t)manager->reload.n_loads, "refused",
			(json_int_t)manager->reload.n_refused));
	json_object_set_new(status, "change", change_json(manager));
	json_object_set_new(status, "signatures",
		config->signatures.required > 0 ? config_print_signatures(config) : json_null());
	json_object_set_new(status, "drift", drift_json(manager));
	pps_ctl_reply(call, status);
}

void command_status(struct pps_ctl_call *call, const json_t *params, void *manager)
{
	(void)params;
	drift_answer_status(manager, call);
}

void command_show_drops(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const struct manager *manager = aux;
	struct drop_count counts[PPS_REASON_COUNT];
	struct datapath_totals totals;
	json_t *list = json_array();
	unsigned int n;

	(void)params;
	datapath_totals(manager->datapath, &totals);
	n = sort_drops(&totals, counts);
	for (unsigned int i = 0; i < n; i++) {
		enum pps_reason reason = counts[i].reason;

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:I, s:s}", "reason", pps_reason_word(reason), "step",
				pps_step_word(pps_reason_step(reason)), "count",
				(json_int_t)counts[i].n, "text", pps_reason_text(reason)));
	}
	pps_ctl_reply(call,
		json_pack("{s:o, s:I, s:I}", "drops", list, "total", (json_int_t)totals.dropped,
			"bytes", (json_int_t)totals.drop_bytes));
}
