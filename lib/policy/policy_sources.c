/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * "sources": the block list and the allow list, and the files they name.
 *
 * A file has one address or prefix a line; '#' begins a comment; empty lines are fine, and so is a
 * carriage return before the end of a line. It may have a million lines, so a line is read where it
 * lies, and a file that two lists name is read for each: what matters is that all mistakes are
 * named with file and line.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

static bool is_utf8(const char *text, size_t n)
{
	json_t *string = json_stringn(text, n);
	bool is = string != NULL;

	json_decref(string);
	return is;
}

static PPS_PRINTF(4, 5) void refuse_line(
	const char *file, unsigned int line, struct pps_errors *errors, const char *format, ...)
{
	struct pps_str text = PPS_STR_INIT;
	char *place = pps_asprintf("%s:%u", file, line);
	va_list args;

	va_start(args, format);
	pps_str_addv(&text, format, args);
	va_end(args);
	pps_errors_add(errors, place, "%s", pps_str_text(&text));
	pps_str_fini(&text);
	free(place);
}

/* One word of a line, 'n' characters, as a prefix. */
static bool read_line(const char *file, unsigned int line, const char *word, size_t n,
	struct pps_prefix *ret, struct pps_errors *errors)
{
	const char *why = "is not an IPv4 or IPv6 address";
	char text[PPS_ADDR_TEXT_MAX];
	json_t *quoted;

	if (n < sizeof(text) && memchr(word, '\0', n) == NULL) {
		memcpy(text, word, n);
		text[n] = '\0';
		if (pps_prefix_parse(text, ret, &why) == 0)
			return true;
	}
	quoted = json_stringn(word, n);
	if (quoted != NULL)
		refuse_line(file, line, errors, "%s %s", pps_json_quote(quoted), why);
	else
		refuse_line(file, line, errors, "bytes that are not UTF-8");
	json_decref(quoted);
	return false;
}

/* What a line says, without comment and space around it; sets *ret_n. */
static const char *find_word(const char *line, const char *end, size_t *ret_n)
{
	const char *comment = memchr(line, '#', (size_t)(end - line));

	if (comment != NULL)
		end = comment;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*ret_n = (size_t)(end - line);
	return line;
}

static bool is_ascii(const char *text, size_t n)
{
	unsigned char seen = 0;

	for (size_t i = 0; i < n; i++)
		seen |= (unsigned char)text[i];
	return seen < 0x80;
}

/* Adds the lines of a file; returns how many prefixes they were. */
static size_t collect_lines(struct collector *to, const struct pps_policy_part *part,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *at = part->text, *end = part->text + part->len;
	size_t n_found = 0;

	for (unsigned int line = 1; at < end && !to->reader->full; line++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline != NULL ? newline : end;
		struct pps_prefix prefix;
		const char *word;
		size_t n;

		word = find_word(at, line_end, &n);
		/* Comments too: the policy may have to travel in JSON. */
		if (!is_ascii(at, (size_t)(line_end - at)) && !is_utf8(at, (size_t)(line_end - at)))
			refuse_line(part->name, line, errors, "bytes that are not UTF-8");
		else if (n > 0 && read_line(part->name, line, word, n, &prefix, errors) &&
			!collect(to, &prefix, 1, path, errors))
			break;
		else if (n > 0)
			n_found++;
		at = line_end + 1;
	}
	return n_found;
}

static struct pps_policy_file *know_file(
	struct pps_policy *policy, const struct pps_policy_part *part)
{
	struct pps_policy_file *file;

	for (size_t i = 0; i < policy->n_files; i++) {
		if (strcmp(policy->files[i].name, part->name) == 0)
			return &policy->files[i];
	}
	policy->files =
		pps_realloc(policy->files, (policy->n_files + 1) * sizeof(policy->files[0]));
	file = &policy->files[policy->n_files++];
	*file = (struct pps_policy_file){.name = pps_strdup(part->name)};
	write_digest(part->text, part->len, file->digest);
	return file;
}

static void collect_file(struct collector *to, struct pps_source_list *list, const json_t *value,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *name = file_name_of(json_string_value(value));
	const struct policy_reader *reader = to->reader;
	const struct pps_policy_part *part;

	if (!file_name_is_good(name)) {
		pps_json_error(errors, path,
			"%s does not name a file in the policy's folder (a relative name of at "
			"most %u characters without spaces and \"..\")",
			pps_json_quote(value), FILE_NAME_MAX);
		return;
	}
	part = bundle_find(reader->bundle, name);
	if (part == NULL)
		pps_json_error(errors, path, "%s: this file did not come with the policy",
			pps_json_quote(value));
	else if (part->error == -EFBIG)
		pps_json_error(errors, path, "%s: policy and files have more than %u bytes",
			pps_json_quote(value), PPS_POLICY_BYTES_MAX);
	else if (part->error != 0)
		pps_json_error(errors, path, "%s: cannot read it: %s", pps_json_quote(value),
			pps_file_error(part->error));
	if (part == NULL || part->error != 0)
		return;
	for (size_t i = 0; i < list->n_files; i++) {
		if (strcmp(list->files[i], name) == 0) {
			pps_json_error(errors, path, "%s is named twice", pps_json_quote(value));
			return;
		}
	}
	list->files = pps_realloc(list->files, (list->n_files + 1) * sizeof(list->files[0]));
	list->files[list->n_files++] = pps_strdup(name);
	know_file(reader->policy, part)->n_prefixes = collect_lines(to, part, path, errors);
}

