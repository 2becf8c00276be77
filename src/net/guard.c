/*
 * guard.c
 *		Server-side request forgery ends here.
 *
 * Whoever may name an endpoint must not reach what only this server can reach: its own ports, the neighbours in the
 * private network, the metadata service of its cloud. Judging the text of a URL fails (decimal and octal addresses,
 * names that resolve to 127.0.0.1, names that resolve differently the second time), so the address is judged that the
 * socket is opened for, each time. Public addresses pass, over TLS. All else needs an entry of cloudflux.net_allow,
 * which only a superuser writes:
 *
 *	- a network allows its addresses, over TLS or not;
 *	- a host allows whatever private address its name resolves to, but never a link-local, metadata or otherwise special one:
 *	  whoever rules that name's zone does not rule this machine.
 *
 * IPv6 addresses that carry an IPv4 address (mapped, NAT64, 6to4, Teredo) are special, and even an entry for them does not
 * open what is closed for the IPv4 address inside.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "net/guard.h"

typedef enum Reach
{
	REACH_PUBLIC,
	REACH_PRIVATE,				/* a host entry may allow it */
	REACH_SPECIAL				/* only a network entry may */
} Reach;

typedef struct Network
{
	int			family;
	uint8_t		network[16];
	int			bits;
	Reach		reach;
	const char *name;
} Network;

/* From IANA's registries of special addresses, and the metadata services of the clouds. The first that matches holds. */
static const Network networks[] = {
	{AF_INET, {169, 254}, 16, REACH_SPECIAL, "a link-local address"},
	{AF_INET, {100, 100, 100, 200}, 32, REACH_SPECIAL, "an address of a metadata service"},
	{AF_INET, {168, 63, 129, 16}, 32, REACH_SPECIAL, "an address of a metadata service"},
	{AF_INET, {192, 0, 0, 192}, 32, REACH_SPECIAL, "an address of a metadata service"},
	{AF_INET, {0}, 8, REACH_SPECIAL, "an unspecified address"},
	{AF_INET, {10}, 8, REACH_PRIVATE, "a private address"},
	{AF_INET, {100, 64}, 10, REACH_PRIVATE, "a carrier-grade NAT address"},
	{AF_INET, {127}, 8, REACH_PRIVATE, "a loopback address"},
	{AF_INET, {172, 16}, 12, REACH_PRIVATE, "a private address"},
	{AF_INET, {192, 0, 0}, 24, REACH_SPECIAL, "a reserved address"},
	{AF_INET, {192, 0, 2}, 24, REACH_SPECIAL, "a documentation address"},
	{AF_INET, {192, 88, 99}, 24, REACH_SPECIAL, "a reserved address"},
	{AF_INET, {192, 168}, 16, REACH_PRIVATE, "a private address"},
	{AF_INET, {198, 18}, 15, REACH_SPECIAL, "a benchmarking address"},
	{AF_INET, {198, 51, 100}, 24, REACH_SPECIAL, "a documentation address"},
	{AF_INET, {203, 0, 113}, 24, REACH_SPECIAL, "a documentation address"},
	{AF_INET, {224}, 4, REACH_SPECIAL, "a multicast address"},
	{AF_INET, {240}, 4, REACH_SPECIAL, "a reserved address"},
	{AF_INET6, {0xfd, 0x00, 0x0e, 0xc2}, 32, REACH_SPECIAL, "an address of a metadata service"},
	{AF_INET6, {0xfd, 0x20, 0x00, 0xce}, 32, REACH_SPECIAL, "an address of a metadata service"},
	{AF_INET6, {[15] = 1}, 128, REACH_PRIVATE, "a loopback address"},
	{AF_INET6, {[10] = 0xff, [11] = 0xff}, 96, REACH_SPECIAL, "an IPv4 address inside an IPv6 address"},
	{AF_INET6, {0}, 96, REACH_SPECIAL, "an unspecified address"},
	{AF_INET6, {0x00, 0x64, 0xff, 0x9b}, 32, REACH_SPECIAL, "an IPv4 address inside an IPv6 address"},
	{AF_INET6, {0x20, 0x02}, 16, REACH_SPECIAL, "an IPv4 address inside an IPv6 address"},
	{AF_INET6, {0x20, 0x01, 0x00}, 23, REACH_SPECIAL, "a reserved address"},
	{AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32, REACH_SPECIAL, "a documentation address"},
	{AF_INET6, {0x3f, 0xff}, 20, REACH_SPECIAL, "a documentation address"},
	{AF_INET6, {0x20}, 3, REACH_PUBLIC, NULL},
	{AF_INET6, {0xfe, 0x80}, 10, REACH_SPECIAL, "a link-local address"},
	{AF_INET6, {0xfe, 0xc0}, 10, REACH_PRIVATE, "a private address"},
	{AF_INET6, {0xfc}, 7, REACH_PRIVATE, "a private address"},
	{AF_INET6, {0xff}, 8, REACH_SPECIAL, "a multicast address"},
	{AF_INET6, {0}, 0, REACH_SPECIAL, "a reserved address"},
};

