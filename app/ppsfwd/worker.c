/* SPDX-License-Identifier: BSD-3-Clause */

/* A packet's way: receive, judge, transmit. See worker.h for the rules of the loop. */

#include "worker.h"

#include <sys/prctl.h>
#include <time.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "handoff.h"

#define TX_TRIES         4 /* a short send is tried again this often, then the rest is dropped */
#define ROOM_NS          10000 /* at the end: between looks whether others have done their part */
#define FRAME_MAX        65597 /* an IPv6 packet of 65575 bytes behind two VLAN tags */
#define AGE_SLICE_BUSY   64 /* entries of the flow table looked at per round */
#define AGE_SLICE_IDLE   1024
#define EMPTY_SLICES_MAX 64 /* of as many entries as a burst has packets */

void worker_clock_init(struct worker_clock *clock)
{
	clock->ns_per_tsc_q32 = (uint64_t)(((__uint128_t)PPS_NS_PER_SEC << 32) / rte_get_tsc_hz());
	clock->tsc_base = rte_rdtsc();
	clock->mono_base_ns = pps_time_mono_ns();
	worker_clock_adjust(clock);
}

uint64_t worker_clock_mono_ns(const struct worker_clock *clock)
{
	uint64_t cycles = rte_rdtsc() - clock->tsc_base;

	return clock->mono_base_ns + (uint64_t)((__uint128_t)cycles * clock->ns_per_tsc_q32 >> 32);
}

void worker_clock_adjust(struct worker_clock *clock)
{
	int64_t offset = (int64_t)(pps_time_wall_ns() - worker_clock_mono_ns(clock));

	atomic_store_explicit(&clock->wall_offset_ns, offset, memory_order_relaxed);
}

static void read_clock(struct worker *worker, struct pps_clock *now)
{
	uint64_t mono = worker_clock_mono_ns(worker->clock);
	int64_t offset = atomic_load_explicit(&worker->clock->wall_offset_ns, memory_order_relaxed);

	worker->round_ns = mono;
	now->tick = (uint32_t)(mono / PPS_NS_PER_MS);
	now->wall_ns = mono + (uint64_t)offset;
	atomic_store_explicit(&worker->wall_ns, now->wall_ns, memory_order_relaxed);
}

bool worker_ask(struct worker *worker, struct worker_job *job)
{
	if (atomic_load_explicit(&worker->job, memory_order_acquire) != NULL)
		return false;
	atomic_store_explicit(&job->state, WORKER_JOB_ASKED, memory_order_relaxed);
	atomic_store_explicit(&worker->job, job, memory_order_release);
	return true;
}

unsigned int worker_walk(struct worker *worker, uint32_t *cursor, uint32_t handles[PPS_BURST_MAX])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < EMPTY_SLICES_MAX && n == 0; i++) {
		n = pps_flow_walk(worker->flows, cursor, PPS_BURST_MAX, handles);
		if (*cursor == 0)
			break;
	}
	return n;
}

/* Sends what it can of frames[0..n) and says why the rest was dropped. */
static void transmit(struct worker *worker, uint16_t port, struct rte_mbuf **frames, unsigned int n)
{
	struct pps_port_stats *stats = &worker->stats->ports[port];
	enum pps_reason reason = PPS_REASON_TX_FULL;
	uint64_t bytes = 0, lost_bytes = 0;
	unsigned int sent = 0;

	for (unsigned int i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(frames[i]);
	if (unlikely(!pps_ports_link_up(worker->ports, port))) {
		reason = PPS_REASON_LINK_DOWN;
	} else {
		for (unsigned int tries = 0; sent < n && tries < TX_TRIES; tries++)
			sent += pps_ports_send(worker->ports, port, worker->index, frames + sent,
				(uint16_t)(n - sent));
	}
	if (unlikely(sent < n)) {
		for (unsigned int i = sent; i < n; i++)
			lost_bytes += rte_pktmbuf_pkt_len(frames[i]);
		pps_stats_add(&worker->stats->drops[reason], n - sent);
		pps_stats_add(&worker->stats->drop_bytes, lost_bytes);
		rte_pktmbuf_free_bulk(frames + sent, n - sent);
	}
	pps_stats_add(&stats->tx_packets, sent);
	pps_stats_add(&stats->tx_bytes, bytes - lost_bytes);
}

/* Puts what the burst released behind the frames it follows; 'passed' and 'places' (in the burst)
 * are those of the n frames that pass. */
static void insert_released(struct rte_mbuf **passed, const uint8_t *places, unsigned int n,
	const struct pps_release *releases, unsigned int n_releases)
{
	unsigned int to = n + n_releases;

	/* From the back, so that every frame moves once. */
	while (n_releases > 0) {
		if (n > 0 && places[n - 1] > releases[n_releases - 1].behind)
			passed[--to] = passed[--n];
		else
			passed[--to] = releases[--n_releases].frame;
	}
}

void worker_forward(struct worker *worker, const struct pps_port *port, struct rte_mbuf **frames,
	unsigned int n, const struct pps_verdict *verdicts)
{
	struct rte_mbuf *passed[PPS_BURST_MAX + PPS_RELEASES_MAX], *dropped[PPS_BURST_MAX];
	uint8_t places[PPS_BURST_MAX]; /* of what passed, in the burst */
	const struct pps_release *releases;
	unsigned int n_passed = 0, n_dropped = 0, n_releases;

	for (unsigned int i = 0; i < n; i++) {
		if (likely(verdicts[i].reason == PPS_REASON_NONE || worker->audit)) {
			places[n_passed] = (uint8_t)i;
			passed[n_passed++] = frames[i];
		} else if (verdicts[i].reason != PPS_REASON_HELD) {
			dropped[n_dropped++] = frames[i];
		}
	}
	n_releases = pps_filter_released(worker->filter, &releases);
	if (unlikely(n_releases > 0)) {
		insert_released(passed, places, n_passed, releases, n_releases);
		n_passed += n_releases;
	}
	if (n_passed > 0)
		transmit(worker, port->peer, passed, n_passed);
	if (n_dropped > 0)
		rte_pktmbuf_free_bulk(dropped, n_dropped);
}

unsigned int worker_drop_giants(struct worker *worker, const struct pps_port *port,
	struct rte_mbuf **frames, unsigned int n)
{
	struct pps_port_stats *stats = &worker->stats->ports[port->id];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t len = rte_pktmbuf_pkt_len(frames[i]);

		if (likely(len <= FRAME_MAX)) {
			frames[kept++] = frames[i];
			continue;
		}
		pps_stats_add(&stats->rx_packets, 1);
		pps_stats_add(&stats->rx_bytes, len);
		pps_stats_add(&worker->stats->drops[PPS_REASON_LINK_GIANT], 1);
		pps_stats_add(&worker->stats->drop_bytes, len);
		rte_pktmbuf_free(frames[i]);
	}
	return kept;
}

