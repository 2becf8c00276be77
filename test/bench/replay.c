/*
 * replay.c
 *		Replays sets of objects and reads under every policy, for bench_replay.
 *
 * replay table SET SHRINK MENU OBJECTS ACCESSES	one set (comma-separated text, as test/bench/bench_replay says), sizes and
 *											bytes divided by SHRINK; prints policy, dollars, ratio to hindsight, …
 * replay speed OBJECTS DAYS ACCESS_DAYS	a history made up, seconds of CPU per policy, and the memory of all
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "../tiering/unit/tiering_menus.h"
#include "tiering/roster.h"

/* die ends with a message. */
static void
die(const char *what, const char *detail)
{
	fprintf(stderr, "replay: %s: %s\n", what, detail);
	exit(1);
}

typedef struct Set
{
	CfReplayObject *objects;
	char	  **names;
	uint32_t	object_count;
	CfReplayAccess *accesses;
	uint64_t	access_count;
} Set;

/* grow makes room for one more item. */
static void *
grow(void *items, uint64_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return items;
	items = realloc(items, (count == 0 ? 1 : count * 2) * size);
	if (items == NULL)
		die("out of memory", "");
	return items;
}

/* after_name copies the first field, quoted or not, and gives what follows. */
static const char *
after_name(const char *line, char name[512])
{
	bool		quoted = *line == '"';
	size_t		n = 0;

	for (line += quoted; *line != '\0' && n < 511 && (quoted || *line != ','); line++)
	{
		if (quoted && *line == '"' && *++line != '"')
			break;
		name[n++] = *line;
	}
	name[n] = '\0';
	return line;
}

/* read_objects reads object,dataset,size_bytes,created_day,last_day. */
static void
read_objects(Set *set, const char *path, int64_t shrink)
{
	FILE	   *f = fopen(path, "r");
	char		line[2048],
				name[512];
	long long	size;
	int			created,
				last;

	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		die("could not read", path);
	while (fgets(line, sizeof(line), f) != NULL)
	{
		CfReplayObject object = {.last_read_day = CF_REPLAY_NO_DAY,.start_class = CF_TARIFF_NONE};

		if (sscanf(after_name(line, name), ",%*[^,],%lld,%d,%d", &size, &created, &last) != 3)
			die("not an object", line);
		object.size_bytes = shrink == 1 ? size : (size / shrink > 0 ? size / shrink : 1);
		object.created_day = object.first_day = created;
		object.last_day = last;
		set->objects = grow(set->objects, set->object_count, sizeof(*set->objects));
		set->names = grow(set->names, set->object_count, sizeof(*set->names));
		set->names[set->object_count] = strdup(name);
		set->objects[set->object_count++] = object;
	}
	fclose(f);
}

/* read_accesses reads object,day,reads,bytes_read, ordered as the objects are. */
static void
read_accesses(Set *set, const char *path, int64_t shrink)
{
	FILE	   *f = fopen(path, "r");
	char		line[2048],
				name[512];
	uint32_t	at = 0;

	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		die("could not read", path);
	while (fgets(line, sizeof(line), f) != NULL)
	{
		CfReplayAccess access;
		long long	bytes;

		if (sscanf(after_name(line, name), ",%" SCNd32 ",%" SCNu32 ",%lld", &access.day, &access.reads, &bytes) != 3)
			die("not an access", line);
		access.bytes = bytes / shrink;
		while (at < set->object_count && strcmp(set->names[at], name) != 0)
			set->objects[++at].first_access = set->access_count;
		if (at == set->object_count)
			die("reads of an object that is not there, or out of order", line);
		set->objects[at].access_count++;
		set->accesses = grow(set->accesses, set->access_count, sizeof(*set->accesses));
		set->accesses[set->access_count++] = access;
	}
	fclose(f);
}

