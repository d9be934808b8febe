/* SPDX-License-Identifier: MIT */
/* `resrunctl config init`: a resrun.ini with every key of the table, commented out unless the
 * preset sets it. The keys, helps and defaults come from settings.def, so that it stays the one
 * place. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/hierarchy.h"
#include "cgroup/host.h"
#include "control/arguments.h"
#include "control/config.h"
#include "control/show.h"
#include "policy/config.h"

#define GIB 1073741824.0
#define NOMINAL_SHARE 0.9 /* of a machine's nominal memory, the kernel sees at least this */

/* What a preset sets; each for a machine of at least that size. */
static const struct preset {
	const char *name;
	double memory_gib, cpus;
	struct {
		enum setting_id id;
		const char *text;
	} set[6];
} presets[] = {
	{ "high",
	  16,
	  8,
	  { { SET_CPU_THRESHOLD, "85" },
	    { SET_MEMORY_THRESHOLD, "85" },
	    { SET_DISK_THRESHOLD, "90" },
	    { SET_MAX_CONCURRENT, "2" },
	    { SET_RATE_LIMIT, "3" },
	    { SET_RATE_WINDOW, "3600s" } } },
	{ "mid",
	  8,
	  4,
	  { { SET_CPU_THRESHOLD, "80" },
	    { SET_MEMORY_THRESHOLD, "80" },
	    { SET_DISK_THRESHOLD, "90" },
	    { SET_MAX_CONCURRENT, "1" },
	    { SET_RATE_LIMIT, "2" },
	    { SET_RATE_WINDOW, "3600s" } } },
	{ "low",
	  0,
	  0,
	  { { SET_CPU_THRESHOLD, "70" },
	    { SET_MEMORY_THRESHOLD, "75" },
	    { SET_DISK_THRESHOLD, "85" },
	    { SET_MAX_CONCURRENT, "1" },
	    { SET_RATE_LIMIT, "1" },
	    { SET_RATE_WINDOW, "7200s" } } },
};
#define PRESETS_N (sizeof(presets) / sizeof(presets[0]))

/* ---- choosing ---- */

/* The largest that this machine, or the cgroup we stand in, is large enough for. */
static const struct preset *fitting_preset(void)
{
	struct cg_hierarchy hierarchy;
	struct host_roots roots = { .proc = "/proc" };
	struct host_sample host;
	size_t i = 0;

	cg_find(&hierarchy);
	roots.cgroup = hierarchy.mode == CG_UNIFIED ? hierarchy.mount : NULL;
	roots.own = hierarchy.own;
	host_sample(&roots, &host);
	while (i < PRESETS_N - 1 && ((double)host.room.memory_total_bytes <
					     presets[i].memory_gib * NOMINAL_SHARE * GIB ||
				     host.room.cpus < presets[i].cpus))
		i++;
	return &presets[i];
}

/* *ret NULL: no preset. 0, or -errno with words. */
static int choose_preset(const char *name, const struct preset **ret, struct rr_err *err)
{
	*ret = NULL;
	if (!name)
		return 0;
	if (strcmp(name, "auto") == 0) {
		*ret = fitting_preset();
		return 0;
	}
	for (size_t i = 0; i < PRESETS_N; i++)
		if (strcmp(presets[i].name, name) == 0)
			*ret = &presets[i];
	if (*ret)
		return 0;
	return rr_err_set(err, EINVAL,
			  "--preset: '%s' is none of low, mid, high and auto; see resrunctl --help",
			  name);
}

/* ---- writing ---- */

static const char *preset_text(const struct preset *preset, enum setting_id id)
{
	for (size_t i = 0; preset && i < sizeof(preset->set) / sizeof(preset->set[0]); i++)
		if (preset->set[i].id == id)
			return preset->set[i].text;
	return NULL;
}

/* What a key that stands commented out would have to say to change nothing. */
static const char *harmless_text(const struct setting_spec *spec)
{
	if (spec->fallback)
		return spec->fallback;
	if (spec->kind == KIND_WORDS || spec->kind == KIND_PATHS || spec->kind == KIND_COMMANDS)
		return "";
	return "none";
}

static void write_key(FILE *out, const struct preset *preset, enum setting_id id)
{
	const struct setting_spec *spec = &setting_specs[id];
	const char *set = preset_text(preset, id), *text = set ? set : harmless_text(spec);

	(void)fprintf(out, "\n# %s", spec->help);
	(void)(spec->argument ? fprintf(out, " [%s]\n", spec->argument) : fputs("\n", out));
	(void)fprintf(out, "%s%s =%s%s\n", set ? "" : "# ", spec->key, *text ? " " : "", text);
}

static void write_machine(FILE *out, const struct preset *preset)
{
	(void)fputs("\n[resrun]\n", out);
	for (int i = 0; i < SETTINGS_N; i++)
		if (setting_specs[i].section == SECTION_MACHINE)
			write_key(out, preset, i);
}

/* A key of [default], after the title of its group if it is the first there. */
static void write_default_key(FILE *out, const struct preset *preset, enum setting_id id,
			      const char **title)
{
	/* match means something in a [profile] only. */
	if (setting_specs[id].section != SECTION_PROFILE || !setting_specs[id].key ||
	    id == SET_MATCH)
		return;
	if (*title)
		(void)fprintf(out, "\n# ---- %s ----\n", *title);
	*title = NULL;
	write_key(out, preset, id);
}

