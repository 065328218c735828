/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <pps_stats.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DIGEST_SHOWN    12
#define FULL_PERCENT    90.0

/* A segment has the first two ports or the last. */
static const char *const sides[] = {"inside", "outside", "mirror"};

void print_policy_lines(struct cli *cli, const json_t *policy)
{
	const json_t *rules = json_object_get(policy, "rules");
	struct output *o = &cli->out;
	char *signers;

	if (!json_is_object(policy)) {
		out_field(o, "policy", STYLE_BAD, "NONE: nothing passes");
		return;
	}
	out_label(o, "policy");
	out(o, STYLE_BOLD, "%s revision %" PRIu64, get_text(policy, "name"),
		get_count(policy, "revision"));
	out_line(o, STYLE_PLAIN, ", in force for %s, digest %.*s",
		DURATION(get_count(policy, "age_sec") * 1000), cli->verbose ? 64 : DIGEST_SHOWN,
		get_text(policy, "digest"));
	out_label(o, NULL);
	out(o, STYLE_PLAIN, "%" PRIu64 " approved, %" PRIu64 " exception%s, %" PRIu64 " ban%s",
		get_count(rules, "approved"), get_count(rules, "exceptions"),
		plural(get_count(rules, "exceptions")), get_count(rules, "banned"),
		plural(get_count(rules, "banned")));
	if (*get_text(policy, "authority") != '\0')
		out(o, STYLE_PLAIN, "; authority: %s", get_text(policy, "authority"));
	out_end(o);
	signers = signers_text(json_object_get(policy, "signers"));
	if (*signers != '\0')
		out_field(o, NULL, STYLE_PLAIN, "signed by %s", signers);
	free(signers);
	if (*get_text(policy, "valid_until") != '\0')
		out_field(o, NULL, STYLE_PLAIN, "valid until %s", get_text(policy, "valid_until"));
	if (!cli->verbose)
		return;
	out_field(o, NULL, STYLE_PLAIN, "file %s, loaded %s", get_text(policy, "file"),
		get_text(policy, "loaded"));
	out_field(o, NULL, STYLE_PLAIN, "generation %" PRIu64 ", %s table entries, %s",
		get_count(policy, "generation"), COUNT(get_count(policy, "entries")),
		BYTES(get_count(policy, "table_bytes")));
}

static void print_mode(struct output *o, const json_t *answer)
{
	const char *mode = get_text(answer, "mode");

	out_label(o, "mode");
	if (strcmp(mode, "inline") == 0) {
		out(o, STYLE_GOOD, "INLINE");
		out_line(o, STYLE_PLAIN, ": what no rule approves is dropped");
	} else if (strcmp(mode, "audit") == 0) {
		out_line(o, STYLE_BAD,
			"AUDIT: NOTHING IS BEING BLOCKED; drops are what inline mode would drop");
	} else if (strcmp(mode, "observer") == 0) {
		out_line(o, STYLE_BAD,
			"OBSERVER: NOTHING IS BEING BLOCKED; a copy of the traffic is judged, and "
			"drops are what inline mode would drop");
	} else {
		out_line(o, STYLE_WARNING, "%s", mode);
	}
	out_field(o, "daemon", STYLE_PLAIN, "ppsfwd %s, pid %" PRIu64 ", up %s%s",
		get_text(answer, "version"), get_count(answer, "pid"),
		DURATION(get_count(answer, "uptime_sec") * 1000),
		strcmp(get_text(answer, "clock"), "capture") == 0 ? ", on the capture's clock"
								  : "");
}

/* ---- what is wrong: said first ---- */

static void warn_port(struct output *o, const char *segment, const char *side, const json_t *port)
{
	const char *name = get_text(port, "name");
	static const struct {
		const char *key, *text;
	} losses[] = {
		{"missed", "not taken from the device in time"},
		{"no_buffer", "lost for want of buffers"},
		{"errors", "with errors"},
	};

	if (strcmp(get_text(port, "link"), "down") == 0)
		out_field(
			o, "WARNING", STYLE_BAD, "link of %s %s (%s) is down", segment, side, name);
	for (size_t i = 0; i < COUNT_OF(losses); i++) {
		uint64_t n = get_count(port, losses[i].key);

		if (n > 0)
			out_field(o, "WARNING", STYLE_WARNING, "%s %s (%s): %s frame%s %s", segment,
				side, name, COUNT(n), plural(n), losses[i].text);
	}
}

