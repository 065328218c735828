/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports, with the software devices that need neither a NIC nor privileges. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "../../lib/port/port_priv.h"
#include "unit.h"

#define MS PPS_NS_PER_MS

/* ---- helpers ---- */

static const struct pps_segment_params rings[] = {
	{"one", "net_ring0", "net_ring1", 0},
	{"two", "net_ring2", "net_ring3", 0},
};

static void plug_rings(unsigned int n)
{
	char name[32];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "net_ring%u", i);
		CU_ASSERT_EQUAL_FATAL(rte_vdev_init(name, ""), 0);
	}
}

static void unplug(const char *kind, unsigned int n)
{
	char name[32];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%u", kind, i);
		CU_ASSERT_EQUAL(rte_vdev_uninit(name), 0);
	}
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), 0);
}

/* Opens; expects success. */
static struct pps_ports *open_ports(
	const struct pps_segment_params *segments, unsigned int n, bool capture_clock)
{
	struct pps_ports_params params = {
		.segments = segments,
		.n_segments = n,
		.n_workers = 1,
		.capture_clock = capture_clock,
	};
	struct pps_errors errors = {0};
	struct pps_str text = PPS_STR_INIT;
	struct pps_ports *ports = pps_ports_open(&params, &errors);

	pps_errors_print(&errors, &text);
	if (errors.n_total > 0)
		fprintf(stderr, "%s", pps_str_text(&text));
	CU_ASSERT_EQUAL(errors.n_total, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ports);
	pps_str_fini(&text);
	pps_errors_fini(&errors);
	return ports;
}

static void start_ports(struct pps_ports *ports)
{
	struct pps_errors errors = {0};

	CU_ASSERT_TRUE(pps_ports_start(ports, &errors));
	pps_errors_fini(&errors);
}

/* Opens; expects exactly these errors. */
static void expect_refused(const struct pps_ports_params *params, const char *expected)
{
	struct pps_errors errors = {0};
	struct pps_str text = PPS_STR_INIT;
	struct pps_ports *ports = pps_ports_open(params, &errors);

	CU_ASSERT_PTR_NULL(ports);
	pps_errors_print(&errors, &text);
	if (strcmp(pps_str_text(&text), expected) != 0)
		fprintf(stderr, "expected: %sfound:    %s", expected, pps_str_text(&text));
	CU_ASSERT_STRING_EQUAL(pps_str_text(&text), expected);
	pps_str_fini(&text);
	pps_errors_fini(&errors);
	pps_ports_close(ports);
}

static void expect_segments_refused(
	const struct pps_segment_params *segments, unsigned int n, const char *expected)
{
	struct pps_ports_params params = {.segments = segments, .n_segments = n, .n_workers = 1};

	expect_refused(&params, expected);
}

/* A folder with a capture of n frames of 'len' bytes. */
struct capture {
	char folder[64];
	char file[96];
};

