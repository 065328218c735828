/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * explain --pcap: frames of a capture, each as if it came now. The daemon changes nothing by it, so
 * every frame is judged by the flows there are: of a conversation that nobody has begun, the first
 * packet alone is told to pass.
 *
 * A capture does not say from which side a frame came. Where the command line does not either, both
 * are asked.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include <pps_ctl.h>

#include "cli.h"

#define FRAMES_DEFAULT 1000
#define HEAD_MAX       2048 /* what the daemon wants of a frame: see commands.h */

struct capture {
	struct cli *cli;
	struct pps_ctl_client *client;
	json_t *params; /* "segment", and "direction" when one was given */
	pcap_t *pcap;
	uint64_t wanted; /* the one frame that is asked about, or 0: all */
	uint64_t number; /* of the frame read last, from 1 */
	uint64_t told;
	struct table *table; /* of all frames, for people */
	json_t *list; /* for programs */
};

/* ---- one frame ---- */

static json_t *frame_params(const struct capture *capture, const struct pcap_pkthdr *header,
	const u_char *data, const char *direction)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = header->caplen < HEAD_MAX ? header->caplen : HEAD_MAX;
	json_t *params = json_deep_copy(capture->params);
	char hex[2 * HEAD_MAX + 1];

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[data[i] >> 4];
		hex[2 * i + 1] = digits[data[i] & 15];
	}
	hex[2 * n] = '\0';
	json_object_set_new(params, "direction", json_string(direction));
	json_object_set_new(params, "frame", json_string(hex));
	json_object_set_new(params, "length", json_integer(header->len));
	return params;
}

/* What the packet is, from what the daemon read of it. */
static void add_packet(struct pps_str *to, const json_t *packet)
{
	if (get_has(packet, "ethertype")) {
		pps_str_addf(to, "ethertype %s", get_text(packet, "ethertype"));
		return;
	}
	if (!get_has(packet, "protocol")) {
		pps_str_addf(to, "%" PRIu64 " bytes", get_count(packet, "length"));
		return;
	}
	add_protocol(to, packet);
	pps_str_add(to, " ");
	add_endpoint(to, packet, "source");
	pps_str_add(to, " -> ");
	add_endpoint(to, packet, "destination");
}

static void print_whole(struct capture *capture, const char *time, const json_t *answers)
{
	struct output *o = &capture->cli->out;
	const json_t *answer;
	size_t i;

	json_array_foreach(answers, i, answer)
	{
		const json_t *packet = json_object_get(answer, "packet");
		struct pps_str text = PPS_STR_INIT;

		if (i > 0)
			out_end(o);
		add_packet(&text, packet);
		out_line(o, STYLE_BOLD, "frame %" PRIu64 " (%s) as %s %s", capture->number, time,
			get_text(packet, "direction"), pps_str_text(&text));
		out_end(o);
		print_explanation(o, answer);
		pps_str_fini(&text);
	}
}

static void print_row(struct capture *capture, const char *time, const json_t *answers)
{
	struct pps_str text = PPS_STR_INIT;
	const json_t *answer;
	size_t i;

	add_packet(&text, json_object_get(json_array_get(answers, 0), "packet"));
	table_cell(capture->table, STYLE_PLAIN, "%" PRIu64, capture->number);
	table_cell(capture->table, STYLE_PLAIN, "%s", time);
	table_cell(capture->table, STYLE_PLAIN, "%s", pps_str_text(&text));
	pps_str_fini(&text);
	json_array_foreach(answers, i, answer)
	{
		bool pass = strcmp(get_text(answer, "verdict"), "pass") == 0;
		const json_t *rule = json_object_get(answer, "rule");

		table_cell(capture->table, pass ? STYLE_GOOD : STYLE_BAD, "%s %s",
			get_text(answer, "verdict"),
			pass ? get_text(rule, "id") : get_text(answer, "reason"));
	}
}

/* Asks about the frame from each side it may have come from. */
static enum status tell_frame(
	struct capture *capture, const struct pcap_pkthdr *header, const u_char *data)
{
	const char *given = get_text(capture->params, "direction");
	char time[PPS_TIME_TEXT_MAX];
	json_t *answers = json_array();
	enum status status = CLI_OK;

	if (header->caplen < header->len && header->caplen < HEAD_MAX) {
		json_decref(answers);
		return failure(capture->cli,
			"%s: frame %" PRIu64 ": the capture kept %u bytes of %u",
			capture->cli->pcap, capture->number, header->caplen, header->len);
	}
	for (size_t i = 0; direction_choices[i] != NULL && status == CLI_OK; i++) {
		json_t *answer;

		if (*given != '\0' && strcmp(given, direction_choices[i]) != 0)
			continue;
		status = ask_daemon(capture->cli, capture->client, "explain",
			frame_params(capture, header, data, direction_choices[i]), &answer);
		if (status == CLI_OK)
			json_array_append_new(answers, answer);
	}
	/* pcap_open_offline_with_tstamp_precision(NANO) puts nanoseconds there. */
	pps_time_format((uint64_t)header->ts.tv_sec * PPS_NS_PER_SEC + (uint64_t)header->ts.tv_usec,
		6, time);
	if (status == CLI_OK) {
		capture->told++;
		if (capture->cli->json)
			json_array_append_new(capture->list,
				json_pack("{s:I, s:s, s:O}", "frame", (json_int_t)capture->number,
					"time", time, "answers", answers));
		else if (capture->wanted != 0)
			print_whole(capture, time, answers);
		else
			print_row(capture, time, answers);
	}
	json_decref(answers);
	return status;
}

