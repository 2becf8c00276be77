/* Whatever comes as a notification of S3 is refused with a reason, or becomes records that are JSON and name their objects. */
#include "events_ingest_target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfIngestMessage message = {.value = {(const char *) data, size}};

	try_message(&message, CF_INGEST_OBJECTS, CF_INGEST_S3, true);
	return 0;
}
