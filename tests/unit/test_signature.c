/* SPDX-License-Identifier: BSD-3-Clause */

/* Which signatures of a policy count, and why the others do not. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signature_fixture.h"
#include "unit.h"

#define CA_EXTENSION "critical,CA:TRUE"

static struct identity root, alice, bob;
static struct pps_signature_rules rules;
static struct pps_policy_bundle bundle;
static struct pps_signers signers;

static void begin(void)
{
	fixture_begin();
	root = fixture_make(&(struct spec){
		.name = "Root", .ca = CA_EXTENSION, .from = NOW - 9 * DAY, .until = NOW + 9 * DAY});
	alice = fixture_make(&(struct spec){.name = "Alice", .issuer = &root});
	bob = fixture_make(&(struct spec){.name = "Bob", .issuer = &root});
	fixture_write_certs("ca.pem", 1, (const struct identity *[]){&root});
	rules = (struct pps_signature_rules){
		.ca = pps_strdup(fixture_path("ca.pem")), .required = 1};
	fixture_bundle(&bundle);
}

static void end(void)
{
	pps_policy_bundle_fini(&bundle);
	free(rules.ca);
	free(rules.crl);
	fixture_end();
}

/* Nothing signed yet. */
static void again(void)
{
	pps_policy_bundle_fini(&bundle);
	fixture_bundle(&bundle);
}

static void sign(const char *name, const struct identity *signer)
{
	fixture_sign(&bundle, name, TEXT, signer, NULL, NULL, CMS_DETACHED);
}

/* What is said, on one line; "" when enough count. */
static const char *judge_at(long long seconds, bool revocation)
{
	static char text[4096];
	struct pps_str out = PPS_STR_INIT;
	struct pps_errors errors = {0};
	bool good;

	good = pps_signature_check(
		&rules, &bundle, (uint64_t)seconds * PPS_NS_PER_SEC, revocation, &signers, &errors);
	pps_errors_print(&errors, &out);
	CU_ASSERT_EQUAL(good, errors.n_total == 0);
	snprintf(text, sizeof(text), "%s", pps_str_text(&out));
	for (char *at = text; (at = strchr(at, '\n')); at++)
		*at = ';';
	pps_str_fini(&out);
	pps_errors_fini(&errors);
	pps_signers_fini(&signers);
	return text;
}

static const char *judge(void)
{
	return judge_at(NOW, true);
}

/* The one signature there is does not count, and that is why. */
static void check_why(const char *who, const char *why)
{
	char *wanted = pps_asprintf("signatures: 0 of the 1 that are required count;s: %s%s%s;",
		who, *who ? ": " : "", why);
	const char *said = judge();

	if (strcmp(said, wanted) != 0)
		fprintf(stderr, "# said:   %s\n# wanted: %s\n", said, wanted);
	CU_ASSERT_STRING_EQUAL(said, wanted);
	free(wanted);
}

#define ALICE "CN=Alice,O=CMB"

static void one_good_signature_counts(void)
{
	begin();
	sign("s", &alice);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	CU_ASSERT(pps_signature_check(
		&rules, &bundle, NOW * PPS_NS_PER_SEC, true, &signers, &(struct pps_errors){0}));
	CU_ASSERT_EQUAL_FATAL(signers.n, 1);
	CU_ASSERT_STRING_EQUAL(signers.items[0].subject, ALICE);
	CU_ASSERT_STRING_EQUAL(signers.items[0].issuer, "CN=Root,O=CMB");
	CU_ASSERT_STRING_EQUAL(signers.items[0].serial, "02");
	CU_ASSERT_STRING_EQUAL(signers.items[0].until, "2027-01-16T08:00:00Z");
	CU_ASSERT_EQUAL(strlen(signers.items[0].fingerprint), 64);
	CU_ASSERT_PTR_NULL(signers.items[0].why);
	pps_signers_fini(&signers);
	end();
}

static void no_signature_is_none(void)
{
	begin();
	CU_ASSERT_STRING_EQUAL(judge(), "signatures: 0 of the 1 that are required count;");
	end();
}

static void two_are_required_of_two_people(void)
{
	begin();
	rules.required = 2;
	sign("a", &alice);
	CU_ASSERT_STRING_EQUAL(judge(), "signatures: 1 of the 2 that are required count;");
	sign("b", &bob);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	end();
}

