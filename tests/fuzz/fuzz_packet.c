/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes are a frame. What is parsed of it keeps the invariants, does not depend on what lay
 * behind the frame or in the structure before, and is never read from behind the front that was
 * given: that front is copied to memory of exactly its size, for the sanitizers to see.
 */
#include <stdio.h>
#include <stdlib.h>

#include <pps_packet_common.h>

#include "packet_invariants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PADDING 32

static void require(const char *broken)
{
	if (broken == NULL)
		return;
	fprintf(stderr, "not so: %s\n", broken);
	abort();
}

static uint8_t *copy_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	return copy;
}

static enum pps_reason parse(const uint8_t *data, uint32_t head_len, uint32_t frame_len, int before,
	struct pps_packet *packet)
{
	uint8_t *head = copy_exact(data, head_len);
	struct pps_packet by_short;
	enum pps_reason reason;

	memset(packet, before, sizeof(*packet));
	reason = pps_packet_parse(head, head_len, frame_len, packet);
	require(broken_packet(reason, packet));
	memset(&by_short, ~before, sizeof(by_short));
	if (pps_packet_parse_common(head, head_len, frame_len, &by_short) &&
		(reason != PPS_REASON_NONE || memcmp(&by_short, packet, sizeof(by_short)) != 0))
		require("the short way says what the parser says");
	free(head);
	return reason;
}

static void parse_quote(const uint8_t *data, uint32_t size, const struct pps_packet *error)
{
	uint8_t *head = copy_exact(data, size);
	struct pps_packet quoted;

	if (pps_packet_parse_quote(head, size, error, &quoted))
		require(broken_quote(error, &quoted));
	free(head);
}

/* The same frame with bytes behind the end of the IP packet is the same packet. */
static void check_padding(const uint8_t *data, uint32_t size, const struct pps_packet *packet)
{
	uint8_t *padded = malloc(size + PADDING);
	struct pps_packet again;

	if (padded == NULL)
		abort();
	memcpy(padded, data, size);
	memset(padded + size, 0xa5, PADDING);
	if (parse(padded, size + PADDING, size + PADDING, 0, &again) != PPS_REASON_NONE)
		require("padding changes nothing");
	again.length = packet->length;
	if (memcmp(&again, packet, sizeof(again)) != 0)
		require("padding changes nothing");
	free(padded);
}

/* The input as the body of an ICMP error, wherever the parser would not go by itself. */
static void check_quote(const uint8_t *data, uint32_t size)
{
	struct pps_packet error = {.length = size, .vlan = 1, .n_vlans = 1, .kind = 3};

	error.family = size % 2 == 0 ? 4 : 6;
	error.l4_len = size;
	parse_quote(data, size, &error);
	error.l4_len = size / 2;
	parse_quote(data, size, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = size > 65536 ? 65536 : (uint32_t)size;
	struct pps_packet packet, again;
	enum pps_reason reason = parse(data, len, len, 0x00, &packet);

	if (parse(data, len, len, 0xff, &again) != reason ||
		memcmp(&packet, &again, sizeof(packet)) != 0)
		require("the whole structure is written");
	if (len > PPS_PACKET_HEADER_MAX &&
		(parse(data, PPS_PACKET_HEADER_MAX, len, 0, &again) != reason ||
			memcmp(&packet, &again, sizeof(packet)) != 0))
		require("what is contiguous makes no difference");
	/* Less of the front than the contract asks for: a wrong verdict, but never a wrong read. */
	parse(data, len / 2, len, 0, &again);
	parse(data, len, len + 1500, 0, &again);
	if (reason == PPS_REASON_NONE && packet.family != 0 && len < PPS_PACKET_HEADER_MAX)
		check_padding(data, len, &packet);
	if (packet.kind == PPS_PACKET_ICMP_ERROR)
		parse_quote(data, len, &packet);
	check_quote(data, len);
	return 0;
}
