/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_FRAGMENT_H
#define PPS_FRAGMENT_H

/*
 * Virtual reassembly: which fragments belong together, and whether they fit. Nothing is put
 * together: frames leave as they came, and what is kept of a datagram is which of its bytes were
 * seen and how its first fragment was judged. One worker's store; IPv4 and IPv6 alike.
 *
 * Datagram   (segment, side, source, destination, identification, VLANs, and for IPv4 the
 *            protocol) name it. The protocol that an IPv6 fragment names is not to be relied on
 *            (RFC 8200 section 4.5): only the first fragment says what is inside.
 *
 * First      The fragment at offset 0 is judged by the law like a whole packet. Passed: the store
 *            keeps its flow's key, and later fragments pass while that flow lives. Dropped: the
 *            rest is dropped too (fragment_denied). A transport header is never read from a later
 *            fragment, and none can lie over the header that was judged: it would overlap.
 *
 * Early      Fragments that come before their first are held, and released behind it in the order
 *            in which they came, or dropped with it.
 *
 * Fit        Any byte that comes twice poisons the datagram (RFC 5722, for IPv4 too), and so does
 *            a second end, a fragment behind the end, one that is impossible by itself, or more
 *            than PPS_FRAGMENT_RANGES of them: nothing more of it passes, held ones are dropped,
 *            and the poison stays for a whole timeout from then. The exact repetition of a
 *            fragment (same bytes, same "last") is dropped alone (RFC 8200 section 4.5 permits
 *            it): networks repeat frames.
 *
 * Again      A first fragment of a datagram that is complete, or whose first fragment was dropped,
 *            begins a new one of the same name: identifications of IPv4 come round within seconds
 *            on a fast link. It is judged like any other. One of a poisoned datagram does not.
 *
 * Time       The first fragment is waited for no longer than the timeout, then the rest as long;
 *            afterwards the datagram is forgotten, and what was held is dropped
 *            (fragment_no_first). What is complete, denied or poisoned is remembered that long
 *            too, and holds nothing. Ticks as in pps_flow.h.
 *
 * Room       Bounded, and nothing is allocated after create(): datagrams; buffers that are held,
 *            in all, for one datagram and for one source. A source is told by its keyed hash; two
 *            that fall on one counter share it. A source over its share is refused, and so is a
 *            datagram over its own. When the whole store is full, the oldest makes room: first
 *            what is only remembered, then the datagram that has waited longest. (Refusing the
 *            newcomer instead would let a trickle of spoofed fragments stop everybody's for good;
 *            this way only a flood does that comes faster than datagrams complete.)
 *
 * Use        look() says what is to become of a fragment and changes nothing; then one of drop(),
 *            hold(), judged() and followed() makes it so. After each, and after expire(), whoever
 *            uses the store takes what was released and what was dropped, until there is none.
 *
 * Threads    A store belongs to one worker. It never touches a held frame.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_flow.h>
#include <pps_packet.h>
#include <pps_stats.h>

/* What a worker has room for. */
#define PPS_FRAGMENT_DATAGRAMS            4096
#define PPS_FRAGMENT_DATAGRAMS_PER_SOURCE 1024 /* that wait for something */
#define PPS_FRAGMENT_BUFFERS              256 /* held */
#define PPS_FRAGMENT_BUFFERS_PER_SOURCE   64
#define PPS_FRAGMENT_BUFFERS_PER_DATAGRAM 48 /* 64 KiB in frames of 1,500 bytes */
#define PPS_FRAGMENT_RANGES               128 /* 64 KiB in packets of 576 bytes */

struct pps_fragment_params {
	uint32_t datagrams;
	uint32_t datagrams_per_source;
	uint32_t buffers;
	uint32_t buffers_per_source;
	uint32_t buffers_per_datagram;
};
#define PPS_FRAGMENT_PARAMS_DEFAULT                                                              \
	((struct pps_fragment_params){PPS_FRAGMENT_DATAGRAMS, PPS_FRAGMENT_DATAGRAMS_PER_SOURCE, \
		PPS_FRAGMENT_BUFFERS, PPS_FRAGMENT_BUFFERS_PER_SOURCE,                           \
		PPS_FRAGMENT_BUFFERS_PER_DATAGRAM})

