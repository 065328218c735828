/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an observer counts besides the law: conversations that would be denied, and those that were
 * answered all the same. See pps_filter.h for what exactly that is.
 */

#include <string.h>

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "filter_priv.h"

#define PLACES       65536u /* a power of two */
#define PLACES_EACH  4u /* a tuple has one of so many, side by side */
#define FORGET_TICKS 60000u /* after the last packet of the tuple */

/* A tuple that was denied. */
struct denied_tuple {
	struct pps_flow_key key;
	uint32_t seen; /* tick of its last packet */
	uint8_t side; /* of its first one: enum pps_side */
	bool taken;
	bool answered;
} __attribute__((aligned(PPS_CACHE_LINE)));
_Static_assert(sizeof(struct denied_tuple) == PPS_CACHE_LINE, "one cache line a tuple");

struct observed {
	struct denied_tuple places[PLACES];
};

struct observed *observed_create(void)
{
	return rte_zmalloc("pps_observed", sizeof(struct observed), PPS_CACHE_LINE);
}

void observed_destroy(struct observed *observed)
{
	rte_free(observed);
}

static bool is_same_key(const struct pps_flow_key *a, const struct pps_flow_key *b)
{
	if (a->is_wide != b->is_wide)
		return false;
	return a->is_wide ? memcmp(&a->wide, &b->wide, sizeof(a->wide)) == 0
			  : memcmp(&a->v4, &b->v4, sizeof(a->v4)) == 0;
}

static bool is_here(const struct pps_filter *filter, const struct denied_tuple *place,
	const struct pps_flow_key *key)
{
	return place->taken && filter->burst.now->tick - place->seen < FORGET_TICKS &&
		is_same_key(&place->key, key);
}

/* The place of a packet's tuple; or the one it is to have, where nobody's is or the one that was
 * silent longest. */
static struct denied_tuple *find_place(
	struct pps_filter *filter, const struct pps_packet *packet, struct pps_flow_key *ret_key)
{
	const struct pps_ingress *ingress = filter->burst.ingress;
	struct denied_tuple *places, *ret = NULL;
	uint32_t hash, longest = 0;

	pps_flow_key_make(packet, ingress->segment, ingress->side, ret_key);
	hash = pps_flow_hash(filter->flows, ret_key);
	places = &filter->observed->places[hash * PLACES_EACH & (PLACES - 1)];
	for (unsigned int i = 0; i < PLACES_EACH; i++) {
		uint32_t silent =
			places[i].taken ? filter->burst.now->tick - places[i].seen : UINT32_MAX;

		if (is_here(filter, &places[i], ret_key))
			return &places[i];
		if (ret == NULL || silent > longest) {
			ret = &places[i];
			longest = silent;
		}
	}
	return ret;
}

/* A packet of the tuple in 'place': true when it is the first from the other side. */
static bool note_packet(struct pps_filter *filter, struct denied_tuple *place)
{
	place->seen = filter->burst.now->tick;
	if (place->answered || place->side == filter->burst.ingress->side)
		return false;
	place->answered = true;
	pps_stats_add(&filter->stats->observed_answered, 1);
	return true;
}

/* Is it a packet of a conversation that the law does not let begin? */
static bool is_of_conversation(const struct pps_packet *packet, const struct pps_verdict *verdict)
{
	enum pps_step step = pps_reason_step(verdict->reason);

	return packet->kind == PPS_PACKET_IP && !packet->later_fragment &&
		verdict->flow == PPS_FLOW_NONE &&
		(step == PPS_STEP_SOURCES || step >= PPS_STEP_START);
}

bool observe_deny(struct pps_filter *filter, const struct pps_packet *packet,
	const struct pps_verdict *verdict)
{
	struct denied_tuple *place;
	struct pps_flow_key key;

	pps_stats_add(&filter->stats->observed, 1);
	pps_stats_add(&filter->stats->observed_bytes, packet->length);
	if (!is_of_conversation(packet, verdict))
		return false;
	place = find_place(filter, packet, &key);
	if (is_here(filter, place, &key))
		return note_packet(filter, place);
	*place = (struct denied_tuple){
		.key = key,
		.seen = filter->burst.now->tick,
		.side = filter->burst.ingress->side,
		.taken = true,
	};
	pps_stats_add(&filter->stats->observed_conversations, 1);
	return false;
}

void observe_start(struct pps_filter *filter, const struct pps_packet *packet)
{
	struct pps_flow_key key;
	struct denied_tuple *place = find_place(filter, packet, &key);

	if (is_here(filter, place, &key))
		note_packet(filter, place);
}

void pps_filter_side_unknown(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_ingress *ingress, const struct pps_clock *now,
	struct rte_mbuf *const *frames, unsigned int n)
{
	struct pps_port_stats *port = &filter->stats->ports[ingress->port];
	struct pps_packet packet;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t len = rte_pktmbuf_pkt_len(frames[i]);
		uint32_t head_len = RTE_MIN(len, (uint32_t)PPS_PACKET_HEADER_MAX);
		const uint8_t *data = rte_pktmbuf_read(frames[i], 0, head_len, filter->bounce);

		/* For the event alone: whatever is wrong with it is not what it is dropped for. */
		pps_packet_parse(data, head_len, len, &packet);
		pps_stats_add(&filter->stats->drop_bytes, len);
		pps_stats_add(&port->rx_bytes, len);
		pps_event_deny(filter->events, now->wall_ns, &packet, ingress->segment,
			PPS_SIDE_INSIDE, PPS_REASON_SIDE_UNKNOWN, 0,
			ruleset != NULL ? ruleset->generation : 0, filter->event_flags);
	}
	pps_stats_add(&filter->stats->drops[PPS_REASON_SIDE_UNKNOWN], n);
	pps_stats_add(&port->rx_packets, n);
}
