/*
 * storage_conform_uploads.h: cases of the conformance suite about uploads in parts, copies by the store, and classes. Included
 * by storage_conformance.h alone.
 */
#ifndef CF_TEST_CONFORM_UPLOADS_H
#define CF_TEST_CONFORM_UPLOADS_H

/* An upload with its bytes: more than two parts, and more than the driver sends in one request. */
typedef struct ConformUpload
{
	CfUploadArgs args;
	CfUpload	upload;
	CfObjectStat sealed;
	CfObjectStat stat;
	char	   *bytes;
	int			parts;
} ConformUpload;

/* conform_part_bytes is a legal size of parts, large enough for three of them to be more than one request may carry. */
static int64_t
conform_part_bytes(void)
{
	int64_t		mib = 1024 * 1024;
	int64_t		least = caps.remote ? (caps.put_max_bytes / 3 / mib + 1) * mib : 100000;

	if (suite->part_bytes > 0)
		return suite->part_bytes;
	return least > caps.part_min_bytes ? least : caps.part_min_bytes;
}

static void
conform_prepare(ConformUpload *u, const char *key, const char *tag)
{
	int64_t		part_bytes = conform_part_bytes();
	int64_t		size = 2 * part_bytes + 3;

	while (caps.remote && size <= caps.put_max_bytes)
		size += part_bytes;
	memset(u, 0, sizeof(*u));
	u->args = conform_args(key, tag, size);
	u->args.part_bytes = part_bytes;
	u->bytes = conform_bytes(size, 7);
	u->parts = (int) ((size + part_bytes - 1) / part_bytes);
}

/* conform_part sends one part; a part that the store has already may be sent again. */
static bool
conform_part(ConformUpload *u, int number)
{
	int64_t		offset = (number - 1) * u->args.part_bytes;
	int64_t		left = u->args.size_bytes - offset;
	CfPart		part = {.number = number, .offset = offset,
		.length = left < u->args.part_bytes ? left : u->args.part_bytes};

	return drive(cf_storage_upload_part(&cop, &u->upload, &part, u->bytes + offset, part.length));
}

/* conform_finish sends the parts from one on, tells the digests, and seals. */
static bool
conform_finish(ConformUpload *u, int from)
{
	for (int number = from; number <= u->parts; number++)
	{
		if (!conform_part(u, number))
			return false;
	}
	u->upload.digests = conform_digests(u->bytes, u->args.size_bytes);
	return drive(cf_storage_upload_seal(&cop, &u->upload, &u->sealed));
}

static void
conform_upload(void)
{
	ConformUpload u;

	conform_prepare(&u, "two/big", "job-7");
	does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "an upload begins");
	ok(u.upload.handle[0] != '\0', "it has a handle");
	for (int number = 1; number <= u.parts; number++)
		ok(conform_part(&u, number), "part %d of %d is taken", number, u.parts);
	u.upload.digests = conform_digests(u.bytes, u.args.size_bytes);
	does(cf_storage_upload_seal(&cop, &u.upload, &u.sealed), "the upload is sealed");
	if (!caps.remote || caps.parallel_parts)
		refuses_as(CF_ERR_NOT_FOUND, cf_storage_stat(&cop, "two/big", &u.stat), "the object does not show before the commit");
	else
		does(cf_storage_stat(&cop, "two/big", &u.stat), "what goes as one stream shows when it is sealed");
	does(cf_storage_upload_commit(&cop, &u.upload, &u.stat), "and committed");
	is_int(u.stat.size_bytes, u.args.size_bytes, "its size is told");
	if (caps.pin_before_commit)
		is_str(u.stat.version, u.sealed.version, "the version is the one that was told when it was sealed");
	does(cf_storage_upload_commit(&cop, &u.upload, &u.sealed), "committing again finds our own object");
	ok(cf_storage_version_same(suite->place, u.sealed.version, u.stat.version), "with the same version");
	conform_same("two/big", u.stat.version, u.bytes, u.args.size_bytes, "an object in parts");
	does(cf_storage_upload_abort(&cop, &u.upload), "aborting a committed upload does nothing");
	does(cf_storage_stat(&cop, "two/big", &u.stat), "the object is still there");
	conform_vouched(&u.stat.digests, u.bytes, u.args.size_bytes, "an object in parts");
	u.args.owner_tag = "job-8";
	refuses_as(CF_ERR_EXISTS, cf_storage_upload_begin(&cop, &u.args, &u.upload),
			   "an upload to an occupied key is refused before its bytes");
	free(u.bytes);
}

