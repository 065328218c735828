/* SPDX-License-Identifier: BSD-3-Clause */
/* What a ruleset says about packets. How it is built: test_ruleset_build.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "ruleset_ask.h"
#include "unit.h"

/* Rules of one word each. */
#define RULE(id, more)             "{\"id\": \"" id "\", " more "}"
#define BOTH                       "\"direction\": \"both\""
#define TCP(ports)                 "\"protocol\": \"tcp\", \"ports\": " ports
#define ANY_TO_ANY                 "\"source\": \"any\", \"destination\": \"any\""
#define APPROVED(...)              "\"approved\": [" __VA_ARGS__ "]"
#define BANNED(...)                "\"banned\": [" __VA_ARGS__ "]"
#define EXCEPTIONS(...)            "\"exceptions\": [" __VA_ARGS__ "]"
#define WEB(id)                    RULE(id, BOTH ", " TCP("443") ", " ANY_TO_ANY)
#define BAN_WEB(id)                RULE(id, BOTH ", " TCP("443") ", " ANY_TO_ANY)
#define EXCEPTION(id, ports, more) RULE(id, BOTH ", " TCP(ports) ", " ANY_TO_ANY ", " more)

#define TO_WEB "in tcp 192.0.2.1:1024 198.51.100.1:443"

static void an_empty_policy_approves_nothing(void)
{
	ASK_ALL("", {TO_WEB, "not_approved"},
		{"out udp [2001:db8::1]:53 [2001:db8::2]:53", "not_approved"});
}

static void an_approval_passes_its_traffic_and_nothing_else(void)
{
	ASK_ALL(APPROVED(RULE("A",
			"\"direction\": \"inbound\", " TCP(
				"443") ", \"source\": \"192.0.2.0/24\", \"destination\": "
				       "\"198.51.100.1\"")),
		{TO_WEB, "pass A"}, {"out tcp 192.0.2.1:1024 198.51.100.1:443", "not_approved"},
		{"in udp 192.0.2.1:1024 198.51.100.1:443", "not_approved"},
		{"in tcp 192.0.2.1:1024 198.51.100.1:444", "not_approved"},
		{"in tcp 192.0.3.1:1024 198.51.100.1:443", "not_approved"},
		{"in tcp 192.0.2.1:1024 198.51.100.2:443", "not_approved"},
		{"in tcp 198.51.100.1:443 192.0.2.1:1024", "not_approved"});
}

static void a_ban_beats_an_approval(void)
{
	ASK_ALL(APPROVED(RULE("A", BOTH ", " TCP("\"1-1000\"") ", " ANY_TO_ANY)) ", " BANNED(
			BAN_WEB("B")),
		{TO_WEB, "banned B"}, {"in tcp 192.0.2.1:1024 198.51.100.1:442", "pass A"});
}

static void an_exception_without_overrides_does_not_beat_a_ban(void)
{
	ASK_ALL(BANNED(BAN_WEB("B")) ", " EXCEPTIONS(EXCEPTION("E", "\"443-444\"", ASK_FUTURE)),
		{TO_WEB, "banned B"}, {"in tcp 192.0.2.1:1024 198.51.100.1:444", "pass E"});
}

static void an_exception_beats_an_approval(void)
{
	ASK_ALL(APPROVED(WEB("A")) ", " EXCEPTIONS(EXCEPTION("E", "443", ASK_FUTURE)),
		{TO_WEB, "pass E"});
}

static void an_exception_lifts_the_ban_it_overrides(void)
{
	ASK_ALL(BANNED(BAN_WEB("B")) ", " EXCEPTIONS(RULE("E",
			BOTH ", " TCP("443") ", \"source\": \"192.0.2.1\", "
					     "\"destination\": \"any\", \"overrides\": "
					     "\"B\", " ASK_FUTURE)),
		{TO_WEB, "pass E"}, {"in tcp 192.0.2.2:1024 198.51.100.1:443", "banned B"});
}

static void an_exception_does_not_lift_a_ban_it_does_not_name(void)
{
	ASK_ALL(BANNED(BAN_WEB("B1") ", " RULE("B2",
			BOTH
			", " TCP("443") ", \"source\": \"192.0.2.0/31\", "
					"\"destination\": \"any\"")) ", " EXCEPTIONS(EXCEPTION("E",
			"443", "\"overrides\": \"B1\", " ASK_FUTURE)),
		{TO_WEB, "banned B2"}, {"in tcp 192.0.2.2:1024 198.51.100.1:443", "pass E"});
}

