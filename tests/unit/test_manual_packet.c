/* SPDX-License-Identifier: BSD-3-Clause */

/* ppsfw-law(7) says what the parser does: its tables of tunnels, SCTP chunks and DCCP headers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_base.h>
#include <pps_packet.h>

#include "frame.h"
#include "page.h"
#include "unit.h"

#define L4          34 /* of an IPv4 packet without options and VLAN tags */
#define FIRST_CHUNK (L4 + 12)

static uint8_t frame[FRAME_MAX];

/* ---- tunnels ---- */

#define NUMBERS 65536

/* The row's two cells, as tunnels by number. */
static void read_tunnels(const char *section, const char *row, unsigned char tunnels[NUMBERS])
{
	char *readable = page_cell(section, row, 1), *opaque = page_cell(section, row, 2);

	memset(tunnels, PPS_TUNNEL_NONE, NUMBERS);
	page_numbers(readable, tunnels, NUMBERS, PPS_TUNNEL_READABLE);
	if (strcmp(opaque, "all others") != 0)
		page_numbers(opaque, tunnels, NUMBERS, PPS_TUNNEL_OPAQUE);
	else
		for (unsigned int i = 0; i < NUMBERS; i++)
			tunnels[i] = tunnels[i] ? tunnels[i] : PPS_TUNNEL_OPAQUE;
	free(opaque);
	free(readable);
}

static enum pps_tunnel tunnel_of(const char *format, unsigned int number)
{
	char *text = pps_asprintf(format, number);
	struct pps_packet packet;
	uint32_t len = frame_make(text, frame);

	free(text);
	if (pps_packet_parse(frame, len, len, &packet) != PPS_REASON_NONE)
		return PPS_TUNNEL_NONE;
	return (enum pps_tunnel)packet.tunnel;
}

static void protocols_that_are_tunnels_are_those_of_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss Tunnels\n", "\n.Sh ");
	static unsigned char tunnels[NUMBERS];

	if (!section)
		return;
	read_tunnels(section, "protocol", tunnels);
	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		if (protocol == 47)
			continue;
		CU_ASSERT_EQUAL(tunnel_of("ip4 proto=%u data=40", protocol), tunnels[protocol]);
	}
	free(section);
}

static void types_of_gre_are_those_of_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss Tunnels\n", "\n.Sh ");
	static unsigned char tunnels[NUMBERS];
	struct pps_packet packet;
	uint32_t len = frame_make("ip4 gre data=40", frame);

	if (!section)
		return;
	read_tunnels(section, "GRE type", tunnels);
	for (unsigned int type = 0; type < NUMBERS; type++) {
		frame[L4 + 2] = (uint8_t)(type >> 8);
		frame[L4 + 3] = (uint8_t)type;
		for (uint8_t version = 0; version < 8; version++) {
			frame[L4 + 1] = version;
			CU_ASSERT_EQUAL(
				pps_packet_parse(frame, len, len, &packet), PPS_REASON_NONE);
			CU_ASSERT_EQUAL(
				packet.tunnel, version == 0 ? tunnels[type] : PPS_TUNNEL_OPAQUE);
		}
	}
	free(section);
}

static void ports_that_are_tunnels_are_those_of_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss Tunnels\n", "\n.Sh ");
	static unsigned char to[NUMBERS], from[NUMBERS];

	if (!section)
		return;
	read_tunnels(section, "UDP, to port", to);
	read_tunnels(section, "UDP, from port", from);
	for (unsigned int port = 1; port < NUMBERS; port++) {
		CU_ASSERT_EQUAL(tunnel_of("ip4 udp sport=40000 dport=%u", port), to[port]);
		CU_ASSERT_EQUAL(tunnel_of("ip6 udplite sport=40000 dport=%u", port), to[port]);
		CU_ASSERT_EQUAL(tunnel_of("ip4 udp sport=%u dport=40000", port), from[port]);
		/* The destination goes first. */
		CU_ASSERT_EQUAL(
			tunnel_of("ip4 udplite sport=%u dport=4789", port), PPS_TUNNEL_READABLE);
		CU_ASSERT_EQUAL(tunnel_of("ip4 udp sport=%u dport=1701", port), PPS_TUNNEL_OPAQUE);
	}
	free(section);
}

/* ---- SCTP ---- */

#define CLASSES 7

/* The class of each chunk type: 1 is the highest. */
static void read_classes(const char *section, unsigned char classes[256])
{
	memset(classes, 1, 256);
	for (unsigned char class = 2; class <= CLASSES; class ++) {
		char row[2] = {(char)('0' + class), '\0'}, *cell = page_cell(section, row, 1);

		page_numbers(cell, classes, 256, class);
		free(cell);
	}
}

/* What the checks T15 and T16 say of a packet of these two chunks. */
static enum pps_reason two_chunks(uint8_t first, uint8_t second)
{
	static const bool alone[256] = {[1] = true, [2] = true, [14] = true};

	if (alone[first])
		return PPS_REASON_SCTP_BUNDLE;
	if (first == PPS_SCTP_ABORT)
		return PPS_REASON_NONE; /* the walk ends */
	if (alone[second])
		return PPS_REASON_SCTP_BUNDLE;
	return (first == 0 || first == 64) && second != 0 && second != 64 && second != 132
		? PPS_REASON_SCTP_ORDER
		: PPS_REASON_NONE;
}

