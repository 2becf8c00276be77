/*
 * attributes.h
 *		What travels with an object besides its bytes: what a store can hold of it, and what a move would lose.
 *
 * Each driver declares one row per attribute (CfDriver.attributes): under which name the store holds it, and within which
 * limits. The view attribute_mappings shows these rows; plans and movers judge by them, so both say the same. What a
 * destination cannot hold is refused unless its place has the option accept_loss, which names what may be left behind.
 *
 * Times go by rclone's convention: a store that has no modification time of the user's own gets the metadata `mtime`.
 */
#ifndef CF_STORAGE_ATTRIBUTES_H
#define CF_STORAGE_ATTRIBUTES_H

#include "storage/storage.h"

typedef enum CfAttribute
{
	CF_ATTRIBUTE_CONTENT_TYPE,
	CF_ATTRIBUTE_CONTENT_ENCODING,
	CF_ATTRIBUTE_CONTENT_LANGUAGE,
	CF_ATTRIBUTE_CONTENT_DISPOSITION,
	CF_ATTRIBUTE_CACHE_CONTROL,
	CF_ATTRIBUTE_METADATA,
	CF_ATTRIBUTE_TAGS,
	CF_ATTRIBUTE_MODIFIED_AT
} CfAttribute;

#define CF_ATTRIBUTES 8

typedef enum CfCharset
{
	CF_CHARSET_UTF8,			/* any text without line breaks */
	CF_CHARSET_ASCII,			/* printable */
	CF_CHARSET_TOKEN,			/* what the name of a header may have; kept in lower case */
	CF_CHARSET_NAME,			/* the same, upper and lower case apart */
	CF_CHARSET_WORD,			/* letters, digits and _, no digit first; two that differ in case alone are one */
	CF_CHARSET_TAG,				/* letters, digits, space and + - . / : = _ @ */
	CF_CHARSET_AZURE_TAG,		/* the same in ASCII, without @ */
	CF_CHARSET_SECONDS,			/* of mtime: seconds since 1970 with decimals */
	CF_CHARSET_RFC3339			/* of mtime */
} CfCharset;

/* How a store holds one attribute; limits that are 0 are none. */
typedef struct CfAttributeRule
{
	const char *held_as;		/* header, field or file attribute; NULL = nothing like it is there */
	CfCharset	names;			/* of metadata and tags */
	CfCharset	values;
	int			count_max;
	int			bytes_max;		/* of all names and values together */
	int			own_bytes;		/* of these, for what cloudflux notes on an object itself */
	int			name_max;		/* characters */
	int			value_max;
} CfAttributeRule;

/* One line "name=value" of metadata or tags, as it lies in a longer text. */
typedef struct CfAttributeLine
{
	const char *name;
	size_t		name_bytes;
	const char *value;
	size_t		value_bytes;
} CfAttributeLine;

/* cf_attribute_line_next takes the next line off lines; what has no name is passed over, NULL has none. */
extern bool cf_attribute_line_next(const char **lines, CfAttributeLine *line);

/* cf_attribute_line_reserved tells whether drivers write a line of such a name, cf_…, only for cloudflux itself. */
extern bool cf_attribute_line_reserved(const CfAttributeLine *line);

/* cf_attribute_line_fits tells whether a store that holds lines as the rule says can hold this one. */
extern bool cf_attribute_line_fits(const CfAttributeRule *rule, const CfAttributeLine *line);

/* cf_attribute_name gives the word by which the option accept_loss and the view know an attribute. */
extern const char *cf_attribute_name(CfAttribute attribute);
extern const char *cf_charset_name(CfCharset charset);

/* cf_attributes_rules gives CF_ATTRIBUTES rows; a place without a driver in this build holds nothing. */
extern const CfAttributeRule *cf_attributes_rules(const CfPlace *place);

/*
 * cf_attributes_safe tells whether dest holds whatever source can hold, so that objects need not be looked at: both have the
 * same rows. Metadata that fill the store's limit to the brim, or have names of ours that are not ours, are the exception, which the
 * mover finds.
 */
extern bool cf_attributes_safe(const CfPlace *source, const CfPlace *dest);

/*
 * cf_attributes_ours tells whether metadata of such a name is what cloudflux notes on an object itself. Every other name that begins with
 * cf_ is a user's, but no driver writes it: it would be lost, and is told so.
 */
extern bool cf_attributes_ours(const char *name, size_t bytes);

/* cf_attributes_names_check refuses metadata ("name=value\n…") of somebody whose names the place cannot hold: cf_…, or one name twice. */
extern bool cf_attributes_names_check(const CfPlace *place, const char *lines, CfError *err);

/* cf_attributes_loss_check judges a value of the option accept_loss: names of attributes with commas between them, or all. */
extern bool cf_attributes_loss_check(const char *value, CfError *err);

#endif							/* CF_STORAGE_ATTRIBUTES_H */
