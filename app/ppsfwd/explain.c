/* SPDX-License-Identifier: BSD-3-Clause */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "commands_priv.h"

static const enum pps_step steps[] = {PPS_STEP_LINK, PPS_STEP_HEADERS, PPS_STEP_FRAGMENTS,
	PPS_STEP_SOURCES, PPS_STEP_FLOW, PPS_STEP_ICMP, PPS_STEP_START, PPS_STEP_CLASSIFY,
	PPS_STEP_TUNNEL, PPS_STEP_ACCOUNT};

static char *known_flow_text(const struct explain_job *job)
{
	const struct pps_verdict *verdict = &job->verdict;

	if (verdict->flow != PPS_FLOW_NONE)
		return pps_asprintf("it belongs to a live flow (%s)%s",
			pps_flow_state_word(verdict->state),
			verdict->rejudged ? ", judged again by the policy in force first" : "");
	return pps_strdup("it belongs to no live flow");
}

static bool has_ports(const struct pps_packet *packet)
{
	return packet->l4_offset != 0 && pps_protocol_has_ports(packet->protocol);
}

static bool is_icmp(const struct pps_packet *packet)
{
	return packet->l4_offset != 0 &&
		(packet->protocol == PPS_IP_ICMP || packet->protocol == PPS_IP_ICMPV6);
}

/* ---- the steps ---- */

static char *link_text(const struct pps_packet *packet)
{
	if (packet->kind == PPS_PACKET_ARP)
		return pps_strdup("ARP is permitted");
	if (packet->family == 0 && packet->ethertype < PPS_ETHERTYPE_MIN)
		return pps_strdup("802.3 frames are permitted");
	if (packet->family == 0)
		return pps_asprintf("ethertype 0x%04x is permitted", packet->ethertype);
	return packet->vlan != 0 ? pps_asprintf("VLAN %u is permitted", packet->vlan)
				 : pps_strdup("untagged Ethernet");
}

static char *fragments_text(const struct pps_packet *packet)
{
	if (!packet->fragment)
		return pps_strdup("a whole packet");
	return pps_strdup(
		packet->later_fragment ? "it follows its first fragment" : "a first fragment");
}

static char *icmp_text(const struct pps_packet *packet)
{
	switch (packet->kind) {
	case PPS_PACKET_ICMP_ERROR:
		return pps_strdup("an ICMP error that quotes a packet of the flow");
	case PPS_PACKET_ND:
		return pps_strdup("neighbour discovery or MLD is permitted");
	default:
		return pps_strdup("no ICMP error, no neighbour discovery");
	}
}

/* What a step that did not drop the packet found. */
static char *ok_text(const struct explain_job *job, enum pps_step step, const char *rule,
	const struct pps_policy *policy)
{
	const struct pps_packet *packet = &job->packet;
	char *text;

	switch (step) {
	case PPS_STEP_LINK:
		return link_text(packet);
	case PPS_STEP_HEADERS:
		return pps_asprintf("IPv%u, %s: well formed", packet->family,
			pps_protocol_word(packet->protocol));
	case PPS_STEP_FRAGMENTS:
		return fragments_text(packet);
	case PPS_STEP_SOURCES:
		text = policy != NULL ? sources_text(policy, packet, PPS_REASON_NONE) : NULL;
		return text != NULL ? text : pps_strdup("no source lists");
	case PPS_STEP_FLOW:
		return known_flow_text(job);
	case PPS_STEP_ICMP:
		return icmp_text(packet);
	case PPS_STEP_START:
		return pps_strdup("it may start a flow");
	case PPS_STEP_CLASSIFY:
		return pps_asprintf("rule %s permits it", rule != NULL ? rule : "?");
	case PPS_STEP_TUNNEL:
		return pps_strdup("no tunnel");
	default:
		return pps_strdup(job->verdict.new_flow ? "counted; a flow begins" : "counted");
	}
}

/* Steps that the law does not take with such a packet. */
static bool is_skipped(const struct explain_job *job, enum pps_step step)
{
	const struct pps_packet *packet = &job->packet;
	bool has_flow = job->verdict.flow != PPS_FLOW_NONE && !job->verdict.new_flow;

	if (step == job->verdict.step || step == PPS_STEP_LINK || step == PPS_STEP_ACCOUNT)
		return false;
	if (packet->later_fragment)
		return step > PPS_STEP_SOURCES;
	switch (packet->kind) {
	case PPS_PACKET_IP:
		return has_flow && (step == PPS_STEP_START || step == PPS_STEP_CLASSIFY);
	case PPS_PACKET_ICMP_ERROR:
		return step > PPS_STEP_ICMP;
	case PPS_PACKET_ND:
		return step != PPS_STEP_HEADERS && step != PPS_STEP_ICMP;
	default:
		return true;
	}
}

static char *drop_text(const struct explain_job *job, const struct pps_policy *policy)
{
	enum pps_reason reason = job->verdict.reason;
	char *text = NULL;

	if (job->verdict.step == PPS_STEP_SOURCES && policy != NULL)
		text = sources_text(policy, &job->packet, reason);
	return text != NULL ? text : pps_strdup(pps_reason_text(reason));
}

static json_t *step_json(const struct explain_job *job, enum pps_step step, const char *rule,
	const struct pps_policy *policy)
{
	enum pps_reason reason = job->verdict.reason;
	bool dropped = reason != PPS_REASON_NONE;
	const char *result = "ok";
	char *text;
	json_t *json;

	if (dropped && step == job->verdict.step) {
		result = reason == PPS_REASON_HELD ? "held" : "drop";
		text = drop_text(job, policy);
	} else if ((dropped && step > job->verdict.step) || is_skipped(job, step)) {
		result = "not reached";
		text = pps_strdup("");
	} else {
		if (!dropped && step == PPS_STEP_ACCOUNT)
			result = "pass";
		text = ok_text(job, step, rule, policy);
	}
	json = json_pack(
		"{s:s, s:s, s:s}", "step", pps_step_word(step), "result", result, "text", text);
	free(text);
	return json;
}

