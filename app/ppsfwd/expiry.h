/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EXPIRY_H
#define EXPIRY_H

/*
 * What has been said about the ends of exceptions: a warning some time before, once, and the end,
 * once. The datapath ends them by itself (pps_ruleset.h); here is only what people are told.
 *
 * An exception is known by its id and its end, so that a policy that is loaded again repeats no
 * warning, and one in which the end was moved gives a new one. A process that starts knows nothing
 * and warns of all that is near.
 *
 * Clocks. An exception ends when the datapath's clock reaches its end, however the clock came
 * there. What has ended stays ended when the clock is set back: rulesets remember it, and only a
 * policy that is loaded decides by the clock of that moment again; that is said, too (revived).
 * What was set forward past the time for a warning and the end ends without a warning.
 *
 * No DPDK. Management thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_policy.h>

struct expiry_item {
	char *id;
	size_t rule; /* index in the policy */
	uint64_t expires_ns;
	bool warned, ended;
};

struct expiry {
	struct expiry_item *items; /* exceptions of the policy in force that end some time */
	size_t n;
	uint64_t next_warning_ns; /* before that there is nothing to warn of */
	int64_t offset_ns; /* of the wall clock from the monotonic one, when last looked at */
	bool has_offset;
};

void expiry_fini(struct expiry *expiry);

/* A policy is in force: keeps what was said of exceptions that are the same. */
void expiry_take(struct expiry *expiry, const struct pps_policy *policy);

/*
 * The next exception that ends within 'period_ns' of 'now_ns', that has not ended, and of which
 * nobody was warned: each is returned once, as the index of its rule. False: none (left).
 */
bool expiry_next_warning(
	struct expiry *expiry, uint64_t now_ns, uint64_t period_ns, size_t *ret_rule);

enum expiry_change { EXPIRY_NONE, EXPIRY_ENDED, EXPIRY_REVIVED };

/* 'rule' has, or has not, ended by the ruleset in force: what is new about that, once. Sets
 * *ret_warned to whether its end was announced. */
enum expiry_change expiry_tell(struct expiry *expiry, size_t rule, bool ended, bool *ret_warned);

/* Seconds by which the wall clock was set since the last call, 0 while it runs on. */
int64_t expiry_clock_step(struct expiry *expiry, uint64_t wall_ns, uint64_t mono_ns);

#endif
