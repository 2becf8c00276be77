/*
 * azure_driver.c
 *		Driver of provider Azure: what it can do, which places and keys it takes, and how a request to it begins.
 *
 * One container is one place. Its URL is https://<account>.blob.core.windows.net/<container>, or <endpoint>/<container> where
 * the option endpoint names a private endpoint, another cloud or an emulator; an endpoint with a path is path-style, its first
 * segment is the account. Where the host does not begin with the account, the option account tells it.
 *
 * A SAS of the place is appended to each URL here; what else authorises a request is added at each attempt (azure_sign.c).
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "storage/azure/azure.h"
#include "storage/identity.h"

#define SEGMENT_MAX 254
#define SEGMENTS_MAX 254
#define ENDPOINT_MAX 512

static bool azure_validate(const CfPlace *place, CfError *err);
static void azure_caps(const CfPlace *place, CfCaps *caps);

static const char *const azure_options[] = {
	"account", "authority", "restore_priority", "identity_tenant_id", "identity_client_id", "metadata_endpoint", NULL
};
static const char *const azure_credentials[] = {
	"account_key", "sas_token", "tenant_id", "client_id", "client_secret", "federated_token", NULL
};

static const CfRemoteChoice priorities = {
	"restore_priority", {"Standard", "High"}, "Azure knows Standard (up to 15 hours) and High (often under one hour, dearer)."
};

static const char *const azure_sources[] = {"environment", "web_identity", "managed_identity", NULL};

const CfDriver cf_storage_azure_driver = {
	.name = "azure",
	.validate = azure_validate,
	.caps = azure_caps,
	.key_check = cf_azure_key_check,
	.stat = cf_remote_stat,
	.read = cf_remote_read,
	.put = cf_remote_put,
	.upload_begin = cf_azure_upload_begin,
	.upload_part = cf_remote_upload_part,
	.upload_seal = cf_remote_upload_seal,
	.upload_commit = cf_remote_upload_commit,
	.upload_abort = cf_azure_upload_abort,
	.uploads_find = cf_azure_uploads_find,
	.remove = cf_remote_remove,
	.list = cf_azure_list,
	.attributes = cf_azure_attributes,
	.end = cf_remote_end,
	.options = azure_options,
	.credentials = azure_credentials,
	.sources = azure_sources,
	.remote = &cf_azure_remote,
	.credential_next = cf_azure_credential_next,
	.fetch = cf_remote_fetch,
	.copy = cf_azure_copy,
	.set_class = cf_azure_set_class,
	.credentials_check = cf_azure_credentials_check,
	.restore = cf_azure_restore,
	.again = cf_azure_again,
	.stranger = cf_azure_stranger,
	.presign = cf_azure_presign,
	.version_told = cf_azure_version_told,
};

/* container_valid accepts 3 to 63 of a-z 0-9 and single hyphens inside, and the three containers with a dollar. */
static bool
container_valid(const char *name)
{
	size_t		length = strlen(name);

	if (strcmp(name, "$root") == 0 || strcmp(name, "$web") == 0 || strcmp(name, "$logs") == 0)
		return true;
	return length >= 3 && length <= 63 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length &&
		name[0] != '-' && name[length - 1] != '-' && strstr(name, "--") == NULL;
}

static bool
azure_validate(const CfPlace *place, CfError *err)
{
	const char *authority = cf_storage_option(place, "authority");
	size_t		prefix_bytes = strlen(place->prefix);
	char		account[64];
	CfUrl		url;

	if (!container_valid(place->bucket))
	{
		cf_error_set(err, CF_ERR_INPUT, "bucket \"%s\" cannot be a container of Azure", place->bucket);
		return cf_error_hint(err, "A container has 3 to 63 lower-case letters, digits and single hyphens.");
	}
	if (!cf_identity_options_check(place, err))
		return false;
	if (prefix_bytes > 0 && (place->prefix[prefix_bytes - 1] != '/' || place->prefix[0] == '/' || prefix_bytes > CF_STORAGE_KEY_MAX / 2))
		return cf_error_set(err, CF_ERR_INPUT, "prefix \"%s\" must end in \"/\", not begin with one, and have at most %d bytes",
							place->prefix, CF_STORAGE_KEY_MAX / 2);
	if (place->endpoint[0] != '\0' && (!cf_url_split(place->endpoint, &url, err) || url.query[0] != '\0' || strlen(place->endpoint) > ENDPOINT_MAX))
		return cf_error_set(err, CF_ERR_INPUT, "endpoint \"%.200s\" is not the URL of a storage account", place->endpoint);
	if (authority[0] != '\0' && (!cf_url_split(authority, &url, err) || url.query[0] != '\0' || strlen(authority) > ENDPOINT_MAX))
		return cf_error_set(err, CF_ERR_INPUT, "authority \"%.200s\" is not the URL of a token service", authority);
	if (!cf_azure_account(place, account))
	{
		cf_error_set(err, CF_ERR_INPUT, "place \"%s\" does not tell its storage account", place->name);
		return cf_error_hint(err, "Set the option account to the name of the storage account: lower-case letters and digits.");
	}
	if (cf_azure_tier(place->storage_class) == NULL)
	{
		cf_error_set(err, CF_ERR_INPUT, "storage class \"%s\" is none of Azure's", place->storage_class);
		cf_error_detail(err, "Blobs of place \"%s\" cannot have it.", place->name);
		return cf_error_hint(err, "Classes are Hot, Cool, Cold, Archive, or as in the price book (HOT_LRS, COOL_ZRS, …).");
	}
	return cf_remote_choices_check(place, &priorities, 1, err);
}

