/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How a device fills its receive queues. What was asked for is not believed: the key, the kinds of
 * packets and the table are read back. A device that will not say so is used all the same: workers
 * hand over what is not theirs.
 */

#include <string.h>

#include "port_priv.h"

#define TABLE_MIN   128 /* of lib/steer, where no device has one */
#define TABLE_LEAST 64 /* an entry for each of the most workers */
#define TABLE_MAX   RTE_ETH_RSS_RETA_SIZE_512
#define GROUPS      (TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE)

static const char *const words[] = {
#define SPREAD_WORD(name, word) [PPS_SPREAD_##name] = (word),
	PPS_SPREADS(SPREAD_WORD)
#undef SPREAD_WORD
};

const char *pps_spread_word(enum pps_spread spread)
{
	return words[spread];
}

/* What gives both directions of a pair of hosts the same value. */
void port_symmetric_key(uint8_t *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
}

static unsigned int table_of(const struct rte_eth_dev_info *info)
{
	unsigned int size = info->reta_size;

	return size >= TABLE_LEAST && size <= TABLE_MAX && (size & (size - 1)) == 0 ? size
										    : TABLE_MIN;
}

unsigned int port_table_size(const struct pps_ports *ports)
{
	unsigned int size = 0;

	for (unsigned int i = 0; i < ports->n; i++) {
		unsigned int of = table_of(&ports->priv->infos[i]);

		if (ports->items[i].n_rx > 1 && (size == 0 || of < size))
			size = of;
	}
	return size;
}

/* Entry i of every port is that of the smallest table, so that all agree. */
static bool set_table(const struct pps_ports *ports, unsigned int index)
{
	const struct pps_port *port = &ports->items[index];
	uint16_t size = ports->priv->infos[index].reta_size;
	struct rte_eth_rss_reta_entry64 table[GROUPS], read[GROUPS];

	if (size == 0 || size != table_of(&ports->priv->infos[index]))
		return false;
	memset(table, 0, sizeof(table));
	memset(read, 0, sizeof(read));
	for (unsigned int i = 0; i < size; i++) {
		unsigned int group = i / RTE_ETH_RETA_GROUP_SIZE, at = i % RTE_ETH_RETA_GROUP_SIZE;

		table[group].mask |= UINT64_C(1) << at;
		read[group].mask = table[group].mask;
		table[group].reta[at] = (uint16_t)(i % ports->table_size % port->n_rx);
	}
	return rte_eth_dev_rss_reta_update(port->id, table, size) == 0 &&
		rte_eth_dev_rss_reta_query(port->id, read, size) == 0 &&
		memcmp(table, read, sizeof(table)) == 0;
}

/* Addresses and nothing else, with our key. */
static bool hashes_addresses(const struct pps_ports *ports, unsigned int index)
{
	uint8_t key[UINT8_MAX] = {0}, wanted[UINT8_MAX];
	struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = UINT8_MAX};
	uint8_t len = ports->priv->infos[index].hash_key_size;

	if (len == 0)
		len = 40;
	port_symmetric_key(wanted, sizeof(wanted));
	return rte_eth_dev_rss_hash_conf_get(ports->items[index].id, &conf) == 0 &&
		(conf.rss_hf & PORT_SPREAD_ADDRESSES) == PORT_SPREAD_ADDRESSES &&
		(conf.rss_hf & ~(PORT_SPREAD_ADDRESSES | PORT_SPREAD_FRAGMENTS)) == 0 &&
		memcmp(key, wanted, len) == 0;
}

void port_spread(struct pps_ports *ports, unsigned int index)
{
	struct pps_port *port = &ports->items[index];

	if (port->n_rx == 1) {
		port->spread = PPS_SPREAD_NONE;
		return;
	}
	port->spread = PPS_SPREAD_OTHER;
	if (ports->priv->infos[index].flow_type_rss_offloads == 0)
		return;
	if (set_table(ports, index) && hashes_addresses(ports, index))
		port->spread = PPS_SPREAD_RSS;
	else
		pps_log(PPS_LOG_WARNING,
			"port \"%s\": %s does not spread packets by addresses as it was told: "
			"workers hand them over",
			port->name, port->driver);
}
