/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include <pps_flow.h>

#include "flow_priv.h"
#include "flow_tables.h"
#include "unit.h"

#define MEGABYTES 192

static uint32_t add(struct pps_flow_table *table, const struct pps_flow_key *key)
{
	return pps_flow_add(table, key, pps_flow_hash(table, key));
}

static uint32_t lookup(struct pps_flow_table *table, const struct pps_flow_key *key)
{
	return pps_flow_lookup(table, key, pps_flow_hash(table, key));
}

static struct pps_packet packet4(uint8_t protocol)
{
	struct pps_packet packet = {.family = 4,
		.protocol = protocol,
		.kind = PPS_PACKET_IP,
		.src = {192, 0, 2, 1},
		.dst = {198, 51, 100, 2},
		.src_port = rte_cpu_to_be_16(40000),
		.dst_port = rte_cpu_to_be_16(443)};

	return packet;
}

static struct pps_packet packet6(uint8_t protocol)
{
	struct pps_packet packet = packet4(protocol);

	packet.family = 6;
	memset(packet.src, 0x20, sizeof(packet.src));
	memset(packet.dst, 0x2a, sizeof(packet.dst));
	return packet;
}

/* The packet that answers. */
static struct pps_packet turn(const struct pps_packet *packet)
{
	struct pps_packet answer = *packet;

	memcpy(answer.src, packet->dst, sizeof(answer.src));
	memcpy(answer.dst, packet->src, sizeof(answer.dst));
	answer.src_port = packet->dst_port;
	answer.dst_port = packet->src_port;
	return answer;
}

static struct pps_flow_key make(const struct pps_packet *packet, enum pps_side side)
{
	struct pps_flow_key key;

	memset(&key, 0xa5, sizeof(key)); /* a caller's array is not clean */
	pps_flow_key_make(packet, 3, side, &key);
	return key;
}

static bool same(const struct pps_flow_key *a, const struct pps_flow_key *b)
{
	return a->is_wide == b->is_wide &&
		memcmp(a, b, a->is_wide ? sizeof(a->wide) : sizeof(a->v4)) == 0;
}

static bool both_ways_same(const struct pps_packet *packet)
{
	struct pps_packet answer = turn(packet);
	struct pps_flow_key out = make(packet, PPS_SIDE_INSIDE);
	struct pps_flow_key in = make(&answer, PPS_SIDE_OUTSIDE);

	return same(&out, &in);
}

/* --- keys --- */

static void both_directions_have_one_key(void)
{
	static const uint8_t protocols[] = {PPS_IP_TCP, PPS_IP_UDP, PPS_IP_SCTP, PPS_IP_GRE};

	for (size_t i = 0; i < UNIT_COUNT(protocols); i++) {
		struct pps_packet v4 = packet4(protocols[i]), v6 = packet6(protocols[i]);

		CU_ASSERT_TRUE(both_ways_same(&v4));
		CU_ASSERT_TRUE(both_ways_same(&v6));
	}
}

static void the_side_decides_which_address_is_inside(void)
{
	struct pps_packet packet = packet4(PPS_IP_TCP);
	struct pps_flow_key out = make(&packet, PPS_SIDE_INSIDE);
	struct pps_flow_key in = make(&packet, PPS_SIDE_OUTSIDE);

	CU_ASSERT_FALSE(same(&out, &in));
	CU_ASSERT_EQUAL(memcmp(out.v4.inside, packet.src, 4), 0);
	CU_ASSERT_EQUAL(memcmp(in.v4.inside, packet.dst, 4), 0);
	CU_ASSERT_EQUAL(out.v4.inside_port, packet.src_port);
	CU_ASSERT_EQUAL(in.v4.inside_port, packet.dst_port);
}

static void plain_ipv4_has_the_short_key(void)
{
	struct pps_packet packet = packet4(PPS_IP_TCP);

	CU_ASSERT_FALSE(make(&packet, PPS_SIDE_INSIDE).is_wide);
	packet.vlan = 100;
	packet.n_vlans = 1;
	CU_ASSERT_FALSE(make(&packet, PPS_SIDE_INSIDE).is_wide);
}

static void ipv6_has_the_wide_key(void)
{
	struct pps_packet packet = packet6(PPS_IP_TCP);

	CU_ASSERT_TRUE(make(&packet, PPS_SIDE_INSIDE).is_wide);
}

static void ipv4_behind_two_tags_has_the_wide_key(void)
{
	struct pps_packet packet = packet4(PPS_IP_TCP);

	packet.vlan = 100;
	packet.inner_vlan = 7;
	CU_ASSERT_TRUE(make(&packet, PPS_SIDE_INSIDE).is_wide);
	CU_ASSERT_TRUE(both_ways_same(&packet));
	packet.vlan = 0; /* a priority tag outside */
	CU_ASSERT_TRUE(make(&packet, PPS_SIDE_INSIDE).is_wide);
}

