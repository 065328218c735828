/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRIAL_H
#define TRIAL_H

/*
 * A policy on trial: what would become of the live flows if it came into force?
 *
 * It is parsed and compiled in a thread of its own, as a load's is (reload.h) and under the same
 * bounds; one ruleset is compiled at a time, so a load that comes meanwhile waits for it. Then each
 * worker judges its flows by it in slices, with the code that judges them after a load, and changes
 * nothing. Counters, the rule book and the policy in force are not touched.
 *
 * One trial at a time: it holds a second ruleset, and the time of workers.
 *
 * Management thread only, but for what is said below.
 */

#include <stdbool.h>
#include <stddef.h>

#include <pps_ctl.h>

struct manager;
struct reload_bundle;
struct trial;

/* Starts one; the bundle's hold is taken over. Answers the call when it is done: {"kept",
 * "rebound", "cut", "flows": at most 'max' of those that would be cut}. False while another is
 * under way, or without a thread: then nothing was taken. */
bool trial_start(struct manager *manager, struct reload_bundle *bundle, size_t max,
	struct pps_ctl_call *call);
/* Moves it on; every round. */
void trial_run(struct manager *manager);
/* The workers have stopped. True when a policy is still being compiled: then the process must end
 * without freeing. */
bool trial_stop(struct manager *manager);

#endif