static void the_same_signer_twice_counts_once(void)
{
	struct identity renewed, alias;

	begin();
	rules.required = 2;
	renewed = fixture_make(&(struct spec){.name = "Alice", .issuer = &root});
	alias = fixture_make(&(struct spec){.name = "Alias", .issuer = &root, .key = alice.key});
	sign("a", &alice);
	sign("b", &alice);
	CU_ASSERT_STRING_EQUAL(judge(),
		"signatures: 1 of the 2 that are required count;"
		"b: CN=Alice,O=CMB: the same signer is counted once, for a;");
	again();
	sign("a", &alice);
	sign("b", &renewed);
	CU_ASSERT_STRING_EQUAL(judge(),
		"signatures: 1 of the 2 that are required count;"
		"b: CN=Alice,O=CMB: the same signer is counted once, for a;");
	again();
	sign("a", &alice);
	sign("b", &alias);
	CU_ASSERT_STRING_EQUAL(judge(),
		"signatures: 1 of the 2 that are required count;"
		"b: CN=Alias,O=CMB: its key is that of \"CN=Alice,O=CMB\", counted for a;");
	end();
}

/* A signature that does not count takes no place from one that does. */
static void bad_ones_do_not_spoil_good_ones(void)
{
	begin();
	rules.required = 2;
	fixture_sign(&bundle, "a", "other", &alice, NULL, NULL, CMS_DETACHED);
	sign("b", &alice);
	fixture_add(&bundle, "c", "garbage", 7);
	sign("d", &bob);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	end();
}

static void a_changed_byte_of_the_policy_is_noticed(void)
{
	begin();
	sign("s", &alice);
	for (size_t i = 0; i < bundle.len; i++) {
		bundle.text[i] ^= 1;
		check_why(ALICE,
			"it is a signature of something else: these bytes were changed "
			"since, or it was made without -binary");
		bundle.text[i] ^= 1;
	}
	bundle.len--;
	CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	bundle.len++;
	CU_ASSERT_STRING_EQUAL(judge(), "");
	end();
}

/* Where a change leaves a signature that counts, it was of the bytes that nobody signs: it is the
 * same signature by the same certificate. */
static void a_changed_byte_of_a_signature_forges_nothing(void)
{
	struct pps_policy_part *part;
	unsigned int n_counted = 0;
	char fingerprint[PPS_DIGEST_TEXT];

	begin();
	sign("s", &alice);
	part = &bundle.signatures[0];
	pps_signature_check(
		&rules, &bundle, NOW * PPS_NS_PER_SEC, true, &signers, &(struct pps_errors){0});
	memcpy(fingerprint, signers.items[0].fingerprint, sizeof(fingerprint));
	pps_signers_fini(&signers);
	for (size_t i = 0; i < part->len; i++) {
		for (unsigned int k = 0; k < 3; k++) {
			static const unsigned char masks[] = {0x01, 0x80, 0xff};
			struct pps_errors errors = {0};

			part->text[i] = (char)(part->text[i] ^ masks[k]);
			if (pps_signature_check(&rules, &bundle, NOW * PPS_NS_PER_SEC, true,
				    &signers, &errors)) {
				CU_ASSERT_STRING_EQUAL(signers.items[0].fingerprint, fingerprint);
				n_counted++;
			}
			part->text[i] = (char)(part->text[i] ^ masks[k]);
			pps_errors_fini(&errors);
			pps_signers_fini(&signers);
		}
	}
	CU_ASSERT(n_counted < 3 * part->len / 10);
	for (size_t len = part->len; len > 0; len--) {
		part->len = len - 1;
		CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	}
	end();
}

static void the_time_asked_for_decides_on_validity(void)
{
	begin();
	sign("s", &alice);
	CU_ASSERT_STRING_EQUAL(judge_at(NOW - DAY + 1, true), "");
	CU_ASSERT_STRING_EQUAL(judge_at(NOW + DAY - 1, true), "");
	CU_ASSERT_PTR_NOT_NULL(strstr(judge_at(NOW + DAY + 1, true),
		"s: CN=Alice,O=CMB: its certificate expired at 2027-01-16T08:00:00Z;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(judge_at(NOW - DAY - 1, true),
		"s: CN=Alice,O=CMB: its certificate is not valid before 2027-01-14T08:00:00Z;"));
	end();
}

