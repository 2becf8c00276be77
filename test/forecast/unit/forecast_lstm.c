/*
 * forecast_lstm: slopes are those of finite differences, learning finds what is there, and the promises of lstm.h hold.
 */
#include "forecast_lstm.h"

/* The loops for other processors than this one, which are static. */
#define cf_lstm_product copied_product
#define cf_lstm_product_own copied_product_own
#include "forecast/lstm_product.c"
#undef cf_lstm_product
#undef cf_lstm_product_own

#define CELLS 16
#define STEPS 9
#define WINDOWS 5

/* A second, slow network in double precision, written from the equations alone; it gives the loss. */
static double
logistic(double x)
{
	return 1 / (1 + exp(-x));
}

static double
slow_loss(const LstmBatch *batch, const double *flat, double *outs)
{
	int			n = batch->hidden;
	const double *u = flat + LSTM_INPUTS * 4 * n;
	const double *bias = u + n * 4 * n;
	const double *v = bias + 4 * n;
	const double *s = v + n * LSTM_OUTPUTS;
	const double *b = s + LSTM_INPUTS * LSTM_OUTPUTS;
	double		sum = 0;
	int			forks = 0;

	for (int w = 0; w < batch->windows; w++)
	{
		double		h[CELLS] = {0};
		double		c[CELLS] = {0};

		for (int t = batch->first[w]; t < batch->steps; t++)
		{
			const float *x = batch->input + (t * batch->windows + w) * LSTM_INPUTS;
			const float *target = batch->target + (t * batch->windows + w) * LSTM_TARGETS;
			double		z[4 * CELLS];
			double		out[LSTM_OUTPUTS];

			for (int j = 0; j < 4 * n; j++)
			{
				z[j] = bias[j];
				for (int i = 0; i < LSTM_INPUTS; i++)
					z[j] += (double) x[i] * flat[i * 4 * n + j];
				for (int i = 0; i < n; i++)
					z[j] += h[i] * u[i * 4 * n + j];
			}
			for (int j = 0; j < n; j++)
			{
				c[j] = logistic(z[n + j]) * c[j] + logistic(z[j]) * tanh(z[2 * n + j]);
				h[j] = logistic(z[3 * n + j]) * tanh(c[j]);
			}
			for (int q = 0; q < LSTM_OUTPUTS; q++)
			{
				out[q] = b[q];
				for (int i = 0; i < n; i++)
					out[q] += h[i] * v[i * LSTM_OUTPUTS + q];
				for (int i = 0; i < LSTM_INPUTS; i++)
					out[q] += (double) x[i] * s[i * LSTM_OUTPUTS + q];
				if (outs != NULL)
					outs[(t * batch->windows + w) * LSTM_OUTPUTS + q] = out[q];
			}
			bool		any = false;

			for (int k = 0; k < LSTM_TARGETS; k++)
				any |= !isnan(target[k]);
			forks += any;
			for (int q = 0; q < LSTM_OUTPUTS; q++)
			{
				bool		total = q >= CF_LSTM_HORIZON * CF_LSTM_LEVELS;
				int			k = q - CF_LSTM_HORIZON * CF_LSTM_LEVELS;
				double		y = (double) target[total ? CF_LSTM_HORIZON : q / CF_LSTM_LEVELS];
				double		level = total ? cf_lstm_totals[k] : cf_lstm_levels[q % CF_LSTM_LEVELS];

				if (!isnan(y))
					sum += fmax(level * (y - out[q]), (level - 1) * (y - out[q])) / (total ? CF_LSTM_TOTALS : CF_LSTM_HORIZON * CF_LSTM_LEVELS);
			}
		}
	}
	return sum / forks;
}

static void
fill_batch(LstmBatch *batch, CfArena *arena)
{
	cf_lstm_batch_make(batch, CELLS, STEPS, WINDOWS, true, arena);
	make_series(8, 60, 3);
	values[3][40] = NAN;
	values[4][47] = NAN;
	for (int w = 0; w < WINDOWS; w++)
		cf_lstm_window(batch, w, &series[w], true, w == 2 ? 5 : 40 + w, w == 2 ? 0 : 35, 57);
}

