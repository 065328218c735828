/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef OUTPUT_H
#define OUTPUT_H

/*
 * What the operator sees.
 *
 * Names, reasons and addresses come from policy files and over the wire, so they may hold anything,
 * terminal escapes included. Therefore nothing is printed but through the functions below, and each
 * escapes what it was given: control characters (C0, DEL, C1), characters that reorder or hide
 * text, and bytes that are not UTF-8. A line ends only where the program ends it.
 *
 * Standard output is read by people (tables, units, colours on a terminal unless NO_COLOR is set)
 * or, with --json, by programs: the daemon's answer as it is, indented on a terminal, otherwise on
 * one line with sorted keys.
 *
 * Writing errors are kept by stdio and looked at once, in output_finish().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include <pps_base.h>

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_WARNING, STYLE_BAD };

/* Where the text goes, and what that place can show. */
struct output {
	FILE *file;
	bool terminal, colour;
};

/* Standard output. Looks at the terminal and the environment. */
void output_init(struct output *o);
/* Flushes. False when not everything could be written; says so unless the reader has gone. */
bool output_finish(struct output *o);

/* Flushes. False when the reader has gone or the disk is full: no use in going on. */
bool output_flush(struct output *o);

/* Adds escaped text to the line; ends the line. */
void out(struct output *o, enum style style, const char *format, ...) PPS_PRINTF(3, 4);
void out_end(struct output *o);
/* A whole line. */
void out_line(struct output *o, enum style style, const char *format, ...) PPS_PRINTF(3, 4);
/* The label of a field, padded so that those of one page line up; NULL goes on with the field
 * above. */
void out_label(struct output *o, const char *label);
/* A label and a whole line. */
void out_field(struct output *o, const char *label, enum style style, const char *format, ...)
	PPS_PRINTF(4, 5);
/* The value as JSON, as said above. */
void out_json(struct output *o, const json_t *value);
/* The value on one line, sorted, wherever it goes. */
void out_json_line(struct output *o, const json_t *value);
/* The value indented, for people. */
void out_document(struct output *o, const json_t *value);

/* A line on standard error: "ppsfw: ...". */
void complain(const char *format, ...) PPS_PRINTF(1, 2);

/* Adds 'len' bytes of 'text' to 'to', escaped. */
void escape_text(struct pps_str *to, const char *text, size_t len);

/* ---- tables ---- */

/* How a column is laid out. */
struct column {
	const char *title;
	bool right; /* numbers */
	unsigned int most; /* cut at so many characters on a terminal; 0: never */
};

struct table;

/* 'columns' must outlive the table. */
struct table *table_create(const struct column *columns, size_t n);
void table_destroy(struct table *table);
/* The next cell, left to right, row after row. Columns that stay empty are not printed. */
void table_cell(struct table *table, enum style style, const char *format, ...) PPS_PRINTF(3, 4);
/* 'indent' spaces in front of every line. 'whole': nothing is cut. */
void table_print(const struct table *table, struct output *o, unsigned int indent, bool whole);

/* ---- values for people; each returns 'to' ---- */

#define HUMAN_MAX 48

const char *human_count(uint64_t n, char to[HUMAN_MAX]); /* 99999, 1.2 M */
const char *human_bytes(uint64_t n, char to[HUMAN_MAX]); /* 512 B, 3.4 GiB */
const char *human_bits(uint64_t n, char to[HUMAN_MAX]); /* a rate: 1.2 Gbit/s */
const char *human_duration(uint64_t ms, char to[HUMAN_MAX]); /* 340 ms, 2 h 5 min */
/* RFC 3339 text as "4 s ago" when that is less than a day past, else as it is; "never" for NULL. */
const char *human_when(const char *time, char to[HUMAN_MAX]);

#define COUNT(n)     human_count((n), (char[HUMAN_MAX]){0})
#define BYTES(n)     human_bytes((n), (char[HUMAN_MAX]){0})
#define BITS(n)      human_bits((n), (char[HUMAN_MAX]){0})
#define DURATION(ms) human_duration((ms), (char[HUMAN_MAX]){0})
#define WHEN(time)   human_when((time), (char[HUMAN_MAX]){0})

#endif
