/* SPDX-License-Identifier: MIT */
/* Where the words come from that a completion offers and no table holds: jobs, keys, profiles. */
#pragma once

/* Gets a word and what it means. */
typedef void complete_offer(const char *word, const char *meaning, void *data);

/* What stands for KIND in a usage or a table of options: "JOB", "KEY", "PROFILE", "KEY=VALUE"; else
 * there are none. What cannot be found out is not offered. */
void complete_words(const char *kind, complete_offer *offer, void *data);
