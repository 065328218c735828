/* SPDX-License-Identifier: BSD-3-Clause */
#include "datapath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include <pps_flow_ledger.h>

#include "handoff.h"
#include "mirror.h"
#include "placement.h"

#define EVENT_RING_SIZE  8192
#define STOP_POLL_NS     1000000
#define STOP_PATIENCE_NS (5 * PPS_NS_PER_SEC) /* a worker that gets nowhere for so long hangs */

static bool open_ports(
	struct datapath *datapath, const struct config *config, struct pps_errors *errors)
{
	struct pps_segment_params segments[PPS_SEGMENTS_MAX];
	int nodes[PPS_STEER_WORKERS_MAX];
	const struct pps_ports_params params = {
		.segments = segments,
		.n_segments = (unsigned int)config->n_segments,
		.n_workers = config->workers,
		.worker_nodes = nodes,
		.n_waiting = config->workers * PPS_FRAGMENT_BUFFERS +
			(datapath->capture_clock ? 0 : handoff_capacity(config->workers)),
		.receive_only = config->mode == CONFIG_OBSERVER,
		.capture_clock = config->clock == CONFIG_CLOCK_CAPTURE,
	};

	for (size_t i = 0; i < config->n_segments; i++) {
		segments[i] = (struct pps_segment_params){
			.name = config->segments[i].name,
			.inside = config->segments[i].inside,
			.outside = config->segments[i].outside,
			.mirror = config->segments[i].mirror,
			.mtu = (uint16_t)config->segments[i].mtu,
		};
	}
	for (unsigned int i = 0; i < config->workers; i++)
		nodes[i] = datapath->workers[i].node;
	datapath->ports = pps_ports_open(&params, errors);
	return datapath->ports != NULL;
}

static bool create_mirrors(
	struct datapath *datapath, const struct config *config, struct pps_errors *errors)
{
	for (size_t i = 0; i < config->n_segments; i++) {
		if (config->segments[i].mirror == NULL)
			continue;
		datapath->mirrors[i] = mirror_create(&config->segments[i]);
		if (datapath->mirrors[i] == NULL) {
			pps_errors_add(errors, "segments", "no memory for what is inside: %s",
				strerror(errno));
			return false;
		}
	}
	return true;
}

/* A worker's part of what all may have. */
static uint32_t share(const struct datapath *datapath, uint32_t all)
{
	return (all + datapath->n_workers - 1) / datapath->n_workers;
}

/* What several workers have in common. */
static const char *create_team(struct datapath *datapath, const struct config *config)
{
	const struct pps_flow_ledger_params ledger = {
		.n_tables = datapath->n_workers,
		.flows = share(datapath, config->flows),
		.half_open_max = share(datapath, config->half_open_max),
		.socket = -1,
	};
	unsigned int table_size = datapath->ports->table_size;

	if (datapath->n_workers == 1)
		return NULL;
	datapath->ledger = pps_flow_ledger_create(&ledger);
	if (datapath->ledger == NULL)
		return "what is counted of flows (key \"flows\", and memory given to EAL by -m)";
	datapath->steer = pps_steer_create(table_size > 0 ? PPS_STEER_TOEPLITZ : PPS_STEER_KEYED,
		datapath->n_workers, table_size);
	if (datapath->steer == NULL)
		return "the choice of workers";
	if (datapath->capture_clock)
		return NULL;
	datapath->handoff = handoff_create(datapath->steer, datapath->ports, datapath->n_workers);
	return NULL;
}

static void take_inputs(const struct datapath *datapath, struct worker *worker)
{
	for (unsigned int i = 0; i < datapath->ports->n; i++) {
		const struct pps_port *port = &datapath->ports->items[i];

		for (uint16_t queue = 0; queue < port->n_rx; queue++) {
			if (port->pollers[queue] == worker->index)
				worker->inputs[worker->n_inputs++] =
					(struct worker_input){port, queue};
		}
	}
}

/* A worker that is to be made, on its own lcore: see worker.h. */
struct making {
	struct datapath *datapath;
	struct worker *worker;
	const struct config *config;
	const char *missing; /* what there was no memory for, or NULL */
};

/* The parts one worker owns. What was made is freed by destroy_worker(), also after a failure. */
static const char *make_parts(
	struct datapath *datapath, struct worker *worker, const struct config *config)
{
	char name[32];
	struct pps_flow_table_params flows = {
		.name = name,
		.flows = share(datapath, config->flows),
		.wide = share(datapath, config->flows_ipv6),
		.half_open_max = share(datapath, config->half_open_max),
		.half_open_per_source = config->half_open_per_source,
		.socket = PPS_NO_NODE, /* its own before others */
		.ledger = datapath->ledger,
		.index = worker->index,
	};
	struct pps_filter_params filter;

