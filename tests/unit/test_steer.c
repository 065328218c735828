/* SPDX-License-Identifier: BSD-3-Clause */

/* Which worker owns a frame: everything that can belong to one flow has one owner. */

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_thash.h>

#include <pps_packet.h>
#include <pps_steer.h>

#include "frame.h"
#include "unit.h"

#define MEGABYTES 64
#define WORKERS   64 /* frames that only happen to meet are few */

static struct pps_steer *steers[2]; /* by enum pps_steer_method */

static uint8_t owner_of(const struct pps_steer *steer, const char *text)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t len = frame_make(text, frame);

	return pps_steer_frame(steer, frame, len, len);
}

/* One conversation between A and B, and what belongs to it. */
#define A "203.0.113."
#define B "198.51.100.10"
static const char *const together[][12] = {
	{"ip4 src=%a dst=%b tcp sport=40000 dport=443 flags=S",
		"ip4 src=%b dst=%a tcp sport=443 dport=40000 flags=SA",
		"ip4 src=%a dst=%b udp sport=1 dport=2", "ip4 src=%a dst=%b mf=1 udp data=8",
		"ip4 src=%a dst=%b off=3 proto=17 data=8", "vlan id=7 ip4 src=%b dst=%a tcp",
		"vlan id=7 vlan id=8 ip4 src=%b dst=%a tcp", "ip4 src=%a dst=%b icmp type=8 id=3",
		"ip4 src=192.0.2.77 dst=%a icmp type=3 code=1 ip4 src=%a dst=%b udp",
		"ip4 src=192.0.2.77 dst=%b icmp type=11 ip4 src=%b dst=%a tcp",
		"vlan id=7 ip4 src=192.0.2.77 dst=%a icmp type=3 code=4 ip4 src=%a dst=%b tcp",
		"ip4 src=192.0.2.77 dst=%a ah icmp type=3 ip4 src=%a dst=%b udp"},
	{"ip6 src=2001:db8:1::%a dst=2001:db8:2::%b tcp sport=40000 dport=443 flags=S",
		"ip6 src=2001:db8:2::%b dst=2001:db8:1::%a tcp sport=443 dport=40000 flags=SA",
		"ip6 src=2001:db8:1::%a dst=2001:db8:2::%b frag mf=1 udp data=8",
		"ip6 src=2001:db8:1::%a dst=2001:db8:2::%b frag off=3 nh=17 data=8",
		"ip6 src=2001:db8:1::%a dst=2001:db8:2::%b hbh dst udp",
		"vlan id=7 ip6 src=2001:db8:1::%a dst=2001:db8:2::%b icmp6 type=128 id=3",
		"ip6 src=2001:db8:9::1 dst=2001:db8:1::%a icmp6 type=1 ip6 src=2001:db8:1::%a "
		"dst=2001:db8:2::%b udp",
		"ip6 src=2001:db8:9::1 dst=2001:db8:2::%b hbh dst icmp6 type=2 ip6 "
		"src=2001:db8:2::%b dst=2001:db8:1::%a udp",
		"ip6 src=2001:db8:9::1 dst=2001:db8:1::%a frag id=5 icmp6 type=3 ip6 "
		"src=2001:db8:1::%a dst=2001:db8:2::%b hbh frag mf=1 udp"},
};

/* Puts the pair's addresses in the place of %a and %b. */
static void fill(const char *pattern, unsigned int family, unsigned int number, char text[512])
{
	size_t n = 0;

	for (; *pattern != '\0'; pattern++) {
		if (*pattern != '%') {
			text[n++] = *pattern;
			continue;
		}
		pattern++;
		if (family == 4)
			n += (size_t)snprintf(
				text + n, 512 - n, *pattern == 'a' ? A "%u" : B, 1 + number);
		else
			n += (size_t)snprintf(
				text + n, 512 - n, "%x", *pattern == 'a' ? number + 1 : 0x10u);
	}
	text[n] = '\0';
}

static void all_of_a_pair_has_one_owner(void)
{
	for (unsigned int number = 0; number < 40; number++) {
		for (unsigned int set = 0; set < 2; set++) {
			char first[512], text[512];

			fill(together[set][0], set == 0 ? 4 : 6, number, first);
			for (unsigned int i = 1; i < 12 && together[set][i] != NULL; i++) {
				fill(together[set][i], set == 0 ? 4 : 6, number, text);
				for (unsigned int m = 0; m < 2; m++) {
					if (owner_of(steers[m], first) == owner_of(steers[m], text))
						continue;
					printf("# %s\n# %s\n", first, text);
					CU_FAIL("two owners");
				}
			}
		}
	}
}

