# SPDX-License-Identifier: BSD-2-Clause
# Everything that is made lies below $(BUILD). `make help` lists the targets.

BUILD	  ?= build
CC	  ?= gcc
ifeq ($(origin CC),default)
CC	   = gcc
endif
CLANG	  ?= clang
BPFTOOL	  ?= $(firstword $(shell command -v bpftool 2>/dev/null) /usr/sbin/bpftool)
PREFIX	  ?= /usr/local
DESTDIR	  ?=

INCLUDES   = -Iinclude -Iuser -Iuser/tcp
MULTIARCH := $(shell uname -m)-linux-gnu
WARNINGS   = -Wall -Wextra -Werror
CFLAGS	  ?= -O2 -g
# The core's functions are small and many, in files of one noun each; the linker puts
# them together. Objects keep their code, for tools that read them.
LTO	  ?= $(if $(findstring gcc,$(notdir $(firstword $(CC)))),-flto=auto -ffat-lto-objects)
C_FLAGS	   = -std=gnu11 $(CFLAGS) $(WARNINGS) $(INCLUDES) -I$(BUILD) -D_GNU_SOURCE -MMD -MP
BPF_FLAGS  = -std=gnu11 -target bpf -mcpu=v3 -O2 -g $(WARNINGS) $(INCLUDES) \
	     -I/usr/include/$(MULTIARCH) -MMD -MP
SANITIZE   = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LIBS	   = -Wl,--as-needed -lxdp -lbpf -lelf -lz -lmnl -lcyaml -lyaml -ljansson -lmicrohttpd \
	     -lsystemd -lcurl -pthread

BPF_SOURCES  := $(wildcard bpf/*.bpf.c tests/bpf/programs/*.bpf.c)
CORE_SOURCES := $(wildcard user/tcp/*.c)
USER_SOURCES := $(wildcard user/*.c user/services/*.c) $(CORE_SOURCES)
CTL_SOURCES  := tools/xtcpctl.c $(wildcard tools/xtcpctl_*.c tools/ladder*.c)
HARNESS      := $(wildcard tests/harness/*.c)
C_LAYERS     := unit states link diff scenarios services config bpf
LAYERS	     := $(C_LAYERS) fuzz net
C_TESTS      := $(foreach layer,$(C_LAYERS),$(wildcard tests/$(layer)/*.c))
FUZZ_TESTS   := $(wildcard tests/fuzz/*.c)

SKELETONS    := $(patsubst %.bpf.c,$(BUILD)/%.skel.h,$(notdir $(BPF_SOURCES)))
USER_OBJECTS := $(USER_SOURCES:%.c=$(BUILD)/obj/%.o)
CTL_OBJECTS  := $(CTL_SOURCES:%.c=$(BUILD)/obj/%.o)
TEST_BINARIES := $(C_TESTS:%.c=$(BUILD)/%)
FUZZ_BINARIES := $(FUZZ_TESTS:%.c=$(BUILD)/%)
NET_BINARIES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/net/*.c))

# A test program that needs more than the core and the harness says so in its
# first comment:  Links: user/wheel.c user/text.c
links = $(shell sed -n 's/^.*Links: *\([^*]*\).*/\1/p' $(1))
# (No % here: in the prerequisites of a pattern rule it is the stem.)
linked = $(addprefix $(BUILD)/$(1)/,$(addsuffix .o,$(basename $(call links,$(2)))))

# One short line for each step; V=1 shows the commands.
ifeq ($(V),)
Q = @
step = @printf '  %-6s %s\n' $(1) $(2)
endif

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:
.PHONY: FORCE all tests test fuzz matrix conformance coverage coverage-report fmt check check-format \
	check-build check-static check-conformance \
	check-layers bench bench-tools bench-micro bench-instructions check-instructions \
	bench-deps demo deps install uninstall clean help $(LAYERS:%=test-%)

all: $(BUILD)/xtcpd $(BUILD)/xtcpctl $(BUILD)/wire

# --- what was built with other flags is built again ---------------------------

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(C_FLAGS) $(LTO) $(SANITIZE)' | cmp -s - $@ || \
		echo '$(CC) $(C_FLAGS) $(LTO) $(SANITIZE)' > $@
FORCE:

# --- XDP ------------------------------------------------------------------------

define compile-bpf
	@mkdir -p $(@D)
	$(call step,BPF,$@)
	$(Q)$(CLANG) $(BPF_FLAGS) -c $< -o $@
endef

$(BUILD)/%.bpf.o: bpf/%.bpf.c
	$(compile-bpf)

$(BUILD)/%.bpf.o: tests/bpf/programs/%.bpf.c
	$(compile-bpf)

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call step,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@

# --- user space -----------------------------------------------------------------

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(SKELETONS)
	@mkdir -p $(@D)
	$(call step,CC,$@)
	$(Q)$(CC) $(C_FLAGS) $(LTO) -c $< -o $@

$(BUILD)/asan/%.o: %.c $(BUILD)/flags | $(SKELETONS) $(TEST_SKELETONS)
	@mkdir -p $(@D)
	$(call step,CC,$@)
	$(Q)$(CC) $(C_FLAGS) $(SANITIZE) -Itests/harness -c $< -o $@

$(BUILD)/fuzzer/%.o: %.c | $(SKELETONS)
	@mkdir -p $(@D)
	$(call step,CC,$@)
	$(Q)$(CLANG) $(C_FLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -Itests/harness -c $< -o $@

$(BUILD)/xtcpd: $(USER_OBJECTS)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/xtcpctl: $(CTL_OBJECTS)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -lcurl -ljansson -o $@

$(BUILD)/wire: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/wire*.c))
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

