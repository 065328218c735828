/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two hosts that speak TCP as they should, over a wire that loses, doubles and overtakes on both
 * sides of the firewall: nothing they send may be dropped, and what strangers send may change
 * nothing. All is drawn from a seed; a failure names it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_flow.h>

#include "unit.h"

#define DATA_MAX    400000u
#define MSS         1460u
#define QUEUE_MAX   64
#define OVERTAKEN   8 /* a packet is overtaken by no more than so many */
#define STEPS_MAX   400000
#define CONNECTIONS 600

struct segment {
	uint32_t seq, ack, len;
	uint16_t window;
	uint8_t flags, scale;
	uint8_t overtaken;
};

struct queue {
	struct segment segments[QUEUE_MAX];
	unsigned int n;
};

enum host_state { LISTEN, SYN_SENT, SYN_RECEIVED, OPEN, GONE };

struct host {
	enum host_state state;
	uint32_t iss, una, next, edge; /* 'edge': up to where the other takes */
	uint32_t irs, want, offered; /* 'offered': up to where this one said it takes */
	uint32_t length; /* to send, before the FIN */
	uint32_t got_length; /* received in order */
	uint32_t buffer;
	uint8_t scale; /* offered, or PPS_TCP_SCALE_NONE */
	uint8_t shift, other_shift;
	bool fin_seen, fast_open;
	uint8_t got[DATA_MAX + 1]; /* by offset; the FIN behind the data */
};

struct world {
	unsigned int seed;
	struct host hosts[2]; /* by enum pps_side */
	struct queue before[2], behind[2]; /* the firewall, by side that sent */
	struct pps_flow flow;
	struct pps_flow_cold cold;
	bool begun, failed;
	unsigned int loss; /* in a thousand */
	unsigned long n_sent, n_attacks;
};

static uint32_t random32(void)
{
	return (uint32_t)mrand48();
}

static uint32_t below(uint32_t n)
{
	return random32() % n;
}

static bool chance(unsigned int in_a_thousand)
{
	return below(1000) < in_a_thousand;
}

static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint32_t fin_at(const struct host *host)
{
	return host->iss + 1 + host->length;
}

/* ---- the wire ---- */

static void put(struct queue *queue, const struct segment *segment)
{
	if (queue->n < QUEUE_MAX)
		queue->segments[queue->n++] = *segment;
}

/* Takes one of the first few. */
static bool take(struct world *world, struct queue *queue, struct segment *ret)
{
	unsigned int i;

	if (queue->n == 0)
		return false;
	i = chance(700) ? 0 : below(queue->n < 4 ? queue->n : 4);
	if (queue->segments[0].overtaken >= OVERTAKEN)
		i = 0;
	*ret = queue->segments[i];
	for (unsigned int k = 0; k < i; k++)
		queue->segments[k].overtaken++;
	queue->n--;
	memmove(&queue->segments[i], &queue->segments[i + 1],
		(queue->n - i) * sizeof(queue->segments[0]));
	ret->overtaken = 0;
	if (chance(world->loss / 2))
		put(queue, ret); /* comes twice */
	return !chance(world->loss);
}

static void make_packet(const struct segment *segment, struct pps_packet *packet)
{
	*packet = (struct pps_packet){
		.family = 4,
		.kind = PPS_PACKET_IP,
		.protocol = PPS_IP_TCP,
		.length = 54 + segment->len,
		.tcp_flags = segment->flags,
		.tcp_seq = segment->seq,
		.tcp_ack = segment->ack,
		.tcp_window = segment->window,
		.tcp_scale = segment->flags & PPS_TCP_SYN ? segment->scale : 0,
		.payload_len = segment->len,
	};
}

static void complain(struct world *world, const char *what, const struct segment *segment)
{
	char text[300];

	if (!world->failed)
		snprintf(text, sizeof(text),
			"seed %u: %s: flags %02x seq %u ack %u len %u win %u in %s", world->seed,
			what, segment->flags, segment->seq, segment->ack, segment->len,
			segment->window, pps_flow_state_word(world->flow.state));
	if (!world->failed)
		CU_assertImplementation(CU_FALSE, __LINE__, text, __FILE__, "", CU_FALSE);
	world->failed = true;
}

