/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <jansson.h>

#include "config_priv.h"

static json_t *print_list(char *const *items, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_string(items[i]));
	return list;
}

static void add_inside(json_t *object, const struct config_segment *segment)
{
	char prefix[PPS_ADDR_TEXT_MAX], mac[PPS_MAC_TEXT_MAX];
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < segment->n_inside_prefixes; i++)
		json_array_append_new(
			list, json_string(pps_prefix_format(&segment->inside_prefixes[i], prefix)));
	for (i = 0; i < segment->n_inside_macs; i++)
		json_array_append_new(
			list, json_string(pps_mac_format(&segment->inside_macs[i], mac)));
	json_object_set_new(
		object, segment->n_inside_macs ? "inside_macs" : "inside_prefixes", list);
}

static json_t *print_segments(const struct config *config)
{
	const struct config_segment *segment;
	json_t *list = json_array(), *item;
	size_t i;

	for (i = 0; i < config->n_segments; i++) {
		segment = &config->segments[i];
		item = json_pack("{s:s, s:s*, s:s*, s:s*}", "name", segment->name, "inside",
			segment->inside, "outside", segment->outside, "mirror", segment->mirror);
		if (segment->mirror)
			add_inside(item, segment);
		if (segment->mtu)
			json_object_set_new(item, "mtu", json_integer(segment->mtu));
		json_array_append_new(list, item);
	}
	return list;
}

void config_print(const struct config *config, struct pps_str *out)
{
	json_t *document;
	char *text;

	document = json_pack(
		"{s:o, s:o, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:{s:I, s:I}, s:I, s:s, s:{s:s?, "
		"s:I, s:I}, s:s?, "
		"s:{s:o, s:o}, s:I, s:I, s:I, s:s}",
		"eal", print_list(config->eal, config->n_eal), "segments", print_segments(config),
		"mode", config_mode_word(config->mode), "policy", config->policy, "clock",
		config_clock_word(config->clock), "workers", (json_int_t)config->workers, "poll",
		config_poll_word(config->poll), "flows", (json_int_t)config->flows, "flows_ipv6",
		(json_int_t)config->flows_ipv6, "half_open", "max",
		(json_int_t)config->half_open_max, "per_source",
		(json_int_t)config->half_open_per_source, "tcp_loose_seconds",
		(json_int_t)config->tcp_loose_seconds, "socket", config->socket, "events", "file",
		config->events_file, "rotate_mib", (json_int_t)config->events_rotate_mib, "keep",
		(json_int_t)config->events_keep, "state", config->state, "access", "admin",
		print_list(config->admins, config->n_admins), "view",
		print_list(config->viewers, config->n_viewers), "build_mib",
		(json_int_t)config->build_mib, "expiry_warning_hours",
		(json_int_t)config->expiry_warning_hours, "drift_check_seconds",
		(json_int_t)config->drift_check_seconds, "log", config_log_word(config->log));
	if (config->signatures.required > 0)
		json_object_set_new(document, "signatures", config_print_signatures(config));
	text = json_dumps(document, JSON_INDENT(2));
	pps_str_addf(out, "%s\n", text ? text : "");
	free(text);
	json_decref(document);
}
