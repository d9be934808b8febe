/* SPDX-License-Identifier: MIT */
/* CRC-32C: the vectors of RFC 3720 B.4, and every length and alignment against bit by bit. */
#include "fixtures.h"

#include "base/checksum.h"

static void known_vectors(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
	/* An iSCSI SCSI read (10) command PDU. */
	static const uint8_t pdu[48] = { 0x01,	      0xc0,	   [16] = 0x14, [22] = 0x04,
					 [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02 };
	const struct {
		const char *name;
		const void *data;
		size_t length;
		uint32_t expected;
	} rows[] = {
		{ "nothing", "", 0, 0 },
		{ "a", "a", 1, 0xc1d04330 },
		{ "123456789", "123456789", 9, 0xe3069283 },
		{ "32 zeros", zeros, 32, 0x8a9136aa },
		{ "32 ones", ones, 32, 0x62a8ab43 },
		{ "0 to 31", up, 32, 0x46dd794e },
		{ "31 to 0", down, 32, 0x113fdb5c },
		{ "an iSCSI command", pdu, 48, 0xd9963a56 },
	};

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < 32; i++) {
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(31 - i);
	}
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rr_crc32c(rows[i].data, rows[i].length) != rows[i].expected)
			fail_msg("%s: %#x, not %#x", rows[i].name,
				 rr_crc32c(rows[i].data, rows[i].length), rows[i].expected);
}

static uint32_t bit_by_bit(const uint8_t *data, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (; length > 0; length--, data++) {
		crc ^= *data;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
	}
	return ~crc;
}

static void every_length_and_alignment(void **state)
{
	uint8_t data[300];
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)fixture_random(&seed);
	for (size_t start = 0; start < 8; start++)
		for (size_t length = 0; start + length <= sizeof(data); length++)
			assert_int_equal(rr_crc32c(data + start, length),
					 bit_by_bit(data + start, length));
}

static void every_single_bit_shows(void **state)
{
	uint8_t record[128] = { 7, 6, 5 };
	uint32_t whole = rr_crc32c(record, sizeof(record));

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(record); bit++) {
		record[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_not_equal(rr_crc32c(record, sizeof(record)), whole);
		record[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_vectors),
		cmocka_unit_test(every_length_and_alignment),
		cmocka_unit_test(every_single_bit_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