/* The metadata services that a credential source may ask: IMDS of AWS, Azure and GCE, ECS and EKS Pod Identity. */
static const struct
{
	int			family;
	uint8_t		address[16];
}			metadata_services[] = {
	{AF_INET, {169, 254, 169, 254}},
	{AF_INET, {169, 254, 170, 2}},
	{AF_INET, {169, 254, 170, 23}},
	{AF_INET6, {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}},
	{AF_INET6, {0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}},
};

/* within tells whether an address lies in a network. */
static bool
within(const uint8_t *address, const uint8_t *network, int bits)
{
	int			whole = bits / 8;
	int			rest = bits % 8;

	if (memcmp(address, network, (size_t) whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ network[whole]) >> (8 - rest)) == 0;
}

/* same_below tells whether host is name, or lies below it when name begins with a dot. */
static bool
same_below(const char *host, const char *name)
{
	size_t		host_length = strlen(host);
	size_t		length = strlen(name);

	if (name[0] != '.')
		return strcmp(host, name) == 0;
	return host_length > length && strcmp(host + host_length - length, name) == 0;
}

/* complain names the entry that cannot be read. */
static bool
complain(CfError *err, const char *entry, const char *why)
{
	cf_error_set(err, CF_ERR_INPUT, "invalid entry \"%.100s\": %s", entry, why);
	return cf_error_hint(err, "Entries are networks (10.1.0.0/16, [fd12::]/16), addresses and hosts (minio.corp, *.corp), each with or without a :port, separated by commas.");
}

/* number reads a decimal number up to most that ends the text. */
static bool
number(const char *text, int least, int most, int *value)
{
	*value = 0;
	if (*text == '\0' || strlen(text) > 5)
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text < '0' || *text > '9')
			return false;
		*value = *value * 10 + (*text - '0');
	}
	return *value >= least && *value <= most;
}

/* parse_network reads an address with its mask; bits of the address beyond the mask are a mistake. */
static bool
parse_network(const char *entry, int family, const char *address, const char *bits, CfAllowEntry *to, CfError *err)
{
	int			most = family == AF_INET ? 32 : 128;

	to->family = family;
	to->bits = most;
	if (inet_pton(family, address, to->network) != 1)
		return complain(err, entry, "it is no address");
	if (bits != NULL && !number(bits, 0, most, &to->bits))
		return complain(err, entry, "the mask is no number of bits");
	for (int i = to->bits; i < most; i++)
	{
		if (to->network[i / 8] & (0x80 >> (i % 8)))
			return complain(err, entry, "the address has bits to the right of its mask");
	}
	return true;
}

/* parse_host takes a name; one that ends in a number would be read as an address by somebody. */
static bool
parse_host(const char *entry, const char *name, CfAllowEntry *to, CfError *err)
{
	const char *last = strrchr(name, '.');
	size_t		length;

	to->family = 0;
	if (name[0] == '*' && name[1] == '.')
		name++;
	length = strlen(name);
	last = last == NULL ? name : last + 1;
	if (length == 0 || length >= sizeof(to->host) || (name[0] == '.' && length < 2))
		return complain(err, entry, "it is no host");
	for (size_t i = 0; i <= length; i++)
	{
		char		c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c + ('a' - 'A'));
		if (c != '\0' && !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return complain(err, entry, "it is no host");
		to->host[i] = c;
	}
	if (*last >= '0' && *last <= '9')
		return complain(err, entry, "it is no address");
	return true;
}