	worker->stats = pps_worker_stats_create();
	if (worker->stats == NULL)
		return "counters";
	snprintf(name, sizeof(name), "flows%u", worker->index);
	worker->flows = pps_flow_table_create(&flows);
	if (worker->flows == NULL)
		return "the flow table (key \"flows\", and memory given to EAL by -m)";
	worker->memory_node = pps_flow_node(worker->flows);
	snprintf(name, sizeof(name), "events%u", worker->index);
	if (datapath->capture_clock && worker->index > 0)
		worker->events = datapath->workers[0].events;
	else
		worker->events = pps_event_source_create(name, EVENT_RING_SIZE, worker->stats);
	if (worker->events == NULL)
		return "the event ring";
	filter = (struct pps_filter_params){
		.flows = worker->flows,
		.stats = worker->stats,
		.events = worker->events,
		.audit = worker->audit,
		.observer = worker->observer,
		.tcp_loose_seconds = worker->tcp_loose_seconds,
	};
	worker->filter = pps_filter_create(&filter);
	if (worker->filter == NULL)
		return "the filter";
	if (worker->handoff != NULL && !handoff_open(worker->handoff, worker->index))
		return "frames on their way between workers";
	take_inputs(datapath, worker);
	return NULL;
}

static int make_worker(void *arg)
{
	struct making *making = arg;

	making->missing = make_parts(making->datapath, making->worker, making->config);
	return 0;
}

static void destroy_worker(const struct datapath *datapath, struct worker *worker)
{
	if (worker->filter != NULL)
		pps_filter_destroy(worker->filter);
	if (worker->events != NULL && (worker->index == 0 || !datapath->capture_clock))
		pps_event_source_destroy(worker->events);
	if (worker->flows != NULL)
		pps_flow_table_destroy(worker->flows);
	if (worker->stats != NULL)
		pps_worker_stats_destroy(worker->stats);
}

static bool create_workers(
	struct datapath *datapath, const struct config *config, struct pps_errors *errors)
{
	for (unsigned int i = 0; i < config->workers; i++) {
		struct worker *worker = &datapath->workers[i];
		struct making making = {datapath, worker, config, NULL};

		worker->steer = datapath->steer;
		worker->handoff = datapath->handoff;
		worker->ports = datapath->ports;
		if (rte_eal_remote_launch(make_worker, &making, worker->lcore) != 0) {
			pps_errors_add(errors, "workers", "lcore %u is busy", worker->lcore);
			return false;
		}
		rte_eal_wait_lcore(worker->lcore);
		if (making.missing != NULL) {
			pps_errors_add(
				errors, "", "worker %u: no memory for %s", i, making.missing);
			return false;
		}
	}
	return true;
}

/* The CPU of an lcore that has one alone, or -1. */
static int cpu_of(unsigned int lcore)
{
	rte_cpuset_t cpus = rte_lcore_cpuset(lcore);
	int cpu = 0;

	if (CPU_COUNT(&cpus) != 1)
		return -1;
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	return cpu;
}

/* Gives every worker its lcore. */
static bool place_workers(
	struct datapath *datapath, const struct config *config, struct pps_errors *errors)
{
	unsigned int lcore = rte_get_next_lcore((unsigned int)-1, 1, 0);
	size_t size = config->workers * sizeof(*datapath->workers);

	datapath->workers = aligned_alloc(PPS_CACHE_LINE, size);
	if (datapath->workers == NULL) {
		pps_errors_add(errors, "workers", "no memory for %u", config->workers);
		return false;
	}
	memset(datapath->workers, 0, size);
	for (unsigned int i = 0; i < config->workers; i++) {
		if (lcore >= RTE_MAX_LCORE) {
			pps_errors_add(errors, "workers",
				"%u workers need as many lcores besides the main one, and EAL has "
				"%u",
				config->workers, rte_lcore_count() - 1);
			return false;
		}
		datapath->workers[i] = (struct worker){
			.index = i,
			.team = datapath->workers,
			.n_team = config->workers,
			.lcore = lcore,
			.cpu = cpu_of(lcore),
			.node = (int)rte_lcore_to_socket_id(lcore),
			.memory_node = PPS_NO_NODE,
			.audit = config->mode == CONFIG_AUDIT,
			.observer = config->mode == CONFIG_OBSERVER,
			.mirrors = datapath->mirrors,
			.tcp_loose_seconds = config->tcp_loose_seconds,
			.poll.busily = config->poll == CONFIG_POLL_BUSY,
			.snapshot = datapath->snapshot,
			.clock = &datapath->clock,
		};
		/* With the capture clock one lcore plays all workers. */
		if (!datapath->capture_clock)
			lcore = rte_get_next_lcore(lcore, 1, 0);
	}
	return true;
}

