/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Golden files: NN-topic.json is a policy, and beside it stands what must come of it:
 *
 *     NN-topic.ok      it is accepted, and this is its canonical print
 *     NN-topic.err     it is refused with exactly these errors
 *     NN-topic.lint    (with .ok) what lint finds in it
 *
 * The hundreds say what a file is about: 1 accepted, 2 refused for its shape (the JSON schema
 * refuses it too), 3 refused for what only shows between values, 4 accepted but found by lint.
 *
 *     golden [--update] FOLDER [FILE ...]
 *
 * FILEs are example policies: accepted, without a warning. --update writes what came out as what
 * must come out; read the difference before you believe it. TAP on standard output.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pps_policy.h>
#include <pps_shape.h>

#define NOW       "2027-01-01T00:00:00Z" /* for lint */
#define BYTES_MAX (1u << 20)

struct run {
	const char *folder;
	bool update;
	unsigned int n;
	unsigned int n_failed;
};

static void report(struct run *run, const char *name, const char *why)
{
	printf("%sok %u - ", why == NULL ? "" : "not ", ++run->n);
	for (; *name != '\0'; name++)
		putchar(*name == '-' ? ' ' : *name);
	putchar('\n');
	if (why != NULL) {
		printf("# %s\n", why);
		run->n_failed++;
	}
}

