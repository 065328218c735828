/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event_priv.h"

/* ---- opening ---- */

/* True when the file's last byte is no newline: whoever wrote it last was cut off. */
static bool ends_torn(int fd, const struct stat *st)
{
	char last = '\n';

	return S_ISREG(st->st_mode) && st->st_size > 0 &&
		pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

static int open_file(struct pps_event_file *file)
{
	struct stat st;
	/* Non-blocking: the path may be a pipe, and management must not wait for its reader. */
	int fd = open(
		file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -EIO;
	}
	file->fd = fd;
	file->size = (uint64_t)st.st_size;
	/* Devices and pipes are nobody's to rename. */
	file->rotate_at =
		S_ISREG(st.st_mode) && file->rotate_bytes > 0 ? file->rotate_bytes : UINT64_MAX;
	file->torn = ends_torn(fd, &st);
	return 0;
}

static void close_file(struct pps_event_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* Others may have moved the file away (then ours is a new one) or cut it short. */
static int check_file(struct pps_event_file *file)
{
	struct stat st, by_path;

	if (file->fd < 0 || fstat(file->fd, &st) < 0 || stat(file->path, &by_path) < 0 ||
		by_path.st_dev != st.st_dev || by_path.st_ino != st.st_ino) {
		close_file(file);
		return open_file(file);
	}
	/* A pipe has no size, and remembers nothing. */
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size != file->size) {
		file->torn = ends_torn(file->fd, &st);
		file->size = (uint64_t)st.st_size;
	}
	return 0;
}

/* ---- writing ---- */

static void fail(struct pps_event_file *file, int err)
{
	if (!file->failing)
		pps_log(PPS_LOG_ERROR, "%s: cannot write events: %s; trying again", file->path,
			strerror(-err));
	file->failing = true;
	file->retry_ns = pps_time_mono_ns() + PPS_EVENT_RETRY_NS;
}

static void recover(struct pps_event_file *file)
{
	if (file->failing)
		pps_log(PPS_LOG_INFO, "%s: events are written again; %llu lost so far", file->path,
			(unsigned long long)file->n_lost);
	file->failing = false;
}

/* Writes 'len' bytes as far as possible: how many, and *ret_err. */
static size_t write_bytes(int fd, const char *bytes, size_t len, int *ret_err)
{
	size_t done = 0;
	ssize_t n;

	*ret_err = 0;
	while (done < len && *ret_err == 0) {
		n = write(fd, bytes + done, len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			*ret_err = n == 0 ? -EIO : -errno;
	}
	return done;
}

/* The length of the whole lines in the first 'len' bytes. */
static size_t whole_lines(const char *bytes, size_t len)
{
	const char *newline = len == 0 ? NULL : memrchr(bytes, '\n', len);

	return newline == NULL ? 0 : (size_t)(newline - bytes) + 1;
}

static void drop_written(struct pps_event_file *file, size_t n)
{
	file->lines.len -= n;
	memmove(file->lines.text, file->lines.text + n, file->lines.len + 1);
}

/* Returns 0 when nothing waits any more. */
static int write_lines(struct pps_event_file *file)
{
	size_t done, whole;
	int err = check_file(file);

	if (err < 0)
		return err;
	if (file->torn) {
		if (write_bytes(file->fd, "\n", 1, &err) == 0)
			return err;
		file->torn = false;
		file->size++;
	}
	done = write_bytes(file->fd, file->lines.text, file->lines.len, &err);
	whole = whole_lines(file->lines.text, done);
	file->size += done;
	/* Half a line is taken back, or ended before the next. */
	if (done > whole && ftruncate(file->fd, (off_t)(file->size - (done - whole))) == 0)
		file->size -= done - whole;
	else
		file->torn = done > whole;
	drop_written(file, whole);
	return err;
}

static int flush_lines(struct pps_event_file *file)
{
	int err;

	if (file->lines.len == 0)
		return 0;
	err = write_lines(file);
	if (err < 0)
		fail(file, err);
	else
		recover(file);
	return err;
}

/* ---- rotation ---- */

static char *rotated_path(const struct pps_event_file *file, unsigned int i)
{
	return i == 0 ? pps_strdup(file->path) : pps_asprintf("%s.%u", file->path, i);
}

/* FILE.i becomes FILE.i+1; what is not there is nobody's loss. */
static int shift(const struct pps_event_file *file, unsigned int i)
{
	char *from = rotated_path(file, i), *to = rotated_path(file, i + 1);
	int err = rename(from, to) < 0 && errno != ENOENT ? -errno : 0;

	free(from);
	free(to);
	return err;
}

/* Files beyond 'keep': the oldest, and those of a day when more were kept. */
static void remove_oldest(const struct pps_event_file *file)
{
	bool removed = true;

	for (unsigned int i = file->keep > 0 ? file->keep : 1; removed; i++) {
		char *path = rotated_path(file, i);

		removed = unlink(path) == 0 || i == file->keep;
		free(path);
	}
}

static void rotate(struct pps_event_file *file)
{
	int err = 0;

	remove_oldest(file);
	for (unsigned int i = file->keep; i > 1 && err == 0; i--)
		err = shift(file, i - 1);
	if (err == 0 && file->keep > 0)
		err = shift(file, 0);
	else if (err == 0)
		err = unlink(file->path) < 0 ? -errno : 0;
	if (err < 0) {
		/* The file goes on growing: better than losing events. */
		pps_log(PPS_LOG_ERROR, "%s: cannot rotate: %s", file->path, strerror(-err));
		file->rotate_at = file->size + file->rotate_bytes;
		return;
	}
	file->n_rotations++;
	close_file(file);
	err = open_file(file);
	if (err < 0)
		fail(file, err);
}

/* ---- the file ---- */

int pps_event_file_open(
	struct pps_event_file *file, const char *path, uint64_t rotate_bytes, unsigned int keep)
{
	int err;

	*file = (struct pps_event_file){.rotate_bytes = rotate_bytes, .keep = keep, .fd = -1};
	file->path = pps_strdup(path);
	err = open_file(file);
	if (err < 0) {
		free(file->path);
		file->path = NULL;
	}
	return err;
}

static uint64_t count_lines(const struct pps_str *lines)
{
	uint64_t n = 0;

	for (size_t i = 0; i < lines->len; i++)
		n += lines->text[i] == '\n';
	return n;
}

void pps_event_file_close(struct pps_event_file *file)
{
	if (file->path == NULL)
		return;
	flush_lines(file);
	file->n_lost += count_lines(&file->lines);
	close_file(file);
	pps_str_fini(&file->lines);
	free(file->path);
	file->path = NULL;
}

void pps_event_file_add(struct pps_event_file *file, const char *line, size_t len)
{
	bool may_try = !file->failing || pps_time_mono_ns() >= file->retry_ns;
	uint64_t size = file->size + file->lines.len;

	if (may_try && size > 0 && size + len > file->rotate_at && flush_lines(file) == 0 &&
		file->size > 0 && file->size + len > file->rotate_at)
		rotate(file);
	if (file->lines.len + len > PPS_EVENT_BUFFER_MAX) {
		file->n_lost++;
		return;
	}
	pps_str_add_bytes(&file->lines, line, len);
	if (may_try && file->lines.len >= PPS_EVENT_BUFFER)
		flush_lines(file);
}

void pps_event_file_flush(struct pps_event_file *file, bool sync)
{
	if (flush_lines(file) == 0 && sync && file->fd >= 0 && fdatasync(file->fd) < 0 &&
		errno != EINVAL && errno != EROFS)
		fail(file, -errno);
}
