/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_fixture.h"

/* ---- a server and its methods ---- */

static void echo(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	((struct ctl_fixture *)aux)->n_echoes++;
	pps_ctl_reply(call, params == NULL ? NULL : json_deep_copy(params));
}

static void later(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct ctl_fixture *f = aux;

	(void)params;
	CU_ASSERT_FATAL(f->n_calls < CALLS_KEPT);
	f->calls[f->n_calls++] = call;
}

static void listen_to(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	(void)aux;
	pps_ctl_subscribe(call, json_incref(json_object_get(params, "filter")), json_true());
}

/* Answers with a string of params.n bytes. */
static void big(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	size_t n = (size_t)json_integer_value(json_object_get(params, "n"));
	char *text = pps_alloc(n + 1);

	(void)aux;
	memset(text, 'x', n);
	pps_ctl_reply(call, json_string(text));
	free(text);
}

static void fail(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	(void)params;
	(void)aux;
	pps_ctl_fail(call, PPS_CTL_E_REFUSED, json_pack("[s]", "why"), "no \xff thanks %d", 7);
}

static void fail_list(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct pps_errors errors = {0};

	(void)params;
	(void)aux;
	pps_errors_add(&errors, "approved[2].ports", "\"70000\" is not a port");
	pps_errors_add(&errors, "", "second");
	pps_ctl_fail_errors(call, PPS_CTL_E_REFUSED, "the policy has 2 errors", &errors);
	pps_errors_fini(&errors);
}

static const struct pps_ctl_method methods[] = {
	{"echo", PPS_CTL_VIEW, echo, "answers its params"},
	{"policy.load", PPS_CTL_ADMIN, echo, "for administrators"},
	{"later", PPS_CTL_VIEW, later, "is answered later"},
	{"subscribe", PPS_CTL_VIEW, listen_to, "listens"},
	{"big", PPS_CTL_VIEW, big, "answers much"},
	{"fail", PPS_CTL_VIEW, fail, "fails"},
	{"fail_list", PPS_CTL_VIEW, fail_list, "fails with a list"},
};

enum pps_ctl_role ctl_authorise(const struct pps_ctl_peer *peer, void *aux)
{
	CU_ASSERT_EQUAL(peer->uid, getuid());
	CU_ASSERT_EQUAL(peer->pid, getpid());
	return ((struct ctl_fixture *)aux)->role;
}

struct pps_ctl_server_params ctl_make_params(struct ctl_fixture *f, const char *path)
{
	return (struct pps_ctl_server_params){
		.path = path,
		.mode = 0660,
		.methods = methods,
		.n_methods = UNIT_COUNT(methods),
		.authorise = ctl_authorise,
		.aux = f,
	};
}

void ctl_set_up(struct ctl_fixture *f, enum pps_ctl_role role)
{
	struct pps_errors errors = {0};
	struct pps_ctl_server_params params = ctl_make_params(f, NULL);

	*f = (struct ctl_fixture){.role = role, .now_ns = SECOND};
	f->server = pps_ctl_server_new(&params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->server);
	pps_errors_fini(&errors);
}

void ctl_run(struct ctl_fixture *f)
{
	pps_ctl_server_run(f->server, f->now_ns);
}

void ctl_run_all(struct ctl_fixture *f)
{
	struct pollfd pollfd = {.fd = pps_ctl_server_fd(f->server), .events = POLLIN};
	unsigned int n = 0;

	while (n++ < 100000 && poll(&pollfd, 1, 0) == 1)
		ctl_run(f);
	CU_ASSERT(n < 100000);
}

/* ---- clients ---- */

int ctl_join(struct ctl_fixture *f)
{
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	pps_ctl_server_attach(f->server, fds[1]);
	return fds[0];
}

bool ctl_send_bytes(struct ctl_fixture *f, int fd, const char *bytes, size_t len)
{
	ssize_t n;

	for (int i = 0; len > 0 && i < 100000; i++) {
		n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		ctl_run(f);
	}
	return len == 0;
}

bool ctl_send_text(struct ctl_fixture *f, int fd, const char *text)
{
	return ctl_send_bytes(f, fd, text, strlen(text));
}

json_t *ctl_get(struct ctl_fixture *f, int fd)
{
	struct pps_str line = PPS_STR_INIT;
	json_t *object = NULL;
	const char *newline = NULL;
	char bytes[16384];
	ssize_t n;

	for (int idle = 0; idle < 2 && newline == NULL;) {
		n = recv(fd, bytes, sizeof(bytes), MSG_PEEK);
		if (n <= 0) {
			ctl_run_all(f);
			idle++;
			continue;
		}
		newline = memchr(bytes, '\n', (size_t)n);
		if (newline != NULL)
			n = newline - bytes + 1;
		n = recv(fd, bytes, (size_t)n, 0);
		pps_str_add_bytes(&line, bytes, (size_t)n);
		idle = 0;
	}
	if (newline != NULL)
		object = json_loadb(line.text, line.len, 0, NULL);
	pps_str_fini(&line);
	return object;
}

bool ctl_is_closed(struct ctl_fixture *f, int fd)
{
	char c;

	ctl_run_all(f);
	return recv(fd, &c, 1, 0) == 0;
}

int ctl_error_code(const json_t *answer)
{
	return (int)json_integer_value(json_object_get(json_object_get(answer, "error"), "code"));
}

const char *ctl_error_message(const json_t *answer)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(answer, "error"), "message"));

	return text == NULL ? "" : text;
}

void ctl_expect(struct ctl_fixture *f, int fd, const char *line, const char *expected)
{
	json_t *want = json_loads(expected, JSON_DECODE_ANY, NULL), *got;

	CU_ASSERT_PTR_NOT_NULL_FATAL(want);
	CU_ASSERT(ctl_send_text(f, fd, line));
	got = ctl_get(f, fd);
	CU_ASSERT(json_equal(got, want));
	json_decref(got);
	json_decref(want);
}

void ctl_expect_code(struct ctl_fixture *f, int fd, const char *line, int code)
{
	json_t *got;

	CU_ASSERT(ctl_send_text(f, fd, line));
	got = ctl_get(f, fd);
	CU_ASSERT_EQUAL(ctl_error_code(got), code);
	json_decref(got);
}

void ctl_expect_alive(struct ctl_fixture *f, int fd)
{
	ctl_expect(f, fd, ECHO_1, ANSWER_1);
}

static bool matches(const json_t *params, const json_t *filter)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)filter, key, value)
	{
		if (!json_equal(json_object_get(params, key), value))
			return false;
	}
	return true;
}

void ctl_publish(struct ctl_fixture *f, const char *event, int n)
{
	json_t *params = json_pack("{s:s, s:i}", "event", event, "n", n);

	pps_ctl_publish(f->server, "event", params, matches);
	json_decref(params);
}
