/*
 * gcs_compose.c
 *		Committing an upload of parts: one object out of many, create-only, by the store itself.
 *
 * What there is to compose is what the listing says; the parts of a numbering without gap, each of the size that the upload was begun
 * with, must be the whole object, and their CRC32Cs combine into the digest that it has to have. A compose takes 32
 * sources, so rows of pieces are composed into rows of larger ones until one compose makes the object. Every source
 * is named with its generation, every result is created on condition.
 *
 * A composed object has the class of its sources, and these are STANDARD, since parts of other classes would be paid for their
 * minimum duration. So an object of another class is composed under our prefix first and rewritten to its place from there, which
 * is again one create-only call (or some, with a token in between, for many gigabytes).
 *
 * All of it may be repeated after a crash at any point: pieces that exist are taken as they are, and when the parts
 * are gone or the destination is taken, the object there is ours if it carries our tag and has the announced size. The pieces are
 * removed last; a removal that fails fails nothing, the sweep finds what is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/gcs/gcs.h"
#include "storage/remote/remote_page.h"

#define ROUNDS_MAX 3
#define LEVEL_MAX 9
#define PIECES_MAX (2 * CF_GCS_PARTS_MAX)

enum
{
	BEGIN,
	LISTED,
	DESCRIBED,					/* the first part, with the description of the object */
	COMPOSED,					/* a piece of the next level */
	CREATED,					/* the object, by compose */
	REWRITTEN,					/* the object, from the piece that is all of it */
	LOOKED,						/* what lies under the key */
	REMOVED						/* a piece */
};