static void write_capture(struct capture *capture, unsigned int n, uint32_t len)
{
	const uint32_t head[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1};
	static const uint8_t frame[65535];
	uint32_t record[4] = {0, 0, len, len};
	unsigned int i;
	FILE *file;

	snprintf(capture->folder, sizeof(capture->folder), "/tmp/test_port.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(capture->folder));
	snprintf(capture->file, sizeof(capture->file), "%s/in.pcap", capture->folder);
	file = fopen(capture->file, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fwrite(head, sizeof(head), 1, file);
	for (i = 0; i < n; i++) {
		record[0] = i;
		fwrite(record, sizeof(record), 1, file);
		fwrite(frame, len, 1, file);
	}
	fclose(file);
}

static void remove_capture(const struct capture *capture)
{
	unlink(capture->file);
	rmdir(capture->folder);
}

/* net_pcap<number>; "@" in the arguments stands for the capture's file. */
static void plug_pcap(unsigned int number, const char *args, const struct capture *capture)
{
	struct pps_str text = PPS_STR_INIT;
	char name[32];

	for (; *args; args++)
		if (*args == '@')
			pps_str_add(&text, capture->file);
		else
			pps_str_add_bytes(&text, args, 1);
	snprintf(name, sizeof(name), "net_pcap%u", number);
	CU_ASSERT_EQUAL_FATAL(rte_vdev_init(name, pps_str_text(&text)), 0);
	pps_str_fini(&text);
}

/* ---- finding ---- */

static void without_any_port_a_missing_one_is_told_so(void)
{
	expect_segments_refused(rings, 1,
		"segments[0].inside: \"net_ring0\" is not a port EAL brought up (it has: none)\n"
		"segments[0].outside: \"net_ring1\" is not a port EAL brought up (it has: none)\n");
}

static void a_missing_port_is_answered_with_those_there_are(void)
{
	static const struct pps_segment_params segments[] = {
		{"one", "net_pcap7", "net_ring1", 0},
		{"two", "net_ring0", "0000:01:00.0", 0},
	};

	plug_rings(2);
	expect_segments_refused(segments, 2,
		"segments[0].inside: \"net_pcap7\" is not a port EAL brought up "
		"(it has: net_ring0, net_ring1)\n"
		"segments[1].outside: \"0000:01:00.0\" is not a port EAL brought up "
		"(it has: net_ring0, net_ring1)\n");
	unplug("net_ring", 2);
}

static void a_port_used_twice_is_an_error(void)
{
	static const struct pps_segment_params segments[] = {
		{"one", "net_ring0", "net_ring0", 0},
		{"two", "net_ring1", "net_ring0", 0},
	};

	plug_rings(2);
	expect_segments_refused(segments, 2,
		"segments[0].outside: \"net_ring0\" is the same port as segments[0].inside\n"
		"segments[1].outside: \"net_ring0\" is the same port as segments[0].inside\n");
	unplug("net_ring", 2);
}

static void no_segment_is_an_error(void)
{
	expect_segments_refused(rings, 0, "segments: 0 segments (1-16)\n");
}

/* ---- life ---- */

static void two_segments_are_four_ports_with_their_peers(void)
{
	struct pps_ports *ports;
	unsigned int i;

	plug_rings(4);
	ports = open_ports(rings, 2, false);
	CU_ASSERT_EQUAL(ports->n, 4);
	for (i = 0; i < ports->n; i++) {
		CU_ASSERT_EQUAL(ports->items[i].segment, i / 2);
		CU_ASSERT_EQUAL(ports->items[i].side, i % 2);
		CU_ASSERT_EQUAL(ports->items[i].peer, ports->items[i ^ 1].id);
		CU_ASSERT_STRING_EQUAL(ports->items[i].driver, "net_ring");
	}
	CU_ASSERT_STRING_EQUAL(ports->items[3].name, "net_ring3");
	pps_ports_close(ports);
	unplug("net_ring", 4);
}

static void links_are_up_only_between_start_and_stop(void)
{
	struct pps_ports *ports;
	uint16_t id;

	plug_rings(2);
	ports = open_ports(rings, 1, false);
	id = ports->items[0].id;
	CU_ASSERT_FALSE(pps_ports_link_up(ports, id));
	start_ports(ports);
	CU_ASSERT_TRUE(pps_ports_link_up(ports, id));
	CU_ASSERT_FALSE(pps_ports_link_up(ports, UINT16_MAX));
	pps_ports_stop(ports);
	CU_ASSERT_FALSE(pps_ports_link_up(ports, id));
	pps_ports_close(ports);
	unplug("net_ring", 2);
}

static void no_frame_is_lost_over_start_stop_close_and_opening_again(void)
{
	struct rte_mbuf *frames[32];
	struct pps_ports *ports;
	unsigned int round, turn;
	uint16_t id, n;

	for (round = 0; round < 3; round++) {
		plug_rings(2);
		ports = open_ports(rings, 1, false);
		CU_ASSERT_EQUAL(ports->pools[0].n, 8191);
		id = ports->items[0].id;
		for (turn = 0; turn < 2; turn++) {
			start_ports(ports);
			CU_ASSERT_EQUAL(
				rte_pktmbuf_alloc_bulk(ports->pools[0].buffers, frames, 32), 0);
			CU_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, frames, 32), 32);
			n = rte_eth_rx_burst(id, 0, frames, 32);
			CU_ASSERT_EQUAL(n, 32);
			rte_pktmbuf_free_bulk(frames, n);
			pps_ports_stop(ports);
			pps_ports_stop(ports);
		}
		CU_ASSERT_EQUAL(
			rte_mempool_avail_count(ports->pools[0].buffers), ports->pools[0].n);
		pps_ports_close(ports);
		unplug("net_ring", 2);
	}
	pps_ports_close(NULL);
}

