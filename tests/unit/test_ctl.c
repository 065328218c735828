/* SPDX-License-Identifier: BSD-3-Clause */
/* The control server against clients of every kind: requests, roles, and the bounds. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_fixture.h"

/* ---- requests ---- */

static void a_call_is_answered_with_its_result(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	ctl_expect_alive(&f, fd);
	ctl_expect(&f, fd, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":null}");
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 1);
	close(fd);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 0);
	pps_ctl_server_destroy(f.server);
}

static void ids_of_every_kind_are_echoed(void)
{
	static const char *const ids[] = {"1", "-7", "0", "1.5", "9007199254740993", "\"a b\"",
		"\"\"", "null", "\"\\u00e9\\n\""};
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	for (size_t i = 0; i < UNIT_COUNT(ids); i++) {
		char *line = pps_asprintf(
			"{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"echo\"}\n", ids[i]);
		char *answer =
			pps_asprintf("{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":null}", ids[i]);

		ctl_expect(&f, fd, line, answer);
		free(line);
		free(answer);
	}
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void what_is_no_request_gets_its_code_and_the_connection_stays(void)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{"hello\n", PPS_CTL_E_PARSE},
		{"\n", PPS_CTL_E_PARSE},
		{"GET / HTTP/1.1\r\n", PPS_CTL_E_PARSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"\n", PPS_CTL_E_PARSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"echo\"}\n", PPS_CTL_E_PARSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"a\":1,\"a\":2}}"
		 "\n",
			PPS_CTL_E_PARSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"} x\n", PPS_CTL_E_PARSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"echo\"}\n", PPS_CTL_E_PARSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":\"\\u0000\",\"method\":\"echo\"}\n", PPS_CTL_E_PARSE},
		{"[]\n", PPS_CTL_E_REQUEST},
		{"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}]\n", PPS_CTL_E_REQUEST},
		{"1\n", PPS_CTL_E_REQUEST},
		{"null\n", PPS_CTL_E_REQUEST},
		{"\"echo\"\n", PPS_CTL_E_REQUEST},
		{"{}\n", PPS_CTL_E_REQUEST},
		{"{\"id\":1,\"method\":\"echo\"}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"echo\"}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"id\":1}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":7}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"echo\"}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"echo\"}\n", PPS_CTL_E_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":1}\n",
			PPS_CTL_E_PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":null}\n",
			PPS_CTL_E_PARAMS},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\"}\n", PPS_CTL_E_METHOD},
	};
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	for (size_t i = 0; i < UNIT_COUNT(cases); i++)
		ctl_expect_code(&f, fd, cases[i].line, cases[i].code);
	CU_ASSERT_EQUAL(f.n_echoes, 0);
	ctl_expect_alive(&f, fd);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_long_id_is_refused(void)
{
	char id[PPS_CTL_ID_MAX + 2];
	struct ctl_fixture f;
	char *line;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	memset(id, 'i', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	line = pps_asprintf("{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"echo\"}\n", id);
	ctl_expect_code(&f, fd, line, PPS_CTL_E_REQUEST);
	free(line);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static void what_is_not_text_is_answered_and_closed(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		BYTES("\0\n"),
		BYTES("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\0\n"),
		BYTES("\xff\xfe\n"),
		BYTES("{\"jsonrpc\":\"2.0\",\"id\":\"\xc3\x28\",\"method\":\"echo\"}\n"),
		BYTES("\x16\x03\x01\x02\x00\x01\x00\n"),
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct ctl_fixture f;
		json_t *answer;
		int fd;

		ctl_set_up(&f, PPS_CTL_ADMIN);
		fd = ctl_join(&f);
		CU_ASSERT(ctl_send_bytes(&f, fd, cases[i].bytes, cases[i].len));
		answer = ctl_get(&f, fd);
		CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_PARSE);
		json_decref(answer);
		CU_ASSERT(ctl_is_closed(&f, fd));
		close(fd);
		pps_ctl_server_destroy(f.server);
	}
}