/* What stands in the policy itself comes first: 'written' is a copy of that much. */
static void collect_elements(struct collector *to, struct pps_source_list *list,
	const json_t *value, bool files, const struct pps_json_path *path,
	struct pps_errors *errors)
{
	for (size_t i = 0; i < json_array_size(value) && !to->reader->full; i++) {
		struct pps_json_path place = list_path(value, path, i);
		const json_t *element = json_array_get(value, i);
		const char *text = json_string_value(element);
		bool is_file = text != NULL && file_name_of(text) != NULL;

		if (is_file != files)
			continue;
		if (is_file)
			collect_file(to, list, element, &place, errors);
		else if (text != NULL && strcmp(text, "any") == 0)
			pps_json_error(errors, &place,
				"\"any\" is not a source: write 0.0.0.0/0 and ::/0");
		else
			collect_member(to, element, 0, &place, errors);
	}
}

static void read_list(struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct pps_source_list *list, struct pps_errors *errors)
{
	struct collector to = {.reader = reader, .set = &list->set, .max = PPS_POLICY_SOURCES_MAX};
	struct pps_prefix_set *written = &list->written;

	if (value == NULL || json_array_size(value) == 0)
		return;
	if (!check_list(value, path, LIST_MAX, errors))
		return;
	collect_elements(&to, list, value, false, path, errors);
	written->n = list->set.n;
	written->items = pps_alloc((written->n + 1) * sizeof(written->items[0]));
	if (written->n > 0)
		memcpy(written->items, list->set.items, written->n * sizeof(written->items[0]));
	prefixes_normalise(written);
	collect_elements(&to, list, value, true, path, errors);
	prefixes_normalise(&list->set);
	list->present = true;
}

/*
 * An allow list that comes to nothing is a mistake somewhere else, a download that failed say. It
 * must not mean that everybody is allowed, and that nobody is must be said in another way.
 */
static void check_allow(const struct pps_source_list *allow, const struct pps_json_path *path,
	struct pps_errors *errors)
{
	if (allow->present && !allow->set.any && allow->set.n == 0)
		pps_json_error(errors, path, "comes to no address at all: its files are empty");
}

void read_source_lists(struct policy_reader *reader, struct pps_errors *errors)
{
	struct pps_json_path top = {.key = "sources"};
	struct pps_json_path block = {.parent = &top, .key = "block"};
	struct pps_json_path allow = {.parent = &top, .key = "allow"};
	struct pps_policy *policy = reader->policy;
	size_t n_before = errors->n_total;

	read_list(reader, reader->block, &block, &policy->block, errors);
	read_list(reader, reader->allow, &allow, &policy->allow, errors);
	if (errors->n_total == n_before)
		check_allow(&policy->allow, &allow, errors);
}

void source_list_fini(struct pps_source_list *list)
{
	for (size_t i = 0; i < list->n_files; i++)
		free(list->files[i]);
	free(list->files);
	prefix_set_fini(&list->set);
	prefix_set_fini(&list->written);
}

/* ---- printing ---- */

static void print_list(const struct pps_source_list *list, const char *key, json_t *object)
{
	const struct pps_prefix_set *written = &list->written;
	char text[PPS_ADDR_TEXT_MAX];
	json_t *array;

	if (!list->present)
		return;
	array = json_array();
	if (written->any) {
		json_array_append_new(array, json_string("0.0.0.0/0"));
		json_array_append_new(array, json_string("::/0"));
	}
	for (size_t i = 0; i < written->n; i++)
		json_array_append_new(
			array, json_string(pps_prefix_format(&written->items[i], text)));
	for (size_t i = 0; i < list->n_files; i++)
		json_array_append_new(array, json_sprintf("file:%s", list->files[i]));
	json_object_set_new(object, key, array);
}

void print_sources(const struct pps_policy *policy, json_t *root)
{
	json_t *object = json_object();

	print_list(&policy->block, "block", object);
	print_list(&policy->allow, "allow", object);
	if (json_object_size(object) > 0)
		json_object_set(root, "sources", object);
	json_decref(object);
}
