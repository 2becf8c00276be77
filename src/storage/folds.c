/*
 * folds.c
 *		Keys that a store takes for other keys: neither written nor removed under a name that is not theirs.
 *
 * Which shapes of keys those are is data: what the driver or its row of a store claims, and what check_storage() saw besides.
 * Letters' case and composed characters are no shape of a key; plans compare keys for those.
 */
#include <string.h>

#include "storage/storage.h"

/* shape_of tells which folds would make another key of this one. */
static int
shape_of(const CfPlace *place, const char *key)
{
	size_t		length = strlen(key);
	int			shape = strchr(key, '\\') != NULL ? CF_FOLD_BACKSLASH : 0;

	for (const char *at = key;; at++)
	{
		size_t		bytes = strcspn(at, "/");

		shape |= bytes == 0 && at[0] != '\0' && at != key ? CF_FOLD_EMPTY_SEGMENT : 0;
		shape |= bytes == 1 && at[0] == '.' ? CF_FOLD_DOT : 0;
		shape |= bytes == 2 && at[0] == '.' && at[1] == '.' ? CF_FOLD_DOT_DOT : 0;
		shape |= bytes > 0 && at[bytes - 1] == '.' ? CF_FOLD_DOT_AT_END : 0;
		at += bytes;
		if (*at == '\0')
			break;
	}
	/* Behind a prefix, which ends in a slash, there is an empty segment between two. */
	if (key[0] == '/')
		shape |= place->prefix[0] == '\0' ? CF_FOLD_LEADING_SLASH : CF_FOLD_EMPTY_SEGMENT;
	return shape | (length > 0 && key[length - 1] == '/' ? CF_FOLD_TRAILING_SLASH : 0);
}

bool
cf_storage_fold_check(const CfPlace *place, const char *key, CfError *err)
{
	CfCaps		caps;

	cf_storage_caps(place, &caps);
	if (caps.key_folds == 0 || (shape_of(place, key) & caps.key_folds) == 0)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "key \"%.200s\" would be another one's in place \"%s\"", key, place->name);
	cf_error_detail(err, "Its store takes such keys for others, as is known of it or cloudflux.check_storage() saw: an object would be replaced or removed that has another name.");
	return cf_error_hint(err, "Use the key under which the store lists the object, without empty segments, dots, backslashes and slashes at its ends.");
}