bool datapath_create(
	struct datapath *datapath, const struct config *config, struct pps_errors *errors)
{
	const char *what;

	*datapath = (struct datapath){
		.n_workers = config->workers,
		.capture_clock = config->clock == CONFIG_CLOCK_CAPTURE,
	};
	datapath->snapshot = pps_snapshot_create(config->workers);
	if (datapath->snapshot == NULL) {
		pps_errors_add(errors, "", "no memory for the ruleset snapshot");
		return false;
	}
	if (!place_workers(datapath, config, errors) || !open_ports(datapath, config, errors) ||
		!create_mirrors(datapath, config, errors))
		return false;
	what = create_team(datapath, config);
	if (what != NULL) {
		pps_errors_add(errors, "workers", "no memory for %s", what);
		return false;
	}
	if (!create_workers(datapath, config, errors))
		return false;
	worker_clock_init(&datapath->clock);
	placement_check(datapath->ports, datapath->workers,
		datapath->capture_clock ? 1 : datapath->n_workers, &datapath->placement);
	for (size_t i = 0; i < datapath->placement.n; i++)
		pps_log(PPS_LOG_WARNING, "%s", datapath->placement.items[i].text);
	return true;
}

/* How frames come to several workers. */
static void say_spread(const struct datapath *datapath)
{
	for (unsigned int i = 0; i < datapath->ports->n; i++) {
		const struct pps_port *port = &datapath->ports->items[i];

		if (port->n_rx == 1)
			pps_log(PPS_LOG_INFO,
				"port \"%s\": one queue, polled by worker %u, which hands over "
				"what "
				"is others'",
				port->name, port->pollers[0]);
		else
			pps_log(PPS_LOG_INFO, "port \"%s\": %u queues, %s", port->name, port->n_rx,
				port->spread == PPS_SPREAD_RSS
					? "spread by symmetric RSS over addresses"
					: "spread as the device likes: workers hand over what is "
					  "others'");
	}
}

bool datapath_start(struct datapath *datapath, struct pps_errors *errors)
{
	lcore_function_t *run = datapath->capture_clock ? worker_main_capture : worker_main;

	if (!pps_ports_start(datapath->ports, errors))
		return false;
	if (datapath->n_workers > 1 && !datapath->capture_clock)
		say_spread(datapath);
	datapath->running = true;
	for (unsigned int i = 0; i < (datapath->capture_clock ? 1 : datapath->n_workers); i++) {
		struct worker *worker = &datapath->workers[i];

		if (rte_eal_remote_launch(run, worker, worker->lcore) != 0) {
			pps_errors_add(errors, "workers", "lcore %u is busy", worker->lcore);
			return false;
		}
	}
	return true;
}

static bool any_running(const struct datapath *datapath)
{
	for (unsigned int i = 0; i < datapath->n_workers; i++) {
		if (rte_eal_get_lcore_state(datapath->workers[i].lcore) == RUNNING)
			return true;
	}
	return false;
}

/* What changes as long as workers get anywhere: rounds, and flows that end. */
static uint64_t progress(const struct datapath *datapath)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < datapath->n_workers; i++)
		sum += pps_stats_load(&datapath->workers[i].stats->loops) +
			pps_stats_load(&datapath->workers[i].stats->flows_ended);
	return sum;
}

bool datapath_stop(struct datapath *datapath, void (*drain)(void *aux), void *aux)
{
	const struct timespec nap = {.tv_nsec = STOP_POLL_NS};
	uint64_t moved_ns = pps_time_mono_ns(), last = 0;

	if (!datapath->running)
		return true;
	for (unsigned int i = 0; i < datapath->n_workers; i++)
		atomic_store_explicit(&datapath->workers[i].stop, true, memory_order_relaxed);
	while (any_running(datapath)) {
		uint64_t now_ns = pps_time_mono_ns();

		drain(aux);
		if (progress(datapath) != last) {
			last = progress(datapath);
			moved_ns = now_ns;
		}
		if (now_ns - moved_ns > STOP_PATIENCE_NS)
			return false;
		nanosleep(&nap, NULL);
	}
	rte_eal_mp_wait_lcore();
	drain(aux);
	pps_ports_stop(datapath->ports);
	datapath->running = false;
	return true;
}

