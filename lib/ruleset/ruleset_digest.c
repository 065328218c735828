/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "ruleset_priv.h"

#define CHUNK (1u << 20) /* bytes between two looks at 'stop' */

/*
 * Values are written one by one, never structures: what the compiler leaves between members is
 * nobody's. A count that cannot be is written and not followed.
 */
struct reading {
	const struct pps_ruleset *ruleset;
	const atomic_bool *stop;
	EVP_MD_CTX *md;
	bool failed; /* of libcrypto */
	bool strange;
};

const char *pps_ruleset_part_word(enum pps_ruleset_part part)
{
	static const char *const words[PPS_PART_COUNT] = {
		[PPS_PART_RULES] = "rules",
		[PPS_PART_LINK] = "link",
		[PPS_PART_TIMEOUTS] = "timeouts",
		[PPS_PART_SOURCES] = "sources",
		[PPS_PART_OVERRIDES] = "overrides",
		[PPS_PART_IN4] = "inbound IPv4",
		[PPS_PART_IN6] = "inbound IPv6",
		[PPS_PART_OUT4] = "outbound IPv4",
		[PPS_PART_OUT6] = "outbound IPv6",
		[PPS_PART_COUNTERS] = "counters",
	};

	return words[part];
}

static bool is_stopped(const struct reading *reading)
{
	return reading->stop != NULL && atomic_load_explicit(reading->stop, memory_order_relaxed);
}

static bool put(const void *bytes, size_t n, void *aux)
{
	struct reading *reading = aux;
	const char *at = bytes;

	for (size_t done = 0; done < n && !reading->failed; done += CHUNK) {
		if (is_stopped(reading))
			return false;
		reading->failed = EVP_DigestUpdate(reading->md, at + done,
					  n - done < CHUNK ? n - done : CHUNK) != 1;
	}
	return !reading->failed;
}

static void put_number(struct reading *reading, uint64_t number)
{
	put(&number, sizeof(number), reading);
}

/* True when as many items may be there. */
static bool put_count(struct reading *reading, size_t n, size_t max)
{
	put_number(reading, n);
	return n <= max;
}

/* ---- the parts ---- */

/* The ruleset and the policy it holds must agree on how many there are. */
static bool put_rule_count(struct reading *reading)
{
	const struct pps_ruleset *ruleset = reading->ruleset;

	put_number(reading, ruleset->n_rules);
	return ruleset->n_rules == ruleset->policy->n_rules;
}

static void put_rules(struct reading *reading)
{
	const struct pps_ruleset *ruleset = reading->ruleset;

	put_number(reading, ruleset->valid_until_ns);
	if (!put_rule_count(reading))
		return;
	for (uint32_t i = 0; i < ruleset->n_rules; i++) {
		const struct pps_ruleset_rule *rule = &ruleset->rules[i];
		const uint64_t numbers[] = {rule->expires_ns, rule->limits.flows,
			rule->limits.flows_per_source, rule->limits.new_flows_per_second,
			rule->kind, rule->log, rule->expired};

		put(numbers, sizeof(numbers), reading);
	}
}

static void put_counters(struct reading *reading)
{
	if (!put_rule_count(reading))
		return;
	for (uint32_t i = 0; i < reading->ruleset->n_rules; i++)
		put_number(reading, reading->ruleset->rules[i].slot);
}

static void put_link(struct reading *reading)
{
	const struct pps_ruleset_link *link = &reading->ruleset->link;

	put_number(reading, link->arp);
	put_number(reading, link->neighbor_discovery);
	put(link->vlans, sizeof(link->vlans), reading);
	if (!put_count(reading, link->n_ethertypes, PPS_ETHERTYPES_MAX))
		return;
	for (uint8_t i = 0; i < link->n_ethertypes; i++) {
		put_number(reading, link->ethertypes[i].ethertype);
		put_number(reading, link->ethertypes[i].direction);
	}
}

static void put_sources(struct reading *reading)
{
	const struct pps_sources *sources = reading->ruleset->sources;
	const struct pps_source_set *sets[2] = {NULL, NULL};

	put_number(reading, sources != NULL);
	if (sources != NULL) {
		sets[0] = sources->block;
		sets[1] = sources->allow;
	}
	for (unsigned int i = 0; i < 2; i++) {
		put_number(reading, sets[i] != NULL);
		if (sets[i] != NULL)
			pps_source_set_read(sets[i], put, reading);
	}
}

static void put_prefixes(struct reading *reading, const struct pps_prefixes *prefixes)
{
	if (!put_count(reading, prefixes->n, PPS_RULESET_ENTRIES_MAX))
		return;
	for (size_t i = 0; i < prefixes->n; i++) {
		const struct pps_prefix *prefix = &prefixes->items[i];

		put_number(reading, prefix->len);
		put_number(reading, prefix->addr.family);
		put(prefix->addr.bytes, sizeof(prefix->addr.bytes), reading);
	}
}

