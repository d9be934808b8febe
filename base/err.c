/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

int rr_err_set(struct rr_err *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return -code;
}

int rr_err_sys(struct rr_err *err, int errnum, const char *fmt, ...)
{
	va_list args;
	size_t used;

	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(errnum));
	return -errnum;
}

void rr_err_prefix(struct rr_err *err, const char *fmt, ...)
{
	char old[RR_ERR_TEXT_MAX];
	va_list args;
	size_t used;

	memcpy(old, err->text, sizeof(old));
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	used = strlen(err->text);
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
}
