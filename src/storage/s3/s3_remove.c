/*
 * s3_remove.c
 *		Removing one version of an object, and nothing else.
 *
 * A removal looks first, compares every field of the pin, and then deletes on condition of the ETag, so that nothing can come in between.
 * On a versioned bucket that makes a marker; the version itself stays, as whoever turned versioning on wants it.
 *
 * Where the store does not honour that condition, a versioned bucket still loses nothing: a plain DELETE hides whatever is current behind a
 * marker. So it is sent, and then the versions are listed: if the one behind our marker is the pinned one, that was
 * removed; if somebody wrote in between, our marker is removed again, and what was written is current as before. The version itself is never
 * deleted by its id: that would bring an older one to light, and destroy what versioning keeps. A bucket whose versioning is off or suspended
 * ("null") has no such way.
 *
 * Whoever dies between the DELETE and the list leaves a marker that may hide what somebody wrote. So an object that is not there is only gone
 * if the newest of its versions is the pinned one, or it has none; else it was changed. The marker stays then: nothing tells whether it is ours
 * or of somebody who wrote and then deleted, and what was deleted must not come back. For the same reason the DELETE is never repeated.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3/s3.h"

static CfStep remove_looked(CfOp *op, const char *key, const char *version, CfRemoved *removed);
static CfStep remove_answer(CfOp *op, const char *key, CfRemoved *removed);
static bool hides(const CfOp *op);
static bool can_hide(const CfOp *op);
static CfStep hide(CfOp *op, const char *key);
static CfStep hidden(CfOp *op, const char *key, CfRemoved *removed);
static CfStep versions_ask(CfOp *op, const char *key, int phase);
static CfStep missing_listed(CfOp *op, const char *key, const char *version, CfRemoved *removed);
static CfStep hidden_listed(CfOp *op, const char *key, CfRemoved *removed);
static bool key_told(const char *text, const char *prefix, const char *key);
static bool version_visit(void *ctx, const char *path, const char *text, size_t length);

CfStep
cf_s3_remove(CfOp *op, const char *key, const char *version, const char *owner_tag, CfRemoved *removed)
{
	CfS3State  *state = op->state;
	CfRemoteFound found;
	CfObjectStat stat;

	(void) owner_tag;			/* a DELETE leaves nothing private behind */
	switch (op->phase)
	{
		case CF_REMOTE_START:
			state->remote.told.kind = CF_ERR_NONE;
			return hides(op) || cf_s3_delete_allowed(op, key) ? cf_s3_look(op, key, CF_REMOTE_ASKED) : cf_remote_error(op);
		case CF_REMOTE_ASKED_MORE:
			return remove_answer(op, key, removed);
		case S3_HIDDEN:
			return hidden(op, key, removed);
		case S3_HIDDEN_LISTED:
			return hidden_listed(op, key, removed);
		case S3_MISSING_LISTED:
			return missing_listed(op, key, version, removed);
		case S3_UNCOVERED:
			if (!cf_remote_success(op) && op->response.status != 404)
				return cf_s3_fail(op, "bring back object", key);
			*removed = CF_REMOVED_CHANGED;
			return state->remote.told.kind == CF_ERR_NONE ? cf_remote_done(op) : cf_remote_told_before(op);
		default:
			break;
	}
	if ((found = cf_remote_looked(op, key, &stat)) == CF_REMOTE_FAILED)
		return CF_STEP_ERROR;
	if (found == CF_REMOTE_MISSING && op->phase == CF_REMOTE_ASKED && hides(op))
		return versions_ask(op, key, S3_MISSING_LISTED);
	if (found == CF_REMOTE_FOUND && op->phase == CF_REMOTE_ASKED)
		return remove_looked(op, key, version, removed);
	*removed = found == CF_REMOTE_FOUND ? CF_REMOVED_CHANGED : op->phase == CF_REMOTE_ASKED_LAST ? CF_REMOVED_DELETED : CF_REMOVED_GONE;
	return cf_remote_done(op);
}

/*
 * remove_looked removes the object that was looked at, if it is the pinned version. check_storage() wants to know what the store does when
 * it is not: then the condition is that of the pin.
 */
