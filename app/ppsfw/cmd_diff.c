/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * diff: what another policy would permit. It is worked out here, not in the daemon, which is only
 * asked for the text of the policy in force and for the live flows that the new one would cut.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>

#include "cli.h"

#define REGIONS_SHOWN 100 /* of a kind, without --max */

/* ---- for people ---- */

/* A heading with its number; false when there is nothing under it. */
static bool print_heading(struct cli *cli, const char *title, size_t n)
{
	if (n > 0)
		out_line(&cli->out, STYLE_BOLD, "%s (%zu):", title, n);
	return n > 0;
}

/* "not approved", "banned by BAN-1", "PPS-0001 (CMB 2026-031)". */
static char *side_text(const json_t *side)
{
	const char *decision = get_text(side, "decision"), *rule = get_text(side, "rule");
	const char *by = get_text(side, "approved_by");

	if (strcmp(decision, "banned") == 0)
		return pps_asprintf("banned by %s", rule);
	if (strcmp(decision, "exception_expired") == 0)
		return pps_asprintf("exception %s is over", rule);
	if (strcmp(decision, "pass") != 0)
		return pps_strdup("not approved");
	return *by == '\0' ? pps_strdup(rule) : pps_asprintf("%s (%s)", rule, by);
}

static void print_regions(struct cli *cli, const json_t *diff, const char *key, const char *title,
	const char *sign, enum style style)
{
	const json_t *list = json_object_get(diff, key), *region;
	size_t most = cli->max > 0 ? cli->max : REGIONS_SHOWN, i;

	if (!print_heading(cli, title, json_array_size(list)))
		return;
	json_array_foreach(list, i, region)
	{
		char *was, *is;

		if (i == most)
			break;
		was = side_text(json_object_get(region, "old"));
		is = side_text(json_object_get(region, "new"));
		out(&cli->out, style, "  %s %s", sign, get_text(region, "text"));
		out_line(&cli->out, STYLE_PLAIN, "  [%s -> %s]", was, is);
		free(was);
		free(is);
	}
	if (json_array_size(list) > most)
		out_line(&cli->out, STYLE_PLAIN, "  ... and %zu more (--max N shows N, --json all)",
			json_array_size(list) - most);
}

/* A value in a line: texts as they are, the rest as JSON, nothing as "-". */
static char *value_text(const json_t *value)
{
	char *dump, *text;

	if (value == NULL || json_is_null(value))
		return pps_strdup("-");
	if (json_is_string(value))
		return pps_strdup(json_string_value(value));
	dump = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	text = pps_strdup(dump != NULL ? dump : "?");
	free(dump);
	return text;
}

static void print_change(struct cli *cli, const char *before, const json_t *change)
{
	char *was = value_text(json_object_get(change, "old"));
	char *is = value_text(json_object_get(change, "new"));

	out_line(&cli->out, STYLE_PLAIN, "  ~ %s%s: %s -> %s", before, get_text(change, "field"),
		was, is);
	free(was);
	free(is);
}

static void print_changes(struct cli *cli, const json_t *diff, const char *key, const char *title)
{
	const json_t *list = json_object_get(diff, key), *change;
	size_t i;

	print_heading(cli, title, json_array_size(list));
	json_array_foreach(list, i, change) print_change(cli, "", change);
}

static void print_ranges(struct cli *cli, const char *what, const char *list, const json_t *part)
{
	const json_t *ranges = json_object_get(part, "ranges"), *range;
	uint64_t n = get_count(part, "count");
	size_t i;

	json_array_foreach(ranges, i, range) out_line(
		&cli->out, STYLE_PLAIN, "  %s %s %s", what, list, json_string_value(range));
	if (n > json_array_size(ranges))
		out_line(&cli->out, STYLE_PLAIN, "  %s %s ... and %" PRIu64 " more ranges", what,
			list, n - json_array_size(ranges));
}

static void print_sources(struct cli *cli, const json_t *diff)
{
	const json_t *list = json_object_get(diff, "sources"), *change;
	size_t i;

	print_heading(cli, "source lists", json_array_size(list));
	json_array_foreach(list, i, change)
	{
		print_ranges(cli, "+", get_text(change, "list"), json_object_get(change, "added"));
		print_ranges(
			cli, "-", get_text(change, "list"), json_object_get(change, "removed"));
	}
}

static void print_rule_change(struct cli *cli, const json_t *rule)
{
	const json_t *traffic = json_object_get(rule, "traffic"), *item;
	char *before = pps_asprintf("%s ", get_text(rule, "rule"));
	size_t i;

	if (strcmp(get_text(rule, "change"), "changed") != 0)
		out_line(&cli->out, STYLE_PLAIN, "  %s %s %s",
			strcmp(get_text(rule, "change"), "added") == 0 ? "+" : "-",
			get_text(rule, "rule"), get_text(rule, "change"));
	json_array_foreach(traffic, i, item) out_line(&cli->out, STYLE_PLAIN,
		"  ~ %s names other traffic: %s", get_text(rule, "rule"), json_string_value(item));
	json_array_foreach(json_object_get(rule, "fields"), i, item)
		print_change(cli, before, item);
	free(before);
}

