/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_POLICY_H
#define PPS_POLICY_H

/*
 * The policy as a value: what people wrote and approved, checked, with every name resolved.
 *
 * A policy is read from JSON (design 3.1, ppsfw-policy(5)) in two steps that report all their
 * errors together: the shape of each value (one table of fields per object), then what only shows
 * between values (unknown groups, duplicate ids, overrides that name no ban, ...). The result holds
 * no names any more: services became protocols and ports through the policy's own "services" and
 * then the registry, groups became prefixes. Approval data stays as text, for people.
 *
 * A rule's traffic is the product
 *     directions x terms (protocol, source ports, ports, ICMP type and code)
 *                x sources x destinations x VLANs
 * of the flow's *initiator*; replies are implied. An address family is part of a rule when both
 * its sources and its destinations have members of that family; "any" has both. (icmp is IPv4 and
 * icmpv6 is IPv6 alone.)
 *
 * Order: bans, then exceptions, then approvals; inside each the earlier rule decides. An exception
 * with "overrides" beats exactly the bans it names. See pps_ruleset.h for how that is compiled.
 *
 * Keys of the grammar that this build cannot enforce are refused with that reason.
 *
 * Life-cycle: pps_policy_parse() or _load() -> use -> pps_policy_destroy(). Immutable in between:
 * any thread may read. No DPDK. Limits are below; over a limit is an error like any other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_addr.h>
#include <pps_base.h>
#include <pps_space.h>

#define PPS_POLICY_BYTES_MAX   (32u << 20)
#define PPS_POLICY_RULES_MAX   60000u /* each rule holds a counter slot: see pps_stats.h */
#define PPS_POLICY_FILES_MAX   256u /* files one policy names */
#define PPS_POLICY_SOURCES_MAX (2u << 20) /* prefixes of one list of sources */
#define PPS_DIGEST_TEXT        65 /* SHA-256 in hex and a terminator */
#define PPS_POLICY_ID_MAX      64 /* characters of a rule id: letters, digits, . _ - : */

/* Directions, a set. As values they also name the initiator: inbound = from outside. */
enum pps_direction { PPS_INBOUND = 1, PPS_OUTBOUND = 2, PPS_BOTH = 3 };
const char *pps_direction_word(enum pps_direction direction); /* "inbound", ... "none" for 0 */

#define PPS_PROTOCOL_ANY 256

/* The number for a protocol name ("tcp", "ospf", "47"), 256 for "any"; negative errno. */
int pps_protocol_parse(const char *text);
/* "tcp" for 6, "253" where there is no name, "any" for 256. Static text. */
const char *pps_protocol_word(unsigned int protocol);
/* The protocol name nearest to a wrong one, for "did you mean", or NULL. */
const char *pps_protocol_nearest(const char *text);
/* True for protocols whose header begins with source and destination port. */
bool pps_protocol_has_ports(unsigned int protocol);

/* One kind of traffic inside a rule. */
struct pps_term {
	uint16_t protocol; /* 0 to 255 or PPS_PROTOCOL_ANY */
	struct pps_range *ports; /* destination ports; none: any. Sorted, disjoint */
	size_t n_ports;
	struct pps_range *source_ports; /* none: any. Sorted, disjoint */
	size_t n_source_ports;
	int16_t icmp_type; /* 0 to 255, -1 any; icmp and icmpv6 only */
	int16_t icmp_code; /* 0 to 255, -1 any */
	char *service; /* the name it was written as, or NULL */
};

/* A set of prefixes; any = both families, whole. Sorted, disjoint, merged where one covers. */
struct pps_prefix_set {
	bool any;
	struct pps_prefix *items;
	size_t n;
};

/* A set of VLAN ids. any: every id and untagged. none: untagged alone. */
struct pps_vlan_set {
	bool any;
	bool none;
	struct pps_range *items; /* ids 1 to 4094, sorted, disjoint */
	size_t n;
};

enum pps_rule_kind { PPS_RULE_BAN, PPS_RULE_EXCEPTION, PPS_RULE_APPROVED };
const char *pps_rule_kind_word(enum pps_rule_kind kind); /* "ban", "exception", "approved" */

enum pps_assurance {
	PPS_ASSURANCE_NONE,
	PPS_ASSURANCE_HIGH,
	PPS_ASSURANCE_MEDIUM,
	PPS_ASSURANCE_LOW,
};
const char *pps_assurance_word(enum pps_assurance assurance); /* "" for none */

