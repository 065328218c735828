/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_priv.h"

#define ND_HOP_LIMIT  255
#define ND_TARGET     8
#define ND_OPTION_MIN 2
#define MLD_HOP_LIMIT 1
#define MLD_MIN       24
#define MLD2_MIN      8

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
};

bool pps_icmp_is_query(uint8_t family, uint8_t type, uint8_t *ret_query)
{
	bool found;

	if (family == 4)
		found = type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFORMATION ||
			type == ICMP_MASK;
	else
		found = type == ICMP6_ECHO || type == ICMP6_NODE_QUERY;
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
			type == ICMP_MASK_REPLY;
	else
		found = type == ICMP6_ECHO_REPLY || type == ICMP6_NODE_REPLY;
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
	packet->icmp_id = copy16(l4 + 4);
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

/* Options of neighbour discovery: each says its length in units of eight bytes. */
static bool nd_options_fit(const uint8_t *option, uint32_t n)
{
	while (n > 0) {
		uint32_t size;

		if (n < ND_OPTION_MIN)
			return false;
		size = option[1] * 8u;
		if (size == 0 || size > n)
			return false;
		option += size;
		n -= size;
	}
	return true;
}

/* 'fixed' bytes come before the options. A message that cannot be read whole is no neighbour's. */
static enum pps_reason parse_nd(
	const uint8_t *l4, uint32_t n, uint32_t fixed, struct pps_packet *packet)
{
	bool has_target = packet->icmp_type == ICMP6_NEIGHBOUR_SOLICITATION ||
		packet->icmp_type == ICMP6_NEIGHBOUR_ADVERTISEMENT;

	packet->kind = PPS_PACKET_ND;
	if (packet->hop_limit != ND_HOP_LIMIT || packet->icmp_code != 0)
		return PPS_REASON_ND_MALFORMED;
	if (n < fixed || n != packet->l4_len)
		return PPS_REASON_ND_MALFORMED;
	if (has_target && l4[ND_TARGET] == 0xff)
		return PPS_REASON_ND_MALFORMED;
	return nd_options_fit(l4 + fixed, n - fixed) ? PPS_REASON_NONE : PPS_REASON_ND_MALFORMED;
}

static bool is_link_local_or_unspecified(const uint8_t *addr)
{
	if (addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80)
		return true;
	return (copy64(addr) | copy64(addr + 8)) == 0;
}

static enum pps_reason parse_mld(uint32_t n, uint32_t fixed, struct pps_packet *packet)
{
	packet->kind = PPS_PACKET_ND;
	if (packet->hop_limit != MLD_HOP_LIMIT || !is_link_local_or_unspecified(packet->src))
		return PPS_REASON_ND_MALFORMED;
	return n < fixed ? PPS_REASON_ND_MALFORMED : PPS_REASON_NONE;
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
		return parse_mld(n, MLD_MIN, packet);
	case ICMP6_MLD2_REPORT:
		return parse_mld(n, MLD2_MIN, packet);
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
