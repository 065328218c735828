/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow_ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_prefetch.h>

#include <pps_stage.h>

/*
 * The flow table: two rte_hash and their entries.
 *
 * Our hashes are handed to rte_hash with every call; its own hash function is never asked. One
 * function of rte_hash asks it all the same: rte_hash_get_key_with_position() looks the key up
 * again and says ENOENT for every key that was stored under another hash. Keys are needed by
 * position (to remove and to list), so creation learns where rte_hash keeps them: three keys are
 * stored in rte_hash's own way, their addresses must lie on one line over their positions, and
 * then they are removed. A DPDK that lays keys out otherwise fails creation, not traffic.
 */

#define NAME_MAX_LEN    16
#define SMALL_TABLE     8192
#define SMALL_TABLE_MIN 256
#define PROBES          3

/*
 * Entries to ask of rte_hash for 'flows' flows. Its buckets are rounded up to a power of two, and
 * a cuckoo table refuses its first key at some 97 % load; small tables, with few buckets to choose
 * from, earlier. So a large table never goes above 7/8, a small one never above one half.
 */
static uint32_t hash_entries(uint32_t flows)
{
	uint32_t power = rte_align32pow2(flows);

	if (flows <= SMALL_TABLE)
		return RTE_MAX(2 * flows, (uint32_t)SMALL_TABLE_MIN);
	return flows > power / 8 * 7 ? power + 1 : flows;
}

/* The memory rte_hash takes: buckets, keys with a header of 8 bytes, ring of free positions. */
static size_t hash_memory(uint32_t entries, size_t key_len)
{
	size_t buckets = (size_t)rte_align32pow2(entries) / 8 * 64;
	size_t keys = RTE_ALIGN(key_len + 8, 16) * ((size_t)entries + 1);

	return buckets + keys + (size_t)rte_align32pow2(entries + 1) * sizeof(uint32_t);
}

static int learn_key_place(struct pps_flow_half *half)
{
	uint8_t probe[PROBES][sizeof(struct pps_key_wide)] = {{1}, {2}, {3}};
	const uint8_t *keys[PROBES] = {NULL};
	int32_t positions[PROBES];
	int err = 0;

	for (unsigned int i = 0; i < PROBES; i++) {
		void *key = NULL;

		positions[i] = rte_hash_add_key(half->hash, probe[i]);
		if (positions[i] < 0 ||
			rte_hash_get_key_with_position(half->hash, positions[i], &key) != 0)
			return -EINVAL;
		keys[i] = key;
	}
	if (positions[1] != positions[0] + 1 || positions[2] != positions[0] + 2)
		return -EINVAL;
	half->key_stride = (size_t)(keys[1] - keys[0]);
	half->keys = keys[0] - (size_t)positions[0] * half->key_stride;
	if (keys[2] != keys[1] + half->key_stride || half->key_stride < half->key_len)
		err = -EINVAL;
	for (unsigned int i = 0; i < PROBES; i++) {
		if (memcmp(keys[i], probe[i], half->key_len) != 0)
			err = -EINVAL;
		rte_hash_del_key(half->hash, probe[i]);
	}
	return err;
}

static void half_fini(struct pps_flow_half *half)
{
	rte_free(half->live);
	rte_free(half->cold);
	rte_free(half->entries);
	rte_hash_free(half->hash);
}

static uint32_t wide_flows(const struct pps_flow_table_params *params)
{
	return params->wide > 0 ? params->wide : params->flows;
}

static int half_init(struct pps_flow_half *half, const struct pps_flow_table_params *params,
	const char *suffix, size_t key_len)
{
	bool is_wide = key_len == sizeof(struct pps_key_wide);
	char name[NAME_MAX_LEN + sizeof(".wide")];
	struct rte_hash_parameters hash_params = {
		.name = name,
		.entries = hash_entries(is_wide ? wide_flows(params) : params->flows),
		.key_len = (uint32_t)key_len,
		.hash_func = rte_jhash,
		.socket_id = params->socket,
	};

	snprintf(name, sizeof(name), "%s%s", params->name, suffix);
	half->key_len = key_len;
	half->n = RTE_ALIGN(hash_params.entries, 64u);
	half->hash = rte_hash_create(&hash_params);
	if (half->hash == NULL)
		return rte_errno == EEXIST ? -EINVAL : -ENOMEM;
	half->entries = rte_zmalloc_socket(
		"pps_flow", half->n * sizeof(*half->entries), PPS_CACHE_LINE, params->socket);
	half->cold = rte_zmalloc_socket(
		"pps_flow_cold", half->n * sizeof(*half->cold), PPS_CACHE_LINE, params->socket);
	half->live =
		rte_zmalloc_socket("pps_flow_live", half->n / 8, PPS_CACHE_LINE, params->socket);
	if (half->entries == NULL || half->cold == NULL || half->live == NULL)
		return -ENOMEM;
	return learn_key_place(half);
}

