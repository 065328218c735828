/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_SHAPE_H
#define PPS_SHAPE_H

/*
 * Shapes: what rules become on the way from the policy to the datapath's tables.
 *
 * A shape is one rule as sets that are sorted, disjoint and joined where they touch, split by
 * family. Counting, adding, overlaps and the match of single rules all work on shapes, so they
 * cannot disagree about what a rule means.
 *
 * There are as many tables as there are directions and families, and a rule makes an entry in one
 * for every combination of its sources, destinations, ports and VLANs. How many there may be, and
 * how many pairs of exceptions and bans, is a property of the policy alone: pps_shape_fits() says
 * before anything is compiled what the compilation (pps_ruleset.h) would say. What memory it takes
 * to compile depends on the entries together, and whether there is so much on the daemon's
 * configuration: only compiling tells.
 *
 * Values of one thread; no DPDK.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_packet.h>
#include <pps_policy.h>

#define PPS_RULESET_ENTRIES_MAX 200000u /* for one direction and family */
#define PPS_OVERRIDES_MAX       1024 /* pairs, see below */

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

/* ---- one rule ---- */

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

/* ---- overriding exceptions ---- */

/* One exception in force that overrides bans. Each of its bans and next ones is a pair. */
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

/* As of 'now_ns'. 0, or negative errno and an error when there are too many pairs; 'ret', zeroed
 * before, is to be freed by _fini() in either case. */
int pps_overrides_make(const struct pps_policy *policy, uint64_t now_ns, struct pps_overrides *ret,
	struct pps_errors *errors);
void pps_overrides_fini(struct pps_overrides *overrides);

static inline bool pps_overrides_resolve(const struct pps_overrides *overrides, uint32_t rule)
{
	/* Indexes below 'first' wrap round and are out of range too. */
	return overrides->items != NULL && rule - overrides->first < overrides->n &&
		overrides->items[rule - overrides->first].n_bans > 0;
}

/* ---- the whole policy ---- */

/* Counts the entries of every table. 0, or -E2BIG and an error that names the rule that makes most
 * when they are too many for one. The rules must have passed the check. */
int pps_shape_count(const struct pps_policy *policy, uint64_t ret_entries[PPS_CONTEXTS],
	struct pps_errors *errors);
/* False and an error when the policy, as of 'now_ns', is too large to be compiled anywhere. */
bool pps_shape_fits(const struct pps_policy *policy, uint64_t now_ns, struct pps_errors *errors);
/* The same as findings, and a note where it takes much memory to compile. */
void pps_shape_lint(
	const struct pps_policy *policy, uint64_t now_ns, struct pps_findings *findings);

#endif
