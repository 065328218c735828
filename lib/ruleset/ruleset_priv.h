/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RULESET_PRIV_H
#define RULESET_PRIV_H

/*
 * Inside the ruleset. The build reads like this:
 *
 *     check -> sources -> rules, slots -> overrides -> count -> create contexts -> add entries ->
 * build
 *
 * Between the policy and rte_acl stands the shape (pps_shape.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_ruleset.h>
#include <pps_shape.h>

struct rte_acl_ctx;

/*
 * What rte_acl stores with an entry: the rule's index + 1 (0 is "no match"), and a flag on
 * exceptions that need pps_ruleset_classify() to ask their attached bans.
 */
#define PPS_USERDATA_RULE    0x0000ffffu
#define PPS_USERDATA_RESOLVE 0x80000000u
_Static_assert(PPS_POLICY_RULES_MAX < PPS_USERDATA_RULE, "a rule's index + 1 must fit");

/* True when a rule of this shape matches the packet. Reads only: workers call it. */
bool pps_shape_matches(
	const struct pps_shape *shape, unsigned int context, const struct pps_class_key *key);

/* The contexts. */

/* What a context will hold: counted before, the rest as rules are added. */
struct pps_context_plan {
	uint64_t entries;
	uint64_t src_bits, dst_bits; /* lengths of prefixes, summed up over its entries */
};

struct pps_ruleset_priv {
	struct rte_acl_ctx *contexts[PPS_CONTEXTS]; /* NULL: no entries, nothing matches */
	struct pps_context_plan plans[PPS_CONTEXTS];
	struct pps_overrides overrides;
	struct pps_sources sources;
	struct pps_policy *policy; /* owned once the build has succeeded */
	uint32_t built_generation; /* of the contexts' names; a ruleset may get another later */
	struct pps_ruleset_rule *rules;
	struct pps_ruleset_size size;
};

/* Builds the source lists, inside the memory limit. (ruleset_sources.c) */
int pps_ruleset_sources_make(struct pps_ruleset *ruleset, const struct pps_policy *policy,
	const struct pps_ruleset_params *params, struct pps_errors *errors);
void pps_ruleset_sources_fini(struct pps_ruleset_priv *priv);

/* Creates a context for every count above 0. */
int pps_acl_create(struct pps_ruleset_priv *priv, const uint64_t entries[PPS_CONTEXTS],
	const struct pps_ruleset_params *params, struct pps_errors *errors);
/* Adds a rule's entries to the contexts it is part of. */
int pps_acl_add(struct pps_ruleset_priv *priv, const struct pps_shape *shape, uint32_t userdata,
	int32_t priority);
/* Builds the run-time tables inside the memory limit. */
int pps_acl_build(struct pps_ruleset_priv *priv, const struct pps_ruleset_params *params,
	struct pps_errors *errors);
void pps_acl_free(struct pps_ruleset_priv *priv);
/*
 * What an rte_acl context holds, read back (ruleset_readback.c). Takes bytes; false: no more are
 * wanted.
 */
typedef bool (*pps_acl_reader)(const void *bytes, size_t n, void *aux);
enum pps_acl_read {
	PPS_ACL_READ,
	PPS_ACL_STOPPED, /* the reader wanted no more */
	PPS_ACL_STRANGE, /* not laid out as it should be: damaged, or of another DPDK */
};
/* 'number' is the context's; 'generation' is that of its name. */
enum pps_acl_read pps_acl_read_back(const struct rte_acl_ctx *acl, unsigned int number,
	uint32_t generation, pps_acl_reader reader, void *aux);
/* Writes a context's name; 'ret' has RTE_ACL_NAMESIZE bytes. */
void pps_acl_name(unsigned int context, uint32_t generation, char *ret);
unsigned int pps_acl_count_fields(unsigned int context);

/* Bytes in use and free in the EAL heaps. */
void pps_acl_heap(size_t *ret_used, size_t *ret_free);

#endif
