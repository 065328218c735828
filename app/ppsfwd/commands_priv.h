/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef COMMANDS_PRIV_H
#define COMMANDS_PRIV_H

/* The handlers behind commands.h, by file, and what they share. */

#include <jansson.h>

#include <pps_ctl.h>
#include <pps_policy.h>

#include "manager.h"

/* commands_status.c */
void command_status(struct pps_ctl_call *call, const json_t *params, void *manager);
/* The answer to "status", as things are now. */
void reply_status(struct manager *manager, struct pps_ctl_call *call);
void command_show_drops(struct pps_ctl_call *call, const json_t *params, void *manager);

/* commands_rules.c */
void command_show_rules(struct pps_ctl_call *call, const json_t *params, void *manager);
void command_show_exceptions(struct pps_ctl_call *call, const json_t *params, void *manager);
void command_show_policy(struct pps_ctl_call *call, const json_t *params, void *manager);
/* A rule with its approval data, without counters. */
json_t *rule_json(const struct pps_rule *rule, const struct pps_policy *policy, bool expired);
/* The rule of the policy in force that holds 'slot', or NULL. Sets *ret_expired. */
const struct pps_rule *rule_of_slot(
	const struct manager *manager, uint32_t slot, bool *ret_expired);

/* commands_change.c */
void command_confirm(struct pps_ctl_call *call, const json_t *params, void *manager);
void command_rollback(struct pps_ctl_call *call, const json_t *params, void *manager);
void command_history(struct pps_ctl_call *call, const json_t *params, void *manager);

/* reload.c: {"approved", "exceptions", "banned"} */
json_t *rule_counts_json(const struct pps_policy *policy);
/* [{"path", "text"}] */
json_t *errors_json(const struct pps_errors *errors);

/* commands_sources.c */
void command_show_sources(struct pps_ctl_call *call, const json_t *params, void *manager);
/* The files that came with a policy. */
json_t *files_json(const struct pps_policy *policy);
/* What step 4 found, with the prefix; NULL when there was nothing to ask. The caller frees it. */
char *sources_text(
	const struct pps_policy *policy, const struct pps_packet *packet, enum pps_reason reason);

/* commands_flows.c */
void command_show_flows(struct pps_ctl_call *call, const json_t *params, void *manager);
void command_kill_flows(struct pps_ctl_call *call, const json_t *params, void *manager);

/* commands_diff.c */
void command_policy_text(struct pps_ctl_call *call, const json_t *params, void *manager);
void command_diff_flows(struct pps_ctl_call *call, const json_t *params, void *manager);

/* commands.c: a JSON text's bytes, and the "files" of a policy. The caller frees the text. */
char *copy_text(const json_t *value, size_t *ret_len);
void read_files(const json_t *files, struct pps_policy_bundle *bundle, struct pps_errors *errors);

/* commands_explain.c */
void command_explain(struct pps_ctl_call *call, const json_t *params, void *manager);

/* A time as RFC 3339 text, or null for 0. 'digits' of fraction. */
json_t *time_json(uint64_t ns, unsigned int digits);
/* The segment's number, or -1. */
int segment_find(const struct config *config, const char *name);

#endif