static void warn_workers(struct output *o, const json_t *workers)
{
	const json_t *worker;
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		if (get_flag(worker, "stalled"))
			out_field(o, "WARNING", STYLE_BAD,
				"worker %" PRIu64 " (lcore %" PRIu64
				") has stalled: it forwards nothing",
				get_count(worker, "worker"), get_count(worker, "lcore"));
	}
}

/* Sentences about where workers and memory are. */
static void warn_placement(struct output *o, const json_t *placement)
{
	const json_t *remark;
	size_t i;

	json_array_foreach(placement, i, remark)
	{
		if (json_is_string(remark))
			out_field(o, "WARNING", STYLE_WARNING, "%s", json_string_value(remark));
	}
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
}

static void warn_drift(struct output *o, const json_t *drift)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(drift, "differs"), i, item)
		out_field(o, "ALERT", STYLE_BAD, "drift: %s", get_text(item, "text"));
}

/* The answer to: is what runs what was approved? */
static void print_drift(struct cli *cli, const json_t *drift)
{
	struct output *o = &cli->out;
	const json_t *equal = json_object_get(drift, "equal");

	if (drift == NULL)
		return;
	if (json_is_true(equal))
		out_field(o, "approved", STYLE_GOOD, "= running: tables %.*s, checked %s",
			cli->verbose ? 64 : DIGEST_SHOWN, get_text(drift, "running"),
			get_text(drift, "checked"));
	else if (json_is_false(equal))
		out_field(o, "approved", STYLE_BAD, "= running: NO, checked %s; see above",
			get_text(drift, "checked"));
	else
		out_field(o, "approved", STYLE_WARNING, "= running: not known: %s",
			get_has(drift, "why") ? get_text(drift, "why") : "being checked");
}

static void print_warnings(struct output *o, const json_t *answer)
{
	const json_t *events = json_object_get(answer, "events"), *segment;
	const json_t *flows = json_object_get(answer, "flows");
	const json_t *half_open = json_object_get(flows, "half_open");
	const json_t *packets = json_object_get(answer, "packets");
	uint64_t live = get_count(flows, "live"), capacity = get_count(flows, "capacity");
	size_t i;

	warn_workers(o, json_object_get(answer, "workers"));
	warn_placement(o, json_object_get(answer, "placement"));
	json_array_foreach(json_object_get(answer, "segments"), i, segment)
	{
		const char *name = get_text(segment, "name");

		for (size_t k = 0; k < COUNT_OF(sides); k++)
			warn_port(o, name, sides[k], json_object_get(segment, sides[k]));
	}
	if (get_flag(flows, "pressure") || percent(live, capacity) >= FULL_PERCENT)
		out_field(o, "WARNING", STYLE_BAD,
			"the flow table is nearly full: new flows will be dropped");
	if (get_flag(half_open, "pressure"))
		out_field(o, "WARNING", STYLE_BAD,
			"half-open flows are at their limit (a flood?): new ones replace the "
			"oldest");
	if (get_count(events, "lost") > 0)
		out_field(o, "WARNING", STYLE_WARNING,
			"%s event%s lost: more happened than was written",
			COUNT(get_count(events, "lost")), plural(get_count(events, "lost")));
	if (get_count(events, "write_errors") > 0)
		out_field(o, "WARNING", STYLE_BAD, "%s event%s did not reach %s (disk full?)",
			COUNT(get_count(events, "write_errors")),
			plural(get_count(events, "write_errors")), get_text(events, "file"));
	if (get_count(packets, "egress") > 0)
		out_field(o, "ALERT", STYLE_BAD,
			"inside hosts tried to start what nothing approves: %s packet%s (ppsfw "
			"events class egress)",
			COUNT(get_count(packets, "egress")), plural(get_count(packets, "egress")));
	if (get_has(json_object_get(answer, "change"), "pending"))
		out_field(o, "WARNING", STYLE_WARNING,
			"the policy is not confirmed: it is rolled back in %s unless \"ppsfw "
			"confirm\" comes before",
			DURATION(1000 *
				get_count(json_object_get(
						  json_object_get(answer, "change"), "pending"),
					"remaining_sec")));
	warn_drift(o, json_object_get(answer, "drift"));
	/* Known at once; what a check says of the file comes a little later. */
	if (get_flag(json_object_get(answer, "change"), "file_differs") &&
		json_array_size(json_object_get(json_object_get(answer, "drift"), "differs")) == 0)
		out_field(o, "NOTE", STYLE_WARNING,
			"the configured policy file is not what is in force");
	if (get_has(json_object_get(answer, "policy"), "lapsed"))
		out_field(o, "NOTE", STYLE_WARNING,
			"the signatures of the policy in force counted when it was loaded, and "
			"would not today");
	if (get_flag(json_object_get(answer, "reload"), "busy"))
		out_field(o, "NOTE", STYLE_WARNING, "a policy is being loaded");
}

