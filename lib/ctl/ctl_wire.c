/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ctl_priv.h"

#define READ_MIN  4096u /* room before a read */
#define SIZE_MIN  16384u
#define SIZE_KEPT (128u << 10) /* a larger buffer is freed when it is empty */

static void make_room(struct pps_ctl_lines *lines)
{
	size_t n = lines->end - lines->start;

	if (n == 0 && lines->size > SIZE_KEPT)
		pps_ctl_lines_fini(lines);
	/* Moved only when half of it is free: each byte is moved once on average. */
	if (lines->start > lines->size / 2 || n == 0) {
		if (n > 0)
			memmove(lines->bytes, lines->bytes + lines->start, n);
		lines->scanned -= lines->start;
		lines->start = 0;
		lines->end = n;
	}
	if (lines->size - lines->end >= READ_MIN)
		return;
	lines->size = lines->size == 0 ? SIZE_MIN : lines->size * 2;
	lines->bytes = pps_realloc(lines->bytes, lines->size);
}

ssize_t pps_ctl_lines_read(struct pps_ctl_lines *lines, int fd)
{
	ssize_t n;

	make_room(lines);
	do
		n = recv(fd, lines->bytes + lines->end, lines->size - lines->end, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	lines->end += (size_t)n;
	return n;
}

bool pps_ctl_lines_ready(struct pps_ctl_lines *lines)
{
	const char *newline;

	if (lines->scanned == lines->end)
		return false;
	newline = memchr(lines->bytes + lines->scanned, '\n', lines->end - lines->scanned);
	lines->scanned = newline == NULL ? lines->end : (size_t)(newline - lines->bytes);
	return newline != NULL;
}

bool pps_ctl_lines_take(struct pps_ctl_lines *lines, const char **ret_line, size_t *ret_len)
{
	if (!pps_ctl_lines_ready(lines))
		return false;
	*ret_line = lines->bytes + lines->start;
	*ret_len = lines->scanned - lines->start;
	lines->start = ++lines->scanned;
	return true;
}

bool pps_ctl_lines_take_rest(struct pps_ctl_lines *lines, const char **ret_line, size_t *ret_len)
{
	if (lines->start == lines->end)
		return false;
	*ret_line = lines->bytes + lines->start;
	*ret_len = lines->end - lines->start;
	lines->start = lines->scanned = lines->end;
	return true;
}

size_t pps_ctl_lines_pending(const struct pps_ctl_lines *lines)
{
	return lines->end - lines->start;
}

void pps_ctl_lines_fini(struct pps_ctl_lines *lines)
{
	free(lines->bytes);
	*lines = (struct pps_ctl_lines){0};
}

struct writer {
	struct pps_str *out;
	size_t max;
};

static int write_bytes(const char *bytes, size_t n, void *aux)
{
	struct writer *writer = aux;

	if (n > writer->max || writer->out->len > writer->max - n)
		return -1;
	pps_str_add_bytes(writer->out, bytes, n);
	return 0;
}

int pps_ctl_wire_add(struct pps_str *out, const json_t *object, size_t max)
{
	struct writer writer = {out, max};
	size_t before = out->len;

	if (json_dump_callback(object, write_bytes, &writer, JSON_COMPACT) == 0 &&
		write_bytes("\n", 1, &writer) == 0)
		return 0;
	out->len = before;
	if (out->text != NULL)
		out->text[before] = '\0';
	return -EMSGSIZE;
}

json_t *pps_ctl_wire_error(json_t *id, int code, const char *message, json_t *data)
{
	json_t *error = json_pack("{s:i, s:o}", "code", code, "message", pps_json_text(message));

	if (data != NULL)
		json_object_set_new(error, "data", data);
	return json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id",
		id == NULL ? json_null() : json_incref(id), "error", error);
}

int pps_ctl_wire_address(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret_address->sun_path, path);
	return 0;
}
