/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_pci.h>

#include "port_priv.h"

static const char *const side_words[] = {
	[PPS_SIDE_INSIDE] = "inside",
	[PPS_SIDE_OUTSIDE] = "outside",
};

const char *port_path(char path[PORT_PATH_MAX], unsigned int segment, enum pps_side side)
{
	snprintf(path, PORT_PATH_MAX, "segments[%u].%s", segment, side_words[side]);
	return path;
}

/* All the ports that EAL brought up, for the person who named another. */
static void print_ports(struct pps_str *out)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	const char *separator = "";
	uint16_t id;

	RTE_ETH_FOREACH_DEV(id)
	{
		if (rte_eth_dev_get_name_by_port(id, name) != 0)
			continue;
		pps_str_addf(out, "%s%s", separator, name);
		separator = ", ";
	}
	if (!*separator)
		pps_str_add(out, "none");
}

/* A PCI address may be written short ("01:00.0"); ports are named with the long form. */
static int find_port(const char *name, uint16_t *ret_id)
{
	char long_name[RTE_ETH_NAME_MAX_LEN];
	struct rte_pci_addr address;

	if (rte_eth_dev_get_port_by_name(name, ret_id) == 0)
		return 0;
	if (rte_pci_addr_parse(name, &address) != 0)
		return -ENODEV;
	rte_pci_device_name(&address, long_name, sizeof(long_name));
	return rte_eth_dev_get_port_by_name(long_name, ret_id);
}

/* Which of the ports found so far has this id; 'n' when none. */
static unsigned int find_user(const struct pps_ports *ports, unsigned int n, uint16_t id)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (ports->items[i].id == id)
			break;
	return i;
}

static bool find_one(
	struct pps_ports *ports, unsigned int index, const char *name, struct pps_errors *errors)
{
	struct rte_eth_dev_info *info = &ports->priv->infos[index];
	struct pps_port *port = &ports->items[index];
	char path[PORT_PATH_MAX], other[PORT_PATH_MAX];
	struct pps_str have = PPS_STR_INIT;
	unsigned int user;
	int ret;

	port_path(path, index / 2, index % 2);
	if (!name || find_port(name, &port->id) != 0) {
		print_ports(&have);
		pps_errors_add(errors, path, "\"%s\" is not a port EAL brought up (it has: %s)",
			name ? name : "", pps_str_text(&have));
		pps_str_fini(&have);
		return false;
	}
	user = find_user(ports, index, port->id);
	if (user < index) {
		pps_errors_add(errors, path, "\"%s\" is the same port as %s", name,
			port_path(other, user / 2, user % 2));
		return false;
	}
	if (port->id >= PPS_PORTS_MAX) {
		pps_errors_add(errors, path, "\"%s\" is EAL's port %u; at most %u are supported",
			name, port->id + 1u, PPS_PORTS_MAX);
		return false;
	}
	ret = rte_eth_dev_info_get(port->id, info);
	if (ret != 0) {
		pps_errors_add(
			errors, path, "\"%s\" does not describe itself: %s", name, strerror(-ret));
		return false;
	}
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->driver = info->driver_name ? info->driver_name : "unknown";
	port->segment = index / 2;
	port->side = index % 2;
	return true;
}

bool port_find_all(
	struct pps_ports *ports, const struct pps_ports_params *params, struct pps_errors *errors)
{
	const struct pps_segment_params *segment;
	bool ok = true;
	unsigned int i;

	/* Until it is found a port has an id that no port has. */
	for (i = 0; i < ports->n; i++)
		ports->items[i].id = UINT16_MAX;
	for (i = 0; i < ports->n; i++) {
		segment = &params->segments[i / 2];
		ok &= find_one(ports, i,
			i % 2 == PPS_SIDE_INSIDE ? segment->inside : segment->outside, errors);
	}
	for (i = 0; i < ports->n; i++)
		ports->items[i].peer = ports->items[i ^ 1].id;
	return ok;
}
