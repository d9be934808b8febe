# SPDX-License-Identifier: MIT
# resrun: `make` builds, `make check` proves, `make demo` shows, `make install` installs.

ifeq ($(origin CC),default)
CC       := gcc
endif
PREFIX   ?= /usr/local
DESTDIR  ?=
SYSCONF  ?= /etc
SHARE     = $(PREFIX)/share
# resrun finds its hooks from where it stands: bin/../libexec/resrun.
LIBEXECDIR = $(PREFIX)/libexec/resrun
UNITDIR   ?= $(PREFIX)/lib/systemd
O        ?= build
V        ?=

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla \
	-Wcast-qual -Wnull-dereference -Wimplicit-fallthrough -Wmissing-declarations
# gcc alone warns of every path that might be cut; the open() that follows is the check.
WARNINGS += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
HARDEN   := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS   ?= -O2 -g
# Fortify wants an optimizing build; the sanitizers bring their own checks.
FORTIFY  ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. $(WARNINGS) $(HARDEN) $(FORTIFY) $(CFLAGS) $(SANITIZE)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(LDFLAGS) $(SANITIZE)

# Five libraries to find, map and relocate cost a start as much as all else that resrun does before it runs the command.
# Where their archives are installed they go into the program, which then also runs where they are not (a container);
# LINK=shared, as a distribution wants it, takes the shared ones.
LINK     ?= static
archive   = $(if $(filter static,$(LINK)),$(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)))
library   = $(or $(call archive,$(1)),-l$(1))

RESRUN_LIBS    := $(foreach lib,inih cgroup seccomp jansson,$(call library,$(lib)))
RESRUNCTL_LIBS := $(RESRUN_LIBS) -lsmartcols -lsqlite3 -lncursesw -ltinfo -lm

