/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_priv.h"

/*
 * The keyed hash of flow keys.
 *
 * Whoever sends packets chooses keys, so keys must not tell where they fall. Each 16-byte block of
 * a key is masked with a secret of its own and goes through four AES rounds under secret round
 * keys; the blocks are then added (xor). Four rounds are what it takes for every output bit to
 * depend on every input bit with no difference more likely than chance; the secret masks keep
 * blocks apart. Nothing here is linear in the key, which is what breaks a CRC whatever its seed.
 * The hash is no MAC: outputs never leave the process.
 *
 * One key takes some 30 cycles from start to end, nearly all of it waiting for AES; keys of a burst
 * do not depend on each other and overlap, which makes it a few cycles each.
 *
 * CPUs without AES instructions use SipHash-2-4.
 */

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AES 1
#else
#define HAVE_AES 0
#endif

int pps_flow_hasher_init(struct pps_flow_hasher *hasher)
{
	ssize_t n = getrandom(hasher->secret, sizeof(hasher->secret), 0);

	if (n < 0)
		return -errno;
	if ((size_t)n != sizeof(hasher->secret))
		return -EIO;
#if HAVE_AES
	hasher->aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1");
#else
	hasher->aes = false;
#endif
	return 0;
}

static inline uint64_t rotate_left(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] = rotate_left(v[2], 32);
}

static inline void siphash_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
}

uint64_t pps_flow_siphash(const uint64_t key[2], const uint64_t *words, unsigned int n_words)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, /* the constants of the specification */
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	};

	for (unsigned int i = 0; i < n_words; i++)
		siphash_word(v, words[i]);
	siphash_word(v, (uint64_t)n_words * 8 << 56);
	v[2] ^= 0xff;
	for (unsigned int i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void hash_burst_portable(const struct pps_flow_hasher *hasher,
	const struct pps_flow_key *keys, unsigned int n, uint32_t *hashes)
{
	for (unsigned int i = 0; i < n; i++) {
		size_t len = keys[i].is_wide ? sizeof(keys[i].wide) : sizeof(keys[i].v4);
		uint64_t words[sizeof(struct pps_key_wide) / 8];
		uint64_t hash;

		memcpy(words, &keys[i], len);
		hash = pps_flow_siphash(hasher->secret[0], words, (unsigned int)len / 8);
		hashes[i] = (uint32_t)(hash ^ hash >> 32);
	}
}

#if HAVE_AES
#define AES_TARGET __attribute__((target("aes,sse4.1")))

AES_TARGET static inline __m128i aes_block(
	const __m128i *secret, unsigned int block, const uint8_t *bytes)
{
	__m128i x = _mm_loadu_si128((const __m128i *)bytes);

	x = _mm_xor_si128(x, _mm_load_si128(&secret[block]));
	for (unsigned int i = 0; i < FLOW_HASH_ROUNDS; i++)
		x = _mm_aesenc_si128(x, _mm_load_si128(&secret[FLOW_HASH_MASKS + i]));
	return x;
}

AES_TARGET static void hash_burst_aes(const struct pps_flow_hasher *hasher,
	const struct pps_flow_key *keys, unsigned int n, uint32_t *hashes)
{
	const __m128i *secret = (const __m128i *)hasher->secret;

	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *bytes = (const uint8_t *)&keys[i];
		__m128i x = aes_block(secret, 0, bytes);

		if (keys[i].is_wide) {
			x = _mm_xor_si128(x, aes_block(secret, 1, bytes + 16));
			x = _mm_xor_si128(x, aes_block(secret, 2, bytes + 32));
		}
		hashes[i] = (uint32_t)_mm_cvtsi128_si32(x);
	}
}
#endif

void pps_flow_hasher_burst(const struct pps_flow_hasher *hasher, const struct pps_flow_key *keys,
	unsigned int n, uint32_t *hashes)
{
#if HAVE_AES
	if (hasher->aes) {
		hash_burst_aes(hasher, keys, n, hashes);
		return;
	}
#endif
	hash_burst_portable(hasher, keys, n, hashes);
}

uint32_t pps_flow_hasher_wide(
	const struct pps_flow_hasher *hasher, const uint8_t bytes[sizeof(struct pps_key_wide)])
{
	struct pps_flow_key key = {.is_wide = true};
	uint32_t hash;

	memcpy(&key.wide, bytes, sizeof(key.wide));
	pps_flow_hasher_burst(hasher, &key, 1, &hash);
	return hash;
}
