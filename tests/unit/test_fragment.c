/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdio.h>

#include <pps_base.h>

#include "fragment_play.h"

/* Small, so that every bound is near. */
static const struct pps_fragment_params small = {
	.datagrams = 8,
	.datagrams_per_source = 4,
	.buffers = 12,
	.buffers_per_source = 8,
	.buffers_per_datagram = 6,
};

/* What a play does at one step: a fragment and what becomes of it. */
struct step {
	struct piece piece;
	enum pps_reason outcome;
};

#define PASS     PPS_REASON_NONE
#define HELD     PPS_REASON_HELD
#define IS(word) PPS_REASON_FRAGMENT_##word

/* Frames are numbered from 1 in the order of the steps. */
static void run(struct play *play, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum pps_reason got = play_send(play, &steps[i].piece, (unsigned int)i + 1);

		if (got != steps[i].outcome)
			printf("# step %zu: %s, not %s\n", i + 1, pps_reason_word(got),
				pps_reason_word(steps[i].outcome));
		CU_ASSERT_EQUAL(got, steps[i].outcome);
	}
}

#define RUN(play, ...)                                               \
	do {                                                         \
		static const struct step steps_[] = {__VA_ARGS__};   \
		run(play, steps_, sizeof(steps_) / sizeof(*steps_)); \
	} while (0)

/* [start, start + len), more to come or the last */
#define MORE(from, n)                                          \
	{                                                      \
		.id = 7, .start = from, .len = n, .more = true \
	}
#define LAST(from, n)                            \
	{                                        \
		.id = 7, .start = from, .len = n \
	}

static void begin(struct play *play)
{
	play_init(play, &PPS_FRAGMENT_PARAMS_DEFAULT);
}

static void end(struct play *play)
{
	CU_ASSERT_TRUE(play_fini(play));
}

static void check_usage(const struct play *play, uint32_t datagrams, uint32_t waiting,
	uint32_t open, uint32_t buffers)
{
	struct pps_fragment_usage usage;

	pps_fragment_usage(play->store, &usage);
	CU_ASSERT_EQUAL(usage.datagrams, datagrams);
	CU_ASSERT_EQUAL(usage.waiting, waiting);
	CU_ASSERT_EQUAL(usage.open, open);
	CU_ASSERT_EQUAL(usage.buffers, buffers);
}

/* ---- order ---- */

static void fragments_in_order_pass(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {MORE(8, 8), PASS}, {LAST(16, 3), PASS});
	check_usage(&play, 1, 0, 0, 0);
	end(&play);
}

static void early_fragments_are_released_in_the_order_they_came(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {LAST(24, 3), HELD}, {MORE(8, 8), HELD}, {MORE(16, 8), HELD});
	check_usage(&play, 1, 1, 0, 3);
	RUN(&play, {MORE(0, 8), PASS});
	CU_ASSERT_EQUAL_FATAL(play.n_released, 3);
	CU_ASSERT_EQUAL(play.released[0], 1);
	CU_ASSERT_EQUAL(play.released[1], 2);
	CU_ASSERT_EQUAL(play.released[2], 3);
	check_usage(&play, 1, 0, 0, 0);
	end(&play);
}

static void every_order_of_four_fragments_passes_them_all(void)
{
	static const struct piece pieces[4] = {MORE(0, 8), MORE(8, 8), MORE(16, 8), LAST(24, 1)};

	for (unsigned int order = 0; order < 256; order++) {
		unsigned int p[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
		unsigned int passed = 0;
		struct play play;

		if ((1u << p[0] | 1u << p[1] | 1u << p[2] | 1u << p[3]) != 15)
			continue;
		begin(&play);
		for (unsigned int i = 0; i < 4; i++)
			passed += play_send(&play, &pieces[p[i]], i) == PASS;
		CU_ASSERT_EQUAL(passed + play.n_released, 4);
		CU_ASSERT_EQUAL(play.n_dropped, 0);
		end(&play);
	}
}

static void a_denied_first_drops_what_waits_and_what_follows(void)
{
	struct play play;

	begin(&play);
	play.deny = true;
	RUN(&play, {MORE(8, 8), HELD}, {MORE(0, 8), PPS_REASON_NOT_APPROVED},
		{LAST(16, 8), IS(DENIED)});
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 1);
	CU_ASSERT_EQUAL(play.reasons[0], IS(DENIED));
	check_usage(&play, 1, 0, 0, 0);
	end(&play);
}

