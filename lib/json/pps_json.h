/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_JSON_H
#define PPS_JSON_H

/*
 * JSON to structures, from one table of fields per object.
 *
 * Everything people write for ppsfw (policy, configuration) is JSON, and every mistake in it must
 * be answered with its place and the offending text. So an object is described by a table: one row
 * per key with its name, whether it is required, the reader that turns the value into the target
 * structure, and one line of help. The walker does what is the same for all: unknown keys (with the
 * nearest right one), missing keys, the path of each value ("approved[2].ports"), and going on
 * after an error so that all of them are reported.
 *
 * A row may carry 'refused': a key of the grammar whose enforcement this build does not have. It is
 * an error with exactly that reason, never accepted and ignored.
 *
 * Syntax errors and duplicate keys come from jansson with line and column; parsing stops there.
 *
 * Life-cycle: pps_json_parse() gives a json_t the caller decrefs. Readers must copy what they keep.
 * Threads: no shared state.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pps_base.h>

/* Where we are: a chain on the stack, printed only when there is an error. NULL, or a link with
 * neither parent nor key, is the root and prints as nothing. */
struct pps_json_path {
	const struct pps_json_path *parent; /* NULL at the root */
	const char *key; /* member name, or NULL for an array element */
	size_t index; /* when key is NULL */
};

/* Writes "a.b[2].c" (keys that are not plain words are quoted: groups["web servers"]). */
void pps_json_path_print(const struct pps_json_path *path, struct pps_str *out);

/* Adds an error at 'path'. */
void pps_json_error(struct pps_errors *errors, const struct pps_json_path *path, const char *format,
	...) PPS_PRINTF(3, 4);

/* The value as text for an error message, quoted as JSON, cut after about 60 characters.
 * Uses one of four rotating thread-local buffers: at most four in one message. */
const char *pps_json_quote(const json_t *value);

/* A string for an answer or a record from any bytes: where they are not UTF-8, all that is not
 * ASCII becomes '?'. A file name must not make a record disappear. Never NULL. */
json_t *pps_json_text(const char *text);

/* A reader stores 'value' into 'target' and adds errors to 'errors'; 'aux' is the walker's. */
typedef void (*pps_json_reader)(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors);

struct pps_json_field {
	const char *key;
	pps_json_reader read; /* NULL only together with 'refused' */
	size_t offset; /* of the target inside the structure */
	bool required;
	const char *refused; /* reason this build refuses the key, or NULL */
	const char *help; /* one line, for schemas and manual pages */
};

/*
 * Reads object 'value' by 'fields' (n rows) into 'structure': each present key is handed to its
 * reader with 'structure' + offset, in the order of the text. Not an object, unknown keys and
 * missing required keys are errors. Returns true when no error was added by this call.
 */
bool pps_json_read_object(const json_t *value, const struct pps_json_path *path,
	const struct pps_json_field *fields, size_t n, void *structure, void *aux,
	struct pps_errors *errors);

/*
 * Parses 'len' bytes of 'text' (UTF-8, any JSON value). Duplicate keys, garbage after the value and
 * NUL bytes are errors. On failure returns NULL and adds one error whose path is
 * "line L, column C" and whose text says what was found there.
 */
json_t *pps_json_parse(const char *text, size_t len, struct pps_errors *errors);

/* Ready-made readers. The targets: char * (duplicated, freed by the owner), uint32_t, uint64_t,
 * bool. Numbers must be integers inside the target's range; JSON carries 63 bits of a uint64_t. */
void pps_json_read_string(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors);
void pps_json_read_u32(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors);
void pps_json_read_u64(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors);
void pps_json_read_bool(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors);

#endif
