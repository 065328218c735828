/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIGNATURE_PRIV_H
#define SIGNATURE_PRIV_H

/* Shared by the signature files: certificates as they are read and named, and their chains. */

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "pps_signature.h"

#define DER_SEQUENCE  0x30 /* what DER begins with, and PEM does not */
#define CERT_FILE_MAX (4u << 20)
/* 112 bits, as in NIST SP 800-57: RSA of 2048 bits, elliptic curves of 224. */
#define SECURITY_BITS  112
#define SECURITY_LEVEL 2

/* ---- signature_cert.c ---- */

/* For reading PEM: nothing is ever asked. */
int no_passphrase(char *text, int size, int write, void *aux);
/* The certificates of a file, NULL and an error with 'path' when it has none or is damaged. */
STACK_OF(X509) * read_certificates(const char *file, const char *path, struct pps_errors *errors);
STACK_OF(X509_CRL) * read_lists(const char *file, const char *path, struct pps_errors *errors);
/* A file's bytes in memory, at most CERT_FILE_MAX of them; NULL and an error. */
BIO *read_file(const char *file, const char *path, struct pps_errors *errors);
/* True at the end of what PEM_read_bio_...() could read, when nothing was damaged. */
bool is_end_of_pem(void);

/* "CN=...,O=..." (RFC 4514), in ASCII; the caller frees it. */
char *name_text(const X509_NAME *name);
const char *asn1_time_text(const ASN1_TIME *time, char out[PPS_TIME_TEXT_MAX]);
/* Fills in all that is read from a certificate. */
void describe(const X509 *cert, struct pps_signer *ret);
/* Why no signature by this certificate counts whoever asks: its key, its key usage. NULL: it may.
 */
char *find_weakness(X509 *cert);

/* ---- signature_chain.c ---- */

/* The CA file and the revocation lists. NULL and errors. */
X509_STORE *read_trust(
	const struct pps_signature_rules *rules, bool revocation, struct pps_errors *errors);
/* Why there is no good chain for the certificate; NULL: there is one. The caller frees it. */
char *check_chain(const struct pps_signature_rules *rules, X509_STORE *trust, X509 *cert,
	STACK_OF(X509) * others, uint64_t at_ns);

#endif
