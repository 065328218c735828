/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_priv.h"

/* What EAL's argument syntax gives a meaning of its own. */
#define NOT_IN_VDEV "=[],"

char *config_folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder, *absolute;

	if (!slash)
		folder = pps_strdup(".");
	else
		folder = pps_asprintf("%.*s", slash == file ? 1 : (int)(slash - file), file);
	absolute = realpath(folder, NULL);
	if (!absolute)
		return folder;
	free(folder);
	return absolute;
}

static char *resolve(const char *text, const char *folder)
{
	if (text[0] == '/')
		return pps_strdup(text);
	return pps_asprintf("%s/%s", !strcmp(folder, "/") ? "" : folder, text);
}

void config_read_path(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const struct config_reading *reading = aux;
	char *absolute;

	if (!config_check_text(value, path, errors))
		return;
	absolute = resolve(json_string_value(value), reading->folder);
	if (strlen(absolute) >= PATH_MAX)
		pps_json_error(errors, path, "%s is a path of more than %d bytes",
			pps_json_quote(value), PATH_MAX - 1);
	config_set_string(target, absolute);
}

/* ---- paths inside --vdev ---- */

static bool is_key(const char *part, size_t len, const char *key)
{
	return len > strlen(key) && !strncmp(part, key, strlen(key)) && part[strlen(key)] == '=';
}

/* EAL goes on without a port whose file it cannot open; here the reason is still known. */
static void check_readable(
	const char *file, const struct pps_json_path *path, struct pps_errors *errors)
{
	if (access(file, R_OK) != 0)
		pps_json_error(
			errors, path, "rx_pcap: cannot read \"%s\": %s", file, strerror(errno));
}

static void check_writable(
	const char *file, const struct pps_json_path *path, struct pps_errors *errors)
{
	char *folder;

	if (access(file, F_OK) == 0) {
		if (access(file, W_OK) != 0)
			pps_json_error(errors, path, "tx_pcap: cannot write \"%s\": %s", file,
				strerror(errno));
		return;
	}
	folder = config_folder_of(file);
	if (access(folder, W_OK) != 0)
		pps_json_error(errors, path, "tx_pcap: cannot make files in \"%s\": %s", folder,
			strerror(errno));
	free(folder);
}

/* One "key=value" of a vdev, 'len' bytes long. */
static void add_part(const char *part, size_t len, const struct pps_json_path *path,
	const char *folder, struct pps_str *out, struct pps_errors *errors)
{
	bool input = is_key(part, len, "rx_pcap"), output = is_key(part, len, "tx_pcap");
	size_t key_len = strlen("rx_pcap=");
	char *text, *file;
	const char *bad;

	if (!input && !output) {
		pps_str_add_bytes(out, part, len);
		return;
	}
	text = pps_asprintf("%.*s", (int)(len - key_len), part + key_len);
	file = resolve(text, folder);
	bad = strpbrk(file, NOT_IN_VDEV);
	if (!*text)
		pps_json_error(errors, path, "%.*s without a path", (int)key_len, part);
	else if (bad)
		pps_json_error(errors, path,
			"\"%s\": EAL cannot take a path with \"%c\" in it inside --vdev", file,
			*bad);
	else if (input)
		check_readable(file, path, errors);
	else
		check_writable(file, path, errors);
	pps_str_add_bytes(out, part, key_len);
	pps_str_add(out, file);
	free(text);
	free(file);
}

char *config_resolve_vdev(const char *args, const struct pps_json_path *path, const char *folder,
	struct pps_errors *errors)
{
	struct pps_str out = PPS_STR_INIT;
	size_t len;

	for (;;) {
		len = strcspn(args, ",");
		add_part(args, len, path, folder, &out, errors);
		if (!args[len])
			return pps_str_take(&out);
		pps_str_add(&out, ",");
		args += len + 1;
	}
}
