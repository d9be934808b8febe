/* SPDX-License-Identifier: MIT */
/* Frees the tickets of launchers that died; a slot only when nothing of its job is left. */
#pragma once

#include <stdbool.h>

#include "policy/ledger.h"

/* When it is worth looking again after what is left of dead launchers' jobs. */
enum reap_again {
	REAP_DONE, /* there is nothing */
	REAP_LATER, /* it goes on by itself (on_launcher_death=keep), and stands still no more */
	REAP_SOON, /* it is dying */
};

/* Both are called with the ledger locked, and never touch ticket `mine`. */

/* Frees every slot whose launcher is dead and whose job is gone, and kills what a dead launcher's
 * job has left; and the heads of the queues, when they are dead. Of a job that had begun the
 * history, in state_dir, gets a record that it is lost. Tells when to look again. */
enum reap_again reap_dead(struct ledger *ledger, size_t mine, const char *state_dir);

/* Frees the ticket of a waiter, if that is dead. True when it was. */
bool reap_waiter(struct ledger *ledger, size_t index);
