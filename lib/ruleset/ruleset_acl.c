/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "ruleset_fields.h"
#include "ruleset_priv.h"

/* Large enough for both families; a context copies as much as its own rules take. */
RTE_ACL_RULE_DEF(entry, FIELD6_COUNT);

static const char *context_word(unsigned int context)
{
	static const char *const words[PPS_CONTEXTS] = {
		"in-ipv4", "in-ipv6", "out-ipv4", "out-ipv6"};

	return words[context];
}

unsigned int pps_acl_count_fields(unsigned int context)
{
	return pps_context_family(context) == 6 ? FIELD6_COUNT : FIELD4_COUNT;
}

void pps_acl_name(unsigned int context, uint32_t generation, char *ret)
{
	snprintf(ret, RTE_ACL_NAMESIZE, "pps-%" PRIu32 "-%s", generation, context_word(context));
}

void pps_acl_heap(size_t *ret_used, size_t *ret_free)
{
	struct rte_malloc_socket_stats stats;

	*ret_used = *ret_free = 0;
	for (unsigned int i = 0; i < rte_socket_count(); i++) {
		int socket = rte_socket_id_by_idx(i);

		if (socket < 0 || rte_malloc_get_socket_stats(socket, &stats) < 0)
			continue;
		*ret_used += stats.heap_allocsz_bytes;
		*ret_free += stats.heap_freesz_bytes;
	}
}

static int create_context(struct pps_ruleset_priv *priv, unsigned int context, uint32_t entries,
	const struct pps_ruleset_params *params, struct pps_errors *errors)
{
	char name[RTE_ACL_NAMESIZE];
	struct rte_acl_param param = {
		.name = name,
		.socket_id = params->socket,
		.rule_size = RTE_ACL_RULE_SZ(pps_acl_count_fields(context)),
		.max_rule_num = entries,
	};

	pps_acl_name(context, params->generation, name);
	/* rte_acl_create() would hand out somebody else's context, with their rules in it. */
	if (rte_acl_find_existing(name) != NULL) {
		pps_errors_add(errors, NULL, "there is a ruleset of generation %" PRIu32 " already",
			params->generation);
		return -EEXIST;
	}
	priv->contexts[context] = rte_acl_create(&param);
	if (priv->contexts[context] == NULL) {
		pps_errors_add(errors, NULL,
			"no EAL memory for %" PRIu32 " %s entries (%zu MiB): %s", entries,
			context_word(context), ((size_t)entries * param.rule_size) >> 20,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	return 0;
}

int pps_acl_create(struct pps_ruleset_priv *priv, const uint64_t entries[PPS_CONTEXTS],
	const struct pps_ruleset_params *params, struct pps_errors *errors)
{
	int rc = 0;

	for (unsigned int i = 0; i < PPS_CONTEXTS && rc == 0; i++) {
		priv->plans[i].entries = entries[i];
		if (entries[i] > 0)
			rc = create_context(priv, i, (uint32_t)entries[i], params, errors);
	}
	return rc;
}

static uint32_t read_word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		bytes[3];
}

/* A prefix over 'n_words' 32-bit fields, each with its part of the length. */
static void set_prefix(
	struct rte_acl_field *fields, const struct pps_prefix *prefix, unsigned int n_words)
{
	for (unsigned int i = 0; i < n_words; i++) {
		unsigned int before = 32 * i;
		unsigned int len = prefix->len > before ? prefix->len - before : 0;

		fields[i].value.u32 = read_word(&prefix->addr.bytes[4 * i]);
		fields[i].mask_range.u32 = len < 32 ? len : 32;
	}
}

static void set_range(struct rte_acl_field *field, struct pps_range range)
{
	field->value.u16 = range.lo;
	field->mask_range.u16 = range.hi;
}

/* The 'number'th member of 'items', which counts 'n': takes one digit off the number. */
static size_t take_digit(uint64_t *number, size_t n)
{
	size_t digit = *number % n;

	*number /= n;
	return digit;
}

/* The entry that stands at 'number' in the product of a term's sets. */
static void fill_entry(struct entry *entry, const struct pps_shape *shape,
	const struct pps_shape_term *term, unsigned int context, uint64_t number)
{
	bool is_6 = pps_context_family(context) == 6;
	const struct pps_prefixes *src = &shape->src[is_6], *dst = &shape->dst[is_6];
	struct rte_acl_field *f = entry->field;
	bool any = term->protocol == PPS_PROTOCOL_ANY;

	memset(f, 0, sizeof(entry->field));
	f[0].value.u8 = any ? 0 : (uint8_t)term->protocol;
	f[0].mask_range.u8 = any ? 0 : UINT8_MAX;
	set_prefix(&f[is_6 ? (int)FIELD6_SRC : (int)FIELD4_SRC],
		&src->items[take_digit(&number, src->n)], is_6 ? 4 : 1);
	set_prefix(&f[is_6 ? (int)FIELD6_DST : (int)FIELD4_DST],
		&dst->items[take_digit(&number, dst->n)], is_6 ? 4 : 1);
	set_range(&f[is_6 ? (int)FIELD6_SRC_PORT : (int)FIELD4_SRC_PORT],
		term->src_ports.items[take_digit(&number, term->src_ports.n)]);
	set_range(&f[is_6 ? (int)FIELD6_DST_PORT : (int)FIELD4_DST_PORT],
		term->dst_ports.items[take_digit(&number, term->dst_ports.n)]);
	set_range(&f[is_6 ? (int)FIELD6_VLAN : (int)FIELD4_VLAN],
		shape->vlans.items[take_digit(&number, shape->vlans.n)]);
	set_range(
		&f[is_6 ? (int)FIELD6_ZERO : (int)FIELD4_ZERO], (struct pps_range){0, UINT16_MAX});
}

static int add_term(struct rte_acl_ctx *acl, struct entry *entry, const struct pps_shape *shape,
	const struct pps_shape_term *term, unsigned int context)
{
	uint64_t n = pps_shape_term_entries(shape, term, context);
	int rc = 0;

	for (uint64_t i = 0; i < n && rc == 0; i++) {
		fill_entry(entry, shape, term, context, i);
		rc = rte_acl_add_rules(acl, (const struct rte_acl_rule *)entry, 1);
	}
	return rc;
}

static uint64_t mean_length(const struct pps_prefixes *prefixes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < prefixes->n; i++)
		sum += prefixes->items[i].len;
	return sum / prefixes->n;
}

