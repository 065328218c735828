/* SPDX-License-Identifier: BSD-3-Clause */

/* ppsfwd(8) and ppsfw-law(7) say what the program says: the same words, in the same order. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_event.h>
#include <pps_flow.h>
#include <pps_fragment.h>
#include <pps_policy.h>
#include <pps_stats.h>

#include "page.h"
#include "unit.h"

static char *read_section(const char *name, const char *title)
{
	return page_read(name, title, "\n.Sh ");
}

/* The lines of text below the item, joined: what the page says about the word. */
static void read_item(const char *line, struct pps_str *out)
{
	const char *next;

	pps_str_clear(out);
	for (line = strchr(line, '\n'); line && line[1] && line[1] != '.'; line = next) {
		next = strchr(line + 1, '\n');
		pps_str_addf(out, "%s%.*s", out->len ? " " : "",
			next ? (int)(next - line - 1) : (int)strlen(line + 1), line + 1);
	}
}

static void every_reason_is_explained_in_the_order_of_the_law(void)
{
	char *section = read_section(LAW, "\n.Sh REASONS"), *at, *item;
	struct pps_str text = PPS_STR_INIT;
	enum pps_step step = 0;
	unsigned int i;

	if (!section)
		return;
	at = section;
	for (i = PPS_REASON_NONE + 1; i < PPS_REASON_COUNT; i++) {
		if (pps_reason_step(i) != step) {
			step = pps_reason_step(i);
			item = pps_asprintf("\nStep\n.Cm %s :\n", pps_step_word(step));
			CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(at, item));
			at = strstr(at, item);
			free(item);
		}
		item = pps_asprintf("\n.It Cm %s\n", pps_reason_word(i));
		if (!strstr(at, item))
			fprintf(stderr, "# the page lacks, or has elsewhere:%s", item);
		CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(at, item));
		at = strstr(at, item);
		read_item(at + 1, &text);
		CU_ASSERT_STRING_EQUAL(pps_str_text(&text), pps_reason_text(i));
		free(item);
	}
	pps_str_fini(&text);
	free(section);
}

static void no_reason_is_explained_that_does_not_exist(void)
{
	char *section = read_section(LAW, "\n.Sh REASONS"), *at = section;
	unsigned int n = 0;

	while (at && (at = strstr(at, "\n.It Cm "))) {
		at++;
		n++;
	}
	if (section)
		CU_ASSERT_EQUAL(n, PPS_REASON_COUNT - 1);
	free(section);
}

/* Whether the word stands in the text as a word of its own. */
static bool has_word(const char *text, const char *word)
{
	const char *at = text;

	while ((at = strstr(at, word))) {
		char before = at > text ? at[-1] : ' ', after = at[strlen(word)];

		if (!isalnum((unsigned char)before) && !isalnum((unsigned char)after) &&
			before != '_' && after != '_')
			return true;
		at++;
	}
	return false;
}

static void every_end_of_a_flow_is_named(void)
{
	static const char *const words[] = {
#define END_WORD(name, word) word,
		PPS_FLOW_ENDS(END_WORD)
#undef END_WORD
	};
	char *section = read_section(DAEMON, "\n.Sh EVENTS");
	size_t i;

	for (i = 0; section && i < UNIT_COUNT(words); i++)
		CU_ASSERT_TRUE(has_word(section, words[i]));
	free(section);
}

static void every_kind_of_event_is_named(void)
{
	static const char *const kinds[] = {
		"deny",
		"flow_start",
		"flow_end",
		"daemon_start",
		"daemon_stop",
		"policy_loaded",
		"policy_refused",
		"policy_confirmed",
		"policy_rolled_back",
		"policy_forced",
		"policy_file_differs",
		"signatures_lapsed",
		"policy_drift",
		"policy_drift_ended",
		"exception_expiring",
		"exception_expired",
		"exception_revived",
		"clock_stepped",
		"flows_killed",
		"link_up",
		"link_down",
		"worker_stalled",
		"worker_recovered",
		"flow_table_pressure",
		"flow_table_relieved",
		"half_open_pressure",
		"half_open_relieved",
		"handoff_pressure",
		"handoff_relieved",
	};
	char *section = read_section(DAEMON, "\n.Sh EVENTS");
	size_t i;

	for (i = 0; section && i < UNIT_COUNT(kinds); i++) {
		CU_ASSERT_TRUE(has_word(section, kinds[i]));
		CU_ASSERT_PTR_NOT_NULL(pps_event_severity_word(kinds[i], false));
	}
	free(section);
}

