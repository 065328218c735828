/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EVENT_PRIV_H
#define EVENT_PRIV_H

/* Inside of the event library; see pps_event.h. */

#include "pps_event.h"

/* ---- event_source.c ---- */

#define PPS_EVENT_AGGREGATES     1024u /* places in the table of denies; a power of two */
#define PPS_EVENT_FLUSH_PER_TICK 8u

/* Management: takes up to 'n' records off the ring; returns how many. */
unsigned int pps_event_source_take(
	struct pps_event_source *source, struct pps_event *events, unsigned int n);

/* ---- event_json.c ---- */

#define PPS_EVENT_GENERATIONS 256u /* of rulesets whose policy is remembered; a power of two */

struct pps_event_generation {
	uint32_t generation;
	char *policy; /* NULL: this place is free */
	uint64_t revision;
};

/* Of the rule that has a slot now. */
struct pps_event_approval {
	uint32_t since; /* the generation from which on it was this */
	char *assurance, *approved_by; /* or NULL */
};

/* What turns numbers into words. */
struct pps_event_names {
	struct pps_rule_book *book;
	char **segments;
	unsigned int n_segments;
	struct pps_event_generation generations[PPS_EVENT_GENERATIONS];
	struct pps_event_approval *approvals; /* PPS_RULE_SLOTS of them */
};

/* The word for a record's kind, "deny" say. */
const char *pps_event_kind_word(unsigned int kind);
/* Adds the members of a record that apply. */
void pps_event_json_add(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names);

/* ---- event_file.c ---- */

#define PPS_EVENT_BUFFER     (64u << 10) /* bytes gathered before they are written unasked */
#define PPS_EVENT_BUFFER_MAX (1u << 20) /* bytes that wait for a file that cannot be written */
#define PPS_EVENT_RETRY_NS   PPS_NS_PER_SEC

/* An append-only file of lines, rotated by size. */
struct pps_event_file {
	char *path;
	uint64_t rotate_bytes; /* 0: never */
	unsigned int keep;
	int fd; /* -1: to be opened at the next write */
	uint64_t size; /* of the file, as last seen */
	uint64_t rotate_at; /* size from which a rotation is tried */
	bool torn; /* the file ends inside a line */
	bool failing; /* the last write failed, and that was said */
	uint64_t retry_ns; /* while failing: monotonic time of the next try unasked */
	struct pps_str lines; /* whole lines that wait */
	uint64_t n_lost; /* lines dropped */
	uint64_t n_rotations;
};

/* Returns 0 or a negative errno. */
int pps_event_file_open(
	struct pps_event_file *file, const char *path, uint64_t rotate_bytes, unsigned int keep);
/* Writes what waits, counts what cannot be written, closes. */
void pps_event_file_close(struct pps_event_file *file);
/* Adds one line; 'line' ends in a newline. */
void pps_event_file_add(struct pps_event_file *file, const char *line, size_t len);
void pps_event_file_flush(struct pps_event_file *file, bool sync);

#endif
