/*
 * xml.c
 *		XML answers of stores, by expat.
 *
 * A store's answer is hostile until it is parsed. Expat checks that it is well-formed; here the rest is bounded: the depth
 * (a fixed stack, no recursion), the path, the text of one element, and a DTD ends the parse before any entity can be
 * declared, so nothing expands. The memory is expat's own (malloc), proportional to the body, which `net` has bounded, and
 * gone when cf_xml_parse() returns. Prefixes of namespaces are cut off instead of resolved: stores use one or none.
 *
 * Expat calls back into this file and from here into the visitor; neither may jump. A visitor that wants to stop says false.
 */
#include <expat.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/xml.h"

#define XML_DEPTH_MAX 32
#define XML_PATH_MAX 1024
#define XML_TEXT_MAX (64 * 1024)

typedef struct XmlWalk
{
	XML_Parser	parser;
	CfXmlVisit	visit;
	void	   *ctx;
	const char *refused;		/* why we stopped the parser ourselves; NULL = we did not */
	bool		stopped;		/* by the visitor */
	int			depth;
	size_t		levels[XML_DEPTH_MAX];	/* length of the path above each open element */
	bool		leaf;			/* the innermost open element has no child so far */
	size_t		path_bytes;
	char		path[XML_PATH_MAX];
	char	   *text;			/* XML_TEXT_MAX + 1 bytes */
	size_t		text_bytes;
} XmlWalk;

static void XMLCALL element_start(void *data, const XML_Char *name, const XML_Char **attributes);
static void XMLCALL element_end(void *data, const XML_Char *name);
static void XMLCALL element_text(void *data, const XML_Char *text, int length);
static void XMLCALL doctype_start(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public,
								  int internal);
static bool path_append(XmlWalk *walk, char separator, const char *name);
static void refuse(XmlWalk *walk, const char *why);
static void tell(XmlWalk *walk, const char *text, size_t length);
static bool parse_failed(const XmlWalk *walk, CfError *err);

bool
cf_xml_parse(const char *body, size_t length, CfXmlVisit visit, void *ctx, CfError *err)
{
	XmlWalk		walk = {.visit = visit, .ctx = ctx};
	bool		parsed = false;

	if (length > INT_MAX)
		return cf_error_set(err, CF_ERR_IO, "answer of the store is too long for XML");
	walk.text = malloc(XML_TEXT_MAX + 1);
	walk.parser = XML_ParserCreate("UTF-8");
	if (walk.text == NULL || walk.parser == NULL)
		cf_error_set(err, CF_ERR_MEMORY, "out of memory reading the answer of the store");
	else
	{
		XML_SetUserData(walk.parser, &walk);
		XML_SetElementHandler(walk.parser, element_start, element_end);
		XML_SetCharacterDataHandler(walk.parser, element_text);
		XML_SetStartDoctypeDeclHandler(walk.parser, doctype_start);
		parsed = XML_Parse(walk.parser, body, (int) length, XML_TRUE) == XML_STATUS_OK && walk.refused == NULL &&
			!walk.stopped;
		if (!parsed && !walk.stopped)
			parse_failed(&walk, err);
	}
	if (walk.parser != NULL)
		XML_ParserFree(walk.parser);
	free(walk.text);
	return parsed;
}

char *
cf_xml_escape(CfArena *arena, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char	   *escaped;
	char	   *to;

	if (strlen(text) > SIZE_MAX / 8 || (escaped = cf_arena_alloc(arena, strlen(text) * 6 + 1)) == NULL)
		return NULL;
	to = escaped;
	for (const char *from = text; *from != '\0'; from++)
	{
		unsigned char c = (unsigned char) *from;

		if (c == '&')
			to = stpcpy(to, "&amp;");
		else if (c == '<')
			to = stpcpy(to, "&lt;");
		else if (c == '>')
			to = stpcpy(to, "&gt;");
		else if (c == '"')
			to = stpcpy(to, "&quot;");
		else if (c < 0x20 || c == 0x7f)
		{
			to = stpcpy(to, "&#x");
			if (c >= 0x10)
				*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
			*to++ = ';';
		}
		else
			*to++ = (char) c;
	}
	*to = '\0';
	return escaped;
}

