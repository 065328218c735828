/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_H
#define BENCH_H

/*
 * What the program does, a function each; each prints one JSON object. tools/bench runs it and
 * makes the table; see tools/benchmark/method.md.
 */

#include <stdbool.h>
#include <stdint.h>

#include "traffic.h"
#include "world.h"

/* The words behind the command, name=value. */
struct bench_options {
	struct traffic traffic; /* flows= rules= family=4|6 protocol=udp|tcp frame=64|imix */
	enum load load; /* load=hit|new|denied|flood */
	uint32_t burst; /* burst= */
	uint32_t packets; /* packets= of a window */
	uint32_t windows; /* windows= */
	uint32_t capacity; /* capacity= of the table; 0: a quarter more than flows, 2^20 at least */
	uint32_t percent; /* percent= of what one core can do (latency) */
	uint32_t other_rules; /* other_rules= of the second policy (pair) */
	uint32_t cpu; /* cpu= of the second worker (workers) */
	bool reloads; /* reloads=yes (latency) */
	const char *path; /* path= a folder to write to (pcap), or a capture to read (scale) */
};

void bench_filter(const struct bench_options *options, struct pps_str *out);
void bench_floor(const struct bench_options *options, struct pps_str *out);
void bench_latency(const struct bench_options *options, struct pps_str *out);
void bench_pair(const struct bench_options *options, struct pps_str *out);
void bench_pcap(const struct bench_options *options, struct pps_str *out);
void bench_publish(const struct bench_options *options, struct pps_str *out);
void bench_scale(const struct bench_options *options, struct pps_str *out);
void bench_workers(const struct bench_options *options, struct pps_str *out);

#define BENCH_AGE_SLICE 64 /* entries aged at once, as by a busy worker of the daemon */

/* Keeps the calling thread off a worker's CPU, where there is another. */
void bench_leave_cpu(unsigned int cpu);
/* Sorts the values. */
double bench_median(double *values, uint32_t n);

static inline uint32_t bench_capacity(const struct bench_options *options)
{
	uint32_t wanted = options->traffic.flows + options->traffic.flows / 4;

	if (options->capacity != 0)
		return options->capacity;
	return wanted < 1u << 20 ? 1u << 20 : wanted;
}

#endif
