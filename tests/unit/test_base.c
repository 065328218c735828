/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pps_base.h>

static void string_is_empty_text_before_anything_is_added(void)
{
	struct pps_str str = PPS_STR_INIT;
	char *text;

	CU_ASSERT_STRING_EQUAL(pps_str_text(&str), "");
	text = pps_str_take(&str);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
}

static void string_grows_over_many_additions_and_stays_terminated(void)
{
	struct pps_str str = PPS_STR_INIT;

	for (int i = 0; i < 1000; i++)
		pps_str_addf(&str, "%03d,", i);
	CU_ASSERT_EQUAL(str.len, 4000);
	CU_ASSERT_EQUAL(strlen(str.text), 4000);
	CU_ASSERT_NSTRING_EQUAL(str.text + 3996, "999,", 5);
	pps_str_clear(&str);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&str), "");
	pps_str_add_bytes(&str, "a\0b", 3);
	CU_ASSERT_EQUAL(str.len, 3);
	CU_ASSERT_EQUAL(memcmp(str.text, "a\0b", 4), 0);
	pps_str_fini(&str);
	pps_str_add(&str, "again");
	CU_ASSERT_STRING_EQUAL(str.text, "again");
	pps_str_fini(&str);
}

static void taken_string_leaves_an_empty_one(void)
{
	struct pps_str str = PPS_STR_INIT;
	char *text;

	pps_str_add(&str, "x");
	text = pps_str_take(&str);
	CU_ASSERT_STRING_EQUAL(text, "x");
	CU_ASSERT_EQUAL(str.len, 0);
	CU_ASSERT_PTR_NULL(str.text);
	free(text);
}

static void memory_is_zeroed_and_never_null_even_for_nothing(void)
{
	unsigned char *memory = pps_alloc(64);
	void *nothing = pps_alloc(0);
	char *text = pps_asprintf("%s-%d", "a", 7);

	for (size_t i = 0; i < 64; i++)
		CU_ASSERT_EQUAL(memory[i], 0);
	CU_ASSERT_PTR_NOT_NULL(nothing);
	nothing = pps_realloc(nothing, 0);
	CU_ASSERT_PTR_NOT_NULL(nothing);
	CU_ASSERT_STRING_EQUAL(text, "a-7");
	free(memory);
	free(nothing);
	free(text);
}

static void errors_are_printed_with_their_place(void)
{
	struct pps_errors errors = {0};
	struct pps_str out = PPS_STR_INIT;

	pps_errors_add(&errors, "approved[2].ports", "\"%d\" is not a port (0-65535)", 70000);
	pps_errors_add(&errors, NULL, "is empty");
	pps_errors_print(&errors, &out);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&out),
		"approved[2].ports: \"70000\" is not a port (0-65535)\nis empty\n");
	CU_ASSERT_STRING_EQUAL(errors.items[1].path, "");
	pps_errors_fini(&errors);
	CU_ASSERT_EQUAL(errors.n_total, 0);
	pps_str_fini(&out);
}

static void errors_beyond_the_limit_are_counted(void)
{
	struct pps_errors errors = {0}, all = {0};
	struct pps_str out = PPS_STR_INIT;

	for (int i = 0; i < PPS_ERRORS_MAX + 5; i++)
		pps_errors_add(&errors, "p", "%d", i);
	CU_ASSERT_EQUAL(errors.n, PPS_ERRORS_MAX);
	CU_ASSERT_EQUAL(errors.n_total, PPS_ERRORS_MAX + 5);
	pps_errors_add(&all, "q", "first");
	pps_errors_move(&all, "", &errors);
	CU_ASSERT_EQUAL(errors.n, 0);
	CU_ASSERT_EQUAL(all.n, PPS_ERRORS_MAX);
	CU_ASSERT_EQUAL(all.n_total, PPS_ERRORS_MAX + 6);
	pps_errors_print(&all, &out);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.text, "q: first\np: 0\n"));
	CU_ASSERT_STRING_EQUAL(strstr(out.text, "p: 98\n"), "p: 98\n... and 6 more\n");
	pps_errors_fini(&all);
	pps_str_fini(&out);
}

static void moved_errors_get_the_prefix_in_front_of_their_path(void)
{
	struct pps_errors from = {0}, to = {0};

	pps_errors_add(&from, "line 3, column 14", "x");
	pps_errors_add(&from, "", "y");
	pps_errors_move(&to, "policy.json: ", &from);
	CU_ASSERT_STRING_EQUAL(to.items[0].path, "policy.json: line 3, column 14");
	CU_ASSERT_STRING_EQUAL(to.items[1].path, "policy.json");
	pps_errors_fini(&to);
}

