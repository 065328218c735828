/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIGNED_H
#define SIGNED_H

/*
 * Who signed a policy: asked in one place, before anything else is done with it, whatever way it
 * came (start, load, SIGHUP, rollback to one of the history). What counts is in pps_signature.h.
 *
 * A load, SIGHUP and a rollback are judged as of now, with the revocation lists there are now: a
 * policy comes into force by the hand of those who may approve it today. --force is for the order
 * of revisions alone.
 *
 * A start puts nothing new in force, and must not keep the wire closed because an approver's
 * certificate has expired, or was revoked, since: the policy confirmed last needs enough signatures
 * that are good now, or were when it was loaded, by the time of its record, leaving revocation
 * alone. Where it is the latter, that is said (signatures_lapsed). Signatures that lie beside the
 * configured file are taken, too, as far as they are of this policy: so a policy that was loaded
 * before signatures were asked for can be signed in place.
 *
 * A policy that comes back because the one after it was not confirmed was in force a moment ago: it
 * is not judged again, and neither is one that is compiled anew because an exception ended.
 */

#include <jansson.h>

#include "config.h"
#include "history.h"

struct manager;
struct reload_request;

/* Reads the configured policy with its files and, where any are asked for, its signatures. False
 * and errors. */
bool signed_read(
	const struct config *config, struct pps_policy_bundle *ret, struct pps_errors *errors);
/* Have enough people signed it, as of now? False and errors. */
bool signed_by_enough(const struct config *config, const struct pps_policy_bundle *bundle,
	struct pps_errors *errors);
/* The builder's: have enough people signed what is requested? Says in the bundle who has. False and
 * errors. */
bool signed_check(
	const struct manager *manager, struct reload_request *request, struct pps_errors *errors);
/* At the start: a log line and an event when the signatures would not count today. */
void signed_say_lapsed(struct manager *manager);

#endif
