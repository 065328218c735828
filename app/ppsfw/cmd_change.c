/* SPDX-License-Identifier: BSD-3-Clause */

/* confirm, rollback and history: what becomes of a policy that was loaded. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DIGEST_SHOWN    12

/* {"number": n} from the one word there may be; NULL after saying what is wrong with it. */
static json_t *read_number(const struct cli *cli)
{
	json_t *params = json_object();
	const char *text;
	char *end;
	json_int_t number;

	if (cli->argc == 0)
		return params;
	text = cli->argv[0];
	errno = 0;
	number = strtoll(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && number > 0) {
		json_object_set_new(params, "number", json_integer(number));
		return params;
	}
	usage_error(cli, "\"%s\" is not a number of the history", text);
	json_decref(params);
	return NULL;
}

static enum status finish(struct cli *cli, json_t *answer, const char *what)
{
	if (cli->json)
		out_json(&cli->out, answer);
	else if (cli->verbose || cli->out.terminal)
		out_line(&cli->out, STYLE_PLAIN, "policy %s revision %" PRIu64 " %s",
			get_text(answer, "name"), get_count(answer, "revision"), what);
	json_decref(answer);
	return CLI_OK;
}

enum status cmd_confirm(struct cli *cli)
{
	json_t *answer;

	if (!has_arguments(cli, 0, 0))
		return CLI_USAGE;
	if (call_daemon(cli, "confirm", json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	return finish(cli, answer, "is confirmed");
}

enum status cmd_rollback(struct cli *cli)
{
	json_t *params, *answer;

	if (!has_arguments(cli, 0, 1))
		return CLI_USAGE;
	params = read_number(cli);
	if (params == NULL)
		return CLI_USAGE;
	if (call_daemon(cli, "rollback", params, &answer) != CLI_OK)
		return CLI_FAILED;
	return finish(cli, answer, "is in force again");
}

/* ---- history ---- */

static void add_entry(struct table *table, const json_t *entry, uint64_t in_force)
{
	const json_t *who = json_object_get(entry, "who"), *rules = json_object_get(entry, "rules");
	const char *outcome = get_text(entry, "outcome");
	uint64_t number = get_count(entry, "number");
	bool good = strcmp(outcome, "confirmed") == 0;
	char *signers = signers_text(json_object_get(entry, "signers"));

	table_cell(table, STYLE_BOLD, "%s%" PRIu64, number == in_force ? "*" : "", number);
	table_cell(table, STYLE_PLAIN, "%s", get_text(entry, "time"));
	table_cell(table, good ? STYLE_PLAIN : STYLE_WARNING, "%s%s", outcome,
		get_flag(entry, "forced") ? ", forced" : "");
	if (get_count(entry, "rollback_to") > 0)
		table_cell(table, STYLE_PLAIN, "rollback to %" PRIu64,
			get_count(entry, "rollback_to"));
	else
		table_cell(table, STYLE_PLAIN, "%s", get_text(entry, "cause"));
	if (json_is_object(who) && *get_text(who, "user") != '\0')
		table_cell(table, STYLE_PLAIN, "%s", get_text(who, "user"));
	else if (json_is_object(who))
		table_cell(table, STYLE_PLAIN, "uid %" PRIu64, get_count(who, "uid"));
	else
		table_cell(table, STYLE_PLAIN, "-");
	table_cell(table, STYLE_PLAIN, "%s", get_text(entry, "policy"));
	table_cell(table, STYLE_PLAIN, "%" PRIu64, get_count(entry, "revision"));
	table_cell(table, STYLE_PLAIN, "%" PRIu64,
		get_count(rules, "approved") + get_count(rules, "exceptions") +
			get_count(rules, "banned"));
	table_cell(table, STYLE_PLAIN, "%.*s", DIGEST_SHOWN, get_text(entry, "digest"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(entry, "authority"));
	table_cell(table, STYLE_PLAIN, "%s", *signers == '\0' ? "-" : signers);
	free(signers);
}

static void print_entries(struct cli *cli, const json_t *answer)
{
	static const struct column columns[] = {{.title = "NUMBER", .right = true},
		{.title = "LOADED"}, {.title = "OUTCOME"}, {.title = "CAUSE"}, {.title = "WHO"},
		{.title = "POLICY", .most = 28}, {.title = "REVISION", .right = true},
		{.title = "RULES", .right = true}, {.title = "DIGEST"},
		{.title = "AUTHORITY", .most = 32}, {.title = "SIGNED BY", .most = 48}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(answer, "entries"), i, entry)
		add_entry(table, entry, get_count(answer, "number"));
	table_print(table, &cli->out, 0, cli->verbose);
	table_destroy(table);
}

/* The lines of the record, then the policy as it was loaded. */
static void print_entry(struct cli *cli, const json_t *answer)
{
	const char *text = get_text(answer, "text");
	size_t len;

	out_document(&cli->out, json_object_get(answer, "entry"));
	out_end(&cli->out);
	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		out_line(&cli->out, STYLE_PLAIN, "%.*s", (int)len, text);
	}
}

enum status cmd_history(struct cli *cli)
{
	json_t *params, *answer;

	if (!has_arguments(cli, 0, 1))
		return CLI_USAGE;
	params = read_number(cli);
	if (params == NULL)
		return CLI_USAGE;
	if (call_daemon(cli, "history", params, &answer) != CLI_OK)
		return CLI_FAILED;
	if (cli->json)
		out_json(&cli->out, answer);
	else if (cli->argc > 0)
		print_entry(cli, answer);
	else
		print_entries(cli, answer);
	json_decref(answer);
	return CLI_OK;
}
