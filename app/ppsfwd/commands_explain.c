/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * explain: the question, and the worker's answer to it. What the answer says to people is
 * explain.c's.
 */

#include <stdlib.h>
#include <string.h>

#include <pps_json.h>

#include "commands_priv.h"
#include "explain.h"
#include "probe.h"

/* ---- the question ---- */

struct question {
	char *direction, *protocol, *source, *destination, *segment, *tcp_flags, *frame;
	uint32_t source_port, destination_port, icmp_type, icmp_code, vlan, length;
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

static const struct pps_json_field frame_fields[] = {
	FIELD(direction, pps_json_read_string, true, "inbound or outbound"),
	FIELD(frame, pps_json_read_string, true, "its front, in hexadecimal digits"),
	FIELD(length, pps_json_read_u32, true, "bytes of the whole frame"),
	FIELD(segment, pps_json_read_string, false, "segment (default: the first)"),
};

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
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
	for (size_t i = 0; i < COUNT(tcp_words); i++) {
		if (text == NULL || strcmp(text, tcp_words[i].word) == 0) {
			probe->tcp_flags = tcp_words[i].flags;
			return;
		}
	}
	pps_errors_add(
		errors, "tcp_flags", "\"%s\" is not one of syn, ack, syn-ack, fin-ack, rst", text);
}

