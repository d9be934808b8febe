/* SPDX-License-Identifier: MIT */
#include "base/http.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

#define HEADERS_MAX 65536
#define SCHEME "http://"

/* ---- addresses ---- */

/* Only what can stand in a request line: no blanks, no line breaks. */
static bool is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

static bool split_host(const char *at, size_t length, struct http_url *url)
{
	const char *end = at + length, *port = NULL, *close = memchr(at, ']', length);
	uint64_t number;

	if (*at == '[' && !close)
		return false;
	if (*at == '[') {
		at++;
		port = close + 1 < end ? close + 1 : NULL;
		length = (size_t)(close - at);
	} else {
		port = memchr(at, ':', length);
		length = port ? (size_t)(port - at) : length;
	}
	if (length == 0 || length >= sizeof(url->host) || (port && *port != ':'))
		return false;
	(void)snprintf(url->host, sizeof(url->host), "%.*s", (int)length, at);
	(void)snprintf(url->port, sizeof(url->port), "80");
	if (!port)
		return true;
	if (end - port - 1 >= (long)sizeof(url->port))
		return false;
	(void)snprintf(url->port, sizeof(url->port), "%.*s", (int)(end - port - 1), port + 1);
	return rr_parse_u64(url->port, &number) == 0 && number > 0 && number < 65536;
}

int http_parse_url(const char *text, struct http_url *ret, struct rr_err *err)
{
	struct http_url url = { .path = "" };
	const char *host = text + strlen(SCHEME), *path;

	if (strncmp(text, SCHEME, strlen(SCHEME)) != 0 || !is_clean(text))
		return rr_err_set(err, EINVAL, "'%s' is not of the form http://HOST[:PORT][/PATH]",
				  text);
	path = host + strcspn(host, "/");
	if (!split_host(host, (size_t)(path - host), &url) || strlen(path) >= sizeof(url.path))
		return rr_err_set(err, EINVAL, "'%s' is not of the form http://HOST[:PORT][/PATH]",
				  text);
	(void)snprintf(url.path, sizeof(url.path), "%s", path);
	*ret = url;
	return 0;
}

/* ---- answers ---- */

