/*
 * engine.c
 *		Which request goes when, again, or not any more.
 *
 * A call waits until its moment has come and its place has room, is attempted (attempt.c), and the answer is judged: by
 * our own eyes when there is none, by the driver's classify() otherwise. Then it is finished, or waits again. libcurl
 * never queues anything: two ends of a copy that wait for each other's slots stand still for ever; a call that was
 * admitted here can always run to its end by itself.
 *
 * Everything that takes time is a number in a call (due_us, resume_us, progress_us + silence) or libcurl's own timer, and
 * cf_net_wait_ms() is the nearest of them. Sockets are in one epoll descriptor, for whoever waits.
 *
 * What can go wrong: the process is killed (its shared memory goes too), the caller forgets to cancel (the header says how
 * long things must live), another process lowers the limit (those under way finish). Memory is malloc's, like libcurl's,
 * and goes with cf_net_close().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/attempt.h"

#define TRANSFERS 64
#define ATTEMPTS 6
#define RETRY_MAX_US INT64_C(20000000)
#define CROWDED_US INT64_C(20000)	/* how soon to look whether another process gave a place back */
#define EVENTS 64
#define ROUNDS 8				/* of one turn */
#define KEEP_BUFFER_BYTES (64 * 1024)
#define SKEW_MAX_US INT64_C(86400000000)
#define BLOCKED 32

static const CfNetPlace no_place = {.name = ""};

/* The three lists. */

static void
calls_add(CfCalls *calls, CfCall *call)
{
	call->next = NULL;
	call->prev = calls->last;
	if (calls->last != NULL)
		calls->last->next = call;
	else
		calls->first = call;
	calls->last = call;
}

static void
calls_remove(CfCalls *calls, CfCall *call)
{
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		calls->first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		calls->last = call->prev;
	call->next = call->prev = NULL;
}

static CfCall *
calls_find(const CfCalls *calls, const void *tag)
{
	CfCall	   *call = calls->first;

	while (call != NULL && call->tag != tag)
		call = call->next;
	return call;
}

