/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_REGISTRY_H
#define PPS_REGISTRY_H

/*
 * The registry of ports, protocols and services: what a name like "https" means and who says so.
 *
 * It is made by tools/make-registry from the paper's tables (Table 1 and Table A-2: official,
 * unofficial and multiple use) and an IANA port list, shipped as config/registry.json, and compiled
 * in from that file, so that a daemon can never run with half a registry or none.
 *
 * An entry is one assignment: one port, the protocols it is assigned for, a description, a status
 * and a source. Several entries may speak of one port ("multiple use"). 'name' is the short name
 * usable in policies, lower case; "" when the entry has none; 'aliases' are other names for the
 * same. Names come from the IANA list, which ends at port 145; above it from a table in
 * tools/make-registry, only for applications that a row of the paper describes.
 *
 * What a name means is the point of the registry, and where the sources differ one must win:
 *
 *   official     Only official entries define a name. "http" is not QUIC on udp/80, which Table A-2
 *                lists as an unofficial use. A name that no official entry carries ("smtps") means
 *                what the unofficial entries say that carry it, and says so in 'status'.
 *   specific     For one port Table A-2 wins over Table 1, and Table 1 over the IANA list: Table
 * A-2 has a column for each protocol, Table 1 lumps them together, and the IANA list of 2001
 * assigns every port for TCP and UDP alike. So "https" is exactly tcp/443, though Table 1 says
 * "TCP, UDP". literal      A bare name means every protocol it is assigned for, needed or not:
 * "ssh" is tcp/22 and udp/22, "sftp" is the Simple File Transfer Protocol of tcp/115. Who means one
 *                protocol writes "ssh/tcp".
 *
 * Immutable, any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pps_registry_status { PPS_REGISTRY_OFFICIAL, PPS_REGISTRY_UNOFFICIAL };

enum pps_registry_source {
	PPS_REGISTRY_PAPER_TABLE_1,
	PPS_REGISTRY_PAPER_TABLE_A2,
	PPS_REGISTRY_IANA,
};

/* Protocols of an entry, a set. */
#define PPS_REGISTRY_TCP 0x01
#define PPS_REGISTRY_UDP 0x02

struct pps_registry_entry {
	const char *name; /* short name, lower case, or "" */
	const char *aliases; /* other names, separated by spaces, or "" */
	uint16_t port; /* host order */
	uint8_t protocols; /* PPS_REGISTRY_* */
	bool multiple_use; /* other applications are known on this port and protocol */
	enum pps_registry_status status;
	enum pps_registry_source source;
	const char *description;
};

/* All entries, by port, then protocol. */
const struct pps_registry_entry *pps_registry_entries(size_t *ret_n);

/* What a service name means: one (protocol, port) pair per element. */
struct pps_registry_service {
	uint8_t protocol; /* IP protocol number: 6 or 17 */
	uint16_t port;
	enum pps_registry_status status; /* unofficial: no official entry carries the name */
};

#define PPS_REGISTRY_SERVICE_MAX 16

/*
 * Resolves 'name' (case-insensitive, without "/tcp"). 'protocol' is 0 for all protocols the name
 * is assigned for, or an IP protocol number to ask for that one alone. Writes at most
 * PPS_REGISTRY_SERVICE_MAX pairs to 'ret' and returns how many: 0 when the name is not known or not
 * assigned for that protocol.
 */
size_t pps_registry_resolve(const char *name, uint8_t protocol,
	struct pps_registry_service ret[PPS_REGISTRY_SERVICE_MAX]);
/* True when the name exists for any protocol. */
bool pps_registry_has(const char *name);
/* The best short name for a port (official first), or NULL. 'protocol' is 6 or 17. The name
 * resolves to that port and protocol. */
const char *pps_registry_name(uint8_t protocol, uint16_t port);
/* The nearest known name, for "did you mean", or NULL. */
const char *pps_registry_nearest(const char *name);

/* "official", "unofficial" */
const char *pps_registry_status_name(enum pps_registry_status status);
/* "table-1", "table-a2", "iana" */
const char *pps_registry_source_name(enum pps_registry_source source);

#endif
