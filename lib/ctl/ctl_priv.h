/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_PRIV_H
#define CTL_PRIV_H

/*
 * Inside of the control library.
 *
 * ctl_wire.c     bytes to lines and objects to lines; shared by both ends
 * ctl_server.c   the listening socket, the table of connections, the loop, publishing
 * ctl_conn.c     one connection: reading, judging a line, queueing, writing
 * ctl_call.c     answers
 * ctl_client.c   the blocking client
 *
 * Nothing in ctl_conn.c or ctl_call.c frees a connection. They mark it, and the loop frees it at
 * the end of a run: handlers may answer from inside the loop and from outside of it.
 */

#include <sys/queue.h>

#include <pps_json.h>

#include "pps_ctl.h"

#define PPS_CTL_VIEW_LINE_MAX  (64u << 10)
#define PPS_CTL_REPLY_MAX      (64u << 20) /* queued bytes; a reply beyond is refused */
#define PPS_CTL_NOTIFY_MAX     (1u << 20) /* queued bytes; a notification beyond is missed */
#define PPS_CTL_PAUSE          (1u << 20) /* queued bytes; beyond, no further line is taken */
#define PPS_CTL_CALLS_MAX      8 /* under way, per client; beyond, no further line is taken */
#define PPS_CTL_LINES_PER_RUN  32 /* per client */
#define PPS_CTL_BYTES_PER_RUN  (1u << 20) /* per client */
#define PPS_CTL_BUSY_NS        (5 * PPS_NS_PER_MS) /* of a run, after which no line is taken */
#define PPS_CTL_ID_MAX         256 /* bytes of a string that is an id */
#define PPS_CTL_DEADLINE_NS    (10 * PPS_NS_PER_SEC) /* to finish a line, to take a last answer */
#define PPS_CTL_ADMIN_RESERVED 8 /* connections that viewers cannot take */

/* ---- ctl_wire.c ---- */

/* Bytes received and not yet taken as lines. Zero-initialise. */
struct pps_ctl_lines {
	char *bytes;
	size_t start; /* of the first line not taken */
	size_t end; /* of what was received */
	size_t size; /* allocated */
	size_t scanned; /* no newline in [start, scanned) */
};

/* Reads once: the number of bytes, 0 at the end of the stream, or a negative errno. */
ssize_t pps_ctl_lines_read(struct pps_ctl_lines *lines, int fd);
/* True when a whole line is there. */
bool pps_ctl_lines_ready(struct pps_ctl_lines *lines);
/* Takes the next whole line, without its newline. Valid until the next read. */
bool pps_ctl_lines_take(struct pps_ctl_lines *lines, const char **ret_line, size_t *ret_len);
/* Takes what is left, a line without its newline. */
bool pps_ctl_lines_take_rest(struct pps_ctl_lines *lines, const char **ret_line, size_t *ret_len);
/* Bytes received and not taken. */
size_t pps_ctl_lines_pending(const struct pps_ctl_lines *lines);
/* Forgets everything and frees the memory. */
void pps_ctl_lines_fini(struct pps_ctl_lines *lines);

/* Adds 'object' as one line. Returns 0, or -EMSGSIZE ('out' is unchanged) when 'out' would become
 * longer than 'max' bytes or the object cannot be written as JSON. */
int pps_ctl_wire_add(struct pps_str *out, const json_t *object, size_t max);
/* {"jsonrpc", "id", "error": {"code", "message", "data"}}; 'id' borrowed or NULL, 'data' stolen or
 * NULL. */
json_t *pps_ctl_wire_error(json_t *id, int code, const char *message, json_t *data);
/* Fills the address of a unix socket; -ENAMETOOLONG. */
struct sockaddr_un;
int pps_ctl_wire_address(const char *path, struct sockaddr_un *ret_address);

/* ---- server ---- */

struct pps_ctl_conn {
	struct pps_ctl_server *server;
	int fd;
	struct pps_ctl_peer peer;
	uint32_t interest; /* what epoll was told */
	uint32_t revents; /* what epoll said in this run */
	struct pps_ctl_lines in;
	struct pps_str out;
	size_t out_sent; /* of 'out' */
	unsigned int n_calls; /* under way */
	bool line_begun; /* a line is incomplete since 'line_since_ns' */
	uint64_t line_since_ns;
	bool ended; /* the peer will send nothing more; it may still read */
	bool gone; /* the peer is gone or broken: nothing can be sent */
	bool closing; /* close when 'out' was sent, or at 'closing_ns' plus the deadline */
	uint64_t closing_ns;
	bool listening;
	json_t *filter; /* NULL: everything */
	uint64_t missed;
};

struct pps_ctl_call {
	LIST_ENTRY(pps_ctl_call) link;
	struct pps_ctl_conn *conn; /* NULL when the client is gone */
	struct pps_ctl_peer peer;
	json_t *id;
};

struct pps_ctl_server {
	struct pps_ctl_server_params params;
	const char **names; /* of the methods, for "did you mean" */
	char *path; /* NULL: no listening socket */
	dev_t path_dev; /* the socket we made */
	ino_t path_ino;
	int listen_fd;
	bool accept_paused; /* out of descriptors; tried again a second later */
	uint64_t accept_again_ns;
	int epoll_fd;
	int kick_fd; /* readable: there is work that no socket announces */
	bool kicked;
	uint64_t now_ns; /* of the run under way or the last one */
	uint64_t busy_until_ns; /* real time: the loop has other things to do as well */
	unsigned int n_taken; /* lines, in this run */
	unsigned int turn; /* who is served first */
	struct pps_ctl_conn *conns[PPS_CTL_CLIENTS_MAX];
	unsigned int n_conns;
	LIST_HEAD(, pps_ctl_call) calls; /* all that are under way */
};

/* A server without a socket of its own, for tests; the path in 'params' is not looked at. */
struct pps_ctl_server *pps_ctl_server_new(
	const struct pps_ctl_server_params *params, struct pps_errors *errors);
/* Makes a connected stream socket a client as if it had been accepted; owns 'fd'. Returns 0, or a
 * negative errno when it was told why not, and closed. */
int pps_ctl_server_attach(struct pps_ctl_server *server, int fd);
/* Makes the server's descriptor readable. */
void pps_ctl_server_kick(struct pps_ctl_server *server);

struct pps_ctl_conn *pps_ctl_conn_new(
	struct pps_ctl_server *server, int fd, const struct pps_ctl_peer *peer);
/* Orphans its calls, closes and frees. */
void pps_ctl_conn_free(struct pps_ctl_conn *conn);
/* Does what can be done now. */
void pps_ctl_conn_serve(struct pps_ctl_conn *conn);
/* True when nothing more will come of it. */
bool pps_ctl_conn_finished(const struct pps_ctl_conn *conn);
/* Queues an answer and tries to send it. */
void pps_ctl_conn_answer(struct pps_ctl_conn *conn, json_t *id, const json_t *object);
/* Sends what the socket takes. */
void pps_ctl_conn_flush(struct pps_ctl_conn *conn);
/* Tells epoll what to wait for. */
void pps_ctl_conn_watch(struct pps_ctl_conn *conn);
size_t pps_ctl_conn_queued(const struct pps_ctl_conn *conn);

/* Judges one line of a client: parses, finds the method, checks the role, calls the handler. */
void pps_ctl_call_line(struct pps_ctl_conn *conn, const char *line, size_t len);

#endif