/* Kinds of approval data that a policy may require. */
enum pps_approval {
	PPS_APPROVAL_ASSURANCE,
	PPS_APPROVAL_BOUNDARY,
	PPS_APPROVAL_APPROVED_BY,
	PPS_APPROVAL_REASON,
	PPS_APPROVAL_OWNER,
	PPS_APPROVAL_ASSESSED,
	PPS_APPROVAL_MITIGATIONS,
	PPS_APPROVAL_COUNT
};

enum pps_rule_log { PPS_RULE_LOG_NOTHING, PPS_RULE_LOG_FLOWS }; /* "log": "none" | "flows" */

/* How much of what a rule permits it permits; 0: no limit. */
struct pps_limits {
	uint32_t flows; /* live at once */
	uint32_t flows_per_source; /* live at once, of one initiator (IPv6: of its /64) */
	uint32_t new_flows_per_second; /* begun; a second's worth may begin at once */
};
#define PPS_LIMIT_MAX 1000000000u

struct pps_rule {
	enum pps_rule_kind kind;
	char *id;
	enum pps_direction direction;
	struct pps_term *terms;
	size_t n_terms;
	struct pps_prefix_set source, destination;
	struct pps_vlan_set vlans;
	enum pps_rule_log log;
	struct pps_limits limits; /* bans have none */
	uint64_t expires_ns; /* exceptions: wall clock, ns since the epoch; 0: never */
	size_t *overrides; /* exceptions: indexes into the policy's rules (bans) */
	size_t n_overrides;
	/* Approval data, for people; NULL where not written. */
	enum pps_assurance assurance;
	char *boundary, *approved_by, *reason, *owner, *assessed, *comment;
	char **mitigations;
	size_t n_mitigations;
	char *path; /* "approved[2]": where it stands in the file */
	char *service_text; /* what "service" or "protocol"/"ports" said, for display */
	char *source_text, *destination_text; /* as written: "any", "web_servers", "a, b" */
};

/* One permitted ethertype. */
struct pps_ethertype {
	uint16_t ethertype; /* host order; 0: 802.3 length frames ("802.3") */
	enum pps_direction direction;
};

#define PPS_ETHERTYPES_MAX 64

struct pps_link {
	uint8_t arp; /* a set of enum pps_direction; 0: none */
	uint8_t neighbor_discovery;
	struct pps_vlan_set vlans; /* default: none */
	struct pps_ethertype ethertypes[PPS_ETHERTYPES_MAX];
	size_t n_ethertypes;
};

enum pps_timeout {
	PPS_TIMEOUT_TCP_HANDSHAKE,
	PPS_TIMEOUT_TCP_ESTABLISHED,
	PPS_TIMEOUT_TCP_CLOSING,
	PPS_TIMEOUT_UDP_SINGLE,
	PPS_TIMEOUT_UDP,
	PPS_TIMEOUT_ICMP,
	PPS_TIMEOUT_SCTP_ESTABLISHED,
	PPS_TIMEOUT_DCCP,
	PPS_TIMEOUT_OTHER,
	PPS_TIMEOUT_FRAGMENT,
	PPS_TIMEOUT_COUNT
};
const char *pps_timeout_word(enum pps_timeout timeout); /* "tcp_handshake", ... */
/* Seconds; the default of design 3.1. */
uint32_t pps_timeout_default(enum pps_timeout timeout);
#define PPS_TIMEOUT_SEC_MAX 604800u /* a week */

/*
 * A list of sources. Overlaps are merged in 'set', which is what is enforced; 'written' is what
 * stands in the policy itself, for printing it. Not present: no such list, or an empty one.
 */
struct pps_source_list {
	bool present;
	struct pps_prefix_set set;
	struct pps_prefix_set written;
	char **files; /* names, in the order in which they are named */
	size_t n_files;
};

/* A file that came with the policy. */
struct pps_policy_file {
	char *name;
	char digest[PPS_DIGEST_TEXT];
	size_t n_prefixes; /* lines that are one */
};

/* The prefix of a set (not "any") that holds the address, or NULL. */
const struct pps_prefix *pps_prefix_set_find(
	const struct pps_prefix_set *set, const struct pps_addr *addr);

