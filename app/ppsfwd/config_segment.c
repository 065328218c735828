/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration's "segments": wires of two ports, and, for an observer, mirror ports. */

#include <stdlib.h>
#include <string.h>

#include "config_priv.h"

#define NAME_MAX_LEN  32 /* of a segment */
#define PORT_NAME_MAX 63
#define INSIDE_MAX    1024 /* prefixes or MAC addresses of a mirror port */
#define MAC_GROUP     0x01 /* bit of the first byte */
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

static void read_segment_name(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	(void)aux;
	if (!text || len == 0 || len > NAME_MAX_LEN || text[strspn(text, allowed)])
		pps_json_error(errors, path,
			"%s is not a name (1 to %d letters, digits, \".\", \"_\", \"-\")",
			pps_json_quote(value), NAME_MAX_LEN);
	else
		config_set_string(target, pps_strdup(text));
}

static void read_port(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	if (!config_check_text(value, path, errors))
		return;
	if (json_string_length(value) > PORT_NAME_MAX)
		pps_json_error(errors, path, "%s is longer than a port's name can be (%d)",
			pps_json_quote(value), PORT_NAME_MAX);
	config_set_string(target, pps_strdup(json_string_value(value)));
}

static void read_mtu(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 576, 9600, errors);
}

/* ---- what is inside, for a mirror port ---- */

static bool is_inside_list(const json_t *value, const struct pps_json_path *path, const char *what,
	struct pps_errors *errors)
{
	size_t n = json_array_size(value);

	if (n > 0 && n <= INSIDE_MAX)
		return true;
	pps_json_error(errors, path, "%s is not a list of 1 to %d %s", pps_json_quote(value),
		INSIDE_MAX, what);
	return false;
}

static void read_prefix(const json_t *value, const struct pps_json_path *path,
	struct pps_prefix *ret_prefix, struct pps_errors *errors)
{
	const char *why;

	if (!config_check_text(value, path, errors))
		return;
	if (pps_prefix_parse(json_string_value(value), ret_prefix, &why) != 0)
		pps_json_error(errors, path, "%s %s", pps_json_quote(value), why);
	else if (ret_prefix->len == 0)
		pps_json_error(errors, path, "%s leaves nothing outside", pps_json_quote(value));
}

static void read_prefixes(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path};
	struct config_segment *segment = target;
	size_t n = json_array_size(value);

	(void)aux;
	if (!is_inside_list(value, path, "prefixes", errors))
		return;
	segment->inside_prefixes = pps_alloc(n * sizeof(segment->inside_prefixes[0]));
	segment->n_inside_prefixes = n;
	for (place.index = 0; place.index < n; place.index++)
		read_prefix(json_array_get(value, place.index), &place,
			&segment->inside_prefixes[place.index], errors);
}

static void read_mac(const json_t *value, const struct pps_json_path *path, struct pps_mac *ret_mac,
	struct pps_errors *errors)
{
	const char *why;

	if (!config_check_text(value, path, errors))
		return;
	if (pps_mac_parse(json_string_value(value), ret_mac, &why) != 0)
		pps_json_error(errors, path, "%s %s", pps_json_quote(value), why);
	else if (ret_mac->bytes[0] & MAC_GROUP)
		pps_json_error(errors, path, "%s is the address of a group: no host sends from it",
			pps_json_quote(value));
}

static void read_macs(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path};
	struct config_segment *segment = target;
	size_t n = json_array_size(value);

	(void)aux;
	if (!is_inside_list(value, path, "MAC addresses", errors))
		return;
	segment->inside_macs = pps_alloc(n * sizeof(segment->inside_macs[0]));
	segment->n_inside_macs = n;
	for (place.index = 0; place.index < n; place.index++)
		read_mac(json_array_get(value, place.index), &place,
			&segment->inside_macs[place.index], errors);
}

const struct pps_json_field config_segment_fields[CONFIG_SEGMENT_FIELDS] = {
	{"name", read_segment_name, offsetof(struct config_segment, name), true, NULL,
		"what events, status and rules call the segment"},
	{"inside", read_port, offsetof(struct config_segment, inside), false, NULL,
		"the port on the protected side: an ethdev name or a PCI address"},
	{"outside", read_port, offsetof(struct config_segment, outside), false, NULL,
		"the port on the other side"},
	{"mirror", read_port, offsetof(struct config_segment, mirror), false, NULL,
		"for an observer, instead of inside and outside: the port that gets both "
		"directions"},
	{"inside_prefixes", read_prefixes, 0, false, NULL,
		"with mirror: the addresses of the protected side (1 to 1024 prefixes)"},
	{"inside_macs", read_macs, 0, false, NULL,
		"with mirror: the MAC addresses of the protected side (1 to 1024)"},
	{"mtu", read_mtu, offsetof(struct config_segment, mtu), false, NULL,
		"layer 3 bytes, for both ports (576-9600); without it 1500"},
};

/* ---- the list ---- */

static void refuse_key(const json_t *segment, const struct pps_json_path *path, const char *key,
	const char *why, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path, .key = key};

	if (json_object_get(segment, key))
		pps_json_error(errors, &place, "%s", why);
}

