/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SCENARIO_H
#define SCENARIO_H

/*
 * Scenarios: what becomes of frames, one by one, told in text and judged by the whole filter.
 *
 *     policy web {"policy":"web","revision":1,"approved":[...]}
 *     let syn = ip4 src=203.0.113.9 dst=198.51.100.10 tcp sport=40000 dport=443 flags=S
 *
 *     scenario a syn of an approved service starts a flow
 *       use web
 *       0     in  $syn                  => pass tcp_syn_sent
 *       1.5   out $syn-ack              => pass
 *       1.6   in  $syn vlan=..          => not_approved
 *       load empty                      another policy, while flows live
 *       2     sweep                     a whole round of ageing
 *       flows 1                         that many are live now
 *       released 2                      fragments that were held passed since the last such line
 *       drops fragment_no_first 2       that many were dropped for this reason in the scenario
 *       half_open 1                     that many of them are half-open
 *       live WEB 1                      that many of them are bound to the rule
 *       picked_up 1                     that many began in mid-stream in the scenario
 *       repeat 9                        the next frame 9 times, number n from 0 to 8, with n + 1
 *                                       in the place of @ (addresses) and n + 1025 of @@ (ports)
 *
 * Before its first frame a scenario may say "capacity N" (flows; 512), "half_open_max N",
 * "half_open_per_source N" and "loose N" (tcp_loose_seconds; 0).
 *
 * "steps NAME" gives the steps up to the next empty line a name; "do NAME" in a scenario takes
 * them.
 *
 * A policy's JSON may go on over lines until its braces close. "let" names a piece of text; $name
 * puts it in. A time is in seconds since the scenario began, and stays until the next. "in" is
 * inbound (the frame enters from outside), "out" outbound. The outcome is "pass" or the word of the
 * reason ("held" for a fragment that waits), then, where said, the state of the flow. '#' begins a
 * comment.
 *
 * Every scenario is played twice: frame by frame, asking explain first whether it foresees the
 * outcome; and with successive frames of one side and time in one burst. The environment variable
 * PPSFW_WORKERS says by how many workers (1 to 4); scenarios that say how large the table is are
 * left out with several.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab.h"

#define STEPS_MAX    1024
#define NAME_MAX_LEN 32

enum step_kind {
	STEP_FRAME,
	STEP_LOAD,
	STEP_SWEEP,
	STEP_FLOWS,
	STEP_HALF_OPEN,
	STEP_LIVE,
	STEP_PICKED_UP,
	STEP_RELEASED,
	STEP_DROPS,
};

struct step {
	enum step_kind kind;
	unsigned int line;
	uint64_t time_ms;
	bool inbound;
	char *frame; /* text for frame_make() */
	char *reason; /* expected word, or "pass"; STEP_DROPS: the word that is counted */
	char *state; /* expected, or NULL */
	size_t policy; /* STEP_LOAD */
	unsigned int n; /* of the steps that count something */
	char rule[NAME_MAX_LEN]; /* STEP_LIVE */
};

struct scenario {
	char *sentence;
	size_t policy; /* at the start */
	struct lab_params lab;
	bool is_sized; /* it says how many flows, or half-open ones, there may be */
	struct step steps[STEPS_MAX];
	size_t n_steps;
};

struct scenario_policy {
	char name[NAME_MAX_LEN];
	char *json;
};

struct scenario_file {
	struct scenario_policy *policies;
	size_t n_policies;
	struct scenario *scenarios;
	size_t n_scenarios;
};

/* Reads a file; a mistake in it ends the process with its line. */
void scenario_file_read(const char *path, struct scenario_file *file);
void scenario_file_free(struct scenario_file *file);

#endif
