/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_json.h"

#include <string.h>

#define QUOTE_MAX 60
#define N_QUOTES  4

/* Takes what fits; stops the dump, however large the value is, at the first byte that does not. */
struct quote_writer {
	char *text;
	size_t len;
	bool cut;
};

static int write_quote(const char *bytes, size_t n, void *aux)
{
	struct quote_writer *writer = aux;
	size_t room = QUOTE_MAX - writer->len;
	size_t taken = n < room ? n : room;

	memcpy(writer->text + writer->len, bytes, taken);
	writer->len += taken;
	writer->cut = taken < n;
	return writer->cut ? -1 : 0;
}

/* How many of the 'n' bytes end with a whole character. */
static size_t trim_half_character(const char *text, size_t n)
{
	size_t start = n;

	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
		return n;
	return start - 1;
}

const char *pps_json_quote(const json_t *value)
{
	static _Thread_local char buffers[N_QUOTES][QUOTE_MAX + sizeof("...")];
	static _Thread_local unsigned int next;
	struct quote_writer writer = {.text = buffers[next++ % N_QUOTES]};

	json_dump_callback(value, write_quote, &writer, JSON_ENCODE_ANY | JSON_COMPACT);
	if (writer.cut)
		writer.len = trim_half_character(writer.text, writer.len);
	strcpy(writer.text + writer.len, writer.cut ? "..." : "");
	return writer.text;
}

static bool is_plain_word(const char *key)
{
	if (key[0] == '\0' || (key[0] >= '0' && key[0] <= '9'))
		return false;
	for (; *key != '\0'; key++) {
		bool letter = (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z');
		bool digit = *key >= '0' && *key <= '9';

		if (!letter && !digit && *key != '_' && *key != '-')
			return false;
	}
	return true;
}

/* The key as JSON writes it, whole: a place must be found again. */
static int add_to_str(const char *bytes, size_t n, void *aux)
{
	pps_str_add_bytes(aux, bytes, n);
	return 0;
}

static void print_quoted_key(const char *key, struct pps_str *out)
{
	json_t *text = json_string(key);

	json_dump_callback(text, add_to_str, out, JSON_ENCODE_ANY);
	json_decref(text);
}

/* 'start' is where the path began in 'out': no dot in front of its first word. */
static void print_path(const struct pps_json_path *path, size_t start, struct pps_str *out)
{
	if (path == NULL || (path->parent == NULL && path->key == NULL))
		return;
	print_path(path->parent, start, out);
	if (path->key == NULL) {
		pps_str_addf(out, "[%zu]", path->index);
	} else if (is_plain_word(path->key)) {
		pps_str_addf(out, "%s%s", out->len > start ? "." : "", path->key);
	} else {
		pps_str_add(out, "[");
		print_quoted_key(path->key, out);
		pps_str_add(out, "]");
	}
}

void pps_json_path_print(const struct pps_json_path *path, struct pps_str *out)
{
	print_path(path, out->len, out);
}

void pps_json_error(
	struct pps_errors *errors, const struct pps_json_path *path, const char *format, ...)
{
	struct pps_str place = PPS_STR_INIT, text = PPS_STR_INIT;
	va_list args;

	va_start(args, format);
	pps_str_addv(&text, format, args);
	va_end(args);
	pps_json_path_print(path, &place);
	pps_errors_add(errors, pps_str_text(&place), "%s", pps_str_text(&text));
	pps_str_fini(&place);
	pps_str_fini(&text);
}

/* The parser quotes what it found, raw: a message is one line. */
static void blank_control_characters(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

json_t *pps_json_parse(const char *text, size_t len, struct pps_errors *errors)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
	json_error_t error;
	json_t *value = json_loadb(text, len, flags, &error);
	char place[64];

	if (value != NULL)
		return value;
	blank_control_characters(error.text);
	snprintf(place, sizeof(place), "line %d, column %d", error.line, error.column);
	pps_errors_add(errors, place, "%s", error.text);
	return NULL;
}

json_t *pps_json_text(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string != NULL)
		return string;
	copy = pps_strdup(text);
	for (char *c = copy; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	string = json_string(copy);
	free(copy);
	return string;
}
