/* SPDX-License-Identifier: MIT */
/*
 * Signals of the launcher: blocked and read from a descriptor from the first line of main on, given
 * to the job exactly as the caller left them.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>

#include "base/err.h"

#define SIGNALS_OURS 3 /* whose dispositions are changed */

struct signals {
	int fd; /* signalfd: what is forwarded, and SIGCHLD */
	sigset_t caller_mask;
	struct sigaction caller_actions[SIGNALS_OURS];
};

/* Blocks what is to be forwarded; SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT keep their meaning, so that
 * the shell's job control stops and continues us together with the job. 0 or -errno with words. */
rr_checked int signals_take(struct signals *ret, struct rr_err *err);

/* In the child, before exec: mask and dispositions as our caller left them. Async-signal-safe. */
void signals_give_back(const struct signals *signals);

/* The next one that came, or 0. */
int signals_next(const struct signals *signals, struct signalfd_siginfo *ret);

/* True when somebody sent it to us alone, so that the job has not got it already: what the terminal
 * sends, it sends to the whole foreground group, and what the job sends, it sends to its own group
 * (kill 0), as it has no business with us. Somebody else who signals the group cannot be told from
 * one who means us: the job then gets it twice. */
bool signals_must_forward(const struct signalfd_siginfo *info);

/* True for those that ask for an end: INT, TERM, HUP, QUIT. */
bool signals_means_end(int signo);

/* Ends this process by that signal, without a core of ours. */
_Noreturn void signals_die_of(int signo);
