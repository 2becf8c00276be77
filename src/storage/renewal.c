/*
 * renewal.c
 *		Tokens that end: obtained before an operation needs them, renewed before they expire, and once more when the store
 *		refuses one in the middle of an operation.
 *
 * cf_storage_renewal() stands before every step of every operation. At the start it lets the driver obtain a token (credential_next)
 * when the present one is about to end: that is, a quarter of its life before, at most five minutes, and some random time on
 * top, since many processes got theirs at the same moment. If that fails while the present one is still good, work goes on
 * with it, and it is tried again half a minute later.
 *
 * In the middle of an operation the answer to a request may say that the token has expired (CF_NET_REAUTHENTICATE). The
 * request was refused, so it did nothing: it is put aside, a token is obtained, and it is sent again, once, signed anew. The
 * driver does not notice. Refused again, the driver is told.
 *
 * A request that was refused for a reason that its driver can mend (again: another region) goes out once more in the same way.
 *
 * All openings of a place in a process share a token, and many operations run at once: one of them renews, the others go on
 * with the old one while it is good, else they pause. Who renews may be gone without a word (its query was cancelled, its
 * memory went), so the others believe in it only as long as it is seen to go on.
 */
#include <string.h>

#include "core/clock.h"
#include "storage/remote/remote_object.h"

#define SPARE_MAX_US INT64_C(300000000)
#define GOOD_US INT64_C(5000000)	/* a token that ends sooner is not good for another request */
#define AGAIN_US INT64_C(30000000)	/* between two attempts while the old token is good */
#define RENEWER_US INT64_C(45000000)	/* nobody is silent for longer and comes back */
#define PAUSE_MS 20
#define ARENA_BYTES 4096

/* A request that was refused, with everything that belongs to it. */
typedef struct CfHeld
{
	CfRequest	request;
	CfResponse	response;
	CfArena		arena;
	int			phase;
} CfHeld;

static const CfPlace *wanted(CfOp *op, const CfPlace *source, const CfPlace *last);
static bool is_due(const CfPlace *place);
static bool is_good(const CfToken *token);
static const CfPlace *refused_by(const CfOp *op, const CfPlace *source);
static bool hold(CfOp *op);
static void release(CfOp *op);
static bool is_mine(CfOp *op, CfToken *token);
static CfStep pause_step(CfOp *op);
static CfStep renew(CfOp *op);
static void obtaining_ends(CfOp *op);
static void plan(CfToken *token);
static bool goes_on(CfOp *op, CfToken *token);
static CfStep proceed(CfOp *op);

CfStep
cf_storage_renewal(CfOp *op, const CfPlace *source)
{
	const CfPlace *last = NULL;

	if (op->phase != 0 && op->renewing == NULL && op->place->driver->again != NULL && op->place->driver->again(op))
		return CF_STEP_SEND;
	while (op->renewing != NULL || (op->renewing = wanted(op, source, last)) != NULL)
	{
		CfStep		step;

		last = op->renewing;
		step = renew(op);
		if (step == CF_STEP_SEND || step == CF_STEP_AGAIN)
			return step;
		if (op->held == NULL && step == CF_STEP_ERROR)
		{
			op->no_token = true;
			return step;
		}
		if (op->held == NULL)
			continue;
		release(op);
		if (step == CF_STEP_ERROR)
		{
			/* There is no new token: the driver reads the refusal, and says more than that. */
			op->sends = 0;
			break;
		}
		memset(&op->response, 0, sizeof(op->response));
		op->repeated = true;
		return CF_STEP_SEND;
	}
	return proceed(op);
}

/* proceed lets the driver go on. */
static CfStep
proceed(CfOp *op)
{
	if (op->phase == 0 || op->response.status != 0)
		op->repeated = false;
	op->no_token = false;
	/* What the driver of a cloud remembers is there before it is called. */
	if (op->place->driver->remote != NULL && cf_remote_state(op, op->place->driver->remote->state_bytes) == NULL)
		return CF_STEP_ERROR;
	op->response.sends += op->sends;
	op->sends = 0;
	if (op->place->token != NULL)
		op->generation = op->place->token->generation;
	return CF_STEP_DONE;
}

/* wanted gives the place whose token is to be obtained now, after that of last; NULL = none. */
static const CfPlace *
wanted(CfOp *op, const CfPlace *source, const CfPlace *last)
{
	const CfPlace *place;

	if (op->phase == 0)
	{
		if (last == NULL && is_due(op->place))
			return op->place;
		return source != NULL && source != last && is_due(source) ? source : NULL;
	}
	if (last != NULL || (place = refused_by(op, source)) == NULL || op->repeated || !hold(op))
		return NULL;
	/* Somebody else may have renewed it while the request was on its way. */
	if (place != op->place || place->token->generation == op->generation)
		place->token->refresh_us = 1;
	return place;
}

/* is_due tells whether it is time for a new token. */
static bool
is_due(const CfPlace *place)
{
	const CfToken *token = place->token;
	int64_t		now_us = cf_clock_now_us();

	if (token == NULL || place->driver == NULL || place->driver->credential_next == NULL)
		return false;
	/* Credentials that need no token never get one; for the others this is the first, or the old one was refused. */
	if (token->expires_us == 0)
		return true;
	return now_us >= (token->refresh_us != 0 ? token->refresh_us : token->expires_us - SPARE_MAX_US);
}

/* is_good tells whether requests can still be sent with a token. */
static bool
is_good(const CfToken *token)
{
	return token->expires_us > cf_clock_now_us() + GOOD_US;
}