static void a_signer_of_another_ca_is_a_stranger(void)
{
	struct identity other, eve, self;
	char *why;

	begin();
	other = fixture_make(&(struct spec){.name = "Root", .ca = CA_EXTENSION});
	eve = fixture_make(&(struct spec){.name = "Alice", .issuer = &other});
	self = fixture_make(&(struct spec){.name = "Alice"});
	why = pps_asprintf("no chain leads from its certificate to a CA of %s", rules.ca);
	sign("s", &self);
	check_why(ALICE, why);
	again();
	fixture_sign(&bundle, "s", TEXT, &eve, &other, NULL, CMS_DETACHED);
	/* The CA has the same name, and another key. */
	check_why(ALICE, "its certificate: certificate signature failure");
	free(why);
	end();
}

static void a_ca_between_may_come_along_or_lie_in_the_ca_file(void)
{
	struct identity between, carol, no_ca, dave;
	char *why;

	begin();
	between = fixture_make(
		&(struct spec){.name = "Between", .issuer = &root, .ca = CA_EXTENSION});
	carol = fixture_make(&(struct spec){.name = "Carol", .issuer = &between});
	no_ca = fixture_make(&(struct spec){.name = "Web", .issuer = &root, .ca = "CA:FALSE"});
	dave = fixture_make(&(struct spec){.name = "Dave", .issuer = &no_ca});
	sign("s", &carol);
	why = pps_asprintf("no chain leads from its certificate to a CA of %s", rules.ca);
	check_why("CN=Carol,O=CMB", why);
	free(why);
	again();
	fixture_sign(&bundle, "s", TEXT, &carol, &between, NULL, CMS_DETACHED);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	again();
	fixture_sign(&bundle, "s", TEXT, &dave, &no_ca, NULL, CMS_DETACHED);
	check_why("CN=Dave,O=CMB",
		"the certificate of \"CN=Web,O=CMB\" above it: invalid CA certificate");
	fixture_write_certs("ca.pem", 2, (const struct identity *[]){&root, &between});
	again();
	sign("s", &carol);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	/* Without the root, nothing in the file ends a chain. */
	fixture_write_certs("ca.pem", 1, (const struct identity *[]){&between});
	CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	end();
}

static void a_chain_has_eight_certificates_at_most(void)
{
	struct identity chain[9];

	begin();
	chain[0] = root;
	for (size_t i = 1; i < UNIT_COUNT(chain); i++) {
		char name[] = {'N', (char)('0' + i), '\0'};
		const struct identity *all[UNIT_COUNT(chain)];

		chain[i] = fixture_make(
			&(struct spec){.name = name, .issuer = &chain[i - 1], .ca = CA_EXTENSION});
		for (size_t k = 0; k < i; k++)
			all[k] = &chain[k];
		fixture_write_certs("ca.pem", i, all);
		again();
		sign("s", &chain[i]);
		if (i < 8)
			CU_ASSERT_STRING_EQUAL(judge(), "")
		else
			CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "certificate chain too long"));
	}
	end();
}

static void names_that_nobody_can_read_do_not_count(void)
{
	struct identity long_name;
	const char *said;

	begin();
	long_name = fixture_make(&(struct spec){.name = "Long", .issuer = &root, .n_units = 30});
	sign("s", &long_name);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	long_name = fixture_make(&(struct spec){.name = "Long", .issuer = &root, .n_units = 50});
	again();
	sign("s", &long_name);
	said = judge();
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "a name or the serial number in its certificate"));
	CU_ASSERT(strlen(said) < 1300);
	end();
}

static void an_expired_ca_between_is_named(void)
{
	struct identity between, carol;

	begin();
	between = fixture_make(&(struct spec){.name = "Between",
		.issuer = &root,
		.ca = CA_EXTENSION,
		.from = NOW - DAY,
		.until = NOW - 1});
	carol = fixture_make(&(struct spec){.name = "Carol", .issuer = &between});
	fixture_sign(&bundle, "s", TEXT, &carol, &between, NULL, CMS_DETACHED);
	check_why("CN=Carol,O=CMB",
		"the certificate of \"CN=Between,O=CMB\" above it expired at "
		"2027-01-15T07:59:59Z");
	end();
}

