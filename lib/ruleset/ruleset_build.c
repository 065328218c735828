/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset_priv.h"

/* The kinds of rules stand in the policy in this order; indexes depend on it. */
static bool check_order(const struct pps_policy *policy)
{
	size_t exceptions_end = policy->n_bans + policy->n_exceptions;

	for (size_t i = 0; i < policy->n_rules; i++) {
		enum pps_rule_kind kind = i < policy->n_bans ? PPS_RULE_BAN
			: i < exceptions_end                 ? PPS_RULE_EXCEPTION
							     : PPS_RULE_APPROVED;

		if (policy->rules[i].kind != kind)
			return false;
	}
	return exceptions_end + policy->n_approved == policy->n_rules;
}

static bool check_overrides(
	const struct pps_policy *policy, const struct pps_rule *rule, struct pps_errors *errors)
{
	for (size_t i = 0; i < rule->n_overrides; i++) {
		if (rule->kind == PPS_RULE_EXCEPTION && rule->overrides[i] < policy->n_bans)
			continue;
		pps_errors_add(errors, rule->path, "the rule overrides what is not a ban");
		return false;
	}
	return true;
}

static int check_policy(const struct pps_policy *policy, const struct pps_ruleset_params *params,
	struct pps_errors *errors)
{
	bool ok = true;

	if (params->generation == 0 || policy->n_rules > PPS_POLICY_RULES_MAX ||
		policy->link.n_ethertypes > PPS_ETHERTYPES_MAX || !check_order(policy)) {
		pps_errors_add(errors, NULL, "the policy is not in the form that can be compiled");
		return -EINVAL;
	}
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (!pps_shape_check(&policy->rules[i], errors) ||
			!check_overrides(policy, &policy->rules[i], errors))
			ok = false;
	}
	return ok ? 0 : -EINVAL;
}

static int compare_ethertypes(const void *a, const void *b)
{
	const struct pps_ethertype *x = a, *y = b;

	return (int)x->ethertype - (int)y->ethertype;
}

static void make_link(const struct pps_link *from, struct pps_ruleset_link *link)
{
	const struct pps_range every = {1, 4094};
	const struct pps_range *items = from->vlans.any ? &every : from->vlans.items;
	size_t n = from->vlans.any ? 1 : from->vlans.none ? 0 : from->vlans.n;

	link->arp = from->arp;
	link->neighbor_discovery = from->neighbor_discovery;
	link->n_ethertypes = (uint8_t)from->n_ethertypes;
	memcpy(link->ethertypes, from->ethertypes, from->n_ethertypes * sizeof(*from->ethertypes));
	qsort(link->ethertypes, link->n_ethertypes, sizeof(*link->ethertypes), compare_ethertypes);
	link->vlans[0] = 1;
	for (size_t i = 0; i < n; i++) {
		for (uint32_t id = items[i].lo; id <= items[i].hi && id < 4096; id++)
			link->vlans[id / 64] |= UINT64_C(1) << id % 64;
	}
}

/* Everything of the rules but their slots. */
static void make_rules(struct pps_ruleset *ruleset, const struct pps_policy *policy,
	const struct pps_ruleset_params *params)
{
	uint64_t now = params->now_ns;

	ruleset->valid_until_ns = UINT64_MAX;
	ruleset->as_of_ns = now;
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct pps_rule *from = &policy->rules[i];
		struct pps_ruleset_rule *rule = &ruleset->priv->rules[i];

		rule->kind = (uint8_t)from->kind;
		rule->log = (uint8_t)from->log;
		rule->limits = from->limits;
		rule->expires_ns = UINT64_MAX;
		if (from->kind != PPS_RULE_EXCEPTION || from->expires_ns == 0)
			continue;
		rule->expires_ns = from->expires_ns;
		rule->expired = from->expires_ns <= now;
		if (!rule->expired && rule->expires_ns < ruleset->valid_until_ns)
			ruleset->valid_until_ns = rule->expires_ns;
	}
}

static int hold_slots(struct pps_ruleset *ruleset, const struct pps_policy *policy,
	struct pps_rule_book *book, struct pps_errors *errors)
{
	for (size_t i = 0; i < policy->n_rules && book != NULL; i++) {
		uint32_t slot = pps_rule_book_hold(book, policy->rules[i].id);

		if (slot == 0) {
			pps_errors_add(errors, policy->rules[i].path,
				"no counter is left for rule \"%s\": all %d are held by rulesets "
				"in use",
				policy->rules[i].id, PPS_RULE_SLOTS - 1);
			return -ENOSPC;
		}
		ruleset->priv->rules[i].slot = slot;
	}
	return 0;
}

/* The classes of "Order" in pps_ruleset.h, highest first. */
enum rank { RANK_OVERRIDING, RANK_BAN, RANK_EXCEPTION, RANK_APPROVED, RANK_EXPIRED, RANK_COUNT };

static enum rank rank_rule(const struct pps_rule *rule, const struct pps_ruleset_rule *hot)
{
	if (rule->kind == PPS_RULE_BAN)
		return RANK_BAN;
	if (rule->kind == PPS_RULE_APPROVED)
		return RANK_APPROVED;
	if (hot->expired)
		return RANK_EXPIRED;
	return rule->n_overrides > 0 ? RANK_OVERRIDING : RANK_EXCEPTION;
}

