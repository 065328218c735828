/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Captured time: packets of all ports strictly in the order of their timestamps, one at a time, so
 * that what comes out depends on what went in and on nothing else. One lcore plays all workers;
 * they have one source of events, so that these are in order too.
 */

#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "worker.h"

#define NAP_NS     100000
#define EVENT_ROOM 512 /* a packet and its ageing slice may cause this many events */
#define NS_PER_US  1000

/* What has been read from one port and not been judged yet. */
struct input {
	struct rte_mbuf *frames[PPS_BURST_MAX];
	unsigned int next, n;
	bool ended;
};

struct capture {
	struct worker *worker; /* the first of the team: whose lcore it is, and whose events */
	struct input inputs[PPS_PORTS_MAX];
	int timestamp_offset; /* of the mbuf field net_pcap fills, or -1 */
	uint64_t wall_ns; /* time so far: never goes back */
	uint64_t second; /* of it, the last one in which flows were aged */
};

/* net_pcap returns nothing only at the end of its file (or when the pool is empty, which the size
 * of the pool and of these buffers excludes). */
static void refill(struct capture *capture, unsigned int index)
{
	struct input *input = &capture->inputs[index];

	if (input->ended || input->next < input->n)
		return;
	input->next = 0;
	input->n = rte_eth_rx_burst(
		capture->worker->ports->items[index].id, 0, input->frames, PPS_BURST_MAX);
	input->ended = input->n == 0;
}

static uint64_t timestamp_ns(const struct capture *capture, const struct rte_mbuf *frame)
{
	if (capture->timestamp_offset < 0)
		return 0;
	return NS_PER_US *
		*RTE_MBUF_DYNFIELD(frame, capture->timestamp_offset, const rte_mbuf_timestamp_t *);
}

/* The port whose next packet is the oldest; of equals an inside one, then the first. */
static int next_port(struct capture *capture)
{
	const struct pps_ports *ports = capture->worker->ports;
	uint64_t best_ns = 0;
	int best = -1;

	for (unsigned int i = 0; i < ports->n; i++) {
		const struct input *input = &capture->inputs[i];
		uint64_t ns;

		refill(capture, i);
		if (input->ended)
			continue;
		ns = timestamp_ns(capture, input->frames[input->next]);
		if (best < 0 || ns < best_ns ||
			(ns == best_ns && ports->items[i].side < ports->items[best].side)) {
			best = (int)i;
			best_ns = ns;
		}
	}
	return best;
}

static void nap(void)
{
	const struct timespec time = {.tv_nsec = NAP_NS};

	nanosleep(&time, NULL);
}

static void clock_at(const struct capture *capture, struct pps_clock *now)
{
	now->wall_ns = capture->wall_ns;
	now->tick = (uint32_t)(capture->wall_ns / PPS_NS_PER_MS);
}

static void wait_for_room(struct worker *worker)
{
	while (pps_event_source_room(worker->events) < EVENT_ROOM)
		nap();
}

/*
 * Ages all flows of all workers. Always all at once: how far a sweep in slices came by some packet
 * would depend on places in the table, and what lives under a limit on that.
 */
static void age_all(
	struct worker *worker, const struct pps_ruleset *ruleset, const struct pps_clock *now)
{
	for (unsigned int i = 0; i < worker->n_team; i++) {
		do {
			wait_for_room(worker);
		} while (!pps_filter_age(worker->team[i].filter, ruleset, now, UINT32_MAX));
	}
}

/*
 * Time moves on to 'ns', never back. Ticks compare by difference and idle times must stay below
 * their half: across a gap that is longer than any timeout all flows end first.
 */
static void advance(struct capture *capture, uint64_t ns)
{
	const uint64_t longest_ns = (PPS_TIMEOUT_SEC_MAX + 1) * PPS_NS_PER_SEC;
	struct worker *worker = capture->worker;
	const struct pps_ruleset *ruleset = pps_snapshot_read(worker->snapshot);

	if (ns <= capture->wall_ns)
		return;
	if (capture->wall_ns != 0 && ns - capture->wall_ns > longest_ns && ruleset != NULL) {
		struct pps_clock now;

		capture->wall_ns += longest_ns;
		clock_at(capture, &now);
		age_all(worker, ruleset, &now);
	}
	capture->wall_ns = ns;
	for (unsigned int i = 0; i < worker->n_team; i++)
		atomic_store_explicit(&worker->team[i].wall_ns, ns, memory_order_relaxed);
}

static bool is_swept(const struct worker *worker, const struct pps_ruleset *ruleset)
{
	for (unsigned int i = 0; i < worker->n_team; i++) {
		if (pps_filter_swept_generation(worker->team[i].filter) != ruleset->generation)
			return false;
	}
	return true;
}

/* Fragments whose time is up. */
static void forget_fragments(
	struct worker *worker, const struct pps_ruleset *ruleset, const struct pps_clock *now)
{
	for (unsigned int i = 0; i < worker->n_team; i++)
		pps_filter_age(worker->team[i].filter, ruleset, now, 0);
}

