/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RELOAD_H
#define RELOAD_H

/*
 * The policy transaction: load, check, build, publish, wait, retire.
 *
 * Everything that can fail comes before publish: reading, checking and compiling run in a thread of
 * their own, so that neither the workers nor the operators' other questions wait for them. Publish
 * is one store and cannot fail; after it nothing can. A policy that fails leaves the running one in
 * force, untouched, and the answer names every place that is wrong.
 *
 * After the publish the old ruleset is kept until no worker can hold it, and then freed; then the
 * workers' sweeps judge every flow again that no packet has reached, and only then does the asker
 * get the answer, with how many flows were kept, bound to another rule, and cut. From that answer
 * on nothing that the new policy does not permit crosses.
 *
 * One transaction at a time. SIGHUP during one is remembered and done after it. The asker may go
 * away: the transaction goes on.
 *
 * Expiry is the same transaction with the same text: when the first exception's time has come, the
 * policy is compiled again without it. Until the new ruleset is there the old one's rule is dead
 * all the same, because the datapath asks its 'expires_ns'. A clock that is set back brings no
 * ended exception back, until a policy is loaded: see expiry.h.
 *
 * Whether enough people signed a policy is asked before it is parsed: see signed.h.
 *
 * Which policy may follow which, what happens to one that must be confirmed, and the record of all
 * is change.h's. It is asked at four points: at the beginning, in the builder, before the publish
 * (the last step that can fail), and when nothing is under way.
 *
 * Management thread only; the builder thread touches nothing but the fields said below.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_base.h>
#include <pps_ctl.h>
#include <pps_ruleset.h>
#include <pps_stats.h>

struct manager;

enum reload_state { RELOAD_IDLE, RELOAD_BUILDING, RELOAD_GRACE, RELOAD_SWEEP };
enum reload_cause { RELOAD_START, RELOAD_LOAD, RELOAD_SIGHUP, RELOAD_EXPIRY, RELOAD_ROLLBACK };
const char *reload_cause_word(enum reload_cause cause);

/* What a policy was read from, shared by those who hold it: management alone counts, the builder
 * reads. */
struct reload_bundle {
	struct pps_policy_bundle files;
	json_t *signers; /* who signed it, or NULL: nobody needs to. builder: wo */
	json_t *lapsed; /* why they would not count today, or NULL: they would. builder: wo */
	unsigned int n_holders;
};

struct reload_bundle *reload_bundle_create(void); /* one holder */
void reload_bundle_release(struct reload_bundle *bundle); /* NULL is fine */

/* What is wanted, and what became of it. */
struct reload_request {
	enum reload_cause cause;
	char *name; /* of the file, for the record */
	struct reload_bundle *bundle; /* the policy's bytes, and its files'; empty: the builder
					 reads the configured file, or the history's */
	uint64_t rollback_to; /* number in the history; 0: it is no rollback to one */
	uint64_t number; /* that it has in the history already; 0: none */
	uint32_t confirm_sec; /* it is rolled back unless confirmed by then; 0: need not be */
	bool force; /* the order of revisions does not hold */
	bool unchanged; /* builder: wo. The bytes in force again */
	bool forced; /* builder: wo. Without force it had been refused */
	json_t *changes; /* builder: wo. What it changes, in short; NULL: not known */
	struct pps_ctl_peer who; /* pid 0: the daemon itself */
	struct pps_ctl_call *call; /* to answer, or NULL */
};

struct reload {
	enum reload_state state;
	struct reload_request request; /* under way. builder: ro */

	/* The builder's. builder: rw until 'built', management afterwards. */
	pthread_t thread;
	struct pps_ruleset_params params;
	struct pps_ruleset *next;
	struct pps_errors errors;
	atomic_bool built; /* builder: wo (release) */
	int built_fd; /* eventfd: wakes the management loop */

	/* The ruleset in force, and the text it came from (to compile it again at an expiry). */
	struct pps_ruleset *current;
	char *current_name;
	struct reload_bundle *current_bundle;
	uint64_t loaded_ns; /* wall clock; compiling it again at an expiry does not count */
	struct pps_ruleset *old; /* waits for its grace period */
	uint64_t token;
	char previous_digest[65];

	uint64_t kept, rebound, cut; /* totals when it was published */
	uint64_t cut_before; /* total when no exception had ended yet of which nobody was told */
	uint32_t next_generation;
	bool sighup; /* another is wanted */
	uint64_t expiry_retry_ns; /* monotonic: a failed expiry is tried again then; 0: none failed
				   */
	uint64_t n_loads, n_refused;
};

bool reload_init(struct reload *reload);
void reload_fini(struct reload *reload, struct pps_rule_book *book);

/* The first policy, before workers run, in this thread: the last confirmed one, or the configured
 * file where there is no history. */
bool reload_first(struct manager *manager, struct pps_errors *errors);
/* Starts a transaction; 'request' is taken over, its name and bundle included. False when one is
 * under way (then the request stays the caller's). */
bool reload_start(struct manager *manager, struct reload_request *request);
/* Puts back in force what a pending policy replaced. 'request' has cause, who and call; nothing
 * must be under way. */
void reload_give_up(struct manager *manager, const struct reload_request *request, const char *why);
/* The configured file again (SIGHUP), now or after the transaction under way. */
void reload_from_file(struct manager *manager);
/* Moves the transaction on, and begins one when an exception's time has come. Call it in every
 * round of the management loop. */
void reload_run(struct manager *manager);
/* Warns of exceptions that end soon. */
void reload_warn(struct manager *manager);
/* The workers have stopped: what was published is recorded, what was being compiled is not waited
 * for. True when the builder is still at it: then the process must end without freeing. */
bool reload_stop(struct manager *manager);
static inline bool reload_busy(const struct reload *reload)
{
	return reload->state != RELOAD_IDLE;
}

#endif