/* ---- revocation ---- */

static void use_crl(void)
{
	rules.crl = pps_strdup(fixture_path("crl.pem"));
}

static void a_revoked_certificate_does_not_count(void)
{
	begin();
	use_crl();
	sign("s", &alice);
	fixture_write_crl("crl.pem", false, &root, NOW, 1, (const struct identity *[]){&bob});
	CU_ASSERT_STRING_EQUAL(judge(), "");
	fixture_write_crl(
		"crl.pem", false, &root, NOW, 2, (const struct identity *[]){&alice, &bob});
	check_why(ALICE, "its certificate is revoked");
	CU_ASSERT_STRING_EQUAL(judge_at(NOW, false), "");
	end();
}

static void a_revocation_list_must_be_there_whole_in_time_and_of_the_issuer(void)
{
	struct identity other, impostor;
	char *why;

	begin();
	use_crl();
	other = fixture_make(&(struct spec){.name = "Other", .ca = CA_EXTENSION});
	impostor = fixture_make(&(struct spec){.name = "Root", .ca = CA_EXTENSION});
	sign("s", &alice);
	why = pps_asprintf("signatures: cannot read %s: No such file or directory;", rules.crl);
	CU_ASSERT_STRING_EQUAL(judge(), why);
	free(why);
	fixture_write("crl.pem", "none", 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "has no revocation list in it"));
	fixture_write_crl("crl.pem", false, &other, NOW, 0, NULL);
	why = pps_asprintf("%s has no revocation list of \"CN=Root,O=CMB\"", rules.crl);
	check_why(ALICE, why);
	free(why);
	fixture_write_crl("crl.pem", false, &root, NOW - 3 * DAY, 0, NULL);
	why = pps_asprintf(
		"the revocation list of \"CN=Root,O=CMB\" in %s: CRL has expired", rules.crl);
	check_why(ALICE, why);
	free(why);
	fixture_write_crl("crl.pem", false, &root, NOW + 3 * DAY, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "CRL is not yet valid"));
	fixture_write_crl("crl.pem", false, &impostor, NOW, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "CRL signature failure"));
	end();
}

static void every_issuer_of_a_chain_needs_its_revocation_list(void)
{
	struct identity between, carol;
	const struct identity *revoked[1];

	begin();
	use_crl();
	between = fixture_make(
		&(struct spec){.name = "Between", .issuer = &root, .ca = CA_EXTENSION});
	carol = fixture_make(&(struct spec){.name = "Carol", .issuer = &between});
	revoked[0] = &between;
	fixture_sign(&bundle, "s", TEXT, &carol, &between, NULL, CMS_DETACHED);
	fixture_write_crl("crl.pem", false, &between, NOW, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "has no revocation list of \"CN=Root,O=CMB\""));
	fixture_write_crl("crl.pem", true, &root, NOW, 0, NULL);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	fixture_write_crl("crl.pem", false, &between, NOW, 0, NULL);
	fixture_write_crl("crl.pem", true, &root, NOW, 1, revoked);
	check_why("CN=Carol,O=CMB", "the certificate of \"CN=Between,O=CMB\" above it is revoked");
	end();
}

/* ---- who may sign ---- */

static void only_listed_subjects_count(void)
{
	char *list[] = {pps_strdup("CN=Bob,O=CMB"), pps_strdup("CN=alice,O=CMB"),
		pps_strdup("CN=Alice"), pps_strdup("O=CMB,CN=Alice")};

	begin();
	rules.subjects = list;
	rules.n_subjects = UNIT_COUNT(list);
	sign("s", &alice);
	check_why(ALICE, "its subject is not one of those that may sign");
	again();
	sign("s", &bob);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	for (size_t i = 0; i < UNIT_COUNT(list); i++)
		free(list[i]);
	end();
}

