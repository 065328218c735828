/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * explain: a packet that was never sent, judged by the worker that would get it, on the ruleset and
 * the flows of this moment, with the code that judges real ones; then the same decision told step
 * by step, with the approval behind it.
 */

#include <stdlib.h>
#include <string.h>

#include <pps_json.h>

#include "commands_priv.h"
#include "flow_query.h"
#include "probe.h"

struct explain_job {
	struct worker_job job;
	struct pps_ingress ingress;
	uint8_t frame[PROBE_MAX];
	size_t len;
	/* The answer. worker: rw, management: ro after 'done'. */
	uint32_t generation;
	struct pps_packet packet;
	struct pps_verdict verdict;
	struct flow_copy flow; /* when verdict.flow is one */
};

/* ---- the question ---- */

struct question {
	char *direction, *protocol, *source, *destination, *segment, *tcp_flags;
	uint32_t source_port, destination_port, icmp_type, icmp_code, vlan;
};

#define FIELD(name, reader, needed, text)                                 \
	{                                                                 \
		.key = #name, .read = (reader), .required = (needed),     \
		.offset = offsetof(struct question, name), .help = (text) \
	}

static const struct pps_json_field question_fields[] = {
	FIELD(direction, pps_json_read_string, true, "inbound or outbound"),
	FIELD(protocol, pps_json_read_string, true, "name or number"),
	FIELD(source, pps_json_read_string, true, "address the packet comes from"),
	FIELD(destination, pps_json_read_string, true, "address it goes to"),
	FIELD(source_port, pps_json_read_u32, false, "port (default 49152)"),
	FIELD(destination_port, pps_json_read_u32, false, "port"),
	FIELD(icmp_type, pps_json_read_u32, false, "ICMP type (default: echo request)"),
	FIELD(icmp_code, pps_json_read_u32, false, "ICMP code (default 0)"),
	FIELD(vlan, pps_json_read_u32, false, "VLAN id (default: untagged)"),
	FIELD(segment, pps_json_read_string, false, "segment (default: the first)"),
	FIELD(tcp_flags, pps_json_read_string, false, "syn (default), ack, syn-ack, fin-ack, rst"),
};

#define EPHEMERAL_PORT 49152
#define VLAN_MAX       4094

static const struct {
	const char *word;
	uint8_t flags;
} tcp_words[] = {
	{"syn", PPS_TCP_SYN},
	{"ack", PPS_TCP_ACK},
	{"syn-ack", PPS_TCP_SYN | PPS_TCP_ACK},
	{"fin-ack", PPS_TCP_FIN | PPS_TCP_ACK},
	{"rst", PPS_TCP_RST},
};

static void read_address(
	const char *text, const char *path, struct pps_addr *ret, struct pps_errors *errors)
{
	const char *why;

	if (pps_addr_parse(text, ret, &why) != 0)
		pps_errors_add(errors, path, "\"%s\" is not an address: %s", text, why);
}

static void check_range(uint32_t value, uint32_t max, const char *path, struct pps_errors *errors)
{
	if (value > max)
		pps_errors_add(errors, path, "%u is more than %u", value, max);
}

static void read_tcp_flags(const char *text, struct probe *probe, struct pps_errors *errors)
{
	for (size_t i = 0; i < sizeof(tcp_words) / sizeof(tcp_words[0]); i++) {
		if (text == NULL || strcmp(text, tcp_words[i].word) == 0) {
			probe->tcp_flags = tcp_words[i].flags;
			return;
		}
	}
	pps_errors_add(
		errors, "tcp_flags", "\"%s\" is not one of syn, ack, syn-ack, fin-ack, rst", text);
}

static void make_probe(const struct question *q, struct probe *probe, struct pps_errors *errors)
{
	int protocol = pps_protocol_parse(q->protocol);

	if (protocol < 0 || protocol == PPS_PROTOCOL_ANY)
		pps_errors_add(errors, "protocol", "\"%s\" is not a protocol", q->protocol);
	read_address(q->source, "source", &probe->source, errors);
	read_address(q->destination, "destination", &probe->destination, errors);
	if (probe->source.family != 0 && probe->destination.family != 0 &&
		probe->source.family != probe->destination.family)
		pps_errors_add(errors, "destination", "\"%s\" is of another family than \"%s\"",
			q->destination, q->source);
	read_tcp_flags(q->tcp_flags, probe, errors);
	check_range(q->source_port, UINT16_MAX, "source_port", errors);
	check_range(q->destination_port, UINT16_MAX, "destination_port", errors);
	check_range(q->icmp_type, UINT8_MAX, "icmp_type", errors);
	check_range(q->icmp_code, UINT8_MAX, "icmp_code", errors);
	check_range(q->vlan, VLAN_MAX, "vlan", errors);
	probe->protocol = (uint8_t)protocol;
	probe->source_port = (uint16_t)q->source_port;
	probe->destination_port = (uint16_t)q->destination_port;
	probe->icmp_type = (uint8_t)q->icmp_type;
	probe->icmp_code = (uint8_t)q->icmp_code;
	probe->vlan = (uint16_t)q->vlan;
}