/* ---- the capture ---- */

static enum status read_frames(struct capture *capture)
{
	uint64_t most = capture->cli->max != 0 ? capture->cli->max : FRAMES_DEFAULT;
	struct pcap_pkthdr *header;
	enum status status = CLI_OK;
	const u_char *data;
	int got = 1;

	while (status == CLI_OK && capture->told < most) {
		got = pcap_next_ex(capture->pcap, &header, &data);
		if (got != 1)
			break;
		capture->number++;
		if (capture->wanted == 0 || capture->number == capture->wanted)
			status = tell_frame(capture, header, data);
		if (capture->number == capture->wanted)
			return status;
	}
	if (status == CLI_OK && got == PCAP_ERROR)
		return failure(capture->cli, "%s: behind frame %" PRIu64 ": %s", capture->cli->pcap,
			capture->number, pcap_geterr(capture->pcap));
	if (status == CLI_OK && capture->wanted != 0)
		return failure(capture->cli,
			"%s: there are %" PRIu64 " frames, and no frame %" PRIu64,
			capture->cli->pcap, capture->number, capture->wanted);
	if (status == CLI_OK && got == 1 && pcap_next_ex(capture->pcap, &header, &data) == 1)
		failure(capture->cli, "only the first %" PRIu64 " frames are told; see --max",
			most);
	return status;
}

static enum status tell_frames(struct capture *capture)
{
	const char *direction = get_text(capture->params, "direction");
	struct column columns[5] = {{.title = "FRAME", .right = true}, {.title = "TIME"},
		{.title = "PACKET"}, {.title = "INBOUND"}, {.title = "OUTBOUND"}};
	enum status status;

	if (strcmp(direction, "outbound") == 0)
		columns[3].title = "OUTBOUND";
	capture->table = table_create(columns, *direction == '\0' ? 5 : 4);
	capture->list = json_array();
	status = read_frames(capture);
	if (capture->cli->json && status == CLI_OK) {
		json_t *answer = json_pack(
			"{s:s, s:O}", "file", capture->cli->pcap, "frames", capture->list);

		out_json(&capture->cli->out, answer);
		json_decref(answer);
	} else if (capture->wanted == 0) {
		table_print(capture->table, &capture->cli->out, 0, capture->cli->verbose);
	}
	table_destroy(capture->table);
	json_decref(capture->list);
	return status;
}

/* NULL after saying why. */
static pcap_t *open_capture(const struct cli *cli)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap =
		pcap_open_offline_with_tstamp_precision(cli->pcap, PCAP_TSTAMP_PRECISION_NANO, why);

	if (pcap == NULL) {
		failure(cli, "%s%s%s", strstr(why, cli->pcap) == NULL ? cli->pcap : "",
			strstr(why, cli->pcap) == NULL ? ": " : "", why);
		return NULL;
	}
	if (pcap_datalink(pcap) != DLT_EN10MB) {
		failure(cli, "%s: its frames are not Ethernet but %s", cli->pcap,
			pcap_datalink_val_to_description_or_dlt(pcap_datalink(pcap)));
		pcap_close(pcap);
		return NULL;
	}
	return pcap;
}

/* "[N] [DETAIL]": false after saying what is wrong. */
static bool read_words(struct cli *cli, struct capture *capture)
{
	bool has_number = cli->argc > 0 && *cli->argv[0] >= '0' && *cli->argv[0] <= '9';
	struct pps_errors errors = {0};
	const char *key;
	json_t *value;
	char *end;
	bool good;

	if (has_number) {
		errno = 0;
		capture->wanted = strtoull(cli->argv[0], &end, 10);
		if (*end != '\0' || errno != 0 || capture->wanted == 0)
			pps_errors_add(&errors, NULL, "\"%s\" is not the number of a frame, from 1",
				cli->argv[0]);
	}
	words_parse(&explain_words, cli->argc - has_number, cli->argv + has_number, capture->params,
		&errors);
	json_object_foreach(capture->params, key, value)
	{
		if (strcmp(key, "segment") != 0 && strcmp(key, "direction") != 0)
			pps_errors_add(
				&errors, NULL, "with --pcap, the frame itself says its %s", key);
	}
	for (size_t i = 0; i + 1 < errors.n; i++)
		failure(cli, "%s", errors.items[i].text);
	if (errors.n > 0)
		usage_error(cli, "%s", errors.items[errors.n - 1].text);
	good = errors.n == 0;
	pps_errors_fini(&errors);
	return good;
}

enum status explain_pcap(struct cli *cli)
{
	struct capture capture = {.cli = cli, .params = json_object()};
	enum status status = CLI_FAILED;

	if (!read_words(cli, &capture)) {
		json_decref(capture.params);
		return CLI_USAGE;
	}
	capture.pcap = open_capture(cli);
	if (capture.pcap == NULL)
		goto free_params;
	capture.client = connect_daemon(cli);
	if (capture.client == NULL)
		goto close_pcap;
	status = tell_frames(&capture);
	pps_ctl_client_destroy(capture.client);
close_pcap:
	pcap_close(capture.pcap);
free_params:
	json_decref(capture.params);
	return status;
}
