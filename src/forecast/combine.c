/*
 * combine.c
 *		Methods made of methods: mean(…), median(…), weighted(…) and mstl(…).
 *
 * A combination loses less than a bet on one method (R. T. Clemen, "Combining forecasts: a review", Int. J. of Forecasting 5, 1989); the plain
 * mean is hard to beat, the median does not follow one that goes astray, and weights by the squared inverse of past errors from rolling
 * origins are those of J. M. Bates and C. W. J. Granger, Operational Research Quarterly 20 (1969). mstl() takes the seasons out before the
 * method that it names (decompose.c). A combination's members are methods or mstl(), not combinations.
 *
 * Each member works in an arena of its own, over the same allocator and within what the caller's has left, and gives it back: a long
 * list takes no more memory than its hungriest member, and the paths of all.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define MEMBERS 8
#define NAME 96

typedef enum Kind
{
	KIND_NONE, KIND_MEAN, KIND_MEDIAN, KIND_WEIGHTED, KIND_MSTL
} Kind;

static const char *const kinds[] = {"", "mean", "median", "weighted", "mstl"};

/* What is written between the parentheses. */
typedef struct Members
{
	int			n;
	char		names[MEMBERS][NAME];
} Members;

/* unknown says that a name means nothing. */
static bool
unknown(CfFit *fit, const char *name)
{
	cf_error_set(fit->err, CF_ERR_INPUT, "there is no forecasting method \"%.64s\"", name);
	return cf_error_hint(fit->err, "SELECT * FROM cloudflux.forecast_methods() lists them.");
}

/* add_member takes a member's name without the blanks around it. */
static bool
add_member(Members *members, const char *from, const char *to)
{
	while (from < to && isspace((unsigned char) *from))
		from++;
	while (to > from && isspace((unsigned char) to[-1]))
		to--;
	if (to == from || to - from >= NAME || members->n == MEMBERS)
		return false;
	memcpy(members->names[members->n], from, (size_t) (to - from));
	members->names[members->n++][to - from] = '\0';
	return true;
}

/* read_name takes a name apart; KIND_NONE when it is not made of others, or cannot be read. */
static Kind
read_name(const char *name, Members *members)
{
	const char *open = strchr(name, '(');
	size_t		length = strlen(name);
	const char *from;
	int			depth = 0;
	Kind		kind = KIND_NONE;

	members->n = 0;
	for (int i = KIND_MEAN; open != NULL && i <= KIND_MSTL; i++)
	{
		if (strlen(kinds[i]) == (size_t) (open - name) && strncmp(name, kinds[i], (size_t) (open - name)) == 0)
			kind = (Kind) i;
	}
	if (kind == KIND_NONE || name[length - 1] != ')')
		return KIND_NONE;
	from = open + 1;
	for (const char *at = from; at < name + length - 1; at++)
	{
		depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
		if (depth < 0)
			return KIND_NONE;
		if (*at == ',' && depth == 0)
		{
			if (!add_member(members, from, at))
				return KIND_NONE;
			from = at + 1;
		}
	}
	if (depth != 0 || !add_member(members, from, name + length - 1) || (kind == KIND_MSTL && members->n > 1))
		return KIND_NONE;
	return kind;
}

/* decomposed takes the seasons out before the method of that name. */
static bool
decomposed(CfFit *fit, const char *name)
{
	const CfMethod *method = cf_fit_method(name);

	if (method == NULL || method->run == NULL)
		return unknown(fit, name);
	return cf_fit_mstl(fit, method);
}

