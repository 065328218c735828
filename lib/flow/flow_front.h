/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_FRONT_H
#define FLOW_FRONT_H

/*
 * The front: what stands before rte_hash, so that nearly no packet asks it.
 *
 * Overview   An array of sets, one cache line each, chosen by the low bits of a key's hash. A slot
 *            of a set names a live flow: eight other bits of its hash (the tag) and its handle. A
 *            slot whose tag is right is a candidate; the key that rte_hash keeps for its flow says
 *            whether it is the one. Both tables of a flow table share one front.
 *
 * Exact      Every live flow either has a slot in its set or is counted among the set's strays. A
 *            set without strays therefore says for certain that there is no such flow: packets that
 *            begin one, and those of a flood, need not ask rte_hash either.
 *
 * Full       A set that is full when a flow begins or a stray is looked up gives a slot to it, each
 *            in turn, and who had it becomes a stray. With as many flows as the table was made for,
 *            up to sixteen to a set, one in four is a stray, or fewer; with half of them one in
 *            sixty.
 *
 * Threads    As the flow table: one worker's.
 */

#include <stdbool.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <pps_flow.h>

#define FRONT_SLOTS     12
#define FRONT_SET_FLOWS 16 /* a set for so many flows of the table, rounded */

struct flow_set {
	uint8_t tags[FRONT_SLOTS]; /* 0: nobody's slot */
	uint16_t strays; /* live flows of this set without a slot */
	uint8_t next; /* the slot that is given away next */
	uint8_t pad;
	uint32_t handles[FRONT_SLOTS];
};
_Static_assert(sizeof(struct flow_set) == PPS_CACHE_LINE, "one line says whether there is a flow");

struct flow_front {
	struct flow_set *sets;
	uint32_t mask;
};

static inline struct flow_set *front_set(const struct flow_front *front, uint32_t hash)
{
	return &front->sets[hash & front->mask];
}

static inline uint8_t front_tag(uint32_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 24);

	return (uint8_t)(tag | (tag == 0));
}

/* The slots with this tag, bits by slot. */
static inline unsigned int front_slots_of(const struct flow_set *set, uint8_t tag)
{
#if defined(__SSE2__)
	__m128i tags = _mm_load_si128((const __m128i *)(const void *)set);
	__m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));

	return (unsigned int)_mm_movemask_epi8(same) & ((1u << FRONT_SLOTS) - 1);
#else
	unsigned int ret = 0;

	for (unsigned int i = 0; i < FRONT_SLOTS; i++)
		ret |= (unsigned int)(set->tags[i] == tag) << i;
	return ret;
#endif
}

/* The slot of a live flow, or FRONT_SLOTS. */
static inline unsigned int front_slot_of(const struct flow_set *set, uint32_t hash, uint32_t handle)
{
	unsigned int slots = front_slots_of(set, front_tag(hash));

	for (; slots != 0; slots &= slots - 1) {
		unsigned int slot = (unsigned int)__builtin_ctz(slots);

		if (set->handles[slot] == handle)
			return slot;
	}
	return FRONT_SLOTS;
}

/* The flow has no slot in its set, and gets one. True when it is somebody's, who is a stray now. */
static inline bool front_take_in(struct flow_set *set, uint32_t hash, uint32_t handle)
{
	unsigned int free = front_slots_of(set, 0), slot;

	if (free != 0) {
		slot = (unsigned int)__builtin_ctz(free);
	} else {
		slot = set->next;
		set->next = (uint8_t)(slot + 1 < FRONT_SLOTS ? slot + 1 : 0);
	}
	set->tags[slot] = front_tag(hash);
	set->handles[slot] = handle;
	return free == 0;
}

/* A flow has begun. */
static inline void front_add(const struct flow_front *front, uint32_t hash, uint32_t handle)
{
	struct flow_set *set = front_set(front, hash);

	set->strays += front_take_in(set, hash, handle);
}

/* rte_hash has found a flow that the front did not know. */
static inline void front_found(const struct flow_front *front, uint32_t hash, uint32_t handle)
{
	struct flow_set *set = front_set(front, hash);

	/* Packets of one flow may stand in one burst. */
	if (front_slot_of(set, hash, handle) == FRONT_SLOTS && !front_take_in(set, hash, handle))
		set->strays--;
}

/* A flow has ended. */
static inline void front_remove(const struct flow_front *front, uint32_t hash, uint32_t handle)
{
	struct flow_set *set = front_set(front, hash);
	unsigned int slot = front_slot_of(set, hash, handle);

	if (slot == FRONT_SLOTS)
		set->strays--;
	else
		set->tags[slot] = 0;
}

#endif
