/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXPLAIN_H
#define EXPLAIN_H

/*
 * explain: why a packet would pass, or not.
 *
 * The packet, one that somebody describes (probe.h) or a real frame, is judged by the worker that
 * would get it, on the ruleset and the flows of this moment, by the code that judges frames of the
 * wire (pps_filter_explain()): there is no second copy of the law that could say something else.
 * What is here only tells the verdict: every step, the rule with its approval, and where no rule
 * permits it those that nearly do and what they miss.
 */

#include <jansson.h>

#include "flow_query.h"
#include "manager.h"

/* Longer than any that IP can fill. */
#define EXPLAIN_LENGTH_MAX (128u << 10)
/* Rules that nearly permit it are told, so many at most. */
#define EXPLAIN_NEAR_MAX 3

struct explain_job {
	struct worker_job job;
	struct pps_ingress ingress;
	uint8_t frame[PPS_PACKET_HEADER_MAX]; /* its front */
	uint32_t head_len, len; /* what of it is here, and all of it */
	bool made_up; /* of what somebody described: see probe.h */
	/* The answer. worker: rw, management: ro after 'done'. */
	uint32_t generation;
	uint64_t wall_ns; /* when it was judged */
	struct pps_packet packet;
	struct pps_verdict verdict;
	struct flow_copy flow; /* when verdict.flow is one */
};

/* The answer as commands.h has it, of a job that was served. */
json_t *explain_answer(const struct manager *manager, const struct explain_job *job);

#endif
