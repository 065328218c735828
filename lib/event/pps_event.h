/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_EVENT_H
#define PPS_EVENT_H

/*
 * Events: what happened, as records, from workers to the accountability log.
 *
 * Worker side (event_source.c)   A worker owns one struct pps_event_source: a lock-free
 *     single-producer ring of fixed-size records and a small table that aggregates denies. Denies
 *     that differ in nothing but the initiator's source port are one record a second with a count:
 *     a flood costs the worker one cache line, and the log one line a second. The table is direct
 *     mapped; two denies that meet in one place flush the older early, so that counts stay exact.
 *     The source port of such a record is the first packet's. When the ring is full the record is
 *     lost and counted; the next record that fits carries the number lost since the one before. The
 *     ring keeps room for the whole table, so that the last flush of a worker loses nothing.
 *     Nothing here blocks, allocates or makes a system call.
 *
 * Management side (event_log.c)   One struct pps_event_log drains the rings of all workers, turns
 *     records into JSON objects, adds management's own events, and gives each a sequence number.
 *     Objects go to the file (one a line), rotated by size, the oldest file removed; to the last
 *     PPS_EVENT_TAIL kept in memory for "ppsfw events"; and to a listener. Lines are gathered and
 *     written at pps_event_log_flush(), or when 64 KiB came together. A file that cannot be written
 *     (disk full) is said once on standard error and tried again; up to a mebibyte of lines waits
 *     for it, and what comes after is counted as lost. No line is ever left half in the middle. A
 *     file that somebody moved away or cut short is opened again or followed.
 *
 * Every object has: "time" (RFC 3339, UTC), "seq", "event" (the kind), "severity" (from one table,
 * pps_event_kinds.h). See ppsfwd(8) for the rest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_base.h>
#include <pps_flow.h>
#include <pps_packet.h>
#include <pps_stats.h>

#define PPS_EVENT_TAIL 4096

enum pps_event_kind { PPS_EVENT_DENY, PPS_EVENT_FLOW_START, PPS_EVENT_FLOW_END };

/* Why a flow ended. X(enumerator, word) */
#define PPS_FLOW_ENDS(X)                                                             \
	X(TIMEOUT, "timeout") /* idle */                                             \
	X(CLOSED, "closed") /* both sides finished and the closing timeout passed */ \
	X(RESTARTED, "restarted") /* the tuple was used for a new connection */      \
	X(REVOKED, "revoked") /* the policy in force does not permit it any more */  \
	X(REPLACED, "replaced") /* half-open, it made room for a new one */          \
	X(KILLED, "killed") /* by an operator */                                     \
	X(STOPPED, "stopped") /* the daemon stopped */

enum pps_flow_end {
#define PPS_FLOW_END_ENUM(name, word) PPS_FLOW_END_##name,
	PPS_FLOW_ENDS(PPS_FLOW_END_ENUM)
#undef PPS_FLOW_END_ENUM
		PPS_FLOW_END_COUNT
};
const char *pps_flow_end_word(enum pps_flow_end end);

/* What else there is to say of a record. */
#define PPS_EVENT_AUDIT     1u /* deny: forwarded all the same (audit mode) */
#define PPS_EVENT_EGRESS    2u /* deny: an inside host tried to start what nothing approves */
#define PPS_EVENT_OBSERVER  4u /* deny: on the wire all the same (observer mode) */
#define PPS_EVENT_ANSWERS   8u /* deny: the first answer to a denied conversation (observer mode) */
#define PPS_EVENT_PICKED_UP 16u /* flow: TCP, begun in mid-stream */

/* One record on a ring. Fixed size, no pointers. Addresses by role: source initiated (for denies:
 * source of the packet). Ports host order. */
struct pps_event {
	/* First cache line: what a record is of. Denies that differ in the source port alone are
	 * one; event_source.c writes this line by words. */
	uint8_t src[16], dst[16];
	uint32_t generation;
	uint32_t rule; /* slot; 0: none */
	uint16_t dst_port, vlan, inner_vlan, ethertype;
	uint8_t family, protocol, icmp_type, icmp_code;
	uint8_t kind; /* enum pps_event_kind */
	uint8_t detail; /* deny: enum pps_reason; flow end: enum pps_flow_end */
	uint8_t segment;
	uint8_t direction; /* enum pps_direction: of the flow, or of the denied packet; 0: unknown
			    */
	uint8_t flags; /* PPS_EVENT_AUDIT and so on */
	uint8_t state; /* flow end: enum pps_flow_state before */
	uint8_t has_l4; /* ports, or ICMP type and code, were read */
	uint8_t pad[3];
	uint16_t src_port;

	/* Second: when and how much. */
	uint64_t wall_ns; /* of the first packet (deny), of the start, or of the end */
	uint64_t started_ns; /* flow end */
	uint64_t count; /* deny: packets */
	uint64_t packets[2],
		bytes[2]; /* flow end; [0] from the initiator, [1] from the responder */
	uint64_t lost; /* records lost before this one */
};
_Static_assert(sizeof(struct pps_event) == 2 * PPS_CACHE_LINE, "a record is two cache lines");

/* ---- worker side: one owner, no locks ---- */

struct pps_event_source;

