/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/top.h"

#define BARS_AT 1 /* rows of the screen */
#define JOBS_AT 6
#define LABEL 9 /* columns */
#define WORDS 32
#define SPARK_MIN 8

static enum style level_style(enum headroom_level level)
{
	static const enum style styles[] = { STYLE_GOOD, STYLE_WARNING, STYLE_CRITICAL };

	return styles[level];
}

/* ---- the host ---- */

static void draw_title(const struct top *top, struct canvas *canvas)
{
	char line[256], host[65] = "", clock[16] = "";
	size_t active = status_active(&top->status), waiting = 0;
	time_t now = time(NULL);
	struct tm local;

	for (size_t i = 0; i < top->status.n_jobs; i++)
		waiting += status_is_waiting(&top->status.jobs[i]);
	(void)gethostname(host, sizeof(host) - 1);
	if (localtime_r(&now, &local))
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	(void)snprintf(line, sizeof(line), "resrun on %s: %zu running, %zu waiting, %s for more",
		       host, active, waiting, top->status.verdict.room ? "room" : "no room");
	canvas_text(canvas, 0, 0, canvas->columns - 9, STYLE_TITLE, line);
	canvas_right(canvas, 0, canvas->columns - 9, 9, STYLE_TITLE, clock);
}

static void host_words(const struct status *status, enum headroom_resource resource, char *buf,
		       size_t size)
{
	const struct headroom_reading *reading = &status->reading;
	double value = status->use.value[resource];
	char bytes[RR_FORMAT_SIZE];

	*buf = '\0';
	if (value < 0)
		(void)snprintf(buf, size, "unknown");
	else if (resource == HEADROOM_CPU)
		(void)snprintf(buf, size, "%.1f%% of %g CPUs", value, reading->room.cpus);
	else if (resource == HEADROOM_MEMORY)
		(void)snprintf(buf, size, "%.1f%%, %s available", value,
			       rr_format_bytes(reading->room.memory_available_bytes, bytes));
	else if (resource == HEADROOM_DISK)
		(void)snprintf(
			buf, size, "%.1f%%, %s free", value,
			rr_format_bytes(reading->room.disks[status->use.worst_disk].free_bytes,
					bytes));
}

static void pressure_words(const struct status *status, char *buf, size_t size)
{
	static const char *const names[] = { "cpu", "memory", "io" };
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < 3 && used < size; i++)
		if (status->reading.room.pressure[i].known)
			used += (size_t)snprintf(buf + used, size - used, "%s%s %.1f%%",
						 used ? ", " : "", names[i],
						 status->reading.room.pressure[i].some_avg10);
	if (used == 0)
		(void)snprintf(buf, size, "unknown");
}

static double worst_pressure(const struct status *status)
{
	double worst = -1;

	for (size_t i = 0; i < 3; i++)
		if (status->reading.room.pressure[i].known &&
		    status->reading.room.pressure[i].some_avg10 > worst)
			worst = status->reading.room.pressure[i].some_avg10;
	return worst;
}

static void draw_host(const struct top *top, struct canvas *canvas)
{
	static const char *const labels[HEADROOM_N] = { "CPU", "Memory", "Disk", "Pressure" };
	const struct trail *const trails[HEADROOM_N] = { &top->cpu, &top->memory };
	int bar = (canvas->columns - LABEL - WORDS) / 2, spark;

	bar = bar < 10 ? 10 : bar > 40 ? 40 : bar;
	spark = canvas->columns - LABEL - bar - 1 - WORDS;
	for (int i = 0; i < HEADROOM_N; i++) {
		double value = i == HEADROOM_PRESSURE ? worst_pressure(&top->status)
						      : top->status.use.value[i];
		char words[96];

		if (i == HEADROOM_PRESSURE)
			pressure_words(&top->status, words, sizeof(words));
		else
			host_words(&top->status, i, words, sizeof(words));
		canvas_text(canvas, BARS_AT + i, 0, LABEL, STYLE_PLAIN, labels[i]);
		canvas_bar(canvas, BARS_AT + i, LABEL, bar, level_style(top->status.use.level[i]),
			   value);
		canvas_text(canvas, BARS_AT + i, LABEL + bar + 1, trails[i] ? WORDS : 2 * WORDS,
			    STYLE_PLAIN, words);
		if (trails[i] && spark >= SPARK_MIN)
			canvas_spark(canvas, BARS_AT + i, LABEL + bar + 1 + WORDS, spark,
				     trails[i]->percent, trails[i]->n);
	}
}

