/*
 * s3_url.c
 *		Where a request goes: endpoint, region, bucket and key as a URL; and where it goes instead, when the store tells the region.
 *
 * Who names a wrong region, or none, is told the right one by S3 with a 301, 307, 400 or 403: in x-amz-bucket-region, or in the
 * body. The request was refused, so it is sent once more, signed for that region, and the place remembers it as long as this process
 * knows the place. The answer names a region and nothing else: the host comes from our own table, and stays in the
 * partition of AWS (or at the endpoint) that the place belongs to, so that no answer can send our credentials elsewhere.
 */
#include <stdio.h>
#include <string.h>

#include "storage/s3/s3.h"

#define REGIONS_MAX 2			/* of one request: a store that names another each time has no answer */

static bool is_aws(const CfPlace *place);
static const char *endpoint_of(const CfPlace *place, char *room, size_t room_bytes);
static bool has_subdomains(const char *endpoint);
static bool bucket_in_host(const CfPlace *place);
static void base_add(CfRemoteText *text, const CfPlace *place);
static bool region_valid(const char *region);

/* Regions whose hosts end differently: other partitions of AWS. */
static const struct
{
	const char *region;			/* how it begins */
	const char *domain;
}			partitions[] = {
	{"cn-", "amazonaws.com.cn"},
	{"us-isob-", "sc2s.sgov.gov"},
	{"us-iso-", "c2s.ic.gov"},
	{"eusc-", "amazonaws.eu"},
	{"", "amazonaws.com"},
};

/* cf_s3_partition gives the domain of AWS that a region's hosts are in; the same pointer for regions of one partition. */
const char *
cf_s3_partition(const char *region)
{
	size_t		i = 0;

	while (strncmp(region, partitions[i].region, strlen(partitions[i].region)) != 0)
		i++;
	return partitions[i].domain;
}

/* cf_s3_region gives the region to sign for: what the store told, else what the place says; NULL = none is known. */
const char *
cf_s3_region(const CfPlace *place)
{
	if (place->learned != NULL && place->learned->region[0] != '\0')
		return place->learned->region;
	return place->region[0] != '\0' ? place->region : cf_s3_store(place)->region;
}

/* cf_s3_region_told finds the region that the answer at hand names, when it is not ours; false = it names none. */
bool
cf_s3_region_told(const CfOp *op, char region[CF_S3_REGION_MAX + 1])
{
	const CfResponse *response = &op->response;
	const char *ours = cf_s3_region(cf_remote_asked(op));
	CfXmlField	field = {"Error/Region", region, CF_S3_REGION_MAX + 1};
	CfError		ignored;

	if (response->status != 301 && response->status != 307 && response->status != 400 && response->status != 403)
		return false;
	snprintf(region, CF_S3_REGION_MAX + 1, "%s", cf_s3_answer(op, "bucket-region"));
	if (region[0] == '\0' && response->body_bytes > 0)
		(void) cf_xml_fields(response->body, response->body_bytes, &field, 1, &ignored);
	return region_valid(region) && ours != NULL && strcmp(region, ours) != 0;
}

static bool
region_valid(const char *region)
{
	size_t		length = strlen(region);

	return length > 0 && length <= CF_S3_REGION_MAX &&
		strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == length;
}

/* cf_s3_again adopts the region that the store told, and points the request there; false = the answer stands as it is. */
bool
cf_s3_again(CfOp *op)
{
	CfS3State  *state = op->state;
	const CfPlace *place = cf_remote_asked(op);
	char		region[CF_S3_REGION_MAX + 1];
	CfRemoteText old = {.arena = &op->request_arena};
	CfRemoteText new = {.arena = &op->request_arena};

	if (place->learned == NULL || state->remote.mended >= REGIONS_MAX || !cf_s3_region_told(op, region) ||
		(is_aws(place) && cf_s3_partition(region) != cf_s3_partition(cf_s3_region(place))))
		return false;
	base_add(&old, place);
	if (old.failed || strncmp(op->request.url, old.data, old.length) != 0)
		return false;
	snprintf(place->learned->region, sizeof(place->learned->region), "%s", region);
	state->remote.mended++;
	base_add(&new, place);
	cf_remote_text_add(&new, op->request.url + old.length);
	if (new.failed)
		return false;
	op->request.url = new.data;
	memset(&op->response, 0, sizeof(op->response));
	return true;
}

