/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_H
#define PROBE_H

/*
 * A packet that was never sent: the frame "explain" puts before the law. It is built from what the
 * operator said, so that the answer comes from the very code that judges real frames.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_addr.h>

#define PROBE_MAX 256

struct probe {
	struct pps_addr source, destination; /* of one family */
	uint16_t source_port, destination_port; /* host order */
	uint8_t protocol;
	uint8_t tcp_flags; /* PPS_TCP_* */
	uint8_t icmp_type, icmp_code;
	uint16_t vlan; /* 0: untagged */
};

/* Builds the frame and returns its length. */
size_t probe_build(const struct probe *probe, uint8_t frame[PROBE_MAX]);

#endif
