/*
 * fault_sql.c
 *		The named fault points of test builds: cloudflux.fault = 'name:n:kill|error|sleep|stop, …'.
 *
 * At the n-th time that this process comes to the point `name` it kills itself, fails with an I/O error,
 * sleeps two seconds, or stops until somebody sends it SIGCONT. In release builds this file holds nothing and the setting does not exist.
 */
#include "postgres.h"

#include "core/core_private.h"

#ifdef CF_TEST

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "utils/guc.h"

#include "core/interrupt.h"

#define MAX_FAULTS 16
#define NAME_BYTES 64

typedef enum FaultAction
{
	FAULT_KILL,
	FAULT_ERROR,
	FAULT_SLEEP,
	FAULT_STOP
} FaultAction;

typedef struct Fault
{
	char		name[NAME_BYTES];
	int			at;				/* which hit acts, from 1 */
	FaultAction action;
	int			hits;
} Fault;

static char *fault_setting = NULL;
static Fault faults[MAX_FAULTS];
static int	fault_count = 0;

/* parse_one reads "name:n:action"; false when it is not that. */
static bool
parse_one(const char *text, Fault *fault)
{
	static const char *const actions[] = {"kill", "error", "sleep", "stop"};
	char		action[16];
	int			i;

	memset(fault, 0, sizeof(*fault));
	if (sscanf(text, " %63[^:, ]:%d:%15[a-z]", fault->name, &fault->at, action) != 3 || fault->at < 1)
		return false;
	for (i = 0; i < lengthof(actions); i++)
	{
		if (strcmp(actions[i], action) == 0)
		{
			fault->action = (FaultAction) i;
			return true;
		}
	}
	return false;
}

/* parse reads the whole list; -1 when it is wrong, else how many. */
static int
parse(const char *text, Fault *list)
{
	int			count = 0;

	while (*text != '\0')
	{
		if (count == MAX_FAULTS || !parse_one(text, &list[count]))
			return -1;
		count++;
		text += strcspn(text, ",");
		text += *text == ',';
	}
	return count;
}

static bool
check_fault(char **newval, void **extra, GucSource source)
{
	Fault		list[MAX_FAULTS];

	if (parse(*newval, list) >= 0)
		return true;
	GUC_check_errdetail("The value is a list of name:n:kill, name:n:error, name:n:sleep or name:n:stop.");
	return false;
}

static void
assign_fault(const char *newval, void *extra)
{
	fault_count = parse(newval, faults);
}

/* hit counts and acts; true = fail here. */
static bool
hit(const char *name, CfError *err)
{
	int			i;

	for (i = 0; i < fault_count; i++)
	{
		struct timespec two_seconds = {2, 0};

		if (strcmp(faults[i].name, name) != 0 || ++faults[i].hits != faults[i].at)
			continue;
		switch (faults[i].action)
		{
			case FAULT_KILL:
				kill(getpid(), SIGKILL);
				break;
			case FAULT_SLEEP:
				nanosleep(&two_seconds, NULL);
				break;
			case FAULT_STOP:
				kill(getpid(), SIGSTOP);
				break;
			case FAULT_ERROR:
				cf_error_set(err, CF_ERR_IO, "fault %s", name);
				return true;
		}
	}
	return false;
}

void
cf_fault_init(void)
{
	DefineCustomStringVariable("cloudflux.fault",
							   "Named points at which a test build fails.",
							   "A comma-separated list of name:n:kill, name:n:error, name:n:sleep or name:n:stop.",
							   &fault_setting, "", PGC_SUSET, 0,
							   check_fault, assign_fault, NULL);
	cf_fault_hook = hit;
}

#else

void
cf_fault_init(void)
{
}

#endif
