/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the tables the policy parser reads by: object, key, need, help. */
#include <stdio.h>

#include <pps_policy.h>

int main(void)
{
	struct pps_str text = PPS_STR_INIT;

	pps_policy_fields(&text);
	fputs(pps_str_text(&text), stdout);
	pps_str_fini(&text);
	return 0;
}
