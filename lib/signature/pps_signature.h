/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_SIGNATURE_H
#define PPS_SIGNATURE_H

/*
 * Signatures: a policy is taken only when enough people who may approve it have signed it.
 *
 * What is signed    The content of a policy (pps_policy_bundle_content()): its bytes, exactly.
 * Where its lists name files, the lines "DIGEST  NAME" of the policy and of each file instead, so
 * that a signature covers the lists, too. A line of digests is no policy and no policy is lines of
 *     digests: one cannot be passed off as the other. The SHA-256 of the content is the digest that
 *     status, events and history show.
 *
 * Signatures    CMS SignedData (RFC 5652), detached, DER or PEM, with signed attributes, as
 *     "openssl cms -sign -binary" makes them. They lie beside the policy: FILE.p7s and FILE.*.p7s.
 * A file holds one signature or several; each is judged by itself, and a bad one takes nothing from
 * a good one. There are bounds on the size of a file, on files, and on signatures.
 *
 * A signature counts when all of this holds:
 *     - its signed attributes are signed by the key of the certificate that goes with it, and say
 *       the digest of the content: SHA-256, SHA-384, SHA-512, or SHA-3 of these sizes;
 *     - a chain leads from the certificate to a self-signed one in the CA file, at most eight long,
 *       in which every key and every digest has 112 bits of security (RSA of 2048 bits, curves of
 *       224 bits, SHA-224) and every certificate is valid at the time asked for;
 *     - with a revocation list, no certificate of the chain is revoked, and for each issuer of the
 *       chain there is a list that is valid at that time;
 *     - its key is for RSA (PSS, too) or ECDSA;
 *     - its certificate's key usage, where it has one, permits signatures;
 *     - its certificate's subject is one of those listed, where any are, and it has the extended
 * key usage demanded, where one is ("any" usage is not that usage);
 *     - nobody with the same subject or with the same public key was counted before: who signs
 *       twice, with an old certificate and a new one say, is one signer.
 * Certificates between the signer's and the CA's may come in the signature or in the CA file.
 * Revocation lists in the signature are ignored, and so is the time its maker says.
 *
 * Why one does not count is said of each, with its file and its signer.
 *
 * CA file and revocation lists are read at every check: one that was renewed holds from then on.
 * PEM with any number of certificates or lists, or DER with one.
 *
 * Threads: no shared state. Nothing here asks for a passphrase, but pps_signature_make() through
 * the caller.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_base.h>
#include <pps_policy.h>

#define PPS_SIGNATURE_BYTES_MAX (64u << 10)
#define PPS_SIGNATURE_FILES_MAX 32u
#define PPS_SIGNERS_MAX         64u

/* Who may sign, and how many must. */
struct pps_signature_rules {
	char *ca; /* file */
	char *crl; /* file, or NULL */
	char **subjects; /* as pps_signer has them */
	size_t n_subjects; /* 0: any */
	char *usage; /* extended key usage, an OID or its name; or NULL: any */
	uint32_t required;
};

/* What became of one signature, or of a file that none could be read from. */
struct pps_signer {
	char *file;
	char *subject, *issuer; /* RFC 4514; NULL when it could not be read */
	char *serial; /* hex, or NULL */
	char fingerprint[PPS_DIGEST_TEXT]; /* SHA-256 of the certificate, or "" */
	char key[PPS_DIGEST_TEXT]; /* of its public key, or "" */
	char from[PPS_TIME_TEXT_MAX], until[PPS_TIME_TEXT_MAX]; /* validity, or "" */
	char *why; /* it does not count; NULL: it does */
};

struct pps_signers {
	struct pps_signer *items;
	size_t n, n_counted;
};

void pps_signers_fini(struct pps_signers *signers);

/* Reads the signature files beside 'path' into the bundle, in the order of their names; one that
 * cannot be read is there with its error. False and an error: too many, or an unreadable folder. */
bool pps_signature_read(
	const char *path, struct pps_policy_bundle *bundle, struct pps_errors *errors);

/*
 * Judges the bundle's signatures as of 'at_ns' (wall clock); without 'revocation' the revocation
 * list is left alone. True when enough count. Otherwise false and errors: first how many there are,
 * then why each of the others does not count, with its file as the path. 'ret' has them all in
 * either case, and is to be freed.
 */
bool pps_signature_check(const struct pps_signature_rules *rules,
	const struct pps_policy_bundle *bundle, uint64_t at_ns, bool revocation,
	struct pps_signers *ret, struct pps_errors *errors);

/* True when libcrypto knows this extended key usage, or it is an OID. */
bool pps_signature_usage_is_known(const char *usage);

/* What a signature is made with; files. */
struct pps_signature_maker {
	const char *cert; /* PEM or DER; the first is the signer's, the others go along */
	const char *key; /* PEM */
	const char *chain; /* more certificates to go along, or NULL */
	/* As PEM_read_bio_PrivateKey() has it: writes at most 'size' bytes, returns how many, or
	 * -1. */
	int (*passphrase)(char *text, int size, int write, void *aux);
	void *aux;
};

/* Makes a signature of the bundle's content: DER, which the caller frees. Sets *ret_subject, too.
 * False and errors; what would not count anywhere (an expired certificate, a weak key) is one. */
bool pps_signature_make(const struct pps_signature_maker *maker,
	const struct pps_policy_bundle *bundle, struct pps_str *ret, char **ret_subject,
	struct pps_errors *errors);

/* [{"file", "subject", "issuer", "serial", "fingerprint", "from", "until", "counts", "why"}] */
json_t *pps_signers_json(const struct pps_signers *signers);
/* {NAME: base64} of those that could be read, and back: the bounds hold. False and errors below
 * "signatures". */
json_t *pps_signature_files_json(const struct pps_policy_bundle *bundle);
bool pps_signature_files_read(
	const json_t *value, struct pps_policy_bundle *bundle, struct pps_errors *errors);

#endif
