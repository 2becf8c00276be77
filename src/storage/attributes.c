/*
 * attributes.c
 *		Judging what travels with an object by the rows that the destination's driver declares.
 *
 * Texts are "name=value\n…" as in CfAttributes. What does not fit is left out line by line: the first lines of what is too
 * much together stay, so that two looks at one object say the same. What cloudflux noted on an earlier copy is not the user's, and is
 * neither counted nor told; a user's own cf_… is lost, and told. So is the second of two names that a store takes for one.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/calendar.h"
#include "storage/attributes.h"
#include "storage/driver.h"

#define MTIME "mtime"
#define YEAR_MAX_US (INT64_C(253402300800) * 1000000)	/* year 10000 */

static bool folds(const CfAttributeRule *rule);
static bool has_name(const CfAttributeRule *rule, const char *lines, const CfAttributeLine *line);
static bool charset_holds(CfCharset charset, const char *text, size_t bytes);
static bool in_set(const char *set, unsigned char c);
static size_t characters(const char *text, size_t bytes);
static bool keep_lines(const CfAttributeRule *rule, const char *lines, const char *own, CfArena *arena, const char **kept,
					   CfAttributeLine *lost, int *lost_count);
static const char *keep_text(CfKept *kept, const CfAttributeRule *rules, CfAttribute attribute, const char *text);
static void tell(CfKept *kept, CfAttribute attribute, int count, const CfAttributeLine *first);
static int64_t source_mtime(const CfPlace *source, const CfObjectStat *stat);
static bool mtime_read(const char *text, size_t bytes, int64_t *us);
static bool seconds_read(const char *text, int64_t *us);
static bool rfc3339_read(const char *text, int64_t *us);
static void mtime_write(CfCharset form, int64_t us, char text[40]);

static const CfAttributeRule nothing[CF_ATTRIBUTES];

static const char *const attribute_names[CF_ATTRIBUTES] = {
	[CF_ATTRIBUTE_CONTENT_TYPE] = "content_type",
	[CF_ATTRIBUTE_CONTENT_ENCODING] = "content_encoding",
	[CF_ATTRIBUTE_CONTENT_LANGUAGE] = "content_language",
	[CF_ATTRIBUTE_CONTENT_DISPOSITION] = "content_disposition",
	[CF_ATTRIBUTE_CACHE_CONTROL] = "cache_control",
	[CF_ATTRIBUTE_METADATA] = "metadata",
	[CF_ATTRIBUTE_TAGS] = "tags",
	[CF_ATTRIBUTE_MODIFIED_AT] = "modified_at",
};

const char *
cf_attribute_name(CfAttribute attribute)
{
	return attribute_names[attribute];
}

const char *
cf_charset_name(CfCharset charset)
{
	static const char *const names[] = {
		[CF_CHARSET_UTF8] = "UTF-8",
		[CF_CHARSET_ASCII] = "printable ASCII",
		[CF_CHARSET_TOKEN] = "a header's name, in lower case",
		[CF_CHARSET_NAME] = "a header's name",
		[CF_CHARSET_WORD] = "letters, digits and _, no digit first, case does not count",
		[CF_CHARSET_TAG] = "letters, digits, space and + - . / : = _ @",
		[CF_CHARSET_AZURE_TAG] = "A-Z a-z 0-9, space and + - . / : = _",
		[CF_CHARSET_SECONDS] = "seconds since 1970",
		[CF_CHARSET_RFC3339] = "RFC 3339",
	};

	return names[charset];
}

const CfAttributeRule *
cf_attributes_rules(const CfPlace *place)
{
	return place->driver == NULL || place->driver->attributes == NULL ? nothing : place->driver->attributes(place);
}

bool
cf_attributes_safe(const CfPlace *source, const CfPlace *dest)
{
	return cf_attributes_rules(source) == cf_attributes_rules(dest);
}

