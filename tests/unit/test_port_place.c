/* SPDX-License-Identifier: BSD-3-Clause */

/* Who polls which queue, and whose memory ports get: on machines that are made up. */

#include <stdlib.h>
#include <string.h>

#include "../../lib/port/port_priv.h"
#include "unit.h"

#define WORKERS 6

/* ---- machines ---- */

struct machine {
	struct pps_ports ports;
	struct pps_ports_priv priv;
	struct pps_port items[8];
	struct rte_eth_dev_info infos[8];
	uint8_t pollers[8][WORKERS];
	uint16_t mtu;
	struct pps_ports_params params;
};

/* Ports of one segment after the other; 'queues' and 'nodes' are theirs. */
static void make(struct machine *machine, unsigned int n_ports, const uint16_t *queues,
	const int *nodes, unsigned int n_workers, const int *worker_nodes)
{
	memset(machine, 0, sizeof(*machine));
	machine->mtu = 1500;
	machine->priv.infos = machine->infos;
	machine->priv.mtus = &machine->mtu;
	machine->ports.priv = &machine->priv;
	machine->ports.items = machine->items;
	machine->ports.n = n_ports;
	machine->params = (struct pps_ports_params){
		.n_workers = n_workers,
		.worker_nodes = worker_nodes,
	};
	for (unsigned int i = 0; i < n_ports; i++) {
		machine->items[i].side = i % 2 ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE;
		machine->items[i].n_rx = queues[i];
		machine->items[i].node = nodes[i];
		machine->items[i].pollers = machine->pollers[i];
		machine->infos[i].rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
		machine->infos[i].tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	}
	port_place_pollers(&machine->ports, &machine->params);
	port_place_pools(&machine->ports, &machine->params);
}

/* ---- queues ---- */

static void a_queue_for_each_worker_is_polled_in_their_order(void)
{
	static const int nodes[] = {1, 0}, of_workers[] = {0, 0, 1, 1};
	static const uint16_t queues[] = {4, 4};
	struct machine machine;

	make(&machine, 2, queues, nodes, 4, of_workers);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int queue = 0; queue < 4; queue++)
			CU_ASSERT_EQUAL(machine.items[i].pollers[queue], queue);
}

static void a_port_of_one_queue_is_polled_on_its_own_node(void)
{
	static const int of_workers[] = {0, 0, 1, 1};
	static const uint16_t queues[] = {1, 1, 1, 1};
	static const struct {
		int nodes[4];
		uint8_t pollers[4];
	} cases[] = {
		{{0, 0, 1, 1}, {0, 1, 2, 3}},
		{{1, 0, 1, 0}, {2, 0, 3, 1}},
		{{1, 1, 1, 1}, {2, 3, 2, 3}},
		{{0, 0, 0, 1}, {0, 1, 0, 2}},
	};
	struct machine machine;

	for (unsigned int k = 0; k < UNIT_COUNT(cases); k++) {
		make(&machine, 4, queues, cases[k].nodes, 4, of_workers);
		for (unsigned int i = 0; i < 4; i++)
			CU_ASSERT_EQUAL(machine.items[i].pollers[0], cases[k].pollers[i]);
	}
}

static void where_no_worker_is_on_its_node_the_least_busy_polls(void)
{
	static const int nodes[] = {3, PPS_NO_NODE, 3, 0};
	static const int none[] = {PPS_NO_NODE, PPS_NO_NODE}, both[] = {0, 0};
	static const uint16_t queues[] = {1, 1, 1, 1};
	const int *const of_workers[] = {none, both, NULL};
	struct machine machine;

	for (unsigned int k = 0; k < UNIT_COUNT(of_workers); k++) {
		make(&machine, 4, queues, nodes, 2, of_workers[k]);
		for (unsigned int i = 0; i < 4; i++)
			CU_ASSERT_EQUAL(machine.items[i].pollers[0], i % 2);
	}
}

