/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOT_AN_ADDRESS "is not an IPv4 or IPv6 address"
#define LEADING_ZERO   "has a number with a leading zero"

static int fail(const char **ret_why, const char *why)
{
	if (ret_why != NULL)
		*ret_why = why;
	return -EINVAL;
}

/* For the few reasons that name a value. */
static char *borrow_text(size_t *ret_size)
{
	static _Thread_local char text[160];

	*ret_size = sizeof(text);
	return text;
}

static bool has_space(const char *text)
{
	return strpbrk(text, " \t\r\n\v\f") != NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool has_leading_zero(const char *text)
{
	return text[0] == '0' && is_digit(text[1]);
}

/* Reads a decimal number of at most 'max' at *text and moves behind it. */
static bool take_number(const char **text, unsigned int max, unsigned int *ret)
{
	const char *p = *text;
	unsigned int value = 0;

	if (!is_digit(*p) || has_leading_zero(p))
		return false;
	for (; is_digit(*p); p++) {
		value = value * 10 + (unsigned int)(*p - '0');
		if (value > max)
			return false;
	}
	*text = p;
	*ret = value;
	return true;
}

static int parse_v4(const char *text, struct pps_addr *ret_addr, const char **ret_why)
{
	uint8_t bytes[4];

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int octet;

		if (i > 0 && *text++ != '.')
			return fail(ret_why, NOT_AN_ADDRESS);
		if (has_leading_zero(text))
			return fail(ret_why, LEADING_ZERO);
		if (!take_number(&text, 255, &octet))
			return fail(ret_why, NOT_AN_ADDRESS);
		bytes[i] = (uint8_t)octet;
	}
	if (*text != '\0')
		return fail(ret_why, NOT_AN_ADDRESS);
	*ret_addr = pps_addr_make(4, bytes);
	return 0;
}

int pps_addr_parse(const char *text, struct pps_addr *ret_addr, const char **ret_why)
{
	uint8_t bytes[16];

	if (text[0] == '\0')
		return fail(ret_why, "is empty");
	if (has_space(text))
		return fail(ret_why, "contains white space");
	if (strchr(text, '/') != NULL)
		return fail(ret_why, "is not a single address");
	if (strchr(text, ':') == NULL)
		return parse_v4(text, ret_addr, ret_why);
	if (strchr(text, '%') != NULL)
		return fail(ret_why, "has a zone id, which means nothing on a wire");
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return fail(ret_why, NOT_AN_ADDRESS);
	*ret_addr = pps_addr_make(6, bytes);
	return 0;
}

static int refuse_host_bits(
	const struct pps_addr *host, const struct pps_prefix *meant, const char **ret_why)
{
	char host_text[PPS_ADDR_TEXT_MAX], meant_text[PPS_ADDR_TEXT_MAX];
	size_t size;
	char *why = borrow_text(&size);

	snprintf(why, size, "has host bits set: write %s for the network, %s for the host",
		pps_prefix_format(meant, meant_text), pps_addr_format(host, host_text));
	return fail(ret_why, why);
}

/* Splits "address/length" and reads the length. */
static int parse_length(
	const char *slash, const struct pps_addr *addr, uint8_t *ret_len, const char **ret_why)
{
	unsigned int max = addr->family == 4 ? 32 : 128, len;
	const char *p = slash + 1;

	if (*p == '\0')
		return fail(ret_why, "has no prefix length after the \"/\"");
	if (!take_number(&p, max, &len) || *p != '\0')
		return fail(ret_why,
			max == 32 ? "has a prefix length that is not a number from 0 to 32"
				  : "has a prefix length that is not a number from 0 to 128");
	*ret_len = (uint8_t)len;
	return 0;
}