/* An object that fits in one request goes the same way; on a remote store it may show when it is sealed. */
static void
conform_small_upload(void)
{
	static const int64_t sizes[] = {0, 1, 70000};

	for (int i = 0; i < 3; i++)
	{
		char		key[64];
		char	   *bytes = conform_bytes(sizes[i], 9);
		CfUploadArgs args = conform_args(key, "job-s", sizes[i]);
		CfUpload	upload;
		CfObjectStat stat;
		CfPart		part = {.number = 1, .length = sizes[i]};
		bool		good;

		snprintf(key, sizeof(key), "small/%lld", (long long) sizes[i]);
		args.part_bytes = conform_part_bytes();
		good = drive(cf_storage_upload_begin(&cop, &args, &upload));
		if (sizes[i] > 0)
			good = good && drive(cf_storage_upload_part(&cop, &upload, &part, bytes, sizes[i]));
		upload.digests = conform_digests(bytes, sizes[i]);
		good = good && drive(cf_storage_upload_seal(&cop, &upload, &stat)) &&
			drive(cf_storage_upload_commit(&cop, &upload, &stat));
		if (!ok(good, "an upload of %lld bytes", (long long) sizes[i]))
			conform_note();
		else
			conform_same(key, stat.version, bytes, sizes[i], key);
		does(cf_storage_upload_commit(&cop, &upload, &stat), "committing again finds our own object");
		free(bytes);
	}
}

/* conform_afresh is what a crash leaves of an upload: what the caller wrote down, nothing of this process's state. */
static void
conform_afresh(ConformUpload *u, const char *handle)
{
	cf_storage_op_end(&cop);
	cf_storage_op_init(&cop, suite->place, suite->arena);
	u->args.resume = true;
	u->args.handle = handle;
	memset(&u->upload, 0, sizeof(u->upload));
}

static void
conform_resumed_upload(void)
{
	ConformUpload u;
	CfUpload	sealed;
	CfObjectStat again;
	char		handle[sizeof(u.upload.handle)];

	conform_prepare(&u, "resumed/one", "job-9");
	ok(drive(cf_storage_upload_begin(&cop, &u.args, &u.upload)) && conform_part(&u, 1), "an upload begins, with one part");
	memcpy(handle, u.upload.handle, sizeof(handle));
	conform_afresh(&u, handle);
	if (does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "after a crash it is taken up by its handle"))
	{
		int			have = (int) (u.upload.stored_bytes / u.args.part_bytes);

		note("  %lld bytes are there", (long long) u.upload.stored_bytes);
		ok(conform_finish(&u, have > 0 ? 2 : 1), "the other parts follow");
		does(cf_storage_upload_commit(&cop, &u.upload, &u.stat), "and it is committed");
		conform_same("resumed/one", u.stat.version, u.bytes, u.args.size_bytes, "a resumed upload");
	}
	sealed = u.upload;
	conform_afresh(&u, handle);
	u.upload.args = u.args;
	u.upload.digests = sealed.digests;
	snprintf(u.upload.handle, sizeof(u.upload.handle), "%s", sealed.handle);
	snprintf(u.upload.sealed_version, sizeof(u.upload.sealed_version), "%s", sealed.sealed_version);
	does(cf_storage_upload_commit(&cop, &u.upload, &again), "after a crash behind the commit it is our own object");
	ok(cf_storage_version_same(suite->place, again.version, u.stat.version), "with its version");
	free(u.bytes);
	conform_prepare(&u, "resumed/two", "job-10");
	does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "another begins");
	conform_afresh(&u, NULL);
	u.args.begun_us = cf_clock_now_us();
	does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "without its handle it begins again, or goes on");
	ok(conform_finish(&u, 1) && drive(cf_storage_upload_commit(&cop, &u.upload, &u.stat)), "and is completed");
	conform_same("resumed/two", u.stat.version, u.bytes, u.args.size_bytes, "the object");
	free(u.bytes);
}

