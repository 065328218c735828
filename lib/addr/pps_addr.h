/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_ADDR_H
#define PPS_ADDR_H

/*
 * Addresses, prefixes, port ranges and MAC addresses: the only code that turns text into these
 * values and back.
 *
 * An address carries its family and 16 bytes in network order; IPv4 uses the first four and the
 * other twelve are zero, so that addresses compare with memcmp(). Ports and ranges are in host
 * order, as people write them. Text forms: RFC 4291 and RFC 5952 for IPv6, dotted quad without
 * leading zeros for IPv4 (010.0.0.1 means different things to different programs: refused).
 *
 * A prefix whose host bits are set is refused and the error says the prefix probably meant:
 * whoever wrote 10.0.0.5/24 meant either the host or the network, and an approval must say which.
 *
 * Reasons read on from the quoted text: "70000" + " is not a port (0-65535)". Most are static;
 * those that name a value are in a buffer of the calling thread.
 *
 * An IPv4 address and its IPv4-mapped IPv6 form (::ffff:192.0.2.1) are different addresses here:
 * what is on the wire decides the family.
 *
 * No allocation, no state shared between threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPS_ADDR_TEXT_MAX     48 /* any address or prefix with its terminator */
#define PPS_ENDPOINT_TEXT_MAX 64
#define PPS_MAC_TEXT_MAX      18

struct pps_addr {
	uint8_t family; /* 4 or 6; 0 is "none" */
	uint8_t bytes[16]; /* network order */
};

struct pps_prefix {
	struct pps_addr addr; /* host bits are zero */
	uint8_t len; /* 0 to 32 or 0 to 128 */
};

/* An inclusive range of port numbers (or of VLAN ids), host order, lo <= hi. */
struct pps_range {
	uint16_t lo, hi;
};

/* An Ethernet address, as it is on the wire. */
struct pps_mac {
	uint8_t bytes[6];
};

/* All return 0, or -EINVAL and a reason a person can read in *ret_why ('ret_why' may be NULL; the
 * text is valid until this thread's next failing call); outputs are not written on failure. */
int pps_addr_parse(const char *text, struct pps_addr *ret_addr, const char **ret_why);
/* "10.0.0.0/8", "2001:db8::/32", or a bare address (full length). */
int pps_prefix_parse(const char *text, struct pps_prefix *ret_prefix, const char **ret_why);
/* "443", "1024-65535"; 0 to 'max'. With 65535 the reasons speak of ports. */
int pps_range_parse(
	const char *text, uint16_t max, struct pps_range *ret_range, const char **ret_why);
/* "203.0.113.9:40000", "[2001:db8::1]:443", or an address alone (then *ret_port is 0 and
 * *ret_has_port false). */
int pps_endpoint_parse(const char *text, struct pps_addr *ret_addr, uint16_t *ret_port,
	bool *ret_has_port, const char **ret_why);
/* "02:00:00:00:00:0a": six pairs of hexadecimal digits, in either case. */
int pps_mac_parse(const char *text, struct pps_mac *ret_mac, const char **ret_why);

/* Each returns 'out'. */
const char *pps_addr_format(const struct pps_addr *addr, char out[PPS_ADDR_TEXT_MAX]);
const char *pps_prefix_format(const struct pps_prefix *prefix, char out[PPS_ADDR_TEXT_MAX]);
const char *pps_range_format(const struct pps_range *range, char out[PPS_ADDR_TEXT_MAX]);
/* "203.0.113.9:443", "[2001:db8::1]:443". */
const char *pps_endpoint_format(
	const struct pps_addr *addr, uint16_t port, char out[PPS_ENDPOINT_TEXT_MAX]);

const char *pps_mac_format(const struct pps_mac *mac, char out[PPS_MAC_TEXT_MAX]);

/* 'bytes' points at 4 or 16 bytes in network order. */
struct pps_addr pps_addr_make(uint8_t family, const void *bytes);
bool pps_addr_equal(const struct pps_addr *a, const struct pps_addr *b);
bool pps_prefix_contains(const struct pps_prefix *prefix, const struct pps_addr *addr);
/* True when every address of 'inner' is in 'outer'. */
bool pps_prefix_covers(const struct pps_prefix *outer, const struct pps_prefix *inner);
/* By family, address and length, as for qsort() and bsearch(): what covers a prefix stands before
 * it. */
int pps_prefix_compare(const void *a, const void *b);
/* Sorts 'n' prefixes and drops those that others cover; how many are left, in order. */
size_t pps_prefixes_fold(struct pps_prefix *items, size_t n);
/* Clears the bits behind 'len'. */
void pps_addr_mask(struct pps_addr *addr, uint8_t len);

#endif
