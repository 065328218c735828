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

/* What makes denies one record: everything but the source port, in words, so that comparing and
 * spreading cost a few instructions. */
#define KEY_WORDS 7
struct deny_key {
	uint64_t words[KEY_WORDS];
};

struct place {
	struct pps_event event; /* of the first packet; count is 0: the place is free */
	struct deny_key key;
} __attribute__((aligned(PPS_CACHE_LINE)));

/* worker: rw, but for the ring's far end. */
struct pps_event_source {
	struct rte_ring *ring;
	struct pps_worker_stats *stats;
	uint64_t lost; /* records since the last that fitted */
	uint64_t secret; /* keeps the places of denies unpredictable */
	/* Places in use, in the order of their first packet, in a ring through HEAD. */
	uint16_t next[PPS_EVENT_AGGREGATES + 1], prev[PPS_EVENT_AGGREGATES + 1];
	struct place places[PPS_EVENT_AGGREGATES];
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
	if (getrandom(&source->secret, sizeof(source->secret), 0) != sizeof(source->secret))
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
	emit(source, &source->places[place].event, reserve);
	source->places[place].event.count = 0;
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

static inline uint64_t pack16(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return a << 48 | b << 32 | c << 16 | d;
}

static inline void make_key(struct deny_key *key, const struct pps_event_denial *denial)
{
	const struct pps_packet *packet = denial->packet;

	memcpy(&key->words[0], packet->src, sizeof(packet->src));
	memcpy(&key->words[2], packet->dst, sizeof(packet->dst));
	key->words[4] = (uint64_t)denial->generation << 32 | denial->rule;
	key->words[5] =
		pack16(packet->dst_port, packet->vlan, packet->inner_vlan, packet->ethertype);
	key->words[6] = pack16((uint64_t)packet->family << 8 | packet->protocol,
		(uint64_t)packet->icmp_type << 8 | packet->icmp_code,
		(uint64_t)denial->reason << 8 | denial->segment,
		(uint64_t)denial->side << 5 | (uint64_t)denial->flags << 1 | has_l4(packet));
}
_Static_assert(sizeof(((struct pps_packet *)0)->src) == 16, "two words");

/* Only spreads: equality is decided by comparing. */
static inline unsigned int find_place(
	const struct pps_event_source *source, const struct deny_key *key)
{
	static const uint64_t odd[KEY_WORDS] = {0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9,
		0x94d049bb133111eb, 0xd6e8feb86659fd93, 0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53,
		0xa0761d6478bd642f};
	uint64_t h = source->secret;

#pragma GCC unroll 7
	for (unsigned int i = 0; i < KEY_WORDS; i++)
		h += ((key->words[i] ^ source->secret) >> 29 ^ key->words[i]) * odd[i];
	h = (h ^ h >> 32) * odd[0];
	return (unsigned int)(h >> 40) & (PPS_EVENT_AGGREGATES - 1);
}

static inline bool is_same(const struct deny_key *a, const struct deny_key *b)
{
	uint64_t difference = 0;

#pragma GCC unroll 7
	for (unsigned int i = 0; i < KEY_WORDS; i++)
		difference |= a->words[i] ^ b->words[i];
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

static inline void fill(struct pps_event *event, const struct pps_packet *packet)
{
	memcpy(event->src, packet->src, sizeof(event->src));
	memcpy(event->dst, packet->dst, sizeof(event->dst));
	event->src_port = rte_be_to_cpu_16(packet->src_port);
	event->dst_port = rte_be_to_cpu_16(packet->dst_port);
	event->vlan = packet->vlan;
	event->inner_vlan = packet->inner_vlan;
	event->ethertype = packet->ethertype;
	event->family = packet->family;
	event->protocol = packet->protocol;
	event->icmp_type = packet->icmp_type;
	event->icmp_code = packet->icmp_code;
	event->has_l4 = has_l4(packet);
}

/* The place that the key spreads to is 'i'. */
static inline void deny(struct pps_event_source *source, uint64_t wall_ns,
	const struct pps_event_denial *denial, const struct deny_key *key, unsigned int i)
{
	struct place *place = &source->places[i];
	struct pps_event *event = &place->event;

	if (event->count != 0) {
		if (likely(is_same(&place->key, key) && !is_over(event, wall_ns))) {
			event->count++;
			return;
		}
		flush(source, i, PPS_EVENT_AGGREGATES);
	}
	place->key = *key;
	clear(event);
	event->wall_ns = wall_ns;
	event->count = 1;
	event->generation = denial->generation;
	event->rule = denial->rule;
	event->kind = PPS_EVENT_DENY;
	event->detail = denial->reason;
	event->segment = denial->segment;
	if (likely(denial->reason != PPS_REASON_SIDE_UNKNOWN))
		event->direction = (uint8_t)pps_side_direction((enum pps_side)denial->side);
	event->flags = denial->flags;
	fill(event, denial->packet);
	append(source, i);
}

void pps_event_deny_burst(struct pps_event_source *source, uint64_t wall_ns,
	const struct pps_event_denial *denials, unsigned int n)
{
	struct deny_key keys[PPS_EVENT_DENIALS_MAX];
	uint16_t places[PPS_EVENT_DENIALS_MAX];

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *lines;

		make_key(&keys[i], &denials[i]);
		places[i] = (uint16_t)find_place(source, &keys[i]);
		lines = (const uint8_t *)&source->places[places[i]];
		for (unsigned int k = 0; k < sizeof(struct place); k += PPS_CACHE_LINE)
			rte_prefetch0(lines + k);
	}
	for (unsigned int i = 0; i < n; i++)
		deny(source, wall_ns, &denials[i], &keys[i], places[i]);
}
_Static_assert(PPS_EVENT_AGGREGATES <= UINT16_MAX, "a place has 16 bits");

void pps_event_tick(struct pps_event_source *source, uint64_t wall_ns, bool all)
{
	unsigned int reserve = all ? 0 : PPS_EVENT_AGGREGATES;
	unsigned int max = all ? PPS_EVENT_AGGREGATES : PPS_EVENT_FLUSH_PER_TICK;
	unsigned int place;

	for (unsigned int i = 0; i < max; i++) {
		place = source->next[HEAD];
		if (likely(place == HEAD) ||
			(!all && !is_over(&source->places[place].event, wall_ns)))
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
