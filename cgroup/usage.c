/* SPDX-License-Identifier: MIT */
#include "cgroup/usage.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"

#define STAT_TEXT 8192
#define EVENTS_TEXT 512
#define CPU_TEXT 1024

static const char *const files[METER_FILES_N] = {
	[METER_CPU] = "cpu.stat",
	[METER_MEMORY] = "memory.current",
	[METER_MEMORY_PEAK] = "memory.peak",
	[METER_MEMORY_STAT] = "memory.stat",
	[METER_MEMORY_EVENTS] = "memory.events",
	[METER_MEMORY_LOCAL] = "memory.events.local",
	[METER_MEMORY_PRESSURE] = "memory.pressure",
	[METER_IO] = "io.stat",
	[METER_PIDS] = "pids.current",
	[METER_PIDS_PEAK] = "pids.peak",
};

void usage_clear(struct usage *usage)
{
	*usage = (struct usage){
		.cpu_us = USAGE_UNKNOWN,
		.cpu_user_us = USAGE_UNKNOWN,
		.cpu_system_us = USAGE_UNKNOWN,
		.memory_bytes = USAGE_UNKNOWN,
		.memory_working_bytes = USAGE_UNKNOWN,
		.memory_peak_bytes = USAGE_UNKNOWN,
		.memory_working_peak_bytes = USAGE_UNKNOWN,
		.io_read_bytes = USAGE_UNKNOWN,
		.io_write_bytes = USAGE_UNKNOWN,
		.pids = USAGE_UNKNOWN,
		.pids_peak = USAGE_UNKNOWN,
		.throttled_us = USAGE_UNKNOWN,
		.oom_kills = USAGE_UNKNOWN,
		.all_ooms = USAGE_UNKNOWN,
		.own_ooms = USAGE_UNKNOWN,
		.high_events = USAGE_UNKNOWN,
	};
}

void usage_raise(uint64_t *peak, uint64_t value)
{
	if (value != USAGE_UNKNOWN && (*peak == USAGE_UNKNOWN || *peak < value))
		*peak = value;
}

void meter_open(int leaf_fd, struct meter *ret)
{
	for (int i = 0; i < METER_FILES_N; i++)
		ret->fd[i] = openat(leaf_fd, files[i], O_RDONLY | O_CLOEXEC);
}

void meter_close(struct meter *meter)
{
	for (int i = 0; i < METER_FILES_N; i++)
		rr_fd_close(&meter->fd[i]);
}

static bool read_text(const struct meter *meter, enum meter_file file, char *text, size_t size)
{
	return meter->fd[file] >= 0 && rr_pread_text(meter->fd[file], text, size) >= 0;
}

static void read_number(const struct meter *meter, enum meter_file file, uint64_t *value)
{
	char text[64];

	if (!read_text(meter, file, text, sizeof(text)))
		return;
	text[strcspn(text, "\n")] = '\0';
	rr_ignore(rr_parse_u64(text, value)); /* "max" and nonsense keep what was known */
}

static void read_peak(const struct meter *meter, enum meter_file file, uint64_t *peak)
{
	uint64_t value = USAGE_UNKNOWN;

	read_number(meter, file, &value);
	usage_raise(peak, value);
}

static void take(const char *text, const char *key, uint64_t *value)
{
	rr_ignore(rr_text_u64(text, key, value)); /* absent: it keeps what was known */
}

static void read_cpu(const struct meter *meter, struct usage *usage)
{
	char text[CPU_TEXT];

	if (!read_text(meter, METER_CPU, text, sizeof(text)))
		return;
	take(text, "usage_usec", &usage->cpu_us);
	take(text, "user_usec", &usage->cpu_user_us);
	take(text, "system_usec", &usage->cpu_system_us);
	take(text, "throttled_usec", &usage->throttled_us);
}

