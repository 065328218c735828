/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <pps_base.h>
#include <pps_registry.h>

static size_t count_entries(enum pps_registry_source source)
{
	size_t n, found = 0;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < n; i++)
		found += entries[i].source == source;
	return found;
}

static void every_row_of_the_sources_is_an_entry(void)
{
	size_t n;

	pps_registry_entries(&n);
	CU_ASSERT_EQUAL(count_entries(PPS_REGISTRY_PAPER_TABLE_1), 14);
	CU_ASSERT_EQUAL(count_entries(PPS_REGISTRY_PAPER_TABLE_A2), 265);
	CU_ASSERT_EQUAL(count_entries(PPS_REGISTRY_IANA), 270);
	CU_ASSERT_EQUAL(n, 14 + 265 + 270);
}

static void known_rows_are_as_the_documents_have_them(void)
{
	static const enum pps_registry_source t1 = PPS_REGISTRY_PAPER_TABLE_1,
					      a2 = PPS_REGISTRY_PAPER_TABLE_A2,
					      iana = PPS_REGISTRY_IANA;
	static const uint8_t tcp = PPS_REGISTRY_TCP, udp = PPS_REGISTRY_UDP;
	const struct pps_registry_entry cases[] = {
		{"https", "", 443, tcp, false, PPS_REGISTRY_OFFICIAL, a2,
			"Hypertext Transfer Protocol over TLS/SSL (HTTPS)"},
		{"https", "", 443, tcp | udp, true, PPS_REGISTRY_OFFICIAL, t1,
			"Hypertext Transfer Protocol over TLS/SSL (HTTPS) RFC 2818."},
		{"quic", "", 443, udp, true, PPS_REGISTRY_UNOFFICIAL, a2,
			"QUIC (from Chromium) for HTTPS"},
		{"", "", 80, udp, true, PPS_REGISTRY_UNOFFICIAL, a2,
			"QUIC (from Chromium) for HTTP"},
		{"isakmp", "ike", 500, tcp | udp, false, PPS_REGISTRY_OFFICIAL, a2,
			"Internet Security Association and Key Management Protocol (ISAKMP)"},
		{"krb5_prop", "", 754, tcp, true, PPS_REGISTRY_UNOFFICIAL, a2,
			"krb5_prop, Kerberos v5 slave propagation"},
		{"tell", "", 754, udp, false, PPS_REGISTRY_OFFICIAL, a2, "tell send"},
		{"uucp-path", "", 117, tcp, false, PPS_REGISTRY_OFFICIAL, a2, "UUCP Path Service"},
		{"compressnet", "", 3, tcp | udp, false, PPS_REGISTRY_OFFICIAL, a2,
			"CompressNET Compression Process"},
		{"netrjs-4", "", 74, tcp, false, PPS_REGISTRY_OFFICIAL, a2, "NETRJS protocol"},
		{"msdp", "", 639, tcp | udp, false, PPS_REGISTRY_OFFICIAL, a2,
			"MSDP, Multicast Source Discovery Protocol"},
		{"", "", 1023, tcp | udp, false, PPS_REGISTRY_OFFICIAL, a2, "Reserved"},
		{"domain", "", 53, udp, false, PPS_REGISTRY_OFFICIAL, iana, "Domain Name Server"},
		{"ident", "", 113, tcp, false, PPS_REGISTRY_OFFICIAL, iana, ""},
		{"newacct", "", 100, tcp, false, PPS_REGISTRY_UNOFFICIAL, iana,
			"[unauthorized use]"},
		{"uaac", "", 145, udp, false, PPS_REGISTRY_OFFICIAL, iana, "UAAC Protocol"},
		{"", "", 24, tcp, false, PPS_REGISTRY_OFFICIAL, iana, "any private mail system"},
		{"msp", "", 18, tcp | udp, false, PPS_REGISTRY_OFFICIAL, t1,
			"The Message Send Protocol (MSP) is an application layer protocol. Defined "
			"in RFC 1312."},
		{"http-alt", "", 8080, tcp, false, PPS_REGISTRY_OFFICIAL, t1, "HTTP alternate"},
	};
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		const struct pps_registry_entry *want = &cases[i];
		unsigned int found = 0;

		for (size_t j = 0; j < n; j++) {
			const struct pps_registry_entry *got = &entries[j];

			found += strcmp(got->name, want->name) == 0 &&
				strcmp(got->aliases, want->aliases) == 0 &&
				got->port == want->port && got->protocols == want->protocols &&
				got->multiple_use == want->multiple_use &&
				got->status == want->status && got->source == want->source &&
				strcmp(got->description, want->description) == 0;
		}
		CU_ASSERT_EQUAL(found, 1);
		if (found != 1)
			printf("# %s %u\n", want->name, want->port);
	}
}

