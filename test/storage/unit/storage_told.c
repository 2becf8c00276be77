/*
 * Versions that an inventory tells of: their pins are those of a listing, and what does not tell enough gives none.
 */
#include "harness/tap.h"

#include "storage/driver.h"

static const char *
told(const CfDriver *driver, CfToldVersion version)
{
	static char pin[CF_STORAGE_VERSION_MAX + 1];
	CfPlace		place = {.name = "p", .driver = driver};

	return cf_storage_version_told(&place, &version, pin) ? pin : "none";
}

int
main(void)
{
	CfPlace		s3 = {.name = "p", .driver = &cf_storage_s3_driver};
	char		large[300];

	memset(large, 'e', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	is_str(told(&cf_storage_s3_driver, (CfToldVersion) {"\"0a4d-3\"", "", "", INT64_C(1714557600500000)}), "e=0a4d-3;m=1714557600", "S3: ETag and time, quotes apart");
	is_str(told(&cf_storage_s3_driver, (CfToldVersion) {"0a4d", "null", "", -1}), "e=0a4d", "S3: the ETag alone");
	is_str(told(&cf_storage_s3_driver, (CfToldVersion) {"0a4d", "3HL4kqtJlcpXroDTDmJ", "", 5}), "e=0a4d;v=3HL4kqtJlcpXroDTDmJ", "S3: on a versioned bucket the version id");
	ok(cf_storage_version_same(&s3, "e=0a4d;v=3HL4kqtJlcpXroDTDmJ", "e=0a4d;m=7"), "S3: which is the same as what a listing tells");
	is_str(told(&cf_storage_s3_driver, (CfToldVersion) {"", "v", "", 5}), "none", "S3: no ETag, no pin");
	is_str(told(&cf_storage_s3_driver, (CfToldVersion) {large, "v", "", 5}), "none", "S3: an ETag that is none");
	is_str(told(&cf_storage_azure_driver, (CfToldVersion) {"\"0x8D15A2913C934DE\"", "v", "", 5}), "0x8D15A2913C934DE", "Azure: the ETag");
	is_str(told(&cf_storage_azure_driver, (CfToldVersion) {"", "v", "", 5}), "none", "Azure: no ETag, no pin");
	is_str(told(&cf_storage_gcs_driver, (CfToldVersion) {"CJDk", "", "1714557600500000", 5}), "1714557600500000", "GCS: the generation");
	is_str(told(&cf_storage_gcs_driver, (CfToldVersion) {"CJDk", "", "0", 5}), "none", "GCS: no generation, no pin");
	is_str(told(&cf_storage_file_driver, (CfToldVersion) {"e", "v", "1", 5}), "none", "a folder: nobody writes inventories of it");
	is_str(told(NULL, (CfToldVersion) {"e", "v", "1", 5}), "none", "nor without a driver");
	return done_testing();
}
