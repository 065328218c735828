/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl_priv.h"

#define OUT_KEPT (1u << 20) /* a larger buffer is freed when it is empty */

struct pps_ctl_conn *pps_ctl_conn_new(
	struct pps_ctl_server *server, int fd, const struct pps_ctl_peer *peer)
{
	struct pps_ctl_conn *conn = pps_alloc(sizeof(*conn));

	conn->server = server;
	conn->fd = fd;
	conn->peer = *peer;
	return conn;
}

void pps_ctl_conn_free(struct pps_ctl_conn *conn)
{
	struct pps_ctl_call *call;

	LIST_FOREACH(call, &conn->server->calls, link)
	{
		if (call->conn == conn)
			call->conn = NULL;
	}
	close(conn->fd);
	pps_ctl_lines_fini(&conn->in);
	pps_str_fini(&conn->out);
	json_decref(conn->filter);
	free(conn);
}

size_t pps_ctl_conn_queued(const struct pps_ctl_conn *conn)
{
	return conn->out.len - conn->out_sent;
}

static size_t line_max(const struct pps_ctl_conn *conn)
{
	return conn->peer.role == PPS_CTL_ADMIN ? PPS_CTL_LINE_MAX : PPS_CTL_VIEW_LINE_MAX;
}

/* A client that does not take its answers, or has enough calls under way, waits for its turn. */
static bool may_take_lines(const struct pps_ctl_conn *conn)
{
	return !conn->closing && conn->n_calls < PPS_CTL_CALLS_MAX &&
		pps_ctl_conn_queued(conn) <= PPS_CTL_PAUSE;
}