static void begin(struct world *world, const struct pps_packet *packet, enum pps_side side)
{
	world->flow = (struct pps_flow){.initiator = (uint8_t)side};
	world->cold = (struct pps_flow_cold){0};
	pps_flow_apply(&world->flow, &world->cold, packet, side, PPS_FLOW_TCP_SYN_SENT, 1);
	world->begun = true;
}

/*
 * What the table drops on purpose, because its receiver could do nothing with it or its sender will
 * say it again: what overtakes the responder's SYN+ACK, its FIN before the third step; and in a
 * simultaneous open the responder's SYN behind its SYN+ACK, the initiator's SYN+ACK behind its ACK;
 * and a SYN+ACK behind a reset.
 */
static bool comes_again(const struct world *world, const struct segment *segment,
	enum pps_side side, enum pps_reason reason)
{
	uint8_t state = world->flow.state;

	if (reason != PPS_REASON_FLOW_STATE_TCP)
		return false;
	if (state == PPS_FLOW_TCP_CLOSED)
		return segment->flags == (PPS_TCP_SYN | PPS_TCP_ACK);
	if (side == world->flow.initiator)
		return state >= PPS_FLOW_TCP_ESTABLISHED &&
			segment->flags == (PPS_TCP_SYN | PPS_TCP_ACK);
	if (state == PPS_FLOW_TCP_SYN_SENT)
		return (segment->flags & PPS_TCP_SYN) == 0;
	return (state == PPS_FLOW_TCP_SYN_CROSSED || state == PPS_FLOW_TCP_SYN_RECEIVED) &&
		(segment->flags & (PPS_TCP_FIN | PPS_TCP_SYN)) != 0;
}

/* An honest segment meets the firewall, and passes. */
static void cross(struct world *world, const struct segment *segment, enum pps_side side)
{
	enum pps_flow_state state;
	struct pps_packet packet;
	enum pps_reason reason;
	bool restart = false;

	make_packet(segment, &packet);
	if (!world->begun) {
		begin(world, &packet, side);
		put(&world->behind[side], segment);
		return;
	}
	reason = pps_flow_step(&world->flow, &world->cold, &packet, side, &state, &restart);
	if (reason != PPS_REASON_NONE) {
		if (!comes_again(world, segment, side, reason))
			complain(world, pps_reason_word(reason), segment);
		return;
	}
	if (restart)
		begin(world, &packet, side);
	else
		pps_flow_apply(&world->flow, &world->cold, &packet, side, state, 1);
	put(&world->behind[side], segment);
}

/* ---- the hosts ---- */

static uint16_t window_of(struct host *host, bool syn)
{
	uint32_t shift = syn ? 0 : host->shift;
	uint32_t room = host->offered - host->want, window;

	/* Sometimes the program reads, and sometimes it does not. */
	if (chance(500) && room < host->buffer)
		room = host->buffer;
	window = room >> shift;
	if (window > UINT16_MAX)
		window = UINT16_MAX;
	if (is_before(host->offered, host->want + (window << shift)))
		host->offered = host->want + (window << shift);
	return (uint16_t)window;
}

static void say(struct world *world, enum pps_side side, uint8_t flags, uint32_t seq, uint32_t len)
{
	struct host *host = &world->hosts[side];
	struct segment segment = {
		.seq = seq,
		.len = len,
		.flags = flags,
		.ack = flags & PPS_TCP_ACK ? host->want : 0,
		.window = window_of(host, (flags & PPS_TCP_SYN) != 0),
		.scale = host->scale,
	};
	uint32_t end = seq + len + ((flags & (PPS_TCP_SYN | PPS_TCP_FIN)) != 0);

	if (is_before(host->next, end))
		host->next = end;
	world->n_sent++;
	put(&world->before[side], &segment);
}

/* Without data: never behind what the other takes. */
static void say_bare(struct world *world, enum pps_side side, uint8_t flags)
{
	const struct host *host = &world->hosts[side];

	say(world, side, flags, is_before(host->edge, host->next) ? host->edge : host->next, 0);
}

