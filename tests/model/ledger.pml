/* SPDX-License-Identifier: MIT */
/*
 * The ledger's protocol, for spin: who takes, frees and reaps what in which order, who wakes whom,
 * and what a kill -9 between any two steps leaves behind. scripts/model checks it.
 *
 * N launchers come one after another, look, wait or start, and go; each can be killed at any time.
 * STEP(name) is one step of the program: before it and after it everything else may happen. The C
 * code carries the same names, in comments that say "model: NAME". EVENT(name) is what happens by
 * itself: a job ends, time passes, somebody is killed.
 *
 * Sets of launchers are bit masks. Launchers are numbered in the order in which they come: before
 * that they are alike, so nothing is lost by it.
 *
 * What is left out, on purpose: the look that a head takes every 30 s (nothing may depend on it),
 * jobs inside jobs, on_busy=run (it passes every limit), other pid and network namespaces (timers
 * look after those), another boot and a damaged file (nobody has a ticket then).
 *
 *	-DN=3 launchers    -DSLOTS=1 of a lane    -DRATE=0 starts per window and lane; 0: no rate
 *	-DTOTAL=0 slots over two lanes; 0: there is one lane
 *	-DCLASSES=1 two priorities, and that many of those who wait may rise; 0: one priority
 *	-DDEPENDS=1 some wait for another job first
 *	-DHOST=1 headroom may be lacking; -DPASS=1 others may pass who waits for it
 *	-DMUTANT_NAME the protocol with a mistake in it, which spin must find
 */
#ifndef N
#define N 3
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef RATE
#define RATE 0
#endif
#ifndef TOTAL
#define TOTAL 0
#endif
#ifndef CLASSES
#define CLASSES 0
#endif
#ifndef DEPENDS
#define DEPENDS 0
#endif
#ifndef HOST
#define HOST 0
#endif
#ifndef PASS
#define PASS 0
#endif

#define ALL ((1 << N) - 1)
#define COUNT(set) (((set) & 1) + ((set) >> 1 & 1) + ((set) >> 2 & 1) + ((set) >> 3 & 1))
#define LOWEST(set) ((set) & 1 -> 1 : ((set) & 2 -> 2 : ((set) & 4 -> 4 : (set) & 8)))
#define HIGHEST(set) ((set) & 8 -> 8 : ((set) & 4 -> 4 : ((set) & 2 -> 2 : (set) & 1)))

/* ---- the ledger ---- */

byte lock;	/* who holds it; the kernel drops it with its holder */
byte waiting;	/* TICKET_WAITING */
byte running;	/* TICKET_RUNNING */
byte begun;	/* LAUNCH_BEGUN was written; kept when the ticket is gone */
byte done;	/* LAUNCH_DONE, likewise */
byte tokens;	/* starts that count */
byte stamped;	/* tokens with the time of their start, or a later one */
byte lane2;	/* tickets of the second lane */
byte urgent;	/* tickets of the higher priority, by birth or risen */
byte depends;	/* BLOCKED_DEPENDENCY */
byte blocked;	/* BLOCKED_RATE, BLOCKED_RESOURCES */

#define QUEUED (waiting & ~depends)
#if TOTAL
#define LANE(who) ((who) & lane2 -> lane2 : ALL & ~lane2)
#define HEADS (FIRST(QUEUED & lane2) | FIRST(QUEUED & ~lane2))
#else
#define LANE(who) ALL
#define HEADS FIRST(QUEUED)
#endif

/* By priority, then arrival. */
#define OLDER(who) ((who) - 1)
#if CLASSES
#define BEFORE(who) ((who) & urgent -> urgent & OLDER(who) : (urgent | OLDER(who)) & ~(who))
#define FIRST(set) ((set) & urgent -> LOWEST((set) & urgent) : LOWEST(set))
#define LAST(set) ((set) & ~urgent -> HIGHEST((set) & ~urgent) : HIGHEST(set))
#elif defined(MUTANT_NEWEST_FIRST)
#define BEFORE(who) (ALL & ~OLDER(who) & ~(who))
#define FIRST(set) HIGHEST(set)
#define LAST(set) LOWEST(set)
#else
#define BEFORE(who) OLDER(who)
#define FIRST(set) LOWEST(set)
#define LAST(set) HIGHEST(set)
#endif
#define AHEAD(who) LAST(QUEUED & LANE(who) & BEFORE(who))
#define BEHIND(who) FIRST(QUEUED & LANE(who) & ~BEFORE(who) & ~(who))

