/*
 * request.c
 *		Headers of requests and answers.
 *
 * A header is one line. Whatever would end it early, or begin another one, is refused here, before anything is signed.
 */
#include <string.h>

#include "net/net.h"

/* token_char tells whether a byte may stand in a header's name (RFC 9110, 5.6.2). */
static bool
token_char(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
cf_net_header(CfRequest *request, const char *name, const char *value, CfError *err)
{
	size_t		length = 0;

	while (token_char((unsigned char) name[length]))
		length++;
	if (length == 0 || name[length] != '\0')
		return cf_error_set(err, CF_ERR_INPUT, "invalid name of a request header");
	for (const char *at = value; *at != '\0'; at++)
	{
		if (((unsigned char) *at < 0x20 && *at != '\t') || *at == 0x7f)
			return cf_error_set(err, CF_ERR_INPUT, "invalid control character in the request header \"%s\"", name);
	}
	if (request->header_count >= CF_NET_REQUEST_HEADERS)
		return cf_error_set(err, CF_ERR_INPUT, "a request cannot have more than %d headers", CF_NET_REQUEST_HEADERS);
	request->headers[request->header_count++] = (CfHeader) {name, value};
	return true;
}

const char *
cf_net_answer(const CfResponse *response, const char *name)
{
	for (int i = 0; i < response->header_count; i++)
	{
		if (strcmp(response->headers[i].name, name) == 0)
			return response->headers[i].value;
	}
	return "";
}
