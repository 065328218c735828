/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_priv.h"

#define IPV4_PLAIN          0x45 /* version 4, 20 bytes */
#define IPV4_SOURCE         12
#define IPV4_DESTINATION    16
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK    0x1fff
#define IPV4_OPTION_END     0
#define IPV4_OPTION_NOP     1
#define IPV4_OPTION_LSRR    131
#define IPV4_OPTION_SSRR    137

#define IPV6_SOURCE       8
#define IPV6_DESTINATION  24
#define IPV6_OFFSET_MASK  0xfff8
#define EXTENSION_MIN     8
#define ROUTING_TYPE_LSRR 0

#define IP_LENGTH_MAX  65535
#define TCP_HEADER_MIN 20

#define PORT_BFD_ECHO    3785
#define PORT_DHCP_SERVER 67
#define PORT_DHCP_CLIENT 68

/* What one fragment says of itself that cannot be, whatever the others say. */
static cold enum pps_reason judge_fragment(const struct pps_packet *packet)
{
	uint32_t end = packet->fragment_offset + (uint32_t)packet->fragment_len;
	uint32_t unfragmentable = packet->fragment_start - packet->l3_offset;

	/* The whole packet has the headers in front of the fragment header, not that itself; and an
	 * IPv6 payload length does not count the fixed header. */
	if (packet->family == 6)
		unfragmentable -= IPV6_HEADER + EXTENSION_MIN;
	if (packet->fragment_len == 0)
		return PPS_REASON_FRAGMENT_EMPTY;
	if (packet->more_fragments && packet->fragment_len % 8 != 0)
		return PPS_REASON_FRAGMENT_LENGTH;
	if (unfragmentable + end > IP_LENGTH_MAX)
		return PPS_REASON_FRAGMENT_TOO_LONG;
	if (packet->family == 4 && packet->protocol == PPS_IP_TCP && packet->later_fragment &&
		packet->fragment_offset < TCP_HEADER_MIN)
		return PPS_REASON_FRAGMENT_TINY;
	return PPS_REASON_NONE;
}

/*
 * The transport header of a first fragment is judged like that of a whole packet, but that its
 * length fields speak of the whole and that it must be there to its end.
 */
static cold enum pps_reason enter_first(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint32_t len = packet->l4_len, start = packet->l4_offset;
	enum pps_reason reason;
	uint32_t header_len;

	packet->l4_len = IP_LENGTH_MAX;
	set_payload(packet, 0);
	reason = packet_parse_l4(l4, n, packet);
	if (packet->l4_offset > start) /* IPv4, and the transport header is behind an AH */
		len -= packet->l4_offset - start;
	packet->l4_len = len;
	if (packet->l4_offset == 0) { /* IPv6, and nothing behind its headers */
		packet->payload_len = len;
		return reason;
	}
	header_len = (uint32_t)packet->payload_offset - packet->l4_offset;
	if (reason == PPS_REASON_L4_TRUNCATED || header_len > len) {
		set_payload(packet, 0);
		return PPS_REASON_FRAGMENT_TINY;
	}
	set_payload(packet, header_len);
	if (packet->kind == PPS_PACKET_ND)
		return PPS_REASON_FRAGMENT_ND;
	return packet->kind == PPS_PACKET_ICMP_ERROR ? PPS_REASON_FRAGMENT_ICMP_ERROR : reason;
}

/* What lies behind the IP headers of a fragment. */
static cold enum pps_reason enter_fragment(
	const uint8_t *l4, uint32_t n, uint32_t end, struct pps_packet *packet)
{
	enum pps_reason reason;

	set_payload(packet, 0);
	packet->fragment_len = (uint16_t)(packet->l3_offset + end - packet->fragment_start);
	packet->tunnel = packet_protocol_tunnel(packet->protocol);
	if (packet->later_fragment)
		packet->l4_offset = 0;
	reason = judge_fragment(packet);
	if (packet->later_fragment || reason != PPS_REASON_NONE)
		return reason;
	return enter_first(l4, n, packet);
}

/* What lies behind the IP headers: 'start', 'end' and n (what may be read, n <= end) count from
 * the first of them. */
