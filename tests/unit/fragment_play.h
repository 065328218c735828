/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FRAGMENT_PLAY_H
#define FRAGMENT_PLAY_H

/*
 * Sends fragments through a store the way the filter does, with a yes or no in the place of the
 * law, and keeps count of every frame that is held: each must come back once.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pps_fragment.h>

#define PLAY_OUT_MAX 4096

struct play {
	struct pps_fragment_store *store;
	uint32_t tick, timeout;
	bool deny; /* the law says no to first fragments */
	bool flow_ended; /* and to those that follow */
	unsigned int n_kept; /* frames the store has */
	unsigned int released[PLAY_OUT_MAX]; /* frame numbers, in order */
	unsigned int n_released;
	unsigned int dropped[PLAY_OUT_MAX];
	enum pps_reason reasons[PLAY_OUT_MAX];
	unsigned int n_dropped;
};

/* One fragment: bytes [start, start + len) of datagram 'id' from source 'host'. */
struct piece {
	uint32_t id;
	uint16_t start, len;
	bool more;
	uint8_t family; /* 0 is 4 */
	uint8_t protocol;
	uint8_t host, side, segment;
	uint16_t vlan, inner_vlan;
	uint16_t buffers; /* 0 is 1 */
	enum pps_reason parsed;
};

static inline void play_init(struct play *play, const struct pps_fragment_params *params)
{
	memset(play, 0, sizeof(*play));
	play->store = pps_fragment_store_create(params);
	play->timeout = 5000;
	play->tick = 4294965000u; /* time wraps soon */
	if (play->store == NULL)
		abort();
}

static inline void play_packet(const struct piece *piece, struct pps_packet *packet)
{
	memset(packet, 0, sizeof(*packet));
	packet->family = piece->family == 0 ? 4 : piece->family;
	packet->kind = PPS_PACKET_IP;
	packet->protocol = piece->protocol == 0 ? PPS_IP_UDP : piece->protocol;
	packet->next_header = packet->protocol;
	packet->src[0] = 10;
	packet->src[3] = piece->host;
	packet->dst[0] = 20;
	packet->fragment = true;
	packet->later_fragment = piece->start != 0;
	packet->fragment_id = piece->id;
	packet->fragment_offset = piece->start;
	packet->fragment_len = piece->len;
	packet->more_fragments = piece->more;
	packet->vlan = piece->vlan;
	packet->inner_vlan = piece->inner_vlan;
	packet->payload_offset = 34;
}

/* Takes what came out. */
static inline void play_take(struct play *play)
{
	struct pps_fragment_held held;

	while (pps_fragment_next_released(play->store, &held)) {
		play->released[play->n_released++ % PLAY_OUT_MAX] =
			(unsigned int)(uintptr_t)held.frame;
		play->n_kept--;
	}
	while (pps_fragment_next_dropped(play->store, &held)) {
		play->reasons[play->n_dropped % PLAY_OUT_MAX] = (enum pps_reason)held.reason;
		play->dropped[play->n_dropped++ % PLAY_OUT_MAX] =
			(unsigned int)(uintptr_t)held.frame;
		play->n_kept--;
	}
}

static inline void play_expire(struct play *play, unsigned int max)
{
	pps_fragment_expire(play->store, play->tick, play->timeout, max);
	play_take(play);
}

static inline enum pps_reason play_act(struct play *play, const struct pps_fragment_view *view,
	const struct pps_packet *packet, unsigned int frame)
{
	struct pps_fragment_first first = {.packet = *packet};

	switch (view->fate) {
	case PPS_FRAGMENT_JUDGE:
		pps_fragment_judged(play->store, view, packet, play->deny ? NULL : &first);
		return play->deny ? PPS_REASON_NOT_APPROVED : PPS_REASON_NONE;
	case PPS_FRAGMENT_FOLLOW:
		pps_fragment_followed(play->store, view, packet, !play->flow_ended);
		return play->flow_ended ? PPS_REASON_FRAGMENT_FLOW_ENDED : PPS_REASON_NONE;
	case PPS_FRAGMENT_HOLD:
		pps_fragment_hold(play->store, view, packet, (void *)(uintptr_t)frame);
		play->n_kept++;
		return PPS_REASON_HELD;
	default:
		pps_fragment_drop(play->store, view, packet);
		return (enum pps_reason)view->reason;
	}
}

/* What became of the fragment; 'frame' is its number. */
static inline enum pps_reason play_send(
	struct play *play, const struct piece *piece, unsigned int frame)
{
	const struct pps_fragment_at at = {
		.segment = piece->segment,
		.side = piece->side,
		.buffers = piece->buffers == 0 ? 1 : piece->buffers,
		.tick = play->tick,
		.timeout = play->timeout,
	};
	struct pps_fragment_view view;
	struct pps_packet packet;
	enum pps_reason reason;

	play_packet(piece, &packet);
	pps_fragment_look(play->store, &packet, piece->parsed, &at, &view);
	reason = play_act(play, &view, &packet, frame);
	play_take(play);
	return reason;
}

/* False when a frame is lost. */
static inline bool play_fini(struct play *play)
{
	pps_fragment_drain(play->store);
	play_take(play);
	pps_fragment_store_destroy(play->store);
	return play->n_kept == 0;
}

#endif
