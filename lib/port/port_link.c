/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Links, mirrored.
 *
 * A wire that loses one end loses the other: devices on both sides must see the loss, or they go on
 * sending into nothing. So when a side is down for longer than the debounce, the other side is
 * taken down ("forced"), and brought back as soon as the first one returns.
 *
 * The two must never chase each other. A side that is down because we took it down says nothing
 * about its cable, so it is never mirrored back: of a pair, at most one side is forced. And a side
 * that was just brought back is still training: until the hold-down ends its own state is ignored.
 */

#include <errno.h>
#include <string.h>

#include "port_priv.h"

static unsigned int add_change(
	struct pps_link_change *change, uint16_t port, bool up, bool mirrored)
{
	change->port = port;
	change->up = up;
	change->mirrored = mirrored;
	return 1;
}

/* Takes what the driver says; true when that has become the side's settled state. */
static bool settle(struct link_side *side, bool up, uint64_t mono_ns)
{
	if (side->up != up) {
		side->up = up;
		side->changed_ns = mono_ns;
	}
	if (side->forced || mono_ns < side->deaf_until_ns)
		return false;
	if (side->up == side->settled || mono_ns - side->changed_ns < LINK_DEBOUNCE_NS)
		return false;
	side->settled = up;
	return true;
}

bool link_side_step(struct link_side *side, uint64_t mono_ns, bool up)
{
	return settle(side, up, mono_ns);
}

static void say_once(struct link_side *side, bool up, int error)
{
	if (!side->said)
		pps_log(PPS_LOG_WARNING,
			"port %u: its driver cannot take the link %s (%s): links of this segment "
			"are not mirrored",
			side->port, up ? "up" : "down", strerror(error));
	side->said = true;
}

/* Makes 'side' follow 'other'; true when it was changed. */
static bool mirror(struct link_side *side, const struct link_side *other, uint64_t mono_ns,
	link_set set, void *aux)
{
	bool up = other->settled;
	int ret;

	if (other->forced || side->unable || up != side->forced)
		return false;
	ret = set(aux, side->port, up);
	if (ret < 0) {
		say_once(side, up, -ret);
		/* A link that is up may stay so; one that we took down must come back. */
		side->unable = !up;
		return false;
	}
	side->forced = !up;
	if (up) {
		side->settled = true;
		side->deaf_until_ns = mono_ns + LINK_HOLD_DOWN_NS;
	}
	return true;
}

unsigned int link_pair_step(struct link_pair *pair, uint64_t mono_ns, const bool up[2],
	link_set set, void *aux, struct pps_link_change changes[LINK_CHANGES_PER_STEP])
{
	struct link_side *side, *other;
	unsigned int n = 0, i;

	for (i = 0; i < 2; i++) {
		side = &pair->sides[i];
		if (settle(side, up[i], mono_ns))
			n += add_change(&changes[n], side->port, side->settled, false);
	}
	for (i = 0; i < 2; i++) {
		side = &pair->sides[i];
		other = &pair->sides[i ^ 1];
		if (mirror(side, other, mono_ns, set, aux))
			n += add_change(&changes[n], side->port, !side->forced, true);
	}
	return n;
}

/* A driver that cannot tell is taken to be up: better to try than to drop everything. */
static bool read_link(uint16_t port)
{
	struct rte_eth_link link;

	memset(&link, 0, sizeof(link));
	if (rte_eth_link_get_nowait(port, &link) != 0)
		return true;
	return link.link_status == RTE_ETH_LINK_UP;
}

static int set_link(void *aux, uint16_t port, bool up)
{
	(void)aux;
	return up ? rte_eth_dev_set_link_up(port) : rte_eth_dev_set_link_down(port);
}

/* A mirror port stands where the inside one of its segment would. */
static struct link_side *side_of(const struct pps_ports *ports, unsigned int index)
{
	const struct pps_port *port = &ports->items[index];

	return &ports->priv->links[port->segment].sides[port->side == PPS_SIDE_OUTSIDE];
}

static void publish_side(struct pps_ports_priv *priv, const struct link_side *side)
{
	__atomic_store_n(&priv->usable[side->port], side->up && !side->forced, __ATOMIC_RELAXED);
}

void port_links_init(struct pps_ports *ports, uint64_t mono_ns)
{
	struct pps_ports_priv *priv = ports->priv;
	struct link_side *side;
	unsigned int i;

	memset(priv->links, 0, priv->n_segments * sizeof(priv->links[0]));
	for (i = 0; i < ports->n; i++) {
		side = side_of(ports, i);
		side->port = ports->items[i].id;
		side->up = read_link(side->port);
		/* Down at start is mirrored too, if it lasts: a link needs time to come up. */
		side->settled = true;
		side->changed_ns = mono_ns;
		side->deaf_until_ns = mono_ns + LINK_HOLD_DOWN_NS;
		publish_side(priv, side);
	}
}

void port_links_release(struct pps_ports *ports)
{
	struct link_side *side;
	unsigned int i;

	for (i = 0; i < ports->n; i++) {
		side = side_of(ports, i);
		if (side->forced)
			set_link(NULL, side->port, true);
		side->forced = false;
		__atomic_store_n(&ports->priv->usable[side->port], 0, __ATOMIC_RELAXED);
	}
}

bool pps_ports_link_up(const struct pps_ports *ports, uint16_t id)
{
	return id < RTE_MAX_ETHPORTS && __atomic_load_n(&ports->priv->usable[id], __ATOMIC_RELAXED);
}

/* Ports that send nothing are watched, each on its own. What finds
 * no room among the changes waits for the next call. */
static unsigned int watch_links(struct pps_ports *ports, uint64_t mono_ns,
	struct pps_link_change *changes, unsigned int max)
{
	struct link_side *side;
	unsigned int n = 0, i;

	for (i = 0; i < ports->n && n < max; i++) {
		side = side_of(ports, i);
		if (link_side_step(side, mono_ns, read_link(side->port)))
			n += add_change(&changes[n], side->port, side->settled, false);
		publish_side(ports->priv, side);
	}
	return n;
}

unsigned int pps_ports_link_poll(struct pps_ports *ports, uint64_t mono_ns,
	struct pps_link_change *changes, unsigned int max)
{
	struct pps_ports_priv *priv = ports->priv;
	struct link_pair *pair;
	unsigned int n = 0, i;
	bool up[2];

	if (priv->n_started < ports->n)
		return 0;
	if (ports->receive_only)
		return watch_links(ports, mono_ns, changes, max);
	for (i = 0; i < priv->n_segments && max - n >= LINK_CHANGES_PER_STEP; i++) {
		pair = &priv->links[priv->next_segment];
		up[0] = read_link(pair->sides[0].port);
		up[1] = read_link(pair->sides[1].port);
		n += link_pair_step(pair, mono_ns, up, set_link, NULL, &changes[n]);
		publish_side(priv, &pair->sides[0]);
		publish_side(priv, &pair->sides[1]);
		priv->next_segment = (priv->next_segment + 1) % priv->n_segments;
	}
	return n;
}
