/* SPDX-License-Identifier: MIT */
#include "policy/seccomp_rules.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LOW32 UINT32_MAX
/* The kernel takes flags such as SOCK_CLOEXEC off with this before it looks at the type. */
#define SOCK_TYPE_MASK 0xf
/* An old spelling of AF_PACKET: the kernel turns AF_INET with this type into it. */
#define SOCK_TYPE_PACKET 10

#define NAMESPACE_FLAGS                                                                            \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

#define FAMILY(n) (UINT64_C(1) << (n))
#define OTHER_FAMILIES                                                                             \
	(~(FAMILY(AF_UNSPEC) | FAMILY(AF_UNIX) | FAMILY(AF_INET) | FAMILY(AF_INET6) |              \
	   FAMILY(AF_NETLINK)))

#define IS(n, m, v)                                                                                \
	{                                                                                          \
		.arg = (n), .match = SECCOMP_IS, .mask = (m), .value = (v)                         \
	}
#define HAS_ANY_BIT(n, v)                                                                          \
	{                                                                                          \
		.arg = (n), .match = SECCOMP_HAS_ANY_BIT, .value = (v)                             \
	}
#define IN_SET(n, v)                                                                               \
	{                                                                                          \
		.arg = (n), .match = SECCOMP_IN_SET, .value = (v)                                  \
	}

