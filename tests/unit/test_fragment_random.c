/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random fragments against a second implementation: slow, without bounds, a byte of memory for
 * each byte of a datagram. And properties of whole datagrams in any order.
 */

#include "unit.h"

#include <stdio.h>

#include "fragment_play.h"

#define IDS        6
#define LENGTH_MAX 80 /* so that fragments meet */
#define STEPS      1000000
#define ROUNDS     3000

/* xorshift64*: the same every time. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ull;
}

static unsigned int below(uint64_t *state, unsigned int n)
{
	return (unsigned int)(next_random(state) >> 33) % n;
}

/* ---- the other implementation ---- */

struct model_fragment {
	unsigned int start, end;
	bool more;
	unsigned int frame; /* that waits; 0: none */
};

struct model {
	enum { UNKNOWN, WAITS, PASSING, WHOLE, REFUSED, POISON } state;
	uint64_t since_ms;
	struct model_fragment fragments[64];
	unsigned int n;
};

/* What a step releases and drops. */
struct outcome {
	enum pps_reason reason;
	unsigned int released[64], n_released;
	unsigned int dropped[64], n_dropped;
	enum pps_reason why_dropped;
};

static void model_give_up(struct model *model, struct outcome *outcome, enum pps_reason why)
{
	for (unsigned int i = 0; i < model->n; i++) {
		if (model->fragments[i].frame == 0)
			continue;
		outcome->dropped[outcome->n_dropped++] = model->fragments[i].frame;
		outcome->why_dropped = why;
		model->fragments[i].frame = 0;
	}
}

static bool model_is_whole(const struct model *model)
{
	bool seen[LENGTH_MAX + 64] = {false};
	unsigned int end = 0;

	for (unsigned int i = 0; i < model->n; i++) {
		for (unsigned int b = model->fragments[i].start; b < model->fragments[i].end; b++)
			seen[b] = true;
		if (!model->fragments[i].more)
			end = model->fragments[i].end;
	}
	if (end == 0)
		return false;
	for (unsigned int b = 0; b < end; b++) {
		if (!seen[b])
			return false;
	}
	return true;
}

static enum pps_reason model_fit(const struct model *model, const struct piece *piece)
{
	unsigned int start = piece->start, end = piece->start + piece->len;
	bool overlap = false, contradiction = false;

	for (unsigned int i = 0; i < model->n; i++) {
		const struct model_fragment *f = &model->fragments[i];

		if (f->start == start && f->end == end && f->more == piece->more)
			return PPS_REASON_FRAGMENT_DUPLICATE;
		for (unsigned int b = start; b < end; b++)
			overlap = overlap || (b >= f->start && b < f->end);
		if (!f->more)
			contradiction =
				contradiction || (piece->more ? end >= f->end : end != f->end);
		else if (!piece->more)
			contradiction = contradiction || end < f->end;
	}
	if (contradiction)
		return PPS_REASON_FRAGMENT_END;
	return overlap ? PPS_REASON_FRAGMENT_OVERLAP : PPS_REASON_NONE;
}

static void model_step(struct model *model, const struct piece *piece, unsigned int frame,
	uint64_t now_ms, const struct play *play, struct outcome *outcome)
{
	*outcome = (struct outcome){.reason = PPS_REASON_NONE};
	if (model->state != UNKNOWN && now_ms - model->since_ms >= play->timeout) {
		model_give_up(model, outcome, PPS_REASON_FRAGMENT_NO_FIRST);
		*model = (struct model){.state = UNKNOWN};
	}
	if (piece->start == 0 && (model->state == WHOLE || model->state == REFUSED))
		*model = (struct model){.state = UNKNOWN};
	if (model->state == POISON) {
		outcome->reason = PPS_REASON_FRAGMENT_POISONED;
		return;
	}
	if (model->state == REFUSED) {
		outcome->reason = PPS_REASON_FRAGMENT_DENIED;
		return;
	}
	outcome->reason = model_fit(model, piece);
	if (outcome->reason == PPS_REASON_FRAGMENT_DUPLICATE)
		return;
	if (outcome->reason != PPS_REASON_NONE) {
		model_give_up(model, outcome, PPS_REASON_FRAGMENT_POISONED);
		*model = (struct model){.state = POISON, .since_ms = now_ms};
		return;
	}
	if (piece->start == 0 ? play->deny : model->state == PASSING && play->flow_ended) {
		outcome->reason = piece->start == 0 ? PPS_REASON_NOT_APPROVED
						    : PPS_REASON_FRAGMENT_FLOW_ENDED;
		model_give_up(model, outcome, PPS_REASON_FRAGMENT_DENIED);
		*model = (struct model){.state = REFUSED, .since_ms = now_ms};
		return;
	}
	model->fragments[model->n++] =
		(struct model_fragment){piece->start, piece->start + piece->len, piece->more, 0};
	if (piece->start == 0) {
		for (unsigned int i = 0; i < model->n; i++) {
			if (model->fragments[i].frame != 0)
				outcome->released[outcome->n_released++] =
					model->fragments[i].frame;
			model->fragments[i].frame = 0;
		}
		model->state = PASSING;
		model->since_ms = now_ms;
	} else if (model->state != PASSING) {
		outcome->reason = PPS_REASON_HELD;
		model->fragments[model->n - 1].frame = frame;
		if (model->state == UNKNOWN)
			model->since_ms = now_ms;
		model->state = WAITS;
	}
	if (model->state == PASSING && model_is_whole(model)) {
		model->state = WHOLE;
		model->since_ms = now_ms;
	}
}

