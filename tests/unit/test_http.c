/* SPDX-License-Identifier: MIT */
/* The little HTTP client: addresses, answers, and a server that may hang. */
#include "fixtures.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/http.h"

static void addresses(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *host, *port, *path;
	} rows[] = {
		{ "http://localhost", 0, "localhost", "80", "" },
		{ "http://localhost/", 0, "localhost", "80", "/" },
		{ "http://127.0.0.1:8080/api/x?y=z", 0, "127.0.0.1", "8080", "/api/x?y=z" },
		{ "http://[::1]:81/a", 0, "::1", "81", "/a" },
		{ "http://[::1]", 0, "::1", "80", "" },
		{ "https://localhost", -EINVAL, NULL, NULL, NULL },
		{ "localhost:80", -EINVAL, NULL, NULL, NULL },
		{ "http://", -EINVAL, NULL, NULL, NULL },
		{ "http:///x", -EINVAL, NULL, NULL, NULL },
		{ "http://:80/x", -EINVAL, NULL, NULL, NULL },
		{ "http://a:0", -EINVAL, NULL, NULL, NULL },
		{ "http://a:65536", -EINVAL, NULL, NULL, NULL },
		{ "http://a:", -EINVAL, NULL, NULL, NULL },
		{ "http://a:8x", -EINVAL, NULL, NULL, NULL },
		{ "http://a:123456789", -EINVAL, NULL, NULL, NULL },
		{ "http://[::1", -EINVAL, NULL, NULL, NULL },
		{ "http://[::1]x", -EINVAL, NULL, NULL, NULL },
		{ "http://a/b c", -EINVAL, NULL, NULL, NULL },
		{ "http://a/\r\nX: y", -EINVAL, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_url url;
		struct rr_err err = { "" };

		if (http_parse_url(rows[i].text, &url, &err) != rows[i].code)
			fail_msg("%s: %s", rows[i].text, err.text);
		if (rows[i].code < 0)
			continue;
		assert_string_equal(url.host, rows[i].host);
		assert_string_equal(url.port, rows[i].port);
		assert_string_equal(url.path, rows[i].path);
	}
}

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void answers(void **state)
{
	static const struct {
		const char *text;
		const char *body; /* NULL: it is refused */
	} rows[] = {
		{ OK "\r\n{}", "{}" },
		{ OK "\r\n", "" },
		{ "HTTP/1.0 200 OK\r\nServer: x\r\n\r\nall of it", "all of it" },
		{ OK "content-length: 2\r\n\r\n{}more", "{}" },
		{ OK "Content-Length:3\r\n\r\n{}", NULL },
		{ OK "Content-Length: 18446744073709551616\r\n\r\n{}", NULL },
		{ OK "Content-Length: x\r\n\r\n{}", NULL },
		{ OK "X-Content-Length: 1\r\n\r\n{}", "{}" },
		{ CHUNKED "1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n", "{}" },
		{ CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", "0123456789" },
		{ CHUNKED "0\r\n\r\n", "" },
		{ CHUNKED "3\r\n{}\r\n0\r\n\r\n", NULL },
		{ CHUNKED "2\r\n{}\r\n", NULL },
		{ CHUNKED "ffffffffffffffff1\r\n{}\r\n0\r\n\r\n", NULL },
		{ CHUNKED "x\r\n", NULL },
		{ CHUNKED, NULL },
		{ "HTTP/1.1 404 Not Found\r\n\r\n{}", NULL },
		{ "HTTP/1.1 2000\r\n", NULL },
		{ OK, NULL },
		{ "SSH-2.0-OpenSSH\r\n\r\n", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = strdup(rows[i].text), *body = NULL;
		struct rr_err err = { "" };
		int r = http_parse_answer(text, strlen(text), &body, &err);

		if (r != (rows[i].body ? 0 : -EBADMSG) ||
		    (r == 0 && strcmp(body, rows[i].body) != 0))
			fail_msg("'%s': %d '%s' %s", rows[i].text, r, body ? body : "", err.text);
		free(text);
	}
}

static int listen_somewhere(struct http_url *ret)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret = (struct http_url){ .host = "127.0.0.1", .path = "/x" };
	(void)snprintf(ret->port, sizeof(ret->port), "%u", ntohs(address.sin_port));
	return fd;
}

/* In pieces, to a request that must have come whole. */
static _Noreturn void serve_one(int fd)
{
	static const char first[] = OK "Content-Le", second[] = "ngth: 5\r\n\r\nhello";
	const struct timespec pause = { .tv_nsec = 50000000 };
	char request[1024] = "";
	size_t used = 0;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	while (!strstr(request, "\r\n\r\n")) {
		ssize_t n = read(client, request + used, sizeof(request) - used - 1);

		if (n <= 0)
			_exit(1);
		used += (size_t)n;
	}
	if (strncmp(request, "GET /x HTTP/1.1\r\n", 17) != 0 || !strstr(request, "\r\nHost: "))
		_exit(2);
	if (write(client, first, strlen(first)) < 0 || nanosleep(&pause, NULL) < 0 ||
	    write(client, second, strlen(second)) < 0)
		_exit(3);
	_exit(0);
}

static void a_server(void **state)
{
	struct http_url url;
	struct rr_err err;
	char *text, *body;
	int fd = listen_somewhere(&url), status;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		serve_one(fd);
	if (http_get(&url, 20 * RR_NS_PER_S, &text, &body, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(body, "hello");
	free(text);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* Nobody accepts: connected by the kernel, but never answered. */
	assert_int_equal(http_get(&url, 100 * RR_NS_PER_MS, &text, &body, &err), -ETIMEDOUT);
	(void)close(fd);
	assert_int_equal(http_get(&url, 20 * RR_NS_PER_S, &text, &body, &err), -ECONNREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(answers),
		cmocka_unit_test(a_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
