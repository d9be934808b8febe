/* SPDX-License-Identifier: MIT */
/* What `resrunctl idle` found when it looked last, kept in a small file of our own. */
#pragma once

#include "policy/idle.h"
#include "policy/paths.h"

#define IDLE_MEMORY_NAME "idle-look"

/* The look before this one. False when there was none in this boot. */
bool idle_recall(const struct paths *paths, struct idle_look *ret);

/* Where there is a directory to keep it in: none is made. */
void idle_remember(const struct paths *paths, const struct idle_look *look);
