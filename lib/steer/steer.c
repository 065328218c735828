/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_steer.h"

#include <errno.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <pps_flow_hash.h>
#include <pps_packet.h>

#define ETHER_TYPE_OFFSET 12
#define VLAN_TAG          4
#define IPV4_HEADER       20
#define IPV6_HEADER       40
#define IPV4_PROTOCOL     9
#define IPV4_SOURCE       12
#define IPV6_NEXT         6
#define IPV6_SOURCE       8
#define SYMMETRIC_WORD    0x6d5a6d5au
#define PREFETCH_AHEAD    4

struct pps_steer {
	enum pps_steer_method method;
	unsigned int n_workers;
	struct pps_flow_hasher hasher; /* KEYED */
	uint32_t table_mask; /* TOEPLITZ */
	uint32_t high[256], low[256]; /* hash of the upper and of the lower byte of the sum */
	uint8_t owners[]; /* by entry of the table */
};

/* Two addresses, in the order in which they stand in a header. */
struct pair {
	const uint8_t *first, *second;
	uint8_t family; /* 0: none */
};

/* Where a bit of a 16-bit word stands does not matter beyond its place in the word. */
static uint32_t hash_sum(uint32_t sum)
{
	uint32_t hash = 0;

	for (unsigned int bit = 0; bit < 16; bit++) {
		if (sum >> (15 - bit) & 1)
			hash ^= SYMMETRIC_WORD << bit | (bit ? SYMMETRIC_WORD >> (32 - bit) : 0);
	}
	return hash;
}

struct pps_steer *pps_steer_create(
	enum pps_steer_method method, unsigned int n_workers, unsigned int table_size)
{
	struct pps_steer *steer;
	int err;

	if (method == PPS_STEER_KEYED)
		table_size = 1;
	if (n_workers == 0 || n_workers > PPS_STEER_WORKERS_MAX ||
		(method == PPS_STEER_TOEPLITZ && table_size < n_workers) ||
		(table_size & (table_size - 1)) != 0) {
		errno = EINVAL;
		return NULL;
	}
	steer = rte_zmalloc("pps_steer", sizeof(*steer) + table_size, PPS_CACHE_LINE);
	if (steer == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	steer->method = method;
	steer->n_workers = n_workers;
	steer->table_mask = table_size - 1;
	for (uint32_t i = 0; i < 256; i++) {
		steer->high[i] = hash_sum(i << 8);
		steer->low[i] = hash_sum(i);
	}
	for (unsigned int i = 0; i < table_size; i++)
		steer->owners[i] = (uint8_t)(i % n_workers);
	err = pps_flow_hasher_init(&steer->hasher);
	if (err < 0) {
		pps_steer_destroy(steer);
		errno = -err;
		return NULL;
	}
	return steer;
}

void pps_steer_destroy(struct pps_steer *steer)
{
	if (steer == NULL)
		return;
	explicit_bzero(&steer->hasher, sizeof(steer->hasher));
	rte_free(steer);
}

/* ---- the pair ---- */

static inline uint16_t load16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline bool is_tag(uint16_t ethertype)
{
	return ethertype == PPS_ETHERTYPE_VLAN || ethertype == PPS_ETHERTYPE_QINQ ||
		ethertype == PPS_ETHERTYPE_QINQ_OLD;
}

/* May this protocol be an ICMP error, or have one behind it? */
static inline bool may_be_error(uint8_t family, uint8_t protocol)
{
	if (family == 4)
		return protocol == PPS_IP_ICMP || protocol == PPS_IP_AH;
	return protocol == PPS_IP_ICMPV6 || protocol == PPS_IP_HOPOPTS ||
		protocol == PPS_IP_ROUTING || protocol == PPS_IP_FRAGMENT ||
		protocol == PPS_IP_DSTOPTS || protocol == PPS_IP_AH;
}

/* The pair of the IP header; *ret_look is set when the packet may speak of another one. */
static inline struct pair outer_pair(const uint8_t *data, uint32_t head_len, bool *ret_look)
{
	uint32_t at = ETHER_TYPE_OFFSET;
	uint16_t ethertype;

	*ret_look = false;
	if (head_len < ETHER_TYPE_OFFSET + 2)
		return (struct pair){.family = 0};
	ethertype = load16(data + at);
	for (unsigned int i = 0; i < PPS_VLAN_TAGS_MAX && unlikely(is_tag(ethertype)); i++) {
		at += VLAN_TAG;
		if (head_len < at + 2)
			return (struct pair){.family = 0};
		ethertype = load16(data + at);
	}
	at += 2;
	if (ethertype == PPS_ETHERTYPE_IPV4 && head_len >= at + IPV4_HEADER) {
		const uint8_t *source = data + at + IPV4_SOURCE;

		*ret_look = may_be_error(4, data[at + IPV4_PROTOCOL]);
		return (struct pair){source, source + 4, 4};
	}
	if (ethertype == PPS_ETHERTYPE_IPV6 && head_len >= at + IPV6_HEADER) {
		const uint8_t *source = data + at + IPV6_SOURCE;

		*ret_look = may_be_error(6, data[at + IPV6_NEXT]);
		return (struct pair){source, source + 16, 6};
	}
	return (struct pair){.family = 0};
}

static uint8_t owner_of(const struct pps_steer *steer, const struct pair *pair);

/* Of a packet that may be an ICMP error: by its quote when it is one. */
static __attribute__((noinline)) uint8_t look_inside(const struct pps_steer *steer,
	const uint8_t *data, uint32_t head_len, uint32_t len, const struct pair *outer)
{
	struct pps_packet packet, quoted;
	struct pair pair = *outer;

	if (pps_packet_parse(data, head_len, len, &packet) == PPS_REASON_NONE &&
		packet.kind == PPS_PACKET_ICMP_ERROR &&
		pps_packet_parse_quote(data, head_len, &packet, &quoted))
		pair = (struct pair){quoted.src, quoted.dst, quoted.family};
	return owner_of(steer, &pair);
}

/* The same, or of a frame whose headers are in several segments. */
static __attribute__((noinline)) uint8_t look_closer(
	const struct pps_steer *steer, const struct rte_mbuf *frame)
{
	uint8_t bounce[PPS_PACKET_HEADER_MAX];
	uint32_t len = rte_pktmbuf_pkt_len(frame), head_len = rte_pktmbuf_data_len(frame);
	const uint8_t *data = rte_pktmbuf_mtod(frame, const uint8_t *);

	if (head_len < len && head_len < PPS_PACKET_HEADER_MAX) {
		head_len = RTE_MIN(len, (uint32_t)PPS_PACKET_HEADER_MAX);
		data = rte_pktmbuf_read(frame, 0, head_len, bounce);
	}
	return pps_steer_frame(steer, data, head_len, len);
}

/* ---- the hashes ---- */

/* The sum of the 16-bit words of both addresses, in the byte order of the wire. */
static inline uint32_t sum_pair(const struct pair *pair)
{
	unsigned int n = pair->family == 4 ? 1 : 4;
	uint32_t sum = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t a, b;

		memcpy(&a, pair->first + 4 * i, sizeof(a));
		memcpy(&b, pair->second + 4 * i, sizeof(b));
		sum ^= a ^ b;
	}
	sum ^= sum >> 16;
	return rte_be_to_cpu_16((uint16_t)sum);
}