int pps_acl_add(struct pps_ruleset_priv *priv, const struct pps_shape *shape, uint32_t userdata,
	int32_t priority)
{
	struct entry entry = {
		.data = {.category_mask = 1, .priority = priority, .userdata = userdata}};
	int rc = 0;

	for (unsigned int i = 0; i < PPS_CONTEXTS; i++) {
		unsigned int f = pps_context_family(i) == 6;

		uint64_t n = pps_shape_entries(shape, i);

		if (n == 0)
			continue;
		priv->plans[i].src_bits += n * mean_length(&shape->src[f]);
		priv->plans[i].dst_bits += n * mean_length(&shape->dst[f]);
		for (size_t k = 0; k < shape->n_terms && rc == 0; k++)
			rc = add_term(priv->contexts[i], &entry, shape, &shape->terms[k], i);
	}
	return rc;
}

/* Bytes of the process that RLIMIT_DATA counts. */
static int read_data_size(uint64_t *ret_bytes)
{
	FILE *file = fopen("/proc/self/status", "re");
	uint64_t kib = 0;
	char line[256];
	bool found = false;

	if (file == NULL)
		return -errno;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = sscanf(line, "VmData: %" SCNu64 " kB", &kib) == 1;
	fclose(file);
	*ret_bytes = kib << 10;
	return found ? 0 : -ENOENT;
}

/*
 * rte_acl_build() takes all the memory its tries ask for: a few hundred rules that each bind
 * another field can ask for gigabytes. The kernel says no in time, and rte_acl takes that well.
 */
static int limit_data(size_t limit, struct rlimit *ret_before, struct pps_errors *errors)
{
	struct rlimit bound;
	uint64_t now;
	int rc = read_data_size(&now);

	if (rc == 0 && getrlimit(RLIMIT_DATA, ret_before) < 0)
		rc = -errno;
	if (rc < 0)
		goto fail;
	bound = *ret_before;
	if (bound.rlim_cur == RLIM_INFINITY || now + limit < bound.rlim_cur)
		bound.rlim_cur = now + limit;
	if (setrlimit(RLIMIT_DATA, &bound) == 0)
		return 0;
	rc = -errno;
fail:
	pps_errors_add(
		errors, NULL, "the memory of the build cannot be limited: %s", strerror(-rc));
	return rc;
}

/* Appends fields 'first' to 'end' of a table. Those that were one input stay one. */
static void append_fields(struct rte_acl_config *config, const struct rte_acl_field_def *fields,
	unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		struct rte_acl_field_def *def = &config->defs[config->num_fields++];

		*def = fields[i];
		if (i == 0)
			continue;
		def->input_index = def[-1].input_index;
		if (i == first || fields[i].input_index != fields[i - 1].input_index)
			def->input_index++;
	}
}