int pps_prefix_parse(const char *text, struct pps_prefix *ret_prefix, const char **ret_why)
{
	const char *slash = strchr(text, '/');
	char addr_text[PPS_ADDR_TEXT_MAX];
	struct pps_prefix prefix;
	struct pps_addr host;
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (has_space(text))
		return fail(ret_why, "contains white space");
	if (n >= sizeof(addr_text))
		return fail(ret_why, NOT_AN_ADDRESS);
	memcpy(addr_text, text, n);
	addr_text[n] = '\0';
	if (pps_addr_parse(addr_text, &host, ret_why) < 0)
		return -EINVAL;
	prefix.addr = host;
	prefix.len = host.family == 4 ? 32 : 128;
	if (slash != NULL && parse_length(slash, &host, &prefix.len, ret_why) < 0)
		return -EINVAL;
	pps_addr_mask(&prefix.addr, prefix.len);
	if (!pps_addr_equal(&prefix.addr, &host))
		return refuse_host_bits(&host, &prefix, ret_why);
	*ret_prefix = prefix;
	return 0;
}

static int refuse_number(uint16_t max, const char **ret_why)
{
	size_t size;
	char *why = borrow_text(&size);

	if (max == UINT16_MAX)
		return fail(ret_why, "is not a port (0-65535)");
	snprintf(why, size, "is not a number from 0 to %u", max);
	return fail(ret_why, why);
}

int pps_range_parse(
	const char *text, uint16_t max, struct pps_range *ret_range, const char **ret_why)
{
	unsigned int lo, hi;
	const char *p = text;

	if (has_leading_zero(p))
		return fail(ret_why, LEADING_ZERO);
	if (!take_number(&p, max, &lo))
		return refuse_number(max, ret_why);
	hi = lo;
	if (*p == '-') {
		p++;
		if (*p == '\0')
			return fail(ret_why, "is a range without an end");
		if (has_leading_zero(p))
			return fail(ret_why, LEADING_ZERO);
		if (!take_number(&p, max, &hi))
			return refuse_number(max, ret_why);
	}
	if (*p != '\0')
		return refuse_number(max, ret_why);
	if (hi < lo)
		return fail(ret_why, "is a range that runs backwards");
	*ret_range = (struct pps_range){.lo = (uint16_t)lo, .hi = (uint16_t)hi};
	return 0;
}

/* The text of the address in an endpoint, and where the port begins (NULL: there is none). */
static int split_endpoint(const char *text, char addr_text[PPS_ADDR_TEXT_MAX],
	const char **ret_port, const char **ret_why)
{
	const char *from = text, *colon = strchr(text, ':'), *to = text + strlen(text);
	size_t n;

	*ret_port = NULL;
	if (text[0] == '[') {
		from = text + 1;
		to = strchr(from, ']');
		if (to == NULL || to[1] != ':')
			return fail(ret_why, "is not \"[address]:port\"");
		*ret_port = to + 2;
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		to = colon;
		*ret_port = colon + 1;
	}
	n = (size_t)(to - from);
	if (n >= PPS_ADDR_TEXT_MAX)
		return fail(ret_why, NOT_AN_ADDRESS);
	memcpy(addr_text, from, n);
	addr_text[n] = '\0';
	return 0;
}

int pps_endpoint_parse(const char *text, struct pps_addr *ret_addr, uint16_t *ret_port,
	bool *ret_has_port, const char **ret_why)
{
	char addr_text[PPS_ADDR_TEXT_MAX];
	const char *port_text;
	struct pps_range port = {0};
	struct pps_addr addr;

	if (split_endpoint(text, addr_text, &port_text, ret_why) < 0)
		return -EINVAL;
	if (pps_addr_parse(addr_text, &addr, ret_why) < 0)
		return -EINVAL;
	if (text[0] == '[' && addr.family != 6)
		return fail(ret_why, "has brackets around an IPv4 address");
	if (port_text != NULL && (pps_range_parse(port_text, UINT16_MAX, &port, ret_why) < 0))
		return fail(ret_why, "has no port (0-65535) after the last \":\"");
	if (port.lo != port.hi)
		return fail(ret_why, "has a range where one port is expected");
	*ret_addr = addr;
	*ret_port = port.lo;
	*ret_has_port = port_text != NULL;
	return 0;
}
