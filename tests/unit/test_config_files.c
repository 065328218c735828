/* SPDX-License-Identifier: BSD-3-Clause */

/* What is shipped beside ppsfwd says what its tables say: example, schema, manual page. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../app/ppsfwd/config_priv.h"
#include "unit.h"

/* A file of the source tree, or NULL after saying why. The caller frees it. */
static char *read_source(const char *name)
{
	const char *root = getenv("PPSFW_SOURCE");
	char *path, *text = NULL;
	size_t len;

	if (!root) {
		unit_skip("PPSFW_SOURCE does not name the source tree");
		return NULL;
	}
	path = pps_asprintf("%s/%s", root, name);
	CU_ASSERT_EQUAL(pps_file_read(path, 1 << 20, &text, &len), 0);
	free(path);
	return text;
}

static void the_examples_are_good(void)
{
	static const char *const names[] = {"ppsfwd.example.json", "ppsfwd.observer.json"};
	const char *root = getenv("PPSFW_SOURCE");
	struct config *config;
	size_t i;

	if (!root) {
		unit_skip("PPSFW_SOURCE does not name the source tree");
		return;
	}
	for (i = 0; i < UNIT_COUNT(names); i++) {
		char *path = pps_asprintf("%s/config/%s", root, names[i]);
		struct pps_str printed = PPS_STR_INIT;
		struct pps_errors errors = {0};

		config = config_load(path, &errors);
		pps_errors_print(&errors, &printed);
		CU_ASSERT_STRING_EQUAL(pps_str_text(&printed), "");
		CU_ASSERT_PTR_NOT_NULL(config);
		config_free(config);
		pps_str_fini(&printed);
		pps_errors_fini(&errors);
		free(path);
	}
}

/* The schema's object of a table: {"properties", "required", ...}. */
static const json_t *schema_object(const json_t *schema, const char *object)
{
	const json_t *properties = json_object_get(schema, "properties"), *value;

	if (!*object)
		return schema;
	value = json_object_get(properties, object);
	return json_object_get(value, "items") ? json_object_get(value, "items") : value;
}

static bool is_required(const json_t *object, const char *key)
{
	const json_t *list = json_object_get(object, "required"), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (!strcmp(json_string_value(item), key))
			return true;
	}
	return false;
}

static void the_schema_has_the_keys_of_the_tables(void)
{
	struct pps_errors errors = {0};
	const struct config_table *table;
	const struct pps_json_field *field;
	const json_t *object, *properties, *property;
	char *text = read_source("config/ppsfwd.schema.json");
	json_t *schema;
	size_t i, k;

	if (!text)
		return;
	schema = pps_json_parse(text, strlen(text), &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
	for (i = 0; i < CONFIG_TABLES; i++) {
		table = &config_tables[i];
		object = schema_object(schema, table->object);
		properties = json_object_get(object, "properties");
		CU_ASSERT_EQUAL(json_object_size(properties), table->n);
		CU_ASSERT_TRUE(json_is_false(json_object_get(object, "additionalProperties")));
		for (k = 0; k < table->n; k++) {
			field = &table->fields[k];
			property = json_object_get(properties, field->key);
			if (!property)
				fprintf(stderr, "# the schema lacks %s\n", field->key);
			CU_ASSERT_PTR_NOT_NULL_FATAL(property);
			CU_ASSERT_STRING_EQUAL(
				json_string_value(json_object_get(property, "description")),
				field->help);
			CU_ASSERT_EQUAL(is_required(object, field->key), field->required);
		}
	}
	json_decref(schema);
	free(text);
}

/* Compares the "default" of each property with what a file without the key gives. */
static void compare_defaults(const json_t *object, const json_t *printed)
{
	json_t *properties = json_object_get(object, "properties"), *property, *value;
	const char *key;

	json_object_foreach(properties, key, property)
	{
		value = json_object_get(printed, key);
		if (json_object_get(property, "properties"))
			compare_defaults(property, value);
		if (!json_object_get(property, "default"))
			continue;
		if (!json_equal(json_object_get(property, "default"), value))
			fprintf(stderr, "# the default of %s differs\n", key);
		CU_ASSERT_TRUE(json_equal(json_object_get(property, "default"), value));
	}
}

static void the_schema_has_the_defaults(void)
{
	struct pps_str printed = PPS_STR_INIT;
	struct pps_errors errors = {0};
	struct config *config;
	const char minimal[] = "{\"policy\":\"p\",\"segments\":[{\"name\":\"s\","
			       "\"inside\":\"a\",\"outside\":\"b\"}]}";
	char path[] = "/tmp/test_config.XXXXXX";
	char *text = read_source("config/ppsfwd.schema.json");
	json_t *schema, *document;
	int fd;

	if (!text)
		return;
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0 && write(fd, minimal, strlen(minimal)) == (ssize_t)strlen(minimal));
	close(fd);
	config = config_load(path, &errors);
	unlink(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	config_print(config, &printed);
	document = pps_json_parse(pps_str_text(&printed), printed.len, &errors);
	schema = pps_json_parse(text, strlen(text), &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
	compare_defaults(schema, document);
	json_decref(schema);
	json_decref(document);
	config_free(config);
	pps_str_fini(&printed);
	free(text);
}

static void the_manual_page_has_every_key(void)
{
	const struct config_table *table;
	char *page = read_source("app/ppsfwd/ppsfwd.8"), *line;
	size_t i, k;

	if (!page)
		return;
	for (i = 0; i < CONFIG_TABLES; i++) {
		table = &config_tables[i];
		for (k = 0; k < table->n; k++) {
			line = pps_asprintf("\n.It Cm %s%s%s\n", table->object,
				*table->object ? "." : "", table->fields[k].key);
			if (!strstr(page, line))
				fprintf(stderr, "# the page lacks:%s", line != NULL ? line : "");
			CU_ASSERT_PTR_NOT_NULL(strstr(page, line));
			free(line);
		}
	}
	free(page);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_examples_are_good),
	UNIT_TEST(the_schema_has_the_keys_of_the_tables),
	UNIT_TEST(the_schema_has_the_defaults),
	UNIT_TEST(the_manual_page_has_every_key),
};

int main(void)
{
	return unit_run("config_files", tests, UNIT_COUNT(tests));
}
