/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pps_addr.h>
#include <pps_policy.h>
#include <pps_registry.h>

#include "cli.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define TCP             6
#define UDP             17

/* What is looked for: a port or a name, and perhaps one protocol. */
struct wanted {
	char *text; /* without the protocol */
	bool is_port;
	uint16_t port;
	uint8_t protocols; /* PPS_REGISTRY_* */
};

/* Reads "443/tcp", "443", "https", "domain/udp". Returns CLI_OK or CLI_USAGE. */
static enum status read_wanted(const struct cli *cli, const char *text, struct wanted *ret)
{
	size_t len = strcspn(text, "/");
	const char *protocol = text[len] == '/' ? text + len + 1 : NULL;
	struct pps_range range;
	const char *why = "";

	ret->protocols = PPS_REGISTRY_TCP | PPS_REGISTRY_UDP;
	if (protocol != NULL && strcmp(protocol, "tcp") == 0)
		ret->protocols = PPS_REGISTRY_TCP;
	else if (protocol != NULL && strcmp(protocol, "udp") == 0)
		ret->protocols = PPS_REGISTRY_UDP;
	else if (protocol != NULL)
		return usage_error(cli, "\"%s\": the registry knows tcp and udp", text);
	ret->text = pps_asprintf("%.*s", (int)len, text);
	ret->is_port = ret->text[strspn(ret->text, "0123456789")] == '\0';
	if (!ret->is_port)
		return CLI_OK;
	if (pps_range_parse(ret->text, UINT16_MAX, &range, &why) != 0)
		return usage_error(cli, "\"%s\" %s", text, why);
	ret->port = range.lo;
	return CLI_OK;
}

/* True when 'name' is one of the names in 'list', which blanks separate. */
static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (; *list != '\0'; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		if (n == len && strncasecmp(list, name, n) == 0)
			return true;
		list += n;
	}
	return false;
}

static bool is_wanted(const struct wanted *wanted, const struct pps_registry_entry *entry)
{
	if ((entry->protocols & wanted->protocols) == 0)
		return false;
	if (wanted->is_port)
		return entry->port == wanted->port;
	return is_listed(entry->name, wanted->text) || is_listed(entry->aliases, wanted->text);
}

static json_t *aliases_json(const char *list)
{
	json_t *aliases = json_array();

	for (; *list != '\0'; list += strspn(list, " ")) {
		size_t n = strcspn(list, " ");

		json_array_append_new(aliases, json_stringn(list, n));
		list += n;
	}
	return aliases;
}

static json_t *entry_json(const struct pps_registry_entry *entry)
{
	json_t *protocols = json_array();

	if (entry->protocols & PPS_REGISTRY_TCP)
		json_array_append_new(protocols, json_string("tcp"));
	if (entry->protocols & PPS_REGISTRY_UDP)
		json_array_append_new(protocols, json_string("udp"));
	return json_pack("{s:s, s:o, s:i, s:o, s:b, s:s, s:s, s:s}", "name", entry->name, "aliases",
		aliases_json(entry->aliases), "port", entry->port, "protocols", protocols,
		"multiple_use", entry->multiple_use, "status",
		pps_registry_status_name(entry->status), "source",
		pps_registry_source_name(entry->source), "description", entry->description);
}

static const char *protocols_text(uint8_t protocols)
{
	if (protocols == PPS_REGISTRY_TCP)
		return "tcp";
	return protocols == PPS_REGISTRY_UDP ? "udp" : "tcp, udp";
}

static void add_entry(struct table *table, const struct pps_registry_entry *entry)
{
	bool official = entry->status == PPS_REGISTRY_OFFICIAL;

	table_cell(table, STYLE_PLAIN, "%u", entry->port);
	table_cell(table, STYLE_PLAIN, "%s", protocols_text(entry->protocols));
	table_cell(table, STYLE_BOLD, "%s%s%s", *entry->name == '\0' ? "-" : entry->name,
		*entry->aliases == '\0' ? "" : " ", entry->aliases);
	table_cell(table, official ? STYLE_PLAIN : STYLE_WARNING, "%s%s",
		pps_registry_status_name(entry->status),
		entry->multiple_use ? ", multiple use" : "");
	table_cell(table, STYLE_PLAIN, "%s", pps_registry_source_name(entry->source));
	table_cell(table, STYLE_PLAIN, "%s", entry->description);
}

/* What the name stands for where a policy says "service": it is what people come here for. */
static void print_meaning(struct output *o, const struct wanted *wanted)
{
	struct pps_registry_service services[PPS_REGISTRY_SERVICE_MAX];
	uint8_t protocol = wanted->protocols == PPS_REGISTRY_TCP ? TCP
		: wanted->protocols == PPS_REGISTRY_UDP          ? UDP
								 : 0;
	size_t n = pps_registry_resolve(wanted->text, protocol, services);

	if (wanted->is_port || n == 0)
		return;
	out_end(o);
	out(o, STYLE_PLAIN, "in a policy, \"%s\" means", wanted->text);
	for (size_t i = 0; i < n; i++)
		out(o, STYLE_BOLD, "%s %s/%u", i == 0 ? "" : ",",
			pps_protocol_word(services[i].protocol), services[i].port);
	out_end(o);
}

static enum status print_found(struct cli *cli, const struct wanted *wanted)
{
	static const struct column columns[] = {{.title = "PORT", .right = true},
		{.title = "PROTOCOL"}, {.title = "NAME"}, {.title = "STATUS"}, {.title = "SOURCE"},
		{.title = "DESCRIPTION"}};
	struct table *table = table_create(columns, COUNT_OF(columns));
	json_t *list = json_array(), *answer;
	const struct pps_registry_entry *entries;
	size_t n, n_found;

	entries = pps_registry_entries(&n);
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(wanted, &entries[i]))
			continue;
		add_entry(table, &entries[i]);
		json_array_append_new(list, entry_json(&entries[i]));
	}
	n_found = json_array_size(list);
	answer = json_pack("{s:o}", "entries", list);
	if (cli->json && n_found > 0) {
		out_json(&cli->out, answer);
	} else if (!cli->json && n_found > 0) {
		table_print(table, &cli->out, 0, true);
		print_meaning(&cli->out, wanted);
	}
	json_decref(answer);
	table_destroy(table);
	return n_found > 0 ? CLI_OK : CLI_FAILED;
}

/* Says that there is nothing, and what may have been meant. */
static void print_not_found(struct cli *cli, const struct wanted *wanted)
{
	struct pps_errors errors = {0};
	const char *near = NULL;

	if (!wanted->is_port && !pps_registry_has(wanted->text))
		near = pps_registry_nearest(wanted->text);
	pps_errors_add(&errors, "", "the registry has no \"%s\"%s%s%s", cli->argv[0],
		near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
		near == NULL ? "" : "\"?)");
	failure(cli, "%s", errors.items[0].text);
	print_errors_json(cli, "not found", &errors);
	pps_errors_fini(&errors);
}

enum status cmd_registry(struct cli *cli)
{
	struct wanted wanted = {0};
	enum status status;

	if (!has_arguments(cli, 1, 1))
		return CLI_USAGE;
	status = read_wanted(cli, cli->argv[0], &wanted);
	if (status == CLI_OK)
		status = print_found(cli, &wanted);
	if (status == CLI_FAILED)
		print_not_found(cli, &wanted);
	free(wanted.text);
	return status;
}
