/* SPDX-License-Identifier: MIT */
/* `resrunctl sweep`: what a job's end does for its own directories, for all of them, at any time.
 */
#include "control/sweep.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/sweep.h"
#include "control/arguments.h"
#include "control/show.h"
#include "control/verbs.h"
#include "policy/report.h"

#define STATUS_PARTLY 1
#define STATUS_BUSY 75 /* as with resrun: come again later */
#define LIVE_NS (200 * RR_NS_PER_MS) /* how often the line on a terminal changes */
#define TELL_NS RR_NS_PER_S /* how often --progress tells */
#define LISTED_MAX 100000 /* entries in the JSON of a dry run: it is made in memory */
#define CLEAR_LINE "\r\033[K"

/* The command line. */
struct wish {
	bool dry_run, json, live, progress;
	const char *profile;
	uint64_t age_ns; /* 0: as configured */
	uint64_t max_bytes; /* 0: as configured */
	struct operands dirs;
};

/* One directory being swept. */
struct progress {
	const struct wish *wish;
	const char *dir;
	json_t *entries; /* of a dry run in JSON */
	uint64_t seen, removed, bytes, drawn_ns;
	bool cut; /* not all entries are listed */
};

/* ---- while it goes on ---- */

static void draw(struct progress *progress)
{
	char bytes[RR_FORMAT_SIZE];
	uint64_t now_ns = rr_now_boot_ns();

	if (!progress->wish->live || now_ns - progress->drawn_ns < LIVE_NS)
		return;
	progress->drawn_ns = now_ns;
	(void)fprintf(stderr, CLEAR_LINE "resrunctl: %.60s: %llu seen, %llu removed, %s",
		      progress->dir, (unsigned long long)progress->seen,
		      (unsigned long long)progress->removed,
		      rr_format_bytes(progress->bytes, bytes));
}

/* The names of `resrunctl sweep --progress`, schema 1: an object a line. They only grow. */
static void tell(struct progress *progress, bool done)
{
	json_t *line;
	uint64_t now_ns = rr_now_boot_ns();

	if (!progress->wish->progress || (!done && now_ns - progress->drawn_ns < TELL_NS))
		return;
	progress->drawn_ns = now_ns;
	line = json_object();
	show_put_count(line, "schema", SHOW_SCHEMA);
	show_put_text(line, "dir", progress->dir);
	show_put_count(line, "seen", progress->seen);
	show_put_count(line, "removed", progress->removed);
	show_put_count(line, "bytes", progress->bytes);
	show_put_bool(line, "done", done);
	(void)json_dumpf(line, stderr, JSON_COMPACT);
	(void)fputc('\n', stderr);
	json_decref(line);
}

