/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_priv.h"

#define ETHER_HEADER      14
#define ETHER_TYPE_OFFSET 12
#define VLAN_TAG          4
#define VLAN_ID_MASK      0x0fff
#define VLAN_ID_RESERVED  0x0fff
#define LENGTH_MAX        1500 /* of an 802.3 length frame; up to 0x5ff is neither */
#define LLC_HEADER        3
#define SNAP_HEADER       8
#define LLC_SAP_IP        0x06
#define ARP_LENGTH        28
#define ARP_SENDER_MAC    8

static bool is_tag(uint16_t ethertype)
{
	return ethertype == PPS_ETHERTYPE_VLAN || ethertype == PPS_ETHERTYPE_QINQ ||
		ethertype == PPS_ETHERTYPE_QINQ_OLD;
}

/* Walks the tags, and sets l3_offset and ethertype to what is behind them. */
static enum pps_reason parse_tags(const uint8_t *data, uint32_t head_len, struct pps_packet *packet)
{
	while (is_tag(packet->ethertype)) {
		const uint8_t *tag = data + packet->l3_offset;
		uint16_t id;

		if (packet->n_vlans == PPS_VLAN_TAGS_MAX)
			return PPS_REASON_VLAN_DEPTH;
		if (head_len - packet->l3_offset < VLAN_TAG)
			return PPS_REASON_LINK_RUNT;
		id = pps_load16(tag) & VLAN_ID_MASK;
		if (id == VLAN_ID_RESERVED)
			return PPS_REASON_VLAN_RESERVED;
		if (packet->n_vlans++ == 0)
			packet->vlan = id;
		else
			packet->inner_vlan = id;
		packet->ethertype = pps_load16(tag + 2);
		packet->l3_offset += VLAN_TAG;
	}
	return PPS_REASON_NONE;
}

/*
 * Does the LLC header say that an Ethernet protocol follows? Hosts that accept such frames would
 * hear IP that no rule was asked about. The question is put to the bytes of the frame and not to
 * those the length field admits, because such hosts may not look at that field either.
 */
static bool hides_ethernet(const uint8_t *llc, uint32_t n)
{
	static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0x00, 0x00};
	uint16_t ethertype;

	if (llc[0] == LLC_SAP_IP || llc[1] == LLC_SAP_IP)
		return true;
	if (n < SNAP_HEADER || memcmp(llc, snap, sizeof(snap)) != 0)
		return false;
	if (llc[5] != 0x00 && llc[5] != 0xf8)
		return false;
	ethertype = pps_load16(llc + 6);
	return ethertype == PPS_ETHERTYPE_IPV4 || ethertype == PPS_ETHERTYPE_IPV6 ||
		ethertype == PPS_ETHERTYPE_ARP || is_tag(ethertype);
}

static enum pps_reason parse_length_frame(
	const uint8_t *data, uint32_t head_len, const struct pps_packet *packet)
{
	uint32_t n = head_len - packet->l3_offset;
	uint16_t length = packet->ethertype;

	if (length < LLC_HEADER || length > LENGTH_MAX || n < LLC_HEADER ||
		length > packet->length - packet->l3_offset)
		return PPS_REASON_LENGTH_FRAME_MALFORMED;
	return hides_ethernet(data + packet->l3_offset, n) ? PPS_REASON_SNAP_DENIED
							   : PPS_REASON_NONE;
}

static enum pps_reason parse_arp(const uint8_t *data, uint32_t head_len, struct pps_packet *packet)
{
	/* Ethernet, IPv4, 6 and 4 bytes of address, and the first byte of the operation */
	static const uint8_t fixed[] = {0x00, 0x01, 0x08, 0x00, 6, 4, 0x00};
	const uint8_t *arp = data + packet->l3_offset;

	packet->kind = PPS_PACKET_ARP;
	if (head_len - packet->l3_offset < ARP_LENGTH || memcmp(arp, fixed, sizeof(fixed)) != 0)
		return PPS_REASON_ARP_MALFORMED;
	if (arp[sizeof(fixed)] != 1 && arp[sizeof(fixed)] != 2)
		return PPS_REASON_ARP_MALFORMED;
	if ((arp[ARP_SENDER_MAC] & 0x01) != 0)
		return PPS_REASON_ARP_MALFORMED;
	return PPS_REASON_NONE;
}

/* Everything but untagged IP, which pps_packet_parse() tries first. */
static enum pps_reason parse_other(
	const uint8_t *data, uint32_t head_len, struct pps_packet *packet)
{
	enum pps_reason reason = parse_tags(data, head_len, packet);

	if (reason != PPS_REASON_NONE)
		return reason;
	switch (packet->ethertype) {
	case PPS_ETHERTYPE_IPV4:
		return packet_parse_ipv4(data, head_len, packet);
	case PPS_ETHERTYPE_IPV6:
		return packet_parse_ipv6(data, head_len, packet);
	case PPS_ETHERTYPE_ARP:
		return parse_arp(data, head_len, packet);
	default:
		break;
	}
	if (packet->ethertype < PPS_ETHERTYPE_MIN)
		return parse_length_frame(data, head_len, packet);
	return PPS_REASON_NONE;
}

enum pps_reason pps_packet_parse(
	const uint8_t *data, uint32_t head_len, uint32_t frame_len, struct pps_packet *packet)
{
	pps_packet_clear(packet);
	packet->length = frame_len;
	/* The verdict must not depend on how much of the frame happens to be contiguous. */
	head_len = smaller(head_len, PPS_PACKET_HEADER_MAX);
	if (unlikely(head_len < ETHER_HEADER))
		return PPS_REASON_LINK_RUNT;
	packet->ethertype = pps_load16(data + ETHER_TYPE_OFFSET);
	packet->l3_offset = ETHER_HEADER;
	if (likely(packet->ethertype == PPS_ETHERTYPE_IPV4))
		return packet_parse_ipv4(data, head_len, packet);
	if (likely(packet->ethertype == PPS_ETHERTYPE_IPV6))
		return packet_parse_ipv6(data, head_len, packet);
	return parse_other(data, head_len, packet);
}
