/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_FLOW_LEDGER_H
#define PPS_FLOW_LEDGER_H

/*
 * The ledger: what is counted over the flows of all workers.
 *
 * A flow belongs to one worker, and nothing a packet of a known flow touches is shared. What a
 * policy bounds is not one worker's, though: the live flows of a rule, those of a source under it,
 * how fast they begin, and the half-open flows of a source. Whoever begins a flow, ends one or
 * sees one prove itself writes that to the ledger; so these bounds hold over all workers, exactly:
 *
 *     rule      every worker counts its own flows by rule. One that begins a flow under a rule
 *               with a limit adds it and takes the sum, under the rule's lock: of two that begin
 *               the last one at the same time the second sees one too many, and takes its back
 *     source    counters of all workers hang in one hash table of chains, a counter for each
 *               worker that has flows of the source; the sum is taken under the bucket's lock. A
 *               worker takes counters from a part of its own, as many as its flows can ever need,
 *               so that taking one cannot fail and workers do not meet over free ones
 *     rate      a rule's bucket is one for all workers, under the rule's lock
 *
 * Locks are spinlocks, 1024 for rules and 1024 for buckets of sources, held for a few loads and
 * stores, never two at once, and not taken at all when the ledger is of one worker.
 *
 * Not in the ledger, but a worker's own share each: the capacity of the table and the number of
 * half-open flows in all. What gives way to a new flow must be one that its worker can end.
 *
 * The secret of the hash is drawn here, and is that of all tables of the ledger.
 */

#include <stddef.h>
#include <stdint.h>

#define PPS_FLOW_TABLES_MAX 64

struct pps_flow_ledger;

struct pps_flow_ledger_params {
	unsigned int n_tables; /* 1 to PPS_FLOW_TABLES_MAX */
	uint32_t flows; /* capacity of each */
	uint32_t half_open_max; /* of each; 0: the default for 'flows' */
	int socket; /* NUMA node, or -1 */
};

/* NULL and errno (ENOMEM, EINVAL). Draws the hash secret from the kernel. EAL must be up. */
struct pps_flow_ledger *pps_flow_ledger_create(const struct pps_flow_ledger_params *params);
/* Its tables must be gone. NULL is fine. */
void pps_flow_ledger_destroy(struct pps_flow_ledger *ledger);
/* Bytes of memory. */
size_t pps_flow_ledger_memory(const struct pps_flow_ledger *ledger);

#endif
