/* SPDX-License-Identifier: MIT */
/*
 * A file of events that does not grow for ever: FILE becomes FILE.1, in place of the one before,
 * when it would go beyond its largest size; also under the hands of others who append to it, and of
 * a log rotation that is not ours.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct event_file {
	const char *path; /* NULL: no file that could be set aside */
	uint64_t max_bytes;
};

/* Makes *fd, which is open on the file, the one to append that much to: locked (shared) until
 * event_file_done, so that nobody sets it aside meanwhile. What fails leaves it as it is. */
void event_file_ready(const struct event_file *file, int *fd, size_t length);
void event_file_done(const struct event_file *file, int fd);
