/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a fuzz target over files, so that every corpus is an ordinary test wherever the fuzzing
 * engine is absent: replay FILE|FOLDER ... (folders are read one level deep). A target that finds
 * something wrong aborts; the name was printed before. TAP on standard output.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <pps_base.h>

#define BYTES_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	unsigned int n;
	unsigned int n_failed;
};

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void replay_file(struct run *run, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char *text, *exact;
	size_t len;

	printf("# %s\n", path);
	fflush(stdout);
	if (pps_file_read(path, BYTES_MAX, &text, &len) < 0) {
		printf("not ok %u - %s cannot be read\n", ++run->n, name);
		run->n_failed++;
		return;
	}
	/* Without the terminator, so that a read behind the end is seen by the sanitizers. */
	exact = pps_alloc(len > 0 ? len : 1);
	memcpy(exact, text, len);
	free(text);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, len);
	free(exact);
	printf("ok %u - %s\n", ++run->n, name);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay_folder(struct run *run, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_visible, alphasort);

	if (n < 0) {
		printf("not ok %u - %s: %s\n", ++run->n, folder, strerror(errno));
		run->n_failed++;
		return;
	}
	for (int i = 0; i < n; i++) {
		char *path = pps_asprintf("%s/%s", folder, entries[i]->d_name);

		if (!is_folder(path))
			replay_file(run, path);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	struct run run = {0};

	for (int i = 1; i < argc; i++) {
		if (is_folder(argv[i]))
			replay_folder(&run, argv[i]);
		else
			replay_file(&run, argv[i]);
	}
	printf("1..%u\n", run.n);
	return run.n_failed == 0 && run.n > 0 ? 0 : 1;
}
