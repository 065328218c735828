/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said of rules that others cover, wholly or in part. */

#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

/* "A, B, C and 4 more". */
static char *names_text(const struct pps_policy *policy, const struct pps_rule_use *use)
{
	struct pps_str text = PPS_STR_INIT;

	for (size_t i = 0; i < use->n_by && i < NAMED_MAX; i++)
		pps_str_addf(&text, "%s%s", i == 0 ? "" : ", ", policy->rules[use->by[i]].id);
	if (use->n_by > NAMED_MAX)
		pps_str_addf(&text, " and %zu more", use->n_by - NAMED_MAX);
	return pps_str_take(&text);
}

static bool are_bans(const struct pps_policy *policy, const struct pps_rule_use *use)
{
	for (size_t i = 0; i < use->n_by; i++) {
		if (policy->rules[use->by[i]].kind != PPS_RULE_BAN)
			return false;
	}
	return true;
}

/* What of an approval is another one, as words; a bit each. */
static unsigned int terms_that_differ(const struct pps_rule *a, const struct pps_rule *b)
{
	const char *texts[][2] = {
		{a->approved_by, b->approved_by}, {a->boundary, b->boundary}, {a->owner, b->owner}};
	unsigned int differ = a->assurance != b->assurance;

	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *x = texts[i][0] != NULL ? texts[i][0] : "";
		const char *y = texts[i][1] != NULL ? texts[i][1] : "";

		differ |= (unsigned int)(strcmp(x, y) != 0) << (i + 1);
	}
	return differ | (unsigned int)(a->log != b->log) << 4 |
		(unsigned int)(memcmp(&a->limits, &b->limits, sizeof(a->limits)) != 0) << 5;
}

/* " on other terms (approved_by, limits)", where one of the rules that permit has other ones. */
static char *terms_text(const struct pps_policy *policy, const struct pps_rule *rule,
	const struct pps_rule_use *use)
{
	static const char *const words[] = {
		"assurance", "approved_by", "boundary", "owner", "log", "limits"};
	struct pps_str text = PPS_STR_INIT;
	unsigned int differ = 0;

	for (size_t i = 0; i < use->n_by && rule->kind != PPS_RULE_BAN; i++) {
		if (policy->rules[use->by[i]].kind != PPS_RULE_BAN)
			differ |= terms_that_differ(rule, &policy->rules[use->by[i]]);
	}
	for (size_t i = 0; i < COUNT(words); i++) {
		if ((differ >> i & 1) != 0)
			pps_str_addf(
				&text, "%s%s", text.len > 0 ? ", " : " on other terms (", words[i]);
	}
	pps_str_add(&text, differ != 0 ? ")" : "");
	return pps_str_take(&text);
}

/* "exception X", of those that are named and end then. */
static const char *ending_id(const struct pps_policy *policy, const struct pps_rule_use *use)
{
	for (size_t i = 0; i < use->n_by; i++) {
		if (policy->rules[use->by[i]].expires_ns == use->until_ns)
			return policy->rules[use->by[i]].id;
	}
	return NULL;
}

static void say_later(const struct pps_policy *policy, const struct pps_rule *rule,
	const struct pps_rule_use *use, const char *names, const char *terms,
	struct pps_findings *findings)
{
	const char *ending = ending_id(policy, use);
	char until[PPS_TIME_TEXT_MAX];

	pps_time_format(use->until_ns, 0, until);
	finding_add(findings, PPS_FINDING_SHADOWED_FOR_NOW, rule->path,
		rule->kind == PPS_RULE_BAN ? "keep it, if its traffic is not to pass then"
					   : "keep it, if its traffic is to pass then",
		"decides nothing until %s, when %s%s ends: until then all of its traffic is "
		"decided by %s%s",
		until, ending != NULL ? "exception " : "an exception", ending != NULL ? ending : "",
		names, terms);
}

static void say_worth(const struct pps_policy *policy, const struct pps_rule *rule,
	const struct pps_rule_use *use, struct pps_findings *findings)
{
	char *names = names_text(policy, use);
	char *terms = terms_text(policy, rule, use);

	if (use->worth == PPS_WORTH_REDUNDANT)
		finding_add(findings, PPS_FINDING_REDUNDANT, rule->path,
			"remove it, unless its own approval is wanted on record",
			"without it the same traffic passes by %s", names);
	else if (use->worth == PPS_WORTH_SHADOWED && rule->kind != PPS_RULE_BAN &&
		are_bans(policy, use))
		finding_add(findings, PPS_FINDING_HIDDEN_BY_BAN, rule->path,
			"remove it, or ask for an exception that overrides the ban",
			"permits nothing: all of its traffic is banned by %s", names);
	else if (use->worth == PPS_WORTH_SHADOWED)
		finding_add(findings, PPS_FINDING_SHADOWED, rule->path,
			"remove it, or put it before what covers it",
			"decides nothing: all of its traffic is decided by %s%s", names, terms);
	else if (use->worth == PPS_WORTH_LATER)
		say_later(policy, rule, use, names, terms, findings);
	free(names);
	free(terms);
}

static void say_remarks(const struct pps_rule *rule, const struct worth_remarks *remarks,
	struct pps_findings *findings)
{
	if (remarks->bans != NULL)
		finding_add(findings, PPS_FINDING_PARTLY_BANNED, rule->path,
			"nothing, if that is meant", "part of its traffic is banned by %s",
			remarks->bans);
	if (remarks->exceptions != NULL)
		finding_add(findings, PPS_FINDING_EXCEPTIONS_OVERLAP, rule->path,
			"let one exception speak of it",
			"part of its traffic is decided by an earlier exception: %s",
			remarks->exceptions);
}

/* "A, B, C and 4 more", of 'n' rules of which nothing is known. */
static char *unknown_text(
	const struct pps_policy *policy, const struct pps_rule_use *uses, size_t n)
{
	struct pps_str text = PPS_STR_INIT;
	size_t named = 0;

	for (size_t i = 0; i < policy->n_rules && named < NAMED_MAX; i++) {
		if (uses[i].worth == PPS_WORTH_UNKNOWN)
			pps_str_addf(&text, "%s%s", named++ == 0 ? "" : ", ", policy->rules[i].id);
	}
	if (n > NAMED_MAX)
		pps_str_addf(&text, " and %zu more", n - NAMED_MAX);
	return pps_str_take(&text);
}

static void say_unknown(const struct pps_policy *policy, const struct pps_rule_use *uses, size_t n,
	struct pps_findings *findings)
{
	char *names = unknown_text(policy, uses, n);

	finding_add(findings, PPS_FINDING_TOO_COMPLEX, "policy",
		"let rules name fewer combinations of addresses and ports",
		"for %zu rule%s (%s) it would take too long to tell whether others cover %s", n,
		n == 1 ? "" : "s", names, n == 1 ? "it" : "them");
	free(names);
}

void lint_worth(const struct pps_policy *policy, uint64_t now_ns, struct pps_findings *findings)
{
	struct worth_remarks *remarks = pps_alloc((policy->n_rules + 1) * sizeof(remarks[0]));
	struct pps_rule_use *uses = study_worth(policy, now_ns, remarks);
	size_t n_unknown = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		say_worth(policy, &policy->rules[i], &uses[i], findings);
		say_remarks(&policy->rules[i], &remarks[i], findings);
		n_unknown += uses[i].worth == PPS_WORTH_UNKNOWN;
		free(remarks[i].bans);
		free(remarks[i].exceptions);
	}
	if (n_unknown > 0)
		say_unknown(policy, uses, n_unknown, findings);
	pps_policy_uses_free(uses, policy);
	free(remarks);
}