static void time_is_read_as_rfc_3339_says(void)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.000000001Z", 1},
		{"1970-01-01T01:00:00+01:00", 0},
		{"2026-12-31T00:00:00Z", 1798675200 * PPS_NS_PER_SEC},
		{"2026-12-31T00:00:00-00:00", 1798675200 * PPS_NS_PER_SEC},
		{"2024-02-29T23:59:59.5Z", 1709251199 * PPS_NS_PER_SEC + 500000000},
		{"2024-02-29T23:59:59.1234567899Z", 1709251199 * PPS_NS_PER_SEC + 123456789},
		{"2000-02-29T12:00:00+05:30", 951805800 * PPS_NS_PER_SEC},
		{"2262-12-31T23:59:59Z", 9246182399 * PPS_NS_PER_SEC},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		uint64_t ns = UINT64_MAX;
		int ret = pps_time_parse(cases[i].text, &ns);

		CU_ASSERT_EQUAL(ret, 0);
		CU_ASSERT_EQUAL(ns, cases[i].ns);
	}
}

static void expect_no_time(const char *const *texts, size_t n, int err)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t ns = 42;

		CU_ASSERT_EQUAL(pps_time_parse(texts[i], &ns), err);
		CU_ASSERT_EQUAL(ns, 42);
	}
}

static void time_that_is_not_rfc_3339_is_refused(void)
{
	static const char *const cases[] = {
		"",
		"2026",
		"2026-12-31",
		"2026-12-31T00:00:00",
		"2026-12-31 00:00:00Z",
		"2026-12-31t00:00:00z",
		"2026-12-31T00:00Z",
		"2026-12-31T00:00:00ZZ",
		" 2026-12-31T00:00:00Z",
		"2026-12-31T00:00:00Z ",
		"2026-1-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-32T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2016-12-31T23:59:60Z",
		"2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00,5Z",
		"2026-01-01T00:00:00+0100",
		"2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+01:60",
		"2026-01-01T00:00:00+01",
		"2263-02-29T00:00:00Z",
		"+026-01-01T00:00:00Z",
		"2026-01-01T00:00:-1Z",
	};

	expect_no_time(cases, UNIT_COUNT(cases), -EINVAL);
}

static void time_that_is_too_early_or_too_late_is_told_from_what_is_none(void)
{
	static const char *const cases[] = {
		"1969-12-31T23:59:59Z",
		"1969-12-31T23:00:00-01:00",
		"1970-01-01T00:00:00+00:01",
		"2263-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z",
	};

	expect_no_time(cases, UNIT_COUNT(cases), -ERANGE);
}

static void written_time_is_read_back_unchanged(void)
{
	char text[PPS_TIME_TEXT_MAX];
	uint64_t ns;

	CU_ASSERT_STRING_EQUAL(
		pps_time_format(1798675200123456789ULL, 0, text), "2026-12-31T00:00:00Z");
	CU_ASSERT_STRING_EQUAL(
		pps_time_format(1798675200123456789ULL, 3, text), "2026-12-31T00:00:00.123Z");
	CU_ASSERT_STRING_EQUAL(pps_time_format(1798675200000000789ULL, 99, text),
		"2026-12-31T00:00:00.000000789Z");
	/* Any 64-bit time prints, the last of year 2554 too. */
	CU_ASSERT_STRING_EQUAL(
		pps_time_format(UINT64_MAX, 9, text), "2554-07-21T23:34:33.709551615Z");
	for (uint64_t day = 0; day < 107000; day += 13) {
		uint64_t want = day * 86400 * PPS_NS_PER_SEC + day * 1234567;

		CU_ASSERT_EQUAL(pps_time_parse(pps_time_format(want, 9, text), &ns), 0);
		CU_ASSERT_EQUAL(ns, want);
	}
}

static void clocks_run(void)
{
	uint64_t mono = pps_time_mono_ns();

	CU_ASSERT(pps_time_mono_ns() >= mono);
	CU_ASSERT(pps_time_wall_ns() > 1700000000 * PPS_NS_PER_SEC);
}

static void nearest_word_forgives_slips_of_the_fingers_only(void)
{
	static const char *const words[] = {
		"ports", "protocol", "source", "source_ports", "destination", "icmp", "log", "tcp"};
	static const struct {
		const char *text, *nearest;
	} cases[] = {
		{"prots", "ports"},
		{"port", "ports"},
		{"PORTS", "ports"},
		{"sorce", "source"},
		{"destinatoin", "destination"},
		{"source-ports", "source_ports"},
		{"icpm", "icmp"},
		{"lgo", "log"},
		{"protcl", "protocol"},
		{"udp", NULL},
		{"", NULL},
		{"x", NULL},
		{"banana", NULL},
		{"dest", NULL},
		{"ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppports", NULL},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		const char *got = pps_nearest_word(cases[i].text, words, UNIT_COUNT(words));

		if (cases[i].nearest == NULL) {
			CU_ASSERT_PTR_NULL(got);
			continue;
		}
		CU_ASSERT_PTR_NOT_NULL_FATAL(got);
		CU_ASSERT_STRING_EQUAL(got, cases[i].nearest);
	}
	CU_ASSERT_PTR_NULL(pps_nearest_word("tcp", NULL, 0));
}

