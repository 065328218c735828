/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a port is asked for: from made-up descriptions of NICs, because no software device is
 * like one.
 */

#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "../../lib/port/port_priv.h"
#include "unit.h"

static void a_port_has_a_queue_for_each_worker_where_it_fills_them(void)
{
	const uint64_t addresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
	static const char pcap_name[] = "net_pcap", nic_name[] = "net_ice";
	const struct {
		const char *driver;
		uint16_t rx;
		uint64_t spread;
		bool is_software;
		unsigned int n;
		uint16_t queues; /* 0: it cannot be used */
	} cases[] = {
		{nic_name, 8, addresses, false, 4, 4},
		{nic_name, 8, 0, false, 1, 1},
		{nic_name, 8, 0, false, 2, 1},
		{nic_name, 8, RTE_ETH_RSS_IPV4, false, 2, 1},
		{nic_name, 1, addresses, false, 2, 1},
		{nic_name, 8, addresses, false, 9, 1},
		{nic_name, 0, addresses, false, 1, 0},
		{pcap_name, 2, 0, true, 2, 2},
		{pcap_name, 2, 0, true, 1, 0},
		{pcap_name, 1, 0, true, 2, 1},
		{pcap_name, 2, 0, true, 4, 2},
		{"net_memif", 255, 0, true, 2, 2},
		{"net_tap", 16, addresses, true, 2, 1},
	};
	struct rte_eth_dev_info info;
	unsigned int i;

	for (i = 0; i < UNIT_COUNT(cases); i++) {
		memset(&info, 0, sizeof(info));
		info.driver_name = cases[i].driver;
		info.max_rx_queues = cases[i].rx;
		info.flow_type_rss_offloads = cases[i].spread;
		CU_ASSERT_EQUAL(port_check_queues(&info, cases[i].n) == NULL, cases[i].queues > 0);
		if (cases[i].queues > 0)
			CU_ASSERT_EQUAL(
				port_receive_queues(&info, cases[i].is_software, cases[i].n),
				cases[i].queues);
	}
}

/* One segment of two made-up NICs. */
struct nics {
	struct pps_ports ports;
	struct pps_ports_priv priv;
	struct pps_port items[2];
	struct rte_eth_dev_info infos[2];
	uint16_t mtu;
};

static struct pps_ports *make_nics(struct nics *nics)
{
	unsigned int i;

	memset(nics, 0, sizeof(*nics));
	nics->ports.items = nics->items;
	nics->ports.n = 2;
	nics->ports.priv = &nics->priv;
	nics->priv.infos = nics->infos;
	nics->priv.mtus = &nics->mtu;
	nics->mtu = 1500;
	nics->items[1].side = PPS_SIDE_OUTSIDE;
	for (i = 0; i < 2; i++) {
		nics->infos[i].driver_name = "net_nic";
		nics->infos[i].min_mtu = 68;
		nics->infos[i].max_mtu = 9000;
		nics->infos[i].max_rx_pktlen = 9022;
		nics->infos[i].max_rx_queues = nics->infos[i].max_tx_queues = 1;
		nics->infos[i].rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
		nics->infos[i].tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	}
	return &nics->ports;
}

