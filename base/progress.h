/* SPDX-License-Identifier: MIT */
/*
 * What a job says of itself in the file that RESRUN_STATUS names: lines of
 *   stage=WORDS progress=PERCENT        also progress=DONE/ALL; each alone or both
 * or what `ffmpeg -progress` writes, whose out_time counts against a line duration=TIME. The last
 * word on each matter holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define PROGRESS_STAGE_SIZE 64
#define PROGRESS_UNKNOWN (-1.0)

struct progress {
	char stage[PROGRESS_STAGE_SIZE]; /* "": not said; no control characters */
	double percent; /* 0 to 100, or PROGRESS_UNKNOWN */
};

/* How much longer it takes when it goes on as it did; UINT64_MAX: nothing to go by. */
uint64_t progress_left(double percent, uint64_t ran_ns);

/* What holds at the end of the text. What is not of that form is passed over. */
void progress_parse(const char *text, struct progress *ret);

/* The same of a file; of a long one, its beginning and its end. Only a regular file that belongs to
 * `owner` is read. 0 or -errno. */
rr_checked int progress_read(const char *path, uid_t owner, struct progress *ret);
