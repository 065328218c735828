/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIGNATURE_FIXTURE_H
#define SIGNATURE_FIXTURE_H

/*
 * A CA, signers and signatures, made for a test: certificates with whatever is right or wrong with
 * them, in a folder of their own that fixture_end() removes. "Now" is NOW for all of them.
 */

#include <openssl/pem.h>

#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include <pps_signature.h>

#define NOW   1800000000ll /* seconds */
#define DAY   86400ll
#define TEXT  "{\"policy\": \"p\", \"revision\": 1}\n"
#define USAGE "1.3.6.1.4.1.99999.1"

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

/* What differs from a good signer. */
struct spec {
	const char *name; /* common name */
	const struct identity *issuer; /* NULL: itself */
	EVP_PKEY *key; /* NULL: a new one */
	long long from, until; /* 0: a day around NOW */
	const char *ca, *usage, *extended; /* extensions, as openssl.cnf has them; NULL: none */
	int rsa_bits; /* 0: P-256 */
	const char *algorithm; /* of the key instead, as EVP_PKEY_CTX_new_from_name() has it */
	const EVP_MD *digest; /* of the certificate's own signature; NULL: SHA-256 */
	unsigned int n_units; /* organizational units in its name */
};

void fixture_begin(void);
void fixture_end(void);
/* The path of a file in the folder; one of 64 rotating buffers. */
const char *fixture_path(const char *name);
void fixture_write(const char *name, const void *bytes, size_t len);

/* Freed by fixture_end(). */
struct identity fixture_make(const struct spec *spec);
/* Writes certificates, PEM. */
void fixture_write_certs(const char *name, size_t n, const struct identity *const *certs);
void fixture_write_key(const char *name, EVP_PKEY *key, const char *passphrase);
/* Writes a revocation list of 'issuer' with these serial numbers, valid for a day around 'at'. */
void fixture_write_crl(const char *name, bool append, const struct identity *issuer, long long at,
	size_t n, const struct identity *const *revoked);

/* A signature of 'text' with these flags of CMS_sign(); 'others' goes along. Adds it to the bundle.
 */
void fixture_sign(struct pps_policy_bundle *bundle, const char *name, const char *text,
	const struct identity *signer, const struct identity *other, const EVP_MD *digest,
	unsigned int flags);
/* A bundle of TEXT, and a signature as bytes of the test's own. */
void fixture_bundle(struct pps_policy_bundle *bundle);
void fixture_add(struct pps_policy_bundle *bundle, const char *name, const void *bytes, size_t len);

#endif
