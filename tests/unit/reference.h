/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef REFERENCE_H
#define REFERENCE_H

/*
 * The reference matcher: what a policy says about a packet, decided by reading the policy from top
 * to bottom. Linear, obvious, and nothing in common with the code that compiles rulesets.
 */

#include <stdint.h>

#include <pps_policy.h>
#include <pps_stats.h>

/* The initiator's packet, in host order. */
struct reference_packet {
	enum pps_direction direction;
	struct pps_addr src, dst;
	uint8_t protocol;
	uint16_t src_port, dst_port; /* 0 for ICMP and protocols without ports */
	uint8_t icmp_type, icmp_code;
	uint16_t vlan;
};

#define REFERENCE_NO_RULE UINT32_MAX

struct reference_decision {
	enum pps_reason reason; /* NONE, BANNED, EXCEPTION_EXPIRED or NOT_APPROVED */
	uint32_t rule; /* index in the policy, or REFERENCE_NO_RULE */
};

struct reference_decision reference_decide(
	const struct pps_policy *policy, uint64_t now_ns, const struct reference_packet *packet);

#endif
