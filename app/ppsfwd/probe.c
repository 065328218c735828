/* SPDX-License-Identifier: BSD-3-Clause */
#include "probe.h"

#include <string.h>

#include <pps_packet.h>

#define HOP_LIMIT           64
#define ND_HOP_LIMIT        255 /* RFC 4861 */
#define MLD_HOP_LIMIT       1 /* RFC 2710 */
#define IPV4_HEADER         20
#define IPV6_HEADER         40
#define TCP_HEADER          20
#define SCTP_INIT_LENGTH    20
#define DCCP_REQUEST_LENGTH 20
#define OTHER_PAYLOAD       16

static uint8_t *put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static bool is_icmpv6(const struct probe *probe)
{
	return probe->source.family == 6 && probe->protocol == PPS_IP_ICMPV6;
}

static bool is_nd(const struct probe *probe)
{
	return is_icmpv6(probe) && probe->icmp_type >= 133 && probe->icmp_type <= 136;
}

static bool is_mld(const struct probe *probe)
{
	return is_icmpv6(probe) &&
		((probe->icmp_type >= 130 && probe->icmp_type <= 132) || probe->icmp_type == 143);
}

/* Queries, and what neighbour discovery and MLD are made of. */
static size_t build_icmp(const struct probe *probe, uint8_t *l4)
{
	l4[0] = probe->icmp_type;
	l4[1] = probe->icmp_code;
	if (!is_nd(probe) && !is_mld(probe)) {
		put16(l4 + 4, 1);
		return 8;
	}
	switch (probe->icmp_type) {
	case 131: /* report, done: of the group it goes to */
	case 132:
		memcpy(l4 + 8, probe->destination.bytes, 16);
		l4[8] = 0xff;
		return 24;
	case 134:
		return 16;
	case 135: /* solicitation, advertisement: of the sender */
	case 136:
		memcpy(l4 + 8, probe->source.bytes, 16);
		return 24;
	case 130: /* general query */
		return 24;
	default: /* router solicitation; report of no groups */
		return 8;
	}
}

/* The transport header at 'l4' (zeroed); returns its length. */
static size_t build_l4(const struct probe *probe, uint8_t *l4)
{
	if (probe->protocol == PPS_IP_ICMP || probe->protocol == PPS_IP_ICMPV6)
		return build_icmp(probe, l4);
	if (probe->protocol != PPS_IP_TCP && probe->protocol != PPS_IP_UDP &&
		probe->protocol != PPS_IP_UDPLITE && probe->protocol != PPS_IP_SCTP &&
		probe->protocol != PPS_IP_DCCP)
		return OTHER_PAYLOAD;
	put16(l4, probe->source_port);
	put16(l4 + 2, probe->destination_port);
	switch (probe->protocol) {
	case PPS_IP_TCP:
		l4[12] = TCP_HEADER / 4 << 4;
		l4[13] = probe->tcp_flags;
		return TCP_HEADER;
	case PPS_IP_SCTP:
		l4[12] = 1; /* INIT */
		put16(l4 + 14, SCTP_INIT_LENGTH);
		l4[19] = 1; /* initiate tag */
		l4[25] = l4[27] = 1; /* streams */
		return 12 + SCTP_INIT_LENGTH;
	case PPS_IP_DCCP:
		l4[4] = DCCP_REQUEST_LENGTH / 4;
		l4[8] = 0x01; /* REQUEST with long sequence numbers */
		return DCCP_REQUEST_LENGTH;
	default: /* UDP; for UDP-Lite the field is the checksum's coverage */
		put16(l4 + 4, 8);
		return 8;
	}
}

static void checksum(uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < IPV4_HEADER; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(header + 10, ~sum & 0xffff);
}

/* Hop-by-hop options with a router alert (RFC 2711): MLD has them. */
static size_t build_router_alert(uint8_t *at)
{
	static const uint8_t options[] = {PPS_IP_ICMPV6, 0, 5, 2, 0, 0, 1, 0};

	memcpy(at, options, sizeof(options));
	return sizeof(options);
}

static size_t build_ipv6(const struct probe *probe, uint8_t *at)
{
	size_t len = 0;

	at[0] = 0x60;
	at[6] = probe->protocol;
	at[7] = HOP_LIMIT;
	if (is_nd(probe)) {
		at[7] = ND_HOP_LIMIT;
	} else if (is_mld(probe)) {
		at[6] = PPS_IP_HOPOPTS;
		at[7] = MLD_HOP_LIMIT;
		len = build_router_alert(at + IPV6_HEADER);
	}
	len += build_l4(probe, at + IPV6_HEADER + len);
	put16(at + 4, (unsigned int)len);
	memcpy(at + 8, probe->source.bytes, 16);
	memcpy(at + 24, probe->destination.bytes, 16);
	return IPV6_HEADER + len;
}

size_t probe_build(const struct probe *probe, uint8_t frame[PROBE_MAX])
{
	bool v6 = probe->source.family == 6;
	uint8_t *at = frame + 12;
	size_t l4_len;

	memset(frame, 0, PROBE_MAX);
	frame[0] = frame[6] = 0x02; /* locally administered */
	frame[5] = 1;
	frame[11] = 2;
	if (probe->vlan != 0) {
		at = put16(at, PPS_ETHERTYPE_VLAN);
		at = put16(at, probe->vlan);
	}
	at = put16(at, v6 ? PPS_ETHERTYPE_IPV6 : PPS_ETHERTYPE_IPV4);
	if (v6)
		return (size_t)(at - frame) + build_ipv6(probe, at);
	l4_len = build_l4(probe, at + IPV4_HEADER);
	at[0] = 0x45;
	put16(at + 2, (unsigned int)(IPV4_HEADER + l4_len));
	at[8] = HOP_LIMIT;
	at[9] = probe->protocol;
	memcpy(at + 12, probe->source.bytes, 4);
	memcpy(at + 16, probe->destination.bytes, 4);
	checksum(at);
	return (size_t)(at - frame) + IPV4_HEADER + l4_len;
}
