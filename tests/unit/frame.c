/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS_MAX 32

/* What a header is when nothing is said about it. */
struct header {
	const char *name;
	int number; /* by which the header before names it; -1: it does not */
	int next_at; /* where it names what follows; -1: nowhere */
	uint32_t size;
	char bytes[41]; /* the first of them; the rest is zero */
};

#define IPV6_PAIR \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define ARP_REQUEST "\0\1\x08\0\6\4\0\1\x02\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\2"

static const struct header headers[] = {
	{"eth", -1, 12, 14, "\x02\0\0\0\0\2\x02\0\0\0\0\1\x88\xb5"},
	{"vlan", 0x8100, 2, 4, "\0\1\x88\xb5"},
	{"qinq", 0x88a8, 2, 4, "\0\1\x88\xb5"},
	{"qold", 0x9100, 2, 4, "\0\1\x88\xb5"},
	{"arp", 0x0806, -1, 28, ARP_REQUEST},
	{"llc", -2, -1, 3, "\x42\x42\x03"},
	{"snap", -2, -1, 8, "\xaa\xaa\x03\0\0\0\x08\0"},
	{"ip4", 0x0800, 9, 20, "\x45\0\0\0\0\1\0\0\x40\xfd\0\0\x0a\0\0\1\x0a\0\0\2"},
	{"ip6", 0x86dd, 6, 40, "\x60\0\0\0\0\0\x3b\x40" IPV6_PAIR},
	{"hbh", 0, 0, 8, "\x3b\0\1\4"},
	{"dst", 60, 0, 8, "\x3b\0\1\4"},
	{"rt", 43, 0, 8, "\x3b\0\4\0"},
	{"frag", 44, 0, 8, "\x3b\0\0\0\0\0\0\7"},
	{"ah", 51, 0, 16, "\x3b\2"},
	{"tcp", 6, -1, 20, "\x9c\x40\x01\xbb\0\0\0\1\0\0\0\2\x50\x10\xff\xff"},
	{"udp", 17, -1, 8, "\x9c\x40\0\x35"},
	{"udplite", 136, -1, 8, "\x9c\x40\0\x35\0\x08"},
	{"sctp", 132, -1, 16, "\x9c\x40\x0b\x59\0\0\0\5\0\0\0\0\0\0\0\4"},
	{"chunk", -1, -1, 4, "\0\0\0\4"},
	{"dccp", 33, -1, 20, "\x9c\x40\0\x35\5\0\0\0\1"},
	{"icmp", 1, -1, 8, "\x08\0\0\0\x12\x34"},
	{"icmp6", 58, -1, 8, "\x80\0\0\0\x12\x34"},
	{"igmp", 2, -1, 8, "\x16"},
	{"gre", 47, -1, 4, "\0\0\x08\0"},
	{"esp", 50, -1, 8, "\0\0\0\1\0\0\0\1"},
};

/* A field of a header: 'size' bytes, big endian, of which the bits of 'mask' are it. */
struct field {
	const char *header, *name;
	uint8_t offset, size;
	uint32_t mask;
};