void pps_ctl_conn_watch(struct pps_ctl_conn *conn)
{
	struct epoll_event event = {.data.ptr = conn};

	if (!conn->ended && may_take_lines(conn))
		event.events |= EPOLLIN;
	if (pps_ctl_conn_queued(conn) > 0)
		event.events |= EPOLLOUT;
	if (event.events == conn->interest)
		return;
	conn->interest = event.events;
	epoll_ctl(conn->server->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

static void set_gone(struct pps_ctl_conn *conn)
{
	conn->gone = true;
	conn->listening = false;
	pps_str_clear(&conn->out);
	conn->out_sent = 0;
	pps_ctl_server_kick(conn->server);
}

void pps_ctl_conn_flush(struct pps_ctl_conn *conn)
{
	bool was_paused = pps_ctl_conn_queued(conn) > PPS_CTL_PAUSE;
	ssize_t n;

	while (!conn->gone && pps_ctl_conn_queued(conn) > 0) {
		n = send(conn->fd, conn->out.text + conn->out_sent, pps_ctl_conn_queued(conn),
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			set_gone(conn);
			return;
		}
		conn->out_sent += (size_t)n;
	}
	/* Lines may wait in memory for this, and no socket will say so. */
	if (was_paused && pps_ctl_conn_queued(conn) <= PPS_CTL_PAUSE)
		pps_ctl_server_kick(conn->server);
	if (pps_ctl_conn_queued(conn) == 0) {
		pps_str_clear(&conn->out);
		conn->out_sent = 0;
		if (conn->out.size > OUT_KEPT)
			pps_str_fini(&conn->out);
	} else if (conn->out_sent > conn->out.len / 2) {
		conn->out.len = pps_ctl_conn_queued(conn);
		memmove(conn->out.text, conn->out.text + conn->out_sent, conn->out.len + 1);
		conn->out_sent = 0;
	}
}

void pps_ctl_conn_answer(struct pps_ctl_conn *conn, json_t *id, const json_t *object)
{
	json_t *error;

	if (conn->gone)
		return;
	if (pps_ctl_wire_add(&conn->out, object, conn->out_sent + PPS_CTL_REPLY_MAX) < 0) {
		error = pps_ctl_wire_error(id, PPS_CTL_E_INTERNAL,
			"the answer is too large: ask for less, or read faster", NULL);
		if (pps_ctl_wire_add(&conn->out, error,
			    conn->out_sent + PPS_CTL_REPLY_MAX + PPS_CTL_NOTIFY_MAX) < 0)
			set_gone(conn);
		json_decref(error);
	}
	pps_ctl_conn_flush(conn);
	pps_ctl_conn_watch(conn);
}

/* The last words to a client that broke a bound. */
static void refuse(struct pps_ctl_conn *conn, int code, const char *message)
{
	json_t *error = pps_ctl_wire_error(NULL, code, message, NULL);

	conn->closing = true;
	conn->closing_ns = conn->server->now_ns;
	conn->line_begun = false;
	pps_ctl_lines_fini(&conn->in);
	pps_ctl_conn_answer(conn, NULL, error);
	json_decref(error);
}

static void refuse_length(struct pps_ctl_conn *conn)
{
	char *message = pps_asprintf("a line is longer than %zu bytes", line_max(conn));

	refuse(conn, PPS_CTL_E_REQUEST, message);
	free(message);
}

/* A run always takes one line, however long it took to read. */
static bool has_time(const struct pps_ctl_server *server)
{
	return server->n_taken == 0 || pps_time_mono_ns() < server->busy_until_ns;
}

/* Returns how many lines were taken. */
static unsigned int take_lines(struct pps_ctl_conn *conn)
{
	unsigned int n = 0;
	const char *line;
	size_t len;

	while (n < PPS_CTL_LINES_PER_RUN && may_take_lines(conn) && has_time(conn->server)) {
		if (!pps_ctl_lines_take(&conn->in, &line, &len) &&
			(!conn->ended || !pps_ctl_lines_take_rest(&conn->in, &line, &len)))
			break;
		n++;
		conn->server->n_taken++;
		if (len > line_max(conn)) {
			refuse_length(conn);
			break;
		}
		/* A NUL is never JSON, and a peer that sends one does not speak our language. */
		if (memchr(line, '\0', len) != NULL)
			refuse(conn, PPS_CTL_E_PARSE, "a NUL byte is not JSON");
		else
			pps_ctl_call_line(conn, line, len);
	}
	return n;
}

static void read_some(struct pps_ctl_conn *conn)
{
	size_t total = 0;
	ssize_t n;

	while (total < PPS_CTL_BYTES_PER_RUN && !conn->ended) {
		/* Whole lines first: what is buffered stays near one line. */
		if (pps_ctl_lines_pending(&conn->in) > line_max(conn) ||
			pps_ctl_lines_ready(&conn->in))
			return;
		n = pps_ctl_lines_read(&conn->in, conn->fd);
		if (n == -EAGAIN)
			return;
		if (n < 0)
			set_gone(conn);
		if (n <= 0)
			conn->ended = true;
		else
			total += (size_t)n;
	}
}

static void check_line(struct pps_ctl_conn *conn, bool was_taken)
{
	uint64_t now = conn->server->now_ns;

	/* Waiting for its turn is not the client's fault: the clock stands still. */
	if (!may_take_lines(conn) || conn->ended || pps_ctl_lines_ready(&conn->in) ||
		pps_ctl_lines_pending(&conn->in) == 0) {
		conn->line_begun = false;
	} else if (pps_ctl_lines_pending(&conn->in) > line_max(conn)) {
		refuse_length(conn);
	} else if (!conn->line_begun || was_taken) {
		conn->line_begun = true;
		conn->line_since_ns = now;
	} else if (now - conn->line_since_ns > PPS_CTL_DEADLINE_NS) {
		refuse(conn, PPS_CTL_E_REQUEST, "a line begun was not finished within 10 seconds");
	}
}

void pps_ctl_conn_serve(struct pps_ctl_conn *conn)
{
	bool hung_up = (conn->revents & (EPOLLHUP | EPOLLERR)) != 0, has_lines;

	pps_ctl_conn_flush(conn);
	if (may_take_lines(conn)) {
		if (hung_up || (conn->revents & EPOLLIN) != 0)
			read_some(conn);
		check_line(conn, take_lines(conn) > 0);
	}
	has_lines = may_take_lines(conn) &&
		(pps_ctl_lines_ready(&conn->in) ||
			(conn->ended && pps_ctl_lines_pending(&conn->in) > 0));
	/* What a client asked for before it went is done, in this run or, where others took its
	 * time, in a later one; nobody waits for the answer. */
	if (hung_up && !has_lines && (conn->ended || !may_take_lines(conn)))
		set_gone(conn);
	if (!conn->gone && has_lines)
		pps_ctl_server_kick(conn->server);
	pps_ctl_conn_watch(conn);
}

bool pps_ctl_conn_finished(const struct pps_ctl_conn *conn)
{
	bool idle = pps_ctl_conn_queued(conn) == 0;

	if (conn->gone)
		return true;
	if (conn->closing)
		return idle || conn->server->now_ns - conn->closing_ns > PPS_CTL_DEADLINE_NS;
	return conn->ended && idle && conn->n_calls == 0 && !conn->listening &&
		pps_ctl_lines_pending(&conn->in) == 0;
}
