/*
 * storage_renewal.c: tokens that end: obtained before they are needed, by one of many operations, renewed before they expire, and when
 * a store refuses one in the middle. The driver is a stand-in with one operation of two requests, so that everything is in sight.
 */
#include "storage_identity.h"

static int	given;				/* tokens so far */
static int64_t life_us = INT64_C(3600000000);
static bool short_of_memory;
static char seen[400];			/* what the driver was called with, and what it did */

static void
see(const char *what)
{
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%s", seen[0] == '\0' ? "" : " ", what);
}

static CfNetVerdict
classify(const CfRequest *request, const CfResponse *response, void *ctx)
{
	(void) request;
	(void) ctx;
	return response->status == 401 ? CF_NET_REAUTHENTICATE : CF_NET_FINAL;
}

/* stub_next obtains a token by one request; 500 fails. */
static CfStep
stub_next(CfOp *o)
{
	if (o->state != NULL)
		bail("the driver's state is not there for credentials");
	if (o->place->token == NULL || strcmp(o->place->bucket, "keys") == 0)
		return CF_STEP_DONE;
	if (o->phase == 0)
	{
		cf_storage_op_request(o, "POST", "token")->url = "https://tokens/";
		see("ask");
		o->phase = 7;
		return CF_STEP_SEND;
	}
	if (o->response.status != 200)
		return cf_identity_refused(o, "The service", "", "");
	snprintf(o->place->token->value, sizeof(o->place->token->value), "token-%d", ++given);
	o->place->token->expires_us = cf_clock_now_us() + life_us;
	o->phase = 0;
	see("got");
	return CF_STEP_DONE;
}

/* stub_stat is two requests, with a state. */
static CfStep
stub_stat(CfOp *o, const char *key, CfObjectStat *stat)
{
	static int	state;
	CfRequest  *request;

	(void) key;
	if (o->phase > 0 && o->state != &state)
		bail("the driver's state is its own");
	if (o->phase > 0 && o->response.status == 401)
	{
		see("refused");
		o->place->token->expires_us = 0;
		o->phase = 0;
		cf_error_set(&o->err, CF_ERR_DENIED, "refused");
		return CF_STEP_ERROR;
	}
	if (o->phase == 2)
	{
		see("done");
		stat->size_bytes = o->response.sends;
		o->phase = 0;
		return CF_STEP_DONE;
	}
	o->state = &state;
	see(o->phase == 0 ? "one" : "two");
	request = cf_storage_op_request(o, "GET", o->phase == 0 ? "one" : "two");
	request->url = cf_arena_strdup(&o->request_arena, "https://store/");
	request->classify = classify;
	o->phase++;
	return CF_STEP_SEND;
}

static void
stub_end(CfOp *o)
{
	if (o->phase != 0)
		see("end");
	o->state = NULL;
}

static CfStep
stub_copy(CfOp *o, const CfPlace *source, const char *source_key, const char *source_version, const CfUploadArgs *args,
		  char copy_token[CF_STORAGE_COPY_TOKEN], CfObjectStat *stat)
{
	(void) source_key;
	(void) source_version;
	(void) args;
	(void) copy_token;
	if (o->phase == 0)
	{
		CfStep		step = stub_stat(o, "", stat);

		o->request.place = &source->net;
		return step;
	}
	return stub_stat(o, "", stat);
}

static bool
stub_key(const CfPlace *p, const char *key, CfError *err)
{
	(void) p;
	(void) key;
	(void) err;
	return true;
}

static void
stub_caps(const CfPlace *p, CfCaps *caps)
{
	(void) p;
	caps->remote = true;
}

static const CfDriver stub = {.name = "stub", .credential_next = stub_next, .stat = stub_stat, .end = stub_end, .copy = stub_copy,
	.key_check = stub_key, .caps = stub_caps};

static void
reply(CfOp *o, int status, int sends)
{
	o->response = (CfResponse) {.status = status, .body = "", .sends = sends};
	if (status == 0)
		cf_error_set(&o->response.err, CF_ERR_IO, "no connection");
}

static CfObjectStat stat_;
#define STEP(o) cf_storage_stat((o), "k", &stat_)