static void every_byte_of_a_wide_key_is_set(void)
{
	struct pps_packet packet = packet6(PPS_IP_TCP);
	struct pps_flow_key a, b;

	memset(&a, 0x00, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	pps_flow_key_make(&packet, 3, PPS_SIDE_INSIDE, &a);
	pps_flow_key_make(&packet, 3, PPS_SIDE_INSIDE, &b);
	CU_ASSERT_TRUE(same(&a, &b));
	packet = packet4(PPS_IP_TCP);
	pps_flow_key_make(&packet, 3, PPS_SIDE_INSIDE, &a);
	pps_flow_key_make(&packet, 3, PPS_SIDE_INSIDE, &b);
	CU_ASSERT_TRUE(same(&a, &b));
}

/* Every field of a packet that tells flows apart, changed one at a time. */
static void each_part_of_the_tuple_makes_another_flow(void)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct pps_packet base = family == 4 ? packet4(PPS_IP_UDP) : packet6(PPS_IP_UDP);
		struct pps_flow_key keys[9];

		for (unsigned int i = 0; i < UNIT_COUNT(keys); i++) {
			struct pps_packet packet = base;

			packet.src[3] ^= i == 1;
			packet.dst[3] ^= i == 2;
			packet.src_port ^= i == 3;
			packet.dst_port ^= i == 4;
			packet.vlan = i == 5 ? 5 : 0;
			packet.inner_vlan = i == 6 ? 5 : 0;
			packet.protocol = i == 7 ? PPS_IP_TCP : PPS_IP_UDP;
			memset(&keys[i], 0, sizeof(keys[i]));
			pps_flow_key_make(&packet, i == 8 ? 4 : 3, PPS_SIDE_INSIDE, &keys[i]);
			for (unsigned int j = 0; j < i; j++)
				CU_ASSERT_FALSE(same(&keys[i], &keys[j]));
		}
	}
}

static void the_last_byte_of_an_ipv6_address_counts(void)
{
	struct pps_packet packet = packet6(PPS_IP_UDP);
	struct pps_flow_key a = make(&packet, PPS_SIDE_INSIDE), b;

	packet.dst[15] ^= 1;
	b = make(&packet, PPS_SIDE_INSIDE);
	CU_ASSERT_FALSE(same(&a, &b));
}

static void vlans_are_not_taken_for_each_other(void)
{
	struct pps_packet packet = packet4(PPS_IP_UDP);
	struct pps_flow_key a, b;

	packet.vlan = 10;
	packet.inner_vlan = 20;
	a = make(&packet, PPS_SIDE_INSIDE);
	packet.vlan = 20;
	packet.inner_vlan = 10;
	b = make(&packet, PPS_SIDE_INSIDE);
	CU_ASSERT_FALSE(same(&a, &b));
}

static struct pps_packet icmp(uint8_t family, uint8_t type)
{
	struct pps_packet packet = family == 4 ? packet4(PPS_IP_ICMP) : packet6(PPS_IP_ICMPV6);

	packet.src_port = packet.dst_port = 0;
	packet.icmp_type = type;
	packet.icmp_id = rte_cpu_to_be_16(0x1234);
	return packet;
}

static void a_reply_has_the_key_of_its_query(void)
{
	static const uint8_t pairs[][3] = {
		{4, 8, 0}, {4, 13, 14}, {4, 15, 16}, {4, 17, 18}, {6, 128, 129}, {6, 139, 140}};

	for (size_t i = 0; i < UNIT_COUNT(pairs); i++) {
		for (int side = 0; side < 2; side++) {
			struct pps_packet query = icmp(pairs[i][0], pairs[i][1]);
			struct pps_packet reply = turn(&query);
			struct pps_flow_key a = make(&query, (enum pps_side)side), b;

			reply.icmp_type = pairs[i][2];
			b = make(&reply, (enum pps_side) !side);
			CU_ASSERT_TRUE(same(&a, &b));
			CU_ASSERT_EQUAL(pps_flow_key_icmp_type(&b), pairs[i][1]);
			CU_ASSERT_EQUAL((int)pps_flow_key_icmp_asker(&b), side);
		}
	}
}

static void crossing_pings_with_one_id_are_two_flows(void)
{
	struct pps_packet ours = icmp(4, 8), theirs = turn(&ours), answer = turn(&ours);
	struct pps_flow_key a = make(&ours, PPS_SIDE_INSIDE);
	struct pps_flow_key b = make(&theirs, PPS_SIDE_OUTSIDE), c;

	CU_ASSERT_FALSE(same(&a, &b));
	answer.icmp_type = 0;
	c = make(&answer, PPS_SIDE_OUTSIDE);
	CU_ASSERT_TRUE(same(&a, &c));
	CU_ASSERT_FALSE(same(&b, &c));
}

static void icmp_ids_and_types_tell_queries_apart(void)
{
	struct pps_packet echo = icmp(4, 8), stamp = icmp(4, 13), other_id = icmp(4, 8);
	struct pps_flow_key a = make(&echo, PPS_SIDE_INSIDE);
	struct pps_flow_key b = make(&stamp, PPS_SIDE_INSIDE), c;

	other_id.icmp_id ^= 1;
	c = make(&other_id, PPS_SIDE_INSIDE);
	CU_ASSERT_FALSE(same(&a, &b));
	CU_ASSERT_FALSE(same(&a, &c));
	CU_ASSERT_EQUAL(a.v4.inside_port, rte_cpu_to_be_16(0x1234));
}

static void the_direction_follows_from_who_began(void)
{
	CU_ASSERT_EQUAL(pps_side_direction(PPS_SIDE_INSIDE), PPS_OUTBOUND);
	CU_ASSERT_EQUAL(pps_side_direction(PPS_SIDE_OUTSIDE), PPS_INBOUND);
}

/* --- hash --- */

/* Known answers: the reference implementation's vectors for key and input 00 01 02 ... */
static void the_portable_hash_is_siphash(void)
{
	const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint64_t words[6];

	for (unsigned int i = 0; i < sizeof(words); i++)
		((uint8_t *)words)[i] = (uint8_t)i;
	CU_ASSERT_EQUAL(pps_flow_siphash(key, words, 0), 0x726fdb47dd0e0e31);
	CU_ASSERT_EQUAL(pps_flow_siphash(key, words, 2), 0x3f2acc7f57c29bdb);
	CU_ASSERT_EQUAL(pps_flow_siphash(key, words, 6), 0xe612a3cb9ecba951);
}

