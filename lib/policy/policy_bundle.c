/* SPDX-License-Identifier: BSD-3-Clause */

/* What a policy is made of: its own bytes, and those of the files it names (pps_policy.h). */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "policy_priv.h"

#define MARK "file:"

const char *file_name_of(const char *text)
{
	return strncmp(text, MARK, sizeof(MARK) - 1) == 0 ? text + sizeof(MARK) - 1 : NULL;
}

/* No way out of the policy's folder, and nothing that could steer a terminal. */
bool file_name_is_good(const char *name)
{
	size_t n = strlen(name);
	const char *part = name;

	if (n == 0 || n > FILE_NAME_MAX)
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~')
			return false;
	}
	while (part != NULL) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len <= 2 && strspn(part, ".") >= len))
			return false;
		part = part[len] == '/' ? part + len + 1 : NULL;
	}
	return true;
}

const struct pps_policy_part *bundle_find(const struct pps_policy_bundle *bundle, const char *name)
{
	for (size_t i = 0; i < bundle->n_files; i++) {
		if (strcmp(bundle->files[i].name, name) == 0)
			return &bundle->files[i];
	}
	return NULL;
}

static void free_parts(struct pps_policy_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(parts[i].name);
		free(parts[i].text);
	}
	free(parts);
}

void pps_policy_bundle_fini(struct pps_policy_bundle *bundle)
{
	free_parts(bundle->files, bundle->n_files);
	free_parts(bundle->signatures, bundle->n_signatures);
	free(bundle->text);
	*bundle = (struct pps_policy_bundle){0};
}

static struct pps_policy_part *add_part(struct pps_policy_part **parts, size_t *n, const char *name)
{
	struct pps_policy_part *part;

	*parts = pps_realloc(*parts, (*n + 1) * sizeof(**parts));
	part = &(*parts)[(*n)++];
	*part = (struct pps_policy_part){.name = pps_strdup(name)};
	return part;
}

struct pps_policy_part *pps_policy_bundle_add(struct pps_policy_bundle *bundle, const char *name)
{
	return add_part(&bundle->files, &bundle->n_files, name);
}

struct pps_policy_part *pps_policy_bundle_add_signature(
	struct pps_policy_bundle *bundle, const char *name)
{
	return add_part(&bundle->signatures, &bundle->n_signatures, name);
}

/* ---- reading ---- */

static void read_part(
	struct pps_policy_bundle *bundle, const char *folder, const char *name, size_t *room)
{
	struct pps_policy_part *part = pps_policy_bundle_add(bundle, name);
	char *path = pps_asprintf("%s%s", folder, name);

	part->error = pps_file_read(path, *room, &part->text, &part->len);
	if (part->error == 0)
		*room -= part->len;
	free(path);
}

/* Those of one list; what is wrong about a name is the parser's to say. */
static void read_parts(
	struct pps_policy_bundle *bundle, const char *folder, const json_t *list, size_t *room)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		const char *name = text != NULL ? file_name_of(text) : NULL;

		if (name != NULL && file_name_is_good(name) && bundle_find(bundle, name) == NULL &&
			bundle->n_files < PPS_POLICY_FILES_MAX)
			read_part(bundle, folder, name, room);
	}
}

bool pps_policy_bundle_read(
	const char *path, struct pps_policy_bundle *ret, struct pps_errors *errors)
{
	const char *slash = strrchr(path, '/');
	size_t room = PPS_POLICY_BYTES_MAX;
	json_t *root, *sources;
	char *folder;
	int error;

	*ret = (struct pps_policy_bundle){0};
	error = pps_file_read(path, room, &ret->text, &ret->len);
	if (error == -EFBIG)
		pps_errors_add(errors, "", "it has more than %u bytes", PPS_POLICY_BYTES_MAX);
	else if (error < 0)
		pps_errors_add(errors, "", "cannot read it: %s", pps_file_error(error));
	if (error < 0)
		return false;
	room -= ret->len;
	/* Most policies name no file and are parsed but once. */
	if (memmem(ret->text, ret->len, MARK, sizeof(MARK) - 1) == NULL)
		return true;
	root = json_loadb(ret->text, ret->len, JSON_REJECT_DUPLICATES, NULL);
	sources = json_object_get(root, "sources");
	folder = pps_asprintf("%.*s", slash != NULL ? (int)(slash + 1 - path) : 0, path);
	read_parts(ret, folder, json_object_get(sources, "block"), &room);
	read_parts(ret, folder, json_object_get(sources, "allow"), &room);
	free(folder);
	json_decref(root);
	return true;
}

/* ---- digests ---- */

void write_digest(const char *text, size_t len, char digest[PPS_DIGEST_TEXT])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_Digest(text, len, bytes, &n, EVP_sha256(), NULL) != 1 || n != 32) {
		/* A policy without its digest must not run: fail closed. */
		pps_log(PPS_LOG_ERROR, "libcrypto cannot make SHA-256 digests");
		abort();
	}
	for (unsigned int i = 0; i < n; i++)
		snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
}

void pps_policy_bundle_content(const struct pps_policy_bundle *bundle, struct pps_str *out)
{
	char digest[PPS_DIGEST_TEXT];

	if (bundle->n_files == 0) {
		pps_str_add_bytes(out, bundle->text, bundle->len);
		return;
	}
	write_digest(bundle->text, bundle->len, digest);
	pps_str_addf(out, "%s  policy\n", digest);
	for (size_t i = 0; i < bundle->n_files; i++) {
		const struct pps_policy_part *part = &bundle->files[i];

		write_digest(part->text != NULL ? part->text : "", part->len, digest);
		pps_str_addf(out, "%s  %s\n", digest, part->name);
	}
}

void pps_policy_bundle_digest(const struct pps_policy_bundle *bundle, char ret[PPS_DIGEST_TEXT])
{
	struct pps_str lines = PPS_STR_INIT;

	if (bundle->n_files == 0) {
		write_digest(bundle->text, bundle->len, ret);
		return;
	}
	pps_policy_bundle_content(bundle, &lines);
	write_digest(lines.text, lines.len, ret);
	pps_str_fini(&lines);
}

void write_digests(struct pps_policy *policy, const struct pps_policy_bundle *bundle)
{
	struct pps_str lines = PPS_STR_INIT;

	write_digest(bundle->text, bundle->len, policy->text_digest);
	pps_str_addf(&lines, "%s  policy\n", policy->text_digest);
	for (size_t i = 0; i < policy->n_files; i++)
		pps_str_addf(&lines, "%s  %s\n", policy->files[i].digest, policy->files[i].name);
	if (policy->n_files > 0)
		write_digest(lines.text, lines.len, policy->digest);
	else
		memcpy(policy->digest, policy->text_digest, sizeof(policy->digest));
	pps_str_fini(&lines);
}