/* Heads of the other lane that go before us and could start, were there room under the total. */
#if TOTAL
#define RIVALS(who) (COUNT(running & ~LANE(who)) < SLOTS && COUNT(running) < TOTAL ->	\
	FIRST(QUEUED & ~LANE(who)) & BEFORE(who) & ~blocked : 0)
#endif

/* ---- the world ---- */

byte came;	/* who has, or had, a ticket, or is gone */
byte alive;	/* launchers that exist */
byte unborn;	/* children that were cloned and have not called exec: they share the lease */
byte let_go;	/* those of them that may */
byte noted;	/* jobs whose process is in the ledger */
byte populated;	/* jobs with processes: from the clone until the leaf is empty */
byte failed;	/* children that could not exec */
byte mail;	/* who has a datagram in its wake-up socket */
byte timer;	/* who will look again by itself, soon */
byte rate_timer; /* who will look again when a start has left the window */
byte host_timer; /* who looks again and again until the host has room */
byte dep_over;	/* whose dependency has ended */
byte watch[N];	/* processes that a sleeper watches */
byte ripe;	/* who has waited long enough to rise */
byte rises;	/* how many did */

#define LEASED (alive | unborn)
/* What a reaper sees of a job where there is no leaf: a process that it is told of. Without that it
 * sees one that lives, by its environment, and none that is dying. */
#define VISIBLE (populated & noted)

/* ---- for the properties ---- */

byte started;	/* whose job has run */
byte window;	/* starts of the last window's length, as they really happened */

/* pan names the one that was broken, and scripts/model reads it there. */
hidden byte too_many_run, rate_passed, started_twice, stale_token, not_given_back, out_of_order,
	wake_up_lost, stuck;

#define ONLY_SO_MANY_RUN	(COUNT(populated & LANE(me)) <= SLOTS && \
				 (TOTAL == 0 || COUNT(populated) <= TOTAL))
#define RATE_IS_KEPT		(RATE == 0 || COUNT(window & LANE(me)) <= RATE)
#define STARTS_ONCE		((running & me) && !(started & me))
#define NO_STALE_TOKEN		((tokens & ~running & ~begun) == 0)
#define GIVEN_BACK		(!(tokens & me) || (started & me))
#define IN_ORDER		((QUEUED & alive & LANE(me) & OLDER(me) & \
				  ((urgent & me) -> urgent : ~urgent)) == 0)

/* A wake-up is lost when one that lives could go, were the dead reaped, and nothing that has
 * happened will make anybody look. */
#define HEAD_OF_LIVING(who)	((QUEUED & alive & (who)) && \
				 !(QUEUED & alive & LANE(who) & BEFORE(who)))
#define COULD_GO(who)		(HEAD_OF_LIVING(who) && !(host_timer & (who)) && \
				 COUNT(running & LEASED & LANE(who)) < SLOTS && \
				 (TOTAL == 0 || COUNT(running & LEASED) < TOTAL) && \
				 (RATE == 0 || COUNT(tokens & LANE(who) & \
						     ~(running & ~LEASED & ~begun)) < RATE))
#if N == 4
#define WATCHED_DEAD ((watch[0] | watch[1] | watch[2] | watch[3]) & ~alive)
#else
#define WATCHED_DEAD ((watch[0] | watch[1] | watch[2]) & ~alive)
#endif
#define NO_WAKE_UP_LOST		(lock || mail || timer || (depends & dep_over) || WATCHED_DEAD || \
				 !(COULD_GO(1) || COULD_GO(2) || COULD_GO(4) || COULD_GO(8)))