static hot enum pps_reason enter_l4(
	const uint8_t *ip, uint32_t start, uint32_t end, uint32_t n, struct pps_packet *packet)
{
	packet->l4_len = end - start;
	packet->l4_offset = (uint16_t)(packet->l3_offset + start);
	if (unlikely(packet->fragment))
		return enter_fragment(ip + start, n - start, end, packet);
	return packet_parse_l4(ip + start, n - start, packet);
}

/*
 * BFD in echo mode (RFC 5881) sends packets from an address to the same address, for the neighbour
 * to send back: the one protocol for which that is no attack.
 */
static cold bool is_bfd_echo(const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	return packet->protocol == PPS_IP_UDP && !packet->later_fragment && n >= 4 &&
		pps_load16(l4 + 2) == PORT_BFD_ECHO;
}

/* May a host that has no address yet send this? DHCP and IGMP need to. */
static cold bool may_lack_address4(const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	if (packet->protocol == PPS_IP_IGMP)
		return true;
	return packet->protocol == PPS_IP_UDP && !packet->later_fragment && n >= 4 &&
		pps_load16(l4) == PORT_DHCP_CLIENT && pps_load16(l4 + 2) == PORT_DHCP_SERVER;
}

/* Decides about addresses that look odd. 'l4' and n: what may be read behind the header. */
static cold enum pps_reason judge_addresses4(
	const uint8_t *ip, const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	uint8_t from = ip[IPV4_SOURCE];
	uint8_t to = ip[IPV4_DESTINATION];
	uint32_t source = pps_copy32(ip + IPV4_SOURCE);

	if (from == 0 || from == 127 || from >= 224) {
		if (source != 0 || !may_lack_address4(l4, n, packet))
			return PPS_REASON_MARTIAN_SOURCE;
	}
	if (to == 0 || to == 127)
		return PPS_REASON_MARTIAN_DESTINATION;
	if (source == pps_copy32(ip + IPV4_DESTINATION) && !is_bfd_echo(l4, n, packet))
		return PPS_REASON_LAND;
	return PPS_REASON_NONE;
}

static hot bool has_odd_addresses4(const uint8_t *ip)
{
	uint8_t from = ip[IPV4_SOURCE];
	uint8_t to = ip[IPV4_DESTINATION];

	return from == 0 || from == 127 || from >= 224 || to == 0 || to == 127 ||
		pps_copy32(ip + IPV4_SOURCE) == pps_copy32(ip + IPV4_DESTINATION);
}

/* Walks the options, 'n' bytes of them. */
static cold enum pps_reason check_options4(const uint8_t *option, uint32_t n)
{
	while (n > 0) {
		uint32_t size = 1;

		if (option[0] == IPV4_OPTION_END)
			break;
		if (option[0] == IPV4_OPTION_LSRR || option[0] == IPV4_OPTION_SSRR)
			return PPS_REASON_IP_SOURCE_ROUTE;
		if (option[0] != IPV4_OPTION_NOP) {
			if (n < 2 || option[1] < 2 || option[1] > n)
				return PPS_REASON_IP_OPTIONS;
			size = option[1];
		}
		option += size;
		n -= size;
	}
	return PPS_REASON_NONE;
}

/*
 * A correct header adds up to minus zero in ones' complement, which is to say to a multiple of
 * 65535 (never to 0: the version is in it). No folding of carries, and the compiler makes the test
 * for the remainder one multiplication.
 */
static hot bool checksum_is_right(const uint8_t *ip, uint32_t header_len)
{
	uint64_t sum = (uint64_t)pps_copy32(ip) + pps_copy32(ip + 4) + pps_copy32(ip + 8) +
		pps_copy32(ip + 12) + pps_copy32(ip + 16);

	for (uint32_t i = IPV4_HEADER_MIN; unlikely(i < header_len); i += 4)
		sum += pps_copy32(ip + i);
	return sum % 0xffff == 0;
}

