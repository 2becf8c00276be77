/*
 * position.c
 *		The text of a position in Kafka, and the judgement over it.
 *
 *		cf1 SYSTEM TIMELINE LSN PUBLISHED OPENED LASTID REPLAY:REPLAYLASTID HIGHESTID
 *
 * Numbers are hexadecimal but for the identifier, timeline and ids. A snapshot is XMIN+SPAN,GAP,GAP…: its xmin, how far its xmax
 * lies beyond, and the open transactions, each as the distance from the one before (the first from xmin). OPENED is "-" when no
 * window is open. Open transactions lie close together, so that a thousand of them fit where their numbers would not.
 *
 * The broker takes any offset and any text, older ones too: what comes back is judged, not believed.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/position.h"

#define REBASE_HINT "Find out what happened, then SELECT cloudflux.rebase_events('now') to go on with what is written from now on, or 'mirror' to go on where this database believes it was."

/* A text that is written or read piece by piece. */
typedef struct Out
{
	char	   *at;
	size_t		left;
} Out;

static bool
put_piece(Out *out, const char *prefix, uint64_t number, bool hexadecimal)
{
	int			length = hexadecimal ? snprintf(out->at, out->left, "%s%" PRIx64, prefix, number)
		: snprintf(out->at, out->left, "%s%" PRIu64, prefix, number);

	if (length < 0 || (size_t) length >= out->left)
		return false;
	out->at += length;
	out->left -= (size_t) length;
	return true;
}

/* take_number reads an unsigned number and the character after it. */
static bool
take_number(const char **text, int base, char after, uint64_t *number)
{
	char	   *end;

	if (!isxdigit((unsigned char) **text))
		return false;
	errno = 0;
	*number = strtoull(*text, &end, base);
	if (errno != 0 || *end != after)
		return false;
	*text = after == '\0' ? end : end + 1;
	return true;
}

