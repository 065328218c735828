/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_stats.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2UL * 1024 * 1024)

/* Blocks of two workers never share a line: each begins on one and fills its last. */
static_assert(sizeof(struct pps_worker_stats) % PPS_CACHE_LINE == 0, "a line of its own");
/* A rule's counters are touched together: two rules a line, none across two. */
static_assert(PPS_CACHE_LINE % sizeof(struct pps_rule_stats) == 0, "never across two lines");

struct reason_name {
	const char *word, *text;
	enum pps_step step;
};

static const struct reason_name reasons[PPS_REASON_COUNT] = {
#define PPS_REASON_ROW(name, word, step, text) [PPS_REASON_##name] = {word, text, step},
	PPS_REASONS(PPS_REASON_ROW)
#undef PPS_REASON_ROW
};

static const struct reason_name *find_reason(enum pps_reason reason)
{
	static const struct reason_name unknown = {"unknown", "no such reason", PPS_STEP_ACCOUNT};

	return (unsigned int)reason < PPS_REASON_COUNT ? &reasons[reason] : &unknown;
}

const char *pps_reason_word(enum pps_reason reason)
{
	return find_reason(reason)->word;
}

const char *pps_reason_text(enum pps_reason reason)
{
	return find_reason(reason)->text;
}

enum pps_step pps_reason_step(enum pps_reason reason)
{
	return find_reason(reason)->step;
}

enum pps_reason pps_reason_find(const char *word)
{
	unsigned int i;

	for (i = 0; i < PPS_REASON_COUNT; i++) {
		if (strcmp(reasons[i].word, word) == 0)
			break;
	}
	return (enum pps_reason)i;
}

const char *pps_step_word(enum pps_step step)
{
	static const char *const words[] = {
		[PPS_STEP_LINK] = "link",
		[PPS_STEP_HEADERS] = "headers",
		[PPS_STEP_FRAGMENTS] = "fragments",
		[PPS_STEP_SOURCES] = "sources",
		[PPS_STEP_FLOW] = "flow",
		[PPS_STEP_ICMP] = "icmp",
		[PPS_STEP_START] = "start",
		[PPS_STEP_CLASSIFY] = "classify",
		[PPS_STEP_TUNNEL] = "tunnel",
		[PPS_STEP_ACCOUNT] = "account",
	};

	if (step < PPS_STEP_LINK || step > PPS_STEP_ACCOUNT)
		return "unknown";
	return words[step];
}

struct pps_worker_stats *pps_worker_stats_create(void)
{
	const size_t rules_size = PPS_RULE_SLOTS * sizeof(struct pps_rule_stats);
	struct pps_worker_stats *stats;
	void *rules;
	int ret;

	stats = aligned_alloc(PPS_CACHE_LINE, sizeof(*stats));
	if (stats == NULL)
		return NULL;
	ret = posix_memalign(&rules, HUGE_PAGE, rules_size);
	if (ret != 0)
		goto err_free_stats;
	/* One page where the system has huge ones: the counters of all rules cost one TLB entry.
	 * Clearing touches every page now rather than in the worker. */
	madvise(rules, rules_size, MADV_HUGEPAGE);
	memset(rules, 0, rules_size);
	memset(stats, 0, sizeof(*stats));
	stats->rules = rules;
	return stats;

err_free_stats:
	free(stats);
	errno = ret;
	return NULL;
}

void pps_worker_stats_destroy(struct pps_worker_stats *stats)
{
	if (stats == NULL)
		return;
	free(stats->rules);
	free(stats);
}
