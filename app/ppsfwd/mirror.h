/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MIRROR_H
#define MIRROR_H

/*
 * Which side of the wire sent a frame that came on a mirror port, where both directions are mixed?
 *
 * The configuration lists what is inside, by prefixes or by MAC addresses, and the list is taken to
 * be whole: what it does not hold is outside. Then source and destination must agree:
 *
 *     source    destination                               the frame is from
 *     inside    outside, or says nothing                  inside
 *     outside   inside, or says nothing                   outside
 *     inside    inside                                    unknown
 *     outside   outside                                   unknown
 *     says nothing                                        unknown
 *
 * Nothing is guessed: what is unknown is counted (side_unknown) and not judged.
 *
 * By prefixes, the addresses are those of the IP header, of ARP the sender's and the target's
 * protocol address, behind at most two VLAN tags. An address that exists on both sides, or belongs
 * to nobody, says nothing unless the list holds it: as a source the unspecified address and
 * link-local ones (169.254.0.0/16, fe80::/10), as a destination these and multicast and broadcast,
 * and in ARP the sender's own address (an announcement). Everything that is neither IP nor ARP is
 * unknown. So neighbour discovery between link-local addresses is unknown, and ARP and
 * broadcasts between hosts of one prefix that lies on both sides.
 *
 * By MAC addresses the Ethernet header tells, of every frame; a group as destination says nothing.
 * It is the way to take where one subnet lies on both sides of the wire.
 *
 * Life-cycle: create -> tell -> destroy. Immutable in between. No DPDK; every byte is checked.
 */

#include <stdint.h>

#include "config.h"

enum mirror_side {
	MIRROR_INSIDE = PPS_SIDE_INSIDE,
	MIRROR_OUTSIDE = PPS_SIDE_OUTSIDE,
	MIRROR_UNKNOWN = 2
};

struct mirror;

/* For a segment with 'mirror', which may go afterwards. NULL and errno. */
struct mirror *mirror_create(const struct config_segment *segment);
void mirror_destroy(struct mirror *mirror); /* NULL is fine */

/* Of a frame whose first 'len' bytes are at 'data'; MIRROR_HEAD of them are enough. */
#define MIRROR_HEAD 62 /* Ethernet, two tags and an IPv6 header */
enum mirror_side mirror_tell(const struct mirror *mirror, const uint8_t *data, uint32_t len);

#endif
