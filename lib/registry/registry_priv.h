/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef REGISTRY_PRIV_H
#define REGISTRY_PRIV_H

#include "pps_registry.h"

/* One of the things a name means. */
struct registry_meaning {
	const char *name;
	struct pps_registry_service service;
};

/* Made by make-table. */
extern const struct pps_registry_entry registry_entries[];
extern const size_t registry_n_entries;
/* By name (bytes), so that those of one name are neighbours. */
extern const struct registry_meaning registry_meanings[];
extern const size_t registry_n_meanings;

#endif
