/* SPDX-License-Identifier: MIT */
/*
 * What resrun says to people, on stderr and in one form: "resrun: message". On a terminal also one
 * live line, which every message first clears away. Everything else on the terminal is the job's.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "policy/settings.h"

/* From -q, -v and --color. */
void tell_setup(const struct settings *settings);

/* An error, a remark that people need, a remark for -v. */
rr_printf(1, 2) void tell_error(const char *fmt, ...);
rr_printf(1, 2) void tell(const char *fmt, ...);
rr_printf(1, 2) void tell_more(const char *fmt, ...);

bool tell_is_verbose(void);

/* True when there is a terminal to draw on and we are in its foreground. */
bool tell_can_draw(void);

/* Draws over the live line; nothing where tell_can_draw is false. NULL clears it. */
void tell_live(const char *text);

/* Shows percent in the frame or the title of a terminal that is known to do so (OSC 9;4), and
 * nothing elsewhere. Negative clears it. */
void tell_progress(double percent);