static void print_rules(struct cli *cli, const json_t *diff)
{
	const json_t *list = json_object_get(diff, "rules"), *rule;
	size_t i;

	print_heading(cli, "rules", json_array_size(list));
	json_array_foreach(list, i, rule) print_rule_change(cli, rule);
}

static void print_windows(struct cli *cli, const json_t *diff)
{
	const json_t *list = json_object_get(diff, "exceptions"), *item;
	size_t i;

	print_heading(cli, "ends of exceptions", json_array_size(list));
	json_array_foreach(list, i, item)
	{
		char *was = value_text(json_object_get(item, "old"));
		char *is = value_text(json_object_get(item, "new"));
		bool removed = get_flag(item, "removed");

		out_line(&cli->out, get_flag(item, "expired") ? STYLE_WARNING : STYLE_PLAIN,
			"  ~ %s: %s -> %s%s", get_text(item, "rule"), was, removed ? "removed" : is,
			get_flag(item, "expired") ? " (over: it permits nothing)" : "");
		free(was);
		free(is);
	}
}

static void print_flows(struct cli *cli, const json_t *flows)
{
	const json_t *list = json_object_get(flows, "flows"), *flow;
	uint64_t cut = get_count(flows, "cut");
	size_t i;

	if (flows == NULL)
		return;
	out_line(&cli->out, cut > 0 ? STYLE_BAD : STYLE_PLAIN,
		"live flows: %" PRIu64 " would be cut, %" PRIu64 " re-bound, %" PRIu64 " kept", cut,
		get_count(flows, "rebound"), get_count(flows, "kept"));
	json_array_foreach(list, i, flow)
	{
		struct pps_str text = PPS_STR_INIT;

		pps_str_addf(&text, "%s ", get_text(flow, "direction"));
		add_protocol(&text, flow);
		pps_str_add(&text, " ");
		add_endpoint(&text, flow, "source");
		pps_str_add(&text, " -> ");
		add_endpoint(&text, flow, "destination");
		out_line(&cli->out, STYLE_PLAIN, "  - %s  [%s -> %s]", pps_str_text(&text),
			get_text(flow, "rule"), get_text(flow, "reason"));
		pps_str_fini(&text);
	}
	if (cut > json_array_size(list))
		out_line(&cli->out, STYLE_PLAIN, "  ... and %" PRIu64 " more",
			cut - json_array_size(list));
}

void print_diff(struct cli *cli, const json_t *diff)
{
	const json_t *was = json_object_get(diff, "old"), *is = json_object_get(diff, "new");

	out_line(&cli->out, STYLE_PLAIN,
		"policy %s revision %" PRIu64 " -> %s revision %" PRIu64 ", as of %s",
		get_text(was, "name"), get_count(was, "revision"), get_text(is, "name"),
		get_count(is, "revision"), get_text(diff, "as_of"));
	print_regions(cli, diff, "allowed", "newly allowed", "+", STYLE_WARNING);
	print_regions(cli, diff, "denied", "newly denied", "-", STYLE_BAD);
	print_regions(cli, diff, "rebound", "allowed by another rule", "=", STYLE_PLAIN);
	print_changes(cli, diff, "link", "link");
	print_sources(cli, diff);
	print_rules(cli, diff);
	print_windows(cli, diff);
	print_changes(cli, diff, "settings", "settings");
	print_flows(cli, json_object_get(diff, "flows"));
	if (!get_flag(diff, "traffic_differs"))
		out_line(&cli->out, STYLE_GOOD, "the same traffic passes");
}

/* ---- the command ---- */

/* The difference, or NULL after saying why there is none. */
static json_t *compare(
	struct cli *cli, const struct pps_policy *before, const struct pps_policy *after)
{
	struct pps_errors errors = {0};
	json_t *diff = NULL;

	if (before != NULL && after != NULL)
		diff = pps_diff_json(before, after, pps_time_wall_ns(), &errors);
	for (size_t i = 0; i < errors.n; i++)
		failure(cli, "%s", errors.items[i].text);
	if (errors.n > 0)
		print_errors_json(cli, "no answer", &errors);
	pps_errors_fini(&errors);
	return diff;
}

static json_t *diff_files(struct cli *cli)
{
	struct pps_policy *before = read_policy(cli, cli->argv[0], NULL);
	struct pps_policy *after = read_policy(cli, cli->argv[1], NULL);
	json_t *diff = compare(cli, before, after);

	pps_policy_destroy(before);
	pps_policy_destroy(after);
	return diff;
}

/* Adds a text of the daemon's to a part of a bundle. */
static char *take_text(const json_t *text, size_t *ret_len)
{
	struct pps_str copy = PPS_STR_INIT;

	pps_str_add_bytes(&copy, json_string_value(text), json_string_length(text));
	*ret_len = copy.len;
	return pps_str_take(&copy);
}

