# Targets for people who test: included by the Makefile. What each runner does stands at its head in test/harness.
#
#	make check		all tests on throw-away clusters, unattended; installs what it needs
#	make check-STAGE	one stage: build unit house regress isolation tap cloud fuzz (make check-regress T='core_ids catalog_*')
#	make check-versions	PostgreSQL 15, 17 and 18 in Debian trees (root)
#	make check-long		check with long fuzzing and long kill loops
#	make installcheck	the regression tests against the running server of PG_CONFIG, PGHOST, …
#	make bench, demo, demo-stop, demo-clouds, demo-clouds-stop, demo-kafka, demo-kafka-stop, reference, format

UNIT_SRC    := $(sort $(wildcard test/*/unit/*.c))
UNIT_BIN    := $(foreach f,$(UNIT_SRC),build/unit/$(basename $(notdir $(f))))
FUZZ_SRC    := $(sort $(wildcard test/*/fuzz/*.c))
FUZZ_BIN    := $(foreach f,$(FUZZ_SRC),build/fuzz/$(basename $(notdir $(f))))
SAN_OBJS    := $(KERNELS:src/%.c=build/san/%.o)
FUZZ_OBJS   := $(KERNELS:src/%.c=build/fuzz/obj/%.o)

CLANG       ?= clang
KERNEL_STD   = -std=gnu11 -g -fno-strict-aliasing -fwrapv -D_GNU_SOURCE -DCF_VERSION='"$(EXTVERSION)"' -DCF_TEST -Isrc $(BLAS_DEFS)
SANITIZE     = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
T           ?=

.PHONY: check check-versions check-long bench demo demo-stop demo-clouds demo-clouds-stop demo-kafka demo-kafka-stop reference format unit-programs conform-program fuzz-programs
.PHONY: check-build check-unit check-house check-regress check-isolation check-tap check-cloud check-fuzz clang-objects
ifneq ($(or $(filter check,$(MAKECMDGOALS)),$(if $(PGXS),,1)),)
check:
	+@test/harness/check all
endif

check-long:
	+@CF_LONG=1 test/harness/check all

check-build check-unit check-house check-regress check-isolation check-tap check-cloud check-fuzz: check-%:
	+@test/harness/check $* $(T)

check-versions:
	+@test/harness/versions

# PGXS people expect this name. No REGRESS list: every test gets a fresh database, as in `make check`.
installcheck:
	@PG_CONFIG='$(PG_CONFIG)' test/harness/regress --installed $(T)

bench:
	@set -e; for f in $(sort $(wildcard test/bench/bench_*)); do echo "== $$f"; $$f; done

demo:
	+@test/harness/setup demo
	+@test/demo/demo

demo-stop:
	@test/demo/demo stop

demo-clouds:
	+@test/harness/setup clouds
	+@test/demo/demo-clouds

demo-clouds-stop:
	@test/demo/demo-clouds stop

demo-kafka:
	+@test/harness/setup demo
	+@test/harness/setup kafka
	+@test/demo/demo-kafka

demo-kafka-stop:
	@test/demo/demo-kafka stop

reference:
	+@test/harness/house --run test/house/reference > build/reference.md && mkdir -p docs && mv build/reference.md docs/reference.md

format:
	clang-format -i --style=file:src/.clang-format $(shell find src -name '*.[ch]')

unit-programs: $(SAN_OBJS) $(UNIT_BIN)
conform-program: build/conformance/storage_conform build/conformance/storage_faults
fuzz-programs: $(FUZZ_BIN)

# Kernels once more with sanitizers and coverage; a unit test is linked with all of them.
$(SAN_OBJS): build/san/%.o: src/%.c
	@mkdir -p $(@D)
	@rm -f $(@:.o=.gcda)
	$(CC) $(KERNEL_STD) -O1 --coverage $(SANITIZE) $(WARN_KERNEL) -MMD -MP -c -o $@ $<

define unit_rule
build/unit/$(basename $(notdir $(1))): $(1) test/harness/tap.h $(SAN_OBJS)
	@mkdir -p $$(@D)
	$$(CC) $$(KERNEL_STD) -O1 $$(SANITIZE) $$(WARN_KERNEL) -Itest -Itest/harness -MMD -MP -MF $$@.d -o $$@ $(1) $(SAN_OBJS) --coverage $$(LIBS_CF) -lpthread
	@rm -f build/unit/*.gcno
endef
$(foreach f,$(UNIT_SRC),$(eval $(call unit_rule,$(f))))

# Programs for servers that run: the conformance suite (its clock is its own, so that it can be wrong), and random faults by the
# scripted peers.
build/conformance/storage_conform: CONFORM_LINK = -Wl,--wrap=cf_clock_now_us
build/conformance/storage_conform build/conformance/storage_faults: build/conformance/%: test/storage/conformance/%.c test/harness/tap.h $(SAN_OBJS)
	@mkdir -p $(@D)
	$(CC) $(KERNEL_STD) -O1 $(SANITIZE) $(WARN_KERNEL) -Itest -Itest/harness -MMD -MP -MF $@.d -o $@ $< $(SAN_OBJS) --coverage $(CONFORM_LINK) $(LIBS_CF) -lpthread
	@rm -f build/conformance/*.gcno

$(FUZZ_OBJS): build/fuzz/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CLANG) $(KERNEL_STD) -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -MMD -MP -c -o $@ $<

define fuzz_rule
build/fuzz/$(basename $(notdir $(1))): $(1) $(FUZZ_OBJS)
	@mkdir -p $$(@D)
	$$(CLANG) $$(KERNEL_STD) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Itest -Itest/harness -MMD -MP -MF $$@.d -o $$@ $(1) $(FUZZ_OBJS) $$(LIBS_CF) -lpthread
endef
$(foreach f,$(FUZZ_SRC),$(eval $(call fuzz_rule,$(f))))

# The same sources through clang, for its warnings only.
CLANG_OBJS  := $(KERNELS:src/%.c=build/clang/kernel/%.o) $(DOORWAYS:src/%.c=build/clang/doorway/%.o)
clang-objects: $(CLANG_OBJS)
build/clang/kernel/%.o: src/%.c
	@mkdir -p $(@D)
	$(CLANG) $(KERNEL_STD) -O1 -fPIC $(WARN_KERNEL) -MMD -MP -c -o $@ $<
build/clang/doorway/%.o: src/%.c
	@mkdir -p $(@D)
	$(CLANG) -O1 -g -fPIC -fno-strict-aliasing -fwrapv -Wno-unused-command-line-argument -Wno-unknown-warning-option $(WARN) $(CF_DEFS) -Isrc $(patsubst -I%,-isystem %,$(CPPFLAGS)) -MMD -MP -c -o $@ $<

-include $(SAN_OBJS:.o=.d) $(FUZZ_OBJS:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_BIN:=.d) $(CLANG_OBJS:.o=.d)