bool
cf_storage_keep(const CfPlace *source, const CfPlace *dest, const CfObjectStat *stat, const char *content_type, CfArena *arena,
				   CfKept *kept)
{
	const CfAttributeRule *rules = cf_attributes_rules(dest);
	const CfAttributeRule *times = &rules[CF_ATTRIBUTE_MODIFIED_AT];
	const CfAttributeRule *metadata = &rules[CF_ATTRIBUTE_METADATA];
	const CfAttributes *from = &stat->attributes;
	char		mtime[60] = "";
	CfAttributeLine lost;
	int			count;

	memset(kept, 0, sizeof(*kept));
	kept->mtime_us = source_mtime(source, stat);
	kept->content_type = keep_text(kept, rules, CF_ATTRIBUTE_CONTENT_TYPE,
								   stat->content_type != NULL && stat->content_type[0] != '\0' ? stat->content_type : content_type);
	kept->attributes.content_encoding = keep_text(kept, rules, CF_ATTRIBUTE_CONTENT_ENCODING, from->content_encoding);
	kept->attributes.content_language = keep_text(kept, rules, CF_ATTRIBUTE_CONTENT_LANGUAGE, from->content_language);
	kept->attributes.content_disposition = keep_text(kept, rules, CF_ATTRIBUTE_CONTENT_DISPOSITION, from->content_disposition);
	kept->attributes.cache_control = keep_text(kept, rules, CF_ATTRIBUTE_CACHE_CONTROL, from->cache_control);

	/* The time has a form of its own at each store, so a line of the source's makes way for ours. */
	if (metadata->held_as != NULL && (times->values == CF_CHARSET_SECONDS || times->values == CF_CHARSET_RFC3339) &&
		kept->mtime_us > 0 && kept->mtime_us < YEAR_MAX_US)
	{
		memcpy(mtime, MTIME "=", sizeof(MTIME));
		mtime[sizeof(MTIME)] = '\0';
		mtime_write(times->values, kept->mtime_us, mtime + sizeof(MTIME));
	}
	if (!keep_lines(metadata, from->metadata, mtime, arena, &kept->attributes.metadata, &lost, &count))
		return false;
	tell(kept, CF_ATTRIBUTE_METADATA, count, &lost);
	if (!keep_lines(&rules[CF_ATTRIBUTE_TAGS], from->tags, "", arena, &kept->attributes.tags, &lost, &count))
		return false;
	tell(kept, CF_ATTRIBUTE_TAGS, count, &lost);
	return true;
}

bool
cf_storage_keep_accepted(const CfPlace *dest, const char *key, const CfKept *kept, CfError *err)
{
	const char *accepted = cf_storage_option(dest, "accept_loss");
	unsigned	left = kept->lost;

	for (int i = 0; i < CF_ATTRIBUTES; i++)
	{
		const char *name = attribute_names[i];
		const char *at = accepted;
		size_t		length = strlen(name);

		while (*at != '\0')
		{
			size_t		bytes;

			at += strspn(at, ", ");
			bytes = strcspn(at, ", ");
			if ((bytes == length && strncasecmp(at, name, length) == 0) || (bytes == 3 && strncasecmp(at, "all", 3) == 0))
				left &= ~(1u << i);
			at += bytes;
		}
	}
	if (left == 0)
		return true;
	cf_error_set(err, CF_ERR_UNSUPPORTED, "place \"%s\" cannot hold all of object \"%.200s\"", dest->name, key);
	err->retryable = false;
	cf_error_detail(err, "It would lose %s.", kept->told);
	return cf_error_hint(err, "The view cloudflux.attribute_mappings tells what it holds. To lose it knowingly: ALTER SERVER … OPTIONS (ADD accept_loss '%s').",
						 attribute_names[__builtin_ctz(left)]);
}

bool
cf_attributes_loss_check(const char *value, CfError *err)
{
	for (value += strspn(value, ", "); *value != '\0'; value += strspn(value, ", "))
	{
		size_t		bytes = strcspn(value, ", ");
		bool		known = bytes == 3 && strncasecmp(value, "all", 3) == 0;

		for (int i = 0; i < CF_ATTRIBUTES; i++)
			known |= bytes == strlen(attribute_names[i]) && strncasecmp(value, attribute_names[i], bytes) == 0;
		if (!known)
		{
			cf_error_set(err, CF_ERR_INPUT, "\"%.*s\" is nothing that an object has", (int) (bytes < 60 ? bytes : 60), value);
			return cf_error_hint(err, "Name content_type, content_encoding, content_language, content_disposition, cache_control, "
								 "metadata, tags or modified_at, with commas between them, or all.");
		}
		value += bytes;
	}
	return true;
}

