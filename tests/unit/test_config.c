/* SPDX-License-Identifier: MIT */
/* The layers of configuration, and every way in which a file is refused, with its line. */
#include "fixture_dir.h"

#include <stdbool.h>

#include "base/clock.h"
#include "policy/config.h"

#define S RR_NS_PER_S
#define G (UINT64_C(1) << 30)

static struct rr_err err;

static void clear_environment(void)
{
	for (int i = 0; i < SETTINGS_N; i++) {
		char buf[SETTINGS_ENV_SIZE];
		const char *name = settings_env_name((enum setting_id)i, buf);

		if (name)
			(void)unsetenv(name);
		if (setting_specs[i].environment)
			(void)unsetenv(setting_specs[i].environment);
	}
}

static int make_config_dir(void **state)
{
	(void)umask(022);
	(void)make_dir(state);
	clear_environment();
	(void)setenv("XDG_CONFIG_HOME", dir, 1);
	(void)setenv("HOME", "/nonexistent", 1);
	err.text[0] = '\0';
	return 0;
}

static void must(int r)
{
	if (r != 0)
		fail_msg("%d: %s", r, err.text);
}

static const char *ini_path(void)
{
	static char path[PATH_MAX];

	return fixture_path(path, dir, "x.ini");
}

/* Loads a file of this text, and makes the settings of one job from it. */
static int resolve(const char *text, const char *profile, const char *program, struct settings *ret,
		   char chosen[static CONFIG_PROFILE_NAME_MAX + 1])
{
	struct settings line = { 0 };
	struct config config = { 0 };
	const char *name = "";
	int r;

	fixture_write(dir, "x.ini", text);
	must(config_load(ini_path(), &config, &err));
	if (profile)
		must(settings_set(&line, SET_PROFILE, profile, "--profile", &err));
	r = config_resolve(&config, &line, program, ret, &name, &err);
	(void)snprintf(chosen, CONFIG_PROFILE_NAME_MAX + 1, "%s", name);
	settings_free(&line);
	config_free(&config);
	return r;
}

/* ---- what is refused, and where it says that it is ---- */

static void refusals_name_file_and_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *words;
	} rows[] = {
		{ "[default]\nmemroy = 4G\n", 2, "unknown key 'memroy'" },
		{ "[default]\n# fine\n\nmemory = 4X\n", 4, "'4X'" },
		{ "[default]\nmemory = 4X", 2, "memory" },
		{ "[default]\ncpu_threshold = 101\n", 2, "'101'" },
		{ "[default]\nmax_wait =\n", 2, "''" },
		{ "[defalt]\nmemory = 4G\n", 0, "none of [resrun], [default], [profile NAME]" },
		{ "[profiles x]\nmemory = 4G\n", 0, "none of" },
		{ "[Default]\nmemory = 4G\n", 0, "none of" },
		{ "[bogus]\n", 1, "none of" },
		{ "memory = 4G\n", 1, "before any" },
		{ "# c\n\nmemory = 4G\n[default]\n", 3, "before any" },
		{ "[default]\nmemory = 4G\n[profile a]\nmemory = 1G\n[default]\ncpus = 1\n", 5,
		  "twice" },
		{ "[profile a]\n[profile b]\n[profile a]\n", 3, "twice" },
		{ "[default]\nnonsense\n", 2, "neither a [section]" },
		{ "[default\nmemory = 4G\n", 0, "section" },
		{ "[profile ]\nmemory = 4G\n", 0, "a profile's name" },
		{ "[profile a b]\nmemory = 4G\n", 0, "a profile's name" },
		{ "[profile ../x]\nmemory = 4G\n", 0, "a profile's name" },
		{ "[default]\nscope = host\n", 2, "unknown key 'scope'" },
		{ "[resrun]\nmemory = 4G\n", 2, "unknown key 'memory'" },
		{ "[default]\nprofile = x\n", 2, "unknown key" },
		{ "[default]\nrate = 3/1h\n", 2, "unknown key" },
		{ "[default]\nMEMORY = 4G\n", 2, "unknown key" },
		{ "[default]\nhook_before = echo a ; echo b\n", 2, "' ;' begins a comment" },
		{ "[default]\nhook_after = a\nhook_after = b\t;c\n", 3, "' ;' begins a comment" },
		{ "[default]\r\nmemory = 4X\r\n", 2, "memory" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config config = { 0 };
		char where[PATH_MAX + 32];
		int r;

		fixture_write(dir, "x.ini", rows[i].text);
		r = config_load(ini_path(), &config, &err);
		(void)snprintf(where, sizeof(where), "%.4000s:", ini_path());
		if (rows[i].line)
			(void)snprintf(where, sizeof(where), "%.4000s:%u: ", ini_path(),
				       rows[i].line);
		if (r >= 0 || strncmp(err.text, where, strlen(where)) != 0 ||
		    !strstr(err.text, rows[i].words))
			fail_msg("row %zu: %d '%s'", i, r, err.text);
		assert_int_equal(config.n_files, 0);
		assert_null(config.profiles);
	}
}