/* parse_entry reads one entry, already without blanks around it. */
static bool
parse_entry(const char *entry, CfAllowEntry *to, CfError *err)
{
	char		text[300];
	char	   *address = text;
	char	   *port;
	char	   *bits;

	memset(to, 0, sizeof(*to));
	if (snprintf(text, sizeof(text), "%s", entry) >= (int) sizeof(text))
		return complain(err, entry, "it is too long");
	if (text[0] == '[')
	{
		char	   *close = strchr(text, ']');

		if (close == NULL)
			return complain(err, entry, "a bracket is open");
		*close = '\0';
		address = text + 1;
		bits = close[1] == '/' ? close + 2 : NULL;
		port = strchr(close + 1, ':');
		if (bits == NULL && port != close + 1 && close[1] != '\0')
			return complain(err, entry, "after the bracket comes /bits or :port");
	}
	else
	{
		port = strchr(text, ':');
		/* Two colons and no brackets: an IPv6 network without a port. */
		if (port != NULL && strchr(port + 1, ':') != NULL)
			port = NULL;
		bits = strchr(text, '/');
		if (bits != NULL)
			*bits++ = '\0';
	}
	if (port != NULL)
		*port++ = '\0';
	if (port != NULL && !number(port, 1, 65535, &to->port))
		return complain(err, entry, "the port is no number from 1 to 65535");
	if (text[0] == '[' || strchr(address, ':') != NULL)
		return parse_network(entry, AF_INET6, address, bits, to, err);
	if (bits != NULL || strspn(address, "0123456789.") == strlen(address))
		return parse_network(entry, AF_INET, address, bits, to, err);
	return parse_host(entry, address, to, err);
}

bool
cf_guard_parse(const char *text, CfAllow *allow, CfError *err)
{
	static const char blanks[] = " \t\r\n";
	const char *at = text + strspn(text, blanks);

	allow->count = 0;
	while (*at != '\0')
	{
		size_t		length = strcspn(at, ",");
		size_t		used = length;
		char		entry[320];

		while (used > 0 && strchr(blanks, at[used - 1]) != NULL)
			used--;
		if (used >= sizeof(entry))
			return complain(err, at, "it is too long");
		memcpy(entry, at, used);
		entry[used] = '\0';
		if (used == 0)
			return complain(err, entry, "it is empty");
		if (allow->count == CF_GUARD_ENTRIES)
			return cf_error_set(err, CF_ERR_INPUT, "more than %d entries", CF_GUARD_ENTRIES);
		if (!parse_entry(entry, &allow->entries[allow->count], err))
			return false;
		allow->count++;
		at += length;
		if (*at == ',')
		{
			at++;
			at += strspn(at, blanks);
			if (*at == '\0')
				return complain(err, "", "it is empty");
		}
	}
	return true;
}

/* address_allowed tells whether a network of the list holds the address. */
static bool
address_allowed(const CfAllow *allow, int family, const uint8_t *address, int port)
{
	for (int i = 0; i < allow->count; i++)
	{
		const CfAllowEntry *entry = &allow->entries[i];

		if (entry->family == family && (entry->port == 0 || entry->port == port) &&
			within(address, entry->network, entry->bits))
			return true;
	}
	return false;
}

/* host_allowed tells whether the list names the host. */
static bool
host_allowed(const CfAllow *allow, const CfUrl *url)
{
	for (int i = 0; i < allow->count; i++)
	{
		const CfAllowEntry *entry = &allow->entries[i];

		if (entry->family == 0 && (entry->port == 0 || entry->port == url->port) && same_below(url->host, entry->host))
			return true;
	}
	return false;
}

/* network_of finds what kind of address it is; NULL = an ordinary public IPv4 address. */
static const Network *
network_of(int family, const uint8_t *address)
{
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
	{
		if (networks[i].family == family && within(address, networks[i].network, networks[i].bits))
			return &networks[i];
	}
	return NULL;
}

/* inner_address takes the IPv4 address out of an IPv6 address that carries one. */
static bool
inner_address(const uint8_t *address, uint8_t inner[4])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t zero[12] = {0};
	static const uint8_t nat64[4] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t teredo[4] = {0x20, 0x01, 0x00, 0x00};

	if (memcmp(address, mapped, 12) == 0 || memcmp(address, nat64, 4) == 0 ||
		(memcmp(address, zero, 12) == 0 && (address[12] != 0 || address[13] != 0 || address[14] != 0 || address[15] > 1)))
		memcpy(inner, address + 12, 4);
	else if (address[0] == 0x20 && address[1] == 0x02)
		memcpy(inner, address + 2, 4);
	else if (memcmp(address, teredo, 4) == 0)
	{
		for (int i = 0; i < 4; i++)
			inner[i] = (uint8_t) ~address[12 + i];
	}
	else
		return false;
	return true;
}

