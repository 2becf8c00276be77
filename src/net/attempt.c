/*
 * attempt.c
 *		One attempt in libcurl's terms: its options, its callbacks, what came of it.
 *
 * Callbacks run inside libcurl: they copy bytes into bounded buffers, count, judge addresses, and return libcurl's own
 * error values; what they refuse is remembered in the call and told afterwards. libcurl repeats a request by itself
 * when a reused connection turns out to be dead, so bodies are rewindable and every request is counted at the moment its
 * connection is ready (PREREQ). An address is judged when the socket is opened and again when a connection is reused.
 *
 * A connection to a metadata service is never shared with other requests, or who names the same address as an endpoint
 * would get it from libcurl's cache.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/clock.h"
#include "net/attempt.h"

#define BUFFER_BYTES (256 * 1024L)
#define EXPECT_FROM_BYTES (1024 * 1024)
#define INLINE_BODY_BYTES (60 * 1024)	/* up to here the body leaves together with the headers */
#define PROGRESS_BYTES 1024		/* fewer bytes than that are no sign of life in the middle of a body */
#define CONNECT_MS 15000L
#define IDLE_SECONDS 20L		/* stores close idle connections themselves; before that one is not used again */

void
cf_attempt_signals_block(sigset_t *old)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
	ERR_clear_error();
}

void
cf_attempt_signals_restore(const sigset_t *old)
{
	ERR_clear_error();
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

int64_t
cf_attempt_silence_us(const CfCall *call)
{
	switch (call->request->net_class)
	{
		case CF_NET_BODY:
			return INT64_C(60000000);
		case CF_NET_SLOW:
			return INT64_C(900000000);
		case CF_NET_CALL:
			break;
	}
	return INT64_C(30000000);
}

bool
cf_attempt_append(CfBuffer *buffer, const char *bytes, size_t length, size_t most)
{
	if (length > most || buffer->length > most - length)
		return false;
	if (buffer->length + length > buffer->room)
	{
		size_t		room = buffer->room < 4096 ? 4096 : buffer->room * 2;
		char	   *grown;

		if (room < buffer->length + length)
			room = buffer->length + length;
		grown = realloc(buffer->bytes, room);
		if (grown == NULL)
			return false;
		buffer->bytes = grown;
		buffer->room = room;
	}
	memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
	return true;
}

/* charge takes bytes from the buckets; what is owed is waited for before the next ones. */
static void
charge(CfCall *call, int64_t bytes)
{
	const CfNetPlace *place = call->request->place;
	int64_t		now_us;
	int64_t		wait;
	int64_t		place_wait;

	if (call->net->options.bandwidth_limit <= 0 && (place == NULL || place->bandwidth_limit <= 0))
		return;
	now_us = cf_clock_monotonic_us();
	wait = cf_bucket_take(&call->net->shared->bytes, call->net->options.bandwidth_limit, bytes, now_us);
	place_wait = place == NULL ? 0 : cf_bucket_take(&call->slot->bytes, place->bandwidth_limit, bytes, now_us);
	if (wait < place_wait)
		wait = place_wait;
	if (wait > 0)
		call->resume_us = now_us + wait;
}

/* must_pause tells whether bytes of this call have to wait for the bandwidth limits. */
static bool
must_pause(CfCall *call)
{
	if (call->resume_us == 0 || call->resume_us <= cf_clock_monotonic_us())
		return false;
	call->paused = true;
	return true;
}

/* most_body is the limit of an answer's body that does not go into the sink. */
static size_t
most_body(const CfRequest *request)
{
	return request->answer_max > 0 ? request->answer_max : CF_NET_ANSWER_BYTES;
}

int
cf_attempt_status(const CfCall *call)
{
	long		status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int) status;
}

