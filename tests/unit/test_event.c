/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's side of events: aggregation and the ring. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "event_fixture.h"

#define LARGE (1u << 16) /* records: no test of aggregation fills it */

static void deny(struct event_fixture *f, uint64_t wall_ns, const struct pps_packet *packet)
{
	pps_event_deny(f->source, wall_ns, packet, 0, PPS_SIDE_OUTSIDE, PPS_REASON_NOT_APPROVED, 0,
		1, false);
}

/* Takes one record; false when there is none. */
static bool take(struct event_fixture *f, struct pps_event *event)
{
	return pps_event_source_take(f->source, event, 1) == 1;
}

static void expect_record(struct event_fixture *f, uint64_t wall_ns, uint64_t count, uint64_t lost)
{
	struct pps_event event = {0};

	CU_ASSERT(take(f, &event));
	CU_ASSERT_EQUAL(event.wall_ns, wall_ns);
	CU_ASSERT_EQUAL(event.count, count);
	CU_ASSERT_EQUAL(event.lost, lost);
}

static void expect_none(struct event_fixture *f)
{
	struct pps_event event;

	CU_ASSERT_FALSE(take(f, &event));
}

/* ---- aggregation ---- */

static void a_deny_is_one_record_when_its_second_is_over(void)
{
	struct pps_packet packet = event_make_telnet(1024);
	struct event_fixture f;

	event_set_up(&f, LARGE);
	deny(&f, NOW, &packet);
	pps_event_tick(f.source, NOW + SECOND - 1, false);
	expect_none(&f);
	pps_event_tick(f.source, NOW + SECOND, false);
	expect_record(&f, NOW, 1, 0);
	pps_event_tick(f.source, NOW + 9 * SECOND, false);
	expect_none(&f);
	event_tear_down(&f);
}

static void a_million_denies_from_random_ports_are_one_record(void)
{
	struct event_fixture f;
	uint32_t random = 1;

	event_set_up(&f, LARGE);
	for (unsigned int i = 0; i < 1000000; i++) {
		struct pps_packet packet = event_make_telnet((uint16_t)(random >> 16));

		random = random * 1103515245u + 12345u;
		deny(&f, NOW + i, &packet);
		pps_event_tick(f.source, NOW + i, false);
	}
	pps_event_tick(f.source, NOW + 2 * SECOND, false);
	expect_record(&f, NOW, 1000000, 0);
	expect_none(&f);
	event_tear_down(&f);
}

static void denies_that_differ_in_anything_else_are_records_of_their_own(void)
{
	struct pps_packet base = event_make_telnet(1024);
	struct pps_packet v[12];
	unsigned int n = 0;
	struct event_fixture f;

	for (size_t i = 0; i < UNIT_COUNT(v); i++)
		v[i] = base;
	v[0].src[3] ^= 1;
	v[1].dst[3] ^= 1;
	v[2].dst_port ^= 1;
	v[3].protocol = PPS_IP_UDP;
	v[4].vlan = 7;
	v[5].inner_vlan = 7;
	v[6].ethertype = 0x88cc;
	v[7].family = 6;
	v[8].icmp_type = 3;
	v[9].icmp_code = 3;
	v[10].l4_offset = 0;
	v[11].src[15] = 1;
	event_set_up(&f, LARGE);
	for (int twice = 0; twice < 2; twice++) {
		deny(&f, NOW, &base);
		for (size_t i = 0; i < UNIT_COUNT(v); i++)
			deny(&f, NOW, &v[i]);
		pps_event_deny(f.source, NOW, &base, 1, PPS_SIDE_OUTSIDE, PPS_REASON_NOT_APPROVED,
			0, 1, false);
		pps_event_deny(f.source, NOW, &base, 0, PPS_SIDE_INSIDE, PPS_REASON_NOT_APPROVED, 0,
			1, false);
		pps_event_deny(
			f.source, NOW, &base, 0, PPS_SIDE_OUTSIDE, PPS_REASON_BANNED, 0, 1, false);
		pps_event_deny(f.source, NOW, &base, 0, PPS_SIDE_OUTSIDE, PPS_REASON_NOT_APPROVED,
			9, 1, false);
		pps_event_deny(f.source, NOW, &base, 0, PPS_SIDE_OUTSIDE, PPS_REASON_NOT_APPROVED,
			0, 2, false);
		pps_event_deny(f.source, NOW, &base, 0, PPS_SIDE_OUTSIDE, PPS_REASON_NOT_APPROVED,
			0, 1, true);
	}
	pps_event_tick(f.source, NOW, true);
	for (struct pps_event event; take(&f, &event); n++)
		CU_ASSERT(event.count == 2 || event.count == 1);
	/* Two that meet in one place make more records of it, never fewer. */
	CU_ASSERT(n >= UNIT_COUNT(v) + 7);
	CU_ASSERT(n <= 2 * (UNIT_COUNT(v) + 7));
	event_tear_down(&f);
}

