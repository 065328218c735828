/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic.h"

#include <string.h>

#include <rte_byteorder.h>

#define ETHER_LEN     14
#define TCP_LEN       20
#define TCP_SYN_LEN   28 /* with MSS and window scale */
#define UDP_LEN       8
#define FRAME_MIN     60
#define PAYLOAD_MIN   6
#define DENIED_PORT   9
#define SIZES         12
#define CLIENT_PORT   32768 /* and above: no tunnel is told by such a port */
#define STREAM_BEHIND 128 /* frames by which one stream may be behind the other, at most */

/* Frame lengths of the mix; 0: the shortest. */
static const uint16_t imix_lengths[SIZES] = {0, 590, 0, 0, 590, 0, 1514, 0, 590, 0, 590, 0};

static uint32_t scramble(uint32_t value)
{
	value ^= value >> 16;
	value *= 0x7feb352du;
	value ^= value >> 15;
	value *= 0x846ca68bu;
	return value ^ value >> 16;
}

/* A permutation of the numbers of 'bits' bits. */
static uint32_t permute(uint32_t value, unsigned int bits, uint32_t key)
{
	uint32_t mask = bits == 32 ? UINT32_MAX : (1u << bits) - 1;
	unsigned int shift = bits / 2 + 1;

	for (unsigned int i = 0; i < 3; i++) {
		value = (value + scramble(key + i)) & mask;
		value = (value * (scramble(key ^ i << 8) | 1)) & mask;
		value ^= value >> shift;
	}
	return value;
}

uint32_t traffic_flow(const struct traffic *traffic, enum pps_side side, uint64_t visit)
{
	uint32_t key = (uint32_t)(visit / traffic->flows) * 2 + side;
	uint32_t flow = (uint32_t)(visit % traffic->flows);
	unsigned int bits = 0;

	while (bits < 32 && (uint64_t)1 << bits < traffic->flows)
		bits++;
	if (bits == 0)
		return 0;
	do {
		flow = permute(flow, bits, key);
	} while (flow >= traffic->flows);
	return flow;
}

/* ---- tuples ---- */

struct tuple {
	uint8_t client[16], server[16];
	uint16_t client_port, server_port; /* host order */
};

static uint16_t rule_port(uint32_t rule)
{
	static const uint16_t ports[] = {443, 80, 22, 53, 8443, 25, 5060, 3000};

	return ports[rule % 8];
}

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Four flows of one client in a row have different ports; other clients other addresses. */
static void make_tuple(const struct traffic *traffic, uint32_t flow, struct tuple *ret)
{
	uint32_t rule = flow % traffic->rules;
	uint32_t host = permute(flow >> 2 & 0xffffff, 24, 7);

	memset(ret, 0, sizeof(*ret));
	ret->client_port = (uint16_t)(CLIENT_PORT + scramble(flow >> 2) % 8000 * 4 + (flow & 3));
	ret->server_port = (uint16_t)(rule_port(rule) + (rule % 8 == 7 ? scramble(flow) % 100 : 0));
	if (traffic->family == 4) {
		put32(ret->client, 0x40000000 | (rule & 15) << 24 | host);
		put32(ret->server, 0x0a000001 + rule);
		return;
	}
	put32(ret->client, 0x20010db8);
	put32(ret->client + 4, (rule & 15) << 24 | host);
	put32(ret->client + 8, scramble(flow >> 2));
	put32(ret->client + 12, scramble(flow >> 2 ^ 0x5555));
	put32(ret->server, 0xfd000000);
	put32(ret->server + 12, rule + 1);
}

