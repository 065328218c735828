/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_MOST        100000u
#define CONFIRM_MOST    86400u
#define TIMEOUT_MOST    86400u

static const struct option options[] = {
	{"--json", NULL, 0, "print what the daemon answers, as JSON"},
	{"--socket", "PATH", 0,
		"socket of the daemon (default: PPSFW_SOCKET, then the usual place)"},
	{"--timeout", "SECONDS", 0,
		"seconds to wait for a daemon that says nothing (default: 10; 120 where it "
		"compiles)"},
	{"--verbose", NULL, 0, "say more: what a change did, tables that are not cut"},
	{"--help", NULL, 0, "help, of a command when there is one"},
	{"--version", NULL, 0, "the version"},
	{"--strict", NULL, OPT_STRICT, "warnings fail, too"},
	{"--follow", NULL, OPT_FOLLOW, "go on with new events as they happen, until interrupted"},
	{"--max", "N", OPT_MAX, "at most so many"},
	{"--pcap", "FILE", OPT_PCAP, "frames of this capture"},
	{"--confirm", "SECONDS", OPT_CONFIRM,
		"go back by itself unless \"confirm\" comes within so many"},
	{"--force", NULL, OPT_FORCE, "whatever the revision, older or the same"},
	{"--diff", NULL, OPT_DIFF, "show first what it changes"},
	{"--history", NULL, OPT_HISTORY, "numbers of the history, not files"},
	{"--cert", "FILE", OPT_SIGNER, "the signer's certificate, PEM or DER"},
	{"--key", "FILE", OPT_SIGNER, "its private key, PEM"},
	{"--chain", "FILE", OPT_SIGN, "certificates of CAs between, to go along"},
	{"--out", "FILE", OPT_SIGN,
		"where the signature goes (default: FILE.1.p7s, FILE.2.p7s, ...)"},
	{"--passin", "FILE", OPT_SIGN, "the key's passphrase is the first line of this file"},
	{"--ca", "FILE", OPT_VERIFY,
		"the CA that signers must have (default: what the daemon asks for)"},
	{"--crl", "FILE", OPT_VERIFY, "revocation lists of all issuers"},
	{"--required", "N", OPT_VERIFY, "how many different signers there must be (default: 1)"},
	{"--subject", "NAME", OPT_VERIFY, "a subject that may sign; may be given again"},
	{"--eku", "OID", OPT_VERIFY, "the extended key usage that signers must have"},
};

const struct option *option_row(size_t i)
{
	return i < COUNT_OF(options) ? &options[i] : NULL;
}

static void complain_about(const struct cli *cli, const char *format, va_list args)
{
	struct pps_str text = PPS_STR_INIT;

	pps_str_addv(&text, format, args);
	if (cli->command != NULL)
		complain("%s: %s", cli->command->name, pps_str_text(&text));
	else
		complain("%s", pps_str_text(&text));
	pps_str_fini(&text);
}

enum status failure(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_about(cli, format, args);
	va_end(args);
	return CLI_FAILED;
}

enum status usage_error(const struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_about(cli, format, args);
	va_end(args);
	print_usage(stderr, cli->command);
	return CLI_USAGE;
}

bool has_arguments(const struct cli *cli, int least, int most)
{
	if (cli->argc > most)
		usage_error(cli, "\"%s\" is one word too many", cli->argv[most]);
	else if (cli->argc < least)
		usage_error(cli, "something is missing");
	return cli->argc >= least && cli->argc <= most;
}

static void list_choices(char *const *words, size_t n)
{
	struct pps_str list = PPS_STR_INIT;

	for (size_t i = 0; i < n; i++)
		pps_str_addf(&list, "%s%s", i == 0 ? "" : ", ", words[i]);
	complain("choose from: %s", pps_str_text(&list));
	pps_str_fini(&list);
}

enum status wrong_word(
	const struct cli *cli, const char *what, const char *word, char *const *words, size_t n)
{
	const char *near = pps_nearest_word(word, (const char *const *)words, n);

	if (near != NULL)
		failure(cli, "\"%s\" is not %s (did you mean \"%s\"?)", word, what, near);
	else
		failure(cli, "\"%s\" is not %s", word, what);
	list_choices(words, n);
	return CLI_USAGE;
}

