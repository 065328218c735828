/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket in the file system, and the blocking client, which gets a thread to talk to. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_fixture.h"

/* ---- the socket ---- */

struct place {
	char folder[32];
	char path[64];
};

static void make_place(struct place *place)
{
	strcpy(place->folder, "/tmp/test_ctl.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/s", place->folder);
}

static void remove_place(struct place *place)
{
	unlink(place->path);
	CU_ASSERT_EQUAL(rmdir(place->folder), 0);
}

static struct pps_ctl_server *create(struct ctl_fixture *f, const char *path, char **ret_error)
{
	struct pps_ctl_server_params params = ctl_make_params(f, path);
	struct pps_errors errors = {0};
	struct pps_ctl_server *server;
	struct pps_str text = PPS_STR_INIT;

	server = pps_ctl_server_create(&params, &errors);
	CU_ASSERT_EQUAL(server == NULL, errors.n_total > 0);
	pps_errors_print(&errors, &text);
	*ret_error = pps_str_take(&text);
	pps_errors_fini(&errors);
	return server;
}

static void set_up_at(struct ctl_fixture *f, struct place *place)
{
	char *error;

	*f = (struct ctl_fixture){.role = PPS_CTL_ADMIN, .now_ns = SECOND};
	make_place(place);
	f->server = create(f, place->path, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->server);
	free(error);
}

static void the_socket_has_its_mode_whatever_the_umask(void)
{
	static const mode_t masks[] = {0, 022, 0777};

	for (size_t i = 0; i < UNIT_COUNT(masks); i++) {
		mode_t before = umask(masks[i]);
		struct place place;
		struct ctl_fixture f;
		struct stat st;
		char *error;

		umask(before);
		make_place(&place);
		umask(masks[i]);
		f = (struct ctl_fixture){.role = PPS_CTL_ADMIN};
		f.server = create(&f, place.path, &error);
		umask(before);
		CU_ASSERT_PTR_NOT_NULL_FATAL(f.server);
		free(error);
		CU_ASSERT_EQUAL(stat(place.path, &st), 0);
		CU_ASSERT_EQUAL(st.st_mode & 07777, 0660);
		pps_ctl_server_destroy(f.server);
		CU_ASSERT_EQUAL(access(place.path, F_OK), -1);
		remove_place(&place);
	}
}

static void a_socket_with_a_daemon_behind_it_is_left_alone(void)
{
	struct ctl_fixture f, second = {.role = PPS_CTL_ADMIN};
	struct pps_ctl_server *server;
	struct place place;
	char *error;

	set_up_at(&f, &place);
	server = create(&second, place.path, &error);
	CU_ASSERT_EQUAL(errno, EADDRINUSE);
	CU_ASSERT_PTR_NULL(server);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "another daemon answers on"));
	CU_ASSERT_EQUAL(access(place.path, F_OK), 0);
	free(error);
	ctl_run_all(&f);
	pps_ctl_server_destroy(f.server);
	remove_place(&place);
}

static void a_stale_socket_is_replaced(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct ctl_fixture f = {.role = PPS_CTL_ADMIN};
	struct place place;
	char *error;

	make_place(&place);
	strcpy(address.sun_path, place.path);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	f.server = create(&f, place.path, &error);
	CU_ASSERT_PTR_NOT_NULL(f.server);
	free(error);
	pps_ctl_server_destroy(f.server);
	remove_place(&place);
}