static void init_hasher(struct pps_flow_hasher *hasher, bool aes)
{
	CU_ASSERT_EQUAL_FATAL(pps_flow_hasher_init(hasher), 0);
	if (!aes)
		hasher->aes = false;
}

static uint32_t hash_one(const struct pps_flow_hasher *hasher, const struct pps_flow_key *key)
{
	uint32_t hash;

	pps_flow_hasher_burst(hasher, key, 1, &hash);
	return hash;
}

static void a_burst_hashes_like_single_keys(void)
{
	for (int aes = 0; aes < 2; aes++) {
		struct pps_flow_key keys[PPS_FLOW_BURST_MAX];
		uint32_t hashes[PPS_FLOW_BURST_MAX];
		struct pps_flow_hasher hasher;

		init_hasher(&hasher, aes);
		for (uint32_t i = 0; i < UNIT_COUNT(keys); i++)
			keys[i] = key_number(i);
		pps_flow_hasher_burst(&hasher, keys, UNIT_COUNT(keys), hashes);
		for (uint32_t i = 0; i < UNIT_COUNT(keys); i++)
			CU_ASSERT_EQUAL(hashes[i], hash_one(&hasher, &keys[i]));
	}
}

static void bytes_behind_a_short_key_do_not_count(void)
{
	for (int aes = 0; aes < 2; aes++) {
		struct pps_flow_hasher hasher;
		struct pps_flow_key a, b;

		init_hasher(&hasher, aes);
		memset(&a, 0x11, sizeof(a));
		memset(&b, 0xee, sizeof(b));
		memset(&a.v4, 0, sizeof(a.v4));
		memset(&b.v4, 0, sizeof(b.v4));
		a.is_wide = b.is_wide = false;
		CU_ASSERT_EQUAL(hash_one(&hasher, &a), hash_one(&hasher, &b));
	}
}

static void two_secrets_give_two_hashes(void)
{
	for (int aes = 0; aes < 2; aes++) {
		struct pps_flow_hasher a, b;
		unsigned int equal = 0;

		init_hasher(&a, aes);
		init_hasher(&b, aes);
		for (uint32_t i = 0; i < 1000; i++) {
			struct pps_flow_key key = key_number(i);

			equal += hash_one(&a, &key) == hash_one(&b, &key);
		}
		CU_ASSERT_TRUE(equal <= 1);
	}
}

/* Each bit of a key, flipped, must flip each bit of the hash about half the time. */
static void measure_avalanche(bool aes, bool wide)
{
	static uint16_t flips[sizeof(struct pps_key_wide) * 8][32];
	unsigned int n_bits = wide ? sizeof(struct pps_key_wide) * 8 : sizeof(struct pps_key4) * 8;
	const unsigned int rounds = 400;
	struct pps_flow_hasher hasher;
	unsigned int low = rounds, high = 0;

	memset(flips, 0, sizeof(flips));
	init_hasher(&hasher, aes);
	srand(7);
	for (unsigned int round = 0; round < rounds; round++) {
		struct pps_flow_key key;
		uint32_t base;

		memset(&key, 0, sizeof(key));
		key.is_wide = wide;
		for (unsigned int i = 0; i < n_bits / 8; i++)
			((uint8_t *)&key)[i] = (uint8_t)rand();
		base = hash_one(&hasher, &key);
		for (unsigned int bit = 0; bit < n_bits; bit++) {
			uint32_t change;

			((uint8_t *)&key)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			change = base ^ hash_one(&hasher, &key);
			((uint8_t *)&key)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			for (unsigned int out = 0; out < 32; out++)
				flips[bit][out] = (uint16_t)(flips[bit][out] + (change >> out & 1));
		}
	}
	for (unsigned int i = 0; i < n_bits * 32; i++) {
		low = RTE_MIN(low, flips[i / 32][i % 32]);
		high = RTE_MAX(high, flips[i / 32][i % 32]);
	}
	/* 12,288 counts of mean 200 and deviation 10: eight deviations are for ever. */
	CU_ASSERT_TRUE(low > 120);
	CU_ASSERT_TRUE(high < 280);
}

static void every_key_bit_moves_every_hash_bit(void)
{
	for (int i = 0; i < 4; i++)
		measure_avalanche((i & 1) != 0, (i & 2) != 0);
}

/* Structured keys, as scans and floods make them, must spread like random ones. */
static void structured_keys_spread_evenly(void)
{
	for (int aes = 0; aes < 2; aes++) {
		static uint32_t buckets[4096];
		struct pps_flow_hasher hasher;
		double chi = 0;

		init_hasher(&hasher, aes);
		memset(buckets, 0, sizeof(buckets));
		for (uint32_t i = 0; i < 65536; i++) {
			struct pps_flow_key key;

			memset(&key, 0, sizeof(key));
			key.v4.inside_port = rte_cpu_to_be_16((uint16_t)i);
			buckets[hash_one(&hasher, &key) % UNIT_COUNT(buckets)]++;
		}
		for (size_t i = 0; i < UNIT_COUNT(buckets); i++)
			chi += (buckets[i] - 16.0) * (buckets[i] - 16.0) / 16.0;
		/* 4,095 degrees of freedom: deviation 90. */
		CU_ASSERT_TRUE(chi > 4095 - 8 * 90 && chi < 4095 + 8 * 90);
	}
}

#define FLOOD_DIMENSION 15 /* 32,768 keys */

/*
 * Keys that a CRC cannot tell apart, whatever its seed: the kernel of the linear part of the CRC
 * over 48 bits of the key that a sender chooses (an address and a port), by elimination.
 */
