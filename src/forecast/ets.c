/*
 * ets.c
 *		The family of exponential smoothing: error, trend and season additive or multiplicative, the trend damped or not, chosen by AICc.
 *
 * R. J. Hyndman, A. B. Koehler, R. D. Snyder and S. Grose, "A state space framework for automatic forecasting using exponential smoothing
 * methods", Int. J. of Forecasting 18 (2002); R. J. Hyndman, A. B. Koehler, J. K. Ord and R. D. Snyder, "Forecasting with Exponential
 * Smoothing" (2008), tables 2.2 and 2.3. With q what level and trend say of the next value (l; l + phi b; l b^phi) and s the season's index,
 *
 *		y' = q + s, q s or q		e = y - y', or (y - y') / y' when errors are multiplicative
 *		l = q + alpha (y less s - q)		b = phi b + beta / alpha (l - l' - phi b)		s += gamma (y less q - s)
 *
 * where "less" divides when the season is multiplicative, and a multiplicative trend has ratios and powers for differences and products.
 * Parameters and the states at the start have the largest likelihood: the least n log(sum e^2) + 2 sum log |y'| (2008, equation 5.3; the
 * second sum with multiplicative errors only), by the simplex, from the states of a classical decomposition (2008, section 5.2.1).
 * They are in the usual region, 0 < alpha < 1, 0 < beta < alpha, 0 < gamma < 1 - alpha, 0.8 < phi < 0.98, and in the admissible one
 * (2008, chapter 10): the roots of the characteristic equation are inside the unit circle, asked by the recursion of Schur and Cohn.
 *
 * The automatic choice is the least AICc (2008, section 7.2) of the models whose forecast variance is finite: no multiplicative
 * trend, additive errors with additive seasons only, and nothing multiplicative unless all values are positive. The season is the shortest.
 * C. C. Holt (1957) and P. R. Winters, "Forecasting sales by exponentially weighted moving averages", Management Science 6 (1960) are
 * the models with additive errors, whose likelihood is largest where the sum of squares is least.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "forecast/fit.h"
#include "forecast/stat.h"

#define PARAMETERS CF_STAT_DIMENSIONS
#define FREE_SEASON 12			/* a season up to so long has its states at the start in the simplex */
#define CHECKED_SEASON 24		/* a season up to so long has its characteristic equation looked at, at every step of the simplex */
#define ROUGH 150				/* calls of the simplex to compare models */
#define FINE 900				/* and for each of the best ones */
#define FINALISTS 3
#define MODELS 15				/* of the automatic choice, at most */

enum
{
	TREND_NONE, TREND_ADDED, TREND_DAMPED, TREND_TIMES, TREND_TIMES_DAMPED
};

enum
{
	SEASON_NONE, SEASON_ADDED, SEASON_TIMES
};

/* What a model is made of. */
typedef struct Shape
{
	bool		relative;		/* errors are */
	int			trend;
	int			season;
} Shape;

/* Where a model stands. */
typedef struct State
{
	double		level;
	double		slope;
	double	   *season;			/* by the place in the season */
} State;

typedef struct Ets
{
	CfFit	   *fit;
	Shape		shape;
	int			m;				/* length of the season */
	double		level;			/* where the simplex starts */
	double		slope;
	const double *indices;
	double		unit;			/* how far values lie apart */
	int			n_free;			/* states of the season that the simplex may move */
	State		state;
	bool		stopped;
} Ets;

/* A model that was fitted; v is a place of the simplex. */
typedef struct Fitted
{
	Shape		shape;
	double		v[PARAMETERS];
	double		aicc;
} Fitted;

typedef struct Parameters
{
	double		alpha;
	double		beta;
	double		gamma;
	double		phi;
} Parameters;

/* inside maps any number into (low, high). */
static double
inside(double v, double low, double high)
{
	return low + (high - low) / (1 + exp(-v));
}

static bool
damps(int trend)
{
	return trend == TREND_DAMPED || trend == TREND_TIMES_DAMPED;
}

/* numbers is how many places of the simplex a model has. */
static int
numbers(const Ets *ets)
{
	return 2 + (ets->shape.trend == TREND_NONE ? 0 : 2) + damps(ets->shape.trend) + (ets->shape.season == SEASON_NONE ? 0 : 1 + ets->n_free);
}

