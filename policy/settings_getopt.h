/* SPDX-License-Identifier: MIT */
/* The table of settings as getopt_long wants it: for resrun's own command line, and for whoever
 * reads that of another resrun. */
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include "policy/settings.h"

#define SETTINGS_GETOPT_BASE 1000 /* of long options; above every short one's character */

struct settings_getopt {
	struct option longs[SETTINGS_N + 1];
	char shorts[2 * SETTINGS_N + 3]; /* options end at the first word that is none */
};

bool settings_takes_argument(const struct setting_spec *spec);
void settings_getopt(struct settings_getopt *ret);

/* The setting of what getopt_long returned; SETTINGS_N: none. */
int settings_getopt_find(int option);
