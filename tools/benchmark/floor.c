/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The floor: what is left of the filter when nothing is done but what must be. Each part is a loop
 * over the same flows, in the same order, in the same tables as the filter's own windows, with
 * which it takes turns; only that loop is between two reads of the clock. What one of them takes
 * no filter on these tables can save.
 *
 *     table   keyed hash, rte_hash in bulk, one line of state read and written
 *     way     the filter's own way: keyed hash, set of the front, key compared, the flow's line
 * read and written, its rule's counter miss    the same for keys that are not there: keyed hash,
 * set of the front rules   rte_acl alone, on the filter's own context and keys add     a key into
 * an rte_hash as large and as full, its hash given remove  the oldest of those, its hash given
 */

#include <inttypes.h>
#include <stdlib.h>

#include <rte_acl.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_prefetch.h>

#include <flow_priv.h>
#include <ruleset_priv.h>

#include "bench.h"

#define TURNS_MAX   8
#define MEASURES    2 /* of a turn */
#define FRESH_BASE  (1u << 25) /* numbers of flows that the world never begins */
#define LEAD_FRAMES (1u << 17) /* frames that are not counted before a turn, at most */

struct floor {
	const struct bench_options *options;
	struct world world;
	struct rte_hash *hash; /* for add and remove; NULL: nothing begins */
	uint64_t visits[2]; /* as the world's, of the floor's own frames */
	uint64_t n_filled; /* batches */
	uint64_t n_added, n_kept; /* keys: in all; that stay when others are added */
	struct pps_flow_key keys[BATCH_FRAMES];
	const void *key_places[BATCH_FRAMES];
	struct pps_class_key class_keys[BATCH_FRAMES];
	const uint8_t *class_places[BATCH_FRAMES];
	uint32_t hashes[BATCH_FRAMES];
	uint32_t found[BATCH_FRAMES]; /* handles, positions or rules */
};

/* ---- keys ---- */

static uint32_t fresh_flow(const struct floor *floor, uint64_t number)
{
	return floor->options->traffic.flows + FRESH_BASE + (uint32_t)(number & 0x1ffffff);
}

static void place_keys(struct floor *floor)
{
	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		pps_class_key_make(&floor->keys[i], PPS_SIDE_OUTSIDE, 0, &floor->class_keys[i]);
		floor->class_places[i] = (const uint8_t *)&floor->class_keys[i];
		floor->key_places[i] = &floor->keys[i];
	}
}

/* Keys of established flows, bursts of the two sides in turn. */
static void fill_established(struct floor *floor)
{
	const struct traffic *traffic = &floor->options->traffic;
	unsigned int bursts = BATCH_FRAMES / floor->world.burst;

	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		unsigned int side = (floor->n_filled * bursts + i / floor->world.burst) % 2;
		uint64_t visit = floor->visits[side]++;

		traffic_key(
			traffic, TRAFFIC_DATA, traffic_flow(traffic, side, visit), &floor->keys[i]);
	}
	floor->n_filled++;
	place_keys(floor);
}

/* Keys of flows that are not in the world's table. */
static void fill_fresh(struct floor *floor, enum load load, uint64_t first)
{
	enum traffic_kind kind = load == LOAD_DENIED ? TRAFFIC_DENIED : TRAFFIC_SYN;

	for (unsigned int i = 0; i < BATCH_FRAMES; i++)
		traffic_key(&floor->options->traffic, kind, fresh_flow(floor, first + i),
			&floor->keys[i]);
	place_keys(floor);
}

/* ---- the loops that are measured ---- */

static struct pps_flow_half *half_of(const struct floor *floor)
{
	return &floor->world.flows->open.halves[floor->options->traffic.family == 6];
}

/* Looks the batch from 'first' on up in rte_hash; positions in found[]. */
static void look_up(struct floor *floor, unsigned int first)
{
	const struct world *world = &floor->world;

	pps_flow_hasher_burst(
		&world->flows->hasher, &floor->keys[first], world->burst, &floor->hashes[first]);
	rte_hash_lookup_with_hash_bulk(half_of(floor)->hash, &floor->key_places[first],
		&floor->hashes[first], world->burst, (int32_t *)&floor->found[first]);
}