/* Ends what is open: 'n' records of one packet each. */
static void expect_singles(struct event_fixture *f, unsigned int n)
{
	struct pps_event event;

	pps_event_tick(f->source, NOW, true);
	for (; take(f, &event); n--)
		CU_ASSERT_EQUAL(event.count, 1);
	CU_ASSERT_EQUAL(n, 0);
}

/* There are more kinds of them than places, but for flags: those are tried with many secrets. */
static void denies_that_differ_a_little_are_told_apart_where_they_meet(void)
{
	struct pps_packet packet = event_make_telnet(1024), none = packet;
	struct event_fixture f;

	event_set_up(&f, LARGE);
	for (unsigned int i = 0; i < 4096; i++) {
		packet.icmp_type = (uint8_t)i;
		packet.icmp_code = (uint8_t)(i >> 8);
		deny(&f, NOW, &packet);
	}
	expect_singles(&f, 4096);
	for (unsigned int i = 0; i < 4096; i++)
		pps_event_deny(f.source, NOW, &packet, (uint8_t)i, PPS_SIDE_OUTSIDE,
			PPS_REASON_NONE + (i >> 8), 0, 1, 0);
	expect_singles(&f, 4096);
	for (unsigned int i = 0; i < 4096; i++)
		pps_event_deny(
			f.source, NOW, &packet, 0, PPS_SIDE_OUTSIDE, PPS_REASON_BANNED, i, 1, 0);
	expect_singles(&f, 4096);
	for (unsigned int i = 0; i < 4096; i++)
		pps_event_deny(
			f.source, NOW, &packet, 0, PPS_SIDE_OUTSIDE, PPS_REASON_BANNED, 0, i, 0);
	expect_singles(&f, 4096);
	event_tear_down(&f);
	none.l4_offset = 0;
	for (unsigned int round = 0; round < 40; round++) {
		event_set_up(&f, 64);
		for (unsigned int i = 0; i < 64; i++)
			pps_event_deny(f.source, NOW, i & 32 ? &packet : &none, 0, PPS_SIDE_OUTSIDE,
				PPS_REASON_BANNED, 0, 1, i & 31);
		expect_singles(&f, 64);
		event_tear_down(&f);
	}
}

/* All places have held a record with a direction before. */
static void a_record_holds_nothing_of_the_one_before_in_its_place(void)
{
	struct pps_packet packet = event_make_telnet(1024);
	struct event_fixture f;
	struct pps_event event;

	event_set_up(&f, LARGE);
	for (uint16_t i = 0; i < 40 * PPS_EVENT_AGGREGATES; i++) {
		packet.vlan = i;
		deny(&f, NOW, &packet);
	}
	pps_event_tick(f.source, NOW, true);
	while (take(&f, &event))
		CU_ASSERT_NOT_EQUAL(event.direction, 0);
	for (unsigned int i = 0; i < 100; i++)
		pps_event_deny(f.source, NOW, &packet, (uint8_t)i, PPS_SIDE_OUTSIDE,
			PPS_REASON_SIDE_UNKNOWN, 0, 1, 0);
	pps_event_tick(f.source, NOW, true);
	while (take(&f, &event)) {
		CU_ASSERT_EQUAL(event.direction, 0);
		CU_ASSERT_EQUAL(event.state, 0);
		CU_ASSERT_EQUAL(event.started_ns, 0);
	}
	event_tear_down(&f);
}
_Static_assert(40 * PPS_EVENT_AGGREGATES < UINT16_MAX, "as many VLANs");