/* Parts may come in any order, each by an op of its own. */
static void
conform_parallel_parts(void)
{
	ConformUpload u;

	conform_prepare(&u, "side/one", "job-11");
	does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "an upload for parts side by side begins");
	for (int number = u.parts; number >= 1; number--)
	{
		cf_storage_op_end(&cop);
		cf_storage_op_init(&cop, suite->place, suite->arena);
		ok(conform_part(&u, number), "part %d of %d is taken", number, u.parts);
	}
	ok(conform_part(&u, 2), "a part may be sent twice");
	u.upload.digests = conform_digests(u.bytes, u.args.size_bytes);
	ok(drive(cf_storage_upload_seal(&cop, &u.upload, &u.sealed)) &&
	   drive(cf_storage_upload_commit(&cop, &u.upload, &u.stat)), "it is committed");
	conform_same("side/one", u.stat.version, u.bytes, u.args.size_bytes, "parts in any order");
	free(u.bytes);
}

static void
conform_second_upload(void)
{
	ConformUpload u;
	CfObjectStat winner;
	char		out[16];

	conform_prepare(&u, "second/one", "job-12");
	ok(drive(cf_storage_upload_begin(&cop, &u.args, &u.upload)) && conform_part(&u, 1), "an upload begins");
	ok(conform_put("second/one", "t-1", "winner", &winner), "somebody else creates the object meanwhile");
	if (conform_finish(&u, 2))
		refuses_as(CF_ERR_EXISTS, cf_storage_upload_commit(&cop, &u.upload, &u.stat), "the commit is refused");
	else
		ok(cop.err.kind == CF_ERR_EXISTS, "the upload is refused");
	does(cf_storage_upload_abort(&cop, &u.upload), "the upload is aborted");
	is_int(conform_read("second/one", winner.version, 0, -1, out, 16), 6, "what somebody else made is untouched");
	free(u.bytes);
}

static void
conform_wrong_digest(void)
{
	ConformUpload u;
	bool		done;

	conform_prepare(&u, "wrong/one", "job-13");
	ok(drive(cf_storage_upload_begin(&cop, &u.args, &u.upload)), "an upload begins");
	for (int number = 1; number <= u.parts; number++)
		ok(conform_part(&u, number), "part %d of %d", number, u.parts);
	u.upload.digests = conform_digests(u.bytes, u.args.size_bytes);
	u.upload.digests.sha256[3] ^= 1;
	u.upload.digests.md5[3] ^= 1;
	u.upload.digests.crc32c ^= 16;
	u.upload.digests.crc64nvme ^= 16;
	done = drive(cf_storage_upload_seal(&cop, &u.upload, &u.sealed)) &&
		drive(cf_storage_upload_commit(&cop, &u.upload, &u.stat));
	ok(!done, "a digest that is not that of the bytes is refused");
	ok(!drive(cf_storage_stat(&cop, "wrong/one", &u.stat)) && cop.err.kind == CF_ERR_NOT_FOUND, "and leaves no object");
	drive(cf_storage_upload_abort(&cop, &u.upload));
	free(u.bytes);
}

static void
conform_aborted_upload(void)
{
	ConformUpload u;
	CfStalePage stale;

	conform_prepare(&u, "two/other", "job-14");
	ok(drive(cf_storage_upload_begin(&cop, &u.args, &u.upload)) && conform_part(&u, 1), "an upload begins, with one part");
	does(cf_storage_upload_abort(&cop, &u.upload), "it is aborted");
	does(cf_storage_upload_abort(&cop, &u.upload), "twice");
	refuses_as(CF_ERR_NOT_FOUND, cf_storage_stat(&cop, "two/other", &u.stat), "and leaves no object");
	if (!ok(drive(cf_storage_uploads_find(&cop, INT64_MAX, NULL, &stale)) && stale.count == 0, "nor an upload"))
	{
		for (int i = 0; i < stale.count; i++)
			note("  key \"%s\", owner \"%s\"", stale.uploads[i].key, stale.uploads[i].owner_tag);
	}
	does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "the key is free for another");
	does(cf_storage_upload_abort(&cop, &u.upload), "which is aborted without a byte");
	free(u.bytes);
}

