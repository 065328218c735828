/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CHANGE_H
#define CHANGE_H

/*
 * Change control: which policy may follow which, and the way back.
 *
 * Confirmed    A policy is confirmed when it is loaded without --confirm, or by "confirm" after a
 *              load with it. The last confirmed one is what the next start uses, whatever lies in
 *              the configured file; that file is for the first start, SIGHUP and "load".
 * Pending      A load with --confirm puts a policy in force for so many seconds. Unless "confirm"
 *              comes, the confirmed one comes back: its compiled ruleset was kept, so that nothing
 *              can fail then and nobody waits for a compilation. Nobody needs to stay connected.
 *              While a policy is pending no other is loaded, by nobody. A stop, a crash or a loss
 *              of power while one is pending is the same as no confirmation.
 * Order        "revision" must grow from load to load: a lower one is an old approval played again,
 *              and an equal one with other bytes is two approvals of one name. --force loads both,
 *              and an event tells. The same bytes again are no change. Going back goes back.
 * History      Every policy is on the disk before it is in force (history.h): one that cannot be
 *              recorded is refused. With "state": null nothing is kept: no history, no order of
 *              revisions, no rollback to what was before; pending policies work all the same.
 *
 * Management thread only, but for change_check() and change_write(), which the builder calls.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <jansson.h>

#include <pps_base.h>
#include <pps_ctl.h>
#include <pps_ruleset.h>

#include "history.h"

struct manager;
struct reload_bundle;
struct reload_request;

#define CHANGE_CONFIRM_SEC_MAX 86400u

struct change {
	struct history *history; /* NULL: nothing is kept */
	uint64_t number; /* of the policy in force; 0: it has none */
	/* While a policy is pending: when it ends, and what comes back then. */
	bool pending;
	uint64_t deadline_ns, deadline_wall_ns; /* monotonic; for people */
	struct pps_ruleset *held; /* NULL until no worker holds it */
	char *held_name;
	struct reload_bundle *held_bundle;
	uint64_t held_number;
	/* The configured file, when it was last read. */
	struct stat file_status;
	char file_digest[PPS_DIGEST_TEXT]; /* "": it could not be read */
};

/* The start's request: makes it one for the last confirmed policy, where there is one, and gives up
 * what was pending when the daemon ended. */
void change_first(struct manager *manager, struct reload_request *request);
/* True when the request may begin. False and an error: another policy is pending. */
bool change_permits(const struct change *change, const struct reload_request *request,
	struct pps_errors *errors);
/* The builder's, with the parsed policy: may it follow 'current' (NULL at the start)? Says in the
 * request whether it is a change at all, and whether force was needed. False and an error. */
bool change_check(const struct change *change, const struct pps_ruleset *current,
	const struct pps_policy *policy, struct reload_request *request, struct pps_errors *errors);
/* The builder's: puts the policy on the disk, and in the request what it changes of 'current' (NULL
 * at the first start), as of 'next'. False and an error. */
bool change_write(struct change *change, const struct pps_ruleset *current,
	const struct pps_ruleset *next, struct reload_request *request, struct pps_errors *errors);
/* Records the compiled policy, before it is published. False and an error. */
bool change_record(
	struct manager *manager, const struct pps_policy *policy, struct pps_errors *errors);
/* At the publish of a policy that waits to be confirmed: keeps what is in force until then. */
void change_hold(struct manager *manager);
/* True when the time of a pending policy is over. */
bool change_is_due(const struct change *change);
/* Ends the wait and gives up what is kept: the caller takes the held ruleset, name and bundle. */
void change_give_up(struct manager *manager, const struct pps_ctl_peer *who, const char *why);
/* Confirms the pending policy. False and an error: it is still pending. */
bool change_confirm(
	struct manager *manager, const struct pps_ctl_peer *who, struct pps_errors *errors);
void change_fini(struct change *change, struct pps_rule_book *book);

/* True when the configured file is not, byte for byte, what is in force, or cannot be read. It is
 * read again only when it was touched; those its lists name are looked at then, too. */
bool change_file_differs(struct manager *manager);
/* Says so at the start: a log line and an event. */
void change_say_file(struct manager *manager);

/* {"number", "confirmed", "pending": null | {...}, "state"}: for status and answers. */
json_t *change_json(struct manager *manager);

#endif
