/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet_priv.h"

#define TCP_HEADER_MIN    20
#define UDP_HEADER        8
#define SCTP_HEADER       12
#define SCTP_CHUNK_HEADER 4
#define SCTP_INIT_MIN     20
#define DCCP_HEADER_SHORT 12
#define DCCP_HEADER_LONG  16
#define IGMP_MIN          8
#define GRE_MIN           4
#define ESP_MIN           8

#define TCP_OPTION_END   0
#define TCP_OPTION_NOP   1
#define TCP_OPTION_SCALE 3
#define TCP_SCALE_SIZE   3

#define DCCP_COVERAGE_MASK 0x0f

#define GRE_VERSION_MASK   0x0007
#define GRE_ETHERNET       0x6558
#define GRE_MPLS           0x8847
#define GRE_MPLS_MULTICAST 0x8848

static inline void read_ports(const uint8_t *l4, struct pps_packet *packet)
{
	packet->src_port = pps_copy16(l4);
	packet->dst_port = pps_copy16(l4 + 2);
}

uint8_t pps_packet_tcp_scale(const uint8_t *option, uint32_t n)
{
	uint8_t scale = PPS_TCP_SCALE_NONE;

	while (n > 0 && option[0] != TCP_OPTION_END) {
		uint32_t size = 1;

		if (option[0] != TCP_OPTION_NOP) {
			if (n < 2 || option[1] < 2 || option[1] > n)
				break;
			size = option[1];
			if (option[0] == TCP_OPTION_SCALE && size != TCP_SCALE_SIZE)
				break;
			if (option[0] == TCP_OPTION_SCALE)
				scale = (uint8_t)smaller(option[2], PPS_TCP_SCALE_MAX);
		}
		option += size;
		n -= size;
	}
	return scale;
}

static inline enum pps_reason parse_tcp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint32_t header_len;

	if (unlikely(n < TCP_HEADER_MIN))
		return PPS_REASON_L4_TRUNCATED;
	read_ports(l4, packet);
	packet->tcp_seq = pps_load32(l4 + 4);
	packet->tcp_ack = pps_load32(l4 + 8);
	packet->tcp_flags = l4[13] & PPS_TCP_FLAGS_KNOWN;
	packet->tcp_window = pps_load16(l4 + 14);
	header_len = (l4[12] >> 4) * 4u;
	if (unlikely(header_len < TCP_HEADER_MIN || header_len > packet->l4_len))
		return PPS_REASON_TCP_OFFSET;
	set_payload(packet, header_len);
	if (unlikely((packet->tcp_flags & PPS_TCP_SYN) != 0))
		packet->tcp_scale = pps_packet_tcp_scale(
			l4 + TCP_HEADER_MIN, smaller(header_len, n) - TCP_HEADER_MIN);
	if (unlikely((PPS_TCP_SETS >> (packet->tcp_flags & PPS_TCP_FLAGS_JUDGED) & 1) == 0))
		return PPS_REASON_TCP_FLAGS;
	if (unlikely(packet->src_port == 0 || packet->dst_port == 0))
		return PPS_REASON_PORT_ZERO;
	return PPS_REASON_NONE;
}

enum pps_tunnel pps_packet_udp_tunnel(uint16_t src_port, uint16_t dst_port)
{
	switch (be16toh(dst_port)) {
	case 1701: /* L2TP */
	case 4500: /* IPsec NAT traversal */
	case 4755: /* GRE in DTLS */
	case 5247: /* CAPWAP data */
	case 6511: /* DCCP in UDP */
	case 6636: /* MPLS in DTLS */
	case 9899: /* SCTP in UDP */
		return PPS_TUNNEL_OPAQUE;
	case 2152: /* GTP-U */
	case 3544: /* Teredo */
	case 4341: /* LISP data */
	case 4754: /* GRE in UDP */
	case 4789: /* VXLAN */
	case 4790: /* VXLAN-GPE */
	case 6080: /* GUE */
	case 6081: /* GENEVE */
	case 6635: /* MPLS in UDP */
	case 8472: /* VXLAN, before it had a number */
		return PPS_TUNNEL_READABLE;
	default:
		break;
	}
	/* In these, what answers comes from the well-known port. */
	switch (be16toh(src_port)) {
	case 1701:
	case 4500:
		return PPS_TUNNEL_OPAQUE;
	case 3544:
		return PPS_TUNNEL_READABLE;
	default:
		return PPS_TUNNEL_NONE;
	}
}