static void
slopes(void)
{
	static float flat[20000];
	static float slope_flat[20000];
	static double exact[20000];
	static double outs[STEPS * WINDOWS * LSTM_OUTPUTS];
	LstmWeights weights = cf_lstm_weights(flat, CELLS);
	LstmWeights slope = cf_lstm_weights(slope_flat, CELLS);
	int			count = (int) cf_lstm_weight_count(CELLS);
	CfRandom	random = cf_random_stream(5, 5);
	LstmBatch	batch;
	CfArena		arena;
	size_t		forks;
	double		loss;
	double		worst = 0;
	double		largest = 0;

	cf_arena_init(&arena, &failing, 4096, 0);
	fill_batch(&batch, &arena);
	for (int i = 0; i < count; i++)
		exact[i] = (double) (flat[i] = (float) ((cf_random_uniform(&random) - 0.5) * 0.8));
	cf_lstm_forward(&batch, &weights, false, NULL);
	slow_loss(&batch, exact, outs);
	for (int t = 0; t < STEPS; t++)
		for (int w = 0; w < WINDOWS; w++)
			for (int q = 0; t >= batch.first[w] && q < LSTM_OUTPUTS; q++)
				worst = fmax(worst, fabs(outs[(t * WINDOWS + w) * LSTM_OUTPUTS + q] - (double) batch.out[(t * WINDOWS + w) * LSTM_OUTPUTS + q]));
	ok(worst < 1e-5, "the network tells what its equations say, within 1e-5 (%g)", worst);
	loss = cf_lstm_loss(&batch, true, &forks);
	is_dbl(loss / (double) forks, slow_loss(&batch, exact, NULL), 1e-6, "the loss is that of the equations, of %zu days", forks);
	cf_lstm_backward(&batch, &weights, &slope, NULL);
	worst = 0;
	for (int i = 0; i < count; i += 1 + i % 29)
	{
		double		step = 1e-6;
		double		difference;

		exact[i] += step;
		difference = slow_loss(&batch, exact, NULL);
		exact[i] -= 2 * step;
		difference = (difference - slow_loss(&batch, exact, NULL)) / (2 * step);
		exact[i] += step;
		worst = fmax(worst, fabs(difference - (double) slope_flat[i]));
		largest = fmax(largest, fabs(difference));
	}
	ok(worst < 2e-5 && largest > 1e-2, "slopes are those of finite differences: the largest is %g, the largest error %g", largest, worst);
	cf_arena_free(&arena);
}

/* product checks both products against sums in double precision. */
static void
products(void)
{
	static const int shapes[][3] = {{1, 1, 1}, {7, 48, 33}, {64, 160, 40}, {13, 40, 160}, {6, 200, 5}, {20, 32, 300}, {5, 7, 3}};
	static float a[64 * 300];
	static float b[300 * 200];
	static float c[2][64 * 200];
	CfRandom	random = cf_random_stream(1, 1);

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (int turned = 0; turned < 2; turned++)
		{
			int			m = shapes[s][0];
			int			n = shapes[s][1];
			int			k = shapes[s][2];
			double		worst[2] = {0, 0};

			for (int i = 0; i < m * k; i++)
				a[i] = (float) cf_random_uniform(&random) - 0.5f;
			for (int i = 0; i < k * n; i++)
				b[i] = (float) cf_random_uniform(&random) - 0.5f;
			for (int i = 0; i < m * n; i++)
				c[0][i] = c[1][i] = (float) (i % 3);
			cf_lstm_product_own(m, n, k, a, turned ? 1 : k, turned ? m : 1, b, c[0]);
			cf_lstm_product(m, n, k, a, turned ? 1 : k, turned ? m : 1, b, c[1]);
			for (int i = 0; i < m; i++)
				for (int j = 0; j < n; j++)
				{
					double		sum = (i * n + j) % 3;

					for (int l = 0; l < k; l++)
						sum += (double) a[turned ? l * m + i : i * k + l] * (double) b[l * n + j];
					worst[0] = fmax(worst[0], fabs(sum - (double) c[0][i * n + j]));
					worst[1] = fmax(worst[1], fabs(sum - (double) c[1][i * n + j]));
				}
			ok(worst[0] < 1e-5 && worst[1] < 1e-5, "%d x %d x %d%s: own loops and the library of this build are within 1e-5 of the product (%g, %g)", m, n, k,
			   turned ? " turned" : "", worst[0], worst[1]);
		}
}

