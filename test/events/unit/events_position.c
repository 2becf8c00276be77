/* A position goes to Kafka as text and comes back the same; what comes back is judged before it is continued. */
#include "tap.h"

#include "events/position.h"

static CfPosition position, back;
static char text[CF_POSITION_BYTES];
static CfError err;

static void
set(const char *published, const char *opened)
{
	memset(&position, 0, sizeof(position));
	position.system_identifier = 7293847561029384756u;
	position.timeline = 3;
	position.lsn = 0x16B374D848;
	position.events = 9007199254740993;
	snprintf(position.published, sizeof(position.published), "%s", published);
	snprintf(position.opened, sizeof(position.opened), "%s", opened);
	position.last_id = 42;
	position.replay = 5;
	position.replay_last_id = 17;
	position.highest_id = 99;
}

static void
round_trip(const char *published, const char *opened, const char *want)
{
	set(published, opened);
	if (!cf_position_encode(&position, text, &err))
		bail("%s: %s", published, err.message);
	if (want != NULL)
		is_str(text, want, "a position is written as documented");
	ok(cf_position_decode(text, position.events, &back, &err), "%s reads back", published);
	is_mem(&back, &position, sizeof(back), "%s comes back the same", published);
}

static void
test_text(void)
{
	round_trip("700:700:", "", "cf1 7293847561029384756 3 16b374d848 2bc+0 - 42 5:17 99");
	round_trip("700:720:700,703,719", "710:730:710", "cf1 7293847561029384756 3 16b374d848 2bc+14,0,3,10 2c6+14,0 42 5:17 99");
	round_trip("18446744073709551000:18446744073709551015:18446744073709551000", "", NULL);
	set("", "");
	ok(!cf_position_encode(&position, text, &err) && err.kind == CF_ERR_INPUT, "no snapshot is no position");
}

