/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FRAGMENT_PRIV_H
#define FRAGMENT_PRIV_H

/*
 * fragment_look.c asks the store, fragment.c changes it.
 *
 * Datagrams hang in chains of a hash table and, by what they wait for, in one of three queues.
 * Whoever enters a queue enters at its tail with the tick of the moment, so heads are the oldest
 * and expiry and eviction look nowhere else.
 */

#include <pps_flow_hash.h>
#include <pps_fragment.h>

#define FRAGMENT_SOURCES 4096 /* counters; a power of two */
#define FRAGMENT_NO_HELD UINT32_MAX

enum fragment_state {
	FRAGMENT_WAITING, /* for its first fragment */
	FRAGMENT_OPEN, /* the first passed, others are to come */
	/* Remembered only: */
	FRAGMENT_COMPLETE,
	FRAGMENT_DENIED,
	FRAGMENT_POISONED,
};

enum fragment_queue_kind { QUEUE_WAITING, QUEUE_OPEN, QUEUE_DONE, QUEUE_COUNT };

/* Bytes [start, end) of the datagram. */
struct fragment_range {
	uint16_t start, end;
};

/* Held fragments, in order: places in the store's array. */
struct fragment_list {
	uint32_t head, tail;
};

struct pps_datagram {
	struct pps_fragment_key key;
	struct pps_datagram *chain; /* next of the same bucket, or of the free ones */
	struct pps_datagram *before, *behind; /* in its queue */
	uint32_t hash;
	uint32_t source; /* index of its counter */
	uint32_t since; /* tick at which it entered its queue */
	uint32_t bytes; /* seen */
	uint32_t highest; /* end of what was seen */
	uint32_t total; /* 0: the last fragment was not seen */
	uint8_t state; /* enum fragment_state */
	uint8_t n_ranges;
	uint16_t n_buffers; /* held */
	struct fragment_list held;
	struct pps_fragment_first first; /* OPEN */
	struct fragment_range ranges[PPS_FRAGMENT_RANGES]; /* one for each fragment seen */
};
_Static_assert(PPS_FRAGMENT_RANGES <= UINT8_MAX, "n_ranges counts them");

struct fragment_held {
	struct pps_fragment_held held;
	uint32_t next;
};

struct fragment_queue {
	struct pps_datagram *head, *tail;
	uint32_t n;
};

struct fragment_source {
	uint32_t datagrams; /* WAITING or OPEN */
	uint32_t buffers;
};

/* worker: rw */
struct pps_fragment_store {
	struct pps_fragment_params params;
	struct pps_flow_hasher hasher;
	uint32_t bucket_mask;
	uint32_t n_buffers;
	struct pps_datagram **buckets;
	struct pps_datagram *datagrams;
	struct pps_datagram *free;
	struct fragment_queue queues[QUEUE_COUNT];
	struct fragment_held *held;
	uint32_t free_held;
	struct fragment_list released, dropped;
	struct fragment_source sources[FRAGMENT_SOURCES];
};

static inline enum fragment_queue_kind fragment_queue_of(uint8_t state)
{
	return state <= FRAGMENT_OPEN ? (enum fragment_queue_kind)state : QUEUE_DONE;
}

static inline uint32_t fragment_end(const struct pps_packet *packet)
{
	return packet->fragment_offset + (uint32_t)packet->fragment_len;
}

#endif