static void nobody_polls_two_queues_of_a_port(void)
{
	static const int nodes[] = {0, 0, 1, 1, PPS_NO_NODE, PPS_NO_NODE}, of_workers[] = {0, 1, 2};
	static const uint16_t queues[] = {1, 1, 1, 1, 2, 1};
	struct machine machine;

	make(&machine, 6, queues, nodes, 3, of_workers);
	for (unsigned int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(machine.pollers[i][0], i / 2);
	/* Though it would still have the fewest. */
	CU_ASSERT_EQUAL(machine.pollers[4][0], 2);
	CU_ASSERT_EQUAL(machine.pollers[4][1], 0);
	CU_ASSERT_EQUAL(machine.pollers[5][0], 2);
}

static void with_captured_time_one_worker_reads_all(void)
{
	static const int nodes[] = {PPS_NO_NODE, PPS_NO_NODE}, of_workers[] = {0, 0, 0};
	static const uint16_t queues[] = {1, 1};
	struct machine machine;

	make(&machine, 2, queues, nodes, 3, of_workers);
	CU_ASSERT_EQUAL(machine.pollers[1][0], 1);
	machine.params.capture_clock = true;
	port_place_pollers(&machine.ports, &machine.params);
	CU_ASSERT_EQUAL(machine.pollers[0][0], 0);
	CU_ASSERT_EQUAL(machine.pollers[1][0], 0);
}

/* ---- pools ---- */

static void every_node_of_ports_has_a_pool_and_one_node_has_one(void)
{
	static const int of_workers[] = {0, 1};
	static const uint16_t queues[] = {2, 2, 2, 2};
	static const struct {
		int nodes[4];
		unsigned int n;
		int pools[3];
		unsigned int n_ports[3];
		uint8_t of_ports[4];
	} cases[] = {
		{{0, 0, 0, 0}, 1, {0}, {4}, {0, 0, 0, 0}},
		{{1, 1, 1, 1}, 1, {1}, {4}, {0, 0, 0, 0}},
		{{0, 0, 1, 1}, 2, {0, 1}, {2, 2}, {0, 0, 1, 1}},
		{{1, 0, 0, 1}, 2, {1, 0}, {2, 2}, {0, 1, 1, 0}},
		{{2, 0, 0, 1}, 3, {2, 0, 1}, {1, 2, 1}, {0, 1, 1, 2}},
	};
	struct machine machine;

	for (unsigned int k = 0; k < UNIT_COUNT(cases); k++) {
		make(&machine, 4, queues, cases[k].nodes, 2, of_workers);
		CU_ASSERT_EQUAL_FATAL(machine.ports.n_pools, cases[k].n);
		for (unsigned int p = 0; p < cases[k].n; p++) {
			CU_ASSERT_EQUAL(machine.ports.pools[p].node, cases[k].pools[p]);
			CU_ASSERT_EQUAL(machine.ports.pools[p].n_ports, cases[k].n_ports[p]);
		}
		for (unsigned int i = 0; i < 4; i++)
			CU_ASSERT_EQUAL(machine.items[i].pool, cases[k].of_ports[i]);
	}
}

static void a_port_on_no_node_is_served_where_it_is_polled(void)
{
	static const int nodes[] = {PPS_NO_NODE, PPS_NO_NODE}, of_workers[] = {1, 0};
	static const uint16_t queues[] = {1, 1};
	struct machine machine;

	make(&machine, 2, queues, nodes, 2, of_workers);
	CU_ASSERT_EQUAL_FATAL(machine.ports.n_pools, 2);
	CU_ASSERT_EQUAL(machine.ports.pools[machine.items[0].pool].node, 1);
	CU_ASSERT_EQUAL(machine.ports.pools[machine.items[1].pool].node, 0);
	make(&machine, 2, queues, nodes, 2, NULL);
	CU_ASSERT_EQUAL_FATAL(machine.ports.n_pools, 1);
	CU_ASSERT_EQUAL(machine.ports.pools[0].node, PPS_NO_NODE);
}

/* Memory by node: so many buffers each. */
static uint32_t rooms[2];

static struct rte_mempool *create(const char *name, uint32_t n, uint16_t size, int node)
{
	static struct rte_mempool pools[2];

	(void)name;
	(void)size;
	for (int i = 0; i < 2; i++) {
		if ((node != i && node != PPS_NO_NODE) || rooms[i] < n)
			continue;
		rooms[i] -= n;
		return &pools[i];
	}
	return NULL;
}

/* Two nodes with two ports each. */
static bool make_pools(struct machine *machine, struct pps_errors *errors)
{
	static const int nodes[] = {0, 0, 1, 1}, of_workers[] = {0, 1};
	static const uint16_t queues[] = {2, 2, 2, 2};

	make(machine, 4, queues, nodes, 2, of_workers);
	return port_pools_create(&machine->ports, &machine->params, create, errors);
}

static void a_node_without_memory_is_served_by_another(void)
{
	const struct {
		uint32_t rooms[2], n[2];
		bool elsewhere[2];
	} cases[] = {
		{{16383, 16383}, {16383, 16383}, {false, false}},
		{{32766, 0}, {16383, 16383}, {false, true}},
		{{0, 32766}, {16383, 16383}, {true, false}},
		/* Many buffers elsewhere rather than few at home; few at home rather than none. */
		{{32766, 8191}, {16383, 16383}, {false, true}},
		{{16383, 8191}, {16383, 8191}, {false, false}},
		{{16383 + 4095, 0}, {16383, 4095}, {false, true}},
	};
	struct pps_errors errors = {0};
	struct machine machine;

	pps_log_init("test", PPS_LOG_ERROR);
	for (unsigned int i = 0; i < UNIT_COUNT(cases); i++) {
		memcpy(rooms, cases[i].rooms, sizeof(rooms));
		CU_ASSERT_TRUE(make_pools(&machine, &errors));
		for (unsigned int p = 0; p < 2; p++) {
			CU_ASSERT_PTR_NOT_NULL(machine.ports.pools[p].buffers);
			CU_ASSERT_EQUAL(machine.ports.pools[p].n, cases[i].n[p]);
			CU_ASSERT_EQUAL(machine.ports.pools[p].elsewhere, cases[i].elsewhere[p]);
		}
	}
	pps_errors_fini(&errors);
}

static void without_memory_on_any_node_the_error_says_how_much_is_missing(void)
{
	struct pps_errors errors = {0};
	struct machine machine;

	rooms[0] = 16383;
	rooms[1] = 2046;
	CU_ASSERT_FALSE(make_pools(&machine, &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "eal");
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "2047 packet buffers"));
	pps_errors_fini(&errors);
}

