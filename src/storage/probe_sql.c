/*
 * probe_sql.c
 *		What a store honours, proven with throw-away objects below cloudflux-check/.
 *
 * The object of the checks is written, read, removed and written again with other bytes under the same key; so its first version
 * is a pin that once was right, which is what the conditions of reads, deletes and copies must withstand. A check tells two
 * things: whether all is well, and whether the capability is proven, disproven or neither, because an error (a right that is
 * missing, a network that is down) disproves nothing.
 *
 * Whatever fails, the next check runs where it can, and everything that was written is removed in the end. What an interrupt or
 * a crash left behind is removed by the next call that comes a day later.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "security/security.h"
#include "storage/probe_sql.h"

#define FOLDER "cloudflux-check/"
#define FIRST_TEXT "cloudflux checks whether this place works; this object may be removed.\n"
#define METADATA "cf_check=cloudflux"
#define CLOCK_SKEW_US (INT64CONST(5) * 1000 * 1000)
#define LEFT_BEHIND_US (INT64CONST(86400) * 1000 * 1000)
#define SWEEP_PAGE 100

static bool probe_list(CfProbe *probe);
static void probe_write(CfProbe *probe);
static void probe_create_only(CfProbe *probe);
static void probe_checksums(CfProbe *probe);
static int	digests_wrong(const CfDigests *told, const char *text);
static bool read_text(CfProbe *probe, const char *key, const char *version, char *text, size_t room, CfStep *step);
static void probe_replace(CfProbe *probe);
static void probe_conditional_read(CfProbe *probe);
static void probe_copy(CfProbe *probe);
static void probe_conditional_copy(CfProbe *probe, const char *there);
static void probe_versions(CfProbe *probe);
static void probe_tiers(CfProbe *probe);
static void probe_clock(CfProbe *probe);
static CfRemoved remove_key(CfProbe *probe, const char *key, const char *version);
static void clean_up(CfProbe *probe);
static void sweep(CfProbe *probe);

void
cf_probe_run(CfProbe *probe)
{
	cf_storage_caps(probe->place, &probe->caps);
	snprintf(probe->key, sizeof(probe->key), FOLDER "%s", probe->tag);
	if (!probe_list(probe))
		return;
	probe_write(probe);
	probe_create_only(probe);
	probe_checksums(probe);
	probe_replace(probe);
	probe_conditional_read(probe);
	cf_probe_conditional_delete(probe);
	if (probe->caps.remote)
	{
		probe_copy(probe);
		probe_versions(probe);
	}
	cf_probe_keys(probe);
	probe_tiers(probe);
	probe_clock(probe);
	cf_probe_conditional_replace(probe);
	cf_probe_versioned_delete(probe);
	clean_up(probe);
	sweep(probe);
}

void
cf_probe_failed(CfProbe *probe, const char *name)
{
	const CfError *err = &probe->op.err;

	probe->told(probe, name, CF_PROBE_NOTHING, false,
				err->detail[0] == '\0' ? err->message : psprintf("%s. %s", err->message, err->detail), err->hint);
}

void
cf_probe_not_tried(CfProbe *probe, const char *name)
{
	probe->told(probe, name, CF_PROBE_NOTHING, false, "Not tried, since nothing could be written.", NULL);
}

/*
 * probe_list also finds out whether the store answers at all, and whether it knows who asks; false = there is no use in going on. A
 * store may know him and let him do nothing but list, or anything but that.
 */
static bool
probe_list(CfProbe *probe)
{
	CfListPage	page = {0};
	CfStep		step;
	bool		denied;
	bool		strange;

	if (!cf_storage_place_check(probe->place, &probe->op.err))
	{
		cf_probe_failed(probe, "reachable");
		return false;
	}
	DRIVE(probe, step, cf_storage_list(&probe->op, "", NULL, 10, &page));
	denied = step == CF_STEP_ERROR && probe->op.err.kind == CF_ERR_DENIED;
	strange = denied && probe->op.response.status != 0 && cf_storage_stranger(&probe->op);
	/* Who was kept from asking, by the guard of outgoing connections or by a certificate, has reached nobody. */
	if (step == CF_STEP_ERROR && !strange && (!denied || (probe->caps.remote && probe->op.response.status == 0)))
	{
		cf_probe_failed(probe, probe->op.no_token && probe->op.response.status != 0 ? "authenticated" : "reachable");
		return false;
	}
	/* Who was refused a token has not come to the store. */
	if (!probe->op.no_token)
		probe->told(probe, "reachable", CF_PROBE_YES, true, probe->place->bucket, NULL);
	if (strange)
	{
		cf_probe_failed(probe, "authenticated");
		return false;
	}
	if (denied && probe->caps.remote && probe->place->credentials == NULL && probe->place->identity == NULL)
		probe->told(probe, "authenticated", CF_PROBE_NOTHING, false,
					"The role that asks has no credentials for this place: requests go out unsigned, and one was refused.",
					"Set them with cloudflux.set_credentials(), for the role or for public.");
	else
		probe->told(probe, "authenticated", CF_PROBE_YES, true,
					probe->caps.remote ? "The store accepts the credentials of the role that asks." :
					"The role that asks may use the place, and its owner may read and write files of the server.", NULL);
	if (denied)
		cf_probe_failed(probe, "list");
	else
		probe->told(probe, "list", CF_PROBE_YES, true, page.count > 0 ? "There are objects." : "The place is empty.", NULL);
	cf_storage_op_end(&probe->op);
	return true;
}

