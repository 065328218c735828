/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_PACKET_COMMON_H
#define PPS_PACKET_COMMON_H

/*
 * The common frame, parsed in line: Ethernet without tags, IPv4 without options or IPv6 without
 * extension headers, not a fragment, TCP or UDP, and nothing wrong with it.
 *
 * pps_packet_parse_common() says true for such a frame and has then written to the last byte what
 * pps_packet_parse() would have. False says nothing: pps_packet_parse() decides, which knows all
 * other frames and all reasons. Each condition here is one of the parser's (packet_ip.c,
 * packet_l4.c), where it is explained.
 */

#include <endian.h>
#include <string.h>

#include <pps_packet.h>

#define PPS_ETHER_HEADER 14

/* The window scale among the options of a SYN, which are the 'n' bytes at 'option'. */
uint8_t pps_packet_tcp_scale(const uint8_t *option, uint32_t n);
/* What tunnel UDP between these ports (network order) is. */
enum pps_tunnel pps_packet_udp_tunnel(uint16_t src_port, uint16_t dst_port);

/* One bit for each set of flags that a conversation can have, URG and PSH aside as conntrack does:
 * the flags are the bit's number. */
#define PPS_TCP_SET(flags) (1ull << (flags))
#define PPS_TCP_SETS                                                                              \
	(PPS_TCP_SET(PPS_TCP_SYN) | PPS_TCP_SET(PPS_TCP_SYN | PPS_TCP_URG) |                      \
		PPS_TCP_SET(PPS_TCP_SYN | PPS_TCP_ACK) | PPS_TCP_SET(PPS_TCP_RST) |               \
		PPS_TCP_SET(PPS_TCP_RST | PPS_TCP_ACK) | PPS_TCP_SET(PPS_TCP_FIN | PPS_TCP_ACK) | \
		PPS_TCP_SET(PPS_TCP_FIN | PPS_TCP_ACK | PPS_TCP_URG) | PPS_TCP_SET(PPS_TCP_ACK) | \
		PPS_TCP_SET(PPS_TCP_ACK | PPS_TCP_URG))
#define PPS_TCP_FLAGS_KNOWN  0x3f /* without ECE and CWR: every set may carry them */
#define PPS_TCP_FLAGS_JUDGED (PPS_TCP_FIN | PPS_TCP_SYN | PPS_TCP_RST | PPS_TCP_ACK | PPS_TCP_URG)

/* Fields at any alignment: as they lie, and in host order. */
static inline uint16_t pps_copy16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}
static inline uint32_t pps_copy32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}
static inline uint64_t pps_copy64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}
static inline uint16_t pps_load16(const uint8_t *bytes)
{
	return be16toh(pps_copy16(bytes));
}
static inline uint32_t pps_load32(const uint8_t *bytes)
{
	return be32toh(pps_copy32(bytes));
}

/* Zeroes the structure with the widest stores there are. (A compiler that is left to itself may
 * choose a string instruction here, which costs more than the whole parser.) */
static inline void pps_packet_clear(struct pps_packet *packet)
{
	typedef uint64_t line __attribute__((vector_size(PPS_CACHE_LINE), may_alias));
	line *lines = (line *)packet;

	lines[0] = (line){0};
	lines[1] = (line){0};
}

/* The length of the transport header at 'l4', of which n bytes may be read; 0: not a common one. */
static inline uint32_t pps_packet_common_l4(
	const uint8_t *l4, uint8_t protocol, uint32_t n, uint32_t l4_len)
{
	uint32_t header_len = 8;

	if (__builtin_expect(protocol == PPS_IP_TCP, 1)) {
		if (n < 20)
			return 0;
		header_len = l4[12] >> 2 & 0x3cu;
		if (header_len < 20 || header_len > l4_len || header_len > n ||
			(PPS_TCP_SETS >> (l4[13] & PPS_TCP_FLAGS_JUDGED) & 1) == 0 ||
			pps_copy16(l4) == 0)
			return 0;
	} else if (protocol != PPS_IP_UDP || n < 8 || pps_load16(l4 + 4) < 8 ||
		pps_load16(l4 + 4) > l4_len) {
		return 0;
	}
	return pps_copy16(l4 + 2) == 0 ? 0 : header_len;
}

