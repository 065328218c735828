/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of control methods, and the handlers that need no file of their own. */

#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include <pps_json.h>
#include <pps_signature.h>

#include "commands_priv.h"

#define EVENTS_DEFAULT 100

json_t *time_json(uint64_t ns, unsigned int digits)
{
	char text[PPS_TIME_TEXT_MAX];

	return ns == 0 ? json_null() : json_string(pps_time_format(ns, digits, text));
}

int segment_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_segments; i++) {
		if (strcmp(config->segments[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

/* ---- load ---- */

struct load_params {
	char *name;
	const json_t *text, *files, *signatures; /* borrowed */
	uint32_t confirm_sec;
	bool force;
};

static void read_value(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const json_t **kept = target;

	(void)aux;
	if (path->key[0] == 't' && !json_is_string(value))
		pps_json_error(errors, path, "%s is not a text", pps_json_quote(value));
	else if (path->key[0] != 't' && !json_is_object(value))
		pps_json_error(errors, path, "%s is not an object", pps_json_quote(value));
	else
		*kept = value;
}

static void read_confirm(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	json_int_t seconds = json_is_integer(value) ? json_integer_value(value) : 0;

	(void)aux;
	if (seconds < 1 || seconds > CHANGE_CONFIRM_SEC_MAX)
		pps_json_error(errors, path, "%s is not a number of seconds (1-%u)",
			pps_json_quote(value), CHANGE_CONFIRM_SEC_MAX);
	else
		*(uint32_t *)target = (uint32_t)seconds;
}

char *copy_text(const json_t *value, size_t *ret_len)
{
	struct pps_str text = PPS_STR_INIT;

	pps_str_add_bytes(&text, json_string_value(value), json_string_length(value));
	*ret_len = text.len;
	return pps_str_take(&text);
}

void read_files(const json_t *files, struct pps_policy_bundle *bundle, struct pps_errors *errors)
{
	struct pps_json_path top = {.key = "files"};
	const char *name;
	json_t *value;

	if (json_object_size(files) > PPS_POLICY_FILES_MAX) {
		pps_json_error(errors, &top, "more than %u files", PPS_POLICY_FILES_MAX);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)files, name, value)
	{
		struct pps_json_path path = {.parent = &top, .key = name};
		struct pps_policy_part *part;

		if (!json_is_string(value)) {
			pps_json_error(errors, &path, "%s is not a text", pps_json_quote(value));
			continue;
		}
		part = pps_policy_bundle_add(bundle, name);
		part->text = copy_text(value, &part->len);
	}
}

static void load(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	static const struct pps_json_field fields[] = {
		{.key = "name",
			.read = pps_json_read_string,
			.required = true,
			.offset = offsetof(struct load_params, name),
			.help = "file name, for the record"},
		{.key = "text",
			.read = read_value,
			.required = true,
			.offset = offsetof(struct load_params, text),
			.help = "the policy's bytes"},
		{.key = "files",
			.read = read_value,
			.offset = offsetof(struct load_params, files),
			.help = "contents of the files the policy names, by name"},
		{.key = "signatures",
			.read = read_value,
			.offset = offsetof(struct load_params, signatures),
			.help = "signature files, by name, in base64"},
		{.key = "confirm_sec",
			.read = read_confirm,
			.offset = offsetof(struct load_params, confirm_sec),
			.help = "it is rolled back unless it is confirmed within these"},
		{.key = "force",
			.read = pps_json_read_bool,
			.offset = offsetof(struct load_params, force),
			.help = "whatever its revision"},
	};
	struct manager *manager = aux;
	struct load_params read = {0};
	struct pps_errors errors = {0};
	struct reload_request request;
	struct reload_bundle *bundle = NULL;

	if (!pps_json_read_object(
		    params, NULL, fields, sizeof(fields) / sizeof(fields[0]), &read, NULL, &errors))
		goto err_params;
	bundle = reload_bundle_create();
	bundle->files.text = copy_text(read.text, &bundle->files.len);
	read_files(read.files, &bundle->files, &errors);
	if (read.signatures != NULL)
		pps_signature_files_read(read.signatures, &bundle->files, &errors);
	if (errors.n_total > 0)
		goto err_params;
	request = (struct reload_request){
		.cause = RELOAD_LOAD,
		.name = read.name,
		.bundle = bundle,
		.who = *pps_ctl_call_peer(call),
		.call = call,
		.confirm_sec = read.confirm_sec,
		.force = read.force,
	};
	if (reload_start(manager, &request))
		return;
	pps_ctl_fail(call, PPS_CTL_E_BUSY, NULL,
		"another policy is being taken into force; try again in a moment");
	goto out;

err_params:
	pps_ctl_fail_errors(
		call, PPS_CTL_E_PARAMS, "load takes a name, a text and perhaps files", &errors);
out:
	free(read.name);
	reload_bundle_release(bundle);
	pps_errors_fini(&errors);
}

/* ---- events ---- */

static uint64_t number(const json_t *params, const char *key, uint64_t otherwise)
{
	const json_t *value = json_object_get(params, key);

	return json_is_integer(value) && json_integer_value(value) >= 0
		? (uint64_t)json_integer_value(value)
		: otherwise;
}

static void events(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	const json_t *filter = json_object_get(params, "filter");
	struct pps_event_log_stats stats;
	json_t *result;

	if (filter != NULL && !json_is_object(filter)) {
		pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL,
			"\"filter\" is an object of members to match");
		return;
	}
	manager_drain(manager);
	pps_event_log_stats(manager->log, &stats);
	result = json_pack("{s:o, s:I}", "events",
		pps_event_log_tail(manager->log, filter, number(params, "since_seq", 0),
			(size_t)number(params, "max", EVENTS_DEFAULT)),
		"next_seq", (json_int_t)stats.written + 1);
	if (json_is_true(json_object_get(params, "follow")))
		pps_ctl_subscribe(call, filter != NULL ? json_deep_copy(filter) : NULL, result);
	else
		pps_ctl_reply(call, result);
}

/* ---- methods ---- */

static void methods(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	json_t *list = json_array();

	(void)params;
	(void)aux;
	for (size_t i = 0; i < n_commands; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s}", "name", command_table[i].name, "role",
				pps_ctl_role_word(command_table[i].role), "help",
				command_table[i].help));
	pps_ctl_reply(call, json_pack("{s:o}", "methods", list));
}

