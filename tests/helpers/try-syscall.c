/* SPDX-License-Identifier: MIT */
/*
 * try-syscall NAME|NUMBER [ARG]...: makes one system call, prints what became of it ("ok", or the
 * name of the error) and exits with errno, 0 for ok. What is not given is -1: a call that a filter
 * lets through is then refused by the kernel, in other words.
 * try-syscall int80 NUMBER: the same by the 32-bit entry, without arguments.
 * Exit status 125: wrong usage.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS 6
#define WRONG_USAGE 125

static const struct call {
	const char *name;
	long number;
} calls[] = {
#define CALL(name)                                                                                 \
	{                                                                                          \
#name, SYS_##name                                                                  \
	}
	CALL(add_key),	    CALL(bpf),
	CALL(chroot),	    CALL(clone3),
	CALL(fsopen),	    CALL(getpid),
	CALL(init_module),  CALL(io_uring_setup),
	CALL(ioctl),	    CALL(kexec_load),
	CALL(keyctl),	    CALL(mknodat),
	CALL(mount),	    CALL(move_mount),
	CALL(open_tree),    CALL(perf_event_open),
	CALL(pidfd_getfd),  CALL(pivot_root),
	CALL(ptrace),	    CALL(process_vm_readv),
	CALL(reboot),	    CALL(setns),
	CALL(settimeofday), CALL(socket),
	CALL(swapon),	    CALL(syslog),
	CALL(umount2),	    CALL(unshare),
	CALL(userfaultfd),  { "open_tree_attr", 467 },
};

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* "12", "-1", "0x5412": all of the text, 64 bits. */
static bool parse_number(const char *text, long *ret)
{
	bool is_negative = *text == '-';
	uint64_t value = 0;
	int base = 10;

	text += is_negative;
	if (strncmp(text, "0x", 2) == 0) {
		base = 16;
		text += 2;
	}
	if (!*text)
		return false;
	for (; *text; text++) {
		int digit = digit_value(*text);

		if (digit >= base)
			return false;
		value = value * (uint64_t)base + (uint64_t)digit;
	}
	*ret = (long)(is_negative ? -value : value);
	return true;
}

static bool parse_call(const char *text, long *ret)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, text) == 0) {
			*ret = calls[i].number;
			return true;
		}
	}
	return parse_number(text, ret);
}

static int report(long result)
{
	int code = result < 0 ? errno : 0;
	const char *name = strerrorname_np(code);

	if (code == 0)
		(void)puts("ok");
	else if (name)
		(void)puts(name);
	else
		(void)printf("%d\n", code);
	return code;
}

static int usage(void)
{
	(void)fputs("usage: try-syscall NAME|NUMBER [ARG]... | int80 NUMBER\n", stderr);
	return WRONG_USAGE;
}

#if defined(__x86_64__)
static int try_int80(long number)
{
	long result = number;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	/* There the result is 32 bits wide. */
	result = (int)result;
	if (result >= 0 || result < -4095)
		return report(0);
	errno = (int)-result;
	return report(-1);
}
#else
static int try_int80(long number)
{
	(void)number;
	return usage();
}
#endif

int main(int argc, char **argv)
{
	long number, args[ARGS] = { -1, -1, -1, -1, -1, -1 };

	if (argc == 3 && strcmp(argv[1], "int80") == 0)
		return parse_number(argv[2], &number) ? try_int80(number) : usage();
	if (argc < 2 || argc > 2 + ARGS || !parse_call(argv[1], &number))
		return usage();
	for (int i = 2; i < argc; i++)
		if (!parse_number(argv[i], &args[i - 2]))
			return usage();
	return report(syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]));
}
