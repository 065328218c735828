/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int count;
static unsigned int failed;
static const char *skip_reason;

static void print_sentence(const char *name)
{
	for (; *name != '\0'; name++)
		putchar(*name == '_' ? ' ' : *name);
}

static void test_done(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failure)
{
	(void)suite;
	printf("%sok %u - ", failure == NULL ? "" : "not ", ++count);
	print_sentence(test->pName);
	if (skip_reason != NULL)
		printf(" # SKIP %s", skip_reason);
	putchar('\n');
	skip_reason = NULL;
	if (failure != NULL)
		failed++;
	for (CU_pFailureRecord f = failure; f != NULL; f = f->pNext)
		printf("# %s:%u: %s\n", f->strFileName, f->uiLineNumber, f->strCondition);
	fflush(stdout);
}

void unit_skip(const char *why)
{
	skip_reason = why;
}

int unit_run(const char *suite_name, const struct unit_test *tests, size_t n)
{
	const char *only = getenv("UNIT_ONLY");
	unsigned int n_tests = 0;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_set_error_action(CUEA_ABORT);
	suite = CU_add_suite(suite_name, NULL, NULL);
	for (size_t i = 0; i < n; i++) {
		if (only != NULL && strstr(tests[i].name, only) == NULL)
			continue;
		CU_add_test(suite, tests[i].name, tests[i].run);
		n_tests++;
	}
	printf("1..%u\n", n_tests);
	CU_set_test_complete_handler(test_done);
	CU_run_all_tests();
	CU_cleanup_registry();
	return failed == 0 && count == n_tests ? 0 : 1;
}
