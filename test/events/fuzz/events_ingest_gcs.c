/* Whatever comes as a notification of GCS is refused with a reason, or becomes records that are JSON and name their objects. */
#include "events_ingest_target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfIngestMessage message = {.value = {(const char *) data, size}};
	const char *end = memchr(data, '\n', size);

	/* The first line is an attribute: what a header of Pub/Sub would say. */
	if (end != NULL)
	{
		message.headers[0].name = "eventType";
		message.headers[0].value = (CfText){(const char *) data, (size_t) (end - (const char *) data)};
		message.header_count = 1;
		message.value = (CfText){end + 1, size - message.headers[0].value.length - 1};
	}
	try_message(&message, CF_INGEST_OBJECTS, CF_INGEST_GCS, true);
	return 0;
}
