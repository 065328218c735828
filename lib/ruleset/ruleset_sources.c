/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "ruleset_priv.h"

static struct pps_source_set *make_set(const struct pps_source_list *list, const char *path,
	size_t *bytes, struct pps_errors *errors)
{
	struct pps_source_set *set =
		pps_source_set_build(list->set.items, list->set.n, list->set.any);

	if (set == NULL)
		pps_errors_add(errors, path, "the list cannot be built: %s", strerror(errno));
	else
		*bytes += pps_source_set_bytes(set);
	return set;
}

int pps_ruleset_sources_make(struct pps_ruleset *ruleset, const struct pps_policy *policy,
	const struct pps_ruleset_params *params, struct pps_errors *errors)
{
	struct pps_ruleset_priv *priv = ruleset->priv;
	struct pps_sources *sources = &priv->sources;
	size_t bytes = 0;

	if (policy->block.present)
		sources->block = make_set(&policy->block, "sources.block", &bytes, errors);
	if (policy->allow.present)
		sources->allow = make_set(&policy->allow, "sources.allow", &bytes, errors);
	/* A list that is missing must not be taken for one that was not written. */
	if ((policy->block.present && sources->block == NULL) ||
		(policy->allow.present && sources->allow == NULL))
		return -ENOMEM;
	if (params->memory_limit != 0 && bytes > params->memory_limit) {
		pps_errors_add(errors, "sources", "the lists need %zu bytes, at most %zu", bytes,
			params->memory_limit);
		return -E2BIG;
	}
	priv->size.source_bytes = bytes;
	if (sources->block != NULL || sources->allow != NULL)
		ruleset->sources = sources;
	return 0;
}

void pps_ruleset_sources_fini(struct pps_ruleset_priv *priv)
{
	pps_source_set_destroy(priv->sources.block);
	pps_source_set_destroy(priv->sources.allow);
}
