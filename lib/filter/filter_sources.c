/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Step 4: the policy's lists of sources (pps_sources.h).
 *
 * The block list is asked about the source of every IP packet, from whichever side it comes: a host
 * on it is not heard, in replies and ICMP errors neither. The allow list says who may start a flow:
 * it is asked about packets that belong to no live flow, so that replies are implied here as
 * everywhere in a policy. Block comes first.
 *
 * A flow that is judged again must pass too: its initiator by both lists, and neither host may be
 * blocked: a conversation of which one half is not heard is none.
 *
 * Both lists are asked for the whole burst at once. ARP and neighbour discovery are the link
 * section's and have no source here.
 */

#include <string.h>

#include "filter_priv.h"

/* Which of the keyed frames in 'wanted' come from a source in the set; bits by k. */
static uint64_t find(const struct burst *burst, const struct pps_source_set *set, uint64_t wanted)
{
	const uint8_t *addrs4[PPS_BURST_MAX], *addrs6[PPS_BURST_MAX];
	uint8_t ks4[PPS_BURST_MAX], ks6[PPS_BURST_MAX];
	unsigned int n4 = 0, n6 = 0;
	uint64_t found, ret = 0;

	for (unsigned int k = 0; k < burst->n_keyed; k++) {
		const struct pps_packet *packet = &burst->packets[burst->keyed[k]];

		if ((wanted >> k & 1) == 0)
			continue;
		if (packet->family == 4) {
			addrs4[n4] = packet->src;
			ks4[n4++] = (uint8_t)k;
		} else {
			addrs6[n6] = packet->src;
			ks6[n6++] = (uint8_t)k;
		}
	}
	for (found = n4 > 0 ? pps_source_set_find4(set, addrs4, n4) : 0; found != 0;
		found &= found - 1)
		ret |= UINT64_C(1) << ks4[__builtin_ctzll(found)];
	for (found = n6 > 0 ? pps_source_set_find6(set, addrs6, n6) : 0; found != 0;
		found &= found - 1)
		ret |= UINT64_C(1) << ks6[__builtin_ctzll(found)];
	return ret;
}

_Static_assert(PPS_BURST_MAX <= 64 && PPS_BURST_MAX <= PPS_SOURCE_BURST_MAX, "a bit each");

void sources_block(struct burst *burst, struct pps_verdict *verdicts)
{
	const struct pps_sources *sources = burst->ruleset->sources;
	unsigned int kept = 0;
	uint64_t blocked;

	if (sources == NULL || sources->block == NULL || burst->n_keyed == 0)
		return;
	blocked = find(burst, sources->block, UINT64_MAX);
	if (blocked == 0)
		return;
	for (unsigned int k = 0; k < burst->n_keyed; k++) {
		if (blocked >> k & 1) {
			verdicts[burst->keyed[k]].reason = PPS_REASON_SOURCE_BLOCKED;
			continue;
		}
		if (kept != k) {
			burst->keyed[kept] = burst->keyed[k];
			burst->keys[kept] = burst->keys[k];
		}
		kept++;
	}
	burst->n_keyed = kept;
}

bool source_is_blocked(const struct burst *burst, const struct pps_packet *packet)
{
	const struct pps_sources *sources = burst->ruleset->sources;

	return sources != NULL && sources->block != NULL &&
		pps_source_set_holds(sources->block, packet->family, packet->src);
}

void sources_ask_allow(struct burst *burst)
{
	const struct pps_sources *sources = burst->ruleset->sources;

	burst->allow_asked = 0;
	if (sources == NULL || sources->allow == NULL)
		return;
	burst->allow_asked = burst->flowless;
	if (burst->allow_asked != 0)
		burst->allowed = find(burst, sources->allow, burst->allow_asked);
}

bool source_is_allowed(const struct burst *burst, unsigned int k)
{
	const struct pps_sources *sources = burst->ruleset->sources;
	const struct pps_packet *packet = &burst->packets[burst->keyed[k]];

	if (sources == NULL || sources->allow == NULL)
		return true;
	if (burst->allow_asked >> k & 1)
		return burst->allowed >> k & 1;
	/* Its flow was live when the burst began. */
	return pps_source_set_holds(sources->allow, packet->family, packet->src);
}

enum pps_reason sources_judge_flow(
	const struct pps_sources *sources, const struct pps_flow_key *key, enum pps_side initiator)
{
	uint8_t family = key->is_wide ? key->wide.family : 4;
	const uint8_t *inside = key->is_wide ? key->wide.inside : (const uint8_t *)&key->v4.inside;
	const uint8_t *outside =
		key->is_wide ? key->wide.outside : (const uint8_t *)&key->v4.outside;

	if (sources == NULL)
		return PPS_REASON_NONE;
	if (sources->block != NULL &&
		(pps_source_set_holds(sources->block, family, inside) ||
			pps_source_set_holds(sources->block, family, outside)))
		return PPS_REASON_SOURCE_BLOCKED;
	if (sources->allow != NULL &&
		!pps_source_set_holds(
			sources->allow, family, initiator == PPS_SIDE_INSIDE ? inside : outside))
		return PPS_REASON_SOURCE_NOT_ALLOWED;
	return PPS_REASON_NONE;
}