struct pps_policy {
	char *name;
	uint64_t revision;
	char *authority; /* or NULL */
	unsigned int require; /* bits by enum pps_approval: what rules must have */
	uint32_t assessment_days; /* how long an assessment is good; 0: not asked */
	struct pps_link link;
	struct pps_rule *rules; /* bans, then exceptions, then approvals, each in file order */
	size_t n_rules, n_bans, n_exceptions, n_approved;
	uint32_t timeouts_sec[PPS_TIMEOUT_COUNT];
	struct pps_source_list block, allow;
	struct pps_policy_file *files; /* each once, in the order in which the lists name them */
	size_t n_files;
	/*
	 * SHA-256 of exactly the bytes read, lower-case hex. Where files came with the policy, of
	 * the lines "DIGEST  NAME\n" of the policy (named "policy") and of each file, in order, as
	 * sha256sum(1) writes them.
	 */
	char digest[PPS_DIGEST_TEXT];
	char text_digest[PPS_DIGEST_TEXT]; /* of the policy's own bytes */
};

/*
 * What a policy is made of. Its lists of sources may name files ("file:NAME"), which lie in the
 * policy's folder or below it. Whoever has the policy's file has these too, and reads all with his
 * own rights: _bundle_read(). Over the control socket the contents travel, and no name is opened
 * at the other end. 'error' is why a file could not be read: the parser says so at the place where
 * it is named.
 */
struct pps_policy_part {
	char *name;
	char *text; /* NULL after an error */
	size_t len;
	int error; /* negative errno, or 0 */
};

struct pps_policy_bundle {
	char *text; /* the policy's bytes */
	size_t len;
	struct pps_policy_part *files;
	size_t n_files;
	struct pps_policy_part *signatures; /* of the content, detached: pps_signature.h */
	size_t n_signatures;
};

/* False and an error, whose path is "", when the policy itself cannot be read. All together have at
 * most PPS_POLICY_BYTES_MAX bytes. 'ret' is to be freed by _fini() in either case. */
bool pps_policy_bundle_read(
	const char *path, struct pps_policy_bundle *ret, struct pps_errors *errors);
/* Adds a file of this name without contents, to be filled in; valid until the next is added. */
struct pps_policy_part *pps_policy_bundle_add(struct pps_policy_bundle *bundle, const char *name);
struct pps_policy_part *pps_policy_bundle_add_signature(
	struct pps_policy_bundle *bundle, const char *name);
void pps_policy_bundle_fini(struct pps_policy_bundle *bundle);
/* The digest of all bytes as in struct pps_policy, without parsing, in the bundle's order; equal to
 * the policy's when that is the order in which its lists name the files, as _read() has them. A
 * file that could not be read counts as empty. */
void pps_policy_bundle_digest(const struct pps_policy_bundle *bundle, char ret[PPS_DIGEST_TEXT]);
/* Adds the bytes to 'out' whose SHA-256 that is: the policy's own, or the lines of digests. They
 * are what is signed. */
void pps_policy_bundle_content(const struct pps_policy_bundle *bundle, struct pps_str *out);

/*
 * Parses and checks a policy with its files. Returns a policy the caller destroys, or NULL with at
 * least one error in 'errors'. Mistakes in files have the path "NAME:LINE".
 */
struct pps_policy *pps_policy_parse_bundle(
	const struct pps_policy_bundle *bundle, struct pps_errors *errors);
/* The same of 'len' bytes of policy text alone: naming files is an error. */
struct pps_policy *pps_policy_parse(const char *text, size_t len, struct pps_errors *errors);
/* The same from a file, with the files it names. An unreadable or too large file is an error whose
 * path is "". */
struct pps_policy *pps_policy_load(const char *path, struct pps_errors *errors);
void pps_policy_destroy(struct pps_policy *policy);

/*
 * Prints the policy as canonical JSON: two-space indent, keys in fixed order, defaults left out,
 * groups resolved to prefixes, and every service name that a rule uses spelled out under
 * "services", so that the text does not depend on the registry. Parsing that text gives an equal
 * policy (but for source_text, destination_text, service_text and the digest), and printing that
 * one gives the same text. For golden tests, "show policy" and diffs.
 */
void pps_policy_print(const struct pps_policy *policy, struct pps_str *out);

/*
 * Writes the language itself, one line per key: object, key, "required" | "optional" | "refused",
 * help; separated by tabs. Comes from the tables the parser reads by, so that the schema and the
 * manual page can be compared with them.
 */
