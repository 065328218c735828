/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include <pps_shape.h>

#define WHOLE_RANGE ((struct pps_range){0, UINT16_MAX})

static bool check_ranges(const struct pps_rule *rule, const char *what,
	const struct pps_range *items, size_t n, uint16_t max, struct pps_errors *errors)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].lo <= items[i].hi && items[i].hi <= max)
			continue;
		pps_errors_add(errors, rule->path, "%s %u-%u is not a range inside 0-%u", what,
			items[i].lo, items[i].hi, max);
		return false;
	}
	return true;
}

static bool check_prefixes(const struct pps_rule *rule, const char *what,
	const struct pps_prefix_set *set, struct pps_errors *errors)
{
	if (!set->any && set->n == 0) {
		pps_errors_add(errors, rule->path, "the rule has no %s", what);
		return false;
	}
	for (size_t i = 0; i < set->n && !set->any; i++) {
		const struct pps_prefix *prefix = &set->items[i];

		if ((prefix->addr.family == 4 && prefix->len <= 32) ||
			(prefix->addr.family == 6 && prefix->len <= 128))
			continue;
		pps_errors_add(errors, rule->path, "the %s has a prefix of length %u in family %u",
			what, prefix->len, prefix->addr.family);
		return false;
	}
	return true;
}

static bool check_term(
	const struct pps_rule *rule, const struct pps_term *term, struct pps_errors *errors)
{
	bool has_ports = term->n_ports > 0 || term->n_source_ports > 0;

	if (term->protocol > PPS_PROTOCOL_ANY) {
		pps_errors_add(errors, rule->path, "%u is not a protocol", term->protocol);
		return false;
	}
	if (has_ports && !pps_protocol_has_ports(term->protocol)) {
		pps_errors_add(errors, rule->path, "protocol %u has no ports", term->protocol);
		return false;
	}
	if (term->icmp_type < -1 || term->icmp_type > 255 || term->icmp_code < -1 ||
		term->icmp_code > 255 || (term->icmp_type < 0 && term->icmp_code >= 0)) {
		pps_errors_add(errors, rule->path, "%d and %d are not an ICMP type and code",
			term->icmp_type, term->icmp_code);
		return false;
	}
	return check_ranges(rule, "ports", term->ports, term->n_ports, UINT16_MAX, errors) &&
		check_ranges(rule, "source ports", term->source_ports, term->n_source_ports,
			UINT16_MAX, errors);
}

bool pps_shape_check(const struct pps_rule *rule, struct pps_errors *errors)
{
	if (rule->direction < PPS_INBOUND || rule->direction > PPS_BOTH) {
		pps_errors_add(errors, rule->path, "the rule has no direction");
		return false;
	}
	if (rule->n_terms == 0) {
		pps_errors_add(errors, rule->path, "the rule names no traffic");
		return false;
	}
	for (size_t i = 0; i < rule->n_terms; i++) {
		if (!check_term(rule, &rule->terms[i], errors))
			return false;
	}
	if (!check_prefixes(rule, "source", &rule->source, errors) ||
		!check_prefixes(rule, "destination", &rule->destination, errors))
		return false;
	if (!rule->vlans.any && !rule->vlans.none && rule->vlans.n == 0) {
		pps_errors_add(errors, rule->path, "the rule has no VLANs");
		return false;
	}
	return check_ranges(rule, "VLANs", rule->vlans.items,
		rule->vlans.any || rule->vlans.none ? 0 : rule->vlans.n, 4094, errors);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct pps_range *x = a, *y = b;

	return x->lo != y->lo ? (x->lo < y->lo ? -1 : 1) : (x->hi > y->hi) - (x->hi < y->hi);
}

/* No items: the whole range. */
static struct pps_ranges make_ranges(const struct pps_range *items, size_t n)
{
	struct pps_ranges set = {pps_alloc((n > 0 ? n : 1) * sizeof(*items)), 0};