/* What each worker does between packets. */
static void serve(struct worker *worker, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, bool busy)
{
	for (unsigned int i = 0; i < worker->n_team; i++)
		worker_serve(&worker->team[i], ruleset, now, busy);
}

/* Asks management for a ruleset of this moment, and waits for it or for its giving up. */
static void wait_for_ruleset(struct worker *worker, const struct pps_clock *now)
{
	atomic_store_explicit(&worker->waits_for_ns, now->wall_ns, memory_order_release);
	while (atomic_load_explicit(&worker->waits_for_ns, memory_order_acquire) != 0 &&
		!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		pps_snapshot_quiescent(worker->snapshot, worker->index);
		serve(worker, NULL, now, false);
		nap();
	}
}

/*
 * The ruleset that is right for this moment. When an exception has just expired, that is one
 * without it; what was published meanwhile may have expired too, and is asked for again. If
 * management gives up the old one stays, whose expired rules permit nothing.
 */
static const struct pps_ruleset *ruleset_now(struct worker *worker, const struct pps_clock *now)
{
	const struct pps_ruleset *ruleset = pps_snapshot_read(worker->snapshot);
	uint32_t before = 0;

	while (ruleset != NULL && ruleset->generation != before &&
		now->wall_ns >= ruleset->valid_until_ns) {
		before = ruleset->generation;
		/* Management waits for this before it looks at the next expiry. */
		if (!is_swept(worker, ruleset))
			age_all(worker, ruleset, now);
		wait_for_ruleset(worker, now);
		ruleset = pps_snapshot_read(worker->snapshot);
	}
	return ruleset;
}

/*
 * Ages in front of the first packet of every second, so that no flow whose time is up counts for
 * its limits. But where that could cut flows by the policy, the packet goes first: if it is its own
 * flow that ends, the packet's reason says why. Returns true when that is left to do.
 */
static bool age_in_front(struct capture *capture, const struct pps_clock *now)
{
	struct worker *worker = capture->worker;
	const struct pps_ruleset *ruleset = pps_snapshot_read(worker->snapshot);
	uint64_t second = capture->wall_ns / PPS_NS_PER_SEC;

	if (second == capture->second)
		return false;
	capture->second = second;
	if (ruleset == NULL || !is_swept(worker, ruleset) ||
		now->wall_ns >= ruleset->valid_until_ns)
		return true;
	age_all(worker, ruleset, now);
	return false;
}

static struct worker *owner_of(struct worker *worker, struct rte_mbuf *frame)
{
	uint8_t owner;

	if (worker->steer == NULL)
		return worker;
	pps_steer_burst(worker->steer, &frame, 1, &owner);
	return &worker->team[owner == PPS_STEER_NOBODY ? 0 : owner];
}

static void judge_one(struct capture *capture, const struct pps_port *port, struct rte_mbuf *frame)
{
	const struct pps_ingress ingress = {
		.port = port->id,
		.segment = port->segment,
		.side = port->side,
	};
	struct worker *worker = capture->worker;
	const struct pps_ruleset *ruleset;
	struct pps_verdict verdict;
	struct pps_clock now;
	bool due;

	clock_at(capture, &now);
	wait_for_room(worker);
	due = age_in_front(capture, &now);
	ruleset = ruleset_now(worker, &now);
	if (port->giants && worker_drop_giants(worker, port, &frame, 1) == 0) {
		/* It was no packet, but its time has come. */
	} else if (worker->observer) {
		worker_observe(owner_of(worker, frame), port, ruleset, &now, &frame, 1);
	} else {
		struct worker *owner = owner_of(worker, frame);

		pps_filter_burst(owner->filter, ruleset, &ingress, &now, &frame, 1, &verdict);
		worker_forward(owner, port, &frame, 1, &verdict);
	}
	if (ruleset != NULL && (due || !is_swept(worker, ruleset)))
		age_all(worker, ruleset, &now);
	else if (ruleset != NULL)
		forget_fragments(worker, ruleset, &now);
	serve(worker, NULL, &now, true);
}

int worker_main_capture(void *arg)
{
	struct capture capture = {.worker = arg};
	struct worker *worker = arg;
	int port;

	capture.timestamp_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	pps_snapshot_register(worker->snapshot, worker->index);
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed) &&
		(port = next_port(&capture)) >= 0) {
		struct input *input = &capture.inputs[port];
		struct rte_mbuf *frame = input->frames[input->next++];

		advance(&capture, timestamp_ns(&capture, frame));
		judge_one(&capture, &worker->ports->items[port], frame);
		pps_snapshot_quiescent(worker->snapshot, worker->index);
	}
	for (unsigned int i = 0; i < worker->ports->n; i++) {
		struct input *input = &capture.inputs[i];

		if (input->next < input->n)
			rte_pktmbuf_free_bulk(input->frames + input->next, input->n - input->next);
	}
	for (unsigned int i = 0; i < worker->n_team; i++)
		worker_finish(&worker->team[i]);
	pps_snapshot_unregister(worker->snapshot, worker->index);
	for (unsigned int i = 0; i < worker->n_team; i++)
		atomic_store_explicit(&worker->team[i].exhausted, true, memory_order_release);
	return 0;
}
