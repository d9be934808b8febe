/* SPDX-License-Identifier: MIT */
#include "runner/tell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TEXT_MAX 2048

static struct {
	bool quiet, verbose, color;
	bool drawn; /* the live line is on the screen */
	bool progress; /* and the terminal shows progress */
} state;

static bool on_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void tell_setup(const struct settings *settings)
{
	const char *no_color = getenv("NO_COLOR");

	state.quiet = settings_has(settings, SET_QUIET);
	state.verbose = settings_has(settings, SET_VERBOSE);
	switch (settings_integer(settings, SET_COLOR)) {
	case COLOR_ALWAYS:
		state.color = true;
		break;
	case COLOR_NEVER:
		state.color = false;
		break;
	default:
		state.color = on_terminal() && !(no_color && *no_color);
	}
}

/* One write, so that lines of two launchers do not mix. */
rr_printf(2, 0) static void put(const char *paint, const char *fmt, va_list args)
{
	char words[TEXT_MAX], line[TEXT_MAX + 64];
	bool painted = state.color && *paint;
	int saved = errno, n;

	(void)vsnprintf(words, sizeof(words), fmt, args);
	n = snprintf(line, sizeof(line), "%s%sresrun: %s%s\n", state.drawn ? "\r\033[K" : "",
		     painted ? paint : "", words, painted ? "\033[0m" : "");
	state.drawn = false;
	/* Nobody to tell: the job goes on. */
	if (n > 0)
		rr_ignore(write(STDERR_FILENO, line, (size_t)n));
	errno = saved;
}

void tell_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put("\033[31m", fmt, args);
	va_end(args);
}

void tell(const char *fmt, ...)
{
	va_list args;

	if (state.quiet)
		return;
	va_start(args, fmt);
	put("", fmt, args);
	va_end(args);
}

void tell_more(const char *fmt, ...)
{
	va_list args;

	if (!tell_is_verbose())
		return;
	va_start(args, fmt);
	put("", fmt, args);
	va_end(args);
}

bool tell_is_verbose(void)
{
	return state.verbose && !state.quiet;
}

bool tell_can_draw(void)
{
	return !state.quiet && on_terminal() && tcgetpgrp(STDERR_FILENO) == getpgrp();
}

static int terminal_width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10 ? size.ws_col : 80;
}

void tell_live(const char *text)
{
	char line[TEXT_MAX];
	int n;

	if (!text && !state.drawn)
		return;
	if (text && !tell_can_draw())
		return;
	if (text)
		n = snprintf(line, sizeof(line), "\r\033[Kresrun: %.*s", terminal_width() - 9,
			     text);
	else
		n = snprintf(line, sizeof(line), "\r\033[K");
	state.drawn = text != NULL;
	rr_ignore(write(STDERR_FILENO, line, (size_t)n)); /* nobody to tell: the job goes on */
}

/* Others take OSC 9 for a message to the user, or print it. */
static bool takes_progress(void)
{
	static const char *const known[][2] = { { "TERM_PROGRAM", "ghostty" },
						{ "TERM_PROGRAM", "WezTerm" },
						{ "TERM", "xterm-ghostty" },
						{ "ConEmuANSI", "ON" } };

	/* They would get it only through a multiplexer that does not pass it on. */
	if (getenv("TMUX") || getenv("STY"))
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char *value = getenv(known[i][0]);

		if (value && strcmp(value, known[i][1]) == 0)
			return true;
	}
	return getenv("WT_SESSION") != NULL;
}

void tell_progress(double percent)
{
	char text[32];
	int n;

	if (percent < 0 ? !state.progress : !tell_can_draw() || !takes_progress())
		return;
	if (percent < 0)
		n = snprintf(text, sizeof(text), "\033]9;4;0;\033\\");
	else
		n = snprintf(text, sizeof(text), "\033]9;4;1;%.0f\033\\", percent);
	state.progress = percent >= 0;
	rr_ignore(write(STDERR_FILENO, text, (size_t)n)); /* nobody to tell: the job goes on */
}
