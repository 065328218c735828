/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Lint of services: what is known to be dangerous, what the registry says of a port, and tunnels.
 */

#include <stdlib.h>
#include <string.h>

#include <pps_registry.h>

#include "policy_priv.h"

#define TCP 6
#define UDP 17

#define WELL_KNOWN_END 1024u /* the registry speaks of the ports below */
#define DYNAMIC_BEGIN  49152u /* RFC 6335 section 6: never assigned */
#define EXAMPLES_MAX   8u /* ports one finding names */

/*
 * The one table of services that are known to be dangerous. A warning where credentials go in clear
 * text, where nobody is authenticated or where a remote hole is a matter of time; a note where the
 * service is common and a better form of it exists.
 */
static const struct dangerous {
	const char *name;
	uint8_t protocol;
	uint16_t first, last;
	enum pps_severity severity;
	const char *why;
	const char *instead;
} dangerous[] = {
#define ROW(name, protocol, first, last, severity, why, instead)                          \
	{                                                                                 \
		name, protocol, first, last, PPS_SEVERITY_##severity, why, "use " instead \
	}
	ROW("echo", TCP, 7, 7, WARNING, "serves nobody but floods", "icmp echo"),
	ROW("echo", UDP, 7, 7, WARNING, "serves nobody but floods", "icmp echo"),
	ROW("chargen", TCP, 19, 19, WARNING, "serves nobody but floods", "icmp echo"),
	ROW("chargen", UDP, 19, 19, WARNING, "serves nobody but floods", "icmp echo"),
	ROW("ftp", TCP, 21, 21, WARNING, "sends passwords in clear text", "ssh (22/tcp) with sftp"),
	ROW("telnet", TCP, 23, 23, WARNING, "sends passwords in clear text", "ssh (22/tcp)"),
	ROW("smtp", TCP, 25, 25, NOTE, "is in clear text unless both ends insist on STARTTLS",
		"submission with TLS (465/tcp) where people send"),
	ROW("tftp", UDP, 69, 69, WARNING, "has no authentication",
		"ssh (22/tcp) with sftp, or https (443/tcp)"),
	ROW("finger", TCP, 79, 79, WARNING, "tells strangers who has an account",
		"ldaps (636/tcp)"),
	ROW("http", TCP, 80, 80, NOTE, "is in clear text", "https (443/tcp)"),
	ROW("pop2", TCP, 109, 109, WARNING, "sends passwords in clear text", "pop3s (995/tcp)"),
	ROW("pop3", TCP, 110, 110, WARNING, "sends passwords in clear text", "pop3s (995/tcp)"),
	ROW("sunrpc", TCP, 111, 111, WARNING, "opens services on other ports to strangers",
		"services on ports of their own"),
	ROW("sunrpc", UDP, 111, 111, WARNING, "opens services on other ports to strangers",
		"services on ports of their own"),
	ROW("nntp", TCP, 119, 119, NOTE, "is in clear text", "nntps (563/tcp)"),
	ROW("epmap", TCP, 135, 135, WARNING, "opens remote procedures to strangers",
		"https (443/tcp)"),
	ROW("netbios", TCP, 137, 139, WARNING, "authenticates weakly, in clear text",
		"https (443/tcp)"),
	ROW("netbios", UDP, 137, 138, WARNING, "authenticates nobody, in clear text",
		"domain (53)"),
	ROW("imap", TCP, 143, 143, WARNING, "sends passwords in clear text", "imaps (993/tcp)"),
	ROW("snmp", UDP, 161, 162, WARNING, "sends its passwords in clear text in versions 1 and 2",
		"version 3 with privacy, over TLS (10161/tcp)"),
	ROW("xdmcp", UDP, 177, 177, WARNING, "sends the whole session in clear text",
		"ssh (22/tcp)"),
	ROW("imap3", TCP, 220, 220, WARNING, "sends passwords in clear text", "imaps (993/tcp)"),
	ROW("ldap", TCP, 389, 389, WARNING, "sends passwords in clear text", "ldaps (636/tcp)"),
	ROW("ldap", UDP, 389, 389, WARNING, "is in clear text, and amplifies floods",
		"ldaps (636/tcp)"),
	ROW("smb", TCP, 445, 445, WARNING, "is the way of worms between networks",
		"ssh (22/tcp) with sftp, or https (443/tcp)"),
	ROW("rexec", TCP, 512, 512, WARNING, "sends passwords in clear text", "ssh (22/tcp)"),
	ROW("rlogin", TCP, 513, 513, WARNING, "trusts source addresses", "ssh (22/tcp)"),
	ROW("rsh", TCP, 514, 514, WARNING, "trusts source addresses", "ssh (22/tcp)"),
	ROW("syslog", UDP, 514, 514, NOTE, "is in clear text and believes every sender",
		"syslog over TLS (6514/tcp)"),
	ROW("printer", TCP, 515, 515, NOTE, "is in clear text, without authentication",
		"ipp over TLS (631/tcp)"),
	ROW("rsync", TCP, 873, 873, NOTE, "is in clear text", "rsync over ssh (22/tcp)"),
	ROW("socks", TCP, 1080, 1080, WARNING, "reaches whatever the proxy reaches",
		"one rule for each service"),
	ROW("ms-sql-m", UDP, 1434, 1434, WARNING, "tells strangers of databases, and carried worms",
		"a fixed port of the database"),
	ROW("nfs", TCP, 2049, 2049, WARNING, "trusts source addresses unless it has Kerberos",
		"ssh (22/tcp) with sftp"),
	ROW("nfs", UDP, 2049, 2049, WARNING, "trusts source addresses unless it has Kerberos",
		"ssh (22/tcp) with sftp"),
	ROW("rdp", TCP, 3389, 3389, WARNING, "is attacked all the time",
		"a gateway over https (443/tcp)"),
	ROW("rdp", UDP, 3389, 3389, WARNING, "is attacked all the time",
		"a gateway over https (443/tcp)"),
	ROW("vnc", TCP, 5900, 5999, WARNING, "has weak passwords and no encryption",
		"vnc inside of ssh (22/tcp)"),
	ROW("x11", TCP, 6000, 6063, WARNING, "lets strangers read keys and screen",
		"x11 inside of ssh (22/tcp)"),
	ROW("irc", TCP, 6667, 6667, NOTE, "is in clear text, and steers robots",
		"irc over TLS "
		"(6697/tcp)"),
#undef ROW
};