static void write_default(FILE *out, const struct preset *preset)
{
	const char *title = NULL;

	(void)fputs("\n[default]\n", out);
#define HELP(words) title = words;
#define SETTING(id, section, kind, key, def, opt, name, arg, env, help)                            \
	write_default_key(out, preset, SET_##id, &title);
#include "policy/settings.def"
#undef SETTING
}

static void write_all(FILE *out, const struct preset *preset)
{
	(void)fprintf(
		out,
		"# resrun.ini, written by resrunctl config init%s%s. Every key stands here,\n"
		"# with its default where it is commented out; see resrun.ini(5), and\n"
		"# `resrunctl config show` for what is in force.\n"
		"# Sizes: 512M, 4G, 50%%. Times: 90, 90s, 5m, 1h30m, inf. \"none\": no limit.\n",
		preset ? " --preset " : "", preset ? preset->name : "");
	write_machine(out, preset);
	write_default(out, preset);
	(void)fprintf(
		out,
		"\n# What is other for some commands, as for every -p encode. Also a key of it:"
		"\n# %s: %s [%s]\n# [profile encode]\n",
		setting_specs[SET_MATCH].key, setting_specs[SET_MATCH].help,
		setting_specs[SET_MATCH].argument);
}

static int make_text(const struct preset *preset, char **ret, struct rr_err *err)
{
	rr_autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return rr_err_sys(err, errno, "resrun.ini");
	write_all(out, preset);
	if (fclose(out) != 0)
		return rr_err_sys(err, errno, "resrun.ini");
	*ret = rr_ptr_take(&text);
	return 0;
}

/* ---- the file ---- */

/* Where this user's configuration is looked for. */
static int default_path(char *buf, size_t size, struct rr_err *err)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		(void)snprintf(buf, size, "/etc/resrun/resrun.ini");
	else if (xdg && *xdg == '/')
		(void)snprintf(buf, size, "%s/resrun/resrun.ini", xdg);
	else if (home && *home == '/')
		(void)snprintf(buf, size, "%s/.config/resrun/resrun.ini", home);
	else
		return rr_err_set(err, ENOENT,
				  "there is no HOME to put resrun.ini in: name a FILE");
	return 0;
}

static int make_parent(const char *path, struct rr_err *err)
{
	char parent[PATH_MAX];
	int r;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	r = rr_mkdir_all(parent, 0755);
	return r < 0 ? rr_err_sys(err, -r, "make '%s'", parent) : 0;
}

/* Never onto what is there, whoever made it meanwhile. */
static int write_new(const char *path, const char *text, struct rr_err *err)
{
	rr_autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0 && errno == EEXIST)
		return rr_err_set(err, EEXIST, "'%s' is there already: --force replaces it", path);
	if (fd < 0)
		return rr_err_sys(err, errno, "make '%s'", path);
	r = rr_write_all(fd, text, strlen(text));
	if (r == 0)
		return 0;
	(void)unlink(path);
	return rr_err_sys(err, -r, "write '%s'", path);
}

static int write_file(const char *path, const char *text, bool force, struct rr_err *err)
{
	int r;

	if (!force)
		return write_new(path, text, err);
	r = rr_replace_at(AT_FDCWD, path, text, strlen(text), 0644);
	return r < 0 ? rr_err_sys(err, -r, "write '%s'", path) : 0;
}

/* 0 or -errno with words; file NULL: the user's own place. */
static int put(const char *file, const char *text, bool force, struct rr_err *err)
{
	char path[PATH_MAX];
	int r = 0;

	if (file && strcmp(file, "-") == 0)
		return fputs(text, stdout) < 0 ? rr_err_sys(err, errno, "write to stdout") : 0;
	if (!file) {
		r = default_path(path, sizeof(path), err);
		if (r == 0)
			r = make_parent(path, err);
		file = path;
	}
	if (r == 0)
		r = write_file(file, text, force, err);
	if (r == 0)
		(void)printf("wrote %s\n", file);
	return r;
}

int config_verb_init(int argc, char **argv, struct rr_err *err)
{
	rr_autofree char *text = NULL;
	const struct preset *preset;
	const char *name = NULL;
	bool force = false;
	const struct argument table[] = {
		{ .name = "preset",
		  .value = "low|mid|high|auto",
		  .help = "set what suits a machine; auto: by this one",
		  .text = &name },
		{ .name = "force", .help = "replace a file that is there", .flag = &force },
		{ .name = NULL },
	};
	struct operands files;
	int r = arguments_parse(argc, argv, "config init [OPTION]... [FILE|-]", table, &files, err);

	if (r == 0)
		r = arguments_at_most(&files, 1, err);
	if (r == 0)
		r = choose_preset(name, &preset, err);
	if (r == 0)
		r = make_text(preset, &text, err);
	if (r == 0)
		r = put(files.n > 0 ? files.v[0] : NULL, text, force, err);
	return r < 0 ? r : 0;
}