/* is_metadata_service tells whether it is one of the compiled-in endpoints. */
static bool
is_metadata_service(int family, const uint8_t *address, int port)
{
	for (size_t i = 0; i < sizeof(metadata_services) / sizeof(metadata_services[0]); i++)
	{
		if (metadata_services[i].family == family && port == 80 &&
			memcmp(metadata_services[i].address, address, family == AF_INET ? 4 : 16) == 0)
			return true;
	}
	return false;
}

/* judge is cf_guard_address for bytes. */
static const char *
judge(const CfAllow *allow, const CfUrl *url, bool metadata_service, int family, const uint8_t *address)
{
	const Network *network = network_of(family, address);
	bool		named = host_allowed(allow, url);
	uint8_t		inner[4];

	if (address_allowed(allow, family, address, url->port))
	{
		if (family == AF_INET6 && inner_address(address, inner) && network_of(AF_INET, inner) != NULL &&
			!address_allowed(allow, AF_INET, inner, url->port))
			return "an IPv4 address that is not allowed, inside an IPv6 address";
		return NULL;
	}
	if (metadata_service)
		return is_metadata_service(family, address, url->port) ? NULL : "no address of a metadata service";
	if (network != NULL && network->reach == REACH_SPECIAL)
		return network->name;
	if (named)
		return NULL;
	if (network != NULL && network->reach == REACH_PRIVATE)
		return network->name;
	return url->https ? NULL : "a public address, to be reached without TLS";
}

const char *
cf_guard_address(const CfAllow *allow, const CfUrl *url, bool metadata_service, const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return judge(allow, url, metadata_service, AF_INET,
					 (const uint8_t *) &((const struct sockaddr_in *) address)->sin_addr);
	if (address->sa_family == AF_INET6)
		return judge(allow, url, metadata_service, AF_INET6,
					 (const uint8_t *) &((const struct sockaddr_in6 *) address)->sin6_addr);
	return "no internet address";
}

bool
cf_guard_proxy(const char *url, CfError *err)
{
	char		bare[1024];
	const char *host = strstr(url, "://");
	const char *at = strrchr(url, '@');
	CfUrl		parts;

	/* A user and a password may stand in front of the host; what is judged is the rest. */
	if (host == NULL || strlen(url) >= sizeof(bare))
		return cf_error_set(err, CF_ERR_INPUT, "the proxy is no URL");
	host += 3;
	snprintf(bare, sizeof(bare), "%.*s%s", (int) (host - url), url, at != NULL && at > host ? at + 1 : host);
	if (!cf_url_split(bare, &parts, err))
		return false;
	if (parts.path_bytes > 1 || parts.query[0] != '\0')
		return cf_error_set(err, CF_ERR_INPUT, "the proxy is a host and a port, without a path");
	return true;
}

const char *
cf_guard_proxied(const CfAllow *allow, const CfUrl *url)
{
	uint8_t		address[16];

	if (!url->https)
		return "to be reached without TLS, which the proxy does not carry";
	if (host_allowed(allow, url))
		return NULL;
	if ((inet_pton(AF_INET, url->host, address) == 1 && address_allowed(allow, AF_INET, address, url->port)) ||
		(inet_pton(AF_INET6, url->host, address) == 1 && address_allowed(allow, AF_INET6, address, url->port)))
		return NULL;
	return "behind the proxy, where only hosts of the allow list may be reached";
}

bool
cf_guard_bypass(const char *no_proxy, const char *host)
{
	const char *at = no_proxy;

	while (*at != '\0')
	{
		char		name[256];
		size_t		length;

		at += strspn(at, ", \t\r\n");
		length = strcspn(at, ", \t\r\n");
		if (length == 1 && *at == '*')
			return true;
		if (length > 1 && at[0] == '*' && at[1] == '.')
		{
			at++;
			length--;
		}
		if (length > 0 && length < sizeof(name))
		{
			for (size_t i = 0; i < length; i++)
				name[i] = (char) (at[i] >= 'A' && at[i] <= 'Z' ? at[i] + ('a' - 'A') : at[i]);
			name[length] = '\0';
			if (same_below(host, name))
				return true;
		}
		at += length;
	}
	return false;
}
