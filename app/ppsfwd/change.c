/* SPDX-License-Identifier: BSD-3-Clause */
#include "change.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <pps_json.h>

#include "commands_priv.h"
#include "manager.h"

bool change_permits(const struct change *change, const struct reload_request *request,
	struct pps_errors *errors)
{
	char until[PPS_TIME_TEXT_MAX];

	if (!change->pending || request->cause == RELOAD_EXPIRY)
		return true;
	pps_errors_add(errors, "",
		"the policy in force waits until %s to be confirmed: confirm it or roll it back "
		"first",
		pps_time_format(change->deadline_wall_ns, 0, until));
	return false;
}

/* ---- the order of revisions ---- */

bool change_check(const struct change *change, const struct pps_ruleset *current,
	const struct pps_policy *policy, struct reload_request *request, struct pps_errors *errors)
{
	const struct pps_policy *before = current != NULL ? current->policy : NULL;

	request->unchanged = before != NULL && strcmp(policy->digest, before->digest) == 0;
	if (change->history == NULL || before == NULL || request->unchanged ||
		request->cause == RELOAD_ROLLBACK || policy->revision > before->revision)
		return true;
	request->forced = request->force;
	if (request->force)
		return true;
	if (policy->revision == before->revision)
		pps_errors_add(errors, "revision",
			"%llu is in force already, with other content: give it a higher revision, "
			"or load it with --force",
			(unsigned long long)policy->revision);
	else
		pps_errors_add(errors, "revision",
			"%llu is older than %llu, which is in force: go back with rollback, or "
			"load it with --force",
			(unsigned long long)policy->revision, (unsigned long long)before->revision);
	return false;
}

/* ---- the record ---- */

/* Only what people loaded, and only when it is another than the one in force. */
static bool is_recorded(const struct change *change, const struct reload_request *request)
{
	return change->history != NULL && request->cause != RELOAD_EXPIRY && !request->unchanged &&
		request->number == 0;
}

bool change_write(struct change *change, const struct pps_ruleset *current,
	const struct pps_ruleset *next, struct reload_request *request, struct pps_errors *errors)
{
	if (!is_recorded(change, request))
		return true;
	if (current != NULL)
		request->changes = pps_diff_counts(current->policy, next->policy, next->as_of_ns);
	return history_write(
		change->history, history_next(change->history), &request->bundle->files, errors);
}

static json_t *who_json(const struct pps_ctl_peer *who)
{
	const struct passwd *user = who->pid != 0 ? getpwuid(who->uid) : NULL;

	if (who->pid == 0)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:o}", "uid", (json_int_t)who->uid, "gid",
		(json_int_t)who->gid, "pid", (json_int_t)who->pid, "user",
		user != NULL ? pps_json_text(user->pw_name) : json_null());
}

static json_t *number_json(uint64_t number)
{
	return number > 0 ? json_integer((json_int_t)number) : json_null();
}

static json_t *part_names(const struct pps_policy_part *parts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, pps_json_text(parts[i].name));
	return list;
}

static json_t *entry_json(const struct change *change, const struct reload_request *request,
	const struct pps_policy *policy)
{
	const struct pps_policy_bundle *bundle = &request->bundle->files;
	char content[PPS_DIGEST_TEXT];

	pps_policy_bundle_digest(bundle, content);
	return json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:s, s:I, s:s?, s:s, s:s, s:o, s:o, s:b, "
			 "s:o, s:o, s:o, s:O?, s:O?}",
		"number", (json_int_t)history_next(change->history), "time",
		time_json(pps_time_wall_ns(), 3), "outcome",
		request->confirm_sec > 0 ? "pending" : "confirmed", "cause",
		reload_cause_word(request->cause), "who", who_json(&request->who), "file",
		pps_json_text(request->name), "policy", policy->name, "revision",
		(json_int_t)policy->revision, "authority", policy->authority, "digest",
		policy->digest, "content", content, "rules", rule_counts_json(policy), "files",
		part_names(bundle->files, bundle->n_files), "forced", request->forced, "before",
		number_json(change->number), "rollback_to", number_json(request->rollback_to),
		"signatures", part_names(bundle->signatures, bundle->n_signatures), "signers",
		request->bundle->signers, "changes", request->changes);
}

