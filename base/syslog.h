/* SPDX-License-Identifier: MIT */
/*
 * One record to the system's log: to journald with fields, by its native protocol, or, where there
 * is none, to whoever listens at /dev/log. It never waits, and nobody is the worse for a record
 * that finds no listener.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define RR_JOURNAL_SOCKET "/run/systemd/journal/socket"
#define RR_SYSLOG_SOCKET "/dev/log"
#define RR_SYSLOG_NAME "resrun"

struct rr_log_field {
	const char *name; /* capitals, digits and underscores, as journald wants them */
	const char *value;
};

/* priority: of syslog(3), LOG_CRIT and so on. The list of fields ends with one without a name. 0,
 * or -errno: nobody has got it. */
rr_checked int rr_syslog(int priority, const char *message, const struct rr_log_field *fields);
