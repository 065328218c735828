/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_SNAPSHOT_H
#define PPS_SNAPSHOT_H

/*
 * One published pointer, read by workers, replaced by management: the current ruleset.
 *
 * Readers    A worker registers once, is online while it polls, reads the pointer once per burst
 *            and says "quiescent" between bursts. What it read stays valid until then. A worker
 *            that sleeps goes offline first and reads again afterwards.
 *
 * Writer     Management alone publishes. publish() is one store with release order: it cannot fail
 *            and it comes after everything that can. It hands the old pointer back together with a
 *            token; when pps_snapshot_passed(token) says true, no worker can hold the old pointer
 *            and it may be destroyed. Nothing here blocks.
 *
 * Built on rte_rcu_qsbr. At most PPS_SNAPSHOT_READERS_MAX workers.
 */

#include <stdbool.h>
#include <stdint.h>

#define PPS_SNAPSHOT_READERS_MAX 128

struct pps_snapshot;

/* NULL and errno on exhaustion. The pointer is NULL at first. EAL must be up. */
struct pps_snapshot *pps_snapshot_create(unsigned int n_readers);
/* No reader may be registered any more. What is published is not freed. NULL is fine. */
void pps_snapshot_destroy(struct pps_snapshot *snapshot);

/* Reader side; 'reader' is 0 to n_readers - 1, each from its own thread. */
void pps_snapshot_register(struct pps_snapshot *snapshot, unsigned int reader); /* goes online */
void pps_snapshot_unregister(struct pps_snapshot *snapshot, unsigned int reader);
void pps_snapshot_online(struct pps_snapshot *snapshot, unsigned int reader);
void pps_snapshot_offline(struct pps_snapshot *snapshot, unsigned int reader);
void pps_snapshot_quiescent(struct pps_snapshot *snapshot, unsigned int reader);
/* The published pointer, acquire; NULL before the first publish. */
const void *pps_snapshot_read(const struct pps_snapshot *snapshot);

/* Writer side. Returns the previous pointer and sets *ret_token. */
void *pps_snapshot_publish(struct pps_snapshot *snapshot, void *value, uint64_t *ret_token);
/* True when every online reader has been quiescent since the publish that gave 'token'. */
bool pps_snapshot_passed(struct pps_snapshot *snapshot, uint64_t token);

#endif
