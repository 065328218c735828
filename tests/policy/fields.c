/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints the tables the policy parser reads by: object, key, need, help. With --findings what lint
 * finds: word, severity, meaning.
 */
#include <stdio.h>
#include <string.h>

#include <pps_policy.h>

int main(int argc, char **argv)
{
	struct pps_str text = PPS_STR_INIT;

	if (argc > 1 && strcmp(argv[1], "--findings") == 0)
		pps_findings_table(&text);
	else
		pps_policy_fields(&text);
	fputs(pps_str_text(&text), stdout);
	pps_str_fini(&text);
	return 0;
}
