/* SPDX-License-Identifier: MIT */
/*
 * Time. Inside resrun there is one unit, the nanosecond, and two clocks: BOOTTIME (counts suspend,
 * never jumps) for every decision, wall time for showing and for bridging two boots.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

#define RR_NS_PER_US UINT64_C(1000)
#define RR_NS_PER_MS UINT64_C(1000000)
#define RR_NS_PER_S UINT64_C(1000000000)
#define RR_TIME_INF UINT64_MAX

#define RR_BOOT_ID_SIZE 16
#define RR_RFC3339_SIZE 32

uint64_t rr_now_boot_ns(void);
uint64_t rr_now_wall_ns(void);

/* a + b, and infinity stays infinity. */
uint64_t rr_time_add(uint64_t a_ns, uint64_t b_ns);

/* The kernel's id of this boot. 0 or -errno. */
rr_checked int rr_boot_id(uint8_t ret_id[static RR_BOOT_ID_SIZE]);

/* "2026-01-31T12:00:00.123Z". */
const char *rr_format_wall(uint64_t wall_ns, char buf[static RR_RFC3339_SIZE]);

/* Reads what rr_format_wall wrote. 0 or -EINVAL. */
rr_checked int rr_parse_wall(const char *text, uint64_t *ret_wall_ns);

/* ns as a struct timespec for ppoll, timerfd_settime and friends. */
struct timespec rr_timespec(uint64_t ns);

/* The other way, of a time that is not before its clock's zero. */
uint64_t rr_timespec_ns(const struct timespec *time);