/* header_added keeps one "name: value" line; names in lower case, control characters as question marks. */
static bool
header_added(CfCall *call, char *line, size_t length)
{
	char	   *colon = memchr(line, ':', length);
	size_t		name_length;
	char	   *value;
	size_t		value_length;
	size_t		start = call->head.length;

	if (colon == NULL || colon == line || line[0] == ' ' || line[0] == '\t')
		return true;
	name_length = (size_t) (colon - line);
	value = colon + 1;
	value_length = length - name_length - 1;
	while (value_length > 0 && (*value == ' ' || *value == '\t'))
	{
		value++;
		value_length--;
	}
	while (value_length > 0 && strchr(" \t\r\n", value[value_length - 1]) != NULL)
		value_length--;
	if (++call->head_count > CF_NET_RESPONSE_HEADERS)
	{
		call->too_many_headers = true;
		return false;
	}
	if (!cf_attempt_append(&call->head, line, name_length, SIZE_MAX) || !cf_attempt_append(&call->head, "", 1, SIZE_MAX) ||
		!cf_attempt_append(&call->head, value, value_length, SIZE_MAX) || !cf_attempt_append(&call->head, "", 1, SIZE_MAX))
	{
		call->out_of_memory = true;
		return false;
	}
	for (size_t i = start; i < call->head.length - 1; i++)
	{
		char	   *c = &call->head.bytes[i];

		if (i < start + name_length && *c >= 'A' && *c <= 'Z')
			*c = (char) (*c + ('a' - 'A'));
		else if (i != start + name_length && (((unsigned char) *c < 0x20 && *c != '\t') || *c == 0x7f))
			*c = '?';
	}
	return true;
}

/* announced_too_long tells whether the length that the answer announces does not fit. */
static bool
announced_too_long(CfCall *call)
{
	const CfRequest *request = call->request;
	curl_off_t	length = -1;
	int			status = cf_attempt_status(call);
	size_t		most = request->sink != NULL ? request->sink_bytes : most_body(request);

	if (status < 200 || status > 299 || strcmp(request->method, "HEAD") == 0)
		return false;
	curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length > 0 && (uint64_t) length > most;
}

/* on_header takes one line; a status line begins a new answer (after 100 Continue, however many of them). */
static size_t
on_header(char *line, size_t size, size_t count, void *ctx)
{
	CfCall	   *call = ctx;
	size_t		length = size * count;

	call->progress_us = cf_clock_monotonic_us();
	if (call->in_body)
		return length;			/* a trailer */
	call->head_bytes += length;
	if (call->head_bytes > CF_NET_HEADERS_BYTES)
	{
		call->too_many_headers = true;
		return 0;
	}
	if (length > 5 && strncmp(line, "HTTP/", 5) == 0)
	{
		call->head.length = 0;
		call->head_count = 0;
		return length;
	}
	if (length <= 2 && (line[0] == '\r' || line[0] == '\n'))
	{
		int			status = cf_attempt_status(call);

		call->in_body = status >= 200;
		if (call->in_body && announced_too_long(call))
		{
			call->too_long = true;
			return 0;
		}
		return length;
	}
	return header_added(call, line, length) ? length : 0;
}

/* on_body takes bytes of an answer: those of a success into the sink, others into the buffer, an error's no longer than fits. */
static size_t
on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	CfCall	   *call = ctx;
	CfRequest  *request = call->request;
	size_t		length = size * count;
	int			status;

	if (must_pause(call))
		return CURL_WRITEFUNC_PAUSE;
	status = cf_attempt_status(call);
	if (status >= 200 && status <= 299 && request->sink != NULL)
	{
		if (length > request->sink_bytes - call->sink_bytes)
		{
			call->too_long = true;
			return 0;
		}
		memcpy(request->sink + call->sink_bytes, bytes, length);
		call->sink_bytes += length;
	}
	else if (!cf_attempt_append(&call->body, bytes, length, most_body(request)))
	{
		call->too_long = true;
		return 0;
	}
	call->body_bytes += (int64_t) length;
	if (call->body_bytes - call->marked_bytes >= PROGRESS_BYTES)
	{
		call->marked_bytes = call->body_bytes;
		call->progress_us = cf_clock_monotonic_us();
	}
	charge(call, (int64_t) length);
	return length;
}

