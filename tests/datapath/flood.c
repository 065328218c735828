/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Floods, with counted packets, through the whole filter. Clients of ordinary patience go on
 * opening connections while the flood comes in; flows that were established before go on sending.
 * Time is that of the flood: so many frames are a millisecond. TAP.
 */

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <rte_byteorder.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "frame.h"
#include "lab.h"

#define FLOWS       65536
#define ESTABLISHED 1000
#define BURST       32
#define AGE_SLICE   (2 * 65536 / 1000) /* entries swept in a millisecond: the table in a second */

#define SERVER "198.51.100.10"
#define POLICY                                                                          \
	"{\"policy\":\"p\",\"revision\":1,\"approved\":["                               \
	"{\"id\":\"WEB\",\"direction\":\"inbound\",\"protocol\":\"tcp\",\"ports\":443," \
	"\"source\":\"any\",\"destination\":\"any\"},"                                  \
	"{\"id\":\"DNS\",\"direction\":\"inbound\",\"protocol\":\"udp\",\"ports\":53,"  \
	"\"source\":\"any\",\"destination\":\"any\"},"                                  \
	"{\"id\":\"LOG\",\"direction\":\"inbound\",\"protocol\":\"udp\",\"ports\":514," \
	"\"source\":\"any\",\"destination\":\"any\",\"log\":\"flows\"}]}"

/* One kind of frame, whose outside address and port are put in. */
struct mould {
	uint8_t bytes[128];
	uint32_t len;
	bool inbound;
};

struct flood {
	struct lab lab;
	struct rte_mbuf *frames[BURST];
	struct mould syn, syn_ack, ack, query, answer;
	uint64_t random;
	uint64_t time_ms;
	uint64_t n_sent, n_passed; /* of the flood */
	uint64_t n_wrong; /* frames that had to pass and did not */
	enum pps_reason last_wrong;
	size_t heap_bytes;
};

static unsigned int n_tests, n_failed;

static void report(bool good, const char *sentence)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++n_tests, sentence);
	fflush(stdout);
	n_failed += !good;
}

static struct mould make_mould(bool inbound, const char *text)
{
	static uint8_t frame[FRAME_MAX];
	struct mould mould = {.inbound = inbound, .len = frame_make(text, frame)};

	memcpy(mould.bytes, frame, mould.len);
	return mould;
}

static void put_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (unsigned int i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* The frame of this mould from or to 'address' (host order) and 'port'. */
static void cast(const struct mould *mould, uint32_t address, uint16_t port, struct rte_mbuf *frame)
{
	uint32_t at = mould->inbound ? 26 : 30;
	uint8_t *data = rte_pktmbuf_mtod(frame, uint8_t *);

	frame->data_len = (uint16_t)mould->len;
	frame->pkt_len = mould->len;
	memcpy(data, mould->bytes, mould->len);
	address = rte_cpu_to_be_32(address);
	port = rte_cpu_to_be_16(port);
	memcpy(data + at, &address, sizeof(address));
	memcpy(data + (mould->inbound ? 34 : 36), &port, sizeof(port));
	put_checksum(data + 14);
}

static void judge(struct flood *flood, bool inbound, unsigned int n, struct pps_verdict *verdicts)
{
	const struct pps_ingress ingress = {
		.port = inbound ? 1 : 0,
		.side = inbound ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE,
	};
	const struct pps_clock now = lab_clock(flood->time_ms);

	pps_filter_burst(
		flood->lab.filter, flood->lab.ruleset, &ingress, &now, flood->frames, n, verdicts);
}

/* One frame that must pass. */
static void pass(struct flood *flood, const struct mould *mould, uint32_t address, uint16_t port)
{
	struct pps_verdict verdict;

	cast(mould, address, port, flood->frames[0]);
	judge(flood, mould->inbound, 1, &verdict);
	if (verdict.reason == PPS_REASON_NONE)
		return;
	flood->n_wrong++;
	flood->last_wrong = verdict.reason;
}

static uint64_t draw(struct flood *flood)
{
	flood->random ^= flood->random << 13;
	flood->random ^= flood->random >> 7;
	flood->random ^= flood->random << 17;
	return flood->random;
}

/* 'n' frames of the flood, a multiple of BURST; 'source' 0: random ones, of 11/8 to 98/8. */
static void pour(struct flood *flood, const struct mould *mould, unsigned int n, uint32_t source)
{
	struct pps_verdict verdicts[BURST];

	for (unsigned int i = 0; i < n; i += BURST) {
		for (unsigned int k = 0; k < BURST; k++) {
			uint64_t r = draw(flood);
			uint32_t address = source != 0
				? source
				: (uint32_t)(((r >> 40) % 88 + 11) << 24 | (r & 0xffffff));

			cast(mould, address, (uint16_t)(r >> 24 | 0xc000), flood->frames[k]);
		}
		judge(flood, mould->inbound, BURST, verdicts);
		for (unsigned int k = 0; k < BURST; k++)
			flood->n_passed += verdicts[k].reason == PPS_REASON_NONE;
	}
	flood->n_sent += n;
}

static void tick(struct flood *flood, uint64_t ms)
{
	const struct pps_clock now = lab_clock(flood->time_ms += ms);

	pps_filter_age(flood->lab.filter, flood->lab.ruleset, &now, AGE_SLICE * (unsigned int)ms);
}

static size_t heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;

	rte_malloc_get_socket_stats(0, &stats);
	return stats.heap_allocsz_bytes + mallinfo2().uordblks;
}