static void make_probe(const struct question *q, struct explain_job *job, struct pps_errors *errors)
{
	int protocol = pps_protocol_parse(q->protocol);
	uint32_t icmp_type = q->icmp_type;
	struct probe probe = {0};

	if (icmp_type == UINT32_MAX)
		icmp_type = protocol == PPS_IP_ICMPV6 ? 128 : 8;

	if (protocol < 0 || protocol == PPS_PROTOCOL_ANY)
		pps_errors_add(errors, "protocol", "\"%s\" is not a protocol", q->protocol);
	read_address(q->source, "source", &probe.source, errors);
	read_address(q->destination, "destination", &probe.destination, errors);
	if (probe.source.family != 0 && probe.destination.family != 0 &&
		probe.source.family != probe.destination.family)
		pps_errors_add(errors, "destination", "\"%s\" is of another family than \"%s\"",
			q->destination, q->source);
	read_tcp_flags(q->tcp_flags, &probe, errors);
	check_range(q->source_port, UINT16_MAX, "source_port", errors);
	check_range(q->destination_port, UINT16_MAX, "destination_port", errors);
	check_range(icmp_type, UINT8_MAX, "icmp_type", errors);
	check_range(q->icmp_code, UINT8_MAX, "icmp_code", errors);
	check_range(q->vlan, VLAN_MAX, "vlan", errors);
	probe.protocol = (uint8_t)protocol;
	probe.source_port = (uint16_t)q->source_port;
	probe.destination_port = (uint16_t)q->destination_port;
	probe.icmp_type = (uint8_t)icmp_type;
	probe.icmp_code = (uint8_t)q->icmp_code;
	probe.vlan = (uint16_t)q->vlan;
	if (errors->n_total == 0)
		job->head_len = job->len = (uint32_t)probe_build(&probe, job->frame);
	job->made_up = true;
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

/* The digit's value, or -1. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_frame(const struct question *q, struct explain_job *job, struct pps_errors *errors)
{
	size_t len = strlen(q->frame);

	if (len % 2 != 0 || len / 2 > sizeof(job->frame)) {
		pps_errors_add(errors, "frame", "%zu digits are not the front of a frame", len);
		return;
	}
	job->head_len = (uint32_t)(len / 2);
	job->len = q->length;
	for (uint32_t i = 0; i < job->head_len; i++) {
		int high = hex_digit(q->frame[2 * i]), low = hex_digit(q->frame[2 * i + 1]);

		if (high < 0 || low < 0) {
			pps_errors_add(errors, "frame", "byte %u is not two hexadecimal digits", i);
			return;
		}
		job->frame[i] = (uint8_t)(high << 4 | low);
	}
	check_range(q->length, EXPLAIN_LENGTH_MAX, "length", errors);
	if (job->head_len > q->length ||
		(job->head_len < q->length && job->head_len < PPS_PACKET_HEADER_MAX))
		pps_errors_add(errors, "frame", "%u bytes of %u are not what the law reads",
			job->head_len, q->length);
}

static void read_question(const struct manager *manager, const json_t *params,
	struct explain_job *job, struct pps_errors *errors)
{
	bool is_frame = json_object_get(params, "frame") != NULL;
	struct question q = {.source_port = EPHEMERAL_PORT, .icmp_type = UINT32_MAX};
	bool read = is_frame ? pps_json_read_object(params, NULL, frame_fields, COUNT(frame_fields),
				       &q, NULL, errors)
			     : pps_json_read_object(params, NULL, question_fields,
				       COUNT(question_fields), &q, NULL, errors);

	if (read) {
		make_ingress(manager, &q, &job->ingress, errors);
		if (is_frame)
			read_frame(&q, job, errors);
		else
			make_probe(&q, job, errors);
	}
	free(q.direction);
	free(q.protocol);
	free(q.source);
	free(q.destination);
	free(q.segment);
	free(q.tcp_flags);
	free(q.frame);
}

/* ---- on the worker ---- */

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

/*
 * A segment that somebody describes has no sequence numbers. In a live flow it gets those that come
 * next, so that the answer is about the policy and the state, not about numbers nobody sent. False:
 * it needs none.
 */
static bool fit_numbers(struct worker *worker, struct explain_job *job)
{
	const struct pps_packet *packet = &job->packet;
	uint8_t *l4 = job->frame + packet->l4_offset;
	struct pps_tcp_numbers numbers;

	if (!job->made_up || job->verdict.flow == PPS_FLOW_NONE || packet->protocol != PPS_IP_TCP)
		return false;
	pps_flow_tcp_fit(pps_flow_at(worker->flows, job->verdict.flow),
		(enum pps_side)job->ingress.side, packet->tcp_flags, &numbers);
	put32(l4 + 4, numbers.seq);
	if (packet->tcp_flags & PPS_TCP_ACK)
		put32(l4 + 8, numbers.ack);
	return true;
}

static bool judge(struct worker *worker, struct worker_job *base)
{
	struct explain_job *job = (struct explain_job *)base;
	const struct pps_ruleset *ruleset = pps_snapshot_read(worker->snapshot);
	const struct pps_clock now = {
		.wall_ns = atomic_load_explicit(&worker->wall_ns, memory_order_relaxed),
		.tick = worker->last_tick,
	};

	pps_filter_explain(worker->filter, ruleset, &job->ingress, &now, job->frame, job->head_len,
		job->len, &job->packet, &job->verdict);
	if (fit_numbers(worker, job))
		pps_filter_explain(worker->filter, ruleset, &job->ingress, &now, job->frame,
			job->head_len, job->len, &job->packet, &job->verdict);
	job->wall_ns = now.wall_ns;
	job->generation = ruleset != NULL ? ruleset->generation : 0;
	if (job->verdict.flow != PPS_FLOW_NONE) {
		pps_flow_key_at(worker->flows, job->verdict.flow, &job->flow.key);
		job->flow.flow = *pps_flow_at(worker->flows, job->verdict.flow);
		job->flow.cold = *pps_flow_cold_at(worker->flows, job->verdict.flow);
		job->flow.now_tick = now.tick;
	}
	return true;
}

/* ---- the call ---- */

static void begin(struct manager *manager, struct operation *operation)
{
	struct explain_job *job = operation->aux;
	const struct worker *owner =
		datapath_owner(manager->datapath, job->frame, job->head_len, job->len);

	job->verdict = (struct pps_verdict){
		.reason = PPS_REASON_NO_POLICY, .step = PPS_STEP_ACCOUNT, .flow = PPS_FLOW_NONE};
	operation->jobs[owner->index] = &job->job;
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

	if (ask_again(manager, operation))
		return;
	pps_ctl_reply(operation->call, explain_answer(manager, job));
	free(job);
}

void command_explain(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct explain_job *job = pps_alloc(sizeof(*job));
	struct pps_errors errors = {0};
	struct manager *manager = aux;
	struct operation *operation;

	read_question(manager, params, job, &errors);
	if (errors.n_total > 0) {
		pps_ctl_fail_errors(call, PPS_CTL_E_PARAMS, "cannot explain that", &errors);
		pps_errors_fini(&errors);
		free(job);
		return;
	}
	job->job.step = judge;
	operation = pps_alloc(sizeof(*operation));
	operation->begin = begin;
	operation->finish = finish;
	operation->abandon = abandon;
	operation->aux = job;
	operation->call = call;
	manager_ask(manager, operation);
}