/* Is the IPv4 header at 'ip' a common one, of a packet of 'total' bytes in 'len'? */
static inline bool pps_packet_is_common4(const uint8_t *ip, uint32_t total, uint32_t len)
{
	uint64_t first = pps_copy64(ip), sum = first + pps_copy64(ip + 8);
	uint32_t to = pps_copy32(ip + 16);

	/* Modulo 65535 a carry out of the top is worth one. */
	sum += sum < first;
	sum += to;
	sum += sum < to;
	/* Version and length of the header; neither an offset nor more fragments. */
	return (first & htobe64(0xff00000000003fffu)) == htobe64(0x4500000000000000u) &&
		total >= 28 && total <= len && sum % 0xffff == 0 && ip[8] != 0 &&
		(uint8_t)(ip[12] - 1) < 223 && ip[12] != 127 && ip[16] != 0 && ip[16] != 127 &&
		pps_copy32(ip + 12) != to;
}

static inline bool pps_packet_is_common6(const uint8_t *ip, uint32_t total, uint32_t len)
{
	uint64_t from_high = pps_copy64(ip + 8), to_high = pps_copy64(ip + 24);

	return ip[0] >> 4 == 6 && total >= 48 && total <= len && ip[7] != 0 && ip[8] != 0xff &&
		from_high != 0 && to_high != 0 &&
		(from_high != to_high || pps_copy64(ip + 16) != pps_copy64(ip + 32));
}

/* All but what the two versions have each for itself; all of it is there. */
static inline void pps_packet_fill_common(struct pps_packet *packet, const uint8_t *ip,
	uint8_t protocol, uint32_t ip_len, uint32_t header_len, uint32_t l4_len)
{
	const uint8_t *l4 = ip + ip_len;

	packet->kind = PPS_PACKET_IP;
	packet->protocol = protocol;
	packet->next_header = protocol;
	packet->l3_offset = PPS_ETHER_HEADER;
	packet->l4_offset = (uint16_t)(PPS_ETHER_HEADER + ip_len);
	packet->payload_offset = (uint16_t)(PPS_ETHER_HEADER + ip_len + header_len);
	packet->payload_len = l4_len - header_len;
	packet->l4_len = l4_len;
	packet->src_port = pps_copy16(l4);
	packet->dst_port = pps_copy16(l4 + 2);
	if (__builtin_expect(protocol != PPS_IP_TCP, 0)) {
		packet->tunnel = (uint8_t)pps_packet_udp_tunnel(packet->src_port, packet->dst_port);
		return;
	}
	packet->tcp_seq = pps_load32(l4 + 4);
	packet->tcp_ack = pps_load32(l4 + 8);
	packet->tcp_flags = l4[13] & PPS_TCP_FLAGS_KNOWN;
	packet->tcp_window = pps_load16(l4 + 14);
	if (__builtin_expect((l4[13] & PPS_TCP_SYN) != 0, 0))
		packet->tcp_scale = pps_packet_tcp_scale(l4 + 20, header_len - 20);
}

/* Parameters are pps_packet_parse()'s. */
static inline bool pps_packet_parse_common(
	const uint8_t *data, uint32_t head_len, uint32_t frame_len, struct pps_packet *packet)
{
	const uint8_t *ip = data + PPS_ETHER_HEADER;
	uint32_t n = head_len - PPS_ETHER_HEADER, len = frame_len - PPS_ETHER_HEADER;
	uint32_t total, header_len;

	if (head_len < PPS_ETHER_HEADER + 28)
		return false;
	if (__builtin_expect(pps_load16(data + 12) == PPS_ETHERTYPE_IPV4, 1)) {
		total = pps_load16(ip + 2);
		if (!pps_packet_is_common4(ip, total, len))
			return false;
		header_len = pps_packet_common_l4(
			ip + 20, ip[9], (n < total ? n : total) - 20, total - 20);
		if (header_len == 0)
			return false;
		pps_packet_clear(packet);
		packet->length = frame_len;
		packet->ethertype = PPS_ETHERTYPE_IPV4;
		packet->hop_limit = ip[8];
		packet->family = 4;
		memcpy(packet->src, ip + 12, 4);
		memcpy(packet->dst, ip + 16, 4);
		pps_packet_fill_common(packet, ip, ip[9], 20, header_len, total - 20);
		return true;
	}
	if (pps_load16(data + 12) != PPS_ETHERTYPE_IPV6 || n < 48)
		return false;
	total = 40u + pps_load16(ip + 4);
	if (!pps_packet_is_common6(ip, total, len))
		return false;
	header_len = pps_packet_common_l4(ip + 40, ip[6], (n < total ? n : total) - 40, total - 40);
	if (header_len == 0)
		return false;
	pps_packet_clear(packet);
	packet->length = frame_len;
	packet->ethertype = PPS_ETHERTYPE_IPV6;
	packet->hop_limit = ip[7];
	packet->family = 6;
	memcpy(packet->src, ip + 8, 16);
	memcpy(packet->dst, ip + 24, 16);
	pps_packet_fill_common(packet, ip, ip[6], 40, header_len, total - 40);
	return true;
}

#endif
