/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include "poll.h"

#define ALWAYS 1000000

/* How many rounds of 'n' without anything to do stay on this rung. */
static unsigned int count(struct poll *poll, unsigned int n, enum poll_rung rung)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < n; i++)
		found += poll_round(poll, 1, false, false) == rung;
	return found;
}

static void a_worker_without_packets_goes_on_then_pauses_then_naps(void)
{
	struct poll poll = {0};

	CU_ASSERT_EQUAL(count(&poll, POLL_PAUSE_AFTER - 1, POLL_GO_ON), POLL_PAUSE_AFTER - 1);
	CU_ASSERT_EQUAL(count(&poll, POLL_NAP_AFTER - POLL_PAUSE_AFTER, POLL_PAUSE),
		POLL_NAP_AFTER - POLL_PAUSE_AFTER);
	CU_ASSERT_EQUAL(count(&poll, ALWAYS, POLL_NAP), ALWAYS);
}

static void naps_grow_and_end_at_the_longest(void)
{
	struct poll poll = {0};
	uint32_t last = 0;

	count(&poll, POLL_NAP_AFTER - 1, POLL_NAP);
	for (unsigned int i = 0; i < ALWAYS; i++) {
		CU_ASSERT_EQUAL(poll_round(&poll, 1, false, false), POLL_NAP);
		if (i == 0)
			CU_ASSERT_EQUAL(poll.nap_ns, POLL_NAP_MIN_NS);
		CU_ASSERT_TRUE(poll.nap_ns >= last && poll.nap_ns <= POLL_NAP_MAX_NS);
		last = poll.nap_ns;
	}
	CU_ASSERT_EQUAL(last, POLL_NAP_MAX_NS);
}

static void a_packet_leads_back_to_the_foot(void)
{
	struct poll poll = {0};

	CU_ASSERT_TRUE(count(&poll, ALWAYS, POLL_NAP) > 0);
	CU_ASSERT_EQUAL(poll_round(&poll, 1, true, false), POLL_GO_ON);
	CU_ASSERT_EQUAL(count(&poll, POLL_PAUSE_AFTER - 1, POLL_GO_ON), POLL_PAUSE_AFTER - 1);
}

static void nobody_rests_while_something_waits(void)
{
	struct poll poll = {0};

	CU_ASSERT_TRUE(count(&poll, ALWAYS, POLL_NAP) > 0);
	for (unsigned int i = 0; i < 2 * POLL_NAP_AFTER; i++)
		CU_ASSERT_EQUAL(poll_round(&poll, 1, false, true), POLL_GO_ON);
}

static void polling_busily_never_rests(void)
{
	struct poll poll = {.busily = true};

	CU_ASSERT_EQUAL(count(&poll, ALWAYS, POLL_GO_ON), ALWAYS);
}

static void time_of_rounds_with_packets_is_work_and_of_others_is_not(void)
{
	struct poll poll = {0};

	poll_round(&poll, 1000, true, false);
	CU_ASSERT_EQUAL(poll.worked_ns, 0); /* it is not over */
	poll_round(&poll, 1300, false, false);
	CU_ASSERT_EQUAL(poll.worked_ns, 300);
	poll_round(&poll, 9000, true, false);
	CU_ASSERT_EQUAL(poll.worked_ns, 300);
	poll_round(&poll, 9010, true, false);
	poll_round(&poll, 9030, false, true);
	CU_ASSERT_EQUAL(poll.worked_ns, 330);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_worker_without_packets_goes_on_then_pauses_then_naps),
	UNIT_TEST(naps_grow_and_end_at_the_longest),
	UNIT_TEST(a_packet_leads_back_to_the_foot),
	UNIT_TEST(nobody_rests_while_something_waits),
	UNIT_TEST(polling_busily_never_rests),
	UNIT_TEST(time_of_rounds_with_packets_is_work_and_of_others_is_not),
};

int main(void)
{
	return unit_run("poll", tests, UNIT_COUNT(tests));
}