/* Where the packet would enter. */
static void make_ingress(const struct manager *manager, const struct question *q,
	struct pps_ingress *ingress, struct pps_errors *errors)
{
	int segment = q->segment == NULL ? 0 : segment_find(manager->config, q->segment);

	if (segment < 0)
		pps_errors_add(errors, "segment", "\"%s\" is not a segment", q->segment);
	else
		ingress->segment = (uint8_t)segment;
	if (strcmp(q->direction, "inbound") == 0)
		ingress->side = PPS_SIDE_OUTSIDE;
	else if (strcmp(q->direction, "outbound") == 0)
		ingress->side = PPS_SIDE_INSIDE;
	else
		pps_errors_add(errors, "direction", "\"%s\" is not a direction (inbound, outbound)",
			q->direction);
}

static bool read_question(const struct manager *manager, const json_t *params, struct probe *probe,
	struct pps_ingress *ingress, struct pps_errors *errors)
{
	struct question q = {.source_port = EPHEMERAL_PORT, .icmp_type = UINT32_MAX};

	if (pps_json_read_object(params, NULL, question_fields,
		    sizeof(question_fields) / sizeof(question_fields[0]), &q, NULL, errors)) {
		if (q.icmp_type == UINT32_MAX)
			q.icmp_type = pps_protocol_parse(q.protocol) == PPS_IP_ICMPV6 ? 128 : 8;
		make_probe(&q, probe, errors);
		make_ingress(manager, &q, ingress, errors);
	}
	free(q.direction);
	free(q.protocol);
	free(q.source);
	free(q.destination);
	free(q.segment);
	free(q.tcp_flags);
	return errors->n_total == 0;
}

/* ---- on the worker ---- */

static bool judge(struct worker *worker, struct worker_job *base)
{
	struct explain_job *job = (struct explain_job *)base;
	const struct pps_ruleset *ruleset = pps_snapshot_read(worker->snapshot);
	const struct pps_clock now = {
		.wall_ns = atomic_load_explicit(&worker->wall_ns, memory_order_relaxed),
		.tick = worker->last_tick,
	};

	pps_filter_explain(worker->filter, ruleset, &job->ingress, &now, job->frame,
		(uint32_t)job->len, &job->packet, &job->verdict);
	job->generation = ruleset != NULL ? ruleset->generation : 0;
	if (job->verdict.flow != PPS_FLOW_NONE) {
		pps_flow_key_at(worker->flows, job->verdict.flow, &job->flow.key);
		job->flow.flow = *pps_flow_at(worker->flows, job->verdict.flow);
		job->flow.cold = *pps_flow_cold_at(worker->flows, job->verdict.flow);
		job->flow.now_tick = now.tick;
	}
	return true;
}

/* ---- the answer ---- */

static const enum pps_step steps[] = {PPS_STEP_LINK, PPS_STEP_HEADERS, PPS_STEP_FRAGMENTS,
	PPS_STEP_SOURCES, PPS_STEP_FLOW, PPS_STEP_ICMP, PPS_STEP_START, PPS_STEP_CLASSIFY,
	PPS_STEP_TUNNEL, PPS_STEP_ACCOUNT};

static char *known_flow_text(const struct explain_job *job)
{
	const struct pps_verdict *verdict = &job->verdict;

	if (verdict->flow != PPS_FLOW_NONE)
		return pps_asprintf("it belongs to a live flow (%s)%s",
			pps_flow_state_word(verdict->state),
			verdict->rejudged ? ", judged again by the policy in force first" : "");
	return pps_strdup("it belongs to no live flow");
}

/* What a step that did not drop the packet found. */
static char *ok_text(const struct explain_job *job, enum pps_step step, const char *rule,
	const struct pps_policy *policy)
{
	const struct pps_packet *packet = &job->packet;
	char *text;

	switch (step) {
	case PPS_STEP_LINK:
		return packet->vlan != 0 ? pps_asprintf("VLAN %u is permitted", packet->vlan)
					 : pps_strdup("untagged Ethernet");
	case PPS_STEP_HEADERS:
		return pps_asprintf("IPv%u, %s: well formed", packet->family,
			pps_protocol_word(packet->protocol));
	case PPS_STEP_FRAGMENTS:
		if (!packet->fragment)
			return pps_strdup("a whole packet");
		return pps_strdup(packet->later_fragment ? "it follows its first fragment"
							 : "a first fragment");
	case PPS_STEP_SOURCES:
		text = policy != NULL ? sources_text(policy, packet, PPS_REASON_NONE) : NULL;
		return text != NULL ? text : pps_strdup("no source lists");
	case PPS_STEP_FLOW:
		return known_flow_text(job);
	case PPS_STEP_ICMP:
		return pps_strdup("no ICMP error, no neighbour discovery");
	case PPS_STEP_START:
		return pps_strdup("it may start a flow");
	case PPS_STEP_CLASSIFY:
		return pps_asprintf("rule %s permits it", rule != NULL ? rule : "?");
	case PPS_STEP_TUNNEL:
		return pps_strdup("no tunnel");
	default:
		return pps_strdup(job->verdict.new_flow ? "counted; a flow begins" : "counted");
	}
}

