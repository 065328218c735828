/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The configuration of ppsfwd. Cases are rows: what is added to the smallest good file ('single'
 * quotes stand for double ones, ` for an
 * apostrophe, ~ for the file's folder), and the errors expected or what the
 * result must say when it is printed.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../app/ppsfwd/config_priv.h"
#include "unit.h"

#define SEGMENT  "'segments':[{'name':'s','inside':'a','outside':'b'}]"
#define MINIMAL  SEGMENT ",'policy':'p.json'"
#define WITH(x)  "{" MINIMAL "," x "}"
#define WIRES(x) "{'policy':'p','segments':[" x "]}"

/* ---- a folder for each case ---- */

struct place {
	char folder[128];
	char file[160];
};

static void write_file(const char *folder, const char *name, const char *text)
{
	char *path = pps_asprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static void make_place(struct place *place, const char *name)
{
	snprintf(place->folder, sizeof(place->folder), "/tmp/test_config.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place->folder));
	if (*name) {
		size_t len = strlen(place->folder);

		snprintf(place->folder + len, sizeof(place->folder) - len, "/%s", name);
		CU_ASSERT_EQUAL_FATAL(mkdir(place->folder, 0700), 0);
	}
	snprintf(place->file, sizeof(place->file), "%s/config.json", place->folder);
	write_file(place->folder, "in.pcap", "");
}

static void remove_place(struct place *place)
{
	char *capture = pps_asprintf("%s/in.pcap", place->folder);

	unlink(capture);
	free(capture);
	unlink(place->file);
	rmdir(place->folder);
	if (strchr(place->folder + strlen("/tmp/"), '/')) {
		*strrchr(place->folder, '/') = '\0';
		rmdir(place->folder);
	}
}

/* The text of a row, as it is meant. */
static char *expand(const char *text, const char *folder)
{
	struct pps_str out = PPS_STR_INIT;

	for (; *text; text++) {
		if (*text == '~')
			pps_str_add(&out, folder);
		else if (*text == '\'' || *text == '`')
			pps_str_add(&out, *text == '`' ? "'" : "\"");
		else
			pps_str_add_bytes(&out, text, 1);
	}
	return pps_str_take(&out);
}

static struct config *load(struct place *place, const char *text, struct pps_errors *errors)
{
	char *expanded = expand(text, place->folder);

	write_file(place->folder, "config.json", expanded);
	free(expanded);
	return config_load(place->file, errors);
}

static void compare(const char *found, const char *row, const char *folder)
{
	char *expected = expand(row, folder);

	if (strcmp(found, expected) != 0)
		fprintf(stderr, "# expected:\n%s# found:\n%s", expected, found);
	CU_ASSERT_STRING_EQUAL(found, expected);
	free(expected);
}

static void expect_refused(const char *text, const char *expected)
{
	struct pps_str printed = PPS_STR_INIT;
	struct pps_errors errors = {0};
	struct place place;

	make_place(&place, "");
	CU_ASSERT_PTR_NULL(load(&place, text, &errors));
	pps_errors_print(&errors, &printed);
	compare(pps_str_text(&printed), expected, place.folder);
	pps_str_fini(&printed);
	pps_errors_fini(&errors);
	remove_place(&place);
}

/* Loads a good file; expects that the print has 'line'. Returns nothing: that is all there is. */
static void expect_line(const char *text, const char *row)
{
	struct pps_str printed = PPS_STR_INIT;
	struct pps_errors errors = {0};
	struct config *config;
	struct place place;
	char *line;

	make_place(&place, "");
	config = load(&place, text, &errors);
	CU_ASSERT_PTR_NOT_NULL(config);
	pps_errors_print(&errors, &printed);
	if (config)
		config_print(config, &printed);
	line = expand(row, place.folder);
	if (!strstr(pps_str_text(&printed), line))
		fprintf(stderr, "# expected: %s\n# found:\n%s", line, pps_str_text(&printed));
	CU_ASSERT_PTR_NOT_NULL(strstr(pps_str_text(&printed), line));
	free(line);
	config_free(config);
	pps_str_fini(&printed);
	pps_errors_fini(&errors);
	remove_place(&place);
}

/* ---- rows ---- */

