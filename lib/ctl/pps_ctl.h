/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_CTL_H
#define PPS_CTL_H

/*
 * Control: JSON-RPC 2.0, one object a line, over a unix stream socket.
 *
 * Server     Runs inside an epoll loop of the caller: one descriptor (pps_ctl_server_fd()) becomes
 *            readable when pps_ctl_server_run() has work. All sockets are non-blocking; a client
 *            has a bounded input line (64 KiB for viewers, PPS_CTL_LINE_MAX for administrators), a
 *            bounded output queue, a bounded number of calls under way, and a deadline for
 *            finishing a line it began. A client that breaks a bound is closed, and nobody else
 *            notices. At most PPS_CTL_CLIENTS_MAX clients, the last eight places for
 *            administrators; one more is told so and closed. A client with eight calls under way,
 *            or with answers it does not read, has its next lines read later. A client that shut
 *            its sending side down still gets its answers.
 *
 *            A run takes no further line after five milliseconds, so that the loop it is part of
 *            goes on; administrators are served first, and the rest in turns.
 *
 * Roles      SO_PEERCRED names the peer's uid, gid and pid when it connects. The caller's
 *            authorise function turns that into a role. A method has the role it needs as a column
 *            of its table; "view" methods are open to administrators too.
 *
 * Calls      A handler gets a struct pps_ctl_call and answers it now or later, exactly once, with
 *            pps_ctl_reply() or pps_ctl_fail(). A call may outlive its client: then the answer goes
 *            nowhere and that is fine (a load goes on when the operator's terminal is gone).
 *
 *            Notifications from clients (requests without "id") and batches do nothing.
 *
 * Streams    pps_ctl_subscribe() keeps a call's client as a listener: pps_ctl_publish() sends it
 *            notifications ({"jsonrpc","method","params"}). A listener whose queue is full misses
 *            notifications, and the next one it gets says how many in params.missed.
 *
 * Start      A socket on which another daemon answers is left alone: create fails with EADDRINUSE.
 *            A stale one is replaced.
 *
 * Errors     JSON-RPC codes: -32700 parse, -32600 request, -32601 method (with the nearest one),
 *            -32602 params, -32603 internal; PPS_CTL_E_* below. "data" carries a list of
 *            {"path", "text"} where there is one.
 *
 * Client     A blocking client for the CLI: connect, call, read notifications. It has patience: a
 *            daemon that is stopped or hung neither takes nor says anything, and after so many
 *            seconds of that a call ends. What it asked for may still be done when the daemon goes
 *            on: nobody can take a request back.
 *
 * Threads: a server belongs to one thread; a client object to one thread. Never a worker.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <pps_base.h>

#define PPS_CTL_CLIENTS_MAX    64
#define PPS_CTL_LINE_MAX       (40u << 20)
#define PPS_CTL_SOCKET_DEFAULT "/run/ppsfw/ppsfw.sock"

enum pps_ctl_role { PPS_CTL_NOBODY, PPS_CTL_VIEW, PPS_CTL_ADMIN };
const char *pps_ctl_role_word(enum pps_ctl_role role);

enum pps_ctl_error {
	PPS_CTL_E_PARSE = -32700,
	PPS_CTL_E_REQUEST = -32600,
	PPS_CTL_E_METHOD = -32601,
	PPS_CTL_E_PARAMS = -32602,
	PPS_CTL_E_INTERNAL = -32603,
	PPS_CTL_E_DENIED = -32001, /* the peer's role is not enough */
	PPS_CTL_E_REFUSED = -32002, /* understood, and not done: policy refused, no such thing */
	PPS_CTL_E_BUSY = -32003, /* another change is under way */
};

struct pps_ctl_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	enum pps_ctl_role role;
};

struct pps_ctl_server;
struct pps_ctl_call;

/* 'params' is borrowed: an object, an array, or NULL. */
typedef void (*pps_ctl_handler)(struct pps_ctl_call *call, const json_t *params, void *aux);

struct pps_ctl_method {
	const char *name;
	enum pps_ctl_role role; /* the least that may call it */
	pps_ctl_handler handler;
	const char *help;
};

struct pps_ctl_server_params {
	const char *path;
	mode_t mode; /* of the socket, 0660 say */
	const struct pps_ctl_method *methods;
	size_t n_methods;
	enum pps_ctl_role (*authorise)(const struct pps_ctl_peer *peer, void *aux);
	void *aux;
};

/* NULL and an error; the socket's folder must exist. */
struct pps_ctl_server *pps_ctl_server_create(
	const struct pps_ctl_server_params *params, struct pps_errors *errors);
/* Closes all clients and removes the socket. Calls still unanswered must not be touched again. Not
 * from inside a handler. */
void pps_ctl_server_destroy(struct pps_ctl_server *server);
int pps_ctl_server_fd(const struct pps_ctl_server *server);
/* Does what can be done without blocking, bounded. Call it when the descriptor is readable and at
 * least once a second ('mono_ns': deadlines). */
void pps_ctl_server_run(struct pps_ctl_server *server, uint64_t mono_ns);

const struct pps_ctl_peer *pps_ctl_call_peer(const struct pps_ctl_call *call);
/* Answers; 'result' is stolen. The call is gone afterwards. */
void pps_ctl_reply(struct pps_ctl_call *call, json_t *result);
/* Answers with an error; 'data' is stolen, may be NULL. */
void pps_ctl_fail(struct pps_ctl_call *call, int code, json_t *data, const char *format, ...)
	PPS_PRINTF(4, 5);
/* The same with a list of errors as data. */
void pps_ctl_fail_errors(
	struct pps_ctl_call *call, int code, const char *message, const struct pps_errors *errors);

/* Makes the call's client a listener with an optional filter ('filter' is stolen; see
 * pps_event_matches()); answers the call with 'result' (stolen). */
void pps_ctl_subscribe(struct pps_ctl_call *call, json_t *filter, json_t *result);
/* Sends 'params' (borrowed) to every listener whose filter 'matches' says yes to. */
void pps_ctl_publish(struct pps_ctl_server *server, const char *method, const json_t *params,
	bool (*matches)(const json_t *params, const json_t *filter));
/* Clients connected, for "status". */
unsigned int pps_ctl_server_clients(const struct pps_ctl_server *server);

/* ---- client ---- */

struct pps_ctl_client;

/* NULL and an error that says what to do (not running? no permission?). 'patience_sec' (0: without
 * end) is for connecting, and for the calls. */
struct pps_ctl_client *pps_ctl_connect(
	const char *path, unsigned int patience_sec, struct pps_errors *errors);
void pps_ctl_client_destroy(struct pps_ctl_client *client);
/* For the calls to come. */
void pps_ctl_set_patience(struct pps_ctl_client *client, unsigned int patience_sec);
/*
 * Calls 'method' with 'params' (stolen, may be NULL) and waits for the answer. On success sets
 * *ret_result (a new reference) and returns 0. A JSON-RPC error sets *ret_result to its error
 * object and returns 1. Otherwise adds an error and returns a negative errno: -EMSGSIZE, and
 * nothing was sent; -ETIMEDOUT, no answer in time; -EPIPE, a broken connection. After one of these
 * the client is good for nothing but to be destroyed.
 */
int pps_ctl_call(struct pps_ctl_client *client, const char *method, json_t *params,
	json_t **ret_result, struct pps_errors *errors);
/* The next notification (a new reference), waiting for it without end; NULL when the connection
 * ended. */
json_t *pps_ctl_next(struct pps_ctl_client *client);

#endif
