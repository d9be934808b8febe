/* SPDX-License-Identifier: MIT */
#include "control/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/input.h"
#include "cgroup/tree.h"
#include "cgroup/walk.h"
#include "control/temp_size.h"

#define EXACT_MAX 256 /* processes whose memory is asked for one by one */
#define ENVIRONMENT_MAX (1U << 20)
#define KEEPER "resrun-keeper" /* as runner/keeper.c names it */
#define ASKED_MAX 4 /* processes of a tree whose environment is read */

/* ---- the scene ---- */

int scene_next(struct scene *scene, struct rr_err *err)
{
	processes_free(&scene->before);
	scene->before = scene->now;
	scene->before_ns = scene->now_ns;
	scene->now = (struct processes){ NULL, 0 };
	scene->now_ns = rr_now_boot_ns();
	int r = processes_read("/proc", &scene->now);

	return r < 0 ? rr_err_sys(err, -r, "read /proc") : 0;
}

void scene_free(struct scene *scene)
{
	processes_free(&scene->before);
	processes_free(&scene->now);
}

/* ---- what is watched ---- */

static void begin(struct watch *watch)
{
	*watch = (struct watch){ .cpu_percent = -1,
				 .pressure_percent = -1,
				 .io_bytes_per_s = -1,
				 .io_bytes = WATCH_UNKNOWN,
				 .memory_bytes = WATCH_UNKNOWN,
				 .memory_peak_bytes = WATCH_UNKNOWN,
				 .progress_percent = PROGRESS_UNKNOWN,
				 .temp_bytes = WATCH_UNKNOWN };
}

int watch_process(const struct scene *scene, pid_t pid, struct watch *ret, struct rr_err *err)
{
	const struct process *process = processes_find(&scene->now, pid);

	if (!process)
		return rr_err_set(err, ESRCH, "there is no process %d", (int)pid);
	begin(ret);
	ret->root = pid;
	ret->root_ticks = process->start_ticks;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", process->name);
	return 0;
}

void watch_job(const struct ledger_ticket *ticket, const struct ledger_detail *detail,
	       struct watch *ret)
{
	begin(ret);
	ret->root = ticket->pid;
	ret->root_ticks = ticket->start_ticks;
	memcpy(ret->job_id, ticket->id, sizeof(ret->job_id));
	memcpy(ret->leaf, detail->leaf, sizeof(ret->leaf));
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)sizeof(ret->name) - 1,
		       detail->name[0] ? detail->name : detail->command);
	if (!detail->name[0])
		ret->name[strcspn(ret->name, " ")] = '\0';
}

/* ---- its processes ---- */

struct pids {
	pid_t v[TREE_MAX];
	size_t n;
};

static bool is_there(const struct watch *watch, const struct scene *scene)
{
	const struct process *root = processes_find(&scene->now, watch->root);

	return root && root->start_ticks == watch->root_ticks && root->state != 'Z';
}

/* The launcher and its keeper are not of the job. */
static bool is_of_job(const struct watch *watch, const struct scene *scene, pid_t pid)
{
	const struct process *process = processes_find(&scene->now, pid);

	return pid != watch->root &&
	       !(process && process->parent == watch->root && strcmp(process->name, KEEPER) == 0);
}

static void leave_out_others(const struct watch *watch, const struct scene *scene,
			     struct pids *pids)
{
	size_t kept = 0;

	for (size_t i = 0; i < pids->n; i++)
		if (is_of_job(watch, scene, pids->v[i]))
			pids->v[kept++] = pids->v[i];
	pids->n = kept;
}

static void find_pids(const struct watch *watch, const struct scene *scene, struct pids *ret)
{
	ret->n = 0;
	if (watch->leaf[0]) {
		ret->n = cg_list_processes(watch->leaf, ret->v, TREE_MAX);
		return;
	}
	if (!is_there(watch, scene))
		return;
	ret->n = processes_tree(&scene->now, watch->root, ret->v, TREE_MAX);
	if (watch->job_id[0])
		leave_out_others(watch, scene, ret);
}

/* The root, or of a job its oldest process. */
static const struct process *find_main(const struct watch *watch, const struct scene *scene,
				       const struct pids *pids)
{
	const struct process *oldest = NULL;

	if (!watch->job_id[0])
		return processes_find(&scene->now, watch->root);
	for (size_t i = 0; i < pids->n; i++) {
		const struct process *one = processes_find(&scene->now, pids->v[i]);

		if (one && (!oldest || one->start_ticks < oldest->start_ticks ||
			    (one->start_ticks == oldest->start_ticks && one->pid < oldest->pid)))
			oldest = one;
	}
	return oldest;
}

static void look_at_main(struct watch *watch, const struct process *main_process, uint64_t now_ns)
{
	uint64_t per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t started_ns;

	if (!main_process)
		return;
	started_ns = main_process->start_ticks * (RR_NS_PER_S / per_s);
	watch->main_pid = main_process->pid;
	watch->age_ns = now_ns > started_ns ? now_ns - started_ns : 0;
	watch->stopped = main_process->state == 'T' || main_process->state == 't';
}

