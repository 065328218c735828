/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

bool reader_take_items(struct policy_reader *reader, size_t n, const struct pps_json_path *path,
	struct pps_errors *errors)
{
	if (reader->full)
		return false;
	reader->n_items += n;
	reader->full = reader->n_items > ITEMS_MAX;
	if (reader->full)
		pps_json_error(errors, path,
			"the policy spells out to more than %u addresses, ports and services",
			ITEMS_MAX);
	return !reader->full;
}

static void reader_init(struct policy_reader *reader, struct pps_policy *policy)
{
	*reader = (struct policy_reader){
		.policy = policy,
		.group_index = json_object(),
		.service_index = json_object(),
		.rule_index = json_object(),
	};
}

static void reader_fini(struct policy_reader *reader)
{
	for (size_t i = 0; i < reader->n_groups; i++)
		prefix_set_fini(&reader->groups[i].set);
	free(reader->groups);
	for (size_t i = 0; i < reader->n_services; i++) {
		terms_fini(reader->services[i].terms, reader->services[i].n_terms);
		free(reader->services[i].name);
	}
	free(reader->services);
	free(reader->drafts);
	json_decref(reader->group_index);
	json_decref(reader->service_index);
	json_decref(reader->rule_index);
}

/* How many rules each list has; a value that is no list is an error and counts none. */
static void count_rules(struct policy_reader *reader, size_t counts[3], struct pps_errors *errors)
{
	for (unsigned int kind = 0; kind < 3; kind++) {
		struct pps_json_path path = {.key = rule_list_word((enum pps_rule_kind)kind)};
		const json_t *list = reader->lists[kind];

		counts[kind] = json_array_size(list);
		if (list != NULL && !json_is_array(list))
			pps_json_error(
				errors, &path, "%s is not a list of rules", pps_json_quote(list));
	}
}

static void read_rules(struct policy_reader *reader, struct pps_errors *errors)
{
	struct pps_policy *policy = reader->policy;
	size_t counts[3], index = 0, n;

	count_rules(reader, counts, errors);
	n = counts[0] + counts[1] + counts[2];
	if (n > PPS_POLICY_RULES_MAX) {
		pps_errors_add(errors, "", "the policy has %zu rules, at most %u", n,
			PPS_POLICY_RULES_MAX);
		return;
	}
	policy->rules = pps_alloc((n + 1) * sizeof(policy->rules[0]));
	policy->n_bans = counts[PPS_RULE_BAN];
	policy->n_exceptions = counts[PPS_RULE_EXCEPTION];
	policy->n_approved = counts[PPS_RULE_APPROVED];
	policy->n_rules = n;
	reader->drafts = pps_alloc((n + 1) * sizeof(reader->drafts[0]));
	for (unsigned int kind = 0; kind < 3; kind++) {
		struct pps_json_path list = {.key = rule_list_word((enum pps_rule_kind)kind)};

		for (size_t i = 0; i < counts[kind]; i++) {
			struct pps_json_path path = {.parent = &list, .index = i};

			policy->rules[index].kind = (enum pps_rule_kind)kind;
			if (!reader->full)
				read_rule(reader, json_array_get(reader->lists[kind], i), &path,
					index, (enum pps_rule_kind)kind, errors);
			index++;
		}
	}
}

struct pps_policy *pps_policy_parse_bundle(
	const struct pps_policy_bundle *bundle, struct pps_errors *errors)
{
	size_t n_before = errors->n_total;
	struct policy_reader reader;
	struct pps_policy *policy;
	json_t *root;

	if (bundle->len > PPS_POLICY_BYTES_MAX) {
		pps_errors_add(errors, "", "the policy has %zu bytes, at most %u", bundle->len,
			PPS_POLICY_BYTES_MAX);
		return NULL;
	}
	root = pps_json_parse(bundle->text, bundle->len, errors);
	if (root == NULL)
		return NULL;
	policy = pps_alloc(sizeof(*policy));
	reader_init(&reader, policy);
	reader.bundle = bundle;
	read_top_level(&reader, root, errors);
	read_groups(&reader, errors);
	read_source_lists(&reader, errors);
	read_services(&reader, errors);
	read_rules(&reader, errors);
	check_rules(&reader, errors);
	reader_fini(&reader);
	json_decref(root);
	if (errors->n_total > n_before) {
		pps_policy_destroy(policy);
		return NULL;
	}
	write_digests(policy, bundle);
	return policy;
}

struct pps_policy *pps_policy_parse(const char *text, size_t len, struct pps_errors *errors)
{
	const struct pps_policy_bundle bundle = {.text = (char *)(uintptr_t)text, .len = len};

	return pps_policy_parse_bundle(&bundle, errors);
}

struct pps_policy *pps_policy_load(const char *path, struct pps_errors *errors)
{
	struct pps_policy_bundle bundle;
	struct pps_policy *policy = NULL;

	if (pps_policy_bundle_read(path, &bundle, errors))
		policy = pps_policy_parse_bundle(&bundle, errors);
	pps_policy_bundle_fini(&bundle);
	return policy;
}

void pps_policy_destroy(struct pps_policy *policy)
{
	if (policy == NULL)
		return;
	for (size_t i = 0; i < policy->n_rules; i++)
		rule_fini(&policy->rules[i]);
	free(policy->rules);
	source_list_fini(&policy->block);
	source_list_fini(&policy->allow);
	for (size_t i = 0; i < policy->n_files; i++)
		free(policy->files[i].name);
	free(policy->files);
	free(policy->link.vlans.items);
	free(policy->name);
	free(policy->authority);
	free(policy);
}
