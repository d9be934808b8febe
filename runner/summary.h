/* SPDX-License-Identifier: MIT */
/* A short table for the page of a CI job, where GITHUB_STEP_SUMMARY names a file for such. */
#pragma once

#include "policy/report.h"

/* Appends to the file that the environment names; nothing without one. Trouble is told. */
void summary_write(const struct report *report);
