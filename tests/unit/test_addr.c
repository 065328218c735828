/* SPDX-License-Identifier: BSD-3-Clause */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pps_addr.h>

static void addresses_print_in_their_one_right_form(void)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"198.51.100.10", "198.51.100.10"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{"2001:0db8::0001", "2001:db8::1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
		{"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"::ffff:c000:201", "::ffff:192.0.2.1"},
		{"::192.0.2.1", "::c000:201"},
		{"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		char text[PPS_ADDR_TEXT_MAX];
		struct pps_addr addr;

		CU_ASSERT_EQUAL_FATAL(pps_addr_parse(cases[i].text, &addr, NULL), 0);
		CU_ASSERT_STRING_EQUAL(pps_addr_format(&addr, text), cases[i].printed);
	}
}

static void random_addresses_survive_text(void)
{
	unsigned int seed = 1;

	for (int i = 0; i < 20000; i++) {
		struct pps_addr addr, back;
		uint8_t bytes[16], parsed[16];
		char text[PPS_ADDR_TEXT_MAX];

		for (int j = 0; j < 16; j++)
			bytes[j] = rand_r(&seed) % 3 == 0 ? (uint8_t)rand_r(&seed) : 0;
		addr = pps_addr_make(i % 2 == 0 ? 4 : 6, bytes);
		pps_addr_format(&addr, text);
		CU_ASSERT_EQUAL_FATAL(pps_addr_parse(text, &back, NULL), 0);
		CU_ASSERT(pps_addr_equal(&addr, &back));
		/* Somebody else's parser agrees with our text. */
		CU_ASSERT_EQUAL(inet_pton(addr.family == 4 ? AF_INET : AF_INET6, text, parsed), 1);
		CU_ASSERT_EQUAL(memcmp(parsed, addr.bytes, addr.family == 4 ? 4 : 16), 0);
	}
}

static void other_texts_are_not_addresses(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "is empty"},
		{"010.0.0.1", "has a number with a leading zero"},
		{"10.0.0.00", "has a number with a leading zero"},
		{"1.2.3", "is not an IPv4 or IPv6 address"},
		{"1.2.3.4.5", "is not an IPv4 or IPv6 address"},
		{"1.2.3.", "is not an IPv4 or IPv6 address"},
		{".1.2.3", "is not an IPv4 or IPv6 address"},
		{"1..2.3", "is not an IPv4 or IPv6 address"},
		{"256.0.0.1", "is not an IPv4 or IPv6 address"},
		{"1.2.3.99999999999999999999", "is not an IPv4 or IPv6 address"},
		{"-1.2.3.4", "is not an IPv4 or IPv6 address"},
		{"0x7f.0.0.1", "is not an IPv4 or IPv6 address"},
		{"2130706433", "is not an IPv4 or IPv6 address"},
		{"web_servers", "is not an IPv4 or IPv6 address"},
		{" 1.2.3.4", "contains white space"},
		{"1.2.3.4\n", "contains white space"},
		{"1.2.3.4/32", "is not a single address"},
		{"fe80::1%eth0", "has a zone id, which means nothing on a wire"},
		{":", "is not an IPv4 or IPv6 address"},
		{":::", "is not an IPv4 or IPv6 address"},
		{"1::2::3", "is not an IPv4 or IPv6 address"},
		{"1:2:3:4:5:6:7", "is not an IPv4 or IPv6 address"},
		{"1:2:3:4:5:6:7:8:9", "is not an IPv4 or IPv6 address"},
		{"1:2:3:4:5:6:7:8::", "is not an IPv4 or IPv6 address"},
		{"12345::", "is not an IPv4 or IPv6 address"},
		{"::ffff:010.0.0.1", "is not an IPv4 or IPv6 address"},
		{"[::1]", "is not an IPv4 or IPv6 address"},
		{"1.2.3.4:80", "is not an IPv4 or IPv6 address"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_addr addr = {.family = 99};
		const char *why = "";

		CU_ASSERT_EQUAL(pps_addr_parse(cases[i].text, &addr, &why), -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, cases[i].why);
		CU_ASSERT_EQUAL(addr.family, 99);
	}
}