bool
cf_attribute_line_next(const char **lines, CfAttributeLine *line)
{
	while (*lines != NULL && **lines != '\0')
	{
		size_t		length = strcspn(*lines, "\n");

		line->name = *lines;
		line->name_bytes = strcspn(*lines, "=\n");
		*lines += length + ((*lines)[length] == '\n');
		if (line->name_bytes == 0 || line->name_bytes == length)
			continue;
		line->value = line->name + line->name_bytes + 1;
		line->value_bytes = length - line->name_bytes - 1;
		return true;
	}
	return false;
}

bool
cf_attributes_ours(const char *name, size_t bytes)
{
	static const char *const ours[] = {"cf_file_id", "cf_owner_tag", "cf_crc64nvme", "cf_class"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
	{
		if (bytes == strlen(ours[i]) && memcmp(name, ours[i], bytes) == 0)
			return true;
	}
	return false;
}

bool
cf_attributes_names_check(const CfPlace *place, const char *lines, CfError *err)
{
	const CfAttributeRule *rule = &cf_attributes_rules(place)[CF_ATTRIBUTE_METADATA];
	const char *all = lines;
	CfAttributeLine line;

	while (cf_attribute_line_next(&lines, &line))
	{
		bool		reserved = cf_attribute_line_reserved(&line);

		if (!reserved && !has_name(rule, all, &line))
			continue;
		cf_error_set(err, CF_ERR_INPUT, "metadata \"%.*s\" cannot be given to an object of place \"%s\"",
					 (int) (line.name_bytes < 60 ? line.name_bytes : 60), line.name, place->name);
		return cf_error_hint(err, "%s", reserved ? "Names that begin with cf_ are cloudflux's own." :
							 "Its store takes names that differ in case alone for one.");
	}
	return true;
}

bool
cf_attribute_line_reserved(const CfAttributeLine *line)
{
	return line->name_bytes > 3 && strncasecmp(line->name, "cf_", 3) == 0;
}

/* folds tells whether a store takes names that differ in case alone for one. */
static bool
folds(const CfAttributeRule *rule)
{
	return rule->names == CF_CHARSET_TOKEN || rule->names == CF_CHARSET_WORD;
}

/* has_name tells whether one of lines, up to the line itself, has a name that the store takes for that line's. */
static bool
has_name(const CfAttributeRule *rule, const char *lines, const CfAttributeLine *line)
{
	CfAttributeLine other;

	while (cf_attribute_line_next(&lines, &other) && other.name != line->name)
	{
		if (other.name_bytes == line->name_bytes &&
			(folds(rule) ? strncasecmp(other.name, line->name, line->name_bytes) : memcmp(other.name, line->name, line->name_bytes)) == 0)
			return true;
	}
	return false;
}

bool
cf_attribute_line_fits(const CfAttributeRule *rule, const CfAttributeLine *line)
{
	return rule->held_as != NULL && charset_holds(rule->names, line->name, line->name_bytes) &&
		charset_holds(rule->values, line->value, line->value_bytes) &&
		(rule->name_max == 0 || characters(line->name, line->name_bytes) <= (size_t) rule->name_max) &&
		(rule->value_max == 0 || characters(line->value, line->value_bytes) <= (size_t) rule->value_max);
}

/* charset_holds tells whether a store keeps such a text as it is. */
static bool
charset_holds(CfCharset charset, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
	{
		unsigned char c = (unsigned char) text[i];
		bool		word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
		bool		held;

		switch (charset)
		{
			case CF_CHARSET_WORD:
				held = word && (i > 0 || c < '0' || c > '9');
				break;
			case CF_CHARSET_TOKEN:
			case CF_CHARSET_NAME:
				held = word || in_set("!#$%&'*+-.^`|~", c);
				break;
			case CF_CHARSET_TAG:
				held = word || c >= 0x80 || in_set(" +-./:=@", c);
				break;
			case CF_CHARSET_AZURE_TAG:
				held = word || in_set(" +-./:=", c);
				break;
			case CF_CHARSET_ASCII:
				held = c >= 0x20 && c < 0x7f;
				break;
			default:
				held = c >= 0x20 && c != 0x7f;
				break;
		}
		if (!held)
			return false;
	}
	return true;
}

static bool
in_set(const char *set, unsigned char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* characters counts the characters of UTF-8. */
static size_t
characters(const char *text, size_t bytes)
{
	size_t		count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += ((unsigned char) text[i] & 0xc0) != 0x80;
	return count;
}

/*
 * keep_lines copies the lines that the store can hold, behind a line of ours ("" = none) that replaces the user's of that name.
 * The first that cannot be held is in *lost. Of two names that the store takes for one the first stays.
 */
static bool
keep_lines(const CfAttributeRule *rule, const char *lines, const char *own, CfArena *arena, const char **kept,
		   CfAttributeLine *lost, int *lost_count)
{
	size_t		own_bytes = strlen(own);
	size_t		own_name = strcspn(own, "=");
	const char *all = lines;
	char	   *text;
	char	   *end;
	CfAttributeLine line;
	int			count = 0;
	int			bytes = 0;
	int			bytes_max = rule->bytes_max == 0 ? INT32_MAX : rule->bytes_max - rule->own_bytes;

	*kept = "";
	*lost_count = 0;
	if (lines == NULL)
		lines = "";
	if (own_bytes == 0 && lines[0] == '\0')
		return true;
	end = text = cf_arena_alloc(arena, strlen(lines) + own_bytes + 3);
	if (text == NULL)
		return false;
	while (cf_attribute_line_next(&lines, &line))
	{
		bool		replaced = own_bytes > 0 && line.name_bytes == own_name && memcmp(line.name, own, own_name) == 0;
		bool		met = own_bytes > 0 && folds(rule) && line.name_bytes == own_name && strncasecmp(line.name, own, own_name) == 0;

		if (cf_attributes_ours(line.name, line.name_bytes) || replaced)
			continue;
		if (met || cf_attribute_line_reserved(&line) || !cf_attribute_line_fits(rule, &line) || has_name(rule, all, &line) || (rule->count_max > 0 && count >= rule->count_max) ||
			bytes + line.name_bytes + line.value_bytes > (size_t) bytes_max)
		{
			if ((*lost_count)++ == 0)
				*lost = line;
			continue;
		}
		count++;
		bytes += (int) (line.name_bytes + line.value_bytes);
		memcpy(end, line.name, line.name_bytes + 1 + line.value_bytes);
		end += line.name_bytes + 1 + line.value_bytes;
		*end++ = '\n';
	}
	if (own_bytes > 0 && bytes + own_bytes <= (size_t) bytes_max)
	{
		memcpy(end, own, own_bytes);
		end += own_bytes;
		*end++ = '\n';
	}
	*end = '\0';
	*kept = text;
	return true;
}

/* keep_text keeps an attribute that is one text, or notes that it is lost. */
static const char *
keep_text(CfKept *kept, const CfAttributeRule *rules, CfAttribute attribute, const char *text)
{
	const CfAttributeRule *rule = &rules[attribute];
	CfAttributeLine line = {.name = "", .value = ""};

	if (text == NULL || text[0] == '\0')
		return "";
	line.value = text;
	line.value_bytes = strlen(text);
	if (cf_attribute_line_fits(rule, &line))
		return text;
	tell(kept, attribute, 1, &line);
	return "";
}

/* tell notes for people what is lost: "tags (2, as project), cache_control". */
static void
tell(CfKept *kept, CfAttribute attribute, int count, const CfAttributeLine *first)
{
	size_t		used = strlen(kept->told);
	char	   *at = kept->told + used;
	size_t		room = sizeof(kept->told) - used;
	char		name[41];

	if (count == 0)
		return;
	kept->lost |= 1u << attribute;
	if (first->name_bytes == 0)
	{
		snprintf(at, room, "%s%s", used > 0 ? ", " : "", attribute_names[attribute]);
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int) first->name_bytes, first->name);
	/* A name that is cut in the middle of a character is cut before it. */
	if (first->name_bytes >= sizeof(name))
	{
		size_t		end = sizeof(name) - 1;

		while (end > 0 && ((unsigned char) first->name[end] & 0xc0) == 0x80)
			end--;
		name[end] = '\0';
	}
	snprintf(at, room, "%s%s (%d, as \"%s\")", used > 0 ? ", " : "", attribute_names[attribute], count, name);
}

/*
 * source_mtime is the time of the user's file: of a source that keeps it, its own; else the metadata mtime that whoever
 * wrote the object left there; else when the object was written.
 */
static int64_t
source_mtime(const CfPlace *source, const CfObjectStat *stat)
{
	const char *lines = stat->attributes.metadata;
	CfCaps		caps;
	CfAttributeLine line;
	int64_t		us;

	cf_storage_caps(source, &caps);
	while (!caps.keeps_mtime && cf_attribute_line_next(&lines, &line))
	{
		if (line.name_bytes == strlen(MTIME) && memcmp(line.name, MTIME, line.name_bytes) == 0 &&
			mtime_read(line.value, line.value_bytes, &us))
			return us;
	}
	return stat->mtime_us;
}

static bool
mtime_read(const char *text, size_t bytes, int64_t *us)
{
	char		copy[40];

	if (bytes == 0 || bytes >= sizeof(copy))
		return false;
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	return seconds_read(copy, us) || rfc3339_read(copy, us);
}

/* fraction_read reads ".123456789" as microseconds; nothing there is 0. */
static const char *
fraction_read(const char *text, int64_t *us)
{
	int64_t		unit = 100000;

	*us = 0;
	if (*text != '.')
		return text;
	for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
		*us += (*text - '0') * unit;
	return text;
}

static bool
seconds_read(const char *text, int64_t *us)
{
	int64_t		seconds = 0;
	int64_t		fraction;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && at - text < 12; at++)
		seconds = seconds * 10 + (*at - '0');
	if (at == text)
		return false;
	at = fraction_read(at, &fraction);
	*us = seconds * 1000000 + fraction;
	return *at == '\0';
}

