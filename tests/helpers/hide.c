/* SPDX-License-Identifier: MIT */
/*
 * hide PATTERN COMMAND [ARG]...: runs COMMAND, and all that it starts, on a machine without the
 * files whose names fit PATTERN (of fnmatch): to open one is answered with ENOENT.
 *
 * For files of the kernel that cannot be taken away, such as cgroup.kill. A filter cannot read
 * names, but it can ask: a process of our own gives the answers, in a session of its own and
 * nobody's child, and ends with the last of those that can ask. COMMAND takes our place. Below
 * another one of these it is only run: there can be one that is asked, and that one hides already.
 * Exit status 125: wrong usage, or no filter to be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(125);
}

/* ---- who answers ---- */

/* What is at that address of the process, as far as there is something. */
static bool read_name(pid_t pid, uint64_t address, char name[static 4096])
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, name, 4095, (off_t)address);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return false;
	name[n] = '\0';
	return true;
}

static bool fits(const struct seccomp_notif *question, const char *pattern)
{
	static char name[4096];
	bool plain = question->data.nr == SCMP_SYS(open);

	return read_name((pid_t)question->pid, question->data.args[plain ? 0 : 1], name) &&
	       fnmatch(pattern, name, 0) == 0;
}

/* Until nobody is left who could ask. */
_Noreturn static void answer(int asked, const char *pattern)
{
	struct pollfd event = { .fd = asked, .events = POLLIN };
	struct seccomp_notif *question;
	struct seccomp_notif_resp *reply;

	if (seccomp_notify_alloc(&question, &reply) < 0)
		_exit(125);
	for (;;) {
		if (poll(&event, 1, -1) > 0 && !(event.revents & POLLIN))
			_exit(0);
		memset(question, 0, sizeof(*question));
		/* Killed meanwhile. */
		if (seccomp_notify_receive(asked, question) < 0)
			continue;
		*reply = (struct seccomp_notif_resp){ .id = question->id };
		if (fits(question, pattern))
			reply->error = -ENOENT;
		else
			reply->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		(void)seccomp_notify_respond(asked, reply);
	}
}

/* The descriptor that the other end sends; -1: it hung up. */
static int receive(int talk)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec vector = { &byte, 1 };
	struct msghdr message = { .msg_iov = &vector,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(talk, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* It keeps nothing of anybody's open. */
_Noreturn static void serve(int talk, const char *pattern)
{
	int asked;

	if (setsid() < 0 || chdir("/") < 0 || dup2(talk, 0) < 0)
		_exit(125);
	(void)close_range(1, ~0U, 0);
	asked = receive(0);
	if (asked < 0)
		_exit(0);
	answer(asked, pattern);
}

/* Our end of the talk with it. Its parent is gone when this returns. */
static int start_server(const char *pattern)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (fork() == 0)
			serve(ends[1], pattern);
		_exit(0);
	}
	(void)close(ends[1]);
	(void)waitpid(pid, NULL, 0);
	return ends[0];
}

/* ---- who asks ---- */

/* What is asked; -1: somebody is asked already. */
static int load_filter(void)
{
	static const int calls[] = { SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, calls[i], 0);
	/* Set-uid programs keep working where root has no need of no_new_privs. */
	if (r == 0 && geteuid() == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	errno = 0;
	if (r == 0)
		r = seccomp_load(filter);
	/* What it returns does not tell. */
	if (r < 0 && errno == EBUSY)
		return -1;
	if (r < 0)
		die("hide: a filter");
	return seccomp_notify_fd(filter);
}

static void hand_over(int talk, int asked)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec vector = { (char[]){ "" }, 1 };
	struct msghdr message = { .msg_iov = &vector,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &asked, sizeof(asked));
	if (sendmsg(talk, &message, MSG_NOSIGNAL) != 1)
		die("hide: sendmsg");
}

int main(int argc, char **argv)
{
	int talk, asked;

	if (argc < 3) {
		(void)fputs("usage: hide PATTERN COMMAND [ARG]...\n", stderr);
		return 125;
	}
	talk = start_server(argv[1]);
	asked = load_filter();
	if (asked >= 0) {
		hand_over(talk, asked);
		(void)close(asked);
	}
	(void)close(talk);
	(void)execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
