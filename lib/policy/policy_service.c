/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <pps_registry.h>

#include "policy_priv.h"

struct service_draft {
	struct traffic_draft traffic;
};

static const struct pps_json_field service_fields[] = {
	TRAFFIC_ROWS(struct service_draft, traffic, true),
};

size_t service_field_tables(const struct field_table **ret_tables)
{
	static const struct field_table tables[] = {
		{"service", service_fields, COUNT(service_fields)}};

	*ret_tables = tables;
	return COUNT(tables);
}

/* Service names are compared without regard to case, as in the registry. */
static void lower_name(const char *name, size_t n, char out[NAME_MAX_LEN + 1])
{
	size_t i;

	for (i = 0; i < n && i < NAME_MAX_LEN && name[i] != '\0'; i++)
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	out[i] = '\0';
}

static bool read_service_term(const json_t *value, const struct pps_json_path *path,
	struct pps_term *ret_term, struct pps_errors *errors)
{
	struct service_draft draft;
	bool read;

	traffic_draft_init(&draft.traffic);
	read = pps_json_read_object(
		value, path, service_fields, COUNT(service_fields), &draft, NULL, errors);
	if (draft.traffic.protocol != NULL)
		read = traffic_term(&draft.traffic, path, ret_term, errors) && read;
	traffic_draft_fini(&draft.traffic);
	return read;
}

static void read_service_terms(struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct service *service, struct pps_errors *errors)
{
	if (!check_list(value, path, TERMS_MAX, errors))
		return;
	service->terms = pps_alloc(list_size(value) * sizeof(service->terms[0]));
	for (size_t i = 0; i < list_size(value); i++) {
		struct pps_json_path place = list_path(value, path, i);
		struct pps_term *term = &service->terms[service->n_terms];

		if (!read_service_term(list_at(value, i), &place, term, errors)) {
			term_fini(term);
			continue;
		}
		service->n_terms++;
		if (!reader_take_items(reader, term_items(term), path, errors))
			return;
	}
	terms_merge(service->terms, &service->n_terms);
}

/* The place for a new service, or NULL after an error. */
static struct service *name_service(struct policy_reader *reader, const char *name,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	struct service *service = &reader->services[reader->n_services];
	char lower[NAME_MAX_LEN + 1];
	json_t *other;

	lower_name(name, NAME_MAX_LEN, lower);
	if (!is_name(name, SERVICE_SIGNS) || strcmp(lower, "any") == 0) {
		pps_json_error(errors, path,
			"not a name for a service (1 to %u letters, digits, \".\", \"_\", \"-\", "
			"\"+\", \"*\", a letter among them, and not \"any\")",
			NAME_MAX_LEN);
		return NULL;
	}
	other = json_object_get(reader->service_index, lower);
	if (other != NULL) {
		pps_json_error(errors, path, "differs from \"%s\" in case alone",
			reader->services[json_integer_value(other)].name);
		return NULL;
	}
	json_object_set_new(
		reader->service_index, lower, json_integer((json_int_t)reader->n_services));
	service->name = pps_strdup(name);
	reader->n_services++;
	return service;
}

void read_services(struct policy_reader *reader, struct pps_errors *errors)
{
	struct pps_json_path top = {.key = "services"};
	const json_t *services = reader->services_value;
	const char *name;
	json_t *value;

	if (services == NULL)
		return;
	if (!json_is_object(services)) {
		pps_json_error(
			errors, &top, "%s is not an object of services", pps_json_quote(services));
		return;
	}
	reader->services = pps_alloc((json_object_size(services) + 1) * sizeof(struct service));
	json_object_foreach((json_t *)(uintptr_t)services, name, value)
	{
		struct pps_json_path path = {.parent = &top, .key = name};
		struct service *service = name_service(reader, name, &path, errors);

		if (service != NULL)
			read_service_terms(reader, value, &path, service, errors);
		if (reader->full)
			return;
	}
}

size_t service_base_len(const char *service)
{
	const char *slash = strrchr(service, '/');

	return slash != NULL ? (size_t)(slash - service) : strlen(service);
}

/* A service as written in a rule: "base" or "base/protocol". */
struct service_name {
	const json_t *value;
	const char *text;
	size_t base_len;
	char base[NAME_MAX_LEN + 1]; /* lower case; "" when too long for any */
	int protocol; /* -1: none */
};