/* What is warning or critical, and since when, between the host and the jobs. */
static void draw_alerts(const struct top *top, struct canvas *canvas)
{
	const struct status *status = &top->status;
	enum headroom_level worst = HEADROOM_OK;
	uint64_t now_ns = rr_now_wall_ns();
	char line[256] = "";
	size_t used = 0;

	for (int i = 0; i < HEADROOM_N && used < sizeof(line); i++) {
		uint64_t since_ns = status_since(status, i);
		enum headroom_level level = status->use.level[i];
		uint64_t for_ns = since_ns && now_ns > since_ns ? now_ns - since_ns : 0;
		char words[RR_FORMAT_SIZE];

		if (level == HEADROOM_OK)
			continue;
		worst = level > worst ? level : worst;
		used += (size_t)snprintf(
			line + used, sizeof(line) - used, "%s%s %s%s%s", used ? ", " : "",
			headroom_name(i), headroom_level_name(level), since_ns ? " for " : "",
			since_ns ? rr_format_time(for_ns / RR_NS_PER_S * RR_NS_PER_S, words) : "");
	}
	canvas_text(canvas, JOBS_AT - 1, 0, canvas->columns, level_style(worst), line);
}

/* ---- jobs ---- */

enum column {
	COL_ID,
	COL_NAME,
	COL_STATE,
	COL_CPU,
	COL_MEMORY,
	COL_PRESSURE,
	COL_PROGRESS,
	COL_AGE,
	COL_STAGE,
	COL_LEFT,
	COL_IO,
	COL_TEMP,
	COL_SPARK,
	COLUMNS_N
};

struct layout {
	int at[COLUMNS_N], width[COLUMNS_N];
};

static const struct {
	const char *title;
	int width;
	bool right;
} columns[COLUMNS_N] = {
	[COL_ID] = { "ID", 10, false },
	[COL_NAME] = { "NAME", 9, false },
	[COL_STATE] = { "STATE", 8, false },
	[COL_CPU] = { "CPU", 6, true },
	[COL_MEMORY] = { "MEM/CAP", 11, true },
	[COL_PRESSURE] = { "PSI", 4, true },
	[COL_PROGRESS] = { "DONE", 5, true },
	[COL_AGE] = { "AGE", 6, true },
	[COL_STAGE] = { "STAGE", 12, false },
	[COL_LEFT] = { "LEFT", 7, true },
	[COL_IO] = { "I/O", 7, true },
	[COL_TEMP] = { "TEMP", 5, true },
	[COL_SPARK] = { "CPU", SPARK_MIN, true },
};

/* From the stage on, columns come as far as there is room for them; what is left over then goes to
 * the stage and the name. */
static struct layout lay_out(int screen)
{
	struct layout layout;
	int more, at = 0;

	for (int i = 0; i < COLUMNS_N; i++) {
		bool fits = i <= COL_STAGE || at + columns[i].width <= screen;

		layout.width[i] = fits ? columns[i].width : 0;
		at += fits ? columns[i].width + 1 : 0;
	}
	more = screen > at ? screen - at : 0;
	layout.width[COL_NAME] += more / 3 < 16 ? more / 3 : 16;
	layout.width[COL_STAGE] += more - (more / 3 < 16 ? more / 3 : 16);
	at = 0;
	for (int i = 0; i < COLUMNS_N; i++) {
		layout.at[i] = at;
		at += layout.width[i] + (layout.width[i] > 0);
	}
	return layout;
}

static void draw_cell(struct canvas *canvas, const struct layout *layout, int row,
		      enum column column, const char *text)
{
	if (columns[column].right)
		canvas_right(canvas, row, layout->at[column], layout->width[column], STYLE_PLAIN,
			     text);
	else
		canvas_text(canvas, row, layout->at[column], layout->width[column], STYLE_PLAIN,
			    text);
}

static const char *percent_text(double percent, int places, char buf[static RR_FORMAT_SIZE])
{
	if (percent < 0)
		(void)snprintf(buf, RR_FORMAT_SIZE, "-");
	else
		(void)snprintf(buf, RR_FORMAT_SIZE, "%.*f%%", percent < 99.95 ? places : 0,
			       percent);
	return buf;
}

