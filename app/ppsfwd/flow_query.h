/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_QUERY_H
#define FLOW_QUERY_H

/*
 * Asking workers for their flows: a filter from JSON, a job that walks the table in slices and
 * copies or ends what matches, and a flow as JSON.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_addr.h>
#include <pps_base.h>
#include <pps_flow.h>

#include "manager.h"
#include "worker.h"

/* All members that are set must hold. */
struct flow_filter {
	int segment; /* -1: any */
	uint8_t direction; /* set of enum pps_direction; 0: any */
	int protocol; /* -1: any */
	bool has_source, has_destination, has_address;
	struct pps_prefix source, destination, address;
	int port, source_port, destination_port; /* -1: any */
	uint32_t rule; /* slot */
	bool has_rule;
	int state; /* enum pps_flow_state; -1: any */
	int vlan; /* -1: any */
};

/* Reads the FILTER object of commands.h; NULL is every flow. False and errors. */
bool flow_filter_read(const struct manager *manager, const json_t *value,
	struct flow_filter *filter, struct pps_errors *errors);

/* A copy of one flow. */
struct flow_copy {
	struct pps_flow_key key;
	struct pps_flow flow;
	struct pps_flow_cold cold;
	uint32_t now_tick; /* when it was copied */
};

/* The flow's tuple as its initiator sent it. */
struct flow_tuple {
	struct pps_addr source, destination;
	uint16_t source_port, destination_port; /* host order */
	uint16_t vlan, inner_vlan;
	uint8_t protocol, segment;
	int icmp_type; /* of the query, or -1 */
};
void flow_tuple_make(
	const struct pps_flow_key *key, enum pps_side initiator, struct flow_tuple *ret);
bool flow_filter_matches(const struct flow_filter *filter, const struct flow_tuple *tuple,
	const struct pps_flow *flow);
json_t *flow_json(const struct manager *manager, const struct flow_copy *copy);

/* The job: counts what matches, copies the first 'max' of it, and ends it all where 'kill'. */
struct flow_job {
	struct worker_job job;
	struct flow_filter filter; /* management: rw before, worker: ro */
	bool kill;
	uint32_t cursor; /* worker */
	uint64_t matched; /* worker: rw, management: ro after 'done' */
	struct flow_copy *copies;
	size_t n, max;
};

/* What an operation over flows wants; its jobs, one per worker, are made when its turn comes. */
struct flow_question {
	struct flow_filter filter;
	bool kill;
	size_t max; /* copies */
	struct flow_job *jobs; /* one per worker; NULL before its turn */
	unsigned int n_jobs;
};

/* An operation whose 'aux' is a struct flow_question; 'finish' is left to set, and ends with
 * flow_operation_abandon(). */
struct operation *flow_operation(
	const struct flow_filter *filter, bool kill, size_t max, struct pps_ctl_call *call);
void flow_operation_abandon(struct operation *operation);

#endif