/* The policy of an answer with its text and files, or NULL after saying why not. */
static struct pps_policy *told_policy(struct cli *cli, const json_t *answer, const char *what)
{
	struct pps_policy_bundle bundle = {0};
	struct pps_errors errors = {0};
	struct pps_policy *policy;
	const char *name;
	json_t *file;

	bundle.text = take_text(json_object_get(answer, "text"), &bundle.len);
	json_object_foreach(json_object_get(answer, "files"), name, file)
	{
		struct pps_policy_part *part = pps_policy_bundle_add(&bundle, name);

		part->text = take_text(file, &part->len);
	}
	policy = pps_policy_parse_bundle(&bundle, &errors);
	for (size_t i = 0; i < errors.n; i++)
		failure(cli, "%s: %s: %s", what, errors.items[i].path, errors.items[i].text);
	if (policy == NULL)
		print_errors_json(cli, "no answer", &errors);
	pps_errors_fini(&errors);
	pps_policy_bundle_fini(&bundle);
	return policy;
}

/* The policy in force, or NULL after saying why not. */
static struct pps_policy *running_policy(struct cli *cli)
{
	struct pps_policy *policy;
	json_t *answer;

	if (call_daemon(cli, "policy_text", json_object(), &answer) != CLI_OK)
		return NULL;
	policy = told_policy(cli, answer, "the policy in force");
	json_decref(answer);
	return policy;
}

json_t *diff_running(
	struct cli *cli, const struct pps_policy *after, const struct pps_policy_bundle *bundle)
{
	struct pps_policy *before = running_policy(cli);
	json_t *diff = before != NULL ? compare(cli, before, after) : NULL;
	json_t *params, *flows;

	pps_policy_destroy(before);
	if (diff == NULL)
		return NULL;
	params = bundle_params(bundle);
	if (cli->max > 0)
		json_object_set_new(params, "max", json_integer((json_int_t)cli->max));
	if (call_daemon(cli, "diff_flows", params, &flows) != CLI_OK) {
		json_decref(diff);
		return NULL;
	}
	json_object_set_new(diff, "flows", flows);
	return diff;
}

static json_t *diff_new(struct cli *cli)
{
	struct pps_policy_bundle bundle = {0};
	struct pps_policy *after = read_new_policy(cli, cli->argv[0], &bundle);
	json_t *diff = after != NULL ? diff_running(cli, after, &bundle) : NULL;

	pps_policy_destroy(after);
	pps_policy_bundle_fini(&bundle);
	return diff;
}

/* A policy of the history, with the number of the one before it; NULL after saying why not. */
static struct pps_policy *recorded_policy(struct cli *cli, json_t *params, char **ret_before)
{
	struct pps_policy *policy;
	json_t *answer;
	uint64_t before;

	if (params == NULL || call_daemon(cli, "history", params, &answer) != CLI_OK)
		return NULL;
	policy = told_policy(cli, answer, "the policy of the history");
	before = get_count(json_object_get(answer, "entry"), "before");
	if (ret_before != NULL)
		*ret_before = pps_asprintf("%" PRIu64, before);
	json_decref(answer);
	return policy;
}

static json_t *diff_history(struct cli *cli)
{
	char *before_text = NULL;
	struct pps_policy *before = NULL, *after;
	json_t *diff = NULL;

	after = recorded_policy(cli, history_params(cli, cli->argv[cli->argc - 1]), &before_text);
	if (after != NULL && cli->argc == 1 && strcmp(before_text, "0") == 0)
		failure(cli, "number %s of the history is the first: it changed nothing",
			cli->argv[0]);
	else if (after != NULL)
		before = recorded_policy(cli,
			history_params(cli, cli->argc == 2 ? cli->argv[0] : before_text), NULL);
	if (before != NULL)
		diff = compare(cli, before, after);
	free(before_text);
	pps_policy_destroy(before);
	pps_policy_destroy(after);
	return diff;
}

/* True when every word is a number of the history. */
static bool are_numbers(const struct cli *cli)
{
	for (int i = 0; i < cli->argc; i++) {
		json_t *params = history_params(cli, cli->argv[i]);

		if (params == NULL)
			return false;
		json_decref(params);
	}
	return true;
}

enum status cmd_diff(struct cli *cli)
{
	enum status status;
	json_t *diff;

	if (!has_arguments(cli, 1, 2) || (cli->history && !are_numbers(cli)))
		return CLI_USAGE;
	diff = cli->history ? diff_history(cli) : cli->argc == 2 ? diff_files(cli) : diff_new(cli);
	if (diff == NULL)
		return CLI_FAILED;
	if (cli->json)
		out_json(&cli->out, diff);
	else
		print_diff(cli, diff);
	status = get_flag(diff, "traffic_differs") ? CLI_FAILED : CLI_OK;
	json_decref(diff);
	return status;
}
