/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PACKET_PRIV_H
#define PACKET_PRIV_H

/*
 * The parser's steps, in the order of the headers:
 *
 *     packet.c  link -> packet_ip.c  network -> packet_l4.c  transport -> packet_icmp.c
 *
 * Two lengths travel along. What may be read ends at 'n' (bytes from the header's own start, never
 * past head_len nor past the end of the IP packet). What exists is told by packet->length for the
 * frame and packet->l4_len for the transport. Reads are checked against the first, length fields
 * of the headers against the second.
 */

#include <pps_packet_common.h>

#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define likely(condition)   __builtin_expect(!!(condition), 1)

#define cold __attribute__((cold, noinline)) /* kept out of the common path's way */

#define hot __attribute__((always_inline)) inline

#define IPV4_HEADER_MIN 20
#define IPV6_HEADER     40
#define ICMP_HEADER     8
#define AH_MIN          12

static inline uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Bytes of the authentication header (RFC 4302) at 'ah', n of which may be read; 0 when it does not
 * fit. */
static inline uint32_t ah_size(const uint8_t *ah, uint32_t n)
{
	uint32_t size;

	if (n < AH_MIN)
		return 0;
	size = (ah[1] + 2u) * 4;
	return size >= AH_MIN && size <= n ? size : 0;
}

/* Does the transport header begin with two ports? */
static inline bool has_ports(uint8_t protocol)
{
	return protocol == PPS_IP_TCP || protocol == PPS_IP_UDP || protocol == PPS_IP_UDPLITE ||
		protocol == PPS_IP_SCTP || protocol == PPS_IP_DCCP;
}

/* Says where the payload starts: 'header_len' bytes into the transport, within l4_len. */
static inline void set_payload(struct pps_packet *packet, uint32_t header_len)
{
	packet->payload_offset = (uint16_t)(packet->l4_offset + header_len);
	packet->payload_len = packet->l4_len - header_len;
}

/* packet->l3_offset says where the IP header starts; it is not past head_len. */
enum pps_reason packet_parse_ipv4(
	const uint8_t *data, uint32_t head_len, struct pps_packet *packet);
enum pps_reason packet_parse_ipv6(
	const uint8_t *data, uint32_t head_len, struct pps_packet *packet);

/*
 * Walks the IPv6 extension headers of the packet at 'ip', of which 'n' bytes may be read, from
 * *offset on. packet->protocol is the first header's number and then the upper-layer protocol's;
 * fragment fields are set. Stops behind the fragment header of a later fragment.
 */
enum pps_reason packet_walk_extensions(
	const uint8_t *ip, uint32_t n, uint32_t *offset, struct pps_packet *packet);
/* Takes the fixed header's fields; the header is there. */
void packet_read_ipv4(const uint8_t *ip, struct pps_packet *packet);
void packet_read_ipv6(const uint8_t *ip, struct pps_packet *packet);

/* Parses and judges the whole transport header at 'l4'. l4_offset and l4_len are set. */
enum pps_reason packet_parse_l4(const uint8_t *l4, uint32_t n, struct pps_packet *packet);
/* ICMP over IPv4, and ICMPv6 over IPv6. */
enum pps_reason packet_parse_icmp(const uint8_t *l4, uint32_t n, struct pps_packet *packet);
enum pps_reason packet_parse_icmp6(const uint8_t *l4, uint32_t n, struct pps_packet *packet);
/* Takes what is there of a transport header that may end anywhere, and judges nothing. */
void packet_read_l4(const uint8_t *l4, uint32_t n, struct pps_packet *packet);
/* The tunnel that an IP protocol number is by itself. */
enum pps_tunnel packet_protocol_tunnel(uint8_t protocol);

#endif
