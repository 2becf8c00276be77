/*
 * guard.h
 *		Where requests may go: judged by the address at the moment of connecting. Private to net.
 */
#ifndef CF_NET_GUARD_H
#define CF_NET_GUARD_H

#include <sys/socket.h>

#include "net/net.h"

#define CF_GUARD_ENTRIES 64

/* One entry of cloudflux.net_allow: a network, or a host ("*.corp" = all hosts below corp); with or without a port. */
typedef struct CfAllowEntry
{
	int			family;			/* AF_INET, AF_INET6, 0 = host */
	uint8_t		network[16];
	int			bits;
	int			port;			/* 0 = any */
	char		host[254];		/* lower case; ".corp" for "*.corp" */
} CfAllowEntry;

typedef struct CfAllow
{
	int			count;
	CfAllowEntry entries[CF_GUARD_ENTRIES];
} CfAllow;

/* cf_guard_parse reads an allow list; false with a message that names the entry. "" = an empty list. */
extern bool cf_guard_parse(const char *text, CfAllow *allow, CfError *err);

/*
 * cf_guard_address judges the address that a request for url is about to connect to, without a proxy. NULL = it may;
 * otherwise what is wrong with it: "a loopback address".
 */
extern const char *cf_guard_address(const CfAllow *allow, const CfUrl *url, bool metadata_service,
									const struct sockaddr *address);

/*
 * A proxy resolves names itself, so no address can be judged: only https, only hosts and networks of the allow list.
 * cf_guard_bypass tells whether host is one of no_proxy ("*", host, .suffix, *.suffix, comma-separated).
 */
extern bool cf_guard_proxy(const char *url, CfError *err);	/* is it one: http or https, host, port? */
extern const char *cf_guard_proxied(const CfAllow *allow, const CfUrl *url);
extern bool cf_guard_bypass(const char *no_proxy, const char *host);

#endif							/* CF_NET_GUARD_H */
