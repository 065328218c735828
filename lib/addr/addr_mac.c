/* SPDX-License-Identifier: BSD-3-Clause */
#include "pps_addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)((at - digits) % 16) : -1;
}

int pps_mac_parse(const char *text, struct pps_mac *ret_mac, const char **ret_why)
{
	struct pps_mac mac;

	for (unsigned int i = 0; i < sizeof(mac.bytes); i++) {
		int high = hex_value(text[0]), low = high < 0 ? -1 : hex_value(text[1]);

		if (low < 0 || text[2] != (i + 1 < sizeof(mac.bytes) ? ':' : '\0')) {
			if (ret_why != NULL)
				*ret_why = "is not a MAC address (02:00:00:00:00:0a)";
			return -EINVAL;
		}
		mac.bytes[i] = (uint8_t)(high << 4 | low);
		text += 3;
	}
	*ret_mac = mac;
	return 0;
}

const char *pps_mac_format(const struct pps_mac *mac, char out[PPS_MAC_TEXT_MAX])
{
	snprintf(out, PPS_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac->bytes[0],
		mac->bytes[1], mac->bytes[2], mac->bytes[3], mac->bytes[4], mac->bytes[5]);
	return out;
}
