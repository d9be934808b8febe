/* SPDX-License-Identifier: MIT */
#include "policy/seccomp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BLANKS " \t\r"

struct reader {
	const char *file;
	unsigned line;
	bool has_base;
	const struct seccomp_machine *machine;
	struct seccomp_policy *policy;
	struct rr_err *err;
};

static const struct base {
	const char *name;
	enum seccomp_level level;
} bases[] = {
	{ "none", SECCOMP_NONE },
	{ "baseline", SECCOMP_BASELINE },
	{ "strict", SECCOMP_STRICT },
};

static const struct verb {
	const char *name;
	enum seccomp_verdict verdict;
	bool refuses;
} verbs[] = {
	{ "allow", SECCOMP_ALLOW, false },  { "deny", SECCOMP_DENY, true },
	{ "enosys", SECCOMP_ENOSYS, true }, { "log", SECCOMP_LOG, false },
	{ "kill", SECCOMP_KILL, true },
};

/* Without these no command can be started, end, or take a signal. */
static const char *const needed[] = { "execve", "exit_group", "rt_sigreturn" };

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < COUNT(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static bool is_needed(const char *name)
{
	for (size_t i = 0; i < COUNT(needed); i++)
		if (strcmp(needed[i], name) == 0)
			return true;
	return false;
}

static void set_base(struct reader *reader, enum seccomp_level level)
{
	seccomp_policy_init(reader->policy, level);
	reader->has_base = true;
}

static int parse_base(struct reader *reader, char **rest)
{
	const char *name = strtok_r(NULL, BLANKS, rest);

	if (reader->has_base)
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: 'base' comes once, before every rule: move it to the top",
				  reader->file, reader->line);
	if (!name || strtok_r(NULL, BLANKS, rest))
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: 'base' takes one word: baseline, strict or none",
				  reader->file, reader->line);
	for (size_t i = 0; i < COUNT(bases); i++) {
		if (strcmp(bases[i].name, name) == 0) {
			set_base(reader, bases[i].level);
			return 0;
		}
	}
	return rr_err_set(reader->err, EINVAL,
			  "%s:%u: unknown base '%s': use baseline, strict or none", reader->file,
			  reader->line, name);
}

static int parse_call(struct reader *reader, const struct verb *verb, const char *name)
{
	unsigned earlier = 0;
	int number;

	if (seccomp_number(reader->machine, name, &number) == SECCOMP_NO_SUCH_CALL)
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: unknown system call '%s': see syscalls(2) for the names",
				  reader->file, reader->line, name);
	if (verb->refuses && is_needed(name))
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: '%s' cannot be refused, no command runs without it: "
				  "remove it",
				  reader->file, reader->line, name);
	switch (seccomp_policy_set(reader->policy, name, verb->verdict, reader->line, &earlier)) {
	case 0:
		return 0;
	case SECCOMP_RULED_BEFORE:
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: '%s' already has a rule in line %u: keep one",
				  reader->file, reader->line, name, earlier);
	default:
		return rr_err_set(reader->err, E2BIG,
				  "%s:%u: '%s' is one rule too many, at most %d: remove some",
				  reader->file, reader->line, name, SECCOMP_RULES_MAX);
	}
}

static int parse_rule(struct reader *reader, const char *word, char **rest)
{
	const struct verb *verb = find_verb(word);
	const char *name = strtok_r(NULL, BLANKS, rest);
	int r = 0;

	if (!verb)
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: unknown word '%s': use base, allow, deny, enosys, log or "
				  "kill",
				  reader->file, reader->line, word);
	if (!name)
		return rr_err_set(reader->err, EINVAL,
				  "%s:%u: '%s' names no system call: add one, or remove the line",
				  reader->file, reader->line, word);
	if (!reader->has_base)
		set_base(reader, SECCOMP_BASELINE);
	for (; name && r == 0; name = strtok_r(NULL, BLANKS, rest))
		r = parse_call(reader, verb, name);
	return r;
}

static int parse_line(struct reader *reader, char *line)
{
	char *rest = NULL;
	const char *word;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, BLANKS, &rest);
	if (!word)
		return 0;
	if (strcmp(word, "base") == 0)
		return parse_base(reader, &rest);
	return parse_rule(reader, word, &rest);
}

int seccomp_file_parse(const char *file, char *text, const struct seccomp_machine *machine,
		       struct seccomp_policy *policy, struct rr_err *err)
{
	struct reader reader = {
		.file = file, .line = 0, .machine = machine, .policy = policy, .err = err
	};

	while (text) {
		char *line = strsep(&text, "\n");
		int r;

		reader.line++;
		r = parse_line(&reader, line);
		if (r < 0)
			return r;
	}
	if (!reader.has_base)
		set_base(&reader, SECCOMP_BASELINE);
	return 0;
}

/* O_NONBLOCK: a FIFO in its place is to be refused, not waited for. */
static int open_trusted(const char *path, int *ret_fd, struct rr_err *err)
{
	rr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return rr_err_sys(err, errno,
				  "seccomp policy '%s' is not off, baseline, strict or log, and as "
				  "a file it cannot be opened",
				  path);
	if (fstat(fd, &st) < 0)
		return rr_err_sys(err, errno, "stat seccomp policy '%s'", path);
	if (!S_ISREG(st.st_mode))
		return rr_err_set(err, EINVAL, "seccomp policy '%s' is not a regular file", path);
	if (!rr_fd_is_trusted(fd))
		return rr_err_set(
			err, EPERM,
			"seccomp policy '%s' could have been written by others: make root "
			"or yourself its owner and run chmod go-w on it",
			path);
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

int seccomp_file_read(const char *path, const struct seccomp_machine *machine,
		      struct seccomp_policy *policy, char **ret_text, struct rr_err *err)
{
	rr_autofd int fd = -1;
	rr_autofree char *text = NULL;
	size_t length;
	int r = open_trusted(path, &fd, err);

	if (r < 0)
		return r;
	r = rr_read_whole(fd, SECCOMP_FILE_MAX, &text, &length);
	if (r < 0)
		return rr_err_sys(err, -r, "read seccomp policy '%s' (at most %d bytes)", path,
				  SECCOMP_FILE_MAX);
	if (strlen(text) != length)
		return rr_err_set(err, EINVAL, "seccomp policy '%s' is not text: it has a NUL byte",
				  path);
	r = seccomp_file_parse(path, text, machine, policy, err);
	if (r < 0)
		return r;
	*ret_text = rr_ptr_take(&text);
	return 0;
}
