/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event_priv.h"

#define DRAIN_BURST 32u

struct pps_event_log {
	struct pps_event_names names;
	pps_event_listener listener;
	void *aux;
	struct pps_event_file *file; /* NULL: none */
	struct pps_str line; /* the one being written */
	json_t *tail[PPS_EVENT_TAIL]; /* by sequence number */
	struct pps_event_log_stats stats;
};

struct pps_event_log *pps_event_log_create(
	const struct pps_event_log_params *params, struct pps_errors *errors)
{
	struct pps_event_log *log = pps_alloc(sizeof(*log));
	int err;

	if (params->file != NULL) {
		log->file = pps_alloc(sizeof(*log->file));
		err = pps_event_file_open(
			log->file, params->file, params->rotate_bytes, params->keep);
		if (err < 0) {
			pps_errors_add(errors, params->file, "%s", strerror(-err));
			free(log->file);
			free(log);
			return NULL;
		}
	}
	log->names.book = params->book;
	log->names.approvals = pps_alloc(PPS_RULE_SLOTS * sizeof(log->names.approvals[0]));
	log->names.n_segments = params->n_segments;
	log->names.segments = pps_alloc((params->n_segments + 1) * sizeof(char *));
	for (unsigned int i = 0; i < params->n_segments; i++)
		log->names.segments[i] = pps_strdup(params->segments[i]);
	log->listener = params->listener;
	log->aux = params->aux;
	return log;
}

static void approval_fini(struct pps_event_approval *approval)
{
	free(approval->assurance);
	free(approval->approved_by);
}

void pps_event_log_destroy(struct pps_event_log *log)
{
	if (log == NULL)
		return;
	if (log->file != NULL) {
		pps_event_file_close(log->file);
		if (log->file->n_lost > 0)
			pps_log(PPS_LOG_ERROR, "%llu events did not reach the event file",
				(unsigned long long)log->file->n_lost);
		free(log->file);
	}
	for (size_t i = 0; i < PPS_EVENT_TAIL; i++)
		json_decref(log->tail[i]);
	for (unsigned int i = 0; i < log->names.n_segments; i++)
		free(log->names.segments[i]);
	for (unsigned int i = 0; i < PPS_EVENT_GENERATIONS; i++)
		free(log->names.generations[i].policy);
	for (unsigned int i = 0; i < PPS_RULE_SLOTS; i++)
		approval_fini(&log->names.approvals[i]);
	free(log->names.approvals);
	free(log->names.segments);
	pps_str_fini(&log->line);
	free(log);
}

void pps_event_log_generation(
	struct pps_event_log *log, uint32_t generation, const char *policy, uint64_t revision)
{
	struct pps_event_generation *place =
		&log->names.generations[generation & (PPS_EVENT_GENERATIONS - 1)];

	free(place->policy);
	*place = (struct pps_event_generation){
		.generation = generation,
		.policy = pps_strdup(policy),
		.revision = revision,
	};
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void pps_event_log_approval(struct pps_event_log *log, uint32_t generation, uint32_t slot,
	const char *assurance, const char *approved_by)
{
	struct pps_event_approval *approval = &log->names.approvals[slot];

	if (same_text(approval->assurance, assurance) &&
		same_text(approval->approved_by, approved_by))
		return;
	approval_fini(approval);
	*approval = (struct pps_event_approval){
		.since = generation,
		.assurance = assurance != NULL ? pps_strdup(assurance) : NULL,
		.approved_by = approved_by != NULL ? pps_strdup(approved_by) : NULL,
	};
}

/* ---- writing ---- */

/* A new event with what every event has. */
static json_t *begin(struct pps_event_log *log, uint64_t wall_ns, const char *kind, bool egress)
{
	const char *severity = pps_event_severity_word(kind, egress);
	char time[PPS_TIME_TEXT_MAX];

	return json_pack("{s:s, s:I, s:s, s:s}", "time", pps_time_format(wall_ns, 3, time), "seq",
		(json_int_t)++log->stats.written, "event", kind, "severity",
		severity != NULL ? severity : "warning");
}

static int add_to_line(const char *bytes, size_t n, void *aux)
{
	pps_str_add_bytes(aux, bytes, n);
	return 0;
}

/* Sends a finished event (stolen) wherever events go. */
static void finish(struct pps_event_log *log, json_t *event)
{
	json_t **place = &log->tail[log->stats.written % PPS_EVENT_TAIL];

	if (log->file != NULL) {
		pps_str_clear(&log->line);
		json_dump_callback(event, add_to_line, &log->line, JSON_COMPACT);
		pps_str_add(&log->line, "\n");
		pps_event_file_add(log->file, log->line.text, log->line.len);
	}
	json_decref(*place);
	*place = event;
	if (log->listener != NULL)
		log->listener(event, log->aux);
}

unsigned int pps_event_log_drain(
	struct pps_event_log *log, struct pps_event_source *source, unsigned int max)
{
	struct pps_event records[DRAIN_BURST];
	unsigned int n, total = 0;
	json_t *event;

	while (total < max) {
		n = max - total < DRAIN_BURST ? max - total : DRAIN_BURST;
		n = pps_event_source_take(source, records, n);
		if (n == 0)
			break;
		for (unsigned int i = 0; i < n; i++) {
			log->stats.lost += records[i].lost;
			event = begin(log, records[i].wall_ns, pps_event_kind_word(records[i].kind),
				(records[i].flags & PPS_EVENT_EGRESS) != 0);
			pps_event_json_add(event, &records[i], &log->names);
			finish(log, event);
		}
		total += n;
	}
	return total;
}

void pps_event_log_write(
	struct pps_event_log *log, uint64_t wall_ns, const char *kind, json_t *fields)
{
	json_t *event = begin(log, wall_ns, kind, false);

	/* "time", "seq", "event" and "severity" are ours. */
	if (fields != NULL)
		json_object_update_missing(event, fields);
	json_decref(fields);
	finish(log, event);
}

void pps_event_log_flush(struct pps_event_log *log, bool sync)
{
	if (log->file != NULL)
		pps_event_file_flush(log->file, sync);
}

/* ---- reading ---- */

bool pps_event_matches(const json_t *event, const json_t *filter)
{
	const char *key;
	json_t *value;

	if (filter == NULL)
		return true;
	if (!json_is_object(filter))
		return false;
	json_object_foreach((json_t *)(uintptr_t)filter, key, value)
	{
		if (!json_equal(json_object_get(event, key), value))
			return false;
	}
	return true;
}

json_t *pps_event_log_tail(
	const struct pps_event_log *log, const json_t *filter, uint64_t since_seq, size_t max)
{
	uint64_t last = log->stats.written;
	uint64_t first = last > PPS_EVENT_TAIL ? last - PPS_EVENT_TAIL + 1 : 1;
	json_t *found[PPS_EVENT_TAIL], *array = json_array();
	size_t n = 0;

	if (since_seq >= last)
		return array;
	if (since_seq >= first)
		first = since_seq + 1;
	for (uint64_t seq = last; seq >= first && n < max; seq--) {
		json_t *event = log->tail[seq % PPS_EVENT_TAIL];

		if (pps_event_matches(event, filter))
			found[n++] = event;
	}
	while (n > 0)
		json_array_append(array, found[--n]);
	return array;
}

void pps_event_log_stats(const struct pps_event_log *log, struct pps_event_log_stats *ret)
{
	*ret = log->stats;
	if (log->file == NULL)
		return;
	ret->write_errors = log->file->n_lost;
	ret->rotations = log->file->n_rotations;
}