static void closing_running_ports_stops_them(void)
{
	struct pps_ports *ports;

	plug_rings(2);
	ports = open_ports(rings, 1, false);
	start_ports(ports);
	pps_ports_close(ports);
	CU_ASSERT_EQUAL(rte_eth_dev_count_avail(), 0);
	unplug("net_ring", 2);
}

static void a_port_that_does_not_start_stops_the_others(void)
{
	static const struct pps_segment_params segments[] = {{"one", "net_ring0", "net_pcap0", 0}};
	struct pps_errors errors = {0};
	struct capture capture;
	struct pps_ports *ports;

	write_capture(&capture, 1, 60);
	plug_rings(1);
	plug_pcap(0, "rx_pcap=@", &capture);
	ports = open_ports(segments, 1, false);
	start_ports(ports);
	pps_ports_stop(ports);
	remove_capture(&capture); /* it is opened again at every start */
	CU_ASSERT_FALSE(pps_ports_start(ports, &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "segments[0].outside");
	CU_ASSERT_EQUAL(ports->priv->n_started, 0);
	CU_ASSERT_FALSE(pps_ports_link_up(ports, ports->items[0].id));
	pps_errors_fini(&errors);
	pps_ports_close(ports);
	CU_ASSERT_EQUAL(rte_vdev_uninit("net_ring0"), 0);
	unplug("net_pcap", 1);
}

static void too_little_memory_is_told_with_what_helps(void)
{
	struct pps_ports_params params = {.segments = rings, .n_segments = 1, .n_workers = 1};
	struct pps_errors errors = {0};
	struct pps_ports *ports;
	void *blocks[256];
	unsigned int n = 0;

	plug_rings(2);
	while (n < 256 && (blocks[n] = rte_malloc(NULL, 2 << 20, 0)))
		n++;
	ports = pps_ports_open(&params, &errors);
	CU_ASSERT_PTR_NULL(ports);
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "eal");
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "give EAL more with -m"));
	pps_errors_fini(&errors);
	while (n > 0)
		rte_free(blocks[--n]);
	/* Nothing was configured, so nothing is gone: the same ports open now. */
	ports = open_ports(rings, 1, false);
	pps_ports_close(ports);
	unplug("net_ring", 2);
}

/* ---- captures ---- */

static const struct pps_segment_params pcaps[] = {{"one", "net_pcap0", "net_pcap1", 0}};

static void capture_clock_takes_files(void)
{
	struct rte_mbuf *frames[8];
	struct pps_port_info info;
	struct capture capture;
	struct pps_ports *ports;
	uint16_t n;

	write_capture(&capture, 3, 60);
	plug_pcap(0, "rx_pcap=@", &capture);
	plug_pcap(1, "rx_pcap=@", &capture);
	ports = open_ports(pcaps, 1, true);
	start_ports(ports);
	n = rte_eth_rx_burst(ports->items[0].id, 0, frames, 8);
	CU_ASSERT_EQUAL(n, 3);
	rte_pktmbuf_free_bulk(frames, n);
	CU_ASSERT_EQUAL(rte_eth_rx_burst(ports->items[0].id, 0, frames, 8), 0);
	pps_port_info(ports, 0, &info);
	CU_ASSERT_TRUE(info.link_up);
	CU_ASSERT_EQUAL(info.mtu, 1500);
	CU_ASSERT_EQUAL(info.missed + info.no_buffer + info.errors, 0);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(ports->pools[0].buffers), ports->pools[0].n);
	pps_ports_close(ports);
	unplug("net_pcap", 2);
	remove_capture(&capture);
}

