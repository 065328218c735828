/* SPDX-License-Identifier: BSD-3-Clause */

/* Links of a segment, mirrored: the state machine alone, with cables and clocks of our own. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/port/port_priv.h"
#include "unit.h"

#define MS PPS_NS_PER_MS

#define A 0
#define B 1

/* Devices that only remember what they were told. */
struct fake_links {
	bool forced[2];
	int refuse_down, refuse_up;
	unsigned int calls;
};

static int set_fake(void *aux, uint16_t port, bool up)
{
	struct fake_links *links = aux;

	links->calls++;
	if (up ? links->refuse_up : links->refuse_down)
		return up ? links->refuse_up : links->refuse_down;
	links->forced[port] = !up;
	return 0;
}

static void make_pair(struct link_pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->sides[A] = (struct link_side){.port = A, .up = true, .settled = true};
	pair->sides[B] = (struct link_side){.port = B, .up = true, .settled = true};
}

/* What happens at a time: cables as they are, and then which side is held down by us. */
struct link_moment {
	unsigned int ms;
	bool cable[2];
	bool forced[2];
	unsigned int n_changes;
};

static void play(const struct link_moment *moments, size_t n)
{
	struct pps_link_change changes[LINK_CHANGES_PER_STEP];
	struct fake_links links = {0};
	struct link_pair pair;
	unsigned int n_changes;
	bool up[2];
	size_t i;

	make_pair(&pair);
	for (i = 0; i < n; i++) {
		up[A] = moments[i].cable[A] && !links.forced[A];
		up[B] = moments[i].cable[B] && !links.forced[B];
		n_changes =
			link_pair_step(&pair, moments[i].ms * MS, up, set_fake, &links, changes);
		if (n_changes != moments[i].n_changes || links.forced[A] != moments[i].forced[A] ||
			links.forced[B] != moments[i].forced[B])
			fprintf(stderr, "at %u ms: forced %d %d, %u changes\n", moments[i].ms,
				links.forced[A], links.forced[B], n_changes);
		CU_ASSERT_EQUAL(n_changes, moments[i].n_changes);
		CU_ASSERT_EQUAL(links.forced[A], moments[i].forced[A]);
		CU_ASSERT_EQUAL(links.forced[B], moments[i].forced[B]);
	}
}

static void a_lost_link_is_mirrored_and_given_back(void)
{
	static const struct link_moment moments[] = {
		{0, {1, 1}, {0, 0}, 0},
		{1000, {0, 1}, {0, 0}, 0}, /* not yet: debounce */
		{1050, {0, 1}, {0, 0}, 0},
		{1100, {0, 1}, {0, 1}, 2},
		{5000, {0, 1}, {0, 1}, 0},
		{6000, {1, 1}, {0, 1}, 0},
		{6100, {1, 1}, {0, 0}, 2},
		{9000, {1, 1}, {0, 0}, 0},
	};

	play(moments, UNIT_COUNT(moments));
}

static void a_flapping_link_does_not_reach_the_other_side(void)
{
	static const struct link_moment moments[] = {
		{1000, {0, 1}, {0, 0}, 0},
		{1060, {1, 1}, {0, 0}, 0},
		{1120, {0, 1}, {0, 0}, 0},
		{1180, {1, 1}, {0, 0}, 0},
		{3000, {1, 1}, {0, 0}, 0},
	};

	play(moments, UNIT_COUNT(moments));
}

static void both_links_lost_at_once_do_not_hold_each_other_down(void)
{
	static const struct link_moment moments[] = {
		{1000, {0, 0}, {0, 0}, 0},
		{1100, {0, 0}, {1, 0}, 3}, /* both reported, one side forced */
		{2000, {0, 1}, {1, 0}, 0},
		{2100, {0, 1}, {0, 0}, 2}, /* B is back, so A is let go */
		{2200, {0, 1}, {0, 0}, 0}, /* A trains: hold-down */
		{4150, {0, 1}, {0, 1}, 2}, /* A has really no link */
		{5000, {1, 1}, {0, 1}, 0},
		{5100, {1, 1}, {0, 0}, 2},
	};

	play(moments, UNIT_COUNT(moments));
}

static void a_side_that_trains_is_not_taken_for_lost(void)
{
	static const struct link_moment moments[] = {
		{1000, {0, 1}, {0, 0}, 0},
		{1100, {0, 1}, {0, 1}, 2},
		{2000, {1, 0}, {0, 1}, 0}, /* B's own state means nothing while forced */
		{2100, {1, 0}, {0, 0}, 2},
		{3500, {1, 0}, {0, 0}, 0}, /* training for 1.4 s */
		{3600, {1, 1}, {0, 0}, 0},
		{4200, {1, 1}, {0, 0}, 0},
	};

	play(moments, UNIT_COUNT(moments));
}

static void a_driver_that_cannot_take_links_down_is_asked_once(void)
{
	struct pps_link_change changes[LINK_CHANGES_PER_STEP];
	struct fake_links links = {.refuse_down = -ENOTSUP};
	const bool up[2] = {false, true};
	struct link_pair pair;
	unsigned int ms, n = 0;

	make_pair(&pair);
	for (ms = 1000; ms < 2000; ms += 100)
		n += link_pair_step(&pair, ms * MS, up, set_fake, &links, changes);
	CU_ASSERT_EQUAL(links.calls, 1);
	CU_ASSERT_EQUAL(n, 1); /* the loss itself is reported */
}

static void a_side_that_does_not_come_back_is_asked_again(void)
{
	struct pps_link_change changes[LINK_CHANGES_PER_STEP];
	struct fake_links links = {.refuse_up = -EIO};
	struct link_pair pair;
	bool up[2] = {false, true};
	unsigned int ms;

	make_pair(&pair);
	for (ms = 1000; ms <= 1100; ms += 100)
		link_pair_step(&pair, ms * MS, up, set_fake, &links, changes);
	CU_ASSERT_TRUE(links.forced[B]);
	up[A] = true;
	up[B] = false;
	for (ms = 1200; ms <= 1500; ms += 100)
		link_pair_step(&pair, ms * MS, up, set_fake, &links, changes);
	CU_ASSERT_TRUE(pair.sides[B].forced);
	links.refuse_up = 0;
	link_pair_step(&pair, 1600 * MS, up, set_fake, &links, changes);
	CU_ASSERT_FALSE(pair.sides[B].forced);
	CU_ASSERT_FALSE(links.forced[B]);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_lost_link_is_mirrored_and_given_back),
	UNIT_TEST(a_flapping_link_does_not_reach_the_other_side),
	UNIT_TEST(both_links_lost_at_once_do_not_hold_each_other_down),
	UNIT_TEST(a_side_that_trains_is_not_taken_for_lost),
	UNIT_TEST(a_driver_that_cannot_take_links_down_is_asked_once),
	UNIT_TEST(a_side_that_does_not_come_back_is_asked_again),
};

int main(void)
{
	return unit_run("port_link", tests, UNIT_COUNT(tests));
}
