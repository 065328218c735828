/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a signature: they are no signature, or one that a CA the input knows nothing of has
 * not certified. So nothing ever counts, and what is told of it can be told as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <pps_signature.h>

#define TEXT "{\"policy\": \"p\", \"revision\": 1}\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *sentence)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_signature: does not hold: %s\n", sentence);
	abort();
}

static char ca[] = "/tmp/fuzz_signature.XXXXXX";

/* A CA of this run alone. */
static void make_ca(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int fd = mkstemp(ca);
	FILE *file;

	check(fd >= 0 && key != NULL && cert != NULL, "a CA can be made");
	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -1);
	X509_gmtime_adj(X509_getm_notAfter(cert), 1000000);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"Fuzz", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	check(X509_sign(cert, key, EVP_sha256()) > 0, "a CA can be made");
	file = fdopen(fd, "w");
	PEM_write_X509(file, cert);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void remove_ca(void)
{
	unlink(ca);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pps_signature_rules rules = {.required = 1};
	struct pps_policy_bundle bundle = {.text = pps_strdup(TEXT), .len = strlen(TEXT)};
	struct pps_policy_part *part = pps_policy_bundle_add_signature(&bundle, "fuzz.p7s");
	struct pps_errors errors = {0};
	struct pps_signers signers;
	json_t *json;

	if (rules.ca == NULL) {
		make_ca();
		rules.ca = ca;
		atexit(remove_ca);
	}
	part->text = pps_alloc(size > 0 ? size : 1);
	memcpy(part->text, data, size);
	part->len = size;
	check(!pps_signature_check(&rules, &bundle, pps_time_wall_ns(), true, &signers, &errors),
		"nothing counts");
	check(signers.n_counted == 0 && signers.n > 0 && errors.n_total == signers.n + 1,
		"of each signature it is said why");
	json = pps_signers_json(&signers);
	check(json_array_size(json) == signers.n, "all are told");
	json_decref(json);
	pps_signers_fini(&signers);
	pps_errors_fini(&errors);
	pps_policy_bundle_fini(&bundle);
	return 0;
}
