/*
 * answer.c
 *		What came of an attempt: the answer, or the error; and the figures for the meter.
 *
 * An answer that is complete is handed over. One that was cut is an answer only if it is an error anyway: its status counts,
 * the explanation is as long as it is. Half a success is none: status 0, retryable. Messages tell the call and the place; what
 * libcurl says goes through the redactor.
 */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "net/attempt.h"
#include "net/meter.h"

/* How libcurl's codes translate: kind, whether it may pass, what to tell. */
static const struct
{
	CURLcode	code;
	CfErrorKind kind;
	bool		retryable;
	const char *what;
	const char *hint;
}			codes[] = {
	{CURLE_COULDNT_RESOLVE_HOST, CF_ERR_IO, true, "the host's name could not be resolved", "Check the endpoint of the place, and the server's DNS."},
	{CURLE_COULDNT_RESOLVE_PROXY, CF_ERR_IO, true, "the proxy's name could not be resolved", "Check cloudflux.net_proxy."},
	{CURLE_COULDNT_CONNECT, CF_ERR_IO, true, "could not connect", "Check the endpoint of the place and its port; the store may be down, or a firewall in between."},
	{CURLE_OPERATION_TIMEDOUT, CF_ERR_IO, true, "could not connect in time", "Check the endpoint of the place, its port, and whether it begins with http:// or https://; a firewall may be in between."},
	{CURLE_PEER_FAILED_VERIFICATION, CF_ERR_DENIED, false, "the certificate of the peer is not trusted", "Name the authority that signed it in the option ca_file of the place or in cloudflux.net_ca_file."},
	{CURLE_SSL_CACERT_BADFILE, CF_ERR_INPUT, false, "the file of trusted certificates cannot be read", "Check the option ca_file of the place and cloudflux.net_ca_file."},
	{CURLE_SSL_CERTPROBLEM, CF_ERR_INPUT, false, "the client certificate cannot be used", "Check the options client_cert_file and client_key_file of the place."},
	{CURLE_SSL_CONNECT_ERROR, CF_ERR_IO, true, "the TLS handshake failed", "TLS 1.2 is the oldest version that is spoken; a port that speaks no TLS takes an endpoint that begins with http://."},
	{CURLE_GOT_NOTHING, CF_ERR_IO, true, "the connection ended before an answer", "If it always does, check the port of the endpoint, and whether it begins with http:// or https://."},
	{CURLE_PARTIAL_FILE, CF_ERR_IO, true, "the connection ended in the middle of the answer", ""},
	{CURLE_SEND_ERROR, CF_ERR_IO, true, "the connection broke while the request was sent", ""},
	{CURLE_RECV_ERROR, CF_ERR_IO, true, "the connection broke before the answer was complete", "If it always does, check the port of the endpoint, and whether it begins with http:// or https://."},
	{CURLE_OUT_OF_MEMORY, CF_ERR_MEMORY, true, "out of memory", ""},
	{CURLE_WEIRD_SERVER_REPLY, CF_ERR_IO, true, "the answer is no HTTP", "Check the endpoint of the place: its port, and whether it begins with http:// or https://."},
	{CURLE_UNSUPPORTED_PROTOCOL, CF_ERR_IO, true, "the answer is no HTTP", "Check the endpoint of the place: its port, and whether it begins with http:// or https://."},
};

/* fail begins the error of an attempt: which call of which place failed, and how. */
static void
fail(CfCall *call, CfErrorKind kind, bool retryable, const char *what)
{
	const CfRequest *request = call->request;

	if (request->place != NULL && request->place->name != NULL)
		cf_error_set(&call->response->err, kind, "request \"%s\" to place \"%s\" failed: %s",
					 request->verb != NULL ? request->verb : request->method, request->place->name, what);
	else
		cf_error_set(&call->response->err, kind, "request to host \"%s\" failed: %s", call->url.host, what);
	call->response->err.retryable = retryable;
}

/* tell_refusal tells what we ourselves refused; false when we refused nothing. */
static bool
tell_refusal(CfCall *call)
{
	CfError    *err = &call->response->err;
	char		what[400];

	if (call->denied != NULL)
	{
		snprintf(what, sizeof(what), "host \"%.200s\" is %s", call->url.host, call->denied);
		fail(call, CF_ERR_DENIED, false, what);
		if (call->denied_address[0] != '\0')
			cf_error_detail(err, "The address is %s, port %d.", call->denied_address, call->url.port);
		cf_error_hint(err, "A superuser can allow it in the setting cloudflux.net_allow.");
	}
	else if (call->no_descriptor)
	{
		fail(call, CF_ERR_IO, true, "no file descriptor is free");
		cf_error_hint(err, "Raise max_files_per_process, or lower cloudflux.net_max_transfers.");
	}
	else if (call->stalled)
	{
		snprintf(what, sizeof(what), "no sign of life for %d seconds", (int) (cf_attempt_silence_us(call) / 1000000));
		fail(call, CF_ERR_IO, true, what);
	}
	else if (call->too_many_headers)
	{
		fail(call, CF_ERR_UNSUPPORTED, false, "the headers of the answer are too many or too long");
		cf_error_detail(err, "At most %d headers and %d bytes are taken.", CF_NET_RESPONSE_HEADERS, CF_NET_HEADERS_BYTES);
	}
	else if (call->too_long)
		fail(call, CF_ERR_UNSUPPORTED, false, "the answer is longer than what was asked for");
	else if (call->out_of_memory)
		fail(call, CF_ERR_MEMORY, true, "out of memory");
	else
		return false;
	return true;
}