void pps_policy_fields(struct pps_str *out);

/* An error: no daemon takes the policy. */
enum pps_severity { PPS_SEVERITY_NOTE, PPS_SEVERITY_WARNING, PPS_SEVERITY_ERROR };
const char *pps_severity_word(enum pps_severity severity); /* "note", "warning", "error" */

/*
 * What lint finds. X(enumerator, word, severity, what it means). The words are stable: programs
 * wait for them. ppsfw-policy(5) has the same table.
 */
#define PPS_FINDINGS(X)                                                                            \
	X(EXPIRED, "expired", WARNING, "an exception is over and permits nothing")                 \
	X(EXPIRES_SOON, "expires-soon", WARNING, "an exception ends within a week")                \
	X(ASSESSMENT_MISSING, "assessment-missing", WARNING, "the rule was never assessed")        \
	X(ASSESSMENT_OLD, "assessment-old", WARNING, "the last assessment is too long ago")        \
	X(ASSESSMENT_AHEAD, "assessment-ahead", WARNING, "the date of assessment is to come")      \
	X(ANY_TO_ANY, "any-to-any", WARNING, "something is approved from any to any")              \
	X(ANY_PROTOCOL, "any-protocol", WARNING, "every protocol is approved")                     \
	X(ALL_PORTS, "all-ports", WARNING, "every port of a protocol is approved")                 \
	X(MANY_PORTS, "many-ports", WARNING, "more than 1000 ports are approved")                  \
	X(BOTH_DIRECTIONS, "both-directions", NOTE, "both sides may start flows")                  \
	X(PORT_ZERO, "port-zero", NOTE, "port 0 is named")                                         \
	X(DANGEROUS_SERVICE, "dangerous-service", WARNING, "the service is known to be dangerous") \
	X(UNOFFICIAL_PORT, "unofficial-port", NOTE, "the port is used without an assignment")      \
	X(MULTIPLE_USE_PORT, "multiple-use-port", NOTE, "several applications use the port")       \
	X(UNASSIGNED_PORT, "unassigned-port", NOTE, "no service is assigned to the port")          \
	X(TUNNEL, "tunnel", WARNING, "a tunnel is approved, and tunnels are dropped")              \
	X(OPAQUE_TUNNEL, "opaque-tunnel", WARNING, "so is one that cannot be read")                \
	X(ICMP_NO_QUERY, "icmp-no-query", WARNING, "the ICMP type starts no flow")                 \
	X(NAME_REDEFINED, "name-redefined", WARNING, "a service of the registry means another")    \
	X(VLAN_NOT_PASSED, "vlan-not-passed", WARNING, "none of the VLANs passes the link")        \
	X(LIMIT_USELESS, "limit-useless", WARNING, "a limit limits nothing")                       \
	X(SOURCE_NOT_ALLOWED, "source-not-allowed", WARNING, "sources.allow has no source")        \
	X(SOURCE_BLOCKED, "source-blocked", WARNING, "sources.block has every source")             \
	X(SOURCES_EMPTY_FILE, "sources-empty-file", WARNING, "a file of sources is empty")         \
	X(SOURCES_ONE_FAMILY, "sources-one-family", NOTE, "sources.allow is of one family")        \
	X(ETHERTYPE_CARRIER, "ethertype-carrier", WARNING, "frames carry IP past the rules")       \
	X(ARP_NOT_PASSED, "arp-not-passed", NOTE, "ARP does not pass")                             \
	X(ND_NOT_PASSED, "nd-not-passed", NOTE, "neighbour discovery does not pass")               \
	X(SHADOWED, "shadowed", WARNING, "rules before it decide all of its traffic")              \
	X(SHADOWED_FOR_NOW, "shadowed-for-now", NOTE, "so do they until an exception ends")        \
	X(HIDDEN_BY_BAN, "hidden-by-ban", WARNING, "all that it permits is banned")                \
	X(PARTLY_BANNED, "partly-banned", NOTE, "part of what it permits is banned")               \
	X(REDUNDANT, "redundant", NOTE, "later rules permit all of its traffic")                   \
	X(EXCEPTIONS_OVERLAP, "exceptions-overlap", NOTE, "two exceptions permit the same")        \
	X(TOO_COMPLEX, "too-complex", NOTE, "what rules cover each other was not found out")       \
	X(TOO_MANY_ENTRIES, "too-many-entries", ERROR, "the tables would be too large")            \
	X(TOO_MANY_OVERRIDES, "too-many-overrides", ERROR, "too many bans meet exceptions")        \
	X(MANY_ENTRIES, "many-entries", NOTE, "compiling it takes much memory")

