/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "port_priv.h"

#define PCAP_DRIVER "net_pcap"

/* Ethernet header, two VLAN tags and the checksum: the most that a frame has around its MTU. */
#define OVERHEAD_MAX (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 2 * 4)

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

bool port_is_pcap(const struct rte_eth_dev_info *info)
{
	return info->driver_name && !strcmp(info->driver_name, PCAP_DRIVER);
}

bool port_is_virtual(const struct rte_eth_dev_info *info)
{
	const struct rte_bus *bus = info->device ? rte_dev_bus(info->device) : NULL;

	return bus && !strcmp(rte_bus_name(bus), "vdev");
}

/* ---- checks ---- */

/* Whether the arguments of a device hold the key, as a whole word. */
static bool has_argument(const char *args, const char *key)
{
	size_t len = strlen(key);
	const char *at = args;

	while (at) {
		if (!strncmp(at, key, len) && (at[len] == '=' || !at[len] || at[len] == ','))
			return true;
		at = strchr(at, ',');
		if (at)
			at++;
	}
	return false;
}

static bool check_capture(
	const struct pps_ports *ports, unsigned int index, struct pps_errors *errors)
{
	static const char *const endless[] = {"infinite_rx", "iface", "rx_iface", "rx_iface_in"};
	const struct rte_eth_dev_info *info = &ports->priv->infos[index];
	const struct pps_port *port = &ports->items[index];
	const struct rte_devargs *devargs;
	char path[PORT_PATH_MAX];
	size_t i;

	port_path(path, port->segment, port->side);
	if (!port_is_pcap(info)) {
		pps_errors_add(errors, path,
			"\"%s\" is a %s port: clock \"capture\" needs net_pcap ports that read "
			"files",
			port->name, port->driver);
		return false;
	}
	devargs = info->device ? rte_dev_devargs(info->device) : NULL;
	for (i = 0; devargs && i < sizeof(endless) / sizeof(endless[0]); i++) {
		if (!has_argument(devargs->args, endless[i]))
			continue;
		pps_errors_add(errors, path,
			"\"%s\" has %s: clock \"capture\" needs a file that is read once",
			port->name, endless[i]);
		return false;
	}
	return true;
}

const char *port_check_queues(const struct rte_eth_dev_info *info, unsigned int n_workers)
{
	if (info->max_rx_queues == 0)
		return "no receive queue";
	if (port_is_pcap(info) && info->max_rx_queues > n_workers)
		return "more rx_pcap files than workers: some would never be read";
	return NULL;
}

/* Of a port with other queues than workers, or that only says it spreads, one queue is used; a
 * software port is given its queues by who describes it, and fills them all. */
uint16_t port_receive_queues(
	const struct rte_eth_dev_info *info, bool is_software, unsigned int n_workers)
{
	bool spreads =
		(info->flow_type_rss_offloads & PORT_SPREAD_ADDRESSES) == PORT_SPREAD_ADDRESSES;

	if (is_software)
		spreads = info->flow_type_rss_offloads == 0;
	if (spreads && info->max_rx_queues >= n_workers)
		return (uint16_t)n_workers;
	return is_software && info->flow_type_rss_offloads == 0 ? info->max_rx_queues : 1;
}

void port_count_queues(struct pps_ports *ports, const struct pps_ports_params *params)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		const struct rte_eth_dev_info *info = &ports->priv->infos[i];
		struct pps_port *port = &ports->items[i];

		port->n_rx = params->capture_clock
			? 1
			: port_receive_queues(info, port_is_virtual(info), params->n_workers);
		port->pollers = pps_alloc(port->n_rx);
	}
}

uint32_t port_frame_overhead(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = OVERHEAD_MAX;

	if (info->max_mtu != 0 && info->max_mtu != UINT16_MAX && info->max_rx_pktlen < UINT16_MAX &&
		info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	return MAX(overhead, (uint32_t)OVERHEAD_MAX);
}

/* Some drivers limit the MTU, others the frame alone. */
static uint16_t largest_mtu(const struct rte_eth_dev_info *info)
{
	const uint32_t around = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != 0 && info->max_mtu != UINT16_MAX)
		return info->max_mtu;
	if (info->max_rx_pktlen <= around)
		return UINT16_MAX;
	return MIN(info->max_rx_pktlen - around, (uint32_t)UINT16_MAX);
}

