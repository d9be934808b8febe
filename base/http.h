/* SPDX-License-Identifier: MIT */
/*
 * As much of an HTTP/1.1 client as it takes to read one JSON object from a server nearby: one GET,
 * one answer, one time limit for all of it. No TLS, no redirects.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HTTP_HOST_SIZE 256
#define HTTP_PATH_SIZE 1024
#define HTTP_BODY_MAX (4U << 20)

struct http_url {
	char host[HTTP_HOST_SIZE]; /* of "[::1]": ::1 */
	char port[8]; /* "80" when none is given */
	char path[HTTP_PATH_SIZE]; /* with the query; "" when none is given */
};

/* "http://HOST[:PORT][/PATH]". 0, or -EINVAL with words. */
rr_checked int http_parse_url(const char *text, struct http_url *ret, struct rr_err *err);

/* Reads a whole answer, headers and body, which is NUL-terminated and is changed: *ret_body points
 * into it, with chunks joined, and is NUL-terminated. 0, or -EBADMSG with words: no answer of that
 * form, cut short, or not of status 200. */
rr_checked int http_parse_answer(char *answer, size_t length, char **ret_body, struct rr_err *err);

/* Gets it. *ret_text is the caller's, *ret_body points into it. 0, or -errno with words; -ETIMEDOUT
 * after timeout_ns. */
rr_checked int http_get(const struct http_url *url, uint64_t timeout_ns, char **ret_text,
			char **ret_body, struct rr_err *err);
