/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output.h"

#define DAY_MS 86400000ULL

/* Three digits and a unit: 1.2 M, 34.5 M, 678 M. */
static void scale(
	uint64_t n, unsigned int base, const char *const *units, size_t n_units, char to[HUMAN_MAX])
{
	double value = (double)n;
	size_t unit = 0;

	while (unit + 1 < n_units && value >= base - 0.5) {
		value /= base;
		unit++;
	}
	snprintf(to, HUMAN_MAX, "%.*f %s", unit > 0 && value < 99.95 ? 1 : 0, value, units[unit]);
}

const char *human_count(uint64_t n, char to[HUMAN_MAX])
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};

	if (n < 100000)
		snprintf(to, HUMAN_MAX, "%" PRIu64, n);
	else
		scale(n, 1000, units, sizeof(units) / sizeof(units[0]), to);
	return to;
}

const char *human_bytes(uint64_t n, char to[HUMAN_MAX])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

	scale(n, 1024, units, sizeof(units) / sizeof(units[0]), to);
	return to;
}

const char *human_bits(uint64_t n, char to[HUMAN_MAX])
{
	static const char *const units[] = {
		"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s", "Ebit/s"};

	scale(n, 1000, units, sizeof(units) / sizeof(units[0]), to);
	return to;
}

const char *human_duration(uint64_t ms, char to[HUMAN_MAX])
{
	uint64_t sec = ms / 1000;

	if (ms > 0 && ms < 1000)
		snprintf(to, HUMAN_MAX, "%" PRIu64 " ms", ms);
	else if (sec < 60)
		snprintf(to, HUMAN_MAX, "%" PRIu64 " s", sec);
	else if (sec < 3600)
		snprintf(to, HUMAN_MAX, "%" PRIu64 " min %" PRIu64 " s", sec / 60, sec % 60);
	else if (sec < 86400)
		snprintf(to, HUMAN_MAX, "%" PRIu64 " h %" PRIu64 " min", sec / 3600, sec / 60 % 60);
	else
		snprintf(
			to, HUMAN_MAX, "%" PRIu64 " d %" PRIu64 " h", sec / 86400, sec / 3600 % 24);
	return to;
}

const char *human_when(const char *time, char to[HUMAN_MAX])
{
	uint64_t then, now = pps_time_wall_ns();
	char ago[HUMAN_MAX];

	if (time == NULL || *time == '\0')
		snprintf(to, HUMAN_MAX, "never");
	else if (pps_time_parse(time, &then) != 0 || then > now ||
		(now - then) / PPS_NS_PER_MS >= DAY_MS)
		snprintf(to, HUMAN_MAX, "%s", time);
	else
		snprintf(to, HUMAN_MAX, "%.*s ago", HUMAN_MAX - 5,
			human_duration((now - then) / PPS_NS_PER_MS, ago));
	return to;
}
