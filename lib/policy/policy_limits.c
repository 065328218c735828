/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy_priv.h"

/* A rule's "limits": how much of what it permits it permits. */

static void read_limit(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
	uint32_t *limit = target;

	(void)aux;
	if (number < 1 || number > PPS_LIMIT_MAX)
		pps_json_error(errors, path, "%s is not a limit (a whole number, 1-%u)",
			pps_json_quote(value), PPS_LIMIT_MAX);
	else
		*limit = (uint32_t)number;
}

#define LIMIT(key, help)                                                              \
	{                                                                             \
#key, read_limit, offsetof(struct pps_limits, key), false, NULL, help \
	}

static const struct pps_json_field limits_fields[] = {
	LIMIT(flows, "flows that live at once"),
	LIMIT(flows_per_source, "flows of one source (IPv6: of one /64) that live at once"),
	LIMIT(new_flows_per_second, "flows that begin in a second, and that may begin at once"),
};

void read_limits(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	if (json_is_object(value) && json_object_size(value) == 0)
		pps_json_error(errors, path, "names no limit: leave it out");
	else
		pps_json_read_object(
			value, path, limits_fields, COUNT(limits_fields), target, aux, errors);
}

size_t limits_field_tables(const struct field_table **ret_tables)
{
	static const struct field_table tables[] = {
		{"limits", limits_fields, COUNT(limits_fields)},
	};

	*ret_tables = tables;
	return COUNT(tables);
}

json_t *print_limits(const struct pps_limits *limits)
{
	json_t *object = json_object();

	for (size_t i = 0; i < COUNT(limits_fields); i++) {
		const char *at = (const char *)limits + limits_fields[i].offset;
		uint32_t limit = *(const uint32_t *)(const void *)at;

		if (limit != 0)
			json_object_set_new(object, limits_fields[i].key, json_integer(limit));
	}
	return object;
}