/* refused_by tells at which place the answer at hand refused a token that can be renewed. */
static const CfPlace *
refused_by(const CfOp *op, const CfPlace *source)
{
	const CfPlace *place = source != NULL && op->request.place == &source->net ? source : op->place;

	if (op->response.status < 400 || op->response.status > 403 || op->request.classify == NULL || place->token == NULL ||
		place->token->value[0] == '\0' ||
		op->request.classify(&op->request, &op->response, op->request.ctx) != CF_NET_REAUTHENTICATE)
		return NULL;
	return place;
}

/* hold puts the request and its refusal aside; false = there is no memory for that, so the refusal stands. */
static bool
hold(CfOp *op)
{
	const CfAllocator *allocator = &op->arena->allocator;
	CfHeld	   *held = allocator->alloc(allocator->ctx, sizeof(CfHeld));

	if (held == NULL)
		return false;
	*held = (CfHeld) {.request = op->request, .response = op->response, .arena = op->request_arena, .phase = op->phase};
	cf_arena_init(&op->request_arena, allocator, ARENA_BYTES, 0);
	op->held = held;
	op->phase = 0;
	return true;
}

/* release takes the request up again. A refused one was certainly not carried out, so that sending does not count. */
static void
release(CfOp *op)
{
	CfHeld	   *held = op->held;

	cf_arena_free(&op->request_arena);
	op->request = held->request;
	op->response = held->response;
	op->request_arena = held->arena;
	op->phase = held->phase;
	op->sends = held->response.sends > 1 ? held->response.sends - 1 : 0;
	op->held = NULL;
	op->arena->allocator.free(op->arena->allocator.ctx, held);
}

/* is_mine tells whether this op is the one that renews a token, or becomes it. */
static bool
is_mine(CfOp *op, CfToken *token)
{
	int64_t		now_us = cf_clock_monotonic_us();

	if (token->renewer != NULL && token->renewer != op && now_us - token->renewer_us < RENEWER_US)
		return false;
	token->renewer = op;
	token->renewer_us = now_us;
	return true;
}

/* pause_step lets a moment pass: whoever drives takes it for a request. */
static CfStep
pause_step(CfOp *op)
{
	cf_storage_op_request(op, "", "")->pause_ms = PAUSE_MS;
	return CF_STEP_SEND;
}

/* renew goes one step towards a token for op->renewing; DONE = whatever there is now is what there will be. */
static CfStep
renew(CfOp *op)
{
	const CfPlace *own = op->place;
	const CfPlace *place = op->renewing;
	CfToken    *token = place->token;
	CfStep		step;

	if (!op->obtaining && is_due(place) && !is_mine(op, token))
	{
		if (op->held != NULL || !is_good(token))
			return pause_step(op);
		op->renewing = NULL;
		return CF_STEP_DONE;
	}
	if (!op->obtaining && !is_due(place))
	{
		op->renewing = NULL;	/* somebody was faster */
		return CF_STEP_DONE;
	}
	if (!op->obtaining)
	{
		op->kept = op->state;
		op->state = NULL;
		op->obtaining = true;
	}
	token->renewer_us = cf_clock_monotonic_us();
	op->place = place;
	step = place->driver->credential_next(op);
	op->place = own;
	if (step == CF_STEP_SEND || step == CF_STEP_AGAIN)
		return step;
	obtaining_ends(op);
	op->renewing = NULL;
	if (step == CF_STEP_DONE)
		plan(token);
	else if (op->held == NULL && goes_on(op, token))
		step = CF_STEP_DONE;
	return step;
}

/* obtaining_ends gives the op back what is its driver's, and lets others renew the token. */
static void
obtaining_ends(CfOp *op)
{
	CfToken    *token = op->renewing->token;

	op->state = op->kept;
	op->kept = NULL;
	op->obtaining = false;
	op->phase = 0;
	if (token->renewer == op)
		token->renewer = NULL;
}

/* plan decides when a token that was just obtained is renewed. */
static void
plan(CfToken *token)
{
	int64_t		now_us = cf_clock_now_us();
	int64_t		left_us = token->expires_us - now_us;
	int64_t		spare_us = left_us / 4 < SPARE_MAX_US ? left_us / 4 : SPARE_MAX_US;
	uint64_t	random;

	token->refresh_us = 0;
	if (token->expires_us == 0 || left_us <= 0)
		return;
	/* One round of splitmix64; what is not the same in two processes is the microsecond, and where the token lies. */
	random = ((uint64_t) now_us ^ (uint64_t) (uintptr_t) token) + UINT64_C(0x9e3779b97f4a7c15);
	random = (random ^ (random >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	random = (random ^ (random >> 27)) * UINT64_C(0x94d049bb133111eb);
	random ^= random >> 31;
	token->refresh_us = token->expires_us - spare_us - (int64_t) (random % (uint64_t) (spare_us / 2 + 1));
	token->generation++;
}

/* goes_on tells whether work goes on with the old token although there is no new one. */
static bool
goes_on(CfOp *op, CfToken *token)
{
	if (!is_good(token))
		return false;
	token->refresh_us = cf_clock_now_us() + AGAIN_US;
	op->err = (CfError) {0};
	return true;
}

/* cf_storage_renewal_end lets go of a token that this op was to renew, and of a request that waited for it. */
void
cf_storage_renewal_end(CfOp *op)
{
	if (op->obtaining)
		obtaining_ends(op);
	if (op->held != NULL)
		release(op);
	op->renewing = NULL;
	op->repeated = false;
	op->sends = 0;
}
