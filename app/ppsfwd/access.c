/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who may do what on the control socket. Root and the daemon's own user are administrators always;
 * others by the configuration's "access": user names, or "@group" for the members of a group.
 *
 * Names become numbers once, at start: a directory server that is slow or away must not hold up the
 * management loop whenever somebody connects. A change of a group's members is seen at the next
 * start.
 */

#include "access.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_user(struct access_list *list, const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		return;
	list->users = pps_realloc(list->users, (list->n_users + 1) * sizeof(*list->users));
	list->users[list->n_users++] = user->pw_uid;
}

static void add_group(struct access_list *list, const char *name)
{
	const struct group *group = getgrnam(name);

	if (group == NULL)
		return;
	list->groups = pps_realloc(list->groups, (list->n_groups + 1) * sizeof(*list->groups));
	list->groups[list->n_groups++] = group->gr_gid;
	for (char **member = group->gr_mem; *member != NULL; member++)
		add_user(list, *member);
}

void access_list_init(struct access_list *list, char *const *names, size_t n)
{
	*list = (struct access_list){0};
	for (size_t i = 0; i < n; i++) {
		if (names[i][0] == '@')
			add_group(list, names[i] + 1);
		else
			add_user(list, names[i]);
	}
}

void access_list_fini(struct access_list *list)
{
	free(list->users);
	free(list->groups);
	*list = (struct access_list){0};
}

static bool is_listed(const struct access_list *list, const struct pps_ctl_peer *peer)
{
	for (size_t i = 0; i < list->n_users; i++) {
		if (list->users[i] == peer->uid)
			return true;
	}
	for (size_t i = 0; i < list->n_groups; i++) {
		if (list->groups[i] == peer->gid)
			return true;
	}
	return false;
}

enum pps_ctl_role access_role(const struct access_list *admins, const struct access_list *viewers,
	const struct pps_ctl_peer *peer)
{
	if (peer->uid == 0 || peer->uid == geteuid() || is_listed(admins, peer))
		return PPS_CTL_ADMIN;
	return is_listed(viewers, peer) ? PPS_CTL_VIEW : PPS_CTL_NOBODY;
}