static void run_table(struct floor *floor)
{
	const struct pps_flow_half *half = half_of(floor);
	uint32_t now = (uint32_t)(floor->world.n_frames / FRAMES_PER_MS);

	for (unsigned int i = 0; i < BATCH_FRAMES; i += floor->world.burst) {
		look_up(floor, i);
		for (unsigned int k = i; k < i + floor->world.burst; k++) {
			if ((int32_t)floor->found[k] < 0)
				bench_fail("an established flow is not in the table");
			rte_prefetch0(&half->entries[floor->found[k]]);
		}
		for (unsigned int k = i; k < i + floor->world.burst; k++) {
			struct pps_flow *flow = &half->entries[floor->found[k]];

			flow->seen = now;
			flow->packets[0]++;
		}
	}
}

static void run_way(struct floor *floor)
{
	struct world *world = &floor->world;
	uint32_t now = (uint32_t)(world->n_frames / FRAMES_PER_MS);

	for (unsigned int i = 0; i < BATCH_FRAMES; i += world->burst) {
		if (pps_flow_lookup_burst(world->flows, &floor->keys[i], world->burst,
			    &floor->hashes[i], &floor->found[i]) != 0)
			bench_fail("an established flow is not found");
		for (unsigned int k = i; k < i + world->burst; k++) {
			struct pps_flow *flow = pps_flow_at(world->flows, floor->found[k]);

			flow->seen = now;
			flow->packets[0]++;
			rte_prefetch0(&world->stats->rules[flow->rule]);
		}
		for (unsigned int k = i; k < i + world->burst; k++) {
			const struct pps_flow *flow = pps_flow_at(world->flows, floor->found[k]);

			pps_stats_add(&world->stats->rules[flow->rule].packets, 1);
		}
	}
}

static void run_miss(struct floor *floor)
{
	struct world *world = &floor->world;

	for (unsigned int i = 0; i < BATCH_FRAMES; i += world->burst)
		pps_flow_lookup_burst(world->flows, &floor->keys[i], world->burst,
			&floor->hashes[i], &floor->found[i]);
}

static void run_rules(struct floor *floor)
{
	unsigned int context = pps_context_index(PPS_INBOUND, floor->options->traffic.family);
	const struct rte_acl_ctx *acl = floor->world.ruleset->priv->contexts[context];

	for (unsigned int i = 0; i < BATCH_FRAMES; i += floor->world.burst)
		rte_acl_classify(
			acl, &floor->class_places[i], &floor->found[i], floor->world.burst, 1);
}

static void run_add(struct floor *floor)
{
	for (unsigned int i = 0; i < BATCH_FRAMES; i++)
		floor->found[i] = (uint32_t)rte_hash_add_key_with_hash(
			floor->hash, &floor->keys[i], floor->hashes[i]);
}

static void run_remove(struct floor *floor)
{
	for (unsigned int i = 0; i < BATCH_FRAMES; i++)
		floor->found[i] = (uint32_t)rte_hash_del_key_with_hash(
			floor->hash, &floor->keys[i], floor->hashes[i]);
}

static double measure(struct floor *floor, void (*run)(struct floor *floor))
{
	uint64_t begun = rte_rdtsc_precise();

	run(floor);
	return (double)(rte_rdtsc_precise() - begun - floor->world.tsc_overhead) / BATCH_FRAMES;
}

/* ---- turns: one batch each ---- */

/* The number of values is that of the turn's words. */
typedef void (*turn_play)(struct floor *floor, enum load load, double *ret);

static void play_filter(struct floor *floor, enum load load, double *ret)
{
	static struct batch batch;
	struct world *world = &floor->world;

	world_fill(world, load, &batch);
	ret[0] = (double)world_judge(world, world->ruleset, &batch) / BATCH_FRAMES;
	world_check(world, load, &batch);
	/* A flood's flows stay until others take their places. */
	if (load == LOAD_NEW && floor->options->load == LOAD_NEW)
		ret[1] = (double)world_end_fresh(world, &batch) / BATCH_FRAMES;
	world_serve(world, &batch);
}

