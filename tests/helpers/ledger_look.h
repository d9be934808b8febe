/* SPDX-License-Identifier: MIT */
/*
 * How ledger-check sees a ledger: where what lies in the file, and who of those named in it lives.
 * Written down from what policy/ledger.h and ledger_file.h say, not taken from them.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- layout: byte offsets, all numbers in the machine's own order ---- */

enum {
	HEADER_AT = 0,
	HEADER_SIZE = 56,
	H_N_TICKETS = 4,
	H_MAGIC = 8,
	H_BOOT = 16,
	H_NEXT = 32,
	H_TICKETS_MAX = 40,
	H_LANES_MAX = 44,
	H_TOKENS_MAX = 48,

	LANES = 64,
	LANES_AT = 4096,
	LANE_SIZE = 128,
	L_N_TOKENS = 4,
	L_WINDOW = 8,
	L_NAME = 24,
	L_NAME_SIZE = 48,

	TICKETS = 4096,
	TICKETS_AT = LANES_AT + LANES * LANE_SIZE,
	TICKET_SIZE = 128,
	T_STATE = 4,
	T_PRIORITY = 5,
	T_BLOCKED = 6,
	T_LAUNCHING = 7,
	T_NUMBER = 8,
	T_ID = 16,
	T_ID_SIZE = 16,
	T_PID = 32,
	T_START_TICKS = 40,
	T_NAMESPACE = 48,
	T_ENTERED = 56,
	T_STARTED = 64,
	T_LANE = 84,
	T_NESTED = 94,
	T_LEASED = 95,
	T_LANE_MAX = 96,
	T_TOTAL_MAX = 100,

	DETAILS_AT = TICKETS_AT + TICKETS * TICKET_SIZE,
	DETAIL_SIZE = 512,
	D_JOB_PID = 4,
	D_JOB_TICKS = 8,
	D_NAME = 16,
	D_NAME_SIZE = 64,
	D_COMMAND = 80,
	D_COMMAND_SIZE = 144,
	D_FIRST = 224,
	D_FIRST_SIZE = 12,
	D_LEAF = 240,
	D_LEAF_SIZE = 272,

	TOKENS = 1024, /* of each lane */
	TOKENS_AT = DETAILS_AT + TICKETS * DETAIL_SIZE,
	TOKEN_SIZE = 32,
	K_BOOT_TAG = 4,
	K_NUMBER = 8,
	K_BOOT_NS = 16,
	K_WALL_NS = 24,

	FILE_SIZE = TOKENS_AT + LANES * TOKENS * TOKEN_SIZE,
};

enum { FREE, WAITING, RUNNING };
enum { LAUNCH_NOT, LAUNCH_BEGUN, LAUNCH_DONE };
enum { NESTED_NOT, NESTED_OTHER, NESTED_SAME };

#define NS_PER_S UINT64_C(1000000000)
#define LOCK_SECONDS 10

static uint8_t file[FILE_SIZE]; /* as read */
static int problems;
static uint8_t boot_id[16];
static uint32_t boot_tag;
static uint64_t now_ns, namespace;

__attribute__((format(printf, 1, 2))) static void wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("ledger-check: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
	problems++;
}

/* ---- reading bytes ---- */

static uint16_t u16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* CRC-32C, a bit at a time: the slowest way, and the one with the least to get wrong. */
static uint32_t crc32c(const uint8_t *at, size_t n)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < n; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static bool is_zero(const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (at[i])
			return false;
	return true;
}

/* The checksum covers what follows it, and is never 0. */
static bool is_sound(const uint8_t *record, size_t n)
{
	uint32_t crc = crc32c(record + 4, n - 4);

	return u32(record) == (crc ? crc : 1);
}

static bool is_text(const uint8_t *at, size_t n)
{
	return memchr(at, 0, n) != NULL;
}

static const uint8_t *lane_at(size_t lane)
{
	return file + LANES_AT + lane * LANE_SIZE;
}

static const char *lane_name(size_t lane)
{
	return (const char *)lane_at(lane) + L_NAME;
}

/* So many of its places may hold a start; what it states wrongly is told elsewhere. */
static size_t lane_tokens(size_t lane)
{
	uint32_t n = u32(lane_at(lane) + L_N_TOKENS);

	return n < TOKENS ? n : TOKENS;
}

static const uint8_t *ticket_at(size_t index)
{
	return file + TICKETS_AT + index * TICKET_SIZE;
}