/* UDP, and UDP-Lite, whose length field is the coverage of its checksum and may be 0 for "all". */
static inline enum pps_reason parse_udp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint32_t length;

	if (unlikely(n < UDP_HEADER))
		return PPS_REASON_L4_TRUNCATED;
	read_ports(l4, packet);
	set_payload(packet, UDP_HEADER);
	length = pps_load16(l4 + 4);
	if (unlikely(length < UDP_HEADER || length > packet->l4_len) &&
		!(length == 0 && packet->protocol == PPS_IP_UDPLITE))
		return PPS_REASON_L4_LENGTH;
	if (unlikely(packet->dst_port == 0))
		return PPS_REASON_PORT_ZERO;
	packet->tunnel = pps_packet_udp_tunnel(packet->src_port, packet->dst_port);
	return PPS_REASON_NONE;
}

/*
 * How much a chunk type has to say about an association, for the strongest to speak for the packet.
 * Types that nobody has assigned are 0, and one less than that is more than all others. (RFC 9260,
 * 3758, 4895, 5061, 6525, 8260 and 4820)
 */
enum sctp_strength {
	SCTP_UNASSIGNED,
	SCTP_TRAFFIC,
	SCTP_TROUBLE,
	SCTP_HANDSHAKE,
	SCTP_SHUTTING,
	SCTP_SHUT,
	SCTP_END,
};

static const uint8_t sctp_strengths[256] = {
	[PPS_SCTP_DATA] = SCTP_TRAFFIC,
	[PPS_SCTP_INIT] = SCTP_HANDSHAKE,
	[PPS_SCTP_INIT_ACK] = SCTP_HANDSHAKE,
	[PPS_SCTP_SACK] = SCTP_TRAFFIC,
	[PPS_SCTP_HEARTBEAT] = SCTP_TRAFFIC,
	[PPS_SCTP_HEARTBEAT_ACK] = SCTP_TRAFFIC,
	[PPS_SCTP_ABORT] = SCTP_END,
	[PPS_SCTP_SHUTDOWN] = SCTP_SHUTTING,
	[PPS_SCTP_SHUTDOWN_ACK] = SCTP_SHUT,
	[PPS_SCTP_ERROR] = SCTP_TROUBLE,
	[PPS_SCTP_COOKIE_ECHO] = SCTP_HANDSHAKE,
	[PPS_SCTP_COOKIE_ACK] = SCTP_HANDSHAKE,
	[PPS_SCTP_ECNE] = SCTP_TRAFFIC,
	[PPS_SCTP_CWR] = SCTP_TRAFFIC,
	[PPS_SCTP_SHUTDOWN_COMPLETE] = SCTP_END,
	[PPS_SCTP_AUTH] = SCTP_TRAFFIC,
	[PPS_SCTP_I_DATA] = SCTP_TRAFFIC,
	[PPS_SCTP_ASCONF_ACK] = SCTP_TRAFFIC,
	[PPS_SCTP_RE_CONFIG] = SCTP_TRAFFIC,
	[PPS_SCTP_PAD] = SCTP_TRAFFIC,
	[PPS_SCTP_FORWARD_TSN] = SCTP_TRAFFIC,
	[PPS_SCTP_ASCONF] = SCTP_TRAFFIC,
	[PPS_SCTP_I_FORWARD_TSN] = SCTP_TRAFFIC,
};

/* Must this chunk be the only one (RFC 9260 section 6.10)? */
static bool sctp_is_alone(uint8_t type)
{
	return type == PPS_SCTP_INIT || type == PPS_SCTP_INIT_ACK ||
		type == PPS_SCTP_SHUTDOWN_COMPLETE;
}

