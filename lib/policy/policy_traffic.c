/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

void term_fini(struct pps_term *term)
{
	free(term->ports);
	free(term->source_ports);
	free(term->service);
	*term = (struct pps_term){0};
}

void terms_fini(struct pps_term *terms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		term_fini(&terms[i]);
	free(terms);
}

static struct pps_range *copy_ranges(const struct pps_range *items, size_t n)
{
	struct pps_range *copy = NULL;

	if (n > 0) {
		copy = pps_alloc(n * sizeof(copy[0]));
		memcpy(copy, items, n * sizeof(copy[0]));
	}
	return copy;
}

struct pps_term term_copy(const struct pps_term *term)
{
	struct pps_term copy = *term;

	copy.ports = copy_ranges(term->ports, term->n_ports);
	copy.source_ports = copy_ranges(term->source_ports, term->n_source_ports);
	copy.service = term->service != NULL ? pps_strdup(term->service) : NULL;
	return copy;
}

size_t term_items(const struct pps_term *term)
{
	return 1 + term->n_ports + term->n_source_ports;
}

static int compare_range_lists(
	const struct pps_range *a, size_t n_a, const struct pps_range *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && i < n_b; i++) {
		if (a[i].lo != b[i].lo)
			return (int)a[i].lo - (int)b[i].lo;
		if (a[i].hi != b[i].hi)
			return (int)a[i].hi - (int)b[i].hi;
	}
	return n_a < n_b ? -1 : n_a > n_b;
}

/* Everything but the destination ports. */
static int compare_kinds(const struct pps_term *a, const struct pps_term *b)
{
	if (a->protocol != b->protocol)
		return (int)a->protocol - (int)b->protocol;
	if (a->icmp_type != b->icmp_type)
		return a->icmp_type - b->icmp_type;
	if (a->icmp_code != b->icmp_code)
		return a->icmp_code - b->icmp_code;
	return compare_range_lists(
		a->source_ports, a->n_source_ports, b->source_ports, b->n_source_ports);
}

int term_compare(const struct pps_term *a, const struct pps_term *b)
{
	int order = compare_kinds(a, b);

	if (order != 0)
		return order;
	return compare_range_lists(a->ports, a->n_ports, b->ports, b->n_ports);
}

static int compare_terms(const void *a, const void *b)
{
	return term_compare(a, b);
}

/* All ports are written as none. */
static bool ranges_are_all(const struct pps_range *items, size_t n)
{
	return n == 1 && items[0].lo == 0 && items[0].hi == UINT16_MAX;
}

/* Adds the ports of 'from' to 'to'; no ports means all of them. */
static void merge_ports(struct pps_term *to, const struct pps_term *from)
{
	size_t n = to->n_ports + from->n_ports;

	if (to->n_ports == 0 || from->n_ports == 0) {
		free(to->ports);
		to->ports = NULL;
		to->n_ports = 0;
		return;
	}
	to->ports = pps_realloc(to->ports, n * sizeof(to->ports[0]));
	memcpy(to->ports + to->n_ports, from->ports, from->n_ports * sizeof(to->ports[0]));
	to->n_ports = n;
	ranges_normalise(to->ports, &to->n_ports);
	if (ranges_are_all(to->ports, to->n_ports))
		to->n_ports = 0;
}

void terms_merge(struct pps_term *terms, size_t *n)
{
	size_t kept = 0;

	if (*n == 0)
		return;
	qsort(terms, *n, sizeof(terms[0]), compare_terms);
	for (size_t i = 1; i < *n; i++) {
		if (compare_kinds(&terms[kept], &terms[i]) != 0) {
			terms[++kept] = terms[i];
			continue;
		}
		merge_ports(&terms[kept], &terms[i]);
		term_fini(&terms[i]);
	}
	*n = kept + 1;
}

void traffic_draft_init(struct traffic_draft *draft)
{
	*draft = (struct traffic_draft){.icmp = {.type = ICMP_ABSENT, .code = ICMP_ABSENT}};
}

void traffic_draft_fini(struct traffic_draft *draft)
{
	free(draft->ports.items);
	free(draft->source_ports.items);
	traffic_draft_init(draft);
}

/* A scalar between quotes, whether it was written as a number or as a text. */
static const char *quote_scalar(const json_t *value, char *out, size_t size)
{
	if (!json_is_integer(value))
		return pps_json_quote(value);
	snprintf(out, size, "\"%lld\"", (long long)json_integer_value(value));
	return out;
}

static bool read_port(const json_t *value, const struct pps_json_path *path,
	struct pps_range *ret_range, struct pps_errors *errors)
{
	const char *why = "is not a port, a range of ports or a list of them";
	char number[32];
	json_int_t port;

	if (json_is_string(value)) {
		if (pps_range_parse(json_string_value(value), UINT16_MAX, ret_range, &why) == 0)
			return true;
	} else if (json_is_integer(value)) {
		port = json_integer_value(value);
		why = "is not a port (0-65535)";
		if (port >= 0 && port <= UINT16_MAX) {
			*ret_range = (struct pps_range){(uint16_t)port, (uint16_t)port};
			return true;
		}
	}
	pps_json_error(errors, path, "%s %s", quote_scalar(value, number, sizeof(number)), why);
	return false;
}

