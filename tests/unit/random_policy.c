/* SPDX-License-Identifier: BSD-3-Clause */
#include "random_policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset_ask.h"
#include "unit.h"

struct chance chance_seed(void)
{
	const char *text = getenv("PPSFW_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : pps_time_wall_ns();

	printf("# PPSFW_SEED=%" PRIu64 "\n", seed | 1);
	fflush(stdout);
	return (struct chance){seed | 1};
}

uint32_t draw(struct chance *chance, uint32_t n)
{
	chance->state ^= chance->state >> 12;
	chance->state ^= chance->state << 25;
	chance->state ^= chance->state >> 27;
	return (uint32_t)((chance->state * UINT64_C(2685821657736338717) >> 32) * n >> 32);
}

bool once_in(struct chance *chance, uint32_t n)
{
	return draw(chance, n) == 0;
}

/* The world. */

static struct pps_addr draw_addr(struct chance *chance, uint8_t family)
{
	struct pps_addr addr = {.family = family};
	unsigned int n = family == 4 ? 4 : 16;

	addr.bytes[0] = family == 4 ? 10 : 0xfd;
	for (unsigned int i = 1; i < n; i++) {
		if (once_in(chance, family == 4 ? 2 : 5))
			addr.bytes[i] = (uint8_t)(draw(chance, 3) * 127);
	}
	if (once_in(chance, 12))
		addr.bytes[draw(chance, n)] = (uint8_t)draw(chance, 256);
	addr.bytes[n - 1] = (uint8_t)draw(chance, 8);
	return addr;
}

static uint16_t draw_port(struct chance *chance)
{
	static const uint16_t ports[] = {0, 1, 53, 80, 443, 1023, 1024, 2048, 65534, 65535};

	return once_in(chance, 4) ? (uint16_t)draw(chance, 65536)
				  : ports[draw(chance, UNIT_COUNT(ports))];
}

static void add_list(struct pps_str *str, struct chance *chance, const char *key, unsigned int max,
	void (*add_item)(struct pps_str *, struct chance *))
{
	unsigned int n = 1 + draw(chance, max);

	pps_str_addf(str, ", \"%s\": [", key);
	for (unsigned int i = 0; i < n; i++) {
		pps_str_add(str, i == 0 ? "" : ", ");
		add_item(str, chance);
	}
	pps_str_add(str, "]");
}

static void add_ports(struct pps_str *str, struct chance *chance)
{
	uint16_t a = draw_port(chance), b = draw_port(chance);

	/* The parser refuses port 0 alone; a range may begin there. */
	if (a == 0 && (b == 0 || once_in(chance, 2)))
		a = 1;
	if (a != 0 && once_in(chance, 2))
		pps_str_addf(str, "%u", a);
	else
		pps_str_addf(str, "\"%u-%u\"", a < b ? a : b, a < b ? b : a);
}

static void add_vlans(struct pps_str *str, struct chance *chance)
{
	unsigned int a = 1 + draw(chance, 12), b = a + draw(chance, 4);

	if (once_in(chance, 8))
		pps_str_add(str, "4094");
	else if (once_in(chance, 2))
		pps_str_addf(str, "%u", a);
	else
		pps_str_addf(str, "\"%u-%u\"", a, b);
}

static void add_prefix(struct pps_str *str, struct chance *chance, uint8_t family)
{
	static const uint8_t lens4[] = {0, 1, 7, 8, 9, 16, 20, 24, 30, 31, 32, 32};
	static const uint8_t lens6[] = {0, 3, 8, 31, 32, 33, 48, 63, 64, 65, 96, 97, 127, 128, 128};
	struct pps_prefix prefix = {.addr = draw_addr(chance, family)};
	char text[PPS_ADDR_TEXT_MAX];

	if (family == 4)
		prefix.len = lens4[draw(chance, UNIT_COUNT(lens4))];
	else
		prefix.len = lens6[draw(chance, UNIT_COUNT(lens6))];
	if (once_in(chance, 4))
		prefix.len = (uint8_t)draw(chance, family == 4 ? 33 : 129);
	pps_addr_mask(&prefix.addr, prefix.len);
	pps_str_addf(str, "\"%s\"", pps_prefix_format(&prefix, text));
}

static void add_prefix4(struct pps_str *str, struct chance *chance)
{
	add_prefix(str, chance, 4);
}

static void add_prefix6(struct pps_str *str, struct chance *chance)
{
	add_prefix(str, chance, 6);
}

/* Of a rule's two sides at least the families in 'families' (1: IPv4, 2: IPv6) meet. */
static void add_addrs(
	struct pps_str *str, struct chance *chance, const char *key, unsigned int families)
{
	if (once_in(chance, 3)) {
		pps_str_addf(str, ", \"%s\": \"any\"", key);
		return;
	}
	if (families == 1 || families == 2) {
		add_list(str, chance, key, 4, families == 1 ? add_prefix4 : add_prefix6);
		return;
	}
	pps_str_addf(str, ", \"%s\": [", key);
	for (unsigned int i = draw(chance, 3); i > 0; i--) {
		add_prefix(str, chance, once_in(chance, 2) ? 4 : 6);
		pps_str_add(str, ", ");
	}
	add_prefix4(str, chance);
	pps_str_add(str, ", ");
	add_prefix6(str, chance);
	pps_str_add(str, "]");
}

static void add_icmp(struct pps_str *str, struct chance *chance)
{
	if (once_in(chance, 3))
		return;
	pps_str_addf(str, ", \"icmp\": {\"type\": %u", draw(chance, 3) * 127);
	if (once_in(chance, 2))
		pps_str_addf(str, ", \"code\": %u", draw(chance, 3) * 127);
	pps_str_add(str, "}");
}

/* Adds what the rule names; returns the families it may have. */
static unsigned int add_traffic(struct pps_str *str, struct chance *chance)
{
	static const char *const with_ports[] = {"tcp", "udp", "sctp", "dccp", "udplite"};
	static const char *const others[] = {"\"any\"", "2", "89", "\"pim\"", "255"};
	static const char *const services[] = {"api", "chat/udp", "443/tcp", "53/udp", "1024/tcp"};

	switch (draw(chance, 8)) {
	case 0:
		pps_str_add(str, ", \"protocol\": \"icmp\"");
		add_icmp(str, chance);
		return 1;
	case 1:
		pps_str_add(str, ", \"protocol\": \"icmpv6\"");
		add_icmp(str, chance);
		return 2;
	case 2:
		pps_str_addf(str, ", \"protocol\": %s", others[draw(chance, UNIT_COUNT(others))]);
		return 3;
	case 3:
		pps_str_addf(str, ", \"service\": [\"%s\", \"%s\"]", services[draw(chance, 2)],
			services[2 + draw(chance, 3)]);
		return 3;
	default:
		pps_str_addf(str, ", \"protocol\": \"%s\"",
			with_ports[once_in(chance, 2) ? 0 : draw(chance, UNIT_COUNT(with_ports))]);
		if (!once_in(chance, 4))
			add_list(str, chance, "ports", 3, add_ports);
		if (once_in(chance, 4))
			add_list(str, chance, "source_ports", 3, add_ports);
		return 3;
	}
}

static void add_rule(struct pps_str *str, struct chance *chance, const char *id, unsigned int i)
{
	static const char *const directions[] = {"inbound", "outbound", "both"};
	unsigned int families;

	pps_str_addf(str, "%s{\"id\": \"%s%u\", \"direction\": \"%s\"", i == 0 ? "" : ",\n", id, i,
		directions[draw(chance, 3)]);
	families = add_traffic(str, chance);
	if (families == 3)
		families = 1 + draw(chance, 3);
	add_addrs(str, chance, "source", families);
	add_addrs(str, chance, "destination", families);
	if (once_in(chance, 4))
		add_list(str, chance, "vlans", 3, add_vlans);
	else if (once_in(chance, 4))
		pps_str_addf(str, ", \"vlans\": \"%s\"", once_in(chance, 2) ? "any" : "none");
}

/* Different bans: a list with one twice may be refused. */
static void add_overrides(struct pps_str *str, struct chance *chance, unsigned int n_bans)
{
	unsigned int stride = once_in(chance, 2) ? 1 : 4;
	bool first = true;

	if (n_bans == 0 || once_in(chance, 4))
		return;
	pps_str_add(str, ", \"overrides\": [");
	for (unsigned int ban = draw(chance, stride == 1 ? 1 : n_bans); ban < n_bans;
		ban += 1 + draw(chance, stride)) {
		pps_str_addf(str, "%s\"BAN-%u\"", first ? "" : ", ", ban);
		first = false;
	}
	pps_str_add(str, "]");
}

static void add_exception(
	struct pps_str *str, struct chance *chance, unsigned int i, unsigned int n_bans)
{
	add_rule(str, chance, "EXC-", i);
	if (once_in(chance, 3))
		pps_str_addf(str, ", %s", ASK_PAST);
	else
		pps_str_addf(str,
			", \"expires\": \"%u-01-01T00:00:00Z\", \"approved_by\": \"x\", "
			"\"reason\": \"y\"",
			2027 + draw(chance, RANDOM_ENDS));
	add_overrides(str, chance, n_bans);
	pps_str_add(str, "}");
}

char *make_policy(struct chance *chance)
{
	/* Mostly small, so that no kind of rule hides the others; some large. */
	unsigned int scale = once_in(chance, 8) ? 60 : 8;
	unsigned int n_bans = draw(chance, scale), n_exceptions = draw(chance, scale);
	unsigned int n_approved = draw(chance, 2 * scale);
	struct pps_str str = PPS_STR_INIT;

	pps_str_add(&str,
		"\"services\": {\"api\": {\"protocol\": \"tcp\", \"ports\": [80, "
		"\"1000-1030\"]}, \"chat\": {\"protocol\": \"udp\", \"ports\": 53}},\n"
		"\"banned\": [");
	for (unsigned int i = 0; i < n_bans; i++) {
		add_rule(&str, chance, "BAN-", i);
		pps_str_add(&str, "}");
	}
	pps_str_add(&str, "],\n\"exceptions\": [");
	for (unsigned int i = 0; i < n_exceptions; i++)
		add_exception(&str, chance, i, n_bans);
	pps_str_add(&str, "],\n\"approved\": [");
	for (unsigned int i = 0; i < n_approved; i++) {
		add_rule(&str, chance, "PPS-", i);
		pps_str_add(&str, "}");
	}
	pps_str_add(&str, "]");
	return pps_str_take(&str);
}

/* Packets. */

/* lo - 1, lo, hi, hi + 1 of one of the ranges. */
static uint16_t draw_edge(
	struct chance *chance, const struct pps_range *items, size_t n, uint16_t otherwise)
{
	const struct pps_range *range;

