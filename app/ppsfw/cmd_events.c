/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <pps_ctl.h>

#include "cli.h"

/* Members that the sentence of an event has used already. */
static const char *const spoken[] = {"time", "seq", "event", "severity", "class", "direction",
	"protocol", "icmp_type", "vlan", "inner_vlan", "source", "source_port", "destination",
	"destination_port", "reason", "rule", "count", NULL};
/* Members that are the same in nearly every event about packets: for --verbose. */
static const char *const repeated[] = {"policy", "revision", "generation", "step", NULL};

static bool is_in(const char *const *keys, const char *key)
{
	for (size_t i = 0; keys[i] != NULL; i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

static enum style event_style(const char *kind, const char *severity)
{
	if (strcmp(severity, "alert") == 0)
		return STYLE_BAD;
	if (strcmp(kind, "deny") == 0 || strcmp(severity, "warning") == 0)
		return STYLE_WARNING;
	return strncmp(kind, "flow", 4) == 0 ? STYLE_PLAIN : STYLE_BOLD;
}

/* Who spoke to whom, for events that are about packets. */
static void print_conversation(struct output *o, const json_t *event)
{
	struct pps_str text = PPS_STR_INIT;

	if (!get_has(event, "source") || !get_has(event, "destination"))
		return;
	add_protocol(&text, event);
	pps_str_add(&text, " ");
	add_endpoint(&text, event, "source");
	pps_str_add(&text, " -> ");
	add_endpoint(&text, event, "destination");
	out(o, STYLE_PLAIN, " %s", pps_str_text(&text));
	pps_str_fini(&text);
}

/* What the sentence has no place for, as name=value. */
static void print_rest(struct cli *cli, const json_t *event)
{
	bool brief = !cli->verbose && get_has(event, "source");
	struct output *o = &cli->out;
	const char *key;
	const json_t *value;
	char *text;

	json_object_foreach((json_t *)(uintptr_t)event, key, value)
	{
		if (is_in(spoken, key) || json_is_null(value) || (brief && is_in(repeated, key)))
			continue;
		if (json_is_string(value)) {
			out(o, STYLE_PLAIN, " %s=%s", key, json_string_value(value));
			continue;
		}
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		out(o, STYLE_PLAIN, " %s=%s", key, text == NULL ? "" : text);
		free(text);
	}
}

static void print_event(struct cli *cli, const json_t *event)
{
	struct output *o = &cli->out;
	const char *kind = get_text(event, "event"), *severity = get_text(event, "severity");

	out(o, STYLE_DIM, "%s ", get_text(event, "time"));
	if (strcmp(severity, "alert") == 0)
		out(o, STYLE_BAD, "ALERT ");
	out(o, event_style(kind, severity), "%s", kind);
	if (get_has(event, "class"))
		out(o, STYLE_BAD, " %s", get_text(event, "class"));
	if (get_has(event, "direction"))
		out(o, STYLE_PLAIN, " %s", get_text(event, "direction"));
	print_conversation(o, event);
	if (get_has(event, "reason"))
		out(o, STYLE_BOLD, " %s", get_text(event, "reason"));
	if (get_has(event, "rule"))
		out(o, STYLE_PLAIN, " %s", get_text(event, "rule"));
	if (get_count(event, "count") > 1)
		out(o, STYLE_BOLD, " x%" PRIu64, get_count(event, "count"));
	print_rest(cli, event);
	out_end(o);
}

static void print_events(struct cli *cli, const json_t *answer)
{
	const json_t *event;
	size_t i;

	json_array_foreach(json_object_get(answer, "events"), i, event)
	{
		if (cli->json)
			out_json_line(&cli->out, event);
		else
			print_event(cli, event);
	}
}

/* Interrupting is how one stops following: everything printed was flushed. */
static void stop(int signal_number)
{
	(void)signal_number;
	_exit(CLI_OK);
}

static enum status follow(struct cli *cli, struct pps_ctl_client *client)
{
	json_t *note;

	while (output_flush(&cli->out) && (note = pps_ctl_next(client)) != NULL) {
		const json_t *event = json_object_get(note, "params");
		uint64_t missed = get_count(event, "missed");

		if (missed > 0)
			failure(cli, "%" PRIu64 " event%s missed: this terminal is too slow",
				missed, plural(missed));
		if (cli->json)
			out_json_line(&cli->out, event);
		else
			print_event(cli, event);
		json_decref(note);
	}
	if (ferror(cli->out.file))
		return CLI_FAILED;
	return failure(cli, "the daemon closed the connection");
}

/* The parameters that the command line asks for, or NULL after saying what is wrong. */
static json_t *read_params(struct cli *cli)
{
	json_t *filter = read_filter(cli, cli->argc, cli->argv), *params;

	if (filter == NULL)
		return NULL;
	params = json_pack("{s:o, s:b}", "filter", filter, "follow", cli->follow);
	if (cli->max != 0)
		json_object_set_new(params, "max", json_integer((json_int_t)cli->max));
	return params;
}

enum status cmd_events(struct cli *cli)
{
	struct pps_ctl_client *client;
	json_t *params = read_params(cli), *answer;
	enum status status = CLI_OK;

	if (params == NULL)
		return CLI_USAGE;
	if (cli->follow) {
		signal(SIGINT, stop);
		signal(SIGTERM, stop);
	}
	if (call_daemon_open(cli, "events", params, &answer, &client) != CLI_OK)
		return CLI_FAILED;
	if (cli->json && !cli->follow)
		out_json(&cli->out, answer);
	else
		print_events(cli, answer);
	if (cli->follow)
		status = follow(cli, client);
	json_decref(answer);
	pps_ctl_client_destroy(client);
	return status;
}
