/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_RULESET_H
#define PPS_RULESET_H

/*
 * The ruleset: a policy compiled for the datapath.
 *
 * Build      pps_ruleset_build() (ruleset_build.c, cold) turns a policy into four rte_acl contexts,
 *            one per direction and address family, plus small tables for the link section. It
 *            checks every range and mask before rte_acl sees it (rte_acl accepts impossible ones
 *            and then matches outside them), names contexts by generation (rte_acl returns an
 *            existing context of the same name), and bounds its memory: a policy that needs more
 *            entries or memory than allowed is an error value. It may take seconds: never on a
 *            worker. Everything that can fail, fails here.
 *
 * Match      pps_ruleset_classify() (ruleset_match.c, hot) gives each key the rule that decides it.
 *            Read-only: any number of workers at once.
 *
 * Order      One number line of priorities per context, highest first:
 *              1. exceptions with "overrides"      (file order)
 *              2. bans                             (file order)
 *              3. other exceptions                 (file order)
 *              4. approvals                        (file order)
 *              5. exceptions that have expired     (they name the drop: exception_expired)
 *            An exception lifts only the bans it names. Where another ban covers part of its
 *            traffic, the build attaches that ban to the exception, and the match, having found
 *            the exception, asks its few attached bans (and on a hit the next overriding exception
 *            that matches). A packet passes by an exception only when every ban that covers the
 *            packet is named by that same exception. At most PPS_OVERRIDES_MAX such pairs a policy
 *            (pps_shape.h).
 *
 * Expiry     'now' decides at build which exceptions are in force. 'valid_until_ns' is the first
 *            moment at which that stops being true; management publishes a new ruleset then. For
 *            the instant in between, the rule's own 'expires_ns' is asked and the packet dropped:
 *            an exception never lives longer than its second.
 *
 * Limits     are enforced by each worker for itself: a rule's limit is divided by the number of
 *            workers, and is at least 1 for each.
 *
 * Rules      'rules' of the ruleset mirror the policy's in order; a rule is named by its index
 *            (in classify results) and, across rulesets, by its slot (pps_stats.h).
 *
 * Sources    The block list and the allow list are part of the ruleset (pps_sources.h) and are
 *            swapped with it. Policies without lists have none, and the filter asks nothing.
 *
 * Life       build -> publish (pps_snapshot.h) -> grace period -> destroy. Immutable in between.
 *            Holds its slots in the rule book while it lives. EAL must be up.
 */

#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <pps_flow.h>
#include <pps_packet.h>
#include <pps_policy.h>
#include <pps_sources.h>
#include <pps_stats.h>

#define PPS_RULE_NONE UINT32_MAX /* no rule matches */

/* What the datapath needs of one rule. */
struct pps_ruleset_rule {
	uint64_t expires_ns; /* UINT64_MAX: never */
	struct pps_limits limits; /* 0: no limit */
	uint32_t slot;
	uint8_t kind; /* enum pps_rule_kind */
	uint8_t log; /* enum pps_rule_log */
	bool expired; /* at build: names a drop, permits nothing */
};

/* The link section, as the filter asks it. */
struct pps_ruleset_link {
	uint8_t arp; /* set of enum pps_direction */
	uint8_t neighbor_discovery;
	uint8_t n_ethertypes;
	struct pps_ethertype ethertypes[PPS_ETHERTYPES_MAX]; /* sorted by ethertype */
	uint64_t vlans[4096 / 64]; /* bit set: this id may pass; bit 0 (untagged) is always set */
};

struct pps_ruleset {
	uint32_t generation; /* of this ruleset; starts at 1, never reused in a process */
	uint32_t n_rules;
	uint64_t valid_until_ns; /* wall clock; UINT64_MAX: for ever */
	uint64_t as_of_ns; /* the 'now' it was built for */
	const struct pps_ruleset_rule *rules;
	struct pps_ruleset_link link;
	struct pps_flow_timeouts timeouts;
	const struct pps_sources *sources; /* NULL: no lists */
	const struct pps_policy *policy; /* owned; approval data for explain and listings */
	struct pps_ruleset_priv *priv; /* contexts; ruleset_priv.h */
};

/* The initiator's tuple, as rte_acl reads it: network order throughout. */
struct pps_class_key {
	uint8_t protocol;
	uint8_t pad[3];
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port; /* ICMP: 0, and type << 8 | code in network order */
	uint16_t vlan; /* network order; 0 untagged */
	uint16_t zero;
};
_Static_assert(sizeof(struct pps_class_key) == 44, "rte_acl field offsets are built on this");

/* The classification key of a flow that 'initiator' started. 'icmp_code' is the query's. IPv4
 * addresses stand in the first four bytes of src and dst, the other twelve are 0. */
void pps_class_key_make(const struct pps_flow_key *key, enum pps_side initiator, uint8_t icmp_code,
	struct pps_class_key *ret);

/* The same of the flow that 'packet', which is not of ICMP, would start. */
static inline void pps_class_key_of_packet(
	const struct pps_packet *packet, struct pps_class_key *ret)
{
	*ret = (struct pps_class_key){
		.protocol = packet->protocol,
		.vlan = htobe16(packet->vlan),
	};
	memcpy(ret->src, packet->src, sizeof(ret->src));
	memcpy(ret->dst, packet->dst, sizeof(ret->dst));
	ret->src_port = packet->src_port;
	ret->dst_port = packet->dst_port;
}