static void what_is_not_a_socket_is_not_removed(void)
{
	struct ctl_fixture f = {.role = PPS_CTL_ADMIN};
	struct place place;
	char *error;
	FILE *file;

	make_place(&place);
	file = fopen(place.path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fclose(file);
	CU_ASSERT_PTR_NULL(create(&f, place.path, &error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "not a socket"));
	CU_ASSERT_EQUAL(access(place.path, F_OK), 0);
	free(error);
	remove_place(&place);
}

static void impossible_paths_are_errors(void)
{
	struct ctl_fixture f = {.role = PPS_CTL_ADMIN};
	struct pps_errors errors = {0};
	char longest[200], *error;

	memset(longest, 'p', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	CU_ASSERT_PTR_NULL(create(&f, longest, &error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "at most 107 bytes"));
	free(error);
	CU_ASSERT_PTR_NULL(pps_ctl_connect(longest, 60, &errors));
	CU_ASSERT_EQUAL(errors.n_total, 1);
	pps_errors_fini(&errors);
	CU_ASSERT_PTR_NULL(create(&f, "/nonexistent/ppsfw.sock", &error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "No such file"));
	free(error);
}

static void a_socket_that_was_replaced_is_not_removed(void)
{
	struct place place;
	struct ctl_fixture f;
	FILE *file;

	set_up_at(&f, &place);
	unlink(place.path);
	file = fopen(place.path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fclose(file);
	pps_ctl_server_destroy(f.server);
	CU_ASSERT_EQUAL(access(place.path, F_OK), 0);
	remove_place(&place);
}

/* ---- the blocking client ---- */

struct loop {
	struct ctl_fixture *f;
	int stop_fds[2];
	pthread_t thread;
};

/* The daemon's loop. A listener gets an event before each answer that comes late. */
static void *loop_run(void *arg)
{
	struct loop *loop = arg;
	struct pollfd fds[2] = {
		{.fd = pps_ctl_server_fd(loop->f->server), .events = POLLIN},
		{.fd = loop->stop_fds[0], .events = POLLIN},
	};

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
		pps_ctl_server_run(loop->f->server, pps_time_mono_ns());
		while (loop->f->n_calls > 0) {
			ctl_publish(loop->f, "deny", (int)loop->f->n_calls);
			pps_ctl_reply(loop->f->calls[--loop->f->n_calls], json_true());
		}
	}
	return NULL;
}

static void loop_start(struct loop *loop, struct ctl_fixture *f)
{
	loop->f = f;
	CU_ASSERT_EQUAL_FATAL(pipe(loop->stop_fds), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&loop->thread, NULL, loop_run, loop), 0);
}

static void loop_stop(struct loop *loop)
{
	close(loop->stop_fds[1]);
	pthread_join(loop->thread, NULL);
	close(loop->stop_fds[0]);
}

/* ctl_authorise() counts assertions, and CUnit does not count in threads. */
static enum pps_ctl_role authorise_silently(const struct pps_ctl_peer *peer, void *aux)
{
	(void)peer;
	return ((struct ctl_fixture *)aux)->role;
}

static void the_client_calls_and_listens(void)
{
	struct pps_errors errors = {0};
	struct pps_ctl_client *client;
	struct ctl_fixture f;
	struct place place;
	struct loop loop;
	json_t *result;

	set_up_at(&f, &place);
	f.server->params.authorise = authorise_silently;
	loop_start(&loop, &f);
	client = pps_ctl_connect(place.path, 60, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "echo", json_pack("[i]", 7), &result, &errors), 0);
	CU_ASSERT_EQUAL(json_integer_value(json_array_get(result, 0)), 7);
	json_decref(result);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "fail", NULL, &result, &errors), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "code")), PPS_CTL_E_REFUSED);
	json_decref(result);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "subscribe", json_object(), &result, &errors), 0);
	json_decref(result);
	/* A notification comes before the answer, and is kept. */
	CU_ASSERT_EQUAL(pps_ctl_call(client, "later", NULL, &result, &errors), 0);
	CU_ASSERT(json_is_true(result));
	json_decref(result);
	result = pps_ctl_next(client);
	CU_ASSERT_STRING_EQUAL(
		json_string_value(json_object_get(json_object_get(result, "params"), "event")),
		"deny");
	json_decref(result);
	loop_stop(&loop);
	pps_ctl_server_destroy(f.server);
	CU_ASSERT_PTR_NULL(pps_ctl_next(client));
	CU_ASSERT_EQUAL(errors.n_total, 0);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "echo", NULL, &result, &errors), -EPIPE);
	CU_ASSERT_EQUAL(errors.n_total, 1);
	pps_errors_fini(&errors);
	pps_ctl_client_destroy(client);
	remove_place(&place);
}

static void the_client_moves_large_requests_and_answers(void)
{
	struct pps_errors errors = {0};
	struct pps_ctl_client *client;
	struct ctl_fixture f;
	struct place place;
	struct loop loop;
	json_t *result;
	char *text = pps_alloc((4u << 20) + 1);

	memset(text, 'y', 4u << 20);
	set_up_at(&f, &place);
	f.server->params.authorise = authorise_silently;
	loop_start(&loop, &f);
	client = pps_ctl_connect(place.path, 60, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "echo", json_pack("[s]", text), &result, &errors), 0);
	CU_ASSERT_EQUAL(json_string_length(json_array_get(result, 0)), 4u << 20);
	json_decref(result);
	loop_stop(&loop);
	pps_ctl_server_destroy(f.server);
	pps_ctl_client_destroy(client);
	remove_place(&place);
	free(text);
}

