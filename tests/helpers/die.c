/* SPDX-License-Identifier: MIT */
/*
 * die SIGNAL...: tries to die of each signal (a number) in turn, whatever was ignored or blocked.
 * Exit status 99: it has survived them all.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int signo = (int)strtol(argv[i], NULL, 10);
		sigset_t set;

		(void)signal(signo, SIG_DFL);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, signo);
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
		(void)raise(signo);
	}
	return 99;
}