/* ---- side by side ---- */

static bool same_numbers(
	const unsigned int *a, unsigned int n_a, const unsigned int *b, unsigned int n_b)
{
	return n_a == n_b && memcmp(a, b, n_a * sizeof(*a)) == 0;
}

static bool agrees(const struct play *play, enum pps_reason got, const struct outcome *wanted)
{
	return got == wanted->reason &&
		same_numbers(
			play->released, play->n_released, wanted->released, wanted->n_released) &&
		same_numbers(play->dropped, play->n_dropped, wanted->dropped, wanted->n_dropped) &&
		(play->n_dropped == 0 || play->reasons[0] == wanted->why_dropped);
}

static void random_piece(uint64_t *random, struct piece *piece)
{
	unsigned int start = below(random, 3) == 0 ? 0 : 8 * below(random, LENGTH_MAX / 8);

	*piece = (struct piece){
		.id = below(random, IDS),
		.start = (uint16_t)start,
		.len = (uint16_t)(8 * (1 + below(random, 3))),
		.more = start == 0 || below(random, 4) != 0,
	};
	if (!piece->more)
		piece->len = (uint16_t)(piece->len - below(random, 8));
}

static void random_fragments_are_judged_alike_by_a_second_implementation(void)
{
	struct model *models = calloc(IDS, sizeof(*models));
	unsigned int seen[PPS_REASON_COUNT] = {0};
	uint64_t random = 88172645463325252ull, now_ms = 0;
	struct play play;
	unsigned int i;

	CU_ASSERT_PTR_NOT_NULL_FATAL(models);
	play_init(&play, &PPS_FRAGMENT_PARAMS_DEFAULT);
	for (i = 1; i <= STEPS; i++) {
		unsigned int ms = below(&random, 50) == 0 ? below(&random, 6000) : 0;
		struct outcome wanted;
		struct piece piece;
		enum pps_reason got;

		now_ms += ms;
		play.tick += ms;
		play.deny = below(&random, 8) == 0;
		play.flow_ended = below(&random, 16) == 0;
		play.n_released = 0;
		play.n_dropped = 0;
		random_piece(&random, &piece);
		model_step(&models[piece.id], &piece, i, now_ms, &play, &wanted);
		got = play_send(&play, &piece, i);
		seen[got]++;
		if (!agrees(&play, got, &wanted)) {
			printf("# step %u: %s, not %s; released %u, not %u; dropped %u, not %u\n",
				i, pps_reason_word(got), pps_reason_word(wanted.reason),
				play.n_released, wanted.n_released, play.n_dropped,
				wanted.n_dropped);
			CU_FAIL_FATAL("they differ");
		}
	}
	/* None of what can happen was left out. */
	CU_ASSERT(seen[PPS_REASON_NONE] > 1000 && seen[PPS_REASON_HELD] > 1000 &&
		seen[PPS_REASON_NOT_APPROVED] > 1000 &&
		seen[PPS_REASON_FRAGMENT_FLOW_ENDED] > 100 &&
		seen[PPS_REASON_FRAGMENT_DENIED] > 1000 &&
		seen[PPS_REASON_FRAGMENT_DUPLICATE] > 1000 &&
		seen[PPS_REASON_FRAGMENT_OVERLAP] > 1000 && seen[PPS_REASON_FRAGMENT_END] > 1000 &&
		seen[PPS_REASON_FRAGMENT_POISONED] > 1000);
	CU_ASSERT_TRUE(play_fini(&play));
	free(models);
}