	if (n == 0 || once_in(chance, 8))
		return otherwise;
	range = &items[draw(chance, (uint32_t)n)];
	switch (draw(chance, 6)) {
	case 0:
		return (uint16_t)(range->lo - 1);
	case 1:
		return (uint16_t)(range->hi + 1);
	case 2:
		return range->hi;
	case 3:
		return (uint16_t)(range->lo + draw(chance, (uint32_t)(range->hi - range->lo) + 1));
	default:
		return range->lo;
	}
}

/* Adds 1 or 255 (-1) to the number that the address is. */
static void step_addr(struct pps_addr *addr, bool up)
{
	for (int i = addr->family == 4 ? 3 : 15; i >= 0; i--) {
		addr->bytes[i] = (uint8_t)(addr->bytes[i] + (up ? 1 : 255));
		if (addr->bytes[i] != (up ? 0 : 255))
			return;
	}
}

/* The first, last, one beyond or any address of one of the prefixes. */
static struct pps_addr draw_near(
	struct chance *chance, const struct pps_prefix_set *set, uint8_t family)
{
	struct pps_addr random = draw_addr(chance, family), addr;
	unsigned int how = draw(chance, 6);
	const struct pps_prefix *prefix;

	if (set->any || set->n == 0 || once_in(chance, 8))
		return random;
	prefix = &set->items[draw(chance, (uint32_t)set->n)];
	addr = prefix->addr;
	if (addr.family != family)
		return random;
	for (unsigned int bit = prefix->len; bit < (family == 4 ? 32 : 128); bit++) {
		unsigned int mask = 0x80u >> bit % 8;

		if (how == 1 || how == 3)
			addr.bytes[bit / 8] |= (uint8_t)mask;
		else if (how >= 4)
			addr.bytes[bit / 8] |= (uint8_t)(random.bytes[bit / 8] & mask);
	}
	if (how == 2 || how == 3)
		step_addr(&addr, how == 3);
	return addr;
}

static uint8_t draw_protocol(struct chance *chance, const struct pps_term *term)
{
	static const uint8_t protocols[] = {1, 2, 6, 6, 17, 17, 33, 58, 89, 132, 136, 255};

	if (term != NULL && term->protocol != PPS_PROTOCOL_ANY && !once_in(chance, 12))
		return (uint8_t)term->protocol;
	return once_in(chance, 6) ? (uint8_t)draw(chance, 256)
				  : protocols[draw(chance, UNIT_COUNT(protocols))];
}

void draw_packet(
	struct chance *chance, const struct pps_rule *rule, struct reference_packet *packet)
{
	static const struct pps_rule nobody;
	const struct pps_term *term = NULL;
	uint8_t family = once_in(chance, 2) ? 4 : 6;

