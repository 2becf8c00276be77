/*
 * migration_change.c
 *		Another storage class at the same address: look, ask, prove; and what a crash between them leaves.
 */
#include "harness/tap.h"

#include "migration/change.h"
#include "migration/unit/migration_store.h"

static CfDriver changing;
static char present[20];		/* class that the object has */
static bool spoils;				/* the store changes the bytes with the class */
static CfChange change;
static CfDigests noted;
static uint8_t catalogued[32];
static const uint8_t *known;	/* catalogued, or NULL */
static char room[100];
static char story[200];			/* what the caller was told, in order */

static CfStep
c_stat(CfOp *o, const char *key, CfObjectStat *st)
{
	CfStep		step = m_stat(o, key, st);

	if (step == CF_STEP_DONE)
		st->storage_class = present;
	return step;
}

static CfStep
c_set_class(CfOp *o, const char *key, const char *version, const char *storage_class, char token[CF_STORAGE_COPY_TOKEN], CfObjectStat *st)
{
	Store	   *s = store_of(o->place);

	if (s->caps.class_max_bytes > 0 && strcmp(token, "2") != 0)
	{
		strcpy(token, token[0] == '\0' ? "1" : "2");
		return CF_STEP_AGAIN;
	}
	ANSWERED(o, "SetClass");
	if (strcmp(version, s->object.version) != 0)
		return store_fails(o, CF_ERR_CHANGED, "another version");
	strcpy(present, storage_class);
	strcpy(s->object.version, "s2");
	s->object.bytes[0] ^= spoils ? 1 : 0;
	return c_stat(o, key, st) == CF_STEP_SEND ? (o->phase = 0, tell(s, st), CF_STEP_DONE) : CF_STEP_DONE;
}

static bool
c_class_allowed(CfOp *o, const char *key, const char *storage_class)
{
	(void) key;
	(void) storage_class;
	return cf_error_set(&o->err, CF_ERR_UNSUPPORTED, "the store cannot do it");
}

static void
open_object(const char *storage_class)
{
	store_open(true, false, 500);
	stores[0].caps.storage_classes = true;
	changing = memory_driver;
	changing.stat = c_stat;
	changing.set_class = c_set_class;
	source.driver = &changing;
	strcpy(present, storage_class);
	spoils = false;
	noted.known = 0;
	known = NULL;
	cf_sha256(stores[0].object.bytes, stores[0].object.length, catalogued);
}

/* to changes the class as a mover does; a crash after the request leaves what was noted before it. */
static bool
to(const char *storage_class, const char *version, bool crash)
{
	CfChangeArgs args = {.place = &source, .key = KEY, .version = version, .storage_class = storage_class, .noted = &noted, .sha256 = known};
	CfDigests	kept = {0};
	CfStep		step;

	cf_error_set(&err, CF_ERR_NONE, "%s", "");
	story[0] = '\0';
	cf_change_begin(&change, &args, &move_arena);
	while ((step = cf_change_step(&change, &err)) != CF_STEP_DONE && step != CF_STEP_ERROR)
	{
		if (change.unfitted)
		{
			change.buffer = room;
			change.buffer_bytes = sizeof(room);
		}
		if (change.noted)
			kept = change.before.digests;
		if (change.beginning || change.opened)
			snprintf(story + strlen(story), sizeof(story) - strlen(story), " %s%.40s", change.beginning ? "begins" : "", change.opened ? change.token : "");
		if (step == CF_STEP_SEND)
			change.port.traffic = CF_PORT_QUIET;
		if (crash && strcmp(stores[0].object.version, "s2") == 0)
			break;
	}
	noted = kept.known != 0 ? kept : noted;
	cf_change_end(&change);
	return step == CF_STEP_DONE;
}