static const uint8_t *detail_at(size_t index)
{
	return file + DETAILS_AT + index * DETAIL_SIZE;
}

static const uint8_t *token_at(size_t lane, size_t index)
{
	return file + TOKENS_AT + (lane * TOKENS + index) * TOKEN_SIZE;
}

/* ---- the world around the file ---- */

static size_t read_text(const char *path, char *text, size_t size)
{
	FILE *in = fopen(path, "re");
	size_t n = in ? fread(text, 1, size - 1, in) : 0;

	text[n] = '\0';
	if (in)
		(void)fclose(in);
	return n;
}

/* The process with that pid is the one that started then, and is no zombie. */
static bool lives(int32_t pid, uint64_t start_ticks)
{
	char path[64], text[2048];
	const char *at;
	char state;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (pid <= 0 || read_text(path, text, sizeof(text)) == 0)
		return false;
	at = strrchr(text, ')');
	if (!at || strlen(at) < 3)
		return false;
	state = at[2];
	/* The state is field 3, the start field 22. */
	for (int field = 2; field < 22 && at; field++)
		at = strchr(at + 1, ' ');
	return at && strtoull(at + 1, NULL, 10) == start_ticks && state != 'Z' && state != 'X';
}

static bool leaf_is_populated(const char *leaf)
{
	char path[512], text[512];

	(void)snprintf(path, sizeof(path), "%.*s/cgroup.events", D_LEAF_SIZE, leaf);
	(void)read_text(path, text, sizeof(text));
	return strstr(text, "populated 1") != NULL;
}

static bool launcher_lives(const uint8_t *ticket)
{
	return lives((int32_t)u32(ticket + T_PID), u64(ticket + T_START_TICKS));
}

static bool job_lives(size_t index)
{
	const uint8_t *detail = detail_at(index);

	if (!is_sound(detail, DETAIL_SIZE))
		return false;
	if (detail[D_LEAF])
		return leaf_is_populated((const char *)detail + D_LEAF);
	return lives((int32_t)u32(detail + D_JOB_PID), u64(detail + D_JOB_TICKS));
}

/* A launcher of another pid namespace cannot be judged from here. */
static bool is_dead(const uint8_t *ticket)
{
	return u64(ticket + T_NAMESPACE) == namespace && !launcher_lives(ticket);
}

static void learn_world(void)
{
	char text[64];
	struct timespec now;
	struct stat st;
	size_t digits = 0;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	namespace = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
	(void)read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text));
	for (const char *at = text; *at && digits < 32; at++) {
		char digit[] = { *at, '\0' }, *end;
		unsigned long value = strtoul(digit, &end, 16);

		if (*end)
			continue;
		boot_id[digits / 2] = (uint8_t)(boot_id[digits / 2] << 4 | value);
		digits++;
	}
	boot_tag = crc32c(boot_id, sizeof(boot_id));
}

/* ---- the file ---- */

static void on_alarm(int signo)
{
	(void)signo;
}

static bool take_lock(int fd)
{
	struct sigaction action = { .sa_handler = on_alarm };
	bool taken;

	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(LOCK_SECONDS);
	taken = flock(fd, LOCK_SH) == 0;
	(void)alarm(0);
	if (!taken)
		wrong("the lock cannot be had within %d s: %s", LOCK_SECONDS, strerror(errno));
	return taken;
}

static bool check_file(const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		wrong("it is not a regular file");
		return false;
	}
	if (st->st_size != FILE_SIZE) {
		wrong("it has %lld bytes instead of %d", (long long)st->st_size, FILE_SIZE);
		return false;
	}
	if ((long long)st->st_blocks * 512 < FILE_SIZE)
		wrong("only %lld of its bytes are allocated", (long long)st->st_blocks * 512);
	return true;
}

/* `where`: the directory, or the file itself, where it has another name. */
static bool read_file(const char *where)
{
	char path[4200];
	struct stat st;
	int fd;
	bool good, is_file = stat(where, &st) == 0 && S_ISREG(st.st_mode);

	(void)snprintf(path, sizeof(path), "%s%s", where, is_file ? "" : "/ledger");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		wrong("'%s' cannot be opened: %s", path, strerror(errno));
		return false;
	}
	good = check_file(&st) && take_lock(fd);
	if (good && pread(fd, file, FILE_SIZE, 0) != FILE_SIZE) {
		wrong("it cannot be read whole");
		good = false;
	}
	(void)close(fd);
	return good;
}
