# cloudflux: a PostgreSQL extension. `make`, `make install`, `make installcheck`, PG_CONFIG=… as with any PGXS project;
# `make demo` and `make check` install what they need and run on throw-away clusters (test/harness).

EXTENSION    = cloudflux
EXTVERSION   = 0.1.0
# Order of installation; a room may lean on those before it.
ROOMS       := security core events net storage catalog forecast pricing tiering migration policy metrics report

# FLAVOUR=test compiles the named fault points in (CF_TEST).
FLAVOUR     ?= release
OBJDIR      := build/$(FLAVOUR)
PG_CONFIG   ?= pg_config

SOURCES     := $(sort $(shell find src -name '*.c'))
DOORWAYS    := $(filter %_sql.c %_worker.c src/core/worker.c src/core/shmem.c src/cloudflux.c,$(SOURCES))
KERNELS     := $(filter-out $(DOORWAYS),$(SOURCES))
KERNEL_OBJS := $(KERNELS:src/%.c=$(OBJDIR)/%.o)
DOORWAY_OBJS:= $(DOORWAYS:src/%.c=$(OBJDIR)/%.o)

MODULES      = $(OBJDIR)/cloudflux
DATA_built   = build/cloudflux--$(EXTVERSION).sql
EXTRA_CLEAN  = build

# The harness's own goals need no PGXS: they install what it takes, then call make again. (PGXS has a `check` that refuses.)
HARNESS_GOALS = check check-% demo demo-stop demo-clouds demo-clouds-stop demo-kafka demo-kafka-stop bench format
NO_INSTALLCHECK = 1
override with_llvm = no
ifneq ($(filter-out $(HARNESS_GOALS),$(or $(MAKECMDGOALS),all)),)
PGXS        := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
$(error PGXS is missing: install postgresql-server-dev-NN, or set PG_CONFIG)
endif
include $(PGXS)
endif

WARN         = -Wall -Wextra -Wvla -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare $(if $(WERROR),-Werror)
WARN_KERNEL  = -Wall -Wextra -Wvla -Wshadow -Wpointer-arith $(if $(WERROR),-Werror)
CF_DEFS      = -DCF_VERSION='"$(EXTVERSION)"' $(if $(filter test,$(FLAVOUR)),-DCF_TEST)
LIBS_CF      = -lcurl -lexpat -ljansson -lz -lrdkafka -lcrypto -lm

# OPENBLAS=1: matrix products by OpenBLAS (docs/forecast.md). Only one without threads of its own: they would start in the postmaster.
ifneq ($(OPENBLAS),)
BLAS_LIBS   := $(shell pkg-config --libs openblas)
ifeq ($(BLAS_LIBS),)
$(error OPENBLAS=1: pkg-config finds no openblas; install libopenblas-serial-dev)
endif
ifneq ($(findstring pthread,$(BLAS_LIBS))$(findstring openmp,$(BLAS_LIBS)),)
$(error OPENBLAS=1: $(BLAS_LIBS) has threads of its own; install libopenblas-serial-dev and choose it with update-alternatives)
endif
comma       := ,
LIBS_CF     += $(BLAS_LIBS) $(patsubst -L%,-Wl$(comma)-rpath$(comma)%,$(filter -L%,$(BLAS_LIBS)))
BLAS_DEFS   := -DCF_OPENBLAS $(shell pkg-config --cflags openblas)
endif

all: $(MODULES).so

# Kernels never see the server's headers: the include path does not have them.
$(KERNEL_OBJS): $(OBJDIR)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -fPIC -fno-strict-aliasing -fwrapv $(WARN_KERNEL) $(CF_DEFS) $(BLAS_DEFS) -D_GNU_SOURCE -Isrc -MMD -MP -c -o $@ $<

$(DOORWAY_OBJS): $(OBJDIR)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CFLAGS_SL) $(WARN) $(CF_DEFS) -Isrc $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(MODULES).so: $(KERNEL_OBJS) $(DOORWAY_OBJS)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(LDFLAGS_SL) $(LIBS_CF)

-include $(KERNEL_OBJS:.o=.d) $(DOORWAY_OBJS:.o=.d)

# Names in the script resolve in pg_catalog only, whoever made a schema called cloudflux before; the setting ends with the script.
# A room whose file would get too long has a folder beside it, whose files come after its own: one subject each, in order of names.
SCRIPTS     := $(foreach room,$(ROOMS),sql/$(room).sql $(sort $(wildcard sql/$(room)/*.sql)))
build/cloudflux--$(EXTVERSION).sql: $(SCRIPTS) Makefile
	@mkdir -p $(@D)
	{ printf '%s\n' '\echo Use "CREATE EXTENSION cloudflux" to load this file. \quit' \
		'SET LOCAL search_path = pg_catalog, pg_temp;'; cat $(SCRIPTS); } > $@

include test/harness/harness.mk