/* processors checks that the loops of all kinds of processors give the same: those that fuse to the bit. */
static void
processors(void)
{
	static float a[13 * 50];
	static float b[50 * 107];
	static float c[3][13 * 107];
	CfRandom	random = cf_random_stream(2, 2);
	double		worst = 0;

	for (int i = 0; i < 13 * 50; i++)
		a[i] = (float) cf_random_uniform(&random) - 0.5f;
	for (int i = 0; i < 50 * 107; i++)
		b[i] = (float) cf_random_uniform(&random) - 0.5f;
	product_any(13, 107, 50, a, 50, 1, b, c[0]);
	copied_product(13, 107, 50, a, 50, 1, b, c[1]);
	for (int i = 0; i < 13 * 107; i++)
		worst = fmax(worst, fabs((double) c[0][i] - (double) c[1][i]));
	ok(worst < 1e-5, "the loop for any processor and the one for this are within 1e-5 (%g)", worst);
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
	{
		memset(c, 0, sizeof(c));
		product_avx2(13, 107, 50, a, 50, 1, b, c[0]);
		product_avx512(13, 107, 50, a, 50, 1, b, c[1]);
		is_mem(c[0], c[1], sizeof(c[0]), "vectors of 8 and of 16 give the same bits");
	}
#endif
}

/* told_error is the mean distance of the told median of the total from what came, over what came. */
static double
told_error(const CfLstm *net, int count, int days)
{
	double		wrong = 0;
	double		all = 0;

	for (int i = 0; i < count; i++)
		series[i].count = days - 7;
	tell(net, count);
	for (int i = 0; i < count; i++)
	{
		double		total = 0;

		for (int d = days - 7; d < days; d++)
			total += (double) values[i][d];
		wrong += fabs(total - told[i].total[5]);
		all += total;
	}
	return wrong / all;
}

static void
learns(void)
{
	CfLstmParams params = params_of();
	CfLstm		net;
	double		inside = 0;
	bool		ordered = true;
	double		error;

	params.epochs = 10;
	make_series(60, 140, 1);
	for (int i = 0; i < 60; i++)
		series[i].count = 133;
	ok(train(&params, 60, &net), "a network learns from 60 series: %s", err.message);
	ok(net.held_loss > 0 && net.held_loss < 0.2 && net.epochs > 3, "it took %d epochs to a loss of %.3f, held out %.3f", net.epochs, net.loss, net.held_loss);
	error = told_error(&net, 60, 140);
	ok(error < 0.2, "totals of 7 days after the last are told within a fifth: %.3f", error);
	for (int i = 0; i < 60; i++)
	{
		double		total = 0;

		for (int d = 133; d < 140; d++)
			total += (double) values[i][d];
		inside += (total >= told[i].total[1] && total <= told[i].total[9]) / 60.0;
		for (int q = 1; q < CF_LSTM_TOTALS; q++)
			ordered &= told[i].total[q] >= told[i].total[q - 1] && told[i].total[0] >= 0;
		for (int h = 0; h < 7; h++)
			for (int q = 1; q < CF_LSTM_LEVELS; q++)
				ordered &= told[i].day[h][q] >= told[i].day[h][q - 1] && told[i].day[h][0] >= 0;
		ordered &= told[i].mean >= told[i].total[0] && told[i].mean <= 2 * told[i].total[12] + 1;
	}
	ok(inside > 0.5 && inside <= 1, "%.0f of 100 fall between the quantiles 0.1 and 0.9", 100 * inside);
	ok(ordered, "no quantile is below one before it, or below 0");
}

