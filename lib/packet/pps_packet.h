/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_PACKET_H
#define PPS_PACKET_H

/*
 * One frame, parsed once.
 *
 * pps_packet_parse() walks the link, network and transport headers of one frame in a single
 * bounds-checked pass, from a pointer and a length, and writes what it found to a struct
 * pps_packet. Everything downstream reads that structure and never the bytes. Steps 1 and 2 of the
 * law that need no policy are decided here: a malformed frame gets the reason by which it is
 * dropped. What needs the policy (is this VLAN, this ethertype, ARP permitted?) is decided by the
 * filter from the fields.
 *
 * The parser trusts no byte. It reads at most PPS_PACKET_HEADER_MAX bytes from the front of the
 * frame; the frame's own length is given apart, so that lengths in headers are checked against
 * what is really there even when only the front is contiguous in memory. Loops are bounded: two
 * VLAN tags, 40 bytes of IPv4 options, PPS_EXT_HEADERS_MAX extension headers, SCTP chunks, the
 * options and records of what passes by the link section.
 *
 * The IPv6 extension headers are a closed list (hop-by-hop, routing, fragment, destination options,
 * AH; RFC 8200 section 4.1): any other next header is terminal and is the upper-layer protocol.
 * The AH is walked over IPv4 as well: a rule speaks of what is behind it, and so does a ban.
 *
 * A later fragment has no transport header: ports, flags and l4_offset stay 0 and 'fragment' says
 * so. The transport header of a first fragment is judged like a whole packet's, and must be in it
 * whole (RFC 1858, RFC 7112). What a fragment says of itself that cannot be (no data, a length that
 * is no multiple of eight, an end behind 65,535 bytes) is a reason of the fragments step; how
 * fragments fit together is lib/fragment's. l4_len and payload_len are those of the fragment,
 * 'fragment_len' is what it holds of the datagram, from 'fragment_start'. An IPv6 atomic fragment
 * (RFC 6946) is a whole packet.
 *
 * TCP options are read in SYNs alone, and of them the window scale alone. An option whose length
 * cannot be ends the list: it and what is behind it are as if they were not there, as endpoints
 * have it. The last of several window scales counts.
 *
 * SCTP chunks are all walked, at most PPS_SCTP_CHUNKS_MAX of them. The one that can change most in
 * an association speaks for the packet: ABORT, SHUTDOWN ACK, SHUTDOWN, the handshake's, ERROR, then
 * what is mere traffic; before all of them a type that nobody has assigned. INIT, INIT ACK and
 * SHUTDOWN COMPLETE come alone, control chunks before DATA (RFC 9260 section 6.10), and behind an
 * ABORT nobody looks. Of a first fragment, and behind PPS_PACKET_HEADER_MAX, only the chunks that
 * begin in what may be read are known.
 *
 * Byte order: addresses and ports stay in network order as they go into keys; everything else is
 * host order. No DPDK, no allocation, no state; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_stats.h>

/* What lies behind is not read: a longer chain of headers is "truncated". */
#define PPS_PACKET_HEADER_MAX 2048
#define PPS_EXT_HEADERS_MAX   8
#define PPS_VLAN_TAGS_MAX     2

/* IP protocol numbers the law speaks of. */
enum pps_ip_protocol {
	PPS_IP_HOPOPTS = 0,
	PPS_IP_ICMP = 1,
	PPS_IP_IGMP = 2,
	PPS_IP_IPIP = 4,
	PPS_IP_TCP = 6,
	PPS_IP_UDP = 17,
	PPS_IP_DCCP = 33,
	PPS_IP_IPV6 = 41,
	PPS_IP_ROUTING = 43,
	PPS_IP_FRAGMENT = 44,
	PPS_IP_GRE = 47,
	PPS_IP_ESP = 50,
	PPS_IP_AH = 51,
	PPS_IP_INLSP = 52,
	PPS_IP_SWIPE = 53,
	PPS_IP_MINENC = 55, /* RFC 2004 */
	PPS_IP_TLSP = 56,
	PPS_IP_SKIP = 57,
	PPS_IP_ICMPV6 = 58,
	PPS_IP_NONE = 59,
	PPS_IP_DSTOPTS = 60,
	PPS_IP_AX25 = 93,
	PPS_IP_IPIP_OLD = 94, /* "IP within IP", of before RFC 2003 */
	PPS_IP_ETHERIP = 97,
	PPS_IP_ENCAP = 98, /* RFC 1241 */
	PPS_IP_PRIVATE = 99, /* "any private encryption scheme" */
	PPS_IP_IPCOMP = 108,
	PPS_IP_IPX = 111,
	PPS_IP_L2TP = 115,
	PPS_IP_PIPE = 131,
	PPS_IP_SCTP = 132,
	PPS_IP_UDPLITE = 136,
	PPS_IP_MPLS = 137,
	PPS_IP_ROHC = 142, /* RFC 5858 */
	PPS_IP_ETHERNET = 143, /* RFC 8986 */
	PPS_IP_AGGFRAG = 144, /* RFC 9347 */
};