/* Steps: each is a place that a launcher can be at, or, in the second list, a part of one. */
mtype = {
	ARRIVE, LOOK, REAP_RUNNING, REAP_REFUND, REAP_RESTAMP, REAP_FREE, REAP_HEADS, ENTER_WAKE,
	ENTER, RISE_WAKE, RISE, ASK, NOTE_BLOCKED, SLEEP, TAKE_SLOT, TAKE_TOKEN, TAKE_WAKE,
	CLONE, LAUNCH_BEGIN, GO, HEAR, RESTAMP, LAUNCH_DONE, SUPERVISE, RELEASE, REFUND, FREE,
	RELEASE_WAKE, EXIT, GONE, DRAIN
};
mtype = { REAP_AHEAD, BLOCKED_WAKE, PASSER_WAKE, NOT_STARTED, GIVE_UP };
mtype = { /* events */
	KILL, EXEC, EXEC_FAILS, NEVER_LET_GO, LEAF_EMPTIES, WINDOW_ENDS, TOKEN_AGES, RIPENS, DEPENDENCY_ENDS
};
mtype pc[N] = ARRIVE; /* the step that comes next */

#define MUST(condition, broken)									\
	if :: condition -> skip :: else -> broken = 1; assert(!broken) fi
#define SAY(name) printf("launcher %d: ", i); printm(name)
#define STEP(name) atomic { pc[i] == name -> SAY(name);
#define LOCK_STEP(name) atomic { pc[i] == name && !lock -> SAY(name); lock = me;
#define EVENT(name, condition) atomic { condition -> SAY(name);
/* A step of the program that happens together with the one that it stands in: nobody can tell. */
#define PART(name) SAY(name)
#define NEXT(name) pc[i] = name }
#define WAKE(who) mail = mail | ((who) & waiting & alive) /* the dead hear nothing */

inline forget_events()
{
	mail = mail & ~me;
	timer = timer & ~me;
	rate_timer = rate_timer & ~me;
	host_timer = host_timer & ~me;
	watch[i] = 0
}

/* What means nothing any more, so that states that are alike are one. */
inline forget_ticket(whose)
{
	urgent = urgent & ~whose;
	ripe = ripe & ~whose;
	depends = depends & ~whose;
	dep_over = dep_over & ~whose;
	blocked = blocked & ~whose;
	done = done & ~(whose & ~running & ~waiting);
	begun = begun & ~(whose & ~running & ~waiting & ~tokens)
}

inline forget_look()
{
	dead = 0;
	it = 0;
	passing = false;
	lacks = false
}

/* Killed, or at its end: the kernel drops its lock, its lease and its socket. */
inline die()
{
#ifndef MUTANT_LOCK_OUTLIVES
	lock = (lock == me -> 0 : lock);
#endif
	alive = alive & ~me;
	came = came | me;
	started = started & ~me;
	failed = failed & ~me;
	forget_events();
	forget_look();
	pc[i] = GONE
}

/* Who passes others leaves them a start. */
inline ask_rate()
{
	if
	:: RATE && COUNT(tokens & LANE(me)) + passing >= RATE ->
		lacks = true;
		rate_timer = rate_timer | me;
		watch[i] = running & LANE(me);
#ifndef MUTANT_PASSER_SLEEPS
		watch[i] = watch[i] | it; /* who passes is behind another all the same */
#endif
		skip
#if HOST
	:: !(RATE && COUNT(tokens & LANE(me)) + passing >= RATE) ->
		lacks = true;
		host_timer = host_timer | me
#endif
	:: !(RATE && COUNT(tokens & LANE(me)) + passing >= RATE) ->
		MUST(passing || IN_ORDER, out_of_order);
		pc[i] = TAKE_SLOT
	fi
}

/* Order and slots: queue_ask. Leaves in `it` who is directly ahead, and in watch what would change
 * the answer. */
inline ask_queue()
{
	if
	:: it && !passing ->
#ifndef MUTANT_NO_WATCH_AHEAD
		watch[i] = it;
#endif
		skip
	:: !it && COUNT(running & LANE(me)) >= SLOTS ->
#ifndef MUTANT_NO_WATCH
		watch[i] = running & LANE(me);
#endif
		skip
#if TOTAL
	:: !it && COUNT(running & LANE(me)) < SLOTS &&
	   COUNT(running) + COUNT(RIVALS(me)) >= TOTAL ->
		watch[i] = running;
#ifndef MUTANT_NO_WATCH_RIVALS
		watch[i] = watch[i] | RIVALS(me);
#endif
		skip
#endif
	:: else -> ask_rate()
	fi
}

