/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define GAP 2

/* Cells are escaped when they are added, so that what is measured is what is printed. */
struct cell {
	char *text;
	unsigned int width; /* characters */
	enum style style;
};

struct table {
	const struct column *columns;
	size_t n_columns;
	struct cell *cells;
	size_t n_cells, size;
};

/* Characters of valid UTF-8. */
static unsigned int count_chars(const char *text)
{
	unsigned int n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

struct table *table_create(const struct column *columns, size_t n)
{
	struct table *table = pps_alloc(sizeof(*table));

	table->columns = columns;
	table->n_columns = n;
	return table;
}

void table_destroy(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void table_cell(struct table *table, enum style style, const char *format, ...)
{
	struct pps_str raw = PPS_STR_INIT, safe = PPS_STR_INIT;
	struct cell *cell;
	va_list args;

	if (table->n_cells == table->size) {
		table->size = table->size == 0 ? 64 : table->size * 2;
		table->cells = pps_realloc(table->cells, table->size * sizeof(*table->cells));
	}
	va_start(args, format);
	pps_str_addv(&raw, format, args);
	va_end(args);
	escape_text(&safe, pps_str_text(&raw), raw.len);
	pps_str_fini(&raw);

	cell = &table->cells[table->n_cells++];
	cell->text = pps_str_take(&safe);
	cell->width = count_chars(cell->text);
	cell->style = style;
}

/* The width of each column, 0 for those in which nothing is written. */
static void measure(const struct table *table, bool cut, unsigned int *widths)
{
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t at = i % table->n_columns;
		unsigned int most = table->columns[at].most;
		unsigned int width = table->cells[i].width;

		if (cut && most != 0 && width > most)
			width = most;
		if (width > widths[at])
			widths[at] = width;
	}
	for (size_t at = 0; at < table->n_columns; at++) {
		unsigned int title = count_chars(table->columns[at].title);

		if (widths[at] != 0 && widths[at] < title)
			widths[at] = title;
	}
}

/* The bytes of the first 'chars' characters. */
static int bytes_of(const char *text, unsigned int chars)
{
	const char *p = text;

	while (*p != '\0') {
		if (((unsigned char)*p & 0xc0) != 0x80 && chars-- == 0)
			break;
		p++;
	}
	return (int)(p - text);
}

/* Prints one cell; 'last' saves the blanks at the end of a line. */
static void print_cell(struct output *o, const struct column *column, const struct cell *cell,
	unsigned int width, bool last)
{
	unsigned int shown = cell->width > width ? width : cell->width;
	int fill = (int)(width - shown);

	if (column->right)
		out(o, STYLE_PLAIN, "%*s", fill, "");
	if (cell->width > width)
		out(o, cell->style, "%.*s…", bytes_of(cell->text, width - 1), cell->text);
	else
		out(o, cell->style, "%s", cell->text);
	if (!column->right && !last)
		out(o, STYLE_PLAIN, "%*s", fill, "");
	if (!last)
		out(o, STYLE_PLAIN, "%*s", GAP, "");
}

static void print_row(const struct table *table, struct output *o, const struct cell *cells,
	const unsigned int *widths, unsigned int indent)
{
	size_t last = table->n_columns;

	while (last > 0 && (widths[last - 1] == 0 || cells[last - 1].width == 0))
		last--;
	out(o, STYLE_PLAIN, "%*s", (int)indent, "");
	for (size_t at = 0; at < last; at++) {
		if (widths[at] != 0)
			print_cell(o, &table->columns[at], &cells[at], widths[at], at + 1 == last);
	}
	out_end(o);
}

void table_print(const struct table *table, struct output *o, unsigned int indent, bool whole)
{
	unsigned int *widths = pps_alloc(table->n_columns * sizeof(*widths));
	struct cell *titles = pps_alloc(table->n_columns * sizeof(*titles));

	measure(table, o->terminal && !whole, widths);
	for (size_t at = 0; at < table->n_columns; at++) {
		titles[at].text = pps_strdup(table->columns[at].title);
		titles[at].width = count_chars(titles[at].text);
		titles[at].style = STYLE_BOLD;
	}
	print_row(table, o, titles, widths, indent);
	for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
		print_row(table, o, &table->cells[i], widths, indent);
	for (size_t at = 0; at < table->n_columns; at++)
		free(titles[at].text);
	free(titles);
	free(widths);
}
