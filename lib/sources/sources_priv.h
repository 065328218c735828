/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SOURCES_PRIV_H
#define SOURCES_PRIV_H

#include <pps_sources.h>

#define BUCKETS 65536u /* by the first 16 bits */

/* An IPv6 address as a number. */
typedef __uint128_t source_key6;

struct pps_source_set {
	/* Bucket b is first[b] to first[b + 1] of its row; all buckets before it hold first[b]
	 * boundaries, whose parity is that of membership where the bucket begins. */
	uint32_t first4[BUCKETS + 1];
	uint32_t first6[BUCKETS + 1];
	uint16_t *row4; /* the lower 16 bits of boundaries, and one more to read */
	source_key6 *row6; /* whole boundaries, and one more to read */
	size_t bytes;
};

#endif