/* The i-th client: nobody the flood pretends to be. */
static uint32_t client(uint32_t i)
{
	return 10u << 24 | i;
}

static void shake_hands(struct flood *flood, uint32_t address, uint16_t port)
{
	pass(flood, &flood->syn, address, port);
	pass(flood, &flood->syn_ack, address, port);
	pass(flood, &flood->ack, address, port);
}

static void talk(struct flood *flood, unsigned int n_clients)
{
	for (uint32_t i = 0; i < n_clients; i++) {
		pass(flood, &flood->ack, client(i), 4000);
		pass(flood, &flood->syn_ack, client(i), 4000); /* a late one: passes */
	}
}

static void begin(struct flood *flood, unsigned int n_clients)
{
	static const uint8_t empty[128];

	*flood = (struct flood){.random = 88172645463325252ull, .time_ms = 1000};
	lab_init(&flood->lab, FLOWS);
	lab_load(&flood->lab, POLICY, 0);
	flood->syn = make_mould(true, "ip4 dst=" SERVER " tcp dport=443 flags=S");
	flood->syn_ack = make_mould(false, "ip4 src=" SERVER " tcp sport=443 flags=SA");
	flood->ack = make_mould(true, "ip4 dst=" SERVER " tcp dport=443 flags=A data=10");
	flood->query = make_mould(true, "ip4 dst=" SERVER " udp dport=53 data=20");
	flood->answer = make_mould(false, "ip4 src=" SERVER " udp sport=53 data=40");
	for (unsigned int k = 0; k < BURST; k++)
		flood->frames[k] = lab_frame(&flood->lab, empty, sizeof(empty), 0);
	for (uint32_t i = 0; i < n_clients; i++)
		shake_hands(flood, client(i), 4000);
	flood->heap_bytes = heap_bytes();
}

static void end(struct flood *flood)
{
	if (flood->n_wrong > 0)
		printf("# %" PRIu64 " frames that must pass did not, the last by %s\n",
			flood->n_wrong, pps_reason_word(flood->last_wrong));
	report(flood->n_wrong == 0, "every packet of everybody else passes");
	report(heap_bytes() == flood->heap_bytes, "no memory is taken meanwhile");
	rte_pktmbuf_free_bulk(flood->frames, BURST);
	report(lab_fini(&flood->lab), "every buffer comes back");
}

/*
 * A million frames a second from random sources. Every millisecond a client begins a connection
 * that the server answers 2 ms and the client confirms 10 ms later; every 100 ms all established
 * flows speak.
 */
