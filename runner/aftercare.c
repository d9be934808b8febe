/* SPDX-License-Identifier: MIT */
#include "runner/aftercare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/sweep.h"
#include "policy/upkeep.h"
#include "runner/events.h"
#include "runner/hooks.h"
#include "runner/missed.h"
#include "runner/tell.h"

#define TEMP_REMOVE_NS (60 * RR_NS_PER_S) /* a private tree larger than that is left to audit */
#define SWEEP_NS (30 * RR_NS_PER_S) /* a sweep goes on at the next job's end */

/* ---- environment ---- */

static void set_number(const char *name, uint64_t value)
{
	char text[RR_FORMAT_SIZE];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	(void)setenv(name, text, 1);
}

/* Where the shipped hooks are: beside where we are installed, or in the tree that we were built in.
 */
void care_hooks_directory(void)
{
	static const char *const places[] = { "../libexec/resrun", "../scripts/hooks" };
	char self[PATH_MAX], path[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", self, places[i]);
		if (access(path, X_OK) == 0)
			break;
	}
	(void)setenv("RESRUN_HOOKS", path, 1);
}

void care_environment(const struct plan *plan, const struct placement *placement)
{
	const char *name = settings_text(&plan->settings, SET_NAME);
	const struct limit *memory = &plan->limits.v[LIMIT_MEMORY];

	(void)setenv("RESRUN_JOB_ID", plan->job_id, 1);
	(void)setenv("RESRUN_PROFILE", plan->profile, 1);
	(void)setenv("RESRUN_NAME", name ? name : "", 1);
	set_number("RESRUN_THREADS", plan->threads);
	if (memory->asked)
		set_number("RESRUN_MEMORY_BYTES", memory->amount);
	if (placement->leaf.fd >= 0)
		(void)setenv("RESRUN_CGROUP", placement->leaf.path, 1);
	care_hooks_directory();
}

/* ---- private temporary directory ---- */

static const char *temp_root_path(const struct plan *plan)
{
	const char *asked = settings_text(&plan->settings, SET_TEMP_ROOT);
	const char *inherited = getenv("TMPDIR");

	if (asked)
		return asked;
	return inherited && *inherited == '/' ? inherited : "/tmp";
}

/* It gets its name when it is locked: one that is not is nobody's any more (see audit). */
static int make_locked(struct care *care)
{
	char fresh[sizeof(care->temp_name) + 8];
	int r = 0;

	(void)snprintf(fresh, sizeof(fresh), ".%s.new", care->temp_name);
	if (mkdirat(care->temp_root, fresh, 0700) < 0)
		return -errno;
	care->temp_fd =
		openat(care->temp_root, fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	/* Where there are no locks it is only less safe from other sweepers. */
	if (care->temp_fd >= 0)
		(void)flock(care->temp_fd, LOCK_EX | LOCK_NB);
	if (renameat(care->temp_root, fresh, care->temp_root, care->temp_name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(care->temp_root, fresh, AT_REMOVEDIR);
		rr_fd_close(&care->temp_fd);
	}
	return r;
}

static int make_temp(const struct plan *plan, struct care *care, struct rr_err *err)
{
	const char *root = temp_root_path(plan), *inherited = getenv("TMPDIR");
	int r;

	/* Neither a job that goes elsewhere nor an audit would find it. */
	if (*root != '/')
		return rr_err_set(err, EINVAL,
				  "temp_root '%s': the path is relative; name it from '/' on",
				  root);
	care->temp_root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (care->temp_root < 0)
		return rr_err_sys(err, errno, "temp_root '%s'", root);
	(void)snprintf(care->temp_name, sizeof(care->temp_name), "resrun-%s", plan->job_id);
	if (snprintf(care->temp_path, sizeof(care->temp_path), "%s/%s", root, care->temp_name) >=
	    (int)sizeof(care->temp_path))
		return rr_err_set(err, ENAMETOOLONG, "temp_root '%s'", root);
	r = make_locked(care);
	if (r < 0) {
		rr_fd_close(&care->temp_root);
		return rr_err_sys(err, -r, "make a private directory in '%s'", root);
	}
	care->caller_tmpdir = inherited ? strdup(inherited) : NULL;
	(void)setenv("TMPDIR", care->temp_path, 1);
	(void)setenv("RESRUN_TMPDIR", care->temp_path, 1);
	return 0;
}

static void remove_temp(struct care *care)
{
	struct rr_err err;

	if (care->temp_root < 0)
		return;
	rr_fd_close(&care->temp_fd);
	/* A further try makes its own, beside this one and not in it. */
	(void)(care->caller_tmpdir ? setenv("TMPDIR", care->caller_tmpdir, 1) : unsetenv("TMPDIR"));
	(void)unsetenv("RESRUN_TMPDIR");
	free(care->caller_tmpdir);
	care->caller_tmpdir = NULL;
	if (sweep_remove_tree(care->temp_root, care->temp_name, TEMP_REMOVE_NS, &err) != 0)
		tell_error("the private directory '%s' is not wholly removed: %s", care->temp_path,
			   err.text);
	rr_fd_close(&care->temp_root);
}

/* ---- hooks ---- */

static void hook_event(const struct report_hook *hook)
{
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "event", json_string(hook->event));
	(void)json_object_set_new(fields, "status", json_integer(hook->status));
	events_put(hook->status ? "warning" : "info", "hook_finished", fields);
}

/* Runs all of one event, in order. The first failure's status, or 0. */
static int run_hooks(const struct plan *plan, const struct signals *signals, enum hook_event event,
		     char *const *environment, struct care *care)
{
	struct hook_order order = {
		.event = hook_event_name(event),
		.leaf = care->leaf,
		.environment = environment,
		.limit_ns = settings_integer(&plan->settings, SET_HOOK_TIMEOUT),
		.signals = signals,
	};
	int failed = 0;

	for (char *const *command = hook_list(&plan->hooks, event);
	     *command && care->n_hooks < REPORT_HOOKS_MAX; command++) {
		struct report_hook *hook = &care->hooks[care->n_hooks];
		struct rr_err err;

		order.command = *command;
		if (hook_run(&order, hook, &err) < 0) {
			tell_error("%s", err.text);
			*hook = (struct report_hook){ .event = order.event, .status = 125 };
		} else if (hook->status != 0) {
			tell("hook_%s '%s' %s %d", order.event, *command,
			     hook->status == 124 ? "took too long, status" : "failed with status",
			     hook->status);
		}
		care->n_hooks++;
		hook_event(hook);
		if (hook->status && !failed)
			failed = hook->status;
	}
	return failed;
}

int care_before(const struct plan *plan, const struct signals *signals, struct care *ret,
		struct rr_err *err)
{
	int failed, r = 0;

	ret->temp_root = -1;
	ret->temp_fd = -1;
	if (settings_integer(&plan->settings, SET_PRIVATE_TEMP))
		r = make_temp(plan, ret, err);
	if (r < 0)
		return r;
	failed = run_hooks(plan, signals, HOOK_BEFORE, NULL, ret);
	if (failed)
		return rr_err_set(err, ECANCELED,
				  "hook_before failed with status %d: nothing was run", failed);
	return 0;
}

/* The job's arguments that are files now, for hooks that care for them; one a line. */
static void set_files(const struct plan *plan)
{
	char *files = NULL;
	struct stat st;
	size_t size;
	FILE *out = open_memstream(&files, &size);

	if (!out)
		return;
	for (char *const *arg = plan->command + 1; plan->command[0] && *arg; arg++)
		if (stat(*arg, &st) == 0 && S_ISREG(st.st_mode) && !strchr(*arg, '\n'))
			(void)fprintf(out, "%s\n", *arg);
	if (fclose(out) == 0)
		(void)setenv("RESRUN_FILES", files, 1);
	free(files);
}

void care_hooks(const struct plan *plan, const struct signals *signals,
		const struct outcome *outcome, json_t *report, struct care *care)
{
	enum hook_event event = missed_event(outcome->reason, outcome_is_success(outcome));
	char **environment;
	struct rr_err err;

	set_files(plan);
	if (unfinished_report(&care->promise, report, &err) < 0)
		tell_error("%s", err.text);
	environment = missed_environment(report, care->promise.report);
	if (event != HOOK_EVENTS_N)
		(void)run_hooks(plan, signals, event, environment, care);
	(void)run_hooks(plan, signals, HOOK_AFTER, environment, care);
	missed_environment_free(environment);
	(void)unsetenv("RESRUN_FILES");
	json_decref(report);
}

/* ---- sweep ---- */

static void sweep_event(const char *dir, const struct sweep_result *result)
{
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "dir", report_string(dir));
	(void)json_object_set_new(fields, "files", json_integer((json_int_t)result->files));
	(void)json_object_set_new(fields, "bytes", json_integer((json_int_t)result->bytes));
	(void)json_object_set_new(fields, "complete", json_boolean(result->complete));
	events_put("info", "sweep_finished", fields);
}

