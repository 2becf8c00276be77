/*
 * storage_list.c: listing a LOCAL place: large and deep folders, pages, tokens of earlier processes, what is no object.
 */
#include "harness/tap.h"
#include "storage/unit/storage_place.h"

#include "storage/file/file.h"

static CfListPage page;
static int	seen[20000];
static int64_t unreadable;

/* list_all lists with one op; names end in -<number>, which is counted in seen[]; gives the number of entries. */
static int
list_all(const char *prefix, int page_size, const char *token)
{
	static char kept[8192];
	int			count = 0;

	memset(seen, 0, sizeof(seen));
	unreadable = 0;
	do
	{
		cf_arena_reset(&arena);
		if (!run(cf_storage_list(&op, prefix, token, page_size, &page)))
			return -1;
		for (int i = 0; i < page.count; i++)
		{
			const char *dash = strrchr(page.entries[i].key, '-');

			if (dash != NULL)
				seen[atoi(dash + 1) % 20000]++;
		}
		count += page.count;
		unreadable += page.unreadable;
		token = page.next == NULL ? NULL : strcpy(kept, page.next);
	} while (token != NULL);
	return count;
}

static bool
all_once(int n)
{
	for (int i = 0; i < n; i++)
	{
		if (seen[i] != 1)
		{
			note("%d was seen %d times", i, seen[i]);
			return false;
		}
	}
	return true;
}

static void
large_folder(void)
{
	char		name[300];

	place_open("");
	is_int(list_all("", 100, NULL), 0, "an empty place lists nothing");
	mkdir(path_of("flat"), 0700);
	for (int i = 0; i < 5000; i++)
	{
		snprintf(name, sizeof(name), "flat/file-%d", i);
		write_file(name, "");
	}
	is_int(list_all("", 1000, NULL), 5000, "a large folder is listed");
	ok(all_once(5000), "each object once");
	is_int(list_all("flat/file-49", 7, NULL), 111, "a prefix inside it too");
	is_int(list_all("flat/file-4999x", 7, NULL), 0, "a prefix that nothing has");
	is_int(list_all("flat/file-1/", 7, NULL), 0, "a prefix that is an object lists nothing");
	memset(name, 'n', sizeof(name));
	snprintf(name + 255, sizeof(name) - 255, "-0");
	is_int(list_all(name + 2, 7, NULL), 0, "a prefix that no key is longer than");
	is_int(list_all("elsewhere/x/", 7, NULL), 0, "nor one whose folder is missing");
}

/* More subfolders than a level keeps names of: they come in several scans. */
static void
many_folders(void)
{
	char		name[300];
	const int	folders = 6000;

	place_open("");
	for (int i = 0; i < folders; i++)
	{
		/* The number stands in front too, scattered, so that the scan meets them in no order. */
		snprintf(name, sizeof(name), "%05d%0180d-%d", (i * 7919) % 99991, 0, i);
		mkdir(path_of(name), 0700);
		strcat(name, "/o-");
		sprintf(name + strlen(name), "%d", i);
		write_file(name, "");
	}
	is_int(list_all("", 1000, NULL), folders, "more subfolders than fit in memory are listed");
	ok(all_once(folders), "each object once");
}

static void
names_in_bounds(void)
{
	CfFileNames names = {.max = 400};
	char		name[16];
	char		last[16] = "";
	int			taken = 0;
	int			scans = 0;

	do
	{
		bool		sorted = true;

		cf_file_names_free(&op, &names);
		names.max = 400;
		for (int i = 0; i < 500; i++)
		{
			snprintf(name, sizeof(name), "n%03d", (i * 137) % 500);
			if (strcmp(name, last) > 0 && !cf_file_names_add(&op, &names, name))
				bail("%s", op.err.message);
		}
		cf_file_names_sort(&names);
		for (size_t i = 0; i < names.count; i++)
		{
			const char *next = names.bytes + names.order[i];

			sorted = sorted && strcmp(next, last) > 0 && atoi(next + 1) == taken;
			strcpy(last, next);
			taken++;
		}
		if (!sorted)
			ok(false, "scan %d goes on after the one before", scans);
		scans++;
	} while (names.cut);
	is_int(taken, 500, "all names come, in order, in bounded memory");
	ok(scans > 5, "in several scans");
	cf_file_names_free(&op, &names);
}

