/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_json.h"

#include <string.h>

/* No object of our grammars has more keys; the rest would only miss a "did you mean". */
#define KEYS_MAX 64

static const struct pps_json_field *find_field(
	const struct pps_json_field *fields, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(fields[i].key, key) == 0)
			return &fields[i];
	}
	return NULL;
}

static void refuse_unknown_key(const struct pps_json_path *path,
	const struct pps_json_field *fields, size_t n, const char *key, struct pps_errors *errors)
{
	const char *keys[KEYS_MAX];
	const char *nearest;
	json_t *quoted = json_string(key);
	size_t n_keys = n < KEYS_MAX ? n : KEYS_MAX;

	for (size_t i = 0; i < n_keys; i++)
		keys[i] = fields[i].key;
	nearest = pps_nearest_word(key, keys, n_keys);
	if (nearest != NULL)
		pps_json_error(errors, path, "unknown key %s (did you mean \"%s\"?)",
			pps_json_quote(quoted), nearest);
	else
		pps_json_error(errors, path, "unknown key %s", pps_json_quote(quoted));
	json_decref(quoted);
}

bool pps_json_read_object(const json_t *value, const struct pps_json_path *path,
	const struct pps_json_field *fields, size_t n, void *structure, void *aux,
	struct pps_errors *errors)
{
	size_t n_before = errors->n_total;

	if (!json_is_object(value)) {
		pps_json_error(errors, path, "%s is not an object", pps_json_quote(value));
		return false;
	}
	/* In the order of the text, so that the errors are too. jansson's iterators are not
	 * const-correct; nothing here changes the value. */
	for (void *it = json_object_iter((json_t *)(uintptr_t)value); it != NULL;
		it = json_object_iter_next((json_t *)(uintptr_t)value, it)) {
		const char *key = json_object_iter_key(it);
		struct pps_json_path place = {.parent = path, .key = key};
		const struct pps_json_field *field = find_field(fields, n, key);

		if (field == NULL)
			refuse_unknown_key(path, fields, n, key, errors);
		else if (field->refused != NULL)
			pps_json_error(errors, &place, "%s", field->refused);
		else
			field->read(json_object_iter_value(it), &place,
				(char *)structure + field->offset, aux, errors);
	}
	for (size_t i = 0; i < n; i++) {
		if (fields[i].required && json_object_get(value, fields[i].key) == NULL)
			pps_json_error(errors, path, "missing key \"%s\"", fields[i].key);
	}
	return errors->n_total == n_before;
}

void pps_json_read_string(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	char **text = target;

	(void)aux;
	if (json_is_string(value))
		*text = pps_strdup(json_string_value(value));
	else
		pps_json_error(errors, path, "%s is not a string", pps_json_quote(value));
}

/* Negative on failure, with the error added. */
static json_int_t read_number(const json_t *value, const struct pps_json_path *path, uint64_t max,
	struct pps_errors *errors)
{
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

	if (number >= 0 && (uint64_t)number <= max)
		return number;
	pps_json_error(errors, path, "%s is not a whole number (0-%llu)", pps_json_quote(value),
		(unsigned long long)max);
	return -1;
}

void pps_json_read_u32(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	json_int_t number = read_number(value, path, UINT32_MAX, errors);

	(void)aux;
	if (number >= 0)
		*(uint32_t *)target = (uint32_t)number;
}

void pps_json_read_u64(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	/* JSON libraries carry whole numbers as signed 64 bits; ours says so in its message. */
	json_int_t number = read_number(value, path, INT64_MAX, errors);

	(void)aux;
	if (number >= 0)
		*(uint64_t *)target = (uint64_t)number;
}

void pps_json_read_bool(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	if (json_is_boolean(value))
		*(bool *)target = json_is_true(value);
	else
		pps_json_error(errors, path, "%s is not true or false", pps_json_quote(value));
}
