/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pps_ctl.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define PATIENCE_SEC      10u
#define LONG_PATIENCE_SEC 120u

/* Methods that take their time, because they compile a policy, walk the flow tables or wait behind
 * one that does; and which of them change something. */
static const struct {
	const char *method;
	bool changes;
} methods[] = {
	{"load", true},
	{"confirm", true},
	{"rollback", true},
	{"diff_flows", false},
	{"show_flows", false},
	{"kill_flows", true},
	{"explain", false},
};

/* Its row of the table, or the one behind the last. */
static size_t find_method(const char *method)
{
	size_t i = 0;

	while (i < COUNT_OF(methods) && strcmp(methods[i].method, method) != 0)
		i++;
	return i;
}

void print_errors_json(struct cli *cli, const char *message, const struct pps_errors *errors)
{
	json_t *object;

	if (!cli->json)
		return;
	object = json_pack(
		"{s:{s:s, s:o}}", "error", "message", message, "data", make_errors(errors));
	out_json(&cli->out, object);
	json_decref(object);
}

/* Who may use a socket that we may not. */
static void say_who_may(const struct cli *cli)
{
	struct stat st;
	const struct passwd *user;
	const struct group *group;

	if (access(cli->socket, R_OK | W_OK) == 0 || errno != EACCES || stat(cli->socket, &st) != 0)
		return;
	user = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	failure(cli, "%s is for user %s and members of group %s (mode %04o)", cli->socket,
		user == NULL ? "?" : user->pw_name, group == NULL ? "?" : group->gr_name,
		(unsigned int)st.st_mode & 07777);
}

/* What a code means to an operator; NULL where the message says it all. */
static const char *code_word(json_int_t code)
{
	switch (code) {
	case PPS_CTL_E_DENIED:
		return "not permitted";
	case PPS_CTL_E_REFUSED:
		return "refused";
	case PPS_CTL_E_BUSY:
		return "busy";
	case PPS_CTL_E_METHOD:
		return "the daemon is of another version";
	case PPS_CTL_E_PARAMS:
		return "the daemon does not accept this";
	case PPS_CTL_E_INTERNAL:
		return "the daemon failed";
	default:
		return NULL;
	}
}

/* The daemon said no: one line for each of its reasons. */
static void say_error(const struct cli *cli, const json_t *error)
{
	const char *word = code_word(json_integer_value(json_object_get(error, "code")));
	const json_t *data = json_object_get(error, "data"), *item;
	const char *message = get_text(error, "message");
	const char *before = word == NULL ? "" : word, *colon = word == NULL ? "" : ": ";
	size_t i;

	if (!json_is_array(data) || json_array_size(data) == 0) {
		failure(cli, "%s%s%s", before, colon,
			*message == '\0' ? "no reason given" : message);
		return;
	}
	json_array_foreach(data, i, item)
	{
		const char *path = get_text(item, "path");

		failure(cli, "%s%s%s%s%s", before, colon, path, *path == '\0' ? "" : ": ",
			get_text(item, "text"));
	}
}

static enum status report(
	struct cli *cli, int outcome, const json_t *error, const struct pps_errors *errors)
{
	json_t *object;

	if (outcome == 0)
		return CLI_OK;
	if (outcome < 0) {
		for (size_t i = 0; i < errors->n; i++)
			failure(cli, "%s", errors->items[i].text);
		print_errors_json(cli, "no answer", errors);
		return CLI_FAILED;
	}
	say_error(cli, error);
	if (cli->json) {
		object = json_pack("{s:O}", "error", error);
		out_json(&cli->out, object);
		json_decref(object);
	}
	return CLI_FAILED;
}

struct pps_ctl_client *connect_daemon(struct cli *cli)
{
	struct pps_errors errors = {0};
	struct pps_ctl_client *client = pps_ctl_connect(cli->socket,
		cli->timeout_sec != 0 ? (unsigned int)cli->timeout_sec : PATIENCE_SEC, &errors);

	if (client == NULL) {
		say_who_may(cli);
		report(cli, -1, NULL, &errors);
	}
	pps_errors_fini(&errors);
	return client;
}

enum status ask_daemon(struct cli *cli, struct pps_ctl_client *client, const char *method,
	json_t *params, json_t **ret_answer)
{
	struct pps_errors errors = {0};
	json_t *answer = NULL;
	size_t row = find_method(method);
	enum status status;
	int outcome;

	if (cli->timeout_sec == 0)
		pps_ctl_set_patience(
			client, row < COUNT_OF(methods) ? LONG_PATIENCE_SEC : PATIENCE_SEC);
	outcome = pps_ctl_call(client, method, params, &answer, &errors);
	if ((outcome == -ETIMEDOUT || outcome == -EPIPE) && row < COUNT_OF(methods) &&
		methods[row].changes)
		pps_errors_add(&errors, NULL,
			"whether it was done is not known; it may still be, as soon as the daemon "
			"goes on");
	if (outcome == 0 && !json_is_object(answer)) {
		pps_errors_add(&errors, NULL, "the daemon's answer is not one this program knows");
		outcome = -1;
	}
	status = report(cli, outcome, answer, &errors);
	if (status == CLI_OK)
		*ret_answer = answer;
	else
		json_decref(answer);
	pps_errors_fini(&errors);
	return status;
}

enum status call_daemon_open(struct cli *cli, const char *method, json_t *params,
	json_t **ret_answer, struct pps_ctl_client **ret_client)
{
	struct pps_ctl_client *client = connect_daemon(cli);

	if (client == NULL) {
		json_decref(params);
		return CLI_FAILED;
	}
	if (ask_daemon(cli, client, method, params, ret_answer) != CLI_OK) {
		pps_ctl_client_destroy(client);
		return CLI_FAILED;
	}
	*ret_client = client;
	return CLI_OK;
}

enum status call_daemon(struct cli *cli, const char *method, json_t *params, json_t **ret_answer)
{
	struct pps_ctl_client *client;
	enum status status = call_daemon_open(cli, method, params, ret_answer, &client);

	if (status == CLI_OK)
		pps_ctl_client_destroy(client);
	return status;
}