	if (n == 0) {
		set.items[set.n++] = WHOLE_RANGE;
		return set;
	}
	memcpy(set.items, items, n * sizeof(*items));
	qsort(set.items, n, sizeof(*items), compare_ranges);
	for (size_t i = 0; i < n; i++) {
		struct pps_range range = set.items[i];
		struct pps_range *last = set.n > 0 ? &set.items[set.n - 1] : NULL;

		if (last == NULL || range.lo > (uint32_t)last->hi + 1)
			set.items[set.n++] = range;
		else if (range.hi > last->hi)
			last->hi = range.hi;
	}
	return set;
}

static struct pps_ranges make_vlans(const struct pps_vlan_set *vlans)
{
	const struct pps_range untagged = {0, 0};

	if (vlans->any)
		return make_ranges(NULL, 0);
	if (vlans->none)
		return make_ranges(&untagged, 1);
	return make_ranges(vlans->items, vlans->n);
}

/* rte_acl sees an ICMP type and code as a destination port. */
static struct pps_ranges make_icmp(const struct pps_term *term)
{
	struct pps_range range;

	if (term->icmp_type < 0)
		return make_ranges(NULL, 0);
	range.lo = (uint16_t)(term->icmp_type << 8 | (term->icmp_code < 0 ? 0 : term->icmp_code));
	range.hi = (uint16_t)(term->icmp_type << 8 | (term->icmp_code < 0 ? 255 : term->icmp_code));
	return make_ranges(&range, 1);
}

/* True when a and b are the two halves of one prefix, which is then in *ret_whole. */
static bool are_halves(
	const struct pps_prefix *a, const struct pps_prefix *b, struct pps_prefix *ret_whole)
{
	struct pps_prefix whole = *a;

	if (a->len != b->len || a->len == 0)
		return false;
	whole.len--;
	pps_addr_mask(&whole.addr, whole.len);
	*ret_whole = whole;
	return pps_prefix_covers(&whole, b);
}

/* Adds a prefix that sorts behind all others; joins halves as far up as they go. */
static void push_prefix(struct pps_prefixes *set, const struct pps_prefix *prefix)
{
	struct pps_prefix whole;

	if (set->n > 0 && pps_prefix_covers(&set->items[set->n - 1], prefix))
		return;
	set->items[set->n++] = *prefix;
	while (set->n > 1 && are_halves(&set->items[set->n - 2], &set->items[set->n - 1], &whole)) {
		set->items[set->n - 2] = whole;
		set->n--;
	}
}

static struct pps_prefixes make_prefixes(const struct pps_prefix_set *from, uint8_t family)
{
	struct pps_prefixes set = {pps_alloc((from->n + 1) * sizeof(*from->items)), 0};
	size_t n = 0;

	if (from->any) {
		set.items[0].addr.family = family;
		set.n = 1;
		return set;
	}
	for (size_t i = 0; i < from->n; i++) {
		if (from->items[i].addr.family != family)
			continue;
		set.items[n] = from->items[i];
		pps_addr_mask(&set.items[n].addr, set.items[n].len);
		n++;
	}
	qsort(set.items, n, sizeof(*set.items), pps_prefix_compare);
	for (size_t i = 0; i < n; i++) {
		struct pps_prefix prefix = set.items[i];

		push_prefix(&set, &prefix);
	}
	return set;
}

void pps_shape_make(const struct pps_rule *rule, struct pps_shape *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->directions = (uint8_t)rule->direction;
	for (unsigned int i = 0; i < 2; i++) {
		ret->src[i] = make_prefixes(&rule->source, i == 0 ? 4 : 6);
		ret->dst[i] = make_prefixes(&rule->destination, i == 0 ? 4 : 6);
	}
	ret->vlans = make_vlans(&rule->vlans);
	ret->terms = pps_alloc(rule->n_terms * sizeof(*ret->terms));
	ret->n_terms = rule->n_terms;
	for (size_t i = 0; i < rule->n_terms; i++) {
		const struct pps_term *term = &rule->terms[i];
		struct pps_shape_term *made = &ret->terms[i];

		made->protocol = term->protocol;
		made->src_ports = make_ranges(term->source_ports, term->n_source_ports);
		if (term->protocol == PPS_IP_ICMP || term->protocol == PPS_IP_ICMPV6)
			made->dst_ports = make_icmp(term);
		else
			made->dst_ports = make_ranges(term->ports, term->n_ports);
	}
}