static void prefixes_print_as_written(void)
{
	static const struct {
		const char *text, *printed;
		uint8_t len;
	} cases[] = {
		{"0.0.0.0/0", "0.0.0.0/0", 0},
		{"10.0.0.0/8", "10.0.0.0/8", 8},
		{"198.51.100.64/28", "198.51.100.64/28", 28},
		{"192.0.2.1", "192.0.2.1", 32},
		{"192.0.2.1/32", "192.0.2.1", 32},
		{"::/0", "::/0", 0},
		{"2001:db8:1::/64", "2001:db8:1::/64", 64},
		{"2001:db8::/29", "2001:db8::/29", 29},
		{"2001:db8::1/128", "2001:db8::1", 128},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		char text[PPS_ADDR_TEXT_MAX];
		struct pps_prefix prefix;

		CU_ASSERT_EQUAL_FATAL(pps_prefix_parse(cases[i].text, &prefix, NULL), 0);
		CU_ASSERT_EQUAL(prefix.len, cases[i].len);
		CU_ASSERT_STRING_EQUAL(pps_prefix_format(&prefix, text), cases[i].printed);
	}
}

static void other_texts_are_not_prefixes(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"10.0.0.5/24",
			"has host bits set: write 10.0.0.0/24 for the network, 10.0.0.5 for the "
			"host"},
		{"2001:db8::1/32",
			"has host bits set: write 2001:db8::/32 for the network, 2001:db8::1 for "
			"the "
			"host"},
		{"10.0.0.1/0",
			"has host bits set: write 0.0.0.0/0 for the network, 10.0.0.1 for the "
			"host"},
		{"1.2.3.4/", "has no prefix length after the \"/\""},
		{"1.2.3.4/33", "has a prefix length that is not a number from 0 to 32"},
		{"1.2.3.4/032", "has a prefix length that is not a number from 0 to 32"},
		{"1.2.3.4/-1", "has a prefix length that is not a number from 0 to 32"},
		{"1.2.3.0/24/8", "has a prefix length that is not a number from 0 to 32"},
		{"1.2.3.0/255.255.255.0", "has a prefix length that is not a number from 0 to 32"},
		{"::/129", "has a prefix length that is not a number from 0 to 128"},
		{"::/x", "has a prefix length that is not a number from 0 to 128"},
		{"10/8", "is not an IPv4 or IPv6 address"},
		{"/8", "is empty"},
		{"", "is empty"},
		{"10.0.0.0 /8", "contains white space"},
		{"10.0.0.0/8 ", "contains white space"},
		{"any", "is not an IPv4 or IPv6 address"},
		{"0000000000000000000000000000000000000000000000000000000000000000000000000001::/8",
			"is not an IPv4 or IPv6 address"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_prefix prefix = {.len = 99};
		const char *why = "";

		CU_ASSERT_EQUAL(pps_prefix_parse(cases[i].text, &prefix, &why), -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, cases[i].why);
		CU_ASSERT_EQUAL(prefix.len, 99);
	}
}