static hot void read_ipv4(const uint8_t *ip, struct pps_packet *packet)
{
	uint16_t fragment = pps_load16(ip + 6);

	packet->family = 4;
	packet->kind = PPS_PACKET_IP;
	packet->hop_limit = ip[8];
	packet->protocol = ip[9];
	packet->next_header = ip[9];
	memcpy(packet->src, ip + IPV4_SOURCE, 4);
	memcpy(packet->dst, ip + IPV4_DESTINATION, 4);
	if (unlikely((fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK)) != 0)) {
		packet->fragment = true;
		packet->fragment_id = pps_load16(ip + 4);
		packet->fragment_offset = (uint16_t)((fragment & IPV4_OFFSET_MASK) * 8);
		packet->later_fragment = packet->fragment_offset != 0;
		packet->more_fragments = (fragment & IPV4_MORE_FRAGMENTS) != 0;
		packet->fragment_start = (uint16_t)(packet->l3_offset + (ip[0] & 0x0f) * 4u);
	}
}

void packet_read_ipv4(const uint8_t *ip, struct pps_packet *packet)
{
	read_ipv4(ip, packet);
}

/* Everything behind the question whether there is a header of 'header_len' bytes at all. */
static hot enum pps_reason parse_sized4(
	const uint8_t *ip, uint32_t header_len, uint32_t n, struct pps_packet *packet)
{
	uint32_t total = pps_load16(ip + 2);
	enum pps_reason reason;

	read_ipv4(ip, packet);
	if (unlikely(total < header_len || total > packet->length - packet->l3_offset))
		return PPS_REASON_IP_LENGTH;
	n = smaller(n, total);
	if (unlikely(!checksum_is_right(ip, header_len)))
		return PPS_REASON_IP_CHECKSUM;
	if (header_len > IPV4_HEADER_MIN) {
		reason = check_options4(ip + IPV4_HEADER_MIN, header_len - IPV4_HEADER_MIN);
		if (reason != PPS_REASON_NONE)
			return reason;
	}
	if (unlikely(packet->hop_limit == 0))
		return PPS_REASON_IP_TTL;
	if (unlikely(has_odd_addresses4(ip))) {
		reason = judge_addresses4(ip, ip + header_len, n - header_len, packet);
		if (reason != PPS_REASON_NONE)
			return reason;
	}
	return enter_l4(ip, header_len, total, n, packet);
}

/* Another version, or a header of other than 20 bytes. */
static cold enum pps_reason parse_unusual4(const uint8_t *ip, uint32_t n, struct pps_packet *packet)
{
	uint32_t header_len = (ip[0] & 0x0f) * 4u;
	uint32_t total = pps_load16(ip + 2);

	if (ip[0] >> 4 != 4)
		return PPS_REASON_IP_VERSION;
	if (header_len < IPV4_HEADER_MIN || (total >= IPV4_HEADER_MIN && total < header_len)) {
		read_ipv4(ip, packet);
		return PPS_REASON_IP_HEADER_LENGTH;
	}
	if (total >= header_len && n < header_len) {
		read_ipv4(ip, packet);
		return PPS_REASON_IP_TRUNCATED;
	}
	return parse_sized4(ip, header_len, n, packet);
}

enum pps_reason packet_parse_ipv4(const uint8_t *data, uint32_t head_len, struct pps_packet *packet)
{
	const uint8_t *ip = data + packet->l3_offset;
	uint32_t n = head_len - packet->l3_offset;

	if (unlikely(n < IPV4_HEADER_MIN))
		return PPS_REASON_IP_TRUNCATED;
	/* With a constant length the common path is a third shorter. */
	if (likely(ip[0] == IPV4_PLAIN))
		return parse_sized4(ip, IPV4_HEADER_MIN, n, packet);
	return parse_unusual4(ip, n, packet);
}

static bool is_extension(uint8_t header)
{
	const uint64_t list = 1ull << PPS_IP_HOPOPTS | 1ull << PPS_IP_ROUTING |
		1ull << PPS_IP_FRAGMENT | 1ull << PPS_IP_AH | 1ull << PPS_IP_DSTOPTS;

	return header < 64 && (list >> header & 1) != 0;
}

/*
 * The place of an extension header in the order of RFC 8200 section 4.1. Destination options have
 * two: before routing, fragment and AH, or last.
 */
static int extension_rank(uint8_t header, int last_rank)
{
	switch (header) {
	case PPS_IP_HOPOPTS:
		return 0;
	case PPS_IP_ROUTING:
		return 2;
	case PPS_IP_FRAGMENT:
		return 3;
	case PPS_IP_AH:
		return 4;
	default:
		return last_rank <= 1 ? 1 : 5;
	}
}

