/* SPDX-License-Identifier: MIT */
#include "runner/summary.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "runner/tell.h"

#define VARIABLE "GITHUB_STEP_SUMMARY"
#define SHOWN_MAX 60 /* of the command */

/* As code in a cell: what would end either is left out. */
static void put_code(FILE *out, const char *text, int max)
{
	(void)fputc('`', out);
	for (; *text && max > 0; text++, max--)
		(void)fputc(strchr("`|\\", *text) || iscntrl((unsigned char)*text) ? '?' : *text,
			    out);
	(void)fputs(*text ? "…` | " : "` | ", out);
}

static void put_result(FILE *out, const struct report *report)
{
	(void)fputs(exit_reason_name(report->reason), out);
	if (report->signal)
		(void)fprintf(out, ", signal %d | ", report->signal);
	else if (report->code >= 0)
		(void)fprintf(out, " %d | ", report->code);
	else
		(void)fputs(" | ", out);
}

static void put_time(FILE *out, uint64_t ns)
{
	char text[RR_FORMAT_SIZE];

	(void)fprintf(out, "%s | ", ns == REPORT_UNKNOWN ? "?" : rr_format_time(ns, text));
}

static void put_bytes(FILE *out, uint64_t bytes)
{
	char text[RR_FORMAT_SIZE];

	(void)fprintf(out, "%s | ", bytes == REPORT_UNKNOWN ? "?" : rr_format_bytes(bytes, text));
}

static void put_table(FILE *out, const struct report *report)
{
	const struct report_usage *usage = &report->usage;

	(void)fputs("\n| job | command | end | time | CPU time | memory peak | waited | placed |\n"
		    "|---|---|---|---|---|---|---|---|\n| ",
		    out);
	put_code(out, report->name ? report->name : report->job_id, SHOWN_MAX);
	put_code(out, report->command && report->command[0] ? report->command[0] : "", SHOWN_MAX);
	put_result(out, report);
	put_time(out, usage->wall_ns);
	put_time(out,
		 usage->cpu_us == REPORT_UNKNOWN ? REPORT_UNKNOWN : usage->cpu_us * RR_NS_PER_US);
	put_bytes(out, usage->memory_peak_bytes);
	put_time(out, report->waited_ns);
	(void)fprintf(out, "%s |\n", report->placement ? report->placement : "nowhere");
}

/* One write: several jobs of a step may append at once. */
static int append(const char *path, const char *text, size_t length)
{
	rr_autofd int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return rr_write_all(fd, text, length);
}

void summary_write(const struct report *report)
{
	const char *path = getenv(VARIABLE);
	rr_autofree char *text = NULL;
	size_t length;
	FILE *out;
	int r = -ENOMEM;

	if (!path || !*path)
		return;
	out = open_memstream(&text, &length);
	if (out) {
		put_table(out, report);
		r = fclose(out) == 0 ? append(path, text, length) : -ENOMEM;
	}
	if (r < 0)
		tell_error(VARIABLE " '%s': %s", path, strerror(-r));
}
