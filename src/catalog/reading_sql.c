/*
 * reading_sql.c
 *		The bytes of one file of the server or one object of a place, in order, unpacked if they are gzip.
 *
 * A reading lives in a memory context of its own; whatever PostgreSQL does not know of (the descriptor, a digest) goes with it, however
 * the call ends. What a file or an object turns out to be (not there any more, changed, damaged) is a value, since one of a
 * thousand logs is no reason to stop; a cancel is raised.
 */
#include "postgres.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "catalog/reading_sql.h"
#include "core/error_sql.h"
#include "storage/storage_sql.h"

#define FILE_BYTES (256 * 1024)
#define RANGE_BYTES (4 * 1024 * 1024)	/* of an object, in one request */

static CfReading *reading_new(CfImport *import, const char *name, size_t raw_bytes);
static void reading_released(void *arg);
static bool fetch(CfReading *reading);
static bool fetch_object(CfReading *reading);
static void rewind_to(CfReading *reading, int64 raw_offset);

CfReading *
cf_catalog_reading_file(CfImport *import, const char *what, const char *path)
{
	CfReading  *reading = reading_new(import, path, FILE_BYTES);
	struct stat st;

	if (stat(path, &st) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open %s \"%s\": %m", what, path)));
	if (!S_ISREG(st.st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("%s \"%s\" is not a regular file", what, path)));
	reading->size_bytes = st.st_size;
	reading->file = PathNameOpenFile(path, O_RDONLY | PG_BINARY);
	if (reading->file < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open %s \"%s\": %m", what, path)));
	return reading;
}

CfReading *
cf_catalog_reading_object(CfImport *import, CfOp *op, const char *key, const char *version, int64 size_bytes, bool digest)
{
	CfReading  *reading = reading_new(import, key, Min(RANGE_BYTES, Max(size_bytes, 1)));

	reading->op = op;
	reading->size_bytes = size_bytes;
	reading->args.key = reading->name;
	reading->args.version = MemoryContextStrdup(reading->context, version);
	reading->digesting = digest;
	rewind_to(reading, 0);
	return reading;
}

static CfReading *
reading_new(CfImport *import, const char *name, size_t raw_bytes)
{
	MemoryContext context = AllocSetContextCreate(import->context, "cloudflux reading", ALLOCSET_DEFAULT_SIZES);
	CfReading  *reading = MemoryContextAllocZero(context, sizeof(CfReading));
	CfAllocator allocator = cf_arena_context(context);

	reading->import = import;
	reading->context = context;
	reading->name = MemoryContextStrdup(context, name);
	reading->raw = MemoryContextAlloc(context, raw_bytes);
	reading->file = -1;
	cf_arena_init(&reading->arena, &allocator, 64 * 1024, 1024 * 1024);
	reading->release.func = reading_released;
	reading->release.arg = reading;
	MemoryContextRegisterResetCallback(context, &reading->release);
	return reading;
}

/* reading_released gives back what PostgreSQL does not know of. */
static void
reading_released(void *arg)
{
	CfReading  *reading = arg;

	if (reading->file >= 0)
		FileClose(reading->file);
	EVP_MD_CTX_free(reading->md5);
	reading->file = -1;
	reading->md5 = NULL;
}

void
cf_catalog_reading_close(CfReading *reading)
{
	if (reading->op != NULL)
		cf_storage_op_end(reading->op);
	MemoryContextDelete(reading->context);
}

