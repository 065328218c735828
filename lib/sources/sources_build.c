/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sources_priv.h"

#define HUGE_PAGE (2ul << 20)

/* What large lists lie in: few TLB entries where the system has huge pages. Zeroed. */
static void *allocate(size_t bytes)
{
	void *memory;

	if (posix_memalign(&memory, bytes < HUGE_PAGE ? 64 : HUGE_PAGE, bytes) != 0)
		return NULL;
	if (bytes >= HUGE_PAGE)
		madvise(memory, bytes, MADV_HUGEPAGE);
	memset(memory, 0, bytes);
	return memory;
}

static source_key6 address_key(const struct pps_addr *addr)
{
	unsigned int n = addr->family == 4 ? 4 : 16;
	source_key6 key = 0;

	for (unsigned int i = 0; i < n; i++)
		key = key << 8 | addr->bytes[i];
	return key;
}

static unsigned int address_bits(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

/* The first address behind the prefix; false when there is none. */
static bool end_key(const struct pps_prefix *prefix, source_key6 begin, source_key6 *ret)
{
	unsigned int bits = address_bits(prefix->addr.family);
	source_key6 size;

	if (prefix->len == 0)
		return false;
	size = (source_key6)1 << (bits - prefix->len);
	*ret = begin + size;
	return bits == 32 ? *ret >> 32 == 0 : *ret != 0;
}

/* Boundaries as they come, before it is known how many they are: at most two a prefix. */
struct row {
	source_key6 *keys;
	size_t n;
	bool open; /* membership goes on to the last address there is */
};

/* Intervals that touch become one. False when the prefixes are not sorted and disjoint. */
static bool add_prefix(struct row *row, const struct pps_prefix *prefix)
{
	source_key6 begin = address_key(&prefix->addr), end;

	if (prefix->len > address_bits(prefix->addr.family) || row->open)
		return false;
	if (row->n > 0 && begin < row->keys[row->n - 1])
		return false;
	if (row->n > 0 && begin == row->keys[row->n - 1])
		row->n--;
	else
		row->keys[row->n++] = begin;
	row->open = !end_key(prefix, begin, &end);
	if (!row->open)
		row->keys[row->n++] = end;
	return true;
}

static bool make_row(struct row *row, const struct pps_prefix *items, size_t n)
{
	*row = (struct row){.keys = calloc(2 * n + 1, sizeof(*row->keys))};
	if (row->keys == NULL) {
		errno = ENOMEM;
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!add_prefix(row, &items[i])) {
			errno = EINVAL;
			return false;
		}
	}
	return true;
}

static void index_row(const struct row *row, unsigned int bits, uint32_t first[BUCKETS + 1])
{
	for (size_t i = 0; i < row->n; i++)
		first[(uint32_t)(row->keys[i] >> (bits - 16)) + 1]++;
	for (uint32_t b = 0; b < BUCKETS; b++)
		first[b + 1] += first[b];
}

static bool build4(struct pps_source_set *set, const struct pps_prefix *items, size_t n)
{
	struct row row;
	bool built = make_row(&row, items, n);

	if (!built)
		goto out;
	set->row4 = allocate((row.n + 1) * sizeof(*set->row4));
	built = set->row4 != NULL;
	if (!built)
		goto out;
	for (size_t i = 0; i < row.n; i++)
		set->row4[i] = (uint16_t)row.keys[i];
	index_row(&row, 32, set->first4);
	set->bytes += (row.n + 1) * sizeof(*set->row4);
out:
	free(row.keys);
	return built;
}

static bool build6(struct pps_source_set *set, const struct pps_prefix *items, size_t n)
{
	struct row row;
	bool built = make_row(&row, items, n);

	if (!built)
		goto out;
	set->row6 = allocate((row.n + 1) * sizeof(*set->row6));
	built = set->row6 != NULL;
	if (!built)
		goto out;
	memcpy(set->row6, row.keys, row.n * sizeof(*set->row6));
	index_row(&row, 128, set->first6);
	set->bytes += (row.n + 1) * sizeof(*set->row6);
out:
	free(row.keys);
	return built;
}

struct pps_source_set *pps_source_set_build(const struct pps_prefix *items, size_t n, bool any)
{
	static const struct pps_prefix all[] = {{.addr.family = 4}, {.addr.family = 6}};
	struct pps_source_set *set;
	size_t n4 = 0;

	if (any) {
		items = all;
		n = 2;
	}
	if (n > PPS_SOURCE_PREFIXES_MAX) {
		errno = E2BIG;
		return NULL;
	}
	while (n4 < n && items[n4].addr.family == 4)
		n4++;
	for (size_t i = n4; i < n; i++) {
		if (items[i].addr.family != 6) {
			errno = EINVAL;
			return NULL;
		}
	}
	set = allocate(sizeof(*set));
	if (set == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	set->bytes = sizeof(*set);
	if (!build4(set, items, n4) || !build6(set, items + n4, n - n4)) {
		pps_source_set_destroy(set);
		return NULL;
	}
	return set;
}

void pps_source_set_destroy(struct pps_source_set *set)
{
	int saved = errno;

	if (set == NULL)
		return;
	free(set->row4);
	free(set->row6);
	free(set);
	errno = saved;
}

bool pps_source_set_read(const struct pps_source_set *set, pps_source_reader reader, void *aux)
{
	const size_t n4 = set->first4[BUCKETS], n6 = set->first6[BUCKETS];
	const size_t bytes4 = n4 * sizeof(*set->row4), bytes6 = n6 * sizeof(*set->row6);
	bool fits = set->bytes ==
		sizeof(*set) + bytes4 + sizeof(*set->row4) + bytes6 + sizeof(*set->row6);

	return reader(set->first4, sizeof(set->first4), aux) &&
		reader(set->first6, sizeof(set->first6), aux) &&
		(!fits || (reader(set->row4, bytes4, aux) && reader(set->row6, bytes6, aux)));
}

size_t pps_source_set_bytes(const struct pps_source_set *set)
{
	return set->bytes;
}
