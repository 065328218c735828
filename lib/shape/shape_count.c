/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <pps_shape.h>

/* So many take some hundreds of MiB to compile, as far as that can be said. */
#define ENTRIES_MANY 10000u

int pps_shape_count(const struct pps_policy *policy, uint64_t ret_entries[PPS_CONTEXTS],
	struct pps_errors *errors)
{
	uint64_t most = 0;
	size_t worst = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		struct pps_shape shape;

		pps_shape_make(&policy->rules[i], &shape);
		for (unsigned int c = 0; c < PPS_CONTEXTS; c++) {
			uint64_t n = pps_shape_entries(&shape, c);

			if (n > most) {
				most = n;
				worst = i;
			}
			if (__builtin_add_overflow(ret_entries[c], n, &ret_entries[c]))
				ret_entries[c] = UINT64_MAX;
		}
		pps_shape_fini(&shape);
	}
	for (unsigned int c = 0; c < PPS_CONTEXTS; c++) {
		if (ret_entries[c] <= PPS_RULESET_ENTRIES_MAX)
			continue;
		pps_errors_add(errors, policy->rules[worst].path,
			"the policy makes %" PRIu64 " table entries for one direction and "
			"family, more than %u; rule \"%s\" alone makes %" PRIu64
			" (every combination of its sources, destinations, ports and VLANs)",
			ret_entries[c], PPS_RULESET_ENTRIES_MAX, policy->rules[worst].id, most);
		return -E2BIG;
	}
	return 0;
}

bool pps_shape_fits(const struct pps_policy *policy, uint64_t now_ns, struct pps_errors *errors)
{
	uint64_t entries[PPS_CONTEXTS] = {0};
	struct pps_overrides overrides = {0};
	bool fits;

	fits = pps_overrides_make(policy, now_ns, &overrides, errors) == 0 &&
		pps_shape_count(policy, entries, errors) == 0;
	pps_overrides_fini(&overrides);
	return fits;
}

static void lint_entries(const struct pps_policy *policy, struct pps_findings *findings)
{
	uint64_t entries[PPS_CONTEXTS] = {0}, most = 0;
	struct pps_errors errors = {0};

	if (pps_shape_count(policy, entries, &errors) < 0)
		pps_findings_add(findings, PPS_FINDING_TOO_MANY_ENTRIES, errors.items[0].path,
			errors.items[0].text,
			"name prefixes and ranges instead of single members, or fewer "
			"combinations of them in one rule");
	for (unsigned int c = 0; c < PPS_CONTEXTS; c++)
		most = entries[c] > most ? entries[c] : most;
	if (errors.n == 0 && most >= ENTRIES_MANY) {
		char *text = pps_asprintf("makes %" PRIu64
					  " table entries for one direction and family, of at most "
					  "%u: whether there is memory to compile them depends on "
					  "the daemon (build_mib, and the memory given to EAL)",
			most, PPS_RULESET_ENTRIES_MAX);

		pps_findings_add(findings, PPS_FINDING_MANY_ENTRIES, "policy", text,
			"ask the daemon: \"ppsfw diff FILE\" compiles it there and changes "
			"nothing");
		free(text);
	}
	pps_errors_fini(&errors);
}

void pps_shape_lint(const struct pps_policy *policy, uint64_t now_ns, struct pps_findings *findings)
{
	struct pps_overrides overrides = {0};
	struct pps_errors errors = {0};

	if (pps_overrides_make(policy, now_ns, &overrides, &errors) < 0)
		pps_findings_add(findings, PPS_FINDING_TOO_MANY_OVERRIDES, errors.items[0].path,
			errors.items[0].text,
			"see to it that fewer bans cover part of what they permit");
	pps_overrides_fini(&overrides);
	pps_errors_fini(&errors);
	lint_entries(policy, findings);
}