static void
resumed(void)
{
	char		name[300];
	char		token[8192] = "";
	const char *next = NULL;
	int			count = 0;

	place_open("base/");
	for (int i = 0; i < 300; i++)
	{
		snprintf(name, sizeof(name), "d%d/e %d/f%%-%d", i % 7, i % 11, i);
		if (!put_text(name, "x", "t", &(CfObjectStat) {0}))
			bail("%s", op.err.message);
	}
	is_int(list_all("", 13, NULL), 300, "a tree is listed");
	ok(all_once(300), "each object once");
	/* Each page by another process: folders hold fewer objects than a page, so it gets through. */
	memset(seen, 0, sizeof(seen));
	do
	{
		if (!run(cf_storage_list(&op, "", next, 20, &page)))
			bail("%s", op.err.message);
		for (int i = 0; i < page.count; i++)
			seen[atoi(strrchr(page.entries[i].key, '-') + 1)]++;
		count += page.count;
		next = page.next == NULL ? NULL : strcpy(token, page.next);
		for (const char *s = next; s != NULL && *s != '\0'; s++)
			count += *s <= ' ' || *s > '~' ? 100000 : 0;
		cf_storage_op_end(&op);
	} while (next != NULL);
	ok(count >= 300 && count < 100000, "each page by another process, with printable tokens");
	count = 0;
	for (int i = 0; i < 300; i++)
		count += seen[i] > 0;
	is_int(count, 300, "leaves none out");
	ok(run(cf_storage_list(&op, "d3/", NULL, 5, &page)) && page.next != NULL, "a listing");
	strcpy(token, page.next);
	cf_storage_op_end(&op);
	for (int i = 0; i < 300; i++)
	{
		snprintf(name, sizeof(name), "base/d3/e %d/f%%-%d", i % 11, i);
		unlink(path_of(name));
		snprintf(name, sizeof(name), "base/d3/e %d", i % 11);
		rmdir(path_of(name));
	}
	is_int(list_all("d3/", 5, token), 0, "goes on when its folder is gone");
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "", "no token", 5, &page), "a token that is none is refused");
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "", "1:..", 5, &page), "one that leads outside too");
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "", "1:a%zz", 5, &page), "one with bad bytes too");
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "", "1:a%", 5, &page), "one that was cut too");
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "", "1:a%00b", 5, &page), "one with a NUL too");
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "../", NULL, 5, &page), "a prefix that leads outside is refused");
	memset(token, 'x', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, token, NULL, 5, &page), "a prefix without end too");
	token[0] = '1';
	token[1] = ':';
	fails_with(CF_ERR_INPUT, cf_storage_list(&op, "", token, 5, &page), "a token without end too");
	is_int(list_all("", 20, "1:"), 300 - 43, "a token of the beginning lists all");
}

static void
no_objects(void)
{
	char		deep[2600] = "deep";

	place_open("");
	write_file("object-1", "x");
	symlink("object-1", path_of("link-2"));
	symlink("/etc", path_of("folder-3"));
	mkfifo(path_of("pipe-4"), 0600);
	write_file("caf\xe9-5", "x");
	write_file("new\nline-6", "x");
	put_text("sub/x-7", "x", "t", &(CfObjectStat) {0});
	mkdir(path_of("sub/.cloudflux"), 0700);
	write_file("sub/.cloudflux/x-8", "x");
	is_int(list_all("", 100, NULL), 4, "links, pipes and private folders are no objects");
	ok(seen[1] && seen[5] && seen[6] && seen[7], "names that are no text are listed as they are");
	is_int(unreadable, 0, "and nothing is unreadable");
	mkdir(path_of("deep"), 0700);
	if (chdir(path_of("deep")) != 0)
		bail("chdir");
	for (int i = 0; i < 9; i++)
	{
		char		name[256];

		memset(name, 'a' + i, 250);
		name[250] = '\0';
		if (mkdir(name, 0700) != 0 || chdir(name) != 0)
			bail("mkdir");
		strcat(strcat(deep, "/"), name);
		close(open("o-9", O_CREAT | O_WRONLY, 0600));
	}
	if (chdir("/") != 0)
		bail("chdir");
	is_int(list_all("deep/", 100, NULL), 8, "folders beyond what a key can be end the way down");
}

static void
bad_disk(void)
{
	place_open("");
	put_text("a/x-1", "x", "t", &(CfObjectStat) {0});
	put_text("b/x-2", "x", "t", &(CfObjectStat) {0});
	put_text("c/x-3", "x", "t", &(CfObjectStat) {0});
	fail_nth("fstatat", 2, EIO);
	is_int(list_all("", 100, NULL), 2, "an object that cannot be looked at is left out");
	is_int(unreadable, 1, "and counted");
	fail_nth("fstatat", 2, ENOENT);
	ok(list_all("", 100, NULL) == 2 && unreadable == 0, "one that left meanwhile is not");
	fail_nth("fstatat", 2, ENOMEM);
	is_int(list_all("", 100, NULL), -1, "what concerns the process fails the listing");
	fail_nth("getdents64", 3, EIO);
	ok(list_all("", 100, NULL) == 2 && unreadable == 1, "a folder that cannot be read on is counted");
	fail_nth("openat", 4, EACCES);
	ok(list_all("", 100, NULL) == 2 && unreadable == 1, "a folder that may not be opened is counted");
	fail_nth("openat", 4, ENOENT);
	ok(list_all("", 100, NULL) == 2 && unreadable == 0, "one that left meanwhile is not");
	fail_nth("openat", 2, EACCES);
	is_int(list_all("", 100, NULL), -1, "a root that may not be opened fails the listing");
	fail_nth("openat", 5, EMFILE);
	is_int(list_all("", 100, NULL), -1, "too many open files fail it too");
	fail_none();
	is_int(list_all("", 100, NULL), 3, "afterwards it lists again");
}

int
main(void)
{
	int			open_before = descriptors();

	large_folder();
	many_folders();
	names_in_bounds();
	resumed();
	no_objects();
	bad_disk();
	place_close();
	is_int(descriptors(), open_before, "no descriptor is left open");
	return done_testing();
}
