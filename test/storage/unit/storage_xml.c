/*
 * storage_xml.c: what a visitor is told of a document, what is refused, and how texts are escaped.
 */
#include "storage/xml.h"
#include "tap.h"

static char told[4096];
static const char *stop_at;

/* remember writes one visit down as "path=text;"; it stops at the path stop_at. */
static bool
remember(void *ctx, const char *path, const char *text, size_t length)
{
	size_t		used = strlen(told);

	(void) ctx;
	if (strlen(text) == length)
		snprintf(told + used, sizeof(told) - used, "%s=%.64s;", path, text);
	return stop_at == NULL || strcmp(path, stop_at) != 0;
}

static bool
parse(const char *body, CfError *err)
{
	told[0] = '\0';
	memset(err, 0, sizeof(*err));
	return cf_xml_parse(body, strlen(body), remember, NULL, err);
}

static void
what_is_told(void)
{
	CfError		err;
	const char *list = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s3:R xmlns:s3=\"u\" xmlns=\"v\"> <K>a&amp;b&#x1F600;</K>"
		"<C><K>x</K><E/></C> <N Encoded=\"true\" p:q=\"1\">%01</N> tail</s3:R>";

	ok(parse(list, &err), "a document with namespaces and attributes is read");
	is_str(told, "R/K=a&b\xf0\x9f\x98\x80;R/C/K=x;R/C/E=;R/C=;R/N@Encoded=true;R/N@q=1;R/N=%01;R=;",
		   "each element is told with its path and text, parents without text, attributes before their element");
	ok(parse("\xef\xbb\xbf<a>1</a>", &err), "a byte order mark is no harm");
	is_str(told, "a=1;", "and is not told");
	ok(parse("<a><![CDATA[<b>]]></a>", &err), "CDATA is text");
	is_str(told, "a=<b>;", "as it stands");
	ok(parse("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xa9</a>", &err), "UTF-8 it is, whatever the document claims");
	is_str(told, "a=\xc3\xa9;", "and the bytes stay");
}

static void
what_is_refused(void)
{
	static const struct
	{
		const char *body;
		const char *title;
	}			bad[] = {
		{"", "an empty answer"},
		{"<a>", "a document that is cut off"},
		{"<a></b>", "tags that do not match"},
		{"<a/><b/>", "two roots"},
		{"<a>\xff</a>", "what is not UTF-8"},
		{"<a>&#0;</a>", "a NUL"},
		{"<a>&x;</a>", "an entity of unknown name"},
		{"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "a DTD"},
		{"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "an external DTD"},
		{"{\"a\": 1}", "JSON"},
	};
	CfError		err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ok(!parse(bad[i].body, &err) && err.kind == CF_ERR_IO, "%s is refused", bad[i].title);
		ok(err.detail[0] != '\0', "and the detail says where");
	}
	ok(!cf_xml_parse("<a/>", (size_t) 1 << 40, remember, NULL, &err), "a length beyond what expat counts is refused");
}

/* nested makes a document of depth elements in each other. */
static char *
nested(int depth, const char *name)
{
	char	   *body = calloc(1, (size_t) depth * (2 * strlen(name) + 6) + 1);

	for (int i = 0; i < depth; i++)
		sprintf(body + strlen(body), "<%s>", name);
	for (int i = 0; i < depth; i++)
		sprintf(body + strlen(body), "</%s>", name);
	return body;
}

static void
limits(void)
{
	CfError		err;
	char	   *body = nested(32, "a");
	char	   *text = malloc(65536 + 32);
	char		name[200];

	ok(parse(body, &err), "32 levels are read");
	free(body);
	body = nested(33, "a");
	ok(!parse(body, &err), "33 levels are refused");
	is_str(err.detail, "The parser says: too many levels.", "with the reason");
	free(body);
	memset(name, 'n', sizeof(name));
	name[199] = '\0';
	body = nested(6, name);
	ok(!parse(body, &err) && strstr(err.detail, "too long") != NULL, "a path of more than 1 KiB is refused");
	free(body);
	sprintf(text, "<a>");
	memset(text + 3, 'x', 65536);
	strcpy(text + 3 + 65536, "</a>");
	ok(parse(text, &err), "64 KiB of text are read");
	strcpy(text + 3 + 65536, "x</a>");
	ok(!parse(text, &err), "one byte more is refused");
	sprintf(text, "<a b='");
	memset(text + 6, 'x', 65537);
	strcpy(text + 6 + 65537, "'/>");
	ok(!parse(text, &err), "an attribute as long is refused");
	free(text);
}

static void
stopping(void)
{
	CfError		err;
	const char *body = "<a><b>1</b><c d='2'>3</c><e/></a>";

	stop_at = "a/b";
	ok(!parse(body, &err), "a visitor stops the parse");
	is_str(told, "a/b=1;", "nothing is told after it");
	is_int(err.kind, CF_ERR_NONE, "and the error is the visitor's own");
	stop_at = "a/c@d";
	ok(!parse(body, &err), "at an attribute too");
	is_str(told, "a/b=1;a/c@d=2;", "nothing is told after that");
	stop_at = "a";
	ok(!parse(body, &err), "and at the very last element");
	stop_at = NULL;
}

static void
escaping(void)
{
	CfArena		arena;
	CfError		err;
	char		body[256];
	char	   *escaped;

	cf_arena_init(&arena, &cf_arena_malloc, 1024, 0);
	is_str(cf_xml_escape(&arena, "a&b<c>\"d'\x01\r\n\x1f\x7f\xc3\xa9"),
		   "a&amp;b&lt;c&gt;&quot;d'&#x1;&#xD;&#xA;&#x1F;&#x7F;\xc3\xa9", "what has a meaning in XML is escaped");
	is_str(cf_xml_escape(&arena, ""), "", "nothing stays nothing");
	escaped = cf_xml_escape(&arena, "k&<>\"\t\r\n e");
	snprintf(body, sizeof(body), "<K>%s</K>", escaped);
	ok(parse(body, &err), "what was escaped is read");
	is_str(told, "K=k&<>\"\t\r\n e;", "as it was");
	cf_arena_free(&arena);
	cf_arena_init(&arena, &cf_arena_malloc, 1024, 16);
	ok(cf_xml_escape(&arena, "much too long for so little memory") == NULL, "short of memory there is NULL");
	cf_arena_free(&arena);
}

int
main(void)
{
	what_is_told();
	what_is_refused();
	limits();
	stopping();
	escaping();
	return done_testing();
}
