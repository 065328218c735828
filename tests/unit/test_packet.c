/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include <pps_packet_common.h>

#include "../fuzz/packet_invariants.h"
#include "frame.h"
#include "test_packet_tables.h"
#include "unit.h"

static const char *const reason_words[] = {
#define REASON_WORD(name, word, step, text) word,
	PPS_REASONS(REASON_WORD)
#undef REASON_WORD
};

/* The fields a table may speak of. Those in network order are told as people write them. */
struct field {
	const char *name;
	size_t offset;
	unsigned int size;
	bool network_order;
};

#define FIELD(member, order)                                               \
	{                                                                  \
#member, offsetof(struct pps_packet, member),              \
			sizeof(((struct pps_packet *)NULL)->member), order \
	}

static const struct field fields[] = {
	FIELD(src_port, true),
	FIELD(dst_port, true),
	FIELD(vlan, false),
	FIELD(inner_vlan, false),
	FIELD(family, false),
	FIELD(protocol, false),
	FIELD(kind, false),
	FIELD(tunnel, false),
	FIELD(tcp_flags, false),
	FIELD(icmp_type, false),
	FIELD(icmp_code, false),
	FIELD(chunk_type, false),
	FIELD(icmp_id, true),
	FIELD(fragment, false),
	FIELD(later_fragment, false),
	FIELD(length, false),
	FIELD(ethertype, false),
	FIELD(n_vlans, false),
	FIELD(hop_limit, false),
	FIELD(tcp_seq, false),
	FIELD(tcp_ack, false),
	FIELD(tcp_window, false),
	FIELD(tcp_scale, false),
	FIELD(l3_offset, false),
	FIELD(l4_offset, false),
	FIELD(payload_offset, false),
	FIELD(payload_len, false),
	FIELD(l4_len, false),
	FIELD(sctp_tag, false),
	FIELD(sctp_init_tag, false),
	FIELD(chunk_flags, false),
	FIELD(fragment_id, false),
	FIELD(fragment_offset, false),
	FIELD(fragment_len, false),
	FIELD(fragment_start, false),
	FIELD(more_fragments, false),
	FIELD(next_header, false),
};

static const struct {
	const char *word;
	uint32_t value;
} value_words[] = {
	{"other", PPS_PACKET_OTHER},
	{"arp", PPS_PACKET_ARP},
	{"ip", PPS_PACKET_IP},
	{"error", PPS_PACKET_ICMP_ERROR},
	{"nd", PPS_PACKET_ND},
	{"none", PPS_TUNNEL_NONE},
	{"readable", PPS_TUNNEL_READABLE},
	{"opaque", PPS_TUNNEL_OPAQUE},
};

static uint32_t value_of(const char *word)
{
	for (size_t i = 0; i < UNIT_COUNT(value_words); i++) {
		if (strcmp(value_words[i].word, word) == 0)
			return value_words[i].value;
	}
	return (uint32_t)strtoul(word, NULL, 0);
}

static bool get_field(const struct pps_packet *packet, const char *name, uint32_t *ret_value)
{
	for (size_t i = 0; i < UNIT_COUNT(fields); i++) {
		const uint8_t *at = (const uint8_t *)packet + fields[i].offset;
		uint16_t two;

		if (strcmp(fields[i].name, name) != 0)
			continue;
		memcpy(&two, at, sizeof(two));
		if (fields[i].size == 1)
			*ret_value = *at;
		else if (fields[i].size == 2)
			*ret_value = fields[i].network_order ? ntohs(two) : two;
		else
			memcpy(ret_value, at, sizeof(*ret_value));
		return true;
	}
	return false;
}

/* Compares with "name=value name=value"; says what differs. */
static bool fields_are(const struct pps_packet *packet, const char *expected)
{
	char *words = strdup(expected);
	char *rest = words;
	char *word;
	bool same = true;

	while ((word = strsep(&rest, " ")) != NULL) {
		char *value = strchr(word, '=');
		uint32_t got = 0;

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (!get_field(packet, word, &got) || got != value_of(value)) {
			printf("# %s is %u, not %s\n", word, got, value);
			same = false;
		}
	}
	free(words);
	return same;
}

/* Parses from memory of exactly the frame's size, so that a read behind it is seen. */
static enum pps_reason parse_exact(const uint8_t *frame, uint32_t len, struct pps_packet *packet)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum pps_reason reason;

	memcpy(copy, frame, len);
	memset(packet, 0xff, sizeof(*packet));
	reason = pps_packet_parse(copy, len, len, packet);
	free(copy);
	return reason;
}

static bool quote_exact(const uint8_t *frame, uint32_t len, const struct pps_packet *error,
	struct pps_packet *quoted)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	bool good;

	memcpy(copy, frame, len);
	good = pps_packet_parse_quote(copy, len, error, quoted);
	free(copy);
	return good;
}