static void a_first_begins_a_denied_datagram_again(void)
{
	struct play play;

	begin(&play);
	play.deny = true;
	RUN(&play, {MORE(0, 8), PPS_REASON_NOT_APPROVED});
	play.deny = false;
	RUN(&play, {MORE(0, 8), PASS}, {LAST(8, 8), PASS});
	check_usage(&play, 1, 0, 0, 0);
	end(&play);
}

static void a_flow_that_ended_denies_the_rest(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS});
	play.flow_ended = true;
	RUN(&play, {MORE(8, 8), IS(FLOW_ENDED)}, {LAST(16, 8), IS(DENIED)});
	end(&play);
}

static void a_first_begins_a_complete_datagram_again(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {LAST(8, 8), PASS}, {LAST(8, 8), IS(DUPLICATE)},
		{MORE(0, 16), PASS}, {LAST(16, 1), PASS});
	check_usage(&play, 1, 0, 0, 0);
	end(&play);
}

static void a_first_fragment_alone_is_never_a_whole_datagram(void)
{
	struct play play;

	/* An offset of 0 without "more" is a whole packet and never comes here. */
	begin(&play);
	RUN(&play, {MORE(0, 8), PASS});
	check_usage(&play, 1, 0, 1, 0);
	end(&play);
}

static void looking_changes_nothing(void)
{
	static const struct piece pieces[] = {
		MORE(0, 8), MORE(8, 8), MORE(4, 8), LAST(16, 8), LAST(8, 4)};
	const struct pps_fragment_at at = {.buffers = 1, .tick = 1, .timeout = 5000};
	struct pps_fragment_view view;
	struct pps_packet packet;
	struct play play;

	begin(&play);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		play_packet(&pieces[i], &packet);
		pps_fragment_look(play.store, &packet, PPS_REASON_NONE, &at, &view);
	}
	check_usage(&play, 0, 0, 0, 0);
	RUN(&play, {MORE(8, 8), HELD});
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		play_packet(&pieces[i], &packet);
		pps_fragment_look(play.store, &packet, PPS_REASON_NONE, &at, &view);
	}
	check_usage(&play, 1, 1, 0, 1);
	RUN(&play, {MORE(0, 8), PASS});
	CU_ASSERT_EQUAL(play.n_released, 1);
	end(&play);
}

static void the_length_of_the_datagram_is_told_when_it_is_known(void)
{
	const struct piece first = MORE(0, 8), middle = MORE(8, 8), last = LAST(16, 3);
	const struct pps_fragment_at at = {.buffers = 1, .timeout = 5000};
	struct pps_fragment_view view;
	struct pps_packet packet;
	struct play play;

	begin(&play);
	play.tick = 0;
	play_packet(&first, &packet);
	pps_fragment_look(play.store, &packet, PPS_REASON_NONE, &at, &view);
	CU_ASSERT_EQUAL(view.total, 0);
	play_packet(&last, &packet);
	pps_fragment_look(play.store, &packet, PPS_REASON_NONE, &at, &view);
	CU_ASSERT_EQUAL(view.total, 19);
	play_send(&play, &last, 1);
	play_packet(&first, &packet);
	pps_fragment_look(play.store, &packet, PPS_REASON_NONE, &at, &view);
	CU_ASSERT_EQUAL(view.total, 19);
	play_packet(&middle, &packet);
	pps_fragment_look(play.store, &packet, PPS_REASON_NONE, &at, &view);
	CU_ASSERT_EQUAL(view.total, 19);
	end(&play);
}

/* ---- what tells datagrams apart ---- */

