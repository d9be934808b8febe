/* SPDX-License-Identifier: MIT */
/*
 * The live line of a job that runs: its stage and progress. Only with --chronic, on a terminal: as
 * long as a job writes to the terminal itself, all of that is the job's.
 */
#pragma once

#include "runner/supervise.h"

/* Draws it, at most once a second. */
void live_show(const struct watch_order *order);

/* Clears it. */
void live_end(void);
