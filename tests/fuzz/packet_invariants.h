/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PACKET_INVARIANTS_H
#define PACKET_INVARIANTS_H

/* What holds of every parsed packet, whatever the bytes were. Each returns NULL, or the sentence
 * that is not true. */

#include <string.h>

#include <pps_packet.h>

static inline bool is_all_zero(const void *bytes, size_t n)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < n; i++) {
		if (byte[i] != 0)
			return false;
	}
	return true;
}

/* What passes as SCTP. */
static inline const char *broken_sctp(const struct pps_packet *packet)
{
	bool init = packet->chunk_type == PPS_SCTP_INIT || packet->chunk_type == PPS_SCTP_INIT_ACK;

	if (packet->src_port == 0 || packet->dst_port == 0 || packet->l4_len < 16)
		return "SCTP has ports, a whole header and a chunk";
	if (init != (packet->sctp_init_tag != 0))
		return "INIT and INIT ACK have an initiate tag, and nothing else has";
	if (init && packet->l4_len < 32 && !packet->fragment)
		return "INIT and INIT ACK are whole";
	if (packet->chunk_type == PPS_SCTP_INIT && packet->sctp_tag != 0)
		return "INIT has no verification tag";
	return NULL;
}

/* Offsets and lengths, for packets and quotes alike. */
static inline const char *broken_offsets(const struct pps_packet *packet)
{
	if (packet->l3_offset > packet->length)
		return "the network header starts inside the frame";
	if (packet->l4_offset != 0 && packet->l4_offset < packet->l3_offset)
		return "the transport header is behind the network header";
	if (packet->l4_offset != 0 && packet->l4_offset + packet->l4_len > packet->length)
		return "the transport ends inside the frame";
	if (packet->payload_offset != 0 && packet->payload_offset < packet->l4_offset)
		return "the payload is behind the transport header";
	if (packet->payload_offset + packet->payload_len > packet->length)
		return "the payload ends inside the frame";
	if (packet->payload_offset != 0 && packet->l4_offset != 0 &&
		packet->payload_offset + packet->payload_len != packet->l4_offset + packet->l4_len)
		return "transport and payload end together";
	return NULL;
}

static inline const char *broken_fields(const struct pps_packet *packet)
{
	if (packet->family == 4 && !is_all_zero(packet->src + 4, 12))
		return "an IPv4 source has four bytes";
	if (packet->family == 4 && !is_all_zero(packet->dst + 4, 12))
		return "an IPv4 destination has four bytes";
	if (packet->vlan >= 4095 || packet->inner_vlan >= 4095)
		return "VLAN ids are below 4095";
	if (packet->n_vlans > PPS_VLAN_TAGS_MAX || (packet->n_vlans < 2 && packet->inner_vlan != 0))
		return "there are as many VLAN ids as tags";
	if (packet->later_fragment && !packet->fragment)
		return "a later fragment is a fragment";
	if (packet->later_fragment != (packet->fragment_offset != 0))
		return "a later fragment has an offset";
	if (packet->later_fragment &&
		(packet->src_port != 0 || packet->dst_port != 0 || packet->tcp_flags != 0 ||
			packet->icmp_type != 0 || packet->l4_offset != 0))
		return "nothing of a transport header was read from a later fragment";
	if (packet->tcp_scale > PPS_TCP_SCALE_NONE ||
		(packet->tcp_scale != 0 && (packet->tcp_flags & PPS_TCP_SYN) == 0))
		return "a window scale is at most 14, and of a SYN";
	return NULL;
}

static inline const char *broken_pass(const struct pps_packet *packet)
{
	bool ip = packet->kind == PPS_PACKET_IP || packet->kind == PPS_PACKET_ICMP_ERROR ||
		packet->kind == PPS_PACKET_ND;

	if (ip != (packet->family == 4 || packet->family == 6))
		return "IP has a family and nothing else has";
	if (packet->kind == PPS_PACKET_ND && packet->family != 6)
		return "neighbour discovery is IPv6";
	if (packet->family == 4 && memcmp(packet->src, packet->dst, 4) == 0 &&
		packet->dst_port == 0)
		return "source and destination differ";
	if (ip && packet->hop_limit == 0)
		return "a hop limit of zero does not pass";
	if (packet->protocol == PPS_IP_TCP && !packet->fragment && ip &&
		(packet->src_port == 0 || packet->dst_port == 0 || packet->l4_len < 20))
		return "TCP has ports and a whole header";
	if (packet->protocol == PPS_IP_UDP && !packet->fragment && ip &&
		(packet->dst_port == 0 || packet->l4_len < 8))
		return "UDP has a destination port and a whole header";
	if (packet->protocol == PPS_IP_SCTP && !packet->later_fragment && ip)
		return broken_sctp(packet);
	if (packet->protocol != PPS_IP_SCTP && (packet->sctp_init_tag | packet->chunk_flags) != 0)
		return "only SCTP has chunks";
	if (ip && !packet->fragment && packet->l4_offset == 0 &&
		!(packet->family == 6 && packet->protocol == PPS_IP_NONE))
		return "IP has a transport";
	return NULL;
}

static inline const char *broken_packet(enum pps_reason reason, const struct pps_packet *packet)
{
	const char *broken = broken_offsets(packet);

	if (reason >= PPS_REASON_COUNT)
		return "the reason exists";
	if (broken == NULL)
		broken = broken_fields(packet);
	if (broken == NULL && reason == PPS_REASON_NONE)
		broken = broken_pass(packet);
	return broken;
}

static inline const char *broken_quote(
	const struct pps_packet *error, const struct pps_packet *quoted)
{
	const char *broken = broken_offsets(quoted);

	if (broken == NULL)
		broken = broken_fields(quoted);
	if (broken != NULL)
		return broken;
	if (quoted->family != error->family || quoted->kind != PPS_PACKET_IP)
		return "the quote is of the error's family";
	if (quoted->later_fragment || quoted->l4_offset < error->l4_offset + 8)
		return "the quote has a transport of its own";
	if (quoted->vlan != error->vlan || quoted->inner_vlan != error->inner_vlan)
		return "the quote travels in the error's VLAN";
	return NULL;
}

#endif