struct pps_fragment_store;
struct pps_datagram;

/* NULL and errno. Draws the hash secret from the kernel. */
struct pps_fragment_store *pps_fragment_store_create(const struct pps_fragment_params *params);
/* Frames that are still held must have been taken: see drain(). NULL is fine. */
void pps_fragment_store_destroy(struct pps_fragment_store *store);

/* The name of a datagram; all bytes are set. */
struct pps_fragment_key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t vlan, inner_vlan;
	uint8_t family;
	uint8_t protocol; /* 0 for IPv6 */
	uint8_t segment, side;
	uint32_t pad;
};
_Static_assert(sizeof(struct pps_fragment_key) == sizeof(struct pps_key_wide), "hashed like one");

/* Where and when a fragment came in. */
struct pps_fragment_at {
	uint8_t segment;
	uint8_t side; /* enum pps_side */
	uint16_t buffers; /* that its frame takes when it is held */
	uint32_t tick;
	uint32_t timeout; /* ticks */
};

/* What a first fragment that passed leaves for the later ones. */
struct pps_fragment_first {
	struct pps_packet packet;
	struct pps_flow_key key; /* of the flow by which it passed */
	uint32_t hash;
};

enum pps_fragment_fate {
	PPS_FRAGMENT_DROP, /* 'reason' says why */
	PPS_FRAGMENT_JUDGE, /* a first fragment: to be judged like a whole packet */
	PPS_FRAGMENT_FOLLOW, /* passes if the flow of its first still does */
	PPS_FRAGMENT_HOLD, /* came before its first */
};

struct pps_fragment_view {
	uint8_t fate; /* enum pps_fragment_fate */
	uint8_t reason; /* enum pps_reason */
	uint32_t total; /* length of the datagram, when it is known with this fragment; or 0 */
	const struct pps_fragment_first *first; /* FOLLOW */

	/* The store's. */
	struct pps_fragment_at at;
	struct pps_fragment_key key;
	uint32_t hash;
	uint32_t source;
	struct pps_datagram *datagram; /* it is part of this one; NULL: none is known yet */
	struct pps_datagram *past; /* to be forgotten first */
};

/*
 * What is to become of the fragment 'packet', which names its datagram
 * (pps_packet_names_datagram). 'parsed' is what the parser said of it. Changes nothing.
 */
void pps_fragment_look(const struct pps_fragment_store *store, const struct pps_packet *packet,
	enum pps_reason parsed, const struct pps_fragment_at *at, struct pps_fragment_view *view);

/* Each belongs to one fate, and to the view that look() made of the store as it is. */
void pps_fragment_drop(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet);
/* Keeps 'frame' (which may be NULL: then it stays with the caller and only the fate is told). */
void pps_fragment_hold(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet, void *frame);
/* 'first' NULL: it was dropped. */
void pps_fragment_judged(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet, const struct pps_fragment_first *first);
/* 'passed' false: the flow's end, or the policy, stopped it; so it stops the rest. */
void pps_fragment_followed(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet, bool passed);

/* Forgets datagrams whose time is up, at most 'max' of them. */
void pps_fragment_expire(
	struct pps_fragment_store *store, uint32_t tick, uint32_t timeout, unsigned int max);
/* Forgets all; held ones are dropped as if their time was up. */
void pps_fragment_drain(struct pps_fragment_store *store);

/* A fragment that was held. */
struct pps_fragment_held {
	struct pps_packet packet;
	void *frame;
	uint8_t segment;
	uint8_t side;
	uint8_t reason; /* enum pps_reason: why it was dropped */
};

/* The next one, in order; false when there is none. The frame is the caller's again. */
bool pps_fragment_next_released(struct pps_fragment_store *store, struct pps_fragment_held *ret);
bool pps_fragment_next_dropped(struct pps_fragment_store *store, struct pps_fragment_held *ret);

/* For tests and "status". */
struct pps_fragment_usage {
	uint32_t datagrams; /* remembered for any reason */
	uint32_t waiting; /* without their first fragment */
	uint32_t open; /* passed in part */
	uint32_t buffers; /* held */
};
void pps_fragment_usage(const struct pps_fragment_store *store, struct pps_fragment_usage *ret);

#endif