static void only_the_extended_key_usage_demanded_counts(void)
{
	static const char *const others[] = {
		NULL, "serverAuth", "anyExtendedKeyUsage", USAGE ".1", "emailProtection"};
	char usage[] = USAGE, name[] = "codeSigning";
	struct identity signer;

	begin();
	rules.usage = usage;
	for (size_t i = 0; i < UNIT_COUNT(others); i++) {
		signer = fixture_make(
			&(struct spec){.name = "Alice", .issuer = &root, .extended = others[i]});
		again();
		sign("s", &signer);
		check_why(ALICE, "its certificate has no extended key usage \"" USAGE "\"");
	}
	signer = fixture_make(
		&(struct spec){.name = "Alice", .issuer = &root, .extended = "serverAuth," USAGE});
	again();
	sign("s", &signer);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	rules.usage = name;
	check_why(ALICE, "its certificate has no extended key usage \"codeSigning\"");
	CU_ASSERT(pps_signature_usage_is_known(usage));
	CU_ASSERT(pps_signature_usage_is_known(name));
	CU_ASSERT_FALSE(pps_signature_usage_is_known("policySigning"));
	CU_ASSERT_FALSE(pps_signature_usage_is_known("1"));
	end();
}

static void a_key_that_is_not_for_signatures_does_not_count(void)
{
	static const struct {
		const char *usage;
		bool counts;
	} usages[] = {{"keyEncipherment", false}, {"keyCertSign", false},
		{"digitalSignature", true}, {"nonRepudiation", true}};

	begin();
	for (size_t i = 0; i < UNIT_COUNT(usages); i++) {
		struct identity signer = fixture_make(
			&(struct spec){.name = "Alice", .issuer = &root, .usage = usages[i].usage});

		again();
		sign("s", &signer);
		if (usages[i].counts)
			CU_ASSERT_STRING_EQUAL(judge(), "")
		else
			check_why(ALICE,
				"the key usage of its certificate does not permit signatures");
	}
	end();
}

/* ---- strength ---- */

static void weak_digests_and_keys_do_not_count(void)
{
	struct identity small, old;

	begin();
	fixture_sign(&bundle, "s", TEXT, &alice, NULL, EVP_sha1(), CMS_DETACHED);
	check_why(ALICE,
		"its digest, sha1, is not taken (SHA-256, SHA-384, SHA-512 and SHA-3 "
		"are)");
	small = fixture_make(&(struct spec){.name = "Small", .issuer = &root, .rsa_bits = 1024});
	again();
	fixture_sign(&bundle, "s", TEXT, &small, NULL, EVP_md5(), CMS_DETACHED);
	check_why("CN=Small,O=CMB",
		"its digest, md5, is not taken (SHA-256, SHA-384, SHA-512 and "
		"SHA-3 are)");
	again();
	sign("s", &small);
	check_why("CN=Small,O=CMB",
		"its key of 1024 bits is too weak (RSA has 2048 at least, "
		"elliptic curves 224)");
	old = fixture_make(&(struct spec){.name = "Old", .issuer = &root, .digest = EVP_sha1()});
	again();
	sign("s", &old);
	check_why("CN=Old,O=CMB", "its certificate: CA signature digest algorithm too weak");
	end();
}

static void strong_digests_and_keys_count(void)
{
	const EVP_MD *digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha3_256()};
	struct identity rsa;

	begin();
	rsa = fixture_make(&(struct spec){.name = "Rsa", .issuer = &root, .rsa_bits = 2048});
	for (size_t i = 0; i < UNIT_COUNT(digests) - 1; i++) {
		again();
		fixture_sign(&bundle, "s", TEXT, &alice, NULL, digests[i], CMS_DETACHED);
		CU_ASSERT_STRING_EQUAL(judge(), "");
	}
	for (size_t i = 0; i < UNIT_COUNT(digests); i++) {
		again();
		fixture_sign(&bundle, "s", TEXT, &rsa, NULL, digests[i], CMS_DETACHED);
		CU_ASSERT_STRING_EQUAL(judge(), "");
	}
	end();
}

/* ---- what is no signature ---- */