/* Runs pps_log() with standard error in a pipe; what was written, terminated. */
static void capture_log(enum pps_log_level level, const char *text, char *out, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	pps_log(level, "%s", text);
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(ends[0]);
	close(ends[1]);
	close(saved);
}

static void log_line_is_one_line_whatever_it_quotes(void)
{
	char out[8192], text[5000];

	pps_log_init("ppsfwd", PPS_LOG_INFO);
	capture_log(PPS_LOG_ERROR, "a\nppsfwd: forged\x1b[2J", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "ppsfwd: error: a ppsfwd: forged [2J\n");
	capture_log(PPS_LOG_INFO, "started", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "ppsfwd: started\n");
	capture_log(PPS_LOG_DEBUG, "silent", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture_log(PPS_LOG_WARNING, text, out, sizeof(out));
	CU_ASSERT_EQUAL(strlen(out), 2047);
	CU_ASSERT_EQUAL(strchr(out, '\n'), out + 2046);
}

static void file_is_read_whole_or_not_at_all(void)
{
	char path[] = "/tmp/ppsfw-test-XXXXXX";
	int fd = mkstemp(path);
	char *text = NULL;
	size_t len = 0;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "ab\0cd", 5), 5);
	close(fd);
	CU_ASSERT_EQUAL(pps_file_read(path, 4, &text, &len), -EFBIG);
	CU_ASSERT_PTR_NULL(text);
	CU_ASSERT_EQUAL_FATAL(pps_file_read(path, 5, &text, &len), 0);
	CU_ASSERT_EQUAL(len, 5);
	CU_ASSERT_EQUAL(memcmp(text, "ab\0cd", 6), 0);
	free(text);
	text = NULL;
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	CU_ASSERT_EQUAL_FATAL(pps_file_read(path, 0, &text, &len), 0);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	/* Longer than one read. */
	CU_ASSERT_EQUAL(truncate(path, 100000), 0);
	CU_ASSERT_EQUAL(pps_file_read(path, 99999, &text, &len), -EFBIG);
	CU_ASSERT_EQUAL_FATAL(pps_file_read(path, 100000, &text, &len), 0);
	CU_ASSERT_EQUAL(len, 100000);
	free(text);
	unlink(path);
	CU_ASSERT_EQUAL(pps_file_read(path, 5, &text, &len), -ENOENT);
	CU_ASSERT_EQUAL(pps_file_read("/", 5, &text, &len), -EISDIR);
	CU_ASSERT_EQUAL(pps_file_read("/dev/zero", 1 << 20, &text, &len), -ENODEV);
}

static void a_pipe_without_a_writer_is_no_file_and_keeps_nobody_waiting(void)
{
	char folder[] = "/tmp/ppsfw-test-XXXXXX", *path, *text = NULL;
	size_t len;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	path = pps_asprintf("%s/pipe", folder);
	CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(pps_file_read(path, 5, &text, &len), -ENODEV);
	CU_ASSERT_PTR_NULL(text);
	unlink(path);
	rmdir(folder);
	free(path);
}

static void why_a_file_was_not_read_has_words(void)
{
	CU_ASSERT_STRING_EQUAL(pps_file_error(-ENODEV), "it is not a regular file");
	CU_ASSERT_STRING_EQUAL(pps_file_error(-ENOENT), "No such file or directory");
}

static const struct unit_test tests[] = {
	UNIT_TEST(string_is_empty_text_before_anything_is_added),
	UNIT_TEST(string_grows_over_many_additions_and_stays_terminated),
	UNIT_TEST(taken_string_leaves_an_empty_one),
	UNIT_TEST(memory_is_zeroed_and_never_null_even_for_nothing),
	UNIT_TEST(errors_are_printed_with_their_place),
	UNIT_TEST(errors_beyond_the_limit_are_counted),
	UNIT_TEST(moved_errors_get_the_prefix_in_front_of_their_path),
	UNIT_TEST(time_is_read_as_rfc_3339_says),
	UNIT_TEST(time_that_is_not_rfc_3339_is_refused),
	UNIT_TEST(time_that_is_too_early_or_too_late_is_told_from_what_is_none),
	UNIT_TEST(written_time_is_read_back_unchanged),
	UNIT_TEST(clocks_run),
	UNIT_TEST(nearest_word_forgives_slips_of_the_fingers_only),
	UNIT_TEST(log_line_is_one_line_whatever_it_quotes),
	UNIT_TEST(file_is_read_whole_or_not_at_all),
	UNIT_TEST(a_pipe_without_a_writer_is_no_file_and_keeps_nobody_waiting),
	UNIT_TEST(why_a_file_was_not_read_has_words),
};

int main(void)
{
	return unit_run("base", tests, UNIT_COUNT(tests));
}