static void read_memory(const struct meter *meter, struct usage *usage)
{
	read_number(meter, METER_MEMORY, &usage->memory_bytes);
	usage_raise(&usage->memory_peak_bytes, usage->memory_bytes);
}

static void read_memory_stat(const struct meter *meter, struct usage *usage)
{
	uint64_t anon = 0, shmem = 0, kernel = 0;
	char text[STAT_TEXT];

	if (!read_text(meter, METER_MEMORY_STAT, text, sizeof(text)) ||
	    rr_text_u64(text, "anon", &anon) < 0)
		return;
	take(text, "shmem", &shmem);
	take(text, "kernel", &kernel);
	usage->memory_working_bytes = anon + shmem + kernel;
	usage_raise(&usage->memory_working_peak_bytes, usage->memory_working_bytes);
}

static void read_memory_events(const struct meter *meter, struct usage *usage)
{
	char text[EVENTS_TEXT];

	if (!read_text(meter, METER_MEMORY_EVENTS, text, sizeof(text)))
		return;
	take(text, "oom", &usage->all_ooms);
	take(text, "oom_kill", &usage->oom_kills);
	take(text, "high", &usage->high_events);
}

/* Not hierarchical: a limit below or above is not ours. */
static void read_memory_local(const struct meter *meter, struct usage *usage)
{
	char text[EVENTS_TEXT];

	if (read_text(meter, METER_MEMORY_LOCAL, text, sizeof(text)))
		take(text, "oom", &usage->own_ooms);
}

static void read_memory_pressure(const struct meter *meter, struct usage *usage)
{
	char text[EVENTS_TEXT];

	if (!read_text(meter, METER_MEMORY_PRESSURE, text, sizeof(text)))
		*text = '\0';
	rr_text_pressure(text, &usage->memory_pressure);
}

/* The number after "KEY=" within one line. */
static uint64_t line_value(const char *line, const char *key)
{
	const char *at = strstr(line, key);
	uint64_t value = 0;

	if (at && at < line + 1 + strcspn(line + 1, "\n"))
		take(at, key, &value);
	return value;
}

/* Adds up "MAJ:MIN rbytes=N wbytes=N ..." over all devices; a disk at rest has no line. */
static void read_io(const struct meter *meter, struct usage *usage)
{
	uint64_t read_bytes = 0, write_bytes = 0;
	char text[STAT_TEXT];

	if (!read_text(meter, METER_IO, text, sizeof(text)))
		return;
	for (const char *line = text; line; line = strchr(line + 1, '\n')) {
		read_bytes += line_value(line, "rbytes");
		write_bytes += line_value(line, "wbytes");
		if (!*line)
			break;
	}
	usage->io_read_bytes = read_bytes;
	usage->io_write_bytes = write_bytes;
}

static void read_pids(const struct meter *meter, struct usage *usage)
{
	read_number(meter, METER_PIDS, &usage->pids);
	usage_raise(&usage->pids_peak, usage->pids);
}

void meter_read(const struct meter *meter, struct usage *usage)
{
	read_cpu(meter, usage);
	read_memory(meter, usage);
	read_peak(meter, METER_MEMORY_PEAK, &usage->memory_peak_bytes);
	read_memory_stat(meter, usage);
	read_memory_events(meter, usage);
	read_memory_local(meter, usage);
	read_memory_pressure(meter, usage);
	read_io(meter, usage);
	read_pids(meter, usage);
	read_peak(meter, METER_PIDS_PEAK, &usage->pids_peak);
}

void meter_look(const struct meter *meter, bool held, struct usage *usage)
{
	read_cpu(meter, usage);
	read_memory(meter, usage);
	/* Never more than all it has. */
	if (usage->memory_working_peak_bytes == USAGE_UNKNOWN ||
	    usage->memory_bytes > usage->memory_working_peak_bytes)
		read_memory_stat(meter, usage);
	if (held) {
		read_memory_events(meter, usage);
		read_memory_pressure(meter, usage);
	}
	read_pids(meter, usage);
}
