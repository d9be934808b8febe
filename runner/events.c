/* SPDX-License-Identifier: MIT */
#include "runner/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/hierarchy.h"
#include "policy/report.h"
#include "runner/event_file.h"
#include "runner/output.h"
#include "runner/tell.h"

#define PROCESS_NS RR_NS_PER_S
#define MIB (1024.0 * 1024)
#define GIB (1024.0 * 1024 * 1024)

static struct {
	int fd; /* -1: no stream */
	char job_id[PLAN_ID_LENGTH + 1];
	char host[64];
	bool failed;
	struct event_file file;
	uint64_t process_ns, process_cpu_us; /* of the process_resources before */
} stream = { .fd = -1 };

int events_open(const struct plan *plan, struct rr_err *err)
{
	const char *target = settings_text(&plan->settings, SET_LOG);
	int r = target ? output_open(target, O_APPEND, &stream.fd, err) : 0;

	if (r < 0)
		rr_err_prefix(err, "--log");
	if (target && !output_is_stream(target))
		stream.file = (struct event_file){
			.path = target,
			.max_bytes = settings_integer(&plan->settings, SET_LOGS_MAX_SIZE),
		};
	events_rename(plan);
	return r;
}

void events_rename(const struct plan *plan)
{
	memcpy(stream.job_id, plan->job_id, sizeof(stream.job_id));
	memcpy(stream.host, plan->host, sizeof(stream.host));
}

static void write_line(const json_t *event)
{
	rr_autofree char *text = json_dumps(event, JSON_COMPACT | REPORT_JSON_STYLE), *line = NULL;
	int length = text ? asprintf(&line, "%s\n", text) : -1;

	if (length < 0) {
		line = NULL;
		return;
	}
	event_file_ready(&stream.file, &stream.fd, (size_t)length);
	if (rr_write_all(stream.fd, line, (size_t)length) < 0 && !stream.failed) {
		stream.failed = true;
		tell_error("the event stream (--log) cannot be written any more");
	}
	event_file_done(&stream.file, stream.fd);
}

void events_put(const char *level, const char *message, json_t *fields)
{
	char time[RR_RFC3339_SIZE];
	json_t *event;

	if (stream.fd < 0) {
		json_decref(fields);
		return;
	}
	event = json_object();
	(void)json_object_set_new(event, "time",
				  json_string(rr_format_wall(rr_now_wall_ns(), time)));
	(void)json_object_set_new(event, "level", json_string(level));
	(void)json_object_set_new(event, "message", json_string(message));
	(void)json_object_set_new(event, "job_id", json_string(stream.job_id));
	(void)json_object_set_new(event, "host", report_string(stream.host));
	if (fields)
		(void)json_object_update(event, fields);
	write_line(event);
	json_decref(event);
	json_decref(fields);
}

static json_t *resources_json(const struct host_sample *sample, double cpu_percent)
{
	double total = (double)sample->room.memory_total_bytes;
	double available = (double)sample->room.memory_available_bytes;
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "cpu_percent",
				  cpu_percent < 0 ? json_null() : json_real(cpu_percent));
	(void)json_object_set_new(fields, "memory_percent",
				  total > 0 ? json_real(100 - 100 * available / total)
					    : json_null());
	(void)json_object_set_new(fields, "memory_available_mb",
				  sample->room.memory_known ? json_real(available / MIB)
							    : json_null());
	(void)json_object_set_new(
		fields, "disk_percent",
		sample->room.n_disks ? json_real(sample->room.disks[0].used_percent) : json_null());
	(void)json_object_set_new(
		fields, "disk_free_gb",
		sample->room.n_disks ? json_real((double)sample->room.disks[0].free_bytes / GIB)
				     : json_null());
	return fields;
}

void events_resources(const char *message)
{
	static struct host_sample before;
	struct host_sample now;
	struct cg_hierarchy hierarchy;
	double instant;

	if (stream.fd < 0)
		return;
	cg_find(&hierarchy);
	host_sample(&(struct host_roots){ "/proc",
					  hierarchy.mode == CG_UNIFIED ? hierarchy.mount : NULL,
					  hierarchy.own, true },
		    &now);
	host_add_disk(&now, ".");
	/* At first only the moment's runnable threads are known; at the end the whole run. */
	instant = now.room.cpus > 0 ? 100 * (double)now.runnable / now.room.cpus : -1;
	if (before.cpu_known)
		instant = host_cpu_percent(&before, &now);
	before = now;
	events_put("info", message, resources_json(&now, instant > 100 ? 100 : instant));
}

void events_process(pid_t pid, const struct usage *usage, uint64_t age_ns)
{
	json_t *fields;

	if (stream.fd < 0 || age_ns - stream.process_ns < PROCESS_NS)
		return;
	fields = json_object();
	(void)json_object_set_new(fields, "pid", json_integer(pid));
	(void)json_object_set_new(
		fields, "cpu_percent",
		usage->cpu_us == USAGE_UNKNOWN
			? json_null()
			: json_real((double)(usage->cpu_us - stream.process_cpu_us) /
				    ((double)(age_ns - stream.process_ns) / RR_NS_PER_US) * 100));
	(void)json_object_set_new(fields, "memory_mb",
				  usage->memory_bytes == USAGE_UNKNOWN
					  ? json_null()
					  : json_real((double)usage->memory_bytes / MIB));
	(void)json_object_set_new(
		fields, "num_threads",
		usage->pids == USAGE_UNKNOWN ? json_null() : json_integer((json_int_t)usage->pids));
	stream.process_ns = age_ns;
	if (usage->cpu_us != USAGE_UNKNOWN)
		stream.process_cpu_us = usage->cpu_us;
	events_put("info", "process_resources", fields);
}
