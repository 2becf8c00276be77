/* What a CfError holds, and what errno becomes. */
#include <errno.h>

#include "core/error.h"
#include "core/interrupt.h"
#include "harness/tap.h"

static void
test_set(void)
{
	CfError		err;
	char		huge[2048];

	ok(!cf_error_set(&err, CF_ERR_INPUT, "tier \"%s\" is unknown", "LUKEWARM"), "setting an error returns false");
	is_int(err.kind, CF_ERR_INPUT, "the kind is kept");
	is_str(err.message, "tier \"LUKEWARM\" is unknown", "the message is formatted");
	ok(!err.retryable, "wrong input is not worth another try");
	is_str(err.detail, "", "there is no detail yet");
	ok(!cf_error_detail(&err, "It has %d letters.", 8), "a detail returns false");
	ok(!cf_error_hint(&err, "Use %s.", "HOT"), "a hint returns false");
	is_str(err.detail, "It has 8 letters.", "the detail is formatted");
	is_str(err.hint, "Use HOT.", "the hint is formatted");
	cf_error_set(&err, CF_ERR_BUSY, "job is busy");
	is_str(err.detail, "", "a new error clears the detail");
	is_str(err.hint, "", "a new error clears the hint");

	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	cf_error_set(&err, CF_ERR_IO, "%s", huge);
	cf_error_detail(&err, "%s", huge);
	cf_error_hint(&err, "%s", huge);
	is_int(strlen(err.message), sizeof(err.message) - 1, "a long message is cut");
	is_int(strlen(err.detail), sizeof(err.detail) - 1, "a long detail is cut");
	is_int(strlen(err.hint), sizeof(err.hint) - 1, "a long hint is cut");
}

static void
test_retryable(void)
{
	static const bool expected[CF_ERR_KINDS] = {
		[CF_ERR_IO] = true, [CF_ERR_FULL] = true, [CF_ERR_BUSY] = true, [CF_ERR_MEMORY] = true,
	};

	for (int kind = CF_ERR_NONE; kind < CF_ERR_KINDS; kind++)
	{
		CfError		err;

		cf_error_set(&err, kind, "x");
		is_int(err.retryable, expected[kind], "%s is %sretryable", cf_error_kind_name(kind),
			   expected[kind] ? "" : "not ");
	}
}

static void
test_errno(void)
{
	static const struct
	{
		int			saved_errno;
		CfErrorKind kind;
		bool		retryable;
		bool		hint;
	}			cases[] = {
		{ENOENT, CF_ERR_NOT_FOUND, false, false},
		{EEXIST, CF_ERR_EXISTS, false, false},
		{EACCES, CF_ERR_DENIED, false, true},
		{EROFS, CF_ERR_DENIED, false, true},
		{ENOSPC, CF_ERR_FULL, true, true},
		{EFBIG, CF_ERR_FULL, false, true},
		{ENAMETOOLONG, CF_ERR_INPUT, false, true},
		{ELOOP, CF_ERR_DENIED, false, true},
		{EXDEV, CF_ERR_UNSUPPORTED, false, true},
		{ENOMEM, CF_ERR_MEMORY, true, false},
		{EBUSY, CF_ERR_BUSY, true, false},
		{EIO, CF_ERR_IO, true, false},
	};
	CfError		err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		ok(!cf_error_errno(&err, cases[i].saved_errno, "could not open file", "a/b"),
		   "%s fails", strerror(cases[i].saved_errno));
		is_int(err.kind, cases[i].kind, "… as %s", cf_error_kind_name(cases[i].kind));
		is_int(err.retryable, cases[i].retryable, "… %s", cases[i].retryable ? "worth another try" : "for good");
		is_int(err.hint[0] != '\0', cases[i].hint, "… %s a hint", cases[i].hint ? "with" : "without");
	}
	cf_error_errno(&err, ENOENT, "could not open file", "a/b");
	is_str(err.message, "could not open file \"a/b\": No such file or directory", "the system's own words are in the message");
}

static void
test_names(void)
{
	is_str(cf_error_kind_name(CF_ERR_NOT_FOUND), "not_found", "a kind has a stable name");
	is_str(cf_error_kind_name(CF_ERR_KINDS), "unknown", "a number that is no kind is unknown");
	is_str(cf_error_kind_name((CfErrorKind) -1), "unknown", "so is a negative one");
}

static int	asked;

static bool
yes(void *ctx)
{
	asked++;
	return ctx != NULL;
}

#ifdef CF_TEST
static bool
fail_there(const char *name, CfError *err)
{
	if (strcmp(name, "there") != 0)
		return false;
	cf_error_set(err, CF_ERR_IO, "fault %s", name);
	return true;
}
#endif

static void
test_interrupt(void)
{
	CfInterrupt never = {NULL, NULL};
	CfInterrupt quiet = {yes, NULL};
	CfInterrupt loud = {yes, &asked};
	CfError		err;

	ok(!cf_interrupt_wanted(NULL), "no interrupt is never wanted");
	ok(!cf_interrupt_wanted(&never), "an interrupt without callback is never wanted");
	ok(!cf_interrupt_wanted(&quiet), "the callback may say no");
	ok(cf_interrupt_wanted(&loud), "the callback may say yes");
	is_int(asked, 2, "it is asked each time");
	ok(!CF_FAULT("there", &err), "a fault point does nothing by itself");
#ifdef CF_TEST
	cf_fault_hook = fail_there;
	ok(CF_FAULT("there", &err), "a fault point fails when it is told to");
	is_str(err.message, "fault there", "… and says so");
	ok(!CF_FAULT("elsewhere", &err), "other points go on");
	cf_fault_hook = NULL;
#endif
}

int
main(void)
{
	test_set();
	test_retryable();
	test_errno();
	test_names();
	test_interrupt();
	return done_testing();
}