/* fresh begins with an op that has no token yet, or a good one. */
static void
fresh(bool with_token)
{
	begin("stub", NULL);
	seen[0] = '\0';
	given = 0;
	if (with_token)
	{
		strcpy(token.value, "old");
		token.expires_us = NOW_US + INT64_C(3600000000);
		token.refresh_us = NOW_US + INT64_C(3000000000);
		token.generation = 1;
	}
}

static void
first_and_next(void)
{
	int64_t		refresh_us;

	note("a token is obtained first, and kept");
	fresh(false);
	ok(STEP(&op) == CF_STEP_SEND && op.phase != 0, "the service is asked");
	reply(&op, 200, 1);
	ok(STEP(&op) == CF_STEP_SEND, "then the store");
	reply(&op, 200, 1);
	ok(STEP(&op) == CF_STEP_SEND, "and once more");
	reply(&op, 200, 3);
	ok(STEP(&op) == CF_STEP_DONE && stat_.size_bytes == 3, "to the end");
	is_str(seen, "ask got one two done", "in this order");
	refresh_us = token.refresh_us;
	ok(refresh_us <= token.expires_us - INT64_C(300000000) && refresh_us >= token.expires_us - INT64_C(450000000),
	   "it is to be renewed five minutes before it ends, and some at random");
	seen[0] = '\0';
	ok(STEP(&op) == CF_STEP_SEND, "the next operation");
	is_str(seen, "one", "goes on with it");
	cf_storage_op_end(&op);
	cf_clock_freeze(refresh_us);
	seen[0] = '\0';
	ok(STEP(&op) == CF_STEP_SEND, "until it is about to end");
	is_str(seen, "ask", "and then another one is asked for");
	cf_storage_op_end(&op);
	cf_clock_freeze(NOW_US);

	note("short ones");
	fresh(false);
	life_us = 8000000;
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	ok(token.refresh_us <= token.expires_us - 2000000 && token.refresh_us >= token.expires_us - 3000000, "a quarter of a short life is spared");
	life_us = INT64_C(3600000000);

	note("credentials that need none");
	fresh(false);
	place.bucket = "keys";
	ok(STEP(&op) == CF_STEP_SEND && token.expires_us == 0, "nothing is asked for");
	is_str(seen, "one", "and work begins");
	place.bucket = "bucket";
	fresh(false);
	ok(cf_storage_authenticate(&op) == CF_STEP_SEND, "a token alone can be had too");
	reply(&op, 200, 1);
	ok(cf_storage_authenticate(&op) == CF_STEP_DONE && strcmp(token.value, "token-1") == 0, "for signing URLs");
	ok(cf_storage_authenticate(&op) == CF_STEP_DONE, "it is there then");
}

static void
failing(void)
{
	note("when there is none");
	fresh(false);
	STEP(&op);
	reply(&op, 500, 1);
	ok(STEP(&op) == CF_STEP_ERROR && op.err.retryable && op.phase == 0, "the operation fails");
	is_str(seen, "ask", "before it began");
	seen[0] = '\0';
	ok(STEP(&op) == CF_STEP_SEND, "the next one tries again");
	is_str(seen, "ask", "from the start");

	note("when the old one is still good");
	fresh(true);
	cf_clock_freeze(token.refresh_us);
	STEP(&op);
	is_str(seen, "ask", "it is time");
	reply(&op, 500, 1);
	ok(STEP(&op) == CF_STEP_SEND && op.err.kind == CF_ERR_NONE, "a failure is no error");
	is_str(seen, "ask one", "work goes on");
	is_str(token.value, "old", "with the old one");
	is_int(token.refresh_us, cf_clock_now_us() + 30000000, "and it is tried again half a minute later");
	cf_clock_freeze(token.expires_us);
	cf_storage_op_end(&op);
	STEP(&op);
	reply(&op, 500, 1);
	ok(STEP(&op) == CF_STEP_ERROR, "once it has ended, it is one");
	cf_clock_freeze(NOW_US);
}

