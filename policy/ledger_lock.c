/* SPDX-License-Identifier: MIT */
/* The one lock under which the ledger is read and changed: waited for in the kernel's order, but
 * never for ever, and with the name of who holds it too long. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/ledger_file.h"

#define LOCK_RETRY_MS 20 /* how often a lock is interrupted once its time is over */

static int locked_fd(const struct ledger *ledger)
{
	return ledger->shared ? ledger->lock_fd : ledger->fd;
}

static void on_tick(int signo)
{
	(void)signo;
}

/* The pid in a line of /proc/locks that holds this inode exclusively; 0 for any other line. */
static long holder_in_line(const char *line, const char *inode)
{
	const char *number = strstr(line, "WRITE ");
	long pid = 0;

	if (!number || strstr(line, "->") || !strstr(line, inode))
		return 0;
	for (number += strlen("WRITE "); *number >= '0' && *number <= '9'; number++)
		pid = pid * 10 + (*number - '0');
	return pid;
}

static long lock_holder(const struct ledger *ledger)
{
	char line[256], inode[32];
	rr_autofree char *text = NULL;
	rr_autofd int fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t length;
	long pid = 0;

	if (fd < 0 || fstat(locked_fd(ledger), &st) < 0 ||
	    rr_read_whole(fd, 1 << 20, &text, &length) < 0)
		return 0;
	(void)snprintf(inode, sizeof(inode), ":%llu ", (unsigned long long)st.st_ino);
	for (const char *at = text; *at && pid == 0; at += strcspn(at, "\n"), at += *at == '\n') {
		(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		pid = holder_in_line(line, inode);
	}
	return pid;
}

/* A blocking flock, so that the kernel keeps the order of arrival: who is interrupted loses its
 * place, so the timer comes only at the deadline, and then again and again, as the first may come
 * right before the system call. SIGALRM is ours only in here; an alarm of our caller's keeps its
 * own timer. */
static int flock_until(int fd, uint64_t deadline_ns)
{
	struct sigaction tick = { .sa_handler = on_tick }, old_action;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	uint64_t now_ns = rr_now_boot_ns();
	struct itimerspec ticking = {
		.it_interval = rr_timespec(LOCK_RETRY_MS * RR_NS_PER_MS),
		.it_value = rr_timespec(deadline_ns > now_ns ? deadline_ns - now_ns : 1),
	};
	sigset_t alarm_set, old_set;
	timer_t timer;
	int r = 0;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return -errno;
	(void)sigemptyset(&alarm_set);
	(void)sigaddset(&alarm_set, SIGALRM);
	(void)sigaction(SIGALRM, &tick, &old_action);
	(void)sigprocmask(SIG_UNBLOCK, &alarm_set, &old_set);
	(void)timer_settime(timer, 0, &ticking, NULL);
	while (flock(fd, LOCK_EX) < 0) {
		r = -errno;
		if (r != -EINTR || rr_now_boot_ns() >= deadline_ns)
			break;
		r = 0;
	}
	(void)timer_delete(timer);
	(void)sigprocmask(SIG_SETMASK, &old_set, NULL);
	(void)sigaction(SIGALRM, &old_action, NULL);
	return r;
}

static int held_by_other(const struct ledger *ledger, uint64_t wait_ns, struct rr_err *err)
{
	long pid = lock_holder(ledger);
	char holder[64] = "";

	if (pid > 0)
		(void)snprintf(holder, sizeof(holder), " by process %ld", pid);
	(void)rr_err_set(err, EBUSY, "the ledger '%s' has been locked%s for more than %.0f s",
			 ledger->path, holder, (double)wait_ns / RR_NS_PER_S);
	return LEDGER_HELD;
}

int ledger_lock(struct ledger *ledger, uint64_t wait_ns, struct rr_err *err)
{
	int r = flock_until(locked_fd(ledger), rr_time_add(rr_now_boot_ns(), wait_ns));

	if (r == -EINTR)
		return held_by_other(ledger, wait_ns, err);
	if (r < 0)
		return rr_err_sys(err, -r, "lock the ledger '%s'", ledger->path);
	ledger->locked = true;
	ledger->mended[0] = '\0';
	r = ledger_read_all(ledger, err);
	if (r == -EBADMSG) {
		r = ledger_mend(ledger, err);
		if (r == 0)
			r = ledger_read_all(ledger, err);
	}
	if (r < 0)
		ledger_unlock(ledger);
	return r;
}

void ledger_unlock(struct ledger *ledger)
{
	while (ledger->locked && flock(locked_fd(ledger), LOCK_UN) < 0 && errno == EINTR)
		;
	ledger->locked = false;
	/* With a thousand waiters each need not keep a copy of all. */
	free(rr_ptr_take(&ledger->tickets));
	ledger->n_own = ledger->n_all = 0;
	ledger_forget_others(ledger);
}
