/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_base.h"

#include <stdlib.h>
#include <string.h>

/* Takes over both texts. */
static void keep_error(struct pps_errors *errors, char *path, char *text)
{
	if (errors->items == NULL)
		errors->items = pps_alloc(PPS_ERRORS_MAX * sizeof(errors->items[0]));
	errors->items[errors->n++] = (struct pps_error){.path = path, .text = text};
}

void pps_errors_add(struct pps_errors *errors, const char *path, const char *format, ...)
{
	struct pps_str text = PPS_STR_INIT;
	va_list args;

	errors->n_total++;
	if (errors->n == PPS_ERRORS_MAX)
		return;
	va_start(args, format);
	pps_str_addv(&text, format, args);
	va_end(args);
	keep_error(errors, pps_strdup(path != NULL ? path : ""), pps_str_take(&text));
}

/* 'prefix' and 'path' in one; what only joins them is left out where there is no path. */
static char *join_path(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	if (path[0] == '\0') {
		while (n > 0 && strchr(": .", prefix[n - 1]) != NULL)
			n--;
	}
	return pps_asprintf("%.*s%s", (int)n, prefix, path);
}

void pps_errors_move(struct pps_errors *to, const char *prefix, struct pps_errors *from)
{
	to->n_total += from->n_total;
	for (size_t i = 0; i < from->n && to->n < PPS_ERRORS_MAX; i++) {
		struct pps_error *item = &from->items[i];

		keep_error(to, join_path(prefix, item->path), item->text);
		item->text = NULL;
	}
	pps_errors_fini(from);
}

void pps_errors_fini(struct pps_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		free(errors->items[i].path);
		free(errors->items[i].text);
	}
	free(errors->items);
	*errors = (struct pps_errors){0};
}

void pps_errors_print(const struct pps_errors *errors, struct pps_str *out)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct pps_error *item = &errors->items[i];

		pps_str_addf(
			out, "%s%s%s\n", item->path, item->path[0] == '\0' ? "" : ": ", item->text);
	}
	if (errors->n_total > errors->n)
		pps_str_addf(out, "... and %zu more\n", errors->n_total - errors->n);
}
