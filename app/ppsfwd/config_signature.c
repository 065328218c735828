/* SPDX-License-Identifier: BSD-3-Clause */

/* Who must have signed a policy: the object "signatures" of the configuration. */

#include <stdlib.h>
#include <string.h>

#include "config_priv.h"

#define SUBJECTS_MAX 64

static void read_required(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	config_read_range(value, path, target, 1, PPS_SIGNATURE_FILES_MAX, errors);
}

static void read_usage(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	const char *text = json_string_value(value);

	(void)aux;
	if (!config_check_text(value, path, errors))
		return;
	if (!pps_signature_usage_is_known(text))
		pps_json_error(errors, path,
			"%s is neither an OID (1.3.6.1...) nor the name of one (codeSigning)",
			pps_json_quote(value));
	config_set_string(target, pps_strdup(text));
}

static void read_subjects(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	struct pps_signature_rules *rules = target;
	struct pps_json_path place = {.parent = path};
	size_t n = json_array_size(value);

	(void)aux;
	if (!json_is_array(value) || n < 1 || n > SUBJECTS_MAX) {
		pps_json_error(errors, path, "%s is not a list of 1 to %d subjects",
			pps_json_quote(value), SUBJECTS_MAX);
		return;
	}
	rules->subjects = pps_alloc(n * sizeof(rules->subjects[0]));
	for (place.index = 0; place.index < n; place.index++) {
		const json_t *item = json_array_get(value, place.index);

		if (config_check_text(item, &place, errors))
			rules->subjects[rules->n_subjects++] = pps_strdup(json_string_value(item));
	}
}

const struct pps_json_field config_signature_fields[CONFIG_SIGNATURE_FIELDS] = {
	{"ca", config_read_path, offsetof(struct pps_signature_rules, ca), true, NULL,
		"file of the self-signed certificates that signers' certificates lead to"},
	{"crl", config_read_path, offsetof(struct pps_signature_rules, crl), false, NULL,
		"file of the revocation lists of all issuers"},
	{"subjects", read_subjects, 0, false, NULL,
		"who may sign: subjects of certificates as RFC 4514 writes them"},
	{"extended_key_usage", read_usage, offsetof(struct pps_signature_rules, usage), false, NULL,
		"what a signer's certificate must be for: an OID or its name"},
	{"signatures_required", read_required, offsetof(struct pps_signature_rules, required), true,
		NULL, "how many different signers a policy needs (1-32)"},
};

/* How many of the subjects differ: so many can sign at most. */
static size_t count_subjects(const struct pps_signature_rules *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n_subjects; i++) {
		size_t k = 0;

		while (strcmp(rules->subjects[k], rules->subjects[i]) != 0)
			k++;
		n += k == i;
	}
	return n;
}

void config_read_signatures(const json_t *value, const struct pps_json_path *path, void *config,
	void *aux, struct pps_errors *errors)
{
	struct pps_signature_rules *rules = &((struct config *)config)->signatures;

	if (!pps_json_read_object(value, path, config_signature_fields, CONFIG_SIGNATURE_FIELDS,
		    rules, aux, errors))
		return;
	if (rules->n_subjects == 0 && rules->usage == NULL)
		pps_json_error(errors, path,
			"it needs \"subjects\" or \"extended_key_usage\", because whoever has a "
			"certificate of the CA could sign");
	else if (rules->n_subjects > 0 && count_subjects(rules) < rules->required)
		pps_json_error(errors, path,
			"%u signatures are required, and only %zu different subjects may sign",
			rules->required, count_subjects(rules));
}

void config_free_signatures(struct config *config)
{
	struct pps_signature_rules *rules = &config->signatures;

	free(rules->ca);
	free(rules->crl);
	free(rules->usage);
	config_free_list(rules->subjects, rules->n_subjects);
}

json_t *config_print_signatures(const struct config *config)
{
	const struct pps_signature_rules *rules = &config->signatures;
	json_t *object;

	if (rules->required == 0)
		return NULL;
	object = json_pack("{s:s, s:s*, s:s*, s:I}", "ca", rules->ca, "crl", rules->crl,
		"extended_key_usage", rules->usage, "signatures_required",
		(json_int_t)rules->required);
	if (rules->n_subjects > 0) {
		json_t *list = json_array();

		for (size_t i = 0; i < rules->n_subjects; i++)
			json_array_append_new(list, json_string(rules->subjects[i]));
		json_object_set_new(object, "subjects", list);
	}
	return object;
}
