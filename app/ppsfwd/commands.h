/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef COMMANDS_H
#define COMMANDS_H

/*
 * The control methods of ppsfwd: one table, one handler each. Answers are exactly what
 * "ppsfw --json" prints. Times are RFC 3339 UTC text, "null" where there is none; counts are
 * integers; digests are lower-case hex.
 *
 * status {}                                                                             (view)
 *   {"version", "pid", "mode": MODE, "clock": "system"|"capture", "started",
 *    "uptime_sec",
 *    "policy": null | {"name", "revision", "authority", "digest", "generation", "file", "loaded",
 *                      "age_sec", "valid_until", "rules": {"approved","exceptions","banned"},
 *                      "entries", "table_bytes", "signers": null | SIGNERS, "lapsed": null |
 *                      [{"path","text"}] (why they would not count today)},
 *       MODE = "inline"|"audit"|"observer"
 *    "segments": [{"name", "inside": PORT, "outside": PORT} or {"name", "mirror": PORT}],
 *       PORT = {"name", "driver", "link": "up"|"down", "speed_mbps", "mtu", "rx_packets",
 *               "rx_bytes", "tx_packets", "tx_bytes", "rx_pps", "tx_pps", "rx_bps", "tx_bps",
 *               "missed", "no_buffer", "errors"}
 *    "flows": {"live", "capacity", "started", "picked_up", "ended", "memory_bytes",
 *              "pressure": bool, "ipv6": {"live", "capacity"},
 *              "half_open": {"live", "max", "per_source", "replaced", "pressure": bool}},
 *    "packets": {"passed", "passed_bytes", "dropped", "dropped_bytes", "pass_pps", "drop_pps",
 *                "egress": drops that are alerts: inside hosts tried what nothing approves},
 *    "memory": {"per_flow", "per_rule": n|null}, bytes of what flows.memory_bytes and
 *              policy.table_bytes are in all,
 *    "observed": null | {"packets", "bytes", "conversations", "answered"} (mode observer),
 *    "top_drops": [{"reason", "count"}] (at most 5, most first),
 *    "workers": [{"worker", "lcore", "passed", "dropped", "flows", "utilisation" (0 to 1, of the
 *                 last second), "stalled": bool}],
 *    "events": {"written", "lost", "write_errors", "file"},
 *    "reload": {"busy": bool, "loads", "refused"},
 *    "change": CHANGE,
 *    "drift": {"equal": is what runs what was approved? null: not known,
 *              "checked", "running": digest of what runs|null, "approved": digest of what the
 *              approved policy compiles to|null,
 *              "differs": [{"what": "tables"|"record"|"file", "text"}],
 *              "why": the tables could not be compared|null},
 *       It waits up to a second for a check when the last one is old (drift.h).
 *    "signatures": null | {"ca", "crl", "subjects", "extended_key_usage", "signatures_required"}
 *                  (those that the configuration has)}
 *       SIGNERS = [{"file", "subject", "issuer", "serial", "fingerprint" (SHA-256 of the
 *                  certificate), "from", "until", "counts": bool, "why"}]
 *       CHANGE = {"state": folder|null, "number" (in the history, of the policy in force)|null,
 *                 "confirmed": number|null, "pending": null | {"until", "remaining_sec",
 *                 "to": number of the policy that comes back|null},
 *                 "file_differs": bool (the configured file is not what is in force)}
 *
 * load {"name": file name for the record, "text": the policy's bytes,
 *       "files": {NAME: contents}, those that its source lists name; optional,
 *       "signatures": {NAME: base64 of a signature file}, optional,
 *       "confirm_sec": 1 to 86400, optional, "force": bool, optional}                  (admin)
 *   {"name", "revision", "digest", "previous_digest": text|null, "generation",
 *    "rules": {"approved","exceptions","banned"}, "entries", "table_bytes", "build_ms",
 *    "flows": {"kept", "rebound", "cut"}, "files": [{"name", "digest", "prefixes"}],
 *    "change": CHANGE, "signers": null | SIGNERS}
 *   Errors: -32002 with data [{"path","text"}] when refused; -32003 while another is under way.
 *
 * confirm {}                                                                           (admin)
 *   "policy" as in status. -32002 when none is pending or it cannot be recorded.
 *
 * rollback {"number": n, optional}                                                     (admin)
 *   As load. Without a number: what a pending policy replaced, else the one confirmed before.
 *
 * history {}                                                                            (view)
 *   CHANGE with "entries": [ENTRY], newest first
 *   ENTRY = {"number", "time", "outcome": "confirmed"|"pending"|"rolled_back", "settled",
 *            "cause": "start"|"load"|"sighup"|"rollback", "who": null | {"uid", "gid", "pid",
 *            "user"}, "file", "policy", "revision", "authority", "digest", "content",
 *            "rules": {"approved","exceptions","banned"}, "files": [name], "forced": bool,
 *            "before": number|null, "rollback_to": number|null, "signatures": [name],
 *            "signers": null | SIGNERS,
 *            "changes": null | how much differs from "before", as in pps_diff_counts()}
 * history {"number": n}                                                                 (view)
 *   {"entry": ENTRY, "text": the policy's bytes, "files": {NAME: contents},
 *    "signatures": {NAME: base64}}
 *
 * show_rules {}                                                                         (view)
 *   {"rules": [{"id", "kind", "direction", "traffic", "source", "destination", "vlans", "log",
 *               "assurance", "boundary", "approved_by", "owner", "assessed", "reason",
 *               "mitigations": [], "expires", "expired": bool, "overrides": [],
 *               "limits": null | {"flows", "flows_per_source", "new_flows_per_second"} (those it
 *               has),
 *               "packets", "bytes", "flows", "live", "last", "since"}]}
 *   "flows" began, "live" are there now.
 *
 * show_exceptions {}                                                                    (view)
 *   {"exceptions": [as in show_rules]}
 *
 * show_flows {"filter": FILTER, "max": n (default 1000)}                                (view)
 *   {"flows": [{"segment", "direction", "protocol", "source", "source_port", "destination",
 *               "destination_port", "icmp_type", "vlan", "inner_vlan", "state", "rule",
 *               "picked_up": true where it is so, "started", "idle_ms", "timeout_ms", "packets":
 * {"initiator","responder"}, "bytes": {"initiator","responder"}}], "matched", "shown", "live"}
 *   FILTER: an object, all members of which must hold: "segment", "direction", "protocol" (name or
 *   number), "source", "destination", "address" (either) (address or prefix), "port" (either),
 *   "source_port", "destination_port", "rule", "state", "vlan". {} is every flow.
 *
 * kill_flows {"filter": FILTER}                                                        (admin)
 *   {"killed"}
 *
 * show_drops {}                                                                         (view)
 *   {"drops": [{"reason", "step", "count", "text"}] (only counts > 0, most first), "total",
 *    "bytes"}
 *
 * show_sources {}                                                                       (view)
 *   {"block": null | LIST, "allow": null | LIST, "files": [{"name", "digest", "prefixes"}],
 *    "bytes"}
 *    LIST = {"ipv4", "ipv6" (prefixes, merged), "files": [name], "reason", "dropped",
 *            "top": [{"source", "count"}] (at most 10, from the events still in memory)}
 *
 * show_policy {}                                                                        (view)
 *   {"policy": null | as in status, "document": the canonical policy as an object}
 *
 * policy_text {}                                                                       (admin)
 *   {"name", "text", "files"}: what "load" would have to be given for the policy in force.
 *
 * diff_flows {"text", "files", "max": n (default 100)}                                 (admin)
 *   {"kept", "rebound", "cut", "flows": [as in show_flows, and "reason"] (at most max)}
 *   What would become of the live flows under that policy; nothing changes. Errors: -32002 with
 *   data [{"path","text"}] when it would be refused; -32003 while another is being tried.
 *
 * explain {"direction": "inbound"|"outbound", "protocol", "source", "destination",
 *          "source_port", "destination_port", "icmp_type", "icmp_code", "vlan", "segment",
 *          "tcp_flags": "syn" (default) | "ack" | "syn-ack" | "fin-ack" | "rst"}            (view)
 * or, for a real frame,
 *         {"direction", "segment", "frame": its bytes in hex, the first 2048 at least of those it
 *          has, "length": of all of it}
 *   {"mode": MODE, "verdict": "pass"|"drop"|"held", "reason", "text", "step",
 *    "packet": {"direction", "length", and what was read: "vlan", "inner_vlan", "source",
 *               "destination", "protocol", "source_port", "destination_port", "icmp_type",
 *               "icmp_code", or "ethertype"},
 *    "steps": [{"step", "result": "ok"|"drop"|"held"|"pass"|"not reached", "text"}],
 *    "rule": null | as in show_rules without counters,
 *    "nearest": [{"rule", "misses": [{"field", "text"}]}] (when not_approved; at most 3),
 *    "flow": null | as in show_flows,
 *    "policy": {"name","revision","digest","generation"} | null}
 *
 * events {"filter": object, "max": n (default 100), "since_seq": n, "follow": bool}     (view)
 *   {"events": [...], "next_seq"}; with "follow", notifications "event" come after it.
 *
 * methods {}                                                                            (view)
 *   {"methods": [{"name", "role", "help"}]}
 */

#include <stddef.h>

#include <pps_ctl.h>

extern const struct pps_ctl_method command_table[];
extern const size_t n_commands;

#endif
