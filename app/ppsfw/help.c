/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>
#include <pps_registry.h>

#include "cli.h"

static void add_usage(struct pps_str *to, const struct command *command)
{
	pps_str_addf(to, "ppsfw %s", command->name);
	for (size_t i = 0; option_row(i) != NULL; i++) {
		const struct option *row = option_row(i);

		bool must = row->set == OPT_SIGNER;

		if ((row->set & command->options) != 0)
			pps_str_addf(to, " %s%s%s%s%s", must ? "" : "[", row->name,
				row->value == NULL ? "" : " ", row->value == NULL ? "" : row->value,
				must ? "" : "]");
	}
	if (*command->arguments != '\0')
		pps_str_addf(to, " %s", command->arguments);
}

void print_usage(FILE *to, const struct command *command)
{
	struct pps_str text = PPS_STR_INIT;

	if (command != NULL) {
		add_usage(&text, command);
		fprintf(to, "usage: %s\n", pps_str_text(&text));
		pps_str_fini(&text);
		return;
	}
	fputs("usage: ppsfw [COMMAND]; \"ppsfw help\" lists the commands\n", to);
}

static void print_options(struct output *o, const struct command *command)
{
	for (size_t i = 0; option_row(i) != NULL; i++) {
		const struct option *row = option_row(i);
		char left[64];

		if (row->set != 0 && (command == NULL || (row->set & command->options) == 0))
			continue;
		snprintf(left, sizeof(left), "%s %s", row->name,
			row->value == NULL ? "" : row->value);
		out_line(o, STYLE_PLAIN, "  %-16s %s", left, row->help);
	}
}

static void print_all(struct output *o)
{
	out_line(o, STYLE_PLAIN, "usage: ppsfw [OPTION]... [COMMAND [ARGUMENT]...]");
	out_end(o);
	for (size_t i = 0; i < n_commands; i++) {
		struct pps_str usage = PPS_STR_INIT;

		add_usage(&usage, &commands[i]);
		out_line(o, STYLE_BOLD, "  %s", pps_str_text(&usage));
		out_line(o, STYLE_PLAIN, "      %s", commands[i].help);
		pps_str_fini(&usage);
	}
	out_end(o);
	out_line(o, STYLE_PLAIN, "options of every command:");
	print_options(o, NULL);
	out_end(o);
	out_line(o, STYLE_PLAIN,
		"exit status: 0 done, 1 not done or not so, 2 wrong command line. See ppsfw(1).");
}

static void print_one(struct output *o, const struct command *command)
{
	struct pps_str usage = PPS_STR_INIT;
	const char *name = strstr(command->arguments, "DETAIL") != NULL ? "DETAIL" : "FILTER";

	add_usage(&usage, command);
	out_line(o, STYLE_BOLD, "%s", pps_str_text(&usage));
	pps_str_fini(&usage);
	out_line(o, STYLE_PLAIN, "    %s", command->help);
	if (command->words != NULL) {
		out_end(o);
		out_line(o, STYLE_PLAIN, "%s is pairs of a word and a value%s:", name,
			*name == 'F' ? ", all of which must hold" : "");
		for (size_t i = 0; i < command->words->n; i++)
			out_line(o, STYLE_PLAIN, "  %-16s %s", command->words->words[i].word,
				command->words->words[i].help);
	}
	out_end(o);
	out_line(o, STYLE_PLAIN, "options:");
	print_options(o, command);
}

enum status print_help(struct cli *cli, const struct command *command)
{
	if (command == NULL)
		print_all(&cli->out);
	else
		print_one(&cli->out, command);
	return CLI_OK;
}

/* "help show" is help for all there is to show. */
enum status cmd_help(struct cli *cli)
{
	const struct command *command;
	size_t n_found = 0, len;
	int used;

	if (cli->argc == 0)
		return print_help(cli, NULL);
	command = find_command(cli->argc, cli->argv, &used);
	if (command != NULL && used == cli->argc)
		return print_help(cli, command);
	len = strlen(cli->argv[0]);
	for (size_t i = 0; i < n_commands && cli->argc == 1; i++) {
		if (strncmp(commands[i].name, cli->argv[0], len) != 0 ||
			commands[i].name[len] != ' ')
			continue;
		if (n_found++ > 0)
			out_end(&cli->out);
		print_one(&cli->out, &commands[i]);
	}
	return n_found > 0 ? CLI_OK : wrong_command(cli, cli->argc, cli->argv);
}

/* ---- completion ---- */

