/* SPDX-License-Identifier: BSD-3-Clause */

/* Which side of the wire sent a frame of a mirror port, from nothing but the frame. */

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "../../app/ppsfwd/mirror.h"
#include "unit.h"

#define FRAME_MAX 128

static struct mirror *by_prefixes(const char *const *texts, size_t n)
{
	struct pps_prefix prefixes[8];
	struct config_segment segment = {.inside_prefixes = prefixes, .n_inside_prefixes = n};
	struct mirror *mirror;

	for (size_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL_FATAL(pps_prefix_parse(texts[i], &prefixes[i], NULL), 0);
	mirror = mirror_create(&segment);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mirror);
	return mirror;
}

/* One prefix covers another, and they are in no order. */
static struct mirror *by_our_prefixes(void)
{
	static const char *const prefixes[] = {"2001:db8:1::/48", "198.51.100.64/26",
		"198.51.100.0/24", "192.0.2.7", "fe80::7", "169.254.7.0/24"};

	return by_prefixes(prefixes, UNIT_COUNT(prefixes));
}

/* ---- frames ---- */

static uint32_t add16(uint8_t *frame, uint32_t at, uint16_t value)
{
	frame[at] = (uint8_t)(value >> 8);
	frame[at + 1] = (uint8_t)value;
	return at + 2;
}

/* An Ethernet header with VLAN tags; returns its length. */
static uint32_t add_link(uint8_t *frame, unsigned int n_tags, uint16_t ethertype)
{
	static const uint16_t tags[] = {0x88a8, 0x8100, 0x8100};
	uint32_t at = 12;

	memset(frame, 0, FRAME_MAX);
	for (unsigned int i = 0; i < n_tags; i++) {
		at = add16(frame, at, tags[i]);
		at = add16(frame, at, 10);
	}
	return add16(frame, at, ethertype);
}

static uint32_t make_ip(
	uint8_t *frame, unsigned int n_tags, const char *source, const char *destination)
{
	bool wide = strchr(source, ':') != NULL;
	uint32_t at = add_link(frame, n_tags, wide ? 0x86dd : 0x0800);
	int family = wide ? AF_INET6 : AF_INET;
	uint32_t place = wide ? 8 : 12, length = wide ? 16 : 4;

	CU_ASSERT_EQUAL_FATAL(inet_pton(family, source, frame + at + place), 1);
	CU_ASSERT_EQUAL_FATAL(inet_pton(family, destination, frame + at + place + length), 1);
	return at + (wide ? 40 : 20);
}

static uint32_t make_arp(
	uint8_t *frame, unsigned int n_tags, const char *sender, const char *target)
{
	static const uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, 1};
	uint32_t at = add_link(frame, n_tags, 0x0806);

	memcpy(frame + at, fixed, sizeof(fixed));
	CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET, sender, frame + at + 14), 1);
	CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET, target, frame + at + 24), 1);
	return at + 28;
}

/* Told so, and by one byte less not told at all. */
static void expect(const struct mirror *mirror, const uint8_t *frame, uint32_t len,
	enum mirror_side side, const char *what)
{
	/* A copy of exactly that size: who reads behind it is seen. */
	uint8_t *copy = malloc(len);
	enum mirror_side told;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	memcpy(copy, frame, len);
	told = mirror_tell(mirror, copy, len);
	if (told != side)
		fprintf(stderr, "# %s: told %d, not %d\n", what, told, side);
	CU_ASSERT_EQUAL(told, side);
	CU_ASSERT_EQUAL(mirror_tell(mirror, copy, len - 1), MIRROR_UNKNOWN);
	free(copy);
}

struct row {
	const char *source, *destination;
	enum mirror_side side;
};

#define IN_HOST   "198.51.100.10"
#define OUT_HOST  "203.0.113.9"
#define IN_HOST6  "2001:db8:1::10"
#define OUT_HOST6 "2001:db8:2::9"

