/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames on their way between workers, which the test plays one after the other. */

#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include <handoff.h>

#include "frame.h"
#include "unit.h"

#define WORKERS 3
#define BUFFERS 8191

static struct rte_mempool *pool;
static struct pps_steer *steer;
static struct handoff *handoff;
static struct pps_worker_stats *stats;
static struct pps_port items[2] = {{.id = 7}, {.id = 3}};
static struct pps_ports ports = {.items = items, .n = 2};

static void open_rings(void)
{
	if (pool == NULL) {
		unit_eal_init(128);
		pool = rte_pktmbuf_pool_create("handoff", BUFFERS, 0, 0, 512, SOCKET_ID_ANY);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	}
	steer = pps_steer_create(PPS_STEER_KEYED, WORKERS, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(steer);
	handoff = handoff_create(steer, &ports, WORKERS);
	for (unsigned int i = 0; i < WORKERS; i++)
		CU_ASSERT_TRUE_FATAL(handoff_open(handoff, i));
	stats = pps_worker_stats_create();
	CU_ASSERT_PTR_NOT_NULL_FATAL(stats);
}

static void close_rings(void)
{
	handoff_destroy(handoff);
	pps_steer_destroy(steer);
	pps_worker_stats_destroy(stats);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(pool), BUFFERS);
}

static struct rte_mbuf *make(const char *text)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(pool);
	uint8_t bytes[FRAME_MAX];
	size_t len = frame_make(text, bytes);

	CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
	memcpy(rte_pktmbuf_append(frame, (uint16_t)len), bytes, len);
	return frame;
}

/* A frame that this worker owns. */
static struct rte_mbuf *of_worker(unsigned int worker)
{
	char text[80];

	for (unsigned int pair = 0;; pair++) {
		struct rte_mbuf *frame;
		uint8_t owner;

		CU_ASSERT_FATAL(pair < 1000);
		snprintf(text, sizeof(text), "ip4 src=203.0.113.%u dst=198.51.100.%u udp",
			pair % 250 + 1, pair / 250 + 1);
		frame = make(text);
		pps_steer_burst(steer, &frame, 1, &owner);
		if (owner == worker)
			return frame;
		rte_pktmbuf_free(frame);
	}
}

static uint64_t full(void)
{
	return stats->drops[PPS_REASON_HANDOFF_FULL];
}

static void everybody_gets_its_own_in_order_and_the_rest_stays(void)
{
	static const unsigned int owners[] = {2, 0, 1, 2, 0, 2, 1};
	struct rte_mbuf *frames[8], *in[8], *out[PPS_FLOW_BURST_MAX];

	open_rings();
	for (unsigned int i = 0; i < 7; i++)
		in[i] = frames[i] = of_worker(owners[i]);
	in[7] = frames[7] = make("arp"); /* nobody's */
	CU_ASSERT_EQUAL(handoff_split(handoff, 0, &items[1], frames, 8, stats), 3);
	CU_ASSERT(frames[0] == in[1] && frames[1] == in[4] && frames[2] == in[7]);
	rte_pktmbuf_free_bulk(frames, 3);
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 2, out), 3);
	CU_ASSERT(out[0] == in[0] && out[1] == in[3] && out[2] == in[5]);
	CU_ASSERT_PTR_EQUAL(handoff_port(handoff, out[0]), &items[1]);
	rte_pktmbuf_free_bulk(out, 3);
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 1, out), 2);
	CU_ASSERT(out[0] == in[2] && out[1] == in[6]);
	rte_pktmbuf_free_bulk(out, 2);
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 1, out), 0);
	CU_ASSERT_EQUAL(stats->handed_over, 5);
	/* Another one's way to the same worker is another ring. */
	frames[0] = of_worker(2);
	CU_ASSERT_EQUAL(handoff_split(handoff, 1, &items[0], frames, 1, stats), 0);
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 2, out), 0);
	CU_ASSERT_EQUAL(handoff_take(handoff, 1, 2, out), 1);
	rte_pktmbuf_free(out[0]);
	CU_ASSERT_EQUAL(full(), 0);
	close_rings();
}

/* From worker 0 to this one until nothing goes any more. */
static unsigned int fill(unsigned int worker)
{
	uint64_t before = full();
	struct rte_mbuf *frame;
	unsigned int n = 0;

	while (full() == before) {
		frame = of_worker(worker);
		CU_ASSERT_EQUAL(handoff_split(handoff, 0, &items[0], &frame, 1, stats), 0);
		n++;
	}
	return n - 1;
}

