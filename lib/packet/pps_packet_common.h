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

/* TCP at 'l4', of which n bytes may be read. */
static inline bool pps_packet_common_tcp(
	const uint8_t *l4, uint32_t n, uint32_t l4_len, struct pps_packet *packet)
{
	uint32_t header_len = (uint32_t)(l4[12] >> 4) * 4;
	uint8_t flags = l4[13] & PPS_TCP_FLAGS_KNOWN;

	if (header_len < 20 || header_len > l4_len || header_len > n ||
		(PPS_TCP_SETS >> (flags & PPS_TCP_FLAGS_JUDGED) & 1) == 0 || packet->src_port == 0)
		return false;
	packet->tcp_seq = pps_load32(l4 + 4);
	packet->tcp_ack = pps_load32(l4 + 8);
	packet->tcp_flags = flags;
	packet->tcp_window = pps_load16(l4 + 14);
	packet->payload_offset = (uint16_t)(packet->l4_offset + header_len);
	packet->payload_len = l4_len - header_len;
	if (__builtin_expect((flags & PPS_TCP_SYN) != 0, 0))
		packet->tcp_scale = pps_packet_tcp_scale(l4 + 20, header_len - 20);
	return true;
}

static inline bool pps_packet_common_udp(
	const uint8_t *l4, uint32_t l4_len, struct pps_packet *packet)
{
	uint32_t length = pps_load16(l4 + 4);

	if (length < 8 || length > l4_len)
		return false;
	packet->payload_offset = (uint16_t)(packet->l4_offset + 8);
	packet->payload_len = l4_len - 8;
	packet->tunnel = (uint8_t)pps_packet_udp_tunnel(packet->src_port, packet->dst_port);
	return true;
}

/* What is behind the IP header of 'header_len' bytes. */
static inline bool pps_packet_common_l4(const uint8_t *l4, uint32_t header_len, uint32_t n,
	uint32_t l4_len, struct pps_packet *packet)
{
	packet->l4_offset = (uint16_t)(PPS_ETHER_HEADER + header_len);
	packet->l4_len = l4_len;
	packet->src_port = pps_copy16(l4);
	packet->dst_port = pps_copy16(l4 + 2);
	if (packet->dst_port == 0)
		return false;
	if (__builtin_expect(packet->protocol == PPS_IP_TCP, 1))
		return n >= 20 && pps_packet_common_tcp(l4, n, l4_len, packet);
	return packet->protocol == PPS_IP_UDP && n >= 8 &&
		pps_packet_common_udp(l4, l4_len, packet);
}

/* IPv4 at 'ip', of which n bytes may be read and 'len' are in the frame. */
static inline bool pps_packet_common4(
	const uint8_t *ip, uint32_t n, uint32_t len, struct pps_packet *packet)
{
	uint64_t first, second, sum;
	uint32_t total;

	if (n < 28)
		return false;
	first = pps_copy64(ip);
	second = pps_copy64(ip + 8);
	total = pps_load16(ip + 2);
	/* Version and length of the header; neither an offset nor more fragments. */
	if ((first & htobe64(0xff00000000003fffu)) != htobe64(0x4500000000000000u) || total > len ||
		total < 28)
		return false;
	/* Modulo 65535 a carry out of the top is worth one. */
	sum = first + second;
	sum += sum < first;
	sum += pps_copy32(ip + 16);
	sum += sum < pps_copy32(ip + 16);
	if (sum % 0xffff != 0 || ip[8] == 0)
		return false;
	if ((uint8_t)(ip[12] - 1) >= 223 || ip[12] == 127 || ip[16] == 0 || ip[16] == 127 ||
		pps_copy32(ip + 12) == pps_copy32(ip + 16))
		return false;
	packet->family = 4;
	packet->hop_limit = ip[8];
	packet->protocol = ip[9];
	packet->next_header = ip[9];
	memcpy(packet->src, ip + 12, 4);
	memcpy(packet->dst, ip + 16, 4);
	return pps_packet_common_l4(ip + 20, 20, (n < total ? n : total) - 20, total - 20, packet);
}

static inline bool pps_packet_common6(
	const uint8_t *ip, uint32_t n, uint32_t len, struct pps_packet *packet)
{
	uint64_t from_high, to_high;
	uint32_t total;

	if (n < 48)
		return false;
	total = 40u + pps_load16(ip + 4);
	from_high = pps_copy64(ip + 8);
	to_high = pps_copy64(ip + 24);
	if (ip[0] >> 4 != 6 || total > len || total < 48 || ip[7] == 0 || ip[8] == 0xff ||
		from_high == 0 || to_high == 0 ||
		(from_high == to_high && pps_copy64(ip + 16) == pps_copy64(ip + 32)))
		return false;
	packet->family = 6;
	packet->hop_limit = ip[7];
	packet->protocol = ip[6];
	packet->next_header = ip[6];
	memcpy(packet->src, ip + 8, 16);
	memcpy(packet->dst, ip + 24, 16);
	return pps_packet_common_l4(ip + 40, 40, (n < total ? n : total) - 40, total - 40, packet);
}

/* Parameters are pps_packet_parse()'s. */
static inline bool pps_packet_parse_common(
	const uint8_t *data, uint32_t head_len, uint32_t frame_len, struct pps_packet *packet)
{
	uint32_t n = head_len - PPS_ETHER_HEADER, len = frame_len - PPS_ETHER_HEADER;
	uint16_t ethertype;

	if (head_len < PPS_ETHER_HEADER)
		return false;
	ethertype = pps_load16(data + 12);
	pps_packet_clear(packet);
	packet->kind = PPS_PACKET_IP;
	packet->length = frame_len;
	packet->ethertype = ethertype;
	packet->l3_offset = PPS_ETHER_HEADER;
	if (__builtin_expect(ethertype == PPS_ETHERTYPE_IPV4, 1))
		return pps_packet_common4(data + PPS_ETHER_HEADER, n, len, packet);
	return ethertype == PPS_ETHERTYPE_IPV6 &&
		pps_packet_common6(data + PPS_ETHER_HEADER, n, len, packet);
}

#endif
