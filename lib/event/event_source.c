/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>
#include <rte_ring_elem.h>

#include "event_priv.h"

#define HEAD PPS_EVENT_AGGREGATES /* of the list of places in use */

/* The first line of a record in words, so that comparing, spreading and writing it cost a few
 * instructions. All of it but the source port makes denies one record. */
#define WORDS    8
#define SRC_PORT (UINT64_C(0xffff) << 48) /* in the last word */
struct identity {
	uint64_t words[WORDS];
};
_Static_assert(offsetof(struct pps_event, wall_ns) == sizeof(struct identity) &&
		sizeof(struct identity) == PPS_CACHE_LINE,
	"the first line");

/* worker: rw, but for the ring's far end. */
struct pps_event_source {
	struct rte_ring *ring;
	struct pps_worker_stats *stats;
	uint64_t lost; /* records since the last that fitted */
	uint64_t secret[WORDS]; /* keeps the places of denies unpredictable */
	/* Places in use, in the order of their first packet, in a ring through HEAD. */
	uint16_t next[PPS_EVENT_AGGREGATES + 1], prev[PPS_EVENT_AGGREGATES + 1];
	/* Of the first packet each; count is 0: the place is free. */
	struct pps_event places[PPS_EVENT_AGGREGATES] __attribute__((aligned(PPS_CACHE_LINE)));
};

/* ---- life ---- */

