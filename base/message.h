/* SPDX-License-Identifier: MIT */
/*
 * Datagrams between our own processes, over sockets whose abstract names the kernel chooses: no
 * file is left behind, and the kernel says who sent what. They do not leave the network namespace.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define MESSAGE_NAME_SIZE 8 /* five hex digits of the kernel's; filled up with zeros */
#define MESSAGE_MAX 4096 /* bytes of one message */

struct message_sender {
	char name[MESSAGE_NAME_SIZE]; /* to answer to; all zero: it has none */
	bool known; /* the kernel has told of pid and uid */
	pid_t pid;
	uid_t uid;
};

/* A socket of our own, which never blocks. 0 or -errno. */
rr_checked int message_open(int *ret_fd, char ret_name[static MESSAGE_NAME_SIZE]);

/* Sends one message. 0 or -errno: -ECONNREFUSED when nobody has that name any more, -EAGAIN when
 * its owner takes nothing at the moment. */
rr_checked int message_send(int fd, const char name[static MESSAGE_NAME_SIZE], const void *data,
			    size_t size);

/* Takes the next message; what does not fit is cut. Its size, or -EAGAIN when there is none, or
 * -errno. */
rr_checked ssize_t message_receive(int fd, void *buf, size_t size, struct message_sender *ret);