static void
refusals(void)
{
	note("refused in the middle of an operation");
	fresh(true);
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	is_str(seen, "one two", "the second request is out");
	reply(&op, 401, 3);
	ok(STEP(&op) == CF_STEP_SEND && strcmp(op.request.verb, "token") == 0, "its refusal leads to the service");
	reply(&op, 200, 1);
	ok(STEP(&op) == CF_STEP_SEND && strcmp(op.request.verb, "two") == 0 && strcmp(op.request.url, "https://store/") == 0, "and then it goes out again");
	is_int(op.response.status, 0, "as if nothing had been answered");
	reply(&op, 200, 1);
	ok(STEP(&op) == CF_STEP_DONE, "the driver ends well");
	is_str(seen, "one two ask got done", "and noticed nothing");
	is_int(stat_.size_bytes, 3, "but how often the request may have arrived: the refused one did not");

	note("refused again");
	fresh(true);
	STEP(&op);
	reply(&op, 401, 1);
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	reply(&op, 401, 1);
	ok(STEP(&op) == CF_STEP_ERROR, "is an error");
	is_str(seen, "one ask got refused", "after one renewal");
	seen[0] = '\0';
	STEP(&op);
	is_str(seen, "ask", "the next operation begins with another one");

	note("refused twice in one operation");
	fresh(true);
	STEP(&op);
	reply(&op, 401, 1);
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	reply(&op, 401, 1);
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	reply(&op, 200, 1);
	ok(STEP(&op) == CF_STEP_DONE, "each request has its renewal");
	is_str(seen, "one ask got two ask got done", "long operations outlive many tokens");

	note("refused, and there is no other");
	fresh(true);
	STEP(&op);
	reply(&op, 401, 1);
	STEP(&op);
	reply(&op, 500, 1);
	ok(STEP(&op) == CF_STEP_ERROR && strcmp(op.err.message, "refused") == 0, "the driver is told of the refusal");
	is_str(seen, "one ask refused", "and cleans up");

	note("what cannot be renewed");
	fresh(true);
	token.value[0] = '\0';
	STEP(&op);
	reply(&op, 401, 1);
	ok(STEP(&op) == CF_STEP_ERROR, "keys that are refused");
	is_str(seen, "one refused", "stay refused");
	fresh(true);
	STEP(&op);
	reply(&op, 0, 1);
	STEP(&op);
	is_str(seen, "one two", "no answer is no refusal");
	fresh(true);
	STEP(&op);
	cf_storage_op_end(&op);
	is_str(seen, "one end", "an operation may end anywhere");
	fresh(true);
	STEP(&op);
	reply(&op, 401, 1);
	STEP(&op);
	ok(op.held != NULL && token.renewer == &op, "in the middle of a renewal too:");
	cf_storage_op_end(&op);
	is_str(seen, "one ask end", "the driver gets its request back, and ends");
	ok(op.held == NULL && token.renewer == NULL && op.phase == 0, "nothing is held any more");
}