/* Bytes of the extension header at 'ext', n of which may be read; 0 when it does not fit. */
static uint32_t extension_size(uint8_t header, const uint8_t *ext, uint32_t n)
{
	uint32_t size;

	if (n < EXTENSION_MIN)
		return 0;
	if (header == PPS_IP_FRAGMENT)
		return EXTENSION_MIN;
	if (header == PPS_IP_AH)
		return ah_size(ext, n);
	size = (ext[1] + 1u) * 8;
	return size <= n ? size : 0;
}

/*
 * Extension headers in order are at most six, so too many are always out of order too. To tell the
 * two apart, whatever is out of order is counted to its end: 'count' headers were seen, and the
 * last of them, 'header' at 'offset', is the one in the wrong place.
 */
static cold enum pps_reason judge_disorder(
	const uint8_t *ip, uint32_t n, uint32_t offset, uint8_t header, unsigned int count)
{
	while (count <= PPS_EXT_HEADERS_MAX) {
		uint32_t size = extension_size(header, ip + offset, n - offset);

		if (size == 0)
			return PPS_REASON_IPV6_EXT_ORDER;
		header = ip[offset];
		offset += size;
		if (!is_extension(header))
			return PPS_REASON_IPV6_EXT_ORDER;
		count++;
	}
	return PPS_REASON_IPV6_EXT_COUNT;
}

/* The fragment header at 'ext', which ends 'end' bytes into the packet. */
static void read_fragment6(const uint8_t *ext, uint32_t end, struct pps_packet *packet)
{
	uint16_t field = pps_load16(ext + 2);

	packet->more_fragments = (field & 1) != 0;
	packet->fragment_offset = field & IPV6_OFFSET_MASK;
	packet->later_fragment = packet->fragment_offset != 0;
	packet->fragment = packet->later_fragment || packet->more_fragments;
	if (packet->fragment) {
		packet->fragment_id = pps_load32(ext + 4);
		packet->fragment_start = (uint16_t)(packet->l3_offset + end);
	}
}

static enum pps_reason check_routing(const uint8_t *ext)
{
	if (ext[2] == ROUTING_TYPE_LSRR)
		return PPS_REASON_IP_SOURCE_ROUTE;
	return ext[3] > 0 ? PPS_REASON_IPV6_ROUTING : PPS_REASON_NONE;
}

enum pps_reason packet_walk_extensions(
	const uint8_t *ip, uint32_t n, uint32_t *offset, struct pps_packet *packet)
{
	int last_rank = -1;
	unsigned int count = 0;

	while (is_extension(packet->protocol) && !packet->later_fragment) {
		const uint8_t *ext = ip + *offset;
		uint8_t header = packet->protocol;
		int rank = extension_rank(header, last_rank);
		uint32_t size = extension_size(header, ext, n - *offset);

		count++;
		if (rank <= last_rank)
			return judge_disorder(ip, n, *offset, header, count);
		if (size == 0)
			return PPS_REASON_IPV6_EXT_TRUNCATED;
		if (header == PPS_IP_ROUTING && check_routing(ext) != PPS_REASON_NONE)
			return check_routing(ext);
		if (header == PPS_IP_FRAGMENT)
			read_fragment6(ext, *offset + size, packet);
		last_rank = rank;
		packet->protocol = ext[0];
		*offset += size;
	}
	return PPS_REASON_NONE;
}

static bool is_unspecified6(const uint8_t *addr)
{
	return (pps_copy64(addr) | pps_copy64(addr + 8)) == 0;
}

static bool is_loopback6(const uint8_t *addr)
{
	static const uint8_t loopback[16] = {[15] = 1};

	return memcmp(addr, loopback, sizeof(loopback)) == 0;
}

static bool is_ipv4_mapped6(const uint8_t *addr)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(addr, prefix, sizeof(prefix)) == 0;
}

/* Decides about addresses that look odd. 'l4' and n: what may be read behind the fixed header. An
 * unspecified source is judged when the upper-layer protocol is known. */
