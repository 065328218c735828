/* SPDX-License-Identifier: BSD-3-Clause */

/* What is said of workers and memory in the wrong place: on machines that are made up. */

#include <string.h>

#include <placement.h>

#include "unit.h"

/* Two workers of one segment, each polling a queue of both ports. All is right on two nodes'
 * machine: everything is on node 1. */
struct machine {
	struct worker workers[2];
	struct pps_port items[2];
	uint8_t pollers[2];
	struct pps_ports ports;
};

static void make(struct machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	machine->pollers[1] = 1;
	machine->ports.items = machine->items;
	machine->ports.n = 2;
	machine->ports.n_pools = 1;
	machine->ports.pools[0] = (struct pps_pool){.node = 1};
	for (unsigned int i = 0; i < 2; i++) {
		machine->items[i] =
			(struct pps_port){.n_rx = 2, .node = 1, .pollers = machine->pollers};
		strcpy(machine->items[i].name, i == 0 ? "0000:81:00.0" : "0000:81:00.1");
		machine->workers[i].index = i;
		machine->workers[i].lcore = 5 + i;
		machine->workers[i].cpu = (int)(20 + i);
		machine->workers[i].node = 1;
		machine->workers[i].memory_node = 1;
	}
}

static void expect(const struct machine *machine, unsigned int n_workers, const char *expected)
{
	struct pps_errors remarks = {0};
	struct pps_str text = PPS_STR_INIT;

	placement_check(&machine->ports, machine->workers, n_workers, &remarks);
	pps_errors_print(&remarks, &text);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&text), expected);
	pps_str_fini(&text);
	pps_errors_fini(&remarks);
}

static void what_is_on_one_node_needs_no_word(void)
{
	struct machine machine;

	make(&machine);
	expect(&machine, 2, "");
}

static void what_is_on_no_node_is_nowhere_wrong(void)
{
	struct machine machine;

	make(&machine);
	machine.items[0].node = machine.items[1].node = PPS_NO_NODE;
	machine.workers[0].memory_node = PPS_NO_NODE;
	expect(&machine, 2, "");
	make(&machine);
	machine.workers[0].node = machine.workers[1].node = PPS_NO_NODE;
	expect(&machine, 2, "");
}

static void a_queue_polled_from_another_node_is_named(void)
{
	struct machine machine;

	make(&machine);
	machine.workers[1].node = machine.workers[1].memory_node = 0;
	machine.items[0].node = 0;
	expect(&machine, 2,
		"worker 0 (lcore 5) is on NUMA node 1 and polls queue 0 of port \"0000:81:00.0\", "
		"which is on node 0: give it a processor of that node\n"
		"worker 1 (lcore 6) is on NUMA node 0 and polls queue 1 of port \"0000:81:00.1\", "
		"which is on node 1: give it a processor of that node\n");
}

static void workers_on_one_processor_are_named(void)
{
	struct machine machine;

	make(&machine);
	machine.workers[1].cpu = 20;
	expect(&machine, 2, "workers 0 and 1 share processor 20: one waits for the other\n");
	/* With captured time the second never runs. */
	expect(&machine, 1, "");
	/* Pinned to none. */
	machine.workers[0].cpu = machine.workers[1].cpu = -1;
	expect(&machine, 2, "");
}

static void memory_of_another_node_is_named(void)
{
	struct machine machine;

	make(&machine);
	machine.workers[1].memory_node = 0;
	machine.ports.pools[0].elsewhere = true;
	expect(&machine, 2,
		"the flows of worker 1 (NUMA node 1) are in the memory of node 0: EAL has too "
		"little on its own (--socket-mem, hugepages)\n"
		"the packet buffers of NUMA node 1 are in the memory of another node: EAL has too "
		"little on that one (--socket-mem, hugepages)\n");
}

static const struct unit_test tests[] = {
	UNIT_TEST(what_is_on_one_node_needs_no_word),
	UNIT_TEST(what_is_on_no_node_is_nowhere_wrong),
	UNIT_TEST(a_queue_polled_from_another_node_is_named),
	UNIT_TEST(workers_on_one_processor_are_named),
	UNIT_TEST(memory_of_another_node_is_named),
};

int main(void)
{
	return unit_run("placement", tests, UNIT_COUNT(tests));
}