static void pairs_are_spread_over_all_workers(void)
{
	for (unsigned int m = 0; m < 2; m++) {
		unsigned int counts[WORKERS] = {0}, n = 0;

		for (unsigned int i = 0; i < 4096; i++) {
			char text[96];
			uint8_t owner;

			snprintf(text, sizeof(text), "ip4 src=203.0.%u.%u dst=198.51.100.10 udp",
				i / 256, i % 256);
			owner = owner_of(steers[m], text);
			CU_ASSERT_FATAL(owner < WORKERS);
			n += counts[owner]++ == 0;
		}
		CU_ASSERT_EQUAL(n, WORKERS);
	}
}

static void what_has_no_addresses_has_no_owner(void)
{
	static const char *const texts[] = {
		"arp", "llc data=40", "eth", "vlan id=1 vlan id=2 vlan id=3 ip4 udp"};
	static uint8_t frame[FRAME_MAX];
	uint32_t len;

	for (unsigned int i = 0; i < UNIT_COUNT(texts); i++) {
		CU_ASSERT_EQUAL(owner_of(steers[0], texts[i]), PPS_STEER_NOBODY);
		CU_ASSERT_EQUAL(owner_of(steers[1], texts[i]), PPS_STEER_NOBODY);
	}
	len = frame_make("vlan id=7 ip6 udp", frame);
	for (uint32_t cut = 0; cut <= len; cut++)
		CU_ASSERT_EQUAL(pps_steer_frame(steers[0], frame, cut, cut) == PPS_STEER_NOBODY,
			cut < 18 + 40);
	len = frame_make("ip4 icmp type=3 ip4 udp", frame);
	for (uint32_t cut = 0; cut <= len; cut++)
		CU_ASSERT_EQUAL(pps_steer_frame(steers[0], frame, cut, cut) == PPS_STEER_NOBODY,
			cut < 14 + 20);
}

/* An error in fragments, or one whose quote cannot be read, goes by its own pair. */
static void what_speaks_of_no_flow_goes_by_its_own_pair(void)
{
	static const char own[] = "ip4 src=192.0.2.77 dst=203.0.113.9 udp";
	static const char *const texts[] = {
		"ip4 src=192.0.2.77 dst=203.0.113.9 mf=1 icmp type=3 ip4 src=203.0.113.9 "
		"dst=198.51.100.10 udp data=12",
		"ip4 src=192.0.2.77 dst=203.0.113.9 off=2 proto=1 data=8",
		"ip4 src=192.0.2.77 dst=203.0.113.9 icmp type=3",
		"ip4 src=192.0.2.77 dst=203.0.113.9 icmp type=5 ip4 src=203.0.113.9 "
		"dst=198.51.100.10 udp"};

	for (unsigned int m = 0; m < 2; m++) {
		for (unsigned int i = 0; i < UNIT_COUNT(texts); i++)
			CU_ASSERT_EQUAL(owner_of(steers[m], texts[i]), owner_of(steers[m], own));
	}
}

static uint32_t device_hash(unsigned int family, const uint8_t *a, const uint8_t *b)
{
	unsigned int words = family == 4 ? 1 : 4;
	uint32_t tuple[8];
	uint8_t key[52];

	for (unsigned int i = 0; i < sizeof(key); i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
	memcpy(tuple, a, 4 * words);
	memcpy(tuple + words, b, 4 * words);
	for (unsigned int i = 0; i < 2 * words; i++)
		tuple[i] = rte_be_to_cpu_32(tuple[i]);
	return rte_softrss(tuple, 2 * words, key);
}

static void the_hash_is_that_of_devices(void)
{
	uint32_t random = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int family = i % 2 ? 4 : 6;
		uint8_t a[16], b[16];

		for (unsigned int k = 0; k < 16; k++) {
			random = random * 1664525 + 1013904223;
			a[k] = (uint8_t)(random >> 24);
			b[k] = (uint8_t)(random >> 16);
		}
		CU_ASSERT_EQUAL_FATAL(
			pps_steer_toeplitz((uint8_t)family, a, b), device_hash(family, a, b));
		CU_ASSERT_EQUAL_FATAL(device_hash(family, a, b), device_hash(family, b, a));
	}
}