static void check_apart(const struct piece *a, const struct piece *b, bool apart)
{
	struct piece first = *a;
	struct play play;

	first.start = 0;
	begin(&play);
	CU_ASSERT_EQUAL(play_send(&play, &first, 1), PASS);
	CU_ASSERT_EQUAL(play_send(&play, b, 2), apart ? HELD : PASS);
	end(&play);
}

static void every_part_of_the_name_tells_datagrams_apart(void)
{
	const struct piece base = MORE(8, 8);
	struct piece other;

	check_apart(&base, &base, false);
#define CHECK_APART(member, value)                \
	do {                                      \
		other = base;                     \
		other.member = value;             \
		check_apart(&base, &other, true); \
	} while (0)
	CHECK_APART(id, 8);
	CHECK_APART(id, 0x10007);
	CHECK_APART(host, 1);
	CHECK_APART(protocol, PPS_IP_TCP);
	CHECK_APART(family, 6);
	CHECK_APART(side, 1);
	CHECK_APART(segment, 1);
	CHECK_APART(vlan, 5);
	CHECK_APART(inner_vlan, 5);
#undef CHECK_APART
}

static void the_protocol_of_ipv6_does_not(void)
{
	struct piece base = MORE(8, 8), other;

	base.family = 6;
	other = base;
	other.protocol = PPS_IP_ICMPV6;
	check_apart(&base, &other, false);
}

/* ---- repetitions and overlaps ---- */

static void a_repetition_is_dropped_alone(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD}, {MORE(8, 8), IS(DUPLICATE)}, {MORE(0, 8), PASS},
		{MORE(0, 8), IS(DUPLICATE)}, {MORE(8, 8), IS(DUPLICATE)}, {LAST(16, 2), PASS},
		{LAST(16, 2), IS(DUPLICATE)}, {MORE(8, 8), IS(DUPLICATE)});
	CU_ASSERT_EQUAL(play.n_dropped, 0);
	end(&play);
}

static void every_overlap_is_seen(void)
{
	/* Each over [16, 32), which is there. */
	static const struct piece pieces[] = {MORE(8, 16), MORE(24, 16), MORE(16, 8), MORE(24, 8),
		MORE(8, 32), MORE(16, 24), LAST(16, 16), LAST(24, 9), MORE(8, 24)};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct play play;

		begin(&play);
		RUN(&play, {MORE(0, 8), PASS}, {MORE(16, 16), PASS});
		CU_ASSERT_EQUAL(play_send(&play, &pieces[i], 9), IS(OVERLAP));
		RUN(&play, {MORE(8, 8), IS(POISONED)}, {LAST(32, 8), IS(POISONED)},
			{MORE(0, 8), IS(POISONED)}, {MORE(16, 16), IS(POISONED)});
		end(&play);
	}
}

static void neighbours_do_not_overlap(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {MORE(16, 8), PASS}, {MORE(8, 8), PASS},
		{LAST(24, 8), PASS});
	end(&play);
}

static void an_overlap_drops_what_waits(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD}, {MORE(24, 8), HELD}, {MORE(16, 16), IS(OVERLAP)});
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 2);
	CU_ASSERT_EQUAL(play.reasons[0], IS(POISONED));
	CU_ASSERT_EQUAL(play.reasons[1], IS(POISONED));
	RUN(&play, {MORE(0, 8), IS(POISONED)});
	check_usage(&play, 1, 0, 0, 0);
	end(&play);
}

static void a_first_over_what_waits_is_an_overlap(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD}, {MORE(0, 16), IS(OVERLAP)}, {MORE(0, 8), IS(POISONED)});
	CU_ASSERT_EQUAL(play.n_released, 0);
	end(&play);
}

static void an_overlap_with_a_complete_datagram_poisons_it(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {LAST(8, 16), PASS}, {MORE(8, 8), IS(OVERLAP)},
		{MORE(0, 8), IS(POISONED)});
	end(&play);
}

static void other_datagrams_are_not_poisoned(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {MORE(0, 16), IS(OVERLAP)},
		{{.id = 8, .len = 8, .more = true}, PASS}, {{.id = 8, .start = 8, .len = 8}, PASS});
	end(&play);
}

