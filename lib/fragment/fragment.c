/* SPDX-License-Identifier: BSD-3-Clause */
#include "fragment_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static void *alloc_lines(size_t n, size_t size)
{
	size_t bytes = (n * size + PPS_CACHE_LINE - 1) / PPS_CACHE_LINE * PPS_CACHE_LINE;
	void *memory = aligned_alloc(PPS_CACHE_LINE, bytes);

	/* Touches every page now rather than in the worker. */
	if (memory != NULL)
		memset(memory, 0, bytes);
	return memory;
}

static uint32_t buckets_for(uint32_t datagrams)
{
	uint32_t n = 16;

	while (n < 2 * datagrams)
		n *= 2;
	return n;
}

static const struct fragment_list empty_list = {FRAGMENT_NO_HELD, FRAGMENT_NO_HELD};

struct pps_fragment_store *pps_fragment_store_create(const struct pps_fragment_params *params)
{
	/* What is dropped to make room keeps its place until it is taken, hence one more. */
	uint32_t n_held = params->buffers + 1;
	uint32_t n_buckets = buckets_for(params->datagrams);
	struct pps_fragment_store *store = alloc_lines(1, sizeof(*store));
	int err;

	if (store == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	store->params = *params;
	store->bucket_mask = n_buckets - 1;
	store->released = empty_list;
	store->dropped = empty_list;
	store->buckets = alloc_lines(n_buckets, sizeof(struct pps_datagram *));
	store->datagrams = alloc_lines(params->datagrams, sizeof(*store->datagrams));
	store->held = alloc_lines(n_held, sizeof(*store->held));
	err = -ENOMEM;
	if (store->buckets == NULL || store->datagrams == NULL || store->held == NULL)
		goto destroy_store;
	err = pps_flow_hasher_init(&store->hasher);
	if (err < 0)
		goto destroy_store;
	for (uint32_t i = 0; i < params->datagrams; i++) {
		store->datagrams[i].chain = store->free;
		store->free = &store->datagrams[i];
	}
	for (uint32_t i = 0; i < n_held; i++)
		store->held[i].next = i + 1 < n_held ? i + 1 : FRAGMENT_NO_HELD;
	return store;

destroy_store:
	pps_fragment_store_destroy(store);
	errno = -err;
	return NULL;
}

void pps_fragment_store_destroy(struct pps_fragment_store *store)
{
	if (store == NULL)
		return;
	free(store->held);
	free(store->datagrams);
	free(store->buckets);
	explicit_bzero(&store->hasher, sizeof(store->hasher));
	free(store);
}

/* ---- lists of held fragments ---- */

static void list_append(
	struct pps_fragment_store *store, struct fragment_list *list, uint32_t place)
{
	store->held[place].next = FRAGMENT_NO_HELD;
	if (list->head == FRAGMENT_NO_HELD)
		list->head = place;
	else
		store->held[list->tail].next = place;
	list->tail = place;
}

static uint32_t list_take(struct pps_fragment_store *store, struct fragment_list *list)
{
	uint32_t place = list->head;

	if (place != FRAGMENT_NO_HELD)
		list->head = store->held[place].next;
	return place;
}

/* Nothing of the datagram is held any more: it goes to 'list'. */
static void unhold(struct pps_fragment_store *store, struct pps_datagram *datagram,
	struct fragment_list *list, enum pps_reason reason)
{
	uint32_t place;

	while ((place = list_take(store, &datagram->held)) != FRAGMENT_NO_HELD) {
		store->held[place].held.reason = (uint8_t)reason;
		list_append(store, list, place);
	}
	store->n_buffers -= datagram->n_buffers;
	store->sources[datagram->source].buffers -= datagram->n_buffers;
	datagram->n_buffers = 0;
}

static bool next_of(
	struct pps_fragment_store *store, struct fragment_list *list, struct pps_fragment_held *ret)
{
	uint32_t place = list_take(store, list);

	if (place == FRAGMENT_NO_HELD)
		return false;
	*ret = store->held[place].held;
	store->held[place].next = store->free_held;
	store->free_held = place;
	return true;
}

bool pps_fragment_next_released(struct pps_fragment_store *store, struct pps_fragment_held *ret)
{
	return next_of(store, &store->released, ret);
}

bool pps_fragment_next_dropped(struct pps_fragment_store *store, struct pps_fragment_held *ret)
{
	return next_of(store, &store->dropped, ret);
}

/* ---- queues of datagrams ---- */

static void leave_queue(struct pps_fragment_store *store, struct pps_datagram *datagram)
{
	enum fragment_queue_kind kind = fragment_queue_of(datagram->state);
	struct fragment_queue *queue = &store->queues[kind];

	if (datagram->before != NULL)
		datagram->before->behind = datagram->behind;
	else
		queue->head = datagram->behind;
	if (datagram->behind != NULL)
		datagram->behind->before = datagram->before;
	else
		queue->tail = datagram->before;
	queue->n--;
	if (kind != QUEUE_DONE)
		store->sources[datagram->source].datagrams--;
}

static void enter_queue(struct pps_fragment_store *store, struct pps_datagram *datagram,
	enum fragment_state state, uint32_t tick)
{
	enum fragment_queue_kind kind = fragment_queue_of((uint8_t)state);
	struct fragment_queue *queue = &store->queues[kind];

