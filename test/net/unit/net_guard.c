/*
 * net_guard: which addresses may be connected to, with which allow list.
 */
#include "tap.h"

#include <arpa/inet.h>

#include "net/guard.h"

static CfAllow allow;
static CfError err;

/* judged tells what is wrong with an address for a URL under an allow list; "" = nothing. */
static const char *
judged_for(const char *list, const char *url, const char *address, bool metadata)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	CfUrl		parts;
	const char *why;

	if (!cf_guard_parse(list, &allow, &err) || !cf_url_split(url, &parts, &err))
		bail("%s", err.message);
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		why = cf_guard_address(&allow, &parts, metadata, (struct sockaddr *) &v4);
	else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
		why = cf_guard_address(&allow, &parts, metadata, (struct sockaddr *) &v6);
	else
		bail("no address: %s", address);
	return why == NULL ? "" : why;
}

static const char *
judged(const char *list, const char *url, const char *address)
{
	return judged_for(list, url, address, false);
}

static void
test_addresses(void)
{
	static const char *const bad[][2] = {
		{"127.0.0.1", "a loopback address"}, {"127.255.255.255", "a loopback address"}, {"10.0.0.1", "a private address"},
		{"172.16.0.1", "a private address"}, {"172.31.255.255", "a private address"}, {"192.168.1.1", "a private address"},
		{"100.64.0.1", "a carrier-grade NAT address"}, {"100.127.255.255", "a carrier-grade NAT address"},
		{"169.254.1.1", "a link-local address"}, {"169.254.169.254", "a link-local address"},
		{"100.100.100.200", "an address of a metadata service"}, {"168.63.129.16", "an address of a metadata service"},
		{"192.0.0.192", "an address of a metadata service"}, {"192.0.0.1", "a reserved address"}, {"192.0.2.1", "a documentation address"},
		{"192.88.99.1", "a reserved address"}, {"198.18.0.1", "a benchmarking address"}, {"198.19.255.255", "a benchmarking address"},
		{"198.51.100.7", "a documentation address"}, {"203.0.113.7", "a documentation address"}, {"224.0.0.1", "a multicast address"},
		{"255.255.255.255", "a reserved address"}, {"0.0.0.0", "an unspecified address"}, {"0.1.2.3", "an unspecified address"},
		{"::", "an unspecified address"}, {"::1", "a loopback address"}, {"::7f00:1", "an unspecified address"},
		{"::ffff:8.8.8.8", "an IPv4 address inside an IPv6 address"}, {"::ffff:127.0.0.1", "an IPv4 address inside an IPv6 address"},
		{"64:ff9b::808:808", "an IPv4 address inside an IPv6 address"}, {"64:ff9b:1::1", "an IPv4 address inside an IPv6 address"},
		{"2002:7f00:1::", "an IPv4 address inside an IPv6 address"}, {"2001::1", "a reserved address"}, {"2001:db8::1", "a documentation address"},
		{"3fff::1", "a documentation address"}, {"fe80::1", "a link-local address"}, {"fec0::1", "a private address"},
		{"fd00:ec2::254", "an address of a metadata service"}, {"fd20:ce::254", "an address of a metadata service"},
		{"fd12::1", "a private address"}, {"fc00::1", "a private address"}, {"ff02::1", "a multicast address"},
		{"4000::1", "a reserved address"}, {"100::1", "a reserved address"},
	};
	static const char *const good[] = {"8.8.8.8", "1.1.1.1", "52.216.0.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "169.253.1.1",
	"2600:1f18::1", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2003::1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_str(judged("", "https://h/", bad[i][0]), bad[i][1], "%s is %s", bad[i][0], bad[i][1]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		is_str(judged("", "https://h/", good[i]), "", "%s may be reached over TLS", good[i]);
		is_str(judged("", "http://h/", good[i]), "a public address, to be reached without TLS", "and not without");
	}
}

static void
test_allowed(void)
{
	struct sockaddr unix_socket = {.sa_family = AF_UNIX};
	CfUrl		parts;

	is_str(judged("127.0.0.0/8", "http://h/", "127.0.0.1"), "", "a network opens its addresses, without TLS too");
	is_str(judged("127.0.0.0/8:9000", "http://h:9000/", "127.1.2.3"), "", "at the port that it names");
	is_str(judged("127.0.0.0/8:9000", "http://h:9001/", "127.0.0.1"), "a loopback address", "and at no other");
	is_str(judged("10.1.2.3", "https://h/", "10.1.2.3"), "", "an address is a network of one");
	is_str(judged("10.1.2.3", "https://h/", "10.1.2.4"), "a private address", "its neighbour is not in it");
	is_str(judged("10.1.2.0/23", "https://h/", "10.1.3.255"), "", "masks end anywhere");
	is_str(judged("10.1.2.0/23", "https://h/", "10.1.4.0"), "a private address", "to the bit");
	is_str(judged("169.254.0.0/16", "http://h/", "169.254.169.254"), "", "even link-local, when somebody writes it down");
	is_str(judged("0.0.0.0/0", "http://h/", "8.8.8.8"), "", "all there is");
	is_str(judged("[fd12::]/16:443", "https://h/", "fd12:1::1"), "", "IPv6 with a port");
	is_str(judged("fd12::/16", "https://h/", "fd12:1::1"), "", "IPv6 without brackets has no port");
	is_str(judged("[::1]:9000", "http://h:9000/", "::1"), "", "one IPv6 address");

	is_str(judged("minio.corp", "http://MINIO.corp:9000/", "10.0.0.1"), "", "a host opens the private address that it has");
	is_str(judged("minio.corp", "https://other.corp/", "10.0.0.1"), "a private address", "no other host");
	is_str(judged("minio.corp:9000", "http://minio.corp:9001/", "10.0.0.1"), "a private address", "no other port");
	is_str(judged("minio.corp", "http://minio.corp/", "169.254.169.254"), "a link-local address", "and no link-local address, wherever its name points");
	is_str(judged("minio.corp", "http://minio.corp/", "fd00:ec2::254"), "an address of a metadata service", "no metadata service");
	is_str(judged("minio.corp", "http://minio.corp/", "8.8.8.8"), "", "a public address without TLS, since it was named");
	is_str(judged("*.corp", "http://a.b.corp/", "10.0.0.1"), "", "a star opens all hosts below");
	is_str(judged("*.corp", "http://corp/", "10.0.0.1"), "a private address", "not the domain itself");
	is_str(judged("*.corp", "http://xcorp/", "10.0.0.1"), "a private address", "nor a name that ends alike");

	is_str(judged("[64:ff9b::]/96", "https://h/", "64:ff9b::808:808"), "", "NAT64 can be opened");
	is_str(judged("[64:ff9b::]/96", "https://h/", "64:ff9b::a9fe:a9fe"), "an IPv4 address that is not allowed, inside an IPv6 address",
		   "but not for what is closed in IPv4");
	is_str(judged("[64:ff9b::]/96, 169.254.169.254", "https://h/", "64:ff9b::a9fe:a9fe"), "", "unless that is open too");
	is_str(judged("[2002::]/16", "https://h/", "2002:7f00:1::"), "an IPv4 address that is not allowed, inside an IPv6 address", "6to4 likewise");
	is_str(judged("[2001::]/32", "https://h/", "2001:0:1:2:3:4:80ff:fffe"), "an IPv4 address that is not allowed, inside an IPv6 address", "Teredo likewise");
	is_str(judged("[::]/96", "https://h/", "::127.0.0.1"), "an IPv4 address that is not allowed, inside an IPv6 address", "compatible addresses likewise");
	is_str(judged("[::ffff:0:0]/96", "https://h/", "::ffff:9.9.9.9"), "", "mapped ones pass when what they carry is public");

	is_str(judged_for("", "http://h/", "169.254.169.254", true), "", "a credential source reaches the metadata service");
	is_str(judged_for("", "http://h/", "169.254.170.23", true), "", "also that of EKS");
	is_str(judged_for("", "http://h/", "fd00:ec2::254", true), "", "over IPv6");
	is_str(judged_for("", "http://h:8080/", "169.254.169.254", true), "no address of a metadata service", "at its port");
	is_str(judged_for("", "https://h/", "8.8.8.8", true), "no address of a metadata service", "and nothing else");
	is_str(judged_for("127.0.0.1", "http://h/", "127.0.0.1", true), "", "or what is allowed for all");
	cf_url_split("https://h/", &parts, &err);
	is_str(cf_guard_address(&allow, &parts, false, &unix_socket), "no internet address", "no other kind of address");
}

static void
test_lists(void)
{
	static const char *const bad[][2] = {
		{"10.1.2.3/8", "the address has bits to the right of its mask"}, {"10.0.0.0/33", "the mask is no number of bits"},
		{"10.0.0.0/", "the mask is no number of bits"}, {"10.0.0.0/8x", "the mask is no number of bits"}, {"10.0.0/8", "it is no address"},
		{"10.0.0.0/8:0", "the port is no number from 1 to 65535"}, {"10.0.0.0/8:", "the port is no number from 1 to 65535"},
		{"h:65536", "the port is no number from 1 to 65535"}, {"h:99999999", "the port is no number from 1 to 65535"},
		{"127.1", "it is no address"}, {"2130706433", "it is no address"}, {"0x7f", "it is no address"}, {"a.7", "it is no address"},
		{"[::1", "a bracket is open"}, {"[::1]x", "after the bracket comes /bits or :port"}, {"[::1]/129", "the mask is no number of bits"},
		{"[1.2.3.4]", "it is no address"}, {"fd00::/129", "the mask is no number of bits"}, {"a b", "it is no host"}, {"*", "it is no host"},
		{"*.", "it is no host"}, {"http://h", "the port is no number from 1 to 65535"}, {"h,,i", "it is empty"}, {"h, ", "it is empty"}, {",", "it is empty"},
	};
	char		many[CF_GUARD_ENTRIES * 4 + 8] = "";
	char		longest[700];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ok(!cf_guard_parse(bad[i][0], &allow, &err) && strstr(err.message, bad[i][1]) != NULL, "'%s': %s", bad[i][0], bad[i][1]);
		if (strstr(err.message, bad[i][1]) == NULL)
			note("%s", err.message);
	}
	ok(cf_guard_parse(" \t", &allow, &err) && allow.count == 0, "blanks are an empty list");
	ok(cf_guard_parse("a ,\n b:1 , *.C", &allow, &err) && allow.count == 3, "blanks around entries do not matter");
	is_str(allow.entries[2].host, ".c", "hosts are kept in lower case");
	for (int i = 0; i <= CF_GUARD_ENTRIES; i++)
		strcat(many, i == 0 ? "h" : ",h");
	ok(!cf_guard_parse(many, &allow, &err), "a list has an end");
	for (int length = 250; length < 600; length += 50)
	{
		memset(longest, 'h', sizeof(longest));
		longest[length] = '\0';
		ok(cf_guard_parse(longest, &allow, &err) == (length < 254), "a host of %d bytes", length);
	}
}