static void
probe_write(CfProbe *probe)
{
	CfObjectStat stat;
	CfStep		step = cf_probe_put(probe, probe->key, FIRST_TEXT, "", "a", &stat);

	if (step == CF_STEP_ERROR)
	{
		cf_probe_failed(probe, "write");
		return;
	}
	DRIVE(probe, step, cf_storage_stat(&probe->op, probe->key, &probe->stat));
	if (step == CF_STEP_ERROR)
	{
		cf_probe_failed(probe, "write");
		probe->stat.version[0] = '\0';
		return;
	}
	probe->versioned = probe->stat.versioned;
	strlcpy(probe->old_version, stat.version, sizeof(probe->old_version));
	/* Some stores tell their digest at a create only. */
	if (probe->stat.digests.known == 0)
		probe->stat.digests = stat.digests;
	if (probe->stat.size_bytes != strlen(FIRST_TEXT) || !cf_storage_version_same(probe->place, stat.version, probe->stat.version))
		probe->told(probe, "write", CF_PROBE_NO, false, psprintf("Object \"%s\" is not what was written.", probe->key),
					"Do not use this place.");
	else
		probe->told(probe, "write", CF_PROBE_YES, true, psprintf("Object \"%s\" was created.", probe->key), NULL);
}

/* probe_create_only creates the object once more, as somebody else: that must fail. */
static void
probe_create_only(CfProbe *probe)
{
	CfObjectStat stat;
	CfStep		step;

	if (probe->stat.version[0] == '\0')
	{
		cf_probe_not_tried(probe, "conditional write");
		return;
	}
	step = cf_probe_put(probe, probe->key, CF_PROBE_OTHER_TEXT, "", "b", &stat);
	if (step == CF_STEP_ERROR && probe->op.err.kind == CF_ERR_EXISTS)
		probe->told(probe, "conditional write", CF_PROBE_YES, true, "A second create of the same key was refused.", NULL);
	else if (step == CF_STEP_ERROR)
		cf_probe_failed(probe, "conditional write");
	else
	{
		probe->stat = stat;
		probe->told(probe, "conditional write", CF_PROBE_NO, false, "A second create replaced the object.",
					"This place cannot be a destination: two writers would overwrite each other.");
	}
	cf_storage_op_end(&probe->op);
}

/* probe_checksums compares what the place gives, and what it tells of it, with what it was given. */
static void
probe_checksums(CfProbe *probe)
{
	char		text[sizeof(FIRST_TEXT) + 64];
	int			wrong;
	CfStep		step;

	if (probe->stat.version[0] == '\0')
	{
		cf_probe_not_tried(probe, "checksums");
		return;
	}
	if (!read_text(probe, probe->key, probe->stat.version, text, sizeof(text), &step))
	{
		cf_probe_failed(probe, "checksums");
		return;
	}
	if (strcmp(text, FIRST_TEXT) != 0 && strcmp(text, CF_PROBE_OTHER_TEXT) != 0)
	{
		probe->told(probe, "checksums", CF_PROBE_NO, false, "What was read is not what was written.", "Do not use this place.");
		return;
	}
	wrong = digests_wrong(&probe->stat.digests, text);
	probe->told(probe, "digests", probe->stat.digests.known == 0 ? 0 : probe->caps.digests & ~wrong, true, NULL, NULL);
	if (wrong != 0)
		probe->told(probe, "checksums", CF_PROBE_NO, false, "The store tells a digest that is not that of the object.",
					"Moves to this place are verified by reading back.");
	else
		probe->told(probe, "checksums", CF_PROBE_YES, true, probe->stat.digests.known != 0 ?
					"What was read is what was written, and so says the store's own digest." :
					"The store keeps no digests of its own; moves are verified by reading back (SHA-256).", NULL);
}

