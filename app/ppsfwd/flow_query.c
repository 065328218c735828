/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_query.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <pps_json.h>

#include "commands_priv.h"

/* ---- the filter ---- */

static const char *string_of(
	const json_t *value, const struct pps_json_path *path, struct pps_errors *errors)
{
	if (json_is_string(value))
		return json_string_value(value);
	pps_json_error(errors, path, "%s is not a string", pps_json_quote(value));
	return NULL;
}

static void read_segment(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const struct manager *manager = aux;
	const char *text = string_of(value, path, errors);
	int *segment = target;

	if (text == NULL)
		return;
	*segment = segment_find(manager->config, text);
	if (*segment < 0)
		pps_json_error(errors, path, "\"%s\" is not a segment", text);
}

static void read_direction(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const char *text = string_of(value, path, errors);
	uint8_t *direction = target;

	(void)aux;
	if (text == NULL)
		return;
	if (strcmp(text, "inbound") == 0)
		*direction = PPS_INBOUND;
	else if (strcmp(text, "outbound") == 0)
		*direction = PPS_OUTBOUND;
	else
		pps_json_error(errors, path, "\"%s\" is not a direction (inbound, outbound)", text);
}

static void read_protocol(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	int *protocol = target;

	(void)aux;
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
		json_integer_value(value) <= UINT8_MAX) {
		*protocol = (int)json_integer_value(value);
		return;
	}
	*protocol = json_is_string(value) ? pps_protocol_parse(json_string_value(value)) : -1;
	if (*protocol == PPS_PROTOCOL_ANY)
		*protocol = -1;
	else if (*protocol < 0)
		pps_json_error(errors, path, "%s is not a protocol", pps_json_quote(value));
}

static void read_prefix(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const char *text = string_of(value, path, errors);
	const char *why;

	(void)aux;
	if (text != NULL && pps_prefix_parse(text, target, &why) != 0)
		pps_json_error(errors, path, "\"%s\" is not an address or prefix: %s", text, why);
}

static void read_number(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	int *number = target;

	(void)aux;
	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
		json_integer_value(value) <= UINT16_MAX)
		*number = (int)json_integer_value(value);
	else
		pps_json_error(
			errors, path, "%s is not a number from 0 to 65535", pps_json_quote(value));
}

static void read_rule(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const struct manager *manager = aux;
	const char *text = string_of(value, path, errors);
	uint32_t *rule = target;

	if (text == NULL)
		return;
	*rule = pps_rule_book_find(manager->book, text);
	if (*rule == 0)
		pps_json_error(errors, path, "\"%s\" is not a rule", text);
}

static void read_state(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const char *text = string_of(value, path, errors);
	int *state = target;

	(void)aux;
	if (text == NULL)
		return;
	for (int i = PPS_FLOW_FREE + 1; i < PPS_FLOW_STATE_COUNT; i++) {
		if (strcmp(text, pps_flow_state_word((enum pps_flow_state)i)) == 0) {
			*state = i;
			return;
		}
	}
	pps_json_error(errors, path, "\"%s\" is not a flow state", text);
}

#define FIELD(name, reader, member, text)                                                        \
	{                                                                                        \
		.key = (name), .read = (reader), .offset = offsetof(struct flow_filter, member), \
		.help = (text)                                                                   \
	}

static const struct pps_json_field filter_fields[] = {
	FIELD("segment", read_segment, segment, "name of the segment"),
	FIELD("direction", read_direction, direction, "inbound or outbound"),
	FIELD("protocol", read_protocol, protocol, "name or number"),
	FIELD("source", read_prefix, source, "address or prefix of the initiator"),
	FIELD("destination", read_prefix, destination, "address or prefix of the responder"),
	FIELD("address", read_prefix, address, "address or prefix of either"),
	FIELD("port", read_number, port, "port of either"),
	FIELD("source_port", read_number, source_port, "port of the initiator"),
	FIELD("destination_port", read_number, destination_port, "port of the responder"),
	FIELD("rule", read_rule, rule, "id of the rule that permits it"),
	FIELD("state", read_state, state, "state"),
	FIELD("vlan", read_number, vlan, "outer VLAN id"),
};

bool flow_filter_read(const struct manager *manager, const json_t *value,
	struct flow_filter *filter, struct pps_errors *errors)
{
	static const struct pps_json_path path = {.key = "filter"};
	/* The walker hands 'aux' on as it is; the readers do not change it. */
	void *aux = (void *)(uintptr_t)manager;

