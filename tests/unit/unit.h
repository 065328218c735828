/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UNIT_H
#define UNIT_H

/*
 * The runner of unit tests: CUnit's assertions, TAP on standard output. A test is a function whose
 * name is a sentence about behaviour; the sentence is what is printed.
 *
 *     static void port_zero_is_refused(void) { CU_ASSERT_EQUAL(...); }
 *     static const struct unit_test tests[] = { UNIT_TEST(port_zero_is_refused), ... };
 *     int main(void) { return unit_run("addr", tests, UNIT_COUNT(tests)); }
 *
 * unit_skip() says why the running test cannot be made here; return right after it.
 */

#include <stddef.h>

#include <CUnit/CUnit.h>

struct unit_test {
	const char *name;
	void (*run)(void);
};

#define UNIT_TEST(function)         \
	{                           \
#function, function \
	}
#define UNIT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Runs all, prints TAP, returns main()'s value: 0 when nothing failed. With UNIT_ONLY=text in the
 * environment only tests whose name contains the text run. */
int unit_run(const char *suite, const struct unit_test *tests, size_t n);
void unit_skip(const char *why);

/* Starts EAL for this process without hugepages and devices; 'megabytes' of memory. Ends the
 * process when that fails. (unit_eal.c) */
void unit_eal_init(unsigned int megabytes);

#endif