static bool covers(const char *outer_text, const char *inner_text)
{
	struct pps_prefix outer, inner;

	CU_ASSERT_EQUAL_FATAL(pps_prefix_parse(outer_text, &outer, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(pps_prefix_parse(inner_text, &inner, NULL), 0);
	if (inner.len == 32 || inner.len == 128)
		CU_ASSERT_EQUAL(pps_prefix_contains(&outer, &inner.addr),
			pps_prefix_covers(&outer, &inner));
	return pps_prefix_covers(&outer, &inner);
}

static void prefix_covers_what_lies_inside_and_no_other_family(void)
{
	CU_ASSERT(covers("0.0.0.0/0", "255.255.255.255"));
	CU_ASSERT(covers("10.0.0.0/8", "10.255.255.255"));
	CU_ASSERT(covers("10.0.0.0/8", "10.0.0.0/8"));
	CU_ASSERT(covers("10.0.0.0/8", "10.1.0.0/16"));
	CU_ASSERT(covers("10.0.0.0/9", "10.127.255.255"));
	CU_ASSERT_FALSE(covers("10.0.0.0/9", "10.128.0.0"));
	CU_ASSERT_FALSE(covers("10.0.0.0/16", "10.0.0.0/8"));
	CU_ASSERT_FALSE(covers("10.0.0.0/8", "11.0.0.0"));
	CU_ASSERT(covers("2001:db8::/29", "2001:dbf:ffff::/48"));
	CU_ASSERT_FALSE(covers("2001:db8::/29", "2001:dc0::/48"));
	CU_ASSERT(covers("::/0", "ffff::1"));
	CU_ASSERT_FALSE(covers("::/0", "1.2.3.4"));
	CU_ASSERT_FALSE(covers("0.0.0.0/0", "::"));
	CU_ASSERT_FALSE(covers("192.0.2.1", "192.0.2.0"));
}

static void folded_prefixes_are_sorted_and_none_covers_another(void)
{
	static const char *const texts[] = {"2001:db8::/32", "10.1.0.0/16", "0.0.0.0/8",
		"10.0.0.0/8", "2001:db8:1::/48", "10.0.0.0/8", "10.255.0.0/16", "9.0.0.0/8",
		"2001:db7::/32"};
	static const char *const folded[] = {
		"0.0.0.0/8", "9.0.0.0/8", "10.0.0.0/8", "2001:db7::/32", "2001:db8::/32"};
	struct pps_prefix items[UNIT_COUNT(texts)];

	for (size_t i = 0; i < UNIT_COUNT(texts); i++)
		CU_ASSERT_EQUAL_FATAL(pps_prefix_parse(texts[i], &items[i], NULL), 0);
	CU_ASSERT_EQUAL_FATAL(pps_prefixes_fold(items, UNIT_COUNT(texts)), UNIT_COUNT(folded));
	for (size_t i = 0; i < UNIT_COUNT(folded); i++) {
		char text[PPS_ADDR_TEXT_MAX];

		CU_ASSERT_STRING_EQUAL(pps_prefix_format(&items[i], text), folded[i]);
	}
	CU_ASSERT_EQUAL(pps_prefixes_fold(items, 0), 0);
}

static void mask_clears_every_bit_behind_the_length(void)
{
	static const uint8_t ones[16] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

	for (unsigned int len = 0; len <= 128; len++) {
		struct pps_addr addr = pps_addr_make(6, ones);
		unsigned int n_bits = 0;

		pps_addr_mask(&addr, (uint8_t)len);
		for (unsigned int bit = 0; bit < 128; bit++) {
			bool is_set = (addr.bytes[bit / 8] >> (7 - bit % 8)) & 1;

			CU_ASSERT_EQUAL(is_set, bit < len);
			n_bits += is_set;
		}
		CU_ASSERT_EQUAL(n_bits, len);
	}
}

static void ranges_are_read_and_printed(void)
{
	static const struct {
		const char *text, *printed;
		uint16_t lo, hi;
	} cases[] = {
		{"0", "0", 0, 0},
		{"443", "443", 443, 443},
		{"443-443", "443", 443, 443},
		{"1024-65535", "1024-65535", 1024, 65535},
		{"0-65535", "0-65535", 0, 65535},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		char text[PPS_ADDR_TEXT_MAX];
		struct pps_range range;

		CU_ASSERT_EQUAL_FATAL(pps_range_parse(cases[i].text, 65535, &range, NULL), 0);
		CU_ASSERT_EQUAL(range.lo, cases[i].lo);
		CU_ASSERT_EQUAL(range.hi, cases[i].hi);
		CU_ASSERT_STRING_EQUAL(pps_range_format(&range, text), cases[i].printed);
	}
}

static void other_texts_are_not_ranges(void)
{
	static const struct {
		const char *text;
		uint16_t max;
		const char *why;
	} cases[] = {
		{"", 65535, "is not a port (0-65535)"},
		{"70000", 65535, "is not a port (0-65535)"},
		{"65536", 65535, "is not a port (0-65535)"},
		{"4294967739", 65535, "is not a port (0-65535)"},
		{"99999999999999999999999999", 65535, "is not a port (0-65535)"},
		{"https", 65535, "is not a port (0-65535)"},
		{"-80", 65535, "is not a port (0-65535)"},
		{"+80", 65535, "is not a port (0-65535)"},
		{"80 ", 65535, "is not a port (0-65535)"},
		{"80 - 90", 65535, "is not a port (0-65535)"},
		{"80-90-100", 65535, "is not a port (0-65535)"},
		{"80,90", 65535, "is not a port (0-65535)"},
		{"80-70000", 65535, "is not a port (0-65535)"},
		{"80--90", 65535, "is not a port (0-65535)"},
		{"80-", 65535, "is a range without an end"},
		{"90-80", 65535, "is a range that runs backwards"},
		{"0443", 65535, "has a number with a leading zero"},
		{"80-090", 65535, "has a number with a leading zero"},
		{"4095", 4094, "is not a number from 0 to 4094"},
		{"1-4095", 4094, "is not a number from 0 to 4094"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_range range = {7, 7};
		const char *why = "";

		CU_ASSERT_EQUAL(
			pps_range_parse(cases[i].text, cases[i].max, &range, &why), -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, cases[i].why);
		CU_ASSERT_EQUAL(range.lo, 7);
	}
}

static void endpoints_are_read_with_and_without_a_port(void)
{
	static const struct {
		const char *text, *printed;
		bool has_port;
	} cases[] = {
		{"203.0.113.9:40000", "203.0.113.9:40000", true},
		{"203.0.113.9:0", "203.0.113.9:0", true},
		{"203.0.113.9", "203.0.113.9:0", false},
		{"[2001:db8::1]:443", "[2001:db8::1]:443", true},
		{"2001:db8::1", "[2001:db8::1]:0", false},
		{"2001:db8::1:443", "[2001:db8::1:443]:0", false},
		{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", true},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		char text[PPS_ENDPOINT_TEXT_MAX];
		struct pps_addr addr;
		uint16_t port;
		bool has_port;

		CU_ASSERT_EQUAL_FATAL(
			pps_endpoint_parse(cases[i].text, &addr, &port, &has_port, NULL), 0);
		CU_ASSERT_EQUAL(has_port, cases[i].has_port);
		CU_ASSERT_STRING_EQUAL(pps_endpoint_format(&addr, port, text), cases[i].printed);
	}
}

static void other_texts_are_not_endpoints(void)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "is empty"},
		{":80", "is empty"},
		{"1.2.3.4:", "has no port (0-65535) after the last \":\""},
		{"1.2.3.4:x", "has no port (0-65535) after the last \":\""},
		{"1.2.3.4:65536", "has no port (0-65535) after the last \":\""},
		{"1.2.3.4:80-90", "has a range where one port is expected"},
		{"1.2.3.4 :80", "contains white space"},
		{"[2001:db8::1]", "is not \"[address]:port\""},
		{"[2001:db8::1]443", "is not \"[address]:port\""},
		{"[2001:db8::1", "is not \"[address]:port\""},
		{"[2001:db8::1]:", "has no port (0-65535) after the last \":\""},
		{"[1.2.3.4]:80", "has brackets around an IPv4 address"},
		{"[[::1]]:80", "is not \"[address]:port\""},
		{"host:80", "is not an IPv4 or IPv6 address"},
		{"2001:db8::10000", "is not an IPv4 or IPv6 address"},
	};

	for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
		struct pps_addr addr = {.family = 99};
		uint16_t port = 7;
		bool has_port = true;
		const char *why = "";

		CU_ASSERT_EQUAL(
			pps_endpoint_parse(cases[i].text, &addr, &port, &has_port, &why), -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, cases[i].why);
		CU_ASSERT_EQUAL(addr.family, 99);
		CU_ASSERT_EQUAL(port, 7);
	}
}