/* ---- the packet ---- */

static bool has_addresses(const struct pps_packet *packet)
{
	static const uint8_t none[sizeof(packet->src)];

	return memcmp(packet->src, none, sizeof(none)) != 0 ||
		memcmp(packet->dst, none, sizeof(none)) != 0;
}

/* What the parser read of it. A packet dropped for its headers may have been read in part. */
static json_t *packet_json(const struct explain_job *job)
{
	const struct pps_packet *packet = &job->packet;
	char text[PPS_ADDR_TEXT_MAX];
	struct pps_addr addr;
	json_t *json;

	json = json_pack("{s:s, s:i}", "direction",
		pps_direction_word(pps_side_direction(job->ingress.side)), "length", (int)job->len);
	if (packet->vlan != 0)
		json_object_set_new(json, "vlan", json_integer(packet->vlan));
	if (packet->inner_vlan != 0)
		json_object_set_new(json, "inner_vlan", json_integer(packet->inner_vlan));
	if (packet->family == 0) {
		snprintf(text, sizeof(text), "0x%04x", packet->ethertype);
		json_object_set_new(json, "ethertype", json_string(text));
		return json;
	}
	if (!has_addresses(packet))
		return json;
	addr = pps_addr_make(packet->family, packet->src);
	json_object_set_new(json, "source", json_string(pps_addr_format(&addr, text)));
	addr = pps_addr_make(packet->family, packet->dst);
	json_object_set_new(json, "destination", json_string(pps_addr_format(&addr, text)));
	json_object_set_new(json, "protocol", json_string(pps_protocol_word(packet->protocol)));
	if (has_ports(packet)) {
		json_object_set_new(
			json, "source_port", json_integer(rte_be_to_cpu_16(packet->src_port)));
		json_object_set_new(
			json, "destination_port", json_integer(rte_be_to_cpu_16(packet->dst_port)));
	}
	if (is_icmp(packet)) {
		json_object_set_new(json, "icmp_type", json_integer(packet->icmp_type));
		json_object_set_new(json, "icmp_code", json_integer(packet->icmp_code));
	}
	return json;
}

/* ---- the rules that nearly permit it ---- */

static json_t *misses_json(const struct pps_near *near, const struct pps_tuple *tuple)
{
	json_t *list = json_array();

	for (unsigned int miss = 0; miss < PPS_MISS_COUNT; miss++) {
		struct pps_str text = PPS_STR_INIT;

		if (!(near->misses >> miss & 1))
			continue;
		pps_near_print(near, tuple, (enum pps_miss)miss, &text);
		json_array_append_new(list,
			json_pack("{s:s, s:s}", "field", pps_miss_word((enum pps_miss)miss), "text",
				pps_str_text(&text)));
		pps_str_fini(&text);
	}
	return list;
}

static json_t *nearest_json(const struct explain_job *job, const struct pps_policy *policy)
{
	const struct pps_packet *packet = &job->packet;
	const struct pps_tuple tuple = {
		.direction = pps_side_direction(job->ingress.side),
		.protocol = packet->protocol,
		.source = pps_addr_make(packet->family, packet->src),
		.destination = pps_addr_make(packet->family, packet->dst),
		.source_port = rte_be_to_cpu_16(packet->src_port),
		.port = rte_be_to_cpu_16(packet->dst_port),
		.icmp_type = is_icmp(packet) ? packet->icmp_type : -1,
		.icmp_code = is_icmp(packet) ? packet->icmp_code : -1,
		.vlan = packet->vlan,
	};
	struct pps_near near[EXPLAIN_NEAR_MAX];
	size_t n = pps_policy_nearest(policy, &tuple, job->wall_ns, near, EXPLAIN_NEAR_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list,
			json_pack("{s:o, s:o}", "rule", rule_json(near[i].rule, policy, false),
				"misses", misses_json(&near[i], &tuple)));
	return list;
}

/* ---- all of it ---- */

static const char *verdict_word(enum pps_reason reason)
{
	if (reason == PPS_REASON_HELD)
		return "held";
	return reason == PPS_REASON_NONE ? "pass" : "drop";
}

json_t *explain_answer(const struct manager *manager, const struct explain_job *job)
{
	const struct pps_ruleset *ruleset = manager->reload.current;
	const struct pps_policy *policy = ruleset != NULL ? ruleset->policy : NULL;
	const struct pps_verdict *verdict = &job->verdict;
	bool expired = false;
	const struct pps_rule *rule = rule_of_slot(manager, verdict->rule, &expired);
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		json_array_append_new(
			list, step_json(job, steps[i], rule != NULL ? rule->id : NULL, policy));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "mode",
		config_mode_word(manager->config->mode), "verdict", verdict_word(verdict->reason),
		"reason", pps_reason_word(verdict->reason), "text",
		pps_reason_text(verdict->reason), "step", pps_step_word(verdict->step), "packet",
		packet_json(job), "steps", list, "rule",
		rule != NULL ? rule_json(rule, policy, expired) : json_null(), "nearest",
		verdict->reason == PPS_REASON_NOT_APPROVED && policy != NULL
			? nearest_json(job, policy)
			: json_array(),
		"flow",
		verdict->flow != PPS_FLOW_NONE ? flow_json(manager, &job->flow) : json_null(),
		"policy", policy_summary(manager));
}
