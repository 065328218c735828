/* SPDX-License-Identifier: BSD-3-Clause */

/* A policy on trial; see trial.h. */

#include "trial.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <pps_ruleset.h>

#include "commands_priv.h"
#include "flow_query.h"
#include "manager.h"

#define BYTES_PER_MIB (1024ull * 1024)

/* A flow that would be cut. */
struct cut_flow {
	struct flow_copy copy;
	enum pps_reason reason;
};

struct trial_job {
	struct worker_job job;
	const struct pps_ruleset *ruleset;
	const uint32_t *slots; /* by rule: what live flows know a rule of this id by; 0: nothing */
	uint32_t cursor; /* worker */
	uint64_t kept, rebound, cut; /* worker: rw, management: ro after 'done' */
	struct cut_flow *flows;
	size_t n, max;
};

struct trial {
	struct pps_ctl_call *call;
	size_t max;
	/* The builder's. builder: rw until 'built', management afterwards. */
	pthread_t thread;
	struct reload_bundle *bundle;
	struct pps_ruleset_params params;
	struct pps_ruleset *ruleset;
	struct pps_errors errors;
	atomic_bool built; /* builder: wo (release) */

	bool joined; /* and its operation is in line, which frees the trial */
	uint32_t *slots;
	struct trial_job *jobs; /* one per worker; NULL before its turn */
	unsigned int n_jobs;
};

static void *build(void *aux)
{
	struct trial *trial = aux;
	struct pps_policy *policy = pps_policy_parse_bundle(&trial->bundle->files, &trial->errors);

	if (policy != NULL) {
		trial->ruleset = pps_ruleset_build(policy, NULL, &trial->params, &trial->errors);
		if (trial->ruleset == NULL)
			pps_policy_destroy(policy);
	}
	atomic_store_explicit(&trial->built, true, memory_order_release);
	return NULL;
}

static void free_trial(struct manager *manager, struct trial *trial)
{
	for (unsigned int i = 0; i < trial->n_jobs; i++)
		free(trial->jobs[i].flows);
	free(trial->jobs);
	free(trial->slots);
	pps_ruleset_destroy(trial->ruleset, NULL);
	reload_bundle_release(trial->bundle);
	pps_errors_fini(&trial->errors);
	free(trial);
	manager->trial = NULL;
}

bool trial_start(struct manager *manager, struct reload_bundle *bundle, size_t max,
	struct pps_ctl_call *call)
{
	struct trial *trial;

	if (manager->trial != NULL)
		return false;
	trial = pps_alloc(sizeof(*trial));
	trial->call = call;
	trial->max = max;
	trial->params = (struct pps_ruleset_params){
		.generation = manager->reload.next_generation++,
		.now_ns = datapath_wall_ns(manager->datapath),
		.memory_limit = (size_t)manager->config->build_mib * BYTES_PER_MIB,
		.socket = -1,
	};
	trial->bundle = bundle;
	if (pthread_create(&trial->thread, NULL, build, trial) != 0) {
		trial->bundle = NULL;
		free_trial(manager, trial);
		return false;
	}
	manager->trial = trial;
	return true;
}

/* ---- on the workers ---- */

static void count_flow(struct worker *worker, struct trial_job *job, uint32_t handle,
	enum pps_reason reason, uint32_t rule, uint32_t tick)
{
	const struct pps_flow *flow = pps_flow_at(worker->flows, handle);
	struct cut_flow *cut;

	if (reason == PPS_REASON_NONE) {
		job->kept += flow->rule == job->slots[rule];
		job->rebound += flow->rule != job->slots[rule];
		return;
	}
	job->cut++;
	if (job->n == job->max)
		return;
	cut = &job->flows[job->n++];
	cut->reason = reason;
	pps_flow_key_at(worker->flows, handle, &cut->copy.key);
	cut->copy.flow = *flow;
	cut->copy.cold = *pps_flow_cold_at(worker->flows, handle);
	cut->copy.now_tick = tick;
}

