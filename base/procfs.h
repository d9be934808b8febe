/* SPDX-License-Identifier: MIT */
/*
 * The text that /proc and cgroupfs speak, and the identity of a process.
 * Pure parsers over text already read, plus the few reads that tell one process from another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Finds the line "KEY VALUE" or "KEY: VALUE kB" in text. 0, or -ENOENT. */
rr_checked int rr_text_u64(const char *text, const char *key, uint64_t *ret);

/* Pressure stall information; `known` is false in all three kinds of its absence. */
struct rr_pressure {
	bool known;
	double some_avg10;
	double full_avg10;
	uint64_t some_us;
	uint64_t full_us;
};

/* Of the text of such a file; known = false when it is empty or of another form. */
void rr_text_pressure(const char *text, struct rr_pressure *ret);

/* Reads a file of the /proc/pressure kind; missing, empty and EOPNOTSUPP give known = false. */
void rr_read_pressure(int dirfd, const char *name, struct rr_pressure *ret);

/* Start time of the process in clock ticks since boot (field 22 of stat): with the pid and the
 * boot id it names one process for ever. 0, -ESRCH when there is none, or -errno. */
rr_checked int rr_proc_start_ticks(pid_t pid, uint64_t *ret_ticks);

/* True when pid is that very process, and not a zombie. */
bool rr_proc_is(pid_t pid, uint64_t start_ticks);

/* True when that process is certainly no more: one that cannot be looked at (no descriptor left,
 * /proc mounted with hidepid) is not gone. */
bool rr_proc_is_gone(pid_t pid, uint64_t start_ticks);

/* True when `ancestor` is the parent of pid, or its parent, and so on. */
bool rr_proc_descends(pid_t pid, pid_t ancestor);

/* Inode of our namespace of that kind ("pid", "net"): a pid means nothing in another one. 0 when
 * unknown. */
uint64_t rr_namespace(const char *kind);

/* A pidfd, or -errno: -ENOSYS and -EPERM both mean that this kernel or filter has none to give. */
rr_checked int rr_pidfd_open(pid_t pid);

/* Sends a signal through a pidfd, or by pid when pidfd is negative. 0 or -errno. */
rr_checked int rr_pidfd_signal(int pidfd, pid_t pid, int signo);