/* ---- the end ---- */

static void a_second_end_is_a_contradiction(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {LAST(16, 8), PASS}, {LAST(24, 8), IS(END)},
		{MORE(8, 8), IS(POISONED)});
	end(&play);
}

static void an_end_in_front_of_what_was_seen_is_a_contradiction(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {MORE(16, 8), PASS}, {LAST(8, 7), IS(END)});
	end(&play);
}

static void a_fragment_behind_the_end_is_a_contradiction(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {LAST(16, 8), PASS}, {MORE(32, 8), IS(END)});
	end(&play);
}

static void more_at_the_end_is_a_contradiction(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS}, {LAST(16, 8), PASS}, {MORE(16, 8), IS(END)});
	end(&play);
}

static void an_end_in_front_of_what_waits_is_a_contradiction(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(32, 8), HELD}, {LAST(16, 8), IS(END)});
	CU_ASSERT_EQUAL(play.n_dropped, 1);
	end(&play);
}

static void the_last_byte_of_the_longest_datagram_counts(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {LAST(65504, 31), HELD}, {MORE(0, 65504), PASS});
	check_usage(&play, 1, 0, 0, 0);
	CU_ASSERT_EQUAL(play.n_released, 1);
	end(&play);
}

static void a_hundred_and_twenty_eight_fragments_are_enough(void)
{
	struct play play;

	begin(&play);
	for (unsigned int i = 0; i < PPS_FRAGMENT_RANGES; i++) {
		const struct piece piece = MORE((uint16_t)(8 * i), 8);

		CU_ASSERT_EQUAL(play_send(&play, &piece, i), PASS);
	}
	RUN(&play, {LAST(8 * PPS_FRAGMENT_RANGES, 8), IS(COUNT)}, {MORE(2048, 8), IS(POISONED)});
	end(&play);
}

/* ---- what the parser said ---- */

static void an_impossible_fragment_poisons_its_datagram(void)
{
	static const enum pps_reason reasons[] = {IS(EMPTY), IS(LENGTH), IS(TOO_LONG), IS(TINY)};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct piece wrong = MORE(64, 8);
		struct play play;

		begin(&play);
		wrong.parsed = reasons[i];
		RUN(&play, {MORE(0, 8), PASS});
		CU_ASSERT_EQUAL(play_send(&play, &wrong, 2), reasons[i]);
		RUN(&play, {MORE(8, 8), IS(POISONED)});
		CU_ASSERT_EQUAL(play_send(&play, &wrong, 2), reasons[i]);
		end(&play);
	}
}

static void an_impossible_fragment_poisons_what_is_still_to_come(void)
{
	struct piece wrong = MORE(64, 8);
	struct play play;

	begin(&play);
	wrong.parsed = IS(LENGTH);
	CU_ASSERT_EQUAL(play_send(&play, &wrong, 1), IS(LENGTH));
	RUN(&play, {MORE(0, 8), IS(POISONED)});
	end(&play);
}

static void a_first_with_a_wrong_header_denies_its_datagram(void)
{
	struct piece wrong = MORE(0, 8);
	struct play play;

	begin(&play);
	wrong.parsed = PPS_REASON_TCP_FLAGS;
	RUN(&play, {MORE(8, 8), HELD});
	CU_ASSERT_EQUAL(play_send(&play, &wrong, 2), PPS_REASON_TCP_FLAGS);
	RUN(&play, {MORE(16, 8), IS(DENIED)});
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 1);
	CU_ASSERT_EQUAL(play.reasons[0], IS(DENIED));
	end(&play);
}

static void a_later_one_with_a_wrong_header_is_dropped_alone(void)
{
	struct piece wrong = MORE(8, 8);
	struct play play;

	begin(&play);
	wrong.parsed = PPS_REASON_MARTIAN_SOURCE;
	CU_ASSERT_EQUAL(play_send(&play, &wrong, 1), PPS_REASON_MARTIAN_SOURCE);
	check_usage(&play, 0, 0, 0, 0);
	end(&play);
}

