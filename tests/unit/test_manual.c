/* SPDX-License-Identifier: BSD-3-Clause */

/* ppsfwd(8) says what the program says: the same words, in the same order. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_event.h>
#include <pps_stats.h>

#include "unit.h"

/* One section of the page, or NULL after saying why. The caller frees it. */
static char *read_section(const char *title)
{
	const char *root = getenv("PPSFW_SOURCE");
	char *path, *page = NULL, *begin, *end, *section = NULL;
	size_t len;

	if (!root) {
		unit_skip("PPSFW_SOURCE does not name the source tree");
		return NULL;
	}
	path = pps_asprintf("%s/app/ppsfwd/ppsfwd.8", root);
	CU_ASSERT_EQUAL_FATAL(pps_file_read(path, 1 << 20, &page, &len), 0);
	free(path);
	begin = strstr(page, title);
	CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
	end = strstr(begin + 1, "\n.Sh ");
	section = pps_asprintf("%.*s", end ? (int)(end - begin) : (int)strlen(begin), begin);
	free(page);
	return section;
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
	char *section = read_section("\n.Sh DROP REASONS"), *at, *item;
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
	char *section = read_section("\n.Sh DROP REASONS"), *at = section;
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
	char *section = read_section("\n.Sh EVENTS");
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
	};
	char *section = read_section("\n.Sh EVENTS");
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
	char *section = read_section("\n.Sh EVENTS"), *at, *item;
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
	CU_ASSERT_EQUAL(n, 20);
	free(section);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_reason_is_explained_in_the_order_of_the_law),
	UNIT_TEST(no_reason_is_explained_that_does_not_exist),
	UNIT_TEST(every_end_of_a_flow_is_named),
	UNIT_TEST(every_kind_of_event_is_named),
	UNIT_TEST(every_severity_is_that_of_the_table),
};

int main(void)
{
	return unit_run("manual", tests, UNIT_COUNT(tests));
}