/*
 * azure_caps: a digest of a whole object is known of one that came in one Put Blob only. What Put Block List is told of an MD5
 * is the client's word, and HEAD does not tell which it was: there it is a claim, and so is the CRC in our metadata. A copy by the service is
 * held against them.
 */
static void
azure_caps(const CfPlace *place, CfCaps *caps)
{
	(void) place;
	caps->create_only = true;
	caps->conditional_delete = true;
	caps->conditional_read = true;
	caps->copy_conditional = true;
	caps->storage_classes = true;
	caps->server_side_copy = true;
	caps->restores = true;
	caps->remote = true;
	caps->parallel_parts = true;
	caps->list_utf8_safe = true;
	caps->digests = caps->part_digests = CF_DIGEST_CRC64NVME;
	caps->put_max_bytes = CF_AZURE_PUT_MAX;
	caps->fetch_max_bytes = cf_azure_remote.range_max;
	caps->copy_max_bytes = CF_AZURE_COPY_MAX;
	caps->max_object_bytes = CF_AZURE_BLOCK_MAX * CF_AZURE_BLOCKS_MAX;
	caps->max_key_bytes = CF_STORAGE_KEY_MAX;
	caps->max_segment_bytes = SEGMENT_MAX;
	caps->key_folds = CF_FOLD_BACKSLASH | CF_FOLD_DOT_AT_END;
	caps->part_min_bytes = CF_AZURE_PART_MIN;
	caps->part_max_bytes = CF_AZURE_BLOCK_MAX;
	caps->parts_max = CF_AZURE_BLOCKS_MAX;
}

/* cf_azure_tier translates a class, in Azure's words or the price book's (HOT_LRS), to the word of x-ms-access-tier. */
const char *
cf_azure_tier(const char *storage_class)
{
	static const struct
	{
		const char *name;
		const char *tier;
	}			tiers[] = {{"", ""}, {"HOT", "Hot"}, {"COOL", "Cool"}, {"COLD", "Cold"}, {"ARCHIVE", "Archive"}, {"PREMIUM", ""}};
	size_t		length = strcspn(storage_class, "_");

	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
	{
		if (strlen(tiers[i].name) == length && strncasecmp(tiers[i].name, storage_class, length) == 0)
			return tiers[i].tier;
	}
	return NULL;
}

/* cf_azure_account tells the storage account: the option, the first segment of a path-style endpoint, or the host's first label. */
bool
cf_azure_account(const CfPlace *place, char account[64])
{
	const char *from = cf_storage_option(place, "account");
	size_t		length = strlen(from);
	CfUrl		url;
	CfError		ignored;

	if (length == 0)
	{
		if (place->endpoint[0] == '\0' || !cf_url_split(place->endpoint, &url, &ignored))
			return false;
		if (url.path_bytes > 1)
		{
			from = url.path + 1;
			length = strcspn(from, "/?");
		}
		else
		{
			from = url.host;
			length = strcspn(from, ".");
			if (strspn(from, "0123456789.") == strlen(from))
				return false;	/* an address is nobody's account */
		}
	}
	if (length == 0 || length > 63 || strspn(from, "abcdefghijklmnopqrstuvwxyz0123456789-") < length)
		return false;
	memcpy(account, from, length);
	account[length] = '\0';
	return true;
}

