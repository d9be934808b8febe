/* SPDX-License-Identifier: MIT */
#include "runner/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"

/* The controlling terminal, whatever stands on 0, 1 and 2; -1: there is none. */
static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

static bool is_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

/* A shell of the job's has taken it, and is dead. */
static bool is_nobodys(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group > 0 && kill(-group, 0) < 0 && errno == ESRCH;
}

void terminal_save(struct terminal *ret)
{
	rr_autofd int fd = open_terminal();

	ret->known = fd >= 0 && is_foreground(fd) && tcgetattr(fd, &ret->settings) == 0;
}

void terminal_restore(const struct terminal *terminal)
{
	rr_autofd int fd = terminal->known ? open_terminal() : -1;
	sigset_t stop, before;

	if (fd < 0 || !(is_foreground(fd) || is_nobodys(fd)))
		return;
	/* Else who is not in the foreground would be stopped for this. */
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &stop, &before);
	(void)tcsetpgrp(fd, getpgrp());
	/* Not when all is written: the terminal may be held by ^S. */
	(void)tcsetattr(fd, TCSANOW, &terminal->settings);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}
