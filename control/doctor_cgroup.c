/* SPDX-License-Identifier: MIT */
/* doctor: the hierarchy, the placement that it allows, and what that placement can hold. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "control/doctor.h"

#define SYSTEMD_LIBRARY "libsystemd.so.0"
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

/* What a container's root mostly may not: to mount. */
static bool may_mount(void)
{
	return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) > 0;
}

/* Some controller is on version 1: /proc/self/cgroup has its name, which systemd's own tree lacks.
 */
static bool has_version_1(void)
{
	static const char *const names[] = { "memory", "cpu", "pids", "blkio", "freezer" };
	char text[8192], name[16];

	if (rr_read_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(name, sizeof(name), ":%s", names[i]);
		if (strstr(text, name))
			return true;
	}
	return false;
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
		if (has_version_1())
			doctor_remedy(finding, UNIFIED_WORDS);
		else if (geteuid() == 0 && !may_mount())
			doctor_remedy(finding, CONTAINER_WORDS);
		else
			doctor_remedy(finding, "%smount -t cgroup2 none /sys/fs/cgroup",
				      geteuid() ? "sudo " : "");
		return;
	}
}

/* ---- the placement ---- */

static const char *user_name(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return user ? user->pw_name : "USER";
}

static bool can_load(const char *name)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	bool can = library != NULL;

	if (library)
		(void)dlclose(library);
	return can;
}

/* systemd runs, and still gave us no cgroup. */
static void remedy_systemd(struct finding *finding)
{
	if (!can_load(SYSTEMD_LIBRARY))
		doctor_remedy(finding, "%sapt-get install libsystemd0", geteuid() ? "sudo " : "");
	else if (geteuid() == 0)
		doctor_remedy(finding, "let /run/systemd/private be seen from here; a container: "
				       "docker or podman run -v /run/systemd:/run/systemd");
	else
		doctor_remedy(finding, "sudo loginctl enable-linger %s", user_name());
}

/* What would make a cgroup available where there is none, for the way that is nearest. */
static void remedy_placement(const struct cg_hierarchy *hierarchy, struct finding *finding)
{
	if (hierarchy->mode != CG_UNIFIED)
		doctor_remedy(finding, "see hierarchy above");
	else if (is_read_only(hierarchy->mount) && may_mount())
		doctor_remedy(finding, "mount -o remount,rw %s", hierarchy->mount);
	else if (is_read_only(hierarchy->mount))
		doctor_remedy(finding, CONTAINER_WORDS);
	else if (hierarchy->has_systemd)
		remedy_systemd(finding);
	else if (geteuid() != 0)
		/* The shell that runs this puts its own pid where the quotes leave a gap. */
		doctor_remedy(finding,
			      "sudo sh -c 'cd %s && echo \"+cpu +io +memory +pids\" "
			      ">cgroup.subtree_control; mkdir -p user-%u && cd user-%u && chown %u "
			      ". cgroup.procs cgroup.subtree_control && echo '$$' >cgroup.procs'",
			      hierarchy->mount, geteuid(), geteuid(), geteuid());
	else
		doctor_remedy(finding, CONTAINER_WORDS);
}

static bool isolation_is(const struct doctor *doctor, int which)
{
	return settings_integer(&doctor->context.settings, SET_ISOLATION) == (uint64_t)which;
}

static void ask_placement(struct doctor *doctor)
{
	const struct placement *placement = &doctor->placement;
	bool process = placement->backend == BACKEND_PROCESS;
	struct finding *finding;

	finding = doctor_find(doctor,
			      !process				       ? FINDING_OK
			      : isolation_is(doctor, ISOLATION_CGROUP) ? FINDING_PROBLEM
								       : FINDING_NOTE,
			      "placement", "jobs are placed by the backend '%s'%s",
			      backend_name(placement->backend),
			      process && isolation_is(doctor, ISOLATION_CGROUP)
				      ? ", but isolation=cgroup is configured"
			      : process ? ": watched as processes, without a cgroup"
					: ", in a cgroup of their own");
	if (process)
		remedy_placement(&placement->hierarchy, finding);
	if (!process && isolation_is(doctor, ISOLATION_PROCESS))
		doctor_remedy(
			doctor_find(doctor, FINDING_NOTE, "placement",
				    "but isolation=process is configured: they are watched as "
				    "processes all the same"),
			"isolation = auto");
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

/* ---- systemd ---- */

static void ask_library(struct doctor *doctor)
{
	bool has = can_load(SYSTEMD_LIBRARY);
	struct finding *finding =
		doctor_find(doctor, has ? FINDING_OK : FINDING_NOTE, "libsystemd",
			    has ? "can be loaded" : "cannot be loaded, so systemd cannot be asked");

	doctor_remedy(finding, "%sapt-get install libsystemd0", geteuid() ? "sudo " : "");
}

static void ask_user_manager(struct doctor *doctor)
{
	/* By whether it runs now, and whether it is to stay. */
	static const char *const words[2][2] = {
		{ "systemd runs none for this user: a job gets a cgroup only while the user is "
		  "logged in, which for cron may be never",
		  "it is to run always (linger), but does not, or cannot be seen from here" },
		{ "runs, and ends with the last session: jobs of cron then get no cgroup",
		  "runs, and stays after the last logout (linger)" },
	};
	bool given = doctor->placement.backend == BACKEND_DELEGATED;
	char socket[64], linger[256];
	struct finding *finding;
	bool runs, stays;

	(void)snprintf(socket, sizeof(socket), "/run/user/%u/systemd/private", geteuid());
	(void)snprintf(linger, sizeof(linger), "/var/lib/systemd/linger/%.200s", user_name());
	runs = access(socket, F_OK) == 0;
	stays = access(linger, F_OK) == 0;
	finding = doctor_find(doctor, (runs && stays) || given ? FINDING_OK : FINDING_NOTE,
			      "user manager", "%s%s", words[runs][stays],
			      given ? "; here it is not needed" : "");
	if (stays)
		doctor_remedy(finding, "sudo systemctl start user@%u.service", geteuid());
	else
		doctor_remedy(finding, "sudo loginctl enable-linger %s", user_name());
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