static void long_frames_arrive_in_chains(void)
{
	static const struct pps_segment_params jumbo[] = {{"one", "net_pcap0", "net_pcap1", 9000}};
	struct rte_mbuf *frames[8];
	struct capture capture;
	struct pps_ports *ports;

	write_capture(&capture, 2, 9014);
	plug_pcap(0, "rx_pcap=@", &capture);
	plug_pcap(1, "rx_pcap=@", &capture);
	ports = open_ports(jumbo, 1, true);
	start_ports(ports);
	CU_ASSERT_EQUAL_FATAL(rte_eth_rx_burst(ports->items[0].id, 0, frames, 8), 2);
	CU_ASSERT_EQUAL(frames[0]->pkt_len, 9014);
	CU_ASSERT_EQUAL(frames[0]->nb_segs, 5);
	rte_pktmbuf_free_bulk(frames, 2);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(ports->pools[0].buffers), ports->pools[0].n);
	pps_ports_close(ports);
	unplug("net_pcap", 2);
	remove_capture(&capture);
}

static void capture_clock_refuses_what_never_ends_or_is_no_file(void)
{
	static const struct pps_segment_params segments[] = {
		{"one", "net_pcap0", "net_ring0", 0},
		{"two", "net_pcap1", "net_ring1", 0},
	};
	struct pps_ports_params params = {
		.segments = segments, .n_segments = 2, .n_workers = 1, .capture_clock = true};
	struct capture capture;

	write_capture(&capture, 1, 60);
	plug_rings(2);
	plug_pcap(0, "rx_pcap=@,infinite_rx=1", &capture);
	plug_pcap(1, "rx_pcap=@", &capture);
	expect_refused(&params,
		"segments[0].inside: \"net_pcap0\" has infinite_rx: clock \"capture\" needs a file "
		"that is read once\n"
		"segments[0].outside: \"net_ring0\" is a net_ring port: clock \"capture\" needs "
		"net_pcap ports that read files\n"
		"segments[1].outside: \"net_ring1\" is a net_ring port: clock \"capture\" needs "
		"net_pcap ports that read files\n");
	CU_ASSERT_EQUAL(rte_vdev_uninit("net_pcap0"), 0);
	CU_ASSERT_EQUAL(rte_vdev_uninit("net_pcap1"), 0);
	unplug("net_ring", 2);
	remove_capture(&capture);
}

static void the_system_clock_takes_an_endless_capture(void)
{
	struct capture capture;

	write_capture(&capture, 4, 60);
	plug_pcap(0, "rx_pcap=@,infinite_rx=1", &capture);
	plug_pcap(1, "rx_pcap=@,infinite_rx=1", &capture);
	pps_ports_close(open_ports(pcaps, 1, false));
	unplug("net_pcap", 2);
	remove_capture(&capture);
}

static void workers_share_the_queues_of_a_port_that_has_one(void)
{
	const struct pps_ports_params params = {.segments = pcaps, .n_segments = 1, .n_workers = 3};
	struct pps_errors errors = {0};
	struct capture capture;
	struct pps_ports *ports;
	struct rte_mbuf *frame;

	write_capture(&capture, 1, 60);
	plug_pcap(0, "rx_pcap=@", &capture);
	plug_pcap(1, "rx_pcap=@,rx_pcap=@", &capture);
	ports = pps_ports_open(&params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ports);
	start_ports(ports);
	CU_ASSERT_EQUAL(ports->table_size, 128);
	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(ports->items[i].n_rx, i + 1);
		CU_ASSERT_EQUAL(ports->items[i].n_tx, i + 1);
		CU_ASSERT_EQUAL(
			ports->items[i].spread, i == 0 ? PPS_SPREAD_NONE : PPS_SPREAD_OTHER);
		for (unsigned int worker = 0; worker < 3; worker++) {
			frame = rte_pktmbuf_alloc(ports->pools[0].buffers);
			CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
			CU_ASSERT_EQUAL(
				pps_ports_send(ports, ports->items[i].id, worker, &frame, 1), 1);
		}
	}
	pps_ports_close(ports);
	unplug("net_pcap", 2);
	remove_capture(&capture);
}

/* What a started device says of its spreading when it was told this key and these kinds. */
static enum pps_spread spread_of(struct pps_ports *ports, uint8_t *key, uint64_t kinds)
{
	struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = 40, .rss_hf = kinds};

	CU_ASSERT_EQUAL(rte_eth_dev_rss_hash_update(ports->items[0].id, &conf), 0);
	port_spread(ports, 0);
	return ports->items[0].spread;
}

