/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_priv.h"

#define QUOTE_L4_MIN 8 /* what RFC 792 promises: ports, or the id of a query */

/* Reads through the authentication header, if it is there whole: the flow is named by what is
 * behind it, and a rule is. 'size' bytes are in front of it. */
static uint32_t read_quoted_ah(
	const uint8_t *ip, uint32_t size, uint32_t n, struct pps_packet *quoted)
{
	const uint8_t *ah = ip + size;
	uint32_t more = quoted->later_fragment ? 0 : ah_size(ah, n - size);

	if (more == 0 || ah[0] == PPS_IP_AH)
		return size;
	quoted->protocol = ah[0];
	return size + more;
}

/* Bytes from the quoted IP header to what lies behind it, n of which may be read; 0: no use. */
static uint32_t read_quoted_ipv4(const uint8_t *ip, uint32_t n, struct pps_packet *quoted)
{
	uint32_t header_len;

	if (n < IPV4_HEADER_MIN || ip[0] >> 4 != 4)
		return 0;
	header_len = (ip[0] & 0x0f) * 4u;
	if (header_len < IPV4_HEADER_MIN || header_len > n)
		return 0;
	packet_read_ipv4(ip, quoted);
	return quoted->protocol == PPS_IP_AH ? read_quoted_ah(ip, header_len, n, quoted)
					     : header_len;
}

static uint32_t read_quoted_ipv6(const uint8_t *ip, uint32_t n, struct pps_packet *quoted)
{
	uint32_t offset = IPV6_HEADER;

	if (n < IPV6_HEADER || ip[0] >> 4 != 6)
		return 0;
	packet_read_ipv6(ip, quoted);
	if (packet_walk_extensions(ip, n, &offset, quoted) != PPS_REASON_NONE)
		return 0;
	return offset;
}

/* Is there enough of the transport header for a flow's key? */
static bool has_tuple(uint32_t n, const struct pps_packet *quoted)
{
	uint8_t query;

	if (has_ports(quoted->protocol))
		return n >= QUOTE_L4_MIN;
	if (quoted->protocol != PPS_IP_ICMP && quoted->protocol != PPS_IP_ICMPV6)
		return true;
	if (n < QUOTE_L4_MIN || (quoted->protocol == PPS_IP_ICMP) != (quoted->family == 4))
		return false;
	return pps_icmp_is_query(quoted->family, quoted->icmp_type, &query) ||
		pps_icmp_is_reply(quoted->family, quoted->icmp_type, &query);
}

bool pps_packet_parse_quote(const uint8_t *data, uint32_t head_len, const struct pps_packet *error,
	struct pps_packet *quoted)
{
	uint32_t start = error->l4_offset + ICMP_HEADER;
	uint32_t end =
		smaller(smaller(head_len, PPS_PACKET_HEADER_MAX), error->l4_offset + error->l4_len);
	const uint8_t *ip;
	uint32_t n, size;

	pps_packet_clear(quoted);
	if (end <= start)
		return false;
	ip = data + start;
	n = end - start;
	quoted->length = error->length;
	quoted->ethertype = error->ethertype;
	quoted->vlan = error->vlan;
	quoted->inner_vlan = error->inner_vlan;
	quoted->n_vlans = error->n_vlans;
	quoted->l3_offset = (uint16_t)start;
	size = error->family == 4 ? read_quoted_ipv4(ip, n, quoted)
				  : read_quoted_ipv6(ip, n, quoted);
	if (size == 0 || quoted->later_fragment)
		return false;
	quoted->l4_offset = (uint16_t)(start + size);
	quoted->l4_len = n - size;
	set_payload(quoted, 0);
	packet_read_l4(ip + size, n - size, quoted);
	return has_tuple(n - size, quoted);
}
