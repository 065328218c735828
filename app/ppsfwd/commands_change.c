/* SPDX-License-Identifier: BSD-3-Clause */

/* load, confirm, rollback and history: what changes the policy, and the record of it. */

#include <stdlib.h>

#include <pps_json.h>
#include <pps_signature.h>

#include "commands_priv.h"

static void say_busy(struct pps_ctl_call *call)
{
	pps_ctl_fail(call, PPS_CTL_E_BUSY, NULL,
		"another policy is being taken into force; try again in a moment");
}

/* ---- confirm ---- */

void command_confirm(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	struct pps_errors errors = {0};

	(void)params;
	if (reload_busy(&manager->reload)) {
		say_busy(call);
	} else if (!manager->change.pending) {
		pps_ctl_fail(call, PPS_CTL_E_REFUSED, NULL, "no policy waits to be confirmed");
	} else if (!change_confirm(manager, pps_ctl_call_peer(call), &errors)) {
		pps_ctl_fail_errors(call, PPS_CTL_E_REFUSED,
			"not confirmed; it is rolled back in time", &errors);
	} else {
		pps_ctl_reply(call, policy_summary(manager));
	}
	pps_errors_fini(&errors);
}

/* ---- rollback ---- */

static uint64_t read_number(const json_t *params, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(params, key));

	return number > 0 ? (uint64_t)number : 0;
}

/* The policy to go back to, or 0 after answering. */
static uint64_t choose(
	struct pps_ctl_call *call, const json_t *params, const struct manager *manager)
{
	const struct history *history = manager->change.history;
	uint64_t number = read_number(params, "number");

	if (json_object_get(params, "number") != NULL && number == 0)
		pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL,
			"\"number\" is that of a policy in the history");
	else if (history == NULL)
		pps_ctl_fail(call, PPS_CTL_E_REFUSED, NULL,
			"no history is kept: the configuration has \"state\": null");
	else if (number == 0 && (number = history_previous(history)) == 0)
		pps_ctl_fail(call, PPS_CTL_E_REFUSED, NULL,
			"no policy was confirmed before the one in force");
	else if (history_entry(history, number) == NULL) {
		pps_ctl_fail(call, PPS_CTL_E_REFUSED, NULL,
			"there is no policy number %llu in the history",
			(unsigned long long)number);
		number = 0;
	}
	return history != NULL ? number : 0;
}

void command_rollback(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	struct reload_request request = {
		.cause = RELOAD_ROLLBACK,
		.who = *pps_ctl_call_peer(call),
		.call = call,
	};
	const json_t *entry;

	if (reload_busy(&manager->reload)) {
		say_busy(call);
		return;
	}
	if (manager->change.pending) {
		reload_give_up(manager, &request, "asked");
		return;
	}
	request.rollback_to = choose(call, params, manager);
	if (request.rollback_to == 0)
		return;
	entry = history_entry(manager->change.history, request.rollback_to);
	request.name = pps_strdup(json_string_value(json_object_get(entry, "file")));
	request.bundle = reload_bundle_create();
	reload_start(manager, &request);
}

/* ---- history ---- */

static json_t *contents_json(const struct pps_policy_bundle *bundle)
{
	json_t *files = json_object();

	for (size_t i = 0; i < bundle->n_files; i++)
		json_object_set_new(
			files, bundle->files[i].name, pps_json_text(bundle->files[i].text));
	return files;
}

/* One record with the whole policy. */
static void show_entry(struct pps_ctl_call *call, const struct history *history, uint64_t number)
{
	struct pps_policy_bundle bundle;
	struct pps_errors errors = {0};

	if (history_read(history, number, &bundle, &errors))
		pps_ctl_reply(call,
			json_pack("{s:o, s:o, s:o, s:o}", "entry",
				json_deep_copy(history_entry(history, number)), "text",
				pps_json_text(bundle.text), "files", contents_json(&bundle),
				"signatures", pps_signature_files_json(&bundle)));
	else
		pps_ctl_fail_errors(call, PPS_CTL_E_REFUSED, "not shown", &errors);
	pps_policy_bundle_fini(&bundle);
	pps_errors_fini(&errors);
}

void command_history(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	const struct history *history = manager->change.history;
	json_t *list, *answer;

	if (history == NULL) {
		pps_ctl_fail(call, PPS_CTL_E_REFUSED, NULL,
			"no history is kept: the configuration has \"state\": null");
		return;
	}
	if (json_object_get(params, "number") != NULL) {
		show_entry(call, history, read_number(params, "number"));
		return;
	}
	list = json_array();
	for (size_t i = json_array_size(history_entries(history)); i > 0; i--)
		json_array_append_new(
			list, json_deep_copy(json_array_get(history_entries(history), i - 1)));
	answer = change_json(manager);
	json_object_set_new(answer, "entries", list);
	pps_ctl_reply(call, answer);
}
