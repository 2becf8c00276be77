/*
 * Copying and verifying over the real LOCAL driver: sizes, parts, resuming, and what others do to either end meanwhile.
 */
#include "harness/tap.h"

#include "migration/unit/migration_move.h"

#include <time.h>

static void
test_sizes(void)
{
	const size_t sizes[] = {0, 1, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, PART_BYTES - 1, PART_BYTES,
		PART_BYTES + 1, 2 * PART_BYTES - 1, 2 * PART_BYTES, 2 * PART_BYTES + 1, 7 * PART_BYTES + 123};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		int			open_before;
		int			full_parts;

		move_open(sizes[i]);
		open_before = descriptors();
		full_parts = size == 0 ? 0 : (int) ((size - 1) / PART_BYTES);
		ok(copy(false) && dest_absent(), "%zu bytes are copied, and nothing is to be seen yet", size);
		is_int(part_count, full_parts, "every part but the last is a checkpoint");
		is_int(sent_bytes, (long long) size, "each byte was sent once");
		ok(prove() && dest_identical() && source_intact(), "the object appears, verified; the source is as it was");
		is_str(dest_version, sealed_version, "its version is the one that was told before");
		ok(files_below("dest/.cloudflux") == 0 && descriptors() == open_before, "nothing is left open or lying about");
		move_close();
	}
}

/* A mover dies after any step: another takes the upload up, and sends again only what was not checkpointed. */
static void
test_dies_after_any_step(void)
{
	bool		good = true;
	bool		thrifty = true;
	int			n;
	int			had;

	for (n = 1; good; n++)
	{
		move_open(5 * PART_BYTES + 500);
		stop_after = n;
		if (copy(false))
		{
			move_close();
			break;
		}
		good = stopped && dest_absent();
		stop_after = 0;
		had = part_count;
		good = good && copy(true);
		thrifty &= sent_bytes == (int64_t) size - had * PART_BYTES;
		good = good && prove() && dest_identical() && source_intact() && files_below("dest/.cloudflux") == 0;
		move_close();
	}
	ok(good && n > 15, "a copy that was left after any of %d steps is taken up and arrives", n - 1);
	ok(thrifty, "checkpointed parts are not sent again");
	for (n = 1; good; n++)
	{
		move_open(2 * PART_BYTES);
		good = copy(false);
		stop_after = n;
		if (good && prove())
		{
			move_close();
			break;
		}
		stop_after = 0;
		good = good && stopped && prove() && dest_identical() && source_intact();
		move_close();
	}
	ok(good && n > 5, "so is a verification, after any of %d steps", n - 1);
}

/* leave_half copies until two checkpoints were made and a part more lies there. */
static void
leave_half(void)
{
	move_open(4 * PART_BYTES + 10);
	stop_after = 2 + 3 * (PART_BYTES + BUFFER_BYTES - 1) / BUFFER_BYTES + 1;
	if (copy(false) || part_count < 2)
		bail("the copy is not where the test wants it: %d parts", part_count);
	stop_after = 0;
}

static void
flip_byte(const char *name, long at)
{
	FILE	   *f = fopen(path_of(name), "r+");
	int			c;

	if (f == NULL || fseek(f, at, SEEK_SET) != 0 || (c = fgetc(f)) == EOF || fseek(f, at, SEEK_SET) != 0 ||
		fputc(c ^ 1, f) == EOF || fclose(f) != 0)
		bail("%s: %s", name, strerror(errno));
}

static void
arrives_having_sent(int64_t want_sent, const char *title)
{
	bool		good = copy(true) && sent_bytes == want_sent;

	if (!ok(good && prove() && dest_identical() && source_intact(), "%s", title))
		note("sent %lld, want %lld; %s", (long long) sent_bytes, (long long) want_sent, err.message);
	move_close();
}

