/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether what runs is what was approved; see drift.h. */

#include "drift.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <pps_json.h>

#include "commands_priv.h"
#include "manager.h"

#define BYTES_PER_MIB (1024ull * 1024)
#define REST_FACTOR   20 /* rest after a check: so many times as long as it took, */
#define REST_NS       PPS_NS_PER_SEC /* and at least so long */
#define PATIENCE_NS   PPS_NS_PER_SEC /* of a status that waits for a check */
#define JOIN_NS       (200 * PPS_NS_PER_MS) /* of a stop that waits for one */

struct drift_waiter {
	struct pps_ctl_call *call;
	uint64_t until_ns; /* monotonic */
};

/* What differs, or why it cannot be told; no errors: nothing. */
struct drift_check {
	pthread_t thread;
	atomic_bool stop; /* management: wo */
	atomic_bool live_done; /* check: wo (release); the ruleset is not read any more */
	atomic_bool done; /* check: wo (release) */
	uint64_t begun_ns; /* monotonic */
	/* Given. */
	const struct pps_ruleset *live; /* NULL: another is published than was loaded */
	uint32_t generation;
	char digest[PPS_DIGEST_TEXT]; /* of the policy in force */
	struct pps_rule_book *book;
	const struct history *history;
	json_t *entry; /* the policy's record, our own copy; NULL: there is none */
	struct reload_bundle *bundle; /* the policy as it was loaded; held */
	const char *file; /* the configured one; NULL: not asked */
	bool compile; /* what it compiles to is not known yet */
	struct pps_ruleset_params params;
	/* Found. check: rw until 'done', management afterwards. */
	struct pps_ruleset_digest running, approved;
	char file_digest[PPS_DIGEST_TEXT]; /* "": it could not be read */
	struct pps_errors unread; /* of the tables */
	struct pps_errors uncompiled, record_errors, file_errors;
};

/* ---- the check's thread ---- */

static void read_file(struct drift_check *check)
{
	struct pps_policy_bundle bundle = {0};
	struct stat status;

	/* A pipe may keep us waiting for ever. */
	if (stat(check->file, &status) == 0 && !S_ISREG(status.st_mode))
		pps_errors_add(&check->file_errors, "", "it is not a regular file");
	else if (pps_policy_bundle_read(check->file, &bundle, &check->file_errors))
		pps_policy_bundle_digest(&bundle, check->file_digest);
	pps_policy_bundle_fini(&bundle);
}

/* What the policy, as recorded, compiles to. */
static void compile(struct drift_check *check, const struct pps_policy_bundle *bundle)
{
	struct pps_policy *policy = pps_policy_parse_bundle(bundle, &check->uncompiled);

	if (policy != NULL)
		pps_ruleset_digest_policy(policy, check->book, &check->params, &check->stop,
			&check->approved, &check->uncompiled);
}

static void *run_check(void *aux)
{
	struct drift_check *check = aux;
	struct pps_policy_bundle record = {0};
	bool whole = false;

	if (check->live != NULL)
		pps_ruleset_digest(check->live, &check->stop, &check->running, &check->unread);
	atomic_store_explicit(&check->live_done, true, memory_order_release);
	if (check->entry != NULL)
		whole = history_read_entry(
			check->history, check->entry, &record, &check->record_errors);
	if (check->file != NULL)
		read_file(check);
	if (check->compile && check->live != NULL && check->unread.n_total == 0)
		compile(check, whole ? &record : &check->bundle->files);
	pps_policy_bundle_fini(&record);
	atomic_store_explicit(&check->done, true, memory_order_release);
	return NULL;
}

/* ---- beginning one ---- */

static void free_check(struct manager *manager)
{
	struct drift_check *check = manager->drift.check;

	json_decref(check->entry);
	reload_bundle_release(check->bundle);
	pps_errors_fini(&check->unread);
	pps_errors_fini(&check->uncompiled);
	pps_errors_fini(&check->record_errors);
	pps_errors_fini(&check->file_errors);
	free(check);
	manager->drift.check = NULL;
}

