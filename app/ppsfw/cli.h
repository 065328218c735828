/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_H
#define CLI_H

/*
 * ppsfw: the operator's side of the control socket.
 *
 * One table (main.c) names every command once: its words, its arguments, its options, the function
 * that does it and a line of help. Dispatch, usage, "ppsfw help" and completion read that table.
 *
 * The exit status is a contract: 0 done, 1 not done or not so (and standard error says why), 2 the
 * command line was wrong. Changes are silent on success, except to a terminal or with --verbose.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "answer.h"
#include "filter_words.h"
#include "output.h"

enum status { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Options that only some commands take, a set. */
enum {
	OPT_STRICT = 1,
	OPT_FOLLOW = 2,
	OPT_MAX = 4,
	OPT_CONFIRM = 8,
	OPT_FORCE = 16,
	OPT_PCAP = 32,
	OPT_DIFF = 64,
	OPT_SIGNER = 128, /* these must be given */
	OPT_SIGN = 256,
	OPT_VERIFY = 512,
	OPT_HISTORY = 1024,
};

#define SUBJECTS_MAX 64

struct command;

/* One run of the program. */
struct cli {
	struct output out;
	const struct command *command; /* NULL until it is known */
	int argc; /* the words behind the command */
	char **argv;
	const char *socket;
	bool json, verbose, help, version;
	bool strict, follow, force, diff, history;
	uint64_t timeout_sec; /* 0: not given */
	uint64_t confirm_sec; /* 0: not given */
	uint64_t max; /* 0: not given */
	const char *pcap; /* NULL: not given */
	const char *cert, *key, *chain, *out_file, *passin; /* of sign; NULL: not given */
	const char *ca, *crl, *usage; /* of verify; NULL: not given */
	uint64_t required; /* 0: not given */
	const char *subjects[SUBJECTS_MAX];
	size_t n_subjects;
};

struct command {
	const char *name; /* one word, or two: "show rules" */
	const char *arguments; /* as usage shows them; completion knows the words in capitals */
	unsigned int options; /* OPT_*, besides those of all commands */
	const struct word_table *words; /* of FILTER or DETAIL in 'arguments' */
	enum status (*run)(struct cli *cli);
	const char *help;
};

extern const struct command commands[];
extern const size_t n_commands;

enum status cmd_status(struct cli *cli);
enum status cmd_check(struct cli *cli);
enum status cmd_load(struct cli *cli);
enum status cmd_confirm(struct cli *cli);
enum status cmd_rollback(struct cli *cli);
enum status cmd_history(struct cli *cli);
enum status cmd_diff(struct cli *cli);
enum status cmd_sign(struct cli *cli);
enum status cmd_verify(struct cli *cli);
enum status cmd_show_rules(struct cli *cli);
enum status cmd_show_policy(struct cli *cli);
enum status cmd_show_flows(struct cli *cli);
enum status cmd_show_drops(struct cli *cli);
enum status cmd_show_exceptions(struct cli *cli);
enum status cmd_show_sources(struct cli *cli);
enum status cmd_kill_flows(struct cli *cli);
enum status cmd_explain(struct cli *cli);
enum status cmd_events(struct cli *cli);
enum status cmd_registry(struct cli *cli);
enum status cmd_version(struct cli *cli);
enum status cmd_help(struct cli *cli);

/* ---- cli.c: the command line ---- */

/* Takes the options out of 'argv' and leaves the words; finds the command. CLI_OK or CLI_USAGE. */
enum status cli_parse(struct cli *cli, int argc, char **argv);
/* The row whose name is the first words of argv; sets *ret_used to how many. NULL when none. */
const struct command *find_command(int argc, char **argv, int *ret_used);
/* Says what is wrong, then how it would be right. */
enum status usage_error(const struct cli *cli, const char *format, ...) PPS_PRINTF(2, 3);
/* True when there are 'least' to 'most' words; says so otherwise. */
bool has_arguments(const struct cli *cli, int least, int most);
/* "what" is a noun with its article: "a command". Names the nearest and lists them all. */
enum status wrong_word(
	const struct cli *cli, const char *what, const char *word, char *const *words, size_t n);
