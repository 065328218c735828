/* SPDX-License-Identifier: BSD-3-Clause */

/* Certificates: reading them from files, and what is told of them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "signature_priv.h"

int no_passphrase(char *text, int size, int write, void *aux)
{
	(void)text;
	(void)size;
	(void)write;
	(void)aux;
	return -1;
}

bool is_end_of_pem(void)
{
	unsigned long error = ERR_peek_last_error();

	ERR_clear_error();
	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* ---- files ---- */

BIO *read_file(const char *file, const char *path, struct pps_errors *errors)
{
	char *text;
	size_t len;
	int ret = pps_file_read(file, CERT_FILE_MAX, &text, &len);
	BIO *bio;

	if (ret == -EFBIG)
		pps_errors_add(errors, path, "%s has more than %u bytes", file, CERT_FILE_MAX);
	else if (ret < 0)
		pps_errors_add(errors, path, "cannot read %s: %s", file, pps_file_error(ret));
	if (ret < 0)
		return NULL;
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL || (len > 0 && BIO_write(bio, text, (int)len) != (int)len)) {
		pps_log(PPS_LOG_ERROR, "out of memory");
		abort();
	}
	free(text);
	return bio;
}

static bool is_der(BIO *bio)
{
	char *bytes = NULL;

	return BIO_get_mem_data(bio, &bytes) > 0 && bytes[0] == DER_SEQUENCE;
}

STACK_OF(X509) * read_certificates(const char *file, const char *path, struct pps_errors *errors)
{
	BIO *bio = read_file(file, path, errors);
	STACK_OF(X509) * list;
	X509 *cert;
	bool good;

	if (bio == NULL)
		return NULL;
	list = sk_X509_new_null();
	if (is_der(bio)) {
		cert = d2i_X509_bio(bio, NULL);
		good = cert != NULL && sk_X509_push(list, cert) > 0;
		ERR_clear_error();
	} else {
		while ((cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
			sk_X509_push(list, cert);
		good = is_end_of_pem();
	}
	BIO_free(bio);
	if (good && sk_X509_num(list) > 0)
		return list;
	pps_errors_add(errors, path,
		good ? "%s has no certificate in it (PEM, or one in DER)" : "%s is damaged", file);
	sk_X509_pop_free(list, X509_free);
	return NULL;
}

STACK_OF(X509_CRL) * read_lists(const char *file, const char *path, struct pps_errors *errors)
{
	BIO *bio = read_file(file, path, errors);
	STACK_OF(X509_CRL) * list;
	X509_CRL *crl;
	bool good;

	if (bio == NULL)
		return NULL;
	list = sk_X509_CRL_new_null();
	if (is_der(bio)) {
		crl = d2i_X509_CRL_bio(bio, NULL);
		good = crl != NULL && sk_X509_CRL_push(list, crl) > 0;
		ERR_clear_error();
	} else {
		while ((crl = PEM_read_bio_X509_CRL(bio, NULL, no_passphrase, NULL)) != NULL)
			sk_X509_CRL_push(list, crl);
		good = is_end_of_pem();
	}
	BIO_free(bio);
	if (good && sk_X509_CRL_num(list) > 0)
		return list;
	pps_errors_add(errors, path,
		good ? "%s has no revocation list in it (PEM, or one in DER)" : "%s is damaged",
		file);
	sk_X509_CRL_pop_free(list, X509_CRL_free);
	return NULL;
}

/* ---- what is told of them ---- */

static char *take_text(BIO *bio)
{
	char *bytes = NULL, *text;
	long len = BIO_get_mem_data(bio, &bytes);

	text = pps_asprintf("%.*s", (int)len, len > 0 ? bytes : "");
	BIO_free(bio);
	return text;
}

char *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());

	X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
	return take_text(bio);
}

const char *asn1_time_text(const ASN1_TIME *time, char out[PPS_TIME_TEXT_MAX])
{
	struct tm tm;

	out[0] = '\0';
	if (time != NULL && ASN1_TIME_to_tm(time, &tm) == 1)
		strftime(out, PPS_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

static char *number_text(const ASN1_INTEGER *number)
{
	BIGNUM *big = ASN1_INTEGER_to_BN(number, NULL);
	char *hex = big != NULL ? BN_bn2hex(big) : NULL;
	char *text = pps_strdup(hex != NULL ? hex : "");

	OPENSSL_free(hex);
	BN_free(big);
	return text;
}

static void write_hex(const unsigned char *bytes, unsigned int n, char out[PPS_DIGEST_TEXT])
{
	out[0] = '\0';
	for (unsigned int i = 0; i < n && i < PPS_DIGEST_TEXT / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void describe(const X509 *cert, struct pps_signer *ret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	ret->subject = name_text(X509_get_subject_name(cert));
	ret->issuer = name_text(X509_get_issuer_name(cert));
	ret->serial = number_text(X509_get0_serialNumber(cert));
	asn1_time_text(X509_get0_notBefore(cert), ret->from);
	asn1_time_text(X509_get0_notAfter(cert), ret->until);
	if (X509_digest(cert, EVP_sha256(), digest, &n) == 1)
		write_hex(digest, n, ret->fingerprint);
	n = 0;
	if (X509_pubkey_digest(cert, EVP_sha256(), digest, &n) == 1)
		write_hex(digest, n, ret->key);
}

static bool is_supported(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
	case EVP_PKEY_EC:
		return true;
	default:
		return false;
	}
}

char *find_weakness(X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);

	if (key == NULL || !is_supported(key))
		return pps_strdup("its key is neither of RSA nor of an elliptic curve with "
				  "ECDSA");
	if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS)
		return pps_asprintf("its key of %d bits is too weak (RSA has 2048 at least, "
				    "elliptic curves 224)",
			EVP_PKEY_get_bits(key));
	if ((X509_get_key_usage(cert) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0)
		return pps_strdup("the key usage of its certificate does not permit signatures");
	return NULL;
}
