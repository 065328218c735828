/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HANDOFF_H
#define HANDOFF_H

/*
 * Frames on their way from the worker that received them to the one that owns them.
 *
 * Every worker receives and every worker judges: there is no lcore that only distributes. Which
 * worker owns a frame is lib/steer's to say. From each worker to each other one leads a ring, with
 * one producer and one consumer, bounded: what does not fit is dropped (handoff_full), so that a
 * worker that cannot keep up loses its own flows' frames and holds up nobody else's.
 *
 * Order      Frames of one queue of a port that have one owner take one way, and keep their order.
 *
 * Stop       A worker that stops receives no more, says so, and goes on judging what others hand
 *            over until all have said so and its rings are empty.
 *
 * Memory     Per ordered pair of workers a ring of 64 to 1,024 frames, fewer the more workers there
 *            are: about 4,096 may wait for one worker. Frames stay where they are. A ring is in
 *            memory of the NUMA node of the worker that takes from it: that is who waits for what
 *            it reads, while who puts something in does not.
 *
 * Threads    create() and destroy() are management's, while no worker runs; open() and all the rest
 *            is the worker's that is named.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pps_port.h>
#include <pps_stats.h>
#include <pps_steer.h>

struct rte_mbuf;
struct handoff;

/* Frames that may be on their way in all. */
uint32_t handoff_capacity(unsigned int n_workers);
/* 'steer' and 'ports' stay the caller's. */
struct handoff *handoff_create(
	const struct pps_steer *steer, const struct pps_ports *ports, unsigned int n_workers);
/* Makes the rings that lead to worker 'to', before any worker runs; false when there is no memory.
 */
bool handoff_open(struct handoff *handoff, unsigned int to);
/* Frees what is still on its way. NULL is fine. */
void handoff_destroy(struct handoff *handoff);

/* Of the n frames that worker 'from' received on 'port' hands over those of others. What is left is
 * at the front of 'frames', in its order; returns how many. */
unsigned int handoff_split(struct handoff *handoff, unsigned int from, const struct pps_port *port,
	struct rte_mbuf **frames, unsigned int n, struct pps_worker_stats *stats);
/* Takes what worker 'from' has for 'to': at most PPS_FLOW_BURST_MAX frames. */
unsigned int handoff_take(
	struct handoff *handoff, unsigned int from, unsigned int to, struct rte_mbuf **frames);
/* The port on which a frame that was taken came in. */
const struct pps_port *handoff_port(const struct handoff *handoff, const struct rte_mbuf *frame);

/* A worker receives no more. */
void handoff_leave(struct handoff *handoff);
/* True when nobody hands anything over any more: what handoff_take() gives then is all. */
bool handoff_is_over(const struct handoff *handoff);

#endif