static void what_finds_no_room_is_dropped_with_a_reason_and_counted(void)
{
	struct rte_mbuf *frames[3], *out[PPS_FLOW_BURST_MAX];
	struct rte_mbuf *frame;
	unsigned int room;
	uint32_t len;

	open_rings();
	frame = of_worker(1);
	len = rte_pktmbuf_pkt_len(frame);
	rte_pktmbuf_free(frame);
	room = fill(1);
	CU_ASSERT(room > 0 && room <= handoff_capacity(WORKERS) / (WORKERS * (WORKERS - 1)));
	CU_ASSERT_EQUAL(stats->handed_over, room);
	CU_ASSERT_EQUAL(full(), 1);
	CU_ASSERT_EQUAL(stats->drop_bytes, len);
	/* It was received, on the port it came in on; what goes on is counted by who judges it. */
	CU_ASSERT_EQUAL(stats->ports[7].rx_packets, 1);
	CU_ASSERT_EQUAL(stats->ports[7].rx_bytes, len);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(pool), BUFFERS - room);

	/* What is taken makes room again. */
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 1, out), PPS_FLOW_BURST_MAX);
	rte_pktmbuf_free_bulk(out, PPS_FLOW_BURST_MAX);
	CU_ASSERT_EQUAL(fill(1), PPS_FLOW_BURST_MAX);
	CU_ASSERT_EQUAL(full(), 2);

	/* Others do not feel it, nor does what stays. */
	frames[0] = of_worker(1);
	frames[1] = of_worker(2);
	frames[2] = frame = of_worker(0);
	CU_ASSERT_EQUAL(handoff_split(handoff, 0, &items[0], frames, 3, stats), 1);
	CU_ASSERT_PTR_EQUAL(frames[0], frame);
	rte_pktmbuf_free(frame);
	CU_ASSERT_EQUAL(full(), 3);
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 2, out), 1);
	rte_pktmbuf_free(out[0]);
	close_rings();
}

static void of_a_burst_those_that_came_first_find_room(void)
{
	struct rte_mbuf *frames[PPS_FLOW_BURST_MAX], *in[PPS_FLOW_BURST_MAX];
	struct rte_mbuf *out[PPS_FLOW_BURST_MAX];
	unsigned int room;
	uint64_t bytes;

	open_rings();
	room = fill(1);
	CU_ASSERT_EQUAL(handoff_take(handoff, 0, 1, out), PPS_FLOW_BURST_MAX);
	rte_pktmbuf_free_bulk(out, PPS_FLOW_BURST_MAX);
	/* Room for all of a burst, less one. */
	frames[0] = of_worker(1);
	handoff_split(handoff, 0, &items[0], frames, 1, stats);
	for (unsigned int i = 0; i < PPS_FLOW_BURST_MAX; i++)
		in[i] = frames[i] = of_worker(1);
	bytes = stats->drop_bytes + rte_pktmbuf_pkt_len(in[0]) + 5;
	rte_pktmbuf_append(in[PPS_FLOW_BURST_MAX - 1], 5);
	CU_ASSERT_EQUAL(handoff_split(handoff, 0, &items[0], frames, PPS_FLOW_BURST_MAX, stats), 0);
	CU_ASSERT_EQUAL(full(), 2);
	CU_ASSERT_EQUAL(stats->drop_bytes, bytes);
	CU_ASSERT_EQUAL(stats->handed_over, room + PPS_FLOW_BURST_MAX);
	for (unsigned int n = room, last = 0; n > 0; n -= last) {
		last = handoff_take(handoff, 0, 1, out);
		CU_ASSERT_FATAL(last > 0);
		if (last == n)
			CU_ASSERT_PTR_EQUAL(out[last - 1], in[PPS_FLOW_BURST_MAX - 2]);
		rte_pktmbuf_free_bulk(out, last);
	}
	close_rings();
}

static void it_is_over_when_all_have_left(void)
{
	open_rings();
	for (unsigned int i = 0; i < WORKERS; i++) {
		CU_ASSERT_FALSE(handoff_is_over(handoff));
		handoff_leave(handoff);
	}
	CU_ASSERT_TRUE(handoff_is_over(handoff));
	close_rings();
}

static const struct unit_test tests[] = {
	UNIT_TEST(everybody_gets_its_own_in_order_and_the_rest_stays),
	UNIT_TEST(what_finds_no_room_is_dropped_with_a_reason_and_counted),
	UNIT_TEST(of_a_burst_those_that_came_first_find_room),
	UNIT_TEST(it_is_over_when_all_have_left),
};

int main(void)
{
	return unit_run("handoff", tests, UNIT_COUNT(tests));
}
