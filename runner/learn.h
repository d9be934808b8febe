/* SPDX-License-Identifier: MIT */
/* Completes the plan by what runs of the same key needed before, and remembers what this one did.
 */
#pragma once

#include <stdio.h>

#include "runner/plan.h"
#include "runner/supervise.h"

/* Before each attempt: what is `auto` gets its value, and what is known to be needed is reserved.
 * Fails nothing: what cannot be read is told, and then nothing is known. */
void learn(struct plan *plan);

/* For --dry-run: the prediction and its ground. */
void learn_print(const struct plan *plan, FILE *out);

/* After a run. Fails nothing. */
void learn_from_run(const struct plan *plan, const struct limit_set *limits,
		    const struct outcome *outcome);
