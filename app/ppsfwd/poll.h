/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLL_H
#define POLL_H

/*
 * How a worker waits for packets: a ladder that it climbs while nothing comes.
 *
 *     go on    at once, for the first rounds: the next burst is likely near
 *     pause    one instruction that leaves the core to its sibling
 *     nap      sleep, 5 us at first and 40 us at most, doubled every 64 naps
 *
 * A packet, or work that management waits for, leads back to the foot. The longest nap, and what
 * waking costs, is less than 1024 descriptors take to fill at 10 Gbit/s with the smallest frames
 * (69 us), so that nothing is lost to it. Polling busily never climbs.
 *
 * It also adds up how long rounds with packets took: the utilisation of the worker. What a nap
 * takes is not that.
 *
 * Pure: who calls it makes the pause or the nap, and knows the time. One worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#define POLL_PAUSE_AFTER   1000 /* empty rounds */
#define POLL_NAP_AFTER     10000
#define POLL_NAP_MIN_NS    5000
#define POLL_NAP_MAX_NS    40000
#define POLL_NAPS_PER_RUNG 64

enum poll_rung { POLL_GO_ON, POLL_PAUSE, POLL_NAP };

struct poll {
	bool busily; /* immutable: never pause, never sleep */
	bool worked; /* in the round before */
	uint32_t empty; /* rounds in a row, as far as the ladder goes */
	uint32_t nap_ns; /* of POLL_NAP */
	uint64_t round_ns; /* when the round before began; 0: there was none */
	uint64_t worked_ns; /* in all rounds that worked */
};

/*
 * A round ends that began at 'round_ns' (monotonic): 'worked' when it had packets, 'wanted' when
 * something other than packets waits for the worker. Says how to go on.
 */
enum poll_rung poll_round(struct poll *poll, uint64_t round_ns, bool worked, bool wanted);

#endif