proctype launcher(byte i)
{
	byte me = 1 << i;
	byte dead; /* of those that run, whom this look still has to judge */
	byte it; /* whom it reaps; or who is directly ahead */
	bool passing; /* those before it */
	bool lacks; /* a start, or headroom */

end:	do
	/* ---- a look ---- */

	:: atomic { pc[i] == ARRIVE && !lock && (i == 0 || (came & (me >> 1))) ->
		PART(ARRIVE);
		lock = me;
		alive = alive | me;
#if TOTAL
		if
		:: i > 0 -> lane2 = lane2 | me /* which lane the first one has is but a name */
		:: skip
		fi;
#endif
		dead = running & ~LEASED;
		NEXT(REAP_RUNNING)

	/* Woken. The socket is emptied before the ledger is read, never after. */
	:: atomic { pc[i] == LOOK && !lock &&
		    (((mail | timer | host_timer | (depends & dep_over)) & me) || (watch[i] & ~alive)) ->
		PART(LOOK);
		lock = me;
		forget_events();
		dead = running & ~LEASED;
		NEXT(REAP_RUNNING)

	:: STEP(REAP_RUNNING)
		it = LOWEST(dead);
		dead = dead & ~it;
		if
		:: it == 0 -> pc[i] = REAP_HEADS
#ifdef MUTANT_FREE_EARLY
		:: it ->
#else
		/* What is left of the job is killed; we look again until it is gone. */
		:: it & VISIBLE -> timer = timer | me; it = 0
		:: it & ~VISIBLE ->
#endif
			if
			:: it & tokens & ~begun -> pc[i] = REAP_REFUND
			:: it & tokens & begun & ~done -> pc[i] = REAP_RESTAMP
			:: else -> pc[i] = REAP_FREE
			fi
		fi }

	/* Nothing of it can have run: its start is given back. */
	:: STEP(REAP_REFUND)
#ifndef MUTANT_NO_REFUND
		tokens = tokens & ~it;
#endif
		NEXT(REAP_FREE)

	/* It may have started just now; its token has the time at which that was allowed. */
	:: STEP(REAP_RESTAMP)
#ifndef MUTANT_NO_RESTAMP
		stamped = stamped | it;
#endif
		NEXT(REAP_FREE)

	:: STEP(REAP_FREE)
		running = running & ~it;
		forget_ticket(it);
		it = 0;
		NEXT(REAP_RUNNING)

	:: STEP(REAP_HEADS)
		it = LOWEST(HEADS & ~LEASED);
		waiting = waiting & ~it;
		forget_ticket(it);
		pc[i] = (it -> REAP_HEADS : (!(waiting & me) -> ENTER_WAKE :
					 (ripe & me -> RISE_WAKE : ASK)));
		it = 0 }

	/* Who will be directly behind us shall watch us. It is told before we stand there: were we
	 * killed in between, nobody would watch the one before us. */
	:: STEP(ENTER_WAKE)
#if CLASSES
		if
		:: urgent = urgent | me
		:: skip
		fi;
#endif
#if DEPENDS
		if
		:: depends = depends | me
		:: skip
		fi;
#endif
#ifndef MUTANT_NO_ENTER_WAKE
		WAKE((depends & me -> 0 : BEHIND(me)));
#endif
		NEXT(ENTER)

	:: STEP(ENTER)
		waiting = waiting | me;
		came = came | me;
		NEXT(ASK)

#if CLASSES
	/* Order is what the ledger says, so that it never changes unseen: who rises writes it down,
	 * and first tells who was directly behind it and who will be. */
	:: STEP(RISE_WAKE)
#ifndef MUTANT_RISES_SILENTLY
		WAKE(BEHIND(me));
		WAKE(FIRST(QUEUED & LANE(me) & ~(urgent & OLDER(me)) & ~me));
#endif
		NEXT(RISE)

	:: STEP(RISE)
		urgent = urgent | me;
		ripe = ripe & ~me;
		NEXT(ASK)
#endif

	:: STEP(ASK)
		it = AHEAD(me);
		if
		:: depends & ~dep_over & me ->
			it = 0;
			pc[i] = SLEEP
		:: !(depends & ~dep_over & me) && (it & ~LEASED) ->
			PART(REAP_AHEAD);
			waiting = waiting & ~it;
			forget_ticket(it);
			it = 0
		:: !(depends & ~dep_over & me) && !(it & ~LEASED) ->
#if PASS
			if
			:: it && (HEADS & LANE(me) & blocked) &&
			   COUNT(running & LANE(me)) + 2 <= SLOTS -> passing = true
			:: skip
			fi;
#endif
			pc[i] = NOTE_BLOCKED;
			ask_queue()
		fi }

	/* Told to the heads of other lanes, and to who could pass us. Whoever is not in the queue
	 * yet, because of a dependency, joins it here. */
	:: STEP(NOTE_BLOCKED)
