/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define N_BUCKETS PPS_RULE_SLOTS

struct slot {
	char *id; /* NULL: never given */
	char *former_id; /* of the rule that had the slot before: a reader may still hold it */
	uint64_t since_ns;
	uint32_t n_holders; /* rulesets that hold it */
	uint32_t next_in_bucket; /* 0: last */
	uint32_t older, newer; /* among the released; 0: none */
};

struct pps_rule_book {
	pthread_mutex_t lock; /* guards all of it: a builder holds while management reads */
	struct slot slots[PPS_RULE_SLOTS]; /* [0] is the head of the released: newer = first gone,
					      older = last gone */
	uint32_t buckets[N_BUCKETS];
	uint32_t n_given; /* slots 1..n_given have an id */
	const struct pps_worker_stats **workers;
	size_t n_workers;
	/* What the workers had counted when a slot got its id: the last id's share. */
	struct pps_rule_stats baselines[PPS_RULE_SLOTS];
};

struct pps_rule_book *pps_rule_book_create(void)
{
	struct pps_rule_book *book = pps_alloc(sizeof(*book));

	pthread_mutex_init(&book->lock, NULL);
	return book;
}

void pps_rule_book_destroy(struct pps_rule_book *book)
{
	if (book == NULL)
		return;
	for (uint32_t i = 1; i <= book->n_given; i++) {
		free(book->slots[i].id);
		free(book->slots[i].former_id);
	}
	free(book->workers);
	pthread_mutex_destroy(&book->lock);
	free(book);
}

void pps_rule_book_add_worker(struct pps_rule_book *book, const struct pps_worker_stats *stats)
{
	size_t n = book->n_workers + 1;

	book->workers = pps_realloc(book->workers, n * sizeof(book->workers[0]));
	book->workers[book->n_workers] = stats;
	book->n_workers = n;
}

/* FNV-1a: ids come from whoever may load a policy, nobody to defend the chains against. */
static uint32_t hash_id(const char *id)
{
	uint32_t hash = 2166136261U;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619U;
	return hash % N_BUCKETS;
}

static uint32_t find(const struct pps_rule_book *book, const char *id)
{
	uint32_t i = book->buckets[hash_id(id)];

	while (i != 0 && strcmp(book->slots[i].id, id) != 0)
		i = book->slots[i].next_in_bucket;
	return i;
}

uint32_t pps_rule_book_find(struct pps_rule_book *book, const char *id)
{
	uint32_t slot;

	pthread_mutex_lock(&book->lock);
	slot = find(book, id);
	pthread_mutex_unlock(&book->lock);
	return slot;
}

static void link_bucket(struct pps_rule_book *book, uint32_t slot)
{
	uint32_t *bucket = &book->buckets[hash_id(book->slots[slot].id)];

	book->slots[slot].next_in_bucket = *bucket;
	*bucket = slot;
}

static void unlink_bucket(struct pps_rule_book *book, uint32_t slot)
{
	uint32_t *link = &book->buckets[hash_id(book->slots[slot].id)];

	while (*link != slot)
		link = &book->slots[*link].next_in_bucket;
	*link = book->slots[slot].next_in_bucket;
}

/* A ring through slot 0: the first gone behind its 'newer', the last gone behind its 'older'. */
static void link_released(struct pps_rule_book *book, uint32_t slot)
{
	struct slot *slots = book->slots;

	slots[slot].older = slots[0].older;
	slots[slot].newer = 0;
	slots[slots[0].older].newer = slot;
	slots[0].older = slot;
}

static void unlink_released(struct pps_rule_book *book, uint32_t slot)
{
	struct slot *slots = book->slots;

	slots[slots[slot].older].newer = slots[slot].newer;
	slots[slots[slot].newer].older = slots[slot].older;
}