/* cf_azure_key_check refuses keys that Azure cuts, folds or cannot hold. */
bool
cf_azure_key_check(const CfPlace *place, const char *key, CfError *err)
{
	const char *segment = key;
	int			segments = 1;
	char		shown[CF_REMOTE_SHOWN];

	if (!cf_remote_key_check(place, key, shown, err))
		return false;
	if (strchr(key, '\\') != NULL)
	{
		cf_error_set(err, CF_ERR_INPUT, "key \"%s\" contains a backslash", shown);
		return cf_error_hint(err, "Azure takes it for a slash, and two keys would become one.");
	}
	/* A listing is XML, which has no U+FFFE and U+FFFF. */
	if (strstr(key, "\xef\xbf\xbe") != NULL || strstr(key, "\xef\xbf\xbf") != NULL)
		return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" is not valid UTF-8", shown);
	for (;;)
	{
		size_t		length = strcspn(segment, "/");

		if (length == 0)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has an empty segment", shown);
		if (segment[length - 1] == '.')
		{
			cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has a segment that ends in a dot", shown);
			return cf_error_hint(err, "Azure cuts such dots off, and two keys would become one.");
		}
		if (length > SEGMENT_MAX)
			return cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has a segment of %zu bytes, at most %d", shown, length, SEGMENT_MAX);
		if (segment[length] == '\0')
			break;
		segments++;
		segment += length + 1;
	}
	for (const char *slash = strchr(place->prefix, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
		segments++;
	return segments <= SEGMENTS_MAX ||
		cf_error_set(err, CF_ERR_INPUT, "key \"%s\" has %d segments with the prefix, at most %d", shown, segments, SEGMENTS_MAX);
}

/* cf_azure_url makes the URL of a blob (key NULL = of the container), with query and the place's SAS; NULL = out of memory. */
char *
cf_azure_url(const CfPlace *place, CfArena *arena, const char *key, const char *query)
{
	const char *sas = cf_credential(place->credentials, "account_key") != NULL ? NULL : cf_credential(place->credentials, "sas_token");
	CfRemoteText text = {.arena = arena};
	char		account[64];
	size_t		endpoint_bytes = strlen(place->endpoint);

	while (endpoint_bytes > 0 && place->endpoint[endpoint_bytes - 1] == '/')
		endpoint_bytes--;
	if (endpoint_bytes > 0)
		cf_remote_text_add_bytes(&text, place->endpoint, endpoint_bytes);
	else if (cf_azure_account(place, account))
		cf_remote_text_format(&text, "https://%s.blob.core.windows.net", account);
	cf_remote_text_format(&text, "/%s", place->bucket);
	if (key != NULL)
	{
		cf_remote_text_add(&text, "/");
		cf_remote_text_path(&text, place->prefix);
		cf_remote_text_path(&text, key);
	}
	if (query != NULL && query[0] != '\0')
		cf_remote_text_format(&text, "?%s", query);
	if (sas != NULL && sas[0] != '\0')
		cf_remote_text_format(&text, "%s%s", query != NULL && query[0] != '\0' ? "&" : "?", sas[0] == '?' ? sas + 1 : sas);
	return cf_remote_text_end(&text);
}

/* cf_azure_request starts a request on a blob, or on the container when key is NULL; NULL = out of memory, told in op->err. */
CfRequest *
cf_azure_request(CfOp *op, const char *method, const char *verb, const char *key, const char *query)
{
	CfRequest  *request = cf_storage_op_request(op, method, verb);

	request->url = cf_azure_url(op->place, &op->request_arena, key, query);
	request->sign = cf_azure_sign;
	request->classify = cf_azure_classify;
	if (request->url == NULL)
	{
		cf_remote_memory(op);
		return NULL;
	}
	return cf_net_header(request, "x-ms-version", CF_AZURE_VERSION, &op->err) ? request : NULL;
}

/* cf_azure_header adds a header whose value is copied; an empty value is left away. */
bool
cf_azure_header(CfOp *op, const char *name, const char *value)
{
	return value == NULL || value[0] == '\0' || cf_remote_header(op, name, value);
}

/* cf_azure_pin adds a condition on a version; "" = none. */
bool
cf_azure_pin(CfOp *op, const char *name, const char *version)
{
	char		quoted[CF_STORAGE_VERSION_MAX + 3];

	if (version == NULL || version[0] == '\0')
		return true;
	if (strlen(version) > CF_STORAGE_VERSION_MAX || strpbrk(version, "\"\r\n") != NULL)
		return cf_error_set(&op->err, CF_ERR_INPUT, "the version of an object in place \"%s\" is no ETag", op->place->name);
	snprintf(quoted, sizeof(quoted), "\"%s\"", version);
	return cf_azure_header(op, name, quoted);
}