/* Frames of one port: verdicts, and a burst out. */
static void judge(struct worker *worker, const struct pps_port *port,
	const struct pps_ruleset *ruleset, const struct pps_clock *now, struct rte_mbuf **frames,
	unsigned int n)
{
	const struct pps_ingress ingress = {
		.port = port->id,
		.segment = port->segment,
		.side = port->side,
	};
	struct pps_verdict verdicts[PPS_BURST_MAX];

	if (unlikely(worker->observer)) {
		worker_observe(worker, port, ruleset, now, frames, n);
		return;
	}
	pps_filter_burst(worker->filter, ruleset, &ingress, now, frames, n, verdicts);
	worker_forward(worker, port, frames, n, verdicts);
}

/* One queue: a burst in. */
static unsigned int poll_input(struct worker *worker, const struct worker_input *input,
	const struct pps_ruleset *ruleset, const struct pps_clock *now)
{
	struct rte_mbuf *frames[PPS_BURST_MAX];
	unsigned int n, n_own;

	n = rte_eth_rx_burst(input->port->id, input->queue, frames, PPS_BURST_MAX);
	if (n > 0 && unlikely(input->port->giants))
		n = worker_drop_giants(worker, input->port, frames, n);
	if (n == 0)
		return 0;
	n_own = n;
	if (worker->handoff != NULL)
		n_own = handoff_split(
			worker->handoff, worker->index, input->port, frames, n, worker->stats);
	if (n_own > 0)
		judge(worker, input->port, ruleset, now, frames, n_own);
	return n;
}

/* What another worker has for this one, port by port. */
static unsigned int take_from(struct worker *worker, unsigned int from,
	const struct pps_ruleset *ruleset, const struct pps_clock *now)
{
	struct rte_mbuf *frames[PPS_BURST_MAX];
	unsigned int n = handoff_take(worker->handoff, from, worker->index, frames);
	unsigned int begin = 0;

	while (begin < n) {
		unsigned int end = begin + 1;

		while (end < n && frames[end]->port == frames[begin]->port)
			end++;
		judge(worker, handoff_port(worker->handoff, frames[begin]), ruleset, now,
			frames + begin, end - begin);
		begin = end;
	}
	return n;
}

static unsigned int take_all(
	struct worker *worker, const struct pps_ruleset *ruleset, const struct pps_clock *now)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < worker->n_team; i++) {
		if (i != worker->index)
			n += take_from(worker, i, ruleset, now);
	}
	return n;
}

/*
 * How many flow table entries this round looks at: a whole table a second, more while flows of an
 * older ruleset wait for their judgement.
 */
static unsigned int age_slice(struct worker *worker, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, bool busy)
{
	unsigned int slice = busy ? AGE_SLICE_BUSY : AGE_SLICE_IDLE;
	uint32_t elapsed = RTE_MIN(now->tick - worker->last_tick, 1024u);
	uint64_t due = worker->age_credit + (uint64_t)pps_flow_walk_length(worker->flows) * elapsed;

	worker->last_tick = now->tick;
	if (pps_filter_swept_generation(worker->filter) != ruleset->generation)
		return slice;
	worker->age_credit = (uint32_t)RTE_MIN(due, (uint64_t)UINT32_MAX);
	slice = RTE_MIN(slice, worker->age_credit >> 10);
	worker->age_credit -= slice << 10;
	return slice;
}

