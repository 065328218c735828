/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DIGEST_SHOWN    12

static void print_list(struct cli *cli, const char *name, const json_t *list, const char *means)
{
	struct output *o = &cli->out;
	const json_t *item;
	size_t i;

	out_label(o, name);
	if (!json_is_object(list)) {
		out_line(o, STYLE_PLAIN, "no list");
		return;
	}
	out(o, STYLE_PLAIN, "%s IPv4 and %s IPv6 prefixes", COUNT(get_count(list, "ipv4")),
		COUNT(get_count(list, "ipv6")));
	json_array_foreach(json_object_get(list, "files"), i, item)
		out(o, STYLE_PLAIN, "%s%s", i == 0 ? "; with " : ", ", json_string_value(item));
	out_end(o);
	out_label(o, NULL);
	out(o, STYLE_BOLD, "%s", COUNT(get_count(list, "dropped")));
	out_line(o, STYLE_PLAIN, " packet%s dropped (%s): %s", plural(get_count(list, "dropped")),
		get_text(list, "reason"), means);
	json_array_foreach(json_object_get(list, "top"), i, item)
		out_field(o, i == 0 ? "lately" : NULL, STYLE_PLAIN, "%s  x%" PRIu64,
			get_text(item, "source"), get_count(item, "count"));
}

static void print_files(struct cli *cli, const json_t *files)
{
	static const struct column columns[] = {{.title = "FILE", .most = 40},
		{.title = "PREFIXES", .right = true}, {.title = "DIGEST"}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *file;
	size_t i;

	json_array_foreach(files, i, file)
	{
		table_cell(table, STYLE_BOLD, "%s", get_text(file, "name"));
		table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(file, "prefixes")));
		table_cell(table, STYLE_PLAIN, "%.*s", cli->verbose ? 64 : DIGEST_SHOWN,
			get_text(file, "digest"));
	}
	out_end(&cli->out);
	table_print(table, &cli->out, 0, cli->verbose);
	table_destroy(table);
}

enum status cmd_show_sources(struct cli *cli)
{
	const json_t *files;
	json_t *answer;

	if (!has_arguments(cli, 0, 0))
		return CLI_USAGE;
	if (call_daemon(cli, "show_sources", json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	files = json_object_get(answer, "files");
	if (cli->json) {
		out_json(&cli->out, answer);
	} else {
		print_list(cli, "block", json_object_get(answer, "block"),
			"nothing of these sources passes");
		print_list(cli, "allow", json_object_get(answer, "allow"),
			"no other source starts a flow");
		if (get_count(answer, "bytes") > 0)
			out_field(&cli->out, "memory", STYLE_PLAIN, "%s",
				BYTES(get_count(answer, "bytes")));
		if (json_array_size(files) > 0)
			print_files(cli, files);
	}
	json_decref(answer);
	return CLI_OK;
}
