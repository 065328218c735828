/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl_priv.h"

#define BACKLOG 64

/* ---- life ---- */

struct pps_ctl_server *pps_ctl_server_new(
	const struct pps_ctl_server_params *params, struct pps_errors *errors)
{
	struct pps_ctl_server *server = pps_alloc(sizeof(*server));
	struct epoll_event event = {.events = EPOLLIN};

	server->params = *params;
	server->params.path = NULL;
	server->listen_fd = -1;
	LIST_INIT(&server->calls);
	server->names = pps_alloc((params->n_methods + 1) * sizeof(*server->names));
	for (size_t i = 0; i < params->n_methods; i++)
		server->names[i] = params->methods[i].name;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	event.data.ptr = &server->kick_fd;
	if (server->epoll_fd < 0 || server->kick_fd < 0 ||
		epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->kick_fd, &event) < 0) {
		pps_errors_add(
			errors, NULL, "no descriptor for the control socket: %s", strerror(errno));
		pps_ctl_server_destroy(server);
		return NULL;
	}
	return server;
}

/* Makes way for our socket: nothing there, or one nobody answers on. 0 or a negative errno. */
static int remove_stale(
	const char *path, const struct sockaddr_un *address, struct pps_errors *errors)
{
	struct stat st;
	int fd, err;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		pps_errors_add(errors, NULL, "%s exists and is not a socket: remove it", path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	if (err == ECONNREFUSED)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (err == ENOENT)
		return 0;
	if (err == 0 || err == EAGAIN) {
		pps_errors_add(errors, NULL, "another daemon answers on %s", path);
		return -EADDRINUSE;
	}
	return -err;
}

static int bind_socket(struct pps_ctl_server *server, const char *path, mode_t mode,
	const struct sockaddr_un *address)
{
	struct stat st;

	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* bind() gives the file the mode of the descriptor, less the umask: never too much, and
	 * chmod() adds what is missing. */
	if (server->listen_fd < 0 || fchmod(server->listen_fd, mode) < 0 ||
		bind(server->listen_fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	server->path = pps_strdup(path);
	if (lstat(path, &st) < 0)
		return -errno;
	server->path_dev = st.st_dev;
	server->path_ino = st.st_ino;
	if (listen(server->listen_fd, BACKLOG) < 0 || chmod(path, mode) < 0)
		return -errno;
	return 0;
}

static int watch_listening(struct pps_ctl_server *server, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = &server->listen_fd};
	int op = events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;

	return epoll_ctl(server->epoll_fd, op, server->listen_fd, &event) < 0 ? -errno : 0;
}

struct pps_ctl_server *pps_ctl_server_create(
	const struct pps_ctl_server_params *params, struct pps_errors *errors)
{
	struct pps_ctl_server *server;
	struct sockaddr_un address;
	size_t n_before = errors->n_total;
	int err;

	if (pps_ctl_wire_address(params->path, &address) < 0) {
		pps_errors_add(errors, NULL, "%s: a socket's path has at most %zu bytes",
			params->path, sizeof(address.sun_path) - 1);
		errno = ENAMETOOLONG;
		return NULL;
	}
	server = pps_ctl_server_new(params, errors);
	if (server == NULL)
		return NULL;
	err = remove_stale(params->path, &address, errors);
	if (err == 0)
		err = bind_socket(server, params->path, params->mode, &address);
	if (err == 0)
		err = watch_listening(server, EPOLLIN);
	if (err == 0)
		return server;
	if (errors->n_total == n_before)
		pps_errors_add(errors, NULL, "%s: %s", params->path, strerror(-err));
	pps_ctl_server_destroy(server);
	errno = -err;
	return NULL;
}

/* Another daemon may have replaced our socket: then it is not ours to remove. */
static void remove_own(const struct pps_ctl_server *server)
{
	struct stat st;

	if (server->path != NULL && lstat(server->path, &st) == 0 &&
		st.st_dev == server->path_dev && st.st_ino == server->path_ino)
		unlink(server->path);
}

void pps_ctl_server_destroy(struct pps_ctl_server *server)
{
	struct pps_ctl_call *call;

	if (server == NULL)
		return;
	remove_own(server);
	for (unsigned int i = 0; i < server->n_conns; i++) {
		pps_ctl_conn_flush(server->conns[i]);
		pps_ctl_conn_free(server->conns[i]);
	}
	while ((call = LIST_FIRST(&server->calls)) != NULL) {
		LIST_REMOVE(call, link);
		json_decref(call->id);
		free(call);
	}
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	if (server->kick_fd >= 0)
		close(server->kick_fd);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	free(server->names);
	free(server->path);
	free(server);
}

int pps_ctl_server_fd(const struct pps_ctl_server *server)
{
	return server->epoll_fd;
}

unsigned int pps_ctl_server_clients(const struct pps_ctl_server *server)
{
	return server->n_conns;
}

void pps_ctl_server_kick(struct pps_ctl_server *server)
{
	uint64_t one = 1;

	if (server->kicked)
		return;
	server->kicked = write(server->kick_fd, &one, sizeof(one)) == sizeof(one);
}

/* ---- connections ---- */

static int peer_read(struct pps_ctl_server *server, int fd, struct pps_ctl_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*peer = (struct pps_ctl_peer){.role = PPS_CTL_NOBODY};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->pid = cred.pid;
	if (server->params.authorise != NULL)
		peer->role = server->params.authorise(peer, server->params.aux);
	return 0;
}

/* Says why not, as far as the socket takes it, and closes. */
static void turn_away(int fd, int code, const char *message)
{
	json_t *error = pps_ctl_wire_error(NULL, code, message, NULL);
	struct pps_str line = PPS_STR_INIT;

	if (pps_ctl_wire_add(&line, error, SIZE_MAX) == 0)
		(void)!send(fd, line.text, line.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	pps_str_fini(&line);
	json_decref(error);
	close(fd);
}

int pps_ctl_server_attach(struct pps_ctl_server *server, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct pps_ctl_peer peer;
	struct pps_ctl_conn *conn;
	unsigned int max = PPS_CTL_CLIENTS_MAX;
	int err = peer_read(server, fd, &peer);

	if (err < 0) {
		close(fd);
		return err;
	}
	if (peer.role == PPS_CTL_NOBODY) {
		turn_away(fd, PPS_CTL_E_DENIED,
			"this user has no role: ask an administrator of the firewall");
		return -EACCES;
	}
	if (peer.role == PPS_CTL_VIEW)
		max -= PPS_CTL_ADMIN_RESERVED;
	if (server->n_conns >= max) {
		turn_away(fd, PPS_CTL_E_BUSY, "too many clients are connected: try again later");
		return -EBUSY;
	}
	conn = pps_ctl_conn_new(server, fd, &peer);
	conn->interest = event.events;
	event.data.ptr = conn;
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		err = -errno;
		pps_ctl_conn_free(conn);
		return err;
	}
	server->conns[server->n_conns++] = conn;
	return 0;
}

static void accept_clients(struct pps_ctl_server *server)
{
	int fd;

	for (unsigned int i = 0; i < BACKLOG; i++) {
		fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			pps_ctl_server_attach(server, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			/* Out of descriptors: looking again at once would spin. */
			watch_listening(server, 0);
			server->accept_paused = true;
			server->accept_again_ns = server->now_ns + PPS_NS_PER_SEC / 2;
		}
		return;
	}
}

static void resume_accepting(struct pps_ctl_server *server)
{
	if (!server->accept_paused || server->now_ns < server->accept_again_ns)
		return;
	if (watch_listening(server, EPOLLIN) == 0)
		server->accept_paused = false;
}

/* ---- the loop ---- */

static void collect(struct pps_ctl_server *server)
{
	struct epoll_event events[PPS_CTL_CLIENTS_MAX + 2];
	int n = epoll_wait(server->epoll_fd, events, PPS_CTL_CLIENTS_MAX + 2, 0);
	bool accepting = false;
	uint64_t kicks;

	for (unsigned int i = 0; i < server->n_conns; i++)
		server->conns[i]->revents = 0;
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &server->listen_fd) {
			accepting = true;
		} else if (events[i].data.ptr == &server->kick_fd) {
			(void)!read(server->kick_fd, &kicks, sizeof(kicks));
			server->kicked = false;
		} else {
			((struct pps_ctl_conn *)events[i].data.ptr)->revents = events[i].events;
		}
	}
	if (accepting)
		accept_clients(server);
}