static void the_same_denied_often_in_one_burst_is_one_record(void)
{
	const struct pps_packet packet = event_make_telnet(1024);
	struct pps_event_denial denials[PPS_EVENT_DENIALS_MAX];
	struct event_fixture f;

	event_set_up(&f, LARGE);
	for (size_t i = 0; i < UNIT_COUNT(denials); i++)
		denials[i] = (struct pps_event_denial){
			.packet = &packet,
			.generation = 1,
			.reason = PPS_REASON_NOT_APPROVED,
		};
	pps_event_deny_burst(f.source, NOW, denials, UNIT_COUNT(denials));
	pps_event_tick(f.source, NOW, true);
	expect_record(&f, NOW, UNIT_COUNT(denials), 0);
	event_tear_down(&f);
}

static void each_second_has_its_record(void)
{
	struct pps_packet packet = event_make_telnet(1024);
	struct event_fixture f;

	event_set_up(&f, LARGE);
	for (unsigned int i = 0; i < 40; i++)
		deny(&f, NOW + i * SECOND / 10, &packet);
	pps_event_tick(f.source, NOW + 10 * SECOND, false);
	for (unsigned int i = 0; i < 4; i++)
		expect_record(&f, NOW + i * SECOND, 10, 0);
	expect_none(&f);
	event_tear_down(&f);
}

static void a_clock_set_back_ends_the_second(void)
{
	struct pps_packet packet = event_make_telnet(1024);
	struct event_fixture f;

	event_set_up(&f, LARGE);
	deny(&f, NOW, &packet);
	deny(&f, NOW - 3600 * SECOND, &packet);
	expect_record(&f, NOW, 1, 0);
	deny(&f, NOW - 3600 * SECOND, &packet);
	pps_event_tick(f.source, NOW - 7200 * SECOND, false);
	expect_record(&f, NOW - 3600 * SECOND, 2, 0);
	expect_none(&f);
	event_tear_down(&f);
}

/* Sends 'n' denies among 'n_kinds', draining as management would, and checks each kind's sum. */
static void check_exact(unsigned int n, unsigned int n_kinds)
{
	uint32_t *sent = pps_alloc(n_kinds * sizeof(*sent));
	uint64_t *counted = pps_alloc(n_kinds * sizeof(*counted));
	unsigned int n_wrong = 0;
	uint32_t random = 7;
	struct pps_event event;
	struct event_fixture f;

	event_set_up(&f, 1024);
	for (unsigned int i = 0; i <= n; i++) {
		uint64_t now = NOW + (uint64_t)i * 20000; /* 50 a millisecond */
		struct pps_packet packet = event_make_telnet((uint16_t)i);
		uint32_t kind;

		random = random * 1664525u + 1013904223u;
		kind = (random >> 8) % n_kinds;
		memcpy(packet.dst, &kind, sizeof(kind));
		if (i < n) {
			sent[kind]++;
			deny(&f, now, &packet);
		}
		pps_event_tick(f.source, now, i == n);
		while ((i % 256 == 0 || i == n) && take(&f, &event)) {
			memcpy(&kind, event.dst, sizeof(kind));
			CU_ASSERT_FATAL(kind < n_kinds);
			counted[kind] += event.count;
			CU_ASSERT_EQUAL_FATAL(event.lost, 0);
		}
	}
	for (unsigned int i = 0; i < n_kinds; i++)
		n_wrong += sent[i] != counted[i];
	CU_ASSERT_EQUAL(n_wrong, 0);
	CU_ASSERT_EQUAL(f.stats->events_lost, 0);
	event_tear_down(&f);
	free(sent);
	free(counted);
}

static void counts_stay_exact_when_denies_meet_in_one_place(void)
{
	check_exact(200000, 10);
	check_exact(200000, 2000);
	check_exact(100000, 50000);
}

