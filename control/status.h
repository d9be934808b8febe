/* SPDX-License-Identifier: MIT */
/*
 * What `resrunctl status` knows: the host as the admit stage would see it now, and a copy of the
 * ledger. status_host.c and status_ledger.c fill it, status.c and status_json.c show it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup/host.h"
#include "control/context.h"
#include "control/estimate.h"
#include "policy/alerts.h"
#include "policy/headroom.h"
#include "policy/ledger.h"
#include "policy/queue.h"

enum job_state {
	JOB_WAITING,
	JOB_STARTING, /* has its slot; nothing runs yet */
	JOB_RUNNING,
	JOB_PAUSED, /* keeps its slot */
	JOB_LOST, /* its launcher is dead: the next resrun clears it away */
};

struct status_job {
	struct ledger_ticket ticket;
	struct ledger_detail detail;
	char profile[LEDGER_LANE_NAME_SIZE];
	char user[64];
	bool alive; /* its launcher */
	enum job_state state;
	uint64_t age_ns; /* since it entered (waiting) or started */
	size_t position; /* waiting: 1 is the head of its profile */
	enum queue_answer answer; /* waiting: what order and slots say */
	struct estimate estimate; /* running: its end, where that was asked for (estimate_all) */
};

/* Starts of one profile that count now. */
struct status_lane {
	char profile[LEDGER_LANE_NAME_SIZE];
	uint64_t starts;
	uint64_t limit; /* as configured; SHOW_UNKNOWN when only a command line had one */
	uint64_t window_ns;
	uint64_t free_in_ns; /* 0: now */
};

struct status {
	struct host_sample host;
	uint64_t cpu_over_ns; /* the CPU share is of that long; 0: of this moment's threads */
	struct headroom_reading reading;
	struct headroom_verdict use; /* of the host as it is */
	struct alert_last alerts[HEADROOM_N]; /* what jobs have seen of it */
	struct headroom_verdict verdict; /* with what is promised to jobs taken off */
	bool has_ledger;
	char ledger[PATH_MAX];
	struct status_job *jobs; /* in the order of the ledger; owned */
	size_t n_jobs;
	uint64_t others_wall_ns; /* when another user's job last came or went; 0: not known */
	uint64_t wanted_bytes; /* what a job that is asked about would reserve; else 0 */
	struct status_lane lanes[LEDGER_LANES_MAX];
	size_t n_lanes;
};

/* Samples the host; its CPU share is that since an earlier resrunctl looked (earlier.h), else of
 * this moment. */
void status_read_host(const struct context *context, struct status *status);

/* Samples it again; the CPU share is that since the sample before, at least 100 ms ago. */
void status_follow_host(const struct context *context, struct status *status);

/* Whether the resource is held against a threshold, and known. */
bool status_is_judged(const struct status *status, enum headroom_resource resource);

/* Since when its level is what it is, as far as jobs have put it down; 0: not known. */
uint64_t status_since(const struct status *status, enum headroom_resource resource);

/* What running jobs have been promised and not taken yet. */
struct headroom_reserved status_reserved(const struct status *status);

/* Judges the sampled host against the thresholds; after the jobs are known. */
void status_judge(const struct settings *settings, struct status *status);

/* Copies the jobs and windows out of the ledger; without one there are none. 0 or -errno with
 * words. */
rr_checked int status_read_ledger(const struct context *context, struct status *status,
				  struct rr_err *err);

/* The window of that profile again, by the rate limit of the context's settings, or by none: what a
 * job has asked for need not be what is configured. 0 or -errno with words. */
rr_checked int status_read_lane(const struct context *context, const char *profile,
				struct status *status, struct rr_err *err);

void status_free(struct status *status);
#define status_auto __attribute__((cleanup(status_free)))

bool status_is_waiting(const struct status_job *job);
/* Running or about to. */
size_t status_active(const struct status *status);
/* True when no known window is full. */
bool status_rate_ok(const struct status *status);

/* "waiting", "starting", "running", "paused", "lost". */
const char *job_state_name(enum job_state state);
/* The same for people, with the step of on_pressure by which it gives way: "running (throttle)". */
const char *job_state_words(const struct status_job *job, char *buf, size_t size);
/* That step, or NULL when it gives way to nobody. */
const char *job_pressed_name(const struct status_job *job);
/* "low", "normal", "high", "critical". */
const char *priority_name(unsigned priority);
const char *job_priority_name(const struct status_job *job);
/* What a waiter waits for: "slot", "rate", "resources", or NULL when that cannot be told. */
const char *status_waits_for(const struct status_job *job);

/* The whole of it; see status_json.c for the names. NULL out of memory. */
json_t *status_to_json(const struct status *status);
