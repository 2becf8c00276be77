/*
 * file.h
 *		What the files of the LOCAL driver share. Private to src/storage/file.
 *
 * A place is a directory, its root. The path of an object below the root is prefix + key; a key's slashes are
 * folders. Everything private lies in ROOT/.cloudflux, on the same file system, so that rename moves it:
 *		uploads/<owner_tag>.part	bytes of an object that is not committed yet
 *		trash/<owner_tag>			an object on its way out, renamed there before it is compared and unlinked
 *		lost/<owner_tag>			an object that could not be put back from trash, since its name was taken
 * No symbolic link is ever followed: each component is opened with O_NOFOLLOW from the descriptor before it.
 */
#ifndef CF_STORAGE_FILE_H
#define CF_STORAGE_FILE_H

#include "storage/driver.h"
#include "storage/file/sys.h"

#define CF_FILE_PRIVATE ".cloudflux"
#define CF_FILE_PATH_MAX 2048	/* bytes of prefix + key that the driver handles, above what may be written */
#define CF_FILE_SEGMENT_MAX 255
#define CF_FILE_STEP_BYTES (4 * 1024 * 1024)	/* of I/O in one step */
#define CF_FILE_XATTR "user.cloudflux"
#define CF_FILE_XATTR_KEPT "user.cloudflux.kept"

/* Where an object lies below the root. */
typedef struct CfFilePath
{
	char		text[CF_FILE_PATH_MAX + 1];
	size_t		length;
	size_t		folder_length;	/* bytes of the folder's path, without the slash; 0 = the root itself */
	const char *name;			/* the last segment, inside text */
} CfFilePath;

/* What an op keeps between two steps; from the arena's allocator. */
typedef struct CfFileState
{
	int			fd;				/* the object that is read, or the temporary file of an upload; -1 = none */
	char		handle[256];		/* of the upload that fd belongs to; "" = fd is of a read */
	CfFileStat pinned;			/* read: what fd was when it was opened */
	int64_t		done;			/* read: bytes delivered; part, put: bytes written */
	int64_t		flushed;		/* part: bytes whose writing-out was started; seal: bytes that are out */
	int			part_number;	/* part in progress; 0 = none */
	bool		sealing;
	CfUpload	putting;		/* the upload inside a put */
	struct CfFileList *list;
} CfFileState;

/* file_driver.c */
extern CfFileState *cf_file_state(CfOp *op);
extern void cf_file_close(CfFileState *state);
extern void *cf_file_alloc(CfOp *op, size_t size);
extern void cf_file_free(CfOp *op, void *block);
extern int	cf_file_object_open(CfOp *op, const CfFilePath *path, CfFileStat *st);
extern CfStep cf_file_fail(CfOp *op, int saved_errno, const char *what, const char *path);
extern void cf_file_stat_fill(CfObjectStat *stat, const CfFileStat *st);
extern void cf_file_version(char version[CF_STORAGE_VERSION_MAX + 1], const CfFileStat *st);
extern bool cf_file_version_is(const char *version, const CfFileStat *st);

/* file_path.c */
extern bool cf_file_key_check(const CfPlace *place, const char *key, CfError *err);
extern bool cf_file_path_build(CfFilePath *path, const CfPlace *place, const char *key, CfError *err);
extern void cf_utf8_shown(char *out, size_t size, const char *bytes);
extern int	cf_file_root_open(CfOp *op);	/* fills op->err when it gives -1; the others leave errno */
extern int	cf_file_folder_open(int root, const char *folder, size_t length);
extern int	cf_file_folder_make(int root, const char *folder, size_t length, bool durable);
extern int	cf_file_private_open(int root, const char *name, bool make);
extern void cf_file_prune(int root, const CfFilePath *path);

/* file_kept.c: headers, metadata and tags beside a file's bytes */
extern const CfAttributeRule *cf_file_attributes(const CfPlace *place);
extern bool cf_file_kept_write(CfOp *op, int fd, const CfUploadArgs *args);
extern bool cf_file_kept_read(CfOp *op, int folder, const char *name, CfObjectStat *stat);

/* file_list.c */
extern CfStep cf_file_list(CfOp *op, const char *prefix, const char *token, int max_entries,
						   CfListPage *page);
extern void cf_file_list_end(CfOp *op, CfFileState *state);

/* file_names.c: names of a folder, the smallest first, in bounded memory */
typedef struct CfFileScan
{
	int			fd;
	size_t		used;
	size_t		filled;
	char		buffer[32 * 1024] __attribute__((aligned(8)));
} CfFileScan;

typedef struct CfFileNames
{
	char	   *bytes;			/* names, each with its NUL */
	size_t		capacity;
	size_t		used;
	size_t		max;			/* capacity never grows beyond */
	uint32_t   *order;			/* offsets into bytes; sorted by cf_file_names_sort */
	size_t		count;
	size_t		order_capacity;
	size_t		next;			/* for the reader of a sorted batch */
	bool		cut;			/* names beyond the largest one kept were dropped: scan again after it */
} CfFileNames;

extern int	cf_file_scan_next(CfFileScan *scan, const char **name, unsigned char *type);
extern bool cf_file_names_add(CfOp *op, CfFileNames *names, const char *name);
extern void cf_file_names_sort(CfFileNames *names);
extern void cf_file_names_free(CfOp *op, CfFileNames *names);

/* file_upload.c */
extern CfStep cf_file_put(CfOp *op, const CfUploadArgs *args, const void *data, size_t length,
						  CfObjectStat *stat);
extern CfStep cf_file_upload_begin(CfOp *op, const CfUploadArgs *args, CfUpload *upload);
extern CfStep cf_file_upload_part(CfOp *op, CfUpload *upload, CfPart *part, const void *data,
								  size_t length);
extern CfStep cf_file_upload_read(CfOp *op, CfUpload *upload, int64_t offset, CfChunk *chunk);
extern CfStep cf_file_upload_seal(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_file_upload_abort(CfOp *op, CfUpload *upload);
extern int	cf_file_upload_open(CfOp *op, const char *handle);
extern bool cf_file_handle_valid(const char *handle);

/* file_commit.c */
extern CfStep cf_file_upload_commit(CfOp *op, CfUpload *upload, CfObjectStat *stat);
extern CfStep cf_file_put_ours(CfOp *op, CfUpload *upload, const char *data, size_t length,
							   CfObjectStat *stat);
extern int	cf_file_rename_new(int from_dir, const char *from, int to_dir, const char *to);
extern bool cf_file_occupied(CfOp *op, int saved_errno, const CfFilePath *path);

/* file_sweep.c */
extern CfStep cf_file_uploads_find(CfOp *op, int64_t older_than_us, const char *token,
								   CfStalePage *page);

/* file_remove.c */
extern CfStep cf_file_remove(CfOp *op, const char *key, const char *version, const char *owner_tag,
							 CfRemoved *removed);

#endif							/* CF_STORAGE_FILE_H */