/* Steps a packet of a live flow skips: it is not asked whether it may start one. */
static bool is_skipped(const struct explain_job *job, enum pps_step step)
{
	if (step != PPS_STEP_START && step != PPS_STEP_CLASSIFY)
		return false;
	return !job->verdict.new_flow && job->verdict.step != step &&
		(job->verdict.flow != PPS_FLOW_NONE || job->packet.kind != PPS_PACKET_IP);
}

static char *drop_text(const struct explain_job *job, const struct pps_policy *policy)
{
	enum pps_reason reason = job->verdict.reason;
	char *text = NULL;

	if (job->verdict.step == PPS_STEP_SOURCES && policy != NULL)
		text = sources_text(policy, &job->packet, reason);
	return text != NULL ? text : pps_strdup(pps_reason_text(reason));
}

static json_t *step_json(const struct explain_job *job, enum pps_step step, const char *rule,
	const struct pps_policy *policy)
{
	enum pps_reason reason = job->verdict.reason;
	bool dropped = reason != PPS_REASON_NONE;
	const char *result = "ok";
	char *text;
	json_t *json;

	if (dropped && step == job->verdict.step) {
		result = reason == PPS_REASON_HELD ? "held" : "drop";
		text = drop_text(job, policy);
	} else if ((dropped && step > job->verdict.step) || is_skipped(job, step)) {
		result = "not reached";
		text = pps_strdup("");
	} else {
		if (!dropped && step == PPS_STEP_ACCOUNT)
			result = "pass";
		text = ok_text(job, step, rule, policy);
	}
	json = json_pack(
		"{s:s, s:s, s:s}", "step", pps_step_word(step), "result", result, "text", text);
	free(text);
	return json;
}

static const char *verdict_word(enum pps_reason reason)
{
	if (reason == PPS_REASON_HELD)
		return "held";
	return reason == PPS_REASON_NONE ? "pass" : "drop";
}

static void begin(struct manager *manager, struct operation *operation)
{
	struct explain_job *job = operation->aux;

	(void)manager;
	job->verdict = (struct pps_verdict){
		.reason = PPS_REASON_NO_POLICY, .step = PPS_STEP_ACCOUNT, .flow = PPS_FLOW_NONE};
	operation->jobs[0] = &job->job;
}

static void abandon(struct operation *operation)
{
	free(operation->aux);
}

/* In the instant of a reload the worker may have judged by the ruleset before: ask again. */
static bool ask_again(struct manager *manager, const struct operation *operation)
{
	const struct explain_job *job = operation->aux;
	const struct pps_ruleset *current = manager->reload.current;
	struct operation *again;

	if (current == NULL || job->generation == current->generation)
		return false;
	again = pps_alloc(sizeof(*again));
	*again = *operation;
	again->asked = false;
	manager_ask(manager, again);
	return true;
}

static void finish(struct manager *manager, struct operation *operation)
{
	struct explain_job *job = operation->aux;
	const struct pps_verdict *verdict = &job->verdict;
	bool expired = false;
	const struct pps_rule *rule = rule_of_slot(manager, verdict->rule, &expired);
	const struct reload *reload = &manager->reload;
	json_t *list;

	if (ask_again(manager, operation))
		return;
	list = json_array();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		json_array_append_new(list,
			step_json(job, steps[i], rule != NULL ? rule->id : NULL,
				reload->current != NULL ? reload->current->policy : NULL));
	pps_ctl_reply(operation->call,
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "verdict",
			verdict_word(verdict->reason), "reason", pps_reason_word(verdict->reason),
			"text", pps_reason_text(verdict->reason), "step",
			pps_step_word(verdict->step), "steps", list, "rule",
			rule != NULL ? rule_json(rule, reload->current->policy, expired)
				     : json_null(),
			"flow",
			verdict->flow != PPS_FLOW_NONE ? flow_json(manager, &job->flow)
						       : json_null(),
			"policy", policy_summary(manager)));
	free(job);
}

void command_explain(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	struct operation *operation;
	struct pps_errors errors = {0};
	struct explain_job *job;
	struct pps_ingress ingress = {0};
	struct probe probe = {0};

	if (!read_question(manager, params, &probe, &ingress, &errors)) {
		pps_ctl_fail_errors(call, PPS_CTL_E_PARAMS, "cannot explain that", &errors);
		pps_errors_fini(&errors);
		return;
	}
	job = pps_alloc(sizeof(*job));
	job->job.step = judge;
	job->ingress = ingress;
	job->len = probe_build(&probe, job->frame);
	operation = pps_alloc(sizeof(*operation));
	operation->begin = begin;
	operation->finish = finish;
	operation->abandon = abandon;
	operation->aux = job;
	operation->call = call;
	manager_ask(manager, operation);
}
