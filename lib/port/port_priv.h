/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PORT_PRIV_H
#define PORT_PRIV_H

/*
 * Inside lib/port:
 *
 *     port.c         open, start, stop, close, in that order, and the counters of the devices
 *     port_find.c    from the names people write to DPDK port ids
 *     port_place.c   which worker polls a queue, and whose memory it gets: no device is asked
 *     port_pool.c    packet buffers: how long, how many, and where
 *     port_setup.c   what one port is asked for: queues, MTU, offloads, spreading
 *     port_link.c    links: debounce, mirroring
 */

#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include "pps_port.h"

/* ---- links (port_link.c) ---- */

/* A link must keep its new state for this long before it counts. */
#define LINK_DEBOUNCE_NS (100 * PPS_NS_PER_MS)
/* So long after bringing a side back its own state is not looked at: it is still training. */
#define LINK_HOLD_DOWN_NS (2 * PPS_NS_PER_SEC)

struct link_side {
	uint16_t port;
	bool up; /* as the driver says */
	bool settled; /* 'up', debounced: what was reported and mirrored */
	bool forced; /* taken down by us, because the other side lost its link */
	bool unable; /* the driver cannot take it down */
	bool said; /* that the driver refused */
	uint64_t changed_ns; /* when 'up' changed */
	uint64_t deaf_until_ns; /* end of the hold-down */
};

struct link_pair {
	struct link_side sides[2]; /* by enum pps_side */
};

/* How the state machine reaches devices; tests have their own. 0 or a negative errno. */
typedef int (*link_set)(void *aux, uint16_t port, bool up);

#define LINK_CHANGES_PER_STEP 4 /* the most that link_pair_step() writes */

/* One step: 'up' is what the drivers say now. Writes changes, returns how many. */
unsigned int link_pair_step(struct link_pair *pair, uint64_t mono_ns, const bool up[2],
	link_set set, void *aux, struct pps_link_change changes[LINK_CHANGES_PER_STEP]);

/* ---- all of it ---- */

/* How a port is sent to. */
struct port_sender {
	uint16_t n_queues;
	bool locked; /* there are fewer than workers */
	rte_spinlock_t lock;
} __attribute__((aligned(RTE_CACHE_LINE_SIZE)));

struct pps_ports_priv {
	struct rte_eth_dev_info *infos; /* by index, as before configuring */
	bool *configured; /* by index: must be closed */
	unsigned int n_started; /* the first n ports run */
	uint16_t *mtus; /* by segment */
	unsigned int n_segments;
	struct link_pair *links; /* by segment */
	unsigned int next_segment; /* where the next link poll begins */
	struct port_sender *senders; /* by DPDK port id */
	uint8_t usable[RTE_MAX_ETHPORTS]; /* management: w, workers: r; relaxed */
};

/* One step of a port that is on its own (receive only): true when its settled state changed. */
bool link_side_step(struct link_side *side, uint64_t mono_ns, bool up);

/* Reads all links at start: no debounce, no mirroring. */
void port_links_init(struct pps_ports *ports, uint64_t mono_ns);
/* Gives links that we took down back, before devices stop. */
void port_links_release(struct pps_ports *ports);

/* ---- finding ports (port_find.c) ---- */

/* "segments[2].inside"; 'side' is as in struct pps_port. */
#define PORT_PATH_MAX 40
const char *port_path(char path[PORT_PATH_MAX], unsigned int segment, unsigned int side);

/* The index of the other port of its segment; a mirror port's own. */
static inline unsigned int port_peer(const struct pps_ports *ports, unsigned int index)
{
	uint8_t side = ports->items[index].side;

	return side == PPS_SIDE_MIXED ? index : side == PPS_SIDE_INSIDE ? index + 1 : index - 1;
}

/* Fills items and infos from the parameters; false when there was an error. */
bool port_find_all(
	struct pps_ports *ports, const struct pps_ports_params *params, struct pps_errors *errors);

/* ---- places (port_place.c) ---- */

/* Chooses who polls each queue. 'n_rx' and 'node' of all ports are known, 'pollers' have room. */
void port_place_pollers(struct pps_ports *ports, const struct pps_ports_params *params);
/* Chooses the pools, without their buffers, and gives every port its own. */
void port_place_pools(struct pps_ports *ports, const struct pps_ports_params *params);

/* ---- packet buffers (port_pool.c) ---- */

/* Descriptors of a queue. */
uint16_t port_descriptors(const struct pps_ports_params *params);
/* The data room of a packet buffer, headroom included, that suits all ports. */
uint16_t port_buffer_size(const struct pps_ports *ports);
/* How many packet buffers a pool of so many ports wants, and the fewest it may live with. */
uint32_t port_buffers_wanted(const struct pps_ports_params *params, unsigned int n_ports);
uint32_t port_buffers_least(const struct pps_ports_params *params, unsigned int n_ports);
/* How a pool comes into being, for tests that have their own: NULL when there is no memory on that
 * node (PPS_NO_NODE: on any). */
typedef struct rte_mempool *(*pool_create)(const char *name, uint32_t n, uint16_t size, int node);
/* Fills the pools; false and an error when there is too little memory. */
bool port_pools_create(struct pps_ports *ports, const struct pps_ports_params *params,
	pool_create create, struct pps_errors *errors);
void port_pools_destroy(struct pps_ports *ports);
/* The one that asks DPDK. */
struct rte_mempool *port_pool_create(const char *name, uint32_t n, uint16_t size, int node);

/* ---- setting one up (port_setup.c) ---- */

/* Checks that need only what the devices say of themselves, and settles the MTUs. */
bool port_check_all(
	struct pps_ports *ports, const struct pps_ports_params *params, struct pps_errors *errors);
/* NULL, or why the device cannot be used by so many workers. The text is static. */
const char *port_check_queues(const struct rte_eth_dev_info *info, unsigned int n_workers);
/* True of a device that was described with --vdev, and that no NIC is behind. */
bool port_is_virtual(const struct rte_eth_dev_info *info);
/* How many receive queues the device gets. */
uint16_t port_receive_queues(
	const struct rte_eth_dev_info *info, bool is_virtual, unsigned int n_workers);
/* Decides that for all ports, and makes room for their pollers. */
void port_count_queues(struct pps_ports *ports, const struct pps_ports_params *params);
/* Tells a started device how to fill its queues, and asks it how it does (port_spread.c). */
void port_spread(struct pps_ports *ports, unsigned int index);
/* The size of the table that all ports with several queues can have; 0: there is no such port. */
unsigned int port_table_size(const struct pps_ports *ports);
/* The key: 'len' bytes. */
void port_symmetric_key(uint8_t *key, size_t len);

#define PORT_SPREAD_ADDRESSES (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6)
#define PORT_SPREAD_FRAGMENTS (RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_FRAG_IPV6)
/* Bytes of layer 2 around an MTU that this device counts in its frame length. */
uint32_t port_frame_overhead(const struct rte_eth_dev_info *info);
/* The longest frame of a port's segment, as the device counts it. */
uint32_t port_frame_size(const struct pps_ports *ports, unsigned int index);
/* Configures port 'index' with its queues. */
bool port_setup(struct pps_ports *ports, unsigned int index, const struct pps_ports_params *params,
	struct pps_errors *errors);
/* Reads files, once each: the capture clock's question. */
bool port_is_pcap(const struct rte_eth_dev_info *info);

#endif
