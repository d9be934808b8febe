/* SPDX-License-Identifier: MIT */
/* The names of `resrunctl status --json`, schema 1. They only grow. */
#include "base/clock.h"
#include "control/show.h"
#include "control/status.h"

static json_t *host_json(const struct status *status)
{
	const struct headroom_reading *reading = &status->reading;
	bool memory = reading->room.memory_known, disk = reading->room.n_disks > 0;
	uint64_t total = reading->room.memory_total_bytes,
		 available = reading->room.memory_available_bytes;
	const struct host_disk *worst = &reading->room.disks[status->use.worst_disk];
	json_t *host = json_object();

	show_put_percent(host, "cpu_percent", status->use.value[HEADROOM_CPU]);
	show_put_seconds(host, "cpu_over_s",
			 status->cpu_over_ns ? status->cpu_over_ns : SHOW_UNKNOWN);
	show_put(host, "cpus",
		 reading->room.cpus > 0 ? json_real(reading->room.cpus) : json_null());
	show_put_percent(host, "memory_percent", status->use.value[HEADROOM_MEMORY]);
	show_put_count(host, "memory_total_bytes", memory ? total : SHOW_UNKNOWN);
	show_put_count(host, "memory_used_bytes", memory ? total - available : SHOW_UNKNOWN);
	show_put_count(host, "memory_available_bytes", memory ? available : SHOW_UNKNOWN);
	show_put_text(host, "disk_path", disk ? worst->path : NULL);
	show_put_percent(host, "disk_percent", status->use.value[HEADROOM_DISK]);
	show_put_count(host, "disk_free_bytes", disk ? worst->free_bytes : SHOW_UNKNOWN);
	show_put_percent(host, "pressure_percent", status->use.value[HEADROOM_PRESSURE]);
	return host;
}

static json_t *thresholds_json(const struct status *status)
{
	json_t *thresholds = json_object();

	for (int i = 0; i < HEADROOM_N; i++)
		show_put_percent(thresholds, headroom_name(i), status->use.threshold[i]);
	return thresholds;
}

static json_t *manager_json(const struct status *status)
{
	static const char *const levels[] = { "ok", "warning", "critical" };
	json_t *manager = json_object(), *verdict = json_object();

	show_put_count(manager, "active_operations", status_active(status));
	show_put_bool(manager, "rate_limit_ok", status_rate_ok(status));
	show_put_bool(manager, "resources_available", status->verdict.room);
	for (int i = 0; i < HEADROOM_N; i++)
		show_put_text(verdict, headroom_name(i),
			      status->verdict.value[i] < 0 ? NULL
							   : levels[status->verdict.level[i]]);
	show_put(manager, "levels", verdict);
	return manager;
}

static json_t *alerts_json(const struct status *status)
{
	json_t *list = json_array();

	for (int i = 0; i < HEADROOM_N; i++) {
		uint64_t since_ns = status_since(status, i);
		char since[RR_RFC3339_SIZE];
		json_t *one;

		if (!status_is_judged(status, i))
			continue;
		one = json_object();
		show_put_text(one, "resource", headroom_name(i));
		show_put_text(one, "severity", headroom_level_name(status->use.level[i]));
		show_put_text(one, "since", since_ns ? rr_format_wall(since_ns, since) : NULL);
		show_put_percent(one, "value", status->use.value[i]);
		show_put_percent(one, "threshold", status->use.threshold[i]);
		(void)json_array_append_new(list, one);
	}
	return list;
}

/* What running and waiting jobs have in common. */
static json_t *job_json(const struct status_job *job)
{
	json_t *one = json_object();

	show_put_text(one, "job_id", job->ticket.id);
	show_put_text(one, "name", job->detail.name[0] ? job->detail.name : NULL);
	show_put_text(one, "profile", job->profile);
	show_put_text(one, "state", job_state_name(job->state));
	show_put_count(one, "launcher_pid", (uint64_t)job->ticket.pid);
	show_put_count(one, "job_pid",
		       job->detail.job_pid > 0 ? (uint64_t)job->detail.job_pid : SHOW_UNKNOWN);
	show_put_text(one, "user", job->user);
	show_put_text(one, "priority", job_priority_name(job));
	show_put_text(one, "command", job->detail.command);
	return one;
}

static json_t *running_json(const struct status_job *job)
{
	const struct ledger_detail *detail = &job->detail;
	bool estimated = job->estimate.by != ESTIMATE_NONE;
	json_t *one = job_json(job);

	show_put_text(one, "pressed", job_pressed_name(job));
	show_put_seconds(one, "age_s", job->age_ns);
	show_put_count(one, "reserved_memory_bytes", job->ticket.memory_bytes);
	show_put(one, "reserved_cpus", json_real(job->ticket.cpu_milli / 1000.0));
	show_put_seconds(one, "left_s", estimated ? job->estimate.left_ns : SHOW_UNKNOWN);
	show_put_text(one, "left_by", estimate_by_name(job->estimate.by));
	show_put_text(one, "cgroup", detail->leaf[0] ? detail->leaf : NULL);
	return one;
}

static json_t *waiting_json(const struct status_job *job)
{
	json_t *one = job_json(job);

	show_put_count(one, "position", job->position ? job->position : SHOW_UNKNOWN);
	show_put_seconds(one, "waited_s", job->age_ns);
	show_put_text(one, "waits_for", status_waits_for(job));
	return one;
}

static json_t *jobs_json(const struct status *status, bool waiting)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];

		if (status_is_waiting(job) == waiting)
			(void)json_array_append_new(list, waiting ? waiting_json(job)
								  : running_json(job));
	}
	return list;
}

static json_t *lanes_json(const struct status *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->n_lanes; i++) {
		const struct status_lane *lane = &status->lanes[i];
		bool limited = lane->limit != SHOW_UNKNOWN;
		json_t *one = json_object();

		show_put_text(one, "profile", lane->profile);
		show_put_count(one, "starts", lane->starts);
		show_put_count(one, "limit", lane->limit);
		show_put_seconds(one, "window_s", lane->window_ns);
		show_put_seconds(one, "next_free_in_s", limited ? lane->free_in_ns : SHOW_UNKNOWN);
		(void)json_array_append_new(list, one);
	}
	return list;
}

json_t *status_to_json(const struct status *status)
{
	char time[RR_RFC3339_SIZE];
	json_t *all = json_object();

	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "time", rr_format_wall(rr_now_wall_ns(), time));
	show_put(all, "host", host_json(status));
	show_put(all, "thresholds", thresholds_json(status));
	show_put(all, "manager", manager_json(status));
	show_put(all, "alerts", alerts_json(status));
	show_put_text(all, "ledger", status->has_ledger ? status->ledger : NULL);
	show_put(all, "running", jobs_json(status, false));
	show_put(all, "waiting", jobs_json(status, true));
	show_put(all, "rate_windows", lanes_json(status));
	return all;
}
