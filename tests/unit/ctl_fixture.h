/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_FIXTURE_H
#define CTL_FIXTURE_H

/*
 * A control server with a handful of methods, and clients on socket pairs. One thread: the test
 * plays the client on one end and runs the server in between.
 *
 * Methods: "echo" answers its params, "policy.load" too, for administrators; "later" keeps the
 * call; "subscribe" listens; "big" answers with params.n bytes; "fail" and "fail_list" fail.
 */

#include <pps_ctl.h>

#include "ctl_priv.h"
#include "unit.h"

#define SECOND     PPS_NS_PER_SEC
#define CALLS_KEPT 16

struct ctl_fixture {
	struct pps_ctl_server *server;
	enum pps_ctl_role role; /* of whoever connects */
	uint64_t now_ns;
	struct pps_ctl_call *calls[CALLS_KEPT]; /* by "later", in order */
	unsigned int n_calls;
	unsigned int n_echoes;
};

#define ECHO_1   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":[1]}\n"
#define ANSWER_1 "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[1]}"
#define BIG_1M   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"big\",\"params\":{\"n\":1048576}}\n"

enum pps_ctl_role ctl_authorise(const struct pps_ctl_peer *peer, void *aux);
struct pps_ctl_server_params ctl_make_params(struct ctl_fixture *f, const char *path);
/* A server without a socket; clients that join get the role. */
void ctl_set_up(struct ctl_fixture *f, enum pps_ctl_role role);
/* Runs once. */
void ctl_run(struct ctl_fixture *f);
/* Runs as the daemon does: while the descriptor is readable. It must come to rest. */
void ctl_run_all(struct ctl_fixture *f);
/* A new client's end. */
int ctl_join(struct ctl_fixture *f);
/* Sends all of it, letting the server run in between. False when it was closed. */
bool ctl_send_bytes(struct ctl_fixture *f, int fd, const char *bytes, size_t len);
bool ctl_send_text(struct ctl_fixture *f, int fd, const char *text);
/* The next object the client gets, or NULL when there is none now or no more. */
json_t *ctl_get(struct ctl_fixture *f, int fd);
/* True when the server has closed the connection and everything was read. */
bool ctl_is_closed(struct ctl_fixture *f, int fd);
int ctl_error_code(const json_t *answer);
const char *ctl_error_message(const json_t *answer);
/* Sends a line and compares the answer with 'expected' (JSON). */
void ctl_expect(struct ctl_fixture *f, int fd, const char *line, const char *expected);
/* Sends a line and expects an error with this code; 0: none. */
void ctl_expect_code(struct ctl_fixture *f, int fd, const char *line, int code);
/* The connection works. */
void ctl_expect_alive(struct ctl_fixture *f, int fd);
/* Publishes {"event", "n"}; filters match by equality. */
void ctl_publish(struct ctl_fixture *f, const char *event, int n);

#endif