#define TWO_BANS                                      \
	BANNED(BAN_WEB("B1") ", " RULE("B2",          \
		BOTH ", " TCP("443") ", \"source\": " \
				     "\"192.0.2.0/24\", \"destination\": \"any\""))

static void a_later_exception_passes_what_the_first_cannot(void)
{
	ASK_ALL(TWO_BANS ", " EXCEPTIONS(
			EXCEPTION("E1", "443", "\"overrides\": \"B1\", " ASK_FUTURE) ", " EXCEPTION(
				"E2", "443", "\"overrides\": [\"B1\", \"B2\"], " ASK_FUTURE)),
		{TO_WEB, "pass E2"}, {"in tcp 203.0.113.1:1024 198.51.100.1:443", "pass E1"});
}

static void two_exceptions_do_not_add_up(void)
{
	ASK_ALL(TWO_BANS ", " EXCEPTIONS(
			EXCEPTION("E1", "443", "\"overrides\": \"B1\", " ASK_FUTURE) ", " EXCEPTION(
				"E2", "443", "\"overrides\": \"B2\", " ASK_FUTURE)),
		{TO_WEB, "banned B2"}, {"in tcp 203.0.113.1:1024 198.51.100.1:443", "pass E1"});
}

static void an_exception_lifts_all_bans_it_names(void)
{
	ASK_ALL(TWO_BANS ", " EXCEPTIONS(
			EXCEPTION("E", "443", "\"overrides\": [\"B2\", \"B1\"], " ASK_FUTURE)),
		{TO_WEB, "pass E"});
}

static void an_overriding_exception_passes_where_no_ban_is(void)
{
	ASK_ALL(BANNED(BAN_WEB("B")) ", " EXCEPTIONS(
			EXCEPTION("E", "\"443-444\"", "\"overrides\": \"B\", " ASK_FUTURE)),
		{"in tcp 192.0.2.1:1024 198.51.100.1:444", "pass E"});
}

static void the_first_ban_that_is_not_lifted_names_the_drop(void)
{
	ASK_ALL(BANNED(BAN_WEB("B1") ", " BAN_WEB("B2") ", " BAN_WEB("B3")) ", " EXCEPTIONS(
			EXCEPTION("E", "443", "\"overrides\": \"B1\", " ASK_FUTURE)),
		{TO_WEB, "banned B2"});
}

static void attached_bans_are_asked_by_every_dimension(void)
{
	ASK_ALL(BANNED(BAN_WEB("B0") ", " RULE("SRC",
			BOTH ", " TCP("443") ", \"source\": "
					     "[\"192.0.2.9\", \"2001:db8::9\"], \"destination\": "
					     "\"any\"") ", " RULE("DST",
			BOTH ", " TCP("443") ", \"source\": \"any\", \"destination\": "
					     "[\"192.0.2.9\", \"2001:db8::9\"]") ", " RULE("SPORT",
			BOTH ", " TCP(
				"443") ", \"source_ports\": \"1-1023\", " ANY_TO_ANY) ", " RULE("VL"
												"A"
												"N",
			BOTH ", " TCP("443") ", \"vlans\": [7], " ANY_TO_ANY) ", " RULE("OUT",
			"\"direction\": \"outbound\", \"protocol\": \"any\", "
			"\"vlans\": [8], " ANY_TO_ANY)) ", " EXCEPTIONS(EXCEPTION("E", "443",
			"\"overrides\": \"B0\", " ASK_FUTURE)),
		{TO_WEB, "pass E"}, {"in tcp 192.0.2.9:1024 198.51.100.1:443", "banned SRC"},
		{"in tcp [2001:db8::9]:1024 [2001:db8::1]:443", "banned SRC"},
		{"in tcp 192.0.2.1:1024 192.0.2.9:443", "banned DST"},
		{"in tcp [2001:db8::1]:1024 [2001:db8::9]:443", "banned DST"},
		{"in tcp 192.0.2.1:1023 198.51.100.1:443", "banned SPORT"},
		{"in tcp 192.0.2.1:1024 198.51.100.1:443 @7", "banned VLAN"},
		{"in tcp 192.0.2.1:1024 198.51.100.1:443 @8", "pass E"},
		{"out tcp 192.0.2.1:1024 198.51.100.1:443 @8", "banned OUT"});
}

