/* SPDX-License-Identifier: MIT */
/* doctor: the hierarchy, the placement that it allows, and what that placement can hold. */
#include <dlfcn.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "control/doctor.h"

#define UNIFIED_WORDS                                                                              \
	"add systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all to the kernel's command line "    \
	"(Debian: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub) and reboot; in a "    \
	"container: do that on its host"
#define CONTAINER_WORDS                                                                            \
	"in a container: docker run --cgroupns=private --security-opt writable-cgroups=true "      \
	"(Docker 28 or later), or podman run --security-opt unmask=/sys/fs/cgroup"

/* ---- the hierarchy ---- */

static bool is_read_only(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

static void ask_hierarchy(struct doctor *doctor, const struct cg_hierarchy *hierarchy)
{
	struct finding *finding;

	switch (hierarchy->mode) {
	case CG_UNIFIED:
		(void)doctor_find(doctor, FINDING_OK, "hierarchy",
				  "cgroup v2 alone, at '%s'; we stand in '%s'%s", hierarchy->mount,
				  hierarchy->own,
				  hierarchy->has_systemd ? "; systemd manages it" : "");
		return;
	case CG_HYBRID:
		finding = doctor_find(doctor, FINDING_NOTE, "hierarchy",
				      "hybrid: the controllers are on cgroup v1, where resrun sets "
				      "no limits; v2 stands empty at '%s'",
				      hierarchy->mount);
		doctor_remedy(finding, UNIFIED_WORDS);
		return;
	case CG_NONE:
		finding = doctor_find(doctor, FINDING_NOTE, "hierarchy",
				      "no cgroup v2 is mounted at /sys/fs/cgroup");
		doctor_remedy(finding, "mount -t cgroup2 none /sys/fs/cgroup (as root); on a host "
				       "with cgroup v1: " UNIFIED_WORDS);
		return;
	}
}

/* ---- the placement ---- */

/* What would make a cgroup available where there is none, for the way that is nearest. */
static void remedy_placement(const struct cg_hierarchy *hierarchy, struct finding *finding)
{
	const struct passwd *user = getpwuid(geteuid());

	if (hierarchy->mode != CG_UNIFIED)
		doctor_remedy(finding, "see hierarchy above");
	else if (hierarchy->has_systemd && geteuid() != 0)
		doctor_remedy(finding, "sudo loginctl enable-linger %s",
			      user ? user->pw_name : "USER");
	else if (is_read_only(hierarchy->mount))
		doctor_remedy(finding, CONTAINER_WORDS);
	else if (geteuid() != 0)
		doctor_remedy(finding,
			      "have root give you a cgroup and start your shell in it: mkdir "
			      "/sys/fs/cgroup/%u && chown -R %u /sys/fs/cgroup/%u",
			      geteuid(), geteuid(), geteuid());
	else
		doctor_remedy(finding, CONTAINER_WORDS);
}

/* isolation=cgroup and strict make of a lesser placement a job that is not run. */
static bool must_have_cgroup(const struct doctor *doctor)
{
	return settings_integer(&doctor->context.settings, SET_ISOLATION) == ISOLATION_CGROUP;
}

static void ask_placement(struct doctor *doctor)
{
	const struct placement *placement = &doctor->placement;
	bool process = placement->backend == BACKEND_PROCESS;
	struct finding *finding;

	finding = doctor_find(doctor,
			      !process			 ? FINDING_OK
			      : must_have_cgroup(doctor) ? FINDING_PROBLEM
							 : FINDING_NOTE,
			      "placement", "jobs are placed by the backend '%s'%s",
			      backend_name(placement->backend),
			      process && must_have_cgroup(doctor)
				      ? ", but isolation=cgroup is configured"
			      : process ? ": watched as processes, without a cgroup"
					: ", in a cgroup of their own");
	if (process)
		remedy_placement(&placement->hierarchy, finding);
	for (int i = 0; i < BACKENDS_N; i++)
		if (placement->reasons[i][0])
			(void)doctor_find(doctor, FINDING_OK, "placement", "not by '%s': %s",
					  backend_name(i), placement->reasons[i]);
}

void doctor_cgroup(struct doctor *doctor)
{
	placement_probe(PLACE_ANY, &doctor->placement);
	ask_hierarchy(doctor, &doctor->placement.hierarchy);
	ask_placement(doctor);
}

/* ---- the limits ---- */

static const char *const enforced_words[] = {
	[BY_NONE] = "cannot be enforced in this placement",
	[BY_CGROUP] = "enforced by the kernel, in the job's cgroup",
	[BY_SAMPLED] = "sampled: a job above it is killed, some moments later",
	[BY_AFFINITY] = "by CPU affinity: whole CPUs only",
	[BY_NICE] = "by a nice value",
};

/* The controller that a limit needs. */
static const char *controller_of(enum limit_id id)
{
	struct limit_set one = { 0 };

	one.v[id].asked = true;
	return cg_controller_name(limit_controllers(&one));
}

static void remedy_limit(const struct placement *placement, enum limit_id id,
			 struct finding *finding)
{
	/* What helps the placement helps all of them. */
	if (placement->backend == BACKEND_PROCESS)
		return;
	if (placement->backend == BACKEND_SYSTEMD_USER)
		doctor_remedy(finding,
			      "sudo mkdir -p /etc/systemd/system/user@.service.d && printf "
			      "'[Service]\\nDelegate=cpu io memory pids\\n' | sudo tee "
			      "/etc/systemd/system/user@.service.d/resrun.conf && sudo systemctl "
			      "daemon-reload, then log in anew");
	else
		doctor_remedy(finding,
			      "as root: echo +%s > cgroup.subtree_control in every directory from "
			      "'%s' down to the parent of '%s'",
			      controller_of(id), placement->hierarchy.mount,
			      placement->hierarchy.own);
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
		remedy_limit(placement, i, finding);
	}
}

/* ---- systemd ---- */

static void ask_library(struct doctor *doctor)
{
	void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	struct finding *finding = doctor_find(
		doctor, library ? FINDING_OK : FINDING_NOTE, "libsystemd",
		library ? "can be loaded" : "cannot be loaded, so systemd cannot be asked");

	doctor_remedy(finding, "apt-get install libsystemd0");
	if (library)
		(void)dlclose(library);
}

static void ask_user_manager(struct doctor *doctor)
{
	const struct passwd *user = getpwuid(geteuid());
	const char *name = user ? user->pw_name : "USER";
	char socket[64], linger[256];
	struct finding *finding;
	bool runs, stays;

	(void)snprintf(socket, sizeof(socket), "/run/user/%u/systemd/private", geteuid());
	(void)snprintf(linger, sizeof(linger), "/var/lib/systemd/linger/%.200s", name);
	runs = access(socket, F_OK) == 0;
	stays = access(linger, F_OK) == 0;
	finding = doctor_find(
		doctor, runs && stays ? FINDING_OK : FINDING_NOTE, "user manager", "%s, %s",
		runs ? "runs" : "systemd runs none for this user",
		stays ? "and stays after the last logout (linger)"
		      : "and ends with the last session: jobs of cron then get no cgroup");
	doctor_remedy(finding, "sudo loginctl enable-linger %s", name);
}

void doctor_systemd(struct doctor *doctor)
{
	if (!doctor->placement.hierarchy.has_systemd) {
		(void)doctor_find(doctor, FINDING_OK, "systemd", "does not run here");
		return;
	}
	ask_library(doctor);
	if (geteuid() != 0)
		ask_user_manager(doctor);
}