static void what_is_no_detached_signature_is_told_as_what_it_is(void)
{
	static const char encrypted[] = "-----BEGIN CMS-----\nProc-Type: 4,ENCRYPTED\n"
					"DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n"
					"\nAAAA\n-----END CMS-----\n";
	static const char damaged[] = "it is not a CMS signature in DER or PEM, or it is damaged";
	static char huge[PPS_SIGNATURE_BYTES_MAX + 1];

	begin();
	fixture_add(&bundle, "s", "", 0);
	check_why("", "it is empty");
	again();
	fixture_add(&bundle, "s", encrypted, strlen(encrypted));
	check_why("", damaged);
	again();
	fixture_add(&bundle, "s", "\x30\x80\x30\x80\x30\x80", 6);
	check_why("", damaged);
	again();
	memset(huge, 0x30, sizeof(huge));
	fixture_add(&bundle, "s", huge, sizeof(huge) - 1);
	check_why("", damaged);
	again();
	fixture_add(&bundle, "s", huge, sizeof(huge));
	check_why("", "it has more than 65536 bytes");
	again();
	fixture_sign(&bundle, "s", TEXT, &alice, NULL, NULL, 0);
	check_why("", "it carries content of its own; only detached signatures are taken");
	again();
	fixture_sign(&bundle, "s", TEXT, &alice, NULL, NULL, CMS_DETACHED | CMS_NOATTR);
	check_why(ALICE, "it has no signed attributes (was it made with -noattr?)");
	again();
	fixture_sign(&bundle, "s", TEXT, &alice, NULL, NULL, CMS_DETACHED | CMS_NOCERTS);
	check_why("", "the certificate of its signer is not in it");
	again();
	sign("s", &alice);
	bundle.signatures[0].text =
		pps_realloc(bundle.signatures[0].text, bundle.signatures[0].len + 1);
	bundle.signatures[0].text[bundle.signatures[0].len++] = '\0';
	check_why("", damaged);
	end();
}

/* The same bytes as PEM. */
static void write_pem(struct pps_str *out)
{
	const struct pps_policy_part *part = &bundle.signatures[0];
	const unsigned char *at = (const unsigned char *)part->text;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)part->len);
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long n;

	PEM_write_bio_CMS(bio, cms);
	n = BIO_get_mem_data(bio, &bytes);
	pps_str_add_bytes(out, bytes, (size_t)n);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
}

static void pem_is_as_good_as_der_but_one_signature_file_is_one(void)
{
	struct pps_str pem = PPS_STR_INIT, two = PPS_STR_INIT;

	begin();
	sign("s", &alice);
	write_pem(&pem);
	pps_str_addf(&two, "text before\n%stext between\n%s", pem.text, pem.text);
	again();
	fixture_add(&bundle, "s", pem.text, pem.len);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	again();
	fixture_add(&bundle, "s", two.text, two.len / 2 + 12);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	again();
	fixture_add(&bundle, "s", two.text, two.len);
	check_why("", "it is not a CMS signature in DER or PEM, or it is damaged");
	pps_str_fini(&pem);
	pps_str_fini(&two);
	end();
}

/* Many signers in one file, each judged by itself. */
static void add_many(unsigned int n, const struct identity *const *signer, size_t n_signers)
{
	CMS_ContentInfo *cms =
		CMS_sign(NULL, NULL, NULL, NULL, CMS_DETACHED | CMS_BINARY | CMS_PARTIAL);
	BIO *bio = BIO_new_mem_buf(TEXT, (int)strlen(TEXT));
	unsigned char *der = NULL;
	int len;

	for (unsigned int i = 0; i < n; i++)
		CMS_add1_signer(cms, signer[i % n_signers]->cert, signer[i % n_signers]->key,
			EVP_sha256(),
			CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP |
				(i < n_signers ? 0 : CMS_NOCERTS));
	CMS_final(cms, bio, NULL, CMS_BINARY | CMS_DETACHED);
	len = i2d_CMS_ContentInfo(cms, &der);
	fixture_add(&bundle, "s", der, (size_t)len);
	OPENSSL_free(der);
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
}

static void every_signer_of_a_file_counts(void)
{
	struct identity eve;
	char *wanted;

	begin();
	eve = fixture_make(&(struct spec){.name = "Eve"});
	rules.required = 2;
	add_many(2, (const struct identity *[]){&alice, &bob}, 2);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	again();
	add_many(3, (const struct identity *[]){&eve, &alice, &bob}, 3);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	again();
	add_many(2, (const struct identity *[]){&alice, &eve}, 2);
	wanted = pps_asprintf("signatures: 1 of the 2 that are required count;s: CN=Eve,O=CMB: "
			      "no chain leads from its certificate to a CA of %s;",
		rules.ca);
	CU_ASSERT_STRING_EQUAL(judge(), wanted);
	free(wanted);
	end();
}

