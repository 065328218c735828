/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_STEER_H
#define PPS_STEER_H

/*
 * Which worker a frame belongs to.
 *
 * Owner      Every flow has one worker, and so has every datagram in fragments. Whatever may belong
 *            to a flow must reach that worker: packets of both directions, fragments, which have no
 *            ports, and ICMP errors, which come from a third host. So the owner is a function of
 *            the unordered pair of addresses, and of an ICMP error that of the pair it quotes. No
 *            address is translated here, so the quote has the addresses of its flow.
 *
 *            VLAN ids are no part of it (an error carries those of its flow, a reply too), nor is
 *            the segment. What is inside of a tunnel goes where its outermost header goes, on which
 *            no inner flow can disagree: its key holds the outer pair. An SCTP association is
 *            followed between two addresses. Fragments go by their own pair, those of ICMP errors
 *            too: they pass on no worker (fragment_icmp_error).
 *
 *            What has no addresses (ARP, other ethertypes, what ends too early) has no state
 *            either, and no owner: whoever has received it judges it. What is malformed behind its
 *            addresses goes by them: it may still spoil a datagram.
 *
 * Methods    KEYED: the hash of flow keys, with a secret of its own. Nobody outside can choose
 * hosts that all meet on one worker. For devices that do not spread packets themselves. TOEPLITZ:
 * what a device computes that spreads over its queues by addresses with the key 0x6d5a repeated,
 * which is the same in both directions, through a table of 'table_size' entries, entry i naming
 * queue i modulo n. With a key of period 16 the function sees only the sum (xor) of all 16-bit
 * words of the two addresses: software repeats it in a few loads. So every frame can be asked, and
 * what a device has put elsewhere (errors, fragments, tags it does not parse) is handed over.
 *
 * Cost       The addresses are read from their places; only ICMP, and IPv6 with extension headers,
 *            go through the parser here, so that errors and their quotes are what the law says they
 *            are.
 *
 * Threads    Immutable after creation; any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include <pps_flow.h>

#define PPS_STEER_WORKERS_MAX 64
#define PPS_STEER_NOBODY      0xff

/* What a table has where no device says otherwise. */
#define PPS_STEER_TABLE 128

enum pps_steer_method { PPS_STEER_KEYED, PPS_STEER_TOEPLITZ };

struct rte_mbuf;
struct pps_steer;

/* 'table_size' is a power of two from 'n_workers' on, of TOEPLITZ alone. NULL and errno. */
struct pps_steer *pps_steer_create(
	enum pps_steer_method method, unsigned int n_workers, unsigned int table_size);
void pps_steer_destroy(struct pps_steer *steer); /* NULL is fine */

/* The owner of a frame, or PPS_STEER_NOBODY. Of its 'len' bytes the first 'head_len' are at 'data':
 * all, or PPS_PACKET_HEADER_MAX at least. */
uint8_t pps_steer_frame(
	const struct pps_steer *steer, const uint8_t *data, uint32_t head_len, uint32_t len);
/* Those of a burst: at most PPS_FLOW_BURST_MAX frames. */
void pps_steer_burst(const struct pps_steer *steer, struct rte_mbuf *const *frames, unsigned int n,
	uint8_t *owners);

/* The 32-bit hash that a device computes of two addresses ('family' 4 or 6, network order) with the
 * symmetric key. */
uint32_t pps_steer_toeplitz(uint8_t family, const uint8_t *a, const uint8_t *b);

#endif