static void
test_checkpoints(void)
{
	leave_half();
	part_count = 2;
	arrives_having_sent(size - 2 * PART_BYTES, "good checkpoints are taken");
	leave_half();
	part_count = 2;
	flip_byte("dest/.cloudflux/uploads/JOB-1.part", PART_BYTES + 17);
	arrives_having_sent(size - PART_BYTES, "bytes that are not those of their checkpoint are sent again, from there on");
	leave_half();
	part_count = 2;
	flip_byte("dest/.cloudflux/uploads/JOB-1.part", 0);
	arrives_having_sent(size, "if need be from the first byte");
	leave_half();
	part_count = 2;
	parts[1].digests.sha256[5] ^= 1;
	arrives_having_sent(size - PART_BYTES, "so it is when the checkpoint is what is wrong");
	leave_half();
	part_count = 1;
	arrives_having_sent(size - PART_BYTES, "what has no checkpoint is sent again");
	leave_half();
	parts[0] = parts[1];
	part_count = 1;
	arrives_having_sent(size, "a gap ends the checkpoints that count");
	leave_half();
	part_count = 2;
	if (truncate(path_of("dest/.cloudflux/uploads/JOB-1.part"), PART_BYTES + 1) != 0)
		bail("truncate: %s", strerror(errno));
	arrives_having_sent(size - PART_BYTES, "checkpoints of bytes that a power cut took do not count");
	leave_half();
	part_count = 2;
	if (unlink(path_of("dest/.cloudflux/uploads/JOB-1.part")) != 0)
		bail("unlink: %s", strerror(errno));
	arrives_having_sent(size, "nor those of an upload that is gone");
	leave_half();
	part_count = 2;
	parts[1].length = INT64_MAX;
	arrives_having_sent(size - PART_BYTES, "a checkpoint beyond the object does not count");
	leave_half();
	part_count = 2;
	part_bytes = PART_BYTES / 2;
	arrives_having_sent(size, "checkpoints of parts of another size do not count");
	leave_half();
	part_count = 2;
	bytes[3] ^= 1;
	write_bytes("source/" KEY, bytes, size);
	arrives_having_sent(size, "nor do those of another version of the source");
}

/* What others do to the source after the act_at-th step of a move, copying and verifying counted through. */
static int	act_at;
static int	moment;
static bool acted;
static void (*act) (void);

static void
act_now(int step)
{
	(void) step;
	if (++moment != act_at)
		return;
	acted = true;
	act();
}

static void
rewrite_source(void)
{
	bytes[size - 1] ^= 1;
	write_bytes("source/" KEY, bytes, size);
}

static void
truncate_source(void)
{
	if (truncate(path_of("source/" KEY), 100) != 0)
		bail("truncate: %s", strerror(errno));
}

static void
grow_source(void)
{
	FILE	   *f = fopen(path_of("source/" KEY), "a");

	if (f == NULL || fputs("more", f) < 0 || fclose(f) != 0)
		bail("append: %s", strerror(errno));
}

static void
unlink_source(void)
{
	if (unlink(path_of("source/" KEY)) != 0)
		bail("unlink: %s", strerror(errno));
}

/* meddle lets it happen after each step in turn: the move says so, until it comes too late to matter. */
static void
meddle(void (*what) (void), const char *title)
{
	bool		good = true;
	int			caught = 0;

	act = what;
	for (act_at = 1, acted = true; good && acted; act_at++)
	{
		move_open(2 * PART_BYTES + 5);
		between = act_now;
		moment = 0;
		acted = false;
		if (!copy(false) || !prove())
		{
			caught++;
			good = acted && (err.kind == CF_ERR_CHANGED || err.kind == CF_ERR_NOT_FOUND) && err.message[0] != '\0';
			between = NULL;
			if (good && what == rewrite_source)
			{
				good = undo();
				strcpy(tag, "JOB-2");
				good = good && copy(false) && prove() && dest_identical();
			}
		}
		else
			good = dest_identical() && (!acted || what == unlink_source);	/* then the copy is all that is left */
		if (!good)
			note("step %d: %s", act_at, err.message);
		move_close();
	}
	if (!ok(good && caught > 1 && act_at > 10, "%s", title))
		note("%d of %d moments", caught, act_at - 1);
}

static void
test_source_meddled_with(void)
{
	move_open(10);
	unlink_source();
	ok(!copy(false) && err.kind == CF_ERR_NOT_FOUND && dest_absent(), "a source that is not there is told so");
	move_close();
	meddle(rewrite_source, "a source that is rewritten is noticed at whatever moment; another copy arrives");
	meddle(truncate_source, "so is one that is cut");
	meddle(grow_source, "one that grows");
	meddle(unlink_source, "one that vanishes is told, or its copy is whole and stays");
	move_open(2 * PART_BYTES);
	copy(false);
	rewrite_source();
	ok(!prove() && err.kind == CF_ERR_CHANGED && err.retryable && err.detail[0] != '\0',
	   "a change between copy and verification, too, is a change");
	move_close();
}