/* Adds a term that the rule does not have yet; takes it over. */
static bool add_term(struct policy_reader *reader, const struct pps_json_path *path,
	struct pps_rule *rule, struct pps_term *term, struct pps_errors *errors)
{
	for (size_t i = 0; i < rule->n_terms; i++) {
		if (term_compare(&rule->terms[i], term) == 0) {
			term_fini(term);
			return true;
		}
	}
	if (rule->n_terms == TERMS_MAX) {
		pps_json_error(
			errors, path, "more than %u kinds of traffic in one rule", TERMS_MAX);
		term_fini(term);
		return false;
	}
	rule->terms = pps_realloc(rule->terms, (rule->n_terms + 1) * sizeof(rule->terms[0]));
	rule->terms[rule->n_terms++] = *term;
	return reader_take_items(reader, term_items(term), path, errors);
}

/* The terms of 'service' for the protocol asked for. Sets *ret_found. */
static bool add_service_terms(struct policy_reader *reader, const struct service *service,
	const struct service_name *name, const struct pps_json_path *path, struct pps_rule *rule,
	bool *ret_found, struct pps_errors *errors)
{
	*ret_found = false;
	for (size_t i = 0; i < service->n_terms; i++) {
		struct pps_term term;

		if (name->protocol >= 0 && service->terms[i].protocol != name->protocol)
			continue;
		*ret_found = true;
		term = term_copy(&service->terms[i]);
		term.service = name->protocol < 0
			? pps_strdup(service->name)
			: pps_asprintf("%s/%s", service->name,
				  pps_protocol_word((unsigned int)name->protocol));
		if (!add_term(reader, path, rule, &term, errors))
			return false;
	}
	return true;
}

/* The registry's answer in the shape of a service of our own. */
static struct service ask_registry(const struct service_name *name)
{
	struct pps_registry_service pairs[PPS_REGISTRY_SERVICE_MAX];
	struct service service = {0};
	size_t n = 0;

	if (name->protocol <= UINT8_MAX && name->protocol != 0)
		n = pps_registry_resolve(
			name->base, name->protocol < 0 ? 0 : (uint8_t)name->protocol, pairs);
	service.name = pps_strdup(name->base);
	service.terms = pps_alloc((n + 1) * sizeof(service.terms[0]));
	for (size_t i = 0; i < n; i++) {
		struct pps_range *port;

		/* Such entries are in the registry as reservations, not as traffic. */
		if (pairs[i].port == 0)
			continue;
		port = pps_alloc(sizeof(*port));
		*port = (struct pps_range){pairs[i].port, pairs[i].port};
		service.terms[service.n_terms++] = (struct pps_term){
			.protocol = pairs[i].protocol,
			.ports = port,
			.n_ports = 1,
			.icmp_type = -1,
			.icmp_code = -1,
		};
	}
	terms_merge(service.terms, &service.n_terms);
	return service;
}

static void refuse_protocol(const struct service_name *name, const struct pps_json_path *path,
	const struct pps_term *terms, size_t n, struct pps_errors *errors)
{
	struct pps_str list = PPS_STR_INIT;

	for (size_t i = 0; i < n; i++)
		pps_str_addf(&list, "%s\"%s/%s\"", i > 0 ? ", " : "", name->base,
			pps_protocol_word(terms[i].protocol));
	pps_json_error(errors, path, "%s: the service is not assigned for %s%s%s",
		pps_json_quote(name->value), pps_protocol_word((unsigned int)name->protocol),
		n > 0 ? "; there is " : "", pps_str_text(&list));
	pps_str_fini(&list);
}

static const char *nearest_service(const struct policy_reader *reader, const char *text)
{
	size_t n = reader->n_services < SUGGEST_MAX ? reader->n_services : SUGGEST_MAX;
	const char *words[SUGGEST_MAX];
	const char *nearest;

	for (size_t i = 0; i < n; i++)
		words[i] = reader->services[i].name;
	nearest = pps_nearest_word(text, words, n);
	return nearest != NULL ? nearest : pps_registry_nearest(text);
}

static void refuse_name(const struct policy_reader *reader, const struct service_name *name,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	const char *nearest = NULL;

	if (pps_protocol_parse(name->base) >= 0) {
		pps_json_error(errors, path,
			"%s is a protocol, not a service: write \"protocol\": \"%s\"",
			pps_json_quote(name->value), name->base);
		return;
	}
	if (errors->n < PPS_ERRORS_MAX && name->base[0] != '\0')
		nearest = nearest_service(reader, name->base);
	if (nearest != NULL)
		pps_json_error(errors, path, "%s is not a known service (did you mean \"%s\"?)",
			pps_json_quote(name->value), nearest);
	else
		pps_json_error(errors, path,
			"%s is not a service of this policy or of the registry",
			pps_json_quote(name->value));
}

