/*
 * remote_describe.c
 *		What travels with an object besides its bytes: how a new one is described, and what the headers of an answer tell.
 *
 * Metadata are lines "name=value\n". Names that begin with cf_ are what an object says of itself. Those of a source are true of the
 * source alone, so they stay behind; our own come first, and win.
 */
#include <string.h>

#include "storage/remote/remote_object.h"

static bool unfit(CfOp *op, const CfUploadArgs *args, const char *what, const CfAttributeRule *rule, const CfAttributeLine *line);
static bool line_known(const char *lines, const CfAttributeLine *line);
static bool metadata_read(CfOp *op, const char *prefix, char *(*decode) (CfArena *arena, const char *text), const char **lines);

bool
cf_remote_metadata_check(CfOp *op, const CfUploadArgs *args)
{
	const CfAttributeRule *metadata = &cf_attributes_rules(op->place)[CF_ATTRIBUTE_METADATA];
	CfRemoteMetadata lines = {.args = args};
	CfAttributeLine line;
	size_t		bytes = 0;

	while (cf_remote_metadata_next(&lines, &line))
	{
		/* There is room apart for what cloudflux notes. */
		if (!cf_attributes_ours(line.name, line.name_bytes))
			bytes += line.name_bytes + line.value_bytes;
		if (!cf_attribute_line_fits(metadata, &line))
			return unfit(op, args, "metadata", metadata, &line);
	}
	if (metadata->bytes_max == 0 || bytes <= (size_t) (metadata->bytes_max - metadata->own_bytes))
		return true;
	cf_error_set(&op->err, CF_ERR_INPUT, "metadata of object \"%s\" are too long for place \"%s\"", cf_remote_shown(op, args->key), op->place->name);
	return cf_error_detail(&op->err, "Names and values have %zu bytes, at most %d can be kept.", bytes, metadata->bytes_max - metadata->own_bytes);
}

bool
cf_remote_tags_check(CfOp *op, const CfUploadArgs *args)
{
	const CfAttributeRule *tags = &cf_attributes_rules(op->place)[CF_ATTRIBUTE_TAGS];
	const char *lines = args->attributes.tags;
	CfAttributeLine line;
	int			count = 0;

	while (cf_attribute_line_next(&lines, &line))
	{
		if (++count > tags->count_max || !cf_attribute_line_fits(tags, &line))
			return unfit(op, args, "tag", tags, &line);
	}
	return true;
}

/* unfit refuses a line that the store could not hold. */
static bool
unfit(CfOp *op, const CfUploadArgs *args, const char *what, const CfAttributeRule *rule, const CfAttributeLine *line)
{
	cf_error_set(&op->err, CF_ERR_INPUT, "%s \"%.*s\" of object \"%s\" cannot be kept in place \"%s\"", what,
				 (int) (line->name_bytes < 100 ? line->name_bytes : 100), line->name, cf_remote_shown(op, args->key), op->place->name);
	cf_error_hint(&op->err, "Names there are %s; values are %s.", cf_charset_name(rule->names), cf_charset_name(rule->values));
	if (rule->count_max == 0)
		return false;
	return cf_error_detail(&op->err, "There are %d at most, with names up to %d and values up to %d characters.", rule->count_max,
						   rule->name_max, rule->value_max);
}

bool
cf_remote_line_is(const CfAttributeLine *line, const char *name)
{
	return line->name_bytes == strlen(name) && memcmp(line->name, name, line->name_bytes) == 0;
}

bool
cf_remote_metadata_next(CfRemoteMetadata *metadata, CfAttributeLine *line)
{
	if (!metadata->begun)
		metadata->rest = metadata->args->metadata;
	metadata->begun = true;
	for (;;)
	{
		while (cf_attribute_line_next(&metadata->rest, line))
		{
			if (cf_remote_line_is(line, CF_REMOTE_OWNER_TAG))
				continue;
			if (!metadata->of_source || (!cf_attribute_line_reserved(line) && !line_known(metadata->args->metadata, line)))
				return true;
		}
		if (metadata->of_source)
			return false;
		metadata->of_source = true;
		metadata->rest = metadata->args->attributes.metadata;
	}
}

