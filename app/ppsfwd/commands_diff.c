/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What ppsfw diff asks: the policy in force as it was read, and the flows another one would cut.
 * The difference itself is worked out by whoever asks: it may take long, and the wire is not to
 * wait for it.
 */

#include <stdlib.h>

#include <pps_json.h>

#include "commands_priv.h"
#include "trial.h"

#define FLOWS_DEFAULT 100
#define FLOWS_MAX     10000

void command_policy_text(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const struct manager *manager = aux;
	const struct pps_policy_bundle *bundle = &manager->reload.current_bundle->files;
	json_t *files = json_object(), *text = json_stringn(bundle->text, bundle->len);
	bool whole = text != NULL;

	(void)params;
	for (size_t i = 0; i < bundle->n_files; i++) {
		const struct pps_policy_part *part = &bundle->files[i];

		if (json_object_set_new(files, part->name, json_stringn(part->text, part->len)) < 0)
			whole = false;
	}
	if (whole)
		pps_ctl_reply(call,
			json_pack("{s:o, s:O, s:O}", "name",
				pps_json_text(manager->reload.current_name), "text", text, "files",
				files));
	else
		pps_ctl_fail(call, PPS_CTL_E_REFUSED, NULL,
			"the policy in force, or a file that it names, is not UTF-8 throughout");
	json_decref(text);
	json_decref(files);
}

/* The policy of the parameters, or NULL after answering what is wrong with them. */
static struct reload_bundle *read_bundle(struct pps_ctl_call *call, const json_t *params)
{
	const json_t *text = json_object_get(params, "text"),
		     *files = json_object_get(params, "files");
	struct reload_bundle *bundle;
	struct pps_errors errors = {0};

	if (!json_is_string(text) || (files != NULL && !json_is_object(files))) {
		pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL,
			"diff_flows takes a policy's text, and perhaps an object of files");
		return NULL;
	}
	bundle = reload_bundle_create();
	bundle->files.text = copy_text(text, &bundle->files.len);
	read_files(files, &bundle->files, &errors);
	if (errors.n_total > 0) {
		pps_ctl_fail_errors(call, PPS_CTL_E_PARAMS, "the files are wrong", &errors);
		reload_bundle_release(bundle);
		bundle = NULL;
	}
	pps_errors_fini(&errors);
	return bundle;
}

void command_diff_flows(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const json_t *wanted = json_object_get(params, "max");
	json_int_t max = wanted != NULL ? json_integer_value(wanted) : FLOWS_DEFAULT;
	struct reload_bundle *bundle;

	if (wanted != NULL && (!json_is_integer(wanted) || max < 0 || max > FLOWS_MAX)) {
		pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL, "\"max\" is a number from 0 to %d",
			FLOWS_MAX);
		return;
	}
	bundle = read_bundle(call, params);
	if (bundle == NULL || trial_start(aux, bundle, (size_t)max, call))
		return;
	reload_bundle_release(bundle);
	pps_ctl_fail(
		call, PPS_CTL_E_BUSY, NULL, "another policy is being tried; try again in a moment");
}