static bool resolve_named(struct policy_reader *reader, const struct service_name *name,
	const struct pps_json_path *path, struct pps_rule *rule, struct pps_errors *errors)
{
	const json_t *own = json_object_get(reader->service_index, name->base);
	const struct service *service;
	struct service registered = {0};
	bool found, added;

	if (own == NULL && !pps_registry_has(name->base)) {
		refuse_name(reader, name, path, errors);
		return false;
	}
	if (own == NULL)
		registered = ask_registry(name);
	service = own != NULL ? &reader->services[json_integer_value(own)] : &registered;
	added = add_service_terms(reader, service, name, path, rule, &found, errors);
	if (added && !found && own == NULL && name->protocol >= 0) {
		struct service_name every = *name;
		struct service all;

		every.protocol = -1;
		all = ask_registry(&every);
		refuse_protocol(name, path, all.terms, all.n_terms, errors);
		terms_fini(all.terms, all.n_terms);
		free(all.name);
	} else if (added && !found && service->n_terms > 0) {
		refuse_protocol(name, path, service->terms, service->n_terms, errors);
	} else if (added && !found && own == NULL) {
		pps_json_error(errors, path, "%s has no port in the registry",
			pps_json_quote(name->value));
	}
	terms_fini(registered.terms, registered.n_terms);
	free(registered.name);
	return added && found;
}

/* "443/tcp", "8000-8010/udp". */
static bool resolve_number(struct policy_reader *reader, const struct service_name *name,
	const struct pps_json_path *path, struct pps_rule *rule, struct pps_errors *errors)
{
	const char *quoted = pps_json_quote(name->value), *why;
	struct pps_term term = {.icmp_type = -1, .icmp_code = -1};
	struct pps_range range;

	if (pps_range_parse(name->base, UINT16_MAX, &range, &why) < 0) {
		pps_json_error(errors, path, "%s: \"%s\" %s", quoted, name->base, why);
	} else if (range.hi == 0) {
		pps_json_error(errors, path, "%s matches nothing: a packet to port 0 never passes",
			quoted);
	} else if (name->protocol < 0) {
		pps_json_error(errors, path, "%s needs its protocol: \"%s/tcp\" or \"%s/udp\"",
			quoted, name->base, name->base);
	} else if (!pps_protocol_has_ports((unsigned int)name->protocol)) {
		pps_json_error(errors, path, "%s: protocol \"%s\" has no ports", quoted,
			pps_protocol_word((unsigned int)name->protocol));
	} else {
		term.protocol = (uint16_t)name->protocol;
		if (range.lo > 0 || range.hi < UINT16_MAX) {
			term.ports = pps_alloc(sizeof(term.ports[0]));
			term.ports[0] = range;
			term.n_ports = 1;
		}
		return add_term(reader, path, rule, &term, errors);
	}
	return false;
}

static bool resolve_service(struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct pps_rule *rule, struct pps_errors *errors)
{
	struct service_name name = {.value = value, .text = json_string_value(value)};

	if (name.text == NULL) {
		pps_json_error(errors, path,
			"%s is not a service (\"https\", \"domain/udp\", \"443/tcp\")",
			pps_json_quote(value));
		return false;
	}
	name.base_len = service_base_len(name.text);
	name.protocol = -1;
	if (name.base_len <= NAME_MAX_LEN)
		lower_name(name.text, name.base_len, name.base);
	if (name.text[name.base_len] == '/') {
		const char *word = name.text + name.base_len + 1;

		name.protocol = pps_protocol_parse(word);
		if (name.protocol < 0 || name.protocol == PPS_PROTOCOL_ANY) {
			pps_json_error(errors, path, "%s: what follows the \"/\" is not a protocol",
				pps_json_quote(value));
			return false;
		}
	}
	if (name.base[0] != '\0' && strspn(name.base, "0123456789-") == name.base_len)
		return resolve_number(reader, &name, path, rule, errors);
	return resolve_named(reader, &name, path, rule, errors);
}

bool resolve_services(struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct pps_rule *rule, struct pps_errors *errors)
{
	bool resolved = true;

	if (!check_list(value, path, TERMS_MAX, errors))
		return false;
	for (size_t i = 0; i < list_size(value) && !reader->full; i++) {
		struct pps_json_path place = list_path(value, path, i);

		resolved = resolve_service(reader, list_at(value, i), &place, rule, errors) &&
			resolved;
	}
	return resolved;
}
