/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONFIG_PRIV_H
#define CONFIG_PRIV_H

/* Shared by the config files and their tests. */

#include <sched.h>

#include <pps_json.h>

#include "config.h"

/* The keys of one object of the file: for readers, schema, manual page and tests alike. */
struct config_table {
	const char *object; /* "" for the whole file, "segments" for each of them, ... */
	const struct pps_json_field *fields;
	size_t n;
};

#define CONFIG_TABLES 6
extern const struct config_table config_tables[CONFIG_TABLES];

/* What readers know besides the value. */
struct config_reading {
	const char *folder; /* of the file, absolute */
};

/* Puts 'text' (taken over) in place of the string at 'target'. */
void config_set_string(void *target, char *text);
/* True for text that may be shown on a terminal and is not empty; else an error was added. */
bool config_check_text(
	const json_t *value, const struct pps_json_path *path, struct pps_errors *errors);
void config_free_list(char **items, size_t n);
/* Reads a whole number from 'least' to 'most'. */
void config_read_range(const json_t *value, const struct pps_json_path *path, uint32_t *target,
	uint32_t least, uint32_t most, struct pps_errors *errors);

/* ---- config_segment.c ---- */

#define CONFIG_SEGMENT_FIELDS 7
extern const struct pps_json_field config_segment_fields[CONFIG_SEGMENT_FIELDS];

/* A reader: the list of segments. */
void config_read_segments(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors);
/* What the mode, which may stand behind the segments, says of them. */
void config_settle_segments(const struct config *config, struct pps_errors *errors);
void config_free_segments(struct config *config);

/* ---- config_signature.c ---- */

#define CONFIG_SIGNATURE_FIELDS 5
extern const struct pps_json_field config_signature_fields[CONFIG_SIGNATURE_FIELDS];

/* A reader: who must have signed a policy. */
void config_read_signatures(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors);
void config_free_signatures(struct config *config);

/* ---- config_path.c ---- */

/* A reader: a path, made absolute. */
void config_read_path(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors);
/*
 * The arguments of one --vdev ("net_pcap0,rx_pcap=in.pcap") with the paths of net_pcap made
 * absolute; a file that cannot be read or written is an error. The caller frees it.
 */
char *config_resolve_vdev(const char *args, const struct pps_json_path *path, const char *folder,
	struct pps_errors *errors);
/* The folder of a file, absolute; the caller frees it. */
char *config_folder_of(const char *file);

/* ---- config_eal.c ---- */

/* A reader: the list of EAL's arguments. */
void config_read_eal(const json_t *value, const struct pps_json_path *path, void *config, void *aux,
	struct pps_errors *errors);
/* Writes "0@4,1@5": management and workers on the allowed CPUs, going round. */
void config_map_lcores(const cpu_set_t *allowed, unsigned int n_workers, struct pps_str *out);

#endif