static cold enum pps_reason judge_addresses6(
	const uint8_t *ip, const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	const uint8_t *from = ip + IPV6_SOURCE;
	const uint8_t *to = ip + IPV6_DESTINATION;

	if (from[0] == 0xff || is_loopback6(from) || is_ipv4_mapped6(from))
		return PPS_REASON_MARTIAN_SOURCE;
	if (is_unspecified6(to) || is_loopback6(to) || is_ipv4_mapped6(to))
		return PPS_REASON_MARTIAN_DESTINATION;
	if (memcmp(from, to, 16) == 0 && !is_bfd_echo(l4, n, packet))
		return PPS_REASON_LAND;
	return PPS_REASON_NONE;
}

/* Eight zero bytes in front: unspecified, loopback, mapped, and a few that are in order. */
static hot bool has_odd_addresses6(const uint8_t *ip)
{
	uint64_t from_high = pps_copy64(ip + IPV6_SOURCE);
	uint64_t to_high = pps_copy64(ip + IPV6_DESTINATION);

	return ip[IPV6_SOURCE] == 0xff || from_high == 0 || to_high == 0 ||
		(from_high == to_high &&
			pps_copy64(ip + IPV6_SOURCE + 8) == pps_copy64(ip + IPV6_DESTINATION + 8));
}

/* May a host that has no address yet send this? Neighbour discovery and MLD need to. */
static cold bool may_lack_address6(const uint8_t *l4, uint32_t n, const struct pps_packet *packet)
{
	if (packet->protocol != PPS_IP_ICMPV6 || packet->later_fragment || n == 0)
		return false;
	return (l4[0] >= 130 && l4[0] <= 136) || l4[0] == 143;
}

static hot void read_ipv6(const uint8_t *ip, struct pps_packet *packet)
{
	packet->family = 6;
	packet->kind = PPS_PACKET_IP;
	packet->protocol = ip[6];
	packet->next_header = ip[6];
	packet->hop_limit = ip[7];
	memcpy(packet->src, ip + IPV6_SOURCE, 16);
	memcpy(packet->dst, ip + IPV6_DESTINATION, 16);
}

void packet_read_ipv6(const uint8_t *ip, struct pps_packet *packet)
{
	read_ipv6(ip, packet);
}

/* Extension headers, or addresses to think about. */
static cold enum pps_reason parse_unusual6(
	const uint8_t *ip, uint32_t end, uint32_t n, struct pps_packet *packet)
{
	uint32_t offset = IPV6_HEADER;
	enum pps_reason reason = judge_addresses6(ip, ip + offset, n - offset, packet);

	if (reason != PPS_REASON_NONE)
		return reason;
	reason = packet_walk_extensions(ip, n, &offset, packet);
	if (reason != PPS_REASON_NONE)
		return reason;
	if (is_unspecified6(packet->src) && !may_lack_address6(ip + offset, n - offset, packet))
		return PPS_REASON_MARTIAN_SOURCE;
	return enter_l4(ip, offset, end, n, packet);
}

enum pps_reason packet_parse_ipv6(const uint8_t *data, uint32_t head_len, struct pps_packet *packet)
{
	const uint8_t *ip = data + packet->l3_offset;
	uint32_t n = head_len - packet->l3_offset;
	uint32_t end;

	if (unlikely(n < IPV6_HEADER))
		return PPS_REASON_IP_TRUNCATED;
	if (unlikely(ip[0] >> 4 != 6))
		return PPS_REASON_IP_VERSION;
	read_ipv6(ip, packet);
	end = IPV6_HEADER + pps_load16(ip + 4);
	if (unlikely(end > packet->length - packet->l3_offset))
		return PPS_REASON_IP_LENGTH;
	if (unlikely(end == IPV6_HEADER && packet->protocol == PPS_IP_HOPOPTS))
		return PPS_REASON_IPV6_JUMBOGRAM;
	if (unlikely(packet->hop_limit == 0))
		return PPS_REASON_IP_TTL;
	n = smaller(n, end);
	if (unlikely(is_extension(packet->protocol) || has_odd_addresses6(ip)))
		return parse_unusual6(ip, end, n, packet);
	return enter_l4(ip, IPV6_HEADER, end, n, packet);
}
