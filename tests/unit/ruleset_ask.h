/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RULESET_ASK_H
#define RULESET_ASK_H

/*
 * For tests of lib/ruleset: rulesets from policy text, and questions to them in words. Every
 * answer is also asked of the reference matcher; a test that calls ask_expect() checks both.
 */

#include <stdint.h>

#include <pps_ruleset.h>

#include "reference.h"

#define ASK_NOW  "2026-06-01T00:00:00Z"
#define ASK_PAST "\"expires\": \"2026-05-01T00:00:00Z\", \"approved_by\": \"x\", \"reason\": \"y\""
#define ASK_FUTURE \
	"\"expires\": \"2027-01-01T00:00:00Z\", \"approved_by\": \"x\", \"reason\": \"y\""

/* ASK_NOW as a number. */
uint64_t ask_now_ns(void);
/* The next generation of this process. */
uint32_t ask_generation(void);

/* Parses "{ policy, revision, <sections> }"; a text that is no policy ends the process, since the
 * test itself is wrong then. */
struct pps_policy *ask_policy(const char *sections);
/* The same, compiled as of ASK_NOW without book and limit. Ends the process on failure. */
struct pps_ruleset *ask_ruleset(const char *sections);
/* What pps_ruleset_build() says to a policy that cannot be compiled: all errors, one a line.
 * NULL when it was compiled. Frees the policy. */
char *ask_failure(struct pps_policy *policy, const struct pps_ruleset_params *params);
/* Asserts that it cannot be compiled, and that 'part' is in what is said. Frees the policy. */
void ask_expect_failure(struct pps_policy *policy, const char *part);
/* The same, and that pps_shape_fits() and pps_shape_lint() say so in the same words. */
void ask_expect_too_large(struct pps_policy *policy, const char *part);

/* "in tcp 192.0.2.1:1024 198.51.100.1:443 @5" (VLAN 5), "out icmp/8/0 192.0.2.1 198.51.100.1". */
void ask_read(const char *question, struct reference_packet *packet);
/* The key that rte_acl would see for it. */
void ask_key(const struct reference_packet *packet, struct pps_class_key *key);

/* Asserts that question gets "pass RULE", "banned RULE", "exception_expired RULE" or
 * "not_approved". */
void ask_expect(const struct pps_ruleset *ruleset, const char *question, const char *answer);

struct ask {
	const char *question, *answer;
};
void ask_expect_all(const char *sections, const struct ask *asks, size_t n);
/* ASK_ALL(sections, {question, answer}, ...) */
#define ASK_ALL(sections, ...)                                                     \
	do {                                                                       \
		static const struct ask asks_[] = {__VA_ARGS__};                   \
		ask_expect_all(sections, asks_, sizeof(asks_) / sizeof(asks_[0])); \
	} while (0)

#endif