/* Protocols and UDP ports that carry packets of others; port 0: the protocol itself. */
static const struct {
	const char *name;
	uint8_t protocol;
	uint16_t port;
	enum pps_finding_kind kind;
} tunnels[] = {
	{"IP in IP", 4, 0, PPS_FINDING_TUNNEL},
	{"IPv6 in IP", 41, 0, PPS_FINDING_TUNNEL},
	{"GRE", 47, 0, PPS_FINDING_TUNNEL},
	{"ESP", 50, 0, PPS_FINDING_OPAQUE_TUNNEL},
	{"minimal encapsulation", 55, 0, PPS_FINDING_TUNNEL},
	{"IP in IP", 94, 0, PPS_FINDING_TUNNEL},
	{"EtherIP", 97, 0, PPS_FINDING_TUNNEL},
	{"ENCAP", 98, 0, PPS_FINDING_TUNNEL},
	{"Ethernet in IP", 143, 0, PPS_FINDING_TUNNEL},
	{"AGGFRAG", 144, 0, PPS_FINDING_OPAQUE_TUNNEL},
	{"IPComp", 108, 0, PPS_FINDING_OPAQUE_TUNNEL},
	{"L2TPv3", 115, 0, PPS_FINDING_OPAQUE_TUNNEL},
	{"MPLS in IP", 137, 0, PPS_FINDING_TUNNEL},
	{"GTP-U", UDP, 2152, PPS_FINDING_TUNNEL},
	{"Teredo", UDP, 3544, PPS_FINDING_TUNNEL},
	{"LISP", UDP, 4341, PPS_FINDING_TUNNEL},
	{"GRE in UDP", UDP, 4754, PPS_FINDING_TUNNEL},
	{"VXLAN", UDP, 4789, PPS_FINDING_TUNNEL},
	{"GENEVE", UDP, 6081, PPS_FINDING_TUNNEL},
	{"MPLS in UDP", UDP, 6635, PPS_FINDING_TUNNEL},
};

static bool ports_meet(const struct pps_term *term, uint16_t first, uint16_t last)
{
	for (size_t i = 0; i < term->n_ports; i++) {
		if (term->ports[i].lo <= last && term->ports[i].hi >= first)
			return true;
	}
	return false;
}

/*
 * Whole port ranges have a finding of their own. What is an exception, or says what mitigates it,
 * was looked at: then it is but a note.
 */
static void lint_dangerous(
	const struct pps_rule *rule, const struct pps_term *term, struct pps_findings *findings)
{
	bool accepted = rule->kind == PPS_RULE_EXCEPTION || rule->n_mitigations > 0;
	char ports[PPS_ADDR_TEXT_MAX];

	if (term_is_wide(term))
		return;
	for (size_t i = 0; i < COUNT(dangerous); i++) {
		const struct dangerous *row = &dangerous[i];
		const struct pps_range range = {row->first, row->last};
		struct pps_finding *finding;

		if (row->protocol != term->protocol || !ports_meet(term, row->first, row->last))
			continue;
		finding = finding_add(findings, PPS_FINDING_DANGEROUS_SERVICE, rule->path,
			row->instead, "%s (%s/%s) %s", row->name, pps_range_format(&range, ports),
			pps_protocol_word(row->protocol), row->why);
		finding->severity = accepted ? PPS_SEVERITY_NOTE : row->severity;
	}
}