#define ROW(l, g, n, v, ...)                                                                       \
	{                                                                                          \
		.name = n, .group = g, .level = SECCOMP_##l, .verdict = SECCOMP_##v, .tests = {    \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/*
 * Adding a call is one line; the tests follow the table. A call that this processor or this
 * libseccomp does not have costs nothing; one younger than both gets its number in `newer`.
 *
 * Left open in baseline, on purpose: chroot (needs root, gains nothing, and fakeroots and test
 * suites use it); new namespaces; io_uring (it has no operation for anything refused here);
 * PTRACE_TRACEME and all a debugger does with the child it started.
 */
static const struct seccomp_rule table[] = {
	ROW(BASELINE, "modules", "init_module", DENY),
	ROW(BASELINE, "modules", "finit_module", DENY),
	ROW(BASELINE, "modules", "delete_module", DENY),
	ROW(BASELINE, "modules", "create_module", DENY),

	ROW(BASELINE, "boot", "kexec_load", DENY),
	ROW(BASELINE, "boot", "kexec_file_load", DENY),
	ROW(BASELINE, "boot", "reboot", DENY),

	ROW(BASELINE, "swap", "swapon", DENY),
	ROW(BASELINE, "swap", "swapoff", DENY),

	/* The calls of the new mount API answer ENOSYS: mount(8) then takes the old one, whose
	 * EPERM it can put into words. */
	ROW(BASELINE, "mount", "mount", DENY),
	ROW(BASELINE, "mount", "umount2", DENY),
	ROW(BASELINE, "mount", "pivot_root", DENY),
	ROW(BASELINE, "mount", "open_tree", ENOSYS),
	ROW(BASELINE, "mount", "open_tree_attr", ENOSYS),
	ROW(BASELINE, "mount", "move_mount", ENOSYS),
	ROW(BASELINE, "mount", "fsopen", ENOSYS),
	ROW(BASELINE, "mount", "fsconfig", ENOSYS),
	ROW(BASELINE, "mount", "fsmount", ENOSYS),
	ROW(BASELINE, "mount", "fspick", ENOSYS),
	ROW(BASELINE, "mount", "mount_setattr", ENOSYS),

	/* A filter cannot see whose child a pid is, so both ways to take hold of a running process
	 * are closed. strace falls back to TRACEME; LeakSanitizer has no other way. */
	ROW(BASELINE, "trace", "ptrace", DENY, IS(0, LOW32, PTRACE_ATTACH)),
	ROW(BASELINE, "trace", "ptrace", DENY, IS(0, LOW32, PTRACE_SEIZE)),
	ROW(BASELINE, "trace", "process_vm_readv", DENY),
	ROW(BASELINE, "trace", "process_vm_writev", DENY),
	ROW(BASELINE, "trace", "pidfd_getfd", DENY),

	ROW(BASELINE, "keyring", "add_key", DENY),
	ROW(BASELINE, "keyring", "request_key", DENY),
	ROW(BASELINE, "keyring", "keyctl", DENY),

	ROW(BASELINE, "kernel", "bpf", DENY),
	ROW(BASELINE, "kernel", "perf_event_open", DENY),
	ROW(BASELINE, "kernel", "userfaultfd", DENY),
	ROW(BASELINE, "kernel", "syslog", DENY),

	/* Both put text into the terminal as if its user had typed it. */
	ROW(BASELINE, "terminal", "ioctl", DENY, IS(1, LOW32, TIOCSTI)),
	ROW(BASELINE, "terminal", "ioctl", DENY, IS(1, LOW32, TIOCLINUX)),
	ROW(BASELINE, "terminal", "vhangup", DENY),

	ROW(BASELINE, "clock", "settimeofday", DENY),
	ROW(BASELINE, "clock", "clock_settime", DENY),
	ROW(BASELINE, "clock", "clock_adjtime", DENY),
	ROW(BASELINE, "clock", "adjtimex", DENY),

	ROW(BASELINE, "machine", "acct", DENY),
	ROW(BASELINE, "machine", "quotactl", DENY),
	ROW(BASELINE, "machine", "quotactl_fd", DENY),
	ROW(BASELINE, "machine", "sethostname", DENY),
	ROW(BASELINE, "machine", "setdomainname", DENY),
	ROW(BASELINE, "machine", "iopl", DENY),
	ROW(BASELINE, "machine", "ioperm", DENY),
	/* Long gone, or compiled out. vm86 has no 64-bit number, and 32-bit calls are closed. */
	ROW(BASELINE, "machine", "uselib", DENY),
	ROW(BASELINE, "machine", "nfsservctl", DENY),
	ROW(BASELINE, "machine", "_sysctl", DENY),

	/* Flags of clone3 are in memory, out of a filter's sight; on ENOSYS glibc takes clone. */
	ROW(STRICT, "namespaces", "clone3", ENOSYS),
	ROW(STRICT, "namespaces", "clone", DENY, HAS_ANY_BIT(0, NAMESPACE_FLAGS)),
	ROW(STRICT, "namespaces", "unshare", DENY, HAS_ANY_BIT(0, NAMESPACE_FLAGS | CLONE_NEWTIME)),
	ROW(STRICT, "namespaces", "setns", DENY),
	ROW(STRICT, "namespaces", "chroot", DENY),

	/* Raw netlink is how getifaddrs and getaddrinfo ask: only the internet's is closed. */
	ROW(STRICT, "sockets", "socket", DENY, IN_SET(0, OTHER_FAMILIES)),
	ROW(STRICT, "sockets", "socket", DENY, IS(0, LOW32, AF_INET),
	    IS(1, SOCK_TYPE_MASK, SOCK_RAW)),
	ROW(STRICT, "sockets", "socket", DENY, IS(0, LOW32, AF_INET),
	    IS(1, SOCK_TYPE_MASK, SOCK_TYPE_PACKET)),
	ROW(STRICT, "sockets", "socket", DENY, IS(0, LOW32, AF_INET6),
	    IS(1, SOCK_TYPE_MASK, SOCK_RAW)),

	/* It opens sockets past the rules above. */
	ROW(STRICT, "io_uring", "io_uring_setup", DENY),
	ROW(STRICT, "io_uring", "io_uring_enter", DENY),
	ROW(STRICT, "io_uring", "io_uring_register", DENY),

	ROW(STRICT, "devices", "mknod", DENY, IS(1, S_IFMT, S_IFCHR)),
	ROW(STRICT, "devices", "mknod", DENY, IS(1, S_IFMT, S_IFBLK)),
	ROW(STRICT, "devices", "mknodat", DENY, IS(2, S_IFMT, S_IFCHR)),
	ROW(STRICT, "devices", "mknodat", DENY, IS(2, S_IFMT, S_IFBLK)),

	ROW(STRICT, "internals", "open_by_handle_at", DENY),
	ROW(STRICT, "internals", "kcmp", DENY),
	ROW(STRICT, "internals", "modify_ldt", DENY),
};

/* From 424 on, a call has the same number on every processor. */
static const struct newer {
	const char *name;
	int number;
} newer[] = {
	{ "cachestat", 451 },	      { "fchmodat2", 452 },	   { "map_shadow_stack", 453 },
	{ "futex_wake", 454 },	      { "futex_wait", 455 },	   { "futex_requeue", 456 },
	{ "statmount", 457 },	      { "listmount", 458 },	   { "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 },	      { "getxattrat", 464 },	   { "listxattrat", 465 },
	{ "removexattrat", 466 },     { "open_tree_attr", 467 },   { "file_getattr", 468 },
	{ "file_setattr", 469 },      { "listns", 470 },	   { "rseq_slice_yield", 471 },
};

#define FIRST_UNKNOWN 472
/* All of x32 (bit 30) falls into the last gap; -1 does not: a tracer skips a call with it. */
#define LAST_UNKNOWN (UINT32_MAX - 1)

/* Linux 7.0. x86-64 keeps 335 and 336: the kernel itself makes a probed process call them. */
static const struct seccomp_machine machines[] = {
	{ SCMP_ARCH_X86_64, "x86_64", { { 337, 423 }, { FIRST_UNKNOWN, LAST_UNKNOWN } } },
	{ SCMP_ARCH_AARCH64,
	  "aarch64",
	  { { 244, 259 }, { 295, 423 }, { FIRST_UNKNOWN, LAST_UNKNOWN } } },
};

const struct seccomp_machine *seccomp_machine_find(uint32_t token)
{
	for (size_t i = 0; i < COUNT(machines); i++)
		if (machines[i].token == token)
			return &machines[i];
	return NULL;
}

const struct seccomp_rule *seccomp_table(size_t *ret_count)
{
	*ret_count = COUNT(table);
	return table;
}

static const struct newer *find_newer(const char *name)
{
	for (size_t i = 0; i < COUNT(newer); i++)
		if (strcmp(newer[i].name, name) == 0)
			return &newer[i];
	return NULL;
}

bool seccomp_is_newer(const char *name)
{
	return find_newer(name) != NULL;
}

int seccomp_number(const struct seccomp_machine *machine, const char *name, int *ret_number)
{
	const struct newer *known = find_newer(name);
	int number =
		known ? known->number : seccomp_syscall_resolve_name_arch(machine->token, name);

	if (number == __NR_SCMP_ERROR)
		return SECCOMP_NO_SUCH_CALL;
	/* libseccomp stands a negative number in for a call of another processor. */
	if (number < 0)
		return SECCOMP_ELSEWHERE;
	*ret_number = number;
	return 0;
}

void seccomp_policy_init(struct seccomp_policy *policy, enum seccomp_level level)
{
	*policy = (struct seccomp_policy){ .foreign = SECCOMP_KILL, .unknown = SECCOMP_ENOSYS };
	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].level <= level)
			policy->rules[policy->count++] = table[i];
}

