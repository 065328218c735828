/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_PORT_H
#define PPS_PORT_H

/*
 * Ports and segments: bringing ethdev ports up as a transparent wire.
 *
 * pps_ports_open() finds the configured ports among those EAL probed (by ethdev name or PCI
 * address; a port that EAL did not bring up is an error: EAL itself succeeds with a missing pcap
 * file), configures each with its queues, no offloads that change a frame (VLAN strip, checksum,
 * LRO off), promiscuous, flow control off where the driver lets us, and the same MTU on both sides
 * of a segment. Nothing is started.
 *
 * pps_ports_start() starts them all, the last thing before workers run, and pps_ports_stop() is the
 * first thing after they stopped: while no worker runs, no frame crosses. pps_ports_close() gives
 * the devices back: EAL knows such a port no more until somebody plugs it again. An open that fails
 * closes what it had configured.
 *
 * Queues. A port has a receive queue for each worker where it has so many that it fills by itself:
 * a NIC that spreads by addresses (with the symmetric key and the table that lib/steer expects,
 * both read back at start; 'spread' says what came of it), a net_pcap with several files, a socket
 * with several queues. Else it has one, and workers hand frames over. It has a transmit queue for
 * each worker, or as many as it can have and a lock.
 *
 * Pollers. Queue q of a port that has one for each worker is worker q's, because that is how
 * lib/steer and devices count. Every other queue goes to the worker that polls the fewest so far,
 * where there is one among those on the port's own NUMA node.
 *
 * Packet buffers and the rings of descriptors are in the memory of the port's NUMA node: the device
 * writes every frame there, whichever worker takes it then, and frames are handed from worker to
 * worker. (With the recommended placement that is the workers' node too.) A port that is on no node
 * - it has no hardware behind it - is served from that of the worker that polls its first queue.
 * There is a pool for each node that serves a port. Every pool is large enough for all descriptors
 * that its frames can fill, and for what all workers can keep: no other pool helps out. A node
 * without memory for it is said, and another one serves: slow memory loses fewer frames than none.
 *
 * Long frames are chains of buffers; only where a driver cannot chain is every buffer as long as
 * the longest frame.
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
#define PPS_NO_NODE      (-1) /* instead of a NUMA node */

struct rte_mbuf;
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
	unsigned int n_workers; /* each takes part in receiving and sending */
	const int *worker_nodes; /* NUMA node of each, or PPS_NO_NODE; NULL: of none */
	uint32_t n_waiting; /* frames that may wait in workers and between them */
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
	uint16_t n_rx, n_tx; /* queues */
	uint8_t spread; /* enum pps_spread; from start on */
	uint8_t pool; /* in 'pools': whose buffers it receives into */
	int node; /* NUMA node of the device, or PPS_NO_NODE */
	uint8_t *pollers; /* by receive queue: the worker that polls it */
	char name[64];
	const char *driver;
	bool giants; /* its driver hands over frames longer than any packet of IP, and not all of
			them: to read such a mbuf is to read behind it */
};

/* How frames come to the queues of a port. X(enumerator, word) */
#define PPS_SPREADS(X)                                                                 \
	X(NONE, "none") /* there is one */                                             \
	X(RSS, "rss") /* by symmetric RSS over addresses: the device says so itself */ \
	X(OTHER, "other") /* as the device likes: many frames are handed over */

enum pps_spread {
#define PPS_SPREAD_ENUM(name, word) PPS_SPREAD_##name,
	PPS_SPREADS(PPS_SPREAD_ENUM)
#undef PPS_SPREAD_ENUM
};
const char *pps_spread_word(enum pps_spread spread);

/* The packet buffers of a NUMA node. */
struct pps_pool {
	int node; /* where they should be, or PPS_NO_NODE: wherever there is memory */
	bool elsewhere; /* that node has no memory for them: they are where there was some */
	unsigned int n_ports; /* that receive into it */
	uint32_t n; /* buffers */
	struct rte_mempool *buffers;
};

struct pps_ports {
	struct pps_port *items; /* segment by segment, inside first */
	unsigned int n;
	bool receive_only;
	unsigned int
		table_size; /* of lib/steer, where a port has a queue for each worker; else 0 */
	struct pps_pool pools[PPS_PORTS_MAX];
	unsigned int n_pools;
	struct pps_ports_priv *priv;
};

/* "inside", "outside" or "mirror". */
const char *pps_port_side_word(const struct pps_port *port);

/* NULL and errors. EAL must be up. */
struct pps_ports *pps_ports_open(const struct pps_ports_params *params, struct pps_errors *errors);
bool pps_ports_start(struct pps_ports *ports, struct pps_errors *errors);
void pps_ports_stop(struct pps_ports *ports);
void pps_ports_close(struct pps_ports *ports); /* stops if need be; NULL is fine */

/*
 * Sends on port 'id' for a worker (0 to n_workers - 1), by its queue or under a lock. As
 * rte_eth_tx_burst(). Worker.
 */
uint16_t pps_ports_send(const struct pps_ports *ports, uint16_t id, unsigned int worker,
	struct rte_mbuf **frames, uint16_t n);

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