/* natural gives the parameters at a place of the simplex, and sets the states to where they start there. */
static void
natural(Ets *ets, const double *v, Parameters *p)
{
	double		sum = 0;

	p->alpha = inside(*v++, 1e-4, 0.9999);
	ets->state.level = ets->level + *v++ * ets->unit;
	p->beta = 0;
	p->phi = 1;
	p->gamma = 0;
	ets->state.slope = 0;
	if (ets->shape.trend != TREND_NONE)
	{
		p->beta = inside(*v++, 1e-4, 1) * p->alpha;
		ets->state.slope = ets->slope + *v++ * (ets->shape.trend >= TREND_TIMES ? 0.1 : 0.1 * ets->unit);
	}
	if (damps(ets->shape.trend))
		p->phi = inside(*v++, 0.8, 0.98);
	if (ets->shape.season == SEASON_NONE)
		return;
	p->gamma = inside(*v++, 1e-4, 1) * (1 - p->alpha);
	/* The indices keep the sum that they have: m, or 0. */
	for (int i = 0; i < ets->m; i++)
	{
		double		move = i < ets->n_free ? v[i] * (ets->shape.season == SEASON_TIMES ? 0.1 : ets->unit) : 0;

		ets->state.season[i] = ets->indices[i] + move;
		sum += move;
	}
	if (ets->n_free > 0)
		ets->state.season[ets->m - 1] -= sum;
}

/* within tells whether all roots of a polynomial (leading coefficient last, of degree n) are inside the unit circle. */
static bool
within(double *a, int n)
{
	double		b[CHECKED_SEASON + 2];

	for (; n > 0; n--)
	{
		double		k = a[0] / a[n];

		if (!(fabs(k) < 1))
			return false;
		for (int i = 0; i < n; i++)
			b[i] = a[i + 1] - k * a[n - 1 - i];
		memcpy(a, b, sizeof(double) * n);
	}
	return true;
}

/* admissible tells whether what was long ago is forgotten (2008, chapter 10; the polynomial is on its page 161). */
static bool
admissible(const Ets *ets, const Parameters *p)
{
	double		a[CHECKED_SEASON + 2];
	double		power = 1;
	int			m = ets->m;

	if (ets->shape.season == SEASON_NONE)
		return p->alpha < 1 + 1 / p->phi && p->beta < (1 + p->phi) * (2 - p->alpha);
	if (p->alpha < 1 - 1 / p->phi - p->gamma * (1 - m + p->phi + p->phi * m) / (2 * p->phi * m))
		return false;
	if (m > CHECKED_SEASON || m < 2)
		return true;
	a[0] = p->phi * (1 - p->alpha - p->gamma);
	for (int i = 1; i < m; i++)
		a[i] = p->alpha + p->beta - p->alpha * p->phi;
	a[1] += p->gamma - 1;
	a[m] = p->alpha + p->beta - p->phi;
	a[m + 1] = 1;
	if (m == 2)
		a[1] = p->alpha + p->beta - p->alpha * p->phi + p->gamma - 1;
	/* Small gains put roots next to the circle: a little outside of it is asked. */
	for (int i = 0; i <= m + 1; i++, power *= 1.001)
		a[i] *= power;
	return within(a, m + 1);
}

/* trend_ahead is what level and trend say of h steps ahead, whose powers of phi sum up to `sum`. */
static inline double
trend_ahead(const Shape *shape, const State *state, double sum)
{
	if (shape->trend == TREND_NONE)
		return state->level;
	return shape->trend >= TREND_TIMES ? state->level * pow(state->slope, sum) : state->level + sum * state->slope;
}

/* take moves the states by a value, and gives what had been forecast of it. */
static inline double
take(const Shape *shape, const Parameters *p, State *state, int at, double y)
{
	double		q = trend_ahead(shape, state, p->phi);
	double		growth = shape->trend >= TREND_TIMES ? q / state->level : q - state->level;
	double		last = state->level;
	double		s = shape->season == SEASON_NONE ? 0 : state->season[at];
	double		forecast = shape->season == SEASON_TIMES ? q * s : q + s;

	state->level = q + p->alpha * ((shape->season == SEASON_TIMES ? y / s : y - s) - q);
	if (shape->trend != TREND_NONE)
		state->slope = growth + p->beta / p->alpha * ((shape->trend >= TREND_TIMES ? state->level / last : state->level - last) - growth);
	if (shape->season != SEASON_NONE)
		state->season[at] += p->gamma * ((shape->season == SEASON_TIMES ? y / q : y - q) - s);
	return forecast;
}

