/* SPDX-License-Identifier: MIT */
/* Asking the launcher of a job for something: what `resrunctl cancel` and the keys of top do. */
#pragma once

#include "control/status.h"
#include "policy/steer.h"

/* Fills in whom and until when, and waits for the answer, a few seconds at most. 0, or -errno with
 * words when there is none. */
rr_checked int steer_ask(const struct status_job *job, struct steer_request *request,
			 struct steer_answer *ret, struct rr_err *err);