static void
conform_stale_upload(void)
{
	ConformUpload u;
	CfStalePage stale;
	bool		found = false;

	conform_prepare(&u, "stale/one", "job-15");
	ok(drive(cf_storage_upload_begin(&cop, &u.args, &u.upload)) && conform_part(&u, 1), "an upload begins, and is forgotten");
	if (!does(cf_storage_uploads_find(&cop, INT64_MAX, NULL, &stale), "unfinished uploads are looked for"))
		stale.count = 0;
	for (int i = 0; i < stale.count; i++)
	{
		const CfStaleUpload *s = &stale.uploads[i];
		CfUpload	old = {.args = {.key = s->key == NULL ? "" : s->key, .owner_tag = s->owner_tag, .metadata = ""}};

		found = found || (s->owner_tag != NULL && strcmp(s->owner_tag, "job-15") == 0) ||
			strcmp(s->handle, u.upload.handle) == 0 || (s->key != NULL && strcmp(s->key, "stale/one") == 0);
		if (old.args.owner_tag == NULL || old.args.owner_tag[0] == '\0')
			old.args.owner_tag = "job-15";
		snprintf(old.handle, sizeof(old.handle), "%s", s->handle);
		does(cf_storage_upload_abort(&cop, &old), "what is found can be aborted");
	}
	ok(found, "ours is found");
	ok(drive(cf_storage_uploads_find(&cop, 1000000, NULL, &stale)) && stale.count == 0, "nothing is older than 1970");
	ok(drive(cf_storage_uploads_find(&cop, INT64_MAX, NULL, &stale)) && stale.count == 0, "nothing is left");
	free(u.bytes);
	conform_prepare(&u, "stale/two", "job-16");
	does(cf_storage_upload_begin(&cop, &u.args, &u.upload), "another, whose handle was lost");
	memset(u.upload.handle, 0, sizeof(u.upload.handle));
	u.upload.args.begun_us = cf_clock_now_us();
	does(cf_storage_upload_abort(&cop, &u.upload), "is aborted by its owner tag, or by its key and time");
	/* A store that does not say when it was begun (moto tells one time of all) keeps it: it could be anybody's. */
	ok(drive(cf_storage_uploads_find(&cop, INT64_MAX, NULL, &stale)) &&
	   (stale.count == 0 || stale.uploads[0].started_us < u.upload.args.begun_us - INT64_C(86400000000)), "nothing is left that could be ours");
	free(u.bytes);
}

/* conform_from gives the second place's op its turn: it writes there, and the suite's op goes on at the first. */
static bool
conform_put_there(const char *key, const char *bytes, int64_t size, CfObjectStat *stat)
{
	CfUploadArgs args = conform_args(key, "there-1", size);
	bool		good;

	cf_storage_op_end(&cop);
	cf_storage_op_init(&cop, suite->other, suite->arena);
	args.content_type = "text/x-there";
	args.attributes.metadata = "colour=green";
	good = drive(cf_storage_put(&cop, &args, bytes, size, stat));
	if (!good)
		conform_note();
	cf_storage_op_end(&cop);
	cf_storage_op_init(&cop, suite->place, suite->arena);
	return good;
}

static void
conform_copy(void)
{
	static const char *const from = "from/there +\xc3\xa4%41&";
	CfUploadArgs args = conform_args("copy/here", "job-20", 9);
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfObjectStat source;
	CfObjectStat stat;
	CfError		err;

	if (!ok(conform_put_there(from, "some text", 9, &source), "an object at another place"))
		return;
	args.content_type = "text/x-here";
	args.attributes.metadata = "colour=red";
	if (does(cf_storage_copy(&cop, suite->other, from, source.version, &args, token, &stat), "is copied by the store"))
	{
		is_int(stat.size_bytes, 9, "its size is told");
		conform_same("copy/here", stat.version, "some text", 9, "the copy");
		does(cf_storage_stat(&cop, "copy/here", &stat), "the copy is found");
		is_str(stat.content_type, "text/x-here", "with the content type that was asked for");
		ok(has_line(stat.attributes.metadata, "colour=red"), "and the metadata");
	}
	args.key = "copy/none";
	token[0] = '\0';
	ok(!drive(cf_storage_copy(&cop, suite->other, "from/nothing", source.version, &args, token, &stat)),
	   "what is not there is not copied");
	err = cop.err;
	ok(err.kind == CF_ERR_NOT_FOUND || err.kind == CF_ERR_CHANGED, "and said to be missing");
	ok(!drive(cf_storage_stat(&cop, "copy/none", &stat)), "nothing appears");
}

