/* SPDX-License-Identifier: MIT */
#include "base/checksum.h"

#include <stdbool.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* Castagnoli, reflected */

/* table[k][b]: the effect of byte b followed by k zero bytes, so that four bytes go at a time. */
static uint32_t table[4][256];

static void build_table(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
		table[0][byte] = crc;
	}
	for (int k = 1; k < 4; k++)
		for (uint32_t byte = 0; byte < 256; byte++)
			table[k][byte] =
				table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 0xff];
}

uint32_t rr_crc32c(const void *data, size_t length)
{
	static bool ready;
	const uint8_t *at = data;
	uint32_t crc = UINT32_MAX;

	if (!ready) {
		build_table();
		ready = true;
	}
	for (; length >= 4; length -= 4, at += 4) {
		crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
		       (uint32_t)at[3] << 24;
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^
		      table[1][crc >> 16 & 0xff] ^ table[0][crc >> 24];
	}
	for (; length > 0; length--, at++)
		crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
	return ~crc;
}