static unsigned int crc_kernel(uint64_t kernel[48])
{
	uint32_t images[32] = {0};
	uint64_t sources[32];
	unsigned int n = 0;

	for (unsigned int bit = 0; bit < 48; bit++) {
		uint64_t words[2] = {0, 0}, zero[2] = {0, 0};
		uint64_t source = 1ull << bit;
		uint32_t image;

		memcpy((uint8_t *)words + 4, &source, 6);
		image = rte_hash_crc(words, 16, 0) ^ rte_hash_crc(zero, 16, 0);
		while (image != 0 && images[__builtin_ctz(image)] != 0) {
			unsigned int pivot = (unsigned int)__builtin_ctz(image);

			image ^= images[pivot];
			source ^= sources[pivot];
		}
		if (image == 0) {
			kernel[n++] = source;
			continue;
		}
		images[__builtin_ctz(image)] = image;
		sources[__builtin_ctz(image)] = source;
	}
	return n;
}

static struct pps_flow_key flood_key(const uint64_t *kernel, uint32_t number)
{
	struct pps_flow_key key;
	uint64_t bits = 0;

	for (unsigned int i = 0; i < FLOOD_DIMENSION; i++)
		bits ^= (number >> i & 1) != 0 ? kernel[i] : 0;
	memset(&key, 0, sizeof(key));
	memcpy((uint8_t *)&key.v4 + 4, &bits, 6);
	return key;
}

static void keys_that_collide_under_a_crc_are_all_accepted(void)
{
	struct pps_flow_table *table = create_table(40000);
	static uint32_t buckets[4096];
	uint64_t kernel[48];
	uint32_t crc = 0, most = 0;

	CU_ASSERT_TRUE_FATAL(crc_kernel(kernel) >= FLOOD_DIMENSION);
	memset(buckets, 0, sizeof(buckets));
	for (uint32_t i = 0; i < 1u << FLOOD_DIMENSION; i++) {
		struct pps_flow_key key = flood_key(kernel, i);
		uint64_t words[2];

		memcpy(words, &key.v4, sizeof(words));
		if (i == 0)
			crc = rte_hash_crc(words, 16, 99);
		CU_ASSERT_EQUAL_FATAL(rte_hash_crc(words, 16, 99), crc);
		CU_ASSERT_NOT_EQUAL_FATAL(add(table, &key), PPS_FLOW_NONE);
		buckets[pps_flow_hash(table, &key) % UNIT_COUNT(buckets)]++;
	}
	for (size_t i = 0; i < UNIT_COUNT(buckets); i++)
		most = RTE_MAX(most, buckets[i]);
	CU_ASSERT_TRUE(most < 40); /* mean 8 */
	CU_ASSERT_EQUAL(pps_flow_count(table), 1u << FLOOD_DIMENSION);
	pps_flow_table_destroy(table);
}

/* --- table --- */

static void a_flow_is_found_after_it_was_added(void)
{
	struct pps_flow_table *table = create_table(100);

	for (uint32_t i = 0; i < 6; i++) {
		struct pps_flow_key key = key_number(i);
		uint32_t handle;

		CU_ASSERT_EQUAL(lookup(table, &key), PPS_FLOW_NONE);
		handle = add(table, &key);
		CU_ASSERT_NOT_EQUAL(handle, PPS_FLOW_NONE);
		CU_ASSERT_EQUAL(lookup(table, &key), handle);
		CU_ASSERT_EQUAL((handle & PPS_FLOW_WIDE) != 0, key.is_wide);
	}
	pps_flow_table_destroy(table);
}

static void a_removed_flow_is_gone(void)
{
	struct pps_flow_table *table = create_table(100);

	for (uint32_t i = 0; i < 6; i++) {
		struct pps_flow_key key = key_number(i);
		uint32_t handle = add(table, &key);

		pps_flow_remove(table, handle);
		CU_ASSERT_EQUAL(lookup(table, &key), PPS_FLOW_NONE);
		CU_ASSERT_EQUAL(pps_flow_count(table), 0);
		pps_flow_remove(table, handle); /* twice does nothing */
		CU_ASSERT_EQUAL(pps_flow_count(table), 0);
	}
	pps_flow_table_destroy(table);
}

static void a_new_entry_is_zero(void)
{
	struct pps_flow_table *table = create_table(1);
	static const struct pps_flow zero;
	static const struct pps_flow_cold cold;

	for (uint32_t i = 0; i < 2000; i++) {
		struct pps_flow_key key = key_number(i);
		uint32_t handle = add(table, &key);

		CU_ASSERT_NOT_EQUAL_FATAL(handle, PPS_FLOW_NONE);
		CU_ASSERT_EQUAL(memcmp(pps_flow_at(table, handle), &zero, sizeof(zero)), 0);
		CU_ASSERT_EQUAL(memcmp(pps_flow_cold_at(table, handle), &cold, sizeof(cold)), 0);
		/* All but what the table itself keeps there about rule and half-open list. */
		memset(pps_flow_at(table, handle)->tcp, 0xff, sizeof(zero.tcp));
		memset(pps_flow_at(table, handle)->bytes, 0xff, sizeof(zero.bytes));
		pps_flow_at(table, handle)->generation = UINT32_MAX;
		pps_flow_cold_at(table, handle)->started_ns = UINT64_MAX;
		pps_flow_remove(table, handle);
	}
	pps_flow_table_destroy(table);
}

