/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

size_t list_size(const json_t *value)
{
	return json_is_array(value) ? json_array_size(value) : 1;
}

const json_t *list_at(const json_t *value, size_t i)
{
	return json_is_array(value) ? json_array_get(value, i) : value;
}

struct pps_json_path list_path(const json_t *value, const struct pps_json_path *path, size_t i)
{
	if (!json_is_array(value))
		return *path;
	return (struct pps_json_path){.parent = path, .index = i};
}

bool check_list(const json_t *value, const struct pps_json_path *path, size_t max,
	struct pps_errors *errors)
{
	size_t n = list_size(value);

	if (n == 0)
		pps_json_error(errors, path, "the list is empty");
	else if (n > max)
		pps_json_error(errors, path, "the list has %zu elements, at most %zu", n, max);
	return n > 0 && n <= max;
}

char *list_text(const json_t *value)
{
	struct pps_str text = PPS_STR_INIT;

	for (size_t i = 0; i < list_size(value); i++) {
		const json_t *element = list_at(value, i);

		pps_str_add(&text, i > 0 ? ", " : "");
		if (json_is_string(element))
			pps_str_add(&text, json_string_value(element));
		else if (json_is_integer(element))
			pps_str_addf(&text, "%lld", (long long)json_integer_value(element));
	}
	return pps_str_take(&text);
}

/*
 * What people read in a terminal must not steer it: no C0, DEL or C1 control characters. 'text' is
 * valid UTF-8, so a C1 character is 0xc2 and a byte below 0xa0.
 */
static bool has_control_character(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return true;
	}
	return false;
}

/* Whoever leaves a field out by writing a space into it has not filled it in. */
static bool is_blank(const char *text)
{
	return text[strspn(text, " ")] == '\0';
}

static bool check_text(
	const json_t *value, const struct pps_json_path *path, struct pps_errors *errors)
{
	if (!json_is_string(value))
		pps_json_error(errors, path, "%s is not a text", pps_json_quote(value));
	else if (json_string_length(value) == 0)
		pps_json_error(errors, path, "the text is empty");
	else if (is_blank(json_string_value(value)))
		pps_json_error(errors, path, "the text is blank");
	else if (json_string_length(value) > TEXT_MAX)
		pps_json_error(errors, path, "the text is %zu bytes long, at most %u",
			json_string_length(value), TEXT_MAX);
	else if (has_control_character(json_string_value(value)))
		pps_json_error(errors, path, "the text has a control character");
	else
		return true;
	return false;
}

void read_text(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	char **text = target;

	(void)aux;
	if (check_text(value, path, errors))
		*text = pps_strdup(json_string_value(value));
}

void read_texts(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	struct text_list *list = target;

	if (!json_is_array(value)) {
		pps_json_error(errors, path, "%s is not a list of texts", pps_json_quote(value));
		return;
	}
	if (!check_list(value, path, LIST_MAX, errors))
		return;
	list->items = pps_alloc(json_array_size(value) * sizeof(list->items[0]));
	for (size_t i = 0; i < json_array_size(value); i++) {
		struct pps_json_path place = list_path(value, path, i);

		read_text(json_array_get(value, i), &place, &list->items[list->n], aux, errors);
		list->n += list->items[list->n] != NULL;
	}
}

void read_date(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	char **date = target;
	char time[32];
	uint64_t ns;
	int rc;

	(void)aux;
	snprintf(time, sizeof(time), "%.10sT00:00:00Z", text);
	rc = strlen(text) == 10 ? pps_time_parse(time, &ns) : -EINVAL;
	if (rc == -ERANGE)
		pps_json_error(errors, path, "%s is out of range (years 1970 to 2262)",
			pps_json_quote(value));
	else if (rc < 0)
		pps_json_error(
			errors, path, "%s is not a date (YYYY-MM-DD)", pps_json_quote(value));
	else
		*date = pps_strdup(text);
}

