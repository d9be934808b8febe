/* SPDX-License-Identifier: MIT */
/*
 * The settings: one table (settings.def), one set of values, and for each value where it came
 * from. Pure: text in, typed values or words out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SETTINGS_LIST_MAX 64 /* entries of one list */
#define SETTINGS_TEXT_MAX 4096 /* length of one value */
#define SETTINGS_COUNT_MAX 4194304 /* largest plain count: the kernel's most pids */
#define SETTINGS_RATE_MAX 1024 /* most starts per window that the ledger keeps */
#define SETTINGS_MEMORY_MIN 65536 /* a smaller cap cannot hold one process */
#define SETTINGS_CPUS_MIN 0.01 /* cpu.max takes no quota below 1 ms of 100 */

enum setting_id {
#define SETTING(id, section, kind, key, def, opt, name, arg, env, help) SET_##id,
#include "policy/settings.def"
#undef SETTING
	SETTINGS_N
};

enum setting_section { SECTION_COMMAND, SECTION_PROFILE, SECTION_MACHINE };

enum setting_kind {
	KIND_FLAG, /* no argument, command line only */
	KIND_BOOL, /* yes or no; as an option without argument: yes */
	KIND_PERCENT, /* number */
	KIND_DECIMAL, /* number */
	KIND_COUNT, /* integer */
	KIND_TIME, /* integer: ns */
	KIND_SIZE, /* integer: bytes; or a percentage of RAM in number; or automatic */
	KIND_RATE, /* splits into RATE_LIMIT and RATE_WINDOW */
	KIND_CHOICE, /* integer: index into the words of `argument` */
	KIND_STRING, /* text */
	KIND_WORDS, /* list split at blanks and commas */
	KIND_PATHS, /* list split at colons */
	KIND_COMMANDS, /* list, one whole command each time it is given */
};

/* One line of settings.def. */
struct setting_spec {
	enum setting_section section;
	enum setting_kind kind;
	const char *key;
	const char *fallback;
	char short_option;
	const char *long_option;
	const char *argument;
	const char *environment;
	const char *help;
};

enum size_kind { SIZE_BYTES, SIZE_PERCENT_OF_RAM, SIZE_AUTO };

struct setting {
	bool set;
	bool none; /* given, as "none": stands over a lower layer's value */
	uint64_t integer;
	double number;
	enum size_kind size;
	char *text; /* as it was written; owned */
	char **list; /* NULL-terminated; owned */
	char *origin; /* "default", "FILE:LINE", "RESRUN_MEMORY", "--memory"; owned */
};

struct settings {
	struct setting v[SETTINGS_N];
};

extern const struct setting_spec setting_specs[SETTINGS_N];

/* Gives a setting its value from text. "none" and "off" unset what has no default. A list grows
 * when it is given again in the same layer (the same file, or again on the command line), and is
 * replaced by a higher one.
 * 0, or -EINVAL with words that name the value and what would be right (not where it stood). */
rr_checked int settings_set(struct settings *settings, enum setting_id id, const char *text,
			    const char *origin, struct rr_err *err);

/* Copies every value that is set in `over` onto `settings`. 0 or -ENOMEM. */
rr_checked int settings_overlay(struct settings *settings, const struct settings *over,
				struct rr_err *err);

/* The built-in defaults of the table. */
rr_checked int settings_defaults(struct settings *ret, struct rr_err *err);

void settings_free(struct settings *settings);

/* The key of a section, or SETTINGS_N. */
enum setting_id settings_find_key(enum setting_section section, const char *key);

/* The name in the environment, RESRUN_..., written into buf; NULL when the setting has none. */
#define SETTINGS_ENV_SIZE 64
const char *settings_env_name(enum setting_id id, char buf[static SETTINGS_ENV_SIZE]);

/* Checks ranges, and what no single value shows (memory_high above memory). 0 or -errno with words
 * that name the origin, the key and the value. */
rr_checked int settings_check(const struct settings *settings, struct rr_err *err);

/* Short ways to a value. */
static inline bool settings_has(const struct settings *s, enum setting_id id)
{
	return s->v[id].set && !s->v[id].none;
}

static inline uint64_t settings_integer(const struct settings *s, enum setting_id id)
{
	return s->v[id].integer;
}

static inline double settings_number(const struct settings *s, enum setting_id id)
{
	return s->v[id].number;
}

static inline const char *settings_text(const struct settings *s, enum setting_id id)
{
	return s->v[id].text;
}

static inline char *const *settings_list(const struct settings *s, enum setting_id id)
{
	static char *const none[] = { NULL };

	return s->v[id].list ? s->v[id].list : none;
}

/* The words of the choices, in the order of settings.def. */
enum on_busy { ON_BUSY_FAIL, ON_BUSY_SKIP, ON_BUSY_RUN };
enum on_overlap { ON_OVERLAP_ALLOW, ON_OVERLAP_WAIT, ON_OVERLAP_SKIP, ON_OVERLAP_REPLACE };
enum priority { PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_HIGH, PRIORITY_CRITICAL, PRIORITIES_N };
enum isolation { ISOLATION_AUTO, ISOLATION_CGROUP, ISOLATION_PROCESS };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum scope { SCOPE_USER, SCOPE_HOST };
enum leftovers { LEFTOVERS_KILL, LEFTOVERS_WAIT };
enum launcher_death { DEATH_KILL, DEATH_KEEP };
enum stall_action { STALL_RAISE, STALL_KILL, STALL_REPORT };
enum durability { DURABILITY_SYNC, DURABILITY_ASYNC };