void datapath_destroy(struct datapath *datapath)
{
	if (datapath->workers != NULL) {
		for (unsigned int i = 0; i < datapath->n_workers; i++)
			destroy_worker(datapath, &datapath->workers[i]);
	}
	handoff_destroy(datapath->handoff);
	pps_steer_destroy(datapath->steer);
	pps_flow_ledger_destroy(datapath->ledger);
	pps_ports_close(datapath->ports);
	for (unsigned int i = 0; i < PPS_SEGMENTS_MAX; i++)
		mirror_destroy(datapath->mirrors[i]);
	pps_snapshot_destroy(datapath->snapshot);
	free(datapath->workers);
	pps_errors_fini(&datapath->placement);
	*datapath = (struct datapath){0};
}

static void add_port(struct pps_port_stats *to, const struct pps_port_stats *from)
{
	to->rx_packets += pps_stats_load(&from->rx_packets);
	to->rx_bytes += pps_stats_load(&from->rx_bytes);
	to->tx_packets += pps_stats_load(&from->tx_packets);
	to->tx_bytes += pps_stats_load(&from->tx_bytes);
}

void datapath_totals(const struct datapath *datapath, struct datapath_totals *ret)
{
	*ret = (struct datapath_totals){0};
	for (unsigned int i = 0; i < datapath->n_workers; i++) {
		const struct pps_worker_stats *stats = datapath->workers[i].stats;

		for (unsigned int r = PPS_REASON_NONE + 1; r < PPS_REASON_COUNT; r++) {
			uint64_t n = pps_stats_load(&stats->drops[r]);

			ret->drops[r] += n;
			ret->dropped += n;
		}
		ret->drop_bytes += pps_stats_load(&stats->drop_bytes);
		ret->passed += pps_stats_load(&stats->passed);
		ret->passed_bytes += pps_stats_load(&stats->passed_bytes);
		ret->flows_started += pps_stats_load(&stats->flows_started);
		ret->flows_ended += pps_stats_load(&stats->flows_ended);
		ret->flows_live += pps_stats_load(&stats->flows_live);
		ret->flows_picked_up += pps_stats_load(&stats->flows_picked_up);
		ret->flows_replaced += pps_stats_load(&stats->flows_replaced);
		ret->half_open += pps_flow_count_half_open(datapath->workers[i].flows);
		ret->kept += pps_stats_load(&stats->rejudged_kept);
		ret->rebound += pps_stats_load(&stats->rejudged_rebound);
		ret->cut += pps_stats_load(&stats->rejudged_cut);
		ret->egress += pps_stats_load(&stats->egress);
		ret->observed += pps_stats_load(&stats->observed);
		ret->observed_bytes += pps_stats_load(&stats->observed_bytes);
		ret->observed_conversations += pps_stats_load(&stats->observed_conversations);
		ret->observed_answered += pps_stats_load(&stats->observed_answered);
		for (unsigned int p = 0; p < PPS_PORTS_MAX; p++)
			add_port(&ret->ports[p], &stats->ports[p]);
	}
}

bool datapath_exhausted(const struct datapath *datapath)
{
	for (unsigned int i = 0; i < datapath->n_workers; i++) {
		if (!atomic_load_explicit(&datapath->workers[i].exhausted, memory_order_acquire))
			return false;
	}
	return true;
}

struct worker *datapath_owner(
	const struct datapath *datapath, const uint8_t *data, uint32_t head_len, uint32_t len)
{
	uint8_t owner = PPS_STEER_NOBODY;

	if (datapath->steer != NULL)
		owner = pps_steer_frame(datapath->steer, data, head_len, len);
	return &datapath->workers[owner == PPS_STEER_NOBODY ? 0 : owner];
}

uint64_t datapath_wall_ns(const struct datapath *datapath)
{
	if (!datapath->capture_clock)
		return pps_time_wall_ns();
	return atomic_load_explicit(&datapath->workers[0].wall_ns, memory_order_relaxed);
}

bool datapath_swept(const struct datapath *datapath, uint32_t generation)
{
	for (unsigned int i = 0; i < datapath->n_workers; i++) {
		const struct worker *worker = &datapath->workers[i];

		/* One that has read its whole capture has ended all its flows. */
		if (!atomic_load_explicit(&worker->exhausted, memory_order_acquire) &&
			pps_filter_swept_generation(worker->filter) != generation)
			return false;
	}
	return true;
}
