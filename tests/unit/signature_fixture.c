/* SPDX-License-Identifier: BSD-3-Clause */
#include "signature_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#define MADE_MAX 64
#define PATHS    64

static char folder[64];
static struct identity made[MADE_MAX];
static size_t n_made;
static long next_serial;

void fixture_begin(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test_signature.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	next_serial = 1;
}

void fixture_end(void)
{
	DIR *list = opendir(folder);
	struct dirent *item;

	while (list && (item = readdir(list))) {
		const char *path = fixture_path(item->d_name);

		if (unlink(path) != 0)
			rmdir(path);
	}
	if (list)
		closedir(list);
	rmdir(folder);
	while (n_made > 0) {
		n_made--;
		X509_free(made[n_made].cert);
		EVP_PKEY_free(made[n_made].key);
	}
}

const char *fixture_path(const char *name)
{
	static char paths[PATHS][512];
	static unsigned int next;
	char *path = paths[next++ % PATHS];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

void fixture_write(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(fixture_path(name), "wb");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

/* ---- certificates ---- */

static void add_extension(X509 *cert, const X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	if (!value)
		return;
	X509V3_set_ctx(&ctx, (X509 *)(uintptr_t)issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	CU_ASSERT_PTR_NOT_NULL_FATAL(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static void set_time(ASN1_TIME *time, long long seconds, long long otherwise)
{
	ASN1_TIME_set(time, (time_t)(seconds ? seconds : otherwise));
}

static EVP_PKEY *make_key(const char *algorithm)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *key = NULL;

	CU_ASSERT_FATAL(EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_generate(ctx, &key) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

struct identity fixture_make(const struct spec *spec)
{
	struct identity identity = {.cert = X509_new(), .key = spec->key};
	const struct identity *issuer = spec->issuer ? spec->issuer : &identity;
	X509_NAME *name = X509_get_subject_name(identity.cert);

	if (identity.key)
		EVP_PKEY_up_ref(identity.key);
	else if (spec->algorithm)
		identity.key = make_key(spec->algorithm);
	else
		identity.key = spec->rsa_bits ? EVP_RSA_gen((unsigned int)spec->rsa_bits)
					      : EVP_EC_gen("P-256");
	X509_set_version(identity.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(identity.cert), next_serial++);
	set_time(X509_getm_notBefore(identity.cert), spec->from, NOW - DAY);
	set_time(X509_getm_notAfter(identity.cert), spec->until, NOW + DAY);
	for (unsigned int i = 0; i < spec->n_units; i++)
		X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC,
			(const unsigned char *)"a department with a long name", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
		name, "O", MBSTRING_ASC, (const unsigned char *)"CMB", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)spec->name, -1, -1, 0);
	X509_set_issuer_name(identity.cert, X509_get_subject_name(issuer->cert));
	X509_set_pubkey(identity.cert, identity.key);
	add_extension(identity.cert, issuer->cert, NID_basic_constraints, spec->ca);
	add_extension(identity.cert, issuer->cert, NID_key_usage, spec->usage);
	add_extension(identity.cert, issuer->cert, NID_ext_key_usage, spec->extended);
	CU_ASSERT_FATAL(X509_sign(identity.cert, issuer->key,
				spec->digest ? spec->digest : EVP_sha256()) > 0);
	CU_ASSERT_FATAL(n_made < MADE_MAX);
	made[n_made++] = identity;
	return identity;
}

void fixture_write_certs(const char *name, size_t n, const struct identity *const *certs)
{
	BIO *bio = BIO_new_file(fixture_path(name), "w");

	for (size_t i = 0; i < n; i++)
		PEM_write_bio_X509(bio, certs[i]->cert);
	BIO_free(bio);
}

void fixture_write_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new_file(fixture_path(name), "w");

	PEM_write_bio_PrivateKey(bio, key, passphrase ? EVP_aes_256_cbc() : NULL, NULL, 0, NULL,
		(void *)(uintptr_t)passphrase);
	BIO_free(bio);
}

void fixture_write_crl(const char *name, bool append, const struct identity *issuer, long long at,
	size_t n, const struct identity *const *revoked)
{
	BIO *bio = BIO_new_file(fixture_path(name), append ? "a" : "w");
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *time = ASN1_TIME_new();

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert));
	ASN1_TIME_set(time, (time_t)(at - DAY));
	X509_CRL_set1_lastUpdate(crl, time);
	for (size_t i = 0; i < n; i++) {
		X509_REVOKED *entry = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked[i]->cert));
		X509_REVOKED_set_revocationDate(entry, time);
		X509_CRL_add0_revoked(crl, entry);
	}
	ASN1_TIME_set(time, (time_t)(at + DAY));
	X509_CRL_set1_nextUpdate(crl, time);
	X509_CRL_sort(crl);
	CU_ASSERT_FATAL(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
	PEM_write_bio_X509_CRL(bio, crl);
	BIO_free(bio);
	ASN1_TIME_free(time);
	X509_CRL_free(crl);
}

/* ---- signatures ---- */

void fixture_bundle(struct pps_policy_bundle *bundle)
{
	*bundle = (struct pps_policy_bundle){.text = pps_strdup(TEXT), .len = strlen(TEXT)};
}

void fixture_add(struct pps_policy_bundle *bundle, const char *name, const void *bytes, size_t len)
{
	struct pps_policy_part *part = pps_policy_bundle_add_signature(bundle, name);

	part->text = pps_alloc(len + 1);
	memcpy(part->text, bytes, len);
	part->len = len;
}

void fixture_sign(struct pps_policy_bundle *bundle, const char *name, const char *text,
	const struct identity *signer, const struct identity *other, const EVP_MD *digest,
	unsigned int flags)
{
	BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));
	STACK_OF(X509) *others = sk_X509_new_null();
	unsigned char *der = NULL;
	CMS_ContentInfo *cms;
	int n;

	if (other)
		sk_X509_push(others, other->cert);
	cms = CMS_sign(NULL, NULL, others, NULL, flags | CMS_BINARY | CMS_PARTIAL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(cms);
	CU_ASSERT_PTR_NOT_NULL_FATAL(CMS_add1_signer(cms, signer->cert, signer->key,
		digest ? digest : EVP_sha256(), flags | CMS_BINARY | CMS_PARTIAL));
	CU_ASSERT_EQUAL_FATAL(CMS_final(cms, bio, NULL, flags | CMS_BINARY), 1);
	n = i2d_CMS_ContentInfo(cms, &der);
	CU_ASSERT_FATAL(n > 0);
	fixture_add(bundle, name, der, (size_t)n);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	sk_X509_free(others);
	BIO_free(bio);
}
