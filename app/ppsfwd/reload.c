/* SPDX-License-Identifier: BSD-3-Clause */

/* The policy transaction; see reload.h for the order of its steps and why. */

#include "reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <pps_json.h>

#include "commands_priv.h"
#include "manager.h"
#include "signed.h"

#define BYTES_PER_MIB   (1024ull * 1024)
#define EXPIRY_RETRY_NS (60 * PPS_NS_PER_SEC)

bool reload_init(struct reload *reload)
{
	*reload = (struct reload){.next_generation = 1};
	reload->built_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return reload->built_fd >= 0;
}

struct reload_bundle *reload_bundle_create(void)
{
	struct reload_bundle *bundle = pps_alloc(sizeof(*bundle));

	bundle->n_holders = 1;
	return bundle;
}

void reload_bundle_release(struct reload_bundle *bundle)
{
	if (bundle == NULL || --bundle->n_holders > 0)
		return;
	pps_policy_bundle_fini(&bundle->files);
	json_decref(bundle->signers);
	json_decref(bundle->lapsed);
	free(bundle);
}

static void free_request(struct reload_request *request)
{
	free(request->name);
	reload_bundle_release(request->bundle);
	json_decref(request->changes);
	*request = (struct reload_request){0};
}

void reload_fini(struct reload *reload, struct pps_rule_book *book)
{
	if (reload->state == RELOAD_BUILDING)
		pthread_join(reload->thread, NULL);
	pps_ruleset_destroy(reload->next, book);
	pps_ruleset_destroy(reload->old, book);
	pps_ruleset_destroy(reload->current, book);
	free_request(&reload->request);
	pps_errors_fini(&reload->errors);
	free(reload->current_name);
	reload_bundle_release(reload->current_bundle);
	if (reload->built_fd > 0)
		close(reload->built_fd);
}

const char *reload_cause_word(enum reload_cause cause)
{
	static const char *const words[] = {"start", "load", "sighup", "expiry", "rollback"};

	return words[cause];
}

/* ---- the builder thread ---- */

/* Asks for signatures, parses and compiles: all that can fail. */
static struct pps_ruleset *compile(
	struct manager *manager, struct reload_request *request, struct pps_errors *errors)
{
	struct reload *reload = &manager->reload;
	struct pps_ruleset *ruleset = NULL;
	struct pps_policy *policy = NULL;

	if (signed_check(manager, request, errors))
		policy = pps_policy_parse_bundle(&request->bundle->files, errors);
	if (policy == NULL)
		return NULL;
	if (request->cause == RELOAD_EXPIRY ||
		change_check(&manager->change, reload->current, policy, request, errors))
		ruleset = pps_ruleset_build(policy, manager->book, &reload->params, errors);
	if (ruleset == NULL) {
		pps_policy_destroy(policy);
		return NULL;
	}
	if (change_write(&manager->change, reload->current, ruleset, request, errors))
		return ruleset;
	pps_ruleset_destroy(ruleset, manager->book);
	return NULL;
}

static bool read_request(
	const struct manager *manager, struct reload_request *request, struct pps_errors *errors)
{
	if (request->bundle->files.text != NULL)
		return true;
	if (request->rollback_to != 0)
		return history_read(manager->change.history, request->rollback_to,
			&request->bundle->files, errors);
	return signed_read(manager->config, &request->bundle->files, errors);
}

static void *build(void *aux)
{
	struct manager *manager = aux;
	struct reload *reload = &manager->reload;
	struct reload_request *request = &reload->request;
	const uint64_t one = 1;

	if (read_request(manager, request, &reload->errors))
		reload->next = compile(manager, request, &reload->errors);
	atomic_store_explicit(&reload->built, true, memory_order_release);
	/* The eventfd only saves the loop's time-out: a failure to wake it costs milliseconds. */
	if (write(reload->built_fd, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

/* ---- what is said about it ---- */

json_t *rule_counts_json(const struct pps_policy *policy)
{
	return json_pack("{s:I, s:I, s:I}", "approved", (json_int_t)policy->n_approved,
		"exceptions", (json_int_t)policy->n_exceptions, "banned",
		(json_int_t)policy->n_bans);
}

json_t *errors_json(const struct pps_errors *errors)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errors->n; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:o}", "path", pps_json_text(errors->items[i].path),
				"text", pps_json_text(errors->items[i].text)));
	return list;
}