static void read_port_list(const json_t *value, const struct pps_json_path *path,
	struct port_draft *draft, bool zero_passes, struct pps_errors *errors)
{
	draft->value = value;
	if (!check_list(value, path, LIST_MAX, errors))
		return;
	draft->items = pps_alloc(list_size(value) * sizeof(draft->items[0]));
	for (size_t i = 0; i < list_size(value); i++) {
		struct pps_json_path place = list_path(value, path, i);
		const json_t *element = list_at(value, i);
		struct pps_range range;

		if (!read_port(element, &place, &range, errors))
			continue;
		if (range.hi == 0 && !zero_passes)
			pps_json_error(errors, &place,
				"port 0 alone matches nothing: a packet to port 0 never passes");
		else
			draft->items[draft->n++] = range;
	}
	ranges_normalise(draft->items, &draft->n);
	if (ranges_are_all(draft->items, draft->n))
		draft->n = 0;
}

void read_ports(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	(void)aux;
	read_port_list(value, path, target, false, errors);
}

void read_source_ports(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	(void)aux;
	read_port_list(value, path, target, true, errors);
}

static void read_icmp_byte(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	json_int_t byte = json_is_integer(value) ? json_integer_value(value) : -1;
	uint32_t *number = target;

	(void)aux;
	if (byte < 0 || byte > 255)
		pps_json_error(
			errors, path, "%s is not a number from 0 to 255", pps_json_quote(value));
	else
		*number = (uint32_t)byte;
}

static const struct pps_json_field icmp_fields[] = {
	{"type", read_icmp_byte, offsetof(struct icmp_draft, type), true, NULL,
		"ICMP type of the query, 0 to 255 (echo request: icmp 8, icmpv6 128)"},
	{"code", read_icmp_byte, offsetof(struct icmp_draft, code), false, NULL,
		"ICMP code, 0 to 255; default all"},
};

size_t traffic_field_tables(const struct field_table **ret_tables)
{
	static const struct field_table tables[] = {{"icmp", icmp_fields, COUNT(icmp_fields)}};

	*ret_tables = tables;
	return COUNT(tables);
}

void read_icmp(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	struct icmp_draft *icmp = target;

	icmp->written = true;
	pps_json_read_object(value, path, icmp_fields, COUNT(icmp_fields), icmp, aux, errors);
}

static int read_protocol(
	const json_t *value, const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *nearest = NULL;
	int protocol = -1;

	if (json_is_string(value)) {
		protocol = pps_protocol_parse(json_string_value(value));
		if (protocol < 0)
			nearest = pps_protocol_nearest(json_string_value(value));
	} else if (json_is_integer(value) && json_integer_value(value) >= 0 &&
		json_integer_value(value) <= 255) {
		protocol = (int)json_integer_value(value);
	}
	if (protocol >= 0)
		return protocol;
	if (nearest != NULL)
		pps_json_error(errors, path, "%s is not a protocol (did you mean \"%s\"?)",
			pps_json_quote(value), nearest);
	else
		pps_json_error(errors, path, "%s is not a protocol (a name, 0 to 255, or \"any\")",
			pps_json_quote(value));
	return -1;
}

static void refuse_ports(
	const char *key, int protocol, const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path, .key = key};

	if (protocol == PPS_PROTOCOL_ANY)
		pps_json_error(errors, &place,
			"protocol \"any\" has no ports: name the protocols that have them");
	else
		pps_json_error(errors, &place, "protocol \"%s\" has no ports",
			pps_protocol_word((unsigned int)protocol));
}

bool traffic_term(struct traffic_draft *draft, const struct pps_json_path *path,
	struct pps_term *ret_term, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path, .key = "protocol"};
	int protocol = read_protocol(draft->protocol, &place, errors);
	bool has_ports, is_icmp = protocol == 1 || protocol == 58;
	size_t n_before = errors->n_total;

	if (protocol < 0)
		return false;
	has_ports = pps_protocol_has_ports((unsigned int)protocol);
	if (draft->ports.value != NULL && !has_ports)
		refuse_ports("ports", protocol, path, errors);
	if (draft->source_ports.value != NULL && !has_ports)
		refuse_ports("source_ports", protocol, path, errors);
	place.key = "icmp";
	if (draft->icmp.written && !is_icmp)
		pps_json_error(errors, &place, "protocol \"%s\" is not icmp or icmpv6",
			pps_protocol_word((unsigned int)protocol));
	if (errors->n_total > n_before)
		return false;
	*ret_term = (struct pps_term){
		.protocol = (uint16_t)protocol,
		.ports = copy_ranges(draft->ports.items, draft->ports.n),
		.n_ports = draft->ports.n,
		.source_ports = copy_ranges(draft->source_ports.items, draft->source_ports.n),
		.n_source_ports = draft->source_ports.n,
		.icmp_type = draft->icmp.type == ICMP_ABSENT ? -1 : (int16_t)draft->icmp.type,
		.icmp_code = draft->icmp.code == ICMP_ABSENT ? -1 : (int16_t)draft->icmp.code,
	};
	return true;
}
