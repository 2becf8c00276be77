/*
 * identity.h
 *		What the sources of credentials of all drivers have in common. Private to the room storage.
 *
 * A source (the option credential_source of a superuser's place) asks files of the server and services of the machine or its
 * platform for short-lived credentials, as a step machine behind CfDriver.credential_next. What it is told is hostile
 * until read: answers are bounded, and nothing of them reaches an error but codes of harmless characters.
 */
#ifndef CF_STORAGE_IDENTITY_H
#define CF_STORAGE_IDENTITY_H

#include "core/json.h"
#include "storage/remote/remote.h"

#define CF_IDENTITY_ANSWER_BYTES (64 * 1024)
#define CF_IDENTITY_TOKEN_BYTES (16 * 1024)	/* of a token file */
#define CF_IDENTITY_LIFE_MAX_S INT64_C(604800)	/* whatever is said to live longer is asked for again */

/* cf_identity_source gives the place's source, "" when sealed credentials are used or none; cf_identity_value one of its settings, "" = unset. */
extern const char *cf_identity_source(const CfPlace *place);
extern const char *cf_identity_value(const CfPlace *place, const char *name);

/*
 * cf_identity_file reads a file of the server into the arena, at most max bytes, NUL-terminated, without blanks at its end.
 * cf_identity_token is that for a file whose only content is a token of printable ASCII.
 */
extern bool cf_identity_file(const CfPlace *place, const char *path, size_t max, CfArena *arena, char **text, CfError *err);
extern bool cf_identity_token(const CfPlace *place, const char *path, CfArena *arena, char **token, CfError *err);

/*
 * cf_identity_request begins a request for credentials: the answer is small, and never followed anywhere else. metadata = it goes to one
 * of the compiled-in addresses, or to one that cloudflux.net_allow lists. cf_identity_metadata begins one to the metadata service of
 * the machine. NULL = op->err tells why; so it does where url or path is NULL, which is memory that was short.
 */
extern CfRequest *cf_identity_request(CfOp *op, const char *method, const char *verb, const char *url, bool metadata);
extern CfRequest *cf_identity_metadata(CfOp *op, const char *method, const char *verb, const char *path);
extern bool cf_identity_endpoint(const CfPlace *place, const char *endpoint, CfError *err);	/* is it http(s)://HOST[:PORT]? */
extern bool cf_identity_options_check(const CfPlace *place, CfError *err);	/* for validate: those that name such an address */

/* cf_identity_post sends the request with a body of that type, which is wiped with the answer; NULL = memory was short. */
extern CfStep cf_identity_post(CfOp *op, const char *type, const char *body, int phase);
#define CF_IDENTITY_FORM "application/x-www-form-urlencoded"

/*
 * cf_identity_refused tells why an answer is not 200: `who` answered ("The metadata service"), with a code of its own or "", and with
 * words or "", which are shown.
 */
extern CfStep cf_identity_refused(CfOp *op, const char *who, const char *code, const char *words);

/* cf_identity_fails ends the exchange with an error; retryable when it is CF_ERR_IO. */
extern CfStep cf_identity_fails(CfOp *op, CfErrorKind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* cf_identity_json reads the answer as a JSON object; NULL = it is none. The caller gives it back. */
extern json_t *cf_identity_json(const CfOp *op);

/* cf_identity_seconds reads a number of seconds that is a number or its digits; false = it is none, or not positive. */
extern bool cf_identity_seconds(const json_t *value, int64_t *seconds);

/* cf_identity_bearer tells whether a token can stand in a header (RFC 6750). */
extern bool cf_identity_bearer(const char *token);

/* cf_identity_oauth ends the exchange with the token of an answer of 200 as OAuth has it (RFC 6749); none lives longer than longest_s. */
extern CfStep cf_identity_oauth(CfOp *op, const char *who, int64_t longest_s);

/* cf_identity_keep makes value the place's token until expires_us; false = it is empty or too long. Wipes the answer. */
extern bool cf_identity_keep(CfOp *op, const char *value, int64_t expires_us);
extern void cf_identity_wipe(CfOp *op); /* the body of the present request, and its answer */

#endif							/* CF_STORAGE_IDENTITY_H */
