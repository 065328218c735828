/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A packet's way in observer mode: judge, free. This file sends nothing, and in this mode
 * worker_forward() is not called.
 */

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "mirror.h"
#include "worker.h"

static enum mirror_side tell(const struct mirror *mirror, const struct rte_mbuf *frame)
{
	uint32_t len = RTE_MIN(rte_pktmbuf_pkt_len(frame), (uint32_t)MIRROR_HEAD);
	uint8_t head[MIRROR_HEAD];

	return mirror_tell(mirror, rte_pktmbuf_read(frame, 0, len, head), len);
}

/*
 * Frames of a mirror port, in order: every run that came from one side is a burst of its own, so
 * that what the law says of each is what it would say had they come one by one.
 */
static void judge_mixed(struct worker *worker, struct pps_ingress *ingress,
	const struct pps_ruleset *ruleset, const struct pps_clock *now, struct rte_mbuf **frames,
	unsigned int n)
{
	const struct mirror *mirror = worker->mirrors[ingress->segment];
	struct pps_verdict verdicts[PPS_BURST_MAX];
	enum mirror_side side, next = tell(mirror, frames[0]);
	unsigned int begin = 0, end;

	while (begin < n) {
		side = next;
		for (end = begin + 1; end < n; end++) {
			next = tell(mirror, frames[end]);
			if (next != side)
				break;
		}
		ingress->side = (uint8_t)side;
		if (side == MIRROR_UNKNOWN)
			pps_filter_side_unknown(
				worker->filter, ruleset, ingress, now, frames + begin, end - begin);
		else
			pps_filter_burst(worker->filter, ruleset, ingress, now, frames + begin,
				end - begin, verdicts);
		begin = end;
	}
}

void worker_observe(struct worker *worker, const struct pps_port *port,
	const struct pps_ruleset *ruleset, const struct pps_clock *now, struct rte_mbuf **frames,
	unsigned int n)
{
	struct pps_ingress ingress = {
		.port = port->id,
		.segment = port->segment,
		.side = port->side,
	};
	struct pps_verdict verdicts[PPS_BURST_MAX];

	if (port->side == PPS_SIDE_MIXED)
		judge_mixed(worker, &ingress, ruleset, now, frames, n);
	else
		pps_filter_burst(worker->filter, ruleset, &ingress, now, frames, n, verdicts);
	rte_pktmbuf_free_bulk(frames, n);
}
