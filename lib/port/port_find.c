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
	[PPS_SIDE_MIXED] = "mirror",
};

const char *pps_port_side_word(const struct pps_port *port)
{
	return side_words[port->side];
}

const char *port_path(char path[PORT_PATH_MAX], unsigned int segment, unsigned int side)
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

	port_path(path, port->segment, port->side);
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
			port_path(other, ports->items[user].segment, ports->items[user].side));
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
	port->giants = port_is_pcap(info);
	port->node = port_is_virtual(info) ? PPS_NO_NODE : rte_eth_dev_socket_id(port->id);
	return true;
}

static const char *port_name(const struct pps_segment_params *segment, unsigned int side)
{
	if (side == PPS_SIDE_MIXED)
		return segment->mirror;
	return side == PPS_SIDE_INSIDE ? segment->inside : segment->outside;
}

/* Gives every port its place. Until it is found it has an id that no port has. */
static void place_ports(struct pps_ports *ports, const struct pps_ports_params *params)
{
	unsigned int segment, side;

	ports->n = 0;
	for (segment = 0; segment < params->n_segments; segment++)
		for (side = PPS_SIDE_INSIDE; side <= PPS_SIDE_MIXED; side++)
			if ((side == PPS_SIDE_MIXED) == (params->segments[segment].mirror != NULL))
				ports->items[ports->n++] = (struct pps_port){
					.id = UINT16_MAX,
					.segment = (uint8_t)segment,
					.side = (uint8_t)side,
				};
}

bool port_find_all(
	struct pps_ports *ports, const struct pps_ports_params *params, struct pps_errors *errors)
{
	const struct pps_port *port;
	bool ok = true;
	unsigned int i;

	place_ports(ports, params);
	for (i = 0; i < ports->n; i++) {
		port = &ports->items[i];
		ok &= find_one(
			ports, i, port_name(&params->segments[port->segment], port->side), errors);
	}
	for (i = 0; i < ports->n; i++)
		ports->items[i].peer = ports->items[port_peer(ports, i)].id;
	return ok;
}
