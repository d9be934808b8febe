/* SPDX-License-Identifier: MIT */
/*
 * Tables of plain letters for files and pipes, in the form that libsmartcols gives them, which
 * takes some 4 us more for each line of the history: 0.8 s of CPU time for 200,000.
 */
#pragma once

#include <stdbool.h>

struct libscols_table;

/* Prints the table when nothing in it needs to be cut, encoded or measured in anything but bytes.
 * False: it does, and nothing was printed. */
bool show_plain(struct libscols_table *table);