static void entries_are_sorted_by_port_and_protocol(void)
{
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 1; i < n; i++) {
		const struct pps_registry_entry *a = &entries[i - 1], *b = &entries[i];

		CU_ASSERT(
			a->port < b->port || (a->port == b->port && a->protocols <= b->protocols));
		CU_ASSERT(b->protocols >= 1 && b->protocols <= 3);
	}
}

/* What 'name' means as "tcp/53 udp/53"; valid until the next call. */
static const char *resolve(const char *name, uint8_t protocol)
{
	static char text[PPS_REGISTRY_SERVICE_MAX * 16];
	struct pps_registry_service services[PPS_REGISTRY_SERVICE_MAX];
	size_t n = pps_registry_resolve(name, protocol, services), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s/%u", i > 0 ? " " : "",
			services[i].protocol == IPPROTO_TCP ? "tcp" : "udp", services[i].port);
	return text;
}

static void names_mean_what_the_most_specific_official_row_says(void)
{
	static const struct {
		const char *name;
		uint8_t protocol;
		const char *meaning;
	} cases[] = {
		{"https", 0, "tcp/443"},
		{"HTTPS", 0, "tcp/443"},
		{"https", IPPROTO_UDP, ""},
		{"http", 0, "tcp/80"},
		{"www", 0, "tcp/80"},
		{"domain", 0, "tcp/53 udp/53"},
		{"domain", IPPROTO_UDP, "udp/53"},
		{"domain", IPPROTO_TCP, "tcp/53"},
		{"domain", IPPROTO_SCTP, ""},
		{"dns", 0, "tcp/53 udp/53"},
		{"ssh", 0, "tcp/22 udp/22"},
		{"telnet", 0, "tcp/23 udp/23"},
		{"ftp", 0, "tcp/21"},
		{"ftp-data", 0, "tcp/20 udp/20"},
		{"smtp", 0, "tcp/25"},
		{"ntp", 0, "udp/123"},
		{"tftp", 0, "udp/69"},
		{"snmp", 0, "udp/161"},
		{"syslog", 0, "udp/514"},
		{"shell", 0, "tcp/514"},
		{"bgp", 0, "tcp/179"},
		{"ldap", 0, "tcp/389 udp/389"},
		{"ldaps", 0, "tcp/636 udp/636"},
		{"imap", 0, "tcp/143"},
		{"imaps", 0, "tcp/993"},
		{"pop3", 0, "tcp/110"},
		{"pop3s", 0, "tcp/995"},
		{"submission", 0, "tcp/587"},
		{"smtps", 0, "tcp/465"},
		{"urd", 0, "tcp/465"},
		{"quic", 0, "udp/443"},
		{"auth", 0, "tcp/113 udp/113"},
		{"ident", 0, "tcp/113"},
		{"csnet-ns", 0, "tcp/105 udp/105"},
		{"sql*net", 0, "tcp/66 udp/66"},
		{"compressnet", 0, "tcp/2 udp/2 tcp/3 udp/3"},
		{"amqp", 0, "tcp/5672"},
		{"http-alt", 0, "tcp/8080"},
		{"", 0, ""},
		{"http ", 0, ""},
		{"https/tcp", 0, ""},
		{"nonsense", 0, ""},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		CU_ASSERT_STRING_EQUAL(resolve(cases[i].name, cases[i].protocol), cases[i].meaning);
		if (cases[i].protocol == 0)
			CU_ASSERT_EQUAL(
				pps_registry_has(cases[i].name), cases[i].meaning[0] != '\0');
	}
}

static void text_longer_than_any_name_is_no_name(void)
{
	char name[4096];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CU_ASSERT_FALSE(pps_registry_has(name));
	CU_ASSERT_PTR_NULL(pps_registry_nearest(name));
}

static void every_name_resolves(void)
{
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < n; i++) {
		char *names = pps_asprintf("%s %s", entries[i].name, entries[i].aliases);
		char *rest = NULL;

		for (char *name = strtok_r(names, " ", &rest); name != NULL;
			name = strtok_r(NULL, " ", &rest)) {
			CU_ASSERT(pps_registry_has(name));
			CU_ASSERT_EQUAL(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-+*._"),
				strlen(name));
			/* Never to be mistaken for a port: "443/tcp" is one. */
			CU_ASSERT_NOT_EQUAL(strspn(name, "0123456789"), strlen(name));
		}
		free(names);
	}
}