/* net_null has what NICs have to be told how to spread, and does not do what it is told at first.
 */
static void a_device_is_asked_whether_it_spreads_by_addresses(void)
{
	const uint64_t addresses = PORT_SPREAD_ADDRESSES, fragments = PORT_SPREAD_FRAGMENTS;
	const struct rte_eth_conf conf = {.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS};
	struct rte_eth_dev_info info;
	struct pps_port port = {.n_rx = 2};
	struct pps_ports_priv priv = {.infos = &info};
	struct pps_ports ports = {.items = &port, .n = 1, .priv = &priv};
	struct rte_eth_rss_reta_entry64 table[2] = {{.mask = UINT64_MAX}, {.mask = UINT64_MAX}};
	uint8_t key[40];

	pps_log_init("test", PPS_LOG_ERROR);
	CU_ASSERT_EQUAL_FATAL(rte_vdev_init("net_null0", ""), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_get_port_by_name("net_null0", &port.id), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_info_get(port.id, &info), 0);
	CU_ASSERT_EQUAL_FATAL(rte_eth_dev_configure(port.id, 2, 2, &conf), 0);
	ports.table_size = port_table_size(&ports);
	CU_ASSERT_EQUAL_FATAL(ports.table_size, 128);

	port_spread(&ports, 0);
	CU_ASSERT_EQUAL(port.spread, PPS_SPREAD_OTHER);
	port_symmetric_key(key, sizeof(key));
	CU_ASSERT_EQUAL(spread_of(&ports, key, addresses), PPS_SPREAD_RSS);
	CU_ASSERT_EQUAL(spread_of(&ports, key, addresses | fragments), PPS_SPREAD_RSS);
	CU_ASSERT_EQUAL(rte_eth_dev_rss_reta_query(port.id, table, 128), 0);
	for (unsigned int i = 0; i < 128; i++)
		CU_ASSERT_EQUAL(table[i / 64].reta[i % 64], i % 2);
	/* Ports would take flows and their fragments apart; one family alone, half of the flows. */
	CU_ASSERT_EQUAL(
		spread_of(&ports, key, addresses | RTE_ETH_RSS_NONFRAG_IPV4_TCP), PPS_SPREAD_OTHER);
	CU_ASSERT_EQUAL(spread_of(&ports, key, RTE_ETH_RSS_IPV4), PPS_SPREAD_OTHER);
	key[39] ^= 1;
	CU_ASSERT_EQUAL(spread_of(&ports, key, addresses), PPS_SPREAD_OTHER);

	CU_ASSERT_EQUAL(rte_eth_dev_close(port.id), 0);
	unplug("net_null", 1);
}

/* Some drivers say of such a device that it is where they were plugged. */
static void a_port_without_hardware_is_on_no_node(void)
{
	static const struct pps_segment_params nulls[] = {{"one", "net_null0", "net_null1", 0}};
	struct pps_ports *ports;

	CU_ASSERT_EQUAL_FATAL(rte_vdev_init("net_null0", ""), 0);
	CU_ASSERT_EQUAL_FATAL(rte_vdev_init("net_null1", ""), 0);
	ports = open_ports(nulls, 1, false);
	CU_ASSERT_NOT_EQUAL(rte_eth_dev_socket_id(ports->items[0].id), SOCKET_ID_ANY);
	CU_ASSERT_EQUAL(ports->items[0].node, PPS_NO_NODE);
	pps_ports_close(ports);
	unplug("net_null", 2);
}

static void a_capture_nobody_would_read_is_an_error(void)
{
	struct pps_ports_params params = {.segments = pcaps, .n_segments = 1, .n_workers = 1};
	struct capture capture;

	write_capture(&capture, 1, 60);
	plug_pcap(0, "rx_pcap=@,rx_pcap=@", &capture);
	plug_pcap(1, "rx_pcap=@", &capture);
	expect_refused(&params,
		"segments[0].inside: \"net_pcap0\" has more rx_pcap files than workers: some would "
		"never be read (workers: 1, receive queues: 2, transmit queues: 2)\n");
	unplug("net_pcap", 2);
	remove_capture(&capture);
}

/* ---- links ---- */