static void begin_check(struct manager *manager)
{
	const struct pps_ruleset *live = manager->reload.current;
	const struct change *change = &manager->change;
	struct drift *drift = &manager->drift;
	struct drift_check *check = pps_alloc(sizeof(*check));

	if (pps_snapshot_read(manager->datapath->snapshot) == live)
		check->live = live;
	check->begun_ns = pps_time_mono_ns();
	check->generation = live->generation;
	memcpy(check->digest, live->policy->digest, sizeof(check->digest));
	check->book = manager->book;
	check->history = change->history;
	if (change->history != NULL && change->number != 0)
		check->entry = json_deep_copy(history_entry(change->history, change->number));
	check->bundle = manager->reload.current_bundle;
	check->bundle->n_holders++;
	check->file = change->pending ? NULL : manager->config->policy;
	check->compile = drift->approved_generation != live->generation;
	check->params = (struct pps_ruleset_params){
		.generation = check->compile ? manager->reload.next_generation++ : 0,
		.now_ns = live->as_of_ns,
		.memory_limit = (size_t)manager->config->build_mib * BYTES_PER_MIB,
		.socket = -1,
	};
	drift->check = check;
	drift->due_ns = check->begun_ns + manager->config->drift_check_seconds * PPS_NS_PER_SEC;
	if (pthread_create(&check->thread, NULL, run_check, check) != 0) {
		pps_log(PPS_LOG_ERROR, "what runs cannot be checked: no thread");
		free_check(manager);
	}
}

/* ---- what was found ---- */

static void add_difference(struct drift *drift, const char *what, char *text)
{
	json_array_append_new(
		drift->differs, json_pack("{s:s, s:o}", "what", what, "text", pps_json_text(text)));
	free(text);
}

static void compare_tables(struct drift *drift)
{
	struct pps_str parts = PPS_STR_INIT;

	for (unsigned int i = 0; i < PPS_PART_COUNT; i++) {
		if (memcmp(drift->running.parts[i], drift->approved.parts[i],
			    sizeof(drift->running.parts[i])) != 0)
			pps_str_addf(&parts, "%s%s", parts.len > 0 ? ", " : "",
				pps_ruleset_part_word(i));
	}
	if (parts.len > 0)
		add_difference(drift, "tables",
			pps_asprintf("the tables that run are not those that the approved policy "
				     "compiles to: %s",
				pps_str_text(&parts)));
	pps_str_fini(&parts);
}

static void compare_file(struct drift *drift, const struct drift_check *check)
{
	if (check->file_errors.n > 0)
		add_difference(drift, "file",
			pps_asprintf("%s: %s", check->file, check->file_errors.items[0].text));
	else if (check->file != NULL && strcmp(check->file_digest, check->digest) != 0)
		add_difference(
			drift, "file", pps_asprintf("%s is not what is in force", check->file));
}

/* Tells when it is not what was told last. */
static void tell(struct manager *manager, const struct drift_check *check)
{
	struct drift *drift = &manager->drift;
	char *found = NULL, *list = json_dumps(drift->differs, JSON_COMPACT);
	json_t *item;
	size_t i;

	/* A file that changes again, and another flipped bit, are news. */
	if (json_array_size(drift->differs) > 0)
		found = pps_asprintf("%s %s %s", list, check->file_digest, drift->running.whole);
	free(list);
	if ((found == NULL) == (drift->told == NULL) &&
		(found == NULL || strcmp(found, drift->told) == 0)) {
		free(found);
		return;
	}
	json_array_foreach(drift->differs, i, item) pps_log(
		PPS_LOG_ERROR, "drift: %s", json_string_value(json_object_get(item, "text")));
	if (found == NULL)
		pps_log(PPS_LOG_INFO, "what runs is what was approved again");
	manager_event(manager, found != NULL ? "policy_drift" : "policy_drift_ended", NULL,
		drift_json(manager));
	free(drift->told);
	drift->told = found;
}

static void take_findings(struct manager *manager)
{
	struct drift *drift = &manager->drift;
	struct drift_check *check = drift->check;

	drift->checked_ns = pps_time_wall_ns();
	drift->generation = check->generation;
	drift->running = check->running;
	if (check->compile && check->live != NULL && check->uncompiled.n_total == 0) {
		drift->approved = check->approved;
		drift->approved_generation = check->generation;
	}
	json_decref(drift->differs);
	drift->differs = json_array();
	free(drift->why);
	drift->why = NULL;
	if (check->live == NULL)
		add_difference(drift, "tables",
			pps_strdup("another ruleset is published than was loaded"));
	else if (drift->approved_generation == check->generation)
		compare_tables(drift);
	else
		drift->why = pps_asprintf("the approved policy cannot be compiled again: %s",
			check->uncompiled.items[0].text);
	if (check->record_errors.n > 0)
		add_difference(drift, "record", pps_strdup(check->record_errors.items[0].text));
	compare_file(drift, check);
	tell(manager, check);
}

