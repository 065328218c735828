/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that take time, clients that leave early or read late, and notifications. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_fixture.h"

/* ---- calls that take time ---- */

static void call_later(struct ctl_fixture *f, int fd, int id)
{
	char *line = pps_asprintf("{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"later\"}\n", id);

	CU_ASSERT(ctl_send_text(f, fd, line));
	free(line);
}

static void expect_id(struct ctl_fixture *f, int fd, int id)
{
	json_t *answer = ctl_get(f, fd);

	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer, "id")), id);
	CU_ASSERT(json_is_true(json_object_get(answer, "result")));
	json_decref(answer);
}

static void answers_come_in_the_order_of_completion(void)
{
	static const int order[] = {2, 0, 1};
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	for (int i = 0; i < 3; i++)
		call_later(&f, fd, 100 + i);
	CU_ASSERT_EQUAL_FATAL(f.n_calls, 3);
	CU_ASSERT_EQUAL(pps_ctl_call_peer(f.calls[0])->role, PPS_CTL_VIEW);
	ctl_expect_alive(&f, fd);
	for (int i = 0; i < 3; i++)
		pps_ctl_reply(f.calls[order[i]], json_true());
	for (int i = 0; i < 3; i++)
		expect_id(&f, fd, 100 + order[i]);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void the_ninth_call_waits_for_its_turn(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	for (int i = 0; i < 10; i++)
		call_later(&f, fd, i);
	ctl_send_text(&f, fd, "{\"half"); /* its clock does not run while it waits */
	ctl_run_all(&f);
	f.now_ns += 60 * SECOND;
	ctl_run(&f);
	CU_ASSERT_EQUAL_FATAL(f.n_calls, PPS_CTL_CALLS_MAX);
	pps_ctl_reply(f.calls[0], json_true());
	expect_id(&f, fd, 0);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(f.n_calls, 9);
	for (unsigned int i = 1; i < f.n_calls; i++) {
		pps_ctl_reply(f.calls[i], json_true());
		ctl_run_all(&f);
		expect_id(&f, fd, (int)i);
	}
	CU_ASSERT_EQUAL(f.n_calls, 10);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 1);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void lines_behind_a_full_queue_are_taken_when_it_empties(void)
{
	static const char lines[] = BIG_1M BIG_1M ECHO_1;
	struct ctl_fixture f;
	char bytes[65536];
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	CU_ASSERT_EQUAL(send(fd, lines, sizeof(lines) - 1, 0), sizeof(lines) - 1);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(f.n_echoes, 0);
	while (pps_ctl_conn_queued(f.server->conns[0]) > 0) {
		CU_ASSERT_FATAL(recv(fd, bytes, sizeof(bytes), 0) > 0);
		pps_ctl_conn_flush(f.server->conns[0]);
	}
	/* Nothing will come from the socket to say so. */
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(f.n_echoes, 1);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_call_outlives_its_client(void)
{
	struct ctl_fixture f;
	int fd, other;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	for (int i = 0; i < 3; i++)
		call_later(&f, fd, i);
	close(fd);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 0);
	other = ctl_join(&f);
	CU_ASSERT_EQUAL(pps_ctl_call_peer(f.calls[0])->role, PPS_CTL_ADMIN);
	pps_ctl_reply(f.calls[0], json_true());
	pps_ctl_fail(f.calls[1], PPS_CTL_E_BUSY, json_array(), "late");
	pps_ctl_subscribe(f.calls[2], json_object(), json_true());
	ctl_expect_alive(&f, other);
	close(other);
	pps_ctl_server_destroy(f.server);
}

static void a_server_may_end_with_calls_under_way(void)
{
	struct ctl_fixture f;
	int fd, gone;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	gone = ctl_join(&f);
	fd = ctl_join(&f);
	call_later(&f, fd, 1);
	call_later(&f, gone, 2);
	close(gone);
	ctl_run_all(&f);
	pps_ctl_server_destroy(f.server);
	CU_ASSERT_EQUAL(f.n_calls, 2);
	close(fd);
}

static void a_half_closed_client_gets_its_answers(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	call_later(&f, fd, 5);
	ctl_send_text(&f, fd, ECHO_1);
	shutdown(fd, SHUT_WR);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 1);
	pps_ctl_reply(f.calls[0], json_true());
	json_decref(ctl_get(&f, fd));
	expect_id(&f, fd, 5);
	CU_ASSERT(ctl_is_closed(&f, fd));
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 0);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_half_closed_client_that_reads_late_gets_all(void)
{
	struct ctl_fixture f;
	int fd, n = 0;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	for (int i = 0; i < 5; i++)
		CU_ASSERT(send(fd, BIG_1M, strlen(BIG_1M), 0) > 0);
	shutdown(fd, SHUT_WR);
	ctl_run_all(&f);
	f.now_ns += 3600 * SECOND;
	ctl_run(&f);
	for (json_t *answer; (answer = ctl_get(&f, fd)) != NULL; n++)
		json_decref(answer);
	CU_ASSERT_EQUAL(n, 5);
	CU_ASSERT(ctl_is_closed(&f, fd));
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void the_last_line_needs_no_newline(void)
{
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	ctl_send_bytes(&f, fd, ECHO_1, strlen(ECHO_1) - 1);
	shutdown(fd, SHUT_WR);
	answer = ctl_get(&f, fd);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer, "id")), 1);
	json_decref(answer);
	CU_ASSERT(ctl_is_closed(&f, fd));
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_request_is_done_though_its_client_left(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	CU_ASSERT(send(fd, ECHO_1, strlen(ECHO_1), 0) > 0);
	close(fd);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(f.n_echoes, 1);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 0);
	pps_ctl_server_destroy(f.server);
}

