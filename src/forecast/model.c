/*
 * model.c
 *		Writing and reading the envelope of models.
 */
#include <string.h>
#include <zlib.h>

#include "forecast/model.h"

#define MAGIC "CFMODEL\n"
#define CHECKED_FROM 16

void
cf_model_put(CfModelWriter *writer, uint64_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
	{
		if (writer->bytes)
			writer->bytes[writer->length] = (unsigned char) (number >> (8 * i));
		writer->length++;
	}
}

void
cf_model_put_float(CfModelWriter *writer, float number)
{
	uint32_t	bits;

	memcpy(&bits, &number, sizeof(bits));
	cf_model_put(writer, bits, 4);
}

void
cf_model_put_double(CfModelWriter *writer, double number)
{
	uint64_t	bits;

	memcpy(&bits, &number, sizeof(bits));
	cf_model_put(writer, bits, 8);
}

void
cf_model_begin(CfModelWriter *writer, unsigned char *bytes, CfModelKind kind)
{
	writer->bytes = bytes;
	writer->length = 0;
	for (int i = 0; i < 8; i++)
		cf_model_put(writer, (unsigned char) MAGIC[i], 1);
	cf_model_put(writer, CF_MODEL_FORMAT, 2);
	cf_model_put(writer, (uint64_t) kind, 2);
	cf_model_put(writer, 0, 4);
	cf_model_put(writer, 0, 8);
}

void
cf_model_end(CfModelWriter *writer)
{
	CfModelWriter head = {writer->bytes, CHECKED_FROM};

	if (writer->bytes == NULL)
		return;
	cf_model_put(&head, writer->length, 8);
	head.length = 12;
	cf_model_put(&head, crc32_z(0, writer->bytes + CHECKED_FROM, writer->length - CHECKED_FROM), 4);
}

bool
cf_model_enough(CfModelReader *reader, uint64_t count, size_t bytes)
{
	if (reader->bad || count > reader->left / bytes)
		reader->bad = true;
	return !reader->bad;
}

uint64_t
cf_model_get(CfModelReader *reader, int bytes)
{
	uint64_t	number = 0;

	if (!cf_model_enough(reader, 1, (size_t) bytes))
		return 0;
	for (int i = 0; i < bytes; i++)
		number |= (uint64_t) reader->bytes[i] << (8 * i);
	reader->bytes += bytes;
	reader->left -= (size_t) bytes;
	return number;
}

float
cf_model_get_float(CfModelReader *reader)
{
	uint32_t	bits = (uint32_t) cf_model_get(reader, 4);
	float		number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

double
cf_model_get_double(CfModelReader *reader)
{
	uint64_t	bits = cf_model_get(reader, 8);
	double		number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

bool
cf_model_damaged(CfError *err, const char *what)
{
	cf_error_set(err, CF_ERR_INPUT, "stored model is damaged");
	return cf_error_detail(err, "%s", what);
}

bool
cf_model_open(CfModelReader *reader, const unsigned char *bytes, size_t length, CfModelKind kind, CfError *err)
{
	*reader = (CfModelReader) {bytes, length, false};
	if (length < CF_MODEL_HEAD || memcmp(bytes, MAGIC, 8) != 0)
		return cf_error_set(err, CF_ERR_INPUT, "these bytes are not a stored model");
	if (length > CF_MODEL_BYTES_MAX)
		return cf_error_set(err, CF_ERR_INPUT, "a stored model of %zu bytes is larger than %zu", length, CF_MODEL_BYTES_MAX);
	cf_model_get(reader, 8);

	unsigned	format = (unsigned) cf_model_get(reader, 2);
	unsigned	found = (unsigned) cf_model_get(reader, 2);
	uint32_t	sum = (uint32_t) cf_model_get(reader, 4);

	if (format != CF_MODEL_FORMAT)
	{
		cf_error_set(err, CF_ERR_UNSUPPORTED, "stored model has format %u, this version reads format %d", format, CF_MODEL_FORMAT);
		return cf_error_hint(err, "Train the model again, or use the version that wrote it.");
	}
	if (crc32_z(0, bytes + CHECKED_FROM, length - CHECKED_FROM) != sum)
		return cf_model_damaged(err, "Its checksum does not fit.");
	if (cf_model_get(reader, 8) != length)
		return cf_model_damaged(err, "It was cut, or something follows it.");
	if (found != (unsigned) kind)
		return cf_error_set(err, CF_ERR_UNSUPPORTED, "stored model is of kind %u, not %d", found, (int) kind);
	return true;
}
