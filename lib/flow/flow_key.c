/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

#include <string.h>

#include <rte_byteorder.h>

/* The pair of ports that tells flows of one host pair apart. */
struct port_pair {
	uint16_t inside, outside;
};

/*
 * A query and its reply meet on the same key: the reply's type names its query, and its asker is
 * the side it goes to. Other ICMP types have neither, and start nothing.
 */
static struct port_pair icmp_ports(const struct pps_packet *packet, enum pps_side side)
{
	struct port_pair ports = {0, 0};
	enum pps_side asker = side;
	uint8_t query;

	if (!pps_icmp_is_query(packet->family, packet->icmp_type, &query)) {
		if (!pps_icmp_is_reply(packet->family, packet->icmp_type, &query))
			return ports;
		asker = side == PPS_SIDE_INSIDE ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE;
	}
	ports.inside = packet->icmp_id;
	ports.outside = rte_cpu_to_be_16((uint16_t)(query << 8 | asker));
	return ports;
}

static struct port_pair ports_of(const struct pps_packet *packet, enum pps_side side)
{
	if (flow_packet_is_icmp(packet))
		return icmp_ports(packet, side);
	if (side == PPS_SIDE_INSIDE)
		return (struct port_pair){packet->src_port, packet->dst_port};
	return (struct port_pair){packet->dst_port, packet->src_port};
}

void pps_flow_key_make(const struct pps_packet *packet, uint8_t segment, enum pps_side side,
	struct pps_flow_key *key)
{
	const uint8_t *inside = side == PPS_SIDE_INSIDE ? packet->src : packet->dst;
	const uint8_t *outside = side == PPS_SIDE_INSIDE ? packet->dst : packet->src;
	struct port_pair ports = ports_of(packet, side);

	key->is_wide = packet->family != 4 || packet->inner_vlan != 0;
	if (!key->is_wide) {
		memcpy(key->v4.inside, inside, sizeof(key->v4.inside));
		memcpy(key->v4.outside, outside, sizeof(key->v4.outside));
		key->v4.inside_port = ports.inside;
		key->v4.outside_port = ports.outside;
		key->v4.protocol = packet->protocol;
		key->v4.segment = segment;
		key->v4.vlan = packet->vlan;
		return;
	}
	memcpy(key->wide.inside, inside, sizeof(key->wide.inside));
	memcpy(key->wide.outside, outside, sizeof(key->wide.outside));
	key->wide.inside_port = ports.inside;
	key->wide.outside_port = ports.outside;
	key->wide.protocol = packet->protocol;
	key->wide.segment = segment;
	key->wide.vlan = packet->vlan;
	key->wide.inner_vlan = packet->inner_vlan;
	key->wide.family = packet->family;
	key->wide.pad = 0;
	key->wide.context = 0;
}
