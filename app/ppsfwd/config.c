/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <pps_flow.h>
#include <pps_steer.h>

#include "config_priv.h"

#define FILE_BYTES_MAX (1u << 20)
#define ACCESS_MAX     64
#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))

static const char *const mode_words[] = {
	[CONFIG_INLINE] = "inline",
	[CONFIG_AUDIT] = "audit",
	[CONFIG_OBSERVER] = "observer",
};
static const char *const clock_words[] = {
	[CONFIG_CLOCK_SYSTEM] = "system",
	[CONFIG_CLOCK_CAPTURE] = "capture",
};

static const char *const poll_words[] = {
	[CONFIG_POLL_ADAPTIVE] = "adaptive",
	[CONFIG_POLL_BUSY] = "busy",
};

const char *config_mode_word(enum config_mode mode)
{
	return mode_words[mode];
}

const char *config_clock_word(enum config_clock clock)
{
	return clock_words[clock];
}

const char *config_poll_word(enum config_poll poll)
{
	return poll_words[poll];
}

/* ---- what readers share ---- */

void config_set_string(void *target, char *text)
{
	char **string = target;

	free(*string);
	*string = text;
}

void config_free_list(char **items, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(items[i]);
	free(items);
}

bool config_check_text(
	const json_t *value, const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *text = json_string_value(value);

	if (!text)
		pps_json_error(errors, path, "%s is not a string", pps_json_quote(value));
	else if (!*text)
		pps_json_error(errors, path, "it is empty");
	for (; text && *text; text++) {
		if ((unsigned char)*text >= 0x20 && *text != 0x7f)
			continue;
		pps_json_error(
			errors, path, "%s has a control character in it", pps_json_quote(value));
		return false;
	}
	return text && json_string_length(value) > 0;
}

/* Sets *ret_index to the word's place in 'words'. */
static bool read_word(const json_t *value, const struct pps_json_path *path,
	const char *const *words, size_t n, unsigned int *ret_index, struct pps_errors *errors)
{
	const char *text = json_string_value(value), *nearest;
	struct pps_str list = PPS_STR_INIT;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (text && !strcmp(text, words[i])) {
			*ret_index = i;
			pps_str_fini(&list);
			return true;
		}
		pps_str_addf(&list, "%s\"%s\"", i ? ", " : "", words[i]);
	}
	nearest = text ? pps_nearest_word(text, words, n) : NULL;
	if (nearest)
		pps_json_error(errors, path, "%s is none of %s (did you mean \"%s\"?)",
			pps_json_quote(value), pps_str_text(&list), nearest);
	else
		pps_json_error(errors, path, "%s is none of %s", pps_json_quote(value),
			pps_str_text(&list));
	pps_str_fini(&list);
	return false;
}

void config_read_range(const json_t *value, const struct pps_json_path *path, uint32_t *target,
	uint32_t least, uint32_t most, struct pps_errors *errors)
{
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

	if (number >= 0 && number >= least && number <= most)
		*target = (uint32_t)number;
	else
		pps_json_error(errors, path, "%s is not a whole number (%u-%u)",
			pps_json_quote(value), least, most);
}

/* ---- single values ---- */

static void read_mode(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	unsigned int index = 0;

	(void)aux;
	if (read_word(value, path, mode_words, COUNT(mode_words), &index, errors))
		*(enum config_mode *)target = index;
}

static void read_clock(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	unsigned int index = 0;

	(void)aux;
	if (read_word(value, path, clock_words, COUNT(clock_words), &index, errors))
		*(enum config_clock *)target = index;
}

static void read_poll(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	unsigned int index = 0;

	(void)aux;
	if (read_word(value, path, poll_words, COUNT(poll_words), &index, errors))
		*(enum config_poll *)target = index;
}

static const char *const log_words[] = {
	[PPS_LOG_ERROR] = "error",
	[PPS_LOG_WARNING] = "warning",
	[PPS_LOG_INFO] = "info",
	[PPS_LOG_DEBUG] = "debug",
};

