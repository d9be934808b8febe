/* SPDX-License-Identifier: MIT */
/*
 * Whether io.weight does anything. Nearly every kernel has the file, and takes what is written; but
 * only two things on a disk look at it, and both are off unless somebody turned them on: the
 * scheduler bfq, which moreover has a file of its own for it, and io.cost.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BFQ_WEIGHT_FILE "io.bfq.weight"

/* True when some disk of this host goes by weights; else words on why none does. `mount`: of the
 * hierarchy, whose root says whether io.cost is on. */
bool io_weight_holds(const char *mount, char *why_not, size_t size);

/* A disk that could be told to, or NULL: "sda". */
const char *io_weight_disk(char *buf, size_t size);

/* The weight (1 to 10000, 100 is normal) as bfq counts (1 to 1000, 100 is normal). */
uint64_t io_weight_for_bfq(uint64_t weight);
