/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ppsfw-bench [EAL arguments] -- COMMAND [name=value ...]
 *
 * Measures one thing and prints one JSON object. tools/bench knows what to measure.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_version.h>

#include "bench.h"

static const struct command {
	const char *word;
	void (*run)(const struct bench_options *options, struct pps_str *out);
} commands[] = {
	{"filter", bench_filter},
	{"floor", bench_floor},
	{"latency", bench_latency},
	{"pair", bench_pair},
	{"pcap", bench_pcap},
	{"publish", bench_publish},
	{"scale", bench_scale},
	{"workers", bench_workers},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t number(const char *name, const char *value, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long ret;

	errno = 0;
	ret = strtoul(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || *value == '-' || ret < min || ret > max)
		bench_fail("%s must be %u to %u, not \"%s\"", name, min, max, value);
	return (uint32_t)ret;
}

/* The place of 'value' among the words. */
static unsigned int choice(
	const char *name, const char *value, const char *const *words, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(words[i], value) == 0)
			return i;
	}
	bench_fail("%s cannot be \"%s\"", name, value);
}

static void read_option(struct bench_options *options, char *word)
{
	static const char *const protocols[] = {"udp", "tcp"}, *const frames[] = {"64", "imix"},
				 *const loads[] = {"hit", "new", "denied", "flood"},
				 *const families[] = {"4", "6"}, *const answers[] = {"no", "yes"};
	char *value = strchr(word, '=');

	if (value == NULL)
		bench_fail("\"%s\" is not name=value", word);
	*value++ = '\0';
	if (strcmp(word, "flows") == 0)
		options->traffic.flows = number(word, value, 1, 1u << 24);
	else if (strcmp(word, "rules") == 0)
		options->traffic.rules = number(word, value, 1, PPS_POLICY_RULES_MAX);
	else if (strcmp(word, "other_rules") == 0)
		options->other_rules = number(word, value, 1, PPS_POLICY_RULES_MAX);
	else if (strcmp(word, "family") == 0)
		options->traffic.family = choice(word, value, families, 2) == 0 ? 4 : 6;
	else if (strcmp(word, "protocol") == 0)
		options->traffic.tcp = choice(word, value, protocols, 2) == 1;
	else if (strcmp(word, "frame") == 0)
		options->traffic.imix = choice(word, value, frames, 2) == 1;
	else if (strcmp(word, "load") == 0)
		options->load = (enum load)choice(word, value, loads, 4);
	else if (strcmp(word, "burst") == 0)
		options->burst = number(word, value, 1, PPS_BURST_MAX);
	else if (strcmp(word, "packets") == 0)
		options->packets = number(word, value, 1, 1u << 30);
	else if (strcmp(word, "windows") == 0)
		options->windows = number(word, value, 1, 1000);
	else if (strcmp(word, "capacity") == 0)
		options->capacity = number(word, value, 1, PPS_FLOWS_MAX);
	else if (strcmp(word, "percent") == 0)
		options->percent = number(word, value, 1, 99);
	else if (strcmp(word, "cpu") == 0)
		options->cpu = number(word, value, 0, CPU_SETSIZE - 1);
	else if (strcmp(word, "reloads") == 0)
		options->reloads = choice(word, value, answers, 2) == 1;
	else if (strcmp(word, "path") == 0)
		options->path = value;
	else
		bench_fail("no option is called \"%s\"", word);
}

void bench_leave_cpu(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (unsigned int i = 0; i < CPU_SETSIZE; i++) {
		if (i != cpu)
			CPU_SET(i, &cpus);
	}
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

int main(int argc, char **argv)
{
	struct bench_options options = {
		.traffic = {.flows = 1000, .rules = 1000, .family = 4},
		.burst = 32,
		.packets = 1u << 20,
		.windows = 5,
		.percent = 50,
		.other_rules = 10000,
	};
	struct pps_str out = PPS_STR_INIT;
	const struct command *command = NULL;
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		bench_fail("EAL did not start");
	argc -= n;
	argv += n;
	for (unsigned int i = 0; i < COUNT(commands) && argc > 1; i++) {
		if (strcmp(commands[i].word, argv[1]) == 0)
			command = &commands[i];
	}
	if (command == NULL)
		bench_fail("usage: ppsfw-bench [EAL arguments] -- "
			   "filter|floor|latency|pair|pcap|publish|scale|workers [name=value ...]");
	for (int i = 2; i < argc; i++)
		read_option(&options, argv[i]);
	if (BATCH_FRAMES % options.burst != 0)
		bench_fail("burst must divide %u", BATCH_FRAMES);
	command->run(&options, &out);
	printf("{\"tsc_hz\": %llu, \"dpdk\": \"%s\", \"hugepages\": %s, \"result\": %s}\n",
		(unsigned long long)rte_get_tsc_hz(), rte_version(),
		rte_eal_has_hugepages() ? "true" : "false", pps_str_text(&out));
	pps_str_fini(&out);
	return 0;
}