static void nesting_bombs_are_parse_errors(void)
{
	static const char *const opens[] = {"[", "{\"a\":", "[[{\"b\":"};
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	for (size_t i = 0; i < UNIT_COUNT(opens); i++) {
		struct pps_str line = PPS_STR_INIT;

		while (line.len < 1000000)
			pps_str_add(&line, opens[i]);
		pps_str_add(&line, "\n");
		ctl_expect_code(&f, fd, line.text, PPS_CTL_E_PARSE);
		pps_str_fini(&line);
	}
	ctl_expect_alive(&f, fd);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_line_may_come_byte_by_byte(void)
{
	static const char line[] = ECHO_1;
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	for (size_t i = 0; i + 2 < sizeof(line); i++) {
		CU_ASSERT(ctl_send_bytes(&f, fd, line + i, 1));
		CU_ASSERT_EQUAL(f.n_echoes, 0);
	}
	CU_ASSERT(ctl_send_text(&f, fd, "\n"));
	answer = ctl_get(&f, fd);
	CU_ASSERT_PTR_NOT_NULL(answer);
	json_decref(answer);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void many_lines_may_come_at_once(void)
{
	struct pps_str lines = PPS_STR_INIT;
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	for (int i = 0; i < 500; i++)
		pps_str_addf(&lines, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"echo\"}\n", i);
	CU_ASSERT_EQUAL(send(fd, lines.text, lines.len, 0), (ssize_t)lines.len);
	ctl_run(&f);
	/* One client's flood is cut into turns. */
	CU_ASSERT(f.n_echoes <= PPS_CTL_LINES_PER_RUN);
	for (int i = 0; i < 500; i++) {
		json_t *answer = ctl_get(&f, fd);

		CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer, "id")), i);
		json_decref(answer);
	}
	pps_str_fini(&lines);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void requests_without_an_id_do_nothing(void)
{
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	CU_ASSERT(ctl_send_text(&f, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"policy.load\"}\n"));
	answer = ctl_get(&f, fd);
	CU_ASSERT_PTR_NULL(answer);
	CU_ASSERT_EQUAL(f.n_echoes, 0);
	ctl_expect_alive(&f, fd);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void an_unknown_method_names_the_nearest(void)
{
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	CU_ASSERT(ctl_send_text(
		&f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"polcy.load\"}\n"));
	answer = ctl_get(&f, fd);
	CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_METHOD);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctl_error_message(answer), "did you mean \"policy.load\"?"));
	json_decref(answer);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void roles_decide_who_may_call_what(void)
{
	static const struct {
		enum pps_ctl_role role;
		const char *method;
		int code;
	} cases[] = {
		{PPS_CTL_VIEW, "echo", 0},
		{PPS_CTL_VIEW, "policy.load", PPS_CTL_E_DENIED},
		{PPS_CTL_ADMIN, "echo", 0},
		{PPS_CTL_ADMIN, "policy.load", 0},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct ctl_fixture f;
		char *line = pps_asprintf(
			"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}\n", cases[i].method);
		int fd;

		ctl_set_up(&f, cases[i].role);
		fd = ctl_join(&f);
		ctl_expect_code(&f, fd, line, cases[i].code);
		CU_ASSERT_EQUAL(f.n_echoes, cases[i].code == 0 ? 1 : 0);
		free(line);
		close(fd);
		pps_ctl_server_destroy(f.server);
	}
}

static void a_user_without_a_role_is_told_and_closed(void)
{
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_NOBODY);
	fd = ctl_join(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 0);
	answer = ctl_get(&f, fd);
	CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_DENIED);
	json_decref(answer);
	CU_ASSERT(ctl_is_closed(&f, fd));
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void errors_carry_message_and_data(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	ctl_expect(&f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail\"}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32002,"
		"\"message\":\"no ? thanks 7\",\"data\":[\"why\"]}}");
	ctl_expect(&f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"fail_list\"}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32002,"
		"\"message\":\"the policy has 2 errors\",\"data\":["
		"{\"path\":\"approved[2].ports\",\"text\":\"\\\"70000\\\" is not a port\"},"
		"{\"path\":\"\",\"text\":\"second\"}]}}");
	close(fd);
	pps_ctl_server_destroy(f.server);
}

/* ---- bounds ---- */

static void send_x(struct ctl_fixture *f, int fd, size_t n)
{
	char *bytes = pps_alloc(n);

	memset(bytes, 'x', n);
	ctl_send_bytes(f, fd, bytes, n);
	free(bytes);
}