/* ---- the rest of the page ---- */

static void add_port(struct table *table, const char *segment, const char *side, const json_t *port)
{
	bool up = strcmp(get_text(port, "link"), "up") == 0;
	uint64_t mbps = get_count(port, "speed_mbps");

	table_cell(table, STYLE_BOLD, "%s", segment);
	table_cell(table, STYLE_PLAIN, "%s", side);
	table_cell(table, STYLE_PLAIN, "%s", get_text(port, "name"));
	table_cell(table, up ? STYLE_GOOD : STYLE_BAD, "%s", up ? "up" : "DOWN");
	/* Drivers say "unknown" as 0 or as all ones. */
	table_cell(table, STYLE_PLAIN, "%s",
		!up || mbps == 0 || mbps >= UINT32_MAX ? "-" : BITS(mbps * 1000000));
	table_cell(table, STYLE_PLAIN, "%s/s", COUNT(get_count(port, "rx_pps")));
	table_cell(table, STYLE_PLAIN, "%s", BITS(get_count(port, "rx_bps")));
	table_cell(table, STYLE_PLAIN, "%s/s", COUNT(get_count(port, "tx_pps")));
	table_cell(table, STYLE_PLAIN, "%s", BITS(get_count(port, "tx_bps")));
}

static void print_segments(struct cli *cli, const json_t *segments)
{
	static const struct column columns[] = {{.title = "SEGMENT", .most = 20}, {.title = "SIDE"},
		{.title = "PORT", .most = 20}, {.title = "LINK"}, {.title = "SPEED", .right = true},
		{.title = "RECEIVED", .right = true}, {.title = "", .right = true},
		{.title = "SENT", .right = true}, {.title = "", .right = true}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *segment;
	size_t i;

	json_array_foreach(segments, i, segment)
	{
		const char *name = get_text(segment, "name");

		for (size_t k = 0; k < COUNT_OF(sides); k++) {
			if (json_object_get(segment, sides[k]) == NULL)
				continue;
			add_port(table, name, sides[k], json_object_get(segment, sides[k]));
			name = "";
		}
	}
	out_end(&cli->out);
	table_print(table, &cli->out, 0, cli->verbose);
	out_end(&cli->out);
	table_destroy(table);
}

static void print_traffic(struct output *o, const json_t *answer)
{
	const json_t *flows = json_object_get(answer, "flows");
	const json_t *packets = json_object_get(answer, "packets");
	const json_t *half_open = json_object_get(flows, "half_open");
	uint64_t live = get_count(flows, "live"), capacity = get_count(flows, "capacity");
	const json_t *observed = json_object_get(answer, "observed");
	bool enforces = strcmp(get_text(answer, "mode"), "inline") == 0;

	out_field(o, "flows", STYLE_PLAIN, "%s of %s (%.1f %%); %s started, %s ended", COUNT(live),
		COUNT(capacity), percent(live, capacity), COUNT(get_count(flows, "started")),
		COUNT(get_count(flows, "ended")));
	if (json_is_object(half_open))
		out_field(o, NULL, STYLE_PLAIN,
			"%s half-open of at most %s, %s a source; %s replaced",
			COUNT(get_count(half_open, "live")), COUNT(get_count(half_open, "max")),
			COUNT(get_count(half_open, "per_source")),
			COUNT(get_count(half_open, "replaced")));
	if (get_count(flows, "picked_up") > 0)
		out_field(o, NULL, STYLE_PLAIN, "%s picked up in mid-stream",
			COUNT(get_count(flows, "picked_up")));
	out_field(o, "passed", STYLE_PLAIN, "%s packets, %s; now %s/s",
		COUNT(get_count(packets, "passed")), BYTES(get_count(packets, "passed_bytes")),
		COUNT(get_count(packets, "pass_pps")));
	out_field(o, enforces ? "dropped" : "would drop", STYLE_PLAIN, "%s packets, %s; now %s/s",
		COUNT(get_count(packets, "dropped")), BYTES(get_count(packets, "dropped_bytes")),
		COUNT(get_count(packets, "drop_pps")));
	if (json_is_object(observed))
		out_field(o, "observed", STYLE_BAD,
			"%s packet%s, %s, %s conversation%s would have been denied; all were "
			"already on the wire; %s answered",
			COUNT(get_count(observed, "packets")),
			plural(get_count(observed, "packets")), BYTES(get_count(observed, "bytes")),
			COUNT(get_count(observed, "conversations")),
			plural(get_count(observed, "conversations")),
			COUNT(get_count(observed, "answered")));
}

/* The sentence of a reason: the daemon's, or ours for a daemon that sends none. */
static const char *reason_text(const json_t *drop)
{
	enum pps_reason reason = pps_reason_find(get_text(drop, "reason"));

	if (*get_text(drop, "text") != '\0')
		return get_text(drop, "text");
	return reason == PPS_REASON_COUNT ? "" : pps_reason_text(reason);
}

static void print_drops(struct cli *cli, const json_t *drops, bool steps)
{
	static const struct column columns[] = {{.title = "DROPS", .right = true},
		{.title = "REASON"}, {.title = "STEP"}, {.title = "WHICH MEANS"}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *drop;
	size_t i;

	json_array_foreach(drops, i, drop)
	{
		table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(drop, "count")));
		table_cell(table, STYLE_BOLD, "%s", get_text(drop, "reason"));
		table_cell(table, STYLE_PLAIN, "%s", steps ? get_text(drop, "step") : "");
		table_cell(table, STYLE_PLAIN, "%s", reason_text(drop));
	}
	table_print(table, &cli->out, 0, cli->verbose);
	table_destroy(table);
}

