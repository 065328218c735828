/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef POLICY_PRIV_H
#define POLICY_PRIV_H

/*
 * How the files of this library share the work of reading one policy:
 *
 *   policy.c           the order: groups, services, bans, exceptions, approvals, checks
 *   policy_json.c      the tables of fields for everything but rules
 *   policy_rule.c      the table of fields of a rule, and one rule
 *   policy_traffic.c   "protocol", "ports", "source_ports", "icmp": in rules and in services
 *   policy_service.c   service names to terms
 *   policy_limits.c    "limits"
 *   policy_assurance.c "require", "assessment_days"
 *   policy_sources.c   source lists and their files
 *   policy_bundle.c    reading a policy's files, digests
 *   policy_group.c     group names, addresses and prefixes to prefix sets
 *   policy_text.c      readers of leaves: texts, words, VLAN sets
 *   policy_set.c       sorting and merging of ranges and prefixes
 *   policy_check.c     what only shows between values
 *   policy_names.c     words
 *   policy_near.c      which rules nearly match
 *   policy_print.c, policy_lint.c, policy_lint_service.c
 *   policy_space.c     what a policy decides, as boxes of traffic
 *   policy_shadow.c    what each rule is worth among the others
 *   policy_traffic_text.c  boxes for people
 *   policy_diff.c, policy_diff_json.c  what differs between two policies
 *
 * Readers get a struct policy_reader as the walker's 'aux'. It borrows from the JSON text, which
 * outlives it.
 */

#include <jansson.h>

#include <pps_json.h>

#include "pps_policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bounds on what a hostile file can make of a few megabytes; all far above what people write. */
#define LIST_MAX        65536u /* elements of one list, and of one set of prefixes */
#define TERMS_MAX       256u /* terms of one rule or service */
#define GROUP_DEPTH_MAX 8u /* groups inside groups */
#define ITEMS_MAX       (4u << 20) /* prefixes, ranges and terms of a whole policy */
#define SUGGEST_MAX     4096u /* words that are compared for a "did you mean" */
#define OVERRIDES_MAX   1024u /* bans one exception lifts */
#define TEXT_MAX        1024u /* bytes of an approval text */
#define NAME_MAX_LEN    64u /* characters of a group's or service's name */

enum group_state { GROUP_UNREAD, GROUP_OPEN, GROUP_READ };

struct group {
	const char *name; /* borrowed */
	const json_t *members; /* borrowed */
	enum group_state state;
	unsigned int depth; /* 1: no group inside */
	struct pps_prefix_set set;
};

struct service {
	char *name; /* as the policy spells it */
	struct pps_term *terms;
	size_t n_terms;
};

/* One rule on its way: the value, and what is resolved when all rules are there. */
struct rule_draft {
	struct pps_rule *rule;
	const json_t *overrides; /* borrowed, or NULL */
	bool whole; /* no error so far */
};

struct policy_reader {
	struct pps_policy *policy;
	struct group *groups;
	size_t n_groups;
	json_t *group_index; /* name -> index */
	struct service *services;
	size_t n_services;
	json_t *service_index; /* name in lower case -> index */
	struct rule_draft *drafts; /* beside policy->rules */
	json_t *rule_index; /* id -> index */
	size_t n_items; /* against ITEMS_MAX */
	bool full;
	/* The top level's parts, borrowed, kept for their turn. */
	const json_t *groups_value, *services_value;
	const json_t *lists[3]; /* by enum pps_rule_kind */
	const json_t *block, *allow;
	const struct pps_policy_bundle *bundle; /* borrowed */
};

/* Counts 'n' items; false (and one error for the whole policy) when there are too many. */
bool reader_take_items(struct policy_reader *reader, size_t n, const struct pps_json_path *path,
	struct pps_errors *errors);