static void
probabilities(void)
{
	CfLstmTold	one = {.total = {0, 0, 0, 0, 0.2, 0.4, 3, 5, 7, 9, 20, 40, 80}};
	double		before = 0;
	bool		rises = true;

	for (int count = 0; count < 500; count++)
	{
		double		p = cf_lstm_below(&one, count);

		rises &= p > 0 && p < 1 && p >= before;
		before = p;
	}
	ok(rises, "the probability to stay below a count rises with it, and is never 0 or 1");
	ok(cf_lstm_below(&one, 1) > 0.5 && cf_lstm_below(&one, 1) < 0.6, "nothing is read with more than a half: %.3f", cf_lstm_below(&one, 1));
	is_dbl(cf_lstm_below(&one, 9.5), 0.9, 1e-12, "at a quantile it is the quantile's level");
	for (int q = 0; q < CF_LSTM_TOTALS; q++)
		one.total[q] = 100 + q;
	ok(cf_lstm_below(&one, 1) < 0.025 && cf_lstm_below(&one, 1000) > 0.999, "far from all quantiles it is small, or nearly 1");
}

static void
equivariance(void)
{
	CfLstmParams params = params_of();
	CfLstm		net;
	CfLstm		shuffled;
	size_t		bytes = cf_lstm_weight_count(params.hidden) * sizeof(float);
	static float first[20000];
	CfLstmTold	before;
	bool		same = true;
	CfLstmSeries swap;

	params.epochs = 3;
	make_series(20, 120, 7);
	train(&params, 20, &net);
	memcpy(first, net.weights, bytes);
	for (int i = 0; i < 10; i++)
	{
		swap = series[i];
		series[i] = series[19 - i];
		series[19 - i] = swap;
	}
	ok(train(&params, 20, &shuffled) && memcmp(first, shuffled.weights, bytes) == 0 && shuffled.fingerprint == net.fingerprint,
	   "the order of the series changes no bit");
	params.seed++;
	train(&params, 20, &shuffled);
	ok(memcmp(first, shuffled.weights, bytes) != 0 && shuffled.fingerprint == net.fingerprint, "another seed gives another network");
	tell(&shuffled, 20);
	before = told[4];
	for (int d = 0; d < series[4].count; d++)
		values[4][d] = series[4].values[d] * 1024;
	series[4].values = values[4];
	series[4].unit *= 1024;
	tell(&shuffled, 20);
	for (int q = 0; q < CF_LSTM_TOTALS; q++)
		same &= told[4].total[q] == 1024 * before.total[q];
	for (int h = 0; h < 7; h++)
		same &= told[4].day[h][2] == 1024 * before.day[h][2];
	ok(same && told[4].mean == 1024 * before.mean, "a series of 1024 times the size is told 1024 times the forecast, to the bit");
	before = told[3];
	series[3].values += 120 - (params.context + CF_LSTM_LOOKBACK);
	series[3].first_day += 120 - (params.context + CF_LSTM_LOOKBACK);
	series[3].count = params.context + CF_LSTM_LOOKBACK;
	tell(&shuffled, 20);
	is_mem(&told[3], &before, sizeof(before), "days before the window and its look back change nothing");
}

static void
defined(void)
{
	CfLstmParams params = params_of();
	CfLstm		net;

	params.epochs = 2;
	make_series(10, 120, 9);
	series[1].count = 0;
	series[2].count = 1;
	series[3].count = 40;
	memset(values[4], 0, sizeof(values[4]));
	for (int d = 0; d < 120; d++)
		values[5][d] = NAN;
	ok(train(&params, 10, &net), "series that are empty, short, zero or missing are taken: %s", err.message);
	tell(&net, 10);
	ok(isfinite(told[1].mean) && isfinite(told[2].mean) && isfinite(told[4].mean) && isfinite(told[5].mean), "and told: %g, %g, %g, %g", told[1].mean,
	   told[2].mean, told[4].mean, told[5].mean);
	values[0][7] = -1;
	ok(!train(&params, 10, &net) && err.kind == CF_ERR_INPUT, "a day below 0: %s", err.message);
	values[0][7] = INFINITY;
	ok(!train(&params, 10, &net) && err.kind == CF_ERR_INPUT, "an infinite day: %s", err.message);
	values[0][7] = 1;
	series[0].unit = 0;
	ok(!train(&params, 10, &net) && err.kind == CF_ERR_INPUT, "a unit of 0: %s", err.message);
	series[0].unit = 1;
	params.hidden = 12;
	ok(!train(&params, 10, &net) && err.kind == CF_ERR_INPUT && cf_lstm_workspace_bytes(&params, 10) == 0, "12 cells: %s", err.message);
	params = params_of();
	for (int i = 0; i < 10; i++)
		series[i].count = 20;
	ok(!train(&params, 10, &net) && err.kind == CF_ERR_INPUT && err.detail[0] != '\0', "too short: %s", err.message);
	make_series(10, 120, 9);
	for (int i = 0; i < 10; i++)
		for (int d = 120 - params.held_days; d < 120; d++)
			values[i][d] = NAN;
	ok(!train(&params, 10, &net) && err.kind == CF_ERR_INPUT, "nothing that is held out is known: %s", err.message);
	for (int d = 0; d < 120; d++)
		for (int i = 0; i < 10; i++)
			values[i][d] = d < 120 - params.held_days ? NAN : 1;
	ok(train(&params, 10, &net), "nothing is known but what is held out: %s", err.message);
}