/* take_decimal reads a decimal number, and leaves text behind it. */
static bool
take_decimal(const char **text, uint64_t *number)
{
	char	   *end;

	if (!isdigit((unsigned char) **text))
		return false;
	errno = 0;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

/* put_snapshot packs "xmin:xmax:xip,xip"; *full tells that it was one, but did not fit. */
static bool
put_snapshot(Out *out, const char *snapshot, bool *full)
{
	uint64_t	xmin,
				xmax,
				before,
				xip;

	if (!take_decimal(&snapshot, &xmin) || *snapshot++ != ':' || !take_decimal(&snapshot, &xmax) || *snapshot++ != ':' || xmax < xmin)
		return false;
	*full = !put_piece(out, " ", xmin, true) || !put_piece(out, "+", xmax - xmin, true);
	before = xmin;
	while (*snapshot != '\0' && !*full)
	{
		if (!take_decimal(&snapshot, &xip) || xip < before || xip >= xmax)
			return false;
		*full = !put_piece(out, ",", xip - before, true);
		before = xip;
		if (*snapshot == ',')
			snapshot++;
		else if (*snapshot != '\0')
			return false;
	}
	return !*full;
}

bool
cf_position_encode(const CfPosition *position, char text[CF_POSITION_BYTES], CfError *err)
{
	Out			out = {text, CF_POSITION_BYTES};
	bool		full = false;

	if (put_piece(&out, "cf1 ", position->system_identifier, false) && put_piece(&out, " ", position->timeline, false) &&
		put_piece(&out, " ", position->lsn, true) && put_snapshot(&out, position->published, &full))
	{
		bool		good = position->opened[0] != '\0' ? put_snapshot(&out, position->opened, &full) : true;

		if (good && position->opened[0] == '\0')
		{
			full = out.left < 3;
			if (!full)
			{
				memcpy(out.at, " -", 3);
				out.at += 2;
				out.left -= 2;
			}
		}
		if (good && !full)
		{
			full = !put_piece(&out, " ", (uint64_t) position->last_id, false) ||
				!put_piece(&out, " ", (uint64_t) position->replay, false) ||
				!put_piece(&out, ":", (uint64_t) position->replay_last_id, false) ||
				!put_piece(&out, " ", (uint64_t) position->highest_id, false);
			if (!full)
				return true;
		}
	}
	if (!full)
		return cf_error_set(err, CF_ERR_INPUT, "no snapshot of the server to remember");
	cf_error_set(err, CF_ERR_FULL, "too many transactions are open to remember which");
	cf_error_detail(err, "Kafka keeps at most %d bytes with a position.", CF_POSITION_BYTES - 1);
	return cf_error_hint(err, "Publishing goes on by itself when fewer transactions that write are open at a time.");
}

/* take_snapshot unpacks one that ends at a blank into the server's form. */
static bool
take_snapshot(const char **text, char *snapshot)
{
	Out			out = {snapshot, CF_SNAPSHOT_BYTES};
	uint64_t	xmin,
				span,
				gap,
				xip;
	const char *separator = ":";

	if (!take_number(text, 16, '+', &xmin) || !isxdigit((unsigned char) **text))
		return false;
	span = strtoull(*text, (char **) text, 16);
	if (xmin == 0 || span > UINT64_MAX - xmin || !put_piece(&out, "", xmin, false) || !put_piece(&out, ":", xmin + span, false))
		return false;
	xip = xmin;
	while (**text == ',')
	{
		(*text)++;
		if (!isxdigit((unsigned char) **text))
			return false;
		gap = strtoull(*text, (char **) text, 16);
		if (gap >= span - (xip - xmin))
			return false;
		xip += gap;
		if (!put_piece(&out, separator, xip, false))
			return false;
		separator = ",";
	}
	if (*separator == ':')
	{
		if (out.left < 2)
			return false;
		memcpy(out.at, ":", 2);
	}
	return *(*text)++ == ' ';
}

static bool
take_id(const char **text, char after, int64_t *id)
{
	uint64_t	number;

	if (!take_number(text, 10, after, &number) || number > INT64_MAX)
		return false;
	*id = (int64_t) number;
	return true;
}

bool
cf_position_decode(const char *text, int64_t events, CfPosition *position, CfError *err)
{
	const char *whole = text;
	uint64_t	timeline = 0;
	bool		good = strncmp(text, "cf1 ", 4) == 0 && events >= 0 && strlen(text) < CF_POSITION_BYTES;

	memset(position, 0, sizeof(*position));
	position->events = events;
	text += good ? 4 : 0;
	good = good && take_number(&text, 10, ' ', &position->system_identifier) && take_number(&text, 10, ' ', &timeline) &&
		timeline <= UINT32_MAX && take_number(&text, 16, ' ', &position->lsn) && take_snapshot(&text, position->published);
	if (good && strncmp(text, "- ", 2) == 0)
		text += 2;
	else
		good = good && take_snapshot(&text, position->opened);
	good = good && take_id(&text, ' ', &position->last_id) && take_id(&text, ':', &position->replay) &&
		take_id(&text, ' ', &position->replay_last_id) && take_id(&text, '\0', &position->highest_id);
	position->timeline = (uint32_t) timeline;
	if (good)
		return true;
	cf_error_set(err, CF_ERR_INPUT, "publishing to Kafka has stopped: the position there is not one of cloudflux");
	cf_error_hint(err, REBASE_HINT);
	return cf_error_detail(err, "It says \"%.100s\" at offset %" PRId64 ".", whole, events);
}

CfVerdict
cf_position_judge(const CfPosition *position, const CfPositionHere *here)
{
	if (position == NULL && here->confirmed == 0)
		return here->restored ? CF_VERDICT_RESTORED : CF_VERDICT_BEGIN;
	if (here->mirror_system != here->system_identifier)
		return CF_VERDICT_OTHER_SYSTEM;
	if (position == NULL)
		return CF_VERDICT_LOST;
	if (position->system_identifier != here->system_identifier)
		return CF_VERDICT_OTHER_SYSTEM;
	if (here->timeline_end == 0)
		return CF_VERDICT_OTHER_TIMELINE;
	if (position->lsn > here->timeline_end || position->lsn > here->lsn)
		return CF_VERDICT_OLDER;
	/* A database writes down what it is about to send before it does: Kafka has that, or what was before. */
	if (position->events == here->confirmed || position->events == here->intended)
		return CF_VERDICT_GO;
	return position->events < here->confirmed ? CF_VERDICT_BEHIND : CF_VERDICT_OLDER;
}

void
cf_position_why(CfVerdict verdict, const CfPosition *position, const CfPositionHere *here, CfError *err)
{
	long long	at = position != NULL ? (long long) position->events : 0;

	cf_error_set(err, CF_ERR_STATE, "publishing to Kafka has stopped");
	cf_error_hint(err, REBASE_HINT);
	switch (verdict)
	{
		case CF_VERDICT_LOST:
			cf_error_detail(err, "Kafka has no position any more, but had acknowledged %lld events: the group or the progress topic was deleted, or has expired.",
							(long long) here->confirmed);
			break;
		case CF_VERDICT_RESTORED:
			cf_error_detail(err, "This database holds events that another one has written, and none of its own was published yet: it was restored from a dump.");
			break;
		case CF_VERDICT_OTHER_SYSTEM:
			cf_error_detail(err, "The position belongs to another cluster (system identifier %llu, here %llu): this one was upgraded or copied.",
							(unsigned long long) (position != NULL && position->system_identifier != here->system_identifier
												  ? position->system_identifier : here->mirror_system), (unsigned long long) here->system_identifier);
			break;
		case CF_VERDICT_OTHER_TIMELINE:
			cf_error_detail(err, "The position (%lld events) was written on timeline %u, which is not in the history of this server: another server publishes, or has published.",
							at, position->timeline);
			break;
		case CF_VERDICT_OLDER:
			cf_error_detail(err, "The position (%lld events, written at %X/%X) lies beyond what this database knows (%lld events): it was restored from a backup, or lost transactions at a failover.",
							at, (unsigned) (position->lsn >> 32), (unsigned) position->lsn, (long long) here->intended);
			break;
		case CF_VERDICT_BEHIND:
			cf_error_detail(err, "Kafka's position is %lld events, but it had acknowledged %lld: Kafka has lost data, or was restored.",
							at, (long long) here->confirmed);
			break;
		default:
			cf_error_set(err, CF_ERR_NONE, "the position may be continued");
			break;
	}
}
