/*
 * kafka_token.c
 *		Bearer tokens (OAUTHBEARER, RFC 7628) that somebody else renews in a file: read, and asked how long they are good for.
 *
 * The broker judges the token; from here it is a text of three parts with dots between them, whose second part is JSON in base64url
 * and may tell "exp" and "sub" (RFC 7519).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "core/clock.h"
#include "core/json.h"
#include "events/kafka_client.h"
#include "security/security.h"

#define UNSAID_MS (5 * 60 * 1000)

/* read_text reads the file; line ends and blanks behind the token are left away. */
static bool
read_text(const char *path, char token[CF_KAFKA_TOKEN_BYTES], CfError *err)
{
	int			fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t		length = -1;

	if (fd < 0 || fstat(fd, &st) < 0)
		cf_error_errno(err, errno, "could not open token file", path);
	else if (!S_ISREG(st.st_mode))
		cf_error_set(err, CF_ERR_INPUT, "\"%s\" is not a file", path);
	else if ((length = read(fd, token, CF_KAFKA_TOKEN_BYTES)) < 0)
		cf_error_errno(err, errno, "could not read token file", path);
	if (fd >= 0)
		close(fd);
	if (length < 0)
		return false;
	while (length > 0 && strchr("\r\n \t", token[length - 1]) != NULL)
		length--;
	if (length == 0 || length == CF_KAFKA_TOKEN_BYTES || memchr(token, '\0', length) != NULL)
		return cf_error_set(err, CF_ERR_INPUT, "token file \"%s\" does not hold a token", path);
	token[length] = '\0';
	return true;
}

/* claims gives the token's second part; NULL = it has none that can be read. */
static json_t *
claims(const char *token)
{
	char		text[CF_KAFKA_TOKEN_BYTES + 4];
	unsigned char bytes[CF_KAFKA_TOKEN_BYTES];
	const char *begin = strchr(token, '.');
	size_t		length = begin != NULL ? strcspn(++begin, ".") : 0;
	long		decoded;
	json_t	   *json;

	if (length == 0 || begin[length] != '.')
		return NULL;
	for (size_t i = 0; i < length; i++)
		text[i] = begin[i] == '-' ? '+' : begin[i] == '_' ? '/' : begin[i];
	while (length % 4 != 0)
		text[length++] = '=';
	text[length] = '\0';
	decoded = cf_base64_decode(text, bytes, sizeof(bytes));
	json = decoded > 0 ? cf_json_object((const char *) bytes, (size_t) decoded) : NULL;
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return json;
}

bool
cf_kafka_token_read(const char *path, char token[CF_KAFKA_TOKEN_BYTES], int64_t *until_ms, char principal[CF_KAFKA_PRINCIPAL_BYTES],
					CfError *err)
{
	json_t	   *said;
	json_t	   *exp;
	const char *sub;

	if (!read_text(path, token, err))
		return false;
	said = claims(token);
	exp = json_object_get(said, "exp");
	sub = cf_json_text(said, "sub");
	*until_ms = json_is_number(exp) && json_number_value(exp) > 0 && json_number_value(exp) < 1e12 ? (int64_t) (json_number_value(exp) * 1000)
		: cf_clock_now_us() / 1000 + UNSAID_MS;
	if (sub[0] == '\0' || strlen(sub) >= CF_KAFKA_PRINCIPAL_BYTES)
		sub = "cloudflux";
	memcpy(principal, sub, strlen(sub) + 1);
	json_decref(said);
	return true;
}