bool
cf_attempt_refused(CfCall *call)
{
	tell_refusal(call);
	return false;
}

/* tell_code translates how libcurl ended. */
static void
tell_code(CfCall *call)
{
	char		redacted[CURL_ERROR_SIZE];
	const char *complaint = call->complaint[0] != '\0' ? call->complaint : curl_easy_strerror(call->code);

	cf_net_redact(complaint, redacted, sizeof(redacted));
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		if (codes[i].code != call->code)
			continue;
		fail(call, codes[i].kind, codes[i].retryable, codes[i].what);
		cf_error_detail(&call->response->err, "libcurl says: %s.", redacted);
		if (codes[i].hint[0] != '\0')
			cf_error_hint(&call->response->err, "%s", codes[i].hint);
		return;
	}
	fail(call, CF_ERR_IO, true, redacted);
}

/* give_answer points the response to an answer, complete or cut, that lies in the call. */
static void
give_answer(CfCall *call, int status)
{
	CfResponse *response = call->response;
	char	   *text = call->head.bytes;

	if (!cf_attempt_append(&call->body, "", 1, SIZE_MAX))
	{
		fail(call, CF_ERR_MEMORY, true, "out of memory");
		return;
	}
	for (int i = 0; i < call->head_count; i++)
	{
		response->headers[i].name = text;
		text += strlen(text) + 1;
		response->headers[i].value = text;
		text += strlen(text) + 1;
	}
	response->header_count = call->head_count;
	response->status = status;
	response->body = call->body.bytes;
	response->body_bytes = --call->body.length;
	response->sink_bytes = call->sink_bytes;
}

void
cf_attempt_keep(CfCall *call)
{
	CfResponse *response = call->response;
	char	   *head;
	char	   *body = "";

	if (response->status == 0)
		return;
	head = cf_arena_alloc(call->arena, call->head.length + 1);
	if (call->body.length > 0)
		body = cf_arena_alloc(call->arena, call->body.length + 1);
	if (head == NULL || body == NULL)
	{
		response->status = response->header_count = 0;
		response->body = "";
		response->body_bytes = 0;
		fail(call, CF_ERR_MEMORY, true, "out of memory");
		return;
	}
	memcpy(head, call->head.bytes == NULL ? "" : call->head.bytes, call->head.length);
	for (int i = 0; i < response->header_count; i++)
	{
		response->headers[i].name = head + (response->headers[i].name - call->head.bytes);
		response->headers[i].value = head + (response->headers[i].value - call->head.bytes);
	}
	if (call->body.length > 0)
		memcpy(body, call->body.bytes, call->body.length + 1);
	response->body = body;
}

void
cf_attempt_measure(CfCall *call, int status)
{
	const CfNetOptions *options = &call->net->options;
	const CfRequest *request = call->request;
	long		head_sent = 0;
	long		head_received = 0;
	curl_off_t	sent = 0;
	curl_off_t	received = 0;
	CfNetMeter	meter;

	curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &head_sent);
	curl_easy_getinfo(call->easy, CURLINFO_HEADER_SIZE, &head_received);
	curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	curl_easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	if (head_sent > 0)
		call->response->sends += call->requests;
	meter = (CfNetMeter) {
		.place = request->place != NULL && request->place->name != NULL ? request->place->name : "",
		.verb = request->verb != NULL ? request->verb : request->method,
		.status = status,
		.sent_bytes = head_sent + sent,
		.received_bytes = head_received + received,
		.duration_us = cf_clock_monotonic_us() - call->started_us,
		.repeated = call->attempt > 1
	};
	if (options->meter != NULL && call->denied == NULL)
		options->meter(options->ctx, &meter);
	if (request->tally != NULL && call->denied == NULL)
		cf_tally_count(request->tally, &meter);
	if (options->trace != NULL)
	{
		char		line[1024];
		char		redacted[1024];

		snprintf(line, sizeof(line), "%s %.600s (%s, attempt %d): status %d, sent %lld, received %lld bytes in %lld us",
				 request->method, request->url, meter.verb, call->attempt, status, (long long) meter.sent_bytes,
				 (long long) meter.received_bytes, (long long) meter.duration_us);
		cf_net_redact(line, redacted, sizeof(redacted));
		options->trace(options->ctx, redacted);
	}
}

void
cf_attempt_collect(CfCall *call)
{
	CfResponse *response = call->response;
	int			status = call->in_body ? cf_attempt_status(call) : 0;
	bool		success = status >= 200 && status <= 299;
	bool		whole = call->ended && call->code == CURLE_OK;

	response->status = 0;
	response->header_count = 0;
	response->body = "";
	response->body_bytes = response->sink_bytes = 0;
	response->truncated = status != 0 && !whole && !call->too_long && !call->out_of_memory;
	response->err.kind = CF_ERR_NONE;
	cf_attempt_measure(call, status);

	/* An error is an error also when its explanation is cut; half a success is none. */
	if (status != 0 && (whole || (!success && !call->out_of_memory && call->denied == NULL)))
		give_answer(call, status);
	else if (!tell_refusal(call))
		tell_code(call);
}