static void a_poisoned_datagram_stays_so_whatever_its_first_is(void)
{
	struct piece wrong = MORE(0, 8);
	struct play play;

	begin(&play);
	wrong.parsed = PPS_REASON_TCP_FLAGS;
	RUN(&play, {MORE(0, 16), PASS}, {MORE(0, 8), IS(OVERLAP)});
	CU_ASSERT_EQUAL(play_send(&play, &wrong, 3), PPS_REASON_TCP_FLAGS);
	RUN(&play, {MORE(0, 8), IS(POISONED)});
	end(&play);
}

/* ---- time ---- */

static void what_waits_is_dropped_when_its_time_is_up(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD}, {MORE(16, 8), HELD});
	play.tick += 4999;
	play_expire(&play, 100);
	CU_ASSERT_EQUAL(play.n_dropped, 0);
	play.tick++;
	play_expire(&play, 100);
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 2);
	CU_ASSERT_EQUAL(play.reasons[0], IS(NO_FIRST));
	CU_ASSERT_EQUAL(play.dropped[0], 1);
	CU_ASSERT_EQUAL(play.dropped[1], 2);
	check_usage(&play, 0, 0, 0, 0);
	end(&play);
}

static void time_is_up_for_the_fragment_that_finds_it_so(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD});
	play.tick += 5000;
	RUN(&play, {MORE(0, 8), PASS});
	CU_ASSERT_EQUAL(play.n_released, 0);
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 1);
	CU_ASSERT_EQUAL(play.reasons[0], IS(NO_FIRST));
	end(&play);
}

static void a_datagram_in_part_is_forgotten(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS});
	play.tick += 5000;
	RUN(&play, {MORE(8, 8), HELD});
	CU_ASSERT_EQUAL(play.n_dropped, 0);
	end(&play);
}

static void the_first_fragment_gives_the_rest_its_own_time(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD});
	play.tick += 4999;
	RUN(&play, {MORE(0, 8), PASS});
	play.tick += 4999;
	RUN(&play, {MORE(16, 8), PASS});
	play.tick += 1;
	RUN(&play, {LAST(24, 8), HELD});
	end(&play);
}

static void poison_stays_for_a_timeout_of_its_own(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(0, 8), PASS});
	play.tick += 4000;
	RUN(&play, {MORE(0, 16), IS(OVERLAP)});
	play.tick += 4999;
	RUN(&play, {MORE(0, 8), IS(POISONED)});
	play.tick += 1;
	RUN(&play, {MORE(0, 8), PASS});
	end(&play);
}

static void expiry_does_no_more_than_it_is_asked_to(void)
{
	struct play play;

	begin(&play);
	for (unsigned int i = 0; i < 10; i++) {
		const struct piece piece = {.id = i, .start = 8, .len = 8};

		play_send(&play, &piece, i);
	}
	play.tick += 5000;
	play_expire(&play, 3);
	CU_ASSERT_EQUAL(play.n_dropped, 3);
	CU_ASSERT_EQUAL(play.dropped[0], 0);
	play_expire(&play, 100);
	CU_ASSERT_EQUAL(play.n_dropped, 10);
	check_usage(&play, 0, 0, 0, 0);
	end(&play);
}

static void a_longer_timeout_holds_from_now_on(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD});
	play.tick += 5000;
	play.timeout = 10000;
	play_expire(&play, 100);
	CU_ASSERT_EQUAL(play.n_dropped, 0);
	RUN(&play, {MORE(0, 8), PASS});
	CU_ASSERT_EQUAL(play.n_released, 1);
	end(&play);
}

static void draining_gives_every_frame_back(void)
{
	struct play play;

	begin(&play);
	RUN(&play, {MORE(8, 8), HELD}, {{.id = 9, .start = 8, .len = 8}, HELD},
		{{.id = 10, .len = 8, .more = true}, PASS});
	pps_fragment_drain(play.store);
	play_take(&play);
	CU_ASSERT_EQUAL(play.n_dropped, 2);
	check_usage(&play, 0, 0, 0, 0);
	end(&play);
}

