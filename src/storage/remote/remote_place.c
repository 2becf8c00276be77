/*
 * remote_place.c
 *		Which places and keys drivers of clouds take: what they look at alike. No file, no network.
 */
#include <stdio.h>
#include <string.h>

#include "storage/remote/remote.h"
#include "storage/utf8.h"

#define HOST_MAX 512

bool
cf_remote_choices_check(const CfPlace *place, const CfRemoteChoice *choices, size_t count, CfError *err)
{
	for (const CfRemoteChoice *choice = choices; choice < choices + count; choice++)
	{
		const char *value = cf_storage_option(place, choice->name);
		bool		found = value[0] == '\0';
		char		hint[256] = "It is ";
		size_t		used = strlen(hint);

		for (int i = 0; choice->values[i] != NULL; i++)
		{
			found |= strcmp(choice->values[i], value) == 0;
			used += (size_t) snprintf(hint + used, sizeof(hint) - used, "%s%s", i == 0 ? "" : choice->values[i + 1] == NULL ? " or " : ", ",
									  choice->values[i]);
		}
		if (found)
			continue;
		cf_error_set(err, CF_ERR_INPUT, "invalid value \"%s\" for option \"%s\" of place \"%s\"", value, choice->name, place->name);
		return choice->hint != NULL ? cf_error_hint(err, "%s", choice->hint) : cf_error_hint(err, "%s.", hint);
	}
	return true;
}

bool
cf_remote_host(const char *url)
{
	CfError		ignored;
	CfUrl		parts;

	return strlen(url) <= HOST_MAX && cf_url_split(url, &parts, &ignored) && parts.query[0] == '\0' &&
		(parts.path_bytes == 0 || (parts.path_bytes == 1 && parts.path[0] == '/'));
}

bool
cf_remote_key_check(const CfPlace *place, const char *key, char shown[CF_REMOTE_SHOWN], CfError *err)
{
	size_t		length = strlen(place->prefix) + strnlen(key, CF_STORAGE_KEY_MAX + 1);

	cf_utf8_shown(shown, CF_REMOTE_SHOWN, key);
	if (key[0] == '\0')
		return cf_error_set(err, CF_ERR_INPUT, "a key cannot be empty");
	if (length > CF_STORAGE_KEY_MAX)
		return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is too long: at most %d bytes with the prefix", shown, CF_STORAGE_KEY_MAX);
	for (const unsigned char *s = (const unsigned char *) key; *s != '\0';)
	{
		size_t		sequence = cf_utf8_length(s);

		if (*s < 0x20 || *s == 0x7f)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" contains a control character", shown);
		if (sequence == 0)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is not valid UTF-8", shown);
		s += sequence;
	}
	return true;
}