void worker_serve(struct worker *worker, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, bool busy)
{
	struct worker_job *job;

	if (ruleset != NULL) {
		unsigned int slice = age_slice(worker, ruleset, now, busy);

		if (slice > 0)
			pps_filter_age(worker->filter, ruleset, now, slice);
	}
	pps_event_tick(worker->events, now->wall_ns, false);
	job = atomic_load_explicit(&worker->job, memory_order_acquire);
	if (job != NULL && job->step(worker, job)) {
		atomic_store_explicit(&worker->job, NULL, memory_order_relaxed);
		atomic_store_explicit(&job->state, WORKER_JOB_SERVED, memory_order_release);
	}
	pps_stats_add(&worker->stats->loops, 1);
}

/* A job, or flows that wait for their judgement. */
static bool is_wanted(const struct worker *worker, const struct pps_ruleset *ruleset)
{
	return atomic_load_explicit(&worker->job, memory_order_relaxed) != NULL ||
		(ruleset != NULL &&
			pps_filter_swept_generation(worker->filter) != ruleset->generation);
}

/* The end of a round (poll.h). */
static void rest(struct worker *worker, bool worked, bool wanted)
{
	enum poll_rung rung = poll_round(&worker->poll, worker->round_ns, worked, wanted);
	const struct timespec nap = {.tv_nsec = worker->poll.nap_ns};

	__atomic_store_n(&worker->stats->worked_ns, worker->poll.worked_ns, __ATOMIC_RELAXED);
	if (likely(rung == POLL_GO_ON))
		return;
	if (rung == POLL_PAUSE) {
		rte_pause();
		return;
	}
	pps_snapshot_offline(worker->snapshot, worker->index);
	nanosleep(&nap, NULL);
	pps_snapshot_online(worker->snapshot, worker->index);
}

static void go_round(struct worker *worker)
{
	const struct pps_ruleset *ruleset;
	struct pps_clock now;
	unsigned int n = 0;
	bool wanted;

	read_clock(worker, &now);
	ruleset = pps_snapshot_read(worker->snapshot);
	for (unsigned int i = 0; i < worker->n_inputs; i++)
		n += poll_input(worker, &worker->inputs[i], ruleset, &now);
	if (worker->handoff != NULL)
		n += take_all(worker, ruleset, &now);
	worker_serve(worker, ruleset, &now, n > 0);
	wanted = is_wanted(worker, ruleset);
	pps_snapshot_quiescent(worker->snapshot, worker->index); /* 'ruleset' may go now */
	rest(worker, n > 0, wanted);
}

/* What others hand over until they have all stopped receiving. */
static void take_the_last(struct worker *worker)
{
	const struct timespec nap = {.tv_nsec = ROOM_NS};
	struct pps_clock now;
	bool over;

	handoff_leave(worker->handoff);
	do {
		over = handoff_is_over(worker->handoff);
		read_clock(worker, &now);
		while (take_all(worker, pps_snapshot_read(worker->snapshot), &now) > 0)
			;
		pps_snapshot_quiescent(worker->snapshot, worker->index);
		if (!over)
			nanosleep(&nap, NULL);
	} while (!over);
}

int worker_main(void *arg)
{
	struct worker *worker = arg;
	struct pps_clock now;

	/* The kernel may otherwise add 50 us to every nap. */
	prctl(PR_SET_TIMERSLACK, 1);
	read_clock(worker, &now);
	worker->last_tick = now.tick;
	pps_snapshot_register(worker->snapshot, worker->index);
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		go_round(worker);
	}
	if (worker->handoff != NULL)
		take_the_last(worker);
	worker_finish(worker);
	pps_snapshot_unregister(worker->snapshot, worker->index);
	return 0;
}

/* Drops what is held and ends all flows, leaving management time to take the events. */
void worker_finish(struct worker *worker)
{
	const struct timespec nap = {.tv_nsec = ROOM_NS};
	struct pps_clock now = {
		.wall_ns = atomic_load_explicit(&worker->wall_ns, memory_order_relaxed),
	};
	uint32_t handles[PPS_BURST_MAX];
	uint32_t cursor = 0;

	while (pps_event_source_room(worker->events) < PPS_FRAGMENT_BUFFERS)
		nanosleep(&nap, NULL);
	pps_filter_drop_held(worker->filter, &now);
	do {
		unsigned int n = pps_flow_walk(worker->flows, &cursor, PPS_BURST_MAX, handles);

		while (pps_event_source_room(worker->events) < 2 * PPS_BURST_MAX)
			nanosleep(&nap, NULL);
		for (unsigned int i = 0; i < n; i++)
			pps_filter_end_flow(worker->filter, &now, handles[i], PPS_FLOW_END_STOPPED);
	} while (cursor != 0);
	pps_event_tick(worker->events, now.wall_ns, true);
}
