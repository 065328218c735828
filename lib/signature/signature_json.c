/* SPDX-License-Identifier: BSD-3-Clause */

/* Signers and signature files as JSON: for answers and events, and over the control socket. */

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <pps_json.h>

#include "pps_signature.h"

static json_t *text_or_null(const char *text)
{
	return text != NULL && *text != '\0' ? pps_json_text(text) : json_null();
}

json_t *pps_signers_json(const struct pps_signers *signers)
{
	json_t *list = json_array();

	for (size_t i = 0; i < signers->n; i++) {
		const struct pps_signer *signer = &signers->items[i];

		json_array_append_new(list,
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "file",
				pps_json_text(signer->file), "subject",
				text_or_null(signer->subject), "issuer",
				text_or_null(signer->issuer), "serial",
				text_or_null(signer->serial), "fingerprint",
				text_or_null(signer->fingerprint), "from",
				text_or_null(signer->from), "until", text_or_null(signer->until),
				"counts", signer->why == NULL, "why", text_or_null(signer->why)));
	}
	return list;
}

/* ---- files ---- */

/* Base64; the caller frees it. */
static char *encode(const struct pps_policy_part *part)
{
	char *text = pps_alloc(4 * ((part->len + 2) / 3) + 1);

	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)part->text, (int)part->len);
	return text;
}

json_t *pps_signature_files_json(const struct pps_policy_bundle *bundle)
{
	json_t *files = json_object();

	for (size_t i = 0; i < bundle->n_signatures; i++) {
		const struct pps_policy_part *part = &bundle->signatures[i];
		char *text;

		if (part->error < 0)
			continue;
		text = encode(part);
		json_object_set_new(files, part->name, json_string(text));
		free(text);
	}
	return files;
}

/* Only what encode() would have written. */
static bool decode(const char *text, size_t len, struct pps_policy_part *ret)
{
	size_t padding = 0;
	char *again;
	bool same;

	if (len % 4 != 0)
		return false;
	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	ret->text = pps_alloc(len / 4 * 3 + 1);
	if (EVP_DecodeBlock((unsigned char *)ret->text, (const unsigned char *)text, (int)len) < 0)
		return false;
	ret->len = len / 4 * 3 - padding;
	again = encode(ret);
	same = strcmp(again, text) == 0;
	free(again);
	return same;
}

bool pps_signature_files_read(
	const json_t *value, struct pps_policy_bundle *bundle, struct pps_errors *errors)
{
	const struct pps_json_path top = {.key = "signatures"};
	const size_t len_max = 4 * ((PPS_SIGNATURE_BYTES_MAX + 2) / 3);
	size_t n_before = errors->n_total;
	const char *name;
	json_t *item;

	if (!json_is_object(value) || json_object_size(value) > PPS_SIGNATURE_FILES_MAX) {
		pps_json_error(errors, &top, "%s is not an object with at most %u files",
			pps_json_quote(value), PPS_SIGNATURE_FILES_MAX);
		return false;
	}
	json_object_foreach((json_t *)(uintptr_t)value, name, item)
	{
		const struct pps_json_path path = {.parent = &top, .key = name};

		if (json_is_string(item) && json_string_length(item) > len_max)
			pps_json_error(errors, &path, "it has more than %u bytes",
				PPS_SIGNATURE_BYTES_MAX);
		else if (!json_is_string(item) ||
			!decode(json_string_value(item), json_string_length(item),
				pps_policy_bundle_add_signature(bundle, name)))
			pps_json_error(errors, &path, "%s is not base64", pps_json_quote(item));
	}
	return errors->n_total == n_before;
}
