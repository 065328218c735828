/* SPDX-License-Identifier: BSD-3-Clause */
#include "signed.h"

#include <pps_json.h>
#include <pps_signature.h>

#include "commands_priv.h"
#include "manager.h"

bool signed_read(
	const struct config *config, struct pps_policy_bundle *ret, struct pps_errors *errors)
{
	return pps_policy_bundle_read(config->policy, ret, errors) &&
		(config->signatures.required == 0 ||
			pps_signature_read(config->policy, ret, errors));
}

bool signed_by_enough(const struct config *config, const struct pps_policy_bundle *bundle,
	struct pps_errors *errors)
{
	struct pps_signers signers = {0};
	bool good = config->signatures.required == 0 ||
		pps_signature_check(
			&config->signatures, bundle, pps_time_wall_ns(), true, &signers, errors);

	pps_signers_fini(&signers);
	return good;
}

/* Judges, and keeps who signed. */
static bool judge(const struct manager *manager, struct reload_bundle *bundle, uint64_t at_ns,
	bool revocation, struct pps_errors *errors)
{
	struct pps_signers signers;
	bool good = pps_signature_check(
		&manager->config->signatures, &bundle->files, at_ns, revocation, &signers, errors);

	json_decref(bundle->signers);
	bundle->signers = pps_signers_json(&signers);
	pps_signers_fini(&signers);
	return good;
}

/* The policy confirmed last, whose signatures do not count today, which 'today' says. */
static bool judge_confirmed(const struct manager *manager, struct reload_request *request,
	struct pps_errors *today, struct pps_errors *errors)
{
	const json_t *entry = history_entry(manager->change.history, request->number);
	struct reload_bundle *bundle = request->bundle;
	struct pps_errors then = {0};
	uint64_t loaded_ns;
	bool good;

	good = pps_time_parse(json_string_value(json_object_get(entry, "time")), &loaded_ns) == 0 &&
		judge(manager, bundle, loaded_ns, false, &then);
	pps_errors_fini(&then);
	if (good) {
		bundle->lapsed = errors_json(today);
		return true;
	}
	if (pps_signature_read(manager->config->policy, &bundle->files, errors))
		return judge(manager, bundle, pps_time_wall_ns(), true, errors);
	pps_errors_move(errors, "", today);
	return false;
}

bool signed_check(
	const struct manager *manager, struct reload_request *request, struct pps_errors *errors)
{
	struct pps_errors today = {0};
	bool good;

	if (manager->config->signatures.required == 0 || request->cause == RELOAD_EXPIRY)
		return true;
	if (request->cause != RELOAD_START || request->number == 0)
		return judge(manager, request->bundle, pps_time_wall_ns(), true, errors);
	good = judge(manager, request->bundle, pps_time_wall_ns(), true, &today) ||
		judge_confirmed(manager, request, &today, errors);
	pps_errors_fini(&today);
	return good;
}

void signed_say_lapsed(struct manager *manager)
{
	const struct reload *reload = &manager->reload;
	const struct pps_policy *policy = reload->current->policy;
	json_t *lapsed = reload->current_bundle->lapsed;

	if (lapsed == NULL)
		return;
	pps_log(PPS_LOG_WARNING,
		"policy %s revision %llu was signed by enough people when it was loaded, and could "
		"not be loaded today; see the event signatures_lapsed",
		policy->name, (unsigned long long)policy->revision);
	manager_event(manager, "signatures_lapsed", NULL,
		json_pack("{s:s, s:I, s:I, s:O, s:O}", "policy", policy->name, "revision",
			(json_int_t)policy->revision, "number", (json_int_t)manager->change.number,
			"signers", reload->current_bundle->signers, "errors", lapsed));
}