/* The value of a header, up to its line's end; NULL: there is none. */
static const char *find_header(const char *headers, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = strstr(headers, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The size at the beginning of a chunk; *ret_at moves behind its line. False: it is none. */
static bool chunk_size(char **at, const char *end, size_t *ret)
{
	char *line_end = memmem(*at, (size_t)(end - *at), "\r\n", 2);
	size_t size = 0;

	if (!line_end || hex_digit(**at) < 0)
		return false;
	for (; hex_digit(**at) >= 0; (*at)++) {
		size = size * 16 + (size_t)hex_digit(**at);
		if (size > HTTP_BODY_MAX)
			return false;
	}
	*at = line_end + 2;
	*ret = size;
	return true;
}

/* Moves the chunks together. Their whole size, or negative when they are cut short. */
static ssize_t join_chunks(char *body, char *end)
{
	char *to = body, *at = body;
	size_t size;

	while (chunk_size(&at, end, &size)) {
		if (size == 0)
			return to - body;
		if ((size_t)(end - at) < size + 2)
			return -1;
		memmove(to, at, size);
		to += size;
		at += size + 2;
	}
	return -1;
}

int http_parse_answer(char *answer, size_t length, char **ret_body, struct rr_err *err)
{
	char *body = memmem(answer, length, "\r\n\r\n", 4);
	const char *sized, *encoding;
	ssize_t size;

	if (strncmp(answer, "HTTP/1.", strlen("HTTP/1.")) != 0 || length < 13 || !body)
		return rr_err_set(err, EBADMSG, "it is no HTTP answer");
	*body = '\0';
	body += 4;
	if (strncmp(answer + strlen("HTTP/1.1"), " 200", 4) != 0)
		return rr_err_set(err, EBADMSG, "it answers '%.*s'",
				  (int)strcspn(answer, "\r\n") > 60 ? 60
								    : (int)strcspn(answer, "\r\n"),
				  answer);
	size = answer + length - body;
	encoding = find_header(answer, "Transfer-Encoding");
	sized = find_header(answer, "Content-Length");
	if (encoding && strncasecmp(encoding, "chunked", strlen("chunked")) == 0) {
		size = join_chunks(body, answer + length);
	} else if (sized) {
		char number[RR_FORMAT_SIZE];
		uint64_t told;

		(void)snprintf(number, sizeof(number), "%.*s", (int)strspn(sized, "0123456789"),
			       sized);
		size = rr_parse_u64(number, &told) == 0 && told <= (uint64_t)size ? (ssize_t)told
										  : -1;
	}
	if (size < 0)
		return rr_err_set(err, EBADMSG, "its answer is cut short");
	body[size] = '\0';
	*ret_body = body;
	return 0;
}

/* ---- the wire ---- */

static int wait_for(int fd, short events, uint64_t until_ns)
{
	struct pollfd event = { .fd = fd, .events = events };
	uint64_t now_ns = rr_now_boot_ns();
	struct timespec rest = rr_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
	int r = ppoll(&event, 1, &rest, NULL);

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int connect_to(const struct addrinfo *address, uint64_t until_ns, int *ret_fd)
{
	rr_autofd int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				  address->ai_protocol);
	int error = 0, r;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
		return -errno;
	r = wait_for(fd, POLLOUT, until_ns);
	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0)
		return error ? -error : -errno;
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

static int connect_any(const struct http_url *url, uint64_t until_ns, int *ret_fd,
		       struct rr_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *all = NULL;
	int r = getaddrinfo(url->host, url->port, &hints, &all);

	if (r != 0)
		return rr_err_set(err, EHOSTUNREACH, "'%s': %s", url->host, gai_strerror(r));
	r = -EHOSTUNREACH;
	for (const struct addrinfo *one = all; one; one = one->ai_next) {
		r = connect_to(one, until_ns, ret_fd);
		if (r == 0)
			break;
	}
	freeaddrinfo(all);
	return r < 0 ? rr_err_sys(err, -r, "connect to %s port %s", url->host, url->port) : 0;
}

static int send_request(int fd, const struct http_url *url, uint64_t until_ns)
{
	char text[HTTP_HOST_SIZE + HTTP_PATH_SIZE + 128];
	bool brackets = strchr(url->host, ':') != NULL;
	int length = snprintf(text, sizeof(text),
			      "GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nAccept: application/json\r\n"
			      "Connection: close\r\n\r\n",
			      url->path[0] ? url->path : "/", brackets ? "[" : "", url->host,
			      brackets ? "]" : "", url->port);

	for (int sent = 0; sent < length;) {
		ssize_t n = send(fd, text + sent, (size_t)(length - sent), MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			sent += (int)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLOUT, until_ns);
		if (r < 0)
			return r;
	}
	return 0;
}

/* All that comes until the other side closes. */
static int receive(int fd, uint64_t until_ns, char **ret, size_t *ret_length)
{
	rr_autofree char *text = NULL;
	size_t length = 0, room = 0;

	for (;;) {
		ssize_t n;
		int r;

		if (room - length < 4096) {
			char *more;

			if (room > HTTP_BODY_MAX + HEADERS_MAX)
				return -EFBIG;
			room = room ? 2 * room : 16384;
			more = realloc(text, room);
			if (!more)
				return -ENOMEM;
			text = more;
		}
		n = recv(fd, text + length, room - length - 1, 0);
		if (n == 0)
			break;
		if (n > 0) {
			length += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(fd, POLLIN, until_ns);
		if (r < 0)
			return r;
	}
	text[length] = '\0';
	*ret_length = length;
	*ret = rr_ptr_take(&text);
	return 0;
}

int http_get(const struct http_url *url, uint64_t timeout_ns, char **ret_text, char **ret_body,
	     struct rr_err *err)
{
	uint64_t until_ns = rr_time_add(rr_now_boot_ns(), timeout_ns);
	rr_autofree char *text = NULL;
	rr_autofd int fd = -1;
	size_t length = 0;
	int r = connect_any(url, until_ns, &fd, err);

	if (r < 0)
		return r;
	r = send_request(fd, url, until_ns);
	if (r == 0)
		r = receive(fd, until_ns, &text, &length);
	if (r < 0)
		return rr_err_sys(err, -r, "ask %s port %s", url->host, url->port);
	r = http_parse_answer(text, length, ret_body, err);
	if (r == 0)
		*ret_text = rr_ptr_take(&text);
	return r;
}
