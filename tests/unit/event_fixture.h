/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EVENT_FIXTURE_H
#define EVENT_FIXTURE_H

/* A folder for event files, and what is in them; a source and a log; packets. */

#include <pps_event.h>

#include "event_priv.h"
#include "unit.h"

#define NOW    (1767225600 * PPS_NS_PER_SEC) /* 2026-01-01T00:00:00Z */
#define SECOND PPS_NS_PER_SEC

struct event_place {
	char folder[32];
	char path[64]; /* of the event file */
};

void event_place_make(struct event_place *place);
/* Removes the folder and all in it. */
void event_place_remove(struct event_place *place);
/* The text of FILE, or of FILE.i for i > 0; NULL when there is none. The caller frees it. */
char *event_place_text(const struct event_place *place, unsigned int i);
/* Every line parsed, oldest file first; a line that is no JSON object fails the test. A new
 * array. */
json_t *event_place_lines(const struct event_place *place);

/* A log that writes to the place; 'place' may be NULL for no file. */
struct pps_event_log *event_log_at(
	const struct event_place *place, uint64_t rotate_bytes, unsigned int keep);
/* 'n' events of kind "test" with 'len' bytes of text each. */
void event_write_many(struct pps_event_log *log, unsigned int n, size_t len);
/* Fails the test unless 'array' holds events with sequence numbers first, first + 1, ... last. */
void event_check_sequence(const json_t *array, uint64_t first, uint64_t last);

/* A source and a log without a file; the segments are "dmz" and "lab". */
struct event_fixture {
	struct pps_event_source *source;
	struct pps_worker_stats *stats;
	struct pps_event_log *log;
	struct pps_rule_book *book;
};

void event_set_up(struct event_fixture *f, unsigned int ring_size);
void event_tear_down(struct event_fixture *f);

struct pps_packet event_make_packet(
	uint8_t protocol, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port);
/* From 203.0.113.9 to 198.51.100.10, TCP port 23. */
struct pps_packet event_make_telnet(uint16_t src_port);
/* A record that is not aggregated. */
void event_add_flow_start(struct event_fixture *f, uint64_t wall_ns);

#endif