static void an_oversized_line_closes_its_client_alone(void)
{
	struct ctl_fixture f;
	json_t *answer;
	int fd, other;

	ctl_set_up(&f, PPS_CTL_VIEW);
	other = ctl_join(&f);
	fd = ctl_join(&f);
	send_x(&f, fd, PPS_CTL_VIEW_LINE_MAX + 1);
	answer = ctl_get(&f, fd);
	CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_REQUEST);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctl_error_message(answer), "65536 bytes"));
	json_decref(answer);
	ctl_run_all(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 1);
	ctl_expect_alive(&f, other);
	close(fd);
	close(other);
	pps_ctl_server_destroy(f.server);
}

static void a_whole_line_that_is_too_long_is_refused_too(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	send_x(&f, fd, PPS_CTL_VIEW_LINE_MAX);
	/* The longest line there may be: refused as JSON, not as a line. */
	ctl_expect_code(&f, fd, "\n", PPS_CTL_E_PARSE);
	send_x(&f, fd, PPS_CTL_VIEW_LINE_MAX);
	ctl_expect_code(&f, fd, "x\n", PPS_CTL_E_REQUEST);
	CU_ASSERT(ctl_is_closed(&f, fd));
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void an_administrator_may_send_a_large_policy(void)
{
	struct pps_str line = PPS_STR_INIT;
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	pps_str_add(&line,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":{\"policy\":\"");
	while (line.len < 8u << 20)
		pps_str_add(&line, "0123456789012345678901234567890123456789");
	pps_str_add(&line, "\"}}\n");
	CU_ASSERT(ctl_send_bytes(&f, fd, line.text, line.len));
	CU_ASSERT_EQUAL(f.n_echoes, 1);
	answer = ctl_get(&f, fd);
	CU_ASSERT(json_string_length(json_object_get(json_object_get(answer, "result"), "policy")) >
		8000000);
	json_decref(answer);
	pps_str_fini(&line);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void a_line_begun_must_be_finished_in_ten_seconds(void)
{
	struct ctl_fixture f;
	json_t *answer;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	/* Silence between lines is nobody's business. */
	f.now_ns += 3600 * SECOND;
	ctl_expect_alive(&f, fd);
	ctl_send_text(&f, fd, "{\"json");
	f.now_ns += 9 * SECOND;
	/* One more byte does not turn the clock back. */
	ctl_send_text(&f, fd, "r");
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), 1);
	f.now_ns += 2 * SECOND;
	ctl_run(&f);
	answer = ctl_get(&f, fd);
	CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_REQUEST);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctl_error_message(answer), "10 seconds"));
	json_decref(answer);
	CU_ASSERT(ctl_is_closed(&f, fd));
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void each_line_has_its_own_ten_seconds(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	fd = ctl_join(&f);
	for (int i = 0; i < 5; i++) {
		json_t *answer;

		ctl_send_text(&f, fd, "{\"jsonrpc\":\"2.0\",\"id\":1,");
		f.now_ns += 6 * SECOND;
		ctl_send_text(&f, fd, "\"method\":\"echo\"}\n{");
		answer = ctl_get(&f, fd);
		CU_ASSERT(json_is_null(json_object_get(answer, "result")));
		json_decref(answer);
		f.now_ns += 6 * SECOND;
		ctl_run(&f);
		ctl_expect_code(&f, fd, "\n", PPS_CTL_E_PARSE);
	}
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static void one_client_too_many_is_told_and_closed(void)
{
	int fds[PPS_CTL_CLIENTS_MAX + 1];
	struct ctl_fixture f;
	json_t *answer;

	ctl_set_up(&f, PPS_CTL_ADMIN);
	for (int i = 0; i <= PPS_CTL_CLIENTS_MAX; i++)
		fds[i] = ctl_join(&f);
	CU_ASSERT_EQUAL(pps_ctl_server_clients(f.server), PPS_CTL_CLIENTS_MAX);
	answer = ctl_get(&f, fds[PPS_CTL_CLIENTS_MAX]);
	CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_BUSY);
	json_decref(answer);
	CU_ASSERT(ctl_is_closed(&f, fds[PPS_CTL_CLIENTS_MAX]));
	close(fds[PPS_CTL_CLIENTS_MAX]);
	/* A place that becomes free is given again. */
	close(fds[0]);
	ctl_run_all(&f);
	fds[0] = ctl_join(&f);
	for (int i = 0; i < PPS_CTL_CLIENTS_MAX; i++) {
		ctl_expect_alive(&f, fds[i]);
		close(fds[i]);
	}
	pps_ctl_server_destroy(f.server);
}