static void source_and_destination_of_ip_tell_the_side(void)
{
	static const struct row rows[] = {
		{IN_HOST, OUT_HOST, MIRROR_INSIDE},
		{OUT_HOST, IN_HOST, MIRROR_OUTSIDE},
		{"198.51.100.255", OUT_HOST, MIRROR_INSIDE},
		{"198.51.101.0", IN_HOST, MIRROR_OUTSIDE},
		{"192.0.2.7", "192.0.2.8", MIRROR_INSIDE},
		{"192.0.2.8", "192.0.2.7", MIRROR_OUTSIDE},
		{IN_HOST6, OUT_HOST6, MIRROR_INSIDE},
		{OUT_HOST6, IN_HOST6, MIRROR_OUTSIDE},
		{"2001:db8:1:ffff::1", "2001:db8:0:ffff::1", MIRROR_INSIDE},
	};
	struct mirror *mirror = by_our_prefixes();
	uint8_t frame[FRAME_MAX];

	for (size_t i = 0; i < UNIT_COUNT(rows); i++)
		for (unsigned int tags = 0; tags <= 2; tags++)
			expect(mirror, frame,
				make_ip(frame, tags, rows[i].source, rows[i].destination),
				rows[i].side, rows[i].source);
	mirror_destroy(mirror);
}

/* What packets between two addresses tell by our prefixes. */
static void expect_rows(const struct row *rows, size_t n)
{
	struct mirror *mirror = by_our_prefixes();
	uint8_t frame[FRAME_MAX];

	for (size_t i = 0; i < n; i++)
		expect(mirror, frame, make_ip(frame, 0, rows[i].source, rows[i].destination),
			rows[i].side, rows[i].source);
	mirror_destroy(mirror);
}

static void two_hosts_of_one_side_tell_nothing(void)
{
	static const struct row rows[] = {
		{IN_HOST, "198.51.100.11", MIRROR_UNKNOWN},
		{IN_HOST, IN_HOST, MIRROR_UNKNOWN},
		{OUT_HOST, "203.0.113.10", MIRROR_UNKNOWN},
		{IN_HOST6, "2001:db8:1::11", MIRROR_UNKNOWN},
		{OUT_HOST6, "2001:db8:3::1", MIRROR_UNKNOWN},
	};

	expect_rows(rows, UNIT_COUNT(rows));
}

static void to_a_group_the_source_alone_tells(void)
{
	static const struct row rows[] = {
		{IN_HOST, "224.0.0.1", MIRROR_INSIDE},
		{OUT_HOST, "239.1.2.3", MIRROR_OUTSIDE},
		{IN_HOST, "255.255.255.255", MIRROR_INSIDE},
		{OUT_HOST, "255.255.255.255", MIRROR_OUTSIDE},
		{IN_HOST, "169.254.1.1", MIRROR_INSIDE},
		{IN_HOST6, "ff02::1", MIRROR_INSIDE},
		{OUT_HOST6, "ff02::1:ff00:10", MIRROR_OUTSIDE},
		{IN_HOST6, "fe80::1", MIRROR_INSIDE},
		{OUT_HOST6, "fe80::1", MIRROR_OUTSIDE},
	};

	expect_rows(rows, UNIT_COUNT(rows));
}

static void addresses_of_both_sides_tell_nothing_unless_they_are_listed(void)
{
	static const struct row rows[] = {
		{"0.0.0.0", "255.255.255.255", MIRROR_UNKNOWN},
		{"0.0.0.0", IN_HOST, MIRROR_UNKNOWN},
		{"169.254.1.1", IN_HOST, MIRROR_UNKNOWN},
		{"169.254.7.1", OUT_HOST, MIRROR_INSIDE},
		{"::", "ff02::1:ff00:10", MIRROR_UNKNOWN},
		{"fe80::1", "ff02::1", MIRROR_UNKNOWN},
		{"febf::1", IN_HOST6, MIRROR_UNKNOWN},
		{"fec0::1", IN_HOST6, MIRROR_OUTSIDE},
		{"fe80::1", "fe80::2", MIRROR_UNKNOWN},
		{"fe80::7", "ff02::1", MIRROR_INSIDE},
		{OUT_HOST6, "fe80::7", MIRROR_OUTSIDE},
	};

	expect_rows(rows, UNIT_COUNT(rows));
}

static void sender_and_target_of_arp_tell_the_side(void)
{
	static const struct row rows[] = {
		{IN_HOST, OUT_HOST, MIRROR_INSIDE}, {OUT_HOST, IN_HOST, MIRROR_OUTSIDE},
		{IN_HOST, IN_HOST, MIRROR_INSIDE}, /* announcements */
		{OUT_HOST, OUT_HOST, MIRROR_OUTSIDE}, {IN_HOST, "198.51.100.1", MIRROR_UNKNOWN},
		{OUT_HOST, "203.0.113.1", MIRROR_UNKNOWN},
		{"0.0.0.0", IN_HOST, MIRROR_UNKNOWN}, /* a probe */
	};
	struct mirror *mirror = by_our_prefixes();
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	for (size_t i = 0; i < UNIT_COUNT(rows); i++)
		for (unsigned int tags = 0; tags <= 2; tags++)
			expect(mirror, frame,
				make_arp(frame, tags, rows[i].source, rows[i].destination),
				rows[i].side, rows[i].source);
	len = make_arp(frame, 0, IN_HOST, OUT_HOST);
	frame[14 + 5] = 16; /* addresses of another length lie elsewhere */
	CU_ASSERT_EQUAL(mirror_tell(mirror, frame, len), MIRROR_UNKNOWN);
	mirror_destroy(mirror);
}