void traffic_policy(const struct traffic *traffic, struct pps_str *out)
{
	pps_str_add(out, "{\"policy\": \"bench\", \"revision\": 1, \"approved\": [");
	for (uint32_t rule = 0; rule < traffic->rules; rule++) {
		uint32_t server = 0x0a000001 + rule;

		pps_str_addf(out,
			"%s\n{\"id\": \"R%u\", \"direction\": \"inbound\", \"protocol\": \"%s\", ",
			rule == 0 ? "" : ",", rule, traffic->tcp ? "tcp" : "udp");
		if (rule % 8 == 7)
			pps_str_addf(out, "\"ports\": \"%u-%u\", ", rule_port(rule),
				rule_port(rule) + 99u);
		else
			pps_str_addf(out, "\"ports\": %u, ", rule_port(rule));
		if (rule % 3 == 0)
			pps_str_add(out, "\"source\": \"any\", ");
		else if (traffic->family == 4)
			pps_str_addf(out, "\"source\": \"%u.0.0.0/8\", ", 64 + (rule & 15));
		else
			pps_str_addf(out, "\"source\": \"2001:db8:%x00::/40\", ", rule & 15);
		if (traffic->family == 4)
			pps_str_addf(out, "\"destination\": \"%u.%u.%u.%u\"}", server >> 24,
				server >> 16 & 255, server >> 8 & 255, server & 255);
		else
			pps_str_addf(out, "\"destination\": \"fd00::%x:%x\"}", (rule + 1) >> 16,
				(rule + 1) & 0xffff);
	}
	pps_str_add(out, "]}\n");
}

void traffic_key(const struct traffic *traffic, enum traffic_kind kind, uint32_t flow,
	struct pps_flow_key *ret_key)
{
	struct pps_packet packet = {
		.family = traffic->family,
		.protocol = traffic->tcp ? PPS_IP_TCP : PPS_IP_UDP,
	};
	struct tuple tuple;

	make_tuple(traffic, flow, &tuple);
	if (kind == TRAFFIC_DENIED)
		tuple.server_port = DENIED_PORT;
	memcpy(packet.src, tuple.client, sizeof(packet.src));
	memcpy(packet.dst, tuple.server, sizeof(packet.dst));
	packet.src_port = rte_cpu_to_be_16(tuple.client_port);
	packet.dst_port = rte_cpu_to_be_16(tuple.server_port);
	pps_flow_key_make(&packet, 0, PPS_SIDE_OUTSIDE, ret_key);
}

/* ---- frames ---- */

/* The payload of a data frame of this flow in this round. */
static uint32_t payload_len(const struct traffic *traffic, uint32_t flow, uint64_t round)
{
	uint32_t headers =
		ETHER_LEN + (traffic->family == 4 ? 20 : 40) + (traffic->tcp ? TCP_LEN : UDP_LEN);
	uint32_t len = FRAME_MIN;

	if (traffic->imix)
		len = imix_lengths[(scramble(flow) + round) % SIZES];
	if (len < FRAME_MIN)
		len = FRAME_MIN;
	return len > headers + PAYLOAD_MIN ? len - headers : PAYLOAD_MIN;
}

/* Bytes of payload sent before 'round'. */
static uint32_t bytes_before(const struct traffic *traffic, uint32_t flow, uint64_t round)
{
	uint32_t cycle = 0, ret;

	if (!traffic->imix)
		return (uint32_t)round * payload_len(traffic, flow, 0);
	for (unsigned int i = 0; i < SIZES; i++)
		cycle += payload_len(traffic, flow, i);
	ret = (uint32_t)(round / SIZES) * cycle;
	for (unsigned int i = 0; i < round % SIZES; i++)
		ret += payload_len(traffic, flow, i);
	return ret;
}