static int	looks;
static int	stop_at;

static bool
wanted(void *ctx)
{
	(void) ctx;
	return ++looks == stop_at;
}

static void
cancel(void)
{
	CfInterrupt interrupt = {wanted, NULL};
	CfLstmParams params = params_of();
	CfLstm		net;
	int			cancelled = 0;
	int			tried = 0;
	bool		learned;

	params.epochs = 1;
	make_series(6, 100, 11);
	looks = stop_at = 0;
	reset();
	learned = cf_lstm_train(&params, series, 6, &keep, &work, &interrupt, &net, &err);
	ok(learned && looks > 50, "learning asks %d times whether to stop", looks);
	for (int all = looks; stop_at < all; stop_at += 13)
	{
		looks = 0;
		reset();
		tried += stop_at > 0;
		cancelled += !cf_lstm_train(&params, series, 6, &keep, &work, &interrupt, &net, &err) && err.kind == CF_ERR_CANCELLED;
	}
	is_int(cancelled, tried, "and stops wherever it asked: %s", err.message);
	stop_at = looks = 0;
	train(&params, 6, &net);
	stop_at = 3;
	cf_arena_reset(&work);
	ok(!cf_lstm_predict(&net, series, 6, &work, &interrupt, told, &err) && err.kind == CF_ERR_CANCELLED, "telling too: %s", err.message);
}

static void
memory(void)
{
	CfLstmParams params = params_of();
	CfLstm		net;
	int			failed = 0;
	bool		done = false;
	size_t		bound = cf_lstm_workspace_bytes(&params, 6);

	params.epochs = 1;
	make_series(6, 100, 11);
	train(&params, 6, &net);
	ok(work.used_bytes <= bound, "learning took %zu bytes of the %zu that were told", work.used_bytes, bound);
	cf_arena_reset(&work);
	tell(&net, 6);
	ok(work.used_bytes <= cf_lstm_predict_bytes(&net), "telling %zu of %zu", work.used_bytes, cf_lstm_predict_bytes(&net));
	for (fail_at = 1; !done && fail_at < 100; fail_at++)
	{
		reset();
		calls = 0;
		done = cf_lstm_train(&params, series, 6, &keep, &work, NULL, &net, &err);
		failed += !done && err.kind == CF_ERR_MEMORY;
	}
	ok(done && failed > 5 && failed == fail_at - 2, "each of %d allocations of learning fails once, and is told as memory", failed);
	fail_at = 0;
	train(&params, 6, &net);
	cf_arena_free(&work);
	cf_arena_init(&work, &failing, 4096, 1000);
	ok(!cf_lstm_predict(&net, series, 6, &work, NULL, told, &err) && err.kind == CF_ERR_MEMORY, "telling without memory: %s", err.message);
	give_back();
	is_int(alive, 0, "nothing is left behind");
}

int
main(void)
{
	products();
	processors();
	slopes();
	learns();
	probabilities();
	equivariance();
	defined();
	cancel();
	memory();
	return done_testing();
}