static void both_sides_must_be_able_to_have_the_mtu(void)
{
	struct pps_segment_params segment = {"one", "a", "b", 9000};
	struct pps_ports_params params = {.segments = &segment, .n_segments = 1, .n_workers = 1};
	struct pps_errors errors = {0};
	struct nics nics;
	struct pps_ports *ports = make_nics(&nics);

	CU_ASSERT_TRUE(port_check_all(ports, &params, &errors));
	CU_ASSERT_EQUAL(nics.mtu, 9000);
	nics.infos[1].max_mtu = 3498;
	CU_ASSERT_FALSE(port_check_all(ports, &params, &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "segments[0].mtu");
	CU_ASSERT_STRING_EQUAL(errors.items[0].text,
		"9000 is not an MTU that both \"a\" and \"b\" can have (68-3498)");
	pps_errors_fini(&errors);
}

static void without_an_mtu_it_is_1500_or_what_both_can(void)
{
	struct pps_segment_params segment = {"one", "a", "b", 0};
	struct pps_ports_params params = {.segments = &segment, .n_segments = 1, .n_workers = 1};
	struct pps_errors errors = {0};
	struct nics nics;
	struct pps_ports *ports = make_nics(&nics);

	CU_ASSERT_TRUE(port_check_all(ports, &params, &errors));
	CU_ASSERT_EQUAL(nics.mtu, 1500);
	nics.infos[0].max_mtu = 1400;
	CU_ASSERT_TRUE(port_check_all(ports, &params, &errors));
	CU_ASSERT_EQUAL(nics.mtu, 1400);
	pps_errors_fini(&errors);
}

static void buffers_grow_only_for_ports_that_cannot_chain(void)
{
	struct nics nics;
	struct pps_ports *ports = make_nics(&nics);

	CU_ASSERT_EQUAL(port_buffer_size(ports), 2176);
	nics.mtu = 9000;
	CU_ASSERT_EQUAL(port_buffer_size(ports), 2176);
	nics.infos[1].tx_offload_capa = 0;
	CU_ASSERT(port_buffer_size(ports) >= 9000 + 26 + RTE_PKTMBUF_HEADROOM);
	nics.mtu = 1500;
	CU_ASSERT_EQUAL(port_buffer_size(ports), 2176);
}

static void the_pool_follows_ports_and_workers(void)
{
	const struct {
		unsigned int ports, workers;
		uint16_t descriptors;
		bool capture;
		uint32_t wanted;
	} cases[] = {
		{2, 1, 0, false, 8191},
		{4, 1, 0, false, 16383},
		{2, 4, 0, false, 32767},
		{2, 1, 128, false, 8191},
		{32, 1, 0, false, 131071},
		{2, 1, 0, true, 8191},
		{4, 1, 0, true, 16383},
		{2, 4, 0, true, 8191},
	};
	struct pps_ports_params params;
	unsigned int i;

	for (i = 0; i < UNIT_COUNT(cases); i++) {
		memset(&params, 0, sizeof(params));
		params.n_workers = cases[i].workers;
		params.n_waiting = 256 * cases[i].workers;
		params.descriptors = cases[i].descriptors;
		params.capture_clock = cases[i].capture;
		CU_ASSERT_EQUAL(port_buffers_wanted(&params, cases[i].ports), cases[i].wanted);
	}
}

static void workers_agree_on_the_smallest_table(void)
{
	const struct {
		uint16_t sizes[2], queues[2];
		unsigned int table;
	} cases[] = {
		{{512, 128}, {4, 4}, 128},
		{{512, 512}, {4, 4}, 512},
		{{512, 128}, {4, 1}, 512},
		{{64, 512}, {4, 4}, 64},
		{{0, 512}, {4, 4}, 128},
		{{100, 0}, {4, 4}, 128},
		{{32, 32}, {4, 4}, 128},
		{{512, 512}, {1, 1}, 0},
	};
	struct nics nics;
	struct pps_ports *ports = make_nics(&nics);

	for (unsigned int i = 0; i < UNIT_COUNT(cases); i++) {
		for (unsigned int p = 0; p < 2; p++) {
			nics.infos[p].reta_size = cases[i].sizes[p];
			nics.items[p].n_rx = cases[i].queues[p];
		}
		CU_ASSERT_EQUAL(port_table_size(ports), cases[i].table);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(workers_agree_on_the_smallest_table),
	UNIT_TEST(a_port_has_a_queue_for_each_worker_where_it_fills_them),
	UNIT_TEST(both_sides_must_be_able_to_have_the_mtu),
	UNIT_TEST(without_an_mtu_it_is_1500_or_what_both_can),
	UNIT_TEST(buffers_grow_only_for_ports_that_cannot_chain),
	UNIT_TEST(the_pool_follows_ports_and_workers),
};

int main(void)
{
	return unit_run("port_setup", tests, UNIT_COUNT(tests));
}
