/* SPDX-License-Identifier: BSD-3-Clause */
/* The management side of events: the file and everything that can happen to it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_fixture.h"

static struct pps_event_log_stats stats_of(const struct pps_event_log *log)
{
	struct pps_event_log_stats stats;

	pps_event_log_stats(log, &stats);
	return stats;
}

/* ---- lines ---- */

static void an_event_has_time_sequence_number_kind_and_severity(void)
{
	struct event_place place;
	struct pps_event_log *log;
	char *text;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	pps_event_log_write(log, NOW + 7 * PPS_NS_PER_MS, "policy_loaded",
		json_pack("{s:s, s:i}", "digest", "a\"b", "uid", 0));
	pps_event_log_write(log, NOW, "stop", NULL);
	pps_event_log_flush(log, true);
	text = event_place_text(&place, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_STRING_EQUAL(text,
		"{\"time\":\"2026-01-01T00:00:00.007Z\",\"seq\":1,\"event\":\"policy_loaded\","
		"\"severity\":\"notice\",\"digest\":\"a\\\"b\",\"uid\":0}\n"
		"{\"time\":\"2026-01-01T00:00:00.000Z\",\"seq\":2,\"event\":\"stop\","
		"\"severity\":\"warning\"}\n");
	free(text);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void fields_cannot_take_the_place_of_our_own(void)
{
	struct pps_event_log *log = event_log_at(NULL, 0, 0);
	json_t *tail;

	pps_event_log_write(log, NOW, "real",
		json_pack("{s:s, s:i, s:s, s:i}", "event", "false", "seq", 99, "time", "never", "a",
			1));
	tail = pps_event_log_tail(log, NULL, 0, 10);
	event_check_sequence(tail, 1, 1);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_array_get(tail, 0), "event")), "real");
	json_decref(tail);
	pps_event_log_destroy(log);
}

