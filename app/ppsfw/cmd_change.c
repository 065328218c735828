/* SPDX-License-Identifier: BSD-3-Clause */

/* confirm, rollback and history: what becomes of a policy that was loaded. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DIGEST_SHOWN    12

json_t *history_params(const struct cli *cli, const char *text)
{
	json_int_t number;
	char *end;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && number > 0)
		return json_pack("{s:I}", "number", number);
	usage_error(cli, "\"%s\" is not a number of the history", text);
	return NULL;
}

/* Asks about the number that the one word may be; without it the daemon knows which. */
static enum status ask_about(struct cli *cli, const char *method, json_t **ret_answer)
{
	json_t *params;

	if (!has_arguments(cli, 0, 1))
		return CLI_USAGE;
	params = cli->argc == 0 ? json_object() : history_params(cli, cli->argv[0]);
	if (params == NULL)
		return CLI_USAGE;
	return call_daemon(cli, method, params, ret_answer) == CLI_OK ? CLI_OK : CLI_FAILED;
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
	json_t *answer;
	enum status status = ask_about(cli, "rollback", &answer);

	if (status != CLI_OK)
		return status;
	return finish(cli, answer, "is in force again");
}

/* ---- history ---- */

/* "+3 -1 =2 ~4", with the signs of "diff"; the last is all that is no region. */
static void add_changes(struct table *table, const json_t *changes)
{
	static const struct {
		char sign;
		const char *key;
	} kinds[] = {{'+', "allowed"}, {'-', "denied"}, {'=', "rebound"}};
	static const char *const others[] = {"rules", "exceptions", "link", "sources", "settings"};
	struct pps_str text = PPS_STR_INIT;
	uint64_t n_others = 0;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		uint64_t n = get_count(changes, kinds[i].key);

		if (n > 0)
			pps_str_addf(&text, "%c%" PRIu64 " ", kinds[i].sign, n);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		n_others += get_count(changes, others[i]);
	if (n_others > 0)
		pps_str_addf(&text, "~%" PRIu64 " ", n_others);
	if (!json_is_object(changes))
		table_cell(table, STYLE_PLAIN, "-");
	else if (text.len == 0)
		table_cell(table, STYLE_PLAIN, "none");
	else
		table_cell(table, STYLE_PLAIN, "%.*s", (int)text.len - 1, pps_str_text(&text));
	pps_str_fini(&text);
}

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
	add_changes(table, json_object_get(entry, "changes"));
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
		{.title = "RULES", .right = true}, {.title = "CHANGES"}, {.title = "DIGEST"},
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
	json_t *answer;
	enum status status = ask_about(cli, "history", &answer);

	if (status != CLI_OK)
		return status;
	if (cli->json)
		out_json(&cli->out, answer);
	else if (cli->argc > 0)
		print_entry(cli, answer);
	else
		print_entries(cli, answer);
	json_decref(answer);
	return CLI_OK;
}