static void check_cases(const struct packet_case *cases, size_t n)
{
	static uint8_t frame[FRAME_MAX];

	for (size_t i = 0; i < n; i++) {
		struct pps_packet packet;
		uint32_t len = frame_make(cases[i].frame, frame);
		enum pps_reason reason = parse_exact(frame, len, &packet);
		const char *broken = broken_packet(reason, &packet);
		bool good = reason == cases[i].reason && broken == NULL;

		if (cases[i].expected != NULL && !fields_are(&packet, cases[i].expected))
			good = false;
		if (!good)
			printf("# \"%s\" (%s): %s, not %s; %s\n", cases[i].sentence, cases[i].frame,
				reason_words[reason], reason_words[cases[i].reason],
				broken == NULL ? "" : broken);
		CU_ASSERT(good);
	}
}

static void the_link_header_is_judged(void)
{
	check_cases(link_cases, UNIT_COUNT(link_cases));
}

static void the_ipv4_header_is_judged(void)
{
	check_cases(ipv4_cases, UNIT_COUNT(ipv4_cases));
}

static void the_ipv6_headers_are_judged(void)
{
	check_cases(ipv6_cases, UNIT_COUNT(ipv6_cases));
}

static void the_transport_header_is_judged(void)
{
	check_cases(l4_cases, UNIT_COUNT(l4_cases));
}

static void icmp_is_told_apart(void)
{
	check_cases(icmp_cases, UNIT_COUNT(icmp_cases));
}

static void tunnels_are_told_apart(void)
{
	check_cases(tunnel_cases, UNIT_COUNT(tunnel_cases));
}

static void quotes_give_the_offending_tuple(void)
{
	static uint8_t frame[FRAME_MAX];

	for (size_t i = 0; i < UNIT_COUNT(quote_cases); i++) {
		const struct quote_case *row = &quote_cases[i];
		struct pps_packet error, quoted;
		uint32_t len = frame_make(row->frame, frame);
		enum pps_reason reason = parse_exact(frame, len, &error);
		bool good = reason == PPS_REASON_NONE && error.kind == PPS_PACKET_ICMP_ERROR;
		bool readable = quote_exact(frame, len, &error, &quoted);

		if (readable != (row->expected != NULL))
			good = false;
		if (readable &&
			(broken_quote(&error, &quoted) != NULL ||
				!fields_are(&quoted, row->expected)))
			good = false;
		if (!good)
			printf("# \"%s\" (%s): %s, %s\n", row->sentence, row->frame,
				reason_words[reason], readable ? "readable" : "unreadable");
		CU_ASSERT(good);
	}
}

static void every_tcp_flag_set_is_judged_as_conntrack_does(void)
{
	/* F S R A U by their letters in the header's order; PSH, ECE and CWR never matter */
	static const uint8_t valid[] = {0x02, 0x22, 0x12, 0x04, 0x14, 0x11, 0x31, 0x10, 0x30};
	static uint8_t frame[FRAME_MAX];
	uint32_t len = frame_make("ip4 tcp", frame);

	for (unsigned int flags = 0; flags < 256; flags++) {
		struct pps_packet packet;
		enum pps_reason expected = PPS_REASON_TCP_FLAGS;

		for (size_t i = 0; i < sizeof(valid); i++) {
			if ((flags & 0x37) == valid[i])
				expected = PPS_REASON_NONE;
		}
		frame[14 + 20 + 13] = (uint8_t)flags;
		CU_ASSERT_EQUAL(parse_exact(frame, len, &packet), expected);
		CU_ASSERT_EQUAL(packet.tcp_flags, flags & 0x3f);
	}
}