static void real_devices_are_mirrored_and_not_sent_to(void)
{
	struct pps_link_change changes[8];
	struct rte_eth_link link;
	struct pps_ports *ports;
	uint64_t now;

	plug_rings(2);
	ports = open_ports(rings, 1, false);
	start_ports(ports);
	now = pps_time_mono_ns() + LINK_HOLD_DOWN_NS;
	CU_ASSERT_EQUAL(pps_ports_link_poll(ports, now, changes, 8), 0);
	CU_ASSERT_EQUAL(rte_eth_dev_set_link_down(ports->items[0].id), 0);
	CU_ASSERT_EQUAL(pps_ports_link_poll(ports, now + 50 * MS, changes, 8), 0);
	CU_ASSERT_FALSE(pps_ports_link_up(ports, ports->items[0].id)); /* at once */
	CU_ASSERT_TRUE(pps_ports_link_up(ports, ports->items[1].id));
	CU_ASSERT_EQUAL(pps_ports_link_poll(ports, now + 150 * MS, changes, 3), 0); /* no room */
	CU_ASSERT_EQUAL_FATAL(pps_ports_link_poll(ports, now + 150 * MS, changes, 8), 2);
	CU_ASSERT_EQUAL(changes[0].port, ports->items[0].id);
	CU_ASSERT_FALSE(changes[0].up);
	CU_ASSERT_FALSE(changes[0].mirrored);
	CU_ASSERT_EQUAL(changes[1].port, ports->items[1].id);
	CU_ASSERT_FALSE(changes[1].up);
	CU_ASSERT_TRUE(changes[1].mirrored);
	CU_ASSERT_FALSE(pps_ports_link_up(ports, ports->items[1].id));
	CU_ASSERT_EQUAL(rte_eth_link_get_nowait(ports->items[1].id, &link), 0);
	CU_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN);

	CU_ASSERT_EQUAL(rte_eth_dev_set_link_up(ports->items[0].id), 0);
	CU_ASSERT_EQUAL(pps_ports_link_poll(ports, now + 200 * MS, changes, 8), 0);
	CU_ASSERT_EQUAL(pps_ports_link_poll(ports, now + 300 * MS, changes, 8), 2);
	CU_ASSERT_TRUE(pps_ports_link_up(ports, ports->items[0].id));
	pps_ports_link_poll(ports, now + 400 * MS, changes, 8);
	CU_ASSERT_TRUE(pps_ports_link_up(ports, ports->items[1].id));
	pps_ports_close(ports);
	unplug("net_ring", 2);
}

/* ---- receive only ---- */

static void ports_that_only_receive_have_no_transmit_queue(void)
{
	static const struct pps_segment_params segments[] = {
		{"tap", "net_ring0", "net_ring1", 0, NULL},
		{.name = "mixed", .mirror = "net_ring2"},
	};
	struct pps_ports_params params = {
		.segments = segments, .n_segments = 2, .n_workers = 1, .receive_only = true};
	static const uint8_t sides[] = {PPS_SIDE_INSIDE, PPS_SIDE_OUTSIDE, PPS_SIDE_MIXED};
	static const char *const words[] = {"inside", "outside", "mirror"};
	struct pps_errors errors = {0};
	struct rte_eth_dev_info info;
	struct pps_ports *ports;
	unsigned int i;

	plug_rings(3);
	ports = pps_ports_open(&params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ports);
	CU_ASSERT_EQUAL_FATAL(ports->n, 3);
	start_ports(ports);
	for (i = 0; i < ports->n; i++) {
		const struct pps_port *port = &ports->items[i];

		CU_ASSERT_EQUAL(port->segment, i / 2);
		CU_ASSERT_EQUAL(port->side, sides[i]);
		CU_ASSERT_STRING_EQUAL(pps_port_side_word(port), words[i]);
		CU_ASSERT_EQUAL(rte_eth_dev_info_get(port->id, &info), 0);
		CU_ASSERT_EQUAL(info.nb_rx_queues, 1);
		CU_ASSERT_EQUAL(info.nb_tx_queues, 0);
	}
	CU_ASSERT_EQUAL(ports->items[2].peer, ports->items[2].id);
	pps_ports_close(ports);
	unplug("net_ring", 3);
}