static void sweep_one(const struct upkeep *upkeep, const char *dir, struct upkeep_rules *rules,
		      struct care *care)
{
	struct sweep_result result = { 0 };
	struct rr_err err = { "" };
	int r = sweep_run(dir, &rules->sweep, &result, &err);

	if (r < 0)
		tell_error("sweep: %s", err.text);
	else if (r == SWEEP_BUSY)
		tell_more("sweep: '%s' is being swept or locked by someone else", dir);
	else if (result.files > 0)
		tell_more("sweep: removed %llu files from '%s'", (unsigned long long)result.files,
			  dir);
	/* One that ran out of time goes on at the next job's end. */
	if (r == SWEEP_DONE && result.complete &&
	    upkeep_swept(upkeep, dir, rr_now_wall_ns(), &err) < 0)
		tell_more("sweep: %s", err.text);
	care->sweep_files += result.files;
	care->sweep_bytes += result.bytes;
	sweep_event(dir, &result);
}

static void sweep_due(const struct plan *plan, struct care *care)
{
	uint64_t interval_ns = settings_integer(&plan->settings, SET_SWEEP_INTERVAL);
	upkeep_auto struct upkeep upkeep = { .fd = -1 };
	struct upkeep_rules rules;
	struct rr_err err;
	int r = upkeep_begin(plan->paths.state, &upkeep, &err);

	if (r < 0)
		tell_error("sweep: %s", err.text);
	if (r == UPKEEP_HELD)
		tell_more("sweep: %s", err.text);
	if (r != 0)
		return;
	upkeep_rules(&plan->settings, &plan->paths, &rules);
	rules.sweep.time_limit_ns = SWEEP_NS;
	for (char *const *dir = settings_list(&plan->settings, SET_SWEEP_DIRS); *dir; dir++)
		if (upkeep_is_due(&upkeep, *dir, interval_ns, rr_now_wall_ns()))
			sweep_one(&upkeep, *dir, &rules, care);
		else
			tell_more("sweep: '%s' was swept within the last sweep_interval", *dir);
}

void care_sweep(const struct plan *plan, struct care *care)
{
	remove_temp(care);
	if (*settings_list(&plan->settings, SET_SWEEP_DIRS))
		sweep_due(plan, care);
}