static void a_flow_tells_its_key(void)
{
	struct pps_flow_table *table = create_table(3000);

	for (uint32_t i = 0; i < 3000; i++) {
		struct pps_flow_key key = key_number(i), got;

		memset(&got, 0x77, sizeof(got));
		pps_flow_key_at(table, add(table, &key), &got);
		CU_ASSERT_EQUAL_FATAL(
			memcmp(&got, &key, offsetof(struct pps_flow_key, is_wide)), 0);
		CU_ASSERT_EQUAL_FATAL(got.is_wide, key.is_wide);
	}
	pps_flow_table_destroy(table);
}

static void a_key_that_is_there_is_not_added_again(void)
{
	struct pps_flow_table *table = create_table(100);
	struct pps_flow_key key = key_number(1);
	uint32_t handle = add(table, &key);

	pps_flow_at(table, handle)->rule = 42;
	CU_ASSERT_EQUAL(add(table, &key), PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(pps_flow_count(table), 1);
	CU_ASSERT_EQUAL(pps_flow_at(table, handle)->rule, 42);
	CU_ASSERT_EQUAL(lookup(table, &key), handle);
	pps_flow_table_destroy(table);
}

static void a_burst_finds_what_single_lookups_find(void)
{
	struct pps_flow_table *table = create_table(1000);

	for (uint32_t i = 0; i < 1000; i += 2) {
		struct pps_flow_key key = key_number(i);

		add(table, &key);
	}
	for (unsigned int n = 0; n <= PPS_FLOW_BURST_MAX; n++) {
		struct pps_flow_key keys[PPS_FLOW_BURST_MAX];
		uint32_t hashes[PPS_FLOW_BURST_MAX], handles[PPS_FLOW_BURST_MAX];

		for (unsigned int i = 0; i < n; i++)
			keys[i] = key_number(n * 7 + i);
		memset(handles, 0x55, sizeof(handles));
		pps_flow_lookup_burst(table, keys, n, hashes, handles);
		for (unsigned int i = 0; i < n; i++) {
			CU_ASSERT_EQUAL(hashes[i], pps_flow_hash(table, &keys[i]));
			CU_ASSERT_EQUAL(handles[i], lookup(table, &keys[i]));
			CU_ASSERT_EQUAL(handles[i] == PPS_FLOW_NONE, (n * 7 + i) % 2 == 1);
		}
	}
	pps_flow_table_destroy(table);
}

/* Positions are handed out in turn, so a table of one flow comes round to each of them. */
static void every_position_is_found_by_a_burst(void)
{
	struct pps_flow_table *table = create_table(1);
	bool first_seen[2] = {false, false};

	for (uint32_t i = 0; i < 2000; i++) {
		struct pps_flow_key key = key_number(i);
		uint32_t handle = add(table, &key), hash, found;

		pps_flow_lookup_burst(table, &key, 1, &hash, &found);
		CU_ASSERT_EQUAL_FATAL(found, handle);
		first_seen[key.is_wide] |= (handle & PPS_FLOW_POSITION) == 0;
		pps_flow_remove(table, handle);
	}
	CU_ASSERT_TRUE(first_seen[0] && first_seen[1]);
	pps_flow_table_destroy(table);
}

static void a_burst_of_one_family_is_found_too(void)
{
	for (int wide = 0; wide < 2; wide++) {
		struct pps_flow_table *table = create_table(64);
		struct pps_flow_key keys[32];
		uint32_t hashes[32], handles[32], added[32];

		for (uint32_t i = 0; i < 32; i++) {
			keys[i] = key_number(3 * i + (wide ? 2 : 0));
			added[i] = add(table, &keys[i]);
		}
		pps_flow_lookup_burst(table, keys, 32, hashes, handles);
		CU_ASSERT_EQUAL(memcmp(added, handles, sizeof(handles)), 0);
		pps_flow_table_destroy(table);
	}
}

static void the_capacity_is_reached_exactly(void)
{
	static const uint32_t sizes[] = {
		1, 2, 7, 8, 63, 64, 65, 100, 256, 1000, 4096, 8192, 8193, 16384, 60000, 65536};

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		struct pps_flow_table *table = create_table(sizes[i]);
		struct pps_flow_key more = key_number(sizes[i]);

		CU_ASSERT_EQUAL(pps_flow_capacity(table), sizes[i]);
		for (uint32_t n = 0; n < sizes[i]; n++) {
			struct pps_flow_key key = key_number(n);

			CU_ASSERT_NOT_EQUAL_FATAL(add(table, &key), PPS_FLOW_NONE);
		}
		CU_ASSERT_EQUAL(pps_flow_count(table), sizes[i]);
		CU_ASSERT_EQUAL(add(table, &more), PPS_FLOW_NONE);
		CU_ASSERT_EQUAL(pps_flow_count(table), sizes[i]);
		pps_flow_table_destroy(table);
	}
}

/* Either table alone must hold the whole capacity, powers of two and small ones included. */
static void one_family_alone_may_fill_the_table(void)
{
	static const uint32_t sizes[] = {
		64, 128, 128, 128, 256, 256, 256, 1024, 8192, 32768, 65536};

	for (size_t i = 0; i < UNIT_COUNT(sizes) * 2; i++) {
		uint32_t flows = sizes[i / 2], wide = i % 2;
		struct pps_flow_table *table = create_table(flows);

		for (uint32_t n = 0; n < flows; n++) {
			struct pps_flow_key key = key_number(3 * n + (wide ? 2 : 0));

			CU_ASSERT_NOT_EQUAL_FATAL(add(table, &key), PPS_FLOW_NONE);
		}
		CU_ASSERT_EQUAL(pps_flow_count(table), flows);
		pps_flow_table_destroy(table);
	}
}

