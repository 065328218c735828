/* SPDX-License-Identifier: BSD-3-Clause */

/* What is to become of a fragment. Nothing here changes the store. */

#include <string.h>

#include "fragment_priv.h"

static void make_key(const struct pps_packet *packet, const struct pps_fragment_at *at,
	struct pps_fragment_key *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->src, packet->src, sizeof(key->src));
	memcpy(key->dst, packet->dst, sizeof(key->dst));
	key->id = packet->fragment_id;
	key->vlan = packet->vlan;
	key->inner_vlan = packet->inner_vlan;
	key->family = packet->family;
	/* Of a first fragment with an AH the protocol is the one behind it, which others lack. */
	key->protocol = packet->family == 4 ? packet->next_header : 0;
	key->segment = at->segment;
	key->side = at->side;
}

/* The counter of the source: of the same key without all that its sender may vary. */
static uint32_t source_of(
	const struct pps_fragment_store *store, const struct pps_fragment_key *key)
{
	struct pps_fragment_key source;

	memset(&source, 0, sizeof(source));
	memcpy(source.src, key->src, sizeof(source.src));
	source.family = key->family;
	source.segment = key->segment;
	source.side = key->side;
	return pps_flow_hasher_wide(&store->hasher, (const uint8_t *)&source) &
		(FRAGMENT_SOURCES - 1);
}

static struct pps_datagram *find(
	const struct pps_fragment_store *store, const struct pps_fragment_key *key, uint32_t hash)
{
	struct pps_datagram *datagram = store->buckets[hash & store->bucket_mask];

	while (datagram != NULL && memcmp(&datagram->key, key, sizeof(*key)) != 0)
		datagram = datagram->chain;
	return datagram;
}

/* How a fragment goes together with those of its datagram that were seen. */
static enum pps_reason judge_fit(
	const struct pps_datagram *datagram, const struct pps_packet *packet)
{
	uint32_t start = packet->fragment_offset, end = fragment_end(packet);
	bool last = !packet->more_fragments, overlaps = false;

	for (unsigned int i = 0; i < datagram->n_ranges; i++) {
		const struct fragment_range *range = &datagram->ranges[i];
		/* Only the last one ends where the datagram does. */
		bool range_is_last = range->end == datagram->total;

		if (range->start >= end || start >= range->end)
			continue;
		if (range->start == start && range->end == end && range_is_last == last)
			return PPS_REASON_FRAGMENT_DUPLICATE;
		overlaps = true;
	}
	if (datagram->total != 0 && (last ? end != datagram->total : end >= datagram->total))
		return PPS_REASON_FRAGMENT_END;
	if (datagram->total == 0 && last && end < datagram->highest)
		return PPS_REASON_FRAGMENT_END;
	if (overlaps)
		return PPS_REASON_FRAGMENT_OVERLAP;
	if (datagram->n_ranges == PPS_FRAGMENT_RANGES)
		return PPS_REASON_FRAGMENT_COUNT;
	return PPS_REASON_NONE;
}

/* Is there room to hold it? What others take of the whole store gives way. */
static enum pps_reason judge_room(
	const struct pps_fragment_store *store, const struct pps_fragment_view *view)
{
	const struct pps_fragment_params *params = &store->params;
	const struct fragment_source *source = &store->sources[view->source];
	uint32_t held = view->datagram != NULL ? view->datagram->n_buffers : 0;

	if (held + view->at.buffers > params->buffers_per_datagram)
		return PPS_REASON_FRAGMENT_WAITING;
	if (source->buffers + view->at.buffers > params->buffers_per_source)
		return PPS_REASON_FRAGMENT_SOURCE_SHARE;
	return PPS_REASON_NONE;
}

/* Finds its datagram: sets 'datagram' to the one it is part of, or 'past' to one that is over. */
static void find_datagram(const struct pps_fragment_store *store, const struct pps_packet *packet,
	struct pps_fragment_view *view)
{
	struct pps_datagram *datagram = find(store, &view->key, view->hash);

	view->datagram = NULL;
	view->past = NULL;
	if (datagram == NULL)
		return;
	if (view->at.tick - datagram->since >= view->at.timeout ||
		(!packet->later_fragment &&
			(datagram->state == FRAGMENT_COMPLETE ||
				datagram->state == FRAGMENT_DENIED)))
		view->past = datagram;
	else
		view->datagram = datagram;
}

/* The reason to drop it for, or what else is to become of it. */
static enum pps_reason choose_fate(const struct pps_fragment_store *store,
	const struct pps_packet *packet, struct pps_fragment_view *view)
{
	const struct pps_datagram *datagram = view->datagram;
	enum pps_reason reason = PPS_REASON_NONE;

	if (datagram != NULL) {
		if (datagram->state == FRAGMENT_POISONED)
			return PPS_REASON_FRAGMENT_POISONED;
		if (datagram->state == FRAGMENT_DENIED)
			return PPS_REASON_FRAGMENT_DENIED;
		reason = judge_fit(datagram, packet);
	} else if (store->sources[view->source].datagrams >= store->params.datagrams_per_source) {
		reason = PPS_REASON_FRAGMENT_SOURCE_SHARE;
	}
	if (reason != PPS_REASON_NONE)
		return reason;
	view->total = packet->more_fragments ? (datagram != NULL ? datagram->total : 0)
					     : fragment_end(packet);
	if (!packet->later_fragment) {
		view->fate = PPS_FRAGMENT_JUDGE;
	} else if (datagram != NULL && datagram->state == FRAGMENT_OPEN) {
		view->fate = PPS_FRAGMENT_FOLLOW;
		view->first = &datagram->first;
	} else {
		view->fate = PPS_FRAGMENT_HOLD;
		return judge_room(store, view);
	}
	return PPS_REASON_NONE;
}

void pps_fragment_look(const struct pps_fragment_store *store, const struct pps_packet *packet,
	enum pps_reason parsed, const struct pps_fragment_at *at, struct pps_fragment_view *view)
{
	enum pps_reason reason = parsed;

	view->at = *at;
	view->total = 0;
	view->first = NULL;
	make_key(packet, at, &view->key);
	view->hash = pps_flow_hasher_wide(&store->hasher, (const uint8_t *)&view->key);
	view->source = source_of(store, &view->key);
	find_datagram(store, packet, view);
	if (reason == PPS_REASON_NONE)
		reason = choose_fate(store, packet, view);
	if (reason != PPS_REASON_NONE)
		view->fate = PPS_FRAGMENT_DROP;
	view->reason = (uint8_t)reason;
}
