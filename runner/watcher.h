/* SPDX-License-Identifier: MIT */
/* What supervision knows of a running job, shared by its loop (supervise.c), the job's end
 * (ending.c) and what is asked from outside (steer_job.c); nobody else includes this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cgroup/oom.h"
#include "cgroup/tree_meter.h"
#include "cgroup/usage.h"
#include "policy/stall.h"
#include "runner/alert.h"
#include "runner/press.h"
#include "runner/supervise.h"

enum phase { PHASE_RUNNING, PHASE_LEAVING, PHASE_GONE };

struct watcher {
	const struct watch_order *order;
	struct outcome *outcome;
	struct meter meter;
	struct tree_meter tree_meter; /* of a job whose memory the kernel does not count */
	struct usage waited; /* sums over the children that were waited for; from 0 on */
	struct alert alert;
	struct press press;
	enum phase phase;
	int tick_fd; /* timerfd of the sampling */
	uint64_t tick_ns; /* how often it ticks */
	int events_fd; /* cgroup.events of the leaf, or -1 */
	uint64_t started_ns, last_ns;
	uint64_t look_cost_ns; /* how long the last sample took */
	uint64_t timeout_ns, kill_ns; /* BOOTTIME moments; RR_TIME_INF: none */
	uint64_t frozen_since_ns; /* 0: not frozen */
	uint64_t reserve_bytes; /* what the whole job is expected to take */
	uint32_t reserve_cpu_milli; /* what a pause has taken off the ticket */
	bool paused; /* by resrunctl; frozen_since_ns also sees others' freezing */
	bool canceled, stalled;
	struct oom_watch oom;
	struct stall stall;
	bool stall_told;
	uint64_t temp_next_ns; /* when to measure the private directory again */
	pid_t log_pid; /* who makes the log smaller; 0: nobody */
	uint64_t log_next_ns; /* not before */
	bool log_told;
	bool term_sent, timed_out, over_memory, asked_to_end, first_ended;
	bool childless; /* all that were our children have been waited for */
	int status; /* of the first process, as waitpid gives it */
};

static inline bool in_cgroup(const struct watcher *watcher)
{
	return watcher->order->placement->leaf.fd >= 0;
}

static inline const char *leaf_path(const struct watcher *watcher)
{
	return watcher->order->placement->leaf.path;
}

/* ---- supervise.c ---- */

/* The job stands still from now on, or no more. */
void watcher_note_frozen(struct watcher *watcher, bool frozen);
/* Reads all that can be known of what the job uses now. */
void watcher_sample(struct watcher *watcher);
/* How often to look from now on. */
void watcher_pace(struct watcher *watcher);

/* ---- ending.c ---- */

/* The kill that nothing escapes; a tree without a cgroup may need another. */
void ending_kill(const struct watcher *watcher);
/* TERM now, the kill later; a job that stands still wakes up to die of TERM. */
void ending_ask(struct watcher *watcher);
/* Acts on the time limit, and on the time that was left to end in. */
void ending_check_deadlines(struct watcher *watcher);
/* The first process has ended: is it the last? */
void ending_begin(struct watcher *watcher);
/* Whether what outlived the first process is gone. */
void ending_check_gone(struct watcher *watcher);

/* ---- held_up.c ---- */

/* Acts when memory_high holds the job up for ever; after a sample. */
void held_up_look(struct watcher *watcher);

/* ---- temp_watch.c ---- */

/* Measures the private directory, when it is time, and ends a job that goes beyond temp_max. */
void temp_look(struct watcher *watcher);
/* Once more, and longer, at its end. */
void temp_look_last(struct watcher *watcher);

/* ---- log_watch.c ---- */

/* Has the log of a detached job made smaller, when it is too large. */
void log_look(struct watcher *watcher);
/* No more of that. */
void log_look_last(struct watcher *watcher);

/* ---- steer_job.c ---- */

/* Takes and does what has been asked. */
void steer_job(struct watcher *watcher);
/* It was told to end: it goes on, whoever had it stand still. */
void steer_resume(struct watcher *watcher);
/* on_pressure has it stand still, or no more; resrunctl pause does the same beside it. 0 or -errno.
 */
rr_checked int steer_press(struct watcher *watcher, bool still);
/* Tells the ledger how the job stands. */
void steer_write_ticket(struct watcher *watcher);

/* ---- press.c ---- */

/* Gives way, or takes that back; after a look at the host. */
void press_look(struct watcher *watcher);
/* It was told to end: it stands still no more for that, and gives way no further for a while. */
void press_spare(struct watcher *watcher);
/* Puts down by how much it gave way. */
void press_end(struct watcher *watcher);

/* ---- press_step.c ---- */

/* A step, as far as it can be had here. False: it cannot. */
bool press_take(struct watcher *watcher, enum pressure_step step,
		const struct pressure_reading *reading);
void press_take_back(struct watcher *watcher, enum pressure_step step);
/* Those that are done anew at every look while they are in force. */
bool press_lower_weight(const struct watcher *watcher, enum limit_id id);
bool press_throttle(struct watcher *watcher, const struct pressure_reading *reading);
bool press_reclaim(const struct watcher *watcher);
