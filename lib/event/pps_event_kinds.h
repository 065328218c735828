/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PPS_EVENT_KINDS_H
#define PPS_EVENT_KINDS_H

/*
 * The kinds of events and how much each matters, X(word, severity), for those who write events and
 * for those who ask for them. No DPDK.
 *
 *     info      what is expected: it is the record
 *     notice    what the policy stopped, and what operators did
 *     warning   somebody should look, soon
 *     alert     somebody should look now
 */
#define PPS_EVENT_KINDS(X)                                         \
	X("flow_start", "info")                                    \
	X("flow_end", "info")                                      \
	X("deny", "notice")                                        \
	X("daemon_start", "notice")                                \
	X("daemon_stop", "warning") /* nothing crosses any more */ \
	X("policy_loaded", "notice")                               \
	X("policy_refused", "warning")                             \
	X("policy_confirmed", "notice")                            \
	X("policy_rolled_back", "warning")                         \
	X("policy_forced", "warning")                              \
	X("policy_file_differs", "warning")                        \
	X("signatures_lapsed", "warning")                          \
	X("policy_drift", "alert")                                 \
	X("policy_drift_ended", "notice")                          \
	X("exception_expiring", "warning")                         \
	X("exception_expired", "notice")                           \
	X("exception_revived", "warning")                          \
	X("clock_stepped", "warning")                              \
	X("flow_table_pressure", "alert")                          \
	X("flow_table_relieved", "notice")                         \
	X("half_open_pressure", "alert")                           \
	X("half_open_relieved", "notice")                          \
	X("handoff_pressure", "alert")                             \
	X("handoff_relieved", "notice")                            \
	X("flows_killed", "notice")                                \
	X("link_up", "notice")                                     \
	X("link_down", "warning")                                  \
	X("worker_stalled", "alert")                               \
	X("worker_recovered", "notice")

#endif
