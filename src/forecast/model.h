/*
 * model.h
 *		The envelope that every model is stored in, and the numbers inside.
 *
 *		offset	bytes
 *		0		8	"CFMODEL\n"
 *		8		2	format of the envelope and of what is inside, CF_MODEL_FORMAT
 *		10		2	kind of model, CfModelKind
 *		12		4	CRC-32 (zlib's) of all bytes from offset 16
 *		16		8	length of the whole
 *		24		…	the model, as its own file says
 *
 * Numbers are little-endian, floats IEEE 754, whatever machine writes or reads. A reader is a window that only shrinks: it never
 * reads beyond its end; once it is asked for more than is left, it gives zeros and stays bad.
 */
#ifndef CF_FORECAST_MODEL_H
#define CF_FORECAST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"

#define CF_MODEL_FORMAT 1
#define CF_MODEL_HEAD 24
#define CF_MODEL_BYTES_MAX ((size_t) 256 << 20)

typedef enum CfModelKind
{
	CF_MODEL_FOREST = 1,
	CF_MODEL_LSTM = 2
} CfModelKind;

/* A writer without bytes counts: write once to know the length, and once more to write. */
typedef struct CfModelWriter
{
	unsigned char *bytes;
	size_t		length;
} CfModelWriter;

typedef struct CfModelReader
{
	const unsigned char *bytes;
	size_t		left;
	bool		bad;
} CfModelReader;

/* cf_model_begin begins a model in bytes (NULL = only count); cf_model_end settles length and checksum. */
extern void cf_model_begin(CfModelWriter *writer, unsigned char *bytes, CfModelKind kind);
extern void cf_model_end(CfModelWriter *writer);

extern void cf_model_put(CfModelWriter *writer, uint64_t number, int bytes);
extern void cf_model_put_float(CfModelWriter *writer, float number);
extern void cf_model_put_double(CfModelWriter *writer, double number);

/*
 * cf_model_open looks at the envelope and gives a reader of what is inside. Fails with CF_ERR_INPUT (not a model, damaged, too
 * large) or CF_ERR_UNSUPPORTED (a newer format, another kind).
 */
extern bool cf_model_open(CfModelReader *reader, const unsigned char *bytes, size_t length, CfModelKind kind, CfError *err);

extern uint64_t cf_model_get(CfModelReader *reader, int bytes);
extern float cf_model_get_float(CfModelReader *reader);
extern double cf_model_get_double(CfModelReader *reader);

/* cf_model_enough tells whether so many things of so many bytes can still follow; if not the reader is bad. Ask before allocating. */
extern bool cf_model_enough(CfModelReader *reader, uint64_t count, size_t bytes);

/* cf_model_damaged is the error of a reader that went bad, or of a value that cannot be. */
extern bool cf_model_damaged(CfError *err, const char *what);

#endif							/* CF_FORECAST_MODEL_H */