void pps_shape_fini(struct pps_shape *shape)
{
	for (unsigned int i = 0; i < 2; i++) {
		free(shape->src[i].items);
		free(shape->dst[i].items);
	}
	free(shape->vlans.items);
	for (size_t i = 0; i < shape->n_terms; i++) {
		free(shape->terms[i].src_ports.items);
		free(shape->terms[i].dst_ports.items);
	}
	free(shape->terms);
	memset(shape, 0, sizeof(*shape));
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t pps_shape_term_entries(
	const struct pps_shape *shape, const struct pps_shape_term *term, unsigned int context)
{
	unsigned int f = pps_context_family(context) == 6;
	uint64_t n;

	if ((shape->directions & pps_context_direction(context)) == 0 ||
		!pps_shape_term_has_family(term, pps_context_family(context)))
		return 0;
	n = multiply(shape->src[f].n, shape->dst[f].n);
	n = multiply(n, multiply(term->src_ports.n, term->dst_ports.n));
	return multiply(n, shape->vlans.n);
}

uint64_t pps_shape_entries(const struct pps_shape *shape, unsigned int context)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < shape->n_terms; i++) {
		uint64_t n = pps_shape_term_entries(shape, &shape->terms[i], context);

		if (__builtin_add_overflow(sum, n, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static bool ranges_overlap(const struct pps_ranges *a, const struct pps_ranges *b)
{
	size_t i = 0, k = 0;

	while (i < a->n && k < b->n) {
		if (a->items[i].hi < b->items[k].lo)
			i++;
		else if (b->items[k].hi < a->items[i].lo)
			k++;
		else
			return true;
	}
	return false;
}

/* Two prefixes are disjoint or one covers the other. */
static bool prefixes_overlap(const struct pps_prefixes *a, const struct pps_prefixes *b)
{
	size_t i = 0, k = 0;

	while (i < a->n && k < b->n) {
		if (pps_prefix_covers(&a->items[i], &b->items[k]) ||
			pps_prefix_covers(&b->items[k], &a->items[i]))
			return true;
		if (pps_prefix_compare(&a->items[i], &b->items[k]) < 0)
			i++;
		else
			k++;
	}
	return false;
}

static bool terms_overlap(const struct pps_shape *a, const struct pps_shape *b, uint8_t family)
{
	for (size_t i = 0; i < a->n_terms * b->n_terms; i++) {
		const struct pps_shape_term *x = &a->terms[i / b->n_terms];
		const struct pps_shape_term *y = &b->terms[i % b->n_terms];

		if (x->protocol != y->protocol && x->protocol != PPS_PROTOCOL_ANY &&
			y->protocol != PPS_PROTOCOL_ANY)
			continue;
		if (pps_shape_term_has_family(x, family) && pps_shape_term_has_family(y, family) &&
			ranges_overlap(&x->src_ports, &y->src_ports) &&
			ranges_overlap(&x->dst_ports, &y->dst_ports))
			return true;
	}
	return false;
}

bool pps_shape_overlaps(const struct pps_shape *a, const struct pps_shape *b)
{
	if ((a->directions & b->directions) == 0 || !ranges_overlap(&a->vlans, &b->vlans))
		return false;
	for (unsigned int f = 0; f < 2; f++) {
		if (terms_overlap(a, b, f == 0 ? 4 : 6) &&
			prefixes_overlap(&a->src[f], &b->src[f]) &&
			prefixes_overlap(&a->dst[f], &b->dst[f]))
			return true;
	}
	return false;
}