static void add_number(struct table *table, const json_t *object, const char *key)
{
	if (get_has(object, key))
		table_cell(table, STYLE_PLAIN, "%" PRIu64, get_count(object, key));
	else
		table_cell(table, STYLE_PLAIN, "-");
}

static void print_workers(struct cli *cli, const json_t *workers)
{
	static const struct column columns[] = {{.title = "WORKER", .right = true},
		{.title = "LCORE", .right = true}, {.title = "CPU", .right = true},
		{.title = "NODE", .right = true}, {.title = "PASSED", .right = true},
		{.title = "DROPPED", .right = true}, {.title = "FLOWS", .right = true},
		{.title = "BUSY", .right = true}, {.title = "HANDED OVER", .right = true},
		{.title = "STATE"}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *worker;
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		bool stalled = get_flag(worker, "stalled");

		table_cell(table, STYLE_PLAIN, "%" PRIu64, get_count(worker, "worker"));
		table_cell(table, STYLE_PLAIN, "%" PRIu64, get_count(worker, "lcore"));
		add_number(table, worker, "cpu");
		add_number(table, worker, "numa_node");
		table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(worker, "passed")));
		table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(worker, "dropped")));
		table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(worker, "flows")));
		table_cell(table, STYLE_PLAIN, "%.0f %%",
			100 * json_number_value(json_object_get(worker, "utilisation")));
		table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(worker, "handed_over")));
		table_cell(table, stalled ? STYLE_BAD : STYLE_GOOD, "%s",
			stalled ? "STALLED" : "running");
	}
	out_end(&cli->out);
	table_print(table, &cli->out, 0, true);
	table_destroy(table);
}

/* Which workers poll a port: "0, 1". */
static void add_pollers(
	struct table *table, const json_t *workers, const char *segment, const char *side)
{
	struct pps_str text = PPS_STR_INIT;
	const json_t *worker, *input;
	size_t i, k;

	json_array_foreach(workers, i, worker)
	{
		json_array_foreach(json_object_get(worker, "inputs"), k, input)
		{
			if (strcmp(get_text(input, "segment"), segment) == 0 &&
				strcmp(get_text(input, "side"), side) == 0)
				pps_str_addf(&text, "%s%" PRIu64, text.len > 0 ? ", " : "",
					get_count(worker, "worker"));
		}
	}
	table_cell(table, STYLE_PLAIN, "%s", pps_str_text(&text));
	pps_str_fini(&text);
}