static void semicolons_that_are_no_comment(void **state)
{
	struct settings settings = { 0 };
	char profile[CONFIG_PROFILE_NAME_MAX + 1];

	(void)state;
	must(resolve("; a comment\n[default]\nhook_before = echo a; echo b\n"
		     "memory = 4G ; of which 3 are used\n",
		     NULL, NULL, &settings, profile));
	assert_string_equal(settings_list(&settings, SET_HOOK_BEFORE)[0], "echo a; echo b");
	assert_int_equal(settings_integer(&settings, SET_MEMORY), 4 * G);
	settings_free(&settings);
}

static void lines_end_at_197(void **state)
{
	(void)state;
	for (size_t length = 190; length < 420; length++) {
		char text[600] = "[default]\nhook_before = ";
		struct config config = { 0 };
		size_t first = strlen("[default]\n");
		int r;

		memset(text + strlen(text), 'x', length - (strlen(text) - first));
		text[first + length] = '\n';
		fixture_write_bytes(dir, "x.ini", text, first + length + 1);
		r = config_load(ini_path(), &config, &err);
		assert_int_equal(r, length <= CONFIG_LINE_MAX ? 0 : -EINVAL);
		if (r < 0) {
			assert_non_null(strstr(err.text, "x.ini:2: the line is longer"));
		} else {
			const char *hook = settings_list(&config.base, SET_HOOK_BEFORE)[0];

			assert_non_null(hook);
			assert_int_equal(hook ? strlen(hook) : 0,
					 length - strlen("hook_before = "));
		}
		config_free(&config);
	}
}

static void profile_names_end_at_their_maximum(void **state)
{
	(void)state;
	for (size_t length = 1; length < 90; length++) {
		struct config config = { 0 };
		char text[256], name[128] = { 0 };
		int r;

		memset(name, 'n', length);
		(void)snprintf(text, sizeof(text), "[profile %s]\nmemory = 4G\n", name);
		fixture_write(dir, "x.ini", text);
		r = config_load(ini_path(), &config, &err);
		assert_int_equal(r, length <= CONFIG_PROFILE_NAME_MAX ? 0 : -EINVAL);
		if (r == 0) {
			assert_int_equal(config.n_profiles, 1);
			assert_string_equal(config.profiles[0].name, name);
			assert_true(settings_has(&config.profiles[0].settings, SET_MEMORY));
		}
		config_free(&config);
	}
}

