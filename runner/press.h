/* SPDX-License-Identifier: MIT */
/* How a job has given way to what runs beside it: see policy/pressure.h and press.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/pressure.h"

#define PRESS_JOBS_MAX 32 /* jobs whose CPU time is told from that of others */

/* CPU time of a job, by its ticket. */
struct press_job {
	uint64_t number, cpu_us;
};

struct press {
	struct pressure pressure;
	enum pressure_step stack[PRESSURE_STEPS_N]; /* taken and not taken back, in order */
	size_t n;
	enum pressure_cause cause; /* of the newest */
	enum pressure_step hardest; /* ever */
	bool still; /* frozen by us */
	uint64_t spared_ns; /* told to end: no step more until then */
	double cpus; /* that the throttle leaves */
	size_t sharing; /* jobs that are throttled, with this one, as of the last look */
	uint64_t since_ns; /* of the first step; 0: it has not given way */
	uint64_t held_ns; /* that earlier ones lasted */
	struct press_job jobs[PRESS_JOBS_MAX];
	size_t n_jobs;
	uint64_t jobs_ns; /* when they were read; 0: not */
};

/* The newest step that is in force. */
enum pressure_step press_step(const struct press *press);
