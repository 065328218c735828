/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pps_base.h>
#include <pps_sources.h>

#define MILLION 1000000u

static uint64_t random_state = 88172645463325252u;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static struct pps_prefix prefix(const char *text)
{
	struct pps_prefix made = {0};

	CU_ASSERT_EQUAL_FATAL(pps_prefix_parse(text, &made, NULL), 0);
	return made;
}

static bool holds(const struct pps_source_set *set, const char *text)
{
	struct pps_addr addr = {0};

	CU_ASSERT_EQUAL_FATAL(pps_addr_parse(text, &addr, NULL), 0);
	return pps_source_set_holds(set, addr.family, addr.bytes);
}

static struct pps_source_set *build(const char *const *texts, size_t n)
{
	struct pps_prefix items[16];
	struct pps_source_set *set;

	for (size_t i = 0; i < n; i++)
		items[i] = prefix(texts[i]);
	set = pps_source_set_build(items, n, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	return set;
}

static void the_first_and_last_address_of_a_prefix_are_members_and_their_neighbours_not(void)
{
	static const char *const texts[] = {"10.0.0.0/8", "192.0.2.7/32", "198.51.100.64/26",
		"203.0.0.0/15", "2001:db8::/32", "2001:db9::1/128", "fd00::/8"};
	static const struct {
		const char *addr;
		bool member;
	} cases[] = {
		{"9.255.255.255", false},
		{"10.0.0.0", true},
		{"10.255.255.255", true},
		{"11.0.0.0", false},
		{"192.0.2.6", false},
		{"192.0.2.7", true},
		{"192.0.2.8", false},
		{"198.51.100.63", false},
		{"198.51.100.64", true},
		{"198.51.100.127", true},
		{"198.51.100.128", false},
		{"202.255.255.255", false},
		{"203.0.0.0", true},
		{"203.1.255.255", true},
		{"203.2.0.0", false},
		{"0.0.0.0", false},
		{"255.255.255.255", false},
		{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false},
		{"2001:db8::", true},
		{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
		{"2001:db9::", false},
		{"2001:db9::1", true},
		{"2001:db9::2", false},
		{"fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
		{"fd00::", true},
		{"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
		{"fe00::", false},
		{"::", false},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
	};
	struct pps_source_set *set = build(texts, UNIT_COUNT(texts));

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		if (holds(set, cases[i].addr) != cases[i].member)
			CU_FAIL(cases[i].addr);
	}
	pps_source_set_destroy(set);
}

static void an_empty_set_holds_nothing(void)
{
	struct pps_source_set *set = pps_source_set_build(NULL, 0, false);

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_FALSE(holds(set, "0.0.0.0"));
	CU_ASSERT_FALSE(holds(set, "255.255.255.255"));
	CU_ASSERT_FALSE(holds(set, "::"));
	CU_ASSERT_FALSE(holds(set, "2001:db8::1"));
	pps_source_set_destroy(set);
}

static void any_holds_everything(void)
{
	struct pps_source_set *set = pps_source_set_build(NULL, 0, true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_TRUE(holds(set, "0.0.0.0"));
	CU_ASSERT_TRUE(holds(set, "255.255.255.255"));
	CU_ASSERT_TRUE(holds(set, "::"));
	CU_ASSERT_TRUE(holds(set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	pps_source_set_destroy(set);
}

static void one_family_whole_is_nothing_of_the_other(void)
{
	static const char *const v4[] = {"0.0.0.0/0"}, *const v6[] = {"::/0"};
	struct pps_source_set *set = build(v4, 1);

	CU_ASSERT_TRUE(holds(set, "0.0.0.0") && holds(set, "255.255.255.255"));
	CU_ASSERT_FALSE(holds(set, "::") || holds(set, "2001:db8::1"));
	pps_source_set_destroy(set);
	set = build(v6, 1);
	CU_ASSERT_FALSE(holds(set, "0.0.0.0") || holds(set, "255.255.255.255"));
	CU_ASSERT_TRUE(holds(set, "::") && holds(set, "2001:db8::1"));
	pps_source_set_destroy(set);
}

static void prefixes_that_touch_join_across_buckets_and_at_the_ends(void)
{
	static const char *const texts[] = {"0.0.0.0/32", "0.0.0.1/32", "9.255.255.255/32",
		"10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/32", "255.255.255.254/31", "::/128",
		"::1/128", "2001:db8::/33", "2001:db8:8000::/33",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"};
	struct pps_source_set *set = build(texts, UNIT_COUNT(texts));

	CU_ASSERT_TRUE(holds(set, "0.0.0.0") && holds(set, "0.0.0.1"));
	CU_ASSERT_FALSE(holds(set, "0.0.0.2"));
	CU_ASSERT_FALSE(holds(set, "9.255.255.254"));
	CU_ASSERT_TRUE(holds(set, "9.255.255.255") && holds(set, "10.0.0.0"));
	CU_ASSERT_TRUE(holds(set, "10.0.255.255") && holds(set, "10.1.0.0"));
	CU_ASSERT_TRUE(holds(set, "10.2.0.0"));
	CU_ASSERT_FALSE(holds(set, "10.2.0.1") || holds(set, "255.255.255.253"));
	CU_ASSERT_TRUE(holds(set, "255.255.255.254") && holds(set, "255.255.255.255"));
	CU_ASSERT_TRUE(holds(set, "::") && holds(set, "::1"));
	CU_ASSERT_FALSE(holds(set, "::2"));
	CU_ASSERT_TRUE(holds(set, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
	CU_ASSERT_TRUE(holds(set, "2001:db8:8000::"));
	CU_ASSERT_TRUE(holds(set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	CU_ASSERT_FALSE(holds(set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"));
	pps_source_set_destroy(set);
}

static void prefixes_out_of_order_or_inside_each_other_are_refused(void)
{
	struct pps_prefix backwards[] = {prefix("10.0.0.0/8"), prefix("9.0.0.0/8")};
	struct pps_prefix inside[] = {prefix("10.0.0.0/8"), prefix("10.1.0.0/16")};
	struct pps_prefix after_all[] = {prefix("0.0.0.0/0"), prefix("10.1.0.0/16")};
	struct pps_prefix families[] = {prefix("::1"), prefix("10.1.0.0/16")};

	CU_ASSERT_PTR_NULL(pps_source_set_build(backwards, 2, false));
	CU_ASSERT_EQUAL(errno, EINVAL);
	CU_ASSERT_PTR_NULL(pps_source_set_build(inside, 2, false));
	CU_ASSERT_PTR_NULL(pps_source_set_build(after_all, 2, false));
	CU_ASSERT_PTR_NULL(pps_source_set_build(families, 2, false));
	CU_ASSERT_EQUAL(errno, EINVAL);
	CU_ASSERT_PTR_NULL(pps_source_set_build(backwards, PPS_SOURCE_PREFIXES_MAX + 1, false));
	CU_ASSERT_EQUAL(errno, E2BIG);
}

/* ---- against the obvious ---- */

static int compare(const void *a, const void *b)
{
	const struct pps_prefix *x = a, *y = b;
	int order = (int)x->addr.family - (int)y->addr.family;

	if (order == 0)
		order = memcmp(x->addr.bytes, y->addr.bytes, 16);
	return order != 0 ? order : (int)x->len - (int)y->len;
}

static size_t normalise(struct pps_prefix *items, size_t n)
{
	size_t kept = 0;

	qsort(items, n, sizeof(items[0]), compare);
	for (size_t i = 1; i < n; i++) {
		if (!pps_prefix_covers(&items[kept], &items[i]))
			items[++kept] = items[i];
	}
	return n == 0 ? 0 : kept + 1;
}

/* Few distinct bits, so that prefixes meet, touch and nest. */
static struct pps_addr crowded_addr(uint8_t family)
{
	uint8_t bytes[16];

	for (unsigned int i = 0; i < 16; i++)
		bytes[i] = random64() % 3 == 0 ? (uint8_t)(random64() & 0x81)
					       : (uint8_t) - (random64() % 2);
	return pps_addr_make(family, bytes);
}

static struct pps_prefix random_prefix(uint8_t family)
{
	struct pps_prefix made = {.addr = crowded_addr(family)};

	made.len = (uint8_t)(1 + random64() % (family == 4 ? 32 : 128));
	pps_addr_mask(&made.addr, made.len);
	return made;
}

/* The address itself, or one beside the edge of a prefix. */
static struct pps_addr edge_addr(const struct pps_prefix *items, size_t n, uint8_t family)
{
	struct pps_addr addr = crowded_addr(family);
	const struct pps_prefix *near = &items[random64() % n];
	unsigned int last = family == 4 ? 3 : 15;

	if (near->addr.family != family || random64() % 4 == 0)
		return addr;
	addr = near->addr;
	if (random64() % 2 == 0) { /* the last address of it */
		for (unsigned int bit = near->len; bit < 8 * (last + 1); bit++)
			addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	if (random64() % 2 == 0)
		addr.bytes[last] = (uint8_t)(addr.bytes[last] + (random64() % 3) - 1);
	return addr;
}

static bool in_list(const struct pps_prefix *items, size_t n, const struct pps_addr *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (pps_prefix_contains(&items[i], addr))
			return true;
	}
	return false;
}

static unsigned int check_bursts(
	const struct pps_source_set *set, const struct pps_prefix *items, size_t n, uint8_t family)
{
	struct pps_addr addrs[PPS_SOURCE_BURST_MAX];
	const uint8_t *at[PPS_SOURCE_BURST_MAX];
	unsigned int burst = 1 + (unsigned int)(random64() % PPS_SOURCE_BURST_MAX), wrong = 0;
	uint64_t found;

	for (unsigned int i = 0; i < burst; i++) {
		addrs[i] = edge_addr(items, n, family);
		at[i] = addrs[i].bytes;
	}
	found = family == 4 ? pps_source_set_find4(set, at, burst)
			    : pps_source_set_find6(set, at, burst);
	for (unsigned int i = 0; i < burst; i++)
		wrong += (found >> i & 1) != in_list(items, n, &addrs[i]);
	return wrong;
}

static void random_sets_answer_as_reading_the_list_does(void)
{
	static struct pps_prefix items[300], sorted[300];
	unsigned int wrong = 0;

	for (unsigned int round = 0; round < 1500; round++) {
		size_t n = 1 + random64() % (round % 10 == 0 ? 300 : 12), n_sorted;
		struct pps_source_set *set;

		for (size_t i = 0; i < n; i++)
			items[i] = random_prefix(random64() % 2 == 0 ? 4 : 6);
		memcpy(sorted, items, n * sizeof(items[0]));
		n_sorted = normalise(sorted, n);
		set = pps_source_set_build(sorted, n_sorted, false);
		CU_ASSERT_PTR_NOT_NULL_FATAL(set);
		wrong += check_bursts(set, items, n, 4);
		wrong += check_bursts(set, items, n, 6);
		pps_source_set_destroy(set);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

/* ---- as large as asked ---- */

/* A million /32 and a hundred thousand /64, one in each of as many equal parts of the space. */
static size_t make_many(struct pps_prefix *items)
{
	size_t n = 0;

	for (uint32_t i = 0; i < MILLION; i++) {
		uint32_t addr = i * 4294 + (uint32_t)(random64() % 4000);
		uint8_t bytes[4] = {(uint8_t)(addr >> 24), (uint8_t)(addr >> 16),
			(uint8_t)(addr >> 8), (uint8_t)addr};

		items[n++] = (struct pps_prefix){pps_addr_make(4, bytes), 32};
	}
	for (uint32_t i = 0; i < MILLION / 10; i++) {
		uint8_t bytes[16] = {0x2a, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i,
			(uint8_t)random64()};

		items[n++] = (struct pps_prefix){pps_addr_make(6, bytes), 64};
	}
	return n;
}

static void a_million_prefixes_are_built_and_found_in_a_few_megabytes(void)
{
	struct pps_prefix *items = pps_alloc((MILLION + MILLION / 10) * sizeof(*items));
	size_t n = make_many(items), n_missed = 0, n_wrong = 0;
	struct pps_source_set *set = pps_source_set_build(items, n, false);

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT(pps_source_set_bytes(set) < 8u << 20);
	for (size_t i = 0; i < n; i++) {
		struct pps_addr addr = items[i].addr;
		unsigned int last = addr.family == 4 ? 3 : 7;

		n_missed += !pps_source_set_holds(set, addr.family, addr.bytes);
		/* The neighbour above, if it is in the same part. */
		if (++addr.bytes[last] != 0)
			n_wrong += pps_source_set_holds(set, addr.family, addr.bytes) &&
				i + 1 < n && !pps_addr_equal(&items[i + 1].addr, &addr);
	}
	CU_ASSERT_EQUAL(n_missed, 0);
	CU_ASSERT_EQUAL(n_wrong, 0);
	pps_source_set_destroy(set);
	free(items);
}

static void the_densest_bucket_there_can_be_is_searched_right(void)
{
	struct pps_prefix *items = pps_alloc(32768 * sizeof(*items));
	struct pps_source_set *set;
	unsigned int wrong = 0;

	for (uint32_t i = 0; i < 32768; i++) {
		uint8_t bytes[4] = {10, 1, (uint8_t)(i >> 7), (uint8_t)(2 * i)};

		items[i] = (struct pps_prefix){pps_addr_make(4, bytes), 32};
	}
	set = pps_source_set_build(items, 32768, false);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (uint32_t i = 0; i < 65536; i++) {
		uint8_t bytes[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};

		wrong += pps_source_set_holds(set, 4, bytes) != (i % 2 == 0);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	pps_source_set_destroy(set);
	free(items);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_first_and_last_address_of_a_prefix_are_members_and_their_neighbours_not),
	UNIT_TEST(an_empty_set_holds_nothing),
	UNIT_TEST(any_holds_everything),
	UNIT_TEST(one_family_whole_is_nothing_of_the_other),
	UNIT_TEST(prefixes_that_touch_join_across_buckets_and_at_the_ends),
	UNIT_TEST(prefixes_out_of_order_or_inside_each_other_are_refused),
	UNIT_TEST(random_sets_answer_as_reading_the_list_does),
	UNIT_TEST(a_million_prefixes_are_built_and_found_in_a_few_megabytes),
	UNIT_TEST(the_densest_bucket_there_can_be_is_searched_right),
};

int main(void)
{
	return unit_run("sources", tests, UNIT_COUNT(tests));
}