/* What the header promises: descriptors of its ports and of their peers, and all workers' share. */
static void every_pool_is_large_enough_by_itself(void)
{
	for (unsigned int n_workers = 1; n_workers <= 64; n_workers++) {
		struct pps_ports_params params = {
			.n_workers = n_workers,
			.n_waiting = n_workers * 4096 + n_workers * 256,
		};

		for (unsigned int n_ports = 1; n_ports <= 32; n_ports++)
			CU_ASSERT(port_buffers_wanted(&params, n_ports) >=
				n_ports * n_workers * 2048 + params.n_waiting +
					n_workers * (512 + 128) + 1024);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_queue_for_each_worker_is_polled_in_their_order),
	UNIT_TEST(a_port_of_one_queue_is_polled_on_its_own_node),
	UNIT_TEST(where_no_worker_is_on_its_node_the_least_busy_polls),
	UNIT_TEST(nobody_polls_two_queues_of_a_port),
	UNIT_TEST(with_captured_time_one_worker_reads_all),
	UNIT_TEST(every_node_of_ports_has_a_pool_and_one_node_has_one),
	UNIT_TEST(a_port_on_no_node_is_served_where_it_is_polled),
	UNIT_TEST(a_node_without_memory_is_served_by_another),
	UNIT_TEST(without_memory_on_any_node_the_error_says_how_much_is_missing),
	UNIT_TEST(every_pool_is_large_enough_by_itself),
};

int main(void)
{
	return unit_run("port_place", tests, UNIT_COUNT(tests));
}
