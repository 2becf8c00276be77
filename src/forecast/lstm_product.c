/*
 * lstm_product.c
 *		Matrix products of the network: OpenBLAS when built with it (make OPENBLAS=1), own loops otherwise.
 *
 * The own loops keep a tile of the result in registers while they walk along k, so each element is one sum from first to last,
 * whatever the width of the vectors: processors with the same rounding (with fused multiplication, or all without) give the same bits.
 * The loop is compiled once for every processor, and on x86-64 once more for those with AVX2 and once for those with AVX-512; which
 * is asked of the processor at each product.
 */
#include "forecast/lstm_private.h"

#ifdef CF_OPENBLAS
#include <cblas.h>
#endif

#define ROWS 6

typedef float Eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef float Sixteen __attribute__((vector_size(64), aligned(4), may_alias));

/* Sums stay in registers only where the loops over them are gone; clang does that by itself. */
#ifdef __clang__
#define UNROLL
#else
#define UNROLL _Pragma("GCC unroll 6")
#endif

/* A tile of rows x vectors of the result; a macro, since vectors as arguments have no common convention. */
#define TILE(Vector, ROWS_OF_TILE, VECTORS) \
	do { \
		Vector		sum[ROWS_OF_TILE][VECTORS]; \
		UNROLL for (int r = 0; r < ROWS_OF_TILE; r++) \
			UNROLL for (int v = 0; v < VECTORS; v++) \
				sum[r][v] = ((const Vector *) (c + (size_t) r * (size_t) n))[v]; \
		for (int j = 0; j < k; j++) \
		{ \
			const Vector *line = (const Vector *) (b + (size_t) j * (size_t) n); \
			UNROLL for (int r = 0; r < ROWS_OF_TILE; r++) \
				UNROLL for (int v = 0; v < VECTORS; v++) \
					sum[r][v] += a[(size_t) r * (size_t) row + (size_t) j * (size_t) column] * line[v]; \
		} \
		UNROLL for (int r = 0; r < ROWS_OF_TILE; r++) \
			UNROLL for (int v = 0; v < VECTORS; v++) \
				((Vector *) (c + (size_t) r * (size_t) n))[v] = sum[r][v]; \
	} while (0)

/* The columns that fill so many vectors at a time, from `at` on, for all rows. */
#define COLUMNS(Vector, VECTORS) \
	for (; n - at >= VECTORS * (int) (sizeof(Vector) / sizeof(float)); at += VECTORS * (int) (sizeof(Vector) / sizeof(float))) \
		for (int i = 0; i < m;) \
		{ \
			const float *a = whole_a + (size_t) i * (size_t) row; \
			const float *b = whole_b + at; \
			float	   *c = whole_c + (size_t) i * (size_t) n + at; \
			if (m - i >= ROWS) \
			{ \
				TILE(Vector, ROWS, VECTORS); \
				i += ROWS; \
			} \
			else \
			{ \
				TILE(Vector, 1, VECTORS); \
				i++; \
			} \
		}

/* rest does the columns of the result that fill no vector, one after the other. */
static inline __attribute__((always_inline)) void
rest(int m, int n, int k, const float *a, int row, int column, const float *b, float *c, int at)
{
	for (int i = 0; i < m; i++)
		for (int l = at; l < n; l++)
		{
			float		sum = c[(size_t) i * (size_t) n + (size_t) l];

			for (int j = 0; j < k; j++)
				sum += a[(size_t) i * (size_t) row + (size_t) j * (size_t) column] * b[(size_t) j * (size_t) n + (size_t) l];
			c[(size_t) i * (size_t) n + (size_t) l] = sum;
		}
}

#define ARGUMENTS int m, int n, int k, const float *whole_a, int row, int column, const float *whole_b, float *whole_c

static void
product_any(ARGUMENTS)
{
	int			at = 0;

	COLUMNS(Eight, 2);
	COLUMNS(Eight, 1);
	rest(m, n, k, whole_a, row, column, whole_b, whole_c, at);
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void
product_avx2(ARGUMENTS)
{
	int			at = 0;

	COLUMNS(Eight, 2);
	COLUMNS(Eight, 1);
	rest(m, n, k, whole_a, row, column, whole_b, whole_c, at);
}

__attribute__((target("avx512f,fma"))) static void
product_avx512(ARGUMENTS)
{
	int			at = 0;

	COLUMNS(Sixteen, 4);
	COLUMNS(Sixteen, 2);
	COLUMNS(Sixteen, 1);
	COLUMNS(Eight, 1);
	rest(m, n, k, whole_a, row, column, whole_b, whole_c, at);
}
#endif

void
cf_lstm_product_own(int m, int n, int k, const float *a, int row, int column, const float *b, float *c)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
	{
		product_avx512(m, n, k, a, row, column, b, c);
		return;
	}
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
	{
		product_avx2(m, n, k, a, row, column, b, c);
		return;
	}
#endif
	product_any(m, n, k, a, row, column, b, c);
}

void
cf_lstm_product(int m, int n, int k, const float *a, int row, int column, const float *b, float *c)
{
#ifdef CF_OPENBLAS
	cblas_sgemm(CblasRowMajor, column == 1 ? CblasNoTrans : CblasTrans, CblasNoTrans, m, n, k, 1, a, column == 1 ? row : column, b, n, 1, c, n);
#else
	cf_lstm_product_own(m, n, k, a, row, column, b, c);
#endif
}
