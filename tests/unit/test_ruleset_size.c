/* SPDX-License-Identifier: BSD-3-Clause */
/* How large rulesets get, and what keeps them from getting larger. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_malloc.h>

#include <pps_shape.h>

#include "ruleset_ask.h"
#include "unit.h"

/* The sanitizer's allocator must return NULL as malloc() does where memory is limited, and give
 * what was freed away again. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:quarantine_size_mb=1";
}

#define ANY_TO_ANY      "\"direction\": \"both\", \"source\": \"any\", \"destination\": \"any\""
#define WEB(id)         "{\"id\": \"" id "\", \"protocol\": \"tcp\", \"ports\": 443, " ANY_TO_ANY "}"
#define APPROVED(rules) "\"approved\": [" rules "]"
#define MIB             ((size_t)1 << 20)

static size_t heap_used(void)
{
	struct rte_malloc_socket_stats stats;

	CU_ASSERT_EQUAL_FATAL(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

/* The value of a line of /proc/self/status, in KiB. */
static size_t process_kib(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t kib = 0, n = strlen(name);
	char line[256];

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, n) == 0)
			kib = strtoul(line + n, NULL, 10);
	}
	fclose(file);
	return kib;
}

static struct pps_ruleset *build(
	const char *sections, struct pps_rule_book *book, struct pps_ruleset_size *ret_size)
{
	struct pps_ruleset_params params = {
		.generation = ask_generation(), .now_ns = ask_now_ns(), .socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *ruleset =
		pps_ruleset_build(ask_policy(sections), book, &params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ruleset);
	CU_ASSERT_EQUAL(errors.n, 0);
	pps_ruleset_size(ruleset, ret_size);
	return ruleset;
}

static uint32_t count_entries(const char *sections)
{
	struct pps_ruleset_size size;

	pps_ruleset_destroy(build(sections, NULL, &size), NULL);
	return size.entries;
}

/* Expansion. */

static void any_takes_one_entry_a_context(void)
{
	CU_ASSERT_EQUAL(count_entries(APPROVED(WEB("A"))), 4);
	CU_ASSERT_EQUAL(count_entries(""), 0);
	CU_ASSERT_EQUAL(count_entries(APPROVED("{\"id\": \"A\", \"direction\": \"inbound\", "
					       "\"protocol\": \"any\", \"source\": \"any\", "
					       "\"destination\": \"192.0.2.1\"}")),
		1);
}

static void sets_that_touch_are_joined(void)
{
	CU_ASSERT_EQUAL(
		count_entries(APPROVED(
			"{\"id\": \"A\", \"direction\": \"inbound\", \"protocol\": \"tcp\", "
			"\"ports\": [80, 81, \"82-90\"], \"vlans\": [1, 2], "
			"\"source\": [\"10.0.0.0/9\", \"10.128.0.0/9\", \"10.1.0.0/16\"], "
			"\"destination\": [\"192.0.2.0/26\", \"192.0.2.64/26\", "
			"\"192.0.2.128/26\", \"192.0.2.192/26\"]}")),
		1);
	/* 10.0.0.0/9 and 9.128.0.0/9 touch, and are no halves of one prefix. */
	CU_ASSERT_EQUAL(
		count_entries(APPROVED(
			"{\"id\": \"A\", \"direction\": \"inbound\", \"protocol\": \"tcp\", "
			"\"source\": [\"9.128.0.0/9\", \"10.0.0.0/9\"], \"destination\": "
			"\"10.0.0.0/8\"}")),
		2);
}

/* Adds the addresses base + 2 i, which never join. */
static void add_hosts(struct pps_str *str, unsigned int base, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		pps_str_addf(str, "%s\"%u.%u.%u.%u\"", i == 0 ? "" : ", ", base, i >> 15,
			i >> 7 & 255, (i << 1) & 255);
}

static void too_many_entries_name_the_largest_rule(void)
{
	struct pps_str text = PPS_STR_INIT;

	pps_str_add(&text,
		"\"approved\": [" WEB("SMALL") ", {\"id\": \"LARGE\", \"direction\": "
					       "\"inbound\", \"protocol\": \"tcp\", \"source\": [");
	add_hosts(&text, 10, 450);
	pps_str_add(&text, "], \"destination\": [");
	add_hosts(&text, 11, 450);
	pps_str_add(&text, "]}]");
	ask_expect_too_large(ask_policy(pps_str_text(&text)),
		"approved[1]: the policy makes 202501 table entries for one direction and family, "
		"more than 200000; rule \"LARGE\" alone makes 202500");
	pps_str_fini(&text);
}

/* A rule of 500 x 'n' entries, and one of 1 000. */
static struct pps_policy *make_nearly_full(unsigned int n)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_policy *policy;

	pps_str_add(&text,
		"\"approved\": [{\"id\": \"LARGE\", \"direction\": \"inbound\", \"protocol\": "
		"\"tcp\", "
		"\"destination\": \"any\", \"source\": [");
	add_hosts(&text, 10, 500);
	pps_str_add(&text, "], \"ports\": [");
	for (unsigned int i = 0; i < n; i++)
		pps_str_addf(&text, "%s%u", i == 0 ? "" : ", ", 2 * i + 1);
	pps_str_add(&text,
		"]}, {\"id\": \"SMALL\", \"direction\": \"inbound\", \"protocol\": \"udp\", "
		"\"destination\": \"any\", \"source\": [");
	add_hosts(&text, 11, 1000);
	pps_str_add(&text, "]}]");
	policy = ask_policy(pps_str_text(&text));
	pps_str_fini(&text);
	return policy;
}

