/* SPDX-License-Identifier: BSD-3-Clause */

/* Signatures as files, over the control socket, and in the making. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signature_fixture.h"
#include "unit.h"

static struct identity root, alice;
static struct pps_policy_bundle bundle;

static void begin(void)
{
	fixture_begin();
	root = fixture_make(&(struct spec){
		.name = "Root", .ca = "CA:TRUE", .from = 1, .until = NOW + 9999 * DAY});
	alice = fixture_make(&(struct spec){
		.name = "Alice", .issuer = &root, .from = 1, .until = NOW + 9999 * DAY});
	fixture_write_certs("ca.pem", 1, (const struct identity *[]){&root});
	fixture_bundle(&bundle);
}

static void end(void)
{
	pps_policy_bundle_fini(&bundle);
	fixture_end();
}

/* ---- beside the policy ---- */

static void signature_files_are_found_by_their_names_in_order(void)
{
	static const char *const names[] = {"p.json", "p.json.p7s", "p.json.2.p7s", "p.json.10.p7s",
		"p.jsonp7s", "p.json7.p7s", "xp.json.p7s", "p.json.p7s.old", "p.json.p7", "p.p7s",
		".p7s", "p.json.alice.p7s"};
	static const char *const found[] = {
		"p.json.10.p7s", "p.json.2.p7s", "p.json.alice.p7s", "p.json.p7s"};
	struct pps_errors errors = {0};

	begin();
	for (size_t i = 0; i < UNIT_COUNT(names); i++)
		fixture_write(names[i], names[i], strlen(names[i]));
	CU_ASSERT(pps_signature_read(fixture_path("p.json"), &bundle, &errors));
	CU_ASSERT_EQUAL_FATAL(bundle.n_signatures, UNIT_COUNT(found));
	for (size_t i = 0; i < UNIT_COUNT(found); i++) {
		CU_ASSERT_STRING_EQUAL(bundle.signatures[i].name, found[i]);
		CU_ASSERT_STRING_EQUAL(bundle.signatures[i].text, found[i]);
	}
	end();
}

static void what_is_no_file_is_there_with_its_error(void)
{
	struct pps_errors errors = {0};
	struct pps_signers signers;
	struct pps_signature_rules rules = {.required = 1};
	struct pps_str text = PPS_STR_INIT;

	begin();
	mkdir(fixture_path("p.1.p7s"), 0700);
	mkfifo(fixture_path("p.2.p7s"), 0600);
	CU_ASSERT_EQUAL(symlink("p.3.p7s", fixture_path("p.3.p7s")), 0);
	fixture_write("p.4.p7s", "", 0);
	CU_ASSERT_EQUAL(truncate(fixture_path("p.4.p7s"), PPS_SIGNATURE_BYTES_MAX + 1), 0);
	CU_ASSERT(pps_signature_read(fixture_path("p"), &bundle, &errors));
	CU_ASSERT_EQUAL_FATAL(bundle.n_signatures, 4);
	rules.ca = pps_strdup(fixture_path("ca.pem"));
	CU_ASSERT_FALSE(pps_signature_check(&rules, &bundle, 1, true, &signers, &errors));
	pps_errors_print(&errors, &text);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&text),
		"signatures: 0 of the 1 that are required count\n"
		"p.1.p7s: cannot read it: Is a directory\n"
		"p.2.p7s: cannot read it: it is not a regular file\n"
		"p.3.p7s: cannot read it: Too many levels of symbolic links\n"
		"p.4.p7s: it has more than 65536 bytes\n");
	pps_str_fini(&text);
	pps_errors_fini(&errors);
	pps_signers_fini(&signers);
	free(rules.ca);
	end();
}

static void too_many_files_and_no_folder_are_errors(void)
{
	struct pps_errors errors = {0};
	char name[32];

	begin();
	for (unsigned int i = 0; i < PPS_SIGNATURE_FILES_MAX + 1; i++) {
		CU_ASSERT(pps_signature_read(fixture_path("p"), &bundle, &errors));
		CU_ASSERT_EQUAL(bundle.n_signatures, i);
		pps_policy_bundle_fini(&bundle);
		snprintf(name, sizeof(name), "p.%u.p7s", i);
		fixture_write(name, "x", 1);
	}
	CU_ASSERT_FALSE(pps_signature_read(fixture_path("p"), &bundle, &errors));
	CU_ASSERT_STRING_EQUAL(
		errors.items[0].text, "there are 33 files p.*.p7s, and 32 are the most");
	pps_errors_fini(&errors);
	CU_ASSERT_FALSE(pps_signature_read("/nonexistent/p", &bundle, &errors));
	CU_ASSERT_STRING_EQUAL(errors.items[0].text,
		"cannot look for /nonexistent/p.*.p7s: No such file or directory");
	pps_errors_fini(&errors);
	end();
}

