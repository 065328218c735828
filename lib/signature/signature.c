/* SPDX-License-Identifier: BSD-3-Clause */

/* Which signatures count, and why the others do not. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include <openssl/cms.h> /* behind pem.h: it has more then */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "signature_priv.h"

#define SUFFIX         ".p7s"
#define NAME_LEN_MAX   1024 /* of a subject: what is told of one must stay readable */
#define SERIAL_LEN_MAX 40 /* RFC 5280: 20 octets */

/* The digests that are taken. */
static const int digest_nids[] = {
	NID_sha256, NID_sha384, NID_sha512, NID_sha3_256, NID_sha3_384, NID_sha3_512};
#define N_DIGESTS (sizeof(digest_nids) / sizeof(digest_nids[0]))

/* One check under way. */
struct check {
	const struct pps_signature_rules *rules;
	X509_STORE *trust;
	uint64_t at_ns;
	struct pps_str content;
	struct {
		unsigned char bytes[EVP_MAX_MD_SIZE];
		unsigned int n; /* 0: not made yet */
	} digests[N_DIGESTS];
	struct pps_signers *signers;
};

void pps_signers_fini(struct pps_signers *signers)
{
	for (size_t i = 0; i < signers->n; i++) {
		free(signers->items[i].file);
		free(signers->items[i].subject);
		free(signers->items[i].issuer);
		free(signers->items[i].serial);
		free(signers->items[i].why);
	}
	free(signers->items);
	*signers = (struct pps_signers){0};
}

static struct pps_signer *add_signer(struct pps_signers *signers, const char *file)
{
	struct pps_signer *signer;

	signers->items = pps_realloc(signers->items, (signers->n + 1) * sizeof(signers->items[0]));
	signer = &signers->items[signers->n++];
	*signer = (struct pps_signer){.file = pps_strdup(file)};
	return signer;
}

/* ---- files ---- */

static bool is_signature_of(const char *name, const char *base)
{
	size_t n = strlen(base), len = strlen(name);

	return len >= n + strlen(SUFFIX) && strncmp(name, base, n) == 0 && name[n] == '.' &&
		strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static void read_one(struct pps_policy_bundle *bundle, const char *folder, const char *name)
{
	struct pps_policy_part *part = pps_policy_bundle_add_signature(bundle, name);
	char *path = pps_asprintf("%s%s", folder, name);

	part->error = pps_file_read(path, PPS_SIGNATURE_BYTES_MAX, &part->text, &part->len);
	free(path);
}

static void read_all(struct pps_policy_bundle *bundle, const char *folder, const char *base,
	struct dirent **items, int n, struct pps_errors *errors)
{
	unsigned int n_found = 0;

	for (int i = 0; i < n; i++) {
		if (is_signature_of(items[i]->d_name, base) && n_found++ < PPS_SIGNATURE_FILES_MAX)
			read_one(bundle, folder, items[i]->d_name);
	}
	if (n_found > PPS_SIGNATURE_FILES_MAX)
		pps_errors_add(errors, "signatures",
			"there are %u files %s.*" SUFFIX ", and %u are the most", n_found, base,
			PPS_SIGNATURE_FILES_MAX);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

bool pps_signature_read(
	const char *path, struct pps_policy_bundle *bundle, struct pps_errors *errors)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *folder = pps_asprintf("%.*s", (int)(base - path), path);
	size_t n_before = errors->n_total;
	struct dirent **items;
	int n = scandir(*folder != '\0' ? folder : ".", &items, NULL, by_name);

	if (n < 0) {
		pps_errors_add(errors, "signatures", "cannot look for %s.*" SUFFIX ": %s", path,
			strerror(errno));
	} else {
		read_all(bundle, folder, base, items, n, errors);
		for (int i = 0; i < n; i++)
			free(items[i]);
		free(items);
	}
	free(folder);
	return errors->n_total == n_before;
}

/* ---- one signature ---- */

static const unsigned char *content_digest(struct check *check, int nid, unsigned int *ret_n)
{
	unsigned int i = 0;

	while (i < N_DIGESTS && digest_nids[i] != nid)
		i++;
	if (i == N_DIGESTS)
		return NULL;
	if (check->digests[i].n == 0 &&
		EVP_Digest(pps_str_text(&check->content), check->content.len,
			check->digests[i].bytes, &check->digests[i].n, EVP_get_digestbynid(nid),
			NULL) != 1)
		return NULL;
	*ret_n = check->digests[i].n;
	return check->digests[i].bytes;
}

/* Are these bytes signed, by the key of the certificate? */
static char *find_forgery(struct check *check, CMS_SignerInfo *info)
{
	ASN1_OBJECT *wanted = OBJ_nid2obj(NID_pkcs9_messageDigest);
	const ASN1_OBJECT *algorithm;
	const ASN1_OCTET_STRING *said;
	const unsigned char *digest;
	X509_ALGOR *digest_alg;
	unsigned int n = 0;
	int nid;

	CMS_SignerInfo_get0_algs(info, NULL, NULL, &digest_alg, NULL);
	X509_ALGOR_get0(&algorithm, NULL, NULL, digest_alg);
	nid = OBJ_obj2nid(algorithm);
	digest = content_digest(check, nid, &n);
	if (digest == NULL)
		return pps_asprintf("its digest, %s, is not taken (SHA-256, SHA-384, SHA-512 and "
				    "SHA-3 are)",
			nid == NID_undef ? "an unknown one" : OBJ_nid2ln(nid));
	if (CMS_signed_get_attr_count(info) < 1)
		return pps_strdup("it has no signed attributes (was it made with -noattr?)");
	if (CMS_SignerInfo_verify(info) != 1)
		return pps_strdup("it was not made with the key of its certificate, or was "
				  "changed since");
	said = CMS_signed_get0_data_by_OBJ(info, wanted, -3, V_ASN1_OCTET_STRING);
	if (said == NULL || ASN1_STRING_length(said) != (int)n ||
		memcmp(ASN1_STRING_get0_data(said), digest, n) != 0)
		return pps_strdup("it is a signature of something else: these bytes were changed "
				  "since, or it was made without -binary");
	return NULL;
}

static bool is_listed(const struct pps_signature_rules *rules, const char *subject)
{
	for (size_t i = 0; i < rules->n_subjects; i++) {
		if (strcmp(rules->subjects[i], subject) == 0)
			return true;
	}
	return rules->n_subjects == 0;
}

static bool has_usage(const X509 *cert, const char *usage)
{
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	ASN1_OBJECT *wanted = OBJ_txt2obj(usage, 0);
	bool found = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++)
		found = found || OBJ_cmp(sk_ASN1_OBJECT_value(list, i), wanted) == 0;
	ASN1_OBJECT_free(wanted);
	EXTENDED_KEY_USAGE_free(list);
	return found;
}

