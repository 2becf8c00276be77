/*
 * seal_sql.c
 *		The keys that seal credentials: where they come from, and what this process keeps of them.
 *
 * Keys are never in the database: a file (cloudflux.key_file) or what a command prints (cloudflux.key_command) holds them,
 * both named by a superuser. They are read when something is sealed or opened and not before, and kept in one static ring: a
 * file is looked at each time and read again when it has changed, a command is run again when an envelope names a key that
 * the ring does not have, at most once in ten seconds. The ring is wiped before it is read anew and when the process
 * ends. Nothing of it is ever in shared memory, and no function shows more than the ids.
 *
 * The command runs as the server's operating system user, in the data directory; a cancel interrupts it, as with every
 * command that a backend waits for, since both are of one process group.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/clock.h"
#include "core/core.h"
#include "core/error_sql.h"
#include "security/security_sql.h"

#define KEYS_BYTES_MAX 16384
#define COMMAND_AGAIN_US INT64CONST(10000000)

PG_FUNCTION_INFO_V1(cloudflux_credential_keys);

static char *key_file;
static char *key_command;

/* The keys of this process, and what they were read from. */
static struct
{
	CfSealRing	ring;
	bool		loaded;
	bool		wiped_at_exit;	/* the callback is registered */
	uint64		source;			/* which setting, and what it said */
	struct stat file;
	int64		ran_us;			/* monotonic time at which the command was run */
}			keys;

static const CfSealRing *ring_get(bool fresh, CfError *err);
static bool ring_from_file(CfError *err);
static bool file_check(const struct stat *st, CfError *err);
static bool ring_from_command(bool fresh, CfError *err);
static bool ring_take(char *text, size_t length, CfError *err);
static bool source_changed(const char *kind, const char *setting);
static void keys_forget(void);
static void keys_wipe(int code, Datum arg);

