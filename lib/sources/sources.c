/* SPDX-License-Identifier: BSD-3-Clause */

/* The search, hot: see pps_sources.h for what is searched and why in step. */

#include <string.h>

#include "sources_priv.h"

static inline uint32_t load4(const uint8_t *addr)
{
	uint32_t word;

	memcpy(&word, addr, sizeof(word));
	return __builtin_bswap32(word);
}

static inline source_key6 load6(const uint8_t *addr)
{
	uint64_t words[2];

	memcpy(words, addr, sizeof(words));
	return (source_key6)__builtin_bswap64(words[0]) << 64 | __builtin_bswap64(words[1]);
}

/* Steps that halve a bucket of 'n' to one boundary. */
static inline unsigned int count_steps(uint32_t n)
{
	return n > 1 ? 32 - (unsigned int)__builtin_clz(n - 1) : 0;
}

/*
 * Both searches are the same but for the type of a boundary. 'at' is the candidate, of 'left'
 * boundaries from it on; a step leaves it alone or moves it up by half of them, and does nothing
 * when one is left, so that short buckets wait for the longest of the burst. An empty bucket reads
 * the boundary behind it, and does not count it.
 */

uint64_t pps_source_set_find4(
	const struct pps_source_set *set, const uint8_t *const *addrs, unsigned int n)
{
	uint32_t at[PPS_SOURCE_BURST_MAX], left[PPS_SOURCE_BURST_MAX];
	uint16_t low[PPS_SOURCE_BURST_MAX];
	const uint16_t *row = set->row4;
	unsigned int steps;
	uint64_t found = 0;
	uint32_t longest = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t key = load4(addrs[i]);

		low[i] = (uint16_t)key;
		at[i] = key >> 16;
		__builtin_prefetch(&set->first4[at[i]]);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint32_t bucket = at[i];

		at[i] = set->first4[bucket];
		left[i] = set->first4[bucket + 1] - at[i];
		longest = left[i] > longest ? left[i] : longest;
		__builtin_prefetch(&row[at[i] + left[i] / 2]);
	}
	steps = count_steps(longest);
	while (steps-- > 0) {
		for (unsigned int i = 0; i < n; i++) {
			uint32_t half = left[i] / 2;

			at[i] += row[at[i] + half] <= low[i] ? half : 0;
			left[i] -= half;
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		uint32_t rank = at[i] + (left[i] != 0 && row[at[i]] <= low[i]);

		found |= (uint64_t)(rank & 1) << i;
	}
	return found;
}

uint64_t pps_source_set_find6(
	const struct pps_source_set *set, const uint8_t *const *addrs, unsigned int n)
{
	uint32_t at[PPS_SOURCE_BURST_MAX], left[PPS_SOURCE_BURST_MAX];
	source_key6 keys[PPS_SOURCE_BURST_MAX];
	const source_key6 *row = set->row6;
	unsigned int steps;
	uint64_t found = 0;
	uint32_t longest = 0;

	for (unsigned int i = 0; i < n; i++) {
		keys[i] = load6(addrs[i]);
		at[i] = (uint32_t)(keys[i] >> 112);
		__builtin_prefetch(&set->first6[at[i]]);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint32_t bucket = at[i];

		at[i] = set->first6[bucket];
		left[i] = set->first6[bucket + 1] - at[i];
		longest = left[i] > longest ? left[i] : longest;
		__builtin_prefetch(&row[at[i] + left[i] / 2]);
	}
	steps = count_steps(longest);
	while (steps-- > 0) {
		for (unsigned int i = 0; i < n; i++) {
			uint32_t half = left[i] / 2;

			at[i] += row[at[i] + half] <= keys[i] ? half : 0;
			left[i] -= half;
			__builtin_prefetch(&row[at[i] + left[i] / 2]);
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		uint32_t rank = at[i] + (left[i] != 0 && row[at[i]] <= keys[i]);

		found |= (uint64_t)(rank & 1) << i;
	}
	return found;
}