#define PPS_ETHERTYPE_IPV4     0x0800
#define PPS_ETHERTYPE_ARP      0x0806
#define PPS_ETHERTYPE_VLAN     0x8100
#define PPS_ETHERTYPE_IPV6     0x86dd
#define PPS_ETHERTYPE_QINQ     0x88a8
#define PPS_ETHERTYPE_QINQ_OLD 0x9100
#define PPS_ETHERTYPE_MIN      0x0600 /* below: an 802.3 length */

#define PPS_TCP_FIN 0x01
#define PPS_TCP_SYN 0x02
#define PPS_TCP_RST 0x04
#define PPS_TCP_PSH 0x08
#define PPS_TCP_ACK 0x10
#define PPS_TCP_URG 0x20

#define PPS_TCP_SCALE_MAX  14 /* RFC 7323 section 2.3: more is treated as this */
#define PPS_TCP_SCALE_NONE 15 /* no window scale option */

/* SCTP chunk types (RFC 9260, 3758, 4895, 5061, 6525, 8260 and 4820). */
enum pps_sctp_chunk {
	PPS_SCTP_DATA = 0,
	PPS_SCTP_INIT = 1,
	PPS_SCTP_INIT_ACK = 2,
	PPS_SCTP_SACK = 3,
	PPS_SCTP_HEARTBEAT = 4,
	PPS_SCTP_HEARTBEAT_ACK = 5,
	PPS_SCTP_ABORT = 6,
	PPS_SCTP_SHUTDOWN = 7,
	PPS_SCTP_SHUTDOWN_ACK = 8,
	PPS_SCTP_ERROR = 9,
	PPS_SCTP_COOKIE_ECHO = 10,
	PPS_SCTP_COOKIE_ACK = 11,
	PPS_SCTP_ECNE = 12,
	PPS_SCTP_CWR = 13,
	PPS_SCTP_SHUTDOWN_COMPLETE = 14,
	PPS_SCTP_AUTH = 15,
	PPS_SCTP_I_DATA = 64,
	PPS_SCTP_ASCONF_ACK = 128,
	PPS_SCTP_RE_CONFIG = 130,
	PPS_SCTP_PAD = 132,
	PPS_SCTP_FORWARD_TSN = 192,
	PPS_SCTP_ASCONF = 193,
	PPS_SCTP_I_FORWARD_TSN = 194,
};

#define PPS_SCTP_T          0x01 /* in ABORT and SHUTDOWN COMPLETE: the tag is the sender's own */
#define PPS_SCTP_CHUNKS_MAX 128

enum pps_dccp_type {
	PPS_DCCP_REQUEST,
	PPS_DCCP_RESPONSE,
	PPS_DCCP_DATA,
	PPS_DCCP_ACK,
	PPS_DCCP_DATAACK,
	PPS_DCCP_CLOSEREQ,
	PPS_DCCP_CLOSE,
	PPS_DCCP_RESET,
	PPS_DCCP_SYNC,
	PPS_DCCP_SYNCACK,
	PPS_DCCP_TYPES
};

/* What the frame is, for the filter's first branch. */
enum pps_packet_kind {
	PPS_PACKET_OTHER, /* neither IP nor ARP: link.ethertypes */
	PPS_PACKET_ARP, /* shape already checked */
	PPS_PACKET_IP, /* has a tuple: a flow of its own */
	PPS_PACKET_ICMP_ERROR, /* ICMP 3, 11, 12; ICMPv6 1 to 4 */
	PPS_PACKET_ND, /* neighbour discovery or MLD, shape already checked */
};

/* Tunnels, by what the header says; design 2.9. */
enum pps_tunnel {
	PPS_TUNNEL_NONE,
	PPS_TUNNEL_READABLE, /* in clear text: IPIP, 6in4, GRE, EtherIP, MPLS, VXLAN, LISP, ... */
	PPS_TUNNEL_OPAQUE, /* encrypted, compressed or framed in ways of their own: ESP, L2TPv3, ...
			    */
};

