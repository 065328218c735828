/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "ctl_priv.h"

const char *pps_ctl_role_word(enum pps_ctl_role role)
{
	switch (role) {
	case PPS_CTL_VIEW:
		return "view";
	case PPS_CTL_ADMIN:
		return "admin";
	default:
		return "nobody";
	}
}

/* ---- answers ---- */

const struct pps_ctl_peer *pps_ctl_call_peer(const struct pps_ctl_call *call)
{
	return &call->peer;
}

/* Sends 'answer' (stolen) if anybody is there, and ends the call. */
static void finish(struct pps_ctl_call *call, json_t *answer)
{
	struct pps_ctl_conn *conn = call->conn;

	LIST_REMOVE(call, link);
	if (conn != NULL) {
		/* Lines may wait behind this call, and no socket will say so. */
		if (conn->n_calls-- == PPS_CTL_CALLS_MAX || conn->ended)
			pps_ctl_server_kick(conn->server);
		pps_ctl_conn_answer(conn, call->id, answer);
	}
	json_decref(answer);
	json_decref(call->id);
	free(call);
}

void pps_ctl_reply(struct pps_ctl_call *call, json_t *result)
{
	finish(call,
		json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", call->id, "result",
			result == NULL ? json_null() : result));
}

void pps_ctl_fail(struct pps_ctl_call *call, int code, json_t *data, const char *format, ...)
{
	struct pps_str message = PPS_STR_INIT;
	va_list args;

	va_start(args, format);
	pps_str_addv(&message, format, args);
	va_end(args);
	finish(call, pps_ctl_wire_error(call->id, code, pps_str_text(&message), data));
	pps_str_fini(&message);
}

static json_t *error_item(const char *path, const char *text)
{
	return json_pack("{s:o, s:o}", "path", pps_json_text(path), "text", pps_json_text(text));
}

void pps_ctl_fail_errors(
	struct pps_ctl_call *call, int code, const char *message, const struct pps_errors *errors)
{
	json_t *data = json_array();
	char *more;

	for (size_t i = 0; i < errors->n; i++)
		json_array_append_new(
			data, error_item(errors->items[i].path, errors->items[i].text));
	if (errors->n_total > errors->n) {
		more = pps_asprintf("... and %zu more", errors->n_total - errors->n);
		json_array_append_new(data, error_item("", more));
		free(more);
	}
	finish(call, pps_ctl_wire_error(call->id, code, message, data));
}

void pps_ctl_subscribe(struct pps_ctl_call *call, json_t *filter, json_t *result)
{
	struct pps_ctl_conn *conn = call->conn;

	if (conn == NULL || conn->gone) {
		json_decref(filter);
		pps_ctl_reply(call, result);
		return;
	}
	json_decref(conn->filter);
	conn->filter = filter;
	conn->listening = true;
	conn->missed = 0;
	pps_ctl_reply(call, result);
}

/* ---- requests ---- */

static const struct pps_ctl_method *find_method(
	const struct pps_ctl_server *server, const char *name)
{
	for (size_t i = 0; i < server->params.n_methods; i++) {
		if (strcmp(server->params.methods[i].name, name) == 0)
			return &server->params.methods[i];
	}
	return NULL;
}

static void fail_unknown(struct pps_ctl_call *call, const char *name)
{
	const struct pps_ctl_server *server = call->conn->server;
	const char *nearest = NULL;

	/* Edit distance costs the product of the lengths. */
	if (strlen(name) <= 64)
		nearest = pps_nearest_word(name, server->names, server->params.n_methods);
	if (nearest != NULL)
		pps_ctl_fail(call, PPS_CTL_E_METHOD, NULL,
			"there is no method \"%.64s\"; did you mean \"%s\"?", name, nearest);
	else
		pps_ctl_fail(call, PPS_CTL_E_METHOD, NULL, "there is no method \"%.64s\"", name);
}

static void call_method(
	struct pps_ctl_conn *conn, json_t *id, const char *name, const json_t *params)
{
	const struct pps_ctl_method *method = find_method(conn->server, name);
	struct pps_ctl_call *call = pps_alloc(sizeof(*call));

	call->conn = conn;
	call->peer = conn->peer;
	call->id = json_incref(id);
	LIST_INSERT_HEAD(&conn->server->calls, call, link);
	conn->n_calls++;
	if (method == NULL)
		fail_unknown(call, name);
	else if (conn->peer.role < method->role)
		pps_ctl_fail(call, PPS_CTL_E_DENIED, NULL,
			"\"%s\" needs the role \"%s\"; user id %u has \"%s\"", name,
			pps_ctl_role_word(method->role), (unsigned int)conn->peer.uid,
			pps_ctl_role_word(conn->peer.role));
	else if (params != NULL && !json_is_object(params) && !json_is_array(params))
		pps_ctl_fail(
			call, PPS_CTL_E_PARAMS, NULL, "\"params\" must be an object or an array");
	else
		method->handler(call, params, conn->server->params.aux);
}

static bool is_id(const json_t *id)
{
	return json_is_null(id) || json_is_number(id) ||
		(json_is_string(id) && json_string_length(id) <= PPS_CTL_ID_MAX);
}

/* What is wrong with a request, or NULL. */
static const char *request_error(const json_t *request)
{
	const json_t *id = json_object_get(request, "id");
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));

	if (json_is_array(request))
		return "batches are not served: send one request a line";
	if (!json_is_object(request))
		return "a request is an object";
	if (id != NULL && !is_id(id))
		return "\"id\" must be a number, null or a string of at most 256 bytes";
	if (version == NULL || strcmp(version, "2.0") != 0)
		return "\"jsonrpc\" must be \"2.0\"";
	if (!json_is_string(json_object_get(request, "method")))
		return "\"method\" must be a string";
	return NULL;
}

static void answer_error(struct pps_ctl_conn *conn, json_t *id, int code, const char *message)
{
	json_t *error = pps_ctl_wire_error(id, code, message, NULL);

	pps_ctl_conn_answer(conn, id, error);
	json_decref(error);
}

static void answer_syntax(struct pps_ctl_conn *conn, const json_error_t *error)
{
	char *message = pps_asprintf("column %d: %s", error->column, error->text);

	answer_error(conn, NULL, PPS_CTL_E_PARSE, message);
	free(message);
	/* Not even text: nothing behind it can be trusted to be a line. */
	if (json_error_code(error) == json_error_invalid_utf8) {
		conn->closing = true;
		conn->closing_ns = conn->server->now_ns;
	}
}

void pps_ctl_call_line(struct pps_ctl_conn *conn, const char *line, size_t len)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	const char *wrong;
	json_t *id;

	if (request == NULL) {
		answer_syntax(conn, &error);
		return;
	}
	wrong = request_error(request);
	id = json_object_get(request, "id");
	if (wrong != NULL)
		answer_error(conn, id != NULL && is_id(id) ? id : NULL, PPS_CTL_E_REQUEST, wrong);
	else if (id != NULL) /* without: a notification, and clients have nothing to notify of */
		call_method(conn, id, json_string_value(json_object_get(request, "method")),
			json_object_get(request, "params"));
	json_decref(request);
}
