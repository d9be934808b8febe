/* SPDX-License-Identifier: MIT */
/* The room that a host has at one moment: what cgroup/host reads and policy/headroom judges. Data
 * only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/procfs.h"

#define HOST_DISKS_MAX 16

struct host_disk {
	char path[256];
	double used_percent; /* as df: of what an ordinary user may fill */
	uint64_t free_bytes;
};

/* Each the tightest of the machine and every cgroup above us. */
struct host_room {
	double cpus; /* we may use: affinity, and cpu.max, which may make it a fraction */
	bool memory_known;
	uint64_t memory_total_bytes, memory_available_bytes;
	/* The cap above us that leaves least, where it is not the tightest by share: what is
	 * reserved counts in bytes, and fills a small cap sooner than a large machine. total 0:
	 * none. */
	uint64_t cap_total_bytes, cap_available_bytes;
	struct rr_pressure pressure[3]; /* cpu, memory, io */
	struct host_disk disks[HOST_DISKS_MAX];
	size_t n_disks;
};
