/*
 * azure_attributes.c
 *		What a blob of Azure holds besides bytes.
 */
#include "storage/azure/azure.h"

const CfAttributeRule *
cf_azure_attributes(const CfPlace *place)
{
	static const CfAttributeRule rules[CF_ATTRIBUTES] = {
		[CF_ATTRIBUTE_CONTENT_TYPE] = {.held_as = "x-ms-blob-content-type", .values = CF_CHARSET_ASCII},
		[CF_ATTRIBUTE_CONTENT_ENCODING] = {.held_as = "x-ms-blob-content-encoding", .values = CF_CHARSET_ASCII},
		[CF_ATTRIBUTE_CONTENT_LANGUAGE] = {.held_as = "x-ms-blob-content-language", .values = CF_CHARSET_ASCII},
		[CF_ATTRIBUTE_CONTENT_DISPOSITION] = {.held_as = "x-ms-blob-content-disposition", .values = CF_CHARSET_ASCII},
		[CF_ATTRIBUTE_CACHE_CONTROL] = {.held_as = "x-ms-blob-cache-control", .values = CF_CHARSET_ASCII},
		[CF_ATTRIBUTE_METADATA] = {.held_as = "x-ms-meta-*", .names = CF_CHARSET_WORD, .values = CF_CHARSET_ASCII, .bytes_max = CF_AZURE_METADATA_MAX, .own_bytes = 256 + 64},
		[CF_ATTRIBUTE_TAGS] = {.held_as = "x-ms-tags", .names = CF_CHARSET_AZURE_TAG, .values = CF_CHARSET_AZURE_TAG, .count_max = 10, .name_max = 128, .value_max = 256},
		[CF_ATTRIBUTE_MODIFIED_AT] = {.held_as = "x-ms-meta-mtime", .values = CF_CHARSET_RFC3339},
	};

	(void) place;
	return rules;
}