static void the_chunk_that_speaks_is_that_of_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss SCTP (132)\n", "\n.Ss ");
	uint32_t len = frame_make("ip4 sctp chunk", frame);
	struct pps_packet packet;
	unsigned char classes[256];

	if (!section)
		return;
	read_classes(section, classes);
	for (unsigned int pair = 0; pair < 65536; pair++) {
		uint8_t first = (uint8_t)pair, second = (uint8_t)(pair >> 8);
		bool is_second = first != PPS_SCTP_ABORT && classes[second] < classes[first];
		enum pps_reason reason;

		frame[FIRST_CHUNK] = first;
		frame[FIRST_CHUNK + 4] = second;
		reason = pps_packet_parse(frame, len, len, &packet);
		CU_ASSERT_EQUAL(reason, two_chunks(first, second));
		if (reason == PPS_REASON_NONE)
			CU_ASSERT_EQUAL(packet.chunk_type, is_second ? second : first);
	}
	free(section);
}

/* As many chunks as may be in a packet, and one more. */
static void the_number_of_chunks_is_that_of_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss SCTP (132)\n", "\n.Ss "), *item;
	unsigned int last, n;
	struct pps_packet packet;

	if (!section)
		return;
	item = strstr(section, "\n.It Cm T14\n");
	CU_ASSERT_PTR_NOT_NULL_FATAL(item);
	CU_ASSERT_EQUAL_FATAL(sscanf(item, "\n.It Cm T14\nIt is the %uth:", &last), 1);
	for (n = last - 1; n <= last; n++) {
		char *text = pps_asprintf("ip4 sctp data=%u", 4 * (n - 1));
		uint32_t len = frame_make(text, frame);

		for (unsigned int i = 0; i < n; i++)
			frame[FIRST_CHUNK + 4 * i + 3] = 4;
		frame[FIRST_CHUNK + 2] = 0;
		CU_ASSERT_EQUAL(pps_packet_parse(frame, len, len, &packet),
			n < last ? PPS_REASON_NONE : PPS_REASON_SCTP_CHUNKS);
		free(text);
	}
	free(section);
}

/* ---- DCCP ---- */

static enum pps_reason parse_dccp(unsigned int type, bool x, unsigned int size, unsigned int least)
{
	char *text = pps_asprintf("ip4 proto=33 data=%u", size);
	struct pps_packet packet;
	uint32_t len = frame_make(text, frame);

	free(text);
	frame[L4 + 1] = 1;
	frame[L4 + 3] = 1;
	frame[L4 + 4] = (uint8_t)(least / 4);
	frame[L4 + 8] = (uint8_t)(type << 1 | x);
	return pps_packet_parse(frame, len, len, &packet);
}

static void check_dccp(const char *cell, const unsigned char types[16], bool x)
{
	unsigned int least = (unsigned int)strtoul(cell, NULL, 10);

	for (unsigned int type = 0; type < 16; type++) {
		if (!types[type])
			continue;
		if (strcmp(cell, "-") == 0) {
			CU_ASSERT_EQUAL(parse_dccp(type, x, 40, 40), PPS_REASON_DCCP_SHORT);
			continue;
		}
		CU_ASSERT_EQUAL(parse_dccp(type, x, least, least), PPS_REASON_NONE);
		CU_ASSERT_EQUAL(parse_dccp(type, x, least - 1, least), PPS_REASON_L4_TRUNCATED);
		CU_ASSERT_EQUAL(parse_dccp(type, x, least, least - 4), PPS_REASON_L4_LENGTH);
	}
}

static void headers_of_dccp_are_as_long_as_the_law_says(void)
{
	char *section = page_read(LAW, "\n.Ss DCCP (33)\n", "\n.Ss "), *row;
	unsigned int n = 0;

	if (!section)
		return;
	row = strstr(section, "\n.It Sy type Ta ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	for (row = strchr(row + 1, '\n'); strncmp(row, "\n.It ", 5) == 0;
		row = strchr(row + 1, '\n')) {
		char *list = pps_asprintf("%.*s", (int)(strstr(row, " Ta ") - row - 5), row + 5);
		char *with = page_cell(section, list, 1), *without = page_cell(section, list, 2);
		unsigned char types[16] = {0};

		n += page_numbers(list, types, UNIT_COUNT(types), 1);
		check_dccp(with, types, true);
		check_dccp(without, types, false);
		free(without);
		free(with);
		free(list);
	}
	CU_ASSERT_EQUAL(n, 16);
	free(section);
}

static const struct unit_test tests[] = {
	UNIT_TEST(protocols_that_are_tunnels_are_those_of_the_law),
	UNIT_TEST(types_of_gre_are_those_of_the_law),
	UNIT_TEST(ports_that_are_tunnels_are_those_of_the_law),
	UNIT_TEST(the_chunk_that_speaks_is_that_of_the_law),
	UNIT_TEST(the_number_of_chunks_is_that_of_the_law),
	UNIT_TEST(headers_of_dccp_are_as_long_as_the_law_says),
};

int main(void)
{
	return unit_run("manual_packet", tests, UNIT_COUNT(tests));
}
