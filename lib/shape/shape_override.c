/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <pps_shape.h>

/*
 * An exception in force that overrides bans stands above all bans, so rte_acl finds it even where
 * a ban that it does not name covers the packet too. Those bans are attached here. Later
 * overriding exceptions matter only where an attached ban hit, and only if they lift one of them.
 */

static bool is_overriding(const struct pps_rule *rule, uint64_t now_ns)
{
	return rule->kind == PPS_RULE_EXCEPTION && rule->n_overrides > 0 &&
		(rule->expires_ns == 0 || rule->expires_ns > now_ns);
}

static int add_pair(struct pps_overrides *overrides, const struct pps_rule *rule, uint32_t **list,
	uint32_t *n, uint32_t value, struct pps_errors *errors)
{
	if (overrides->n_pairs == PPS_OVERRIDES_MAX) {
		pps_errors_add(errors, rule->path,
			"exceptions with \"overrides\" and the other bans and exceptions that "
			"cover part of their traffic make more than %d pairs: narrow the "
			"exceptions, or name the bans they are to lift",
			PPS_OVERRIDES_MAX);
		return -E2BIG;
	}
	*list = pps_realloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = value;
	overrides->n_pairs++;
	return 0;
}

/* Marks in 'lifted' (one byte a ban) what 'rule' overrides; 'value' 0 clears it again. */
static void mark_lifted(const struct pps_rule *rule, uint8_t *lifted, uint8_t value)
{
	for (size_t i = 0; i < rule->n_overrides; i++)
		lifted[rule->overrides[i]] = value;
}

static int attach_bans(const struct pps_policy *policy, struct pps_overrides *overrides,
	uint32_t exception, uint8_t *lifted, struct pps_errors *errors)
{
	struct pps_override *item = &overrides->items[exception - overrides->first];
	const struct pps_rule *rule = &policy->rules[exception];
	int rc = 0;

	mark_lifted(rule, lifted, 1);
	for (uint32_t ban = 0; ban < policy->n_bans && rc == 0; ban++) {
		if (!lifted[ban] &&
			pps_shape_overlaps(overrides->shapes[exception], overrides->shapes[ban]))
			rc = add_pair(overrides, rule, &item->bans, &item->n_bans, ban, errors);
	}
	mark_lifted(rule, lifted, 0);
	return rc;
}

static bool lifts_any(const uint8_t *attached, const struct pps_rule *rule)
{
	for (size_t i = 0; i < rule->n_overrides; i++) {
		if (attached[rule->overrides[i]])
			return true;
	}
	return false;
}

static int attach_next(const struct pps_policy *policy, uint64_t now_ns,
	struct pps_overrides *overrides, uint32_t exception, uint8_t *attached,
	struct pps_errors *errors)
{
	struct pps_override *item = &overrides->items[exception - overrides->first];
	uint32_t end = overrides->first + overrides->n;
	int rc = 0;

	for (uint32_t i = 0; i < item->n_bans; i++)
		attached[item->bans[i]] = 1;
	for (uint32_t next = exception + 1; next < end && item->n_bans > 0 && rc == 0; next++) {
		const struct pps_rule *rule = &policy->rules[next];

		if (is_overriding(rule, now_ns) && lifts_any(attached, rule) &&
			pps_shape_overlaps(overrides->shapes[exception], overrides->shapes[next]))
			rc = add_pair(overrides, rule, &item->next, &item->n_next, next, errors);
	}
	for (uint32_t i = 0; i < item->n_bans; i++)
		attached[item->bans[i]] = 0;
	return rc;
}

static void make_shapes(
	const struct pps_policy *policy, uint64_t now_ns, struct pps_overrides *overrides)
{
	overrides->shapes = pps_alloc(policy->n_rules * sizeof(*overrides->shapes));
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].kind != PPS_RULE_BAN &&
			!is_overriding(&policy->rules[i], now_ns))
			continue;
		overrides->shapes[i] = pps_alloc(sizeof(**overrides->shapes));
		pps_shape_make(&policy->rules[i], overrides->shapes[i]);
	}
}

/* Frees the shapes that no exception with attached bans refers to. */
static void drop_shapes(struct pps_overrides *overrides)
{
	uint8_t *used = pps_alloc(overrides->n_rules);

	for (uint32_t i = 0; i < overrides->n; i++) {
		const struct pps_override *item = &overrides->items[i];

		for (uint32_t k = 0; k < item->n_bans; k++)
			used[item->bans[k]] = 1;
		for (uint32_t k = 0; k < item->n_next; k++)
			used[item->next[k]] = 1;
	}
	for (uint32_t i = 0; i < overrides->n_rules; i++) {
		if (used[i] || overrides->shapes[i] == NULL)
			continue;
		pps_shape_fini(overrides->shapes[i]);
		free(overrides->shapes[i]);
		overrides->shapes[i] = NULL;
	}
	free(used);
}

int pps_overrides_make(const struct pps_policy *policy, uint64_t now_ns, struct pps_overrides *ret,
	struct pps_errors *errors)
{
	uint32_t end = (uint32_t)(policy->n_bans + policy->n_exceptions);
	uint32_t n_overriding = 0;
	uint8_t *marks;
	int rc = 0;

	for (size_t i = policy->n_bans; i < end; i++)
		n_overriding += is_overriding(&policy->rules[i], now_ns);
	if (n_overriding == 0)
		return 0;
	ret->first = (uint32_t)policy->n_bans;
	ret->n = (uint32_t)policy->n_exceptions;
	ret->n_rules = (uint32_t)policy->n_rules;
	ret->items = pps_alloc(ret->n * sizeof(*ret->items));
	make_shapes(policy, now_ns, ret);
	marks = pps_alloc(policy->n_bans + 1);
	for (uint32_t i = ret->first; i < end && rc == 0; i++) {
		if (is_overriding(&policy->rules[i], now_ns))
			rc = attach_bans(policy, ret, i, marks, errors);
	}
	for (uint32_t i = ret->first; i < end && rc == 0; i++) {
		if (is_overriding(&policy->rules[i], now_ns))
			rc = attach_next(policy, now_ns, ret, i, marks, errors);
	}
	free(marks);
	if (rc == 0)
		drop_shapes(ret);
	return rc;
}

void pps_overrides_fini(struct pps_overrides *overrides)
{
	for (uint32_t i = 0; overrides->items != NULL && i < overrides->n; i++) {
		free(overrides->items[i].bans);
		free(overrides->items[i].next);
	}
	for (uint32_t i = 0; overrides->shapes != NULL && i < overrides->n_rules; i++) {
		if (overrides->shapes[i] == NULL)
			continue;
		pps_shape_fini(overrides->shapes[i]);
		free(overrides->shapes[i]);
	}
	free(overrides->items);
	free(overrides->shapes);
}
