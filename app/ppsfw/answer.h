/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ANSWER_H
#define ANSWER_H

/*
 * Reading answers. A daemon of another version, or something that is no ppsfwd at all, may answer
 * anything: what is missing or of another type reads as 0, "" or false, and the page is printed
 * without it.
 */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <pps_base.h>

uint64_t get_count(const json_t *object, const char *key);
const char *get_text(const json_t *object, const char *key);
bool get_flag(const json_t *object, const char *key);
/* True when the member exists and is not null. */
bool get_has(const json_t *object, const char *key);

/* A JSON string; what is not UTF-8 is escaped. */
json_t *make_text(const char *text);
/* The errors as a list of {"path", "text"}. */
json_t *make_errors(const struct pps_errors *errors);

/* Adds "203.0.113.9:40000" or "[2001:db8::1]:443" from the members 'side' and 'side'_port. */
void add_endpoint(struct pps_str *to, const json_t *object, const char *side);
/* Adds "tcp", "icmp type 8", "tcp vlan 12". */
void add_protocol(struct pps_str *to, const json_t *object);

/* "CN=Alice,O=CMB; CN=Bob,O=CMB": those that count; "" when there are none. The caller frees it. */
char *signers_text(const json_t *signers);

/* "s" or "". */
const char *plural(uint64_t n);

#endif