	datagram->state = (uint8_t)state;
	datagram->since = tick;
	datagram->before = queue->tail;
	datagram->behind = NULL;
	if (queue->tail != NULL)
		queue->tail->behind = datagram;
	else
		queue->head = datagram;
	queue->tail = datagram;
	queue->n++;
	if (kind != QUEUE_DONE)
		store->sources[datagram->source].datagrams++;
}

static void become(struct pps_fragment_store *store, struct pps_datagram *datagram,
	enum fragment_state state, uint32_t tick)
{
	leave_queue(store, datagram);
	enter_queue(store, datagram, state, tick);
}

/* ---- datagrams ---- */

/* What it still holds is dropped for 'reason'. */
static void forget(
	struct pps_fragment_store *store, struct pps_datagram *datagram, enum pps_reason reason)
{
	struct pps_datagram **link = &store->buckets[datagram->hash & store->bucket_mask];

	unhold(store, datagram, &store->dropped, reason);
	leave_queue(store, datagram);
	while (*link != datagram)
		link = &(*link)->chain;
	*link = datagram->chain;
	datagram->chain = store->free;
	store->free = datagram;
}

/* The one that gives way to a new one. */
static struct pps_datagram *find_oldest(struct pps_fragment_store *store, uint32_t tick)
{
	struct pps_datagram *waiting = store->queues[QUEUE_WAITING].head;
	struct pps_datagram *open = store->queues[QUEUE_OPEN].head;

	if (store->queues[QUEUE_DONE].head != NULL)
		return store->queues[QUEUE_DONE].head;
	if (waiting == NULL || open == NULL)
		return waiting != NULL ? waiting : open;
	return tick - waiting->since >= tick - open->since ? waiting : open;
}

/* The datagram of the view, which is a new one when there was none. */
static struct pps_datagram *claim(
	struct pps_fragment_store *store, const struct pps_fragment_view *view)
{
	struct pps_datagram *datagram = view->datagram;
	struct pps_datagram **bucket = &store->buckets[view->hash & store->bucket_mask];

