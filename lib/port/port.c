/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_pause.h>

#include "port_priv.h"

#define LOCK_TRIES 1000

static bool check_params(const struct pps_ports_params *params, struct pps_errors *errors)
{
	if (params->n_segments == 0 || params->n_segments > PPS_SEGMENTS_MAX) {
		pps_errors_add(errors, "segments", "%u segments (1-%u)", params->n_segments,
			PPS_SEGMENTS_MAX);
		return false;
	}
	if (params->n_workers == 0) {
		pps_errors_add(errors, "workers", "0 is not possible");
		return false;
	}
	return true;
}

static struct pps_ports *allocate(unsigned int n_segments)
{
	struct pps_ports *ports = pps_alloc(sizeof(*ports));
	struct pps_ports_priv *priv = pps_alloc(sizeof(*priv));

	/* Room for two ports a segment; place_ports() says how many there are. */
	ports->n = 2 * n_segments;
	ports->items = pps_alloc(ports->n * sizeof(ports->items[0]));
	ports->priv = priv;
	priv->n_segments = n_segments;
	priv->infos = pps_alloc(ports->n * sizeof(priv->infos[0]));
	priv->configured = pps_alloc(ports->n * sizeof(priv->configured[0]));
	priv->mtus = pps_alloc(n_segments * sizeof(priv->mtus[0]));
	priv->links = pps_alloc(n_segments * sizeof(priv->links[0]));
	priv->senders =
		aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_MAX_ETHPORTS * sizeof(priv->senders[0]));
	if (priv->senders == NULL)
		abort();
	memset(priv->senders, 0, RTE_MAX_ETHPORTS * sizeof(priv->senders[0]));
	return ports;
}

struct pps_ports *pps_ports_open(const struct pps_ports_params *params, struct pps_errors *errors)
{
	struct pps_ports *ports;
	unsigned int i;

	if (!check_params(params, errors))
		return NULL;
	ports = allocate(params->n_segments);
	ports->receive_only = params->receive_only;
	if (!port_find_all(ports, params, errors) || !port_check_all(ports, params, errors))
		goto err_close;
	port_count_queues(ports, params);
	port_place_pollers(ports, params);
	port_place_pools(ports, params);
	if (!port_pools_create(ports, params, port_pool_create, errors))
		goto err_close;
	for (i = 0; i < ports->n; i++)
		if (!port_setup(ports, i, params, errors))
			goto err_close;
	ports->table_size = port_table_size(ports);
	return ports;

err_close:
	pps_ports_close(ports);
	return NULL;
}

/* Pause frames would let one slow side hold the other one up, through us. */
static void refuse_pauses(uint16_t port)
{
	struct rte_eth_fc_conf conf;

	memset(&conf, 0, sizeof(conf));
	if (rte_eth_dev_flow_ctrl_get(port, &conf) != 0)
		return;
	conf.mode = RTE_ETH_FC_NONE;
	rte_eth_dev_flow_ctrl_set(port, &conf);
}

bool pps_ports_start(struct pps_ports *ports, struct pps_errors *errors)
{
	struct pps_ports_priv *priv = ports->priv;
	const struct pps_port *port;
	char path[PORT_PATH_MAX];
	int ret;

	while (priv->n_started < ports->n) {
		port = &ports->items[priv->n_started];
		ret = rte_eth_dev_start(port->id);
		if (ret < 0) {
			pps_errors_add(errors, port_path(path, port->segment, port->side),
				"\"%s\" (%s) does not start: %s", port->name, port->driver,
				strerror(-ret));
			goto err_stop;
		}
		refuse_pauses(port->id);
		port_spread(ports, priv->n_started);
		priv->n_started++;
	}
	port_links_init(ports, pps_time_mono_ns());
	return true;

err_stop:
	pps_ports_stop(ports);
	return false;
}

void pps_ports_stop(struct pps_ports *ports)
{
	struct pps_ports_priv *priv = ports->priv;

	if (priv->n_started == ports->n)
		port_links_release(ports);
	while (priv->n_started > 0)
		rte_eth_dev_stop(ports->items[--priv->n_started].id);
}

void pps_ports_close(struct pps_ports *ports)
{
	struct pps_ports_priv *priv;
	unsigned int i;

	if (!ports)
		return;
	priv = ports->priv;
	pps_ports_stop(ports);
	for (i = ports->n; i-- > 0;)
		if (priv->configured[i])
			rte_eth_dev_close(ports->items[i].id);
	port_pools_destroy(ports);
	for (i = 0; i < ports->n; i++)
		free(ports->items[i].pollers);
	free(priv->senders);
	free(priv->links);
	free(priv->mtus);
	free(priv->configured);
	free(priv->infos);
	free(priv);
	free(ports->items);
	free(ports);
}

uint16_t pps_ports_send(const struct pps_ports *ports, uint16_t id, unsigned int worker,
	struct rte_mbuf **frames, uint16_t n)
{
	struct port_sender *sender = &ports->priv->senders[id];
	uint16_t sent;

	if (likely(!sender->locked))
		return rte_eth_tx_burst(id, (uint16_t)worker, frames, n);
	/* Who holds it may be waiting for this very CPU. */
	for (unsigned int tries = 0; !rte_spinlock_trylock(&sender->lock); tries++) {
		if (tries < LOCK_TRIES)
			rte_pause();
		else
			sched_yield();
	}
	sent = rte_eth_tx_burst(id, (uint16_t)(worker % sender->n_queues), frames, n);
	rte_spinlock_unlock(&sender->lock);
	return sent;
}

void pps_port_info(const struct pps_ports *ports, unsigned int index, struct pps_port_info *ret)
{
	uint16_t id = ports->items[index].id;
	struct rte_eth_stats stats;
	struct rte_eth_link link;

	memset(ret, 0, sizeof(*ret));
	ret->link_up = pps_ports_link_up(ports, id);
	memset(&link, 0, sizeof(link));
	if (rte_eth_link_get_nowait(id, &link) == 0 && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		ret->speed_mbps = link.link_speed;
	rte_eth_dev_get_mtu(id, &ret->mtu);
	memset(&stats, 0, sizeof(stats));
	if (rte_eth_stats_get(id, &stats) != 0)
		return;
	ret->missed = stats.imissed;
	ret->no_buffer = stats.rx_nombuf;
	ret->errors = stats.ierrors + stats.oerrors;
}