static void an_event_file_is_not_for_everybody(void)
{
	mode_t before = umask(0);
	struct event_place place;
	struct pps_event_log *log;
	struct stat st;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	umask(before);
	CU_ASSERT_EQUAL(stat(place.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0640);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void lines_are_written_unasked_when_many_wait(void)
{
	struct event_place place;
	struct pps_event_log *log;
	struct stat st;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	event_write_many(log, 100, 1000);
	CU_ASSERT_EQUAL(stat(place.path, &st), 0);
	CU_ASSERT(st.st_size >= PPS_EVENT_BUFFER);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void the_end_of_a_log_writes_everything(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	event_write_many(log, 10, 10);
	pps_event_log_destroy(log);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 1, 10);
	json_decref(lines);
	event_place_remove(&place);
}

static void a_file_that_is_there_is_continued(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	for (int i = 0; i < 2; i++) {
		log = event_log_at(&place, 1000000, 2);
		event_write_many(log, 10, 10);
		pps_event_log_destroy(log);
	}
	lines = event_place_lines(&place);
	CU_ASSERT_EQUAL(json_array_size(lines), 20);
	json_decref(lines);
	event_place_remove(&place);
}

static void a_half_line_left_by_a_crash_is_ended_first(void)
{
	struct event_place place;
	struct pps_event_log *log;
	FILE *file;
	char *text;

	event_place_make(&place);
	file = fopen(place.path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs("{\"time\":\"20", file);
	fclose(file);
	log = event_log_at(&place, 0, 0);
	event_write_many(log, 1, 1);
	pps_event_log_destroy(log);
	text = event_place_text(&place, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_EQUAL(strncmp(text, "{\"time\":\"20\n{\"time\":\"2026", 25), 0);
	free(text);
	event_place_remove(&place);
}

static void a_path_that_cannot_be_opened_is_an_error(void)
{
	struct pps_event_log_params params = {.file = "/nonexistent/events"};
	struct pps_errors errors = {0};

	CU_ASSERT_PTR_NULL(pps_event_log_create(&params, &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n_total, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].path, "/nonexistent/events");
	CU_ASSERT_STRING_EQUAL(errors.items[0].text, "No such file or directory");
	pps_errors_fini(&errors);
}

/* ---- rotation ---- */

static void rotation_loses_no_line(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	log = event_log_at(&place, 4096, 1000);
	for (int i = 0; i < 100; i++) {
		event_write_many(log, 20, (size_t)(i * 7 % 300));
		if (i % 3 == 0)
			pps_event_log_flush(log, false);
	}
	CU_ASSERT(stats_of(log).rotations > 50);
	pps_event_log_destroy(log);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 1, 2000);
	json_decref(lines);
	event_place_remove(&place);
}

static void rotation_keeps_exactly_what_was_asked_for(void)
{
	static const unsigned int keeps[] = {0, 1, 3};

	for (size_t i = 0; i < UNIT_COUNT(keeps); i++) {
		struct event_place place;
		struct pps_event_log *log;
		json_t *lines;
		size_t n;

		event_place_make(&place);
		log = event_log_at(&place, 4096, keeps[i]);
		event_write_many(log, 500, 100);
		pps_event_log_destroy(log);
		for (unsigned int j = 0; j <= keeps[i] + 1; j++) {
			char *text = event_place_text(&place, j);

			CU_ASSERT_EQUAL(text != NULL, j <= keeps[i]);
			CU_ASSERT(text == NULL || strlen(text) <= 4096);
			CU_ASSERT(text == NULL || j == 0 || strlen(text) > 4096 - 200);
			free(text);
		}
		/* What is kept is the newest, without a hole. */
		lines = event_place_lines(&place);
		n = json_array_size(lines);
		event_check_sequence(lines, 500 - n + 1, 500);
		json_decref(lines);
		event_place_remove(&place);
	}
}

static void files_of_a_day_when_more_were_kept_are_removed(void)
{
	struct event_place place;
	struct pps_event_log *log;
	char *text;

	event_place_make(&place);
	log = event_log_at(&place, 1000, 8);
	event_write_many(log, 200, 100);
	pps_event_log_destroy(log);
	text = event_place_text(&place, 8);
	CU_ASSERT_PTR_NOT_NULL(text);
	free(text);
	log = event_log_at(&place, 1000, 2);
	event_write_many(log, 50, 100);
	pps_event_log_destroy(log);
	text = event_place_text(&place, 2);
	CU_ASSERT_PTR_NOT_NULL(text);
	free(text);
	for (unsigned int i = 3; i <= 9; i++)
		CU_ASSERT_PTR_NULL(event_place_text(&place, i));
	event_place_remove(&place);
}

static void a_line_longer_than_a_file_gets_its_own(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	log = event_log_at(&place, 1000, 10);
	event_write_many(log, 1, 10);
	event_write_many(log, 1, 5000);
	event_write_many(log, 1, 10);
	CU_ASSERT_EQUAL(stats_of(log).rotations, 2);
	pps_event_log_destroy(log);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 1, 3);
	json_decref(lines);
	event_place_remove(&place);
}

static void a_rotation_that_fails_loses_nothing(void)
{
	struct event_place place;
	struct pps_event_log *log;
	char *text, *obstacle;

	event_place_make(&place);
	obstacle = pps_asprintf("%s.1", place.path);
	CU_ASSERT_EQUAL(mkdir(obstacle, 0700), 0);
	log = event_log_at(&place, 1000, 1);
	event_write_many(log, 100, 100);
	CU_ASSERT_EQUAL(stats_of(log).rotations, 0);
	CU_ASSERT_EQUAL(stats_of(log).write_errors, 0);
	/* It is tried again, and not for every line. */
	CU_ASSERT_EQUAL(rmdir(obstacle), 0);
	event_write_many(log, 20, 100);
	CU_ASSERT(stats_of(log).rotations > 0);
	pps_event_log_destroy(log);
	text = event_place_text(&place, 1);
	CU_ASSERT_PTR_NOT_NULL(text);
	free(text);
	free(obstacle);
	event_place_remove(&place);
}

/* ---- what others do to the file ---- */

static void a_file_moved_away_is_opened_again(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;
	char *moved;

	event_place_make(&place);
	moved = pps_asprintf("%s.1", place.path);
	log = event_log_at(&place, 0, 0);
	event_write_many(log, 5, 10);
	pps_event_log_flush(log, false);
	CU_ASSERT_EQUAL(rename(place.path, moved), 0);
	event_write_many(log, 5, 10);
	pps_event_log_flush(log, false);
	CU_ASSERT_EQUAL(access(place.path, F_OK), 0);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 1, 10);
	json_decref(lines);
	free(moved);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void a_file_replaced_by_another_is_left_for_it(void)
{
	struct pps_event_log *log;
	struct event_place place;
	json_t *lines;
	char *moved;
	FILE *file;

	event_place_make(&place);
	moved = pps_asprintf("%s.1", place.path);
	log = event_log_at(&place, 0, 0);
	event_write_many(log, 5, 10);
	pps_event_log_flush(log, false);
	CU_ASSERT_EQUAL(rename(place.path, moved), 0);
	file = fopen(place.path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fclose(file);
	event_write_many(log, 5, 10);
	pps_event_log_flush(log, false);
	CU_ASSERT_EQUAL(unlink(moved), 0);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 6, 10);
	json_decref(lines);
	free(moved);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void a_file_cut_short_is_followed(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	log = event_log_at(&place, 4096, 3);
	for (int i = 0; i < 20; i++) {
		event_write_many(log, 10, 100);
		pps_event_log_flush(log, false);
		CU_ASSERT_EQUAL(truncate(place.path, 0), 0);
	}
	/* It never was large enough. */
	CU_ASSERT_EQUAL(stats_of(log).rotations, 0);
	event_write_many(log, 1, 100);
	pps_event_log_destroy(log);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 201, 201);
	json_decref(lines);
	event_place_remove(&place);
}

/* ---- files that cannot be written ---- */

/* From here on no file of this process may be longer: writes fail as on a full disk, in the
 * middle of a line. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_leaves_no_half_line(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	limit_files(3333);
	for (int i = 0; i < 10; i++) {
		event_write_many(log, 10, 100);
		pps_event_log_flush(log, false);
		lines = event_place_lines(&place);
		CU_ASSERT(json_array_size(lines) < 30);
		json_decref(lines);
	}
	/* Room again: what waited is written, in order, and nothing was lost. */
	limit_files(RLIM_INFINITY);
	event_write_many(log, 1, 100);
	pps_event_log_flush(log, false);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 1, 101);
	json_decref(lines);
	CU_ASSERT_EQUAL(stats_of(log).write_errors, 0);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void a_disk_full_for_long_is_survived_and_counted(void)
{
	struct event_place place;
	struct pps_event_log *log;
	struct pps_event_log_stats stats;
	json_t *lines, *tail;
	size_t n;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	limit_files(10000);
	event_write_many(log, 5000, 1000);
	limit_files(RLIM_INFINITY);
	pps_event_log_flush(log, false);
	event_write_many(log, 7, 1000);
	pps_event_log_flush(log, false);
	stats = stats_of(log);
	CU_ASSERT_EQUAL(stats.written, 5007);
	CU_ASSERT(stats.write_errors > 3000);
	lines = event_place_lines(&place);
	n = json_array_size(lines);
	CU_ASSERT_EQUAL(n + stats.write_errors, 5007);
	CU_ASSERT_EQUAL(
		json_integer_value(json_object_get(json_array_get(lines, n - 1), "seq")), 5007);
	json_decref(lines);
	/* The tail in memory has them all. */
	tail = pps_event_log_tail(log, NULL, 0, 5000);
	event_check_sequence(tail, 5007 - PPS_EVENT_TAIL + 1, 5007);
	json_decref(tail);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void a_device_that_is_always_full_is_survived(void)
{
	struct pps_event_log_params params = {.file = "/dev/full", .rotate_bytes = 1000};
	struct pps_errors errors = {0};
	struct pps_event_log *log = pps_event_log_create(&params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	event_write_many(log, 5000, 1000);
	pps_event_log_flush(log, true);
	CU_ASSERT(stats_of(log).write_errors > 3000);
	CU_ASSERT_EQUAL(stats_of(log).written, 5000);
	CU_ASSERT_EQUAL(access("/dev/full", F_OK), 0);
	pps_event_log_destroy(log);
}

static void a_pipe_that_nobody_reads_stops_nothing(void)
{
	struct event_place place;
	struct pps_event_log *log;

	event_place_make(&place);
	CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
	log = event_log_at(&place, 0, 0);
	event_write_many(log, 3000, 1000);
	pps_event_log_flush(log, true);
	CU_ASSERT(stats_of(log).write_errors > 1000);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

/* Takes what the pipe holds behind 'text'. */
static void read_pipe(int fd, struct pps_str *text)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		pps_str_add_bytes(text, bytes, (size_t)n);
}

static void a_slow_reader_of_a_pipe_gets_every_line(void)
{
	struct pps_str text = PPS_STR_INIT;
	struct pps_event_log *log;
	struct event_place place;
	unsigned int n_torn = 0;
	json_int_t last = 0;
	int fd;

	event_place_make(&place);
	CU_ASSERT_EQUAL(mkfifo(place.path, 0600), 0);
	fd = open(place.path, O_RDONLY | O_NONBLOCK);
	log = event_log_at(&place, 1000, 1);
	event_write_many(log, 300, 1000);
	for (int i = 0; i < 100; i++) {
		read_pipe(fd, &text);
		pps_event_log_flush(log, false);
	}
	/* A pipe cannot take half a line back: it is ended, and the line comes again. */
	for (char *line = strtok(text.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_t *event = json_loads(line, 0, NULL);

		n_torn += event == NULL;
		if (json_integer_value(json_object_get(event, "seq")) == last + 1)
			last++;
		json_decref(event);
	}
	CU_ASSERT(n_torn > 0);
	CU_ASSERT_EQUAL(last, 300);
	CU_ASSERT_EQUAL(stats_of(log).rotations, 0);
	pps_str_fini(&text);
	close(fd);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static void a_file_that_vanished_with_its_folder_comes_back(void)
{
	struct event_place place;
	struct pps_event_log *log;
	json_t *lines;

	event_place_make(&place);
	log = event_log_at(&place, 0, 0);
	event_place_remove(&place);
	event_write_many(log, 5, 10);
	pps_event_log_flush(log, false);
	CU_ASSERT_EQUAL(mkdir(place.folder, 0700), 0);
	pps_event_log_flush(log, false);
	lines = event_place_lines(&place);
	event_check_sequence(lines, 1, 5);
	json_decref(lines);
	pps_event_log_destroy(log);
	event_place_remove(&place);
}

static const struct unit_test tests[] = {
	UNIT_TEST(an_event_has_time_sequence_number_kind_and_severity),
	UNIT_TEST(fields_cannot_take_the_place_of_our_own),
	UNIT_TEST(an_event_file_is_not_for_everybody),
	UNIT_TEST(lines_are_written_unasked_when_many_wait),
	UNIT_TEST(the_end_of_a_log_writes_everything),
	UNIT_TEST(a_file_that_is_there_is_continued),
	UNIT_TEST(a_half_line_left_by_a_crash_is_ended_first),
	UNIT_TEST(a_path_that_cannot_be_opened_is_an_error),
	UNIT_TEST(rotation_loses_no_line),
	UNIT_TEST(rotation_keeps_exactly_what_was_asked_for),
	UNIT_TEST(files_of_a_day_when_more_were_kept_are_removed),
	UNIT_TEST(a_line_longer_than_a_file_gets_its_own),
	UNIT_TEST(a_rotation_that_fails_loses_nothing),
	UNIT_TEST(a_file_moved_away_is_opened_again),
	UNIT_TEST(a_file_replaced_by_another_is_left_for_it),
	UNIT_TEST(a_file_cut_short_is_followed),
	UNIT_TEST(a_full_disk_leaves_no_half_line),
	UNIT_TEST(a_disk_full_for_long_is_survived_and_counted),
	UNIT_TEST(a_device_that_is_always_full_is_survived),
	UNIT_TEST(a_pipe_that_nobody_reads_stops_nothing),
	UNIT_TEST(a_slow_reader_of_a_pipe_gets_every_line),
	UNIT_TEST(a_file_that_vanished_with_its_folder_comes_back),
};

int main(void)
{
	return unit_run("event_log", tests, UNIT_COUNT(tests));
}
