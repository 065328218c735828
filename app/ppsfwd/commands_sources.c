/* SPDX-License-Identifier: BSD-3-Clause */

/* show_sources: the lists in force, what they are made of, and whom they stopped. */

#include <stdlib.h>
#include <string.h>

#include <pps_addr.h>

#include "commands_priv.h"

#define TOP_SOURCES 10

json_t *files_json(const struct pps_policy *policy)
{
	json_t *list = json_array();

	for (size_t i = 0; i < policy->n_files; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:I}", "name", policy->files[i].name, "digest",
				policy->files[i].digest, "prefixes",
				(json_int_t)policy->files[i].n_prefixes));
	return list;
}

/* ---- whom they stopped lately ---- */

struct source_count {
	const char *source; /* borrowed from the events */
	uint64_t n;
};

static int by_source(const void *a, const void *b)
{
	const struct source_count *x = a, *y = b;

	return strcmp(x->source, y->source);
}

static int most_first(const void *a, const void *b)
{
	const struct source_count *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return strcmp(x->source, y->source);
}

/* The sources of most packets among the events that are remembered. */
static json_t *top_sources(const struct manager *manager, enum pps_reason reason)
{
	json_t *filter =
		json_pack("{s:s, s:s}", "event", "deny", "reason", pps_reason_word(reason));
	json_t *events = pps_event_log_tail(manager->log, filter, 0, PPS_EVENT_TAIL), *event;
	struct source_count *counts = pps_alloc((json_array_size(events) + 1) * sizeof(*counts));
	json_t *list = json_array();
	size_t i, n = 0, kept = 0;

	json_array_foreach(events, i, event)
	{
		const char *source = json_string_value(json_object_get(event, "source"));

		if (source == NULL)
			continue;
		counts[n].source = source;
		counts[n++].n = (uint64_t)json_integer_value(json_object_get(event, "count"));
	}
	qsort(counts, n, sizeof(*counts), by_source);
	for (i = 1; i < n; i++) {
		if (strcmp(counts[kept].source, counts[i].source) == 0)
			counts[kept].n += counts[i].n;
		else
			counts[++kept] = counts[i];
	}
	n = n > 0 ? kept + 1 : 0;
	qsort(counts, n, sizeof(*counts), most_first);
	for (i = 0; i < n && i < TOP_SOURCES; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:I}", "source", counts[i].source, "count",
				(json_int_t)counts[i].n));
	free(counts);
	json_decref(events);
	json_decref(filter);
	return list;
}

/* ---- the lists ---- */

static json_t *list_json(const struct manager *manager, const struct pps_source_list *list,
	enum pps_reason reason, const struct datapath_totals *totals)
{
	json_int_t n4 = list->set.any ? 1 : 0, n6 = n4;
	json_t *files = json_array();

	if (!list->present) {
		json_decref(files);
		return json_null();
	}
	for (size_t i = 0; i < list->set.n; i++) {
		if (list->set.items[i].addr.family == 4)
			n4++;
		else
			n6++;
	}
	for (size_t i = 0; i < list->n_files; i++)
		json_array_append_new(files, json_string(list->files[i]));
	return json_pack("{s:I, s:I, s:o, s:s, s:I, s:o}", "ipv4", n4, "ipv6", n6, "files", files,
		"reason", pps_reason_word(reason), "dropped", (json_int_t)totals->drops[reason],
		"top", top_sources(manager, reason));
}

void command_show_sources(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct manager *manager = aux;
	const struct pps_ruleset *ruleset = manager->reload.current;
	struct datapath_totals totals;
	struct pps_ruleset_size size;

	(void)params;
	if (ruleset == NULL) {
		pps_ctl_reply(call,
			json_pack("{s:n, s:n, s:[], s:i}", "block", "allow", "files", "bytes", 0));
		return;
	}
	manager_drain(manager);
	datapath_totals(manager->datapath, &totals);
	pps_ruleset_size(ruleset, &size);
	pps_ctl_reply(call,
		json_pack("{s:o, s:o, s:o, s:I}", "block",
			list_json(manager, &ruleset->policy->block, PPS_REASON_SOURCE_BLOCKED,
				&totals),
			"allow",
			list_json(manager, &ruleset->policy->allow, PPS_REASON_SOURCE_NOT_ALLOWED,
				&totals),
			"files", files_json(ruleset->policy), "bytes",
			(json_int_t)size.source_bytes));
}

/* ---- step 4 for explain ---- */

/* "192.0.2.0/24" where a list holds the address, else NULL. */
static const char *find_text(const struct pps_source_list *list, const struct pps_addr *addr,
	char text[PPS_ADDR_TEXT_MAX])
{
	const struct pps_prefix *prefix = pps_prefix_set_find(&list->set, addr);

	if (list->present && list->set.any)
		return "every address";
	return prefix != NULL ? pps_prefix_format(prefix, text) : NULL;
}

char *sources_text(
	const struct pps_policy *policy, const struct pps_packet *packet, enum pps_reason reason)
{
	struct pps_addr source = pps_addr_make(packet->family == 4 ? 4 : 6, packet->src);
	char addr[PPS_ADDR_TEXT_MAX], prefix[PPS_ADDR_TEXT_MAX];
	const char *blocked, *allowed;

	if (packet->family == 0 || packet->kind == PPS_PACKET_ND ||
		(!policy->block.present && !policy->allow.present))
		return NULL;
	pps_addr_format(&source, addr);
	blocked = find_text(&policy->block, &source, prefix);
	if (blocked != NULL)
		return pps_asprintf("%s: sources.block holds it (%s)", addr, blocked);
	if (reason == PPS_REASON_SOURCE_BLOCKED)
		return pps_asprintf(
			"%s belongs to a flow, and sources.block holds its other host", addr);
	if (!policy->allow.present)
		return pps_asprintf("%s is not in sources.block", addr);
	allowed = find_text(&policy->allow, &source, prefix);
	if (allowed != NULL)
		return pps_asprintf("%s: sources.allow holds it (%s)", addr, allowed);
	if (reason == PPS_REASON_SOURCE_NOT_ALLOWED)
		return pps_asprintf("%s: sources.allow does not hold it", addr);
	return pps_asprintf(
		"%s is not in sources.allow, which is not asked about live flows", addr);
}