static void
test_proxy(void)
{
	CfUrl		parts;

	cf_guard_parse("*.amazonaws.com, 10.0.0.0/8, [fd12::]/16", &allow, &err);
	cf_url_split("https://b.s3.amazonaws.com/k", &parts, &err);
	ok(cf_guard_proxied(&allow, &parts) == NULL, "a proxy may be asked for hosts of the list");
	cf_url_split("https://10.2.3.4/k", &parts, &err);
	ok(cf_guard_proxied(&allow, &parts) == NULL, "for addresses of the list");
	cf_url_split("https://[fd12::1]/k", &parts, &err);
	ok(cf_guard_proxied(&allow, &parts) == NULL, "of both kinds");
	cf_url_split("https://intranet/k", &parts, &err);
	ok(cf_guard_proxied(&allow, &parts) != NULL, "for no other");
	cf_url_split("http://b.s3.amazonaws.com/k", &parts, &err);
	ok(cf_guard_proxied(&allow, &parts) != NULL, "and only for TLS");

	ok(cf_guard_bypass("*", "h"), "a star leaves the proxy out");
	ok(cf_guard_bypass("a.b, C.d", "c.d"), "and so does a host");
	ok(cf_guard_bypass("*.d .e", "c.d") && cf_guard_bypass("*.d .e", "x.e"), "or its domain");
	ok(!cf_guard_bypass(".d", "d") && !cf_guard_bypass("", "d") && !cf_guard_bypass("d", "c.d"), "nothing else does");

	ok(cf_guard_proxy("http://p:3128", &err) && cf_guard_proxy("https://u:p@w@p:3128/", &err), "a proxy is a host and a port");
	ok(!cf_guard_proxy("p:3128", &err) && !cf_guard_proxy("socks5://p", &err) && !cf_guard_proxy("http://p/x", &err) && !cf_guard_proxy("http://p?q", &err),
	   "nothing else");
}

int
main(void)
{
	test_addresses();
	test_allowed();
	test_lists();
	test_proxy();
	return done_testing();
}
