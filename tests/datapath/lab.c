/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include <pps_flow_ledger.h>
#include <pps_steer.h>

#include "unit.h"

#define POOL_SIZE  1023
#define EVENT_RING 4096
#define MEGABYTES  256

static unsigned int n_labs; /* names and generations are unique in the process */
static struct rte_mempool *pool;

static void bail(const char *what)
{
	printf("Bail out! no %s\n", what);
	exit(99);
}

void lab_init(struct lab *lab, unsigned int flows)
{
	lab_init_params(lab, &(struct lab_params){.flows = flows});
}

static void hire(struct lab *lab, struct lab_worker *worker, struct pps_flow_table_params *table,
	const struct lab_params *lab_params)
{
	const struct pps_filter_params params = {
		.stats = lab->stats,
		.events = lab->events,
		.flows = worker->flows = pps_flow_table_create(table),
		.tcp_loose_seconds = lab_params->tcp_loose_seconds,
	};

	if (worker->flows == NULL)
		bail("flow table");
	worker->filter = pps_filter_create(&params);
	if (worker->filter == NULL)
		bail("filter");
}

void lab_init_params(struct lab *lab, const struct lab_params *lab_params)
{
	unsigned int n_workers = lab_params->n_workers > 0 ? lab_params->n_workers : 1;
	const struct pps_flow_ledger_params ledger = {
		.n_tables = n_workers,
		.flows = lab_params->flows,
		.half_open_max = lab_params->half_open_max,
		.socket = -1,
	};
	char name[16];
	struct pps_flow_table_params table = {
		.name = name,
		.flows = lab_params->flows,
		.half_open_max = lab_params->half_open_max,
		.half_open_per_source = lab_params->half_open_per_source,
		.socket = -1,
	};

	if (pool == NULL) {
		unit_eal_init(MEGABYTES);
		pool = rte_pktmbuf_pool_create(
			"lab", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		if (pool == NULL)
			bail("mbuf pool");
	}
	*lab = (struct lab){.pool = pool, .book = pps_rule_book_create(), .n_workers = n_workers};
	lab->stats = pps_worker_stats_create();
	lab->steer = pps_steer_create(PPS_STEER_KEYED, n_workers, 0);
	if (n_workers > 1)
		table.ledger = lab->ledger = pps_flow_ledger_create(&ledger);
	if (lab->stats == NULL || lab->steer == NULL || (n_workers > 1 && lab->ledger == NULL))
		bail("memory for workers");
	snprintf(name, sizeof(name), "lab%u", n_labs++);
	lab->events = pps_event_source_create(name, EVENT_RING, lab->stats);
	if (lab->events == NULL)
		bail("event ring");
	for (table.index = 0; table.index < n_workers; table.index++) {
		snprintf(name, sizeof(name), "lab%u", n_labs++);
		hire(lab, &lab->workers[table.index], &table, lab_params);
	}
	lab->flows = lab->workers[0].flows;
	lab->filter = lab->workers[0].filter;
}

struct lab_worker *lab_owner(struct lab *lab, const uint8_t *frame, uint32_t len)
{
	uint8_t owner = pps_steer_frame(lab->steer, frame, len, len);

	return &lab->workers[owner == PPS_STEER_NOBODY ? 0 : owner];
}

bool lab_fini(struct lab *lab)
{
	for (unsigned int i = 0; i < lab->n_workers; i++) {
		pps_filter_destroy(lab->workers[i].filter);
		pps_flow_table_destroy(lab->workers[i].flows);
	}
	pps_event_source_destroy(lab->events);
	pps_flow_ledger_destroy(lab->ledger);
	pps_steer_destroy(lab->steer);
	pps_ruleset_destroy(lab->ruleset, lab->book);
	pps_worker_stats_destroy(lab->stats);
	pps_rule_book_destroy(lab->book);
	return rte_mempool_avail_count(lab->pool) == POOL_SIZE;
}

struct pps_clock lab_clock(uint64_t time_ms)
{
	return (struct pps_clock){
		.wall_ns = LAB_EPOCH_NS + time_ms * PPS_NS_PER_MS,
		.tick = (uint32_t)time_ms,
	};
}

void lab_load(struct lab *lab, const char *json, uint64_t time_ms)
{
	static uint32_t generation;
	struct pps_errors errors = {0};
	struct pps_policy *policy = pps_policy_parse(json, strlen(json), &errors);
	struct pps_ruleset_params params = {
		.generation = ++generation,
		.now_ns = lab_clock(time_ms).wall_ns,
		.socket = -1,
	};
	struct pps_ruleset *ruleset = NULL;

	if (policy != NULL)
		ruleset = pps_ruleset_build(policy, lab->book, &params, &errors);
	if (ruleset == NULL) {
		struct pps_str text = PPS_STR_INIT;

		pps_errors_print(&errors, &text);
		bail(pps_str_text(&text));
	}
	pps_ruleset_destroy(lab->ruleset, lab->book);
	lab->ruleset = ruleset;
}

struct rte_mbuf *lab_frame(struct lab *lab, const uint8_t *frame, uint32_t len, uint32_t segment)
{
	struct rte_mbuf *head = NULL;

	do {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(lab->pool);
		uint32_t n;

		if (mbuf == NULL)
			bail("mbuf");
		n = rte_pktmbuf_tailroom(mbuf);
		if (segment != 0 && segment < n)
			n = segment;
		if (len < n)
			n = len;
		memcpy(rte_pktmbuf_append(mbuf, (uint16_t)n), frame, n);
		frame += n;
		len -= n;
		if (head == NULL)
			head = mbuf;
		else if (rte_pktmbuf_chain(head, mbuf) != 0)
			bail("room for so many segments");
	} while (len > 0);
	return head;
}

/* Frames of one worker. */
static void burst_of(struct lab *lab, struct lab_worker *worker, const struct pps_ingress *ingress,
	const struct pps_clock *now, struct rte_mbuf **frames, unsigned int n,
	struct pps_verdict *verdicts)
{
	const struct pps_release *releases;
	unsigned int n_released;

	pps_filter_burst(worker->filter, lab->ruleset, ingress, now, frames, n, verdicts);
	for (unsigned int i = 0; i < n; i++) {
		if (verdicts[i].reason != PPS_REASON_HELD)
			rte_pktmbuf_free(frames[i]);
	}
	n_released = pps_filter_released(worker->filter, &releases);
	for (unsigned int i = 0; i < n_released; i++)
		rte_pktmbuf_free(releases[i].frame);
	lab->n_released += n_released;
}

void lab_burst(struct lab *lab, bool inbound, uint64_t time_ms, struct rte_mbuf **frames,
	unsigned int n, struct pps_verdict *verdicts)
{
	const struct pps_ingress ingress = {
		.port = inbound ? 1 : 0,
		.side = inbound ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE,
	};
	const struct pps_clock now = lab_clock(time_ms);
	uint8_t owners[PPS_BURST_MAX];
	unsigned int begin = 0, end;

	pps_steer_burst(lab->steer, frames, n, owners);
	/* A run of one worker's frames at a time: what is bounded over all of them is taken in the
	 * order of the frames. */
	for (; begin < n; begin = end) {
		uint8_t owner = owners[begin] == PPS_STEER_NOBODY ? 0 : owners[begin];

		for (end = begin + 1; end < n && owners[end] == owners[begin]; end++)
			;
		burst_of(lab, &lab->workers[owner], &ingress, &now, frames + begin, end - begin,
			verdicts + begin);
	}
}

void lab_sweep(struct lab *lab, uint64_t time_ms)
{
	const struct pps_clock now = lab_clock(time_ms);

	for (unsigned int w = 0; w < lab->n_workers; w++) {
		while (!pps_filter_age(lab->workers[w].filter, lab->ruleset, &now, PPS_BURST_MAX))
			;
	}
}