static void add_word(struct word_list *list, const char *text, size_t len)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strlen(list->words[i]) == len && strncmp(list->words[i], text, len) == 0)
			return;
	}
	list->words[list->n++] = pps_asprintf("%.*s", (int)len, text);
}

void command_words(const char *first, struct word_list *ret_list)
{
	*ret_list = (struct word_list){.words = pps_alloc(n_commands * sizeof(char *))};
	for (size_t i = 0; i < n_commands; i++) {
		const char *name = commands[i].name;
		size_t len = strcspn(name, " ");

		if (first == NULL)
			add_word(ret_list, name, len);
		else if (name[len] == ' ' && strlen(first) == len && strncmp(name, first, len) == 0)
			add_word(ret_list, name + len + 1, strlen(name + len + 1));
	}
}

void word_list_fini(struct word_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->words[i]);
	free(list->words);
}

json_t *read_filter(const struct cli *cli, int argc, char **argv)
{
	struct pps_errors errors = {0};
	json_t *filter = json_object();

	if (words_parse(cli->command->words, argc, argv, filter, &errors))
		return filter;
	for (size_t i = 0; i + 1 < errors.n; i++)
		failure(cli, "%s", errors.items[i].text);
	usage_error(cli, "%s", errors.items[errors.n - 1].text);
	pps_errors_fini(&errors);
	json_decref(filter);
	return NULL;
}

/* ---- options ---- */

static enum status wrong_option(const struct cli *cli, const char *word)
{
	struct word_list list = {.words = pps_alloc(sizeof(options))};
	enum status status;

	for (size_t i = 0; i < COUNT_OF(options); i++)
		add_word(&list, options[i].name, strlen(options[i].name));
	status = wrong_word(cli, "an option", word, list.words, list.n);
	word_list_fini(&list);
	return status;
}

/* The row that 'word' names, alone or before "="; sets *ret_value to what follows that. */
static const struct option *find_option(const char *word, const char **ret_value)
{
	size_t len = strcspn(word, "=");

	*ret_value = word[len] == '=' ? word + len + 1 : NULL;
	if (strcmp(word, "-v") == 0)
		word = "--verbose";
	else if (strcmp(word, "-h") == 0)
		word = "--help";
	len = strcspn(word, "=");
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		if (strlen(options[i].name) == len && strncmp(options[i].name, word, len) == 0)
			return &options[i];
	}
	return NULL;
}

static enum status read_count(
	struct cli *cli, const char *name, const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || *ret < 1 || *ret > most)
		return usage_error(
			cli, "%s: \"%s\" is not a number from 1 to %" PRIu64, name, text, most);
	return CLI_OK;
}

/* Sets the member that option 'name' stands for. */
static enum status set_option(struct cli *cli, const char *name, const char *value)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"--json", &cli->json},
		{"--verbose", &cli->verbose},
		{"--help", &cli->help},
		{"--version", &cli->version},
		{"--strict", &cli->strict},
		{"--follow", &cli->follow},
		{"--force", &cli->force},
		{"--diff", &cli->diff},
		{"--history", &cli->history},
	};
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{"--socket", &cli->socket},
		{"--pcap", &cli->pcap},
		{"--cert", &cli->cert},
		{"--key", &cli->key},
		{"--chain", &cli->chain},
		{"--out", &cli->out_file},
		{"--passin", &cli->passin},
		{"--ca", &cli->ca},
		{"--crl", &cli->crl},
		{"--eku", &cli->usage},
	};

	for (size_t i = 0; i < COUNT_OF(flags); i++) {
		if (strcmp(flags[i].name, name) == 0)
			*flags[i].flag = true;
	}
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (strcmp(texts[i].name, name) == 0)
			*texts[i].text = value;
	}
	if (strcmp(name, "--subject") == 0) {
		if (cli->n_subjects == SUBJECTS_MAX)
			return usage_error(cli, "%s: at most %d times", name, SUBJECTS_MAX);
		cli->subjects[cli->n_subjects++] = value;
	}
	if (strcmp(name, "--required") == 0)
		return read_count(cli, name, value, SUBJECTS_MAX, &cli->required);
	if (strcmp(name, "--max") == 0)
		return read_count(cli, name, value, MAX_MOST, &cli->max);
	if (strcmp(name, "--timeout") == 0)
		return read_count(cli, name, value, TIMEOUT_MOST, &cli->timeout_sec);
	if (strcmp(name, "--confirm") == 0)
		return read_count(cli, name, value, CONFIRM_MOST, &cli->confirm_sec);
	return CLI_OK;
}