void read_expires(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	uint64_t *expires_ns = target;
	uint64_t ns = 1;
	int rc = json_is_string(value) ? pps_time_parse(json_string_value(value), &ns) : -EINVAL;

	(void)aux;
	/* 0 means "never" in the value: the first instant of 1970 must not be read as that. */
	if (rc == -ERANGE || ns == 0)
		pps_json_error(errors, path,
			"%s is out of range (after 1970-01-01T00:00:00Z, before the year 2263)",
			pps_json_quote(value));
	else if (rc < 0)
		pps_json_error(errors, path,
			"%s is not a time (RFC 3339, as \"2026-12-31T00:00:00Z\")",
			pps_json_quote(value));
	else
		*expires_ns = ns;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

void read_id(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	size_t n = strlen(text);
	char **id = target;

	(void)aux;
	if (n == 0 || n > PPS_POLICY_ID_MAX || strspn(text, LETTERS DIGITS "._-:") != n)
		pps_json_error(errors, path,
			"%s is not a rule id (1 to %u letters, digits, \".\", \"_\", \"-\", \":\")",
			pps_json_quote(value), PPS_POLICY_ID_MAX);
	else
		*id = pps_strdup(text);
}

bool is_name(const char *text, const char *signs)
{
	size_t n = strlen(text);
	bool has_letter = false;

	for (const char *p = text; *p != '\0'; p++) {
		bool is_letter = strchr(LETTERS, *p) != NULL;

		if (!is_letter && strchr(DIGITS, *p) == NULL && strchr(signs, *p) == NULL)
			return false;
		has_letter = has_letter || is_letter;
	}
	return n <= NAME_MAX_LEN && has_letter;
}

int read_word(const json_t *value, const struct pps_json_path *path, const char *const *words,
	size_t n, struct pps_errors *errors)
{
	struct pps_str list = PPS_STR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (json_is_string(value) && strcmp(json_string_value(value), words[i]) == 0) {
			pps_str_fini(&list);
			return (int)i;
		}
		pps_str_addf(&list, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
	}
	pps_json_error(
		errors, path, "%s is not one of %s", pps_json_quote(value), pps_str_text(&list));
	pps_str_fini(&list);
	return -1;
}

void read_direction(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	static const char *const words[] = {"inbound", "outbound", "both"};
	enum pps_direction *direction = target;
	int word = read_word(value, path, words, COUNT(words), errors);

	(void)aux;
	if (word >= 0)
		*direction = (enum pps_direction)(word + PPS_INBOUND);
}

void read_directions(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	static const char *const words[] = {"none", "inbound", "outbound", "both"};
	uint8_t *directions = target;
	int word = read_word(value, path, words, COUNT(words), errors);

	(void)aux;
	if (word >= 0)
		*directions = (uint8_t)word;
}

void read_value(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	const json_t **kept = target;

	(void)path;
	(void)aux;
	(void)errors;
	*kept = value;
}

static bool read_vlan(const json_t *value, struct pps_range *ret_range)
{
	json_int_t id;

	if (json_is_string(value))
		return pps_range_parse(json_string_value(value), 4094, ret_range, NULL) == 0 &&
			ret_range->lo > 0;
	id = json_is_integer(value) ? json_integer_value(value) : 0;
	if (id < 1 || id > 4094)
		return false;
	*ret_range = (struct pps_range){(uint16_t)id, (uint16_t)id};
	return true;
}

void read_vlans(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	const char *word = json_is_string(value) ? json_string_value(value) : "";
	struct pps_vlan_set *set = target;

	(void)aux;
	*set = (struct pps_vlan_set){
		.any = strcmp(word, "any") == 0, .none = strcmp(word, "none") == 0};
	if (set->any || set->none || !check_list(value, path, LIST_MAX, errors))
		return;
	set->items = pps_alloc(list_size(value) * sizeof(set->items[0]));
	for (size_t i = 0; i < list_size(value); i++) {
		struct pps_json_path place = list_path(value, path, i);
		const json_t *element = list_at(value, i);

		if (read_vlan(element, &set->items[set->n]))
			set->n++;
		else
			pps_json_error(errors, &place,
				"%s is not %sa VLAN id (1-4094) or a range of ids",
				pps_json_quote(element),
				json_is_array(value) ? "" : "\"any\", \"none\", ");
	}
	ranges_normalise(set->items, &set->n);
}
