/* SPDX-License-Identifier: MIT */
/* Clears away what killed launchers left: what every start does in passing, and --recover alone. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "policy/paths.h"
#include "runner/options.h"
#include "runner/signals.h"

/* Frees the slots of dead launchers, when what is left of their jobs has been ended, and wakes who
 * waits for them. 0 or -errno with words. */
rr_checked int recover_slots(const struct paths *paths, struct rr_err *err);

/* Whether nothing of that job, whose launcher is dead or just dying, goes on: its slot is free. */
bool recover_is_over(const struct paths *paths, const char *job_id);

/* At a start: runs the hooks that killed launchers missed, once nothing of their jobs goes on.
 * Trouble is told, and keeps nothing from starting. */
void recover_missed(const struct paths *paths, const struct signals *signals);

/* --recover: frees the slots of dead launchers, when what is left of their jobs has been ended,
 * wakes who waits for them, and runs the hooks that were missed. 0 or -errno with words. */
rr_checked int recover_alone(const struct request *request, struct rr_err *err);