const struct pps_ctl_method command_table[] = {
	{"status", PPS_CTL_VIEW, command_status, "what runs, since when, and how it fares"},
	{"load", PPS_CTL_ADMIN, load, "take a policy into force"},
	{"confirm", PPS_CTL_ADMIN, command_confirm, "keep the policy that waits for it"},
	{"rollback", PPS_CTL_ADMIN, command_rollback, "go back to a policy confirmed before"},
	{"history", PPS_CTL_VIEW, command_history, "the policies that were loaded, or one whole"},
	{"show_rules", PPS_CTL_VIEW, command_show_rules, "the rules with approvals and counters"},
	{"show_flows", PPS_CTL_VIEW, command_show_flows, "live flows"},
	{"show_drops", PPS_CTL_VIEW, command_show_drops, "what was dropped, by reason"},
	{"show_sources", PPS_CTL_VIEW, command_show_sources,
		"the source lists and whom they stopped"},
	{"show_exceptions", PPS_CTL_VIEW, command_show_exceptions,
		"the exceptions, when they end and what they are used for"},
	{"show_policy", PPS_CTL_VIEW, command_show_policy, "the policy in force, resolved"},
	{"policy_text", PPS_CTL_ADMIN, command_policy_text,
		"the policy in force as it was read, with its files"},
	{"diff_flows", PPS_CTL_ADMIN, command_diff_flows,
		"which live flows another policy would cut"},
	{"kill_flows", PPS_CTL_ADMIN, command_kill_flows, "end live flows"},
	{"explain", PPS_CTL_VIEW, command_explain, "what would become of a packet, and why"},
	{"events", PPS_CTL_VIEW, events, "the last events, and those to come"},
	{"methods", PPS_CTL_VIEW, methods, "this list"},
};
const size_t n_commands = sizeof(command_table) / sizeof(command_table[0]);
