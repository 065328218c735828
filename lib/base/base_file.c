/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

/* Reads until the end, however long the file says it is: those in /proc have no size. */
static int read_all(int fd, size_t max, struct pps_str *out)
{
	char *chunk = pps_alloc(CHUNK);
	int ret = 0;

	while (true) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = -errno;
		else if ((size_t)n > max - out->len)
			ret = -EFBIG;
		if (ret != 0)
			break;
		pps_str_add_bytes(out, chunk, (size_t)n);
	}
	free(chunk);
	return ret;
}

int pps_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	struct pps_str text = PPS_STR_INIT;
	struct stat status;
	int fd, ret;

	/* Opening a pipe would wait for its writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		ret = -errno;
	else if (!S_ISREG(status.st_mode))
		ret = S_ISDIR(status.st_mode) ? -EISDIR : -ENODEV;
	else
		ret = read_all(fd, max, &text);
	close(fd);
	if (ret != 0) {
		pps_str_fini(&text);
		return ret;
	}
	*ret_len = text.len;
	*ret_text = pps_str_take(&text);
	return 0;
}

const char *pps_file_error(int error)
{
	return error == -ENODEV ? "it is not a regular file" : strerror(-error);
}