/* Whether an entry of that status says 'name' is for 'service'. */
static bool is_said(const char *name, const struct pps_registry_service *service,
	enum pps_registry_status status)
{
	uint8_t bit = service->protocol == IPPROTO_TCP ? PPS_REGISTRY_TCP : PPS_REGISTRY_UDP;
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < n; i++) {
		if (entries[i].port == service->port && entries[i].status == status &&
			(entries[i].protocols & bit) != 0 && strcmp(entries[i].name, name) == 0)
			return true;
	}
	return false;
}

static void every_meaning_is_backed_by_an_entry_of_its_status(void)
{
	size_t n, n_unofficial = 0;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < n; i++) {
		struct pps_registry_service services[PPS_REGISTRY_SERVICE_MAX];
		const char *name = entries[i].name;
		size_t n_services = pps_registry_resolve(name, 0, services);

		CU_ASSERT(n_services < PPS_REGISTRY_SERVICE_MAX);
		for (size_t j = 0; j < n_services; j++) {
			bool official = is_said(name, &services[j], PPS_REGISTRY_OFFICIAL) ||
				strcmp(name, "auth") == 0; /* an alias of ident's row */

			CU_ASSERT_EQUAL(official, services[j].status == PPS_REGISTRY_OFFICIAL);
			CU_ASSERT(official || is_said(name, &services[j], PPS_REGISTRY_UNOFFICIAL));
			n_unofficial += !official;
			for (size_t k = 0; k < j; k++)
				CU_ASSERT(services[k].protocol != services[j].protocol ||
					services[k].port != services[j].port);
		}
	}
	CU_ASSERT(n_unofficial > 10);
}

static void no_source_says_a_name_twice_for_one_port_and_protocol(void)
{
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			bool same = entries[i].port == entries[j].port &&
				(entries[i].protocols & entries[j].protocols) != 0 &&
				entries[i].source == entries[j].source &&
				entries[i].name[0] != '\0' &&
				strcmp(entries[i].name, entries[j].name) == 0;

			CU_ASSERT_FALSE(same);
		}
	}
}

static void best_name_of_a_port_leads_back_to_it(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
		const char *name;
	} cases[] = {
		{IPPROTO_TCP, 443, "https"},
		{IPPROTO_UDP, 443, "quic"},
		{IPPROTO_TCP, 80, "http"},
		{IPPROTO_UDP, 80, NULL},
		{IPPROTO_UDP, 53, "domain"},
		{IPPROTO_UDP, 9, "discard"},
		{IPPROTO_TCP, 465, "urd"},
		{IPPROTO_TCP, 514, "shell"},
		{IPPROTO_UDP, 514, "syslog"},
		{IPPROTO_UDP, 25, NULL},
		{IPPROTO_TCP, 81, "hosts2-ns"},
		{IPPROTO_TCP, 60000, NULL},
		{IPPROTO_SCTP, 443, NULL},
		{0, 443, NULL},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		const char *name = pps_registry_name(cases[i].protocol, cases[i].port);

		if (cases[i].name == NULL) {
			CU_ASSERT_PTR_NULL(name);
			continue;
		}
		CU_ASSERT_PTR_NOT_NULL_FATAL(name);
		CU_ASSERT_STRING_EQUAL(name, cases[i].name);
	}
	for (unsigned int port = 0; port < 65536; port++) {
		const char *name = pps_registry_name(IPPROTO_TCP, (uint16_t)port);
		char want[16];

		snprintf(want, sizeof(want), "tcp/%u", port);
		if (name != NULL)
			CU_ASSERT_PTR_NOT_NULL(strstr(resolve(name, IPPROTO_TCP), want));
	}
}

static void nearest_name_is_offered_for_a_slip(void)
{
	CU_ASSERT_STRING_EQUAL(pps_registry_nearest("htpps"), "https");
	CU_ASSERT_STRING_EQUAL(pps_registry_nearest("telent"), "telnet");
	CU_ASSERT_PTR_NULL(pps_registry_nearest("inventory-service"));
}

static json_t *load_shipped_registry(void)
{
	const char *root = getenv("PPSFW_SOURCE");
	char *path;
	json_t *registry;

	if (root == NULL) {
		unit_skip("PPSFW_SOURCE does not name the source tree");
		return NULL;
	}
	path = pps_asprintf("%s/config/registry.json", root);
	registry = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	free(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(registry);
	return registry;
}

static bool has_protocol(const json_t *protocols, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)(uintptr_t)protocols, i, item)
	{
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	}
	return false;
}