static void profiles_end_at_256(void **state)
{
	static const size_t counts[] = { 1, 255, 256, 257, 300 };

	(void)state;
	for (size_t i = 0; i < COUNT(counts); i++) {
		char *text = NULL;
		size_t size = 0;
		struct config config = { 0 };
		FILE *out = open_memstream(&text, &size);
		int r;

		for (size_t n = 0; n < counts[i]; n++)
			(void)fprintf(out, "[profile p%zu]\nmax_concurrent = 2\n", n);
		(void)fclose(out);
		fixture_write(dir, "x.ini", text);
		free(text);
		r = config_load(ini_path(), &config, &err);
		if (counts[i] <= CONFIG_PROFILES_MAX) {
			assert_int_equal(r, 0);
			assert_int_equal(config.n_profiles, counts[i]);
		} else {
			assert_true(r < 0);
			assert_non_null(strstr(err.text, "too many profiles"));
		}
		config_free(&config);
	}
}

/* ---- files ---- */

static void put_group_writable(void)
{
	fixture_write(dir, "x.ini", "[default]\n");
	assert_int_equal(chmod(ini_path(), 0664), 0);
}

static void put_world_writable(void)
{
	fixture_write(dir, "x.ini", "[default]\n");
	assert_int_equal(chmod(ini_path(), 0646), 0);
}

static void put_fifo(void)
{
	assert_int_equal(mkfifo(ini_path(), 0600), 0);
}

static void put_directory(void)
{
	assert_int_equal(mkdir(ini_path(), 0700), 0);
}

static void put_nul(void)
{
	fixture_write_bytes(dir, "x.ini", "[default]\nmemory = 4G\0\n", 23);
}

static void put_nothing(void)
{
}

static void put_loop(void)
{
	assert_int_equal(symlink("x.ini", ini_path()), 0);
}

static void put_huge(void)
{
	fixture_write(dir, "x.ini", "#\n");
	assert_int_equal(truncate(ini_path(), CONFIG_FILE_MAX + 1), 0);
}

