/* SPDX-License-Identifier: MIT */
/* Which of our memory is resident. */
#pragma once

/* Gives back the pages of code and constants, of the program and its libraries, that have been
 * touched so far: they are in files, and come back from the page cache as they are needed. For a
 * process that from now on does little of what it has done. */
void rr_release_code(void);
