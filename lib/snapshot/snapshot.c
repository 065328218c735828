/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <pps_snapshot.h>

/* The pointer has a line of its own: workers read it at every burst, and their quiescent counters,
 * which they write as often, are elsewhere. */
struct pps_snapshot {
	void *value; /* management: rw, worker: ro */
	struct rte_rcu_qsbr *qsbr; /* immutable; its counters: one line per reader, worker: rw */
} __rte_cache_aligned;

struct pps_snapshot *pps_snapshot_create(unsigned int n_readers)
{
	struct pps_snapshot *snapshot;

	if (n_readers == 0 || n_readers > PPS_SNAPSHOT_READERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	snapshot = rte_zmalloc("pps_snapshot", sizeof(*snapshot), RTE_CACHE_LINE_SIZE);
	if (snapshot == NULL)
		goto err_memory;
	snapshot->qsbr = rte_zmalloc(
		"pps_snapshot_qsbr", rte_rcu_qsbr_get_memsize(n_readers), RTE_CACHE_LINE_SIZE);
	if (snapshot->qsbr == NULL)
		goto err_free_snapshot;
	/* Fails only for arguments that are excluded above. */
	rte_rcu_qsbr_init(snapshot->qsbr, n_readers);
	return snapshot;

err_free_snapshot:
	rte_free(snapshot);
err_memory:
	errno = ENOMEM;
	return NULL;
}

void pps_snapshot_destroy(struct pps_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	rte_free(snapshot->qsbr);
	rte_free(snapshot);
}

void pps_snapshot_register(struct pps_snapshot *snapshot, unsigned int reader)
{
	rte_rcu_qsbr_thread_register(snapshot->qsbr, reader);
	rte_rcu_qsbr_thread_online(snapshot->qsbr, reader);
}

void pps_snapshot_unregister(struct pps_snapshot *snapshot, unsigned int reader)
{
	rte_rcu_qsbr_thread_offline(snapshot->qsbr, reader);
	rte_rcu_qsbr_thread_unregister(snapshot->qsbr, reader);
}

void pps_snapshot_online(struct pps_snapshot *snapshot, unsigned int reader)
{
	rte_rcu_qsbr_thread_online(snapshot->qsbr, reader);
}

void pps_snapshot_offline(struct pps_snapshot *snapshot, unsigned int reader)
{
	rte_rcu_qsbr_thread_offline(snapshot->qsbr, reader);
}

void pps_snapshot_quiescent(struct pps_snapshot *snapshot, unsigned int reader)
{
	rte_rcu_qsbr_quiescent(snapshot->qsbr, reader);
}

const void *pps_snapshot_read(const struct pps_snapshot *snapshot)
{
	return __atomic_load_n(&snapshot->value, __ATOMIC_ACQUIRE);
}

/*
 * The order matters: first the pointer, then the token. A reader that answers the token has said
 * so after it could see the new pointer, so that what it reads next is not the old one.
 */
void *pps_snapshot_publish(struct pps_snapshot *snapshot, void *value, uint64_t *ret_token)
{
	void *previous = snapshot->value;

	__atomic_store_n(&snapshot->value, value, __ATOMIC_RELEASE);
	*ret_token = rte_rcu_qsbr_start(snapshot->qsbr);
	return previous;
}

bool pps_snapshot_passed(struct pps_snapshot *snapshot, uint64_t token)
{
	return rte_rcu_qsbr_check(snapshot->qsbr, token, false) == 1;
}