/* ---- room ---- */

static void one_datagram_holds_no_more_than_its_part(void)
{
	struct play play;

	play_init(&play, &small);
	RUN(&play, {MORE(8, 8), HELD}, {MORE(16, 8), HELD}, {MORE(24, 8), HELD},
		{MORE(32, 8), HELD}, {MORE(40, 8), HELD}, {MORE(48, 8), HELD},
		{MORE(56, 8), IS(WAITING)});
	check_usage(&play, 1, 1, 0, 6);
	/* What was refused was not seen: it may come again. */
	RUN(&play, {MORE(0, 8), PASS}, {MORE(56, 8), PASS});
	CU_ASSERT_EQUAL(play.n_released, 6);
	end(&play);
}

static void a_frame_counts_as_many_buffers_as_it_takes(void)
{
	struct piece long_one = MORE(8, 8), longer = MORE(16, 8);
	struct play play;

	play_init(&play, &small);
	long_one.buffers = 4;
	longer.buffers = 3;
	CU_ASSERT_EQUAL(play_send(&play, &long_one, 1), HELD);
	CU_ASSERT_EQUAL(play_send(&play, &longer, 2), IS(WAITING));
	longer.id = 8;
	longer.buffers = 7;
	CU_ASSERT_EQUAL(play_send(&play, &longer, 3), IS(WAITING));
	check_usage(&play, 1, 1, 0, 4);
	end(&play);
}

static void one_source_holds_no_more_than_its_share(void)
{
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 8; i++) {
		const struct piece piece = {
			.id = i / 4, .start = (uint16_t)(8 + i * 8), .len = 8, .more = true};

		CU_ASSERT_EQUAL(play_send(&play, &piece, i), HELD);
	}
	RUN(&play, {{.id = 9, .start = 8, .len = 8}, IS(SOURCE_SHARE)},
		{{.id = 9, .host = 1, .start = 8, .len = 8}, HELD});
	end(&play);
}

static void one_source_has_no_more_datagrams_than_its_share(void)
{
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 4; i++) {
		const struct piece piece = {.id = i, .len = 8, .more = true};

		CU_ASSERT_EQUAL(play_send(&play, &piece, i), PASS);
	}
	RUN(&play, {{.id = 9, .len = 8, .more = true}, IS(SOURCE_SHARE)},
		{{.id = 9, .start = 8, .len = 8}, IS(SOURCE_SHARE)},
		{{.id = 9, .host = 1, .len = 8, .more = true}, PASS},
		/* One that is complete does not count. */
		{{.id = 2, .start = 8, .len = 8}, PASS}, {{.id = 9, .len = 8, .more = true}, PASS});
	end(&play);
}

static void a_share_comes_back_with_time(void)
{
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 4; i++) {
		const struct piece piece = {.id = i, .start = 8, .len = 8};

		play_send(&play, &piece, i);
	}
	RUN(&play, {{.id = 9, .start = 8, .len = 8}, IS(SOURCE_SHARE)});
	play.tick += 5000;
	play_expire(&play, 100);
	for (unsigned int i = 0; i < 4; i++) {
		const struct piece piece = {.id = 10 + i, .start = 8, .len = 8};

		CU_ASSERT_EQUAL(play_send(&play, &piece, i), HELD);
	}
	check_usage(&play, 4, 4, 0, 4);
	end(&play);
}

static void the_datagram_that_waited_longest_gives_way(void)
{
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 8; i++) {
		const struct piece piece = {.id = i, .host = (uint8_t)i, .start = 8, .len = 8};

		CU_ASSERT_EQUAL(play_send(&play, &piece, i), HELD);
		play.tick++;
	}
	RUN(&play, {{.id = 50, .host = 50, .start = 8, .len = 8}, HELD});
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 1);
	CU_ASSERT_EQUAL(play.dropped[0], 0);
	CU_ASSERT_EQUAL(play.reasons[0], IS(STORE_FULL));
	check_usage(&play, 8, 8, 0, 8);
	end(&play);
}

