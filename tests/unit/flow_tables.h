/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FLOW_TABLES_H
#define FLOW_TABLES_H

/* Tables and keys for the tests of the flow table. */

#include <string.h>

#include <pps_flow.h>

#include "unit.h"

static inline struct pps_flow_table *create_table(uint32_t flows)
{
	struct pps_flow_table_params params = {.name = "test", .flows = flows, .socket = -1};
	struct pps_flow_table *table = pps_flow_table_create(&params);

	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	return table;
}

/* The i-th of many different keys; every third is wide. */
static inline struct pps_flow_key key_number(uint32_t i)
{
	struct pps_flow_key key;

	memset(&key, 0, sizeof(key));
	key.is_wide = i % 3 == 2;
	if (key.is_wide) {
		memcpy(key.wide.outside + 12, &i, sizeof(i));
		key.wide.family = 6;
		key.wide.protocol = PPS_IP_TCP;
	} else {
		memcpy(key.v4.outside, &i, sizeof(i));
		key.v4.protocol = PPS_IP_TCP;
	}
	return key;
}

#endif
