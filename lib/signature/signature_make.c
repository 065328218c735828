/* SPDX-License-Identifier: BSD-3-Clause */

/* Making a signature: what "openssl cms -sign -binary -outform DER" makes, too. */

#include <stdlib.h>
#include <time.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "signature_priv.h"

static EVP_PKEY *read_key(const struct pps_signature_maker *maker, struct pps_errors *errors)
{
	BIO *bio = read_file(maker->key, "", errors);
	EVP_PKEY *key;

	if (bio == NULL)
		return NULL;
	key = PEM_read_bio_PrivateKey(bio, NULL,
		maker->passphrase != NULL ? maker->passphrase : no_passphrase, maker->aux);
	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL)
		pps_errors_add(errors, "",
			"%s has no private key in it (PEM), or the passphrase is wrong",
			maker->key);
	return key;
}

/* The signer's certificate is taken out of the list. */
static bool read_certs(const struct pps_signature_maker *maker, X509 **ret_cert,
	STACK_OF(X509) * *ret_others, struct pps_errors *errors)
{
	STACK_OF(X509) * more;

	*ret_others = read_certificates(maker->cert, "", errors);
	if (*ret_others == NULL)
		return false;
	*ret_cert = sk_X509_shift(*ret_others);
	if (maker->chain == NULL)
		return true;
	more = read_certificates(maker->chain, "", errors);
	if (more == NULL)
		return false;
	while (sk_X509_num(more) > 0)
		sk_X509_push(*ret_others, sk_X509_shift(more));
	sk_X509_free(more);
	return true;
}

static bool check_signer(const struct pps_signature_maker *maker, X509 *cert, EVP_PKEY *key,
	struct pps_errors *errors)
{
	char *why = find_weakness(cert), time[PPS_TIME_TEXT_MAX];

	if (X509_check_private_key(cert, key) != 1)
		pps_errors_add(errors, "", "%s is not the key of the certificate in %s", maker->key,
			maker->cert);
	else if (why != NULL)
		pps_errors_add(errors, "", "%s: %s", maker->cert, why);
	else if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
		pps_errors_add(errors, "", "%s: the certificate expired at %s", maker->cert,
			asn1_time_text(X509_get0_notAfter(cert), time));
	else {
		free(why);
		return true;
	}
	free(why);
	ERR_clear_error();
	return false;
}

/* A key for RSA-PSS alone must be told so: openssl makes what does not verify otherwise. */
static bool add_signer(CMS_ContentInfo *cms, X509 *cert, EVP_PKEY *key, unsigned int flags)
{
	bool pss = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS;
	CMS_SignerInfo *info =
		CMS_add1_signer(cms, cert, key, EVP_sha256(), flags | (pss ? CMS_KEY_PARAM : 0));

	return info != NULL &&
		(!pss ||
			EVP_PKEY_CTX_set_rsa_padding(
				CMS_SignerInfo_get0_pkey_ctx(info), RSA_PKCS1_PSS_PADDING) > 0);
}

static bool sign(X509 *cert, EVP_PKEY *key, STACK_OF(X509) * others,
	const struct pps_policy_bundle *bundle, struct pps_str *ret)
{
	const unsigned int flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_NOSMIMECAP;
	struct pps_str content = PPS_STR_INIT;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, others, NULL, flags);
	unsigned char *der = NULL;
	BIO *bio;
	int n = -1;

	pps_policy_bundle_content(bundle, &content);
	bio = BIO_new_mem_buf(pps_str_text(&content), (int)content.len);
	if (cms != NULL && add_signer(cms, cert, key, flags) &&
		CMS_final(cms, bio, NULL, flags) == 1)
		n = i2d_CMS_ContentInfo(cms, &der);
	if (n > 0)
		pps_str_add_bytes(ret, der, (size_t)n);
	OPENSSL_free(der);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	pps_str_fini(&content);
	return n > 0;
}

bool pps_signature_make(const struct pps_signature_maker *maker,
	const struct pps_policy_bundle *bundle, struct pps_str *ret, char **ret_subject,
	struct pps_errors *errors)
{
	STACK_OF(X509) *others = NULL;
	X509 *cert = NULL;
	EVP_PKEY *key = NULL;
	bool good = false;

	ERR_clear_error();
	if (read_certs(maker, &cert, &others, errors))
		key = read_key(maker, errors);
	if (key != NULL && check_signer(maker, cert, key, errors)) {
		good = sign(cert, key, others, bundle, ret);
		if (!good)
			pps_errors_add(errors, "", "%s: no signature can be made with it: %s",
				maker->key, ERR_reason_error_string(ERR_peek_last_error()));
		else
			*ret_subject = name_text(X509_get_subject_name(cert));
	}
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(cert);
	sk_X509_pop_free(others, X509_free);
	return good;
}