static void print_list(const char *first)
{
	struct word_list list;

	command_words(first, &list);
	for (size_t i = 0; i < list.n; i++)
		puts(list.words[i]);
	word_list_fini(&list);
}

static void print_choices(const char *const *choices)
{
	for (size_t i = 0; choices != NULL && choices[i] != NULL; i++)
		puts(choices[i]);
}

static void print_protocols(void)
{
	for (unsigned int i = 0; i < PPS_PROTOCOL_ANY; i++) {
		const char *word = pps_protocol_word(i);

		if (*word < '0' || *word > '9')
			puts(word);
	}
}

static void print_services(void)
{
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < n; i++) {
		if (entries[i].name[0] != '\0')
			puts(entries[i].name);
	}
}

/* What may follow the pairs begun in argv: a word not used yet, or a value. */
static void print_pairs(const struct word_table *table, int argc, char **argv)
{
	const struct word *row;

	if (argc % 2 == 1) {
		row = words_find(table, argv[argc - 1]);
		if (row != NULL && row->kind == VALUE_DIRECTION)
			print_choices(direction_choices);
		else if (row != NULL && row->kind == VALUE_PROTOCOL)
			print_protocols();
		else if (row != NULL)
			print_choices(row->choices);
		return;
	}
	for (size_t i = 0; i < table->n; i++) {
		bool used = false;

		for (int k = 0; k < argc; k += 2)
			used = used || strcmp(argv[k], table->words[i].word) == 0;
		if (!used)
			puts(table->words[i].word);
	}
}

/* The words for the argument called 'name'. */
static void print_argument(const struct command *command, const char *name, int argc, char **argv)
{
	if (strstr(name, "FILTER") != NULL || strstr(name, "DETAIL") != NULL) {
		if (argc == 0 && strstr(name, "|all") != NULL)
			puts("all");
		print_pairs(command->words, argc, argv);
	} else if (strcmp(name, "FILE") == 0 || strcmp(name, "[OLD]") == 0 ||
		strcmp(name, "NEW") == 0) {
		puts("FILE");
	} else if (strcmp(name, "DIRECTION") == 0) {
		print_choices(direction_choices);
	} else if (strcmp(name, "PROTOCOL") == 0) {
		print_protocols();
	} else if (strcmp(name, "SERVICE") == 0) {
		print_services();
	} else if (strcmp(name, "[COMMAND]") == 0) {
		print_list(argc == 0 ? NULL : argv[0]);
	}
}

static void print_arguments(const struct command *command, int argc, char **argv)
{
	char *arguments = pps_strdup(command->arguments), *rest = NULL;
	char *name = strtok_r(arguments, " ", &rest);
	int at = 0;

	/* The last argument may be many words. */
	while (name != NULL && at < argc && *rest != '\0') {
		name = strtok_r(NULL, " ", &rest);
		at++;
	}
	if (name != NULL && (at == argc || strchr(name, '[') != NULL || strchr(name, '|') != NULL))
		print_argument(command, name, argc - at, argv + at);
	free(arguments);
}

static void print_option_words(const struct command *command)
{
	for (size_t i = 0; option_row(i) != NULL; i++) {
		const struct option *row = option_row(i);

		if (row->set == 0 || (command != NULL && (row->set & command->options) != 0))
			puts(row->name);
	}
}

/* The name of the value that option 'word' takes, or NULL. */
static const char *option_value(const char *word)
{
	for (size_t i = 0; option_row(i) != NULL; i++) {
		if (strcmp(option_row(i)->name, word) == 0)
			return option_row(i)->value;
	}
	return NULL;
}

/* Takes options with their values out of argv. Returns the name of the value that the last one
 * still wants, or NULL. */
static const char *drop_options(int *argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < *argc; i++) {
		const char *value = option_value(argv[i]);

		if (argv[i][0] != '-')
			argv[n++] = argv[i];
		else if (value != NULL && ++i == *argc)
			return value;
	}
	*argc = n;
	return NULL;
}

enum status print_words(int argc, char **argv)
{
	const char *value = drop_options(&argc, argv);
	const struct command *command;
	int used;

	if (value != NULL) {
		if (strcmp(value, "PATH") == 0 || strcmp(value, "FILE") == 0)
			puts("FILE");
		return CLI_OK;
	}
	command = find_command(argc, argv, &used);
	if (command != NULL)
		print_arguments(command, argc - used, argv + used);
	else if (argc <= 1)
		print_list(argc == 0 ? NULL : argv[0]);
	print_option_words(command);
	return CLI_OK;
}