static void put_ranges(struct reading *reading, const struct pps_ranges *ranges)
{
	if (!put_count(reading, ranges->n, PPS_RULESET_ENTRIES_MAX))
		return;
	for (size_t i = 0; i < ranges->n; i++)
		put_number(reading, (uint64_t)ranges->items[i].lo << 16 | ranges->items[i].hi);
}

static void put_shape(struct reading *reading, const struct pps_shape *shape)
{
	put_number(reading, shape->directions);
	for (unsigned int f = 0; f < 2; f++) {
		put_prefixes(reading, &shape->src[f]);
		put_prefixes(reading, &shape->dst[f]);
	}
	put_ranges(reading, &shape->vlans);
	if (!put_count(reading, shape->n_terms, PPS_RULESET_ENTRIES_MAX))
		return;
	for (size_t i = 0; i < shape->n_terms; i++) {
		put_number(reading, shape->terms[i].protocol);
		put_ranges(reading, &shape->terms[i].src_ports);
		put_ranges(reading, &shape->terms[i].dst_ports);
	}
}

static void put_indexes(struct reading *reading, const uint32_t *indexes, uint32_t n)
{
	if (put_count(reading, n, PPS_OVERRIDES_MAX))
		put(indexes, n * sizeof(*indexes), reading);
}

static void put_overrides(struct reading *reading)
{
	const struct pps_overrides *overrides = &reading->ruleset->priv->overrides;

	put_number(reading, overrides->first);
	put_number(reading, overrides->n);
	put_number(reading, overrides->items != NULL);
	if (overrides->items == NULL || !put_rule_count(reading) ||
		overrides->n_rules != reading->ruleset->n_rules ||
		overrides->n > overrides->n_rules)
		return;
	for (uint32_t i = 0; i < overrides->n; i++) {
		put_indexes(reading, overrides->items[i].bans, overrides->items[i].n_bans);
		put_indexes(reading, overrides->items[i].next, overrides->items[i].n_next);
	}
	for (uint32_t i = 0; i < overrides->n_rules; i++) {
		put_number(reading, overrides->shapes[i] != NULL);
		if (overrides->shapes[i] != NULL)
			put_shape(reading, overrides->shapes[i]);
	}
}

static void put_context(struct reading *reading, unsigned int number)
{
	const struct pps_ruleset *ruleset = reading->ruleset;
	const struct rte_acl_ctx *acl = ruleset->priv->contexts[number];
	enum pps_acl_read end = PPS_ACL_READ;

	put_number(reading, acl != NULL);
	if (acl != NULL)
		end = pps_acl_read_back(acl, number, ruleset->priv->built_generation, put, reading);
	if (end == PPS_ACL_STRANGE)
		reading->strange = true;
	put_number(reading, end);
}

static void put_part(struct reading *reading, enum pps_ruleset_part part)
{
	switch (part) {
	case PPS_PART_RULES:
		put_rules(reading);
		break;
	case PPS_PART_LINK:
		put_link(reading);
		break;
	case PPS_PART_TIMEOUTS:
		put(reading->ruleset->timeouts.ticks, sizeof(reading->ruleset->timeouts.ticks),
			reading);
		break;
	case PPS_PART_SOURCES:
		put_sources(reading);
		break;
	case PPS_PART_OVERRIDES:
		put_overrides(reading);
		break;
	case PPS_PART_COUNTERS:
		put_counters(reading);
		break;
	default:
		put_context(reading, part - PPS_PART_IN4);
	}
}

/* ---- all together ---- */

static void begin(struct reading *reading)
{
	reading->failed = reading->failed || EVP_DigestInit(reading->md, EVP_sha256()) != 1;
}

static void end(struct reading *reading, unsigned char ret[32])
{
	reading->failed = reading->failed || EVP_DigestFinal(reading->md, ret, NULL) != 1;
}

bool pps_ruleset_digest(const struct pps_ruleset *ruleset, const atomic_bool *stop,
	struct pps_ruleset_digest *ret, struct pps_errors *errors)
{
	struct reading reading = {.ruleset = ruleset, .stop = stop, .md = EVP_MD_CTX_new()};
	unsigned char whole[32];

	memset(ret, 0, sizeof(*ret));
	reading.failed = reading.md == NULL;
	for (unsigned int i = 0; i < PPS_PART_COUNT && !reading.failed; i++) {
		begin(&reading);
		put_part(&reading, i);
		end(&reading, ret->parts[i]);
	}
	begin(&reading);
	put(ret->parts, PPS_PART_COUNTERS * sizeof(ret->parts[0]), &reading);
	end(&reading, whole);
	for (unsigned int i = 0; i < sizeof(whole) && !reading.failed; i++)
		snprintf(ret->whole + 2 * i, 3, "%02x", whole[i]);
	ret->strange = reading.strange;
	EVP_MD_CTX_free(reading.md);
	if (reading.failed)
		pps_errors_add(errors, "", "libcrypto cannot make SHA-256 digests");
	else if (is_stopped(&reading))
		pps_errors_add(errors, "", "stopped before the tables were read");
	return !reading.failed && !is_stopped(&reading);
}
