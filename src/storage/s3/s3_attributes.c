/*
 * s3_attributes.c
 *		What an object of S3 holds besides its bytes, as far as its store knows tags.
 *
 * Values of metadata that are not ASCII travel as encoded words (RFC 2047), as S3 itself gives them back. Limits are those of
 * AWS; stores that are said to be compatible keep to them.
 */
#include "storage/s3/s3.h"

#define COMMON \
	[CF_ATTRIBUTE_CONTENT_TYPE] = {.held_as = "Content-Type", .values = CF_CHARSET_ASCII}, \
	[CF_ATTRIBUTE_CONTENT_ENCODING] = {.held_as = "Content-Encoding", .values = CF_CHARSET_ASCII}, \
	[CF_ATTRIBUTE_CONTENT_LANGUAGE] = {.held_as = "Content-Language", .values = CF_CHARSET_ASCII}, \
	[CF_ATTRIBUTE_CONTENT_DISPOSITION] = {.held_as = "Content-Disposition", .values = CF_CHARSET_ASCII}, \
	[CF_ATTRIBUTE_CACHE_CONTROL] = {.held_as = "Cache-Control", .values = CF_CHARSET_ASCII}, \
	[CF_ATTRIBUTE_METADATA] = {.held_as = "x-amz-meta-*", .names = CF_CHARSET_TOKEN, .values = CF_CHARSET_UTF8, .bytes_max = CF_S3_METADATA_MAX, .own_bytes = 112, .name_max = 100}, \
	[CF_ATTRIBUTE_MODIFIED_AT] = {.held_as = "x-amz-meta-mtime", .values = CF_CHARSET_SECONDS}

const CfAttributeRule *
cf_s3_attributes(const CfPlace *place)
{
	static const CfAttributeRule all[CF_ATTRIBUTES] = {
		COMMON,
		[CF_ATTRIBUTE_TAGS] = {.held_as = "x-amz-tagging", .names = CF_CHARSET_TAG, .values = CF_CHARSET_TAG, .count_max = 10,
			.name_max = 128, .value_max = 256},
	};
	static const CfAttributeRule untagged[CF_ATTRIBUTES] = {COMMON};

	return cf_s3_store(place)->no_tags ? untagged : all;
}