static void records_come_in_the_order_of_their_first_packet(void)
{
	struct event_fixture f;
	struct pps_event event;
	uint64_t last = 0;
	unsigned int n = 0, n_early = 0;

	event_set_up(&f, LARGE);
	for (unsigned int i = 0; i < 400; i++) {
		struct pps_packet packet = event_make_telnet(1);

		packet.dst[3] = (uint8_t)(i * 7 % 50);
		deny(&f, NOW + i, &packet);
	}
	while (take(&f, &event))
		n_early++; /* two met in one place */
	for (int i = 0; i < 10; i++)
		pps_event_tick(f.source, NOW + 2 * SECOND, false);
	for (; take(&f, &event); n++) {
		CU_ASSERT(event.wall_ns > last);
		last = event.wall_ns;
	}
	CU_ASSERT(n > 25 && n <= 50);
	CU_ASSERT(n + n_early >= 50);
	event_tear_down(&f);
}

static void a_tick_does_a_bounded_amount_of_work(void)
{
	struct pps_event event;
	unsigned int n = 0, n_first = 0;
	struct event_fixture f;

	event_set_up(&f, LARGE);
	for (unsigned int i = 0; i < 100; i++) {
		struct pps_packet packet = event_make_telnet(1);

		packet.dst_port = (uint16_t)(i + 1);
		deny(&f, NOW, &packet);
	}
	while (take(&f, &event))
		n++; /* made way for others */
	pps_event_tick(f.source, NOW + 2 * SECOND, false);
	while (take(&f, &event))
		n_first++;
	CU_ASSERT_EQUAL(n_first, PPS_EVENT_FLUSH_PER_TICK);
	for (int i = 0; i < 13; i++)
		pps_event_tick(f.source, NOW + 2 * SECOND, false);
	while (take(&f, &event))
		n++;
	CU_ASSERT_EQUAL(n + n_first, 100);
	event_tear_down(&f);
}

/* ---- the ring ---- */

static void a_full_ring_is_reported_by_the_next_record_that_fits(void)
{
	struct pps_event event;
	struct event_fixture f;
	unsigned int n = 0;

	event_set_up(&f, 64);
	for (unsigned int i = 0; i < 100; i++)
		event_add_flow_start(&f, NOW + i);
	CU_ASSERT_EQUAL(f.stats->events_lost, 36);
	while (take(&f, &event)) {
		CU_ASSERT_EQUAL(event.wall_ns, NOW + n);
		CU_ASSERT_EQUAL(event.lost, 0);
		n++;
	}
	CU_ASSERT_EQUAL(n, 64);
	event_add_flow_start(&f, NOW + 200);
	event_add_flow_start(&f, NOW + 201);
	CU_ASSERT(take(&f, &event));
	CU_ASSERT_EQUAL(event.lost, 36);
	CU_ASSERT(take(&f, &event));
	CU_ASSERT_EQUAL(event.lost, 0);
	CU_ASSERT_EQUAL(f.stats->events_lost, 36);
	event_tear_down(&f);
}

static void a_flood_of_different_denies_is_counted_to_the_last_packet(void)
{
	uint64_t counted = 0, lost = 0;
	struct pps_event event;
	struct event_fixture f;

	event_set_up(&f, 1024);
	for (uint32_t i = 0; i < 300000; i++) {
		struct pps_packet packet = event_make_telnet(1);

		memcpy(packet.src, &i, sizeof(i));
		deny(&f, NOW + i, &packet);
		pps_event_tick(f.source, NOW + i, false);
	}
	pps_event_tick(f.source, NOW + SECOND, true);
	while (take(&f, &event)) {
		counted += event.count;
		lost += event.lost;
	}
	CU_ASSERT(counted <= 1024 + PPS_EVENT_AGGREGATES);
	CU_ASSERT_EQUAL(counted + lost, 300000);
	CU_ASSERT_EQUAL(lost, f.stats->events_lost);
	event_tear_down(&f);
}

