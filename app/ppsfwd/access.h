/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ACCESS_H
#define ACCESS_H

/* The people of the configuration's "access", as numbers; see access.c. */

#include <stddef.h>
#include <sys/types.h>

#include <pps_ctl.h>

struct access_list {
	uid_t *users;
	size_t n_users;
	gid_t *groups; /* whose members' primary group it is; the others are among the users */
	size_t n_groups;
};

/* Names nobody knows are nobody (config_load() has warned of them). */
void access_list_init(struct access_list *list, char *const *names, size_t n);
void access_list_fini(struct access_list *list);
enum pps_ctl_role access_role(const struct access_list *admins, const struct access_list *viewers,
	const struct pps_ctl_peer *peer);

#endif
