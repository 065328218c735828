/* SPDX-License-Identifier: BSD-3-Clause */
#include <byteswap.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_priv.h"

/* What EAL's argument syntax gives a meaning of its own. */
#define NOT_IN_VDEV "=[],"

/* Of a pcap file (the two are of micro- and nanoseconds) and of a pcapng file. */
#define PCAP_MAGIC_US 0xa1b2c3d4u
#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_HEADER   24
#define PCAPNG_MAGIC  0x0a0d0d0au
#define PCAPNG_ORDER  0x1a2b3c4du
#define PCAPNG_PORT   1 /* the block that describes one */
#define CAPTURE_FRONT 4096
#define LINK_MASK     0xffffu /* above are other things */
#define LINK_ETHERNET 1

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

static uint32_t word_at(const uint8_t *front, size_t at, bool swapped)
{
	uint32_t word;

	memcpy(&word, front + at, sizeof(word));
	return swapped ? bswap_32(word) : word;
}

/* What the frames of a capture are, by its first bytes; of pcapng those of its first port. What
 * cannot be told is taken for Ethernet. */
static uint32_t link_type(const uint8_t *front, size_t len)
{
	uint32_t magic, first;
	bool swapped;

	if (len < PCAP_HEADER)
		return LINK_ETHERNET;
	magic = word_at(front, 0, false);
	swapped = magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS;
	if (!swapped || bswap_32(magic) == PCAP_MAGIC_US || bswap_32(magic) == PCAP_MAGIC_NS)
		return word_at(front, 20, swapped) & LINK_MASK;
	if (magic != PCAPNG_MAGIC)
		return LINK_ETHERNET;
	swapped = word_at(front, 8, false) != PCAPNG_ORDER;
	first = word_at(front, 4, swapped);
	if (first > len - 12 || word_at(front, first, swapped) != PCAPNG_PORT)
		return LINK_ETHERNET;
	return swapped ? word_at(front, first + 8, true) >> 16
		       : word_at(front, first + 8, false) & LINK_MASK;
}

/* The law reads Ethernet, and net_pcap hands over whatever it finds. */
static void check_link_type(
	const char *file, const struct pps_json_path *path, struct pps_errors *errors)
{
	uint8_t front[CAPTURE_FRONT];
	struct stat status;
	uint32_t type;
	FILE *stream;

	if (stat(file, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	stream = fopen(file, "rbe");
	if (stream == NULL)
		return;
	type = link_type(front, fread(front, 1, sizeof(front), stream));
	fclose(stream);
	if (type != LINK_ETHERNET)
		pps_json_error(errors, path,
			"rx_pcap: the frames of \"%s\" are not Ethernet (1), but of link type %u",
			file, type);
}

/* EAL goes on without a port whose file it cannot open; here the reason is still known. */
static void check_readable(
	const char *file, const struct pps_json_path *path, struct pps_errors *errors)
{
	if (access(file, R_OK) != 0)
		pps_json_error(
			errors, path, "rx_pcap: cannot read \"%s\": %s", file, strerror(errno));
	else
		check_link_type(file, path, errors);
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
