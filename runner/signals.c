/* SPDX-License-Identifier: MIT */
#include "runner/signals.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/procfs.h"

/* Never blocked: a fault of our own, and job control. */
static const int left_alone[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGABRT, SIGSYS,
				  SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };

/* A closed stderr, a file-size limit and an ignored SIGCHLD of our caller's must not touch us. */
static const struct {
	int signo;
	void (*handler)(int);
} ours[SIGNALS_OURS] = { { SIGPIPE, SIG_IGN }, { SIGXFSZ, SIG_IGN }, { SIGCHLD, SIG_DFL } };

int signals_take(struct signals *ret, struct rr_err *err)
{
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof(left_alone) / sizeof(left_alone[0]); i++)
		(void)sigdelset(&set, left_alone[i]);
	if (sigprocmask(SIG_BLOCK, &set, &ret->caller_mask) < 0)
		return rr_err_sys(err, errno, "block signals");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		(void)sigaction(ours[i].signo, &(struct sigaction){ .sa_handler = ours[i].handler },
				&ret->caller_actions[i]);
	ret->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (ret->fd < 0)
		return rr_err_sys(err, errno, "signalfd");
	return 0;
}

void signals_give_back(const struct signals *signals)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		(void)sigaction(ours[i].signo, &signals->caller_actions[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &signals->caller_mask, NULL);
}

int signals_next(const struct signals *signals, struct signalfd_siginfo *ret)
{
	for (;;) {
		ssize_t n = read(signals->fd, ret, sizeof(*ret));

		if (n == (ssize_t)sizeof(*ret))
			return (int)ret->ssi_signo;
		if (n < 0 && errno == EINTR)
			continue;
		return 0;
	}
}

bool signals_must_forward(const struct signalfd_siginfo *info)
{
	return info->ssi_code != SI_KERNEL && !rr_proc_descends((pid_t)info->ssi_pid, getpid());
}

bool signals_means_end(int signo)
{
	return signo == SIGINT || signo == SIGTERM || signo == SIGHUP || signo == SIGQUIT;
}

_Noreturn void signals_die_of(int signo)
{
	struct rlimit none = { 0, 0 };
	sigset_t set;

	/* The job may have dumped core; a second one, of ours, would only mislead. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)sigaction(signo, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, signo);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)raise(signo);
	/* Only for a signal whose default is not death. */
	_exit(128 + signo);
}
