/* SPDX-License-Identifier: BSD-3-Clause */
#include "placement.h"

static bool is_remote(int node, int other)
{
	return node != PPS_NO_NODE && other != PPS_NO_NODE && node != other;
}

static void check_queues(
	const struct pps_port *port, const struct worker *workers, struct pps_errors *remarks)
{
	for (uint16_t queue = 0; queue < port->n_rx; queue++) {
		const struct worker *worker = &workers[port->pollers[queue]];

		if (is_remote(worker->node, port->node))
			pps_errors_add(remarks, NULL,
				"worker %u (lcore %u) is on NUMA node %d and polls queue %u of "
				"port \"%s\", which is on node %d: give it a processor of that "
				"node",
				worker->index, worker->lcore, worker->node, queue, port->name,
				port->node);
	}
}

static void check_processors(
	const struct worker *workers, unsigned int n, struct pps_errors *remarks)
{
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int k = 0; k < i; k++) {
			if (workers[k].cpu < 0 || workers[k].cpu != workers[i].cpu)
				continue;
			pps_errors_add(remarks, NULL,
				"workers %u and %u share processor %d: one waits for the other", k,
				i, workers[i].cpu);
			break;
		}
	}
}

void placement_check(const struct pps_ports *ports, const struct worker *workers, unsigned int n,
	struct pps_errors *remarks)
{
	for (unsigned int i = 0; i < ports->n; i++)
		check_queues(&ports->items[i], workers, remarks);
	check_processors(workers, n, remarks);
	for (unsigned int i = 0; i < n; i++) {
		if (is_remote(workers[i].node, workers[i].memory_node))
			pps_errors_add(remarks, NULL,
				"the flows of worker %u (NUMA node %d) are in the memory of node "
				"%d: EAL has too little on its own (--socket-mem, hugepages)",
				i, workers[i].node, workers[i].memory_node);
	}
	for (unsigned int i = 0; i < ports->n_pools; i++) {
		if (ports->pools[i].elsewhere)
			pps_errors_add(remarks, NULL,
				"the packet buffers of NUMA node %d are in the memory of another "
				"node: EAL has too little on that one (--socket-mem, hugepages)",
				ports->pools[i].node);
	}
}