static void files_that_are_refused(void **state)
{
	static const struct {
		void (*put)(void);
		int code;
		const char *words;
	} rows[] = {
		{ put_group_writable, -EPERM, "chmod go-w" },
		{ put_world_writable, -EPERM, "mode 646" },
		{ put_fifo, -EINVAL, "not a regular file" },
		{ put_directory, -EINVAL, "not a regular file" },
		{ put_nul, -EINVAL, "NUL byte" },
		{ put_nothing, -ENOENT, "No such file" },
		{ put_loop, -ELOOP, "" },
		{ put_huge, -EFBIG, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config config = { 0 };
		int r;

		rows[i].put();
		r = config_load(ini_path(), &config, &err);
		if (r != rows[i].code || !strstr(err.text, rows[i].words) ||
		    !strstr(err.text, ini_path()))
			fail_msg("row %zu: %d '%s'", i, r, err.text);
		(void)remove(ini_path());
	}
}

static void of_another_owner_is_refused(void **state)
{
	struct config config = { 0 };

	(void)state;
	if (geteuid() != 0)
		fixture_skip("root", "only root can give a file away");
	fixture_write(dir, "x.ini", "[default]\n");
	assert_int_equal(chown(ini_path(), 65533, (gid_t)-1), 0);
	assert_int_equal(config_load(ini_path(), &config, &err), -EPERM);
	assert_non_null(strstr(err.text, "65533"));
}

static void odd_but_sound_files(void **state)
{
	static const struct {
		const char *text;
		uint64_t memory;
	} rows[] = {
		{ "", 0 },
		{ "\n\n# c\n; c\n", 0 },
		{ "[default]\n", 0 },
		{ "[default]\nmemory = 4G", 4 * G },
		{ "[default]\nmemory=4G\n", 4 * G },
		{ "[default]\nmemory: 4G\n", 4 * G },
		{ "[default]\nmemory = 4G   \n", 4 * G },
		{ "[default]\r\nmemory = 4G\r\n", 4 * G },
		{ "\xef\xbb\xbf[default]\nmemory = 4G\n", 4 * G },
		{ "[default]\nmemory = 1G\nmemory = 4G\n", 4 * G },
		{ "  [default]\nmemory = 4G\n", 4 * G },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config config = { 0 };

		fixture_write(dir, "x.ini", rows[i].text);
		must(config_load(ini_path(), &config, &err));
		assert_int_equal(settings_integer(&config.base, SET_MEMORY), rows[i].memory);
		assert_int_equal(config.n_files, 1);
		assert_string_equal(config.files[0], ini_path());
		config_free(&config);
	}
}

/* ---- layers ---- */

/* Where a setting of one job comes from, and its text. */
static void assert_from(const struct settings *settings, enum setting_id id, const char *text,
			const char *origin_end)
{
	const struct setting *value = &settings->v[id];
	size_t length, end = strlen(origin_end);

	assert_true(value->set);
	assert_string_equal(value->text, text);
	length = strlen(value->origin);
	if (length < end || strcmp(value->origin + length - end, origin_end) != 0)
		fail_msg("%s comes from '%s', not from '%s'", setting_specs[id].key, value->origin,
			 origin_end);
}

static void every_layer_lies_over_the_one_below(void **state)
{
	struct settings line = { 0 }, settings = { 0 };
	struct config config = { 0 };
	const char *profile;

	(void)state;
	if (access("/etc/resrun", F_OK) == 0)
		fixture_skip("bare", "this host has an /etc/resrun of its own");
	fixture_write(dir, "resrun/resrun.ini",
		      "[default]\nmax_wait = 1m\nretries = 1\nbackoff = 1s\nkill_after = 1s\n"
		      "timeout = 1m\n"
		      "[profile p]\nbackoff = 2s\nkill_after = 2s\ntimeout = 2m\nsweep_age = 2h\n");
	fixture_write(dir, "resrun/resrun.d/10.ini", "[default]\nretries = 3\nhook_timeout = 3s\n");
	fixture_write(dir, "resrun/resrun.d/20.ini",
		      "[default]\nhook_timeout = 4s\n[profile p]\nkill_after = 4s\n");
	fixture_write(dir, "resrun/resrun.d/.hidden.ini", "[default]\nretries = 66\n");
	fixture_write(dir, "resrun/resrun.d/30.ini.bak", "[default]\nretries = 77\n");
	(void)setenv("RESRUN_TIMEOUT", "5m", 1);
	(void)setenv("RESRUN_SWEEP_AGE", "5h", 1);
	must(settings_set(&line, SET_SWEEP_AGE, "6h", "--sweep-age", &err));
	must(settings_set(&line, SET_PROFILE, "p", "--profile", &err));
	must(config_load(NULL, &config, &err));
	assert_int_equal(config.n_files, 3);
	must(config_resolve(&config, &line, "x", &settings, &profile, &err));
	assert_string_equal(profile, "p");
	assert_from(&settings, SET_DISK_THRESHOLD, "90", "default");
	assert_from(&settings, SET_MAX_WAIT, "1m", "/resrun/resrun.ini:2");
	assert_from(&settings, SET_RETRIES, "3", "/resrun.d/10.ini:2");
	assert_from(&settings, SET_HOOK_TIMEOUT, "4s", "/resrun.d/20.ini:2");
	assert_from(&settings, SET_BACKOFF, "2s", "/resrun/resrun.ini:8");
	assert_from(&settings, SET_KILL_AFTER, "4s", "/resrun.d/20.ini:4");
	assert_from(&settings, SET_TIMEOUT, "5m", "RESRUN_TIMEOUT");
	assert_from(&settings, SET_SWEEP_AGE, "6h", "--sweep-age");
	settings_free(&settings);
	settings_free(&line);
	config_free(&config);
}

static void homes(void **state)
{
	static const struct {
		const char *xdg, *home; /* "@": the directory of this test */
		size_t files;
	} rows[] = {
		{ "@", NULL, 1 }, { "@", "/nonexistent", 1 }, { NULL, "@", 1 },
		{ "", "@", 1 },	  { "relative", "@", 1 },     { NULL, NULL, 0 },
		{ NULL, "", 0 },  { NULL, "relative", 0 },    { "/nonexistent", "@", 0 },
	};

	(void)state;
	if (access("/etc/resrun", F_OK) == 0)
		fixture_skip("bare", "this host has an /etc/resrun of its own");
	fixture_write(dir, "resrun/resrun.ini", "");
	fixture_write(dir, ".config/resrun/resrun.ini", "");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct config config = { 0 };

		(void)unsetenv("XDG_CONFIG_HOME");
		(void)unsetenv("HOME");
		if (rows[i].xdg)
			(void)setenv("XDG_CONFIG_HOME", *rows[i].xdg == '@' ? dir : rows[i].xdg, 1);
		if (rows[i].home)
			(void)setenv("HOME", *rows[i].home == '@' ? dir : rows[i].home, 1);
		must(config_load(NULL, &config, &err));
		if (config.n_files != rows[i].files)
			fail_msg("row %zu: %zu files", i, config.n_files);
		config_free(&config);
	}
}

