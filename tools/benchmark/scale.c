/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How evenly packets are spread over workers, by the very functions that choose them (lib/steer):
 * Toeplitz as devices compute it, through a table of 128 entries, and the keyed hash.
 */

#include <inttypes.h>
#include <math.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include <pps_steer.h>

#include "bench.h"

#define COUNTS        6 /* of workers: 2 to 64 */
#define SAMPLES       (1u << 19)
#define HEAVY_PERCENT 30

struct host_pair {
	uint8_t src[16], dst[16];
	uint8_t family;
};

struct spread {
	uint64_t n;
	/* By method and by log2 of the number of workers - 1. */
	struct pps_steer *steers[2][COUNTS];
	uint64_t packets[2][COUNTS][PPS_STEER_WORKERS_MAX];
};

static void add_frame(struct spread *spread, const uint8_t *frame, uint32_t head_len, uint32_t len)
{
	if (pps_steer_frame(spread->steers[0][0], frame, head_len, len) == PPS_STEER_NOBODY)
		return;
	spread->n++;
	for (unsigned int m = 0; m < 2; m++) {
		for (unsigned int i = 0; i < COUNTS; i++)
			spread->packets[m][i][pps_steer_frame(
				spread->steers[m][i], frame, head_len, len)]++;
	}
}

/* As the header of a UDP packet. */
static void add(struct spread *spread, const struct host_pair *pair)
{
	uint8_t frame[14 + 40 + 8] = {0};

	if (pair->family == 4) {
		memcpy(frame + 12, "\x08\0\x45", 3);
		frame[14 + 9] = PPS_IP_UDP;
		memcpy(frame + 14 + 12, pair->src, 4);
		memcpy(frame + 14 + 16, pair->dst, 4);
	} else {
		memcpy(frame + 12, "\x86\xdd\x60", 3);
		frame[14 + 6] = PPS_IP_UDP;
		memcpy(frame + 14 + 8, pair->src, 16);
		memcpy(frame + 14 + 24, pair->dst, 16);
	}
	add_frame(spread, frame, sizeof(frame), sizeof(frame));
}

static double most(const uint64_t packets[PPS_STEER_WORKERS_MAX], double mean)
{
	uint64_t most = 0;

	for (unsigned int i = 0; i < PPS_STEER_WORKERS_MAX; i++)
		most = RTE_MAX(most, packets[i]);
	return (double)most / mean;
}

static void print_spread(struct pps_str *out, const char *mix, const struct spread *spread)
{
	for (unsigned int i = 0; i < COUNTS; i++) {
		unsigned int workers = 2u << i;
		double mean = (double)spread->n / workers;

		pps_str_addf(out,
			"%s{\"mix\": \"%s\", \"workers\": %u, \"packets\": %" PRIu64
			", \"toeplitz\": %.3f, \"keyed\": %.3f}",
			out->len == 1 ? "" : ", ", mix, workers, spread->n,
			most(spread->packets[PPS_STEER_TOEPLITZ][i], mean),
			most(spread->packets[PPS_STEER_KEYED][i], mean));
	}
}

static void begin(struct spread *spread)
{
	memset(spread, 0, sizeof(*spread));
	for (unsigned int m = 0; m < 2; m++) {
		for (unsigned int i = 0; i < COUNTS; i++) {
			spread->steers[m][i] = pps_steer_create(
				(enum pps_steer_method)m, 2u << i, PPS_STEER_TABLE);
			if (spread->steers[m][i] == NULL)
				bench_fail("no memory");
		}
	}
}

static void end(struct spread *spread)
{
	for (unsigned int m = 0; m < 2; m++) {
		for (unsigned int i = 0; i < COUNTS; i++)
			pps_steer_destroy(spread->steers[m][i]);
	}
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
		if (header->caplen >= RTE_MIN(header->len, (bpf_u_int32)PPS_PACKET_HEADER_MAX))
			add_frame(spread, data, header->caplen, header->len);
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
		end(&spread);
	}
	if (options->path != NULL) {
		begin(&spread);
		read_captures(options->path, &spread);
		print_spread(out, "captures", &spread);
		end(&spread);
	}
	pps_str_add(out, "]");
}