/* most_at_once keeps what is read at once within an eighth of a second of the limit, so that a slow limit flows. */
static size_t
most_at_once(const CfCall *call)
{
	int64_t		rate = call->net->options.bandwidth_limit;
	int64_t		place_rate = call->request->place == NULL ? 0 : call->request->place->bandwidth_limit;

	if (rate <= 0 || (place_rate > 0 && place_rate < rate))
		rate = place_rate;
	if (rate <= 0)
		return SIZE_MAX;
	return rate / 8 < 4096 ? 4096 : (size_t) (rate / 8);
}

/* on_read gives libcurl the next bytes of the body. */
static size_t
on_read(char *to, size_t size, size_t count, void *ctx)
{
	CfCall	   *call = ctx;
	size_t		length = call->request->body_bytes - call->sent;

	if (length > 0 && must_pause(call))
		return CURL_READFUNC_PAUSE;
	if (length > size * count)
		length = size * count;
	if (length > most_at_once(call))
		length = most_at_once(call);
	if (length > 0)
		memcpy(to, (const char *) call->request->body + call->sent, length);
	call->sent += length;
	call->progress_us = cf_clock_monotonic_us();
	charge(call, (int64_t) length);
	return length;
}

/* on_seek rewinds the body: libcurl begins the request once more. */
static int
on_seek(void *ctx, curl_off_t offset, int origin)
{
	CfCall	   *call = ctx;

	if (origin != SEEK_SET || offset < 0 || (uint64_t) offset > call->request->body_bytes)
		return CURL_SEEKFUNC_FAIL;
	call->sent = (size_t) offset;
	return CURL_SEEKFUNC_OK;
}

/* is_proxied tells whether the request goes through the proxy. */
static bool
is_proxied(const CfCall *call)
{
	return call->net->proxy[0] != '\0' && !call->request->metadata_service &&
		!cf_guard_bypass(call->net->no_proxy, call->url.host);
}

/* judged tells whether the guard lets the address pass, and remembers why not. */
static bool
judged(CfCall *call, const struct sockaddr *address)
{
	const char *why = cf_guard_address(&call->net->allow, &call->url, call->request->metadata_service, address);
	const void *bytes = address->sa_family == AF_INET6
		? (const void *) &((const struct sockaddr_in6 *) address)->sin6_addr
		: (const void *) &((const struct sockaddr_in *) address)->sin_addr;

	if (why == NULL)
		return true;
	call->denied = why;
	call->denied_address[0] = '\0';
	if (address->sa_family == AF_INET || address->sa_family == AF_INET6)
		inet_ntop(address->sa_family, bytes, call->denied_address, sizeof(call->denied_address));
	return false;
}

/*
 * on_open_socket judges the address, reserves a descriptor, and opens the socket. A host may have several addresses: that the guard refused
 * one of them is no answer where another one was let pass.
 */
