/* SPDX-License-Identifier: BSD-3-Clause */

/* show_flows and kill_flows: questions to the workers, answered when all have. */

#include <stdlib.h>

#include "commands_priv.h"
#include "flow_query.h"

#define SHOW_DEFAULT  1000
#define SHOW_MAX      100000
#define SHOW_MAX_VIEW 10000 /* for viewers */

static void finish_show(struct manager *manager, struct operation *operation)
{
	const struct flow_question *question = operation->aux;
	struct datapath_totals totals;
	json_t *list = json_array();
	uint64_t matched = 0;
	size_t shown = 0;

	for (unsigned int i = 0; i < question->n_jobs; i++) {
		const struct flow_job *job = &question->jobs[i];

		matched += job->matched;
		for (size_t f = 0; f < job->n && shown < question->max; f++, shown++)
			json_array_append_new(list, flow_json(manager, &job->copies[f]));
	}
	datapath_totals(manager->datapath, &totals);
	pps_ctl_reply(operation->call,
		json_pack("{s:o, s:I, s:I, s:I}", "flows", list, "matched", (json_int_t)matched,
			"shown", (json_int_t)shown, "live", (json_int_t)totals.flows_live));
	flow_operation_abandon(operation);
}

static void finish_kill(struct manager *manager, struct operation *operation)
{
	const struct flow_question *question = operation->aux;
	uint64_t killed = 0;

	for (unsigned int i = 0; i < question->n_jobs; i++)
		killed += question->jobs[i].matched;
	manager_event(manager, "flows_killed", pps_ctl_call_peer(operation->call),
		json_pack("{s:I}", "killed", (json_int_t)killed));
	pps_ctl_reply(operation->call, json_pack("{s:I}", "killed", (json_int_t)killed));
	flow_operation_abandon(operation);
}

/* The filter of the call, or false when it has been answered with what is wrong. */
static bool read_filter(struct pps_ctl_call *call, const json_t *params, struct manager *manager,
	struct flow_filter *filter)
{
	struct pps_errors errors = {0};
	bool good = flow_filter_read(manager, json_object_get(params, "filter"), filter, &errors);

	if (!good)
		pps_ctl_fail_errors(call, PPS_CTL_E_PARAMS, "the filter is wrong", &errors);
	pps_errors_fini(&errors);
	return good;
}

void command_show_flows(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	const json_t *wanted = json_object_get(params, "max");
	struct manager *manager = aux;
	struct flow_filter filter;
	struct operation *operation;
	json_int_t max = SHOW_DEFAULT;
	json_int_t most = pps_ctl_call_peer(call)->role == PPS_CTL_ADMIN ? SHOW_MAX : SHOW_MAX_VIEW;

	if (!read_filter(call, params, manager, &filter))
		return;
	if (wanted != NULL) {
		max = json_integer_value(wanted);
		if (!json_is_integer(wanted) || max < 0 || max > most) {
			pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL,
				"\"max\" is a number from 0 to %d", (int)most);
			return;
		}
	}
	operation = flow_operation(&filter, false, (size_t)max, call);
	operation->finish = finish_show;
	manager_ask(manager, operation);
}

void command_kill_flows(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	struct flow_filter filter;
	struct operation *operation;

	if (json_object_get(params, "filter") == NULL) {
		pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL,
			"kill_flows takes a filter; an empty object is every flow");
		return;
	}
	if (!read_filter(call, params, manager, &filter))
		return;
	operation = flow_operation(&filter, true, 0, call);
	operation->finish = finish_kill;
	manager_ask(manager, operation);
}
