/*
 * net_guard: any text as an allow list. What is read must not open a link-local address to a host entry, and must say what it
 * means when it is read again.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/guard.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static CfAllow allow;
	char	   *text = malloc(size + 1);
	struct sockaddr_in metadata = {.sin_family = AF_INET};
	CfUrl		url;
	CfError		err;

	memcpy(text, data, size);
	text[size] = '\0';
	inet_pton(AF_INET, "169.254.169.254", &metadata.sin_addr);
	cf_url_split("https://h.corp/", &url, &err);
	if (cf_guard_parse(text, &allow, &err))
	{
		bool		networks = false;

		for (int i = 0; i < allow.count; i++)
		{
			if (allow.entries[i].family == 0 && strlen(allow.entries[i].host) >= sizeof(allow.entries[i].host))
				abort();
			networks |= allow.entries[i].family == AF_INET;
		}
		if (!networks && cf_guard_address(&allow, &url, false, (struct sockaddr *) &metadata) == NULL)
			abort();
	}
	else if (err.message[0] == '\0')
		abort();
	cf_guard_bypass(text, "h.corp");
	cf_guard_proxy(text, &err);
	free(text);
	return 0;
}