/* May it come behind DATA? PAD has no place of its own. */
static bool sctp_is_data(uint8_t type)
{
	return type == PPS_SCTP_DATA || type == PPS_SCTP_I_DATA || type == PPS_SCTP_PAD;
}

/* INIT and INIT ACK at 'chunk', n bytes of which may be read. */
static enum pps_reason read_init(
	const uint8_t *chunk, uint32_t n, uint32_t length, struct pps_packet *packet)
{
	if (length < SCTP_INIT_MIN)
		return PPS_REASON_L4_LENGTH;
	if (n < SCTP_INIT_MIN)
		return PPS_REASON_L4_TRUNCATED;
	packet->sctp_init_tag = pps_load32(chunk + SCTP_CHUNK_HEADER);
	if (packet->sctp_init_tag == 0 || (chunk[0] == PPS_SCTP_INIT && packet->sctp_tag != 0))
		return PPS_REASON_SCTP_INIT_TAG;
	return PPS_REASON_NONE;
}

/*
 * Walks the chunks: 'n' bytes may be read and 'size' are there. What lies behind an ABORT nobody
 * looks at, and what lies behind n bytes is not read: no more than that is known of the packet.
 */
static enum pps_reason walk_chunks(
	const uint8_t *chunk, uint32_t n, uint32_t size, struct pps_packet *packet)
{
	bool data = false;
	uint8_t strongest = 0;

	for (unsigned int count = 1; size > 0; count++) {
		uint32_t length, padded;
		uint8_t strength;

		if (size < SCTP_CHUNK_HEADER)
			return PPS_REASON_L4_LENGTH;
		if (n < SCTP_CHUNK_HEADER)
			return count == 1 ? PPS_REASON_L4_TRUNCATED : PPS_REASON_NONE;
		length = pps_load16(chunk + 2);
		if (length < SCTP_CHUNK_HEADER || length > size)
			return PPS_REASON_L4_LENGTH;
		if (count > PPS_SCTP_CHUNKS_MAX)
			return PPS_REASON_SCTP_CHUNKS;
		padded = smaller((length + 3) & ~3u, size);
		if (sctp_is_alone(chunk[0]) && (count > 1 || padded < n))
			return PPS_REASON_SCTP_BUNDLE;
		if (data && !sctp_is_data(chunk[0]))
			return PPS_REASON_SCTP_ORDER;
		data |= sctp_is_data(chunk[0]) && chunk[0] != PPS_SCTP_PAD;
		strength = (uint8_t)(sctp_strengths[chunk[0]] - 1);
		if (count == 1 || strength > strongest) {
			strongest = strength;
			packet->chunk_type = chunk[0];
			packet->chunk_flags = chunk[1];
		}
		if (chunk[0] == PPS_SCTP_INIT || chunk[0] == PPS_SCTP_INIT_ACK)
			return read_init(chunk, n, length, packet);
		if (chunk[0] == PPS_SCTP_ABORT || padded >= n)
			return PPS_REASON_NONE;
		chunk += padded;
		n -= padded;
		size -= padded;
	}
	return PPS_REASON_NONE;
}

static enum pps_reason parse_sctp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	enum pps_reason reason;

	if (n < SCTP_HEADER + SCTP_CHUNK_HEADER)
		return PPS_REASON_L4_TRUNCATED;
	read_ports(l4, packet);
	packet->sctp_tag = pps_load32(l4 + 4);
	set_payload(packet, SCTP_HEADER);
	reason = walk_chunks(
		l4 + SCTP_HEADER, n - SCTP_HEADER, packet->l4_len - SCTP_HEADER, packet);
	if (reason != PPS_REASON_NONE)
		return reason;
	if (packet->src_port == 0 || packet->dst_port == 0)
		return PPS_REASON_PORT_ZERO;
	return PPS_REASON_NONE;
}

/* A DCCP header by its type (RFC 4340 section 5), with long sequence numbers and with short ones: 0
 * where it must have long ones. Types that nobody has assigned have no rule. */
