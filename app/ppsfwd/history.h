/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HISTORY_H
#define HISTORY_H

/*
 * The history of policies: what must survive a restart, in the folder "state" of the configuration.
 *
 *     lock            held while the daemon runs: a folder belongs to one process
 *     history.json    the index: one record a policy, oldest first, and which one is confirmed
 *     12/             the whole of policy number 12: policy.json as it was loaded, byte for byte,
 *                     and what came with it as file-0, file-1, ..., whose names the index has,
 *                     and its signatures as signature-0, signature-1, ..., in the same way
 *
 * Numbers begin at 1 and are never used again. HISTORY_MAX policies are kept; what goes first is
 * the oldest that is neither confirmed, nor the one to go back to, nor waiting to be confirmed.
 *
 * Power and kill -9. A policy's folder is written under another name, flushed to the disk, and
 * renamed; only then the index is replaced, in the same way. So the index never speaks of a policy
 * that is not whole, and there is one moment at which a change is made: the rename of the index.
 * When the disk cannot be made to keep that rename, the change is made all the same, as every
 * start sees it, and the log has an error: only a power failure can still undo it.
 * What was left half is removed at the next start. Every policy that is read back is compared with
 * the digest in the index: what does not fit is an error, and never comes into force.
 *
 * A record (JSON, see "history" in commands.h) is the caller's, but for these members, which are
 * read here: "number", "outcome" ("confirmed", "pending", "rolled_back"), "content" (digest of all
 * bytes), "files" and "signatures" (names of what came with it, in order), "settled" (when the
 * outcome was known). Every record has "time", "file", "policy" and "revision": an index without
 * them is none.
 *
 * Threads: history_write() and history_read() may run in the builder while management only reads;
 * everything else is management's. No DPDK.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_base.h>
#include <pps_policy.h>
#include <pps_signature.h>

#define HISTORY_MAX 50

struct history;

/* Makes the folder when its parent is there; takes the lock; reads the index. NULL and an error
 * with the path "state": another daemon's folder, not writable, or an index that is not one. */
struct history *history_open(const char *folder, struct pps_errors *errors);
void history_close(struct history *history); /* NULL is fine */

/* The number the next policy will have. */
uint64_t history_next(const struct history *history);
/* The confirmed policy's number, and that of the one confirmed before it; 0: there is none. */
uint64_t history_confirmed(const struct history *history);
uint64_t history_previous(const struct history *history);
/* The record of a number (borrowed), or NULL. All of them, oldest first (borrowed). */
const json_t *history_entry(const struct history *history, uint64_t number);
const json_t *history_entries(const struct history *history);

/* Writes the policy's folder. False and an error: then nothing has changed. */
bool history_write(struct history *history, uint64_t number, const struct pps_policy_bundle *bundle,
	struct pps_errors *errors);
/* Adds the record of a policy that was written ('entry' is stolen) with its number and outcome; a
 * confirmed one is what the next start uses. False and an error: then nothing has changed. */
bool history_record(struct history *history, json_t *entry, struct pps_errors *errors);
/* Says what became of a policy that was pending. False and an error: then nothing has changed. */
bool history_settle(
	struct history *history, uint64_t number, bool confirmed, struct pps_errors *errors);
/* Reads a policy back; 'ret' is to be freed in either case. False and an error. */
bool history_read(const struct history *history, uint64_t number, struct pps_policy_bundle *ret,
	struct pps_errors *errors);
/* The same by the policy's record: a thread with a copy of it need not fear that another is added
 * meanwhile. */
bool history_read_entry(const struct history *history, const json_t *entry,
	struct pps_policy_bundle *ret, struct pps_errors *errors);

#endif