struct pps_event_source *pps_event_source_create(
	const char *name, unsigned int ring_size, struct pps_worker_stats *stats)
{
	struct pps_event_source *source;
	char ring_name[RTE_RING_NAMESIZE];
	int n = snprintf(ring_name, sizeof(ring_name), "event_%s", name);

	if (n < 0 || (size_t)n >= sizeof(ring_name) || ring_size == 0 ||
		ring_size > RTE_RING_SZ_MASK - PPS_EVENT_AGGREGATES) {
		errno = EINVAL;
		return NULL;
	}
	source = rte_zmalloc("event_source", sizeof(*source), PPS_CACHE_LINE);
	if (source == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (getrandom(source->secret, sizeof(source->secret), 0) != sizeof(source->secret))
		goto free_source;
	source->stats = stats;
	source->next[HEAD] = source->prev[HEAD] = HEAD;
	source->ring = rte_ring_create_elem(ring_name, sizeof(struct pps_event),
		ring_size + PPS_EVENT_AGGREGATES, SOCKET_ID_ANY,
		RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (source->ring == NULL) {
		errno = rte_errno;
		goto free_source;
	}
	return source;

free_source:
	rte_free(source);
	return NULL;
}

void pps_event_source_destroy(struct pps_event_source *source)
{
	if (source == NULL)
		return;
	rte_ring_free(source->ring);
	rte_free(source);
}

unsigned int pps_event_source_take(
	struct pps_event_source *source, struct pps_event *events, unsigned int n)
{
	return rte_ring_sc_dequeue_burst_elem(source->ring, events, sizeof(*events), n, NULL);
}

/* ---- records ---- */

/* 'reserve' places of the ring stay free. */
static void emit(struct pps_event_source *source, struct pps_event *event, unsigned int reserve)
{
	event->lost = source->lost;
	if (likely(rte_ring_free_count(source->ring) > reserve) &&
		rte_ring_sp_enqueue_bulk_elem(source->ring, event, sizeof(*event), 1, NULL) == 1) {
		source->lost = 0;
		return;
	}
	source->lost++;
	if (source->stats != NULL)
		pps_stats_add(&source->stats->events_lost, 1);
}

/* Sends the record in a place, and frees the place. */
static void flush(struct pps_event_source *source, unsigned int place, unsigned int reserve)
{
	emit(source, &source->places[place], reserve);
	source->places[place].count = 0;
	source->next[source->prev[place]] = source->next[place];
	source->prev[source->next[place]] = source->prev[place];
}

/* Appends a place to the list of those in use. */
static void append(struct pps_event_source *source, unsigned int place)
{
	uint16_t last = source->prev[HEAD];

	source->next[last] = (uint16_t)place;
	source->prev[place] = last;
	source->next[place] = HEAD;
	source->prev[HEAD] = (uint16_t)place;
}

static inline bool has_l4(const struct pps_packet *packet)
{
	return packet->l4_offset != 0 && !packet->later_fragment;
}

/* The first is the least significant and lies first. */
static inline uint64_t pack8(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return a | b << 8 | c << 16 | d << 24;
}
static inline uint64_t pack16(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return a | b << 16 | c << 32 | d << 48;
}
#define IS_AT(member, word, byte) (offsetof(struct pps_event, member) == 8 * (word) + (byte))
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are packed so");
_Static_assert(IS_AT(src, 0, 0) && IS_AT(dst, 2, 0) && IS_AT(generation, 4, 0) &&
		IS_AT(rule, 4, 4) && IS_AT(dst_port, 5, 0) && IS_AT(vlan, 5, 2) &&
		IS_AT(inner_vlan, 5, 4) && IS_AT(ethertype, 5, 6),
	"words 0 to 5");
_Static_assert(IS_AT(family, 6, 0) && IS_AT(protocol, 6, 1) && IS_AT(icmp_type, 6, 2) &&
		IS_AT(icmp_code, 6, 3) && IS_AT(kind, 6, 4) && IS_AT(detail, 6, 5) &&
		IS_AT(segment, 6, 6) && IS_AT(direction, 6, 7),
	"word 6");
_Static_assert(
	IS_AT(flags, 7, 0) && IS_AT(state, 7, 1) && IS_AT(has_l4, 7, 2) && IS_AT(src_port, 7, 6),
	"word 7");

static inline void identify(const struct pps_event_denial *denial, struct identity *ret)
{
	const struct pps_packet *packet = denial->packet;
	uint64_t direction = 0;

	if (likely(denial->reason != PPS_REASON_SIDE_UNKNOWN))
		direction = pps_side_direction((enum pps_side)denial->side);
	memcpy(&ret->words[0], packet->src, sizeof(packet->src));
	memcpy(&ret->words[2], packet->dst, sizeof(packet->dst));
	ret->words[4] = denial->generation | (uint64_t)denial->rule << 32;
	ret->words[5] = pack16(rte_be_to_cpu_16(packet->dst_port), packet->vlan, packet->inner_vlan,
		packet->ethertype);
	ret->words[6] =
		pack8(packet->family, packet->protocol, packet->icmp_type, packet->icmp_code) |
		pack8(PPS_EVENT_DENY, denial->reason, denial->segment, direction) << 32;
	ret->words[7] = pack8(denial->flags, 0, has_l4(packet), 0) |
		(uint64_t)rte_be_to_cpu_16(packet->src_port) << 48;
}

/* Both halves of the product. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Only spreads: equality is decided by comparing. */
static inline unsigned int find_place(
	const struct pps_event_source *source, const struct identity *identity)
{
	const uint64_t *words = identity->words, *secret = source->secret;
	uint64_t h = fold(words[0] ^ secret[0], words[1] ^ secret[1]) ^
		fold(words[2] ^ secret[2], words[3] ^ secret[3]) ^
		fold(words[4] ^ secret[4], words[5] ^ secret[5]) ^
		fold(words[6] ^ secret[6], (words[7] & ~SRC_PORT) ^ secret[7]);

	return (unsigned int)(h ^ h >> 32) & (PPS_EVENT_AGGREGATES - 1);
}

static inline bool is_same(const struct pps_event *event, const struct identity *identity)
{
	const uint64_t *words = (const uint64_t *)event;
	uint64_t difference = (words[WORDS - 1] ^ identity->words[WORDS - 1]) & ~SRC_PORT;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < WORDS - 1; i++)
		difference |= words[i] ^ identity->words[i];
	return difference == 0;
}

/* A clock set back ends the second too. */
static inline bool is_over(const struct pps_event *event, uint64_t wall_ns)
{
	return wall_ns - event->wall_ns >= PPS_NS_PER_SEC;
}

/* Zeroes a record with the widest stores there are. (A compiler that is left to itself may choose a
 * string instruction here, which costs more than all the rest of the record.) */
static inline void clear(struct pps_event *event)
{
	typedef uint64_t line __attribute__((vector_size(PPS_CACHE_LINE), aligned(8), may_alias));
	line *lines = (line *)event;

	lines[0] = (line){0};
	lines[1] = (line){0};
}

/* The place that the identity spreads to is 'i'. */
static inline void deny(struct pps_event_source *source, uint64_t wall_ns,
	const struct identity *identity, unsigned int i)
{
	struct pps_event *event = &source->places[i];

	if (event->count != 0) {
		if (likely(is_same(event, identity) && !is_over(event, wall_ns))) {
			event->count++;
			return;
		}
		flush(source, i, PPS_EVENT_AGGREGATES);
	}
	/* Nobody writes the rest of it, which is zero from the beginning. */
	memcpy(event, identity, sizeof(*identity));
	event->wall_ns = wall_ns;
	event->count = 1;
	append(source, i);
}

void pps_event_deny_burst(struct pps_event_source *source, uint64_t wall_ns,
	const struct pps_event_denial *denials, unsigned int n)
{
	struct identity identities[PPS_EVENT_DENIALS_MAX];
	uint16_t places[PPS_EVENT_DENIALS_MAX];

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *lines;

		identify(&denials[i], &identities[i]);
		places[i] = (uint16_t)find_place(source, &identities[i]);
		lines = (const uint8_t *)&source->places[places[i]];
		rte_prefetch0(lines);
		rte_prefetch0(lines + PPS_CACHE_LINE);
	}
	for (unsigned int i = 0; i < n; i++)
		deny(source, wall_ns, &identities[i], places[i]);
}
_Static_assert(PPS_EVENT_AGGREGATES <= UINT16_MAX, "a place has 16 bits");