/* digests_wrong tells which of the digests that the store told are not those of the text. */
static int
digests_wrong(const CfDigests *told, const char *text)
{
	uint8		digest[32];
	int			wrong = 0;

	if ((told->known & CF_DIGEST_SHA256) &&
		(!cf_sha256(text, strlen(text), digest) || memcmp(digest, told->sha256, 32) != 0))
		wrong |= CF_DIGEST_SHA256;
	if ((told->known & CF_DIGEST_MD5) && (!cf_md5(text, strlen(text), digest) || memcmp(digest, told->md5, 16) != 0))
		wrong |= CF_DIGEST_MD5;
	if ((told->known & CF_DIGEST_CRC32C) && cf_crc32c(0, text, strlen(text)) != told->crc32c)
		wrong |= CF_DIGEST_CRC32C;
	if ((told->known & CF_DIGEST_CRC64NVME) && cf_crc64nvme(0, text, strlen(text)) != told->crc64nvme)
		wrong |= CF_DIGEST_CRC64NVME;
	return wrong;
}

/* read_text reads a small object under a pin; false = op.err tells, and the op is ready for another. */
static bool
read_text(CfProbe *probe, const char *key, const char *version, char *text, size_t room, CfStep *step)
{
	CfReadArgs	args = {.key = key, .version = version, .length = -1};
	CfChunk		chunk;
	size_t		length = 0;

	do
	{
		chunk.data = text + length;
		chunk.capacity = room - 1 - length;
		chunk.length = 0;
		*step = cf_storage_await(&probe->op, cf_storage_read(&probe->op, &args, &chunk));
		length += *step == CF_STEP_ERROR ? 0 : chunk.length;
	} while (*step == CF_STEP_AGAIN && length < room - 1);
	text[length] = '\0';
	cf_storage_op_end(&probe->op);
	return *step != CF_STEP_ERROR;
}

/* probe_replace makes the first version of the object one that is no more. */
static void
probe_replace(CfProbe *probe)
{
	CfObjectStat stat;

	if (probe->stat.version[0] == '\0' || remove_key(probe, probe->key, probe->stat.version) != CF_REMOVED_DELETED ||
		cf_probe_put(probe, probe->key, CF_PROBE_OTHER_TEXT, "", "c", &stat) == CF_STEP_ERROR)
		probe->old_version[0] = '\0';
	else
		probe->stat = stat;
	cf_storage_op_end(&probe->op);
}

/* probe_conditional_read asks for the version that was replaced: its bytes may come, or an error, but not those of today. */
static void
probe_conditional_read(CfProbe *probe)
{
	char		text[sizeof(CF_PROBE_OTHER_TEXT) + 64];
	CfStep		step;

	if (probe->old_version[0] == '\0')
	{
		cf_probe_not_tried(probe, "conditional read");
		return;
	}
	if (read_text(probe, probe->key, probe->old_version, text, sizeof(text), &step))
		probe->told(probe, "conditional read", strcmp(text, FIRST_TEXT) == 0, strcmp(text, FIRST_TEXT) == 0,
					strcmp(text, FIRST_TEXT) == 0 ? "A version that was replaced is still to be had, as it was." :
					"Instead of the version that was asked for, another one came.",
					"An object that changes while it is moved may arrive mixed; the final comparison finds that, and it is moved again.");
	else if (probe->op.err.kind == CF_ERR_CHANGED || probe->op.err.kind == CF_ERR_NOT_FOUND)
		probe->told(probe, "conditional read", CF_PROBE_YES, true, "A version that was replaced was refused.", NULL);
	else
		cf_probe_failed(probe, "conditional read");
}

/* copied has the store copy the object; an upload by which it tried in vain is given back. What it said of the copy is in op.err. */
static CfStep
copied(CfProbe *probe, const char *version, const CfUploadArgs *args, CfObjectStat *stat)
{
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfUpload	upload = {.args = *args};
	CfError		told;
	CfStep		step;
	CfStep		aborted;

	DRIVE(probe, step, cf_storage_copy(&probe->op, probe->place, probe->key, version, args, token, stat));
	cf_storage_op_end(&probe->op);
	if (step == CF_STEP_DONE || !probe->caps.copy_uploads || token[0] == '\0' || strlen(token) >= sizeof(upload.handle))
		return step;
	told = probe->op.err;
	strlcpy(upload.handle, token, sizeof(upload.handle));
	DRIVE(probe, aborted, cf_storage_upload_abort(&probe->op, &upload));
	(void) aborted;
	cf_storage_op_end(&probe->op);
	probe->op.err = told;
	return step;
}

