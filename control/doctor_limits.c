/* SPDX-License-Identifier: MIT */
/* doctor: what the placement can hold, and what would let it hold the rest. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/io_weight.h"
#include "control/doctor.h"

#define DROP_IN "/etc/systemd/system/user@.service.d"

static const char *const enforced_words[] = {
	[BY_NONE] = "cannot be enforced in this placement",
	[BY_CGROUP] = "enforced by the kernel, in the job's cgroup",
	[BY_SAMPLED] = "sampled: a job above it is killed, some moments later",
	[BY_AFFINITY] = "by CPU affinity: whole CPUs only",
	[BY_NICE] = "by a nice value",
};

/* The controller that a limit needs. */
static enum cg_controller controller_of(enum limit_id id)
{
	struct limit_set one = { 0 };

	one.v[id].asked = true;
	return limit_controllers(&one);
}

static bool has_controller(const char *dir, const char *file, enum cg_controller controller)
{
	rr_autofd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && cg_read_controllers(fd, file) & (unsigned)controller;
}

/* The user's manager can only pass on what the system's gave it. */
static void remedy_user_manager(struct finding *finding)
{
	doctor_remedy(finding, "sudo mkdir -p " DROP_IN " && printf '[Service]\\nDelegate=cpu io "
			       "memory pids\\n' | sudo tee " DROP_IN "/resrun.conf && sudo "
			       "systemctl daemon-reload && systemctl --user daemon-reexec");
}

/* The root itself has it not, and nobody above could give it. */
static void remedy_root(const struct cg_hierarchy *hierarchy, const char *name,
			struct finding *finding)
{
	char line[4096] = "";

	if (!hierarchy->at_real_root) {
		doctor_remedy(finding,
			      "on the container's host: echo +%s > cgroup.subtree_control in every "
			      "directory above the container's, or let its runtime do so",
			      name);
		return;
	}
	if (rr_read_at(AT_FDCWD, "/proc/cmdline", line, sizeof(line)) > 0 &&
	    strstr(line, "cgroup_disable="))
		doctor_remedy(finding,
			      "take %s out of cgroup_disable= on the kernel's command "
			      "line and reboot",
			      name);
	else
		doctor_remedy(finding,
			      "umount the cgroup v1 that has %s, if one is mounted; else "
			      "a kernel with that controller",
			      name);
}

/* Every directory on the way down to ours that does not pass it on. */
static void remedy_way_down(const struct cg_hierarchy *hierarchy, const char *name,
			    enum cg_controller controller, struct finding *finding)
{
	char dir[CG_PATH_MAX], words[sizeof(finding->remedy)] = "";
	size_t length = strlen(hierarchy->mount), used = 0;

	for (;;) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)length, hierarchy->own);
		if (!hierarchy->own[length] ||
		    strcmp(hierarchy->own + length, "/" CG_SUPERVISOR) == 0)
			break;
		if (!has_controller(dir, "cgroup.subtree_control", controller) &&
		    used < sizeof(words))
			used += (size_t)snprintf(words + used, sizeof(words) - used,
						 "%secho +%s | %stee %s/cgroup.subtree_control",
						 used ? " && " : "", name, geteuid() ? "sudo " : "",
						 dir);
		length += 1 + strcspn(hierarchy->own + length + 1, "/");
	}
	doctor_remedy(finding, "%s", words);
}

static void remedy_controller(const struct placement *placement, enum limit_id id,
			      struct finding *finding)
{
	const struct cg_hierarchy *hierarchy = &placement->hierarchy;
	enum cg_controller controller = controller_of(id);
	const char *name = cg_controller_name(controller);

	if (!has_controller(hierarchy->mount, "cgroup.controllers", controller))
		remedy_root(hierarchy, name, finding);
	else if (placement->backend == BACKEND_SYSTEMD_USER)
		remedy_user_manager(finding);
	else if (hierarchy->has_systemd)
		doctor_remedy(finding, "Delegate=cpu io memory pids in the [Service] of this unit "
				       "(systemctl edit), then restart it");
	else
		remedy_way_down(hierarchy, name, controller, finding);
}

static void remedy_io_weight(struct finding *finding)
{
	char disk[NAME_MAX + 1];

	doctor_remedy(finding, "%smodprobe bfq && echo bfq | %stee /sys/block/%s/queue/scheduler",
		      geteuid() ? "sudo " : "", geteuid() ? "sudo " : "",
		      io_weight_disk(disk, sizeof(disk)) ? disk : "DISK");
}

/* What helps the placement helps all of them, so that in `process` there is nothing to say. */
static void explain_limit(const struct placement *placement, enum limit_id id, enum limit_by by,
			  struct finding *finding)
{
	char why_not[200];

	if (placement->backend == BACKEND_PROCESS || by == BY_CGROUP)
		return;
	if (id == LIMIT_IO_WEIGHT && placement_has_controller(placement, id) &&
	    !io_weight_holds(placement->hierarchy.mount, why_not, sizeof(why_not))) {
		(void)snprintf(finding->words, sizeof(finding->words), "not enforced: %s", why_not);
		remedy_io_weight(finding);
		return;
	}
	remedy_controller(placement, id, finding);
}

void doctor_limits(struct doctor *doctor)
{
	const struct placement *placement = &doctor->placement;

	for (int i = 0; i < LIMIT_N; i++) {
		struct limit probe = { .asked = true, .cpus = 1 };
		enum limit_by by = placement_would_enforce(placement, i, &probe);
		struct finding *finding;
		char topic[32];

		(void)snprintf(topic, sizeof(topic), "limit %s", limit_name(i));
		finding = doctor_find(doctor, by == BY_CGROUP ? FINDING_OK : FINDING_NOTE, topic,
				      "%s%s%s", enforced_words[by], by == BY_CGROUP ? " as " : "",
				      by == BY_CGROUP ? limit_file(i) : "");
		explain_limit(placement, i, by, finding);
	}
}