static void an_expired_exception_names_the_drop(void)
{
	ASK_ALL(EXCEPTIONS(EXCEPTION("E", "443", ASK_PAST)), {TO_WEB, "exception_expired E"},
		{"in tcp 192.0.2.1:1024 198.51.100.1:444", "not_approved"});
}

static void an_expired_exception_hides_no_other_rule(void)
{
	ASK_ALL(APPROVED(WEB("A")) ", " EXCEPTIONS(EXCEPTION("E", "443", ASK_PAST)),
		{TO_WEB, "pass A"});
	ASK_ALL(EXCEPTIONS(
			EXCEPTION("OLD", "443", ASK_PAST) ", " EXCEPTION("NEW", "443", ASK_FUTURE)),
		{TO_WEB, "pass NEW"});
}

static void an_expired_exception_lifts_no_ban(void)
{
	ASK_ALL(BANNED(BAN_WEB("B")) ", " EXCEPTIONS(
			EXCEPTION("E", "\"443-444\"", "\"overrides\": \"B\", " ASK_PAST)),
		{TO_WEB, "banned B"},
		{"in tcp 192.0.2.1:1024 198.51.100.1:444", "exception_expired E"});
}

static void an_expired_exception_does_not_stand_behind_another(void)
{
	ASK_ALL(TWO_BANS ", " EXCEPTIONS(
			EXCEPTION("E1", "443", "\"overrides\": \"B1\", " ASK_FUTURE) ", " EXCEPTION(
				"E2", "443", "\"overrides\": [\"B1\", \"B2\"], " ASK_PAST)),
		{TO_WEB, "banned B2"});
}

static void the_earlier_rule_decides(void)
{
	ASK_ALL(APPROVED(WEB("A1") ", " WEB("A2")), {TO_WEB, "pass A1"});
	ASK_ALL(BANNED(WEB("B1") ", " WEB("B2")), {TO_WEB, "banned B1"});
	ASK_ALL(EXCEPTIONS(
			EXCEPTION("E1", "443", ASK_FUTURE) ", " EXCEPTION("E2", "443", ASK_FUTURE)),
		{TO_WEB, "pass E1"});
	ASK_ALL(EXCEPTIONS(EXCEPTION("E1", "443", ASK_PAST) ", " EXCEPTION("E2", "443", ASK_PAST)),
		{TO_WEB, "exception_expired E1"});
}

static void the_earlier_rule_decides_even_where_the_later_is_narrower(void)
{
	ASK_ALL(APPROVED(RULE("WIDE", BOTH ", \"protocol\": \"any\", " ANY_TO_ANY) ", " RULE(
			"NARROW",
			BOTH ", " TCP("443") ", \"source\": \"192.0.2.1\", "
					     "\"destination\": \"198.51.100.1\"")),
		{TO_WEB, "pass WIDE"});
}