static void answer_syn(struct world *world, enum pps_side side)
{
	struct host *host = &world->hosts[side];

	/* A scale is answered by a scale alone. */
	say(world, side, PPS_TCP_SYN | PPS_TCP_ACK, host->iss, 0);
}

static void open_host(struct world *world, enum pps_side side)
{
	struct host *host = &world->hosts[side];
	uint32_t len = host->fast_open && host->length > 0 ? 1 + below(1000) : 0;

	host->una = host->next = host->iss;
	host->edge = host->iss + 1;
	host->state = SYN_SENT;
	if (len > host->length)
		len = host->length;
	say(world, side, PPS_TCP_SYN, host->iss, len);
}

static void take_syn(struct host *host, const struct segment *segment)
{
	bool scaled = host->scale != PPS_TCP_SCALE_NONE && segment->scale != PPS_TCP_SCALE_NONE;

	host->irs = segment->seq;
	host->want = host->offered = segment->seq + 1;
	host->shift = scaled ? host->scale : 0;
	host->other_shift = scaled ? segment->scale : 0;
	if (segment->scale == PPS_TCP_SCALE_NONE)
		host->scale = PPS_TCP_SCALE_NONE;
}

/* Data and FIN: marks what is new, and moves on over what is whole. */
static void take_data(struct host *host, const struct host *other, const struct segment *segment)
{
	uint32_t first = segment->seq + ((segment->flags & PPS_TCP_SYN) != 0);
	uint32_t n = segment->len + (segment->flags & PPS_TCP_FIN);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t seq = first + i;

		if (!is_before(seq, host->want) &&
			is_before(seq, host->offered + (seq == host->want)))
			host->got[seq - host->irs - 1] = 1;
	}
	while (host->want - host->irs - 1 <= other->length && host->got[host->want - host->irs - 1])
		host->want++;
	if (is_before(host->offered, host->want))
		host->offered = host->want;
	host->fin_seen = host->want - host->irs - 1 > other->length;
}

static void take_ack(struct host *host, const struct segment *segment)
{
	uint32_t shift = segment->flags & PPS_TCP_SYN ? 0 : host->other_shift;
	uint32_t edge = segment->ack + ((uint32_t)segment->window << shift);

	if (is_before(host->una, segment->ack))
		host->una = segment->ack;
	if (is_before(host->edge, edge))
		host->edge = edge;
}

static void hear_reset(struct world *world, enum pps_side side, const struct segment *segment)
{
	struct host *host = &world->hosts[side];

	if (host->state == OPEN || host->state == SYN_RECEIVED) {
		if (segment->seq == host->want)
			host->state = GONE;
		else if (segment->seq - host->want < host->offered - host->want)
			say_bare(world, side, PPS_TCP_ACK);
	}
}

static void hear_syn(struct world *world, enum pps_side side, const struct segment *segment)
{
	struct host *host = &world->hosts[side], *other = &world->hosts[!side];
	bool has_ack = (segment->flags & PPS_TCP_ACK) != 0;

	if (host->state == LISTEN && !has_ack) {
		take_syn(host, segment);
		if (segment->len > 0 && chance(700))
			host->offered += segment->len, take_data(host, other, segment);
		host->una = host->next = host->iss;
		host->edge = host->iss + 1 + segment->window;
		host->state = SYN_RECEIVED;
		answer_syn(world, side);
	} else if (host->state == SYN_SENT && has_ack) {
		take_syn(host, segment);
		take_ack(host, segment);
		host->state = OPEN;
		say_bare(world, side, PPS_TCP_ACK);
	} else if (host->state == SYN_SENT) {
		take_syn(host, segment);
		host->state = SYN_RECEIVED;
		host->edge = host->iss + 1 + segment->window;
		host->fast_open = false;
		answer_syn(world, side);
	} else if (host->state == SYN_RECEIVED && has_ack) {
		take_ack(host, segment);
		host->state = OPEN;
		say_bare(world, side, PPS_TCP_ACK);
	} else if (host->state == SYN_RECEIVED) {
		answer_syn(world, side);
	} else if (host->state == OPEN) {
		say_bare(world, side, PPS_TCP_ACK);
	}
}

