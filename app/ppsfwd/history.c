/* SPDX-License-Identifier: BSD-3-Clause */
#include "history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX           "history.json"
#define INDEX_NEW       "history.json.new"
#define FOLDER_NEW      "new"
#define LOCK            "lock"
#define POLICY          "policy.json"
#define FILE_KIND       "file"
#define SIGNATURE_KIND  "signature"
#define FORMAT          1
#define INDEX_BYTES_MAX (16u << 20)
#define NAME_SIZE       32
#define PATH            "state"

struct history {
	char *folder;
	int fd; /* the folder */
	int lock_fd;
	json_t *entries; /* oldest first */
	uint64_t confirmed; /* 0: none */
	uint64_t next;
};

/* ---- files ---- */

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A file that is on the disk when this returns 0; its name is not, until the folder is synced. */
static int write_file(int folder, const char *name, const char *bytes, size_t len)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, bytes, len);
	if (ret == 0 && fsync(fd) != 0)
		ret = -errno;
	if (close(fd) != 0 && ret == 0)
		ret = -errno;
	return ret;
}

/* A folder with files in it and no folders. What is not there is fine. */
static int remove_folder(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *item;
	DIR *folder;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	folder = fdopendir(fd);
	if (folder == NULL) {
		close(fd);
		return -ENOMEM;
	}
	while ((item = readdir(folder)) != NULL) {
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			unlinkat(fd, item->d_name, 0);
	}
	closedir(folder);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

static const char *number_name(uint64_t number, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%llu", (unsigned long long)number);
	return name;
}

static const char *part_name(const char *kind, size_t index, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s-%zu", kind, index);
	return name;
}

/* ---- the index ---- */

static uint64_t number_of(const json_t *entry)
{
	json_int_t number = json_integer_value(json_object_get(entry, "number"));

	return number > 0 ? (uint64_t)number : 0;
}

static bool has_outcome(const json_t *entry, const char *outcome)
{
	const char *text = json_string_value(json_object_get(entry, "outcome"));

	return text != NULL && strcmp(text, outcome) == 0;
}

/* Anything but 0: the index is what it was. */
static int write_index(const struct history *history, json_t *entries, uint64_t confirmed)
{
	json_t *index = json_pack("{s:i, s:I, s:I, s:O}", "format", FORMAT, "next",
		(json_int_t)history->next, "confirmed", (json_int_t)confirmed, "entries", entries);
	char *text = json_dumps(index, JSON_INDENT(1));
	int ret = -EINVAL;

	json_decref(index);
	if (text == NULL)
		return ret;
	ret = write_file(history->fd, INDEX_NEW, text, strlen(text));
	free(text);
	if (ret == 0 && renameat(history->fd, INDEX_NEW, history->fd, INDEX) != 0)
		ret = -errno;
	/* The change is made, as every start from here on sees it, unless the power fails. */
	if (ret == 0 && fsync(history->fd) != 0)
		pps_log(PPS_LOG_ERROR,
			"the history in %s is written, but may not outlive a power failure: %s",
			history->folder, strerror(errno));
	return ret;
}

static bool is_list_of_names(const json_t *list)
{
	const json_t *name;
	size_t i;

	json_array_foreach(list, i, name)
	{
		if (!json_is_string(name))
			return false;
	}
	return json_is_array(list);
}

static bool entry_is_good(const json_t *entry, uint64_t before)
{
	const json_t *signatures = json_object_get(entry, "signatures");

	return number_of(entry) > before && is_list_of_names(json_object_get(entry, "files")) &&
		(signatures == NULL || is_list_of_names(signatures)) &&
		json_is_string(json_object_get(entry, "content")) &&
		json_is_string(json_object_get(entry, "file")) &&
		json_is_string(json_object_get(entry, "policy")) &&
		json_is_integer(json_object_get(entry, "revision")) &&
		json_is_string(json_object_get(entry, "time")) &&
		(has_outcome(entry, "confirmed") || has_outcome(entry, "pending") ||
			has_outcome(entry, "rolled_back"));
}

/* Takes the index over when it is one. */
static bool take_index(struct history *history, const json_t *index)
{
	json_t *entries = json_object_get(index, "entries"), *entry;
	json_int_t next = json_integer_value(json_object_get(index, "next"));
	json_int_t confirmed = json_integer_value(json_object_get(index, "confirmed"));
	uint64_t before = 0;
	size_t i;

	if (json_integer_value(json_object_get(index, "format")) != FORMAT || confirmed < 1 ||
		!json_is_array(entries) || json_array_size(entries) > HISTORY_MAX)
		return false;
	json_array_foreach(entries, i, entry)
	{
		if (!entry_is_good(entry, before))
			return false;
		before = number_of(entry);
	}
	if (next <= 0 || (uint64_t)next <= before)
		return false;
	json_decref(history->entries);
	history->entries = json_incref(entries);
	history->next = (uint64_t)next;
	history->confirmed = (uint64_t)confirmed;
	return has_outcome(history_entry(history, history->confirmed), "confirmed");
}

static void complain_of_index(const struct history *history, const json_t *index, const char *path,
	struct pps_errors *errors)
{
	json_int_t format = json_integer_value(json_object_get(index, "format"));

	if (format > FORMAT)
		pps_errors_add(errors, PATH,
			"%s has format %lld, of a later ppsfwd; this one knows %d: use the later "
			"one, or move %s away to start with the configured policy",
			path, (long long)format, FORMAT, history->folder);
	else
		pps_errors_add(errors, PATH,
			"%s is damaged, so it is not known which policy was confirmed; move %s "
			"away to start with the configured policy",
			path, history->folder);
}

static DIR *list_folder(const struct history *history)
{
	int fd = openat(history->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fdopendir(fd) : NULL;
}

/* Of a policy's folder; 0: it is none. */
static uint64_t folder_number(const char *name)
{
	uint64_t number = strtoull(name, NULL, 10);
	char text[NAME_SIZE];

	return strcmp(name, number_name(number, text)) == 0 ? number : 0;
}

/* A folder of policies without an index: the first policy alone may be there before it. */
static bool read_no_index(
	const struct history *history, const char *path, struct pps_errors *errors)
{
	DIR *folder = list_folder(history);
	bool lost = folder == NULL;
	struct dirent *item;

	while (!lost && (item = readdir(folder)) != NULL)
		lost = folder_number(item->d_name) > 1;
	if (folder != NULL)
		closedir(folder);
	if (lost)
		pps_errors_add(errors, PATH,
			"%s is gone and policies are there, so it is not known which was "
			"confirmed; move %s away to start with the configured policy",
			path, history->folder);
	return !lost;
}

static bool read_index(struct history *history, struct pps_errors *errors)
{
	char *path = pps_asprintf("%s/" INDEX, history->folder), *text = NULL;
	json_t *index;
	bool good;
	size_t len;
	int ret = pps_file_read(path, INDEX_BYTES_MAX, &text, &len);

	if (ret == -ENOENT) {
		good = read_no_index(history, path, errors);
		free(path);
		return good;
	}
	index = ret == 0 ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	good = ret == 0 && take_index(history, index);
	if (ret != 0)
		pps_errors_add(errors, PATH, "cannot read %s: %s", path, pps_file_error(ret));
	else if (!good)
		complain_of_index(history, index, path, errors);
	json_decref(index);
	free(text);
	free(path);
	return good;
}

/* What a crash left half: folders the index does not speak of. */
static void remove_leftovers(const struct history *history)
{
	DIR *folder = list_folder(history);
	struct dirent *item;

	while (folder != NULL && (item = readdir(folder)) != NULL) {
		uint64_t number = folder_number(item->d_name);

		if (strcmp(item->d_name, FOLDER_NEW) == 0 ||
			(number != 0 && history_entry(history, number) == NULL))
			remove_folder(history->fd, item->d_name);
	}
	if (folder != NULL)
		closedir(folder);
}

/* ---- life ---- */

static bool open_folder(struct history *history, struct pps_errors *errors)
{
	if (mkdir(history->folder, 0750) != 0 && errno != EEXIST) {
		pps_errors_add(errors, PATH,
			"cannot make %s: %s (name another folder, or null to keep no history)",
			history->folder, strerror(errno));
		return false;
	}
	history->fd = open(history->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (history->fd >= 0)
		history->lock_fd =
			openat(history->fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (history->lock_fd < 0) {
		pps_errors_add(
			errors, PATH, "cannot write in %s: %s", history->folder, strerror(errno));
		return false;
	}
	if (flock(history->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		pps_errors_add(errors, PATH, "%s is in use by another ppsfwd", history->folder);
		return false;
	}
	return true;
}

struct history *history_open(const char *folder, struct pps_errors *errors)
{
	struct history *history = pps_alloc(sizeof(*history));

	*history = (struct history){
		.folder = pps_strdup(folder),
		.fd = -1,
		.lock_fd = -1,
		.entries = json_array(),
		.next = 1,
	};
	if (!open_folder(history, errors) || !read_index(history, errors)) {
		history_close(history);
		return NULL;
	}
	remove_leftovers(history);
	return history;
}

void history_close(struct history *history)
{
	if (history == NULL)
		return;
	if (history->lock_fd >= 0)
		close(history->lock_fd);
	if (history->fd >= 0)
		close(history->fd);
	json_decref(history->entries);
	free(history->folder);
	free(history);
}

/* ---- asking ---- */

uint64_t history_next(const struct history *history)
{
	return history->next;
}

uint64_t history_confirmed(const struct history *history)
{
	return history->confirmed;
}

uint64_t history_previous(const struct history *history)
{
	for (size_t i = json_array_size(history->entries); i > 0; i--) {
		const json_t *entry = json_array_get(history->entries, i - 1);

		if (number_of(entry) < history->confirmed && has_outcome(entry, "confirmed"))
			return number_of(entry);
	}
	return 0;
}

const json_t *history_entry(const struct history *history, uint64_t number)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(history->entries, i, entry)
	{
		if (number_of(entry) == number && number != 0)
			return entry;
	}
	return NULL;
}

const json_t *history_entries(const struct history *history)
{
	return history->entries;
}

/* ---- changing ---- */

static int write_list(int fd, const char *kind, const struct pps_policy_part *parts, size_t n)
{
	char name[NAME_SIZE];
	int ret = 0;

	for (size_t i = 0; i < n && ret == 0; i++)
		ret = write_file(fd, part_name(kind, i, name), parts[i].text, parts[i].len);
	return ret;
}

static int write_parts(int fd, const struct pps_policy_bundle *bundle)
{
	int ret = write_file(fd, POLICY, bundle->text, bundle->len);

	if (ret == 0)
		ret = write_list(fd, FILE_KIND, bundle->files, bundle->n_files);
	if (ret == 0)
		ret = write_list(fd, SIGNATURE_KIND, bundle->signatures, bundle->n_signatures);
	if (ret == 0 && fsync(fd) != 0)
		ret = -errno;
	return ret;
}

static int write_folder(
	struct history *history, uint64_t number, const struct pps_policy_bundle *bundle)
{
	char name[NAME_SIZE];
	int fd, ret;

	remove_folder(history->fd, FOLDER_NEW);
	remove_folder(history->fd, number_name(number, name));
	if (mkdirat(history->fd, FOLDER_NEW, 0750) != 0)
		return -errno;
	fd = openat(history->fd, FOLDER_NEW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write_parts(fd, bundle);
	close(fd);
	if (ret == 0 && renameat(history->fd, FOLDER_NEW, history->fd, name) != 0)
		ret = -errno;
	if (ret == 0 && fsync(history->fd) != 0)
		ret = -errno;
	if (ret != 0)
		remove_folder(history->fd, FOLDER_NEW);
	return ret;
}

static bool say(const struct history *history, int ret, struct pps_errors *errors)
{
	if (ret != 0)
		pps_errors_add(errors, PATH, "the history in %s cannot be written: %s",
			history->folder, strerror(-ret));
	return ret == 0;
}

bool history_write(struct history *history, uint64_t number, const struct pps_policy_bundle *bundle,
	struct pps_errors *errors)
{
	return say(history, write_folder(history, number, bundle), errors);
}

/* The place of the oldest that may go. */
static size_t find_oldest(const struct history *history, const json_t *entries)
{
	uint64_t previous = history_previous(history);
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		if (number_of(entry) != history->confirmed && number_of(entry) != previous &&
			!has_outcome(entry, "pending"))
			break;
	}
	return i;
}

bool history_record(struct history *history, json_t *entry, struct pps_errors *errors)
{
	uint64_t confirmed =
		has_outcome(entry, "confirmed") ? number_of(entry) : history->confirmed;
	json_t *entries = json_copy(history->entries);
	uint64_t removed = 0;
	char name[NAME_SIZE];
	int ret;

	if (json_array_size(entries) >= HISTORY_MAX) {
		size_t oldest = find_oldest(history, entries);

		removed = number_of(json_array_get(entries, oldest));
		json_array_remove(entries, oldest);
	}
	history->next = number_of(entry) + 1;
	json_array_append_new(entries, entry);
	ret = write_index(history, entries, confirmed);
	if (ret != 0) {
		history->next--;
		json_decref(entries);
		return say(history, ret, errors);
	}
	json_decref(history->entries);
	history->entries = entries;
	history->confirmed = confirmed;
	if (removed != 0)
		remove_folder(history->fd, number_name(removed, name));
	return true;
}

bool history_settle(
	struct history *history, uint64_t number, bool confirmed, struct pps_errors *errors)
{
	json_t *entries = json_deep_copy(history->entries), *entry;
	char time[PPS_TIME_TEXT_MAX];
	size_t i;
	int ret;

	json_array_foreach(entries, i, entry)
	{
		if (number_of(entry) != number)
			continue;
		json_object_set_new(
			entry, "outcome", json_string(confirmed ? "confirmed" : "rolled_back"));
		json_object_set_new(entry, "settled",
			json_string(pps_time_format(pps_time_wall_ns(), 3, time)));
	}
	ret = write_index(history, entries, confirmed ? number : history->confirmed);
	if (ret != 0) {
		json_decref(entries);
		return say(history, ret, errors);
	}
	json_decref(history->entries);
	history->entries = entries;
	if (confirmed)
		history->confirmed = number;
	return true;
}

/* ---- reading back ---- */

static int read_part(const struct history *history, uint64_t number, const char *name, size_t *room,
	char **ret_text, size_t *ret_len)
{
	char folder[NAME_SIZE];
	char *path = pps_asprintf("%s/%s/%s", history->folder, number_name(number, folder), name);
	int ret = pps_file_read(path, *room, ret_text, ret_len);

	if (ret == 0)
		*room -= *ret_len;
	free(path);
	return ret;
}

bool history_read_entry(const struct history *history, const json_t *entry,
	struct pps_policy_bundle *ret, struct pps_errors *errors)
{
	const json_t *files = json_object_get(entry, "files"), *file;
	size_t room = PPS_POLICY_BYTES_MAX, i;
	size_t signature_room = PPS_SIGNATURE_FILES_MAX * PPS_SIGNATURE_BYTES_MAX;
	char digest[PPS_DIGEST_TEXT], name[NAME_SIZE];
	uint64_t number = number_of(entry);
	int error;

	*ret = (struct pps_policy_bundle){0};
	error = read_part(history, number, POLICY, &room, &ret->text, &ret->len);
	json_array_foreach(files, i, file)
	{
		struct pps_policy_part *part = pps_policy_bundle_add(ret, json_string_value(file));

		if (error == 0)
			error = read_part(history, number, part_name(FILE_KIND, i, name), &room,
				&part->text, &part->len);
	}
	json_array_foreach(json_object_get(entry, "signatures"), i, file)
	{
		struct pps_policy_part *part =
			pps_policy_bundle_add_signature(ret, json_string_value(file));

		if (error == 0)
			error = read_part(history, number, part_name(SIGNATURE_KIND, i, name),
				&signature_room, &part->text, &part->len);
	}
	if (error != 0) {
		pps_errors_add(errors, "", "policy number %llu in %s cannot be read: %s",
			(unsigned long long)number, history->folder, pps_file_error(error));
		return false;
	}
	pps_policy_bundle_digest(ret, digest);
	if (strcmp(digest, json_string_value(json_object_get(entry, "content"))) != 0) {
		pps_errors_add(errors, "",
			"policy number %llu in %s is damaged: it is not what was recorded",
			(unsigned long long)number, history->folder);
		return false;
	}
	return true;
}

bool history_read(const struct history *history, uint64_t number, struct pps_policy_bundle *ret,
	struct pps_errors *errors)
{
	const json_t *entry = history_entry(history, number);

	if (entry != NULL)
		return history_read_entry(history, entry, ret, errors);
	*ret = (struct pps_policy_bundle){0};
	pps_errors_add(errors, "", "there is no policy number %llu in the history",
		(unsigned long long)number);
	return false;
}
