/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "policy_priv.h"

/* What the keys of one rule are read into. */
struct rule_value {
	struct pps_rule rule;
	const json_t *service; /* NULL: not written */
	struct traffic_draft traffic;
	struct set_draft source, destination;
	struct text_list mitigations;
	const json_t *overrides;
};

static void read_assurance(const json_t *value, const struct pps_json_path *path, void *target,
	void *aux, struct pps_errors *errors)
{
	static const char *const words[] = {"high", "medium", "low"};
	enum pps_assurance *assurance = target;
	int word = read_word(value, path, words, COUNT(words), errors);

	(void)aux;
	if (word >= 0)
		*assurance = (enum pps_assurance)(word + PPS_ASSURANCE_HIGH);
}

static void read_log(const json_t *value, const struct pps_json_path *path, void *target, void *aux,
	struct pps_errors *errors)
{
	static const char *const words[] = {"none", "flows"};
	enum pps_rule_log *log = target;
	int word = read_word(value, path, words, COUNT(words), errors);

	(void)aux;
	if (word >= 0)
		*log = (enum pps_rule_log)word;
}

#define ROW(key, reader, member, required, help)                                       \
	{                                                                              \
		key, reader, offsetof(struct rule_value, member), required, NULL, help \
	}
#define REFUSED(key, why, help)                \
	{                                      \
		key, NULL, 0, false, why, help \
	}

/* 'scope': direction, source and destination must be written. */
#define SCOPE_ROWS(scope)                                                                         \
	ROW("id", read_id, rule.id, true, "stable name of the rule, unique in the policy"),       \
		ROW("direction", read_direction, rule.direction, scope,                           \
			"which side starts the flow: inbound, outbound or both"),                 \
		ROW("service", read_value, service, false,                                        \
			"service name, name/protocol or port/protocol, or a list of them"),       \
		TRAFFIC_ROWS(struct rule_value, traffic, false),                                  \
		ROW("source", read_prefix_set, source, scope,                                     \
			"who starts the flow: any, a group, address, prefix, or a list"),         \
		ROW("destination", read_prefix_set, destination, scope,                           \
			"whom the flow is started to: any, a group, address, prefix, or a list"), \
		ROW("vlans", read_vlans, rule.vlans, false,                                       \
			"any (default), none (untagged frames alone), or a list of VLAN ids")

/* 'signature': approved_by and reason must be written. */
#define APPROVAL_ROWS(signature)                                                                  \
	ROW("assurance", read_assurance, rule.assurance, false,                                   \
		"category assurance: high, medium or low"),                                       \
		ROW("boundary", read_text, rule.boundary, false, "the boundary that is crossed"), \
		ROW("approved_by", read_text, rule.approved_by, signature,                        \
			"who approved it, and where that is recorded"),                           \
		ROW("reason", read_text, rule.reason, signature, "why it is needed"),             \
		ROW("owner", read_text, rule.owner, false, "who answers for the service"),        \
		ROW("assessed", read_date, rule.assessed, false,                                  \
			"date of the last assessment, YYYY-MM-DD"),                               \
		ROW("mitigations", read_texts, mitigations, false,                                \
			"list of measures that the approval depends on"),                         \
		ROW("comment", read_text, rule.comment, false, "anything else people should know")

#define LOG_ROW                               \
	ROW("log", read_log, rule.log, false, \
		"flows: an event when a flow starts and ends; none (default)")

#define LIMITS_ROW                                     \
	ROW("limits", read_limits, rule.limits, false, \
		"bounds on the flows of the rule: flows, flows_per_source, new_flows_per_second")

#define UNBUILT_ROWS                                                                              \
	REFUSED("requires", "gated rules are not enforced in this build",                         \
		"not in this build: rule under which the pair has an established flow"),          \
		REFUSED("opaque_tunnel", "tunnels that cannot be read are dropped in this build", \
			"not in this build: permits a tunnel that cannot be read")

static const struct pps_json_field approved_fields[] = {
	SCOPE_ROWS(true),
	APPROVAL_ROWS(false),
	LOG_ROW,
	LIMITS_ROW,
	UNBUILT_ROWS,
	REFUSED("expires", "an approval does not expire: what ends belongs under \"exceptions\"",
		"only exceptions expire"),
	REFUSED("overrides", "only an exception overrides a ban", "only exceptions override"),
};

static const struct pps_json_field exception_fields[] = {
	SCOPE_ROWS(true),
	ROW("expires", read_expires, rule.expires_ns, true,
		"RFC 3339 time at which it ends, live flows included"),
	ROW("overrides", read_value, overrides, false,
		"id of the ban it lifts for its own traffic, or a list of ids"),
	APPROVAL_ROWS(true),
	LOG_ROW,
	LIMITS_ROW,
	UNBUILT_ROWS,
};

static const struct pps_json_field ban_fields[] = {
	SCOPE_ROWS(false),
	APPROVAL_ROWS(false),
	REFUSED("log", "a ban has no flows to log (what it denies is always logged)",
		"only rules that permit have flows"),
	REFUSED("requires", "a ban permits nothing that could be gated", "not for bans"),
	REFUSED("limits", "a ban permits nothing that could be limited", "not for bans"),
	REFUSED("opaque_tunnel", "a ban permits no tunnel", "not for bans"),
	REFUSED("expires", "a ban does not expire", "only exceptions expire"),
	REFUSED("overrides", "only an exception overrides a ban", "only exceptions override"),
};

