/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void add_flow(struct table *table, const json_t *flow)
{
	const json_t *packets = json_object_get(flow, "packets");
	const json_t *bytes = json_object_get(flow, "bytes");
	struct pps_str text = PPS_STR_INIT;

	table_cell(table, STYLE_PLAIN, "%s", get_text(flow, "segment"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(flow, "direction"));
	add_protocol(&text, flow);
	table_cell(table, STYLE_PLAIN, "%s", pps_str_text(&text));
	pps_str_clear(&text);
	add_endpoint(&text, flow, "source");
	table_cell(table, STYLE_PLAIN, "%s", pps_str_text(&text));
	table_cell(table, STYLE_DIM, "->");
	pps_str_clear(&text);
	add_endpoint(&text, flow, "destination");
	table_cell(table, STYLE_PLAIN, "%s", pps_str_text(&text));
	table_cell(table, STYLE_PLAIN, "%s%s", get_text(flow, "state"),
		get_flag(flow, "picked_up") ? " (picked up)" : "");
	table_cell(table, STYLE_BOLD, "%s", get_text(flow, "rule"));
	table_cell(table, STYLE_PLAIN, "%s", WHEN(get_text(flow, "started")));
	table_cell(table, STYLE_PLAIN, "%s", DURATION(get_count(flow, "idle_ms")));
	table_cell(table, STYLE_PLAIN, "%s / %s", COUNT(get_count(packets, "initiator")),
		COUNT(get_count(packets, "responder")));
	table_cell(table, STYLE_PLAIN, "%s / %s", BYTES(get_count(bytes, "initiator")),
		BYTES(get_count(bytes, "responder")));
	pps_str_fini(&text);
}

static void print_flows(struct cli *cli, const json_t *answer)
{
	static const struct column columns[] = {{.title = "SEGMENT", .most = 16},
		{.title = "DIRECTION"}, {.title = "PROTOCOL"}, {.title = "INITIATOR"},
		{.title = ""}, {.title = "RESPONDER"}, {.title = "STATE"},
		{.title = "RULE", .most = 24}, {.title = "STARTED"},
		{.title = "IDLE", .right = true}, {.title = "PACKETS -> / <-", .right = true},
		{.title = "BYTES -> / <-", .right = true}};
	uint64_t matched = get_count(answer, "matched"), shown = get_count(answer, "shown");
	struct table *table = table_create(columns, COUNT_OF(columns));
	struct output *o = &cli->out;
	const json_t *flow;
	size_t i;

	json_array_foreach(json_object_get(answer, "flows"), i, flow) add_flow(table, flow);
	if (i > 0)
		table_print(table, o, 0, cli->verbose);
	table_destroy(table);
	out(o, STYLE_PLAIN, "%" PRIu64 " flow%s of %" PRIu64 " live", matched, plural(matched),
		get_count(answer, "live"));
	if (shown < matched)
		out(o, STYLE_WARNING, "; only %" PRIu64 " shown: --max N shows more", shown);
	out_end(o);
}

enum status cmd_show_flows(struct cli *cli)
{
	json_t *params, *answer, *filter = read_filter(cli, cli->argc, cli->argv);

	if (filter == NULL)
		return CLI_USAGE;
	params = json_pack("{s:o}", "filter", filter);
	if (cli->max != 0)
		json_object_set_new(params, "max", json_integer((json_int_t)cli->max));
	if (call_daemon(cli, "show_flows", params, &answer) != CLI_OK)
		return CLI_FAILED;
	if (cli->json)
		out_json(&cli->out, answer);
	else
		print_flows(cli, answer);
	json_decref(answer);
	return CLI_OK;
}

/* Every flow is killed only by saying so: a filter lost in a script must not mean "all". */
enum status cmd_kill_flows(struct cli *cli)
{
	bool all = cli->argc == 1 && strcmp(cli->argv[0], "all") == 0;
	json_t *answer, *filter;
	uint64_t killed;

	if (cli->argc == 0)
		return usage_error(cli, "which flows? \"kill flows all\" ends every one");
	filter = read_filter(cli, all ? 0 : cli->argc, cli->argv);
	if (filter == NULL)
		return CLI_USAGE;
	if (call_daemon(cli, "kill_flows", json_pack("{s:o}", "filter", filter), &answer) != CLI_OK)
		return CLI_FAILED;
	killed = get_count(answer, "killed");
	if (cli->json)
		out_json(&cli->out, answer);
	else if (cli->verbose || cli->out.terminal)
		out_line(&cli->out, STYLE_PLAIN, "%" PRIu64 " flow%s killed", killed,
			plural(killed));
	json_decref(answer);
	return CLI_OK;
}
