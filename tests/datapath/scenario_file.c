/* SPDX-License-Identifier: BSD-3-Clause */
#include "scenario.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_base.h>
#include <pps_stats.h>

#define LETS_MAX      256
#define FLOWS_DEFAULT 512

struct let {
	char name[NAME_MAX_LEN];
	char *text;
};

struct reader {
	const char *path;
	FILE *file;
	unsigned int line;
	struct scenario_file *out;
	struct let lets[LETS_MAX];
	size_t n_lets;
	uint64_t time_ms;
	unsigned int repeat; /* how often the next frame comes; 0 is once */
};

static void complain(const struct reader *reader, const char *what, const char *text)
{
	printf("Bail out! %s:%u: %s: %s\n", reader->path, reader->line, what, text);
	exit(99);
}

/* The next line without comment and surrounding space, in the caller's buffer; NULL at the end. */
static char *next_line(struct reader *reader, char *buffer, size_t size)
{
	char *text, *end;

	if (fgets(buffer, (int)size, reader->file) == NULL)
		return NULL;
	reader->line++;
	text = buffer + strspn(buffer, " \t");
	end = strchr(text, '#');
	if (end == NULL)
		end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* Cuts the first word off *text and returns it; "" at the end. */
static char *cut_word(char **text)
{
	char *word = *text + strspn(*text, " \t");
	size_t len = strcspn(word, " \t");

	*text = word + len;
	if (**text != '\0')
		*(*text)++ = '\0';
	*text += strspn(*text, " \t");
	return word;
}

static int braces(const char *text)
{
	int open = 0;

	for (; *text != '\0'; text++)
		open += *text == '{' ? 1 : *text == '}' ? -1 : 0;
	return open;
}

static void read_policy(struct reader *reader, char *text)
{
	struct scenario_file *out = reader->out;
	struct scenario_policy *policy;
	struct pps_str json = PPS_STR_INIT;
	const char *name = cut_word(&text);
	char buffer[2048];
	int open = braces(text);

	pps_str_add(&json, text);
	while (open > 0) {
		char *line = next_line(reader, buffer, sizeof(buffer));

		if (line == NULL)
			complain(reader, "the braces of a policy do not close", name);
		pps_str_add(&json, line);
		open += braces(line);
	}
	out->policies = pps_realloc(out->policies, (out->n_policies + 1) * sizeof(*out->policies));
	policy = &out->policies[out->n_policies++];
	snprintf(policy->name, sizeof(policy->name), "%s", name);
	policy->json = pps_str_take(&json);
}

static size_t find_policy(const struct reader *reader, const char *name)
{
	for (size_t i = 0; i < reader->out->n_policies; i++) {
		if (strcmp(reader->out->policies[i].name, name) == 0)
			return i;
	}
	complain(reader, "no such policy", name);
	return 0;
}

/* Puts what "let" named in the place of $name, once more inside what was put in. */
static char *expand(const struct reader *reader, const char *text, unsigned int depth)
{
	struct pps_str out = PPS_STR_INIT;

	if (depth > 8)
		complain(reader, "let in circles", text);
	while (*text != '\0') {
		const struct let *found = NULL;
		size_t len = strcspn(text, "$");
		char *inner;

		pps_str_add_bytes(&out, text, len);
		text += len;
		if (*text == '\0')
			break;
		len = strspn(text + 1, "abcdefghijklmnopqrstuvwxyz0123456789-_");
		for (size_t i = 0; i < reader->n_lets; i++) {
			if (strlen(reader->lets[i].name) == len &&
				strncmp(reader->lets[i].name, text + 1, len) == 0)
				found = &reader->lets[i];
		}
		if (found == NULL)
			complain(reader, "no such let", text);
		inner = expand(reader, found->text, depth + 1);
		pps_str_add(&out, inner);
		free(inner);
		text += 1 + len;
	}
	return pps_str_take(&out);
}

static void read_let(struct reader *reader, char *text)
{
	struct let *let = &reader->lets[reader->n_lets];
	const char *name = cut_word(&text);

	if (reader->n_lets == LETS_MAX || strcmp(cut_word(&text), "=") != 0)
		complain(reader, "let NAME = TEXT", name);
	snprintf(let->name, sizeof(let->name), "%s", name);
	let->text = pps_strdup(text);
	reader->n_lets++;
}

static struct scenario *current(struct reader *reader)
{
	if (reader->out->n_scenarios == 0)
		complain(reader, "a step before the first scenario", "");
	return &reader->out->scenarios[reader->out->n_scenarios - 1];
}

static void begin_scenario(struct reader *reader, const char *sentence)
{
	struct scenario_file *out = reader->out;

	out->scenarios =
		pps_realloc(out->scenarios, (out->n_scenarios + 1) * sizeof(*out->scenarios));
	out->scenarios[out->n_scenarios] = (struct scenario){
		.sentence = pps_strdup(sentence),
		.policy = SIZE_MAX,
		.lab = {.flows = FLOWS_DEFAULT},
	};
	out->n_scenarios++;
	reader->time_ms = 0;
}

static struct step *add_step(struct reader *reader, enum step_kind kind)
{
	struct scenario *scenario = current(reader);
	struct step *step = &scenario->steps[scenario->n_steps];

	if (scenario->n_steps == STEPS_MAX)
		complain(reader, "too many steps", scenario->sentence);
	scenario->n_steps++;
	step->kind = kind;
	step->line = reader->line;
	step->time_ms = reader->time_ms;
	return step;
}

/* Puts the frame's number in the place of @ and @@. */
static char *number_frame(const char *text, unsigned int n)
{
	struct pps_str out = PPS_STR_INIT;

	for (; *text != '\0'; text++) {
		if (text[0] == '@' && text[1] == '@')
			pps_str_addf(&out, "%u", n + 1025);
		else if (text[0] == '@')
			pps_str_addf(&out, "%u", n + 1);
		else
			pps_str_addf(&out, "%c", text[0]);
		text += text[0] == '@' && text[1] == '@';
	}
	return pps_str_take(&out);
}

static void read_frame(struct reader *reader, const char *side, char *text)
{
	unsigned int n = reader->repeat == 0 ? 1 : reader->repeat;
	char *arrow = strstr(text, "=>");
	const char *reason, *state;
	char *outcome, *frame;

	if (strcmp(side, "in") != 0 && strcmp(side, "out") != 0)
		complain(reader, "neither \"in\" nor \"out\"", side);
	if (arrow == NULL)
		complain(reader, "no => outcome", text);
	outcome = arrow + 2;
	*arrow = '\0';
	frame = expand(reader, text, 0);
	reason = cut_word(&outcome);
	state = *outcome != '\0' ? cut_word(&outcome) : NULL;
	for (unsigned int i = 0; i < n; i++) {
		struct step *step = add_step(reader, STEP_FRAME);

		step->inbound = strcmp(side, "in") == 0;
		step->frame = number_frame(frame, i);
		step->reason = pps_strdup(reason);
		step->state = state != NULL ? pps_strdup(state) : NULL;
	}
	free(frame);
	reader->repeat = 0;
}

static unsigned int read_count(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 10);
}