static void
conform_conditional_copy(void)
{
	CfUploadArgs args = conform_args("copy/pinned", "job-21", 3);
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	CfObjectStat one;
	CfObjectStat two;
	CfObjectStat stat;
	char		out[16];

	if (!caps.copy_conditional)
	{
		note("  copies of this store are not conditional");
		return;
	}
	ok(conform_put_there("from/one", "one", 3, &one) && conform_put_there("from/two", "two!", 4, &two), "two objects there");
	refuses_as(CF_ERR_CHANGED, cf_storage_copy(&cop, suite->other, "from/one", two.version, &args, token, &stat),
			   "another version is not copied");
	ok(!drive(cf_storage_stat(&cop, "copy/pinned", &stat)), "nothing appears");
	ok(conform_put("copy/pinned", "t-1", "mine", &stat), "somebody is at the destination");
	token[0] = '\0';
	refuses_as(CF_ERR_EXISTS, cf_storage_copy(&cop, suite->other, "from/one", one.version, &args, token, &stat),
			   "a copy does not replace an object");
	is_int(conform_read("copy/pinned", "", 0, -1, out, 16), 4, "which is untouched");
}

static void
conform_large_copy(void)
{
	int64_t		size = 12 * 1024 * 1024 + 5;
	CfUploadArgs args = conform_args("copy/large", "job-22", size);
	char		token[CF_STORAGE_COPY_TOKEN] = "";
	char	   *bytes = conform_bytes(size, 22);
	CfObjectStat source;
	CfObjectStat stat;

	args.part_bytes = conform_part_bytes();
	if (ok(conform_put_there("from/large", bytes, size, &source), "an object of 12 MiB there") &&
		does(cf_storage_copy(&cop, suite->other, "from/large", source.version, &args, token, &stat), "is copied"))
		conform_same("copy/large", stat.version, bytes, size, "the copy");
	free(bytes);
}

static void
conform_classes(void)
{
	CfUploadArgs args = conform_args("class/one", "job-23", 4);
	CfObjectStat stat;

	args.storage_class = suite->classes[0];
	if (!does(cf_storage_put(&cop, &args, "text", 4, &stat), "an object of a class is created") ||
		!does(cf_storage_stat(&cop, args.key, &stat), "and found"))
		return;
	is_str(stat.storage_class, suite->classes[0], "it has the class");
	conform_same(args.key, stat.version, "text", 4, "an object of a class");
}

static void
conform_changed_classes(void)
{
	CfUploadArgs args = conform_args("class/changed", "job-23", 4);
	CfObjectStat stat;
	CfObjectStat old;

	args.storage_class = suite->classes[0];
	if (!does(cf_storage_put(&cop, &args, "text", 4, &old), "an object of another class"))
		return;
	does(cf_storage_set_class(&cop, args.key, old.version, suite->classes[1], NULL, &stat), "its class is changed");
	does(cf_storage_stat(&cop, args.key, &stat), "it is found");
	is_str(stat.storage_class, suite->classes[1], "with the other class");
	conform_same(args.key, stat.version, "text", 4, "after a change of class");
	ok(has_line(stat.attributes.metadata, "cf_file_id=1"), "its metadata is as before");
	is_str(stat.content_type, "text/plain", "its content type too");
	if (strcmp(old.version, stat.version) != 0)
		refuses_as(CF_ERR_CHANGED, cf_storage_set_class(&cop, args.key, old.version, suite->classes[0], NULL, &stat),
				   "the class of another version is not changed");
}

/* What is archived cannot be read before it was restored; servers of tests restore at once. */
static void
conform_archive(void)
{
	CfUploadArgs args = conform_args("archive/one", "job-24", 4);
	CfObjectStat stat;
	char		out[16];
	int			tries = 0;

	args.storage_class = suite->classes[2];
	if (!does(cf_storage_put(&cop, &args, "cold", 4, &stat), "an object is archived") ||
		!does(cf_storage_stat(&cop, args.key, &stat), "and found"))
		return;
	is_str(stat.storage_class, suite->classes[2], "it has the class");
	ok(stat.must_restore, "it must be restored first");
	ok(conform_read(args.key, "", 0, -1, out, 16) < 0 && cop.err.kind == CF_ERR_STATE, "it cannot be read");
	does(cf_storage_restore(&cop, args.key, stat.version, 1, ""), "restoring is asked for");
	do
		does(cf_storage_stat(&cop, args.key, &stat), "it is looked at");
	while (stat.must_restore && ++tries < 10);
	ok(!stat.must_restore, "it is restored");
	conform_same(args.key, stat.version, "cold", 4, "what was restored");
}

#endif							/* CF_TEST_CONFORM_UPLOADS_H */
