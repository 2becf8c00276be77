/*
 * gcs_copy.c
 *		Copies and class changes, both by rewrite: no bytes come here.
 *
 * A rewrite may take several calls, with a token of the store in between; between two buckets of one location and class it is one
 * call of any size. The source is pinned by its generation, the destination is create-only, or for a class change, the pinned object
 * itself. The body replaces all metadata, so all of them are sent. Access control lists of single objects are not carried
 * over: we never send any, and a bucket with uniform access has none.
 *
 * A 412 does not say whose condition failed. What lies at the destination tells: ours, somebody else's, or nothing, and then it was the source.
 */
#include <stdio.h>
#include <string.h>

#include "storage/gcs/gcs.h"

#define REWRITE_FIELDS "done,rewriteToken,resource(" CF_GCS_FIELDS ")"
#define TOKEN_MAX 2048

static CfStep copy_send(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
						const CfUploadArgs *args);
static CfStep class_described(CfOp *op, const char *key, const char *version, const char *storage_class,
							  CfObjectStat *stat);
static CfStep class_send(CfOp *op, const char *key, const char *version, const char *storage_class);
static CfStep class_looked(CfOp *op, const char *key, const char *version, const char *storage_class, CfObjectStat *stat);

/*
 * cf_gcs_send_rewrite sends one call of a rewrite of source, a generation of a name that is raw, to key of this place, if the object there
 * has if_generation (0 = none). It takes the body over. The request was begun by the caller.
 */
CfStep
cf_gcs_send_rewrite(CfOp *op, int phase, const char *bucket, const char *source, int64_t generation, const char *key,
					int64_t if_generation, const char *more, json_t *body)
{
	CfGcsState *state = op->state;
	CfArena    *arena = &op->request_arena;
	char	   *name = cf_gcs_name(op, key);
	char	   *encoded = name == NULL ? NULL : cf_url_encode(arena, name, strlen(name), false);
	char	   *action = encoded == NULL ? NULL : cf_remote_format(arena, "/rewriteTo/b/%s/o/%s", op->place->bucket, encoded);

	op->request.net_class = CF_NET_SLOW;
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_gcs_send_json(op, phase, body, cf_gcs_path(op, bucket, source, action),
							"sourceGeneration=%lld&ifSourceGenerationMatch=%lld&ifGenerationMatch=%lld%s&fields="
							REWRITE_FIELDS "%s%s", (long long) generation, (long long) generation,
							(long long) if_generation, more, state->rewrite_token == NULL ? "" : "&rewriteToken=",
							state->rewrite_token == NULL ? "" : state->rewrite_token);
}

/* cf_gcs_rewritten reads the answer to a rewrite: done, with the new object, or to be gone on with, by a token. */
bool
cf_gcs_rewritten(CfOp *op, bool *done, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	json_t	   *answer = cf_gcs_answer(op);
	const char *token = cf_json_text(answer, "rewriteToken");
	bool		good = false;

	if (answer == NULL)
		return false;
	*done = json_is_true(json_object_get(answer, "done"));
	if (*done)
		good = cf_gcs_object(op, json_object_get(answer, "resource"), stat) && cf_gcs_keep_text(op, &state->rewrite_token, NULL);
	else if (token[0] == '\0' || strlen(token) > TOKEN_MAX)
		cf_remote_fails(op, CF_ERR_IO, "the store of place \"%s\" neither ended a copy nor said how to go on",
					 op->place->name);
	else
		good = cf_gcs_keep_text(op, &state->rewrite_token, token);
	json_decref(answer);
	return good;
}

CfStep
cf_gcs_copy(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version,
			const CfUploadArgs *args, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	bool		done;

	(void) token;				/* a rewrite that does not end leaves nothing */
	if (op->phase == CF_REMOTE_SETTLING)
		return cf_remote_settled(op, args, stat);
	if (op->phase == CF_REMOTE_START)
		return cf_gcs_keep_text(op, &state->rewrite_token, NULL) ? copy_send(op, source, source_key, source_version, args) : CF_STEP_ERROR;
	op->phase = CF_REMOTE_START;
	if (op->response.status == 412)
	{
		cf_remote_fails(op, CF_ERR_CHANGED, "the object to copy to \"%s\" of place \"%s\" has changed", cf_remote_shown(op, args->key),
						op->place->name);
		state->remote.told = op->err;
		state->sent.known = 0;
		return cf_gcs_look(op, args->key, CF_REMOTE_SETTLING);
	}
	if (op->response.status == 404 && !cf_gcs_no_bucket(op))
		return cf_remote_fails(op, CF_ERR_CHANGED, "object \"%s\" of place \"%s\" is not there in the version to copy",
							cf_remote_shown(op, source_key), source->name);
	if (op->response.status != 200)
		return cf_gcs_fail(op, "copy object", source_key);
	if (!cf_gcs_rewritten(op, &done, stat))
		return CF_STEP_ERROR;
	return done ? CF_STEP_DONE : copy_send(op, source, source_key, source_version, args);
}