static size_t half_memory(const struct pps_flow_half *half, uint32_t flows)
{
	return hash_memory(hash_entries(flows), half->key_len) +
		half->n * (sizeof(*half->entries) + sizeof(*half->cold)) + half->n / 8;
}

static int front_init(struct flow_front *front, const struct pps_flow_table_params *params)
{
	uint32_t n = rte_align32pow2(params->flows) / FRONT_SET_FLOWS;

	n = RTE_MAX(n, 1u);
	front->sets = rte_zmalloc_socket(
		"pps_flow_front", n * sizeof(*front->sets), PPS_CACHE_LINE, params->socket);
	if (front->sets == NULL)
		return -ENOMEM;
	front->mask = n - 1;
	return 0;
}

static int check_params(const struct pps_flow_table_params *params)
{
	const struct pps_flow_ledger *ledger = params->ledger;
	size_t len = strnlen(params->name, NAME_MAX_LEN + 1);
	uint32_t max = params->half_open_max;

	if (len == 0 || len > NAME_MAX_LEN)
		return -EINVAL;
	if (max > params->flows || params->wide > params->flows)
		return -EINVAL;
	/* With others a source's share may be larger than what one table has room for. */
	if (ledger == NULL && max > 0 && params->half_open_per_source > max)
		return -EINVAL;
	if (max == 0)
		max = pps_flow_half_open_max_default(params->flows);
	if (ledger != NULL &&
		(params->index >= ledger->n_tables || ledger->per_table <= params->flows + max))
		return -EINVAL;
	return params->flows == 0 || params->flows > PPS_FLOWS_MAX ? -EINVAL : 0;
}

static int counts_init(struct pps_flow_table *table, const struct pps_flow_table_params *params)
{
	const struct pps_flow_ledger_params own = {
		.n_tables = 1,
		.flows = params->flows,
		.half_open_max = params->half_open_max,
		.socket = params->socket,
	};

	table->ledger = params->ledger;
	table->index = params->index;
	if (table->ledger == NULL) {
		table->ledger = pps_flow_ledger_create(&own);
		if (table->ledger == NULL)
			return -errno;
		table->own_ledger = true;
		table->index = 0;
	}
	table->hasher = table->ledger->hasher;
	table->first_counter = 1 + table->index * table->ledger->per_table;
	table->fresh_counter = table->first_counter;
	return pps_flow_half_open_init(&table->half_open, params);
}

struct pps_flow_table *pps_flow_table_create(const struct pps_flow_table_params *params)
{
	struct pps_flow_table *table;
	int err = check_params(params);

	if (err < 0)
		goto fail;
	table = rte_zmalloc_socket(
		"pps_flow_table", sizeof(*table), PPS_CACHE_LINE, params->socket);
	err = -ENOMEM;
	if (table == NULL)
		goto fail;
	err = counts_init(table, params);
	if (err < 0)
		goto destroy_table;
	err = half_init(&table->open.halves[0], params, ".v4", sizeof(struct pps_key4));
	if (err < 0)
		goto destroy_table;
	err = half_init(&table->open.halves[1], params, ".wide", sizeof(struct pps_key_wide));
	if (err < 0)
		goto destroy_table;
	err = front_init(&table->front, params);
	if (err < 0)
		goto destroy_table;
	table->capacity = params->flows;
	table->capacity_wide = wide_flows(params);
	table->memory = sizeof(*table) +
		((size_t)table->front.mask + 1) * sizeof(*table->front.sets) +
		half_memory(&table->open.halves[0], params->flows) +
		half_memory(&table->open.halves[1], wide_flows(params)) +
		pps_flow_half_open_memory(&table->half_open) +
		pps_flow_ledger_memory(table->ledger) / table->ledger->n_tables;
	return table;

destroy_table:
	pps_flow_table_destroy(table);
fail:
	errno = -err;
	return NULL;
}