static CfStep
remove_looked(CfOp *op, const char *key, const char *version, CfRemoved *removed)
{
	CfS3State  *state = op->state;
	bool		pinned = cf_s3_pinned(op, version);
	CfCaps		caps;
	CfS3Pin		pin;

	cf_storage_caps(op->place, &caps);
	if (!pinned && op->probing && caps.conditional_delete && cf_s3_pin_read(version, &pin) && pin.etag[0] != '\0' && pin.etag[0] != '~')
	{
		snprintf(state->head.etag, sizeof(state->head.etag), "\"%s\"", pin.etag);
		/* Where generations are the condition, it is that one. */
		if (pin.version[0] != '\0' && pin.version[0] != '~')
			snprintf(state->head.version_id, sizeof(state->head.version_id), "%s", pin.version);
		return cf_s3_delete(op, key, CF_REMOTE_ASKED_MORE);
	}
	if (!pinned)
	{
		*removed = CF_REMOVED_CHANGED;
		return cf_remote_done(op);
	}
	if (can_hide(op))
		return hide(op, key);
	return cf_s3_delete_allowed(op, key) ? cf_s3_delete(op, key, CF_REMOTE_ASKED_MORE) : cf_remote_error(op);
}

/* remove_answer reads what came of the DELETE; a refused condition may be that of our own earlier attempt. */
static CfStep
remove_answer(CfOp *op, const char *key, CfRemoved *removed)
{
	const CfS3State *state = op->state;
	const CfResponse *response = &op->response;
	char		code[64];
	bool		kept;

	if (cf_remote_success(op) || response->status == 404)
	{
		*removed = response->status == 404 && response->sends <= 1 ? CF_REMOVED_GONE : CF_REMOVED_DELETED;
		return cf_remote_done(op);
	}
	if (response->status == 412)
		return cf_s3_look(op, key, CF_REMOTE_ASKED_LAST);
	cf_s3_code(response, code);
	kept = strcmp(code, "ObjectLocked") == 0 || strcmp(code, "ObjectUnderRetention") == 0 || strcmp(code, "WORMProtected") == 0 ||
		(state->head.locked && response->status >= 400 && response->status < 500);
	if (!kept)
		return cf_s3_fail(op, "remove object", key);
	cf_error_set(&op->err, CF_ERR_DENIED, "object \"%s\" in place \"%s\" is under a retention or a legal hold: HTTP %d%s%s", cf_remote_shown(op, key),
				 op->place->name, response->status, code[0] == '\0' ? "" : " ", code);
	*removed = CF_REMOVED_KEPT;
	return cf_remote_done(op);
}

/* cf_s3_delete_allowed refuses a store that would remove another version, unless a person has accepted that. */
bool
cf_s3_delete_allowed(CfOp *op, const char *key)
{
	CfCaps		caps;

	cf_storage_caps(op->place, &caps);
	if (caps.conditional_delete || cf_s3_accepts(op->place, "accept_unconditional_delete"))
		return true;
	cf_error_set(&op->err, CF_ERR_UNSUPPORTED, "object \"%s\" in place \"%s\" cannot be removed safely", cf_remote_shown(op, key), op->place->name);
	cf_error_detail(&op->err, "The store does not honour If-Match on DELETE: it could remove a version that somebody writes at this moment.");
	return cf_error_hint(&op->err, "cloudflux.check_storage() tells what the store honours; the option accept_unconditional_delete 'true' accepts the risk.");
}

/* cf_s3_delete removes the version that was looked at (state->head). */
CfStep
cf_s3_delete(CfOp *op, const char *key, int phase)
{
	const CfS3State *state = op->state;
	CfCaps		caps;

	cf_storage_caps(op->place, &caps);
	if (cf_s3_request(op, "DELETE", "DeleteObject", key, "") == NULL ||
		(caps.conditional_delete && !cf_s3_condition(op, &state->head)))
		return cf_remote_error(op);
	op->request.repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_remote_send(op, phase);
}

/* hides tells whether a removal at this place is a plain DELETE, which hides. */
static bool
hides(const CfOp *op)
{
	CfCaps		caps;

	cf_storage_caps(op->place, &caps);
	return !caps.conditional_delete && caps.delete_hides;
}

/* can_hide tells whether the object that was looked at is a version that a plain DELETE only hides. */
static bool
can_hide(const CfOp *op)
{
	const CfS3Head *head = &((const CfS3State *) op->state)->head;

	return hides(op) && head->version_id[0] != '\0' && strcmp(head->version_id, "null") != 0;
}

/* hide puts a marker before whatever is current; what is there is in state->head. Sent twice it would put two. */
static CfStep
hide(CfOp *op, const char *key)
{
	if (cf_s3_request(op, "DELETE", "DeleteObject", key, "") == NULL)
		return cf_remote_error(op);
	op->request.repeat = CF_NET_REPEAT_NEVER;
	return cf_remote_send(op, S3_HIDDEN);
}

