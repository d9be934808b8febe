/* SPDX-License-Identifier: MIT */
#include "base/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define HEAD_BYTES 2048 /* of a long file: the duration stands at its beginning, */
#define TAIL_BYTES 6144 /* what holds now at its end */
#define VALUE_SIZE 128

enum key { KEY_STAGE, KEY_PROGRESS, KEY_DURATION, KEY_OUT_TIME, KEY_OTHER };

/* Since version 4.1 of ffmpeg out_time_ms is in microseconds as well. */
static const struct {
	const char *name;
	enum key key;
} keys[] = {
	{ "stage", KEY_STAGE },		 { "progress", KEY_PROGRESS },
	{ "duration", KEY_DURATION },	 { "out_time_us", KEY_OUT_TIME },
	{ "out_time_ms", KEY_OUT_TIME },
};

struct state {
	struct progress *progress;
	double duration_s, out_time_s; /* negative: not said */
};

/* The key of "KEY=" at the beginning of text, and how long that is; 0: there is none. */
static size_t key_at(const char *text, enum key *ret)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");

	if (length == 0 || text[length] != '=')
		return 0;
	*ret = KEY_OTHER;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].name) == length && strncmp(keys[i].name, text, length) == 0)
			*ret = keys[i].key;
	return length + 1;
}

/* A value ends where its line does, or before a blank and another key that we know. */
static size_t value_length(const char *text)
{
	size_t length = 0;

	for (; text[length] && text[length] != '\n'; length++) {
		enum key key;

		if (text[length] == ' ' && key_at(text + length + 1, &key) > 0 && key != KEY_OTHER)
			break;
	}
	return length;
}

static void copy_value(const char *from, size_t length, char *to, size_t size)
{
	for (; length > 0 && strchr(" \t\r", *from); length--)
		from++;
	while (length > 0 && strchr(" \t\r", from[length - 1]))
		length--;
	if (length >= size) {
		length = size - 1;
		/* Not within a character of UTF-8. */
		while (length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(to, from, length);
	to[length] = '\0';
	/* It is shown on terminals. */
	for (; *to; to++)
		if ((unsigned char)*to < ' ' || *to == '\177')
			*to = '?';
}

/* "42", "42.5%", "3/7", and ffmpeg's "end" and "continue". */
static void take_percent(const char *value, struct state *state)
{
	double *percent = &state->progress->percent;
	char done_text[VALUE_SIZE];
	const char *slash = strchr(value, '/');
	double done, all;

	if (strcmp(value, "end") == 0) {
		*percent = 100;
	} else if (strcmp(value, "continue") == 0) {
		/* Another pass: the end of the one before is none. */
		if (state->duration_s < 0)
			*percent = PROGRESS_UNKNOWN;
	} else if (!slash) {
		rr_ignore(rr_parse_percent(value, percent)); /* else it keeps what it was */
	} else {
		(void)snprintf(done_text, sizeof(done_text), "%.*s", (int)(slash - value), value);
		if (rr_parse_decimal(done_text, &done) == 0 &&
		    rr_parse_decimal(slash + 1, &all) == 0 && all > 0)
			*percent = done < all ? 100 * done / all : 100;
	}
}

static void take(enum key key, const char *value, struct state *state)
{
	uint64_t number;

	switch (key) {
	case KEY_STAGE:
		(void)snprintf(state->progress->stage, PROGRESS_STAGE_SIZE, "%s", value);
		break;
	case KEY_PROGRESS:
		take_percent(value, state);
		break;
	case KEY_DURATION:
		if (rr_parse_time(value, &number) == 0 && number != RR_TIME_INF)
			state->duration_s = (double)number / (double)RR_NS_PER_S;
		break;
	case KEY_OUT_TIME:
		if (rr_parse_u64(value, &number) == 0)
			state->out_time_s = (double)number / 1e6;
		break;
	case KEY_OTHER:
		return;
	}
	/* ffmpeg has more to say: not only the end of an earlier pass. */
	if (key == KEY_OUT_TIME && state->duration_s > 0 && state->out_time_s >= 0)
		state->progress->percent = state->out_time_s < state->duration_s
						   ? 100 * state->out_time_s / state->duration_s
						   : 100;
}

static void parse_line(const char *line, struct state *state)
{
	for (const char *at = line; *at && *at != '\n';) {
		char value[VALUE_SIZE];
		enum key key;
		size_t length = key_at(at, &key);

		if (length == 0) {
			at += strcspn(at, " \n");
			at += *at == ' ';
			continue;
		}
		at += length;
		length = value_length(at);
		copy_value(at, length, value, key == KEY_STAGE ? PROGRESS_STAGE_SIZE : VALUE_SIZE);
		take(key, value, state);
		at += length;
		at += *at == ' ';
	}
}

void progress_parse(const char *text, struct progress *ret)
{
	struct state state = { .progress = ret, .duration_s = -1, .out_time_s = -1 };

	*ret = (struct progress){ .percent = PROGRESS_UNKNOWN };
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		parse_line(line, &state);
}

/* Beginning and end, with a line break for what is between them. */
static int read_ends(int fd, off_t size, char text[static HEAD_BYTES + TAIL_BYTES + 2])
{
	ssize_t head = pread(
		fd, text, size > HEAD_BYTES + TAIL_BYTES ? HEAD_BYTES : HEAD_BYTES + TAIL_BYTES, 0);
	ssize_t tail = 0;
	char *at;

	if (head < 0)
		return -errno;
	at = text + head;
	if (size > HEAD_BYTES + TAIL_BYTES) {
		*at++ = '\n';
		tail = pread(fd, at, TAIL_BYTES, size - TAIL_BYTES);
		if (tail < 0)
			return -errno;
		at[tail] = '\0';
		/* The line that was cut into is none. */
		memset(at, ' ', strcspn(at, "\n"));
	}
	at[tail] = '\0';
	for (char *c = text; c < at + tail; c++)
		if (*c == '\0')
			*c = ' ';
	return 0;
}

int progress_read(const char *path, uid_t owner, struct progress *ret)
{
	char text[HEAD_BYTES + TAIL_BYTES + 2], own[64];
	rr_autofd int pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1;
	struct stat st;
	int r;

	if (pin < 0 || fstat(pin, &st) < 0)
		return -errno;
	/* To open a device can set something off: first it is looked at. */
	if (!S_ISREG(st.st_mode) || st.st_uid != owner)
		return -EPERM;
	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", pin);
	fd = open(own, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_ends(fd, st.st_size, text);
	if (r == 0)
		progress_parse(text, ret);
	return r;
}

uint64_t progress_left(double percent, uint64_t ran_ns)
{
	/* Of the first hundredth nothing follows for the others. */
	if (percent < 1 || percent > 100)
		return UINT64_MAX;
	return (uint64_t)((double)ran_ns * (100 - percent) / percent);
}
