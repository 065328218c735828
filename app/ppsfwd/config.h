/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_H
#define CONFIG_H

/*
 * The appliance configuration: one JSON file (ppsfwd(8), config/ppsfwd.schema.json), read once at
 * start. Every key is a row of a table in config.c; everything but "segments" and "policy" has a
 * default. All mistakes of a file are reported together, with their places.
 *
 * Paths are absolute here. In the file they are relative to its folder, and so are those of
 * net_pcap inside --vdev arguments (config_path.c).
 *
 * Files: config.c (the tables, and what each value must be), config_segment.c (the same for
 * segments), config_signature.c (and for signatures), config_path.c (paths), config_eal.c
 * (arguments for EAL), config_print.c (the same back as JSON).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_addr.h>
#include <pps_base.h>
#include <pps_port.h>
#include <pps_signature.h>

enum config_mode { CONFIG_INLINE, CONFIG_AUDIT, CONFIG_OBSERVER };
enum config_clock { CONFIG_CLOCK_SYSTEM, CONFIG_CLOCK_CAPTURE };
enum config_poll { CONFIG_POLL_ADAPTIVE, CONFIG_POLL_BUSY };

struct config_segment {
	char *name;
	char *inside, *outside; /* NULL with 'mirror' */
	char *mirror; /* the one port of an observer that gets both directions, or NULL */
	struct pps_prefix *inside_prefixes; /* with 'mirror': these, */
	size_t n_inside_prefixes;
	struct pps_mac *inside_macs; /* or these say which side sent a frame (mirror.h) */
	size_t n_inside_macs;
	uint32_t mtu; /* 0: not given */
};

struct config {
	char **eal; /* arguments for EAL, without the program's name */
	size_t n_eal;
	struct config_segment *segments;
	size_t n_segments;
	enum config_mode mode;
	enum config_clock clock;
	enum config_poll poll;
	char *policy; /* path */
	struct pps_signature_rules signatures; /* required 0: none is asked for */
	uint32_t workers;
	uint32_t flows;
	uint32_t flows_ipv6; /* of 'flows' */
	uint32_t half_open_max; /* of 'flows' */
	uint32_t half_open_per_source; /* of those */
	char *socket; /* path */
	char *events_file; /* path, or NULL */
	uint32_t events_rotate_mib;
	uint32_t events_keep;
	bool has_state; /* "state" was written */
	char *state; /* folder, or NULL: nothing is kept */
	char **admins; /* user names or "@group" */
	size_t n_admins;
	char **viewers;
	size_t n_viewers;
	uint32_t build_mib; /* memory a policy's compilation may add; 0: no limit */
	uint32_t tcp_loose_seconds; /* after the start; 0: none */
	uint32_t expiry_warning_hours; /* before an exception ends; 0: no warning */
	uint32_t drift_check_seconds; /* how often what runs is compared with what was approved; 0:
				     only when somebody asks */
	enum pps_log_level log; /* the least important lines still written to standard error */
};

const char *config_mode_word(enum config_mode mode);
const char *config_clock_word(enum config_clock clock);
const char *config_poll_word(enum config_poll poll);
const char *config_log_word(enum pps_log_level level);

/* NULL and errors. Names in "access" that this system does not know are said with pps_log(): they
 * let nobody in, which is no reason to keep the wire closed. */
struct config *config_load(const char *path, struct pps_errors *errors);
void config_free(struct config *config); /* NULL is fine */

/* The whole configuration, defaults included, as JSON that config_load() reads back equal. */
void config_print(const struct config *config, struct pps_str *out);

/* The object "signatures"; NULL when no signature is asked for. */
json_t *config_print_signatures(const struct config *config);

/*
 * The arguments for rte_eal_init(): the program's name, the configured ones, and an --lcores
 * mapping when the configuration has none: lcore 0 (management) on the first CPU this process may
 * use, lcores 1 to 'workers' on the ones behind it, going round when there are too few;
 * and EAL's --log-level to go with ours, when there is none. A
 * NULL-terminated array; config_eal_free() frees it.
 */
char **config_eal_argv(const struct config *config, int *ret_argc);
void config_eal_free(char **argv);

#endif
