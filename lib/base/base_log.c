/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

/*
 * The one mutable thing at file scope in the libraries: a log line must be possible from every
 * place, out of memory included. It is written once, before there are threads.
 */
static struct {
	char program[32];
	enum pps_log_level level;
} log_setup = {.program = "ppsfw", .level = PPS_LOG_INFO};

void pps_log_init(const char *program, enum pps_log_level level)
{
	snprintf(log_setup.program, sizeof(log_setup.program), "%s", program);
	log_setup.level = level;
}

static const char *name_level(enum pps_log_level level)
{
	switch (level) {
	case PPS_LOG_ERROR:
		return "error: ";
	case PPS_LOG_WARNING:
		return "warning: ";
	case PPS_LOG_DEBUG:
		return "debug: ";
	case PPS_LOG_INFO:
	default:
		return "";
	}
}

/* Quoted input must not be able to forge a second line or drive a terminal. */
static void blank_control_characters(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	}
}

static size_t clamp_length(int printed, size_t room)
{
	if (printed < 0)
		return 0;
	return (size_t)printed < room ? (size_t)printed : room - 1;
}

void pps_log(enum pps_log_level level, const char *format, ...)
{
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	size_t n, room = sizeof(line) - 1; /* one for the line's end */
	va_list args;

	if (level > log_setup.level)
		return;
	n = clamp_length(
		snprintf(line, room, "%s: %s", log_setup.program, name_level(level)), room);
	va_start(args, format);
	n += clamp_length(vsnprintf(line + n, room - n, format, args), room - n);
	va_end(args);
	blank_control_characters(line, n);
	line[n++] = '\n';
	/* One call, so that lines of two threads do not mix; nobody to tell when it fails. */
	while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}