uint32_t pps_steer_toeplitz(uint8_t family, const uint8_t *a, const uint8_t *b)
{
	const struct pair pair = {a, b, family};

	return hash_sum(sum_pair(&pair));
}

/* The same for both orders. */
static inline void make_key(const struct pair *pair, struct pps_flow_key *key)
{
	size_t len = pair->family == 4 ? 4 : 16;
	bool swap = memcmp(pair->first, pair->second, len) > 0;

	memset(key, 0, sizeof(*key));
	key->is_wide = pair->family != 4;
	memcpy(key->is_wide ? key->wide.inside : key->v4.inside, swap ? pair->second : pair->first,
		len);
	memcpy(key->is_wide ? key->wide.outside : key->v4.outside,
		swap ? pair->first : pair->second, len);
}

static inline uint8_t owner_by_hash(const struct pps_steer *steer, uint32_t hash)
{
	return (uint8_t)((uint64_t)hash * steer->n_workers >> 32);
}

static inline uint8_t owner_by_sum(const struct pps_steer *steer, uint32_t sum)
{
	uint32_t hash = steer->high[sum >> 8] ^ steer->low[sum & 0xff];

	return steer->owners[hash & steer->table_mask];
}

static uint8_t owner_of(const struct pps_steer *steer, const struct pair *pair)
{
	struct pps_flow_key key;
	uint32_t hash;

	if (pair->family == 0)
		return PPS_STEER_NOBODY;
	if (steer->method == PPS_STEER_TOEPLITZ)
		return owner_by_sum(steer, sum_pair(pair));
	make_key(pair, &key);
	pps_flow_hasher_burst(&steer->hasher, &key, 1, &hash);
	return owner_by_hash(steer, hash);
}

uint8_t pps_steer_frame(
	const struct pps_steer *steer, const uint8_t *data, uint32_t head_len, uint32_t len)
{
	bool look;
	struct pair pair = outer_pair(data, head_len, &look);

	return look ? look_inside(steer, data, head_len, len, &pair) : owner_of(steer, &pair);
}

void pps_steer_burst(const struct pps_steer *steer, struct rte_mbuf *const *frames, unsigned int n,
	uint8_t *owners)
{
	struct pps_flow_key keys[PPS_FLOW_BURST_MAX];
	uint32_t hashes[PPS_FLOW_BURST_MAX];
	uint8_t keyed[PPS_FLOW_BURST_MAX];
	unsigned int n_keyed = 0;

	for (unsigned int i = 0; i < n && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void *));
	for (unsigned int i = 0; i < n; i++) {
		const struct rte_mbuf *frame = frames[i];
		struct pair pair;
		bool look;

		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + PREFETCH_AHEAD], const void *));
		pair = outer_pair(rte_pktmbuf_mtod(frame, const uint8_t *),
			rte_pktmbuf_data_len(frame), &look);
		if (unlikely(look || pair.family == 0)) {
			owners[i] = look_closer(steer, frame);
		} else if (steer->method == PPS_STEER_TOEPLITZ) {
			owners[i] = owner_by_sum(steer, sum_pair(&pair));
		} else {
			make_key(&pair, &keys[n_keyed]);
			keyed[n_keyed++] = (uint8_t)i;
		}
	}
	if (n_keyed == 0)
		return;
	pps_flow_hasher_burst(&steer->hasher, keys, n_keyed, hashes);
	for (unsigned int k = 0; k < n_keyed; k++)
		owners[keyed[k]] = owner_by_hash(steer, hashes[k]);
}