/* ---- use ---- */

/* The rate is what came since the look before; less than there was: somebody has ended. */
static void note_io(struct watch *watch, uint64_t bytes, uint64_t now_ns)
{
	watch->io_bytes_per_s = -1;
	if (bytes != WATCH_UNKNOWN && watch->io_bytes != WATCH_UNKNOWN &&
	    bytes >= watch->io_bytes && now_ns > watch->looked_ns)
		watch->io_bytes_per_s = (double)(bytes - watch->io_bytes) * (double)RR_NS_PER_S /
					(double)(now_ns - watch->looked_ns);
	watch->io_bytes = bytes;
}

/* Adds what a process has had of the disks; that of others may not be seen. */
static void add_io(pid_t pid, uint64_t *bytes)
{
	char path[64], text[1024];
	uint64_t part;

	(void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	if (rr_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return;
	if (*bytes == WATCH_UNKNOWN)
		*bytes = 0;
	if (rr_text_u64(text, "read_bytes", &part) == 0)
		*bytes += part;
	if (rr_text_u64(text, "write_bytes", &part) == 0)
		*bytes += part;
}

static void look_at_io(struct watch *watch, const struct scene *scene, const struct pids *pids)
{
	uint64_t bytes = WATCH_UNKNOWN;

	for (size_t i = 0; watch->with_io && i < pids->n && pids->n <= EXACT_MAX; i++)
		add_io(pids->v[i], &bytes);
	note_io(watch, bytes, scene->now_ns);
}

/* The CPU time of all of them grew to at least `own_ticks` more than was known, by what those took
 * that live; and to all_ticks, in which is what those took that were waited for. The time of one
 * that nobody among them has waited for yet is missing there. */
static uint64_t note_ticks(struct watch *watch, uint64_t own_ticks, uint64_t all_ticks)
{
	uint64_t before = watch->cpu_ticks;

	watch->cpu_ticks = all_ticks > before + own_ticks ? all_ticks : before + own_ticks;
	return watch->cpu_ticks - before;
}

static void look_at_processes(struct watch *watch, const struct scene *scene,
			      const struct pids *pids)
{
	uint64_t ticks = 0, all_ticks = 0, bytes = 0, working = 0;

	watch->threads = 0;
	for (size_t i = 0; i < pids->n; i++) {
		const struct process *one = processes_find(&scene->now, pids->v[i]);

		if (!one)
			continue;
		watch->threads += one->threads;
		ticks += process_ticks_since(one, &scene->before);
		all_ticks += one->cpu_ticks + one->waited_ticks;
		if (pids->n <= EXACT_MAX)
			tree_add_memory(one->pid, &bytes, &working);
		else
			bytes += one->resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	watch->memory_bytes = bytes;
	ticks = note_ticks(watch, ticks, all_ticks);
	if (scene->before_ns && scene->now_ns > scene->before_ns && watch->looked_ns)
		watch->cpu_percent = 100.0 * (double)ticks / (double)sysconf(_SC_CLK_TCK) *
				     (double)RR_NS_PER_S /
				     (double)(scene->now_ns - scene->before_ns);
}

/* Of a leaf: the kernel's own counters, which miss nobody. */
static void look_at_leaf(struct watch *watch, const struct scene *scene, const struct pids *pids)
{
	uint64_t now_ns = scene->now_ns;
	rr_autofd int fd = open(watch->leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct usage usage;
	struct meter meter;

	if (fd < 0)
		return;
	usage_clear(&usage);
	meter_open(fd, &meter);
	meter_read(&meter, &usage);
	meter_close(&meter);
	if (usage.memory_bytes != USAGE_UNKNOWN)
		watch->memory_bytes = usage.memory_bytes;
	watch->pressure_percent =
		usage.memory_pressure.known ? usage.memory_pressure.some_avg10 : -1;
	/* Without an io controller, as with processes. */
	if (usage.io_read_bytes != USAGE_UNKNOWN)
		note_io(watch, usage.io_read_bytes + usage.io_write_bytes, now_ns);
	else
		look_at_io(watch, scene, pids);
	if (usage.cpu_us == USAGE_UNKNOWN)
		return;
	if (watch->looked_ns && now_ns > watch->looked_ns && usage.cpu_us >= watch->cpu_us)
		watch->cpu_percent = 100.0 * (double)(usage.cpu_us - watch->cpu_us) * 1000 /
				     (double)(now_ns - watch->looked_ns);
	watch->cpu_us = usage.cpu_us;
}

/* ---- stage, progress, temporary files ---- */

/* The value of NAME in the environment that a process was started with; NULL: not there. */
static const char *find_variable(const char *environment, size_t length, const char *name)
{
	size_t name_length = strlen(name);

	for (size_t at = 0; at < length; at += strlen(environment + at) + 1)
		if (strncmp(environment + at, name, name_length) == 0 &&
		    environment[at + name_length] == '=')
			return environment + at + name_length + 1;
	return NULL;
}

/* What the environment of one process names. Both buffers keep what they have when it names none.
 * False when we may not look. */
static bool read_environment(pid_t pid, char status[static PATH_MAX], char temp[static PATH_MAX],
			     bool *ret_private, uid_t *ret_owner)
{
	rr_autofree char *text = NULL;
	rr_autofd int fd = -1;
	const char *value;
	struct stat st;
	size_t length;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || rr_read_whole(fd, ENVIRONMENT_MAX, &text, &length) < 0)
		return false;
	value = find_variable(text, length, "RESRUN_STATUS");
	if (value && *value == '/' && !*status) {
		(void)snprintf(status, PATH_MAX, "%s", value);
		*ret_owner = st.st_uid;
	}
	if (find_variable(text, length, "RESRUN_TMPDIR"))
		*ret_private = true;
	value = find_variable(text, length, "TMPDIR");
	if (value && *value == '/' && !*temp)
		(void)snprintf(temp, PATH_MAX, "%s", value);
	return true;
}

static void look_at_words(struct watch *watch, const char *status, uid_t owner)
{
	struct progress said;

	if (!*status || progress_read(status, owner, &said) < 0)
		return;
	if (said.stage[0]) {
		(void)snprintf(watch->stage, sizeof(watch->stage), "%s", said.stage);
		watch->stage_from = FROM_JOB;
	}
	if (said.percent >= 0) {
		watch->progress_percent = said.percent;
		watch->progress_from = FROM_JOB;
	}
}

static void look_for_stage(struct watch *watch, const struct scene *scene, const struct pids *pids)
{
	const struct process *busiest = processes_busiest(
		&scene->now, scene->before_ns ? &scene->before : NULL, pids->v, pids->n);

	if (!busiest)
		return;
	(void)snprintf(watch->stage, sizeof(watch->stage), "%s", busiest->name);
	watch->stage_from = FROM_PROCESSES;
}

static void look_for_progress(struct watch *watch, const struct pids *pids)
{
	struct input input;

	if (!input_find("/proc", pids->v, pids->n < EXACT_MAX ? pids->n : EXACT_MAX, &input))
		return;
	watch->progress_percent = input_percent(&input);
	watch->progress_from = FROM_PROCESSES;
	memcpy(watch->input, input.path, sizeof(watch->input));
}

static void look_at_stage(struct watch *watch, const struct scene *scene, const struct pids *pids)
{
	char status[PATH_MAX] = "", temp[PATH_MAX] = "";
	uid_t owner = (uid_t)-1;
	bool allowed = true;

	watch->progress_percent = PROGRESS_UNKNOWN;
	watch->progress_from = watch->stage_from = FROM_NOTHING;
	watch->input[0] = watch->stage[0] = '\0';
	/* Of another user's process, what it happens to have started says nothing either. */
	for (size_t i = 0; i < pids->n && i < ASKED_MAX && allowed && (!*status || !*temp); i++)
		if (!read_environment(pids->v[i], status, temp, &watch->temp_private, &owner))
			allowed = i > 0;
	look_at_words(watch, status, owner);
	if (watch->stage_from == FROM_NOTHING)
		look_for_stage(watch, scene, pids);
	if (watch->progress_from == FROM_NOTHING)
		look_for_progress(watch, pids);
	if (!*temp && allowed)
		(void)snprintf(temp, sizeof(temp), "/tmp");
	memcpy(watch->temp, watch->temp_asked[0] ? watch->temp_asked : temp, sizeof(watch->temp));
}

void watch_look(struct watch *watch, const struct scene *scene)
{
	rr_autofree struct pids *pids = calloc(1, sizeof(*pids));

	if (!pids)
		return;
	find_pids(watch, scene, pids);
	/* A job that has its slot, and none of its processes yet, has not ended. */
	watch->ended = pids->n == 0 && !(watch->job_id[0] && is_there(watch, scene));
	watch->n_processes = pids->n;
	if (pids->n == 0)
		return;
	look_at_main(watch, find_main(watch, scene, pids), scene->now_ns);
	look_at_processes(watch, scene, pids);
	if (watch->leaf[0])
		look_at_leaf(watch, scene, pids);
	else
		look_at_io(watch, scene, pids);
	usage_raise(&watch->memory_peak_bytes, watch->memory_bytes);
	look_at_stage(watch, scene, pids);
	watch->looked_ns = scene->now_ns;
}

void watch_look_at_temp(struct watch *watch)
{
	if (watch->ended || !watch->temp[0])
		return;
	watch->temp_bytes = WATCH_UNKNOWN;
	/* One that cannot be looked into stays unknown. */
	rr_ignore(temp_size(watch->temp, &watch->temp_bytes, &watch->temp_complete));
}
