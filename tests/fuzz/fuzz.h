/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share: a private directory in memory, which is gone afterwards, files in
 * it, and a reader that takes an input apart. Built by clang with -fsanitize=fuzzer; see `make
 * fuzz`.
 */
#pragma once

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_dir[64];

static inline void fuzz_clean(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", fuzz_dir);
	if (system(command) != 0)
		(void)fprintf(stderr, "fuzz: '%s' stays\n", fuzz_dir);
}

/* The directory, made at the first call. */
static inline const char *fuzz_place(void)
{
	if (*fuzz_dir)
		return fuzz_dir;
	(void)snprintf(fuzz_dir, sizeof(fuzz_dir), "/dev/shm/resrun-fuzz.XXXXXX");
	if (!mkdtemp(fuzz_dir))
		abort();
	(void)atexit(fuzz_clean);
	return fuzz_dir;
}

static inline const char *fuzz_path(char path[static PATH_MAX], const char *name)
{
	(void)snprintf(path, PATH_MAX, "%s/%s", fuzz_place(), name);
	return path;
}

static inline void fuzz_write(const char *name, const void *data, size_t size)
{
	char path[PATH_MAX];
	int fd = open(fuzz_path(path, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)close(fd);
}

static inline void fuzz_mkdir(const char *name)
{
	char path[PATH_MAX];

	(void)mkdir(fuzz_path(path, name), 0700);
}

/* The input as a NUL-terminated text, which the caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* What is left of an input that is taken apart from its front. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* Up to the next 0xff, or the end. */
static inline size_t fuzz_part(struct fuzz_input *input, const uint8_t **ret)
{
	const uint8_t *end = memchr(input->at, 0xff, input->left);
	size_t size = end ? (size_t)(end - input->at) : input->left;

	*ret = input->at;
	input->at += size + (end ? 1 : 0);
	input->left -= size + (end ? 1 : 0);
	return size;
}