/* ---- notifications ---- */

static void subscribe(struct ctl_fixture *f, int fd, const char *params)
{
	char *line = pps_asprintf(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\",\"params\":%s}\n", params);

	ctl_expect(f, fd, line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}");
	free(line);
}

static void listeners_get_what_their_filter_matches(void)
{
	struct ctl_fixture f;
	json_t *object;
	int all, denies, none;

	ctl_set_up(&f, PPS_CTL_VIEW);
	all = ctl_join(&f);
	denies = ctl_join(&f);
	none = ctl_join(&f);
	subscribe(&f, all, "{}");
	subscribe(&f, denies, "{\"filter\":{\"event\":\"deny\"}}");
	ctl_publish(&f, "start", 1);
	ctl_publish(&f, "deny", 2);
	ctl_expect(&f, all, "",
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"event\":\"start\",\"n\":1}"
		"}");
	ctl_expect(&f, all, "",
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"event\":\"deny\",\"n\":2}"
		"}");
	ctl_expect(&f, denies, "",
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"event\":\"deny\",\"n\":2}"
		"}");
	object = ctl_get(&f, denies);
	CU_ASSERT_PTR_NULL(object);
	object = ctl_get(&f, none);
	CU_ASSERT_PTR_NULL(object);
	/* Subscribing again replaces the filter. */
	subscribe(&f, denies, "{\"filter\":{\"n\":9}}");
	ctl_publish(&f, "deny", 3);
	object = ctl_get(&f, denies);
	CU_ASSERT_PTR_NULL(object);
	close(all);
	close(denies);
	close(none);
	pps_ctl_server_destroy(f.server);
}

static void a_slow_listener_is_told_what_it_missed(void)
{
	const int n = 100000;
	json_int_t missed = 0;
	struct ctl_fixture f;
	json_t *object, *params;
	int fd, got = 0, last = -1;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	subscribe(&f, fd, "{}");
	for (int i = 0; i < n; i++)
		ctl_publish(&f, "deny", i);
	CU_ASSERT(pps_ctl_conn_queued(f.server->conns[0]) <= PPS_CTL_NOTIFY_MAX);
	while ((object = ctl_get(&f, fd)) != NULL) {
		got++;
		json_decref(object);
	}
	CU_ASSERT(got < n);
	/* There is room now: the next one says how many are missing, the one after nothing. */
	ctl_publish(&f, "deny", n);
	ctl_publish(&f, "deny", n + 1);
	object = ctl_get(&f, fd);
	params = json_object_get(object, "params");
	missed = json_integer_value(json_object_get(params, "missed"));
	last = (int)json_integer_value(json_object_get(params, "n"));
	json_decref(object);
	CU_ASSERT_EQUAL(got + missed, n);
	CU_ASSERT_EQUAL(last, n);
	object = ctl_get(&f, fd);
	CU_ASSERT_PTR_NULL(json_object_get(json_object_get(object, "params"), "missed"));
	json_decref(object);
	/* A slow listener may still call. */
	ctl_expect_alive(&f, fd);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_half_closed_listener_goes_on_listening(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	subscribe(&f, fd, "{}");
	shutdown(fd, SHUT_WR);
	ctl_run_all(&f);
	ctl_publish(&f, "deny", 1);
	ctl_expect(&f, fd, "",
		"{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"event\":\"deny\",\"n\":1}"
		"}");
	close(fd);
	ctl_publish(&f, "deny", 2);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 0);
	pps_ctl_server_destroy(f.server);
}

/* However long others take: the run's time is theirs, and what it asked is done in a later one. */
static void what_a_client_asked_for_before_it_went_is_done(void)
{
	static const char big[] = BIG_1M, echo[] = ECHO_1;
	struct ctl_fixture f;
	int fds[16], last;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	for (unsigned int i = 0; i < UNIT_COUNT(fds); i++) {
		fds[i] = ctl_join(&f);
		CU_ASSERT_EQUAL(send(fds[i], big, strlen(big), 0), (ssize_t)strlen(big));
	}
	last = ctl_join(&f);
	CU_ASSERT_EQUAL(send(last, echo, strlen(echo), 0), (ssize_t)strlen(echo));
	close(last);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(f.n_echoes, 1);
	for (unsigned int i = 0; i < UNIT_COUNT(fds); i++)
		close(fds[i]);
	ctl_run_all(&f);
	pps_ctl_server_destroy(f.server);
}

static const struct unit_test tests[] = {
	UNIT_TEST(answers_come_in_the_order_of_completion),
	UNIT_TEST(the_ninth_call_waits_for_its_turn),
	UNIT_TEST(lines_behind_a_full_queue_are_taken_when_it_empties),
	UNIT_TEST(a_call_outlives_its_client),
	UNIT_TEST(a_server_may_end_with_calls_under_way),
	UNIT_TEST(a_half_closed_client_gets_its_answers),
	UNIT_TEST(a_half_closed_client_that_reads_late_gets_all),
	UNIT_TEST(the_last_line_needs_no_newline),
	UNIT_TEST(a_request_is_done_though_its_client_left),
	UNIT_TEST(listeners_get_what_their_filter_matches),
	UNIT_TEST(a_slow_listener_is_told_what_it_missed),
	UNIT_TEST(what_a_client_asked_for_before_it_went_is_done),
	UNIT_TEST(a_half_closed_listener_goes_on_listening),
};

int main(void)
{
	return unit_run("ctl_calls", tests, UNIT_COUNT(tests));
}
