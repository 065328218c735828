/* SPDX-License-Identifier: BSD-3-Clause */

/* Plays scenario files (scenario.h) through the whole filter. TAP, one line per scenario. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "frame.h"
#include "lab.h"
#include "scenario.h"

struct player {
	const struct scenario_file *file;
	const struct scenario *scenario;
	struct lab lab;
	unsigned int n_workers;
	bool in_bursts;
	unsigned int n_wrong;
	char wrong[4096]; /* diagnostics, printed behind the result */
	size_t wrong_len;
	uint8_t frame[FRAME_MAX];
};

static void complain(struct player *player, const struct step *step, const char *what,
	const char *wanted, const char *got)
{
	size_t room = sizeof(player->wrong) - player->wrong_len;
	int n = snprintf(player->wrong + player->wrong_len, room,
		"# line %u%s: %s: wanted %s, got %s\n", step->line,
		player->in_bursts ? " (in bursts)" : "", what, wanted, got);

	player->n_wrong++;
	if (n > 0 && (size_t)n < room)
		player->wrong_len += (size_t)n;
}

static const char *outcome(const struct pps_verdict *verdict)
{
	return verdict->reason == PPS_REASON_NONE ? "pass" : pps_reason_word(verdict->reason);
}

static void check(struct player *player, const struct step *step, const struct pps_verdict *verdict,
	const char *who)
{
	const char *state = pps_flow_state_word(verdict->state);

	if (strcmp(outcome(verdict), step->reason) != 0)
		complain(player, step, who, step->reason, outcome(verdict));
	else if (step->state != NULL && strcmp(state, step->state) != 0)
		complain(player, step, who, step->state, state);
}

/* Whatever the entries of live flows hold, in one number. */
static uint64_t sum_of_flows(struct pps_flow_table *flows)
{
	uint32_t cursor = 0, handles[PPS_BURST_MAX];
	uint64_t sum = 0;

	do {
		unsigned int n = pps_flow_walk(flows, &cursor, PPS_BURST_MAX, handles);

		for (unsigned int i = 0; i < n; i++) {
			const uint8_t *hot = (const uint8_t *)pps_flow_at(flows, handles[i]);
			const uint8_t *cold = (const uint8_t *)pps_flow_cold_at(flows, handles[i]);

			for (size_t k = 0; k < sizeof(struct pps_flow); k++)
				sum = sum * 31 + hot[k];
			for (size_t k = 0; k < sizeof(struct pps_flow_cold); k++)
				sum = sum * 31 + cold[k];
		}
	} while (cursor != 0);
	return sum;
}

/* explain must foresee the verdict, and change nothing. */
static void foresee(struct player *player, const struct step *step, uint32_t len)
{
	const struct pps_ingress ingress = {
		.port = step->inbound ? 1 : 0,
		.side = step->inbound ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE,
	};
	const struct pps_clock now = lab_clock(step->time_ms);
	struct lab_worker *owner = lab_owner(&player->lab, player->frame, len);
	uint64_t changes = pps_flow_changes(owner->flows);
	uint64_t sum = sum_of_flows(owner->flows);
	struct pps_verdict verdict;
	struct pps_packet packet;

	pps_filter_explain(owner->filter, player->lab.ruleset, &ingress, &now, player->frame, len,
		len, &packet, &verdict);
	if (strcmp(outcome(&verdict), step->reason) != 0)
		complain(player, step, "explain", step->reason, outcome(&verdict));
	if (pps_flow_changes(owner->flows) != changes)
		complain(player, step, "explain", "nothing changed", "a changed flow table");
	if (sum_of_flows(owner->flows) != sum)
		complain(player, step, "explain", "nothing changed", "a changed flow");
}

/* Sends steps[0..n), which are frames of one side and time. */
static void send_frames(struct player *player, const struct step *steps, size_t n)
{
	struct pps_verdict verdicts[PPS_BURST_MAX];
	struct rte_mbuf *frames[PPS_BURST_MAX];

	for (size_t i = 0; i < n; i++) {
		uint32_t len = frame_make(steps[i].frame, player->frame);

		if (!player->in_bursts)
			foresee(player, &steps[i], len);
		frames[i] = lab_frame(&player->lab, player->frame, len, 0);
	}
	lab_burst(&player->lab, steps[0].inbound, steps[0].time_ms, frames, (unsigned int)n,
		verdicts);
	for (size_t i = 0; i < n; i++)
		check(player, &steps[i], &verdicts[i], "frame");
}