/* hidden takes the name of our marker, and asks what lies behind it. */
static CfStep
hidden(CfOp *op, const char *key, CfRemoved *removed)
{
	CfS3State  *state = op->state;
	const char *marker = cf_s3_answer(op, "version-id");

	if (!cf_remote_success(op))
		return remove_answer(op, key, removed);
	if (strcmp(cf_s3_answer(op, "delete-marker"), "true") != 0 || marker[0] == '\0' || strlen(marker) >= sizeof(state->source.version_id))
	{
		cf_remote_unexpected(op, "remove object", key, "the store does not tell of a marker");
		op->err.retryable = false;
		return CF_STEP_ERROR;
	}
	snprintf(state->source.version_id, sizeof(state->source.version_id), "%s", marker);
	return versions_ask(op, key, S3_HIDDEN_LISTED);
}

/* versions_ask lists the versions of an object, newest first. */
static CfStep
versions_ask(CfOp *op, const char *key, int phase)
{
	CfRemoteText query = {.arena = op->arena};

	cf_remote_text_add(&query, "versions=&encoding-type=url&max-keys=100&prefix=");
	cf_remote_text_encode(&query, op->place->prefix);
	cf_remote_text_encode(&query, key);
	return cf_s3_page_ask(op, "ListObjectVersions", &query, phase);
}

typedef struct VersionVisit
{
	const CfS3State *state;
	const CfPlace *place;
	const char *key;
	CfS3Pin		entry;			/* what is told of the entry that is being read */
	char		id[256];		/* its id, in full */
	bool		named;			/* it is of the key, not of a longer one */
	bool		passed;			/* our marker was passed: the next version is the one that it hides */
	bool		judged;
	bool		ours;			/* which is the pinned one */
	bool		first_ours;		/* so is the newest version of all: stores that list markers apart */
	bool		first_seen;
	CfS3Pin		first;			/* what is told of that one */
	bool		truncated;
	bool		listed;			/* the answer is such a list at all */
} VersionVisit;

/* hidden_listed looks which version our marker hides. */
static CfStep
hidden_listed(CfOp *op, const char *key, CfRemoved *removed)
{
	CfS3State  *state = op->state;
	VersionVisit visit = {.state = state, .place = op->place, .key = key, .entry.modified = -1};

	*removed = CF_REMOVED_DELETED;
	if (!cf_remote_success(op))
		cf_s3_fail(op, "list the versions of object", key);
	else if (cf_xml_parse(op->response.body, op->response.body_bytes, version_visit, &visit, &op->err))
	{
		if (visit.judged ? visit.ours : visit.first_ours)
			return cf_remote_done(op);
		return cf_s3_delete_version(op, key, state->source.version_id, S3_UNCOVERED);
	}
	/* What was hidden cannot be told: nothing may stay hidden. */
	state->remote.told = op->err;
	return cf_s3_delete_version(op, key, state->source.version_id, S3_UNCOVERED);
}

/*
 * missing_listed judges an object that is not there: what lies behind a marker may be what somebody wrote. Without any version it is gone; a
 * list that breaks off before the first one proves nothing.
 */
static CfStep
missing_listed(CfOp *op, const char *key, const char *version, CfRemoved *removed)
{
	VersionVisit visit = {.state = op->state, .place = op->place, .key = key, .entry.modified = -1};
	CfS3Pin		pin;
	bool		same;

	*removed = CF_REMOVED_GONE;
	if (!cf_remote_success(op))
	{
		/* Without versioning the right to list versions is not asked for. */
		if (op->response.status >= 400 && op->response.status < 500 && cf_s3_accepts(op->place, "accept_unconditional_delete"))
			return cf_remote_done(op);
		return cf_s3_fail(op, "list the versions of object", key);
	}
	if (!cf_xml_parse(op->response.body, op->response.body_bytes, version_visit, &visit, &op->err))
		return cf_remote_error(op);
	if (!visit.listed)
		return cf_remote_unexpected(op, "list the versions of object", key, "the answer is no list of versions");
	if (!visit.first_seen && !visit.truncated)
		return cf_remote_done(op);
	same = visit.first_seen && cf_s3_pin_read(version, &pin) &&
		(pin.version[0] != '\0' && visit.first.version[0] != '\0' ? strcmp(pin.version, visit.first.version) == 0 : cf_s3_pin_same(&pin, &visit.first));
	if (!same)
		*removed = CF_REMOVED_CHANGED;
	return cf_remote_done(op);
}