static CfStep
copy_send(CfOp *op, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args)
{
	CfArena    *arena = &op->request_arena;
	int64_t		generation;
	json_t	   *resource;

	if (strcmp(cf_gcs_endpoint(source), cf_gcs_endpoint(op->place)) != 0)
		return cf_remote_fails(op, CF_ERR_UNSUPPORTED, "place \"%s\" cannot copy from place \"%s\" by itself",
							op->place->name, source->name);
	if (!cf_gcs_number(source_version, &generation))
		return cf_remote_fails(op, CF_ERR_CHANGED, "object \"%s\" of place \"%s\" has no such version", source_key,
							source->name);
	cf_storage_op_request(op, "POST", "storage.objects.rewrite");
	resource = cf_gcs_resource(op, args, args->storage_class);
	if (resource == NULL)
		return CF_STEP_ERROR;
	return cf_gcs_send_rewrite(op, CF_REMOTE_ASKED, source->bucket, cf_remote_format(arena, "%s%s", source->prefix, source_key),
							   generation, args->key, 0, "", resource);
}

CfStep
cf_gcs_set_class(CfOp *op, const char *key, const char *version, const char *storage_class, char token[CF_STORAGE_COPY_TOKEN],
				   CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	bool		done;

	(void) token;
	switch (op->phase)
	{
		case CF_REMOTE_START:
			if (!cf_gcs_keep_text(op, &state->rewrite_token, NULL))
				return CF_STEP_ERROR;
			return cf_gcs_look(op, key, CF_REMOTE_ASKED_MORE);
		case CF_REMOTE_ASKED_MORE:
			return class_described(op, key, version, storage_class, stat);
		case CF_REMOTE_SETTLING:
			return class_looked(op, key, version, storage_class, stat);
		default:
			break;
	}
	op->phase = CF_REMOTE_START;
	if (op->response.status == 412 || (op->response.status == 404 && !cf_gcs_no_bucket(op)))
	{
		state->lost_answer |= op->response.sends > 1;
		return cf_gcs_look(op, key, CF_REMOTE_SETTLING);
	}
	if (op->response.status != 200)
		return cf_gcs_fail(op, "change the class of object", key);
	if (!cf_gcs_rewritten(op, &done, stat))
		return CF_STEP_ERROR;
	return done ? CF_STEP_DONE : class_send(op, key, version, storage_class);
}

/*
 * class_described knows the object: it must be the pinned one (check_storage() wants to know what the store does when it is not), and what it
 * carries goes into the rewrite.
 */
static CfStep
class_described(CfOp *op, const char *key, const char *version, const char *storage_class, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	CfCaps		caps;

	cf_storage_caps(op->place, &caps);
	if (!cf_remote_pinned(op, key, op->probing ? "" : version, stat))
		return CF_STEP_ERROR;
	if (strcmp(stat->storage_class, storage_class) == 0)
		return cf_remote_done(op);
	if (!caps.conditional_replace)
		return cf_remote_fails(op, CF_ERR_UNSUPPORTED, "class of object \"%s\" of place \"%s\" cannot be changed: its store ignores which version is replaced",
							   cf_remote_shown(op, key), op->place->name);
	json_decref(state->resource);
	if ((state->resource = cf_gcs_answer(op)) == NULL)
		return CF_STEP_ERROR;
	state->remote.sealed = *stat;
	state->lost_answer = false;
	return class_send(op, key, version, storage_class);
}

/*
 * class_send rewrites the object onto itself: what is there, in the place of the pinned version. Its metageneration is a condition, too: the
 * body replaces all metadata.
 */
static CfStep
class_send(CfOp *op, const char *key, const char *version, const char *storage_class)
{
	CfGcsState *state = op->state;
	int64_t		generation = 0;
	int64_t		replaced = 0;
	int64_t		metageneration;
	char		more[64] = "";

	(void) cf_gcs_number(state->remote.sealed.version, &generation);
	if (!cf_gcs_number(version, &replaced))
		replaced = generation;
	if (cf_gcs_number(cf_json_text(state->resource, "metageneration"), &metageneration))
		snprintf(more, sizeof(more), "&ifSourceMetagenerationMatch=%lld", (long long) metageneration);
	cf_storage_op_request(op, "POST", "storage.objects.rewrite");
	return cf_gcs_send_rewrite(op, CF_REMOTE_ASKED, op->place->bucket, cf_gcs_name(op, key), generation, key, replaced, more,
							   cf_gcs_description(state->resource, storage_class));
}

/* class_looked tells whether the new generation is our own rewrite, whose answer was lost: same bytes, wanted class. */
static CfStep
class_looked(CfOp *op, const char *key, const char *version, const char *storage_class, CfObjectStat *stat)
{
	CfGcsState *state = op->state;

	if (!cf_remote_pinned(op, key, "", stat))
		return CF_STEP_ERROR;
	if (strcmp(stat->version, version) == 0)
		return cf_remote_fails(op, CF_ERR_BUSY, "metadata of object \"%s\" of place \"%s\" have just changed", cf_remote_shown(op, key),
							op->place->name);
	if (state->lost_answer && strcmp(stat->storage_class, storage_class) == 0 &&
		stat->size_bytes == state->remote.sealed.size_bytes && (stat->digests.known & CF_DIGEST_CRC32C) != 0 &&
		stat->digests.crc32c == state->remote.sealed.digests.crc32c)
		return cf_remote_done(op);
	return cf_remote_changed(op, key);
}
