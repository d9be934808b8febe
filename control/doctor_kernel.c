/* SPDX-License-Identifier: MIT */
/* doctor: what the kernel has, each asked for itself and never by its version. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "control/doctor.h"
#include "policy/seccomp.h"

static void ask_pressure(struct doctor *doctor)
{
	static const char *const files[] = { "/proc/pressure/cpu", "/proc/pressure/memory",
					     "/proc/pressure/io" };
	const struct settings *settings = &doctor->context.settings;
	struct finding *finding;
	size_t known = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct rr_pressure pressure;

		rr_read_pressure(AT_FDCWD, files[i], &pressure);
		known += pressure.known;
	}
	finding = doctor_find(doctor,
			      known == 3				       ? FINDING_OK
			      : settings_has(settings, SET_PRESSURE_THRESHOLD) ? FINDING_PROBLEM
									       : FINDING_NOTE,
			      "pressure", "stall information (PSI) is %s",
			      known == 3 ? "there for CPU, memory and disks"
					 : "missing: pressure_threshold does nothing here");
	doctor_remedy(finding, "add psi=1 to the kernel's command line and reboot");
}

static void ask_seccomp(struct doctor *doctor)
{
	seccomp_auto struct seccomp_program *program = NULL;
	const char *policy = settings_text(&doctor->context.settings, SET_SECCOMP);
	struct rr_err err = { "the kernel has none" };
	struct finding *finding;
	bool has = prctl(PR_GET_SECCOMP) >= 0 && seccomp_prepare("baseline", &program, &err) == 0;
	bool asked = policy && strcmp(policy, "off") != 0;

	finding =
		doctor_find(doctor,
			    has	    ? FINDING_OK
			    : asked ? FINDING_PROBLEM
				    : FINDING_NOTE,
			    "seccomp", "system-call policies %s%s",
			    has ? "can be enforced" : "cannot be enforced: ", has ? "" : err.text);
	doctor_remedy(finding, "a kernel with CONFIG_SECCOMP_FILTER; in a container: docker run "
			       "--security-opt seccomp=unconfined");
	if (!has || !asked)
		return;
	seccomp_done(&program);
	program = NULL;
	if (seccomp_prepare(policy, &program, &err) < 0)
		(void)doctor_find(doctor, FINDING_PROBLEM, "seccomp", "seccomp=%s: %s", policy,
				  err.text);
}

/* ---- system calls: each is made in a way that does nothing ---- */

static bool has_clone3(void)
{
	/* No arguments at all: EINVAL where it exists. */
	return syscall(SYS_clone3, NULL, 0) < 0 && errno == EINVAL;
}

static bool has_pidfd(void)
{
	rr_autofd int fd = rr_pidfd_open(getpid());

	return fd >= 0;
}

static bool has_openat2(void)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	rr_autofd int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	return fd >= 0;
}

static void ask_calls(struct doctor *doctor)
{
	static const struct {
		const char *name;
		bool (*has)(void);
		const char *without;
	} calls[] = {
		{ "clone3", has_clone3,
		  "a job is started beside its cgroup and moved into it, which is slower" },
		{ "pidfd", has_pidfd, "processes are watched by looking again and again" },
		{ "openat2", has_openat2, "sweeps check every step of a path themselves" },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		bool has = calls[i].has();
		struct finding *finding =
			doctor_find(doctor, has ? FINDING_OK : FINDING_NOTE, calls[i].name, "%s%s",
				    has ? "there" : "not there, or kept from us by a filter: ",
				    has ? "" : calls[i].without);

		doctor_remedy(finding,
			      "a kernel from 5.8 on; in a container: a seccomp profile "
			      "that allows %s",
			      calls[i].name);
	}
}

/* ---- cgroup files: only a cgroup below the root has them ---- */

/* A cgroup that has interface files: our own, or any child of the root. False when there is none.*/
static bool find_example(const struct cg_hierarchy *hierarchy, char *buf, size_t size)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	(void)snprintf(buf, size, "%s", hierarchy->own);
	if (!hierarchy->at_real_root || strcmp(hierarchy->own, hierarchy->mount) != 0)
		return true;
	dir = opendir(hierarchy->mount);
	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_type == DT_DIR && entry->d_name[0] != '.';
		if (found)
			(void)snprintf(buf, size, "%s/%.255s", hierarchy->mount, entry->d_name);
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

static bool has_file(const char *dir, const char *file)
{
	char path[CG_PATH_MAX + 300];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, F_OK) == 0;
}

static void ask_cgroup_file(struct doctor *doctor, const char *dir, const char *file,
			    const char *without)
{
	bool has = has_file(dir, file);
	struct finding *finding = doctor_find(doctor, has ? FINDING_OK : FINDING_NOTE, file, "%s%s",
					      has ? "there" : "not there: ", has ? "" : without);

	doctor_remedy(finding, "a newer kernel (5.14 has cgroup.kill, 5.19 memory.peak)");
}

static void ask_cgroup_files(struct doctor *doctor)
{
	const struct cg_hierarchy *hierarchy = &doctor->placement.hierarchy;
	char dir[CG_PATH_MAX + 264];

	if (hierarchy->mode != CG_UNIFIED)
		return;
	if (!find_example(hierarchy, dir, sizeof(dir))) {
		(void)doctor_find(doctor, FINDING_OK, "cgroup.kill",
				  "cannot be told: there is only the root cgroup yet");
		return;
	}
	ask_cgroup_file(doctor, dir, "cgroup.kill", "jobs are frozen and killed one by one");
	/* Without the controller the file is missing whatever the kernel can. */
	if (has_file(dir, "memory.current"))
		ask_cgroup_file(doctor, dir, "memory.peak",
				"the peak is the largest that was sampled");
}

void doctor_kernel(struct doctor *doctor)
{
	ask_pressure(doctor);
	ask_seccomp(doctor);
	ask_calls(doctor);
	ask_cgroup_files(doctor);
}