#if DEPENDS
#ifndef MUTANT_NO_ENTER_WAKE
		if
		:: depends & me -> WAKE(BEHIND(me))
		:: else -> skip
		fi;
#endif
		depends = depends & ~me;
#endif
#if TOTAL || HOST
		if
		:: lacks && !passing && !(blocked & me) -> blocked = blocked | me
		:: lacks && !passing && (blocked & me) -> lacks = false /* nothing new */
		:: else -> blocked = blocked & ~me; lacks = false
		fi;
#endif
		NEXT(SLEEP)

	:: STEP(SLEEP)
#if TOTAL
		PART(BLOCKED_WAKE);
#ifndef MUTANT_NO_BLOCKED_WAKE
		if
		:: lacks -> WAKE(HEADS & ~LANE(me))
		:: else -> skip
		fi;
#endif
#endif
#if PASS
		PART(PASSER_WAKE);
		if
		:: (host_timer & me) && !AHEAD(me) -> WAKE(BEHIND(me))
		:: (host_timer & me) && !AHEAD(me) -> WAKE(LAST(QUEUED & LANE(me) & ~me))
		:: skip
		fi;
#endif
		forget_look();
		lock = 0;
#ifdef MUTANT_DRAIN_LATE
		NEXT(DRAIN)

	:: STEP(DRAIN)
		mail = mail & ~me;
#endif
		NEXT(LOOK)

	/* ---- its turn ---- */

	:: STEP(TAKE_SLOT)
		waiting = waiting & ~me;
		running = running | me;
		blocked = blocked & ~me;
		depends = depends & ~me;
#if !RATE || defined(MUTANT_TOKEN_AFTER)
		NEXT(TAKE_WAKE)
#else
		NEXT(TAKE_TOKEN)
#endif

	:: STEP(TAKE_TOKEN)
		tokens = tokens | me;
#ifdef MUTANT_TOKEN_AFTER
		stamped = stamped | me;
		NEXT(SUPERVISE)
#else
		NEXT(TAKE_WAKE)
#endif

	:: STEP(TAKE_WAKE)
#ifndef MUTANT_TAKE_WAKES_HEAD
		WAKE(BEHIND(me));
#else
		WAKE(HEADS & LANE(me));
#endif
		forget_ticket(me);
		forget_look();
		forget_events();
		lock = 0;
		NEXT(CLONE)

	/* ---- the start ---- */

	:: STEP(CLONE)
		populated = populated | me;
		unborn = unborn | me;
		MUST(ONLY_SO_MANY_RUN, too_many_run);
		NEXT(LAUNCH_BEGIN)

	:: LOCK_STEP(LAUNCH_BEGIN)
#if RATE
		begun = begun | me; /* it has no other use */
#endif
#ifndef MUTANT_JOB_NOT_NOTED
		noted = noted | me;
#endif
		lock = 0;
		NEXT(GO)

	/* Hooks, the leaf, the clone or the ledger failed; a child that waits is ended first. */
	:: atomic { (pc[i] == CLONE || pc[i] == LAUNCH_BEGIN) && alive & me ->
		PART(NOT_STARTED);
		unborn = unborn & ~me;
		populated = populated & ~me;
		NEXT(RELEASE)

	:: STEP(GO)
		MUST(STARTS_ONCE, started_twice);
		started = started | me;
		let_go = let_go | me;
		window = window | me;
		MUST(RATE_IS_KEPT, rate_passed);
		NEXT(HEAR)

	:: atomic { pc[i] == HEAR && !(unborn & me) ->
		PART(HEAR);
#if RATE && defined(MUTANT_TOKEN_AFTER)
		pc[i] = (failed & me -> RELEASE : TAKE_TOKEN) }
#elif defined(MUTANT_STARTS_AGAIN)
		pc[i] = (failed & me -> GO : SUPERVISE) }
#elif RATE
		pc[i] = (failed & me -> RELEASE : RESTAMP) }
#else
		pc[i] = (failed & me -> RELEASE : SUPERVISE) }