static void a_file_given_stands_alone(void **state)
{
	struct config config = { 0 };

	(void)state;
	fixture_write(dir, "resrun/resrun.ini", "[default]\nmemory = 1G\n");
	fixture_write(dir, "x.ini", "[default]\ncpus = 2\n");
	must(config_load(ini_path(), &config, &err));
	assert_int_equal(config.n_files, 1);
	assert_false(settings_has(&config.base, SET_MEMORY));
	config_free(&config);
}

static void a_bad_file_in_a_standard_place_is_an_error(void **state)
{
	struct config config = { 0 };

	(void)state;
	fixture_write(dir, "resrun/resrun.d/x.ini", "[default]\nbogus = 1\n");
	assert_int_equal(config_load(NULL, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "resrun.d/x.ini:2: unknown key"));
}

/* ---- the environment ---- */

static void environment_values(void **state)
{
	static const struct {
		const char *name, *value;
		enum setting_id id;
		uint64_t integer;
		double number;
	} rows[] = {
		{ "RESRUN_CPU_THRESHOLD", "70", SET_CPU_THRESHOLD, 0, 70 },
		{ "RESOURCE_CPU_THRESHOLD", "85.0", SET_CPU_THRESHOLD, 0, 85 },
		{ "RESOURCE_MEMORY_THRESHOLD", "85.5", SET_MEMORY_THRESHOLD, 0, 85.5 },
		{ "RESOURCE_DISK_THRESHOLD", "90.0", SET_DISK_THRESHOLD, 0, 90 },
		{ "RESOURCE_MAX_CONCURRENT", "2", SET_MAX_CONCURRENT, 2, 0 },
		{ "RESOURCE_MAX_CONCURRENT", "2.0", SET_MAX_CONCURRENT, 2, 0 },
		{ "RESOURCE_RATE_LIMIT", "5", SET_RATE_LIMIT, 5, 0 },
		{ "RESOURCE_RATE_WINDOW", "3600.0", SET_RATE_WINDOW, 3600 * S, 0 },
		{ "RESOURCE_RATE_WINDOW", "3600", SET_RATE_WINDOW, 3600 * S, 0 },
		{ "RESRUN_RATE_WINDOW", "1h", SET_RATE_WINDOW, 3600 * S, 0 },
		{ "RESRUN_MEMORY", "4G", SET_MEMORY, 4 * G, 0 },
		{ "RESRUN_TOTAL_CONCURRENT", "7", SET_TOTAL_CONCURRENT, 7, 0 },
		{ "RESRUN_SCOPE", "host", SET_SCOPE, SCOPE_HOST, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		char profile[CONFIG_PROFILE_NAME_MAX + 1];

		(void)setenv(rows[i].name, rows[i].value, 1);
		must(resolve("", NULL, "x", &settings, profile));
		(void)unsetenv(rows[i].name);
		assert_from(&settings, rows[i].id, rows[i].value, rows[i].name);
		assert_int_equal(settings_integer(&settings, rows[i].id), rows[i].integer);
		assert_true(settings_number(&settings, rows[i].id) >= rows[i].number &&
			    settings_number(&settings, rows[i].id) <= rows[i].number);
		settings_free(&settings);
	}
}

static void environment_precedence(void **state)
{
	struct settings settings = { 0 };
	char profile[CONFIG_PROFILE_NAME_MAX + 1];
	static const char text[] = "[default]\ncpu_threshold = 50\n"
				   "[profile p]\ncpu_threshold = 55\n";

	(void)state;
	/* The older name over the files, ours over the older one; empty is not given. */
	(void)setenv("RESOURCE_CPU_THRESHOLD", "60", 1);
	must(resolve(text, "p", "x", &settings, profile));
	assert_from(&settings, SET_CPU_THRESHOLD, "60", "RESOURCE_CPU_THRESHOLD");
	settings_free(&settings);
	(void)setenv("RESRUN_CPU_THRESHOLD", "65", 1);
	must(resolve(text, "p", "x", &settings, profile));
	assert_from(&settings, SET_CPU_THRESHOLD, "65", "RESRUN_CPU_THRESHOLD");
	settings_free(&settings);
	(void)setenv("RESRUN_CPU_THRESHOLD", "", 1);
	(void)setenv("RESOURCE_CPU_THRESHOLD", "", 1);
	must(resolve(text, "p", "x", &settings, profile));
	assert_from(&settings, SET_CPU_THRESHOLD, "55", "x.ini:4");
	settings_free(&settings);
}

static void environment_errors_name_the_variable(void **state)
{
	static const struct {
		const char *name, *value;
		int code;
	} rows[] = {
		{ "RESRUN_MEMORY", "lots", -EINVAL },
		{ "RESOURCE_CPU_THRESHOLD", "850", -EINVAL },
		{ "RESOURCE_RATE_WINDOW", "-1", -EINVAL },
		{ "RESRUN_MAX_CONCURRENT", "0", -ERANGE },
		{ "RESRUN_MEMORY", "17", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		char profile[CONFIG_PROFILE_NAME_MAX + 1];

		(void)setenv(rows[i].name, rows[i].value, 1);
		assert_int_equal(resolve("", NULL, "x", &settings, profile), rows[i].code);
		(void)unsetenv(rows[i].name);
		assert_non_null(strstr(err.text, rows[i].name));
		assert_non_null(strstr(err.text, rows[i].value));
		for (int id = 0; id < SETTINGS_N; id++)
			assert_false(settings.v[id].set);
	}
}

/* ---- profiles ---- */

static void profiles_are_chosen(void **state)
{
	static const char text[] = "[default]\nretries = 1\n"
				   "[profile encode]\nmatch = ffmpeg x26?\nretries = 2\n"
				   "[profile any-ff]\nmatch = ff*\nretries = 3\n"
				   "[profile plain]\nretries = 4\n"
				   "[profile empty]\n";
	static const struct {
		const char *wanted, *program, *expected;
		uint64_t retries;
	} rows[] = {
		{ NULL, "make", "default", 1 },
		{ NULL, NULL, "default", 1 },
		{ NULL, "", "default", 1 },
		{ NULL, "ffmpeg", "encode", 2 },
		{ NULL, "/usr/bin/ffmpeg", "encode", 2 },
		{ NULL, "../ffmpeg", "encode", 2 },
		{ NULL, "x264", "encode", 2 },
		{ NULL, "x2645", "default", 1 },
		{ NULL, "ffprobe", "any-ff", 3 },
		{ NULL, "/ffmpeg/make", "default", 1 },
		{ NULL, "FFMPEG", "default", 1 },
		{ "plain", "ffmpeg", "plain", 4 },
		{ "default", "ffmpeg", "default", 1 },
		{ "encode", "make", "encode", 2 },
		{ "empty", "make", "empty", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		char profile[CONFIG_PROFILE_NAME_MAX + 1];

		must(resolve(text, rows[i].wanted, rows[i].program, &settings, profile));
		if (strcmp(profile, rows[i].expected) != 0 ||
		    settings_integer(&settings, SET_RETRIES) != rows[i].retries)
			fail_msg("row %zu: %s", i, profile);
		settings_free(&settings);
	}
}

static void unknown_profiles_name_the_known(void **state)
{
	struct settings settings = { 0 };
	char profile[CONFIG_PROFILE_NAME_MAX + 1];

	(void)state;
	assert_int_equal(resolve("[profile a]\nretries = 1\n[profile b]\nretries = 1\n", "c", "x",
				 &settings, profile),
			 -EINVAL);
	assert_non_null(strstr(err.text, "'c'"));
	assert_non_null(strstr(err.text, "a, b"));
	assert_int_equal(resolve("", "c", "x", &settings, profile), -EINVAL);
	assert_non_null(strstr(err.text, "none"));
}

static void hooks_of_a_profile_replace_those_of_the_default(void **state)
{
	struct settings settings = { 0 };
	char profile[CONFIG_PROFILE_NAME_MAX + 1];

	(void)state;
	must(resolve("[default]\nhook_before = a\nhook_before = b\n"
		     "[profile p]\nhook_before = c\nhook_before = d\n",
		     "p", "x", &settings, profile));
	assert_string_equal(settings_list(&settings, SET_HOOK_BEFORE)[0], "c");
	assert_string_equal(settings_list(&settings, SET_HOOK_BEFORE)[1], "d");
	assert_null(settings_list(&settings, SET_HOOK_BEFORE)[2]);
	settings_free(&settings);
}

static void what_is_out_of_range_is_traced_to_its_line(void **state)
{
	struct settings settings = { 0 };
	char profile[CONFIG_PROFILE_NAME_MAX + 1];

	(void)state;
	assert_int_equal(resolve("[default]\nmemory = 1G\n[profile p]\nmemory_high = 2G\n", "p",
				 "x", &settings, profile),
			 -EINVAL);
	assert_non_null(strstr(err.text, "x.ini:4"));
	assert_non_null(strstr(err.text, "x.ini:2"));
	must(resolve("[default]\nmemory = 1G\n[profile p]\nmemory_high = 2G\n", NULL, "x",
		     &settings, profile));
	settings_free(&settings);
}

/* ---- the file that we ship ---- */

static void assert_same(const struct settings *one, const struct settings *other, int id)
{
	const struct setting *a = &one->v[id], *b = &other->v[id];
	char *const *list_a = settings_list(one, (enum setting_id)id);
	char *const *list_b = settings_list(other, (enum setting_id)id);

	if (settings_has(one, (enum setting_id)id) != settings_has(other, (enum setting_id)id) ||
	    a->integer != b->integer || a->number > b->number || a->number < b->number ||
	    a->size != b->size)
		fail_msg("%s: '%s' is not '%s'", setting_specs[id].key, a->text ? a->text : "",
			 b->text ? b->text : "");
	if (setting_specs[id].kind == KIND_STRING && settings_has(one, (enum setting_id)id))
		assert_string_equal(a->text, b->text);
	for (; *list_a && *list_b; list_a++, list_b++)
		assert_string_equal(*list_a, *list_b);
	assert_true(!*list_a && !*list_b);
}

static void the_shipped_file_changes_nothing_but_its_profile(void **state)
{
	static const enum setting_id of_encode[] = { SET_RATE_LIMIT,  SET_PRIVATE_TEMP, SET_SECCOMP,
						     SET_HOOK_BEFORE, SET_HOOK_AFTER,	SET_MATCH,
						     SET_PRIORITY };
	struct settings defaults = { 0 }, settings = { 0 }, line = { 0 };
	struct config config = { 0 };
	const char *profile;

	(void)state;
	if (access("resrun.ini", R_OK) < 0)
		fixture_skip("ini", "no resrun.ini in the working directory");
	must(config_load("resrun.ini", &config, &err));
	must(settings_defaults(&defaults, &err));
	must(config_resolve(&config, &line, "make", &settings, &profile, &err));
	assert_string_equal(profile, "default");
	for (int id = 0; id < SETTINGS_N; id++)
		assert_same(&settings, &defaults, id);
	settings_free(&settings);

	must(settings_set(&line, SET_PROFILE, "encode", "--profile", &err));
	must(config_resolve(&config, &line, "make", &settings, &profile, &err));
	assert_string_equal(profile, "encode");
	for (int id = 0; id < SETTINGS_N; id++) {
		bool its_own = id == SET_PROFILE;

		for (size_t i = 0; i < COUNT(of_encode); i++)
			its_own |= id == (int)of_encode[i];
		if (!its_own)
			assert_same(&settings, &defaults, id);
	}
	settings_free(&settings);
	settings_free(&line);
	settings_free(&defaults);
	config_free(&config);
}

/* Every "# key = value" that it shows is a key that exists. */
static void the_shipped_file_shows_every_key(void **state)
{
	FILE *file = fopen("resrun.ini", "re");
	bool shown[SETTINGS_N] = { false };
	enum setting_section section = SECTION_PROFILE;
	char line[512];

	(void)state;
	if (!file)
		fixture_skip("ini", "no resrun.ini in the working directory");
	while (fgets(line, sizeof(line), file)) {
		char *key = line + strspn(line, "# ");
		size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyz_");
		enum setting_id id;

		if (*line == '[')
			section = strncmp(line, "[resrun]", 8) == 0 ? SECTION_MACHINE
								    : SECTION_PROFILE;
		if (length == 0 || strncmp(key + length, " =", 2) != 0)
			continue;
		key[length] = '\0';
		id = settings_find_key(section, key);
		if (id == SETTINGS_N)
			fail_msg("resrun.ini shows '%s', which is no key", key);
		shown[id] = true;
	}
	(void)fclose(file);
	for (int id = 0; id < SETTINGS_N; id++)
		if (setting_specs[id].key && !shown[id])
			fail_msg("resrun.ini does not show '%s'", setting_specs[id].key);
}

int main(void)
{
#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, make_config_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(refusals_name_file_and_line),
		CONFIG_TEST(semicolons_that_are_no_comment),
		CONFIG_TEST(lines_end_at_197),
		CONFIG_TEST(profile_names_end_at_their_maximum),
		CONFIG_TEST(profiles_end_at_256),
		CONFIG_TEST(files_that_are_refused),
		CONFIG_TEST(of_another_owner_is_refused),
		CONFIG_TEST(odd_but_sound_files),
		CONFIG_TEST(every_layer_lies_over_the_one_below),
		CONFIG_TEST(homes),
		CONFIG_TEST(a_file_given_stands_alone),
		CONFIG_TEST(a_bad_file_in_a_standard_place_is_an_error),
		CONFIG_TEST(environment_values),
		CONFIG_TEST(environment_precedence),
		CONFIG_TEST(environment_errors_name_the_variable),
		CONFIG_TEST(profiles_are_chosen),
		CONFIG_TEST(unknown_profiles_name_the_known),
		CONFIG_TEST(hooks_of_a_profile_replace_those_of_the_default),
		CONFIG_TEST(what_is_out_of_range_is_traced_to_its_line),
		CONFIG_TEST(the_shipped_file_changes_nothing_but_its_profile),
		CONFIG_TEST(the_shipped_file_shows_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
