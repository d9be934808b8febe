/* SPDX-License-Identifier: MIT */
#include "base/message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

#define NAME_AT                                                                                    \
	(offsetof(struct sockaddr_un, sun_path) + 1) /* behind the zero of abstract names          \
						      */

static void take_name(const struct sockaddr_un *address, socklen_t length, char *ret)
{
	size_t size = length > NAME_AT ? length - NAME_AT : 0;

	memset(ret, 0, MESSAGE_NAME_SIZE);
	if (address->sun_path[0] == '\0' && size <= MESSAGE_NAME_SIZE)
		memcpy(ret, address->sun_path + 1, size);
}

int message_open(int *ret_fd, char ret_name[static MESSAGE_NAME_SIZE])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);
	rr_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	take_name(&address, length, ret_name);
	*ret_fd = rr_fd_take(&fd);
	return 0;
}

int message_send(int fd, const char name[static MESSAGE_NAME_SIZE], const void *data, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strnlen(name, MESSAGE_NAME_SIZE);

	memcpy(address.sun_path + 1, name, length);
	if (sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address,
		   (socklen_t)(NAME_AT + length)) < 0)
		return -errno;
	return 0;
}

static void take_credentials(struct msghdr *head, struct message_sender *ret)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(head); part; part = CMSG_NXTHDR(head, part)) {
		struct ucred who;

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&who, CMSG_DATA(part), sizeof(who));
		ret->known = true;
		ret->pid = who.pid;
		ret->uid = who.uid;
	}
}

ssize_t message_receive(int fd, void *buf, size_t size, struct message_sender *ret)
{
	struct sockaddr_un address = { 0 };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = { buf, size };
	/* Descriptors that somebody sends along find no room, and are closed by the kernel. */
	struct msghdr head = { .msg_name = &address,
			       .msg_namelen = sizeof(address),
			       .msg_iov = &part,
			       .msg_iovlen = 1,
			       .msg_control = &control,
			       .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret = (struct message_sender){ 0 };
	if (n < 0)
		return -errno;
	take_name(&address, head.msg_namelen, ret->name);
	take_credentials(&head, ret);
	return n;
}