const char *config_log_word(enum pps_log_level level)
{
	return log_words[level];
}

static void read_log(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	unsigned int index = 0;

	(void)aux;
	if (read_word(value, path, log_words, COUNT(log_words), &index, errors))
		*(enum pps_log_level *)target = index;
}

static void read_workers(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 1, PPS_STEER_WORKERS_MAX, errors);
}

static void read_flows(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 1024, 1u << 26, errors);
}

static void read_half_open_number(const json_t *value, const struct pps_json_path *path,
	void *target, void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 1, 1u << 26, errors);
}

static const struct pps_json_field half_open_fields[] = {
	{"max", read_half_open_number, offsetof(struct config, half_open_max), false, NULL,
		"of all sources (1 to flows); without it half of flows"},
	{"per_source", read_half_open_number, offsetof(struct config, half_open_per_source), false,
		NULL, "of one source (1 to max); without it a quarter of max, but at least 2048"},
};

static void read_half_open(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors)
{
	pps_json_read_object(
		value, path, half_open_fields, COUNT(half_open_fields), config, aux, errors);
}

/* Fills in what was not written and compares what was. */
static void settle_flows(struct config *config, struct pps_errors *errors)
{
	if (config->flows_ipv6 == 0)
		config->flows_ipv6 = config->flows;
	if (config->flows_ipv6 > config->flows)
		pps_errors_add(errors, "flows_ipv6", "%u is more than flows (%u)",
			config->flows_ipv6, config->flows);
	if (config->half_open_max == 0)
		config->half_open_max = pps_flow_half_open_max_default(config->flows);
	if (config->half_open_max > config->flows)
		pps_errors_add(errors, "half_open.max", "%u is more than flows (%u)",
			config->half_open_max, config->flows);
	if (config->half_open_per_source == 0)
		config->half_open_per_source =
			pps_flow_half_open_share_default(config->half_open_max);
	if (config->half_open_per_source > config->half_open_max)
		pps_errors_add(errors, "half_open.per_source", "%u is more than half_open.max (%u)",
			config->half_open_per_source, config->half_open_max);
}

static void read_build(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 0, 1u << 20, errors);
}

static void read_hours(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 0, 8760, errors);
}

static void read_seconds(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 0, 86400, errors);
}

static void read_rotate(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 1, 65536, errors);
}

static void read_keep(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 0, 1000, errors);
}

/* A unix socket's name has little room; better told here than by bind(). */
static void read_socket(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	size_t n_before = errors->n_total;
	const char *absolute;

	config_read_path(value, path, target, aux, errors);
	absolute = *(char **)target;
	if (errors->n_total == n_before && strlen(absolute) > most)
		pps_json_error(errors, path,
			"\"%s\" is %zu bytes long, a socket's path at most %zu", absolute,
			strlen(absolute), most);
}

/* ---- events ---- */

static void read_path_or_null(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	if (json_is_null(value))
		config_set_string(target, NULL);
	else
		config_read_path(value, path, target, aux, errors);
}

static const struct pps_json_field events_fields[] = {
	{"file", read_path_or_null, offsetof(struct config, events_file), false, NULL,
		"where events are written, one JSON object a line; null: nowhere"},
	{"rotate_mib", read_rotate, offsetof(struct config, events_rotate_mib), false, NULL,
		"size at which the file is put aside and a new one begun (1-65536)"},
	{"keep", read_keep, offsetof(struct config, events_keep), false, NULL,
		"files put aside that are kept (0-1000); the oldest goes first"},
};

static void read_events(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors)
{
	pps_json_read_object(value, path, events_fields, COUNT(events_fields), config, aux, errors);
}

/* ---- access ---- */

struct name_list {
	char **items;
	size_t n;
};

/* Somebody who does not exist is let in nowhere. That must not keep the wire closed after a
 * restart, so it is said and no error. */