floor = $(patsubst %.c,$(O)/%.o,$(wildcard $(1)/*.c))
FLOORS := $(call floor,base) $(call floor,policy) $(call floor,cgroup)
TESTS  := $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
HELPERS := $(patsubst tests/helpers/%.c,$(O)/tests/helpers/%,$(wildcard tests/helpers/*.c))

ifneq ($(V),1)
quiet = @printf '  %-7s %s\n' '$(1)' '$(patsubst $(O)/%,%,$@)';
endif

.PHONY: all
all: $(O)/resrun $(O)/resrunctl

$(O)/resrun: $(call floor,runner) $(FLOORS)
	$(call quiet,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(RESRUN_LIBS)

$(O)/resrunctl: $(call floor,control) $(FLOORS)
	$(call quiet,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(RESRUNCTL_LIBS)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/tests/%: tests/unit/%.c $(FLOORS)
	@mkdir -p $(@D)
	$(call quiet,TEST)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(FLOORS) $(RESRUN_LIBS) -lcmocka

# Run inside jobs: a sanitizer would fight with what the tests do to them.
$(O)/tests/helpers/%: tests/helpers/%.c
	@mkdir -p $(@D)
	$(call quiet,HELPER)$(CC) $(filter-out $(SANITIZE),$(ALL_CFLAGS)) -MMD -MP \
		$(filter-out $(SANITIZE),$(ALL_LDFLAGS)) -o $@ $< -lseccomp

# Only with clang and its -fsanitize=fuzzer-no-link for all objects: see scripts/fuzz.
$(O)/fuzz/%: tests/fuzz/fuzz_%.c $(FLOORS)
	@mkdir -p $(@D)
	$(call quiet,FUZZ)$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(FLOORS) $(RESRUN_LIBS)

# What the tests run: the programs, the unit tests and the helpers.
.PHONY: tests
tests: all $(TESTS) $(HELPERS)
	@:

.PHONY: unit
unit: $(TESTS) $(HELPERS)
	@for t in $(TESTS); do $$t || exit 1; done

# Packages come first: what follows is another make, which then finds the headers.
.PHONY: demo check lint bench deps ci
ci:
	@.ci/run

demo:
	@scripts/deps build demo
	@$(MAKE) --no-print-directory all
	@RESRUN_BUILD=$(O) scripts/demo

check:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@scripts/check --build $(O) $(CHECK)

# What resrunctl shows, written anew into tests/golden: read the difference, then commit it.
.PHONY: golden
golden:
	@scripts/deps build check
	@$(MAKE) --no-print-directory all
	@RESRUN_GOLDEN=renew RESRUN_BUILD=$(abspath $(O)) bats tests/golden.bats
	@git --no-pager diff --stat -- tests/golden

lint:
	@scripts/deps build check lint
	@scripts/lint

# Every point of the sweeps, of which `make check` has a sample: takes the better part of an hour, and then more than that in
# the guest, where jobs have a leaf (FAULT_GUEST= leaves that out).
FAULT_GUEST ?= --slow --jobs 2 leaf alone
.PHONY: fault
fault:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@status=0; for sweep in crash-sweep error-sweep 'error-sweep --lasting'; do \
		RESRUN_BUILD=$(abspath $(O)) tests/fault/$$sweep || status=1; \
	done; \
	test -z '$(FAULT_GUEST)' || scripts/guest --timeout 14400 --env RESRUN_BUILD=$(abspath $(O)) -- \
		tests/fault/crash-sweep $(FAULT_GUEST) || status=1; \
	exit $$status

# Many jobs in a row, and many at once; MANY='--row 100000', or whatever else tests/fault/many takes.
.PHONY: many
many:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) tests/fault/many $(or $(MANY),--measure)

# Core tests on kernels that lack what resrun prefers; FALLBACKS='steer death' for some of them, --without-kill for the guest.
.PHONY: fallbacks
fallbacks:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) tests/fault/fallbacks $(FALLBACKS)

# Crowds that fight for a few slots while some are killed; SOAK='--rounds 100' for longer.
.PHONY: soak
soak:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) tests/fault/soak $(or $(SOAK),--rounds 10)

# A week of cron: 10,000 starts of all kinds, also with a full disk; WEEK='--starts 1000' for fewer.
.PHONY: cron-week
cron-week:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) tests/fault/cron-week $(WEEK)

# Sweeps that are raced for long, and in a large tree; `make check` has 2,000 swaps and 20,000 entries.
.PHONY: race
RACE_ROUNDS ?= 100000
RACE_ENTRIES ?= 1000000
race: $(O)/tests/test_sweep_races $(O)/tests/test_sweep_limits
	RESRUN_RACE_ROUNDS=$(RACE_ROUNDS) $(O)/tests/test_sweep_races
	RESRUN_SWEEP_ENTRIES=$(RACE_ENTRIES) $(O)/tests/test_sweep_limits

# FUZZ_TIME: seconds for each target.
.PHONY: fuzz
FUZZ_TIME ?= 600
fuzz:
	@scripts/deps build clang
	@scripts/fuzz $(FUZZ_TIME)

# Every order of the ledger protocol's steps (tests/model/ledger.pml).
.PHONY: model
model:
	@scripts/deps check
	@scripts/model

bench:
	@scripts/deps build check bench
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(O) scripts/bench

# Waiting, beside other queues; ADMISSION=handover for one part.
.PHONY: bench-admission
bench-admission:
	@scripts/deps build check bench
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) scripts/bench-admission $(ADMISSION)

# What an encode does to a small periodic task, by what holds it; PROTECT='--rounds 2 outside' for a part.
.PHONY: bench-protect
bench-protect:
	@scripts/deps build check bench
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) scripts/bench-protect $(PROTECT)

# Watching, beside psutil; MONITOR='--seconds 10' for a shorter run.
.PHONY: bench-monitor
bench-monitor:
	@scripts/deps build check bench
	@$(MAKE) --no-print-directory all
	@RESRUN_BUILD=$(abspath $(O)) scripts/bench-monitor $(MONITOR)

# Looking at long queues and a long past; PAST='--records 10000' for a shorter one.
.PHONY: bench-past
bench-past:
	@scripts/deps build check bench
	@$(MAKE) --no-print-directory all
	@RESRUN_BUILD=$(abspath $(O)) scripts/bench-past $(PAST)

# CPU time and memory of launchers that watch, into docs/cost.md; COST='--jobs 5 outside' for a part.
.PHONY: cost
cost:
	@scripts/deps build check
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) scripts/cost $(COST)

# What reports say beside what the kernel says, into docs/accuracy.md.
.PHONY: accuracy
accuracy:
	@scripts/deps build check bench
	@$(MAKE) --no-print-directory tests
	@RESRUN_BUILD=$(abspath $(O)) scripts/accuracy

deps:
	@scripts/deps

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(SYSCONF)/resrun \
		$(DESTDIR)$(SHARE)/doc/resrun
	install -m 755 $(O)/resrun $(O)/resrunctl $(DESTDIR)$(PREFIX)/bin
	install -m 755 scripts/hooks/* $(DESTDIR)$(LIBEXECDIR)
	install -d $(DESTDIR)$(SHARE)/man/man1 $(DESTDIR)$(SHARE)/man/man5 \
		$(DESTDIR)$(SHARE)/bash-completion/completions \
		$(DESTDIR)$(SHARE)/zsh/site-functions $(DESTDIR)$(SHARE)/fish/vendor_completions.d
	install -m 644 man/resrun.1 man/resrunctl.1 $(DESTDIR)$(SHARE)/man/man1
	install -m 644 man/resrun.ini.5 $(DESTDIR)$(SHARE)/man/man5
	install -m 644 completion/resrun.bash $(DESTDIR)$(SHARE)/bash-completion/completions/resrun
	install -m 644 completion/resrunctl.bash $(DESTDIR)$(SHARE)/bash-completion/completions/resrunctl
	install -m 644 completion/_resrun completion/_resrunctl $(DESTDIR)$(SHARE)/zsh/site-functions
	install -m 644 completion/resrun.fish completion/resrunctl.fish $(DESTDIR)$(SHARE)/fish/vendor_completions.d
	install -m 644 README.md LICENSE resrun.ini docs/grafana-dashboard.json $(DESTDIR)$(SHARE)/doc/resrun
	install -d $(DESTDIR)$(SHARE)/doc/resrun/schema
	install -m 644 docs/schema/*.json $(DESTDIR)$(SHARE)/doc/resrun/schema
	@# Hourly upkeep, and power off when idle, for who enables them.
	install -d $(DESTDIR)$(UNITDIR)/system $(DESTDIR)$(UNITDIR)/user
	for dir in $(UNITDIR)/system $(UNITDIR)/user $(SHARE)/doc/resrun; do \
		for file in dist/*; do \
			case $$dir:$$file in \
			$(UNITDIR)*.cron | $(SHARE)*.service | $(SHARE)*.timer | $(UNITDIR)/user:*poweroff*) continue ;; \
			esac; \
			sed 's|@BINDIR@|$(PREFIX)/bin|g' $$file >$(DESTDIR)$$dir/$${file#dist/} && \
			chmod 644 $(DESTDIR)$$dir/$${file#dist/} || exit 1; \
		done; \
	done
	@# An administrator's file is never overwritten.
	test -e $(DESTDIR)$(SYSCONF)/resrun/resrun.ini || \
		install -m 644 resrun.ini $(DESTDIR)$(SYSCONF)/resrun/resrun.ini

.PHONY: clean
clean:
	rm -rf $(O) build-*

-include $(shell find $(O) -name '*.d' 2>/dev/null)