# --- the load generator, and what xtcp is measured beside -----------------------------

BENCH_PEERS   := $(filter-out %.bpf.c,$(wildcard tools/bench/*.c))
BENCH_XDP     := $(wildcard tools/bench/*.bpf.c)
XLOAD_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %.bpf.c,$(wildcard tools/xload*.c)))
BENCH_TOOLS   := $(BENCH_PEERS:tools/%.c=$(BUILD)/%) $(BENCH_XDP:tools/%.c=$(BUILD)/%)
BENCH_TOOLS   := $(BENCH_TOOLS:.bpf=.bpf.o)

$(BUILD)/xload.bpf.o $(BENCH_XDP:tools/%.c=$(BUILD)/%.o): $(BUILD)/%.bpf.o: tools/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c $< -o $@

$(XLOAD_OBJECTS): $(BUILD)/xload.skel.h

CPU_TIME   := $(BUILD)/obj/tools/cpu_time.o
XLOAD_WAYS := $(patsubst %,$(BUILD)/obj/user/%.o,addresses complaint endpoint interface netlink route)

$(BUILD)/xload: $(XLOAD_OBJECTS) $(XLOAD_WAYS) $(CPU_TIME)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lbpf -lelf -lz -lmnl -o $@

$(BENCH_PEERS:tools/%.c=$(BUILD)/%): $(BUILD)/%: $(BUILD)/obj/tools/%.o $(CPU_TIME)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(BENCH_LIBS) -o $@

$(BUILD)/bench/transmit: BENCH_LIBS = -lxdp -lbpf

bench-tools: $(BUILD)/xtcpd $(BUILD)/xtcpctl $(BUILD)/xload $(BENCH_TOOLS)

# Parts by themselves: XDP by BPF_PROG_TEST_RUN, and the core.
MICRO_TOOLS = $(BUILD)/bench/micro/xdp $(BUILD)/bench/micro/core
COMPILED_BY = CC='$(CC)' CFLAGS='$(strip $(CFLAGS) $(LTO))' CLANG='$(CLANG)'
AIMED	   := $(patsubst %,$(BUILD)/obj/tools/bench/micro/%.o,xdp tables)

$(BUILD)/%.bpf.o: tools/bench/micro/%.bpf.c
	$(compile-bpf)

$(AIMED): $(BUILD)/aim.skel.h
$(AIMED): private INCLUDES += -Itests/bpf
$(BUILD)/aim.bpf.o: private INCLUDES += -Ibpf

$(BUILD)/bench/micro/xdp: $(AIMED) $(BUILD)/obj/tests/bpf/rig/frame.o $(BUILD)/obj/user/flow_table.o
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ -lbpf -lelf -lz -o $@

$(BUILD)/bench/micro/core: $(patsubst %,$(BUILD)/obj/tools/bench/micro/%.o,core pair) $(CORE_SOURCES:%.c=$(BUILD)/obj/%.o)
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) $^ -o $@

# MICRO='--flows 1 --rounds 11': tools/bench/micro/micro --help
bench-micro: $(MICRO_TOOLS)
	BUILD=$(BUILD) tools/bench/micro/micro measure $(MICRO)

# Into the repository, so that a regression is a diff; and whether there is one.
bench-instructions: $(MICRO_TOOLS)
	BUILD=$(BUILD) $(COMPILED_BY) tools/bench/micro/micro instructions $(MICRO)

check-instructions: $(MICRO_TOOLS)
	BUILD=$(BUILD) $(COMPILED_BY) tools/bench/micro/micro check

# BENCH='--quick' or the names of rows: BENCH=--help lists them
bench: bench-tools
	BUILD=$(BUILD) tools/bench/bench $(BENCH)

# The daemon with sanitizers, for the tests that look for more than the wire shows.
$(BUILD)/xtcpd-asan: $(USER_SOURCES:%.c=$(BUILD)/asan/%.o)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $^ $(LIBS) -o $@

# --- tests ----------------------------------------------------------------------

TEST_CORE := $(HARNESS:%.c=$(BUILD)/asan/%.o) $(CORE_SOURCES:%.c=$(BUILD)/asan/%.o)
FUZZ_CORE := $(HARNESS:%.c=$(BUILD)/fuzzer/%.o) $(CORE_SOURCES:%.c=$(BUILD)/fuzzer/%.o)

$(TEST_BINARIES): $(BUILD)/%: $(BUILD)/asan/%.o $(TEST_CORE) \
		  $$(call linked,asan,$$*.c)
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $(sort $^) -lcmocka $(LIBS) -lm -o $@

$(FUZZ_BINARIES): $(BUILD)/%: $(BUILD)/fuzzer/%.o $(FUZZ_CORE) \
		  $$(call linked,fuzzer,$$*.c)
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(CLANG) $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer $(sort $^) -lcmocka $(LIBS) -lm -o $@

# The scenarios once more, against a running daemon (tests/net/test_scenarios.py).
LIVE_SCENARIO := $(BUILD)/tests/scenarios/live/live
$(LIVE_SCENARIO): $(patsubst %.c,$(BUILD)/asan/%.o,$(wildcard tests/scenarios/live/*.c) \
		  tools/xtcpctl_http.c tools/xtcpctl_list.c tools/xtcpctl_show.c) $(TEST_CORE)
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(SANITIZE) $^ -lcmocka $(LIBS) -lm -o $@

$(NET_BINARIES): $(BUILD)/%: $(BUILD)/obj/%.o
	@mkdir -p $(@D)
	$(call step,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $^ -o $@

tests: all $(BUILD)/xload $(BUILD)/bench/xdp_pass.bpf.o $(BUILD)/xtcpd-asan $(TEST_BINARIES) $(FUZZ_BINARIES) $(NET_BINARIES) $(LIVE_SCENARIO)

test: deps
	$(MAKE) --no-print-directory -j$$(nproc) tests
	BUILD=$(BUILD) tests/run $(LAYERS)

$(LAYERS:%=test-%): test-%: tests
	BUILD=$(BUILD) tests/run $*

fuzz: $(FUZZ_BINARIES)
	BUILD=$(BUILD) FUZZ_SECONDS=600 tests/run fuzz

matrix:
	tools/matrix

# The page of requirements, from what code and tests cite.
conformance:
	@mkdir -p $(BUILD)
	tools/conformance >$(BUILD)/conformance.md
	cp $(BUILD)/conformance.md docs/conformance.md

# Of the core and of the shared headers: what the layers without root reach, with
# fewer seeds than usual and without sanitizers.
COVERED_LAYERS = unit states link diff scenarios
LCOV = lcov -q --rc lcov_branch_coverage=1

coverage:
	$(MAKE) BUILD=$(BUILD)/coverage SANITIZE= CFLAGS='-O1 -g --coverage' coverage-report

coverage-report: $(filter $(COVERED_LAYERS:%=$(BUILD)/tests/%/%),$(TEST_BINARIES))
	find $(BUILD) -name '*.gcda' -delete
	BUILD=$(BUILD) RUNS=2000 TRACES=1000 tests/run $(COVERED_LAYERS)
	$(LCOV) -c -d $(BUILD) -o $(BUILD)/all.info 2>/dev/null
	$(LCOV) -e $(BUILD)/all.info '$(CURDIR)/user/tcp/*' '$(CURDIR)/include/*' -o $(BUILD)/core.info
	genhtml -q --branch-coverage $(BUILD)/core.info -o $(BUILD)/html
	tools/coverage $(BUILD)/core.info 95 85

# --- the code itself --------------------------------------------------------------

C_FILES = $(shell git ls-files '*.c' '*.h')

fmt:
	clang-format -i $(C_FILES)

check: check-format check-layers check-conformance check-build check-static

check-format:
	@clang-format --dry-run -Werror $(C_FILES)

check-build:
	$(MAKE) CC=gcc BUILD=$(BUILD)/gcc all
	$(MAKE) CC=clang BUILD=$(BUILD)/clang all

check-static:
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning \
		--suppress=missingIncludeSystem --suppress=ctuuninitvar \
		--suppress=returnDanglingLifetime --suppress=memleak:user/addresses.c --suppress=unknownMacro:user/attach.c \
		$(BENCH_XDP:%=-i%) -itools/xload.bpf.c -itools/bench/micro/aim.bpf.c \
		$(INCLUDES) user tools

check-conformance:
	tools/conformance --check

check-layers: $(CORE_SOURCES:%.c=$(BUILD)/obj/%.o)
	BUILD=$(BUILD) tools/layers

# --- use --------------------------------------------------------------------------

deps:
	@tools/deps

bench-deps:
	@tools/deps --bench

demo: deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(NET_BINARIES)
	@BUILD=$(BUILD) tools/demo

install: all
	install -D -m 755 $(BUILD)/xtcpd $(DESTDIR)$(PREFIX)/sbin/xtcpd
	install -D -m 755 $(BUILD)/xtcpctl $(DESTDIR)$(PREFIX)/bin/xtcpctl
	sed 's|/usr/local|$(PREFIX)|' packaging/xtcpd.service | install -D -m 644 /dev/stdin \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/xtcpd.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/xtcp README.md packaging/xtcpd.yaml

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/xtcpd $(DESTDIR)$(PREFIX)/bin/xtcpctl
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/xtcpd.service
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/xtcp

clean:
	rm -rf $(BUILD)

help:
	@echo 'make             build xtcpd, xtcpctl and wire below build/          nobody'
	@echo 'make demo        see it work, in network namespaces of its own       root'
	@echo 'make test        every layer of tests; at most ten minutes           root'
	@echo 'make test-LAYER  one of them: unit states link diff scenarios        nobody'
	@echo '                 services config                                     nobody'
	@echo '                 bpf net                                             root'
	@echo '                 fuzz, 20 seconds each                               nobody'
	@echo 'make bench       how fast, beside the kernel, nginx and HAProxy      root'
	@echo 'make bench-micro XDP and the core by themselves; a minute            root'
	@echo 'make check-instructions   has the core become dearer? (callgrind)    nobody'
	@echo 'make fuzz        every fuzzer for ten minutes                        nobody'
	@echo 'make matrix      the matrix of states and events, from the tests     nobody'
	@echo 'make conformance docs/conformance.md, from what code and tests cite  nobody'
	@echo 'make coverage    of the core and the shared headers; has a least     nobody'
	@echo 'make check       format, layers, gcc and clang, static analysis      nobody'
	@echo 'make fmt         format the sources                                  nobody'
	@echo 'make deps        install what is missing (not root: say what is)     root'
	@echo 'make bench-deps  the same, and what the benchmarks compare with      root'
	@echo 'make install     DESTDIR= PREFIX=/usr/local; make uninstall          root'
	@echo 'make clean       remove build/                                       nobody'

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)