void pps_event_tick(struct pps_event_source *source, uint64_t wall_ns, bool all)
{
	unsigned int reserve = all ? 0 : PPS_EVENT_AGGREGATES;
	unsigned int max = all ? PPS_EVENT_AGGREGATES : PPS_EVENT_FLUSH_PER_TICK;
	unsigned int place;

	for (unsigned int i = 0; i < max; i++) {
		place = source->next[HEAD];
		if (likely(place == HEAD) || (!all && !is_over(&source->places[place], wall_ns)))
			return;
		flush(source, place, reserve);
	}
}

/* ---- flows ---- */

static void set_tuple(
	struct pps_event *event, const struct pps_flow_key *key, enum pps_side initiator)
{
	uint8_t *inside = initiator == PPS_SIDE_INSIDE ? event->src : event->dst;
	uint8_t *outside = initiator == PPS_SIDE_INSIDE ? event->dst : event->src;
	uint16_t ports[2]; /* by side */

	if (key->is_wide) {
		memcpy(inside, key->wide.inside, sizeof(key->wide.inside));
		memcpy(outside, key->wide.outside, sizeof(key->wide.outside));
		ports[PPS_SIDE_INSIDE] = rte_be_to_cpu_16(key->wide.inside_port);
		ports[PPS_SIDE_OUTSIDE] = rte_be_to_cpu_16(key->wide.outside_port);
		event->protocol = key->wide.protocol;
		event->segment = key->wide.segment;
		event->vlan = key->wide.vlan;
		event->inner_vlan = key->wide.inner_vlan;
		event->family = key->wide.family;
	} else {
		memcpy(inside, key->v4.inside, sizeof(key->v4.inside));
		memcpy(outside, key->v4.outside, sizeof(key->v4.outside));
		ports[PPS_SIDE_INSIDE] = rte_be_to_cpu_16(key->v4.inside_port);
		ports[PPS_SIDE_OUTSIDE] = rte_be_to_cpu_16(key->v4.outside_port);
		event->protocol = key->v4.protocol;
		event->segment = key->v4.segment;
		event->vlan = key->v4.vlan;
		event->family = 4;
	}
	if (event->protocol == PPS_IP_ICMP || event->protocol == PPS_IP_ICMPV6) {
		/* See pps_flow_key_make(): the query's type is where a port would be. */
		event->icmp_type = (uint8_t)(ports[PPS_SIDE_OUTSIDE] >> 8);
	} else {
		event->src_port = ports[initiator];
		event->dst_port = ports[!initiator];
	}
}

void pps_event_flow(struct pps_event_source *source, enum pps_event_kind kind, uint64_t wall_ns,
	const struct pps_flow_key *key, const struct pps_flow *flow,
	const struct pps_flow_cold *cold, enum pps_flow_end end)
{
	enum pps_side initiator =
		flow->initiator == PPS_SIDE_INSIDE ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
	struct pps_event event;

	clear(&event);
	event.wall_ns = wall_ns;
	event.started_ns = cold->started_ns;
	event.generation = flow->generation;
	event.rule = flow->rule;
	event.kind = (uint8_t)kind;
	event.detail = (uint8_t)end;
	event.direction = (uint8_t)pps_side_direction(initiator);
	event.state = flow->state;
	event.has_l4 = 1;
	event.flags = flow->flags & PPS_FLOW_PICKED_UP ? PPS_EVENT_PICKED_UP : 0;
	set_tuple(&event, key, initiator);
	if (event.protocol == PPS_IP_ICMP || event.protocol == PPS_IP_ICMPV6)
		event.icmp_code = flow->scale;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int side = i == 0 ? initiator : !initiator;

		event.packets[i] = pps_flow_packets(flow, cold, side);
		event.bytes[i] = pps_flow_bytes(flow, cold, side);
	}
	emit(source, &event, PPS_EVENT_AGGREGATES);
}

unsigned int pps_event_source_room(const struct pps_event_source *source)
{
	unsigned int room = rte_ring_free_count(source->ring);

	return room > PPS_EVENT_AGGREGATES ? room - PPS_EVENT_AGGREGATES : 0;
}