/*
 * Classifies 'n' keys (at most PPS_FLOW_BURST_MAX) of one direction and family: ret_rules[i] is an
 * index into rules, or PPS_RULE_NONE. Priorities, overrides and attached bans are resolved;
 * whether the rule permits is pps_ruleset_judge()'s.
 */
void pps_ruleset_classify(const struct pps_ruleset *ruleset, enum pps_direction direction,
	uint8_t family, const struct pps_class_key *const *keys, unsigned int n,
	uint32_t *ret_rules);

/* Step 8 of the law from a classification result: PPS_REASON_NONE, BANNED, EXCEPTION_EXPIRED or
 * NOT_APPROVED. */
static inline enum pps_reason pps_ruleset_judge(
	const struct pps_ruleset *ruleset, uint32_t rule, uint64_t wall_ns)
{
	const struct pps_ruleset_rule *r;

	if (rule == PPS_RULE_NONE)
		return PPS_REASON_NOT_APPROVED;
	r = &ruleset->rules[rule];
	if (r->kind == PPS_RULE_BAN)
		return PPS_REASON_BANNED;
	if (r->expired || wall_ns >= r->expires_ns)
		return PPS_REASON_EXCEPTION_EXPIRED;
	return PPS_REASON_NONE;
}

struct pps_ruleset_params {
	uint32_t generation; /* unique in the process, > 0 */
	uint64_t now_ns; /* wall clock that decides which exceptions are in force */
	size_t memory_limit; /* bytes the build may add to the process's data; 0: no limit */
	int socket; /* NUMA node, or -1 */
};

/*
 * Compiles 'policy', whose ownership passes to the ruleset on success and stays with the caller on
 * failure. Takes slots in 'book' (NULL, for checks: slots are 0). NULL and an error that says what
 * could not be built and why.
 *
 * The memory limit is the process's RLIMIT_DATA, lowered while rte_acl builds and put back in every
 * case. A build that hits it fails and frees what it took; other threads that allocate meanwhile
 * must bear a moment without memory, as pps_alloc() does. One ruleset is built at a time: a second
 * caller waits. EAL memory does not count; it has its own bound.
 */
struct pps_ruleset *pps_ruleset_build(struct pps_policy *policy, struct pps_rule_book *book,
	const struct pps_ruleset_params *params, struct pps_errors *errors);
void pps_ruleset_destroy(struct pps_ruleset *ruleset, struct pps_rule_book *book);

/*
 * What a ruleset's tables hold, read back from where workers read them: is that still what the
 * policy says? Two rulesets of one policy, built as of the same moment for as many workers, have
 * equal digests; one bit that differs in what a packet is judged by makes them differ. The
 * generation is left out, and so are statistics. SHA-256, by part, so that it can be told what
 * differs; 'whole' is of all parts but the counters, and the same in every process with this build
 * on this kind of CPU.
 */
enum pps_ruleset_part {
	PPS_PART_RULES, /* kinds, limits, ends */
	PPS_PART_LINK,
	PPS_PART_TIMEOUTS,
	PPS_PART_SOURCES,
	PPS_PART_OVERRIDES,
	PPS_PART_IN4, /* the rte_acl contexts: entries, and the tables made from them */
	PPS_PART_IN6,
	PPS_PART_OUT4,
	PPS_PART_OUT6,
	PPS_PART_COUNTERS, /* which counter each rule has */
	PPS_PART_COUNT
};
const char *pps_ruleset_part_word(enum pps_ruleset_part part); /* "rules", "inbound IPv4", ... */

struct pps_ruleset_digest {
	unsigned char parts[PPS_PART_COUNT][32];
	char whole[PPS_DIGEST_TEXT];
	bool strange; /* a context is not laid out as DPDK 22.11 does it: damage, or another DPDK */
};

/*
 * Any thread, while nobody destroys the ruleset; reads hundreds of MiB a second. 'stop' (or NULL)
 * ends it soon from elsewhere. False and an error: stopped. Damage is no error: what does not fit
 * together makes another digest.
 */
bool pps_ruleset_digest(const struct pps_ruleset *ruleset, const atomic_bool *stop,
	struct pps_ruleset_digest *ret, struct pps_errors *errors);
/*
 * The digest that the policy's ruleset must have: compiles it beside all others, reads that, and
 * frees it before another can be built, so that it never takes a load's memory. 'params' as for
 * _build(); 'book' gives the counters; the policy is freed in any case. False and an error when it
 * cannot be compiled, or its contexts are strange: then nothing can be compared.
 */
bool pps_ruleset_digest_policy(struct pps_policy *policy, struct pps_rule_book *book,
	const struct pps_ruleset_params *params, const atomic_bool *stop,
	struct pps_ruleset_digest *ret, struct pps_errors *errors);

struct pps_ruleset_size {
	uint32_t entries; /* rte_acl rules in all contexts */
	size_t table_bytes; /* contexts and tables: by how much the EAL heap grew in the build */
	size_t source_bytes; /* source lists, outside of it */
	uint64_t build_ns;
};
void pps_ruleset_size(const struct pps_ruleset *ruleset, struct pps_ruleset_size *ret);

#endif
