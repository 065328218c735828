/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "expiry.h"

#define HOUR (3600 * PPS_NS_PER_SEC)
#define DAY  (24 * HOUR)
#define END  UINT64_C(1798761600000000000) /* 2027-01-01T00:00:00Z */

static struct pps_policy *parse(const char *exceptions)
{
	struct pps_errors errors = {0};
	char *text =
		pps_asprintf("{\"policy\":\"p\",\"revision\":1,\"exceptions\":[%s]}", exceptions);
	struct pps_policy *policy = pps_policy_parse(text, strlen(text), &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	free(text);
	return policy;
}

#define EXCEPTION(id, expires)                                                           \
	"{\"id\":\"" id "\",\"direction\":\"inbound\",\"protocol\":\"tcp\",\"ports\":1," \
	"\"source\":\"any\",\"destination\":\"any\",\"approved_by\":\"x\","              \
	"\"reason\":\"y\",\"expires\":\"" expires "\"}"
#define A       EXCEPTION("A", "2027-01-01T00:00:00Z")
#define B       EXCEPTION("B", "2027-01-01T06:00:00Z")
#define A_LATER EXCEPTION("A", "2027-02-01T00:00:00Z")

static unsigned int count_warnings(struct expiry *expiry, uint64_t now_ns, uint64_t period_ns)
{
	unsigned int n = 0;
	size_t rule;

	while (expiry_next_warning(expiry, now_ns, period_ns, &rule))
		n++;
	return n;
}

static void take(struct expiry *expiry, const char *exceptions)
{
	struct pps_policy *policy = parse(exceptions);

	expiry_take(expiry, policy);
	pps_policy_destroy(policy);
}

static void an_end_is_announced_once_from_the_moment_it_is_near(void)
{
	struct expiry expiry = {0};
	size_t rule = 99;

	take(&expiry, B "," A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - DAY - 1, DAY), 0);
	CU_ASSERT_TRUE(expiry_next_warning(&expiry, END - DAY, DAY, &rule));
	CU_ASSERT_EQUAL(rule, 1);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - DAY, DAY), 0);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - DAY + 6 * HOUR, DAY), 1);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - 1, DAY), 0);
	expiry_fini(&expiry);
}

static void an_end_that_is_near_at_the_start_is_announced_at_once(void)
{
	struct expiry expiry = {0};

	take(&expiry, A "," B);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 2);
	expiry_fini(&expiry);
}

static void what_has_ended_is_not_announced(void)
{
	struct expiry expiry = {0};

	take(&expiry, A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END, DAY), 0);
	expiry_fini(&expiry);
}

static void no_period_is_no_warning(void)
{
	struct expiry expiry = {0};

	take(&expiry, A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - 1, 0), 0);
	expiry_fini(&expiry);
}

static void loading_the_same_again_repeats_nothing(void)
{
	struct expiry expiry = {0};

	take(&expiry, A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 1);
	take(&expiry, B "," A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 1); /* B */
	expiry_fini(&expiry);
}

static void an_end_that_was_moved_is_announced_anew(void)
{
	struct expiry expiry = {0};

	take(&expiry, A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 1);
	take(&expiry, A_LATER);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 0);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END + 30 * DAY - 1, DAY), 0);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END + 30 * DAY, DAY), 1);
	expiry_fini(&expiry);
}

static void a_clock_that_is_set_back_repeats_no_warning(void)
{
	struct expiry expiry = {0};

	take(&expiry, A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 1);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - 10 * DAY, DAY), 0);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 0);
	expiry_fini(&expiry);
}

static void a_clock_that_jumps_over_the_end_and_back_still_warns(void)
{
	struct expiry expiry = {0};

	take(&expiry, A);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - 2 * DAY, DAY), 0);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END + DAY, DAY), 0);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 1);
	expiry_fini(&expiry);
}

static void an_end_is_told_once_and_coming_back_too(void)
{
	struct expiry expiry = {0};
	bool warned = true;

	take(&expiry, A);
	CU_ASSERT_EQUAL(expiry_tell(&expiry, 0, false, &warned), EXPIRY_NONE);
	CU_ASSERT_EQUAL(expiry_tell(&expiry, 0, true, &warned), EXPIRY_ENDED);
	CU_ASSERT_FALSE(warned);
	CU_ASSERT_EQUAL(expiry_tell(&expiry, 0, true, &warned), EXPIRY_NONE);
	/* The clock is set back: nobody says it lives, nor that it is about to end. */
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 0);
	take(&expiry, A);
	CU_ASSERT_EQUAL(expiry_tell(&expiry, 0, true, &warned), EXPIRY_NONE);
	/* Until a policy is loaded by that clock. */
	take(&expiry, A);
	CU_ASSERT_EQUAL(expiry_tell(&expiry, 0, false, &warned), EXPIRY_REVIVED);
	CU_ASSERT_EQUAL(count_warnings(&expiry, END - HOUR, DAY), 1);
	CU_ASSERT_EQUAL(expiry_tell(&expiry, 0, true, &warned), EXPIRY_ENDED);
	CU_ASSERT_TRUE(warned);
	expiry_fini(&expiry);
}

static void a_clock_that_is_set_is_noticed_and_one_that_is_disciplined_is_not(void)
{
	static const struct {
		uint64_t wall_ms, mono_ms;
		int64_t seconds;
	} cases[] = {
		{1000000, 0, 0}, /* the first look */
		{1000020, 20, 0},
		{1000140, 40, 0},
		{1003160, 60, 3},
		{1003180, 80, 0},
		{700100, 100, -303},
		{700120, 120, 0},
	};
	struct expiry expiry = {0};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++)
		CU_ASSERT_EQUAL(expiry_clock_step(&expiry, cases[i].wall_ms * PPS_NS_PER_MS,
					cases[i].mono_ms * PPS_NS_PER_MS),
			cases[i].seconds);
}

static const struct unit_test tests[] = {
	UNIT_TEST(an_end_is_announced_once_from_the_moment_it_is_near),
	UNIT_TEST(an_end_that_is_near_at_the_start_is_announced_at_once),
	UNIT_TEST(what_has_ended_is_not_announced),
	UNIT_TEST(no_period_is_no_warning),
	UNIT_TEST(loading_the_same_again_repeats_nothing),
	UNIT_TEST(an_end_that_was_moved_is_announced_anew),
	UNIT_TEST(a_clock_that_is_set_back_repeats_no_warning),
	UNIT_TEST(a_clock_that_jumps_over_the_end_and_back_still_warns),
	UNIT_TEST(an_end_is_told_once_and_coming_back_too),
	UNIT_TEST(a_clock_that_is_set_is_noticed_and_one_that_is_disciplined_is_not),
};

int main(void)
{
	return unit_run("expiry", tests, UNIT_COUNT(tests));
}
