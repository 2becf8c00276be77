/*
 * file_names.c
 *		Reading a folder, and picking the smallest names of it in bounded memory.
 *
 * A batch takes names in any order. When it would outgrow its limit, the larger half is dropped and `cut` tells
 * that another scan, for names after the last one, is needed; from then on names behind that one are not taken. So
 * any folder can be gone through in byte order with a fixed amount of memory, in one scan where it fits.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/file/file.h"

static int	compare_order(const void *a, const void *b, void *bytes);
static void names_cut(CfFileNames *names);
static bool names_grow(CfOp *op, CfFileNames *names, size_t needed);

/* cf_file_scan_next gives the next name of a folder: 1 = there is one, 0 = that was all, -1 = errno. */
int
cf_file_scan_next(CfFileScan *scan, const char **name, unsigned char *type)
{
	for (;;)
	{
		const struct dirent64 *entry;

		if (scan->used >= scan->filled)
		{
			ssize_t		got = cf_storage_file_sys->getdents64(scan->fd, scan->buffer,
															  sizeof(scan->buffer));

			if (got <= 0)
				return got < 0 ? -1 : 0;
			scan->filled = got;
			scan->used = 0;
		}
		entry = (const struct dirent64 *) (scan->buffer + scan->used);
		scan->used += entry->d_reclen;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		*name = entry->d_name;
		*type = entry->d_type;
		return 1;
	}
}

/* cf_file_names_add takes a name; false = out of memory, told in op->err. */
bool
cf_file_names_add(CfOp *op, CfFileNames *names, const char *name)
{
	size_t		size = strlen(name) + 1;

	if (names->cut && strcmp(name, names->bytes + names->order[names->count - 1]) > 0)
		return true;
	if (names->used + size > names->max && names->count > 1)
	{
		names_cut(names);
		if (strcmp(name, names->bytes + names->order[names->count - 1]) > 0)
			return true;
	}
	if (!names_grow(op, names, size))
		return false;
	memcpy(names->bytes + names->used, name, size);
	if (names->cut)
	{
		/* The largest name stays last, since it is the bound for those to come. */
		names->order[names->count] = names->order[names->count - 1];
		names->order[names->count - 1] = names->used;
	}
	else
		names->order[names->count] = names->used;
	names->count++;
	names->used += size;
	return true;
}

/* names_cut keeps the smaller half, closed up at the start of the bytes. */
static void
names_cut(CfFileNames *names)
{
	size_t		used = 0;
	size_t		kept = names->count / 2;

	cf_file_names_sort(names);
	/* Mark what stays by its rank, then close up in the order of the bytes. */
	const char *bound = names->bytes + names->order[kept - 1];
	char		largest[CF_FILE_SEGMENT_MAX + 1];

	memcpy(largest, bound, strlen(bound) + 1);	/* names have at most CF_FILE_SEGMENT_MAX bytes */
	names->count = 0;
	for (size_t at = 0; at < names->used;)
	{
		size_t		size = strlen(names->bytes + at) + 1;

		if (strcmp(names->bytes + at, largest) <= 0)
		{
			memmove(names->bytes + used, names->bytes + at, size);
			names->order[names->count++] = used;
			used += size;
		}
		at += size;
	}
	names->used = used;
	names->cut = true;
	cf_file_names_sort(names);
}

/* names_grow makes room for one more name of so many bytes. */
static bool
names_grow(CfOp *op, CfFileNames *names, size_t needed)
{
	if (names->used + needed > names->capacity)
	{
		size_t		capacity = names->capacity == 0 ? 1024 : names->capacity * 2;
		char	   *bytes = cf_file_alloc(op, capacity);

		if (bytes == NULL)
			return false;
		if (names->used > 0)
			memcpy(bytes, names->bytes, names->used);
		cf_file_free(op, names->bytes);
		names->bytes = bytes;
		names->capacity = capacity;
	}
	if (names->count + 1 > names->order_capacity)
	{
		size_t		capacity = names->order_capacity == 0 ? 64 : names->order_capacity * 2;
		uint32_t   *order = cf_file_alloc(op, capacity * sizeof(uint32_t));

		if (order == NULL)
			return false;
		if (names->count > 0)
			memcpy(order, names->order, names->count * sizeof(uint32_t));
		cf_file_free(op, names->order);
		names->order = order;
		names->order_capacity = capacity;
	}
	return true;
}

void
cf_file_names_sort(CfFileNames *names)
{
	if (names->count > 1)
		qsort_r(names->order, names->count, sizeof(uint32_t), compare_order, names->bytes);
}

static int
compare_order(const void *a, const void *b, void *bytes)
{
	return strcmp((const char *) bytes + *(const uint32_t *) a,
				  (const char *) bytes + *(const uint32_t *) b);
}

void
cf_file_names_free(CfOp *op, CfFileNames *names)
{
	cf_file_free(op, names->bytes);
	cf_file_free(op, names->order);
	memset(names, 0, sizeof(*names));
}
