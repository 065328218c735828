/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Judges a trace and says what became of each frame.
 *
 *     judge FLOWS HALF-OPEN-MAX PER-SOURCE LOOSE-SECONDS SEED WORKERS < TRACE
 *
 * A trace is a row of records: struct record in the machine's byte order, then 'len' bytes. Time
 * is in milliseconds and does not go back.
 *
 *     'P'   a policy, in force from here on
 *     'F'   a frame
 *     'S'   a whole round of the sweep
 *
 * With SEED 0 every frame is a burst, in as few mbufs as it fits in. With another one frames that
 * come in on one side at one time are put into bursts as SEED has it, and each frame that is not
 * 'whole' into mbufs of as many bytes as SEED has it: no verdict depends on either. Of several
 * workers, each with a table of FLOWS, a frame's owner judges it.
 *
 * One line for each frame, in their order: "pass" or the reason, and behind "pass" and the reasons
 * of step 8 the rule that decided, if one did; one for each sweep, "swept".
 * Behind each burst or sweep:
 *
 *     +A B   frame A had been held, and is released behind frame B
 *     -A     frame A had been held, and is dropped
 *     =R N   N of those were dropped by reason R
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include <pps_steer.h>

#include "lab.h"

#define HELD_MAX (PPS_FRAGMENT_BUFFERS + PPS_BURST_MAX) /* a burst holds before it drops */

struct record {
	uint8_t kind;
	uint8_t inbound;
	uint8_t segment;
	uint8_t whole;
	uint32_t len;
	uint64_t time_ms;
};
_Static_assert(sizeof(struct record) == 16, "law.py writes it");

struct held {
	struct rte_mbuf *frame;
	unsigned int number;
};

struct judge {
	struct lab lab;
	struct pps_event_log *log;
	uint64_t random; /* 0: every frame by itself */
	uint64_t drops[PPS_REASON_COUNT]; /* counted so far */
	unsigned int n_frames;
	unsigned int n_held;
	struct held held[HELD_MAX];

	/* The burst that is being gathered. */
	struct record first;
	unsigned int n, max;
	struct rte_mbuf *frames[PPS_BURST_MAX];
};

static void bail(const char *what)
{
	fprintf(stderr, "judge: %s\n", what);
	exit(2);
}

static unsigned int draw(struct judge *judge, unsigned int below)
{
	judge->random ^= judge->random << 13;
	judge->random ^= judge->random >> 7;
	judge->random ^= judge->random << 17;
	return (unsigned int)((judge->random >> 11) % below);
}

/* The record at *at, and its bytes behind it; moves *at on. False at the end. */
static bool next_record(
	const uint8_t **at, const uint8_t *end, struct record *ret, const uint8_t **ret_bytes)
{
	if (*at == end)
		return false;
	if ((size_t)(end - *at) < sizeof(*ret))
		bail("the trace ends inside a record");
	memcpy(ret, *at, sizeof(*ret));
	*ret_bytes = *at + sizeof(*ret);
	if ((size_t)(end - *ret_bytes) < ret->len)
		bail("the trace ends inside a frame");
	*at = *ret_bytes + ret->len;
	return true;
}

/* Says which frames are held no more, and why those that are dropped are. */
static void say_held(struct judge *judge)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < judge->n_held; i++) {
		struct held *held = &judge->held[i];

		if (rte_mbuf_refcnt_read(held->frame) > 1) {
			judge->held[kept++] = *held;
			continue;
		}
		printf("-%u\n", held->number);
		rte_pktmbuf_free(held->frame);
	}
	judge->n_held = kept;
	for (unsigned int reason = 0; reason < PPS_REASON_COUNT; reason++) {
		uint64_t counted = judge->lab.stats->drops[reason];

		if (counted != judge->drops[reason])
			printf("=%s %u\n", pps_reason_word((enum pps_reason)reason),
				(unsigned int)(counted - judge->drops[reason]));
		judge->drops[reason] = counted;
	}
}

static void say_release(
	struct judge *judge, const struct pps_release *release, unsigned int first_number)
{
	unsigned int i = 0;

	while (i < judge->n_held && judge->held[i].frame != release->frame)
		i++;
	if (i == judge->n_held)
		bail("a frame was released that was not held");
	printf("+%u %u\n", judge->held[i].number, first_number + release->behind);
	judge->n_held--;
	memmove(&judge->held[i], &judge->held[i + 1], (judge->n_held - i) * sizeof(judge->held[0]));
	rte_pktmbuf_free(release->frame);
	rte_pktmbuf_free(release->frame); /* the reference of hold() */
}

/* The filter frees what it drops: another reference tells that it did. */
static void hold(struct judge *judge, struct rte_mbuf *frame, unsigned int number)
{
	if (judge->n_held == HELD_MAX)
		bail("more frames are held than there are buffers");
	judge->held[judge->n_held++] = (struct held){frame, number};
}

static void say_verdict(struct judge *judge, const struct pps_verdict *verdict)
{
	bool by_rule = verdict->reason == PPS_REASON_NONE || verdict->step == PPS_STEP_CLASSIFY;
	const char *word = verdict->reason == PPS_REASON_NONE
		? "pass"
		: pps_reason_word((enum pps_reason)verdict->reason);

	if (by_rule && verdict->rule != 0)
		printf("%s %s\n", word, pps_rule_book_id(judge->lab.book, verdict->rule));
	else
		puts(word);
}

