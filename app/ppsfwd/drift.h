/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIFT_H
#define DRIFT_H

/*
 * Drift: is what runs what was approved?
 *
 * A check looks at three things, in a thread of its own:
 *
 *     tables    The tables of the published ruleset, read back from where workers read them
 *               (pps_ruleset_digest()), are those that the approved policy compiles to. The policy
 *               is taken from its record in the history, as it was loaded where none is kept, and
 *               compiled anew once for each ruleset that is published.
 *     record    The record in the history is whole: it is what a restart comes back with.
 *     file      The configured file, with those its lists name, is what is in force. Not asked
 *               while a policy is pending.
 *
 * When it is made: every so many seconds of the configuration, and for a status that finds the last
 * one too old. The next one waits at least a second, and twenty times as long as the last one took:
 * whoever asks, checks take a twentieth of one CPU, which is management's. What a check says is
 * about the ruleset that was published when it began; after another publish nothing is known until
 * the next one.
 *
 * What differs is an alert event, "policy_drift", once; another when something else differs, and
 * "policy_drift_ended" when nothing does any more. Nothing is done about it: which of the two is
 * right is for people to say.
 *
 * Limits. A policy is compiled beside the one in force under the same bounds as a load's, which
 * waits meanwhile and finds its memory free again. Reading the tables stops when another ruleset is
 * published, and the old one is kept until it has.
 *
 * Management thread only, but for what the check's thread does.
 */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_ctl.h>
#include <pps_ruleset.h>

struct drift_check;
struct manager;

struct drift {
	struct drift_check *check; /* under way, or NULL */
	uint64_t due_ns; /* monotonic: the next periodic one; 0: now */
	uint64_t fresh_until_ns; /* monotonic: no other is begun before */
	/* The last one. */
	uint64_t checked_ns; /* wall clock; 0: there was none */
	uint32_t generation; /* of the ruleset it was about */
	struct pps_ruleset_digest running;
	json_t *differs; /* [{"what", "text"}] */
	char *why; /* the tables could not be compared; or NULL */
	/* What the approved policy compiles to, for the ruleset of this generation; 0: not known.
	 */
	uint32_t approved_generation;
	struct pps_ruleset_digest approved;
	char *told; /* what the last event was about; NULL: nothing differed */
	/* Who waits for a check. */
	struct drift_waiter *waiters;
	size_t n_waiters;
};

/* Every round: begins what is due, takes what was found, answers who waits. */
void drift_run(struct manager *manager);
/* True while a check reads the ruleset, which then must not be freed; it is told to stop. */
bool drift_reads(struct manager *manager, const struct pps_ruleset *ruleset);
/* Answers a "status" as soon as the last check is fresh, or after a second. */
void drift_answer_status(struct manager *manager, struct pps_ctl_call *call);
/* {"equal": bool|null, "checked", "running", "approved", "differs", "why"} */
json_t *drift_json(const struct manager *manager);
static inline bool drift_busy(const struct drift *drift)
{
	return drift->check != NULL || drift->n_waiters > 0;
}
/* The workers have stopped. True when a policy is still being compiled: then the process must end
 * without freeing. */
bool drift_stop(struct manager *manager);
void drift_fini(struct drift *drift);

#endif