static void a_single_wrong_bit_in_the_ipv4_header_is_seen(void)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t len = frame_make("ip4 opts=01010100 tcp", frame);

	for (unsigned int bit = 0; bit < 24 * 8; bit++) {
		struct pps_packet packet;

		frame[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_NOT_EQUAL(parse_exact(frame, len, &packet), PPS_REASON_NONE);
		frame[14 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void addresses_are_copied_and_padded_with_zero(void)
{
	static uint8_t frame[FRAME_MAX];
	static const uint8_t v4[16] = {10, 1, 2, 3};
	uint8_t v6[16];
	struct pps_packet packet;
	uint32_t len = frame_make("ip4 src=10.1.2.3 dst=10.1.2.4 udp", frame);

	CU_ASSERT_EQUAL(parse_exact(frame, len, &packet), PPS_REASON_NONE);
	CU_ASSERT_EQUAL(memcmp(packet.src, v4, 16), 0);
	CU_ASSERT_EQUAL(packet.dst[3], 4);
	CU_ASSERT(is_all_zero(packet.dst + 4, 12));
	len = frame_make("ip6 src=2001:db8::5 dst=2001:db8:1:2:3:4:5:6 udp", frame);
	CU_ASSERT_EQUAL(parse_exact(frame, len, &packet), PPS_REASON_NONE);
	inet_pton(AF_INET6, "2001:db8::5", v6);
	CU_ASSERT_EQUAL(memcmp(packet.src, v6, 16), 0);
	inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", v6);
	CU_ASSERT_EQUAL(memcmp(packet.dst, v6, 16), 0);
}

static void the_verdict_does_not_depend_on_what_is_contiguous(void)
{
	/* 2048 bytes of destination options: the TCP header is behind what is ever read. */
	static const char *const frames[] = {"ip6 dst len=255 data=2040 tcp",
		"ip6 dst len=240 data=1920 tcp data=500", "ip4 udp data=9000", "ip6 udp data=9000"};
	static uint8_t frame[FRAME_MAX];

	for (size_t i = 0; i < UNIT_COUNT(frames); i++) {
		struct pps_packet whole, front;
		uint32_t len = frame_make(frames[i], frame);
		enum pps_reason reason = parse_exact(frame, len, &whole);
		uint8_t *head = malloc(PPS_PACKET_HEADER_MAX);

		memcpy(head, frame, PPS_PACKET_HEADER_MAX);
		CU_ASSERT_EQUAL(pps_packet_parse(head, PPS_PACKET_HEADER_MAX, len, &front), reason);
		CU_ASSERT_EQUAL(memcmp(&whole, &front, sizeof(whole)), 0);
		CU_ASSERT_EQUAL(reason, i == 0 ? PPS_REASON_IPV6_EXT_TRUNCATED : PPS_REASON_NONE);
		free(head);
	}
}

static void queries_and_replies_name_the_same_query(void)
{
	static const uint8_t pairs[][3] = {
		{4, 8, 0}, {4, 13, 14}, {4, 15, 16}, {4, 17, 18}, {6, 128, 129}, {6, 139, 140}};
	unsigned int n_queries = 0, n_replies = 0;
	uint8_t query;

	for (size_t i = 0; i < UNIT_COUNT(pairs); i++) {
		query = 255;
		CU_ASSERT(pps_icmp_is_query(pairs[i][0], pairs[i][1], &query));
		CU_ASSERT_EQUAL(query, pairs[i][1]);
		query = 255;
		CU_ASSERT(pps_icmp_is_reply(pairs[i][0], pairs[i][2], &query));
		CU_ASSERT_EQUAL(query, pairs[i][1]);
	}
	for (unsigned int type = 0; type < 256; type++) {
		n_queries += pps_icmp_is_query(4, (uint8_t)type, &query);
		n_queries += pps_icmp_is_query(6, (uint8_t)type, &query);
		n_replies += pps_icmp_is_reply(4, (uint8_t)type, &query);
		n_replies += pps_icmp_is_reply(6, (uint8_t)type, &query);
	}
	CU_ASSERT_EQUAL(n_queries, 8);
	CU_ASSERT_EQUAL(n_replies, 8);
}

static bool cuts_are_sound(const uint8_t *frame, uint32_t len)
{
	for (uint32_t cut = 0; cut <= len; cut++) {
		struct pps_packet packet, quoted;
		enum pps_reason reason = parse_exact(frame, cut, &packet);
		const char *broken = broken_packet(reason, &packet);

		if (broken == NULL && packet.kind == PPS_PACKET_ICMP_ERROR &&
			quote_exact(frame, cut, &packet, &quoted))
			broken = broken_quote(&packet, &quoted);
		if (broken != NULL) {
			printf("# not so at length %u: %s\n", cut, broken);
			return false;
		}
	}
	return true;
}

/* Returns the number of frames read. */
static unsigned int check_capture(const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(path, why);
	struct pcap_pkthdr *header;
	const u_char *frame;
	unsigned int n = 0;

	if (capture == NULL)
		return 0;
	while (pcap_next_ex(capture, &header, &frame) == 1) {
		if (!cuts_are_sound(frame, header->caplen)) {
			printf("# %s, frame %u\n", path, n + 1);
			CU_FAIL("an invariant is broken");
		}
		n++;
	}
	pcap_close(capture);
	return n;
}

static void captures_cut_at_every_length_are_parsed_soundly(void)
{
	const char *named = getenv("PPSFW_CORPUS");
	const char *corpus = named != NULL ? named : getenv("PPSFW_CORPUS_DEFAULT");
	static const char *const folders[] = {"apps", "hostile"};
	unsigned int n_frames = 0;

	for (size_t i = 0; corpus != NULL && i < UNIT_COUNT(folders); i++) {
		char path[4096];
		struct dirent *entry;
		DIR *folder;

		snprintf(path, sizeof(path), "%s/%s", corpus, folders[i]);
		folder = opendir(path);
		while (folder != NULL && (entry = readdir(folder)) != NULL) {
			snprintf(path, sizeof(path), "%s/%s/%s", corpus, folders[i], entry->d_name);
			n_frames += check_capture(path);
		}
		if (folder != NULL)
			closedir(folder);
	}
	if (n_frames == 0)
		unit_skip("no captures: PPSFW_CORPUS names none");
	else
		printf("# %u frames\n", n_frames);
}

/*
 * Frames of the common kind and others close to them, some bytes changed and some cut off: what is
 * parsed in line is what the parser says, and what must be common is.
 */
static void the_short_way_of_a_common_frame_writes_what_the_parser_writes(void)
{
	static const char *const common[] = {"ip4 tcp data=6", "ip4 tcp flags=S wscale=7",
		"ip4 tcp flags=SA opts=0101030802040504", "ip4 tcp flags=FA", "ip4 tcp flags=R",
		"ip4 udp dport=53 data=40", "ip4 udp dport=4789 data=40", "ip4 tcp data=1460",
		"ip6 tcp data=6", "ip6 tcp flags=S wscale=14", "ip6 udp sport=4500 data=9",
		"ip4 tcp data=2 pad=8",
		/* The checksum's second carry. */
		"ip4 id=39835 src=100.100.255.255 dst=10.9.9.250 tcp data=6",
		"ip4 id=39835 src=100.100.255.255 dst=10.9.9.250 tcp data=700"};
	static const char *const others[] = {"ip4 opts=01010101 tcp data=6", "vlan id=5 ip4 tcp",
		"ip4 icmp type=8", "ip4 mf=1 tcp data=8", "ip6 hbh tcp", "ip4 tcp flags=SF",
		"ip4 sctp", "arp", "ip4 tcp sport=0", "ip4 udp dport=0", "ip4 ttl=0 tcp",
		"ip4 src=127.0.0.1 tcp", "ip4 src=224.0.0.1 tcp", "ip4 dst=0.0.0.1 udp"};
	static uint8_t frame[FRAME_MAX];
	unsigned int n_common = 0, failed = 0;

	srand48(7);
	for (unsigned int round = 0; round < 60000; round++) {
		bool other = round % 4 == 0;
		const char *text = other ? others[round / 4 % UNIT_COUNT(others)]
					 : common[round % UNIT_COUNT(common)];
		uint32_t len = frame_make(text, frame), head_len = len;
		unsigned int changes = (unsigned int)lrand48() % 3;
		struct pps_packet by_short, by_parser;
		enum pps_reason reason;
		bool short_way;

		for (unsigned int i = 0; i < changes; i++)
			frame[(uint32_t)lrand48() % (len < 80 ? len : 80)] = (uint8_t)lrand48();
		if (lrand48() % 8 == 0)
			head_len = (uint32_t)lrand48() % (len + 1);
		if (lrand48() % 8 == 0)
			len = head_len;
		memset(&by_short, 0x55, sizeof(by_short));
		short_way = pps_packet_parse_common(frame, head_len, len, &by_short);
		reason = pps_packet_parse(frame, head_len, len, &by_parser);
		n_common += short_way;
		failed += short_way &&
			(reason != PPS_REASON_NONE || by_parser.kind != PPS_PACKET_IP ||
				memcmp(&by_short, &by_parser, sizeof(by_short)) != 0);
		failed += !short_way && !other && changes == 0 && head_len == len &&
			reason == PPS_REASON_NONE;
	}
	CU_ASSERT_EQUAL(failed, 0);
	CU_ASSERT_TRUE(n_common > 20000);
}

static const struct unit_test tests[] = {
	UNIT_TEST(the_link_header_is_judged),
	UNIT_TEST(the_ipv4_header_is_judged),
	UNIT_TEST(the_ipv6_headers_are_judged),
	UNIT_TEST(the_transport_header_is_judged),
	UNIT_TEST(icmp_is_told_apart),
	UNIT_TEST(tunnels_are_told_apart),
	UNIT_TEST(quotes_give_the_offending_tuple),
	UNIT_TEST(every_tcp_flag_set_is_judged_as_conntrack_does),
	UNIT_TEST(a_single_wrong_bit_in_the_ipv4_header_is_seen),
	UNIT_TEST(addresses_are_copied_and_padded_with_zero),
	UNIT_TEST(the_verdict_does_not_depend_on_what_is_contiguous),
	UNIT_TEST(queries_and_replies_name_the_same_query),
	UNIT_TEST(captures_cut_at_every_length_are_parsed_soundly),
	UNIT_TEST(the_short_way_of_a_common_frame_writes_what_the_parser_writes),
};

int main(void)
{
	return unit_run("packet", tests, UNIT_COUNT(tests));
}
