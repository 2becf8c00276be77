/* Whatever comes as a message of any format, in each shape is refused with a reason, or becomes records that are JSON. */
#include "events_ingest_target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CfIngestMessage message = {.value = {(const char *) data, size}};

	try_message(&message, size % 2 == 0 ? CF_INGEST_OBJECTS : CF_INGEST_DATA, CF_INGEST_AUTO, false);
	return 0;
}
