/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLACEMENT_H
#define PLACEMENT_H

/*
 * Where workers run, and where what they touch is.
 *
 * A worker is as fast as its way to memory: on a machine of several NUMA nodes its processor, the
 * cards it polls and the memory of both belong on one node, and on any machine it wants a processor
 * of its own. Where that is not so everything works, slower; the person who laid it out is told at
 * start and in every status, in sentences.
 *
 * Nothing here asks DPDK, so that tests can make machines up.
 */

#include <pps_base.h>
#include <pps_port.h>

#include "worker.h"

/* Adds a remark, as the text of an error without a path, for each
 *   queue of a card that a worker of another node polls,
 *   two workers that are pinned to one processor,
 *   worker whose flows are in the memory of another node,
 *   node whose packet buffers are in the memory of another one.
 * What is on no node (PPS_NO_NODE) is nowhere wrong. Only the first 'n' workers run. */
void placement_check(const struct pps_ports *ports, const struct worker *workers, unsigned int n,
	struct pps_errors *remarks);

#endif
