/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes are a stream of fragments, in a store so small that all of its bounds are near. The
 * store never holds more than it may, gives every frame back once, and what look() says does not
 * change by asking twice. Eight bytes a step: what, datagram, source, start (2), length (2), time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fragment_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_SIZE 8

static const struct pps_fragment_params params = {
	.datagrams = 6,
	.datagrams_per_source = 3,
	.buffers = 10,
	.buffers_per_source = 7,
	.buffers_per_datagram = 5,
};

static void require(bool is_so, const char *sentence)
{
	if (is_so)
		return;
	fprintf(stderr, "not so: %s\n", sentence);
	abort();
}

static void read_piece(const uint8_t *step, struct piece *piece)
{
	static const enum pps_reason parsed[8] = {PPS_REASON_NONE, PPS_REASON_NONE, PPS_REASON_NONE,
		PPS_REASON_NONE, PPS_REASON_NONE, PPS_REASON_FRAGMENT_LENGTH, PPS_REASON_TCP_FLAGS,
		PPS_REASON_FRAGMENT_ND};
	uint32_t start = (uint32_t)(step[3] | step[4] << 8) & 0xfff8;
	uint32_t len = (uint32_t)(step[5] | step[6] << 8);

	if ((step[0] & 1) != 0)
		start &= 0x78; /* near each other */
	if ((step[0] & 2) != 0)
		len &= 0x3f;
	*piece = (struct piece){
		.id = step[1] & 7,
		.host = step[2] & 3,
		.start = (uint16_t)start,
		.more = start == 0 || (step[0] & 4) != 0,
		.buffers = (uint16_t)(1 + (step[2] >> 2 & 7)),
		.parsed = parsed[step[0] >> 3 & 7],
	};
	/* What the parser lets through. */
	if (piece->more)
		len &= 0xfff8;
	if (len == 0)
		len = 8;
	if (start + len > 65515)
		len = start < 65504 ? 8 : 1;
	piece->len = (uint16_t)len;
}

static void look_twice(const struct play *play, const struct piece *piece)
{
	const struct pps_fragment_at at = {
		.buffers = piece->buffers, .tick = play->tick, .timeout = play->timeout};
	struct pps_fragment_view a, b;
	struct pps_packet packet;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	play_packet(piece, &packet);
	pps_fragment_look(play->store, &packet, piece->parsed, &at, &a);
	pps_fragment_look(play->store, &packet, piece->parsed, &at, &b);
	require(memcmp(&a, &b, sizeof(a)) == 0, "looking changes nothing");
}

static void check_usage(const struct play *play)
{
	struct pps_fragment_usage usage;

	pps_fragment_usage(play->store, &usage);
	require(usage.datagrams <= params.datagrams, "datagrams are bounded");
	require(usage.buffers <= params.buffers, "buffers are bounded");
	require(usage.waiting + usage.open <= usage.datagrams, "queues add up");
	require(play->n_kept <= usage.buffers, "a frame takes a buffer at least");
	require((usage.buffers == 0) == (play->n_kept == 0), "buffers come back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play play;
	unsigned int frame = 1;

	play_init(&play, &params);
	for (; size >= STEP_SIZE; data += STEP_SIZE, size -= STEP_SIZE) {
		struct piece piece;

		play.deny = (data[0] & 0x40) != 0;
		play.flow_ended = (data[0] & 0x80) != 0;
		play.tick += data[7] * 32u;
		if (data[7] > 128)
			play_expire(&play, 2);
		read_piece(data, &piece);
		look_twice(&play, &piece);
		play_send(&play, &piece, frame++);
		check_usage(&play);
	}
	require(play_fini(&play), "every frame comes back once");
	return 0;
}
