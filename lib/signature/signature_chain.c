/* SPDX-License-Identifier: BSD-3-Clause */

/* From a signer's certificate to a CA that is trusted, or why not. */

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "signature_priv.h"

#define BETWEEN_MAX 6 /* certificates between the signer's and the CA's: a chain has eight */

static void add_certificates(X509_STORE *store, STACK_OF(X509) * list)
{
	for (int i = 0; i < sk_X509_num(list); i++)
		X509_STORE_add_cert(store, sk_X509_value(list, i));
	sk_X509_pop_free(list, X509_free);
}

static void add_lists(X509_STORE *store, STACK_OF(X509_CRL) * list)
{
	for (int i = 0; i < sk_X509_CRL_num(list); i++)
		X509_STORE_add_crl(store, sk_X509_CRL_value(list, i));
	sk_X509_CRL_pop_free(list, X509_CRL_free);
}

X509_STORE *read_trust(
	const struct pps_signature_rules *rules, bool revocation, struct pps_errors *errors)
{
	STACK_OF(X509) *certs = read_certificates(rules->ca, "signatures", errors);
	STACK_OF(X509_CRL) *lists = NULL;
	X509_STORE *store;

	if (certs == NULL)
		return NULL;
	revocation = revocation && rules->crl != NULL;
	if (revocation) {
		lists = read_lists(rules->crl, "signatures", errors);
		if (lists == NULL) {
			sk_X509_pop_free(certs, X509_free);
			return NULL;
		}
	}
	store = X509_STORE_new();
	add_certificates(store, certs);
	if (revocation) {
		add_lists(store, lists);
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	}
	return store;
}

/* "its certificate", or that of somebody above. */
static char *whose(X509_STORE_CTX *ctx, const X509 *cert)
{
	char *name, *text;

	if (X509_STORE_CTX_get_error_depth(ctx) == 0 || cert == NULL)
		return pps_strdup("its certificate");
	name = name_text(X509_get_subject_name(cert));
	text = pps_asprintf("the certificate of \"%s\" above it", name);
	free(name);
	return text;
}

static char *lists_reason(const struct pps_signature_rules *rules, const X509 *cert, int error)
{
	char *issuer = cert != NULL ? name_text(X509_get_issuer_name(cert)) : pps_strdup("?");
	const char *what = X509_verify_cert_error_string(error);
	char *text;

	if (error == X509_V_ERR_UNABLE_TO_GET_CRL)
		text = pps_asprintf("%s has no revocation list of \"%s\"", rules->crl, issuer);
	else
		text = pps_asprintf(
			"the revocation list of \"%s\" in %s: %s", issuer, rules->crl, what);
	free(issuer);
	return text;
}

static char *reason(const struct pps_signature_rules *rules, X509_STORE_CTX *ctx)
{
	const X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
	int error = X509_STORE_CTX_get_error(ctx);
	char *who = whose(ctx, cert), time[PPS_TIME_TEXT_MAX], *text;

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		text = pps_asprintf(
			"%s expired at %s", who, asn1_time_text(X509_get0_notAfter(cert), time));
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		text = pps_asprintf("%s is not valid before %s", who,
			asn1_time_text(X509_get0_notBefore(cert), time));
		break;
	case X509_V_ERR_CERT_REVOKED:
		text = pps_asprintf("%s is revoked", who);
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		text = pps_asprintf("no chain leads from %s to a CA of %s", who, rules->ca);
		break;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
		text = lists_reason(rules, cert, error);
		break;
	default:
		text = pps_asprintf("%s: %s", who, X509_verify_cert_error_string(error));
		break;
	}
	free(who);
	return text;
}

char *check_chain(const struct pps_signature_rules *rules, X509_STORE *trust, X509 *cert,
	STACK_OF(X509) * others, uint64_t at_ns)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	char *why = NULL;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, trust, cert, others) != 1) {
		X509_STORE_CTX_free(ctx);
		return pps_strdup("its chain cannot be checked");
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)(at_ns / PPS_NS_PER_SEC));
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(param, BETWEEN_MAX);
	if (X509_verify_cert(ctx) != 1)
		why = reason(rules, ctx);
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return why;
}