static void viewers_cannot_take_the_last_places(void)
{
	int fds[PPS_CTL_CLIENTS_MAX];
	struct ctl_fixture f;
	json_t *answer;
	int admin;

	ctl_set_up(&f, PPS_CTL_VIEW);
	for (int i = 0; i < PPS_CTL_CLIENTS_MAX; i++)
		fds[i] = ctl_join(&f);
	CU_ASSERT_EQUAL(
		pps_ctl_server_clients(f.server), PPS_CTL_CLIENTS_MAX - PPS_CTL_ADMIN_RESERVED);
	answer = ctl_get(&f, fds[PPS_CTL_CLIENTS_MAX - 1]);
	CU_ASSERT_EQUAL(ctl_error_code(answer), PPS_CTL_E_BUSY);
	json_decref(answer);
	f.role = PPS_CTL_ADMIN;
	admin = ctl_join(&f);
	ctl_expect_alive(&f, admin);
	close(admin);
	for (int i = 0; i < PPS_CTL_CLIENTS_MAX; i++)
		close(fds[i]);
	pps_ctl_server_destroy(f.server);
}

static void a_client_that_does_not_read_waits_and_nobody_else(void)
{
	struct ctl_fixture f;
	int fd, other, n = 0;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	other = ctl_join(&f);
	for (int i = 0; i < 50; i++) {
		if (send(fd, BIG_1M, strlen(BIG_1M), 0) < 0)
			break;
		ctl_run(&f);
		ctl_expect_alive(&f, other);
	}
	/* What is queued for it stays small however much it asks. */
	CU_ASSERT(pps_ctl_conn_queued(f.server->conns[0]) <= 3u << 20);
	for (json_t *answer; (answer = ctl_get(&f, fd)) != NULL; n++)
		json_decref(answer);
	CU_ASSERT_EQUAL(n, 50);
	close(fd);
	close(other);
	pps_ctl_server_destroy(f.server);
}

static void an_answer_too_large_becomes_an_error(void)
{
	struct ctl_fixture f;
	int fd;

	ctl_set_up(&f, PPS_CTL_VIEW);
	fd = ctl_join(&f);
	ctl_expect_code(&f, fd,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\",\"params\":{\"n\":67108864}}\n",
		PPS_CTL_E_INTERNAL);
	ctl_expect_alive(&f, fd);
	close(fd);
	pps_ctl_server_destroy(f.server);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_call_is_answered_with_its_result),
	UNIT_TEST(ids_of_every_kind_are_echoed),
	UNIT_TEST(what_is_no_request_gets_its_code_and_the_connection_stays),
	UNIT_TEST(a_long_id_is_refused),
	UNIT_TEST(what_is_not_text_is_answered_and_closed),
	UNIT_TEST(nesting_bombs_are_parse_errors),
	UNIT_TEST(a_line_may_come_byte_by_byte),
	UNIT_TEST(many_lines_may_come_at_once),
	UNIT_TEST(requests_without_an_id_do_nothing),
	UNIT_TEST(an_unknown_method_names_the_nearest),
	UNIT_TEST(roles_decide_who_may_call_what),
	UNIT_TEST(a_user_without_a_role_is_told_and_closed),
	UNIT_TEST(errors_carry_message_and_data),
	UNIT_TEST(an_oversized_line_closes_its_client_alone),
	UNIT_TEST(a_whole_line_that_is_too_long_is_refused_too),
	UNIT_TEST(an_administrator_may_send_a_large_policy),
	UNIT_TEST(a_line_begun_must_be_finished_in_ten_seconds),
	UNIT_TEST(each_line_has_its_own_ten_seconds),
	UNIT_TEST(one_client_too_many_is_told_and_closed),
	UNIT_TEST(viewers_cannot_take_the_last_places),
	UNIT_TEST(a_client_that_does_not_read_waits_and_nobody_else),
	UNIT_TEST(an_answer_too_large_becomes_an_error),
};

int main(void)
{
	return unit_run("ctl", tests, UNIT_COUNT(tests));
}