static void directions_are_apart(void)
{
	ASK_ALL(APPROVED(RULE(
			"I", "\"direction\": \"inbound\", " TCP("1") ", " ANY_TO_ANY) ", " RULE("O",
			"\"direction\": \"outbound\", " TCP("2") ", " ANY_TO_ANY) ", " RULE("X",
			BOTH ", " TCP("3") ", " ANY_TO_ANY)),
		{"in tcp 192.0.2.1:9 192.0.2.2:1", "pass I"},
		{"out tcp 192.0.2.1:9 192.0.2.2:1", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:2", "not_approved"},
		{"out tcp 192.0.2.1:9 192.0.2.2:2", "pass O"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3", "pass X"},
		{"out tcp 192.0.2.1:9 192.0.2.2:3", "pass X"});
}

static void any_address_is_both_families(void)
{
	ASK_ALL(APPROVED(WEB("A")), {TO_WEB, "pass A"},
		{"in tcp [2001:db8::1]:1 [2001:db8::2]:443", "pass A"});
}

static void a_rule_has_the_families_of_its_addresses(void)
{
	ASK_ALL(APPROVED(RULE("V6",
			BOTH ", " TCP("443") ", \"source\": \"any\", "
					     "\"destination\": \"2001:db8::/32\"") ", " RULE("ZERO",
			BOTH ", " TCP("444") ", \"source\": \"0.0.0.0/0\", "
					     "\"destination\": \"any\"")),
		{TO_WEB, "not_approved"}, {"in tcp [::1]:1 [2001:db8::2]:443", "pass V6"},
		{"in tcp 192.0.2.1:1 192.0.2.2:444", "pass ZERO"},
		{"in tcp [::1]:1 [::2]:444", "not_approved"});
}

/* Asks for the four addresses at the edges of a prefix, as source and as destination. */
static void expect_edges(const char *prefix, const char *below, const char *first, const char *last,
	const char *above)
{
	const char *addrs[] = {below, first, last, above};
	char text[512], question[256];
	struct pps_ruleset *ruleset;

	for (unsigned int as_dst = 0; as_dst < 2; as_dst++) {
		snprintf(text, sizeof(text),
			APPROVED(RULE("A",
				BOTH ", " TCP("443") ", \"source\": \"%s\", "
						     "\"destination\": \"%s\"")),
			as_dst ? "any" : prefix, as_dst ? prefix : "any");
		ruleset = ask_ruleset(text);
		for (unsigned int i = 0; i < 4; i++) {
			const char *other =
				addrs[i] && strchr(addrs[i], ':') ? "fd00::7" : "127.0.0.7";
			const char *format = strchr(other, ':') ? "in tcp [%s]:9 [%s]:443"
								: "in tcp %s:9 %s:443";

			if (addrs[i] == NULL)
				continue;
			snprintf(question, sizeof(question), format, as_dst ? other : addrs[i],
				as_dst ? addrs[i] : other);
			ask_expect(ruleset, question, i == 1 || i == 2 ? "pass A" : "not_approved");
		}
		pps_ruleset_destroy(ruleset, NULL);
	}
}

static void a_prefix_ends_where_its_length_says(void)
{
	expect_edges("0.0.0.0/0", NULL, "0.0.0.0", "255.255.255.255", NULL);
	expect_edges("128.0.0.0/1", "127.255.255.255", "128.0.0.0", "255.255.255.255", NULL);
	expect_edges("10.0.0.0/8", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0");
	expect_edges("10.1.2.128/25", "10.1.2.127", "10.1.2.128", "10.1.2.255", "10.1.3.0");
	expect_edges("10.1.2.4/31", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6");
	expect_edges("10.1.2.5/32", "10.1.2.4", "10.1.2.5", "10.1.2.5", "10.1.2.6");
}

static void an_ipv6_prefix_ends_where_its_length_says(void)
{
	expect_edges("::/0", NULL, "::", "ffff::", NULL);
	expect_edges("2000::/3", "1fff:ffff::", "2000::", "3fff:ffff:ffff::1", "4000::");
	expect_edges("2001:db8::/32",
		"2001:db7:ffff::", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db9::");
	expect_edges("2001:db8:8000::/33",
		"2001:db8:7fff:ffff::", "2001:db8:8000::", "2001:db8:ffff:ffff::", "2001:db9::");
	expect_edges("2001:db8:1::/48",
		"2001:db8:0:ffff:ffff::", "2001:db8:1::", "2001:db8:1:ffff:ffff::", "2001:db8:2::");
	expect_edges("2001:db8:1:2::/64",
		"2001:db8:1:1:ffff::", "2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff",
		"2001:db8:1:3::");
	expect_edges("2001:db8:1:2:8000::/65", "2001:db8:1:2:7fff:ffff:ffff:ffff",
		"2001:db8:1:2:8000::", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::");
	expect_edges("2001:db8::1:0:0/96", "2001:db8::ffff:ffff", "2001:db8::1:0:0",
		"2001:db8::1:ffff:ffff", "2001:db8::2:0:0");
	expect_edges("2001:db8::6/127", "2001:db8::5", "2001:db8::6", "2001:db8::7", "2001:db8::8");
	expect_edges("2001:db8::6/128", "2001:db8::5", "2001:db8::6", "2001:db8::6", "2001:db8::7");
}

static void a_port_range_includes_both_ends(void)
{
	ASK_ALL(APPROVED(RULE("A", BOTH ", " TCP("\"80-90\"") ", " ANY_TO_ANY) ", " RULE(
			"LOW", BOTH ", " TCP("\"0-1\"") ", " ANY_TO_ANY) ", " RULE("HIGH",
			BOTH ", " TCP("\"65534-65535\"") ", " ANY_TO_ANY)),
		{"in tcp 192.0.2.1:9 192.0.2.2:79", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:80", "pass A"},
		{"in tcp 192.0.2.1:9 192.0.2.2:90", "pass A"},
		{"in tcp 192.0.2.1:9 192.0.2.2:91", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:0", "pass LOW"},
		{"in tcp 192.0.2.1:9 192.0.2.2:2", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:65533", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:65535", "pass HIGH"});
}

static void lists_of_ports_and_source_ports_combine(void)
{
	ASK_ALL(APPROVED(RULE("A",
			BOTH ", \"protocol\": \"udp\", \"ports\": [53, \"67-68\"], "
			     "\"source_ports\": [68, \"1024-65535\"], " ANY_TO_ANY)),
		{"in udp 192.0.2.1:68 192.0.2.2:67", "pass A"},
		{"in udp 192.0.2.1:1024 192.0.2.2:53", "pass A"},
		{"in udp 192.0.2.1:69 192.0.2.2:67", "not_approved"},
		{"in udp 192.0.2.1:1023 192.0.2.2:53", "not_approved"},
		{"in udp 192.0.2.1:2000 192.0.2.2:69", "not_approved"});
}

static void several_services_make_one_rule(void)
{
	ASK_ALL("\"services\": {\"api\": {\"protocol\": \"tcp\", \"ports\": "
		"\"8443-8450\"}}, " APPROVED(RULE("A",
			BOTH ", \"service\": [\"api\", \"53/udp\", \"443/tcp\"], " ANY_TO_ANY)),
		{"in tcp 192.0.2.1:9 192.0.2.2:8450", "pass A"},
		{"in udp 192.0.2.1:9 192.0.2.2:53", "pass A"}, {TO_WEB, "pass A"},
		{"in tcp 192.0.2.1:9 192.0.2.2:53", "not_approved"},
		{"in udp 192.0.2.1:9 192.0.2.2:443", "not_approved"});
}

static void any_protocol_is_every_protocol(void)
{
	struct pps_ruleset *ruleset =
		ask_ruleset(APPROVED(RULE("A", BOTH ", \"protocol\": \"any\", " ANY_TO_ANY)));
	char question[64];

	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		snprintf(question, sizeof(question), "in %u 192.0.2.1 192.0.2.2", protocol);
		ask_expect(ruleset, question, "pass A");
		snprintf(question, sizeof(question), "out %u 2001:db8::1 2001:db8::2", protocol);
		ask_expect(ruleset, question, "pass A");
	}
	pps_ruleset_destroy(ruleset, NULL);
}

static void a_protocol_by_number_is_that_one(void)
{
	ASK_ALL(APPROVED(RULE("A", BOTH ", \"protocol\": 89, " ANY_TO_ANY)),
		{"in 89 192.0.2.1 192.0.2.2", "pass A"},
		{"in 89 2001:db8::1 2001:db8::2", "pass A"},
		{"in 88 192.0.2.1 192.0.2.2", "not_approved"},
		{"in 217 192.0.2.1 192.0.2.2", "not_approved"});
}

static void icmp_is_matched_by_type_and_code(void)
{
	ASK_ALL(APPROVED(RULE("TYPE",
			BOTH ", \"protocol\": \"icmp\", \"icmp\": {\"type\": "
			     "8}, " ANY_TO_ANY) ", " RULE("CODE",
			BOTH ", \"protocol\": \"icmp\", \"icmp\": {\"type\": 13, "
			     "\"code\": 5}, " ANY_TO_ANY) ", " RULE("TOP",
			BOTH ", \"protocol\": \"icmp\", \"icmp\": {\"type\": "
			     "255}, " ANY_TO_ANY)),
		{"in icmp/8/0 192.0.2.1 192.0.2.2", "pass TYPE"},
		{"in icmp/8/255 192.0.2.1 192.0.2.2", "pass TYPE"},
		{"in icmp/7/255 192.0.2.1 192.0.2.2", "not_approved"},
		{"in icmp/9/0 192.0.2.1 192.0.2.2", "not_approved"},
		{"in icmp/13/5 192.0.2.1 192.0.2.2", "pass CODE"},
		{"in icmp/13/4 192.0.2.1 192.0.2.2", "not_approved"},
		{"in icmp/13/6 192.0.2.1 192.0.2.2", "not_approved"},
		{"in icmp/255/255 192.0.2.1 192.0.2.2", "pass TOP"});
}

static void icmp_without_a_type_is_all_types(void)
{
	ASK_ALL(APPROVED(RULE("A", BOTH ", \"protocol\": \"icmp\", " ANY_TO_ANY)),
		{"in icmp/0/0 192.0.2.1 192.0.2.2", "pass A"},
		{"in icmp/255/255 192.0.2.1 192.0.2.2", "pass A"});
}

static void icmp_is_ipv4_and_icmpv6_is_ipv6(void)
{
	ASK_ALL(APPROVED(RULE("FOUR", BOTH ", \"protocol\": \"icmp\", " ANY_TO_ANY) ", " RULE(
			"SIX", BOTH ", \"protocol\": \"icmpv6\", " ANY_TO_ANY)),
		{"in icmp/8/0 192.0.2.1 192.0.2.2", "pass FOUR"},
		{"in icmp/8/0 2001:db8::1 2001:db8::2", "not_approved"},
		{"in icmpv6/128/0 2001:db8::1 2001:db8::2", "pass SIX"},
		{"in icmpv6/128/0 192.0.2.1 192.0.2.2", "not_approved"});
}

static void an_icmp_type_is_no_port(void)
{
	/* Type 8 code 0 looks like port 2048. */
	ASK_ALL(APPROVED(
			RULE("P", BOTH ", \"service\": [\"2048/tcp\", \"2048/udp\"], " ANY_TO_ANY)),
		{"in icmp/8/0 192.0.2.1 192.0.2.2", "not_approved"});
	ASK_ALL(APPROVED(RULE("I",
			BOTH ", \"protocol\": \"icmp\", \"icmp\": {\"type\": 8}, " ANY_TO_ANY)),
		{"in tcp 192.0.2.1:0 192.0.2.2:2048", "not_approved"});
}

static void vlans_are_none_any_or_listed(void)
{
	ASK_ALL(APPROVED(RULE("NONE",
			BOTH ", " TCP("1") ", \"vlans\": \"none\", " ANY_TO_ANY) ", " RULE("ANY",
			BOTH ", " TCP("2") ", \"vlans\": \"any\", " ANY_TO_ANY) ", " RULE("LIST",
			BOTH ", " TCP("3") ", \"vlans\": [5, \"10-20\", 4094], " ANY_TO_ANY)),
		{"in tcp 192.0.2.1:9 192.0.2.2:1", "pass NONE"},
		{"in tcp 192.0.2.1:9 192.0.2.2:1 @1", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:2", "pass ANY"},
		{"in tcp 192.0.2.1:9 192.0.2.2:2 @4094", "pass ANY"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3 @4", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3 @5", "pass LIST"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3 @9", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3 @10", "pass LIST"},
		{"in tcp [2001:db8::1]:9 [2001:db8::2]:3 @20", "pass LIST"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3 @21", "not_approved"},
		{"in tcp 192.0.2.1:9 192.0.2.2:3 @4094", "pass LIST"});
}

static void bursts_of_any_size_get_the_same_answers(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(TWO_BANS ", " APPROVED(RULE(
		"A", BOTH ", " TCP("\"1-500\"") ", " ANY_TO_ANY)) ", " EXCEPTIONS(EXCEPTION("E",
		"\"440-450\"", "\"overrides\": \"B1\", " ASK_FUTURE)));
	struct pps_class_key keys[PPS_FLOW_BURST_MAX];
	const struct pps_class_key *pointers[PPS_FLOW_BURST_MAX];
	uint32_t single[PPS_FLOW_BURST_MAX], burst[PPS_FLOW_BURST_MAX + 1];
	struct reference_packet packet;

	for (unsigned int i = 0; i < PPS_FLOW_BURST_MAX; i++) {
		ask_read(i % 3 == 0 ? "in tcp 192.0.2.1:9 192.0.2.2:1"
				    : "in tcp 203.0.113.1:9 192.0.2.2:1",
			&packet);
		packet.dst_port = (uint16_t)(i % 2 == 0 ? 443 : 437 + i);
		ask_key(&packet, &keys[i]);
		pointers[i] = &keys[i];
		pps_ruleset_classify(ruleset, PPS_INBOUND, 4, &pointers[i], 1, &single[i]);
	}
	for (unsigned int n = 0; n <= PPS_FLOW_BURST_MAX; n++) {
		memset(burst, 0xee, sizeof(burst));
		pps_ruleset_classify(ruleset, PPS_INBOUND, 4, pointers, n, burst);
		CU_ASSERT_EQUAL(memcmp(burst, single, n * sizeof(*burst)), 0);
		CU_ASSERT_EQUAL(burst[n], 0xeeeeeeee);
	}
	pps_ruleset_destroy(ruleset, NULL);
}

static void an_exception_ends_at_its_second(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(EXCEPTIONS(EXCEPTION("E", "443", ASK_FUTURE)));
	uint64_t end = 0;

	CU_ASSERT_EQUAL(pps_time_parse("2027-01-01T00:00:00Z", &end), 0);
	CU_ASSERT_EQUAL(ruleset->valid_until_ns, end);
	CU_ASSERT_EQUAL(pps_ruleset_judge(ruleset, 0, end - 1), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(pps_ruleset_judge(ruleset, 0, end), PPS_REASON_EXCEPTION_EXPIRED);
	pps_ruleset_destroy(ruleset, NULL);
}

static void bans_and_approvals_do_not_expire(void)
{
	struct pps_ruleset *ruleset = ask_ruleset(BANNED(WEB("B")) ", " APPROVED(WEB("A")));

	CU_ASSERT_EQUAL(pps_ruleset_judge(ruleset, 0, UINT64_MAX - 1), PPS_REASON_BANNED);
	CU_ASSERT_EQUAL(pps_ruleset_judge(ruleset, 1, UINT64_MAX - 1), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(pps_ruleset_judge(ruleset, PPS_RULE_NONE, 0), PPS_REASON_NOT_APPROVED);
	pps_ruleset_destroy(ruleset, NULL);
}

static const struct unit_test tests[] = {
	UNIT_TEST(an_empty_policy_approves_nothing),
	UNIT_TEST(an_approval_passes_its_traffic_and_nothing_else),
	UNIT_TEST(a_ban_beats_an_approval),
	UNIT_TEST(an_exception_without_overrides_does_not_beat_a_ban),
	UNIT_TEST(an_exception_beats_an_approval),
	UNIT_TEST(an_exception_lifts_the_ban_it_overrides),
	UNIT_TEST(an_exception_does_not_lift_a_ban_it_does_not_name),
	UNIT_TEST(a_later_exception_passes_what_the_first_cannot),
	UNIT_TEST(two_exceptions_do_not_add_up),
	UNIT_TEST(an_exception_lifts_all_bans_it_names),
	UNIT_TEST(an_overriding_exception_passes_where_no_ban_is),
	UNIT_TEST(the_first_ban_that_is_not_lifted_names_the_drop),
	UNIT_TEST(attached_bans_are_asked_by_every_dimension),
	UNIT_TEST(an_expired_exception_names_the_drop),
	UNIT_TEST(an_expired_exception_hides_no_other_rule),
	UNIT_TEST(an_expired_exception_lifts_no_ban),
	UNIT_TEST(an_expired_exception_does_not_stand_behind_another),
	UNIT_TEST(the_earlier_rule_decides),
	UNIT_TEST(the_earlier_rule_decides_even_where_the_later_is_narrower),
	UNIT_TEST(directions_are_apart),
	UNIT_TEST(any_address_is_both_families),
	UNIT_TEST(a_rule_has_the_families_of_its_addresses),
	UNIT_TEST(a_prefix_ends_where_its_length_says),
	UNIT_TEST(an_ipv6_prefix_ends_where_its_length_says),
	UNIT_TEST(a_port_range_includes_both_ends),
	UNIT_TEST(lists_of_ports_and_source_ports_combine),
	UNIT_TEST(several_services_make_one_rule),
	UNIT_TEST(any_protocol_is_every_protocol),
	UNIT_TEST(a_protocol_by_number_is_that_one),
	UNIT_TEST(icmp_is_matched_by_type_and_code),
	UNIT_TEST(icmp_without_a_type_is_all_types),
	UNIT_TEST(icmp_is_ipv4_and_icmpv6_is_ipv6),
	UNIT_TEST(an_icmp_type_is_no_port),
	UNIT_TEST(vlans_are_none_any_or_listed),
	UNIT_TEST(bursts_of_any_size_get_the_same_answers),
	UNIT_TEST(an_exception_ends_at_its_second),
	UNIT_TEST(bans_and_approvals_do_not_expire),
};

int main(void)
{
	unit_eal_init(128);
	return unit_run("ruleset", tests, UNIT_COUNT(tests));
}
