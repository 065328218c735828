/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include <pps_addr.h>
#include <pps_policy.h>
#include <pps_stats.h>

#include "cli.h"

/* An ephemeral port, for those who do not care which. */
#define SOURCE_PORT_DEFAULT 49152
#define ICMP_ECHO           8
#define ICMPV6_ECHO         128

/* The packet asked about, as it is read from the command line. */
struct question {
	json_t *params;
	const char *protocol;
	struct pps_errors errors;
};

static void read_direction(struct question *question, const char *text)
{
	for (size_t i = 0; direction_choices[i] != NULL; i++) {
		if (strcmp(direction_choices[i], text) == 0)
			json_object_set_new(question->params, "direction", json_string(text));
	}
	if (json_object_get(question->params, "direction") == NULL)
		pps_errors_add(&question->errors, NULL,
			"\"%s\" is not a direction: inbound (started from outside) or outbound",
			text);
}

static bool is_icmp(const struct question *question)
{
	return question->protocol != NULL && strncmp(question->protocol, "icmp", 4) == 0;
}

/* Reads one end; 'port_default' 0 means that a port must be written. Returns its family, 0 if bad.
 */
static int read_end(
	struct question *question, const char *side, const char *text, uint16_t port_default)
{
	bool has_ports = question->protocol != NULL &&
		pps_protocol_has_ports((unsigned int)pps_protocol_parse(question->protocol));
	char address[PPS_ADDR_TEXT_MAX], key[32];
	struct pps_addr addr;
	const char *why = "";
	uint16_t port = 0;
	bool written;

	if (pps_endpoint_parse(text, &addr, &port, &written, &why) != 0) {
		pps_errors_add(&question->errors, NULL, "%s: \"%s\" %s", side, text, why);
		return 0;
	}
	json_object_set_new(question->params, side, json_string(pps_addr_format(&addr, address)));
	if (question->protocol == NULL)
		return addr.family;
	if (written && !has_ports)
		pps_errors_add(&question->errors, NULL, "%s: \"%s\": %s has no ports", side, text,
			question->protocol);
	else if (has_ports && !written && port_default == 0)
		pps_errors_add(&question->errors, NULL, "%s: \"%s\": a port is missing (%s)", side,
			text, addr.family == 6 ? "[2001:db8::1]:443" : "198.51.100.10:443");
	snprintf(key, sizeof(key), "%s_port", side);
	if (has_ports)
		json_object_set_new(
			question->params, key, json_integer(written ? port : port_default));
	return addr.family;
}

static void check_family(struct question *question, int source, int destination)
{
	const char *protocol = question->protocol == NULL ? "" : question->protocol;

	if (source == 0 || destination == 0)
		return;
	if (source != destination)
		pps_errors_add(&question->errors, NULL,
			"source and destination are of different address families");
	else if (strcmp(protocol, "icmp") == 0 && source == 6)
		pps_errors_add(&question->errors, NULL, "icmp is for IPv4; say icmpv6");
	else if (strcmp(protocol, "icmpv6") == 0 && source == 4)
		pps_errors_add(&question->errors, NULL, "icmpv6 is for IPv6; say icmp");
}

static void check_details(struct question *question)
{
	static const struct {
		const char *member, *word;
		bool icmp;
	} rows[] = {{"icmp_type", "type", true}, {"icmp_code", "code", true},
		{"tcp_flags", "flags", false}};
	const char *protocol = question->protocol == NULL ? "" : question->protocol;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool fits = rows[i].icmp ? is_icmp(question) : strcmp(protocol, "tcp") == 0;

		if (get_has(question->params, rows[i].member) && !fits)
			pps_errors_add(&question->errors, NULL, "%s is for %s alone", rows[i].word,
				rows[i].icmp ? "icmp and icmpv6" : "tcp");
	}
	if (is_icmp(question) && !get_has(question->params, "icmp_type"))
		json_object_set_new(question->params, "icmp_type",
			json_integer(strcmp(protocol, "icmp") == 0 ? ICMP_ECHO : ICMPV6_ECHO));
	if (is_icmp(question) && !get_has(question->params, "icmp_code"))
		json_object_set_new(question->params, "icmp_code", json_integer(0));
}

/* Returns false after saying all that is wrong. */
static bool read_question(const struct cli *cli, struct question *question)
{
	struct pps_errors *errors = &question->errors;
	int source, destination;

	read_direction(question, cli->argv[0]);
	question->protocol = protocol_word(cli->argv[1], errors);
	if (question->protocol != NULL)
		json_object_set_new(question->params, "protocol", json_string(question->protocol));
	source = read_end(question, "source", cli->argv[2], SOURCE_PORT_DEFAULT);
	destination = read_end(question, "destination", cli->argv[3], 0);
	check_family(question, source, destination);
	words_parse(&explain_words, cli->argc - 4, cli->argv + 4, question->params, errors);
	check_details(question);

	for (size_t i = 0; i + 1 < errors->n; i++)
		failure(cli, "%s", errors->items[i].text);
	if (errors->n > 0)
		usage_error(cli, "%s", errors->items[errors->n - 1].text);
	return errors->n == 0;
}

/* ---- the answer ---- */

/* The number of a step in the law, 0 for a word that is none. Daemons name it by word. */
static unsigned int step_number(const json_t *step)
{
	const json_t *value = json_object_get(step, "step");

	for (unsigned int i = PPS_STEP_LINK; i <= PPS_STEP_ACCOUNT; i++) {
		if (json_is_string(value) &&
			strcmp(pps_step_word(i), json_string_value(value)) == 0)
			return i;
		if (json_is_integer(value) && json_integer_value(value) == i)
			return i;
	}
	return 0;
}

