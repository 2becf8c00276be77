/*
 * core.h
 *		What every room may use of core beside its kernels: the name says what each header owns.
 */
#ifndef CF_CORE_CORE_H
#define CF_CORE_CORE_H

#include <stdbool.h>

/*
 * The number of the interface between the SQL of an installed version and the library. New SQL on an old
 * library fails (the server still runs the old file); old SQL on a newer library works. It grows when a
 * C symbol is added that released SQL names.
 */
#define CF_ABI 1

extern void cf_core_init(void);

/* cf_core_new_id writes the next identifier of this session, with a closing NUL: what new_id() gives (CF_ID_LEN, core/id.h). */
extern void cf_core_new_id(char *out);

/*
 * CF_ABI_CHECK() begins every SQL-callable C function (validators excepted): it fails with 55000 when the
 * SQL is newer than the library. The answer is cached until a function of the database changes.
 */
extern bool cf_abi_checked;
extern void cf_abi_check(void);

#define CF_ABI_CHECK() \
	do { \
		if (!cf_abi_checked) \
			cf_abi_check(); \
	} while (0)

#endif							/* CF_CORE_CORE_H */
