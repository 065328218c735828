/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>
#include <pps_shape.h>
#include <pps_signature.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- check ---- */

/* The errors are what was asked for: they go to standard output. */
static void print_errors(struct cli *cli, const struct pps_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct pps_error *item = &errors->items[i];

		out_line(&cli->out, STYLE_PLAIN, "%s: %s%s%s", cli->argv[0], item->path,
			*item->path == '\0' ? "" : ": ", item->text);
	}
	out(&cli->out, STYLE_PLAIN, "%s: ", cli->argv[0]);
	out(&cli->out, STYLE_BAD, "not ok");
	out_line(&cli->out, STYLE_PLAIN, ": %zu error%s%s", errors->n_total,
		plural(errors->n_total), errors->n_total > errors->n ? ", not all shown" : "");
}

static json_t *make_findings(const struct pps_findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->n; i++) {
		const struct pps_finding *item = &findings->items[i];

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:o, s:o, s:o}", "severity",
				pps_severity_word(item->severity), "finding",
				pps_finding_word(item->kind), "path", make_text(item->path), "text",
				make_text(item->text), "advice", make_text(item->advice)));
	}
	return list;
}

static void print_check_json(struct cli *cli, const struct pps_policy *policy,
	const struct pps_errors *errors, const struct pps_findings *findings, bool ok)
{
	json_t *answer = json_pack("{s:o, s:b, s:o, s:o}", "file", make_text(cli->argv[0]), "ok",
		ok, "errors", make_errors(errors), "findings", make_findings(findings));

	if (policy != NULL)
		json_object_set_new(answer, "policy",
			json_pack("{s:s, s:I, s:s?, s:s, s:{s:I, s:I, s:I}}", "name", policy->name,
				"revision", (json_int_t)policy->revision, "authority",
				policy->authority, "digest", policy->digest, "rules", "approved",
				(json_int_t)policy->n_approved, "exceptions",
				(json_int_t)policy->n_exceptions, "banned",
				(json_int_t)policy->n_bans));
	else
		json_object_set_new(answer, "policy", json_null());
	out_json(&cli->out, answer);
	json_decref(answer);
}

static void print_findings(struct cli *cli, const struct pps_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct pps_finding *item = &findings->items[i];
		static const enum style styles[] = {
			[PPS_SEVERITY_NOTE] = STYLE_DIM,
			[PPS_SEVERITY_WARNING] = STYLE_WARNING,
			[PPS_SEVERITY_ERROR] = STYLE_BAD,
		};

		out(&cli->out, STYLE_PLAIN, "%s: %s: ", cli->argv[0], item->path);
		out(&cli->out, styles[item->severity], "%s", pps_severity_word(item->severity));
		out_line(&cli->out, STYLE_PLAIN, ": %s; %s [%s]", item->text, item->advice,
			pps_finding_word(item->kind));
	}
}

static void print_verdict(struct cli *cli, const struct pps_policy *policy, bool ok)
{
	out(&cli->out, STYLE_PLAIN, "%s: ", cli->argv[0]);
	out(&cli->out, ok ? STYLE_GOOD : STYLE_BAD, "%s", ok ? "ok" : "not ok");
	out_line(&cli->out, STYLE_PLAIN,
		": policy %s revision %" PRIu64 ", %zu approved, %zu exception%s, %zu ban%s",
		policy->name, policy->revision, policy->n_approved, policy->n_exceptions,
		plural(policy->n_exceptions), policy->n_bans, plural(policy->n_bans));
}

enum status cmd_check(struct cli *cli)
{
	enum pps_severity worst = cli->strict ? PPS_SEVERITY_NOTE : PPS_SEVERITY_WARNING;
	struct pps_findings findings = {0};
	struct pps_errors errors = {0};
	uint64_t now_ns = pps_time_wall_ns();
	struct pps_policy *policy;
	bool ok;

	if (!has_arguments(cli, 1, 1))
		return CLI_USAGE;
	policy = pps_policy_load(cli->argv[0], &errors);
	ok = policy != NULL;
	if (policy != NULL) {
		pps_shape_lint(policy, now_ns, &findings);
		pps_policy_lint(policy, now_ns, &findings);
	}
	for (size_t i = 0; i < findings.n; i++)
		ok = ok && findings.items[i].severity <= worst;

	if (cli->json) {
		print_check_json(cli, policy, &errors, &findings, ok);
	} else if (policy == NULL) {
		print_errors(cli, &errors);
	} else {
		print_findings(cli, &findings);
		print_verdict(cli, policy, ok);
	}
	pps_findings_fini(&findings);
	pps_errors_fini(&errors);
	pps_policy_destroy(policy);
	return ok ? CLI_OK : CLI_FAILED;
}

