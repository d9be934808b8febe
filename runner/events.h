/* SPDX-License-Identifier: MIT */
/*
 * The event stream of --log: one JSON object a line, with the same five fields first. Without --log
 * every call here is free. Trouble with the stream is told once and never fails a job.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "cgroup/host.h"
#include "cgroup/usage.h"
#include "runner/plan.h"

/* Opens "-" (stderr), "fd:N" or a file to append to. 0 or -errno with words. */
rr_checked int events_open(const struct plan *plan, struct rr_err *err);

/* A further attempt has another job id. */
void events_rename(const struct plan *plan);

/* Writes an event; takes the fields over (NULL: none). `level`: "info", "warning", "error". */
void events_put(const char *level, const char *message, json_t *fields);

/* resources_initial and resources_final: what the host has at this moment. */
void events_resources(const char *message);

/* process_resources, at most once a second. */
void events_process(pid_t pid, const struct usage *usage, uint64_t age_ns);
