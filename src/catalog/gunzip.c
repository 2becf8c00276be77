/*
 * gunzip.c
 *		Unpacks a gzip stream piece by piece, by zlib, in memory of the caller.
 *
 * zlib takes its memory once per stream and keeps it for the next member (inflateReset), so an arena is enough: nothing is lost
 * when the call is cut off by an error elsewhere.
 */
#include <limits.h>
#include <string.h>

#include "catalog/gunzip.h"

static voidpf
take(voidpf arena, uInt count, uInt size)
{
	size_t		bytes = (size_t) count * size;

	/* zlib asks for some ten KiB; anything else would be an overflow. */
	return bytes > 1024 * 1024 ? NULL : cf_arena_zalloc(arena, bytes);
}

static void
leave(voidpf arena, voidpf block)
{
	(void) arena;
	(void) block;
}

bool
cf_catalog_gunzip_known(const char *data, size_t length)
{
	return length >= 3 && memcmp(data, "\x1f\x8b\x08", 3) == 0;
}

bool
cf_catalog_gunzip_init(CfGunzip *gunzip, CfArena *arena)
{
	memset(gunzip, 0, sizeof(*gunzip));
	gunzip->stream.zalloc = take;
	gunzip->stream.zfree = leave;
	gunzip->stream.opaque = arena;
	gunzip->between = true;
	return inflateInit2(&gunzip->stream, 15 + 16) == Z_OK;
}

bool
cf_catalog_gunzip_step(CfGunzip *gunzip, const char **in, size_t *in_length, char *out, size_t room, size_t *out_length)
{
	z_stream   *stream = &gunzip->stream;

	*out_length = 0;
	while (*out_length == 0 && (*in_length > 0 || gunzip->more))
	{
		size_t		given = *in_length > UINT_MAX ? UINT_MAX : *in_length;
		int			result;

		if (gunzip->between && stream->total_in > 0 && **in == '\0')
			gunzip->padding = true;
		if (gunzip->padding)
		{
			if (**in != '\0')
				return false;
			(*in)++;
			(*in_length)--;
			continue;
		}
		if (gunzip->between && stream->total_in > 0 && inflateReset(stream) != Z_OK)
			return false;
		gunzip->between = false;
		stream->next_in = (z_const Bytef *) *in;
		stream->avail_in = (uInt) given;
		stream->next_out = (Bytef *) out;
		stream->avail_out = (uInt) (room > UINT_MAX ? UINT_MAX : room);
		result = inflate(stream, Z_NO_FLUSH);
		*out_length = (size_t) ((char *) stream->next_out - out);
		*in = (const char *) stream->next_in;
		*in_length -= given - stream->avail_in;
		gunzip->more = stream->avail_out == 0 && result == Z_OK;
		if (result == Z_STREAM_END)
			gunzip->between = true;
		else if (result != Z_OK && result != Z_BUF_ERROR)
			return false;
	}
	return true;
}

bool
cf_catalog_gunzip_complete(const CfGunzip *gunzip)
{
	return gunzip->between && gunzip->stream.total_in > 0;
}
