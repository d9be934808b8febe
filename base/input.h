/* SPDX-License-Identifier: MIT */
/*
 * How far processes have read their input: the position of their largest regular file, by
 * /proc/PID/fdinfo. It tells nothing of what is mapped into memory or read from a pipe.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Smaller files are scripts, libraries and settings: to have read them is no progress. */
#define INPUT_MIN_BYTES (UINT64_C(1) << 20)

struct input {
	pid_t pid;
	uint64_t position, size;
	char path[PATH_MAX]; /* no control characters */
};

/* Reads the text of /proc/PID/fdinfo/N: the position, and whether it is open for reading only.
 * False when it is not of that form. */
bool input_parse(const char *text, uint64_t *ret_position, bool *ret_read_only);

/* The largest file that one of them reads and has read some of. False when there is none, or none
 * that we may look at. */
bool input_find(const char *proc, const pid_t *pids, size_t n, struct input *ret);

/* 0 to 100. */
double input_percent(const struct input *input);