static json_t *answer(struct manager *manager)
{
	const struct reload *reload = &manager->reload;
	const struct pps_policy *policy = reload->current->policy;
	const char *previous = reload->previous_digest;
	struct datapath_totals totals;
	struct pps_ruleset_size size;

	datapath_totals(manager->datapath, &totals);
	pps_ruleset_size(reload->current, &size);
	return json_pack(
		"{s:s, s:I, s:s, s:s?, s:I, s:o, s:I, s:I, s:f, s:{s:I, s:I, s:I}, s:o, s:o, s:O?}",
		"name", policy->name, "revision", (json_int_t)policy->revision, "digest",
		policy->digest, "previous_digest", previous[0] != '\0' ? previous : NULL,
		"generation", (json_int_t)reload->current->generation, "rules",
		rule_counts_json(policy), "entries", (json_int_t)size.entries, "table_bytes",
		(json_int_t)size.table_bytes, "build_ms", (double)(size.build_ns / 1000) / 1000.0,
		"flows", "kept", (json_int_t)(totals.kept - reload->kept), "rebound",
		(json_int_t)(totals.rebound - reload->rebound), "cut",
		(json_int_t)(totals.cut - reload->cut), "files", files_json(policy), "change",
		change_json(manager), "signers", reload->current_bundle->signers);
}

/* ---- the steps ---- */

static void finish(struct manager *manager)
{
	struct reload *reload = &manager->reload;

	free_request(&reload->request);
	pps_errors_fini(&reload->errors);
	reload->state = RELOAD_IDLE;
}

static void release_waiters(struct manager *manager)
{
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++)
		atomic_store_explicit(
			&manager->datapath->workers[i].waits_for_ns, 0, memory_order_release);
}

static void refuse(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	struct reload_request *request = &reload->request;

	reload->n_refused++;
	if (request->cause == RELOAD_EXPIRY) {
		reload->expiry_retry_ns = pps_time_mono_ns() + EXPIRY_RETRY_NS;
		release_waiters(manager);
	}
	for (size_t i = 0; i < reload->errors.n; i++) {
		const struct pps_error *error = &reload->errors.items[i];

		pps_log(PPS_LOG_ERROR, "%s: %s%s%s", request->name, error->path,
			error->path[0] != '\0' ? ": " : "", error->text);
	}
	pps_log(PPS_LOG_ERROR, "%s refused; the policy in force is unchanged", request->name);
	manager_event(manager, "policy_refused", &request->who,
		json_pack("{s:o, s:s, s:o, s:O?}", "file", pps_json_text(request->name), "cause",
			reload_cause_word(request->cause), "errors", errors_json(&reload->errors),
			"signers", request->bundle->signers));
	if (request->call != NULL)
		pps_ctl_fail_errors(request->call, PPS_CTL_E_REFUSED,
			"refused; the policy in force is unchanged", &reload->errors);
	finish(manager);
}

/* Who approved what, for the records of flows. */
static void tell_approvals(struct pps_event_log *log, const struct pps_ruleset *ruleset)
{
	for (uint32_t i = 0; i < ruleset->n_rules; i++) {
		const struct pps_rule *rule = &ruleset->policy->rules[i];
		const char *assurance = pps_assurance_word(rule->assurance);

		pps_event_log_approval(log, ruleset->generation, ruleset->rules[i].slot,
			*assurance == '\0' ? NULL : assurance, rule->approved_by);
	}
}

/* Takes the compiled ruleset into force. Cannot fail. */
static void publish(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	struct reload_request *request = &reload->request;
	struct datapath_totals totals;

	datapath_totals(manager->datapath, &totals);
	reload->kept = totals.kept;
	reload->rebound = totals.rebound;
	reload->cut = totals.cut;
	if (reload->current != NULL)
		memcpy(reload->previous_digest, reload->current->policy->digest,
			sizeof(reload->previous_digest));
	pps_event_log_generation(manager->log, reload->next->generation, reload->next->policy->name,
		reload->next->policy->revision);
	tell_approvals(manager->log, reload->next);
	reload->old =
		pps_snapshot_publish(manager->datapath->snapshot, reload->next, &reload->token);
	reload->current = reload->next;
	reload->next = NULL;
	reload->expiry_retry_ns = 0;
	if (request->cause != RELOAD_EXPIRY)
		reload->loaded_ns = pps_time_wall_ns();
	if (request->confirm_sec > 0)
		change_hold(manager);
	free(reload->current_name);
	reload_bundle_release(reload->current_bundle);
	reload->current_name = request->name;
	reload->current_bundle = request->bundle;
	request->name = NULL;
	request->bundle = NULL;
	release_waiters(manager);
	reload->state = RELOAD_GRACE;
}