void seccomp_policy_log_only(struct seccomp_policy *policy)
{
	policy->foreign = SECCOMP_LOG;
	policy->unknown = SECCOMP_LOG;
	for (size_t i = 0; i < policy->count; i++)
		policy->rules[i].verdict = SECCOMP_LOG;
}

/* The line of the file that has ruled on the call; 0 when none has. */
static unsigned ruled_in_line(const struct seccomp_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->count; i++)
		if (policy->rules[i].line && strcmp(policy->rules[i].name, name) == 0)
			return policy->rules[i].line;
	return 0;
}

static void drop_rules(struct seccomp_policy *policy, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < policy->count; i++)
		if (strcmp(policy->rules[i].name, name) != 0)
			policy->rules[kept++] = policy->rules[i];
	policy->count = kept;
}

int seccomp_policy_set(struct seccomp_policy *policy, const char *name,
		       enum seccomp_verdict verdict, unsigned line, unsigned *ret_line)
{
	unsigned earlier = ruled_in_line(policy, name);

	if (earlier) {
		*ret_line = earlier;
		return SECCOMP_RULED_BEFORE;
	}
	drop_rules(policy, name);
	if (policy->count == SECCOMP_RULES_MAX)
		return SECCOMP_FULL;
	policy->rules[policy->count++] = (struct seccomp_rule){
		.name = name, .group = "file", .verdict = verdict, .line = line
	};
	return 0;
}