static void memory_text(const struct watch *watch, uint64_t cap_bytes, char *buf, size_t size)
{
	char used[RR_FORMAT_SIZE], cap[RR_FORMAT_SIZE];

	(void)rr_format_bytes(watch->memory_bytes, used);
	(void)rr_format_bytes(cap_bytes, cap);
	(void)snprintf(buf, size, "%s%s%s", watch->memory_bytes == WATCH_UNKNOWN ? "-" : used,
		       cap_bytes ? "/" : "", cap_bytes ? cap : "");
}

/* Memory as a share of its cap: yellow and red as for the host. */
static enum style memory_style(const struct watch *watch, uint64_t cap_bytes)
{
	double share = cap_bytes && watch->memory_bytes != WATCH_UNKNOWN
			       ? (double)watch->memory_bytes / (double)cap_bytes
			       : 0;

	if (share >= 0.95)
		return STYLE_CRITICAL;
	return share >= HEADROOM_WARN_SHARE ? STYLE_WARNING : STYLE_PLAIN;
}

static const char *rate_text(double bytes_per_s, char buf[static RR_FORMAT_SIZE])
{
	char amount[RR_FORMAT_SIZE];

	if (bytes_per_s < 0)
		(void)snprintf(buf, RR_FORMAT_SIZE, "-");
	else
		(void)snprintf(buf, RR_FORMAT_SIZE, "%s/s",
			       rr_format_bytes((uint64_t)bytes_per_s, amount));
	return buf;
}

static const char *temp_text(const struct watch *watch, char buf[static RR_FORMAT_SIZE])
{
	if (!watch->temp_private || watch->temp_bytes == WATCH_UNKNOWN)
		(void)snprintf(buf, RR_FORMAT_SIZE, "-");
	else
		(void)rr_format_bytes(watch->temp_bytes, buf);
	return buf;
}

/* "3m" by progress, "~3m" by history. */
static const char *left_text(const struct estimate *estimate, char buf[static RR_FORMAT_SIZE])
{
	bool rough = estimate->by == ESTIMATE_HISTORY && estimate->longer > 0;
	char left[RR_FORMAT_SIZE];
	const char *words = estimate_left(estimate, left);

	(void)snprintf(buf, RR_FORMAT_SIZE, "%s%s", rough ? "~" : "", words ? words : "-");
	return buf;
}

static void draw_running(const struct top_job *known, const struct status_job *job,
			 const struct layout *layout, int row, struct canvas *canvas)
{
	const struct watch *watch = &known->watch;
	char text[2 * RR_FORMAT_SIZE + 2];

	draw_cell(canvas, layout, row, COL_CPU, percent_text(watch->cpu_percent, 1, text));
	memory_text(watch, job->ticket.memory_cap_bytes, text, sizeof(text));
	canvas_right(canvas, row, layout->at[COL_MEMORY], layout->width[COL_MEMORY],
		     memory_style(watch, job->ticket.memory_cap_bytes), text);
	draw_cell(canvas, layout, row, COL_PRESSURE,
		  percent_text(watch->pressure_percent, 0, text));
	draw_cell(canvas, layout, row, COL_PROGRESS,
		  percent_text(watch->progress_percent, 1, text));
	draw_cell(canvas, layout, row, COL_STAGE, watch->stage[0] ? watch->stage : "-");
	if (layout->width[COL_LEFT])
		draw_cell(canvas, layout, row, COL_LEFT, left_text(&job->estimate, text));
	if (layout->width[COL_IO])
		draw_cell(canvas, layout, row, COL_IO, rate_text(watch->io_bytes_per_s, text));
	if (layout->width[COL_TEMP])
		draw_cell(canvas, layout, row, COL_TEMP, temp_text(watch, text));
	if (layout->width[COL_SPARK])
		canvas_spark(canvas, row, layout->at[COL_SPARK], layout->width[COL_SPARK],
			     known->cpu.percent, known->cpu.n);
}

static void draw_waiting(const struct status_job *job, const struct layout *layout, int row,
			 struct canvas *canvas)
{
	const char *what = status_waits_for(job);
	char words[64];