struct pps_packet {
	/* First cache line: what every packet of a flow needs. */
	uint8_t src[16], dst[16]; /* network order; IPv4: first four bytes, rest zero */
	uint16_t src_port, dst_port; /* network order; 0 without ports and for ICMP */
	uint16_t vlan; /* outer VLAN id; 0: untagged */
	uint16_t inner_vlan; /* the second tag's id; 0: none */
	uint8_t family; /* 4, 6; 0: not IP */
	uint8_t protocol; /* upper-layer protocol */
	uint8_t kind; /* enum pps_packet_kind */
	uint8_t tunnel; /* enum pps_tunnel */
	uint8_t tcp_flags; /* PPS_TCP_*; never ECE or CWR */
	uint8_t icmp_type, icmp_code; /* ICMP and ICMPv6 */
	uint8_t chunk_type; /* SCTP: enum pps_sctp_chunk that speaks for the packet, 0 in quotes;
			     * DCCP: packet type */
	uint16_t icmp_id; /* network order: id of an ICMP query or reply; node information: Qtype */
	bool fragment; /* a fragment, first or later */
	bool later_fragment; /* offset > 0: no transport header was read */
	uint32_t length; /* of the whole frame, bytes */
	uint16_t ethertype; /* of the payload behind the VLAN tags, or the 802.3 length */
	uint8_t n_vlans; /* tags on the frame, 0 to 2 */
	uint8_t hop_limit; /* TTL or hop limit */

	/* Second: what the transport state machines and errors need. */
	uint32_t tcp_seq, tcp_ack; /* host order */
	uint16_t tcp_window; /* host order, unscaled */
	uint16_t l3_offset; /* from the start of the frame */
	uint16_t l4_offset; /* transport header; 0 when there is none */
	uint16_t payload_offset; /* behind the transport header */
	uint32_t payload_len; /* transport payload, from the IP length */
	uint32_t l4_len; /* transport header and payload, from the IP length; a fragment's data */
	uint32_t sctp_tag; /* host order */
	uint32_t sctp_init_tag; /* host order: the initiate tag of an INIT or INIT ACK, else 0 */
	uint32_t fragment_id; /* host order; 16 bits for IPv4 */
	uint16_t fragment_offset; /* bytes */
	uint16_t fragment_len; /* bytes of the datagram in this fragment */
	uint16_t fragment_start; /* where they start in the frame */
	bool more_fragments;
	uint8_t next_header; /* IPv6: of the fixed header. IPv4: protocol */
	uint8_t tcp_scale; /* of a SYN: its window scale, or PPS_TCP_SCALE_NONE; else 0 */
	uint8_t chunk_flags; /* SCTP: of that chunk */
} __attribute__((aligned(PPS_CACHE_LINE)));

_Static_assert(offsetof(struct pps_packet, tcp_seq) <= PPS_CACHE_LINE,
	"what every packet needs is one cache line");
_Static_assert(sizeof(struct pps_packet) == 2 * PPS_CACHE_LINE, "two cache lines");

/*
 * Parses the frame whose first 'head_len' bytes are at 'data' and whose whole length is
 * 'frame_len' >= head_len bytes. head_len must be min(frame_len, PPS_PACKET_HEADER_MAX) or more.
 * Writes all of *packet in every case; the fields of headers behind the one that failed are 0.
 * Returns PPS_REASON_NONE, or the reason of step 1 or 2 by which the frame is to be dropped.
 */
enum pps_reason pps_packet_parse(
	const uint8_t *data, uint32_t head_len, uint32_t frame_len, struct pps_packet *packet);

/*
 * Of a packet that was dropped by the parser: does it name, all the same, the datagram it is a
 * fragment of? (Of an IPv4 header that is wrong itself nothing is believed.)
 */
static inline bool pps_packet_names_datagram(const struct pps_packet *packet)
{
	return packet->fragment && (packet->family == 6 || packet->payload_offset != 0);
}

/*
 * Parses the packet quoted by the ICMP error 'error' (RFC 792, RFC 4443; RFC 1812 asks for as much
 * as fits, so the quote may stop anywhere behind eight bytes of transport header). 'data' is the
 * error's own frame. The tuple in *quoted is as the offending packet was sent: source is the host
 * that receives the error. Quoted lengths and checksums are not compared with anything.
 * Offsets in *quoted are from the start of the error's frame; VLAN ids are the error's.
 * Returns false when the quote has no usable tuple (too short, a later fragment, another family,
 * an ICMP message that is no query or reply); *quoted is then of no use.
 */
bool pps_packet_parse_quote(const uint8_t *data, uint32_t head_len, const struct pps_packet *error,
	struct pps_packet *quoted);

/* ICMP and ICMPv6 queries and replies (echo, extended echo, timestamp, information, address mask,
 * node information): *ret_query is the query's type for both. False for any other type. */
bool pps_icmp_is_query(uint8_t family, uint8_t type, uint8_t *ret_query);
bool pps_icmp_is_reply(uint8_t family, uint8_t type, uint8_t *ret_query);

#endif