static void a_table_is_full_with_200000_entries(void)
{
	struct pps_policy *policy = make_nearly_full(398);
	struct pps_errors errors = {0};

	CU_ASSERT(pps_shape_fits(policy, ask_now_ns(), &errors));
	CU_ASSERT_EQUAL(errors.n, 0);
	pps_policy_destroy(policy);
	ask_expect_too_large(make_nearly_full(399), "approved[0]: the policy makes 200500 table");
}

static void a_count_beyond_64_bits_does_not_wrap(void)
{
	struct pps_policy *policy = ask_policy(APPROVED(
		"{\"id\": \"A\", \"direction\": \"inbound\", \"protocol\": \"tcp\", \"ports\": 1, "
		"\"source_ports\": 1, \"source\": \"10.0.0.1\", \"destination\": \"10.0.0.1\", "
		"\"vlans\": [1]}"));
	struct pps_rule *rule = &policy->rules[0];
	struct pps_term *term = &rule->terms[0];
	size_t n = 32768;

	/* 2^15 source ports x 2^15 ports x 2^11 VLANs x 2^12 x 2^12 addresses = 2^65. */
	term->ports = pps_realloc(term->ports, n * sizeof(*term->ports));
	term->source_ports = pps_realloc(term->source_ports, n * sizeof(*term->source_ports));
	for (size_t i = 0; i < n; i++) {
		term->ports[i].lo = term->ports[i].hi = (uint16_t)(2 * i);
		term->source_ports[i] = term->ports[i];
	}
	term->n_ports = term->n_source_ports = n;
	rule->vlans.items = pps_realloc(rule->vlans.items, 2048 * sizeof(*rule->vlans.items));
	rule->vlans.n = 2048;
	for (size_t i = 0; i < 2048; i++)
		rule->vlans.items[i].lo = rule->vlans.items[i].hi = (uint16_t)(2 * i);
	rule->source.items = pps_realloc(rule->source.items, 4096 * sizeof(*rule->source.items));
	rule->destination.items =
		pps_realloc(rule->destination.items, 4096 * sizeof(*rule->source.items));
	rule->source.n = rule->destination.n = 4096;
	for (size_t i = 0; i < 4096; i++) {
		const uint8_t bytes[4] = {10, 0, (uint8_t)(i >> 7), (uint8_t)(i << 1)};

		rule->source.items[i] = (struct pps_prefix){pps_addr_make(4, bytes), 32};
		rule->destination.items[i] = rule->source.items[i];
	}
	ask_expect_too_large(policy, "alone makes 18446744073709551615");
}

/* Memory. */

/* 'n' rules, each binding another field: what rte_acl's tries cannot share (see dpdk's own
 * documentation of rule sets). */
static char *make_orthogonal(unsigned int n)
{
	struct pps_str text = PPS_STR_INIT;
	uint32_t x = 12345;

	pps_str_add(&text, "\"approved\": [");
	for (unsigned int i = 0; i < n; i++) {
		unsigned int lo, hi;

		x = x * 1664525 + 1013904223;
		lo = x >> 16 & 0x7fff;
		hi = lo + (x >> 4 & 0x3fff) + 1;
		pps_str_addf(&text,
			"%s{\"id\": \"R%u\", \"direction\": \"inbound\", \"protocol\": "
			"\"tcp\"",
			i == 0 ? "" : ", ", i);
		if (i % 4 == 0)
			pps_str_addf(&text, ", \"source\": \"10.%u.%u.%u\"", x >> 24, x >> 16 & 255,
				x >> 8 & 255);
		else
			pps_str_add(&text, ", \"source\": \"any\"");
		if (i % 4 == 1)
			pps_str_addf(&text, ", \"destination\": \"10.%u.%u.%u\"", x >> 24,
				x >> 16 & 255, x >> 8 & 255);
		else
			pps_str_add(&text, ", \"destination\": \"any\"");
		if (i % 4 >= 2)
			pps_str_addf(&text, ", \"%s\": \"%u-%u\"",
				i % 4 == 2 ? "ports" : "source_ports", lo, hi);
		pps_str_add(&text, "}");
	}
	pps_str_add(&text, "]");
	return pps_str_take(&text);
}