/* All entries of a rule share its priority; no two rules share one: rte_acl then picks at will. */
static int add_entries(struct pps_ruleset *ruleset, const struct pps_policy *policy)
{
	struct pps_ruleset_priv *priv = ruleset->priv;
	int32_t priority = (int32_t)policy->n_rules;
	int rc = 0;

	for (enum rank rank = 0; rank < RANK_COUNT; rank++) {
		for (uint32_t i = 0; i < policy->n_rules && rc == 0; i++) {
			uint32_t userdata = i + 1;
			struct pps_shape shape;

			if (rank_rule(&policy->rules[i], &priv->rules[i]) != rank)
				continue;
			if (pps_overrides_resolve(&priv->overrides, i))
				userdata |= PPS_USERDATA_RESOLVE;
			pps_shape_make(&policy->rules[i], &shape);
			rc = pps_acl_add(priv, &shape, userdata, priority--);
			pps_shape_fini(&shape);
		}
	}
	return rc;
}

static int compile(struct pps_ruleset *ruleset, const struct pps_policy *policy,
	const struct pps_ruleset_params *params, struct pps_errors *errors)
{
	struct pps_ruleset_priv *priv = ruleset->priv;
	uint64_t entries[PPS_CONTEXTS] = {0};
	size_t before, after, left;
	int rc;

	pps_acl_heap(&before, &left);
	rc = pps_overrides_make(policy, ruleset->as_of_ns, &priv->overrides, errors);
	if (rc == 0)
		rc = pps_shape_count(policy, entries, errors);
	if (rc == 0)
		rc = pps_acl_create(priv, entries, params, errors);
	if (rc < 0)
		return rc;
	rc = add_entries(ruleset, policy);
	if (rc < 0) {
		pps_errors_add(errors, NULL, "rte_acl refused an entry: %s", strerror(-rc));
		return rc;
	}
	rc = pps_acl_build(priv, params, errors);
	pps_acl_heap(&after, &left);
	for (unsigned int c = 0; c < PPS_CONTEXTS; c++)
		priv->size.entries += (uint32_t)entries[c];
	priv->size.table_bytes = after > before ? after - before : 0;
	return rc;
}

/* The limit on memory and what the heap grew by are the whole process's. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* With the mutex held. */
static struct pps_ruleset *build(struct pps_policy *policy, struct pps_rule_book *book,
	const struct pps_ruleset_params *params, struct pps_errors *errors)
{
	uint64_t started = pps_time_mono_ns();
	struct pps_ruleset *ruleset;
	int rc;

	if (check_policy(policy, params, errors) < 0)
		return NULL;
	ruleset = pps_alloc(sizeof(*ruleset));
	ruleset->priv = pps_alloc(sizeof(*ruleset->priv));
	ruleset->priv->rules = pps_alloc((policy->n_rules + 1) * sizeof(*ruleset->rules));
	ruleset->rules = ruleset->priv->rules;
	ruleset->n_rules = (uint32_t)policy->n_rules;
	ruleset->generation = params->generation;
	ruleset->priv->built_generation = params->generation;
	make_rules(ruleset, policy, params);
	make_link(&policy->link, &ruleset->link);
	pps_flow_timeouts_make(policy->timeouts_sec, &ruleset->timeouts);
	rc = pps_ruleset_sources_make(ruleset, policy, params, errors);
	if (rc == 0)
		rc = hold_slots(ruleset, policy, book, errors);
	if (rc == 0)
		rc = compile(ruleset, policy, params, errors);
	if (rc < 0) {
		pps_ruleset_destroy(ruleset, book);
		return NULL;
	}
	ruleset->priv->policy = policy;
	ruleset->policy = policy;
	ruleset->priv->size.build_ns = pps_time_mono_ns() - started;
	return ruleset;
}

struct pps_ruleset *pps_ruleset_build(struct pps_policy *policy, struct pps_rule_book *book,
	const struct pps_ruleset_params *params, struct pps_errors *errors)
{
	struct pps_ruleset *ruleset;

	pthread_mutex_lock(&one_at_a_time);
	ruleset = build(policy, book, params, errors);
	pthread_mutex_unlock(&one_at_a_time);
	return ruleset;
}

bool pps_ruleset_digest_policy(struct pps_policy *policy, struct pps_rule_book *book,
	const struct pps_ruleset_params *params, const atomic_bool *stop,
	struct pps_ruleset_digest *ret, struct pps_errors *errors)
{
	struct pps_ruleset *ruleset;
	bool done = false;

	pthread_mutex_lock(&one_at_a_time);
	ruleset = build(policy, book, params, errors);
	if (ruleset != NULL)
		done = pps_ruleset_digest(ruleset, stop, ret, errors);
	else
		pps_policy_destroy(policy);
	if (done && ret->strange) {
		pps_errors_add(errors, "",
			"this DPDK lays out rte_acl's tables otherwise than 22.11: they cannot be "
			"read back");
		done = false;
	}
	pps_ruleset_destroy(ruleset, book);
	pthread_mutex_unlock(&one_at_a_time);
	return done;
}

void pps_ruleset_destroy(struct pps_ruleset *ruleset, struct pps_rule_book *book)
{
	struct pps_ruleset_priv *priv;

	if (ruleset == NULL)
		return;
	priv = ruleset->priv;
	for (uint32_t i = 0; i < ruleset->n_rules && book != NULL; i++) {
		if (priv->rules[i].slot != 0)
			pps_rule_book_release(book, priv->rules[i].slot);
	}
	pps_acl_free(priv);
	pps_overrides_fini(&priv->overrides);
	pps_ruleset_sources_fini(priv);
	if (priv->policy != NULL)
		pps_policy_destroy(priv->policy);
	free(priv->rules);
	free(priv);
	free(ruleset);
}

void pps_ruleset_size(const struct pps_ruleset *ruleset, struct pps_ruleset_size *ret)
{
	*ret = ruleset->priv->size;
}
