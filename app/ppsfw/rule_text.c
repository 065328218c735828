/* SPDX-License-Identifier: BSD-3-Clause */

/* A rule with the approval behind it, for people. */

#include <string.h>

#include "cli.h"

/* Nothing when it was not written. */
static void print_line(struct output *o, const char *label, const char *text)
{
	if (*text == '\0')
		return;
	out(o, STYLE_PLAIN, "  %-13s", label);
	out_line(o, STYLE_PLAIN, "%s", text);
}

static void print_list(struct output *o, const char *label, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		print_line(o, label, json_is_string(item) ? json_string_value(item) : "");
}

void print_rule(struct output *o, const json_t *rule, const char *authority)
{
	if (!json_is_object(rule))
		return;
	out_end(o);
	out(o, STYLE_BOLD, "rule %s", get_text(rule, "id"));
	out_line(o, STYLE_PLAIN, " (%s): %s %s, %s -> %s", get_text(rule, "kind"),
		get_text(rule, "direction"), get_text(rule, "traffic"), get_text(rule, "source"),
		get_text(rule, "destination"));
	print_line(o, "approved by", get_text(rule, "approved_by"));
	print_line(o, "authority", authority);
	print_line(o, "assurance", get_text(rule, "assurance"));
	print_line(o, "boundary", get_text(rule, "boundary"));
	print_line(o, "owner", get_text(rule, "owner"));
	print_line(o, "assessed", get_text(rule, "assessed"));
	print_line(o, "reason", get_text(rule, "reason"));
	print_line(o, get_flag(rule, "expired") ? "EXPIRED" : "expires", get_text(rule, "expires"));
	print_list(o, "overrides", json_object_get(rule, "overrides"));
	print_list(o, "mitigation", json_object_get(rule, "mitigations"));
	print_line(o, "comment", get_text(rule, "comment"));
}