static void check_name(const char *name, const struct pps_json_path *path)
{
	struct pps_str place = PPS_STR_INIT;
	bool group = name[0] == '@';

	if (group ? getgrnam(name + 1) != NULL : getpwnam(name) != NULL)
		return;
	pps_json_path_print(path, &place);
	pps_log(PPS_LOG_WARNING, "%s: this system has no %s \"%s\"", pps_str_text(&place),
		group ? "group" : "user", group ? name + 1 : name);
	pps_str_fini(&place);
}

static void read_names(const json_t *value, const struct pps_json_path *path,
	struct name_list *list, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path};
	size_t n = json_array_size(value);
	const json_t *item;
	const char *name;

	if (!json_is_array(value) || n > ACCESS_MAX) {
		pps_json_error(errors, path,
			"%s is not a list of at most %d user names or \"@group\" names",
			pps_json_quote(value), ACCESS_MAX);
		return;
	}
	list->items = pps_alloc((n + 1) * sizeof(list->items[0]));
	for (place.index = 0; place.index < n; place.index++) {
		item = json_array_get(value, place.index);
		name = json_string_value(item);
		if (!config_check_text(item, &place, errors))
			continue;
		if (strpbrk(name, " :,/") || !strcmp(name, "@") || !strncmp(name, "@@", 2))
			pps_json_error(errors, &place, "%s is not a user name or \"@group\"",
				pps_json_quote(item));
		else
			check_name(name, &place);
		list->items[list->n++] = pps_strdup(name);
	}
}

static void read_admins(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct config *config = target;
	struct name_list list = {0};

	(void)aux;
	read_names(value, path, &list, errors);
	config->admins = list.items;
	config->n_admins = list.n;
}

static void read_viewers(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct config *config = target;
	struct name_list list = {0};

	(void)aux;
	read_names(value, path, &list, errors);
	config->viewers = list.items;
	config->n_viewers = list.n;
}

static const struct pps_json_field access_fields[] = {
	{"admin", read_admins, 0, false, NULL,
		"users and \"@groups\" that may change things, besides root and the daemon's user"},
	{"view", read_viewers, 0, false, NULL, "users and \"@groups\" that may look"},
};

static void read_access(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors)
{
	pps_json_read_object(value, path, access_fields, COUNT(access_fields), config, aux, errors);
}

/* ---- the whole ---- */

static void read_state(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors)
{
	struct config *target = config;

	target->has_state = true;
	read_path_or_null(value, path, &target->state, aux, errors);
}

static const struct pps_json_field config_fields[] = {
	{"eal", config_read_eal, 0, false, NULL, "arguments for EAL, one a string"},
	{"segments", config_read_segments, 0, true, NULL,
		"the wires: pairs of ports, or mirror ports of an observer"},
	{"mode", read_mode, offsetof(struct config, mode), false, NULL,
		"inline enforces; audit forwards everything and reports what inline would drop; "
		"observer does so on a copy of the traffic and sends nothing"},
	{"policy", config_read_path, offsetof(struct config, policy), true, NULL,
		"the approved-PPS policy in force from the start"},
	{"signatures", config_read_signatures, 0, false, NULL,
		"who must have signed a policy; without it nobody needs to"},
	{"clock", read_clock, offsetof(struct config, clock), false, NULL,
		"system, or capture: time is that of the packets in the captures"},
	{"workers", read_workers, offsetof(struct config, workers), false, NULL,
		"lcores that forward"},
	{"poll", read_poll, offsetof(struct config, poll), false, NULL,
		"adaptive: workers without packets sleep for moments; busy: they never do"},
	{"flows", read_flows, offsetof(struct config, flows), false, NULL,
		"flows tracked at once (1024-67108864)"},
	{"flows_ipv6", read_flows, offsetof(struct config, flows_ipv6), false, NULL,
		"how many of them may be IPv6, or IPv4 behind two VLAN tags (1024 to flows); "
		"without it all"},
	{"half_open", read_half_open, 0, false, NULL,
		"how many flows may be half-open: begun, and not yet proven"},
	{"tcp_loose_seconds", read_seconds, offsetof(struct config, tcp_loose_seconds), false, NULL,
		"how long after the start approved TCP connections are picked up in mid-stream "
		"(0-86400); 0: never"},
	{"socket", read_socket, offsetof(struct config, socket), false, NULL, "the control socket"},
	{"events", read_events, 0, false, NULL, "the accountability log"},
	{"state", read_state, 0, false, NULL,
		"the folder for what must survive a restart; null: nothing does"},
	{"access", read_access, 0, false, NULL, "who may use the control socket"},
	{"build_mib", read_build, offsetof(struct config, build_mib), false, NULL,
		"memory that compiling a policy may add (0-1048576); 0: no limit"},
	{"expiry_warning_hours", read_hours, offsetof(struct config, expiry_warning_hours), false,
		NULL, "how long before its end an exception is warned of (0-8760); 0: never"},
	{"drift_check_seconds", read_seconds, offsetof(struct config, drift_check_seconds), false,
		NULL,
		"how often what runs is compared with what was approved (0-86400); 0: on status"},
	{"log", read_log, offsetof(struct config, log), false, NULL,
		"the least important lines still written to standard error"},
};