static void retire(struct manager *manager)
{
	struct reload *reload = &manager->reload;

	if (reload->request.confirm_sec > 0)
		manager->change.held = reload->old;
	else
		pps_ruleset_destroy(reload->old, manager->book);
	reload->old = NULL;
	reload->state = RELOAD_SWEEP;
}

static uint64_t count_cut(const struct manager *manager)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < manager->datapath->n_workers; i++)
		n += pps_stats_load(&manager->datapath->workers[i].stats->rejudged_cut);
	return n;
}

static json_t *exception_json(const struct pps_rule *rule)
{
	char text[PPS_TIME_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s?}", "rule", rule->id, "expires",
		pps_time_format(rule->expires_ns, 0, text), "approved_by", rule->approved_by);
}

static void warn_of(struct manager *manager, const struct pps_rule *rule, uint64_t now_ns)
{
	json_t *fields = exception_json(rule);
	uint64_t left_ns = rule->expires_ns > now_ns ? rule->expires_ns - now_ns : 0;

	json_object_set_new(
		fields, "remaining_sec", json_integer((json_int_t)(left_ns / PPS_NS_PER_SEC)));
	manager_event_at(manager, now_ns, "exception_expiring", NULL, fields);
}

static uint64_t warning_ns(const struct manager *manager)
{
	return manager->config->expiry_warning_hours * UINT64_C(3600) * PPS_NS_PER_SEC;
}

void reload_warn(struct manager *manager)
{
	const struct reload *reload = &manager->reload;
	uint64_t now_ns = datapath_wall_ns(manager->datapath);
	size_t rule;

	if (reload->state != RELOAD_IDLE || reload->current == NULL)
		return;
	while (expiry_next_warning(&manager->expiry, now_ns, warning_ns(manager), &rule))
		warn_of(manager, &reload->current->policy->rules[rule], now_ns);
}

/* Says which exceptions have ended, by name, and how many flows that cut. */
static void say_expired(struct manager *manager, bool cut)
{
	const struct pps_ruleset *ruleset = manager->reload.current;
	const struct pps_policy *policy = ruleset->policy;
	uint64_t n_cut = count_cut(manager) - manager->reload.cut_before;
	bool captured = manager->datapath->capture_clock, warned;

	for (size_t i = policy->n_bans; i < policy->n_bans + policy->n_exceptions; i++) {
		const struct pps_rule *rule = &policy->rules[i];
		bool ended = ruleset->rules[i].expired;
		enum expiry_change change = expiry_tell(&manager->expiry, i, ended, &warned);
		json_t *fields;

		if (change == EXPIRY_NONE)
			continue;
		/* Captured time may run past the warning faster than management goes round. */
		if (change == EXPIRY_ENDED && cut && captured && !warned && warning_ns(manager) > 0)
			warn_of(manager, rule, rule->expires_ns);
		fields = exception_json(rule);
		if (change == EXPIRY_ENDED && cut)
			json_object_set_new(
				fields, "flows", json_pack("{s:I}", "cut", (json_int_t)n_cut));
		manager_event_at(manager, manager->reload.params.now_ns,
			change == EXPIRY_ENDED ? "exception_expired" : "exception_revived", NULL,
			fields);
	}
}