static void
test_changes(void)
{
	open_object("HOT");
	ok(to("COLD", "s1", false) && strcmp(present, "COLD") == 0, "a class is changed");
	is_str(story, "", "where that is one request, there is no upload to be kept");
	is_str(change.after.version, "s2", "the version that it has then is told");
	is_str(change.verified, "crc64nvme", "and the digest that is the same before and after");
	move_close();
	for (int above = 0; above < 2; above++)
	{
		open_object("HOT");
		stores[0].caps.class_max_bytes = above ? 499 : 500;
		ok(to("COLD", "s1", false), above ? "a class is changed by an upload" : "an object of the size that one request takes");
		is_str(story, above ? " begins 1 2" : " 1 2", above ? "that it begins is told first, then what aborts it" : "is not told to be an upload");
		move_close();
	}
	open_object("HOT");
	stores[0].mute = true;
	ok(to("COLD", "", false) && strcmp(change.verified, "store") == 0, "without a digest it is the store's word");
	move_close();
	open_object("COLD");
	ok(to("COLD", "s1", false) && strcmp(stores[0].object.version, "s1") == 0, "an object that has the class is left alone");
	ok(cf_change_step(&change, &err) == CF_STEP_DONE, "and is done for good");
	move_close();
	open_object("HOT");
	ok(!to("COLD", "s1", true) && noted.known != 0, "a mover dies after it has asked");
	ok(to("COLD", "s1", false) && strcmp(change.after.version, "s2") == 0, "the next one knows its doing by the digests that were noted");
	move_close();
	for (int same = 0; same < 2; same++)
	{
		open_object("HOT");
		stores[0].mute = true;
		known = catalogued;
		spoils = !same;
		ok(!to("COLD", "s1", true) && noted.known == 0, "a mover dies after it has asked a store that tells no digest");
		ok(to("COLD", "s1", false) == same && (same ? strcmp(change.verified, "readback") == 0 && strcmp(change.after.version, "s2") == 0 :
											   err.kind == CF_ERR_CHANGED && !err.retryable),
		   same ? "the next one reads the object, and knows its doing by its bytes" : "or that they are others");
		move_close();
	}
	open_object("HOT");
	stores[0].mute = true;
	to("COLD", "s1", true);
	ok(!to("COLD", "s1", false) && err.kind == CF_ERR_CHANGED && strstr(err.hint, "import_inventory") != NULL,
	   "where nothing tells whose doing it was, the hint says how to take it in");
	move_close();
}

static void
test_refuses(void)
{
	open_object("HOT");
	ok(!to("COLD", "s0", false) && err.kind == CF_ERR_CHANGED && !err.retryable, "another version than the catalogued one is not touched");
	is_str(present, "HOT", "it keeps its class");
	move_close();
	open_object("ARCHIVE");
	stores[0].archived = true;
	ok(!to("HOT", "s1", false) && err.kind == CF_ERR_STATE && change.archived, "an archived object must be restored first");
	changing.class_allowed = c_class_allowed;
	ok(!to("HOT", "s1", false) && err.kind == CF_ERR_UNSUPPORTED && !change.archived, "but not for a change that the store cannot make");
	stores[0].archived = false;
	ok(!to("HOT", "s1", false) && err.kind == CF_ERR_UNSUPPORTED, "which is refused of others, too");
	is_str(present, "ARCHIVE", "and not asked for");
	move_close();
	open_object("HOT");
	spoils = true;
	ok(!to("COLD", "s1", false) && err.kind == CF_ERR_CHANGED && !change.archived, "other bytes afterwards are an error");
	move_close();
	open_object("HOT");
	stores[0].caps.storage_classes = false;
	ok(!to("COLD", "s1", false) && err.kind == CF_ERR_UNSUPPORTED, "a place without classes says so");
	move_close();
	open_object("HOT");
	stores[0].object.there = false;
	ok(!to("COLD", "s1", false) && err.kind == CF_ERR_NOT_FOUND, "an object that is gone is not found");
	move_close();
	for (int at = 1; at <= 2; at++)
	{
		open_object("HOT");
		stores[0].fail_verb = at == 1 ? "SetClass" : "Head";
		stores[0].fail_at = at;
		stores[0].fail_kind = CF_ERR_BUSY;
		ok(!to("COLD", "s1", false) && err.kind == CF_ERR_BUSY && err.retryable, "a store that is busy is asked again later");
		stores[0].fail_verb = NULL;
		ok(to("COLD", "s1", false), "and does it then");
		move_close();
	}
}

int
main(void)
{
	test_changes();
	test_refuses();
	return done_testing();
}
