/* SPDX-License-Identifier: MIT */
/*
 * A cpu.weight counts among siblings only, and a leaf has none but other jobs of resrun, or none at
 * all: the group around it would be given its own share of the machine whatever the leaf weighs. So
 * that group is as heavy as the heaviest leaf in it.
 */
#pragma once

#include <stdint.h>

/* A leaf of that weight has come, or weighs as much from now on. */
void weight_settle(const char *leaf_path, uint64_t weight);

/* A leaf of that group has gone. */
void weight_left(const char *group_path);
