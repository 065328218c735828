/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_priv.h"

#define ND_HOP_LIMIT  255
#define ND_TARGET     8
#define ND_OPTION_MIN 2
#define MLD_HOP_LIMIT 1
#define ND_SOURCE_MAC 1 /* option: source link-layer address */
#define ND_SOLICITED  0x40 /* first byte of an advertisement's flags */
#define MLD_LENGTH    24 /* of MLDv1, queries and reports */
#define MLD_ADDRESS   8
#define MLD2_QUERY    28
#define MLD2_REPORT   8
#define MLD2_RECORD   20
#define ADDRESS6      16

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMP_REPLY = 14,
	ICMP_INFORMATION = 15,
	ICMP_INFORMATION_REPLY = 16,
	ICMP_MASK = 17,
	ICMP_MASK_REPLY = 18,
	ICMP_EXTENDED_ECHO = 42, /* RFC 8335 */
	ICMP_EXTENDED_ECHO_REPLY = 43,
};

enum icmp6_type {
	ICMP6_UNREACHABLE = 1,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_MLD_QUERY = 130,
	ICMP6_MLD_REPORT = 131,
	ICMP6_MLD_DONE = 132,
	ICMP6_ROUTER_SOLICITATION = 133,
	ICMP6_ROUTER_ADVERTISEMENT = 134,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_REDIRECT = 137,
	ICMP6_NODE_QUERY = 139,
	ICMP6_NODE_REPLY = 140,
	ICMP6_MLD2_REPORT = 143,
	ICMP6_EXTENDED_ECHO = 160,
	ICMP6_EXTENDED_ECHO_REPLY = 161,
};

bool pps_icmp_is_query(uint8_t family, uint8_t type, uint8_t *ret_query)
{
	bool found;

	if (family == 4)
		found = type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFORMATION ||
			type == ICMP_MASK || type == ICMP_EXTENDED_ECHO;
	else
		found = type == ICMP6_ECHO || type == ICMP6_NODE_QUERY ||
			type == ICMP6_EXTENDED_ECHO;
	if (found)
		*ret_query = type;
	return found;
}

bool pps_icmp_is_reply(uint8_t family, uint8_t type, uint8_t *ret_query)
{
	bool found;

	if (family == 4 && type == ICMP_ECHO_REPLY) {
		*ret_query = ICMP_ECHO;
		return true;
	}
	if (family == 4)
		found = type == ICMP_TIMESTAMP_REPLY || type == ICMP_INFORMATION_REPLY ||
			type == ICMP_MASK_REPLY || type == ICMP_EXTENDED_ECHO_REPLY;
	else
		found = type == ICMP6_ECHO_REPLY || type == ICMP6_NODE_REPLY ||
			type == ICMP6_EXTENDED_ECHO_REPLY;
	/* But for the oldest pair, the reply's number follows the query's. */
	if (found)
		*ret_query = (uint8_t)(type - 1);
	return found;
}

static enum pps_reason parse_query(const uint8_t *l4, struct pps_packet *packet)
{
	uint8_t query;

	if (!pps_icmp_is_query(packet->family, packet->icmp_type, &query) &&
		!pps_icmp_is_reply(packet->family, packet->icmp_type, &query))
		return PPS_REASON_ICMP_TYPE;
	packet->icmp_id = pps_copy16(l4 + 4);
	return PPS_REASON_NONE;
}

enum pps_reason packet_parse_icmp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	if (packet->family != 4)
		return PPS_REASON_ICMP_TYPE;
	if (n < ICMP_HEADER)
		return PPS_REASON_L4_TRUNCATED;
	packet->icmp_type = l4[0];
	packet->icmp_code = l4[1];
	set_payload(packet, ICMP_HEADER);
	switch (packet->icmp_type) {
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER:
		packet->kind = PPS_PACKET_ICMP_ERROR;
		return PPS_REASON_NONE;
	case ICMP_REDIRECT:
		return PPS_REASON_ICMP_REDIRECT;
	default:
		return parse_query(l4, packet);
	}
}

static bool is_unspecified(const uint8_t *addr)
{
	return (pps_copy64(addr) | pps_copy64(addr + 8)) == 0;
}

static bool is_link_local(const uint8_t *addr)
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

