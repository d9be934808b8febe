/* SPDX-License-Identifier: MIT */
/*
 * Every metric is a row of the table below: base units only, and no label whose values could grow
 * without bound. What is not known has no sample, and a metric without samples is left out.
 */
#include "control/metrics.h"

#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "control/show.h"
#include "policy/alerts.h"

/* One metric that is being written. */
struct page {
	FILE *out;
	const char *name, *type, *help;
	bool begun; /* its head is there */
};

static void put_label(const char *value, FILE *out)
{
	for (; *value; value++) {
		if (*value == '\n')
			(void)fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			(void)fprintf(out, "\\%c", *value);
		else
			(void)fputc(*value, out);
	}
}

/* Up to two labels; NULL: none. */
struct labels {
	const char *name, *value, *name2, *value2;
};

static void sample(struct page *page, const struct labels *labels, double value)
{
	if (!page->begun)
		(void)fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", page->name, page->help,
			      page->name, page->type);
	page->begun = true;
	(void)fputs(page->name, page->out);
	if (labels) {
		(void)fprintf(page->out, "{%s=\"", labels->name);
		put_label(labels->value, page->out);
		if (labels->name2) {
			(void)fprintf(page->out, "\",%s=\"", labels->name2);
			put_label(labels->value2, page->out);
		}
		(void)fputs("\"}", page->out);
	}
	(void)fprintf(page->out, " %.15g\n", value);
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)RR_NS_PER_S;
}

/* ---- the host ---- */

static void put_version(const struct metrics *metrics, struct page *page)
{
	(void)metrics;
	sample(page, &(struct labels){ "version", RESRUN_VERSION, NULL, NULL }, 1);
}

static void put_cpus(const struct metrics *metrics, struct page *page)
{
	if (metrics->status.reading.room.cpus > 0)
		sample(page, NULL, metrics->status.reading.room.cpus);
}

static void put_memory_total(const struct metrics *metrics, struct page *page)
{
	if (metrics->status.reading.room.memory_known)
		sample(page, NULL, (double)metrics->status.reading.room.memory_total_bytes);
}

static void put_memory_available(const struct metrics *metrics, struct page *page)
{
	if (metrics->status.reading.room.memory_known)
		sample(page, NULL, (double)metrics->status.reading.room.memory_available_bytes);
}

static void put_disk_free(const struct metrics *metrics, struct page *page)
{
	const struct status *status = &metrics->status;

	if (status->reading.room.n_disks > 0)
		sample(page, NULL,
		       (double)status->reading.room.disks[status->use.worst_disk].free_bytes);
}

/* Of each resource one number; negative: not known. */
static void put_resources(const double value[static HEADROOM_N], double scale, struct page *page)
{
	for (int i = 0; i < HEADROOM_N; i++)
		if (value[i] >= 0)
			sample(page, &(struct labels){ "resource", headroom_name(i), NULL, NULL },
			       value[i] / scale);
}

static void put_use(const struct metrics *metrics, struct page *page)
{
	put_resources(metrics->status.use.value, 100, page);
}

static void put_threshold(const struct metrics *metrics, struct page *page)
{
	put_resources(metrics->status.use.threshold, 100, page);
}

static void put_level(const struct metrics *metrics, struct page *page)
{
	double level[HEADROOM_N];

	for (int i = 0; i < HEADROOM_N; i++)
		level[i] = status_is_judged(&metrics->status, i)
				   ? (double)metrics->status.use.level[i]
				   : -1;
	put_resources(level, 1, page);
}

static void put_room(const struct metrics *metrics, struct page *page)
{
	sample(page, NULL, metrics->status.verdict.room);
}

static void put_reserved_memory(const struct metrics *metrics, struct page *page)
{
	sample(page, NULL, (double)status_reserved(&metrics->status).memory_bytes);
}

static void put_reserved_cpus(const struct metrics *metrics, struct page *page)
{
	sample(page, NULL, status_reserved(&metrics->status).cpus);
}

/* ---- the queue ---- */

static size_t count_jobs(const struct metrics *metrics, const char *profile, enum job_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < metrics->status.n_jobs; i++)
		n += metrics->status.jobs[i].state == state &&
		     strcmp(metrics->status.jobs[i].profile, profile) == 0;
	return n;
}

static void put_jobs(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_profiles; i++)
		for (int state = JOB_WAITING; state <= JOB_LOST; state++)
			sample(page,
			       &(struct labels){ "profile", metrics->profiles[i], "state",
						 job_state_name(state) },
			       (double)count_jobs(metrics, metrics->profiles[i], state));
}

static void put_longest_wait(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_profiles; i++) {
		uint64_t longest_ns = 0;

		for (size_t j = 0; j < metrics->status.n_jobs; j++) {
			const struct status_job *job = &metrics->status.jobs[j];

			if (job->state == JOB_WAITING && job->age_ns > longest_ns &&
			    strcmp(job->profile, metrics->profiles[i]) == 0)
				longest_ns = job->age_ns;
		}
		sample(page, &(struct labels){ "profile", metrics->profiles[i], NULL, NULL },
		       seconds(longest_ns));
	}
}

