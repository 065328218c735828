/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Captures for net_pcap: what each side of a segment receives, every flow once, whole and split as
 * a device would over two queues; and the policy. For programs that are measured from outside; to
 * be repeated without end, so UDP only.
 */

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_steer.h>

#include "bench.h"

/* All of a side, or what a device with two queues would put into one of them. */
#define ALL 2

static void write_side(const struct bench_options *options, enum pps_side side, unsigned int queue,
	const char *name)
{
	struct pps_steer *steer = pps_steer_create(PPS_STEER_TOEPLITZ, 2, PPS_STEER_TABLE);
	static uint8_t frame[TRAFFIC_FRAME_MAX];
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	char *path = pps_asprintf("%s/%s", options->path, name);
	pcap_dumper_t *dumper = pcap_dump_open(pcap, path);

	if (dumper == NULL)
		bench_fail("%s: %s", path, pcap_geterr(pcap));
	if (steer == NULL)
		bench_fail("no memory");
	for (uint32_t i = 0; i < options->traffic.flows; i++) {
		uint32_t flow = traffic_flow(&options->traffic, side, i), headers;
		struct pcap_pkthdr header = {.ts = {.tv_usec = 0}};

		memset(frame, 0, sizeof(frame));
		header.len = traffic_frame(
			&options->traffic, TRAFFIC_DATA, side, flow, 0, frame, &headers);
		header.caplen = header.len;
		if (queue != ALL && pps_steer_frame(steer, frame, header.len, header.len) != queue)
			continue;
		pcap_dump((u_char *)dumper, &header, frame);
	}
	pcap_dump_close(dumper);
	pcap_close(pcap);
	pps_steer_destroy(steer);
	free(path);
}

void bench_pcap(const struct bench_options *options, struct pps_str *out)
{
	struct pps_str text = PPS_STR_INIT;
	char *path = pps_asprintf("%s/policy.json", options->path);
	FILE *file = fopen(path, "we");

	if (options->traffic.tcp)
		bench_fail("a capture that is repeated cannot hold TCP");
	traffic_policy(&options->traffic, &text);
	if (file == NULL || fwrite(text.text, 1, text.len, file) != text.len || fclose(file) != 0)
		bench_fail("%s cannot be written", path);
	write_side(options, PPS_SIDE_INSIDE, ALL, "inside.pcap");
	write_side(options, PPS_SIDE_OUTSIDE, ALL, "outside.pcap");
	write_side(options, PPS_SIDE_INSIDE, 0, "inside.0.pcap");
	write_side(options, PPS_SIDE_INSIDE, 1, "inside.1.pcap");
	write_side(options, PPS_SIDE_OUTSIDE, 0, "outside.0.pcap");
	write_side(options, PPS_SIDE_OUTSIDE, 1, "outside.1.pcap");
	free(path);
	pps_str_fini(&text);
	pps_str_add(out, "{}");
}