/* The page's table of severities is the program's. */
static void every_severity_is_that_of_the_table(void)
{
	char *section = read_section(DAEMON, "\n.Sh EVENTS"), *at, *item;
	unsigned int n = 0;

	if (!section)
		return;
	at = strstr(section, "\n.It Cm info Ta ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	for (at++; strncmp(at, ".It Cm ", 7) == 0 && strstr(at, " Ta ") < strchr(at, '\n');
		at = strchr(at, '\n') + 1) {
		char severity[16], *end = strchr(at, '\n'), *kind, *rest = NULL;

		sscanf(at + 7, "%15s", severity);
		item = pps_asprintf(
			"%.*s", (int)(end - strstr(at, " Ta ") - 4), strstr(at, " Ta ") + 4);
		for (kind = strtok_r(item, ", ", &rest); kind; kind = strtok_r(NULL, ", ", &rest)) {
			if (strcmp(kind, "egress") == 0) {
				CU_ASSERT_STRING_EQUAL(
					severity, pps_event_severity_word("deny", true));
				continue;
			}
			CU_ASSERT_PTR_NOT_NULL_FATAL(pps_event_severity_word(kind, false));
			CU_ASSERT_STRING_EQUAL(severity, pps_event_severity_word(kind, false));
			n++;
		}
		free(item);
	}
	CU_ASSERT_EQUAL(n, 29);
	free(section);
}

/* ---- the law ---- */

/* The check of this label says the word. */
static void check_label(const char *page, const char *label, const char *word)
{
	char *item = pps_asprintf("\n.It Cm %s\n", label), *text;
	const char *begin = strstr(page, item), *end;

	if (!begin)
		fprintf(stderr, "# there is no check %s, which %s names\n", label, word);
	CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
	end = strstr(begin + 1, "\n.It Cm ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(end);
	text = pps_asprintf("%.*s", (int)(end - begin), begin);
	if (!has_word(text, word))
		fprintf(stderr, "# check %s does not say %s\n", label, word);
	CU_ASSERT_TRUE(has_word(text, word));
	free(text);
	free(item);
}

static bool is_label(const char *word)
{
	return isupper((unsigned char)word[0]) && isdigit((unsigned char)word[1]);
}

static void every_reason_is_given_by_the_checks_that_it_names(void)
{
	char *page = page_read(LAW, "\n.Sh NAME", "\n.Sh REASONS");
	char *section = read_section(LAW, "\n.Sh REASONS"), *line, *label, *rest, *end;

	for (int i = PPS_REASON_NONE + 1; page && i < PPS_REASON_COUNT; i++) {
		const char *word = pps_reason_word((enum pps_reason)i);
		char *item = pps_asprintf("\n.It Cm %s\n", word);

		line = strstr(section, item);
		CU_ASSERT_PTR_NOT_NULL_FATAL(line);
		CU_ASSERT_TRUE(has_word(page, word));
		end = strstr(line + 1, "\n.It ");
		line = strstr(line + 1, "\n.Pq ");
		if (line && (!end || line < end)) {
			line = pps_asprintf("%.*s", (int)strcspn(line + 5, "\n"), line + 5);
			for (label = strtok_r(line, ", ", &rest); label && is_label(label);
				label = strtok_r(NULL, ", ", &rest))
				check_label(page, label, word);
			free(line);
		}
		free(item);
	}
	free(section);
	free(page);
}

static void every_timeout_has_its_default_in_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss Timeouts", "\n.Ss "), *at = section;
	unsigned int n = 0;

	for (int i = 0; section && i < PPS_TIMEOUT_COUNT; i++) {
		char *item =
			pps_asprintf("\n.It Cm %s Ta %u\n", pps_timeout_word((enum pps_timeout)i),
				pps_timeout_default((enum pps_timeout)i));

		CU_ASSERT_PTR_NOT_NULL(strstr(section, item));
		free(item);
	}
	while (at && (at = strstr(at, "\n.It Cm "))) {
		at++;
		n++;
	}
	if (section)
		CU_ASSERT_EQUAL(n, PPS_TIMEOUT_COUNT);
	free(section);
}