	(void)snprintf(words, sizeof(words), "#%zu%s%s", job->position, what ? ", for " : "",
		       what ? what : "");
	draw_cell(canvas, layout, row, COL_STAGE, words);
}

static void draw_job(const struct top *top, const struct status_job *job,
		     const struct layout *layout, int row, struct canvas *canvas)
{
	const struct top_job *known = top_find(top, job->ticket.id);
	const char *name = job->detail.name[0] ? job->detail.name : job->detail.command;
	char age[RR_FORMAT_SIZE];

	draw_cell(canvas, layout, row, COL_ID, job->ticket.id);
	draw_cell(canvas, layout, row, COL_NAME, name);
	draw_cell(canvas, layout, row, COL_STATE,
		  known && known->watch.stopped && job->state == JOB_RUNNING
			  ? "stopped"
			  : job_state_name(job->state));
	draw_cell(canvas, layout, row, COL_AGE,
		  rr_format_time(job->age_ns / RR_NS_PER_S * RR_NS_PER_S, age));
	if (status_is_waiting(job))
		draw_waiting(job, layout, row, canvas);
	else if (known)
		draw_running(known, job, layout, row, canvas);
	if (strcmp(job->ticket.id, top->chosen) == 0)
		canvas_restyle(canvas, row, STYLE_CHOSEN);
}

/* So that the chosen job is on the screen. */
static void scroll(struct top *top, size_t rows)
{
	size_t chosen = 0;

	while (chosen < top->status.n_jobs &&
	       strcmp(top->status.jobs[chosen].ticket.id, top->chosen) != 0)
		chosen++;
	if (chosen < top->scrolled)
		top->scrolled = chosen;
	if (rows > 0 && chosen < top->status.n_jobs && chosen >= top->scrolled + rows)
		top->scrolled = chosen - rows + 1;
	if (top->scrolled >= top->status.n_jobs)
		top->scrolled = 0;
}

static void draw_jobs(struct top *top, struct canvas *canvas)
{
	struct layout layout = lay_out(canvas->columns);
	int rows = canvas->rows - JOBS_AT - 3;

	for (int i = 0; i < COLUMNS_N; i++)
		if (layout.width[i])
			draw_cell(canvas, &layout, JOBS_AT, i, columns[i].title);
	canvas_restyle(canvas, JOBS_AT, STYLE_TITLE);
	if (rows <= 0)
		return;
	scroll(top, (size_t)rows);
	if (top->status.n_jobs == 0)
		canvas_text(canvas, JOBS_AT + 1, 0, canvas->columns, STYLE_DIM,
			    "Nothing runs, and nothing waits.");
	for (int i = 0; i < rows && top->scrolled + (size_t)i < top->status.n_jobs; i++)
		draw_job(top, &top->status.jobs[top->scrolled + (size_t)i], &layout,
			 JOBS_AT + 1 + i, canvas);
}

/* What a narrow screen has no columns for, of the job that is chosen. */
static void draw_chosen(const struct top *top, struct canvas *canvas)
{
	const struct top_job *known = top_find(top, top->chosen);
	char io[RR_FORMAT_SIZE], temp[RR_FORMAT_SIZE], words[64], line[256];
	const struct estimate *estimate = NULL;
	const char *left;

	for (size_t i = 0; i < top->status.n_jobs; i++)
		if (strcmp(top->status.jobs[i].ticket.id, top->chosen) == 0)
			estimate = &top->status.jobs[i].estimate;
	if (!known || !estimate || canvas->rows < JOBS_AT + 4)
		return;
	left = estimate_words(estimate, words, sizeof(words));
	(void)snprintf(line, sizeof(line), "%s: I/O %s, private temp %s, left %s", top->chosen,
		       rate_text(known->watch.io_bytes_per_s, io), temp_text(&known->watch, temp),
		       left ? left : "unknown");
	canvas_text(canvas, canvas->rows - 2, 0, canvas->columns, STYLE_DIM, line);
}

void top_draw(struct top *top, struct canvas *canvas)
{
	draw_title(top, canvas);
	draw_host(top, canvas);
	draw_alerts(top, canvas);
	draw_jobs(top, canvas);
	draw_chosen(top, canvas);
	canvas_text(canvas, canvas->rows - 1, 0, canvas->columns, STYLE_DIM, top->message);
}