/* probe_copy has the store copy the object, then once more where it must not. */
static void
probe_copy(CfProbe *probe)
{
	char	   *key = psprintf("%s-copy", probe->key);
	CfUploadArgs args = {.key = key, .owner_tag = psprintf("%.40s-e", probe->tag), .size_bytes = strlen(CF_PROBE_OTHER_TEXT),
		.content_type = "text/plain", .storage_class = "", .metadata = METADATA};
	CfObjectStat stat;
	CfStep		step;

	if (!probe->caps.server_side_copy || probe->stat.version[0] == '\0')
		return;
	cf_probe_made(probe, key);
	step = copied(probe, probe->stat.version, &args, &stat);
	if (step == CF_STEP_ERROR)
		cf_probe_failed(probe, "copy");
	else
		probe->told(probe, "copy", CF_PROBE_YES, true, "The store copies objects by itself.", NULL);
	if (step == CF_STEP_DONE && probe->caps.copy_conditional)
		probe_conditional_copy(probe, key);
}

static void
probe_conditional_copy(CfProbe *probe, const char *there)
{
	const char *name = "conditional copy";
	CfUploadArgs args = {.key = there, .owner_tag = psprintf("%.40s-f", probe->tag), .size_bytes = strlen(CF_PROBE_OTHER_TEXT),
		.content_type = "text/plain", .storage_class = "", .metadata = METADATA};
	CfObjectStat stat;
	CfStep		step = copied(probe, probe->stat.version, &args, &stat);

	if (step == CF_STEP_DONE)
	{
		probe->told(probe, name, CF_PROBE_NO, false, "A copy replaced an object.", "Copies go through this server instead.");
		return;
	}
	if (probe->op.err.kind != CF_ERR_EXISTS || probe->old_version[0] == '\0')
	{
		cf_probe_failed(probe, name);
		return;
	}
	args.key = psprintf("%s-stale", probe->key);
	cf_probe_made(probe, args.key);
	step = copied(probe, probe->old_version, &args, &stat);
	if (step == CF_STEP_ERROR && (probe->op.err.kind == CF_ERR_CHANGED || probe->op.err.kind == CF_ERR_NOT_FOUND))
		probe->told(probe, name, CF_PROBE_YES, true, "Neither was an object replaced, nor another version copied.", NULL);
	else if (step == CF_STEP_ERROR)
		cf_probe_failed(probe, name);
	else
		probe->told(probe, name, cf_storage_version_same(probe->place, stat.version, probe->stat.version) ? CF_PROBE_NO : CF_PROBE_YES,
					!cf_storage_version_same(probe->place, stat.version, probe->stat.version),
					"A version that was replaced was copied.", "Copies go through this server instead.");
}

/* probe_versions tells whether removed and replaced objects stay, and are billed. */
static void
probe_versions(CfProbe *probe)
{
	if (probe->old_version[0] == '\0' && probe->stat.version[0] == '\0')
		cf_probe_not_tried(probe, "versions");
	else
		probe->told(probe, "versions", probe->versioned ? CF_PROBE_YES : CF_PROBE_NO, true, probe->versioned ?
					"Versions of objects that are removed or replaced are kept, and billed, until a lifecycle rule removes them." :
					"The store tells of no older versions that it would keep.", NULL);
}

/* probe_tiers writes an object of another class than the default, and looks whether the store says so. */
static void
probe_tiers(CfProbe *probe)
{
	char	   *key = psprintf("%s-tier", probe->key);
	CfObjectStat stat;
	CfStep		step;

	if (!probe->caps.storage_classes || probe->other_class[0] == '\0')
	{
		probe->told(probe, "tiers", probe->caps.storage_classes || !probe->caps.remote ? CF_PROBE_YES : CF_PROBE_NO, true,
					probe->caps.storage_classes ? "Objects have a storage class of their own." :
					"All objects of this place are in one tier: its option tier, else HOT.", NULL);
		return;
	}
	if (probe->stat.version[0] == '\0' && probe->old_version[0] == '\0')
	{
		cf_probe_not_tried(probe, "tiers");
		return;
	}
	cf_probe_made(probe, key);
	step = cf_probe_put(probe, key, FIRST_TEXT, probe->other_class, "h", &stat);
	cf_storage_op_end(&probe->op);
	if (step == CF_STEP_DONE)
		DRIVE(probe, step, cf_storage_stat(&probe->op, key, &stat));
	if (step == CF_STEP_ERROR)
		probe->told(probe, "tiers", probe->op.err.retryable ? CF_PROBE_NOTHING : CF_PROBE_NO, false,
					psprintf("Class %s: %s.", probe->other_class, probe->op.err.message), probe->op.err.hint);
	else if (pg_strcasecmp(stat.storage_class, probe->other_class) != 0)
		probe->told(probe, "tiers", CF_PROBE_NO, false,
					psprintf("An object of class %s is told to be of %s.", probe->other_class,
							 stat.storage_class[0] == '\0' ? "none" : stat.storage_class),
					"The store ignores classes: objects stay in one tier here.");
	else
		probe->told(probe, "tiers", CF_PROBE_YES, true, psprintf("Objects have a class of their own; %s was tried.", probe->other_class), NULL);
	cf_storage_op_end(&probe->op);
}