static void a_full_table_keeps_its_flows(void)
{
	struct pps_flow_table *table = create_table(500);
	uint32_t handles[500];

	for (uint32_t i = 0; i < 500; i++) {
		struct pps_flow_key key = key_number(i);

		handles[i] = add(table, &key);
	}
	for (uint32_t i = 500; i < 5000; i++) {
		struct pps_flow_key key = key_number(i);

		CU_ASSERT_EQUAL(add(table, &key), PPS_FLOW_NONE);
		CU_ASSERT_EQUAL(lookup(table, &key), PPS_FLOW_NONE);
	}
	for (uint32_t i = 0; i < 500; i++) {
		struct pps_flow_key key = key_number(i);

		CU_ASSERT_EQUAL(lookup(table, &key), handles[i]);
	}
	pps_flow_table_destroy(table);
}

static void room_that_was_freed_is_used_again(void)
{
	struct pps_flow_table *table = create_table(300);

	for (uint32_t i = 0; i < 100000; i++) {
		struct pps_flow_key key = key_number(i), old = key_number(i - 300);

		if (i >= 300)
			pps_flow_remove(table, lookup(table, &old));
		CU_ASSERT_NOT_EQUAL_FATAL(add(table, &key), PPS_FLOW_NONE);
	}
	CU_ASSERT_EQUAL(pps_flow_count(table), 300);
	pps_flow_table_destroy(table);
}

static void changes_counts_adds_and_removes_alone(void)
{
	struct pps_flow_table *table = create_table(1);
	struct pps_flow_key key = key_number(0), other = key_number(1);
	uint64_t before = pps_flow_changes(table);
	uint32_t handle = add(table, &key);

	CU_ASSERT_EQUAL(pps_flow_changes(table), before + 1);
	lookup(table, &key);
	CU_ASSERT_EQUAL(add(table, &other), PPS_FLOW_NONE);
	CU_ASSERT_EQUAL(pps_flow_changes(table), before + 1);
	pps_flow_remove(table, handle);
	CU_ASSERT_EQUAL(pps_flow_changes(table), before + 2);
	pps_flow_remove(table, handle);
	CU_ASSERT_EQUAL(pps_flow_changes(table), before + 2);
	pps_flow_table_destroy(table);
}

/* Whether a key was touched is said by some bits of its hash: never no when it was. */
static void keys_added_or_removed_since_the_burst_are_touched(void)
{
	struct pps_flow_table *table = create_table(64);
	struct pps_flow_key keys[64];
	uint32_t hashes[64], handles[64];
	unsigned int touched = 0;

	for (uint32_t i = 0; i < 64; i++)
		keys[i] = key_number(i);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t handle;

		pps_flow_lookup_burst(table, keys, 64, hashes, handles);
		for (uint32_t k = 0; k < 64; k++)
			CU_ASSERT_FALSE(pps_flow_is_touched(table, hashes[k]));
		handle = add(table, &keys[i]);
		CU_ASSERT_TRUE(pps_flow_is_touched(table, hashes[i]));
		pps_flow_lookup_burst(table, keys, 64, hashes, handles);
		CU_ASSERT_FALSE(pps_flow_is_touched(table, hashes[i]));
		pps_flow_remove(table, handle);
		for (uint32_t k = 0; k < 64; k++)
			touched += pps_flow_is_touched(table, hashes[k]);
		CU_ASSERT_TRUE(pps_flow_is_touched(table, hashes[i]));
	}
	CU_ASSERT_TRUE(touched < 64 * 8);
	pps_flow_table_destroy(table);
}

/* A table of two has one set. */
static void flows_that_share_a_set_of_the_front_are_all_found(void)
{
	struct pps_flow_table *table = create_table(2);

	for (uint32_t i = 0; i < 300; i++) {
		struct pps_flow_key keys[3];
		uint32_t added[2], hashes[3], handles[3];

		for (uint32_t k = 0; k < 3; k++)
			keys[k] = key_number(3 * i + k);
		added[0] = add(table, &keys[0]);
		added[1] = add(table, &keys[1]);
		for (unsigned int round = 0; round < 2; round++) {
			CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, keys, 3, hashes, handles), 4);
			CU_ASSERT_EQUAL(handles[0], added[0]);
			CU_ASSERT_EQUAL(handles[1], added[1]);
			CU_ASSERT_EQUAL(handles[2], PPS_FLOW_NONE);
			CU_ASSERT_EQUAL(lookup(table, &keys[0]), added[0]);
		}
		pps_flow_remove(table, added[0]);
		CU_ASSERT_EQUAL(pps_flow_lookup_burst(table, keys, 3, hashes, handles), 5);
		CU_ASSERT_EQUAL(lookup(table, &keys[0]), PPS_FLOW_NONE);
		pps_flow_remove(table, added[1]);
	}
	pps_flow_table_destroy(table);
}

static void a_plain_key_is_not_the_beginning_of_a_wide_one(void)
{
	struct pps_flow_table *table = create_table(1);

	for (int plain_lives = 0; plain_lives < 2; plain_lives++) {
		struct pps_flow_key wide = key_number(2), plain = {.is_wide = false};
		uint32_t hash, found, handle;

		CU_ASSERT_TRUE_FATAL(wide.is_wide);
		memcpy(&plain.v4, &wide.wide, sizeof(plain.v4));
		handle = add(table, plain_lives ? &plain : &wide);
		CU_ASSERT_NOT_EQUAL(handle, PPS_FLOW_NONE);
		pps_flow_lookup_burst(table, plain_lives ? &wide : &plain, 1, &hash, &found);
		CU_ASSERT_EQUAL(found, PPS_FLOW_NONE);
		pps_flow_remove(table, handle);
	}
	pps_flow_table_destroy(table);
}