bool change_record(
	struct manager *manager, const struct pps_policy *policy, struct pps_errors *errors)
{
	struct change *change = &manager->change;
	struct reload_request *request = &manager->reload.request;
	uint64_t number;

	if (request->unchanged)
		request->confirm_sec = 0; /* there is nothing to confirm */
	if (request->number != 0)
		change->number = request->number;
	if (!is_recorded(change, request))
		return true;
	number = history_next(change->history);
	/* What is held at the publish is the policy in force now, with its number. */
	change->held_number = change->number;
	if (!history_record(change->history, entry_json(change, request, policy), errors))
		return false;
	change->number = number;
	return true;
}

/* The index is behind what is in force: the next start says so, and goes back itself. */
static void settle(struct change *change, bool confirmed)
{
	struct pps_errors errors = {0};

	if (change->history != NULL &&
		!history_settle(change->history, change->number, confirmed, &errors))
		pps_log(PPS_LOG_ERROR, "%s", errors.items[0].text);
	pps_errors_fini(&errors);
}

/* The record of a policy that was pending when the daemon ended; a new reference, or NULL. */
static json_t *find_pending(const struct history *history)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(history_entries(history), i, entry)
	{
		if (strcmp(json_string_value(json_object_get(entry, "outcome")), "pending") == 0)
			return json_deep_copy(entry);
	}
	return NULL;
}

void change_first(struct manager *manager, struct reload_request *request)
{
	struct change *change = &manager->change;
	const json_t *entry;
	json_t *pending;

	if (change->history == NULL || history_confirmed(change->history) == 0)
		return;
	pending = find_pending(change->history);
	if (pending != NULL) {
		change->number = (uint64_t)json_integer_value(json_object_get(pending, "number"));
		settle(change, false);
		manager_event(manager, "policy_rolled_back", NULL,
			json_pack("{s:O, s:O, s:O, s:I, s:s}", "policy",
				json_object_get(pending, "policy"), "revision",
				json_object_get(pending, "revision"), "number",
				json_object_get(pending, "number"), "to",
				(json_int_t)history_confirmed(change->history), "why",
				"ppsfwd ended before it was confirmed"));
		json_decref(pending);
	}
	request->number = history_confirmed(change->history);
	request->rollback_to = request->number;
	entry = history_entry(change->history, request->number);
	free(request->name);
	request->name = pps_strdup(json_string_value(json_object_get(entry, "file")));
}

/* ---- pending ---- */

void change_hold(struct manager *manager)
{
	struct change *change = &manager->change;
	struct reload *reload = &manager->reload;
	uint64_t period_ns = reload->request.confirm_sec * PPS_NS_PER_SEC;

	change->pending = true;
	change->deadline_ns = pps_time_mono_ns() + period_ns;
	change->deadline_wall_ns = pps_time_wall_ns() + period_ns;
	change->held_name = reload->current_name;
	change->held_bundle = reload->current_bundle;
	reload->current_name = NULL;
	reload->current_bundle = NULL;
}

bool change_is_due(const struct change *change)
{
	return change->pending && pps_time_mono_ns() >= change->deadline_ns;
}

void change_give_up(struct manager *manager, const struct pps_ctl_peer *who, const char *why)
{
	struct change *change = &manager->change;
	const struct pps_policy *policy = manager->reload.current->policy;

	settle(change, false);
	manager_event(manager, "policy_rolled_back", who,
		json_pack("{s:s, s:I, s:o, s:o, s:s}", "policy", policy->name, "revision",
			(json_int_t)policy->revision, "number", number_json(change->number), "to",
			number_json(change->held_number), "why", why));
	change->number = change->held_number;
	change->pending = false;
	change->held = NULL;
	change->held_name = NULL;
	change->held_bundle = NULL;
}

