/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <pps_registry.h>

#include "policy_priv.h"

static struct pps_addr number_addr(pps_u128 number, unsigned int family)
{
	struct pps_addr addr = {.family = family == 0 ? 4 : 6};

	for (int i = family == 0 ? 3 : 15; i >= 0; i--) {
		addr.bytes[i] = (uint8_t)number;
		number >>= 8;
	}
	return addr;
}

void addr_range_print(const struct addr_range *range, unsigned int family, struct pps_str *out)
{
	struct pps_prefix prefix = {.addr = number_addr(range->lo, family)};
	struct pps_addr last = number_addr(range->hi, family);
	pps_u128 hosts = range->lo ^ range->hi;
	char text[PPS_ADDR_TEXT_MAX];

	/* A prefix begins with zeros where it ends with ones. */
	if ((hosts & (hosts + 1)) == 0 && (range->lo & hosts) == 0) {
		prefix.len = family == 0 ? 32 : 128;
		for (; hosts != 0; hosts >>= 1)
			prefix.len--;
		pps_str_add(out, pps_prefix_format(&prefix, text));
		return;
	}
	pps_str_add(out, pps_addr_format(&prefix.addr, text));
	pps_str_addf(out, "-%s", pps_addr_format(&last, text));
}

static struct addr_range range_of(const struct pps_box *box, unsigned int dim)
{
	return (struct addr_range){pps_box_lo(box, dim), pps_box_hi(box, dim)};
}

static bool is_whole(const struct pps_traffic *traffic, unsigned int dim)
{
	const struct pps_box all = pps_box_all((traffic->families & FAMILY_4) != 0 ? 4 : 6);

	return pps_box_lo(&traffic->box, dim) == pps_box_lo(&all, dim) &&
		pps_box_hi(&traffic->box, dim) == pps_box_hi(&all, dim);
}

/* "any" where the other end tells the family, or both are meant. */
static void print_side(const struct pps_traffic *traffic, unsigned int dim, unsigned int port_dim,
	struct pps_str *out)
{
	unsigned int other = dim == PPS_DIM_SOURCE ? PPS_DIM_DESTINATION : PPS_DIM_SOURCE;
	unsigned int family = (traffic->families & FAMILY_4) != 0 ? 0 : 1;
	const struct addr_range range = range_of(&traffic->box, dim);
	bool has_port = !is_whole(traffic, port_dim) &&
		pps_protocol_has_ports((unsigned int)pps_box_lo(&traffic->box, PPS_DIM_PROTOCOL));
	bool any = is_whole(traffic, dim) &&
		(traffic->families == (FAMILY_4 | FAMILY_6) || !is_whole(traffic, other));
	bool brackets = has_port && family == 1 && !any;
	struct pps_range ports;
	char text[PPS_ADDR_TEXT_MAX];

	pps_str_add(out, brackets ? "[" : "");
	if (any)
		pps_str_add(out, "any");
	else
		addr_range_print(&range, family, out);
	pps_str_add(out, brackets ? "]" : "");
	if (!has_port)
		return;
	ports = (struct pps_range){(uint16_t)pps_box_lo(&traffic->box, port_dim),
		(uint16_t)pps_box_hi(&traffic->box, port_dim)};
	pps_str_addf(out, ":%s", pps_range_format(&ports, text));
}

static void print_protocol(const struct pps_box *box, struct pps_str *out)
{
	unsigned int lo = (unsigned int)pps_box_lo(box, PPS_DIM_PROTOCOL);
	unsigned int hi = (unsigned int)pps_box_hi(box, PPS_DIM_PROTOCOL);

	if (lo == 0 && hi == 255)
		pps_str_add(out, "any");
	else if (lo == hi)
		pps_str_add(out, pps_protocol_word(lo));
	else
		pps_str_addf(out, "protocols %u-%u", lo, hi);
}

static void print_icmp(const struct pps_traffic *traffic, struct pps_str *out)
{
	unsigned int lo = (unsigned int)pps_box_lo(&traffic->box, PPS_DIM_PORT);
	unsigned int hi = (unsigned int)pps_box_hi(&traffic->box, PPS_DIM_PORT);

	if (is_whole(traffic, PPS_DIM_PORT))
		return;
	if (lo == hi)
		pps_str_addf(out, " type %u code %u", lo >> 8, lo & 255);
	else if (lo >> 8 == hi >> 8 && (lo & 255) == 0 && (hi & 255) == 255)
		pps_str_addf(out, " type %u", lo >> 8);
	else if (lo >> 8 == hi >> 8)
		pps_str_addf(out, " type %u code %u-%u", lo >> 8, lo & 255, hi & 255);
	else if ((lo & 255) == 0 && (hi & 255) == 255)
		pps_str_addf(out, " type %u-%u", lo >> 8, hi >> 8);
	else
		pps_str_addf(out, " type %u code %u to type %u code %u", lo >> 8, lo & 255, hi >> 8,
			hi & 255);
}

static void print_vlans(const struct pps_traffic *traffic, struct pps_str *out)
{
	unsigned int lo = (unsigned int)pps_box_lo(&traffic->box, PPS_DIM_VLAN);
	unsigned int hi = (unsigned int)pps_box_hi(&traffic->box, PPS_DIM_VLAN);

	if (is_whole(traffic, PPS_DIM_VLAN))
		return;
	pps_str_add(out, lo == 0 ? " untagged" : "");
	pps_str_add(out, lo == 0 && hi > 0 ? " or" : "");
	lo = lo == 0 ? 1 : lo;
	if (lo == hi)
		pps_str_addf(out, " vlan %u", lo);
	else if (lo < hi)
		pps_str_addf(out, " vlan %u-%u", lo, hi < 4095 ? hi : 4094);
}

static void print_service(const struct pps_box *box, struct pps_str *out)
{
	pps_u128 protocol = pps_box_lo(box, PPS_DIM_PROTOCOL), port = pps_box_lo(box, PPS_DIM_PORT);
	const char *name = NULL;

	if (protocol == pps_box_hi(box, PPS_DIM_PROTOCOL) &&
		port == pps_box_hi(box, PPS_DIM_PORT) && (protocol == 6 || protocol == 17))
		name = pps_registry_name((uint8_t)protocol, (uint16_t)port);
	if (name != NULL)
		pps_str_addf(out, " (%s)", name);
}

void pps_traffic_print(const struct pps_traffic *traffic, struct pps_str *out)
{
	const struct pps_box *box = &traffic->box;
	unsigned int directions = (pps_box_lo(box, PPS_DIM_DIRECTION) == 1 ? PPS_INBOUND : 0) |
		(pps_box_hi(box, PPS_DIM_DIRECTION) == 2 ? PPS_OUTBOUND : 0);
	pps_u128 protocol = pps_box_lo(box, PPS_DIM_PROTOCOL);

	pps_str_addf(out, "%s ", pps_direction_word((enum pps_direction)directions));
	print_protocol(box, out);
	pps_str_add(out, " ");
	print_side(traffic, PPS_DIM_SOURCE, PPS_DIM_SOURCE_PORT, out);
	pps_str_add(out, " -> ");
	print_side(traffic, PPS_DIM_DESTINATION, PPS_DIM_PORT, out);
	if (protocol == 1 || protocol == 58)
		print_icmp(traffic, out);
	print_vlans(traffic, out);
	print_service(box, out);
}
