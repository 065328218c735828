/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pps_addr.h>
#include <pps_base.h>
#include <pps_event_kinds.h>
#include <pps_policy.h>

#include "filter_words.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PORT_MAX        65535
#define VLAN_MAX        4094

const char *const direction_choices[] = {"inbound", "outbound", NULL};
static const char *const flag_choices[] = {"syn", "ack", "syn-ack", "fin-ack", "rst", NULL};

static const char *const kind_choices[] = {
#define KIND_CHOICE(kind, severity) kind,
	PPS_EVENT_KINDS(KIND_CHOICE)
#undef KIND_CHOICE
		NULL};
static const char *const severity_choices[] = {"info", "notice", "warning", "alert", NULL};
static const char *const class_choices[] = {"egress", NULL};

static const struct word flow_rows[] = {
	{"segment", NULL, VALUE_TEXT, 0, NULL, "name of the segment"},
	{"direction", NULL, VALUE_DIRECTION, 0, NULL, "inbound or outbound: who started it"},
	{"protocol", NULL, VALUE_PROTOCOL, 0, NULL, "name or number"},
	{"source", NULL, VALUE_PREFIX, 0, NULL, "address or prefix that started it"},
	{"destination", NULL, VALUE_PREFIX, 0, NULL, "address or prefix that was asked"},
	{"address", NULL, VALUE_PREFIX, 0, NULL, "address or prefix of either side"},
	{"port", NULL, VALUE_NUMBER, PORT_MAX, NULL, "port of either side"},
	{"source_port", NULL, VALUE_NUMBER, PORT_MAX, NULL, "port that started it"},
	{"destination_port", NULL, VALUE_NUMBER, PORT_MAX, NULL, "port that was asked"},
	{"rule", NULL, VALUE_TEXT, 0, NULL, "id of the rule that permits it"},
	{"state", NULL, VALUE_TEXT, 0, NULL, "such as tcp_established"},
	{"vlan", NULL, VALUE_NUMBER, VLAN_MAX, NULL, "VLAN id, 0 for untagged"},
};
const struct word_table flow_words = {flow_rows, COUNT_OF(flow_rows)};

static const struct word event_rows[] = {
	{"event", NULL, VALUE_CHOICE, 0, kind_choices,
		"kind: deny, flow_start, policy_loaded, ..."},
	{"severity", NULL, VALUE_CHOICE, 0, severity_choices, "info, notice, warning or alert"},
	{"class", NULL, VALUE_CHOICE, 0, class_choices,
		"egress: an inside host tried to start what nothing approves"},
	{"reason", NULL, VALUE_TEXT, 0, NULL, "why it was dropped: see show drops"},
	{"end", NULL, VALUE_TEXT, 0, NULL,
		"why a flow ended: timeout, closed, revoked, killed, ..."},
	{"rule", NULL, VALUE_TEXT, 0, NULL, "id of a rule"},
	{"segment", NULL, VALUE_TEXT, 0, NULL, "name of the segment"},
	{"direction", NULL, VALUE_DIRECTION, 0, NULL, "inbound or outbound"},
	{"protocol", NULL, VALUE_PROTOCOL, 0, NULL, "name or number"},
	{"source", NULL, VALUE_ADDRESS, 0, NULL, "one address"},
	{"destination", NULL, VALUE_ADDRESS, 0, NULL, "one address"},
	{"source_port", NULL, VALUE_NUMBER, PORT_MAX, NULL, "port"},
	{"destination_port", NULL, VALUE_NUMBER, PORT_MAX, NULL, "port"},
	{"vlan", NULL, VALUE_NUMBER, VLAN_MAX, NULL, "VLAN id"},
};
const struct word_table event_words = {event_rows, COUNT_OF(event_rows)};

static const struct word explain_rows[] = {
	{"type", "icmp_type", VALUE_NUMBER, 255, NULL,
		"ICMP type (an echo request when not given)"},
	{"code", "icmp_code", VALUE_NUMBER, 255, NULL, "ICMP code"},
	{"flags", "tcp_flags", VALUE_CHOICE, 0, flag_choices, "TCP flags: syn, ack, syn-ack, ..."},
	{"vlan", NULL, VALUE_NUMBER, VLAN_MAX, NULL, "VLAN id of the frame"},
	{"segment", NULL, VALUE_TEXT, 0, NULL, "name of the segment, where there are several"},
	{"direction", NULL, VALUE_DIRECTION, 0, NULL,
		"with --pcap: inbound or outbound (both when not given)"},
};
const struct word_table explain_words = {explain_rows, COUNT_OF(explain_rows)};

const struct word *words_find(const struct word_table *table, const char *word)
{
	for (size_t i = 0; i < table->n; i++) {
		if (strcmp(table->words[i].word, word) == 0)
			return &table->words[i];
	}
	return NULL;
}

