/* SPDX-License-Identifier: MIT */
/*
 * The file in which a job may say how far it is (base/progress.h): RESRUN_STATUS names it. It is
 * the job's to make, and ours to remove. A job without one runs as well.
 */
#pragma once

#include "runner/plan.h"

/* Sets RESRUN_STATUS for job and hooks, and makes the directory that it lies in. */
void status_file_offer(const struct plan *plan);

void status_file_remove(const struct plan *plan);
