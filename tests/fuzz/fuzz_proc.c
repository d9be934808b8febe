/* SPDX-License-Identifier: MIT */
/* The text of /proc and cgroupfs, part by part of the input a file, read by all that reads it. */
#include "tests/fuzz/fuzz.h"

#include "base/fd.h"
#include "base/procfs.h"
#include "cgroup/hierarchy.h"
#include "cgroup/host.h"
#include "cgroup/usage.h"

static const char *const files[] = {
	"proc/meminfo",
	"proc/stat",
	"proc/pressure/cpu",
	"proc/pressure/memory",
	"proc/pressure/io",
	"cg/a/memory.max",
	"cg/a/memory.current",
	"cg/a/memory.stat",
	"cg/a/cpu.max",
	"cg/a/cpu.stat",
	"cg/a/memory.high",
	"cg/a/cpuset.cpus.effective",
	"cg/a/memory.events",
	"cg/a/memory.peak",
	"cg/a/io.stat",
	"cg/a/pids.current",
	"cg/a/pids.peak",
	"cg/a/cgroup.events",
	"cg/a/cgroup.controllers",
};

static void make_folders(void)
{
	static const char *const folders[] = { "proc", "proc/pressure", "cg", "cg/a" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		fuzz_mkdir(folders[i]);
}

static void read_leaf(const char *leaf)
{
	struct usage usage;
	struct meter meter;
	struct rr_pressure pressure;
	int fd = open(leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	usage_clear(&usage);
	meter_open(fd, &meter);
	meter_read(&meter, &usage);
	meter_close(&meter);
	rr_read_pressure(fd, "../../proc/pressure/io", &pressure);
	(void)cg_read_controllers(fd, "cgroup.controllers");
	rr_ignore(cg_populated(leaf));
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	char proc[PATH_MAX], cgroup[PATH_MAX], own[PATH_MAX];
	struct host_sample before, now;
	struct host_roots roots = { fuzz_path(proc, "proc"), fuzz_path(cgroup, "cg"),
				    fuzz_path(own, "cg/a"), false };
	const uint8_t *part;
	uint64_t value;
	char *text;

	make_folders();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t length = fuzz_part(&input, &part);

		fuzz_write(files[i], part, length);
	}
	host_sample(&roots, &before);
	host_sample(&roots, &now);
	(void)host_cpu_percent(&before, &now);
	read_leaf(own);
	text = fuzz_text(data, size);
	rr_ignore(rr_text_u64(text, "MemTotal", &value));
	free(text);
	return 0;
}