/* Readers of leaves (policy_text.c); the target is named. */
void read_text(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* char *: one line, not empty */
void read_texts(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* struct text_list */
void read_date(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* char *: YYYY-MM-DD */
void read_id(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* char * */
void read_expires(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* uint64_t ns */
void read_direction(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* enum pps_direction, not 0 */
void read_directions(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* uint8_t: a set, "none" is 0 */
void read_vlans(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* struct pps_vlan_set */
void read_value(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* const json_t *: kept for later */

struct text_list {
	char **items;
	size_t n;
};

/*
 * One word of a list. Returns its index, or -1 after an error that lists the words.
 */
int read_word(const json_t *value, const struct pps_json_path *path, const char *const *words,
	size_t n, struct pps_errors *errors);

/*
 * True for a name of a group or service: letters, digits and 'signs', and at least one letter.
 * Services may be called as the registry calls some: whois++, sql*net.
 */
bool is_name(const char *text, const char *signs);
#define GROUP_SIGNS   "._-"
#define SERVICE_SIGNS "._-+*"
/* The error for a value that is neither one element nor a list of them; bounds lists. */
bool check_list(const json_t *value, const struct pps_json_path *path, size_t max,
	struct pps_errors *errors);
/* Element 'i' of a list, or the value itself where it is no list. */
size_t list_size(const json_t *value);
const json_t *list_at(const json_t *value, size_t i);
struct pps_json_path list_path(const json_t *value, const struct pps_json_path *path, size_t i);
/* The strings (and numbers) of a value or list, joined with ", ". For display. */
char *list_text(const json_t *value);

/* Sorts, merges what overlaps or touches; *n may shrink. */
void ranges_normalise(struct pps_range *items, size_t *n);
/* Sorts, drops what another covers. Both families whole: becomes "any". */
void prefixes_normalise(struct pps_prefix_set *set);
/* True when some, or every, address of 'prefix' is in the set. */
bool prefix_set_meets(const struct pps_prefix_set *set, const struct pps_prefix *prefix);
bool prefix_set_covers(const struct pps_prefix_set *set, const struct pps_prefix *prefix);
void prefix_set_fini(struct pps_prefix_set *set);

/* Families of a set: bit 0 IPv4, bit 1 IPv6. */
#define FAMILY_4 1u
#define FAMILY_6 2u
unsigned int prefix_set_families(const struct pps_prefix_set *set);
unsigned int term_families(const struct pps_term *term);

/* Terms (policy_traffic.c). */
void term_fini(struct pps_term *term);
void terms_fini(struct pps_term *terms, size_t n);
struct pps_term term_copy(const struct pps_term *term);
size_t term_items(const struct pps_term *term);
/* Orders by traffic alone; 0 when both name the same. */
int term_compare(const struct pps_term *a, const struct pps_term *b);
/* Sorts; terms that differ in their ports alone become one. */
void terms_merge(struct pps_term *terms, size_t *n);

/* The "protocol", "ports", "source_ports" and "icmp" of one object. */
struct icmp_draft {
	uint32_t type, code; /* ICMP_ABSENT where not written */
	bool written;
};
#define ICMP_ABSENT UINT32_MAX

struct port_draft {
	const json_t *value; /* NULL: not written */
	struct pps_range *items;
	size_t n;
};

struct traffic_draft {
	const json_t *protocol; /* NULL: not written */
	struct port_draft ports, source_ports;
	struct icmp_draft icmp;
};

void traffic_draft_init(struct traffic_draft *draft);
void traffic_draft_fini(struct traffic_draft *draft);
void read_ports(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* struct port_draft */
void read_source_ports(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors); /* struct port_draft */
void read_icmp(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* struct icmp_draft */
/* Makes the term of a draft whose protocol is written. False after an error. */
bool traffic_term(struct traffic_draft *draft, const struct pps_json_path *path,
	struct pps_term *ret_term, struct pps_errors *errors);

/* The four rows of a table of fields; 'member' is a struct traffic_draft of 'type'. */
#define TRAFFIC_ROWS(type, member, need_protocol)                                               \
	{"protocol", read_value, offsetof(type, member.protocol), need_protocol, NULL,          \
		"protocol name or number, or \"any\""},                                         \
		{"ports", read_ports, offsetof(type, member.ports), false, NULL,                \
			"destination ports: a number, \"a-b\", or a list; default all"},        \
		{"source_ports", read_source_ports, offsetof(type, member.source_ports), false, \
			NULL, "source ports: a number, \"a-b\", or a list; default all"},       \
	{                                                                                       \
		"icmp", read_icmp, offsetof(type, member.icmp), false, NULL,                    \
			"ICMP type and code of the query"                                       \
	}

/* Services (policy_service.c). */
void read_services(struct policy_reader *reader, struct pps_errors *errors);
/* Adds the terms of one "service" value (a name or a list) to a rule. False after an error. */
bool resolve_services(struct policy_reader *reader, const json_t *value,
	const struct pps_json_path *path, struct pps_rule *rule, struct pps_errors *errors);
/* "https" of "https/tcp": its length. */
size_t service_base_len(const char *service);

/* Groups (policy_group.c). */
void read_groups(struct policy_reader *reader, struct pps_errors *errors);
void read_prefix_set(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* struct set_draft */

/* Where members go until the set is complete. */
struct collector {
	struct policy_reader *reader;
	struct pps_prefix_set *set;
	size_t max; /* prefixes of the set; 0: LIST_MAX */
	size_t size; /* prefixes allocated */
	unsigned int depth; /* of the deepest group inside */
};

/* Adds prefixes. False after an error: there are too many. */
bool collect(struct collector *to, const struct pps_prefix *items, size_t n,
	const struct pps_json_path *path, struct pps_errors *errors);
/* Adds an address, a prefix or a group; 'level' groups are being read around it. */
bool collect_member(struct collector *to, const json_t *value, unsigned int level,
	const struct pps_json_path *path, struct pps_errors *errors);

/* Source lists (policy_sources.c). */
void read_source_lists(struct policy_reader *reader, struct pps_errors *errors);
void source_list_fini(struct pps_source_list *list);
void print_sources(const struct pps_policy *policy, json_t *root);

/* Files and digests (policy_bundle.c). */
#define FILE_NAME_MAX 255u
/* "lists/bad.txt" of "file:lists/bad.txt", or NULL. */
const char *file_name_of(const char *text);
bool file_name_is_good(const char *name);
const struct pps_policy_part *bundle_find(const struct pps_policy_bundle *bundle, const char *name);
void write_digest(const char *text, size_t len, char digest[PPS_DIGEST_TEXT]);
/* The policy's own digests; those of its files are there already. */
void write_digests(struct pps_policy *policy, const struct pps_policy_bundle *bundle);

/* A rule's source or destination. */
struct set_draft {
	struct pps_prefix_set set;
	char *text;
	bool written;
};

/* Rules (policy_rule.c). */
void read_rule(struct policy_reader *reader, const json_t *value, const struct pps_json_path *path,
	size_t index, enum pps_rule_kind kind, struct pps_errors *errors);
void rule_fini(struct pps_rule *rule);
const char *rule_list_word(enum pps_rule_kind kind); /* "banned", "exceptions", "approved" */

/* Limits (policy_limits.c). */
void read_limits(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* struct pps_limits */
json_t *print_limits(const struct pps_limits *limits); /* those there are */

/* A number from 1 to 'max', of seconds, days and so on (policy_json.c). */
void read_whole(const json_t *value, const struct pps_json_path *path, const char *what,
	uint32_t max, uint32_t *target, struct pps_errors *errors);

/* What the policy demands of approval data (policy_assurance.c). */
void read_require(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors); /* unsigned int: bits by enum pps_approval */
json_t *print_require(unsigned int require); /* a list, which may be empty */
void read_assessment_days(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors); /* uint32_t */
void check_approval(const struct pps_policy *policy, const struct pps_rule *rule,
	const struct pps_json_path *path, struct pps_errors *errors);
void lint_assessment(const struct pps_policy *policy, const struct pps_rule *rule, uint64_t now_ns,
	struct pps_findings *findings);

/*
 * Lint (policy_lint.c, policy_lint_service.c): adds a finding of the severity of its kind. 'advice'
 * is what to do; the text is what is so, and why it matters. Returns it, for a severity of its own;
 * valid until the next one.
 */
struct pps_finding *finding_add(struct pps_findings *findings, enum pps_finding_kind kind,
	const char *path, const char *advice, const char *format, ...) PPS_PRINTF(5, 6);

/* True when a term names so many ports that no finding speaks of single ones. */
bool term_is_wide(const struct pps_term *term);
/* What the registry says of every port; freed by free(). */
struct port_facts;
struct port_facts *port_facts_create(void);
void lint_services(
	const struct port_facts *facts, const struct pps_rule *rule, struct pps_findings *findings);

/* What else is to be said of a rule; NULL: nothing. */
struct worth_remarks {
	char *bans; /* that forbid part of it */
	char *exceptions; /* before it that it meets */
};
#define NAMED_MAX 3u /* rules named in a finding */

/* pps_policy_uses() with remarks, one for each rule, whose texts the caller frees; NULL: none are
 * wanted (policy_shadow.c). */
struct pps_rule_use *study_worth(
	const struct pps_policy *policy, uint64_t now_ns, struct worth_remarks *remarks);
/* Findings of rules that others cover, wholly or in part (policy_lint_worth.c). */
void lint_worth(const struct pps_policy *policy, uint64_t now_ns, struct pps_findings *findings);

/* Parts of the canonical print (policy_print.c). */
json_t *print_policy_rule(const struct pps_policy *policy, const struct pps_rule *rule);
void print_link(const struct pps_link *link, json_t *root);

/*
 * A policy as a function (policy_space.c): ordered boxes for each family, the first that holds a
 * packet decides it. An entry is what one rule decides at one place of the order.
 *
 * The order is that of pps_ruleset.h. What an overriding exception permits are its boxes without
 * those of the bans that it does not lift; where such a ban stops the first overriding exception
 * that matches, and none permits, that ban names the drop, before all other bans.
 */
enum space_stage {
	STAGE_OVERRIDE, /* an overriding exception permits */
	STAGE_STOPPED, /* a ban that it does not lift */
	STAGE_BAN,
	STAGE_EXCEPTION,
	STAGE_APPROVED,
	STAGE_EXPIRED, /* names the drop */
};

struct space_entry {
	enum space_stage stage;
	size_t rule; /* that decides */
	size_t exception; /* STAGE_STOPPED: that it stops */
	size_t first[2], n[2]; /* of the boxes, by family */
};

struct box_list {
	struct pps_space_item *items; /* label: the entry */
	size_t n, size;
};

struct policy_space {
	const struct pps_policy *policy; /* borrowed */
	struct space_entry *entries;
	size_t n_entries;
	struct box_list family[2]; /* IPv4, IPv6 */
};

#define SPACE_BOXES_MAX 1000000u /* of a policy and family */
#define SPACE_PASSES    2u /* flag of a box: it permits */

/* False when it takes too many boxes; 'ret' is to be freed by _fini() in either case. */
bool space_make(const struct pps_policy *policy, uint64_t now_ns, uint64_t *budget,
	struct policy_space *ret);
void space_fini(struct policy_space *space);
enum pps_decision stage_decision(enum space_stage stage);
/* Adds the boxes of a rule, of family 0 (IPv4) or 1; false when there are too many. */
bool rule_boxes(const struct pps_rule *rule, unsigned int family, struct box_list *to);
bool box_list_add(struct box_list *list, const struct pps_space_item *item);
pps_u128 addr_number(const struct pps_addr *addr);

/* pps_diff_make() within a budget (policy_diff.c). */
bool diff_make(const struct pps_policy *before, const struct pps_policy *after, uint64_t now_ns,
	uint64_t budget, struct pps_diff *ret, struct pps_errors *errors);

/* An inclusive range of addresses of one family (policy_traffic_text.c). */
struct addr_range {
	pps_u128 lo, hi;
};
/* The ranges of a set in a family (0, 1), joined where they touch; the caller frees them. */
struct addr_range *set_ranges(const struct pps_prefix_set *set, unsigned int family, size_t *ret_n);
void addr_range_print(const struct addr_range *range, unsigned int family, struct pps_str *out);

/* Between values (policy_check.c). */
void check_rules(struct policy_reader *reader, struct pps_errors *errors);

/* The top level (policy_json.c): fills the reader's policy and keeps the parts for later. */
void read_top_level(struct policy_reader *reader, const json_t *root, struct pps_errors *errors);

/* A table of fields by the name of its object. */
struct field_table {
	const char *object;
	const struct pps_json_field *fields;
	size_t n;
};
size_t rule_field_tables(const struct field_table **ret_tables);
size_t traffic_field_tables(const struct field_table **ret_tables);
size_t service_field_tables(const struct field_table **ret_tables);
size_t limits_field_tables(const struct field_table **ret_tables);

#endif
