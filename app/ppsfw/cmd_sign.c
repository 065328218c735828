/* SPDX-License-Identifier: BSD-3-Clause */

/* sign and verify: signatures of a policy, made and judged here. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pps_signature.h>

#include "cli.h"

#define PASSPHRASE_FILE_MAX 4096

/* ---- sign ---- */

/* The first line of the file that --passin names, or what is typed. */
static int read_passphrase(char *text, int size, int write, void *aux)
{
	const struct cli *cli = aux;
	char *line = NULL, *typed = NULL, *prompt;
	size_t len = 0;
	int ret = 0;

	(void)write;
	if (cli->passin != NULL) {
		ret = pps_file_read(cli->passin, PASSPHRASE_FILE_MAX, &line, &len);
		if (ret < 0)
			failure(cli, "%s: %s", cli->passin, pps_file_error(ret));
	} else {
		prompt = pps_asprintf("passphrase of %s: ", cli->key);
		typed = getpass(prompt);
		free(prompt);
		line = typed != NULL ? pps_strdup(typed) : NULL;
	}
	if (ret == 0 && line != NULL)
		ret = snprintf(text, (size_t)size, "%.*s", (int)strcspn(line, "\r\n"), line);
	if (line != NULL)
		explicit_bzero(line, strlen(line));
	if (typed != NULL)
		explicit_bzero(typed, strlen(typed));
	free(line);
	return ret < size ? ret : -1;
}

/* Never over a file that is there: it may be another's signature. 0 or a negative errno. */
static int write_new(const char *path, const struct pps_str *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, bytes->text, bytes->len) != (ssize_t)bytes->len)
		ret = -EIO;
	if (close(fd) != 0)
		ret = -errno;
	if (ret < 0)
		unlink(path);
	return ret;
}

/* Where it was written, which the caller frees; NULL after saying why not. */
static char *write_signature(const struct cli *cli, const struct pps_str *bytes)
{
	char *path = cli->out_file != NULL ? pps_strdup(cli->out_file) : NULL;
	int ret = -EEXIST;

	if (path != NULL)
		ret = write_new(path, bytes);
	for (unsigned int i = 1; cli->out_file == NULL && i <= PPS_SIGNATURE_FILES_MAX; i++) {
		free(path);
		path = pps_asprintf("%s.%u.p7s", cli->argv[0], i);
		ret = write_new(path, bytes);
		if (ret != -EEXIST)
			break;
	}
	if (ret == 0)
		return path;
	failure(cli, "%s: %s", path,
		ret == -EEXIST ? "it is there already, and is not written over" : strerror(-ret));
	free(path);
	return NULL;
}

static void print_signed(
	struct cli *cli, const char *path, const char *subject, const struct pps_policy *policy)
{
	json_t *answer;

	if (cli->json) {
		answer = json_pack("{s:o, s:o, s:s, s:I, s:s}", "file", make_text(path), "subject",
			make_text(subject), "policy", policy->name, "revision",
			(json_int_t)policy->revision, "digest", policy->digest);
		out_json(&cli->out, answer);
		json_decref(answer);
	} else if (cli->verbose || cli->out.terminal) {
		out_line(&cli->out, STYLE_PLAIN,
			"policy %s revision %" PRIu64 ", digest %s, is signed by %s: %s",
			policy->name, policy->revision, policy->digest, subject, path);
	}
}

enum status cmd_sign(struct cli *cli)
{
	const struct pps_signature_maker maker = {.cert = cli->cert,
		.key = cli->key,
		.chain = cli->chain,
		.passphrase = read_passphrase,
		.aux = cli};
	struct pps_policy_bundle bundle = {0};
	struct pps_str bytes = PPS_STR_INIT;
	struct pps_errors errors = {0};
	char *subject = NULL, *path = NULL;
	struct pps_policy *policy;

	if (!has_arguments(cli, 1, 1))
		return CLI_USAGE;
	if (cli->cert == NULL || cli->key == NULL)
		return usage_error(cli, "%s is missing", cli->cert == NULL ? "--cert" : "--key");
	policy = read_new_policy(cli, cli->argv[0], &bundle);
	if (policy != NULL && pps_signature_make(&maker, &bundle, &bytes, &subject, &errors))
		path = write_signature(cli, &bytes);
	if (path != NULL)
		print_signed(cli, path, subject, policy);
	for (size_t i = 0; i < errors.n; i++)
		failure(cli, "%s", errors.items[i].text);
	if (errors.n > 0)
		print_errors_json(cli, "not signed", &errors);
	pps_policy_destroy(policy);
	pps_policy_bundle_fini(&bundle);
	pps_errors_fini(&errors);
	pps_str_fini(&bytes);
	free(subject);
	return path != NULL ? (free(path), CLI_OK) : CLI_FAILED;
}

/* ---- verify ---- */

static char *copy(const char *text)
{
	return text != NULL && *text != '\0' ? pps_strdup(text) : NULL;
}

static void free_rules(struct pps_signature_rules *rules)
{
	for (size_t i = 0; i < rules->n_subjects; i++)
		free(rules->subjects[i]);
	free(rules->subjects);
	free(rules->ca);
	free(rules->crl);
	free(rules->usage);
}