static void lint_tunnels(
	const struct pps_rule *rule, const struct pps_term *term, struct pps_findings *findings)
{
	for (size_t i = 0; i < COUNT(tunnels); i++) {
		bool opaque = tunnels[i].kind == PPS_FINDING_OPAQUE_TUNNEL;

		if (tunnels[i].protocol != term->protocol ||
			(tunnels[i].port != 0 &&
				!ports_meet(term, tunnels[i].port, tunnels[i].port)))
			continue;
		finding_add(findings, tunnels[i].kind, rule->path,
			opaque ? "let it end before this wire"
			       : "let it end before this wire, and approve what is inside",
			"%s is a tunnel%s: this build drops its packets, approved or not",
			tunnels[i].name, opaque ? " that cannot be read" : "");
	}
}

/* ---- the registry ---- */

/* What it says of one port and protocol. */
enum { PORT_LISTED = 1, PORT_OFFICIAL = 2, PORT_MULTIPLE = 4 };

struct port_facts {
	uint8_t bits[2][UINT16_MAX + 1]; /* tcp, udp */
};

static void learn_port(uint8_t *bits, const struct pps_registry_entry *entry)
{
	*bits |= PORT_LISTED | (entry->status == PPS_REGISTRY_OFFICIAL ? PORT_OFFICIAL : 0) |
		(entry->multiple_use ? PORT_MULTIPLE : 0);
}

/* Table 1 lumps the protocols of a port together: it speaks where the other sources are silent. */
static void learn(struct port_facts *facts, const struct pps_registry_entry *entry, bool table_1)
{
	const uint8_t protocols[2] = {PPS_REGISTRY_TCP, PPS_REGISTRY_UDP};

	if ((entry->source == PPS_REGISTRY_PAPER_TABLE_1) != table_1 ||
		strcmp(entry->description, "Unassigned") == 0)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t *bits = &facts->bits[i][entry->port];

		if ((entry->protocols & protocols[i]) != 0 && (!table_1 || *bits == 0))
			learn_port(bits, entry);
	}
}

struct port_facts *port_facts_create(void)
{
	struct port_facts *facts = pps_alloc(sizeof(*facts));
	const struct pps_registry_entry *entries;
	size_t n;

	entries = pps_registry_entries(&n);
	for (size_t i = 0; i < n; i++)
		learn(facts, &entries[i], false);
	for (size_t i = 0; i < n; i++)
		learn(facts, &entries[i], true);
	return facts;
}

/* A rule's ports of one kind, for one finding. */
struct port_list {
	struct pps_str text;
	size_t n;
};

static void list_port(struct port_list *list, uint32_t port)
{
	if (list->n < EXAMPLES_MAX)
		pps_str_addf(&list->text, "%s%u", list->n > 0 ? ", " : "", port);
	else if (list->n == EXAMPLES_MAX)
		pps_str_add(&list->text, ", ...");
	list->n++;
}

static void tell_ports(struct port_list *list, enum pps_finding_kind kind,
	const struct pps_rule *rule, const struct pps_term *term, const char *advice,
	const char *what, struct pps_findings *findings)
{
	if (list->n > 0)
		finding_add(findings, kind, rule->path, advice, "%s %s: %s",
			pps_protocol_word(term->protocol), pps_str_text(&list->text), what);
	pps_str_fini(&list->text);
}

/* Who named a service of the policy's own has said what the port is for. */
static void lint_status(const struct port_facts *facts, const struct pps_rule *rule,
	const struct pps_term *term, struct pps_findings *findings)
{
	struct port_list unofficial = {0}, multiple = {0}, unassigned = {0};
	const uint8_t *bits = facts->bits[term->protocol == UDP];

	if ((term->protocol != TCP && term->protocol != UDP) || term_is_wide(term))
		return;
	for (size_t i = 0; i < term->n_ports; i++) {
		for (uint32_t port = term->ports[i].lo; port <= term->ports[i].hi; port++) {
			if ((bits[port] & PORT_MULTIPLE) != 0)
				list_port(&multiple, port);
			if ((bits[port] & (PORT_LISTED | PORT_OFFICIAL)) == PORT_LISTED)
				list_port(&unofficial, port);
			if (term->service == NULL && port > 0 && (bits[port] & PORT_LISTED) == 0 &&
				(port < WELL_KNOWN_END || port >= DYNAMIC_BEGIN))
				list_port(&unassigned, port);
		}
	}
	tell_ports(&unofficial, PPS_FINDING_UNOFFICIAL_PORT, rule, term,
		"make sure what listens there",
		"used without an assignment, so that others may use it too", findings);
	tell_ports(&multiple, PPS_FINDING_MULTIPLE_USE_PORT, rule, term,
		"make sure what listens there; \"ppsfw registry PORT\" lists the uses",
		"several applications use it", findings);
	tell_ports(&unassigned, PPS_FINDING_UNASSIGNED_PORT, rule, term,
		"name it under \"services\" if it is meant",
		"assigned to no service, so that nobody can tell what it is for", findings);
}

void lint_services(
	const struct port_facts *facts, const struct pps_rule *rule, struct pps_findings *findings)
{
	for (size_t i = 0; i < rule->n_terms; i++) {
		lint_dangerous(rule, &rule->terms[i], findings);
		lint_tunnels(rule, &rule->terms[i], findings);
		lint_status(facts, rule, &rule->terms[i], findings);
	}
}