static void complete(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	struct reload_request *request = &reload->request;
	json_t *result = answer(manager);

	expiry_take(&manager->expiry, reload->current->policy);
	if (request->cause == RELOAD_EXPIRY) {
		say_expired(manager, true);
	} else {
		json_t *fields = json_copy(result);

		reload->n_loads++;
		json_object_set_new(fields, "policy", json_incref(json_object_get(fields, "name")));
		json_object_del(fields, "name");
		json_object_set_new(fields, "file", pps_json_text(reload->current_name));
		json_object_set_new(
			fields, "cause", json_string(reload_cause_word(request->cause)));
		manager_event(manager, "policy_loaded", &request->who, fields);
		if (request->forced)
			manager_event(manager, "policy_forced", &request->who,
				json_pack("{s:s, s:I}", "policy", reload->current->policy->name,
					"revision", (json_int_t)reload->current->policy->revision));
		say_expired(manager, false);
	}
	if (request->call != NULL)
		pps_ctl_reply(request->call, json_incref(result));
	json_decref(result);
	finish(manager);
}

/* ---- beginning one ---- */

static void prepare(struct manager *manager, uint64_t now_ns)
{
	manager->reload.params = (struct pps_ruleset_params){
		.generation = manager->reload.next_generation++,
		.now_ns = now_ns,
		.memory_limit = (size_t)manager->config->build_mib * BYTES_PER_MIB,
		.socket = -1,
	};
}

static bool start_at(struct manager *manager, struct reload_request *request, uint64_t now_ns)
{
	struct reload *reload = &manager->reload;

	if (reload->state != RELOAD_IDLE)
		return false;
	reload->request = *request;
	if (!change_permits(&manager->change, request, &reload->errors)) {
		refuse(manager);
		return true;
	}
	prepare(manager, now_ns);
	atomic_store_explicit(&reload->built, false, memory_order_relaxed);
	reload->state = RELOAD_BUILDING;
	if (pthread_create(&reload->thread, NULL, build, manager) != 0) {
		pps_errors_add(&reload->errors, "", "no thread to compile the policy in");
		refuse(manager);
	}
	return true;
}

bool reload_start(struct manager *manager, struct reload_request *request)
{
	return start_at(manager, request, datapath_wall_ns(manager->datapath));
}

/* A policy that leaves no room for its successor could never be replaced: better told at start. */
static void warn_of_memory(const struct pps_ruleset *ruleset)
{
	struct rte_malloc_socket_stats stats;
	struct pps_ruleset_size size;
	size_t free_bytes = 0;

	/* With hugepages the heap grows. */
	if (rte_eal_has_hugepages())
		return;
	pps_ruleset_size(ruleset, &size);
	for (unsigned int i = 0; i < rte_socket_count(); i++) {
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			free_bytes += stats.heap_freesz_bytes;
	}
	if (free_bytes < size.table_bytes)
		pps_log(PPS_LOG_WARNING,
			"the policy takes %zu MiB of EAL memory and %zu MiB are left: it cannot be "
			"replaced by one of its size (give EAL more with -m)",
			size.table_bytes >> 20, free_bytes >> 20);
}

bool reload_first(struct manager *manager, struct pps_errors *errors)
{
	struct reload *reload = &manager->reload;
	bool captured = manager->config->clock == CONFIG_CLOCK_CAPTURE;

	reload->request = (struct reload_request){
		.cause = RELOAD_START,
		.name = pps_strdup(manager->config->policy),
		.bundle = reload_bundle_create(),
	};
	change_first(manager, &reload->request);
	/* Before its first packet, captured time is zero: nothing has expired yet. */
	prepare(manager, captured ? 0 : pps_time_wall_ns());
	if (read_request(manager, &reload->request, errors))
		reload->next = compile(manager, &reload->request, errors);
	if (reload->next == NULL || !change_record(manager, reload->next->policy, errors)) {
		pps_ruleset_destroy(reload->next, manager->book);
		reload->next = NULL;
		free_request(&reload->request);
		return false;
	}
	publish(manager);
	retire(manager);
	complete(manager);
	change_say_file(manager);
	signed_say_lapsed(manager);
	warn_of_memory(reload->current);
	return true;
}

void reload_give_up(struct manager *manager, const struct reload_request *request, const char *why)
{
	struct reload *reload = &manager->reload;
	struct change *change = &manager->change;

	reload->request = *request;
	reload->request.name = change->held_name;
	reload->request.bundle = change->held_bundle;
	reload->next = change->held;
	/* No worker has held it since its grace period: it comes back as a new one. */
	reload->next->generation = reload->next_generation++;
	change_give_up(manager, &request->who, why);
	publish(manager);
}

