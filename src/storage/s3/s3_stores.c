/*
 * s3_stores.c
 *		The stores that speak S3, a row each: where one is, and what of S3 it honours, as documented or seen.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

static const char *const amazon_classes[] = {
	"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY", NULL
};
static const char *const r2_classes[] = {"STANDARD", "STANDARD_IA", NULL};
static const char *const google_classes[] = {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", NULL};

/*
 * What stores honour. Unknown is claimed (true) and left to check_storage(); false is what was seen or is documented to be
 * missing, ignored or refused. What a row leaves out is false, none, or no limit. All honour conditions of reading. Stores that keep
 * objects in a file system cannot have segments of more than 255 bytes.
 */
const CfS3Store cf_s3_stores[] = {
	{.preset = "aws", .endpoint = "https://s3.%s.amazonaws.com", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_CRC64NVME, .virtual_host = true, .classes = true, .class_words = amazon_classes, .restores = true, .create_only = true,
		.conditional_delete = true, .versions = true, .copy_create_only = true, .copy_replace = true,
		.join_create_only = true, .list_sorted = true, .list_exact = true},
	{.preset = "generic", .endpoint_form = "https://HOST[:PORT]", .region = "us-east-1", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_MD5, .classes = true, .restores = true, .create_only = true, .conditional_delete = true,
		.versions = true, .join_create_only = true},
	{.preset = "minio", .endpoint_form = "https://HOST:9000", .region = "us-east-1", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_CRC64NVME, .create_only = true, .versions = true, .copy_unsummed = true,
		.join_create_only = true, .list_sorted = true, .list_exact = true, .segment_max = 255},
	{.preset = "ceph", .endpoint_form = "https://HOST[:PORT]", .region = "default", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_MD5, .classes = true, .restores = true, .create_only = true, .versions = true,
		.join_create_only = true, .list_sorted = true, .list_exact = true},
	{.preset = "r2", .endpoint_form = "https://ACCOUNT.r2.cloudflarestorage.com", .region = "auto", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_MD5, .classes = true, .class_words = r2_classes, .create_only = true, .list_sorted = true, .list_exact = true,
		.object_max = (INT64_C(5) << 40) - (INT64_C(5) << 30), .equal_parts = true, .no_tags = true},
	{.preset = "b2", .endpoint = "https://s3.%s.backblazeb2.com", .dialect = &cf_s3_aws4, .checksum = CF_S3_CHECKSUM_MD5,
		.versions = true, .list_sorted = true, .list_exact = true, .object_max = INT64_C(10000000000000), .no_tags = true},
	{.preset = "oracle", .endpoint_form = "https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com",
		.dialect = &cf_s3_aws4, .checksum = CF_S3_CHECKSUM_MD5, .create_only = true, .list_sorted = true,
		.list_exact = true, .object_max = INT64_C(10) << 40, .no_tags = true},
	{.preset = "ibm", .endpoint = "https://s3.%s.cloud-object-storage.appdomain.cloud", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_MD5, .restores = true, .create_only = true, .versions = true, .list_sorted = true,
		.list_exact = true, .object_max = INT64_C(10) << 40},
	{.preset = "alibaba", .endpoint = "https://s3.oss-%s.aliyuncs.com", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_MD5, .virtual_host = true, .classes = true, .restores = true, .list_sorted = true,
		.list_exact = true},
	{.preset = "wasabi", .endpoint = "https://s3.%s.wasabisys.com", .dialect = &cf_s3_aws4, .checksum = CF_S3_CHECKSUM_MD5,
		.versions = true, .list_sorted = true, .list_exact = true, .object_max = INT64_C(5) << 40},
	{.preset = "seaweedfs", .endpoint_form = "https://HOST:8333", .region = "us-east-1", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_CRC64NVME, .classes = true, .class_words = amazon_classes, .create_only = true, .conditional_delete = true,
		.versions = true, .copy_create_only = true, .copy_replace = true, .class_by_replace = true,
		.join_create_only = true, .list_exact = true, .segment_max = 255,
		.key_folds = CF_FOLD_EMPTY_SEGMENT | CF_FOLD_LEADING_SLASH | CF_FOLD_BACKSLASH},
	{.preset = "versitygw", .endpoint_form = "https://HOST:7070", .region = "us-east-1", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_CRC64NVME, .create_only = true, .conditional_delete = true, .versions = true,
		.join_create_only = true, .list_sorted = true, .segment_max = 255,
		.key_folds = CF_FOLD_EMPTY_SEGMENT | CF_FOLD_DOT | CF_FOLD_DOT_DOT | CF_FOLD_LEADING_SLASH},
	{.preset = "garage", .endpoint_form = "https://HOST:3900", .region = "garage", .dialect = &cf_s3_aws4,
		.checksum = CF_S3_CHECKSUM_MD5, .list_sorted = true, .list_exact = true, .no_tags = true},
	{.preset = "gcs", .endpoint = "https://storage.googleapis.com", .region = "auto", .dialect = &cf_s3_goog4,
		.checksum = CF_S3_CHECKSUM_MD5, .classes = true, .class_words = google_classes, .create_only = true, .conditional_delete = true,
		.list_sorted = true, .list_exact = true, .no_tags = true, .whole_only = true},
};

#define STORES (sizeof(cf_s3_stores) / sizeof(cf_s3_stores[0]))

const int	cf_s3_store_count = STORES;

const CfS3Store *
cf_s3_store(const CfPlace *place)
{
	const char *preset = cf_storage_option(place, "preset");

	for (size_t i = 0; i < STORES && preset[0] != '\0'; i++)
	{
		if (strcmp(cf_s3_stores[i].preset, preset) == 0)
			return &cf_s3_stores[i];
	}
	return &cf_s3_stores[strcmp(place->provider, "AWS") == 0 ? 0 : 1];
}

/* cf_s3_class_check refuses a class that the store of a place is known not to have. */
bool
cf_s3_class_check(const CfPlace *place, const char *storage_class, CfError *err)
{
	const CfS3Store *store = cf_s3_store(place);
	char		words[200] = "";

	if (store->class_words == NULL || storage_class[0] == '\0' || cf_remote_among(storage_class, store->class_words))
		return true;
	for (int i = 0; store->class_words[i] != NULL; i++)
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", i == 0 ? "" : ", ", store->class_words[i]);
	cf_error_set(err, CF_ERR_INPUT, "storage class \"%.60s\" of place \"%s\" is unknown", storage_class, place->name);
	cf_error_detail(err, "Objects of the store \"%s\" cannot have it.", store->preset);
	return cf_error_hint(err, "Its classes are %s.", words);
}
