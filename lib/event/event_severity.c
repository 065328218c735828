/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How much an event matters, in one table:
 *
 *     info      what is expected: it is the record
 *     notice    what the policy stopped, and what operators did
 *     warning   somebody should look, soon
 *     alert     somebody should look now
 */

#include <string.h>

#include "event_priv.h"

static const struct {
	const char *kind, *severity;
} severities[] = {
	{"flow_start", "info"},
	{"flow_end", "info"},
	{"deny", "notice"},
	{"daemon_start", "notice"},
	{"daemon_stop", "warning"}, /* nothing crosses any more */
	{"policy_loaded", "notice"},
	{"policy_refused", "warning"},
	{"exception_expiring", "warning"},
	{"exception_expired", "notice"},
	{"exception_revived", "warning"},
	{"clock_stepped", "warning"},
	{"flow_table_pressure", "alert"},
	{"flow_table_relieved", "notice"},
	{"half_open_pressure", "alert"},
	{"half_open_relieved", "notice"},
	{"flows_killed", "notice"},
	{"link_up", "notice"},
	{"link_down", "warning"},
	{"worker_stalled", "alert"},
	{"worker_recovered", "notice"},
};

const char *pps_event_severity_word(const char *kind, bool egress)
{
	/* A protected host that tries what nobody approved may not be ours any more. */
	if (egress)
		return "alert";
	for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++) {
		if (strcmp(severities[i].kind, kind) == 0)
			return severities[i].severity;
	}
	return NULL;
}