static void entries_lie_on_cache_lines(void)
{
	struct pps_flow_table *table = create_table(10);

	for (uint32_t i = 0; i < 10; i++) {
		struct pps_flow_key key = key_number(i);

		CU_ASSERT_EQUAL(
			(uintptr_t)pps_flow_at(table, add(table, &key)) % PPS_CACHE_LINE, 0);
	}
	pps_flow_table_destroy(table);
}

static size_t heap_bytes(void)
{
	struct rte_malloc_socket_stats stats;

	CU_ASSERT_EQUAL_FATAL(rte_malloc_get_socket_stats(0, &stats), 0);
	return stats.heap_allocsz_bytes;
}

static void nothing_leaks(void)
{
	struct pps_flow_table *table = create_table(1000);
	size_t before;

	pps_flow_table_destroy(table);
	before = heap_bytes();
	for (int round = 0; round < 50; round++) {
		struct pps_flow_key key = key_number((uint32_t)round);

		table = create_table(1000);
		add(table, &key);
		pps_flow_table_destroy(table);
	}
	CU_ASSERT_EQUAL(heap_bytes(), before);
	pps_flow_table_destroy(NULL);
}

static void the_memory_reported_is_the_memory_taken(void)
{
	static const uint32_t sizes[] = {1000, 65536, 100000};

	for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
		size_t before = heap_bytes(), taken;
		struct pps_flow_table *table = create_table(sizes[i]);

		taken = heap_bytes() - before;
		CU_ASSERT_TRUE(pps_flow_memory(table) <= taken);
		CU_ASSERT_TRUE(pps_flow_memory(table) > taken - taken / 50 - 16384);
		pps_flow_table_destroy(table);
	}
}

static void expect_no_table(const char *name, uint32_t flows, int err)
{
	struct pps_flow_table_params params = {.name = name, .flows = flows, .socket = -1};
	size_t before = heap_bytes();

	errno = 0;
	CU_ASSERT_PTR_NULL(pps_flow_table_create(&params));
	CU_ASSERT_EQUAL(errno, err);
	CU_ASSERT_EQUAL(heap_bytes(), before);
}

static void impossible_tables_are_refused(void)
{
	expect_no_table("none", 0, EINVAL);
	expect_no_table("many", PPS_FLOWS_MAX + 1, EINVAL);
	expect_no_table("many", UINT32_MAX, EINVAL);
	expect_no_table("", 100, EINVAL);
	expect_no_table("a-name-of-17-long", 100, EINVAL);
}

static void a_table_too_large_for_memory_is_refused_whole(void)
{
	expect_no_table("large", 2000000, ENOMEM);
	expect_no_table("huge", PPS_FLOWS_MAX, ENOMEM);
}

static void a_name_in_use_is_refused(void)
{
	struct pps_flow_table *table = create_table(100);

	expect_no_table("test", 100, EINVAL);
	pps_flow_table_destroy(table);
}

static void two_tables_hash_differently(void)
{
	struct pps_flow_table_params params = {.name = "a-name-of-16-chr", .flows = 9, .socket = 0};
	struct pps_flow_table *a = pps_flow_table_create(&params), *b = create_table(9);
	unsigned int equal = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	for (uint32_t i = 0; i < 100; i++) {
		struct pps_flow_key key = key_number(i);

		equal += pps_flow_hash(a, &key) == pps_flow_hash(b, &key);
	}
	CU_ASSERT_TRUE(equal <= 1);
	pps_flow_table_destroy(a);
	pps_flow_table_destroy(b);
}

static void the_portable_hash_serves_a_table_as_well(void)
{
	struct pps_flow_table *table = create_table(2000);

	table->hasher.aes = false;
	for (uint32_t i = 0; i < 2000; i++) {
		struct pps_flow_key key = key_number(i);

		CU_ASSERT_NOT_EQUAL_FATAL(add(table, &key), PPS_FLOW_NONE);
	}
	for (uint32_t i = 0; i < 2000; i++) {
		struct pps_flow_key key = key_number(i);
		uint32_t handle = lookup(table, &key);

		CU_ASSERT_NOT_EQUAL_FATAL(handle, PPS_FLOW_NONE);
		pps_flow_remove(table, handle);
	}
	CU_ASSERT_EQUAL(pps_flow_count(table), 0);
	pps_flow_table_destroy(table);
}

/* --- walk --- */

static void an_empty_table_is_walked_and_gives_nothing(void)
{
	struct pps_flow_table *table = create_table(1000);
	uint32_t cursor = 0, handles[64], calls = 0;

	do {
		CU_ASSERT_EQUAL(pps_flow_walk(table, &cursor, 64, handles), 0);
		calls++;
	} while (cursor != 0 && calls < 100000);
	CU_ASSERT_EQUAL(calls, (pps_flow_walk_length(table) + 63) / 64);
	pps_flow_table_destroy(table);
}

static void a_walk_visits_every_flow_once(void)
{
	static const unsigned int slices[] = {1, 3, 7, 64, 65, 200, 100000};
	struct pps_flow_table *table = create_table(5000);

	for (uint32_t i = 0; i < 5000; i++) {
		struct pps_flow_key key = key_number(i);

		pps_flow_at(table, add(table, &key))->rule = 0;
	}
	for (size_t i = 0; i < UNIT_COUNT(slices); i++) {
		uint32_t *handles = calloc(slices[i], sizeof(*handles));
		uint32_t cursor = 0, visited = 0;

		do {
			unsigned int n = pps_flow_walk(table, &cursor, slices[i], handles);

			CU_ASSERT_TRUE_FATAL(n <= slices[i]);
			for (unsigned int j = 0; j < n; j++)
				CU_ASSERT_EQUAL_FATAL(pps_flow_at(table, handles[j])->rule++, i);
			visited += n;
		} while (cursor != 0);
		CU_ASSERT_EQUAL(visited, 5000);
		free(handles);
	}
	pps_flow_table_destroy(table);
}

