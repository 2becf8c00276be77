/*
 * storage_gcs_store.h: a bucket or two of Google Cloud Storage in memory, for the unit tests of the driver: requests of the
 * JSON API are taken apart and answered as documented, conditions and checksums are checked, what is not known fails the
 * test. No network and no clock. It can be told to lose an answer (the request then arrives twice, as the engine would send
 * it), to answer one request with a status of choice, and to take several calls for a rewrite. One test program includes it
 * once, after harness/tap.h.
 */
#ifndef CF_TEST_GCS_STORE_H
#define CF_TEST_GCS_STORE_H

#include <jansson.h>

#include "storage/gcs/gcs.h"

#define STORE_ENDPOINT "http://store.test:8080"
#define STORE_OBJECTS 4096
#define STORE_TOKEN "test-token"

typedef struct StoreObject
{
	char	   *bucket;
	char	   *name;
	char	   *data;
	size_t		size;
	int64_t		generation;
	int64_t		metageneration;
	json_t	   *resource;		/* what the writer said: contentType, storageClass, metadata, … */
	bool		composed;
} StoreObject;

static StoreObject store_objects[STORE_OBJECTS];
static int	store_count;
static int64_t store_generation = 1700000000000000;
static int	store_requests;
static int	store_lose_at;			/* the request of that number arrives twice */
static int	store_fail_at;			/* the request of that number is answered with store_fail_status */
static int	store_fail_status;
static const char *store_fail_body;
static bool store_fail_done;		/* after its work was done */
static int	store_rewrite_calls = 1;
static int	store_rewrite_count;
static const char *store_hold;		/* what a DELETE answers with 403 */
static char *store_body;			/* of the answer */
static char store_line[8192];		/* "METHOD URL" of the last request */
static char store_headers[8][512];

/* What the request under work is. */
static const CfRequest *store_request;
static const char *store_query;
static CfResponse *store_response;

static CfArena store_arena;			/* forgotten at each request */

/* store_arg gives a parameter of the query, decoded; NULL = it is not there. */
static char *
store_arg(const char *name)
{
	size_t		length = strlen(name);

	for (const char *s = store_query; *s != '\0'; s += strcspn(s, "&"), s += *s == '&')
	{
		char	   *value;

		if (strncmp(s, name, length) != 0 || s[length] != '=')
			continue;
		s += length + 1;
		if (!cf_url_decode(&store_arena, s, strcspn(s, "&"), true, &value))
			bail("malformed query: %s", store_query);
		return value;
	}
	return NULL;
}

static const char *
store_header(const char *name)
{
	for (int i = 0; i < store_request->header_count; i++)
	{
		if (strcasecmp(store_request->headers[i].name, name) == 0)
			return store_request->headers[i].value;
	}
	return "";
}

static void
store_tell(const char *name, const char *value)
{
	int			n = store_response->header_count++;

	snprintf(store_headers[n], sizeof(store_headers[n]), "%s", value);
	store_response->headers[n] = (CfHeader) {name, store_headers[n]};
}

static void
store_answer(int status, const char *text)
{
	free(store_body);
	store_body = strdup(text);
	store_response->status = status;
	store_response->body = store_body;
	store_response->body_bytes = strlen(text);
}

static void
store_error(int status, const char *reason, const char *message)
{
	char		text[2048];

	snprintf(text, sizeof(text), "{\"error\":{\"code\":%d,\"message\":\"%s\",\"errors\":[{\"message\":\"%s\",\"domain\":"
			 "\"global\",\"reason\":\"%s\"}]}}", status, message, message, reason);
	store_answer(status, text);
	store_tell("x-guploader-uploadid", "request-7");
}

static StoreObject *
store_find(const char *bucket, const char *name)
{
	for (int i = 0; i < store_count; i++)
	{
		if (store_objects[i].name != NULL && strcmp(store_objects[i].bucket, bucket) == 0 &&
			strcmp(store_objects[i].name, name) == 0)
			return &store_objects[i];
	}
	return NULL;
}