/* 'index' is the first port of the segment. */
static bool check_mtu(struct pps_ports *ports, unsigned int index,
	const struct pps_segment_params *params, struct pps_errors *errors)
{
	const struct rte_eth_dev_info *one = &ports->priv->infos[index];
	const struct rte_eth_dev_info *other = &ports->priv->infos[port_peer(ports, index)];
	uint16_t lowest = MAX(one->min_mtu, other->min_mtu);
	uint16_t largest = MIN(largest_mtu(one), largest_mtu(other));
	unsigned int segment = ports->items[index].segment;
	char path[PORT_PATH_MAX];

	ports->priv->mtus[segment] = params->mtu ? params->mtu : MIN(RTE_ETHER_MTU, largest);
	if (params->mtu == 0 || (params->mtu >= lowest && params->mtu <= largest))
		return true;
	snprintf(path, sizeof(path), "segments[%u].mtu", segment);
	if (params->mirror)
		pps_errors_add(errors, path, "%u is not an MTU that \"%s\" can have (%u-%u)",
			params->mtu, params->mirror, lowest, largest);
	else
		pps_errors_add(errors, path,
			"%u is not an MTU that both \"%s\" and \"%s\" can have (%u-%u)",
			params->mtu, params->inside, params->outside, lowest, largest);
	return false;
}

bool port_check_all(
	struct pps_ports *ports, const struct pps_ports_params *params, struct pps_errors *errors)
{
	const struct rte_eth_dev_info *info;
	const struct pps_port *port;
	char path[PORT_PATH_MAX];
	const char *why;
	bool ok = true;
	unsigned int i;

	for (i = 0; i < ports->n; i++) {
		info = &ports->priv->infos[i];
		port = &ports->items[i];
		if (params->capture_clock)
			ok &= check_capture(ports, i, errors);
		if (port->side != PPS_SIDE_OUTSIDE)
			ok &= check_mtu(ports, i, &params->segments[port->segment], errors);
		why = port_check_queues(info, params->capture_clock ? 1 : params->n_workers);
		if (!why && !params->receive_only && info->max_tx_queues == 0)
			why = "no transmit queue";
		if (!why)
			continue;
		pps_errors_add(errors, port_path(path, port->segment, port->side),
			"\"%s\" has %s (workers: %u, receive queues: %u, transmit queues: %u)",
			port->name, why, params->n_workers, info->max_rx_queues,
			info->max_tx_queues);
		ok = false;
	}
	return ok;
}

/* ---- one port ---- */

uint32_t port_frame_size(const struct pps_ports *ports, unsigned int index)
{
	return ports->priv->mtus[ports->items[index].segment] +
		port_frame_overhead(&ports->priv->infos[index]);
}

static bool fail(const struct pps_ports *ports, unsigned int index, const char *what, int ret,
	struct pps_errors *errors)
{
	const struct pps_port *port = &ports->items[index];
	char path[PORT_PATH_MAX];

	pps_errors_add(errors, port_path(path, port->segment, port->side), "\"%s\" (%s): %s: %s",
		port->name, port->driver, what, strerror(-ret));
	return false;
}

/*
 * Spreads over queues by addresses alone, so that fragments, ICMP errors and all conversations of a
 * pair of hosts meet on one worker. A key that repeats every 16 bits gives both directions of a
 * pair the same value.
 */
static void ask_for_spreading(
	struct rte_eth_conf *conf, const struct rte_eth_dev_info *info, uint8_t key[UINT8_MAX])
{
	port_symmetric_key(key, UINT8_MAX);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_key = key;
	conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size ? info->hash_key_size : 40;
	conf->rx_adv_conf.rss_conf.rss_hf =
		info->flow_type_rss_offloads & (PORT_SPREAD_ADDRESSES | PORT_SPREAD_FRAGMENTS);
}

/* A port that receives only has none. Software that has one to receive may insist on as many. */
static uint16_t transmit_queues(
	const struct rte_eth_dev_info *info, const struct pps_ports_params *params, uint16_t n_rx)
{
	if (params->receive_only)
		return 0;
	return port_is_virtual(info) && n_rx == 1
		? 1
		: (uint16_t)MIN(info->max_tx_queues, params->n_workers);
}

/*
 * Nothing that would change a frame is asked for: no stripping, no checksums, no merging.
 * *ret_n_tx is how many transmit queues the port has now: none where it receives only, unless its
 * driver insists; nobody sends on those either.
 */
