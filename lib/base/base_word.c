/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_base.h"

#include <string.h>

/* Words of our grammars are short; a longer text is no slip of the fingers. */
#define WORD_MAX 48

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

/*
 * Edits from 'a' to 'b' (n and m characters, at most WORD_MAX): insert, delete, replace, or swap
 * two neighbours (Damerau-Levenshtein, optimal string alignment). Case does not count.
 */
static unsigned int count_edits(const char *a, size_t n, const char *b, size_t m)
{
	uint8_t d[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= n; i++)
		d[i][0] = (uint8_t)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			unsigned int same = lower(a[i - 1]) == lower(b[j - 1]);
			unsigned int edits =
				min3(d[i - 1][j] + 1U, d[i][j - 1] + 1U, d[i - 1][j - 1] + !same);
			bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]);

			if (swapped && d[i - 2][j - 2] + 1U < edits)
				edits = d[i - 2][j - 2] + 1U;
			d[i][j] = (uint8_t)edits;
		}
	}
	return d[n][m];
}

const char *pps_nearest_word(const char *text, const char *const *words, size_t n)
{
	size_t len = strnlen(text, WORD_MAX + 1);
	const char *nearest = NULL;
	unsigned int least = WORD_MAX;

	if (len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t word_len = strnlen(words[i], WORD_MAX + 1);
		size_t longer = len > word_len ? len : word_len;
		unsigned int edits;

		if (word_len > WORD_MAX)
			continue;
		edits = count_edits(text, len, words[i], word_len);
		/* Beyond one wrong character in three it is another word. */
		if (edits > longer / 3 || edits >= least)
			continue;
		nearest = words[i];
		least = edits;
	}
	return nearest;
}