static void
test_destination_meddled_with(void)
{
	struct timespec times[2];
	struct stat st;

	move_open(500);
	if (mkdir(path_of("dest/folder"), 0700) != 0)
		bail("mkdir: %s", strerror(errno));
	write_bytes("dest/" KEY, "mine", 4);
	ok(!copy(false) && err.kind == CF_ERR_EXISTS, "an occupied destination is found before bytes flow");
	ok(holds("dest/" KEY, "mine", 4), "and left as it is");
	move_close();

	move_open(500);
	ok(copy(false), "somebody comes between copy and commit");
	if (mkdir(path_of("dest/folder"), 0700) != 0)
		bail("mkdir: %s", strerror(errno));
	write_bytes("dest/" KEY, "mine", 4);
	ok(!prove() && err.kind == CF_ERR_EXISTS && holds("dest/" KEY, "mine", 4), "who is there first stays");
	ok(undo() && holds("dest/" KEY, "mine", 4) && files_below("dest/.cloudflux") == 0,
	   "cleaning removes what is ours, and nothing else");
	move_close();

	move_open(2 * PART_BYTES);
	copy(false);
	if (stat(path_of("dest/.cloudflux/uploads/JOB-1.part"), &st) != 0)
		bail("stat: %s", strerror(errno));
	flip_byte("dest/.cloudflux/uploads/JOB-1.part", 1234);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (utimensat(AT_FDCWD, path_of("dest/.cloudflux/uploads/JOB-1.part"), times, 0) != 0)
		bail("utimensat: %s", strerror(errno));
	ok(!prove() && err.kind == CF_ERR_CHANGED && err.retryable, "a bit that flipped on the medium is found by reading back");
	ok(strstr(err.message, "not what was sent") != NULL && err.detail[0] != '\0', "and told");
	ok(source_intact() && undo() && dest_absent(), "the copy is of no use and removed, the source is intact");
	strcpy(tag, "JOB-2");
	ok(copy(false) && prove() && dest_identical(), "another copy arrives");
	move_close();

	move_open(2 * PART_BYTES);
	copy(false);
	if (unlink(path_of("dest/.cloudflux/uploads/JOB-1.part")) != 0)
		bail("unlink: %s", strerror(errno));
	if (!ok(!prove() && err.kind == CF_ERR_NOT_FOUND, "an upload that is gone before its commit is told as not found"))
		note("%s", err.message);
	move_close();

	move_open(100);
	ok(copy(false) && prove() && prove() && dest_identical(), "verifying again after a crash finds its own object");
	move_close();
}

/* Named faults, as the server's test build sets them off. */
static const char *fault;
static bool
fault_hook(const char *name, CfError *fault_err)
{
	if (fault == NULL || strcmp(name, fault) != 0)
		return false;
	cf_error_set(fault_err, CF_ERR_IO, "fault \"%s\"", name);
	return true;
}

static void
test_faults(void)
{
	const char *in_copy[] = {"migration_copying", "storage_upload_begin", "storage_part_written", "storage_sealed"};

	cf_fault_hook = fault_hook;
	for (size_t i = 0; i < sizeof(in_copy) / sizeof(in_copy[0]); i++)
	{
		move_open(3 * PART_BYTES);
		fault = in_copy[i];
		ok(!copy(false) && err.kind == CF_ERR_IO && dest_absent(), "fault %s fails the copy", in_copy[i]);
		fault = NULL;
		ok(copy(true) && prove() && dest_identical(), "which arrives afterwards");
		move_close();
	}
	move_open(10);
	fault = "migration_verified";
	ok(copy(false) && !prove() && err.kind == CF_ERR_IO, "fault migration_verified fails the verification");
	fault = NULL;
	ok(prove() && dest_identical(), "which succeeds afterwards");
	move_close();
	cf_fault_hook = NULL;
}

/* Two writes within one tick of the file system's clock leave one version. */
static void
test_settling(void)
{
	CfTransferArgs args = {.source = &source, .dest = &dest, .source_key = KEY, .dest_key = KEY, .dest_class = "",
		.content_type = "", .metadata = "", .owner_tag = "JOB-1", .handle = ""};
	struct stat st;
	int64_t		mtime_us;
	int			looks = 0;

	move_open(10);
	if (stat(path_of("source/" KEY), &st) != 0)
		bail("stat: %s", strerror(errno));
	mtime_us = (int64_t) st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000;
	cf_transfer_begin(&transfer, &args, &move_arena);
	transfer.args.now_us = mtime_us + 5000;
	ok(cf_transfer_copy(&transfer, &err) == CF_STEP_AGAIN && transfer.settling, "a source that was written a moment ago is looked at again");
	transfer.args.now_us = mtime_us + 30000;
	ok(cf_transfer_copy(&transfer, &err) == CF_STEP_AGAIN && !transfer.settling, "and pinned when that moment is over");
	cf_transfer_end(&transfer);
	cf_transfer_begin(&transfer, &args, &move_arena);
	transfer.args.now_us = mtime_us;
	while (cf_transfer_copy(&transfer, &err) == CF_STEP_AGAIN && transfer.settling)
		looks++;
	is_int(looks, 50, "who never stops writing is not waited for");
	cf_transfer_end(&transfer);
	cf_transfer_begin(&transfer, &args, &move_arena);
	transfer.args.now_us = mtime_us - 1000;
	ok(cf_transfer_copy(&transfer, &err) == CF_STEP_AGAIN && !transfer.settling, "a time that is still to come is no reason to wait");
	cf_transfer_end(&transfer);
	move_close();
}

int
main(void)
{
	test_sizes();
	test_dies_after_any_step();
	test_checkpoints();
	test_source_meddled_with();
	test_destination_meddled_with();
	test_faults();
	test_settling();
	return done_testing();
}
