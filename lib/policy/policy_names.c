/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The first name of a number is the one printed; the others are accepted. */
static const struct {
	const char *word;
	uint8_t number;
} protocol_names[] = {
	{"icmp", 1},
	{"igmp", 2},
	{"ipip", 4},
	{"ipencap", 4},
	{"tcp", 6},
	{"egp", 8},
	{"udp", 17},
	{"rdp", 27},
	{"dccp", 33},
	{"ipv6", 41},
	{"6in4", 41},
	{"rsvp", 46},
	{"gre", 47},
	{"esp", 50},
	{"ah", 51},
	{"icmpv6", 58},
	{"ipv6-icmp", 58},
	{"icmp6", 58},
	{"eigrp", 88},
	{"ospf", 89},
	{"etherip", 97},
	{"pim", 103},
	{"ipcomp", 108},
	{"vrrp", 112},
	{"l2tp", 115},
	{"l2tpv3", 115},
	{"sctp", 132},
	{"udplite", 136},
	{"udp-lite", 136},
	{"mpls", 137},
	{"mpls-in-ip", 137},
	{"hip", 139},
};

#define TEN(p) p "0", p "1", p "2", p "3", p "4", p "5", p "6", p "7", p "8", p "9"
static const char decimals[260][4] = {TEN(""), TEN("1"), TEN("2"), TEN("3"), TEN("4"), TEN("5"),
	TEN("6"), TEN("7"), TEN("8"), TEN("9"), TEN("10"), TEN("11"), TEN("12"), TEN("13"),
	TEN("14"), TEN("15"), TEN("16"), TEN("17"), TEN("18"), TEN("19"), TEN("20"), TEN("21"),
	TEN("22"), TEN("23"), TEN("24"), TEN("25")};

int pps_protocol_parse(const char *text)
{
	size_t n = strspn(text, "0123456789");

	if (n > 0 && n <= 3 && text[n] == '\0') {
		long number = strtol(text, NULL, 10);

		/* One way to write a number: no leading zeros. */
		if (number > 255 || strcmp(text, decimals[number]) != 0)
			return -EINVAL;
		return (int)number;
	}
	if (strcasecmp(text, "any") == 0)
		return PPS_PROTOCOL_ANY;
	for (size_t i = 0; i < COUNT(protocol_names); i++) {
		if (strcasecmp(text, protocol_names[i].word) == 0)
			return protocol_names[i].number;
	}
	return -EINVAL;
}

const char *pps_protocol_word(unsigned int protocol)
{
	if (protocol >= PPS_PROTOCOL_ANY)
		return "any";
	for (size_t i = 0; i < COUNT(protocol_names); i++) {
		if (protocol_names[i].number == protocol)
			return protocol_names[i].word;
	}
	return decimals[protocol];
}

const char *pps_protocol_nearest(const char *text)
{
	const char *words[COUNT(protocol_names)];

	for (size_t i = 0; i < COUNT(protocol_names); i++)
		words[i] = protocol_names[i].word;
	return pps_nearest_word(text, words, COUNT(words));
}

bool pps_protocol_has_ports(unsigned int protocol)
{
	/* TCP, UDP, DCCP, SCTP, UDP-Lite */
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
		protocol == 136;
}

const char *pps_direction_word(enum pps_direction direction)
{
	static const char *const words[] = {"none", "inbound", "outbound", "both"};

	return (unsigned int)direction < COUNT(words) ? words[direction] : "none";
}

const char *pps_rule_kind_word(enum pps_rule_kind kind)
{
	static const char *const words[] = {
		[PPS_RULE_BAN] = "ban",
		[PPS_RULE_EXCEPTION] = "exception",
		[PPS_RULE_APPROVED] = "approved",
	};

	return (unsigned int)kind < COUNT(words) ? words[kind] : "";
}

const char *pps_assurance_word(enum pps_assurance assurance)
{
	static const char *const words[] = {
		[PPS_ASSURANCE_NONE] = "",
		[PPS_ASSURANCE_HIGH] = "high",
		[PPS_ASSURANCE_MEDIUM] = "medium",
		[PPS_ASSURANCE_LOW] = "low",
	};

	return (unsigned int)assurance < COUNT(words) ? words[assurance] : "";
}

static const struct {
	const char *word;
	uint32_t sec;
} timeouts[PPS_TIMEOUT_COUNT] = {
	[PPS_TIMEOUT_TCP_HANDSHAKE] = {"tcp_handshake", 30},
	[PPS_TIMEOUT_TCP_ESTABLISHED] = {"tcp_established", 7440}, /* RFC 5382 */
	[PPS_TIMEOUT_TCP_CLOSING] = {"tcp_closing", 60},
	[PPS_TIMEOUT_UDP_SINGLE] = {"udp_single", 30},
	[PPS_TIMEOUT_UDP] = {"udp", 120},
	[PPS_TIMEOUT_ICMP] = {"icmp", 10},
	[PPS_TIMEOUT_SCTP_ESTABLISHED] = {"sctp_established", 3600},
	[PPS_TIMEOUT_DCCP] = {"dccp", 240},
	[PPS_TIMEOUT_OTHER] = {"other", 120},
	[PPS_TIMEOUT_FRAGMENT] = {"fragment", 5},
};

const char *pps_timeout_word(enum pps_timeout timeout)
{
	return (unsigned int)timeout < PPS_TIMEOUT_COUNT ? timeouts[timeout].word : "";
}

uint32_t pps_timeout_default(enum pps_timeout timeout)
{
	return (unsigned int)timeout < PPS_TIMEOUT_COUNT ? timeouts[timeout].sec : 0;
}
