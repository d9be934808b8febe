/* SPDX-License-Identifier: MIT */
/* Records of the history on stdout, as they come: one JSON object, CSV, or a table. */
#pragma once

#include "control/index.h"

enum history_format { HISTORY_TABLE, HISTORY_CSV, HISTORY_JSON };

struct history_output;

/* NULL out of memory. */
struct history_output *history_output_begin(enum history_format format, struct index *index);
/* arg: the struct history_output *; for index_each. */
int history_output_run(const struct index_run *run, void *arg);
/* Ends and frees it. The number of records whose line had been damaged since it was indexed. */
size_t history_output_end(struct history_output *output);