static void what_is_only_remembered_gives_way_first(void)
{
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 7; i++) {
		const struct piece piece = {.id = i, .host = (uint8_t)i, .start = 8, .len = 8};

		play_send(&play, &piece, i);
	}
	RUN(&play, {MORE(0, 8), PASS}, {LAST(8, 8), PASS},
		{{.id = 50, .host = 50, .start = 8, .len = 8}, HELD});
	CU_ASSERT_EQUAL(play.n_dropped, 0);
	check_usage(&play, 8, 8, 0, 8);
	end(&play);
}

static void an_older_open_datagram_gives_way_before_a_younger_that_waits(void)
{
	struct play play;

	play_init(&play, &small);
	RUN(&play, {MORE(0, 8), PASS});
	for (unsigned int i = 0; i < 7; i++) {
		const struct piece piece = {
			.id = i, .host = (uint8_t)(i + 1), .start = 8, .len = 8};

		play.tick++;
		play_send(&play, &piece, i);
	}
	RUN(&play, {{.id = 50, .host = 50, .start = 8, .len = 8}, HELD});
	CU_ASSERT_EQUAL(play.n_dropped, 0);
	check_usage(&play, 8, 8, 0, 8);
	end(&play);
}

static void buffers_are_taken_from_the_datagram_that_waited_longest(void)
{
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 12; i++) {
		const struct piece piece = {.id = i / 4,
			.host = (uint8_t)(i / 4),
			.start = (uint16_t)(8 + i * 8),
			.len = 8,
			.more = true};

		CU_ASSERT_EQUAL(play_send(&play, &piece, i), HELD);
	}
	RUN(&play, {{.id = 50, .host = 50, .start = 8, .len = 8}, HELD});
	CU_ASSERT_EQUAL(play.n_dropped, 4);
	check_usage(&play, 3, 3, 0, 9);
	end(&play);
}

static void a_datagram_does_not_give_way_to_itself(void)
{
	struct piece more = {.id = 0, .host = 0, .start = 800, .len = 8, .buffers = 2};
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 12; i++) {
		const struct piece piece = {.id = i / 4,
			.host = (uint8_t)(i / 4),
			.start = (uint16_t)(8 + i * 8),
			.len = 8,
			.more = true};

		play_send(&play, &piece, i);
	}
	CU_ASSERT_EQUAL(play_send(&play, &more, 99), HELD);
	CU_ASSERT_EQUAL_FATAL(play.n_dropped, 4);
	CU_ASSERT_EQUAL(play.dropped[0], 4);
	check_usage(&play, 2, 2, 0, 10);
	end(&play);
}

static void a_flood_of_sources_never_takes_more_than_there_is(void)
{
	struct pps_fragment_usage usage;
	struct play play;

	play_init(&play, &small);
	for (unsigned int i = 0; i < 100000; i++) {
		const struct piece piece = {.id = i,
			.host = (uint8_t)(i * 7),
			.start = i % 3 == 0 ? 0 : 8,
			.len = 8,
			.more = i % 2 == 0 || i % 3 == 0};

		play_send(&play, &piece, i);
		pps_fragment_usage(play.store, &usage);
		if (usage.datagrams > small.datagrams || usage.buffers > small.buffers)
			CU_FAIL("more than there is");
	}
	end(&play);
}

static void frames_that_stay_with_their_owner_are_counted_like_others(void)
{
	struct play play;

	/* Audit mode: number 0 is no frame. */
	begin(&play);
	CU_ASSERT_EQUAL(play_send(&play, &(struct piece)MORE(8, 8), 0), HELD);
	RUN(&play, {MORE(0, 8), PASS});
	CU_ASSERT_EQUAL(play.n_released, 1);
	CU_ASSERT_EQUAL(play.released[0], 0);
	end(&play);
}

static void a_store_that_is_none_is_destroyed_too(void)
{
	pps_fragment_store_destroy(NULL);
}

