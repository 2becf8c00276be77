/*
 * migration_move.h: a move between two throw-away LOCAL places, with what a mover would remember of it. One test program
 * includes it once, after harness/tap.h.
 */
#ifndef CF_TEST_MOVE_H
#define CF_TEST_MOVE_H

#include <stdlib.h>
#include <string.h>

#include "storage/unit/storage_place.h"

#include "migration/transfer.h"

#define KEY "folder/object"
#define PART_BYTES 1000
#define BUFFER_BYTES 300
#define PARTS_MAX 64

static CfPlace source;
static CfPlace dest;
static CfArena move_arena;
static char buffer[BUFFER_BYTES];
static char bytes[PARTS_MAX * PART_BYTES];	/* what the source has */
static size_t size;
static CfError err;

/* What survives a crash of the mover: the row of the job and its checkpoints. */
static char tag[40];
static int64_t part_bytes;
static CfTransferPart parts[PARTS_MAX];
static int	part_count;
static char parts_version[CF_STORAGE_VERSION_MAX + 1];
static char source_version[CF_STORAGE_VERSION_MAX + 1];
static char sealed_version[CF_STORAGE_VERSION_MAX + 1];
static char dest_version[CF_STORAGE_VERSION_MAX + 1];
static char handle[256];
static CfDigests digests;
static CfUploadArgs upload_args;
static bool readback;
static bool upload_complete = true;
static int	lines = 1;			/* of a transfer in parts */
static char line_memory[CF_TRANSFER_LINES * PARTS_MAX * PART_BYTES];
static const char *verified;
static int64_t sent_bytes;

static CfTransfer transfer;
static CfVerify verify;
static int	steps;				/* of the last copy or verification */
static int	stop_after;			/* the mover dies after so many steps; 0 = never */
static bool stopped;
static bool source_held;		/* the source needs no look at the end */
static bool server_side;
static bool unproven;			/* the store's word will do */
static int64_t known_bytes;		/* the source is to be fetched, if source_version is known too; 0 = it is looked at first */
static bool promoted;			/* the row is of a server that may have done more */
static bool last_first;			/* of all requests under way, the last one is answered first, and by itself */
static void (*answer) (CfOp *op);	/* what a peer answers to a request */
static void (*between) (int step);	/* what somebody else does between two steps */

static void
write_bytes(const char *name, const char *data, size_t length)
{
	FILE	   *f = fopen(path_of(name), "w");

	if (f == NULL || fwrite(data, 1, length, f) != length || fclose(f) != 0)
		bail("%s: %s", name, strerror(errno));
}

/* holds tells whether a file has exactly these bytes. */
static bool
holds(const char *name, const char *data, size_t length)
{
	static char text[sizeof(bytes) + 1];
	FILE	   *f = fopen(path_of(name), "r");
	size_t		got;

	if (f == NULL)
		return false;
	got = fread(text, 1, sizeof(text), f);
	fclose(f);
	return got == length && memcmp(text, data, length) == 0;
}

static TAP_UNUSED bool source_intact(void) { return holds("source/" KEY, bytes, size); }
static TAP_UNUSED bool dest_absent(void) { return !there("dest/" KEY); }
static TAP_UNUSED bool dest_identical(void) { return holds("dest/" KEY, bytes, size); }

/* move_open makes both places anew, and a source of length bytes; a mover has not seen them yet. */
static void
move_open(size_t length)
{
	place_open("");
	source = dest = place;
	source.name = "source";
	dest.name = "dest";
	source.bucket = strdup(path_of("source"));
	dest.bucket = strdup(path_of("dest"));
	if (mkdir(source.bucket, 0700) != 0 || mkdir(dest.bucket, 0700) != 0 || mkdir(path_of("source/folder"), 0700) != 0)
		bail("mkdir: %s", strerror(errno));
	size = length;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char) ((i * 2654435761u) >> 13);
	write_bytes("source/" KEY, bytes, size);
	strcpy(tag, "JOB-1");
	part_bytes = PART_BYTES;
	part_count = 0;
	sealed_version[0] = dest_version[0] = handle[0] = source_version[0] = parts_version[0] = '\0';
	sent_bytes = 0;
	stop_after = 0;
	between = NULL;
	answer = NULL;
	server_side = unproven = readback = promoted = last_first = source_held = false;
	known_bytes = 0;
	upload_complete = true;
	lines = 1;
	cf_arena_init(&move_arena, &cf_arena_malloc, 4096, 0);
}

static void
move_close(void)
{
	cf_arena_free(&move_arena);
	free((char *) source.bucket);
	free((char *) dest.bucket);
	place_close();
}

static bool
go_on(void)
{
	steps++;
	if (between != NULL)
		between(steps);
	stopped = stop_after != 0 && steps >= stop_after;
	return !stopped;
}

static CfTransferArgs
transfer_args(bool resume)
{
	return (CfTransferArgs) {
		.source = &source, .dest = &dest, .source_key = KEY, .dest_key = KEY, .dest_class = "", .content_type = "",
		.metadata = "file_id=F\n", .owner_tag = tag, .handle = resume ? handle : "", .resume = resume, .server_side = server_side,
		.unproven = unproven || readback,
		.promoted = promoted, .known_version = source_version, .known_bytes = known_bytes, .fetch = known_bytes > 0,
		.parts = parts, .part_count = part_count, .parts_version = parts_version
	};
}

