/*
 * net_redact: what may be logged. Each case is a text and what is left of it.
 */
#include "tap.h"

#include "net/net.h"

static const char *const cases[][2] = {
	{"GET https://h/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F2024&X-Amz-Signature=abc&x-id=1",
	"GET https://h/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=***&X-Amz-Signature=***&x-id=1"},
	{"Authorization: AWS4-HMAC-SHA256 Credential=AK/20/x, SignedHeaders=host, Signature=ff\r\nHost: h",
	"Authorization: ***\r\nHost: h"},
	{"AWS4-HMAC-SHA256 Credential=AK/20/x, SignedHeaders=host, Signature=ff",
	"AWS4-HMAC-SHA256 Credential=***, SignedHeaders=host, Signature=***"},
	{"x-amz-security-token:  tok/en==", "x-amz-security-token:  ***"},
	{"https://a.blob.core.windows.net/c/k?sv=2024&sp=r&sig=a%2Fb%3D&se=2025",
	"https://a.blob.core.windows.net/c/k?sv=2024&sp=r&sig=***&se=2025"},
	{"x-ms-copy-source: https://a/c?sv=1&sig=abc", "x-ms-copy-source: https://a/c?sv=1&sig=***"},
	{"copy=https%3A%2F%2Fa%2Fc%3Fsv%3D1%26sig%3Dabc%26se%3D2", "copy=https%3A%2F%2Fa%2Fc%3Fsv%3D1%26sig%3D***%26se%3D2"},
	{"x-ms-copy-source-authorization: Bearer abc.def", "x-ms-copy-source-authorization: ***"},
	{"sent Bearer abc/def+x= to h", "sent Bearer *** to h"},
	{"SharedKey account:c2ln, then", "SharedKey ***, then"},
	{"https://user:pa@ss@proxy:3128/x", "https://***@proxy:3128/x"},
	{"https://h/p@q", "https://h/p@q"},
	{"{\"access_token\":\"ya29.a0\\\"x\",\"expires_in\":3599, \"refresh_token\" : \"r\"}",
	"{\"access_token\":\"***\",\"expires_in\":3599, \"refresh_token\" : \"***\"}"},
	{"<SessionToken>abc</SessionToken><Expiration>x", "<SessionToken>***</SessionToken><Expiration>x"},
	{"<SecretAccessKey>abc", "<SecretAccessKey>***"},
	{"Location: https://storage.googleapis.com/upload?name=x&upload_id=AHmKQ", "Location: https://storage.googleapis.com/upload?name=x&upload_id=***"},
	{"grant_type=jwt&assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln&x=1", "grant_type=jwt&assertion=***&x=1"},
	{"got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln!", "got ***!"},
	{"eyJ is short.", "eyJ is short."},
	{"key -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nafter", "key ***\nafter"},
	{"-----BEGIN RSA PRIVATE KEY-----\nMIIE", "***"},
	{"client_secret=\"a b\" x", "client_secret=\"***\" x"},
	{"password=", "password="},
	{"the signature does not match, the token expired", "the signature does not match, the token expired"},
	{"signature is design=3, sigma=4", "signature is design=3, sigma=4"},
	{"100% of %zz and %4", "100% of %zz and %4"},
	{"plain", "plain"},
	{"", ""},
	{"token", "token"},
	{"\"token\" stands alone", "\"token\" stands alone"},
	{"password: \"open", "password: \"***"},
	{"password: a\\", "password: ***"},
	{"\"password\":\"a\\", "\"password\":\"***"},
	{"X-Goog-Signature%3dabc%26y", "X-Goog-Signature%3d***%26y"},
	{"Basic dXNlcjpwdw==\n", "Basic ***\n"},
	{"averyveryveryveryveryveryveryveryveryveryveryveryveryverylongwordindeed=1", "averyveryveryveryveryveryveryveryveryveryveryveryveryverylongwordindeed=1"},
};

int
main(void)
{
	char		redacted[1024];
	char		guarded[16];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		cf_net_redact(cases[i][0], redacted, sizeof(redacted));
		is_str(redacted, cases[i][1], "%s", cases[i][1]);
	}
	memset(guarded, 'G', sizeof(guarded));
	cf_net_redact("a longer text", guarded, 5);
	is_str(guarded, "a lo", "no more is written than there is room for");
	is_int(guarded[5], 'G', "not one byte");
	cf_net_redact("sig=secret", guarded, 6);
	is_str(guarded, "sig=*", "and nothing of the secret");
	cf_net_redact("x", guarded, 0);
	is_str(guarded, "sig=*", "no room, no byte");
	return done_testing();
}
