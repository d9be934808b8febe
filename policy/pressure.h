/* SPDX-License-Identifier: MIT */
/*
 * What on_pressure does while jobs run and the host is short of something: whether it is, which job
 * gives way, and when it is its turn. Pure: readings, tickets and a clock in, a verdict out.
 *
 * There is no daemon: every launcher looks for itself, at what all of them can see. As invariants:
 *
 *  1. A job gives way to what runs beside the jobs, and not to another job: what jobs use is not
 *     counted against them. An encode alone on a machine keeps all of it.
 *  2. The lowest priority gives way first, of equals the youngest; who came last to give way is the
 *     first to go on. A job of priority critical never gives way.
 *  3. One step at a time, on one job: whoever sees the steps of any job change waits anew. The
 *     first in order waits for one PRESSURE_STEP_NS, the next for two: one whose launcher does not
 *     act, as its own thresholds are higher or its steps are used up, is passed over.
 *  4. Jobs that are throttled share alike what is left to them. One that is not, is in its turn
 * when the host is still short then.
 *  5. It is judged by what others use and suffer, which does not fall when the job gives way. Where
 *     it does, as memory pressure may, a step that was taken back too soon is taken back later the
 *     next time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "policy/ledger.h"

#define PRESSURE_STEP_NS (5 * RR_NS_PER_S) /* for a step to show what it does */
#define PRESSURE_RELEASE_NS (15 * RR_NS_PER_S) /* well for so long: a step is taken back */
#define PRESSURE_RELEASE_MAX_NS (300 * RR_NS_PER_S)
#define PRESSURE_OTHERS_PERCENT 20 /* of the CPUs: who takes less gets what he asks for anyway */
#define PRESSURE_MEMORY_PERCENT 10 /* of the time somebody beside the job waits for memory */
#define PRESSURE_MARGIN_PERCENT 5 /* throttled so that the host stays this far below its limit */
#define PRESSURE_CPUS_MIN 0.1 /* a throttled job keeps so much of a CPU */

enum pressure_step {
	PRESSURE_NONE,
	PRESSURE_WEIGHT, /* a tenth of its weight, for CPU and I/O */
	PRESSURE_THROTTLE, /* only the CPU time that others leave below the threshold */
	PRESSURE_RECLAIM, /* its page cache, and what can be swapped */
	PRESSURE_FREEZE,
	PRESSURE_KILL,
	PRESSURE_STEPS_N
};

/* "none", "weight", "throttle", "reclaim", "freeze", "kill". */
const char *pressure_step_name(enum pressure_step step);

/* Whether every word of on_pressure is a step, or the only one is none. 0, or -EINVAL with words
 * that name the bad one. */
rr_checked int pressure_check(char *const *words, struct rr_err *err);

/* ---- is the host short? ---- */

enum pressure_cause { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, PRESSURE_CAUSES_N };

/* "cpu", "memory", "io". */
const char *pressure_cause_name(enum pressure_cause cause);

/* Percentages. A threshold of 100 or more, and a negative one of pressure: not asked for. */
struct pressure_reading {
	double cpu, cpu_threshold; /* busy share of the CPUs; negative: not known */
	double cpu_jobs; /* what of that is jobs' of resrun */
	double memory, memory_threshold;
	double stall_threshold;
	/* PSI some avg10 of the host less that of the jobs: for so long others certainly waited.
	 * Negative: not known. */
	double memory_stall, io_stall;
};

enum pressure_state { PRESSURE_WELL, PRESSURE_SO_SO, PRESSURE_SHORT };

/* PRESSURE_SHORT: of *ret. PRESSURE_WELL is further away from the thresholds than just below. */
enum pressure_state pressure_judge(const struct pressure_reading *reading,
				   enum pressure_cause *ret);

/* Of so many CPUs, those that are left to each of so many jobs that are held to what others leave,
 * for the host to stay below its threshold. */
double pressure_cpus_left(const struct pressure_reading *reading, double cpus, size_t jobs);

/* ---- whose turn is it? ---- */

/* What the tickets say of one running job. */
struct pressure_order {
	size_t before; /* jobs that give way before this one does */
	size_t release_before; /* that have given way, and go on before this one does */
	size_t throttled; /* other jobs with which this one has to share what is left */
	uint64_t signature; /* changes when the step of any job does */
};

void pressure_rank(const struct ledger_ticket *tickets, size_t n, size_t me,
		   struct pressure_order *ret);

/* The next step of a job in the order of its words, none of which is taken twice; PRESSURE_NONE
 * when there is none that helps against that cause. `taken`: bits 1 << step. */
enum pressure_step pressure_next(char *const *words, unsigned taken, enum pressure_cause cause);

/* What a launcher remembers between looks. All zero at first. */
struct pressure {
	enum pressure_state state;
	uint64_t since_ns; /* of this state and signature */
	uint64_t signature;
	uint64_t release_ns; /* how long it must be well */
	uint64_t released_ns; /* when a step was taken back last; 0: never */
};

enum pressure_move { PRESSURE_STAY, PRESSURE_HARDER, PRESSURE_SOFTER };

/* `order` of a job that can give way; `held`: it has given way by a step at least. */
enum pressure_move pressure_look(struct pressure *pressure, enum pressure_state state,
				 const struct pressure_order *order, bool held, uint64_t now_ns);
