/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

static bool read_group(struct policy_reader *reader, struct group *group, unsigned int level,
	struct pps_errors *errors);

bool collect(struct collector *to, const struct pps_prefix *items, size_t n,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	size_t max = to->max != 0 ? to->max : LIST_MAX;
	struct pps_prefix_set *set = to->set;

	if (n == 0)
		return true;
	if (set->n + n > max) {
		pps_json_error(errors, path, "more than %zu addresses and prefixes", max);
		return false;
	}
	if (!reader_take_items(to->reader, n, path, errors))
		return false;
	if (set->n + n > to->size) {
		to->size = set->n + n > 2 * to->size ? set->n + n : 2 * to->size;
		set->items = pps_realloc(set->items, to->size * sizeof(items[0]));
	}
	memcpy(set->items + set->n, items, n * sizeof(items[0]));
	set->n += n;
	return true;
}

/* The group's prefixes; 'level' is how many groups are being read around it. */
static bool collect_group(struct collector *to, size_t index, unsigned int level,
	const json_t *value, const struct pps_json_path *path, struct pps_errors *errors)
{
	struct group *group = &to->reader->groups[index];

	if (group->state == GROUP_OPEN) {
		pps_json_error(errors, path, "%s contains itself", pps_json_quote(value));
		return false;
	}
	if (group->state == GROUP_UNREAD && level < GROUP_DEPTH_MAX)
		read_group(to->reader, group, level, errors);
	if (group->state == GROUP_UNREAD || level + group->depth > GROUP_DEPTH_MAX) {
		pps_json_error(errors, path, "%s: groups more than %u deep", pps_json_quote(value),
			GROUP_DEPTH_MAX);
		return false;
	}
	if (group->depth > to->depth)
		to->depth = group->depth;
	return collect(to, group->set.items, group->set.n, path, errors);
}

static const char *nearest_group(const struct policy_reader *reader, const char *text)
{
	size_t n = reader->n_groups < SUGGEST_MAX ? reader->n_groups : SUGGEST_MAX;
	const char *words[SUGGEST_MAX];
	const char *nearest;

	for (size_t i = 0; i < n; i++)
		words[i] = reader->groups[i].name;
	nearest = pps_nearest_word(text, words, n);
	return nearest;
}

/* Says what is wrong with a text that is neither an address nor a known group. */
static void refuse_member(const struct policy_reader *reader, const json_t *value, const char *why,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *text = json_string_value(value), *nearest = NULL;

	if (text[strspn(text, "0123456789./")] == '\0' || strpbrk(text, ":/") != NULL) {
		pps_json_error(errors, path, "%s %s", pps_json_quote(value), why);
		return;
	}
	if (errors->n < PPS_ERRORS_MAX)
		nearest = nearest_group(reader, text);
	if (nearest != NULL)
		pps_json_error(errors, path, "%s is not a known group (did you mean \"%s\"?)",
			pps_json_quote(value), nearest);
	else
		pps_json_error(errors, path, "%s is not a known group, an address or a prefix",
			pps_json_quote(value));
}

bool collect_member(struct collector *to, const json_t *value, unsigned int level,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *text = json_string_value(value), *why = "";
	struct pps_prefix prefix;
	const json_t *index;

	if (text == NULL) {
		pps_json_error(errors, path, "%s is not a group, an address or a prefix",
			pps_json_quote(value));
		return false;
	}
	if (pps_prefix_parse(text, &prefix, &why) == 0)
		return collect(to, &prefix, 1, path, errors);
	index = json_object_get(to->reader->group_index, text);
	if (index != NULL)
		return collect_group(
			to, (size_t)json_integer_value(index), level, value, path, errors);
	if (strcmp(text, "any") == 0)
		pps_json_error(errors, path, "\"any\" stands alone, not in a list or group");
	else
		refuse_member(to->reader, value, why, path, errors);
	return false;
}

static bool collect_members(struct collector *to, const json_t *value, unsigned int level,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	bool collected = check_list(value, path, LIST_MAX, errors);

	if (!collected)
		return false;
	for (size_t i = 0; i < list_size(value) && !to->reader->full; i++) {
		struct pps_json_path place = list_path(value, path, i);

		collected =
			collect_member(to, list_at(value, i), level, &place, errors) && collected;
	}
	prefixes_normalise(to->set);
	return collected;
}

static bool read_group(struct policy_reader *reader, struct group *group, unsigned int level,
	struct pps_errors *errors)
{
	struct pps_json_path top = {.key = "groups"};
	struct pps_json_path path = {.parent = &top, .key = group->name};
	struct collector to = {.reader = reader, .set = &group->set};
	bool read;

	if (group->state == GROUP_READ)
		return true;
	group->state = GROUP_OPEN;
	read = collect_members(&to, group->members, level + 1, &path, errors);
	group->state = GROUP_READ;
	group->depth = to.depth + 1;
	return read;
}

static void name_group(struct policy_reader *reader, const char *name, const json_t *members,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	if (!is_name(name, GROUP_SIGNS) || strcmp(name, "any") == 0) {
		pps_json_error(errors, path,
			"not a name for a group (1 to %u letters, digits, \".\", \"_\", \"-\", "
			"a letter among them, and not \"any\")",
			NAME_MAX_LEN);
		return;
	}
	json_object_set_new(reader->group_index, name, json_integer((json_int_t)reader->n_groups));
	reader->groups[reader->n_groups++] = (struct group){.name = name, .members = members};
}

void read_groups(struct policy_reader *reader, struct pps_errors *errors)
{
	struct pps_json_path top = {.key = "groups"};
	const json_t *groups = reader->groups_value;
	const char *name;
	json_t *members;

	if (groups == NULL)
		return;
	if (!json_is_object(groups)) {
		pps_json_error(
			errors, &top, "%s is not an object of groups", pps_json_quote(groups));
		return;
	}
	reader->groups = pps_alloc((json_object_size(groups) + 1) * sizeof(struct group));
	json_object_foreach((json_t *)(uintptr_t)groups, name, members)
	{
		struct pps_json_path path = {.parent = &top, .key = name};

		name_group(reader, name, members, &path, errors);
	}
	for (size_t i = 0; i < reader->n_groups && !reader->full; i++)
		read_group(reader, &reader->groups[i], 0, errors);
}

void read_prefix_set(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	struct policy_reader *reader = aux;
	struct set_draft *draft = target;
	struct collector to = {.reader = reader, .set = &draft->set};
	const json_t *first = list_at(value, 0);

	draft->written = true;
	draft->text = list_text(value);
	if (list_size(value) == 1 && json_is_string(first) &&
		strcmp(json_string_value(first), "any") == 0)
		draft->set.any = true;
	else
		collect_members(&to, value, 0, path, errors);
}
