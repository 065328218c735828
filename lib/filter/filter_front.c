/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The front of the law: what can be said of a frame before anybody asks for its flow. Steps 1 and
 * 2, and what of step 6 needs no flow; a frame that is to go on gets its flow key here.
 */

#include <string.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <pps_packet_common.h>

#include "filter_priv.h"

#define PREFETCH_AHEAD 4

static bool vlans_permitted(const struct pps_ruleset_link *link, const struct pps_packet *packet)
{
	uint16_t outer = packet->vlan, inner = packet->inner_vlan;

	return (link->vlans[outer / 64] >> outer % 64 & 1) &&
		(link->vlans[inner / 64] >> inner % 64 & 1);
}

static bool ethertype_permitted(
	const struct pps_ruleset_link *link, uint16_t ethertype, enum pps_direction direction)
{
	uint16_t wanted = ethertype < PPS_ETHERTYPE_MIN ? 0 : ethertype;

	for (unsigned int i = 0; i < link->n_ethertypes; i++) {
		if (link->ethertypes[i].ethertype == wanted)
			return link->ethertypes[i].direction & direction;
	}
	return false;
}

/* What can be said of a frame without its flow. 'parsed' is what the parser said. */
static enum pps_reason front_check(const struct pps_ruleset_link *link,
	const struct pps_packet *packet, enum pps_reason parsed, enum pps_direction direction)
{
	if (parsed != PPS_REASON_NONE && pps_reason_step(parsed) == PPS_STEP_LINK)
		return parsed;
	if (packet->n_vlans > 0 && !vlans_permitted(link, packet))
		return PPS_REASON_VLAN_DENIED;
	if (parsed != PPS_REASON_NONE)
		return parsed;
	switch (packet->kind) {
	case PPS_PACKET_IP:
	case PPS_PACKET_ICMP_ERROR:
		return PPS_REASON_NONE;
	case PPS_PACKET_ARP:
		return link->arp & direction ? PPS_REASON_NONE : PPS_REASON_ARP_DENIED;
	case PPS_PACKET_ND:
		return link->neighbor_discovery & direction ? PPS_REASON_NONE
							    : PPS_REASON_ND_DENIED;
	default:
		if (ethertype_permitted(link, packet->ethertype, direction))
			return PPS_REASON_NONE;
		return packet->ethertype < PPS_ETHERTYPE_MIN ? PPS_REASON_LENGTH_FRAME_DENIED
							     : PPS_REASON_ETHERTYPE_DENIED;
	}
}

/*
 * The key by which an ICMP error finds the flow it speaks of: that of the packet it quotes, which
 * was sent from the side the error goes to, to the host the error names as its destination. The
 * quoted numbers go along in the error, which has none: SCTP's tag, TCP's sequence number.
 */
static enum pps_reason quote_key(const uint8_t *data, uint32_t head_len, struct pps_packet *error,
	const struct pps_ingress *ingress, struct pps_flow_key *ret_key)
{
	struct pps_packet quoted;

	if (!pps_packet_parse_quote(data, head_len, error, &quoted))
		return PPS_REASON_ICMP_ERROR_QUOTE;
	if (memcmp(quoted.src, error->dst, sizeof(quoted.src)) != 0)
		return PPS_REASON_ICMP_ERROR_UNRELATED;
	quoted.vlan = error->vlan;
	quoted.inner_vlan = error->inner_vlan;
	error->sctp_tag = quoted.sctp_tag;
	error->tcp_seq = quoted.tcp_seq;
	pps_flow_key_make(&quoted, ingress->segment, !ingress->side, ret_key);
	return PPS_REASON_NONE;
}

void front(struct burst *burst, unsigned int i, const uint8_t *data, uint32_t head_len,
	uint32_t len, struct pps_verdict *verdict)
{
	const struct pps_ingress *ingress = burst->ingress;
	struct pps_packet *packet = &burst->packets[i];
	struct pps_flow_key *key = &burst->keys[burst->n_keyed];
	enum pps_reason reason = pps_packet_parse(data, head_len, len, packet);

	*verdict = (struct pps_verdict){.flow = PPS_FLOW_NONE};
	reason = front_check(
		&burst->ruleset->link, packet, reason, pps_side_direction(ingress->side));
	if (unlikely(packet->fragment)) {
		burst->has_fragments = true;
		if (packet->later_fragment) {
			verdict->reason = (uint8_t)reason;
			return;
		}
	}
	if (reason == PPS_REASON_NONE) {
		if (packet->kind == PPS_PACKET_IP) {
			pps_flow_key_make(packet, ingress->segment, ingress->side, key);
			burst->keyed[burst->n_keyed++] = (uint8_t)i;
		} else if (packet->kind == PPS_PACKET_ICMP_ERROR) {
			reason = quote_key(data, head_len, packet, ingress, key);
			if (reason == PPS_REASON_NONE)
				burst->keyed[burst->n_keyed++] = (uint8_t)i;
		}
	}
	/* Step 4 comes before what step 6 says of ICMP without asking for a flow. */
	if (unlikely(reason != PPS_REASON_NONE) && pps_reason_step(reason) == PPS_STEP_ICMP &&
		packet->kind != PPS_PACKET_ND && source_is_blocked(burst, packet))
		reason = PPS_REASON_SOURCE_BLOCKED;
	verdict->reason = (uint8_t)reason;
}

/* A frame that nothing can be said of without its flow, as nearly all are. False: front()'s. */
static inline bool front_common(struct burst *burst, struct pps_ingress ingress, unsigned int i,
	const uint8_t *data, uint32_t head_len, uint32_t len, struct pps_verdict *verdict)
{
	struct pps_packet *packet = &burst->packets[i];

	if (unlikely(!pps_packet_parse_common(data, head_len, len, packet)))
		return false;
	pps_flow_key_make_common(
		packet, ingress.segment, ingress.side, &burst->keys[burst->n_keyed]);
	burst->keyed[burst->n_keyed++] = (uint8_t)i;
	*verdict = (struct pps_verdict){.flow = PPS_FLOW_NONE};
	return true;
}

/* A frame in an mbuf, which may have several segments. */
static inline void front_mbuf(struct pps_filter *filter, struct pps_ingress ingress, unsigned int i,
	struct rte_mbuf *frame, struct pps_verdict *verdict)
{
	uint32_t len = rte_pktmbuf_pkt_len(frame);
	uint32_t head_len = rte_pktmbuf_data_len(frame);
	const uint8_t *data = rte_pktmbuf_mtod(frame, const uint8_t *);

	if (unlikely(head_len < len && head_len < PPS_PACKET_HEADER_MAX)) {
		head_len = RTE_MIN(len, (uint32_t)PPS_PACKET_HEADER_MAX);
		data = rte_pktmbuf_read(frame, 0, head_len, filter->bounce);
	}
	if (unlikely(!front_common(&filter->burst, ingress, i, data, head_len, len, verdict)))
		front(&filter->burst, i, data, head_len, len, verdict);
}

void front_burst(struct pps_filter *filter, struct pps_verdict *verdicts)
{
	struct rte_mbuf **frames = filter->burst.frames;
	struct pps_ingress ingress = *filter->burst.ingress;
	unsigned int n = filter->burst.n;

	for (unsigned int i = 0; i < n && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void *));
	for (unsigned int i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + PREFETCH_AHEAD], const void *));
		front_mbuf(filter, ingress, i, frames[i], &verdicts[i]);
	}
}