static void every_bound_has_its_default_in_the_law(void)
{
	static const struct {
		const char *name;
		unsigned int value;
	} bounds[] = {
		{"datagrams", PPS_FRAGMENT_DATAGRAMS},
		{"datagrams of one source", PPS_FRAGMENT_DATAGRAMS_PER_SOURCE},
		{"buffers", PPS_FRAGMENT_BUFFERS},
		{"buffers of one source", PPS_FRAGMENT_BUFFERS_PER_SOURCE},
		{"buffers of one datagram", PPS_FRAGMENT_BUFFERS_PER_DATAGRAM},
		{"fragments of one datagram", PPS_FRAGMENT_RANGES},
	};
	char *section = page_read(LAW, "\n.Ss Bounds", "\n.Sh "), *item;
	char *table = page_read(LAW, "\n.Ss Flow table", "\n.Ss ");
	unsigned int flows, max, share;

	for (size_t i = 0; section && i < UNIT_COUNT(bounds); i++) {
		item = pps_asprintf("\n.It %s Ta %u Ta", bounds[i].name, bounds[i].value);
		CU_ASSERT_PTR_NOT_NULL(strstr(section, item));
		free(item);
	}
	item = table ? strstr(table, "\n.It Cm flows Ta ") : NULL;
	if (item && sscanf(item, "\n.It Cm flows Ta %u", &flows) == 1) {
		max = pps_flow_half_open_max_default(flows);
		share = pps_flow_half_open_share_default(max);
		item = pps_asprintf("that is %u and %u.", max, share);
		CU_ASSERT_PTR_NOT_NULL(strstr(table, item));
		free(item);
	}
	free(table);
	free(section);
}

static void the_rate_of_icmp_errors_is_that_of_the_law(void)
{
	char *page = page_read(LAW, "\n.Sh ICMP ERRORS", "\n.Sh "), *says;
	unsigned int rate = 1000 / PPS_FLOW_ERROR_TICKS;

	if (!page)
		return;
	says = pps_asprintf("with %u ticks each", PPS_FLOW_ERROR_TICKS);
	CU_ASSERT_PTR_NOT_NULL(strstr(page, says));
	free(says);
	says = pps_asprintf("more than %u ticks lie ahead: %u pass at once, and then %u a\nsecond",
		PPS_FLOW_ERROR_BURST * PPS_FLOW_ERROR_TICKS, PPS_FLOW_ERROR_BURST, rate);
	CU_ASSERT_PTR_NOT_NULL(strstr(page, says));
	free(says);
	says = pps_asprintf("than %u at once and then %u a second", PPS_FLOW_ERROR_BURST, rate);
	CU_ASSERT_PTR_NOT_NULL(strstr(pps_reason_text(PPS_REASON_ICMP_ERROR_RATE), says));
	free(says);
	free(page);
}

/* ---- states ---- */

static enum pps_flow_state find_state(const char *prefix, const char *word)
{
	char *whole = pps_asprintf("%s%s", prefix, word);
	int state = 0;

	while (state < PPS_FLOW_STATE_COUNT &&
		strcmp(pps_flow_state_word((enum pps_flow_state)state), whole) != 0)
		state++;
	if (state == PPS_FLOW_STATE_COUNT)
		fprintf(stderr, "# the page has the state %s\n", whole);
	CU_ASSERT_NOT_EQUAL_FATAL(state, PPS_FLOW_STATE_COUNT);
	free(whole);
	return (enum pps_flow_state)state;
}

/* Does this packet keep a flow alive that is in the state, and stays in it? */
static bool is_refreshed(enum pps_flow_state state, uint8_t protocol, uint8_t event)
{
	struct pps_flow flow = {.state = (uint8_t)state, .seen = 1};
	struct pps_packet packet = {.family = 4, .protocol = protocol};
	struct pps_flow_cold cold = {0};

	if (protocol == PPS_IP_TCP)
		packet.tcp_flags = event;
	else
		packet.chunk_type = event;
	pps_flow_apply(&flow, &cold, &packet, PPS_SIDE_INSIDE, state, 2);
	return flow.seen == 2;
}

