/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_GROUPS 8

static uint8_t full_len(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

struct pps_addr pps_addr_make(uint8_t family, const void *bytes)
{
	struct pps_addr addr = {0};

	addr.family = family;
	if (family == 4)
		memcpy(addr.bytes, bytes, 4);
	else if (family == 6)
		memcpy(addr.bytes, bytes, 16);
	return addr;
}

bool pps_addr_equal(const struct pps_addr *a, const struct pps_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void pps_addr_mask(struct pps_addr *addr, uint8_t len)
{
	for (unsigned int i = 0; i < sizeof(addr->bytes); i++) {
		unsigned int from = i * 8;

		if (len <= from)
			addr->bytes[i] = 0;
		else if (len < from + 8)
			addr->bytes[i] &= (uint8_t)(0xff00U >> (len - from));
	}
}

bool pps_prefix_contains(const struct pps_prefix *prefix, const struct pps_addr *addr)
{
	struct pps_addr masked = *addr;

	pps_addr_mask(&masked, prefix->len);
	return pps_addr_equal(&masked, &prefix->addr);
}

bool pps_prefix_covers(const struct pps_prefix *outer, const struct pps_prefix *inner)
{
	return outer->len <= inner->len && pps_prefix_contains(outer, &inner->addr);
}

int pps_prefix_compare(const void *a, const void *b)
{
	const struct pps_prefix *x = a, *y = b;
	int order = (int)x->addr.family - (int)y->addr.family;

	if (order == 0)
		order = memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));
	return order != 0 ? order : (int)x->len - (int)y->len;
}

/* Long lists often come sorted. */
static bool is_sorted(const struct pps_prefix *items, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (pps_prefix_compare(&items[i - 1], &items[i]) > 0)
			return false;
	}
	return true;
}

size_t pps_prefixes_fold(struct pps_prefix *items, size_t n)
{
	size_t kept = 0;

	if (n == 0)
		return 0;
	if (!is_sorted(items, n))
		qsort(items, n, sizeof(items[0]), pps_prefix_compare);
	for (size_t i = 1; i < n; i++) {
		if (!pps_prefix_covers(&items[kept], &items[i]))
			items[++kept] = items[i];
	}
	return kept + 1;
}

/* The first of the longest runs of zero groups, at least two of them (RFC 5952 section 4.2). */
static unsigned int find_zero_run(const uint16_t groups[N_GROUPS], unsigned int *ret_len)
{
	unsigned int best = N_GROUPS, best_len = 1;

	for (unsigned int i = 0; i < N_GROUPS; i++) {
		unsigned int n = 0;

		while (i + n < N_GROUPS && groups[i + n] == 0)
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
	}
	*ret_len = best_len;
	return best;
}

static void format_v4(const uint8_t bytes[4], char *out, size_t size)
{
	snprintf(out, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

static void format_v6(const uint8_t bytes[16], char *out, size_t size)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint16_t groups[N_GROUPS];
	unsigned int run, run_len;
	size_t n = 0;

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		n = (size_t)snprintf(out, size, "::ffff:");
		format_v4(bytes + 12, out + n, size - n);
		return;
	}
	for (unsigned int i = 0; i < N_GROUPS; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	run = find_zero_run(groups, &run_len);
	for (unsigned int i = 0; i < N_GROUPS; i++) {
		if (i == run) {
			n += (size_t)snprintf(out + n, size - n, "::");
			i += run_len - 1;
			continue;
		}
		if (i > 0 && i != run + run_len)
			n += (size_t)snprintf(out + n, size - n, ":");
		n += (size_t)snprintf(out + n, size - n, "%x", groups[i]);
	}
}

const char *pps_addr_format(const struct pps_addr *addr, char out[PPS_ADDR_TEXT_MAX])
{
	if (addr->family == 4)
		format_v4(addr->bytes, out, PPS_ADDR_TEXT_MAX);
	else if (addr->family == 6)
		format_v6(addr->bytes, out, PPS_ADDR_TEXT_MAX);
	else
		snprintf(out, PPS_ADDR_TEXT_MAX, "none");
	return out;
}

const char *pps_prefix_format(const struct pps_prefix *prefix, char out[PPS_ADDR_TEXT_MAX])
{
	size_t n;

	pps_addr_format(&prefix->addr, out);
	n = strlen(out);
	if (prefix->len != full_len(prefix->addr.family))
		snprintf(out + n, PPS_ADDR_TEXT_MAX - n, "/%u", prefix->len);
	return out;
}

const char *pps_range_format(const struct pps_range *range, char out[PPS_ADDR_TEXT_MAX])
{
	if (range->lo == range->hi)
		snprintf(out, PPS_ADDR_TEXT_MAX, "%u", range->lo);
	else
		snprintf(out, PPS_ADDR_TEXT_MAX, "%u-%u", range->lo, range->hi);
	return out;
}

const char *pps_endpoint_format(
	const struct pps_addr *addr, uint16_t port, char out[PPS_ENDPOINT_TEXT_MAX])
{
	char text[PPS_ADDR_TEXT_MAX];

	snprintf(out, PPS_ENDPOINT_TEXT_MAX, addr->family == 6 ? "[%s]:%u" : "%s:%u",
		pps_addr_format(addr, text), port);
	return out;
}
