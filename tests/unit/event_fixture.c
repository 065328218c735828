/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>

#include <pps_addr.h>

#include "event_fixture.h"

#define FILES_MAX 10000

void event_place_make(struct event_place *place)
{
	strcpy(place->folder, "/tmp/test_event.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/events", place->folder);
}

void event_place_remove(struct event_place *place)
{
	DIR *folder = opendir(place->folder);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char *path = pps_asprintf("%s/%s", place->folder, entry->d_name);

		if (entry->d_name[0] != '.')
			remove(path);
		free(path);
	}
	closedir(folder);
	CU_ASSERT_EQUAL(rmdir(place->folder), 0);
}

char *event_place_text(const struct event_place *place, unsigned int i)
{
	char *path = i == 0 ? pps_strdup(place->path) : pps_asprintf("%s.%u", place->path, i);
	char *text = NULL;
	size_t len;

	if (pps_file_read(path, 256u << 20, &text, &len) < 0)
		text = NULL;
	free(path);
	return text;
}

static void add_lines(json_t *array, const char *text)
{
	const char *newline;
	json_t *object;

	for (; *text != '\0'; text = newline + 1) {
		newline = strchr(text, '\n');
		CU_ASSERT_PTR_NOT_NULL(newline);
		if (newline == NULL)
			return;
		object = json_loadb(text, (size_t)(newline - text), JSON_REJECT_DUPLICATES, NULL);
		CU_ASSERT_PTR_NOT_NULL(object);
		json_array_append_new(array, object);
	}
}

json_t *event_place_lines(const struct event_place *place)
{
	json_t *array = json_array();
	unsigned int n = 0;
	char *text;

	while (n < FILES_MAX && (text = event_place_text(place, n + 1)) != NULL) {
		free(text);
		n++;
	}
	for (unsigned int i = n + 1; i-- > 0;) {
		text = event_place_text(place, i);
		if (text != NULL)
			add_lines(array, text);
		free(text);
	}
	return array;
}

struct pps_event_log *event_log_at(
	const struct event_place *place, uint64_t rotate_bytes, unsigned int keep)
{
	struct pps_errors errors = {0};
	struct pps_event_log_params params = {
		.file = place == NULL ? NULL : place->path,
		.rotate_bytes = rotate_bytes,
		.keep = keep,
	};
	struct pps_event_log *log = pps_event_log_create(&params, &errors);

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	CU_ASSERT_EQUAL(errors.n_total, 0);
	return log;
}

void event_check_sequence(const json_t *array, uint64_t first, uint64_t last)
{
	size_t n_wrong = 0;

	CU_ASSERT_EQUAL(json_array_size(array), last - first + 1);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *seq = json_object_get(json_array_get(array, i), "seq");

		n_wrong += (uint64_t)json_integer_value(seq) != first + i;
	}
	CU_ASSERT_EQUAL(n_wrong, 0);
}

void event_set_up(struct event_fixture *f, unsigned int ring_size)
{
	static const char *const segments[] = {"dmz", "lab"};
	struct pps_event_log_params params = {.segments = segments, .n_segments = 2};
	struct pps_errors errors = {0};

	f->stats = pps_worker_stats_create();
	f->source = pps_event_source_create("test", ring_size, f->stats);
	f->book = pps_rule_book_create();
	params.book = f->book;
	f->log = pps_event_log_create(&params, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->source);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->log);
}

void event_tear_down(struct event_fixture *f)
{
	pps_event_log_destroy(f->log);
	pps_event_source_destroy(f->source);
	pps_rule_book_destroy(f->book);
	pps_worker_stats_destroy(f->stats);
}

struct pps_packet event_make_packet(
	uint8_t protocol, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct pps_packet packet = {.protocol = protocol, .l4_offset = 34};
	struct pps_addr addr;

	CU_ASSERT_EQUAL(pps_addr_parse(src, &addr, NULL), 0);
	memcpy(packet.src, addr.bytes, sizeof(packet.src));
	CU_ASSERT_EQUAL(pps_addr_parse(dst, &addr, NULL), 0);
	memcpy(packet.dst, addr.bytes, sizeof(packet.dst));
	packet.family = addr.family;
	packet.ethertype = addr.family == 4 ? PPS_ETHERTYPE_IPV4 : PPS_ETHERTYPE_IPV6;
	packet.src_port = rte_cpu_to_be_16(src_port);
	packet.dst_port = rte_cpu_to_be_16(dst_port);
	return packet;
}

struct pps_packet event_make_telnet(uint16_t src_port)
{
	return event_make_packet(PPS_IP_TCP, "203.0.113.9", src_port, "198.51.100.10", 23);
}

void event_add_flow_start(struct event_fixture *f, uint64_t wall_ns)
{
	struct pps_flow_key key = {.v4 = {.protocol = PPS_IP_TCP}};
	struct pps_flow_cold cold = {.started_ns = wall_ns};
	struct pps_flow flow = {0};

	pps_event_flow(f->source, PPS_EVENT_FLOW_START, wall_ns, &key, &flow, &cold, 0);
}

void event_write_many(struct pps_event_log *log, unsigned int n, size_t len)
{
	char *text = pps_alloc(len + 1);

	memset(text, 'e', len);
	for (unsigned int i = 0; i < n; i++)
		pps_event_log_write(log, NOW, "test", json_pack("{s:s}", "text", text));
	free(text);
}
