/*
 * net_url: percent-encoding, URLs taken apart, headers of requests and answers.
 */
#include "tap.h"

#include "net/net.h"

static CfArena arena;
static CfUrl parts;
static CfError err;

/* encoded gives a key's text in a URL. */
static const char *
encoded(const char *key, bool keep_slash)
{
	return cf_url_encode(&arena, key, strlen(key), keep_slash);
}

/* decoded gives what a text means, NULL when it is malformed. */
static const char *
decoded(const char *text, bool plus)
{
	char	   *bytes;

	return cf_url_decode(&arena, text, strlen(text), plus, &bytes) ? bytes : NULL;
}

static void
test_encoding(void)
{
	char		all[255];
	char	   *bytes;

	is_str(encoded("a/b c", true), "a/b%20c", "slashes are kept where segments are meant");
	is_str(encoded("a/b c", false), "a%2Fb%20c", "and encoded where they are not");
	is_str(encoded("AZaz09-._~", false), "AZaz09-._~", "unreserved characters stand for themselves");
	is_str(encoded("%41+&=?#", true), "%2541%2B%26%3D%3F%23", "what looks encoded is encoded once more");
	is_str(encoded("\xc3\xa9\x01\x7f\xff", true), "%C3%A9%01%7F%FF", "bytes are bytes");
	is_str(encoded("../a//b/.", true), "../a//b/.", "dots and double slashes stay");
	for (int i = 0; i < 255; i++)
		all[i] = (char) (i + 1);
	bytes = cf_url_encode(&arena, all, sizeof(all), false);
	ok(cf_url_decode(&arena, bytes, strlen(bytes), false, &bytes), "every byte but NUL can be decoded again");
	is_mem(bytes, all, sizeof(all), "to what it was");

	is_str(decoded("a+b%2B", false), "a+b+", "a plus is a plus");
	is_str(decoded("a+b%2b", true), "a b+", "or a blank in a form");
	ok(decoded("%", false) == NULL && decoded("%4", false) == NULL && decoded("%4g", false) == NULL && decoded("%g4", false) == NULL,
	   "a broken escape is malformed");
	ok(decoded("a%00b", false) == NULL, "and so is NUL");
}

/* why tells what cf_url_split says of a URL: "" = nothing. */
static const char *
why(const char *url)
{
	if (cf_url_split(url, &parts, &err))
		return "";
	return err.message + strlen("malformed URL: ");
}

static void
test_split(void)
{
	char		longest[400] = "https://";

	is_str(why("HTTPS://Bucket.S3.example.COM:443/a/../b%20c?x=/?y"), "", "a URL is taken apart");
	ok(parts.https && parts.default_port && parts.port == 443, "scheme and its own port");
	is_str(parts.host, "bucket.s3.example.com", "host in lower case");
	ok(parts.path_bytes == 11 && strncmp(parts.path, "/a/../b%20c", 11) == 0, "path as written");
	is_str(parts.query, "x=/?y", "query after the first question mark");

	is_str(why("http://127.0.0.1:9000"), "", "without path and query");
	ok(!parts.https && !parts.default_port && parts.port == 9000 && parts.path_bytes == 0, "they are empty");
	is_str(parts.path, "", "path is never NULL");
	is_str(why("http://h?q"), "", "a query may follow the host");
	is_str(parts.query, "q", "and is found");
	is_str(why("https://[FD00:EC2::254]:8443/"), "", "an IPv6 address stands in brackets");
	is_str(parts.host, "fd00:ec2::254", "and loses them");
	is_int(parts.port, 8443, "with a port");
	is_str(why("https://[::1]"), "", "or without");
	is_int(parts.port, 443, "then it is the scheme's");

	is_str(why("ftp://x/"), "it begins with neither https:// nor http://", "other schemes are refused");
	is_str(why("https:/x"), "it begins with neither https:// nor http://", "and half ones");
	is_str(why("https://user:pw@host/"), "it names a user", "no user part");
	is_str(why("https://h/#f"), "it has a fragment", "no fragment");
	is_str(why("https:///x"), "no host", "a host is there");
	is_str(why("https://:80/x"), "no host", "also in front of a port");
	is_str(why("https://a%41/"), "a character that no host has", "no escapes in a host");
	is_str(why("https://[::1/"), "a bracket is open", "brackets are closed");
	is_str(why("https://[1.2.3.4]/"), "what stands in brackets is no IPv6 address", "and hold an IPv6 address");
	is_str(why("https://[fe80::1%25eth0]/"), "what stands in brackets is no IPv6 address", "without a zone");
	is_str(why("https://h\\@x/"), "a byte that should be percent-encoded", "no backslash");
	is_str(why("https://h/a b"), "a byte that should be percent-encoded", "no blank");
	is_str(why("https://h/\r\nX: y"), "a byte that should be percent-encoded", "no line end");
	is_str(why("https://h/\xc3\xa9"), "a byte that should be percent-encoded", "no bare byte beyond ASCII");
	for (int i = 0; i < 6; i++)
	{
		static const char *const ports[] = {"https://h:", "https://h:0/", "https://h:65536", "https://h:123456", "https://h:8a/", "https://[::1]x"};

		is_str(why(ports[i]), "the port is no number from 1 to 65535", "%s is refused", ports[i]);
	}
	memset(longest + 8, 'a', 256);
	is_str(why(longest), "the host is too long", "a host has at most 255 bytes");
}

