/* SPDX-License-Identifier: BSD-3-Clause */
#include "handoff.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <pps_base.h>

#define RING_MAX    1024
#define RING_MIN    64
#define WAITING_MAX 4096 /* for one worker, as long as rings are not at their smallest */

struct handoff {
	const struct pps_steer *steer;
	const struct pps_ports *ports;
	unsigned int n_workers;
	uint8_t indexes[RTE_MAX_ETHPORTS]; /* in 'ports', by DPDK port id */
	atomic_uint n_receiving; /* workers */
	struct rte_ring *rings[]; /* by from * n_workers + to; NULL on the diagonal */
};

static unsigned int ring_size(unsigned int n_workers)
{
	unsigned int size = RING_MAX;

	while (size > RING_MIN && size * (n_workers - 1) > WAITING_MAX)
		size /= 2;
	return size;
}

uint32_t handoff_capacity(unsigned int n_workers)
{
	return n_workers < 2 ? 0 : n_workers * (n_workers - 1) * ring_size(n_workers);
}

/* The rings are no memzones: of those EAL has too few for 64 workers. Who touches memory first says
 * where it is. */
static struct rte_ring *create_ring(unsigned int size)
{
	ssize_t bytes = rte_ring_get_memsize(size);
	struct rte_ring *ring = bytes < 0 ? NULL : aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);

	if (ring == NULL)
		return NULL;
	memset(ring, 0, (size_t)bytes);
	if (rte_ring_init(ring, "handoff", size, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		free(ring);
		return NULL;
	}
	return ring;
}

struct handoff *handoff_create(
	const struct pps_steer *steer, const struct pps_ports *ports, unsigned int n_workers)
{
	unsigned int n = n_workers * n_workers;
	struct handoff *handoff = pps_alloc(sizeof(*handoff) + n * sizeof(handoff->rings[0]));

	handoff->steer = steer;
	handoff->ports = ports;
	handoff->n_workers = n_workers;
	atomic_store(&handoff->n_receiving, n_workers);
	for (unsigned int i = 0; i < ports->n; i++)
		handoff->indexes[ports->items[i].id] = (uint8_t)i;
	return handoff;
}

bool handoff_open(struct handoff *handoff, unsigned int to)
{
	unsigned int n = handoff->n_workers;

	for (unsigned int from = 0; from < n; from++) {
		if (from == to)
			continue;
		handoff->rings[from * n + to] = create_ring(ring_size(n));
		if (handoff->rings[from * n + to] == NULL)
			return false;
	}
	return true;
}

void handoff_destroy(struct handoff *handoff)
{
	struct rte_mbuf *frame;

	if (handoff == NULL)
		return;
	for (unsigned int i = 0; i < handoff->n_workers * handoff->n_workers; i++) {
		struct rte_ring *ring = handoff->rings[i];

		while (ring != NULL && rte_ring_sc_dequeue(ring, (void **)&frame) == 0)
			rte_pktmbuf_free(frame);
		free(ring);
	}
	free(handoff);
}

static struct rte_ring *ring_between(
	const struct handoff *handoff, unsigned int from, unsigned int to)
{
	return handoff->rings[from * handoff->n_workers + to];
}

static void drop(const struct pps_port *port, struct rte_mbuf **frames, unsigned int n,
	struct pps_worker_stats *stats)
{
	struct pps_port_stats *of_port = &stats->ports[port->id];
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(frames[i]);
	pps_stats_add(&stats->drops[PPS_REASON_HANDOFF_FULL], n);
	pps_stats_add(&stats->drop_bytes, bytes);
	pps_stats_add(&of_port->rx_packets, n);
	pps_stats_add(&of_port->rx_bytes, bytes);
	rte_pktmbuf_free_bulk(frames, n);
}

unsigned int handoff_split(struct handoff *handoff, unsigned int from, const struct pps_port *port,
	struct rte_mbuf **frames, unsigned int n, struct pps_worker_stats *stats)
{
	uint8_t owners[PPS_FLOW_BURST_MAX];
	struct rte_mbuf *theirs[PPS_FLOW_BURST_MAX];
	unsigned int n_own = 0;

	pps_steer_burst(handoff->steer, frames, n, owners);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int n_theirs = 0, n_taken;
		uint8_t owner = owners[i];

		if (owner == from || owner == PPS_STEER_NOBODY) {
			frames[n_own++] = frames[i];
			continue;
		}
		if (owner >= handoff->n_workers) /* handed over already */
			continue;
		/* All of this owner at once. */
		for (unsigned int k = i; k < n; k++) {
			if (owners[k] != owner)
				continue;
			frames[k]->port = port->id;
			theirs[n_theirs++] = frames[k];
			owners[k] = PPS_STEER_WORKERS_MAX;
		}
		n_taken = rte_ring_sp_enqueue_burst(
			ring_between(handoff, from, owner), (void *const *)theirs, n_theirs, NULL);
		pps_stats_add(&stats->handed_over, n_taken);
		if (unlikely(n_taken < n_theirs))
			drop(port, theirs + n_taken, n_theirs - n_taken, stats);
	}
	return n_own;
}

unsigned int handoff_take(
	struct handoff *handoff, unsigned int from, unsigned int to, struct rte_mbuf **frames)
{
	return rte_ring_sc_dequeue_burst(
		ring_between(handoff, from, to), (void **)frames, PPS_FLOW_BURST_MAX, NULL);
}

const struct pps_port *handoff_port(const struct handoff *handoff, const struct rte_mbuf *frame)
{
	return &handoff->ports->items[handoff->indexes[frame->port]];
}

void handoff_leave(struct handoff *handoff)
{
	atomic_fetch_sub_explicit(&handoff->n_receiving, 1, memory_order_release);
}

bool handoff_is_over(const struct handoff *handoff)
{
	return atomic_load_explicit(&handoff->n_receiving, memory_order_acquire) == 0;
}
