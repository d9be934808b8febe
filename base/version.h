/* SPDX-License-Identifier: MIT */
/* The version, in one place. */
#pragma once

#define RESRUN_VERSION "0.1.0"
