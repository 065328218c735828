/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_BASE_H
#define PPS_BASE_H

/*
 * Base: what every other library may lean on, and nothing of packets.
 *
 * Strings   A struct pps_str is a growable string. It is always terminated, so
 *           'text' may be handed to any C function once something was added.
 *           Zero-initialise it, or use PPS_STR_INIT. Adding never fails: memory
 *           exhaustion in management code ends the process (fail closed: a
 *           firewall that stops, stops the wire). Never used by workers.
 *
 * Errors    User input is wrong in more than one place at once, and the person
 *           who wrote it wants the whole list. A struct pps_errors collects
 *           {path, text} pairs: 'path' names the place ("approved[2].ports"),
 *           'text' says what is wrong and quotes it. Libraries fill it and never
 *           print. At most PPS_ERRORS_MAX are kept; the rest is counted.
 *
 * Functions that can fail for one reason only return 0 or a negative errno.
 *
 * Log       One line on standard error per call, at the edge (daemon and tools),
 *           never in libraries that workers run.
 *
 * Time      RFC 3339, UTC only, to and from nanoseconds since the Unix epoch.
 *
 * Threads   Everything here is per object: an object belongs to one thread at a
 *           time. pps_log() may be called from any thread that is not a worker.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PPS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define PPS_NS_PER_SEC 1000000000ULL
#define PPS_NS_PER_MS  1000000ULL

/* Memory for management code: never NULL, zeroed; exhaustion that lasts for ten seconds aborts with
 * a log line. */
void *pps_alloc(size_t size);
void *pps_realloc(void *memory, size_t size);
char *pps_strdup(const char *text);
char *pps_asprintf(const char *format, ...) PPS_PRINTF(1, 2);

/* A growable string; see above. */
struct pps_str {
	char *text; /* terminated; NULL while nothing was added */
	size_t len; /* characters, without the terminator */
	size_t size; /* bytes allocated */
};

#define PPS_STR_INIT \
	{            \
		0    \
	}

void pps_str_add(struct pps_str *str, const char *text);
void pps_str_add_bytes(struct pps_str *str, const void *bytes, size_t n);
void pps_str_addf(struct pps_str *str, const char *format, ...) PPS_PRINTF(2, 3);
void pps_str_addv(struct pps_str *str, const char *format, va_list args);
/* Makes it empty and keeps the memory. */
void pps_str_clear(struct pps_str *str);
/* Frees the memory; the string may be used again. */
void pps_str_fini(struct pps_str *str);
/* Hands the text (never NULL) to the caller, who frees it; the string is empty afterwards. */
char *pps_str_take(struct pps_str *str);
/* The text, "" while empty; valid until the next change. */
const char *pps_str_text(const struct pps_str *str);

#define PPS_ERRORS_MAX 100

struct pps_error {
	char *path; /* place in the input; "" for the whole of it */
	char *text; /* what is wrong, quoting the offending text */
};

struct pps_errors {
	struct pps_error *items;
	size_t n; /* kept, at most PPS_ERRORS_MAX */
	size_t n_total; /* found */
};

/* Adds one error. 'path' may be NULL or "" for the whole input; both texts are copied. */
void pps_errors_add(struct pps_errors *errors, const char *path, const char *format, ...)
	PPS_PRINTF(3, 4);
/* Moves all of 'from' behind those of 'to', each path prefixed with 'prefix'; 'from' is emptied. */
void pps_errors_move(struct pps_errors *to, const char *prefix, struct pps_errors *from);
void pps_errors_fini(struct pps_errors *errors);
/* One line per error ("path: text\n"), then "... and N more\n" where some were not kept. */
void pps_errors_print(const struct pps_errors *errors, struct pps_str *out);

enum pps_log_level { PPS_LOG_ERROR, PPS_LOG_WARNING, PPS_LOG_INFO, PPS_LOG_DEBUG };

/* 'program' is the prefix of every line; lines above 'level' are dropped. */
void pps_log_init(const char *program, enum pps_log_level level);
void pps_log(enum pps_log_level level, const char *format, ...) PPS_PRINTF(2, 3);

/* "2026-12-31T00:00:00Z" and a terminator; with nanoseconds "...00.000000000Z". */
#define PPS_TIME_TEXT_MAX 40

/*
 * Parses an RFC 3339 date-time: UTC ("Z") or with a numeric offset, an optional fraction of
 * seconds. Sets *ret_ns (nanoseconds since 1970-01-01T00:00:00Z). Returns 0; -ERANGE for years
 * before 1970 and after 2262; -EINVAL for anything else, impossible dates and leap seconds
 * included.
 */
int pps_time_parse(const char *text, uint64_t *ret_ns);
/* Writes the time in UTC with 'digits' (0 to 9) digits of fraction; returns 'out'. */
const char *pps_time_format(uint64_t ns, unsigned int digits, char out[PPS_TIME_TEXT_MAX]);
/* CLOCK_REALTIME in nanoseconds since the epoch. */
uint64_t pps_time_wall_ns(void);
/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t pps_time_mono_ns(void);

/* Whole regular files. Returns 0 or a negative errno: -EFBIG when larger than 'max' bytes, -ENODEV
 * for a pipe or a device, which could keep us waiting for ever. Sets *ret_text (terminated, caller
 * frees) and *ret_len; a NUL byte inside is kept. */
int pps_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len);
/* Why it could not be read, from what it returned. */
const char *pps_file_error(int error);

/*
 * The word of 'words' (n of them) nearest to 'text' by edit distance, for "did you mean";
 * NULL when none is near enough to be a slip of the fingers.
 */
const char *pps_nearest_word(const char *text, const char *const *words, size_t n);

#endif
