/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include <pps_addr.h>
#include <pps_policy.h>

#include "event_priv.h"

const char *pps_flow_end_word(enum pps_flow_end end)
{
	static const char *const words[] = {
#define FLOW_END_WORD(name, word) [PPS_FLOW_END_##name] = word,
		PPS_FLOW_ENDS(FLOW_END_WORD)
#undef FLOW_END_WORD
	};

	return (unsigned int)end < PPS_FLOW_END_COUNT ? words[end] : "unknown";
}

const char *pps_event_kind_word(unsigned int kind)
{
	switch (kind) {
	case PPS_EVENT_DENY:
		return "deny";
	case PPS_EVENT_FLOW_START:
		return "flow_start";
	case PPS_EVENT_FLOW_END:
		return "flow_end";
	default:
		return "unknown";
	}
}

static void add_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new_nocheck(object, key, json_string(text));
}

static void add_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new_nocheck(object, key, json_integer((json_int_t)number));
}

static void add_segment(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", event->segment);
	add_text(object, "segment",
		event->segment < names->n_segments ? names->segments[event->segment] : number);
	if (event->direction != 0)
		add_text(object, "direction",
			pps_direction_word((enum pps_direction)event->direction));
}

static void add_address(json_t *object, const char *key, uint8_t family, const uint8_t *bytes)
{
	struct pps_addr addr = pps_addr_make(family, bytes);
	char text[PPS_ADDR_TEXT_MAX];

	add_text(object, key, pps_addr_format(&addr, text));
}

/* A packet denied for its headers may have been read in part: what was not read is not said. */
static void add_tuple(json_t *object, const struct pps_event *event)
{
	static const uint8_t none[16];
	bool has_addresses = memcmp(event->src, none, sizeof(none)) != 0 ||
		memcmp(event->dst, none, sizeof(none)) != 0;
	bool has_ports = event->has_l4 && pps_protocol_has_ports(event->protocol);

	if (event->family == 0)
		return;
	if (has_addresses || has_ports)
		add_text(object, "protocol", pps_protocol_word(event->protocol));
	if (has_addresses)
		add_address(object, "source", event->family, event->src);
	if (has_ports)
		add_number(object, "source_port", event->src_port);
	if (has_addresses)
		add_address(object, "destination", event->family, event->dst);
	if (has_ports)
		add_number(object, "destination_port", event->dst_port);
	if (event->has_l4 && (event->protocol == PPS_IP_ICMP || event->protocol == PPS_IP_ICMPV6)) {
		add_number(object, "icmp_type", event->icmp_type);
		add_number(object, "icmp_code", event->icmp_code);
	}
}

static void add_vlans(json_t *object, const struct pps_event *event)
{
	if (event->vlan != 0)
		add_number(object, "vlan", event->vlan);
	if (event->inner_vlan != 0)
		add_number(object, "inner_vlan", event->inner_vlan);
}

static void add_authority(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names)
{
	const struct pps_event_generation *known =
		&names->generations[event->generation & (PPS_EVENT_GENERATIONS - 1)];
	const char *rule = NULL;

	if (event->rule != 0 && names->book != NULL)
		rule = pps_rule_book_id(names->book, event->rule);
	if (rule != NULL)
		add_text(object, "rule", rule);
	if (known->policy != NULL && known->generation == event->generation) {
		add_text(object, "policy", known->policy);
		add_number(object, "revision", known->revision);
	}
	if (event->generation != 0)
		add_number(object, "generation", event->generation);
}

/* Only as it was when the flow was judged. */
static void add_approval(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names)
{
	const struct pps_event_approval *approval;

	if (event->rule == 0 || event->rule >= PPS_RULE_SLOTS)
		return;
	approval = &names->approvals[event->rule];
	if (event->generation < approval->since)
		return;
	if (approval->assurance != NULL)
		add_text(object, "assurance", approval->assurance);
	if (approval->approved_by != NULL)
		add_text(object, "approved_by", approval->approved_by);
}

static void add_deny(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names)
{
	enum pps_reason reason = (enum pps_reason)event->detail;
	char ethertype[8];

	add_text(object, "reason", pps_reason_word(reason));
	add_text(object, "step", pps_step_word(pps_reason_step(reason)));
	add_tuple(object, event);
	add_vlans(object, event);
	if (event->family == 0) {
		snprintf(ethertype, sizeof(ethertype), "0x%04x", event->ethertype);
		add_text(object, "ethertype", ethertype);
	}
	add_number(object, "count", event->count);
	add_authority(object, event, names);
	if (event->flags & PPS_EVENT_EGRESS)
		add_text(object, "class", "egress");
	if (event->flags & PPS_EVENT_AUDIT)
		json_object_set_new_nocheck(object, "audit", json_true());
	if (event->flags & PPS_EVENT_OBSERVER)
		json_object_set_new_nocheck(object, "observer", json_true());
	if (event->flags & PPS_EVENT_ANSWERS)
		json_object_set_new_nocheck(object, "answers", json_true());
}

static json_t *pair(const uint64_t numbers[2])
{
	return json_pack("{s:I, s:I}", "initiator", (json_int_t)numbers[0], "responder",
		(json_int_t)numbers[1]);
}

static void add_flow(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names)
{
	char text[PPS_TIME_TEXT_MAX];

	add_tuple(object, event);
	add_vlans(object, event);
	add_authority(object, event, names);
	add_approval(object, event, names);
	if (event->flags & PPS_EVENT_PICKED_UP)
		json_object_set_new_nocheck(object, "picked_up", json_true());
	if (event->kind != PPS_EVENT_FLOW_END)
		return;
	add_text(object, "end", pps_flow_end_word((enum pps_flow_end)event->detail));
	add_text(object, "state", pps_flow_state_word((enum pps_flow_state)event->state));
	add_text(object, "started", pps_time_format(event->started_ns, 3, text));
	add_number(object, "duration_ms",
		event->wall_ns < event->started_ns
			? 0
			: (event->wall_ns - event->started_ns) / PPS_NS_PER_MS);
	json_object_set_new_nocheck(object, "packets", pair(event->packets));
	json_object_set_new_nocheck(object, "bytes", pair(event->bytes));
}

void pps_event_json_add(
	json_t *object, const struct pps_event *event, const struct pps_event_names *names)
{
	add_segment(object, event, names);
	if (event->kind == PPS_EVENT_DENY)
		add_deny(object, event, names);
	else
		add_flow(object, event, names);
	if (event->lost > 0)
		add_number(object, "lost", event->lost);
}
