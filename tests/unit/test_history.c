/* SPDX-License-Identifier: BSD-3-Clause */

/* The history of policies, on a disk that fails. */

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "history.h"

enum disk { DISK_WORKS, FILES_FAIL, FOLDERS_FAIL };

/* What cannot be kept from now on. */
static enum disk disk;

/* The C library's, for the program under test. */
int fsync(int fd)
{
	struct stat status;

	CU_ASSERT_EQUAL_FATAL(fstat(fd, &status), 0);
	if (disk == (S_ISDIR(status.st_mode) ? FOLDERS_FAIL : FILES_FAIL)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static char parent[] = "/tmp/ppsfw-history-XXXXXX";

static struct history *reopen(struct history *history)
{
	char *folder = pps_asprintf("%s/state", parent);
	struct pps_errors errors = {0};

	history_close(history);
	history = history_open(folder, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(history);
	free(folder);
	return history;
}

/* Writes policy 'number', and records it on such a disk. */
static bool load(
	struct history *history, uint64_t number, const char *outcome, enum disk at_the_record)
{
	struct pps_policy_bundle bundle = {0};
	struct pps_errors errors = {0};
	char digest[PPS_DIGEST_TEXT];
	json_t *entry;
	bool recorded;

	bundle.text = pps_asprintf("policy %d", (int)number);
	bundle.len = strlen(bundle.text);
	pps_policy_bundle_digest(&bundle, digest);
	entry = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:[]}", "number", (json_int_t)number,
		"outcome", outcome, "content", digest, "time", "t", "file", "f", "policy", "p",
		"revision", (json_int_t)number, "files");
	CU_ASSERT_TRUE(history_write(history, number, &bundle, &errors));
	disk = at_the_record;
	recorded = history_record(history, entry, &errors);
	disk = DISK_WORKS;
	CU_ASSERT_EQUAL(errors.n, recorded ? 0 : 1);
	pps_errors_fini(&errors);
	pps_policy_bundle_fini(&bundle);
	return recorded;
}

/* What is recorded, and what a start would find. */
static void check_both(struct history **history, uint64_t n, uint64_t confirmed)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct pps_policy_bundle bundle;
		struct pps_errors errors = {0};

		CU_ASSERT_EQUAL(json_array_size(history_entries(*history)), n);
		CU_ASSERT_EQUAL(history_next(*history), n + 1);
		CU_ASSERT_EQUAL(history_confirmed(*history), confirmed);
		CU_ASSERT_TRUE(history_read(*history, n, &bundle, &errors));
		pps_policy_bundle_fini(&bundle);
		*history = reopen(*history);
	}
}

static struct history *begin(void)
{
	struct history *history;

	strcpy(parent + strlen(parent) - 6, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(parent));
	history = reopen(NULL);
	CU_ASSERT_TRUE(load(history, 1, "confirmed", DISK_WORKS));
	return history;
}

static void end(struct history *history)
{
	char *command = pps_asprintf("rm -r %s", parent);

	history_close(history);
	CU_ASSERT_EQUAL(system(command), 0);
	free(command);
}

static void a_policy_whose_record_does_not_reach_the_disk_changes_nothing(void)
{
	struct history *history = begin();

	CU_ASSERT_FALSE(load(history, 2, "confirmed", FILES_FAIL));
	check_both(&history, 1, 1);
	CU_ASSERT_TRUE(load(history, 2, "confirmed", DISK_WORKS));
	check_both(&history, 2, 2);
	end(history);
}

static void a_record_that_only_a_power_failure_can_undo_is_made(void)
{
	struct history *history = begin();

	CU_ASSERT_TRUE(load(history, 2, "confirmed", FOLDERS_FAIL));
	check_both(&history, 2, 2);
	CU_ASSERT_TRUE(load(history, 3, "pending", FOLDERS_FAIL));
	check_both(&history, 3, 2);
	end(history);
}

static void a_confirmation_is_made_or_not_like_a_record(void)
{
	struct history *history = begin();
	struct pps_errors errors = {0};

	CU_ASSERT_TRUE(load(history, 2, "pending", DISK_WORKS));
	disk = FILES_FAIL;
	CU_ASSERT_FALSE(history_settle(history, 2, true, &errors));
	CU_ASSERT_EQUAL(errors.n, 1);
	disk = DISK_WORKS;
	check_both(&history, 2, 1);
	disk = FOLDERS_FAIL;
	CU_ASSERT_TRUE(history_settle(history, 2, true, &errors));
	disk = DISK_WORKS;
	check_both(&history, 2, 2);
	pps_errors_fini(&errors);
	end(history);
}

static void a_policy_whose_folder_does_not_reach_the_disk_is_not_written(void)
{
	struct pps_policy_bundle bundle = {.text = (char[]){"{}"}, .len = 2};
	struct history *history = begin();

	for (disk = FILES_FAIL; disk <= FOLDERS_FAIL; disk++) {
		struct pps_errors errors = {0};

		CU_ASSERT_FALSE(history_write(history, 2, &bundle, &errors));
		CU_ASSERT_EQUAL(errors.n, 1);
		pps_errors_fini(&errors);
	}
	disk = DISK_WORKS;
	check_both(&history, 1, 1);
	end(history);
}

static const struct unit_test tests[] = {
	UNIT_TEST(a_policy_whose_record_does_not_reach_the_disk_changes_nothing),
	UNIT_TEST(a_record_that_only_a_power_failure_can_undo_is_made),
	UNIT_TEST(a_confirmation_is_made_or_not_like_a_record),
	UNIT_TEST(a_policy_whose_folder_does_not_reach_the_disk_is_not_written),
};

int main(void)
{
	return unit_run("history", tests, UNIT_COUNT(tests));
}
