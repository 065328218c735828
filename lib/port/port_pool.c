/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "port_priv.h"

#define BURST      64 /* frames that a worker takes at once, at most */
#define POOL_CACHE 256

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- how long ---- */

/* net_pcap chains buffers by itself and does not call that an offload. */
static bool can_chain(const struct pps_ports *ports, unsigned int index)
{
	const struct rte_eth_dev_info *info = &ports->priv->infos[index];

	return port_is_pcap(info) ||
		((info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) &&
			(ports->receive_only ||
				(info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)));
}

/*
 * Buffers of the usual size, chained for longer frames, keep the pool small. Only where a port
 * cannot chain, every buffer has to hold the longest frame.
 */
uint16_t port_buffer_size(const struct pps_ports *ports)
{
	uint32_t room = RTE_MBUF_DEFAULT_DATAROOM;
	unsigned int i;

	for (i = 0; i < ports->n; i++)
		if (!can_chain(ports, i) || !can_chain(ports, port_peer(ports, i)))
			room = MAX(room, port_frame_size(ports, i));
	return RTE_ALIGN(room + RTE_PKTMBUF_HEADROOM, RTE_CACHE_LINE_SIZE);
}

/* ---- how many ---- */

uint16_t port_descriptors(const struct pps_ports_params *params)
{
	return params->descriptors ? params->descriptors : 1024;
}

/* The next number of the form 2^k - 1, which suits the rings underneath. */
static uint32_t round_buffers(uint32_t n)
{
	uint32_t rounded = 1023;

	while (rounded < n)
		rounded = rounded * 2 + 1;
	return rounded;
}

/*
 * Every descriptor may hold a buffer: those a port receives by, and as many that its peer sends by.
 * Every worker holds bursts and its cache (512), and what is kept back (fragments that wait, the
 * spare for captures of drops) must not starve reception. Files have no descriptors, but a reader
 * that finds no buffer loses a frame: there must be enough for a burst of the longest frames from
 * every port.
 */
uint32_t port_buffers_wanted(const struct pps_ports_params *params, unsigned int n_ports)
{
	const uint32_t per_worker = 2 * BURST + 512, spare = 1024;
	const uint32_t longest = UINT16_MAX / RTE_MBUF_DEFAULT_DATAROOM + 1;
	const uint32_t n_lcores = params->capture_clock ? 1 : params->n_workers;
	uint32_t n = n_lcores * per_worker + params->n_waiting + spare;

	if (params->capture_clock)
		return round_buffers(n + n_ports * BURST * (longest + 1));
	n += n_ports * params->n_workers * 2 * port_descriptors(params);
	return round_buffers(MAX(n + n / 10, 8191u));
}

uint32_t port_buffers_least(const struct pps_ports_params *params, unsigned int n_ports)
{
	return MIN(2047u, port_buffers_wanted(params, n_ports));
}

/* ---- making them ---- */

struct rte_mempool *port_pool_create(const char *name, uint32_t n, uint16_t size, int node)
{
	return rte_pktmbuf_pool_create(name, n, POOL_CACHE, 0, size, node);
}

/* On its node, or else on any. */
static bool try_create(
	struct pps_pool *pool, const char *name, uint32_t n, uint16_t size, pool_create create)
{
	pool->n = n;
	pool->buffers = create(name, n, size, pool->node);
	if (pool->buffers || pool->node == PPS_NO_NODE)
		return pool->buffers != NULL;
	pool->buffers = create(name, n, size, PPS_NO_NODE);
	pool->elsewhere = pool->buffers != NULL;
	return pool->elsewhere;
}

/* A small machine gets a smaller pool rather than none; what a device needs it says at start. */
static bool create_one(struct pps_ports *ports, struct pps_pool *pool,
	const struct pps_ports_params *params, pool_create create, struct pps_errors *errors)
{
	uint32_t wanted = port_buffers_wanted(params, pool->n_ports);
	uint32_t least = port_buffers_least(params, pool->n_ports);
	uint16_t size = port_buffer_size(ports);
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t n = wanted;

	/* The first port's id makes the name unique: no port is in two sets. */
	snprintf(name, sizeof(name), "pps_ports_%u_%u", ports->items[0].id,
		(unsigned int)(pool - ports->pools));
	while (!try_create(pool, name, n, size, create)) {
		n /= 2;
		if (n >= least)
			continue;
		pps_errors_add(errors, "eal",
			"no memory for %u packet buffers of %u bytes (%s): give EAL more with -m, "
			"or "
			"the system more hugepages",
			least, size, rte_strerror(rte_errno));
		return false;
	}
	if (n < wanted)
		pps_log(PPS_LOG_WARNING,
			"memory for %u packet buffers only, where %u are wanted: give EAL more "
			"with -m",
			n, wanted);
	return true;
}

bool port_pools_create(struct pps_ports *ports, const struct pps_ports_params *params,
	pool_create create, struct pps_errors *errors)
{
	for (unsigned int i = 0; i < ports->n_pools; i++)
		if (!create_one(ports, &ports->pools[i], params, create, errors))
			return false;
	return true;
}

void port_pools_destroy(struct pps_ports *ports)
{
	for (unsigned int i = 0; i < ports->n_pools; i++)
		rte_mempool_free(ports->pools[i].buffers);
	ports->n_pools = 0;
}