static void put_lane(struct page *page, const struct status_lane *lane, double value)
{
	sample(page, &(struct labels){ "profile", lane->profile, NULL, NULL }, value);
}

static void put_starts(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->status.n_lanes; i++)
		put_lane(page, &metrics->status.lanes[i], (double)metrics->status.lanes[i].starts);
}

static void put_limit(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->status.n_lanes; i++)
		if (metrics->status.lanes[i].limit != SHOW_UNKNOWN)
			put_lane(page, &metrics->status.lanes[i],
				 (double)metrics->status.lanes[i].limit);
}

static void put_window(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->status.n_lanes; i++)
		put_lane(page, &metrics->status.lanes[i],
			 seconds(metrics->status.lanes[i].window_ns));
}

/* ---- the past ---- */

static void put_total(struct page *page, const struct metrics_total *total, double value)
{
	sample(page, &(struct labels){ "profile", total->profile, "reason", total->reason }, value);
}

static void put_ended(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		put_total(page, &metrics->totals[i], (double)metrics->totals[i].runs);
}

static void put_failed(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		put_total(page, &metrics->totals[i], (double)metrics->totals[i].failed);
}

static void put_wall(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		put_total(page, &metrics->totals[i], metrics->totals[i].wall_s);
}

static void put_cpu(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		put_total(page, &metrics->totals[i], metrics->totals[i].cpu_s);
}

static void put_waited(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		put_total(page, &metrics->totals[i], metrics->totals[i].waited_s);
}

static void put_last(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		put_total(page, &metrics->totals[i], seconds(metrics->totals[i].last_wall_ns));
}

/* Only what exited can have succeeded: there is at most one of a profile. */
static void put_last_success(const struct metrics *metrics, struct page *page)
{
	for (size_t i = 0; i < metrics->n_totals; i++)
		if (metrics->totals[i].last_success_wall_ns)
			sample(page,
			       &(struct labels){ "profile", metrics->totals[i].profile, NULL,
						 NULL },
			       seconds(metrics->totals[i].last_success_wall_ns));
}

static void put_torn(const struct metrics *metrics, struct page *page)
{
	sample(page, NULL, (double)metrics->torn);
}

/* ---- the table ---- */

static const struct {
	const char *name, *type, *help;
	void (*put)(const struct metrics *metrics, struct page *page);
} families[] = {
	{ "resrun_info", "gauge", "Always 1; the version is the label.", put_version },
	{ "resrun_host_cpus", "gauge", "CPUs that jobs may use, by affinity and cgroups.",
	  put_cpus },
	{ "resrun_host_memory_bytes", "gauge", "Memory of the host, or of the tightest cap above.",
	  put_memory_total },
	{ "resrun_host_memory_available_bytes", "gauge",
	  "Memory that is to be had without swapping, there.", put_memory_available },
	{ "resrun_host_disk_free_bytes", "gauge", "Free space of the fullest disk in use.",
	  put_disk_free },
	{ "resrun_host_used_ratio", "gauge",
	  "Use of a resource, 0 to 1; of pressure, the worst some avg10.", put_use },
	{ "resrun_host_threshold_ratio", "gauge", "The use from which on no job is started.",
	  put_threshold },
	{ "resrun_host_level", "gauge", "0: ok, 1: warning, 2: critical.", put_level },
	{ "resrun_host_has_room", "gauge", "1 when the thresholds let another job start, else 0.",
	  put_room },
	{ "resrun_reserved_memory_bytes", "gauge",
	  "Memory promised to running jobs that have not taken it yet.", put_reserved_memory },
	{ "resrun_reserved_cpus", "gauge", "The same of CPUs.", put_reserved_cpus },
	{ "resrun_jobs", "gauge", "Jobs that are there now.", put_jobs },
	{ "resrun_longest_wait_seconds", "gauge",
	  "How long the job has waited that waits longest; 0 when none does.", put_longest_wait },
	{ "resrun_rate_starts", "gauge", "Starts in the rate window.", put_starts },
	{ "resrun_rate_limit", "gauge", "Starts that the rate window may have.", put_limit },
	{ "resrun_rate_window_seconds", "gauge", "Length of the rate window.", put_window },
	{ "resrun_jobs_ended_total", "counter", "Jobs that have ended, or were not started.",
	  put_ended },
	{ "resrun_jobs_failed_total", "counter", "Those of them that did not exit with 0.",
	  put_failed },
	{ "resrun_jobs_wall_seconds_total", "counter", "Time that they ran.", put_wall },
	{ "resrun_jobs_cpu_seconds_total", "counter", "CPU time that they used.", put_cpu },
	{ "resrun_jobs_waited_seconds_total", "counter", "Time that they waited.", put_waited },
	{ "resrun_jobs_last_end_timestamp_seconds", "gauge", "When the last of them ended.",
	  put_last },
	{ "resrun_jobs_last_success_timestamp_seconds", "gauge", "When the last one exited with 0.",
	  put_last_success },
	{ "resrun_history_torn_lines", "gauge", "Lines of the history that are damaged.",
	  put_torn },
};

void metrics_write(const struct metrics *metrics, FILE *out)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct page page = { out, families[i].name, families[i].type, families[i].help,
				     false };

		families[i].put(metrics, &page);
	}
}