/* May this signer sign at all? */
static char *find_stranger(
	struct check *check, X509 *cert, STACK_OF(X509) * others, const struct pps_signer *signer)
{
	const struct pps_signature_rules *rules = check->rules;
	char *why = find_weakness(cert);

	if (why == NULL)
		why = check_chain(rules, check->trust, cert, others, check->at_ns);
	if (why != NULL)
		return why;
	if (!is_listed(rules, signer->subject))
		return pps_strdup("its subject is not one of those that may sign");
	if (rules->usage != NULL && !has_usage(cert, rules->usage))
		return pps_asprintf(
			"its certificate has no extended key usage \"%s\"", rules->usage);
	return NULL;
}

/* Somebody who was counted already? */
static char *find_twin(const struct pps_signers *signers, const struct pps_signer *signer)
{
	for (const struct pps_signer *other = signers->items; other < signer; other++) {
		if (other->why != NULL)
			continue;
		if (strcmp(other->subject, signer->subject) == 0)
			return pps_asprintf("the same signer is counted once, for %s", other->file);
		if (strcmp(other->key, signer->key) == 0)
			return pps_asprintf("its key is that of \"%s\", counted for %s",
				other->subject, other->file);
	}
	return NULL;
}

/* Cuts what is longer than anybody writes it. True when it did. */
static bool cut(char *text, size_t most)
{
	bool longer = strlen(text) > most;

	if (longer)
		text[most] = '\0';
	return longer;
}

static char *find_excess(struct pps_signer *signer)
{
	bool subject = cut(signer->subject, NAME_LEN_MAX);
	bool issuer = cut(signer->issuer, NAME_LEN_MAX);
	bool serial = cut(signer->serial, SERIAL_LEN_MAX);

	return subject || issuer || serial
		? pps_strdup("a name or the serial number in its certificate is too long")
		: NULL;
}

static void judge(
	struct check *check, CMS_SignerInfo *info, STACK_OF(X509) * others, const char *file)
{
	struct pps_signer *signer = add_signer(check->signers, file);
	X509 *cert = NULL;

	CMS_SignerInfo_get0_algs(info, NULL, &cert, NULL, NULL);
	if (cert == NULL) {
		signer->why = pps_strdup("the certificate of its signer is not in it");
		return;
	}
	describe(cert, signer);
	signer->why = find_excess(signer);
	if (signer->why == NULL)
		signer->why = find_forgery(check, info);
	if (signer->why == NULL)
		signer->why = find_stranger(check, cert, others, signer);
	if (signer->why == NULL)
		signer->why = find_twin(check->signers, signer);
	if (signer->why == NULL)
		check->signers->n_counted++;
}

/* ---- one file ---- */

