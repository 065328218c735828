/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The short way of a common packet (pps_flow_pass()) against the long one (step() and apply()), for
 * flows and packets drawn at random close to each other.
 */

#include <stdlib.h>
#include <string.h>

#include <pps_flow.h>

#include "unit.h"

#define ROUNDS 400000u

struct draw {
	struct pps_flow flow;
	struct pps_flow_cold cold;
	struct pps_packet packet;
	enum pps_side side;
};

static uint32_t below(uint32_t n)
{
	return (uint32_t)mrand48() % n;
}

/* Near the middle, near the edges of a small window, or anywhere. */
static uint32_t near(uint32_t base)
{
	static const uint32_t steps[] = {0, 1, 1460, 65535, 66000, 66001, 1u << 20};
	uint32_t step = below(8) == 0 ? (uint32_t)mrand48() : steps[below(UNIT_COUNT(steps))];

	return below(2) == 0 ? base + step : base - step;
}

static void draw_flow(struct draw *draw, uint32_t base)
{
	static const uint8_t states[] = {PPS_FLOW_TCP_ESTABLISHED, PPS_FLOW_TCP_ESTABLISHED,
		PPS_FLOW_TCP_ESTABLISHED, PPS_FLOW_UDP_PAIR};
	struct pps_flow *flow = &draw->flow;

	memset(draw, 0, sizeof(*draw));
	flow->state = states[below(UNIT_COUNT(states))];
	if (below(8) == 0)
		flow->state = (uint8_t)(1 + below(PPS_FLOW_STATE_COUNT - 1));
	flow->initiator = (uint8_t)below(2);
	flow->flags = PPS_FLOW_REPLIED | (below(8) == 0 ? PPS_FLOW_PICKED_UP : 0);
	flow->scale = (uint8_t)(below(15) << 4 | below(15));
	flow->seen = (uint32_t)mrand48();
	for (unsigned int side = 0; side < 2; side++) {
		flow->tcp[side] = (struct pps_tcp_side){
			.end = near(base),
			.max_end = near(base + 65535),
			.max_win = below(2) == 0 ? below(1 << 17) : below(1u << 30),
			.ack = near(base),
		};
		flow->packets[side] = below(4) == 0 ? UINT32_MAX : below(100);
		flow->bytes[side] = below(4) == 0 ? UINT32_MAX - below(100) : below(100000);
	}
}

static void draw_packet(struct draw *draw, uint32_t base)
{
	static const uint8_t protocols[] = {PPS_IP_TCP, PPS_IP_UDP, PPS_IP_UDPLITE, PPS_IP_SCTP};
	bool udp = draw->flow.state == PPS_FLOW_UDP_PAIR || draw->flow.state == PPS_FLOW_UDP_SINGLE;
	struct pps_packet *packet = &draw->packet;

	packet->family = 4;
	packet->kind = PPS_PACKET_IP;
	packet->protocol = udp ? PPS_IP_UDP : PPS_IP_TCP;
	if (below(16) == 0)
		packet->protocol = protocols[below(UNIT_COUNT(protocols))];
	packet->length = 60 + below(1455);
	packet->payload_len = below(3) == 0 ? 0 : below(1461);
	packet->tcp_flags = below(4) == 0 ? (uint8_t)below(64) : PPS_TCP_ACK;
	packet->tcp_seq = near(base);
	packet->tcp_ack = near(base);
	packet->tcp_window = (uint16_t)below(65536);
	draw->side = (enum pps_side)below(2);
}

/* The long way; true when the packet passes and begins nothing new. */
static bool take_long_way(struct draw *draw, uint32_t now)
{
	enum pps_flow_state state;
	bool restart;

	if (pps_flow_step(&draw->flow, &draw->cold, &draw->packet, draw->side, &state, &restart) !=
			PPS_REASON_NONE ||
		restart)
		return false;
	pps_flow_apply(&draw->flow, &draw->cold, &draw->packet, draw->side, state, now);
	return true;
}

static bool is_common(const struct draw *draw)
{
	const struct pps_packet *packet = &draw->packet;

	if (draw->flow.state == PPS_FLOW_UDP_PAIR)
		return packet->protocol == PPS_IP_UDP;
	return draw->flow.state == PPS_FLOW_TCP_ESTABLISHED && packet->protocol == PPS_IP_TCP &&
		(packet->tcp_flags & (PPS_TCP_SYN | PPS_TCP_ACK | PPS_TCP_FIN | PPS_TCP_RST)) ==
		PPS_TCP_ACK &&
		(draw->flow.flags & PPS_FLOW_PICKED_UP) == 0;
}

static void the_short_way_does_what_the_long_way_does(void)
{
	unsigned int passed = 0, failed = 0, refused = 0;

	srand48(1);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t base = (uint32_t)mrand48(), now = (uint32_t)mrand48();
		struct draw before, by_short, by_long;
		bool short_way, long_way, common;

		draw_flow(&before, base);
		draw_packet(&before, base);
		by_short = by_long = before;
		common = is_common(&before);
		short_way = pps_flow_pass(
			&by_short.flow, &by_short.cold, &by_short.packet, by_short.side, now);
		long_way = take_long_way(&by_long, now);
		passed += short_way;
		refused += common && !long_way;
		failed += short_way && memcmp(&by_short, &by_long, sizeof(by_short)) != 0;
		failed += !short_way && memcmp(&by_short, &before, sizeof(before)) != 0;
		failed += short_way != (common && long_way);
	}
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT_TRUE(passed > ROUNDS / 20);
	CU_ASSERT_TRUE(refused > ROUNDS / 20);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_short_way_does_what_the_long_way_does),
};

int main(void)
{
	return unit_run("flow_pass", tests, UNIT_COUNT(tests));
}
