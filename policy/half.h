/* SPDX-License-Identifier: MIT */
/*
 * Files that are being written elsewhere than in our own directories, so that an audit finds them
 * when their writer is killed: while FILE is replaced (base/fd.h), STATE/halves/ID is a symbolic
 * link to the temporary file beside it. Killed before that file is made, or after it has its name,
 * there is a link that leads nowhere.
 */
#pragma once

#include "base/err.h"

#define HALVES_FOLDER "%.3800s/halves"

/* Notes that `target` will be replaced. Where nothing can be noted, it is written all the same. */
void half_begin(const char *state_dir, const char *job_id, const char *target);

/* It was, or was not. */
void half_end(const char *state_dir, const char *job_id);
