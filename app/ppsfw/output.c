/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#define LABEL_WIDTH 11

static const char *const style_codes[] = {
	[STYLE_PLAIN] = "",
	[STYLE_BOLD] = "\033[1m",
	[STYLE_DIM] = "\033[2m",
	[STYLE_GOOD] = "\033[32m",
	[STYLE_WARNING] = "\033[1;33m",
	[STYLE_BAD] = "\033[1;31m",
};

void output_init(struct output *o)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	o->file = stdout;
	o->terminal = isatty(STDOUT_FILENO) == 1;
	o->colour = o->terminal && (no_color == NULL || *no_color == '\0') &&
		(term == NULL || strcmp(term, "dumb") != 0);
}

/* A pipe or socket at whose other end nobody reads any more. */
static bool reader_has_gone(const struct output *o)
{
	struct pollfd fd = {.fd = fileno(o->file)};

	return poll(&fd, 1, 0) == 1 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}

bool output_finish(struct output *o)
{
	int err = fflush(o->file) == 0 ? 0 : errno;

	if (err == 0 && !ferror(o->file))
		return true;
	if (!reader_has_gone(o))
		complain(
			"standard output: %s", err == 0 ? "could not write it all" : strerror(err));
	return false;
}

bool output_flush(struct output *o)
{
	return fflush(o->file) == 0 && !ferror(o->file);
}

/* The number of bytes of the UTF-8 character at 'text', 0 when there is none. */
static size_t decode(const unsigned char *text, size_t len, uint32_t *ret_char)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = text[0] < 0x80 ? 1
		: text[0] < 0xc2  ? 0
		: text[0] < 0xe0  ? 2
		: text[0] < 0xf0  ? 3
		: text[0] < 0xf5  ? 4
				  : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = n == 1 ? text[0] : text[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret_char = c;
	return n;
}

/* True for characters a terminal obeys, or that make a line read as something it is not. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
		(c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) ||
		(c >= 0xe0000 && c <= 0xe0fff);
}

void escape_text(struct pps_str *to, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	while (p < end) {
		uint32_t c = 0;
		size_t n = decode(p, (size_t)(end - p), &c);

		if (n == 0)
			pps_str_addf(to, "\\x%02x", (unsigned int)*p);
		else if (!is_unsafe(c))
			pps_str_add_bytes(to, p, n);
		else if (c < 0x100)
			pps_str_addf(to, "\\x%02x", (unsigned int)c);
		else
			pps_str_addf(to, "\\u{%x}", (unsigned int)c);
		p += n == 0 ? 1 : n;
	}
}

/* Formats, escapes, and writes to 'file'. */
static void write_escaped(FILE *file, const char *format, va_list args)
{
	struct pps_str raw = PPS_STR_INIT, safe = PPS_STR_INIT;

	pps_str_addv(&raw, format, args);
	escape_text(&safe, pps_str_text(&raw), raw.len);
	fwrite(pps_str_text(&safe), 1, safe.len, file);
	pps_str_fini(&raw);
	pps_str_fini(&safe);
}

static void out_styled(struct output *o, enum style style, const char *format, va_list args)
{
	bool coloured = o->colour && style != STYLE_PLAIN;

	if (coloured)
		fputs(style_codes[style], o->file);
	write_escaped(o->file, format, args);
	if (coloured)
		fputs("\033[0m", o->file);
}

void out(struct output *o, enum style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out_styled(o, style, format, args);
	va_end(args);
}

void out_end(struct output *o)
{
	fputc('\n', o->file);
}

void out_line(struct output *o, enum style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out_styled(o, style, format, args);
	va_end(args);
	out_end(o);
}

void out_label(struct output *o, const char *label)
{
	const char *text = label == NULL ? "" : label;

	out(o, STYLE_BOLD, "%s", text);
	out(o, STYLE_PLAIN, "%*s", LABEL_WIDTH - (int)strlen(text), "");
}

void out_field(struct output *o, const char *label, enum style style, const char *format, ...)
{
	va_list args;

	out_label(o, label);
	va_start(args, format);
	out_styled(o, style, format, args);
	va_end(args);
	out_end(o);
}

/* ASCII alone, because jansson leaves C1 controls as they are; DEL it leaves in any case. */
static void dump(struct output *o, const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

	for (const char *p = text; p != NULL && *p != '\0'; p++) {
		if (*p == '\177')
			fputs("\\u007f", o->file);
		else
			fputc(*p, o->file);
	}
	out_end(o);
	free(text);
}

void out_json(struct output *o, const json_t *value)
{
	dump(o, value, o->terminal ? JSON_INDENT(2) : JSON_COMPACT | JSON_SORT_KEYS);
}

void out_json_line(struct output *o, const json_t *value)
{
	dump(o, value, JSON_COMPACT | JSON_SORT_KEYS);
}

void out_document(struct output *o, const json_t *value)
{
	dump(o, value, JSON_INDENT(2));
}

void complain(const char *format, ...)
{
	va_list args;

	/* What was printed so far belongs before it, where both are one terminal. */
	fflush(stdout);
	va_start(args, format);
	fputs("ppsfw: ", stderr);
	write_escaped(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