/* What libcurl wants to be told of: sockets and one timer. */

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	CfNet	   *net = ctx;
	struct epoll_event event = {.data.fd = fd};

	(void) easy;
	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(net->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (epoll_ctl(net->epoll, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0 &&
		epoll_ctl(net->epoll, known == NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return -1;
	if (known == NULL)
		curl_multi_assign(net->multi, fd, net);
	return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	CfNet	   *net = ctx;

	(void) multi;
	net->curl_due_us = timeout_ms < 0 ? -1 : cf_clock_monotonic_us() + timeout_ms * INT64_C(1000);
	return 0;
}

/* replace puts a copy of a text in place of another; keeps the old one when memory is short. */
static void
replace(char **text, const char *with)
{
	char	   *copy = strdup(with == NULL ? "" : with);

	if (copy == NULL)
		return;
	free(*text);
	*text = copy;
}

void
cf_net_set_options(CfNet *net, const CfNetOptions *options)
{
	CfError		err;

	net->options = *options;
	if (net->options.max_transfers <= 0)
		net->options.max_transfers = TRANSFERS;
	if (net->options.attempts_max <= 0)
		net->options.attempts_max = ATTEMPTS;
	if (net->options.retry_max_us <= 0)
		net->options.retry_max_us = RETRY_MAX_US;
	replace(&net->ca_file, options->ca_file);
	replace(&net->proxy, options->proxy);
	replace(&net->no_proxy, options->no_proxy);
	net->options.ca_file = net->ca_file;
	net->options.proxy = net->proxy;
	net->options.no_proxy = net->no_proxy;
	net->options.allow = NULL;
	/* A list that cannot be read allows nothing. */
	if (!cf_guard_parse(options->allow == NULL ? "" : options->allow, &net->allow, &err))
		net->allow.count = 0;
	net->shared = options->shared != NULL ? options->shared : net->own_shared;
	curl_multi_setopt(net->multi, CURLMOPT_MAXCONNECTS, (long) net->options.max_transfers);
}

CfNet *
cf_net_open(const CfNetOptions *options, CfError *err)
{
	CfNet	   *net = calloc(1, sizeof(CfNet));
	sigset_t	old;

	if (net != NULL)
	{
		net->curl_due_us = -1;
		net->random = (uint64_t) cf_clock_now_us() ^ (uint64_t) getpid() << 40 ^ (uint64_t) (uintptr_t) net;
		net->epoll = epoll_create1(EPOLL_CLOEXEC);
		net->own_shared = calloc(1, sizeof(CfNetShared));
		net->ca_file = strdup("");
		net->proxy = strdup("");
		net->no_proxy = strdup("");
		cf_attempt_signals_block(&old);
		if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
			net->multi = curl_multi_init();
		cf_attempt_signals_restore(&old);
	}
	if (net == NULL || net->epoll < 0 || net->own_shared == NULL || net->ca_file == NULL || net->proxy == NULL ||
		net->no_proxy == NULL || net->multi == NULL)
	{
		cf_net_close(net);
		cf_error_set(err, CF_ERR_MEMORY, "out of memory or file descriptors for network requests");
		return NULL;
	}
	curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
	curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
	cf_net_set_options(net, options);
	return net;
}

/* drop lets go of a call: its place, its attempt; the call itself is kept for another one, or freed. */
static void
drop(CfNet *net, CfCall *call)
{
	if (call->state == CF_CALL_RUNNING)
	{
		cf_attempt_stop(call);
		cf_slot_leave(call->slot);
		net->running--;
	}
	if (net->spare_count >= net->options.max_transfers)
	{
		cf_attempt_free(call);
		return;
	}
	if (call->body.room > KEEP_BUFFER_BYTES)
	{
		free(call->body.bytes);
		call->body = (CfBuffer) {0};
	}
	calls_add(&net->spare, call);
	net->spare_count++;
}

void
cf_net_close(CfNet *net)
{
	sigset_t	old;

	if (net == NULL)
		return;
	while (net->live.first != NULL)
		cf_net_cancel(net, net->live.first->tag);
	while (net->done.first != NULL)
		cf_net_cancel(net, net->done.first->tag);
	cf_attempt_signals_block(&old);
	while (net->spare.first != NULL)
	{
		CfCall	   *call = net->spare.first;

		calls_remove(&net->spare, call);
		cf_attempt_free(call);
	}
	if (net->multi != NULL)
		curl_multi_cleanup(net->multi);
	cf_attempt_signals_restore(&old);
	if (net->epoll >= 0)
		close(net->epoll);
	free(net->own_shared);
	free(net->ca_file);
	free(net->proxy);
	free(net->no_proxy);
	free(net);
}

/* finish moves a call to those that are to be told. */
static void
finish(CfCall *call)
{
	if (call->response->status == 0)
	{
		call->response->header_count = 0;
		call->response->body = "";
		call->response->body_bytes = call->response->sink_bytes = 0;
	}
	cf_attempt_keep(call);
	calls_remove(&call->net->live, call);
	call->state = CF_CALL_FINISHED;
	calls_add(&call->net->done, call);
}

void
cf_net_submit(CfNet *net, CfRequest *request, CfResponse *response, CfArena *arena, void *tag)
{
	CfCall	   *call = net->spare.first;

	memset(response, 0, sizeof(*response));
	response->body = "";
	if (call != NULL)
	{
		CfBuffer	head = call->head;
		CfBuffer	body = call->body;
		CURL	   *easy = call->easy;

		calls_remove(&net->spare, call);
		net->spare_count--;
		memset(call, 0, sizeof(*call));
		call->head = head;
		call->body = body;
		call->easy = easy;
	}
	else
		call = calloc(1, sizeof(CfCall));
	if (call == NULL)
	{
		cf_error_set(&response->err, CF_ERR_MEMORY, "out of memory for a request");
		if (net->lost_count < CF_NET_LOST)
			net->lost[net->lost_count++] = tag;
		return;
	}
	call->net = net;
	call->request = request;
	call->response = response;
	call->arena = arena;
	call->tag = tag;
	call->own_headers = request->header_count;
	if (request->place == NULL || request->place->name == NULL)
		call->slot = cf_slot_find(net->shared, net->options.scope, no_place.name);
	else
		call->slot = cf_slot_find(net->shared, net->options.scope, request->place->name);
	net->pending++;
	net->admit_due_us = 0;
	calls_add(&net->live, call);
	if (request->pause_ms > 0)
		call->due_us = cf_clock_monotonic_us() + request->pause_ms * INT64_C(1000);
	else if (!cf_url_split(request->url, &call->url, &response->err))
		finish(call);
}

/* default_classify judges answers for requests without a driver. */
static CfNetVerdict
default_classify(const CfResponse *response)
{
	switch (response->status)
	{
		case 429:
			return CF_NET_SLOW_DOWN;
		case 408:
		case 500:
		case 502:
		case 503:
		case 504:
			return CF_NET_RETRY;
		default:
			return CF_NET_FINAL;
	}
}

/* judge tells what the outcome of an attempt means. */
static CfNetVerdict
judge(const CfCall *call)
{
	const CfRequest *request = call->request;

	if (call->response->status == 0)
		return call->response->err.retryable ? CF_NET_RETRY : CF_NET_FINAL;
	if (request->classify != NULL)
		return request->classify(request, call->response, request->ctx);
	return default_classify(call->response);
}

/*
 * in_trouble tells whether an outcome speaks of a store that is down or overloaded. A 501 or 505 speaks of the call: a store that
 * does not know one answers all others.
 */
static bool
in_trouble(const CfCall *call)
{
	int			status = call->response->status;

	if (status != 0)
		return status >= 500 && status != 501 && status != 505;
	return call->response->err.kind == CF_ERR_IO && call->response->err.retryable && !call->no_descriptor;
}

/* learn lets the place's limits and its breaker hear of the outcome. */
static void
learn(CfCall *call, CfNetVerdict verdict, int64_t now_us, int64_t after_us)
{
	CfNetSlot  *slot = call->slot;
	int			status = call->response->status;
	int64_t		pause_us = after_us;

	if (verdict == CF_NET_SLOW_DOWN)
	{
		if (pause_us > call->net->options.retry_max_us)
			pause_us = call->net->options.retry_max_us;
		cf_slot_shrink(slot, now_us, pause_us);
		cf_breaker_answered(&slot->breaker);
	}
	else if (in_trouble(call))
		cf_breaker_failed(&slot->breaker, now_us, cf_retry_random(&call->net->random));
	else if (status != 0)
	{
		cf_breaker_answered(&slot->breaker);
		cf_slot_grow(slot);
		if (verdict == CF_NET_FINAL)
		{
			cf_retry_budget_give(&slot->budget, call->attempt > 1);
			if (call->request->budget != NULL)
				cf_retry_budget_give(call->request->budget, call->attempt > 1);
		}
	}
}

/* correct_clock takes the peer's time, once per request. */
static bool
correct_clock(CfCall *call)
{
	int64_t		date_us;
	int64_t		skew_us;

	if (call->clock_corrected || !cf_net_date(cf_net_answer(call->response, "date"), &date_us))
		return false;
	skew_us = date_us - cf_clock_now_us();
	if (skew_us > SKEW_MAX_US || skew_us < -SKEW_MAX_US)
		return false;
	call->clock_corrected = true;
	call->response->clock_skew_us = skew_us;
	__atomic_store_n(&call->slot->skew_us, skew_us, __ATOMIC_RELAXED);
	return true;
}

/* may_repeat tells whether an attempt may follow this one, and pays for it: from the budget of its job, and from that of its place. */
static bool
may_repeat(CfCall *call, int64_t now_us)
{
	CfNetBudget *job = call->request->budget;

	if (call->attempt >= call->net->options.attempts_max ||
		(call->request->repeat == CF_NET_REPEAT_NEVER && call->response->sends > 0))
		return false;
	if (strcmp(cf_breaker_state(&call->slot->breaker, now_us), "open") == 0)
		return false;
	call->response->budget_spent = job != NULL && !cf_retry_budget_take(job, CF_RETRY_JOB_TOKENS);
	if (call->response->budget_spent)
		return false;
	if (cf_retry_budget_take(&call->slot->budget, CF_RETRY_PLACE_TOKENS))
		return true;
	if (job != NULL)
		cf_retry_budget_give(job, true);
	return false;
}

/* conclude reads the outcome of an attempt: the call is finished, or waits for the next one. */
static void
conclude(CfCall *call)
{
	CfNet	   *net = call->net;
	int64_t		now_us;
	int64_t		after_us = -1;
	CfNetVerdict verdict;

	cf_attempt_collect(call);
	cf_attempt_stop(call);
	cf_slot_leave(call->slot);
	net->running--;
	call->state = CF_CALL_WAITING;
	call->paid = false;
	verdict = judge(call);
	now_us = cf_clock_monotonic_us();
	if (verdict == CF_NET_RETRY || verdict == CF_NET_SLOW_DOWN)
		after_us = cf_retry_after_us(cf_net_answer(call->response, "retry-after"), cf_clock_now_us());
	learn(call, verdict, now_us, after_us);
	call->due_us = now_us;
	if (verdict == CF_NET_CLOCK && correct_clock(call))
		return;
	if ((verdict != CF_NET_RETRY && verdict != CF_NET_SLOW_DOWN) || !may_repeat(call, now_us))
	{
		finish(call);
		return;
	}
	call->due_us += cf_retry_wait_us(call->attempt, verdict == CF_NET_SLOW_DOWN, after_us, net->options.retry_max_us,
									 cf_retry_random(&net->random));
}

/* pump lets libcurl handle what its sockets and its timer brought. */
static void
pump(CfNet *net)
{
	struct epoll_event events[EVENTS];
	int			running;
	int			count = epoll_wait(net->epoll, events, EVENTS, 0);
	bool		timer = net->curl_due_us >= 0 && net->curl_due_us <= cf_clock_monotonic_us();
	sigset_t	old;

	if (count <= 0 && !timer)
		return;
	cf_attempt_signals_block(&old);
	for (int i = 0; i < count; i++)
	{
		int			what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			(events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

		curl_multi_socket_action(net->multi, events[i].data.fd, what, &running);
	}
	if (timer)
	{
		long		timeout_ms = -1;

		net->curl_due_us = -1;
		curl_multi_socket_action(net->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		/* libcurl does not repeat a moment that it has told already; asked, it does. */
		if (net->curl_due_us < 0 && curl_multi_timeout(net->multi, &timeout_ms) == CURLM_OK && timeout_ms >= 0)
			net->curl_due_us = cf_clock_monotonic_us() + (timeout_ms > 0 ? timeout_ms : 1) * INT64_C(1000);
	}
	cf_attempt_signals_restore(&old);
}

/* reap concludes what libcurl has ended; true when there was something. */
static bool
reap(CfNet *net)
{
	bool		found = false;
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(net->multi, &left)) != NULL)
	{
		CfCall	   *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call->ended = true;
		call->code = message->data.result;
		conclude(call);
		found = true;
	}
	return found;
}

/* attend looks after calls under way: those that may go on after a pause, those that are silent for too long. */
static bool
attend(CfNet *net, int64_t now_us)
{
	bool		found = false;
	CfCall	   *next;

	for (CfCall *call = net->live.first; call != NULL; call = next)
	{
		next = call->next;
		if (call->state != CF_CALL_RUNNING)
			continue;
		if (call->paused && call->resume_us <= now_us)
		{
			sigset_t	old;

			call->paused = false;
			call->progress_us = now_us;
			cf_attempt_signals_block(&old);
			curl_easy_pause(call->easy, CURLPAUSE_CONT);
			cf_attempt_signals_restore(&old);
			found = true;
		}
		else if (!call->paused && now_us - call->progress_us >= cf_attempt_silence_us(call))
		{
			call->stalled = true;
			conclude(call);
			found = true;
		}
	}
	return found;
}

/* pay takes the tokens of the rate limits for an attempt; false: the call waits until due_us. */
static bool
pay(CfCall *call, int64_t now_us)
{
	const CfNetPlace *place = call->request->place;
	int64_t		wait = cf_bucket_take(&call->net->shared->requests, call->net->options.requests_per_second, 1, now_us);
	int64_t		place_wait = place == NULL ? 0 : cf_bucket_take(&call->slot->requests, place->requests_per_second, 1, now_us);

	call->paid = true;
	if (wait < place_wait)
		wait = place_wait;
	call->due_us = now_us + wait;
	return wait == 0;
}

/* begin makes the next attempt of a call that has a place to run. */
static void
begin(CfCall *call, int64_t now_us)
{
	call->response->status = 0;
	if (cf_breaker_admit(&call->slot->breaker, now_us))
	{
		call->attempt++;
		if (cf_attempt_start(call, now_us))
		{
			call->state = CF_CALL_RUNNING;
			call->net->running++;
			return;
		}
	}
	else
	{
		const CfNetPlace *place = call->request->place != NULL ? call->request->place : &no_place;

		cf_error_set(&call->response->err, CF_ERR_IO, "place \"%s\" does not answer; nothing is sent to it for now",
					 place->name == NULL ? "" : place->name);
		cf_error_hint(&call->response->err, "View \"cloudflux.network_status\" tells when it is tried again.");
	}
	cf_slot_leave(call->slot);
	finish(call);
}

/* wake_at makes cf_net_wait_ms() end at a moment at the latest. */
static void
wake_at(CfNet *net, int64_t due_us)
{
	if (due_us < net->admit_due_us)
		net->admit_due_us = due_us;
}

/*
 * admit starts what may start, in the order of submission. Of each place only one call waits for the rate limits and for room:
 * those behind it are not looked at.
 */
static bool
admit(CfNet *net, int64_t now_us)
{
	const CfNetSlot *blocked[BLOCKED];
	int			blocked_count = 0;
	bool		found = false;
	CfCall	   *next;

	net->admit_due_us = INT64_MAX;
	for (CfCall *call = net->live.first; call != NULL && net->running < net->options.max_transfers; call = next)
	{
		const CfNetPlace *place = call->request->place != NULL ? call->request->place : &no_place;
		bool		behind = false;
		int64_t		pause_us;

		next = call->next;
		if (call->state != CF_CALL_WAITING)
			continue;
		if (call->request->pause_ms > 0 && call->due_us <= now_us)
		{
			finish(call);
			found = true;
			continue;
		}
		if (call->due_us > now_us && !call->paid)
		{
			wake_at(net, call->due_us);
			continue;
		}
		for (int i = 0; i < blocked_count && !behind; i++)
			behind = blocked[i] == call->slot;
		if (behind)
			continue;
		if ((pause_us = cf_slot_pause_us(call->slot, now_us)) > 0)
			call->due_us = now_us + pause_us;
		else if (call->due_us <= now_us && (call->paid || pay(call, now_us)))
		{
			if (cf_slot_enter(call->slot, place->max_connections))
			{
				begin(call, now_us);
				found = true;
				continue;
			}
		}
		/* Our own answers make room sooner than that; what other processes give back has to be looked for. */
		wake_at(net, call->due_us > now_us ? call->due_us : now_us + CROWDED_US);
		if (blocked_count < BLOCKED)
			blocked[blocked_count++] = call->slot;
	}
	return found;
}

void
cf_net_turn(CfNet *net)
{
	for (int round = 0; round < ROUNDS; round++)
	{
		bool		more;

		pump(net);
		more = reap(net);
		more |= attend(net, cf_clock_monotonic_us());
		more |= admit(net, cf_clock_monotonic_us());
		if (!more)
			break;
	}
}

/* tell gives a finished call's tag back and forgets the call. */
static void *
tell(CfNet *net, CfCall *call)
{
	void	   *tag = call->tag;

	calls_remove(&net->done, call);
	net->pending--;
	drop(net, call);
	return tag;
}

void *
cf_net_finished(CfNet *net)
{
	if (net->lost_count > 0)
		return net->lost[--net->lost_count];
	return net->done.first == NULL ? NULL : tell(net, net->done.first);
}

bool
cf_net_take(CfNet *net, void *tag)
{
	CfCall	   *call = calls_find(&net->done, tag);

	for (int i = 0; i < net->lost_count; i++)
	{
		if (net->lost[i] == tag)
		{
			net->lost[i] = net->lost[--net->lost_count];
			return true;
		}
	}
	if (call == NULL)
		return false;
	tell(net, call);
	return true;
}

void
cf_net_cancel(CfNet *net, void *tag)
{
	CfCall	   *call = calls_find(&net->live, tag);

	if (call == NULL)
	{
		cf_net_take(net, tag);
		return;
	}
	if (call->state == CF_CALL_RUNNING)
		cf_attempt_measure(call, 0);
	calls_remove(&net->live, call);
	net->pending--;
	drop(net, call);
}

int
cf_net_pending(const CfNet *net)
{
	return net->pending + net->lost_count;
}

int
cf_net_fd(const CfNet *net)
{
	return net->epoll;
}

int
cf_net_wait_ms(const CfNet *net)
{
	int64_t		now_us = cf_clock_monotonic_us();
	int64_t		due_us = net->curl_due_us >= 0 ? net->curl_due_us : INT64_MAX;
	int64_t		wait_ms;

	if (net->done.first != NULL || net->lost_count > 0)
		return 0;
	if (net->live.first != NULL && net->admit_due_us < due_us)
		due_us = net->admit_due_us;
	for (const CfCall *call = net->live.first; call != NULL; call = call->next)
	{
		int64_t		at_us = call->paused ? call->resume_us : call->progress_us + cf_attempt_silence_us(call);

		if (call->state == CF_CALL_RUNNING && at_us < due_us)
			due_us = at_us;
	}
	if (due_us == INT64_MAX)
		return -1;
	if (due_us <= now_us)
		return 0;
	wait_ms = (due_us - now_us + 999) / 1000;
	return wait_ms > INT32_MAX ? INT32_MAX : (int) wait_ms;
}
