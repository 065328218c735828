/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * ppsfwd: start, in an order in which nothing can cross before everything is right; run; and the
 * same list backwards.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <pps_base.h>
#include <pps_json.h>
#include <pps_policy.h>
#include <pps_shape.h>

#include "config.h"
#include "datapath.h"
#include "manager.h"
#include "signed.h"

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
	const char *config;
	bool check;
};

static const char usage[] = "usage: ppsfwd --config FILE [--check]\n"
			    "       ppsfwd --version | --help\n";

/* Returns an exit code when there is nothing more to do, or -1. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'n'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:nVh", table, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case 'V':
			puts("ppsfwd " PPS_VERSION);
			return EXIT_GOOD;
		case 'h':
			fputs(usage, stdout);
			return EXIT_GOOD;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (options->config == NULL || optind < argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return -1;
}

static int fail(const char *file, struct pps_errors *errors)
{
	struct pps_str text = PPS_STR_INIT;

	pps_errors_print(errors, &text);
	for (char *line = strtok(text.text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		pps_log(PPS_LOG_ERROR, "%s: %s", file, line);
	pps_str_fini(&text);
	pps_errors_fini(errors);
	return EXIT_FAILED;
}

/* --check: the configuration has been read; now the policy, as a start would. */
static int check(const struct config *config)
{
	struct pps_errors errors = {0};
	struct pps_policy_bundle bundle = {0};
	struct pps_policy *policy = NULL;

	if (signed_read(config, &bundle, &errors) && signed_by_enough(config, &bundle, &errors))
		policy = pps_policy_parse_bundle(&bundle, &errors);
	pps_policy_bundle_fini(&bundle);
	if (policy == NULL || !pps_shape_fits(policy, pps_time_wall_ns(), &errors)) {
		pps_policy_destroy(policy);
		return fail(config->policy, &errors);
	}
	printf("configuration and policy \"%s\" revision %llu are good: %zu approved, "
	       "%zu exceptions, %zu banned\n",
		policy->name, (unsigned long long)policy->revision, policy->n_approved,
		policy->n_exceptions, policy->n_bans);
	pps_policy_destroy(policy);
	return EXIT_GOOD;
}

static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	/* Before EAL, so that every thread it makes has them blocked too. */
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* EAL keeps pointers into the arguments: they are freed after its end. */
static bool start_eal(int argc, char **argv, struct pps_errors *errors)
{
	/* EAL moves the pointers about: what is freed is the caller's own list. */
	char **list = pps_alloc(((size_t)argc + 1) * sizeof(*list));
	bool good;

	memcpy(list, argv, (size_t)argc * sizeof(*list));
	good = rte_eal_init(argc, list) >= 0;
	if (!good)
		pps_errors_add(errors, "eal", "EAL did not start: %s", rte_strerror(rte_errno));
	free(list);
	return good;
}

/*
 * Something is still at work in memory that would be freed: a worker that hangs in its driver, or a
 * compilation that may take minutes. What matters is kept, and the process ends, which closes the
 * wire if nothing else did.
 */
static void end_at_once(struct manager *manager, int code)
{
	if (manager->worker_hangs)
		pps_log(PPS_LOG_ERROR,
			"a worker does not stop; ending the process closes the wire");
	else
		pps_log(PPS_LOG_INFO, "stopped while a policy was being compiled; nothing crosses");
	manager_drain(manager);
	pps_event_log_flush(manager->log, true);
	pps_ctl_server_destroy(manager->ctl);
	_exit(code);
}

static const char *const openings[] = {
	[CONFIG_INLINE] = "forwarding",
	[CONFIG_AUDIT] = "AUDIT mode: NOTHING IS BLOCKED, everything is forwarded",
	[CONFIG_OBSERVER] = "OBSERVER mode: NOTHING IS BLOCKED and nothing is sent",
};

/* Why it stops, and what became of all frames while it ran. An observer says what it saw, all of
 * which was on the wire. */
static json_t *stop_fields(const struct manager *manager)
{
	struct datapath_totals totals;
	json_t *fields;

	datapath_totals(manager->datapath, &totals);
	fields = json_pack("{s:I, s:I, s:I}", "passed", (json_int_t)totals.passed, "dropped",
		(json_int_t)totals.dropped, "flows", (json_int_t)totals.flows_started);
	if (manager->stop_signal != 0)
		json_object_set_new(fields, "signal", json_string(strsignal(manager->stop_signal)));
	else
		json_object_set_new(fields, "cause", json_string("capture exhausted"));
	if (manager->config->mode == CONFIG_OBSERVER)
		json_object_set_new(fields, "observed", observed_summary(manager, &totals));
	return fields;
}

/* From here on the wire is closed until the last line says it is open, and closed again after. */
static int serve(const struct options *options, const struct config *config)
{
	struct pps_errors errors = {0};
	struct datapath datapath = {0};
	struct manager manager = {0};
	int code = EXIT_FAILED;

	if (!datapath_create(&datapath, config, &errors)) {
		fail(options->config, &errors);
		goto err_datapath;
	}
	if (!manager_init(&manager, config, &datapath, &errors)) {
		fail(options->config, &errors);
		goto err_manager;
	}
	if (!reload_first(&manager, &errors)) {
		fail(config->policy, &errors);
		goto err_manager;
	}
	if (!datapath_start(&datapath, &errors)) {
		fail(options->config, &errors);
		goto err_start;
	}
	manager_event(&manager, "daemon_start", NULL,
		json_pack("{s:s, s:s, s:s, s:o}", "version", PPS_VERSION, "mode",
			config_mode_word(config->mode), "clock", config_clock_word(config->clock),
			"config", pps_json_text(options->config)));
	pps_log(PPS_LOG_INFO, "%s, policy \"%s\" revision %llu in force", openings[config->mode],
		manager.reload.current->policy->name,
		(unsigned long long)manager.reload.current->policy->revision);
	manager_run(&manager);
	manager_event(&manager, "daemon_stop", NULL, stop_fields(&manager));
	code = manager.worker_hangs ? EXIT_FAILED : EXIT_GOOD;
	if (manager.worker_hangs || manager.builder_left)
		end_at_once(&manager, code);
	pps_log(PPS_LOG_INFO, "%s",
		config->mode == CONFIG_OBSERVER ? "stopped; nothing is observed any more"
						: "stopped; nothing crosses");
err_start:
	datapath_stop(&datapath, manager_drain, &manager);
err_manager:
	manager_fini(&manager);
err_datapath:
	datapath_destroy(&datapath);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct pps_errors errors = {0};
	struct config *config;
	char **eal_argv;
	int eal_argc, code;

	pps_log_init("ppsfwd", PPS_LOG_INFO);
	/* JSON must survive the moment in which a compilation holds all memory: see pps_base.h. */
	json_set_alloc_funcs(pps_alloc, free);
	code = read_options(argc, argv, &options);
	if (code >= 0)
		return code;
	config = config_load(options.config, &errors);
	if (config == NULL)
		return fail(options.config, &errors);
	pps_log_init("ppsfwd", config->log);
	if (options.check) {
		code = check(config);
		config_free(config);
		return code;
	}
	block_signals();
	eal_argv = config_eal_argv(config, &eal_argc);
	if (start_eal(eal_argc, eal_argv, &errors)) {
		code = serve(&options, config);
		rte_eal_cleanup();
	} else {
		code = fail(options.config, &errors);
	}
	config_eal_free(eal_argv);
	config_free(config);
	return code;
}