static void print_diagnostic(const char *title, const char *text)
{
	printf("# --- %s\n", title);
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		printf("# %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static char *file_path(const struct run *run, const char *name, const char *extension)
{
	return pps_asprintf("%s/%s.%s", run->folder, name, extension);
}

static char *read_expected(const struct run *run, const char *name, const char *extension)
{
	char *path = file_path(run, name, extension), *text = NULL;
	size_t len;

	if (pps_file_read(path, BYTES_MAX, &text, &len) < 0)
		text = NULL;
	free(path);
	return text;
}

static void write_expected(
	const struct run *run, const char *name, const char *extension, const char *text)
{
	char *path = file_path(run, name, extension);
	FILE *file = fopen(path, "w");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
		fprintf(stderr, "golden: %s: %s\n", path, strerror(errno));
		exit(99);
	}
	free(path);
}

/* Compares with the file of that extension; NULL text: there must be none. */
static bool same_as_expected(
	const struct run *run, const char *name, const char *extension, const char *text)
{
	char *path = file_path(run, name, extension), *expected;
	bool same;

	if (run->update && text == NULL)
		remove(path);
	else if (run->update)
		write_expected(run, name, extension, text);
	free(path);
	expected = read_expected(run, name, extension);
	same = text == NULL ? expected == NULL : expected != NULL && strcmp(text, expected) == 0;
	if (!same) {
		print_diagnostic(extension, expected != NULL ? expected : "(no such file)");
		print_diagnostic("what came out", text != NULL ? text : "(nothing of that kind)");
	}
	free(expected);
	return same;
}

static void print_findings(const struct pps_policy *policy, struct pps_str *out)
{
	struct pps_findings findings = {0};
	uint64_t now_ns = 0;

	pps_time_parse(NOW, &now_ns);
	pps_shape_lint(policy, now_ns, &findings);
	pps_policy_lint(policy, now_ns, &findings);
	for (size_t i = 0; i < findings.n; i++)
		pps_str_addf(out, "%s %s %s: %s; %s\n",
			pps_severity_word(findings.items[i].severity),
			pps_finding_word(findings.items[i].kind), findings.items[i].path,
			findings.items[i].text, findings.items[i].advice);
	pps_findings_fini(&findings);
}

/* What is printed reads back as the same policy, which prints the same. */
static bool survives_printing(const struct run *run, const char *name, const char *printed)
{
	char *path = file_path(run, name, "json");
	struct pps_policy_bundle bundle;
	struct pps_errors errors = {0};
	struct pps_str again = PPS_STR_INIT, text = PPS_STR_INIT;
	struct pps_policy *policy = NULL;
	bool survives = false;

	/* With the files that came with it. */
	if (pps_policy_bundle_read(path, &bundle, &errors)) {
		free(bundle.text);
		bundle.text = pps_strdup(printed);
		bundle.len = strlen(printed);
		policy = pps_policy_parse_bundle(&bundle, &errors);
	}
	pps_policy_bundle_fini(&bundle);
	free(path);

	if (policy != NULL) {
		pps_policy_print(policy, &again);
		survives = strcmp(pps_str_text(&again), printed) == 0;
		if (!survives)
			print_diagnostic("printed again", pps_str_text(&again));
	} else {
		pps_errors_print(&errors, &text);
		print_diagnostic("the printed policy is refused", pps_str_text(&text));
	}
	pps_policy_destroy(policy);
	pps_errors_fini(&errors);
	pps_str_fini(&again);
	pps_str_fini(&text);
	return survives;
}

static const char *check_accepted(
	const struct run *run, const char *name, const struct pps_policy *policy)
{
	struct pps_str printed = PPS_STR_INIT, found = PPS_STR_INIT;
	bool wants_lint = name[0] == '4';
	const char *why = NULL;

	pps_policy_print(policy, &printed);
	print_findings(policy, &found);
	if (!same_as_expected(run, name, "err", NULL) ||
		!same_as_expected(run, name, "ok", pps_str_text(&printed)))
		why = "not the expected print";
	else if (!survives_printing(run, name, pps_str_text(&printed)))
		why = "the print does not read back as the same policy";
	else if (!same_as_expected(run, name, "lint", wants_lint ? pps_str_text(&found) : NULL))
		why = "not the expected findings";
	pps_str_fini(&printed);
	pps_str_fini(&found);
	return why;
}

static const char *check_refused(
	const struct run *run, const char *name, const struct pps_errors *errors)
{
	struct pps_str text = PPS_STR_INIT;
	const char *why = NULL;

	pps_errors_print(errors, &text);
	if (!same_as_expected(run, name, "ok", NULL) ||
		!same_as_expected(run, name, "err", pps_str_text(&text)))
		why = "not the expected errors";
	pps_str_fini(&text);
	return why;
}

static void run_golden(struct run *run, const char *name)
{
	char *path = file_path(run, name, "json");
	struct pps_errors errors = {0};
	struct pps_policy *policy = pps_policy_load(path, &errors);

	if (policy != NULL)
		report(run, name, check_accepted(run, name, policy));
	else
		report(run, name, check_refused(run, name, &errors));
	pps_policy_destroy(policy);
	pps_errors_fini(&errors);
	free(path);
}

static void run_example(struct run *run, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct pps_errors errors = {0};
	struct pps_str text = PPS_STR_INIT;
	struct pps_policy *policy = pps_policy_load(path, &errors);
	char *name = pps_asprintf("example %s", slash != NULL ? slash + 1 : path);

	if (policy != NULL)
		print_findings(policy, &text);
	else
		pps_errors_print(&errors, &text);
	if (policy != NULL && strstr(pps_str_text(&text), "warning ") == NULL) {
		report(run, name, NULL);
	} else {
		print_diagnostic(path, pps_str_text(&text));
		report(run, name, "refused, or accepted with warnings");
	}
	pps_policy_destroy(policy);
	pps_errors_fini(&errors);
	pps_str_fini(&text);
	free(name);
}

static int is_policy(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static void run_folder(struct run *run)
{
	struct dirent **entries;
	int n = scandir(run->folder, &entries, is_policy, alphasort);

	if (n < 0) {
		fprintf(stderr, "golden: %s: %s\n", run->folder, strerror(errno));
		exit(99);
	}
	for (int i = 0; i < n; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - 5] = '\0';
		run_golden(run, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	struct run run = {0};
	int i = 1;

	if (i < argc && strcmp(argv[i], "--update") == 0) {
		run.update = true;
		i++;
	}
	if (i == argc) {
		fprintf(stderr, "usage: golden [--update] FOLDER [FILE ...]\n");
		return 2;
	}
	run.folder = argv[i++];
	run_folder(&run);
	for (; i < argc; i++)
		run_example(&run, argv[i]);
	printf("1..%u\n", run.n);
	return run.n_failed == 0 ? 0 : 1;
}