static void add_unknown(const struct word_table *table, const char *word, struct pps_errors *errors)
{
	const char **names = pps_alloc(table->n * sizeof(*names));
	struct pps_str list = PPS_STR_INIT;
	const char *near;

	for (size_t i = 0; i < table->n; i++) {
		names[i] = table->words[i].word;
		pps_str_addf(&list, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	near = pps_nearest_word(word, names, table->n);
	pps_errors_add(errors, NULL, "\"%s\" is none of the words here: %s%s%s%s", word,
		pps_str_text(&list), near == NULL ? "" : " (did you mean \"",
		near == NULL ? "" : near, near == NULL ? "" : "\"?)");
	pps_str_fini(&list);
	free(names);
}

const char *protocol_word(const char *text, struct pps_errors *errors)
{
	int protocol = pps_protocol_parse(text);

	if (protocol >= 0 && protocol < PPS_PROTOCOL_ANY)
		return pps_protocol_word((unsigned int)protocol);
	pps_errors_add(errors, NULL,
		"\"%s\" is not a protocol: tcp, udp, icmp, icmpv6, sctp, ... or a number up to 255",
		text);
	return NULL;
}

static json_t *read_number(const struct word *row, const char *text, struct pps_errors *errors)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && n <= row->max)
		return json_integer((json_int_t)n);
	pps_errors_add(
		errors, NULL, "%s: \"%s\" is not a number from 0 to %u", row->word, text, row->max);
	return NULL;
}

static json_t *read_choice(const struct word *row, const char *const *choices, const char *text,
	struct pps_errors *errors)
{
	struct pps_str list = PPS_STR_INIT;

	for (size_t i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], text) == 0)
			return json_string(text);
	}
	for (size_t i = 0; choices[i] != NULL; i++)
		pps_str_addf(&list, "%s%s", i == 0 ? "" : ", ", choices[i]);
	pps_errors_add(
		errors, NULL, "%s: \"%s\" is none of %s", row->word, text, pps_str_text(&list));
	pps_str_fini(&list);
	return NULL;
}

/* Written back in its one canonical form, so that it equals what the daemon writes. */
static json_t *read_address(const struct word *row, const char *text, struct pps_errors *errors)
{
	char canonical[PPS_ADDR_TEXT_MAX];
	struct pps_prefix prefix;
	struct pps_addr addr;
	const char *why = "";

	if (row->kind == VALUE_ADDRESS && pps_addr_parse(text, &addr, &why) == 0)
		return json_string(pps_addr_format(&addr, canonical));
	if (row->kind == VALUE_PREFIX && pps_prefix_parse(text, &prefix, &why) == 0)
		return json_string(pps_prefix_format(&prefix, canonical));
	pps_errors_add(errors, NULL, "%s: \"%s\" %s", row->word, text, why);
	return NULL;
}

static json_t *read_text(const struct word *row, const char *text, struct pps_errors *errors)
{
	json_t *value = *text == '\0' ? NULL : json_string(text);

	if (value == NULL)
		pps_errors_add(errors, NULL, "%s: \"%s\" is not a text", row->word, text);
	return value;
}

static json_t *read_value(const struct word *row, const char *text, struct pps_errors *errors)
{
	const char *protocol;

	switch (row->kind) {
	case VALUE_NUMBER:
		return read_number(row, text, errors);
	case VALUE_DIRECTION:
		return read_choice(row, direction_choices, text, errors);
	case VALUE_CHOICE:
		return read_choice(row, row->choices, text, errors);
	case VALUE_ADDRESS:
	case VALUE_PREFIX:
		return read_address(row, text, errors);
	case VALUE_PROTOCOL:
		protocol = protocol_word(text, errors);
		return protocol == NULL ? NULL : json_string(protocol);
	case VALUE_TEXT:
		break;
	}
	return read_text(row, text, errors);
}

bool words_parse(const struct word_table *table, int argc, char **argv, json_t *object,
	struct pps_errors *errors)
{
	size_t before = errors->n_total;

	for (int i = 0; i < argc; i += 2) {
		const struct word *row = words_find(table, argv[i]);
		const char *member;
		json_t *value;

		if (row == NULL) {
			add_unknown(table, argv[i], errors);
			continue;
		}
		if (i + 1 == argc) {
			pps_errors_add(errors, NULL, "%s: a value is missing", row->word);
			continue;
		}
		member = row->member == NULL ? row->word : row->member;
		if (json_object_get(object, member) != NULL) {
			pps_errors_add(errors, NULL, "%s: given twice", row->word);
			continue;
		}
		value = read_value(row, argv[i + 1], errors);
		if (value != NULL)
			json_object_set_new(object, member, value);
	}
	return errors->n_total == before;
}