/* run_member runs a method, or mstl() of one, in an arena of its own. */
static bool
run_member(CfFit *fit, const char *name, double *paths)
{
	CfArena    *arena = fit->arena;
	CfMethod	apart = {.name = name};
	const CfMethod *method = cf_fit_method(name);
	Members		members;
	CfArena		own;
	bool		done;

	if (method == NULL || method->run == NULL)
	{
		method = &apart;
		if (read_name(name, &members) != KIND_MSTL)
			return unknown(fit, name);
	}
	cf_arena_init(&own, &arena->allocator, 16 * 1024, arena->max_bytes == 0 ? 0 : arena->max_bytes - arena->used_bytes);
	fit->arena = &own;
	if (method == &apart)
	{
		fit->note[0] = '\0';
		fit->paths = paths;
		done = decomposed(fit, members.names[0]);
		cf_fit_clip(fit);
	}
	else
		done = cf_fit_run(fit, method, paths);
	fit->arena = arena;
	cf_arena_free(&own);
	return done;
}

/* past_error is the mean absolute error of paths from earlier origins. */
static double
past_error(const CfFit *fit, const double *paths)
{
	double		sum = 0;
	int			n = 0;

	for (int o = 0; o < fit->n_origins - 1; o++)
	{
		for (int h = 0; h < fit->horizon && fit->origins[o] + h < fit->count; h++)
		{
			int			at = fit->origins[o] + h;

			if (!fit->seen[at])
				continue;
			sum += fabs(fit->values[at] - paths[(size_t) o * (size_t) fit->horizon + (size_t) h]);
			n++;
		}
	}
	return n > 0 ? sum / n : 0;
}

/* combine writes what members say together. */
static bool
combine(CfFit *fit, Kind kind, int n, double *const *members, const double *weights, double *paths)
{
	for (int o = 0; o < fit->n_origins; o++)
	{
		if (!cf_fit_go_on(fit))
			return false;
		for (size_t at = (size_t) o * (size_t) fit->horizon; at < (size_t) (o + 1) * (size_t) fit->horizon; at++)
		{
			double		said[MEMBERS];
			double		sum = 0;

			for (int i = 0; i < n; i++)
			{
				said[i] = members[i][at];
				sum += weights[i] * said[i];
			}
			paths[at] = kind == KIND_MEDIAN ? cf_stat_median(said, n) : sum;
		}
	}
	return true;
}

/* describe tells the weights. */
static void
describe(CfFit *fit, const Members *members, const double *weights)
{
	int			length = snprintf(fit->note, sizeof(fit->note), "weighted:");

	for (int i = 0; i < members->n && length < (int) sizeof(fit->note) - 1; i++)
		length += snprintf(fit->note + length, sizeof(fit->note) - (size_t) length, "%s %s %.0f %%", i > 0 ? "," : "", members->names[i],
						   100 * weights[i]);
}

bool
cf_fit_made(CfFit *fit, const char *name, double *paths)
{
	size_t		n = (size_t) fit->n_origins * (size_t) fit->horizon;
	Members		members;
	Kind		kind = read_name(name, &members);
	double	   *all[MEMBERS];
	double		weights[MEMBERS];
	double		sum = 0;

	if (kind == KIND_NONE)
		return unknown(fit, name);
	if (kind == KIND_MSTL)
	{
		char		note[sizeof(fit->note)];

		if (!run_member(fit, name, paths))
			return false;
		memcpy(note, fit->note, sizeof(note));
		snprintf(fit->note, sizeof(fit->note), "mstl: %.120s", note);
		return true;
	}
	for (int i = 0; i < members.n; i++)
	{
		all[i] = cf_fit_numbers(fit, n);
		if (all[i] == NULL || !run_member(fit, members.names[i], all[i]))
			return false;
		weights[i] = kind == KIND_WEIGHTED ? pow(past_error(fit, all[i]) + 1e-9, -2) : 1;
		sum += weights[i];
	}
	for (int i = 0; i < members.n; i++)
		weights[i] /= sum;
	if (!combine(fit, kind, members.n, all, weights, paths))
		return false;
	if (kind == KIND_WEIGHTED)
		describe(fit, &members, weights);
	else
		snprintf(fit->note, sizeof(fit->note), "%.127s", name);
	return true;
}
