/*
 * intermittent.c
 *		Demand that comes now and then: Croston, SBA, TSB, ADIDA, IMAPA.
 *
 * - J. D. Croston, "Forecasting and stock control for intermittent demands", Operational Research Quarterly 23 (1972): sizes z
 *   and gaps p between demands are smoothed apart, whenever there is a demand; the rate is z / p.
 * - A. A. Syntetos and J. E. Boylan, "The accuracy of intermittent demand estimates", Int. J. of Forecasting 21 (2005), eq. 5
 *   (SBA): (1 - alpha/2) z / p, because Croston's rate is too high by that much.
 * - R. H. Teunter, A. A. Syntetos and M. Z. Babai, "Intermittent demand: linking forecasting to inventory obsolescence", EJOR 214
 *   (2011) (TSB): the probability of a demand is smoothed at every step, so that what has died is forecast to be dead.
 * - K. Nikolopoulos et al., "An aggregate-disaggregate intermittent demand approach (ADIDA)", JORS 62 (2011): sums over blocks
 *   as long as the mean gap, smoothed once, spread evenly over a block.
 * - F. Petropoulos and N. Kourentzes, "Forecast combinations for intermittent demand", JORS 66 (2015) (IMAPA): the mean of
 *   that over all block lengths up to the mean gap.
 *
 * A demand is a value that is not zero. alpha is 0.1, as everywhere in that literature: fitted ones are not better, and few
 * demands do not determine them.
 */
#include <math.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define ALPHA 0.1
#define LEVELS 64				/* blocks are no longer than this */

/* cf_fit_croston smooths sizes and gaps: CF_CROSTON_CLASSIC or CF_CROSTON_SBA. */
bool
cf_fit_croston(CfFit *fit, int kind)
{
	double		size = 0;
	double		gap = 1;
	int			since = 1;
	bool		any = false;

	for (int i = 0, o = 0; o < fit->n_origins; i++, since++)
	{
		double		y = fit->values[i];

		if (y != 0)
		{
			size = any ? size + ALPHA * (y - size) : y;
			gap = any ? gap + ALPHA * (since - gap) : since;
			any = true;
			since = 0;
		}
		if (fit->origins[o] == i + 1)
			cf_fit_constant(fit, o++, (kind == CF_CROSTON_SBA ? 1 - ALPHA / 2 : 1) * size / gap);
	}
	return cf_fit_go_on(fit);
}

/* cf_fit_tsb smooths sizes at demands, and the probability of a demand at every step. */
bool
cf_fit_tsb(CfFit *fit, int arg)
{
	double		size = 0;
	double		chance = 0;
	bool		any = false;

	(void) arg;
	for (int i = 0, o = 0; o < fit->n_origins; i++)
	{
		double		y = fit->values[i];

		if (y != 0)
			size = any ? size + ALPHA * (y - size) : y;
		any = any || y != 0;
		chance = i == 0 ? (y != 0) : chance + ALPHA * ((y != 0) - chance);
		if (fit->origins[o] == i + 1)
			cf_fit_constant(fit, o++, chance * size);
	}
	return cf_fit_go_on(fit);
}

/* The sums over blocks of one length that end at an origin. */
typedef struct Blocks
{
	const double *values;		/* the first value of the first block */
	int			length;
	int			count;
} Blocks;

/* smooth is the level of the blocks' sums after all of them, and the sum of squared errors on the way. */
static double
smooth(const Blocks *blocks, double alpha, double *squares)
{
	double		level = 0;

	*squares = 0;
	for (int b = 0; b < blocks->count; b++)
	{
		double		sum = 0;

		for (int i = 0; i < blocks->length; i++)
			sum += blocks->values[b * blocks->length + i];
		if (b == 0)
			level = sum;
		*squares += (sum - level) * (sum - level);
		level += alpha * (sum - level);
	}
	return level;
}

/* rate is what the smoothed sums of blocks of a length say per step, with the best alpha of a small grid. */
static double
rate(const double *values, int known, int length)
{
	Blocks		blocks = {.length = length, .count = known / length};
	double		best = INFINITY;
	double		level = 0;

	blocks.values = values + known - blocks.count * length;
	for (int i = 0; i < 9; i++)
	{
		double		squares;
		double		l = smooth(&blocks, i == 0 ? 0.05 : 0.1 * i, &squares);

		if (squares < best)
		{
			best = squares;
			level = l;
		}
	}
	return level / length;
}

/* mean_gap is the mean number of steps from demand to demand, rounded; at least 1. */
static int
mean_gap(const double *values, int known)
{
	int			demands = 0;
	int			last = -1;

	for (int i = 0; i < known; i++)
	{
		if (values[i] != 0)
		{
			demands++;
			last = i;
		}
	}
	if (demands == 0)
		return 1;
	last = (int) lround((double) (last + 1) / demands);
	return last > LEVELS ? LEVELS : last;
}

/* cf_fit_adida smooths sums over blocks as long as the mean gap. */
bool
cf_fit_adida(CfFit *fit, int arg)
{
	(void) arg;
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];

		if (!cf_fit_go_on(fit))
			return false;
		cf_fit_constant(fit, o, rate(fit->values, known, mean_gap(fit->values, known)));
	}
	return true;
}

/* cf_fit_imapa is the mean of what blocks of 1, 2, … up to the mean gap say. */
bool
cf_fit_imapa(CfFit *fit, int arg)
{
	(void) arg;
	for (int o = 0; o < fit->n_origins; o++)
	{
		int			known = fit->origins[o];
		int			gap = mean_gap(fit->values, known);
		double		sum = 0;

		for (int length = 1; length <= gap; length++)
		{
			if (!cf_fit_go_on(fit))
				return false;
			sum += rate(fit->values, known, length);
		}
		cf_fit_constant(fit, o, sum / gap);
	}
	return true;
}
