/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror.h"

#include <stdlib.h>
#include <string.h>

#include <pps_packet.h>
#include <pps_sources.h>

#define MAC_LENGTH   6
#define ETHER_HEADER 14
#define VLAN_TAG     4
#define IPV4_HEADER  20
#define IPV4_SOURCE  12
#define IPV6_HEADER  40
#define IPV6_SOURCE  8
#define ARP_LENGTH   28
#define ARP_SENDER   14
#define ARP_TARGET   24

/* What one address says of the host that has it. */
enum place { INSIDE, OUTSIDE, NOWHERE };

struct mirror {
	struct pps_source_set *prefixes; /* NULL: by MAC address */
	struct pps_mac *macs; /* sorted */
	size_t n_macs;
};

/* ---- life ---- */

static int compare_macs(const void *a, const void *b)
{
	return memcmp(a, b, MAC_LENGTH);
}

static struct pps_source_set *build_set(const struct config_segment *segment)
{
	size_t n = segment->n_inside_prefixes;
	struct pps_prefix *items = pps_alloc(n * sizeof(items[0]));
	struct pps_source_set *set;

	memcpy(items, segment->inside_prefixes, n * sizeof(items[0]));
	set = pps_source_set_build(items, pps_prefixes_fold(items, n), false);
	free(items);
	return set;
}

struct mirror *mirror_create(const struct config_segment *segment)
{
	struct mirror *mirror = pps_alloc(sizeof(*mirror));

	if (segment->n_inside_macs > 0) {
		mirror->n_macs = segment->n_inside_macs;
		mirror->macs = pps_alloc(mirror->n_macs * sizeof(mirror->macs[0]));
		memcpy(mirror->macs, segment->inside_macs,
			mirror->n_macs * sizeof(mirror->macs[0]));
		qsort(mirror->macs, mirror->n_macs, sizeof(mirror->macs[0]), compare_macs);
		return mirror;
	}
	mirror->prefixes = build_set(segment);
	if (mirror->prefixes != NULL)
		return mirror;
	free(mirror);
	return NULL;
}

void mirror_destroy(struct mirror *mirror)
{
	if (mirror == NULL)
		return;
	pps_source_set_destroy(mirror->prefixes);
	free(mirror->macs);
	free(mirror);
}

/* ---- telling ---- */

static enum mirror_side decide(enum place source, enum place destination)
{
	if (source == NOWHERE || source == destination)
		return MIRROR_UNKNOWN;
	return source == INSIDE ? MIRROR_INSIDE : MIRROR_OUTSIDE;
}

static uint16_t load16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static enum place place_of_mac(const struct mirror *mirror, const uint8_t *mac)
{
	if (bsearch(mac, mirror->macs, mirror->n_macs, sizeof(mirror->macs[0]), compare_macs) !=
		NULL)
		return INSIDE;
	return mac[0] & 1 ? NOWHERE : OUTSIDE;
}

static bool is_zero(const uint8_t *addr, unsigned int n)
{
	static const uint8_t zero[16];

	return memcmp(addr, zero, n) == 0;
}

/* Unspecified or link-local: on both sides there may be such hosts. */
static bool is_anybody(uint8_t family, const uint8_t *addr)
{
	if (family == 4)
		return is_zero(addr, 4) || (addr[0] == 169 && addr[1] == 254);
	return is_zero(addr, 16) || (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80);
}

/* Multicast, and all of IPv4's last block with it: its one address that is used is broadcast. */
static bool is_group(uint8_t family, const uint8_t *addr)
{
	return family == 4 ? addr[0] >= 224 : addr[0] == 0xff;
}

static enum mirror_side tell_by_addresses(const struct mirror *mirror, uint8_t family,
	const uint8_t *source, const uint8_t *destination)
{
	enum place from = OUTSIDE, to = OUTSIDE;

	if (pps_source_set_holds(mirror->prefixes, family, source))
		from = INSIDE;
	else if (is_anybody(family, source))
		from = NOWHERE;
	if (pps_source_set_holds(mirror->prefixes, family, destination))
		to = INSIDE;
	else if (is_anybody(family, destination) || is_group(family, destination))
		to = NOWHERE;
	return decide(from, to);
}

static enum mirror_side tell_arp(const struct mirror *mirror, const uint8_t *arp)
{
	static const uint8_t ethernet_ipv4[] = {0x00, 0x01, 0x08, 0x00, 6, 4};
	static const uint8_t nobody[4];
	const uint8_t *sender = arp + ARP_SENDER, *target = arp + ARP_TARGET;

	if (memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0)
		return MIRROR_UNKNOWN;
	if (memcmp(sender, target, 4) == 0)
		target = nobody;
	return tell_by_addresses(mirror, 4, sender, target);
}

static bool is_tag(uint16_t ethertype)
{
	return ethertype == PPS_ETHERTYPE_VLAN || ethertype == PPS_ETHERTYPE_QINQ ||
		ethertype == PPS_ETHERTYPE_QINQ_OLD;
}

enum mirror_side mirror_tell(const struct mirror *mirror, const uint8_t *data, uint32_t len)
{
	uint16_t ethertype;
	uint32_t at = ETHER_HEADER;

	if (len < ETHER_HEADER)
		return MIRROR_UNKNOWN;
	if (mirror->prefixes == NULL)
		return decide(place_of_mac(mirror, data + MAC_LENGTH), place_of_mac(mirror, data));
	ethertype = load16(data + 2 * MAC_LENGTH);
	for (unsigned int i = 0; i < PPS_VLAN_TAGS_MAX && is_tag(ethertype); i++) {
		if (len - at < VLAN_TAG)
			return MIRROR_UNKNOWN;
		ethertype = load16(data + at + 2);
		at += VLAN_TAG;
	}
	data += at;
	len -= at;
	if (ethertype == PPS_ETHERTYPE_IPV4 && len >= IPV4_HEADER)
		return tell_by_addresses(mirror, 4, data + IPV4_SOURCE, data + IPV4_SOURCE + 4);
	if (ethertype == PPS_ETHERTYPE_IPV6 && len >= IPV6_HEADER)
		return tell_by_addresses(mirror, 6, data + IPV6_SOURCE, data + IPV6_SOURCE + 16);
	if (ethertype == PPS_ETHERTYPE_ARP && len >= ARP_LENGTH)
		return tell_arp(mirror, data);
	return MIRROR_UNKNOWN;
}