/* ---- over the control socket ---- */

static void files_come_back_from_json_as_they_were(void)
{
	struct pps_policy_bundle back = {0};
	struct pps_errors errors = {0};
	unsigned char bytes[256 + 3];
	json_t *json;

	begin();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(255 - i);
	for (size_t len = 0; len < sizeof(bytes); len++) {
		char name[16];

		snprintf(name, sizeof(name), "%zu", len);
		fixture_add(&bundle, name, bytes, len);
		if (bundle.n_signatures < PPS_SIGNATURE_FILES_MAX)
			continue;
		json = pps_signature_files_json(&bundle);
		CU_ASSERT(pps_signature_files_read(json, &back, &errors));
		CU_ASSERT_EQUAL_FATAL(back.n_signatures, bundle.n_signatures);
		for (size_t i = 0; i < back.n_signatures; i++) {
			CU_ASSERT_EQUAL(back.signatures[i].len, bundle.signatures[i].len);
			CU_ASSERT_EQUAL(memcmp(back.signatures[i].text, bundle.signatures[i].text,
						back.signatures[i].len),
				0);
		}
		json_decref(json);
		pps_policy_bundle_fini(&back);
		pps_policy_bundle_fini(&bundle);
	}
	end();
}

static void json_that_is_no_signature_files_is_refused(void)
{
	static const char *const texts[] = {"[]", "{\"a\": 1}", "{\"a\": \"A\"}",
		"{\"a\": \"AAA\"}", "{\"a\": \"A===\"}", "{\"a\": \"AA=A\"}", "{\"a\": \"AA\\n=\"}",
		"{\"a\": \"\303\244AA\"}", "{\"a\": null}"};
	struct pps_errors errors = {0};
	struct pps_str large = PPS_STR_INIT;
	json_t *json;

	for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
		begin();
		json = json_loads(texts[i], 0, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(json);
		CU_ASSERT_FALSE(pps_signature_files_read(json, &bundle, &errors));
		CU_ASSERT_EQUAL(errors.n_total, 1);
		if (errors.n_total != 1)
			fprintf(stderr, "# %s\n", texts[i]);
		json_decref(json);
		pps_errors_fini(&errors);
		end();
	}
	begin();
	for (size_t i = 0; i < PPS_SIGNATURE_BYTES_MAX / 3 + 2; i++)
		pps_str_add(&large, "AAAA");
	json = json_pack("{s:s}", "a", large.text);
	CU_ASSERT_FALSE(pps_signature_files_read(json, &bundle, &errors));
	CU_ASSERT_STRING_EQUAL(errors.items[0].text, "it has more than 65536 bytes");
	pps_errors_fini(&errors);
	json_object_clear(json);
	for (unsigned int i = 0; i < PPS_SIGNATURE_FILES_MAX + 1; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		json_object_set_new(json, name, json_string("AAAA"));
	}
	CU_ASSERT_FALSE(pps_signature_files_read(json, &bundle, &errors));
	pps_errors_fini(&errors);
	json_decref(json);
	pps_str_fini(&large);
	end();
}

/* ---- making one ---- */

static int say_secret(char *text, int size, int write, void *aux)
{
	(void)write;
	return snprintf(text, (size_t)size, "%s", (const char *)aux);
}

/* What went wrong; "" when a signature was made, which then counts. */
static const char *make(struct pps_signature_maker *maker)
{
	static char said[1024];
	struct pps_signature_rules rules = {.required = 1};
	struct pps_errors errors = {0};
	struct pps_signers signers = {0};
	struct pps_str der = PPS_STR_INIT;
	char *subject = NULL;
	bool good = pps_signature_make(maker, &bundle, &der, &subject, &errors);

	CU_ASSERT_EQUAL(good, errors.n_total == 0);
	CU_ASSERT_EQUAL(good, subject != NULL);
	snprintf(said, sizeof(said), "%s", good ? "" : errors.items[0].text);
	if (good) {
		rules.ca = pps_strdup(fixture_path("ca.pem"));
		fixture_add(&bundle, "made", der.text, der.len);
		CU_ASSERT(pps_signature_check(
			&rules, &bundle, NOW * PPS_NS_PER_SEC, true, &signers, &errors));
		free(rules.ca);
	}
	free(subject);
	pps_str_fini(&der);
	pps_signers_fini(&signers);
	pps_errors_fini(&errors);
	return said;
}

static void write_pair(const struct identity *signer)
{
	fixture_write_certs("cert", 1, (const struct identity *[]){signer});
	fixture_write_key("key", signer->key, NULL);
}