static CfStep listed(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static CfStep described(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static CfStep next(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static bool direct(const CfOp *op);
static void row_take(CfGcsState *state, const CfGcsPiece *piece, int count);
static CfStep compose_group(CfOp *op, const CfGcsHandle *handle, CfGcsPiece *made, int count);
static CfStep compose_object(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static CfStep composed(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static CfStep rewrite(CfOp *op, CfUpload *upload, const CfGcsHandle *handle);
static CfStep created(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfObjectStat *stat);
static CfStep clean(CfOp *op, const CfGcsHandle *handle);
static json_t *sources(const CfOp *op, const CfGcsHandle *handle, const CfGcsPiece *pieces, int count);
static bool piece_add(CfOp *op, const CfGcsPiece *piece);
static bool piece_name_read(const char *name, CfGcsPiece *piece);
static int	by_number(const void *a, const void *b);

CfStep
cf_gcs_compose(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfObjectStat *stat)
{
	CfGcsState *state = op->state;
	CfStep		step;

	switch (op->phase)
	{
		case BEGIN:
			state->piece_count = state->row_count = state->at_piece = 0;
			state->rounds = 0;
			state->sent.known = 0;
			state->remote.told.kind = CF_ERR_NONE;
			if (!cf_gcs_keep_text(op, &state->rewrite_token, NULL) || !cf_gcs_keep_text(op, &state->page_token, NULL))
				return CF_STEP_ERROR;
			return cf_gcs_pieces_list(op, LISTED, handle->tag);
		case LISTED:
			return listed(op, upload, handle);
		case DESCRIBED:
			return described(op, upload, handle);
		case COMPOSED:
			return composed(op, upload, handle);
		case CREATED:
		case REWRITTEN:
			return created(op, upload, handle, stat);
		case LOOKED:
			step = cf_remote_settled(op, &upload->args, stat);
			return step == CF_STEP_DONE ? clean(op, handle) : step;
		default:
			return clean(op, handle);
	}
}

/* listed knows the pieces: either they are the whole object, or an earlier commit may have come to its end. */
static CfStep
listed(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	int			parts;
	uint32_t	crc = 0;

	if (!cf_gcs_pieces_read(op, handle->tag))
		return CF_STEP_ERROR;
	if (state->page_token != NULL)
		return cf_gcs_pieces_list(op, LISTED, handle->tag);
	parts = cf_gcs_row(op, handle);
	if (parts < 0)
		return CF_STEP_ERROR;
	if (handle->part_bytes < 1 || handle->size_bytes < 1 ||
		(handle->size_bytes - 1) / handle->part_bytes + 1 != parts)
	{
		cf_remote_upload_gone(op, upload->args.key);
		state->remote.told = op->err;
		return cf_gcs_look(op, upload->args.key, LOOKED);
	}
	state->row_count = parts;
	state->row_next = state->made_count = 0;
	for (int i = 0; i < parts; i++)
		crc = cf_crc32c_combine(crc, state->row[i].crc32c, state->row[i].size_bytes);
	state->sent = (CfDigests) {.known = CF_DIGEST_CRC32C, .crc32c = crc};
	if ((upload->digests.known & CF_DIGEST_CRC32C) != 0 && upload->digests.crc32c != crc)
		return cf_remote_damaged(op, upload->args.key, "The CRC32C of its parts is not that of its bytes.");
	cf_storage_op_request(op, "GET", "storage.objects.get");
	return cf_gcs_send(op, DESCRIBED, cf_gcs_object_path(op, cf_gcs_piece_name(op, handle->tag, 0, 1)),
					   "generation=%lld&fields=" CF_GCS_FIELDS, (long long) state->row[0].generation);
}

static CfStep
described(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;

	if (op->response.status != 200)
		return cf_gcs_fail(op, "look at part of object", upload->args.key);
	json_decref(state->resource);
	state->resource = cf_gcs_answer(op);
	return state->resource == NULL ? CF_STEP_ERROR : next(op, upload, handle);
}

/* direct tells whether the object is composed where it is to be: then it is STANDARD, like its parts. */
static bool
direct(const CfOp *op)
{
	const CfGcsState *state = op->state;

	return strcmp(cf_json_text(json_object_get(state->resource, "metadata"), CF_GCS_CLASS), "STANDARD") == 0;
}

/* next composes the next group of the row; a row that is short enough becomes the object. */
static CfStep
next(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	int			enough = direct(op) ? CF_GCS_COMPOSE_MAX : 1;

	while (state->row_count > enough)
	{
		CfGcsPiece	made = {.level = state->row[state->row_next].level + 1, .number = state->made_count + 1};
		int			count = 0;

		for (; count < CF_GCS_COMPOSE_MAX && state->row_next + count < state->row_count; count++)
		{
			const CfGcsPiece *piece = &state->row[state->row_next + count];

			made.crc32c = cf_crc32c_combine(made.crc32c, piece->crc32c, piece->size_bytes);
			made.size_bytes += piece->size_bytes;
		}
		for (int i = 0; i < state->piece_count; i++)
		{
			const CfGcsPiece *piece = &state->pieces[i];

			if (piece->level != made.level || piece->number != made.number)
				continue;
			made.generation = piece->generation;
			if (piece->size_bytes == made.size_bytes && piece->crc32c == made.crc32c)
				made.level = -1;	/* it is there already */
		}
		if (made.level >= 0)
			return compose_group(op, handle, &made, count);
		made.level = state->row[state->row_next].level + 1;
		row_take(state, &made, count);
	}
	return direct(op) ? compose_object(op, upload, handle) : rewrite(op, upload, handle);
}

/* row_take puts a piece into the next row, for count pieces of the present one; after the last of those it is the present one. */
static void
row_take(CfGcsState *state, const CfGcsPiece *piece, int count)
{
	state->row[state->made_count++] = *piece;
	state->row_next += count;
	if (state->row_next < state->row_count)
		return;
	state->row_count = state->made_count;
	state->row_next = state->made_count = 0;
}

/* compose_group makes one piece of count pieces; made->generation is that of an older one in its place. */
static CfStep
compose_group(CfOp *op, const CfGcsHandle *handle, CfGcsPiece *made, int count)
{
	CfGcsState *state = op->state;
	CfRequest  *request = cf_storage_op_request(op, "POST", "storage.objects.compose");
	json_t	   *body = json_pack("{s:o, s:{s:s, s:{s:s}}}", "sourceObjects",
								 sources(op, handle, state->row + state->row_next, count), "destination", "contentType",
								 "application/octet-stream", "metadata", CF_REMOTE_OWNER_TAG, handle->tag);

	if (made->level > LEVEL_MAX)
	{
		json_decref(body);
		return cf_remote_fails(op, CF_ERR_RANGE, "upload \"%s\" has too many parts", handle->tag);
	}
	state->making = *made;
	state->making_count = count;
	request->net_class = CF_NET_SLOW;
	request->repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_gcs_send_json(op, COMPOSED, body,
							cf_gcs_path(op, op->place->bucket,
										cf_gcs_piece_name(op, handle->tag, made->level, made->number), "/compose"),
							"ifGenerationMatch=%lld&fields=" CF_GCS_FIELDS_BRIEF, (long long) made->generation);
}

/* composed takes a piece that was made. A 412 is an answer that was lost: what is there is listed again. */
static CfStep
composed(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	CfObjectStat stat;

	if (op->response.status == 412 && state->rounds++ < ROUNDS_MAX)
	{
		state->piece_count = 0;
		return cf_gcs_pieces_list(op, LISTED, handle->tag);
	}
	if (op->response.status != 200)
		return cf_gcs_fail(op, "compose object", upload->args.key);
	if (!cf_gcs_answer_object(op, &stat) || !cf_gcs_number(stat.version, &state->making.generation))
		return CF_STEP_ERROR;
	if (stat.size_bytes != state->making.size_bytes || (stat.digests.known & CF_DIGEST_CRC32C) == 0 ||
		stat.digests.crc32c != state->making.crc32c)
		return cf_remote_fails(op, CF_ERR_IO, "the store composed something else than the parts of object \"%s\"",
							upload->args.key);
	if (!piece_add(op, &state->making))
		return CF_STEP_ERROR;
	row_take(state, &state->making, state->making_count);
	return next(op, upload, handle);
}

/* compose_object makes the object itself. */
static CfStep
compose_object(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	CfRequest  *request = cf_storage_op_request(op, "POST", "storage.objects.compose");
	json_t	   *body = json_pack("{s:o, s:o}", "sourceObjects", sources(op, handle, state->row, state->row_count),
								 "destination", cf_gcs_description(state->resource, ""));

	request->net_class = CF_NET_SLOW;
	request->repeat = CF_NET_REPEAT_CONDITIONAL;
	return cf_gcs_send_json(op, CREATED, body,
							cf_gcs_path(op, op->place->bucket, cf_gcs_name(op, upload->args.key), "/compose"),
							"ifGenerationMatch=0&fields=" CF_GCS_FIELDS);
}

/* rewrite copies the piece that is the whole object to its place, in the class that it is to have. */
static CfStep
rewrite(CfOp *op, CfUpload *upload, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	const CfGcsPiece *whole = &state->row[0];
	const char *class = cf_json_text(json_object_get(state->resource, "metadata"), CF_GCS_CLASS);

	cf_storage_op_request(op, "POST", "storage.objects.rewrite");
	return cf_gcs_send_rewrite(op, REWRITTEN, op->place->bucket,
							   cf_gcs_piece_name(op, handle->tag, whole->level, whole->number), whole->generation,
							   upload->args.key, 0, "", cf_gcs_description(state->resource, class));
}

/* created reads the answer to the request that makes the object appear. */
static CfStep
created(CfOp *op, CfUpload *upload, const CfGcsHandle *handle, CfObjectStat *stat)
{
	bool		done = true;

	if (op->response.status == 412)
		return cf_gcs_look(op, upload->args.key, LOOKED);
	if (op->response.status != 200)
		return cf_gcs_fail(op, "compose object", upload->args.key);
	if (op->phase == REWRITTEN ? !cf_gcs_rewritten(op, &done, stat) : !cf_gcs_answer_object(op, stat))
		return cf_remote_error(op);
	if (!done)
		return rewrite(op, upload, handle);
	if (stat->size_bytes == handle->size_bytes && cf_gcs_remote.sent(op, stat))
		return clean(op, handle);
	return cf_remote_fails(op, CF_ERR_IO, "the store composed something else than the parts of object \"%s\"",
						upload->args.key);
}

/* clean removes the pieces, one for each step, whatever the store says to it. */
static CfStep
clean(CfOp *op, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;

	json_decref(state->resource);
	state->resource = NULL;
	if (state->at_piece < state->piece_count)
		return cf_gcs_piece_remove(op, REMOVED, handle->tag, &state->pieces[state->at_piece++]);
	return cf_remote_done(op);
}

/* sources names pieces with their generations; NULL = out of memory, which json_pack() passes on. */
static json_t *
sources(const CfOp *op, const CfGcsHandle *handle, const CfGcsPiece *pieces, int count)
{
	json_t	   *list = json_array();

	for (int i = 0; i < count; i++)
	{
		char		name[CF_GCS_NAME_MAX + 1];
		char		generation[24];

		snprintf(name, sizeof(name), "%s" CF_GCS_PARTS "%s/%d-%08d", op->place->prefix, handle->tag, pieces[i].level,
				 pieces[i].number);
		snprintf(generation, sizeof(generation), "%lld", (long long) pieces[i].generation);
		json_array_append_new(list, json_pack("{s:s, s:s, s:{s:s}}", "name", name, "generation", generation,
											  "objectPreconditions", "ifGenerationMatch", generation));
	}
	return list;
}

/* cf_gcs_piece_name gives the name of a piece, as long as the request lives; NULL = out of memory. */
char *
cf_gcs_piece_name(CfOp *op, const char *tag, int level, int number)
{
	return cf_remote_format(&op->request_arena, "%s" CF_GCS_PARTS "%s/%d-%08d", op->place->prefix, tag, level, number);
}

CfStep
cf_gcs_piece_remove(CfOp *op, int phase, const char *tag, const CfGcsPiece *piece)
{
	/* With generation=, so that nothing of it stays where versions are kept. */
	cf_storage_op_request(op, "DELETE", "storage.objects.delete");
	return cf_gcs_send(op, phase, cf_gcs_object_path(op, cf_gcs_piece_name(op, tag, piece->level, piece->number)), "generation=%lld",
					   (long long) piece->generation);
}

/* cf_gcs_pieces_list asks for a page of an upload's pieces: the first, or the one that state->page_token names. */
CfStep
cf_gcs_pieces_list(CfOp *op, int phase, const char *tag)
{
	return cf_gcs_names_list(op, phase, tag, NULL, "name,size,generation,crc32c");
}

/* cf_gcs_pieces_read adds what a page lists to state->pieces, and keeps the token of the next in state->page_token. */
bool
cf_gcs_pieces_read(CfOp *op, const char *tag)
{
	CfGcsState *state = op->state;
	size_t		folder = strlen(op->place->prefix) + strlen(CF_GCS_PARTS) + strlen(tag) + 1;
	json_t	   *answer;
	json_t	   *item;
	size_t		i;
	bool		good = true;

	op->phase = BEGIN;
	if (op->response.status != 200)
		return cf_gcs_fail(op, "list the parts", NULL) == CF_STEP_DONE;
	if ((answer = cf_gcs_answer(op)) == NULL)
		return false;
	json_array_foreach(json_object_get(answer, "items"), i, item)
	{
		const char *name = cf_json_text(item, "name");
		uint64_t	crc = 0;
		CfGcsPiece	piece;

		if (strlen(name) <= folder || !piece_name_read(name + folder, &piece) ||
			!cf_gcs_number(cf_json_text(item, "size"), &piece.size_bytes) ||
			!cf_gcs_number(cf_json_text(item, "generation"), &piece.generation))
			continue;
		(void) cf_remote_crc_read(cf_json_text(item, "crc32c"), 4, &crc);
		piece.crc32c = (uint32_t) crc;
		if (!(good = piece_add(op, &piece)))
			break;
	}
	good = good && cf_gcs_keep_text(op, &state->page_token, cf_json_text(answer, "nextPageToken"));
	json_decref(answer);
	return good;
}

/* piece_name_read reads "<level>-<number>". */
static bool
piece_name_read(const char *name, CfGcsPiece *piece)
{
	int64_t		number;

	if (strlen(name) != 10 || name[0] < '0' || name[0] > '9' || name[1] != '-' || !cf_gcs_number(name + 2, &number))
		return false;
	piece->level = name[0] - '0';
	piece->number = (int) number;
	return true;
}

static bool
piece_add(CfOp *op, const CfGcsPiece *piece)
{
	CfGcsState *state = op->state;
	void	   *pieces = state->pieces;

	if (state->piece_count == PIECES_MAX)
		return cf_remote_fails(op, CF_ERR_RANGE, "an upload at place \"%s\" has too many parts", op->place->name) == CF_STEP_DONE;
	if (!cf_remote_room(op, &pieces, state->piece_count, &state->piece_room, sizeof(*piece), true))
		return false;
	state->pieces = pieces;
	state->pieces[state->piece_count++] = *piece;
	return true;
}

/*
 * cf_gcs_row puts the parts into state->row, by number, and gives how many of them are there from the first on without a gap and
 * with the size that they must have; -1 = out of memory.
 */
int
cf_gcs_row(CfOp *op, const CfGcsHandle *handle)
{
	CfGcsState *state = op->state;
	int			count = 0;
	int			whole = 0;

	cf_remote_free(op, state->row);
	state->row = cf_remote_alloc(op, (state->piece_count + 1) * sizeof(CfGcsPiece));
	if (state->row == NULL)
		return -1;
	for (int i = 0; i < state->piece_count; i++)
	{
		if (state->pieces[i].level == 0)
			state->row[count++] = state->pieces[i];
	}
	qsort(state->row, count, sizeof(CfGcsPiece), by_number);
	while (whole < count && whole < CF_GCS_PARTS_MAX && state->row[whole].number == whole + 1)
	{
		int64_t		left = handle->size_bytes - whole * handle->part_bytes;

		if (left <= 0 || state->row[whole].size_bytes != (left < handle->part_bytes ? left : handle->part_bytes))
			break;
		whole++;
	}
	return whole;
}

static int
by_number(const void *a, const void *b)
{
	const CfGcsPiece *left = a;
	const CfGcsPiece *right = b;

	return (left->number > right->number) - (left->number < right->number);
}
