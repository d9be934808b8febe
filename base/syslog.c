/* SPDX-License-Identifier: MIT */
#include "base/syslog.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

static int send_to(const char *path, const void *data, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	rr_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || sendto(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return 0;
}

/* NAME=VALUE and newline; a value of several lines comes with its length instead. */
static void put_field(const char *name, const char *value, FILE *out)
{
	uint64_t length = htole64(strlen(value));

	if (!strchr(value, '\n')) {
		(void)fprintf(out, "%s=%s\n", name, value);
		return;
	}
	(void)fprintf(out, "%s\n", name);
	(void)fwrite(&length, sizeof(length), 1, out);
	(void)fprintf(out, "%s\n", value);
}

static int to_journal(int priority, const char *message, const struct rr_log_field *fields)
{
	rr_autofree char *text = NULL;
	size_t length = 0;
	char number[16];
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return -ENOMEM;
	(void)snprintf(number, sizeof(number), "%d", priority);
	put_field("MESSAGE", message, out);
	put_field("PRIORITY", number, out);
	put_field("SYSLOG_IDENTIFIER", RR_SYSLOG_NAME, out);
	for (; fields->name; fields++)
		put_field(fields->name, fields->value, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	return send_to(RR_JOURNAL_SOCKET, text, length);
}

static int to_syslog(int priority, const char *message)
{
	char line[1024], when[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int length;

	if (localtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%b %e %T ", &tm);
	length = snprintf(line, sizeof(line), "<%d>%s" RR_SYSLOG_NAME "[%d]: %s",
			  LOG_USER | priority, when, (int)getpid(), message);
	return send_to(RR_SYSLOG_SOCKET, line,
		       (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

int rr_syslog(int priority, const char *message, const struct rr_log_field *fields)
{
	/* What listens at /dev/log beside journald is journald itself: once is enough. */
	int r = to_journal(priority, message, fields);

	return r == 0 ? 0 : to_syslog(priority, message);
}
