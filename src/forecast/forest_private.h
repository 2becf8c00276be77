/*
 * forest_private.h
 *		What the files of the forest share: rows in bins, the walk through a tree, calibration.
 */
#ifndef CF_FORECAST_FOREST_PRIVATE_H
#define CF_FORECAST_FOREST_PRIVATE_H

#include "forecast/forest.h"

#define FOREST_MISSING 255

/* Rows in their canonical order, as bins. */
typedef struct ForestTable
{
	size_t		count;
	int			features;
	int			columns;
	size_t		stride;			/* bytes of a row: its columns, its class, how often it is in the bag of this tree */
	uint8_t    *bins;
	double	   *target;			/* numbers; NULL for classes */
} ForestTable;

/* cf_forest_table_make orders the rows, cuts the features into bins (into forest->feature) and fills the table. */
extern bool cf_forest_table_make(const CfForestParams *params, const CfForestRows *rows, CfArena *keep, CfArena *work,
								 const CfInterrupt *interrupt, CfForest *forest, ForestTable *table, CfError *err);

/* cf_forest_table_bytes tells what that takes of work at most. */
extern size_t cf_forest_table_bytes(size_t count, int features);

/* cf_forest_bin_row turns one row of values into its columns of bins. */
extern void cf_forest_bin_row(const CfForest *forest, const float *values, uint8_t *bins);

/* cf_forest_walk tells to which leaf of a tree each of so many rows of bins comes. */
extern void cf_forest_walk(const CfForestTree *tree, const uint8_t *const *rows, int count, uint32_t *leaf);

/* cf_forest_curve_at reads a curve: straight between its knots, flat beyond them; the identity without knots. */
extern double cf_forest_curve_at(const CfForestCurve *curve, double x);

/*
 * cf_forest_calibrate fits the curves to what the trees said out of bag, and fills the out-of-bag figures. votes: a row's sums over
 * the `trees[row]` trees that left it out. work is asked for 32 bytes per row.
 */
extern bool cf_forest_calibrate(CfForest *forest, const ForestTable *table, const float *votes, const uint16_t *trees,
								CfArena *keep, CfArena *work, const CfInterrupt *interrupt, CfError *err);

/* cf_forest_probabilities turns shares of votes into calibrated probabilities, in place. */
extern void cf_forest_probabilities(const CfForest *forest, double *shares);

#endif							/* CF_FORECAST_FOREST_PRIVATE_H */
