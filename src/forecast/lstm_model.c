/*
 * lstm_model.c
 *		A network as bytes, inside the envelope of model.h.
 *
 *		inputs 2, outputs 2, hidden 2, context 2, calendar 1, epochs 4, seed 8, series 8, days 8, fingerprint 8, loss 8, held loss 8
 *		weights 4 each, in the order of LstmWeights
 *
 * Inputs and outputs are what lstm_window.c and lstm_net.c say; a network that knows others is of another version. The reader takes
 * nothing for granted: whatever passes it can tell something finite and be written again, since no weight is beyond WEIGHT_MAX.
 */
#include <math.h>
#include <string.h>

#include "forecast/lstm_private.h"
#include "forecast/model.h"

#define WEIGHT_MAX 1e6f

static void
put_net(CfModelWriter *writer, unsigned char *bytes, const CfLstm *net)
{
	size_t		count = cf_lstm_weight_count(net->hidden);

	cf_model_begin(writer, bytes, CF_MODEL_LSTM);
	cf_model_put(writer, LSTM_INPUTS, 2);
	cf_model_put(writer, LSTM_OUTPUTS, 2);
	cf_model_put(writer, (uint64_t) net->hidden, 2);
	cf_model_put(writer, (uint64_t) net->context, 2);
	cf_model_put(writer, net->calendar, 1);
	cf_model_put(writer, (uint64_t) net->epochs, 4);
	cf_model_put(writer, net->seed, 8);
	cf_model_put(writer, net->series_count, 8);
	cf_model_put(writer, net->day_count, 8);
	cf_model_put(writer, net->fingerprint, 8);
	cf_model_put_double(writer, net->loss);
	cf_model_put_double(writer, net->held_loss);
	for (size_t i = 0; i < count; i++)
		cf_model_put_float(writer, net->weights[i]);
	cf_model_end(writer);
}

unsigned char *
cf_lstm_write(const CfLstm *net, CfArena *arena, size_t *length)
{
	CfModelWriter writer;
	unsigned char *bytes;

	put_net(&writer, NULL, net);
	*length = writer.length;
	bytes = cf_arena_alloc(arena, writer.length);
	if (bytes != NULL)
		put_net(&writer, bytes, net);
	return bytes;
}

static bool
get_head(CfModelReader *reader, CfLstm *net, CfError *err)
{
	unsigned	inputs = (unsigned) cf_model_get(reader, 2);
	unsigned	outputs = (unsigned) cf_model_get(reader, 2);

	net->hidden = (int) cf_model_get(reader, 2);
	net->context = (int) cf_model_get(reader, 2);
	net->calendar = cf_model_get(reader, 1) != 0;
	net->epochs = (int) cf_model_get(reader, 4);
	net->seed = cf_model_get(reader, 8);
	net->series_count = cf_model_get(reader, 8);
	net->day_count = cf_model_get(reader, 8);
	net->fingerprint = cf_model_get(reader, 8);
	net->loss = cf_model_get_double(reader);
	net->held_loss = cf_model_get_double(reader);
	if (reader->bad)
		return cf_model_damaged(err, "It ends too early.");
	if (inputs != LSTM_INPUTS || outputs != LSTM_OUTPUTS)
		return cf_error_set(err, CF_ERR_UNSUPPORTED, "stored network has %u inputs and %u outputs, this version %d and %d", inputs, outputs,
							LSTM_INPUTS, LSTM_OUTPUTS);
	if (net->hidden < 8 || net->hidden > CF_LSTM_HIDDEN_MAX || net->hidden % 8 != 0 || net->context < 14 ||
		net->context > CF_LSTM_CONTEXT_MAX || net->epochs < 0 || !isfinite(net->loss) || !isfinite(net->held_loss))
		return cf_model_damaged(err, "A size is out of range.");
	return true;
}

bool
cf_lstm_read(const unsigned char *bytes, size_t length, CfArena *arena, CfLstm *net, CfError *err)
{
	CfModelReader reader;
	size_t		count;

	memset(net, 0, sizeof(*net));
	if (!cf_model_open(&reader, bytes, length, CF_MODEL_LSTM, err) || !get_head(&reader, net, err))
		return false;
	count = cf_lstm_weight_count(net->hidden);
	if (!cf_model_enough(&reader, count, 4) || reader.left != count * 4)
		return cf_model_damaged(err, reader.bad ? "It ends too early." : "Something follows the last weight.");
	net->weights = cf_arena_alloc(arena, count * sizeof(float));
	if (net->weights == NULL)
		return cf_error_set(err, CF_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
	{
		net->weights[i] = cf_model_get_float(&reader);
		if (!(fabsf(net->weights[i]) <= WEIGHT_MAX))
			return cf_model_damaged(err, "A weight is out of range.");
	}
	return true;
}