static void check_refresh(enum pps_flow_state state, const char *said)
{
	static const struct {
		const char *prefix, *said;
		uint8_t protocol;
		uint8_t refreshes; /* an event that does, if any does */
		uint8_t ignored[3];
	} protocols[] = {
		{"tcp", "packets without SYN and RST", PPS_IP_TCP, PPS_TCP_ACK,
			{PPS_TCP_SYN, PPS_TCP_SYN | PPS_TCP_ACK, PPS_TCP_RST | PPS_TCP_ACK}},
		{"sctp", "packets but INIT, INIT ACK and ABORT", PPS_IP_SCTP, PPS_SCTP_SACK,
			{PPS_SCTP_INIT, PPS_SCTP_INIT_ACK, PPS_SCTP_ABORT}},
		{"dccp", "packets but REQUEST, RESPONSE and RESET", PPS_IP_DCCP, PPS_DCCP_ACK,
			{PPS_DCCP_REQUEST, PPS_DCCP_RESPONSE, PPS_DCCP_RESET}},
		{"", "", PPS_IP_UDP, 0, {0, 0, 0}},
	};
	const char *word = pps_flow_state_word(state);
	unsigned int p = 0, n = 0;

	while (strncmp(word, protocols[p].prefix, strlen(protocols[p].prefix)) != 0)
		p++;
	for (unsigned int i = 0; i < 3; i++)
		n += is_refreshed(state, protocols[p].protocol, protocols[p].ignored[i]);
	if (!is_refreshed(state, protocols[p].protocol, protocols[p].refreshes)) {
		CU_ASSERT_EQUAL(n, 0);
		CU_ASSERT_STRING_EQUAL(said, "nothing");
		return;
	}
	CU_ASSERT_TRUE(n == 0 || n == 3);
	CU_ASSERT_STRING_EQUAL(said, n == 0 ? protocols[p].said : "every packet");
}

static void every_state_has_its_timeout_in_the_law(void)
{
	char *section = page_read(LAW, "\n.Ss States", "\n.Ss "), *at = section;
	unsigned int n = 0;

	while (at && (at = strstr(at, "\n.It Cm "))) {
		char state_word[32], timeout[32], said[64];
		enum pps_flow_state state;

		at++;
		n++;
		CU_ASSERT_EQUAL_FATAL(
			sscanf(at, ".It Cm %31s Ta Cm %31s Ta %63[^\n]", state_word, timeout, said),
			3);
		state = find_state("", state_word);
		CU_ASSERT_STRING_EQUAL(timeout, pps_timeout_word(pps_flow_state_timeout(state)));
		check_refresh(state, said);
	}
	if (section)
		CU_ASSERT_EQUAL(n, PPS_FLOW_STATE_COUNT - 1); /* all but free */
	free(section);
}

/* ---- transitions ---- */

#define EVENTS_MAX 10
#define PHASES_MAX 9

/* A machine of the page: rows of phases, or of states when it has none, and columns of events. */
struct machine {
	const char *title;
	const char *prefix;
	struct {
		const char *word, *state;
	} phases[PHASES_MAX];
	uint8_t events[EVENTS_MAX];
	unsigned int n_phases, n_events, n_rows;
	uint8_t protocol;
	uint8_t reason;
};

#define DATA_EVENT 3 /* the column of TCP that has a payload */

/* Verification tags of associations, by side; and one that no side has. */
static const uint32_t tags[2] = {5, 6};
#define WRONG_TAG 7

static const struct machine tcp = {
	.title = "\n.Ss TCP\n",
	.prefix = "tcp_",
	.events = {PPS_TCP_SYN, PPS_TCP_SYN | PPS_TCP_ACK, PPS_TCP_ACK, PPS_TCP_ACK,
		PPS_TCP_FIN | PPS_TCP_ACK, PPS_TCP_RST, PPS_TCP_RST | PPS_TCP_ACK},
	.n_events = 7,
	.n_rows = 18,
	.protocol = PPS_IP_TCP,
	.reason = PPS_REASON_FLOW_STATE_TCP,
};

static const struct machine sctp = {
	.title = "\n.Ss SCTP\n",
	.prefix = "sctp_",
	.phases = {{"init", "init"}, {"answered", "init"}, {"echoed", "init"}, {"crossed", "init"},
		{"crossed2", "init"}, {"open", "established"}, {"shutdown", "closing"},
		{"done", "closing"}, {"aborted", "closing"}},
	.events = {1, 2, 10, 11, 0, 9, 6, 7, 8, 14},
	.n_phases = 9,
	.n_events = 10,
	.n_rows = 18,
	.protocol = PPS_IP_SCTP,
	.reason = PPS_REASON_FLOW_STATE_SCTP,
};

static const struct machine dccp = {
	.title = "\n.Ss DCCP\n",
	.prefix = "dccp_",
	.phases = {{"request", "request"}, {"responded", "request"}, {"open", "open"},
		{"closing", "closing"}, {"reset", "closing"}},
	.events = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	.n_phases = 5,
	.n_events = 10,
	.n_rows = 10,
	.protocol = PPS_IP_DCCP,
	.reason = PPS_REASON_FLOW_STATE_DCCP,
};