static void the_owner_is_the_queue_of_the_device(void)
{
	struct pps_steer *steer = pps_steer_create(PPS_STEER_TOEPLITZ, 3, 128);
	uint8_t a[4] = {203, 0, 113, 0}, b[4] = {198, 51, 100, 10};

	CU_ASSERT_PTR_NOT_NULL_FATAL(steer);
	for (unsigned int i = 0; i < 256; i++) {
		char text[96];

		a[3] = (uint8_t)i;
		snprintf(text, sizeof(text), "ip4 src=203.0.113.%u dst=198.51.100.10 udp", i);
		CU_ASSERT_EQUAL(owner_of(steer, text), device_hash(4, a, b) % 128 % 3);
	}
	pps_steer_destroy(steer);
}

/* A burst says of each frame what is said of it alone, also of frames in pieces. */
static void a_burst_is_its_frames(void)
{
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create("steer", 511, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	static const uint32_t pieces[] = {FRAME_MAX, 14, 20, 33, 60};
	static uint8_t frame[FRAME_MAX];

	CU_ASSERT_PTR_NOT_NULL_FATAL(pool);
	for (unsigned int p = 0; p < UNIT_COUNT(pieces); p++) {
		struct rte_mbuf *frames[24];
		uint8_t owners[24], wanted[24];
		unsigned int n = 0;

		for (unsigned int m = 0; m < 2; m++, n = 0) {
			for (unsigned int i = 0; i < 24; i++) {
				const char *pattern = together[i / 12][i % 12];
				uint32_t len, at = 0;
				char text[512];

				fill(pattern == NULL ? "arp" : pattern, i < 12 ? 4 : 6, i, text);
				len = frame_make(text, frame);
				wanted[n] = pps_steer_frame(steers[m], frame, len, len);
				frames[n] = rte_pktmbuf_alloc(pool);
				while (at < len) {
					uint32_t piece = RTE_MIN(pieces[p], len - at);
					struct rte_mbuf *more =
						at == 0 ? frames[n] : rte_pktmbuf_alloc(pool);

					memcpy(rte_pktmbuf_append(more, (uint16_t)piece),
						frame + at, piece);
					if (at > 0)
						rte_pktmbuf_chain(frames[n], more);
					at += piece;
				}
				n++;
			}
			pps_steer_burst(steers[m], frames, n, owners);
			CU_ASSERT_EQUAL(memcmp(owners, wanted, n), 0);
			for (unsigned int i = 0; i < n; i++)
				rte_pktmbuf_free(frames[i]);
		}
	}
	rte_mempool_free(pool);
}

static void secrets_differ(void)
{
	struct pps_steer *other = pps_steer_create(PPS_STEER_KEYED, WORKERS, 0);
	unsigned int same = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	for (unsigned int i = 0; i < 256; i++) {
		char text[96];

		snprintf(text, sizeof(text), "ip4 src=203.0.113.%u dst=198.51.100.10 udp", i);
		same += owner_of(other, text) == owner_of(steers[PPS_STEER_KEYED], text);
	}
	CU_ASSERT(same < 64);
	pps_steer_destroy(other);
}

static void impossible_numbers_are_refused(void)
{
	CU_ASSERT_PTR_NULL(pps_steer_create(PPS_STEER_KEYED, 0, 0));
	CU_ASSERT_PTR_NULL(pps_steer_create(PPS_STEER_KEYED, 65, 0));
	CU_ASSERT_PTR_NULL(pps_steer_create(PPS_STEER_TOEPLITZ, 4, 100));
	CU_ASSERT_PTR_NULL(pps_steer_create(PPS_STEER_TOEPLITZ, 4, 2));
}

static const struct unit_test tests[] = {
	UNIT_TEST(all_of_a_pair_has_one_owner),
	UNIT_TEST(pairs_are_spread_over_all_workers),
	UNIT_TEST(what_has_no_addresses_has_no_owner),
	UNIT_TEST(what_speaks_of_no_flow_goes_by_its_own_pair),
	UNIT_TEST(the_hash_is_that_of_devices),
	UNIT_TEST(the_owner_is_the_queue_of_the_device),
	UNIT_TEST(a_burst_is_its_frames),
	UNIT_TEST(secrets_differ),
	UNIT_TEST(impossible_numbers_are_refused),
};

int main(void)
{
	unit_eal_init(MEGABYTES);
	steers[PPS_STEER_KEYED] = pps_steer_create(PPS_STEER_KEYED, WORKERS, 0);
	steers[PPS_STEER_TOEPLITZ] = pps_steer_create(PPS_STEER_TOEPLITZ, WORKERS, PPS_STEER_TABLE);
	return unit_run("steer", tests, UNIT_COUNT(tests));
}