static uint32_t sum_words(const uint8_t *bytes, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static uint32_t put_tcp(const struct traffic *traffic, enum traffic_kind kind, enum pps_side side,
	uint32_t flow, uint64_t round, uint8_t *l4)
{
	uint64_t behind = 2 + STREAM_BEHIND / traffic->flows;
	uint32_t isn = scramble(flow * 2 + side), peer_isn = scramble(flow * 2 + !side);
	bool syn = kind != TRAFFIC_DATA && kind != TRAFFIC_ACK;
	uint32_t len = syn ? TCP_SYN_LEN : TCP_LEN;

	memset(l4, 0, len);
	put32(l4 + 4, isn + (syn ? 0 : 1));
	put32(l4 + 8, kind == TRAFFIC_SYN || kind == TRAFFIC_DENIED ? 0 : peer_isn + 1);
	l4[12] = (uint8_t)(len / 4 << 4);
	l4[13] = kind == TRAFFIC_SYN_ACK ? PPS_TCP_SYN | PPS_TCP_ACK
		: syn                    ? PPS_TCP_SYN
					 : PPS_TCP_ACK;
	put16(l4 + 14, 65535);
	if (syn)
		memcpy(l4 + 20, "\x02\x04\x05\xb4\x01\x03\x03\x07", 8); /* MSS 1460, scale 7 */
	if (kind == TRAFFIC_DATA) {
		put32(l4 + 4, isn + 1 + bytes_before(traffic, flow, round));
		put32(l4 + 8,
			peer_isn + 1 +
				bytes_before(traffic, flow, round > behind ? round - behind : 0));
	}
	return len;
}

/* Writes the IP header in front of 'l4_len' bytes; returns the sum of the pseudo header. */
static uint32_t put_ip(const struct traffic *traffic, const struct tuple *tuple, enum pps_side side,
	uint32_t l4_len, uint8_t *ip)
{
	const uint8_t *src = side == PPS_SIDE_OUTSIDE ? tuple->client : tuple->server;
	const uint8_t *dst = side == PPS_SIDE_OUTSIDE ? tuple->server : tuple->client;
	uint8_t protocol = traffic->tcp ? PPS_IP_TCP : PPS_IP_UDP;

	if (traffic->family == 4) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		put16(ip + 2, 20 + l4_len);
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = protocol;
		memcpy(ip + 12, src, 4);
		memcpy(ip + 16, dst, 4);
		put16(ip + 10, fold(sum_words(ip, 20)));
		return sum_words(ip + 12, 8) + protocol + l4_len;
	}
	memset(ip, 0, 8);
	ip[0] = 0x60;
	put16(ip + 4, l4_len);
	ip[6] = protocol;
	ip[7] = 64;
	memcpy(ip + 8, src, 16);
	memcpy(ip + 24, dst, 16);
	return sum_words(ip + 8, 32) + protocol + l4_len;
}

uint32_t traffic_frame(const struct traffic *traffic, enum traffic_kind kind, enum pps_side side,
	uint32_t flow, uint64_t round, uint8_t headers[TRAFFIC_HEADERS_MAX], uint32_t *ret_headers)
{
	uint32_t ip_len = traffic->family == 4 ? 20 : 40, l4_len = UDP_LEN, payload, sum, len;
	uint8_t *l4 = headers + ETHER_LEN + ip_len;
	struct tuple tuple;

	make_tuple(traffic, flow, &tuple);
	if (kind == TRAFFIC_DENIED)
		tuple.server_port = DENIED_PORT;
	payload = traffic->tcp && kind != TRAFFIC_DATA ? 0 : payload_len(traffic, flow, round);
	memcpy(headers, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	put16(headers + 12, traffic->family == 4 ? PPS_ETHERTYPE_IPV4 : PPS_ETHERTYPE_IPV6);
	if (traffic->tcp) {
		l4_len = put_tcp(traffic, kind, side, flow, round, l4);
	} else {
		memset(l4, 0, UDP_LEN);
		put16(l4 + 4, UDP_LEN + payload);
	}
	put16(l4, side == PPS_SIDE_OUTSIDE ? tuple.client_port : tuple.server_port);
	put16(l4 + 2, side == PPS_SIDE_OUTSIDE ? tuple.server_port : tuple.client_port);
	sum = put_ip(traffic, &tuple, side, l4_len + payload, headers + ETHER_LEN);
	sum = fold(sum + sum_words(l4, l4_len));
	put16(l4 + (traffic->tcp ? 16 : 6), !traffic->tcp && sum == 0 ? 0xffff : sum);
	*ret_headers = ETHER_LEN + ip_len + l4_len;
	len = *ret_headers + payload;
	if (len >= FRAME_MIN)
		return len;
	memset(headers + *ret_headers, 0, FRAME_MIN - *ret_headers);
	return FRAME_MIN;
}