static void
store_forget(StoreObject *object)
{
	free(object->bucket);
	free(object->name);
	free(object->data);
	json_decref(object->resource);
	memset(object, 0, sizeof(*object));
}

static void
store_crc(const char *data, size_t size, char text[16])
{
	uint32_t	crc = cf_crc32c(0, data, size);
	uint8_t		bytes[] = {crc >> 24, crc >> 16 & 0xff, crc >> 8 & 0xff, crc & 0xff};

	cf_base64_encode(bytes, 4, text);
}

/* store_create makes or replaces an object; data and resource are taken over. */
static StoreObject *
store_create(const char *bucket, const char *name, char *data, size_t size, json_t *resource)
{
	StoreObject *object = store_find(bucket, name);

	if (object == NULL)
	{
		for (object = store_objects; object < store_objects + store_count && object->name != NULL; object++)
			;
		if (object == store_objects + STORE_OBJECTS)
			bail("the store is full");
		if (object == store_objects + store_count)
			store_count++;
	}
	else
		store_forget(object);
	*object = (StoreObject) {strdup(bucket), strdup(name), data, size, ++store_generation, 1, resource, false};
	if (json_object_get(resource, "storageClass") == NULL)
		json_object_set_new(resource, "storageClass", json_string("STANDARD"));
	return object;
}

/* store_put plants an object. */
static TAP_UNUSED StoreObject *
store_put(const char *name, const char *text)
{
	return store_create("bucket", name, strdup(text), strlen(text), json_object());
}

static json_t *
store_resource(const StoreObject *object)
{
	json_t	   *resource = json_copy(object->resource);
	char		text[64];

	json_object_set_new(resource, "name", json_string(object->name));
	snprintf(text, sizeof(text), "%zu", object->size);
	json_object_set_new(resource, "size", json_string(text));
	snprintf(text, sizeof(text), "%" PRId64, object->generation);
	json_object_set_new(resource, "generation", json_string(text));
	snprintf(text, sizeof(text), "%" PRId64, object->metageneration);
	json_object_set_new(resource, "metageneration", json_string(text));
	store_crc(object->data, object->size, text);
	json_object_set_new(resource, "crc32c", json_string(text));
	if (!object->composed)
	{
		uint8_t		md5[16];

		cf_md5(object->data, object->size, md5);
		cf_base64_encode(md5, 16, text);
		json_object_set_new(resource, "md5Hash", json_string(text));
	}
	json_object_set_new(resource, "timeCreated", json_string("2026-03-01T12:00:00.250Z"));
	json_object_set_new(resource, "updated", json_string("2026-03-02T12:00:00.250Z"));
	return resource;
}

static void
store_answer_json(int status, json_t *value)
{
	char	   *text = json_dumps(value, JSON_COMPACT);

	store_answer(status, text);
	free(text);
	json_decref(value);
}