/* rfc3339_read reads 2024-02-29T12:00:00.5Z, or with an offset like +01:00. */
static bool
rfc3339_read(const char *text, int64_t *us)
{
	int			year, month, day, hour, minute, second, offset_hour = 0, offset_minute = 0;
	int			used = 0;
	int64_t		fraction;
	int64_t		offset;
	char		sign = 'Z';

	if (sscanf(text, "%4d-%2d-%2d%*[Tt ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6 || used < 19 ||
		year < 1970 || !cf_calendar_us(year, month, day, hour, minute, second, us))
		return false;
	text = fraction_read(text + used, &fraction);
	if (*text == '+' || *text == '-')
	{
		sign = *text;
		if (sscanf(text + 1, "%2d:%2d%n", &offset_hour, &offset_minute, &used) != 2 || used != 5 || text[6] != '\0' ||
			offset_hour < 0 || offset_minute < 0)
			return false;
	}
	else if ((*text != 'Z' && *text != 'z') || text[1] != '\0')
		return false;
	offset = (offset_hour * INT64_C(60) + offset_minute) * 60 * (sign == '-' ? -1 : 1);
	*us += fraction - offset * 1000000;
	return *us >= 0;
}

/* mtime_write writes the time as rclone does at that store, to the microsecond. */
static void
mtime_write(CfCharset form, int64_t us, char text[40])
{
	int64_t		seconds = us / 1000000;
	int64_t		days = seconds / 86400;
	int			rest = (int) (seconds % 86400);
	int			year;
	int			month;
	int			day;

	if (form == CF_CHARSET_SECONDS)
	{
		snprintf(text, 40, "%lld.%06lld", (long long) seconds, (long long) (us % 1000000));
		return;
	}
	cf_calendar_date(days, &year, &month, &day);
	snprintf(text, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%06lldZ", year, month, day, rest / 3600, rest / 60 % 60, rest % 60,
			 (long long) (us % 1000000));
}