/* ---- load ---- */

static void say_errors(const struct cli *cli, const char *path, const struct pps_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct pps_error *item = &errors->items[i];

		failure(cli, "%s: %s%s%s", path, item->path, *item->path == '\0' ? "" : ": ",
			item->text);
	}
	if (errors->n_total > errors->n)
		failure(cli, "%s: ... and %zu more", path, errors->n_total - errors->n);
}

/* Says why a policy will not do. */
static void refuse(struct cli *cli, const char *path, const struct pps_errors *errors)
{
	say_errors(cli, path, errors);
	print_errors_json(cli, "not sent", errors);
}

struct pps_policy *read_policy(struct cli *cli, const char *path, struct pps_policy_bundle *bundle)
{
	struct pps_policy_bundle own = {0};
	struct pps_errors errors = {0};
	struct pps_policy *policy = NULL;

	if (bundle == NULL)
		bundle = &own;
	if (pps_policy_bundle_read(path, bundle, &errors))
		policy = pps_policy_parse_bundle(bundle, &errors);
	if (policy == NULL)
		refuse(cli, path, &errors);
	pps_errors_fini(&errors);
	pps_policy_bundle_fini(&own);
	return policy;
}

struct pps_policy *read_new_policy(
	struct cli *cli, const char *path, struct pps_policy_bundle *bundle)
{
	struct pps_policy *policy = read_policy(cli, path, bundle);
	struct pps_errors errors = {0};

	if (policy == NULL || pps_shape_fits(policy, pps_time_wall_ns(), &errors))
		return policy;
	refuse(cli, path, &errors);
	pps_errors_fini(&errors);
	pps_policy_destroy(policy);
	return NULL;
}

/* The signatures beside the file. What cannot be read is said: whether it matters is the daemon's
 * to decide. */
static void read_signatures(const struct cli *cli, struct pps_policy_bundle *bundle)
{
	struct pps_errors errors = {0};

	if (!pps_signature_read(cli->argv[0], bundle, &errors))
		say_errors(cli, cli->argv[0], &errors);
	for (size_t i = 0; i < bundle->n_signatures; i++) {
		if (bundle->signatures[i].error < 0)
			failure(cli, "%s is not sent: %s", bundle->signatures[i].name,
				pps_file_error(bundle->signatures[i].error));
	}
	pps_errors_fini(&errors);
}

/* The file's full name, for the record; as it was given where that fails. */
static json_t *file_name(const char *path)
{
	char *full = realpath(path, NULL);
	json_t *name = make_text(full == NULL ? path : full);

	free(full);
	return name;
}

json_t *bundle_params(const struct pps_policy_bundle *bundle)
{
	json_t *params = json_object(), *files;

	json_object_set_new(params, "text", json_stringn(bundle->text, bundle->len));
	if (bundle->n_files == 0)
		return params;
	files = json_object();
	for (size_t i = 0; i < bundle->n_files; i++)
		json_object_set_new(files, bundle->files[i].name,
			json_stringn(bundle->files[i].text, bundle->files[i].len));
	json_object_set_new(params, "files", files);
	return params;
}

/* With --diff shows it first; false when that failed. */
static bool show_diff(struct cli *cli, const struct pps_policy *policy,
	const struct pps_policy_bundle *bundle, json_t **ret_diff)
{
	*ret_diff = NULL;
	if (!cli->diff)
		return true;
	*ret_diff = diff_running(cli, policy, bundle);
	if (*ret_diff != NULL && !cli->json)
		print_diff(cli, *ret_diff);
	return *ret_diff != NULL;
}

static void print_loaded(struct cli *cli, const json_t *answer)
{
	const json_t *rules = json_object_get(answer, "rules");
	const json_t *flows = json_object_get(answer, "flows");
	const json_t *pending = json_object_get(json_object_get(answer, "change"), "pending");
	uint64_t n = get_count(rules, "approved") + get_count(rules, "exceptions") +
		get_count(rules, "banned");
	char *signers = signers_text(json_object_get(answer, "signers"));

	out_line(&cli->out, STYLE_PLAIN,
		"policy %s revision %" PRIu64 " in force: %" PRIu64 " rule%s; flows: %" PRIu64
		" kept, %" PRIu64 " re-bound, %" PRIu64 " cut",
		get_text(answer, "name"), get_count(answer, "revision"), n, plural(n),
		get_count(flows, "kept"), get_count(flows, "rebound"), get_count(flows, "cut"));
	if (*signers != '\0')
		out_line(&cli->out, STYLE_PLAIN, "signed by %s", signers);
	free(signers);
	if (json_is_object(pending))
		out_line(&cli->out, STYLE_WARNING,
			"it is rolled back at %s unless \"ppsfw confirm\" comes before",
			get_text(pending, "until"));
}