static void
test_wrong_snapshots(void)
{
	static const char *const wrong[] = {"7", "7:", "7:6:", "x:8:", "7:8", "7:9:6", "7:9:9", "7:9:8,7", "7:9:8;", "7:9:8,x", "99999999999999999999:7:"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
	{
		set(wrong[i], "");
		ok(!cf_position_encode(&position, text, &err) && err.kind == CF_ERR_INPUT, "\"%s\" is no snapshot", wrong[i]);
		set("7:8:", wrong[i]);
		ok(!cf_position_encode(&position, text, &err), "nor as the window");
	}
}

static void
test_many(void)
{
	int			fits = 0;

	for (int open = 1; open < 3000; open++)
	{
		size_t		length;

		set("", "");
		length = (size_t) snprintf(position.published, sizeof(position.published), "1000000:2000000:");
		for (int i = 0; i < open; i++)
			length += (size_t) snprintf(position.published + length, sizeof(position.published) - length, "%s%d", i ? "," : "", 1000000 + i * 7);
		if (!cf_position_encode(&position, text, &err))
			break;
		fits = open;
		if (open % 500 == 0)
			ok(cf_position_decode(text, position.events, &back, &err) && strcmp(back.published, position.published) == 0, "%d open transactions come back", open);
	}
	ok(fits > 1500, "more than 1,500 open transactions fit (%d)", fits);
	is_int(err.kind, CF_ERR_FULL, "what does not fit is refused");
	ok(err.retryable, "for the moment");
}

static void
test_wrong_texts(void)
{
	static const char *const wrong[] = {"", "cf2 1 1 1 1+0 - 0 0:0 0", "cf1", "cf1 x 1 1 1+0 - 0 0:0 0", "cf1 1 4294967296 1 1+0 - 0 0:0 0", "cf1 1 1 z 1+0 - 0 0:0 0",
		"cf1 1 1 1 1 - 0 0:0 0", "cf1 1 1 1 1+ - 0 0:0 0", "cf1 1 1 1 0+0 - 0 0:0 0", "cf1 1 1 1 1+0,0 - 0 0:0 0", "cf1 1 1 1 1+5,5 - 0 0:0 0", "cf1 1 1 1 1+5,1, - 0 0:0 0",
		"cf1 1 1 1 1+5,1- 0 0:0 0", "cf1 1 1 1 1+0 x 0 0:0 0", "cf1 1 1 1 1+0 - -1 0:0 0", "cf1 1 1 1 1+0 - 0 0", "cf1 1 1 1 1+0 - 0 0:0 0 ", "cf1 1 1 1 1+0 - 0 0:0", "cf1 1 1 1 1+0 - 0 0:0 -1", "cf1 1 1 1 1+0 - 0 0:0 9223372036854775808", "cf1 1 1 1 1+0 - 0 0:",
		"cf1 1 1 1 1+0 - 9223372036854775808 0:0 0", "cf1 1 1 1 ffffffffffffffff+1 - 0 0:0 0", "cf1 1 1 1 1+0 - 0 0:0 0x", "cf1 99999999999999999999 1 1 1+0 - 0 0:0 0"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(!cf_position_decode(wrong[i], 1, &back, &err) && err.kind == CF_ERR_INPUT, "\"%s\" is no position", wrong[i]);
	ok(!cf_position_decode("cf1 1 1 1 1+0 - 0 0:0 0", -1, &back, &err), "nor is a negative offset");
	ok(cf_position_decode("cf1 1 1 1 1+0 - 0 0:0 0", 1, &back, &err), "this one is");
}

/* judged sets up the usual case: the position goes on. */
static CfPositionHere
usual(void)
{
	set("7:8:", "");
	position.events = 100;
	return (CfPositionHere){.system_identifier = position.system_identifier, .lsn = position.lsn + 5, .timeline_end = UINT64_MAX,
		.mirror_system = position.system_identifier, .confirmed = 90, .intended = 100};
}

static void
verdict(CfVerdict want, const CfPosition *of, CfPositionHere here, const char *title)
{
	CfVerdict	got = cf_position_judge(of, &here);

	is_int(got, want, "%s", title);
	cf_position_why(got, of, &here, &err);
	if (got > CF_VERDICT_BEGIN)
		ok(err.kind == CF_ERR_STATE && err.detail[0] != '\0' && err.hint[0] != '\0', "and says why: %s", err.detail);
}

static void
test_judgement(void)
{
	CfPositionHere here = usual();

	verdict(CF_VERDICT_GO, &position, here, "the last batch went through: go on");
	position.events = 90;
	verdict(CF_VERDICT_GO, &position, here, "it did not: go on");
	here.timeline_end = position.lsn;
	verdict(CF_VERDICT_GO, &position, here, "promoted with all that was sent: go on");
	here.timeline_end = position.lsn - 1;
	verdict(CF_VERDICT_OLDER, &position, here, "promoted without the last batch: stop");
	here.timeline_end = 0;
	verdict(CF_VERDICT_OTHER_TIMELINE, &position, here, "another timeline's position: stop");
	here = usual();
	here.lsn = position.lsn - 1;
	verdict(CF_VERDICT_OLDER, &position, here, "a log that is shorter than the position: stop");
	here = usual();
	position.events = 101;
	verdict(CF_VERDICT_OLDER, &position, here, "Kafka has more than we meant to send: stop");
	position.events = 89;
	verdict(CF_VERDICT_BEHIND, &position, here, "Kafka has less than it acknowledged: stop");
	here = usual();
	here.mirror_system++;
	verdict(CF_VERDICT_OTHER_SYSTEM, &position, here, "a mirror of another cluster: stop");
	here = usual();
	position.system_identifier++;
	verdict(CF_VERDICT_OTHER_SYSTEM, &position, here, "a position of another cluster: stop");
	here = usual();
	verdict(CF_VERDICT_LOST, NULL, here, "Kafka forgot: stop");
	here.confirmed = 0;
	verdict(CF_VERDICT_BEGIN, NULL, here, "nothing was acknowledged yet: begin");
	here.restored = true;
	verdict(CF_VERDICT_RESTORED, NULL, here, "rows of another cluster, and nothing published: stop");
}

int
main(void)
{
	test_text();
	test_wrong_snapshots();
	test_many();
	test_wrong_texts();
	test_judgement();
	return done_testing();
}