/* 'name' is unique among sources, at most 20 characters; 'ring_size' is the number of records the
 * ring holds besides the table's; 'stats' may be NULL. NULL and errno. EAL must be up. */
struct pps_event_source *pps_event_source_create(
	const char *name, unsigned int ring_size, struct pps_worker_stats *stats);
void pps_event_source_destroy(struct pps_event_source *source);

/* A denied packet. */
struct pps_event_denial {
	const struct pps_packet *packet;
	uint32_t rule; /* slot of a ban, of an expired exception or of a rule whose limits are
			  reached, or 0 */
	uint32_t generation;
	uint8_t segment;
	uint8_t side; /* enum pps_side it entered from; with the reason side_unknown nothing */
	uint8_t reason; /* enum pps_reason */
	uint8_t flags; /* PPS_EVENT_AUDIT and so on */
};
#define PPS_EVENT_DENIALS_MAX 64
/* 'n' of them, at most PPS_EVENT_DENIALS_MAX, in order. */
void pps_event_deny_burst(struct pps_event_source *source, uint64_t wall_ns,
	const struct pps_event_denial *denials, unsigned int n);
/* One. */
static inline void pps_event_deny(struct pps_event_source *source, uint64_t wall_ns,
	const struct pps_packet *packet, uint8_t segment, enum pps_side side,
	enum pps_reason reason, uint32_t rule, uint32_t generation, unsigned int flags)
{
	const struct pps_event_denial denial = {
		packet, rule, generation, segment, (uint8_t)side, (uint8_t)reason, (uint8_t)flags};

	pps_event_deny_burst(source, wall_ns, &denial, 1);
}
/* A flow began or ended. */
void pps_event_flow(struct pps_event_source *source, enum pps_event_kind kind, uint64_t wall_ns,
	const struct pps_flow_key *key, const struct pps_flow *flow,
	const struct pps_flow_cold *cold, enum pps_flow_end end);
/* Flushes aggregated denies older than a second, a bounded number per call; call it once per loop.
 * 'all' flushes everything (stop). */
void pps_event_tick(struct pps_event_source *source, uint64_t wall_ns, bool all);

/* Records the ring has room for now. The worker's, to wait where it may (stop, captured time). */
unsigned int pps_event_source_room(const struct pps_event_source *source);

/* ---- management side ---- */

struct pps_event_log;

/* Called for every event, in order; 'event' is borrowed. */
typedef void (*pps_event_listener)(const json_t *event, void *aux);

struct pps_event_log_params {
	const char *file; /* path, or NULL for none */
	uint64_t rotate_bytes;
	unsigned int keep; /* rotated files kept besides the current one */
	struct pps_rule_book *book; /* slot -> rule id; outlives the log; NULL for none */
	const char *const *segments; /* names by segment number; copied */
	unsigned int n_segments;
	pps_event_listener listener; /* or NULL */
	void *aux;
};

/* Opens the file for appending (folders are not made). NULL and an error. */
struct pps_event_log *pps_event_log_create(
	const struct pps_event_log_params *params, struct pps_errors *errors);
void pps_event_log_destroy(struct pps_event_log *log); /* flushes */

/* Says which policy a generation is: name and revision go into later records of it. */
void pps_event_log_generation(
	struct pps_event_log *log, uint32_t generation, const char *policy, uint64_t revision);
/*
 * Says what the approval of the rule in 'slot' is from 'generation' on: it goes into the records of
 * the rule's flows. NULL: not written. To be called for every rule of a generation, before it is
 * published; records of a generation in which the rule had another approval go without.
 */
void pps_event_log_approval(struct pps_event_log *log, uint32_t generation, uint32_t slot,
	const char *assurance, const char *approved_by);
/* Takes at most 'max' records of 'source'; returns how many. Management thread. */
unsigned int pps_event_log_drain(
	struct pps_event_log *log, struct pps_event_source *source, unsigned int max);
/* Writes an event of management's own: kind and fields ('fields' is stolen; may be NULL). */
void pps_event_log_write(
	struct pps_event_log *log, uint64_t wall_ns, const char *kind, json_t *fields);
/* fflush and, where 'sync', fsync. */
void pps_event_log_flush(struct pps_event_log *log, bool sync);
/* The last events whose members equal every member of 'filter' (an object, or NULL), newest last,
 * at most 'max'; "since_seq" events only with seq greater than it. A new array. */
json_t *pps_event_log_tail(
	const struct pps_event_log *log, const json_t *filter, uint64_t since_seq, size_t max);
/* The severity of an event of this kind: "info", "notice", "warning" or "alert"; NULL for a kind
 * that nobody has put into the table. 'egress' is for denies. */
const char *pps_event_severity_word(const char *kind, bool egress);
/* True when 'event' has every member of 'filter' with an equal value. */
bool pps_event_matches(const json_t *event, const json_t *filter);

struct pps_event_log_stats {
	uint64_t written; /* events given a sequence number */
	uint64_t lost; /* by full rings, as reported in records */
	uint64_t write_errors; /* lines that will never reach the file */
	uint64_t rotations;
};
void pps_event_log_stats(const struct pps_event_log *log, struct pps_event_log_stats *ret);

#endif