enum status cmd_load(struct cli *cli)
{
	struct pps_policy_bundle bundle = {0};
	json_t *params = NULL, *diff = NULL, *answer;
	struct pps_policy *policy;

	if (!has_arguments(cli, 1, 1))
		return CLI_USAGE;
	policy = read_new_policy(cli, cli->argv[0], &bundle);
	if (policy != NULL && show_diff(cli, policy, &bundle, &diff)) {
		read_signatures(cli, &bundle);
		params = bundle_params(&bundle);
		json_object_set_new(params, "name", file_name(cli->argv[0]));
		if (bundle.n_signatures > 0)
			json_object_set_new(
				params, "signatures", pps_signature_files_json(&bundle));
	}
	if (params != NULL && cli->confirm_sec > 0)
		json_object_set_new(
			params, "confirm_sec", json_integer((json_int_t)cli->confirm_sec));
	if (params != NULL && cli->force)
		json_object_set_new(params, "force", json_true());
	pps_policy_destroy(policy);
	pps_policy_bundle_fini(&bundle);
	if (params == NULL || call_daemon(cli, "load", params, &answer) != CLI_OK) {
		json_decref(diff);
		return CLI_FAILED;
	}
	if (diff != NULL)
		json_object_set_new(answer, "diff", diff);
	if (cli->json)
		out_json(&cli->out, answer);
	else if (cli->verbose || cli->out.terminal)
		print_loaded(cli, answer);
	json_decref(answer);
	return CLI_OK;
}

/* ---- show ---- */

/* "12 of 10000 live, 50 a source, 500/s": the limits of a rule, "-" for none. */
static void add_limits(struct table *table, const json_t *rule)
{
	const json_t *limits = json_object_get(rule, "limits");
	uint64_t flows = get_count(limits, "flows");
	uint64_t per_source = get_count(limits, "flows_per_source");
	uint64_t rate = get_count(limits, "new_flows_per_second");
	struct pps_str text = PPS_STR_INIT;
	bool full = flows > 0 && get_count(rule, "live") >= flows;

	if (flows > 0)
		pps_str_addf(
			&text, "%" PRIu64 " of %" PRIu64 " live", get_count(rule, "live"), flows);
	if (per_source > 0)
		pps_str_addf(&text, "%s%" PRIu64 " a source", text.len > 0 ? ", " : "", per_source);
	if (rate > 0)
		pps_str_addf(&text, "%s%" PRIu64 "/s", text.len > 0 ? ", " : "", rate);
	table_cell(table, full ? STYLE_BAD : STYLE_PLAIN, "%s",
		text.len > 0 ? pps_str_text(&text) : "-");
	pps_str_fini(&text);
}

static void add_rule(struct table *table, const json_t *rule)
{
	const char *expires = get_text(rule, "expires");
	bool expired = get_flag(rule, "expired");
	const char *kind = get_text(rule, "kind");
	const char *assurance = get_text(rule, "assurance");
	const char *approved_by = get_text(rule, "approved_by");

	table_cell(table, STYLE_BOLD, "%s", get_text(rule, "id"));
	table_cell(table, strcmp(kind, "ban") == 0 ? STYLE_BAD : STYLE_PLAIN, "%s", kind);
	table_cell(table, STYLE_PLAIN, "%s", get_text(rule, "direction"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(rule, "traffic"));
	table_cell(table, STYLE_PLAIN, "%s -> %s", get_text(rule, "source"),
		get_text(rule, "destination"));
	table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(rule, "packets")));
	table_cell(table, STYLE_PLAIN, "%s", BYTES(get_count(rule, "bytes")));
	table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(rule, "flows")));
	add_limits(table, rule);
	table_cell(table, STYLE_PLAIN, "%s", WHEN(get_text(rule, "last")));
	table_cell(table, STYLE_PLAIN, "%s", *assurance == '\0' ? "-" : assurance);
	table_cell(table, STYLE_PLAIN, "%s", *approved_by == '\0' ? "-" : approved_by);
	table_cell(table, expired ? STYLE_BAD : STYLE_PLAIN, "%s%s", expired ? "EXPIRED " : "",
		expires);
}

