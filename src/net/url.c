/*
 * url.c
 *		Percent-encoding, and taking a URL apart.
 *
 * A URL goes to libcurl as it is, and the guard, the proxy's rules and the signature judge what this file read of it: so
 * nothing may be read in two ways. Only what all parsers agree on passes: a plain host or an address in brackets, no
 * user part, no fragment, no backslash, no byte outside printable ASCII. Messages never quote a URL, it may carry a
 * signature.
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "net/net.h"

static const char hex_digits[] = "0123456789ABCDEF";

/* unreserved tells whether a byte stands for itself (RFC 3986, 2.3). */
static bool
unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '.' || c == '_' || c == '~';
}

char *
cf_url_encode(CfArena *arena, const char *bytes, size_t length, bool keep_slash)
{
	char	   *text = length > (SIZE_MAX - 1) / 3 ? NULL : cf_arena_alloc(arena, length * 3 + 1);
	char	   *to = text;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) bytes[i];

		if (unreserved(c) || (keep_slash && c == '/'))
			*to++ = (char) c;
		else
		{
			*to++ = '%';
			*to++ = hex_digits[c >> 4];
			*to++ = hex_digits[c & 15];
		}
	}
	*to = '\0';
	return text;
}

/* hex_value gives a hexadecimal digit's value, -1 for anything else. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
cf_url_decode(CfArena *arena, const char *text, size_t length, bool plus, char **bytes)
{
	char	   *to = cf_arena_alloc(arena, length + 1);

	*bytes = to;
	if (to == NULL)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		char		c = text[i];

		if (c == '%')
		{
			int			high = length - i > 2 ? hex_value(text[i + 1]) : -1;
			int			low = length - i > 2 ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char) (high << 4 | low);
			i += 2;
		}
		else if (c == '+' && plus)
			c = ' ';
		if (c == '\0')
			return false;
		*to++ = c;
	}
	*to = '\0';
	return true;
}

/* malformed is the one error of a URL. */
static bool
malformed(CfError *err, const char *why)
{
	return cf_error_set(err, CF_ERR_INPUT, "malformed URL: %s", why);
}

/* copy_host takes a name or, from brackets, an IPv6 address in lower case. */
static bool
copy_host(CfUrl *parts, const char *host, size_t length, bool bracketed, CfError *err)
{
	struct in6_addr address;

	if (length == 0 || length >= sizeof(parts->host))
		return malformed(err, length == 0 ? "no host" : "the host is too long");
	for (size_t i = 0; i < length; i++)
	{
		char		c = host[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c + ('a' - 'A'));
		if (!bracketed && !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return malformed(err, "a character that no host has");
		parts->host[i] = c;
	}
	parts->host[length] = '\0';
	if (bracketed && inet_pton(AF_INET6, parts->host, &address) != 1)
		return malformed(err, "what stands in brackets is no IPv6 address");
	return true;
}

/* read_port reads ":port" up to end; nothing there leaves the scheme's own. */
static bool
read_port(CfUrl *parts, const char *text, const char *end, CfError *err)
{
	int			port = 0;

	parts->default_port = true;
	parts->port = parts->https ? 443 : 80;
	if (text == end)
		return true;
	if (*text != ':' || end - text < 2 || end - text > 6)
		return malformed(err, "the port is no number from 1 to 65535");
	for (const char *at = text + 1; at < end; at++)
	{
		if (*at < '0' || *at > '9')
			return malformed(err, "the port is no number from 1 to 65535");
		port = port * 10 + (*at - '0');
	}
	if (port < 1 || port > 65535)
		return malformed(err, "the port is no number from 1 to 65535");
	parts->default_port = port == parts->port;
	parts->port = port;
	return true;
}

/* scheme_is tells whether the URL begins with a scheme, whatever its case. */
static bool
scheme_is(const char *url, const char *scheme)
{
	for (; *scheme != '\0'; url++, scheme++)
	{
		if ((*url >= 'A' && *url <= 'Z' ? *url + ('a' - 'A') : *url) != *scheme)
			return false;
	}
	return true;
}

bool
cf_url_split(const char *url, CfUrl *parts, CfError *err)
{
	const char *host;
	const char *host_end;
	const char *end;

	memset(parts, 0, sizeof(*parts));
	parts->path = parts->query = "";
	for (const char *at = url; *at != '\0'; at++)
	{
		if ((unsigned char) *at <= 0x20 || (unsigned char) *at >= 0x7f || *at == '\\')
			return malformed(err, "a byte that should be percent-encoded");
		if (*at == '#')
			return malformed(err, "it has a fragment");
	}
	parts->https = scheme_is(url, "https://");
	if (!parts->https && !scheme_is(url, "http://"))
		return malformed(err, "it begins with neither https:// nor http://");
	host = url + (parts->https ? 8 : 7);
	end = host + strcspn(host, "/?");
	if (memchr(host, '@', (size_t) (end - host)) != NULL)
		return malformed(err, "it names a user");
	if (*host == '[')
	{
		host_end = memchr(host, ']', (size_t) (end - host));
		if (host_end == NULL)
			return malformed(err, "a bracket is open");
		if (!copy_host(parts, host + 1, (size_t) (host_end - host - 1), true, err) ||
			!read_port(parts, host_end + 1, end, err))
			return false;
	}
	else
	{
		host_end = memchr(host, ':', (size_t) (end - host));
		if (host_end == NULL)
			host_end = end;
		if (!copy_host(parts, host, (size_t) (host_end - host), false, err) ||
			!read_port(parts, host_end, end, err))
			return false;
	}
	if (*end == '/')
	{
		parts->path = end;
		parts->path_bytes = strcspn(end, "?");
		end += parts->path_bytes;
	}
	if (*end == '?')
		parts->query = end + 1;
	return true;
}

void
cf_url_canonical(char *url)
{
	bool		https = strncasecmp(url, "https://", 8) == 0;
	const char *usual = https ? "443" : "80";
	char	   *host;
	char	   *end;
	char	   *port;
	size_t		digits;

	if (!https && strncasecmp(url, "http://", 7) != 0)
		return;
	host = url + (https ? 8 : 7);
	end = host + strcspn(host, "/?#");
	for (char *c = url; c < end; c++)
	{
		if (*c >= 'A' && *c <= 'Z')
			*c = (char) (*c + ('a' - 'A'));
	}
	port = end;
	while (port > host && port[-1] >= '0' && port[-1] <= '9')
		port--;
	if (port == host || port[-1] != ':')
		return;
	digits = strspn(port, "0");
	if (port + digits < end && ((size_t) (end - port) - digits != strlen(usual) || strncmp(port + digits, usual, strlen(usual)) != 0))
		return;
	if (digits > 0 && port + digits == end)
		return;					/* port 0 is none, and nobody's */
	memmove(port - 1, end, strlen(end) + 1);
}
