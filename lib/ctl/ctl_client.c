/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_priv.h"

struct pps_ctl_client {
	int fd;
	char *path;
	unsigned int patience_sec;
	bool late; /* patience came to its end while reading */
	json_int_t next_id;
	struct pps_ctl_lines in;
	json_t *waiting; /* notifications that came while a call waited for its answer */
};

static void say_why(struct pps_errors *errors, const char *path, int err)
{
	switch (err) {
	case ENOENT:
		pps_errors_add(errors, NULL,
			"no daemon: %s does not exist. Is ppsfwd running? Another socket: --socket "
			"PATH",
			path);
		break;
	case ECONNREFUSED:
		pps_errors_add(errors, NULL, "no daemon: nobody answers on %s. Start ppsfwd", path);
		break;
	case EACCES:
	case EPERM:
		pps_errors_add(errors, NULL,
			"no permission to use %s: use sudo, or join the group that owns it", path);
		break;
	case EAGAIN:
		pps_errors_add(errors, NULL,
			"the daemon on %s takes no connection: it is stopped, hung or too busy",
			path);
		break;
	default:
		pps_errors_add(errors, NULL, "%s: %s", path, strerror(err));
	}
}

/* For connecting, too, since that waits for room as sending does. */
static void set_patience(int fd, unsigned int patience_sec)
{
	const struct timeval patience = {.tv_sec = patience_sec};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

struct pps_ctl_client *pps_ctl_connect(
	const char *path, unsigned int patience_sec, struct pps_errors *errors)
{
	struct pps_ctl_client *client;
	struct sockaddr_un address;
	int fd;

	if (pps_ctl_wire_address(path, &address) < 0) {
		pps_errors_add(errors, NULL, "%s: a socket's path has at most %zu bytes", path,
			sizeof(address.sun_path) - 1);
		return NULL;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		set_patience(fd, patience_sec);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		say_why(errors, path, errno);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	client = pps_alloc(sizeof(*client));
	client->fd = fd;
	client->path = pps_strdup(path);
	client->patience_sec = patience_sec;
	client->waiting = json_array();
	return client;
}

void pps_ctl_set_patience(struct pps_ctl_client *client, unsigned int patience_sec)
{
	client->patience_sec = patience_sec;
	set_patience(client->fd, patience_sec);
}

void pps_ctl_client_destroy(struct pps_ctl_client *client)
{
	if (client == NULL)
		return;
	close(client->fd);
	pps_ctl_lines_fini(&client->in);
	json_decref(client->waiting);
	free(client->path);
	free(client);
}

/* Returns 0 or a negative errno. */
static int send_all(int fd, const struct pps_str *line)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < line->len) {
		n = send(fd, line->text + sent, line->len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += (size_t)n;
	}
	return 0;
}

/* The next object the daemon sent, or NULL when the connection ended, or patience. */
static json_t *receive(struct pps_ctl_client *client)
{
	const char *line;
	size_t len;

	while (!pps_ctl_lines_take(&client->in, &line, &len)) {
		ssize_t n = pps_ctl_lines_pending(&client->in) > 2 * (size_t)PPS_CTL_REPLY_MAX
			? 0
			: pps_ctl_lines_read(&client->in, client->fd);

		client->late = n == -EAGAIN;
		if (n <= 0)
			return NULL;
	}
	return json_loadb(line, len, 0, NULL);
}

/* The answer to call 'id', or one that names no call: the daemon's last words. */
static json_t *receive_answer(struct pps_ctl_client *client, json_int_t id)
{
	json_t *object;

	while ((object = receive(client)) != NULL) {
		const json_t *got = json_object_get(object, "id");

		if (json_is_null(got) || (json_is_integer(got) && json_integer_value(got) == id))
			return object;
		if (json_is_string(json_object_get(object, "method")))
			json_array_append(client->waiting, object);
		json_decref(object);
	}
	return NULL;
}

/* No answer; 'err' is what sending ended in. */
static int say_silence(const struct pps_ctl_client *client, int err, struct pps_errors *errors)
{
	if (err == -EAGAIN || client->late) {
		pps_errors_add(errors, NULL,
			"the daemon on %s said nothing for %u s: it is stopped, hung or too busy",
			client->path, client->patience_sec);
		return -ETIMEDOUT;
	}
	pps_errors_add(errors, NULL, "the daemon on %s closed the connection%s%s", client->path,
		err < 0 ? ": " : "", err < 0 ? strerror(-err) : "");
	return -EPIPE;
}

int pps_ctl_call(struct pps_ctl_client *client, const char *method, json_t *params,
	json_t **ret_result, struct pps_errors *errors)
{
	struct pps_str line = PPS_STR_INIT;
	json_int_t id = ++client->next_id;
	json_t *request, *answer, *error;
	int err;

	request = json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", id, "method", method);
	if (params != NULL)
		json_object_set_new(request, "params", params);
	err = pps_ctl_wire_add(&line, request, PPS_CTL_LINE_MAX);
	json_decref(request);
	if (err < 0) {
		pps_errors_add(
			errors, NULL, "the request is longer than %u MiB", PPS_CTL_LINE_MAX >> 20);
		pps_str_fini(&line);
		return -EMSGSIZE;
	}
	/* A daemon that closes while we send may have said why: read before giving up. */
	err = send_all(client->fd, &line);
	pps_str_fini(&line);
	answer = err == -EAGAIN ? NULL : receive_answer(client, id);
	if (answer == NULL)
		return say_silence(client, err, errors);
	error = json_object_get(answer, "error");
	*ret_result = json_incref(error != NULL ? error : json_object_get(answer, "result"));
	json_decref(answer);
	if (*ret_result == NULL) {
		pps_errors_add(errors, NULL, "what answers on %s is not ppsfwd", client->path);
		return -EPIPE;
	}
	return error != NULL ? 1 : 0;
}

json_t *pps_ctl_next(struct pps_ctl_client *client)
{
	json_t *object;

	if (json_array_size(client->waiting) > 0) {
		object = json_incref(json_array_get(client->waiting, 0));
		json_array_remove(client->waiting, 0);
		return object;
	}
	pps_ctl_set_patience(client, 0);
	while ((object = receive(client)) != NULL) {
		if (json_is_string(json_object_get(object, "method")))
			return object;
		json_decref(object);
	}
	return NULL;
}