static void a_walk_that_removes_visits_every_flow_once(void)
{
	struct pps_flow_table *table = create_table(5000);
	uint32_t cursor = 0, visited = 0;

	for (uint32_t i = 0; i < 5000; i++) {
		struct pps_flow_key key = key_number(i);

		add(table, &key);
	}
	do {
		uint32_t handles[33];
		unsigned int n = pps_flow_walk(table, &cursor, 33, handles);

		for (unsigned int i = 0; i < n; i++)
			pps_flow_remove(table, handles[i]);
		visited += n;
	} while (cursor != 0);
	CU_ASSERT_EQUAL(visited, 5000);
	CU_ASSERT_EQUAL(pps_flow_count(table), 0);
	pps_flow_table_destroy(table);
}

static void a_walk_looks_at_no_more_than_asked(void)
{
	struct pps_flow_table *table = create_table(5000);
	uint32_t handles[10], cursor = 0, before = 0;

	do {
		before = cursor;
		pps_flow_walk(table, &cursor, 10, handles);
		CU_ASSERT_TRUE_FATAL(cursor == 0 || cursor == before + 10);
	} while (cursor != 0);
	CU_ASSERT_TRUE(pps_flow_walk_length(table) - before <= 10);
	pps_flow_table_destroy(table);
}

static void a_walk_sees_an_entry_that_has_no_state_yet(void)
{
	struct pps_flow_table *table = create_table(10);
	struct pps_flow_key key = key_number(5);
	uint32_t handle = add(table, &key), cursor = 0, handles[4096], n = 0;

	CU_ASSERT_EQUAL(pps_flow_at(table, handle)->state, PPS_FLOW_FREE);
	n = pps_flow_walk(table, &cursor, UNIT_COUNT(handles), handles);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(handles[0], handle);
	pps_flow_table_destroy(table);
}

static const struct unit_test tests[] = {
	UNIT_TEST(both_directions_have_one_key),
	UNIT_TEST(the_side_decides_which_address_is_inside),
	UNIT_TEST(plain_ipv4_has_the_short_key),
	UNIT_TEST(ipv6_has_the_wide_key),
	UNIT_TEST(ipv4_behind_two_tags_has_the_wide_key),
	UNIT_TEST(every_byte_of_a_wide_key_is_set),
	UNIT_TEST(each_part_of_the_tuple_makes_another_flow),
	UNIT_TEST(the_last_byte_of_an_ipv6_address_counts),
	UNIT_TEST(vlans_are_not_taken_for_each_other),
	UNIT_TEST(a_reply_has_the_key_of_its_query),
	UNIT_TEST(crossing_pings_with_one_id_are_two_flows),
	UNIT_TEST(icmp_ids_and_types_tell_queries_apart),
	UNIT_TEST(the_direction_follows_from_who_began),
	UNIT_TEST(the_portable_hash_is_siphash),
	UNIT_TEST(a_burst_hashes_like_single_keys),
	UNIT_TEST(bytes_behind_a_short_key_do_not_count),
	UNIT_TEST(two_secrets_give_two_hashes),
	UNIT_TEST(every_key_bit_moves_every_hash_bit),
	UNIT_TEST(structured_keys_spread_evenly),
	UNIT_TEST(keys_that_collide_under_a_crc_are_all_accepted),
	UNIT_TEST(a_flow_is_found_after_it_was_added),
	UNIT_TEST(a_removed_flow_is_gone),
	UNIT_TEST(a_new_entry_is_zero),
	UNIT_TEST(a_flow_tells_its_key),
	UNIT_TEST(a_key_that_is_there_is_not_added_again),
	UNIT_TEST(a_burst_finds_what_single_lookups_find),
	UNIT_TEST(every_position_is_found_by_a_burst),
	UNIT_TEST(a_burst_of_one_family_is_found_too),
	UNIT_TEST(the_capacity_is_reached_exactly),
	UNIT_TEST(one_family_alone_may_fill_the_table),
	UNIT_TEST(a_full_table_keeps_its_flows),
	UNIT_TEST(room_that_was_freed_is_used_again),
	UNIT_TEST(changes_counts_adds_and_removes_alone),
	UNIT_TEST(keys_added_or_removed_since_the_burst_are_touched),
	UNIT_TEST(flows_that_share_a_set_of_the_front_are_all_found),
	UNIT_TEST(a_plain_key_is_not_the_beginning_of_a_wide_one),
	UNIT_TEST(entries_lie_on_cache_lines),
	UNIT_TEST(nothing_leaks),
	UNIT_TEST(the_memory_reported_is_the_memory_taken),
	UNIT_TEST(impossible_tables_are_refused),
	UNIT_TEST(a_table_too_large_for_memory_is_refused_whole),
	UNIT_TEST(a_name_in_use_is_refused),
	UNIT_TEST(two_tables_hash_differently),
	UNIT_TEST(the_portable_hash_serves_a_table_as_well),
	UNIT_TEST(an_empty_table_is_walked_and_gives_nothing),
	UNIT_TEST(a_walk_visits_every_flow_once),
	UNIT_TEST(a_walk_that_removes_visits_every_flow_once),
	UNIT_TEST(a_walk_looks_at_no_more_than_asked),
	UNIT_TEST(a_walk_sees_an_entry_that_has_no_state_yet),
};

int main(void)
{
	unit_eal_init(MEGABYTES);
	return unit_run("flow", tests, UNIT_COUNT(tests));
}