static void addresses_differ_by_family_and_ignore_bytes_behind_four(void)
{
	static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct pps_addr v4 = pps_addr_make(4, bytes), v6 = pps_addr_make(6, bytes);
	struct pps_addr none = {0};
	char text[PPS_ADDR_TEXT_MAX];

	CU_ASSERT_FALSE(pps_addr_equal(&v4, &v6));
	CU_ASSERT_EQUAL(v4.bytes[4], 0);
	CU_ASSERT_STRING_EQUAL(pps_addr_format(&none, text), "none");
}

static void mac_addresses_are_read_in_either_case_and_printed_in_lower(void)
{
	static const uint8_t expected[] = {0x02, 0x00, 0xab, 0xcd, 0xef, 0x0a};
	struct pps_mac mac;
	char text[PPS_MAC_TEXT_MAX];

	CU_ASSERT_EQUAL(pps_mac_parse("02:00:aB:cD:EF:0a", &mac, NULL), 0);
	CU_ASSERT_EQUAL(memcmp(mac.bytes, expected, sizeof(expected)), 0);
	CU_ASSERT_STRING_EQUAL(pps_mac_format(&mac, text), "02:00:ab:cd:ef:0a");
}

static void other_texts_are_not_mac_addresses(void)
{
	static const char *const texts[] = {"", "0", "02", "02:", "02:00:00:00:00",
		"02:00:00:00:00:", "02:00:00:00:00:0", "02:00:00:00:00:0a:", "02:00:00:00:00:0a:00",
		"02-00-00-00-00-0a", "020000000000a", "0g:00:00:00:00:0a", "2:0:0:0:0:a",
		" 02:00:00:00:00:0a", "02:00:00:00:00:0a ", "198.51.100.10"};
	struct pps_mac mac = {.bytes = {7}};
	const char *why;

	for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
		CU_ASSERT_EQUAL(pps_mac_parse(texts[i], &mac, &why), -EINVAL);
		CU_ASSERT_STRING_EQUAL(why, "is not a MAC address (02:00:00:00:00:0a)");
		CU_ASSERT_EQUAL(mac.bytes[0], 7);
	}
}

static const struct unit_test tests[] = {
	UNIT_TEST(addresses_print_in_their_one_right_form),
	UNIT_TEST(random_addresses_survive_text),
	UNIT_TEST(other_texts_are_not_addresses),
	UNIT_TEST(prefixes_print_as_written),
	UNIT_TEST(other_texts_are_not_prefixes),
	UNIT_TEST(prefix_covers_what_lies_inside_and_no_other_family),
	UNIT_TEST(folded_prefixes_are_sorted_and_none_covers_another),
	UNIT_TEST(mask_clears_every_bit_behind_the_length),
	UNIT_TEST(ranges_are_read_and_printed),
	UNIT_TEST(other_texts_are_not_ranges),
	UNIT_TEST(endpoints_are_read_with_and_without_a_port),
	UNIT_TEST(other_texts_are_not_endpoints),
	UNIT_TEST(addresses_differ_by_family_and_ignore_bytes_behind_four),
	UNIT_TEST(mac_addresses_are_read_in_either_case_and_printed_in_lower),
	UNIT_TEST(other_texts_are_not_mac_addresses),
};

int main(void)
{
	return unit_run("addr", tests, UNIT_COUNT(tests));
}