void pps_flow_table_destroy(struct pps_flow_table *table)
{
	if (table == NULL)
		return;
	if (table->own_ledger)
		pps_flow_ledger_destroy(table->ledger);
	pps_flow_half_open_fini(&table->half_open);
	rte_free(table->front.sets);
	half_fini(&table->open.halves[1]);
	half_fini(&table->open.halves[0]);
	/* Freed memory is reused as it is: the secret must not stay in it. */
	explicit_bzero(&table->hasher, sizeof(table->hasher));
	rte_free(table);
}

static inline const uint8_t *stored_key(const struct pps_flow_half *half, uint32_t handle)
{
	return half->keys + (size_t)(handle & PPS_FLOW_POSITION) * half->key_stride;
}

static inline uint64_t difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < len; i += sizeof(ret)) {
		uint64_t x, y;

		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		ret |= x ^ y;
	}
	return ret;
}

static inline bool is_key(const uint8_t *stored, const struct pps_flow_key *key)
{
	if (likely(!key->is_wide))
		return difference(stored, (const uint8_t *)&key->v4, sizeof(key->v4)) == 0;
	return difference(stored, (const uint8_t *)&key->wide, sizeof(key->wide)) == 0;
}

/* Is it this key that the live flow 'handle' has? */
static inline bool has_key(
	const struct pps_flow_table *table, uint32_t handle, const struct pps_flow_key *key)
{
	return key->is_wide == handle >> 31 &&
		is_key(stored_key(pps_flow_half_of(table, handle), handle), key);
}

/* The live flow among those of 'slots' that has this key, or PPS_FLOW_NONE. */
static uint32_t find_among(const struct pps_flow_table *table, const struct flow_set *set,
	unsigned int slots, const struct pps_flow_key *key)
{
	for (; slots != 0; slots &= slots - 1) {
		uint32_t handle = set->handles[__builtin_ctz(slots)];

		if (has_key(table, handle, key))
			return handle;
	}
	return PPS_FLOW_NONE;
}

/* What the front knows of a burst: bits by key. */
struct front_answer {
	uint64_t absent; /* there is no such flow */
	uint64_t unknown; /* rte_hash has to say */
};

/* A key that is not the one of the first slot with its tag. */
static __attribute__((noinline)) uint32_t find_further(const struct pps_flow_table *table,
	const struct pps_flow_key *key, uint32_t hash, struct front_answer *answer, unsigned int i)
{
	const struct flow_set *set = front_set(&table->front, hash);
	uint32_t handle = find_among(table, set, front_slots_of(set, front_tag(hash)), key);

	if (handle != PPS_FLOW_NONE)
		return handle;
	if (set->strays == 0)
		answer->absent |= UINT64_C(1) << i;
	else
		answer->unknown |= UINT64_C(1) << i;
	return PPS_FLOW_NONE;
}