static void flood_with_syns_from_everywhere(bool answered)
{
	const unsigned int per_ms = 992, n_ms = answered ? 1000 : 5041, rtt = 10;
	uint32_t half_open;
	uint64_t begun = 0;
	static struct flood flood;

	begin(&flood, ESTABLISHED);
	for (unsigned int ms = 0; ms < n_ms; ms++) {
		uint64_t random = flood.random;

		pour(&flood, &flood.syn, per_ms, 0);
		if (answered) { /* the server believes them all */
			flood.random = random;
			pour(&flood, &flood.syn_ack, per_ms, 0);
		}
		pass(&flood, &flood.syn, client(10000 + ms), 5000);
		if (ms >= 2)
			pass(&flood, &flood.syn_ack, client(10000 + ms - 2), 5000);
		if (ms >= rtt) {
			pass(&flood, &flood.ack, client(10000 + ms - rtt), 5000);
			begun++;
		}
		if (ms % 100 == 0)
			talk(&flood, ESTABLISHED);
		tick(&flood, 1);
	}
	printf("# %" PRIu64 " frames of the flood, %" PRIu64 " passed; %" PRIu64
	       " connections were established meanwhile; %" PRIu64 " half-open flows replaced\n",
		flood.n_sent, flood.n_passed, begun, flood.lab.stats->flows_replaced);
	talk(&flood, ESTABLISHED);
	for (unsigned int ms = 0; ms + rtt < n_ms; ms++)
		pass(&flood, &flood.ack, client(10000 + ms), 5000);
	report(flood.n_sent >= (answered ? 1900000 : 5000000) && flood.n_passed == flood.n_sent,
		answered ? "a flood of answered syns takes turns with itself"
			 : "a flood of 5 million syns takes turns with itself");
	half_open = pps_flow_count_half_open(flood.lab.flows);
	report(half_open + 1 >= pps_flow_half_open_max(flood.lab.flows) &&
			half_open <= pps_flow_half_open_max(flood.lab.flows) &&
			pps_flow_count(flood.lab.flows) == ESTABLISHED + begun + half_open,
		"half-open flows hold their part of the table, the others are established");
	report(flood.lab.stats->flows_replaced > flood.n_passed / (answered ? 2 : 1) -
				2 * pps_flow_half_open_max(flood.lab.flows),
		"each of the rest replaced an older one");
	end(&flood);
}

/* The same in UDP: queries that nobody answers, while clients ask and are answered in 5 ms. */
static void flood_with_queries_from_everywhere(void)
{
	const unsigned int per_ms = 992, n_ms = 2000, rtt = 5;
	static struct flood flood;

	begin(&flood, ESTABLISHED);
	for (unsigned int ms = 0; ms < n_ms; ms++) {
		pour(&flood, &flood.query, per_ms, 0);
		pass(&flood, &flood.query, client(10000 + ms), 5000);
		if (ms >= rtt)
			pass(&flood, &flood.answer, client(10000 + ms - rtt), 5000);
		if (ms % 100 == 0)
			talk(&flood, ESTABLISHED);
		tick(&flood, 1);
	}
	talk(&flood, ESTABLISHED);
	for (unsigned int ms = 0; ms + rtt < n_ms; ms++)
		pass(&flood, &flood.answer, client(10000 + ms), 5000);
	report(flood.n_passed == flood.n_sent,
		"a flood of 2 million queries takes turns with itself");
	report(pps_flow_count_half_open(flood.lab.flows) + 1 >=
				pps_flow_half_open_max(flood.lab.flows) &&
			pps_flow_count_half_open(flood.lab.flows) <=
				pps_flow_half_open_max(flood.lab.flows),
		"unanswered queries hold no more than their part of the table");
	end(&flood);
}

/* One source, 100,000 a second for ten seconds, while others take their time: 9 s for a handshake.
 */
static void flood_from_one_source(void)
{
	const unsigned int per_ms = 96, n_ms = 10000;
	static struct flood flood;
	uint64_t begun;
	uint32_t share;

	begin(&flood, ESTABLISHED);
	share = pps_flow_half_open_per_source(flood.lab.flows);
	for (unsigned int ms = 0; ms < n_ms; ms++) {
		pour(&flood, &flood.syn, per_ms, 66u << 24 | 1);
		if (ms % 10 == 0)
			pass(&flood, &flood.syn, client(10000 + ms), 5000);
		if (ms >= 9000 && ms % 10 == 0) {
			pass(&flood, &flood.syn_ack, client(10000 + ms - 9000), 5000);
			pass(&flood, &flood.ack, client(10000 + ms - 9000), 5000);
		}
		if (ms % 1000 == 0)
			talk(&flood, ESTABLISHED);
		tick(&flood, 1);
	}
	begun = flood.lab.stats->flows_started - ESTABLISHED - n_ms / 10;
	printf("# share %u; %" PRIu64 " frames of the flood, %" PRIu64 " flows of it begun\n",
		share, flood.n_sent, begun);
	report(begun >= 9ull * share && begun <= 10ull * share,
		"a flood from one source gets no further than its share a second");
	report(flood.lab.stats->drops[PPS_REASON_HALF_OPEN_SOURCE] == flood.n_sent - flood.n_passed,
		"what is dropped of it is counted");
	report(flood.lab.stats->flows_replaced <= 10ull * share, "it replaces none but its own");
	end(&flood);
}

