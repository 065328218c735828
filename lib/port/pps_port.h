/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_PORT_H
#define PPS_PORT_H

/*
 * Ports and segments: bringing ethdev ports up as a transparent wire.
 *
 * pps_ports_open() finds the configured ports among those EAL probed (by ethdev name or PCI
 * address; a port that EAL did not bring up is an error: EAL itself succeeds with a missing pcap
 * file), configures each with one receive and one transmit queue per worker, no offloads that
 * change a frame (VLAN strip, checksum, LRO off), promiscuous, flow control off where the driver
 * lets us, and the same MTU on both sides of a segment. Nothing is started.
 *
 * pps_ports_start() starts them all, the last thing before workers run, and pps_ports_stop() is the
 * first thing after they stopped: while no worker runs, no frame crosses. pps_ports_close() gives
 * the devices back: EAL knows such a port no more until somebody plugs it again. An open that fails
 * closes what it had configured.
 *
 * Packet buffers come from one pool for all ports. Long frames are chains of buffers; only where a
 * driver cannot chain is every buffer as long as the longest frame.
 *
 * Link. Management polls pps_ports_link_poll(): when one side of a segment loses its link, the
 * other side is taken down where the driver can, and brought back when it returns, with a debounce
 * so that the two never chase each other. A driver that cannot is said once and left.
 *
 * Receive only. An observer sends nothing: its ports get no transmit queue at all (where a driver
 * insists, queues that nobody uses), pause frames are switched off, links are watched and never
 * mirrored. A segment may then be one mirror port on which both directions come mixed.
 *
 * Threads: management only, except the queues themselves.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_base.h>
#include <pps_flow.h>
#include <pps_stats.h>

#define PPS_SEGMENTS_MAX (PPS_PORTS_MAX / 2)
#define PPS_SIDE_MIXED   2 /* of a mirror port, which is on neither side */

struct rte_mempool;

struct pps_segment_params {
	const char *name;
	const char *inside, *outside; /* ethdev names or PCI addresses */
	uint16_t mtu; /* bytes of layer 3; 0: 1500 or what the driver has */
	const char *mirror; /* instead of the two: a mirror port (receive only), or NULL */
};

struct pps_ports_params {
	const struct pps_segment_params *segments;
	unsigned int n_segments;
	unsigned int n_workers; /* queues */
	uint16_t descriptors; /* 0: 1024 */
	bool receive_only; /* nothing is ever sent */
	bool capture_clock; /* every port must be a net_pcap that reads files once */
};

/* One port, as workers see it. Immutable after open. */
struct pps_port {
	uint16_t id; /* DPDK port id */
	uint16_t peer; /* DPDK port id of the other side; a mirror port's own */
	uint8_t segment;
	uint8_t side; /* enum pps_side, or PPS_SIDE_MIXED */
	char name[64];
	const char *driver;
	bool giants; /* its driver hands over frames longer than any packet of IP, and not all of
			them: to read such a mbuf is to read behind it */
};

struct pps_ports {
	struct pps_port *items; /* segment by segment, inside first */
	unsigned int n;
	bool receive_only;
	struct rte_mempool *pool;
	uint32_t n_mbufs;
	struct pps_ports_priv *priv;
};

/* "inside", "outside" or "mirror". */
const char *pps_port_side_word(const struct pps_port *port);

/* NULL and errors. EAL must be up. */
struct pps_ports *pps_ports_open(const struct pps_ports_params *params, struct pps_errors *errors);
bool pps_ports_start(struct pps_ports *ports, struct pps_errors *errors);
void pps_ports_stop(struct pps_ports *ports);
void pps_ports_close(struct pps_ports *ports); /* stops if need be; NULL is fine */

/* True while frames may be sent to port 'id' (a worker asks about the peer of the port a frame came
 * in on). Worker or management. */
bool pps_ports_link_up(const struct pps_ports *ports, uint16_t id);

/* A change pps_ports_link_poll() saw or made. */
struct pps_link_change {
	uint16_t port;
	bool up;
	bool mirrored; /* we did it, because the other side did */
};
/* Polls links at 'mono_ns' and, unless receive only, mirrors; writes at most 'max' changes, returns
 * how many. A segment may have four changes: it waits for the next call when fewer would fit. */
unsigned int pps_ports_link_poll(struct pps_ports *ports, uint64_t mono_ns,
	struct pps_link_change *changes, unsigned int max);

struct pps_port_info {
	bool link_up;
	uint32_t speed_mbps; /* 0: not known */
	uint16_t mtu;
	uint64_t missed; /* frames the device dropped before we saw them */
	uint64_t no_buffer; /* frames lost because the pool was empty */
	uint64_t errors;
};
void pps_port_info(const struct pps_ports *ports, unsigned int index, struct pps_port_info *ret);

#endif
