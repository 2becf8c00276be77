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

#define DRAWS 400				/* of the bootstrap */

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

/* random_next is a 64-bit xorshift. */
static uint64_t
random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* compare_doubles is for qsort. */
static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a,
				y = *(const double *) b;

	return (x > y) - (x < y);
}

/* median_ratio is the median over objects of what a policy costs, divided by hindsight. */
static double
median_ratio(const double *usd, const double *hindsight, uint32_t objects)
{
	double	   *ratio = malloc(objects * sizeof(*ratio));
	uint32_t	n = 0;
	double		median;

	if (ratio == NULL)
		die("out of memory", "");
	for (uint32_t i = 0; i < objects; i++)
	{
		if (hindsight[i] > 0)
			ratio[n++] = usd[i] / hindsight[i];
	}
	qsort(ratio, n, sizeof(*ratio), compare_doubles);
	median = n > 0 ? ratio[n / 2] : 1;
	free(ratio);
	return median;
}

/*
 * judge compares the policy "cloudflux" with the best of the simple ones of the same case, which is not told to it: the ratio of the sums, the share of
 * the gap to hindsight that is closed (0 = the best simple policy, 1 = hindsight), its 5th and 95th percentile when
 * objects are drawn anew, and the same share at the median object.
 */
static void
judge(const char *label, const CfReplayPolicy *policies, double *const *object_usd, const double *usd, int count,
	  uint32_t objects)
{
	uint64_t	state = 88172645463325252u;
	const double *hindsight = object_usd[count - 1];
	double		shares[DRAWS];
	int			ours = -1,
				best = -1;
	double		median;

	for (int i = 0; i < count - 1; i++)
	{
		if (strcmp(policies[i].name, "cloudflux") == 0)
			ours = i;
		else if (best < 0 || usd[i] < usd[best])
			best = i;
	}
	if (ours < 0 || best < 0)
		return;
	for (int d = 0; d < DRAWS; d++)
	{
		double		sum[3] = {0};

		for (uint32_t i = 0; i < objects; i++)
		{
			uint32_t	o = (uint32_t) (random_next(&state) % objects);

			sum[0] += object_usd[best][o];
			sum[1] += object_usd[ours][o];
			sum[2] += hindsight[o];
		}
		shares[d] = (sum[0] - sum[1]) / (sum[0] - sum[2]);
	}
	qsort(shares, DRAWS, sizeof(*shares), compare_doubles);
	median = median_ratio(object_usd[best], hindsight, objects);
	printf("bar\t%s\t%s\t%.4f\t%.3f\t%.3f\t%.3f\t%.3f\n", label, policies[best].name, usd[ours] / usd[best],
		   (usd[best] - usd[ours]) / (usd[best] - usd[count - 1]), shares[DRAWS / 20], shares[DRAWS - 1 - DRAWS / 20],
		   median > 1 ? (median - median_ratio(object_usd[ours], hindsight, objects)) / (median - 1) : 0);
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
	double	   *object_usd[CF_REPLAY_POLICIES] = {NULL};
	int			count;

	cf_arena_init(&arena, &cf_arena_malloc, 1 << 20, 0);
	options.per_object = !timed;
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
		if (!timed)
		{
			object_usd[i] = malloc(history->object_count * sizeof(double));
			if (object_usd[i] == NULL)
				die("out of memory", policies[i].name);
			memcpy(object_usd[i], results[i].object_usd, history->object_count * sizeof(double));
		}
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
	if (!timed)
		judge(label, policies, object_usd, usd, count, history->object_count);
	for (int i = 0; i < count; i++)
		free(object_usd[i]);
	cf_arena_free(&arena);
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
		if (!menu_named(argv[4], &menu))
			die("menus are " MENU_NAMES ", not", argv[4]);
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
