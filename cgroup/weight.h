/* SPDX-License-Identifier: MIT */
/*
 * A weight, for CPU or I/O, counts among siblings only, and a leaf has none but other jobs of
 * resrun, or none at all: the group around it would be given its own share of the machine whatever
 * the leaf weighs. So that group is as heavy as the heaviest leaf in it.
 */
#pragma once

#include <stdint.h>

#define CPU_WEIGHT_FILE "cpu.weight"
#define IO_WEIGHT_FILE "io.weight"

/* A leaf has come that weighs so much by that file, or does so from now on. */
void weight_settle(const char *leaf_path, const char *file, uint64_t weight);

/* A leaf of that group has gone. */
void weight_left(const char *group_path);