static enum status rules_of_options(struct cli *cli, struct pps_signature_rules *ret)
{
	if (cli->usage != NULL && !pps_signature_usage_is_known(cli->usage))
		return usage_error(
			cli, "--eku: \"%s\" is neither an OID nor the name of one", cli->usage);
	*ret = (struct pps_signature_rules){.ca = copy(cli->ca),
		.crl = copy(cli->crl),
		.usage = copy(cli->usage),
		.required = cli->required > 0 ? (uint32_t)cli->required : 1,
		.subjects = pps_alloc(sizeof(cli->subjects))};
	for (size_t i = 0; i < cli->n_subjects; i++)
		ret->subjects[ret->n_subjects++] = pps_strdup(cli->subjects[i]);
	return CLI_OK;
}

/* What the daemon asks for. */
static enum status rules_of_daemon(struct cli *cli, struct pps_signature_rules *ret)
{
	const json_t *rules, *subjects, *item;
	json_t *answer;
	size_t i;

	if (call_daemon(cli, "status", json_object(), &answer) != CLI_OK)
		return CLI_FAILED;
	rules = json_object_get(answer, "signatures");
	subjects = json_object_get(rules, "subjects");
	*ret = (struct pps_signature_rules){.ca = copy(get_text(rules, "ca")),
		.crl = copy(get_text(rules, "crl")),
		.usage = copy(get_text(rules, "extended_key_usage")),
		.required = (uint32_t)get_count(rules, "signatures_required"),
		.subjects = pps_alloc((json_array_size(subjects) + 1) * sizeof(char *))};
	json_array_foreach(subjects, i, item)
	{
		if (json_is_string(item))
			ret->subjects[ret->n_subjects++] = pps_strdup(json_string_value(item));
	}
	json_decref(answer);
	return ret->ca != NULL ? CLI_OK
			       : failure(cli,
					 "the daemon asks for no signatures: name those that "
					 "count with --ca");
}

static void print_signers(struct cli *cli, const struct pps_signers *signers)
{
	for (size_t i = 0; i < signers->n; i++) {
		const struct pps_signer *signer = &signers->items[i];
		const char *subject = signer->subject != NULL ? signer->subject : "";

		out(&cli->out, STYLE_PLAIN, "%s: ", signer->file);
		out(&cli->out, signer->why == NULL ? STYLE_GOOD : STYLE_BAD, "%s",
			signer->why == NULL ? "counts" : "does not count");
		out_line(&cli->out, STYLE_PLAIN, ": %s%s%s%s", subject,
			*subject != '\0' ? (signer->why == NULL ? ", valid until " : ": ") : "",
			signer->why == NULL ? signer->until : "",
			signer->why == NULL ? "" : signer->why);
	}
}

/* What is wrong as a whole; of each signature it was printed. */
static void say_why_not(const struct cli *cli, const struct pps_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct pps_error *item = &errors->items[i];

		if (*item->path == '\0' || strcmp(item->path, "signatures") == 0)
			failure(cli, "%s: %s%s%s", cli->argv[0], item->path,
				*item->path == '\0' ? "" : ": ", item->text);
	}
}

static void print_verdict(struct cli *cli, const struct pps_signature_rules *rules,
	const struct pps_policy_bundle *bundle, const struct pps_signers *signers,
	const struct pps_errors *errors)
{
	bool ok = errors->n_total == 0;
	char digest[PPS_DIGEST_TEXT];
	json_t *answer;

	if (cli->json) {
		pps_policy_bundle_digest(bundle, digest);
		answer = json_pack("{s:o, s:b, s:I, s:I, s:s, s:o, s:o}", "file",
			make_text(cli->argv[0]), "ok", ok, "required", (json_int_t)rules->required,
			"counted", (json_int_t)signers->n_counted, "digest", digest, "signers",
			pps_signers_json(signers), "errors", make_errors(errors));
		out_json(&cli->out, answer);
		json_decref(answer);
		return;
	}
	print_signers(cli, signers);
	say_why_not(cli, errors);
	out(&cli->out, STYLE_PLAIN, "%s: ", cli->argv[0]);
	out(&cli->out, ok ? STYLE_GOOD : STYLE_BAD, "%s", ok ? "ok" : "not ok");
	out_line(&cli->out, STYLE_PLAIN, ": signed by %zu, %u required", signers->n_counted,
		rules->required);
}

enum status cmd_verify(struct cli *cli)
{
	struct pps_signature_rules rules = {0};
	struct pps_policy_bundle bundle = {0};
	struct pps_signers signers = {0};
	struct pps_errors errors = {0};
	enum status status;

	if (!has_arguments(cli, 1, 1))
		return CLI_USAGE;
	if (cli->ca == NULL &&
		(cli->crl != NULL || cli->usage != NULL || cli->required > 0 ||
			cli->n_subjects > 0))
		return usage_error(cli, "--ca is missing");
	status = cli->ca != NULL ? rules_of_options(cli, &rules) : rules_of_daemon(cli, &rules);
	if (status == CLI_OK) {
		if (pps_policy_bundle_read(cli->argv[0], &bundle, &errors) &&
			pps_signature_read(cli->argv[0], &bundle, &errors))
			pps_signature_check(
				&rules, &bundle, pps_time_wall_ns(), true, &signers, &errors);
		status = errors.n_total == 0 ? CLI_OK : CLI_FAILED;
		print_verdict(cli, &rules, &bundle, &signers, &errors);
	}
	free_rules(&rules);
	pps_policy_bundle_fini(&bundle);
	pps_signers_fini(&signers);
	pps_errors_fini(&errors);
	return status;
}
