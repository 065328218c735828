/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "config_priv.h"

#define EAL_ARGUMENTS_MAX 256

/* ---- reading the list ---- */

/* EAL takes long options shortened: "--vd" is "--vdev". 'least' letters are unambiguous. */
static bool is_long_option(const char *text, const char *name, size_t least)
{
	size_t len = strcspn(text, "=");

	return len >= least && !strncmp(text, name, len);
}

/* Arguments that would end the daemon, or EAL's reading, instead of starting it. */
static const char *why_refused(const char *text)
{
	if (!strcmp(text, "--"))
		return "the list holds EAL's arguments alone";
	if (!strcmp(text, "-h") || is_long_option(text, "--help", 4))
		return "it would print EAL's help instead of starting";
	return NULL;
}

static char *read_argument(const json_t *value, const struct pps_json_path *path,
	const char *previous, const char *folder, struct pps_errors *errors)
{
	const char *text = json_string_value(value), *why, *equals;
	char *args, *joined;

	if (!config_check_text(value, path, errors))
		return pps_strdup("");
	why = why_refused(text);
	if (why)
		pps_json_error(errors, path, "%s is refused: %s", pps_json_quote(value), why);
	if (is_long_option(previous, "--vdev", 4) && !strchr(previous, '='))
		return config_resolve_vdev(text, path, folder, errors);
	equals = strchr(text, '=');
	if (!is_long_option(text, "--vdev", 4) || !equals)
		return pps_strdup(text);
	args = config_resolve_vdev(equals + 1, path, folder, errors);
	joined = pps_asprintf("--vdev=%s", args);
	free(args);
	return joined;
}

static bool has_option(const struct config *config, const char *name, size_t least)
{
	size_t i;

	for (i = 0; i < config->n_eal; i++)
		if (is_long_option(config->eal[i], name, least))
			return true;
	return false;
}

void config_read_eal(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	const struct config_reading *reading = aux;
	struct config *config = target;
	struct pps_json_path place = {.parent = path};
	size_t n = json_array_size(value);
	const char *previous = "";

	if (!json_is_array(value) || n > EAL_ARGUMENTS_MAX) {
		pps_json_error(errors, path, "%s is not a list of at most %d strings",
			pps_json_quote(value), EAL_ARGUMENTS_MAX);
		return;
	}
	config_free_list(config->eal, config->n_eal);
	config->eal = pps_alloc((n + 1) * sizeof(config->eal[0]));
	config->n_eal = n;
	for (place.index = 0; place.index < n; place.index++) {
		config->eal[place.index] = read_argument(json_array_get(value, place.index), &place,
			previous, reading->folder, errors);
		previous = config->eal[place.index];
	}
	if (has_option(config, "--no-huge", 7) && has_option(config, "--in-memory", 4))
		pps_json_error(
			errors, path, "EAL cannot have \"--no-huge\" and \"--in-memory\" together");
}

/* ---- the vector ---- */

void config_map_lcores(const cpu_set_t *allowed, unsigned int n_workers, struct pps_str *out)
{
	unsigned int lcore, cpu = CPU_SETSIZE - 1, looked;

	for (lcore = 0; lcore <= n_workers; lcore++) {
		for (looked = 0; looked < CPU_SETSIZE; looked++) {
			cpu = (cpu + 1) % CPU_SETSIZE;
			if (CPU_ISSET(cpu, allowed))
				break;
		}
		pps_str_addf(out, "%s%u@%u", lcore ? "," : "", lcore, cpu);
	}
}

/* Whether the person who wrote the list chose CPUs: -l, -c, -s, -S (also with the value attached)
 * or --lcores. */
static bool chooses_cpus(const struct config *config)
{
	const char *text;
	size_t i;

	for (i = 0; i < config->n_eal; i++) {
		text = config->eal[i];
		if (text[0] == '-' && text[1] && strchr("lcsS", text[1]))
			return true;
	}
	return has_option(config, "--lcores", 4);
}

/* EAL's level that goes with ours: its chatter at start is nothing an operator asked for. */
static unsigned int eal_log_level(enum pps_log_level level)
{
	static const unsigned int levels[] = {
		[PPS_LOG_ERROR] = 4,
		[PPS_LOG_WARNING] = 5,
		[PPS_LOG_INFO] = 5,
		[PPS_LOG_DEBUG] = 7,
	};

	return levels[level];
}

char **config_eal_argv(const struct config *config, int *ret_argc)
{
	char **argv = pps_alloc((config->n_eal + 4) * sizeof(argv[0]));
	struct pps_str lcores = PPS_STR_INIT;
	cpu_set_t allowed;
	int argc = 0;
	size_t i;

	argv[argc++] = pps_strdup("ppsfwd");
	for (i = 0; i < config->n_eal; i++)
		argv[argc++] = pps_strdup(config->eal[i]);
	if (!chooses_cpus(config)) {
		CPU_ZERO(&allowed);
		if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
			CPU_SET(0, &allowed);
		pps_str_add(&lcores, "--lcores=");
		config_map_lcores(&allowed, config->workers, &lcores);
		argv[argc++] = pps_str_take(&lcores);
	}
	if (!has_option(config, "--log-level", 4))
		argv[argc++] = pps_asprintf("--log-level=%u", eal_log_level(config->log));
	*ret_argc = argc;
	return argv;
}

void config_eal_free(char **argv)
{
	size_t n = 0;

	while (argv && argv[n])
		n++;
	config_free_list(argv, n);
}
