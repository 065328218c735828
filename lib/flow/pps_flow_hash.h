/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_FLOW_HASH_H
#define PPS_FLOW_HASH_H

/*
 * The keyed hash of whatever is made of bytes from the wire: flow keys, fragment keys, addresses.
 * Whoever sends packets chooses those bytes, and must not be able to choose where they fall; see
 * flow_hash.c for why this hash and not another.
 *
 * A hasher is a secret. It is drawn once, belongs to one worker, and never leaves the process.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_flow.h>

/* The secret: one mask per 16-byte block of a key, then the round keys. SipHash uses the first
 * two words. */
#define FLOW_HASH_MASKS  3
#define FLOW_HASH_ROUNDS 4

struct pps_flow_hasher {
	uint64_t secret[FLOW_HASH_MASKS + FLOW_HASH_ROUNDS][2] __attribute__((aligned(16)));
	bool aes;
};

/* Draws a secret from the kernel and chooses the function by the CPU. 0 or negative errno. */
int pps_flow_hasher_init(struct pps_flow_hasher *hasher);
void pps_flow_hasher_burst(const struct pps_flow_hasher *hasher, const struct pps_flow_key *keys,
	unsigned int n, uint32_t *hashes);
/* One key of another library's making, as long as a wide flow key. */
uint32_t pps_flow_hasher_wide(
	const struct pps_flow_hasher *hasher, const uint8_t bytes[sizeof(struct pps_key_wide)]);

#endif
