/* SPDX-License-Identifier: MIT */
/*
 * catch FILE SIGNAL...: appends "ready PID" to FILE, then one line for every delivery of one of
 * these signals (numbers): "2 4242" came as signal 2 from process 4242, "2 0" from the kernel. The
 * last SIGNAL also ends it, with exit status 42.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int out, last;

static void note(const char *line, size_t length)
{
	if (write(out, line, length) != (ssize_t)length)
		_exit(1);
}

/* Async-signal-safe enough: every signal is blocked meanwhile, and the main line only waits. */
static void on_signal(int signo, siginfo_t *info, void *context)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%d %d\n", signo,
			 info->si_code == SI_KERNEL ? 0 : info->si_pid);

	(void)context;
	note(line, (size_t)n);
	if (signo == last)
		_exit(42);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	char line[64];
	int n;

	if (argc < 3)
		return 125;
	out = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	(void)sigfillset(&action.sa_mask);
	for (int i = 2; i < argc; i++) {
		last = (int)strtol(argv[i], NULL, 10);
		(void)sigaction(last, &action, NULL);
	}
	n = snprintf(line, sizeof(line), "ready %d\n", getpid());
	note(line, (size_t)n);
	for (;;)
		(void)pause();
}
