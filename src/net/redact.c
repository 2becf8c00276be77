/*
 * redact.c
 *		The one redactor: what may be logged of a URL, a header, a message or a piece of a body.
 *
 * It goes by names. A word of the list, standing by itself, hides the value after it, however the value is attached:
 * name=value of a query (also when the query is percent-encoded once more inside another URL), "name: value" of a header
 * (to the end of the line), "name":"value" of JSON, <name>value</name> of XML. Besides: the user part of a URL, what
 * follows Bearer and SharedKey, JSON web tokens, private keys in PEM. It hides too much rather than too little, and never
 * writes more than it was given room for.
 */
#include <string.h>

#include "net/net.h"

#define WORD_MAX 64

static const char *const secret_words[] = {
	"access_token", "accesskeysecret", "account_key", "accountkey", "apikey", "api_key", "assertion", "authorization",
	"authorizationtoken", "client_assertion", "client_secret", "cookie", "credential", "googleaccessid", "id_token",
	"metadata-token", "password", "passwd", "private_key", "proxy-authorization", "refresh_token", "sas_token",
	"secret", "secret_access_key", "secretaccesskey", "session_token", "sessiontoken", "set-cookie", "sig", "signature",
	"subject_token", "token", "upload_id", "webidentitytoken", "x-amz-copy-source-server-side-encryption-customer-key",
	"x-amz-credential", "x-amz-security-token", "x-amz-server-side-encryption-customer-key", "x-amz-signature",
	"x-aws-ec2-metadata-token", "x-goog-copy-source-encryption-key", "x-goog-credential",
	"x-goog-encryption-key", "x-goog-signature", "x-guploader-uploadid", "x-identity-header",
	"x-ms-copy-source-authorization", "x-ms-encryption-key", "x-ms-source-encryption-key",
};

/* Words that a blank separates from their secret. */
static const char *const schemes[] = {"bearer", "sharedkey", "sharedkeylite", "basic"};

typedef struct Output
{
	char	   *text;
	size_t		room;			/* with the NUL */
	size_t		length;
} Output;

static void
put(Output *out, const char *text, size_t length)
{
	size_t		free_bytes = out->room - 1 - out->length;

	if (length > free_bytes)
		length = free_bytes;
	memcpy(out->text + out->length, text, length);
	out->length += length;
}

static bool
word_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool
hex_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* escaped tells whether %XX of the given byte (two digits in lower case) stands at text. */
static bool
escaped(const char *text, const char *digits)
{
	return text[0] == '%' && text[1] == digits[0] && text[2] != '\0' &&
		(text[2] == digits[1] || text[2] == digits[1] - ('a' - 'A'));
}

/* listed tells whether a word is in a list; words are compared in lower case. */
static bool
listed(const char *word, size_t length, const char *const *list, size_t count)
{
	char		lower[WORD_MAX];

	if (length >= sizeof(lower))
		return false;
	for (size_t i = 0; i < length; i++)
		lower[i] = (char) (word[i] >= 'A' && word[i] <= 'Z' ? word[i] + ('a' - 'A') : word[i]);
	lower[length] = '\0';
	for (size_t i = 0; i < count; i++)
	{
		if (strcmp(lower, list[i]) == 0)
			return true;
	}
	return false;
}

/* query_end finds the end of a value in a query. */
static const char *
query_end(const char *at)
{
	while (*at != '\0' && strchr("& \t\r\n\"'<>,;)", *at) == NULL && !escaped(at, "26"))
		at++;
	return at;
}

/* quoted_end finds the closing quote of a JSON text. */
static const char *
quoted_end(const char *at)
{
	while (*at != '\0' && *at != '"')
		at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
	return at;
}

/*
 * hidden_value tells where the value that belongs to a secret word begins and ends, when one follows at `after`; `before`
 * is the character in front of the word, 0 at the start.
 */
static bool
hidden_value(char before, const char *after, const char **begin, const char **end)
{
	if (*after == '=' || escaped(after, "3d"))
	{
		*begin = after + (*after == '=' ? 1 : 3);
		if (**begin == '"')
			*end = quoted_end(++*begin);
		else
			*end = query_end(*begin);
		return true;
	}
	if (*after == '>' && before == '<')
	{
		*begin = after + 1;
		*end = *begin + strcspn(*begin, "<");
		return true;
	}
	if (*after == '"')
		after++;
	after += strspn(after, " \t");
	if (*after != ':')
		return false;
	after++;
	after += strspn(after, " \t");
	if (*after == '"')
	{
		*begin = after + 1;
		*end = quoted_end(*begin);
	}
	else
	{
		*begin = after;
		*end = after + strcspn(after, "\r\n");
	}
	return true;
}

/* token_end tells where a JSON web token that begins at text ends; NULL when there is none. */
static const char *
token_end(const char *text)
{
	const char *at = text;
	int			dots = 0;

	if (strncmp(text, "eyJ", 3) != 0)
		return NULL;
	for (; word_char(*at) || *at == '.'; at++)
		dots += *at == '.';
	return dots >= 1 && at - text > 20 ? at : NULL;
}

/* user_end tells where the user part of a URL ends whose "://" stands at text; NULL when it has none. */
static const char *
user_end(const char *text)
{
	const char *at;

	if (strncmp(text, "://", 3) != 0)
		return NULL;
	at = text + 3 + strcspn(text + 3, "/?# \t\r\n\"'<>");
	while (at > text + 3 && *at != '@')
		at--;
	return *at == '@' ? at : NULL;
}

/* key_end tells where a block of PEM ends that begins at text. */
static const char *
key_end(const char *text)
{
	const char *last = strstr(text, "-----END");

	if (last == NULL)
		return text + strlen(text);
	return last + strcspn(last, "\r\n");
}

/* one_word copies the word at `word` and hides what belongs to it; returns where to go on. */
static const char *
one_word(Output *out, char before, const char *word)
{
	const char *end = word;
	const char *begin;
	const char *value_end;

	if ((value_end = token_end(word)) != NULL)
	{
		put(out, "***", 3);
		return value_end;
	}
	while (word_char(*end))
		end++;
	if (listed(word, (size_t) (end - word), secret_words, sizeof(secret_words) / sizeof(secret_words[0])) &&
		hidden_value(before, end, &begin, &value_end))
	{
		put(out, word, (size_t) (begin - word));
		if (value_end > begin)
			put(out, "***", 3);
		return value_end;
	}
	put(out, word, (size_t) (end - word));
	if (*end == ' ' && listed(word, (size_t) (end - word), schemes, sizeof(schemes) / sizeof(schemes[0])))
	{
		put(out, " ***", 4);
		end++;
		end += strcspn(end, " \t\r\n\"',");
	}
	return end;
}

void
cf_net_redact(const char *text, char *redacted, size_t room)
{
	Output		out = {redacted, room, 0};
	const char *at = text;
	const char *end;

	if (room == 0)
		return;
	while (*at != '\0' && out.length + 1 < room)
	{
		char		before = at > text ? at[-1] : '\0';

		if (strncmp(at, "-----BEGIN", 10) == 0)
		{
			put(&out, "***", 3);
			at = key_end(at);
		}
		else if (word_char(*at))
			at = one_word(&out, before, at);
		else if (at[0] == '%' && hex_char(at[1]) && hex_char(at[2]))
		{
			put(&out, at, 3);
			at += 3;
		}
		else if ((end = user_end(at)) != NULL)
		{
			put(&out, "://***", 6);
			at = end;
		}
		else
			put(&out, at++, 1);
	}
	redacted[out.length] = '\0';
}
