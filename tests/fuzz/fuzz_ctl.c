/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes from a client of the control server, in any pieces. The first byte is a seed: it says
 * the client's role, how the rest is cut, and what happens in between (answers that come late,
 * notifications, a client that reads now and then). The rest is what the client sends.
 *
 * Holds: every line the server sends is an object of JSON-RPC; no client has more calls under way
 * than it may; the server comes to rest; another client is served all the same; nobody is left.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_priv.h"

#define CALLS_KEPT 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct pps_ctl_server *server;
	enum pps_ctl_role role;
	uint64_t now_ns;
	uint32_t random;
	struct pps_ctl_call *calls[CALLS_KEPT];
	unsigned int n_calls;
	struct pps_str received; /* by the client, and not a whole line yet */
};

static void check(bool holds, const char *sentence)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_ctl: does not hold: %s\n", sentence);
	abort();
}

static uint32_t draw(struct fuzz *fuzz, uint32_t n)
{
	fuzz->random = fuzz->random * 1664525u + 1013904223u;
	return (fuzz->random >> 8) % n;
}

/* ---- methods ---- */

static void echo(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	(void)aux;
	pps_ctl_reply(call, params == NULL ? NULL : json_deep_copy(params));
}

static void later(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	struct fuzz *fuzz = aux;

	(void)params;
	check(fuzz->n_calls < PPS_CTL_CALLS_MAX, "a client has at most eight calls under way");
	fuzz->calls[fuzz->n_calls++] = call;
}

static void subscribe(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	(void)aux;
	pps_ctl_subscribe(call, json_incref(json_object_get(params, "filter")), NULL);
}

static void fail(struct pps_ctl_call *call, const json_t *params, void *aux)
{
	(void)aux;
	pps_ctl_fail(call, PPS_CTL_E_PARAMS, NULL, "\"%s\" is wrong",
		json_is_object(params) ? json_string_value(json_object_get(params, "word")) : NULL);
}

static const struct pps_ctl_method methods[] = {
	{"echo", PPS_CTL_VIEW, echo, ""},
	{"later", PPS_CTL_VIEW, later, ""},
	{"subscribe", PPS_CTL_VIEW, subscribe, ""},
	{"fail", PPS_CTL_VIEW, fail, ""},
	{"policy.load", PPS_CTL_ADMIN, echo, ""},
};

static enum pps_ctl_role authorise(const struct pps_ctl_peer *peer, void *aux)
{
	(void)peer;
	return ((struct fuzz *)aux)->role;
}

static bool matches(const json_t *params, const json_t *filter)
{
	return json_object_get(params, "n") != filter;
}

/* ---- both ends ---- */

static int join(struct fuzz *fuzz)
{
	int fds[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0,
		"there are descriptors");
	pps_ctl_server_attach(fuzz->server, fds[1]);
	return fds[0];
}

static void run(struct fuzz *fuzz)
{
	struct pollfd pollfd = {.fd = pps_ctl_server_fd(fuzz->server), .events = POLLIN};
	unsigned int n = 0;

	do {
		pps_ctl_server_run(fuzz->server, fuzz->now_ns);
		check(++n < 1000000, "the server comes to rest");
	} while (poll(&pollfd, 1, 0) == 1);
}

static void check_line(const char *line, size_t len)
{
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *version = json_string_value(json_object_get(object, "jsonrpc"));
	bool answer = json_object_get(object, "id") != NULL;
	bool notification = json_is_string(json_object_get(object, "method"));

	check(version != NULL && strcmp(version, "2.0") == 0, "every line is JSON-RPC");
	check(answer != notification, "every line is an answer or a notification");
	check(!answer ||
			(json_object_get(object, "result") != NULL) !=
				(json_object_get(object, "error") != NULL),
		"an answer has a result or an error");
	json_decref(object);
}

/* Reads what is there; false at the end of the connection. */
static bool receive(struct fuzz *fuzz, int fd)
{
	char bytes[65536];
	const char *newline;
	ssize_t n;
	size_t len;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		pps_str_add_bytes(&fuzz->received, bytes, (size_t)n);
		run(fuzz);
	}
	while ((newline = memchr(pps_str_text(&fuzz->received), '\n', fuzz->received.len)) !=
		NULL) {
		len = (size_t)(newline - fuzz->received.text) + 1;
		check_line(fuzz->received.text, len - 1);
		fuzz->received.len -= len;
		memmove(fuzz->received.text, newline + 1, fuzz->received.len + 1);
	}
	return n != 0;
}