	if (datagram != NULL)
		return datagram;
	if (view->past != NULL)
		forget(store, view->past, PPS_REASON_FRAGMENT_NO_FIRST);
	if (store->free == NULL)
		forget(store, find_oldest(store, view->at.tick), PPS_REASON_FRAGMENT_STORE_FULL);
	datagram = store->free;
	store->free = datagram->chain;
	datagram->key = view->key;
	datagram->hash = view->hash;
	datagram->source = view->source;
	datagram->bytes = 0;
	datagram->highest = 0;
	datagram->total = 0;
	datagram->n_ranges = 0;
	datagram->n_buffers = 0;
	datagram->held = empty_list;
	datagram->chain = *bucket;
	*bucket = datagram;
	enter_queue(store, datagram, FRAGMENT_WAITING, view->at.tick);
	return datagram;
}

/* Counts the bytes of a fragment that fits as seen. */
static void note(struct pps_datagram *datagram, const struct pps_packet *packet)
{
	uint32_t end = fragment_end(packet);

	assert(datagram->n_ranges < PPS_FRAGMENT_RANGES && end <= UINT16_MAX);
	datagram->ranges[datagram->n_ranges++] =
		(struct fragment_range){packet->fragment_offset, (uint16_t)end};
	datagram->bytes += packet->fragment_len;
	if (end > datagram->highest)
		datagram->highest = end;
	if (!packet->more_fragments)
		datagram->total = end;
}

/* Ranges never overlap, so counting bytes is enough. */
static bool is_complete(const struct pps_datagram *datagram)
{
	return datagram->total != 0 && datagram->bytes == datagram->total;
}

/* Nothing more of it passes. */
static void condemn(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	enum fragment_state state)
{
	struct pps_datagram *datagram = claim(store, view);

	unhold(store, datagram, &store->dropped,
		state == FRAGMENT_POISONED ? PPS_REASON_FRAGMENT_POISONED
					   : PPS_REASON_FRAGMENT_DENIED);
	become(store, datagram, state, view->at.tick);
}

static bool is_poison(enum pps_reason reason)
{
	switch (reason) {
	case PPS_REASON_FRAGMENT_EMPTY:
	case PPS_REASON_FRAGMENT_LENGTH:
	case PPS_REASON_FRAGMENT_TOO_LONG:
	case PPS_REASON_FRAGMENT_TINY:
	case PPS_REASON_FRAGMENT_OVERLAP:
	case PPS_REASON_FRAGMENT_END:
	case PPS_REASON_FRAGMENT_COUNT:
		return true;
	default:
		return false;
	}
}

void pps_fragment_drop(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet)
{
	enum pps_reason reason = (enum pps_reason)view->reason;
	bool by_parser = reason == PPS_REASON_FRAGMENT_ND ||
		reason == PPS_REASON_FRAGMENT_ICMP_ERROR ||
		pps_reason_step(reason) != PPS_STEP_FRAGMENTS;

	if (view->datagram != NULL && view->datagram->state == FRAGMENT_POISONED)
		return;
	if (is_poison(reason))
		condemn(store, view, FRAGMENT_POISONED);
	else if (by_parser && !packet->later_fragment)
		condemn(store, view, FRAGMENT_DENIED);
}

void pps_fragment_hold(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet, void *frame)
{
	struct pps_datagram *datagram = claim(store, view);
	uint32_t place;

	while (store->n_buffers + view->at.buffers > store->params.buffers) {
		struct pps_datagram *oldest = store->queues[QUEUE_WAITING].head;

		if (oldest == datagram)
			oldest = oldest->behind;
		if (oldest == NULL)
			break; /* no datagram may hold as much as that: see judge_room() */
		forget(store, oldest, PPS_REASON_FRAGMENT_STORE_FULL);
	}
	place = store->free_held;
	assert(place != FRAGMENT_NO_HELD);
	store->free_held = store->held[place].next;
	store->held[place].held = (struct pps_fragment_held){
		.packet = *packet,
		.frame = frame,
		.segment = view->at.segment,
		.side = view->at.side,
	};
	list_append(store, &datagram->held, place);
	datagram->n_buffers = (uint16_t)(datagram->n_buffers + view->at.buffers);
	store->n_buffers += view->at.buffers;
	store->sources[datagram->source].buffers += view->at.buffers;
	note(datagram, packet);
}

void pps_fragment_judged(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet, const struct pps_fragment_first *first)
{
	struct pps_datagram *datagram;

	if (first == NULL) {
		condemn(store, view, FRAGMENT_DENIED);
		return;
	}
	datagram = claim(store, view);
	note(datagram, packet);
	datagram->first = *first;
	unhold(store, datagram, &store->released, PPS_REASON_NONE);
	become(store, datagram, is_complete(datagram) ? FRAGMENT_COMPLETE : FRAGMENT_OPEN,
		view->at.tick);
}

void pps_fragment_followed(struct pps_fragment_store *store, const struct pps_fragment_view *view,
	const struct pps_packet *packet, bool passed)
{
	if (!passed) {
		condemn(store, view, FRAGMENT_DENIED);
		return;
	}
	note(view->datagram, packet);
	if (is_complete(view->datagram))
		become(store, view->datagram, FRAGMENT_COMPLETE, view->at.tick);
}

void pps_fragment_expire(
	struct pps_fragment_store *store, uint32_t tick, uint32_t timeout, unsigned int max)
{
	for (unsigned int kind = 0; kind < QUEUE_COUNT; kind++) {
		struct pps_datagram *oldest = store->queues[kind].head;

		while (oldest != NULL && tick - oldest->since >= timeout && max > 0) {
			forget(store, oldest, PPS_REASON_FRAGMENT_NO_FIRST);
			oldest = store->queues[kind].head;
			max--;
		}
	}
}

void pps_fragment_drain(struct pps_fragment_store *store)
{
	for (unsigned int kind = 0; kind < QUEUE_COUNT; kind++) {
		while (store->queues[kind].head != NULL)
			forget(store, store->queues[kind].head, PPS_REASON_FRAGMENT_NO_FIRST);
	}
}

void pps_fragment_usage(const struct pps_fragment_store *store, struct pps_fragment_usage *ret)
{
	*ret = (struct pps_fragment_usage){
		.waiting = store->queues[QUEUE_WAITING].n,
		.open = store->queues[QUEUE_OPEN].n,
		.buffers = store->n_buffers,
	};
	for (unsigned int kind = 0; kind < QUEUE_COUNT; kind++)
		ret->datagrams += store->queues[kind].n;
}