bool change_confirm(
	struct manager *manager, const struct pps_ctl_peer *who, struct pps_errors *errors)
{
	struct change *change = &manager->change;
	const struct pps_policy *policy = manager->reload.current->policy;

	if (change->history != NULL &&
		!history_settle(change->history, change->number, true, errors))
		return false;
	change->pending = false;
	pps_ruleset_destroy(change->held, manager->book);
	free(change->held_name);
	reload_bundle_release(change->held_bundle);
	change->held = NULL;
	change->held_name = NULL;
	change->held_bundle = NULL;
	manager_event(manager, "policy_confirmed", who,
		json_pack("{s:s, s:I, s:o}", "policy", policy->name, "revision",
			(json_int_t)policy->revision, "number", number_json(change->number)));
	return true;
}

void change_fini(struct change *change, struct pps_rule_book *book)
{
	pps_ruleset_destroy(change->held, book);
	free(change->held_name);
	reload_bundle_release(change->held_bundle);
	history_close(change->history);
}

/* ---- the configured file ---- */

static bool is_touched(const struct stat *now, const struct stat *before)
{
	return now->st_ino != before->st_ino || now->st_dev != before->st_dev ||
		now->st_size != before->st_size || now->st_mtim.tv_sec != before->st_mtim.tv_sec ||
		now->st_mtim.tv_nsec != before->st_mtim.tv_nsec ||
		now->st_ctim.tv_sec != before->st_ctim.tv_sec ||
		now->st_ctim.tv_nsec != before->st_ctim.tv_nsec;
}

static void read_file(struct change *change, const char *path)
{
	struct pps_policy_bundle bundle = {0};
	struct pps_errors errors = {0};

	change->file_digest[0] = '\0';
	if (pps_policy_bundle_read(path, &bundle, &errors))
		pps_policy_bundle_digest(&bundle, change->file_digest);
	pps_policy_bundle_fini(&bundle);
	pps_errors_fini(&errors);
}

bool change_file_differs(struct manager *manager)
{
	struct change *change = &manager->change;
	struct stat status;

	if (stat(manager->config->policy, &status) != 0 || !S_ISREG(status.st_mode)) {
		change->file_status = (struct stat){0};
		return true;
	}
	if (is_touched(&status, &change->file_status)) {
		change->file_status = status;
		read_file(change, manager->config->policy);
	}
	return strcmp(change->file_digest, manager->reload.current->policy->digest) != 0;
}

void change_say_file(struct manager *manager)
{
	const struct pps_policy *policy = manager->reload.current->policy;
	const char *file = manager->config->policy;

	if (!change_file_differs(manager))
		return;
	pps_log(PPS_LOG_WARNING,
		"%s is not the policy that was confirmed last (%s, revision %llu, number %llu of "
		"the history), which is used; load the file to use it",
		file, policy->name, (unsigned long long)policy->revision,
		(unsigned long long)manager->change.number);
	manager_event(manager, "policy_file_differs", NULL,
		json_pack("{s:o, s:s, s:I, s:o}", "file", pps_json_text(file), "policy",
			policy->name, "revision", (json_int_t)policy->revision, "number",
			number_json(manager->change.number)));
}

/* ---- what is said about it ---- */

static json_t *pending_json(const struct change *change)
{
	uint64_t now_ns = pps_time_mono_ns();

	if (!change->pending)
		return json_null();
	return json_pack("{s:o, s:I, s:o}", "until", time_json(change->deadline_wall_ns, 3),
		"remaining_sec",
		(json_int_t)(change->deadline_ns > now_ns
				? (change->deadline_ns - now_ns) / PPS_NS_PER_SEC
				: 0),
		"to", number_json(change->held_number));
}

json_t *change_json(struct manager *manager)
{
	struct change *change = &manager->change;
	bool kept = change->history != NULL;

	return json_pack("{s:o, s:o, s:o, s:o, s:b}", "state",
		kept ? pps_json_text(manager->config->state) : json_null(), "number",
		number_json(change->number), "confirmed",
		number_json(kept ? history_confirmed(change->history) : 0), "pending",
		pending_json(change), "file_differs", change_file_differs(manager));
}