static void other_protocols_tell_nothing_by_prefixes(void)
{
	static const uint16_t ethertypes[] = {0x0026, 0x88cc, 0x8847, 0x0801, 0x88a8, 0};
	struct mirror *mirror = by_our_prefixes();
	uint8_t frame[FRAME_MAX];

	for (size_t i = 0; i < UNIT_COUNT(ethertypes); i++) {
		make_ip(frame, 0, IN_HOST, OUT_HOST);
		add16(frame, 12, ethertypes[i]);
		CU_ASSERT_EQUAL(mirror_tell(mirror, frame, FRAME_MAX), MIRROR_UNKNOWN);
	}
	/* Behind three tags nobody looks, as the law does not. */
	CU_ASSERT_EQUAL(
		mirror_tell(mirror, frame, make_ip(frame, 3, IN_HOST, OUT_HOST)), MIRROR_UNKNOWN);
	mirror_destroy(mirror);
}

static void mac_addresses_tell_the_side_of_every_frame(void)
{
	static const struct {
		const char *source, *destination;
		enum mirror_side side;
	} rows[] = {
		{"02:00:00:00:00:0a", "02:00:00:00:00:0b", MIRROR_INSIDE},
		{"02:00:00:00:00:0b", "02:00:00:00:00:0a", MIRROR_OUTSIDE},
		{"02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", MIRROR_INSIDE},
		{"02:00:00:00:00:0b", "01:00:5e:00:00:01", MIRROR_OUTSIDE},
		{"02:00:00:00:00:0a", "02:00:00:00:00:01", MIRROR_UNKNOWN},
		{"02:00:00:00:00:0b", "02:00:00:00:00:0c", MIRROR_UNKNOWN},
		{"33:33:00:00:00:01", "02:00:00:00:00:0a", MIRROR_UNKNOWN},
		{"fe:00:00:00:00:00", "02:00:00:00:00:0b", MIRROR_INSIDE},
	};
	struct pps_mac macs[] = {
		{{0xfe, 0, 0, 0, 0, 0}}, {{2, 0, 0, 0, 0, 0x0a}}, {{2, 0, 0, 0, 0, 1}}};
	struct config_segment segment = {.inside_macs = macs, .n_inside_macs = UNIT_COUNT(macs)};
	struct mirror *mirror = mirror_create(&segment);
	struct pps_mac mac;
	uint8_t frame[14];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mirror);
	for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
		memset(frame, 0, sizeof(frame));
		CU_ASSERT_EQUAL(pps_mac_parse(rows[i].destination, &mac, NULL), 0);
		memcpy(frame, mac.bytes, 6);
		CU_ASSERT_EQUAL(pps_mac_parse(rows[i].source, &mac, NULL), 0);
		memcpy(frame + 6, mac.bytes, 6);
		expect(mirror, frame, sizeof(frame), rows[i].side, rows[i].source);
	}
	mirror_destroy(mirror);
}

static void no_frame_at_all_tells_nothing(void)
{
	struct mirror *mirror = by_our_prefixes();

	CU_ASSERT_EQUAL(mirror_tell(mirror, (const uint8_t *)"", 0), MIRROR_UNKNOWN);
	mirror_destroy(mirror);
	mirror_destroy(NULL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(source_and_destination_of_ip_tell_the_side),
	UNIT_TEST(two_hosts_of_one_side_tell_nothing),
	UNIT_TEST(to_a_group_the_source_alone_tells),
	UNIT_TEST(addresses_of_both_sides_tell_nothing_unless_they_are_listed),
	UNIT_TEST(sender_and_target_of_arp_tell_the_side),
	UNIT_TEST(other_protocols_tell_nothing_by_prefixes),
	UNIT_TEST(mac_addresses_tell_the_side_of_every_frame),
	UNIT_TEST(no_frame_at_all_tells_nothing),
};

int main(void)
{
	return unit_run("mirror", tests, UNIT_COUNT(tests));
}
