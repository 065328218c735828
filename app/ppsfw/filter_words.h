/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FILTER_WORDS_H
#define FILTER_WORDS_H

/*
 * Pairs of words, "protocol tcp port 443", as a JSON object for the daemon. A table says which
 * words there are and what their values look like; it also feeds help and completion. All of it is
 * checked here, so that a slip of the fingers never widens what a command does.
 */

#include <stddef.h>

#include <jansson.h>

#include <pps_base.h>

enum value_kind {
	VALUE_TEXT,
	VALUE_NUMBER, /* an integer, at most 'max' */
	VALUE_DIRECTION,
	VALUE_PROTOCOL,
	VALUE_ADDRESS, /* one address */
	VALUE_PREFIX, /* an address or a prefix */
	VALUE_CHOICE, /* one of 'choices' */
};

struct word {
	const char *word;
	const char *member; /* of the object; NULL: the word itself */
	enum value_kind kind;
	unsigned int max;
	const char *const *choices; /* ends in NULL */
	const char *help;
};

struct word_table {
	const struct word *words;
	size_t n;
};

extern const struct word_table flow_words, event_words, explain_words;
/* "inbound" and "outbound"; ends in NULL. */
extern const char *const direction_choices[];

/*
 * Adds the pairs of argv to 'object'. Returns true, or false with all that is wrong in 'errors'
 * (their paths are empty).
 */
bool words_parse(const struct word_table *table, int argc, char **argv, json_t *object,
	struct pps_errors *errors);
const struct word *words_find(const struct word_table *table, const char *word);

/* The protocol as the daemon writes it ("tcp", "47"); NULL and an error for no protocol. */
const char *protocol_word(const char *text, struct pps_errors *errors);

#endif
