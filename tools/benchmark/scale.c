/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How evenly a hash of the two addresses spreads packets over workers: Toeplitz with the key that
 * makes it symmetric, as devices compute it, through a table of 128 entries; and the keyed hash of
 * pps_flow_hash.h, as software would.
 */

#include <inttypes.h>
#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_thash.h>

#include <pps_flow_hash.h>
#include <pps_packet.h>

#include "bench.h"

#define RSS_KEY_LEN   40
#define RETA_SIZE     128
#define WORKERS_MAX   64
#define SAMPLES       (1u << 20)
#define HEAVY_PERCENT 30

struct host_pair {
	uint8_t src[16], dst[16];
	uint8_t family;
};

struct spread {
	struct pps_flow_hasher hasher;
	uint64_t n;
	uint64_t toeplitz[RETA_SIZE]; /* packets by entry of the table */
	uint64_t keyed[6][WORKERS_MAX]; /* by log2 of the number of workers - 1 */
};

static uint32_t hash_toeplitz(const struct host_pair *pair)
{
	static uint8_t key[RSS_KEY_LEN];
	unsigned int words = pair->family == 4 ? 1 : 4;
	uint32_t tuple[8];

	for (unsigned int i = 0; i < RSS_KEY_LEN; i++)
		key[i] = i % 2 == 0 ? 0x6d : 0x5a;
	for (unsigned int i = 0; i < words; i++) {
		memcpy(&tuple[i], pair->src + 4 * i, 4);
		memcpy(&tuple[words + i], pair->dst + 4 * i, 4);
	}
	for (unsigned int i = 0; i < 2 * words; i++)
		tuple[i] = rte_be_to_cpu_32(tuple[i]);
	return rte_softrss(tuple, 2 * words, key);
}

static uint32_t hash_keyed(const struct pps_flow_hasher *hasher, const struct host_pair *pair)
{
	uint8_t bytes[sizeof(struct pps_key_wide)] = {0};
	bool swap = memcmp(pair->src, pair->dst, 16) > 0;

	memcpy(bytes, swap ? pair->dst : pair->src, 16);
	memcpy(bytes + 16, swap ? pair->src : pair->dst, 16);
	return pps_flow_hasher_wide(hasher, bytes);
}

static void add(struct spread *spread, const struct host_pair *pair)
{
	uint32_t hash = hash_keyed(&spread->hasher, pair);

	spread->n++;
	spread->toeplitz[hash_toeplitz(pair) % RETA_SIZE]++;
	for (unsigned int i = 0; i < 6; i++)
		spread->keyed[i][hash >> (31 - i)]++;
}

static void print_spread(struct pps_str *out, const char *mix, const struct spread *spread)
{
	for (unsigned int i = 0; i < 6; i++) {
		uint64_t by_table[WORKERS_MAX] = {0}, most_toeplitz = 0, most_keyed = 0;
		unsigned int workers = 2u << i;
		double mean = (double)spread->n / workers;

		for (unsigned int k = 0; k < RETA_SIZE; k++)
			by_table[k % workers] += spread->toeplitz[k];
		for (unsigned int k = 0; k < workers; k++) {
			most_toeplitz = RTE_MAX(most_toeplitz, by_table[k]);
			most_keyed = RTE_MAX(most_keyed, spread->keyed[i][k]);
		}
		pps_str_addf(out,
			"%s{\"mix\": \"%s\", \"workers\": %u, \"packets\": %" PRIu64
			", \"toeplitz\": %.3f, \"keyed\": %.3f}",
			out->len == 1 ? "" : ", ", mix, workers, spread->n,
			(double)most_toeplitz / mean, (double)most_keyed / mean);
	}
}

static void begin(struct spread *spread)
{
	memset(spread, 0, sizeof(*spread));
	if (pps_flow_hasher_init(&spread->hasher) != 0)
		bench_fail("no random numbers");
}

static uint64_t draw(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 11;
}

static void put_address(uint8_t family, uint32_t net, uint32_t host, uint8_t at[16])
{
	uint32_t low = rte_cpu_to_be_32(net + host), high = rte_cpu_to_be_32(0x20010db8);

	memset(at, 0, 16);
	memcpy(at + (family == 4 ? 0 : 12), &low, 4);
	if (family == 6)
		memcpy(at, &high, 4);
}

/* A rank of 1 to n, Zipf's law with exponent 1, nearly. */
static uint32_t zipf(uint32_t n)
{
	double u = (double)draw() / (double)(UINT64_C(1) << 53);

	return (uint32_t)pow(n, u);
}

enum mix { MIX_MANY, MIX_MANY6, MIX_HEAVY, MIX_ZIPF, MIX_ONE_SERVER, MIX_COUNT };
static const char *const mix_words[] = {
	"100000 random clients, 16 servers",
	"the same in IPv6",
	"the same in IPv4, one host pair is 30 %",
	"10000 clients by Zipf's law, 100 servers",
	"1000 addresses in a row, 1 server",
};

static void play(enum mix mix, struct spread *spread)
{
	for (uint32_t i = 0; i < SAMPLES; i++) {
		struct host_pair pair = {.family = mix == MIX_MANY6 ? 6 : 4};
		uint32_t client = (uint32_t)draw() % 100000 * 2654435761u >> 4, server;

		server = (uint32_t)draw() % 16;
		if (mix == MIX_HEAVY && draw() % 100 < HEAVY_PERCENT)
			client = server = 0;
		if (mix == MIX_ZIPF) {
			client = zipf(10000) * 2654435761u >> 4;
			server = (uint32_t)draw() % 100;
		}
		if (mix == MIX_ONE_SERVER) {
			client = (uint32_t)draw() % 1000;
			server = 0;
		}
		put_address(pair.family, 0x40000000, client, pair.src);
		put_address(pair.family, 0x0a000001, server, pair.dst);
		add(spread, &pair);
	}
}

static void read_capture(const char *path, struct spread *spread)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const u_char *data;

	if (pcap == NULL)
		bench_fail("%s", error);
	while (pcap_datalink(pcap) == DLT_EN10MB && pcap_next_ex(pcap, &header, &data) == 1) {
		struct pps_packet packet;
		struct host_pair pair = {0};

		pps_packet_parse(data, header->caplen, header->len, &packet);
		if (packet.family == 0 ||
			header->caplen < RTE_MIN(header->len, (bpf_u_int32)PPS_PACKET_HEADER_MAX))
			continue;
		pair.family = packet.family;
		memcpy(pair.src, packet.src, 16);
		memcpy(pair.dst, packet.dst, 16);
		add(spread, &pair);
	}
	pcap_close(pcap);
}

/* 'path' is a file that names captures, one a line. */
static void read_captures(const char *path, struct spread *spread)
{
	char *text, *save = NULL;
	size_t len;

	if (pps_file_read(path, 1 << 20, &text, &len) != 0)
		bench_fail("%s cannot be read", path);
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save))
		read_capture(line, spread);
	free(text);
}

void bench_scale(const struct bench_options *options, struct pps_str *out)
{
	static struct spread spread;

	pps_str_add(out, "[");
	for (enum mix mix = 0; mix < MIX_COUNT; mix++) {
		begin(&spread);
		play(mix, &spread);
		print_spread(out, mix_words[mix], &spread);
	}
	if (options->path != NULL) {
		begin(&spread);
		read_captures(options->path, &spread);
		print_spread(out, "captures", &spread);
	}
	pps_str_add(out, "]");
}