static void list_line(const struct progress *progress, const struct sweep_seen *seen)
{
	char bytes[RR_FORMAT_SIZE], when[RR_FORMAT_SIZE] = "-";
	time_t touched = (time_t)(seen->touched_wall_ns / RR_NS_PER_S);
	struct tm tm;

	if (localtime_r(&touched, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	(void)printf("%8s  %s  ", rr_format_bytes(seen->bytes, bytes), when);
	show_safely(progress->dir);
	(void)putchar('/');
	show_safely(seen->path);
	(void)puts(seen->is_dir ? "/" : "");
}

static void list_entry(struct progress *progress, const struct sweep_seen *seen)
{
	char when[RR_RFC3339_SIZE];
	json_t *entry;

	if (!progress->entries) {
		list_line(progress, seen);
		return;
	}
	if (json_array_size(progress->entries) >= LISTED_MAX) {
		progress->cut = true;
		return;
	}
	entry = json_object();
	show_put_text(entry, "path", seen->path);
	show_put_bool(entry, "directory", seen->is_dir);
	show_put_count(entry, "bytes", seen->bytes);
	show_put_text(entry, "touched_at", rr_format_wall(seen->touched_wall_ns, when));
	(void)json_array_append_new(progress->entries, entry);
}

static bool note_seen(void *arg, const struct sweep_seen *seen)
{
	struct progress *progress = arg;

	progress->seen++;
	if (seen->verdict == SWEEP_REMOVED) {
		progress->removed++;
		progress->bytes += seen->bytes;
	}
	draw(progress);
	tell(progress, false);
	if (progress->wish->dry_run && seen->verdict == SWEEP_REMOVED)
		list_entry(progress, seen);
	return true;
}

/* ---- what came of it ---- */

static json_t *result_json(const struct progress *progress, const struct sweep_result *result,
			   const char *error)
{
	static const struct {
		const char *name;
		enum sweep_verdict verdict;
	} stays[] = {
		{ "young", SWEEP_YOUNG },  { "kept", SWEEP_KEPT },	 { "locked", SWEEP_LOCKED },
		{ "open", SWEEP_OPEN },	   { "foreign", SWEEP_FOREIGN }, { "mounts", SWEEP_MOUNT },
		{ "failed", SWEEP_ERROR },
	};
	json_t *object = json_object();

	show_put_text(object, "dir", progress->dir);
	show_put_text(object, "error", error);
	show_put_count(object, "files", result->files);
	show_put_count(object, "dirs", result->dirs);
	show_put_count(object, "bytes", result->bytes);
	show_put_count(object, "left", result->left);
	show_put_count(object, "left_bytes", result->left_bytes);
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
		show_put_count(object, stays[i].name, result->count[stays[i].verdict]);
	show_put_bool(object, "complete", result->complete);
	if (progress->entries) {
		show_put(object, "entries", json_incref(progress->entries));
		show_put_bool(object, "entries_cut", progress->cut);
	}
	return object;
}

/* "12 locked or open, 3 of others": what stays although it is old, for those who wonder. */
static void print_result(const struct progress *progress, const struct sweep_result *result)
{
	const uint64_t *count = result->count;
	uint64_t in_use = count[SWEEP_LOCKED] + count[SWEEP_OPEN];
	char bytes[RR_FORMAT_SIZE], left[RR_FORMAT_SIZE];

	show_safely(progress->dir);
	(void)printf(": %s %llu file%s and %llu director%s, %s; %s left",
		     progress->wish->dry_run ? "would remove" : "removed",
		     (unsigned long long)result->files, result->files == 1 ? "" : "s",
		     (unsigned long long)result->dirs, result->dirs == 1 ? "y" : "ies",
		     rr_format_bytes(result->bytes, bytes),
		     rr_format_bytes(result->left_bytes, left));
	if (in_use > 0)
		(void)printf("; %llu in use", (unsigned long long)in_use);
	if (count[SWEEP_FOREIGN] > 0)
		(void)printf("; %llu of others", (unsigned long long)count[SWEEP_FOREIGN]);
	if (count[SWEEP_ERROR] > 0)
		(void)printf("; %llu could not be removed", (unsigned long long)count[SWEEP_ERROR]);
	(void)putchar('\n');
}

/* Sweeps one. True when all went well; *ret_json takes part of the answer with --json. */
static bool sweep_target(const struct upkeep *upkeep, const struct sweep_target *target,
			 const struct wish *wish, json_t *results)
{
	struct progress progress = { .wish = wish, .dir = target->dir };
	struct sweep_rules rules = target->rules.sweep;
	struct sweep_result result = { 0 };
	struct rr_err err = { "" };
	int r;

	progress.entries = wish->dry_run && wish->json ? json_array() : NULL;
	rules.spare = target->rules.spare;
	rules.keep = target->keep;
	rules.dry_run = wish->dry_run;
	rules.age_ns = wish->age_ns ? wish->age_ns : rules.age_ns;
	rules.max_bytes = wish->max_bytes ? wish->max_bytes : rules.max_bytes;
	rules.seen = note_seen;
	rules.arg = &progress;
	r = sweep_run(target->dir, &rules, &result, &err);
	if (wish->live)
		(void)fputs(CLEAR_LINE, stderr);
	if (r == SWEEP_DONE)
		tell(&progress, true);
	if (r == SWEEP_BUSY)
		(void)rr_err_set(&err, EBUSY, "sweep '%s': somebody holds a lock on it",
				 target->dir);
	if (r == SWEEP_DONE && result.complete && !wish->dry_run)
		/* Not noted, it is only swept again too soon. */
		rr_ignore(upkeep_swept(upkeep, target->dir, rr_now_wall_ns(), &err));
	if (r == SWEEP_DONE && !wish->json)
		print_result(&progress, &result);
	if (results)
		(void)json_array_append_new(
			results, result_json(&progress, &result, *err.text ? err.text : NULL));
	else if (*err.text)
		show_note("%s", err.text);
	json_decref(progress.entries);
	return r == SWEEP_DONE && !*err.text;
}

static int print_json(json_t *results, const struct wish *wish, struct rr_err *err)
{
	json_t *all = json_object();

	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_bool(all, "dry_run", wish->dry_run);
	show_put(all, "directories", results);
	return show_json(all, err);
}

static int sweep_all(const struct upkeep *upkeep, const struct sweep_targets *targets,
		     const struct wish *wish, struct rr_err *err)
{
	json_t *results = wish->json ? json_array() : NULL;
	bool well = true;
	int r = 0;

	for (size_t i = 0; i < targets->n; i++)
		well &= sweep_target(upkeep, &targets->v[i], wish, results);
	if (wish->json)
		r = print_json(results, wish, err);
	else if (targets->n == 0)
		(void)puts("no directory is to be swept: sweep_dirs is not set");
	return r < 0 ? r : well ? 0 : STATUS_PARTLY;
}

/* ---- the verb ---- */

static int parse_values(const char *age, const char *size, struct wish *wish, struct rr_err *err)
{
	if (age && (rr_parse_time(age, &wish->age_ns) < 0 || wish->age_ns == 0))
		return rr_err_set(err, EINVAL,
				  "--age: '%s' is not a time such as 12h or 7d; see resrunctl "
				  "--help",
				  age);
	if (size && (rr_parse_bytes(size, &wish->max_bytes) < 0 || wish->max_bytes == 0))
		return rr_err_set(err, EINVAL,
				  "--max-size: '%s' is not a size such as 20G; see resrunctl "
				  "--help",
				  size);
	return 0;
}

static int parse(int argc, char **argv, struct wish *wish, struct rr_err *err)
{
	const char *age = NULL, *size = NULL;
	const struct argument table[] = {
		{ .name = "dry-run",
		  .letter = 'n',
		  .help = "list what would go, and remove nothing",
		  .flag = &wish->dry_run },
		{ .name = "profile",
		  .letter = 'p',
		  .value = "NAME",
		  .help = "only what this profile names (default: all of them)",
		  .text = &wish->profile },
		{ .name = "age", .value = "TIME", .help = "instead of sweep_age", .text = &age },
		{ .name = "max-size",
		  .value = "SIZE",
		  .help = "instead of sweep_max_size",
		  .text = &size },
		{ .name = "json", .help = "print one JSON object", .flag = &wish->json },
		{ .name = "progress",
		  .help = "tell on stderr how far it is, every second, in JSON lines",
		  .flag = &wish->progress },
		{ .name = NULL },
	};
	int r = arguments_parse(argc, argv, "sweep [OPTION]... [DIR]...", table, &wish->dirs, err);

	if (r != 0)
		return r;
	wish->live = !wish->json && !wish->dry_run && !wish->progress && isatty(STDERR_FILENO);
	return parse_values(age, size, wish, err);
}

int verb_sweep(int argc, char **argv, struct rr_err *err)
{
	sweep_targets_auto struct sweep_targets targets = { 0 };
	context_auto struct context context = { 0 };
	upkeep_auto struct upkeep upkeep = { .fd = -1 };
	struct wish wish = { 0 };
	int r = parse(argc, argv, &wish, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = context_load(wish.profile, &context, err);
	if (r == 0)
		r = sweep_targets_find(&context, wish.profile, &targets, err);
	if (r == 0 && wish.dirs.n > 0)
		r = sweep_targets_narrow(&targets, &context, wish.dirs.v, (size_t)wish.dirs.n, err);
	if (r == 0)
		r = upkeep_begin(context.paths.state, &upkeep, err);
	if (r == UPKEEP_HELD) {
		show_note("%s", err->text);
		return STATUS_BUSY;
	}
	return r < 0 ? r : sweep_all(&upkeep, &targets, &wish, err);
}