const struct config_table config_tables[CONFIG_TABLES] = {
	{"", config_fields, COUNT(config_fields)},
	{"segments", config_segment_fields, CONFIG_SEGMENT_FIELDS},
	{"signatures", config_signature_fields, CONFIG_SIGNATURE_FIELDS},
	{"half_open", half_open_fields, COUNT(half_open_fields)},
	{"events", events_fields, COUNT(events_fields)},
	{"access", access_fields, COUNT(access_fields)},
};

static struct config *make_default(void)
{
	struct config *config = pps_alloc(sizeof(*config));

	config->n_eal = 2;
	config->eal = pps_alloc(config->n_eal * sizeof(config->eal[0]));
	config->eal[0] = pps_strdup("--in-memory");
	config->eal[1] = pps_strdup("--no-telemetry");
	config->workers = 1;
	config->flows = 1048576;
	config->socket = pps_strdup("/run/ppsfw/ppsfw.sock");
	config->events_file = pps_strdup("/var/log/ppsfw/events.jsonl");
	config->events_rotate_mib = 64;
	config->events_keep = 16;
	config->build_mib = 1024;
	config->expiry_warning_hours = 24;
	config->drift_check_seconds = 60;
	config->log = PPS_LOG_INFO;
	return config;
}

struct config *config_load(const char *path, struct pps_errors *errors)
{
	struct config_reading reading = {0};
	size_t n_before = errors->n_total, len;
	struct config *config;
	json_t *document;
	char *text, *folder;
	int ret;

	ret = pps_file_read(path, FILE_BYTES_MAX, &text, &len);
	if (ret < 0) {
		pps_errors_add(errors, "", "cannot read it: %s", pps_file_error(ret));
		return NULL;
	}
	document = pps_json_parse(text, len, errors);
	free(text);
	if (!document)
		return NULL;
	folder = config_folder_of(path);
	reading.folder = folder;
	config = make_default();
	pps_json_read_object(
		document, NULL, config_fields, COUNT(config_fields), config, &reading, errors);
	json_decref(document);
	free(folder);
	if (errors->n_total == n_before) {
		settle_flows(config, errors);
		config_settle_segments(config, errors);
	}
	/* A run on captures repeats itself: it depends on no run before. */
	if (!config->has_state && config->clock == CONFIG_CLOCK_SYSTEM)
		config->state = pps_strdup("/var/lib/ppsfw");
	if (errors->n_total == n_before)
		return config;
	config_free(config);
	return NULL;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	config_free_segments(config);
	config_free_signatures(config);
	config_free_list(config->eal, config->n_eal);
	config_free_list(config->admins, config->n_admins);
	config_free_list(config->viewers, config->n_viewers);
	free(config->policy);
	free(config->socket);
	free(config->events_file);
	free(config->state);
	free(config);
}