/* A wire has two ports; a mirror port is one and needs exactly one way of telling sides apart. */
static void check_keys(
	const json_t *segment, const struct pps_json_path *path, struct pps_errors *errors)
{
	static const char no_mirror[] = "it says which side sent a frame of a \"mirror\" port, and "
					"this segment has none";
	static const char whole[] = "a \"mirror\" port has both directions: it stands alone";

	if (!json_is_object(segment))
		return;
	if (!json_object_get(segment, "mirror")) {
		if (!json_object_get(segment, "inside"))
			pps_json_error(errors, path, "missing key \"inside\"");
		if (!json_object_get(segment, "outside"))
			pps_json_error(errors, path, "missing key \"outside\"");
		refuse_key(segment, path, "inside_prefixes", no_mirror, errors);
		refuse_key(segment, path, "inside_macs", no_mirror, errors);
		return;
	}
	refuse_key(segment, path, "inside", whole, errors);
	refuse_key(segment, path, "outside", whole, errors);
	if (!json_object_get(segment, "inside_prefixes") &&
		!json_object_get(segment, "inside_macs"))
		pps_json_error(errors, path,
			"missing key \"inside_prefixes\" or \"inside_macs\": nothing else says "
			"which side sent a frame of a \"mirror\" port");
	else if (json_object_get(segment, "inside_prefixes"))
		refuse_key(segment, path, "inside_macs",
			"the sides are told by \"inside_prefixes\" already", errors);
}

static const char *const port_keys[] = {"inside", "outside", "mirror"};

/* Ports counted through all segments, as many as there are keys in each; NULL: not given. */
static const char *port_of(const struct config *config, size_t port)
{
	const struct config_segment *segment = &config->segments[port / COUNT(port_keys)];
	const char *const ports[] = {segment->inside, segment->outside, segment->mirror};

	return ports[port % COUNT(port_keys)];
}

/* One port in two places. */
static void check_ports(
	const struct config *config, const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path}, key = {.parent = &place};
	size_t i, k;

	for (i = 1; i < COUNT(port_keys) * config->n_segments; i++) {
		for (k = 0; k < i; k++) {
			if (!port_of(config, i) || !port_of(config, k) ||
				strcmp(port_of(config, i), port_of(config, k)) != 0)
				continue;
			place.index = i / COUNT(port_keys);
			key.key = port_keys[i % COUNT(port_keys)];
			pps_json_error(errors, &key, "\"%s\" is segments[%zu].%s already",
				port_of(config, i), k / COUNT(port_keys),
				port_keys[k % COUNT(port_keys)]);
			break;
		}
	}
}

/* Two segments of one name. */
static void check_names(
	const struct config *config, const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path}, key = {.parent = &place, .key = "name"};
	size_t i, k;

	for (i = 1; i < config->n_segments; i++) {
		for (k = 0; k < i; k++) {
			if (!config->segments[i].name || !config->segments[k].name ||
				strcmp(config->segments[i].name, config->segments[k].name) != 0)
				continue;
			place.index = i;
			pps_json_error(errors, &key, "\"%s\" is the name of segments[%zu] already",
				config->segments[i].name, k);
			break;
		}
	}
}

void config_read_segments(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path};
	struct config *config = target;
	size_t n = json_array_size(value);

	if (!json_is_array(value) || n == 0 || n > PPS_SEGMENTS_MAX) {
		pps_json_error(errors, path, "%s is not a list of 1 to %d segments",
			pps_json_quote(value), PPS_SEGMENTS_MAX);
		return;
	}
	config->segments = pps_alloc(n * sizeof(config->segments[0]));
	config->n_segments = n;
	for (place.index = 0; place.index < n; place.index++) {
		const json_t *segment = json_array_get(value, place.index);

		pps_json_read_object(segment, &place, config_segment_fields, CONFIG_SEGMENT_FIELDS,
			&config->segments[place.index], aux, errors);
		check_keys(segment, &place, errors);
	}
	check_names(config, path, errors);
	check_ports(config, path, errors);
}

void config_settle_segments(const struct config *config, struct pps_errors *errors)
{
	const struct pps_json_path root = {.key = "segments"};
	struct pps_json_path place = {.parent = &root}, key = {.parent = &place, .key = "mirror"};

	for (size_t i = 0; i < config->n_segments; i++) {
		place.index = i;
		if (config->segments[i].mirror && config->mode != CONFIG_OBSERVER)
			pps_json_error(errors, &key,
				"\"%s\": a mirror port is for mode \"observer\" alone, and the "
				"mode is \"%s\"",
				config->segments[i].mirror, config_mode_word(config->mode));
	}
}

void config_free_segments(struct config *config)
{
	for (size_t i = 0; i < config->n_segments; i++) {
		free(config->segments[i].name);
		free(config->segments[i].inside);
		free(config->segments[i].outside);
		free(config->segments[i].mirror);
		free(config->segments[i].inside_prefixes);
		free(config->segments[i].inside_macs);
	}
	free(config->segments);
}