bool
cf_remote_metadata_send(CfOp *op, const CfUploadArgs *args, const char *prefix, char *(*encode) (CfArena *arena, const char *text),
						const char *except)
{
	CfArena    *arena = &op->request_arena;
	CfRemoteMetadata metadata = {.args = args};
	CfAttributeLine line;

	while (cf_remote_metadata_next(&metadata, &line))
	{
		char	   *name = cf_remote_format(arena, "%s%.*s", prefix, (int) line.name_bytes, line.name);
		char	   *value = cf_arena_strndup(arena, line.value, line.value_bytes);

		if (value != NULL && encode != NULL)
			value = encode(arena, value);
		if (name == NULL || value == NULL)
			return cf_remote_memory(op) == CF_STEP_DONE;
		for (char *c = name + strlen(prefix); encode != NULL && *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char) (*c + 'a' - 'A') : *c == '_' && strncmp(line.name, "cf_", 3) == 0 ? '-' : *c;
		if (!cf_remote_line_is(&line, except) && !cf_net_header(&op->request, name, value, &op->err))
			return false;
	}
	return true;
}

/* line_known tells whether lines have one of that name. */
static bool
line_known(const char *lines, const CfAttributeLine *line)
{
	CfAttributeLine other;

	while (cf_attribute_line_next(&lines, &other))
	{
		if (other.name_bytes == line->name_bytes && memcmp(other.name, line->name, line->name_bytes) == 0)
			return true;
	}
	return false;
}

void
cf_remote_properties(const CfUploadArgs *args, const char *values[CF_REMOTE_PROPERTIES])
{
	const CfAttributes *attributes = &args->attributes;

	values[0] = args->content_type;
	values[1] = attributes->cache_control;
	values[2] = attributes->content_disposition;
	values[3] = attributes->content_encoding;
	values[4] = attributes->content_language;
	for (int i = 0; i < CF_REMOTE_PROPERTIES; i++)
		values[i] = values[i] == NULL ? "" : values[i];
}

const char *
cf_remote_class(const CfOp *op, const char *storage_class)
{
	return storage_class == NULL || storage_class[0] == '\0' ? op->place->storage_class : storage_class;
}

char *
cf_remote_tags(CfArena *arena, const char *tags)
{
	CfRemoteText text = {.arena = arena};
	CfAttributeLine line;

	while (cf_attribute_line_next(&tags, &line))
	{
		char	   *name = cf_url_encode(arena, line.name, line.name_bytes, false);
		char	   *value = cf_url_encode(arena, line.value, line.value_bytes, false);

		if (name == NULL || value == NULL)
			return NULL;
		cf_remote_text_format(&text, "%s%s=%s", text.length > 0 ? "&" : "", name, value);
	}
	return cf_remote_text_end(&text);
}

bool
cf_remote_properties_read(CfOp *op, const char *prefix, char *(*decode) (CfArena *arena, const char *text), CfObjectStat *stat)
{
	CfAttributes *attributes = &stat->attributes;

	attributes->tags = "";
	return cf_remote_keep(op, "content-type", &stat->content_type) && cf_remote_keep(op, "cache-control", &attributes->cache_control) &&
		cf_remote_keep(op, "content-disposition", &attributes->content_disposition) &&
		cf_remote_keep(op, "content-encoding", &attributes->content_encoding) &&
		cf_remote_keep(op, "content-language", &attributes->content_language) && metadata_read(op, prefix, decode, &attributes->metadata);
}

bool
cf_remote_keep(CfOp *op, const char *name, const char **kept)
{
	return (*kept = cf_arena_strdup(op->arena, cf_net_answer(&op->response, name))) != NULL;
}

/* metadata_read makes lines of the headers of metadata. What cloudflux noted gets the "_" of its name back, which proxies drop. */
static bool
metadata_read(CfOp *op, const char *prefix, char *(*decode) (CfArena *arena, const char *text), const char **lines)
{
	CfRemoteText text = {.arena = op->arena};

	for (int i = 0; i < op->response.header_count; i++)
	{
		const char *name = op->response.headers[i].name;
		const char *value = op->response.headers[i].value;
		char		plain[32];
		size_t		length;

		if (strncmp(name, prefix, strlen(prefix)) != 0 || name[strlen(prefix)] == '\0' || strchr(value, '\n') != NULL)
			continue;
		if (decode != NULL && (value = decode(op->arena, value)) == NULL)
			return false;
		name += strlen(prefix);
		for (length = 0; length < sizeof(plain) - 1 && name[length] != '\0'; length++)
			plain[length] = name[length] == '-' ? '_' : name[length];
		plain[length] = '\0';
		cf_remote_text_add(&text, cf_attributes_ours(plain, length) ? plain : name);
		cf_remote_text_add(&text, "=");
		cf_remote_text_add(&text, value);
		cf_remote_text_add(&text, "\n");
	}
	return (*lines = cf_remote_text_end(&text)) != NULL;
}