static const struct field fields[] = {
	{"eth", "type", 12, 2, 0xffff},
	{"vlan", "id", 0, 2, 0x0fff},
	{"vlan", "priority", 0, 2, 0xf000},
	{"vlan", "type", 2, 2, 0xffff},
	{"qinq", "id", 0, 2, 0x0fff},
	{"qold", "id", 0, 2, 0x0fff},
	{"arp", "hw", 0, 2, 0xffff},
	{"arp", "proto", 2, 2, 0xffff},
	{"arp", "hlen", 4, 1, 0xff},
	{"arp", "plen", 5, 1, 0xff},
	{"arp", "op", 6, 2, 0xffff},
	{"arp", "mac", 8, 1, 0xff},
	{"llc", "dsap", 0, 1, 0xff},
	{"llc", "ssap", 1, 1, 0xff},
	{"snap", "oui", 5, 1, 0xff},
	{"snap", "type", 6, 2, 0xffff},
	{"ip4", "ver", 0, 1, 0xf0},
	{"ip4", "ihl", 0, 1, 0x0f},
	{"ip4", "len", 2, 2, 0xffff},
	{"ip4", "id", 4, 2, 0xffff},
	{"ip4", "df", 6, 2, 0x4000},
	{"ip4", "mf", 6, 2, 0x2000},
	{"ip4", "off", 6, 2, 0x1fff},
	{"ip4", "ttl", 8, 1, 0xff},
	{"ip4", "proto", 9, 1, 0xff},
	{"ip4", "sum", 10, 2, 0xffff},
	{"ip4", "src", 12, 4, 0xffffffff},
	{"ip4", "dst", 16, 4, 0xffffffff},
	{"ip6", "ver", 0, 1, 0xf0},
	{"ip6", "len", 4, 2, 0xffff},
	{"ip6", "nh", 6, 1, 0xff},
	{"ip6", "hop", 7, 1, 0xff},
	{"ip6", "src", 8, 16, 0},
	{"ip6", "dst", 24, 16, 0},
	{"hbh", "len", 1, 1, 0xff},
	{"hbh", "nh", 0, 1, 0xff},
	{"hbh", "opt", 2, 4, 0xffffffff},
	{"dst", "len", 1, 1, 0xff},
	{"dst", "nh", 0, 1, 0xff},
	{"rt", "nh", 0, 1, 0xff},
	{"rt", "len", 1, 1, 0xff},
	{"rt", "type", 2, 1, 0xff},
	{"rt", "left", 3, 1, 0xff},
	{"frag", "nh", 0, 1, 0xff},
	{"frag", "off", 2, 2, 0xfff8},
	{"frag", "mf", 2, 2, 0x0001},
	{"frag", "id", 4, 4, 0xffffffff},
	{"ah", "nh", 0, 1, 0xff},
	{"ah", "len", 1, 1, 0xff},
	{"tcp", "sport", 0, 2, 0xffff},
	{"tcp", "dport", 2, 2, 0xffff},
	{"tcp", "seq", 4, 4, 0xffffffff},
	{"tcp", "ack", 8, 4, 0xffffffff},
	{"tcp", "doff", 12, 1, 0xf0},
	{"tcp", "flags", 13, 1, 0xff},
	{"tcp", "win", 14, 2, 0xffff},
	{"udp", "sport", 0, 2, 0xffff},
	{"udp", "dport", 2, 2, 0xffff},
	{"udp", "len", 4, 2, 0xffff},
	{"udplite", "sport", 0, 2, 0xffff},
	{"udplite", "dport", 2, 2, 0xffff},
	{"udplite", "cov", 4, 2, 0xffff},
	{"sctp", "sport", 0, 2, 0xffff},
	{"sctp", "dport", 2, 2, 0xffff},
	{"sctp", "tag", 4, 4, 0xffffffff},
	{"sctp", "chunk", 12, 1, 0xff},
	{"sctp", "t", 13, 1, 0x01},
	{"sctp", "clen", 14, 2, 0xffff},
	{"sctp", "itag", 16, 4, 0xffffffff},
	{"chunk", "type", 0, 1, 0xff},
	{"chunk", "t", 1, 1, 0x01},
	{"chunk", "clen", 2, 2, 0xffff},
	{"dccp", "sport", 0, 2, 0xffff},
	{"dccp", "dport", 2, 2, 0xffff},
	{"dccp", "doff", 4, 1, 0xff},
	{"dccp", "cov", 5, 1, 0x0f},
	{"dccp", "type", 8, 1, 0x1e},
	{"dccp", "x", 8, 1, 0x01},
	{"icmp", "type", 0, 1, 0xff},
	{"icmp", "code", 1, 1, 0xff},
	{"icmp", "id", 4, 2, 0xffff},
	{"icmp6", "type", 0, 1, 0xff},
	{"icmp6", "code", 1, 1, 0xff},
	{"icmp6", "id", 4, 2, 0xffff},
	{"icmp6", "count", 6, 2, 0xffff},
	{"gre", "flags", 0, 2, 0xffff},
	{"gre", "type", 2, 2, 0xffff},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct layer {
	const struct header *header;
	uint32_t at;
	uint64_t said; /* bit n: the field at byte n was given a value */
};

struct maker {
	const char *text; /* the whole line, for complaints */
	uint8_t *frame;
	uint32_t len; /* so far */
	uint32_t pad;
	uint32_t cut; /* UINT32_MAX: not at all */
	struct layer layers[LAYERS_MAX];
	unsigned int n_layers;
};

static void complain(const struct maker *maker, const char *word)
{
	printf("Bail out! frame \"%s\": \"%s\"?\n", maker->text, word);
	exit(99);
}

static struct layer *last_layer(struct maker *maker)
{
	return &maker->layers[maker->n_layers - 1];
}

static void put(uint8_t *at, unsigned int size, uint32_t value)
{
	for (unsigned int i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

static uint32_t get(const uint8_t *at, unsigned int size)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static uint64_t bit_of_byte(unsigned int offset)
{
	return 1ull << offset;
}

static void put_field(
	struct maker *maker, struct layer *layer, const struct field *field, const char *value)
{
	static const char flags[] = "FSRPAUEC";
	uint8_t *at = maker->frame + layer->at + field->offset;
	uint32_t number = 0;
	struct in_addr addr;
	char *end = NULL;

	layer->said |= bit_of_byte(field->offset);
	if (field->size == 16) {
		if (inet_pton(AF_INET6, value, at) != 1)
			complain(maker, value);
		return;
	}
	if (inet_pton(AF_INET, value, &addr) == 1) {
		number = ntohl(addr.s_addr);
	} else if (strcmp(field->name, "flags") == 0 && value[0] != '0') {
		for (; *value != '\0' && *value != '-'; value++) {
			if (strchr(flags, *value) == NULL)
				complain(maker, value);
			number |= 1u << (strchr(flags, *value) - flags);
		}
	} else {
		number = (uint32_t)strtoul(value, &end, 0);
		if (*end != '\0')
			complain(maker, value);
	}
	number *= field->mask & -field->mask;
	put(at, field->size, (get(at, field->size) & ~field->mask) | (number & field->mask));
}

static void add_bytes(struct maker *maker, const char *hex)
{
	unsigned int byte;

	for (; hex[0] != '\0'; hex += 2) {
		if (sscanf(hex, "%2x", &byte) != 1 || maker->len == FRAME_MAX)
			complain(maker, hex);
		maker->frame[maker->len++] = (uint8_t)byte;
	}
}

/* IPv4's or TCP's. */
static void add_options(struct maker *maker, const struct layer *layer, const char *hex)
{
	uint8_t *header = maker->frame + layer->at;

	add_bytes(maker, hex);
	if (strcmp(layer->header->name, "tcp") == 0)
		header[12] = (uint8_t)((maker->len - layer->at) / 4 << 4);
	else
		header[0] = (uint8_t)(0x40 | (maker->len - layer->at) / 4);
}

static void set(struct maker *maker, const char *name, const char *value)
{
	struct layer *layer = last_layer(maker);

	if (strcmp(name, "data") == 0) {
		maker->len += (uint32_t)atoi(value);
	} else if (strcmp(name, "hex") == 0) {
		add_bytes(maker, value);
	} else if (strcmp(name, "opts") == 0) {
		add_options(maker, layer, value);
	} else if (strcmp(name, "wscale") == 0) {
		char option[sizeof("010303xx")];

		snprintf(option, sizeof(option), "010303%02x", (unsigned int)atoi(value) & 0xff);
		add_options(maker, layer, option);
	} else if (strcmp(name, "pad") == 0) {
		maker->pad = (uint32_t)atoi(value);
	} else if (strcmp(name, "cut") == 0) {
		maker->cut = (uint32_t)atoi(value);
	} else {
		for (size_t i = 0; i < COUNT(fields); i++) {
			if (strcmp(fields[i].header, layer->header->name) == 0 &&
				strcmp(fields[i].name, name) == 0) {
				put_field(maker, layer, &fields[i], value);
				return;
			}
		}
		complain(maker, name);
	}
}

static void add_header(struct maker *maker, const char *name)
{
	struct layer *layer = &maker->layers[maker->n_layers];

	for (size_t i = 0; i < COUNT(headers); i++) {
		if (strcmp(headers[i].name, name) == 0)
			layer->header = &headers[i];
	}
	if (layer->header == NULL || maker->n_layers == LAYERS_MAX - 1)
		complain(maker, name);
	maker->n_layers++;
	layer->at = maker->len;
	memcpy(maker->frame + layer->at, layer->header->bytes, layer->header->size);
	maker->len += layer->header->size;
}

/* Puts a value where the text said none. */
static void fill(struct maker *maker, const struct layer *layer, int offset, unsigned int size,
	uint32_t value)
{
	if (offset >= 0 && (layer->said & bit_of_byte((unsigned int)offset)) == 0)
		put(maker->frame + layer->at + offset, size, value);
}

static uint32_t checksum4(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < (ip[0] & 0x0fu) * 4; i += 2)
		sum += i == 10 ? 0 : get(ip + i, 2);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Where the last chunk of layer 'i' ends. */
static uint32_t chunk_end(const struct maker *maker, unsigned int i)
{
	const struct layer *next = &maker->layers[i + 1];

	if (i + 1 < maker->n_layers && strcmp(next->header->name, "chunk") == 0)
		return next->at;
	return maker->len;
}

static void fill_layer(struct maker *maker, unsigned int i)
{
	const struct layer *layer = &maker->layers[i];
	const struct header *next = i + 1 < maker->n_layers ? layer[1].header : NULL;
	const char *name = layer->header->name;
	uint32_t len = maker->len - layer->at;
	uint32_t number = next == NULL || next->number < 0 ? 0 : (uint32_t)next->number;
	unsigned int next_size = layer->header->number == -1 || layer->header->next_at == 2 ? 2 : 1;

	/* IP inside IP is told by a protocol number and not by an ethertype. */
	if (next_size == 1 && number > 0xff)
		number = number == 0x0800 ? 4 : 41;
	if (next != NULL && next->number >= 0)
		fill(maker, layer, layer->header->next_at, next_size, number);
	if (next != NULL && next->number == -2)
		fill(maker, layer, layer->header->next_at, 2, maker->len - layer[1].at);
	if (strcmp(name, "ip4") == 0) {
		fill(maker, layer, 2, 2, len);
		fill(maker, layer, 10, 2, checksum4(maker->frame + layer->at));
	} else if (strcmp(name, "ip6") == 0) {
		fill(maker, layer, 4, 2, len - 40);
	} else if (strcmp(name, "tcp") == 0) {
		fill(maker, layer, 4, 4, (maker->frame[layer->at + 13] & 2) != 0 ? 1 : 2);
	} else if (strcmp(name, "udp") == 0) {
		fill(maker, layer, 4, 2, len);
	} else if (strcmp(name, "sctp") == 0) {
		fill(maker, layer, 14, 2, chunk_end(maker, i) - layer->at - 12);
	} else if (strcmp(name, "chunk") == 0) {
		fill(maker, layer, 2, 2, chunk_end(maker, i) - layer->at);
	}
}

uint32_t frame_make(const char *text, uint8_t frame[FRAME_MAX])
{
	struct maker maker = {.text = text, .frame = frame, .cut = UINT32_MAX};
	char *words = strdup(text);
	char *rest = words;
	char *word;

	memset(frame, 0, FRAME_MAX);
	add_header(&maker, "eth");
	while ((word = strsep(&rest, " ")) != NULL) {
		char *value = strchr(word, '=');

		if (*word == '\0')
			continue;
		if (value == NULL) {
			add_header(&maker, word);
			continue;
		}
		*value++ = '\0';
		set(&maker, word, value);
	}
	free(words);
	for (unsigned int i = 0; i < maker.n_layers; i++)
		fill_layer(&maker, i);
	maker.len += maker.pad;
	return maker.cut < maker.len ? maker.cut : maker.len;
}