/* cf_s3_delete_version removes a version for good: one that nobody else has seen, or a marker of ours. */
CfStep
cf_s3_delete_version(CfOp *op, const char *key, const char *version_id, int phase)
{
	CfRemoteText query = {.arena = op->arena};

	cf_remote_text_add(&query, "versionId=");
	cf_remote_text_encode(&query, version_id);
	return cf_remote_ask(op, cf_s3_request(op, "DELETE", "DeleteObject", key, cf_remote_text_end(&query)) != NULL, phase);
}

/* key_told compares a key of a listing, which may be encoded. Every one that is listed begins with ours, so it cannot be mistaken. */
static bool
key_told(const char *text, const char *prefix, const char *key)
{
	size_t		prefix_bytes = strlen(prefix);
	size_t		i = 0;

	if (strncmp(text, prefix, prefix_bytes) == 0 && strcmp(text + prefix_bytes, key) == 0)
		return true;
	for (; *text != '\0'; i++, text++)
	{
		char		wanted = i < prefix_bytes ? prefix[i] : key[i - prefix_bytes];
		char		digits[3] = "";
		char		got = *text == '+' ? ' ' : *text;

		if (*text == '%' && isxdigit((unsigned char) text[1]) && isxdigit((unsigned char) text[2]))
		{
			memcpy(digits, text + 1, 2);
			got = (char) strtol(digits, NULL, 16);
			text += 2;
		}
		if (wanted == '\0' || got != wanted)
			return false;
	}
	return i >= prefix_bytes && key[i - prefix_bytes] == '\0';
}

/* entry_told keeps what a listing tells of one version or marker. */
static void
entry_told(VersionVisit *visit, const char *name, const char *text)
{
	size_t		quoted = text[0] == '"';
	int64_t		time_us;
	char		etag[256];

	if (strcmp(name, "Key") == 0)
		visit->named = key_told(text, visit->place->prefix, visit->key);
	else if (strcmp(name, "VersionId") == 0)
	{
		snprintf(visit->id, sizeof(visit->id), "%s", text);
		if (strcmp(text, "null") != 0)
			cf_s3_pin_value(visit->entry.version, sizeof(visit->entry.version), text);
	}
	else if (strcmp(name, "ETag") == 0)
	{
		snprintf(etag, sizeof(etag), "%.*s", (int) strcspn(text + quoted, "\""), text + quoted);
		cf_s3_pin_value(visit->entry.etag, sizeof(visit->entry.etag), etag);
	}
	else if (strcmp(name, "LastModified") == 0 && cf_remote_time(text, &time_us))
		visit->entry.modified = time_us / 1000000;
}

/* entry_end judges the entry that was read, if it is of the key. */
static void
entry_end(VersionVisit *visit, bool version)
{
	bool		pinned = strcmp(visit->id, visit->state->head.version_id) == 0;

	if (version && !visit->first_seen)
	{
		visit->first_seen = true;
		visit->first_ours = pinned;
		visit->first = visit->entry;
	}
	if (version && visit->passed && !visit->judged)
	{
		visit->judged = true;
		visit->ours = pinned;
	}
	visit->passed |= !version && strcmp(visit->id, visit->state->source.version_id) == 0;
}

static bool
version_visit(void *ctx, const char *path, const char *text, size_t length)
{
	static const char root[] = "ListVersionsResult/";
	VersionVisit *visit = ctx;
	bool		version;
	size_t		name;

	(void) length;
	visit->listed |= strncmp(path, root, sizeof(root) - 2) == 0 && path[sizeof(root) - 2] == '\0';
	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return true;
	path += sizeof(root) - 1;
	visit->truncated |= strcmp(path, "IsTruncated") == 0 && strcmp(text, "true") == 0;
	name = strcspn(path, "/");
	version = name == 7 && strncmp(path, "Version", name) == 0;
	if (!version && (name != 12 || strncmp(path, "DeleteMarker", name) != 0))
		return true;
	if (path[name] == '/')
	{
		entry_told(visit, path + name + 1, text);
		return true;
	}
	if (visit->named)
		entry_end(visit, version);
	memset(&visit->entry, 0, sizeof(visit->entry));
	visit->entry.modified = -1;
	visit->named = false;
	visit->id[0] = '\0';
	return true;
}