static void compare_entry(const struct pps_registry_entry *entry, const json_t *json)
{
	const json_t *protocols = json_object_get(json, "protocols");
	const json_t *aliases = json_object_get(json, "aliases");
	struct pps_str words = PPS_STR_INIT;
	uint8_t bits = 0;

	if (has_protocol(protocols, "tcp"))
		bits |= PPS_REGISTRY_TCP;
	if (has_protocol(protocols, "udp"))
		bits |= PPS_REGISTRY_UDP;
	for (size_t i = 0; i < json_array_size(aliases); i++)
		pps_str_addf(&words, "%s%s", i > 0 ? " " : "",
			json_string_value(json_array_get(aliases, i)));
	CU_ASSERT_EQUAL(entry->protocols, bits);
	CU_ASSERT_STRING_EQUAL(entry->aliases, pps_str_text(&words));
	CU_ASSERT_EQUAL(entry->port, json_integer_value(json_object_get(json, "port")));
	CU_ASSERT_EQUAL(entry->multiple_use, json_is_true(json_object_get(json, "multiple_use")));
	CU_ASSERT_STRING_EQUAL(entry->name, json_string_value(json_object_get(json, "name")));
	CU_ASSERT_STRING_EQUAL(
		entry->description, json_string_value(json_object_get(json, "description")));
	CU_ASSERT_STRING_EQUAL(pps_registry_status_name(entry->status),
		json_string_value(json_object_get(json, "status")));
	CU_ASSERT_STRING_EQUAL(pps_registry_source_name(entry->source),
		json_string_value(json_object_get(json, "source")));
	pps_str_fini(&words);
}

static void compiled_entries_are_those_of_the_shipped_file(void)
{
	json_t *registry = load_shipped_registry();
	const json_t *json_entries = json_object_get(registry, "entries");
	size_t n;
	const struct pps_registry_entry *entries = pps_registry_entries(&n);

	if (registry == NULL)
		return;
	CU_ASSERT_EQUAL_FATAL(json_array_size(json_entries), n);
	for (size_t i = 0; i < n; i++)
		compare_entry(&entries[i], json_array_get(json_entries, i));
	json_decref(registry);
}

static void compiled_services_are_those_of_the_shipped_file(void)
{
	json_t *registry = load_shipped_registry();
	const char *name;
	json_t *service;

	if (registry == NULL)
		return;
	CU_ASSERT(json_object_size(json_object_get(registry, "services")) > 250);
	json_object_foreach(json_object_get(registry, "services"), name, service)
	{
		const json_t *means = json_object_get(service, "means");
		struct pps_str words = PPS_STR_INIT;

		for (size_t i = 0; i < json_array_size(means); i++)
			pps_str_addf(&words, "%s%s", i > 0 ? " " : "",
				json_string_value(json_array_get(means, i)));
		CU_ASSERT_STRING_EQUAL(resolve(name, 0), pps_str_text(&words));
		pps_str_fini(&words);
	}
	json_decref(registry);
}

static void shipped_file_says_how_many_of_each(void)
{
	json_t *registry = load_shipped_registry();
	json_int_t table_1, table_a2, iana, named, unassigned;
	int ret;

	if (registry == NULL)
		return;
	ret = json_unpack(registry, "{s:{s:{s:I}, s:{s:I}, s:{s:I, s:I, s:I}}}", "sources",
		"table-1", "entries", &table_1, "table-a2", "entries", &table_a2, "iana", "entries",
		&iana, "named", &named, "unassigned", &unassigned);
	CU_ASSERT_EQUAL_FATAL(ret, 0);
	CU_ASSERT_EQUAL(table_1, 14);
	CU_ASSERT_EQUAL(table_a2, 265);
	CU_ASSERT_EQUAL(iana, 270);
	CU_ASSERT_EQUAL(named, 252);
	CU_ASSERT_EQUAL(unassigned, 2);
	json_decref(registry);
}

static const struct unit_test tests[] = {
	UNIT_TEST(every_row_of_the_sources_is_an_entry),
	UNIT_TEST(known_rows_are_as_the_documents_have_them),
	UNIT_TEST(entries_are_sorted_by_port_and_protocol),
	UNIT_TEST(names_mean_what_the_most_specific_official_row_says),
	UNIT_TEST(text_longer_than_any_name_is_no_name),
	UNIT_TEST(every_name_resolves),
	UNIT_TEST(every_meaning_is_backed_by_an_entry_of_its_status),
	UNIT_TEST(no_source_says_a_name_twice_for_one_port_and_protocol),
	UNIT_TEST(best_name_of_a_port_leads_back_to_it),
	UNIT_TEST(nearest_name_is_offered_for_a_slip),
	UNIT_TEST(compiled_entries_are_those_of_the_shipped_file),
	UNIT_TEST(compiled_services_are_those_of_the_shipped_file),
	UNIT_TEST(shipped_file_says_how_many_of_each),
};

int main(void)
{
	return unit_run("registry", tests, UNIT_COUNT(tests));
}
