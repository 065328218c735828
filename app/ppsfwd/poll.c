/* SPDX-License-Identifier: BSD-3-Clause */
#include "poll.h"

#define RUNGS 3 /* POLL_NAP_MIN_NS << RUNGS is POLL_NAP_MAX_NS */

_Static_assert(POLL_NAP_MIN_NS << RUNGS == POLL_NAP_MAX_NS, "naps end at the longest");

enum poll_rung poll_round(struct poll *poll, uint64_t round_ns, bool worked, bool wanted)
{
	if (poll->worked && poll->round_ns != 0)
		poll->worked_ns += round_ns - poll->round_ns;
	poll->round_ns = round_ns;
	poll->worked = worked;
	if (worked || wanted || poll->busily) {
		poll->empty = 0;
		return POLL_GO_ON;
	}
	if (poll->empty < POLL_NAP_AFTER + RUNGS * POLL_NAPS_PER_RUNG)
		poll->empty++;
	if (poll->empty < POLL_PAUSE_AFTER)
		return POLL_GO_ON;
	if (poll->empty < POLL_NAP_AFTER)
		return POLL_PAUSE;
	poll->nap_ns = POLL_NAP_MIN_NS << (poll->empty - POLL_NAP_AFTER) / POLL_NAPS_PER_RUNG;
	return POLL_NAP;
}