static curl_socket_t
on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	CfCall	   *call = ctx;
	CfNet	   *net = call->net;
	int			fd;

	(void) purpose;
	if (!is_proxied(call))
	{
		bool		passes = judged(call, &address->addr);

		call->passed |= passes;
		if (call->passed)
			call->denied = NULL;
		if (!passes)
			return CURL_SOCKET_BAD;
	}
	if (net->options.descriptor != NULL && !net->options.descriptor(net->options.ctx, true))
	{
		call->no_descriptor = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
	{
		call->no_descriptor = true;
		if (net->options.descriptor != NULL)
			net->options.descriptor(net->options.ctx, false);
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* on_close_socket gives the descriptor back; the engine outlives every connection. */
static int
on_close_socket(void *ctx, curl_socket_t fd)
{
	CfNet	   *net = ctx;
	int			result = close(fd);

	if (net->options.descriptor != NULL)
		net->options.descriptor(net->options.ctx, false);
	return result;
}

/* on_ready is called when a connection is there, new or reused, right before the request goes out. */
static int
on_ready(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	CfCall	   *call = ctx;
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	bool		good = true;

	(void) local;
	(void) peer_port;
	(void) local_port;
	call->progress_us = cf_clock_monotonic_us();
	if (!is_proxied(call))
	{
		if (inet_pton(AF_INET, peer, &v4.sin_addr) == 1)
			good = judged(call, (const struct sockaddr *) &v4);
		else if (inet_pton(AF_INET6, peer, &v6.sin6_addr) == 1)
			good = judged(call, (const struct sockaddr *) &v6);
		else
		{
			call->denied = "no internet address";
			good = false;
		}
	}
	if (!good)
		return CURL_PREREQFUNC_ABORT;
	call->requests++;
	return CURL_PREREQFUNC_OK;
}

/* add_header adds a line to the list for libcurl; an empty value is written with a semicolon there. */
static bool
add_header(CfCall *call, const char *name, const char *value)
{
	CfBuffer   *line = &call->body;	/* empty before an attempt */
	struct curl_slist *longer;

	line->length = 0;
	if (!cf_attempt_append(line, name, strlen(name), SIZE_MAX) ||
		!cf_attempt_append(line, *value == '\0' ? ";" : ": ", *value == '\0' ? 1 : 2, SIZE_MAX) ||
		!cf_attempt_append(line, value, strlen(value) + 1, SIZE_MAX))
		return false;
	longer = curl_slist_append(call->headers, line->bytes);
	if (longer == NULL)
		return false;
	call->headers = longer;
	return true;
}

/* has_header tells whether the request brings a header of its own. */
static bool
has_header(const CfRequest *request, const char *name)
{
	for (int i = 0; i < request->header_count; i++)
	{
		if (strcasecmp(request->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

/* list_headers makes libcurl's list of headers; "Name:" takes away what libcurl would add by itself. */
static bool
list_headers(CfCall *call)
{
	const CfRequest *request = call->request;
	struct curl_slist *longer;
	bool		good = true;

	for (int i = 0; i < request->header_count && good; i++)
		good = add_header(call, request->headers[i].name, request->headers[i].value);
	if (good && !has_header(request, "content-type"))
		good = (longer = curl_slist_append(call->headers, "Content-Type:")) != NULL && (call->headers = longer) != NULL;
	if (good && !has_header(request, "expect"))
		good = (longer = curl_slist_append(call->headers, request->body_bytes >= EXPECT_FROM_BYTES
										   ? "Expect: 100-continue" : "Expect:")) != NULL &&
			(call->headers = longer) != NULL;
	call->body.length = 0;
	return good;
}

/* set_body chooses how the body goes out. */
static void
set_body(CfCall *call)
{
	CfRequest  *request = call->request;
	CURL	   *easy = call->easy;
	bool		expected = strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0 ||
		strcmp(request->method, "PATCH") == 0;

	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (request->body == NULL && !expected)
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	else if (request->body_bytes <= INLINE_BODY_BYTES)
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_bytes);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body == NULL ? "" : (const char *) request->body);
		charge(call, (int64_t) request->body_bytes);
	}
	else
	{
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t) request->body_bytes);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(easy, CURLOPT_READDATA, call);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
		curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 300L);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* set_trust says whom to trust, who we are, and through which proxy. */
static void
set_trust(CfCall *call)
{
	const CfNetPlace *place = call->request->place;
	CURL	   *easy = call->easy;
	const char *ca_file = place != NULL && place->ca_file != NULL && place->ca_file[0] != '\0' ? place->ca_file : call->net->ca_file;

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file[0] != '\0')
	{
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (place != NULL && place->client_cert_file != NULL && place->client_cert_file[0] != '\0')
	{
		curl_easy_setopt(easy, CURLOPT_SSLCERT, place->client_cert_file);
		if (place->client_key_file != NULL && place->client_key_file[0] != '\0')
			curl_easy_setopt(easy, CURLOPT_SSLKEY, place->client_key_file);
	}
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROXY, is_proxied(call) ? call->net->proxy : "");
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, is_proxied(call) ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	/* On a new connection libcurl repeats nothing by itself. */
	if (call->request->metadata_service || call->request->repeat == CF_NET_REPEAT_NEVER)
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (call->request->metadata_service)
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

/* set_options sets everything on a handle that was reset; only allocation can fail in these calls, and the first two tell. */
static bool
set_options(CfCall *call)
{
	CURL	   *easy = call->easy;

	if (curl_easy_setopt(easy, CURLOPT_URL, call->request->url) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, call->url.https ? "https" : "http") != CURLE_OK)
		return false;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->complaint);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "cloudflux/" CF_VERSION);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, call->net);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	set_trust(call);
	set_body(call);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	return true;
}