static void
test_headers(void)
{
	CfRequest	request = {0};
	CfResponse	response = {.header_count = 2, .headers = {{"etag", "1"}, {"etag", "2"}}};
	CfArena		tiny;
	char	   *bytes;

	ok(cf_net_header(&request, "x-amz-meta-a", "b\tc", &err), "a header is added");
	is_str(request.headers[0].value, "b\tc", "as it is");
	ok(cf_net_header(&request, "x-empty", "", &err), "it may be empty");
	ok(!cf_net_header(&request, "x", "a\r\nEvil: 1", &err), "a line end is refused");
	ok(!cf_net_header(&request, "x", "a\nb", &err) && !cf_net_header(&request, "x", "\x7f", &err), "and any control character");
	ok(!cf_net_header(&request, "", "a", &err) && !cf_net_header(&request, "a b", "a", &err) && !cf_net_header(&request, "a:", "a", &err),
	   "a name is one word");
	is_str(err.message, "invalid name of a request header", "which is told");
	while (request.header_count < CF_NET_REQUEST_HEADERS)
		cf_net_header(&request, "x", "y", &err);
	ok(!cf_net_header(&request, "x", "y", &err), "one too many is refused");
	is_str(cf_net_answer(&response, "etag"), "1", "of two headers of an answer the first counts");
	is_str(cf_net_answer(&response, "date"), "", "one that is not there is empty");

	cf_arena_init(&tiny, &cf_arena_malloc, 64, 64);
	ok(cf_url_encode(&tiny, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 49, true) == NULL, "without memory nothing is encoded");
	ok(!cf_url_decode(&tiny, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 70, true, &bytes), "nor decoded");
	cf_arena_free(&tiny);
}

/* canonical: one address has one spelling; what is no http URL has its own. */
static void
test_canonical(void)
{
	static const char *const urls[][2] = {
		{"https://H:443", "https://h"}, {"HTTPS://Store.Example:0443/B/K", "https://store.example/B/K"}, {"https://h:", "https://h"},
		{"http://H:80/", "http://h/"}, {"http://h:443", "http://h:443"}, {"https://h:80?A", "https://h:80?A"}, {"https://h:8443", "https://h:8443"},
		{"https://h:4430", "https://h:4430"}, {"https://h:0", "https://h:0"}, {"https://[2001:DB8::443]", "https://[2001:db8::443]"},
		{"https://[::1]:443/a:443", "https://[::1]/a:443"}, {"s3://Bucket:443/K", "s3://Bucket:443/K"}, {"file:///A", "file:///A"}, {"https://", "https://"},
	{"", ""}};
	char		url[64];

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		snprintf(url, sizeof(url), "%s", urls[i][0]);
		cf_url_canonical(url);
		is_str(url, urls[i][1], urls[i][0]);
	}
}

int
main(void)
{
	cf_arena_init(&arena, &cf_arena_malloc, 8192, 0);
	test_encoding();
	test_split();
	test_headers();
	test_canonical();
	cf_arena_free(&arena);
	return done_testing();
}