static void
probe_clock(CfProbe *probe)
{
	if (!probe->skew_known)
		cf_probe_not_tried(probe, "clock");
	else
		probe->told(probe, "clock", CF_PROBE_YES, probe->skew_us < CLOCK_SKEW_US && probe->skew_us > -CLOCK_SKEW_US,
					psprintf("The store's clock is %lld ms from the server's.", (long long) (probe->skew_us / 1000)),
					"Set both clocks by NTP; ages and retention are counted from the store's times.");
}

/* put_text creates a small object, and sees what time it is at the store. */
CfStep
cf_probe_put(CfProbe *probe, const char *key, const char *text, const char *class, const char *suffix, CfObjectStat *stat)
{
	CfUploadArgs args = {.key = key, .owner_tag = psprintf("%.40s-%s", probe->tag, suffix), .size_bytes = strlen(text),
		.content_type = "text/plain", .storage_class = class, .metadata = METADATA};
	int64		date_us;
	CfStep		step;

	cf_probe_made(probe, key);
	DRIVE(probe, step, cf_storage_put(&probe->op, &args, text, strlen(text), stat));
	if (step == CF_STEP_ERROR || probe->skew_known)
		return step;
	probe->skew_known = true;
	if (!probe->caps.remote)
		probe->skew_us = stat->mtime_us - cf_clock_now_us();
	else if (probe->op.response.clock_skew_us != 0)
		probe->skew_us = probe->op.response.clock_skew_us;
	else if (cf_net_date(cf_net_answer(&probe->op.response, "date"), &date_us))
		probe->skew_us = date_us - cf_clock_now_us();
	else
		probe->skew_known = false;
	return step;
}

void
cf_probe_made(CfProbe *probe, const char *key)
{
	for (int i = 0; i < probe->made_count; i++)
	{
		if (strcmp(probe->made[i], key) == 0)
			return;
	}
	Assert(probe->made_count < CF_PROBE_MADE_MAX);
	probe->made[probe->made_count++] = MemoryContextStrdup(probe->context, key);
}

/* remove_key removes one version; anything but success counts as kept, and op.err tells. */
static CfRemoved
remove_key(CfProbe *probe, const char *key, const char *version)
{
	CfRemoved	removed = CF_REMOVED_KEPT;
	CfStep		step;

	DRIVE(probe, step, cf_storage_remove(&probe->op, key, version, psprintf("%.40s-i", probe->tag), &removed));
	cf_storage_op_end(&probe->op);
	return step == CF_STEP_ERROR ? CF_REMOVED_KEPT : removed;
}

/* clean_up removes everything that this call wrote. */
static void
clean_up(CfProbe *probe)
{
	for (int i = 0; i < probe->made_count; i++)
	{
		CfObjectStat stat;
		CfStep		step;

		DRIVE(probe, step, cf_storage_stat(&probe->op, probe->made[i], &stat));
		cf_storage_op_end(&probe->op);
		if (step == CF_STEP_DONE)
			(void) remove_key(probe, probe->made[i], stat.version);
	}
}

/* sweep removes what an earlier call left behind when it was interrupted. */
static void
sweep(CfProbe *probe)
{
	int64		before = cf_clock_now_us() - LEFT_BEHIND_US;
	CfListPage	page = {0};
	CfStep		step;

	DRIVE(probe, step, cf_storage_list(&probe->op, FOLDER, NULL, SWEEP_PAGE, &page));
	cf_storage_op_end(&probe->op);
	for (int i = 0; step == CF_STEP_DONE && i < page.count; i++)
	{
		if (page.entries[i].stat.mtime_us < before)
			(void) remove_key(probe, page.entries[i].key, page.entries[i].stat.version);
	}
}