#endif

	:: LOCK_STEP(RESTAMP)
		stamped = stamped | me;
		NEXT(LAUNCH_DONE)

	:: STEP(LAUNCH_DONE)
		done = done | me;
		lock = 0;
		NEXT(SUPERVISE)

	:: atomic { pc[i] == SUPERVISE && !(populated & me) ->
		PART(SUPERVISE);
		NEXT(RELEASE)

	/* ---- the end ---- */

	/* The wait is over, or a signal came. */
	:: atomic { pc[i] == LOOK && !lock ->
		PART(GIVE_UP);
		forget_events();
		lock = me;
		NEXT(FREE)

	:: LOCK_STEP(RELEASE)
		pc[i] = (tokens & me & ~(started & ~failed) -> REFUND : FREE) }

	:: STEP(REFUND)
#ifndef MUTANT_KEEPS_TOKEN
		tokens = tokens & ~me;
#endif
		NEXT(FREE)

	:: STEP(FREE)
		it = waiting & me;
		waiting = waiting & ~me;
		running = running & ~me;
		NEXT(RELEASE_WAKE)

	:: STEP(RELEASE_WAKE)
#ifndef MUTANT_NO_WAKE
		WAKE(HEADS);
#endif
#ifndef MUTANT_LEAVER_WAKES_HEADS
		WAKE((it -> BEHIND(me) : 0));
#endif
		it = 0;
		forget_ticket(me);
		lock = 0;
		MUST(GIVEN_BACK, not_given_back);
		NEXT(EXIT)

	/* It may live on for long: with retries it comes again. */
	:: STEP(EXIT)
		die() }

	/* ---- what happens by itself ---- */

	:: EVENT(KILL, alive & me && pc[i] != EXIT)
		die() }

	:: EVENT(EXEC, unborn & let_go & me)
		unborn = unborn & ~me;
		let_go = let_go & ~me }

	:: EVENT(EXEC_FAILS, unborn & let_go & me)
		unborn = unborn & ~me;
		let_go = let_go & ~me;
		populated = populated & ~me;
		noted = noted & ~me;
		window = window & ~me;
		failed = failed | (me & alive) }

	/* It waits for a word of a launcher that is dead. */
#ifdef MUTANT_NO_GATE
	:: EVENT(NEVER_LET_GO, unborn & ~let_go & ~alive & me)
		let_go = let_go | me;
		window = window | me }
#else
	:: EVENT(NEVER_LET_GO, unborn & ~let_go & ~alive & me)
		unborn = unborn & ~me;
		populated = populated & ~me;
		noted = noted & ~me }
#endif

	/* By itself, or because a reaper killed it. */
	:: EVENT(LEAF_EMPTIES, populated & me && !(unborn & me))
		populated = populated & ~me;
		noted = noted & ~me }

	:: EVENT(WINDOW_ENDS, window & me)
		window = window & ~me }

	/* Until LAUNCH_DONE it is as young as can be. One whose time is that of the admission may
	 * be of any age. */
	:: EVENT(TOKEN_AGES, tokens & me && !(running & me & ~done) && !(stamped & window & me))
		tokens = tokens & ~me;
		stamped = stamped & ~me;
		begun = begun & ~(me & ~running);
		timer = timer | (rate_timer & LANE(me));
		rate_timer = rate_timer & ~LANE(me) }

#if CLASSES
	/* It knows when, and looks then. */
	:: EVENT(RIPENS, rises < CLASSES && pc[i] == LOOK && !((urgent | ripe) & me))
		rises++;
		ripe = ripe | me;
		timer = timer | (me & ~depends) }
#endif
#if DEPENDS
	:: EVENT(DEPENDENCY_ENDS, depends & ~dep_over & me && pc[i] == LOOK)
		dep_over = dep_over | me }
#endif
	od
}

active proctype monitor()
{
end:	do
	:: atomic { !(NO_WAKE_UP_LOST) -> MUST(false, wake_up_lost) }
	:: atomic { !lock && !(NO_STALE_TOKEN) -> MUST(false, stale_token) }
	:: atomic { timeout -> MUST(came == ALL && !alive && !populated, stuck) }
	od
}

init {
	atomic {
		byte k = 0;
		do
		:: k < N ->
			run launcher(k);
			k++
		:: else -> break
		od
	}
}