static void read_live(struct reader *reader, char *text)
{
	struct step *step = add_step(reader, STEP_LIVE);

	snprintf(step->rule, sizeof(step->rule), "%s", cut_word(&text));
	step->n = read_count(text);
}

/* What a scenario says of its flow tables, or of another setting. */
static bool read_size(struct scenario *scenario, const char *word, const char *text)
{
	if (strcmp(word, "capacity") == 0)
		scenario->lab.flows = read_count(text);
	else if (strcmp(word, "half_open_max") == 0)
		scenario->lab.half_open_max = read_count(text);
	else if (strcmp(word, "half_open_per_source") == 0)
		scenario->lab.half_open_per_source = read_count(text);
	else if (strcmp(word, "loose") == 0)
		scenario->lab.tcp_loose_seconds = read_count(text);
	else
		return false;
	scenario->is_sized |= strcmp(word, "loose") != 0;
	return true;
}

static void read_drops(struct reader *reader, char *text)
{
	struct step *step = add_step(reader, STEP_DROPS);

	step->reason = pps_strdup(cut_word(&text));
	step->n = (unsigned int)strtoul(text, NULL, 10);
	if (pps_reason_find(step->reason) == PPS_REASON_COUNT)
		complain(reader, "no such reason", step->reason);
}

/* The steps up to the next empty line, for "do". */
static void read_steps(struct reader *reader, char *text)
{
	struct let *let = &reader->lets[reader->n_lets];
	struct pps_str lines = PPS_STR_INIT;
	char buffer[2048];
	char *line;

	if (reader->n_lets == LETS_MAX)
		complain(reader, "too many lets", text);
	snprintf(let->name, sizeof(let->name), "%s", cut_word(&text));
	while ((line = next_line(reader, buffer, sizeof(buffer))) != NULL && *line != '\0')
		pps_str_addf(&lines, "%s\n", line);
	let->text = pps_str_take(&lines);
	reader->n_lets++;
}

