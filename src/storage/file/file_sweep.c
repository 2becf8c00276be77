/*
 * file_sweep.c
 *		Finding uploads that nobody finished: the files of ROOT/.cloudflux/uploads, in byte order of their names.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/file/file.h"

#define PAGE_NAME_BYTES (64 * 1024)

static CfStep page_fill(CfOp *op, int uploads, const CfFileNames *names, int64_t older_than_us,
						CfStalePage *page);

CfStep
cf_file_uploads_find(CfOp *op, int64_t older_than_us, const char *token, CfStalePage *page)
{
	CfFileScan	scan = {.fd = -1};
	CfFileNames names = {.max = PAGE_NAME_BYTES};
	const char *name;
	unsigned char type;
	int			found = 0;
	int			root = cf_file_root_open(op);
	int			saved_errno;
	CfStep		step = CF_STEP_ERROR;

	memset(page, 0, sizeof(*page));
	if (root < 0)
		return CF_STEP_ERROR;
	scan.fd = cf_file_private_open(root, "uploads", false);
	saved_errno = errno;
	cf_storage_file_sys->close(root);
	if (scan.fd < 0 && saved_errno == ENOENT)
		return CF_STEP_DONE;
	if (scan.fd < 0)
		return cf_file_fail(op, saved_errno, "could not open folder", CF_FILE_PRIVATE "/uploads");
	while ((found = cf_file_scan_next(&scan, &name, &type)) > 0)
	{
		if (!cf_file_handle_valid(name) || (token != NULL && strcmp(name, token) <= 0))
			continue;
		if (!cf_file_names_add(op, &names, name))
			break;
	}
	if (found < 0)
		cf_file_fail(op, errno, "could not read folder", CF_FILE_PRIVATE "/uploads");
	else if (found == 0)
		step = page_fill(op, scan.fd, &names, older_than_us, page);
	cf_file_names_free(op, &names);
	cf_storage_file_sys->close(scan.fd);
	return step;
}

/*
 * page_fill looks at each name and keeps what is old enough. An upload that waits for its commit has the time of its source already, so its
 * age is told by when its inode was last touched, which nobody can set.
 */
static CfStep
page_fill(CfOp *op, int uploads, const CfFileNames *names, int64_t older_than_us, CfStalePage *page)
{
	CfFileNames sorted = *names;

	if (names->count == 0)
		return CF_STEP_DONE;
	cf_file_names_sort(&sorted);
	page->uploads = cf_arena_zalloc(op->arena, names->count * sizeof(CfStaleUpload));
	for (size_t i = 0; i < names->count && page->uploads != NULL; i++)
	{
		const char *name = names->bytes + names->order[i];
		CfStaleUpload *upload = &page->uploads[page->count];
		CfFileStat st;
		CfObjectStat stat;
		int64_t		touched_us;

		if (cf_storage_file_sys->fstatat(uploads, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		{
			if (errno == ENOENT)
				continue;
			return cf_file_fail(op, errno, "could not look at upload", name);
		}
		cf_file_stat_fill(&stat, &st);
		touched_us = (int64_t) st.st_ctim.tv_sec * 1000000 + st.st_ctim.tv_nsec / 1000;
		if (!S_ISREG(st.st_mode) || touched_us >= older_than_us)
			continue;
		upload->handle = cf_arena_strdup(op->arena, name);
		upload->owner_tag = cf_arena_strndup(op->arena, name, strcspn(name, "."));
		upload->started_us = touched_us;
		upload->size_bytes = stat.size_bytes;
		if (upload->handle == NULL || upload->owner_tag == NULL)
		{
			page->uploads = NULL;
			break;
		}
		page->count++;
	}
	if (page->uploads != NULL && names->cut)
		page->next = cf_arena_strdup(op->arena, names->bytes + names->order[names->count - 1]);
	if (page->uploads != NULL && (page->next != NULL || !names->cut))
		return CF_STEP_DONE;
	page->count = 0;
	cf_error_set(&op->err, CF_ERR_MEMORY, "out of memory for the uploads of place \"%s\"",
				 op->place->name);
	return CF_STEP_ERROR;
}