void
cf_security_init(void)
{
	DefineCustomStringVariable("cloudflux.key_file",
							   "File with the keys that seal credentials.",
							   "One key per line: an id and the base64 of 32 random bytes; the line that ends in \"current\", else the last one, seals. Only the server's operating system user may be able to read it.",
							   &key_file, "", PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("cloudflux.key_command",
							   "Command that prints the keys that seal credentials.",
							   "It prints what cloudflux.key_file would hold, and is run by the server's operating system user.",
							   &key_command, "", PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	cf_seal_statements_init();
}

bool
cf_seal_value(const CfSealBinding *binding, const char *secret, char **envelope, CfError *err)
{
	const CfSealRing *ring = ring_get(false, err);
	uint8_t		nonce[CF_SEAL_NONCE_BYTES];
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	CfArena		arena;

	if (ring == NULL)
		return false;
	if (!pg_strong_random(nonce, sizeof(nonce)))
		return cf_error_set(err, CF_ERR_IO, "could not get random bytes for a credential");
	/* The arena is not freed: the envelope lives as long as the context. */
	cf_arena_init(&arena, &allocator, 1024, 0);
	return cf_seal(ring, binding, nonce, secret, &arena, envelope, err);
}

bool
cf_seal_reveal(const CfSealBinding *binding, const char *envelope, char *secret, size_t room, CfError *err)
{
	const CfSealRing *ring = ring_get(false, err);
	char		id[CF_SEAL_KEY_ID_MAX + 1];

	if (ring != NULL && cf_seal_key_id(envelope, id) && cf_seal_ring_find(ring, id) == NULL)
		ring = ring_get(true, err);
	return ring != NULL && cf_seal_open(ring, binding, envelope, secret, room, err);
}

bool
cf_seal_current(char id[CF_SEAL_KEY_ID_MAX + 1], CfError *err)
{
	const CfSealRing *ring = ring_get(false, err);

	if (ring == NULL)
		return false;
	strlcpy(id, ring->keys[ring->current].id, CF_SEAL_KEY_ID_MAX + 1);
	return true;
}

/* cloudflux_credential_keys returns (key_id, is_current) for each key of the ring. */
Datum
cloudflux_credential_keys(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const CfSealRing *ring;
	CfError		err = {0};

	CF_ABI_CHECK();
	InitMaterializedSRF(fcinfo, 0);
	ring = ring_get(true, &err);
	if (ring == NULL)
		cf_error_raise(&err);
	for (int i = 0; i < ring->count; i++)
	{
		Datum		values[2] = {CStringGetTextDatum(ring->keys[i].id), BoolGetDatum(i == ring->current)};
		bool		nulls[2] = {false, false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ring_get gives the keys, read when they are not here or no longer those of the source. */
static const CfSealRing *
ring_get(bool fresh, CfError *err)
{
	bool		from_file = key_file != NULL && key_file[0] != '\0';
	bool		from_command = key_command != NULL && key_command[0] != '\0';

	if (!keys.wiped_at_exit)
	{
		on_proc_exit(keys_wipe, 0);
		keys.wiped_at_exit = true;
	}
	if (from_file == from_command)
	{
		keys_forget();
		cf_error_set(err, CF_ERR_STATE, from_file ? "two sources of keys for credentials are set" :
					 "there is no key for credentials");
		cf_error_hint(err, from_file ? "Set one of cloudflux.key_file and cloudflux.key_command, not both." :
					  "A superuser sets cloudflux.key_file to a file with a line \"<id> <base64 of 32 random bytes>\", or cloudflux.key_command to what prints one.");
		return NULL;
	}
	if (from_file ? ring_from_file(err) : ring_from_command(fresh, err))
		return &keys.ring;
	err->retryable = true;		/* whoever changes the keys may be in the midst of it */
	keys_forget();
	return NULL;
}

/* ring_from_file reads the file unless it is what was read last. */
static bool
ring_from_file(CfError *err)
{
	char		text[KEYS_BYTES_MAX + 1];
	struct stat st;
	ssize_t		length;
	int			fd = OpenTransientFile(key_file, O_RDONLY | PG_BINARY);
	bool		changed = source_changed("file ", key_file);

	if (fd < 0 || fstat(fd, &st) < 0)
	{
		cf_error_errno(err, errno, "could not open key file", key_file);
		err->kind = CF_ERR_STATE;
		cf_error_hint(err, "Put it back, readable for the operating system user of the server, or correct cloudflux.key_file.");
		if (fd >= 0)
			CloseTransientFile(fd);
		return false;
	}
	if (!changed && st.st_dev == keys.file.st_dev && st.st_ino == keys.file.st_ino &&
		st.st_size == keys.file.st_size && st.st_mode == keys.file.st_mode &&
		st.st_ctim.tv_sec == keys.file.st_ctim.tv_sec && st.st_ctim.tv_nsec == keys.file.st_ctim.tv_nsec)
	{
		CloseTransientFile(fd);
		return true;
	}
	if (!file_check(&st, err))
	{
		CloseTransientFile(fd);
		return false;
	}
	length = read(fd, text, sizeof(text));
	if (length < 0)
		cf_error_errno(err, errno, "could not read key file", key_file);
	CloseTransientFile(fd);
	if (length < 0 || !ring_take(text, length, err))
		return false;
	keys.file = st;
	return true;
}

/* file_check holds the key file to the rules of ssl_key_file: a file of ours, or of root and at most our group's to read. */
static bool
file_check(const struct stat *st, CfError *err)
{
	mode_t		allowed = st->st_uid == 0 && geteuid() != 0 ? S_IRWXU | S_IRGRP : S_IRWXU;

	if (!S_ISREG(st->st_mode) || (st->st_uid != geteuid() && st->st_uid != 0))
	{
		cf_error_set(err, CF_ERR_STATE, "key file \"%s\" cannot be used", key_file);
		return cf_error_detail(err, "It must be a file of the server's operating system user or of root.");
	}
	if ((st->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO) & ~allowed) == 0)
		return true;
	cf_error_set(err, CF_ERR_STATE, "key file \"%s\" can be read by others", key_file);
	cf_error_detail(err, "Its mode is %04o.", (unsigned int) (st->st_mode & 07777));
	return cf_error_hint(err, "Take the rights of group and world away: chmod 0600.");
}

/* ring_from_command runs the command unless its keys are here and nobody asks for fresh ones. */
static bool
ring_from_command(bool fresh, CfError *err)
{
	char		text[KEYS_BYTES_MAX + 1];
	bool		changed = source_changed("command ", key_command);
	size_t		length;
	bool		failed;
	FILE	   *pipe;
	int			status;

	if (!changed && (!fresh || cf_clock_monotonic_us() - keys.ran_us < COMMAND_AGAIN_US))
		return true;
	fflush(NULL);
	pipe = OpenPipeStream(key_command, PG_BINARY_R);
	if (pipe == NULL)
		return cf_error_set(err, CF_ERR_IO, "could not run cloudflux.key_command: %s", strerror(errno));
	setvbuf(pipe, NULL, _IONBF, 0);	/* no copy of the keys in a buffer of the library */
	length = fread(text, 1, sizeof(text), pipe);
	failed = ferror(pipe) != 0;
	status = ClosePipeStream(pipe);
	keys.ran_us = cf_clock_monotonic_us();
	if (!failed && status == 0)
		return ring_take(text, length, err);
	OPENSSL_cleanse(text, sizeof(text));
	cf_error_set(err, CF_ERR_IO, "cloudflux.key_command failed");
	if (status != 0 && status != -1)
	{
		char	   *reason = wait_result_to_str(status);

		cf_error_detail(err, "The command: %s.", reason);
		pfree(reason);
	}
	return cf_error_hint(err, "What it says on standard error is in the server's log.");
}

/* ring_take reads the keys out of a text, which it wipes. */
static bool
ring_take(char *text, size_t length, CfError *err)
{
	bool		good;

	OPENSSL_cleanse(&keys.ring, sizeof(keys.ring));
	if (length > KEYS_BYTES_MAX)
		good = cf_error_set(err, CF_ERR_STATE, "the keys for credentials are longer than %d bytes", KEYS_BYTES_MAX);
	else
		good = cf_seal_ring_parse(&keys.ring, text, length, err);
	OPENSSL_cleanse(text, KEYS_BYTES_MAX + 1);
	keys.loaded = good;
	return good;
}

/* source_changed tells whether the keys here are those of another source, or none, and notes the one that is asked for. */
static bool
source_changed(const char *kind, const char *setting)
{
	uint64		source = hash_bytes_extended((const unsigned char *) setting, strlen(setting), (uint64) kind[0]);
	bool		changed = !keys.loaded || keys.source != source;

	if (changed)
		keys_forget();
	keys.source = source;
	return changed;
}

static void
keys_forget(void)
{
	cf_seal_ring_wipe(&keys.ring);
	keys.loaded = false;
}

static void
keys_wipe(int code, Datum arg)
{
	keys_forget();
}
