/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any text: it is refused with an error, or what is printed of it reads back as a policy that
 * prints the same. Lint takes whatever the parser accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *sentence)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_policy: does not hold: %s\n", sentence);
	abort();
}

static void check_reading_back(const struct pps_policy *policy)
{
	struct pps_str first = PPS_STR_INIT, second = PPS_STR_INIT;
	struct pps_errors errors = {0};
	struct pps_policy *again;

	pps_policy_print(policy, &first);
	again = pps_policy_parse(pps_str_text(&first), first.len, &errors);
	check(again != NULL, "what is printed is accepted");
	pps_policy_print(again, &second);
	check(strcmp(pps_str_text(&first), pps_str_text(&second)) == 0,
		"what is read back prints the same");
	check(again->n_rules == policy->n_rules, "every rule is printed");
	pps_policy_destroy(again);
	pps_errors_fini(&errors);
	pps_str_fini(&first);
	pps_str_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pps_errors errors = {0};
	struct pps_findings findings = {0};
	struct pps_policy *policy = pps_policy_parse((const char *)data, size, &errors);

	check((policy == NULL) == (errors.n_total > 0), "a policy or errors, never both");
	if (policy != NULL) {
		pps_policy_lint(policy, 1800000000 * PPS_NS_PER_SEC, &findings);
		check_reading_back(policy);
	}
	pps_findings_fini(&findings);
	pps_policy_destroy(policy);
	pps_errors_fini(&errors);
	return 0;
}
