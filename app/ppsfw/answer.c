/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include "answer.h"
#include "output.h"

uint64_t get_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	double real = json_real_value(value);
	json_int_t n = json_integer_value(value);

	if (json_is_real(value) && real > 0)
		return real < 9e18 ? (uint64_t)real : INT64_MAX;
	return n < 0 ? 0 : (uint64_t)n;
}

const char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

bool get_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

bool get_has(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value != NULL && !json_is_null(value);
}

json_t *make_text(const char *text)
{
	json_t *string = json_string(text);
	struct pps_str safe = PPS_STR_INIT;

	if (string != NULL)
		return string;
	escape_text(&safe, text, strlen(text));
	string = json_string(pps_str_text(&safe));
	pps_str_fini(&safe);
	return string;
}

json_t *make_errors(const struct pps_errors *errors)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errors->n; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:o}", "path", make_text(errors->items[i].path), "text",
				make_text(errors->items[i].text)));
	return list;
}

void add_endpoint(struct pps_str *to, const json_t *object, const char *side)
{
	const char *address = get_text(object, side);
	bool brackets = strchr(address, ':') != NULL;
	struct pps_str key = PPS_STR_INIT;

	pps_str_addf(&key, "%s_port", side);
	/* ICMP has an identifier in the place of ports. */
	if (get_has(object, pps_str_text(&key)) && !get_has(object, "icmp_type"))
		pps_str_addf(to, "%s%s%s:%" PRIu64, brackets ? "[" : "", address,
			brackets ? "]" : "", get_count(object, pps_str_text(&key)));
	else
		pps_str_add(to, address);
	pps_str_fini(&key);
}

void add_protocol(struct pps_str *to, const json_t *object)
{
	pps_str_add(to, get_text(object, "protocol"));
	if (get_has(object, "icmp_type"))
		pps_str_addf(to, " type %" PRIu64, get_count(object, "icmp_type"));
	if (get_count(object, "vlan") != 0)
		pps_str_addf(to, " vlan %" PRIu64, get_count(object, "vlan"));
	if (get_count(object, "inner_vlan") != 0)
		pps_str_addf(to, ".%" PRIu64, get_count(object, "inner_vlan"));
}

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

char *signers_text(const json_t *signers)
{
	struct pps_str text = PPS_STR_INIT;
	const json_t *signer;
	size_t i;

	json_array_foreach(signers, i, signer)
	{
		if (get_flag(signer, "counts"))
			pps_str_addf(&text, "%s%s", text.len > 0 ? "; " : "",
				get_text(signer, "subject"));
	}
	return pps_str_take(&text);
}