static const uint8_t dccp_headers[16][2] = {
	[PPS_DCCP_REQUEST] = {0, 20},
	[PPS_DCCP_RESPONSE] = {0, 28},
	[PPS_DCCP_DATA] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
	[PPS_DCCP_ACK] = {16, 24},
	[PPS_DCCP_DATAACK] = {16, 24},
	[PPS_DCCP_CLOSEREQ] = {0, 24},
	[PPS_DCCP_CLOSE] = {0, 24},
	[PPS_DCCP_RESET] = {0, 28},
	[PPS_DCCP_SYNC] = {0, 24},
	[PPS_DCCP_SYNCACK] = {0, 24},
	[10] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
	[11] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
	[12] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
	[13] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
	[14] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
	[15] = {DCCP_HEADER_SHORT, DCCP_HEADER_LONG},
};

static enum pps_reason parse_dccp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint32_t header_min, header_len, coverage;

	if (n < DCCP_HEADER_SHORT)
		return PPS_REASON_L4_TRUNCATED;
	read_ports(l4, packet);
	packet->chunk_type = l4[8] >> 1 & 0x0f;
	header_min = dccp_headers[packet->chunk_type][l4[8] & 1];
	if (header_min == 0)
		return PPS_REASON_DCCP_SHORT;
	if (n < header_min)
		return PPS_REASON_L4_TRUNCATED;
	header_len = l4[4] * 4u;
	if (header_len < header_min || header_len > packet->l4_len)
		return PPS_REASON_L4_LENGTH;
	set_payload(packet, header_len);
	coverage = l4[5] & DCCP_COVERAGE_MASK; /* 0: all; else one more than words of the data */
	if (coverage > 1 && (coverage - 1) * 4 > packet->payload_len)
		return PPS_REASON_L4_LENGTH;
	if (packet->src_port == 0 || packet->dst_port == 0)
		return PPS_REASON_PORT_ZERO;
	return PPS_REASON_NONE;
}

/* GRE is opaque when its version or its payload is none that this firewall knows how to read. */
static enum pps_tunnel gre_tunnel(const uint8_t *l4)
{
	if ((pps_load16(l4) & GRE_VERSION_MASK) != 0)
		return PPS_TUNNEL_OPAQUE;
	switch (pps_load16(l4 + 2)) {
	case PPS_ETHERTYPE_IPV4:
	case PPS_ETHERTYPE_IPV6:
	case GRE_ETHERNET:
	case GRE_MPLS:
	case GRE_MPLS_MULTICAST:
		return PPS_TUNNEL_READABLE;
	default:
		return PPS_TUNNEL_OPAQUE;
	}
}

enum pps_tunnel packet_protocol_tunnel(uint8_t protocol)
{
	switch (protocol) {
	case PPS_IP_IPIP:
	case PPS_IP_IPV6:
	case PPS_IP_GRE:
	case PPS_IP_MINENC:
	case PPS_IP_IPIP_OLD:
	case PPS_IP_ETHERIP:
	case PPS_IP_ENCAP:
	case PPS_IP_MPLS:
	case PPS_IP_ETHERNET:
		return PPS_TUNNEL_READABLE;
	case PPS_IP_ESP:
	case PPS_IP_INLSP:
	case PPS_IP_SWIPE:
	case PPS_IP_TLSP:
	case PPS_IP_SKIP:
	case PPS_IP_AX25:
	case PPS_IP_PRIVATE:
	case PPS_IP_IPCOMP:
	case PPS_IP_IPX:
	case PPS_IP_L2TP:
	case PPS_IP_PIPE:
	case PPS_IP_ROHC:
	case PPS_IP_AGGFRAG:
		return PPS_TUNNEL_OPAQUE;
	default:
		return PPS_TUNNEL_NONE;
	}
}

/* Protocols without ports: the number is the tuple's last part. */
static enum pps_reason parse_portless(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint32_t header_min = 0;

	if (packet->protocol == PPS_IP_IGMP)
		header_min = IGMP_MIN;
	else if (packet->protocol == PPS_IP_GRE)
		header_min = GRE_MIN;
	else if (packet->protocol == PPS_IP_ESP)
		header_min = ESP_MIN;
	if (n < header_min)
		return PPS_REASON_L4_TRUNCATED;
	set_payload(packet, 0);
	if (packet->protocol == PPS_IP_GRE)
		packet->tunnel = gre_tunnel(l4);
	else
		packet->tunnel = packet_protocol_tunnel(packet->protocol);
	return PPS_REASON_NONE;
}

