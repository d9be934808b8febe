/* SPDX-License-Identifier: MIT */
/* The files of the configuration: where they are, whose they may be, and what stands in them,
 * section by section. */
#include "policy/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define SYSTEM_FOLDER "/etc/resrun"

/* One file while it is being read. libinih gives no line numbers and cuts what is long, so the
 * reader that feeds it counts, checks, and keeps the raw line. */
struct reading {
	struct config *config;
	const char *path;
	const char *next;
	char raw[CONFIG_LINE_MAX + 3];
	unsigned line;
	char sections[CONFIG_PROFILES_MAX + 2][CONFIG_PROFILE_NAME_MAX + 16];
	size_t n_sections;
	struct rr_err *err;
	int failed; /* -errno of the first error; the words are in err */
};

static int fail(struct reading *at, const char *words)
{
	at->failed = rr_err_set(at->err, EINVAL, "%s:%u: %s", at->path, at->line, words);
	return at->failed;
}

struct config_profile *config_find_profile(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_profiles; i++)
		if (strcmp(config->profiles[i].name, name) == 0)
			return &config->profiles[i];
	return NULL;
}

static bool is_profile_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-");

	return length > 0 && length <= CONFIG_PROFILE_NAME_MAX && name[length] == '\0';
}

static struct config_profile *add_profile(struct reading *at, const char *name)
{
	struct config *config = at->config;
	struct config_profile *found = config_find_profile(config, name), *bigger;

	if (found)
		return found;
	if (!is_profile_name(name)) {
		(void)fail(at, "a profile's name is 1 to 41 letters, digits, '.', '_' or '-'");
		return NULL;
	}
	bigger = config->n_profiles < CONFIG_PROFILES_MAX
			 ? realloc(config->profiles, (config->n_profiles + 1) * sizeof(*bigger))
			 : NULL;
	if (!bigger) {
		(void)fail(at, "too many profiles");
		return NULL;
	}
	config->profiles = bigger;
	found = &bigger[config->n_profiles++];
	memset(found, 0, sizeof(*found));
	(void)snprintf(found->name, sizeof(found->name), "%s", name);
	return found;
}

/* The settings that a section writes to. */
static struct settings *section_settings(struct reading *at, const char *section,
					 enum setting_section *ret_section)
{
	static const char profile_word[] = "profile ";
	struct config_profile *profile;

	*ret_section = SECTION_PROFILE;
	if (strcmp(section, "default") == 0)
		return &at->config->base;
	if (strcmp(section, "resrun") == 0) {
		*ret_section = SECTION_MACHINE;
		return &at->config->machine;
	}
	if (strncmp(section, profile_word, strlen(profile_word)) != 0) {
		(void)fail(at,
			   *section ? "the section is none of [resrun], [default], [profile NAME]"
				    : "this key stands before any [section]");
		return NULL;
	}
	section += strlen(profile_word);
	profile = add_profile(at, section + strspn(section, " "));
	return profile ? &profile->settings : NULL;
}

/* Hooks are commands, where " ;" means something: libinih would take the rest for a comment. */
static bool comment_was_cut(const struct reading *at, enum setting_id id)
{
	const char *semicolon = strchr(at->raw, ';');

	for (; semicolon; semicolon = strchr(semicolon + 1, ';'))
		if (setting_specs[id].kind == KIND_COMMANDS && semicolon > at->raw &&
		    isspace((unsigned char)semicolon[-1]))
			return true;
	return false;
}

static int take_key(struct reading *at, const char *section, const char *key, const char *value)
{
	enum setting_section kind;
	struct settings *settings = section_settings(at, section, &kind);
	char origin[PATH_MAX + 16];
	enum setting_id id;
	int r;

	if (!settings)
		return at->failed;
	id = settings_find_key(kind, key);
	(void)snprintf(origin, sizeof(origin), "%s:%u", at->path, at->line);
	if (id == SETTINGS_N) {
		at->failed = rr_err_set(at->err, EINVAL, "%s: unknown key '%s' in [%s]", origin,
					key, section);
		return at->failed;
	}
	if (comment_was_cut(at, id))
		return fail(at,
			    "' ;' begins a comment: write ';' without a blank before it, or put "
			    "the commands into a script");
	r = settings_set(settings, id, value, origin, at->err);
	if (r < 0) {
		rr_err_prefix(at->err, "%s: %s", origin, key);
		at->failed = r;
	}
	return r;
}

static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct reading *at = user;

	/* libinih wants 1 for "go on"; it goes on anyway, so later lines only pass by. */
	return !at->failed && take_key(at, section, key, value) == 0;
}

/* Looks at "[section]" lines itself: libinih tells only of those that have keys, and cuts long
 * names without a word. A second one of the same name is an error. */
static void note_section(struct reading *at)
{
	const char *start = at->raw + strspn(at->raw, " \t"), *end = strchr(start, ']');
	size_t length = end ? (size_t)(end - start) : 0;
	enum setting_section ignored;
	char name[sizeof(at->sections[0])];

	if (*start != '[')
		return;
	if (!end) {
		(void)fail(at, "a section begins with '[' and ends with ']'");
		return;
	}
	if (length >= sizeof(at->sections[0])) {
		(void)fail(at, "the section's name is too long");
		return;
	}
	(void)snprintf(name, sizeof(name), "%.*s", (int)length - 1, start + 1);
	if (!section_settings(at, name, &ignored))
		return;
	for (size_t i = 0; i < at->n_sections; i++)
		if (strncmp(at->sections[i], start, length) == 0 && !at->sections[i][length]) {
			(void)fail(at, "this section stands twice in the file");
			return;
		}
	if (at->n_sections == sizeof(at->sections) / sizeof(at->sections[0])) {
		(void)fail(at, "too many sections");
		return;
	}
	memcpy(at->sections[at->n_sections], start, length);
	at->sections[at->n_sections++][length] = '\0';
}

