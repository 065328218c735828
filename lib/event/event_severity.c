/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "event_priv.h"
#include "pps_event_kinds.h"

static const struct {
	const char *kind, *severity;
} severities[] = {
#define SEVERITY(kind, severity) {kind, severity},
	PPS_EVENT_KINDS(SEVERITY)
#undef SEVERITY
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