static void the_last_flush_loses_nothing_however_full_the_ring(void)
{
	uint64_t in_table = 0;
	struct pps_event event;
	struct event_fixture f;

	event_set_up(&f, 8);
	for (unsigned int i = 0; i < 50; i++)
		event_add_flow_start(&f, NOW);
	CU_ASSERT_EQUAL(f.stats->events_lost, 42);
	for (unsigned int i = 0; i < 50; i++) {
		struct pps_packet packet = event_make_telnet(1);

		packet.dst_port = (uint16_t)(i + 1);
		deny(&f, NOW, &packet);
	}
	in_table = 92 - f.stats->events_lost;
	pps_event_tick(f.source, NOW, true);
	for (unsigned int i = 0; i < 8; i++)
		CU_ASSERT(take(&f, &event));
	for (; take(&f, &event); in_table--)
		CU_ASSERT_EQUAL(event.kind, PPS_EVENT_DENY);
	CU_ASSERT_EQUAL(in_table, 0);
	event_tear_down(&f);
}

static void names_that_cannot_be_are_refused(void)
{
	struct event_fixture f;

	event_set_up(&f, 64);
	CU_ASSERT_PTR_NULL(pps_event_source_create("test", 64, NULL));
	CU_ASSERT_EQUAL(errno, EEXIST);
	CU_ASSERT_PTR_NULL(
		pps_event_source_create("a name that is longer than any ring's", 64, NULL));
	CU_ASSERT_EQUAL(errno, EINVAL);
	CU_ASSERT_PTR_NULL(pps_event_source_create("zero", 0, NULL));
	CU_ASSERT_EQUAL(errno, EINVAL);
	event_tear_down(&f);
}

#define HANDED_OVER 200000u

static void *produce(void *arg)
{
	for (unsigned int i = 0; i < HANDED_OVER; i++)
		event_add_flow_start(arg, NOW + i);
	return NULL;
}

static void records_cross_threads_whole_and_in_order(void)
{
	uint64_t expected = NOW, last = NOW + HANDED_OVER - 1;
	struct pps_event event;
	bool ended = false;
	pthread_t thread;
	struct event_fixture f;

	event_set_up(&f, 256);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, produce, &f), 0);
	for (;;) {
		ended = ended || pthread_tryjoin_np(thread, NULL) == 0;
		if (take(&f, &event)) {
			expected += event.lost;
			CU_ASSERT_EQUAL_FATAL(event.wall_ns, expected);
			CU_ASSERT_EQUAL_FATAL(event.started_ns, expected);
			expected++;
		} else if (ended) {
			break;
		}
	}
	/* What was lost behind the last record is in the counter alone. */
	CU_ASSERT(expected - 1 <= last);
	CU_ASSERT(last - (expected - 1) <= f.stats->events_lost);
	event_tear_down(&f);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_deny_is_one_record_when_its_second_is_over),
	UNIT_TEST(a_million_denies_from_random_ports_are_one_record),
	UNIT_TEST(denies_that_differ_in_anything_else_are_records_of_their_own),
	UNIT_TEST(denies_that_differ_a_little_are_told_apart_where_they_meet),
	UNIT_TEST(a_record_holds_nothing_of_the_one_before_in_its_place),
	UNIT_TEST(the_same_denied_often_in_one_burst_is_one_record),
	UNIT_TEST(each_second_has_its_record),
	UNIT_TEST(a_clock_set_back_ends_the_second),
	UNIT_TEST(counts_stay_exact_when_denies_meet_in_one_place),
	UNIT_TEST(records_come_in_the_order_of_their_first_packet),
	UNIT_TEST(a_tick_does_a_bounded_amount_of_work),
	UNIT_TEST(a_full_ring_is_reported_by_the_next_record_that_fits),
	UNIT_TEST(a_flood_of_different_denies_is_counted_to_the_last_packet),
	UNIT_TEST(the_last_flush_loses_nothing_however_full_the_ring),
	UNIT_TEST(names_that_cannot_be_are_refused),
	UNIT_TEST(records_cross_threads_whole_and_in_order),
};

int main(void)
{
	unit_eal_init(64);
	return unit_run("event", tests, UNIT_COUNT(tests));
}