static void a_policy_beyond_the_memory_limit_is_refused(void)
{
	struct pps_ruleset_params params = {.generation = ask_generation(),
		.now_ns = ask_now_ns(),
		.memory_limit = 16 * MIB,
		.socket = -1};
	char *orthogonal = make_orthogonal(3000), *text;
	struct rlimit before, after;
	size_t used = heap_used();

	getrlimit(RLIMIT_DATA, &before);
	text = ask_failure(ask_policy(orthogonal), &params);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "the policy needs more than 16 MiB to compile"));
	getrlimit(RLIMIT_DATA, &after);
	CU_ASSERT_EQUAL(before.rlim_cur, after.rlim_cur);
	CU_ASSERT_EQUAL(heap_used(), used);
	free(text);
	free(orthogonal);
	ask_expect_all(
		APPROVED(WEB("A")), &(struct ask){"in tcp 192.0.2.1:9 192.0.2.2:443", "pass A"}, 1);
}

/* 'n' rules, half of them for one server and its port, half for one client and the port it asks
 * for: too much for rte_acl with both addresses first. */
static char *make_servers_and_clients(unsigned int n)
{
	struct pps_str text = PPS_STR_INIT;
	uint32_t x = 12345;

	pps_str_add(&text, "\"approved\": [");
	for (unsigned int i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		pps_str_addf(&text,
			"%s{\"id\": \"R%u\", \"direction\": \"outbound\", \"protocol\": "
			"\"%s\", \"%s\": \"any\", \"%s\": \"10.%u.%u.%u\", "
			"\"ports\": %u}",
			i == 0 ? "" : ", ", i, x >> 30 & 1 ? "tcp" : "udp",
			i % 2 == 0 ? "source" : "destination",
			i % 2 == 0 ? "destination" : "source", 1 + i % 2, x >> 8 & 255,
			x >> 16 & 255, 1 + x % 65000);
	}
	pps_str_add(&text, "]");
	return pps_str_take(&text);
}

static void expect_fits(char *sections, size_t limit)
{
	struct pps_ruleset_params params = {.generation = ask_generation(),
		.now_ns = ask_now_ns(),
		.memory_limit = limit,
		.socket = -1};
	struct pps_errors errors = {0};
	struct pps_ruleset *ruleset =
		pps_ruleset_build(ask_policy(sections), NULL, &params, &errors);

	CU_ASSERT_PTR_NOT_NULL(ruleset);
	for (size_t i = 0; i < errors.n; i++)
		printf("# %s\n", errors.items[i].text);
	pps_errors_fini(&errors);
	pps_ruleset_destroy(ruleset, NULL);
	free(sections);
}

static void where_one_order_of_fields_takes_too_much_memory_the_other_is_tried(void)
{
	expect_fits(make_servers_and_clients(1999), 160 * MIB);
	expect_fits(make_servers_and_clients(2001), 160 * MIB);
}

static void an_ordinary_policy_fits_in_the_memory_limit(void)
{
	struct pps_ruleset_params params = {.generation = ask_generation(),
		.now_ns = ask_now_ns(),
		.memory_limit = 64 * MIB,
		.socket = -1};
	struct pps_errors errors = {0};
	struct rlimit before, after;
	struct pps_ruleset *ruleset;

	getrlimit(RLIMIT_DATA, &before);
	ruleset = pps_ruleset_build(ask_policy(APPROVED(WEB("A"))), NULL, &params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ruleset);
	getrlimit(RLIMIT_DATA, &after);
	CU_ASSERT_EQUAL(before.rlim_cur, after.rlim_cur);
	pps_ruleset_destroy(ruleset, NULL);
}

static void a_policy_beyond_the_eal_memory_is_refused(void)
{
	size_t used = heap_used();
	void *rest[512];
	unsigned int n = 0;
	size_t size;

	for (size = 64 * MIB; size >= MIB; size /= 2) {
		while (n < UNIT_COUNT(rest) && (rest[n] = rte_malloc(NULL, size, 0)) != NULL)
			n++;
	}
	{
		char *text = make_orthogonal(1000);

		ask_expect_failure(ask_policy(text), "EAL memory");
		free(text);
	}
	while (n > 0)
		rte_free(rest[--n]);
	CU_ASSERT_EQUAL(heap_used(), used);
}