/* Puts the flow into what the page calls so. */
static void set_phase(const struct machine *machine, const char *word, struct pps_flow *flow)
{
	const struct pps_tcp_side unheard = {.max_end = 1u << 30, .max_win = 1u << 30};
	unsigned int i = 0;

	*flow = (struct pps_flow){.initiator = PPS_SIDE_INSIDE};
	if (machine->n_phases == 0) {
		flow->state = (uint8_t)find_state(machine->prefix, word);
		if (flow->state == PPS_FLOW_TCP_PICKED_UP)
			flow->tcp[0] = flow->tcp[1] = unheard;
		return;
	}
	while (i < machine->n_phases && strcmp(machine->phases[i].word, word) != 0)
		i++;
	CU_ASSERT_NOT_EQUAL_FATAL(i, machine->n_phases);
	flow->scale = (uint8_t)i;
	flow->state = (uint8_t)find_state(machine->prefix, machine->phases[i].state);
	if (machine->protocol == PPS_IP_SCTP)
		memcpy(flow->sctp.tag, tags, sizeof(tags));
}

/* A packet of one chunk with the right tag: that of its receiver, but for INIT, and for SHUTDOWN
 * COMPLETE with the T bit. */
static void make_sctp(struct pps_packet *packet, uint8_t type, enum pps_side side)
{
	packet->chunk_type = type;
	packet->sctp_tag = type == PPS_SCTP_INIT ? 0 : tags[!side];
	if (type == PPS_SCTP_INIT || type == PPS_SCTP_INIT_ACK)
		packet->sctp_init_tag = tags[side];
	if (type == PPS_SCTP_SHUTDOWN_COMPLETE) {
		packet->chunk_flags = PPS_SCTP_T;
		packet->sctp_tag = tags[side];
	}
}

/* What passes with the right tag does not with another, but for the end of an old association in
 * the first phase. */
static void check_tag(
	const struct pps_flow *flow, const struct pps_packet *right, enum pps_side side)
{
	bool old = flow->scale == 0 &&
		(right->chunk_type == PPS_SCTP_SHUTDOWN_ACK ||
			right->chunk_type == PPS_SCTP_SHUTDOWN_COMPLETE);
	struct pps_packet packet = *right;
	struct pps_flow_cold cold = {0};
	enum pps_flow_state state;
	bool restart;

	packet.sctp_tag = WRONG_TAG;
	CU_ASSERT_EQUAL(pps_flow_step(flow, &cold, &packet, side, &state, &restart),
		old ? PPS_REASON_NONE : PPS_REASON_SCTP_TAG);
}

static void check_move(const struct machine *machine, const struct pps_flow *before,
	enum pps_side side, unsigned int event, const char *cell)
{
	struct pps_flow flow = *before, expected = *before;
	struct pps_packet packet = {.family = 4, .protocol = machine->protocol};
	struct pps_flow_cold cold = {0};
	enum pps_flow_state state;
	enum pps_reason reason;
	struct pps_tcp_numbers numbers;
	bool restart;

	packet.tcp_flags = machine->protocol == PPS_IP_TCP ? machine->events[event] : 0;
	packet.chunk_type = machine->protocol == PPS_IP_TCP ? 0 : machine->events[event];
	packet.payload_len = machine->protocol == PPS_IP_TCP && event == DATA_EVENT;
	if (machine->protocol == PPS_IP_TCP) {
		pps_flow_tcp_fit(&flow, side, packet.tcp_flags, &numbers);
		packet.tcp_seq = numbers.seq;
		packet.tcp_ack = numbers.ack;
	}
	if (machine->protocol == PPS_IP_SCTP)
		make_sctp(&packet, machine->events[event], side);
	reason = pps_flow_step(&flow, &cold, &packet, side, &state, &restart);
	if (strcmp(cell, "-") == 0) {
		CU_ASSERT_EQUAL(reason, machine->reason);
		return;
	}
	CU_ASSERT_EQUAL(reason, PPS_REASON_NONE);
	if (machine->protocol == PPS_IP_SCTP)
		check_tag(&flow, &packet, side);
	CU_ASSERT_EQUAL(restart, strcmp(cell, "new") == 0);
	if (restart)
		return;
	if (strcmp(cell, "=") != 0)
		set_phase(machine, cell, &expected);
	pps_flow_apply(&flow, &cold, &packet, side, state, 1);
	CU_ASSERT_EQUAL(flow.state, expected.state);
	if (machine->n_phases > 0)
		CU_ASSERT_EQUAL(flow.scale, expected.scale);
}