/* clear forgets the attempt before. */
static void
clear(CfCall *call, int64_t now_us)
{
	call->complaint[0] = '\0';
	call->denied = NULL;
	call->passed = call->no_descriptor = call->stalled = call->too_long = call->too_many_headers = call->out_of_memory = false;
	call->in_body = call->paused = call->ended = false;
	call->code = CURLE_OK;
	call->requests = 0;
	call->sent = call->head_bytes = call->sink_bytes = 0;
	call->head.length = call->body.length = 0;
	call->head_count = 0;
	call->body_bytes = call->marked_bytes = call->resume_us = 0;
	call->progress_us = call->started_us = now_us;
}

/* unlist frees the headers of the attempt, and takes what signing added off the request again. */
static void
unlist(CfCall *call)
{
	curl_slist_free_all(call->headers);
	call->headers = NULL;
	call->request->header_count = call->own_headers;
}

bool
cf_attempt_start(CfCall *call, int64_t now_us)
{
	CfRequest  *request = call->request;
	CfResponse *response = call->response;
	int64_t		skew_us = __atomic_load_n(&call->slot->skew_us, __ATOMIC_RELAXED);
	const char *why = is_proxied(call) ? cf_guard_proxied(&call->net->allow, &call->url) : NULL;
	sigset_t	old;
	bool		good;

	clear(call, now_us);
	if (why != NULL)
	{
		call->denied = why;
		call->denied_address[0] = '\0';
		return cf_attempt_refused(call);
	}
	if (skew_us != 0)
		response->clock_skew_us = skew_us;
	if (request->sign != NULL && !request->sign(request, request->ctx, call->arena, cf_clock_now_us() + skew_us, &response->err))
	{
		request->header_count = call->own_headers;
		return false;
	}
	cf_attempt_signals_block(&old);
	if (call->easy == NULL)
		call->easy = curl_easy_init();
	else
		curl_easy_reset(call->easy);
	good = call->easy != NULL && list_headers(call) && set_options(call) &&
		curl_multi_add_handle(call->net->multi, call->easy) == CURLM_OK;
	cf_attempt_signals_restore(&old);
	if (good)
		return true;
	unlist(call);
	call->out_of_memory = true;
	return cf_attempt_refused(call);
}

void
cf_attempt_stop(CfCall *call)
{
	sigset_t	old;

	cf_attempt_signals_block(&old);
	curl_multi_remove_handle(call->net->multi, call->easy);
	cf_attempt_signals_restore(&old);
	unlist(call);
}

void
cf_attempt_free(CfCall *call)
{
	if (call->easy != NULL)
		curl_easy_cleanup(call->easy);
	free(call->head.bytes);
	free(call->body.bytes);
	free(call);
}
