/* SPDX-License-Identifier: MIT */
/* How much disk a directory of temporary files takes, as far as a short look can tell. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Allocated bytes of everything in the directory, on its own file system. *ret_complete is false
 * when there was more than there was time for. 0 or -errno. */
rr_checked int temp_size(const char *path, uint64_t *ret_bytes, bool *ret_complete);
