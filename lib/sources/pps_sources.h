/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_SOURCES_H
#define PPS_SOURCES_H

/*
 * Source sets: is this address in a list of a million prefixes?
 *
 * Only that is asked, never which prefix it was. So a list need not be a longest-prefix table with
 * its 64 MiB and more (one /32 costs rte_lpm and rte_fib a table of 256 entries: a million
 * scattered hosts cost them a gigabyte). The prefixes are merged into intervals, and the intervals
 * are written as the sorted row of the addresses at which membership changes:
 *
 *     10.0.0.0/8, 11.0.0.0/8, 192.0.2.1/32   ->   10.0.0.0  12.0.0.0  192.0.2.1  192.0.2.2
 *
 * An address is a member when an odd number of these is not above it. The row is cut into 65536
 * buckets by the first 16 bits of the address, so that what is searched is short (16 numbers of
 * 16 bits, half a cache line, for a million IPv4 prefixes that lie anywhere), and an IPv4 number
 * need not repeat those bits. A million IPv4 prefixes take 4 MiB, a hundred thousand IPv6 prefixes
 * 3 MiB. The worst bucket there can be (a hostile or foolish list) costs 16 steps for IPv4 and 22
 * for IPv6.
 *
 * A burst is searched in step: each step of the search is taken for all addresses before the next,
 * so that the memory of one is fetched while the others are looked at.
 *
 * Memory is the process's, not the EAL heap's, on huge pages where the system gives them.
 *
 * Life-cycle: build (cold, may take tens of milliseconds) -> ask -> destroy. Immutable in between:
 * any number of threads may ask.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_addr.h>

#define PPS_SOURCE_BURST_MAX    64
#define PPS_SOURCE_PREFIXES_MAX (2u << 20) /* of one list, both families together */

struct pps_source_set;

/*
 * Builds a set. 'items' is sorted by family, then by address, and none covers another, as those of
 * a struct pps_prefix_set; 'any': every address of both families. NULL and errno: EINVAL when the
 * order is another, E2BIG, ENOMEM.
 */
struct pps_source_set *pps_source_set_build(const struct pps_prefix *items, size_t n, bool any);
void pps_source_set_destroy(struct pps_source_set *set); /* NULL is fine */
size_t pps_source_set_bytes(const struct pps_source_set *set);

/* Takes bytes; false: no more are wanted. */
typedef bool (*pps_source_reader)(const void *bytes, size_t n, void *aux);
/* Reads back the tables that are asked, piece by piece: equal for equal sets. Where they do not fit
 * together, which only damage explains, the rows are left out. False when the reader said so. */
bool pps_source_set_read(const struct pps_source_set *set, pps_source_reader reader, void *aux);

/*
 * Which of 'n' addresses (at most PPS_SOURCE_BURST_MAX) are members: bit i of the answer is for
 * addrs[i], which points at 4 or 16 bytes in network order. All are of one family.
 */
uint64_t pps_source_set_find4(
	const struct pps_source_set *set, const uint8_t *const *addrs, unsigned int n);
uint64_t pps_source_set_find6(
	const struct pps_source_set *set, const uint8_t *const *addrs, unsigned int n);

static inline bool pps_source_set_holds(
	const struct pps_source_set *set, uint8_t family, const uint8_t *addr)
{
	return family == 4 ? pps_source_set_find4(set, &addr, 1)
			   : pps_source_set_find6(set, &addr, 1);
}

/* The lists of a ruleset; NULL: there is no such list. */
struct pps_sources {
	struct pps_source_set *block;
	struct pps_source_set *allow;
};

#endif