static void read_step(struct reader *reader, char *text);

static void do_steps(struct reader *reader, const char *name)
{
	char *lines = NULL, *rest, *line;

	for (size_t i = 0; i < reader->n_lets && lines == NULL; i++) {
		if (strcmp(reader->lets[i].name, name) == 0)
			lines = pps_strdup(reader->lets[i].text);
	}
	if (lines == NULL)
		complain(reader, "no such steps", name);
	rest = lines;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line != '\0')
			read_step(reader, line);
	}
	free(lines);
}

static void read_step(struct reader *reader, char *text)
{
	char *word = cut_word(&text);

	if (isdigit((unsigned char)word[0])) {
		reader->time_ms = (uint64_t)(strtod(word, NULL) * 1000 + 0.5);
		word = cut_word(&text);
	}
	if (strcmp(word, "do") == 0) {
		do_steps(reader, cut_word(&text));
	} else if (strcmp(word, "use") == 0) {
		current(reader)->policy = find_policy(reader, cut_word(&text));
	} else if (read_size(current(reader), word, text)) {
		return;
	} else if (strcmp(word, "load") == 0) {
		add_step(reader, STEP_LOAD)->policy = find_policy(reader, cut_word(&text));
	} else if (strcmp(word, "sweep") == 0) {
		add_step(reader, STEP_SWEEP);
	} else if (strcmp(word, "flows") == 0) {
		add_step(reader, STEP_FLOWS)->n = read_count(text);
	} else if (strcmp(word, "half_open") == 0) {
		add_step(reader, STEP_HALF_OPEN)->n = read_count(text);
	} else if (strcmp(word, "picked_up") == 0) {
		add_step(reader, STEP_PICKED_UP)->n = read_count(text);
	} else if (strcmp(word, "live") == 0) {
		read_live(reader, text);
	} else if (strcmp(word, "repeat") == 0) {
		reader->repeat = read_count(text);
	} else if (strcmp(word, "released") == 0) {
		add_step(reader, STEP_RELEASED)->n = read_count(text);
	} else if (strcmp(word, "drops") == 0) {
		read_drops(reader, text);
	} else {
		read_frame(reader, word, text);
	}
}

void scenario_file_read(const char *path, struct scenario_file *file)
{
	struct reader reader = {.path = path, .file = fopen(path, "r"), .out = file};
	char buffer[2048];
	char *text;

	*file = (struct scenario_file){0};
	if (reader.file == NULL)
		complain(&reader, "cannot open it", path);
	while ((text = next_line(&reader, buffer, sizeof(buffer))) != NULL) {
		char *rest = text;

		if (strncmp(text, "policy ", 7) == 0)
			read_policy(&reader, text + 7);
		else if (strncmp(text, "let ", 4) == 0)
			read_let(&reader, text + 4);
		else if (strncmp(text, "steps ", 6) == 0)
			read_steps(&reader, text + 6);
		else if (strncmp(text, "scenario ", 9) == 0)
			begin_scenario(&reader, text + 9);
		else if (*rest != '\0')
			read_step(&reader, text);
	}
	for (size_t i = 0; i < reader.n_lets; i++)
		free(reader.lets[i].text);
	fclose(reader.file);
}

void scenario_file_free(struct scenario_file *file)
{
	for (size_t i = 0; i < file->n_scenarios; i++) {
		struct scenario *scenario = &file->scenarios[i];

		for (size_t s = 0; s < scenario->n_steps; s++) {
			free(scenario->steps[s].frame);
			free(scenario->steps[s].reason);
			free(scenario->steps[s].state);
		}
		free(scenario->sentence);
	}
	for (size_t i = 0; i < file->n_policies; i++)
		free(file->policies[i].json);
	free(file->scenarios);
	free(file->policies);
}