/*
 * rte_acl walks its inputs in the order of the fields, and takes another trie, which is another
 * walk for every packet, for rules that would copy too many nodes of those before: where a field in
 * which rules are alike, as "any" is, stands before one in which they differ. So the address that
 * tells rules apart comes first, then the ports, and the other address behind them.
 *
 * Whether a large table of some kind of rules is quick to build, or can be built at all, depends on
 * the order as well, either way: up to so many entries the one for fast walks is tried first, above
 * that the other one; and where memory does not suffice for one, it may for the other.
 */
#define ONE_TRIE_ENTRIES 2000

enum field_order { ADDRESSES_FIRST, TELLING_FIRST, FIELD_ORDER_COUNT };

static void order_fields(struct rte_acl_config *config, unsigned int context,
	const struct pps_context_plan *plan, enum field_order order)
{
	bool is_6 = pps_context_family(context) == 6;
	const struct rte_acl_field_def *fields = is_6 ? fields6 : fields4;
	unsigned int src = is_6 ? (int)FIELD6_SRC : (int)FIELD4_SRC;
	unsigned int dst = is_6 ? (int)FIELD6_DST : (int)FIELD4_DST;
	unsigned int ports = is_6 ? (int)FIELD6_SRC_PORT : (int)FIELD4_SRC_PORT;
	unsigned int vlan = is_6 ? (int)FIELD6_VLAN : (int)FIELD4_VLAN;

	append_fields(config, fields, 0, src);
	if (order == ADDRESSES_FIRST) {
		append_fields(config, fields, src, vlan);
	} else if (plan->src_bits > plan->dst_bits) {
		append_fields(config, fields, src, dst);
		append_fields(config, fields, ports, vlan);
		append_fields(config, fields, dst, ports);
	} else {
		append_fields(config, fields, dst, vlan);
		append_fields(config, fields, src, dst);
	}
	append_fields(config, fields, vlan, pps_acl_count_fields(context));
}

static int build_context(
	struct rte_acl_ctx *acl, unsigned int context, const struct pps_context_plan *plan)
{
	enum field_order first = plan->entries > ONE_TRIE_ENTRIES ? ADDRESSES_FIRST : TELLING_FIRST;
	int rc = -ENOMEM;

	for (unsigned int i = 0; i < FIELD_ORDER_COUNT && rc == -ENOMEM; i++) {
		struct rte_acl_config config = {
			.num_categories = 1,
			.max_size = 0, /* small tables: the other heuristics are what explodes */
		};

		order_fields(&config, context, plan, (first + i) % FIELD_ORDER_COUNT);
		rc = rte_acl_build(acl, &config);
	}
	return rc;
}

static void report_failure(int rc, unsigned int context, size_t limit, struct pps_errors *errors)
{
	size_t used, left;

	if (rc != -ENOMEM) {
		pps_errors_add(errors, NULL, "the policy cannot be compiled (%s): %s",
			context_word(context), strerror(-rc));
		return;
	}
	pps_acl_heap(&used, &left);
	if (limit == 0)
		pps_errors_add(errors, NULL,
			"the policy needs more memory to compile than there is "
			"(%zu MiB of EAL memory are free)",
			left >> 20);
	else
		pps_errors_add(errors, NULL,
			"the policy needs more than %zu MiB to compile, or tables larger than "
			"the %zu MiB of EAL memory that are free",
			limit >> 20, left >> 20);
}

int pps_acl_build(struct pps_ruleset_priv *priv, const struct pps_ruleset_params *params,
	struct pps_errors *errors)
{
	struct rlimit before;
	unsigned int i;
	int rc = 0;

	if (params->memory_limit > 0) {
		rc = limit_data(params->memory_limit, &before, errors);
		if (rc < 0)
			return rc;
	}
	for (i = 0; i < PPS_CONTEXTS; i++) {
		if (priv->contexts[i] != NULL)
			rc = build_context(priv->contexts[i], i, &priv->plans[i]);
		if (rc < 0)
			break;
	}
	/* Lifting the soft limit to where it was cannot be refused. */
	if (params->memory_limit > 0)
		setrlimit(RLIMIT_DATA, &before);
	if (rc < 0)
		report_failure(rc, i, params->memory_limit, errors);
	return rc;
}

void pps_acl_free(struct pps_ruleset_priv *priv)
{
	for (unsigned int i = 0; i < PPS_CONTEXTS; i++) {
		rte_acl_free(priv->contexts[i]);
		priv->contexts[i] = NULL;
	}
}
