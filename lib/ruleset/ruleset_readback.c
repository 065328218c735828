/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include <string.h>

#include <rte_acl.h>
#include <rte_malloc.h>

#include "ruleset_priv.h"

/*
 * rte_acl gives no way to read what it built. These are the structures at the front of a context
 * as DPDK 22.11 has them. Nothing in them is believed before it fits together: the name and the
 * rules are where they were put, and the tables lie inside the memory that EAL knows of.
 */
#define TRIES_MAX 8

struct acl_trie {
	uint32_t type, count, root_index;
	const uint32_t *data_index;
	uint32_t num_data_indexes;
};

struct acl_context {
	char name[RTE_ACL_NAMESIZE];
	int32_t socket_id;
	enum rte_acl_classify_alg alg;
	uint32_t first_load_sz;
	const void *rules;
	uint32_t max_rules, rule_sz, num_rules, num_categories, num_tries, match_index;
	uint64_t no_match, idle;
	const uint64_t *trans_table;
	const uint32_t *data_indexes;
	struct acl_trie trie[TRIES_MAX];
	const void *mem;
	size_t mem_sz;
	struct rte_acl_config config;
};

/* Where 'at' lies in the tables, or SIZE_MAX. */
static size_t place_of(const struct acl_context *context, const void *at)
{
	uintptr_t place = (uintptr_t)at - (uintptr_t)context->mem;

	return place < context->mem_sz ? place : SIZE_MAX;
}

static bool tries_fit(const struct acl_context *context)
{
	if (context->num_tries == 0 || context->num_tries > TRIES_MAX)
		return false;
	for (uint32_t i = 0; i < context->num_tries; i++) {
		if (place_of(context, context->trie[i].data_index) == SIZE_MAX)
			return false;
	}
	return true;
}

static bool fits(const struct rte_acl_ctx *acl, const struct acl_context *context, const char *name,
	unsigned int number)
{
	size_t size;

	return memcmp(context->name, name, sizeof(context->name)) == 0 &&
		context->rules == (const char *)acl + sizeof(*context) &&
		context->rule_sz == RTE_ACL_RULE_SZ(pps_acl_count_fields(number)) &&
		context->num_rules > 0 && context->num_rules <= context->max_rules &&
		context->max_rules <= PPS_RULESET_ENTRIES_MAX &&
		context->data_indexes == context->mem &&
		place_of(context, context->trans_table) != SIZE_MAX && tries_fit(context) &&
		rte_malloc_validate(context->mem, &size) == 0 && context->mem_sz <= size;
}

/* All of the head that a lookup reads; what points into the tables, as the place there. */
static bool read_head(const struct acl_context *context, pps_acl_reader reader, void *aux)
{
	const uint64_t head[] = {context->alg, context->first_load_sz, context->num_rules,
		context->num_categories, context->num_tries, context->match_index,
		context->no_match, context->idle, place_of(context, context->trans_table),
		context->mem_sz};

	if (!reader(head, sizeof(head), aux))
		return false;
	for (uint32_t i = 0; i < context->num_tries; i++) {
		const struct acl_trie *trie = &context->trie[i];
		const uint64_t words[] = {trie->type, trie->count, trie->root_index,
			place_of(context, trie->data_index), trie->num_data_indexes};

		if (!reader(words, sizeof(words), aux))
			return false;
	}
	return true;
}

/* The entries without what the compiler leaves between their members. */
static bool read_entries(const struct acl_context *context, pps_acl_reader reader, void *aux)
{
	const size_t fields = RTE_ACL_RULE_SZ(0);

	for (uint32_t i = 0; i < context->num_rules; i++) {
		const char *entry = (const char *)context->rules + (size_t)i * context->rule_sz;

		if (!reader(entry, sizeof(struct rte_acl_rule_data), aux) ||
			!reader(entry + fields, context->rule_sz - fields, aux))
			return false;
	}
	return true;
}

enum pps_acl_read pps_acl_read_back(const struct rte_acl_ctx *acl, unsigned int number,
	uint32_t generation, pps_acl_reader reader, void *aux)
{
	char name[RTE_ACL_NAMESIZE] = {0};
	struct acl_context context;

	memcpy(&context, acl, sizeof(context));
	pps_acl_name(number, generation, name);
	if (!fits(acl, &context, name, number))
		return PPS_ACL_STRANGE;
	return read_head(&context, reader, aux) && read_entries(&context, reader, aux) &&
			reader(context.mem, context.mem_sz, aux)
		? PPS_ACL_READ
		: PPS_ACL_STOPPED;
}