static void a_destroyed_ruleset_gives_its_memory_back(void)
{
	size_t used = heap_used();
	struct pps_ruleset_size size;
	struct pps_ruleset *ruleset = build(APPROVED(WEB("A")), NULL, &size);

	CU_ASSERT_EQUAL(size.entries, 4);
	CU_ASSERT_EQUAL(size.table_bytes, heap_used() - used);
	CU_ASSERT(size.table_bytes > 0);
	CU_ASSERT(size.build_ns > 0);
	pps_ruleset_destroy(ruleset, NULL);
	CU_ASSERT_EQUAL(heap_used(), used);
	pps_ruleset_destroy(NULL, NULL);
}

/* Size. */

/* A permit list as people write them: see the profile in the loop. */
static char *make_realistic(unsigned int n)
{
	static const unsigned int ports[] = {22, 25, 53, 80, 123, 389, 443, 636, 3306, 5432, 8080};
	struct pps_str text = PPS_STR_INIT;
	uint32_t x = 4711;

	pps_str_add(&text, "\"approved\": [");
	for (unsigned int i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		pps_str_addf(&text,
			"%s{\"id\": \"PPS-%u\", \"direction\": \"%s\", \"protocol\": "
			"\"%s\", ",
			i == 0 ? "" : ",\n", i, i % 3 == 0 ? "outbound" : "inbound",
			x >> 28 < 12 ? "tcp" : "udp");
		if (x >> 8 & 3)
			pps_str_addf(
				&text, "\"ports\": %u, ", ports[(x >> 12) % UNIT_COUNT(ports)]);
		else
			pps_str_addf(&text, "\"ports\": \"%u-%u\", ", 1024 + (x >> 16 & 0x3fff),
				1030 + (x >> 16 & 0x3fff));
		if (x >> 4 & 1)
			pps_str_add(&text, "\"source\": \"any\", ");
		else
			pps_str_addf(&text, "\"source\": [\"10.%u.%u.0/24\", \"fd00:%x::/48\"], ",
				x >> 20 & 255, x >> 12 & 255, x >> 16);
		pps_str_addf(&text, "\"destination\": [\"172.16.%u.%u\", \"fd01::%x:%x\"]}", i >> 8,
			i & 255, x >> 16, i);
	}
	pps_str_add(&text, "]");
	return pps_str_take(&text);
}

static void ten_thousand_rules_are_built_in_bounded_time_and_memory(void)
{
	char *sections = make_realistic(10000);
	struct pps_ruleset_params params = {.generation = ask_generation(),
		.now_ns = ask_now_ns(),
		.memory_limit = 512 * MIB,
		.socket = -1};
	struct pps_policy *policy = ask_policy(sections);
	struct pps_errors errors = {0};
	struct pps_ruleset_size size;
	struct pps_ruleset *ruleset;
	size_t resident = process_kib("VmRSS:");

	ruleset = pps_ruleset_build(policy, NULL, &params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ruleset);
	pps_ruleset_size(ruleset, &size);
	printf("# 10000 rules: %u entries, %zu KiB of tables, %u ms, resident %zu MiB before, "
	       "%zu MiB at most, %zu MiB after\n",
		size.entries, size.table_bytes >> 10, (unsigned int)(size.build_ns / 1000000),
		resident >> 10, process_kib("VmHWM:") >> 10, process_kib("VmRSS:") >> 10);
	CU_ASSERT(size.build_ns < 60 * PPS_NS_PER_SEC);
	CU_ASSERT(size.table_bytes < 256 * MIB);
	ask_expect(ruleset, "in tcp 10.0.0.1:9999 172.32.0.1:443", "not_approved");
	pps_ruleset_destroy(ruleset, NULL);
	free(sections);
}

static const struct unit_test tests[] = {
	UNIT_TEST(any_takes_one_entry_a_context),
	UNIT_TEST(sets_that_touch_are_joined),
	UNIT_TEST(too_many_entries_name_the_largest_rule),
	UNIT_TEST(a_table_is_full_with_200000_entries),
	UNIT_TEST(a_count_beyond_64_bits_does_not_wrap),
	UNIT_TEST(a_policy_beyond_the_memory_limit_is_refused),
	UNIT_TEST(where_one_order_of_fields_takes_too_much_memory_the_other_is_tried),
	UNIT_TEST(an_ordinary_policy_fits_in_the_memory_limit),
	UNIT_TEST(a_policy_beyond_the_eal_memory_is_refused),
	UNIT_TEST(a_destroyed_ruleset_gives_its_memory_back),
	UNIT_TEST(ten_thousand_rules_are_built_in_bounded_time_and_memory),
};

int main(void)
{
	unit_eal_init(512);
	return unit_run("ruleset_size", tests, UNIT_COUNT(tests));
}
