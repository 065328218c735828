/* SPDX-License-Identifier: BSD-3-Clause */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_base.h>

#include "unit.h"

char *page_read(const char *name, const char *title, const char *until)
{
	const char *root = getenv("PPSFW_SOURCE");
	char *path, *page = NULL, *begin, *end, *section = NULL;
	size_t len;

	if (!root) {
		unit_skip("PPSFW_SOURCE does not name the source tree");
		return NULL;
	}
	path = pps_asprintf("%s/app/ppsfwd/%s", root, name);
	CU_ASSERT_EQUAL_FATAL(pps_file_read(path, 1 << 20, &page, &len), 0);
	free(path);
	begin = strstr(page, title);
	CU_ASSERT_PTR_NOT_NULL_FATAL(begin);
	end = strstr(begin + 1, until);
	section = pps_asprintf("%.*s", end ? (int)(end - begin) : (int)strlen(begin), begin);
	free(page);
	return section;
}

char *page_cell(const char *text, const char *row, unsigned int n)
{
	char *item = pps_asprintf("\n.It %s Ta ", row);
	const char *at = strstr(text, item), *end, *next;

	if (at == NULL)
		fprintf(stderr, "# the page has no row %s\n", row);
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	free(item);
	end = strchr(at + 1, '\n');
	at += 5;
	while (n-- > 0) {
		at = strstr(at, " Ta ");
		CU_ASSERT_TRUE_FATAL(at != NULL && at < end);
		at += 4;
	}
	next = strstr(at, " Ta ");
	if (next == NULL || next > end)
		next = end;
	return pps_asprintf("%.*s", (int)(next - at), at);
}

unsigned int page_numbers(const char *cell, unsigned char *listed, size_t n, unsigned char value)
{
	unsigned int found = 0;
	char *end;

	for (; *cell != '\0'; cell = *end == ',' ? end + 1 : end) {
		unsigned long number = strtoul(cell, &end, 0);

		CU_ASSERT_TRUE_FATAL(end != cell && number < n);
		listed[number] = value;
		found++;
	}
	return found;
}
