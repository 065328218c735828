/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_log.h>

#include "unit.h"

void unit_eal_init(unsigned int megabytes)
{
	char memory[16];
	char *argv[] = {(char[]){"unit"}, (char[]){"--no-huge"}, (char[]){"-m"}, memory,
		(char[]){"--no-shconf"}, (char[]){"--no-pci"}, (char[]){"--no-telemetry"},
		(char[]){"-l"}, (char[]){"0"}, (char[]){"--log-level=4"}};

	snprintf(memory, sizeof(memory), "%u", megabytes);
	if (rte_eal_init((int)UNIT_COUNT(argv), argv) < 0) {
		printf("Bail out! EAL did not start\n");
		exit(99);
	}
}