static void
many(void)
{
	CfOp		other;

	note("many operations, one renewal");
	fresh(false);
	cf_storage_op_init(&other, &place, &arena);
	STEP(&op);
	ok(STEP(&other) == CF_STEP_SEND && other.request.pause_ms > 0 && other.request.url == NULL, "a second one pauses");
	reply(&other, 0, 0);
	ok(STEP(&other) == CF_STEP_SEND && other.request.pause_ms > 0, "as long as it takes");
	reply(&op, 200, 1);
	STEP(&op);
	reply(&other, 0, 0);
	ok(STEP(&other) == CF_STEP_SEND && other.request.pause_ms == 0, "then it goes on");
	is_str(seen, "ask got one one", "with what the first one got");
	cf_storage_op_end(&other);

	note("while the old one is good");
	fresh(true);
	cf_storage_op_init(&other, &place, &arena);
	cf_clock_freeze(token.refresh_us);
	STEP(&op);
	ok(STEP(&other) == CF_STEP_SEND && other.request.pause_ms == 0, "nobody pauses");
	is_str(seen, "ask one", "but goes on with it");
	cf_storage_op_end(&other);
	cf_clock_freeze(NOW_US);

	note("refused at many places at once");
	fresh(true);
	cf_storage_op_init(&other, &place, &arena);
	STEP(&op);
	STEP(&other);
	reply(&op, 401, 1);
	reply(&other, 401, 1);
	STEP(&op);
	ok(STEP(&other) == CF_STEP_SEND && other.request.pause_ms > 0, "one renews, the other one pauses");
	reply(&op, 200, 1);
	STEP(&op);
	reply(&other, 0, 0);
	ok(STEP(&other) == CF_STEP_SEND && strcmp(other.request.verb, "one") == 0, "and sends its request again");
	is_int(given, 1, "with the one token that was got");
	reply(&other, 200, 1);
	STEP(&other);
	cf_storage_op_end(&op);
	STEP(&op);
	STEP(&other);
	cf_storage_op_end(&other);

	note("refused when it has been renewed already");
	fresh(true);
	cf_storage_op_init(&other, &place, &arena);
	STEP(&op);
	STEP(&other);
	reply(&op, 401, 1);
	STEP(&op);
	reply(&op, 200, 1);
	STEP(&op);
	reply(&other, 401, 1);
	ok(STEP(&other) == CF_STEP_SEND && strcmp(other.request.verb, "one") == 0, "the request goes out at once");
	is_int(given, 1, "there is one that it was not refused with");
	cf_storage_op_end(&other);

	note("who renews may be gone");
	fresh(false);
	cf_storage_op_init(&other, &place, &arena);
	STEP(&op);
	cf_clock_freeze(NOW_US + INT64_C(46000000));
	ok(STEP(&other) == CF_STEP_SEND && other.request.pause_ms == 0 && token.renewer == &other, "after a while another one does");
	cf_storage_op_end(&op);
	ok(token.renewer == &other, "and is not disturbed when the first one ends after all");
	cf_storage_op_end(&other);
	cf_clock_freeze(NOW_US);
}

static void
copies(void)
{
	CfToken		source_token = {.value = ""};
	CfPlace		source = place;
	CfUploadArgs args = {.key = "k", .owner_tag = "t"};
	char		copy_token[CF_STORAGE_COPY_TOKEN] = "";

#define COPY() cf_storage_copy(&op, &source, "k", "v", &args, copy_token, &stat_)
	note("copies between two places");
	source.driver = &stub;
	source.token = &source_token;
	fresh(false);
	COPY();
	reply(&op, 200, 1);
	ok(COPY() == CF_STEP_SEND && source_token.renewer == &op && op.place == &place, "the source has a token of its own");
	reply(&op, 200, 1);
	ok(COPY() == CF_STEP_SEND, "then the copy begins");
	is_str(seen, "ask got ask got one", "both are there");
	reply(&op, 401, 1);
	ok(COPY() == CF_STEP_SEND && source_token.renewer == &op && token.renewer == NULL, "a refusal of the source renews the source's");
	reply(&op, 200, 1);
	COPY();
	reply(&op, 200, 1);
	COPY();
	reply(&op, 200, 1);
	ok(COPY() == CF_STEP_DONE, "and the copy ends");
	is_str(token.value, "token-1", "the destination's is the old one");
	is_str(source_token.value, "token-3", "the source's is new");
}

static void *
scarce(void *ctx, size_t size)
{
	(void) ctx;
	return short_of_memory ? NULL : malloc(size);
}

static void
give_back(void *ctx, void *block)
{
	(void) ctx;
	free(block);
}

static void
memory(void)
{
	static const CfAllocator allocator = {scarce, give_back, NULL};
	CfArena		small;
	CfOp		tight;

	note("short of memory");
	fresh(true);
	cf_arena_init(&small, &allocator, 64, 0);
	cf_storage_op_init(&tight, &place, &small);
	STEP(&tight);
	reply(&tight, 401, 1);
	short_of_memory = true;
	ok(STEP(&tight) == CF_STEP_ERROR && strcmp(tight.err.message, "refused") == 0, "a request that cannot be put aside stays refused");
	short_of_memory = false;
	cf_storage_op_end(&tight);
	cf_arena_free(&small);
}

int
main(void)
{
	open_identities(&stub, "AWS");
	first_and_next();
	failing();
	refusals();
	many();
	copies();
	memory();
	close_identities();
	return done_testing();
}
