/* SPDX-License-Identifier: BSD-3-Clause */
#include "registry_priv.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <pps_base.h>

static_assert(PPS_REGISTRY_OFFICIAL < PPS_REGISTRY_UNOFFICIAL, "the better status is less");

#define NAME_MAX_LEN 64

const struct pps_registry_entry *pps_registry_entries(size_t *ret_n)
{
	*ret_n = registry_n_entries;
	return registry_entries;
}

/* False when it is longer than any name. */
static bool lower_name(const char *name, char out[NAME_MAX_LEN])
{
	size_t n = strlen(name);

	if (n >= NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	return true;
}

/* The first meaning of 'name', or the number of meanings. */
static size_t find_meaning(const char *name)
{
	char lower[NAME_MAX_LEN];
	size_t lo = 0, hi = registry_n_meanings;

	if (!lower_name(name, lower))
		return registry_n_meanings;
	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (strcmp(registry_meanings[middle].name, lower) < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	if (lo < registry_n_meanings && strcmp(registry_meanings[lo].name, lower) == 0)
		return lo;
	return registry_n_meanings;
}

size_t pps_registry_resolve(const char *name, uint8_t protocol,
	struct pps_registry_service ret[PPS_REGISTRY_SERVICE_MAX])
{
	size_t first = find_meaning(name), n = 0;

	for (size_t i = first; i < registry_n_meanings && n < PPS_REGISTRY_SERVICE_MAX; i++) {
		const struct registry_meaning *meaning = &registry_meanings[i];

		if (strcmp(meaning->name, registry_meanings[first].name) != 0)
			break;
		if (protocol == 0 || protocol == meaning->service.protocol)
			ret[n++] = meaning->service;
	}
	return n;
}

bool pps_registry_has(const char *name)
{
	return find_meaning(name) < registry_n_meanings;
}

static bool resolves_to(const char *name, uint8_t protocol, uint16_t port)
{
	struct pps_registry_service services[PPS_REGISTRY_SERVICE_MAX];
	size_t n = pps_registry_resolve(name, protocol, services);

	for (size_t i = 0; i < n; i++) {
		if (services[i].port == port)
			return true;
	}
	return false;
}

/* Where entries of 'port' begin. */
static size_t find_port(uint16_t port)
{
	size_t lo = 0, hi = registry_n_entries;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (registry_entries[middle].port < port)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

/* Official before unofficial; else the first, which the sources list first. */
static bool is_better(const struct pps_registry_entry *entry, const struct pps_registry_entry *best)
{
	return best == NULL || entry->status < best->status;
}

const char *pps_registry_name(uint8_t protocol, uint16_t port)
{
	const struct pps_registry_entry *best = NULL;
	uint8_t bit = 0;

	if (protocol == IPPROTO_TCP)
		bit = PPS_REGISTRY_TCP;
	else if (protocol == IPPROTO_UDP)
		bit = PPS_REGISTRY_UDP;
	for (size_t i = find_port(port); i < registry_n_entries; i++) {
		const struct pps_registry_entry *entry = &registry_entries[i];

		if (entry->port != port)
			break;
		if ((entry->protocols & bit) != 0 && entry->name[0] != '\0' &&
			is_better(entry, best) && resolves_to(entry->name, protocol, port))
			best = entry;
	}
	return best != NULL ? best->name : NULL;
}

const char *pps_registry_nearest(const char *name)
{
	const char **names = pps_alloc(registry_n_meanings * sizeof(names[0]));
	const char *nearest;

	for (size_t i = 0; i < registry_n_meanings; i++)
		names[i] = registry_meanings[i].name;
	nearest = pps_nearest_word(name, names, registry_n_meanings);
	free(names);
	return nearest;
}

const char *pps_registry_status_name(enum pps_registry_status status)
{
	return status == PPS_REGISTRY_OFFICIAL ? "official" : "unofficial";
}

const char *pps_registry_source_name(enum pps_registry_source source)
{
	switch (source) {
	case PPS_REGISTRY_PAPER_TABLE_1:
		return "table-1";
	case PPS_REGISTRY_PAPER_TABLE_A2:
		return "table-a2";
	case PPS_REGISTRY_IANA:
	default:
		return "iana";
	}
}
