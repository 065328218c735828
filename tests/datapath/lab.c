/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

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

void lab_init_params(struct lab *lab, const struct lab_params *lab_params)
{
	char name[16];
	struct pps_flow_table_params table = {
		.name = name,
		.flows = lab_params->flows,
		.half_open_max = lab_params->half_open_max,
		.half_open_per_source = lab_params->half_open_per_source,
		.socket = -1,
	};
	struct pps_filter_params params;

	if (pool == NULL) {
		unit_eal_init(MEGABYTES);
		pool = rte_pktmbuf_pool_create(
			"lab", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		if (pool == NULL)
			bail("mbuf pool");
	}
	*lab = (struct lab){.pool = pool, .book = pps_rule_book_create()};
	snprintf(name, sizeof(name), "lab%u", n_labs++);
	lab->stats = pps_worker_stats_create();
	lab->flows = pps_flow_table_create(&table);
	if (lab->stats == NULL || lab->flows == NULL)
		bail("flow table");
	lab->events = pps_event_source_create(name, EVENT_RING, lab->stats);
	if (lab->events == NULL)
		bail("event ring");
	params = (struct pps_filter_params){
		.flows = lab->flows,
		.stats = lab->stats,
		.events = lab->events,
		.tcp_loose_seconds = lab_params->tcp_loose_seconds,
	};
	lab->filter = pps_filter_create(&params);
	if (lab->filter == NULL)
		bail("filter");
}

bool lab_fini(struct lab *lab)
{
	pps_filter_destroy(lab->filter);
	pps_event_source_destroy(lab->events);
	pps_flow_table_destroy(lab->flows);
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

void lab_burst(struct lab *lab, bool inbound, uint64_t time_ms, struct rte_mbuf **frames,
	unsigned int n, struct pps_verdict *verdicts)
{
	const struct pps_ingress ingress = {
		.port = inbound ? 1 : 0,
		.side = inbound ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE,
	};
	const struct pps_clock now = lab_clock(time_ms);
	const struct pps_release *releases;
	unsigned int n_released;

	pps_filter_burst(lab->filter, lab->ruleset, &ingress, &now, frames, n, verdicts);
	for (unsigned int i = 0; i < n; i++) {
		if (verdicts[i].reason != PPS_REASON_HELD)
			rte_pktmbuf_free(frames[i]);
	}
	n_released = pps_filter_released(lab->filter, &releases);
	for (unsigned int i = 0; i < n_released; i++)
		rte_pktmbuf_free(releases[i].frame);
	lab->n_released += n_released;
}

void lab_sweep(struct lab *lab, uint64_t time_ms)
{
	const struct pps_clock now = lab_clock(time_ms);

	while (!pps_filter_age(lab->filter, lab->ruleset, &now, PPS_BURST_MAX))
		;
}