/* fgets for libinih, over the text in memory. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reading *at = stream;
	size_t length = strcspn(at->next, "\n");

	if (!*at->next || at->failed)
		return NULL;
	at->line++;
	if (length > CONFIG_LINE_MAX || (int)length + 2 > size) {
		(void)fail(at, "the line is longer than 197 characters");
		return NULL;
	}
	(void)snprintf(at->raw, sizeof(at->raw), "%.*s", (int)length, at->next);
	(void)snprintf(buf, (size_t)size, "%s\n", at->raw);
	at->next += length + (at->next[length] == '\n');
	note_section(at);
	return at->failed ? NULL : buf;
}

static int remember_file(struct config *config, const char *path, struct rr_err *err)
{
	if (config->n_files == CONFIG_FILES_MAX)
		return rr_err_set(err, E2BIG, "'%s': more than %d configuration files", path,
				  CONFIG_FILES_MAX);
	config->files[config->n_files] = strdup(path);
	return config->files[config->n_files++] ? 0 : rr_err_sys(err, ENOMEM, "'%s'", path);
}

static int parse_text(struct config *config, const char *path, const char *text, struct rr_err *err)
{
	rr_autofree struct reading *at = calloc(1, sizeof(*at));
	int bad_line;

	if (!at)
		return rr_err_sys(err, ENOMEM, "'%s'", path);
	at->config = config;
	at->path = path;
	at->next = text;
	at->err = err;
	bad_line = ini_parse_stream(next_line, at, on_key, at);
	if (!at->failed && bad_line > 0) {
		at->line = (unsigned)bad_line;
		(void)fail(at, "neither a [section], a 'key = value' nor a comment");
	}
	return at->failed;
}

static int read_open_file(struct config *config, const char *path, int fd, struct rr_err *err)
{
	rr_autofree char *text = NULL;
	struct stat st;
	size_t length;
	int r;

	if (fstat(fd, &st) < 0)
		return rr_err_sys(err, errno, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return rr_err_set(err, EINVAL, "'%s': not a regular file", path);
	if (!rr_fd_is_trusted(fd))
		return rr_err_set(
			err, EPERM,
			"'%s': refused, because others could have written it (owner uid "
			"%u, mode %03o): it must belong to root or to you, and be writable "
			"by the owner only (chmod go-w)",
			path, st.st_uid, st.st_mode & 0777U);
	r = rr_read_whole(fd, CONFIG_FILE_MAX, &text, &length);
	if (r < 0)
		return rr_err_sys(err, -r, "'%s'", path);
	if (strlen(text) != length)
		return rr_err_set(err, EINVAL, "'%s': has a NUL byte: not a text file", path);
	r = remember_file(config, path, err);
	return r < 0 ? r : parse_text(config, path, text, err);
}

/* Reads one file; a missing one is fine unless it was asked for by name. */
static int read_file(struct config *config, const char *path, bool must, struct rr_err *err)
{
	rr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && !must && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return rr_err_sys(err, errno, "'%s'", path);
	return read_open_file(config, path, fd, err);
}

static int is_ini(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 4 &&
	       strcmp(entry->d_name + length - 4, ".ini") == 0;
}

/* FOLDER/resrun.ini, then FOLDER/resrun.d/ in the order of names. */
static int read_folder(struct config *config, const char *folder, struct rr_err *err)
{
	char path[PATH_MAX];
	struct dirent **entries = NULL;
	int n, r;

	if (snprintf(path, sizeof(path), "%s/resrun.ini", folder) >= (int)sizeof(path))
		return rr_err_set(err, ENAMETOOLONG, "'%s'", folder);
	r = read_file(config, path, false, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%.4000s/resrun.d", folder);
	n = scandir(path, &entries, is_ini, alphasort);
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX + NAME_MAX + 2];

		(void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		r = r < 0 ? r : read_file(config, file, false, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* False without a home. */
static bool find_user_folder(char folder[static PATH_MAX])
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		(void)snprintf(folder, PATH_MAX, "%s/resrun", xdg);
	else if (home && *home == '/')
		(void)snprintf(folder, PATH_MAX, "%s/.config/resrun", home);
	else
		return false;
	return true;
}

static int read_user_folder(struct config *config, struct rr_err *err)
{
	char folder[PATH_MAX];

	return find_user_folder(folder) ? read_folder(config, folder, err) : 0;
}

size_t config_folders(const char *file, char ret[CONFIG_FOLDERS_MAX][PATH_MAX])
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	(void)snprintf(ret[0], PATH_MAX, "%s", SYSTEM_FOLDER);
	if (!file)
		return find_user_folder(ret[1]) ? 2 : 1;
	(void)snprintf(ret[0], PATH_MAX, "%.*s", slash ? (int)(slash - file) : 1,
		       slash ? file : ".");
	return 1;
}

int config_load(const char *file, struct config *ret, struct rr_err *err)
{
	struct config config = { 0 };
	int r;

	if (file) {
		r = read_file(&config, file, true, err);
	} else {
		r = read_folder(&config, SYSTEM_FOLDER, err);
		if (r == 0)
			r = read_user_folder(&config, err);
	}
	if (r < 0) {
		config_free(&config);
		return r;
	}
	*ret = config;
	return 0;
}

void config_free(struct config *config)
{
	settings_free(&config->machine);
	settings_free(&config->base);
	for (size_t i = 0; i < config->n_profiles; i++)
		settings_free(&config->profiles[i].settings);
	free(config->profiles);
	for (size_t i = 0; i < config->n_files; i++)
		free(config->files[i]);
	*config = (struct config){ 0 };
}
