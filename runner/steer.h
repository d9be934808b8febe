/* SPDX-License-Identifier: MIT */
/*
 * The launcher's ear for resrunctl (the protocol is policy/steer.h's): takes what comes to its
 * socket, wake-ups among it, and answers. What is done upon a request is the business of the stage
 * that the job is in.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/message.h"
#include "policy/steer.h"

struct steer_call {
	struct steer_request request;
	struct message_sender from;
};

/* Empties the socket up to the next request for job `id` that counts. False when there is none
 * left: the next poll sleeps. Requests of strangers are answered here. */
bool steer_next(int fd, const char *id, struct steer_call *ret);

/* Answers it: done, with words on what, or refused, with words on why. */
rr_printf(3, 4) void steer_done(int fd, const struct steer_call *call, const char *fmt, ...);
rr_printf(3, 4) void steer_refuse(int fd, const struct steer_call *call, const char *fmt, ...);
