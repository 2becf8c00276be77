/*
 * remote_op.c
 *		The course of an operation on a cloud: what it remembers, its request, its end.
 *
 * Memory of the state comes from the arena's allocator, not from the arena: callers reset that between two pages of a listing.
 */
#include <string.h>

#include "storage/remote/remote_upload.h"

void *
cf_remote_state(CfOp *op, size_t bytes)
{
	if (op->state == NULL && (op->state = cf_remote_alloc(op, bytes)) != NULL)
		memset(op->state, 0, bytes);
	return op->state;
}

void *
cf_remote_alloc(CfOp *op, size_t bytes)
{
	void	   *block = op->arena->allocator.alloc(op->arena->allocator.ctx, bytes);

	if (block == NULL)
		cf_remote_memory(op);
	return block;
}

void
cf_remote_free(CfOp *op, void *block)
{
	if (block != NULL)
		op->arena->allocator.free(op->arena->allocator.ctx, block);
}

void
cf_remote_end(CfOp *op)
{
	if (op->state == NULL)
		return;
	cf_remote_buffer_free(op);
	cf_remote_free(op, op->state);
	op->state = NULL;
}

const CfPlace *
cf_remote_asked(const CfOp *op)
{
	const CfRemoteState *state = op->state;

	return state != NULL && state->asked != NULL ? state->asked : op->place;
}

bool
cf_remote_header(CfOp *op, const char *name, const char *value)
{
	char	   *copy = cf_arena_strdup(&op->request_arena, value);

	if (copy == NULL)
		return cf_remote_memory(op) == CF_STEP_DONE;
	return cf_net_header(&op->request, name, copy, &op->err);
}

CfStep
cf_remote_send(CfOp *op, int phase)
{
	op->phase = phase;
	return CF_STEP_SEND;
}

CfStep
cf_remote_ask(CfOp *op, bool made, int phase)
{
	return made ? cf_remote_send(op, phase) : cf_remote_error(op);
}

bool
cf_remote_success(const CfOp *op)
{
	return op->response.status >= 200 && op->response.status < 300 && !op->response.truncated;
}

CfStep
cf_remote_done(CfOp *op)
{
	CfRemoteState *state = op->state;

	if (state != NULL)
	{
		state->asked = NULL;
		state->mended = 0;
	}
	op->phase = 0;
	return CF_STEP_DONE;
}

CfStep
cf_remote_error(CfOp *op)
{
	cf_remote_done(op);
	return CF_STEP_ERROR;
}
