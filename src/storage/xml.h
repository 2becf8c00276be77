/*
 * xml.h
 *		XML answers of stores, by expat: a driver is told of each element with its path and its text.
 *
 * No DTDs, no entities beyond the five, at most 32 levels, 64 KiB of text in one element; a malformed document is an error, whatever was
 * visited before. Private to the room.
 */
#ifndef CF_STORAGE_XML_H
#define CF_STORAGE_XML_H

#include "core/arena.h"
#include "core/error.h"

/*
 * Called when an element ends, path without namespaces ("ListBucketResult/Contents/Key"), text NUL-terminated and valid only
 * during the call ("" for an element with children). An attribute is told when its element starts, as
 * "…/Blob/Name@Encoded". false = stop with the error that the visitor set in its ctx; cf_xml_parse() then returns false
 * and leaves err alone.
 */
typedef bool (*CfXmlVisit) (void *ctx, const char *path, const char *text, size_t length);

extern bool cf_xml_parse(const char *body, size_t length, CfXmlVisit visit, void *ctx, CfError *err);

/* The text of one element of a document; begins as "", and is cut to its room. */
typedef struct CfXmlField
{
	const char *path;
	char	   *text;
	size_t		room;
} CfXmlField;

/* cf_xml_fields reads the texts of a few elements, of several the first. */
extern bool cf_xml_fields(const char *body, size_t length, CfXmlField *fields, int count, CfError *err);

/* cf_xml_escape writes text with & < > " escaped into the arena; control characters that XML cannot hold become &#xN;. */
extern char *cf_xml_escape(CfArena *arena, const char *text);

#endif							/* CF_STORAGE_XML_H */