/* The multicast address to which a host is solicited (RFC 4291 section 2.7.1). */
static bool is_solicited_node(const uint8_t *addr)
{
	static const uint8_t prefix[13] = {0xff, 0x02, [11] = 0x01, [12] = 0xff};

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

/* Options of neighbour discovery: each says its length in units of eight bytes. *ret_mac is set
 * when one is a source link-layer address. */
static bool nd_options_fit(const uint8_t *option, uint32_t n, bool *ret_mac)
{
	*ret_mac = false;
	while (n > 0) {
		uint32_t size;

		if (n < ND_OPTION_MIN)
			return false;
		size = option[1] * 8u;
		if (size == 0 || size > n)
			return false;
		*ret_mac |= option[0] == ND_SOURCE_MAC;
		option += size;
		n -= size;
	}
	return true;
}

/* Is it from an address, and to one, from and to which such a message goes (RFC 4861 sections 6.1
 * and 7.1)? 'has_mac': it has the source link-layer address option. */
static bool nd_addresses_fit(const uint8_t *l4, bool has_mac, const struct pps_packet *packet)
{
	bool unspecified = is_unspecified(packet->src);

	switch (packet->icmp_type) {
	case ICMP6_ROUTER_SOLICITATION:
		return !unspecified || !has_mac;
	case ICMP6_ROUTER_ADVERTISEMENT:
		return is_link_local(packet->src);
	case ICMP6_NEIGHBOUR_SOLICITATION:
		return l4[ND_TARGET] != 0xff &&
			(!unspecified || (!has_mac && is_solicited_node(packet->dst)));
	default:
		return l4[ND_TARGET] != 0xff && !unspecified &&
			(packet->dst[0] != 0xff || (l4[4] & ND_SOLICITED) == 0);
	}
}

/* 'fixed' bytes come before the options. A message that cannot be read whole is no neighbour's. */
static enum pps_reason parse_nd(
	const uint8_t *l4, uint32_t n, uint32_t fixed, struct pps_packet *packet)
{
	bool has_mac;

	packet->kind = PPS_PACKET_ND;
	if (packet->hop_limit != ND_HOP_LIMIT || packet->icmp_code != 0)
		return PPS_REASON_ND_MALFORMED;
	if (n < fixed || n != packet->l4_len)
		return PPS_REASON_ND_MALFORMED;
	if (!nd_options_fit(l4 + fixed, n - fixed, &has_mac) ||
		!nd_addresses_fit(l4, has_mac, packet))
		return PPS_REASON_ND_MALFORMED;
	return PPS_REASON_NONE;
}

/* Does the packet at 'ip' have the router alert option for MLD (RFC 2711) in a hop-by-hop header?
 * The header was walked already: it is there. */
static bool has_router_alert(const uint8_t *ip, const struct pps_packet *packet)
{
	static const uint8_t alert[4] = {5, 2, 0, 0};
	const uint8_t *option = ip + IPV6_HEADER + 2;
	uint32_t n;

	if (packet->next_header != PPS_IP_HOPOPTS)
		return false;
	n = (ip[IPV6_HEADER + 1] + 1u) * 8 - 2;
	while (n >= sizeof(alert)) {
		uint32_t size = option[0] == 0 ? 1 : option[1] + 2u;

		if (memcmp(option, alert, sizeof(alert)) == 0)
			return true;
		if (size > n)
			return false;
		option += size;
		n -= size;
	}
	return false;
}

/* The records of an MLDv2 report: how many, and the length of each, are told (RFC 3810 5.2). */
static bool mld_records_fit(const uint8_t *l4, uint32_t n)
{
	uint32_t count = pps_load16(l4 + 6), offset = MLD2_REPORT;

	for (; count > 0; count--) {
		if (n - offset < MLD2_RECORD || l4[offset + 4] != 0xff)
			return false;
		offset +=
			MLD2_RECORD + pps_load16(l4 + offset + 2) * ADDRESS6 + l4[offset + 1] * 4u;
		if (offset > n)
			return false;
	}
	return true;
}

/* A query is of version 1 or 2 by its length alone (RFC 3810 section 8.1). */
static bool mld_query_fits(const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	if (!is_link_local(packet->src) || n < MLD_LENGTH)
		return false;
	if (l4[MLD_ADDRESS] != 0xff && !is_unspecified(l4 + MLD_ADDRESS))
		return false;
	return n == MLD_LENGTH ||
		(n >= MLD2_QUERY && pps_load16(l4 + 26) * ADDRESS6 <= n - MLD2_QUERY);
}

static bool mld_fits(const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	switch (packet->icmp_type) {
	case ICMP6_MLD_QUERY:
		return mld_query_fits(l4, n, packet);
	case ICMP6_MLD2_REPORT:
		return n >= MLD2_REPORT && mld_records_fit(l4, n);
	default:
		return n >= MLD_LENGTH && l4[MLD_ADDRESS] == 0xff;
	}
}

/* Who has no address yet may report (RFC 3590, RFC 3810 section 5.2.13). */
static enum pps_reason parse_mld(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	const uint8_t *ip = l4 - (packet->l4_offset - packet->l3_offset);

	packet->kind = PPS_PACKET_ND;
	if (packet->hop_limit != MLD_HOP_LIMIT || n != packet->l4_len)
		return PPS_REASON_ND_MALFORMED;
	if (!is_link_local(packet->src) && !is_unspecified(packet->src))
		return PPS_REASON_ND_MALFORMED;
	if (!has_router_alert(ip, packet) || !mld_fits(l4, n, packet))
		return PPS_REASON_ND_MALFORMED;
	return PPS_REASON_NONE;
}

enum pps_reason packet_parse_icmp6(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	if (packet->family != 6)
		return PPS_REASON_ICMP_TYPE;
	if (n < ICMP_HEADER)
		return PPS_REASON_L4_TRUNCATED;
	packet->icmp_type = l4[0];
	packet->icmp_code = l4[1];
	set_payload(packet, ICMP_HEADER);
	switch (packet->icmp_type) {
	case ICMP6_MLD_QUERY:
	case ICMP6_MLD_REPORT:
	case ICMP6_MLD_DONE:
	case ICMP6_MLD2_REPORT:
		return parse_mld(l4, n, packet);
	case ICMP6_ROUTER_SOLICITATION:
		return parse_nd(l4, n, 8, packet);
	case ICMP6_ROUTER_ADVERTISEMENT:
		return parse_nd(l4, n, 16, packet);
	case ICMP6_NEIGHBOUR_SOLICITATION:
	case ICMP6_NEIGHBOUR_ADVERTISEMENT:
		return parse_nd(l4, n, 24, packet);
	case ICMP6_REDIRECT:
		return PPS_REASON_ICMP_REDIRECT;
	default:
		break;
	}
	if (packet->icmp_type >= ICMP6_UNREACHABLE && packet->icmp_type <= ICMP6_PARAMETER) {
		packet->kind = PPS_PACKET_ICMP_ERROR;
		return PPS_REASON_NONE;
	}
	return parse_query(l4, packet);
}