static void more_signatures_than_the_bound_are_refused(void)
{
	struct pps_errors errors = {0};

	begin();
	add_many(PPS_SIGNERS_MAX, (const struct identity *[]){&alice}, 1);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	sign("more", &bob);
	CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "signatures: there are more than 64;"));
	again();
	add_many(PPS_SIGNERS_MAX + 1, (const struct identity *[]){&alice}, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(judge(), "signatures: there are more than 64;"));
	/* And no more are judged. */
	pps_signature_check(&rules, &bundle, NOW * PPS_NS_PER_SEC, true, &signers, &errors);
	CU_ASSERT_EQUAL(signers.n, PPS_SIGNERS_MAX);
	pps_signers_fini(&signers);
	pps_errors_fini(&errors);
	end();
}

/* ---- lists of sources ---- */

static void a_signature_covers_the_lists_that_a_policy_names(void)
{
	struct pps_str content = PPS_STR_INIT;
	struct pps_policy_part *list;

	begin();
	sign("s", &alice);
	list = pps_policy_bundle_add(&bundle, "bad.txt");
	list->text = pps_strdup("192.0.2.0/24\n");
	list->len = strlen(list->text);
	CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	pps_policy_bundle_content(&bundle, &content);
	CU_ASSERT_PTR_NOT_NULL(strstr(pps_str_text(&content), "  policy\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(pps_str_text(&content), "  bad.txt\n"));
	fixture_sign(&bundle, "t", pps_str_text(&content), &alice, NULL, NULL, CMS_DETACHED);
	CU_ASSERT_STRING_EQUAL(judge(), "");
	list->text[0] = '2';
	CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	list->text[0] = '1';
	bundle.text[3] ^= 1;
	CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	bundle.text[3] ^= 1;
	list->name[0] = 'c';
	CU_ASSERT_STRING_NOT_EQUAL(judge(), "");
	list->name[0] = 'b';
	CU_ASSERT_STRING_EQUAL(judge(), "");
	pps_str_fini(&content);
	end();
}

static const struct unit_test tests[] = {
	UNIT_TEST(one_good_signature_counts),
	UNIT_TEST(no_signature_is_none),
	UNIT_TEST(two_are_required_of_two_people),
	UNIT_TEST(the_same_signer_twice_counts_once),
	UNIT_TEST(bad_ones_do_not_spoil_good_ones),
	UNIT_TEST(a_changed_byte_of_the_policy_is_noticed),
	UNIT_TEST(a_changed_byte_of_a_signature_forges_nothing),
	UNIT_TEST(the_time_asked_for_decides_on_validity),
	UNIT_TEST(a_signer_of_another_ca_is_a_stranger),
	UNIT_TEST(a_ca_between_may_come_along_or_lie_in_the_ca_file),
	UNIT_TEST(a_chain_has_eight_certificates_at_most),
	UNIT_TEST(names_that_nobody_can_read_do_not_count),
	UNIT_TEST(an_expired_ca_between_is_named),
	UNIT_TEST(a_revoked_certificate_does_not_count),
	UNIT_TEST(a_revocation_list_must_be_there_whole_in_time_and_of_the_issuer),
	UNIT_TEST(every_issuer_of_a_chain_needs_its_revocation_list),
	UNIT_TEST(only_listed_subjects_count),
	UNIT_TEST(only_the_extended_key_usage_demanded_counts),
	UNIT_TEST(a_key_that_is_not_for_signatures_does_not_count),
	UNIT_TEST(weak_digests_and_keys_do_not_count),
	UNIT_TEST(strong_digests_and_keys_count),
	UNIT_TEST(what_is_no_detached_signature_is_told_as_what_it_is),
	UNIT_TEST(pem_is_as_good_as_der_but_one_signature_file_is_one),
	UNIT_TEST(every_signer_of_a_file_counts),
	UNIT_TEST(more_signatures_than_the_bound_are_refused),
	UNIT_TEST(a_signature_covers_the_lists_that_a_policy_names),
};

int main(void)
{
	return unit_run("signature", tests, UNIT_COUNT(tests));
}