/*
 * The authentication header (RFC 4302) hides nothing: over IPv4, too, what counts is behind it. Or
 * a ban of TCP would not cover TCP with 24 bytes in front. AH in AH is nobody's habit, and no
 * header this firewall reads.
 */
static enum pps_reason parse_ah(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint32_t size;

	if (n < AH_MIN)
		return PPS_REASON_L4_TRUNCATED;
	size = ah_size(l4, n);
	if (size == 0)
		return PPS_REASON_L4_LENGTH;
	if (l4[0] == PPS_IP_AH) {
		set_payload(packet, 0);
		packet->tunnel = PPS_TUNNEL_OPAQUE;
		return PPS_REASON_NONE;
	}
	packet->protocol = l4[0];
	packet->l4_offset = (uint16_t)(packet->l4_offset + size);
	packet->l4_len -= size;
	set_payload(packet, 0);
	return packet_parse_l4(l4 + size, n - size, packet);
}

/* Everything but TCP and UDP. */
static enum pps_reason parse_rest(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	switch (packet->protocol) {
	case PPS_IP_ICMP:
		return packet_parse_icmp(l4, n, packet);
	case PPS_IP_ICMPV6:
		return packet_parse_icmp6(l4, n, packet);
	case PPS_IP_UDPLITE:
		return parse_udp(l4, n, packet);
	case PPS_IP_SCTP:
		return parse_sctp(l4, n, packet);
	case PPS_IP_DCCP:
		return parse_dccp(l4, n, packet);
	case PPS_IP_AH:
		return parse_ah(l4, n, packet);
	case PPS_IP_NONE:
		if (packet->family == 6) {
			packet->l4_offset = 0;
			packet->l4_len = 0;
			return PPS_REASON_NONE;
		}
		break;
	default:
		break;
	}
	return parse_portless(l4, n, packet);
}

enum pps_reason packet_parse_l4(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	if (likely(packet->protocol == PPS_IP_TCP))
		return parse_tcp(l4, n, packet);
	if (likely(packet->protocol == PPS_IP_UDP))
		return parse_udp(l4, n, packet);
	return parse_rest(l4, n, packet);
}

static void read_tcp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	if (n >= 8)
		packet->tcp_seq = pps_load32(l4 + 4);
	if (n >= 12)
		packet->tcp_ack = pps_load32(l4 + 8);
	if (n >= 14)
		packet->tcp_flags = l4[13] & PPS_TCP_FLAGS_KNOWN;
	if (n >= 16)
		packet->tcp_window = pps_load16(l4 + 14);
}

static void read_icmp(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint8_t query;

	if (n < ICMP_HEADER)
		return;
	packet->icmp_type = l4[0];
	packet->icmp_code = l4[1];
	if (pps_icmp_is_query(packet->family, l4[0], &query) ||
		pps_icmp_is_reply(packet->family, l4[0], &query))
		packet->icmp_id = pps_copy16(l4 + 4);
}

void packet_read_l4(const uint8_t *l4, uint32_t n, struct pps_packet *packet)
{
	uint8_t icmp = packet->family == 4 ? PPS_IP_ICMP : PPS_IP_ICMPV6;

	if (packet->protocol == icmp)
		read_icmp(l4, n, packet);
	if (!has_ports(packet->protocol) || n < 4)
		return;
	read_ports(l4, packet);
	if (packet->protocol == PPS_IP_TCP)
		read_tcp(l4, n, packet);
	if (packet->protocol == PPS_IP_SCTP && n >= 8)
		packet->sctp_tag = pps_load32(l4 + 4);
	if (packet->protocol == PPS_IP_DCCP && n > 8)
		packet->chunk_type = l4[8] >> 1 & 0x0f;
}
