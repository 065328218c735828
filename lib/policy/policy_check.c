/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

static const char *nearest_ban(const struct pps_policy *policy, const char *text)
{
	const char *words[SUGGEST_MAX];
	size_t n = 0;

	for (size_t i = 0; i < policy->n_bans && n < SUGGEST_MAX; i++) {
		if (policy->rules[i].id != NULL)
			words[n++] = policy->rules[i].id;
	}
	return pps_nearest_word(text, words, n);
}

static void refuse_override(const struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *text = json_string_value(value), *nearest = NULL;

	if (text != NULL && errors->n < PPS_ERRORS_MAX)
		nearest = nearest_ban(reader->policy, text);
	if (nearest != NULL)
		pps_json_error(errors, path, "%s is not the id of a ban (did you mean \"%s\"?)",
			pps_json_quote(value), nearest);
	else
		pps_json_error(errors, path, "%s is not the id of a ban", pps_json_quote(value));
}

static bool overrides_has(const struct pps_rule *rule, size_t ban)
{
	for (size_t i = 0; i < rule->n_overrides; i++) {
		if (rule->overrides[i] == ban)
			return true;
	}
	return false;
}

static void resolve_override(const struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct pps_rule *rule, struct pps_errors *errors)
{
	const char *text = json_string_value(value);
	const json_t *index = text != NULL ? json_object_get(reader->rule_index, text) : NULL;
	size_t ban = index != NULL ? (size_t)json_integer_value(index) : 0;

	if (index == NULL)
		refuse_override(reader, value, path, errors);
	else if (reader->policy->rules[ban].kind != PPS_RULE_BAN)
		pps_json_error(errors, path, "%s is %s, not a ban", pps_json_quote(value),
			reader->policy->rules[ban].path);
	else if (overrides_has(rule, ban))
		pps_json_error(errors, path, "%s is named twice", pps_json_quote(value));
	else
		rule->overrides[rule->n_overrides++] = ban;
}

static void resolve_overrides(const struct policy_reader *reader, const struct rule_draft *draft,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path, .key = "overrides"};
	struct pps_rule *rule = draft->rule;
	const json_t *value = draft->overrides;

	if (value == NULL || !check_list(value, &place, OVERRIDES_MAX, errors))
		return;
	rule->overrides = pps_alloc(list_size(value) * sizeof(rule->overrides[0]));
	for (size_t i = 0; i < list_size(value); i++) {
		struct pps_json_path element = list_path(value, &place, i);

		resolve_override(reader, list_at(value, i), &element, rule, errors);
	}
}

static const char *families_word(unsigned int families)
{
	static const char *const words[] = {"nothing", "IPv4 alone", "IPv6 alone", "IPv4 and IPv6"};

	return words[families & (FAMILY_4 | FAMILY_6)];
}

/* A rule that no packet can match is a mistake, and for a ban a dangerous one. */
static void check_families(
	const struct pps_rule *rule, const struct pps_json_path *path, struct pps_errors *errors)
{
	unsigned int source = prefix_set_families(&rule->source);
	unsigned int destination = prefix_set_families(&rule->destination);
	unsigned int terms = 0;

	if ((source & destination) == 0) {
		pps_json_error(errors, path,
			"matches nothing: its source is %s and its destination %s",
			families_word(source), families_word(destination));
		return;
	}
	for (size_t i = 0; i < rule->n_terms; i++)
		terms |= term_families(&rule->terms[i]);
	if ((source & destination & terms) == 0)
		pps_json_error(errors, path, "matches nothing: %s is %s and its addresses are %s",
			rule->service_text, families_word(terms),
			families_word(source & destination));
}

void check_rules(struct policy_reader *reader, struct pps_errors *errors)
{
	const struct pps_policy *policy = reader->policy;
	const size_t firsts[] = {
		[PPS_RULE_BAN] = 0,
		[PPS_RULE_EXCEPTION] = policy->n_bans,
		[PPS_RULE_APPROVED] = policy->n_bans + policy->n_exceptions,
	};

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct rule_draft *draft = &reader->drafts[i];
		enum pps_rule_kind kind = policy->rules[i].kind;
		struct pps_json_path list = {.key = rule_list_word(kind)};
		struct pps_json_path path = {.parent = &list, .index = i - firsts[kind]};

		if (draft->rule == NULL)
			continue;
		resolve_overrides(reader, draft, &path, errors);
		if (draft->whole) {
			check_families(draft->rule, &path, errors);
			check_approval(policy, draft->rule, &path, errors);
		}
	}
}