static void links_of_ports_that_only_receive_are_watched_and_not_mirrored(void)
{
	static const struct pps_segment_params segments[] = {
		{.name = "mixed", .mirror = "net_ring2"},
		{"tap", "net_ring0", "net_ring1", 0, NULL},
	};
	struct pps_ports_params params = {
		.segments = segments, .n_segments = 2, .n_workers = 1, .receive_only = true};
	struct pps_link_change changes[8];
	struct pps_errors errors = {0};
	struct rte_eth_link link;
	struct pps_ports *ports;
	uint64_t now;
	unsigned int i;

	plug_rings(3);
	ports = pps_ports_open(&params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ports);
	start_ports(ports);
	now = pps_time_mono_ns() + LINK_HOLD_DOWN_NS;
	for (i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(rte_eth_dev_set_link_down(ports->items[i].id), 0);
	CU_ASSERT_EQUAL(pps_ports_link_poll(ports, now, changes, 8), 0);
	CU_ASSERT_EQUAL_FATAL(pps_ports_link_poll(ports, now + 150 * MS, changes, 1), 1);
	CU_ASSERT_EQUAL(changes[0].port, ports->items[0].id);
	CU_ASSERT_FALSE(changes[0].up);
	CU_ASSERT_EQUAL_FATAL(pps_ports_link_poll(ports, now + 150 * MS, changes, 8), 1);
	CU_ASSERT_EQUAL(changes[0].port, ports->items[1].id);
	CU_ASSERT_FALSE(changes[0].mirrored);
	CU_ASSERT_EQUAL(rte_eth_link_get_nowait(ports->items[2].id, &link), 0);
	CU_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_UP);
	for (i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(rte_eth_dev_set_link_up(ports->items[i].id), 0);
	pps_ports_close(ports);
	unplug("net_ring", 3);
}

static void a_missing_mirror_port_is_told_by_its_key(void)
{
	static const struct pps_segment_params segments[] = {{.name = "m", .mirror = "net_ring7"}};
	struct pps_ports_params params = {
		.segments = segments, .n_segments = 1, .n_workers = 1, .receive_only = true};

	expect_refused(&params,
		"segments[0].mirror: \"net_ring7\" is not a port EAL brought up (it has: none)\n");
}

static const struct unit_test tests[] = {
	UNIT_TEST(without_any_port_a_missing_one_is_told_so),
	UNIT_TEST(a_missing_port_is_answered_with_those_there_are),
	UNIT_TEST(a_port_used_twice_is_an_error),
	UNIT_TEST(no_segment_is_an_error),
	UNIT_TEST(workers_share_the_queues_of_a_port_that_has_one),
	UNIT_TEST(two_segments_are_four_ports_with_their_peers),
	UNIT_TEST(links_are_up_only_between_start_and_stop),
	UNIT_TEST(no_frame_is_lost_over_start_stop_close_and_opening_again),
	UNIT_TEST(closing_running_ports_stops_them),
	UNIT_TEST(a_port_that_does_not_start_stops_the_others),
	UNIT_TEST(too_little_memory_is_told_with_what_helps),
	UNIT_TEST(capture_clock_takes_files),
	UNIT_TEST(long_frames_arrive_in_chains),
	UNIT_TEST(capture_clock_refuses_what_never_ends_or_is_no_file),
	UNIT_TEST(the_system_clock_takes_an_endless_capture),
	UNIT_TEST(a_device_is_asked_whether_it_spreads_by_addresses),
	UNIT_TEST(a_port_without_hardware_is_on_no_node),
	UNIT_TEST(a_capture_nobody_would_read_is_an_error),
	UNIT_TEST(real_devices_are_mirrored_and_not_sent_to),
	UNIT_TEST(ports_that_only_receive_have_no_transmit_queue),
	UNIT_TEST(links_of_ports_that_only_receive_are_watched_and_not_mirrored),
	UNIT_TEST(a_missing_mirror_port_is_told_by_its_key),
};

int main(void)
{
	unit_eal_init(256);
	/* net_ring finds the rings of its last life again, and says so as an error. */
	rte_log_set_global_level(RTE_LOG_CRIT);
	return unit_run("port", tests, UNIT_COUNT(tests));
}