static void print_step(struct table *table, const json_t *step)
{
	const char *result = get_text(step, "result");
	unsigned int number = step_number(step);
	enum style style = strcmp(result, "drop") == 0 ? STYLE_BAD
		: strcmp(result, "not reached") == 0   ? STYLE_DIM
						       : STYLE_GOOD;

	if (number == 0)
		table_cell(table, STYLE_PLAIN, "-");
	else
		table_cell(table, STYLE_PLAIN, "%u", number);
	table_cell(table, STYLE_PLAIN, "%s",
		number == 0 ? get_text(step, "step") : pps_step_word(number));
	table_cell(table, style, "%s", result);
	table_cell(table, STYLE_PLAIN, "%s", get_text(step, "text"));
}

static void print_flow(struct output *o, const json_t *flow)
{
	const json_t *packets = json_object_get(flow, "packets");

	if (!json_is_object(flow))
		return;
	out_end(o);
	out_line(o, STYLE_PLAIN,
		"part of a live flow: %s, started %s, idle %s of %s, %s + %s packets",
		get_text(flow, "state"), WHEN(get_text(flow, "started")),
		DURATION(get_count(flow, "idle_ms")), DURATION(get_count(flow, "timeout_ms")),
		COUNT(get_count(packets, "initiator")), COUNT(get_count(packets, "responder")));
}

/* What each of the nearest rules would have wanted. */
static void print_nearest(struct output *o, const json_t *nearest)
{
	const json_t *near, *miss;
	size_t i, k;

	if (json_array_size(nearest) == 0)
		return;
	out_end(o);
	out_line(o, STYLE_BOLD, "the rules that come nearest");
	json_array_foreach(nearest, i, near)
	{
		const json_t *rule = json_object_get(near, "rule");

		out_line(o, STYLE_PLAIN, "  %s (%s): %s %s, %s -> %s", get_text(rule, "id"),
			get_text(rule, "kind"), get_text(rule, "direction"),
			get_text(rule, "traffic"), get_text(rule, "source"),
			get_text(rule, "destination"));
		json_array_foreach(json_object_get(near, "misses"), k, miss)
			out_line(o, STYLE_PLAIN, "    %-13s%s", get_text(miss, "field"),
				get_text(miss, "text"));
	}
}

static void print_verdict(struct output *o, const json_t *answer)
{
	const json_t *policy = json_object_get(answer, "policy");
	const json_t *rule = json_object_get(answer, "rule");
	bool pass = strcmp(get_text(answer, "verdict"), "pass") == 0;
	const char *mode = get_text(answer, "mode");
	bool enforces = *mode == '\0' || strcmp(mode, "inline") == 0;

	out_end(o);
	out(o, pass ? STYLE_GOOD : STYLE_BAD, "%s",
		pass               ? "PASS"
			: enforces ? "DROP"
				   : "WOULD BE DROPPED");
	if (!pass)
		out(o, STYLE_BOLD, " %s", get_text(answer, "reason"));
	else if (json_is_object(rule))
		out(o, STYLE_PLAIN, " by rule %s", get_text(rule, "id"));
	out_line(o, STYLE_PLAIN, ": %s", get_text(answer, "text"));
	if (!pass && !enforces)
		out_line(o, STYLE_BAD, "but it is not: nothing is blocked in %s mode", mode);
	if (json_is_object(policy))
		out_line(o, STYLE_DIM, "judged by policy %s revision %" PRIu64,
			get_text(policy, "name"), get_count(policy, "revision"));
}

void print_explanation(struct output *o, const json_t *answer)
{
	static const struct column columns[] = {{.title = "", .right = true}, {.title = "STEP"},
		{.title = "RESULT"}, {.title = ""}};
	struct table *table = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(answer, "steps"), i, step) print_step(table, step);
	table_print(table, o, 0, true);
	table_destroy(table);
	print_rule(o, json_object_get(answer, "rule"),
		get_text(json_object_get(answer, "policy"), "authority"));
	print_nearest(o, json_object_get(answer, "nearest"));
	print_flow(o, json_object_get(answer, "flow"));
	print_verdict(o, answer);
}

static void print_question(struct output *o, const json_t *params)
{
	struct pps_str text = PPS_STR_INIT;

	pps_str_addf(&text, "%s ", get_text(params, "direction"));
	add_protocol(&text, params);
	if (get_has(params, "icmp_code"))
		pps_str_addf(&text, " code %" PRIu64, get_count(params, "icmp_code"));
	if (get_has(params, "tcp_flags"))
		pps_str_addf(&text, " (%s)", get_text(params, "tcp_flags"));
	pps_str_add(&text, " ");
	add_endpoint(&text, params, "source");
	pps_str_add(&text, " -> ");
	add_endpoint(&text, params, "destination");
	out_line(o, STYLE_BOLD, "%s", pps_str_text(&text));
	out_end(o);
	pps_str_fini(&text);
}

enum status cmd_explain(struct cli *cli)
{
	struct question question = {0};
	enum status status = CLI_USAGE;
	json_t *answer;

	if (cli->pcap != NULL)
		return explain_pcap(cli);
	if (cli->max != 0)
		return usage_error(cli, "--max is for --pcap");
	if (!has_arguments(cli, 4, 4 + 2 * (int)explain_words.n))
		return CLI_USAGE;
	question.params = json_object();
	if (!read_question(cli, &question))
		goto free_question;
	status = call_daemon(cli, "explain", json_incref(question.params), &answer);
	if (status != CLI_OK)
		goto free_question;
	if (cli->json) {
		out_json(&cli->out, answer);
	} else {
		print_question(&cli->out, question.params);
		print_explanation(&cli->out, answer);
	}
	json_decref(answer);
free_question:
	pps_errors_fini(&question.errors);
	json_decref(question.params);
	return status;
}