static bool same_burst(const struct step *a, const struct step *b)
{
	return b->kind == STEP_FRAME && a->inbound == b->inbound && a->time_ms == b->time_ms;
}

static void count(struct player *player, const struct step *step, const char *what, uint64_t n)
{
	char wanted[16], got[24];

	if (n == step->n)
		return;
	snprintf(wanted, sizeof(wanted), "%u", step->n);
	snprintf(got, sizeof(got), "%" PRIu64, n);
	complain(player, step, what, wanted, got);
}

/* A step that only looks. */
static void look(struct player *player, const struct step *step)
{
	const struct pps_flow_table *flows = player->lab.flows;
	uint64_t n_flows = 0, n_half_open = 0;

	for (unsigned int i = 0; i < player->lab.n_workers; i++) {
		n_flows += pps_flow_count(player->lab.workers[i].flows);
		n_half_open += pps_flow_count_half_open(player->lab.workers[i].flows);
	}
	if (step->kind == STEP_FLOWS)
		count(player, step, "flows", n_flows);
	else if (step->kind == STEP_HALF_OPEN)
		count(player, step, "half-open", n_half_open);
	else if (step->kind == STEP_PICKED_UP)
		count(player, step, "picked up", player->lab.stats->flows_picked_up);
	else if (step->kind == STEP_RELEASED)
		count(player, step, "released", player->lab.n_released);
	else if (step->kind == STEP_DROPS)
		count(player, step, step->reason,
			player->lab.stats->drops[pps_reason_find(step->reason)]);
	else
		count(player, step, step->rule,
			pps_flow_count_rule(
				flows, pps_rule_book_find(player->lab.book, step->rule)));
}

static void play(struct player *player)
{
	const struct scenario *scenario = player->scenario;
	struct lab_params params = scenario->lab;
	size_t i = 0;

	params.n_workers = player->n_workers;
	lab_init_params(&player->lab, &params);
	lab_load(&player->lab, player->file->policies[scenario->policy].json, 0);
	while (i < scenario->n_steps) {
		const struct step *step = &scenario->steps[i];
		size_t n = 1;

		switch (step->kind) {
		case STEP_FRAME:
			while (player->in_bursts && i + n < scenario->n_steps &&
				n < PPS_BURST_MAX && same_burst(step, &step[n]))
				n++;
			send_frames(player, step, n);
			break;
		case STEP_LOAD:
			lab_load(&player->lab, player->file->policies[step->policy].json,
				step->time_ms);
			break;
		case STEP_SWEEP:
			lab_sweep(&player->lab, step->time_ms);
			break;
		case STEP_FLOWS:
		case STEP_HALF_OPEN:
		case STEP_LIVE:
		case STEP_PICKED_UP:
		case STEP_DROPS:
			look(player, step);
			break;
		case STEP_RELEASED:
			look(player, step);
			player->lab.n_released = 0;
			break;
		}
		i += n;
	}
	if (!lab_fini(&player->lab))
		complain(player, &scenario->steps[0], "mbufs", "all back", "some lost");
}

int main(int argc, char **argv)
{
	const char *only = getenv("UNIT_ONLY");
	struct player *player = calloc(1, sizeof(*player));
	const char *workers = getenv("PPSFW_WORKERS");
	unsigned int n = 0, n_failed = 0;

	if (player != NULL)
		player->n_workers = workers == NULL ? 1 : (unsigned int)atoi(workers);
	for (int a = 1; player != NULL && a < argc; a++) {
		struct scenario_file file;

		scenario_file_read(argv[a], &file);
		for (size_t i = 0; i < file.n_scenarios; i++) {
			struct scenario *scenario = &file.scenarios[i];

			if (only != NULL && strstr(scenario->sentence, only) == NULL)
				continue;
			if (player->n_workers > 1 && scenario->is_sized) {
				printf("ok %u - %s # SKIP each worker has a part of it\n", ++n,
					scenario->sentence);
				continue;
			}
			player->file = &file;
			player->scenario = scenario;
			player->n_wrong = 0;
			player->wrong_len = 0;
			player->wrong[0] = '\0';
			player->in_bursts = false;
			play(player);
			player->in_bursts = true;
			play(player);
			printf("%sok %u - %s\n%s", player->n_wrong == 0 ? "" : "not ", ++n,
				scenario->sentence, player->wrong);
			fflush(stdout);
			n_failed += player->n_wrong > 0;
		}
		scenario_file_free(&file);
	}
	printf("1..%u\n", n);
	free(player);
	return n > 0 && n_failed == 0 ? 0 : 1;
}