static bool judge(struct worker *worker, struct worker_job *base)
{
	struct trial_job *job = (struct trial_job *)base;
	uint64_t wall_ns = atomic_load_explicit(&worker->wall_ns, memory_order_relaxed);
	enum pps_reason reasons[PPS_BURST_MAX];
	uint32_t handles[PPS_BURST_MAX], rules[PPS_BURST_MAX];
	unsigned int n = worker_walk(worker, &job->cursor, handles);

	pps_filter_try(worker->filter, job->ruleset, wall_ns, handles, n, reasons, rules);
	for (unsigned int i = 0; i < n; i++)
		count_flow(worker, job, handles[i], reasons[i], rules[i], worker->last_tick);
	return job->cursor == 0;
}

/* ---- the operation ---- */

static void begin(struct manager *manager, struct operation *operation)
{
	struct trial *trial = operation->aux;

	trial->slots = pps_alloc((trial->ruleset->n_rules + 1) * sizeof(trial->slots[0]));
	for (uint32_t i = 0; i < trial->ruleset->n_rules; i++)
		trial->slots[i] =
			pps_rule_book_find(manager->book, trial->ruleset->policy->rules[i].id);
	trial->n_jobs = manager->datapath->n_workers;
	trial->jobs = pps_alloc(trial->n_jobs * sizeof(trial->jobs[0]));
	for (unsigned int i = 0; i < trial->n_jobs; i++) {
		struct trial_job *job = &trial->jobs[i];
		size_t live = pps_flow_count(manager->datapath->workers[i].flows);

		job->job.step = judge;
		job->ruleset = trial->ruleset;
		job->slots = trial->slots;
		job->max = live < trial->max ? live : trial->max;
		job->flows = pps_alloc((job->max + 1) * sizeof(job->flows[0]));
		operation->jobs[i] = &job->job;
	}
}

static json_t *cut_json(const struct manager *manager, const struct cut_flow *cut)
{
	json_t *json = flow_json(manager, &cut->copy);

	json_object_set_new(json, "reason", json_string(pps_reason_word(cut->reason)));
	return json;
}

static void finish(struct manager *manager, struct operation *operation)
{
	struct trial *trial = operation->aux;
	uint64_t kept = 0, rebound = 0, cut = 0;
	json_t *list = json_array();

	for (unsigned int i = 0; i < trial->n_jobs; i++) {
		const struct trial_job *job = &trial->jobs[i];

		kept += job->kept;
		rebound += job->rebound;
		cut += job->cut;
		for (size_t f = 0; f < job->n && json_array_size(list) < trial->max; f++)
			json_array_append_new(list, cut_json(manager, &job->flows[f]));
	}
	pps_ctl_reply(trial->call,
		json_pack("{s:I, s:I, s:I, s:o}", "kept", (json_int_t)kept, "rebound",
			(json_int_t)rebound, "cut", (json_int_t)cut, "flows", list));
	free_trial(manager, trial);
}

/* The trial is freed right after, in trial_stop(). */
static void abandon(struct operation *operation)
{
	(void)operation;
}

void trial_run(struct manager *manager)
{
	struct trial *trial = manager->trial;
	struct operation *operation;

	if (trial == NULL || trial->joined ||
		!atomic_load_explicit(&trial->built, memory_order_acquire))
		return;
	pthread_join(trial->thread, NULL);
	trial->joined = true;
	if (trial->ruleset == NULL) {
		pps_ctl_fail_errors(trial->call, PPS_CTL_E_REFUSED,
			"the policy could not be taken into force", &trial->errors);
		free_trial(manager, trial);
		return;
	}
	operation = pps_alloc(sizeof(*operation));
	operation->begin = begin;
	operation->finish = finish;
	operation->abandon = abandon;
	operation->aux = trial;
	operation->call = trial->call;
	manager_ask(manager, operation);
}

bool trial_stop(struct manager *manager)
{
	struct trial *trial = manager->trial;

	if (trial == NULL)
		return false;
	/* Else its operation was abandoned with the others, and the call answered. */
	if (!trial->joined) {
		pps_ctl_fail(trial->call, PPS_CTL_E_BUSY, NULL, "ppsfwd is stopping");
		if (!atomic_load_explicit(&trial->built, memory_order_acquire))
			return true;
		pthread_join(trial->thread, NULL);
	}
	free_trial(manager, trial);
	return false;
}