static void a_signature_that_is_made_counts(void)
{
	static const struct spec specs[] = {
		{.rsa_bits = 0}, {.rsa_bits = 2048}, {.algorithm = "RSA-PSS"}};
	struct pps_signature_maker maker;

	begin();
	for (size_t i = 0; i < UNIT_COUNT(specs); i++) {
		struct identity signer = fixture_make(&(struct spec){.name = "S",
			.issuer = &root,
			.until = NOW + DAY,
			.from = 1,
			.algorithm = specs[i].algorithm,
			.rsa_bits = specs[i].rsa_bits});

		write_pair(&signer);
		maker = (struct pps_signature_maker){
			.cert = fixture_path("cert"), .key = fixture_path("key")};
		CU_ASSERT_STRING_EQUAL(make(&maker), "");
	}
	end();
}

static void the_chain_goes_along_from_either_file(void)
{
	struct identity between, carol;
	struct pps_signature_maker maker;

	begin();
	between = fixture_make(&(struct spec){.name = "Between",
		.issuer = &root,
		.ca = "CA:TRUE",
		.from = 1,
		.until = NOW + DAY});
	carol = fixture_make(
		&(struct spec){.name = "Carol", .issuer = &between, .from = 1, .until = NOW + DAY});
	write_pair(&carol);
	fixture_write_certs("chain", 1, (const struct identity *[]){&between});
	maker = (struct pps_signature_maker){.cert = fixture_path("cert"),
		.key = fixture_path("key"),
		.chain = fixture_path("chain")};
	CU_ASSERT_STRING_EQUAL(make(&maker), "");
	pps_policy_bundle_fini(&bundle);
	fixture_bundle(&bundle);
	fixture_write_certs("cert", 2, (const struct identity *[]){&carol, &between});
	maker.chain = NULL;
	CU_ASSERT_STRING_EQUAL(make(&maker), "");
	end();
}

static void a_passphrase_is_asked_for_and_must_be_right(void)
{
	char right[] = "open sesame", wrong[] = "open barley";
	struct pps_signature_maker maker;

	begin();
	write_pair(&alice);
	fixture_write_key("key", alice.key, right);
	maker = (struct pps_signature_maker){.cert = fixture_path("cert"),
		.key = fixture_path("key"),
		.passphrase = say_secret,
		.aux = right};
	CU_ASSERT_STRING_EQUAL(make(&maker), "");
	maker.aux = wrong;
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "or the passphrase is wrong"));
	maker.passphrase = NULL;
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "or the passphrase is wrong"));
	end();
}

static void what_would_count_nowhere_is_not_made(void)
{
	struct identity old, small, other, edwards;
	struct pps_signature_maker maker;

	begin();
	old = fixture_make(
		&(struct spec){.name = "Old", .issuer = &root, .from = 1, .until = 1000000000});
	small = fixture_make(&(struct spec){
		.name = "Small", .issuer = &root, .from = 1, .until = NOW + DAY, .rsa_bits = 1024});
	other = fixture_make(&(struct spec){.name = "Other", .issuer = &root});
	maker = (struct pps_signature_maker){
		.cert = fixture_path("cert"), .key = fixture_path("key")};
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "cert: No such file or directory"));
	write_pair(&old);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(make(&maker), "the certificate expired at 2001-09-09T01:46:40Z"));
	write_pair(&small);
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "its key of 1024 bits is too weak"));
	edwards = fixture_make(&(struct spec){.name = "Ed",
		.issuer = &root,
		.from = 1,
		.until = NOW + DAY,
		.algorithm = "ED25519"});
	write_pair(&edwards);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		make(&maker), "its key is neither of RSA nor of an elliptic curve with ECDSA"));
	write_pair(&alice);
	fixture_write_key("key", other.key, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "key is not the key of the certificate in"));
	fixture_write("key", "none", 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "key has no private key in it (PEM)"));
	fixture_write("cert", "none", 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(make(&maker), "cert has no certificate in it"));
	end();
}

static const struct unit_test tests[] = {
	UNIT_TEST(signature_files_are_found_by_their_names_in_order),
	UNIT_TEST(what_is_no_file_is_there_with_its_error),
	UNIT_TEST(too_many_files_and_no_folder_are_errors),
	UNIT_TEST(files_come_back_from_json_as_they_were),
	UNIT_TEST(json_that_is_no_signature_files_is_refused),
	UNIT_TEST(a_signature_that_is_made_counts),
	UNIT_TEST(the_chain_goes_along_from_either_file),
	UNIT_TEST(a_passphrase_is_asked_for_and_must_be_right),
	UNIT_TEST(what_would_count_nowhere_is_not_made),
};

int main(void)
{
	return unit_run("signature_files", tests, UNIT_COUNT(tests));
}