void reload_from_file(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	struct reload_request request = {
		.cause = RELOAD_SIGHUP,
		.name = pps_strdup(manager->config->policy),
		.bundle = reload_bundle_create(),
	};

	reload->sighup = !reload_start(manager, &request);
	if (reload->sighup)
		free_request(&request);
}

/* The moment at which an exception ends and nobody has acted on it yet; 0: none has. */
static uint64_t due_expiry(const struct manager *manager)
{
	const struct reload *reload = &manager->reload;
	uint64_t now_ns = datapath_wall_ns(manager->datapath);

	if (reload->expiry_retry_ns != 0 && pps_time_mono_ns() < reload->expiry_retry_ns)
		return 0;
	for (unsigned int i = 0; i < manager->datapath->n_workers; i++) {
		uint64_t wanted = atomic_load_explicit(
			&manager->datapath->workers[i].waits_for_ns, memory_order_acquire);

		if (wanted > 0)
			return wanted;
	}
	return now_ns >= reload->current->valid_until_ns ? now_ns : 0;
}

static void begin_what_is_due(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	uint64_t n_cut = count_cut(manager), now_ns;

	if (change_is_due(&manager->change)) {
		reload_give_up(manager, &(struct reload_request){.cause = RELOAD_ROLLBACK},
			"not confirmed in time");
		return;
	}
	/* Counted before it is asked whether one has ended: the datapath is faster than we. */
	now_ns = due_expiry(manager);
	if (now_ns == 0)
		reload->cut_before = n_cut;
	if (now_ns > 0) {
		struct reload_request request = {
			.cause = RELOAD_EXPIRY,
			.name = pps_strdup(reload->current_name),
			.bundle = reload->current_bundle,
		};

		request.bundle->n_holders++;
		start_at(manager, &request, now_ns);
	} else if (reload->expiry_retry_ns != 0) {
		release_waiters(manager);
	}
	if (reload->state == RELOAD_IDLE && reload->sighup)
		reload_from_file(manager);
}

/* What the builder made is recorded, and then it is in force. */
static void take_built(struct manager *manager)
{
	struct reload *reload = &manager->reload;

	if (reload->next != NULL &&
		!change_record(manager, reload->next->policy, &reload->errors)) {
		pps_ruleset_destroy(reload->next, manager->book);
		reload->next = NULL;
	}
	if (reload->next == NULL)
		refuse(manager);
	else
		publish(manager);
}

void reload_run(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	uint64_t drop;

	switch (reload->state) {
	case RELOAD_IDLE:
		begin_what_is_due(manager);
		break;
	case RELOAD_BUILDING:
		if (!atomic_load_explicit(&reload->built, memory_order_acquire))
			break;
		while (read(reload->built_fd, &drop, sizeof(drop)) > 0)
			;
		pthread_join(reload->thread, NULL);
		take_built(manager);
		break;
	case RELOAD_GRACE:
		if (pps_snapshot_passed(manager->datapath->snapshot, reload->token) &&
			!drift_reads(manager, reload->old))
			retire(manager);
		break;
	case RELOAD_SWEEP:
		if (datapath_swept(manager->datapath, reload->current->generation))
			complete(manager);
		break;
	}
}

/* What was being compiled comes to nothing; the builder may still be reading the request. */
static bool record_unfinished(struct manager *manager)
{
	struct reload *reload = &manager->reload;
	struct pps_errors errors = {0};

	pps_errors_add(&errors, "", "ppsfwd stopped before it came into force");
	manager_event(manager, "policy_refused", &reload->request.who,
		json_pack("{s:o, s:s, s:o}", "file", pps_json_text(reload->request.name), "cause",
			reload_cause_word(reload->request.cause), "errors", errors_json(&errors)));
	pps_errors_fini(&errors);
	return !atomic_load_explicit(&reload->built, memory_order_acquire);
}

bool reload_stop(struct manager *manager)
{
	switch (manager->reload.state) {
	case RELOAD_IDLE:
		break;
	case RELOAD_BUILDING:
		return record_unfinished(manager);
	case RELOAD_GRACE:
		retire(manager);
		complete(manager);
		break;
	case RELOAD_SWEEP:
		complete(manager);
		break;
	}
	return false;
}