static void print_rules(struct cli *cli, const json_t *rules)
{
	static const struct column columns[] = {{.title = "ID"}, {.title = "KIND"},
		{.title = "DIRECTION"}, {.title = "TRAFFIC", .most = 28},
		{.title = "SOURCE -> DESTINATION", .most = 40}, {.title = "PACKETS", .right = true},
		{.title = "BYTES", .right = true}, {.title = "FLOWS", .right = true},
		{.title = "LIMITS", .most = 40}, {.title = "LAST HIT"}, {.title = "ASSURANCE"},
		{.title = "APPROVED BY", .most = 24}, {.title = "EXPIRES"}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) add_rule(table, rule);
	table_print(table, &cli->out, 0, cli->verbose);
	table_destroy(table);
	if (!cli->verbose)
		return;
	json_array_foreach(rules, i, rule) print_rule(&cli->out, rule, "");
}

static void add_exception(struct table *table, const json_t *rule)
{
	const json_t *overrides = json_object_get(rule, "overrides"), *ban;
	bool expired = get_flag(rule, "expired");
	struct pps_str bans = PPS_STR_INIT;
	size_t i;

	json_array_foreach(overrides, i, ban) pps_str_addf(&bans, "%s%s", bans.len > 0 ? ", " : "",
		json_is_string(ban) ? json_string_value(ban) : "");
	table_cell(table, STYLE_BOLD, "%s", get_text(rule, "id"));
	table_cell(table, expired ? STYLE_BAD : STYLE_PLAIN, "%s%s", expired ? "EXPIRED " : "",
		get_text(rule, "expires"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(rule, "direction"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(rule, "traffic"));
	table_cell(table, STYLE_PLAIN, "%s -> %s", get_text(rule, "source"),
		get_text(rule, "destination"));
	table_cell(table, STYLE_PLAIN, "%s", bans.len > 0 ? pps_str_text(&bans) : "-");
	table_cell(table, STYLE_PLAIN, "%s", COUNT(get_count(rule, "live")));
	table_cell(table, STYLE_PLAIN, "%s", WHEN(get_text(rule, "last")));
	table_cell(table, STYLE_PLAIN, "%s", get_text(rule, "approved_by"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(rule, "reason"));
	pps_str_fini(&bans);
}

static void print_exceptions(struct cli *cli, const json_t *list)
{
	static const struct column columns[] = {{.title = "ID"}, {.title = "ENDS"},
		{.title = "DIRECTION"}, {.title = "TRAFFIC", .most = 28},
		{.title = "SOURCE -> DESTINATION", .most = 40}, {.title = "OVERRIDES", .most = 24},
		{.title = "LIVE", .right = true}, {.title = "LAST HIT"},
		{.title = "APPROVED BY", .most = 24}, {.title = "REASON", .most = 40}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	const json_t *rule;
	size_t i;

	json_array_foreach(list, i, rule) add_exception(table, rule);
	table_print(table, &cli->out, 0, cli->verbose);
	table_destroy(table);
	if (!cli->verbose)
		return;
	json_array_foreach(list, i, rule) print_rule(&cli->out, rule, "");
}

/* A method that answers with one list, which 'print' prints, or 'none' when it is empty. */
static enum status show_list(struct cli *cli, const char *method, const char *key,
	void (*print)(struct cli *, const json_t *), const char *none)
{
	const json_t *list;
	json_t *answer;

	if (!has_arguments(cli, 0, 0))
		return CLI_USAGE;
	if (call_daemon(cli, method, json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	list = json_object_get(answer, key);
	if (cli->json)
		out_json(&cli->out, answer);
	else if (json_array_size(list) == 0)
		out_line(&cli->out, STYLE_PLAIN, "%s", none);
	else
		print(cli, list);
	json_decref(answer);
	return CLI_OK;
}

enum status cmd_show_rules(struct cli *cli)
{
	return show_list(cli, "show_rules", "rules", print_rules, "no rules: nothing passes");
}

enum status cmd_show_exceptions(struct cli *cli)
{
	return show_list(cli, "show_exceptions", "exceptions", print_exceptions, "no exceptions");
}

enum status cmd_show_policy(struct cli *cli)
{
	json_t *answer;

	if (!has_arguments(cli, 0, 0))
		return CLI_USAGE;
	if (call_daemon(cli, "show_policy", json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	if (cli->json) {
		out_json(&cli->out, answer);
	} else {
		print_policy_lines(cli, json_object_get(answer, "policy"));
		if (json_is_object(json_object_get(answer, "document"))) {
			out_end(&cli->out);
			out_document(&cli->out, json_object_get(answer, "document"));
		}
	}
	json_decref(answer);
	return CLI_OK;
}