static void check_row(const struct machine *machine, char *row)
{
	char *rest, *cell = strtok_r(row, " ", &rest);
	struct pps_flow flow;
	enum pps_side side;
	unsigned int n = 0;

	set_phase(machine, cell, &flow);
	strtok_r(NULL, " ", &rest); /* Ta */
	side = strcmp(strtok_r(NULL, " ", &rest), "I") == 0 ? PPS_SIDE_INSIDE : PPS_SIDE_OUTSIDE;
	while ((cell = strtok_r(NULL, " ", &rest))) {
		if (strcmp(cell, "Ta") == 0)
			continue;
		CU_ASSERT_TRUE_FATAL(n < machine->n_events);
		check_move(machine, &flow, side, n++, cell);
	}
	CU_ASSERT_EQUAL(n, machine->n_events);
}

static void check_machine(const struct machine *machine)
{
	char *section = page_read(LAW, machine->title, "\n.Ss "), *at = section;
	unsigned int n = 0;

	while (at && (at = strstr(at, "\n.It "))) {
		char *row = pps_asprintf("%.*s", (int)strcspn(at + 5, "\n"), at + 5);

		at++;
		if (strstr(row, " Ta I Ta ") || strstr(row, " Ta R Ta ")) {
			check_row(machine, row);
			n++;
		}
		free(row);
	}
	if (section)
		CU_ASSERT_EQUAL(n, machine->n_rows);
	free(section);
}

static void the_transitions_of_tcp_are_those_of_the_law(void)
{
	check_machine(&tcp);
}

static void the_transitions_of_sctp_are_those_of_the_law(void)
{
	check_machine(&sctp);
}

static void the_transitions_of_dccp_are_those_of_the_law(void)
{
	check_machine(&dccp);
}

/* Traffic is what passes in an open association, and not while one begins. */
static void the_chunks_of_sctp_traffic_are_those_of_the_law(void)
{
	char *section = page_read(LAW, sctp.title, "\n.Ss "), *row, *number, *rest;
	struct pps_flow open, crossed;
	bool listed[256] = {false};

	if (!section)
		return;
	row = strstr(section, "\n.It TRAF Ta ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	row = pps_asprintf("%.*s", (int)strcspn(row + 13, "\n"), row + 13);
	for (number = strtok_r(row, ", ", &rest); number; number = strtok_r(NULL, ", ", &rest))
		listed[strtoul(number, NULL, 10) % 256] = true;
	set_phase(&sctp, "open", &open);
	set_phase(&sctp, "crossed2", &crossed);
	for (unsigned int type = 0; type < 256; type++) {
		struct pps_packet packet = {.family = 4, .protocol = PPS_IP_SCTP};
		struct pps_flow_cold cold = {0};
		enum pps_flow_state to, ignored;
		bool restart, passes, begins;

		make_sctp(&packet, (uint8_t)type, PPS_SIDE_INSIDE);
		passes = pps_flow_step(&open, &cold, &packet, PPS_SIDE_INSIDE, &to, &restart) ==
			PPS_REASON_NONE;
		begins = pps_flow_step(&crossed, &cold, &packet, PPS_SIDE_INSIDE, &ignored,
				 &restart) == PPS_REASON_NONE;
		CU_ASSERT_EQUAL(passes && !begins && to == PPS_FLOW_SCTP_ESTABLISHED, listed[type]);
	}
	free(row);
	free(section);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_reason_is_explained_in_the_order_of_the_law),
	UNIT_TEST(no_reason_is_explained_that_does_not_exist),
	UNIT_TEST(every_end_of_a_flow_is_named),
	UNIT_TEST(every_kind_of_event_is_named),
	UNIT_TEST(every_severity_is_that_of_the_table),
	UNIT_TEST(every_reason_is_given_by_the_checks_that_it_names),
	UNIT_TEST(every_timeout_has_its_default_in_the_law),
	UNIT_TEST(every_bound_has_its_default_in_the_law),
	UNIT_TEST(the_rate_of_icmp_errors_is_that_of_the_law),
	UNIT_TEST(every_state_has_its_timeout_in_the_law),
	UNIT_TEST(the_transitions_of_tcp_are_those_of_the_law),
	UNIT_TEST(the_transitions_of_sctp_are_those_of_the_law),
	UNIT_TEST(the_transitions_of_dccp_are_those_of_the_law),
	UNIT_TEST(the_chunks_of_sctp_traffic_are_those_of_the_law),
};

int main(void)
{
	return unit_run("manual", tests, UNIT_COUNT(tests));
}