/* The same for words that begin no command. */
enum status wrong_command(const struct cli *cli, int argc, char **argv);
/* The first words of commands, or the second words behind 'first'. */
struct word_list {
	char **words;
	size_t n;
};
void command_words(const char *first, struct word_list *ret_list);
void word_list_fini(struct word_list *list);
/* The filter that the words describe, as an object; NULL after saying all that is wrong with them.
 */
json_t *read_filter(const struct cli *cli, int argc, char **argv);
/* "check: " and the rest on standard error. Returns CLI_FAILED. */
enum status failure(const struct cli *cli, const char *format, ...) PPS_PRINTF(2, 3);
/* All options a command takes with their help, for usage and completion: row 'i', or NULL. */
struct option {
	const char *name, *value; /* value: its name, or NULL when it takes none */
	unsigned int set; /* OPT_*; 0: every command */
	const char *help;
};
const struct option *option_row(size_t i);

/* ---- cli_call.c: the daemon ---- */

/*
 * Connects, calls and disconnects. On success *ret_answer is an object the caller decrefs.
 * Otherwise says what went wrong and returns CLI_FAILED; with --json as an object on standard
 * output, too.
 */
enum status call_daemon(struct cli *cli, const char *method, json_t *params, json_t **ret_answer);
/* The same, leaving the connection open for notifications. */
struct pps_ctl_client;
enum status call_daemon_open(struct cli *cli, const char *method, json_t *params,
	json_t **ret_answer, struct pps_ctl_client **ret_client);
/* The two halves, for many calls on one connection. NULL after saying what went wrong. */
struct pps_ctl_client *connect_daemon(struct cli *cli);
enum status ask_daemon(struct cli *cli, struct pps_ctl_client *client, const char *method,
	json_t *params, json_t **ret_answer);
/* Prints errors as {"error": ...} when --json asks for it. */
void print_errors_json(struct cli *cli, const char *message, const struct pps_errors *errors);

/* ---- help.c ---- */

/* "usage: ppsfw ..." of one command, or of all. */
void print_usage(FILE *to, const struct command *command);
enum status print_help(struct cli *cli, const struct command *command);
/* The words that may follow these, one a line; FILE for the name of a file. For completion. */
enum status print_words(int argc, char **argv);

/* ---- cmd_explain.c ---- */

/* One answer of "explain", step by step. */
void print_explanation(struct output *o, const json_t *answer);

/* ---- explain_pcap.c ---- */

/* "explain --pcap": the same for frames of a capture. */
enum status explain_pcap(struct cli *cli);

/* ---- rule_text.c ---- */

/* A blank line, the rule, and its approval; 'authority' is the policy's, or "". Nothing when it is
 * no object. */
void print_rule(struct output *o, const json_t *rule, const char *authority);

/* ---- cmd_policy.c ---- */

/* The policy of a file, checked; NULL after saying what is wrong with it. 'bundle' (or NULL) gets
 * the bytes of the file and of those it names: what is sent is exactly what was checked. */
struct pps_policy;
struct pps_policy_bundle;
struct pps_policy *read_policy(struct cli *cli, const char *path, struct pps_policy_bundle *bundle);
/* The same of a policy that is to come into force: NULL also when it is too large for any daemon.
 */
struct pps_policy *read_new_policy(
	struct cli *cli, const char *path, struct pps_policy_bundle *bundle);

/* What a policy is sent as: {"text", "files"}. */
json_t *bundle_params(const struct pps_policy_bundle *bundle);

/* ---- cmd_diff.c ---- */

/* The difference to the policy in force, with the live flows that would be cut; NULL after saying
 * why there is none. */
json_t *diff_running(
	struct cli *cli, const struct pps_policy *after, const struct pps_policy_bundle *bundle);
void print_diff(struct cli *cli, const json_t *diff);

/* ---- cmd_change.c ---- */

/* {"number": n} of a number of the history; NULL after saying what is wrong with it. */
json_t *history_params(const struct cli *cli, const char *text);

/* ---- cmd_status.c ---- */

/* The lines about a policy, 'policy' as in "status". */
void print_policy_lines(struct cli *cli, const json_t *policy);

#endif