static void answer_one(struct fuzz *fuzz)
{
	unsigned int i;

	if (fuzz->n_calls == 0)
		return;
	i = draw(fuzz, fuzz->n_calls);
	pps_ctl_reply(fuzz->calls[i], json_integer((json_int_t)i));
	fuzz->calls[i] = fuzz->calls[--fuzz->n_calls];
}

static void publish(struct fuzz *fuzz)
{
	json_t *params = json_pack("{s:i}", "n", (int)draw(fuzz, 3));

	pps_ctl_publish(fuzz->server, "event", params, matches);
	json_decref(params);
}

static void happen(struct fuzz *fuzz, int fd)
{
	switch (draw(fuzz, 8)) {
	case 0:
		answer_one(fuzz);
		break;
	case 1:
		publish(fuzz);
		break;
	case 2:
		receive(fuzz, fd);
		break;
	case 3:
		fuzz->now_ns += draw(fuzz, 12) * PPS_NS_PER_SEC / 4;
		break;
	default:
		break;
	}
	run(fuzz);
}

/* Sends everything; false when the server closed. */
static bool send_all(struct fuzz *fuzz, int fd, const uint8_t *data, size_t size)
{
	size_t most = 1 + draw(fuzz, 4) * draw(fuzz, 400), n;
	ssize_t sent;

	while (size > 0) {
		n = 1 + draw(fuzz, (uint32_t)most);
		n = n < size ? n : size;
		sent = send(fd, data, n, MSG_NOSIGNAL);
		happen(fuzz, fd);
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
			continue;
		}
		/* The socket is full: whoever waits for whom, this moves on. */
		answer_one(fuzz);
		if (!receive(fuzz, fd))
			return false;
	}
	return true;
}

/* The client reads and is answered until nothing moves. */
static void settle(struct fuzz *fuzz, int fd)
{
	bool open = true;

	do {
		answer_one(fuzz);
		run(fuzz);
		open = open && receive(fuzz, fd);
	} while (fuzz->n_calls > 0);
}

static void check_other(struct fuzz *fuzz, int fd)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\"}\n";
	static const char answer[] = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":null}\n";
	char bytes[sizeof(answer)];

	check(send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) == sizeof(line) - 1,
		"another client may send");
	run(fuzz);
	check(recv(fd, bytes, sizeof(bytes), 0) == sizeof(answer) - 1 &&
			memcmp(bytes, answer, sizeof(answer) - 1) == 0,
		"another client is answered");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pps_ctl_server_params params = {
		.methods = methods,
		.n_methods = sizeof(methods) / sizeof(methods[0]),
		.authorise = authorise,
	};
	struct pps_errors errors = {0};
	struct fuzz fuzz = {.role = PPS_CTL_ADMIN};
	int fd, other;

	if (size == 0)
		return 0;
	fuzz.random = data[0];
	fuzz.role = data[0] % 2 == 0 ? PPS_CTL_ADMIN : PPS_CTL_VIEW;
	params.aux = &fuzz;
	fuzz.server = pps_ctl_server_new(&params, &errors);
	check(fuzz.server != NULL, "there is a server");
	other = join(&fuzz);
	fd = join(&fuzz);
	if (send_all(&fuzz, fd, data + 1, size - 1) && draw(&fuzz, 2) == 0)
		shutdown(fd, SHUT_WR);
	if (draw(&fuzz, 4) != 0)
		settle(&fuzz, fd);
	check_other(&fuzz, other);
	close(fd);
	close(other);
	run(&fuzz);
	check(pps_ctl_server_clients(fuzz.server) == 0, "nobody is left");
	while (fuzz.n_calls > draw(&fuzz, 2))
		answer_one(&fuzz);
	pps_ctl_server_destroy(fuzz.server);
	pps_str_fini(&fuzz.received);
	pps_errors_fini(&errors);
	return 0;
}