/* likelihood is what is made small: -2 log of it, less what all models have in common. */
static double
likelihood(void *ctx, const double *v)
{
	Ets		   *ets = ctx;
	const Shape shape = ets->shape;
	Parameters	p;
	double		squares = 0;
	double		logs = 0;
	double		product = 1;

	ets->stopped = ets->stopped || !cf_fit_go_on(ets->fit);
	natural(ets, v, &p);
	if (ets->stopped || !admissible(ets, &p) || (shape.trend >= TREND_TIMES && ets->state.slope <= 0))
		return INFINITY;
	for (int i = 0, at = 0; i < ets->fit->learn; i++, at = at + 1 == ets->m ? 0 : at + 1)
	{
		double		y = ets->fit->values[i];
		double		f = take(&shape, &p, &ets->state, at, y);
		double		e = y - f;

		if (shape.relative)
		{
			if (!(f > 1e-12))
				return INFINITY;
			e /= f;
			product *= f;
			if (product < 1e-200 || product > 1e200)
			{
				logs += log(product);
				product = 1;
			}
		}
		squares += e * e;
	}
	return ets->fit->learn * log(squares + 1e-30) + 2 * (logs + log(product));
}

/* start sets where the simplex starts: the line through the beginning of the adjusted series. */
static void
start(Ets *ets, const double *indices)
{
	const CfFit *fit = ets->fit;
	int			n = 2 * ets->m > 10 ? 2 * ets->m : 10;
	double		mean = 0;
	double		slope = 0;
	double		time = 0;

	n = n > fit->learn ? fit->learn : n;
	ets->indices = indices;
	for (int pass = 0; pass < 2; pass++)
	{
		for (int i = 0; i < n; i++)
		{
			double		s = ets->shape.season == SEASON_NONE ? 0 : indices[i % ets->m];
			double		z = ets->shape.season == SEASON_TIMES ? fit->values[i] / s : fit->values[i] - s;
			double		t = i - (n - 1) / 2.0;

			mean += pass == 0 ? z / n : 0;
			slope += pass == 0 ? 0 : t * (z - mean);
			time += pass == 0 ? 0 : t * t;
		}
	}
	slope = time > 0 ? slope / time : 0;
	ets->level = ets->shape.trend == TREND_NONE ? mean : mean - slope * (n + 1) / 2.0;
	ets->slope = slope;
	if (ets->shape.trend >= TREND_TIMES)
	{
		double		first = fmax(mean - slope * (n - 1) / 2.0, mean / 10);

		ets->slope = fmin(fmax((first + slope) / first, 0.5), 1.5);
		ets->level = first / ets->slope;
	}
}

/* prepare makes a model ready for the simplex, and gives the steps that it begins with. */
static void
prepare(Ets *ets, Shape shape, double *const *indices, int n_free, double *v, double *steps)
{
	static const double first[5] = {-0.5, 0, -2, 0, 1.5};	/* alpha, level, beta, slope, phi */
	int			k = 0;

	ets->shape = shape;
	ets->n_free = shape.season == SEASON_NONE ? 0 : n_free;
	start(ets, shape.season == SEASON_NONE ? NULL : indices[shape.season == SEASON_TIMES]);
	for (; k < (shape.trend == TREND_NONE ? 2 : damps(shape.trend) ? 5 : 4); k++)
		v[k] = first[k];
	if (shape.season != SEASON_NONE)
		v[k++] = -2.5;
	for (; k < PARAMETERS; k++)
		v[k] = 0;
	for (k = 0; k < PARAMETERS; k++)
		steps[k] = v[k] != 0 ? 1 : 0.3;
}