/* A flood, and apart from the rest the bursts that have none of it: those from inside. */
static void play_flood(struct floor *floor, enum load load, double *ret)
{
	static struct batch batch;
	struct world *world = &floor->world;
	uint64_t took[2] = {0};
	unsigned int frames[2] = {0};

	world_fill(world, load, &batch);
	for (unsigned int i = 0; i < BATCH_FRAMES; i += world->burst) {
		const struct pps_ingress *ingress = &batch.ingress[i / world->burst];
		uint64_t begun = rte_rdtsc_precise();

		pps_filter_burst(world->filter, world->ruleset, ingress, &batch.now,
			batch.frames + i, world->burst, batch.verdicts + i);
		took[ingress->side] += rte_rdtsc_precise() - begun - world->tsc_overhead;
		frames[ingress->side] += world->burst;
	}
	world_check(world, load, &batch);
	world_serve(world, &batch);
	ret[0] = (double)(took[0] + took[1]) / BATCH_FRAMES;
	ret[1] = (double)took[PPS_SIDE_INSIDE] / RTE_MAX(frames[PPS_SIDE_INSIDE], 1u);
}

static void play_table(struct floor *floor, enum load load, double *ret)
{
	(void)load;
	fill_established(floor);
	ret[0] = measure(floor, run_table);
}

static void play_way(struct floor *floor, enum load load, double *ret)
{
	(void)load;
	fill_established(floor);
	ret[0] = measure(floor, run_way);
}

static void play_miss(struct floor *floor, enum load load, double *ret)
{
	fill_fresh(floor, load, floor->n_filled++ * BATCH_FRAMES);
	ret[0] = measure(floor, run_miss);
	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		if ((int32_t)floor->found[i] >= 0)
			bench_fail("a flow that never began is in the table");
	}
}

static void play_rules(struct floor *floor, enum load load, double *ret)
{
	fill_fresh(floor, load, floor->n_filled++ * BATCH_FRAMES);
	ret[0] = measure(floor, run_rules);
	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		if ((floor->found[i] == 0) != (load == LOAD_DENIED))
			bench_fail("rte_acl does not say what the traffic is made for");
	}
}

/* Hashes as they would have been computed for the lookup. */
static void hash_batch(struct floor *floor)
{
	for (unsigned int i = 0; i < BATCH_FRAMES; i += floor->world.burst)
		pps_flow_hasher_burst(&floor->world.flows->hasher, &floor->keys[i],
			floor->world.burst, &floor->hashes[i]);
}

static void check_found(const struct floor *floor, const char *what)
{
	for (unsigned int i = 0; i < BATCH_FRAMES; i++) {
		if ((int32_t)floor->found[i] < 0)
			bench_fail("a key cannot be %s: %s", what,
				rte_strerror(-(int32_t)floor->found[i]));
	}
}

static void play_add(struct floor *floor, enum load load, double *ret)
{
	fill_fresh(floor, load, floor->n_added);
	hash_batch(floor);
	ret[0] = measure(floor, run_add);
	check_found(floor, "added");
	floor->n_added += BATCH_FRAMES;
	if (floor->n_added <= floor->n_kept)
		return;
	fill_fresh(floor, load, floor->n_added - floor->n_kept - BATCH_FRAMES);
	hash_batch(floor);
	ret[1] = measure(floor, run_remove);
	check_found(floor, "removed");
}

/* ---- what takes turns ---- */

struct turn {
	const char *words[MEASURES];
	turn_play play;
	enum load load;
};

static const struct turn turns[][TURNS_MAX] = {
	[LOAD_HIT] =
		{
			{{"filter"}, play_filter, LOAD_HIT},
			{{"table"}, play_table, LOAD_HIT},
			{{"way"}, play_way, LOAD_HIT},
		},
	[LOAD_NEW] =
		{
			{{"filter", "end"}, play_filter, LOAD_NEW},
			{{"miss"}, play_miss, LOAD_NEW},
			{{"rules"}, play_rules, LOAD_NEW},
			{{"add", "remove"}, play_add, LOAD_NEW},
		},
	[LOAD_DENIED] =
		{
			{{"filter"}, play_filter, LOAD_DENIED},
			{{"miss"}, play_miss, LOAD_DENIED},
			{{"rules"}, play_rules, LOAD_DENIED},
		},
	[LOAD_FLOOD] =
		{
			{{"filter", "apart"}, play_flood, LOAD_FLOOD},
			{{"hit"}, play_filter, LOAD_HIT},
			{{"syn"}, play_filter, LOAD_NEW},
			{{"way"}, play_way, LOAD_HIT},
			{{"miss"}, play_miss, LOAD_NEW},
			{{"rules"}, play_rules, LOAD_NEW},
			{{"add", "remove"}, play_add, LOAD_NEW},
		},
};

