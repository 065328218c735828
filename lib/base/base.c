/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_base.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_NS  10000000
#define PATIENCE_MAX 1000 /* ten seconds in all */

/*
 * Another thread may hold all the memory there is for a moment: the compilation of a policy runs
 * under a limit, and gives back what it took when it hits it. So an allocation that fails is tried
 * again for a while before it is the end.
 */
static void be_patient(unsigned int tries)
{
	const struct timespec time = {.tv_nsec = PATIENCE_NS};

	if (tries == PATIENCE_MAX) {
		pps_log(PPS_LOG_ERROR, "out of memory");
		abort();
	}
	nanosleep(&time, NULL);
}

void *pps_alloc(size_t size)
{
	unsigned int tries = 0;
	void *memory;

	while ((memory = calloc(1, size == 0 ? 1 : size)) == NULL)
		be_patient(tries++);
	return memory;
}

void *pps_realloc(void *memory, size_t size)
{
	unsigned int tries = 0;
	void *larger;

	while ((larger = realloc(memory, size == 0 ? 1 : size)) == NULL)
		be_patient(tries++);
	return larger;
}

char *pps_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(pps_alloc(size), text, size);
}

char *pps_asprintf(const char *format, ...)
{
	struct pps_str str = PPS_STR_INIT;
	va_list args;

	va_start(args, format);
	pps_str_addv(&str, format, args);
	va_end(args);
	return pps_str_take(&str);
}

/* Makes room for 'n' more characters and the terminator. */
static void reserve(struct pps_str *str, size_t n)
{
	size_t need, size = str->size;

	if (__builtin_add_overflow(str->len, n, &need) || need >= SIZE_MAX / 2)
		abort();
	need++;
	if (need <= size)
		return;
	if (size == 0)
		size = 64;
	while (size < need)
		size *= 2;
	str->text = pps_realloc(str->text, size);
	str->size = size;
}

void pps_str_add_bytes(struct pps_str *str, const void *bytes, size_t n)
{
	reserve(str, n);
	if (n > 0)
		memcpy(str->text + str->len, bytes, n);
	str->len += n;
	str->text[str->len] = '\0';
}

void pps_str_add(struct pps_str *str, const char *text)
{
	pps_str_add_bytes(str, text, strlen(text));
}

void pps_str_addv(struct pps_str *str, const char *format, va_list args)
{
	va_list again;
	int n;

	assert(format != NULL);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	if (n >= 0) {
		reserve(str, (size_t)n);
		vsnprintf(str->text + str->len, (size_t)n + 1, format, again);
		str->len += (size_t)n;
	}
	va_end(again);
}

void pps_str_addf(struct pps_str *str, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pps_str_addv(str, format, args);
	va_end(args);
}

void pps_str_clear(struct pps_str *str)
{
	str->len = 0;
	if (str->text != NULL)
		str->text[0] = '\0';
}

void pps_str_fini(struct pps_str *str)
{
	free(str->text);
	*str = (struct pps_str)PPS_STR_INIT;
}

char *pps_str_take(struct pps_str *str)
{
	char *text = str->text != NULL ? str->text : pps_strdup("");

	*str = (struct pps_str)PPS_STR_INIT;
	return text;
}

const char *pps_str_text(const struct pps_str *str)
{
	return str->text != NULL ? str->text : "";
}
