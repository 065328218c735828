/* SPDX-License-Identifier: BSD-3-Clause */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include <pps_ctl.h>

#include "cli.h"

/* Words in capitals are what completion knows: see print_words(). */
const struct command commands[] = {
	{"status", "", 0, NULL, cmd_status,
		"one screen: mode, policy, segments, rates, flows, drops (also without any word)"},
	{"check", "FILE", OPT_STRICT, NULL, cmd_check,
		"check a policy file here, without the daemon; say all that is wrong or doubtful"},
	{"load", "FILE", OPT_CONFIRM | OPT_FORCE | OPT_DIFF | OPT_MAX, NULL, cmd_load,
		"check a policy file and put it in force"},
	{"sign", "FILE", OPT_SIGNER | OPT_SIGN, NULL, cmd_sign,
		"check a policy file and sign it, here, without the daemon"},
	{"verify", "FILE", OPT_VERIFY, NULL, cmd_verify,
		"who has signed a policy file, and whether that is enough"},
	{"confirm", "", 0, NULL, cmd_confirm, "keep the policy that was loaded with --confirm"},
	{"rollback", "[NUMBER]", 0, NULL, cmd_rollback,
		"go back: from a policy not confirmed yet, else to the one confirmed before"},
	{"history", "[NUMBER]", 0, NULL, cmd_history,
		"the policies that were loaded, who did it and what became of them; or one whole"},
	{"diff", "[OLD] NEW", OPT_MAX | OPT_HISTORY, NULL, cmd_diff,
		"which traffic a policy permits and another (or the one in force) does not"},
	{"show rules", "", 0, NULL, cmd_show_rules, "the rules in force with their counters"},
	{"show flows", "[FILTER]", OPT_MAX, &flow_words, cmd_show_flows, "live flows"},
	{"show drops", "", 0, NULL, cmd_show_drops, "what was dropped, by reason"},
	{"show sources", "", 0, NULL, cmd_show_sources,
		"the source lists: their size, their files, whom they stopped"},
	{"show exceptions", "", 0, NULL, cmd_show_exceptions,
		"the exceptions: when they end, who approved them, what they are used for"},
	{"show policy", "", 0, NULL, cmd_show_policy, "the policy in force, names resolved"},
	{"explain", "DIRECTION PROTOCOL SOURCE DESTINATION [DETAIL]", OPT_PCAP | OPT_MAX,
		&explain_words, cmd_explain,
		"what would become of a packet, step by step, with the approval behind it; "
		"with --pcap FILE [N] [DETAIL], of the frames of a capture or the Nth of them"},
	{"kill flows", "FILTER|all", 0, &flow_words, cmd_kill_flows,
		"end live flows; the policy stays as it is"},
	{"events", "[FILTER]", OPT_FOLLOW | OPT_MAX, &event_words, cmd_events,
		"the last events: denies, flows, loads"},
	{"registry", "SERVICE", 0, NULL, cmd_registry,
		"what the registry says of a port or name: 443/tcp, 443, https, domain/udp"},
	{"version", "", 0, NULL, cmd_version, "the version of this program"},
	{"help", "[COMMAND]", 0, NULL, cmd_help, "this, or more about a command"},
};
const size_t n_commands = sizeof(commands) / sizeof(commands[0]);

enum status cmd_version(struct cli *cli)
{
	json_t *answer;

	if (!cli->version && !has_arguments(cli, 0, 0))
		return CLI_USAGE;
	answer = json_pack("{s:s}", "version", PPS_VERSION);
	if (cli->json)
		out_json(&cli->out, answer);
	else
		out_line(&cli->out, STYLE_PLAIN, "ppsfw %s", PPS_VERSION);
	json_decref(answer);
	return CLI_OK;
}

static enum status run(struct cli *cli)
{
	if (cli->help)
		return print_help(cli, cli->command);
	if (cli->version)
		return cmd_version(cli);
	return cli->command->run(cli);
}

int main(int argc, char **argv)
{
	struct cli cli = {.socket = PPS_CTL_SOCKET_DEFAULT};
	enum status status;

	/* A reader that goes away shows in output_finish(), a daemon in its call. */
	signal(SIGPIPE, SIG_IGN);
	output_init(&cli.out);
	/* Completion asks in the middle of a line: nothing in it is for us. */
	if (argc > 2 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "--words") == 0)
		return (int)print_words(argc - 3, argv + 3);
	status = cli_parse(&cli, argc, argv);
	if (status == CLI_OK)
		status = run(&cli);
	if (!output_finish(&cli.out) && status == CLI_OK)
		status = CLI_FAILED;
	return (int)status;
}