static const struct field_table tables[] = {
	[PPS_RULE_BAN] = {"ban", ban_fields, COUNT(ban_fields)},
	[PPS_RULE_EXCEPTION] = {"exception", exception_fields, COUNT(exception_fields)},
	[PPS_RULE_APPROVED] = {"approved", approved_fields, COUNT(approved_fields)},
};

size_t rule_field_tables(const struct field_table **ret_tables)
{
	*ret_tables = tables;
	return COUNT(tables);
}

const char *rule_list_word(enum pps_rule_kind kind)
{
	static const char *const words[] = {
		[PPS_RULE_BAN] = "banned",
		[PPS_RULE_EXCEPTION] = "exceptions",
		[PPS_RULE_APPROVED] = "approved",
	};

	return words[kind];
}

static void refuse_beside_service(
	const char *key, bool written, const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path, .key = key};

	if (written)
		pps_json_error(
			errors, &place, "goes with \"protocol\"; a service brings its own traffic");
}

/* The rule's terms, from its "service" or its "protocol". */
static bool read_terms(struct policy_reader *reader, struct rule_value *value,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path service_path = {.parent = path, .key = "service"};
	struct traffic_draft *traffic = &value->traffic;
	struct pps_rule *rule = &value->rule;
	struct pps_str text = PPS_STR_INIT;

	if (value->service == NULL && traffic->protocol == NULL) {
		pps_json_error(errors, path, "needs \"service\" or \"protocol\"");
		return false;
	}
	if (value->service != NULL && traffic->protocol != NULL) {
		pps_json_error(errors, path,
			"has \"service\" and \"protocol\": name the traffic by one of them");
		return false;
	}
	if (value->service != NULL) {
		size_t n_before = errors->n_total;

		refuse_beside_service("ports", traffic->ports.value != NULL, path, errors);
		refuse_beside_service(
			"source_ports", traffic->source_ports.value != NULL, path, errors);
		refuse_beside_service("icmp", traffic->icmp.written, path, errors);
		rule->service_text = list_text(value->service);
		return resolve_services(reader, value->service, &service_path, rule, errors) &&
			errors->n_total == n_before;
	}
	rule->terms = pps_alloc(sizeof(rule->terms[0]));
	if (!traffic_term(traffic, path, &rule->terms[0], errors))
		return false;
	rule->n_terms = 1;
	pps_rule_traffic_print(rule, &text);
	rule->service_text = pps_str_take(&text);
	return reader_take_items(reader, term_items(&rule->terms[0]), path, errors);
}

static void take_set(struct set_draft *draft, struct pps_prefix_set *set, char **text)
{
	if (!draft->written) {
		draft->set.any = true;
		draft->text = pps_strdup("any");
	}
	*set = draft->set;
	*text = draft->text;
}

/* False after an error: the id stands in another rule. */
static bool index_id(struct policy_reader *reader, const char *id, size_t index,
	const struct pps_json_path *path, struct pps_errors *errors)
{
	struct pps_json_path place = {.parent = path, .key = "id"};
	const json_t *other = json_object_get(reader->rule_index, id);

	if (other == NULL)
		return json_object_set_new(
			       reader->rule_index, id, json_integer((json_int_t)index)) == 0;
	pps_json_error(errors, &place, "\"%s\" is already the id of %s", id,
		reader->policy->rules[json_integer_value(other)].path);
	return false;
}

void read_rule(struct policy_reader *reader, const json_t *value, const struct pps_json_path *path,
	size_t index, enum pps_rule_kind kind, struct pps_errors *errors)
{
	const struct field_table *table = &tables[kind];
	struct rule_draft *draft = &reader->drafts[index];
	struct rule_value read = {.rule = {
					  .kind = kind,
					  .direction = PPS_BOTH,
					  .vlans = {.any = true},
				  }};
	struct pps_str place = PPS_STR_INIT;
	struct pps_rule *rule = &read.rule;

	traffic_draft_init(&read.traffic);
	pps_json_path_print(path, &place);
	rule->path = pps_str_take(&place);
	draft->whole =
		pps_json_read_object(value, path, table->fields, table->n, &read, reader, errors);
	if (json_is_object(value))
		draft->whole = read_terms(reader, &read, path, errors) && draft->whole;
	take_set(&read.source, &rule->source, &rule->source_text);
	take_set(&read.destination, &rule->destination, &rule->destination_text);
	rule->mitigations = read.mitigations.items;
	rule->n_mitigations = read.mitigations.n;
	draft->overrides = read.overrides;
	draft->rule = &reader->policy->rules[index];
	*draft->rule = *rule;
	if (rule->id != NULL && !index_id(reader, rule->id, index, path, errors))
		draft->whole = false;
	traffic_draft_fini(&read.traffic);
}

void rule_fini(struct pps_rule *rule)
{
	char *texts[] = {rule->id, rule->boundary, rule->approved_by, rule->reason, rule->owner,
		rule->assessed, rule->comment, rule->path, rule->service_text, rule->source_text,
		rule->destination_text};

	for (size_t i = 0; i < COUNT(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < rule->n_mitigations; i++)
		free(rule->mitigations[i]);
	free(rule->mitigations);
	free(rule->overrides);
	terms_fini(rule->terms, rule->n_terms);
	prefix_set_fini(&rule->source);
	prefix_set_fini(&rule->destination);
	free(rule->vlans.items);
	*rule = (struct pps_rule){0};
}
