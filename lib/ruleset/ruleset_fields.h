/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RULESET_FIELDS_H
#define RULESET_FIELDS_H

/*
 * struct pps_class_key as rte_acl reads it: one table of fields per family. Contexts may be built
 * with their inputs in another order (ruleset_acl.c).
 *
 * The first field is one byte and an input of its own; rte_acl loads four bytes there (the key has
 * three of padding). All other inputs are four consecutive bytes and every byte is owned by a
 * field: what is not owned would be read all the same. An IPv6 address is four words.
 */

#include <stddef.h>

#include <rte_acl.h>

#include <pps_ruleset.h>

enum field4 {
	FIELD4_PROTOCOL,
	FIELD4_SRC,
	FIELD4_DST,
	FIELD4_SRC_PORT,
	FIELD4_DST_PORT,
	FIELD4_VLAN,
	FIELD4_ZERO,
	FIELD4_COUNT
};

enum field6 {
	FIELD6_PROTOCOL,
	FIELD6_SRC,
	FIELD6_DST = FIELD6_SRC + 4,
	FIELD6_SRC_PORT = FIELD6_DST + 4,
	FIELD6_DST_PORT,
	FIELD6_VLAN,
	FIELD6_ZERO,
	FIELD6_COUNT
};

/* kind, bytes, index in the rule, input, place in the key */
#define FIELD(kind, bytes, index, input, place)                                             \
	{                                                                                   \
		.type = RTE_ACL_FIELD_TYPE_##kind, .size = (bytes), .field_index = (index), \
		.input_index = (input), .offset = (place)                                   \
	}
#define AT(member) offsetof(struct pps_class_key, member)

static const struct rte_acl_field_def fields4[FIELD4_COUNT] = {
	FIELD(BITMASK, 1, FIELD4_PROTOCOL, 0, AT(protocol)),
	FIELD(MASK, 4, FIELD4_SRC, 1, AT(src)),
	FIELD(MASK, 4, FIELD4_DST, 2, AT(dst)),
	FIELD(RANGE, 2, FIELD4_SRC_PORT, 3, AT(src_port)),
	FIELD(RANGE, 2, FIELD4_DST_PORT, 3, AT(dst_port)),
	FIELD(RANGE, 2, FIELD4_VLAN, 4, AT(vlan)),
	FIELD(RANGE, 2, FIELD4_ZERO, 4, AT(zero)),
};

static const struct rte_acl_field_def fields6[FIELD6_COUNT] = {
	FIELD(BITMASK, 1, FIELD6_PROTOCOL, 0, AT(protocol)),
	FIELD(MASK, 4, FIELD6_SRC, 1, AT(src)),
	FIELD(MASK, 4, FIELD6_SRC + 1, 2, AT(src) + 4),
	FIELD(MASK, 4, FIELD6_SRC + 2, 3, AT(src) + 8),
	FIELD(MASK, 4, FIELD6_SRC + 3, 4, AT(src) + 12),
	FIELD(MASK, 4, FIELD6_DST, 5, AT(dst)),
	FIELD(MASK, 4, FIELD6_DST + 1, 6, AT(dst) + 4),
	FIELD(MASK, 4, FIELD6_DST + 2, 7, AT(dst) + 8),
	FIELD(MASK, 4, FIELD6_DST + 3, 8, AT(dst) + 12),
	FIELD(RANGE, 2, FIELD6_SRC_PORT, 9, AT(src_port)),
	FIELD(RANGE, 2, FIELD6_DST_PORT, 9, AT(dst_port)),
	FIELD(RANGE, 2, FIELD6_VLAN, 10, AT(vlan)),
	FIELD(RANGE, 2, FIELD6_ZERO, 10, AT(zero)),
};

#undef AT
#undef FIELD

_Static_assert(offsetof(struct pps_class_key, protocol) == 0, "first field");
_Static_assert(
	offsetof(struct pps_class_key, dst_port) == offsetof(struct pps_class_key, src_port) + 2,
	"ports are one input");
_Static_assert(offsetof(struct pps_class_key, zero) + 2 == sizeof(struct pps_class_key) &&
		offsetof(struct pps_class_key, vlan) + 4 == sizeof(struct pps_class_key),
	"the last input is whole");

#endif
