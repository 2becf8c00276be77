/*
 * net_redact: any text. The output fits, ends, and a secret that is put behind the text as a signature is never in it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/net.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char secret[] = "\nx-amz-security-token: S3cretS3cret";
	size_t		room = size * 3 + 128;
	char	   *text = malloc(size + sizeof(secret));
	char	   *redacted = malloc(room);
	char	   *small = malloc(size % 50 + 1);

	memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
	{
		if (text[i] == '\0')
			text[i] = '0';
	}
	memcpy(text + size, secret, sizeof(secret));
	cf_net_redact(text, redacted, room);
	/* An open quote or an open tag in front takes the line with it; either way the secret is gone. */
	if (strstr(redacted, "S3cretS3cret") != NULL && memmem(data, size, "S3cretS3cret", 12) == NULL)
		abort();
	cf_net_redact(text, small, size % 50 + 1);
	if (strlen(small) > size % 50)
		abort();
	free(text);
	free(redacted);
	free(small);
	return 0;
}