static void the_client_is_told_why_it_was_turned_away(void)
{
	struct pps_errors errors = {0};
	struct pps_ctl_client *client;
	struct ctl_fixture f;
	struct place place;
	struct loop loop;
	json_t *result;

	set_up_at(&f, &place);
	f.role = PPS_CTL_NOBODY;
	f.server->params.authorise = authorise_silently;
	loop_start(&loop, &f);
	client = pps_ctl_connect(place.path, 60, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "echo", NULL, &result, &errors), 1);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "code")), PPS_CTL_E_DENIED);
	json_decref(result);
	loop_stop(&loop);
	pps_ctl_server_destroy(f.server);
	pps_ctl_client_destroy(client);
	remove_place(&place);
}

static void the_client_says_what_to_do_without_a_daemon(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pps_errors errors = {0};
	struct place place;

	make_place(&place);
	CU_ASSERT_PTR_NULL(pps_ctl_connect(place.path, 60, &errors));
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "Is ppsfwd running?"));
	strcpy(address.sun_path, place.path);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	CU_ASSERT_PTR_NULL(pps_ctl_connect(place.path, 60, &errors));
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[1].text, "nobody answers"));
	pps_errors_fini(&errors);
	remove_place(&place);
}

/* A socket on which somebody listens and does nothing more, as a stopped daemon. */
static int listen_only(const struct place *place)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, place->path);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL(listen(fd, 0), 0);
	return fd;
}

static void expect_silence(const struct place *place, json_t *params)
{
	struct pps_errors errors = {0};
	struct pps_ctl_client *client = pps_ctl_connect(place->path, 60, &errors);
	json_t *result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	pps_ctl_set_patience(client, 1);
	CU_ASSERT_EQUAL(pps_ctl_call(client, "echo", params, &result, &errors), -ETIMEDOUT);
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "said nothing for 1 s"));
	pps_errors_fini(&errors);
	pps_ctl_client_destroy(client);
}

static void the_client_gives_up_on_a_daemon_that_says_nothing(void)
{
	struct place place;
	int fd;

	make_place(&place);
	fd = listen_only(&place);
	expect_silence(&place, NULL);
	close(fd);
	remove_place(&place);
}

static void the_client_gives_up_on_a_daemon_that_takes_nothing(void)
{
	char *text = pps_alloc((4u << 20) + 1);
	struct place place;
	int fd;

	memset(text, 'y', 4u << 20);
	make_place(&place);
	fd = listen_only(&place);
	expect_silence(&place, json_pack("[s]", text));
	close(fd);
	remove_place(&place);
	free(text);
}

static void the_client_gives_up_on_a_daemon_that_takes_no_connection(void)
{
	struct pps_errors errors = {0};
	struct pps_ctl_client *clients[64];
	struct place place;
	size_t n = 0;
	int fd;

	make_place(&place);
	fd = listen_only(&place);
	while (n < UNIT_COUNT(clients) &&
		(clients[n] = pps_ctl_connect(place.path, 1, &errors)) != NULL)
		n++;
	CU_ASSERT(n < UNIT_COUNT(clients));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "takes no connection"));
	while (n > 0)
		pps_ctl_client_destroy(clients[--n]);
	pps_errors_fini(&errors);
	close(fd);
	remove_place(&place);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_socket_has_its_mode_whatever_the_umask),
	UNIT_TEST(a_socket_with_a_daemon_behind_it_is_left_alone),
	UNIT_TEST(a_stale_socket_is_replaced),
	UNIT_TEST(what_is_not_a_socket_is_not_removed),
	UNIT_TEST(impossible_paths_are_errors),
	UNIT_TEST(a_socket_that_was_replaced_is_not_removed),
	UNIT_TEST(the_client_calls_and_listens),
	UNIT_TEST(the_client_moves_large_requests_and_answers),
	UNIT_TEST(the_client_is_told_why_it_was_turned_away),
	UNIT_TEST(the_client_says_what_to_do_without_a_daemon),
	UNIT_TEST(the_client_gives_up_on_a_daemon_that_says_nothing),
	UNIT_TEST(the_client_gives_up_on_a_daemon_that_takes_nothing),
	UNIT_TEST(the_client_gives_up_on_a_daemon_that_takes_no_connection),
};

int main(void)
{
	return unit_run("ctl_socket", tests, UNIT_COUNT(tests));
}
