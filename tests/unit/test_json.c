/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <pps_json.h>

struct rule {
	char *id;
	uint32_t ports;
	uint64_t limit;
	bool log;
};

static const struct pps_json_field rule_fields[] = {
	{"id", pps_json_read_string, offsetof(struct rule, id), .required = true, .help = "name"},
	{"ports", pps_json_read_u32, offsetof(struct rule, ports), .required = true},
	{"limit", pps_json_read_u64, offsetof(struct rule, limit)},
	{"log", pps_json_read_bool, offsetof(struct rule, log)},
	{"mitigations", NULL, 0, .refused = "this build does not know mitigations"},
};

/* Reads 'text' as a rule; the errors as they print. The caller frees both. */
static char *read_rule(const char *text, struct rule *rule)
{
	struct pps_errors errors = {0};
	struct pps_str out = PPS_STR_INIT;
	struct pps_json_path approved = {.key = "approved"};
	struct pps_json_path third = {.parent = &approved, .index = 2};
	json_t *value = pps_json_parse(text, strlen(text), &errors);
	bool ok = value != NULL &&
		pps_json_read_object(
			value, &third, rule_fields, UNIT_COUNT(rule_fields), rule, NULL, &errors);

	CU_ASSERT_EQUAL(ok, errors.n_total == 0);
	pps_errors_print(&errors, &out);
	pps_errors_fini(&errors);
	json_decref(value);
	return pps_str_take(&out);
}

static void object_is_read_by_its_table(void)
{
	struct rule rule = {0};
	char *errors = read_rule(
		"{\"id\": \"PPS-1\", \"ports\": 443, \"limit\": 5000000000, \"log\": true}", &rule);

	CU_ASSERT_STRING_EQUAL(errors, "");
	CU_ASSERT_STRING_EQUAL(rule.id, "PPS-1");
	CU_ASSERT_EQUAL(rule.ports, 443);
	CU_ASSERT_EQUAL(rule.limit, 5000000000);
	CU_ASSERT(rule.log);
	free(rule.id);
	free(errors);
}

static void every_error_is_reported_with_place_and_text(void)
{
	static const struct {
		const char *text, *errors;
	} cases[] = {
		{"[1]", "approved[2]: [1] is not an object\n"},
		{"\"x\"", "approved[2]: \"x\" is not an object\n"},
		{"{}", "approved[2]: missing key \"id\"\napproved[2]: missing key \"ports\"\n"},
		{"{\"id\":\"a\",\"prots\":1}",
			"approved[2]: unknown key \"prots\" (did you mean \"ports\"?)\n"
			"approved[2]: missing key \"ports\"\n"},
		{"{\"id\":\"a\",\"ports\":1,\"colour\":1}",
			"approved[2]: unknown key \"colour\"\n"},
		{"{\"id\":\"a\",\"ports\":1,\"\\n\":1}", "approved[2]: unknown key \"\\n\"\n"},
		{"{\"mitigations\":[],\"id\":\"a\",\"ports\":1}",
			"approved[2].mitigations: this build does not know mitigations\n"},
		{"{\"id\":7,\"ports\":\"x\",\"limit\":-1,\"log\":0}",
			"approved[2].id: 7 is not a string\n"
			"approved[2].ports: \"x\" is not a whole number (0-4294967295)\n"
			"approved[2].limit: -1 is not a whole number (0-9223372036854775807)\n"
			"approved[2].log: 0 is not true or false\n"},
		{"{\"id\":\"a\",\"ports\":4294967296}",
			"approved[2].ports: 4294967296 is not a whole number (0-4294967295)\n"},
		{"{\"id\":\"a\",\"ports\":1.0}",
			"approved[2].ports: 1.0 is not a whole number (0-4294967295)\n"},
		{"{\"id\":null,\"ports\":1}", "approved[2].id: null is not a string\n"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct rule rule = {0};
		char *errors = read_rule(cases[i].text, &rule);

		CU_ASSERT_STRING_EQUAL(errors, cases[i].errors);
		free(rule.id);
		free(errors);
	}
}

static void syntax_errors_name_line_and_column(void)
{
	static const struct {
		const char *text, *place, *part;
	} cases[] = {
		{"", "line 1, column 0", "end of file"},
		{"{\n  \"a\": 1,\n  \"b\": nonsense\n}", "line 3, column 15", "nonsense"},
		{"{\"a\": 1, \"a\": 2}", "line 1, column 12", "duplicate object key"},
		{"{} x", "line 1, column 4", "end of file expected"},
		{"\"a\n\"", "line 1, column 2", "unexpected newline"},
		{"[1,]", "line 1, column 4", "']'"},
		{"99999999999999999999", "line 1, column 20", "too big integer"},
		{"\"\\u0000\"", "line 1, column 8", "\\u0000"},
		{"\"\xff\"", "line 1, column 1", "0xff"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_errors errors = {0};

		CU_ASSERT_PTR_NULL(pps_json_parse(cases[i].text, strlen(cases[i].text), &errors));
		CU_ASSERT_EQUAL_FATAL(errors.n, 1);
		CU_ASSERT_STRING_EQUAL(errors.items[0].path, cases[i].place);
		CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, cases[i].part));
		CU_ASSERT_PTR_NULL(strpbrk(errors.items[0].text, "\n\r"));
		pps_errors_fini(&errors);
	}
}