	*filter = (struct flow_filter){
		.segment = -1,
		.protocol = -1,
		.port = -1,
		.source_port = -1,
		.destination_port = -1,
		.state = -1,
		.vlan = -1,
	};
	if (value == NULL)
		return true;
	if (!pps_json_read_object(value, &path, filter_fields,
		    sizeof(filter_fields) / sizeof(filter_fields[0]), filter, aux, errors))
		return false;
	filter->has_source = json_object_get(value, "source") != NULL;
	filter->has_destination = json_object_get(value, "destination") != NULL;
	filter->has_address = json_object_get(value, "address") != NULL;
	filter->has_rule = json_object_get(value, "rule") != NULL;
	return true;
}

/* ---- flows ---- */

void flow_tuple_make(
	const struct pps_flow_key *key, enum pps_side initiator, struct flow_tuple *ret)
{
	bool inside = initiator == PPS_SIDE_INSIDE;
	uint8_t family = key->is_wide ? key->wide.family : 4;
	const uint8_t *in = key->is_wide ? key->wide.inside : key->v4.inside;
	const uint8_t *out = key->is_wide ? key->wide.outside : key->v4.outside;
	uint16_t in_port = ntohs(key->is_wide ? key->wide.inside_port : key->v4.inside_port);
	uint16_t out_port = ntohs(key->is_wide ? key->wide.outside_port : key->v4.outside_port);

	*ret = (struct flow_tuple){
		.source = pps_addr_make(family, inside ? in : out),
		.destination = pps_addr_make(family, inside ? out : in),
		.source_port = inside ? in_port : out_port,
		.destination_port = inside ? out_port : in_port,
		.vlan = key->is_wide ? key->wide.vlan : key->v4.vlan,
		.inner_vlan = key->is_wide ? key->wide.inner_vlan : 0,
		.protocol = key->is_wide ? key->wide.protocol : key->v4.protocol,
		.segment = key->is_wide ? key->wide.segment : key->v4.segment,
		.icmp_type = -1,
	};
	if (!pps_protocol_has_ports(ret->protocol)) {
		/* ICMP keys hold the query there: the classification key says it in clear. */
		if (ret->protocol == PPS_IP_ICMP || ret->protocol == PPS_IP_ICMPV6) {
			struct pps_class_key class;

			pps_class_key_make(key, initiator, 0, &class);
			ret->icmp_type = ntohs(class.dst_port) >> 8;
		}
		ret->source_port = 0;
		ret->destination_port = 0;
	}
}

static bool port_matches(int wanted, uint16_t port)
{
	return wanted < 0 || wanted == port;
}

bool flow_filter_matches(const struct flow_filter *filter, const struct flow_tuple *tuple,
	const struct pps_flow *flow)
{
	if (filter->segment >= 0 && filter->segment != tuple->segment)
		return false;
	if (filter->direction != 0 && !(filter->direction & pps_side_direction(flow->initiator)))
		return false;
	if (filter->protocol >= 0 && filter->protocol != tuple->protocol)
		return false;
	if (filter->has_source && !pps_prefix_contains(&filter->source, &tuple->source))
		return false;
	if (filter->has_destination &&
		!pps_prefix_contains(&filter->destination, &tuple->destination))
		return false;
	if (filter->has_address && !pps_prefix_contains(&filter->address, &tuple->source) &&
		!pps_prefix_contains(&filter->address, &tuple->destination))
		return false;
	if ((filter->port >= 0 || filter->source_port >= 0 || filter->destination_port >= 0) &&
		!pps_protocol_has_ports(tuple->protocol))
		return false;
	if (filter->port >= 0 && filter->port != tuple->source_port &&
		filter->port != tuple->destination_port)
		return false;
	if (!port_matches(filter->source_port, tuple->source_port) ||
		!port_matches(filter->destination_port, tuple->destination_port) ||
		!port_matches(filter->vlan, tuple->vlan))
		return false;
	if (filter->has_rule && filter->rule != flow->rule)
		return false;
	return filter->state < 0 || filter->state == flow->state;
}

static json_t *pair_json(uint64_t initiator, uint64_t responder)
{
	return json_pack("{s:I, s:I}", "initiator", (json_int_t)initiator, "responder",
		(json_int_t)responder);
}

