/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random pairs of policies, random packets: the regions of the difference are disjoint and agree
 * with the reference matcher, on verdicts and on rules. Packets come from the edges of both
 * policies' values and from the corners of the regions, and just beyond them. PPSFW_SEED repeats a
 * run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_policy.h"
#include "ruleset_ask.h"
#include "unit.h"

#define PAIRS       200 /* for disjointness */
#define PAIRS_ASKED 30 /* each with */
#define PACKETS     100000

/* ---- pairs ---- */

static struct pps_policy *parse(const json_t *root)
{
	char *text = json_dumps(root, 0);
	struct pps_errors errors = {0};
	struct pps_policy *policy = pps_policy_parse(text, strlen(text), &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	free(text);
	return policy;
}

static json_t *make_root(struct chance *chance)
{
	char *sections = make_policy(chance);
	char *text = pps_asprintf("{\"policy\": \"test\", \"revision\": 1, %s}", sections);
	json_t *root = json_loads(text, 0, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	free(text);
	free(sections);
	return root;
}

/* Changes a few rules of a list: gone, moved, or replaced by those of 'other'. Bans that may be
 * named by overrides stay, under their ids. */
static void change_list(
	struct chance *chance, json_t *root, const json_t *other, const char *key, bool ids_stay)
{
	json_t *list = json_object_get(root, key), *others = json_object_get(other, key);

	for (unsigned int i = 0; i < 3 && json_array_size(list) > 0; i++) {
		size_t at = draw(chance, (uint32_t)json_array_size(list));
		json_t *rule = json_deep_copy(json_array_get(list, at));
		json_t *from = json_array_get(others, draw(chance, 8));

		if (once_in(chance, 3) && !ids_stay) {
			json_array_remove(list, at);
		} else if (once_in(chance, 2)) {
			json_array_remove(list, at);
			json_array_insert_new(list,
				draw(chance, (uint32_t)json_array_size(list) + 1),
				json_deep_copy(rule));
		} else if (from != NULL) {
			json_t *new_rule = json_deep_copy(from);

			json_object_set(new_rule, "id", json_object_get(rule, "id"));
			json_object_del(new_rule, "overrides");
			if (json_object_get(rule, "overrides") != NULL)
				json_object_set(
					new_rule, "overrides", json_object_get(rule, "overrides"));
			json_array_set_new(list, at, new_rule);
		}
		json_decref(rule);
	}
}

static void make_pair(struct chance *chance, struct pps_policy *pair[2])
{
	json_t *root = make_root(chance), *other = make_root(chance);

	pair[0] = parse(root);
	if (once_in(chance, 4)) {
		pair[1] = parse(other);
	} else {
		change_list(chance, root, other, "banned", true);
		change_list(chance, root, other, "exceptions", false);
		change_list(chance, root, other, "approved", false);
		pair[1] = parse(root);
	}
	json_decref(root);
	json_decref(other);
}

/* ---- packets and boxes ---- */

static pps_u128 number_of(const struct pps_addr *addr)
{
	pps_u128 number = 0;

	for (unsigned int i = 0; i < (addr->family == 4 ? 4 : 16); i++)
		number = number << 8 | addr->bytes[i];
	return number;
}

static struct pps_addr addr_of(pps_u128 number, uint8_t family)
{
	struct pps_addr addr = {.family = family};

	for (int i = family == 4 ? 3 : 15; i >= 0; i--, number >>= 8)
		addr.bytes[i] = (uint8_t)number;
	return addr;
}

static struct pps_box box_of(const struct reference_packet *packet)
{
	bool is_icmp = packet->protocol == (packet->src.family == 4 ? 1 : 58);
	struct pps_box box = {0};
	pps_u128 port =
		is_icmp ? (pps_u128)(packet->icmp_type << 8 | packet->icmp_code) : packet->dst_port;

	pps_box_set(&box, PPS_DIM_DIRECTION, packet->direction, packet->direction);
	pps_box_set(&box, PPS_DIM_PROTOCOL, packet->protocol, packet->protocol);
	pps_box_set(&box, PPS_DIM_PORT, port, port);
	pps_box_set(&box, PPS_DIM_SOURCE_PORT, packet->src_port, packet->src_port);
	pps_box_set(&box, PPS_DIM_VLAN, packet->vlan, packet->vlan);
	pps_box_set(&box, PPS_DIM_DESTINATION, number_of(&packet->dst), number_of(&packet->dst));
	pps_box_set(&box, PPS_DIM_SOURCE, number_of(&packet->src), number_of(&packet->src));
	return box;
}

/* A corner of a region, moved out of it by one in one dimension at times. */
static void draw_corner(
	struct chance *chance, const struct pps_traffic *traffic, struct reference_packet *packet)
{
	uint8_t family =
		(traffic->families & 1) != 0 && (traffic->families == 1 || once_in(chance, 2)) ? 4
											       : 6;
	const struct pps_box all = pps_box_all(family);
	unsigned int beyond = draw(chance, 2 * PPS_DIM_COUNT);
	pps_u128 at[PPS_DIM_COUNT];

	for (unsigned int d = 0; d < PPS_DIM_COUNT; d++) {
		bool high = once_in(chance, 2);

		at[d] = high ? pps_box_hi(&traffic->box, d) : pps_box_lo(&traffic->box, d);
		if (at[d] > pps_box_hi(&all, d))
			at[d] = pps_box_hi(&all, d);
		if (d == beyond && high && at[d] < pps_box_hi(&all, d))
			at[d]++;
		else if (d == beyond && !high && at[d] > pps_box_lo(&all, d))
			at[d]--;
	}
	memset(packet, 0, sizeof(*packet));
	packet->direction = (enum pps_direction)at[PPS_DIM_DIRECTION];
	packet->protocol = (uint8_t)at[PPS_DIM_PROTOCOL];
	packet->vlan = (uint16_t)at[PPS_DIM_VLAN];
	packet->src = addr_of(at[PPS_DIM_SOURCE], family);
	packet->dst = addr_of(at[PPS_DIM_DESTINATION], family);
	if (packet->protocol == (family == 4 ? 1 : 58)) {
		packet->icmp_type = (uint8_t)(at[PPS_DIM_PORT] >> 8);
		packet->icmp_code = (uint8_t)at[PPS_DIM_PORT];
	} else if (pps_protocol_has_ports(packet->protocol)) {
		packet->src_port = (uint16_t)at[PPS_DIM_SOURCE_PORT];
		packet->dst_port = (uint16_t)at[PPS_DIM_PORT];
	}
}

static bool holds(const struct pps_traffic *traffic, const struct reference_packet *packet,
	const struct pps_box *box)
{
	struct pps_box region = traffic->box;

	/* Of both families: the addresses are any. */
	if (traffic->families == 3) {
		pps_box_set(&region, PPS_DIM_SOURCE, 0, ~(pps_u128)0);
		pps_box_set(&region, PPS_DIM_DESTINATION, 0, ~(pps_u128)0);
	}
	return (traffic->families & (packet->src.family == 4 ? 1 : 2)) != 0 &&
		pps_box_covers(&region, box);
}

/* ---- agreement ---- */

struct tally {
	unsigned int packets, corners, regions, wrong;
	unsigned int kinds[3];
};

static bool side_agrees(const struct pps_diff_side *side, const struct reference_decision *decision)
{
	static const enum pps_reason reasons[] = {PPS_REASON_NONE, PPS_REASON_BANNED,
		PPS_REASON_EXCEPTION_EXPIRED, PPS_REASON_NOT_APPROVED};
	size_t rule = decision->rule == REFERENCE_NO_RULE ? SIZE_MAX : decision->rule;

	return reasons[side->decision] == decision->reason && side->rule == rule;
}

/* What must become of a packet by the two decisions; -1: it is in no region. */
static int wanted_kind(
	struct pps_policy *const pair[2], const struct reference_decision decisions[2])
{
	bool passed = decisions[0].reason == PPS_REASON_NONE;
	bool passes = decisions[1].reason == PPS_REASON_NONE;

	if (passed != passes)
		return passes ? PPS_DIFF_ALLOWED : PPS_DIFF_DENIED;
	if (!passes ||
		strcmp(pair[0]->rules[decisions[0].rule].id,
			pair[1]->rules[decisions[1].rule].id) == 0)
		return -1;
	return PPS_DIFF_REBOUND;
}

static void check_packet(struct pps_policy *const pair[2], const struct pps_diff *diff,
	const struct reference_packet *packet, struct tally *tally)
{
	const struct pps_box box = box_of(packet);
	const struct pps_diff_region *region = NULL;
	struct reference_decision decisions[2];
	unsigned int n = 0;
	int kind;

	for (size_t i = 0; i < diff->n; i++) {
		if (holds(&diff->regions[i].traffic, packet, &box)) {
			region = &diff->regions[i];
			n++;
		}
	}
	for (unsigned int i = 0; i < 2; i++)
		decisions[i] = reference_decide(pair[i], ask_now_ns(), packet);
	kind = wanted_kind(pair, decisions);
	tally->packets++;
	if (kind >= 0)
		tally->kinds[kind]++;
	if (kind < 0 ? n == 0
		     : n == 1 && (int)region->kind == kind &&
				side_agrees(&region->before, &decisions[0]) &&
				side_agrees(&region->after, &decisions[1]))
		return;
	if (tally->wrong++ < 5)
		printf("# %u regions hold a packet of protocol %u from port %u to %u; kind %d\n", n,
			packet->protocol, packet->src_port, packet->dst_port, kind);
}

static const struct pps_rule *draw_rule(struct chance *chance, struct pps_policy *const pair[2])
{
	const struct pps_policy *policy = pair[draw(chance, 2)];

	return policy->n_rules > 0 ? &policy->rules[draw(chance, (uint32_t)policy->n_rules)] : NULL;
}

static void try_pair(struct chance *chance, struct tally *tally)
{
	struct pps_policy *pair[2];
	struct pps_errors errors = {0};
	struct pps_diff diff;

	make_pair(chance, pair);
	CU_ASSERT_FATAL(pps_diff_make(pair[0], pair[1], ask_now_ns(), &diff, &errors));
	tally->regions += (unsigned int)diff.n;
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct reference_packet packet;

		if (diff.n > 0 && once_in(chance, 2)) {
			draw_corner(chance, &diff.regions[draw(chance, (uint32_t)diff.n)].traffic,
				&packet);
			tally->corners++;
		} else {
			draw_packet(chance, draw_rule(chance, pair), &packet);
		}
		check_packet(pair, &diff, &packet, tally);
	}
	pps_diff_fini(&diff);
	pps_policy_destroy(pair[0]);
	pps_policy_destroy(pair[1]);
}

/* No box of one region has a point in common with that of another. */
static void the_regions_of_a_difference_are_disjoint(void)
{
	struct chance chance = chance_seed();
	unsigned int met = 0, n = 0;

	for (unsigned int i = 0; i < PAIRS; i++) {
		struct pps_policy *pair[2];
		struct pps_errors errors = {0};
		struct pps_diff diff;

		make_pair(&chance, pair);
		CU_ASSERT_FATAL(pps_diff_make(pair[0], pair[1], ask_now_ns(), &diff, &errors));
		for (size_t a = 0; a < diff.n && a < 3000; a++) {
			for (size_t b = a + 1; b < diff.n && b < 3000; b++, n++) {
				const struct pps_traffic *x = &diff.regions[a].traffic;
				const struct pps_traffic *y = &diff.regions[b].traffic;

				met += (x->families & y->families) != 0 &&
					pps_box_overlaps(&x->box, &y->box);
			}
		}
		pps_diff_fini(&diff);
		pps_policy_destroy(pair[0]);
		pps_policy_destroy(pair[1]);
	}
	printf("# %u pairs of regions\n", n);
	CU_ASSERT_EQUAL(met, 0);
}

static void regions_agree_with_the_reference_on_random_packets(void)
{
	struct chance chance = chance_seed();
	struct tally tally = {0};

	for (unsigned int i = 0; i < PAIRS_ASKED; i++)
		try_pair(&chance, &tally);
	printf("# %u packets, %u of corners, %u regions: %u newly allowed, %u newly denied, %u by "
	       "another rule\n",
		tally.packets, tally.corners, tally.regions, tally.kinds[PPS_DIFF_ALLOWED],
		tally.kinds[PPS_DIFF_DENIED], tally.kinds[PPS_DIFF_REBOUND]);
	CU_ASSERT_EQUAL(tally.wrong, 0);
	/* A generator that makes only the easy cases tests nothing. */
	CU_ASSERT(tally.kinds[PPS_DIFF_ALLOWED] > PACKETS);
	CU_ASSERT(tally.kinds[PPS_DIFF_DENIED] > PACKETS);
	CU_ASSERT(tally.kinds[PPS_DIFF_REBOUND] > PACKETS / 2);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_regions_of_a_difference_are_disjoint),
	UNIT_TEST(regions_agree_with_the_reference_on_random_packets),
};

int main(void)
{
	return unit_run("diff_property", tests, UNIT_COUNT(tests));
}