enum pps_finding_kind {
#define PPS_FINDING_ENUM(name, word, severity, text) PPS_FINDING_##name,
	PPS_FINDINGS(PPS_FINDING_ENUM)
#undef PPS_FINDING_ENUM
		PPS_FINDING_COUNT
};
const char *pps_finding_word(enum pps_finding_kind kind); /* "expired", ... */

struct pps_finding {
	enum pps_finding_kind kind;
	enum pps_severity severity;
	char *path; /* "approved[2]" */
	char *text; /* what, and why it matters */
	char *advice; /* what to do */
};

struct pps_findings {
	struct pps_finding *items;
	size_t n;
};

/* Adds a finding, of the severity of its kind. For those that know more of what becomes of a policy
 * than lint does. */
void pps_findings_add(struct pps_findings *findings, enum pps_finding_kind kind, const char *path,
	const char *text, const char *advice);
/* Things that are valid and probably not meant (already expired at 'now_ns', any to any, ...). */
void pps_policy_lint(
	const struct pps_policy *policy, uint64_t now_ns, struct pps_findings *findings);
void pps_findings_fini(struct pps_findings *findings);
/* Writes the table above, one line per finding: word, severity, meaning; separated by tabs. */
void pps_findings_table(struct pps_str *out);

/* A flow that somebody would start, as rules speak of it. */
struct pps_tuple {
	enum pps_direction direction; /* inbound or outbound */
	uint8_t protocol;
	struct pps_addr source, destination; /* of one family */
	uint16_t source_port, port; /* host order; 0 without ports */
	int16_t icmp_type, icmp_code; /* of the query; 0 to 255 where the protocol has them */
	uint16_t vlan; /* 0: untagged */
};

/* What of a rule can keep a flow from matching it. */
enum pps_miss {
	PPS_MISS_DIRECTION,
	PPS_MISS_PROTOCOL,
	PPS_MISS_SOURCE,
	PPS_MISS_DESTINATION,
	PPS_MISS_SOURCE_PORT,
	PPS_MISS_PORT,
	PPS_MISS_ICMP,
	PPS_MISS_VLAN,
	PPS_MISS_COUNT
};
/* The key of the policy's language: "source", "ports", ... Static text. */
const char *pps_miss_word(enum pps_miss miss);

/* A rule that nearly matches. */
struct pps_near {
	const struct pps_rule *rule;
	const struct pps_term *term; /* the one of its terms that comes nearest */
	unsigned int misses; /* bits by enum pps_miss; 0: it matches */
};
#define PPS_NEAR_MISSES 2 /* a rule that misses more is not near */

/*
 * The approvals, and the exceptions in force at 'now_ns', that come nearest to permitting the flow,
 * at most 'max': fewest misses first, then the policy's order. Returns how many. It is for people
 * who ask why: what decides is the ruleset.
 */
size_t pps_policy_nearest(const struct pps_policy *policy, const struct pps_tuple *tuple,
	uint64_t now_ns, struct pps_near *ret, size_t max);
/* Writes what the rule says there, and what the flow has: "443, not 22". */
void pps_near_print(const struct pps_near *near, const struct pps_tuple *tuple, enum pps_miss miss,
	struct pps_str *out);

/* Writes one line that says what traffic the rule names: "tcp 443, 8443-8450". */
void pps_rule_traffic_print(const struct pps_rule *rule, struct pps_str *out);

/* ---- what a policy decides ---- */

/* Step 8 of the law. */
enum pps_decision {
	PPS_DECISION_PASS,
	PPS_DECISION_BANNED,
	PPS_DECISION_EXPIRED, /* not approved, but by an exception that has ended */
	PPS_DECISION_NOT_APPROVED,
};
const char *pps_decision_word(enum pps_decision decision); /* "pass", "banned", ... */

/* A region of traffic: a box in one family, or in both (then its addresses are any). */
struct pps_traffic {
	uint8_t families; /* a set: 1 IPv4, 2 IPv6 */
	struct pps_box box;
};