/* store_holds tells whether the conditions of the request hold for an object (NULL = none), else it answers 412. */
static bool
store_holds(const char *prefix, const StoreObject *object)
{
	char		name[64];
	const char *wanted;

	snprintf(name, sizeof(name), "%sGenerationMatch", prefix);
	wanted = store_arg(name);
	if (wanted != NULL && strtoll(wanted, NULL, 10) != (object == NULL ? 0 : object->generation))
	{
		store_error(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
		return false;
	}
	snprintf(name, sizeof(name), "%sMetagenerationMatch", prefix);
	wanted = store_arg(name);
	if (wanted != NULL && object != NULL && strtoll(wanted, NULL, 10) != object->metageneration)
	{
		store_error(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
		return false;
	}
	return true;
}

/* store_live finds the object of a request: the named generation, if one is named; else it answers 404. */
static StoreObject *
store_live(const char *bucket, const char *name, const char *generation)
{
	StoreObject *object = store_find(bucket, name);
	const char *wanted = store_arg(generation);

	if (object != NULL && (wanted == NULL || strtoll(wanted, NULL, 10) == object->generation))
		return object;
	store_error(404, "notFound", "No such object");
	return NULL;
}

static void
store_media(const StoreObject *object)
{
	long long	first;
	long long	last;
	char		text[128];

	if (sscanf(store_header("Range"), "bytes=%lld-%lld", &first, &last) != 2 || first > last)
		bail("a read without a range: %s", store_line);
	if (strcmp(store_header("Accept-Encoding"), "gzip") != 0)
		bail("a read that would be decompressed: %s", store_line);
	if (first >= (long long) object->size)
	{
		store_answer(416, "");
		return;
	}
	if (last >= (long long) object->size)
		last = object->size - 1;
	store_answer(206, "");
	store_response->sink_bytes = last - first + 1;
	if (store_response->sink_bytes > store_request->sink_bytes)
		bail("the sink is too small: %s", store_line);
	memcpy(store_request->sink, object->data + first, store_response->sink_bytes);
	snprintf(text, sizeof(text), "bytes %lld-%lld/%zu", first, last, object->size);
	store_tell("content-range", text);
	snprintf(text, sizeof(text), "%" PRId64, object->generation);
	store_tell("x-goog-generation", text);
	strcpy(text, "crc32c=");
	store_crc(object->data, object->size, text + 7);
	store_tell("x-goog-hash", text);
}

static void
store_insert(const char *bucket)
{
	char	   *name = store_arg("name");
	const char *body = store_request->body;
	const char *end = body + store_request->body_bytes;
	const char *boundary = strstr(store_header("Content-Type"), "boundary=");
	char		mark[64];
	char	   *json_end;
	char	   *data;
	char	   *data_end;
	json_t	   *resource;
	char		crc[16];

	if (boundary == NULL || strcmp(store_arg("uploadType"), "multipart") != 0)
		bail("not multipart: %s", store_line);
	snprintf(mark, sizeof(mark), "\r\n--%s", boundary + 9);
	body = strstr(body, "\r\n\r\n") + 4;
	json_end = memmem(body, end - body, mark, strlen(mark));
	data = (char *) strstr(json_end + 4, "\r\n\r\n") + 4;
	data_end = memmem(data, end - data, mark, strlen(mark));
	if (data_end == NULL || strncmp(data_end + strlen(mark), "--", 2) != 0)
		bail("multipart body without an end");
	resource = json_loadb(body, json_end - body, 0, NULL);
	store_crc(data, data_end - data, crc);
	if (strcmp(cf_json_text(resource, "crc32c"), crc) != 0)
	{
		json_decref(resource);
		store_error(400, "invalid", "Provided CRC32C does not match.");
		return;
	}
	if (!store_holds("if", store_find(bucket, name)))
	{
		json_decref(resource);
		return;
	}
	data = memcpy(malloc(data_end - data + 1), data, data_end - data);
	store_answer_json(200, store_resource(store_create(bucket, name, data, data_end - (char *) strstr(json_end + 4, "\r\n\r\n") - 4,
													   resource)));
}

static void
store_compose(const char *bucket, const char *name)
{
	json_t	   *body = json_loadb(store_request->body, store_request->body_bytes, 0, NULL);
	json_t	   *sources = json_object_get(body, "sourceObjects");
	json_t	   *item;
	char	   *data = NULL;
	size_t		size = 0;
	size_t		i;

	if (json_array_size(sources) < 1 || json_array_size(sources) > 32)
		bail("%zu sources of a compose", json_array_size(sources));
	if (!store_holds("if", store_find(bucket, name)))
	{
		json_decref(body);
		return;
	}
	json_array_foreach(sources, i, item)
	{
		StoreObject *piece = store_find(bucket, cf_json_text(item, "name"));

		if (piece == NULL || strtoll(cf_json_text(item, "generation"), NULL, 10) != piece->generation)
		{
			free(data);
			json_decref(body);
			store_error(404, "notFound", "No such object");
			return;
		}
		data = realloc(data, size + piece->size + 1);
		memcpy(data + size, piece->data, piece->size);
		size += piece->size;
	}
	store_create(bucket, name, data, size, json_deep_copy(json_object_get(body, "destination")))->composed = true;
	store_answer_json(200, store_resource(store_find(bucket, name)));
	json_decref(body);
}

static void
store_rewrite(const char *bucket, const char *name, const char *to_bucket, const char *to_name)
{
	StoreObject *source = store_live(bucket, name, "sourceGeneration");
	const char *token = store_arg("rewriteToken");
	char	   *data;
	size_t		size;

	if (source == NULL || !store_holds("ifSource", source) || !store_holds("if", store_find(to_bucket, to_name)))
		return;
	if (token != NULL && strcmp(token, "go/on+") != 0)
	{
		store_error(400, "invalid", "Rewrite token does not match the request.");
		return;
	}
	if (token == NULL)
		store_rewrite_count = 0;	/* a call without a token begins */
	if (++store_rewrite_count < store_rewrite_calls)
	{
		store_answer_json(200, json_pack("{s:b, s:s}", "done", 0, "rewriteToken", "go/on+"));
		return;
	}
	store_rewrite_count = 0;
	size = source->size;
	data = memcpy(malloc(size + 1), source->data, size);
	store_create(to_bucket, to_name, data, size, json_loadb(store_request->body, store_request->body_bytes, 0, NULL));
	store_answer_json(200, json_pack("{s:b, s:o}", "done", 1, "resource", store_resource(store_find(to_bucket, to_name))));
}

static int
store_by_name(const void *a, const void *b)
{
	return strcmp((*(StoreObject *const *) a)->name, (*(StoreObject *const *) b)->name);
}

static void
store_list(const char *bucket)
{
	static StoreObject *found[STORE_OBJECTS];
	const char *prefix = store_arg("prefix");
	const char *token = store_arg("pageToken");
	const char *from = store_arg("startOffset");
	const char *max = store_arg("maxResults");
	long		limit = strtol(max, NULL, 10);
	json_t	   *items = json_array();
	json_t	   *answer = json_pack("{s:o}", "items", items);
	int			count = 0;

	for (int i = 0; i < store_count; i++)
	{
		StoreObject *object = &store_objects[i];

		if (object->name != NULL && strcmp(object->bucket, bucket) == 0 &&
			(prefix == NULL || strncmp(object->name, prefix, strlen(prefix)) == 0) &&
			(token == NULL || strcmp(object->name, token) > 0) && (from == NULL || strcmp(object->name, from) >= 0))
			found[count++] = object;
	}
	qsort(found, count, sizeof(found[0]), store_by_name);
	for (int i = 0; i < count && i < limit; i++)
		json_array_append_new(items, store_resource(found[i]));
	if (count > limit)
		json_object_set_new(answer, "nextPageToken", json_string(found[limit - 1]->name));
	store_answer_json(200, answer);
}

static void
store_remove(const char *bucket, const char *name)
{
	StoreObject *object = store_live(bucket, name, "generation");

	if (object == NULL || !store_holds("if", object))
		return;
	if (store_hold != NULL)
		store_error(403, "forbidden", store_hold);
	else
	{
		store_forget(object);
		store_answer(204, "");
	}
}

/* store_work does what a request says. */
static void
store_work(const char *path)
{
	char	   *bucket = NULL;
	char	   *name = NULL;
	char	   *more = NULL;
	bool		upload = strncmp(path, "/upload/", 8) == 0;

	store_response->header_count = 0;
	path += upload ? 7 : 0;
	if (strncmp(path, "/storage/v1/b/", 14) != 0)
		bail("unknown path: %s", store_line);
	path += 14;
	bucket = strndup(path, strcspn(path, "/"));
	path += strlen(bucket) + 2;
	if (path[0] == '/')
	{
		size_t		length = strcspn(path + 1, "/?");

		if (!cf_url_decode(&store_arena, path + 1, length, false, &name))
			bail("malformed path: %s", store_line);
		more = strndup(path + 1 + length, strcspn(path + 1 + length, "?"));
	}
	if (strncmp(bucket, "none", 4) == 0)
		store_error(404, "notFound", "The specified bucket does not exist.");
	else if (upload)
		store_insert(bucket);
	else if (name == NULL)
		store_list(bucket);
	else if (strcmp(store_request->method, "DELETE") == 0)
		store_remove(bucket, name);
	else if (strcmp(more, "/compose") == 0)
		store_compose(bucket, name);
	else if (strncmp(more, "/rewriteTo/b/", 13) == 0)
	{
		char	   *to = strstr(more + 13, "/o/");
		char	   *to_name;

		*to = '\0';
		if (!cf_url_decode(&store_arena, to + 3, strlen(to + 3), false, &to_name))
			bail("malformed path: %s", store_line);
		store_rewrite(bucket, name, more + 13, to_name);
	}
	else
	{
		StoreObject *object = store_live(bucket, name, "generation");

		if (object != NULL && store_holds("if", object))
		{
			if (store_arg("alt") != NULL)
				store_media(object);
			else
				store_answer_json(200, store_resource(object));
		}
	}
	free(bucket);
	free(more);
}

/* store_send carries out op->request, as the engine would: signed, and a lost one twice. */
static void
store_send(CfOp *op)
{
	const char *path;
	CfError		err = {0};

	cf_arena_reset(&store_arena);
	store_request = &op->request;
	store_response = &op->response;
	store_requests++;
	snprintf(store_line, sizeof(store_line), "%s %s", op->request.method, op->request.url + strlen(STORE_ENDPOINT));
	if (strncmp(op->request.url, STORE_ENDPOINT, strlen(STORE_ENDPOINT)) != 0)
		bail("another endpoint: %s", op->request.url);
	if (!op->request.sign(&op->request, op->request.ctx, &op->request_arena, 0, &err))
	{
		op->response.status = 0;
		op->response.err = err;
		return;
	}
	path = op->request.url + strlen(STORE_ENDPOINT);
	store_query = strchr(path, '?') == NULL ? "" : strchr(path, '?') + 1;
	op->response.sends = 1;
	if (strcmp(store_header("Authorization"), "Bearer " STORE_TOKEN) != 0)
		store_error(401, "authError", "Invalid Credentials");
	else if (store_requests == store_fail_at && !store_fail_done)
		store_answer(store_fail_status, store_fail_body == NULL ? "" : store_fail_body);
	else
	{
		store_work(path);
		if (store_requests == store_lose_at && op->request.repeat != CF_NET_REPEAT_NEVER)
		{
			store_work(path);
			op->response.sends = 2;
		}
		if (store_requests == store_fail_at)
			store_answer(store_fail_status, store_fail_body == NULL ? "" : store_fail_body);
	}
}

/* store_reset forgets everything. */
static TAP_UNUSED void
store_reset(void)
{
	for (int i = 0; i < store_count; i++)
	{
		if (store_objects[i].name != NULL)
			store_forget(&store_objects[i]);
	}
	store_count = store_requests = store_lose_at = store_fail_at = store_rewrite_count = 0;
	store_fail_done = false;
	store_fail_body = store_hold = NULL;
	store_rewrite_calls = 1;
	free(store_body);
	store_body = NULL;
	if (store_arena.allocator.alloc == NULL)
		cf_arena_init(&store_arena, &cf_arena_malloc, 65536, 0);
	cf_arena_reset(&store_arena);
}

/* store_size counts the objects whose name begins with prefix. */
static TAP_UNUSED int
store_size(const char *prefix)
{
	int			size = 0;

	for (int i = 0; i < store_count; i++)
		size += store_objects[i].name != NULL && strncmp(store_objects[i].name, prefix, strlen(prefix)) == 0;
	return size;
}

static const CfCredentials store_credentials = {.items = {{"access_token", STORE_TOKEN}}, .count = 1};
static CfToken store_place_token;

/* store_place is a place on the store. */
static CfPlace store_place TAP_UNUSED = {.name = "here", .provider = "GCP", .bucket = "bucket", .region = "",
	.endpoint = STORE_ENDPOINT, .prefix = "", .storage_class = "", .credentials = &store_credentials,
	.token = &store_place_token, .driver = &cf_storage_gcs_driver};

#endif							/* CF_TEST_GCS_STORE_H */