static void print_queues(struct cli *cli, const json_t *segments, const json_t *workers)
{
	static const struct column columns[] = {{.title = "SEGMENT", .most = 20}, {.title = "SIDE"},
		{.title = "PORT", .most = 20}, {.title = "NODE", .right = true},
		{.title = "QUEUES", .right = true}, {.title = "SPREAD"},
		{.title = "WORKERS", .most = 40}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *segment, *port;
	size_t i;

	json_array_foreach(segments, i, segment)
	{
		for (size_t k = 0; k < COUNT_OF(sides); k++) {
			port = json_object_get(segment, sides[k]);
			if (port == NULL)
				continue;
			table_cell(table, STYLE_BOLD, "%s", get_text(segment, "name"));
			table_cell(table, STYLE_PLAIN, "%s", sides[k]);
			table_cell(table, STYLE_PLAIN, "%s", get_text(port, "name"));
			add_number(table, port, "numa_node");
			table_cell(table, STYLE_PLAIN, "%" PRIu64, get_count(port, "rx_queues"));
			table_cell(table, STYLE_PLAIN, "%s", get_text(port, "spread"));
			add_pollers(table, workers, get_text(segment, "name"), sides[k]);
		}
	}
	out_end(&cli->out);
	table_print(table, &cli->out, 0, true);
	table_destroy(table);
}

/* How packets come to several workers. */
static void print_team(struct output *o, const json_t *answer)
{
	const json_t *workers = json_object_get(answer, "workers"), *worker, *segment, *port;
	uint64_t judged = 0, handed_over = 0;
	unsigned int n_ports = 0, n_rss = 0;
	size_t i;

	if (json_array_size(workers) < 2)
		return;
	json_array_foreach(workers, i, worker)
	{
		judged += get_count(worker, "passed") + get_count(worker, "dropped");
		handed_over += get_count(worker, "handed_over");
	}
	json_array_foreach(json_object_get(answer, "segments"), i, segment)
	{
		for (size_t k = 0; k < COUNT_OF(sides); k++) {
			port = json_object_get(segment, sides[k]);
			n_ports += port != NULL;
			n_rss += strcmp(get_text(port, "spread"), "rss") == 0;
		}
	}
	out_field(o, "workers", STYLE_PLAIN,
		"%zu; %u of %u ports spread packets by addresses; %.1f %% of packets handed over",
		json_array_size(workers), n_rss, n_ports, percent(handed_over, judged));
}

static void print_memory(struct output *o, const json_t *answer)
{
	const json_t *memory = json_object_get(answer, "memory");

	if (!json_is_object(memory))
		return;
	out_field(o, "memory", STYLE_PLAIN, "%s for flows, %" PRIu64 " bytes each",
		BYTES(get_count(json_object_get(answer, "flows"), "memory_bytes")),
		get_count(memory, "per_flow"));
	if (get_has(memory, "per_rule"))
		out_field(o, NULL, STYLE_PLAIN, "%s for rules, %" PRIu64 " bytes each",
			BYTES(get_count(json_object_get(answer, "policy"), "table_bytes")),
			get_count(memory, "per_rule"));
}

static void print_status(struct cli *cli, const json_t *answer)
{
	const json_t *drops = json_object_get(answer, "top_drops");
	const json_t *events = json_object_get(answer, "events");
	struct output *o = &cli->out;

	print_mode(o, answer);
	print_warnings(o, answer);
	print_policy_lines(cli, json_object_get(answer, "policy"));
	print_drift(cli, json_object_get(answer, "drift"));
	print_segments(cli, json_object_get(answer, "segments"));
	print_traffic(o, answer);
	print_team(o, answer);
	print_memory(o, answer);
	if (*get_text(events, "file") != '\0')
		out_field(o, "events", STYLE_PLAIN, "%s written to %s",
			COUNT(get_count(events, "written")), get_text(events, "file"));
	else
		out_field(o, "events", STYLE_PLAIN, "%s, kept in no file",
			COUNT(get_count(events, "written")));
	if (json_array_size(drops) > 0) {
		out_end(o);
		print_drops(cli, drops, false);
	}
	if (cli->verbose) {
		print_workers(cli, json_object_get(answer, "workers"));
		print_queues(cli, json_object_get(answer, "segments"),
			json_object_get(answer, "workers"));
	}
}

enum status cmd_status(struct cli *cli)
{
	json_t *answer;

	if (!has_arguments(cli, 0, 0))
		return CLI_USAGE;
	if (call_daemon(cli, "status", json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	if (cli->json)
		out_json(&cli->out, answer);
	else
		print_status(cli, answer);
	json_decref(answer);
	return CLI_OK;
}

enum status cmd_show_drops(struct cli *cli)
{
	const json_t *drops;
	json_t *answer;

	if (!has_arguments(cli, 0, 0))
		return CLI_USAGE;
	if (call_daemon(cli, "show_drops", json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	drops = json_object_get(answer, "drops");
	if (cli->json) {
		out_json(&cli->out, answer);
	} else if (json_array_size(drops) == 0) {
		out_line(&cli->out, STYLE_PLAIN, "nothing was dropped");
	} else {
		print_drops(cli, drops, true);
		out_line(&cli->out, STYLE_PLAIN, "%s packets, %s in all",
			COUNT(get_count(answer, "total")), BYTES(get_count(answer, "bytes")));
	}
	json_decref(answer);
	return CLI_OK;
}