/* One, and nothing that looks like another behind it. */
static CMS_ContentInfo *parse_pem(const struct pps_policy_part *part)
{
	BIO *bio = BIO_new_mem_buf(part->text, (int)part->len);
	CMS_ContentInfo *cms = PEM_read_bio_CMS(bio, NULL, no_passphrase, NULL), *more = NULL;

	if (cms != NULL)
		more = PEM_read_bio_CMS(bio, NULL, no_passphrase, NULL);
	if (cms != NULL && (more != NULL || !is_end_of_pem())) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	CMS_ContentInfo_free(more);
	BIO_free(bio);
	return cms;
}

/* DER must be there to the last byte. */
static CMS_ContentInfo *parse_der(const struct pps_policy_part *part)
{
	const unsigned char *at = (const unsigned char *)part->text;
	const unsigned char *end = at + part->len;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)part->len);

	if (cms == NULL || at == end)
		return cms;
	CMS_ContentInfo_free(cms);
	return NULL;
}

/* What is wrong with the file as a whole; NULL: its signatures are in *ret. */
static char *open_file(const struct pps_policy_part *part, CMS_ContentInfo **ret)
{
	CMS_ContentInfo *cms;

	if (part->error == -EFBIG || part->len > PPS_SIGNATURE_BYTES_MAX)
		return pps_asprintf("it has more than %u bytes", PPS_SIGNATURE_BYTES_MAX);
	if (part->error < 0)
		return pps_asprintf("cannot read it: %s", pps_file_error(part->error));
	if (part->len == 0)
		return pps_strdup("it is empty");
	cms = part->text[0] == DER_SEQUENCE ? parse_der(part) : parse_pem(part);
	if (cms == NULL || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		CMS_ContentInfo_free(cms);
		return pps_strdup("it is not a CMS signature in DER or PEM, or it is damaged");
	}
	*ret = cms;
	if (CMS_is_detached(cms) != 1)
		return pps_strdup("it carries content of its own; only detached signatures are "
				  "taken");
	if (sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) < 1)
		return pps_strdup("nobody has signed it");
	return NULL;
}

/* False when there are too many. */
static bool judge_file(struct check *check, const struct pps_policy_part *part)
{
	CMS_ContentInfo *cms = NULL;
	char *why = open_file(part, &cms);
	STACK_OF(CMS_SignerInfo) * infos;
	STACK_OF(X509) * others;
	size_t n, room = 0;

	if (why != NULL) {
		CMS_ContentInfo_free(cms);
		ERR_clear_error();
		add_signer(check->signers, part->name)->why = why;
		return true;
	}
	infos = CMS_get0_SignerInfos(cms);
	n = (size_t)sk_CMS_SignerInfo_num(infos);
	others = CMS_get1_certs(cms);
	CMS_set1_signers_certs(cms, NULL, 0);
	if (check->signers->n < PPS_SIGNERS_MAX)
		room = PPS_SIGNERS_MAX - check->signers->n;
	for (size_t i = 0; i < n && i < room; i++)
		judge(check, sk_CMS_SignerInfo_value(infos, (int)i), others, part->name);
	sk_X509_pop_free(others, X509_free);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return n <= room;
}

/* ---- all of them ---- */

static void say(const struct check *check, struct pps_errors *errors)
{
	const struct pps_signers *signers = check->signers;

	pps_errors_add(errors, "signatures", "%zu of the %u that are required count",
		signers->n_counted, check->rules->required);
	for (size_t i = 0; i < signers->n; i++) {
		const struct pps_signer *signer = &signers->items[i];

		if (signer->why == NULL)
			continue;
		pps_errors_add(errors, signer->file, "%s%s%s",
			signer->subject != NULL ? signer->subject : "",
			signer->subject != NULL ? ": " : "", signer->why);
	}
}

bool pps_signature_check(const struct pps_signature_rules *rules,
	const struct pps_policy_bundle *bundle, uint64_t at_ns, bool revocation,
	struct pps_signers *ret, struct pps_errors *errors)
{
	struct check check = {.rules = rules, .at_ns = at_ns, .signers = ret};
	bool good = true;

	*ret = (struct pps_signers){0};
	ERR_clear_error();
	check.trust = read_trust(rules, revocation, errors);
	if (check.trust == NULL)
		return false;
	pps_policy_bundle_content(bundle, &check.content);
	for (size_t i = 0; i < bundle->n_signatures && good; i++)
		good = judge_file(&check, &bundle->signatures[i]);
	if (!good)
		pps_errors_add(errors, "signatures", "there are more than %u", PPS_SIGNERS_MAX);
	good = good && ret->n_counted >= rules->required;
	if (!good)
		say(&check, errors);
	pps_str_fini(&check.content);
	X509_STORE_free(check.trust);
	ERR_clear_error();
	return good;
}

bool pps_signature_usage_is_known(const char *usage)
{
	ASN1_OBJECT *object = OBJ_txt2obj(usage, 0);

	ASN1_OBJECT_free(object);
	ERR_clear_error();
	return object != NULL;
}
