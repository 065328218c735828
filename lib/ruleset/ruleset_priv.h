/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RULESET_PRIV_H
#define RULESET_PRIV_H

/*
 * Inside the ruleset. The build reads like this:
 *
 *     check -> sources -> rules, slots -> overrides -> count -> create contexts -> add entries ->
 * build
 *
 * Between the policy and rte_acl stands the shape: one rule as sets that are sorted, disjoint and
 * joined where they touch, split by family. Counting, adding, overlaps and the match of single
 * rules all work on shapes, so they cannot disagree about what a rule means.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_ruleset.h>

struct rte_acl_ctx;

#define PPS_CONTEXTS 4 /* direction x family */

static inline unsigned int pps_context_index(enum pps_direction direction, uint8_t family)
{
	return (direction == PPS_OUTBOUND ? 2 : 0) + (family == 6 ? 1 : 0);
}

static inline enum pps_direction pps_context_direction(unsigned int context)
{
	return context & 2 ? PPS_OUTBOUND : PPS_INBOUND;
}

static inline uint8_t pps_context_family(unsigned int context)
{
	return context & 1 ? 6 : 4;
}

/*
 * What rte_acl stores with an entry: the rule's index + 1 (0 is "no match"), and a flag on
 * exceptions that need pps_ruleset_classify() to ask their attached bans.
 */
#define PPS_USERDATA_RULE    0x0000ffffu
#define PPS_USERDATA_RESOLVE 0x80000000u
_Static_assert(PPS_POLICY_RULES_MAX < PPS_USERDATA_RULE, "a rule's index + 1 must fit");

/* Shapes. */

struct pps_prefixes {
	struct pps_prefix *items; /* of one family */
	size_t n;
};

struct pps_ranges {
	struct pps_range *items;
	size_t n;
};

struct pps_shape_term {
	uint16_t protocol;
	struct pps_ranges src_ports, dst_ports; /* ICMP: dst_ports is type << 8 | code */
};

struct pps_shape {
	uint8_t directions;
	struct pps_prefixes src[2], dst[2]; /* IPv4, IPv6 */
	struct pps_ranges vlans;
	struct pps_shape_term *terms;
	size_t n_terms;
};

/* ICMP is IPv4 alone and ICMPv6 is IPv6 alone. */
static inline bool pps_shape_term_has_family(const struct pps_shape_term *term, uint8_t family)
{
	return !(term->protocol == PPS_IP_ICMP && family == 6) &&
		!(term->protocol == PPS_IP_ICMPV6 && family == 4);
}

/* Adds an error and returns false when the rule has a value that no policy may have: rte_acl would
 * take it and match something else. */
bool pps_shape_check(const struct pps_rule *rule, struct pps_errors *errors);
/* 'rule' must have passed the check. */
void pps_shape_make(const struct pps_rule *rule, struct pps_shape *ret);
void pps_shape_fini(struct pps_shape *shape);
/* Entries of one term, and of all, in one context; UINT64_MAX when it does not fit. */
uint64_t pps_shape_term_entries(
	const struct pps_shape *shape, const struct pps_shape_term *term, unsigned int context);
uint64_t pps_shape_entries(const struct pps_shape *shape, unsigned int context);
/* True when some packet matches both. */
bool pps_shape_overlaps(const struct pps_shape *a, const struct pps_shape *b);
/* True when the rule matches the packet. Reads only: workers call it. */
bool pps_shape_matches(
	const struct pps_shape *shape, unsigned int context, const struct pps_class_key *key);

/* Overriding exceptions. */

/* One exception in force that overrides bans. */
struct pps_override {
	uint32_t *bans; /* attached: rules it does not lift and which cover part of it; in order */
	uint32_t *next; /* later overriding exceptions that may lift one of 'bans'; in order */
	uint32_t n_bans, n_next;
};

struct pps_overrides {
	struct pps_override *items; /* by exception (rule index - first); NULL: none overrides */
	struct pps_shape **shapes; /* by rule; NULL where the match never asks */
	uint32_t first; /* rule index of the first exception */
	uint32_t n; /* exceptions */
	uint32_t n_rules;
	uint32_t n_pairs;
};

int pps_overrides_make(const struct pps_policy *policy, const struct pps_ruleset_rule *rules,
	struct pps_overrides *ret, struct pps_errors *errors);
void pps_overrides_fini(struct pps_overrides *overrides);

static inline bool pps_overrides_resolve(const struct pps_overrides *overrides, uint32_t rule)
{
	/* Indexes below 'first' wrap round and are out of range too. */
	return overrides->items != NULL && rule - overrides->first < overrides->n &&
		overrides->items[rule - overrides->first].n_bans > 0;
}

/* The contexts. */

/* What a context will hold. */
struct pps_context_plan {
	uint64_t entries;
	uint64_t src_bits, dst_bits; /* mean lengths of prefixes, summed up over its rules */
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

/* Creates a context for every plan with entries. */
int pps_acl_create(struct pps_ruleset_priv *priv, const struct pps_ruleset_params *params,
	struct pps_errors *errors);
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