/* outfit gives a transfer what it asks for. */
static bool
outfit(void)
{
	CfTransferPlan plan;

	if (!cf_transfer_plan(&transfer, part_bytes, sizeof(line_memory), &plan, &err))
		return false;
	cf_transfer_outfit(&transfer, &plan, lines < plan.lines ? lines : plan.lines, plan.in_parts ? line_memory : buffer,
					   sizeof(buffer));
	return true;
}

/* send_wanted answers every request of a transfer at once, or one of them. */
static void
send_wanted(void)
{
	CfPort	   *port;
	int			last = 0;

	for (int i = 0; last_first && (port = cf_transfer_port(&transfer, i)) != NULL; i++)
		last = port->traffic == CF_PORT_WANTS ? i : last;
	for (int i = last; (port = cf_transfer_port(&transfer, i)) != NULL; i++)
	{
		if (port->traffic != CF_PORT_WANTS)
			continue;
		if (answer != NULL)
			answer(&port->op);
		port->traffic = CF_PORT_QUIET;
	}
}

/* copy runs the first half, and remembers checkpoints and outcome as a mover does. False = error, or stopped. */
static bool __attribute__((unused))
copy(bool resume)
{
	CfTransferArgs args = transfer_args(resume);
	CfStep		step;

	steps = 0;
	stopped = false;
	cf_transfer_begin(&transfer, &args, &move_arena);
	do
	{
		step = cf_transfer_copy(&transfer, &err);
		if (transfer.opened)
			strcpy(handle, transfer.upload.handle);
		if (step == CF_STEP_AGAIN && transfer.unfitted && !outfit())
			step = CF_STEP_ERROR;
		send_wanted();
		if (step == CF_STEP_AGAIN && transfer.part_finished)
		{
			/* a new version of the source, or a gap, makes what was there before worthless */
			part_count = transfer.part.number;
			parts[part_count - 1] = transfer.part;
			strcpy(parts_version, transfer.source_stat.version);
		}
	} while ((step == CF_STEP_AGAIN || step == CF_STEP_SEND) && go_on());
	sent_bytes = transfer.sent_bytes;
	if (step == CF_STEP_DONE)
	{
		strcpy(source_version, transfer.source_stat.version);
		strcpy(sealed_version, transfer.sealed_version);
		strcpy(handle, transfer.copied_by_store ? "" : transfer.upload.handle);
		digests = transfer.digests;
		cf_transfer_upload_args(&transfer, &upload_args);
		upload_args.handle = handle;
		upload_args.content_type = "";	/* what came from the source is gone with the arena */
		upload_args.attributes = (CfAttributes) {0};
		if (cf_transfer_copy(&transfer, &err) != CF_STEP_DONE)
			bail("a copy that is done does not stay done");
	}
	cf_transfer_end(&transfer);
	cf_arena_reset(&move_arena);
	return step == CF_STEP_DONE;
}

/* prove runs the second half. */
static bool __attribute__((unused))
prove(void)
{
	CfVerifyArgs args = {
		.source = &source, .dest = &dest, .source_key = KEY, .source_version = source_version, .upload = upload_args,
		.upload_complete = upload_complete, .sealed_version = sealed_version, .digests = &digests, .readback = readback,
		.source_held = source_held, .unproven = unproven
	};
	CfStep		step;

	steps = 0;
	stopped = false;
	cf_verify_begin(&verify, &args, &move_arena);
	do
	{
		step = cf_verify_step(&verify, &err);
		if (verify.unfitted)
		{
			verify.buffer = buffer;
			verify.buffer_bytes = sizeof(buffer);
		}
		if (verify.port.traffic == CF_PORT_WANTS && answer != NULL)
			answer(&verify.port.op);
		verify.port.traffic = CF_PORT_QUIET;
	} while ((step == CF_STEP_AGAIN || step == CF_STEP_SEND) && go_on());
	if (step == CF_STEP_DONE)
	{
		strcpy(dest_version, verify.dest_stat.version);
		verified = verify.verified;
		if (cf_verify_step(&verify, &err) != CF_STEP_DONE)
			bail("a verification that is done does not stay done");
	}
	cf_verify_end(&verify);
	cf_arena_reset(&move_arena);
	return step == CF_STEP_DONE;
}

/* undo removes a copy that is of no use, as a mover does before it copies again. */
static TAP_UNUSED bool
undo(void)
{
	CfUpload	upload = {.args = {.key = KEY, .owner_tag = tag}};
	CfRemoved	removed;
	CfOp		undo_op;
	bool		good;

	cf_storage_op_init(&undo_op, &dest, &move_arena);
	good = run(cf_storage_upload_abort(&undo_op, &upload));
	if (good && sealed_version[0] != '\0')
		good = run(cf_storage_remove(&undo_op, KEY, sealed_version, "JOB-c", &removed));
	cf_storage_op_end(&undo_op);
	cf_arena_reset(&move_arena);
	sealed_version[0] = '\0';
	part_count = 0;
	return good;
}

#endif							/* CF_TEST_MOVE_H */