json_t *flow_json(const struct manager *manager, const struct flow_copy *copy)
{
	const struct pps_flow *flow = &copy->flow;
	const struct pps_flow_cold *cold = &copy->cold;
	const struct pps_ruleset *ruleset = manager->reload.current;
	const char *rule = pps_rule_book_id(manager->book, flow->rule);
	char source[PPS_ADDR_TEXT_MAX], destination[PPS_ADDR_TEXT_MAX];
	unsigned int first = flow->initiator, second = !flow->initiator;
	struct flow_tuple tuple;
	json_t *json;

	flow_tuple_make(&copy->key, flow->initiator, &tuple);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:I, s:I, s:o, s:o}", "segment",
		manager->config->segments[tuple.segment].name, "direction",
		pps_direction_word(pps_side_direction(flow->initiator)), "protocol",
		pps_protocol_word(tuple.protocol), "source", pps_addr_format(&tuple.source, source),
		"destination", pps_addr_format(&tuple.destination, destination), "state",
		pps_flow_state_word(flow->state), "rule", rule, "started",
		time_json(copy->cold.started_ns, 3), "idle_ms",
		(json_int_t)(uint32_t)(copy->now_tick - flow->seen), "timeout_ms",
		(json_int_t)(ruleset != NULL ? ruleset->timeouts.ticks[flow->state] : 0), "packets",
		pair_json(
			pps_flow_packets(flow, cold, first), pps_flow_packets(flow, cold, second)),
		"bytes",
		pair_json(pps_flow_bytes(flow, cold, first), pps_flow_bytes(flow, cold, second)));
	if (pps_protocol_has_ports(tuple.protocol)) {
		json_object_set_new(json, "source_port", json_integer(tuple.source_port));
		json_object_set_new(json, "destination_port", json_integer(tuple.destination_port));
	}
	if (tuple.icmp_type >= 0)
		json_object_set_new(json, "icmp_type", json_integer(tuple.icmp_type));
	if ((flow->flags & PPS_FLOW_PICKED_UP) != 0)
		json_object_set_new(json, "picked_up", json_true());
	if (tuple.vlan != 0)
		json_object_set_new(json, "vlan", json_integer(tuple.vlan));
	if (tuple.inner_vlan != 0)
		json_object_set_new(json, "inner_vlan", json_integer(tuple.inner_vlan));
	return json;
}

/* ---- the job ---- */

static void take(
	struct worker *worker, struct flow_job *job, uint32_t handle, const struct pps_clock *now)
{
	const struct pps_flow *flow = pps_flow_at(worker->flows, handle);
	struct flow_tuple tuple;
	struct pps_flow_key key;

	pps_flow_key_at(worker->flows, handle, &key);
	flow_tuple_make(&key, flow->initiator, &tuple);
	if (!flow_filter_matches(&job->filter, &tuple, flow))
		return;
	job->matched++;
	if (job->n < job->max)
		job->copies[job->n++] = (struct flow_copy){
			.key = key,
			.flow = *flow,
			.cold = *pps_flow_cold_at(worker->flows, handle),
			.now_tick = now->tick,
		};
	if (job->kill)
		pps_filter_end_flow(worker->filter, now, handle, PPS_FLOW_END_KILLED);
}

static bool walk(struct worker *worker, struct worker_job *base)
{
	struct flow_job *job = (struct flow_job *)base;
	const struct pps_clock now = {
		.wall_ns = atomic_load_explicit(&worker->wall_ns, memory_order_relaxed),
		.tick = worker->last_tick,
	};
	uint32_t handles[PPS_BURST_MAX];
	unsigned int n;

	/* The ends of a slice must find room in the ring of events. */
	if (job->kill && pps_event_source_room(worker->events) < 2 * PPS_BURST_MAX)
		return false;
	n = worker_walk(worker, &job->cursor, handles);
	for (unsigned int i = 0; i < n; i++)
		take(worker, job, handles[i], &now);
	return job->cursor == 0;
}

/* No worker has more flows to copy than it has live ones. */
static size_t copies_of(const struct worker *worker, size_t max)
{
	size_t live = pps_flow_count(worker->flows);

	return live < max ? live : max;
}

static void begin(struct manager *manager, struct operation *operation)
{
	struct flow_question *question = operation->aux;
	unsigned int n = manager->datapath->n_workers;

	question->jobs = pps_alloc(n * sizeof(*question->jobs));
	question->n_jobs = n;
	for (unsigned int i = 0; i < n; i++) {
		struct flow_job *job = &question->jobs[i];

		job->job.step = walk;
		job->filter = question->filter;
		job->kill = question->kill;
		job->max = copies_of(&manager->datapath->workers[i], question->max);
		job->copies = pps_alloc(job->max * sizeof(*job->copies));
		operation->jobs[i] = &job->job;
	}
}

struct operation *flow_operation(
	const struct flow_filter *filter, bool kill, size_t max, struct pps_ctl_call *call)
{
	struct operation *operation = pps_alloc(sizeof(*operation));
	struct flow_question *question = pps_alloc(sizeof(*question));

	question->filter = *filter;
	question->kill = kill;
	question->max = max;
	operation->begin = begin;
	operation->abandon = flow_operation_abandon;
	operation->aux = question;
	operation->call = call;
	return operation;
}

void flow_operation_abandon(struct operation *operation)
{
	struct flow_question *question = operation->aux;

	for (unsigned int i = 0; i < question->n_jobs; i++)
		free(question->jobs[i].copies);
	free(question->jobs);
	free(question);
}