static void hear(struct world *world, enum pps_side side, const struct segment *segment)
{
	struct host *host = &world->hosts[side];

	if ((segment->flags & PPS_TCP_RST) != 0) {
		hear_reset(world, side, segment);
	} else if (host->state == GONE) {
		if ((segment->flags & PPS_TCP_ACK) != 0)
			say(world, side, PPS_TCP_RST, segment->ack, 0);
	} else if ((segment->flags & PPS_TCP_SYN) != 0) {
		hear_syn(world, side, segment);
	} else if (host->state == SYN_RECEIVED || host->state == OPEN) {
		bool moved = segment->len > 0 || (segment->flags & PPS_TCP_FIN) != 0 ||
			segment->seq != host->want;

		take_ack(host, segment);
		host->state = OPEN;
		take_data(host, &world->hosts[!side], segment);
		if (moved && chance(800))
			say_bare(world, side, PPS_TCP_ACK);
	}
}

/* New data, and the FIN behind it. */
static void send_more(struct world *world, enum pps_side side)
{
	struct host *host = &world->hosts[side];
	uint32_t left = fin_at(host) - host->next, room = host->edge - host->next;
	uint32_t len = left < MSS ? left : MSS;

	if (is_before(fin_at(host), host->next) || is_before(host->edge, host->next))
		return;
	if (host->state == SYN_RECEIVED && !host->fast_open)
		return;
	len = len < room ? len : room;
	if (len > 1 && chance(300))
		len = 1 + below(len);
	if (len == left && host->state == OPEN)
		say(world, side, PPS_TCP_FIN | PPS_TCP_ACK, host->next, len);
	else if (len > 0)
		say(world, side, PPS_TCP_ACK, host->next, len);
	else if (room == 0 && left > 0)
		say(world, side, PPS_TCP_ACK, host->next, 1); /* asks for a window */
}

static void send_again(struct world *world, enum pps_side side)
{
	struct host *host = &world->hosts[side];
	uint32_t from = host->una, len, data_end = host->next;

	if (host->state == SYN_SENT) {
		say(world, side, PPS_TCP_SYN, host->iss, 0);
		return;
	}
	if (host->state == SYN_RECEIVED) {
		answer_syn(world, side);
		return;
	}
	if (host->state != OPEN || from == host->next)
		return;
	if (is_before(fin_at(host), data_end))
		data_end = fin_at(host);
	len = data_end - from < MSS ? data_end - from : MSS;
	if (is_before(host->edge, from + len)) /* sent with a SYN, and never offered */
		len = is_before(from, host->edge) ? host->edge - from : 1;
	if (len > 1 && chance(200))
		len = 1 + below(len);
	if (from + len == fin_at(host) && is_before(fin_at(host), host->next))
		say(world, side, PPS_TCP_FIN | PPS_TCP_ACK, from, len);
	else
		say(world, side, PPS_TCP_ACK, from, len);
}

static void act(struct world *world, enum pps_side side)
{
	struct host *host = &world->hosts[side];

	if (chance(15)) {
		send_again(world, side);
	} else if (host->state == OPEN && host->una == host->next && chance(10)) {
		say(world, side, PPS_TCP_ACK, host->next - 1, below(2)); /* keep-alive */
	} else if (host->state == OPEN && chance(50)) {
		say_bare(world, side, PPS_TCP_ACK);
	} else if (host->state == OPEN || host->state == SYN_RECEIVED) {
		send_more(world, side);
	}
}

/* ---- strangers ---- */

/* A number that is none of low to high. */
static uint32_t outside(uint32_t low, uint32_t high)
{
	uint32_t width = high - low + 1;

	return high + 1 + random32() % (0u - width);
}

static uint32_t allowance(const struct pps_tcp_side *side)
{
	return side->max_win > 1 << 20 ? side->max_win : 1 << 20;
}

