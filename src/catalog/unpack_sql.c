/*
 * unpack_sql.c
 *		unpacked(data): the content of bytes that may be gzip, in pieces.
 *
 * Memory is one piece; what comes out is bounded, since a few kilobytes can unpack to any size.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/gunzip.h"
#include "core/error_sql.h"

#define PIECE_BYTES (1024 * 1024)
#define CONTENT_MAX (INT64CONST(16) * 1024 * 1024 * 1024)

PG_FUNCTION_INFO_V1(cloudflux_unpacked);

static void put_piece(ReturnSetInfo *rsinfo, int64 number, const char *data, size_t length);
static void unpack(ReturnSetInfo *rsinfo, const char *data, size_t length);

/* cloudflux_unpacked gives the content piece by piece, numbered from 1. */
Datum
cloudflux_unpacked(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bytea	   *packed = PG_GETARG_BYTEA_PP(0);
	const char *data = VARDATA_ANY(packed);
	size_t		length = VARSIZE_ANY_EXHDR(packed);
	int64		number = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (cf_catalog_gunzip_known(data, length))
	{
		unpack(rsinfo, data, length);
		return (Datum) 0;
	}
	for (size_t at = 0; at < length; at += PIECE_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		put_piece(rsinfo, ++number, data + at, Min(PIECE_BYTES, length - at));
	}
	return (Datum) 0;
}

static void
put_piece(ReturnSetInfo *rsinfo, int64 number, const char *data, size_t length)
{
	bytea	   *piece = palloc(VARHDRSZ + length);
	Datum		values[2];
	bool		nulls[2] = {false, false};

	SET_VARSIZE(piece, VARHDRSZ + length);
	memcpy(VARDATA(piece), data, length);
	values[0] = Int64GetDatum(number);
	values[1] = PointerGetDatum(piece);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	pfree(piece);
}

/* unpack fills pieces as they come out of zlib. */
static void
unpack(ReturnSetInfo *rsinfo, const char *data, size_t length)
{
	CfAllocator allocator = cf_arena_context(CurrentMemoryContext);
	char	   *piece = palloc(PIECE_BYTES);
	size_t		filled = 0;
	int64		number = 0;
	CfArena		arena;
	CfGunzip	gunzip;

	cf_arena_init(&arena, &allocator, 64 * 1024, 1024 * 1024);
	if (!cf_catalog_gunzip_init(&gunzip, &arena))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not start to unpack gzip")));
	for (;;)
	{
		size_t		got;

		CHECK_FOR_INTERRUPTS();
		if (!cf_catalog_gunzip_step(&gunzip, &data, &length, piece + filled, PIECE_BYTES - filled, &got))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the content is damaged: no gzip stream " INT64_FORMAT " bytes before its end", (int64) length)));
		filled += got;
		if (filled == PIECE_BYTES)
		{
			if (number * PIECE_BYTES >= CONTENT_MAX)
				ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the content unpacks to more than 16 GB")));
			put_piece(rsinfo, ++number, piece, filled);
			filled = 0;
		}
		if (got == 0)
			break;
	}
	if (!cf_catalog_gunzip_complete(&gunzip))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the content is damaged: its gzip stream ends in the middle")));
	if (filled > 0)
		put_piece(rsinfo, ++number, piece, filled);
	pfree(piece);
}