/* Every entry holds an established flow. */
static void flood_a_table_full_of_established_flows(void)
{
	static struct flood flood;

	begin(&flood, FLOWS);
	report(pps_flow_count(flood.lab.flows) == FLOWS && flood.n_wrong == 0,
		"the whole table can be established flows");
	pour(&flood, &flood.syn, 320000, 0);
	report(flood.n_passed == 0 &&
			flood.lab.stats->drops[PPS_REASON_FLOW_TABLE_FULL] == flood.n_sent,
		"a full table drops what is new, and counts it");
	talk(&flood, FLOWS);
	report(pps_flow_count(flood.lab.flows) == FLOWS, "no established flow makes room");
	end(&flood);
}

/* Slices of 64 entries until a pass of ageing has ended. */
static unsigned int slices_of_a_pass(struct flood *flood)
{
	const struct pps_clock now = lab_clock(flood->time_ms);
	unsigned int n = 1;

	while (!pps_filter_age(flood->lab.filter, flood->lab.ruleset, &now, 64))
		n++;
	return n;
}

/* Whoever loads a policy waits for the first pass. */
static void load_a_policy_over(unsigned int n_flows, const char *sentence, bool few)
{
	static struct flood flood;
	unsigned int all, first;
	uint64_t kept;

	begin(&flood, n_flows);
	all = pps_flow_walk_length(flood.lab.flows) / 64;
	slices_of_a_pass(&flood);
	lab_load(&flood.lab, POLICY, flood.time_ms);
	kept = flood.lab.stats->rejudged_kept;
	first = slices_of_a_pass(&flood);
	printf("# %u slices, then %u\n", first, slices_of_a_pass(&flood));
	report(few ? first < all / 16 : first > n_flows / 64, sentence);
	report(flood.lab.stats->rejudged_kept - kept == n_flows, "every flow is judged by it");
	report(slices_of_a_pass(&flood) >= all, "later passes have time");
	flood.heap_bytes = heap_bytes();
	end(&flood);
}

/* Ends of flows are events where the rule asks for them; a replaced flow says so. */
static void replace_with_an_event(void)
{
	struct pps_event_log_params params = {0};
	struct pps_errors errors = {0};
	struct pps_event_log *log;
	json_t *filter = json_pack("{s:s, s:s}", "event", "flow_end", "end", "replaced");
	json_t *found;
	struct lab lab;
	uint8_t frame[FRAME_MAX];

	lab_init_params(&lab,
		&(struct lab_params){.flows = 1024, .half_open_max = 2, .half_open_per_source = 2});
	lab_load(&lab, POLICY, 0);
	params.book = lab.book;
	log = pps_event_log_create(&params, &errors);
	for (unsigned int i = 0; i < 5; i++) {
		struct pps_verdict verdict;
		struct rte_mbuf *mbuf;
		char text[128];

		snprintf(text, sizeof(text),
			"ip4 src=203.0.113.%u dst=" SERVER " udp sport=%u dport=514", i + 1, i + 1);
		mbuf = lab_frame(&lab, frame, frame_make(text, frame), 0);
		lab_burst(&lab, true, 1, &mbuf, 1, &verdict);
	}
	pps_event_log_drain(log, lab.events, 100);
	found = pps_event_log_tail(log, filter, 0, 100);
	report(json_array_size(found) == 3 && lab.stats->flows_replaced == 3 &&
			json_integer_value(
				json_object_get(json_array_get(found, 0), "source_port")) == 1 &&
			strcmp(json_string_value(json_object_get(json_array_get(found, 0), "rule")),
				"LOG") == 0,
		"a flow that makes room ends as replaced, with its rule");
	json_decref(found);
	json_decref(filter);
	pps_event_log_destroy(log);
	lab_fini(&lab);
}

int main(void)
{
	printf("# %u flows, of which %u were there before\n", FLOWS, ESTABLISHED);
	flood_with_syns_from_everywhere(false);
	flood_with_syns_from_everywhere(true);
	flood_with_queries_from_everywhere();
	flood_from_one_source();
	flood_a_table_full_of_established_flows();
	replace_with_an_event();
	load_a_policy_over(ESTABLISHED, "few flows are soon judged by a new policy", true);
	load_a_policy_over(FLOWS, "of a full table no slice judges more flows than it may", false);
	printf("1..%u\n", n_tests);
	return n_failed == 0 ? 0 : 1;
}