static int configure(struct pps_ports *ports, unsigned int index,
	const struct pps_ports_params *params, struct rte_eth_conf *conf, uint16_t *ret_n_tx)
{
	uint16_t id = ports->items[index].id, n_rx = ports->items[index].n_rx;
	int ret;
	const struct rte_eth_dev_info *info = &ports->priv->infos[index];
	uint8_t key[UINT8_MAX];
	uint32_t room = port_buffer_size(ports) - RTE_PKTMBUF_HEADROOM;

	memset(conf, 0, sizeof(*conf));
	conf->rxmode.mtu = ports->priv->mtus[ports->items[index].segment];
	if (port_frame_size(ports, index) > room)
		conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	if (!params->receive_only)
		conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (n_rx > 1 && info->flow_type_rss_offloads)
		ask_for_spreading(conf, info, key);
	*ret_n_tx = transmit_queues(info, params, n_rx);
	ret = rte_eth_dev_configure(id, n_rx, *ret_n_tx, conf);
	if (ret < 0 && *ret_n_tx == 0) {
		*ret_n_tx = 1;
		ret = rte_eth_dev_configure(id, n_rx, *ret_n_tx, conf);
	}
	return ret;
}

static int setup_queues(struct pps_ports *ports, unsigned int index,
	const struct pps_ports_params *params, const struct rte_eth_conf *conf,
	uint16_t n_tx_queues)
{
	const struct rte_eth_dev_info *info = &ports->priv->infos[index];
	const struct pps_pool *pool = &ports->pools[ports->items[index].pool];
	uint16_t n_rx = port_descriptors(params), n_tx = n_rx, id = ports->items[index].id;
	struct rte_eth_rxconf rx = info->default_rxconf;
	struct rte_eth_txconf tx = info->default_txconf;
	int node = pool->elsewhere ? SOCKET_ID_ANY : pool->node, ret;
	uint16_t queue;

	rx.offloads = conf->rxmode.offloads;
	tx.offloads = conf->txmode.offloads;
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(id, &n_rx, &n_tx);
	for (queue = 0; ret == 0 && queue < ports->items[index].n_rx; queue++)
		ret = rte_eth_rx_queue_setup(id, queue, n_rx, node, &rx, pool->buffers);
	for (queue = 0; ret == 0 && queue < n_tx_queues; queue++)
		ret = rte_eth_tx_queue_setup(id, queue, n_tx, node, &tx);
	return ret;
}

/* A wire takes every frame, whomever it is for. */
static int listen_to_all(const struct pps_port *port)
{
	int ret = rte_eth_promiscuous_enable(port->id);

	rte_eth_allmulticast_enable(port->id);
	if (ret != -ENOTSUP)
		return ret;
	pps_log(PPS_LOG_INFO,
		"port \"%s\": %s has no promiscuous mode: it passes up what it passes up",
		port->name, port->driver);
	return 0;
}

bool port_setup(struct pps_ports *ports, unsigned int index, const struct pps_ports_params *params,
	struct pps_errors *errors)
{
	const struct pps_port *port = &ports->items[index];
	const struct pps_segment_params *segment = &params->segments[port->segment];
	struct rte_eth_conf conf;
	uint16_t n_tx;
	int ret;

	/* From here on the device has something to give back. */
	ports->priv->configured[index] = true;
	ret = configure(ports, index, params, &conf, &n_tx);
	if (ret < 0)
		return fail(ports, index, "cannot be configured", ret, errors);
	ports->items[index].n_tx = n_tx;
	ports->priv->senders[port->id] = (struct port_sender){
		.n_queues = n_tx,
		.locked = n_tx < params->n_workers,
	};
	ret = setup_queues(ports, index, params, &conf, n_tx);
	if (ret < 0)
		return fail(ports, index, "its queues cannot be set up", ret, errors);
	/* Where a driver has no way to set it, the MTU is not enforced on that side. */
	if (segment->mtu) {
		ret = rte_eth_dev_set_mtu(port->id, segment->mtu);
		if (ret < 0 && ret != -ENOTSUP)
			return fail(ports, index, "its MTU cannot be set", ret, errors);
	}
	ret = listen_to_all(port);
	if (ret < 0)
		return fail(ports, index, "it cannot be made promiscuous", ret, errors);
	/* Nobody reads the packet types a driver may find. */
	rte_eth_dev_set_ptypes(port->id, RTE_PTYPE_UNKNOWN, NULL, 0);
	return true;
}
