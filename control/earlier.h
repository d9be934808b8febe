/* SPDX-License-Identifier: MIT */
/*
 * The host's CPU counters as an earlier resrunctl read them: a share of CPU time needs two samples,
 * and who asks should not have to wait between them. Two are remembered, in a small file of our
 * own, so that one of them is old enough even when resrunctl is called all the time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/host.h"
#include "policy/paths.h"

#define EARLIER_NAME "host-sample"
#define EARLIER_MIN_NS (500 * RR_NS_PER_MS) /* a nearer one says little */
#define EARLIER_MAX_NS (60 * RR_NS_PER_S) /* a farther one says nothing of now */

/* The newest sample that is far enough from `now` and near enough to it, and taken in this boot by
 * a process that may use the same CPUs of the same cgroup (`own`). False when there is none. Then
 * remembers `now`, where there is a directory of ours to keep it in: none is made. */
bool earlier_exchange(const struct paths *paths, const char *own, const struct host_sample *now,
		      struct host_sample *ret);
