/* SPDX-License-Identifier: MIT */
/*
 * What a crowd (crowd.c) and its batons (baton.c) share: a mapped file in which every job notes
 * when it began and when it ended, and in which the crowd says who may end.
 */
#pragma once

#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATON_RUNS_MAX 8192

struct baton {
	_Atomic uint32_t begun; /* a futex: how many jobs have begun */
	_Atomic uint32_t allowed; /* a futex: the first so many may end */
	uint32_t hold_us; /* that a job goes on after it may end */
	struct {
		uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC */
	} runs[BATON_RUNS_MAX];
};

static inline uint64_t baton_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline struct baton *baton_map(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	void *map = MAP_FAILED;

	if (fd >= 0 && (!(flags & O_CREAT) || ftruncate(fd, sizeof(struct baton)) == 0))
		map = mmap(NULL, sizeof(struct baton), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	return map == MAP_FAILED ? NULL : map;
}

static inline void baton_wait(_Atomic uint32_t *futex, uint32_t seen, long timeout_ms)
{
	struct timespec most = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };

	(void)syscall(SYS_futex, futex, FUTEX_WAIT, seen, timeout_ms < 0 ? NULL : &most, NULL, 0);
}

static inline void baton_wake(_Atomic uint32_t *futex)
{
	(void)syscall(SYS_futex, futex, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}
