/* SPDX-License-Identifier: MIT */
/* CRC-32C (Castagnoli), the checksum of every record that resrun keeps on disk. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The CRC of the bytes; rr_crc32c("123456789", 9) is 0xe3069283 (RFC 3720, appendix B.4). */
uint32_t rr_crc32c(const void *data, size_t length);
