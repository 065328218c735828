/* SPDX-License-Identifier: BSD-3-Clause */

/* Which worker polls a queue, and whose memory a port gets: pps_port.h says by what rules. */

#include <stdlib.h>

#include "port_priv.h"

static int node_of(const struct pps_ports_params *params, unsigned int worker)
{
	return params->worker_nodes ? params->worker_nodes[worker] : PPS_NO_NODE;
}

/* With captured time one lcore reads all ports. */
static unsigned int count_pollers(const struct pps_ports_params *params)
{
	return params->capture_clock ? 1 : params->n_workers;
}

static bool polls(const struct pps_port *port, uint16_t n_queues, unsigned int worker)
{
	for (uint16_t queue = 0; queue < n_queues; queue++)
		if (port->pollers[queue] == worker)
			return true;
	return false;
}

/* Where one is on the port's node, one of those; then the one with the fewest queues. */
static bool suits_better(const struct pps_port *port, const struct pps_ports_params *params,
	const unsigned int *n_polled, unsigned int a, unsigned int b)
{
	bool a_near = port->node != PPS_NO_NODE && node_of(params, a) == port->node;
	bool b_near = port->node != PPS_NO_NODE && node_of(params, b) == port->node;

	return a_near != b_near ? a_near : n_polled[a] < n_polled[b];
}

/* A port has no more queues than there are workers, and a worker polls one of them at most. */
static uint8_t choose(const struct pps_port *port, uint16_t queue,
	const struct pps_ports_params *params, const unsigned int *n_polled)
{
	unsigned int n = count_pollers(params), best = n;

	if (port->n_rx == n)
		return (uint8_t)queue;
	for (unsigned int i = 0; i < n; i++)
		if (!polls(port, queue, i) &&
			(best == n || suits_better(port, params, n_polled, i, best)))
			best = i;
	return (uint8_t)best;
}

void port_place_pollers(struct pps_ports *ports, const struct pps_ports_params *params)
{
	unsigned int *n_polled = pps_alloc(count_pollers(params) * sizeof(*n_polled));

	for (unsigned int i = 0; i < ports->n; i++) {
		const struct pps_port *port = &ports->items[i];

		for (uint16_t queue = 0; queue < port->n_rx; queue++) {
			port->pollers[queue] = choose(port, queue, params, n_polled);
			n_polled[port->pollers[queue]]++;
		}
	}
	free(n_polled);
}

void port_place_pools(struct pps_ports *ports, const struct pps_ports_params *params)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		struct pps_port *port = &ports->items[i];
		int node = port->node;
		unsigned int pool = 0;

		if (node == PPS_NO_NODE)
			node = node_of(params, port->pollers[0]);
		while (pool < ports->n_pools && ports->pools[pool].node != node)
			pool++;
		if (pool == ports->n_pools)
			ports->pools[ports->n_pools++].node = node;
		ports->pools[pool].n_ports++;
		port->pool = (uint8_t)pool;
	}
}