/* Writes "outbound tcp 198.51.100.0/24 -> any:25 (smtp)". */
void pps_traffic_print(const struct pps_traffic *traffic, struct pps_str *out);

/*
 * What each rule is worth among the others, as of one moment.
 *
 * A rule is shadowed when it decides no packet, neither now nor at a later moment of its life, when
 * exceptions have ended: without it every packet would get the same verdict. Where it will decide,
 * it is not shadowed but to be kept for later. It is redundant when it decides some, but without it
 * every packet would get the same verdict still, as long as the rule lives: later permissions
 * without limits, and logged alike, cover all of it. (Each by itself: when one of them goes, the
 * others may be needed.) Exceptions that have ended decide nothing, and are not asked about.
 */
enum pps_worth {
	PPS_WORTH_DECIDES,
	PPS_WORTH_SHADOWED,
	PPS_WORTH_REDUNDANT,
	PPS_WORTH_LATER, /* decides nothing until an exception ends */
	PPS_WORTH_EXPIRED,
	PPS_WORTH_UNKNOWN, /* too complex to tell */
};

struct pps_rule_use {
	enum pps_worth worth;
	/* DECIDES and REDUNDANT: traffic of one family that this rule decides. For a ban it may be
	 * traffic for which another ban is named, but which would pass without this one. LATER:
	 * traffic that it will decide so. */
	struct pps_traffic witness;
	uint64_t until_ns; /* LATER: wall clock, when it begins to decide */
	size_t *by; /* SHADOWED, REDUNDANT, LATER: the rules that decide its traffic, or would; of
		     * several such sets one of which none can be left out, unless they are very
		     * many. They live as long as the rule does, or (LATER) until then. */
	size_t n_by;
};

/* One for each rule; to be freed with the policy it is about. */
struct pps_rule_use *pps_policy_uses(const struct pps_policy *policy, uint64_t now_ns);
void pps_policy_uses_free(struct pps_rule_use *uses, const struct pps_policy *policy);

/*
 * The semantic difference of two policies: not of what is written but of what passes, exactly, for
 * IPv4 and IPv6, as of one moment (an exception that has ended permits nothing).
 *
 * Regions are about step 8 of the law: bans, exceptions and approvals. They are disjoint; in each,
 * one rule (or none) of either policy decides. Traffic that passes by a rule of the same id in both
 * is in none, nor is what is denied by both. The link section and the source lists, which are asked
 * before, are told by pps_diff_json().
 *
 * There are policies for which the answer would take very long or be of no use to anybody: at most
 * PPS_DIFF_REGIONS_MAX regions, and a bound on the work (some ten seconds). Then the answer is an
 * error that says so.
 */
#define PPS_DIFF_REGIONS_MAX 400000u
#define PPS_DIFF_BUDGET      UINT64_C(150000000)

enum pps_diff_kind {
	PPS_DIFF_ALLOWED, /* newly */
	PPS_DIFF_DENIED, /* newly */
	PPS_DIFF_REBOUND, /* allowed by both, by rules of different ids */
};

struct pps_diff_side {
	enum pps_decision decision;
	size_t rule; /* index in the policy; SIZE_MAX: none */
};

struct pps_diff_region {
	enum pps_diff_kind kind;
	struct pps_traffic traffic;
	struct pps_diff_side before, after;
};

struct pps_diff {
	struct pps_diff_region *regions; /* by kind, then rules, then traffic */
	size_t n;
};

/* False and an error when it is too complex; 'ret' is to be freed by _fini() in either case. */
bool pps_diff_make(const struct pps_policy *before, const struct pps_policy *after, uint64_t now_ns,
	struct pps_diff *ret, struct pps_errors *errors);
void pps_diff_fini(struct pps_diff *diff);

/*
 * All that differs, as a JSON object (ppsfw(1) describes it); NULL and an error when it is too
 * complex.
 */
json_t *pps_diff_json(const struct pps_policy *before, const struct pps_policy *after,
	uint64_t now_ns, struct pps_errors *errors);

/*
 * The same in short, as how many: {"allowed", "denied", "rebound" (regions), "rules", "exceptions",
 * "link", "sources", "settings"}. NULL when it would take more than a second or so: a tenth of the
 * work that the others may take.
 */
json_t *pps_diff_counts(
	const struct pps_policy *before, const struct pps_policy *after, uint64_t now_ns);

#endif