static void end_check(struct manager *manager)
{
	struct drift *drift = &manager->drift;
	struct drift_check *check = drift->check;
	uint64_t now_ns = pps_time_mono_ns(), rest_ns = REST_FACTOR * (now_ns - check->begun_ns);

	pthread_join(check->thread, NULL);
	drift->fresh_until_ns = now_ns + (rest_ns > REST_NS ? rest_ns : REST_NS);
	/* Of what does not run any more nothing is told; what runs now is asked about next. */
	if (check->unread.n_total == 0 && manager->reload.current->generation == check->generation)
		take_findings(manager);
	else
		drift->due_ns = drift->fresh_until_ns = 0;
	free_check(manager);
}

/* ---- what others ask ---- */

/* Of another ruleset the last check says nothing. */
static bool is_fresh(const struct manager *manager, uint64_t now_ns)
{
	return manager->drift.generation == manager->reload.current->generation &&
		now_ns < manager->drift.fresh_until_ns;
}

/* True when a check may begin: nothing is about to be published. */
static bool is_quiet(const struct manager *manager)
{
	return manager->drift.check == NULL && manager->reload.current != NULL &&
		!reload_busy(&manager->reload);
}

static void answer_waiters(struct manager *manager, uint64_t now_ns)
{
	struct drift *drift = &manager->drift;
	size_t kept = 0;

	for (size_t i = 0; i < drift->n_waiters; i++) {
		if (drift->check != NULL && now_ns < drift->waiters[i].until_ns)
			drift->waiters[kept++] = drift->waiters[i];
		else
			reply_status(manager, drift->waiters[i].call);
	}
	drift->n_waiters = kept;
}

void drift_answer_status(struct manager *manager, struct pps_ctl_call *call)
{
	struct drift *drift = &manager->drift;
	uint64_t now_ns = pps_time_mono_ns();

	if (is_quiet(manager) && !is_fresh(manager, now_ns))
		begin_check(manager);
	if (drift->check == NULL) {
		reply_status(manager, call);
		return;
	}
	drift->waiters =
		pps_realloc(drift->waiters, (drift->n_waiters + 1) * sizeof(drift->waiters[0]));
	drift->waiters[drift->n_waiters++] =
		(struct drift_waiter){.call = call, .until_ns = now_ns + PATIENCE_NS};
}

bool drift_reads(struct manager *manager, const struct pps_ruleset *ruleset)
{
	struct drift_check *check = manager->drift.check;

	if (check == NULL || check->live != ruleset ||
		atomic_load_explicit(&check->live_done, memory_order_acquire))
		return false;
	atomic_store_explicit(&check->stop, true, memory_order_relaxed);
	return true;
}

void drift_run(struct manager *manager)
{
	struct drift *drift = &manager->drift;
	uint64_t now_ns = pps_time_mono_ns();

	if (drift->check != NULL && atomic_load_explicit(&drift->check->done, memory_order_acquire))
		end_check(manager);
	if (is_quiet(manager) && manager->config->drift_check_seconds > 0 &&
		now_ns >= drift->due_ns)
		begin_check(manager);
	answer_waiters(manager, now_ns);
}

json_t *drift_json(const struct manager *manager)
{
	const struct drift *drift = &manager->drift;
	bool known = manager->reload.current != NULL && drift->checked_ns != 0 &&
		drift->generation == manager->reload.current->generation;
	bool compared = known && drift->why == NULL;
	json_t *equal = json_null();

	if (known && json_array_size(drift->differs) > 0)
		equal = json_false();
	else if (compared)
		equal = json_true();
	return json_pack("{s:o, s:o, s:s?, s:s?, s:o, s:s?}", "equal", equal, "checked",
		time_json(known ? drift->checked_ns : 0, 3), "running",
		known ? drift->running.whole : NULL, "approved",
		compared ? drift->approved.whole : NULL, "differs",
		known ? json_deep_copy(drift->differs) : json_array(), "why",
		known ? drift->why : NULL);
}

/* ---- the end ---- */

bool drift_stop(struct manager *manager)
{
	struct drift *drift = &manager->drift;
	struct timespec until;

	for (size_t i = 0; i < drift->n_waiters; i++)
		reply_status(manager, drift->waiters[i].call);
	drift->n_waiters = 0;
	if (drift->check == NULL)
		return false;
	atomic_store_explicit(&drift->check->stop, true, memory_order_relaxed);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += JOIN_NS;
	until.tv_sec += until.tv_nsec / (long)PPS_NS_PER_SEC;
	until.tv_nsec %= (long)PPS_NS_PER_SEC;
	if (pthread_timedjoin_np(drift->check->thread, NULL, &until) != 0)
		return true;
	free_check(manager);
	return false;
}

void drift_fini(struct drift *drift)
{
	json_decref(drift->differs);
	free(drift->why);
	free(drift->told);
	free(drift->waiters);
}