/* A slot without an id: a fresh one, else the one whose id is gone longest, else 0. */
static uint32_t take_slot(struct pps_rule_book *book)
{
	uint32_t slot;

	if (book->n_given < PPS_RULE_SLOTS - 1)
		return ++book->n_given;
	slot = book->slots[0].newer;
	if (slot == 0)
		return 0;
	unlink_released(book, slot);
	unlink_bucket(book, slot);
	free(book->slots[slot].former_id);
	book->slots[slot].former_id = book->slots[slot].id;
	return slot;
}

/* What all workers counted in 'slot', whoever's it was. */
static struct pps_rule_stats sum_workers(const struct pps_rule_book *book, uint32_t slot)
{
	struct pps_rule_stats sum = {0};

	for (size_t i = 0; i < book->n_workers; i++) {
		const struct pps_rule_stats *part = &book->workers[i]->rules[slot];
		uint64_t last_ns = pps_stats_load(&part->last_ns);

		sum.packets += pps_stats_load(&part->packets);
		sum.bytes += pps_stats_load(&part->bytes);
		sum.flows += pps_stats_load(&part->flows);
		if (last_ns > sum.last_ns)
			sum.last_ns = last_ns;
	}
	return sum;
}

static uint32_t hold(struct pps_rule_book *book, const char *id)
{
	uint32_t slot = find(book, id);

	if (slot != 0) {
		if (book->slots[slot].n_holders++ == 0)
			unlink_released(book, slot);
		return slot;
	}
	slot = take_slot(book);
	if (slot == 0)
		return 0;
	book->slots[slot] = (struct slot){
		.id = pps_strdup(id),
		.former_id = book->slots[slot].former_id,
		.since_ns = pps_time_wall_ns(),
		.n_holders = 1,
	};
	book->baselines[slot] = sum_workers(book, slot);
	link_bucket(book, slot);
	return slot;
}

uint32_t pps_rule_book_hold(struct pps_rule_book *book, const char *id)
{
	uint32_t slot;

	pthread_mutex_lock(&book->lock);
	slot = hold(book, id);
	pthread_mutex_unlock(&book->lock);
	return slot;
}

static bool is_given(const struct pps_rule_book *book, uint32_t slot)
{
	return slot != 0 && slot <= book->n_given;
}

void pps_rule_book_release(struct pps_rule_book *book, uint32_t slot)
{
	pthread_mutex_lock(&book->lock);
	if (is_given(book, slot) && book->slots[slot].n_holders > 0 &&
		--book->slots[slot].n_holders == 0)
		link_released(book, slot);
	pthread_mutex_unlock(&book->lock);
}

const char *pps_rule_book_id(struct pps_rule_book *book, uint32_t slot)
{
	const char *id;

	pthread_mutex_lock(&book->lock);
	id = is_given(book, slot) ? book->slots[slot].id : NULL;
	pthread_mutex_unlock(&book->lock);
	return id;
}

uint64_t pps_rule_book_since_ns(struct pps_rule_book *book, uint32_t slot)
{
	uint64_t since_ns;

	pthread_mutex_lock(&book->lock);
	since_ns = is_given(book, slot) ? book->slots[slot].since_ns : 0;
	pthread_mutex_unlock(&book->lock);
	return since_ns;
}

/* What was counted in 'slot' since it got its id. */
static struct pps_rule_stats read_slot(const struct pps_rule_book *book, uint32_t slot)
{
	struct pps_rule_stats sum = sum_workers(book, slot);
	const struct pps_rule_stats *baseline = &book->baselines[slot];

	sum.packets -= baseline->packets;
	sum.bytes -= baseline->bytes;
	sum.flows -= baseline->flows;
	if (sum.last_ns <= baseline->last_ns)
		sum.last_ns = 0;
	return sum;
}

struct pps_rule_stats pps_rule_book_read(struct pps_rule_book *book, uint32_t slot)
{
	struct pps_rule_stats stats = {0};

	pthread_mutex_lock(&book->lock);
	if (is_given(book, slot))
		stats = read_slot(book, slot);
	pthread_mutex_unlock(&book->lock);
	return stats;
}