#define REFUSED(X)                                                                                 \
	X(a_list_is_no_configuration, "[]", "[] is not an object\n")                               \
	X(broken_json_is_told_with_its_line, "{\n'mode': }",                                       \
		"line 2, column 9: unexpected token near `}`\n")                                   \
	X(a_key_written_twice_is_refused, "{'mode':'audit','mode':'inline'}",                      \
		"line 1, column 22: duplicate object key near `'mode'`\n")                         \
	X(an_empty_object_lacks_segments_and_policy, "{}",                                         \
		"missing key 'segments'\nmissing key 'policy'\n")                                  \
	X(an_unknown_key_is_answered_with_the_nearest, WITH("'sockets':'x'"),                      \
		"unknown key 'sockets' (did you mean 'socket'?)\n")                                \
	X(an_unknown_key_of_a_segment_is_refused,                                                  \
		WIRES("{'name':'s','inside':'a','outside':'b','mtus':1500}"),                      \
		"segments[0]: unknown key 'mtus' (did you mean 'mtu'?)\n")                         \
	X(a_key_of_events_is_answered_with_the_nearest, WITH("'events':{'rotate_mb':1}"),          \
		"events: unknown key 'rotate_mb' (did you mean 'rotate_mib'?)\n")                  \
	X(a_segment_needs_both_ports_and_a_name, WIRES("{}"),                                      \
		"segments[0]: missing key 'name'\nsegments[0]: missing key 'inside'\n"             \
		"segments[0]: missing key 'outside'\n")                                            \
	X(no_segment_is_refused, "{'policy':'p','segments':[]}",                                   \
		"segments: [] is not a list of 1 to 16 segments\n")                                \
	X(segments_are_a_list, "{'policy':'p','segments':{}}",                                     \
		"segments: {} is not a list of 1 to 16 segments\n")                                \
	X(a_segment_is_an_object, WIRES("'s'"), "segments[0]: 's' is not an object\n")             \
	X(segments_have_different_names,                                                           \
		WIRES("{'name':'s','inside':'a','outside':'b'},"                                   \
		      "{'name':'s','inside':'c','outside':'d'}"),                                  \
		"segments[1].name: 's' is the name of segments[0] already\n")                      \
	X(a_port_has_one_place,                                                                    \
		WIRES("{'name':'s','inside':'a','outside':'a'},"                                   \
		      "{'name':'t','inside':'a','outside':'b'}"),                                  \
		"segments[0].outside: 'a' is segments[0].inside already\n"                         \
		"segments[1].inside: 'a' is segments[0].inside already\n")                         \
	X(a_segment_name_has_no_spaces, WIRES("{'name':'my dmz','inside':'a','outside':'b'}"),     \
		"segments[0].name: 'my dmz' is not a name (1 to 32 letters, digits, '.', '_', "    \
		"'-')\n")                                                                          \
	X(a_port_name_is_text, WIRES("{'name':'s','inside':7,'outside':''}"),                      \
		"segments[0].inside: 7 is not a string\nsegments[0].outside: it is empty\n")       \
	X(an_mtu_below_576_is_refused, WIRES("{'name':'s','inside':'a','outside':'b','mtu':575}"), \
		"segments[0].mtu: 575 is not a whole number (576-9600)\n")                         \
	X(an_mtu_above_9600_is_refused,                                                            \
		WIRES("{'name':'s','inside':'a','outside':'b','mtu':9601}"),                       \
		"segments[0].mtu: 9601 is not a whole number (576-9600)\n")                        \
	X(a_policy_is_a_path, "{" SEGMENT ",'policy':{}}", "policy: {} is not a string\n")         \
	X(a_policy_is_not_empty, "{" SEGMENT ",'policy':''}", "policy: it is empty\n")             \
	X(a_path_has_no_control_characters, WITH("'state':'a\\u001bb'"),                           \
		"state: 'a\\u001Bb' has a control character in it\n")                              \
	X(a_slip_in_the_mode_is_answered_with_the_right_word, WITH("'mode':'inlin'"),              \
		"mode: 'inlin' is none of 'inline', 'audit', 'observer' (did you mean "            \
		"'inline'?)\n")                                                                    \
	X(a_mode_is_a_word, WITH("'mode':1"),                                                      \
		"mode: 1 is none of 'inline', 'audit', 'observer'\n")                              \
	X(an_unknown_way_of_polling_is_refused, WITH("'poll':'lazy'"),                             \
		"poll: 'lazy' is none of 'adaptive', 'busy'\n")                                    \
	X(an_unknown_clock_is_refused, WITH("'clock':'sundial'"),                                  \
		"clock: 'sundial' is none of 'system', 'capture'\n")                               \
	X(an_unknown_log_level_is_refused, WITH("'log':'chatty'"),                                 \
		"log: 'chatty' is none of 'error', 'warning', 'info', 'debug'\n")                  \
	X(more_workers_than_64_are_refused, WITH("'workers':65"),                                  \
		"workers: 65 is not a whole number (1-64)\n")                                      \
	X(no_worker_is_refused, WITH("'workers':0"), "workers: 0 is not a whole number (1-64)\n")  \
	X(fewer_than_1024_flows_are_refused, WITH("'flows':1023"),                                 \
		"flows: 1023 is not a whole number (1024-67108864)\n")                             \
	X(more_than_2_to_the_26_flows_are_refused, WITH("'flows':67108865"),                       \
		"flows: 67108865 is not a whole number (1024-67108864)\n")                         \
	X(half_a_flow_is_refused, WITH("'flows':2048.5"),                                          \
		"flows: 2048.5 is not a whole number (1024-67108864)\n")                           \
	X(no_half_open_flow_is_refused, WITH("'half_open':{'max':0}"),                             \
		"half_open.max: 0 is not a whole number (1-67108864)\n")                           \
	X(more_half_open_flows_than_flows_are_refused,                                             \
		WITH("'flows':1024,'half_open':{'max':1025}"),                                     \
		"half_open.max: 1025 is more than flows (1024)\n")                                 \
	X(more_ipv6_flows_than_flows_are_refused, WITH("'flows':1024,'flows_ipv6':1025"),          \
		"flows_ipv6: 1025 is more than flows (1024)\n")                                    \
	X(a_share_larger_than_the_whole_is_refused,                                                \
		WITH("'half_open':{'max':100,'per_source':101}"),                                  \
		"half_open.per_source: 101 is more than half_open.max (100)\n")                    \
	X(signatures_need_a_ca_and_a_number, WITH("'signatures':{'subjects':['CN=A']}"),           \
		"signatures: missing key \"ca\"\nsignatures: missing key "                         \
		"\"signatures_required\"\n")                                                       \
	X(signatures_by_anybody_are_refused,                                                       \
		WITH("'signatures':{'ca':'a','signatures_required':1}"),                           \
		"signatures: it needs \"subjects\" or \"extended_key_usage\", because whoever "    \
		"has a "                                                                           \
		"certificate of the CA could sign\n")                                              \
	X(signatures_by_nobody_are_refused,                                                        \
		WITH("'signatures':{'ca':'a','subjects':['CN=A'],'signatures_required':0}"),       \
		"signatures.signatures_required: 0 is not a whole number (1-32)\n")                \
	X(more_signatures_than_signers_are_refused,                                                \
		WITH("'signatures':{'ca':'a','subjects':['CN=A','CN=B','CN=A'],"                   \
		     "'signatures_required':3}"),                                                  \
		"signatures: 3 signatures are required, and only 2 different subjects may sign\n") \
	X(an_empty_list_of_subjects_is_refused,                                                    \
		WITH("'signatures':{'ca':'a','subjects':[],'signatures_required':1}"),             \
		"signatures.subjects: [] is not a list of 1 to 64 subjects\n")                     \
	X(a_usage_nobody_knows_is_refused,                                                         \
		WITH("'signatures':{'ca':'a','extended_key_usage':'policing',"                     \
		     "'signatures_required':1}"),                                                  \
		"signatures.extended_key_usage: \"policing\" is neither an OID (1.3.6.1...) nor "  \
		"the "                                                                             \
		"name of one (codeSigning)\n")                                                     \
	X(half_open_is_an_object, WITH("'half_open':100"), "half_open: 100 is not an object\n")    \
	X(a_negative_number_is_refused, WITH("'events':{'keep':-1}"),                              \
		"events.keep: -1 is not a whole number (0-1000)\n")                                \
	X(files_of_no_size_are_refused, WITH("'events':{'rotate_mib':0}"),                         \
		"events.rotate_mib: 0 is not a whole number (1-65536)\n")                          \
	X(an_events_file_is_a_path_or_null, WITH("'events':{'file':false}"),                       \
		"events.file: false is not a string\n")                                            \
	X(events_are_an_object, WITH("'events':'x'"), "events: 'x' is not an object\n")            \
	X(more_than_a_day_of_picking_up_is_refused, WITH("'tcp_loose_seconds':86401"),             \
		"tcp_loose_seconds: 86401 is not a whole number (0-86400)\n")                      \
	X(too_much_build_memory_is_refused, WITH("'build_mib':1048577"),                           \
		"build_mib: 1048577 is not a whole number (0-1048576)\n")                          \
	X(a_socket_path_of_108_bytes_is_refused,                                                   \
		WITH("'socket':'/"                                                                 \
		     "1234567890123456789012345678901234567890123456789012345678901234567890123"   \
		     "4567890123456789012345678901234567'"),                                       \
		"socket: '/"                                                                       \
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890" \
		"123456789012345678901234567' is 108 bytes long, a socket`s path at most 107\n")   \
	X(access_lists_are_lists, WITH("'access':{'admin':'root'}"),                               \
		"access.admin: 'root' is not a list of at most 64 user names or '@group' names\n") \
	X(access_names_are_names, WITH("'access':{'admin':['@'],'view':['a b',7]}"),               \
		"access.admin[0]: '@' is not a user name or '@group'\n"                            \
		"access.view[0]: 'a b' is not a user name or '@group'\n"                           \
		"access.view[1]: 7 is not a string\n")                                             \
	X(eal_is_a_list, WITH("'eal':'-m 512'"),                                                   \
		"eal: '-m 512' is not a list of at most 256 strings\n")                            \
	X(eal_arguments_are_strings, WITH("'eal':['-m',512]"), "eal[1]: 512 is not a string\n")    \
	X(help_and_the_end_of_arguments_are_refused, WITH("'eal':['--help','--','-h']"),           \
		"eal[0]: '--help' is refused: it would print EAL`s help instead of starting\n"     \
		"eal[1]: '--' is refused: the list holds EAL`s arguments alone\n"                  \
		"eal[2]: '-h' is refused: it would print EAL`s help instead of starting\n")        \
	X(no_huge_and_in_memory_exclude_each_other, WITH("'eal':['--no-huge','--in-memory']"),     \
		"eal: EAL cannot have '--no-huge' and '--in-memory' together\n")                   \
	X(a_capture_that_is_not_there_is_told, WITH("'eal':['--vdev=net_pcap0,rx_pcap=no.pcap']"), \
		"eal[0]: rx_pcap: cannot read '~/no.pcap': No such file or directory\n")           \
	X(an_output_whose_folder_is_not_there_is_told,                                             \
		WITH("'eal':['--vdev','net_pcap0,tx_pcap=no/out.pcap']"),                          \
		"eal[1]: tx_pcap: cannot make files in '~/no': No such file or directory\n")       \
	X(a_capture_needs_a_path, WITH("'eal':['--vdev=net_pcap0,rx_pcap=,infinite_rx=1']"),       \
		"eal[0]: rx_pcap= without a path\n")                                               \
	X(all_mistakes_are_reported_at_once,                                                       \
		"{'mode':'x','segments':[{'name':'s','inside':'a','mtu':1}],'flows':'many'}",      \
		"mode: 'x' is none of 'inline', 'audit', 'observer'\n"                             \
		"segments[0].mtu: 1 is not a whole number (576-9600)\n"                            \
		"segments[0]: missing key 'outside'\n"                                             \
		"flows: 'many' is not a whole number (1024-67108864)\n"                            \
		"missing key 'policy'\n")

/* What segments of an observer may be. */
#define WATCH(x)  "{'mode':'observer','policy':'p','segments':[" x "]}"
#define MIRROR(x) "{'name':'s','mirror':'m'," x "}"
#define SEGMENTS_REFUSED(X)                                                                       \
	X(inline_mode_has_no_mirror_port, WIRES(MIRROR("'inside_prefixes':['::1']")),             \
		"segments[0].mirror: 'm': a mirror port is for mode 'observer' alone, and the "   \
		"mode is 'inline'\n")                                                             \
	X(audit_mode_has_no_mirror_port,                                                          \
		"{'segments':[" MIRROR(                                                           \
			"'inside_macs':['02:00:00:00:00:0a']") "],'policy':'p','mode':'audit'}",  \
		"segments[0].mirror: 'm': a mirror port is for mode 'observer' alone, and the "   \
		"mode is 'audit'\n")                                                              \
	X(a_mirror_port_needs_to_know_what_is_inside, WATCH("{'name':'s','mirror':'m'}"),         \
		"segments[0]: missing key 'inside_prefixes' or 'inside_macs': nothing else says " \
		"which side sent a frame of a 'mirror' port\n")                                   \
	X(the_sides_of_a_mirror_port_are_told_in_one_way,                                         \
		WATCH(MIRROR("'inside_prefixes':['::1'],'inside_macs':['02:00:00:00:00:0a']")),   \
		"segments[0].inside_macs: the sides are told by 'inside_prefixes' already\n")     \
	X(a_mirror_port_stands_alone,                                                             \
		WATCH(MIRROR("'inside':'a','outside':'b','inside_prefixes':['::1']")),            \
		"segments[0].inside: a 'mirror' port has both directions: it stands alone\n"      \
		"segments[0].outside: a 'mirror' port has both directions: it stands alone\n")    \
	X(without_a_mirror_port_nobody_asks_what_is_inside,                                       \
		WATCH("{'name':'s','inside':'a','outside':'b','inside_prefixes':['::1'],"         \
		      "'inside_macs':['02:00:00:00:00:0a']}"),                                    \
		"segments[0].inside_prefixes: it says which side sent a frame of a 'mirror' "     \
		"port, "                                                                          \
		"and this segment has none\n"                                                     \
		"segments[0].inside_macs: it says which side sent a frame of a 'mirror' port, "   \
		"and this segment has none\n")                                                    \
	X(a_tap_needs_both_ports, WATCH("{'name':'s','inside':'a'}"),                             \
		"segments[0]: missing key 'outside'\n")                                           \
	X(a_mirror_port_has_one_place,                                                            \
		WATCH("{'name':'s','inside':'m','outside':'b'},"                                  \
		      "{'name':'t','mirror':'m','inside_prefixes':['::1']}"),                     \
		"segments[1].mirror: 'm' is segments[0].inside already\n")                        \
	X(no_inside_prefix_is_refused, WATCH(MIRROR("'inside_prefixes':[]")),                     \
		"segments[0].inside_prefixes: [] is not a list of 1 to 1024 prefixes\n")          \
	X(inside_prefixes_are_prefixes,                                                           \
		WATCH(MIRROR("'inside_prefixes':['10.0.0.5/24','x',7,'0.0.0.0/0']")),             \
		"segments[0].inside_prefixes[0]: '10.0.0.5/24' has host bits set: write "         \
		"10.0.0.0/24 "                                                                    \
		"for the network, 10.0.0.5 for the host\n"                                        \
		"segments[0].inside_prefixes[1]: 'x' is not an IPv4 or IPv6 address\n"            \
		"segments[0].inside_prefixes[2]: 7 is not a string\n"                             \
		"segments[0].inside_prefixes[3]: '0.0.0.0/0' leaves nothing outside\n")           \
	X(inside_macs_are_mac_addresses,                                                          \
		WATCH(MIRROR("'inside_macs':['02:00','01:00:5e:00:00:01',{}]")),                  \
		"segments[0].inside_macs[0]: '02:00' is not a MAC address (02:00:00:00:00:0a)\n"  \
		"segments[0].inside_macs[1]: '01:00:5e:00:00:01' is the address of a group: no "  \
		"host sends from it\n"                                                            \
		"segments[0].inside_macs[2]: {} is not a string\n")                               \
	X(inside_macs_are_a_list, WATCH(MIRROR("'inside_macs':'02:00:00:00:00:0a'")),             \
		"segments[0].inside_macs: '02:00:00:00:00:0a' is not a list of 1 to 1024 MAC "    \
		"addresses\n")

#define ACCEPTED(X)                                                                               \
	X(the_policy_is_relative_to_the_file, "{" MINIMAL "}", "'policy': '~/p.json'")            \
	X(an_absolute_policy_stays, "{" SEGMENT ",'policy':'/etc/p.json'}",                       \
		"'policy': '/etc/p.json'")                                                        \
	X(inline_is_the_default_mode, "{" MINIMAL "}", "'mode': 'inline'")                        \
	X(audit_mode_is_read, WITH("'mode':'audit'"), "'mode': 'audit'")                          \
	X(observer_mode_is_read, WITH("'mode':'observer'"), "'mode': 'observer'")                 \
	X(an_observer_takes_a_mirror_port_and_prefixes,                                           \
		WATCH(MIRROR("'inside_prefixes':['198.51.100.0/24','2001:db8:1::/48']")),         \
		"'mirror': 'm',\n      'inside_prefixes': [\n        '198.51.100.0/24',\n"        \
		"        '2001:db8:1::/48'\n      ]")                                             \
	X(an_observer_takes_a_mirror_port_and_macs,                                               \
		WATCH(MIRROR("'inside_macs':['02:00:00:00:00:0A']")),                             \
		"'mirror': 'm',\n      'inside_macs': [\n        '02:00:00:00:00:0a'\n      ]")   \
	X(an_observer_takes_both_wirings,                                                         \
		WATCH("{'name':'t','inside':'a','outside':'b'}," MIRROR(                          \
			"'inside_prefixes':['::1']")),                                            \
		"'outside': 'b'\n    },\n    {\n      'name': 's',\n      'mirror': 'm'")         \
	X(the_mode_may_stand_behind_a_mirror_port,                                                \
		"{'segments':[" MIRROR(                                                           \
			"'inside_prefixes':['::1']") "],'policy':'p','mode':'observer'}",         \
		"'mirror': 'm'")                                                                  \
	X(all_flows_may_be_ipv6_by_default, WITH("'flows':2048"), "'flows_ipv6': 2048")           \
	X(a_part_of_flows_for_ipv6_is_read, WITH("'flows_ipv6':1024"), "'flows_ipv6': 1024")      \
	X(workers_sleep_without_packets_by_default, "{" MINIMAL "}", "'poll': 'adaptive'")        \
	X(busy_polling_is_read, WITH("'poll':'busy'"), "'poll': 'busy'")                          \
	X(the_system_clock_is_the_default, "{" MINIMAL "}", "'clock': 'system'")                  \
	X(the_capture_clock_is_read, WITH("'clock':'capture'"), "'clock': 'capture'")             \
	X(a_million_flows_are_the_default, "{" MINIMAL "}", "'flows': 1048576")                   \
	X(the_largest_flow_table_is_read, WITH("'flows':67108864"), "'flows': 67108864")          \
	X(half_of_the_flows_may_be_half_open, "{" MINIMAL "}",                                    \
		"'half_open': {\n    'max': 524288,\n    'per_source': 131072\n  }")              \
	X(signatures_are_read,                                                                    \
		WITH("'signatures':{'ca':'a','crl':'/b','subjects':['CN=A'],"                     \
		     "'extended_key_usage':'codeSigning','signatures_required':1}"),              \
		"'signatures': {\n    'ca': '~/a',\n    'crl': '/b',\n    'extended_key_usage': " \
		"'codeSigning',\n    'signatures_required': 1,\n    'subjects': [\n      "        \
		"'CN=A'\n  "                                                                      \
		"  ]\n  }")                                                                       \
	X(half_open_bounds_follow_the_flows, WITH("'flows':2000"),                                \
		"'max': 1000,\n    'per_source': 1000\n")                                         \
	X(the_share_follows_the_whole, WITH("'half_open':{'max':64000}"),                         \
		"'max': 64000,\n    'per_source': 16000\n")                                       \
	X(half_open_bounds_are_read, WITH("'half_open':{'max':7,'per_source':7}"),                \
		"'max': 7,\n    'per_source': 7\n")                                               \
	X(the_default_socket_is_where_the_client_looks, "{" MINIMAL "}",                          \
		"'socket': '/run/ppsfw/ppsfw.sock'")                                              \
	X(a_socket_is_relative_to_the_file, WITH("'socket':'s'"), "'socket': '~/s'")              \
	X(events_have_defaults, "{" MINIMAL "}",                                                  \
		"'file': '/var/log/ppsfw/events.jsonl',\n    'rotate_mib': 64,\n    'keep': 16")  \
	X(one_key_of_events_leaves_the_others, WITH("'events':{'file':'e','keep':0}"),            \
		"'file': '~/e',\n    'rotate_mib': 64,\n    'keep': 0")                           \
	X(events_can_be_switched_off, WITH("'events':{'file':null}"), "'file': null")             \
	X(the_state_folder_has_a_default, "{" MINIMAL "}", "'state': '/var/lib/ppsfw'")           \
	X(a_run_on_captures_keeps_no_state, "{" MINIMAL ",'clock':'capture'}", "'state': null")   \
	X(no_state_is_kept_where_none_is_wanted, WITH("'state':null"), "'state': null")           \
	X(nobody_has_access_by_default, "{" MINIMAL "}", "'admin': [],\n    'view': []")          \
	X(users_and_groups_are_read, WITH("'access':{'admin':['root'],'view':['@root']}"),        \
		"'admin': [\n      'root'\n    ],\n    'view': [\n      '@root'\n    ]")          \
	X(a_person_this_system_lacks_does_not_keep_the_wire_closed,                               \
		WITH("'access':{'view':['no.such.person']}"), "'no.such.person'")                 \
	X(connections_are_not_picked_up_by_default, "{" MINIMAL "}", "'tcp_loose_seconds': 0,")   \
	X(a_day_of_picking_up_is_read, WITH("'tcp_loose_seconds':86400"),                         \
		"'tcp_loose_seconds': 86400,")                                                    \
	X(a_gibibyte_is_the_default_for_building, "{" MINIMAL "}", "'build_mib': 1024")           \
	X(building_without_a_limit_is_read, WITH("'build_mib':0"), "'build_mib': 0")              \
	X(a_log_level_is_read, WITH("'log':'debug'"), "'log': 'debug'")                           \
	X(an_mtu_is_read, WIRES("{'name':'s','inside':'a','outside':'b','mtu':9000}"),            \
		"'outside': 'b',\n      'mtu': 9000")                                             \
	X(hugepages_without_files_are_the_default, "{" MINIMAL "}",                               \
		"'eal': [\n    '--in-memory',\n    '--no-telemetry'\n  ]")                        \
	X(no_eal_argument_at_all_is_read, WITH("'eal':[]"), "'eal': []")                          \
	X(captures_are_relative_to_the_file,                                                      \
		WITH("'eal':['--vdev=net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap']"),              \
		"'--vdev=net_pcap0,rx_pcap=~/in.pcap,tx_pcap=~/out.pcap'")                        \
	X(vdev_may_be_two_arguments, WITH("'eal':['--vdev','net_pcap0,rx_pcap=in.pcap']"),        \
		"'--vdev',\n    'net_pcap0,rx_pcap=~/in.pcap'")                                   \
	X(vdev_may_be_shortened, WITH("'eal':['--vd=net_pcap0,rx_pcap=in.pcap']"),                \
		"'--vdev=net_pcap0,rx_pcap=~/in.pcap'")                                           \
	X(absolute_captures_stay, WITH("'eal':['--vdev=net_pcap0,tx_pcap=/dev/null']"),           \
		"'--vdev=net_pcap0,tx_pcap=/dev/null'")                                           \
	X(every_capture_of_a_device_is_resolved,                                                  \
		WITH("'eal':['--vdev=net_pcap0,rx_pcap=in.pcap,rx_pcap=in.pcap,infinite_rx=1']"), \
		"'--vdev=net_pcap0,rx_pcap=~/in.pcap,rx_pcap=~/in.pcap,infinite_rx=1'")           \
	X(interfaces_are_no_paths, WITH("'eal':['--vdev=net_pcap0,iface=rx_pcap','--vdev=x']"),   \
		"'--vdev=net_pcap0,iface=rx_pcap',\n    '--vdev=x'")                              \
	X(other_arguments_stay_as_they_are, WITH("'eal':['-m','512','-a','rx_pcap=in.pcap']"),    \
		"'-m',\n    '512',\n    '-a',\n    'rx_pcap=in.pcap'")

#define REFUSED_TEST(name, text, expected)      \
	static void name(void)                  \
	{                                       \
		expect_refused(text, expected); \
	}
#define ACCEPTED_TEST(name, text, line)  \
	static void name(void)           \
	{                                \
		expect_line(text, line); \
	}
REFUSED(REFUSED_TEST)
SEGMENTS_REFUSED(REFUSED_TEST)
ACCEPTED(ACCEPTED_TEST)

/* ---- what is no row ---- */

static void a_file_that_is_not_there_is_an_error(void)
{
	struct pps_errors errors = {0};

	CU_ASSERT_PTR_NULL(config_load("/nowhere/config.json", &errors));
	CU_ASSERT_EQUAL_FATAL(errors.n, 1);
	CU_ASSERT_STRING_EQUAL(errors.items[0].text, "cannot read it: No such file or directory");
	pps_errors_fini(&errors);
	config_free(NULL);
}

static void a_folder_eal_cannot_take_is_an_error(void)
{
	static const char *const names[] = {"a,b", "a=b", "a[b", "a]b"};
	struct pps_errors errors = {0};
	struct place place;
	size_t i;

	for (i = 0; i < UNIT_COUNT(names); i++) {
		make_place(&place, names[i]);
		CU_ASSERT_PTR_NULL(
			load(&place, WITH("'eal':['--vdev=net_pcap0,rx_pcap=in.pcap']"), &errors));
		CU_ASSERT_EQUAL_FATAL(errors.n, 1);
		CU_ASSERT_PTR_NOT_NULL(strstr(errors.items[0].text, "EAL cannot take a path with"));
		pps_errors_fini(&errors);
		/* Nothing but EAL minds. */
		config_free(load(&place, "{" MINIMAL "}", &errors));
		CU_ASSERT_EQUAL(errors.n, 0);
		remove_place(&place);
	}
}

static void expect_equal_when_read_back(const char *text)
{
	struct pps_str first = PPS_STR_INIT, second = PPS_STR_INIT;
	struct pps_errors errors = {0};
	struct config *config;
	struct place place;

	make_place(&place, "");
	config = load(&place, text, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	config_print(config, &first);
	config_free(config);
	write_file(place.folder, "config.json", pps_str_text(&first));
	config = config_load(place.file, &errors);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	config_print(config, &second);
	config_free(config);
	CU_ASSERT_STRING_EQUAL(pps_str_text(&first), pps_str_text(&second));
	pps_str_fini(&first);
	pps_str_fini(&second);
	remove_place(&place);
}

static void what_is_printed_reads_back_equal(void)
{
	expect_equal_when_read_back(
		WITH("'eal':['--vdev','net_pcap0,rx_pcap=in.pcap'],'mode':'audit','events':"
		     "{'file':null},'access':{'admin':['root']},'log':'error','socket':'s'"));
	expect_equal_when_read_back(
		WATCH("{'name':'t','inside':'a','outside':'b','mtu':9000}," MIRROR(
			"'inside_prefixes':['::1','10.0.0.0/8']") ",{'name':'u','mirror':'n','"
								  "inside_macs':['02:00:00:00:00:"
								  "0a']}"));
}

static void lcores_go_round_when_cpus_are_few(void)
{
	static const struct {
		unsigned int cpus[4], n_cpus, workers;
		const char *expected;
	} cases[] = {
		{{0}, 1, 1, "0@0,1@0"},
		{{0, 1}, 2, 1, "0@0,1@1"},
		{{3, 9}, 2, 1, "0@3,1@9"},
		{{3, 9}, 2, 3, "0@3,1@9,2@3,3@9"},
		{{0, 1, 2, 3}, 4, 2, "0@0,1@1,2@2"},
		{{1023}, 1, 1, "0@1023,1@1023"},
	};
	struct pps_str out = PPS_STR_INIT;
	cpu_set_t allowed;
	size_t i, k;

	for (i = 0; i < UNIT_COUNT(cases); i++) {
		CPU_ZERO(&allowed);
		for (k = 0; k < cases[i].n_cpus; k++)
			CPU_SET(cases[i].cpus[k], &allowed);
		pps_str_clear(&out);
		config_map_lcores(&allowed, cases[i].workers, &out);
		CU_ASSERT_STRING_EQUAL(pps_str_text(&out), cases[i].expected);
	}
	pps_str_fini(&out);
}

/* How many arguments of EAL's vector begin with the text. */
static unsigned int count_arguments(char **argv, const char *begin)
{
	unsigned int n = 0;

	for (; *argv; argv++)
		n += !strncmp(*argv, begin, strlen(begin));
	return n;
}

static void eal_gets_lcores_and_a_log_level_unless_they_were_chosen(void)
{
	static const struct {
		const char *text;
		unsigned int lcores, levels;
	} cases[] = {
		{"{" MINIMAL "}", 1, 1},
		{WITH("'eal':['-l','0-1']"), 0, 1},
		{WITH("'eal':['-l0-1']"), 0, 1},
		{WITH("'eal':['-c','3']"), 0, 1},
		{WITH("'eal':['--lcores','0@0,1@0']"), 1, 1},
		{WITH("'eal':['--lcores=0@0,1@0']"), 1, 1},
		{WITH("'eal':['-S','2']"), 0, 1},
		{WITH("'eal':['--log-level=8']"), 1, 1},
		{WITH("'eal':['--log-level','lib.acl:8']"), 1, 1},
		{WITH("'eal':['--legacy-mem']"), 1, 1},
	};
	struct pps_errors errors = {0};
	struct config *config;
	struct place place;
	char **argv;
	int argc;
	size_t i;

	make_place(&place, "");
	for (i = 0; i < UNIT_COUNT(cases); i++) {
		config = load(&place, cases[i].text, &errors);
		CU_ASSERT_PTR_NOT_NULL_FATAL(config);
		argv = config_eal_argv(config, &argc);
		CU_ASSERT_STRING_EQUAL(argv[0], "ppsfwd");
		CU_ASSERT_PTR_NULL(argv[argc]);
		CU_ASSERT_EQUAL(count_arguments(argv, "--lcores"), cases[i].lcores);
		CU_ASSERT_EQUAL(count_arguments(argv, "--log-level"), cases[i].levels);
		config_eal_free(argv);
		config_free(config);
	}
	remove_place(&place);
}

static void eal_is_as_quiet_as_the_daemon(void)
{
	static const struct {
		const char *log, *argument;
	} cases[] = {
		{WITH("'log':'error'"), "--log-level=4"},
		{WITH("'log':'info'"), "--log-level=5"},
		{WITH("'log':'debug'"), "--log-level=7"},
	};
	struct pps_errors errors = {0};
	struct config *config;
	struct place place;
	char **argv;
	int argc;
	size_t i;

	make_place(&place, "");
	for (i = 0; i < UNIT_COUNT(cases); i++) {
		config = load(&place, cases[i].log, &errors);
		CU_ASSERT_PTR_NOT_NULL_FATAL(config);
		argv = config_eal_argv(config, &argc);
		CU_ASSERT_EQUAL(count_arguments(argv, cases[i].argument), 1);
		config_eal_free(argv);
		config_free(config);
	}
	remove_place(&place);
}

#define ROW(name, text, expected) UNIT_TEST(name),

static const struct unit_test tests[] = {
	REFUSED(ROW) SEGMENTS_REFUSED(ROW) ACCEPTED(ROW)
		UNIT_TEST(a_file_that_is_not_there_is_an_error),
	UNIT_TEST(a_folder_eal_cannot_take_is_an_error),
	UNIT_TEST(what_is_printed_reads_back_equal),
	UNIT_TEST(lcores_go_round_when_cpus_are_few),
	UNIT_TEST(eal_gets_lcores_and_a_log_level_unless_they_were_chosen),
	UNIT_TEST(eal_is_as_quiet_as_the_daemon),
};

int main(void)
{
	return unit_run("config", tests, UNIT_COUNT(tests));
}
