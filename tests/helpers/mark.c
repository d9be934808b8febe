/* SPDX-License-Identifier: MIT */
/*
 * mark DIR NAME [hold=MS] [gate=FIFO] [exit=N] [escape]: a job that shows from inside that it runs,
 * and whether it is alone. It appends "NAME alone MICROSECONDS" to DIR/marks, or "NAME overlap ..."
 * if another one holds DIR/alone; the time is the wall clock's. Then it stays for so long, or until
 * something is written to the fifo, and exits with that status (default: at once, 0).
 *
 * escape: its launcher's death does not end it.
 *
 * The claim is a POSIX lock, which dies with its holder and tells who that is. One that has been
 * killed already, and only has not come to die, is waited for: it does nothing any more.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SIGKILL_PENDING 0x100UL /* bit of signal 9 */

static struct {
	const char *gate;
	long hold_ms;
	int status;
} want;

static unsigned long pending(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoul(at + strlen(key), NULL, 16) : 0;
}

/* It is being killed, or gone by now. */
static bool is_dying(pid_t pid)
{
	char path[64], text[4096] = "";
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	in = fopen(path, "re");
	if (!in)
		return true;
	(void)!fread(text, 1, sizeof(text) - 1, in);
	(void)fclose(in);
	return ((pending(text, "\nSigPnd:") | pending(text, "\nShdPnd:")) & SIGKILL_PENDING) ||
	       strstr(text, "\nState:\tZ");
}

static bool is_alone(const char *dir)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET }, held = lock;
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/alone", dir);
	/* Never closed: it is held until we end. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return true;
	if (fcntl(fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK && !is_dying(held.l_pid))
		return false;
	return fcntl(fd, F_SETLKW, &lock) == 0;
}

static bool leave_mark(const char *dir, const char *name, bool alone)
{
	char path[4096], line[256];
	struct timespec now;
	int out, n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(path, sizeof(path), "%s/marks", dir);
	out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	n = snprintf(line, sizeof(line), "%s %s %lld\n", name, alone ? "alone" : "overlap",
		     (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return write(out, line, (size_t)n) == n && close(out) == 0;
}

static bool read_word(const char *word)
{
	if (strncmp(word, "hold=", 5) == 0)
		want.hold_ms = strtol(word + 5, NULL, 10);
	else if (strncmp(word, "gate=", 5) == 0)
		want.gate = word + 5;
	else if (strncmp(word, "exit=", 5) == 0)
		want.status = (int)strtol(word + 5, NULL, 10);
	else if (strcmp(word, "escape") == 0)
		return prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) == 0;
	else
		return false;
	return true;
}

static void stay(void)
{
	struct timespec hold = { want.hold_ms / 1000, want.hold_ms % 1000 * 1000000 };
	int gate;
	char byte;

	(void)nanosleep(&hold, NULL);
	if (!want.gate)
		return;
	gate = open(want.gate, O_RDONLY | O_CLOEXEC);
	(void)!read(gate, &byte, 1);
	(void)close(gate);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 125;
	for (int i = 3; i < argc; i++)
		if (!read_word(argv[i]))
			return 125;
	if (!leave_mark(argv[1], argv[2], is_alone(argv[1])))
		return 125;
	stay();
	return want.status;
}