/* element_start opens one element and tells of its attributes. */
static void XMLCALL
element_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
	XmlWalk    *walk = data;
	size_t		path_bytes;

	if (walk->refused != NULL || walk->stopped)
		return;
	if (walk->depth == XML_DEPTH_MAX)
	{
		refuse(walk, "too many levels");
		return;
	}
	walk->levels[walk->depth++] = walk->path_bytes;
	walk->text_bytes = 0;
	walk->leaf = true;
	if (!path_append(walk, walk->path_bytes == 0 ? '\0' : '/', name))
		return;
	path_bytes = walk->path_bytes;
	for (int i = 0; attributes[i] != NULL && walk->refused == NULL && !walk->stopped; i += 2)
	{
		if (strncmp(attributes[i], "xmlns", 5) == 0)
			continue;
		if (strlen(attributes[i + 1]) > XML_TEXT_MAX)
			refuse(walk, "an attribute is too long");
		else if (path_append(walk, '@', attributes[i]))
			tell(walk, attributes[i + 1], strlen(attributes[i + 1]));
		walk->path_bytes = path_bytes;
		walk->path[path_bytes] = '\0';
	}
}

/* element_end tells of the element that ends, with its text when it had no children. */
static void XMLCALL
element_end(void *data, const XML_Char *name)
{
	XmlWalk    *walk = data;

	(void) name;
	if (walk->refused != NULL || walk->stopped)
		return;
	if (!walk->leaf)
		walk->text_bytes = 0;
	walk->text[walk->text_bytes] = '\0';
	tell(walk, walk->text, walk->text_bytes);
	walk->path_bytes = walk->levels[--walk->depth];
	walk->path[walk->path_bytes] = '\0';
	walk->leaf = false;
}

/* element_text collects the text of the innermost element. */
static void XMLCALL
element_text(void *data, const XML_Char *text, int length)
{
	XmlWalk    *walk = data;

	if (walk->refused != NULL || walk->stopped || !walk->leaf)
		return;
	if ((size_t) length > XML_TEXT_MAX - walk->text_bytes)
	{
		refuse(walk, "the text of an element is too long");
		return;
	}
	memcpy(walk->text + walk->text_bytes, text, (size_t) length);
	walk->text_bytes += (size_t) length;
}

/* doctype_start refuses a DTD: no store sends one, and entities are what they are misused for. */
static void XMLCALL
doctype_start(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void) name;
	(void) system;
	(void) public;
	(void) internal;
	refuse(data, "it has a DTD");
}

/* path_append adds a name, without its namespace's prefix, to the path; separator 0 = none. */
static bool
path_append(XmlWalk *walk, char separator, const char *name)
{
	const char *colon = strrchr(name, ':');
	const char *local = colon == NULL || colon[1] == '\0' ? name : colon + 1;
	size_t		length = strlen(local);

	if (length > XML_PATH_MAX || walk->path_bytes + length + 2 > XML_PATH_MAX)
	{
		refuse(walk, "its names are too long");
		return false;
	}
	if (separator != '\0')
		walk->path[walk->path_bytes++] = separator;
	memcpy(walk->path + walk->path_bytes, local, length + 1);
	walk->path_bytes += length;
	return true;
}

/* refuse stops the parser for a reason of ours. */
static void
refuse(XmlWalk *walk, const char *why)
{
	walk->refused = why;
	XML_StopParser(walk->parser, XML_FALSE);
}

/* tell calls the visitor and stops the parser when the visitor says so. */
static void
tell(XmlWalk *walk, const char *text, size_t length)
{
	if (walk->visit(walk->ctx, walk->path, text, length))
		return;
	walk->stopped = true;
	XML_StopParser(walk->parser, XML_FALSE);
}

/* parse_failed says what is wrong with the document; never a byte of it, for it may hold anything. */
static bool
parse_failed(const XmlWalk *walk, CfError *err)
{
	enum XML_Error code = XML_GetErrorCode(walk->parser);

	if (walk->refused == NULL && code == XML_ERROR_NO_MEMORY)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory reading the answer of the store");
	cf_error_set(err, CF_ERR_IO, "answer of the store is not the XML that was expected");
	return cf_error_detail(err, "The parser says: %s.", walk->refused != NULL ? walk->refused : XML_ErrorString(code));
}

typedef struct FieldsVisit
{
	CfXmlField *fields;
	int			count;
} FieldsVisit;

/* fields_visit takes the text of an element that is wanted and was not seen before. */
static bool
fields_visit(void *ctx, const char *path, const char *text, size_t length)
{
	FieldsVisit *visit = ctx;

	(void) length;
	for (int i = 0; i < visit->count; i++)
	{
		if (strcmp(visit->fields[i].path, path) == 0 && visit->fields[i].text[0] == '\0')
			snprintf(visit->fields[i].text, visit->fields[i].room, "%s", text);
	}
	return true;
}

bool
cf_xml_fields(const char *body, size_t length, CfXmlField *fields, int count, CfError *err)
{
	FieldsVisit visit = {fields, count};

	return cf_xml_parse(body == NULL ? "" : body, length, fields_visit, &visit, err);
}