/* An rte_hash as the world's, with the established flows in it, and of a flood as many others as
 * the world has room for. */
static void make_hash(struct floor *floor)
{
	const struct traffic *traffic = &floor->options->traffic;
	uint32_t half_open = pps_flow_half_open_max(floor->world.flows);
	uint32_t room = bench_capacity(floor->options) - traffic->flows;
	struct rte_hash_parameters params = {
		.name = "floor",
		.entries = half_of(floor)->n + BATCH_FRAMES,
		.key_len = (uint32_t)half_of(floor)->key_len,
		.hash_func = rte_jhash,
		.socket_id = SOCKET_ID_ANY,
	};
	double ignored[MEASURES];

	floor->hash = rte_hash_create(&params);
	if (floor->hash == NULL)
		bench_fail("not enough memory for another rte_hash");
	for (uint32_t i = 0; i < traffic->flows; i++) {
		struct pps_flow_key key;

		traffic_key(traffic, TRAFFIC_DATA, i, &key);
		if (rte_hash_add_key_with_hash(
			    floor->hash, &key, pps_flow_hash(floor->world.flows, &key)) < 0)
			bench_fail("no room for flow %" PRIu32, i);
	}
	if (floor->options->load == LOAD_FLOOD)
		floor->n_kept = RTE_MIN(half_open, room) / BATCH_FRAMES * BATCH_FRAMES;
	while (floor->n_added < floor->n_kept)
		play_add(floor, LOAD_NEW, ignored);
}

/* One turn: first what fills the caches, then what counts. */
static void take_turn(struct floor *floor, const struct turn *turn, double **samples, uint32_t n)
{
	uint32_t lead = RTE_MIN(floor->options->traffic.flows, LEAD_FRAMES) / BATCH_FRAMES + 1;
	double values[MEASURES];

	for (uint32_t i = 0; i < lead; i++)
		turn->play(floor, turn->load, values);
	for (uint32_t i = 0; i < n; i++) {
		turn->play(floor, turn->load, values);
		for (unsigned int k = 0; k < MEASURES && turn->words[k] != NULL; k++)
			samples[k][i] = values[k];
	}
}

static void take_turns(struct floor *floor, double **samples, uint32_t n, struct pps_str *out)
{
	const struct turn *turn = turns[floor->options->load];
	const char *comma = "";

	for (; turn->play != NULL; turn++) {
		take_turn(floor, turn, samples, n);
		for (unsigned int k = 0; k < MEASURES && turn->words[k] != NULL; k++) {
			pps_str_addf(out, "%s\"%s\": %.2f", comma, turn->words[k],
				bench_median(samples[k], n));
			comma = ", ";
		}
	}
}

/* The state a flood has when every SYN replaces one before it. */
static void begin_flood(struct floor *floor)
{
	uint64_t n = 4ull * pps_flow_half_open_max(floor->world.flows);
	double ignored[MEASURES];

	for (uint64_t i = 0; i < n; i += BATCH_FRAMES)
		play_filter(floor, LOAD_FLOOD, ignored);
}

void bench_floor(const struct bench_options *options, struct pps_str *out)
{
	static struct floor floor;
	uint32_t n = RTE_MAX(options->packets / BATCH_FRAMES, 1u);
	double *samples[MEASURES];

	floor.options = options;
	world_init(&floor.world, &options->traffic, options->burst, bench_capacity(options));
	world_establish(&floor.world);
	if (options->load == LOAD_NEW || options->load == LOAD_FLOOD)
		make_hash(&floor);
	if (options->load == LOAD_FLOOD)
		begin_flood(&floor);
	for (unsigned int k = 0; k < MEASURES; k++)
		samples[k] = pps_alloc(n * sizeof(*samples[k]));
	pps_str_add(out, "{\"windows\": [");
	for (uint32_t window = 0; window < options->windows; window++) {
		pps_str_add(out, window == 0 ? "{" : ", {");
		take_turns(&floor, samples, n, out);
		pps_str_add(out, "}");
	}
	pps_str_add(out, "]}");
	for (unsigned int k = 0; k < MEASURES; k++)
		free(samples[k]);
}
