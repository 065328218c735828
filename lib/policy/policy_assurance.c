/* SPDX-License-Identifier: BSD-3-Clause */

/* What a policy demands of the approval data of its rules: "require", "assessment_days", and
 * mitigations for what has low assurance. */

#include <stdlib.h>

#include "policy_priv.h"

#define DAY_NS              (86400 * PPS_NS_PER_SEC)
#define ASSESSMENT_DAYS_MAX 36500u

static const char *const approval_words[PPS_APPROVAL_COUNT] = {
	[PPS_APPROVAL_ASSURANCE] = "assurance",
	[PPS_APPROVAL_BOUNDARY] = "boundary",
	[PPS_APPROVAL_APPROVED_BY] = "approved_by",
	[PPS_APPROVAL_REASON] = "reason",
	[PPS_APPROVAL_OWNER] = "owner",
	[PPS_APPROVAL_ASSESSED] = "assessed",
	[PPS_APPROVAL_MITIGATIONS] = "mitigations",
};

void read_require(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	unsigned int *require = target;

	(void)aux;
	if (!check_list(value, path, PPS_APPROVAL_COUNT, errors))
		return;
	for (size_t i = 0; i < list_size(value); i++) {
		struct pps_json_path place = list_path(value, path, i);
		const json_t *element = list_at(value, i);
		int word = read_word(element, &place, approval_words, PPS_APPROVAL_COUNT, errors);

		if (word >= 0 && (*require & 1u << word) != 0)
			pps_json_error(
				errors, &place, "%s is named twice", pps_json_quote(element));
		else if (word >= 0)
			*require |= 1u << word;
	}
}

json_t *print_require(unsigned int require)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < PPS_APPROVAL_COUNT; i++) {
		if ((require & 1u << i) != 0)
			json_array_append_new(list, json_string(approval_words[i]));
	}
	return list;
}

void read_assessment_days(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	read_whole(value, path, "days", ASSESSMENT_DAYS_MAX, target, errors);
}

static unsigned int written_approval(const struct pps_rule *rule)
{
	const bool written[PPS_APPROVAL_COUNT] = {
		[PPS_APPROVAL_ASSURANCE] = rule->assurance != PPS_ASSURANCE_NONE,
		[PPS_APPROVAL_BOUNDARY] = rule->boundary != NULL,
		[PPS_APPROVAL_APPROVED_BY] = rule->approved_by != NULL,
		[PPS_APPROVAL_REASON] = rule->reason != NULL,
		[PPS_APPROVAL_OWNER] = rule->owner != NULL,
		[PPS_APPROVAL_ASSESSED] = rule->assessed != NULL,
		[PPS_APPROVAL_MITIGATIONS] = rule->n_mitigations > 0,
	};
	unsigned int set = 0;

	for (unsigned int i = 0; i < PPS_APPROVAL_COUNT; i++)
		set |= (unsigned int)written[i] << i;
	return set;
}

void check_approval(const struct pps_policy *policy, const struct pps_rule *rule,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path assurance = {.parent = path, .key = "assurance"};
	unsigned int missing = policy->require & ~written_approval(rule);

	/* A ban lets nothing cross: all there is to say about it is why. */
	if (rule->kind == PPS_RULE_BAN)
		missing &= 1u << PPS_APPROVAL_REASON;
	for (unsigned int i = 0; i < PPS_APPROVAL_COUNT; i++) {
		if ((missing & 1u << i) != 0)
			pps_json_error(errors, path, "\"%s\" is missing: \"require\" names it",
				approval_words[i]);
	}
	if (rule->kind == PPS_RULE_APPROVED && rule->assurance == PPS_ASSURANCE_LOW &&
		rule->n_mitigations == 0)
		pps_json_error(errors, &assurance,
			"\"low\" needs \"mitigations\", or the rule belongs under \"exceptions\"");
}

void lint_assessment(const struct pps_policy *policy, const struct pps_rule *rule, uint64_t now_ns,
	struct pps_findings *findings)
{
	uint64_t assessed_ns = 0;
	char *time;

	if (rule->assessed == NULL) {
		if (policy->assessment_days > 0)
			finding_add(findings, PPS_FINDING_ASSESSMENT_MISSING, rule->path,
				"assess it, and write the date under \"assessed\"",
				"was never assessed, and the policy demands it every %u days",
				policy->assessment_days);
		return;
	}
	time = pps_asprintf("%sT00:00:00Z", rule->assessed);
	pps_time_parse(time, &assessed_ns);
	free(time);
	/* A date has no time zone: tomorrow's may be today's elsewhere. */
	if (assessed_ns > now_ns && assessed_ns - now_ns > DAY_NS)
		finding_add(findings, PPS_FINDING_ASSESSMENT_AHEAD, rule->path, "correct the date",
			"was assessed on %s, which is still to come", rule->assessed);
	else if (policy->assessment_days > 0 && now_ns > assessed_ns &&
		(now_ns - assessed_ns) / DAY_NS > policy->assessment_days)
		finding_add(findings, PPS_FINDING_ASSESSMENT_OLD, rule->path,
			"assess it again, and write the new date",
			"was assessed on %s, more than %u days ago", rule->assessed,
			policy->assessment_days);
}