int main(void)
{
	static const struct unit_test tests[] = {
		UNIT_TEST(fragments_in_order_pass),
		UNIT_TEST(early_fragments_are_released_in_the_order_they_came),
		UNIT_TEST(every_order_of_four_fragments_passes_them_all),
		UNIT_TEST(a_denied_first_drops_what_waits_and_what_follows),
		UNIT_TEST(a_first_begins_a_denied_datagram_again),
		UNIT_TEST(a_flow_that_ended_denies_the_rest),
		UNIT_TEST(a_first_begins_a_complete_datagram_again),
		UNIT_TEST(a_first_fragment_alone_is_never_a_whole_datagram),
		UNIT_TEST(looking_changes_nothing),
		UNIT_TEST(the_length_of_the_datagram_is_told_when_it_is_known),
		UNIT_TEST(every_part_of_the_name_tells_datagrams_apart),
		UNIT_TEST(the_protocol_of_ipv6_does_not),
		UNIT_TEST(a_repetition_is_dropped_alone),
		UNIT_TEST(every_overlap_is_seen),
		UNIT_TEST(neighbours_do_not_overlap),
		UNIT_TEST(an_overlap_drops_what_waits),
		UNIT_TEST(a_first_over_what_waits_is_an_overlap),
		UNIT_TEST(an_overlap_with_a_complete_datagram_poisons_it),
		UNIT_TEST(other_datagrams_are_not_poisoned),
		UNIT_TEST(a_second_end_is_a_contradiction),
		UNIT_TEST(an_end_in_front_of_what_was_seen_is_a_contradiction),
		UNIT_TEST(a_fragment_behind_the_end_is_a_contradiction),
		UNIT_TEST(more_at_the_end_is_a_contradiction),
		UNIT_TEST(an_end_in_front_of_what_waits_is_a_contradiction),
		UNIT_TEST(the_last_byte_of_the_longest_datagram_counts),
		UNIT_TEST(a_hundred_and_twenty_eight_fragments_are_enough),
		UNIT_TEST(an_impossible_fragment_poisons_its_datagram),
		UNIT_TEST(an_impossible_fragment_poisons_what_is_still_to_come),
		UNIT_TEST(a_first_with_a_wrong_header_denies_its_datagram),
		UNIT_TEST(a_later_one_with_a_wrong_header_is_dropped_alone),
		UNIT_TEST(a_poisoned_datagram_stays_so_whatever_its_first_is),
		UNIT_TEST(what_waits_is_dropped_when_its_time_is_up),
		UNIT_TEST(time_is_up_for_the_fragment_that_finds_it_so),
		UNIT_TEST(a_datagram_in_part_is_forgotten),
		UNIT_TEST(the_first_fragment_gives_the_rest_its_own_time),
		UNIT_TEST(poison_stays_for_a_timeout_of_its_own),
		UNIT_TEST(expiry_does_no_more_than_it_is_asked_to),
		UNIT_TEST(a_longer_timeout_holds_from_now_on),
		UNIT_TEST(draining_gives_every_frame_back),
		UNIT_TEST(one_datagram_holds_no_more_than_its_part),
		UNIT_TEST(a_frame_counts_as_many_buffers_as_it_takes),
		UNIT_TEST(one_source_holds_no_more_than_its_share),
		UNIT_TEST(one_source_has_no_more_datagrams_than_its_share),
		UNIT_TEST(a_share_comes_back_with_time),
		UNIT_TEST(the_datagram_that_waited_longest_gives_way),
		UNIT_TEST(what_is_only_remembered_gives_way_first),
		UNIT_TEST(an_older_open_datagram_gives_way_before_a_younger_that_waits),
		UNIT_TEST(buffers_are_taken_from_the_datagram_that_waited_longest),
		UNIT_TEST(a_datagram_does_not_give_way_to_itself),
		UNIT_TEST(a_flood_of_sources_never_takes_more_than_there_is),
		UNIT_TEST(frames_that_stay_with_their_owner_are_counted_like_others),
		UNIT_TEST(a_store_that_is_none_is_destroyed_too),
	};

	return unit_run("fragment", tests, UNIT_COUNT(tests));
}