/* seconds is the CPU time of this process. */
static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* show replays all policies and prints one line each. */
static void
show(const char *label, const CfTariffMenu *menu, const CfReplayHistory *history, bool timed)
{
	CfArena		arena;
	CfError		err;
	CfReplayPolicy policies[CF_REPLAY_POLICIES];
	CfReplayOptions options = {0};
	CfReplayResult results[CF_REPLAY_POLICIES];
	double		usd[CF_REPLAY_POLICIES],
				cpu[CF_REPLAY_POLICIES];
	int			count;

	cf_arena_init(&arena, &cf_arena_malloc, 1 << 20, 0);
	count = cf_replay_roster(menu, &arena, policies);
	if (count < 0 || !cf_replay_check(menu, history, &err))
		die("history", err.message);
	for (int i = 0; i < count; i++)
	{
		double		start = seconds();
		CfArena		own;

		cf_arena_init(&own, &cf_arena_malloc, 1 << 20, 0);
		if (!cf_replay_run(menu, history, &policies[i], &options, &own, &results[i], &err))
			die(policies[i].name, err.message);
		cpu[i] = seconds() - start;
		usd[i] = cf_replay_total_usd(menu, &results[i].total);
		cf_arena_free(&own);
	}
	for (int i = 0; i < count; i++)
	{
		printf("%s\t%s\t%.6f\t%.6f\t%lld\t%lld\t%lld", label, policies[i].name, usd[i], usd[i] / usd[count - 1],
			   (long long) results[i].total.moves, (long long) results[i].total.early_deletions,
			   (long long) results[i].total.slow_reads);
		if (timed)
			printf("\t%.3f", cpu[i]);
		printf("\n");
	}
	cf_arena_free(&arena);
}

/* random_next is a 64-bit xorshift. */
static uint64_t
random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* make_up makes a history: the days with reads of an object follow a Pareto law, their mean as asked for. */
static void
make_up(Set *set, uint32_t objects, int32_t days, uint64_t accesses)
{
	uint64_t	state = 88172645463325252u;
	double		mean = (double) accesses / objects;

	set->objects = calloc(objects, sizeof(*set->objects));
	set->accesses = malloc((size_t) (accesses + accesses / 2 + (uint64_t) days) * sizeof(*set->accesses));
	if (set->objects == NULL || set->accesses == NULL)
		die("out of memory", "");
	set->object_count = objects;
	for (uint32_t i = 0; i < objects; i++)
	{
		CfReplayObject *object = &set->objects[i];
		double		u = (double) (random_next(&state) >> 11) / 9007199254740992.0;
		double		rate = mean * 0.38 / (1 - u + 1e-3) / days;	/* heavy tail */
		int			shift = (int) (random_next(&state) % 24);

		object->size_bytes = INT64_C(512) << shift;
		object->size_bytes += (int64_t) (random_next(&state) % (uint64_t) object->size_bytes);
		object->last_day = days - 1;
		object->last_read_day = CF_REPLAY_NO_DAY;
		object->start_class = CF_TARIFF_NONE;
		object->first_access = set->access_count;
		for (int32_t day = 0; day < days && set->access_count < accesses; day++)
		{
			if ((double) (random_next(&state) >> 11) / 9007199254740992.0 >= rate)
				continue;
			set->accesses[set->access_count++] = (CfReplayAccess) {day, 1 + (uint32_t) (random_next(&state) % 3),
				object->size_bytes
			};
			object->access_count++;
		}
	}
}

int
main(int argc, char **argv)
{
	Set			set = {0};
	CfReplayHistory history = {.group_count = 1};
	CfTariffMenu menu;

	if (argc == 7 && strcmp(argv[1], "table") == 0)
	{
		menu = menu_s3(strcmp(argv[4], "plain") == 0, strcmp(argv[4], "archive") == 0);
		read_objects(&set, argv[5], atoll(argv[3]));
		read_accesses(&set, argv[6], atoll(argv[3]));
	}
	else if (argc == 5 && strcmp(argv[1], "speed") == 0)
	{
		menu = menu_s3(false, false);
		make_up(&set, (uint32_t) atoll(argv[2]), atoi(argv[3]), (uint64_t) atoll(argv[4]));
	}
	else
		die("usage", "replay table SET SHRINK MENU OBJECTS ACCESSES | replay speed OBJECTS DAYS ACCESS_DAYS");
	history.objects = set.objects;
	history.object_count = set.object_count;
	history.accesses = set.accesses;
	history.access_count = set.access_count;
	if (argc == 7)
		show(argv[2], &menu, &history, false);
	else
	{
		struct rusage usage;

		printf("objects %" PRIu32 ", access-days %" PRIu64 "\n", set.object_count, set.access_count);
		show("speed", &menu, &history, true);
		getrusage(RUSAGE_SELF, &usage);
		printf("memory\t%ld kB\n", usage.ru_maxrss);
	}
	return 0;
}