	if (rule == NULL || once_in(chance, 10))
		rule = &nobody;
	else
		term = &rule->terms[draw(chance, (uint32_t)rule->n_terms)];
	memset(packet, 0, sizeof(*packet));
	if (rule->source.n > 0)
		family = rule->source.items[draw(chance, (uint32_t)rule->source.n)].addr.family;
	else if (rule->destination.n > 0)
		family = rule->destination.items[0].addr.family;
	packet->src = draw_near(chance, &rule->source, family);
	packet->dst = draw_near(chance, &rule->destination, family);
	packet->direction = once_in(chance, 2) ? PPS_INBOUND : PPS_OUTBOUND;
	packet->protocol = draw_protocol(chance, term);
	packet->vlan = draw_edge(chance, rule->vlans.items, rule->vlans.n,
		(uint16_t)(once_in(chance, 3) ? draw(chance, 20) : 0));
	packet->vlan &= 4095;
	packet->icmp_type = (uint8_t)(draw(chance, 3) * 127);
	packet->icmp_code = (uint8_t)(draw(chance, 3) * 127 + once_in(chance, 9));
	if (term != NULL && term->icmp_type >= 0 && !once_in(chance, 5))
		packet->icmp_type = (uint8_t)term->icmp_type;
	if (!pps_protocol_has_ports(packet->protocol))
		return;
	packet->src_port = draw_port(chance);
	packet->dst_port = draw_port(chance);
	if (term != NULL) {
		packet->src_port = draw_edge(
			chance, term->source_ports, term->n_source_ports, packet->src_port);
		packet->dst_port = draw_edge(chance, term->ports, term->n_ports, packet->dst_port);
	}
}