/* is_aws tells whether a place is at AWS's own endpoint. */
static bool
is_aws(const CfPlace *place)
{
	return place->endpoint[0] == '\0' && cf_s3_store(place) == &cf_s3_stores[0];
}

/* endpoint_of gives scheme and host of a place, without a slash at the end: its own, else its store's, in its region. */
static const char *
endpoint_of(const CfPlace *place, char *room, size_t room_bytes)
{
	const char *region = cf_s3_region(place) == NULL ? "" : cf_s3_region(place);
	const char *endpoint = cf_s3_store(place)->endpoint == NULL ? "" : cf_s3_store(place)->endpoint;
	size_t		length = strcspn(endpoint, "%");

	if (is_aws(place))
		snprintf(room, room_bytes, "https://s3.%s.%s", region, cf_s3_partition(region));
	else if (place->endpoint[0] != '\0' || endpoint[length] == '\0')
		snprintf(room, room_bytes, "%s", place->endpoint[0] != '\0' ? place->endpoint : endpoint);
	else
		snprintf(room, room_bytes, "%.*s%s%s", (int) length, endpoint, region, endpoint + length + 2);
	length = strlen(room);
	while (length > 0 && room[length - 1] == '/')
		room[--length] = '\0';
	return room;
}

/* has_subdomains tells whether names can stand in front of an endpoint's host: it is no address, and has a dot. */
static bool
has_subdomains(const char *endpoint)
{
	CfError		ignored;
	CfUrl		url;
	const char *last;

	if (endpoint[0] == '\0')
		return true;			/* the store's own */
	if (!cf_url_split(endpoint, &url, &ignored) || strchr(url.host, ':') != NULL || (last = strrchr(url.host, '.')) == NULL)
		return false;
	return strspn(last, ".0123456789") != strlen(last);
}

/* bucket_in_host tells whether the bucket goes into the host's name; one with dots would not match a certificate. */
static bool
bucket_in_host(const CfPlace *place)
{
	const char *addressing = cf_storage_option(place, "addressing");

	if (strcmp(addressing, "path") == 0 || strcmp(addressing, "virtual") == 0)
		return addressing[0] == 'v';
	return cf_s3_store(place)->virtual_host && has_subdomains(place->endpoint) && strlen(place->bucket) <= 63 &&
		strspn(place->bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(place->bucket);
}

/* base_add adds scheme, host and bucket of a place, without a slash behind. */
static void
base_add(CfRemoteText *text, const CfPlace *place)
{
	char		room[512];
	const char *endpoint = endpoint_of(place, room, sizeof(room));
	const char *host = strstr(endpoint, "://");

	host = host == NULL ? endpoint : host + 3;
	cf_remote_text_add_bytes(text, endpoint, (size_t) (host - endpoint));
	if (bucket_in_host(place))
		cf_remote_text_format(text, "%s.%s", place->bucket, host);
	else
	{
		cf_remote_text_format(text, "%s/", host);
		cf_remote_text_encode(text, place->bucket);
	}
}

/* cf_s3_url makes the URL of an object (key), or of the bucket (key NULL), each byte encoded once; NULL = out of memory. */
char *
cf_s3_url(const CfPlace *place, CfArena *arena, const char *key, const char *query)
{
	CfRemoteText text = {.arena = arena};

	base_add(&text, place);
	if (key != NULL || bucket_in_host(place))
		cf_remote_text_add(&text, "/");
	if (key != NULL)
	{
		cf_remote_text_path(&text, place->prefix);
		cf_remote_text_path(&text, key);
	}
	if (query[0] != '\0')
		cf_remote_text_format(&text, "?%s", query);
	return cf_remote_text_end(&text);
}
