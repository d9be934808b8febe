/* SPDX-License-Identifier: MIT */
/*
 * The terminal's settings, which a job that is killed cannot put back. A shell does that for what
 * died of a signal, but not when it is told 124, and not from within a script.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

struct terminal {
	bool known;
	struct termios settings;
};

/* What the settings are now; nothing where there is no terminal, or it is not ours to use. */
void terminal_save(struct terminal *ret);

/* Puts them back, unless somebody else has the terminal by now. */
void terminal_restore(const struct terminal *terminal);
