/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Silent flows: ending those that are idle too long, and judging those again that no packet has
 * reached since the ruleset changed. A pass goes round the whole table in slices that the worker
 * paces; a new ruleset starts a new pass, so that the end of a pass says that no flow of an older
 * ruleset is left.
 */

#include <rte_common.h>

#include "filter_priv.h"

enum pps_flow_end flow_end_when_idle(const struct pps_flow *flow)
{
	switch (flow->state) {
	case PPS_FLOW_TCP_CLOSING:
	case PPS_FLOW_TCP_CLOSED:
	case PPS_FLOW_SCTP_CLOSING:
	case PPS_FLOW_DCCP_CLOSING:
		return PPS_FLOW_END_CLOSED;
	default:
		return PPS_FLOW_END_TIMEOUT;
	}
}

/* Asks the ruleset about flows; 'n' is at most PPS_BURST_MAX. */
static void classify_flows(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const uint32_t *handles, unsigned int n)
{
	struct classification *classes = filter->burst.classes;
	uint8_t asked[PPS_BURST_MAX];

	for (unsigned int i = 0; i < n; i++) {
		const struct pps_flow *flow = pps_flow_at(filter->flows, handles[i]);
		struct pps_flow_key key;

		pps_flow_key_at(filter->flows, handles[i], &key);
		classification_make(&classes[i], &key, flow->initiator, flow->scale);
		asked[i] = (uint8_t)i;
	}
	classify_batch(ruleset, classes, asked, n);
}

/* Judges the stale flows among 'handles' again; 'n' is at most PPS_BURST_MAX. */
static void rejudge_slice(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, const uint32_t *handles, unsigned int n)
{
	const struct classification *classes = filter->burst.classes;

	classify_flows(filter, ruleset, handles, n);
	for (unsigned int i = 0; i < n; i++) {
		struct pps_flow_key key;

		pps_flow_key_at(filter->flows, handles[i], &key);
		if (flow_rejudge(filter, ruleset, &key, handles[i], classes[i].rule,
			    now->wall_ns) != PPS_REASON_NONE)
			pps_filter_end_flow(filter, now, handles[i], PPS_FLOW_END_REVOKED);
	}
}

void pps_filter_try(struct pps_filter *filter, const struct pps_ruleset *ruleset, uint64_t wall_ns,
	const uint32_t *handles, unsigned int n, enum pps_reason *ret_reasons, uint32_t *ret_rules)
{
	classify_flows(filter, ruleset, handles, n);
	for (unsigned int i = 0; i < n; i++) {
		struct pps_flow_key key;

		pps_flow_key_at(filter->flows, handles[i], &key);
		ret_rules[i] = filter->burst.classes[i].rule;
		ret_reasons[i] = flow_judge(ruleset, &key,
			pps_flow_at(filter->flows, handles[i])->initiator, ret_rules[i], wall_ns);
	}
}

static void age_slice(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, const uint32_t *handles, unsigned int n)
{
	bool lapsed = now->wall_ns >= ruleset->valid_until_ns;
	uint32_t stale[PPS_BURST_MAX];
	unsigned int n_stale = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct pps_flow *flow = pps_flow_at(filter->flows, handles[i]);

		if (pps_flow_expired(flow, &ruleset->timeouts, now->tick))
			pps_filter_end_flow(filter, now, handles[i], flow_end_when_idle(flow));
		else if (flow_is_stale(flow, ruleset, lapsed))
			stale[n_stale++] = handles[i];
	}
	if (n_stale > 0)
		rejudge_slice(filter, ruleset, now, stale, n_stale);
}

bool pps_filter_age(struct pps_filter *filter, const struct pps_ruleset *ruleset,
	const struct pps_clock *now, unsigned int n_entries)
{
	uint32_t handles[PPS_BURST_MAX];
	bool waited_for;

	loose_tick(filter, now->tick);
	if (ruleset == NULL)
		return false;
	waited_for = filter->swept_generation != ruleset->generation;
	pps_flow_tick(filter->flows, now->tick);
	fragments_expire(filter, ruleset, now, PPS_BURST_MAX);
	if (filter->sweep_generation != ruleset->generation) {
		filter->sweep_generation = ruleset->generation;
		filter->sweep_cursor = 0;
	}
	while (n_entries > 0 && pps_event_source_room(filter->events) >= 2 * PPS_BURST_MAX) {
		unsigned int slice = waited_for ? PPS_BURST_MAX : RTE_MIN(n_entries, PPS_BURST_MAX);
		unsigned int n =
			pps_flow_walk(filter->flows, &filter->sweep_cursor, slice, handles);

		age_slice(filter, ruleset, now, handles, n);
		if (filter->sweep_cursor == 0) {
			/* What the pass counted is to be seen with it. */
			__atomic_store_n(
				&filter->swept_generation, ruleset->generation, __ATOMIC_RELEASE);
			fragments_expire(filter, ruleset, now, UINT32_MAX);
			return true;
		}
		n_entries -= RTE_MIN(n_entries, waited_for ? n + 1 : slice);
	}
	return false;
}

uint32_t pps_filter_swept_generation(const struct pps_filter *filter)
{
	return __atomic_load_n(&filter->swept_generation, __ATOMIC_ACQUIRE);
}