/* Somebody who cannot see the connection tries it. 'passes': it may pass, but change nothing. */
static void attack(struct world *world)
{
	static const uint8_t flags[] = {PPS_TCP_RST, PPS_TCP_RST | PPS_TCP_ACK,
		PPS_TCP_FIN | PPS_TCP_ACK, PPS_TCP_ACK, PPS_TCP_SYN, PPS_TCP_SYN | PPS_TCP_ACK};
	enum pps_side side = random32() & 1 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
	const struct pps_tcp_side *s = &world->flow.tcp[side], *d = &world->flow.tcp[!side];
	struct segment segment = {
		.flags = flags[below(sizeof(flags))],
		.window = (uint16_t)random32(),
		.scale = (uint8_t)below(16),
	};
	struct pps_flow before = world->flow;
	enum pps_flow_state state;
	struct pps_packet packet;
	enum pps_reason reason;
	bool restart, wild = chance(500);

	if (world->flow.state < PPS_FLOW_TCP_ESTABLISHED ||
		world->flow.state > PPS_FLOW_TCP_FIN_RESPONDER)
		return;
	segment.seq = outside(d->ack - allowance(d), s->max_end + 1);
	segment.ack = outside(s->ack - allowance(s), d->end);
	if (wild)
		segment.ack = d->end;
	else if ((segment.flags & (PPS_TCP_FIN | PPS_TCP_RST)) == 0)
		segment.seq = s->end;
	else if ((segment.flags & PPS_TCP_RST) != 0)
		segment.seq = s->end + 1 + (s->max_end != s->end ? below(s->max_end - s->end) : 0);
	if (segment.seq == d->ack || segment.seq == s->end - 1)
		return;
	make_packet(&segment, &packet);
	reason = pps_flow_step(&world->flow, &world->cold, &packet, side, &state, &restart);
	world->n_attacks++;
	if (restart || (reason == PPS_REASON_NONE && state != world->flow.state))
		complain(world, "a stranger moved the state", &segment);
	if (reason != PPS_REASON_NONE)
		return;
	if ((segment.flags & (PPS_TCP_SYN | PPS_TCP_RST)) == 0)
		complain(world, "a stranger's segment passed", &segment);
	if ((segment.flags & PPS_TCP_RST) != 0 && wild)
		complain(world, "a stranger's reset passed", &segment);
	pps_flow_apply(&world->flow, &world->cold, &packet, side, state, 2);
	if (memcmp(before.tcp, world->flow.tcp, sizeof(before.tcp)) != 0 ||
		before.seen != world->flow.seen || before.scale != world->flow.scale ||
		before.state != world->flow.state)
		complain(world, "a stranger moved the numbers", &segment);
	world->cold.tcp_syn_ignored = false;
}

/* ---- connections ---- */

static uint32_t draw_number(void)
{
	return chance(400) ? 0u - below(200000) : random32();
}

static void set_up_host(struct world *world, enum pps_side side)
{
	struct host *host = &world->hosts[side];

	memset(host, 0, sizeof(*host));
	host->iss = draw_number();
	host->length = chance(300) ? below(2000) : below(DATA_MAX);
	host->scale = chance(300) ? PPS_TCP_SCALE_NONE : (uint8_t)below(15);
	host->buffer = chance(300) ? below(3000) : 1 + below(chance(500) ? 65536 : 4000000);
	host->fast_open = chance(300);
	/* Nobody offers scaled windows that are always 0. */
	if (host->scale != PPS_TCP_SCALE_NONE && host->buffer < 2u << host->scale)
		host->buffer = 2u << host->scale;
	if (host->buffer < 2)
		host->buffer = 2;
}

static bool is_done(const struct world *world)
{
	for (int side = 0; side < 2; side++) {
		const struct host *host = &world->hosts[side];

		if (host->state == GONE)
			continue;
		if (!host->fin_seen || host->una != fin_at(host) + 1)
			return false;
	}
	return true;
}

static bool is_silent(const struct world *world)
{
	return world->before[0].n + world->before[1].n + world->behind[0].n + world->behind[1].n ==
		0;
}

