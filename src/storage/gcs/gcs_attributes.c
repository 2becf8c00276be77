/*
 * gcs_attributes.c
 *		What an object of Google Cloud Storage holds besides bytes. There is nothing like tags.
 */
#include "storage/gcs/gcs.h"

const CfAttributeRule *
cf_gcs_attributes(const CfPlace *place)
{
	static const CfAttributeRule rules[CF_ATTRIBUTES] = {
		[CF_ATTRIBUTE_CONTENT_TYPE] = {.held_as = "contentType", .values = CF_CHARSET_UTF8},
		[CF_ATTRIBUTE_CONTENT_ENCODING] = {.held_as = "contentEncoding", .values = CF_CHARSET_UTF8},
		[CF_ATTRIBUTE_CONTENT_LANGUAGE] = {.held_as = "contentLanguage", .values = CF_CHARSET_UTF8},
		[CF_ATTRIBUTE_CONTENT_DISPOSITION] = {.held_as = "contentDisposition", .values = CF_CHARSET_UTF8},
		[CF_ATTRIBUTE_CACHE_CONTROL] = {.held_as = "cacheControl", .values = CF_CHARSET_UTF8},
		[CF_ATTRIBUTE_METADATA] = {.held_as = "metadata.*", .names = CF_CHARSET_NAME, .values = CF_CHARSET_UTF8, .bytes_max = 8192, .own_bytes = 192},
		[CF_ATTRIBUTE_MODIFIED_AT] = {.held_as = "metadata.mtime", .values = CF_CHARSET_RFC3339},
	};

	(void) place;
	return rules;
}
