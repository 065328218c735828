/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PAGE_H
#define PAGE_H

/*
 * Manual pages, for tests that compare what they say with what the program does. They are found by
 * PPSFW_SOURCE, the top of the sources; without it a test is skipped.
 */

#include <stddef.h>

#define DAEMON "ppsfwd.8"
#define LAW    "ppsfw-law.7"

/* What the page says from the title on, to the next line that begins with 'until'; NULL after
 * saying why. The caller frees it. */
char *page_read(const char *name, const char *title, const char *until);

/* Column 'n' (from 0) of the row of a table that begins so; the test ends when there is none. The
 * caller frees it. */
char *page_cell(const char *text, const char *row, unsigned int n);

/* The numbers in a cell, in a list with commas: listed[number] = value. Returns how many. */
unsigned int page_numbers(const char *cell, unsigned char *listed, size_t n, unsigned char value);

#endif