/* The next 'n' frames of the burst, which one worker owns. */
static void judge_run(
	struct judge *judge, struct pps_filter *filter, struct rte_mbuf **frames, unsigned int n)
{
	const struct pps_ingress ingress = {
		.port = judge->first.inbound ? 1 : 0,
		.segment = judge->first.segment,
		.side = judge->first.inbound ? PPS_SIDE_OUTSIDE : PPS_SIDE_INSIDE,
	};
	const struct pps_clock now = lab_clock(judge->first.time_ms);
	const unsigned int first_number = judge->n_frames;
	const struct pps_release *releases;
	struct pps_verdict verdicts[PPS_BURST_MAX];
	unsigned int n_released;

	for (unsigned int i = 0; i < n; i++)
		rte_pktmbuf_refcnt_update(frames[i], 1);
	pps_filter_burst(filter, judge->lab.ruleset, &ingress, &now, frames, n, verdicts);
	judge->n_frames += n;
	n_released = pps_filter_released(filter, &releases);
	for (unsigned int i = 0; i < n; i++) {
		enum pps_reason reason = verdicts[i].reason;

		say_verdict(judge, &verdicts[i]);
		if (reason == PPS_REASON_HELD) {
			hold(judge, frames[i], first_number + i);
			continue;
		}
		if (reason != PPS_REASON_NONE)
			judge->drops[reason]++;
		rte_pktmbuf_free(frames[i]);
		rte_pktmbuf_free(frames[i]);
	}
	for (unsigned int i = 0; i < n_released; i++)
		say_release(judge, &releases[i], first_number);
}

static void judge_burst(struct judge *judge)
{
	uint8_t owners[PPS_BURST_MAX];

	if (judge->n == 0)
		return;
	pps_steer_burst(judge->lab.steer, judge->frames, judge->n, owners);
	for (unsigned int begin = 0, end; begin < judge->n; begin = end) {
		uint8_t owner = owners[begin] == PPS_STEER_NOBODY ? 0 : owners[begin];

		for (end = begin + 1; end < judge->n && owners[end] == owners[begin]; end++)
			;
		judge_run(judge, judge->lab.workers[owner].filter, judge->frames + begin,
			end - begin);
	}
	say_held(judge);
	judge->n = 0;
}

static void sweep(struct judge *judge, uint64_t time_ms)
{
	const struct pps_clock now = lab_clock(time_ms);
	bool whole;

	for (unsigned int w = 0; w < judge->lab.n_workers; w++) {
		do {
			pps_event_log_drain(judge->log, judge->lab.events, UINT32_MAX);
			whole = pps_filter_age(judge->lab.workers[w].filter, judge->lab.ruleset,
				&now, PPS_BURST_MAX);
		} while (!whole);
	}
	puts("swept");
	say_held(judge);
}

static void load(struct judge *judge, const uint8_t *bytes, const struct record *record)
{
	char *text = strndup((const char *)bytes, record->len);

	if (text == NULL)
		bail("no memory");
	lab_load(&judge->lab, text, record->time_ms);
	free(text);
}

static void gather(struct judge *judge, const uint8_t *bytes, const struct record *record)
{
	uint32_t segment = 0;

	if (judge->n > 0 &&
		(judge->n == judge->max || record->time_ms != judge->first.time_ms ||
			record->inbound != judge->first.inbound ||
			record->segment != judge->first.segment))
		judge_burst(judge);
	if (judge->n == 0) {
		judge->first = *record;
		judge->max = judge->random == 0 ? 1 : 1 + draw(judge, PPS_BURST_MAX);
	}
	if (judge->random != 0 && !record->whole && draw(judge, 4) == 0)
		segment = record->len / 4 + 1 + draw(judge, 64);
	judge->frames[judge->n++] = lab_frame(&judge->lab, bytes, record->len, segment);
}

static void judge_trace(struct judge *judge, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *bytes;
	struct record record;

	while (next_record(&at, end, &record, &bytes)) {
		if (record.kind == 'F') {
			gather(judge, bytes, &record);
			continue;
		}
		judge_burst(judge);
		if (record.kind == 'P')
			load(judge, bytes, &record);
		else if (record.kind == 'S')
			sweep(judge, record.time_ms);
		else
			bail("a record of unknown kind");
	}
	judge_burst(judge);
}

static uint8_t *read_all(size_t *ret_len)
{
	size_t len = 0, room = 1u << 20;
	uint8_t *bytes = NULL;
	size_t n;

	do {
		uint8_t *more;

		room *= 2;
		more = realloc(bytes, room);
		if (more == NULL)
			bail("no memory");
		bytes = more;
		n = fread(bytes + len, 1, room - len, stdin);
		len += n;
	} while (len == room);
	*ret_len = len;
	return bytes;
}

static unsigned int number(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	static struct judge judge;
	struct pps_errors errors = {0};
	size_t len;
	uint8_t *trace;

	if (argc != 7)
		bail("usage: judge FLOWS HALF-OPEN-MAX PER-SOURCE LOOSE-SECONDS SEED WORKERS < "
		     "TRACE");
	trace = read_all(&len);
	lab_init_params(&judge.lab,
		&(struct lab_params){
			.flows = number(argv[1]),
			.half_open_max = number(argv[2]),
			.half_open_per_source = number(argv[3]),
			.tcp_loose_seconds = number(argv[4]),
			.n_workers = number(argv[6]),
		});
	judge.random = number(argv[5]);
	judge.log = pps_event_log_create(
		&(struct pps_event_log_params){.book = judge.lab.book}, &errors);
	if (judge.log == NULL)
		bail("no event log");
	judge_trace(&judge, trace, trace + len);
	for (unsigned int i = 0; i < judge.n_held; i++)
		rte_pktmbuf_free(judge.held[i].frame);
	free(trace);
	pps_event_log_destroy(judge.log);
	if (!lab_fini(&judge.lab))
		bail("frames were lost");
	return 0;
}
