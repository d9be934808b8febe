/* SPDX-License-Identifier: MIT */
/*
 * ended COMMAND [ARG]...: runs it and prints how it ended, as its parent sees it: "exited 3",
 * "signaled 15", "signaled 11 core". Exit status 0, or 125 when it could not be run.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? fork() : -1;
	int status;

	if (pid < 0)
		return 125;
	if (pid == 0) {
		(void)execvp(argv[1], argv + 1);
		_exit(125);
	}
	if (waitpid(pid, &status, 0) != pid)
		return 125;
	if (WIFEXITED(status))
		(void)printf("exited %d\n", WEXITSTATUS(status));
	else
		(void)printf("signaled %d%s\n", WTERMSIG(status), WCOREDUMP(status) ? " core" : "");
	return 0;
}