/* fetch gets more stored bytes into raw, behind what is there; none come at the end. */
static bool
fetch(CfReading *reading)
{
	int			got;

	CHECK_FOR_INTERRUPTS();
	reading->raw_at = reading->raw_end = 0;
	if (reading->op != NULL)
		return fetch_object(reading);
	/* What was appended after the file was opened is left to the next import. */
	got = FileRead(reading->file, reading->raw, (int) Min(FILE_BYTES, reading->size_bytes - reading->raw_offset),
				   reading->raw_offset, PG_WAIT_EXTENSION);
	if (got < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", reading->name)));
	reading->raw_end = got;
	reading->raw_offset += got;
	return true;
}

static bool
fetch_object(CfReading *reading)
{
	CfChunk		chunk = {.data = reading->raw, .capacity = Min(RANGE_BYTES, Max(reading->size_bytes, 1))};
	CfStep		step;

	while (!reading->object_ended && chunk.length == 0)
	{
		cf_catalog_import_let_go(reading->import, reading->op->place);
		do
		{
			step = cf_storage_read(reading->op, &reading->args, &chunk);
			if (step == CF_STEP_SEND)
				chunk.length = 0;
			step = cf_storage_await(reading->op, step);
		} while (step == CF_STEP_AGAIN && chunk.length == 0);
		if (step == CF_STEP_ERROR)
		{
			reading->err = reading->op->err;
			return false;
		}
		reading->object_ended = step == CF_STEP_DONE;
	}
	reading->raw_end = chunk.length;
	reading->raw_offset += (int64) chunk.length;
	if (reading->md5 != NULL && EVP_DigestUpdate(reading->md5, reading->raw, reading->raw_end) != 1)
		elog(ERROR, "could not update MD5");
	return true;
}

/* rewind_to has the next fetch begin at an offset of the stored bytes. */
static void
rewind_to(CfReading *reading, int64 raw_offset)
{
	reading->raw_at = reading->raw_end = 0;
	reading->raw_offset = raw_offset;
	reading->opened = raw_offset > 0;
	reading->packed = false;
	if (reading->op == NULL)
		return;
	cf_storage_op_end(reading->op);
	reading->object_ended = raw_offset >= reading->size_bytes;
	reading->args.offset = raw_offset;
	reading->args.length = -1;
	EVP_MD_CTX_free(reading->md5);
	reading->md5 = NULL;
	if (!reading->digesting || raw_offset > 0)
		return;
	reading->md5 = EVP_MD_CTX_new();
	if (reading->md5 == NULL || EVP_DigestInit_ex(reading->md5, EVP_md5(), NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start MD5")));
}

bool
cf_catalog_reading_open(CfReading *reading)
{
	if (reading->opened)
		return true;
	if (!fetch(reading))
		return false;
	reading->opened = true;
	reading->packed = cf_catalog_gunzip_known(reading->raw, reading->raw_end);
	if (!reading->packed)
		return true;
	cf_arena_reset(&reading->arena);
	if (!cf_catalog_gunzip_init(&reading->gunzip, &reading->arena))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start to unpack \"%s\"", reading->name)));
	return true;
}

bool
cf_catalog_reading_next(CfReading *reading, char *to, size_t room, size_t *length)
{
	*length = 0;
	if (!cf_catalog_reading_open(reading))
		return false;
	for (;;)
	{
		const char *from = reading->raw + reading->raw_at;
		size_t		left = reading->raw_end - reading->raw_at;

		if (!reading->packed)
		{
			*length = Min(left, room);
			memcpy(to, from, *length);
			reading->raw_at += *length;
		}
		else
		{
			if (!cf_catalog_gunzip_step(&reading->gunzip, &from, &left, to, room, length))
			{
				cf_error_set(&reading->err, CF_ERR_INPUT, "\"%s\" is damaged: not a gzip stream behind its byte " INT64_FORMAT,
							 reading->name, reading->raw_offset - (int64) left);
				return false;
			}
			reading->raw_at = reading->raw_end - left;
		}
		if (*length > 0)
			return true;
		if (!fetch(reading))
			return false;
		if (reading->raw_end > 0)
			continue;
		if (reading->packed && !cf_catalog_gunzip_complete(&reading->gunzip))
		{
			cf_error_set(&reading->err, CF_ERR_INPUT, "\"%s\" is damaged: its gzip stream ends in the middle", reading->name);
			return false;
		}
		return true;
	}
}

bool
cf_catalog_reading_seek(CfReading *reading, int64 offset)
{
	char	   *scrap;
	size_t		got = 1;

	if (!cf_catalog_reading_open(reading))
		return false;
	if (!reading->packed)
	{
		rewind_to(reading, offset);
		return true;
	}
	rewind_to(reading, 0);
	scrap = palloc(FILE_BYTES);
	while (offset > 0 && got > 0)
	{
		if (!cf_catalog_reading_next(reading, scrap, Min(FILE_BYTES, offset), &got))
			return false;
		offset -= (int64) got;
		CHECK_FOR_INTERRUPTS();
	}
	pfree(scrap);
	if (offset > 0)
		return cf_error_set(&reading->err, CF_ERR_CHANGED, "\"%s\" became shorter while it was read", reading->name);
	return true;
}

void
cf_catalog_reading_md5(CfReading *reading, uint8 digest[16])
{
	if (reading->md5 == NULL || EVP_DigestFinal_ex(reading->md5, digest, NULL) != 1)
		elog(ERROR, "could not finish MD5");
}