static void step(struct world *world, bool talk)
{
	enum pps_side side = random32() & 1 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
	struct segment segment;

	switch (below(talk ? 4 : 2)) {
	case 0:
		if (take(world, &world->before[side], &segment))
			cross(world, &segment, side);
		break;
	case 1:
		if (take(world, &world->behind[side], &segment))
			hear(world, !side, &segment);
		break;
	case 2:
		act(world, side);
		break;
	default:
		if (world->begun && chance(100))
			attack(world);
		break;
	}
}

/* From the first SYN until both have heard the other's FIN, or 'abort_after' steps and a reset. */
static void converse(struct world *world, enum pps_side initiator, long abort_after)
{
	long n = 0;

	open_host(world, initiator);
	if (chance(100) && world->hosts[!initiator].length > 0) {
		world->hosts[!initiator].fast_open = false;
		open_host(world, !initiator);
	}
	for (; n < STEPS_MAX && !world->failed && !is_done(world); n++) {
		struct host *host = &world->hosts[initiator];

		if (n >= abort_after && host->state == OPEN) {
			say_bare(world, initiator, PPS_TCP_RST | PPS_TCP_ACK);
			host->state = GONE;
			abort_after = STEPS_MAX;
			break;
		}
		step(world, true);
	}
	if (n == STEPS_MAX)
		complain(world, "never done", &(struct segment){0});
	while (!world->failed && !is_silent(world))
		step(world, false);
}

static void play(struct world *world, unsigned int seed, bool aborts)
{
	unsigned int rounds = 1 + seed % 3;

	memset(world, 0, sizeof(*world));
	srand48((long)seed);
	world->seed = seed;
	world->loss = below(3) * 30;
	for (unsigned int i = 0; i < rounds && !world->failed; i++) {
		enum pps_side initiator = random32() & 1 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
		uint8_t state = world->flow.state;

		for (int side = 0; side < 2; side++) {
			uint32_t last = world->hosts[side].next;

			set_up_host(world, (enum pps_side)side);
			/* In order, as RFC 9293 has it. */
			if (i > 0 && state != PPS_FLOW_TCP_CLOSED)
				world->hosts[side].iss = last + below(1u << 30);
		}
		/* A window of a few bytes takes for ever. */
		for (int side = 0; side < 2; side++) {
			struct host *host = &world->hosts[side];

			if (host->length > 100 * world->hosts[!side].buffer)
				host->length = 100 * world->hosts[!side].buffer;
		}
		converse(world, initiator, aborts ? (long)below(20000) : STEPS_MAX);
		state = world->flow.state;
		if (!world->failed && !aborts && state != PPS_FLOW_TCP_CLOSING)
			complain(world, "not closed", &(struct segment){0});
		if (state != PPS_FLOW_TCP_CLOSING && state != PPS_FLOW_TCP_CLOSED)
			break; /* the reset was lost: ports are not used again */
	}
}

static void play_many(unsigned int first, bool aborts)
{
	struct world *world = malloc(sizeof(*world));
	unsigned long n_sent = 0, n_attacks = 0;

	for (unsigned int i = 0; i < CONNECTIONS && world != NULL; i++) {
		play(world, first + i, aborts);
		n_sent += world->n_sent;
		n_attacks += world->n_attacks;
	}
	free(world);
	printf("# %lu segments, %lu of strangers\n", n_sent, n_attacks);
	CU_ASSERT_TRUE(n_sent > 100000);
	CU_ASSERT_TRUE(n_attacks > 10000);
}

static void honest_hosts_lose_nothing_and_strangers_change_nothing(void)
{
	play_many(1, false);
}

static void honest_hosts_that_break_off_lose_nothing(void)
{
	play_many(100001, true);
}

static const struct unit_test tests[] = {
	UNIT_TEST(honest_hosts_lose_nothing_and_strangers_change_nothing),
	UNIT_TEST(honest_hosts_that_break_off_lose_nothing),
};

int main(void)
{
	return unit_run("flow_tcp_random", tests, UNIT_COUNT(tests));
}