/* criterion is AICc: states, parameters and the variance of the errors count. */
static double
criterion(const Ets *ets, double likelihood)
{
	double		n = ets->fit->learn;
	double		k = numbers(ets) + 1 + (ets->shape.season == SEASON_NONE ? 0 : ets->m - 1 - ets->n_free);

	if (n - k - 1 <= 0)
		return INFINITY;
	/* Values were scaled by a power of two: AICc is told in the caller's unit. */
	return likelihood + 2 * n * log(2) * ets->fit->exponent + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

/* list_models fills in the models to choose from. */
static int
list_models(const Ets *ets, Fitted *models, bool positive)
{
	int			n = 0;

	for (int relative = 0; relative <= positive; relative++)
	{
		for (int trend = TREND_NONE; trend <= TREND_DAMPED; trend++)
		{
			for (int season = SEASON_NONE; season <= (ets->m < 2 ? SEASON_NONE : relative ? SEASON_TIMES : SEASON_ADDED); season++)
				models[n++].shape = (Shape) {relative != 0, trend, season};
		}
	}
	return n;
}

/* sort_models orders models by their criterion, the best one first. */
static void
sort_models(Fitted *models, int n)
{
	for (int i = 1; i < n; i++)
	{
		Fitted		model = models[i];
		int			j = i;

		for (; j > 0 && models[j - 1].aicc > model.aicc; j--)
			models[j] = models[j - 1];
		models[j] = model;
	}
}

/*
 * try_model fits a model roughly, with the states of the season as they are. With a season there are two valleys: in one the level follows
 * the values, in the other the season does.
 */
static void
try_model(Ets *ets, Fitted *model, double *const *indices)
{
	double		v[PARAMETERS];
	double		steps[PARAMETERS];

	model->aicc = INFINITY;
	for (int valley = 0; valley < (model->shape.season == SEASON_NONE ? 1 : 2); valley++)
	{
		double		aicc;

		prepare(ets, model->shape, indices, 0, v, steps);
		if (valley == 1)
		{
			v[0] = -2;
			v[numbers(ets) - 1] = 1;
		}
		aicc = criterion(ets, cf_stat_simplex(likelihood, ets, v, steps, numbers(ets), 1e-6, ROUGH));
		if (valley == 0 || aicc < model->aicc)
		{
			memcpy(model->v, v, sizeof(v));
			model->aicc = aicc;
		}
	}
}

/* polish goes on from where a rough search ended, with all states free; what was found to be worse is not taken. */
static void
polish(Ets *ets, Fitted *model, double *const *indices)
{
	int			n_free = ets->m <= FREE_SEASON ? ets->m - 1 : 0;
	double		v[PARAMETERS];
	double		steps[PARAMETERS];

	prepare(ets, model->shape, indices, n_free, v, steps);
	for (int round = 0; round < 3 && !ets->stopped; round++)
	{
		double		least;

		for (int k = 0; k < PARAMETERS; k++)
			steps[k] = (round % 2 == 0 ? 0.5 : -0.2);
		memcpy(v, model->v, sizeof(v));
		least = criterion(ets, cf_stat_simplex(likelihood, ets, v, steps, numbers(ets), 1e-8, FINE));
		if (!(least < model->aicc))
			break;
		memcpy(model->v, v, sizeof(v));
		if (model->aicc - least < 1e-2)
			round = 3;
		model->aicc = least;
	}
}

/* forecast passes over the series once more and writes the paths. */
static void
forecast(Ets *ets, const double *v)
{
	CfFit	   *fit = ets->fit;
	Parameters	p;

	natural(ets, v, &p);
	for (int i = 0, o = 0; o < fit->n_origins; i++)
	{
		double	   *path = cf_fit_path(fit, o);
		double		fade = 1;
		double		sum = 0;

		take(&ets->shape, &p, &ets->state, i % ets->m, fit->values[i]);
		if (fit->origins[o] != i + 1)
			continue;
		for (int h = 0; h < fit->horizon; h++)
		{
			double		s = ets->shape.season == SEASON_NONE ? 0 : ets->state.season[(i + 1 + h) % ets->m];

			fade *= p.phi;
			sum += fade;
			path[h] = trend_ahead(&ets->shape, &ets->state, sum);
			path[h] = ets->shape.season == SEASON_TIMES ? path[h] * s : path[h] + s;
		}
		o++;
	}
}

/* describe tells the model in the notation of the book. */
static void
describe(Ets *ets, const Fitted *model)
{
	static const char *const trends[] = {"N", "A", "Ad", "M", "Md"};
	Parameters	p;
	int			length;

	natural(ets, model->v, &p);
	length = snprintf(ets->fit->note, sizeof(ets->fit->note), "%c,%s,%c: alpha %.3f", model->shape.relative ? 'M' : 'A',
					  trends[model->shape.trend], "NAM"[model->shape.season], p.alpha);
	if (model->shape.trend != TREND_NONE)
		length += snprintf(ets->fit->note + length, sizeof(ets->fit->note) - length, ", beta %.3f", p.beta);
	if (model->shape.season != SEASON_NONE)
		length += snprintf(ets->fit->note + length, sizeof(ets->fit->note) - length, ", gamma %.3f", p.gamma);
	if (damps(model->shape.trend))
		length += snprintf(ets->fit->note + length, sizeof(ets->fit->note) - length, ", phi %.3f", p.phi);
	if (isfinite(model->aicc))
		snprintf(ets->fit->note + length, sizeof(ets->fit->note) - length, ", AICc %.2f", model->aicc);
}

/* set_up gives what all models share: indices of the season both ways, room for states, the unit. */
static bool
set_up(Ets *ets, CfFit *fit, double **indices, bool *positive)
{
	double		apart = 0;
	double		most = 0;

	ets->fit = fit;
	ets->m = fit->n_seasons == 0 ? 1 : fit->seasons[0];
	ets->state.season = cf_fit_numbers(fit, ets->m);
	indices[0] = cf_fit_numbers(fit, ets->m);
	indices[1] = cf_fit_numbers(fit, ets->m);
	if (ets->state.season == NULL || indices[0] == NULL || indices[1] == NULL)
		return false;
	*positive = true;
	for (int i = 0; i < fit->learn; i++)
	{
		*positive = *positive && fit->values[i] > 0;
		apart += i == 0 ? 0 : fabs(fit->values[i] - fit->values[i - 1]) / fit->learn;
		most = fmax(most, fabs(fit->values[i]));
	}
	ets->unit = fmax(apart, 1e-3 * most);
	if (ets->m > 1 && fit->learn >= 2 * ets->m)
	{
		cf_fit_indices(fit, ets->m, false, indices[0]);
		if (*positive)
			cf_fit_indices(fit, ets->m, true, indices[1]);
	}
	else
		ets->m = 1;
	return true;
}

bool
cf_fit_ets(CfFit *fit, int arg)
{
	Ets			ets = {0};
	double	   *indices[2];
	Fitted		models[MODELS];
	bool		positive;
	int			n = 1;

	if (!set_up(&ets, fit, indices, &positive))
		return false;
	if (arg == CF_ETS_CHOOSE)
		n = list_models(&ets, models, positive);
	else
	{
		Shape		wanted = {arg / 100 == 1, arg / 10 % 10, arg % 10};

		/* What cannot be multiplied is added; a season that is not there, or a trend that nothing shows, is left out. */
		if (!positive)
			wanted = (Shape) {false, wanted.trend >= TREND_TIMES ? wanted.trend - 2 : wanted.trend, wanted.season > 0};
		if (ets.m < 2)
			wanted.season = SEASON_NONE;
		if (fit->learn < 4)
			wanted.trend = TREND_NONE;
		models[0].shape = wanted;
	}
	for (int i = 0; i < n && !ets.stopped; i++)
		try_model(&ets, &models[i], indices);
	sort_models(models, n);
	for (int i = 0; i < n && i < FINALISTS && !ets.stopped; i++)
		polish(&ets, &models[i], indices);
	if (ets.stopped)
		return false;
	sort_models(models, n < FINALISTS ? n : FINALISTS);
	ets.shape = models[0].shape;
	prepare(&ets, models[0].shape, indices, ets.m <= FREE_SEASON ? ets.m - 1 : 0, (double[PARAMETERS]) {0}, (double[PARAMETERS]) {0});
	forecast(&ets, models[0].v);
	describe(&ets, &models[0]);
	return true;
}