static struct front_answer ask_front(const struct pps_flow_table *table,
	const struct pps_flow_key *keys, unsigned int n, const uint32_t *hashes, uint32_t *handles)
{
	struct front_answer ret = {0};
	const struct flow_front front = table->front;
	const struct pps_flow_half *halves = table->open.halves;
	const uint8_t *stored[PPS_FLOW_BURST_MAX];

	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(front_set(&front, hashes[i]));
	for (unsigned int i = 0; i < n; i++) {
		const struct flow_set *set = front_set(&front, hashes[i]);
		unsigned int slots = front_slots_of(set, front_tag(hashes[i]));

		if (slots == 0) {
			handles[i] = PPS_FLOW_NONE;
			ret.absent |= (uint64_t)(set->strays == 0) << i;
			ret.unknown |= (uint64_t)(set->strays != 0) << i;
			continue;
		}
		handles[i] = set->handles[__builtin_ctz(slots)];
		stored[i] = stored_key(&halves[handles[i] >> 31], handles[i]);
		rte_prefetch0(stored[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint32_t handle = handles[i];

		if (handle == PPS_FLOW_NONE)
			continue;
		if (unlikely(handle >> 31 != keys[i].is_wide || !is_key(stored[i], &keys[i])))
			handle = handles[i] = find_further(table, &keys[i], hashes[i], &ret, i);
		if (likely(handle != PPS_FLOW_NONE))
			rte_prefetch0(&halves[handle >> 31].entries[handle & PPS_FLOW_POSITION]);
	}
	return ret;
}

/* The part of a burst that belongs to one half. */
struct half_burst {
	const void *keys[PPS_FLOW_BURST_MAX];
	hash_sig_t hashes[PPS_FLOW_BURST_MAX];
	uint8_t places[PPS_FLOW_BURST_MAX]; /* in the caller's arrays */
	unsigned int n;
};

/* Parts those of the burst that 'which' names, bits by key. */
static void part(struct half_burst bursts[2], const struct pps_flow_key *keys,
	const uint32_t *hashes, uint64_t which)
{
	bursts[0].n = 0;
	bursts[1].n = 0;
	for (; which != 0; which &= which - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(which);
		struct half_burst *burst = &bursts[keys[i].is_wide];

		burst->keys[burst->n] = &keys[i];
		burst->hashes[burst->n] = hashes[i];
		burst->places[burst->n++] = (uint8_t)i;
	}
}

static uint64_t lookup_half(const struct pps_flow_table *table, struct half_burst *burst,
	unsigned int wide, uint32_t *handles)
{
	const struct pps_flow_half *half = &table->open.halves[wide];
	int32_t positions[PPS_FLOW_BURST_MAX];
	uint64_t missing = 0;

	if (burst->n == 0)
		return 0;
	rte_hash_lookup_with_hash_bulk(half->hash, burst->keys, burst->hashes, burst->n, positions);
	for (unsigned int i = 0; i < burst->n; i++) {
		unsigned int place = burst->places[i];

		if (positions[i] < 0) {
			handles[place] = PPS_FLOW_NONE;
			missing |= UINT64_C(1) << place;
			continue;
		}
		rte_prefetch0(&half->entries[positions[i]]);
		handles[place] = (uint32_t)positions[i] | wide << 31;
		front_found(&table->front, burst->hashes[i], handles[place]);
	}
	return missing;
}

uint64_t pps_flow_lookup_burst(struct pps_flow_table *table, const struct pps_flow_key *keys,
	unsigned int n, uint32_t *hashes, uint32_t *handles)
{
	struct half_burst bursts[2];
	struct front_answer answer;

	assert(n <= PPS_FLOW_BURST_MAX);
	pps_flow_hasher_burst(&table->hasher, keys, n, hashes);
	PPS_STAGE(HASH);
	table->open.touched = 0;
	answer = ask_front(table, keys, n, hashes, handles);
	table->absent = answer.absent;
	if (likely(answer.unknown == 0))
		return answer.absent;
	part(bursts, keys, hashes, answer.unknown);
	return answer.absent | lookup_half(table, &bursts[0], 0, handles) |
		lookup_half(table, &bursts[1], 1, handles);
}

void pps_flow_prepare_burst(const struct pps_flow_table *table, const struct pps_flow_key *keys,
	const uint32_t *hashes, uint64_t which)
{
	struct half_burst bursts[2];
	int32_t positions[PPS_FLOW_BURST_MAX];

	/* rte_hash has looked for the others already. */
	which &= table->absent;
	if (which == 0)
		return;
	part(bursts, keys, hashes, which);
	for (unsigned int i = 0; i < 2; i++) {
		if (bursts[i].n > 0)
			rte_hash_lookup_with_hash_bulk(table->open.halves[i].hash, bursts[i].keys,
				bursts[i].hashes, bursts[i].n, positions);
	}
}

uint32_t pps_flow_lookup(
	const struct pps_flow_table *table, const struct pps_flow_key *key, uint32_t hash)
{
	const struct flow_set *set = front_set(&table->front, hash);
	uint32_t handle = find_among(table, set, front_slots_of(set, front_tag(hash)), key);
	int32_t position;

	if (handle != PPS_FLOW_NONE || set->strays == 0)
		return handle;
	position = rte_hash_lookup_with_hash(table->open.halves[key->is_wide].hash, key, hash);
	if (position < 0)
		return PPS_FLOW_NONE;
	return (uint32_t)position | (key->is_wide ? PPS_FLOW_WIDE : 0);
}

uint32_t pps_flow_hash(const struct pps_flow_table *table, const struct pps_flow_key *key)
{
	uint32_t hash;

	pps_flow_hasher_burst(&table->hasher, key, 1, &hash);
	return hash;
}

void pps_flow_key_at(
	const struct pps_flow_table *table, uint32_t handle, struct pps_flow_key *ret_key)
{
	const struct pps_flow_half *half = pps_flow_half_of(table, handle);

	memset(ret_key, 0, sizeof(*ret_key));
	memcpy(ret_key, stored_key(half, handle), half->key_len);
	ret_key->is_wide = (handle & PPS_FLOW_WIDE) != 0;
}

static inline void note_change(struct pps_flow_table *table, uint32_t hash)
{
	table->open.touched |= UINT64_C(1) << (hash & 63);
	table->changes++;
}

uint32_t pps_flow_add(struct pps_flow_table *table, const struct pps_flow_key *key, uint32_t hash)
{
	struct pps_flow_half *half = &table->open.halves[key->is_wide];
	uint32_t position, handle;
	int32_t added;

	if (table->n_live >= table->capacity ||
		(key->is_wide && table->n_wide >= table->capacity_wide))
		return PPS_FLOW_NONE;
	added = rte_hash_add_key_with_hash(half->hash, key, hash);
	if (added < 0)
		return PPS_FLOW_NONE;
	position = (uint32_t)added;
	/* The key was there against the contract: the flow that holds it stays as it is. */
	if (flow_half_is_live(half, position))
		return PPS_FLOW_NONE;
	half->live[position / 64] |= 1ull << position % 64;
	memset(&half->entries[position], 0, sizeof(half->entries[position]));
	memset(&half->cold[position], 0, sizeof(half->cold[position]));
	__atomic_store_n(&table->n_live, table->n_live + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&table->n_wide, table->n_wide + key->is_wide, __ATOMIC_RELAXED);
	handle = position | (key->is_wide ? PPS_FLOW_WIDE : 0);
	front_add(&table->front, hash, handle);
	note_change(table, hash);
	return handle;
}

void pps_flow_remove(struct pps_flow_table *table, uint32_t handle)
{
	struct pps_flow_half *half = &table->open.halves[handle >> 31];
	uint32_t position = handle & PPS_FLOW_POSITION;
	struct pps_flow_key key;
	uint32_t hash;

	if (!flow_half_is_live(half, position))
		return;
	pps_flow_unbind(table, handle);
	pps_flow_leave(table, handle);
	pps_flow_key_at(table, handle, &key);
	hash = pps_flow_hash(table, &key);
	rte_hash_del_key_with_hash(half->hash, &key, hash);
	front_remove(&table->front, hash, handle);
	half->live[position / 64] &= ~(1ull << position % 64);
	half->entries[position].state = PPS_FLOW_FREE;
	__atomic_store_n(&table->n_live, table->n_live - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&table->n_wide, table->n_wide - key.is_wide, __ATOMIC_RELAXED);
	note_change(table, hash);
}

uint64_t pps_flow_changes(const struct pps_flow_table *table)
{
	return table->changes;
}

uint32_t pps_flow_count(const struct pps_flow_table *table)
{
	return __atomic_load_n(&table->n_live, __ATOMIC_RELAXED);
}

uint32_t pps_flow_capacity(const struct pps_flow_table *table)
{
	return table->capacity;
}

uint32_t pps_flow_count_wide(const struct pps_flow_table *table)
{
	return __atomic_load_n(&table->n_wide, __ATOMIC_RELAXED);
}

uint32_t pps_flow_capacity_wide(const struct pps_flow_table *table)
{
	return table->capacity_wide;
}

size_t pps_flow_memory(const struct pps_flow_table *table)
{
	return table->memory;
}

int pps_flow_node(const struct pps_flow_table *table)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(pps_flow_at(table, 0));

	return list == NULL || !rte_eal_has_hugepages() ? -1 : list->socket_id;
}
