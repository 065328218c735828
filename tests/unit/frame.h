/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FRAME_H
#define FRAME_H

/*
 * Frames from one line of text, for tests. Words are the headers from left to right; name=value
 * sets a field of the header before it; what is not said is filled in so that the frame is right:
 * ethertypes and protocol numbers, lengths, checksum. What is said stays, right or wrong. Both
 * sides of a TCP connection begin at 1: a SYN has sequence number 1, other segments 2, and all have
 * the acknowledgement 2 and a window of 65535.
 *
 *     "vlan id=5 ip4 ttl=1 dst=10.9.9.9 tcp flags=S dport=22 data=100"
 *     "ip6 hbh rt type=4 left=0 udp dport=53"
 *     "ip4 icmp type=3 ip4 tcp cut=70"         an error and its quote
 *
 * Headers   vlan qinq qold arp llc snap ip4 ip6 hbh dst rt frag ah tcp udp udplite sctp chunk dccp
 *           icmp icmp6 igmp gre esp (sctp has a chunk of its own, chunk is one more)
 * Also      data=N (N zero bytes), hex=BYTES, opts=HEX (IPv4's or TCP's; changes ihl or doff)
 *           wscale=N (TCP's option, and a byte to fill it up)
 *           pad=N (behind the end of the packet), cut=N (the frame ends after N bytes)
 * Values    decimal, 0x..., IPv4 and IPv6 addresses, TCP flags as letters (FSRPAUEC)
 *
 * A word that is not known ends the process: it is a mistake in the test.
 */

#include <stdint.h>

#define FRAME_MAX 66000

/* Returns the length of the frame written to 'frame'. */
uint32_t frame_make(const char *text, uint8_t frame[FRAME_MAX]);

#endif
