/*
 * error.c
 *		Filling a CfError: bounded texts, and errno translated once for all rooms.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* errno values that a file system really gives, and what they mean to the user. */
static const struct
{
	int			saved_errno;
	CfErrorKind kind;
	bool		retryable;
	const char *hint;
}			errno_kinds[] = {
	{ENOENT, CF_ERR_NOT_FOUND, false, ""},
	{ENOTDIR, CF_ERR_NOT_FOUND, false, ""},
	{EEXIST, CF_ERR_EXISTS, false, ""},
	{EACCES, CF_ERR_DENIED, false, "Give the operating system user of the server access to this path."},
	{EPERM, CF_ERR_DENIED, false, "Give the operating system user of the server access to this path."},
	{EROFS, CF_ERR_DENIED, false, "The file system is mounted read-only; choose another place or remount it."},
	{ENOSPC, CF_ERR_FULL, true, "Free space on this file system; a job tries again by itself for a while, then by cloudflux.retry_migration()."},
	{EDQUOT, CF_ERR_FULL, true, "Raise the quota of the server's user; a job tries again by itself for a while, then by cloudflux.retry_migration()."},
	{EFBIG, CF_ERR_FULL, false, "The file system cannot hold a file of this size."},
	{ENAMETOOLONG, CF_ERR_INPUT, false, "A path segment may have at most 255 bytes on this file system."},
	{EISDIR, CF_ERR_EXISTS, false, "A folder has this name; in a LOCAL place a key and a prefix cannot be equal."},
	{ELOOP, CF_ERR_DENIED, false, "Symbolic links are not followed inside a LOCAL place."},
	{EXDEV, CF_ERR_UNSUPPORTED, false,
	"Another file system is mounted inside the place; make that mount point a place of its own."},
	{EMFILE, CF_ERR_IO, true, "Raise max_files_per_process or the limit of open files."},
	{ENFILE, CF_ERR_IO, true, "Raise the system's limit of open files."},
	{ENOMEM, CF_ERR_MEMORY, true, ""},
	{EINTR, CF_ERR_IO, true, ""},
	{EAGAIN, CF_ERR_IO, true, ""},
	{EBUSY, CF_ERR_BUSY, true, ""},
	{ESTALE, CF_ERR_IO, true, ""},
};

bool
cf_error_set(CfError *err, CfErrorKind kind, const char *fmt,...)
{
	va_list		args;

	err->kind = kind;
	err->retryable = (kind == CF_ERR_IO || kind == CF_ERR_FULL || kind == CF_ERR_BUSY ||
					  kind == CF_ERR_MEMORY);
	err->detail[0] = err->hint[0] = '\0';
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return false;
}

bool
cf_error_detail(CfError *err, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(err->detail, sizeof(err->detail), fmt, args);
	va_end(args);
	return false;
}

bool
cf_error_hint(CfError *err, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	return false;
}

bool
cf_error_errno(CfError *err, int saved_errno, const char *what, const char *path)
{
	cf_error_set(err, CF_ERR_IO, "%s \"%s\": %s", what, path, strerror(saved_errno));
	for (size_t i = 0; i < sizeof(errno_kinds) / sizeof(errno_kinds[0]); i++)
	{
		if (errno_kinds[i].saved_errno != saved_errno)
			continue;
		err->kind = errno_kinds[i].kind;
		err->retryable = errno_kinds[i].retryable;
		if (errno_kinds[i].hint[0] != '\0')
			cf_error_hint(err, "%s", errno_kinds[i].hint);
		break;
	}
	return false;
}

const char *
cf_error_kind_name(CfErrorKind kind)
{
	static const char *const names[CF_ERR_KINDS] = {
		[CF_ERR_NONE] = "none",
		[CF_ERR_NOT_FOUND] = "not_found",
		[CF_ERR_EXISTS] = "exists",
		[CF_ERR_DENIED] = "denied",
		[CF_ERR_INPUT] = "input",
		[CF_ERR_STATE] = "state",
		[CF_ERR_BUSY] = "busy",
		[CF_ERR_FULL] = "full",
		[CF_ERR_IO] = "io",
		[CF_ERR_CHANGED] = "changed",
		[CF_ERR_UNSUPPORTED] = "unsupported",
		[CF_ERR_CANCELLED] = "cancelled",
		[CF_ERR_MEMORY] = "memory",
		[CF_ERR_RANGE] = "range",
	};

	return (kind >= CF_ERR_NONE && kind < CF_ERR_KINDS) ? names[kind] : "unknown";
}