/* Cuts a datagram of 'total' bytes into 'pieces'; returns how many. */
static unsigned int cut(uint64_t *random, uint32_t id, unsigned int total, struct piece *pieces)
{
	unsigned int n = 0, start = 0;

	while (start < total) {
		unsigned int len = 8 * (1 + below(random, 180));

		if (n == 0 && len >= total)
			len = 8;
		if (start + len > total)
			len = total - start;
		pieces[n++] = (struct piece){
			.id = id,
			.start = (uint16_t)start,
			.len = (uint16_t)len,
			.more = start + len < total,
		};
		start += len;
	}
	return n;
}

static void shuffle(uint64_t *random, struct piece *pieces, unsigned int n)
{
	for (unsigned int i = n; i > 1; i--) {
		unsigned int j = below(random, i);
		struct piece swap = pieces[i - 1];

		pieces[i - 1] = pieces[j];
		pieces[j] = swap;
	}
}

static void datagrams_in_any_order_with_repetitions_pass_exactly_once(void)
{
	uint64_t random = 4101842887655102017ull;
	struct play play;

	play_init(&play, &PPS_FRAGMENT_PARAMS_DEFAULT);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct piece pieces[512];
		unsigned int total = 9 + below(&random, 16000);
		unsigned int n = cut(&random, round, total, pieces), passed = 0;

		if (n > PPS_FRAGMENT_BUFFERS_PER_DATAGRAM)
			continue;
		shuffle(&random, pieces, n);
		play.n_released = 0;
		play.n_dropped = 0;
		for (unsigned int i = 0; i < n; i++) {
			passed += play_send(&play, &pieces[i], i) == PPS_REASON_NONE;
			/* A first one again would begin anew what is complete. */
			if (i + 1 < n && below(&random, 4) == 0)
				CU_ASSERT_EQUAL(play_send(&play, &pieces[below(&random, i + 1)], i),
					PPS_REASON_FRAGMENT_DUPLICATE);
		}
		if (passed + play.n_released != n || play.n_dropped != 0)
			CU_FAIL_FATAL("not each once");
		play.tick += 100;
		play_expire(&play, 64);
	}
	CU_ASSERT_TRUE(play_fini(&play));
}

static void nothing_passes_behind_an_overlap(void)
{
	uint64_t random = 1181783497276652981ull;
	struct play play;

	play_init(&play, &PPS_FRAGMENT_PARAMS_DEFAULT);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct piece pieces[512], wrong;
		unsigned int total = 100 + below(&random, 8000);
		unsigned int n = cut(&random, round, total, pieces), when;

		if (n > PPS_FRAGMENT_BUFFERS_PER_DATAGRAM)
			continue;
		shuffle(&random, pieces, n);
		/* Over the last eight bytes of one that came, and eight more. */
		when = below(&random, n);
		wrong = pieces[when];
		wrong.start = (uint16_t)((wrong.start + wrong.len - 1) / 8 * 8);
		wrong.len = 16;
		wrong.more = true;
		/* A first one would begin anew what is complete. */
		if (wrong.start == 0)
			continue;
		for (unsigned int i = 0; i <= when; i++)
			play_send(&play, &pieces[i], i);
		play.n_released = 0;
		CU_ASSERT_NOT_EQUAL(play_send(&play, &wrong, 0), PPS_REASON_NONE);
		for (unsigned int i = 0; i < n; i++) {
			if (play_send(&play, &pieces[i], i) != PPS_REASON_FRAGMENT_POISONED)
				CU_FAIL("it passed");
		}
		CU_ASSERT_EQUAL(play.n_released, 0);
		play.tick += 100;
		play_expire(&play, 64);
	}
	CU_ASSERT_TRUE(play_fini(&play));
}

int main(void)
{
	static const struct unit_test tests[] = {
		UNIT_TEST(random_fragments_are_judged_alike_by_a_second_implementation),
		UNIT_TEST(datagrams_in_any_order_with_repetitions_pass_exactly_once),
		UNIT_TEST(nothing_passes_behind_an_overlap),
	};

	return unit_run("fragment_random", tests, UNIT_COUNT(tests));
}