static void reap(struct pps_ctl_server *server)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < server->n_conns; i++) {
		struct pps_ctl_conn *conn = server->conns[i];

		if (pps_ctl_conn_finished(conn))
			pps_ctl_conn_free(conn);
		else
			server->conns[kept++] = conn;
	}
	server->n_conns = kept;
}

/* Administrators come before the others, and inside each everybody has a turn at being first. */
static void serve_role(struct pps_ctl_server *server, bool admins)
{
	for (unsigned int i = 0; i < server->n_conns; i++) {
		struct pps_ctl_conn *conn = server->conns[(server->turn + i) % server->n_conns];

		if ((conn->peer.role == PPS_CTL_ADMIN) == admins)
			pps_ctl_conn_serve(conn);
	}
}

void pps_ctl_server_run(struct pps_ctl_server *server, uint64_t mono_ns)
{
	server->now_ns = mono_ns;
	resume_accepting(server);
	collect(server);
	server->n_taken = 0;
	server->busy_until_ns = pps_time_mono_ns() + PPS_CTL_BUSY_NS;
	serve_role(server, true);
	serve_role(server, false);
	server->turn++;
	reap(server);
}

/* ---- publishing ---- */

static void publish_to(struct pps_ctl_conn *conn, const struct pps_str *line, const char *method,
	const json_t *params)
{
	json_t *counted, *object;
	int err;

	if (pps_ctl_conn_queued(conn) + line->len > PPS_CTL_NOTIFY_MAX)
		pps_ctl_conn_flush(conn);
	if (conn->gone)
		return;
	if (pps_ctl_conn_queued(conn) + line->len > PPS_CTL_NOTIFY_MAX) {
		conn->missed++;
		return;
	}
	if (conn->missed == 0 || !json_is_object(params)) {
		pps_str_add_bytes(&conn->out, line->text, line->len);
		return;
	}
	counted = json_copy((json_t *)(uintptr_t)params);
	json_object_set_new(counted, "missed", json_integer((json_int_t)conn->missed));
	object =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", counted);
	err = pps_ctl_wire_add(&conn->out, object, conn->out_sent + PPS_CTL_NOTIFY_MAX);
	conn->missed = err < 0 ? conn->missed + 1 : 0;
	json_decref(object);
}

void pps_ctl_publish(struct pps_ctl_server *server, const char *method, const json_t *params,
	bool (*matches)(const json_t *params, const json_t *filter))
{
	struct pps_str line = PPS_STR_INIT;
	json_t *object = NULL;

	for (unsigned int i = 0; i < server->n_conns; i++) {
		struct pps_ctl_conn *conn = server->conns[i];

		if (!conn->listening || conn->closing ||
			(conn->filter != NULL && matches != NULL && !matches(params, conn->filter)))
			continue;
		if (object == NULL) {
			object = json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", method,
				"params", (json_t *)(uintptr_t)params);
			if (pps_ctl_wire_add(&line, object, PPS_CTL_NOTIFY_MAX) < 0)
				break;
		}
		publish_to(conn, &line, method, params);
		/* Sent by the next run, together with what else comes until then. */
		pps_ctl_server_kick(server);
	}
	json_decref(object);
	pps_str_fini(&line);
}