/* Reads the option at argv[*at] and steps over its value. Adds its set to *ret_seen. */
static enum status read_option(
	struct cli *cli, int argc, char **argv, int *at, unsigned int *ret_seen)
{
	const char *value;
	const struct option *row = find_option(argv[*at], &value);

	if (row == NULL)
		return wrong_option(cli, argv[*at]);
	if (row->value == NULL && value != NULL)
		return usage_error(cli, "%s takes no value", row->name);
	if (row->value != NULL && value == NULL) {
		if (*at + 1 >= argc)
			return usage_error(cli, "%s: %s is missing", row->name, row->value);
		value = argv[++*at];
	}
	*ret_seen |= row->set;
	return set_option(cli, row->name, value);
}

/* ---- commands ---- */

const struct command *find_command(int argc, char **argv, int *ret_used)
{
	for (size_t i = 0; i < n_commands; i++) {
		const char *name = commands[i].name;
		size_t first = strcspn(name, " ");

		if (argc < 1 || strlen(argv[0]) != first || strncmp(name, argv[0], first) != 0)
			continue;
		*ret_used = name[first] == '\0' ? 1 : 2;
		if (*ret_used == 1 || (argc > 1 && strcmp(name + first + 1, argv[1]) == 0))
			return &commands[i];
	}
	return NULL;
}

enum status wrong_command(const struct cli *cli, int argc, char **argv)
{
	struct word_list list;
	enum status status;
	char *what;

	command_words(argv[0], &list);
	if (list.n > 0 && argc < 2) {
		failure(cli, "%s what?", argv[0]);
		list_choices(list.words, list.n);
		status = CLI_USAGE;
	} else if (list.n > 0) {
		what = pps_asprintf("something to %s", argv[0]);
		status = wrong_word(cli, what, argv[1], list.words, list.n);
		free(what);
	} else {
		word_list_fini(&list);
		command_words(NULL, &list);
		status = wrong_word(cli, "a command", argv[0], list.words, list.n);
	}
	word_list_fini(&list);
	return status;
}

/* No option without a meaning for the command. */
static enum status check_options(const struct cli *cli, unsigned int seen)
{
	for (size_t i = 0; i < COUNT_OF(options); i++) {
		if ((options[i].set & seen & ~cli->command->options) != 0)
			return usage_error(cli, "%s is not for this command", options[i].name);
	}
	return CLI_OK;
}

enum status cli_parse(struct cli *cli, int argc, char **argv)
{
	static char default_command[] = "status";
	static char *default_words[] = {default_command, NULL};
	const char *from_environment = getenv("PPSFW_SOCKET");
	enum status status = CLI_OK;
	unsigned int seen = 0;
	bool words_only = false;
	int n = 0, used = 0;

	if (from_environment != NULL && *from_environment != '\0')
		cli->socket = from_environment;
	for (int i = 1; i < argc && status == CLI_OK; i++) {
		if (!words_only && strcmp(argv[i], "--") == 0)
			words_only = true;
		else if (!words_only && argv[i][0] == '-' && argv[i][1] != '\0')
			status = read_option(cli, argc, argv, &i, &seen);
		else
			argv[n++] = argv[i];
	}
	if (status != CLI_OK)
		return status;
	if (n == 0 && cli->help)
		return CLI_OK;
	if (n == 0) {
		argv = default_words;
		n = 1;
	}
	cli->command = find_command(n, argv, &used);
	if (cli->command == NULL)
		return wrong_command(cli, n, argv);
	cli->argc = n - used;
	cli->argv = argv + used;
	return check_options(cli, seen);
}