static void nul_bytes_and_bottomless_nesting_are_errors(void)
{
	struct pps_errors errors = {0};
	char deep[100000];

	CU_ASSERT_PTR_NULL(pps_json_parse("{}\0", 3, &errors));
	CU_ASSERT_PTR_NULL(pps_json_parse("\"a\0b\"", 5, &errors));
	memset(deep, '[', sizeof(deep));
	CU_ASSERT_PTR_NULL(pps_json_parse(deep, sizeof(deep), &errors));
	CU_ASSERT_EQUAL(errors.n, 3);
	pps_errors_fini(&errors);
}

static void no_cut_or_changed_text_crashes_the_parser(void)
{
	static const char good[] =
		"{\"policy\": \"w\xc3\xa4\\u00e4\", \"revision\": 7, \"g\": {\"a\": "
		"[1.5e3, -2, true, null, \"x\\n\"]}}";
	unsigned int seed = 2;

	for (int i = 0; i < 20000; i++) {
		struct pps_errors errors = {0};
		size_t len = (size_t)rand_r(&seed) % sizeof(good);
		char text[sizeof(good)];
		json_t *value;

		memcpy(text, good, sizeof(good));
		for (int j = rand_r(&seed) % 4; j > 0; j--)
			text[(size_t)rand_r(&seed) % sizeof(good)] = (char)rand_r(&seed);
		value = pps_json_parse(text, len, &errors);
		CU_ASSERT_EQUAL(value == NULL, errors.n == 1);
		json_decref(value);
		pps_errors_fini(&errors);
	}
}

static void paths_print_as_people_write_them(void)
{
	struct pps_json_path groups = {.key = "groups"};
	struct pps_json_path plain = {.parent = &groups, .key = "web-servers_2"};
	struct pps_json_path spaced = {.parent = &groups, .key = "web servers"};
	struct pps_json_path hostile = {.parent = &groups, .key = "a\"]\n.b"};
	struct pps_json_path digits = {.parent = &groups, .key = "7"};
	struct pps_json_path empty = {.parent = &groups, .key = ""};
	struct pps_json_path element = {.parent = &spaced, .index = 3};
	struct pps_json_path deeper = {.parent = &element, .key = "x"};
	struct pps_json_path root = {0};
	struct pps_json_path root_element = {.parent = &root, .index = 1};
	const struct {
		const struct pps_json_path *path;
		const char *text;
	} cases[] = {
		{NULL, ""},
		{&groups, "groups"},
		{&plain, "groups.web-servers_2"},
		{&spaced, "groups[\"web servers\"]"},
		{&hostile, "groups[\"a\\\"]\\n.b\"]"},
		{&digits, "groups[\"7\"]"},
		{&empty, "groups[\"\"]"},
		{&deeper, "groups[\"web servers\"][3].x"},
		{&root, ""},
		{&root_element, "[1]"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_str out = PPS_STR_INIT;

		pps_json_path_print(cases[i].path, &out);
		CU_ASSERT_STRING_EQUAL(pps_str_text(&out), cases[i].text);
		pps_str_fini(&out);
	}
}

static void path_is_added_behind_what_the_string_holds(void)
{
	struct pps_json_path key = {.key = "a"};
	struct pps_str out = PPS_STR_INIT;

	pps_str_add(&out, "at ");
	pps_json_path_print(&key, &out);
	CU_ASSERT_STRING_EQUAL(out.text, "at a");
	pps_str_fini(&out);
}

static void quotes_are_short_and_whole_characters(void)
{
	json_t *list = json_array();
	json_t *accents = json_string("x\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
				      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
				      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
				      "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
				      "\xc3\xa4\xc3\xa4\xc3\xa4");
	json_t *accents_odd = json_pack("[O]", accents);
	const char *first, *text;

	for (int i = 0; i < 10000; i++)
		json_array_append_new(list, json_integer(i));
	first = pps_json_quote(list);
	CU_ASSERT_EQUAL(strlen(first), 63);
	CU_ASSERT_NSTRING_EQUAL(first, "[0,1,2,3,", 9);
	CU_ASSERT_STRING_EQUAL(first + 60, "...");
	for (int i = 0; i < 2; i++) {
		json_t *cut;

		text = pps_json_quote(i == 0 ? accents : accents_odd);
		cut = json_stringn(text, strlen(text));
		CU_ASSERT_PTR_NOT_NULL(cut); /* valid UTF-8 */
		CU_ASSERT_STRING_EQUAL(text + strlen(text) - 3, "...");
		json_decref(cut);
	}
	/* Three later quotes leave the first alone. */
	pps_json_quote(accents);
	CU_ASSERT_NSTRING_EQUAL(first, "[0,1,2,3,", 9);
	json_decref(list);
	json_decref(accents_odd);
	json_decref(accents);
}

static const struct unit_test tests[] = {
	UNIT_TEST(object_is_read_by_its_table),
	UNIT_TEST(every_error_is_reported_with_place_and_text),
	UNIT_TEST(syntax_errors_name_line_and_column),
	UNIT_TEST(nul_bytes_and_bottomless_nesting_are_errors),
	UNIT_TEST(no_cut_or_changed_text_crashes_the_parser),
	UNIT_TEST(paths_print_as_people_write_them),
	UNIT_TEST(path_is_added_behind_what_the_string_holds),
	UNIT_TEST(quotes_are_short_and_whole_characters),
};

int main(void)
{
	return unit_run("json", tests, UNIT_COUNT(tests));
}
